"""The names of modules and where each stands: `name` and `shared` beside items, and what refers to them, `tie` and the
patterns of a recipe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from netspec.language.targets import entries_below
from netspec.lsp.names import BRACES, Occurrence, SpecName
from netspec.net import Combinator, Leaf, Net, Sequential, walk
from netspec.recipe.read import PATTERNS
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

MODULE: Final = "module"
"""The kind of these names."""
_GLOB: Final = re.compile(r"[*?\[]")


def module_occurrences(root: Node | None, source: Source, net: Net | None) -> list[Occurrence]:
    """All places of all names of modules. What refers to what is the net's to say."""
    if not isinstance(root, MapNode):
        return []
    named = _named(root, source)
    paths = {} if net is None else _paths(net, named, source)
    firsts = _firsts(named.values(), paths)

    def at(place: ScalarNode, start: int, end: int, *, defines: bool) -> Occurrence:
        return Occurrence(SpecName(MODULE, place.text, firsts[place.start]), start, end, defines)

    found = {
        place.start: at(place, place.start + place.quoted, place.end - place.quoted, defines=True)
        for place in named.values()
    }
    if net is not None:
        references = [*_tied(root, source, net), *((pattern, ("",)) for pattern in patterns(root))]
        for scalar, prefixes in references:
            for path, start, end in _segments(scalar, prefixes, paths):
                found.setdefault(start, at(paths[path][0], start, end, defines=False))
    return list(found.values())


def _named(root: MapNode, source: Source) -> dict[tuple[int, int], ScalarNode]:
    """The text of each item's `name` or `shared`, by the places of the item's keys: a node stands at one of them."""
    found: dict[tuple[int, int], ScalarNode] = {}
    for item in _mappings([root.get(key) for key in ("layers", "blocks", "output")]):
        name = item.get("name") or item.get("shared")
        if isinstance(name, ScalarNode) and name.text:
            found |= {source.position(key.start): name for key, _ in item.entries}
    return found


def _paths(net: Net, named: Mapping[tuple[int, int], ScalarNode], source: Source) -> dict[str, list[ScalarNode]]:
    """The path of each module that has a name, with the places that give it that: several for one that is shared."""
    found: dict[str, list[ScalarNode]] = {}
    for node in walk(net.root):
        if not isinstance(node, Leaf | Sequential | Combinator) or not node.path:
            continue
        place = named.get((node.span.line, node.span.column))
        if place is not None and re.fullmatch(_matching(place.text), node.path.rpartition(".")[2]):
            places = found.setdefault(node.path, [])
            if place not in places:
                places.append(place)
    return found


def _firsts(places: Iterable[ScalarNode], paths: Mapping[str, Sequence[ScalarNode]]) -> dict[int, int]:
    """For each place the first one that names the same module."""
    firsts = {place.start: place.start for place in places}

    def first(start: int) -> int:
        while firsts[start] != start:
            start = firsts[start]
        return start

    for together in paths.values():
        one, *others = sorted(first(place.start) for place in together)
        for other in others:
            firsts[other] = one
    return {start: first(start) for start in firsts}


def _matching(text: str) -> str:
    """A regular expression for what a name may become, whose braces hold expressions."""
    return "[^.]*".join(map(re.escape, BRACES.split(text)))


def _tied(root: MapNode, source: Source, net: Net) -> Iterator[tuple[ScalarNode, tuple[str, ...]]]:
    """The keys that `tie` tells, each with the paths below which it may stand, the nearest first."""
    at: dict[tuple[int, int], list[Leaf]] = {}
    for leaf in net.layers:
        if leaf.ties:
            at.setdefault((leaf.span.line, leaf.span.column), []).append(leaf)
    for item in _mappings([root]):
        tie = item.get("tie")
        if not isinstance(tie, MapNode):
            continue
        leaves = [leaf for key, _ in item.entries for leaf in at.get(source.position(key.start), ())]
        prefixes = dict.fromkeys(prefix for leaf in leaves for prefix in _above(leaf.path))
        yield from ((value, tuple(prefixes)) for _, value in tie.entries if isinstance(value, ScalarNode))


def _mappings(nodes: Iterable[Node | None]) -> Iterator[MapNode]:
    """All mappings at and below nodes."""
    left = list(nodes)
    while left:
        node = left.pop()
        if isinstance(node, ListNode):
            left += node.items
        elif isinstance(node, MapNode):
            left += [value for _, value in node.entries]
            yield node


def _above(path: str) -> Iterator[str]:
    """`a.b.`, `a.` and nothing, of `a.b.c`."""
    while path:
        path = path.rpartition(".")[0]
        yield f"{path}." if path else ""


def patterns(root: MapNode) -> Iterator[ScalarNode]:
    """The patterns of keys in the recipes: those with a dot."""
    recipes = [node for key, node in entries_below([root]) if key.text == "train"]
    for key, node in entries_below(recipes):
        if key.text in (*PATTERNS, "parameters"):
            scalars = node.items if isinstance(node, ListNode) else [node]
            yield from (scalar for scalar in scalars if isinstance(scalar, ScalarNode) and "." in scalar.text)


def _segments(
    scalar: ScalarNode, prefixes: Sequence[str], paths: Mapping[str, Sequence[ScalarNode]]
) -> Iterator[tuple[str, int, int]]:
    """The parts of a key, or of a pattern for keys, that are names of modules, each with its module's path."""
    segments = scalar.text.split(".")
    prefix = next((p for p in prefixes if any(_fits(path, p + segments[0]) for path in paths)), "")
    start = scalar.start + scalar.quoted
    for number, segment in enumerate(segments):
        if not _GLOB.search(segment):
            pattern = f"{prefix}{'.'.join(segments[: number + 1])}"
            depth = pattern.count(".")
            path = next((p for p in paths if p.count(".") == depth and _fits(p, pattern)), None)
            if path is not None:
                yield path, start, start + len(segment)
        start += len(segment) + 1


def _fits(path: str, pattern: str) -> bool:
    if "{" in pattern:
        return re.fullmatch(_matching(pattern), path) is not None
    return fnmatchcase(path, pattern)
