"""Net → the flat YAML that its spec stands for: no variables or loops, every number written out.

The result is a spec of its own that compiles to an equal Net: the same layers with the same arguments under the same
module paths, the same initialisers, the same recipe. A block stays where nothing else says which items are one module:
those that are `shared` in the body of a call without a name, which stands below a combinator.
"""

from __future__ import annotations

import re
from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from netspec.dims import Dim
from netspec.emit.naming import FreeNames
from netspec.language.reserved import reserved
from netspec.layers.base import TensorType
from netspec.net import As, Combinator, Initializer, Leaf, Net, Node, Scope, Sequential, Term, Use, need_net, walk
from netspec.views.describe import term_text
from netspec.wiring import Wiring
from netspec.writing import block, flow, written


def expand(net: Net) -> str:
    """The flat YAML of a net.

    >>> print(netspec.expand(netspec.loads("{input: [4], layers: [{repeat: 2, do: [Linear: 8, ReLU]}]}")), end="")
    name: string
    input: [4]
    <BLANKLINE>
    layers:
      - Linear: 8
      - ReLU
      - Linear: 8
      - ReLU
    """
    need_net(net, "expand")
    common = _common_initializers(net)
    first = net.named_inputs[0].slot if net.named_inputs else None
    wiring = Wiring(net)
    names = _value_names(net)
    bodies = _Bodies({}, FreeNames((*names.values(), *_symbols(net))))
    given = _Given(common, names, names, first, wiring, bodies, net.root.path, net.root.path)
    lines = [f"name: {written(net.name)}"]
    if net.description:
        lines.append(f"description: {written(net.description)}")
    if net.plugins:
        lines.append(f"plugins: {flow([plugin.name for plugin in net.plugins], written)}")
    lines.append(f"input: {_input(net)}")
    children = list(_children(net.root, given))
    for (parameters, body), name in bodies.names.items():
        lines += ["", "blocks:"] if name == next(iter(bodies.names.values())) else []
        head = f"{name}({', '.join(parameters)})" if parameters else name
        lines += [f"  {head}:", *(f"    {line}" for line in body)]
    lines += ["", "layers:", *(f"  {line}" for line in children)] if children else ["", "layers: []"]
    lines += _output(net, given)
    if common:
        lines += ["", "init:", *(f"  {type_}: {_initializers(init)}" for type_, init in common.items())]
    if net.recipe is not None:
        lines += ["", "train:", *(f"  {line}" for line in block(net.recipe.to_dict()))]
    return "\n".join(lines) + "\n"


def _input(net: Net) -> str:
    if net.named_inputs:
        return "{" + ", ".join(f"{value.name}: {_type(value.type)}" for value in net.named_inputs) + "}"
    return _type(net.input)


def _type(value: TensorType) -> str:
    shape = flow(value.shape, other=lambda size: written(str(size)))
    return shape if value.dtype == "float32" else f"{{shape: {shape}, dtype: {value.dtype}}}"


def _output(net: Net, given: _Given) -> list[str]:
    if not net.named_outputs:
        return []
    texts: list[str] = []
    for value in net.named_outputs:
        names = [given.values[slot] for slot in value.slots]
        text = written(f"[{', '.join(names)}]") if value.family else names[0]
        texts.append(text if value.name is None else f"{value.name}: {text}")
    return ["", f"output: {texts[0]}" if net.named_outputs[0].name is None else f"output: {{{', '.join(texts)}}}"]


class _Bodies(NamedTuple):
    """The blocks that stay."""

    names: dict[tuple[tuple[str, ...], tuple[str, ...]], str]
    """The name of each, by its parameters and the lines of its body."""
    free: FreeNames


class _Given(NamedTuple):
    """What is decided for the whole net, and where in it what is written stands."""

    initializers: Mapping[str, tuple[Initializer, ...]]
    """Those of types whose layers are all initialised alike."""
    names: MutableMapping[int, str]
    """The name of each value, by slot; by ~slot that of what flows by while the value is computed."""
    values: MutableMapping[int, str]
    """What says each value here: its name, or the place in the family that a block gives, `f[0]`."""
    input: int | None
    """The slot of the first input, which `input` names."""
    wiring: Wiring
    bodies: _Bodies
    home: str
    """The path of the module in which those are one module that are `shared` here under one name."""
    chain: str
    """The path of the chain that stands here."""

    @property
    def read(self) -> Counter[int]:
        """How often each value is read."""
        return self.wiring.read


# ---- layers


def _children(chain: Sequential | Scope, given: _Given) -> Iterator[str]:
    if isinstance(chain, Sequential):
        given = given._replace(chain=chain.path)
    for node in chain.children:
        yield from _item(node, given)


def _item(node: Node, given: _Given) -> Iterator[str]:
    match node:
        case Scope() if given.home != given.chain and _shares(node, given):
            yield from _call(node, given)
        case Scope():
            yield from _children(node, given)
        case Leaf():
            yield from _leaf(node, given)
        case Sequential():
            inside = given._replace(home=node.path)
            yield from _under("- sequential:", list(_children(node, inside)), "    ")
            yield from _name(node, given)
        case Combinator():
            yield from _combinator(node, given)
        case As():
            yield from _as(node, given)
        case Use():
            yield f"- use: {written(_term(node.term, given))}"


def _shares(scope: Scope, given: _Given) -> bool:
    """Whether items in the body of a call are `shared` there: not in a call or a nested list within."""
    if scope.kind != "block":
        return False
    pending = list(scope.children)
    while pending:
        node = pending.pop()
        if isinstance(node, Leaf | Sequential | Combinator) and node.path in given.wiring.shared:
            return True
        if isinstance(node, Combinator):
            pending += [child for _, chain in node.branches for child in chain.children]
        elif isinstance(node, Scope) and node.kind != "block":
            pending += node.children
    return False


def _call(scope: Scope, given: _Given) -> Iterator[str]:
    """A call of a block that stays: what its body reads is given to it, and what is read of it behind is its output."""
    wires = given.wiring.of(scope)
    inside = given._replace(values=ChainMap({}, given.names), home=given.chain)
    lines = list(_children(scope, inside))
    if wires.gives:
        lines.append(f"- output: {flow([inside.values[slot] for slot in wires.gives])}")
    key = tuple(given.names[slot] for slot in wires.reads), tuple(lines)
    names, free = given.bodies
    if key not in names:
        names[key] = free(scope.block or "body")
    arguments = [given.values[slot] for slot in wires.reads]
    yield f"- {names[key]}: {flow(arguments)}" if arguments or wires.gives else f"- {names[key]}"
    if wires.gives:
        family = free(f"{names[key]}_values")
        given.values.update({slot: f"{family}[{i}]" for i, slot in enumerate(wires.gives)})
        yield f"  as: {family}"


def _name(node: Leaf | Sequential | Combinator, given: _Given) -> Iterator[str]:
    if node.name is not None:
        yield f"  {'shared' if node.path in given.wiring.shared else 'name'}: {written(node.name)}"


def _under(head: str, lines: Sequence[str], indent: str) -> Iterator[str]:
    """A head with the list under it, or `[]` beside it."""
    if lines:
        yield head
        yield from (indent + line for line in lines)
    else:
        yield f"{head} []"


def _leaf(leaf: Leaf, given: _Given) -> Iterator[str]:
    arguments = written_arguments(leaf.layer)
    for name, reads in leaf.inputs.items():
        names = [given.values[read.slot] for read in reads]
        arguments[name] = names[0] if len(names) == 1 else names
    head = f"- {leaf.type}"
    options: list[str] = []
    options += (line.strip() for line in _name(leaf, given))
    if leaf.frozen:
        options.append("freeze: true")
    if leaf.init and leaf.init != given.initializers.get(leaf.type):
        options.append(f"init: {_initializers(leaf.init)}")
    if leaf.parametrization is not None:
        written_out = leaf.parametrization.written()
        stated = written_out[leaf.parametrization.word]
        options.append(f"parametrize: {flow(written_out if stated else leaf.parametrization.word)}")
    if leaf.ties:
        ties = (f"{tie.parameter}: {written(f'{tie.path}.{tie.name}')}" for tie in leaf.ties)
        options.append(f"tie: {{{', '.join(ties)}}}")
    if leaf.results:
        names = (written(given.values[r.slot]) if given.read[r.slot] else "_" for r in leaf.results)
        options.append(f"as: [_, {', '.join(names)}]")
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


def _combinator(node: Combinator, given: _Given) -> Iterator[str]:
    branches = [list(_children(chain, given)) for _, chain in node.branches]
    joining = node.joining
    if joining.several:
        yield f"- {node.kind}:"
        sides: dict[str, list[str]] = {}
        for (key, _), lines in zip(node.branches, branches, strict=True):
            if key in joining.sides:
                sides[key] = lines
            elif lines:
                yield f"    - {lines[0]}"
                yield from (f"      {line}" for line in lines[1:])
            else:
                yield "    - []"
        for side, lines in sides.items():
            yield from _under(f"  {side}:", lines, "    ")
    else:
        body, *others = branches
        yield from _under(f"- {node.kind}:", body, "    ")
        for side, lines in zip(joining.sides, others, strict=True):
            if lines:
                yield from _under(f"  {side}:", lines, "    ")
    yield from (f"  {name}: {flow(value)}" for name, value in written_arguments(joining).items())
    yield from _name(node, given)


# ---- values


def _value_names(net: Net) -> dict[int, str]:
    """A name of its own for each value: blocks and rounds of loops, which told equal names apart, are gone."""
    names = {value.slot: value.name for value in net.named_inputs if value.slot is not None and value.name is not None}
    free = FreeNames(names.values())
    symbols = _symbols(net)

    def named(name: str) -> str:
        """`p[3]` as `p_3`, with a number behind it where that is taken."""
        plain = re.sub(r"\W+", "_", name).rstrip("_")
        if reserved(plain) is not None or plain in symbols:  # an output may have such a name, a value may not
            plain = f"{plain}_value"
        return free(plain)

    for node in walk(net.root):
        for result in node.results if isinstance(node, Leaf) else ():
            names[result.slot] = named(result.name)
        if isinstance(node, As) and node.slot not in names:
            names[node.slot] = named(node.name)
            if node.term is not None:
                names[~node.slot] = named(f"before_{node.name}")
    return names


def _symbols(net: Net) -> set[str]:
    return {s for value in net.inputs for size in value.type.shape if isinstance(size, Dim) for s in size.symbols}


def _as(node: As, given: _Given) -> Iterator[str]:
    name = given.values[node.slot]
    if node.slot == given.input or not given.read[node.slot]:
        return
    if node.term is None:
        yield f"- as: {name}"
        return
    here = given.values[~node.slot]
    yield f"- as: {here}"
    yield f"- use: {written(_term(node.term, given))}"
    yield f"- as: {name}"
    yield f"- use: {here}"


def _term(term: Term, given: _Given) -> str:
    return term_text(term, lambda read: given.values[read.slot])


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
