"""What Python does with the tensor that flows through a network: layers applied, functions and methods called."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from netspec.mends.calls import (
    Manner,
    NoChain,
    WrittenItem,
    call_text,
    called_name,
    folded,
    function_entries,
    shaped,
    unparsed,
)
from netspec.writing import flow, written

Names = dict[str, Any]
"""What names stand for: numbers, texts, lists, modules, the tensor that flows."""


class Held(NamedTuple):
    """A module that Python holds."""

    entries: tuple[WrittenItem, ...]
    container: bool = False
    """Whether it is a module of modules, whose names are part of keys."""
    parts: tuple[Held, ...] | None = None
    """The modules of a list of modules, which is none that runs."""


class Tensor(NamedTuple):
    """What flowed at some place."""

    at: int
    several: bool = False
    """Whether torch gives a tuple there, of which this is the first: values and their places, outputs and states."""


JOINED: Final = "`residual`, `add`, `concat`, and `as` with `use` say it"


class BatchSize:
    """The number of examples in a batch."""


BATCH: Final = BatchSize()


class Flowing:
    """The items that a tensor has flowed through."""

    def __init__(self, manner: Manner) -> None:
        self.manner: Final = manner
        self.entries: list[WrittenItem] = []
        self.at = 0
        self._uses: dict[str, list[int]] = {}
        self.flattened: list[tuple[int, int, str]] = []
        """Where `view(-1, n)` stands, which gives each example n values only if it has as many."""

    def tensor(self) -> Tensor:
        """What flows now."""
        return Tensor(self.at, not self.manner.keras and gives_several(self.entries))

    def is_current(self, x: Tensor) -> bool:
        """Whether a tensor is the one that flows now."""
        return x.at == self.at

    def put(self, entries: Sequence[WrittenItem]) -> Tensor:
        """Let the tensor flow through items."""
        self.entries += entries
        self.at += 1
        return self.tensor()

    def apply(self, held: Held, key: str | None, node: ast.expr) -> Tensor:
        """Let the tensor flow through a module, which has the name `key` in keys."""
        if held.parts is not None and not held.container:
            raise NoChain(f"`{unparsed(node)}`, a list of modules, which is none itself", node.lineno)
        entries = list(held.entries)
        if held.container and key is not None:
            stateful = any(entry.stateful for entry in entries)
            entries = [WrittenItem("sequential", key, inside=held.entries, stateful=stateful)] if entries else []
        elif entries and key is not None and entries[0].stateful:
            entries[0] = entries[0]._replace(name=key)
        if entries and key is not None and entries[0].stateful:
            self._uses.setdefault(key, []).append(len(self.entries))
            if len(entries) > 1:
                self._uses.pop(key)
        return self.put(entries)

    def doubts(self) -> list[str]:
        """The `view(-1, n)` behind which no layer wants n values."""
        told: list[str] = []
        for at, size, text in self.flattened:
            behind = "\n".join("\n".join(entry.lines()) for entry in self.entries[at:])
            wanted = re.search(r"\bin_features: (\d+)", behind)
            if wanted is None or int(wanted[1]) != size:
                told.append(text)
        return told

    def finished(self) -> tuple[WrittenItem, ...]:
        """The items; a module with parameters that ran several times is shared."""
        for places in self._uses.values():
            for at in places if len(places) > 1 else ():
                self.entries[at] = self.entries[at]._replace(shared=True)
        return tuple(self.entries)


def apply_function(name: str, node: ast.Call, args: Sequence[ast.expr], names: Mapping[str, Any], x: Flowing) -> Tensor:
    """Let the tensor flow through a function or method of torch's.

    Args:
        name: that of the function, `max_pool2d` or `view`.
        args: its arguments without the tensor.

    Raises:
        NoChain: it is no layer.
    """
    if name in _NOTHING:
        return x.tensor()
    if name in _JOINS:
        raise NoChain(f"`{unparsed(node.func)}`, which joins values", node.lineno, JOINED)
    special = _SPECIAL.get(name)
    if special is not None:
        keywords = {k.arg: k.value for k in node.keywords if k.arg is not None}
        sizes = _one_list(list(args)) if special is _view else []
        if len(sizes) == 2 and _is(sizes[0], -1, names):
            x.flattened.append((len(x.entries), folded(sizes[1], names), unparsed(node)))
        return x.put(special(node, list(args), keywords, names, x.entries))
    return x.put(function_entries(name, node, args, names, x.manner))


_NOTHING: Final = frozenset(
    ("contiguous", "clone", "detach", "float", "cuda", "cpu", "to", "half", "double", "requires_grad_", "identity")
)
_JOINS: Final = frozenset(
    ("cat", "concat", "concatenate", "stack", "add", "add_", "sub", "mul", "matmul", "bmm", "einsum", "mm")
)


def has_tensor(node: ast.expr, names: Mapping[str, Any]) -> bool:
    """Whether an expression computes with what flows."""
    return any(isinstance(n, ast.Name) and isinstance(names.get(n.id), Tensor) for n in ast.walk(node))


def is_batch(node: ast.expr, names: Mapping[str, Any]) -> bool:
    """Whether an expression is the number of examples: `x.size(0)`, `x.shape[0]`, `len(x)`, or a name of one."""
    match node:
        case ast.Call(func=ast.Attribute(attr="size"), args=[ast.Constant(value=0)]):
            return True
        case ast.Subscript(value=ast.Attribute(attr="shape"), slice=ast.Constant(value=0)):
            return True
        case ast.Subscript(value=ast.Call(func=ast.Attribute(attr="size"), args=[]), slice=ast.Constant(value=0)):
            return True
        case ast.Call(func=ast.Name(id="len")):
            return True
        case ast.Name():
            return names.get(node.id) is BATCH
        case _:
            return False


_Arguments = Mapping[str, ast.expr]


def _one_list(args: list[ast.expr]) -> list[ast.expr]:
    """The sizes of `view(a, b)`, `view((a, b))`."""
    return list(args[0].elts) if len(args) == 1 and isinstance(args[0], ast.Tuple | ast.List) else args


def _view(
    node: ast.Call, args: list[ast.expr], _: _Arguments, names: Mapping[str, Any], before: Sequence[WrittenItem]
) -> list[WrittenItem]:
    sizes = _one_list(args)
    first = sizes[0] if sizes else None
    if first is None or not (is_batch(first, names) or _is(first, -1, names)):
        raise NoChain(f"`{unparsed(node)}`, which changes the batch axis", node.lineno)
    if len(sizes) == 2:
        return [WrittenItem("Flatten")]
    made = shaped([folded(size, names) for size in sizes[1:]], node.lineno)
    return made[1:] if not before or before[-1].call.startswith(("Flatten", "Linear")) else made


def _is(node: ast.expr, value: int, names: Mapping[str, Any]) -> bool:
    try:
        return folded(node, names) == value
    except NoChain:
        return False


def _flatten(
    node: ast.Call, args: list[ast.expr], keywords: _Arguments, names: Mapping[str, Any], _: Sequence[WrittenItem]
) -> list[WrittenItem]:
    start = args[0] if args else keywords.get("start_dim")
    end = args[1] if len(args) > 1 else keywords.get("end_dim")
    first, last = 0 if start is None else folded(start, names), -1 if end is None else folded(end, names)
    if first == 0:
        raise NoChain(f"`{unparsed(node)}`, which makes one axis of the batch and all others", node.lineno)
    given = [("start_dim", first)] * (first != 1) + [("end_dim", last)] * (last != -1)
    return [WrittenItem(call_text("Flatten", [(key, flow(value, written)) for key, value in given]))]


def _squeeze(
    node: ast.Call, args: list[ast.expr], keywords: _Arguments, names: Mapping[str, Any], before: Sequence[WrittenItem]
) -> list[WrittenItem]:
    pooled, last = _last_call(before[:-1]), _last_call(before)
    if last.startswith("Adaptive"):
        return [WrittenItem("Flatten")]
    if last == "Flatten" and pooled.startswith("Adaptive"):
        return []  # of `squeeze(-1).squeeze(-1)`
    raise NoChain(f"`{unparsed(node)}`, which takes axes of size 1 away", node.lineno)


def _last_call(entries: Sequence[WrittenItem]) -> str:
    while entries and entries[-1].inside:
        entries = entries[-1].inside
    return entries[-1].call if entries else ""


def _permute(
    node: ast.Call, args: list[ast.expr], keywords: _Arguments, names: Mapping[str, Any], _: Sequence[WrittenItem]
) -> list[WrittenItem]:
    order = [int(one) for one in (folded(one, names) for one in _one_list(args)) if isinstance(one, int)]
    if order[:1] != [0] or len(order) > 6 or sorted(order) != list(range(len(order))):
        raise NoChain(f"`{unparsed(node)}`, which moves the batch axis", node.lineno)
    axes = ["n", *"abcdefg"[: len(order) - 1]]
    return [WrittenItem(f"Rearrange: {' '.join(axes)} -> {' '.join(axes[at] for at in order)}")]


def _transpose(
    node: ast.Call, args: list[ast.expr], keywords: _Arguments, names: Mapping[str, Any], _: Sequence[WrittenItem]
) -> list[WrittenItem]:
    if sorted(folded(one, names) % 3 for one in args) != [1, 2]:
        raise NoChain(f"`{unparsed(node)}`, which moves the batch axis", node.lineno)
    return [WrittenItem("Rearrange: n a b -> n b a")]


def _mean(
    node: ast.Call, args: list[ast.expr], keywords: _Arguments, names: Mapping[str, Any], _: Sequence[WrittenItem]
) -> list[WrittenItem]:
    dim = args[0] if args else keywords.get("dim", keywords.get("axis"))
    kept = args[1] if len(args) > 1 else keywords.get("keepdim", keywords.get("keepdims"))
    if dim is None or len(args) > 2:
        raise NoChain(f"`{unparsed(node)}`, which is over the batch, too", node.lineno)
    keep = kept is not None and folded(kept, names) is True
    name = (called_name(node.func) or "").capitalize()
    return [WrittenItem(f"{name}: {{dim: {flow(folded(dim, names), written)}{', keepdim: true' if keep else ''}}}")]


_Special = Callable[[ast.Call, list[ast.expr], _Arguments, Mapping[str, Any], Sequence[WrittenItem]], list[WrittenItem]]
_SPECIAL: Final[Mapping[str, _Special]] = {
    "view": _view, "reshape": _view, "flatten": _flatten, "squeeze": _squeeze, "permute": _permute,
    "transpose": _transpose, "mean": _mean, "sum": _mean,
}  # fmt: skip


def gives_several(entries: Sequence[WrittenItem]) -> bool:
    """Whether the last module gives a tuple in torch: a recurrent layer its outputs and its states, `max` places."""
    return _last_call(entries).partition(":")[0] in (
        "LSTM",
        "GRU",
        "RNN",
        "MultiheadAttention",
        "SelfAttention",
        "Max",
        "Min",
    )


def selected(node: ast.Subscript, names: Mapping[str, Any]) -> list[WrittenItem]:
    """`x[:, -1, :]`: one place of an axis.

    Raises:
        NoChain: it is another part of the tensor.
    """
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    whole = [isinstance(part, ast.Slice) and part.lower is part.upper is part.step is None for part in parts]
    places = [at for at, is_whole in enumerate(whole) if not is_whole]
    if len(places) == 1 and places[0] > 0 and not isinstance(parts[places[0]], ast.Slice):
        index = folded(parts[places[0]], names)
        if isinstance(index, int):
            return [WrittenItem(f"Select: {{dim: {places[0]}, index: {index}}}")]
    raise NoChain(f"`{unparsed(node)}`, a part of a tensor", node.lineno)
