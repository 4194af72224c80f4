"""Definition, references and rename of what a spec names."""

from __future__ import annotations

from lsprotocol import types as lsp

from netspec.diagnostics import UsageError
from netspec.language.reserved import reserved
from netspec.lsp.names import Occurrence, occurrences
from netspec.lsp.reading import LiveText


def named_at(text: LiveText, position: lsp.Position) -> tuple[Occurrence, list[Occurrence]] | None:
    """The name at a position, and all places of what it names."""
    offset = text.places.offset(position)
    every = occurrences(text.root, text.source)
    here = next((o for o in every if o.start <= offset <= o.end), None)
    return None if here is None else (here, [o for o in every if o.of == here.of])


def definition(text: LiveText, uri: str, position: lsp.Position) -> list[lsp.Location]:
    """Where what stands at a position is defined: in several places where variants define it."""
    found = named_at(text, position)
    places = [o for o in found[1] if o.defines] if found is not None else []
    return [lsp.Location(uri, text.places.range(o.start, o.end)) for o in places]


def references(text: LiveText, uri: str, position: lsp.Position, *, declared: bool) -> list[lsp.Location]:
    """Where what stands at a position is used, and where it is defined if that is asked for."""
    found = named_at(text, position)
    places = [] if found is None else [o for o in found[1] if declared or not o.defines]
    return [lsp.Location(uri, text.places.range(o.start, o.end)) for o in places]


def renamed(text: LiveText, position: lsp.Position, name: str) -> list[lsp.TextEdit]:
    """The edits that give what stands at a position another name. They are compiled before they are given.

    Raises:
        UsageError: nothing is named there, the name cannot be one, or the network would be another.
    """
    found = named_at(text, position)
    if found is None:
        raise UsageError("no block, variable, parameter or value stands here")
    old = found[0].of.name
    why = reserved(name, text.spec) if name.isidentifier() else "is no name: letters, digits and `_`"
    if why is not None and name != old:
        raise UsageError(f"`{name}` {why}")
    parts: list[str] = []
    done = 0
    for o in found[1]:
        parts += [text.text[done : o.start], name]
        done = o.end
    after = LiveText(text.source.name, "".join([*parts, text.text[done:]]), text.variant, text.offer, everything=True)
    before = LiveText(text.source.name, text.text, text.variant, text.offer, everything=True)
    if _seen(before) != _seen(after):
        raise UsageError(f"with `{name}` in the place of `{old}` the spec would say something else")
    return [lsp.TextEdit(text.places.range(o.start, o.end), name) for o in found[1]]


def _seen(text: LiveText) -> object:
    """What must not change with a name: the layers with their shapes, and what is found."""
    net = text.net
    layers = () if net is None else tuple((leaf.path, leaf.layer, leaf.output) for leaf in net.layers)
    return layers, sorted((d.code, d.span.line) for d in text.found)
