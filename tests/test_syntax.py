"""Syntax errors are reported where the mistake is, in words that do not require knowledge of YAML's grammar."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from yaml import _yaml  # pyright: ignore[reportMissingModuleSource]  # a C extension

from netspec.diagnostics import Diagnostic
from netspec.text import syntax
from netspec.text.source import Source, parse


def explained(text: str) -> tuple[Source, Diagnostic]:
    source = Source("spec.yaml", text)
    root, diagnostics = parse(source)
    assert root is None
    (d,) = diagnostics
    assert d.code == "yaml-syntax"
    return source, d


def offset(source: Source, line: int, column: int) -> int:
    return source.line_starts[line - 1] + column - 1


def pointed(source: Source, d: Diagnostic) -> str:
    return source.text[offset(source, *d.span[1:3]) : offset(source, *d.span[3:5])]


def mended(source: Source, d: Diagnostic) -> str:
    """The text after applying the fix of its diagnostic."""
    assert d.fix is not None
    text = source.text
    for edit in reversed(d.fix.edits):
        text = text[: offset(source, *edit.span[1:3])] + edit.text + text[offset(source, *edit.span[3:5]) :]
    return text


@pytest.mark.parametrize(
    ("text", "part", "words"),
    [
        ("layers:\n\t- ReLU\n", "\t", "a tab character indents this line"),
        ("a: [Linear: 1]\nb: [Linear: 3, Exp:]\n", "Exp:", "inside `[…]` write `Exp`"),
        ("a: [Exp:, Linear: 3]\n", "Exp:", "inside `[…]` write `Exp`"),
        ("a: [\n  Linear: 3, # it's [one\n  Exp:,\n  ReLU]\n", "Exp:", "inside `[…]` write `Exp`"),
        ("a: [[Linear: 4, ReLU:], []]\n", "ReLU:", "inside `[…]` write `ReLU`"),
        ("- {Exp:, as: y}\n", "Exp:", "inside `{…}` write `Exp: `"),
        ("a: [{Exp:}]\n", "Exp:", "inside `{…}` write `Exp: `"),
        ("a:\n  - x\n\t\t- y\n", "\t\t", "a tab character indents this line"),
        ("a: |\n\tfoo\n", "\t", "a tab character"),
        ("-\t- a\n", "\t", "stands where YAML wants a space"),
        ("a: [1, 2\nb: 3\n", "[", "this `[` is never closed"),
        ("a: {x: 1,\nb: 3\n", "{", "this `{` is never closed"),
        ("a: [\n1,\n2\n\nb: 1\n", "[", "this `[` is never closed"),
        ("[[a], {b: [c]}", "[", "this `[` is never closed"),
        ("a: ]\n", "]", "closes nothing"),
        ("a: 1\n  b: 2\n", "b", "`b` stands deeper than the line above"),
        ("layers:\n- Linear: 1\n   bias: 2\n", "bias", "`bias` stands deeper than the line above"),
        ("a:\n    b: 1\n  c: 2\n", "c: 2", "indented by 2 spaces, which fits no line above"),
        ("layers:\n  - a\n - b\n", "- b", "indented by 1 space, which fits no line above"),
        ("b: 1\n- a\n", "- a", "a list item stands among the keys"),
        ("- a\nb: 1\n", "b: 1", "an entry without `-`"),
        ("a: - b\n", "- b", "a list cannot begin behind its key"),
        ('a: "x\nb: 1\n', '"', "never closed"),
        ("a: 'x\n---\n", "'", "never closed"),
        ('a: "\\q"\n', "\\q", "`\\q` is no escape"),
        ('a: "\\u12"\n', "\\u", "no escape"),
        ('a: "x" y\n', "y", "something follows a value that is already complete"),
        ("a: {: 3}\n", ":", "a key is missing"),
        (": 3\n", ":", "a key is missing"),
        ("%FOO\n---\na: 1\n", "%FOO", "a line that begins with `%`"),
        ("%\n", "%", "a line that begins with `%`"),
        ("%YAML 9.0\n---\na: 1\n", "%YAML 9.0", "a line that begins with `%`"),
        ("{a: 1}\n{b: 2}\n", "{b: 2}", "complete above this"),
        ("a: !!\n", "!!", "takes this `!` for a tag"),
        ("a: !x!y z\n", "!x!y z", "takes this `!` for a tag"),
        ('"a\n b": 1\n', ":", "a `:` cannot stand here"),
    ],
)
def test_a_mistake_is_named_at_its_place(text: str, part: str, words: str) -> None:
    source, d = explained(text)
    assert pointed(source, d) == part
    assert words in d.message


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("description: a: b # c\n", "description: 'a: b' # c\n"),
        ("- a: it's b: c\n", "- a: 'it''s b: c'\n"),
        ("a: {b: c: d}\n", "a: {b: 'c: d'}\n"),
        ("a: @b\n", "a: '@b'\n"),
        ("a: {b: `c`, d: 1}\n", "a: {b: '`c`', d: 1}\n"),
        ("- %b\n", "- '%b'\n"),
        ("a: * 2\n", "a: '* 2'\n"),
        ("a: & 2\n", "a: '& 2'\n"),
        ("a: [0] * 3\n", "a: '[0] * 3'\n"),
        ("a: {b: [0] * 3, c: 1}\n", "a: {b: '[0] * 3', c: 1}\n"),
        ("a: [0] + b\n", "a: '[0] + b'\n"),
        ("a: {out: w[0]}\n", "a: {out: 'w[0]'}\n"),
        ("- [conv: 64, when: x[1] + 2]\n", "- [conv: 64, when: 'x[1] + 2']\n"),
        ("a: > 3\n", "a: '> 3'\n"),
        ("a: |x\n", "a: '|x'\n"),
        ("name alexnet\ninput: [1]\n", "name: alexnet\ninput: [1]\n"),
        ("input: [1]\nname alexnet\n", "input: [1]\nname: alexnet\n"),
        ("layers\n  - a: 1\n", "layers:\n  - a: 1\n"),
        ("- Conv2d\n    out: 1\n", "- Conv2d:\n    out: 1\n"),
        ("a:b\nc: 1\n", "a: b\nc: 1\n"),
        ("a: [1, 2}\n", "a: [1, 2]\n"),
        ("a: {b: 1]\n", "a: {b: 1}\n"),
        ("a: {b: 1 c: 2}\n", "a: {b: 1, c: 2}\n"),
        ("a: {b: 1,, c: 2}\n", "a: {b: 1, c: 2}\n"),
    ],
)
def test_a_mistake_that_one_edit_mends_comes_with_that_edit(text: str, fixed: str) -> None:
    source, d = explained(text)
    assert mended(source, d) == fixed
    root, diagnostics = parse(Source("spec.yaml", fixed))
    assert root is not None
    assert not diagnostics


@pytest.mark.parametrize(
    ("text", "related", "words"),
    [
        ("a: [1, 2\nb: 3\n", (2, 1, 2, 2), "still waits for `,` or `]`"),
        ("a: [1, 2}\n", (1, 4, 1, 5), "opened here"),
        ("a: 1\n  b: 2\n", (1, 1, 1, 5), "the line above"),
        ("name alexnet\ninput: [1]\n", (2, 1, 2, 6), "part of it"),
    ],
)
def test_the_other_place_that_matters_is_shown_too(text: str, related: tuple[int, ...], words: str) -> None:
    _, d = explained(text)
    assert d.related[0].span[1:] == related
    assert words in d.related[0].message


def test_every_message_of_libyaml_has_an_explanation() -> None:
    """The messages in `never` cannot occur.

    They come from libyaml's composer or decoder, or need tokens that its scanner never produces.
    """
    never = {
        "did not find expected <stream-start>", "found an incorrect leading UTF-8 octet", "found another document",
        "found an incorrect trailing UTF-8 octet", "found duplicate anchor; first occurrence", "found undefined alias",
    }  # fmt: skip
    binary = Path(_yaml.__file__).read_bytes()
    pattern = (
        rb"(?:did not find|could not find|found an? |found [a-z]+ [a-z]|block sequence|mapping (?:keys|values))[ -~]+"
    )
    known = set(syntax._EXPLANATIONS)  # pyright: ignore[reportPrivateUsage]  # the table is what is tested
    told = {m.decode() for m in re.findall(pattern, binary)}
    if not told & known:
        pytest.skip("this PyYAML uses a libyaml of its own, outside the extension")
    assert len(told & known) > 25
    assert {m for m in told if not m.startswith(("found for", "could not find expected <"))} - never <= known
