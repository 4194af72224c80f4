"""Specs held against the schema: as data, the way a YAML reader of an editor sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from netspec.schema import schema
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, decode, parse
from tests.mistakes.check import Shipped, broken, check, specs

FORM: Final = frozenset(
    {
        "not-a-spec", "unknown-key", "missing-key", "wrong-form", "unknown-layer", "layer-not-offered", "two-heads",
        "no-head", "option-without-item", "option-as-argument", "unknown-option", "misplaced-option",
        "scalar-argument", "list-argument", "unknown-argument", "omitted-argument", "missing-argument", "quoted-value",
        "unknown-initializer", "unknown-parametrization", "unknown-data-set", "unknown-transform", "unknown-optimizer",
        "unknown-scheduler", "unknown-loss",
    }
)  # fmt: skip
"""The codes of mistakes of form. What an argument's value may be is another matter: most are expressions."""


@cache
def validator() -> Any:
    from jsonschema import Draft7Validator  # imported here: it comes with `dev` alone

    return Draft7Validator(schema())


def data(text: str) -> Any:
    """A spec as plain data; None where it is no YAML."""
    source, _ = decode(text.encode(), "spec.yaml")
    node, problems = parse(source)
    return None if node is None or problems else plain(node)


def plain(node: Node) -> Any:
    """A node as plain data: what a YAML reader makes of it."""
    match node:
        case ScalarNode():
            return node.value
        case ListNode():
            return [plain(item) for item in node.items]
        case MapNode():
            return {key.text: plain(value) for key, value in node.entries}


def refused(text: str) -> list[str]:
    """Where the schema refuses a spec."""
    found: Mapping[Any, Any] = {error.json_path: error for error in validator().iter_errors(data(text))}
    return list(found)


def of_form(text: str) -> str | None:
    """The code of the first mistake of a spec if that is one of form; None if not.

    A lowercase name is that of a block, and an argument of one is known to the file alone: no schema says what a file
    defines.
    """
    first = next((d for d in check(text, mends=False) if d.severity == "error"), None)
    if first is None or first.code not in FORM:
        return None
    marked = text.splitlines()[first.span.line - 1][first.span.column - 1 :]
    defined_by_the_file = first.code == "unknown-layer" and not marked.lstrip("\"'")[:1].isupper()
    of_a_block = first.code == "unknown-argument" and "has no parameter" in first.message
    return None if defined_by_the_file or of_a_block else first.code


def shares(seeds: range, among: Callable[[], Sequence[Shipped]] = specs) -> tuple[int, dict[str, list[str]]]:
    """How many random mistakes are of form, and those of them that the schema admits, by code."""
    number = 0
    admitted: dict[str, list[str]] = {}
    for seed in seeds:
        made = broken(seed, 1, among)
        if made is None or data(made.wrong) is None or (code := of_form(made.wrong)) is None:
            continue
        number += 1
        if not refused(made.wrong):
            admitted.setdefault(code, []).append(f"{made.shipped.name}, seed {seed}")
    return number, admitted
