"""Definition, references and rename of what a spec names."""

from __future__ import annotations

from fnmatch import fnmatchcase

from lsprotocol import types as lsp

from netspec.diagnostics import UsageError
from netspec.language.reserved import reserved
from netspec.lsp.modules import MODULE, patterns
from netspec.lsp.names import OWN_KINDS, Occurrence
from netspec.lsp.reading import LiveText
from netspec.text.source import MapNode


def named_at(text: LiveText, position: lsp.Position) -> tuple[Occurrence, list[Occurrence]] | None:
    """The name at a position, and all places of what it names."""
    offset = text.places.offset(position)
    here = min(
        (o for o in text.names if o.start <= offset <= o.end), key=lambda o: (o.end - o.start, o.start), default=None
    )
    return None if here is None else (here, [o for o in text.names if o.of == here.of])


def renamable(text: LiveText, position: lsp.Position) -> Occurrence | None:
    """The name at a position, if it can be given another: the language's own cannot, nor one with an expression."""
    found = named_at(text, position)
    return None if found is None or _fixed(found[0]) is not None else found[0]


def _fixed(place: Occurrence) -> str | None:
    """Why a name cannot be given another; None if it can."""
    if place.of.kind in ("builtin", "place"):
        return f"`{place.of.name}` is a name of the language"
    if "{" in place.of.name:
        return f"`{place.of.name}` holds an expression: write the other name by hand"
    return None


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
        raise UsageError("no block, variable, parameter, value or module stands here")
    named = found[0].of
    old = named.name
    if (fixed := _fixed(found[0])) is not None:
        raise UsageError(fixed)
    why = None if named.kind == MODULE else reserved(name, text.spec)
    if (why := why if name.isidentifier() else "is no name: letters, digits and `_`") is not None and name != old:
        raise UsageError(f"`{name}` {why}" if name else "a name is letters, digits and `_`, and at least one of them")
    parts: list[str] = []
    done = 0
    for o in found[1]:
        parts += [text.text[done : o.start], name]
        done = o.end
    after = LiveText(text.source.name, "".join([*parts, text.text[done:]]), text.variant, text.offer, everything=True)
    before = LiveText(text.source.name, text.text, text.variant, text.offer, everything=True)
    if _seen(before) != _seen(after) or not _alike(before, after, (old, name) if named.kind == MODULE else None):
        why = _why(text, after, name)
        raise UsageError(f"with `{name}` in the place of `{old}` the spec would say something else{why}")
    return [lsp.TextEdit(text.places.range(o.start, o.end), name) for o in found[1]]


def _why(before: LiveText, after: LiveText, name: str) -> str:
    """What the new name means already, or what would be wrong with it; empty where neither is known."""
    other = next((o.of.kind for o in before.names if o.of.name == name and o.of.kind in OWN_KINDS), None)
    if other is not None:
        return f": `{name}` is {OWN_KINDS[other]} already"
    told = {d.message for d in before.found}
    new = next((d.message for d in after.found if d.message not in told), None)
    return "" if new is None else f": {new}"


def _seen(text: LiveText) -> object:
    """What must not change with a name: the layers with their shapes and ties, what is found, and which parameters the
    patterns of a recipe match."""
    leaves = () if text.net is None else text.net.layers
    number = {leaf.path: at for at, leaf in enumerate(leaves)}
    ties = [[(tie.parameter, number.get(tie.path), tie.name) for tie in leaf.ties] for leaf in leaves]
    root = text.root
    told = [pattern.text for pattern in patterns(root)] if isinstance(root, MapNode) else []
    keys = [(at, name, f"{leaf.path}.{name}") for at, leaf in enumerate(leaves) for name in leaf.parameters]
    matched = [[(at, name) for at, name, key in keys if fnmatchcase(key, pattern)] for pattern in told]
    layers = [(leaf.layer, leaf.output) for leaf in leaves]
    return layers, ties, sorted((d.code, d.span.line) for d in text.found), matched


def _alike(before: LiveText, after: LiveText, renaming: tuple[str, str] | None) -> bool:
    """Whether the layers have the same paths, or the new name in the place of the old one."""
    if before.net is None or after.net is None:
        return before.net is after.net
    for old, new in zip(before.net.layers, after.net.layers, strict=True):
        pairs = list(zip(old.path.split("."), new.path.split("."), strict=False))
        if old.path.count(".") != new.path.count(".") or any(a != b and (a, b) != renaming for a, b in pairs):
            return False
    return True
