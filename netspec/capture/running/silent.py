"""Functions of torch's by what they say of the numbers in the tensors that they are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from netspec.capture.graph import TracedCall

SILENT: Final = frozenset(
    """
    __get__ size dim ndimension numel nelement stride is_contiguous get_device is_floating_point data_ptr __len__
    is_complex has_names __format__ __repr__ element_size storage_offset is_nested is_same_size type untyped_storage
    is_tensor is_inference __hash__ has_torch_function requires_grad_ dtype
    """.split()  # noqa: SIM905  # a list of thirty words reads best as words
)
"""Functions that say nothing of the numbers in a tensor."""

OF_THE_SHAPE: Final = frozenset(("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"))
"""Functions whose numbers do not depend on those that they are given."""

OF_THE_FIRST: Final = frozenset(("to", "type_as", "view_as", "reshape_as", "expand_as"))
"""Functions that take of their second tensor what is no number of it."""

INDEXED: Final = frozenset((torch.Tensor.__getitem__, torch.Tensor.__setitem__))

_VIEWS: Final = frozenset(
    getattr(torch.Tensor, name).__get__ for name in ("T", "mT", "H", "mH", "data", "real")
)  # properties that are tensors


def is_of_the_first(call: TracedCall, args: Sequence[Any]) -> bool:
    """Whether what a call gives depends on the first of its tensors alone: so do whole numbers that are chosen of equal
    ones, wherever they are looked for."""
    if call.name in OF_THE_FIRST:
        return True
    source = args[0] if call.name in _CHOOSES and args else None
    if not isinstance(source, Tensor) or source.is_floating_point() or not source.numel():
        return False
    return bool((source == source.flatten()[0]).all())


_CHOOSES: Final = frozenset(("gather", "index_select", "take", "take_along_dim"))
"""Functions that choose numbers of the first tensor by those of another."""


def says_no_values(function: Callable[..., Any]) -> bool:
    """Whether a call of a function says nothing of the numbers in a tensor."""
    return getattr(function, "__name__", "") in SILENT and function not in _VIEWS
