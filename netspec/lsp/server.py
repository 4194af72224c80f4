"""The server: which message of the protocol is answered by which feature."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from netspec.diagnostics import UsageError
from netspec.layers import Offer
from netspec.lsp import findings
from netspec.lsp.background import Background
from netspec.lsp.collecting import Collector
from netspec.lsp.completion import TRIGGERS, complete, resolve
from netspec.lsp.documents import Document
from netspec.lsp.hints import HintSettings, carried, hints
from netspec.lsp.hover import hover
from netspec.lsp.lenses import SHOW, lenses
from netspec.lsp.navigation import definition, named_at, references, renamed
from netspec.lsp.outline import folds, symbols
from netspec.lsp.reading import LiveText
from netspec.lsp.signatures import TRIGGERS as SIGNS
from netspec.lsp.signatures import signature
from netspec.lsp.tokens import LEGEND, semantic_tokens

_log: Final = logging.getLogger(__name__)
SETTLED: Final = "$/netspec/settled"
"""A notification for tests and extensions: all that there is to find in a version of a text is told, with mends."""


class SpecServer(LanguageServer):
    """The documents that are open, and the process that looks for mends."""

    def __init__(self, version: str, offer: Offer, plugins: Sequence[str]) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]  # pygls leaves types open
            "netspec", version, text_document_sync_kind=lsp.TextDocumentSyncKind.Incremental
        )
        self.documents: Final[dict[str, Document]] = {}
        self.background: Final = Background(plugins)
        self.collector: Final = Collector()
        self.offer: Final = offer
        self.asked = HintSettings()
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

    def forget(self, uri: str) -> None:
        """Forget a document, and take back what was told of it."""
        document = self.documents.pop(uri, None)
        if document is not None:
            document.close()
        self._told.pop(uri, None)
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))

    def refresh(self) -> None:
        """Have the editor ask anew for hints and lenses, if it can be told to."""
        able = self.client_capabilities.workspace
        if able is not None and able.inlay_hint is not None and able.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)
        if able is not None and able.code_lens is not None and able.code_lens.refresh_support:
            self.workspace_code_lens_refresh(None)

    def report_server_error(self, error: Exception, source: type[Exception]) -> None:
        """Log it. pygls would tell the client, which fails again where the client is gone."""
        _log.error("%s", source.__name__, exc_info=error)

    def reading(self, document: lsp.TextDocumentIdentifier) -> LiveText | None:
        """What is known of a document; None for one that is not open."""
        known = self.documents.get(document.uri)
        return None if known is None else known.reading


def made(version: str, offer: Offer, plugins: Sequence[str]) -> SpecServer:
    """A server with all its features."""
    server = SpecServer(version, offer, plugins)
    _documents(server)
    _mends(server)
    _settings(server)
    _looks(server)
    _names(server)
    _variants(server)
    return server


def serve(version: str, offer: Offer, plugins: Sequence[str]) -> None:
    """Serve on standard input and output until the client ends it. What else is printed goes to standard error."""
    given, taken = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    server = made(version, offer, plugins)
    server.collector.begin()
    server.start_io(given, taken)


def _documents(server: SpecServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        document = Document(
            item.uri, item.text, item.version, server.offer, server.background, server.collector, server.tell
        )
        server.documents[item.uri] = document
        document.opened()

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        document = server.documents.get(params.text_document.uri)
        if document is not None:
            document.change(params.content_changes, params.text_document.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        server.forget(params.text_document.uri)

    @server.feature(lsp.SHUTDOWN)
    async def ended(_: Any) -> None:
        await server.background.close()


def _mends(server: SpecServer) -> None:
    options = lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix, findings.FIX_ALL], resolve_provider=True)

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, options)
    def actions(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        document = server.documents.get(params.text_document.uri)
        if document is None or not document.settled:
            return []
        places, found = document.reading.places, document.found
        quick = findings.quick_fixes(found, places, document.uri, document.version, params.range)
        wanted = params.context.only
        every = [*quick, *findings.fix_all(document.uri, found)]
        return every if not wanted else [a for a in every if any(_is_kind(a.kind, kind) for kind in wanted)]

    @server.feature(lsp.CODE_ACTION_RESOLVE)
    async def resolved(action: lsp.CodeAction) -> lsp.CodeAction:
        document = server.documents.get(str(action.data))
        if document is None:
            return action
        version, places = document.version, document.reading.places
        mended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        document.repaired(mended.set_result)
        edits = findings.replaced(places, await mended)
        identifier = lsp.OptionalVersionedTextDocumentIdentifier(document.uri, version)
        action.edit = lsp.WorkspaceEdit(document_changes=[lsp.TextDocumentEdit(identifier, list(edits))])
        return action


def _is_kind(kind: lsp.CodeActionKind | str | None, wanted: lsp.CodeActionKind | str) -> bool:
    own, asked = (k.value if isinstance(k, lsp.CodeActionKind) else k or "" for k in (kind, wanted))
    return own == asked or own.startswith(f"{asked}.")


def _settings(server: SpecServer) -> None:
    @server.feature(lsp.INITIALIZE)
    def initialize(params: lsp.InitializeParams) -> None:
        server.asked = _asked(params.initialization_options, server.asked)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def configured(params: lsp.DidChangeConfigurationParams) -> None:
        server.asked = _asked(params.settings, server.asked)
        server.refresh()


def _asked(settings: object, known: HintSettings) -> HintSettings:
    """What hints show by the editor's settings, `{"netspec": {"hints": {"parameters": true}}}`; of these settings none
    names a file or a plugin."""
    for name in ("netspec", "hints"):
        settings = _part(settings, name) or settings
    given = {name: _part(settings, name) for name in HintSettings._fields}
    return known._replace(**{name: value for name, value in given.items() if isinstance(value, bool)})


def _part(settings: object, name: str) -> object:
    if isinstance(settings, Mapping):
        return cast("Mapping[str, object]", settings).get(name)
    return getattr(settings, name, None)


def _looks(server: SpecServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    def hinted(params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return []
        reading, old = document.reading, document.last_net
        first, last = params.range.start.line, params.range.end.line
        if reading.net is None and old is not None:
            moved = carried(hints(old, 0, len(old.source.line_starts), server.asked), old, reading)
            return [hint for hint in moved if first <= hint.position.line <= last]
        return hints(reading, first, last, server.asked)

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
        reading = server.reading(params.text_document)
        return None if reading is None else hover(reading, params.position)

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(list(TRIGGERS), resolve_provider=True))
    def completed(params: lsp.CompletionParams) -> lsp.CompletionList:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return lsp.CompletionList(False, [])
        known = document.reading if document.reading.spec is not None else document.last_net or document.reading
        return lsp.CompletionList(False, complete(document.reading, known, params.position))

    @server.feature(lsp.COMPLETION_ITEM_RESOLVE)
    def resolved(item: lsp.CompletionItem) -> lsp.CompletionItem:
        return resolve(item, server.offer)

    @server.feature(lsp.TEXT_DOCUMENT_SIGNATURE_HELP, lsp.SignatureHelpOptions(list(SIGNS)))
    def signed(params: lsp.SignatureHelpParams) -> lsp.SignatureHelp | None:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return None
        known = document.reading if document.reading.spec is not None else document.last_net or document.reading
        return signature(document.reading, known, params.position)

    @server.feature(lsp.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, lsp.SemanticTokensLegend(list(LEGEND), []))
    def tokens(params: lsp.SemanticTokensParams) -> lsp.SemanticTokens:
        text = server.reading(params.text_document)
        return lsp.SemanticTokens([]) if text is None else semantic_tokens(text)


def _names(server: SpecServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def defined(params: lsp.DefinitionParams) -> list[lsp.Location]:
        text = server.reading(params.text_document)
        return [] if text is None else definition(text, params.text_document.uri, params.position)

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def referred(params: lsp.ReferenceParams) -> list[lsp.Location]:
        text, uri = server.reading(params.text_document), params.text_document.uri
        declared = params.context.include_declaration
        return [] if text is None else references(text, uri, params.position, declared=declared)

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(params: lsp.PrepareRenameParams) -> lsp.Range | None:
        text = server.reading(params.text_document)
        found = None if text is None else named_at(text, params.position)
        return None if text is None or found is None else text.places.range(found[0].start, found[0].end)

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def rename(params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        text = server.reading(params.text_document)
        try:
            edits = [] if text is None else renamed(text, params.position, params.new_name)
        except UsageError as refused:
            raise JsonRpcInvalidParams(str(refused)) from None
        return lsp.WorkspaceEdit(changes={params.text_document.uri: edits})

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        text = server.reading(params.text_document)
        return [] if text is None else symbols(text)

    @server.feature(lsp.TEXT_DOCUMENT_FOLDING_RANGE)
    def folded(params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange]:
        text = server.reading(params.text_document)
        return [] if text is None else folds(text)


def _variants(server: SpecServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_CODE_LENS)
    def lensed(params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
        text = server.reading(params.text_document)
        return [] if text is None else lenses(text, params.text_document.uri)

    @server.command(SHOW)
    def show(uri: str, variant: str) -> None:
        document = server.documents.get(uri)
        if document is not None:
            document.show(variant)
            server.refresh()
