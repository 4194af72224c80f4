"""Recurrent layers. torch's classes return a pair, the outputs of every step and the last states; in a chain a layer
has one output, which the argument `returns` selects. The states are further results, `as: [y, h, c]`, and what `hx` is
given; like every value they have the batch first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from netspec.arguments import Count, Natural, Probability, invalid
from netspec.dims import Shape, Size, need, same
from netspec.layers.base import Example, Layer, Saved, TensorType, TorchCall, shape_text
from netspec.layers.fields import BatchFirst


class HandsOnStates(Layer):
    """Base of what goes from step to step, a whole sequence or one step of it. `gates` is the number of vectors of
    `hidden_size` that one step computes."""

    gates: ClassVar[int]
    kept: ClassVar[int]
    """The number of vectors of `hidden_size` that autograd saves for each step, as measured on a CPU."""
    states: ClassVar[tuple[str, ...]] = ("h",)
    """The states that it hands from step to step, as messages name them; of one step the first is its output."""
    tensors = ("hx",)
    family = "recurrent"
    autocast = "low"
    scalar = "hidden_size"
    width = "input_size"
    width_axis = -1
    sets_axis = -1


class _Sizes(HandsOnStates):
    """The first arguments of every recurrent layer, a base class to keep the order of torch's signatures."""

    input_size: Count | None = None
    hidden_size: Count
    num_layers: Count = 1


class _Nonlinear(_Sizes):
    """The fourth argument in the signature of `RNN`, which the other layers lack."""

    nonlinearity: Literal["tanh", "relu"] = "tanh"


class Recurrent(_Sizes):
    """Base of the recurrent layers."""

    several_if_asked = True

    bias: bool = True
    batch_first: BatchFirst | None = None
    dropout: Probability = 0.0
    bidirectional: bool = False
    returns: Literal["sequence", "last"] = "sequence"

    @model_validator(mode="after")
    def _dropout_has_a_place(self) -> Recurrent:
        if self.dropout and self.num_layers == 1:
            raise invalid(
                f"`dropout: {self.dropout}` falls between the layers of a stack, and `num_layers` is 1; "
                "write a `Dropout` behind it"
            )
        return self

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, 2, "(length, features)")
        self.check_width(x)
        features = self._features() * self._directions()
        return TensorType((features,) if self.returns == "last" else (x.shape[0], features))

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        given = others.get("hx")
        wanted = tuple(TensorType(shape) for shape in self._states())
        if given is not None:
            names = " and ".join(f"`{name}`" for name in self.states)
            need(
                len(given) == len(wanted),
                lambda: f"`hx` of `{type(self).__name__}` takes {len(wanted)}, {names}, not {len(given)}",
                code="value-kind", at="hx", help=f"for example `hx: [{', '.join(self.states)}]`",
            )  # fmt: skip
            for name, state, want in zip(self.states, given, wanted, strict=True):
                pairs = zip(state.shape, want.shape, strict=False)
                fits = (state.dtype == want.dtype, len(state.shape) == len(want.shape), *(same(a, b) for a, b in pairs))
                for condition in fits:
                    need(
                        condition,
                        lambda name=name, state=state, want=want: (
                            f"`{name}` of `hx` is {shape_text(want.shape)} here, layers and directions by features, "
                            f"but what it is given is {shape_text(state.shape)}"
                            + (f" of {state.dtype}" if state.dtype != want.dtype else "")
                        ),
                        at="hx", help=self._fitting(state, want),
                    )  # fmt: skip
        return (self.output(x), *wanted)

    def _fitting(self, state: TensorType, want: TensorType) -> str:
        if state.shape == want.shape[1:] and want.shape[0] == 1:
            return "give it the axis of the layers: `Rearrange: n f -> n 1 f`"
        if len(state.shape) == 2 and state.shape[0] != want.shape[0]:
            return "let both layers have one `num_layers` and `bidirectional`, or cut the state with `Slice`"
        return "let both layers have one `hidden_size`, or put a `Linear` between"

    def _states(self) -> tuple[tuple[int, int], ...]:
        """The shape of each state: layers and directions by features."""
        return ((self.num_layers * self._directions(), self._features()),)

    def call_of_all(self, x: TensorType) -> TorchCall:
        return TorchCall(f"Stateful{type(self).__name__}", self.arguments(x), "netspec.torch.recurrent")

    def inferred(self, x: TensorType) -> dict[str, Any]:
        return {"input_size": x.shape[-1], "batch_first": True}

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall(f"Chain{type(self).__name__}", self.arguments(x), "netspec.torch.recurrent")

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        found: dict[str, Shape] = {}
        for layer in range(self.num_layers):
            for suffix in ("", "_reverse")[: self._directions()]:
                found |= self._one_layer(f"l{layer}{suffix}", self._inputs(x, layer))
        return found

    def macs(self, x: TensorType) -> Size:
        step: Size = 0
        for layer in range(self.num_layers):
            rows = self._inputs(x, layer) + self._features()
            step = step + (rows * self.gates * self.hidden_size + self._projection()) * self._directions()
        return step * x.shape[0]

    def saved(self, x: TensorType) -> Saved:
        step: Size = 0
        for layer in range(self.num_layers):
            step = step + self._inputs(x, layer) + self._kept() * self.hidden_size * self._directions()
        return Saved(extra=step * x.shape[0])

    def _kept(self) -> int:
        return self.kept

    def derivation(self, x: TensorType, axis: int) -> str | None:
        last = axis in (-1, 1) or self.returns == "last"
        return f"2 directions · {self._features()}" if self.bidirectional and last else None

    def _one_layer(self, name: str, inputs: Size) -> dict[str, Shape]:
        rows = self.gates * self.hidden_size
        found: dict[str, Shape] = {f"weight_ih_{name}": (rows, inputs), f"weight_hh_{name}": (rows, self._features())}
        if self.bias:
            found |= {f"bias_ih_{name}": (rows,), f"bias_hh_{name}": (rows,)}
        if self._projection():
            found[f"weight_hr_{name}"] = (self._features(), self.hidden_size)
        return found

    def _inputs(self, x: TensorType, layer: int) -> Size:
        """The input features of a layer of the stack."""
        return x.shape[-1] if layer == 0 else self._features() * self._directions()

    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _features(self) -> int:
        """The features of the output of one direction."""
        return self.hidden_size

    def _projection(self) -> int:
        """The multiply-accumulates of the projection in one step; 0 without a projection."""
        return 0


class RNN(Recurrent, _Nonlinear):
    """(L, input_size) → (L, D·hidden_size), or (D·hidden_size) with `returns: last`; D is 2 if bidirectional, else 1.
    h′ = tanh(W x + b + U h + c) at every step.

    `RNN: 64` on 100 × 32 gives 100 × 64. Torch returns a pair: with `returns: sequence` the chain gets the outputs
    of all steps, with `returns: last` the state at the end. `as: [y, h]` names the state of every layer and direction,
    num_layers·D × hidden_size, too, and `hx: h` begins with one. `input_size` follows from the input. The batch is
    always the first axis, of states as well, so `batch_first` is true.

    Parameters: for each layer and direction hidden_size · (inputs + hidden_size + 2).
    MACs: for each step, layer and direction hidden_size · (inputs + hidden_size).
    """

    gates = 1
    kept = 1
    omitted: ClassVar[dict[str, str]] = {"proj_size": "only `LSTM` has projections"}
    examples = (
        Example({"hidden_size": 64}, (100, 32), (100, 64)),
        Example(
            {"hidden_size": 4, "num_layers": 2, "nonlinearity": "relu", "bidirectional": True, "returns": "last"},
            (5, 3),
            (8,),
        ),
    )


class LSTM(Recurrent):
    """(L, input_size) → (L, D·H), or (D·H) with `returns: last`; H is proj_size if that is not 0, else hidden_size,
    and D is 2 if bidirectional, else 1.

    `LSTM: 64` on 100 × 32 gives 100 × 64. Torch returns a pair: with `returns: sequence` the chain gets the outputs
    of all steps, with `returns: last` the hidden state at the end. `as: [y, h, c]` names the states of every layer and
    direction, num_layers·D × H and num_layers·D × hidden_size, too, and `hx: [h, c]` begins with some. `input_size`
    follows from the input. The batch is always the first axis, of states as well, so `batch_first` is true.

    Parameters: for each layer and direction 4 · hidden_size · (inputs + H + 2), and H · hidden_size with a
    projection.
    MACs: for each step, layer and direction 4 · hidden_size · (inputs + H), and H · hidden_size with a projection.
    """

    gates = 4
    kept = 16
    states = ("h", "c")
    examples = (
        Example({"hidden_size": 64}, (100, 32), (100, 64)),
        Example({"hidden_size": 4, "proj_size": 3, "bidirectional": True, "returns": "last"}, (5, 2), (6,)),
    )

    proj_size: Natural = 0

    @model_validator(mode="after")
    def _projection_is_smaller(self) -> LSTM:
        if self.proj_size >= self.hidden_size:
            raise invalid(f"`proj_size: {self.proj_size}` must be less than `hidden_size: {self.hidden_size}`")
        return self

    def _features(self) -> int:
        return self.proj_size or self.hidden_size

    def _states(self) -> tuple[tuple[int, int], ...]:
        count = self.num_layers * self._directions()
        return (count, self._features()), (count, self.hidden_size)

    def _projection(self) -> int:
        return self.proj_size * self.hidden_size

    def _kept(self) -> int:
        return 8 if self.proj_size else self.kept  # without projection one kernel runs all steps, which saves more


class GRU(Recurrent):
    """(L, input_size) → (L, D·hidden_size), or (D·hidden_size) with `returns: last`; D is 2 if bidirectional, else 1.

    `GRU: 64` on 100 × 32 gives 100 × 64. Torch returns a pair: with `returns: sequence` the chain gets the outputs
    of all steps, with `returns: last` the state at the end. `as: [y, h]` names the state of every layer and direction,
    num_layers·D × hidden_size, too, and `hx: h` begins with one. `input_size` follows from the input. The batch is
    always the first axis, of states as well, so `batch_first` is true.

    Parameters: for each layer and direction 3 · hidden_size · (inputs + hidden_size + 2).
    MACs: for each step, layer and direction 3 · hidden_size · (inputs + hidden_size).
    """

    gates = 3
    kept = 7
    omitted: ClassVar[dict[str, str]] = {"proj_size": "only `LSTM` has projections"}
    examples = (
        Example({"hidden_size": 64}, (100, 32), (100, 64)),
        Example({"hidden_size": 4, "num_layers": 2, "dropout": 0.1, "bias": False, "returns": "last"}, (5, 3), (4,)),
    )
