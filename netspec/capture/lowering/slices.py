"""Calls of modules as nested lists; those on the slices along an axis, which is merged into the batch, are `each`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, Final

from netspec.capture.graph import Region, Traced, TracedCall
from netspec.capture.items import BRANCH, PlacedItem, all_of, made, read_counts, rename
from netspec.capture.lowering.forms import AxisMoves, Form, NoForm
from netspec.capture.running.arguments import named_values

if TYPE_CHECKING:
    from netspec.capture.lowering.lowering import Lowering

EACH: Final = "each"


class Attempt:
    """What a lowering had written and noted before something is tried."""

    def __init__(self, lowering: Lowering) -> None:
        self._lowering = lowering
        self._noted = {name: _copied(value) for name, value in vars(lowering).items() if name not in ("trace", "items")}
        self._count = len(lowering.items)
        self._homes = lowering.homes.waiting()
        self._refused = len(lowering.refused)

    @property
    def holds(self) -> bool:
        """Whether all that was written since has a form."""
        return len(self._lowering.refused) == self._refused

    def undo(self) -> None:
        """Forget what was written and noted since."""
        vars(self._lowering).update({name: _copied(value) for name, value in self._noted.items()})
        del self._lowering.items[self._count :]
        self._lowering.homes.wait_again(self._homes)


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, (dict, list, set)) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # of values


# ---- modules


def called(lowering: Lowering, region: Region) -> None:
    """Write what a call of a module does, as `each` where it works on slices and has no other form."""
    inner = None if lowering.tries else _merged(lowering, region.inputs, region.outputs)
    if inner is None:
        _nested(lowering, region)
        return
    before = Attempt(lowering)
    lowering.tries = True
    _nested(lowering, region)
    lowering.tries = False
    if before.holds:
        return
    before.undo()
    given, result = next(value for value in region.inputs if value.varies), region.outputs[0]
    if not _tried(lowering, before, given, result, inner, region.path, lambda: _inside(lowering, region)):
        _nested(lowering, region)  # it may be that parts of it are such


def layer_of_slices(lowering: Lowering, call: TracedCall) -> bool:
    """Write the call of a layer that works on slices as `each`; whether it is one, and could be."""
    read = [value for value in call.results if value in lowering.read]
    inner = None if lowering.tries else _merged(lowering, list(call.reads()), read)
    if inner is None:
        return False
    given = next(value for value in call.reads() if value.varies)

    def write() -> list[PlacedItem]:
        outer, lowering.items = lowering.items, []
        lowering.one_layer(call)
        lowering.ready(read[0])
        inside, lowering.items = lowering.items, outer
        return inside

    return _tried(lowering, Attempt(lowering), given, read[0], inner, "", write)


def norm_of_places(lowering: Lowering, call: TracedCall) -> bool:
    """Write a norm of channels over the places of all examples, `(N · L, C)`, as that of `(N, C, L)`; whether it is
    one."""
    given, result = next(call.reads()), call.results[0]
    form = lowering.anywhere(given)[1]
    if call.name != "BatchNorm1d" or len(given.shape) != 2 or form.at or not form.inner:
        return False
    places, channels = prod(form.inner), given.shape[1]
    turned = made((lowering.batch, channels, places), given)

    def turn(layout: AxisMoves) -> None:
        layout.reshaped((lowering.batch, places, channels))
        layout.permuted((0, 2, 1))

    def back(layout: AxisMoves) -> None:
        layout.permuted((0, 2, 1))
        layout.reshaped(result.shape)

    normed = made(turned.shape, result)
    lowering.move(given, turned, turn)
    lowering.one_layer(replace(call, args=(turned,), kwargs={}, results=[normed]))
    lowering.move(normed, result, back)
    return True


def _nested(lowering: Lowering, region: Region) -> None:
    """Write what a module does as a nested list."""
    for value in region.inputs:
        if value.varies:
            lowering.ready(value)
    takes = next((value for value in map(lowering.flowing, region.inputs) if value is not None), None)
    items = lowering.body(region)
    outputs = [lowering.find(value) for value in region.outputs]
    if not items:
        lowering.items += lowering.homes.kept(region)
        return
    lowering.items.append(_list(region, takes, outputs, items))


def _list(region: Region, takes: Traced | None, outputs: Sequence[Traced], items: list[PlacedItem]) -> PlacedItem:
    return PlacedItem(
        "sequential", takes, tuple(outputs), body=items, path=region.path, class_name=type(region.module).__name__,
        kind=type(region.module), made_with=named_values(region.module), called=region.names, place=region.place,
    )  # fmt: skip


def _inside(lowering: Lowering, region: Region) -> list[PlacedItem]:
    """The items of a module that is the body of an `each`; those of one of a program's own in a list with its name."""
    items = lowering.body(region)
    if region.path.endswith(".body"):
        return items
    takes = lowering.flowing(region.inputs[0])
    return [_list(region, takes, [lowering.find(value) for value in region.outputs], items)]


# ---- slices


def _tried(lowering: Lowering, before: Attempt, *given: Any) -> bool:
    """Whether what is done with slices can be written so; else nothing is."""
    outer = lowering.items
    try:
        _each(lowering, *given)
    except NoForm:
        lowering.items = outer
        before.undo()
        return False
    if not before.holds:
        before.undo()
        return False
    return True


def _merged(lowering: Lowering, given: Sequence[Traced], results: Sequence[Traced]) -> tuple[int, ...] | None:
    """The sizes that are merged with the batch in the one value that something is given; None where there are none, or
    where it gives several values."""
    varying = [value for value in dict.fromkeys(given) if value.varies]
    if len(varying) != 1 or len(results) != 1 or not results[0].varies:
        return None
    form = lowering.anywhere(varying[0])[1]
    return form.inner if form.at == 0 and form.inner else None


def _each(
    lowering: Lowering, given: Traced, result: Traced, inner: tuple[int, ...], path: str, write: Callable[[], Any]
) -> None:
    """Write what is done with each of the slices.

    Args:
        lowering: what it is written in.
        given: what is given, (slices, …).
        result: what comes of it, likewise.
        inner: the sizes that are merged with the batch in both.
        path: that of the module whose body is run on each.
        write: gives the items that do it.
    """
    outer = lowering.ready(given)
    size, *others = inner
    own = Form(0, tuple(others))
    known = {name: _copied(getattr(lowering, name)) for name in ("same", "forms", "parameters")}
    batch = lowering.batch
    lowering.batch *= size
    slices = made(own.shape((lowering.batch, *given.shape[1:]), lowering.batch), given)
    lowering.same[given] = slices
    lowering.forms |= {given: own, slices: Form()}
    if others:
        before, lowering.items = lowering.items, []
        _each(lowering, given, result, own.inner, "", write)
        inside, lowering.items = lowering.items, before
    else:
        inside = write()
    last, form = lowering.anywhere(result)
    shape = form.shape(result.shape, lowering.batch)
    lowering.batch, lowering.same, lowering.parameters = batch, known["same"], known["parameters"]
    lowering.forms |= known["forms"]
    if form != own or shape[0] != batch * size:
        raise NoForm("what comes of the slices of a batch are no examples")
    told, whole = made(shape, last), made((batch, size, *shape[1:]), last)
    rename(inside, last, told)
    lowering.same[result] = whole
    lowering.forms |= {result: Form(0, inner), told: Form(), whole: Form()}
    branch = PlacedItem(BRANCH, slices, (told,), body=inside, path=path)
    home = path.removesuffix(".body") if path.endswith(".body") else ""
    lowering.items.append(PlacedItem(EACH, outer, (whole,), body=[branch], path=home))


def joined(items: list[PlacedItem], outputs: Sequence[Traced]) -> None:
    """Put what is done with the same slices one after the other into one `each`, which takes the place of a module that
    does no more."""
    counts = read_counts(items, outputs)
    counts.update(item.takes for item in all_of(items) if item.word == EACH and item.takes is not None)
    _join(items, counts)


def _join(items: list[PlacedItem], counts: Counter[Traced]) -> None:
    done: list[PlacedItem] = []
    for item in items:
        _join(item.body or [], counts)
        before = done[-1] if done else None
        only = item.body[0] if item.word == "sequential" and item.body and len(item.body) == 1 else None
        if only is not None and only.word == EACH and only.path == item.path and only.gives == item.gives:
            only.place, item = item.place, only
        if item.word == EACH and before is not None and before.word == EACH and item.takes in before.gives:
            first, second = (one.body[0] for one in (before, item) if one.body)
            if counts[before.gives[0]] == 1 and not (first.path and second.path) and second.takes is not None:
                rename(second.body or [], second.takes, first.gives[0])
                first.body = [*(first.body or []), *(second.body or [])]
                first.path, before.path = first.path or second.path, before.path or item.path
                first.gives, before.gives = second.gives, item.gives
                continue
        done.append(item)
    items[:] = done
