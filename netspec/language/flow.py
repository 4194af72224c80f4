"""What flows from layer to layer while a net is elaborated: the type, and for each axis the layer that set its size.

A message about a size names the layer that the size came from, which is rarely the one just before: the channels
after a pooling were set by the convolution in front of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from netspec.diagnostics import Related, Span
from netspec.dims import Problem, Size
from netspec.expressions.values import Family
from netspec.layers.base import TensorType, shape_text
from netspec.net import Leaf


class Origin:
    """Where a size came from: an input, a combinator, a block."""

    __slots__ = ("_derive", "_span", "_title")

    def __init__(self, title: str, span: Span, derive: Callable[[int], str | None] | None = None) -> None:
        self._title = title
        self._span = span
        self._derive = derive

    @property
    def title(self) -> str:
        """What it is called: "`Flatten`"."""
        return self._title

    @property
    def span(self) -> Span:
        """Where it is written."""
        return self._span

    def derivation(self, axis: int) -> str | None:
        """How the size along an axis came about, `256 × 5 × 5`; None where there is nothing to derive."""
        return None if self._derive is None else self._derive(axis)

    def named(self) -> str:
        """ "`Flatten` (line 17)"."""
        return f"{self.title} (line {self.span.line})"


class LayerOrigin(Origin):
    """A layer that set sizes. There is one for each layer, and hardly any is ever asked: its words are made then."""

    __slots__ = ("_leaf",)

    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf

    @property
    def leaf(self) -> Leaf:
        """The layer."""
        return self._leaf

    @property
    def title(self) -> str:
        """The layer's name."""
        return f"`{self._leaf.type}`"

    @property
    def span(self) -> Span:
        """Where the layer stands."""
        return self._leaf.span

    def derivation(self, axis: int) -> str | None:
        """What the layer says of the size along an axis."""
        return self._leaf.derivation(axis)

    def named(self) -> str:
        """ "`Flatten` (line 17)", and for a layer inside a block also the line of the outermost call."""
        calls = self._leaf.calls
        called = f", called in line {calls[0].span.line}" if calls else ""
        return f"{self.title} (line {self.span.line}{called})"


class Flow(NamedTuple):
    """The type at one place of the net, and its history."""

    type: TensorType | None
    """None where nothing is known, because what came before was reported."""
    origins: tuple[Origin, ...]
    """For each axis, the layer that set its size."""
    last: Origin
    """The last layer that changed the shape."""
    family: Family | None = None
    """What stands here where it is no one value: a block's output of several."""

    def unknown(self) -> Flow:
        """The same place with nothing known of the type."""
        return Flow(None, (), self.last)

    def given(self, axis: int | None) -> str:
        """ "`Flatten` (line 17) gives 6400 = 256 × 5 × 5": the size along an axis, or the whole shape for None."""
        assert self.type is not None
        shape = self.type.shape
        if axis is None or not shape:
            return f"{self.last.named()} gives {shape_text(shape)}"
        origin = self.origins[axis]
        return f"{origin.named()} gives {shape[axis]}{_derivation(origin, axis % len(shape), shape[axis])}"

    def related(self, axis: int | None) -> Related:
        """The place that a size, or the whole shape, came from."""
        assert self.type is not None
        shape = self.type.shape
        origin = self.last if axis is None or not shape else self.origins[axis]
        text = shape_text(shape) if axis is None or not shape else str(shape[axis])
        derived = "" if axis is None or not shape else _derivation(origin, axis % len(shape), shape[axis])
        return Related(f"{origin.title} gives {text}{derived}", origin.span)

    def told(self, problem: Problem) -> tuple[str, list[Related]]:
        """A problem's message with what gave the size that it is about, and the place of that."""
        if problem.axis is None:
            return problem.message, []
        axis = None if problem.axis == "every" else problem.axis
        return problem.message.replace("{given}", self.given(axis)), [self.related(axis)]

    def from_source(self, leaf: Leaf) -> Flow:
        """The place behind a layer that reads no value."""
        origin = LayerOrigin(leaf)
        return Flow(leaf.output, (origin,) * len(leaf.output.shape), origin)

    def after(self, leaf: Leaf, y: TensorType) -> Flow:
        """The place behind a layer with output `y`."""
        assert self.type is not None
        layer = leaf.layer
        before, shape, sets = self.type.shape, y.shape, layer.sets_axis
        if shape is before and sets is None:
            return self if y is self.type else Flow(y, self.origins, self.last)
        new = LayerOrigin(leaf)
        if len(shape) != len(before):
            return Flow(y, (new,) * len(shape), new)
        decided = None if sets is None else sets % len(shape)
        changed = False
        origins: list[Origin] = []
        for axis, size in enumerate(shape):
            moved = axis == decided or (size is not before[axis] and size != before[axis])
            changed = changed or moved
            origins.append(new if moved else self.origins[axis])
        return Flow(y, tuple(origins), new if changed else self.last)

    def joined(self, y: TensorType, origin: Origin, axis: int | tuple[int, ...] | None) -> Flow:
        """The place behind a combinator that continues this branch; `axis` is the one that it changed, or those. Where
        the number of axes is another, it has made them all."""
        if len(y.shape) != len(self.origins):
            return Flow(y, (origin,) * len(y.shape), origin)
        if axis is None:
            return Flow(y, self.origins, self.last)
        changed = (axis,) if isinstance(axis, int) else axis
        origins = tuple(origin if i in changed else o for i, o in enumerate(self.origins))
        return Flow(y, origins, origin)


def _derivation(origin: Origin, axis: int, size: Size) -> str:
    derived = origin.derivation(axis)
    return f" = {derived}" if derived and derived != str(size) else ""
