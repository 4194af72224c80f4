"""Values as numbers of another kind: truth values that count, and whole numbers beside fractions."""

from __future__ import annotations

import torch

from netspec.capture.functions.masks import value_of
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import made
from netspec.capture.lowering.forms import NoForm
from netspec.capture.lowering.lookups import numbers_of
from netspec.capture.lowering.lowering import Lowering


def as_numbers(lowering: Lowering, call: TracedCall, value: Traced, dtype: str = "int64") -> Traced:
    """A value whose truth values, or whole numbers, are numbers of a dtype; the value itself if they are."""
    if value.dtype == dtype or (value.dtype != "bool" and dtype == "int64"):
        return value
    numbers = numbers_of(lowering, value)
    if numbers is not None:
        wider = numbers.to(torch.int64 if dtype == "int64" else torch.float32)
        return Traced("numbers", value.shape, dtype, tensor=wider)
    source = value_of(lowering, call, value) if value.dtype == "bool" else value
    found, form = lowering.anywhere(source)
    result = made(value.shape, value, varies=value.varies)
    result.dtype = dtype
    factor = 1 if dtype == "int64" else 1.0
    lowering.add(call, "use", None, terms=(found, "*", factor), form=form, gives=(result,))
    return result


def retyped(lowering: Lowering, call: TracedCall, source: Traced) -> None:
    """Numbers of another dtype.

    Raises:
        NoForm: they would have to be rounded.
    """
    result = call.results[0]
    if source.dtype not in ("bool", "int64") or result.dtype == "bool" or result.shape != source.shape:
        raise NoForm(f"it turns {source.dtype} into {result.dtype}")
    lowering.is_same(result, as_numbers(lowering, call, source, result.dtype))
