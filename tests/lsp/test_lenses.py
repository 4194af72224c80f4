"""Lenses tell what the shown net costs, and show another variant."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("pygls", reason="the language server is an extra")

from lsprotocol import types as lsp

import netspec
from tests.lsp.editor import ROOT, editor

RESNET = ROOT / "specs" / "torchvision" / "resnet.yaml"


def test_another_variant_is_shown_by_the_lens_above_it() -> None:
    async def scenario() -> None:
        async with editor() as it:
            it.open(RESNET.read_text(encoding="utf-8"))
            await it.settled()
            asked = lsp.CodeLensParams(it.document)
            for variant in ("resnet18", "resnet50"):
                lenses = await it.client.text_document_code_lens_async(asked) or []
                titles = [lens.command.title for lens in lenses if lens.command is not None]
                net = netspec.load(RESNET, variant=variant)
                assert f"{variant}: {net.params:,} parameters, {net.macs:,} MACs" in titles
                assert len(lenses) == 11
                commands = [lens.command for lens in lenses if lens.command is not None]
                show = next(command for command in commands if "resnet50" in (command.arguments or ()))
                await it.client.workspace_execute_command_async(
                    lsp.ExecuteCommandParams(show.command, list(show.arguments or ()))
                )

    asyncio.run(scenario())


def test_a_rename_that_says_something_else_is_refused_in_words() -> None:
    async def scenario() -> None:
        async with editor() as it:
            it.open("input: [3]\nvars: {a: 4, b: 5}\nlayers:\n  - Linear: a\n  - Linear: b\n")
            await it.settled()
            asked = lsp.RenameParams(it.document, lsp.Position(1, 7), "c")
            edit = await it.client.text_document_rename_async(asked)
            assert edit is not None and edit.changes is None and edit.document_changes is not None
            (change,) = edit.document_changes
            assert isinstance(change, lsp.TextDocumentEdit) and change.text_document.version == 1
            assert [e.range.start.line for e in change.edits] == [1, 3]
            asked.new_name = "b"
            with pytest.raises(Exception, match="the spec would say something else"):
                await it.client.text_document_rename_async(asked)

    asyncio.run(scenario())
