"""Branches multiplied and summed by a pattern of named axes."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, ClassVar, Final, NamedTuple

from netspec.arguments import invalid
from netspec.combinators.base import Bracketed, Ends, Joining, Kept, Made, Option, WorkedExample
from netspec.dims import UNKNOWN, Size, need, product, same
from netspec.kinds import FieldKind
from netspec.layers.base import TensorType, shape_text, sum_sizes
from netspec.layers.patterns import with_spaces

Names = tuple[str, ...]

_LETTERS: Final = 52
"""How many axes torch's own notation can tell apart."""


class Pairing(NamedTuple):
    """The contraction of two operands: the names of their axes, and of those of what comes of it."""

    sides: tuple[Names, Names]
    result: Names
    summed: Names
    """The axes that the result has not, in the order of the whole pattern."""

    @property
    def names(self) -> Names:
        """All axes, in the order in which they are taken."""
        return (*self.result, *self.summed)

    # over an axis of size 1 there is nothing to sum

    def alone(self, side: int, sizes: Mapping[str, Size]) -> set[str]:
        """Axes of one side that neither the other side nor the result has: they are summed before the product."""
        own = set(self.sides[side]) - set(self.sides[1 - side]) - set(self.result)
        return {name for name in own if sizes[name] != 1}

    def contracted(self, sizes: Mapping[str, Size]) -> set[str]:
        """Axes of both sides that the result has not."""
        both = set(self.sides[0]) & set(self.sides[1]) - set(self.result)
        return {name for name in both if sizes[name] != 1}


class Contraction(NamedTuple):
    """A pattern taken apart."""

    operands: tuple[Names, ...]
    result: Names

    @property
    def pairings(self) -> list[Pairing]:
        """From left to right. An axis is summed as soon as neither a later operand nor the result has it."""
        found: list[Pairing] = []
        every = dict.fromkeys(name for names in self.operands for name in names)
        left, *others = self.operands
        for i, right in enumerate(others):
            later = {*self.result, *(name for names in others[i + 1 :] for name in names)}
            shared = [name for name in left if name in right]
            order = dict.fromkeys((*shared, *left, *right))  # as a product of matrices leaves them in memory
            kept = tuple(name for name in order if name in later)
            result = self.result if i == len(others) - 1 else kept
            summed = (name for name in every if name in order and name not in result)
            found.append(Pairing((left, right), result, tuple(summed)))
            left = result
        return found


@cache
def parsed(pattern: str) -> Contraction:
    """The operands and the result that a pattern names.

    Raises:
        PydanticCustomError: it is no pattern.
    """
    sides = pattern.split("->")
    if len(sides) != 2:
        raise invalid("wants a pattern with one `->`, such as `n i d, n j d -> n i j`")
    operands = tuple(_names(operand) for operand in sides[0].split(","))
    result = _names(sides[1])
    if (spaced := with_spaces(pattern)) is not None:
        raise invalid(f"wants the batch axis first in each, with spaces between the names: `{spaced}`")
    if len(operands) < 2:
        raise invalid("wants several operands, one for each branch; `Sum` sums one value over axes")
    batch = operands[0][0]
    if any(names[:1] != (batch,) for names in (*operands, result)):
        raise invalid(
            "wants the batch axis first in every operand and in the result, with spaces between the names, "
            "such as `n i d, n j d -> n i j`"
        )
    every = {name for operand in operands for name in operand}
    unknown = next((name for name in result if name not in every), None)
    if unknown is not None:
        raise invalid(f"has the axis `{unknown}` in the result, which no operand has")
    if len(every) > _LETTERS:
        raise invalid(f"names {len(every)} axes; torch tells at most {_LETTERS} apart")
    return Contraction(operands, result)


def _names(text: str) -> Names:
    names = tuple(text.split())
    if not names:
        raise invalid("has an operand or a result without a name; the batch axis is one")
    wrong = next((name for name in names if not name.isidentifier()), None)
    if wrong is not None:
        instead = "; a `Rearrange` gives or takes an axis of size 1" if wrong == "1" else ""
        raise invalid(f"wants names for axes, not `{wrong}`{instead}")
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise invalid(f"names the axis `{twice}` twice in `{' '.join(names)}`")
    return names


def _checked(text: str) -> str:
    parsed(text)
    return " ".join(text.replace(",", " , ").split()).replace(" ,", ",")


_PATTERN: Final = FieldKind(
    "a pattern of named axes", {"type": "string"}, lambda value: isinstance(value, str), make=_checked, text=True
)


class Einsum(Joining):
    """The branches multiplied, and summed over the axes that the result has not: in the example each vector i of the
    first with each vector j of the second. Of more than two branches the first two are contracted, what comes of them
    with the third, and so on; an axis is summed as soon as nothing later has it. A contraction counts the product of
    the sizes of all its axes as multiply-accumulates, without the batch, and without those that one side alone has and
    nothing later, which are summed before; what sums nothing counts none, as `mul`.
    """

    word = "einsum"
    value = "products of the branches, summed over the axes that the result has not"
    several = True
    keeps_rank = False
    target = "Einsum"
    examples = (
        WorkedExample("- einsum: [[Linear: 8], [Linear: 8]]\n  pattern: n i d, n j d -> n i j", (5, 16), (5, 5)),
        WorkedExample(
            "- einsum: [[Linear: 6], [Linear: 6], [Linear: 4]]\n  pattern: n i d, n j d, n j e -> n e i",
            (5, 16),
            (4, 5),
        ),
        WorkedExample("- einsum: [[Linear: 3], [Linear: 4]]\n  pattern: n i, n j -> n i j", (16,), (3, 4)),
    )
    options: ClassVar[dict[str, Option]] = {
        "pattern": Option(
            "pattern",
            "The axes of each branch, separated by commas, and those of the result, by names with spaces between them. "
            "The batch axis stands first in each. An axis of one name has one size.",
            WorkedExample(
                "- einsum: [[Linear: 6, Softmax: 1], []]\n  pattern: n l k, n l d -> n k d", (10, 16), (6, 16)
            ),
        )
    }

    pattern: Annotated[str, _PATTERN]

    @property
    def contraction(self) -> Contraction | None:
        """The pattern taken apart; None where it is not known."""
        return parsed(self.pattern) if self.knows("pattern") else None

    def check_branches(self, count: int) -> None:
        contraction = self.contraction
        need(
            contraction is None or len(contraction.operands) == count,
            lambda: (
                f"`pattern: {self.pattern}` names {len(contraction.operands if contraction else ())} operands, "
                f"but there are {count} branches"
            ),
            code="invalid-argument",
            at="pattern",
        )

    def output(self, x: TensorType, ends: Ends) -> Made | None:
        contraction = self.contraction
        if contraction is None or len(contraction.operands) != len(ends.types):
            return None
        sizes: dict[str, tuple[Size, int, int]] = {}
        for i, names in enumerate(contraction.operands):
            self._check_operand(i, names[1:], ends, sizes)
        shape = tuple(sizes[name][0] for name in contraction.result[1:])
        return Made(TensorType(shape, ends.types[0].dtype), tuple(range(len(shape))))

    def _check_operand(self, i: int, names: Names, ends: Ends, sizes: dict[str, tuple[Size, int, int]]) -> None:
        """Require that a branch has the axes that the pattern names, and the sizes that earlier branches gave them."""
        branch, word, told = ends.types[i], ends.names[i], ends.told
        need(
            branch.dtype == "float32",
            lambda: f"`einsum` multiplies float32 values, but {word} is {branch.dtype}",
            code="wrong-dtype",
        )
        need(
            len(branch.shape) == len(names),
            lambda: (
                f"`{self.pattern}` names {len(names)} axes of {word} behind the batch, but {told(i, None)}, "
                f"which has {len(branch.shape)}"
            ),
            code="branch-mismatch",
        )
        for axis, (name, size) in enumerate(zip(names, branch.shape, strict=True)):
            known, other, at = sizes.setdefault(name, (size, i, axis))
            need(
                same(known, size),
                lambda name=name, other=other, at=at, axis=axis: (
                    f"`einsum` wants one size for the axis `{name}`, but {ends.names[other]} is "
                    f"{shape_text(ends.types[other].shape)} ({told(other, at)}) and {word} is "
                    f"{shape_text(branch.shape)} ({told(i, axis)})"
                ),
                code="branch-mismatch",
            )
            if known is UNKNOWN:
                sizes[name] = (size, i, axis)

    def remark(self) -> str:
        return f": {self.pattern}"

    def box_text(self) -> str:
        return f"{self.word}: {self.pattern}"

    def written(self, operands: Sequence[str]) -> Bracketed:
        contraction = parsed(self.pattern)
        letters = _letters(contraction)
        result: str | Bracketed = operands[0]
        for pairing, operand in zip(contraction.pairings, operands[1:], strict=True):
            a, b, y = ("".join(letters[name] for name in names) for names in (*pairing.sides, pairing.result))
            result = Bracketed("torch.einsum(", (f'"{a},{b}->{y}"', result, operand), ")")
        assert isinstance(result, Bracketed), "a pattern has several operands"
        return result

    # ---- what it costs

    def macs(self, ends: Sequence[TensorType]) -> Size:
        contraction = self.contraction
        if contraction is None or len(contraction.operands) != len(ends):
            return 0
        sizes = _sizes(contraction, ends)
        return sum_sizes(_macs(pairing, sizes) for pairing in contraction.pairings)

    def saved(self, x: TensorType, ends: Sequence[TensorType]) -> Kept:
        contraction = self.contraction
        assert contraction is not None, "the net is whole"
        sizes = _sizes(contraction, ends)
        whole = False
        extra: list[Size] = []
        for i, pairing in enumerate(contraction.pairings):
            for side in (0, 1):
                branch = side == 1 or i == 0
                if branch and _is_view(pairing, side, sizes):
                    whole = True
                else:
                    left = (name for name in pairing.sides[side][1:] if name not in pairing.alone(side, sizes))
                    extra.append(product(sizes[name] for name in left))
        # all branches or none can be named here: where only some are kept as they are, this is a little too much
        return Kept(branches=whole, extra=sum_sizes(extra))


def _letters(contraction: Contraction) -> dict[str, str]:
    """The letter of each axis in torch's notation: its own, where every axis has one letter and torch then sums in the
    same order, which is that of the alphabet; else a, b, c … as they come, as the module has them."""
    names = dict.fromkeys(name for operand in contraction.operands for name in operand)
    own = all(name in string.ascii_letters for name in names) and all(
        sorted(pairing.summed) == sorted(pairing.summed, key=list(names).index) for pairing in contraction.pairings
    )
    return dict(zip(names, names if own else string.ascii_letters, strict=False))


def _sizes(contraction: Contraction, ends: Sequence[TensorType]) -> dict[str, Size]:
    """The size of each axis, the batch excepted."""
    sizes: dict[str, Size] = {contraction.result[0]: UNKNOWN}
    for names, end in zip(contraction.operands, ends, strict=True):
        sizes.update(zip(names[1:], end.shape, strict=False))  # where a branch has another rank, that is reported
    return sizes


def _macs(pairing: Pairing, sizes: Mapping[str, Size]) -> Size:
    if not pairing.contracted(sizes):
        return 0
    alone = pairing.alone(0, sizes) | pairing.alone(1, sizes)
    return product(sizes[name] for name in pairing.names[1:] if name not in alone)


def _is_view(pairing: Pairing, side: int, sizes: Mapping[str, Size]) -> bool:
    """Whether one side is kept as it is; else a copy is kept, with its axes in the order of the product of matrices.
    Supposed is that a branch gives its axes in the order of its shape, as all layers but those do that move axes.

    The product has three axes: those that both sides and the result have become one, those of the side alone, and
    those that are summed. Axes become one without a copy if they are neighbours in memory, in the order of the
    pairing's names.
    """
    if pairing.alone(side, sizes):
        return False
    contracted = pairing.contracted(sizes)
    if not contracted:
        return True
    place = {name: i for i, name in enumerate(name for name in pairing.sides[side] if sizes[name] != 1)}
    groups: tuple[list[int], list[int], list[int]] = ([], [], [])
    for name in pairing.names:
        if name in place:
            groups[2 if name in contracted else 0 if name in pairing.sides[1 - side] else 1].append(place[name])
    return all(group == list(range(group[0], group[0] + len(group))) for group in groups if group)
