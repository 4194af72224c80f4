"""When torch may accept what netspec refuses: a predicate for every row of the table of deviations, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netspec.kinds import LARGEST_FLOAT
from netspec.layers import layer_class
from tests.layers.generator import Config
from tests.layers.oracle import Verdict
from tests.layers.values import WORDS, fields_of

_MOVES = ("Identity", "Flatten", "Unflatten", "PixelShuffle", "PixelUnshuffle", "ChannelShuffle")
_ANY = range(1, 65)


def ranks_of(name: str) -> tuple[int, ...] | range:
    """The ranks that a layer is made for, batch excluded: N + 1 for a layer over N axes."""
    special: dict[str, tuple[int, ...] | range] = {
        "BatchNorm1d": (1, 2),
        "SyncBatchNorm": _ANY,
        "Unfold": (3,),
        "PixelShuffle": range(3, 65),
        "PixelUnshuffle": range(3, 65),
        "Fold": (2,),
        "RNN": (2,),
        "LSTM": (2,),
        "GRU": (2,),
        "TransformerEncoderLayer": (2,),
        "TransformerEncoder": (2,),
        "EmbeddingBag": (1,),
        "RNNCell": (1,),
        "LSTMCell": (1,),
        "GRUCell": (1,),
        "Upsample": (2, 3, 4),
    }
    if name in special:
        return special[name]
    for axes in (1, 2, 3):
        if name.endswith(f"{axes}d"):
            return (axes + 1,)
    return _ANY


def _other_rank(config: Config, verdict: Verdict) -> bool:
    return len(config.shape) not in ranks_of(config.layer)


def _batch_axis(config: Config, verdict: Verdict) -> bool:
    fields = layer_class(config.layer).model_fields
    dims = [
        config.arguments.get(name, fields[name].default) for name in ("dim", "start_dim", "end_dim") if name in fields
    ]
    return any(dim in (0, -len(config.shape) - 1) for dim in dims)


def _empty(config: Config, verdict: Verdict) -> bool:
    return 0 in verdict.shape


def _below_1(config: Config, verdict: Verdict) -> bool:
    kinds = fields_of(layer_class(config.layer))
    counting = ("Count", "Factors")
    counts = [v for name, v in config.arguments.items() if kinds.get(name, "").startswith(counting)]
    return any(isinstance(v, int | float) and v < 1 for value in counts for v in _items(value))


def _wrong_width(config: Config, verdict: Verdict) -> bool:
    width = layer_class(config.layer).width
    return width is not None and config.arguments.get(width) not in (None, *config.shape[:1])


def _no_dim(config: Config, verdict: Verdict) -> bool:
    return config.layer in ("Softmax", "LogSoftmax", "Softmin") and "dim" not in config.arguments


def _integers(config: Config, verdict: Verdict) -> bool:
    return config.dtype == "int64" and config.layer not in _MOVES and not config.layer.startswith("Embedding")


def _another_length(config: Config, verdict: Verdict) -> bool:
    axes = len(config.shape) - 1
    wanted = 2 * axes if config.layer.endswith(f"Pad{axes}d") else axes
    return any(isinstance(v, tuple) and len(v) != wanted for v in config.arguments.values())


def _negative_padding(config: Config, verdict: Verdict) -> bool:
    mirrors = config.layer.startswith(("ReflectionPad", "ReplicationPad", "CircularPad"))
    mirrors = mirrors or config.arguments.get("padding_mode", "zeros") != "zeros"
    return mirrors and any(isinstance(v, int) and v < 0 for v in _items(config.arguments.get("padding")))


def _negative_eps(config: Config, verdict: Verdict) -> bool:
    inner = config.arguments.get("encoder_layer", config.arguments)
    values = [inner.get(name) for name in ("eps", "layer_norm_eps")]
    return any(isinstance(v, int | float) and v < 0 for v in values)


def _another_kind(config: Config, verdict: Verdict) -> bool:
    kinds = fields_of(layer_class(config.layer))
    numbers = {n: v for n, v in config.arguments.items() if not kinds.get(n, "Literal").startswith(("Literal", *WORDS))}
    whole = ("Count", "Natural", "Integer", "Sizes", "Sides", "Signed", "Padding")
    return any(
        isinstance(v, str) or (isinstance(v, float) and kinds[name].startswith(whole))
        for name, value in numbers.items()
        for v in _items(value)
    )


def _beyond_float32(config: Config, verdict: Verdict) -> bool:
    return any(isinstance(v, float) and abs(v) > LARGEST_FLOAT for v in config.arguments.values())


def _identity(config: Config, verdict: Verdict) -> bool:
    return config.layer == "Identity" and bool(config.arguments)


def _undefined(config: Config, verdict: Verdict) -> bool:
    return config.layer == "Softplus" and config.arguments.get("beta") == 0


def _idle_dropout(config: Config, verdict: Verdict) -> bool:
    arguments = config.arguments
    return (
        config.layer in ("RNN", "LSTM", "GRU") and arguments.get("num_layers", 1) == 1 and arguments.get("dropout") != 0
    )


def _items(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, tuple) else (value,)


EXCUSES: dict[str, Callable[[Config, Verdict], bool]] = {
    "another rank": _other_rank,
    "the batch axis": _batch_axis,
    "nothing left": _empty,
    "a size below 1": _below_1,
    "a stated width that is wrong": _wrong_width,
    "no dim": _no_dim,
    "integers": _integers,
    "lists of another length": _another_length,
    "negative padding": _negative_padding,
    "negative eps": _negative_eps,
    "numbers of another kind": _another_kind,
    "numbers beyond float32": _beyond_float32,
    "arguments of `Identity`": _identity,
    "undefined arguments": _undefined,
    "dropout without a place": _idle_dropout,
}
