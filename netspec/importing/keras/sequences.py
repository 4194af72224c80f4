"""Keras's layers over sequences: recurrent ones, those around a layer, and attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from netspec.importing.keras.changes import FilledTensor, Source, StoredTensor, flat, gates, merged, projection
from netspec.importing.keras.given import KerasLayer
from netspec.importing.keras.graph import Ref
from netspec.importing.keras.step import KerasStep
from netspec.importing.keras.values import KerasValue
from netspec.layers.base import TensorType

_GATES: Final[Mapping[str, tuple[str, tuple[int, ...]]]] = {
    "LSTM": ("LSTM", (0, 1, 2, 3)),  # both have input, forget, cell and output
    "GRU": ("GRU", (1, 0, 2)),  # Keras has update, reset and new, torch reset, update and new
    "SimpleRNN": ("RNN", (0,)),
}
"""torch's name, and where each of its gates stands in Keras."""


def recurrent(step: KerasStep) -> KerasValue:
    """`LSTM`, `GRU`, `SimpleRNN`."""
    step.given.must("go_backwards", False, why="begins at the end, which no layer here does in one direction")
    return _run(step, step.given, [("", step.given, "cell")], {})


def _run(
    step: KerasStep, given: KerasLayer, ways: list[tuple[str, KerasLayer, str]], more: Mapping[str, Any]
) -> KerasValue:
    """A recurrent layer of one direction or two, each with the end of its names, its configuration and its group."""
    x = step.to_last(step.x)
    if x.rank != 2:
        step.refuse(f"is given {x.rank} axes beside the batch, not a sequence")
    units, size = given.count("units"), step.length(x)
    head, order = _GATES[given.kind]
    arguments: dict[str, Any] = {"hidden_size": units, **more}
    weights: dict[str, Source] = {}
    for suffix, one, group in ways:
        arguments |= _inside(one, head)
        weights |= _tensors(one, suffix, group, size, order)
    if f"bias_ih_l0{ways[0][0]}" not in weights:
        arguments["bias"] = False
    if not given.flag("return_sequences", False):
        arguments["returns"] = "last"
    return step.put(head, arguments, x, first=False, parts=(), weights=weights)


def _inside(given: KerasLayer, head: str) -> dict[str, Any]:
    """What a recurrent layer has inside, where torch's has the same.

    Raises:
        NotImportable: it has something else.
    """
    for key in ("dropout", "recurrent_dropout"):
        given.must(key, 0, why="drops values inside the layer; a `Dropout` in front of it drops others at each step")
    given.must("return_state", False, why="gives states on, which is not read here")
    given.must("stateful", False, why="keeps its states from one batch to the next, which no layer here does")
    given.must("recurrent_activation", "sigmoid", why="is none that torch's layer has inside, which is `sigmoid`")
    if head == "GRU":
        given.must("reset_after", True, why="multiplies by the reset gate in front of the matrix, torch behind it")
    word = given.word("activation", "tanh", "relu") if head == "RNN" else given.word("activation", "tanh")
    return {} if word == "tanh" else {"nonlinearity": word}


def _tensors(given: KerasLayer, suffix: str, group: str, size: int, order: tuple[int, ...]) -> dict[str, Source]:
    """The tensors of one direction. torch adds two biases, and Keras, but for a GRU, one."""
    units, rows = given.count("units"), given.count("units") * len(order)
    at = f"l0{suffix}"
    found: dict[str, Source] = {
        f"weight_ih_{at}": StoredTensor(f"{group}/vars/0", (size, rows), gates(order)),
        f"weight_hh_{at}": StoredTensor(f"{group}/vars/1", (units, rows), gates(order)),
    }
    if not given.flag("use_bias", True):
        return found
    two = given.kind == "GRU"
    shape = (2, rows) if two else (rows,)
    found[f"bias_ih_{at}"] = StoredTensor(f"{group}/vars/2", shape, gates(order, row=0))
    found[f"bias_hh_{at}"] = (
        StoredTensor(f"{group}/vars/2", shape, gates(order, row=1)) if two else FilledTensor(0.0, (rows,))
    )  # fmt: skip
    return found


def bidirectional(step: KerasStep) -> KerasValue:
    """`Bidirectional`: both directions of a recurrent layer, side by side."""
    given = step.given
    given.must("merge_mode", "concat", why="joins both directions in another way than side by side")
    forward, backward = given.inner("layer"), given.inner("backward_layer")
    for one, turned in ((forward, False), (backward, True)):
        if one.kind not in _GATES or one.kind != forward.kind:
            given.refuse("layer", "are no two recurrent layers that are known here", shown=one.kind)
        one.must("go_backwards", turned, why="is the other way round than in a `Bidirectional` with one layer")
    if backward.count("units") != forward.count("units"):
        backward.refuse("units", "is another number than that of the other direction")
    if backward.flag("return_sequences", False) is not forward.flag("return_sequences", False):
        backward.refuse("return_sequences", "is not as that of the other direction")
    if backward.flag("use_bias", True) is not forward.flag("use_bias", True):
        backward.refuse("use_bias", "is not as that of the other direction")
    if backward.get("activation") != forward.get("activation"):
        backward.refuse("activation", "is not as that of the other direction")
    ways = [("", forward, "forward_layer/cell"), ("_reverse", backward, "backward_layer/cell")]
    made = _run(step, forward, ways, {"bidirectional": True})
    forward.finish()
    backward.finish()
    return made


def attention(step: KerasStep) -> KerasValue:
    """`MultiHeadAttention`: projections of queries, keys and values, and one behind."""
    given, kwargs = step.given, step.call.kwargs
    given.must("attention_axes", None, [1], why="attends along other axes than that of a sequence")
    given.must("output_shape", None, why="gives another width than it is given, which is not read here")
    given.must("use_gate", False, why="multiplies what it gives by a gate, which is not read here")
    given.must("sliding_window", None, why="lets each position see some around it, which is not read here")
    given.must("flash_attention", None, False, True, why="is neither true nor false")
    for key, value in kwargs.items():
        if value is not None and key not in ("use_causal_mask", "training", "query", "value", "key"):
            step.refuse(f"is called with `{key}`, which is not read here")
    named = [kwargs.get(name) for name in ("query", "value", "key")]
    if any(isinstance(one, Ref) for one in named) or not 2 <= len(step.inputs) <= 3:
        step.refuse("is called in another way than with a query and a value, and perhaps a key")
    query, value, *others = [step.to_last(one) for one in step.inputs]
    key = others[0] if others else value
    heads, size = given.count("num_heads"), given.count("key_dim")
    wide = given.count("value_dim", size) if given.get("value_dim") is not None else size
    widths = heads * size, heads * size, heads * wide
    biased = given.flag("use_bias", True)
    given.number("dropout", 0.0)
    step.body.stand(query)
    parts, weights = list[str](), dict[str, Source]()
    roles = ("query", "key", "value")
    for role, x, width in zip(roles, (query, key, value), widths, strict=True):
        if x.rank != 2:
            step.refuse(f"is given {x.rank} axes beside the batch, not a sequence")
        begin = "" if x is query else f"{{use: {step.body.name(x)}}}, "
        bias = "" if biased else ", bias: false"
        call = f"{{Linear: {{out_features: {width}{bias}}}, name: {role}}}"
        parts.append(f"[{begin}{call}]")
        at = f"branches.{roles.index(role)}.{role}"
        per_head = width // heads
        shape = (step.length(x), heads, per_head)
        weights[f"{at}.weight"] = StoredTensor(f"{role}_dense/vars/0", shape, projection)
        if biased:
            weights[f"{at}.bias"] = StoredTensor(f"{role}_dense/vars/1", (heads, per_head), flat)
    options: dict[str, str] = {"heads": str(heads)}
    if kwargs.get("use_causal_mask") is True:
        options["is_causal"] = "true"
    if given.number("dropout", 0.0):
        options["dropout"] = f"{given.number('dropout'):.12g}"
    named_so = step.module()
    step.keep(named_so.get("name") or named_so["shared"], weights)
    made = KerasValue(TensorType((query.shape[0], heads * wide)))
    x = step.body.put(f"attend: [{', '.join(parts)}]", made, {**options, **named_so})
    out = step.length(query)
    behind: dict[str, Source] = {"weight": StoredTensor("output_dense/vars/0", (heads, wide, out), merged)}
    if biased:
        behind["bias"] = StoredTensor("output_dense/vars/1", (out,))
    said = {"out_features": out} if biased else {"out_features": out, "bias": False}
    return step.put("Linear", said, x, weights=behind, suffix="_output")


LAYERS: Final[dict[str, Callable[[KerasStep], KerasValue]]] = {
    "Bidirectional": bidirectional,
    "GRU": recurrent,
    "LSTM": recurrent,
    "MultiHeadAttention": attention,
    "SimpleRNN": recurrent,
}
