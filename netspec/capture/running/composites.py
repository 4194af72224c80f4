"""Functions of torch's that are several others, one after the other: a trace has those.

Each computes, of the arguments that torch's takes, what torch's computes, and has its gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from types import FunctionType
from typing import Any, Final, cast

import torch
from torch import Tensor

InMode = Callable[[Any, Sequence[Any], dict[str, Any]], Tensor]
"""What runs in the place of a function: of the mode that sees what it calls, and of its arguments."""


def composite_of(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> InMode | None:
    """What computes the same as a function of torch's by others; None of one that is no such function.

    Args:
        function: torch's.
        args: what it is called with, as far as that has no names.
        kwargs: the rest.
    """
    name = getattr(function, "__name__", "")
    if name in _NORMS:
        return partial(_seen, partial(_normed, function)) if _is_half_affine(function, args, kwargs) else None
    if name in _OF_TENSORS and not any(isinstance(given, Tensor) for given in (*args[1:], *kwargs.values())):
        return None  # of one tensor
    is_first = name in ("max", "maximum") and len(args) == 2 and _is_lowest(args[1])
    found = _first if is_first else _COMPOSITES.get(name)
    return None if found is None else partial(_seen, found)


def _seen(composite: Callable[..., Tensor], mode: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Tensor:
    with mode:
        return composite(*args, **kwargs)


_OF_TENSORS: Final = ("max", "min", "clamp", "clip", "clamp_min", "clamp_max")
"""Functions that are others where they are given a second tensor."""


# ---- norms


_NORMS: Final = ("group_norm", "batch_norm", "instance_norm")
"""Functions whose layers have weights and biases, or neither."""


def _is_half_affine(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a norm is given weights without biases, or the reverse."""
    if not isinstance(function, FunctionType):  # torch's own, which nobody calls
        return False
    given = signature(function).bind(*args, **kwargs).arguments
    if given.get("running_mean", True) is None:  # without statistics: so weights are standardised
        return False
    return (given.get("weight") is None) is not (given.get("bias") is None)


def _normed(function: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """The norm alone, and what it is multiplied by, or what is added to it, for each channel."""
    given = signature(function).bind(*args, **kwargs).arguments
    weight, bias = (given.pop(name, None) for name in ("weight", "bias"))
    y = function(**given)
    shape = (1, -1, *(1 for _ in y.shape[2:]))
    return y + bias.reshape(shape) if weight is None else y * weight.reshape(shape)


# ---- distances


def _cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    one, other = (torch.nn.functional.normalize(x, dim=dim, eps=eps) for x in (x1, x2))
    return (one * other).sum(dim)


def _pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    return _norm(x1 - x2 + eps, p, -1, keepdim)


def _cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "") -> Tensor:
    return _norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


def _norm(x: Tensor, p: float, dim: int, keepdim: bool = False) -> Tensor:
    return torch.linalg.vector_norm(x, p, dim, keepdim)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # torch's


# ---- two values, of which one counts


def _is_lowest(x: Tensor) -> bool:
    """Whether a number is so low that no other is lower, as some programs bound their scores."""
    return x.numel() == 1 and bool((x.detach() <= torch.finfo(torch.float32).min).all())


def _first(input: Tensor, other: Tensor) -> Tensor:
    return input


def _maximum(input: Tensor, other: Tensor) -> Tensor:
    whole, part = _wider(input, other)
    if part is not None and not whole.is_floating_point():
        return torch.where(whole > part, whole, part)
    return _both(input, other).amax(-1) if part is None else whole + (part - whole).relu()


def _minimum(input: Tensor, other: Tensor) -> Tensor:
    whole, part = _wider(input, other)
    if part is not None and not whole.is_floating_point():
        return torch.where(whole < part, whole, part)
    return _both(input, other).amin(-1) if part is None else whole - (whole - part).relu()


def _wider(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor | None]:
    """Of two tensors that which has the shape of both together, and the other if arithmetic repeats it: a sum says so
    for every size, where behind each other both would have to have all their numbers."""
    whole, part = (one, other) if one.numel() >= other.numel() else (other, one)
    return whole, part if part.shape != whole.shape and _shape_of(one, other) == whole.shape else None


def _shape_of(*given: Tensor) -> tuple[int, ...]:
    """The shape of what is computed of tensors number by number."""
    return cast("tuple[int, ...]", torch.broadcast_shapes(*(x.shape for x in given)))  # pyright: ignore[reportUnknownMemberType]  # torch's


def _both(*given: Tensor) -> Tensor:
    """Tensors behind each other, each with all its numbers: along its first axis, the batch, it is expanded, along
    others repeated."""
    shape = _shape_of(*given)
    return torch.stack([_repeated(x, shape) for x in given], -1)


def _repeated(x: Tensor, shape: Sequence[int]) -> Tensor:
    if len(x.shape) < len(shape):
        x = x.reshape(*(1 for _ in shape[len(x.shape) :]), *x.shape)
    if x.shape[1:] != shape[1:]:
        x = x.tile([1, *(1 if own == size else size for own, size in zip(x.shape[1:], shape[1:], strict=True))])
    return x if x.shape == shape else x.expand(shape)


def _clamp(input: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    above = input if min is None else _maximum(input, min)
    return above if max is None else _minimum(above, max)


def _clamp_max(input: Tensor, max: Tensor) -> Tensor:
    return _clamp(input, max=max)


# ---- products


def _scaled(x: Tensor, factor: float) -> Tensor:
    return x if factor == 1 else x * factor


def _addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, beta: float = 1, alpha: float = 1) -> Tensor:
    product = _scaled(torch.matmul(batch1, batch2), alpha)
    return product if beta == 0 else _scaled(input, beta) + product


def _addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    return _addbmm(input, mat1, mat2, beta, alpha)


def _baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    return _addbmm(input, batch1, batch2, beta, alpha)


def _bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    names = "bcdefgh"[: input1.ndim - 1]
    product = torch.einsum(f"{names}i,kij,{names}j->{names}k", input1, weight, input2)
    return product if bias is None else product + bias


def _outer(input: Tensor, vec2: Tensor) -> Tensor:
    return input.unsqueeze(1) * vec2.unsqueeze(0)


def _lerp(input: Tensor, end: Tensor, weight: float | Tensor) -> Tensor:
    return input + weight * (end - input)


_COMPOSITES: Final[dict[str, Callable[..., Tensor]]] = {
    "cosine_similarity": _cosine_similarity,
    "pairwise_distance": _pairwise_distance,
    "cdist": _cdist,
    "addmm": _addmm,
    "baddbmm": _baddbmm,
    "bilinear": _bilinear,
    "outer": _outer,
    "ger": _outer,
    "lerp": _lerp,
    "maximum": _maximum,
    "max": _maximum,
    "minimum": _minimum,
    "min": _minimum,
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp_max,
}
