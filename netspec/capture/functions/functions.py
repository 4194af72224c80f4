"""What each function that a program calls is in a spec."""

from __future__ import annotations

from typing import Any, Final, cast

from netspec.capture.functions import folds, moves, padding, placing, products, reductions, variances, weighted
from netspec.capture.functions.arithmetic import HANDLERS as ARITHMETIC
from netspec.capture.functions.choosing import HANDLERS as CHOICES
from netspec.capture.functions.comparing import HANDLERS as COMPARISONS
from netspec.capture.functions.kinds import retyped
from netspec.capture.functions.masks import HANDLERS as MASKS
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.lowering.forms import NoForm
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.modules.binding import bound
from netspec.capture.running.modes import RANDOM
from netspec.capture.running.own import SIDES

_LAYERS: Final = {
    "relu": ("ReLU", "input inplace=False"),
    "relu6": ("ReLU6", "input inplace=False"),
    "leaky_relu": ("LeakyReLU", "input negative_slope=0.01 inplace=False"),
    "gelu": ("GELU", "input approximate='none'"),
    "silu": ("SiLU", "input inplace=False"),
    "mish": ("Mish", "input inplace=False"),
    "sigmoid": ("Sigmoid", "input"),
    "tanh": ("Tanh", "input"),
    "hardswish": ("Hardswish", "input inplace=False"),
    "hardsigmoid": ("Hardsigmoid", "input inplace=False"),
    "hardtanh": ("Hardtanh", "input min_val=-1.0 max_val=1.0 inplace=False"),
    "elu": ("ELU", "input alpha=1.0 inplace=False"),
    "selu": ("SELU", "input inplace=False"),
    "celu": ("CELU", "input alpha=1.0 inplace=False"),
    "softplus": ("Softplus", "input beta=1 threshold=20"),
    "logsigmoid": ("LogSigmoid", "input"),
    "softsign": ("Softsign", "input"),
    "tanhshrink": ("Tanhshrink", "input"),
    "exp": ("Exp", "input"),
    "log": ("Log", "input"),
    "sin": ("Sin", "input"),
    "cos": ("Cos", "input"),
    "abs": ("Abs", "input"),
    "hardshrink": ("Hardshrink", "input lambd=0.5"),
    "softshrink": ("Softshrink", "input lambd=0.5"),
    "_threshold": ("Threshold", "input threshold value inplace=False"),
    "threshold": ("Threshold", "input threshold value inplace=False"),
    "clamp_min": ("Clamp", "input min"),
    "clamp_max": ("Clamp", "input max"),
}
"""Functions of each value alone: the layer, and torch's signature."""

_PLAIN: Final = {
    "max_pool1d": (
        "MaxPool1d",
        "input kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices=False",
    ),
    "max_pool2d": (
        "MaxPool2d",
        "input kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices=False",
    ),
    "max_pool3d": (
        "MaxPool3d",
        "input kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices=False",
    ),
    "avg_pool1d": ("AvgPool1d", "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True"),
    "avg_pool2d": (
        "AvgPool2d",
        "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True divisor_override=None",
    ),
    "avg_pool3d": (
        "AvgPool3d",
        "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True divisor_override=None",
    ),
    **{
        f"lp_pool{axes}d": (f"LPPool{axes}d", "input norm_type kernel_size stride=None ceil_mode=False")
        for axes in (1, 2, 3)
    },
    "adaptive_avg_pool1d": ("AdaptiveAvgPool1d", "input output_size"),
    "adaptive_avg_pool2d": ("AdaptiveAvgPool2d", "input output_size"),
    "adaptive_avg_pool3d": ("AdaptiveAvgPool3d", "input output_size"),
    "adaptive_max_pool1d": ("AdaptiveMaxPool1d", "input output_size return_indices=False"),
    "adaptive_max_pool2d": ("AdaptiveMaxPool2d", "input output_size return_indices=False"),
    "pixel_shuffle": ("PixelShuffle", "input upscale_factor"),
    "pixel_unshuffle": ("PixelUnshuffle", "input downscale_factor"),
    "channel_shuffle": ("ChannelShuffle", "input groups"),
    "local_response_norm": ("LocalResponseNorm", "input size alpha=0.0001 beta=0.75 k=1.0"),
}
"""Functions of maps: the layer, and torch's signature."""


def _value_by_value(name: str, signature: str) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, signature)
        value, form = lowering.anywhere(given.pop("input"))
        lowering.layered(call, name, value, given, form=form)

    return handle


def _of_maps(name: str, signature: str) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, signature)
        if given.pop("return_indices", False):
            raise NoForm(f"`{call.name}` gives indices, too")
        source = given.pop("input")
        if given.get("stride", 0) in (None, ()):
            given["stride"] = given["kernel_size"]
        if name.startswith("MaxPool") and source in lowering.lowest:
            source = _around(lowering, source, call.results[0], given)
        value = lowering.taken(source)
        lowering.layered(call, name, value, given)

    return handle


def _around(lowering: Lowering, padded: Traced, result: Traced, given: dict[str, Any]) -> Traced:
    """What was padded with the lowest number in front of a pool of maxima, which pads so by itself: as much on both
    sides, or as much behind as its last window needs."""
    source, amounts = lowering.lowest[padded]
    axes = len(source.shape) - 2
    amounts = (*amounts, *(0 for _ in range(2 * axes - len(amounts))))
    before, behind = amounts[::2][::-1], amounts[1::2][::-1]
    sizes = {name: _each(given[name], axes) for name in ("kernel_size", "stride", "padding", "dilation")}
    if any(sizes["padding"]) or len(amounts) != 2 * axes:
        raise NoForm(_LOWEST)
    if before == behind:
        given["padding"] = before
        return source
    steps = zip(source.shape[2:], sizes["kernel_size"], sizes["stride"], sizes["dilation"], strict=True)
    reached = tuple(-(-max(n - d * (k - 1) - 1, 0) // s) + 1 for n, k, s, d in steps)
    if any(before) or reached != result.shape[2:]:
        raise NoForm(_LOWEST)
    given["ceil_mode"] = True
    return source


_LOWEST: Final = (
    "a pad of `-inf` that is no pad of the pool of maxima behind it has no form in a spec: a pool pads on both sides "
    "alike, or with `ceil_mode` behind the last window"
)


def _each(size: Any, axes: int) -> tuple[int, ...]:
    """A size for each axis."""
    found = tuple(cast("tuple[int, ...]", size)) if isinstance(size, (tuple, list)) else (size,)
    return found * axes if len(found) == 1 else found


def _dropout(name: str) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, "input p=0.5 training=True inplace=False")
        never = lowering.is_steady(call) and not given["training"]
        if bool(given["training"]) != lowering.trace.training and not never:
            raise NoForm(
                f"`{call.name}` drops values {'always' if given['training'] else 'never'}, whether or not the module "
                "is in training mode: give it `training=self.training`"
            )
        value, form = lowering.anywhere(given["input"]) if name == "Dropout" else (lowering.taken(given["input"]), None)
        more = {} if form is None else {"form": form}
        if given["p"] == 0 or never:
            lowering.is_same(call.results[0], value)
            lowering.forms.setdefault(call.results[0], form or lowering.form(value))
            return
        lowering.draws_for_each(call)
        lowering.layered(call, name, value, {"p": given["p"]}, **more)

    return handle


def _softmax(name: str) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, "input dim _stacklevel=3 dtype=None")
        value, form = lowering.anywhere(given["input"])
        dim = form.axis(given["dim"], len(given["input"].shape))
        if dim is None:
            raise NoForm("a softmax over the batch mixes examples")
        rank = len(form.shape(given["input"].shape, 1))
        lowering.layered(call, name, value, {"dim": -1 if dim == rank - 1 else dim}, form=form)

    return handle


def _glu(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input dim=-1")
    value = lowering.taken(given["input"])
    lowering.layered(call, "GLU", value, {"dim": given["dim"]})


def _normalize(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input p=2.0 dim=1 eps=1e-12 out=None")
    value, form = lowering.anywhere(given["input"])
    along: Any = given["dim"]
    dim = form.axis(along, len(given["input"].shape)) if isinstance(along, int) else None
    if dim is None:
        raise NoForm("`normalize` over the batch, or over several axes, has no form in a spec")
    lowering.layered(call, "Normalize", value, {"p": float(given["p"]), "dim": dim, "eps": given["eps"]}, form=form)


def _interpolate(lowering: Lowering, call: TracedCall) -> None:
    given = bound(
        call,
        "input size=None scale_factor=None mode='nearest' align_corners=None recompute_scale_factor=None "
        "antialias=False",
    )
    if given["antialias"] or given["recompute_scale_factor"]:
        raise NoForm("`interpolate` with `antialias` or `recompute_scale_factor` has no form in a spec")
    value = lowering.taken(given["input"])
    arguments = {name: given[name] for name in ("size", "scale_factor", "mode", "align_corners")}
    lowering.layered(call, "Upsample", value, arguments)


def _clamp(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input min=None max=None")
    value, form = lowering.anywhere(given["input"])
    if any(isinstance(given[name], Traced) for name in ("min", "max")):
        raise NoForm("a clamp between tensors has no form in a spec")
    lowering.layered(call, "Clamp", value, {"min": given["min"], "max": given["max"]}, form=form)


def _roll(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input shifts dims=None")
    value = lowering.taken(given["input"])
    lowering.add(call, "Roll", value, {name: _listed(given[name]) for name in ("shifts", "dims")})


def _listed(value: Any) -> Any:
    return list(cast("tuple[int, ...]", value)) if isinstance(value, tuple) else value


def _same(lowering: Lowering, call: TracedCall) -> None:
    """What changes nothing."""
    source = next(call.reads())
    result = call.results[0]
    if result.dtype != source.dtype:
        retyped(lowering, call, source)
        return
    if result.shape != source.shape:
        raise NoForm("it repeats values along an axis")
    lowering.is_same(result, source)


def _attended(lowering: Lowering, call: TracedCall) -> None:
    """A module of netspec's that attends: its options are those of `attend`."""
    branches = tuple(lowering.taken(value) for value in call.args)
    options: dict[str, Any] = {
        name: lowering.taken(value) if name in SIDES else value for name, value in call.kwargs.items()
    }
    lowering.add(call, "attend", None, branches=branches, options=options, path=call.path)


def _mixed(lowering: Lowering, call: TracedCall) -> None:
    """A module of netspec's that is a mixture of experts."""
    options: dict[str, Any] = {**call.kwargs, "router": lowering.taken(call.kwargs["router"])}
    branches = tuple(lowering.taken(value) for value in call.args)
    lowering.add(call, "mixture", None, branches=branches, options=options, path=call.path)


def _draws(lowering: Lowering, call: TracedCall) -> None:
    raise NoForm(
        f"`{call.name}` draws random numbers, which a spec does in dropout, in `StochasticDepth`, which is a module "
        "that drops whole examples while it trains and keeps their share as `drop_prob`, and in `GaussianSample`, "
        "which is `mean + randn_like(mean) * exp(logvar / 2)` while it trains, and the mean in eval mode"
    )


HANDLERS: Final[dict[str, Handler]] = {
    **{name: _value_by_value(*spec) for name, spec in _LAYERS.items()},
    **{name: _of_maps(*spec) for name, spec in _PLAIN.items()},
    **moves.HANDLERS,
    **placing.HANDLERS,
    **padding.HANDLERS,
    **folds.HANDLERS,
    **variances.HANDLERS,
    **ARITHMETIC,
    **weighted.HANDLERS,
    **products.HANDLERS,
    **reductions.HANDLERS,
    "dropout": _dropout("Dropout"),
    "dropout1d": _dropout("Dropout1d"),
    "dropout2d": _dropout("Dropout2d"),
    "dropout3d": _dropout("Dropout3d"),
    "feature_dropout": _dropout("Dropout2d"),
    "softmax": _softmax("Softmax"),
    "softmin": _softmax("Softmin"),
    "log_softmax": _softmax("LogSoftmax"),
    "glu": _glu,
    "normalize": _normalize,
    "interpolate": _interpolate,
    "upsample": _interpolate,
    "clamp": _clamp,
    "clip": _clamp,
    "roll": _roll,
    **MASKS,
    **CHOICES,
    **COMPARISONS,
    "attended": _attended,
    "mixed": _mixed,
    **dict.fromkeys(RANDOM, _draws),
    **dict.fromkeys(
        ("contiguous", "clone", "to", "type_as", "float", "int", "long", "identity", "alias", "cpu"), _same
    ),
}
