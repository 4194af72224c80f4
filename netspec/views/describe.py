"""Texts for sizes, counts and layers, shared by the table, the diagram and the comparison."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, cast

from netspec.dims import Dim, Shape, Size
from netspec.excerpts import LONGEST, excerpt
from netspec.layers.base import TensorType
from netspec.net import As, Combinator, Computed, Leaf, Net, Node, Read, Scope, Sequential, Term, Use, children
from netspec.writing import shown

_BARE: Final = frozenset({"out_channels", "out_features", "kernel_size", "output_size"})
"""Arguments that are shown without their name, as in `96, 11×11`."""

_PER_AXIS: Final = frozenset({"kernel_size", "output_size", "stride", "padding", "dilation", "output_padding"})
"""Arguments with one number per spatial axis: a tuple is shown as `3×1`."""

_LONGEST_LIST: Final = 16
"""So many numbers in a list are shown."""
_REST: Final = "…"

_UNITS: Final = {
    "": 1,
    "B": 1,
    **{prefix + end: 1000**power for power, prefix in enumerate("KMGT", 1) for end in ("", "B")},
    **{f"{prefix}I{end}": 1024**power for power, prefix in enumerate("KMGT", 1) for end in ("", "B")},
}
"""Units of memory, in capitals, as multiples of a byte."""

_LONG_NUMBER: Final = re.compile(r"\b\d+\.\d{5,}(e-?\d+)?\b")
_AXES: Final = re.compile(r"([123])d$")


def count_text(count: Size) -> str:
    """A count with thousands separators, `46,764,746`; a symbolic one as its formula."""
    return f"{count:,}" if isinstance(count, int) else str(count)


def shape_text(shape: Shape) -> str:
    """A shape as `96 × 54 × 54`; sums and differences of symbols in parentheses. `scalar` if there are no axes."""
    if not shape:
        return "scalar"
    if len(shape) == 1:
        return str(shape[0])
    return " × ".join(_factor(size) for size in shape)


def _factor(size: Size) -> str:
    text = str(size)
    return f"({text})" if isinstance(size, Dim) and re.search(r"\s[+-]\s", text) else text


def tensors_text(name: str | None, types: Sequence[TensorType]) -> str:
    """A value with its name, or a family of values: `3 × 64 × 64`, `tokens T int64`, `pyramid (256 × 8 × 8, 256 × 4 ×
    4)`. float32 is left out."""
    words = [shape_text(t.shape) + ("" if t.dtype == "float32" else f" {t.dtype}") for t in types]
    shown = words[0] if len(words) == 1 else f"({', '.join(words)})"
    return shown if name is None else f"{name} {shown}"


def ends_text(net: Net) -> tuple[str, str]:
    """All inputs and all outputs of a net: `("numbers 13, crossed 1024", "1")`."""
    inputs = (tensors_text(value.name, (value.type,)) for value in net.inputs)
    outputs = (tensors_text(value.name, value.types) for value in net.outputs)
    return ", ".join(inputs), ", ".join(outputs)


def title_text(net: Net) -> str:
    """A net's name, followed by its variant in parentheses unless the name contains it."""
    return net.name if net.variant is None or net.variant in net.name else f"{net.name} ({net.variant})"


def plural(count: int, noun: str) -> str:
    """`1 layer`, `21 layers`, `1,024 branches`, `3 epochs`."""
    ending = "" if count == 1 else "es" if noun.endswith(("s", "nch", "tch", "x")) else "s"
    return f"{count:,} {noun}{ending}"


def times(ratio: float) -> str:
    """A ratio with as many digits as are worth reading: `757.9`, `2,252.3`, `0.0013`."""
    if ratio >= 10 or ratio == 0:
        return f"{ratio:,.1f}"
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def bytes_text(count: int) -> str:
    """A number of bytes in binary units, `178.4 MiB`."""
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        if unit != "TiB":
            value /= 1024
    return f"{count:,} B" if unit == "B" else f"{value:,.1f} {unit}"


def bytes_of(text: str) -> int | None:
    """The bytes of a size such as `8 GiB` (binary), `500MB` (decimal) or a plain number; None for any other text."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?B?)\s*", text, re.IGNORECASE)
    if found is None or found[2].upper() not in _UNITS:
        return None
    return int(float(found[1]) * _UNITS[found[2].upper()])


def argument_text(leaf: Leaf, name: str, value: Any) -> str:
    """One argument: `96`, `stride 4`, `no bias`."""
    if isinstance(value, bool):
        return name if value else f"no {name}"
    text = value_text(leaf.type, name, value)
    return text if name in _BARE or name == leaf.layer.scalar else f"{name} {text}"


def arguments_text(leaf: Leaf, argument: Callable[[Leaf, str, Any], str] = argument_text) -> str:
    """The arguments worth showing: `96, 11×11, stride 4, padding 1`.

    Inferred sizes and values equal to torch's defaults are left out. The best-known arguments have no names; a true
    flag is its name, a false one `no bias`. "frozen" is added for frozen layers. `argument` says one of them, nothing
    if it is left out.
    """
    parts = [text for name, value in wanted_arguments(leaf).items() if (text := argument(leaf, name, value))]
    parts += [f"{name} {', '.join(read.name for read in reads)}" for name, reads in leaf.inputs.items()]
    if leaf.parametrization is not None:
        stated = leaf.parametrization.stated().items()
        parts.append(leaf.parametrization.word)
        parts += (name if value is True else f"{name} {value_text('', name, value)}" for name, value in stated)
    if leaf.frozen:
        parts.append("frozen")
    return ", ".join(parts)


def wanted_arguments(leaf: Leaf) -> dict[str, Any]:
    """The arguments that are neither inferred from the input nor equal to their default, in signature order.

    A number that a bare value sets, as in `Dropout: 0.5`, is included even if it is the default.
    """
    inferred = leaf.layer.inferred(leaf.input)
    fields = type(leaf.layer).model_fields
    wanted: dict[str, Any] = {}
    for name, value in leaf.args.items():
        if name in inferred:
            continue
        field = fields.get(name)
        stated = field is None or field.is_required() or value != field.get_default(call_default_factory=True)
        if stated or (name == leaf.layer.scalar and type(value) in (int, float)):
            wanted[name] = value
    return wanted


def value_text(layer_type: str, name: str, value: Any) -> str:
    """The value of an argument: `11×11` for a kernel, strings without quotes, others as in YAML."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _short(value)
    if name in _PER_AXIS:
        axes = _AXES.search(layer_type)
        if isinstance(value, tuple):
            return "×".join(_plain(value))  # pyright: ignore[reportUnknownArgumentType]  # integers or None per axis
        if isinstance(value, int) and axes and name in _BARE:
            return "×".join([str(value)] * int(axes[1]))
    return str(value) if isinstance(value, Dim) else _listed(value)


def _listed(value: Any) -> str:
    """A value as in YAML; of a long list the first numbers and the last, of one of lists its shape."""
    text = shown(_cut(value)).replace(f"'{_REST}'", _REST)
    if len(text) <= LONGEST or not isinstance(value, tuple):
        return text
    items = cast("tuple[Any, ...]", value)
    return excerpt(shown(items)) if any(isinstance(item, tuple) for item in items) else text


def _cut(value: Any) -> Any:
    """Of a long list the first numbers and the last."""
    if not isinstance(value, tuple):
        return value
    items: list[Any] = [_cut(item) for item in value]  # pyright: ignore[reportUnknownVariableType]  # any items
    return items if len(items) <= _LONGEST_LIST else [*items[:2], _REST, items[-1]]


def _short(value: float) -> str:
    """A float as Python prints it if that is short, else with four significant digits: `0.01818` for 0.2 / 11."""
    return str(value) if len(str(value)) <= 7 else f"{value:.4g}"


def _plain(values: Iterable[Any]) -> list[str]:
    return ["as is" if value is None else str(value) for value in values]


def layer_text(leaf: Leaf) -> str:
    """A layer with its arguments: `Conv2d 96, 11×11, stride 4, padding 1`."""
    arguments = arguments_text(leaf)
    return f"{leaf.type} {arguments}" if arguments else leaf.type


_BINDS: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 4}
"""How strongly an operation binds; the minus sign stands between `*` and `**`."""
_SIGN: Final = 3


def term_text(term: Term, name: Callable[[Read], str] = lambda read: read.name) -> str:
    """Arithmetic over values as a spec writes it, `p[3] * 0.5 + skip`; `name` says how a value is called."""
    return _term(term, name)[0]


def _term(term: Term, name: Callable[[Read], str]) -> tuple[str, int]:
    """The text and how strongly it binds."""
    if isinstance(term, Read):
        return name(term), 9
    if not isinstance(term, Computed):
        return repr(term), 9 if term >= 0 else _SIGN
    right, inner = _term(term.right, name)
    if term.left is None:
        plain = inner >= _SIGN and inner != _BINDS["**"]  # the sign of a power: a reader need not know which binds more
        return f"-{right if plain else f'({right})'}", _SIGN
    left, outer = _term(term.left, name)
    binds = _BINDS[term.op]
    power = term.op == "**"
    left = left if outer > binds or (outer == binds and not power) else f"({left})"
    right = right if inner > binds or (power and inner >= _SIGN) else f"({right})"
    return f"{left} {term.op} {right}", binds


def container_text(node: Scope | Sequential | Combinator) -> str:
    """The label of a group of layers: `basic(64, stride=2)`, `layer1`, `for width = 384`, `concat`."""
    return _LONG_NUMBER.sub(lambda number: _short(float(number[0])), _label(node))


_MOST_PARTS: Final = 3
"""Of what is in a round so many parts are named."""


def contents_text(node: Node) -> str:
    """What a round of a loop holds, which has no name of its own: `bn_conv, AvgPool2d, dense ×12`."""
    named = [(name, len(list(same))) for name, same in groupby(_parts(node))]
    words = [name if count == 1 else f"{name} ×{count}" for name, count in named]
    return ", ".join(words if len(words) <= _MOST_PARTS else [*words[: _MOST_PARTS - 1], _REST])


def _parts(node: Node) -> Iterator[str]:
    for child in children(node):
        match child:
            case Leaf():
                yield child.type
            case Scope(block=str(name)) | Sequential(block=str(name)):
                yield name
            case Scope():
                yield from _parts(child)
            case Sequential() | Combinator():
                yield container_text(child)
            case As() | Use():
                continue


def _label(node: Scope | Sequential | Combinator) -> str:
    match node:
        case Scope(kind="block"):
            return node.label
        case Scope():
            return f"{node.kind} {node.label}"
        case Combinator():
            return node.kind if node.name is None else f"{node.name}: {node.kind}"
        case Sequential():
            words = [word for word in (node.name, _call(node)) if word]
            return ": ".join(words) or "sequential"


def _call(node: Sequential) -> str:
    if node.block is None:
        return ""
    arguments = ", ".join(f"{name}={shown(value)}" for name, value in node.arguments.items())
    return f"{node.block}({arguments})"
