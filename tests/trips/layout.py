"""What `netspec expand` says of a net, without what no module knows.

A module has no names of values, no initialisers, no recipe and no description; it does not know whether a value that
flows on is read by its name, by which letters the axes of a pattern are called, and whether a stride that is the kernel
size was written. All else is in these lines: each layer with its path, its arguments and the values that it is given,
and combinators with their branches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from netspec.emit.yaml import written_arguments
from netspec.kinds import kinds_of
from netspec.layers.base import Layer
from netspec.net import As, Combinator, Computed, Leaf, Net, Node, Read, Scope, Sequential, Term, Use
from netspec.views.describe import term_text


def layout(net: Net) -> list[str]:
    """The lines."""
    writer = _Writer(net)
    return writer.lines


_OF_BRANCHES = frozenset(("add", "mul", "concat", "stack", "einsum", "attend"))
"""Combinators that read nothing but what their branches give."""


class _Writer:
    def __init__(self, net: Net) -> None:
        self.lines: list[str] = []
        self.count = 0
        self.values: dict[int, str] = {}
        """Of each value that has a name its number."""
        first = self.value()
        for i, one in enumerate(net.named_inputs):
            if one.slot is not None:
                self.values[one.slot] = self.value() if i else first
        self.lines += [f"input {tuple(one.type.shape)} {one.type.dtype}" for one in net.inputs]
        last = self.chain(net.root.children, first, "")
        outputs = [f"{one.name}: {[self.values[slot] for slot in one.slots]}" for one in net.named_outputs]
        self.lines += outputs or [f"output {last}"]

    def value(self) -> str:
        self.count += 1
        return f"%{self.count}"

    def line(self, value: str, indent: str, text: str) -> None:
        self.lines.append(f"{indent}{value} = {text}")

    def chain(self, nodes: Sequence[Node], flow: str, indent: str) -> str:
        for node in nodes:
            flow = self.node(node, flow, indent)
        return flow

    def node(self, node: Node, flow: str, indent: str) -> str:
        match node:
            case Scope():
                return self.chain(node.children, flow, indent)
            case As():
                self.values[node.slot] = flow if node.term is None else self.term(node.term, indent)
                return flow
            case Use():
                return self.term(node.term, indent)
            case Sequential():
                if node.children:
                    self.lines.append(f"{indent}{node.path}: sequential")
                return self.chain(node.children, flow, f"{indent}  ")
            case Leaf():
                return self.leaf(node, flow, indent)
            case Combinator():
                return self.combinator(node, flow, indent)

    def term(self, term: Term, indent: str) -> str:
        term = _turned(term)
        if isinstance(term, Read):
            return self.values[term.slot]
        text, value = term_text(term, lambda read: self.values[read.slot]), self.value()
        self.line(value, indent, text)
        return value

    def leaf(self, leaf: Leaf, flow: str, indent: str) -> str:
        given = {name: [self.values[read.slot] for read in reads] for name, reads in leaf.inputs.items()}
        beside = [
            *(["frozen"] if leaf.frozen else []),
            *([] if leaf.parametrization is None else [str(leaf.parametrization.written())]),
            *(f"{tie.parameter} of {tie.path}.{tie.name}" for tie in leaf.ties),
        ]
        source = () if leaf.layer.source else (flow,)
        value = self.value()
        told = " ".join(map(str, (leaf.path, leaf.type, arguments(leaf), *source, given or "", *beside)))
        self.line(value, indent, told.strip())
        for result in leaf.results:
            self.values[result.slot] = self.value()
        return value

    def combinator(self, node: Combinator, flow: str, indent: str) -> str:
        options = written_arguments(node.joining)
        if "pattern" in options:
            options["pattern"] = _plain(options["pattern"])
        own = (
            "" if node.kind in _OF_BRANCHES and "split" not in options else flow
        )  # else the branches say what they take
        self.lines.append(f"{indent}{node.path}: {node.kind} {options or ''} {own}")
        for key, branch in node.branches:
            if key == "shortcut" and not branch.children:  # as without one
                continue
            last = self.chain(branch.children, flow if "split" not in options else self.value(), f"{indent}  ")
            self.lines.append(f"{indent}  {key}: {last}")
        return self.value()


def _turned(term: Term) -> Term:
    """Arithmetic with the number of a sum or a product in front, and no zero."""
    if not isinstance(term, Computed):
        return term
    if term.left == 0 and term.op == "+":  # as the sum of a family begins
        return _turned(term.right)
    left, right = None if term.left is None else _turned(term.left), _turned(term.right)
    if term.op in ("+", "*") and left is not None and isinstance(right, (int, float)):
        left, right = right, left
    return term._replace(left=left, right=right)


def arguments(leaf: Leaf) -> dict[str, Any]:
    """The arguments of a layer that differ from their defaults."""
    found = dict(_arguments(leaf.layer))
    shape = leaf.input_shape
    if found.get("head_dim", 0) * found.get("num_heads", 0) == (shape[-1] if shape else None):
        del found["head_dim"]
    return found


def _arguments(layer: Layer) -> Iterator[tuple[str, Any]]:
    fields: Any = type(layer).model_fields
    for name, value in written_arguments(layer).items():
        value: Any = kinds_of(type(layer))[name].plainly(value)
        if value == fields[name].default and type(value) is type(fields[name].default):
            continue
        if name == "stride" and fields[name].default is None and value == getattr(layer, "kernel_size", None):
            continue
        if name == "value" and isinstance(value, tuple):  # a module has floats of 32 bits
            numbers: Any = torch.tensor(value, dtype=getattr(torch, getattr(layer, "dtype", "float32")))
            value = numbers.tolist()
        yield name, value


def _plain(pattern: str) -> str:
    """A pattern whose axes are called in the order in which they stand."""
    names = {name: f"a{i}" for i, name in enumerate(dict.fromkeys(re.findall(r"\w+", pattern)))}
    return re.sub(r"\w+", lambda match: names[match[0]], pattern)
