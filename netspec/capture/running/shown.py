"""Masks with which attention computes something, whichever of the two their True means.

The first query of causal attention has one key. A mask says by True that a key takes part, or that it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn

from netspec.capture.running.modes import as_it_was, set_mode
from netspec.capture.running.runs import all_resized, tensors_of
from netspec.capture.running.users import passing


def with_shown_keys(module: nn.Module, example: Sequence[Tensor]) -> Sequence[Tensor]:
    """An example whose masks leave each query of the module's attention a key: the opposite of those given, where they
    do not."""
    if not any(tensor.dtype == torch.bool for tensor in example) or _is_finite(module, example):
        return example
    other = [~tensor if tensor.dtype == torch.bool else tensor for tensor in example]
    return other if _is_finite(module, other) else example


@passing
def _is_finite(module: nn.Module, example: Sequence[Tensor]) -> bool:
    """Whether a module gives finite numbers; also where it fails, which the next run tells."""
    with as_it_was(module), torch.no_grad(), suppress(Exception):
        set_mode(module, training=False)
        given = tensors_of(module(*all_resized(example, 2)))
        return all(bool(torch.isfinite(tensor).all()) for tensor in given)
    return True
