"""The table of a net: each layer's output shape, parameters and multiply-accumulates, and the totals."""

from __future__ import annotations

import csv
import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from netspec.dims import Shape, Size, is_known
from netspec.net import As, Combinator, Leaf, Net, Scope, Use, multiplying, need_net, total
from netspec.symbols.demands import requirements
from netspec.views.describe import (
    arguments_text,
    bytes_text,
    container_text,
    count_text,
    layer_text,
    plural,
    shape_text,
    tensors_text,
    term_text,
    title_text,
)
from netspec.views.fold import Join, LayerGroup, Unit, fold, says_little

if TYPE_CHECKING:
    from netspec.cost import Cost

WIDTH: Final = 80
"""Width in columns if the output is not a terminal."""

_NARROWEST: Final = 14
"""The least width of the layer column. A table with huge numbers may exceed the requested width instead."""

_GAP: Final = " "
"""Between path and layer; with two blanks AlexNet's table would not fit in 80 columns."""
_LONGEST_FORMULA: Final = 30
"""Characters of a formula in a cell; the rest is cut."""
_HEADINGS: Final = ("", "Layer", "Output", "Parameters", "MACs")
_MEMORY: Final = ("Out", "Kept")
"""Headings of the memory columns: a layer's output for the whole batch, and what is kept for the backward pass."""
_RECORD: Final = (
    "path", "name", "type", "arguments", "input_shape", "output_shape", "dtype", "params", "trainable_params", "macs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _TableRow:
    """One row, not yet formatted. `output` is None, and the counts are 0, for a heading whose layers are rows."""

    path: str
    layer: str
    indent: int
    output: Shape | None
    params: Size
    macs: Size
    training_only: bool = False
    leaves: tuple[Leaf, ...] = ()
    """The layers that the row's counts include."""

    def cells(self) -> tuple[str, str, str, str, str]:
        """The texts of the columns."""
        macs = _amount(self.macs)
        return (
            self.path,
            "  " * self.indent + self.layer,
            "" if self.output is None else shape_text(self.output),
            _amount(self.params) or ("shared" if any(leaf.borrows for leaf in self.leaves) else ""),
            f"({macs})" if macs and self.training_only else macs,
        )

    def memory(self, cost: Cost | None) -> tuple[str, ...]:
        """The texts of the memory columns; none without a cost."""
        if cost is None:
            return ()
        mine = {id(leaf) for leaf in self.leaves}
        layers = [layer for layer in cost.layers if id(layer.leaf) in mine]
        output, kept = (layers[-1].output if layers else 0), sum(layer.saved for layer in layers)
        return (bytes_text(output) if output else "", bytes_text(kept) if kept else "")


class Summary(str):
    """A table as text, which a notebook shows as it is and not as a literal of Python's."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def summary(net: Net, *, depth: int | None = None, width: int | None = None, cost: Cost | None = None) -> Summary:
    """The table of a net as plain text.

    Args:
        net: the net.
        depth: levels of blocks, loops and combinators to unfold. Deeper ones are one row each, equal neighbours
            together (`×6`), with the counts of all their layers. None shows every layer.
        width: columns to fit in, 80 by default. Long arguments are wrapped; only the formula of a count is cut, after
            30 characters (the JSON has all of it).
        cost: an estimate by `netspec.estimate`, which adds memory columns.

    >>> print(netspec.summary(netspec.loads("{name: small, input: [1, 28, 28], layers: [Flatten, Linear: 10]}")))
    small: input 1 × 28 × 28, output 10
    <BLANKLINE>
      Layer      Output  Parameters   MACs
    ──────────────────────────────────────
    0 Flatten       784
    1 Linear 10      10       7,850  7,840
    ──────────────────────────────────────
      2 layers                7,850  7,840
    <BLANKLINE>
    trainable 7,850 · FLOPs 15,680 (2 × MACs) · weights 30.7 KiB (float32)
    """
    need_net(net, "summary")
    rows = _rows(net, depth)
    columns = WIDTH if width is None else width
    cells = [(*row.cells(), *row.memory(cost)) for row in rows]
    total = (*_totals_row(net), *(("", bytes_text(cost.activations)) if cost else ()))
    body = _text(cells, total, columns)
    footer = textwrap.wrap(_held(_footer(net), "·"), columns, break_long_words=False)
    lines = [_title(net), "", *body, "", *(line.replace("\N{NO-BREAK SPACE}", " ") for line in footer)]
    return Summary("\n".join(lines))


def partial_table(net: Net, *, width: int | None = None) -> str:
    """The table of a net with errors, up to the first layer whose output shape is unknown, which a last line names.

    `net` is the incomplete net of `compile_source`.
    """
    known: list[Leaf] = []
    failed: Leaf | None = None
    for leaf in net.layers:
        if not is_known(leaf.output_shape):
            failed = leaf
            break
        known.append(leaf)
    rows = [_layer_row(leaf, 0, False) for leaf in known]
    columns = WIDTH if width is None else width
    lines = [_title(net), "", *_text([row.cells() for row in rows], None, columns)]
    if failed is not None:
        place = f"line {failed.span.line}"
        lines.append(f"the table ends here: the output shape of {failed.type} ({place}) and what follows is unknown")
    return "\n".join(lines)


def summary_markdown(net: Net, *, depth: int | None = None) -> str:
    """The table of a net in GitHub's Markdown."""
    cells = [row.cells() for row in _rows(net, depth)]
    lines = [
        f"**{_markdown(_title(net))}**",
        "",
        "| | Layer | Output | Parameters | MACs |",
        "|:--|:--|--:|--:|--:|",
    ]
    for path, layer, output, params, macs in cells:
        inner = layer.lstrip(" ")
        indent = "&nbsp;" * (2 * (len(layer) - len(inner)))
        lines.append(f"| {_markdown(path)} | {indent}{_markdown(inner)} | {output} | {params} | {macs} |")
    _, total, _, params, macs = _totals_row(net)
    lines += [f"| | **{total}** | | **{params}** | **{macs}** |", "", _footer(net)]
    return "\n".join(lines)


def summary_csv(net: Net) -> str:
    """The table of a net as CSV: exact numbers, shapes as `96x54x54`, no totals. One record for each layer, in
    execution order, and one for each combinator that multiplies itself, in front of its branches."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_RECORD)
    for node in multiplying(net.root):
        match node:
            case Leaf():
                told = (node.type, arguments_text(node))
                params = (node.params, 0 if node.frozen else node.params)
            case Combinator() if node.macs != 0:
                told = (node.kind, node.joining.remark().removeprefix(": "))
                params = (0, 0)
            case Combinator():
                continue
        shapes = (_plain(node.input.shape), _plain(node.output.shape))
        writer.writerow([node.path, node.name or "", *told, *shapes, node.output.dtype, *params, node.macs])
    return out.getvalue()


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>&|#~$])", r"\\\1", text)


def _plain(shape: Shape) -> str:
    return "x".join(str(size) for size in shape)


def _title(net: Net) -> str:
    if not all(is_known(value.type.shape) for value in net.inputs):
        return f"{title_text(net)}: input unknown"
    inputs = [tensors_text(value.name, (value.type,)) for value in net.inputs]
    words = f"{title_text(net)}: {'input' if len(inputs) == 1 else 'inputs'} {', '.join(inputs)}"
    if not all(is_known(type_.shape) for value in net.outputs for type_ in value.types):
        return words
    outputs = [tensors_text(value.name, value.types) for value in net.outputs]
    mark = "," if len(inputs) + len(outputs) == 2 else ";"
    return f"{words}{mark} {'output' if len(outputs) == 1 else 'outputs'} {', '.join(outputs)}"


def _totals_row(net: Net) -> tuple[str, str, str, str, str]:
    return "", plural(len(net.layers), "layer"), "", _amount(net.params) or "0", _amount(net.macs) or "0"


def _footer(net: Net) -> str:
    parts = [f"trainable {count_text(net.trainable_params)}", f"FLOPs {count_text(net.flops)} (2 × MACs)"]
    if isinstance(net.params, int):
        parts.append(f"weights {bytes_text(4 * net.params)} (float32)")
    if net.constant_macs != 0:
        parts.append(f"MACs of constants, once for a whole batch: {count_text(net.constant_macs)}")
    if total(node.macs for node in multiplying(net.root)) != net.macs:
        parts.append("MACs in brackets run in training only and are not in the total")
    parts += dict.fromkeys(_chosen(net))
    return " · ".join([*parts, *(requirements(net) if net.conditions else ())])


def _chosen(net: Net) -> Iterator[str]:
    """Where values decide which branches run, beside which of them their MACs stand."""
    for node in multiplying(net.root):
        if not isinstance(node, Combinator):
            continue
        slices, count = node.joining.sliced(node.input), len(node.branches) - len(node.joining.sides)
        if slices is not None and slices.chosen is not None and slices.chosen < count:
            beside = "the first" if slices.chosen == 1 else f"the first {slices.chosen}"
            yield f"`{node.joining.word}` runs {slices.chosen} of {count} branches: their MACs are beside {beside}"


def _amount(count: Size) -> str:
    return "" if count == 0 else _clip(count_text(count))


def _clip(text: str) -> str:
    return text if len(text) <= _LONGEST_FORMULA else text[: _LONGEST_FORMULA - 1] + "…"


# ---- rows


def _rows(net: Net, depth: int | None) -> list[_TableRow]:
    """The rows of the table, top to bottom. Every layer is counted in exactly one row, so the columns add up."""
    rows: list[_TableRow] = []
    stack = [(item, 0, False) for item in reversed(fold(net, depth, repeats="closed"))]
    while stack:
        item, level, auxiliary = stack.pop()
        match item:
            case Leaf():
                rows.append(_layer_row(item, level, auxiliary))
                if item.results:
                    if stack and isinstance(following := stack[-1][0], As) and following.term is None:
                        stack.pop()
                        _name_row(following, level, rows)
                    rows += (_TableRow("", f"  as {r.name}", level, r.type.shape, 0, 0) for r in item.results)
            case LayerGroup():
                header = not says_little(item)
                if header:
                    rows.append(_group_row(item, level, auxiliary))
                stack.extend((inner, level + header, auxiliary) for inner in reversed(item.items))
            case Join():
                auxiliary |= item.combinator.joining.training_only
                rows.append(_join_row(item, level, auxiliary))
                inside = (inner for _, branch in reversed(item.branches) for inner in reversed(branch))
                stack.extend((inner, level + 1, auxiliary) for inner in inside)
            case As():
                _name_row(item, level, rows)
            case Use():
                rows.append(_TableRow("", f"use {term_text(item.term)}", level, item.output.shape, 0, 0, auxiliary))
            case Unit():
                raise AssertionError("a table shows single layers")
    return rows


def _name_row(node: As, level: int, rows: list[_TableRow]) -> None:
    """The name of a value stands behind what gives it, or on a line of its own where a list begins with it."""
    before = rows[-1] if rows else None
    if node.term is not None:
        rows.append(_TableRow("", f"{node.name} = {term_text(node.term)}", level, node.type.shape, 0, 0))
    elif before is not None and before.indent == level and before.output is not None:
        rows[-1] = replace(before, layer=f"{before.layer} as {node.name}")
    elif rows:  # the name of the first input stands in the title
        rows.append(_TableRow("", f"as {node.name}", level, None, 0, 0))


def _layer_row(leaf: Leaf, level: int, auxiliary: bool) -> _TableRow:
    return _TableRow(leaf.path, layer_text(leaf), level, leaf.output_shape, leaf.params, leaf.macs, auxiliary, (leaf,))


def _group_row(group: LayerGroup, level: int, auxiliary: bool) -> _TableRow:
    label = group.label if group.count == 1 else f"{group.label} ×{group.count}"
    first = group.nodes[0]
    path = "" if isinstance(first, (Scope, As, Use)) else first.path
    if not group.closed:
        return _TableRow(path, label, level, None, 0, 0)
    inside = list(group.leaves)
    auxiliary = auxiliary or (isinstance(first, Combinator) and first.joining.training_only)
    params = total(leaf.params for leaf in inside)
    macs = total(found.macs for node in group.nodes for found in multiplying(node))
    return _TableRow(path, label, level, group.output.shape, params, macs, auxiliary, tuple(inside))


def _join_row(join: Join, level: int, auxiliary: bool) -> _TableRow:
    node = join.combinator
    joining = node.joining
    label = container_text(node)
    if joining.several:
        sides = joining.given_sides([key for key, _ in join.branches])
        label += f" of {len(join.branches) - len(sides)} branches"
        identities = sum(not branch for key, branch in join.branches if key not in sides)
        if identities:
            label += ", one of them identity" if identities == 1 else f", {identities} of them identity"
        if sides:
            label += f" with {' and '.join(sides)}"
    elif sides := [key for key, branch in join.branches if branch and key in joining.sides]:
        label += f" with {' and '.join(sides)}"
    return _TableRow(node.path, label + joining.remark(), level, node.output.shape, 0, node.macs, auxiliary)


# ---- layout


def _text(rows: Sequence[Sequence[str]], total: Sequence[str] | None, width: int) -> list[str]:
    """Align the columns under their headings. The layer column gets the width that the others leave; longer texts are
    wrapped, after commas where possible."""
    wide = len(rows[0]) if rows else len(_HEADINGS)
    headings = (*_HEADINGS, *_MEMORY)[:wide]
    every = [headings, *rows, *([total[:wide]] if total else [])]
    widths = [max(len(row[column]) for row in every) for column in range(wide)]
    gaps = len(_GAP) + 2 * (len(widths) - 2)
    widths[1] = min(widths[1], max(_NARROWEST, width - gaps - sum(widths) + widths[1]))
    rule = "─" * (sum(widths) + gaps)
    lines = [*_lines(headings, widths), rule]
    for row in rows:
        lines += _lines(row, widths)
    if total:
        lines += [rule, *_lines(total[:wide], widths)]
    return lines


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    text = row[1]
    indent = len(text) - len(text.lstrip(" "))
    first, *rest = _wrapped(text, widths[1], min(indent, widths[1] // 2))
    cells = [first, *row[2:]]
    line = (
        row[0].ljust(widths[0])
        + _GAP
        + "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths[1:], strict=True))
        )
    )
    gutter = " " * widths[0] + _GAP
    return [line.rstrip(), *(gutter + more for more in rest)]


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    """Wrap the text of a cell: after commas only, or at any blank if that leaves a line too long."""
    text, room = text.lstrip(" "), max(width - indent, 12)
    lines = textwrap.wrap(_held(text, ","), room, subsequent_indent="  ", break_long_words=False)
    if any(len(line) > room for line in lines):
        lines = textwrap.wrap(text, room, subsequent_indent="  ", break_on_hyphens=False)
    return [" " * indent + line.replace("\N{NO-BREAK SPACE}", " ") for line in lines] or [""]


def _held(text: str, mark: str) -> str:
    """The text with no-break spaces, except after `mark`."""
    return re.sub(rf"(?<!{mark}) ", "\N{NO-BREAK SPACE}", text)
