"""Keras's paddings, `same` and `causal`, where torch has not the word, or the word only for a stride of 1.

With `same` Keras gives as many values as there are strides in the input, ⌈n / stride⌉, and pads what that takes, the
odd one at the end: how much hangs on the size. A transposed convolution gives stride · n, and is cut off alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netspec.diagnostics import Edit
from netspec.language.items import Item
from netspec.layers import MODULE_OF
from netspec.layers.base import Layer
from netspec.mends.edits import leave_out, put_after, put_before, replace
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

Sizes = Sequence[int]
"""A number for each axis, or one for all."""


class Padded(NamedTuple):
    """How torch pads as Keras does."""

    arguments: Mapping[str, str]
    """Of the layer itself."""
    before: str | None = None
    """An item in front of it, which pads one side more."""
    behind: str | None = None
    """An item behind it, which cuts off."""

    @property
    def said(self) -> str:
        """What is written, for people."""
        parts = [f"`{', '.join(f'{key}: {text}' for key, text in self.arguments.items())}`"] if self.arguments else []
        parts += [f"`{self.before}` in front of it"] if self.before is not None else []
        parts += [f"`{self.behind}` behind it"] if self.behind is not None else []
        return " and ".join(parts) or "no `padding`"


class Rewritten(NamedTuple):
    """One way to write a padding."""

    edits: tuple[Edit, ...] = ()
    said: str = ""
    certain: bool = True


def is_causal(padding: object) -> bool:
    """Whether a padding is Keras's word for all of it in front."""
    return isinstance(padding, str) and padding.lower() == "causal"


def paddings(item: Item, layer: type[Layer], source: Source) -> list[Rewritten]:
    """The ways to write Keras's padding of an item, the likeliest first; one without edits where there is nothing to
    write. None where torch has no such padding, as with an even kernel and a stride of 1 in a pool."""
    arguments = item.value
    if not isinstance(arguments, MapNode) or is_torchs(arguments, layer):
        return [Rewritten()]
    kernel, stride, dilation = _given(arguments)
    padding = arguments.get("padding")
    assert isinstance(padding, ScalarNode)
    theirs = item.head.text not in MODULE_OF
    ways: list[Way | None]
    if is_causal(padding.text):
        made = causal_in_torch(layer, kernel, dilation)
        ways = [None if made is None else (made, ", so that no value is computed of later ones", True)]
    elif "output_padding" in layer.model_fields:
        ways = _ways_back(layer, kernel, stride, dilation, theirs)
    elif (made := same_in_torch(layer, kernel, stride, dilation)) is not None:
        ways = [(made, ", half the kernel" if list(made.arguments) == ["padding"] else "", True)]
    else:
        whole, half = _whole(layer, kernel, stride, dilation), _half(layer, kernel, stride, dilation)
        ways = [whole, half] if theirs else [half, whole]
    written = (_written(item, arguments, padding, *way, source) for way in ways if way is not None)
    return [one for one in written if one is not None]


def is_torchs(arguments: MapNode, layer: type[Layer]) -> bool:
    """Whether the padding among the arguments of a layer is one that torch has, or is left out."""
    padding = arguments.get("padding")
    if not isinstance(padding, ScalarNode) or padding.text.lower() not in ("same", "causal"):
        return True
    if "kernel_size" not in layer.model_fields:
        return True
    return not is_causal(padding.text) and same_in_torch(layer, *_given(arguments)) == Padded({"padding": "same"})


def _given(arguments: MapNode) -> list[Sizes | None]:
    """Kernel, stride and dilation, as they are written."""
    known: Mapping[str, Node] = {key.text: value for key, value in arguments.entries}
    return [
        _numbers(next((known[word] for word in words if word in known), None))
        for words in (("kernel_size", "pool_size"), ("stride", "strides"), ("dilation", "dilation_rate"))
    ]


Way = tuple[Padded, str, bool]
"""How torch pads, what is to be said of it, and whether nothing else can be meant."""


def _half(layer: type[Layer], kernel: Sizes | None, stride: Sizes | None, dilation: Sizes | None) -> Way | None:
    """Half the kernel, which torch's users mean by `same`, whatever the stride."""
    reaches = [step * (size - 1) + 1 for size, _, step in _each_axis(layer, kernel, stride, dilation) or ()]
    if not reaches or any(reach % 2 == 0 for reach in reaches):
        return None
    counted = {"count_include_pad": "false"} if "count_include_pad" in layer.model_fields else {}
    made = Padded({"padding": _text([reach // 2 for reach in reaches]), **counted})
    odd = "an odd size" if set(stride or ()) == {2} else "a size that is one more than a multiple of the stride"
    return made, f", half the kernel, as Keras pads {odd}", False


def _whole(layer: type[Layer], kernel: Sizes | None, stride: Sizes | None, dilation: Sizes | None) -> Way | None:
    """What Keras pads where the stride divides the size."""
    axes = _each_axis(layer, kernel, stride, dilation)
    made = None if axes is None else same_in_torch(layer, kernel, stride, dilation, [by for _, by, _ in axes])
    even = "an even size" if set(stride or ()) == {2} else "a size that is a multiple of the stride"
    return None if made is None else (made, f", as Keras pads {even}", False)


def _ways_back(
    layer: type[Layer], kernel: Sizes | None, stride: Sizes | None, dilation: Sizes | None, theirs: bool
) -> list[Way | None]:
    """Of a transposed convolution: what Keras has, and where that cuts off at one end, what torch's users write."""
    made = same_in_torch(layer, kernel, stride, dilation)
    if made is None:
        return []
    times = set(stride or (1,))
    size = ", which keeps the size" if times == {1} else (
        f", which gives {times.pop()} times the size" if len(times) == 1 else ""
    )  # fmt: skip
    if made.behind is None or theirs:
        return [(made, size, True)]
    axes = _each_axis(layer, kernel, stride, dilation) or ()
    over = [step * (size - 1) + 1 - by for size, by, step in axes]
    if min(over) < 0 or any(by == 1 and one % 2 for one, (_, by, _) in zip(over, axes, strict=True)):
        return [(made, f"{size}, as Keras has it", False)]
    arguments = {"padding": [(one + 1) // 2 for one in over], "output_padding": [one % 2 for one in over]}
    torchs = Padded({key: _text(values) for key, values in arguments.items()})
    return [(torchs, size, False), (made, f"{size}, as Keras has it", False)]


def _written(
    item: Item, arguments: MapNode, padding: Node, made: Padded, why: str, certain: bool, source: Source
) -> Rewritten | None:
    """The edits that write a padding; None where the style that stands there leaves no room for it."""
    if made == Padded({"padding": "same"}):
        return Rewritten()
    others = [key for key in made.arguments if key != "padding"]
    if any(arguments.get(key) is not None for key in others) or (len(made.arguments) > 1 and not arguments.flow):
        return None
    at = next(i for i, (_, value) in enumerate(arguments.entries) if value is padding)
    edits: list[Edit | None] = []
    if made.arguments:
        first, value = next(iter(made.arguments.items()))
        if first != "padding":
            edits.append(replace(source, arguments.entries[at][0], first))
        further = [f"{name}: {text}" for name, text in list(made.arguments.items())[1:]]
        edits.append(replace(source, padding, ", ".join([value, *further])))
    else:
        edits.append(leave_out(arguments, at, source))
    if made.before is not None:
        edits.append(put_before(source, item, made.before))
    if made.behind is not None:
        edits.append(put_after(source, item, made.behind))
    known = tuple(edit for edit in edits if edit is not None)
    return Rewritten(known, f"{made.said}{why}", certain) if len(known) == len(edits) else None


def causal_in_torch(layer: type[Layer], kernel: Sizes | None, dilation: Sizes | None) -> Padded | None:
    """Keras's `causal` of a convolution over one axis: all of the padding in front; None if it is none."""
    sizes = _each_axis(layer, kernel, None, dilation)
    if sizes is None or len(sizes) != 1 or _axes(layer) != 1 or "ceil_mode" in layer.model_fields:
        return None
    if "output_padding" in layer.model_fields:
        return None
    ((size, _, step),) = sizes
    return Padded({}, _zeros([(step * (size - 1), 0)]))


def same_in_torch(
    layer: type[Layer],
    kernel: Sizes | None,
    stride: Sizes | None,
    dilation: Sizes | None,
    sizes: Sequence[int] | None = None,
) -> Padded | None:
    """How a layer of torch's gives what Keras's `same` does; None if it cannot, or if it hangs on a size that is not
    known.

    Args:
        layer: a convolution, transposed or not, or a pool.
        kernel: sizes of the window; empty if it is not known, None if it is left out.
        stride: the same of the stride.
        dilation: the same of the distance between a window's values.
        sizes: of what comes to it, without its channels.
    """
    pools = "ceil_mode" in layer.model_fields
    if not pools and "output_padding" not in layer.model_fields and set(stride or (1,)) == {1} and stride != ():
        return Padded({"padding": "same"})
    axes = _each_axis(layer, kernel, stride, dilation)
    if axes is None or (sizes is not None and len(axes) > 1 and len(sizes) != len(axes)):
        return None
    if "output_padding" in layer.model_fields:
        return _transposed(axes * (_axes(layer) // len(axes)))
    if sizes is not None and len(sizes) > len(axes):
        axes = axes * len(sizes)
    each = [_sides(*one, None if sizes is None else sizes[at]) for at, one in enumerate(axes)]
    if any(one is None for one in each):
        return None
    sides = [one for one in each if one is not None]
    if not pools:
        uneven = any(len(set(side)) > 1 for one in sides for side in one)
        if any(len(one) > 1 for one in sides):
            return None
        one_each = [next(iter(one)) for one in sides]
        if uneven:
            return Padded({}, _zeros(one_each if len(one_each) == _axes(layer) else one_each * _axes(layer)))
        return _alike([before for before, _ in one_each])
    return _pool(layer, axes, sides)


def _pool(
    layer: type[Layer], axes: Sequence[tuple[int, int, int]], sides: Sequence[set[tuple[int, int]]]
) -> Padded | None:
    """A pool that pads alike on both sides, and lets the last window reach over the end."""
    before = [{first for first, _ in one} for one in sides]
    if any(len(one) > 1 for one in before):
        return None
    over = [any(last > first for first, last in one) for one in sides]
    if any(longer and stride == 1 for longer, (_, stride, _) in zip(over, axes, strict=True)):
        return None  # which has no window more
    halves = [one.pop() for one in before]
    if any(half > kernel // 2 for half, (kernel, _, _) in zip(halves, axes, strict=True)):
        return None
    counted = {"count_include_pad": "false"} if "count_include_pad" in layer.model_fields and any(halves) else {}
    return Padded({**_alike(halves).arguments, **({"ceil_mode": "true"} if any(over) else {}), **counted})


def _sides(kernel: int, stride: int, dilation: int, size: int | None) -> set[tuple[int, int]] | None:
    """What Keras pads before and after along an axis: for one size, or for every one that there may be."""
    reach = dilation * (kernel - 1) + 1
    rests = range(stride) if size is None else [-size % stride]
    totals = {max(reach - stride + rest, 0) for rest in rests}
    return {(total // 2, total - total // 2) for total in totals}


def _transposed(axes: Sequence[tuple[int, int, int]]) -> Padded | None:
    """Of the kernel - stride values too many half is cut off at the start, and the odd one at the end."""
    over = [dilation * (kernel - 1) + 1 - stride for kernel, stride, dilation in axes]
    paddings = [max(one, 0) // 2 for one in over]
    missing = [max(-one, 0) for one in over]
    odd = [one > 0 and one % 2 == 1 for one in over]
    if any(odd) and any(missing):
        return None
    arguments = dict(_alike(paddings).arguments)
    if any(missing):
        arguments["output_padding"] = _text(missing)
    return Padded(arguments, None, _zeros([(0, -one) for one in odd]) if any(odd) else None)


def _alike(halves: Sequence[int]) -> Padded:
    """A padding on both sides of each axis."""
    return Padded({"padding": _text(halves)} if any(halves) else {})


def _zeros(sides: Sequence[tuple[int, int]]) -> str:
    """The item that pads, or with negative numbers cuts off; torch has the last axis first."""
    numbers = [number for side in reversed(sides) for number in side]
    return f"ZeroPad{len(sides)}d: {{padding: [{', '.join(str(int(number)) for number in numbers)}]}}"


def _axes(layer: type[Layer]) -> int:
    return int(layer.__name__[-2])


def _each_axis(
    layer: type[Layer], kernel: Sizes | None, stride: Sizes | None, dilation: Sizes | None
) -> list[tuple[int, int, int]] | None:
    """Kernel, stride and dilation of each axis, or once for all; None where they are not known."""
    pools = "ceil_mode" in layer.model_fields
    kernel = (2,) if pools and kernel is None else kernel  # Keras's window
    stride = stride if stride is not None else kernel if pools else (1,)
    dilation = (1,) if dilation is None else dilation
    if not kernel or not stride or not dilation:
        return None
    number = max(map(len, (kernel, stride, dilation)))
    each = [tuple(one) * number if len(one) == 1 else tuple(one) for one in (kernel, stride, dilation)]
    if {*map(len, each)} != {number} or number not in (1, _axes(layer)) or min(map(min, each)) < 1:
        return None
    return list(zip(*each, strict=True))


def _text(values: Sequence[int]) -> str:
    """One value for all axes, or a list."""
    texts = [str(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else f"[{', '.join(texts)}]"


def _numbers(node: Node | None) -> Sizes | None:
    """Whole numbers as they are written; none of them where something else stands there."""
    if node is None:
        return None
    listed = node.items if isinstance(node, ListNode) else [node]
    values = [one.value for one in listed if isinstance(one, ScalarNode) and type(one.value) is int]
    return tuple(values) if len(values) == len(listed) else ()
