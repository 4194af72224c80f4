"""Parameters that are one under several keys, which is `tie` in a spec."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.items import PlacedItem, flattened
from netspec.capture.shaping.shape import identity, takes_index


def tie(items: list[PlacedItem], module: nn.Module) -> None:
    """Write `tie` beside each layer that has a parameter of an earlier one."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    homes: dict[int, str] = {}
    seen: set[tuple[str, ...]] = set()
    for item, path in _leaves(items, ""):
        if identity(item) in seen:  # the same module again
            continue
        seen.add(identity(item))
        tied: dict[str, str] = {}
        for name, key in item.keys.items():
            parameter = parameters.get(key)
            if parameter is None:
                continue
            home = homes.setdefault(id(parameter), f"{path}.{name}")
            if home != f"{path}.{name}":
                tied[name] = home
        if tied:
            item.options["tie"] = tied


def _leaves(items: list[PlacedItem], path: str) -> Iterator[tuple[PlacedItem, str]]:
    """The layers, each with its key in the spec's module."""
    index = 0
    for item in flattened(items):
        own = f"{path}{item.name or index}"
        if item.body is not None:
            yield from _leaves(item.body, f"{own}.")
        else:
            yield item, own
        index += takes_index(item)


def check_memory(module: nn.Module) -> None:
    """Refuse parameters that share memory without being one: they train as two that are moved twice, and a copy of the
    module has them apart.

    Raises:
        NotCaptured: there are such.
    """
    spans: list[tuple[int, int, str, nn.Parameter]] = []
    for key, parameter in module.named_parameters():
        if not parameter.numel():
            continue
        if parameter.device.type != "cpu":
            raise NotCaptured(
                f"`{key}` is on `{parameter.device}`: a module is run on the CPU, where `module.cpu()` brings it"
                if parameter.device.type != "meta"
                else f"`{key}` is on the device `meta`, and has no numbers to run with: make the module without it"
            )
        start = parameter.data_ptr()
        spans.append((start, start + _extent(parameter), key, parameter))
    spans.sort(key=lambda span: span[:2])
    for (first, end, key, one), (second, _, other, two) in pairwise(spans):
        if second >= end:
            continue
        same = first == second and one.shape == two.shape and one.stride() == two.stride()
        advice = f": `module.{other} = module.{key}` makes them one, and the spec has `tie`" if same else ""
        raise NotCaptured(
            f"`{key}` and `{other}` share memory, but are two parameters, of which an optimizer moves each; no spec "
            f"says that{advice}"
        )


def _extent(tensor: Tensor) -> int:
    """From the first byte of a tensor to behind its last."""
    steps = sum((size - 1) * abs(stride) for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return (steps + 1) * torch.empty((), dtype=tensor.dtype).element_size()
