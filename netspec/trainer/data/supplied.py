"""The data that a program gives a run, by parts, and what they are in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor
from torch.utils.data import DataLoader

from netspec.diagnostics import UsageError, did_you_mean

_PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class GivenData:
    """What a program gives as data.

    Args:
        parts: by `train`, `validation` and `test`.
        batches_per_epoch: the batches of an epoch, for data without a length.
        resumed: the run goes on from a checkpoint, so that nothing is read ahead.
        measured: nothing is trained on them.
        name: what messages call them.
    """

    parts: Mapping[str, Any]
    batches_per_epoch: int | None = None
    resumed: bool = False
    measured: bool = False
    name: str = "data"

    @property
    def told(self) -> dict[str, str]:
        """What each part is, in words, for the files of a run."""
        return {name: _described(value) for name, value in self.parts.items()}


def given_data(data: Any, batches_per_epoch: int | None = None) -> GivenData:
    """What `netspec.train(net, data=…)` is given: one part to train on, or several by name.

    Raises:
        UsageError: a part has another name, or there is none to train on.
    """
    if batches_per_epoch is not None and (type(batches_per_epoch) is not int or batches_per_epoch < 1):
        raise UsageError(f"`batches_per_epoch` is a number of batches, at least 1, but is {batches_per_epoch!r}")
    if not isinstance(data, Mapping):
        return GivenData({"train": data}, batches_per_epoch)
    parts = dict(cast("Mapping[Any, Any]", data))
    for name in parts:
        if name not in _PARTS:
            near = did_you_mean(str(name), _PARTS)
            raise UsageError(
                f"`data` has a part {name!r}; its parts are `train`, `validation` and `test`"
                + (f": did you mean `{near}`?" if near else ", each a pair of tensors, a Dataset or a DataLoader")
            )
    parts = {name: value for name, value in parts.items() if value is not None}
    if "train" not in parts:
        raise UsageError(f"`data` has {', '.join(map(repr, parts)) or 'no part'}, but nothing to train on: add 'train'")
    return GivenData(parts, batches_per_epoch)


def length_of(value: Any) -> int | None:
    """`len` of it; None if it has none."""
    length: Callable[[Any], int] = len
    try:
        return length(value)
    except (TypeError, NotImplementedError):
        return None


def kind_text(value: object) -> str:
    """What a value of a program is, by its class, for messages: "a `dict`", "an `Order`", "None"."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} `{name}`"


def kind_of_data(value: Any) -> str:
    """What a part is, for messages."""
    if isinstance(value, tuple):
        return "a pair of tensors"
    if isinstance(value, DataLoader):
        loader = cast("DataLoader[Any]", value)
        return f"a {type(loader).__name__} of `{type(loader.dataset).__name__}`"
    return kind_text(value)


def _described(value: Any) -> str:
    """The same, with how many there are."""
    if isinstance(value, Tensor | tuple):
        return f"{kind_of_data(cast(Any, value))}, {_count(value)} examples"
    count = length_of(value)
    unit = "batches" if isinstance(value, DataLoader) or not hasattr(value, "__getitem__") else "examples"
    return kind_of_data(value) + ("" if count is None else f", {count} {unit}")


def _count(value: Any) -> int | None:
    """The examples of tensors: those of the first one."""
    while isinstance(value, tuple | list | Mapping) and len(cast("Sized", value)):
        parts = cast("Mapping[Any, Any] | Sequence[Any]", value)
        value = next(iter(parts.values())) if isinstance(parts, Mapping) else parts[0]
    return length_of(value)
