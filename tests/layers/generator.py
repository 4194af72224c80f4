"""Random configurations of every layer: arguments drawn from the types of its fields, and an input to go with them.

A configuration is drawn legal or nearly so, and some are then spoiled in one of several ways. What is legal is not
decided here: torch decides it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from torch import nn

from netspec.layers import MODULE_OF, layer_class
from netspec.layers.base import Layer
from tests.layers.values import draw_arguments, draw_value, fields_of, wrong_value

GIVEN_MORE = (
    "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d", "MultiheadAttention", "TransformerDecoderLayer", "TransformerDecoder",
    "Transformer",
)  # fmt: skip
"""Those that cannot run on what flows alone, and do not stand in a chain: `test_unpooling.py` and
`test_given_more.py` compare them."""

LAYERS = [
    name
    for name in MODULE_OF
    if hasattr(nn, name) and issubclass(getattr(nn, name), nn.Module) and name not in GIVEN_MORE
]
"""The layers that are torch.nn's, and take one tensor."""


class Config(NamedTuple):
    """One use of one layer."""

    layer: str
    arguments: dict[str, Any]
    shape: tuple[int, ...]
    dtype: str = "float32"


# ---- inputs


def draw_shape(name: str, rng: Random) -> tuple[int, ...]:
    """An input of a rank that the layer takes, and small sizes."""
    rank = _rank(name, rng)
    channels = rng.choice([1, 2, 3, 4, 4, 6, 8])
    sizes = [channels, *(rng.randint(1, 9 if rank < 4 else 6) for _ in range(rank - 1))][:rank]
    if rng.random() < 0.15:
        sizes = [rng.choice([size, 1]) for size in sizes]
    return tuple(sizes)


def _rank(name: str, rng: Random) -> int:
    if name in ("BatchNorm1d",):
        return rng.choice([1, 2])
    for axes in (1, 2, 3):
        if name.endswith(f"{axes}d"):
            return axes + 1
    if name in ("Fold", "RNN", "LSTM", "GRU", "TransformerEncoderLayer", "TransformerEncoder"):
        return 2
    if name in ("Unfold",):
        return 3
    if name in ("PixelShuffle", "PixelUnshuffle"):
        return rng.choice([3, 3, 3, 4])
    if name in ("EmbeddingBag", "RNNCell", "LSTMCell", "GRUCell"):
        return 1
    if name == "Upsample":
        return rng.choice([2, 3, 4])
    return rng.choice([1, 2, 3, 3, 4])


def _fit(config: Config, rng: Random) -> Config:
    """Make the arguments and the input go together where chance alone hardly would."""
    hook = _HOOKS.get(config.layer)
    if hook is not None:
        config = hook(config, rng)
    cls = layer_class(config.layer)
    if cls.width in config.arguments and config.shape and rng.random() < 0.85:
        config.arguments[cls.width] = config.shape[cls.width_axis]
    if rng.random() < 0.3:
        config = _at_threshold(config, rng)
    groups = config.arguments.get("groups")
    if isinstance(groups, int) and config.layer.startswith("Conv") and rng.random() < 0.8:
        groups = config.arguments["groups"] = rng.choice([1, 2, 2, 3])
        config.arguments["out_channels"] = groups * rng.randint(1, 2)
        config = config._replace(shape=(groups * rng.randint(1, 2), *config.shape[1:]))
        if "in_channels" in config.arguments:
            config.arguments["in_channels"] = config.shape[0]
    return config


def _at_threshold(config: Config, rng: Random) -> Config:
    """Sizes at which the window just fits, by one too few, or by one more."""
    axes = len(config.shape) - 1
    arguments = config.arguments
    kernel, padding = arguments.get("kernel_size"), arguments.get("padding", 0)
    if kernel is None or isinstance(padding, str) or config.layer in ("Fold", "EmbeddingBag"):
        return config
    settings = (kernel, padding, arguments.get("dilation", 1))
    windows = zip(*(value if isinstance(value, tuple) else (value,) * axes for value in settings), strict=False)
    sizes = [max(d * (k - 1) + 1 - 2 * p + rng.choice([-1, 0, 0, 0, 1]), 1) for k, p, d in windows]
    return config._replace(shape=(config.shape[0], *sizes)) if len(sizes) == axes else config


def _mirrored(config: Config, rng: Random) -> Config:
    """Amounts of padding around the largest that an axis can supply."""
    shape = config.shape
    if rng.random() < 0.8:
        sides = [max(n - rng.choice([0, 1, 1, 2, 2]), 0) for n in reversed(shape[1:]) for _ in range(2)]
        config.arguments["padding"] = tuple(sides) if rng.random() < 0.6 else min(sides)
    return config


def _fractional(config: Config, rng: Random) -> Config:
    config = _one_of("output_size", "output_ratio")(config, rng)
    if rng.random() < 0.7:
        config.arguments["kernel_size"] = rng.randint(1, 3)
        if config.arguments.get("output_size") is not None:
            config.arguments["output_size"] = rng.randint(1, 3)
        config = config._replace(shape=(config.shape[0], *(rng.randint(4, 7) for _ in config.shape[1:])))
    return config


def _pool(config: Config, rng: Random) -> Config:
    arguments = config.arguments
    kernel, padding = arguments.get("kernel_size"), arguments.get("padding")
    if padding is not None and rng.random() < 0.8:
        smallest = min(kernel) if isinstance(kernel, tuple) else kernel
        arguments["padding"] = rng.randint(0, smallest // 2)
    return config


def _same_stride(config: Config, rng: Random) -> Config:
    if config.arguments.get("padding") == "same" and rng.random() < 0.7:
        config.arguments.pop("stride", None)
    return config


def _one_of(first: str, second: str) -> Callable[[Config, Random], Config]:
    def hook(config: Config, rng: Random) -> Config:
        arguments = config.arguments
        if rng.random() < 0.85:
            given = [name for name in (first, second) if arguments.get(name) is not None]
            if len(given) == 2:
                del arguments[rng.choice(given)]
            elif not given:
                name = rng.choice([first, second])
                kind = fields_of(layer_class(config.layer))[name].split(" | ")[0]
                arguments[name] = draw_value(kind, rng)
        return config

    return hook


def _upsample(config: Config, rng: Random) -> Config:
    config = _one_of("size", "scale_factor")(config, rng)
    arguments = config.arguments
    axes = len(config.shape) - 1
    for name in ("size", "scale_factor"):
        value = arguments.get(name)
        if isinstance(value, tuple) and rng.random() < 0.85:
            arguments[name] = (value * 3)[:axes]
    if "mode" in arguments and rng.random() < 0.8:
        special = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}[axes]
        arguments["mode"] = rng.choice([*special, *special, "area", "nearest-exact"])
    if arguments.get("mode", "nearest") in ("nearest", "area", "nearest-exact") and rng.random() < 0.7:
        arguments.pop("align_corners", None)
    if arguments.get("size") is not None and rng.random() < 0.7:
        arguments.pop("recompute_scale_factor", None)
    return config


def _transposed(config: Config, rng: Random) -> Config:
    arguments = config.arguments
    if rng.random() < 0.6:
        stride = arguments.get("stride", 1)
        smallest = min(stride) if isinstance(stride, tuple) else stride
        if "output_padding" in arguments:
            arguments["output_padding"] = rng.randint(0, max(smallest - 1, 0))
    return config


def _unflatten(config: Config, rng: Random) -> Config:
    if rng.random() < 0.8:
        rank = len(config.shape)
        axis = rng.randrange(rank)
        size = config.shape[axis]
        first = rng.choice([d for d in range(1, size + 1) if size % d == 0])
        parts = rng.choice(
            [(first, size // first), (-1, first), (first, -1), (size,), (-1,), (1, first, size // first)]
        )
        config.arguments.update(dim=rng.choice([axis + 1, axis - rank]), unflattened_size=parts)
    return config


def _dims(*names: str) -> Callable[[Config, Random], Config]:
    def hook(config: Config, rng: Random) -> Config:
        rank = len(config.shape)
        for name in names:
            if name in config.arguments and rng.random() < 0.6:
                config.arguments[name] = rng.randint(-rank, rank)
        return config

    return hook


def _glu(config: Config, rng: Random) -> Config:
    config = _dims("dim")(config, rng)
    return config._replace(shape=tuple(rng.choice([2, 4, 6, n]) for n in config.shape))


def _divides(name: str, axis: int = 0) -> Callable[[Config, Random], Config]:
    def hook(config: Config, rng: Random) -> Config:
        if rng.random() < 0.75:
            size = config.shape[axis]
            config.arguments[name] = rng.choice([d for d in range(1, size + 1) if size % d == 0])
        return config

    return hook


def _pixel(config: Config, rng: Random) -> Config:
    name, r = next(iter(config.arguments.items()))
    shape = list(config.shape)
    if isinstance(r, int) and r <= 3 and rng.random() < 0.75:
        if name == "upscale_factor":
            shape[-3] = r * r * rng.randint(1, 2)
        else:
            shape[-1], shape[-2] = r * rng.randint(1, 3), r * rng.randint(1, 3)
    return config._replace(shape=tuple(shape))


def _prelu(config: Config, rng: Random) -> Config:
    if "num_parameters" in config.arguments and rng.random() < 0.7:
        config.arguments["num_parameters"] = config.shape[0]
    return config


def _suffix(config: Config, rng: Random) -> Config:
    if "normalized_shape" in config.arguments and rng.random() < 0.8:
        count = rng.randint(1, len(config.shape))
        suffix = config.shape[-count:]
        config.arguments["normalized_shape"] = suffix if rng.random() < 0.6 or count > 1 else suffix[0]
    return config


def _fold(config: Config, rng: Random) -> Config:
    arguments = config.arguments
    if rng.random() < 0.75:
        arguments["output_size"] = rng.randint(3, 6)
        pairs = {name: _pair(arguments.get(name, default)) for name, default in
                 (("kernel_size", 1), ("dilation", 1), ("padding", 0), ("stride", 1))}  # fmt: skip
        columns = 1
        for k, d, p, s in zip(*pairs.values(), strict=True):
            columns *= max((arguments["output_size"] + 2 * p - d * (k - 1) - 1) // s + 1, 1)
        area = pairs["kernel_size"][0] * pairs["kernel_size"][1]
        config = config._replace(shape=(area * rng.randint(1, 2), columns))
    return config


def _pair(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def _embedding(config: Config, rng: Random) -> Config:
    rows = config.arguments["num_embeddings"]
    if "padding_idx" in config.arguments and rng.random() < 0.6:
        config.arguments["padding_idx"] = rng.randint(-rows, rows - 1)
    if config.arguments.get("mode") == "max" and rng.random() < 0.6:
        config.arguments.pop("sparse", None)
        config.arguments.pop("scale_grad_by_freq", None)
    return config._replace(dtype="int64")


def _heads(config: Config, rng: Random) -> Config:
    inner = config.arguments.get("encoder_layer", config.arguments)
    if rng.random() < 0.75:
        heads = inner["nhead"] = rng.randint(1, 3)
        config = config._replace(shape=(config.shape[0], heads * rng.randint(1, 3)))
    inner["dim_feedforward"] = rng.randint(1, 6) if rng.random() < 0.9 else inner.get("dim_feedforward", 4)
    return config


def _recurrent(config: Config, rng: Random) -> Config:
    arguments = config.arguments
    if arguments.get("num_layers", 1) == 1 and rng.random() < 0.7:
        arguments.pop("dropout", None)
    if "proj_size" in arguments and rng.random() < 0.7:
        arguments["proj_size"] = rng.randint(0, max(arguments["hidden_size"] - 1, 0))
    return config


def _ordered(low: str, high: str) -> Callable[[Config, Random], Config]:
    def hook(config: Config, rng: Random) -> Config:
        arguments = config.arguments
        if low in arguments and high in arguments and arguments[low] > arguments[high] and rng.random() < 0.6:
            arguments[low], arguments[high] = arguments[high], arguments[low]
        return config

    return hook


_HOOKS: dict[str, Callable[[Config, Random], Config]] = {
    "Upsample": _upsample,
    "UpsamplingNearest2d": _one_of("size", "scale_factor"),
    "UpsamplingBilinear2d": _one_of("size", "scale_factor"),
    "FractionalMaxPool2d": _fractional,
    "FractionalMaxPool3d": _fractional,
    "Unflatten": _unflatten,
    "Flatten": _dims("start_dim", "end_dim"),
    "Softmax": _dims("dim"),
    "LogSoftmax": _dims("dim"),
    "Softmin": _dims("dim"),
    "GLU": _glu,
    "GroupNorm": _divides("num_groups"),
    "ChannelShuffle": _divides("groups"),
    "PixelShuffle": _pixel,
    "PixelUnshuffle": _pixel,
    "PReLU": _prelu,
    "LayerNorm": _suffix,
    "RMSNorm": _suffix,
    "Fold": _fold,
    "Embedding": _embedding,
    "EmbeddingBag": _embedding,
    "TransformerEncoderLayer": _heads,
    "TransformerEncoder": _heads,
    "RNN": _recurrent,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RReLU": _ordered("lower", "upper"),
    "Hardtanh": _ordered("min_val", "max_val"),
    **{f"{kind}Pool{n}d": _pool for kind in ("Max", "Avg") for n in (1, 2, 3)},
    **{f"{kind}Pad{n}d": _mirrored for kind in ("Reflection", "Circular") for n in (1, 2, 3)},
    **{f"Conv{n}d": _same_stride for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _transposed for n in (1, 2, 3)},
}


# ---- configurations


def draw(name: str, rng: Random, spoil: bool) -> Config:
    """One configuration of a layer. With `spoil` something about it is changed that torch probably refuses."""
    cls = layer_class(name)
    config = _fit(Config(name, draw_arguments(cls, rng), draw_shape(name, rng)), rng)
    return _spoiled(config, cls, rng) if spoil else config


def _spoiled(config: Config, cls: type[Layer], rng: Random) -> Config:
    fields = fields_of(cls)
    ways = ["value", "value", "value", "rank", "dtype", "unknown", "sizes", "missing"]
    match rng.choice(ways if fields else ["unknown", "dtype", "unknown"]):
        case "value":
            name = rng.choice(list(fields))
            if fields[name] not in ("bool", "bool | None", "TransformerEncoderLayer", "BatchFirst | None"):
                config.arguments[name] = wrong_value(fields[name], rng)
            else:
                config.arguments["nonsense"] = 1
        case "rank":
            shape = (*config.shape, rng.randint(1, 4)) if rng.random() < 0.6 else config.shape[:-1]
            config = config._replace(shape=shape)
        case "dtype":
            config = config._replace(dtype="int64" if config.dtype == "float32" else "float32")
        case "sizes":
            config = config._replace(shape=tuple(rng.randint(1, 2) for _ in config.shape))
        case "missing":
            required = [name for name in config.arguments if cls.model_fields[name].is_required()]
            if required:
                del config.arguments[rng.choice(required)]
            else:
                config.arguments["nonsense"] = 1
        case _:
            config.arguments["nonsense"] = 1
    return config
