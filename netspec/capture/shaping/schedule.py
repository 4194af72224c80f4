"""Which value stands where: `use` in front of what takes another one, and names for what is read again.

A name is free again behind the last place that reads it, so that the rounds of a loop have the same names; values that
wait together, as those that the way up of a U-Net reads, are a family with numbers.
"""

from __future__ import annotations

import linecache
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise, takewhile
from typing import Final, NamedTuple

from netspec.capture.graph import Place, Traced
from netspec.capture.items import BRANCH, PlacedItem
from netspec.combinators import HEADS
from netspec.emit.naming import FreeNames
from netspec.language.reserved import RESERVED, reserved

JOINS: Final = frozenset(("add", "mul", "concat", "stack", "einsum", "attend"))

_FAMILY: Final = 3
"""Values of one name that wait at the same time, and are a family."""
_OFTEN: Final = 3
"""Values that have one name, one after the other, and get it in an item of its own."""


class BodyNames:
    """The names of one body: that of the network, or of a block.

    Args:
        known: values that have names from the beginning.
        taken: names that no value may have.
    """

    def __init__(self, known: dict[Traced, str], taken: Iterable[str] = ()) -> None:
        self.names = dict(known)
        self.families: set[str] = set()
        """What the program calls values that are a family."""
        self._known = dict(known)
        self._taken = {*known.values(), *taken}
        self._free = FreeNames(self._taken)
        self._makers: dict[Traced, PlacedItem] = {}
        """Of each value the item that gives it, the outermost list of those that do."""
        self._layers: dict[Traced, PlacedItem] = {}
        """Of each value the layer, or the call of a block, that makes it."""
        self._heads: dict[Traced, list[PlacedItem]] = {}
        self._starts: dict[int, Traced] = {}
        """What stands at the head of a list."""
        self._needed: list[Traced] = []
        self._lives: _Lives | None = None

    def scheduled(self, items: list[PlacedItem], current: Traced | None) -> tuple[list[PlacedItem], Traced | None]:
        """The items of a list with `use` where another value is needed, and the value that stands at its end."""
        done: list[PlacedItem] = []
        if current is not None:
            self._starts[id(done)] = current
        if current is not None and current not in self._makers and current not in self._heads:
            self._heads[current] = done
        for item in items:
            is_join = item.word in JOINS and not item.is_combinator
            if not is_join and item.takes is not None and item.takes is not current:
                self.use(item.takes, done)
                current = item.takes
            several = self._are_several(item)
            for value in item.values():
                if value is not current or value not in item.branches or several:
                    self.need(value)
            item.takes = None if several else current
            last = self._bodies(item, current) if item.body is not None and item.call is None else current
            done.append(item)
            nested = item.body is not None and item.call is None and not item.is_combinator
            for value in item.gives[:1] if nested else item.gives:  # what else a nested list gives has its names inside
                self._layers.setdefault(value, item)
                if not nested or value not in self._needed:
                    self._makers[value] = item
            if item.word != HEADS:  # beside which the flow goes on
                current = last
            current = item.gives[0] if item.gives else current
        return done, current

    def _bodies(self, item: PlacedItem, current: Traced | None) -> Traced | None:
        """Schedule the list in an item, or its branches, each of which begins with what flows in; what stands at the
        end of the list, of which nothing may be read behind it."""
        last = current
        for one in item.body if item.is_combinator and item.body is not None else [item]:
            one.body, last = self.scheduled(one.body or [], one.takes if one is not item else current)
            if one.gives and last is not one.gives[0]:
                self.use(one.gives[0], one.body)
        return last

    def _are_several(self, item: PlacedItem) -> bool:
        """Whether a join is of values that the program calls the same: a family, of which none stands for itself."""
        if item.word not in JOINS or len(item.branches) < _FAMILY or not all(v in self._makers for v in item.branches):
            return False
        return len({(self._base(value), self._word(value)) for value in item.branches}) == 1

    def use(self, value: Traced, done: list[PlacedItem]) -> None:
        """Put another value in the place of the one that stands there."""
        self.need(value)
        done.append(PlacedItem("use", None, (value,), terms=(value,)))

    def need(self, value: Traced) -> None:
        """Note that a value is read by its name."""
        if value in self.names or value in self._needed:
            return
        if value not in self._makers and value not in self._heads:
            raise AssertionError(f"a value of the shape {value.shape} is read before it is made")
        self._needed.append(value)

    # ---- names

    def finish(self, items: list[PlacedItem], outputs: Sequence[Traced] = ()) -> None:
        """Give the values their names, and write `as` where they are made; those of the outputs stay to the end."""
        self.name(items, outputs)
        self.label()

    def name(
        self, items: list[PlacedItem], outputs: Sequence[Traced] = (), families: frozenset[str] = frozenset()
    ) -> None:
        """Give the values their names; those of the outputs stay to the end.

        Args:
            items: the items of the body.
            outputs: values that are read behind them.
            families: what is called so is a family, however few there are.
        """
        self.names, self._free = dict(self._known), FreeNames(self._taken)
        lives = _Lives(self._makers, self._heads)
        lives.walk(items)
        for value in outputs:
            lives.last[value] = lives.now + 1  # behind the last item, which may give another of them
        found = [_Life(value, lives.first[value], lives.last[value], self._base(value)) for value in self._needed]
        stems: defaultdict[str, list[_Life]] = defaultdict(list)
        for life in sorted(found, key=lambda life: life.first):
            stems[re.sub(r"_?\d+$", "", life.base) or life.base].append(life)
        for stem, group in stems.items():
            self._name(stem, group, lives, fewest=1 if stem in families else _FAMILY)
        self._lives = lives

    def label(self, others: Sequence[BodyNames] = ()) -> None:
        """Write `as` where the values are made that have names.

        Args:
            others: of the other members of a family, in which `as` stands at the same places.
        """
        assert self._lives is not None
        own, *more = [Counter(each.names[value] for value in each._needed) for each in (self, *others)]
        for value in sorted(self._needed, key=self._lives.first.__getitem__):
            name = self.names[value]
            is_item = any(count[name] >= _OFTEN or count[name] != own[name] for count in (own, *more))
            self._label(value, self._lives, is_item=is_item)

    def _base(self, value: Traced) -> str:
        maker, layer = self._makers.get(value), self._layers.get(value)
        if layer is not None and layer.named_as is not None:
            return self._base(layer.named_as)
        base = _name_of(value, maker, self._rank(maker)) or "x"
        return base if reserved(base) is None and base not in RESERVED else f"{base}_value"

    def _rank(self, maker: PlacedItem | None) -> int:
        """How many parameters or numbers the line that makes one has made before: `cos, sin = self.cos[:n], …`."""
        if maker is None or maker.word not in _OF_NOTHING or maker.place is None:
            return 0
        here = [
            item for item in dict.fromkeys(self._makers.values())
            if item.word in _OF_NOTHING and item.place is not None
            and (item.place.file, item.place.line) == (maker.place.file, maker.place.line)
        ]  # fmt: skip
        return here.index(maker)

    def _name(self, stem: str, group: Sequence[_Life], lives: _Lives, *, fewest: int) -> None:
        """Name the values that the program calls nearly the same."""
        holders: defaultdict[str, list[tuple[int, _Branches]]] = defaultdict(list)
        for together in _together(group):
            turned = all(a.last > b.last for a, b in pairwise(together))
            words = {self._word(life.value) for life in together}
            one_list = len({self._scope(life.value, lives) for life in together}) == 1
            if _most(together) >= fewest and one_list and (turned or len(words) == 1):
                self.families.add(stem)
                family = self._free("skip" if turned else stem)
                self.names.update({life.value: f"{family}[{i}]" for i, life in enumerate(together)})
                self._named_inside([life.value for life in together], lives)
                continue
            for life in together:
                mine = (name for name in holders if re.sub(r"_\d+$", "", name) == re.sub(r"_\d+$", "", life.base))
                scope = self._scope(life.value, lives)
                name = next((name for name in mine if _is_free(holders[name], life, scope)), None)
                name = name or self._free(life.base)
                holders[name].append((life.last, scope))
                self.names[life.value] = name

    def _named_inside(self, family: Sequence[Traced], lives: _Lives) -> None:
        """A value that the last layer of a list gives is named beside that layer where its family is named there."""
        homes = [id(lives.homes[self._makers[value]]) for value in family if value in self._makers]
        for value in family:
            layer = self._layers.get(value)
            if layer is not None and len(layer.gives) == 1 and homes.count(id(lives.homes[layer])) > 1:
                self._makers[value] = layer

    def _scope(self, value: Traced, lives: _Lives) -> _Branches:
        """The branches in which the name of a value is known: that which it flows into, where only that reads it."""
        maker = self._makers.get(value)
        made = lives.scopes[id(self._heads[value])] if maker is None else lives.scopes[id(lives.homes[maker])]
        within = lives.within.get(value, made)
        inner = (at for at in range(len(within), len(made), -1) if self._starts.get(within[at - 1]) is value)
        return within[: next(inner, len(made))]

    def _word(self, value: Traced) -> str:
        layer = self._layers.get(value)
        return "" if layer is None else layer.word

    def _label(self, value: Traced, lives: _Lives, *, is_item: bool) -> None:
        name, maker = self.names[value], self._makers.get(value)
        inner = lives.readers[value][0] if is_item and len(lives.readers[value]) == 1 else None
        scope = self._scope(value, lives)
        made = lives.scopes[id(self._heads[value] if maker is None else lives.homes[maker])]
        if len(scope) > len(made):
            lives.branches[scope[-1]].insert(0, PlacedItem("as", value, (value,), labels=[name]))
        elif inner is not None and self._starts.get(id(inner)) is value:  # all that read it by name stand in one list
            inner.insert(0, PlacedItem("as", value, (value,), labels=[name]))
        elif maker is None:
            self._heads[value].insert(0, PlacedItem("as", value, (value,), labels=[name]))
        elif is_item and len(maker.gives) == 1:
            home = lives.homes[maker]
            home.insert(home.index(maker) + 1, PlacedItem("as", value, (value,), labels=[name]))
        else:
            if not maker.labels:
                maker.labels = [None] * len(maker.gives)
            maker.labels[maker.gives.index(value)] = name


_Branches = tuple[int, ...]
"""The branches in which something stands, the outermost first, by the identities of their lists."""


def _is_free(holders: Sequence[tuple[int, _Branches]], life: _Life, scope: _Branches) -> bool:
    """Whether a value may have the name that others have had: a branch binds no name of the list around it."""
    return all(last <= life.first for last, _ in holders) and not any(
        other != scope and scope[: len(other)] == other[: len(scope)] for _, other in holders
    )


class _Life(NamedTuple):
    """Where a value is made, and where it is read last."""

    value: Traced
    first: int
    last: int
    base: str


class _Lives:
    """Counts the items of a body, and notes where values are made and read."""

    def __init__(self, makers: dict[Traced, PlacedItem], heads: dict[Traced, list[PlacedItem]]) -> None:
        self.now = 0
        self.first: dict[Traced, int] = {}
        self.last: dict[Traced, int] = {}
        self.readers: defaultdict[Traced, list[list[PlacedItem]]] = defaultdict(list)
        """Of each value the lists in which it is read."""
        self.within: dict[Traced, _Branches] = {}
        """Of each value the branches in which all that read it stand."""
        self.scopes: dict[int, _Branches] = {}
        """Of each list the branches in which it stands."""
        self.branches: dict[int, list[PlacedItem]] = {}
        """The branches by their identities."""
        self.homes: dict[PlacedItem, list[PlacedItem]] = {}
        self._makers = makers
        self._heads = {id(items): value for value, items in heads.items()}

    def walk(self, items: list[PlacedItem], scope: _Branches = ()) -> None:
        """Note what the items of a list make and read."""
        self.scopes[id(items)] = scope
        if id(items) in self._heads:
            self.first[self._heads[id(items)]] = self.now
        for item in items:
            self.homes[item] = items
            self.now += 1
            for value in item.values():
                if value is not item.takes or value not in item.branches:
                    self.last[value] = self.now
                    self.within[value] = _common(self.within.get(value, scope), scope)
                    if not any(known is items for known in self.readers[value]):
                        self.readers[value].append(items)
            if item.body is not None and item.call is None:
                inner = scope
                if item.word == BRANCH:
                    inner = (*scope, id(item.body))
                    self.branches[id(item.body)] = item.body
                self.walk(item.body, inner)
                self.now += 1
            for value in item.gives:
                if self._makers.get(value) is item:
                    self.first[value] = self.now


def _common(a: _Branches, b: _Branches) -> _Branches:
    """The branches that both are in."""
    return tuple(x for x, _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _together(group: Sequence[_Life]) -> list[list[_Life]]:
    """Values in the order in which they are made, those together of which one waits while the next is made."""
    found: list[list[_Life]] = []
    end = -1
    for life in group:
        if not found or life.first >= end:
            found.append([])
        found[-1].append(life)
        end = max(end, life.last)
    return found


def _most(together: Sequence[_Life]) -> int:
    """How many values wait at the same time, at most."""
    return max(sum(other.first <= life.first < other.last for other in together) for life in together)


_ASSIGNED: Final = re.compile(r"\s*([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*(?::[^=]+)?[-+*/@|&]?=(?!=)")


_OF_NOTHING: Final = ("Parameter", "Buffer", "Sinusoids")


def _of_key(path: str) -> str | None:
    """What a parameter or a buffer is called by its module; None of a number."""
    name = path.rpartition(".")[2].strip("_").lower()
    return name if name.isidentifier() else None


def _name_of(value: Traced, maker: PlacedItem | None, rank: int) -> str | None:
    """The name that the program gives to what is made in a line: that of the outermost module that gives it; of several
    names the one at a rank, where no call gives several results."""
    place: Place | None = None
    if maker is not None and maker.body is not None:
        place = maker.place
    elif value.maker is not None:
        place = value.maker.place
    if place is None and maker is not None:
        place = maker.place
    if place is None:
        return _of_key(maker.path) if maker is not None and maker.word in _OF_NOTHING else None
    found = _ASSIGNED.match(linecache.getline(place.file, place.line) if place.code is None else place.code)
    if found is None:
        return None
    names = [name.strip().strip("_").lower() for name in found[1].split(",")]
    at = value.maker.results.index(value) if value.maker is not None and value in value.maker.results else rank
    return names[at] if at < len(names) else None
