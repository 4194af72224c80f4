"""Modules of netspec's whose branches a spec joins in a way of its own."""

from __future__ import annotations

from typing import Any, Final

from netspec.capture.graph import Place, Region, TracedCall
from netspec.torch.attention import Attend

SIDES: Final = ("mask", "bias")
"""What `attend` has beside its branches."""

_OF_ATTENTION: Final = ("heads", "kv_heads", "is_causal", "scale", "window", "rotary", "dropout")


def attended(*branches: Any, **options: Any) -> None:
    """What netspec's own attention does with what its branches give; never called, but in a trace."""


def joined(module: Attend, region: Region, place: Place | None) -> TracedCall:
    """The call that stands for what a module does with the results of its branches."""
    results = [step.result for step in region.steps]
    sides = [side for side in SIDES if getattr(module, side) is not None]
    count = len(results) - len(sides)
    told = {name: getattr(module, name) for name in _OF_ATTENTION}
    given = {name: value for name, value in told.items() if value not in (None, False, 0.0)}
    kwargs = dict(zip(sides, results[count:], strict=True)) | given
    return TracedCall(attended, None, region.path, tuple(results[:count]), kwargs, place)
