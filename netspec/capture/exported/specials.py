"""ATen's operators that need more than a function of torch's: modes, sizes that hold the batch, and new tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from netspec.capture.exported.program import DtypeArgument
from netspec.capture.exported.steps import StepRun

Special = Callable[[StepRun, dict[str, Any]], Any]

_END: Final = 2**63 - 1
"""Where torch writes no end of a slice."""


def _same(run: StepRun, given: dict[str, Any]) -> Any:
    return given.get("self", given.get("input"))


# ---- layers with two modes


def _dropout(function: Callable[..., Tensor]) -> Special:
    def compute(run: StepRun, given: dict[str, Any]) -> Any:
        return function(_same(run, given), given["p"], run.mode(given.get("train", True)))

    return compute


def _batch_norm(run: StepRun, given: dict[str, Any]) -> Any:
    tracked = given.get("running_mean") is not None
    training = run.mode(given.get("training", False)) if tracked else True
    statistics = (given.get("running_mean"), given.get("running_var"))
    momentum, eps = given.get("momentum", 0.1), given.get("eps", 1e-5)
    return F.batch_norm(given["input"], *statistics, given.get("weight"), given.get("bias"), training, momentum, eps)


def _instance_norm(run: StepRun, given: dict[str, Any]) -> Any:
    return F.instance_norm(
        given["input"], None, None, given.get("weight"), given.get("bias"), True, 0.1, given.get("eps", 1e-5)
    )


def _group_norm(run: StepRun, given: dict[str, Any]) -> Any:
    return F.group_norm(given["input"], given["group"], given.get("weight"), given.get("bias"), given["eps"])


def _convolution(run: StepRun, given: dict[str, Any]) -> Any:
    if given.get("transposed"):
        raise ValueError("a transposed convolution whose weight is no parameter of its own")
    function = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[given["weight"].ndim]
    names = ("stride", "padding", "dilation", "groups")
    return function(given["input"], given["weight"], given.get("bias"), *(given[name] for name in names))


def _embedding(run: StepRun, given: dict[str, Any]) -> Any:
    padding: int = given.get("padding_idx", -1)
    return F.embedding(given["indices"], given["weight"], padding if padding >= 0 else None)


def _attention(run: StepRun, given: dict[str, Any]) -> Any:
    share = float(given.get("dropout_p", 0.0))
    return F.scaled_dot_product_attention(
        given["query"], given["key"], given["value"], attn_mask=given.get("attn_mask"),
        dropout_p=share if run.training else 0.0, is_causal=bool(given.get("is_causal", False)),
        scale=given.get("scale"), enable_gqa=bool(given.get("enable_gqa", False)),
    )  # fmt: skip


# ---- sizes


def _view(run: StepRun, given: dict[str, Any]) -> Any:
    return torch.reshape(given["self"], run.reshaped(given["self"], given["size"]))


def _unflatten(run: StepRun, given: dict[str, Any]) -> Any:
    return torch.reshape(given["self"], run.reshaped(given["self"], None))


def _expand(run: StepRun, given: dict[str, Any]) -> Any:
    return given["self"].expand(run.expanded(given["self"], given["size"]))


def _repeat(run: StepRun, given: dict[str, Any]) -> Any:
    return given["self"].repeat(run.expanded(given["self"], given["repeats"]))


def _slice(run: StepRun, given: dict[str, Any]) -> Any:
    start, end = given.get("start"), given.get("end")
    part = slice(start, None if end is None or end >= _END else end, given.get("step", 1))
    dim = given.get("dim", 0) % given["self"].ndim
    if part == slice(0, None, 1) or part == slice(None, None, 1):
        return given["self"]
    return given["self"][(*[slice(None)] * dim, part)]


def _index(run: StepRun, given: dict[str, Any]) -> Any:
    indices = cast("list[Tensor | None]", given["indices"])
    return given["self"][tuple(slice(None) if index is None else index for index in indices)]


def _narrow(run: StepRun, given: dict[str, Any]) -> Any:
    return torch.narrow(given["self"], given["dim"], given["start"], given["length"])


def _squeezed(run: StepRun, given: dict[str, Any]) -> Any:
    return torch.squeeze(given["self"], tuple(given["dim"]))


def _turned(run: StepRun, given: dict[str, Any]) -> Any:
    return torch.permute(given["self"], tuple(reversed(range(given["self"].ndim))))


def _interpolate(mode: str) -> Special:
    def compute(run: StepRun, given: dict[str, Any]) -> Any:
        value: Any = given.get("input", given.get("self"))
        scales: Any = given.get("scale_factors")
        if scales is None:
            own = [given.get(name) for name in ("scales", "scales_d", "scales_h", "scales_w") if name in given]
            scales = own if own and None not in own else None
        size = given.get("output_size") if scales is None else None
        corners = {} if mode == "nearest" else {"align_corners": bool(given.get("align_corners", False))}
        if scales is not None and len(set(scales)) == 1:
            scales = scales[0]
        if isinstance(scales, list):
            scales = tuple(cast("list[float]", scales))
        return F.interpolate(value, size=size, scale_factor=scales, mode=mode, **corners)

    return compute


def _pad(mode: str) -> Special:
    def compute(run: StepRun, given: dict[str, Any]) -> Any:
        return F.pad(given["self"], given["padding"], mode=mode)

    return compute


# ---- dtypes and new tensors


def _cast(run: StepRun, given: dict[str, Any]) -> Any:
    value: Tensor = given["self"]
    other: Any = given.get("other")
    wanted = given.get("dtype") if other is None else other.dtype
    dtype = run.dtype(wanted) if isinstance(wanted, DtypeArgument) else wanted
    if dtype is None or value.dtype == dtype or (value.is_floating_point() and dtype.is_floating_point):
        return value
    return value.to(dtype)


def _full(value: float | None = None, *, like: bool = False) -> Special:
    def compute(run: StepRun, given: dict[str, Any]) -> Any:
        number = given["fill_value"] if value is None else value
        wanted = given.get("dtype")
        if like:
            source: Tensor = given["self"]
            dtype = source.dtype if wanted is None else run.dtype(wanted)
            return torch.full_like(source, number, dtype=dtype)
        dtype = given["self"].dtype if wanted is None and "self" in given else run.dtype(wanted, number)
        return torch.full(run.created(given["size"]), number, dtype=dtype)

    return compute


def _arange(run: StepRun, given: dict[str, Any]) -> Any:
    ends = (given.get("start", 0), given["end"], given.get("step", 1))
    is_whole = all(isinstance(end, int) for end in ends)
    dtype = torch.int64 if given.get("dtype") is None and is_whole else run.dtype(given.get("dtype"), 0.0)
    return torch.arange(*ends, dtype=dtype)


def _scalar(run: StepRun, given: dict[str, Any]) -> Any:
    return torch.tensor(given["s"], dtype=run.dtype(given.get("dtype"), given["s"]))


def _size(run: StepRun, given: dict[str, Any]) -> Any:
    return int(given["self"].shape[given["dim"]])


def _of_numbers(function: Callable[..., Any]) -> Special:
    def compute(run: StepRun, given: dict[str, Any]) -> Any:
        found = function(*given.values())
        if isinstance(found, int) and abs(found) >= _END:
            raise ValueError("a size has more than 63 bits")
        return found

    return compute


_OF_TWO: Final[dict[str, Callable[[int, int], float]]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "truediv": lambda a, b: a / b,
}

NUMBERS: Final[dict[str, Special]] = {
    "aten.sym_size.int": _size,
    **{f"_operator.{name}": _of_numbers(function) for name, function in _OF_TWO.items()},
    "_operator.neg": lambda run, given: -int(given["a"]),
    "torch.sym_max": _of_numbers(max),
    "torch.sym_min": _of_numbers(min),
}  # fmt: skip
"""What computes sizes."""

SPECIAL: Final[dict[str, Special]] = {
    **dict.fromkeys(
        (
            "alias.default", "clone.default", "contiguous.default", "detach.default", "lift_fresh_copy.default",
            "lift_fresh.default", "requires_grad.default",
        ),
        _same,
    ),
    "dropout.default": _dropout(F.dropout),
    "native_dropout.default": _dropout(F.dropout),
    "feature_dropout.default": _dropout(F.dropout2d),
    "alpha_dropout.default": _dropout(F.alpha_dropout),
    **dict.fromkeys(
        (
            "batch_norm.default", "native_batch_norm.default", "_native_batch_norm_legit.default",
            "_native_batch_norm_legit_no_training.default", "_native_batch_norm_legit_functional.default",
            "_native_batch_norm_legit.no_stats", "_batch_norm_with_update.default",
            "_batch_norm_with_update_functional.default", "_batch_norm_no_update.default",
        ),
        _batch_norm,
    ),
    "instance_norm.default": _instance_norm,
    "native_group_norm.default": _group_norm,
    "convolution.default": _convolution,
    "embedding.default": _embedding,
    "scaled_dot_product_attention.default": _attention,
    "_scaled_dot_product_flash_attention_for_cpu.default": _attention,
    "view.default": _view,
    "_unsafe_view.default": _view,
    "view_as.default": lambda run, given: torch.reshape(given["self"], tuple(given["other"].shape)),
    "reshape.default": lambda run, given: torch.reshape(given["self"], run.reshaped(given["self"], given["shape"])),
    "unflatten.int": _unflatten,
    "expand.default": _expand,
    "expand_as.default": lambda run, given: given["self"].expand(tuple(given["other"].shape)),
    "repeat.default": _repeat,
    "slice.Tensor": _slice,
    "narrow.default": _narrow,
    "index.Tensor": _index,
    "squeeze.dims": _squeezed,
    "numpy_T.default": _turned,
    **{
        f"upsample_{name}.{form}": _interpolate(mode)
        for name, mode in (
            ("nearest1d", "nearest"), ("nearest2d", "nearest"), ("nearest3d", "nearest"), ("linear1d", "linear"),
            ("bilinear2d", "bilinear"), ("trilinear3d", "trilinear"), ("bicubic2d", "bicubic"),
        )
        for form in ("vec", "default")
    },
    **{f"reflection_pad{n}d.default": _pad("reflect") for n in (1, 2, 3)},
    **{f"replication_pad{n}d.default": _pad("replicate") for n in (1, 2, 3)},
    **dict.fromkeys(
        ("to.dtype", "to.dtype_layout", "to.other", "to.device", "_to_copy.default", "type_as.default"), _cast
    ),
    "full.default": _full(),
    "zeros.default": _full(0),
    "ones.default": _full(1),
    "new_full.default": _full(),
    "new_zeros.default": _full(0),
    "new_ones.default": _full(1),
    "full_like.default": _full(like=True),
    "zeros_like.default": _full(0, like=True),
    "ones_like.default": _full(1, like=True),
    **dict.fromkeys(("arange.default", "arange.start", "arange.start_step"), _arange),
    "scalar_tensor.default": _scalar,
    "max.default": lambda run, given: torch.max(given["self"]),
    "min.default": lambda run, given: torch.min(given["self"]),
}  # fmt: skip
"""Operators below `aten.`."""
