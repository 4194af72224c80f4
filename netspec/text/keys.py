"""The keys of mappings, and those that are refused."""

from __future__ import annotations

from typing import Final

from netspec.text.mistakes import Mistakes
from netspec.text.nodes import ListNode, MapNode, Node, ScalarNode

BAD_KEYS: Final = frozenset({"<<", "", "~", "null", "Null", "NULL"})
"""Texts of keys that may be refused."""


def checked_entries(keys: list[Node], values: list[Node], mistakes: Mistakes) -> list[tuple[ScalarNode, Node]]:
    """The entries of a mapping whose keys are good; reports each key that is repeated, null, `<<` or no scalar."""
    entries: dict[str, tuple[ScalarNode, Node]] = {}
    for key, value in zip(keys, values, strict=True):
        if not isinstance(key, ScalarNode):
            kind = "list" if isinstance(key, ListNode) else "mapping"
            help = "a key is one word: `out_channels: 96`"
            if isinstance(key, MapNode) and key.flow:
                help = "`{{…}}` is no template here: an expression is written without braces"
            mistakes.report("yaml-key", f"a {kind} cannot be a key", key.start, key.end, help=help)
        elif key.value is None:
            what = "a null cannot be a key" if key.text else "a key is missing in front of the `:`"
            mistakes.report(
                "yaml-key", what, key.start, max(key.end, key.start + 1), help="quote it if the text is meant"
            )
        elif key.text == "<<" and not key.quoted:
            help = "write the entries out, or define the piece once under `blocks:` and call it"
            mistakes.report(
                "yaml-merge-key", "merge keys (`<<`) are not part of the language", key.start, key.end, help=help
            )
        elif key.text in entries:
            first = entries[key.text][0]
            line, _ = mistakes.source.position(first.start)
            mistakes.report(
                "duplicate-key",
                f"`{key.text}` is set twice in this mapping, first in line {line}",
                key.start,
                key.end,
                label="again",
                related=("first", first.start, first.end),
                help="keep one of them, or give them different names",
            )
        else:
            entries[key.text] = key, value
    return list(entries.values())
