"""The code of a plugin's classes for recipes, asked once for each recipe, so that what is asked fails here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar, cast

from netspec.dims import Problem, Shape, Unmet
from netspec.layers import Offer
from netspec.plugins.asking import asked, call_of, is_shape, method, nonsense
from netspec.recipe.base import DataSet, Divisor, Facts, ImageType, Loss, Named, Transform
from netspec.recipe.measures import Metric
from netspec.recipe.resolved import Draft, NotRead, Recipe

T = TypeVar("T")


class PartAt(NamedTuple):
    """A part of a recipe that is a plugin's, and where it stands."""

    part: Named
    key: str


def guarded(what: str, call: Callable[[], T], offer: Offer) -> T:
    """The result of a call in which code of plugins' classes may run.

    Raises:
        Fault: that code raised, or ran without end.
    """
    return asked(what, call, *offer.parts.values(), others=True)


def parts_of_plugins(read: Recipe | Draft) -> list[PartAt]:
    """The parts of a recipe that are plugins', as far as it was read."""
    return [at for at in _parts(cast("Recipe", read)) if type(at.part).is_foreign()]


def _parts(read: Recipe) -> Iterator[PartAt]:
    with suppress(NotRead):
        yield PartAt(read.data, "data")
    with suppress(NotRead):
        yield from (PartAt(item.loss, "loss") for _, item in read.numbered_losses)
    with suppress(NotRead):
        yield from (PartAt(step, "transforms") for step in read.transforms)
    with suppress(NotRead):
        yield from (PartAt(step, "augment") for step in read.augment)
    with suppress(NotRead):
        yield from (PartAt(item.metric, "metrics") for item in read.metrics)


def ask_part(part: Named, input: Shape | None, outputs: Sequence[Shape]) -> None:
    """Ask a plugin's part of a recipe for all that is asked of it later.

    Args:
        part: the part.
        input: shape of the net's first input; None if it is not known.
        outputs: shapes of the net's outputs, as far as they are known.

    Raises:
        Fault: its code raised, ran without end, or gave what it may not give.
    """
    match part:
        case Loss():
            _ask_loss(part, outputs)
        case Transform():
            _ask_transform(part)
        case DataSet():
            _ask_data(part, input)
        case Metric():
            label: object = method(part, "label")
            if not isinstance(label, str) or not label.isidentifier():
                raise nonsense(part, "label", label, "a name of letters, digits and `_`")
        case _:
            return
    call_of(part)


def _ask_loss(loss: Loss, outputs: Sequence[Shape]) -> None:
    divisor = _property(loss, "divisor")
    if divisor is not None and not isinstance(divisor, Divisor):
        raise nonsense(loss, "divisor", divisor, "None or a `Divisor`")
    if not isinstance(surprise := _property(loss, "surprise"), bool):
        raise nonsense(loss, "surprise", surprise, "true or false")
    for output in outputs:
        with suppress(Unmet):
            shape: object = method(loss, "target_shape", output)
            if not is_shape(shape):
                raise nonsense(loss, "target_shape", shape, "a tuple of sizes of at least 1")


def _ask_transform(step: Transform) -> None:
    with suppress(Unmet):
        size: object = method(step, "output", ImageType(3, 32, 32))
        if not isinstance(size, ImageType) or not all(n is None or (type(n) is int and n >= 1) for n in size):
            raise nonsense(step, "output", size, "an `ImageType` of sizes of at least 1")


def _ask_data(data: DataSet, input: Shape | None) -> None:
    facts: object = method(data, "facts")
    if not isinstance(facts, Facts) or not _are_facts(facts):
        raise nonsense(
            data, "facts", facts, "`Facts` of a shape, of counts of at least 1, and of uint8, float32, int64 or None"
        )
    if not isinstance(validates := _property(data, "has_validation"), bool):
        raise nonsense(data, "has_validation", validates, "true or false")
    problems: object = method(data, "problems")
    if not isinstance(problems, list) or not all(isinstance(p, Problem) for p in cast("list[object]", problems)):
        raise nonsense(data, "problems", cast("object", problems), "a list of `Problem`s")
    if input is not None:
        shape: object = method(data, "shape_for", input)
        if shape is not None and not _is_open_shape(shape):
            raise nonsense(data, "shape_for", shape, "a tuple of sizes of at least 1, or None")


def _are_facts(facts: Facts) -> bool:
    counts: tuple[object, ...] = (facts.classes, facts.train, facts.test)
    right = all(n is None or (type(n) is int and n >= 1) for n in counts)
    return right and (facts.shape is None or _is_open_shape(facts.shape)) and facts.dtype in _DTYPES


_DTYPES = ("uint8", "float32", "int64", None)


def _is_open_shape(shape: object) -> bool:
    """Whether something is a shape of which some sizes may be None."""
    return isinstance(shape, tuple) and is_shape(tuple(n for n in cast("tuple[Any, ...]", shape) if n is not None))


def _property(part: Named, name: str) -> Any:
    return asked(f"`{name}` of `{type(part).__name__}`", lambda: getattr(part, name), type(part))
