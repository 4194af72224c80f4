"""Mends of expressions that are written as in other languages: `2^5`, `a && b`, `i in 3`, half a kernel as `k / 2`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from netspec.diagnostics import Code, Diagnostic, Fix
from netspec.language.spec import Spec
from netspec.mends.edits import replace
from netspec.mends.finding import nodes
from netspec.text.source import ScalarNode, Source

_OPERATORS: Final[Mapping[str, str]] = {
    r"\^": "**",
    r"\s*&&\s*": " and ",
    r"\s*\|\|\s*": " or ",
    r"!(?!=)\s*": "not ",
    r"(?<![<>=!])=(?!=)": "==",
}
"""Operators of other languages, and what is written here."""

_TEMPLATE: Final = r"\$\{\s*([^{}]+?)\s*\}|\{\{\s*([^{}]+?)\s*\}\}"
"""How a shell, OmegaConf and Jinja set an expression in a text."""


_DIVIDED: Final = r"(?<=[\w)\]])(\s*)/(\s*)(?=[\w(])"
"""A division that gives a share."""


def mends_of_expressions(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """Other ways to write the expression that a finding is about, or those that its number comes from."""
    at = source.offset(*d.span[1:3])
    scalars = [n for n in nodes(spec, defined=True) if isinstance(n, ScalarNode)]
    here = next((n for n in scalars if n.start <= at < n.end), None)
    for text, title in () if here is None else _rewritten(d.code, here.text):
        yield from _instead(here, text, title, source)
    if d.code in ("invalid-argument", "expression-type"):
        for node in sorted(scalars, key=lambda n: abs(n.start - at)):
            for found in re.finditer(_DIVIDED, node.text) if isinstance(node.value, str) else ():
                whole = f"{node.text[: found.end(1)]}/{node.text[found.end(1) :]}"
                yield from _instead(node, whole, "write `//`, which leaves the rest out", source)


def _instead(node: ScalarNode | None, text: str, title: str, source: Source) -> Iterator[Fix]:
    assert node is not None
    quote = source.text[node.start] if node.quoted else ""
    if not quote or quote not in text:
        yield Fix(title, (replace(source, node, f"{quote}{text}{quote}"),))


def _inside(found: re.Match[str]) -> str:
    text = found[1] or found[2]
    return text if re.fullmatch(r"\w+", text) else f"({text})"


def _rewritten(code: Code, text: str) -> Iterator[tuple[str, str]]:
    """What an expression may have been meant as, with the titles of the mends."""
    match code:
        case "expression-forbidden" | "expression-syntax":
            for foreign, own in _OPERATORS.items():
                if re.search(foreign, text):
                    whole = re.sub(foreign, own, text)
                    yield whole, f"write `{whole}`"
            if re.search(_TEMPLATE, text):
                bare = re.fullmatch(_TEMPLATE, text)
                whole = re.sub(_TEMPLATE, _inside, text) if bare is None else bare[1] or bare[2]
                yield whole, f"write `{whole}`"
            chosen = re.fullmatch(r"(.+?) \? (.+?) : (.+)", text)
            if chosen is not None:
                whole = f"{chosen[2]} if {chosen[1]} else {chosen[3]}"
                yield whole, f"write `{whole}`"
        case "bad-loop" | "expression-type":
            for found in re.finditer(r"\bin\s+(\w+|\d+)(?=\s*(?:$|[\])]|\bfor\b|\bif\b))", text):
                whole = f"{text[: found.start(1)]}range({found[1]}){text[found.end(1) :]}"
                yield whole, f"write `range({found[1]})`, which counts from 0"
        case _:
            pass
