"""An editor's side of the wire: the server as a process, and the documents as a client has them."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.client import BaseLanguageClient

ROOT = Path(__file__).parent.parent.parent
URI = "file:///work/spec.yaml"


class Editor:
    """One document in a client of the server's."""

    def __init__(self, client: BaseLanguageClient) -> None:
        self.client = client
        self.text = ""
        self.version = 0
        self.published: list[lsp.PublishDiagnosticsParams] = []
        self._settled = asyncio.Event()
        self._published = asyncio.Event()
        self._told: dict[int, list[lsp.Diagnostic]] = {}

        @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: lsp.PublishDiagnosticsParams) -> None:
            self.published.append(params)
            if params.version is not None:
                self._told[params.version] = list(params.diagnostics)
                self._published.set()

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
async def editor(*arguments: str, options: object = None) -> AsyncIterator[Editor]:
    """A server that was started for one client, and its document."""
    client = BaseLanguageClient("tests", "0")
    it = Editor(client)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    await client.start_io(sys.executable, "-m", "netspec", "lsp", *arguments, env=environment)
    parameters = lsp.InitializeParams(capabilities=lsp.ClientCapabilities(), initialization_options=options)
    await client.initialize_async(parameters)
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
