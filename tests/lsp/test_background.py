"""What goes on behind the typing: the second process that dies, and what is told of variants that are not shown."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

pytest.importorskip("pygls", reason="the language server is an extra")

from netspec.lsp.background import Background
from netspec.lsp.tasks import CheckAnswer, Task
from tests.lsp.editor import ROOT, editor

RESNET = ROOT / "specs" / "torchvision" / "resnet.yaml"
WRONG = "input: [3]\nlayers:\n  - Linera: 4\n"


async def _answers(deaths: int) -> list[CheckAnswer | None]:
    """The answers to a task, whose first processes are killed as soon as they are begun."""
    background = Background([])
    answers: list[CheckAnswer | None] = []
    done = asyncio.Event()

    def take(answer: CheckAnswer | None) -> None:
        answers.append(answer)
        if answer is None or answer.mends:
            done.set()

    background.ask("a", Task("spec.yaml", WRONG), take)
    killed: set[int] = set()
    while len(killed) < deaths:
        await asyncio.sleep(0.005)
        process = background._process
        if process is not None and process.pid not in killed:
            killed.add(process.pid)
            os.kill(process.pid, signal.SIGKILL)
    await asyncio.wait_for(done.wait(), 60)
    await background.close()
    return answers


def test_a_process_that_ends_in_the_midst_is_begun_anew_and_its_task_is_done() -> None:
    answers = asyncio.run(_answers(1))
    assert answers[-1] is not None and answers[-1].mends
    assert [d.fix is not None and d.fix.certain for d in answers[-1].found] == [True]


def test_a_task_that_ends_two_processes_is_answered_with_nothing() -> None:
    assert asyncio.run(_answers(2)) == [None]


@pytest.mark.slow
def test_what_other_variants_are_warned_of_stays_while_typing() -> None:
    text = RESNET.read_text(encoding="utf-8")
    old = "  wide_resnet101_2: {"
    text = text.replace(old, old + "input: [3, 224], ", 1)

    async def scenario() -> None:
        async with editor() as it:
            it.open(text)
            settled = await it.settled()
            errors = [d.code for d in settled]
            assert errors, "the variant that is not shown has mistakes"
            line = it.text.index("variants:")
            told = len(it.published)
            it.edit(line, line, "# one more line\n")
            await it.settled()
            for published in it.published[told:]:
                assert [d.code for d in published.diagnostics] == errors
                lines = [d.range.start.line - 1 for d in published.diagnostics]
                assert lines == [d.range.start.line for d in settled]

    asyncio.run(scenario())
