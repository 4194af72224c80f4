"""Compare two nets: sizes and costs with their ratios, and the differences between their layers."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import networkx as nx

from netspec.dims import Dim, Size, counted, product
from netspec.layers.base import TensorType
from netspec.net import Leaf, Net, total
from netspec.views.describe import bytes_text, count_text, ends_text, layer_text, plural, times, value_text
from netspec.views.graph import graph

FORMAT: Final = "netspec.comparison/1"

_FLOAT32: Final = 4
"""Bytes of a float32."""

_MOST_PAIRS: Final = 2_000_000
"""Equal pairs of layers up to which the alignment is exact."""


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity of both nets."""

    key: str
    """The name of the quantity in JSON."""
    title: str
    a: Size
    b: Size
    in_bytes: bool = False

    @property
    def ratio(self) -> float | None:
        """b / a; None if a is 0 or one of the two is a formula."""
        if isinstance(self.a, Dim) or isinstance(self.b, Dim) or self.a == 0:
            return None
        return self.b / self.a


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the layers. `a` is None for an added layer, `b` for a removed one; `arguments` of a
    changed layer are triples of name, value in a, value in b."""

    kind: Literal["added", "removed", "changed"]
    a: Leaf | None
    b: Leaf | None
    arguments: tuple[tuple[str, Any, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of `compare`."""

    a: Net
    b: Net
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]

    @property
    def sentence(self) -> str:
        """A summary: "alexnet has 757.9 times the parameters of lenet and 2,252.3 times its MACs"."""
        return _sentence(self)

    def to_text(self) -> str:
        """The quantities as an aligned table, the sentence, and the differences between the layers."""
        return _text(self)

    def to_markdown(self) -> str:
        """The same as `to_text` in GitHub's Markdown, with the differences as a diff."""
        return _markdown(self)

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain dicts, lists, strings and numbers, in the format `netspec.comparison/1`."""
        return _json(self)


def compare(a: Net, b: Net) -> Comparison:
    """Compare two nets; ratios are b / a.

    Activations are the number of elements of all layer outputs for one example; the longest path is the number of
    layers on the longest way from the input to the output; weights are in bytes of float32.
    """
    rows = (
        Row("layers", "layers", len(a.layers), len(b.layers)),
        Row("depth", "longest path", _depth(a), _depth(b)),
        Row("params", "parameters", a.params, b.params),
        Row("trainable_params", "trainable", a.trainable_params, b.trainable_params),
        Row("buffers", "buffers", a.buffers, b.buffers),
        Row("macs", "MACs", a.macs, b.macs),
        Row("flops", "FLOPs", a.flops, b.flops),
        Row("weight_bytes", "weights", _bytes(a), _bytes(b), in_bytes=True),
        Row("activations", "activations", _activations(a), _activations(b)),
    )
    return Comparison(a, b, rows, tuple(_changes(a.layers, b.layers)))


def _activations(net: Net) -> Size:
    return total(
        counted(lambda leaf=leaf: product(leaf.output_shape) * (1 if leaf.output.constant else leaf.slices))
        for leaf in net.layers
    )


def _bytes(net: Net) -> Size:
    return counted(lambda: _FLOAT32 * net.params)


def _depth(net: Net) -> int:
    """The number of layers on the longest path, by the topological order. Joins and auxiliary heads do not count."""
    view = graph(net)
    longest: dict[str, int] = {}
    for node in nx.topological_sort(view):
        before = max((longest[other] for other in view.predecessors(node)), default=0)
        longest[node] = before + (view.nodes[node]["kind"] == "layer" and not view.nodes[node]["auxiliary"])
    return max(longest.values())


# ---- layer by layer


def _changes(a: Sequence[Leaf], b: Sequence[Leaf]) -> Iterator[Change]:
    """Align the layers by type and arguments; within a differing stretch, align them again by type alone, so that a
    layer with other arguments is reported as changed and not as removed and added."""
    for tag, a0, a1, b0, b1 in _aligned([_key(leaf) for leaf in a], [_key(leaf) for leaf in b]):
        if tag != "equal":
            yield from _stretch(a[a0:a1], b[b0:b1])


def _stretch(a: Sequence[Leaf], b: Sequence[Leaf]) -> Iterator[Change]:
    for tag, a0, a1, b0, b1 in _aligned([leaf.type for leaf in a], [leaf.type for leaf in b]):
        if tag == "equal":
            for old, new in zip(a[a0:a1], b[b0:b1], strict=True):
                yield Change("changed", old, new, tuple(_arguments(old, new)))
        else:
            yield from (Change("removed", old, None) for old in a[a0:a1])
            yield from (Change("added", None, new) for new in b[b0:b1])


def _aligned(a: Sequence[Hashable], b: Sequence[Hashable]) -> Sequence[tuple[str, int, int, int, int]]:
    """difflib's opcodes. With many equal pairs, difflib's heuristic (`autojunk`) is used, since the time grows with
    their number: two nets of 10,000 equal layers have a hundred million."""
    often = Counter(b)
    pairs = sum(often[key] for key in a)
    return difflib.SequenceMatcher(None, a, b, autojunk=pairs > _MOST_PAIRS).get_opcodes()


def _key(leaf: Leaf) -> Hashable:
    """A key that is equal for layers with equal type and arguments. Inferred sizes are ignored, since they follow from
    the layer before."""
    inferred = leaf.layer.inferred(leaf.input)
    arguments = repr([(name, value) for name, value in leaf.args.items() if name not in inferred])
    return leaf.type, arguments, leaf.frozen, leaf.borrows, leaf.parametrization


def _arguments(old: Leaf, new: Leaf) -> Iterator[tuple[str, Any, Any]]:
    inferred = old.layer.inferred(old.input)
    before, after = old.args, new.args
    for name in before:
        if name not in inferred and before[name] != after[name]:
            yield name, before[name], after[name]
    if old.frozen != new.frozen:
        yield "freeze", old.frozen, new.frozen
    if old.parametrization != new.parametrization:
        before, after = (leaf.parametrization and leaf.parametrization.written() for leaf in (old, new))
        yield "parametrize", before, after
    if old.borrows != new.borrows:
        yield "shared with an earlier layer", old.borrows, new.borrows


# ---- renderings


def _sentence(comparison: Comparison) -> str:
    a, b = comparison.a.name, comparison.b.name
    if a == b:
        a, b = "A", "B"
    ratios = {row.key: row.ratio for row in comparison.rows}
    params, macs = ratios["params"], ratios["macs"]
    if params is None:
        return f"{a} has {count_text(comparison.a.params)} parameters, {b} has {count_text(comparison.b.params)}"
    if macs is None:
        return f"{b} has {_times(params)} the parameters of {a}"
    if params == 1 and macs == 1:
        return f"{a} and {b} have equally many parameters and MACs"
    return f"{b} has {_times(params)} the parameters of {a} and {_times(macs)} its MACs"


def _times(ratio: float) -> str:
    return "exactly" if ratio == 1 else f"{times(ratio)} times"


def _cells(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    a, b = comparison.a, comparison.b
    names = (a.name, b.name) if a.name != b.name else (f"{a.name} (A)", f"{b.name} (B)")
    rows = [("", *names, "ratio")]
    for word, one, other in zip(("input", "output"), ends_text(a), ends_text(b), strict=True):
        rows.append((word, one, other, ""))
    for row in comparison.rows:
        ratio = "" if row.ratio is None else f"{times(row.ratio)} ×"
        rows.append((row.title, _amount(row, row.a), _amount(row, row.b), ratio))
    return rows


def _amount(row: Row, value: Size) -> str:
    return bytes_text(value) if row.in_bytes and isinstance(value, int) else count_text(value)


def _text(comparison: Comparison) -> str:
    rows = _cells(comparison)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    lines.insert(1, "─" * (sum(widths) + 6))
    lines = [line.rstrip() for line in lines]
    return "\n".join([*lines, "", f"{comparison.sentence}.", "", *_difference(comparison)])


def _difference(comparison: Comparison) -> list[str]:
    if not comparison.changes:
        return ["The layers are the same, one by one."]
    places = [_place(change) for change in comparison.changes]
    width = max(len(place) for place in places)
    kinds = [change.kind for change in comparison.changes]
    counts = [f"{kinds.count(kind)} {kind}" for kind in ("added", "removed", "changed") if kind in kinds]
    lines = [f"{plural(len(kinds), 'difference')} between the layers: {', '.join(counts)}"]
    for change, place in zip(comparison.changes, places, strict=True):
        sign = {"added": "+", "removed": "-", "changed": "~"}[change.kind]
        lines.append(f"{sign} {place.ljust(width)}  {_words(change)}")
    return lines


def _place(change: Change) -> str:
    """The layer's path; `7 → 14` if it has different paths in the two nets."""
    paths = [leaf.path for leaf in (change.a, change.b) if leaf is not None]
    return " → ".join(dict.fromkeys(paths))


def _words(change: Change) -> str:
    if change.kind != "changed":
        leaf = change.a or change.b
        assert leaf is not None
        return layer_text(leaf)
    assert change.a is not None
    layer = change.a.type
    parts = [
        f"{name} {value_text(layer, name, old)} → {value_text(layer, name, new)}" for name, old, new in change.arguments
    ]
    return f"{layer}: {', '.join(parts)}"


def _markdown(comparison: Comparison) -> str:
    rows = _cells(comparison)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|:--|--:|--:|--:|")
    return "\n".join([*lines, "", f"{comparison.sentence}.", "", "```diff", *_difference(comparison), "```"])


def _json(comparison: Comparison) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "a": _net(comparison.a),
        "b": _net(comparison.b),
        "rows": [
            {"quantity": row.key, "a": _number(row.a), "b": _number(row.b), "ratio": row.ratio}
            for row in comparison.rows
        ],
        "changes": [_change(change) for change in comparison.changes],
    }


def _net(net: Net) -> dict[str, Any]:
    return {
        "name": net.name,
        "source": net.source,
        "variant": net.variant,
        "input_shape": [_number(size) for size in net.input_shape],
        "output_shape": [_number(size) for size in net.output_shape],
        "inputs": [{"name": value.name, **_tensor(value.type)} for value in net.inputs],
        "outputs": [
            {"name": value.name, "family": value.family, "values": [_tensor(type_) for type_ in value.types]}
            for value in net.outputs
        ],
    }


def _tensor(type_: TensorType) -> dict[str, Any]:
    return {"shape": [_number(size) for size in type_.shape], "dtype": type_.dtype}


def _change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "a": None if change.a is None else {"path": change.a.path, "layer": layer_text(change.a)},
        "b": None if change.b is None else {"path": change.b.path, "layer": layer_text(change.b)},
        "arguments": [{"name": name, "a": _plain(old), "b": _plain(new)} for name, old, new in change.arguments],
    }


def _number(size: Size) -> int | str:
    return size if isinstance(size, int) else str(size)


def _plain(value: Any) -> Any:
    """A value for JSON: tuples become lists, other types strings."""
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[Any, ...]", value)]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
