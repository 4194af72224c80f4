"""The server: which message of the protocol is answered by which feature."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInternalError, JsonRpcInvalidParams

from netspec.diagnostics import UsageError
from netspec.layers import Offer
from netspec.lsp import findings
from netspec.lsp.clients import client_of, workspace_edit
from netspec.lsp.completion import TRIGGERS, complete, resolve
from netspec.lsp.documents import Document
from netspec.lsp.formatting import format_edits
from netspec.lsp.hints import HintSettings, carried, hints
from netspec.lsp.hover import hover
from netspec.lsp.lenses import COMPILE, DRAW, MAKES, SHOW, lenses
from netspec.lsp.navigation import definition, references, renamable, renamed
from netspec.lsp.outline import flat, folds, symbols
from netspec.lsp.session import SpecServer
from netspec.lsp.signatures import TRIGGERS as SIGNS
from netspec.lsp.signatures import signature
from netspec.lsp.tokens import LEGEND, semantic_tokens


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
        await server.close()


def _mends(server: SpecServer) -> None:
    options = lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix, findings.FIX_ALL], resolve_provider=True)

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, options)
    async def actions(params: lsp.CodeActionParams) -> list[lsp.CodeAction | lsp.Command]:
        document = server.documents.get(params.text_document.uri)
        if document is None or not document.settled:
            return []
        wanted, client = params.context.only, server.client
        quick = _quick(server, document, params.range)
        if not client.takes_actions:
            return [*_commands(server, document, quick)] if client.applies_edits else []
        whole = findings.fix_all(document.uri, document.found)
        if whole is not None and _is_wanted(whole, wanted):
            if not client.resolves_edits:
                whole.edit, whole.data = await _repair(server, document), None
            quick += [whole] if client.resolves_edits or whole.edit is not None else []
        return [each for each in quick if _is_wanted(each, wanted)]

    @server.feature(lsp.CODE_ACTION_RESOLVE)
    async def resolved(action: lsp.CodeAction) -> lsp.CodeAction:
        document = server.documents.get(str(action.data))
        if document is not None:
            action.edit = await _repair(server, document)
        return action

    @server.command(MEND)
    def mend(uri: str, version: int, number: int) -> None:
        document = server.documents.get(uri)
        if document is None or document.version != version or not document.settled:
            return
        quick = _quick(server, document, None)
        if 0 <= number < len(quick) and (edit := quick[number].edit) is not None:
            server.workspace_apply_edit(lsp.ApplyWorkspaceEditParams(edit, quick[number].title))


MEND: Final = "netspec.mend"
"""The command that has a mend made, for clients that know no actions but commands: its arguments are the document's URI
and version, and the number of the mend."""


def _quick(server: SpecServer, document: Document, within: lsp.Range | None) -> list[lsp.CodeAction]:
    return findings.quick_fixes(
        document.found, document.reading.places, document.uri, document.version, within, server.client
    )


def _commands(server: SpecServer, document: Document, quick: Sequence[lsp.CodeAction]) -> list[lsp.Command]:
    every = _quick(server, document, None)
    return [
        lsp.Command(each.title, MEND, arguments=[document.uri, document.version, every.index(each)]) for each in quick
    ]


async def _repair(server: SpecServer, document: Document) -> lsp.WorkspaceEdit | None:
    """The edit that makes all certain mends of a text; None once the text is another."""
    version, places = document.version, document.reading.places
    mended = await document.repaired()
    if mended is None or document.version != version:
        return None
    return workspace_edit(server.client, document.uri, version, findings.replaced(places, mended))


def _is_wanted(action: lsp.CodeAction, wanted: Sequence[lsp.CodeActionKind | str] | None) -> bool:
    return not wanted or any(_is_kind(action.kind, kind) for kind in wanted)


def _is_kind(kind: lsp.CodeActionKind | str | None, wanted: lsp.CodeActionKind | str) -> bool:
    own, asked = (k.value if isinstance(k, lsp.CodeActionKind) else k or "" for k in (kind, wanted))
    return own == asked or own.startswith(f"{asked}.")


def _settings(server: SpecServer) -> None:
    @server.feature(lsp.INITIALIZE)
    def initialize(params: lsp.InitializeParams) -> None:
        results = _part(params.initialization_options, "results") is True
        server.client = client_of(params.capabilities)._replace(takes_results=results)
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
        found = None if text is None else renamable(text, params.position)
        return None if text is None or found is None else text.places.range(found.start, found.end)

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def rename(params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return None
        try:
            edits = renamed(document.reading, params.position, params.new_name)
        except UsageError as refused:
            raise JsonRpcInvalidParams(str(refused)) from None
        return workspace_edit(server.client, document.uri, document.version, edits)

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def ordered(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        text = server.reading(params.text_document)
        return [] if text is None else format_edits(text)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol] | list[lsp.SymbolInformation]:
        text = server.reading(params.text_document)
        tree = [] if text is None else symbols(text)
        return tree if server.client.nests_symbols else flat(tree, params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_FOLDING_RANGE)
    def folded(params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange]:
        text = server.reading(params.text_document)
        return [] if text is None else folds(text)


def _variants(server: SpecServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_CODE_LENS)
    def lensed(params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
        text = server.reading(params.text_document)
        return [] if text is None else lenses(text, params.text_document.uri, makes=server.client.shows_what_is_made)

    @server.command(SHOW)
    def show(uri: str, variant: str | None) -> None:
        document = server.documents.get(uri)
        if document is not None:
            document.show(variant)
            server.refresh()

    @server.command(COMPILE)
    async def compiled(uri: str, variant: str | None) -> dict[str, str] | None:
        return await _make(server, COMPILE, uri, variant)

    @server.command(DRAW)
    async def drawn(uri: str, variant: str | None) -> dict[str, str] | None:
        return await _make(server, DRAW, uri, variant)


async def _make(server: SpecServer, command: str, uri: str, variant: str | None) -> dict[str, str] | None:
    """Make a table or a page of an open document: given back to a client that takes it, or shown by one that shows."""
    document = server.documents.get(uri)
    if document is None:
        return None
    spec, what = document.reading.spec, MAKES[command]
    known = () if spec is None else spec.variants
    if variant is not None and variant not in known:
        raise JsonRpcInvalidParams(f"there is no variant `{variant}`, or the text cannot be read now")
    shown = document.reading.variant if variant is None and not document.reading.has_base else variant
    made = await server.make(document, what, shown)
    if made is None:
        raise JsonRpcInternalError(f"the {what} was not made: the process that makes it ended")
    if not server.client.takes_results:
        if server.client.shows_documents:
            await server.show_made(what, made)
        return None
    return {"kind": what, "title": " ".join(filter(None, [document.name, variant])), "text": made}
