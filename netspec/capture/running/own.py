"""Modules of netspec's, where they are or copied into a file that it has written, and how its attention joins."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any, Final, cast

from torch import nn

from netspec.capture.graph import Place, Region, TracedCall
from netspec.emit.python import without_values
from netspec.layers.base import NAMESPACES
from netspec.torch.attention import Attend
from netspec.torch.modules import Mixture

_OF_SCORES: Final = ("mask", "bias")
SIDES: Final = (*_OF_SCORES, "router")
"""What `attend` and `mixture` have beside their branches."""

_OF_ATTENTION: Final = ("heads", "kv_heads", "is_causal", "scale", "window", "rotary", "dropout")


def attended(*branches: Any, **options: Any) -> None:
    """What netspec's own attention does with what its branches give; never called, but in a trace."""


def mixed(*branches: Any, **options: Any) -> None:
    """What netspec's own mixture of experts does with what its branches give; never called, but in a trace."""


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
        whole = inspect.getsource(found)
        return found if inspect.getsource(kind) in (whole, without_values(whole)) else kind
    except (OSError, TypeError):  # it was typed at a prompt
        return kind


def own_buffers(module: nn.Module) -> frozenset[str]:
    """The keys of the buffers of netspec's own modules in a module, saved or not."""
    every = cast("Iterable[tuple[str, nn.Module]]", module.named_modules())
    found = [(path, part) for path, part in every if _is_own(original(type(part)))]
    return frozenset(f"{path}.{name}" for path, part in found for name, _ in part.named_buffers(recurse=False))


def _is_own(kind: type[nn.Module]) -> bool:
    return kind.__module__.startswith("netspec.")


def joins(module: nn.Module) -> bool:
    """Whether a module is one of netspec's that joins what its branches give, and says by itself how."""
    return issubclass(original(type(module)), (Attend, Mixture))


def ran_all(module: Any, *given: Any) -> bool:
    """Run the router and the experts of a mixture, each on all vectors, and not on the few that are sent to it; whether
    a module is one."""
    if not _mixes(module):
        return False
    for part in (module.router, *module.branches):
        part(*given)
    return True


def _mixes(module: nn.Module) -> bool:
    return issubclass(original(type(module)), Mixture)


def joined(module: Any, region: Region, place: Place | None) -> TracedCall:
    """The call that stands for what a module does with the results of its branches."""
    results = [step.result for step in region.steps]
    if _mixes(module):
        options = {"router": results[0], "top": module.top} | ({} if module.normalize else {"normalize": False})
        return TracedCall(mixed, None, region.path, tuple(results[1:]), options, place)
    sides = [side for side in _OF_SCORES if getattr(module, side) is not None]
    count = len(results) - len(sides)
    told = {name: getattr(module, name) for name in _OF_ATTENTION}
    given = {name: value for name, value in told.items() if value not in (None, False, 0.0)}
    kwargs = dict(zip(sides, results[count:], strict=True)) | given
    return TracedCall(attended, None, region.path, tuple(results[:count]), kwargs, place)
