"""Which modules are layers of a spec, and with which arguments."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, cast

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from netspec.capture.modules.offered import layer_class, of_plugin
from netspec.capture.modules.parametrized import parametrized
from netspec.capture.modules.transformer_arguments import one_layer, stack, whole
from netspec.capture.modules.units import known_unit
from netspec.capture.numbers.tables import told
from netspec.capture.running.own import original
from netspec.dims import Unmet
from netspec.emit.yaml import written_arguments
from netspec.layers import MODULE_OF
from netspec.layers.base import NAMESPACES, Layer, TensorType

_OTHERWISE: Final = frozenset(
    {"__getstate__", "__init__", "__repr__", "extra_repr", "reset_parameters", "_reset_parameters", "__new__"}
)
"""Methods of a layer that decide nothing of what it computes."""


def is_layer(module: nn.Module) -> bool:
    """Whether a module is one of a layer's class, or of a subclass that computes the same, and nothing is done around
    it."""
    return not _is_disturbed(module) and layer_of(module) is not None


def layer_of(module: nn.Module) -> Layer | None:
    """The layer that a module is; None if there is none."""
    word = of_plugin(type(module))
    if word is not None:
        return made(word, _known_fields(layer_class(word), module))
    base = _base(type(module))
    if base is None:
        return _drops_examples(module) or unit_of(module)
    name = _SPECIAL.get(base.__name__, base.__name__)
    read = _READERS.get(base.__name__)
    found = _fields(layer_class(name), module) if read is None else read(module)
    if found is None or _is_half_affine(module):
        return None
    return made(name, found)


def _is_half_affine(module: nn.Module) -> bool:
    """Whether a norm that has weights and biases, or neither, was left one of them: no argument says so."""
    own: dict[str, Any] = vars(module)["_parameters"]
    return hasattr(module, "affine") and len({own.get(name) is None for name in ("weight", "bias")}) > 1


def made(name: str, arguments: dict[str, Any]) -> Layer | None:
    """A layer with these arguments, as it is written most shortly; None if they are none of its."""
    kind = layer_class(name)
    given = {key: _short(value) for key, value in arguments.items() if key != kind.width}
    stride = kind.model_fields.get("stride")
    if stride is not None and stride.default is None and given.get("stride") == given.get("kernel_size"):
        given.pop("stride", None)
    try:
        return kind.model_validate(given)
    except ValidationError:
        try:
            return kind.model_validate({key: value for key, value in arguments.items() if key != kind.width})
        except ValidationError:
            return None


def written(layer: Layer) -> dict[str, Any]:
    """The arguments of a layer that differ from their defaults, long lists of numbers by the rule that they follow."""
    found = {name: _by_rule(value) for name, value in written_arguments(layer).items()}
    found.pop("inplace", None)
    found.pop("batch_first", None)  # the batch is always first
    return found


_LONG: Final = 16
"""Numbers that nobody types one by one."""


def _by_rule(value: Any) -> Any:
    """What is written of an argument."""
    if not isinstance(value, tuple):
        return value
    numbers = list(cast("tuple[Any, ...]", value))
    is_long = len(numbers) >= _LONG or any(isinstance(number, tuple) for number in numbers)
    return (told(torch.tensor(numbers)) if is_long else None) or tuple(numbers)


def _short(value: Any) -> Any:
    """A list of equal numbers as one number, as a person writes it."""
    if isinstance(value, list):
        value = tuple(cast("list[Any]", value))
    if isinstance(value, tuple):
        numbers = cast("tuple[Any, ...]", value)
        if numbers and all(type(number) is type(numbers[0]) and number == numbers[0] for number in numbers):
            return numbers[0]
    return cast("Any", value)


def _is_disturbed(module: nn.Module) -> bool:
    """Whether something is done around the module, or its weight is computed in a way that no spec says."""
    inside = vars(module)
    around = bool(inside["_forward_hooks"] or inside["_forward_pre_hooks"]) or hasattr(module, "parametrizations")
    return "forward" in inside or (around and parametrized(module) is None)


def is_own(module: nn.Module) -> bool:
    """Whether a module's layer is of netspec's, which has the batch first in all tensors."""
    base = _base(type(module))
    return base is not None and base.__module__.startswith("netspec.")


@cache
def _base(kind: type[nn.Module]) -> type[nn.Module] | None:
    """The class of a layer that a class is, or that it is derived from without other computations."""
    for own in kind.__mro__:
        base = original(own)
        if base.__name__ in MODULE_OF and base.__module__.startswith("torch.nn.modules"):
            break
        if base.__name__ in _SPECIAL and base.__module__ in NAMESPACES:
            break
        known = base.__module__ in NAMESPACES or base.__module__.startswith("torchvision.ops.")
        if known and base.__name__ in MODULE_OF:
            break
    else:
        return None
    helpers = (name for name, _ in inspect.getmembers(base, inspect.isfunction) if name not in _OTHERWISE)
    return base if all(getattr(kind, name) is getattr(own, name) for name in helpers) else None


def _fields(kind: type[Layer], module: nn.Module) -> dict[str, Any] | None:
    """The arguments of a layer, which its module has as attributes of the same names; None where it lacks one."""
    found = _known_fields(kind, module)
    return found if found.keys() == kind.model_fields.keys() else None


def _known_fields(kind: type[Layer], module: nn.Module) -> dict[str, Any]:
    """Those arguments of a layer that its module has as attributes of the same names, or where the layer says."""
    found = {name: getattr(module, name) for name in kind.model_fields if hasattr(module, name)}
    found |= {name: at(module, path) for name, path in kind.kept_as}
    if "bias" in found and not isinstance(found["bias"], bool):
        found["bias"] = found["bias"] is not None
    return found


def at(module: nn.Module, path: str) -> Any:
    """What a module has under a path; None where it has nothing there."""
    found: Any = module
    for part in path.split("."):
        try:
            found = found[int(part)] if part.isdecimal() and not isinstance(found, nn.Module) else getattr(found, part)
        except (AttributeError, IndexError, TypeError):
            return None
    return found


# ---- modules that keep their arguments in another way


def _recurrent(module: Any) -> dict[str, Any] | None:
    kind = layer_class("RNN" if module.mode.startswith("RNN") else module.mode)
    names = [name for name in kind.model_fields if name not in ("nonlinearity", "batch_first")]
    found = {name: getattr(module, name) for name in names if hasattr(module, name)}
    if module.mode in ("RNN_TANH", "RNN_RELU"):
        found["nonlinearity"] = module.mode[4:].lower()
    return found


def _window_attention(version: int) -> Any:
    def read(module: Any) -> dict[str, Any]:
        return {
            "num_heads": module.num_heads,
            "window_size": list(module.window_size),
            "shift_size": list(module.shift_size),
            "qkv_bias": module.qkv.bias is not None,
            "proj_bias": module.proj.bias is not None,
            "attention_dropout": float(module.attention_dropout),
            "dropout": float(module.dropout),
            "version": version,
        }

    return read


def _grid_attention(module: Any) -> dict[str, Any]:
    return {"head_dim": module.head_dim}


def _attention(module: Any) -> dict[str, Any] | None:
    if module.bias_k is not None or module.add_zero_attn or not module._qkv_same_embed_dim:
        return None
    bias = module.in_proj_bias is not None
    if bias != (module.out_proj.bias is not None):
        return None
    return {"num_heads": module.num_heads, "dropout": float(module.dropout), "bias": bias}


def _grouped(module: Any) -> dict[str, Any]:
    """netspec's own attention, whose keys and values may be shared by queries."""
    width, heads = module.in_proj_weight.shape[1], module.num_heads
    first, last = module.in_proj_bias is not None, module.out_proj.bias is not None
    found: dict[str, Any] = {
        "num_heads": heads,
        "dropout": float(module.dropout),
        "kv_heads": None if module.kv_heads == heads else module.kv_heads,
        "head_dim": None if module.head_dim * heads == width else module.head_dim,
        **{name: getattr(module, name) for name in ("is_causal", "window", "scale", "rotary")},
    }
    return found | ({"bias": first} if first == last else {"out_bias" if first else "qkv_bias": False})


def _layer_scale(module: Any) -> dict[str, Any]:
    return {"init_value": module.init_value, "dim": -module.weight.ndim}


def _noisy(module: Any) -> dict[str, Any]:
    bias = module.bias_mu is not None
    return {"out_features": module.weight_mu.shape[0], "bias": bias, "std_init": module.std_init}


def _rearranged(module: Any) -> dict[str, Any]:
    return {"pattern": module.pattern, "sizes": dict(module.sizes) or None}


def of_rank(layer: Layer, rank: int) -> Layer:
    """The layer with the default of `dim`, where its own is the same axis of a tensor of so many, counted from
    behind."""
    field = type(layer).model_fields.get("dim")
    dim: Any = getattr(layer, "dim", None)
    if field is None or not isinstance(dim, int) or not isinstance(field.default, int) or dim >= 0 <= field.default:
        return layer
    return layer.model_copy(update={"dim": field.default}) if dim + rank == field.default else layer


def _chosen(module: Any) -> dict[str, Any]:
    return {"dim": module.dim, "index": _tupled(module.index.tolist())}


def _tupled(tree: Any) -> Any:
    """Lists in lists as tuples, as fields have them."""
    return tuple(map(_tupled, cast("list[Any]", tree))) if isinstance(tree, list) else tree


def _unpooled(module: Any) -> dict[str, Any]:
    names = ("kernel_size", "stride", "padding")
    return {name: getattr(module, name) for name in names} | {"output_size": getattr(module, "output_size", None)}


def _nothing(module: Any) -> dict[str, Any]:
    """No arguments: all follow from the input."""
    return {}


def _scaled(module: Any) -> dict[str, Any] | None:
    found = _fields(layer_class("Upsample"), module)
    if found is not None and found.get("recompute_scale_factor"):
        return None
    if found is not None:  # torch keeps floats
        found["scale_factor"] = _whole(found["scale_factor"])
    return found


def _whole(value: Any) -> Any:
    """A number that is whole as an integer, and so each of several."""
    if isinstance(value, (tuple, list)):
        return tuple(_whole(each) for each in cast("Sequence[Any]", value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


_SPECIAL: Final = {
    **{f"{way}{name}": name for way in ("Chain", "Stateful") for name in ("RNN", "LSTM", "GRU")},
    **{f"SizedMaxUnpool{axes}d": f"MaxUnpool{axes}d" for axes in (1, 2, 3)},
    "StatefulLSTMCell": "LSTMCell",
    "ShiftedWindowAttention": "WindowAttention",
    "ShiftedWindowAttentionV2": "WindowAttention",
    "RelativePositionalMultiHeadAttention": "GridAttention",
    "MultiheadAttention": "SelfAttention",
    "GroupedQueryAttention": "SelfAttention",
}
_READERS: Final[dict[str, Any]] = {
    **{f"{way}{name}": _recurrent for way in ("", "Chain", "Stateful") for name in ("RNN", "LSTM", "GRU")},
    "ShiftedWindowAttention": _window_attention(1),
    "ShiftedWindowAttentionV2": _window_attention(2),
    "RelativePositionalMultiHeadAttention": _grid_attention,
    "MultiheadAttention": _attention,
    "SelfAttention": _attention,
    "GroupedQueryAttention": _grouped,
    "LayerScale": _layer_scale,
    "NoisyLinear": _noisy,
    **{f"{way}MaxUnpool{axes}d": _unpooled for way in ("", "Sized") for axes in (1, 2, 3)},
    "Rearrange": _rearranged,
    "IndexSelect": _chosen,
    "Upsample": _scaled,
    "ClassToken": _nothing,
    "PositionEmbedding": _nothing,
    "TransformerEncoderLayer": one_layer,
    "TransformerEncoder": stack("encoder_layer"),
    "TransformerDecoderLayer": one_layer,
    "TransformerDecoder": stack("decoder_layer"),
    "Transformer": whole,
}


def _drops_examples(module: nn.Module) -> Layer | None:
    """`StochasticDepth`, if a module without parameters is that under another name."""
    share = dropped_share(module)
    return None if share is None else made("StochasticDepth", {"p": share})


_MANY: Final = 4096
"""Examples of which the share that is dropped is seen, to five standard deviations."""


def dropped_share(module: nn.Module) -> float | None:
    """The share of examples that a module without parameters drops while it trains, scaling the others: by what it
    does, not by what it is called. None of one that does something else."""
    if any(True for _ in module.children()) or any(True for _ in module.parameters()):
        return None
    share = getattr(module, "drop_prob", None)
    if not isinstance(share, (int, float)) or not 0 <= share < 1:
        return None
    x = torch.arange(1.0, 2 * _MANY + 1).view(_MANY, 2)
    mode, state = module.training, torch.get_rng_state()
    try:
        module.training = False
        kept: Tensor = module(x)
        module.training = True
        torch.default_generator.manual_seed(3)
        drawn: Tensor = module(x)
    except Exception:  # a module that does not take this is another one
        return None
    finally:
        module.training = mode
        torch.set_rng_state(state)
    if kept.shape != x.shape or drawn.shape != x.shape or not torch.equal(kept, x):
        return None
    gone = (drawn == 0).all(1)
    scaled = torch.where(gone[:, None], 0.0, x / (1 - share))
    spread = (share * (1 - share) / _MANY) ** 0.5
    is_so = torch.allclose(drawn, scaled) and abs(float(gone.float().mean()) - share) <= 5 * spread
    return float(share) if is_so else None


def unit_of(module: nn.Module) -> Layer | None:
    """The activation that a module of somebody's own computes."""
    found = known_unit(module)
    return None if found is None else made(*found)


def refused_kind(layer: Layer, shape: tuple[int, ...], dtype: str) -> str | None:
    """Why a layer does not take whole numbers, or truth values; None if it does, or is given floats."""
    if dtype not in ("int64", "bool"):
        return None
    try:
        layer.output(TensorType(shape, dtype))
    except Unmet as unmet:
        return unmet.problem.message.replace("{given}", f"it is given {dtype}")
    return None
