"""What the page knows of a net: plain dicts, lists, strings and numbers, nested as the net is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from netspec.diagnostics import Diagnostic, Span
from netspec.dims import Size, counted, product
from netspec.drawing.closing import crossing
from netspec.drawing.interactive.placing import Head, heads_of
from netspec.drawing.labels import drawn_arguments
from netspec.drawing.language import Language, said
from netspec.drawing.tips import all_arguments
from netspec.layers.base import TensorType
from netspec.net import As, Combinator, Leaf, Net, Node, Scope, Use, multiplying, total
from netspec.views.describe import contents_text, count_text, shape_text, tensors_text, term_text, title_text
from netspec.views.fold import Item, Join, LayerGroup, Unit, fold, ranges, stacked
from netspec.views.graph import given_by, is_auxiliary
from netspec.wiring import Wiring

_BYTES: Final = {"int64": 8, "bool": 1}
"""Bytes of an element where it is not four."""


@dataclass(frozen=True)
class OnPage:
    """A spec that is drawn: its net as far as it is known, and the findings about it."""

    net: Net | None
    source: str
    """The file's name."""
    text: str
    diagnostics: Sequence[Diagnostic] = ()

    @property
    def title(self) -> str:
        """The name of the net, or of the file where there is none."""
        return self.source if self.net is None else title_text(self.net)


def net_data(drawn: OnPage, language: Language) -> dict[str, Any]:
    """The data of one spec. `items` is what is drawn, from the input to the output."""
    net = drawn.net
    data: dict[str, Any] = {
        "title": drawn.title,
        "source": drawn.source,
        "text": drawn.text,
        "findings": [_finding(diagnostic) for diagnostic in drawn.diagnostics],
        "items": [],
    }
    if net is None:
        return data
    heads = heads_of(net, drawn.text, drawn.diagnostics)
    return data | {
        "findings": [_finding(finding, head) for finding, head in zip(drawn.diagnostics, heads, strict=True)],
        "inputs": [
            {"name": value.name or said("input", language), "shape": _tensor(value.type)} for value in net.inputs
        ],
        "outputs": [
            {"name": value.name or said("output", language), "shape": _output(value.types)} for value in net.outputs
        ],
        "layers": len(net.layers),
        **_counts(net.params, net.macs, total(_memory(leaf) for leaf in net.layers)),
        "items": _items(net),
    }


def _items(net: Net) -> list[dict[str, Any]]:
    items = stacked(fold(net), rounds=True)
    lasts = {key: drawn_arguments(leaf) for key, leaf in ranges(items).items()}
    return _Writer(lasts, Wiring(net)).items(items)


def _output(types: Sequence[TensorType]) -> str:
    return ", ".join(map(_tensor, types))


def _tensor(type_: TensorType) -> str:
    return tensors_text(None, (type_,))


def _finding(diagnostic: Diagnostic, head: Head | None = None) -> dict[str, Any]:
    return {
        "item": head,
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "help": diagnostic.help or "",
        "place": diagnostic.span.place,
        **_place(diagnostic.span),
    }


def _place(span: Span) -> dict[str, Any]:
    """Lines and columns from 1; none for what a `--set` says."""
    if span.in_setting:
        return {"setting": str(span.file)}
    return {"line": span.line, "column": span.column, "endLine": span.end_line, "endColumn": span.end_column}


def _counts(params: Size, macs: Size, memory: Size) -> dict[str, Any]:
    """Each as a number, where it is one, and as text."""
    return {
        name: {"number": value if isinstance(value, int) else None, "text": count_text(value)}
        for name, value in (("params", params), ("macs", macs), ("memory", memory))
    }


def _memory(leaf: Leaf) -> Size:
    """Bytes of what a layer gives, for one example."""
    return counted(lambda: product(leaf.output.shape) * _BYTES.get(leaf.output.dtype, 4))


@dataclass(frozen=True)
class _Writer:
    """Writes items as data."""

    lasts: dict[int, str]
    """The arguments of the last of several layers that are drawn once, by the `id` of the first."""
    wiring: Wiring

    def items(self, items: Iterable[Item]) -> list[dict[str, Any]]:
        return [self.item(item) for item in items]

    def item(self, item: Item) -> dict[str, Any]:
        match item:
            case Unit(layers=layers):
                return {"kind": "unit", "layers": [self.layer(leaf) for leaf in layers], "output": _tensor(item.output)}
            case LayerGroup():
                return self.group(item)
            case Join(combinator=node) if node.joining.training_only:
                return self.group(
                    LayerGroup(node.name or node.kind, 1, (node,), (item,), node.input, node.output, False)
                )
            case Join():
                return self.join(item)
            case Leaf():
                return self.layer(item)
            case As(term=None):
                return self.name(item, item.name)
            case As(term=term) if term is not None:
                return self.name(item, f"{item.name} = {term_text(term)}")
            case Use(term=term):
                return {"kind": "value", "title": term_text(term), "output": _tensor(item.output), **_place(item.span)}
            case As():
                raise AssertionError("told above")

    @staticmethod
    def name(node: As, title: str) -> dict[str, Any]:
        """A name; `here` for that of the value that flows where it stands."""
        here = node.term is None
        return {"kind": "name", "title": title, "here": here, "output": _tensor(node.type), **_place(node.span)}

    def layer(self, leaf: Leaf) -> dict[str, Any]:
        arguments = drawn_arguments(leaf)
        last = self.lasts.get(id(leaf))
        return {
            "kind": "layer",
            "title": leaf.type,
            "source": leaf.layer.source,
            "name": leaf.name or "",
            "path": leaf.path,
            "family": leaf.family,
            "brief": arguments if last is None else f"{arguments} … {last}",
            "arguments": all_arguments(leaf),
            "input": _tensor(leaf.input),
            "output": _tensor(leaf.output),
            "derivation": leaf.derivations,
            "parameters": {name: shape_text(shape) for name, shape in leaf.own_parameters.items()},
            **_counts(leaf.params, leaf.macs, _memory(leaf)),
            **_place(leaf.span),
        }

    def group(self, group: LayerGroup) -> dict[str, Any]:
        first = group.nodes[0]
        title, round_ = group.label, ""
        if isinstance(first, Scope) and first.block is None and group.count == 1 and contents_text(first):
            title, round_ = contents_text(first), group.label
        return {
            "kind": "group",
            "title": title,
            "round": round_,
            "count": group.count,
            "training": is_auxiliary(group),
            "crossing": crossing(group.nodes, self.wiring),
            "items": self.items(_inside(group)),
            "input": _tensor(group.input),
            "output": _tensor(given_by(group)),
            **self.sums(group.nodes),
            **_place(first.span),
        }

    def join(self, join: Join) -> dict[str, Any]:
        node = join.combinator
        joining = node.joining
        return {
            "kind": "join",
            "title": joining.box_text(),
            "sign": joining.sign,
            "name": node.name or "",
            "ordered": not joining.sign and not joining.equal_shapes and len(join.branches) > 1,
            "inputJoins": joining.input_joins,
            "part": joining.part_text(),
            "branches": [
                {"key": key, "items": self.items(branch), "output": _tensor(chain.output)}
                for (key, branch), (_, chain) in zip(join.branches, node.branches, strict=True)
            ],
            "input": _tensor(node.input),
            "output": _tensor(node.output),
            **self.sums((node,)),
            **_place(node.span),
        }

    @staticmethod
    def sums(nodes: Sequence[Node]) -> dict[str, Any]:
        """The counts of all that nodes hold."""
        found: list[Leaf | Combinator] = [leaf for node in nodes for leaf in multiplying(node)]
        inside = [leaf for leaf in found if isinstance(leaf, Leaf)]
        params, memory = total(leaf.params for leaf in inside), total(map(_memory, inside))
        return {"layers": len(inside), **_counts(params, total(node.macs for node in found), memory)}


def _inside(group: LayerGroup) -> Iterable[Item]:
    """What a group shows when it is opened: of a head that runs in training alone its layers, since it is a frame
    itself."""
    items = group.items
    while is_auxiliary(group):
        match items:
            case (LayerGroup(items=inner),):
                items = inner
            case (Join() as join,):
                return [item for _, branch in join.branches for item in branch]
            case _:
                break
    return items
