"""Sums and products with one number for each channel, behind a layer with weights: they become part of the weights."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from netspec.capture.onnx.reading import OnnxNode, dtype_read

_WEIGHTED: Final = frozenset(("Conv", "MatMul"))
_JOINS: Final = frozenset(("Add", "Sub", "Mul", "Div"))


def is_key(name: str) -> bool:
    """Whether the file calls numbers as a `state_dict` does."""
    return bool(re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", name, re.ASCII)) and not re.fullmatch(
        r"(val|const|onnx|_)?_*\d+.*", name
    )


def with_channels(
    nodes: Sequence[OnnxNode],
    constants: dict[str, Tensor],
    outputs: Sequence[str],
    number: Callable[[str, Tensor, str], None],
) -> list[OnnxNode]:
    """The nodes with what is added and multiplied for each channel in the weights of the layers in front.

    A first sum is a bias. Other numbers that the file calls as a `state_dict` does stay what they are: they may train.

    Args:
        nodes: those of a graph.
        constants: its numbers.
        outputs: the values that it gives.
        number: notes new numbers: a name, the numbers, and what the file calls them.
    """
    found = list(nodes)
    readers: dict[str, list[int]] = defaultdict(list)
    for i, node in enumerate(found):
        for name in node.inputs:
            readers[name].append(i)
    for i, node in enumerate(nodes):
        known = len(node.inputs) > 1 and node.inputs[1] in constants and node.inputs[0] not in constants
        if node.op not in _WEIGHTED or not known or (len(node.inputs) > 2 and node.inputs[2] not in constants):
            continue
        weight = constants[node.inputs[1]]
        if weight.ndim < 3 if node.op == "Conv" else weight.ndim != 2:
            continue
        behind = _Behind(found, constants, readers, frozenset(outputs), i)
        if behind.follow():
            found[i] = behind.weighted(number)
    return found


class _Behind:
    """What follows one layer."""

    def __init__(
        self,
        nodes: list[OnnxNode],
        constants: dict[str, Tensor],
        readers: dict[str, list[int]],
        outputs: frozenset[str],
        at: int,
    ) -> None:
        self.nodes, self.constants, self.readers, self.outputs = nodes, constants, readers, outputs
        self.node = nodes[at]
        self.weight = constants[self.node.inputs[1]]
        is_map = self.node.op == "Conv"
        self.width = self.weight.shape[0 if is_map else 1]
        self.order: list[int] | None = list(range(self.weight.ndim)) if is_map else None
        """Of maps, where each axis of what the layer gives is now."""
        bias = self.node.inputs[2] if len(self.node.inputs) > 2 else ""
        self.scale = torch.ones(self.width, dtype=torch.float64)
        self.shift = constants[bias].double() if bias else torch.zeros(self.width, dtype=torch.float64)
        self.bias = bias
        self.is_scaled = False

    def follow(self) -> bool:
        """Take what follows into the scale and the shift; whether anything does."""
        name, taken = self.node.outputs[0], False
        if self.shift.shape != (self.width,):
            return False
        while len(self.readers[name]) == 1 and name not in self.outputs:
            i = self.readers[name][0]
            node = self.nodes[i]
            if (
                node.op == "Transpose"
                and self.order is not None
                and len(node.attributes.get("perm", ())) == len(self.order)
            ):
                self.order = [self.order[axis] for axis in node.attributes["perm"]]
            elif node.op in _JOINS and self._join(node, name):
                self.nodes[i] = replace(node, op="Identity", inputs=[name], attributes={})
                taken = True
            elif node.op != "Identity" and not (node.op == "Cast" and _is_float(node)):
                break
            name = node.outputs[0]
        return taken

    def _join(self, node: OnnxNode, name: str) -> bool:
        """Take one sum or product, if it is one with a number for each channel."""
        other = next((each for each in node.inputs if each != name), "")
        if other not in self.constants or not self._of_channels(self.constants[other]):
            return False
        numbers = self.constants[other].double().reshape(-1)
        is_bias = node.op == "Add" and not self.bias and not self.is_scaled
        if (is_key(other) and not is_bias) or (node.op == "Div" and node.inputs[0] != name):
            return False
        self.is_scaled |= node.op in ("Mul", "Div")
        if node.op == "Add":
            self.shift, self.bias = self.shift + numbers, self.bias or other
        elif node.op == "Sub":
            sign = 1 if node.inputs[0] == name else -1
            self.scale, self.shift = self.scale * sign, (self.shift - numbers) * sign
            self.is_scaled |= sign < 0
            self.bias = self.bias or other
        else:
            factor = numbers if node.op == "Mul" else 1 / numbers
            self.scale, self.shift = self.scale * factor, self.shift * factor
        return True

    def _of_channels(self, numbers: Tensor) -> bool:
        """Whether numbers are one for each channel, where the channels are now."""
        if not numbers.is_floating_point() or numbers.numel() != self.width:
            return False
        behind = 0 if self.order is None else len(self.order) - 1 - self.order.index(1)
        sizes = list(numbers.shape)
        return len(sizes) > behind and sizes[len(sizes) - 1 - behind] == self.width

    def weighted(self, number: Callable[[str, Tensor, str], None]) -> OnnxNode:
        """The layer with all of it."""
        weight, bias = self.node.inputs[1], self.bias
        if self.is_scaled:
            axes = (-1, *(1 for _ in range(self.weight.ndim - 1))) if self.node.op == "Conv" else (1, -1)
            weight = f"{self.node.outputs[0]}#weight"
            number(weight, (self.weight.double() * self.scale.reshape(axes)).float(), self.node.inputs[1])
        own = f"{self.node.outputs[0]}#bias"
        number(own, self.shift.float(), bias)
        return replace(self.node, inputs=[self.node.inputs[0], weight, own])


def _is_float(node: OnnxNode) -> bool:
    return dtype_read(node.attributes.get("to", 0)) == torch.float32
