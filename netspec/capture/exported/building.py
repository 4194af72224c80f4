"""A program's graph → the module of torch's that computes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from netspec.capture.exported.composites import composite_made
from netspec.capture.exported.layers import MadeLayer, is_training, layer_made
from netspec.capture.exported.parts import (
    ExportedPart,
    ExportedRoot,
    InnerCall,
    LayerCall,
    PartCall,
    check_known,
    root_class,
)
from netspec.capture.exported.program import ExportedGraph, ProgramNode
from netspec.capture.exported.regions import IN_STEPS, RegionDraft, ValuesAround, drafted
from netspec.capture.exported.steps import PartStep
from netspec.capture.graph import NotCaptured
from netspec.capture.running.named import named_modules


def built(graph: ExportedGraph, batch: int) -> ExportedRoot:
    """The module that a program is, without numbers.

    Args:
        graph: the program, in which nothing changes in place.
        batch: the size of the first axis of its inputs.

    Raises:
        NotCaptured: it has an operator that no spec says, or names that no module has.
    """
    return _RootBuilder(graph, batch).run()


class _RootBuilder:
    def __init__(self, graph: ExportedGraph, batch: int) -> None:
        self.graph = graph
        self.around = ValuesAround(graph)
        draft = drafted(graph)
        kind = root_class(_class_name(draft.kind), graph.inputs)
        self.root = kind(graph.inputs, batch, training=is_training(graph))
        self.draft = draft
        self.kinds = {region.module: region.kind for region in _regions(draft)}

    def run(self) -> ExportedRoot:
        call = self._call(self.draft)
        call.inputs, call.outputs = tuple(self.graph.inputs), tuple(self.graph.outputs)
        self.root.netspec_calls.append(call)
        read = {name for node in self.graph.nodes for name in node.reads} | set(self.graph.outputs)
        modules = named_modules(self.root)
        for name, held in self.graph.held.items():
            path, _, own = held.key.rpartition(".")
            layer = modules.get(path) if held.kind != "constant" else None
            if name in read or (
                layer is not None and own in {*own_of(layer, "_parameters"), *own_of(layer, "_buffers")}
            ):
                self.root.netspec_held[name] = held
                if held.kind != "constant":
                    self.module_at(path)
        return self.root

    # ---- the tree

    def module_at(self, path: str) -> nn.Module:
        """The module of a path, made if there is none yet."""
        module: nn.Module = self.root
        walked: list[str] = []
        for name in path.split(".") if path else ():
            walked.append(name)
            part = own_of(module, "_modules").get(name)
            if part is None:
                where = ".".join(walked)
                part = type(_class_name(self.kinds.get(where, "")), (ExportedPart,), {})()
                self._put(module, name, part, where)
            module = part
        return module

    def _put(self, module: nn.Module, name: str, part: nn.Module, where: str) -> None:
        if not name.isprintable() or hasattr(nn.Module, name) or name in vars(module):
            raise NotCaptured(f"`{where[:80]}` is a path that no module has; the file is damaged")
        module.add_module(name, part)

    # ---- calls

    def _call(self, region: RegionDraft) -> PartCall:
        call = PartCall(())
        for item in region.items:
            if isinstance(item, RegionDraft):
                self._inner(item, call)
                continue
            made = layer_made(self.graph, item)
            if made is not None and self._put_layer(made):
                call.steps.append(LayerCall(made.path, made.args, made.outputs, item.place))
                continue
            check_known(item)
            call.steps.append(self._step(item))
        return call

    def _inner(self, region: RegionDraft, call: PartCall) -> None:
        inputs, outputs = self.around.of(region)
        nodes = list(region.nodes())
        made = composite_made(self.graph, region.module, region.kind, nodes, inputs, outputs)
        if made is not None and self._put_layer(made):
            call.steps.append(LayerCall(made.path, made.args, made.outputs, region.place))
            return
        part = self.module_at(region.module)
        if not isinstance(part, ExportedPart):
            raise NotCaptured(f"{nodes[0].told()}`{region.module}` is a layer in one call and not in another")
        inner = self._call(region)
        inner.inputs, inner.outputs = tuple(inputs), tuple(outputs)
        part.netspec_calls.append(inner)
        index = len(part.netspec_calls) - 1
        call.steps.append(InnerCall(region.module, index, inner.inputs, inner.outputs, region.place))

    def _put_layer(self, made: MadeLayer) -> bool:
        """Put a layer where it stands; not where there is a module with steps of its own, or another layer."""
        path, _, name = made.path.rpartition(".")
        module = self.module_at(path)
        known = own_of(module, "_modules").get(name)
        if known is not None:
            return type(known) is type(made.layer) and repr(known) == repr(made.layer)
        if made.path in self.kinds and self.kinds[made.path] not in IN_STEPS:
            return False
        self._put(module, name, made.layer, made.path)
        return True

    def _step(self, node: ProgramNode) -> PartStep:
        tensors = self.graph.tensors
        made, read = node.outputs[0], node.reads[0] if node.reads else ""
        return PartStep(
            node,
            tensors[made].sizes if made in tensors else (),
            tensors[read].sizes if read in tensors else (),
            any(name not in tensors for name in node.reads),
        )


def own_of(module: nn.Module, what: str) -> dict[str, Any]:
    """The parameters, the buffers or the parts of a module, without those in its parts."""
    return vars(module)[what]


def _regions(region: RegionDraft) -> list[RegionDraft]:
    inner = [each for item in region.items if isinstance(item, RegionDraft) for each in _regions(item)]
    return [region, *inner]


def _class_name(text: str) -> str:
    found = re.sub(r"\W", "", text.rpartition(".")[2], flags=re.ASCII)[:60]
    return found if found.isidentifier() else "Network"


def filled(root: ExportedRoot, number: Callable[[str], Tensor], requires_grad: Callable[[str], bool]) -> None:
    """Give a module its numbers.

    Args:
        root: the module.
        number: the tensor of a name of the graph, the same for names that share it.
        requires_grad: whether that of a name trains.
    """
    shared: dict[int, nn.Parameter] = {}
    is_meta = False
    for name, held in root.netspec_held.items():
        tensor = number(name)
        is_meta = tensor.is_meta
        if held.kind == "constant":
            root.netspec_constants[name] = tensor
            continue
        path, _, own = held.key.rpartition(".")
        module = root.get_submodule(path)
        if (
            not own
            or "." in own
            or (
                own not in own_of(module, "_parameters")
                and own not in own_of(module, "_buffers")
                and hasattr(module, own)
            )
        ):
            raise NotCaptured(f"`{held.key[:80]}` is a key that no module has; the file is damaged")
        if held.kind == "parameter":
            known = shared.setdefault(id(tensor), nn.Parameter(tensor, requires_grad=requires_grad(name)))
            _check_sizes(own_of(module, "_parameters").get(own), tensor, held.key)
            setattr(module, own, known)
        elif own in own_of(module, "_buffers"):
            _check_sizes(own_of(module, "_buffers")[own], tensor, held.key)
            setattr(module, own, tensor)
        else:
            module.register_buffer(own, tensor, persistent=held.persistent)
    for key, tensor in [*root.named_parameters(), *root.named_buffers()]:
        if tensor.is_meta and not is_meta:
            path, _, own = key.rpartition(".")
            if own != "num_batches_tracked":
                raise NotCaptured(f"`{key}` is missing from the file")
            setattr(root.get_submodule(path), own, torch.tensor(0))


def _check_sizes(before: Any, tensor: Tensor, key: str) -> None:
    if before is not None and tuple(before.shape) != tuple(tensor.shape):
        raise NotCaptured(
            f"`{key}` has the sizes {tuple(tensor.shape)}, and its layer needs {tuple(before.shape)}; the file is "
            "damaged"
        )
