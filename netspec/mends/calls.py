"""Calls of layers as PyTorch's and Keras's users write them, `nn.Conv2d(1, 6, kernel_size=5)`, as items of a spec.

A syntax tree is all that is read: nothing of it is ever evaluated or imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from netspec.language.aliases import meant_by
from netspec.layers import UNOFFERED, Layer, Offer
from netspec.meant import argument_meant
from netspec.writing import flow, written

LARGEST: Final = 10**12
"""The largest number that arithmetic in arguments is folded to."""


class NoChain(Exception):  # no error: what was pasted is something else
    """What was pasted cannot be written as a list of layers.

    Args:
        found: what was found in its place, as the rest of a sentence; empty where the text is no network at all.
        line: the line of the pasted text, from 1; 0 where it is not known.
        instead: what a spec has for it.
    """

    def __init__(self, found: str, line: int = 0, instead: str = "`netspec explain` lists the layers") -> None:
        super().__init__(found)
        self.found: Final = found
        self.line: Final = line
        self.instead: Final = instead


class Theirs(NamedTuple):
    """A layer of Keras's, which has the channels last: what comes to it decides what it is here."""

    layer: str
    """The layer that it is, or resembles."""
    given: tuple[tuple[str, str], ...] = ()
    """Arguments, in netspec's words."""
    padding: str | None = None
    """Keras's word for one."""
    window: tuple[Sequence[int] | None, Sequence[int] | None, Sequence[int] | None] = (None, None, None)
    """Kernel, stride and dilation, where there is such a word."""
    sizes: tuple[int, ...] = ()
    """The shape that it gives each example, or the axes over which it shares its weights."""
    line: int = 0


class WrittenItem(NamedTuple):
    """An item of a list of layers, as it will be written."""

    call: str
    """`Conv2d: {out_channels: 8, kernel_size: 3}`, `ReLU`; `sequential` where there is something inside."""
    name: str | None = None
    shared: bool = False
    """Whether the name is that of a module that runs several times."""
    inside: tuple[WrittenItem, ...] = ()
    stateful: bool = False
    """Whether it has parameters, so that its name is part of keys."""
    theirs: Theirs | None = None
    """What it is in Keras, as long as it is not known what comes to it."""

    @property
    def said(self) -> str:
        """The call with its name, for the title of a mend."""
        return f"`{self.call}`" + (f" with the name `{self.name}`" if self.name else "")

    def lines(self) -> list[str]:
        """The lines of the item, those behind the first in the column of its dash."""
        option = [] if self.name is None else [f"  {'shared' if self.shared else 'name'}: {self.name}"]
        if self.inside:
            return ["sequential:", *(f"    {line}" for line in items_text(self.inside)), *option]
        return [self.call if not option or ":" in self.call else f"{self.call}:", *option]


def items_text(entries: Sequence[WrittenItem]) -> list[str]:
    """The lines of a list of items in block style."""
    lines: list[str] = []
    for entry in entries:
        first, *others = entry.lines()
        lines += [f"- {first}", *others]
    return lines


class Manner(NamedTuple):
    """How calls are read."""

    offer: Offer
    widths: bool = True
    """Whether the first value of a call is the width, as torch has it; a spec leaves that out."""
    keras: bool = False
    """Whether the names and orders of arguments are Keras's."""
    free: bool = False
    """Whether a name that has no value here is one of the spec's, which may be used in its expressions."""
    printed: bool = False
    """Whether all arguments are there, as in what `print(net)` shows: those that are torch's defaults are left out."""


# ---- values


def folded(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of a number, a text, a list, or of arithmetic over numbers.

    Raises:
        NoChain: it is none, or hangs on a name that has no value in `names`.
    """
    match node:
        case ast.Constant(value=int() | float() | str() | bool() | None):
            return node.value
        case ast.Tuple() | ast.List():
            return [folded(item, names) for item in node.elts]
        case ast.Name():
            if isinstance(names.get(node.id), int | float | str | list):
                return names[node.id]
            raise NoChain(
                f"the variable `{node.id}`, to which nothing that was pasted gives a value", node.lineno,
                "write its number",
            )  # fmt: skip
        case ast.Attribute(value=ast.Name(id="self")):
            if isinstance(names.get(f"self.{node.attr}"), int | float | str | list):
                return names[f"self.{node.attr}"]
        case ast.UnaryOp(op=ast.USub()):
            value = folded(node.operand, names)
            if isinstance(value, int | float):
                return -value
        case ast.BinOp():
            return _arithmetic(node, folded(node.left, names), folded(node.right, names))
        case ast.Subscript(slice=ast.Constant(value=int(at))):
            value = folded(node.value, names)
            if isinstance(value, list) and -len(listed := cast(list[Any], value)) <= at < len(listed):
                return listed[at]
        case ast.Call(func=ast.Name(id="int"), args=[one], keywords=[]):
            value = folded(one, names)
            if isinstance(value, int | float):
                return int(value)
        case _:
            pass
    raise NoChain(f"`{unparsed(node)}`, which is no number", node.lineno)


def _arithmetic(node: ast.BinOp, a: Any, b: Any) -> Any:
    if not isinstance(a, int | float) or not isinstance(b, int | float) or max(abs(a), abs(b)) > LARGEST:
        raise NoChain(f"`{unparsed(node)}`, which is no number", node.lineno)
    match node.op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.FloorDiv() if b:
            return a // b
        case ast.Div() if b:
            return a / b
        case ast.Pow() if 0 <= b <= 32 and abs(a) <= 64:
            return a**b
        case _:
            raise NoChain(f"`{unparsed(node)}`, which is no number", node.lineno)


def one_for_all(value: Any) -> Any:
    """A list of one number for all axes as that number; anything else as it is."""
    if not isinstance(value, list):
        return value
    listed = cast(list[Any], value)
    return listed[0] if listed and listed == listed[:1] * len(listed) else listed


def unparsed(node: ast.expr) -> str:
    """A short text of an expression, for messages."""
    text = ast.unparse(node)
    return text if len(text) <= 40 else f"{text[:37]}…"


def text_of(node: ast.expr, names: Mapping[str, Any], manner: Manner) -> str:
    """A value of Python as YAML; where names of the spec may be used, an expression is one of the spec's.

    Raises:
        NoChain: it is no value.
    """
    try:
        return flow(folded(node, names), written)
    except NoChain:
        if not manner.free:
            raise
    text = ast.unparse(node)
    if "\n" in text or "#" in text:
        raise NoChain(f"`{unparsed(node)}`, which is no number", node.lineno)
    return f'"{text}"' if re.search(r"[,:\[\]{}\"'&*!|>%@`]", text) else text


# ---- calls


def literal(text: str) -> Any:
    """A number or a list of numbers as it is written; None for what has to be computed."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any values


def may_be(layer: type[Layer], pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether arguments are of the kinds that the layer takes, as far as they are numbers."""
    given = {key: literal(text) for key, text in pairs}
    if any(value is None for value in given.values()):
        return True
    try:
        layer.model_validate(given)
    except ValueError:
        return False
    return True


def called_name(node: ast.expr) -> str | None:
    """The name that is called, without the modules in front of it."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def call_text(name: str, arguments: Sequence[tuple[str, str]]) -> str:
    """A layer with its arguments, as an item."""
    return f"{name}: {{{', '.join(f'{key}: {value}' for key, value in arguments)}}}" if arguments else name


def is_stateful(layer: type[Layer]) -> bool:
    """Whether layers of a class have parameters."""
    return layer.parameters is not Layer.parameters


def layer_entries(node: ast.Call, names: Mapping[str, Any], manner: Manner) -> list[WrittenItem]:
    """The items that a call of a layer stands for: one, or with Keras's `activation` two.

    Raises:
        NoChain: it is no layer of netspec, or its arguments are none.
    """
    name = called_name(node.func)
    if name is None:
        raise NoChain(f"`{unparsed(node)}`, which is no layer", node.lineno)
    lazy = name.startswith("Lazy") and name not in manner.offer.layers
    head = name.removeprefix("Lazy") if lazy else name
    if head not in manner.offer.layers:
        told = UNOFFERED.get(name)
        if told is None:
            raise NoChain(f"`{name}`, which is no layer of netspec", node.lineno)
        raise NoChain(f"`{name}`, a layer of torch's that netspec does not offer", node.lineno, told)
    found = manner.offer.layer_class(head)
    fields = [field for field in found.model_fields if field != found.width or (manner.widths and not lazy)]
    pairs = _arguments(node, node.args, fields, found, names, manner)
    if not manner.widths and not may_be(found, pairs):
        raise NoChain(f"`{unparsed(node)}`, which has other arguments than torch's", node.lineno)
    return [WrittenItem(call_text(head, pairs), stateful=is_stateful(found))]


_PLACES: Final = frozenset(("device", "dtype"))
"""Arguments about where and how tensors are kept, which are the trainer's business."""


def _arguments(
    node: ast.Call,
    values: Sequence[ast.expr],
    fields: Sequence[str],
    layer: type[Layer],
    names: Mapping[str, Any],
    manner: Manner,
) -> list[tuple[str, str]]:
    if len(values) > len(fields) or any(isinstance(value, ast.Starred) for value in values):
        raise NoChain(f"`{unparsed(node)}`, which has other arguments than torch's", node.lineno)
    given: list[tuple[str, str]] = []
    for key, value in [*zip(fields, values, strict=False), *((k.arg or "", k.value) for k in node.keywords)]:
        if key in _PLACES and key not in layer.model_fields:
            continue
        own = argument_meant(key, layer.model_fields)
        if own is None:
            raise NoChain(f"`{unparsed(node)}`, whose argument `{key}` no `{layer.__name__}` here has", node.lineno)
        if any(own == known for known, _ in given):
            raise NoChain(f"`{unparsed(node)}`, which gives `{own}` twice", node.lineno)
        if (within := _within(own, value, layer, names, manner)) is not None:
            given.append((own, within))
        elif manner.printed:
            shown, default = one_for_all(folded(value, names)), layer.model_fields[own].default
            if shown != default or isinstance(shown, bool) != isinstance(default, bool):
                given.append((own, flow(shown, written)))
        else:
            given.append((own, text_of(value, names, manner)))
    return given


def _within(argument: str, value: ast.expr, layer: type[Layer], names: Mapping[str, Any], manner: Manner) -> str | None:
    """`nn.TransformerEncoderLayer(64, 8)`, a layer that is an argument of another one: its arguments alone."""
    inner = layer.model_fields[argument].annotation
    if not isinstance(value, ast.Call) or not isinstance(inner, type) or not issubclass(inner, Layer):
        return None
    if called_name(value.func) != inner.__name__:
        return None
    pairs = _arguments(value, value.args, list(inner.model_fields), inner, names, manner)
    return f"{{{', '.join(f'{key}: {text}' for key, text in pairs)}}}"


def function_entries(
    name: str, node: ast.Call, values: Sequence[ast.expr], names: Mapping[str, Any], manner: Manner
) -> list[WrittenItem]:
    """The item of a function such as `F.max_pool2d(x, 2)`, by the name of its layer.

    Args:
        values: its arguments without the tensor that it is of.

    Raises:
        NoChain: there is no such layer, or it would have parameters, which the function is given.
    """
    head = _FUNCTIONS.get(name) or meant_by(name.rstrip("_").replace("_", ""), 2, manner.offer.layers)
    if head is None or head not in manner.offer.layers:
        raise NoChain(f"a call of `{unparsed(node.func)}`, which is no layer of netspec", node.lineno)
    found = manner.offer.layer_class(head)
    if found.width is not None:
        raise NoChain(f"`{unparsed(node)}`, which is given its weights by hand", node.lineno)
    dropout = head.endswith(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"))
    kept = [k for k in node.keywords if not (k.arg == "training" or k.arg in ("input", "x"))]
    call = ast.Call(node.func, [], kept)
    ast.copy_location(call, node)
    fields = list(found.model_fields)
    arguments = _arguments(call, list(values)[: 1 if dropout else None], fields, found, names, manner)
    if not arguments and found.model_fields.get("dim") is not None and found.model_fields["dim"].is_required():
        if not head.endswith(("Softmax", "Softmin")):
            raise NoChain(f"`{unparsed(node)}`, which is over the batch, too", node.lineno)
        if manner.free:  # an item among others, whose input is not known: torch's axis hangs on how many there are
            raise NoChain(f"`{unparsed(node)}`, which says no axis", node.lineno, f"`{head}: -1` is over the last axis")
        arguments = [("dim", "-1")]
    return [WrittenItem(call_text(head, arguments))]


_FUNCTIONS: Final = {"interpolate": "Upsample", "upsample": "Upsample", "clip": "Clamp", "swish": "SiLU"}


def shaped(shape: Any, line: int) -> list[WrittenItem]:
    """Layers that give each example a shape: `Flatten`, and `Unflatten` where it has more axes than one.

    Raises:
        NoChain: it is no shape.
    """
    if not isinstance(shape, list) or not shape or not all(isinstance(size, int) for size in shape):  # pyright: ignore[reportUnknownVariableType]  # any values
        raise NoChain("a change of shape to sizes that are not written as numbers", line)
    sizes = [int(size) for size in shape]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # likewise
    if len(sizes) == 1:
        return [WrittenItem("Flatten")]
    return [WrittenItem("Flatten"), WrittenItem(f"Unflatten: {{dim: 1, unflattened_size: {flow(sizes, written)}}}")]
