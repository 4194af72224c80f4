"""Equal parts of a network become blocks: what differs between them are parameters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from netspec.capture.graph import Traced
from netspec.capture.items import BRANCH, PlacedItem, all_of
from netspec.capture.shaping.formulas import Columns, formulas
from netspec.capture.shaping.meanings import is_usable
from netspec.capture.shaping.parts import differ_in_count, parts_by_class
from netspec.capture.shaping.places import MISSING, TERM, UNIT, UNITS, Where, default_of, flag_name, plain_name, put
from netspec.capture.written import ExpressionText
from netspec.emit.naming import FreeNames
from netspec.language.reserved import RESERVED, reserved


class _Other(Exception):
    """Two parts are not the same."""


@dataclass(eq=False)
class BlockFound:
    """A part that occurs several times, as it is first met with all that may be in it."""

    class_name: str
    item: PlacedItem
    numbers: dict[Where, list[Any]] = field(default_factory=dict[Where, list[Any]])
    """For each number its value in each occurrence; `MISSING` where its item is not there."""
    there: dict[PlacedItem, list[bool]] = field(default_factory=dict[PlacedItem, list[bool]])
    """For items that are not in each occurrence, in which they are."""
    gone: list[set[PlacedItem]] = field(default_factory=list[set[PlacedItem]])
    """For each occurrence the items that it has not, with all in them."""
    environments: list[dict[Traced, Traced]] = field(default_factory=list[dict[Traced, Traced]])
    """For each value of the block that of each occurrence."""
    occurrences: list[PlacedItem] = field(default_factory=list[PlacedItem])
    values: list[Traced] = field(default_factory=list[Traced])
    """The values that it reads from outside, beside that which flows in."""
    value_names: list[str] = field(default_factory=list[str])
    name: str = ""
    parameters: list[str] = field(default_factory=list[str])

    @property
    def given(self) -> list[str]:
        """The names of its values and parameters."""
        return [*self.value_names, *self.parameters]


def with_blocks(*members: list[PlacedItem], inputs: Iterable[str] = ()) -> list[BlockFound]:
    """Find the parts that occur several times, and turn each into a call of a block. The innermost are found first, so
    that blocks are made of blocks.

    Args:
        members: the items of a network, or of several of one family, which have the same blocks.
        inputs: the names of its inputs, which no block has.
    """
    homes = {item: number for number, items in enumerate(members) for item in all_of(items)}
    free = FreeNames(inputs)
    found: list[BlockFound] = []
    groups = list(parts_by_class([item for items in members for item in items]))
    counts = Counter(_snake(name) for name, parts in groups for _ in parts)
    taken = {*counts, *(f"{name}_{n}" for name, count in counts.items() for n in range(2, count // 2 + 1))}
    for name, parts in groups:
        blocks: list[BlockFound] = []
        for part in sorted(parts, key=lambda part: -_size(part)):  # with all that may be in it first
            if not any(_joins(block, part) for block in blocks):
                block = BlockFound(name, part)
                if _joins(block, part):
                    blocks.append(block)
        order = {id(part): i for i, part in enumerate(parts)}
        having = {homes[part] for part in parts}
        if any({homes[part] for part in block.occurrences} != having for block in blocks):
            continue  # in some members it has parts that it has not in others: what it is depends on the member
        if len(members) > 1 and any(differ_in_count(block.item, block.there) for block in blocks):
            continue  # how often depends on the member: a loop says it
        for block in sorted(blocks, key=lambda block: min(order[id(part)] for part in block.occurrences)):
            if max(Counter(homes[part] for part in block.occurrences).values()) > 1:
                block.name = free(_snake(name))
                _parametrised(block, taken)
                found.append(block)
    return found


def _size(item: PlacedItem) -> int:
    return 1 + sum(map(_size, item.body or ()))


def _snake(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().strip("_")
    return words if reserved(words) is None and words not in RESERVED else f"{words}_block"


# ---- whether two parts are the same


def _joins(block: BlockFound, part: PlacedItem) -> bool:
    """Note a part as an occurrence of a block, if it is one."""
    matching = _Matching(block, part)
    try:
        matching.run()
    except _Other:
        return False
    matching.keep()
    return True


class _Matching:
    """Goes through a block and a part side by side."""

    def __init__(self, block: BlockFound, part: PlacedItem) -> None:
        self.block = block
        self.part = part
        self.environment: dict[Traced, Traced] = {}
        self.numbers: dict[Where, Any] = {}
        self.missing: list[PlacedItem] = []
        self.outside: list[Traced] = []

    def run(self) -> None:
        """Match the two.

        Raises:
            _Other: they are not the same.
        """
        mine, theirs = self.block.item, self.part
        if len(mine.gives) != len(theirs.gives) or (mine.takes is None) != (theirs.takes is None):
            raise _Other
        if mine.takes is not None and theirs.takes is not None:
            self.environment[mine.takes] = theirs.takes
        self._lists(mine.body or [], theirs.body or [])
        for a, b in zip(mine.gives, theirs.gives, strict=True):
            if self.environment.get(a) is not b or a is mine.takes:
                raise _Other
        if self.block.occurrences and len(self.outside) != len(self.block.values):
            raise _Other

    def keep(self) -> None:
        """Write down what was found."""
        block, count, gone = self.block, len(self.block.occurrences), self._gone()
        for where, value in self.numbers.items():
            if where not in block.numbers:  # the others have the default, or not the item
                block.numbers[where] = [MISSING if where[0] in there else default_of(where) for there in block.gone]
            block.numbers[where].append(value)
        for where, values in block.numbers.items():
            if len(values) == count:
                values.append(MISSING if where[0] in gone else default_of(where))
        block.gone.append(gone)
        for item in self.missing:
            block.there.setdefault(item, [True] * count)
        for item, flags in block.there.items():
            flags.append(item not in self.missing)
        if not block.occurrences:
            block.values = self.outside
        block.environments.append(self.environment)
        block.occurrences.append(self.part)

    def _gone(self) -> set[PlacedItem]:
        return set(all_of(self.missing))

    def _lists(self, mine: Sequence[PlacedItem], theirs: Sequence[PlacedItem]) -> None:
        rest = list(theirs)
        last: Traced | None = None
        for item in mine:
            if rest and self._alike(item, rest[0]) and self._tried(item, rest[0]):
                rest.pop(0)
            else:
                if item.word == BRANCH:
                    raise _Other
                passed = item.takes if item.word != "add" else last if last in item.branches else None
                if len(item.gives) != 1 or passed is None or passed not in self.environment:
                    raise _Other
                self.missing.append(item)
                self.environment[item.gives[0]] = self.environment[passed]
            last = item.gives[0] if item.gives else last
        if rest:
            raise _Other

    def _tried(self, mine: PlacedItem, theirs: PlacedItem) -> bool:
        """Match two items; as if nothing had been tried, where they are not the same."""
        before = dict(self.environment), dict(self.numbers), list(self.missing), list(self.outside)
        try:
            self._items(mine, theirs)
        except _Other:
            self.environment, self.numbers, self.missing, self.outside = before
            return False
        return True

    def _alike(self, a: PlacedItem, b: PlacedItem) -> bool:
        return (
            (_unit(a), a.name, a.shared, a.is_inline, len(a.gives), a.body is None)
            == (_unit(b), b.name, b.shared, b.is_inline, len(b.gives), b.body is None)
            and (a.call is None) == (b.call is None)
            and a.reads.keys() == b.reads.keys()
            and len(a.branches) == len(b.branches)
            and len(a.terms) == len(b.terms)
            and a.keys.keys() == b.keys.keys()
        )

    def _items(self, mine: PlacedItem, theirs: PlacedItem) -> None:
        if (mine.takes is None) != (theirs.takes is None):
            raise _Other
        if mine.takes is not None and theirs.takes is not None:
            if mine.word == BRANCH:  # what it is given, its combinator may have made: slices, or a part
                self.environment.setdefault(mine.takes, theirs.takes)
            self._same(mine.takes, theirs.takes)
        for a, b in zip(mine.values(), theirs.values(), strict=True):
            self._same(a, b)
        for at, (a, b) in enumerate(zip(mine.terms, theirs.terms, strict=True)):
            if isinstance(a, (int, float)) and isinstance(b, (int, float)):
                self._number((mine, TERM, at), a, b)
            elif isinstance(a, Traced) is not isinstance(b, Traced) or (isinstance(a, str) and a != b):
                raise _Other
        plain = ({k: v for k, v in item.options.items() if not isinstance(v, Traced)} for item in (mine, theirs))
        if next(plain) != next(plain):
            raise _Other
        if mine.call is not None and theirs.call is not None:
            if len(mine.call) != len(theirs.call):
                raise _Other
            for at, (a, b) in enumerate(zip(mine.call, theirs.call, strict=True)):
                if isinstance(a, Traced) or isinstance(b, Traced):
                    self._same(a, b)
                else:
                    self._number((mine, "", at), a, b)
        elif mine.body is not None:
            self._lists(mine.body, theirs.body or [])
            if mine.word == BRANCH and not mine.body:  # it is a value that it is not given: a mask from outside
                for a, b in zip(mine.gives, theirs.gives, strict=True):
                    self._same(a, b)
        else:
            if _unit(mine) == UNIT:
                self.numbers[mine, "act", None] = theirs.word
            self._arguments(mine, theirs)
        for a, b in zip(mine.gives, theirs.gives, strict=True):
            if a not in self.environment:
                self.environment[a] = b
            elif self.environment[a] is not b:
                raise _Other

    def _same(self, mine: Any, theirs: Any) -> None:
        if not isinstance(mine, Traced) or not isinstance(theirs, Traced):
            raise _Other
        if mine not in self.environment:
            self.environment[mine] = theirs
            self.outside.append(mine)
        elif self.environment[mine] is not theirs:
            raise _Other

    def _arguments(self, mine: PlacedItem, theirs: PlacedItem) -> None:
        for name in dict.fromkeys((*mine.arguments, *theirs.arguments)):
            a = mine.arguments.get(name, default_of((mine, name, None)))
            b = theirs.arguments.get(name, default_of((mine, name, None)))
            if isinstance(a, list) and isinstance(b, list) and len(cast("list[Any]", a)) == len(cast("list[Any]", b)):
                for at, (x, y) in enumerate(zip(cast("list[Any]", a), cast("list[Any]", b), strict=True)):
                    self._number((mine, name, at), x, y)
            elif isinstance(a, dict) and isinstance(b, dict) and list(cast("Any", a)) == list(cast("Any", b)):
                pairs = zip(cast("dict[str, Any]", a).values(), cast("dict[str, Any]", b).values(), strict=True)
                for at, (x, y) in enumerate(pairs):
                    self._number((mine, name, at), x, y)
            else:
                self._number((mine, name, None), a, b)

    def _number(self, where: Where, mine: Any, theirs: Any) -> None:
        known = mine == theirs and type(mine) is type(theirs)
        units = all(isinstance(value, str) and value in UNITS for value in (mine, theirs))
        numbers = all(isinstance(value, (int, float)) for value in (mine, theirs))
        if not known and not units and not numbers and not _are_sizes(mine, theirs):
            raise _Other
        if not known and isinstance(mine, bool) is not isinstance(theirs, bool):
            raise _Other
        self.numbers[where] = theirs


def _are_sizes(mine: Any, theirs: Any) -> bool:
    """Whether two values are of what layers take as one number for all axes or as one for each, as a kernel's sizes."""
    lists = [cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,) for value in (mine, theirs)]
    lengths = {len(each) for each in lists if len(each) > 1}
    return len(lengths) == 1 and all(type(each) is int for sizes in lists for each in sizes)


def _unit(item: PlacedItem) -> str:
    """The word of an item; one for all activations without arguments, which may be a parameter."""
    return UNIT if item.word in UNITS and not item.arguments else item.word


# ---- parameters


def _parametrised(block: BlockFound, taken: Collection[str]) -> None:
    """Turn what differs into parameters, and each occurrence into a call with its values.

    Args:
        block: what was found.
        taken: the names that blocks may have, which no parameter has.
    """
    places = {where: values for where, values in block.numbers.items() if _varies(values)}
    taken = {*taken, *_name_values(block, taken)}
    columns = Columns(
        places,
        {where: [_channels(where[0], env) for env in block.environments] for where in places},
        {where: plain_name(where[1], where[0], where[2]) for where in places},
        {where: where[0] for where in places},
        {item: flag_name(item) for item in block.there},
        MISSING,
        _arguments(block, taken),
        {where: _meaning(where) for where in places},
    )
    channels = {item: [_channels(item, env) for env in block.environments] for item in block.there}
    solved = formulas(columns, block.there, channels, taken)
    for where, text in solved.texts.items():
        put(where, ExpressionText(text))
    called = {columns.names[where]: text for where, text in solved.texts.items() if text in solved.parameters}
    for where, values in block.numbers.items():  # what is equal wherever its item is there may be a parameter's
        item, name, at = where
        parameter = called.get(plain_name(name, item, at))
        if where in places or parameter is None or MISSING not in values or name not in item.arguments:
            continue
        given = solved.parameters[parameter]
        if all(a is MISSING or (type(a) is type(b) and a == b) for a, b in zip(values, given, strict=True)):
            put(where, ExpressionText(parameter))
    for item, text in solved.conditions.items():
        item.when = text
    block.parameters = list(solved.parameters)
    for number, (part, env) in enumerate(zip(block.occurrences, block.environments, strict=True)):
        part.word = block.name
        part.given = block.given
        part.call = [
            *(env[value] for value in block.values),
            *(column[number] for column in solved.parameters.values()),
        ]


def _name_values(block: BlockFound, taken: Collection[str]) -> list[str]:
    """Call the values that a block reads from outside as its class's `forward` does, where that may be; else `v`."""
    free = FreeNames({*taken, *RESERVED})
    for value in block.values:
        name = block.item.called.get(value, "")
        block.value_names.append(free(name if is_usable(name, taken) and not name.startswith("_") else "v"))
    return block.value_names


def _arguments(block: BlockFound, taken: Collection[str]) -> dict[str, list[Any]]:
    """The numbers for which the source of a block has names, where they differ; for each its values."""
    first, *others = (part.made_with for part in block.occurrences)
    found = {name: [each[name] for each in (first, *others)] for name in first if all(name in each for each in others)}
    return {
        name: values for name, values in found.items()
        if is_usable(name, taken) and _varies(values) and all(type(value) in (bool, int, float) for value in values)
    }  # fmt: skip


def _meaning(where: Where) -> str:
    """What a layer calls an argument; what a block does, of a call."""
    item, name, at = where
    return _MEANINGS.get(name, name) or plain_name(name, item, at)


_MEANINGS: Final = {"p": "dropout", "normalized_shape": "features", TERM: ""}


def _varies(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not MISSING]
    return any(value != known[0] for value in known)


def _channels(item: PlacedItem, env: dict[Traced, Traced]) -> tuple[int, int] | None:
    """`in_channels` and `in_features` where an item stands, in one occurrence."""
    if item.takes is None or item.takes not in env:
        return None
    shape = env[item.takes].shape
    return (shape[1], shape[-1]) if len(shape) > 1 else None
