"""Padding of the spatial axes, by mode: zeros, a constant, reflection, replication, circular."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from netspec.arguments import Real
from netspec.dims import Size, need
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.convolution import need_source
from netspec.layers.fields import Sides1, Sides2, Sides3, SignedSides1, SignedSides2, SignedSides3
from netspec.layers.windows import AXES, RANKS


class Padding(Layer):
    """Base of the pads over `axes` spatial axes."""

    axes: ClassVar[int]
    mode: ClassVar[str]
    family = "padding"
    scalar = "padding"

    padding: Any

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, self.axes + 1, RANKS[self.axes])
        sizes: list[Size] = [x.shape[0]]
        for axis in range(1, self.axes + 1):
            before, after = self._amounts(axis)
            need_source(self.mode, x.shape[axis], max(before, after), AXES[self.axes][axis - 1], axis)
            if before < 0 or after < 0:
                self._need_something_left(x.shape[axis], before, after, axis)
            sizes.append(x.shape[axis] + before + after)
        return TensorType(tuple(sizes))

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=self.mode in ("reflect", "replicate"))

    def derivation(self, x: TensorType, axis: int) -> str | None:
        axis %= len(x.shape)
        if axis == 0:
            return None
        terms = (f" {'+' if amount > 0 else '−'} {abs(amount)}" for amount in self._amounts(axis) if amount)
        return f"{x.shape[axis]}{''.join(terms)}"

    def _amounts(self, axis: int) -> tuple[int, int]:
        """The amounts before and after an axis. The argument lists them from the last axis to the first, as torch."""
        if isinstance(self.padding, int):
            return self.padding, self.padding
        first = 2 * (self.axes - axis)
        amounts = cast("tuple[int, ...]", self.padding)
        return amounts[first], amounts[first + 1]

    def _need_something_left(self, n: Size, before: int, after: int, axis: int) -> None:
        cut = max(-before, 0) + max(-after, 0)
        name = AXES[self.axes][axis - 1]
        need(
            n >= cut,
            lambda: f"`padding` of {before} and {after} cuts {cut} off the {name}: {{given}}",
            at="padding",
            axis=axis,
        )
        need(
            n + before + after >= 1,
            lambda: f"`padding` of {before} and {after} leaves nothing of the {name}: {{given}}",
            at="padding",
            axis=axis,
        )


class ReflectionPad1d(Padding):
    """(C, L) → (C, left + L + right): padded with the input mirrored at its edge, which is not repeated: `a b c`
    becomes `c b a b c b a` with 2.

    `ReflectionPad1d: 2` on 8 × 10 gives 8 × 14. A list gives every side its own amount, [left, right]; an axis of n
    takes at most n − 1.
    """

    axes = 1
    mode = "reflect"
    examples = (
        Example({"padding": 2}, (8, 10), (8, 14)),
        Example({"padding": (1, 3)}, (2, 5), (2, 9)),
    )

    padding: Sides1


class ReflectionPad2d(Padding):
    """(C, H, W) → (C, top + H + bottom, left + W + right): padded with the input mirrored at its edge, which is not
    repeated: `a b c` becomes `c b a b c b a` with 2.

    `ReflectionPad2d: 1` on 3 × 32 × 32 gives 3 × 34 × 34. A list gives every side its own amount, [left, right,
    top, bottom]; an axis of n takes at most n − 1.
    """

    axes = 2
    mode = "reflect"
    examples = (
        Example({"padding": 1}, (3, 32, 32), (3, 34, 34)),
        Example({"padding": (1, 2, 0, 3)}, (4, 6, 7), (4, 9, 10)),
    )

    padding: Sides2


class ReflectionPad3d(Padding):
    """(C, D, H, W) → (C, front + D + back, top + H + bottom, left + W + right): padded with the input mirrored at its
    edge, which is not repeated: `a b c` becomes `c b a b c b a` with 2.

    `ReflectionPad3d: 1` on 3 × 4 × 8 × 8 gives 3 × 6 × 10 × 10. A list gives every side its own amount, [left,
    right, top, bottom, front, back]; an axis of n takes at most n − 1.
    """

    axes = 3
    mode = "reflect"
    examples = (
        Example({"padding": 1}, (3, 4, 8, 8), (3, 6, 10, 10)),
        Example({"padding": (1, 2, 0, 3, 1, 0)}, (2, 4, 6, 7), (2, 5, 9, 10)),
    )

    padding: Sides3


class ReplicationPad1d(Padding):
    """(C, L) → (C, left + L + right): padded with copies of the edge: `a b c` becomes `a a a b c c c` with 2.

    `ReplicationPad1d: 2` on 8 × 10 gives 8 × 14. A list gives every side its own amount, [left, right].
    """

    axes = 1
    mode = "replicate"
    examples = (
        Example({"padding": 2}, (8, 10), (8, 14)),
        Example({"padding": (1, 3)}, (2, 5), (2, 9)),
    )

    padding: Sides1


class ReplicationPad2d(Padding):
    """(C, H, W) → (C, top + H + bottom, left + W + right): padded with copies of the edge: `a b c` becomes `a a a b
    c c c` with 2.

    `ReplicationPad2d: 1` on 3 × 32 × 32 gives 3 × 34 × 34. A list gives every side its own amount, [left, right, top,
    bottom].
    """

    axes = 2
    mode = "replicate"
    examples = (
        Example({"padding": 1}, (3, 32, 32), (3, 34, 34)),
        Example({"padding": (1, 2, 0, 3)}, (4, 6, 7), (4, 9, 10)),
    )

    padding: Sides2


class ReplicationPad3d(Padding):
    """(C, D, H, W) → (C, front + D + back, top + H + bottom, left + W + right): padded with copies of the edge: `a
    b c` becomes `a a a b c c c` with 2.

    `ReplicationPad3d: 1` on 3 × 4 × 8 × 8 gives 3 × 6 × 10 × 10. A list gives every side its own amount, [left, right,
    top, bottom, front, back].
    """

    axes = 3
    mode = "replicate"
    examples = (
        Example({"padding": 1}, (3, 4, 8, 8), (3, 6, 10, 10)),
        Example({"padding": (1, 2, 0, 3, 1, 0)}, (2, 4, 6, 7), (2, 5, 9, 10)),
    )

    padding: Sides3


class CircularPad1d(Padding):
    """(C, L) → (C, left + L + right): padded with the input wrapped around from the other side: `a b c` becomes
    `b c a b c a b` with 2.

    `CircularPad1d: 2` on 8 × 10 gives 8 × 14. A list gives every side its own amount, [left, right]; an axis of n
    takes at most n.
    """

    axes = 1
    mode = "circular"
    examples = (
        Example({"padding": 2}, (8, 10), (8, 14)),
        Example({"padding": (1, 3)}, (2, 5), (2, 9)),
    )

    padding: Sides1


class CircularPad2d(Padding):
    """(C, H, W) → (C, top + H + bottom, left + W + right): padded with the input wrapped around from the other side:
    `a b c` becomes `b c a b c a b` with 2.

    `CircularPad2d: 1` on 3 × 32 × 32 gives 3 × 34 × 34. A list gives every side its own amount, [left, right, top,
    bottom]; an axis of n takes at most n.
    """

    axes = 2
    mode = "circular"
    examples = (
        Example({"padding": 1}, (3, 32, 32), (3, 34, 34)),
        Example({"padding": (1, 2, 0, 3)}, (4, 6, 7), (4, 9, 10)),
    )

    padding: Sides2


class CircularPad3d(Padding):
    """(C, D, H, W) → (C, front + D + back, top + H + bottom, left + W + right): padded with the input wrapped around
    from the other side: `a b c` becomes `b c a b c a b` with 2.

    `CircularPad3d: 1` on 3 × 4 × 8 × 8 gives 3 × 6 × 10 × 10. A list gives every side its own amount, [left, right,
    top, bottom, front, back]; an axis of n takes at most n.
    """

    axes = 3
    mode = "circular"
    examples = (
        Example({"padding": 1}, (3, 4, 8, 8), (3, 6, 10, 10)),
        Example({"padding": (1, 2, 0, 3, 1, 0)}, (2, 4, 6, 7), (2, 5, 9, 10)),
    )

    padding: Sides3


class ZeroPad1d(Padding):
    """(C, L) → (C, left + L + right): padded with zeros.

    `ZeroPad1d: 2` on 8 × 10 gives 8 × 14. A list gives every side its own amount, [left, right]; a negative amount
    cuts off.
    """

    axes = 1
    mode = "zeros"
    examples = (
        Example({"padding": 2}, (8, 10), (8, 14)),
        Example({"padding": (1, 3)}, (2, 5), (2, 9)),
    )

    padding: SignedSides1


class ZeroPad2d(Padding):
    """(C, H, W) → (C, top + H + bottom, left + W + right): padded with zeros.

    `ZeroPad2d: 1` on 3 × 32 × 32 gives 3 × 34 × 34. A list gives every side its own amount, [left, right, top,
    bottom]; a negative amount cuts off.
    """

    axes = 2
    mode = "zeros"
    examples = (
        Example({"padding": 1}, (3, 32, 32), (3, 34, 34)),
        Example({"padding": (1, 2, 0, 3)}, (4, 6, 7), (4, 9, 10)),
    )

    padding: SignedSides2


class ZeroPad3d(Padding):
    """(C, D, H, W) → (C, front + D + back, top + H + bottom, left + W + right): padded with zeros.

    `ZeroPad3d: 1` on 3 × 4 × 8 × 8 gives 3 × 6 × 10 × 10. A list gives every side its own amount, [left, right, top,
    bottom, front, back]; a negative amount cuts off.
    """

    axes = 3
    mode = "zeros"
    examples = (
        Example({"padding": 1}, (3, 4, 8, 8), (3, 6, 10, 10)),
        Example({"padding": (1, 2, 0, 3, 1, 0)}, (2, 4, 6, 7), (2, 5, 9, 10)),
    )

    padding: SignedSides3


class ConstantPad1d(Padding):
    """(C, L) → (C, left + L + right): padded with a value.

    `ConstantPad1d: {padding: 2, value: 0.5}` on 8 × 10 gives 8 × 14. A list gives every side its own amount, [left,
    right]; a negative amount cuts off.
    """

    axes = 1
    mode = "zeros"
    scalar = None
    examples = (
        Example({"padding": 2, "value": 0.5}, (8, 10), (8, 14)),
        Example({"padding": (1, 3), "value": 0.5}, (2, 5), (2, 9)),
    )

    padding: SignedSides1
    value: Real


class ConstantPad2d(Padding):
    """(C, H, W) → (C, top + H + bottom, left + W + right): padded with a value.

    `ConstantPad2d: {padding: 1, value: 0.5}` on 3 × 32 × 32 gives 3 × 34 × 34. A list gives every side its own amount,
    [left, right, top, bottom]; a negative amount cuts off.
    """

    axes = 2
    mode = "zeros"
    scalar = None
    examples = (
        Example({"padding": 1, "value": 0.5}, (3, 32, 32), (3, 34, 34)),
        Example({"padding": (1, 2, 0, 3), "value": 0.5}, (4, 6, 7), (4, 9, 10)),
    )

    padding: SignedSides2
    value: Real


class ConstantPad3d(Padding):
    """(C, D, H, W) → (C, front + D + back, top + H + bottom, left + W + right): padded with a value.

    `ConstantPad3d: {padding: 1, value: 0.5}` on 3 × 4 × 8 × 8 gives 3 × 6 × 10 × 10. A list gives every side its own
    amount, [left, right, top, bottom, front, back]; a negative amount cuts off.
    """

    axes = 3
    mode = "zeros"
    scalar = None
    examples = (
        Example({"padding": 1, "value": 0.5}, (3, 4, 8, 8), (3, 6, 10, 10)),
        Example({"padding": (1, 2, 0, 3, 1, 0), "value": 0.5}, (2, 4, 6, 7), (2, 5, 9, 10)),
    )

    padding: SignedSides3
    value: Real
