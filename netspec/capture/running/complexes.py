"""Complex numbers that a program makes of pairs of real ones, as `torch.view_as_complex` does: a trace has the pairs.

Llama's reference code turns queries and keys so: a product with numbers of the length 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from netspec.capture.running.composites import InMode


class ComplexNumbers:
    """The complex tensors of a run whose real and imaginary parts are known as a tensor, the last axis of two."""

    def __init__(self) -> None:
        self._pairs: Any = WeakTensorKeyDictionary()
        """Of each complex tensor the pairs, and the number of times that it had been changed in place by then."""

    def instead(self, function: Callable[..., Any], args: Sequence[Any]) -> InMode | None:
        """What runs in the place of a function that makes or takes such a tensor; None where nothing does."""
        name = _name(function)
        if name == "view_as_complex":
            return lambda mode, args, kwargs: self._kept(args[0])
        if name in _OF_PAIRS and any(self._known(arg) is not None for arg in args):
            return partial(self._computed, name)
        return None

    def _computed(self, name: str, mode: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Tensor:
        """What a function gives. Its pairs are computed by functions that the mode sees, as are those of a real tensor,
        whose numbers get an axis of 1 in their place."""
        given = [(self._in_pairs(arg), arg) for arg in args]
        with mode:
            whole = (arg.unsqueeze(-1) if arg is own and isinstance(arg, Tensor) else arg for arg, own in given)
            pairs = _OF_PAIRS[name](*whole, **kwargs)
        return pairs if name in _REAL else self._kept(pairs)

    def _kept(self, pairs: Tensor) -> Tensor:
        result = torch.view_as_complex(pairs.contiguous())
        self._pairs[result] = (pairs, result._version)
        return result

    def _known(self, arg: Any) -> Tensor | None:
        found = self._pairs.get(arg) if isinstance(arg, Tensor) else None
        return found[0] if found is not None and found[1] == arg._version else None

    def _in_pairs(self, arg: Any) -> Any:
        """The pairs of a complex tensor; all else as it is."""
        known = self._known(arg)
        if known is not None or not isinstance(arg, Tensor) or not arg.is_complex():
            return arg if known is None else known
        return torch.view_as_real(arg.resolve_conj()).clone()  # numbers of the module's own


def _name(function: Callable[..., Any]) -> str:
    name = str(getattr(function, "__name__", ""))
    return str(getattr(getattr(function, "__self__", None), "__name__", name)) if name == "__get__" else name


def _product(one: Any, other: Any) -> Tensor:
    """The product of two numbers in pairs, or of one and a real number."""
    if not (isinstance(one, Tensor) and isinstance(other, Tensor)) or 1 in (one.shape[-1], other.shape[-1]):
        return one * other
    (a, b), (c, d) = ((pairs[..., 0], pairs[..., 1]) for pairs in (one, other))
    return torch.stack([a * c - b * d, a * d + b * c], -1)


def _pairs(pairs: Tensor) -> Tensor:
    return pairs


def _real(pairs: Tensor) -> Tensor:
    return pairs[..., 0]


def _imaginary(pairs: Tensor) -> Tensor:
    return pairs[..., 1]


_REAL: Final = frozenset(("view_as_real", "real", "imag"))
"""Functions that give real numbers."""

_OF_PAIRS: Final[dict[str, Callable[..., Tensor]]] = {
    **dict.fromkeys(("mul", "__mul__", "__rmul__", "multiply"), _product),
    "view_as_real": _pairs,
    "real": _real,
    "imag": _imaginary,
}
"""What functions of complex numbers are for pairs."""
