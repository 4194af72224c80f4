"""Modules of netspec's, where they are or copied into a file that it has written, and how its attention joins."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any, Final, cast

from torch import nn

from netspec.capture.graph import Place, Region, TracedCall
from netspec.layers.base import NAMESPACES
from netspec.torch.attention import Attend

SIDES: Final = ("mask", "bias")
"""What `attend` has beside its branches."""

_OF_ATTENTION: Final = ("heads", "kv_heads", "is_causal", "scale", "window", "rotary", "dropout")


def attended(*branches: Any, **options: Any) -> None:
    """What netspec's own attention does with what its branches give; never called, but in a trace."""


@cache
def original(kind: type[nn.Module]) -> type[nn.Module]:
    """The class of netspec's that a class is a copy of, word for word, as in a file that it wrote; else itself."""
    if kind.__module__.startswith("torch.") or _is_own(kind):
        return kind
    namespaces = (import_module(name) for name in sorted(NAMESPACES) if name.startswith("netspec."))
    found: Any = next((vars(names)[kind.__name__] for names in namespaces if kind.__name__ in vars(names)), None)
    if found is None:
        return kind
    try:
        return found if inspect.getsource(found) == inspect.getsource(kind) else kind
    except (OSError, TypeError):  # it was typed at a prompt
        return kind


def own_buffers(module: nn.Module) -> frozenset[str]:
    """The keys of the buffers of netspec's own modules in a module, saved or not."""
    every = cast("Iterable[tuple[str, nn.Module]]", module.named_modules())
    found = [(path, part) for path, part in every if _is_own(original(type(part)))]
    return frozenset(f"{path}.{name}" for path, part in found for name, _ in part.named_buffers(recurse=False))


def _is_own(kind: type[nn.Module]) -> bool:
    return kind.__module__.startswith("netspec.")


def attends(module: nn.Module) -> bool:
    """Whether a module is netspec's own attention."""
    return issubclass(original(type(module)), Attend)


def joined(module: Any, region: Region, place: Place | None) -> TracedCall:
    """The call that stands for what a module does with the results of its branches."""
    results = [step.result for step in region.steps]
    sides = [side for side in SIDES if getattr(module, side) is not None]
    count = len(results) - len(sides)
    told = {name: getattr(module, name) for name in _OF_ATTENTION}
    given = {name: value for name, value in told.items() if value not in (None, False, 0.0)}
    kwargs = dict(zip(sides, results[count:], strict=True)) | given
    return TracedCall(attended, None, region.path, tuple(results[:count]), kwargs, place)
