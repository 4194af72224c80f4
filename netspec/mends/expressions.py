"""Mends of expressions that are written as in other languages: `2^5`, `a && b`, `i in 3`, `${width}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from netspec.diagnostics import Diagnostic, Fix
from netspec.language.spec import Spec
from netspec.mends.edits import replace
from netspec.mends.finding import items_around, nodes
from netspec.text.source import MapNode, ScalarNode, Source

_OPERATORS: Final[Mapping[str, str]] = {
    r"\^": "**",
    r"\s*&&\s*": " and ",
    r"\s*\|\|\s*": " or ",
    r"(?<![<>=!])=(?!=)": "==",
}
"""Operators of other languages, and what is written here."""
_TEMPLATE: Final = r"\$\{\s*([^{}]+?)\s*\}|\{\{\s*([^{}]+?)\s*\}\}|\{\s*([^{}:,]+?)\s*\}|\$\(\s*([^()]+?)\s*\)"
"""How a shell, OmegaConf, Jinja and Python set an expression in a text."""
_CHOICE: Final = re.compile(r"(.+?) ?\? ?(.+?) ?: ?(.+)")
_IN_NUMBER: Final = re.compile(r"\bin\s+(\w+|\d+)(?=\s*(?:$|[\])]|\bfor\b|\bif\b))")


class _Reading(NamedTuple):
    """What an expression may have been meant as."""

    text: str
    title: str
    certain: bool = True


def mends_of_expressions(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """Other ways to write the expression that a finding is about."""
    at = source.offset(*d.span[1:3])
    scalars = (n for n in nodes(spec, defined=True) if isinstance(n, ScalarNode))
    node = next((n for n in scalars if n.start <= at < n.end), None)
    if node is None:
        return
    readings: Iterator[_Reading] = iter(())
    if d.code in ("expression-forbidden", "expression-syntax"):
        readings = _in_our_words(node.text)
    elif d.code in ("bad-loop", "expression-type"):
        readings = _counting(node, source, spec)
    quote = source.text[node.start] if node.quoted else ""
    for text, title, certain in readings:
        if not quote or quote not in text:
            yield Fix(title, (replace(source, node, f"{quote}{text}{quote}"),), certain)


def _in_our_words(text: str) -> Iterator[_Reading]:
    """All that is foreign in an expression in our words, and then each alone."""
    made = [one for rewrite in _REWRITINGS if (one := rewrite(text)) != text]
    whole = text
    for rewrite in _REWRITINGS:
        whole = rewrite(whole)
    sure = re.search(r"\^\s*[01](?![\w.])", text) is None  # which flips a bit in other languages
    for one in dict.fromkeys([whole, *made]):
        if one != text:
            yield _Reading(one, f"write `{one}`", sure)


def _own_operators(text: str) -> str:
    for foreign, own in _OPERATORS.items():
        text = re.sub(foreign, own, text)
    return text


def _not(text: str) -> str:
    """`!a == b`, in which the `!` is of `a` alone."""
    for found in reversed(list(re.finditer(r"!(?!=)\s*", text))):
        end = _operand_end(text, found.end())
        if end is None:
            return text
        before, behind = text[: found.start()].rstrip(), text[end:].lstrip()
        alone = re.search(r"(?:^|[(,!]|&&|\|\||\b(?:and|or|not|if|else))$", before) and re.match(
            r"$|[),?:]|&&|\|\||(?:and|or|if|else)\b", behind
        )
        inner = f"not {text[found.end() : end]}"
        text = text[: found.start()] + (inner if alone else f"({inner})") + text[end:]
    return text


def _operand_end(text: str, at: int) -> int | None:
    """Where a name ends, with what it is called with, or something in parentheses; None if it does not."""
    found = re.compile(r"not [\w.]+|[\w.]+|(?=\()").match(text, at)
    if found is None:
        return None
    at, depth = found.end(), 0
    while at < len(text) and (depth or text[at] in "(["):
        depth += (text[at] in "([") - (text[at] in ")]")
        at += 1
        if depth == 0 and text[at : at + 1] not in ("(", "["):
            break
    return at if depth == 0 else None


def _without_braces(text: str) -> str:
    def bare(found: re.Match[str]) -> str:
        inside = next(group for group in found.groups() if group)
        return inside if re.fullmatch(r"\w+", inside) or found[0] == text.strip() else f"({inside})"

    return re.sub(_TEMPLATE, bare, text)


def _choice(text: str) -> str:
    found = _CHOICE.fullmatch(text)
    return text if found is None else f"{found[2]} if {found[1]} else {found[3]}"


_REWRITINGS: Final = (_without_braces, _not, _own_operators, _choice)


def _counting(node: ScalarNode, source: Source, spec: Spec) -> Iterator[_Reading]:
    """`i in 3`: the numbers below it, or it alone, which is no loop where the body does not read `i`."""
    for found in _IN_NUMBER.finditer(node.text):
        before, behind = node.text[: found.start(1)], node.text[found.end(1) :]
        loop = re.fullmatch(r"\s*(\w+)\s+in\s+", before)
        counts = loop is not None and not behind.strip() and not _is_read(loop[1], node, source, spec)
        title = f"write `range({found[1]})`, which counts from 0"
        yield _Reading(f"{before}range({found[1]}){behind}", title, counts)
        numbers = [
            key.text for key, value in spec.vars if isinstance(value, ScalarNode) and isinstance(value.value, int)
        ]
        if not counts and (found[1].isdigit() or found[1] in numbers):
            yield _Reading(f"{before}[{found[1]}]{behind}", f"write `[{found[1]}]`, which is one value", certain=False)


def _is_read(name: str, values: ScalarNode, source: Source, spec: Spec) -> bool:
    """Whether the loop over some values reads the name that they get."""
    for item in items_around(spec, values.start):
        if isinstance(item.node, MapNode) and any(value is values for _, value in item.node.entries):
            rest = source.text[item.node.start : values.start] + source.text[values.end : item.node.end]
            return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", rest) is not None
    return True
