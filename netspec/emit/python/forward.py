"""The classes of an emitted file whose `forward` says which value goes where.

A chain in which values have names is no `nn.Sequential`. Its modules stand in the file as those of one do, in the call
of a class of its own, and the class has the `forward` that a person would have written: values under their names,
neighbours in a loop.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Sequence
from itertools import count
from keyword import iskeyword
from typing import Final

from netspec.combinators import HEADS
from netspec.emit.python.code import WIDTH
from netspec.emit.python.helpers import helper_names
from netspec.net import As, Combinator, Leaf, Net, Node, Read, Sequential, Use, members, module_key, slots_named, walk
from netspec.views.describe import term_text
from netspec.wiring import Wires, Wiring, slots_read

BASE: Final = "Layers"
"""The helper that the classes derive from."""
_LOOP: Final = 3
"""So many modules in a row, one behind the other, are run in a loop."""
_TAKEN: Final = frozenset({"self", "index", "torch", "nn", HEADS, "heads", "module", "head"})

Step = Leaf | Sequential | Combinator | As | Use


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
        self._values = {node.slot: node.name for node in walk(net.root) if isinstance(node, As)}
        self._values |= {r.slot: r.name for node in walk(net.root) if isinstance(node, Leaf) for r in node.results}
        self._imported = {leaf.call.target for leaf in net.layers if leaf.layer.is_foreign()}
        """Classes that the file imports on account of plugins."""
        self._values |= {value.slot: value.name for value in net.named_inputs if value.slot is not None and value.name}

    def needed(self, chain: Sequential, wires: Wires) -> bool:
        """Whether a chain with these wires has values with names, or takes or gives more than what flows."""
        return wires != Wires() or self.wiring.runs_steps(chain)

    def start(self, chain: Sequential, wires: Wires) -> int | None:
        """Where a branch begins that runs its layers one behind the other: the number of one of the values that it is
        given, -1 for the value that flows in; None for any other branch."""
        steps = list(members(chain))
        start = -1
        if steps and isinstance(steps[0], Use) and isinstance(steps[0].term, Read):
            start = wires.reads.index(steps[0].term.slot)
            steps = steps[1:]
        plain = chain.path not in self.wiring.homes and all(
            not isinstance(step, (As, Use)) and self.wiring.of(step) == Wires() for step in steps
        )
        return start if plain else None

    def of(self, chain: Sequential, wires: Wires) -> str:
        """The class of a nested chain."""
        body = _Body(self.wiring, chain, wires.reads, self._values)
        result = "Tensor"
        end = body.current
        if wires.gives:
            end = ", ".join([end, *(body.names[slot] for slot in wires.gives)])
            result = "tuple[Tensor, ...]"
        wanted = chain.block or chain.name or "branch"
        doc = f"What `{wanted}` does with its layers." if chain.block or chain.name else "A branch."
        return self._add(wanted, doc, body, body.ended(end), result)

    def root(self, network: str, *, heads: bool) -> str:
        """The class of the whole network. `heads` says that it has auxiliary heads, which run in training."""
        net = self.net
        reads = [value.slot for value in net.named_inputs[1:] if value.slot is not None]
        body = _Body(self.wiring, net.root, reads, self._values)
        end, result = self._given(body, network)
        lines = body.ended(end)
        if heads:
            self.helpers |= {"Auxiliary"}
            lines = [*body.lines, *self._with_heads(end, network)]
            result = result if net.named_outputs else "Tensor | Outputs"
        return self._add(network, "The network.", body, lines, result)

    def _given(self, body: _Body, network: str) -> tuple[str, str]:
        """What the network returns, and its type."""
        outputs = self.net.named_outputs
        if not outputs:
            return body.current, "Tensor"
        texts: list[str] = []
        for value in outputs:
            names = [body.names[slot] for slot in value.slots]
            texts.append(f"({', '.join(names)}{',' if len(names) == 1 else ''})" if value.family else names[0])
        if outputs[0].name is None:
            return texts[0], "tuple[Tensor, ...]" if outputs[0].family else "Tensor"
        return f"{self._outputs(network)}({', '.join(texts)})", self._outputs(network)

    def _outputs(self, network: str) -> str:
        """The class of the named tuple that the network gives."""
        name = outputs_name(network)
        if name not in self.texts:
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

    def _add(self, wanted: str, doc: str, body: _Body, last: Sequence[str], result: str) -> str:
        self.helpers.add(BASE)
        head = f"def forward(self, {', '.join(f'{name}: Tensor' for name in body.parameters)}) -> {result}:"
        if len(head) + 4 > WIDTH:
            inside = [f"    {name}: Tensor," for name in ("self", *body.parameters)]
            inside[0] = "    self,"
            head = "\n    ".join(["def forward(", *inside, f") -> {result}:"])
        lines = [f'    """{doc}"""', "", f"    {head}", *(f"        {line}" for line in last)]
        text = "\n".join(lines)
        if text not in self._names:
            base = _class_name(wanted)
            taken = self.texts.keys() | helper_names() | self._imported
            numbered = (f"{base}{number}" for number in count(2))
            name = base if base not in taken else next(found for found in numbered if found not in taken)
            self._names[text] = name
            self.texts[name] = f"class {name}({BASE}):\n{text}"
        return self._names[text]


def outputs_name(network: str) -> str:
    """The name of the named tuple that a network gives."""
    return f"{_class_name(network)}Outputs"


class _Body:
    """The statements of one `forward`."""

    def __init__(self, wiring: Wiring, chain: Sequential, taken: Iterable[int], values: dict[int, str]) -> None:
        self.wiring = wiring
        self.values = values
        """What the spec calls each value, by slot."""
        self.names: dict[int, str] = {}
        """The variable that holds each value, by slot."""
        self.lines: list[str] = []
        steps = list(members(chain))
        here = {_plain(values[slot]) for node in walk(chain) for slot in _slots(node)}
        self.x = next(name for name in ("x", "y", "h", "out", "flowing") if name not in here)
        """The variable that holds what flows, where that has no name."""
        self.used = {*_TAKEN, self.x}
        first = self.x
        head = steps[0] if steps else None
        if isinstance(head, As) and head.term is None:
            first = self._variable(head.slot)
            steps = steps[1:]
        self.parameters = [first, *map(self._variable, taken)]
        self.current = first
        self._run(steps)

    def ended(self, end: str) -> list[str]:
        """The statements, with the one that returns: what was assigned last is returned at once."""
        last = f"{end} = "
        if self.lines and self.lines[-1].startswith(last) and end.isidentifier():
            return [*self.lines[:-1], f"return {self.lines[-1].removeprefix(last)}"]
        return [*self.lines, f"return {end}"]

    def _variable(self, slot: int) -> str:
        """A variable of its own for a value, by the name that the spec gives it."""
        base = name = _plain(self.values[slot])
        number = 2
        while name in self.used or iskeyword(name) or hasattr(builtins, name):
            name, number = f"{base}_{number}", number + 1
        self.used.add(name)
        self.names[slot] = name
        return name

    def _run(self, steps: Sequence[Step]) -> None:
        at = 0
        while at < len(steps):
            node = steps[at]
            at += 1
            match node:
                case As(term=None):
                    if self.current == self.x:
                        self._assign(self._variable(node.slot), self.x)
                    else:
                        self.names[node.slot] = self.current
                case As(term=term):
                    assert term is not None
                    text = term_text(term, lambda read: self.names[read.slot])
                    self.lines.append(f"{self._variable(node.slot)} = {text}")
                case Use():
                    text = term_text(node.term, lambda read: self.names[read.slot])
                    if text in self.names.values():
                        self.current = text
                    else:
                        at = self._to(text, steps, at)
                case Leaf() | Sequential() | Combinator():
                    end = self._plain_run(steps, at - 1)
                    if end - at + 1 >= _LOOP:
                        first, last = _key(node), int(_key(steps[end - 1])) + 1
                        if self.current != self.x:
                            self._assign(self.x, self.current)
                        self.lines += [f"for index in range({first}, {last}):", f"    {self.x} = self[index]({self.x})"]
                        at = end
                    else:
                        at = self._call(node, steps, at)

    def _plain_run(self, steps: Sequence[Step], at: int) -> int:
        """The end of the stretch of modules with consecutive numbers that take and give only what flows."""
        end = at
        while end < len(steps):
            node = steps[end]
            plain = not isinstance(node, (As, Use)) and self.wiring.of(node) == Wires() and _key(node).isdigit()
            if not plain or (end > at and int(_key(node)) != int(_key(steps[end - 1])) + 1):
                break
            end += 1
        following = steps[end] if end < len(steps) else None
        if isinstance(following, As) and following.term is None and end > at:
            end -= 1  # the last of them gives a value its name
        return end

    def _call(self, node: Leaf | Sequential | Combinator, steps: Sequence[Step], at: int) -> int:
        wires = self.wiring.of(node)
        key = _key(node)
        arguments = ", ".join([self.current, *(self.names[slot] for slot in wires.reads)])
        text = f"self[{key if key.isdigit() else repr(key).replace(chr(39), chr(34))}]({arguments})"
        if not wires.gives:
            return self._to(text, steps, at)
        following = steps[at] if at < len(steps) else None
        first = self.x
        if isinstance(following, As) and following.term is None:
            first, at = self._variable(following.slot), at + 1
        self._assign(", ".join([first, *(self._variable(slot) for slot in wires.gives)]), text)
        self.current = first
        return at

    def _to(self, text: str, steps: Sequence[Step], at: int) -> int:
        """Assign what flows: to the name that it gets at once, else to the variable of what flows."""
        following = steps[at] if at < len(steps) else None
        if isinstance(following, As) and following.term is None:
            self._assign(self._variable(following.slot), text)
            return at + 1
        self._assign(self.x, text)
        return at

    def _assign(self, variable: str, text: str) -> None:
        self.lines.append(f"{variable} = {text}")
        self.current = variable


def _plain(name: str) -> str:
    """A value's name as one of Python's: `p[3]` is `p_3`."""
    return re.sub(r"\W+", "_", name).strip("_") or "value"


def _slots(node: Node) -> list[int]:
    """The slots that a node names or reads."""
    return [*slots_named(node), *slots_read(node)]


def _key(node: Step) -> str:
    assert not isinstance(node, (As, Use))
    return module_key(node)


def _class_name(text: str) -> str:
    """`conv_bn` as `ConvBn`."""
    words = [word for word in re.split(r"[\W_]+", text) if word]
    name = "".join(word[:1].upper() + word[1:] for word in words) or "Network"
    return name if not name[:1].isdigit() else f"Net{name}"
