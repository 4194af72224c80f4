"""Which layer of a net it is that cannot be exported: each is tried alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from netspec.net import Combinator, Leaf, Net, walk
from netspec.trainer.serving.onnx_file import to_model
from netspec.trainer.serving.programs import quietly


def culprit(net: Net, model: nn.Module, values: tuple[Tensor, ...], form: str) -> Leaf | Combinator | None:
    """The first layer that cannot be exported, or else the first combinator; None if each can be by itself.

    Args:
        net: the net.
        model: its module, in eval mode.
        values: a batch of its inputs.
        form: `onnx`, or `pt2` for what torch.export cannot follow.
    """
    nodes = [node for node in walk(net.root) if isinstance(node, Leaf | Combinator) and not node.again]
    calls = _calls(model, {node.path for node in nodes}, values)
    tried: set[str] = set()
    # of what stands in another one the inner is to blame: leaves first, then combinators from the end
    ordered = [node for node in nodes if isinstance(node, Leaf)]
    ordered += [node for node in reversed(nodes) if isinstance(node, Combinator)]
    for node in ordered:
        if node.path not in calls:
            continue
        module, given = model.get_submodule(node.path), calls[node.path]
        what = f"{module!r} {[tuple(t.shape) if isinstance(t, Tensor) else t for t in given]}"
        if what not in tried and not _exports(module, given, len(values[0]), to_onnx=form == "onnx"):
            return node
        tried.add(what)
    return None


def _calls(model: nn.Module, paths: set[str], values: tuple[Tensor, ...]) -> dict[str, tuple[Any, ...]]:
    """What each module is first called with."""
    calls: dict[str, tuple[Any, ...]] = {}

    def seen(path: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def note(_: nn.Module, given: tuple[Any, ...]) -> None:
            calls.setdefault(path, given)

        return note

    hooks = [model.get_submodule(path).register_forward_pre_hook(seen(path)) for path in paths]
    try:
        with torch.no_grad():
            model(*values)
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def _exports(module: nn.Module, given: tuple[Any, ...], batch: int, *, to_onnx: bool) -> bool:
    axes: Any = tuple(
        {0: Dim("batch")} if isinstance(t, Tensor) and t.ndim and len(t) == batch else None for t in given
    )
    axes = (axes,) if _takes_any(module) else axes
    try:
        with quietly():
            program = torch.export.export(module, given, dynamic_shapes=axes)
            if to_onnx:
                to_model(program)
    except Exception:  # whatever an exporter raises is a no
        return False
    return True


def _takes_any(module: nn.Module) -> bool:
    """Whether `forward` takes however many tensors."""
    code = module.forward.__code__
    return bool(code.co_flags & 4)
