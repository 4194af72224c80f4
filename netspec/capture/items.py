"""Items of a spec before they have names: what each takes, reads and gives are values of a trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from netspec.capture.graph import Place, Traced

BRANCH: Final = "branch"
"""The word of a branch in the body of a combinator, which is a list of its own."""

Operand = Traced | float | str
"""A part of the text of a `use`: a value, a number, or an operator."""


@dataclass(eq=False, slots=True)
class PlacedItem:
    """An item of a list of layers."""

    word: str
    """The type of a layer, or a word of the language."""
    takes: Traced | None = None
    """The value that has to stand in front of it; None where it reads none that stands there."""
    gives: tuple[Traced, ...] = ()
    """Its results; the first flows on."""
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    reads: dict[str, tuple[Traced, ...]] = field(default_factory=dict[str, tuple[Traced, ...]])
    """The tensors that a layer is given beside what flows, by name."""
    branches: tuple[Traced, ...] = ()
    """Of a combinator."""
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    """What stands beside a combinator; values among them are written as their names."""
    terms: tuple[Operand, ...] = ()
    """Of a `use`."""
    name: str | None = None
    keys: dict[str, str] = field(default_factory=dict[str, str])
    """For each parameter and buffer of the layer its key in the module."""
    body: list[PlacedItem] | None = None
    """Of a `sequential` or an `aux`; of a combinator, its branches."""
    path: str = ""
    """Of the module in the source."""
    class_name: str = ""
    kind: type | None = None
    """The class of the module."""
    made_with: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the module's source has names for; see `named_values`."""
    called: Mapping[Traced, str] = field(default_factory=dict[Traced, str])
    """What the module's `forward` calls the values that it is given."""
    place: Place | None = None
    labels: list[str | None] = field(default_factory=list[str | None])
    """The names that `as` gives to its results."""
    shared: bool = False
    call: list[Any] | None = None
    """Of a call of a block, its values and the numbers of its parameters; its body is what they stand for."""
    given: list[str] = field(default_factory=list[str])
    """Of a call, the names of what the block is given."""
    when: str | None = None
    template: str | None = None
    """What is written in the place of the word: a parameter that is a layer, `$act`."""

    named_as: Traced | None = None
    """The value whose name its result may have, too: it is the same, grown."""
    is_inline: bool = False
    """Of a nested list, whether what is in it stands in the list around it, without a module of its own."""
    keeps_statistics: bool = False
    """Of a layer, whether it keeps the statistics of what it has seen."""
    numbers: Any = None
    """Of a `Buffer`, the tensor whose numbers it has; of attention with `rotary`, the turns for each position."""
    is_steady: bool = False
    """Of such a layer, whether it stays in eval mode while the module trains."""

    @property
    def is_combinator(self) -> bool:
        """Whether its body is a list of branches."""
        return bool(self.body) and all(inner.word == BRANCH for inner in self.body or ())

    def values(self) -> Iterator[Traced]:
        """The values that it reads by name, perhaps."""
        for values in self.reads.values():
            yield from values
        yield from self.branches
        yield from (each for each in self.call or () if isinstance(each, Traced))
        yield from (term for term in self.terms if isinstance(term, Traced))
        yield from (value for value in self.options.values() if isinstance(value, Traced))

    def read_values(self) -> Iterator[Traced]:
        """What flows into it, and the values that it reads by name: each place counts."""
        if self.takes is not None:
            yield self.takes
        yield from self.values()


def copies(items: Iterable[PlacedItem]) -> list[PlacedItem]:
    """The items and those in them, of which others may be made; the values are the same."""
    return [
        replace(
            item, body=None if item.body is None else copies(item.body), arguments=dict(item.arguments),
            reads=dict(item.reads), options=dict(item.options), keys=dict(item.keys), labels=list(item.labels),
        )
        for item in items
    ]  # fmt: skip


def is_within(path: str, owner: str) -> bool:
    """Whether a module is another, or one in it; all are in the whole, whose path is empty."""
    return not owner or path == owner or path.startswith(f"{owner}.")


def has_keys(item: PlacedItem) -> bool:
    """Whether there are parameters or buffers in it."""
    return bool(item.keys) or any(map(has_keys, item.body or ()))


def is_numbered(items: list[PlacedItem], path: str) -> bool:
    """Whether modules with parameters stand under numbers in the list at a path."""
    names = (item.path.rpartition(".") for item in items if has_keys(item))
    return any(name.isdigit() and outer == path for outer, _, name in names)


def flattened(items: list[PlacedItem]) -> list[PlacedItem]:
    """The items of a list, with those of nested lists without a module of their own."""
    return [
        one for item in items for one in (flattened(item.body) if item.is_inline and item.body is not None else [item])
    ]


def spliced(items: list[PlacedItem]) -> list[PlacedItem]:
    """The items of a list; nested lists without a module of their own stay where they are calls of blocks."""
    found: list[PlacedItem] = []
    for item in items:
        if item.body is not None and item.call is None:
            item.body = spliced(item.body)
            if item.is_inline:
                for inner in item.body:
                    inner.options.update(item.options)
                found += item.body
                continue
        found.append(item)
    return found


def leaves_of(items: list[PlacedItem]) -> Iterator[PlacedItem]:
    """The layers and combinators, in order."""
    for item in items:
        if item.body is not None:
            yield from leaves_of(item.body)
        else:
            yield item


def all_of(items: Iterable[PlacedItem]) -> Iterator[PlacedItem]:
    """All items, each before those in it."""
    for item in items:
        yield item
        yield from all_of(item.body or ())


def lists_of(items: list[PlacedItem]) -> Iterator[list[PlacedItem]]:
    """A list of items, and those in it before it."""
    for item in items:
        if item.body is not None:
            yield from lists_of(item.body)
    yield items


def read_counts(items: list[PlacedItem], outputs: Iterable[Traced]) -> Counter[Traced]:
    """In how many places each value is read: of layers and combinators, and as an output of the network."""
    counts = Counter(outputs)
    for leaf in leaves_of(items):
        counts.update(leaf.read_values())
    return counts


def reader_counts(items: list[PlacedItem], outputs: Iterable[Traced]) -> Counter[Traced]:
    """How many layers and combinators read each value, one that is an output once more."""
    counts = Counter(outputs)
    for leaf in leaves_of(items):
        counts.update({*leaf.read_values()})
    return counts


def layers_of(items: list[PlacedItem], seen: set[str] | None = None) -> Iterator[PlacedItem]:
    """As `leaves_of`, but what is in a shared list counts where it is written first."""
    seen = set() if seen is None else seen
    for item in items:
        if item.body is None:
            yield item
        elif not item.shared or item.path not in seen:
            seen.add(item.path)
            yield from layers_of(item.body, seen)


def made(shape: tuple[int, ...], like: Traced, varies: bool | None = None) -> Traced:
    """A value between two items that stand for one call."""
    return Traced("made", shape, like.dtype, varies=like.varies if varies is None else varies)


def rename(items: list[PlacedItem], old: Traced, new: Traced) -> None:
    """Put a value in the place of another in items and the lists in them."""

    def renamed(value: Any) -> Any:
        return new if value is old else value

    for item in items:
        item.takes = renamed(item.takes)
        item.gives, item.branches = tuple(map(renamed, item.gives)), tuple(map(renamed, item.branches))
        item.terms = tuple(map(renamed, item.terms))
        item.reads = {name: tuple(map(renamed, values)) for name, values in item.reads.items()}
        item.options = {name: renamed(value) for name, value in item.options.items()}
        rename(item.body or [], old, new)


Names = Mapping[Traced, str]
