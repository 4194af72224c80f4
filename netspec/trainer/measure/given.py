"""The loss that a program gives: a function or module of the output and the target of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from netspec.diagnostics import NetspecError, UsageError
from netspec.recipe.terms import LossTerm
from netspec.torch.foreign import lacks_memory
from netspec.torch.foreign_modules import untrained
from netspec.trainer.data.splits import TargetForm
from netspec.trainer.data.supplied import kind_text
from netspec.trainer.data.targets import dtype_text, sizes_text
from netspec.trainer.measure.losses import LossFunction, number_of

Call = Callable[[Any, Any], Any]
"""A loss or a metric: of the output and the target of a batch."""


def check_loss(loss: object, device: torch.device) -> Call:
    """What `netspec.train(net, loss=…)` is given, on the device.

    Raises:
        UsageError: it cannot be called, or has parameters, which nothing would train.
    """
    if isinstance(loss, type):
        raise UsageError(f"`loss` is the class `{loss.__name__}`, not a loss: call it, `loss={loss.__name__}(…)`")
    if not callable(loss):
        raise UsageError(f"`loss` is {kind_text(loss)}, but wanted is a function or module `loss(output, target)`")
    if isinstance(loss, nn.Module):
        if (own := untrained(loss)) is not None:
            raise UsageError(f"the loss `{name_of(loss)}` {own}")
        loss.to(device)
    return cast(Call, loss)


def name_of(call: Any) -> str:
    """The name of a function, or what a module says of itself."""
    if isinstance(call, partial):
        return name_of(cast("partial[Any]", call).func)
    if isinstance(call, nn.Module):
        return " ".join(repr(call).split())
    return getattr(call, "__qualname__", type(call).__qualname__)


class GivenLoss(LossFunction):
    """A loss of the program's, taken for the mean over the examples of a batch.

    Args:
        call: the function; None where it is not at hand, as for a run that is only looked at.
        term: which outputs it is given.
        form: how the targets stand together.
        inputs: the number of the net's inputs.
        answer: the outputs as the function is given them.
    """

    def __init__(
        self,
        call: Call | None,
        term: LossTerm,
        form: TargetForm,
        inputs: int,
        answer: Callable[[Sequence[Tensor]], Any],
    ) -> None:
        self.term, self.weight = term, term.weight
        self.classes = self.perplexed = self.divides = False
        self._call, self._form, self._inputs, self._answer = call, form, inputs, answer
        self._more = len(term.of) - 1

    def reads(self, outputs: Sequence[Tensor], values: Sequence[Tensor]) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """All outputs and all targets; the first output stands for a target, since it counts the examples."""
        first, *others = map(as_float, outputs)
        return first, first, (*others, *values[self._inputs :])

    def __call__(self, output: Tensor, y: Tensor, *further: Tensor) -> Tensor:
        """The loss, a 0-dim float32 tensor.

        Raises:
            UsageError: the function fails, or gives no number with a gradient.
        """
        given = self._answer((output, *further[: self._more]))
        target = self._form.make(further[self._more :])
        if self._call is None:
            raise UsageError("the loss of this run was given by a program, and is none of its files: give it, `loss=…`")
        try:
            found = self._call(given, target)
        except NetspecError:
            raise
        except Exception as error:
            if lacks_memory(error) or (output.is_cuda and torch.cuda.is_current_stream_capturing()):
                raise  # out of memory is told elsewhere, and what a recording cannot hold runs without one
            reason = f"{type(error).__name__}: {error}"
            raise UsageError(f"the loss `{name_of(self._call)}` fails on {_told(given, target)}: {reason}") from error
        several = isinstance(found, Tensor) and found.numel() != 1
        told = f"on {_told(given, target)}, " if several else ""
        return number_of(found, f"the loss `{name_of(self._call)}`", output, told)

    def state_dict(self) -> dict[str, Any]:
        """See `LossFunction.state_dict`: the buffers of a module."""
        return dict(self._call.state_dict()) if isinstance(self._call, nn.Module) else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `LossFunction.load_state_dict`."""
        if isinstance(self._call, nn.Module) and state:
            self._call.load_state_dict(state)

    def count(self, y: Tensor) -> int:
        """See `LossFunction.count`: the examples."""
        return len(y)


def as_float(value: Any) -> Any:
    """A value in float32 if it is one of real numbers; those of a family each."""
    if isinstance(value, tuple):
        return tuple(map(as_float, cast("tuple[Any, ...]", value)))
    return value.float() if value.is_floating_point() else value


def _told(output: Any, target: Any) -> str:
    """Output and target of a batch in words, with the classes where they are too many."""
    text = f"an output of {_sizes(output)} and a target of {_sizes(target)}"
    if isinstance(output, Tensor) and isinstance(target, Tensor) and output.ndim > 1 and target.numel():
        highest = int(target.max()) if target.dtype == torch.int64 and not target.is_cuda else -1
        if highest >= output.shape[1] and target.ndim < output.ndim:
            text += (
                f", whose classes go up to {highest} where the output has {output.shape[1]} scores, from class 0 on "
                f"(let the last layer give {highest + 1}, or number the classes from 0)"
            )
    return text


def _sizes(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{sizes_text(tuple(value.shape))} ({dtype_text(value)})"
    if isinstance(value, dict):
        return ", ".join(f"`{name}` {_sizes(part)}" for name, part in cast("dict[str, Any]", value).items())
    return " and ".join(map(_sizes, cast("tuple[Any, ...]", value)))
