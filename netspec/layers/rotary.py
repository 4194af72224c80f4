"""Rotary positions: how queries and keys are turned by their position."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from netspec.arguments import Arguments, Count, Positive, invalid
from netspec.dims import UNKNOWN, Axis, Size, need, same
from netspec.kinds import number

Fraction = Annotated[float, number("a number above 0 and at most 1", "a number in (0, 1]", above=0, high=1)]


SCALINGS: Final[dict[str, tuple[str, ...]]] = {
    "default": (),
    "linear": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
}
"""The arguments of each way of scaling turns to longer sequences, all of which it needs."""


def listed_text(names: Sequence[str]) -> str:
    """Names in a row: "`a`, `b` and `c`"."""
    quoted = [f"`{name}`" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


class Rotary(Arguments):
    """How queries and keys are turned by their position (Su et al. 2021, "RoFormer").

    Args:
        base: the turn of coordinate i, in radians for each position, is base^(−2i / rotated).
        layout: which coordinates are a pair: i and i + rotated / 2 (`half`, as Llama), or 2i and 2i + 1
            (`interleaved`, as the paper).
        fraction: how much of each head is turned, from its first coordinate on; that number is even.
        rope_type: how turns are scaled to longer sequences, under transformers' names: `linear` divides them all by
            factor; `llama3` divides those that make a round in more than original_max_position_embeddings /
            low_freq_factor positions, leaves those that make one in fewer than original_max_position_embeddings /
            high_freq_factor, and goes over from one to the other between (Grattafiori et al. 2024).
        factor: how many times as long sequences are.
        low_freq_factor: of `llama3`.
        high_freq_factor: of `llama3`, more than low_freq_factor.
        original_max_position_embeddings: the length of sequences before, of `llama3`.
    """

    scalar: ClassVar[str | None] = "base"

    base: Positive = 10000.0
    layout: Literal["half", "interleaved"] = "half"
    fraction: Fraction = 1.0
    rope_type: Literal["default", "linear", "llama3"] = "default"
    factor: Positive | None = None
    low_freq_factor: Positive | None = None
    high_freq_factor: Positive | None = None
    original_max_position_embeddings: Count | None = None

    @model_validator(mode="after")
    def _scaling_is_whole(self) -> Rotary:
        wanted = SCALINGS[self.rope_type]
        for name in SCALINGS["llama3"]:
            given = getattr(self, name) is not None
            if name in wanted and not given:
                raise invalid(f"wants {listed_text(wanted)} beside `rope_type: {self.rope_type}`, but has no `{name}`")
            if given and name not in wanted:
                kinds = listed_text([kind for kind, names in SCALINGS.items() if name in names])
                raise invalid(f"wants `{name}` beside a `rope_type` of {kinds} alone, which is `{self.rope_type}` here")
        low, high = self.low_freq_factor, self.high_freq_factor
        if low is not None and high is not None and low >= high:
            raise invalid(f"wants a `high_freq_factor` above `low_freq_factor: {low:g}`, not {high:g}")
        return self

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return self.model_dump().items()

    @model_serializer(mode="wrap")
    def _without_scaling_that_is_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = handler(self)
        names = SCALINGS[self.rope_type]
        hidden = {"rope_type", *SCALINGS["llama3"]} - ({"rope_type", *names} if names else set())
        return {name: value for name, value in found.items() if name not in hidden}

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
