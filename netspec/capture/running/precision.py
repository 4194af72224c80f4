"""Programs that compute with 64 bits, whatever they ask for."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, Final

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from netspec.capture.graph import Traced, with_tensors
from netspec.capture.running.users import passing

_ASKS: Final = frozenset(getattr(torch.Tensor, name).__set__ for name in ("requires_grad",))
"""What `x.requires_grad = True` calls."""

_WIDER: Final = {torch.float32: torch.float64, torch.float16: torch.float64, torch.bfloat16: torch.float64}


@contextmanager
def in_64_bits(*, draws: bool = False) -> Generator[None]:
    """Tensors that a program makes have 64 bits, too. Dropout does not draw, unless that is wanted."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Wide(draws=draws):
            yield
    finally:
        torch.set_default_dtype(before)


def in_full(value: Traced) -> Tensor | None:
    """A single number, computed again with 64 bits; None where it is made of others, or of none that is known."""
    call, found = value.maker, value.tensor
    if not isinstance(found, Tensor) or found.numel() != 1 or value.varies or value.kind in ("parameter", "buffer"):
        return None
    if call is None:
        return found.double() if found.is_floating_point() else found
    parts = {each: in_full(each) for each in call.reads()}
    if call.function is None or len(call.results) != 1 or any(part is None for part in parts.values()):
        return None
    with in_64_bits(draws=True), suppress(RuntimeError, TypeError, ValueError):
        result = call.function(*with_tensors(call.args, parts), **with_tensors(call.kwargs, parts))
        return result if isinstance(result, Tensor) and result.numel() == 1 else None
    return None


def _widened(args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of a function with 64 bits in the place of less."""
    given = dict(kwargs or {})
    if given.get("dtype") in _WIDER:
        given["dtype"] = _WIDER[given["dtype"]]
    return tuple(_WIDER.get(each, each) if isinstance(each, torch.dtype) else each for each in args), given


class _Wide(TorchFunctionMode):
    """Floats are made with 64 bits. Dropout scales by its share in place of drawing, unless that is wanted, so that two
    models agree wherever their batches lie."""

    def __init__(self, *, draws: bool) -> None:
        super().__init__()
        self._draws = draws

    @passing
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name == "float":
            return args[0].double()
        if func in _ASKS and args[0].requires_grad and args[1] is True:
            return None  # a program may ask for gradients of its input, of which torch lets only leaves be asked
        args, given = _widened(args, kwargs)
        if self._draws:
            return func(*args, **given)
        if name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"):
            found = dict(zip(("input", "p", "training"), args, strict=False)) | given
            if not found.get("training", True):
                return func(*args, **given)
            return found["input"] * (1 - found.get("p", 0.5) / 2)
        share, bias = 0.0, None
        if name == "scaled_dot_product_attention":
            share = given.get("dropout_p", args[4] if len(args) > 4 else 0.0)
            args, given = args[:4], {**given, "dropout_p": 0.0}
        elif name == "multi_head_attention_forward" and given.get("training", True):
            share, bias = args[10], args[12]
            args = (*args[:10], 0.0, *args[11:])
        result = func(*args, **given)
        if not share:
            return result
        scaled = 1 - share / 2
        if not isinstance(result, tuple):
            return result * scaled
        unscaled = 0.0 if bias is None else bias * (1 - scaled)  # what is dropped stands in front of the last matrix
        return (result[0] * scaled + unscaled, *result[1:])
