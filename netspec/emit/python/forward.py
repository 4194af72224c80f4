"""The classes of an emitted file whose `forward` says which value goes where.

A chain in which values have names is no `nn.Sequential`. Its modules stand in the file as those of one do, in the call
of a class of its own, and the class has the `forward` that a person would have written: values under their names,
neighbours in a loop.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping, Sequence
from functools import cache
from keyword import kwlist
from typing import Final

from netspec.combinators import HEADS
from netspec.combinators.base import Bracketed
from netspec.emit.naming import FreeNames
from netspec.emit.python.code import WIDTH, closed_powers, shape_comment, wrapped
from netspec.emit.python.families import NO_FAMILIES, families_in
from netspec.emit.python.helpers import helper_names
from netspec.emit.python.loops import rolled
from netspec.layers.base import ConstantType, TensorType
from netspec.net import (
    As,
    Combinator,
    Leaf,
    Net,
    Node,
    OutputValue,
    Read,
    Sequential,
    Term,
    Use,
    members,
    module_key,
    slots_named,
    walk,
)
from netspec.views.describe import ends_text, shape_text, tensors_text, term_text
from netspec.wiring import Wires, Wiring, slots_read

BASE: Final = "Layers"
"""The helper that the classes derive from."""
_METHOD: Final = 8
"""Blanks in front of a statement of a method."""
_LONGEST_SUM: Final = 70
"""Characters of a sum or product on one line."""
_LOOP: Final = 3
"""So many modules in a row, one behind the other, are run in a loop."""
_WORTH: Final = 3
"""Lines that loops over families must save."""
_SO_FAR: Final = "so_far"
"""The variable that holds a sum or product until the rest of it is there."""
_TAKEN: Final = frozenset(
    {"self", _SO_FAR, "index", "torch", "nn", HEADS, "heads", "module", "head", *kwlist, *dir(builtins)}
)

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
        self._docs: dict[str, set[str]] = {}
        """Name → what the class takes and gives, for each of its uses."""
        self.types = {node.slot: node.type for node in walk(net.root) if isinstance(node, As)}
        """The shape and dtype of each value, by slot."""
        self.types |= {value.slot: value.type for value in net.named_inputs if value.slot is not None}
        self.types |= {r.slot: r.type for node in walk(net.root) if isinstance(node, Leaf) for r in node.results}
        imported = {leaf.call.target for leaf in net.layers if leaf.layer.is_foreign()}
        self._free = FreeNames(helper_names() | imported, separator="")
        """Classes that the file imports on account of plugins."""
        self.values = self.wiring.names
        """What the spec calls each value, by slot."""

    def needed(self, chain: Sequential, wires: Wires) -> bool:
        """Whether a chain with these wires has values with names, or takes or gives more than what flows."""
        return wires != Wires() or self.wiring.runs_steps(chain)

    def is_bare(self, node: Node) -> bool:
        """Whether `forward` joins values that are there already, by torch's own function, with no module for it."""
        return (
            isinstance(node, Combinator)
            and self.wiring.of(node) != Wires()
            and node.path not in self.wiring.shared
            and (operands := _operands(node)) is not None
            and (bool(node.joining.infix) or node.joining.written([""] * len(operands)) is not None)
        )

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

    def runs_on(self, node: Node) -> int | None:
        """The one value that a nested chain runs its layers on, where that is not what flows in: it is a plain
        `nn.Sequential` then, called with that value. None for any other module."""
        wires = self.wiring.of(node)
        if not isinstance(node, Sequential) or node.path in self.wiring.shared or wires.gives or len(wires.reads) != 1:
            return None
        return wires.reads[0] if self.start(node, wires) == 0 else None

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

    def _body(self, chain: Sequential, taken: Sequence[int], gives: Sequence[int]) -> _Body:
        """The statements of a chain: with families in dictionaries where that makes loops of what is alike."""
        plain = _Body(self, chain, taken)
        families = families_in(list(members(chain)), self.wiring, taken, gives)
        if not families:
            return plain
        helpers = set(self.helpers)
        indexed = _Body(self, chain, taken, families)
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

    def _given(self, body: _Body, network: str) -> tuple[str, str]:
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

    def _bracketed(self, body: _Body, network: str) -> Bracketed:
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

    def _add(self, wanted: str, doc: str, body: _Body, last: Sequence[str], result: str) -> str:
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


class _Body:
    """The statements of one `forward`."""

    def __init__(
        self, classes: Classes, chain: Sequential, taken: Sequence[int], families: Mapping[str, str] = NO_FAMILIES
    ) -> None:
        self.classes = classes
        self.families = families
        """The families that are held in dictionaries, with the type of their keys."""
        self.kept_in: dict[str, str] = {}
        """The dictionary of each of them that has members here."""
        self.wiring = classes.wiring
        self.values = values = classes.values
        """What the spec calls each value, by slot."""
        self.names: dict[int, str] = {}
        """The variable that holds each value, by slot."""
        self.lines: list[str] = []
        steps = list(members(chain))
        here = {_plain(values[slot]) for node in walk(chain) for slot in _slots(node)} | families.keys()
        self.x = next(name for name in ("x", "y", "h", "out", "flowing") if name not in here)
        """The variable that holds what flows, where that has no name."""
        self.free = FreeNames({*_TAKEN, self.x})
        first = self.x
        head = steps[0] if steps else None
        if isinstance(head, As) and head.term is None and values[head.slot].partition("[")[0] not in families:
            first = self._variable(head.slot)
            steps = steps[1:]
        self.batch = ""
        """The variable that holds the number of examples, where it is needed."""
        self.parameters = [first, *map(self._variable, taken)]
        self.current = first
        self._run(steps)
        kept = [f"{name}: dict[{families[base]}, Tensor] = {{}}" for base, name in self.kept_in.items()]
        self.lines = [*kept, *rolled(self.lines, cache(lambda: self.free("i")))]

    def ended(self, end: str) -> list[str]:
        """The statements, with the one that returns: what was assigned last is returned at once."""
        last = f"{end} = "
        if self.lines and self.lines[-1].startswith(last) and end.isidentifier():
            return [*self.lines[:-1], f"return {self.lines[-1].removeprefix(last)}"]
        return [*self.lines, f"return {end}"]

    def count_examples(self) -> None:
        """Hold the number of examples, for outputs that are constants."""
        self.batch = self.free("batch")
        self.lines.insert(0, f"{self.batch} = {self.parameters[0]}.shape[0]")

    def given(self, name: str, type_: TensorType) -> str:
        """A variable as an output of the network: a constant is repeated for each example."""
        return _repeated(name, type_, self.batch) if type_.constant else name

    def members(self, value: OutputValue) -> list[str]:
        """The values of an output."""
        return [self.given(self.names[slot], type_) for slot, type_ in zip(value.slots, value.types, strict=True)]

    def _variable(self, slot: int) -> str:
        """A variable of its own for a value, by the name that the spec gives it."""
        called = self.values[slot]
        base, bracket, index = called.partition("[")
        if bracket and base in self.families:
            if base not in self.kept_in:
                self.kept_in[base] = self.free(_plain(base))
            self.names[slot] = name = f"{self.kept_in[base]}[{index}"
        else:
            self.names[slot] = name = self.free(_plain(called))
        return name

    def _run(self, steps: Sequence[Step]) -> None:
        at = 0
        while at < len(steps):
            node = steps[at]
            at += 1
            match node:
                case As(term=None):
                    if self.current == self.x or "[" in self.current:  # what has an index may get another value
                        self._assign(self._variable(node.slot), self.current)
                    else:
                        self.names[node.slot] = self.current
                case As(term=term):
                    assert term is not None
                    text = self._term(term)
                    variable = self._variable(node.slot)
                    if variable == self.current:  # what flows is not what has its index from now on
                        self._assign(self.x, variable)
                    self.lines.append(f"{variable} = {text}")
                case Use():
                    text = self._term(node.term)
                    if isinstance(node.term, Read):
                        self.current = text
                    else:
                        behind = self._behind_dropped(steps, at)
                        if behind is None:
                            at = self._to(text, steps, at)
                        else:
                            self.lines.append(f"_ = {text}")
                            at = behind
                case Combinator() if self.classes.is_bare(node):
                    at = self._join(node, steps, at)
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

    def _term(self, term: Term) -> str:
        return closed_powers(term_text(term, lambda read: self.names[read.slot]))

    def _behind_dropped(self, steps: Sequence[Step], at: int) -> int | None:
        """The step behind a value that nothing reads: it has at most names that nothing reads, and another value
        follows, as behind the last round of a loop. None for any other value."""
        while at < len(steps) and isinstance(step := steps[at], As) and step.term is None:
            if self.wiring.read[step.slot]:
                return None
            at += 1
        return at if at < len(steps) and isinstance(steps[at], Use) else None

    def _plain_run(self, steps: Sequence[Step], at: int) -> int:
        """The end of the stretch of modules with consecutive numbers that take and give only what flows."""
        end = at
        while end < len(steps):
            node = steps[end]
            plain = not isinstance(node, (As, Use)) and self.wiring.of(node) == Wires() and _key(node).isdigit()
            plain = plain and not (isinstance(node, Leaf) and node.layer.source)
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
        given = [self.current, *(self.names[slot] for slot in wires.reads)]
        if (slot := self.classes.runs_on(node)) is not None:
            given = [self.names[slot]]
        if isinstance(node, Leaf) and node.layer.source:
            given = []
        if isinstance(node, Leaf) and node.inputs:
            given = [self.current, *("None" if read is None else self.names[read.slot] for read in node.given)]
        if isinstance(node, Leaf) and (constant := self.wiring.constant(node)):
            types = [node.input, *(_NO_TENSOR if read is None else read.type for read in node.given)]
            given = _over_batch(given, types, constant)
        opening = f"self[{key if key.isdigit() else repr(key).replace(chr(39), chr(34))}]("
        call = Bracketed(opening, tuple(given), ")")
        if not wires.gives:
            return self._to(call, steps, at)
        following = steps[at] if at < len(steps) else None
        first = self.x
        if isinstance(following, As) and following.term is None:
            first, at = self._variable(following.slot), at + 1
        read = self.wiring.read
        self._assign(", ".join([first, *(self._variable(slot) if read[slot] else "_" for slot in wires.gives)]), call)
        self.current = first
        return at

    def _join(self, node: Combinator, steps: Sequence[Step], at: int) -> int:
        """Join values that are there already."""
        operands = [self.current if slot is None else self.names[slot] for slot in _operands(node) or ()]
        if node.joining.repeats and (constant := self.wiring.constant(node)):
            operands = _over_batch(operands, [chain.output for _, chain in node.branches], constant)
        written = node.joining.written(operands)
        if written is not None:
            return self._to(written, steps, at)
        sign = f" {node.joining.infix} "
        first, *rest = operands
        text = first
        while rest:
            text, rest = _filled(text, sign, rest)
            if rest:  # a sum of many values takes several statements
                self.lines.append(f"{_SO_FAR} = {text}")
                text = _SO_FAR
        return self._to(text, steps, at)

    def _to(self, text: str | Bracketed, steps: Sequence[Step], at: int) -> int:
        """Assign what flows: to the name that it gets at once, else to the variable of what flows."""
        following = steps[at] if at < len(steps) else None
        if isinstance(following, As) and following.term is None:
            self._assign(self._variable(following.slot), text)
            return at + 1
        self._assign(self.x, text)
        return at

    def _assign(self, variable: str, text: str | Bracketed) -> None:
        self.lines += laid_out(f"{variable} = ", text)
        self.current = variable


_NO_TENSOR: Final = ConstantType(())
"""The type of None, which stands in the place of a tensor that is not given."""


def _repeated(name: str, type_: TensorType, batch: str) -> str:
    """A constant for so many examples."""
    return f"{name}.expand({', '.join([batch, *['-1'] * len(type_.shape)])})"


def _over_batch(names: Sequence[str], types: Sequence[TensorType], constant: Sequence[int]) -> list[str]:
    """The variables, with those that hold constants repeated for as many examples as the others have. Which do may
    differ from one application of a shared module to the next."""
    tensors = [(i, name, type_) for i, (name, type_) in enumerate(zip(names, types, strict=True)) if name != "None"]
    others = [name for i, name, type_ in tensors if i not in constant and not type_.constant]
    every = ", ".join(f"{name}.shape[0]" for _, name, _ in tensors)
    batch = f"{others[0]}.shape[0]" if others else f"max({every})"
    return [
        _repeated(name, type_, batch) if i in constant else name
        for i, (name, type_) in enumerate(zip(names, types, strict=True))
    ]


def _operands(node: Combinator) -> list[int | None] | None:
    """What a combinator joins, if those are values that are there already: each by its slot, None for what flows in."""
    operands: list[int | None] = [None] if node.joining.input_joins else []
    for _, chain in node.branches:
        match list(members(chain)):
            case []:
                operands.append(None)
            case [Use(term=Read(slot=slot))]:
                operands.append(slot)
            case _:
                return None
    return operands


def _filled(text: str, sign: str, rest: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The text with as many of the operands as fit on a line, at least one; and the others."""
    count = 1
    text += sign + rest[0]
    while count < len(rest) and len(text) + len(sign) + len(rest[count]) <= _LONGEST_SUM:
        text += sign + rest[count]
        count += 1
    return text, rest[count:]


def laid_out(prefix: str, written: str | Bracketed, tail: str = "") -> list[str]:
    """Brackets on one line if they fit there in a method, else all that is inside on lines of its own."""
    line = f"{prefix}{_flat(written)}{tail}"
    if isinstance(written, str) or len(line) <= WIDTH - _METHOD:
        return [line]
    inside = [f"    {line}" for part in written.inside for line in laid_out("", part, ",")]
    return [f"{prefix}{written.opening}", *inside, f"{written.closing}{tail}"]


def _flat(written: str | Bracketed) -> str:
    if isinstance(written, str):
        return written
    return f"{written.opening}{', '.join(map(_flat, written.inside))}{written.closing}"


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
