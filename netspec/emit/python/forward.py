"""The classes of an emitted file whose `forward` says which value goes where.

A chain in which values have names is no `nn.Sequential`. Its modules stand in the file as those of one do, in the call
of a class of its own, and the class has the `forward` that a person would have written: values under their names,
neighbours in a loop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from netspec.combinators import HEADS
from netspec.combinators.base import Bracketed
from netspec.emit.naming import FreeNames
from netspec.emit.python.code import WIDTH, shape_comment, wrapped
from netspec.emit.python.families import families_in
from netspec.emit.python.helpers import helper_names
from netspec.emit.python.statements import Body, laid_out
from netspec.net import (
    As,
    Leaf,
    Net,
    Sequential,
    members,
    walk,
)
from netspec.views.describe import ends_text, shape_text, tensors_text
from netspec.wiring import Wires, Wiring

BASE: Final = "Layers"
"""The helper that the classes derive from."""
_WORTH: Final = 3
"""Lines that loops over families must save."""


class Classes:
    """The classes of a file, each once: chains that do the same with their modules share one."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.wiring = Wiring(net)
        self.texts: dict[str, str] = {}
        """Name → source text."""
        self.helpers: set[str] = set()
        """What the file needs a copy of on their account."""
        self._names: dict[str, str] = {}
        """Source text without the name → name."""
        self._docs: dict[str, set[str]] = {}
        """Name → what the class takes and gives, for each of its uses."""
        self.types = {node.slot: node.type for node in walk(net.root) if isinstance(node, As)}
        """The shape and dtype of each value, by slot."""
        self.types |= {value.slot: value.type for value in net.named_inputs if value.slot is not None}
        self.types |= {r.slot: r.type for node in walk(net.root) if isinstance(node, Leaf) for r in node.results}
        imported = {leaf.call.target for leaf in net.layers if leaf.layer.is_foreign()}
        self._free = FreeNames(helper_names() | imported, separator="")
        """Classes that the file imports on account of plugins."""

    def needed(self, chain: Sequential, wires: Wires) -> bool:
        """Whether a chain with these wires has values with names, or takes or gives more than what flows."""
        return wires != Wires() or self.wiring.runs_steps(chain)

    def of(self, chain: Sequential, wires: Wires) -> str:
        """The class of a nested chain."""
        body = self._body(chain, wires.reads, wires.gives)
        result = "Tensor"
        end = body.current
        if wires.gives:
            end = ", ".join([end, *(body.names[slot] for slot in wires.gives)])
            result = "tuple[Tensor, ...]"
        wanted = chain.block or chain.name or "branch"
        taken = [tensors_text(body.parameters[0], (chain.input,))]
        taken += (
            tensors_text(name, (self.types[slot],)) for name, slot in zip(body.parameters[1:], wires.reads, strict=True)
        )
        given = [shape_text(chain.output.shape)]
        given += (tensors_text(body.names[slot], (self.types[slot],)) for slot in wires.gives)
        return self._add(wanted, f"{', '.join(taken)} → {', '.join(given)}", body, body.ended(end), result)

    def _body(self, chain: Sequential, taken: Sequence[int], gives: Sequence[int]) -> Body:
        """The statements of a chain: with families in dictionaries where that makes loops of what is alike."""
        plain = Body(self.wiring, chain, taken)
        families = families_in(list(members(chain)), self.wiring, taken, gives)
        if not families:
            return plain
        helpers = set(self.helpers)
        indexed = Body(self.wiring, chain, taken, families)
        if len(indexed.lines) + _WORTH <= len(plain.lines):
            return indexed
        self.helpers = helpers
        return plain

    def root(self, network: str, *, heads: bool) -> str:
        """The class of the whole network. `heads` says that it has auxiliary heads, which run in training."""
        net = self.net
        reads = [value.slot for value in net.named_inputs[1:] if value.slot is not None]
        body = self._body(net.root, reads, self.wiring.given)
        if any(type_.constant for value in net.outputs for type_ in value.types):
            body.count_examples()
        end, result = self._given(body, network)
        lines = body.ended(end)
        if net.named_outputs and net.named_outputs[0].name is not None:
            lines = [*body.lines, *laid_out("return ", self._bracketed(body, network))]
        if heads:
            self.helpers |= {"Auxiliary"}
            lines = [*body.lines, *self._with_heads(end, network)]
            result = result if net.named_outputs else "Tensor | Outputs"
        return self._add(network, " → ".join(ends_text(net)), body, lines, result)

    def _given(self, body: Body, network: str) -> tuple[str, str]:
        """What the network returns, and its type."""
        outputs = self.net.named_outputs
        if not outputs:
            return body.given(body.current, self.net.root.output), "Tensor"
        texts: list[str] = []
        for value in outputs:
            names = body.members(value)
            texts.append(f"({', '.join(names)}{',' if len(names) == 1 else ''})" if value.family else names[0])
        if outputs[0].name is None:
            return texts[0], "tuple[Tensor, ...]" if outputs[0].family else "Tensor"
        return f"{self._outputs(network)}({', '.join(texts)})", self._outputs(network)

    def _bracketed(self, body: Body, network: str) -> Bracketed:
        """The named tuple that the network returns."""
        inside: list[str | Bracketed] = []
        for value in self.net.named_outputs:
            names = tuple(body.members(value))
            family = Bracketed("(", names, ")") if len(names) > 1 else f"({', '.join(names)},)"
            inside.append(family if value.family else ", ".join(names))
        return Bracketed(f"{self._outputs(network)}(", tuple(inside), ")")

    def _outputs(self, network: str) -> str:
        """The class of the named tuple that the network gives."""
        name = outputs_name(network)
        if name not in self.texts:
            self._free.take(name)
            fields = [
                f"    {value.name}: {'tuple[Tensor, ...]' if value.family else 'Tensor'}"
                for value in self.net.named_outputs
            ]
            self.texts[name] = "\n".join(
                [f"class {name}(NamedTuple):", '    """What the network gives."""', "", *fields]
            )
        return name

    def _with_heads(self, end: str, network: str) -> list[str]:
        heads = [
            "heads = [module.take() for module in self.modules() if isinstance(module, Auxiliary)]",
            f"{HEADS} = tuple(head for head in heads if head is not None)",
        ]
        if not self.net.named_outputs:
            self.helpers |= {"Outputs"}
            return ["if not self.training:", f"    return {end}", *heads, f"return Outputs({end}, {HEADS})"]
        name = self._outputs(network)
        self.texts[name] += f"\n    {HEADS}: tuple[Tensor, ...] = ()"
        return ["if not self.training:", f"    return {end}", *heads, f"return {end}._replace({HEADS}={HEADS})"]

    def _add(self, wanted: str, doc: str, body: Body, last: Sequence[str], result: str) -> str:
        self.helpers.add(BASE)
        head = f"def forward(self, {', '.join(f'{name}: Tensor' for name in body.parameters)}) -> {result}:"
        if len(head) + 4 > WIDTH:
            inside = [f"    {name}: Tensor," for name in ("self", *body.parameters)]
            inside[0] = "    self,"
            head = "\n    ".join(["def forward(", *inside, f") -> {result}:"])
        text = "\n".join([f"    {head}", *(f"        {line}" for line in last)])
        if text not in self._names:
            self._names[text] = name = self._free(_class_name(wanted))
            self.texts[name] = f"class {name}({BASE}):\n{text}"
            self._docs[name] = set()
        self._docs[self._names[text]].add(doc)
        return self._names[text]

    def documented(self) -> dict[str, str]:
        """The source text of each class. A class says what it takes and gives, if that is the same wherever it is
        used."""
        return {name: self._documented(name, text) for name, text in self.texts.items()}

    def _documented(self, name: str, text: str) -> str:
        docs = [shape_comment(doc) for doc in self._docs.get(name, ())]
        if len(docs) != 1 or not docs[0]:
            return text
        head, _, body = text.partition("\n")
        lines = wrapped(f'"""{docs[0]}', WIDTH - 4)
        lines = [*lines[:-1], f'{lines[-1]}"""'] if len(lines) == 1 else [*lines, '"""']
        return "\n".join([head, *(f"    {line}" for line in lines), "", body])


def outputs_name(network: str) -> str:
    """The name of the named tuple that a network gives."""
    return f"{_class_name(network)}Outputs"


def _class_name(text: str) -> str:
    """`conv_bn` as `ConvBn`."""
    words = [word for word in re.split(r"[\W_]+", text) if word]
    name = "".join(word[:1].upper() + word[1:] for word in words) or "Network"
    return name if not name[:1].isdigit() else f"Net{name}"
