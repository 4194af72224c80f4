"""Hover: what a word of a spec is, and what comes of it where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from lsprotocol import types as lsp

from netspec.combinators import COMBINATORS
from netspec.dims import Size, is_known
from netspec.language.glossary import EXPLAINED
from netspec.layers.base import Layer
from netspec.layers.reference import arguments_in_words, values_in_words
from netspec.lsp.hints import params_of, types_text
from netspec.lsp.names import OWN_KINDS
from netspec.lsp.navigation import named_at
from netspec.lsp.reading import LiveText
from netspec.lsp.spots import Spot, spot_at
from netspec.lsp.words import argument_of_recipe, documentation, of_recipe, prose
from netspec.net.nodes import As, Leaf, Node, Sequential
from netspec.net.walks import multiplying
from netspec.net.whole import total
from netspec.recipe.vocabulary import vocabulary
from netspec.views.describe import count_text, shape_text
from netspec.writing import flow

MOST: Final = 3
"""The runs of what stands in a loop or a block that are told one by one."""


def hover(reading: LiveText, position: lsp.Position) -> lsp.Hover | None:
    """What there is to say of the word at a position."""
    places = reading.places
    offset = places.offset(position)
    spot = spot_at(reading.root, offset)
    if spot is None:
        return None
    parts = [part for part in _parts(reading, spot, offset) if part]
    if not parts or not spot.is_key:  # a name that is given, as in `name: sum`, is no word of an expression
        parts = _named(reading, position, alone=not parts) or parts
    if not parts:
        return None
    content = lsp.MarkupContent(lsp.MarkupKind.Markdown, "\n\n".join(parts))
    return lsp.Hover(content, places.range(spot.scalar.start, spot.scalar.end))


_LINES: Final = 12
"""So many places of a name are told."""


def _named(reading: LiveText, position: lsp.Position, *, alone: bool) -> list[str]:
    """What a name of the spec's own is, and the lines in which it is used: where it is given, and where it is used if
    there is nothing else to say."""
    found = named_at(reading, position)
    if found is None or found[0].of.kind not in OWN_KINDS or not (alone or found[0].defines):
        return []
    here, places = found
    lines = dict.fromkeys(reading.source.position(place.start)[0] for place in places if not place.defines)
    told = ", ".join(map(str, list(lines)[:_LINES])) + ("…" if len(lines) > _LINES else "")
    used = f"used in line{'s' * (len(lines) > 1)} {told}" if lines else "used nowhere"
    return [f"`{here.of.name}`, {OWN_KINDS[here.of.kind]}: {used}"]


def _parts(reading: LiveText, spot: Spot, offset: int) -> Iterator[str]:
    name = spot.scalar.text
    place = reading.source.position(spot.scalar.start)
    nodes = [node for node in reading.written.get(place, ()) if not isinstance(node, As)]
    if nodes:
        yield ran(reading, nodes)
    if spot.path[:1] == ("train",):
        yield _of_recipe(reading, spot)
        return
    if spot.is_key and len(spot.path) > 1 and spot.path[0] in ("vars", "variants"):
        yield _variable(reading, name)
    elif name in reading.offer.layers and (spot.is_key or nodes):
        yield documentation(reading.offer.layer_class(name))
    elif reading.spec is not None and name in reading.spec.blocks:
        yield f"```\n{reading.spec.blocks[name].signature}\n```"
    elif spot.is_key and (layer := _layer_above(reading, spot)) is not None:
        yield _argument(layer, name)
        yield _values(reading, spot, name)
    elif spot.is_key and name in EXPLAINED and (nodes or name not in COMBINATORS):
        yield f"**{name}** ({EXPLAINED[name].kind})\n\n{prose(EXPLAINED[name].meaning)}"
    elif not spot.is_key:
        if len(spot.path) > 1 and spot.path[-2] in reading.offer.layers:
            yield _values(reading, spot, spot.path[-1])
        yield _word(reading, spot, offset)


def ran(reading: LiveText, nodes: Sequence[Node]) -> str:
    """What comes of an item: shapes with how they came about, cost, arguments, and where it is called from."""
    lines = [_run(node) for node in nodes[:MOST]]
    if len(nodes) > MOST:
        lines.append(f"… {len(nodes)} times, the last gives {types_text([nodes[-1].output])}")
    lines += first.derivations if isinstance(first := nodes[0], Leaf) and is_known(first.output.shape) else []
    cost = [f"{count_text(count)} {word}" for count, word in _counts(nodes) if count != 0]
    if cost and reading.net is not None:
        share = _share(total(map(params_of, nodes)), reading.net.params)
        lines.append(", ".join(cost) + (f"; {share} of all parameters" if share else ""))
    first = nodes[0]
    if isinstance(first, Leaf) and (arguments := first.args):
        lines.append("`" + ", ".join(f"{name}: {_value(value)}" for name, value in arguments.items()) + "`")
    if isinstance(first, Leaf) and first.calls:
        told = [f"`{call.block}` (line {call.span.line})" for call in first.calls]
        lines.append(f"in {', in '.join(reversed(told))}")
    return "  \n".join(lines)


def _run(node: Node) -> str:
    known = is_known(node.input.shape) and is_known(node.output.shape)
    shapes = f"{shape_text(node.input.shape)} → {types_text([node.output])}" if known else "its shape is not known"
    path = f"`{node.path}`: " if isinstance(node, Leaf | Sequential) and node.path else ""
    return f"{path}**{shapes}**"


def _counts(nodes: Sequence[Node]) -> list[tuple[Size, str]]:
    macs = total(found.macs for node in nodes for found in multiplying(node))
    return [(total(map(params_of, nodes)), "parameters"), (macs, "MACs")]


def _share(part: Size, whole: Size) -> str:
    return f"{100 * part / whole:.1f} %" if isinstance(part, int) and isinstance(whole, int) and whole and part else ""


def _layer_above(reading: LiveText, spot: Spot) -> type[Layer] | None:
    """The layer whose argument a key is."""
    if len(spot.path) < 2 or spot.path[-2] not in reading.offer.layers:
        return None
    layer = reading.offer.layer_class(spot.path[-2])
    return layer if spot.path[-1] in layer.model_fields or spot.path[-1] in layer.tensors else None


def _argument(layer: type[Layer], name: str) -> str:
    words = (dict(values_in_words(layer)) | arguments_in_words(layer))[name]
    return f"**{name}** of `{layer.__name__}`: {words}"


def _values(reading: LiveText, spot: Spot, name: str) -> str:
    """The values that an argument has, each time that its layer runs."""
    head = spot.keys[-2] if len(spot.keys) > 1 else None
    nodes = () if head is None else reading.written.get(reading.source.position(head.start), ())
    return _listed(name, [_value(node.args[name]) for node in nodes if isinstance(node, Leaf) and name in node.args])


def _value(value: object) -> str:
    """A value as a spec has it; a symbolic size as its formula."""
    return flow(value, str, str)


def _listed(name: str, values: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(values))
    if not distinct:
        return ""
    more = f", … ({len(distinct)} values)" if len(distinct) > 8 else ""
    return f"`{name}` = {', '.join(f'`{value}`' for value in distinct[:8])}{more}"


def _word(reading: LiveText, spot: Spot, offset: int) -> str:
    """What a word of an expression is: a variable with its value, a function, a place."""
    text = reading.text[spot.scalar.start : spot.scalar.end]
    at = offset - spot.scalar.start
    word = next((m[0] for m in re.finditer(r"[^\W\d]\w*", text) if m.start() <= at <= m.end()), None)
    if word is None:
        return ""
    if variable := _variable(reading, word):
        return variable
    if word in EXPLAINED and (EXPLAINED[word].value is not None or word.startswith("in_")):
        return f"**{word}** ({EXPLAINED[word].kind})\n\n{prose(EXPLAINED[word].meaning)}"
    return ""


def _variable(reading: LiveText, name: str) -> str:
    """The value of a variable in the net that is shown."""
    if reading.net is None or name not in reading.net.variables:
        return ""
    return f"`{name}` = `{_value(reading.net.variables[name])}`"


def _of_recipe(reading: LiveText, spot: Spot) -> str:
    name, known = spot.scalar.text, vocabulary(reading.offer)
    if not spot.is_key:
        return of_recipe(name, known) or "" if name in known.names else ""
    above = spot.path[-2] if len(spot.path) > 1 else ""
    return argument_of_recipe(above, name, known) or of_recipe(name, known) or ""
