"""Layers of one stretch that act on each other: two matrices that are one, a dropout that a norm has behind it."""

from __future__ import annotations

from collections.abc import Set
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple, cast

from netspec.arguments import spread
from netspec.dims import product
from netspec.net import Leaf, Net
from netspec.remarks.walk import Role, Telling, at


class Pair(NamedTuple):
    """Two layers with weights, and nothing between them but what is linear in evaluation."""

    first: Leaf
    second: Leaf
    between: tuple[Leaf, ...]

    @property
    def normed(self) -> bool:
        """Whether all that stands between are norms, which are linear in evaluation alone."""
        return bool(self.between) and all(leaf.layer.over_batch for leaf in self.between)

    @property
    def widths(self) -> tuple[int, int, int]:
        """The widths in front, between and behind."""
        one, two = self.first, self.second
        axis = one.layer.sets_axis
        assert axis is not None
        shapes = (one.input.shape, one.output.shape, two.output.shape)
        before, middle, behind = (cast("int", shape[axis]) for shape in shapes)  # `Stretch.pair` sees to it
        return before, middle, behind


class Stretch:
    """What the layers of a stretch leave to those behind."""

    def __init__(self, net: Net) -> None:
        self._net: Final = net
        self._matrix: Leaf | None = None
        """The last layer with weights, if all behind it is linear in evaluation."""
        self._between: list[Leaf] = []
        self.dropout: Leaf | None = None
        """The last dropout, if no norm stands behind it."""
        self.straight = False
        """Whether nothing that computes stands behind that dropout."""

    def begin(self) -> None:
        """Begin another stretch."""
        self._matrix = self.dropout = None

    def add(self, leaf: Leaf, role: Role) -> None:
        """Go on behind a layer."""
        if role.is_matrix:
            self._matrix, self._between = (leaf if _is_whole(leaf, role) else None), []
        elif self._matrix is not None:
            if role.is_linear and leaf.input == leaf.output:
                self._between.append(leaf)
            else:
                self._matrix = None
        if role.is_norm:
            self.dropout = None
        elif role.may_spread and leaf.layer.spreads() > 1:
            self.dropout, self.straight = leaf, True
        elif not role.keeps_values:
            self.straight = False

    def pair(self, leaf: Leaf, role: Role) -> Pair | None:
        """This layer and one in front of it that are one matrix together; None if there are none."""
        first = self._matrix
        if first is None or not role.is_matrix or leaf.layer.family != first.layer.family or not _is_whole(leaf, role):
            return None
        axis = first.layer.sets_axis
        shapes = (first.input.shape, first.output.shape, leaf.output.shape)
        if axis is None or not all(isinstance(shape[axis], int) for shape in shapes):
            return None
        if first.path in self._bound or leaf.path in self._bound:
            return None
        return Pair(first, leaf, tuple(self._between))

    @cached_property
    def _bound(self) -> Set[str]:
        """The paths of layers whose parameters serve elsewhere, too: they cannot be those of another matrix."""
        bound: set[str] = set()
        for leaf in self._net.layers:
            if leaf.again or leaf.ties:
                bound.update((leaf.path, *(tie.path for tie in leaf.ties)))
        return bound


def _is_whole(leaf: Leaf, role: Role) -> bool:
    """Whether a matrix has no groups: two of which one has some are no single matrix without them."""
    return not role.has_groups or getattr(leaf.layer, "groups") == 1  # noqa: B009  # a field of those that have it


# ---- two matrices


def is_low_rank(pair: Pair) -> bool:
    """Whether two matrices are a means to have fewer weights: narrow between them, or kernels along different axes."""
    before, middle, behind = pair.widths
    if middle < min(before, behind):
        return True
    long = [(a > 1, b > 1) for a, b in zip(_kernel(pair.first), _kernel(pair.second), strict=True)]
    return all(not (a and b) for a, b in long) and any(a for a, _ in long) and any(b for _, b in long)


def tell_of_pair(pair: Pair, tell: Telling, code: Literal["nothing-between", "norm-between"]) -> None:
    """Tell of two matrices that are one: what they cost, and what one would."""
    one, two, between = pair
    both, single = _weights(one) + _weights(two), _weights_of_one(pair)
    if between:
        words = " and ".join(dict.fromkeys(f"`{leaf.type}`" for leaf in between))
        verb = "is" if len(between) == 1 else "are"
        reason = f"and what stands between, {words}, {verb} linear in evaluation"
    else:
        reason = "with nothing between"
    kernel = " × ".join(map(str, _kernel_of_one(pair)))
    what = f"one `{two.type}`" + (f" with a kernel of {kernel}" if kernel else "")
    cost = f"{both:,} parameters do what {single:,} can" if single < both else f"{both:,} parameters of {single:,}"
    tell(
        code,
        f"`{two.type}` behind {at(one)}, {reason}: together they are {what}, and {cost}",
        two,
        "put what is not linear between them, as `ReLU`, or leave one of them out",
        one,
    )


def tell_of_rank(pair: Pair, tell: Telling) -> None:
    """Tell of two matrices that are one of low rank."""
    before, middle, behind = pair.widths
    narrow = middle < min(before, behind)
    what = f"a matrix of {before} × {behind} of rank {middle}" if narrow else "a kernel that is a product of two"
    both, single = _weights(pair.first) + _weights(pair.second), _weights_of_one(pair)
    tell(
        "low-rank",
        f"`{pair.second.type}` and {at(pair.first)} with nothing between that is not linear are {what}: "
        f"{both:,} parameters in place of {single:,}",
        pair.second,
        "this is how weights are saved; if it is not meant, put an activation between them",
        pair.first,
    )


def _kernel(leaf: Leaf, name: str = "kernel_size") -> tuple[int, ...]:
    """One of a layer's arguments along each spatial axis; empty for a layer without a kernel."""
    value: Any = getattr(leaf.layer, name, ())
    return spread(value, len(leaf.input.shape) - 1)


def _kernel_of_one(pair: Pair) -> tuple[int, ...]:
    """The kernel of one layer that computes what both do."""
    first = zip(*(_kernel(pair.first, name) for name in ("kernel_size", "dilation", "stride")), strict=True)
    second = zip(*(_kernel(pair.second, name) for name in ("kernel_size", "dilation")), strict=True)
    return tuple(d * (k - 1) + 1 + s * e * (m - 1) for (k, d, s), (m, e) in zip(first, second, strict=True))


def _weights_of_one(pair: Pair) -> int:
    before, _, behind = pair.widths
    return before * behind * cast("int", product(_kernel_of_one(pair))) + behind


def _weights(leaf: Leaf) -> int:
    """The parameters of a layer whose widths are numbers."""
    return cast("int", leaf.layer.params(leaf.input))


# ---- dropout and norm


def tell_of_dropout(
    dropout: Leaf, norm: Leaf, tell: Telling, code: Literal["dropout-before-norm", "dropout-shifts-norm"]
) -> None:
    """Tell of a norm that takes the variance behind a dropout for that of evaluation."""
    share: float = getattr(dropout.layer, "p")  # noqa: B009  # a field of all that spread values
    tell(
        code,
        f"`{norm.type}` behind {at(dropout)} keeps for evaluation the variance that it meets in training, which is up "
        f"to {dropout.layer.spreads():.3g} = 1 / (1 − {share:g}) times as large",
        norm,
        "put the dropout behind the last norm, or leave it out",
        dropout,
    )


# ---- two softmaxes


def tell_of_softmaxes(first: Leaf, second: Leaf, tell: Telling) -> None:
    """Tell of a softmax of shares of one, along the same axis."""
    if first.layer.gives != "probabilities" or _axis(first) != _axis(second):
        return
    tell(
        "softmax-twice",
        f"`{second.type}` behind {at(first)} is a softmax of shares of one, which makes none of them more than e = "
        "2.72 times as large as another",
        second,
        "leave one of them out",
        first,
    )


def _axis(softmax: Leaf) -> int:
    """Its axis, counted from the end."""
    dim: int = getattr(softmax.layer, "dim")  # noqa: B009  # a field of those that are asked
    return dim if dim < 0 else dim - len(softmax.output.shape) - 1
