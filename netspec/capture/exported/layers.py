"""Layers of torch's with parameters that a spec has as layers alone, made anew from the operator that computes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from torch import nn

from netspec.capture.exported.program import ExportedGraph, ProgramNode, ValueName


class MadeLayer(NamedTuple):
    """A layer, where it stands, and how it is called."""

    path: str
    layer: nn.Module
    args: tuple[Any, ...]
    outputs: tuple[Any, ...]


def layer_made(graph: ExportedGraph, node: ProgramNode) -> MadeLayer | None:
    """The layer that an operator is; None where it is none, or its parameters have other names than a layer's."""
    read = _READERS.get(node.target.removeprefix("aten."))
    return None if read is None else read(graph, node)


def prefix_of(graph: ExportedGraph, given: dict[str, Any]) -> str | None:
    """The path of the layer whose parameters and buffers these are, by their names in it; None if there is none."""
    found: set[str] = set()
    for own, value in given.items():
        if value is None:
            continue
        held = graph.held.get(value.name) if isinstance(value, ValueName) else None
        if held is None or held.kind == "constant" or held.key.rpartition(".")[2] != own:
            return None
        found.add(held.key.rpartition(".")[0])
    return found.pop() if len(found) == 1 and "" not in found else None


def _batch_norm(graph: ExportedGraph, node: ProgramNode) -> MadeLayer | None:
    names = ("weight", "bias", "running_mean", "running_var")
    path = prefix_of(graph, {name: node.args.get(name) for name in names})
    mean, value = node.args.get("running_mean"), node.args["input"]
    if path is None or mean is None or (node.args.get("weight") is None) != (node.args.get("bias") is None):
        return None
    if bool(node.args.get("training", False)) != is_training(graph):
        return None
    kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}.get(_rank(graph, value))
    if kind is None:
        return None
    layer = kind(
        graph.tensors[mean.name].sizes[0], eps=node.args.get("eps", 1e-5), momentum=node.args.get("momentum", 0.1),
        affine=node.args.get("weight") is not None, device="meta",
    )  # fmt: skip
    return MadeLayer(path, layer, (value,), node.outputs[:1])


def is_training(graph: ExportedGraph) -> bool:
    """Whether a program was exported in training mode: a dropout or a norm of it is."""
    return any(node.args.get("training") is True or node.args.get("train") is True for node in graph.nodes)


def _rank(graph: ExportedGraph, value: ValueName) -> int:
    return len(graph.tensors[value.name].sizes)


def _transposed(graph: ExportedGraph, node: ProgramNode) -> MadeLayer | None:
    if node.target == "aten.convolution.default" and not node.args.get("transposed"):
        return None
    path = prefix_of(graph, {name: node.args.get(name) for name in ("weight", "bias")})
    if path is None:
        return None
    sizes = graph.tensors[node.args["weight"].name].sizes
    kinds: dict[int, Callable[..., nn.Module]] = {
        3: nn.ConvTranspose1d, 4: nn.ConvTranspose2d, 5: nn.ConvTranspose3d,
    }  # fmt: skip
    kind = kinds.get(len(sizes))
    if kind is None:
        return None
    groups = node.args.get("groups", 1)
    given: dict[str, Any] = {
        name: tuple(node.args[name]) if isinstance(node.args[name], list) else node.args[name]
        for name in ("stride", "padding", "output_padding", "dilation")
        if name in node.args
    }
    layer = kind(
        sizes[0], sizes[1] * groups, tuple(sizes[2:]), groups=groups, bias=node.args.get("bias") is not None,
        device="meta", **given,
    )  # fmt: skip
    return MadeLayer(path, layer, (node.args["input"],), node.outputs[:1])


def _prelu(graph: ExportedGraph, node: ProgramNode) -> MadeLayer | None:
    weight = node.args["weight"]
    path = prefix_of(graph, {"weight": weight})
    if path is None:
        return None
    return MadeLayer(
        path, nn.PReLU(graph.tensors[weight.name].sizes[0], device="meta"), (node.args["self"],), node.outputs[:1]
    )


def _linear(graph: ExportedGraph, node: ProgramNode) -> MadeLayer | None:
    path = prefix_of(graph, {name: node.args.get(name) for name in ("weight", "bias")})
    sizes = graph.tensors[node.args["weight"].name].sizes
    if path is None or len(sizes) != 2:
        return None
    layer = nn.Linear(sizes[1], sizes[0], bias=node.args.get("bias") is not None, device="meta")
    return MadeLayer(path, layer, (node.args["input"],), node.outputs[:1])


def _embedding(graph: ExportedGraph, node: ProgramNode) -> MadeLayer | None:
    path = prefix_of(graph, {"weight": node.args["weight"]})
    sizes = graph.tensors[node.args["weight"].name].sizes
    padding = node.args.get("padding_idx", -1)
    if path is None or len(sizes) != 2 or node.args.get("scale_grad_by_freq") or node.args.get("sparse"):
        return None
    layer = nn.Embedding(*sizes, padding_idx=padding if 0 <= padding < sizes[0] else None, device="meta")
    return MadeLayer(path, layer, (node.args["indices"],), node.outputs[:1])


_READERS: Final[dict[str, Callable[[ExportedGraph, ProgramNode], MadeLayer | None]]] = {
    **dict.fromkeys(
        (
            "batch_norm.default", "_native_batch_norm_legit_no_training.default", "native_batch_norm.default",
            "_native_batch_norm_legit_functional.default", "_native_batch_norm_legit.default",
            "_batch_norm_with_update.default", "_batch_norm_with_update_functional.default",
        ),
        _batch_norm,
    ),
    **dict.fromkeys(
        ("conv_transpose1d.default", "conv_transpose2d.input", "conv_transpose3d.input", "convolution.default"),
        _transposed,
    ),
    "linear.default": _linear,
    "embedding.default": _embedding,
    "prelu.default": _prelu,
    "_prelu_kernel.default": _prelu,
}  # fmt: skip
