"""Estimate the memory of a training step: bytes of parameters, activations, gradients and optimizer state.

`estimate` simulates a training step: it walks the net once forward and once backward, and adds up the tensors that are
alive at each point; the largest sum is the peak. A tensor that several layers save for the backward pass counts once.
What a layer saves is declared beside its rule (`Layer.saved`); the tests measure it on torch's own layers.

Not counted: the loss (a few numbers per class and example), the workspace that cuDNN chooses, the context of a GPU, and
the rounding and fragmentation of the allocator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from netspec.diagnostics import UsageError, did_you_mean
from netspec.dims import Shape, Size, product
from netspec.layers.base import DType, Layer
from netspec.net import As, Combinator, Computed, Leaf, Net, Node, Read, Scope, Sequential, Term, Use, need_numbers
from netspec.recipe.base import Optimizer
from netspec.recipe.tables import OPTIMIZERS
from netspec.recipe.tables import optimizer as load_optimizer
from netspec.views.describe import bytes_text
from netspec.wiring import Wiring, slots_read

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
    step = _Step(net, batch, 2 if precision in ("bf16", "fp16") else 4, device)
    inputs = [_Tensor(_count(value.type.shape), _width_of(value.type.dtype, _FLOAT32)) for value in net.inputs]
    step.begin(net, inputs)
    step.run(net.root, inputs[0], needs=False)
    weights = _FLOAT32 * sum(_whole(leaf.params) for leaf in net.layers)
    gradients = _FLOAT32 * _whole(net.trainable_params)
    buffers = _FLOAT32 * _whole(net.buffers)
    state = _FLOAT32 * _state(chosen, net)
    always = weights + buffers + state + sum(map(step.bytes_of, inputs))
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

    def __init__(self, elements: int, width: int) -> None:
        self.elements = elements
        self.width = width
        self.whole = self
        """The tensor whose storage it shares: saving a view keeps the whole storage alive."""

    def part(self, elements: int) -> _Tensor:
        """A view of so many of its elements."""
        view = _Tensor(elements, self.width)
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


class _Named(NamedTuple):
    """What is kept under a name."""

    tensor: _Tensor
    needs: bool
    """Whether a gradient flows back to it."""


class _Step:
    """One training step: records the events of the forward pass, as autograd does, for the backward pass.

    `low` is the number of bytes of a value in operations that autocast runs in low precision.
    """

    def __init__(self, net: Net, batch: int, low: int, device: Device) -> None:
        self.named: dict[int, _Named] = {}
        """The values that have names and are read again, by slot."""
        self.unread = Wiring(net).read
        """How often each slot is still to be read."""
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

    def begin(self, net: Net, inputs: Sequence[_Tensor]) -> None:
        """Keep the further inputs: the caller of the network holds them for the whole step."""
        for value, tensor in zip(net.inputs[1:], inputs[1:], strict=True):
            if value.slot is not None:
                self.named[value.slot] = _Named(tensor, False)

    def run(self, node: Node, x: _Tensor, *, needs: bool, held: tuple[_Tensor, ...] = ()) -> _Tensor:
        """Run one node; `held` are the tensors that enclosing combinators keep alive."""
        self.flows = needs
        match node:
            case Leaf():
                return self._leaf(node, x, held)
            case Combinator():
                return self._combinator(node, x, held)
            case As():
                named = _Named(x, needs) if node.term is None else self._term(node.term, held)
                if self.unread[node.slot]:
                    self.named[node.slot] = named
                self._forget(node)
                self.flows = needs
                return x
            case Use():
                named = self._term(node.term, held)
                self._forget(node)
                self.flows = named.needs
                return named.tensor
            case Scope() | Sequential():
                for child in node.children:
                    x = self.run(child, x, needs=self.flows, held=held)
                return x

    def _leaf(self, leaf: Leaf, x: _Tensor, held: tuple[_Tensor, ...]) -> _Tensor:
        layer = leaf.layer
        width = self._width(layer, x)
        y = x if layer.shares(leaf.input) else _Tensor(_count(leaf.output.shape), _width_of(leaf.output.dtype, width))
        trained = 0 if leaf.frozen else _FLOAT32 * _whole(leaf.params)
        needs = self.flows or trained > 0
        kept = self._keep(leaf, x, y, width) if needs else 0
        if layer.autocast == "low" and self.low != _FLOAT32:
            self.casts += self.low * _whole(leaf.params)
        self.events.append(_Event(leaf, x, y, self._around(held), kept, trained, needs))
        self.flows = needs
        return y

    def _term(self, term: Term, held: tuple[_Tensor, ...]) -> _Named:
        """A named value, or what arithmetic gives; a plain number takes no memory."""
        if isinstance(term, Read):
            return self.named[term.slot]
        if not isinstance(term, Computed):
            return _Named(_Tensor(0, _FLOAT32), False)
        left = _Named(_Tensor(0, _FLOAT32), False) if term.left is None else self._term(term.left, held)
        right = self._term(term.right, (*held, left.tensor))
        sides = zip((term.left, term.right), (left, right), strict=True)
        floats = (side.tensor.width for part, side in sides if _is_float(part))
        width = max(floats, default=_FLOAT32)  # of whole numbers and of truth values alone too
        y = _Tensor(_count(term.type.shape), _width_of(term.type.dtype, width))
        needs = left.needs or right.needs
        before = self.kept_bytes
        for tensor in _kept_of(term, left, right, y):
            self._remember(tensor)
        largest = max(left.tensor, right.tensor, key=lambda tensor: tensor.elements)
        around = (*held, *(named.tensor for named in self.named.values()), left.tensor, right.tensor)
        self.events.append(_Event(None, largest, y, around, self.kept_bytes - before, 0, needs))
        return _Named(y, needs)

    def _forget(self, node: As | Use) -> None:
        """Let go of what nothing reads any more."""
        for slot in slots_read(node):
            self.unread[slot] -= 1
            if not self.unread[slot]:
                del self.named[slot]

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
            self._remember(x if x.width in (width, _INT64) else _Tensor(x.elements, width))
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
        ends: list[_Named] = []
        waiting = (*held, x)
        joining = node.joining
        part = joining.part(node.input)
        for _, chain in node.branches:
            start = x if part is None or part.axis is None else x.part(_count(part.type.shape))
            end = self.run(chain, start, needs=needs, held=waiting)
            ends.append(_Named(end, self.flows))
            flows = flows or self.flows
            waiting = (*waiting, ends[-1].tensor)
        self.flows = flows or (needs and joining.input_joins)
        if joining.training_only:
            self.flows = needs
            return x
        width = max(tensor.width for tensor in (x, *(end.tensor for end in ends)))
        y = _Tensor(_count(node.output.shape), _width_of(node.output.dtype, width))
        before = self.kept_bytes
        if self.flows:
            saved = joining.saved(node.input, [chain.output for _, chain in node.branches])
            parts = [*([_Named(x, needs)] if saved.input else []), *(ends if saved.branches else [])]
            for i, part in enumerate(parts):  # a factor is kept for the gradients of the others
                if len(parts) == 1 or any(other.needs for other in (*parts[:i], *parts[i + 1 :])):
                    self._remember(part.tensor)
            self.kept_bytes += _whole(saved.extra) * y.width * self.batch
        self.events.append(_Event(None, x, y, self._around(waiting), self.kept_bytes - before, 0, self.flows))
        return y

    def _around(self, held: tuple[_Tensor, ...]) -> tuple[_Tensor, ...]:
        """What is alive beside a layer's input and output: what branches hold, and what has a name."""
        return (*held, *(named.tensor for named in self.named.values())) if self.named else held

    # ---- what is alive

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


def _kept_of(term: Computed, left: _Named, right: _Named, y: _Tensor) -> list[_Tensor]:
    """What autograd keeps of an operation: the operands that a derivative is computed from; not numbers."""
    numbers = [not isinstance(side, (Read, Computed)) for side in (term.left, term.right)]
    kept: list[_Tensor] = []
    match term.op:
        case "*":
            kept = [left.tensor] * (right.needs and not numbers[0]) + [right.tensor] * (left.needs and not numbers[1])
        case "/":
            kept = [left.tensor] * (right.needs and not numbers[0])
            kept += [right.tensor] * ((left.needs or right.needs) and not numbers[1])
        case "**":
            kept = _kept_of_power(left, right, numbers, y)
        case _:
            pass
    return kept


def _is_float(term: Term | None) -> bool:
    """Whether a term is a tensor of floating-point numbers."""
    return isinstance(term, (Read, Computed)) and term.type.dtype == "float32"


def _kept_of_power(left: _Named, right: _Named, numbers: list[bool], y: _Tensor) -> list[_Tensor]:
    if numbers[1]:
        return [left.tensor] * left.needs
    if numbers[0]:
        return [right.tensor, y] * right.needs
    return [left.tensor, right.tensor, y] * (left.needs or right.needs)


def _width_of(dtype: DType, width: int) -> int:
    """Bytes of one element; `width` is that of floating-point numbers."""
    return _INT64 if dtype == "int64" else 1 if dtype == "bool" else width


def _count(shape: Shape) -> int:
    return _whole(product(shape))


def _whole(size: Size) -> int:
    assert isinstance(size, int), "need_numbers has made sure of it"
    return size
