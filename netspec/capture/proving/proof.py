"""The proof that a spec is the module: random weights in both, and equal outputs and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from netspec.capture.items import PlacedItem
from netspec.capture.lowering.forms import Form
from netspec.capture.modules.layers import dropped_share
from netspec.capture.proving.differences import (
    CLOSE,
    MARGIN,
    NOISE,
    RunTensors,
    Unproven,
    apart,
    called,
    close,
    largest,
    nudged,
    share_apart,
)
from netspec.capture.proving.unused import unkept
from netspec.capture.proving.unusual import compared_numbers
from netspec.capture.running.copying import copied
from netspec.capture.running.modes import set_mode
from netspec.capture.running.named import named_modules
from netspec.capture.running.precision import in_64_bits
from netspec.capture.running.runs import tensors_of
from netspec.capture.running.users import passing, users_own
from netspec.capture.shaping.shape import identity
from netspec.net import Leaf, Net
from netspec.torch.build import build
from netspec.torch.carrying import by_keys


def placed(net: Net, leaves: Sequence[PlacedItem]) -> list[tuple[str, PlacedItem]]:
    """The layers of a net by their paths, each with the item as which it was written."""
    return [(leaf.path, item) for leaf, item in placed_leaves(net, leaves)]


def placed_leaves(net: Net, leaves: Sequence[PlacedItem]) -> list[tuple[Leaf, PlacedItem]]:
    """The layers of a net, each with the item as which it was written.

    Raises:
        Unproven: they are others.
    """
    rows = [leaf for leaf in net.layers if not leaf.again]
    seen: set[tuple[str, ...]] = set()
    items: list[PlacedItem] = []
    for item in leaves:
        if item.keys and identity(item) in seen:
            continue
        seen.add(identity(item))
        items.append(item)
    if len(rows) != len(items):
        raise Unproven(f"the spec has {len(rows)} layers, and {len(items)} were written")
    for leaf, item in zip(rows, items, strict=True):
        if leaf.type != item.word:
            raise Unproven(f"`{leaf.type}` at {leaf.span.place} was written as `{item.word}`")
    return list(zip(rows, items, strict=True))


def key_map(net: Net, leaves: Sequence[PlacedItem]) -> dict[str, str]:
    """For each key of the built net that of the module: layer by layer, in the order in which they were written."""
    return {f"{path}.{name}": key for path, item in placed(net, leaves) for name, key in item.keys.items()}


def fill(module: nn.Module, seed: int, left_out: Collection[str] = ()) -> None:
    """Fill every parameter and buffer of floats but some with random numbers; variances are positive."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if not tensor.is_floating_point() or key in left_out:
                continue
            # uniform, with a variance of 1: torch draws normal numbers of 64 bits four times as slowly
            drawn = (torch.rand(tensor.shape, generator=generator, dtype=torch.float64) - 0.5) * 12**0.5
            fan = max(tensor[0].numel(), 1) if tensor.ndim > 1 else 4
            values = 0.5 + drawn.abs() if key.endswith("running_var") else drawn / fan**0.5
            if tensor.ndim == 1 and key.endswith("weight"):
                values = 1 + drawn / 4
            tensor.copy_(values)


class WideNumbers(NamedTuple):
    """Numbers that a module computes of nothing that is saved or given, with 64 bits: with 32 they are rounded."""

    buffers: Mapping[str, Tensor]
    """Of the buffers of the built net that hold such numbers, by name."""
    tables: Sequence[WideTable]
    """What the spec computes by itself, of which the module may keep a buffer."""


class WideTable(NamedTuple):
    """Numbers with 64 bits."""

    numbers: Tensor
    apart: float
    """How far those of a module with 32 bits may be from them, as a share of the largest."""


class EqualityProof:
    """A module and the net that is to be the same, with the same random weights, in 64 bits.

    Raises:
        Unproven: the weights of the one do not fit the other.
    """

    def __init__(
        self,
        module: nn.Module,
        net: Net,
        keys: Mapping[str, str],
        seed: int,
        left_out: Collection[str] = (),
        order: Sequence[int] = (),
        wide: WideNumbers | None = None,
        layouts: Sequence[Form] = (),
    ) -> None:
        self.left_out = left_out
        self.order = order
        """Which of the module's outputs in training mode are those of the spec; all of them if it is empty."""
        self.layouts = layouts
        """Where the module's outputs have the batch."""
        self.inputs = [value.name for value in net.inputs]
        self.outputs = [value.name for value in net.outputs]
        """Their names in the spec, where they have some."""
        self.keys = keys
        self.seed = seed
        self.theirs = copied(module).double()
        _draw_alike(self.theirs)
        self.ours = build(net, check_memory=False).double()
        self.compared = compared_numbers(net)
        """What random numbers hardly ever are, and inputs have to be, too."""
        self.unkept = unkept(self.theirs, keys.values(), left_out)
        self.trained_by_spec, self.trained_by_module = self._trained()
        """The keys in the module of the parameters that the spec alone trains, and those that the module alone does."""
        fill(self.theirs, seed, left_out)
        shapes = {key: value.shape for key, value in self.ours.state_dict().items()}
        self.ours.load_state_dict(by_keys(self.theirs.state_dict(), keys, shapes))
        if wide is not None:
            self._place(wide)

    def _place(self, wide: WideNumbers) -> None:
        """Give numbers that are computed with 32 bits on the one side, and with 64 on the other, to both with 64."""
        ours = dict(self.ours.named_buffers())
        for name, numbers in wide.buffers.items():
            ours[name].copy_(refined(ours[name], WideTable(numbers, ROUNDED)))
        for part, name, tensor in kept_numbers(self.theirs, self.left_out) if wide.tables else ():
            for table in wide.tables:
                tensor = refined(tensor, table)
            setattr(part, name, tensor)

    def _trained(self) -> tuple[list[str], list[str]]:
        """What only one of the two trains."""
        set_mode(self.theirs, training=True)
        theirs = {key for key, value in _parameters(self.theirs) if value.requires_grad}
        lacking = [key for key in self.ours.state_dict() if key not in self.keys]
        if lacking:
            raise Unproven(f"the spec has `{lacking[0]}`, and the module has nothing in its place")
        ours = {self.keys[key] for key, value in _parameters(self.ours) if value.requires_grad}
        return sorted(ours - theirs), sorted(theirs - ours - self.unkept.unused - self.unkept.tied.keys())

    def check(self, inputs: Sequence[Tensor], *, training: bool, has_gradients: bool = True) -> float:
        """The largest difference of outputs and gradients, as a share of the largest value.

        Args:
            inputs: arguments of the module.
            training: the mode in which both run.
            has_gradients: compare them, too, for which all that is computed on the way is kept.

        Raises:
            Unproven: it is more than `CLOSE`, and than what the last digits of its inputs make of the module itself.
        """
        order = self.order if training else ()
        with torch.set_grad_enabled(has_gradients):
            theirs = self._run(self.theirs, inputs, training, order, self.layouts)
            ours = self._run(self.ours, inputs, training)
        try:
            return self._compared(theirs, ours)
        except Unproven as error:
            if training or not error.difference <= NOISE:
                raise
            with torch.set_grad_enabled(has_gradients):
                again = self._run(self.theirs, nudged(inputs), training, order, self.layouts)
            if not error.difference <= MARGIN * apart(theirs, again):
                raise
            return error.difference

    def agrees(self, inputs: Sequence[Tensor]) -> bool:
        """Whether both give the same in eval mode, also where that is infinite or no number."""
        with torch.no_grad():
            theirs = self._run(self.theirs, inputs, training=False, layouts=self.layouts).outputs
            ours = self._run(self.ours, inputs, training=False).outputs
        pairs = zip(ours, theirs, strict=True)
        return all(a.shape == b.shape and share_apart(a, b, 1e-300) <= CLOSE for a, b in pairs)

    def _compared(self, theirs: RunTensors, ours: RunTensors) -> float:
        """The largest difference of two runs.

        Raises:
            Unproven: it is more than `CLOSE`, or one gives something that the other does not.
        """
        if len(theirs.outputs) != len(ours.outputs):
            raise Unproven(f"the module gives {len(theirs.outputs)} tensors, the spec {len(ours.outputs)}")
        worst = 0.0
        for i, (a, b) in enumerate(zip(theirs.outputs, ours.outputs, strict=True)):
            worst = max(worst, close(a, b, called("output", self.outputs, i, len(theirs.outputs))))
        for i, (a, b) in enumerate(zip(theirs.inputs, ours.inputs, strict=True)):
            told = called("input", self.inputs, i, len(theirs.inputs))
            if (a is None) is not (b is None):
                raise Unproven(_NO_GRADIENT if a is None else f"{told} has a gradient in the module alone")
            if a is not None and b is not None:
                worst = max(worst, close(a, b, f"the gradient of {told}"))
        scale = max((largest(gradient) for gradient in theirs.weights.values()), default=0.0)
        buffers = {key for key, _ in self.theirs.named_buffers()}
        for own, gradient in ours.weights.items():
            if self.keys[own] in buffers:  # a parameter that does not train has the numbers of a buffer
                continue
            other = theirs.weights.get(self.keys[own])
            if other is None:
                raise Unproven(f"`{self.keys[own]}` has a gradient in the spec alone")
            told = f"the gradient of `{self.keys[own]}`"
            worst = max(worst, close(other.reshape(gradient.shape), gradient, told, scale))
        alone = sorted(set(theirs.weights) - {self.keys[own] for own in ours.weights} - self.unkept.tied.keys())
        if alone:
            raise Unproven(f"`{alone[0]}` has a gradient in the module alone")
        return max(worst, self._buffers())

    def _buffers(self) -> float:
        """The largest difference of the statistics that both keep."""
        theirs = dict(self.theirs.named_buffers())
        pairs = ((self.keys[own], value) for own, value in self.ours.named_buffers() if own in self.keys)
        return max((close(theirs[key].reshape(b.shape), b, f"`{key}`") for key, b in pairs), default=0.0)

    def _run(
        self,
        model: nn.Module,
        inputs: Sequence[Tensor],
        training: bool,
        order: Sequence[int] = (),
        layouts: Sequence[Form] = (),
    ) -> RunTensors:
        set_mode(model, training=training)
        for parameter in model.parameters():  # all gradients are compared, also of what does not train
            parameter.requires_grad_(parameter.is_floating_point())
        model.zero_grad(set_to_none=True)
        torch.default_generator.manual_seed(self.seed)
        given = [x.double().requires_grad_() if x.is_floating_point() else x for x in (one.clone() for one in inputs)]
        with in_64_bits():
            outputs = tensors_of(_ran(model, [x.clone() for x in given]))  # which a program may write into
        if sorted(order) == list(range(len(outputs))):
            outputs = [outputs[i] for i in order]
        outputs = in_layouts(outputs, layouts, inputs[0].shape[0])
        score = _score(outputs, self.seed)
        if score.requires_grad:
            torch.autograd.backward(score, retain_graph=True)  # the module may keep what it computed for its next run
        weights = {key: p.grad.to_dense() for key, p in _parameters(model) if p.grad is not None}
        return RunTensors([output.detach() for output in outputs], [x.grad for x in given if x.requires_grad], weights)


def in_layouts(outputs: Sequence[Tensor], layouts: Sequence[Form], batch: int) -> list[Tensor]:
    """A module's outputs as a spec has them: the batch first and alone. Those that cannot be such stay as they are."""
    found = list(outputs)
    for i, (output, form) in enumerate(zip(outputs, layouts, strict=False)):
        if form.plain or not 0 <= form.at < output.ndim:
            continue
        moved = output.movedim(form.at, 0)
        sizes = (batch, *(form.inner if len(form.inner) > 1 else [-1] * len(form.inner)), *moved.shape[1:])
        if output.shape[form.at] % batch == 0 and (-1 in sizes or math.prod(sizes) == output.numel()):
            found[i] = moved.reshape(sizes)
    return found


def kept_numbers(module: nn.Module, left_out: Collection[str]) -> Iterator[tuple[nn.Module, str, Tensor]]:
    """The floats that a module computes as it is made, and keeps: buffers that are not saved, or that a spec leaves
    out, and tensors that are plain attributes; each with the part that has it, and its name."""
    saved = module.state_dict().keys() - set(left_out)
    for path, part in named_modules(module).items():
        for name, value in (*part.named_buffers(recurse=False), *list(vars(part).items())):
            is_kept = isinstance(value, Tensor) and f"{path}.{name}".strip(".") not in saved
            if is_kept and (value.is_floating_point() or value.is_complex()) and not value.requires_grad:
                yield part, name, value


def refined(tensor: Tensor, table: WideTable) -> Tensor:
    """Numbers with 64 bits in the place of those of a tensor, if it has them with 32; else the tensor."""
    if tensor.is_complex():
        return torch.complex(refined(tensor.real, table).double(), refined(tensor.imag, table).double())
    if tensor.numel() == table.numbers.numel():
        numbers, apart = table.numbers.double().reshape(tensor.shape), table.apart
        low = numbers <= _LOWEST  # the lowest number with 64 bits is another than that with 32
        near = apart * max(largest(numbers[~low]), 1e-300)
        is_low = torch.equal(tensor <= _LOWEST, low)
        if is_low and torch.allclose(tensor[~low].double(), numbers[~low], rtol=apart, atol=near):
            return numbers
    return tensor


_LOWEST: Final = torch.finfo(torch.float32).min


ROUNDED: Final = 2.0**-18
"""How far numbers that were computed with 32 bits may be from those of 64, as a share of the largest."""


@passing
def _ran(model: nn.Module, given: Sequence[Tensor]) -> Any:
    sizes = " and ".join(" x ".join(map(str, x.shape)) for x in given)
    with users_own(f"the module, on an input of {sizes} with the batch,"):
        return model(*given)


_NO_GRADIENT: Final = (
    "the module gives no gradient to its input, as under `torch.no_grad`, which no spec says: without that, and with "
    "`requires_grad_(False)` on what is not to train, the spec has `freeze: true`"
)


def _parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters under each of their keys."""
    return model.named_parameters(remove_duplicate=False)


def _draw_alike(model: nn.Module) -> None:
    """Let what drops whole examples draw as torchvision does, whatever numbers it draws by itself."""
    for part in model.modules():
        share = dropped_share(part)
        if share is not None:
            part.forward = _dropping(part, share)


def _dropping(part: nn.Module, share: float) -> Callable[[Tensor], Tensor]:
    from torchvision.ops import stochastic_depth  # pyright: ignore[reportMissingTypeStubs]  # it has none

    return lambda x: stochastic_depth(x, share, "row", part.training)


def _score(outputs: Sequence[Tensor], seed: int) -> Tensor:
    """A number that depends on each value of the outputs."""
    generator = torch.Generator().manual_seed(seed + 1)
    total = torch.zeros((), dtype=torch.float64)
    for output in outputs:
        if output.is_floating_point():
            total = total + (output * torch.randn(output.shape, generator=generator, dtype=torch.float64)).sum()
    return total
