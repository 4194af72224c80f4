"""The server over its wire, by a real client: what is told while typing is what `netspec check` says."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("pygls", reason="the language server is an extra")

from lsprotocol import types as lsp

from netspec.compiler import check_source
from netspec.lsp.findings import told
from netspec.lsp.positions import readable
from netspec.text.source import decode
from tests.lsp.editor import ROOT, Editor, applied, editor, position, random_edit

SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
WRONG = """\
input: [3, 28, 28]  # 😀
layers:
  - Conv2d: {out_channels: 6, kernel_size: 5}
  - Flatten
  - Linear: {in_features: 3, out_features: 10}
"""


def expected(text: str) -> Counter[tuple[str, tuple[int, ...], int, str]]:
    """What `netspec check` says of a text: code, range in units of UTF-16, severity, words."""
    source, problems = decode(readable(text).encode(), "spec.yaml")
    severities = {"error": 1, "warning": 2, "note": 3}
    found: Counter[tuple[str, tuple[int, ...], int, str]] = Counter()
    for d in check_source(source, problems):
        start = position(source.text, source.offset(d.span.line, d.span.column))
        end = position(source.text, source.offset(d.span.end_line, d.span.end_column))
        found[d.code, (start.line, start.character, end.line, end.character), severities[d.severity], told(d)] += 1
    return found


def as_told(found: list[lsp.Diagnostic]) -> Counter[tuple[str, tuple[int, ...], int, str]]:
    return Counter(
        (
            str(d.code),
            (d.range.start.line, d.range.start.character, d.range.end.line, d.range.end.character),
            int(d.severity or 0),
            d.message,
        )
        for d in found
    )


def test_findings_are_told_with_the_version_of_their_text_and_taken_back_once_mended() -> None:
    async def scenario() -> None:
        async with editor() as it:
            it.open(WRONG)
            (found,) = await it.settled()
            assert (found.code, found.severity) == ("width-mismatch", lsp.DiagnosticSeverity.Error)
            assert found.related_information is not None
            assert found.related_information[0].message == "`Flatten` gives 3456 = 6 × 24 × 24"
            at = it.text.index("3, out")
            it.edit(at, at + 1, "3456")
            assert await it.settled() == []
            assert it.published[-1].version == 2
            it.close()

    asyncio.run(scenario())


def test_a_quick_fix_is_the_mend_of_check_and_all_of_them_are_one_action() -> None:
    async def scenario() -> None:
        async with editor() as it:
            it.open(WRONG.replace("Flatten", "Flaten"))
            await it.settled()
            everywhere = lsp.Range(lsp.Position(0, 0), lsp.Position(9, 0))
            asked = lsp.CodeActionParams(it.document, everywhere, lsp.CodeActionContext([]))
            actions = await it.client.text_document_code_action_async(asked)
            assert actions is not None
            quick = [a for a in actions if isinstance(a, lsp.CodeAction) and a.kind == "quickfix"]
            assert [(a.title, a.is_preferred) for a in quick] == [("Write `Flatten`", True)]
            whole = next(a for a in actions if isinstance(a, lsp.CodeAction) and a.kind == "source.fixAll.netspec")
            mended = await it.client.code_action_resolve_async(whole)
            assert applied(it.text, mended.edit) == WRONG.replace("in_features: 3,", "in_features: 3456,")
            asked.context.only = ["source.fixAll"]
            (only,) = await it.client.text_document_code_action_async(asked) or []
            assert only.title == whole.title

    asyncio.run(scenario())


def test_hints_follow_the_settings_and_stay_where_a_text_cannot_be_read() -> None:
    async def scenario() -> None:
        async with editor(options={"hints": {"parameters": True}}) as it:
            it.open(WRONG.replace("in_features: 3, ", ""))
            await it.settled()
            everywhere = lsp.InlayHintParams(it.document, lsp.Range(lsp.Position(0, 0), lsp.Position(9, 0)))
            hints = await it.client.text_document_inlay_hint_async(everywhere) or []
            assert [(h.position.line, h.label) for h in hints] == [
                (2, "→ 6 × 24 × 24  456 params"),
                (3, "→ 3456"),
                (4, "→ 10  34,570 params"),
            ]
            it.edit(len(it.text), len(it.text), "  - Linear: {")
            kept = await it.client.text_document_inlay_hint_async(everywhere) or []
            assert [(h.position.line, h.label) for h in kept] == [(h.position.line, h.label) for h in hints]

    asyncio.run(scenario())


def test_hover_tells_the_shape_and_why() -> None:
    async def scenario() -> None:
        async with editor() as it:
            it.open(WRONG)
            hovered = await it.client.text_document_hover_async(lsp.HoverParams(it.document, lsp.Position(3, 6)))
            assert hovered is not None and isinstance(hovered.contents, lsp.MarkupContent)
            assert "6 × 24 × 24 → 3456" in hovered.contents.value
            assert "3456 = 6 × 24 × 24" in hovered.contents.value
            assert await it.client.text_document_hover_async(lsp.HoverParams(it.document, lsp.Position(0, 21))) is None

    asyncio.run(scenario())


async def edited(it: Editor, rng: random.Random, edits: int) -> int:
    """Make random edits of random specs; after some of them, hold what is told against `netspec check`. Returns how
    many texts were compared."""
    texts = [path.read_text(encoding="utf-8") for path in SPECS if path.stat().st_size < 4000]
    compared = 0
    for number in range(edits):
        if number % 10 == 0:
            if it.version:
                it.close()
            it.open(rng.choice(texts))
        it.edit(*random_edit(rng, it.text, texts))
        if rng.random() < 0.5:
            assert as_told(await it.settled()) == expected(it.text), it.text
            compared += 1
        await _asked(it, rng.randrange(len(it.text) + 1))
    return compared


async def _asked(it: Editor, offset: int) -> None:
    """Ask for all that an editor asks for at a place; an answer that is an error is raised."""
    at = position(it.text, offset)
    end = position(it.text, len(it.text))
    await it.client.text_document_hover_async(lsp.HoverParams(it.document, at))
    await it.client.text_document_completion_async(lsp.CompletionParams(it.document, at))
    await it.client.text_document_definition_async(lsp.DefinitionParams(it.document, at))
    await it.client.text_document_document_symbol_async(lsp.DocumentSymbolParams(it.document))
    await it.client.text_document_folding_range_async(lsp.FoldingRangeParams(it.document))
    await it.client.text_document_code_lens_async(lsp.CodeLensParams(it.document))
    await it.client.text_document_inlay_hint_async(lsp.InlayHintParams(it.document, lsp.Range(lsp.Position(0, 0), end)))


@pytest.mark.slow
def test_after_random_edits_what_is_told_is_what_check_says() -> None:
    """`python -m tests.lsp.random_edits 2000` makes more of them."""

    async def scenario() -> None:
        async with editor() as it:
            assert await edited(it, random.Random(7), 60) > 20

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_plugin_that_a_spec_names_is_not_loaded(tmp_path: Path) -> None:
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n", encoding="utf-8")

    async def scenario() -> None:
        async with editor(options={"plugin": ["trap"], "netspec": {"plugins": ["trap"]}}) as it:
            it.open("plugins: [trap]\n" + WRONG)
            await it.settled()

    asyncio.run(scenario())
    assert not (tmp_path / "sprung").exists()


def test_a_question_that_is_taken_back_once_answered_fills_no_log() -> None:
    calls: list[dict[str, object]] = [
        {"id": 1, "method": "initialize", "params": {"capabilities": {}}},
        {"method": "$/cancelRequest", "params": {"id": 1}},
        {"id": 2, "method": "shutdown"},
    ]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-m", "netspec", "lsp"], cwd=ROOT, **pipes) as server:
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(b"".join(map(packed, calls)))
        server.stdin.flush()
        answers: set[object] = set()
        while 2 not in answers:
            length = int(server.stdout.readline().partition(b":")[2])
            while server.stdout.readline().strip():
                pass
            answers.add(json.loads(server.stdout.read(length)).get("id"))
        _, log = server.communicate(packed({"method": "exit"}), timeout=60)
    assert 1 in answers
    assert log.decode() == ""


def packed(call: dict[str, object]) -> bytes:
    """A message as it is on the wire."""
    body = json.dumps({"jsonrpc": "2.0"} | call).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def test_without_its_extra_the_command_says_how_to_install_it(tmp_path: Path) -> None:
    code = "import sys; sys.modules['pygls'] = None; sys.argv[1:] = ['lsp']; from netspec.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert ended.returncode == 3
    assert "the language server needs pygls" in ended.stderr and "[lsp]" in ended.stderr
