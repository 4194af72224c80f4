"""The `input` of a spec: shape and dtype of one example, with numbers, expressions or symbols for sizes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast, get_args

from netspec.diagnostics import Fix, did_you_mean
from netspec.dims import UNKNOWN, Dim, Size
from netspec.kinds import LARGEST
from netspec.language.names import usable
from netspec.language.reserved import reserved
from netspec.language.spec import Spec
from netspec.layers.base import DType, TensorType
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.validation import FAILED, Reader
from netspec.writing import shown

_SYMBOL: Final = re.compile(r"[A-Z][A-Z0-9]*")
_DTYPES: Final = get_args(DType)
_ELSEWHERE: Final = {"long": "int64", "int": "int64", "int32": "int64", "float": "float32", "boolean": "bool"}
"""What torch, numpy and Python call a dtype, in small letters."""


class WrittenInput(NamedTuple):
    """One input as the spec writes it."""

    name: ScalarNode | None
    """The key that names it."""
    node: Node


def has_named_inputs(node: Node | None) -> bool:
    """Whether an `input` is a mapping of names, and not the long form of one: no input is called `shape` or `dtype`."""
    return isinstance(node, MapNode) and bool(node.entries) and node.get("shape") is None and node.get("dtype") is None


def written_inputs(node: Node | None) -> list[WrittenInput]:
    """The inputs that a spec writes: one, or several by name."""
    if isinstance(node, MapNode) and has_named_inputs(node):
        return [WrittenInput(key, value) for key, value in node.entries]
    return [] if node is None else [WrittenInput(None, node)]


def _sizes(node: Node) -> list[Node] | None:
    """The nodes of an input's sizes; None where there is no list of them."""
    node = (node.get("shape") or node) if isinstance(node, MapNode) else node
    if not isinstance(node, ListNode):
        return None
    return node.items[:-1] if _dtype_at_the_end(node) else list(node.items)


def _dtype_at_the_end(node: Node) -> DType | None:
    """The dtype in `[T, int64]`."""
    last = node.items[-1] if isinstance(node, ListNode) and node.items else None
    return cast("DType", last.text) if isinstance(last, ScalarNode) and last.text in _DTYPES else None


def symbols_of(node: Node | None, variables: set[str]) -> frozenset[str]:
    """The names in the inputs' shapes that stand for sizes not given yet: `H`, `W2`."""
    items = [item for written in written_inputs(node) for item in _sizes(written.node) or ()]
    texts = [item.text for item in items if isinstance(item, ScalarNode) and isinstance(item.value, str)]
    return frozenset(t for t in texts if _SYMBOL.fullmatch(t) and t not in variables)


def symbol_sizes(symbols: frozenset[str], given: Mapping[str, int]) -> dict[str, Size]:
    """The size that each symbol stands for; `given` are those that `--set` made concrete."""
    free = sorted(symbols - given.keys())
    sizes: dict[str, Size] = {name: given[name] for name in symbols & given.keys()}
    if free:
        from netspec.symbols import symbol  # only a symbolic input needs formulas

        sizes |= {name: symbol(name) for name in free}
    return sizes


def read_input(written: WrittenInput, sizes: Mapping[str, Size], reader: Reader) -> TensorType | None:
    """The type of one example; None once a mistake is reported. `sizes` are those of the symbols."""
    node = written.node
    dtype: Any = _read_dtype(node, reader) if isinstance(node, MapNode) else _dtype_at_the_end(node) or "float32"
    if dtype is None:
        return None
    items = _sizes(node)
    if items is None or not (items or written.name is not None):
        shape_node = node.get("shape") if isinstance(node, MapNode) else node
        reader.report(
            "wrong-form",
            "`input` is the shape of one example, without the batch axis",
            node,
            help="for example `input: [1, 28, 28]`, `input: {shape: [128], dtype: int64}`, or several by name: "
            "`input: {image: [3, 64, 64], time: []}`",
            fix=_as_list(shape_node, reader),
        )
        return None
    if (several := _several(items)) is not None:
        reader.report("wrong-form", "several inputs are a mapping of names to shapes", node, help=several)
        return None
    shape = [_read_size(item, sizes, reader, first=i == 0) for i, item in enumerate(items)]
    if any(size is None for size in shape):
        return None
    return TensorType(tuple(s for s in shape if s is not None), dtype)


def check_input_names(
    inputs: Sequence[WrittenInput], spec: Spec, variables: set[str], sizes: Mapping[str, Size], reader: Reader
) -> set[str]:
    """Report what cannot name an input: it becomes an argument of `forward`, and a value of expressions. Returns those
    names."""
    refused: set[str] = set()
    for key in (written.name for written in inputs):
        if key is None:
            continue
        taken = None
        if not key.text.isidentifier() or keyword.iskeyword(key.text) or key.text.startswith("_"):
            taken = "a name is a Python identifier that does not begin with `_`: it becomes an argument of `forward`"
        elif key.text == "self":
            taken = "it has a meaning for Python"
        elif (word := reserved(key.text, spec)) is not None:
            taken = f"it {word}"
        elif key.text in variables:
            taken = "it is a variable"
        elif key.text in sizes:
            taken = "it is a size of an input"
        if taken is not None:
            reader.report(
                "bad-name",
                f"`{key.text}` cannot name an input: {taken}",
                key,
                help=f"for example `{usable(key.text, 'in')}`",
            )
            refused.add(key.text)
    return refused


def _several(items: Sequence[Node]) -> str | None:
    """How several inputs are written, where a list holds their shapes."""
    if not items or not all(isinstance(item, (ListNode, MapNode)) for item in items):
        return None
    return "for example `input: {image: [3, 64, 64], time: [16]}`"


def _as_list(node: Node | None, reader: Reader) -> Fix | None:
    """The list that a single size, or a list in quotes, is meant to be."""
    if not isinstance(node, ScalarNode) or isinstance(node.value, (bool, float)) or node.value is None:
        return None
    text = node.text.strip()
    mended = text if text.startswith("[") and text.endswith("]") else f"[{text}]"
    sizes = re.fullmatch(r"\[\w+(, ?\w+)*\]", mended) and (mended == text or text.isdigit())
    return reader.replace(f"write `{mended}`", node, mended) if sizes else None


def _read_dtype(node: MapNode, reader: Reader) -> str | None:
    for key, _ in node.entries:
        if key.text not in ("shape", "dtype"):
            near = "dtype" if key.text == "type" else did_you_mean(key.text, ("shape", "dtype"))
            reader.report(
                "unknown-key",
                f"`input` has no `{key.text}`",
                key,
                help=f"did you mean `{near}`?" if near else "its keys are `shape` and `dtype`, which name no input",
                fix=reader.replace(f"write `{near}`", key, near) if near and node.get(near) is None else None,
            )
            return None
    dtype = node.get("dtype")
    if dtype is None:
        return "float32"
    if isinstance(dtype, ScalarNode) and dtype.text in _DTYPES:
        return dtype.text
    written = (dtype.text or "null") if isinstance(dtype, ScalarNode) else "this"
    near = _dtype_meant(written)
    reader.report(
        "invalid-argument",
        f"`dtype` is one of {', '.join(_DTYPES)}, not {written}",
        dtype,
        help=f"did you mean `{near}`?" if near else None,
        fix=reader.replace(f"write `{near}`", dtype, near) if near else None,
    )
    return None


def _dtype_meant(text: str) -> str | None:
    """The dtype that torch, numpy or Python call otherwise, or that is misspelt."""
    bare = text.lower().rpartition(".")[2]  # `torch.long`
    return _ELSEWHERE.get(bare) or (bare if bare in _DTYPES else did_you_mean(text, _DTYPES))


def _no_name(node: ScalarNode, reader: Reader) -> bool:
    """True for a word that could be a symbol but for its case, and is no name."""
    if not isinstance(node.value, str) or not _SYMBOL.fullmatch(node.text.upper()):
        return False
    return node.text not in reader.names.known() and reader.names.hint(node.text) is None


def _read_size(node: Node, sizes: Mapping[str, Size], reader: Reader, *, first: bool) -> Size | None:
    if isinstance(node, ScalarNode) and isinstance(node.value, str) and node.text in sizes:
        return sizes[node.text]
    if isinstance(node, ScalarNode) and _no_name(node, reader):
        if node.text in _DTYPES:
            reader.report(
                "wrong-form", f"`{node.text}` is a dtype: it stands behind the sizes", node,
                help=f"for example `[128, {node.text}]`",
            )  # fmt: skip
            return None
        near = did_you_mean(node.text, (*reader.names.known(), *_DTYPES)) or _dtype_meant(node.text)
        reader.report(
            "unknown-name",
            f"there is no `{node.text}` here",
            node,
            help=f"did you mean `{near}`? "
            if near
            else "a size is a number, or a symbol in capitals where it is given later"
            if node.text.lower() in ("none", "null", "batch")
            else f"a size that is given later is a symbol, in capitals: `{node.text.upper()}`",
            fix=reader.replace(f"write `{near}`", node, near) if near else None,
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
