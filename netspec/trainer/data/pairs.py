"""What a program's batch or example holds: examples and targets, by position or by name.

A pair `(x, y)`: `x` is a tensor, or for several inputs a dict by their names or a tuple in their order; `y` likewise
for the targets. Where no loss reads a target, `x` alone will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.recipe.terms import LABELS, EndValue, LossTerms, TargetField
from netspec.trainer.data.splits import Batch, TargetForm
from netspec.trainer.data.supplied import kind_text
from netspec.trainer.data.targets import dtype_text, sizes_text
from netspec.trainer.machine.values import each, joined


class _Bound(NamedTuple):
    """The classes that a target may hold."""

    place: int
    width: int
    ignored: int | None
    loss: str


class PairLayout:
    """Takes a program's pairs apart, and holds the batches against the net.

    Args:
        inputs: those of the net.
        terms: the losses; with `fields`, the targets that they read.
        free: the loss is the program's own: whatever stands for the targets is given to it.
    """

    def __init__(self, inputs: Sequence[EndValue], terms: LossTerms, *, free: bool) -> None:
        self.inputs, self.free = tuple(inputs), free
        self.fields: tuple[TargetField, ...] = terms.fields
        self.form = form_of(terms.fields)
        self._seen = not free
        self._wanted = [(torch.Size(_numbers(v)), getattr(torch, _dtype(v))) for v in self.inputs]
        self._bounds = [
            _Bound(term.target - len(self.inputs), width, divisor and divisor.ignore_index, term.loss.name())
            for term in terms.terms
            if term.target is not None and term.target >= len(self.inputs) and term.loss.target == "classes"
            if term.type is not None and isinstance(width := (term.type.shape or (1,))[0], int)
            if (divisor := term.loss.divisor) is None or True
        ]

    # ---- pairs

    def taken(self, pair: Any, origin: str) -> Batch:
        """The tensors of a pair in the order of the net's inputs and of the targets; `y` may be empty.

        Raises:
            ResourceError: it is no pair, or lacks something.
        """
        x, y = self._halves(pair, origin)
        inputs = self._by_name(x, [str(v.name) for v in self.inputs], "input", origin)
        targets = () if y is None else self._targets(y, origin)
        if y is None and (self.fields or self.free):
            raise ResourceError(
                f"{origin} gives examples without targets, but the loss compares with one: give pairs `(x, y)`"
                + ("; to compare the output with the input, give it twice: `(x, x)`" if len(inputs) == 1 else "")
            )
        return Batch(joined(inputs), joined(targets))

    def _halves(self, pair: Any, origin: str) -> tuple[Any, Any]:
        if isinstance(pair, Tensor):
            return pair, None
        if isinstance(pair, tuple | list):
            parts = cast("Sequence[Any]", pair)
            if len(parts) == 2:
                return parts[0], parts[1]
            inputs = len(self.inputs)
            raise ResourceError(
                f"{origin} gives {len(parts)} values for an example, but wanted is a pair `(x, y)` of 2: several "
                f"inputs or targets stand together in a tuple or dict"
                + (f", as in `((x1, x2), y)`; the net takes {inputs}" if inputs > 1 else "")
            )
        if isinstance(pair, Mapping):
            keys = list(map(str, cast("Mapping[Any, Any]", pair)))
            x = keys[0] if keys else "x"
            raise ResourceError(
                f"{origin} gives a dict with {_listed(keys)} for an example, but wanted is a pair `(x, y)`: let it "
                f"return `(item[{x!r}], item[{keys[1] if len(keys) > 1 else 'y'!r}])`"
            )
        raise ResourceError(
            f"{origin} gives {kind_text(pair)} for an example, but wanted is a pair `(x, y)` of tensors; "
            "`torch.from_numpy` makes a tensor of an array, torchvision's `v2.functional.to_image` of a picture"
        )

    def _by_name(self, given: Any, names: list[str], what: str, origin: str) -> tuple[Tensor, ...]:
        """Values by name or in their order."""
        if isinstance(given, Mapping):
            found = cast("Mapping[str, Any]", given)
            if missing := [name for name in names if name not in found]:
                raise ResourceError(
                    f"{origin} gives {what}s under {_listed(list(found))}, but not {_listed(missing)}, which the "
                    f"{'net takes' if what == 'input' else 'losses read'}"
                    if len(names) > 1 or names != ["None"]
                    else f"{origin} gives a dict for the net's only {what}, which has no name: give the tensor itself"
                )
            given = tuple(found[name] for name in names)
        values = tuple(cast("Sequence[Any]", given)) if isinstance(given, tuple | list) else (given,)
        for value in values:
            if not isinstance(value, Tensor):
                raise ResourceError(
                    f"{origin} gives {kind_text(value)} as an {what}, but wanted is a tensor: `torch.from_numpy` makes "
                    "one of an array; parts of the data have names, `data={'train': …, 'validation': …}`"
                )
        if len(values) != len(names):
            raise ResourceError(
                f"{origin} gives {len(values)} {what}{'s' * (len(values) != 1)}, but "
                f"{'the net takes' if what == 'input' else 'the losses read'} {len(names)}"
                + (f": {_listed(names)}" if names != ["None"] else "")
            )
        return values

    def _targets(self, y: Any, origin: str) -> tuple[Tensor, ...]:
        if not self.free:
            if len(self.fields) == 1 and isinstance(y, Tensor):
                return (_single(y),)
            if not self.fields:
                return ()
            names = [field.name for field in self.fields]
            if isinstance(y, Mapping) and LABELS in names and LABELS not in y and "y" in y:
                y = {**cast("Mapping[str, Any]", y), LABELS: cast("Mapping[str, Any]", y)["y"]}
            return tuple(map(_single, self._by_name(y, names, "target", origin)))
        names = list(cast("Mapping[str, Any]", y)) if isinstance(y, Mapping) else []
        given = tuple(cast("Mapping[str, Any]", y).values()) if isinstance(y, Mapping) else y
        values = tuple(cast("Sequence[Any]", given)) if isinstance(given, tuple | list) else (given,)
        for value in values:
            if not isinstance(value, Tensor):
                raise ResourceError(
                    f"{origin} gives {kind_text(value)} as a target, but wanted is a tensor, or a tuple or dict of them"
                )
        form = TargetForm(tuple(map(str, names)), len(values))
        if self._seen and form != self.form:
            raise ResourceError(f"{origin} gives {_of_form(form)} as target, and gave {_of_form(self.form)} before")
        self.form, self._seen = form, True
        return tuple(map(_single, values))

    # ---- batches

    def check(self, batch: Batch, number: int, origin: str) -> Batch:
        """A batch as it goes into the net, held against it; `number` counts from 0.

        Raises:
            ResourceError: it does not fit.
        """
        x, y = each(batch.x), each(batch.y)
        for value, tensor, (size, dtype) in zip(self.inputs, x, self._wanted, strict=True):
            if tensor.shape[1:] != size or tensor.dtype is not dtype:
                raise ResourceError(self._unlike(number, origin, value, tensor))
        count = len(x[0])
        for word, tensors in (("inputs", x[1:]), ("targets", () if self.free else y)):
            for tensor in tensors:
                if not tensor.ndim or len(tensor) != count:
                    there = len(tensor) if tensor.ndim else "no axis of"
                    raise ResourceError(f"batch {number + 1} of {origin} has {count} examples, but {there} {word}")
        for bound in self._bounds:
            if (target := y[bound.place]).device.type == "cpu" and target.numel():
                _check_bound(target, bound, number, origin)
        return batch

    def _unlike(self, number: int, origin: str, value: EndValue, tensor: Tensor) -> str:
        what = "the net's input" if len(self.inputs) == 1 else f"the net's input `{value.name}`"
        assert value.type is not None
        got, wanted = tuple(tensor.shape[1:]), value.type.shape
        of = f"batch {number + 1} of {origin}"
        if got == wanted:
            method = {"int64": "long", "bool": "bool"}.get(value.type.dtype, "float")
            return (
                f"{of} has examples of {dtype_text(tensor)}, but {what} is {value.type.dtype}; give them as "
                f"`x.{method}()`"
            )
        batched = len(got) == len(wanted) - 1 and tuple(tensor.shape) == wanted
        hint = f"; give examples of {sizes_text(wanted)}, or let the net's input be {list(got)}"
        hint = "; it is one example: put an axis in front, `x.unsqueeze(0)`" if batched else hint
        return f"{of} has examples of {sizes_text(got)}, but {what} is {sizes_text(wanted)}{hint}"


def form_of(fields: Sequence[TargetField]) -> TargetForm:
    """How the targets that a recipe's losses read stand together."""
    names = tuple(field.name for field in fields)
    return TargetForm(names if len(names) > 1 else (), len(names))


def _numbers(value: EndValue) -> list[int]:
    assert value.type is not None, "a net that trains has known inputs"
    return [size for size in value.type.shape if isinstance(size, int)]


def _dtype(value: EndValue) -> str:
    assert value.type is not None, "a net that trains has known inputs"
    return value.type.dtype


def _single(y: Tensor) -> Tensor:
    """A target as losses take it: what Python's numbers became in a batch is float32."""
    return y.float() if y.dtype == torch.float64 else y


def _check_bound(y: Tensor, bound: _Bound, number: int, origin: str) -> None:
    lowest, highest = (int(value) for value in y.aminmax())
    if lowest >= 0 and highest < bound.width:
        return
    counted = y if bound.ignored is None else y[y != bound.ignored]
    if not counted.numel():
        return
    lowest, highest = (int(value) for value in counted.aminmax())
    if lowest < 0:
        raise ResourceError(f"batch {number + 1} of {origin} has a target {lowest}, but classes count from 0")
    if highest >= bound.width:
        raise ResourceError(
            f"batch {number + 1} of {origin} has the class {highest}, but the net has {bound.width} outputs for "
            f"{bound.loss}, from class 0 on; let its last layer give {highest + 1}, or number the classes from 0"
        )


def _of_form(form: TargetForm) -> str:
    if form.names:
        return f"a dict with {_listed(list(form.names))}"
    return "one tensor" if form.number == 1 else f"{form.number} tensors"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"
