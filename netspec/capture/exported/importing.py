"""A file of `torch.export.save` → the spec of its program, and its weights under the spec's keys."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Final, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor, nn

from netspec.capture.exported.archive import ExportedArchive, opened
from netspec.capture.exported.building import built, filled
from netspec.capture.exported.functional import functional
from netspec.capture.exported.linears import with_linears
from netspec.capture.exported.literal import literally
from netspec.capture.exported.numbers import ArchiveNumbers, TensorPlace
from netspec.capture.exported.parts import ExportedRoot, floats_of
from netspec.capture.exported.program import ExportedGraph, ProgramNode, ValueName, read_graph
from netspec.capture.exported.steps import DTYPES, BatchPlan
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import FromTorch, from_torch
from netspec.capture.proving.differences import CLOSE, share_apart
from netspec.capture.proving.proof import in_layouts
from netspec.capture.running.precision import in_64_bits
from netspec.torch.build import build
from netspec.torch.carrying import by_keys

_MOST: Final = 2**28
"""Numbers in a tensor that a program computes."""


class ImportedProgram(NamedTuple):
    """What came of a program."""

    found: FromTorch
    weights: dict[str, Tensor]
    """By the keys of the spec."""
    difference: float
    """The largest of the outputs with these weights, as a share of the largest value; that of the program's own
    steps."""
    notes: tuple[str, ...]

    def saved(self) -> bytes:
        """The weights as a file."""
        return save(self.weights)


def from_exported(
    path: Path, name: str | None = None, *, is_flat: bool = False, is_verified: bool = True
) -> ImportedProgram:
    """The spec of a program that `torch.export.save` wrote, read as data: nothing in it is unpickled or run as code.

    The program is written as a module of torch's, of which the spec is proven as that of any other. With the program's
    weights the spec then gives what the program's own steps give, in 64 bits.

    Args:
        path: the file.
        name: of the network; that of the file if left out.
        is_flat: say everything once, without blocks and loops.
        is_verified: hold the spec against the module.

    Raises:
        NotCaptured: the file is damaged, or does what a spec cannot say.
    """
    archive = opened(path)
    root, numbers, graph = module_of(archive)
    example = _example(graph)
    found = from_torch(root, *example, name=name or path.stem, is_flat=is_flat, is_verified=is_verified)
    state = root.state_dict()
    net = build(found.net, check_memory=False)
    shapes = {key: value.shape for key, value in net.state_dict().items()}
    weights = {key: x.contiguous().clone() for key, x in by_keys(state, found.keys, shapes).items()}
    net.load_state_dict(weights)
    difference = _compared(archive, numbers, root, net, found)
    return ImportedProgram(found, weights, difference, tuple(_notes(graph, root, numbers)))


def module_of(archive: ExportedArchive) -> tuple[ExportedRoot, ArchiveNumbers, ExportedGraph]:
    """The module that the program of an archive is, with its numbers.

    Raises:
        NotCaptured: the file is damaged, or does what a spec cannot say.
    """
    graph = read_graph(archive)
    _check_sizes(graph)
    numbers = ArchiveNumbers(archive, graph)
    functional(graph)
    with_linears(graph)
    functional(graph)
    _by_their_modules(graph, numbers)
    batch = _batch(graph, archive)
    _check_outputs(graph)
    root = built(graph, batch)
    metas: dict[TensorPlace, Tensor] = {}

    def empty(name: str) -> Tensor:
        meta = graph.tensors.get(name)
        if meta is None:
            raise NotCaptured(f"{archive.path}: nothing is said of `{name}`; the file is damaged")
        made = torch.empty(meta.sizes, dtype=floats_of(meta.dtype), device="meta")
        return metas.setdefault(numbers.place(name), made)

    filled(root, empty, numbers.requires_grad)
    _planned(root, graph, batch)
    filled(root, numbers.tensor, numbers.requires_grad)
    return root, numbers, graph


def _check_sizes(graph: ExportedGraph) -> None:
    for name, meta in graph.tensors.items():
        if name not in graph.held and prod(meta.sizes) > _MOST:
            raise NotCaptured(f"`{name[:60]}` has {prod(meta.sizes):,} numbers, and at most {_MOST:,} are computed")


def _by_their_modules(graph: ExportedGraph, numbers: ArchiveNumbers) -> None:
    """Parameters that are one have in each module the name that they have there."""
    same: dict[TensorPlace, list[str]] = {}
    for name, held in graph.held.items():
        if held.kind == "parameter":
            same.setdefault(numbers.place(name), []).append(name)
    for names in same.values():
        if len(names) > 1:
            for node in graph.nodes:
                _renamed(graph, node, names)


def _renamed(graph: ExportedGraph, node: ProgramNode, names: Sequence[str]) -> None:
    path = node.stack[-1][0].partition("@")[0] if node.stack else ""
    own = next((name for name in names if graph.held[name].key.rpartition(".")[0] == path), None)
    if own is None:
        return
    for key, value in node.args.items():
        if isinstance(value, ValueName) and value.name in names:
            node.args[key] = ValueName(own)
    node.reads = [own if name in names else name for name in node.reads]


def _batch(graph: ExportedGraph, archive: ExportedArchive) -> int:
    found = {name: graph.tensors[name].sizes[:1] for name in graph.inputs}
    sizes = set(found.values())
    if () in sizes or len(sizes) != 1 or 0 in next(iter(sizes)):
        told = " and ".join(f"`{name}` {list(graph.tensors[name].sizes)}" for name in graph.inputs)
        raise NotCaptured(f"{archive.path}: the first axis of each input is its batch in a spec, and there are {told}")
    return next(iter(sizes))[0]


def _check_outputs(graph: ExportedGraph) -> None:
    """Refuse outputs that are the same whatever the inputs are."""
    decided = set(graph.inputs)
    for node in graph.nodes:
        if not decided.isdisjoint(node.reads):
            decided.update(name for name in node.outputs if name is not None)
    for name in graph.outputs:
        if name not in decided:
            told = f"it is `{graph.held[name].key}`" if name in graph.held else "it is a constant"
            raise NotCaptured(
                f"no input decides the output `{name}`: {told}, and a spec says what is computed: export the module "
                "without that output"
            )


def _planned(root: ExportedRoot, graph: ExportedGraph, batch: int) -> None:
    """Run without numbers: as the example, whose sizes are in the file, and on another batch, to see what grows."""

    def given(count: int) -> list[Tensor]:
        metas = [graph.tensors[name] for name in graph.inputs]
        return [torch.empty((count, *m.sizes[1:]), dtype=floats_of(m.dtype), device="meta") for m in metas]

    def shapes(count: int, plan: BatchPlan | None) -> list[tuple[int, ...]]:
        with torch.device("meta"), torch.no_grad():
            return [tuple(output.shape) for output in root.run(given(count), plan)]

    wanted = [graph.tensors[name].sizes for name in graph.outputs]
    if shapes(batch, None) != wanted:
        raise NotCaptured(f"the program gives {shapes(batch, None)}, and {wanted} in the file; it is damaged")
    other = batch + 11
    try:
        found = shapes(other, BatchPlan())
    except NotCaptured as error:
        raise NotCaptured(f"{error}\n{_ALONE.format(batch)}") from None
    for sizes, own in zip(wanted, found, strict=True):
        if own != (other, *sizes[1:]):
            raise NotCaptured(f"on a batch of {other} the program gives {own}; {_ALONE.format(batch)}")


_ALONE: Final = (
    "it was exported for a batch of {} alone, if the first axis of its input is that, and on another one it does "
    "something else, or that number is another size of it, too: export it with `dynamic_shapes`, or with a batch "
    "that is no other size, such as 5"
)


def _example(graph: ExportedGraph) -> list[Tensor]:
    """Inputs of the sizes that the program was exported with, for a batch of 2."""
    tables = [
        graph.tensors[node.args["weight"].name].sizes[0]
        for node in graph.nodes
        if node.target == "aten.embedding.default" and isinstance(node.args.get("weight"), ValueName)
    ]
    found: list[Tensor] = []
    for name in graph.inputs:
        meta = graph.tensors[name]
        shape, dtype = (2, *meta.sizes[1:]), floats_of(meta.dtype)
        if dtype.is_floating_point:
            found.append(torch.randn(shape, generator=torch.Generator().manual_seed(1)))
        else:
            high = 2 if dtype == torch.bool else max(min(tables, default=2), 1)
            made = torch.randint(0, high, shape, generator=torch.Generator().manual_seed(1))
            if made.numel() and dtype != torch.bool:
                made.view(-1)[0] = high - 1
            found.append(made.to(dtype))
    return found


# ---- what it is held against


def _compared(
    archive: ExportedArchive, numbers: ArchiveNumbers, root: ExportedRoot, net: nn.Module, found: FromTorch
) -> float:
    """How much the spec with the program's weights differs from the program's own steps."""
    graph = read_graph(archive)
    generator = torch.Generator().manual_seed(7)
    inputs: list[Tensor] = []
    for name, example in zip(graph.inputs, _example(graph), strict=True):
        sizes = graph.tensors[name].sizes
        if example.is_floating_point():
            inputs.append(torch.randn(sizes, generator=generator, dtype=torch.float64))
        else:
            high = int(example.max()) + 1 if example.numel() else 1
            inputs.append(torch.randint(0, high, sizes, generator=generator).to(example.dtype))
    net.double().train(root.netspec_training)
    with torch.no_grad(), in_64_bits():
        torch.default_generator.manual_seed(7)
        own = literally(graph, numbers.tensor, [x.clone() for x in inputs])
        torch.default_generator.manual_seed(7)
        theirs = net(*(x.clone() for x in inputs))
    theirs = [theirs] if isinstance(theirs, Tensor) else [x for x in theirs if isinstance(x, Tensor)]
    worst, own = 0.0, in_layouts(own, found.layouts, inputs[0].shape[0])
    for i, (a, b) in enumerate(zip(own, theirs, strict=True)):
        if a.shape != b.shape:
            raise NotCaptured(f"output {i + 1} is {tuple(a.shape)} in the program and {tuple(b.shape)} in the spec")
        worst = max(worst, share_apart(b, a, 1e-300))
    if not worst <= CLOSE:
        raise NotCaptured(
            f"{archive.path}: with the program's weights the spec differs from the program by {worst:.1e} of the "
            "largest value of its outputs"
        )
    return worst


def _notes(graph: ExportedGraph, root: ExportedRoot, numbers: ArchiveNumbers) -> list[str]:
    notes: list[str] = []
    if not root.netspec_training and graph.dialect != "TRAINING":
        notes.append(
            "the program was exported in eval mode and decomposed: its dropout is not there any more, nor in the spec"
        )
    unread = [held.key for name, held in graph.held.items() if name not in root.netspec_held]
    own = set(root.state_dict())
    unread = sorted(key for key in unread if key not in own)
    if unread:
        more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
        notes.append(f"`{unread[0]}`{more}: no output depends on them, and the spec has them not")
    dtypes = {graph.tensors[name].dtype for name, held in root.netspec_held.items() if held.kind == "parameter"}
    other = [dtype for dtype in sorted(dtypes) if DTYPES.get(dtype, torch.int64).is_floating_point]
    return [*notes, *(f"weights of {dtype} are written as float32" for dtype in other if dtype != "float32")]
