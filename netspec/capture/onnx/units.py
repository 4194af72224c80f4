"""Activations and norms that a file spells out: found by what they compute, and put back as one operator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from netspec.capture.lowering.forms import NoForm
from netspec.capture.onnx.operators import OPERATORS
from netspec.capture.onnx.reading import OnnxNode

_UNITS: Final[list[tuple[str, dict[str, Any], Callable[[Tensor], Tensor]]]] = [
    ("Gelu", {}, F.gelu),
    ("Gelu", {"approximate": "tanh"}, lambda x: F.gelu(x, approximate="tanh")),
    ("Silu", {}, F.silu),
    ("HardSwish", {}, F.hardswish),
    ("Mish", {}, F.mish),
    ("HardSigmoid", {"alpha": 1 / 6}, F.hardsigmoid),
    ("Clip", {"min": 0.0, "max": 6.0}, F.relu6),
    ("Softplus", {}, F.softplus),
]
"""What may be spelled out: the operator, its attributes, and what it computes."""

_BY_VALUE: Final = frozenset(
    (
        "Abs",
        "Add",
        "Clip",
        "Div",
        "Erf",
        "Exp",
        "HardSigmoid",
        "Identity",
        "Log",
        "Max",
        "Min",
        "Mul",
        "Neg",
        "Pow",
        "Reciprocal",
        "Relu",
        "Sigmoid",
        "Softplus",
        "Sqrt",
        "Sub",
        "Tanh",
    )
)
_SEEDS: Final = frozenset(("Clip", "Erf", "Exp", "HardSigmoid", "Min", "Relu", "Sigmoid", "Softplus", "Tanh"))
"""Operators of which one is in each of them."""
_FEW: Final = 16
"""Operators that spell one out at most."""


class _Spelled:
    """Looks for what is spelled out in a graph, and says what stands for it."""

    def __init__(self, nodes: list[OnnxNode], constants: dict[str, Tensor], outputs: list[str]) -> None:
        self.nodes = nodes
        self.constants = constants
        self.at: dict[str, int] = {name: i for i, node in enumerate(nodes) for name in node.outputs if name}
        self.readers: dict[str, list[int]] = defaultdict(list)
        for i, node in enumerate(nodes):
            for name in node.inputs:
                self.readers[name].append(i)
        self.outputs = frozenset(outputs)

    def is_number(self, name: str) -> bool:
        return not name or (name in self.constants and self.constants[name].numel() == 1)

    def ends(self, seed: int, known: frozenset[str]) -> Iterator[int]:
        """Nodes behind a node that may be the last of what is spelled out, each of which the next alone reads."""
        at, count = seed, 0
        while count < _FEW:
            yield at
            readers = set(self.readers[self.nodes[at].outputs[0]])
            ahead = min((i for i in readers if self.nodes[i].op in known), default=None)
            if ahead is None or ahead <= at or self.nodes[at].outputs[0] in self.outputs:
                return
            at, count = ahead, count + 1

    def parts(self, end: int, known: frozenset[str]) -> Iterator[tuple[str, list[int]]]:
        """For each single value that a node is computed of, the value, and the nodes between."""
        inside: set[int] = set()
        open_values = {self.nodes[end].outputs[0]}
        while len(inside) < _FEW:
            last = max(open_values, key=lambda name: self.at.get(name, -1))
            i = self.at.get(last, -1)
            if i < 0 or self.nodes[i].op not in known or (i != end and not self._is_inside(i, inside)):
                return
            axes = self.nodes[i].inputs[1:] if self.nodes[i].op == "ReduceMean" else []
            if any(name not in self.constants for name in axes):
                return
            inside.add(i)
            open_values.discard(last)
            mine = self.nodes[i].inputs[: -len(axes) or None]
            open_values.update(name for name in mine if not self.is_number(name))
            if len(open_values) == 1:
                yield next(iter(open_values)), sorted(inside)
            if not open_values:
                return

    def _is_inside(self, i: int, inside: set[int]) -> bool:
        """Whether what a node gives is read by these nodes alone."""
        names = self.nodes[i].outputs
        return all(name not in self.outputs and inside.issuperset(self.readers[name]) for name in names)

    def value(self, source: str, inside: list[int], x: Tensor) -> Tensor | None:
        """What the nodes compute of a tensor; None where that is nothing of its sizes."""
        values: dict[str, Tensor] = {source: x}
        try:
            for i in inside:
                node = self.nodes[i]
                given = [
                    None if not name else values[name] if name in values else self.constants[name]
                    for name in node.inputs
                ]
                given = [g.double() if g is not None and g.is_floating_point() else g for g in given]
                values[node.outputs[0]] = OPERATORS[node.op](node, given)
        except (NoForm, RuntimeError, IndexError, TypeError, KeyError, ValueError, ArithmeticError):
            return None
        found: Any = values[self.nodes[inside[-1]].outputs[0]]
        return found if isinstance(found, Tensor) and found.shape == x.shape else None


def folded_units(nodes: list[OnnxNode], constants: dict[str, Tensor], outputs: list[str]) -> list[OnnxNode]:
    """The nodes with one in the place of those that spell an activation or a norm out."""
    spelled = _Spelled(nodes, constants, outputs)
    gone: set[int] = set()
    stands: dict[int, OnnxNode] = {}
    for seed, node in enumerate(nodes):
        if seed in gone or node.op not in (*_SEEDS, "Sqrt"):
            continue
        found = _unit(spelled, seed) if node.op in _SEEDS else None
        found = found or _norm(spelled, seed)
        if found is None or gone.intersection(found[1]):
            continue
        new, inside = found
        gone.update(inside)
        stands[inside[-1]] = new
    return [stands.get(i, node) for i, node in enumerate(nodes) if i not in gone or i in stands]


def _unit(spelled: _Spelled, seed: int) -> tuple[OnnxNode, list[int]] | None:
    x = torch.cat(
        [torch.linspace(-9, 9, 37, dtype=torch.float64), torch.tensor([-0.05, 0.05, 30], dtype=torch.float64)]
    )
    best: tuple[OnnxNode, list[int]] | None = None
    for end in spelled.ends(seed, _BY_VALUE):
        for source, inside in spelled.parts(end, _BY_VALUE):
            y = spelled.value(source, inside, x) if len(inside) > 1 and seed in inside else None
            for op, attributes, unit in _UNITS if y is not None else []:
                if y is not None and torch.allclose(y, unit(x), rtol=2e-6, atol=2e-5):
                    last = spelled.nodes[end]
                    best = replace(last, op=op, inputs=[source], attributes=dict(attributes)), inside
    return best


_OF_NORMS: Final = frozenset(("Add", "Div", "Mul", "Pow", "ReduceMean", "Reciprocal", "Sqrt", "Sub", "Identity"))


def _norm(spelled: _Spelled, seed: int) -> tuple[OnnxNode, list[int]] | None:
    """A norm over the last axis: its core, and the product and the sum with weights behind it."""
    best: tuple[str, dict[str, Any], str, list[int]] | None = None
    for end in spelled.ends(seed, _OF_NORMS):
        for source, inside in spelled.parts(end, _OF_NORMS):
            if seed not in inside or not any(spelled.nodes[i].op == "ReduceMean" for i in inside):
                continue
            axes = {axis for i in inside for axis in _axes(spelled, i)}
            if len(axes) != 1:
                continue
            axis = axes.pop()
            sizes = (1,) * (axis - 1) + (3, 8) if 0 < axis < 8 else (3, 8)
            x = torch.linspace(0, 9, 24, dtype=torch.float64).sin().reshape(sizes) / 100  # small, so that `eps` tells
            y = spelled.value(source, inside, x)
            for eps in _numbers(spelled, inside) if y is not None else []:
                for op, norm in (("LayerNormalization", _layer_norm), ("RMSNormalization", _rms_norm)):
                    if y is not None and torch.allclose(y, norm(x, eps), rtol=1e-5, atol=1e-7):
                        attributes = {"axis": axis, "epsilon": eps, "#last": True}
                        best = op, attributes, source, inside  # that of what is less the mean is the larger one
    return None if best is None else _with_weights(spelled, *best)


def _layer_norm(x: Tensor, eps: float) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=eps)


def _rms_norm(x: Tensor, eps: float) -> Tensor:
    return x * (x.square().mean(-1, keepdim=True) + eps).rsqrt()


def _axes(spelled: _Spelled, i: int) -> list[int]:
    node = spelled.nodes[i]
    if node.op != "ReduceMean":
        return []
    found: Any = node.attributes.get("axes") or [
        int(n) for name in node.inputs[1:] for n in spelled.constants[name].reshape(-1)
    ]
    return found or [0, 1]


def _numbers(spelled: _Spelled, inside: list[int]) -> list[float]:
    """The small numbers among nodes, of which one may be `eps`."""
    names = {name for i in inside for name in spelled.nodes[i].inputs if name in spelled.constants}
    found = {float(spelled.constants[name]) for name in names if spelled.constants[name].numel() == 1}
    return [n for n in sorted(found) if 0 < n < 0.1]


def _with_weights(
    spelled: _Spelled, op: str, attributes: dict[str, Any], source: str, inside: list[int]
) -> tuple[OnnxNode, list[int]]:
    inputs, inside = [source], list(inside)
    for wanted in ("Mul", "Add") if op == "LayerNormalization" else ("Mul",):
        last = spelled.nodes[inside[-1]].outputs[0]
        readers = spelled.readers[last]
        node = spelled.nodes[readers[0]] if len(readers) == 1 and last not in spelled.outputs else None
        others = [name for name in node.inputs if name != last] if node is not None and node.op == wanted else []
        if len(others) != 1 or others[0] not in spelled.constants or spelled.constants[others[0]].ndim != 1:
            break
        inputs.append(others[0])
        inside.append(readers[0])
    return replace(spelled.nodes[inside[-1]], op=op, inputs=inputs, attributes=attributes), inside
