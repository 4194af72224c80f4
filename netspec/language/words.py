"""The words of a spec's expressions and targets, looked up without evaluating anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from netspec.language.reserved import OVERRIDDEN
from netspec.language.spec import Block, Spec
from netspec.language.targets import entries_below
from netspec.text.source import ListNode, MapNode, Node, ScalarNode

_WORD: Final = re.compile(r"[^\W\d]\w*")


def left_out_words(spec: Spec, left_out: list[Node]) -> set[str]:
    """Every word of the expressions in items that were left out, and of those that choose by `if`."""
    nodes: list[Node | None] = list(left_out)
    everything: list[Node | None] = [spec.layers, spec.output, *(block.body for block in spec.blocks.values())]
    texts = [text for text, is_key in _texts(nodes) if not is_key]
    texts += [text for text, is_key in _texts(everything) if not is_key and " if " in text]
    return {word for text in texts for word in _WORD.findall(text)}


def mentioned(spec: Spec, *, variants: bool) -> set[str]:
    """Every word that stands where an expression or a `$name` may stand, in what the spec holds but its definitions'
    own names; `variants` says whether those count."""
    nodes = [spec.input, spec.layers, spec.output, spec.init, spec.train, *(node for _, node in spec.vars)]
    nodes += [block.body for block in spec.blocks.values()]
    texts = [p.default.text for block in spec.blocks.values() for p in block.parameters if p.default is not None]
    if variants:
        nodes += [node for variant in spec.variants.values() for _, node in variant.entries]
    texts += [text for text, is_key in _texts(nodes) if not is_key or text.startswith("$")]
    return {word for text in texts for word in _WORD.findall(text)}


def calls_of(spec: Spec, block: Block) -> bool:
    """True if something but the block itself has its name where a call may stand, though nothing may come by there."""
    nodes = [spec.layers, spec.output, *(other.body for other in spec.blocks.values() if other is not block)]
    nodes += [node for _, node in spec.vars]
    nodes += [node for variant in spec.variants.values() for _, node in variant.entries]
    return any(block.name in _WORD.findall(text) for text, _ in _texts(nodes))


def loop_names(spec: Spec) -> set[str]:
    """The names of all loops: `i` of `for: i in range(3)`."""
    headers = [node.text for key, node in _entries(spec) if key.text == "for" and isinstance(node, ScalarNode)]
    return {word for text in headers for word in _WORD.findall(text.partition(" in ")[0])}


def module_named(spec: Spec, name: str) -> Node | None:
    """Where an item has a `name`."""
    return next(
        (n for k, n in _entries(spec) if k.text == "name" and isinstance(n, ScalarNode) and n.text == name), None
    )


def _entries(spec: Spec) -> Iterator[tuple[ScalarNode, Node]]:
    """All keys with their values among the layers, at any depth."""
    return entries_below([spec.layers, spec.output, *(block.body for block in spec.blocks.values())])


def _texts(nodes: list[Node | None]) -> Iterator[tuple[str, bool]]:
    """Every text below these nodes, and whether it is a key."""
    while nodes:
        match nodes.pop():
            case ScalarNode(value=str(), text=text):
                yield text, False
            case ListNode(items=items):
                nodes += items
            case MapNode(entries=entries):
                nodes += [node for _, node in entries]
                yield from ((key.text, True) for key, _ in entries)
            case _:
                pass


def is_complete(spec: Spec) -> bool:
    """False where the file means nothing without a variant: every variant defines a name that the base uses and
    lacks, or an input."""
    if not spec.variants:
        return True
    base = {key.text for key, _ in spec.vars}
    common: set[str] | None = None
    for node in spec.variants.values():
        names = _variable_names(node) - base
        if spec.input is None and node.get("input") is not None:
            names.add("input:")
        common = names if common is None else common & names
    return not common or ("input:" not in common and not common & mentioned(spec, variants=False))


def _variable_names(variant: MapNode) -> set[str]:
    overrides = variant.get("vars")
    direct = {key.text for key, _ in variant.entries if key.text not in {"vars", *OVERRIDDEN}}
    return direct | ({key.text for key, _ in overrides.entries} if isinstance(overrides, MapNode) else set())
