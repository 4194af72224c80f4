"""The `input` of a spec: shape and dtype of one example, with numbers, expressions or symbols for sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, get_args

from netspec.diagnostics import Fix, did_you_mean
from netspec.dims import UNKNOWN, Dim, Size
from netspec.kinds import LARGEST
from netspec.layers.base import DType, TensorType
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.validation import FAILED, Reader
from netspec.writing import shown

_SYMBOL: Final = re.compile(r"[A-Z][A-Z0-9]*")
_DTYPES: Final = get_args(DType)


def _shape_node(node: Node | None) -> Node | None:
    return node.get("shape") if isinstance(node, MapNode) else node


def symbols_of(node: Node | None, variables: set[str]) -> frozenset[str]:
    """The names in an input's shape that stand for sizes not given yet: `H`, `W2`."""
    shape = _shape_node(node)
    if not isinstance(shape, ListNode):
        return frozenset()
    texts = [item.text for item in shape.items if isinstance(item, ScalarNode) and isinstance(item.value, str)]
    return frozenset(t for t in texts if _SYMBOL.fullmatch(t) and t not in variables)


def read_input(
    node: Node | None, symbols: frozenset[str], given: Mapping[str, int], reader: Reader
) -> tuple[TensorType | None, dict[str, Size]]:
    """The type of one example, and the size that each symbol stands for.

    `given` are the symbols that `--set` made concrete. The type is None once a mistake is reported.
    """
    sizes = _symbol_sizes(symbols, given)
    if node is None:
        return None, sizes
    dtype: Any = "float32"
    if isinstance(node, MapNode):
        dtype = _read_dtype(node, reader)
    shape_node = _shape_node(node)
    if not isinstance(shape_node, ListNode) or not shape_node.items:
        reader.report(
            "wrong-form",
            "`input` is the shape of one example, without the batch axis",
            node,
            help="for example `input: [1, 28, 28]`, or `input: {shape: [128], dtype: int64}`",
            fix=_as_list(shape_node, reader),
        )
        return None, sizes
    shape = [_read_size(item, sizes, reader, first=i == 0) for i, item in enumerate(shape_node.items)]
    if dtype is None or any(size is None for size in shape):
        return None, sizes
    return TensorType(tuple(s for s in shape if s is not None), dtype), sizes


def _as_list(node: Node | None, reader: Reader) -> Fix | None:
    """The list that a single size, or a list in quotes, is meant to be."""
    if not isinstance(node, ScalarNode) or isinstance(node.value, (bool, float)) or node.value is None:
        return None
    text = node.text.strip()
    mended = text if text.startswith("[") and text.endswith("]") else f"[{text}]"
    sizes = re.fullmatch(r"\[\w+(, ?\w+)*\]", mended) and (mended == text or text.isdigit())
    return reader.replace(f"write `{mended}`", node, mended) if sizes else None


def _symbol_sizes(symbols: frozenset[str], given: Mapping[str, int]) -> dict[str, Size]:
    free = sorted(symbols - given.keys())
    sizes: dict[str, Size] = {name: given[name] for name in symbols & given.keys()}
    if free:
        from netspec.symbols import symbol  # only a symbolic input needs formulas

        sizes |= {name: symbol(name) for name in free}
    return sizes


def _read_dtype(node: MapNode, reader: Reader) -> str | None:
    for key, _ in node.entries:
        if key.text not in ("shape", "dtype"):
            near = did_you_mean(key.text, ("shape", "dtype"))
            reader.report(
                "unknown-key",
                f"`input` has no `{key.text}`",
                key,
                help=f"did you mean `{near}`?" if near else "its keys are `shape` and `dtype`",
            )
            return None
    dtype = node.get("dtype")
    if dtype is None:
        return "float32"
    if isinstance(dtype, ScalarNode) and dtype.text in _DTYPES:
        return dtype.text
    written = (dtype.text or "null") if isinstance(dtype, ScalarNode) else "this"
    near = did_you_mean(written, _DTYPES)
    reader.report(
        "invalid-argument",
        f"`dtype` is one of {' and '.join(_DTYPES)}, not {written}",
        dtype,
        help=f"did you mean `{near}`?" if near else None,
    )
    return None


def _no_name(node: ScalarNode, reader: Reader) -> bool:
    """True for a word that could be a symbol but for its case, and is no name."""
    if not isinstance(node.value, str) or not _SYMBOL.fullmatch(node.text.upper()):
        return False
    return node.text not in reader.names.known() and reader.names.hint(node.text) is None


def _read_size(node: Node, sizes: Mapping[str, Size], reader: Reader, *, first: bool) -> Size | None:
    if isinstance(node, ScalarNode) and isinstance(node.value, str) and node.text in sizes:
        return sizes[node.text]
    if isinstance(node, ScalarNode) and _no_name(node, reader):
        near = did_you_mean(node.text, reader.names.known())
        reader.report(
            "unknown-name",
            f"there is no `{node.text}` here",
            node,
            help=f"did you mean `{near}`? "
            if near
            else f"a size that is given later is a symbol, in capitals: `{node.text.upper()}`",
        )
        return None
    value = reader.value(node)
    if value is FAILED:
        return None
    if value is UNKNOWN or isinstance(value, Dim):
        return value if isinstance(value, Dim) and value is not UNKNOWN else None
    if type(value) is not int or not 1 <= value <= LARGEST:
        large = type(value) is int and value > LARGEST
        wish = f"at most {LARGEST:,}" if large else "an integer of at least 1"
        batch = first and (value is None or value == -1)
        reader.report(
            "invalid-argument",
            f"a size of `input` is {wish}, not {shown(value)}",
            node,
            help="leave the batch axis out: `input` is the shape of one example" if batch else None,
        )
        return None
    return value
