"""The scores of attention, heads × queries × keys: what may be said of them, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from netspec.dims import Shape, Size, expect, need, product, same
from netspec.layers.base import Saved, TensorType, shape_text

Others = Mapping[str, tuple[TensorType, ...]]
"""What a layer is given beside its input, by name."""

_ROLES: Final = ("heads", "queries", "keys")
_DTYPES: Final = {"mask": {"bool": "where True takes part"}, "bias": {"float32": "and added to the scores"}}
_OF_BOOL: Final = "a mask is of bool, as an input `pad: [16, bool]` is"
_INSTEAD: Final = {
    "mask": f"a value that is added to the scores is a `bias`; {_OF_BOOL}",
    "bias": "a value of bool that says what takes part is a `mask`",
}


class Scores(NamedTuple):
    """The scores of one example, and what is said of them."""

    heads: Size
    queries: Size
    keys: Size
    masks: tuple[TensorType, ...] = ()
    """What says who takes part, of bool."""
    bias: TensorType | None = None
    near: bool = False
    """Whether the positions themselves say who takes part, as a window or `is_causal` beside a mask or bias does."""
    learned: bool = False
    """Whether a gradient flows back to the bias."""
    wide: bool = False
    """Whether values are of another size than queries and keys."""

    @property
    def sizes(self) -> Shape:
        """Heads, queries and keys."""
        return (self.heads, self.queries, self.keys)

    @property
    def rows(self) -> Size:
        """The number of rows of scores."""
        return self.heads * self.queries

    @property
    def written(self) -> Written:
        """The tensor that is made of mask, bias and positions."""
        parts = [*self.masks, *([] if self.bias is None else [self.bias])]
        shapes = [_aligned(part.shape) for part in parts]
        if self.near:
            shapes.append((1, self.queries, self.keys))
        count = product(map(_widest, zip(*shapes, strict=True))) if shapes else 0
        constant = all(part.constant for part in parts)
        return Written(0, count) if constant else Written(count, 0)

    @property
    def seen(self) -> Written:
        """The tensor of bool that is made of mask and positions."""
        return self._replace(bias=None).written

    def is_stepwise(self, dropout: float) -> bool:
        """Whether on a CPU scores, softmax and products are computed one after the other, and not by one kernel."""
        return dropout > 0 or self.learned or self.wide

    def kept(self, used: Size, copied: Size, dropout: float, bias: str = "bias") -> Saved:
        """What `scaled_dot_product_attention` keeps, its result excepted.

        Args:
            used: elements of queries, keys and values that lie nowhere else.
            copied: elements of queries, keys and values, each for all heads.
            dropout: that of the scores.
            bias: the name under which the layer is given the bias.
        """
        given = self.bias is not None and not self.masks and not self.near
        each, once = (0, 0) if given else self.written
        fused = used + self.rows + each
        if not self.is_stepwise(dropout):
            return Saved(extra=fused, statistics=once, others=(bias,) if given else ())
        # copies for the products of matrices, the scores after softmax and in dropout, and in bytes which of those with
        # a bias that learns are left out
        scores = self.rows * self.keys * (1 if not dropout else 3 if dropout < 1 else 2)
        hidden = self.seen if self.learned else Written(0, 0)
        step = copied + scores + (hidden.each + 3) // 4
        return Saved(extra=fused, cpu=step - fused, statistics=(hidden.once + 3) // 4)


class Written(NamedTuple):
    """Elements of a tensor: for each example, or once for all."""

    each: Size
    once: Size


def _aligned(shape: Shape) -> Shape:
    """The shape of a mask or bias, with a 1 for each axis that it leaves out."""
    return (*(1 for _ in range(3 - len(shape))), *shape)


def _widest(sizes: tuple[Size, ...]) -> Size:
    return next((size for size in sizes if size != 1), 1)


def check_window(window: int | None, *, is_causal: bool) -> None:
    """Require that a window belongs to an attention that looks back.

    Raises:
        Unmet: it does not.
    """
    need(
        window is None or is_causal,
        lambda: f"`window: {window}` counts positions back from each, but nothing says `is_causal: true`",
        code="invalid-argument",
        at="window",
        help="write `is_causal: true` beside it, or leave `window` out",
    )


def _in_form(
    name: str, what: str, given: tuple[TensorType, ...], sizes: Shape, dtypes: Mapping[str, str]
) -> TensorType:
    """The one tensor that is given, of a dtype and a number of axes that it may have."""
    found = given[0]
    need(
        len(given) == 1,
        lambda: f"`{what}` of `{name}` takes one value, not {len(given)}",
        code="value-kind", at=what, help=f"for example `{what}: x`, where `as: x` has named it",
    )  # fmt: skip
    need(
        found.dtype in dtypes,
        lambda: (
            f"`{what}` of `{name}` is {' or '.join(f'{dtype}, {told}' for dtype, told in dtypes.items())}, but what it "
            f"is given is {found.dtype}"
        ),
        code="wrong-dtype", at=what, help=_INSTEAD.get(what, _OF_BOOL),
    )  # fmt: skip
    need(
        1 <= len(found.shape) <= 3,
        lambda: (
            f"`{what}` of `{name}` is keys, queries × keys or heads × queries × keys (here "
            f"{shape_text(sizes)}), but what it is given is {shape_text(found.shape)}"
        ),
        code="wrong-rank", at=what,
        help="`Rearrange` and `Select` take axes away" if found.shape else "`Rearrange: n -> n 1` gives it an axis",
    )  # fmt: skip
    return found


def check_scores(
    name: str,
    what: str,
    given: tuple[TensorType, ...],
    sizes: Shape,
    told: tuple[str, str, str],
    axis: int | None = None,
    require: Callable[..., None] = expect,
    means: Mapping[str, str] | None = None,
) -> TensorType | None:
    """The mask or the bias that is given; None if there is none, or if more is wrong with it than a size.

    Args:
        name: the layer or combinator, for messages.
        what: the name of the tensor.
        given: what is given for it.
        sizes: heads, queries and keys.
        told: where each of those comes from, for messages.
        axis: the axis of the layer's input that sets queries and keys, which `{given}` in `told` stands for.
        require: what a size is required with: `expect` goes on without it, `need` does not.
        means: the dtypes that it may have, and what it means there; by default those of `mask` and `bias`.

    Raises:
        Unmet: more is given than one tensor, or what is given has another dtype or too many axes.
    """
    if not given:
        return None
    found = _in_form(name, what, given, sizes, _DTYPES.get(what, {}) if means is None else means)
    first = 3 - len(found.shape)
    for number, size in enumerate(found.shape):
        role = first + number
        require(
            size == 1 or same(size, sizes[role]),
            lambda size=size, role=role, number=number: (
                f"`{what}` of `{name}` is given {shape_text(found.shape)}: its axis {number + 1} behind the batch is "
                f"for the {_ROLES[role]} and has {size}, but {told[role]}"
            ),
            code="shape-mismatch", at=what, axis=None if role == 0 else axis,
            help="each size is that number, or 1 where it is the same for all",
        )  # fmt: skip
    return found
