"""The statements of one emitted `forward`: which value goes where, under the names that a person would have given."""

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
from netspec.emit.python.code import WIDTH, closed_powers
from netspec.emit.python.families import NO_FAMILIES
from netspec.emit.python.loops import rolled
from netspec.layers.base import ConstantType, TensorType
from netspec.net import (
    As,
    Combinator,
    Leaf,
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
from netspec.views.describe import term_text
from netspec.wiring import Wires, Wiring, slots_read

_METHOD: Final = 8
"""Blanks in front of a statement of a method."""
_LONGEST_SUM: Final = 70
"""Characters of a sum or product on one line."""
_LOOP: Final = 3
"""So many modules in a row, one behind the other, are run in a loop."""
_SO_FAR: Final = "so_far"
"""The variable that holds a sum or product until the rest of it is there."""
_TAKEN: Final = frozenset(
    {"self", _SO_FAR, "index", "torch", "nn", HEADS, "heads", "module", "head", *kwlist, *dir(builtins)}
)

Step = Leaf | Sequential | Combinator | As | Use


def is_bare(node: Node, wiring: Wiring) -> bool:
    """Whether `forward` joins values that are there already, by torch's own function, with no module for it."""
    return (
        isinstance(node, Combinator)
        and wiring.of(node) != Wires()
        and node.path not in wiring.shared
        and (operands := _operands(node)) is not None
        and (bool(node.joining.infix) or node.joining.written([""] * len(operands)) is not None)
    )


def start_of(chain: Sequential, wires: Wires, wiring: Wiring) -> int | None:
    """Where a branch begins that runs its layers one behind the other: the number of one of the values that it is
    given, -1 for the value that flows in; None for any other branch."""
    steps = list(members(chain))
    start = -1
    if steps and isinstance(steps[0], Use) and isinstance(steps[0].term, Read):
        start = wires.reads.index(steps[0].term.slot)
        steps = steps[1:]
    plain = chain.path not in wiring.homes and all(
        not isinstance(step, (As, Use)) and wiring.of(step) == Wires() for step in steps
    )
    return start if plain else None


def runs_on(node: Node, wiring: Wiring) -> int | None:
    """The one value that a nested chain runs its layers on, where that is not what flows in: it is a plain
    `nn.Sequential` then, called with that value. None for any other module."""
    wires = wiring.of(node)
    if not isinstance(node, Sequential) or node.path in wiring.shared or wires.gives or len(wires.reads) != 1:
        return None
    return wires.reads[0] if start_of(node, wires, wiring) == 0 else None


class Body:
    """The statements of one `forward`."""

    def __init__(
        self, wiring: Wiring, chain: Sequential, taken: Sequence[int], families: Mapping[str, str] = NO_FAMILIES
    ) -> None:
        self.families = families
        """The families that are held in dictionaries, with the type of their keys."""
        self.kept_in: dict[str, str] = {}
        """The dictionary of each of them that has members here."""
        self.wiring = wiring
        self.values = values = wiring.names
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
                        at = self._to(text, steps, at)
                case Combinator() if is_bare(node, self.wiring):
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
        follows, as behind the last round of a loop. None for any other value. What has an index keeps its place among
        the values of its name, so that rounds stay alike."""
        while at < len(steps) and isinstance(step := steps[at], As) and step.term is None:
            if self.wiring.read[step.slot] or self.values[step.slot].partition("[")[0] in self.families:
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
        if (slot := runs_on(node, self.wiring)) is not None:
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
        """Assign what flows: to the name that it gets at once, else to the variable of what flows; to none if nothing
        reads it."""
        behind = self._behind_dropped(steps, at)
        if behind is not None:
            self.lines += laid_out("_ = ", text)
            return behind
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
