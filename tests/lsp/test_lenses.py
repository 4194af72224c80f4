"""Lenses tell what the shown net costs, and show another variant."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("pygls", reason="the language server is an extra")

from lsprotocol import types as lsp

import netspec
from netspec.lsp.hover import hover
from netspec.lsp.lenses import lenses
from netspec.lsp.reading import LiveText
from tests.lsp.editor import MODERN, ROOT, Editor, editor

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


SPEC = """\
input: [3]
variants: {small: {n: 4}, large: {n: 40}}
layers: [Linear: n]
"""


async def pressed(it: Editor, title: str, nth: int) -> Any:
    lenses = await it.client.text_document_code_lens_async(lsp.CodeLensParams(it.document)) or []
    commands = [lens.command for lens in lenses if lens.command is not None]
    command = [command for command in commands if command.title == title][nth]
    return await it.client.workspace_execute_command_async(
        lsp.ExecuteCommandParams(command.command, list(command.arguments or ()))
    )


@pytest.mark.slow
def test_a_table_and_a_page_are_given_to_a_client_that_takes_them() -> None:
    async def scenario() -> None:
        async with editor(options={"results": True}) as it:
            it.open(SPEC)
            await it.settled()
            table = await pressed(it, "compile", 1)
            assert (table["kind"], table["title"]) == ("table", "spec.yaml large")
            assert table["text"].rstrip() == str(
                netspec.summary(netspec.loads(SPEC, "spec.yaml", variant="large"), width=120)
            )
            page = await pressed(it, "draw", 0)
            assert page["kind"] == "page" and page["text"].startswith("<!doctype html>") and "16" in page["text"]
            it.edit(len(it.text), len(it.text), "  # wrong\nnothing: 1\n")
            wrong = await pressed(it, "compile", 0)
            assert "error[unknown-key]" in wrong["text"] and wrong["title"] == "spec.yaml small"
            run = lsp.ExecuteCommandParams("netspec.draw", [it.document.uri, "none"])
            with pytest.raises(Exception, match="there is no variant `none`"):
                await it.client.workspace_execute_command_async(run)
            run = lsp.ExecuteCommandParams("netspec.draw", ["file:///etc/passwd", None])
            assert await it.client.workspace_execute_command_async(run) is None

    asyncio.run(scenario())


def test_a_page_is_shown_by_a_client_that_shows_documents_and_is_gone_with_the_server() -> None:
    capabilities = deepcopy(MODERN)
    capabilities.window = lsp.WindowClientCapabilities(show_document=lsp.ShowDocumentClientCapabilities(support=True))
    files: list[Path] = []

    async def scenario() -> None:
        async with editor(capabilities=capabilities) as it:
            it.open("input: [3]\nlayers: [Linear: 4]\n")
            await it.settled()
            assert await pressed(it, "draw", 0) is None
            assert await pressed(it, "compile", 0) is None
            page, table = it.shown
            assert (page.external, table.external) == (True, False)
            files.extend(Path(unquote(urlsplit(shown.uri).path)) for shown in it.shown)
            assert files[0].read_text(encoding="utf-8").startswith("<!doctype html>")
            assert "Linear 4" in files[1].read_text(encoding="utf-8")

    asyncio.run(scenario())
    assert files and not any(file.exists() for file in files)


def test_the_cost_of_a_network_that_is_wrong_is_told_as_far_as_it_is_known() -> None:
    spec = "input: [8, 16]\nlayers:\n  - attend: [[Flatten], [Linear: 16], [Linear: 16]]\n    heads: 4\n"
    text = LiveText("spec.yaml", spec)
    assert text.net is not None and text.found
    assert [lens.command.title for lens in lenses(text, "u", makes=False) if lens.command] == ["544 parameters, ? MACs"]
    assert hover(text, lsp.Position(2, 6)) is not None


@pytest.mark.slow
def test_who_would_see_nothing_of_it_is_offered_none() -> None:
    async def scenario() -> None:
        async with editor() as it:
            it.open(SPEC)
            await it.settled()
            lenses = await it.client.text_document_code_lens_async(lsp.CodeLensParams(it.document)) or []
            assert [lens.command.title for lens in lenses if lens.command is not None][1:] == ["is shown", "show"]

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


async def titles_of(it: Editor) -> list[str]:
    found = await it.client.text_document_code_lens_async(lsp.CodeLensParams(it.document)) or []
    return [lens.command.title for lens in found if lens.command is not None]


@pytest.mark.slow
def test_what_is_a_network_without_a_variant_is_shown_compiled_and_drawn_again() -> None:
    async def scenario() -> None:
        async with editor(options={"results": True}) as it:
            it.open("input: [3]\nvars: {n: 5}\nvariants: {large: {vars: {n: 40}}}\nlayers: [Linear: n]\n")
            await it.settled()
            await pressed(it, "show", 0)
            assert "large: 160 parameters, 120 MACs" in await titles_of(it)
            assert "1 layer" in (made := await pressed(it, "compile", 0))["text"] and "Linear 5" in made["text"]
            await pressed(it, "show without a variant", 0)
            titles = await titles_of(it)
            assert "20 parameters, 15 MACs" in titles and "show without a variant" not in titles

    asyncio.run(scenario())
