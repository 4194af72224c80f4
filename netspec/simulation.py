"""A training step without tensors: one walk of the net forward and one backward, which counts the bytes that are alive.

What a layer saves for the backward pass is declared beside its rule (`Layer.saved`), what a join saves beside the
combinator (`Joining.saved`); the tests measure both on torch's own modules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from netspec.combinators.base import Slices, Taken
from netspec.dims import Shape, Size, product
from netspec.layers.base import DType, Layer, Saved, TensorType
from netspec.net import As, Combinator, Computed, Leaf, Net, Node, Read, Scope, Sequential, Term, Use
from netspec.wiring import Wiring, slots_read

Device = Literal["cpu", "cuda"]

FLOAT32: Final = 4
"""Bytes of a float32."""
_INT64: Final = 8


class StepTensor:
    """A tensor: elements per example and bytes per element. Layers that return a view of it share the object.

    A constant has one example's elements for the whole batch. A view of a parameter or buffer has no memory of its own.
    """

    __slots__ = ("constant", "elements", "owned", "whole", "width")

    def __init__(self, elements: int, width: int, *, constant: bool = False, owned: bool = False) -> None:
        self.elements = elements
        self.width = width
        self.constant = constant
        self.owned = owned
        """Whether it is a view of a parameter or buffer, which are counted elsewhere."""
        self.whole = self
        """The tensor whose storage it shares: saving a view keeps the whole storage alive."""

    def part(self, elements: int) -> StepTensor:
        """A view of so many of its elements."""
        view = StepTensor(elements, self.width, constant=self.constant, owned=self.owned)
        view.whole = self.whole
        return view


class StepEvent(NamedTuple):
    """The forward pass of one layer, or the join of several branches."""

    leaf: Leaf | None
    input: StepTensor
    output: StepTensor
    holds: int
    """How many entries the log had: what enclosing combinators hold (their inputs, and the outputs of branches that
    have run) and what has a name."""
    kept: int
    """Bytes that it adds to those saved for the backward pass."""
    weights: int
    """Bytes of its trainable parameters, and so of their gradients."""
    needs: bool
    """Whether the backward pass reaches it."""


class _Flowing(NamedTuple):
    """What is kept under a name."""

    tensor: StepTensor
    needs: bool
    """Whether a gradient flows back to it."""


class SimulatedStep:
    """One training step: records the events of the forward pass, as autograd does, for the backward pass.

    `low` is the number of bytes of a value in operations that autocast runs in low precision.
    """

    def __init__(self, net: Net, batch: int, low: int, device: Device) -> None:
        self.named: dict[int, _Flowing] = {}
        """The values that have names and are read again, by slot."""
        self.unread = Wiring(net).read
        """How often each slot is still to be read."""
        self.batch = batch
        self.slices = 1
        """How often what runs now runs for one example."""
        self.low = low
        self.device = device
        self.events: list[StepEvent] = []
        self.log: list[tuple[StepTensor, int]] = []
        """Which tensors something begins to hold (1) and lets go of (-1), in order. Each event could list what is held
        then, but there may be as many as there are events."""
        self.kept: dict[int, StepTensor] = {}
        self.kept_bytes = 0
        self.casts = 0
        self.inputs = [
            StepTensor(_count(value.type.shape), _width_of(value.type.dtype, FLOAT32)) for value in net.inputs
        ]
        """The caller of the network holds them for the whole step."""
        for value, tensor in zip(net.inputs[1:], self.inputs[1:], strict=True):
            if value.slot is not None:
                self._name(value.slot, _Flowing(tensor, False))
        self.run(net.root, self.inputs[0], needs=False)

    def size_of(self, tensor: StepTensor) -> int:
        """Bytes of the values of a tensor, for the whole batch."""
        return tensor.elements * tensor.width * (1 if tensor.constant else self.batch)

    def bytes_of(self, tensor: StepTensor) -> int:
        """Bytes that a tensor takes beside parameters and buffers, for the whole batch."""
        return 0 if tensor.owned else self.size_of(tensor)

    # Each of these takes a node's input and returns its output. `needs` is autograd's `requires_grad` of the input;
    # `self.flows` is set to that of the output.

    def run(self, node: Node, x: StepTensor, *, needs: bool) -> StepTensor:
        """Run one node."""
        self.flows = needs
        match node:
            case Leaf():
                return self._leaf(node, x)
            case Combinator():
                return self._combinator(node, x)
            case As():
                named = _Flowing(x, needs) if node.term is None else self._term(node.term)
                if self.unread[node.slot]:
                    self._name(node.slot, named)
                self._forget(node)
                self.flows = needs
                return x
            case Use():
                named = self._term(node.term)
                self._forget(node)
                self.flows = named.needs
                return named.tensor
            case Scope() | Sequential():
                for child in node.children:
                    x = self.run(child, x, needs=self.flows)
                return x

    def _leaf(self, leaf: Leaf, x: StepTensor) -> StepTensor:
        layer = leaf.layer
        width = self._width(layer, x)
        constant = leaf.output.constant
        if layer.source:
            x = y = StepTensor(
                _count(leaf.output.shape),
                _width_of(leaf.output.dtype, FLOAT32),
                constant=True,
                owned=not layer.computed,
            )
            self.flows = False
        elif layer.shares(leaf.input):
            y = x
        else:
            y = StepTensor(self._elements(leaf.output), _width_of(leaf.output.dtype, width), constant=constant)
        trained = 0 if leaf.frozen else FLOAT32 * whole(leaf.params)
        read = any(self.named[slot].needs for slot in slots_read(leaf))
        needs = self.flows or read or (not leaf.frozen and bool(layer.parameters(leaf.input)))
        kept = self._keep(leaf, x, y, width) if needs else 0
        if layer.autocast == "low" and self.low != FLOAT32:
            self.casts += self.low * whole(leaf.params)
        self.events.append(StepEvent(leaf, x, y, len(self.log), kept, trained, needs))
        for result in leaf.results:
            elements = self._elements(result.type)
            shared = layer.shares(leaf.input)
            wide = _width_of(result.type.dtype, width)
            other = x.part(elements) if shared else StepTensor(elements, wide, constant=constant)
            if self.unread[result.slot]:
                self._name(result.slot, _Flowing(other, needs and result.type.dtype == "float32"))
        self._forget(leaf)
        self.flows = needs
        return y

    def _term(self, term: Term) -> _Flowing:
        """A named value, or what arithmetic gives; a plain number takes no memory."""
        if isinstance(term, Read):
            return self.named[term.slot]
        if not isinstance(term, Computed):
            return _Flowing(StepTensor(0, FLOAT32), False)
        left = _Flowing(StepTensor(0, FLOAT32), False) if term.left is None else self._term(term.left)
        self._hold(left.tensor)
        right = self._term(term.right)
        self._hold(right.tensor)
        sides = zip((term.left, term.right), (left, right), strict=True)
        floats = (side.tensor.width for part, side in sides if _is_float(part))
        width = max(floats, default=FLOAT32)  # of whole numbers and of truth values alone too
        y = StepTensor(self._elements(term.type), _width_of(term.type.dtype, width), constant=term.type.constant)
        needs = left.needs or right.needs
        before = self.kept_bytes
        for tensor in _kept_of(term, left, right, y):
            self._remember(tensor)
        largest = max(left.tensor, right.tensor, key=lambda tensor: tensor.elements)
        self.events.append(StepEvent(None, largest, y, len(self.log), self.kept_bytes - before, 0, needs))
        self._release([left.tensor, right.tensor])
        return _Flowing(y, needs)

    def _name(self, slot: int, value: _Flowing) -> None:
        self.named[slot] = value
        self._hold(value.tensor)

    def _hold(self, tensor: StepTensor) -> None:
        self.log.append((tensor.whole, 1))

    def _release(self, tensors: Iterable[StepTensor]) -> None:
        self.log += ((tensor.whole, -1) for tensor in tensors)

    def _forget(self, node: Leaf | As | Use) -> None:
        """Let go of what nothing reads any more."""
        for slot in slots_read(node):
            self.unread[slot] -= 1
            if not self.unread[slot]:
                self._release([self.named.pop(slot).tensor])

    def _width(self, layer: Layer, x: StepTensor) -> int:
        """Bytes per value of the layer's output, by the rules of autocast."""
        if layer.autocast == "low":
            return self.low
        return FLOAT32 if layer.autocast == "full" or x.width == _INT64 else x.width

    def _keep(self, leaf: Leaf, x: StepTensor, y: StepTensor, width: int) -> int:
        """Save what the layer's backward pass needs. Returns the bytes that this adds."""
        saved = self._saved(leaf)
        gpu = self.device == "cuda"
        before = self.kept_bytes
        if saved.input:
            fits = x.width in (width, _INT64)
            self._remember(x if fits else StepTensor(x.elements, width, constant=x.constant))
        if saved.output:
            self._remember(y)
        for name in saved.others:
            for read in leaf.inputs[name]:
                self._remember(self.named[read.slot].tensor)
        each = whole(saved.extra) * width + whole(saved.indices) * _INT64
        each += whole(saved.mask) * (1 if gpu else width) + (0 if gpu else whole(saved.cpu) * width)
        times = 1 if leaf.output.constant else self.batch * self.slices
        self.kept_bytes += each * times + (whole(saved.statistics) + self._weight(leaf)) * FLOAT32
        return self.kept_bytes - before

    def _saved(self, leaf: Leaf) -> Saved:
        """What the layer's backward pass needs."""
        if not leaf.inputs:
            return leaf.layer.saved(leaf.input)
        learned = {name for name, reads in leaf.inputs.items() if any(self.named[read.slot].needs for read in reads)}
        return leaf.layer.saved_of_all(leaf.input, leaf.input_types, learned)

    def _remember(self, tensor: StepTensor) -> None:
        tensor = tensor.whole
        if id(tensor) not in self.kept:
            self.kept[id(tensor)] = tensor  # the reference keeps the id from being reused
            self.kept_bytes += self.bytes_of(tensor)

    def _elements(self, type_: TensorType) -> int:
        """Elements of a tensor for one example."""
        return _count(type_.shape) * (1 if type_.constant else self.slices)

    def _each(self, node: Combinator, x: StepTensor, slices: Slices, *, needs: bool) -> StepTensor:
        """A body on every slice of an axis. What it gives is a view of what the last of its layers gives."""
        start = StepTensor(x.elements, x.width) if slices.copied else x
        self._hold(x)
        outer = self.slices
        self.slices *= whole(slices.per_example)
        y = self.run(node.branches[0][1], start, needs=needs)
        self.slices = outer
        self._release([x])
        return y

    def _branches(self, node: Combinator, x: StepTensor, *, needs: bool) -> list[_Flowing]:
        """What the branches make of the input, or of their parts of it."""
        ends: list[_Flowing] = []
        part = node.joining.part(node.input)
        for _, chain in node.branches:
            start = x if part is None or part.axis is None else x.part(self._elements(part.type))
            ends.append(self._end(chain, start, needs=needs))
        return ends

    def _chosen(self, node: Combinator, x: StepTensor, slices: Slices, *, needs: bool) -> list[_Flowing]:
        """What the first branch makes of the input, and the others of the slices that it has them take."""
        (_, decides), *others = node.branches
        ends = [self._end(decides, x, needs=needs)]
        assert slices.chosen is not None
        picked = StepTensor(x.elements * slices.chosen, x.width)
        count = whole(slices.per_example)
        kept = count * slices.chosen * self.slices * self.batch * _INT64 if needs else 0
        self.kept_bytes += kept
        self.events.append(StepEvent(None, x, picked, len(self.log), kept, 0, needs))
        outer = self.slices
        for number, (_, chain) in enumerate(others):
            runs = number < slices.chosen
            self.slices = outer * count if runs else 0
            ends.append(self._end(chain, picked.part(x.elements if runs else 0), needs=needs))
        self.slices = outer
        return ends

    def _end(self, chain: Sequential, start: StepTensor, *, needs: bool) -> _Flowing:
        """What a branch gives, which is held until it is joined."""
        end = self.run(chain, start, needs=needs)
        self._hold(end)
        return _Flowing(end, self.flows)

    @staticmethod
    def _weight(leaf: Leaf) -> int:
        """Elements that are kept of a weight which is computed of other parameters."""
        if leaf.parametrization is None:
            return 0
        shape = leaf.layer.parameters(leaf.input)["weight"]
        return whole(product(shape) if leaf.frozen else leaf.parametrization.kept(leaf.layer, shape))

    def _combinator(self, node: Combinator, x: StepTensor) -> StepTensor:
        needs = self.flows
        joining = node.joining
        slices = joining.sliced(node.input)
        if slices is not None and slices.chosen is None:
            return self._each(node, x, slices, needs=needs)
        self._hold(x)
        ends = self._branches(node, x, needs=needs) if slices is None else self._chosen(node, x, slices, needs=needs)
        flows = any(end.needs for end in ends)
        self.flows = flows or (needs and joining.input_joins)
        if joining.training_only:
            self.flows = needs
            self._release([x, *(end.tensor for end in ends)])
            return x
        width = max(tensor.width for tensor in (x, *(end.tensor for end in ends)))
        constant = node.output.constant
        y = StepTensor(self._elements(node.output), _width_of(node.output.dtype, width), constant=constant)
        before = self.kept_bytes
        if self.flows:
            taken = [Taken(key, chain.output, end.needs) for (key, chain), end in zip(node.branches, ends, strict=True)]
            saved = joining.kept(node.input, taken, self.device == "cpu")
            parts = [*([_Flowing(x, needs)] if saved.input else []), *(ends if saved.branches else [])]
            needing = sum(part.needs for part in parts)
            for part in parts:  # a factor is kept for the gradients of the others
                if len(parts) == 1 or needing > part.needs:
                    self._remember(part.tensor)
            for tensor in (*(ends[i].tensor for i in saved.some), *([y] if saved.output else [])):
                self._remember(tensor)
            times = 1 if constant else self.batch * self.slices
            self.kept_bytes += (whole(saved.extra) * y.width + whole(saved.indices) * _INT64) * times
            self.kept_bytes += whole(saved.statistics) * FLOAT32
        self.events.append(StepEvent(None, x, y, len(self.log), self.kept_bytes - before, 0, self.flows))
        self._release([x, *(end.tensor for end in ends)])
        return y

    # ---- what is alive

    def peak(self) -> int:
        """The most bytes alive at once, besides parameters, buffers, optimizer state and the input of the step.

        In the forward pass: the tensors saved so far, and those of the layer that runs which are not among them. In
        the backward pass: the tensors still saved, the gradients of the layer's input, output and held tensors, and
        the parameter gradients computed so far.
        """
        kept = most = self.casts
        alive = self._alive()
        for event, (_, flowing) in zip(self.events, alive, strict=True):
            kept += event.kept
            most = max(most, kept + flowing)
        gradients = 0
        for event, (whole, _) in zip(reversed(self.events), reversed(alive), strict=True):
            if event.needs:
                gradients += event.weights
                most = max(most, kept + gradients + whole)
            kept -= event.kept
        return most

    def _alive(self) -> list[tuple[int, int]]:
        """For each event the bytes of the tensors that are alive while it runs, and of those of them that are not kept
        for the backward pass."""
        holders: Counter[StepTensor] = Counter()
        held = held_flowing = read = 0
        sizes: list[tuple[int, int]] = []
        for event in self.events:
            for tensor, change in self.log[read : event.holds]:
                before = holders[tensor] > 0
                holders[tensor] += change
                turned = (holders[tensor] > 0) - before
                held += turned * self.bytes_of(tensor)
                held_flowing += turned * self._flowing_bytes(tensor)
            read = event.holds
            own = [tensor for tensor in {event.input.whole, event.output.whole} if not holders[tensor]]
            whole = held + sum(map(self.bytes_of, own))
            sizes.append((whole, held_flowing + sum(map(self._flowing_bytes, own))))
        return sizes

    def _flowing_bytes(self, tensor: StepTensor) -> int:
        return 0 if id(tensor) in self.kept else self.bytes_of(tensor)


def _kept_of(term: Computed, left: _Flowing, right: _Flowing, y: StepTensor) -> list[StepTensor]:
    """What autograd keeps of an operation: the operands that a derivative is computed from; not numbers."""
    numbers = [not isinstance(side, (Read, Computed)) for side in (term.left, term.right)]
    kept: list[StepTensor] = []
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


def _kept_of_power(left: _Flowing, right: _Flowing, numbers: list[bool], y: StepTensor) -> list[StepTensor]:
    if numbers[1]:
        return [left.tensor] * left.needs
    if numbers[0]:
        return [right.tensor, y] * right.needs
    return [left.tensor, right.tensor, y] * (left.needs or right.needs)


def _width_of(dtype: DType, width: int) -> int:
    """Bytes of one element; `width` is that of floating-point numbers."""
    return _INT64 if dtype == "int64" else 1 if dtype == "bool" else width


def _count(shape: Shape) -> int:
    return whole(product(shape))


def whole(size: Size) -> int:
    """A size of a net without symbols."""
    assert isinstance(size, int), "need_numbers has made sure of it"
    return size
