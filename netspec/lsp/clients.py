"""What the editor at the other end said that it can take, and edits in the form that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lsprotocol import types as lsp


class Client(NamedTuple):
    """What a client can do. What it has not declared is not sent to it."""

    takes_versions: bool = False
    """Whether an edit may say which version of the text it is for."""
    takes_actions: bool = False
    """Whether actions may be more than commands."""
    takes_preferred: bool = False
    """Whether an action may be the preferred one."""
    resolves_edits: bool = False
    """Whether it asks for the edit of an action once that is chosen, and gives back what the action carries."""
    applies_edits: bool = False
    """Whether it makes edits that it is sent."""
    shows_documents: bool = False
    """Whether it shows what it is told to."""
    takes_results: bool = False
    """Whether it shows what a command gives back, which its options say: `{"results": true}`."""
    nests_symbols: bool = False
    """Whether an outline may be a tree."""
    refreshes_hints: bool = False
    refreshes_lenses: bool = False

    @property
    def shows_what_is_made(self) -> bool:
        """Whether a person would see a table or a page that is made."""
        return self.takes_results or self.shows_documents


def client_of(said: lsp.ClientCapabilities) -> Client:
    """What a client that said this can do."""
    workspace = said.workspace or lsp.WorkspaceClientCapabilities()
    documents = said.text_document or lsp.TextDocumentClientCapabilities()
    window = said.window or lsp.WindowClientCapabilities()
    edits = workspace.workspace_edit
    actions = documents.code_action or lsp.CodeActionClientCapabilities()
    resolved = () if actions.resolve_support is None else actions.resolve_support.properties
    return Client(
        takes_versions=edits is not None and bool(edits.document_changes),
        takes_actions=actions.code_action_literal_support is not None,
        takes_preferred=bool(actions.is_preferred_support),
        resolves_edits=bool(actions.data_support) and "edit" in resolved,
        applies_edits=bool(workspace.apply_edit),
        shows_documents=window.show_document is not None and window.show_document.support,
        nests_symbols=documents.document_symbol is not None
        and bool(documents.document_symbol.hierarchical_document_symbol_support),
        refreshes_hints=workspace.inlay_hint is not None and bool(workspace.inlay_hint.refresh_support),
        refreshes_lenses=workspace.code_lens is not None and bool(workspace.code_lens.refresh_support),
    )


def workspace_edit(client: Client, uri: str, version: int, edits: Sequence[lsp.TextEdit]) -> lsp.WorkspaceEdit:
    """Edits of one version of a document; the version is said where the client takes it."""
    if not client.takes_versions:
        return lsp.WorkspaceEdit(changes={uri: list(edits)})
    document = lsp.OptionalVersionedTextDocumentIdentifier(uri, version)
    return lsp.WorkspaceEdit(document_changes=[lsp.TextDocumentEdit(document, list(edits))])
