"""What a client has not declared it is not sent: edits, actions and promises by what it said that it takes."""

from __future__ import annotations

import asyncio
from copy import deepcopy

import pytest

pytest.importorskip("pygls", reason="the language server is an extra")

from lsprotocol import types as lsp

from tests.lsp.editor import BARE, MODERN, URI, Editor, applied, editor

WRONG = "input: [3]\nlayers:\n  - Linera: 4\n  - Relu\n"
MENDED = "input: [3]\nlayers:\n  - Linear: 4\n  - ReLU\n"
EVERYWHERE = lsp.Range(lsp.Position(0, 0), lsp.Position(9, 0))


async def actions(it: Editor, where: lsp.Range = EVERYWHERE) -> list[lsp.CodeAction | lsp.Command]:
    asked = lsp.CodeActionParams(it.document, where, lsp.CodeActionContext([]))
    return list(await it.client.text_document_code_action_async(asked) or [])


def test_a_client_that_takes_no_versions_is_sent_changes_and_no_promises() -> None:
    capabilities = deepcopy(MODERN)
    assert capabilities.text_document is not None and capabilities.text_document.code_action is not None
    capabilities.workspace = None
    action = capabilities.text_document.code_action
    action.data_support, action.is_preferred_support, action.resolve_support = None, None, None

    async def scenario() -> None:
        async with editor(capabilities=capabilities) as it:
            it.open(WRONG)
            await it.settled()
            *quick, whole = await actions(it)
            for each in (*quick, whole):
                assert isinstance(each, lsp.CodeAction)
                assert (each.data, each.is_preferred) == (None, None)
                assert each.edit is not None and each.edit.document_changes is None and each.edit.changes is not None
            assert isinstance(whole, lsp.CodeAction) and whole.kind == "source.fixAll.netspec"
            assert applied(WRONG, whole.edit) == MENDED

    asyncio.run(scenario())


def test_a_client_that_knows_no_actions_is_sent_commands_that_have_the_edit_made() -> None:
    capabilities = lsp.ClientCapabilities(workspace=lsp.WorkspaceClientCapabilities(apply_edit=True))

    async def scenario() -> None:
        async with editor(capabilities=capabilities) as it:
            assert it.able is not None and it.able.code_action_provider is True
            it.open(WRONG)
            await it.settled()
            line = lsp.Range(lsp.Position(3, 4), lsp.Position(3, 4))
            (command,) = await actions(it, line)
            assert isinstance(command, lsp.Command) and command.title == "Write `ReLU`"
            run = lsp.ExecuteCommandParams(command.command, list(command.arguments or ()))
            await it.client.workspace_execute_command_async(run)
            await actions(it)  # an answer behind the request to apply the edit
            (edit,) = it.applied
            assert edit.changes is not None and [e.new_text for e in edit.changes[URI]] == ["ReLU"]
            assert run.arguments is not None
            run.arguments[1] = 0
            await it.client.workspace_execute_command_async(run)  # of another version of the text
            await actions(it)
            assert len(it.applied) == 1

    asyncio.run(scenario())


def test_a_client_that_can_do_nothing_is_sent_nothing_of_the_kind() -> None:
    async def scenario() -> None:
        async with editor(capabilities=BARE) as it:
            it.open(WRONG)
            assert len(await it.settled()) == 2
            assert await actions(it) == []
            assert it.able is not None and it.able.rename_provider is True
            it.open("input: [3]\nvars: {a: 4}\nlayers:\n  - Linear: a\n")
            await it.settled()
            outline = await it.client.text_document_document_symbol_async(lsp.DocumentSymbolParams(it.document)) or []
            assert [(s.name, s.container_name) for s in outline if isinstance(s, lsp.SymbolInformation)] == [
                ("input", None), ("vars", None), ("a", "vars"), ("layers", None), ("Linear", "layers"),
            ]  # fmt: skip
            edit = await it.client.text_document_rename_async(lsp.RenameParams(it.document, lsp.Position(1, 7), "b"))
            assert edit is not None and edit.document_changes is None and edit.changes is not None
            assert [e.new_text for e in edit.changes[URI]] == ["b", "b"]

    asyncio.run(scenario())


@pytest.mark.slow
def test_positions_count_units_of_utf_16_whatever_a_client_likes_best() -> None:
    async def scenario() -> None:
        async with editor() as it:
            assert it.able is not None and it.able.position_encoding == "utf-16"
            it.open('description: "é 😀"\ninput: [3]\nlayers: [ReLU, "é", Linear: 4]\n')
            (found,) = await it.settled()
            assert (found.range.start.character, found.range.end.character) == (15, 18)

    asyncio.run(scenario())


@pytest.mark.slow
def test_mends_that_are_asked_for_twice_are_answered_twice_and_those_of_a_text_that_changed_are_none() -> None:
    async def scenario() -> None:
        async with editor() as it:
            it.open(WRONG)
            await it.settled()
            whole = (await actions(it))[-1]
            assert isinstance(whole, lsp.CodeAction) and whole.data is not None and whole.edit is None
            asked = [it.client.code_action_resolve_async(deepcopy(whole)) for _ in range(3)]
            answers = await asyncio.wait_for(asyncio.gather(*asked), 60)
            assert all(each.edit == answers[0].edit is not None for each in answers)
            late = asyncio.ensure_future(it.client.code_action_resolve_async(deepcopy(whole)))
            await it.settled()
            it.edit(0, 0, "# \n")
            assert (await asyncio.wait_for(late, 60)).edit in (answers[0].edit, None)

    asyncio.run(scenario())
