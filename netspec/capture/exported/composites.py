"""Layers of torch's that compute in many steps: recurrent ones and attention, as one layer again.

What the program says of the modules that its steps stand in is a proposal: the layer is made of the parameters below
that path, and what comes of the whole program is compared with its own steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Final, cast

from torch import nn

from netspec.capture.exported.functional import operator_of
from netspec.capture.exported.layers import MadeLayer
from netspec.capture.exported.program import ExportedGraph, ProgramNode, ValueName


def composite_made(
    graph: ExportedGraph,
    path: str,
    kind: str,
    nodes: Sequence[ProgramNode],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> MadeLayer | None:
    """The layer that steps in one module are; None where they are none.

    Args:
        graph: the program.
        path: of the module.
        kind: its class, as the program says it.
        nodes: the steps.
        inputs: the values that they read from outside, in that order.
        outputs: those that are read outside.
    """
    read = _READERS.get(kind)
    sizes = {
        held.key.removeprefix(f"{path}."): graph.tensors[name].sizes
        for name, held in graph.held.items()
        if held.key.startswith(f"{path}.") and name in graph.tensors
    }
    tensors = [name for name in inputs if name in graph.tensors]  # sizes are those of the tensors
    return None if read is None else read(graph, path, nodes, tensors, outputs, sizes)


Sizes = dict[str, tuple[int, ...]]


def _batch_first(graph: ExportedGraph, nodes: Sequence[ProgramNode], name: str) -> bool:
    """Whether steps begin with turning the first two axes of what they are given."""
    for node in nodes:
        if node.reads[:1] == [name]:
            dims = node.args.get("dims")
            swapped = {node.args.get("dim0"), node.args.get("dim1")} == {0, 1}
            return dims == [1, 0, 2] or (operator_of(node.target) == "transpose" and swapped)
    return False


def _attention(
    graph: ExportedGraph, path: str, nodes: Sequence[ProgramNode], inputs: Sequence[str], outputs: Sequence[str],
    sizes: Sizes,
) -> MadeLayer | None:  # fmt: skip
    weight, out = sizes.get("in_proj_weight"), sizes.get("out_proj.weight")
    if weight is None or out is None or len(outputs) != 1 or len(inputs) not in (1, 2, 3):
        return None
    width = weight[-1]
    shapes = [_sizes(graph, name) for name in inputs]
    if any(len(shape) != 3 or shape[-1] != width for shape in shapes) or "bias_k" in sizes:
        return None
    if any(node.args.get("is_causal") is True or node.args.get("attn_mask") is not None for node in nodes):
        return None
    head = min(
        (
            made[-1]
            for node in nodes
            if operator_of(node.target) in ("view", "reshape", "unflatten")
            for made in [_sizes(graph, node.outputs[0])]
            if len(made) in (3, 4) and prod(made) == prod(shapes[0]) and made[-1] and width % made[-1] == 0
        ),
        default=0,
    )
    if not head:
        return None
    dropout = next(
        (float(node.args[name]) for node in nodes for name in ("dropout_p", "p") if node.args.get(name)), 0.0
    )
    layer = nn.MultiheadAttention(
        width, width // head, dropout=dropout, bias="in_proj_bias" in sizes, device="meta",
        batch_first=_batch_first(graph, nodes, inputs[0]),
    )  # fmt: skip
    given = [*inputs, *[inputs[-1]] * (3 - len(inputs))]
    return MadeLayer(path, layer, tuple(map(ValueName, given)), (outputs[0], None))


def _sizes(graph: ExportedGraph, name: str | None) -> tuple[int, ...]:
    """The sizes of a value; none of what is no tensor."""
    return () if name is None or name not in graph.tensors else graph.tensors[name].sizes


def _recurrent(kind: Callable[..., nn.Module], gates: int) -> Callable[..., MadeLayer | None]:
    def read(
        graph: ExportedGraph, path: str, nodes: Sequence[ProgramNode], inputs: Sequence[str], outputs: Sequence[str],
        sizes: Sizes,
    ) -> MadeLayer | None:  # fmt: skip
        weight, hidden = sizes.get("weight_ih_l0"), sizes.get("weight_hh_l0")
        if weight is None or hidden is None or "weight_hr_l0" in sizes or weight[0] != gates * hidden[-1]:
            return None
        whole = next((node for node in nodes if operator_of(node.target) in _WHOLE), None)
        given = _given(nodes, whole, inputs)
        if given is None:
            return None
        first = whole.args.get("batch_first") if whole is not None else _batch_first(graph, nodes, inputs[0])
        two_ways = "weight_ih_l0_reverse" in sizes
        layers = sum(name.startswith("weight_ih_") and not name.endswith("reverse") for name in sizes)
        dropout = 0.0 if whole is None else float(whole.args.get("dropout", 0.0))
        more = {} if whole is None or "relu" not in whole.target else {"nonlinearity": "relu"}
        layer = kind(
            weight[1], hidden[1], layers, bias="bias_ih_l0" in sizes, batch_first=bool(first), dropout=dropout,
            bidirectional=two_ways, device="meta", **more,
        )  # fmt: skip
        results = whole.outputs if whole is not None else _results(graph, outputs, hidden[1] * (1 + two_ways))
        if results is None:
            return None
        states = results[1] if kind is not nn.LSTM else tuple(results[1:])
        return MadeLayer(path, layer, given, (results[0], states))

    return read


_WHOLE: Final = frozenset(("lstm", "gru", "rnn_tanh", "rnn_relu"))


def _given(nodes: Sequence[ProgramNode], whole: ProgramNode | None, inputs: Sequence[str]) -> tuple[Any, ...] | None:
    """What a recurrent layer is given: the sequence, and the states where they are not zeros."""
    if len(inputs) == 1:
        return (ValueName(inputs[0]),)
    if whole is None:
        return None
    state: Any = whole.args.get("hx")
    states = cast("list[Any]", state) if isinstance(state, list) else [state]
    names = {each.name for each in states if isinstance(each, ValueName)}
    given = tuple(states) if isinstance(state, list) else state
    return (whole.args["input"], given) if names <= set(inputs) else None


def _results(graph: ExportedGraph, outputs: Sequence[str], width: int) -> list[str | None] | None:
    """Which of the values that are read outside are the sequence and the states, by their sizes."""
    found: list[str | None] = [None, None, None]
    states = 1
    for name in outputs:
        sizes = graph.tensors[name].sizes
        if len(sizes) == 3 and sizes[-1] == width and found[0] is None:
            found[0] = name
        elif states < len(found):
            found[states] = name
            states += 1
        else:
            return None
    return found


_READERS: Final[dict[str, Callable[..., MadeLayer | None]]] = {
    "torch.nn.modules.activation.MultiheadAttention": _attention,
    "torch.nn.modules.rnn.LSTM": _recurrent(nn.LSTM, 4),
    "torch.nn.modules.rnn.GRU": _recurrent(nn.GRU, 3),
    "torch.nn.modules.rnn.RNN": _recurrent(nn.RNN, 1),
}
