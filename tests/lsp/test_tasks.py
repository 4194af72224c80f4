"""What the server and its second process send each other arrives as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("lsprotocol", reason="the language server is an extra")

from netspec.compiler import check_source
from netspec.lsp.tasks import LENGTH, CheckAnswer, Task, answer_of, packed, task_of
from netspec.text.source import decode

ROOT = Path(__file__).parent.parent.parent
SPECS = sorted((ROOT / "tests" / "specs" / "bad").glob("*.yaml"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_finding_with_its_mends_arrives_as_it_was(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    sent = CheckAnswer(check_source(*decode(text.encode(), "a \N{GRINNING FACE}.yaml")), 0.25, True, text)
    data = packed(sent)
    assert LENGTH.unpack(data[: LENGTH.size]) == (len(data) - LENGTH.size,)
    assert answer_of(data[LENGTH.size :]) == sent


@pytest.mark.parametrize("task", [Task("a.yaml", "input: [4]\n"), Task("a\n.yaml", "\ud800 \N{GRINNING FACE}", True)])
def test_a_task_arrives_as_it_was(task: Task) -> None:
    assert task_of(packed(task)[LENGTH.size :]) == task
