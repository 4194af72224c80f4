"""One step of a recurrent layer. A loop over steps with `shared` beside the cell has one module for all of them; its
states are results and are given as `hx`, with the batch first, as torch has them here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from netspec.arguments import Count
from netspec.dims import Shape, Size, need, same
from netspec.layers.base import Example, Saved, TensorType, TorchCall, shape_text
from netspec.layers.recurrent import HandsOnStates


class RecurrentCell(HandsOnStates):
    """Base of the cells."""

    several = True

    input_size: Count | None = None
    hidden_size: Count
    bias: bool = True

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, 1, "(features)")
        self.check_width(x)
        return TensorType((self.hidden_size,))

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        given = others.get("hx", ())
        need(
            len(given) in (0, len(self.states)),
            lambda: (
                f"`hx` of `{type(self).__name__}` takes {len(self.states)}, "
                f"{' and '.join(f'`{name}`' for name in self.states)}, not {len(given)}"
            ),
            code="value-kind", at="hx", help=f"for example `hx: {_as_given(self.states)}`",
        )  # fmt: skip
        for name, state in zip(self.states, given, strict=False):
            for fits in (
                len(state.shape) == 1,
                state.dtype == "float32",
                *(same(n, self.hidden_size) for n in state.shape),
            ):
                need(
                    fits,
                    lambda name=name, state=state: (
                        f"`{name}` of `hx` is {self.hidden_size} here, the `hidden_size`, but what it is given is "
                        f"{shape_text(state.shape)} of {state.dtype}"
                    ),
                    at="hx", help=f"a `Linear: {self.hidden_size}` makes such a state of a vector",
                )  # fmt: skip
        return tuple(self.output(x) for _ in self.states)

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        rows = self.gates * self.hidden_size
        found: dict[str, Shape] = {"weight_ih": (rows, x.shape[-1]), "weight_hh": (rows, self.hidden_size)}
        return found | ({"bias_ih": (rows,), "bias_hh": (rows,)} if self.bias else {})

    def macs(self, x: TensorType) -> Size:
        return self.gates * self.hidden_size * (x.shape[-1] + self.hidden_size)

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, extra=self.kept * self.hidden_size)


def _as_given(states: tuple[str, ...]) -> str:
    return states[0] if len(states) == 1 else f"[{', '.join(states)}]"


class RNNCell(RecurrentCell):
    """(input_size) → (hidden_size): h′ = tanh(W x + b + U h + c), one step of an `RNN`.

    `RNNCell: {hidden_size: 64, hx: h}` on 32 gives 64, the state of the next step; without `hx` the state is 0.
    `input_size` follows from the input.

    Parameters: hidden_size · (input_size + hidden_size + 2).
    MACs: hidden_size · (input_size + hidden_size).
    """

    gates = 1
    kept = 2
    examples = (
        Example({"hidden_size": 64}, (32,), (64,)),
        Example({"hidden_size": 4, "nonlinearity": "relu", "bias": False}, (3,), (4,), others={"hx": (4,)}),
    )

    nonlinearity: Literal["tanh", "relu"] = "tanh"


class LSTMCell(RecurrentCell):
    """(input_size) → (hidden_size), and the state c, (hidden_size): one step of an `LSTM`.

    `LSTMCell: {hidden_size: 64, hx: [h, c]}` on 32 gives 64, with `as: [h, c]` the states of the next step; without
    `hx` they are 0. `input_size` follows from the input.

    Parameters: 4 · hidden_size · (input_size + hidden_size + 2).
    MACs: 4 · hidden_size · (input_size + hidden_size).
    """

    gates = 4
    kept = 6
    states = ("h", "c")
    examples = (
        Example({"hidden_size": 64}, (32,), (64,)),
        Example({"hidden_size": 4, "bias": False}, (3,), (4,)),
    )

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("StatefulLSTMCell", self.arguments(x), "netspec.torch.recurrent")


class GRUCell(RecurrentCell):
    """(input_size) → (hidden_size): one step of a `GRU`.

    `GRUCell: {hidden_size: 64, hx: h}` on 32 gives 64, the state of the next step; without `hx` the state is 0.
    `input_size` follows from the input.

    Parameters: 3 · hidden_size · (input_size + hidden_size + 2).
    MACs: 3 · hidden_size · (input_size + hidden_size).
    """

    gates = 3
    kept = 7
    examples = (
        Example({"hidden_size": 64}, (32,), (64,)),
        Example({"hidden_size": 4, "bias": False}, (3,), (4,), others={"hx": (4,)}),
    )
