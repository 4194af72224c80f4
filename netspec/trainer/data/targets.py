"""The targets of data against the losses that read them and the net's outputs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.dims import Shape
from netspec.recipe.base import Loss
from netspec.recipe.terms import LossTerms
from netspec.trainer.data.parts import Part


class _Aim(NamedTuple):
    """What a loss reads of a part of the data."""

    loss: Loss
    y: Tensor
    output: Shape
    part: Part
    name: str
    """Of the part: `train`."""
    word: str
    """What messages call a target: "a target", or "a target `value`" where there are several."""
    key: str
    """What it is called in a file of tensors."""

    @property
    def words(self) -> str:
        return self.word.replace("a target", "the targets")


def check_targets(
    parts: list[tuple[str, Part]], classes: int | None, terms: LossTerms, inputs: int
) -> tuple[int | None, list[bool]]:
    """Hold the targets against the losses and the net's outputs.

    Args:
        parts: the parts of the data, by name.
        classes: the number of classes, if the data say it.
        terms: the losses.
        inputs: the number of the net's inputs.

    Returns:
        The number of classes of the first target that holds classes, or None for values; and for each loss whether
        there are targets that it ignores.

    Raises:
        ResourceError: there are no examples, or the targets do not fit.
    """
    highest, ignores = -1, [False] * len(terms.terms)
    counted = next((i for i, term in enumerate(terms.terms) if term.loss.target == "classes"), None)
    for name, part in parts:
        if not len(part.y):
            raise ResourceError(f"{part.origin} has no {name} examples")
        if part.blocks is not None:
            continue  # tokens, whose number is held against the net
        stored = (part.x, *part.inputs, part.y, *part.targets)
        for i, term in enumerate(terms.terms):
            y = None if term.target is None else stored[term.target]
            if not isinstance(y, Tensor) or y.dtype == torch.uint8 or term.target is None or term.type is None:
                continue  # images in [0, 1], or none
            field = term.target - inputs
            several = len(terms.fields) > 1 or field < 0
            key = "y" if field < 0 else terms.fields[field].name
            word = f"a target `{key}`" if several and field >= 0 else "a target"
            aim = _Aim(term.loss, y, term.type.shape, part, name, word, "y" if not several else key)
            if term.loss.target == "values":
                _check_values(aim)
                continue
            top, ignored = _check_classes(aim)
            ignores[i] = ignores[i] or ignored
            highest = max(highest, top) if i == counted else highest
    if counted is None:
        return None, ignores
    return classes if classes is not None else highest + 1, ignores


def _check_classes(aim: _Aim) -> tuple[int, bool]:
    """Hold classes against the net's scores; the highest class, and whether there are targets that do not count."""
    loss, y, origin = aim.loss, aim.y, aim.part.origin
    wanted = loss.target_shape(aim.output)
    if y.dtype != torch.int64:
        raise ResourceError(
            f"{aim.words} of {origin} are {dtype_text(y)}, but {loss.name()} wants int64 classes; "
            f"store them as `{aim.key}.long()`"
        )
    if tuple(y.shape[1:]) != tuple(wanted):
        raise ResourceError(
            f"{aim.word} of {origin} has the shape {list(y.shape[1:])}, but the net's output "
            f"{list(aim.output)} wants {list(wanted)}: "
            f"{loss.name()} has the scores of the classes on the first axis"
            + (f"; store `{aim.key}.squeeze(1)`" if tuple(y.shape[1:]) == (1, *wanted) else "")
        )
    width = aim.output[0] if aim.output else 1
    divisor = loss.divisor
    counted = None if divisor is None else y != divisor.ignore_index
    ignores = counted is not None and not bool(counted.all())
    if ignores:
        y = y[counted]
        if not len(y):
            raise ResourceError(
                f"every {aim.name} target of {origin} is {divisor.ignore_index if divisor else None}, which "
                f"{loss.name()} ignores: there is nothing to learn from or to measure by"
            )
    lowest, top = int(y.min()), int(y.max())
    if lowest < 0:
        but = f"; {loss.name()} ignores {divisor.ignore_index} alone" if divisor else ""
        raise ResourceError(f"{aim.word} of {origin} is {lowest}, but classes count from 0{but}")
    if top >= width:  # pyright: ignore[reportOperatorIssue]  # a net is trained with numbers only
        at = int((aim.y.reshape(len(aim.y), -1) == top).any(1).nonzero()[0])
        raise ResourceError(
            f"example {at} of {origin} is of class {top}, but the net has {width} outputs, from class 0 on"
            + _renumbered(lowest, top, aim)
        )
    return top, ignores


def _renumbered(lowest: int, top: int, aim: _Aim) -> str:
    """What classes that are too high probably are, with what to write, as the end of the message."""
    if (lowest, top) == (1, aim.output[0] if aim.output else 1):
        return f"; if they count from 1, store `{aim.key} - 1`"
    way = f"; let its last layer give {top + 1}"
    if aim.loss.divisor is None:
        return way
    marks = f"`loss: {{{aim.loss.name()}: {{ignore_index: {top}}}}}`"
    return f"{way}, or, if {top} marks what has no class, write {marks}"


def _check_values(aim: _Aim) -> None:
    loss, y, origin = aim.loss.name(), aim.y, aim.part.origin
    wanted = aim.loss.target_shape(aim.output)
    if y.dtype != torch.float32:
        raise ResourceError(
            f"{aim.words} of {origin} are {dtype_text(y)}, but {loss} compares float32 values; "
            f"store them as `{aim.key}.float()`"
        )
    if tuple(y.shape[1:]) != wanted:
        equal = "values of equal shape" if wanted == aim.output else f"with values of {sizes_text(wanted)}"
        raise ResourceError(
            f"{aim.word} of {origin} is {sizes_text(tuple(y.shape[1:]))}, but the net's output is "
            f"{sizes_text(aim.output)}, and {loss} compares {equal}" + _reshaped(tuple(y.shape[1:]), wanted, aim.key)
        )
    if aim.loss.shares and not bool(((y >= 0) & (y <= 1)).all()):
        raise ResourceError(f"{loss} wants targets between 0 and 1, and those of {origin} go beyond")
    if aim.loss.signs and not bool(((y == 1) | (y == -1)).all()):
        raise ResourceError(f"{loss} wants targets of 1 or −1, and those of {origin} have others")


def _reshaped(target: tuple[int, ...], wanted: Shape, key: str) -> str:
    """What to store, where a target and what is wanted differ by an axis of one alone."""
    if len(wanted) == len(target) + 1 and wanted == (*target, 1):
        return f"; store `{key}` as N × {sizes_text(wanted)}: `{key}.unsqueeze({len(wanted)})`"
    if len(target) == len(wanted) + 1 and target == (*wanted, 1):
        return f"; store `{key}` as N{''.join(f' × {n}' for n in wanted)}: `{key}.squeeze({len(target)})`"
    return ""


def dtype_text(tensor: Tensor) -> str:
    """The dtype of a tensor as messages say it: `int64`."""
    return str(tensor.dtype).removeprefix("torch.")


def sizes_text(shape: tuple[object, ...]) -> str:
    """A shape as messages say it: `3 × 28 × 28`."""
    return " × ".join(map(str, shape)) if shape else "a single number"
