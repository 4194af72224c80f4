"""What training a net takes, known before the first tensor exists: bytes of activations, gradients and optimiser state.

`estimate` walks the net once, as a training step would. It counts a tensor that two layers keep once, frees what
autograd frees, and adds up what is alive at each point; the largest sum is the peak. What a layer keeps is declared
beside its rule (`Layer.saved`) and measured on torch's own layers by the tests.

Not counted: the loss (a few numbers per class and example), workspace that cuDNN chooses by itself, the context of a
GPU, and what an allocator loses to rounding and gaps.
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
    """What one layer takes in a training step, in bytes for the whole batch."""

    leaf: Leaf
    weights: int
    output: int
    """Of its output, whether or not it lies in memory of its own."""
    saved: int
    """Of what is kept for the backward pass on its account, beside what an earlier layer has kept already."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Memory of one training step, in bytes."""

    batch: int
    precision: Precision
    optimizer: str
    device: Device
    layers: tuple[LayerCost, ...]
    """In execution order, heads that run in training alone included."""
    weights: int
    """Parameters, in float32 whatever the precision."""
    casts: int
    """Copies of parameters in 16 bits, which automatic mixed precision keeps for a step."""
    buffers: int
    """Running statistics."""
    gradients: int
    """Of the parameters that are trained."""
    optimizer_state: int
    activations: int
    """All that is kept between the forward and the backward pass."""
    peak: int
    """The most that is alive at any point of a step."""

    @property
    def kept(self) -> int:
        """Parameters and what is kept for the backward pass: what is alive when the forward pass ends, beside buffers
        and optimiser."""
        return self.weights + self.casts + self.activations

    def fits(self, memory: int) -> bool:
        """Whether the peak is at most so many bytes."""
        return self.peak <= memory

    def to_json(self) -> dict[str, Any]:
        """The same as plain dicts, strings and numbers."""
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
        """The totals as an aligned list, the largest layer, and the settings."""
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
    """The memory that training a net takes.

    Args:
        net: the net, without symbols.
        batch: examples per step.
        precision: `fp32` and `tf32` take four bytes for a value; `bf16` and `fp16` mean automatic mixed precision:
            parameters keep four, convolutions and products of matrices work with two.
        optimizer: a name of torch.optim.
        arguments: the optimiser's, of which those matter that decide what it keeps, as `momentum` does.
        device: where: a few kernels keep more on a CPU.

    Raises:
        UsageError: the net has symbolic sizes, the batch is empty, or the optimiser is unknown.
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
    """How many numbers the optimiser keeps."""
    trained = (leaf for leaf in net.layers if not leaf.frozen)
    shapes = (shape for leaf in trained for shape in leaf.layer.parameters(leaf.input).values())
    return sum(optimizer.state([_whole(size) for size in shape]) for shape in shapes)


# ---- the walk


class _Tensor:
    """A tensor's memory: elements of one example, and bytes of one element. Views of all of it share it."""

    __slots__ = ("elements", "whole", "width")

    def __init__(self, elements: int, integers: bool, width: int) -> None:
        self.elements = elements
        self.width = _INT64 if integers else width
        self.whole = self
        """The tensor in whose memory it lies: who keeps a part keeps all of it."""

    def part(self, elements: int) -> _Tensor:
        """A view of so many of its elements."""
        view = _Tensor(elements, False, self.width)
        view.whole = self.whole
        return view


class _Event(NamedTuple):
    """One layer's turn, or the join of several branches."""

    leaf: Leaf | None
    input: _Tensor
    output: _Tensor
    held: tuple[_Tensor, ...]
    """What is alive on account of branches around it: their input, and the results of those that have run."""
    kept: int
    """Bytes that it adds to what is kept."""
    weights: int
    """Bytes of its trained parameters, hence of their gradients."""
    needs: bool
    """Whether a gradient flows through it."""

    def alive(self) -> set[_Tensor]:
        """Whose memory is alive during its turn."""
        return {tensor.whole for tensor in (self.input, self.output, *self.held)}


class _Step:
    """The forward pass of one training step, as it is recorded for the backward pass."""

    def __init__(self, batch: int, low: int, device: Device) -> None:
        self.batch = batch
        self.low = low
        self.device = device
        self.events: list[_Event] = []
        self.kept: dict[int, _Tensor] = {}
        self.kept_bytes = 0
        self.casts = 0

    def bytes_of(self, tensor: _Tensor) -> int:
        return tensor.elements * tensor.width * self.batch

    # Each of these takes the tensor that flows in and returns the one that flows out. `needs` says whether a gradient
    # flows back to the tensor, and is remembered in `self.flows` for the one returned.

    def run(self, node: Node, x: _Tensor, *, needs: bool, held: tuple[_Tensor, ...] = ()) -> _Tensor:
        """One node of the tree."""
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
        """Bytes of one value that the layer computes."""
        if layer.autocast == "low":
            return self.low
        return _FLOAT32 if layer.autocast == "full" or x.width == _INT64 else x.width

    def _keep(self, leaf: Leaf, x: _Tensor, y: _Tensor, width: int) -> int:
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
            self.kept[id(tensor)] = tensor  # holding it keeps its id its own
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

    # ---- what is alive

    def layers(self) -> Iterator[LayerCost]:
        """The layers' shares, in execution order."""
        for event in self.events:
            if event.leaf is not None:
                weights = _FLOAT32 * _whole(event.leaf.params)
                yield LayerCost(event.leaf, weights, self.bytes_of(event.output), event.kept)

    def peak(self) -> int:
        """The most bytes alive at once beside parameters, statistics, optimiser and the step's input.

        Forward: what is kept so far, the input and the output of the layer at work. Backward: what is still kept, the
        gradients of the output, of the input and of what other branches hold, and those of the parameters behind.
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
