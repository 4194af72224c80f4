"""The spec's initialisers as code: `model.apply(init_weights)` where that says the same, else rule by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from netspec.emit.python.code import WIDTH, Argument, FunctionCall, Literal, Raw, listing, literal, statement
from netspec.net import Initializer, Leaf, Net


@dataclass(frozen=True, slots=True)
class Weights:
    """The code for initial weights: a function at the top of the file, if one serves, and the lines that use it."""

    function: list[str]
    calls: list[str]

    @property
    def anything(self) -> bool:
        """True if the spec has initialisers."""
        return bool(self.calls)


def initial_weights(net: Net) -> Weights:
    """The code that applies the net's initialisers.

    With `init_weights` it does so in the order of the layers, as `netspec.build` does, so that a seed gives the same
    parameters; where layers of one class differ, rule by rule.
    """
    leaves = [leaf for leaf in net.layers if not leaf.again and any(True for _ in _applicable(leaf))]
    if not leaves:
        return Weights([], [])
    kinds = _by_kind(net)
    if kinds is None:
        return Weights([], _by_rule(leaves))
    return Weights(_function(kinds), ["    model.apply(init_weights)"])


def _applicable(leaf: Leaf) -> Iterator[Initializer]:
    """The initialisers whose parameter the layer has: with `bias: false` there is none for the bias."""
    yield from leaf.initialised


def _key(initializer: Initializer) -> Any:
    return initializer.parameter, initializer.function, tuple(initializer.arguments.items())


# ---- one function for all layers


_MAYBE_NO_BIAS: Final = frozenset(
    {"Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"}
)
"""Classes of `torch.nn` whose bias torch declares as `Tensor | None`: who fills it asks first, for type checkers. The
others' they take for a `Parameter` where it is None, too: who asks does so in a way that they do not call needless."""


@dataclass(slots=True)
class _Kind:
    """All layers of one class."""

    rules: dict[str, Initializer | None] = field(default_factory=dict[str, Initializer | None])
    """Parameter → its initialiser, None if it keeps torch's own."""
    optional: set[str] = field(default_factory=set[str])
    """Parameters that some of the layers do not have, or of which torch declares that they may be None."""


def _by_kind(net: Net) -> dict[str, _Kind] | None:
    """The rules of each class of layers, or None where layers of one class differ.

    `apply` also visits what is inside of layers, so a layer with modules of its own rules it out.
    """
    kinds: dict[str, _Kind] = {}
    parameters: dict[str, list[set[str]]] = {}
    for leaf in net.layers:
        call = leaf.call
        exist = leaf.layer.parameters(leaf.input)
        if any("." in name for name in exist) or (call.module != "torch.nn" and leaf.init):
            return None
        if call.module != "torch.nn":
            continue
        kind = kinds.setdefault(call.target, _Kind())
        parameters.setdefault(call.target, []).append(set(exist))
        found: dict[str, Initializer | None] = {one.parameter: one for one in _applicable(leaf)}
        for name in dict.fromkeys([*found, *exist]):
            if kind.rules.setdefault(name, found.get(name)) != found.get(name):
                return None
    for target, sets in parameters.items():
        lacking = {name for name in kinds[target].rules if not all(name in exist for exist in sets)}
        kinds[target].optional = lacking | (
            {"bias"} & kinds[target].rules.keys() if target in _MAYBE_NO_BIAS else set()
        )
    return {target: kind for target, kind in kinds.items() if any(kind.rules.values())}


def _function(kinds: dict[str, _Kind]) -> list[str]:
    lines = [
        "def init_weights(module: nn.Module) -> None:",
        '    """The initial weights of one layer, for `model.apply`."""',
    ]
    same = groupby(kinds.items(), key=lambda item: (list(item[1].rules.items()), sorted(item[1].optional)))
    for number, (_, group) in enumerate(same):
        members = list(group)
        classes = " | ".join(f"nn.{target}" for target, _ in members)
        kind = members[0][1]
        lines.append(f"    {'if' if number == 0 else 'elif'} isinstance(module, {classes}):")
        for name, initializer in kind.rules.items():
            if initializer is not None:
                declared = any(target in _MAYBE_NO_BIAS for target, _ in members)
                asked = f"module.{name}" if declared else f'getattr(module, "{name}", None)'
                lines += _line(initializer, f"module.{name}", 2, guard=asked if name in kind.optional else "")
    return lines


# ---- rule by rule


def _by_rule(leaves: Sequence[Leaf]) -> list[str]:
    """One loop for each set of layers of one class that are initialised alike."""
    groups: dict[Any, list[Leaf]] = {}
    for leaf in leaves:
        groups.setdefault((leaf.call.target, tuple(_key(found) for found in _applicable(leaf))), []).append(leaf)
    return [line for group in groups.values() for line in _alike(group)]


def _alike(leaves: Sequence[Leaf]) -> list[str]:
    initializers = list(_applicable(leaves[0]))
    paths = [leaf.path for leaf in leaves]
    if len(paths) == 1:
        return [line for one in initializers
                for line in _line(one, f'model.get_parameter("{paths[0]}.{one.parameter}")', 1)]  # fmt: skip
    head = f"    for path in {literal(paths)}:"
    lines = [head] if len(head) <= WIDTH else listing([Literal(path) for path in paths], 1, "for path in ")
    lines = [*lines[:-1], lines[-1].removesuffix(":") + ":"]
    for one in initializers:
        lines += _line(one, f'model.get_parameter(f"{{path}}.{one.parameter}")', 2)
    return lines


def _line(initializer: Initializer, tensor: str, indent: int, *, guard: str = "") -> list[str]:
    arguments = [Argument(Literal(value), name, keyword=True) for name, value in initializer.arguments.items()]
    call = FunctionCall(f"nn.init.{initializer.function}", (Argument(Raw(tensor)), *arguments))
    if not guard:
        return statement("", call, indent)
    return [f"{'    ' * indent}if {guard} is not None:", *statement("", call, indent + 1)]
