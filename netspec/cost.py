"""Estimate the memory of a training step: bytes of parameters, activations, gradients and optimizer state.

`estimate` simulates a training step (`simulation.py`): it walks the net once forward and once backward, and adds up the
tensors that are alive at each point; the largest sum is the peak. A tensor that several layers save for the backward
pass counts once.

Not counted: the loss (a few numbers per class and example), the workspace that cuDNN chooses, the context of a GPU, and
the rounding and fragmentation of the allocator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from netspec.diagnostics import UsageError, did_you_mean
from netspec.net import Leaf, Net, need_net, need_numbers
from netspec.recipe.base import Optimizer
from netspec.recipe.tables import OPTIMIZERS
from netspec.recipe.tables import optimizer as load_optimizer
from netspec.simulation import FLOAT32, Device, SimulatedStep, whole
from netspec.views.describe import bytes_text

Precision = Literal["fp32", "tf32", "bf16", "fp16"]


class LayerCost(NamedTuple):
    """The memory of one layer in a training step, in bytes for the whole batch. What is computed of parameters and
    buffers alone is there once for all examples."""

    leaf: Leaf
    weights: int
    output: int
    """The output, whether or not it shares the memory of the input."""
    saved: int
    """The tensors saved for the backward pass, without those that an earlier layer saved already."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Memory of one training step, in bytes."""

    batch: int
    precision: Precision
    optimizer: str
    device: Device
    layers: tuple[LayerCost, ...]
    """In execution order, auxiliary heads included."""
    weights: int
    """Parameters, always in float32."""
    casts: int
    """16-bit copies of parameters, which automatic mixed precision caches during a step."""
    buffers: int
    """Running statistics, and the numbers of `Buffer`."""
    gradients: int
    """The gradients of the trainable parameters."""
    optimizer_state: int
    activations: int
    """The tensors saved between the forward and the backward pass."""
    peak: int
    """The most bytes that are alive at any point of a step."""

    @property
    def kept(self) -> int:
        """Parameters, their casts and the saved tensors: alive at the end of the forward pass, besides buffers and
        optimizer state."""
        return self.weights + self.casts + self.activations

    def fits(self, memory: int) -> bool:
        """Whether the peak is at most `memory` bytes."""
        return self.peak <= memory

    def to_json(self) -> dict[str, Any]:
        """The estimate as plain dicts, strings and numbers, for JSON."""
        totals = {
            name: getattr(self, name)
            for name in ("weights", "casts", "buffers", "gradients", "optimizer_state", "activations", "peak")
        }
        settings = {name: getattr(self, name) for name in ("batch", "precision", "optimizer", "device")}
        layers = [
            {"path": layer.leaf.path, "weights": layer.weights, "output": layer.output, "saved": layer.saved}
            for layer in self.layers
        ]
        return settings | {"layers": layers, "totals": totals}

    def to_text(self) -> str:
        """The settings in one line, then the totals as an aligned list without those that are 0."""
        rows = [
            ("weights", self.weights),
            ("16-bit copies of weights", self.casts),
            ("buffers", self.buffers),
            ("gradients", self.gradients),
            (f"state of {self.optimizer}", self.optimizer_state),
            ("kept for the backward pass", self.activations),
            ("peak of a training step", self.peak),
        ]
        lines = [f"{title:28}{bytes_text(count):>12}" for title, count in rows if count]
        where = "on a GPU" if self.device == "cuda" else "on a CPU"
        return f"one training step of {self.batch} examples in {self.precision}, {where}\n" + "\n".join(lines)


def estimate_by_recipe(
    net: Net,
    batch: int | None = None,
    precision: Precision | None = None,
    optimizer: str | None = None,
    *,
    device: Device = "cuda",
) -> Cost | None:
    """The estimate of a training step in which whatever is not said is as the recipe has it; without a recipe by SGD in
    fp32. None where nothing says how large a batch is.

    Raises:
        UsageError: as for `estimate`.
    """
    recipe = net.recipe
    size = batch if batch is not None or recipe is None else recipe.batch_size
    if size is None:
        return None
    chosen = optimizer or (recipe.optimizer.name() if recipe is not None else "SGD")
    same = recipe is not None and recipe.optimizer.name() == chosen
    arguments = recipe.optimizer.model_dump() if recipe is not None and same else {}
    kind = precision or (recipe.precision if recipe is not None else None) or "fp32"
    return estimate(net, size, kind, chosen, arguments=arguments, device=device)


def estimate(
    net: Net,
    batch: int,
    precision: Precision = "fp32",
    optimizer: str = "SGD",
    *,
    arguments: Mapping[str, Any] | None = None,
    device: Device = "cuda",
) -> Cost:
    """Estimate the memory of one training step of a net, in bytes.

    Args:
        net: the net, without symbols.
        batch: examples per step.
        precision: `fp32` and `tf32` use four bytes per value; `bf16` and `fp16` mean automatic mixed precision:
            parameters have four bytes, and convolutions and matrix products compute with two.
        optimizer: the name of a class of torch.optim.
        arguments: the optimizer's arguments; only those matter that decide on its state, such as `momentum`.
        device: a few kernels save more for the backward pass on a CPU.

    Raises:
        UsageError: the net has symbolic sizes, the batch is smaller than 1, or the optimizer is unknown.

    >>> cost = netspec.estimate(netspec.load("specs/alexnet.yaml"), batch=128, optimizer="Adam")
    >>> f"{cost.peak / 2**20:.0f} MiB, of which {cost.activations / 2**20:.0f} MiB are kept for the backward pass"
    '1245 MiB, of which 485 MiB are kept for the backward pass'
    """
    need_net(net, "estimate")
    need_numbers(net, f"estimating the memory of `{net.name}`")
    if batch < 1:
        raise UsageError(f"a batch has at least one example, not {batch}")
    chosen = _optimizer(optimizer, arguments or {})
    step = SimulatedStep(net, batch, 2 if precision in ("bf16", "fp16") else 4, device)
    weights = FLOAT32 * sum(whole(leaf.params) for leaf in net.layers)
    gradients = FLOAT32 * whole(net.trainable_params)
    buffers = sum(whole(leaf.buffer_bytes) for leaf in net.layers if not leaf.again)
    state = FLOAT32 * _state(chosen, net)
    always = weights + buffers + state + sum(map(step.bytes_of, step.inputs))
    return Cost(
        batch=batch,
        precision=precision,
        optimizer=optimizer,
        device=device,
        layers=tuple(_layers(step)),
        weights=weights,
        casts=step.casts,
        buffers=buffers,
        gradients=gradients,
        optimizer_state=state,
        activations=step.kept_bytes,
        peak=always + max(step.peak(), gradients),
    )


def _optimizer(name: str, arguments: Mapping[str, Any]) -> Optimizer:
    if name not in OPTIMIZERS:
        near = did_you_mean(name, OPTIMIZERS)
        raise UsageError(
            f"there is no optimizer `{name}` whose memory is known"
            + (f"; did you mean `{near}`?" if near else f"; there are {', '.join(OPTIMIZERS)}")
        )
    return load_optimizer(name).model_construct(**arguments)


def _state(optimizer: Optimizer, net: Net) -> int:
    """The number of elements of the optimizer's state."""
    trained = (leaf for leaf in net.layers if not leaf.frozen)
    shapes = (shape for leaf in trained for shape in leaf.own_parameters.values())
    return sum(optimizer.state([whole(size) for size in shape]) for shape in shapes)


def _layers(step: SimulatedStep) -> Iterator[LayerCost]:
    """The cost of each layer, in execution order."""
    for event in step.events:
        if event.leaf is not None:
            weights = FLOAT32 * whole(event.leaf.params)
            yield LayerCost(event.leaf, weights, step.size_of(event.output), event.kept)
