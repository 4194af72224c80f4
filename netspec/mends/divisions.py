"""Mends of divisions where a whole number is wanted: `width / 2`, which is a share, as `width // 2`.

Such a mend is certain where the whole number is the very one that was written, in all rounds and calls, and where half
a kernel is a padding. Whether it is, the spec itself is asked: it is checked once more with a comparison in the place
of the expression.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from netspec.diagnostics import Code, Diagnostic, Edit, Fix
from netspec.language.spec import Spec
from netspec.mends.edits import replace
from netspec.mends.finding import nodes
from netspec.mends.proof import Proof
from netspec.text.source import MapNode, ScalarNode, Source

_LONGEST: Final = 200
"""Characters of an expression that is written anew."""
_FAILS: Final = "1 // 0"
_FAILURE: Final[Code] = "division-by-zero"


class Fraction(NamedTuple):
    """What arithmetic comes to, as one number over another, both without divisions."""

    over: ast.expr
    under: ast.expr


class Divided(NamedTuple):
    """A part of an expression with divisions in it."""

    start: int
    end: int
    value: Fraction


def mends_of_divisions(d: Diagnostic, source: Source, spec: Spec, proof: Proof) -> Iterator[Fix]:
    """Divisions without a rest, in the expressions that the value of a finding may come from, the nearest first."""
    at = source.offset(*d.span[1:3])
    scalars = [n for n in nodes(spec, defined=True) if isinstance(n, ScalarNode) and isinstance(n.value, str)]
    for node in sorted(scalars, key=lambda n: abs(n.start - at)):
        parts = _parts(node.text)
        if not parts:
            continue
        half = _is_padding(spec, at) and re.search(r"/\s*2\s*$", node.text) is not None
        wholes = [_with(node.text, parts, [_plain(node.text[part.start : part.end]) for part in parts]),
                  _with(node.text, parts, [_floor(part.value) for part in parts])]  # fmt: skip
        if _same(*wholes):
            wholes = wholes[:1]
        exact = next((whole for whole in wholes if _is_exact(whole, node, parts, source, proof)), None)
        for whole in reversed(wholes):  # of those that leave a rest out, what is nearest to the number first
            edit = _instead(node, whole, source) if exact in (None, whole) else None
            if edit is not None:
                rest = "leaves the rest out" if exact is None else "gives a whole number"
                sign = len(wholes) == 1 or exact == wholes[0]
                title = f"write `{'//' if sign else whole}`, which {rest}"
                yield Fix(title, (edit,), certain=exact is not None or half)


def _instead(node: ScalarNode, text: str, source: Source) -> Edit | None:
    quote = source.text[node.start] if node.quoted else ""
    return None if quote and quote in text else replace(source, node, f"{quote}{text}{quote}")


def _is_padding(spec: Spec, at: int) -> bool:
    """Whether a place is the value of a `padding`."""
    maps = (node for node in nodes(spec) if isinstance(node, MapNode))
    return any(value.start == at and key.text == "padding" for node in maps for key, value in node.entries)


def _is_exact(whole: str, node: ScalarNode, parts: list[Divided], source: Source, proof: Proof) -> bool:
    """Whether an expression without a rest comes to what was written wherever it is evaluated."""
    written = _parted(whole, parts, node.text)
    if written is None or any(d.code == _FAILURE for d in proof.found):
        return False
    asked = [
        f"({text} if ({text}) * ({ast.unparse(part.value.under)}) == {ast.unparse(part.value.over)} else {_FAILS})"
        for text, part in zip(written, parts, strict=True)
    ]
    edit = replace(source, node, f"'{_with(node.text, parts, asked)}'")
    after = None if "'" in node.text else proof.asked((edit,))
    return after is not None and all(d.code != _FAILURE for d in after)


def _parted(whole: str, parts: list[Divided], text: str) -> list[str] | None:
    """What stands in the place of each part of an expression that was written anew."""
    plain = [_plain(text[part.start : part.end]) for part in parts]
    return plain if _with(text, parts, plain) == whole else [_floor(part.value) for part in parts]


def _with(text: str, parts: list[Divided], new: list[str]) -> str:
    """An expression with its parts written anew."""
    for part, one in zip(reversed(parts), reversed(new), strict=True):
        text = text[: part.start] + one + text[part.end :]
    return text


def _plain(text: str) -> str:
    return re.sub(r"(?<!/)/(?!/)", "//", text)


def _same(a: str, b: str) -> bool:
    return ast.dump(ast.parse(a.strip(), mode="eval")) == ast.dump(ast.parse(b.strip(), mode="eval"))


# ---- fractions


def _parts(text: str) -> list[Divided]:
    """The largest parts of an expression that are arithmetic with divisions, in their order."""
    if "/" not in text or len(text) > _LONGEST or not text.isascii() or "\n" in text:
        return []
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    shift = len(text) - len(text.lstrip())
    found: list[Divided] = []
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        value = _fraction(node) if isinstance(node, ast.BinOp | ast.UnaryOp) and _divides(node) else None
        if value is None:
            left += ast.iter_child_nodes(node)
        elif isinstance(node, ast.expr) and node.end_col_offset is not None:
            found.append(Divided(node.col_offset + shift, node.end_col_offset + shift, value))
    return sorted(found)


def _divides(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Div) for n in ast.walk(node))


def _fraction(node: ast.AST) -> Fraction | None:
    """Arithmetic as a fraction; None where a division stands inside of what is none."""
    match node:
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
            a, b = _fraction(node.left), _fraction(node.right)
            return None if a is None or b is None else _computed(node.op, a, b)
        case ast.UnaryOp(op=ast.USub()):
            a = _fraction(node.operand)
            return None if a is None else Fraction(ast.UnaryOp(ast.USub(), a.over), a.under)
        case ast.expr():
            return None if _divides(node) else Fraction(node, ast.Constant(1))
        case _:
            return None


def _computed(op: ast.operator, a: Fraction, b: Fraction) -> Fraction:
    match op:
        case ast.Mult():
            return Fraction(_product(a.over, b.over), _product(a.under, b.under))
        case ast.Div():
            return Fraction(_product(a.over, b.under), _product(a.under, b.over))
        case _ if ast.dump(a.under) == ast.dump(b.under):
            return Fraction(ast.BinOp(a.over, op, b.over), a.under)
        case _:
            over = ast.BinOp(_product(a.over, b.under), op, _product(b.over, a.under))
            return Fraction(over, _product(a.under, b.under))


def _product(a: ast.expr, b: ast.expr) -> ast.expr:
    match a, b:
        case ast.Constant(value=int(x)), ast.Constant(value=int(y)):
            return ast.Constant(x * y)
        case ast.Constant(value=1), _:
            return b
        case _, ast.Constant(value=1):
            return a
        case _:
            return ast.BinOp(a, ast.Mult(), b)


def _floor(value: Fraction) -> str:
    return ast.unparse(ast.BinOp(value.over, ast.FloorDiv(), value.under))
