"""Estimate the memory of a training step: bytes of parameters, activations, gradients and optimizer state.

`estimate` simulates a training step: it walks the net once forward and once backward, and adds up the tensors that are
alive at each point; the largest sum is the peak. A tensor that several layers save for the backward pass counts once.
What a layer saves is declared beside its rule (`Layer.saved`); the tests measure it on torch's own layers.

Not counted: the loss (a few numbers per class and example), the workspace that cuDNN chooses, the context of a GPU, and
the rounding and fragmentation of the allocator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from netspec.diagnostics import UsageError, did_you_mean
from netspec.dims import Shape, Size, product
from netspec.layers.base import Layer
from netspec.net import Combinator, Leaf, Net, Node, need_numbers
from netspec.recipe.base import Optimizer
from netspec.recipe.tables import OPTIMIZERS
from netspec.recipe.tables import optimizer as load_optimizer
from netspec.views.describe import bytes_text

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
Device = Literal["cpu", "cuda"]

_FLOAT32: Final = 4
_INT64: Final = 8


class LayerCost(NamedTuple):
    """The memory of one layer in a training step, in bytes for the whole batch."""

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
    """Running statistics."""
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
    """
    need_numbers(net, f"estimating the memory of `{net.name}`")
    if batch < 1:
        raise UsageError(f"a batch has at least one example, not {batch}")
    chosen = _optimizer(optimizer, arguments or {})
    step = _Step(batch, 2 if precision in ("bf16", "fp16") else 4, device)
    start = _Tensor(_count(net.input.shape), net.input.dtype == "int64", _FLOAT32)
    step.run(net.root, start, needs=False)
    weights = _FLOAT32 * sum(_whole(leaf.params) for leaf in net.layers)
    gradients = _FLOAT32 * _whole(net.trainable_params)
    buffers = _FLOAT32 * _whole(net.buffers)
    state = _FLOAT32 * _state(chosen, net)
    always = weights + buffers + state + step.bytes_of(start)
    return Cost(
        batch=batch,
        precision=precision,
        optimizer=optimizer,
        device=device,
        layers=tuple(step.layers()),
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
    shapes = (shape for leaf in trained for shape in leaf.layer.parameters(leaf.input).values())
    return sum(optimizer.state([_whole(size) for size in shape]) for shape in shapes)


# ---- the simulated step


class _Tensor:
    """A tensor: elements per example and bytes per element. Layers that return a view of it share the object."""

    __slots__ = ("elements", "whole", "width")

    def __init__(self, elements: int, integers: bool, width: int) -> None:
        self.elements = elements
        self.width = _INT64 if integers else width
        self.whole = self
        """The tensor whose storage it shares: saving a view keeps the whole storage alive."""

    def part(self, elements: int) -> _Tensor:
        """A view of some of its elements."""
        view = _Tensor(elements, False, self.width)
        view.whole = self.whole
        return view


class _Event(NamedTuple):
    """The forward pass of one layer, or the join of several branches."""

    leaf: Leaf | None
    input: _Tensor
    output: _Tensor
    held: tuple[_Tensor, ...]
    """Tensors that enclosing combinators hold: their inputs, and the outputs of branches that have run."""
    kept: int
    """Bytes that it adds to those saved for the backward pass."""
    weights: int
    """Bytes of its trainable parameters, and so of their gradients."""
    needs: bool
    """Whether the backward pass reaches it."""

    def alive(self) -> set[_Tensor]:
        """The tensors whose storage is alive while it runs."""
        return {tensor.whole for tensor in (self.input, self.output, *self.held)}


class _Step:
    """One training step: records the events of the forward pass, as autograd does, for the backward pass.

    `low` is the number of bytes of a value in operations that autocast runs in low precision.
    """

    def __init__(self, batch: int, low: int, device: Device) -> None:
        self.batch = batch
        self.low = low
        self.device = device
        self.events: list[_Event] = []
        self.kept: dict[int, _Tensor] = {}
        self.kept_bytes = 0
        self.casts = 0

    def bytes_of(self, tensor: _Tensor) -> int:
        """Bytes of a tensor, for the whole batch."""
        return tensor.elements * tensor.width * self.batch

    # Each of these takes a node's input and returns its output. `needs` is autograd's `requires_grad` of the input;
    # `self.flows` is set to that of the output.

    def run(self, node: Node, x: _Tensor, *, needs: bool, held: tuple[_Tensor, ...] = ()) -> _Tensor:
        """Run one node; `held` are the tensors that enclosing combinators keep alive."""
        self.flows = needs
        match node:
            case Leaf():
                return self._leaf(node, x, held)
            case Combinator():
                return self._combinator(node, x, held)
            case _:
                for child in node.children:
                    x = self.run(child, x, needs=self.flows, held=held)
                return x

    def _leaf(self, leaf: Leaf, x: _Tensor, held: tuple[_Tensor, ...]) -> _Tensor:
        layer = leaf.layer
        width = self._width(layer, x)
        y = x if layer.shares(leaf.input) else _Tensor(_count(leaf.output.shape), leaf.output.dtype == "int64", width)
        trained = 0 if leaf.frozen else _FLOAT32 * _whole(leaf.params)
        needs = self.flows or trained > 0
        kept = self._keep(leaf, x, y, width) if needs else 0
        if layer.autocast == "low" and self.low != _FLOAT32:
            self.casts += self.low * _whole(leaf.params)
        self.events.append(_Event(leaf, x, y, held, kept, trained, needs))
        self.flows = needs
        return y

    def _width(self, layer: Layer, x: _Tensor) -> int:
        """Bytes per value of the layer's output, by the rules of autocast."""
        if layer.autocast == "low":
            return self.low
        return _FLOAT32 if layer.autocast == "full" or x.width == _INT64 else x.width

    def _keep(self, leaf: Leaf, x: _Tensor, y: _Tensor, width: int) -> int:
        """Save what the layer's backward pass needs. Returns the bytes that this adds."""
        saved = leaf.layer.saved(leaf.input)
        gpu = self.device == "cuda"
        before = self.kept_bytes
        if saved.input:
            self._remember(x if x.width in (width, _INT64) else _Tensor(x.elements, False, width))
        if saved.output:
            self._remember(y)
        each = _whole(saved.extra) * width + _whole(saved.indices) * _INT64
        each += _whole(saved.mask) * (1 if gpu else width) + (0 if gpu else _whole(saved.cpu) * width)
        self.kept_bytes += each * self.batch + _whole(saved.statistics) * _FLOAT32
        return self.kept_bytes - before

    def _remember(self, tensor: _Tensor) -> None:
        tensor = tensor.whole
        if id(tensor) not in self.kept:
            self.kept[id(tensor)] = tensor  # the reference keeps the id from being reused
            self.kept_bytes += self.bytes_of(tensor)

    def _combinator(self, node: Combinator, x: _Tensor, held: tuple[_Tensor, ...]) -> _Tensor:
        needs, flows = self.flows, False
        ends: list[_Tensor] = []
        waiting = (*held, x)
        joining = node.joining
        part = joining.part(node.input)
        for _, chain in node.branches:
            start = x if part is None or part.axis is None else x.part(_count(part.type.shape))
            ends.append(self.run(chain, start, needs=needs, held=waiting))
            flows = flows or self.flows
            waiting = (*waiting, ends[-1])
        self.flows = flows or needs
        if joining.training_only:
            self.flows = needs
            return x
        y = _Tensor(_count(node.output.shape), node.output.dtype == "int64", max(end.width for end in (x, *ends)))
        before = self.kept_bytes
        if self.flows:
            saved = joining.saved(node.input, [chain.output for _, chain in node.branches])
            for tensor in (*((x,) if saved.input else ()), *(ends if saved.branches else ())):
                self._remember(tensor)
            self.kept_bytes += _whole(saved.extra) * y.width * self.batch
        self.events.append(_Event(None, x, y, waiting, self.kept_bytes - before, 0, self.flows))
        return y

    # ---- results

    def layers(self) -> Iterator[LayerCost]:
        """The cost of each layer, in execution order."""
        for event in self.events:
            if event.leaf is not None:
                weights = _FLOAT32 * _whole(event.leaf.params)
                yield LayerCost(event.leaf, weights, self.bytes_of(event.output), event.kept)

    def peak(self) -> int:
        """The most bytes alive at once, besides parameters, buffers, optimizer state and the input of the step.

        In the forward pass: the tensors saved so far, and those of the layer that runs which are not among them. In
        the backward pass: the tensors still saved, the gradients of the layer's input, output and held tensors, and
        the parameter gradients computed so far.
        """
        kept = most = self.casts
        for event in self.events:
            kept += event.kept
            alive = event.alive()
            flowing = sum(self.bytes_of(tensor) for tensor in alive if id(tensor) not in self.kept)
            most = max(most, kept + flowing)
        gradients = 0
        for event in reversed(self.events):
            if event.needs:
                gradients += event.weights
                most = max(most, kept + gradients + sum(self.bytes_of(tensor) for tensor in event.alive()))
            kept -= event.kept
        return most


def _count(shape: Shape) -> int:
    return _whole(product(shape))


def _whole(size: Size) -> int:
    assert isinstance(size, int), "need_numbers has made sure of it"
    return size
