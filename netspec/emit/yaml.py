"""Net → the flat YAML that its spec stands for: no variables, blocks or loops, every number written out.

The result is a spec of its own that compiles to an equal Net: the same layers with the same arguments under the same
module paths, the same initialisers, the same recipe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from netspec.net import Combinator, Initializer, Leaf, Net, Node, Scope, Sequential
from netspec.writing import block, flow, written


def expand(net: Net) -> str:
    """The flat YAML of a net."""
    common = _common_initializers(net)
    lines = [f"name: {written(net.name)}"]
    if net.description:
        lines.append(f"description: {written(net.description)}")
    lines.append(f"input: {_input(net)}")
    children = list(_children(net.root, common))
    lines += ["", "layers:", *(f"  {line}" for line in children)] if children else ["", "layers: []"]
    if common:
        lines += ["", "init:", *(f"  {type_}: {_initializers(init)}" for type_, init in common.items())]
    if net.recipe is not None:
        lines += ["", "train:", *(f"  {line}" for line in block(net.recipe.to_dict()))]
    return "\n".join(lines) + "\n"


def _input(net: Net) -> str:
    shape = flow(net.input.shape, other=lambda size: written(str(size)))
    return shape if net.input.dtype == "float32" else f"{{shape: {shape}, dtype: {net.input.dtype}}}"


# ---- layers


def _children(chain: Sequential | Scope, common: Mapping[str, tuple[Initializer, ...]]) -> Iterator[str]:
    for node in chain.children:
        yield from _item(node, common)


def _item(node: Node, common: Mapping[str, tuple[Initializer, ...]]) -> Iterator[str]:
    match node:
        case Scope():
            yield from _children(node, common)
        case Leaf():
            yield from _leaf(node, common)
        case Sequential():
            yield from _under("- sequential:", list(_children(node, common)), "    ")
            yield from _name(node.name)
        case Combinator():
            yield from _combinator(node, common)


def _name(name: str | None) -> Iterator[str]:
    if name is not None:
        yield f"  name: {written(name)}"


def _under(head: str, lines: Sequence[str], indent: str) -> Iterator[str]:
    """A head with the list under it, or `[]` beside it."""
    if lines:
        yield head
        yield from (indent + line for line in lines)
    else:
        yield f"{head} []"


def _leaf(leaf: Leaf, common: Mapping[str, tuple[Initializer, ...]]) -> Iterator[str]:
    arguments = written_arguments(leaf.layer)
    head = f"- {leaf.type}"
    options: list[str] = []
    if leaf.name is not None:
        options.append(f"name: {written(leaf.name)}")
    if leaf.frozen:
        options.append("freeze: true")
    if leaf.init and leaf.init != common.get(leaf.type):
        options.append(f"init: {_initializers(leaf.init)}")
    scalar = leaf.layer.scalar
    if not arguments:
        head += ": {}" if options else ""
    elif scalar is not None and list(arguments) == [scalar] and isinstance(arguments[scalar], (int, float)):
        head += f": {flow(arguments[scalar])}"
    else:
        head += f": {flow(arguments)}"
    yield head
    yield from (f"  {option}" for option in options)


def written_arguments(arguments: BaseModel) -> dict[str, Any]:
    """The arguments that differ from their defaults, in signature order."""
    return {
        name: written_arguments(value) if isinstance(value, BaseModel) else value
        for name, field in type(arguments).model_fields.items()
        if (value := getattr(arguments, name)) != field.default or type(value) is not type(field.default)
    }


def _combinator(node: Combinator, common: Mapping[str, tuple[Initializer, ...]]) -> Iterator[str]:
    branches = [list(_children(chain, common)) for _, chain in node.branches]
    joining = node.joining
    if joining.several:
        yield f"- {node.kind}:"
        for lines in branches:
            if lines:
                yield f"    - {lines[0]}"
                yield from (f"      {line}" for line in lines[1:])
            else:
                yield "    - []"
    else:
        body, *sides = branches
        yield from _under(f"- {node.kind}:", body, "    ")
        for side, lines in zip(joining.sides, sides, strict=True):
            if lines:
                yield from _under(f"  {side}:", lines, "    ")
    yield from (f"  {name}: {flow(value)}" for name, value in written_arguments(joining).items())
    yield from _name(node.name)


# ---- initialisers


def _common_initializers(net: Net) -> dict[str, tuple[Initializer, ...]]:
    """The types whose layers are all initialised alike: they go under `init`, others stand beside the layer."""
    found: dict[str, set[str]] = {}
    first: dict[str, tuple[Initializer, ...]] = {}
    for leaf in net.layers:
        found.setdefault(leaf.type, set()).add(repr(leaf.init))
        first.setdefault(leaf.type, leaf.init)
    return {type_: first[type_] for type_, ways in found.items() if len(ways) == 1 and first[type_]}


def _initializers(init: Sequence[Initializer]) -> str:
    parts = {i.parameter: ({i.function: dict(i.arguments)} if i.arguments else i.function) for i in init}
    return flow(parts["weight"] if list(parts) == ["weight"] else parts)
