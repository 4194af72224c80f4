"""Rotary positions: how queries and keys are turned by their position."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from netspec.arguments import Arguments, Positive
from netspec.dims import UNKNOWN, Axis, Size, need, same
from netspec.kinds import number

Fraction = Annotated[float, number("a number above 0 and at most 1", "a number in (0, 1]", above=0, high=1)]


class Rotary(Arguments):
    """How queries and keys are turned by their position (Su et al. 2021, "RoFormer").

    Args:
        base: the turn of coordinate i, in radians for each position, is base^(−2i / rotated).
        layout: which coordinates are a pair: i and i + rotated / 2 (`half`, as Llama), or 2i and 2i + 1
            (`interleaved`, as the paper).
        fraction: how much of each head is turned, from its first coordinate on; that number is even.
    """

    scalar: ClassVar[str | None] = "base"

    base: Positive = 10000.0
    layout: Literal["half", "interleaved"] = "half"
    fraction: Fraction = 1.0

    def turned(self, size: Size) -> Size:
        """The number of coordinates of a head of this size that are turned."""
        return round(size * self.fraction) if isinstance(size, int) else size

    def check(self, size: Size, axis: Axis | None, given: str = "{given}", wish: str | None = None) -> None:
        """Require that an even number of coordinates of a head of this size is turned.

        Args:
            size: of a head.
            axis: the axis of the input that it comes from, if it does.
            given: where it comes from, for messages.
            wish: what to do about an odd number; by default, to state `head_dim`.

        Raises:
            Unmet: it is odd, or hangs on a size that is no number.
        """
        fraction = self.fraction
        if isinstance(size, int):
            turned = size * fraction
            need(
                turned >= 2 and turned % 2 == 0,
                lambda: (
                    f"`rotary` turns pairs of coordinates, but {turned:g} of a head's {size} "
                    f"(`fraction: {fraction:g}` of {size}) is no even number"
                ),
                code="invalid-argument",
                at="rotary",
                help=wish or f"a `head_dim` of {size + size % 2} with `fraction: 1` has pairs alone",
            )
            return
        need(
            size is UNKNOWN or fraction == 1,
            lambda: f"`fraction: {fraction:g}` of a head needs its size as a number: {given}",
            code="needs-number",
            at="rotary",
            axis=axis,
            help="state `head_dim`" if wish is None else "leave `fraction` out, or give the size a number",
        )
        need(
            same(size % 2, 0),
            lambda: f"`rotary` turns pairs of coordinates, so a head has an even number of them, not {size}: {given}",
            code="invalid-argument",
            at="rotary",
            axis=axis,
        )
