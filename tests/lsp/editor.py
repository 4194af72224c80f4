"""An editor's side of the wire: the server as a process, and the documents as a client has them."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.client import BaseLanguageClient

from netspec.lsp.positions import Places
from netspec.text.source import Source

ROOT = Path(__file__).parent.parent.parent
URI = "file:///work/spec.yaml"

BARE = lsp.ClientCapabilities()
"""What a client says that can do no more than it must."""
MODERN = lsp.ClientCapabilities(
    general=lsp.GeneralClientCapabilities(
        position_encodings=[lsp.PositionEncodingKind.Utf8, lsp.PositionEncodingKind.Utf16]
    ),
    workspace=lsp.WorkspaceClientCapabilities(
        apply_edit=True, workspace_edit=lsp.WorkspaceEditClientCapabilities(document_changes=True)
    ),
    text_document=lsp.TextDocumentClientCapabilities(
        code_action=lsp.CodeActionClientCapabilities(
            code_action_literal_support=lsp.ClientCodeActionLiteralOptions(
                lsp.ClientCodeActionKindOptions([lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.SourceFixAll])
            ),
            is_preferred_support=True,
            data_support=True,
            resolve_support=lsp.ClientCodeActionResolveOptions(["edit"]),
        ),
        document_symbol=lsp.DocumentSymbolClientCapabilities(hierarchical_document_symbol_support=True),
        rename=lsp.RenameClientCapabilities(prepare_support=True),
    ),
)
"""What VS Code says, of what matters here; it likes positions in UTF-8 best, as others do."""


class Editor:
    """One document in a client of the server's."""

    def __init__(self, client: BaseLanguageClient) -> None:
        self.client = client
        self.text = ""
        self.version = 0
        self.published: list[lsp.PublishDiagnosticsParams] = []
        self.applied: list[lsp.WorkspaceEdit] = []
        self.shown: list[lsp.ShowDocumentParams] = []
        self.able: lsp.ServerCapabilities | None = None
        self._settled = asyncio.Event()
        self._published = asyncio.Event()
        self._told: dict[int, list[lsp.Diagnostic]] = {}

        @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: lsp.PublishDiagnosticsParams) -> None:
            self.published.append(params)
            if params.version is not None:
                self._told[params.version] = list(params.diagnostics)
                self._published.set()

        @client.feature(lsp.WORKSPACE_APPLY_EDIT)
        def apply(params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
            self.applied.append(params.edit)
            return lsp.ApplyWorkspaceEditResult(applied=True)

        @client.feature(lsp.WINDOW_SHOW_DOCUMENT)
        def show(params: lsp.ShowDocumentParams) -> lsp.ShowDocumentResult:
            self.shown.append(params)
            return lsp.ShowDocumentResult(success=True)

        @client.feature("$/netspec/settled")
        def settled(params: Any) -> None:
            if params.version == self.version:
                self._settled.set()

    @property
    def document(self) -> lsp.TextDocumentIdentifier:
        return lsp.TextDocumentIdentifier(URI)

    def open(self, text: str) -> None:
        self.text, self.version = text, self.version + 1
        self._settled.clear()
        item = lsp.TextDocumentItem(URI, "yaml", self.version, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))

    def edit(self, start: int, end: int, new: str) -> None:
        """Replace the characters from one offset to another, as an editor tells it."""
        where = lsp.Range(position(self.text, start), position(self.text, end))
        self.text = self.text[:start] + new + self.text[end:]
        self.version += 1
        self._settled.clear()
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(self.version, URI),
                [lsp.TextDocumentContentChangePartial(range=where, text=new)],
            )
        )

    async def told(self) -> list[lsp.Diagnostic]:
        """The first that is told of the text as it is."""
        while self.version not in self._told:
            self._published.clear()
            await asyncio.wait_for(self._published.wait(), 60)
        return self._told[self.version]

    async def settled(self) -> list[lsp.Diagnostic]:
        """All that there is to find in the text as it is."""
        await asyncio.wait_for(self._settled.wait(), 60)
        return self._told[self.version]

    def close(self) -> None:
        self.client.text_document_did_close(lsp.DidCloseTextDocumentParams(self.document))


@asynccontextmanager
async def editor(
    *arguments: str, options: object = None, capabilities: lsp.ClientCapabilities = MODERN
) -> AsyncIterator[Editor]:
    """A server that was started for one client, and its document."""
    client = BaseLanguageClient("tests", "0")
    it = Editor(client)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    await client.start_io(sys.executable, "-m", "netspec", "lsp", *arguments, env=environment)
    parameters = lsp.InitializeParams(capabilities=capabilities, initialization_options=options)
    it.able = (await client.initialize_async(parameters)).capabilities
    client.initialized(lsp.InitializedParams())
    try:
        yield it
    finally:
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()


def position(text: str, offset: int) -> lsp.Position:
    """The position of an offset, counted by Python's own encoder. A CR in front of an LF ends no line."""
    before = text[:offset].replace("\r\n", "\n")
    if text[offset - 1 : offset + 1] == "\r\n":
        before = before[:-1]
    lines = before.replace("\r", "\n").split("\n")
    return lsp.Position(len(lines) - 1, len(lines[-1].encode("utf-16-le")) // 2)


def applied(text: str, edit: lsp.WorkspaceEdit | None) -> str:
    """The text after an edit, in whichever form it is."""
    assert edit is not None
    edits: list[Any] = [] if edit.changes is None else list(edit.changes[URI])
    for change in edit.document_changes or ():
        assert isinstance(change, lsp.TextDocumentEdit)
        edits += change.edits
    return edited_by(text, edits)


def edited_by(text: str, edits: Sequence[Any]) -> str:
    """The text after edits, which count in the text in front of all of them."""
    places = Places(Source("spec.yaml", text))
    for each in sorted(edits, key=lambda e: (-e.range.start.line, -e.range.start.character)):
        start, end = places.offset(each.range.start), places.offset(each.range.end)
        text = text[:start] + each.new_text + text[end:]
    return text


TYPED = ("x", "1", "Conv2d", ": ", "- ", "\n", "  ", *'{}[]"#$&*|😀𝔸é\t')


def random_edit(rng: random.Random, text: str, others: list[str]) -> tuple[int, int, str]:
    """A keystroke, a deletion, or a paste from another text, as offsets and what is put in between."""
    at = rng.randrange(len(text) + 1)
    kind = rng.random()
    if kind < 0.5:
        return at, at, rng.choice(TYPED)
    if kind < 0.8:
        return at, min(len(text), at + rng.choice((1, 1, 2, 5, 20))), ""
    other = rng.choice(others)
    start = rng.randrange(len(other))
    return at, at, other[start : start + rng.choice((3, 10, 60))]
