"""Keras's layers over maps: convolutions, pools, paddings and changes of size."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from netspec.importing.keras.activations import activated
from netspec.importing.keras.changes import Source, StoredTensor, depthwise, kernel
from netspec.importing.keras.step import KerasStep
from netspec.importing.keras.values import KerasValue
from netspec.layers import layer_class
from netspec.mends.paddings import Padded, causal_in_torch, same_in_torch


class _Window(NamedTuple):
    """The sizes of a window."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]


def convolution(axes: int) -> Callable[[KerasStep], KerasValue]:
    """`Conv1D`, `Conv2D`, `Conv3D`."""

    def write(step: KerasStep) -> KerasValue:
        given, x = step.given, _map(step, axes)
        window, groups, out = _window(step, axes), given.count("groups", 1), given.count("filters")
        channels = step.length(x)
        if channels % groups or out % groups:
            given.refuse("groups", f"does not divide {channels} channels and `filters: {out}`")
        weights: dict[str, Source] = {
            "weight": StoredTensor("vars/0", (*window.kernel, channels // groups, out), kernel(axes)),
            **_bias(step, out, "vars/1"),
        }
        arguments = {"out_channels": out, **({} if groups == 1 else {"groups": groups}), **_biased(weights)}
        return activated(step, _over(step, f"Conv{axes}d", window, arguments, x, weights))

    return write


def depthwise_convolution(axes: int) -> Callable[[KerasStep], KerasValue]:
    """`DepthwiseConv1D` and `DepthwiseConv2D`: a convolution of each channel by itself."""

    def write(step: KerasStep) -> KerasValue:
        x, window, times = _map(step, axes), _window(step, axes), step.given.count("depth_multiplier", 1)
        channels = step.length(x)
        weights: dict[str, Source] = {
            "weight": StoredTensor("vars/0", (*window.kernel, channels, times), depthwise(axes)),
            **_bias(step, channels * times, "vars/1"),
        }
        arguments = {"out_channels": channels * times, "groups": channels, **_biased(weights)}
        return activated(step, _over(step, f"Conv{axes}d", window, arguments, x, weights))

    return write


def separable_convolution(axes: int) -> Callable[[KerasStep], KerasValue]:
    """`SeparableConv1D` and `SeparableConv2D`: a convolution of each channel, and one over the channels behind it."""

    def write(step: KerasStep) -> KerasValue:
        given, x, window = step.given, _map(step, axes), _window(step, axes)
        times, out, channels = given.count("depth_multiplier", 1), given.count("filters"), step.length(x)
        first: dict[str, Source] = {
            "weight": StoredTensor("vars/0", (*window.kernel, channels, times), depthwise(axes))
        }
        arguments = {"out_channels": channels * times, "groups": channels, "bias": False}
        x = _over(step, f"Conv{axes}d", window, arguments, x, first, "_depthwise")
        second: dict[str, Source] = {
            "weight": StoredTensor("vars/1", (*(1,) * axes, channels * times, out), kernel(axes)),
            **_bias(step, out, "vars/2"),
        }
        behind = {"out_channels": out, "kernel_size": 1, **_biased(second)}
        return activated(step, step.put(f"Conv{axes}d", behind, x, weights=second, suffix="_pointwise"))

    return write


def transposed_convolution(axes: int) -> Callable[[KerasStep], KerasValue]:
    """`Conv1DTranspose`, `Conv2DTranspose`, `Conv3DTranspose`."""

    def write(step: KerasStep) -> KerasValue:
        given, x, window, out = step.given, _map(step, axes), _window(step, axes), step.given.count("filters")
        given.must("output_padding", None, why="says a size of its own, which is not read here")
        given.must("groups", 1, why="is not read here but for 1")
        channels = step.length(x)
        weights: dict[str, Source] = {
            "weight": StoredTensor("vars/0", (*window.kernel, out, channels), kernel(axes)),
            **_bias(step, out, "vars/1"),
        }
        arguments: dict[str, Any] = {"out_channels": out, **_biased(weights)}
        if given.word("padding", "valid", "same") == "valid":
            missing = [max(by - d * (k - 1) - 1, 0) for k, by, d in zip(*window, strict=True)]
            arguments |= {"output_padding": _one(missing)} if any(missing) else {}
        return activated(step, _over(step, f"ConvTranspose{axes}d", window, arguments, x, weights))

    return write


def pool(kind: str, axes: int) -> Callable[[KerasStep], KerasValue]:
    """`MaxPooling2D` and `AveragePooling2D`, and those over other axes."""

    def write(step: KerasStep) -> KerasValue:
        size = step.given.counts("pool_size", axes, 2)
        stride = size if step.given.get("strides") is None else step.given.counts("strides", axes)
        return _over(step, f"{kind}Pool{axes}d", _Window(size, stride, (1,) * axes), {}, _map(step, axes), None)

    return write


def global_pool(kind: str, axes: int) -> Callable[[KerasStep], KerasValue]:
    """`GlobalAveragePooling2D` and `GlobalMaxPooling2D`, and those over other axes."""

    def write(step: KerasStep) -> KerasValue:
        x, keeps = step.x, step.given.flag("keepdims", False)
        if x.rank != axes + 1:
            step.refuse(f"is given {x.rank} axes beside the batch, not {axes + 1}")
        if axes == 1 and not x.first:
            reduction = "Mean" if kind == "Avg" else "Max"
            arguments = {"dim": 1, "keepdim": True} if keeps else {"dim": 1}
            return step.put(reduction, arguments, x, first=False)
        pooled = step.put(f"Adaptive{kind}Pool{axes}d", {"output_size": 1}, step.to_first(x))
        return pooled if keeps else step.flatten(pooled)

    return write


def zeros(axes: int, sign: int) -> Callable[[KerasStep], KerasValue]:
    """`ZeroPadding2D`, and with a negative sign `Cropping2D`."""

    def write(step: KerasStep) -> KerasValue:
        sides = step.given.sides("padding" if sign > 0 else "cropping", axes)
        listed = [sign * amount for side in reversed(sides) for amount in side]
        return step.put(f"ZeroPad{axes}d", {"padding": _one(listed)}, _map(step, axes))

    return write


def upsampling(axes: int) -> Callable[[KerasStep], KerasValue]:
    """`UpSampling1D`, `UpSampling2D`, `UpSampling3D`."""

    def write(step: KerasStep) -> KerasValue:
        mode = step.given.word("interpolation", "nearest", "bilinear") if axes == 2 else "nearest"
        times = step.given.counts("size", axes, 2)
        said = {} if mode == "nearest" else {"mode": mode}
        return step.put("Upsample", {"scale_factor": _one(times), **said}, _map(step, axes))

    return write


def spatial_dropout(axes: int) -> Callable[[KerasStep], KerasValue]:
    """`SpatialDropout2D`, and those over other axes: whole channels are dropped."""

    def write(step: KerasStep) -> KerasValue:
        return step.put(f"Dropout{axes}d", {"p": step.given.number("rate")}, _map(step, axes))

    return write


def _map(step: KerasStep, axes: int) -> KerasValue:
    """What comes to a layer over some axes, with its channels first."""
    if step.x.rank != axes + 1:
        step.refuse(f"is given {step.x.rank} axes beside the batch, not {axes + 1}")
    return step.to_first(step.x)


def _window(step: KerasStep, axes: int) -> _Window:
    given = step.given
    return _Window(
        given.counts("kernel_size", axes), given.counts("strides", axes, 1), given.counts("dilation_rate", axes, 1)
    )


def _bias(step: KerasStep, size: int, at: str) -> dict[str, Source]:
    return {"bias": StoredTensor(at, (size,))} if step.given.flag("use_bias", True) else {}


def _biased(weights: dict[str, Source]) -> dict[str, bool]:
    return {} if "bias" in weights else {"bias": False}


def _one(values: Sequence[int]) -> int | list[int]:
    """One number for all axes, or a list."""
    return values[0] if len({*values}) == 1 else list(values)


_ITEM: Final = re.compile(r"(ZeroPad\dd): \{padding: (\[.*\])\}")


def _over(
    step: KerasStep, head: str, window: _Window, arguments: dict[str, Any], x: KerasValue,
    weights: dict[str, Source] | None, suffix: str = "",
) -> KerasValue:  # fmt: skip
    """A layer with its window, and the padding that Keras's word stands for."""
    made = _padded(step, head, window, x)
    before = _zeros_of(made.before)
    if before is not None:
        x = step.put(*before, x)
    said: dict[str, Any] = {key: value for key, value in arguments.items() if key == "out_channels"}
    said["kernel_size"] = _one(window.kernel)
    plain = (1,) * len(window.stride) if weights is not None else window.kernel
    said |= {"stride": _one(window.stride)} if window.stride != plain else {}
    said |= {key: _read(text) for key, text in made.arguments.items()}
    said |= {"dilation": _one(window.dilation)} if set(window.dilation) != {1} else {}
    said |= {key: value for key, value in arguments.items() if key != "out_channels"}
    x = step.put(head, said, x, weights=weights, suffix=suffix)
    behind = _zeros_of(made.behind)
    return x if behind is None else step.put(*behind, x)


def _padded(step: KerasStep, head: str, window: _Window, x: KerasValue) -> Padded:
    """How torch pads as Keras's word says.

    Raises:
        NotImportable: it cannot.
    """
    words = ("valid", "same", "causal") if head == "Conv1d" else ("valid", "same")
    word, layer = step.given.word("padding", *words), layer_class(head)
    if word == "valid":
        return Padded({})
    if set(window.kernel) == {1} and set(window.stride) == {1}:
        return Padded({})
    if word == "causal":
        made = causal_in_torch(layer, window.kernel, window.dilation)
    else:
        sizes = [size for size in x.shape[1:] if isinstance(size, int)]
        known = sizes if len(sizes) == x.rank - 1 else None
        made = same_in_torch(layer, window.kernel, window.stride, window.dilation, known)
        if made is None and known is None:
            step.given.refuse("padding", "pads by the size of what comes to it, which is not known: give the model an "
                              "`Input` with its sizes in Keras, and save again")  # fmt: skip
    if made is None:
        step.given.refuse("padding", f"pads in a way that `{head}` has not; a `ZeroPadding` in front of it says it")
    return made


def _zeros_of(item: str | None) -> tuple[str, dict[str, Any]] | None:
    """An item that pads, as a layer and its arguments."""
    found = None if item is None else _ITEM.fullmatch(item)
    return None if found is None else (found[1], {"padding": json.loads(found[2])})


def _read(text: str) -> Any:
    """A number, a list, a truth value or a word, as it is written in a spec."""
    try:
        return json.loads(text)
    except ValueError:
        return text


_AXES: Final = (1, 2, 3)
LAYERS: Final[dict[str, Callable[[KerasStep], KerasValue]]] = {
    **{f"Conv{n}D": convolution(n) for n in _AXES},
    **{f"Conv{n}DTranspose": transposed_convolution(n) for n in _AXES},
    **{f"DepthwiseConv{n}D": depthwise_convolution(n) for n in (1, 2)},
    **{f"SeparableConv{n}D": separable_convolution(n) for n in (1, 2)},
    **{f"MaxPooling{n}D": pool("Max", n) for n in _AXES},
    **{f"AveragePooling{n}D": pool("Avg", n) for n in _AXES},
    **{f"GlobalAveragePooling{n}D": global_pool("Avg", n) for n in _AXES},
    **{f"GlobalMaxPooling{n}D": global_pool("Max", n) for n in _AXES},
    **{f"ZeroPadding{n}D": zeros(n, 1) for n in _AXES},
    **{f"Cropping{n}D": zeros(n, -1) for n in _AXES},
    **{f"UpSampling{n}D": upsampling(n) for n in _AXES},
    **{f"SpatialDropout{n}D": spatial_dropout(n) for n in _AXES},
}
