"""The nodes of a program as a tree of the calls of modules that they stand in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from netspec.capture.exported.program import ExportedGraph, ProgramNode
from netspec.capture.graph import NotCaptured, Place

_DEEPEST: Final = 64
"""Modules in modules."""


@dataclass(eq=False)
class RegionDraft:
    """One call of a module."""

    path: str
    """With `@1` behind it where it is the second call."""
    kind: str
    around: int = 0
    """How many of the modules around it have a `forward` that is not torch's own."""
    items: list[ProgramNode | RegionDraft] = field(default_factory=list["ProgramNode | RegionDraft"])

    def nodes(self) -> Iterator[ProgramNode]:
        """All in it, in order."""
        for item in self.items:
            if isinstance(item, RegionDraft):
                yield from item.nodes()
            else:
                yield item

    @property
    def module(self) -> str:
        """The path of the module."""
        return self.path.partition("@")[0]

    @property
    def place(self) -> Place | None:
        """Where it is called: a line that all of its nodes come from, the innermost one of those around it."""
        frames = [node.frames for node in self.nodes() if node.frames]
        shared: tuple[str, int, str] | None = None
        for i, together in enumerate(zip(*frames, strict=False)):
            if len(set(together)) > 1 or i == max(self.around, 1):
                break
            shared = together[0]
        return None if shared is None else Place(*shared)


def drafted(graph: ExportedGraph) -> RegionDraft:
    """The whole program, with the calls of its modules in it; torch's own without parts are no calls of their own.

    Raises:
        NotCaptured: modules stand in each other too deeply.
    """
    _sizes_first(graph)
    paths = {path.partition("@")[0] for node in graph.nodes for path, _ in node.stack}
    inner = {path[: found.start()] for path in paths for found in re.finditer(r"\.", path)}
    roots = [node.stack[0][1] for node in graph.nodes if node.stack and node.stack[0][0] == ""]
    root = RegionDraft("", roots[0] if roots else "")
    opened = [root]
    before: Sequence[tuple[str, str]] = ()
    for node in graph.nodes:
        stack = [entry for entry in node.stack if entry[0]] if node.stack else before
        before = stack
        if len(stack) > _DEEPEST:
            raise NotCaptured(f"{node.where}: modules stand in each other more than {_DEEPEST} deep")
        wanted: list[tuple[str, str]] = []
        for path, kind in stack:
            if kind.startswith("torch.nn.") and path.partition("@")[0] not in inner and kind not in IN_STEPS:
                break
            wanted.append((path, kind))
        same = 0
        while same < min(len(opened) - 1, len(wanted)) and opened[same + 1].path == wanted[same][0]:
            same += 1
        del opened[same + 1 :]
        for path, kind in wanted[same:]:
            above = opened[-1].around + (not opened[-1].kind.startswith("torch.nn."))
            part = RegionDraft(path, kind, above)
            opened[-1].items.append(part)
            opened.append(part)
        opened[-1].items.append(node)
    return root


def _sizes_first(graph: ExportedGraph) -> None:
    """Put what computes sizes of the inputs in front: a module computes them where it reads them first, and others go
    on with them."""
    known = set(graph.inputs)
    first: list[ProgramNode] = []
    for node in graph.nodes:
        if node.outputs[0] not in graph.tensors and all(name in known for name in node.reads):
            known.update(name for name in node.outputs if name is not None)
            node.stack = ()
            first.append(node)
    graph.nodes[:] = [*first, *(node for node in graph.nodes if node.stack or node not in first)]


IN_STEPS: Final = frozenset(
    (
        "torch.nn.modules.activation.MultiheadAttention",
        *(f"torch.nn.modules.rnn.{name}" for name in ("LSTM", "GRU", "RNN")),
    )
)
"""Layers without parts that compute in many steps."""


class ValuesAround:
    """What regions read from outside, and what is read of them there."""

    def __init__(self, graph: ExportedGraph) -> None:
        self.graph = graph
        self.reads = Counter([*graph.outputs, *(name for node in graph.nodes for name in node.reads)])

    def of(self, region: RegionDraft) -> tuple[list[str], list[str]]:
        """The values that a region reads from outside, and those that are read of it there."""
        nodes = list(region.nodes())
        made = {name: None for node in nodes for name in node.outputs if name is not None}
        inside = Counter(name for node in nodes for name in node.reads)
        inputs = [name for name in inside if name not in made and name not in self.graph.held]
        return inputs, [name for name in made if self.reads[name] > inside[name]]
