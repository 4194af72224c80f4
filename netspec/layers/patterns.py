"""Axes rearranged by a pattern, written as in einops."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, model_validator

from netspec.arguments import Count, invalid
from netspec.dims import Size, need, product, same
from netspec.layers.base import Example, Family, Layer, Saved, TensorType, TorchCall

Groups = tuple[tuple[str, ...], ...]
"""One side of a pattern: the names of each axis, several for one that is split or merged, none for one of size 1."""


class _Pattern:
    """A parsed pattern: the names of each axis, on both sides."""

    __slots__ = ("left", "right")

    def __init__(self, text: str) -> None:
        sides = text.split("->")
        if len(sides) != 2:
            raise invalid("wants a pattern with one `->`, such as `n c h w -> n h w c`")
        self.left = _groups(sides[0])
        self.right = _groups(sides[1])
        spaced = with_spaces(text)
        if spaced is not None and self.left != self.right:
            raise invalid(f"wants the batch axis first, with spaces between the names: `{spaced}`")
        left, right = _names(self.left), _names(self.right)
        for side, names in (("left", left), ("right", right)):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise invalid(f"names the axis `{twice[0]}` twice on the {side}")
        missing = sorted(set(left) ^ set(right))
        if missing:
            side = "right" if missing[0] in left else "left"
            raise invalid(f"names the axis `{missing[0]}` on one side only; the {side} of `->` lacks it")
        if not left or self.left[0] != self.right[0] or len(self.left[0]) != 1:
            raise invalid("wants the batch axis first and alone on both sides, such as `n c h w -> n h w c`")


def _names(groups: Groups) -> list[str]:
    return [name for group in groups for name in group]


def _groups(side: str) -> Groups:
    groups: list[tuple[str, ...]] = []
    inside: list[str] | None = None
    for word in side.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            if inside is not None:
                raise invalid("has a parenthesis within a parenthesis")
            inside = []
        elif word == ")":
            if not inside:
                raise invalid("has an empty pair of parentheses" if inside == [] else "closes what was not opened")
            groups.append(tuple(inside))
            inside = None
        elif word == "1":
            if inside is not None:
                raise invalid("has a `1` within a parenthesis, where it changes nothing")
            groups.append(())
        elif not word.isidentifier():
            raise invalid(f"wants names for axes, or 1, not `{word}`; sizes stand under `sizes`")
        elif inside is None:
            groups.append((word,))
        else:
            inside.append(word)
    if inside is not None:
        raise invalid("opens a parenthesis that it does not close")
    return tuple(groups)


def with_spaces(pattern: str) -> str | None:
    """A pattern of letters without spaces, `bid,bjd->bij`, with spaces and a batch axis; None for any other."""
    sides = [[part.strip() for part in side.split(",")] for side in pattern.split("->")]
    parts = [part for side in sides for part in side]
    if not all(part.isalpha() and len(set(part)) == len(part) for part in parts) or all(len(p) == 1 for p in parts):
        return None
    free = next((letter for letter in "nbz" if not any(letter in part for part in parts)), "")
    batch = "" if len({part[0] for part in parts}) == 1 else free
    return " -> ".join(", ".join(" ".join(batch + part) for part in side) for side in sides)


def _checked_pattern(text: str) -> str:
    _Pattern(text)
    return " ".join(text.split())


Pattern = Annotated[str, AfterValidator(_checked_pattern)]


class Rearrange(Layer):
    """Axes renamed by a pattern: reordered, split by a group on the left, merged by a group on the right.

    `Rearrange: n c h w -> n h w c` takes 96 × 56 × 56 to 56 × 56 × 96. With `sizes: {a: 2, b: 2}` the pattern
    `n (h a) (w b) c -> n h w (b a c)` takes 56 × 56 × 96 to 28 × 28 × 384: each 2 × 2 patch becomes one vector. The
    pattern is written as in einops, with the batch axis first; of each group on the left at most one part has no stated
    size. A `1` is an axis of that size: `n c -> n c 1 1` adds two, `n c 1 1 -> n c` wants two and takes them away.
    Where nothing is split or merged this is a bare `permute`.

    Parameters: none.
    """

    family: ClassVar[Family] = "shape"
    scalar: ClassVar[str | None] = "pattern"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"pattern": "n c h w -> n h w c"}, (96, 56, 56), (56, 56, 96)),
        Example(
            {"pattern": "n (h a) (w b) c -> n h w (b a c)", "sizes": {"a": 2, "b": 2}}, (56, 56, 96), (28, 28, 384)
        ),
        Example({"pattern": "n c h w -> n (h w) c"}, (768, 14, 14), (196, 768)),
        Example({"pattern": "n c -> n c 1 1"}, (64,), (64, 1, 1)),
        Example({"pattern": "n 1 l d -> n l d"}, (1, 10, 16), (10, 16)),
    )

    pattern: Pattern
    sizes: dict[str, Count] | None = None

    @model_validator(mode="after")
    def _sizes_are_named(self) -> Self:
        for name in self.sizes or {}:
            if name not in _names(self._parsed.left[1:]):
                raise invalid(f"`sizes` gives one for `{name}`, which `{self.pattern}` does not name behind the batch")
        return self

    @cached_property
    def _parsed(self) -> _Pattern:
        return _Pattern(self.pattern)

    def output(self, x: TensorType) -> TensorType:
        left = self._parsed.left[1:]
        need(
            len(x.shape) == len(left),
            lambda: (
                f"`{self.pattern}` names {len(left)} axes behind the batch, but {{given}}, which has {len(x.shape)}"
            ),
            code="wrong-rank",
            at="pattern",
            axis="every",
        )
        sizes: dict[str, Size] = dict(self.sizes or {})
        for axis, (group, size) in enumerate(zip(left, x.shape, strict=True)):
            self._split(group, size, axis, sizes)
        shape = tuple(product(sizes[name] for name in group) for group in self._parsed.right[1:])
        return TensorType(shape, x.dtype)

    def _split(self, group: tuple[str, ...], size: Size, axis: int, sizes: dict[str, Size]) -> None:
        """Check the size of an axis against the known sizes of its names, and add the unknown one to `sizes`.

        Raises:
            Unmet: several sizes are unknown, or the known ones do not fit.
        """
        known = product(sizes[name] for name in group if name in sizes)
        unknown = [name for name in group if name not in sizes]
        need(
            len(unknown) <= 1,
            lambda: f"one axis cannot tell the sizes of both `{unknown[0]}` and `{unknown[1]}`: {{given}}",
            code="invalid-argument",
            at="pattern",
            axis=axis,
            help=f"state one of them, such as `sizes: {{{unknown[-1]}: 2}}`" if unknown else None,
        )
        stated = " × ".join(f"{name} = {sizes[name]}" for name in group if name in sizes)
        if unknown:
            need(
                True if known == 1 else same(size % known, 0),
                lambda: (
                    f"`({' '.join(group)})` with {stated} does not divide the axis: {{given}}, "
                    f"and {size} % {known} is {size % known}"
                ),
                at="sizes",
                axis=axis,
            )
            sizes[unknown[0]] = size // known
        else:
            need(
                same(size, known),
                lambda: f"`{self.pattern}` wants {stated or 1}, but {{given}}",
                at="sizes" if group else "pattern",
                axis=axis,
            )

    def derivation(self, x: TensorType, axis: int) -> str | None:
        group = self._parsed.right[axis + 1]
        if len(group) <= 1:
            return None
        sizes: dict[str, Size] = dict(self.sizes or {})
        for left_axis, (names, size) in enumerate(zip(self._parsed.left[1:], x.shape, strict=True)):
            self._split(names, size, left_axis, sizes)
        return " × ".join(str(sizes[name]) for name in group)

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def shares(self, x: TensorType) -> bool:
        return "(" not in self.pattern  # a permutation of the axes is a view

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Rearrange", self.arguments(x), "netspec.torch.extra")
