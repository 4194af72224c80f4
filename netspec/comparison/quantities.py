"""The quantities by which nets are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import networkx as nx

from netspec.dims import Dim, Size, counted, product
from netspec.net import Net, total
from netspec.views.describe import bytes_text, count_text, title_text
from netspec.views.graph import graph

_FLOAT32: Final = 4
"""Bytes of a float32."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is counted of a net."""

    key: str
    """Its name in JSON and CSV."""
    title: str
    of: Callable[[Net], Size]
    in_bytes: bool = False

    def text(self, value: Size) -> str:
        """A value for people."""
        return bytes_text(value) if self.in_bytes and isinstance(value, int) else count_text(value)


def _activations(net: Net) -> Size:
    return total(
        counted(lambda leaf=leaf: product(leaf.output_shape) * (1 if leaf.output.constant else leaf.slices))
        for leaf in net.layers
    )


def _depth(net: Net) -> int:
    """The number of layers on the longest path, by the topological order. Joins and auxiliary heads do not count."""
    view = graph(net)
    longest: dict[str, int] = {}
    for node in nx.topological_sort(view):
        before = max((longest[other] for other in view.predecessors(node)), default=0)
        longest[node] = before + (view.nodes[node]["kind"] == "layer" and not view.nodes[node]["auxiliary"])
    return max(longest.values())


QUANTITIES: Final[tuple[Quantity, ...]] = (
    Quantity("layers", "layers", lambda net: len(net.layers)),
    Quantity("depth", "longest path", _depth),
    Quantity("params", "parameters", lambda net: net.params),
    Quantity("trainable_params", "trainable", lambda net: net.trainable_params),
    Quantity("buffers", "buffers", lambda net: net.buffers),
    Quantity("macs", "MACs", lambda net: net.macs),
    Quantity("flops", "FLOPs", lambda net: net.flops),
    Quantity("weight_bytes", "weights", lambda net: counted(lambda: _FLOAT32 * net.params), in_bytes=True),
    Quantity("activations", "activations", _activations),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity of two nets."""

    key: str
    """The name of the quantity in JSON."""
    title: str
    a: Size
    b: Size
    in_bytes: bool = False

    @property
    def ratio(self) -> float | None:
        """b / a; None if a is 0 or one of the two is a formula."""
        return ratio(self.a, self.b)


def rows_of(a: Net, b: Net) -> tuple[Row, ...]:
    """Every quantity of two nets."""
    return tuple(Row(q.key, q.title, q.of(a), q.of(b), q.in_bytes) for q in QUANTITIES)


def ratio(first: Size, other: Size) -> float | None:
    """How many times the first value the other one is; None if that is 0 or one of them is a formula."""
    if isinstance(first, Dim) or isinstance(other, Dim) or first == 0:
        return None
    return other / first


def names_of(nets: Sequence[Net]) -> list[str]:
    """A name for each net, no two of them equal: of those with one name the variants tell which is which, or else the
    letters of their places."""
    names = [net.name for net in nets]
    names = [title_text(net) if names.count(net.name) > 1 else net.name for net in nets]
    return [f"{name} ({_place(at)})" if names.count(name) > 1 else name for at, name in enumerate(names)]


def _place(at: int) -> str:
    """A, B, …, Z, 27, 28, …"""
    return chr(ord("A") + at) if at < 26 else str(at + 1)
