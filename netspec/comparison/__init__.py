"""Compare nets: sizes and costs with their ratios, and of two nets the differences between their layers."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast, overload

from netspec.comparison.changes import Change, changes_of
from netspec.comparison.grid import as_csv, as_html, as_latex, as_markdown, as_text
from netspec.comparison.parts import SideBySide, pairs_of
from netspec.comparison.quantities import QUANTITIES, Quantity, Row, names_of, ratio, rows_of
from netspec.dims import Size
from netspec.layers.base import TensorType
from netspec.net import Net, need_net
from netspec.views.describe import bytes_text, count_text, ends_text, layer_text, times, value_text

__all__ = ["FORMAT", "FORMAT_OF_SEVERAL", "Change", "Comparison", "Row", "SeveralNets", "compare"]

FORMAT: Final = "netspec.comparison/1"
FORMAT_OF_SEVERAL: Final = "netspec.comparisons/1"

Say = Callable[[str], str]
"""What is said for English words in which `{…}` stands for names and numbers: the same in another language."""

_COLUMNS: Final = ("layers", "params", "macs", "weight_bytes")
"""The quantities of several nets that a table has, which has a line for each net."""
_WITH_RATIO: Final = ("params", "macs")


@dataclass(frozen=True, repr=False)
class Comparison:
    """The result of `compare`."""

    a: Net
    b: Net
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]

    def __repr__(self) -> str:
        return f"<Comparison: {self.sentence}>"

    @property
    def sentence(self) -> str:
        """A summary: "alexnet has 757.9 times the parameters of lenet and 2,252.3 times its MACs"."""
        return self.sentence_as(str)

    def sentence_as(self, say: Say) -> str:
        """The summary in the words that `say` has for English ones."""
        return _sentence(self, say)

    @cached_property
    def pairs(self) -> tuple[SideBySide, ...]:
        """The blocks and layers of both nets as people see them, side by side."""
        return pairs_of(self.a, self.b)

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The quantities as rows of texts: title, the value of either net, the ratio; the first one has the names."""
        return _cells(self)

    @property
    def differences(self) -> list[str]:
        """Lines of text: how many layers differ, what the signs and paths mean, and each of those layers."""
        return self.differences_as(str)

    def differences_as(self, say: Say) -> list[str]:
        """The lines in the words that `say` has for English ones; names of layers and arguments are as they are."""
        return _difference(self, say)

    def to_text(self, width: int | None = None) -> str:
        """The quantities as an aligned table, the sentence, and the differences between the layers; lines that are
        longer than `width` are broken at blanks."""
        lines = [f"{self.sentence}.", "", *self.differences]
        return "\n".join([*as_text(self.cells), "", *(part for line in lines for part in _broken(line, width))])

    def to_markdown(self) -> str:
        """The same as `to_text` in GitHub's Markdown, with the differences as a diff."""
        return "\n".join(
            [*as_markdown(self.cells), "", f"{self.sentence}.", "", "```diff", *self.differences, "```"]
        )  # fmt: skip

    def to_latex(self) -> str:
        """The quantities as a `tabular` of LaTeX, which takes no package."""
        return "\n".join(as_latex(self.cells))

    def to_csv(self) -> str:
        """The quantities as CSV: `quantity`, the value of either net, `ratio`; numbers without separators."""
        names = names_of((self.a, self.b))
        rows = [[row.key, row.a, row.b, "" if row.ratio is None else row.ratio] for row in self.rows]
        return as_csv([["quantity", *names, "ratio"], *rows])

    def to_html(self) -> str:
        """The same as `to_text` as a piece of HTML without a style: a table, a paragraph, a list of differences."""
        lines = [*as_html(self.cells), f"<p>{html.escape(self.sentence)}.</p>"]
        return "\n".join([*lines, "<pre>" + html.escape("\n".join(self.differences)) + "</pre>"])

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain dicts, lists, strings and numbers, in the format `netspec.comparison/1`."""
        return {
            "format": FORMAT,
            "a": _net(self.a),
            "b": _net(self.b),
            "rows": [
                {"quantity": row.key, "a": _number(row.a), "b": _number(row.b), "ratio": row.ratio} for row in self.rows
            ],
            "changes": [_change(change) for change in self.changes],
        }


@overload
def compare(a: Net, b: Net) -> Comparison: ...
@overload
def compare(a: Net, b: Net, *others: Net) -> Comparison | SeveralNets: ...
def compare(a: Net, b: Net, *others: Net) -> Comparison | SeveralNets:
    """Compare two nets, also layer by layer, or the quantities of several; ratios are those to the first one.

    Activations are the number of elements of all layer outputs for one example; the longest path is the number of
    layers on the longest way from the input to the output; weights are in bytes of float32.

    >>> a, b = netspec.load("specs/lenet.yaml"), netspec.load("specs/alexnet.yaml")
    >>> netspec.compare(a, b).sentence
    'alexnet has 757.9 times the parameters of lenet and 2,252.3 times its MACs'
    >>> [row.key for row in netspec.compare(a, b).rows if row.ratio and row.ratio > 1000]
    ['macs', 'flops']

    >>> netspec.compare(a, b, netspec.load("specs/alexnet.yaml")).names
    ['lenet', 'alexnet (B)', 'alexnet (C)']
    """
    for net in (a, b, *others):
        need_net(net, "compare")
    if others:
        return SeveralNets((a, b, *others))
    return Comparison(a, b, rows_of(a, b), tuple(changes_of(a.layers, b.layers)))


class SeveralNets:
    """The quantities of several nets; ratios are those to the first one. `compare` gives it of more than two."""

    def __repr__(self) -> str:
        return f"<SeveralNets: {', '.join(self.names)}>"

    def __init__(self, nets: Sequence[Net]) -> None:
        self.nets = tuple(nets)
        self.names = names_of(self.nets)
        self.rows: tuple[tuple[Quantity, tuple[Size, ...]], ...] = tuple(
            (quantity, tuple(map(quantity.of, self.nets))) for quantity in QUANTITIES
        )

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """A row of texts for each net, behind the titles of the columns."""
        head = [""]
        lines = [[name] for name in self.names]
        shown = {quantity.key: (quantity, values) for quantity, values in self.rows}
        for quantity, values in (shown[key] for key in _COLUMNS):
            head += [quantity.title, *(["ratio"] if quantity.key in _WITH_RATIO else [])]
            for line, value in zip(lines, values, strict=True):
                line.append(quantity.text(value))
                if quantity.key in _WITH_RATIO:
                    line.append(_ratio_text(ratio(values[0], value)))
        return [tuple(head), *map(tuple, lines)]

    def to_text(self) -> str:
        """An aligned table with a line for each net."""
        return "\n".join(as_text(self.cells))

    def to_markdown(self) -> str:
        """The same in GitHub's Markdown."""
        return "\n".join(as_markdown(self.cells))

    def to_latex(self) -> str:
        """The same as a `tabular` of LaTeX, which takes no package."""
        return "\n".join(as_latex(self.cells))

    def to_html(self) -> str:
        """The same as a table of HTML without a style."""
        return "\n".join(as_html(self.cells))

    def to_csv(self) -> str:
        """Every quantity as CSV, with a line for each net; numbers without separators."""
        head = ["net", *(quantity.key for quantity, _ in self.rows)]
        return as_csv([head, *([name, *values] for name, *values in zip(self.names, *self.values(), strict=True))])

    def to_json(self) -> dict[str, Any]:
        """Every quantity as plain dicts, lists, strings and numbers, in the format `netspec.comparisons/1`."""
        rows = [
            {
                "quantity": quantity.key,
                "values": [_number(value) for value in values],
                "ratios": [ratio(values[0], value) for value in values],
            }
            for quantity, values in self.rows
        ]
        return {"format": FORMAT_OF_SEVERAL, "nets": [_net(net) for net in self.nets], "rows": rows}

    def values(self) -> list[tuple[Size, ...]]:
        """The values of every quantity, in the order of the nets."""
        return [values for _, values in self.rows]


# ---- texts


def _broken(line: str, width: int | None) -> list[str]:
    """A line in as many as it takes, the further ones indented; words stay whole, names of layers and paths too."""
    if width is None or len(line) <= width:
        return [line]
    blanks = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line, width, subsequent_indent=f"{blanks}    ", break_long_words=False, break_on_hyphens=False
    )  # fmt: skip


def _sentence(comparison: Comparison, say: Say) -> str:
    a, b = comparison.a.name, comparison.b.name
    if a == b:
        a, b = "A", "B"
    ratios = {row.key: row.ratio for row in comparison.rows}
    params, macs = ratios["params"], ratios["macs"]
    if params is None:
        counts = (count_text(net.params) for net in (comparison.a, comparison.b))
        return say("{a} has {} parameters, {b} has {}").format(*counts, a=a, b=b)
    if macs is None:
        return say("{b} has {params} the parameters of {a}").format(a=a, b=b, params=_times(params, say))
    if params == 1 and macs == 1:
        return say("{a} and {b} have equally many parameters and MACs").format(a=a, b=b)
    said = {"params": _times(params, say), "macs": _times(macs, say)}
    return say("{b} has {params} the parameters of {a} and {macs} its MACs").format(a=a, b=b, **said)


def _times(ratio: float, say: Say) -> str:
    return say("exactly") if ratio == 1 else say("{ratio} times").format(ratio=times(ratio))


def _ratio_text(value: float | None) -> str:
    return "" if value is None else f"{times(value)} ×"


def _cells(comparison: Comparison) -> list[tuple[str, ...]]:
    a, b = comparison.a, comparison.b
    rows: list[tuple[str, ...]] = [("", *names_of((a, b)), "ratio")]
    for word, one, other in zip(("input", "output"), ends_text(a), ends_text(b), strict=True):
        rows.append((word, one, other, ""))
    rows += ((r.title, _amount(r, r.a), _amount(r, r.b), _ratio_text(r.ratio)) for r in comparison.rows)
    return rows


def _amount(row: Row, value: Size) -> str:
    return bytes_text(value) if row.in_bytes and isinstance(value, int) else count_text(value)


_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}


def _difference(comparison: Comparison, say: Say) -> list[str]:
    """The layers that differ, below a line for each sign that says whose paths stand behind it."""
    if not comparison.changes:
        return [say("The layers are the same, one by one.")]
    places = [_place(change) for change in comparison.changes]
    width = max(len(place) for place in places)
    kinds = [change.kind for change in comparison.changes]
    counts = [say(f"{{}} {kind}").format(kinds.count(kind)) for kind in _SIGNS if kind in kinds]
    a, b = names_of((comparison.a, comparison.b))
    both = say("in both, with other arguments")
    if (place := next((place for place in places if " → " in place), None)) is not None:
        both += say("; {place}: its path in {a} → in {b}").format(place=place, a=a, b=b)
    said = {
        "added": say("only in {net}, with its path there").format(net=b),
        "removed": say("only in {net}, with its path there").format(net=a),
        "changed": both,
    }
    number = "{} difference between the layers: " if len(kinds) == 1 else "{} differences between the layers: "
    lines = [say(number).format(f"{len(kinds):,}") + say(", ").join(counts)]
    lines += [f"  {_SIGNS[kind]} {said[kind]}" for kind in _SIGNS if kind in kinds]
    for change, place in zip(comparison.changes, places, strict=True):
        lines.append(f"{_SIGNS[change.kind]} {place.ljust(width)}  {_words(change, say)}")
    return lines


def _place(change: Change) -> str:
    """The layer's path; `7 → 14` if it has different paths in the two nets."""
    paths = [leaf.path for leaf in (change.a, change.b) if leaf is not None]
    return " → ".join(dict.fromkeys(paths))


def _words(change: Change, say: Say) -> str:
    if change.kind != "changed":
        leaf = change.a or change.b
        assert leaf is not None
        return layer_text(leaf)
    assert change.a is not None
    layer = change.a.type
    parts: list[str] = []
    for name, old, new in change.arguments:
        before, after = (value_text(layer, name, value) for value in (old, new))
        if before == after and isinstance(old, tuple):  # of long lists not all is shown
            after = say("other values")
        parts.append(f"{say(name)} {before} → {after}")
    return f"{layer}: {', '.join(parts)}"


# ---- JSON


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
