"""The recipe's loss as a function of output and target, and the divisor of its mean.

Most losses are means over the targets. A loss with class weights or with ignored targets divides by the sum of the
weights of the targets that count. That sum differs from batch to batch, so the mean over several batches is not the
mean of their means. For such a loss, `LossFunction` returns the sum over a batch, and the division is done once over
all batches: in `metrics.py` for a data set, in `Shares` for the batches and processes of an optimizer step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from netspec.diagnostics import UsageError
from netspec.dims import Shape
from netspec.recipe.base import Loss
from netspec.recipe.terms import LossTerm
from netspec.torch.foreign_modules import called
from netspec.trainer.data.supplied import kind_text
from netspec.trainer.data.targets import sizes_text
from netspec.trainer.machine.processes import World


class LossFunction:
    """One loss of a recipe: of a batch, the mean over its targets, or the sum if `divides`.

    Args:
        loss: the loss.
        device: the device of outputs and targets.
        ignores: some targets of the data are ignored by the loss.
        term: which outputs and which target it reads; None is those of a net with one input and one output.

    Attributes:
        divides: the divisor of the mean is not the number of targets; see the module's docstring.
        classes: its targets are classes, so that there is an accuracy.
        perplexed: they are the next tokens, and the exponential of its mean is the perplexity.
    """

    def __init__(self, loss: Loss, device: torch.device, *, ignores: bool, term: LossTerm | None = None) -> None:
        self.term = term or LossTerm(loss)
        self.weight, self.classes = self.term.weight, loss.target == "classes"
        self.perplexed = self.term.next_token and loss.surprise
        divisor = loss.divisor
        self.divides = divisor is not None and (ignores or divisor.weight is not None)
        self._module = _made(loss, device, divides=self.divides)
        self._target_at = loss.target_at if loss.target != "nothing" else None
        self._of, self._target = self.term.of, self.term.target
        self._single = len(self._of) == 1
        self._ignored = divisor.ignore_index if divisor is not None and self.divides else None
        weight = divisor.weight if divisor is not None else None
        self._weight = None if weight is None else torch.tensor(weight, dtype=torch.float64, device=device)

    def reads(self, outputs: Sequence[Tensor], values: Sequence[Tensor]) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """What it reads of a batch.

        Args:
            outputs: those of the net, (N, ...) each.
            values: the inputs of the net and, behind them, the targets.

        Returns:
            Its first output, the target, and its further outputs, in float32. A loss without a target has the first
            output for one, which counts the examples. Of the next token they are (N · length, tokens) and
            (N · length,).
        """
        output = self.scored(outputs[self._of[0]]).float()
        y = output if self._target is None else values[self._target]
        if self.term.next_token:
            y = y.flatten()
        return output, y, () if self._single else tuple([outputs[i].float() for i in self._of[1:]])

    def __call__(self, output: Tensor, y: Tensor, *further: Tensor) -> Tensor:
        """The loss for outputs (N, C, ...) and targets (N, ...), a 0-dim tensor; `further` are its other outputs."""
        if self._single:
            return self._module(output, y)
        given = [output, *further]
        if self._target_at is not None:
            given.insert(len(given) if self._target_at < 0 else self._target_at, y)
        return self._module(*given)

    def state_dict(self) -> dict[str, Any]:
        """What it keeps from batch to batch."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a result of `state_dict`."""

    def scored(self, output: Tensor) -> Tensor:
        """An output with its scores on the axis behind the first: of the next token (N · length, tokens)."""
        return output.flatten(0, -2) if self.term.next_token else output

    @property
    def ignored(self) -> int | None:
        """The class of targets that do not count, if the data have some."""
        return self._ignored

    @property
    def scores(self) -> Shape:
        """The shape of its first output for one example."""
        assert self.term.type is not None, "the term is one of a net"
        return self.term.type.shape

    def counted(self, y: Tensor) -> Tensor | None:
        """A mask of the targets (N, ...) that are not ignored, bool of the same shape; None if no target is ignored."""
        return None if self._ignored is None else y != self._ignored

    def count(self, y: Tensor) -> int:
        """The number of targets, which weighs the mean of a batch; where `divides`, the divisor does."""
        return y.numel()

    def divisor(self, y: Tensor) -> Tensor:
        """The divisor for targets (N, ...): the sum of the weights of those that count, 0-dim float64."""
        counted = y != self._ignored
        if self._weight is None:
            return counted.sum(dtype=torch.float64)
        return self._weight[y.masked_fill(~counted, 0)].mul(counted).sum()

    def share(self, y: Tensor) -> Tensor:
        """The factor that makes its sum over a batch a mean, 0-dim float32; 1 if no target counts."""
        divisor = self.divisor(y)
        return divisor.masked_fill(divisor == 0, 1).reciprocal().float()


def _made(loss: Loss, device: torch.device, *, divides: bool) -> Callable[..., Tensor]:
    """What computes a loss: a module on the device, or a plugin's function.

    Raises:
        PluginError: it is a plugin's, and is not there, refuses its arguments or has parameters.
    """
    call = loss.call()
    arguments = {
        name: torch.tensor(value, dtype=torch.float32) if name in loss.factors and value is not None else value
        for name, value in call.arguments.items()
    }
    made = called(call, type(loss), arguments | ({"reduction": "sum"} if divides else {}), device)
    if not loss.is_foreign():
        return made

    def checked(output: Tensor, *given: Tensor) -> Tensor:
        return number_of(made(output, *given), f"the loss `{loss.name()}`", output)

    return checked


def number_of(found: Any, what: str, output: Tensor, told: str = "") -> Tensor:
    """What a loss that is none of netspec's gives, a 0-dim float32 tensor.

    Args:
        found: what it gives.
        what: begins the sentence.
        output: what it was computed from.
        told: on what, for messages.

    Raises:
        UsageError: it is no number, or one without a gradient.
    """
    if not isinstance(found, Tensor):
        raise UsageError(
            f"{what} gives {kind_text(found)}, but wanted is a tensor of one number, computed with torch so that "
            "gradients flow through it"
        )
    if found.numel() != 1:
        raise UsageError(
            f"{what} gives {found.numel()} numbers, {sizes_text(tuple(found.shape))}, {told}but wanted is 1: take "
            "their mean over the batch, `.mean()`"
        )
    if not found.requires_grad and output.requires_grad and torch.is_grad_enabled():
        raise UsageError(
            f"{what} gives a number without a gradient: leave out `.item()`, `.detach()`, `.argmax()` and what goes "
            "through NumPy"
        )
    return found.reshape(()).float()


class Objective:
    """The losses of a recipe: what is minimised is the sum of each times its weight.

    Args:
        terms: the losses, at least one.
        count: the number of the net's outputs.
        answer: the outputs as a program's function is given them.
        aim: the target, likewise, of the inputs and, behind them, the targets.
    """

    def __init__(
        self,
        terms: Sequence[LossFunction],
        count: int = 1,
        answer: Callable[[Sequence[Tensor]], Any] = tuple,
        aim: Callable[[Sequence[Tensor]], Any] = tuple,
    ) -> None:
        self.terms = tuple(terms)
        self._count = count
        self.answer, self.aim = answer, aim

    def outputs(self, result: Any) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """The outputs of a net, and what its auxiliary heads gave, from what `forward` returned."""
        if isinstance(result, Tensor):
            return (result,), ()
        return result[: self._count], result[self._count] if len(result) > self._count else ()

    def state_dict(self) -> dict[str, Any]:
        """What losses of the program keep from batch to batch; empty for those that keep nothing."""
        return {name: value for term in self.terms for name, value in term.state_dict().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a result of `state_dict`."""
        for term in self.terms:
            term.load_state_dict(state)

    @property
    def reads_all(self) -> bool:
        """True if every output of the net is read by a loss."""
        return len({i for term in self.terms for i in term.term.of}) == self._count

    @property
    def only(self) -> LossFunction | None:
        """The loss, if there is one."""
        return self.terms[0] if len(self.terms) == 1 else None

    @property
    def classifier(self) -> LossFunction | None:
        """The loss of classes, if there is exactly one: its accuracy is that of the run."""
        found = [term for term in self.terms if term.classes]
        return found[0] if len(found) == 1 else None


class Shares:
    """Accumulates the divisor of one optimizer step over its batches and processes, on the device.

    The divisor is known only after the last batch. So each batch's summed loss is first divided as if all targets
    counted with weight 1; at the end the gradients are divided by the ratio of the real divisor to that.
    """

    def __init__(self, loss: LossFunction, device: torch.device, world: World) -> None:
        self._loss, self._world = loss, world
        self._total = torch.zeros((), dtype=torch.float64, device=device)

    def add(self, y: Tensor, weight: Tensor, *, first: bool) -> tuple[Tensor, Tensor]:
        """Add a batch.

        Args:
            y: its targets (N, ...).
            weight: its share of the step's examples, 0-dim.
            first: True for the first batch of a step, which resets the divisor.

        Returns:
            The factor of the batch's summed loss, and whether none of its targets counts; 0-dim tensors.
        """
        divisor = self._loss.divisor(y)
        factor = weight / y.numel()
        if first:
            self._total.zero_()
        self._total.add_(divisor * factor)
        return factor, divisor == 0

    def divide(self, gradients: list[Tensor]) -> Tensor:
        """Divide the gradients in place, so that they are those of the mean over the step. A collective call.

        Returns:
            1 if no target of the step counts, else 0; 0-dim float32.
        """
        total = self._world.sum_(self._total.clone()) / self._world.size
        empty = total == 0
        torch._foreach_mul_(gradients, total.masked_fill(empty, 1).reciprocal().float())  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # documented under "foreach functions"
        return empty.float()
