"""One server and its client: the documents that are open, and what the client is told unasked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from netspec.files import replace_file
from netspec.layers import Offer
from netspec.lsp import findings
from netspec.lsp.background import Background
from netspec.lsp.clients import Client, client_of
from netspec.lsp.collecting import Collector
from netspec.lsp.documents import Document
from netspec.lsp.hints import HintSettings
from netspec.lsp.reading import LiveText
from netspec.lsp.tasks import CheckAnswer, Task

_log: Final = logging.getLogger(__name__)
SETTLED: Final = "$/netspec/settled"
"""A notification for tests and extensions: all that there is to find in a version of a text is told, with mends."""


class _Protocol(LanguageServerProtocol):
    """pygls's protocol, which says of itself only what its client can take."""

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(self, params: lsp.InitializeParams) -> Generator[Any, Any, lsp.InitializeResult]:
        """Answer with what the server can do.

        Positions count units of UTF-16, which every client takes: pygls would promise what the client likes best.
        """
        if params.capabilities.general is not None:
            params.capabilities.general.position_encodings = None
        result = yield from super().lsp_initialize(params)
        if not client_of(params.capabilities).takes_actions:
            result.capabilities.code_action_provider = True
        return result

    def _handle_cancel_notification(self, msg_id: str | int) -> None:
        """Cancel a request. One that is answered already is none to warn of: editors take back what they asked before
        each keystroke, and pygls's warnings would fill their logs."""
        if msg_id in self._request_futures:
            super()._handle_cancel_notification(msg_id)


class SpecServer(LanguageServer):
    """The documents that are open, and the process that looks for mends."""

    def __init__(self, version: str, offer: Offer, plugins: Sequence[str]) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]  # pygls leaves types open
            "netspec",
            version,
            text_document_sync_kind=lsp.TextDocumentSyncKind.Incremental,
            protocol_cls=_Protocol,
        )
        self.documents: Final[dict[str, Document]] = {}
        self.background: Final = Background(plugins)
        self.maker: Final = Background(plugins)
        """Makes tables and pages, so that mends wait for none."""
        self.collector: Final = Collector()
        self.offer: Final = offer
        self.asked = HintSettings()
        self.client = Client()
        self._folder: TemporaryDirectory[str] | None = None
        self._told: Final[dict[str, tuple[int, list[lsp.Diagnostic]]]] = {}

    def tell(self, document: Document) -> None:
        """Tell the editor what was found in a document."""
        places = document.reading.places
        found = [findings.diagnostic(d, places, document.uri) for d in document.found]
        if self._told.get(document.uri) != (document.version, found):
            self._told[document.uri] = document.version, found
            self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(document.uri, found, document.version))
        if document.settled:
            self.protocol.notify(SETTLED, {"uri": document.uri, "version": document.version})

    async def make(self, document: Document, what: str, variant: str | None) -> str | None:
        """What is made of a variant of a document: a table or a page; None if that was not possible."""
        done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def take(answer: CheckAnswer | None) -> None:
            if not done.done():
                done.set_result(None if answer is None else answer.text)

        task = Task(document.name, document.reading.text, make=what, variant=variant)
        self.maker.ask(f"{document.uri} {what} {id(done)}", task, take)
        return await done

    async def show_made(self, what: str, text: str) -> None:
        """Have the client show what was made: as a file in a folder of this server's own, which ends with it."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="netspec-")
        file = Path(self._folder.name) / f"{what}{'.html' if what == 'page' else '.txt'}"
        replace_file(file, text, durable=False)
        external = what == "page"
        await self.window_show_document_async(lsp.ShowDocumentParams(file.as_uri(), external, take_focus=True))

    async def close(self) -> None:
        """End the processes, and remove what was shown."""
        await self.background.close()
        await self.maker.close()
        if self._folder is not None:
            self._folder.cleanup()

    def forget(self, uri: str) -> None:
        """Forget a document, and take back what was told of it."""
        document = self.documents.pop(uri, None)
        if document is not None:
            document.close()
        self._told.pop(uri, None)
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))

    def refresh(self) -> None:
        """Have the editor ask anew for hints and lenses, if it can be told to."""
        if self.client.refreshes_hints:
            self.workspace_inlay_hint_refresh(None)
        if self.client.refreshes_lenses:
            self.workspace_code_lens_refresh(None)

    def report_server_error(self, error: Exception, source: type[Exception]) -> None:
        """Log it. pygls would tell the client, which fails again where the client is gone."""
        _log.error("%s", source.__name__, exc_info=error)

    def reading(self, document: lsp.TextDocumentIdentifier) -> LiveText | None:
        """What is known of a document; None for one that is not open."""
        known = self.documents.get(document.uri)
        return None if known is None else known.reading
