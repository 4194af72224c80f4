"""Layers that torch.nn lacks: rearranged and selected axes, stochastic depth, learned tokens, positions and scales."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, model_validator

from netspec.arguments import Count, Integer, Probability, Real, invalid
from netspec.dims import UNKNOWN, Shape, Size, need, product, same
from netspec.layers.base import Example, Family, Layer, Saved, TensorType, TorchCall

_OWN = "netspec.torch.extra"

Groups = tuple[tuple[str, ...], ...]
"""One side of a pattern: the names of each axis, several for an axis that is split or merged."""


class _Pattern:
    """A parsed pattern: the names of each axis, on both sides."""

    __slots__ = ("left", "right")

    def __init__(self, text: str) -> None:
        sides = text.split("->")
        if len(sides) != 2:
            raise invalid("wants a pattern with one `->`, such as `n c h w -> n h w c`")
        self.left = _groups(sides[0])
        self.right = _groups(sides[1])
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
        elif not word.isidentifier():
            raise invalid(f"wants names for axes, not `{word}`; sizes stand under `sizes`")
        elif inside is None:
            groups.append((word,))
        else:
            inside.append(word)
    if inside is not None:
        raise invalid("opens a parenthesis that it does not close")
    return tuple(groups)


def _checked_pattern(text: str) -> str:
    _Pattern(text)
    return " ".join(text.split())


Pattern = Annotated[str, AfterValidator(_checked_pattern)]


class Rearrange(Layer):
    """Axes renamed by a pattern: reordered, split by a group on the left, merged by a group on the right.

    `Rearrange: n c h w -> n h w c` takes 96 × 56 × 56 to 56 × 56 × 96. With `sizes: {a: 2, b: 2}` the pattern
    `n (h a) (w b) c -> n h w (b a c)` takes 56 × 56 × 96 to 28 × 28 × 384: each 2 × 2 patch becomes one vector. The
    pattern is written as in einops, with the batch axis first; of each group on the left at most one part has no stated
    size. Where nothing is split or merged this is a bare `permute`.

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
                lambda: f"`{self.pattern}` wants {stated}, but {{given}}",
                at="sizes",
                axis=axis,
            )

    def derivation(self, x: TensorType, axis: int) -> str | None:
        group = self._parsed.right[axis + 1]
        if len(group) == 1:
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
        return TorchCall("Rearrange", self.arguments(x), _OWN)


class Select(Layer):
    """One slice along an axis, which disappears: x[:, index] for `dim: 1`.

    `Select: {dim: 1, index: 0}` on 197 × 768 gives 768: the class token of a vision transformer. `dim` counts the
    batch axis, as in `torch.select`, and may not be the batch axis itself. A negative index counts from the end.

    Parameters: none.
    """

    family: ClassVar[Family] = "shape"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1, "index": 0}, (197, 768), (768,)),
        Example({"dim": -1, "index": -1}, (5, 3), (5,)),
    )

    dim: Integer
    index: Integer

    def output(self, x: TensorType) -> TensorType:
        rank = len(x.shape) + 1
        need(
            -rank <= self.dim < rank and self.dim % rank != 0,
            lambda: (
                f"`dim: {self.dim}` is none of the axes behind the batch: {{given}}, so dim is from 1 to {rank - 1}"
            ),
            code="wrong-rank",
            at="dim",
            axis="every",
        )
        axis = self.dim % rank - 1
        size = x.shape[axis]
        need(
            size > self.index if self.index >= 0 else size >= -self.index,
            lambda: f"`index: {self.index}` lies outside the axis: {{given}}",
            at="index",
            axis=axis,
        )
        return TensorType((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype)

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def shares(self, x: TensorType) -> bool:
        return True

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Select", self.arguments(x), _OWN)


class StochasticDepth(Layer):
    """x → x, or zero for whole examples with probability `p` while training, the others scaled by 1 / (1 − p).

    `StochasticDepth: 0.2` at the end of a residual's body drops that body for one example in five. `mode: batch` drops
    it for all examples of a batch or none. Source: Huang et al. 2016, "Deep Networks with Stochastic Depth";
    torchvision's own module.

    Parameters: none.
    """

    family: ClassVar[Family] = "dropout"
    scalar: ClassVar[str | None] = "p"
    examples: ClassVar[tuple[Example, ...]] = (Example({"p": 0.2}, (96, 56, 56), (96, 56, 56)),)

    p: Probability
    mode: Literal["row", "batch"] = "row"

    def output(self, x: TensorType) -> TensorType:
        need(
            x.dtype == "float32",
            lambda: f"`StochasticDepth` scales float32 values, but its input is {x.dtype}",
            code="wrong-dtype",
        )
        return x

    def saved(self, x: TensorType) -> Saved:
        if self.p == 0:
            return Saved()
        return Saved(extra=1) if self.mode == "row" else Saved(statistics=1)

    def shares(self, x: TensorType) -> bool:
        return self.p == 0

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("StochasticDepth", self.arguments(x), "torchvision.ops")


class LayerScale(Layer):
    """x → weight · x, one learned factor for each channel; the shape stays.

    `LayerScale: 1e-6` on 96 × 56 × 56 has 96 factors that begin as 10⁻⁶, so that a deep residual network begins as the
    identity. `dim` is the axis of the channels, batch included: 1 for images, −1 for channels last. Source: Touvron et
    al. 2021, "Going deeper with Image Transformers".

    Parameters: one for each channel.
    """

    family: ClassVar[Family] = "normalization"
    scalar: ClassVar[str | None] = "init_value"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"init_value": 1e-6}, (96, 56, 56), (96, 56, 56)),
        Example({"init_value": 0.1, "dim": -1}, (196, 384), (196, 384)),
    )

    init_value: Real = 1e-6
    dim: Integer = 1

    def output(self, x: TensorType) -> TensorType:
        rank = len(x.shape) + 1
        need(
            x.dtype == "float32",
            lambda: f"`LayerScale` multiplies float32 values, but its input is {x.dtype}",
            code="wrong-dtype",
        )
        need(
            -rank <= self.dim < rank and self.dim % rank != 0,
            lambda: (
                f"`dim: {self.dim}` is none of the axes behind the batch: {{given}}, so dim is from 1 to {rank - 1}"
            ),
            code="wrong-rank",
            at="dim",
            axis="every",
        )
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        axis = self.dim % (len(x.shape) + 1) - 1
        return {"weight": (x.shape[axis], *(1 for _ in x.shape[axis + 1 :]))}

    def call(self, x: TensorType) -> TorchCall:
        arguments: dict[str, Any] = {"shape": self.parameters(x)["weight"], "init_value": self.init_value}
        return TorchCall("LayerScale", arguments, _OWN)


def _sequence(layer: Layer, x: TensorType) -> None:
    """Require a sequence of float32 vectors, (length, embed_dim)."""
    layer.need_rank(x, 2, "(length, embed_dim)")
    need(
        x.dtype == "float32",
        lambda: f"`{type(layer).__name__}` wants float32 vectors, but its input is {x.dtype}",
        code="wrong-dtype",
        help="an `Embedding` in front of it turns integers into vectors",
    )


class ClassToken(Layer):
    """(L, embed_dim) → (L + 1, embed_dim): one learned vector, the same for every example, stands before the sequence.

    `ClassToken` on 196 × 768 gives 197 × 768; `Select: {dim: 1, index: 0}` reads the token again at the end. It begins
    as zeros. Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words".

    Parameters: embed_dim.
    """

    family: ClassVar[Family] = "embedding"
    width: ClassVar[str | None] = "embed_dim"
    width_axis: ClassVar[int] = -1
    sets_axis: ClassVar[int | None] = 0
    examples: ClassVar[tuple[Example, ...]] = (Example({}, (196, 768), (197, 768)),)

    embed_dim: Count | None = None

    def output(self, x: TensorType) -> TensorType:
        _sequence(self, x)
        self.check_width(x)
        return TensorType((x.shape[0] + 1, x.shape[1]), x.dtype)

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (1, 1, x.shape[-1])}

    def derivation(self, x: TensorType, axis: int) -> str | None:
        return f"{x.shape[0]} + 1" if axis == 0 else None

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("ClassToken", self.arguments(x), _OWN)


class PositionEmbedding(Layer):
    """x → x + weight: a learned vector for each position; the shape stays.

    `PositionEmbedding` on 197 × 768 adds 197 learned vectors of 768, which begin normally distributed with a standard
    deviation of 0.02. The net then takes this length only. Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16
    Words".

    Parameters: L · embed_dim.
    """

    family: ClassVar[Family] = "embedding"
    width: ClassVar[str | None] = "embed_dim"
    width_axis: ClassVar[int] = -1
    examples: ClassVar[tuple[Example, ...]] = (Example({}, (197, 768), (197, 768)),)

    embed_dim: Count | None = None

    def output(self, x: TensorType) -> TensorType:
        _sequence(self, x)
        self.check_width(x)
        need(
            isinstance(x.shape[0], int) or x.shape[0] is UNKNOWN,
            lambda: "`PositionEmbedding` learns one vector for each position and needs a number of them, but {given}",
            code="needs-number",
            axis=0,
            help="give the input's sizes as numbers, in the spec or with `--set`",
        )
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (1, *x.shape)}

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("PositionEmbedding", {"length": x.shape[0], "embed_dim": x.shape[1]}, _OWN)
