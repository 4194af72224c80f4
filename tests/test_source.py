"""Text is parsed to nodes with exact spans or to diagnostics with spans; no other exception is raised."""

from __future__ import annotations

import gc
import math
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.diagnostics import Diagnostic, UsageError
from netspec.render import render_text
from netspec.text import composer
from netspec.text.source import Limits, ListNode, MapNode, Node, ScalarNode, Source, decode, parse, read, without_gc

ALEXNET = """\
name: alexnet
input: [1, 224, 224]
layers:
  - Conv2d: {out_channels: 96, kernel_size: 11, stride: 4, padding: 1}
  - ReLU                                  # no arguments: the bare name
  - MaxPool2d: {kernel_size: 3, stride: 2}
  - repeat: 2
    do:
      - Linear: 4096
      - "ReLU"
      - Dropout: 0.5


  # the head
  - Linear: 10
description: |
  The network that
  won ImageNet.

train:
  transforms: [Resize: 224]
  scheduler:
  loss: CrossEntropyLoss
"""


def values(node: Node | None) -> Any:
    """The value of a node as Python lists, dicts and scalars."""
    if isinstance(node, MapNode):
        return {key.text: values(value) for key, value in node.entries}
    if isinstance(node, ListNode):
        return [values(item) for item in node.items]
    return node.value if node is not None else None


def walk(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, ListNode):
        for item in node.items:
            yield from walk(item)
    elif isinstance(node, MapNode):
        for key, value in node.entries:
            yield key
            yield from walk(value)


def parsed(text: str, **limits: int) -> tuple[Any, list[Diagnostic]]:
    root, diagnostics = parse(Source("spec.yaml", text), Limits(**limits))
    return values(root), diagnostics


def only(text: str, **limits: int) -> Diagnostic:
    """The diagnostic of a text, which must have exactly one."""
    diagnostics = parsed(text, **limits)[1]
    assert len(diagnostics) == 1, diagnostics
    return diagnostics[0]


def marked(text: str, d: Diagnostic) -> str:
    """The part of a text (LF only) that a diagnostic points at."""
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[: d.span.line - 1]) + d.span.column - 1
    end = sum(len(line) + 1 for line in lines[: d.span.end_line - 1]) + d.span.end_column - 1
    return text[start:end]


# ---- values


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[(w, None) for w in ("", "~", "null", "Null", "NULL")],
        *[(w, True) for w in ("true", "True", "TRUE")],
        *[(w, False) for w in ("false", "False", "FALSE")],
        *[(w, w) for w in ("yes", "no", "on", "off", "y", "n", "nULL", "tRUE", "1:30", "12e", "0x", "0o8")],
        *[(w, w) for w in ("2024-01-01", "1_000", "0b1", "+0x1", "-0o1", "1.2.3", "+", "-1-", ".", "...x", "e3", "١٢")],
        *[(w, w) for w in ("1 2", ".Nan")],
        ("0", 0), ("-0", 0), ("+12", 12), ("-12", -12), ("010", 10), ("0o17", 15), ("0x1F", 31), ("0xff", 255),
        ("1.", 1.0), (".5", 0.5), ("-.5", -0.5), ("1e-3", 1e-3), ("1E3", 1e3), ("+1.5e+2", 150.0), ("1e3", 1000.0),
        (".inf", math.inf), ("+.INF", math.inf), ("-.Inf", -math.inf),
    ],
)  # fmt: skip
def test_unquoted_scalars_follow_the_core_schema_of_yaml_1_2(written: str, value: object) -> None:
    root, diagnostics = parse(Source("f", f"key: {written}\n"))
    assert not diagnostics
    assert isinstance(root, MapNode)
    node = root.entries[0][1]
    assert isinstance(node, ScalarNode)
    assert (node.value, type(node.value)) == (value, type(value))
    assert node.text == written


def test_nan_is_a_float() -> None:
    assert all(math.isnan(v) for v in parsed("[.nan, .NaN, .NAN]")[0])


@pytest.mark.parametrize("quote", ["'{}'", '"{}"', "|-\n  {}"])
@pytest.mark.parametrize("text", ["3", "true", "null", "1e3", "~", ""])
def test_a_quoted_scalar_is_always_text(quote: str, text: str) -> None:
    root, diagnostics = parse(Source("f", f"- {quote.format(text)}\n"))
    assert not diagnostics
    assert isinstance(root, ListNode)
    node = root.items[0]
    assert isinstance(node, ScalarNode)
    assert (node.value, node.quoted) == (text, True)


def test_a_whole_spec_becomes_its_data() -> None:
    value, diagnostics = parsed(ALEXNET)
    assert not diagnostics
    assert value == yaml.safe_load(ALEXNET)


def test_flow_and_block_style_are_told_apart() -> None:
    root, _ = parse(Source("f", "a: [1, {b: 2}]\nc:\n- d: [e: 1]\n"))
    assert isinstance(root, MapNode)
    flows = [(type(n).__name__, n.flow) for n in walk(root) if not isinstance(n, ScalarNode)]
    assert flows == [
        ("MapNode", False), ("ListNode", True), ("MapNode", True), ("ListNode", False), ("MapNode", False),
        ("ListNode", True), ("MapNode", True),
    ]  # fmt: skip


# ---- places


def written(source: Source) -> list[str]:
    root, diagnostics = parse(source)
    assert not diagnostics
    assert root is not None
    return [source.text[n.start : n.end] for n in walk(root)]


def test_a_block_collection_ends_with_its_last_child_and_not_with_the_blank_lines_below() -> None:
    text = "a:\n  b: 1   # one\n\n\nc:\n- x\n-  y: |\n    foo\n\n\n# end\nd:\n  - e\n\n"
    assert written(Source("f", text)) == [
        text.rstrip(),
        "a", "b: 1", "b", "1", "c", "- x\n-  y: |\n    foo", "x", "y: |\n    foo", "y", "|\n    foo", "d", "- e", "e",
    ]  # fmt: skip


def test_an_anchor_is_not_part_of_its_node() -> None:
    text = "- &a one\n- &b  [2]\n- &c # why\n  d: 4\n- &e\n  - 5\n- &f\n- *a"
    assert written(Source("f", text))[1:] == [
        "one", "[2]", "2", "d: 4", "d", "4", "- 5", "5", "", "one"
    ]  # fmt: skip


def test_a_value_that_is_not_written_stands_behind_its_colon() -> None:
    source = Source("f", "a:\nb:   # nothing\n\n\nc: {d, e: }\n? f\n\n\n")
    root, diagnostics = parse(source)
    assert not diagnostics
    assert isinstance(root, MapNode)
    empty = [n for n in walk(root) if isinstance(n, ScalarNode) and n.value is None]
    assert [source.span(n)[1:3] for n in empty] == [(1, 3), (2, 3), (5, 6), (5, 10), (6, 4)]
    assert all(n.start == n.end for n in empty)
    assert source.position(root.end) == (6, 4)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_break_at_lf_cr_and_crlf(end: str) -> None:
    source = Source("f", end.join(["a: 1", "", "bb:", "  - x", "  - y"]))
    root, _ = parse(source)
    assert isinstance(root, MapNode)
    assert [source.span(n)[1:] for n in walk(root)] == [
        (1, 1, 5, 6), (1, 1, 1, 2), (1, 4, 1, 5), (3, 1, 3, 3), (4, 3, 5, 6), (4, 5, 4, 6), (5, 5, 5, 6),
    ]  # fmt: skip


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029", "\U0001d51e", "é", "\ue000", "日"])
def test_columns_count_code_points_and_nothing_else_breaks_a_line(char: str) -> None:
    source = Source("f", f"'k{char}': [v{char}w, {char}{char}]  # {char}\nlast: 'x{char}'\n")
    root, diagnostics = parse(source)
    assert not diagnostics
    assert isinstance(root, MapNode)
    assert values(root) == {f"k{char}": [f"v{char}w", char * 2], "last": f"x{char}"}
    assert [source.span(n)[1:] for n in walk(root)][1:] == [
        (1, 1, 1, 5), (1, 7, 1, 16), (1, 8, 1, 11), (1, 13, 1, 15), (2, 1, 2, 5), (2, 7, 2, 11),
    ]  # fmt: skip


def test_an_escape_may_name_the_character_that_stands_in_for_a_line_break() -> None:
    assert parsed('["\\ue000\\uE001", "\x85\u2028\u2029", "\ue000"]')[0] == [
        "\ue000\ue001",
        "\x85\u2028\u2029",
        "\ue000",
    ]


def test_a_byte_order_mark_is_no_column() -> None:
    source = Source("f", "\ufeffa: 1")
    root, diagnostics = parse(source)
    assert not diagnostics
    assert root is not None
    assert source.span(root)[1:] == (1, 1, 1, 5)


def test_places_inside_a_scalar_are_exact_where_it_is_written_as_it_reads() -> None:
    source = Source("f", "a: one two\nb: 'one two'\nc: \"one\\x20two\"\nd: one\n  two\n")
    root, _ = parse(source)
    assert isinstance(root, MapNode)
    places = [source.inside(v, 4, 7)[1:] for _, v in root.entries if isinstance(v, ScalarNode)]
    assert places == [(1, 8, 1, 11), (2, 9, 2, 12), (3, 4, 3, 16), (4, 4, 5, 6)]


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8).filter(
    lambda s: "\ufeff" not in s and s != "<<"
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | WORDS
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)


def plain_again(text: str) -> bool:
    """Whether a plain scalar is a string in YAML 1.1, by which the dumper decides what to quote, and in YAML 1.2."""
    return composer.resolve(text) == text or yaml.safe_dump(text).startswith(("'", '"'))


def agree(value: Any) -> bool:
    if isinstance(value, dict):
        return all(plain_again(k) and agree(v) for k, v in value.items())
    return all(map(agree, value)) if isinstance(value, list) else not isinstance(value, str) or plain_again(value)


@settings(max_examples=100, deadline=None)
@given(DATA.filter(agree), st.sampled_from([None, False, True]), st.booleans())
def test_what_is_dumped_reads_back_and_every_node_is_the_text_between_its_places(
    data: Any, flow: bool | None, unicode: bool
) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=unicode, sort_keys=False, width=10**6)
    source = Source("f", text)
    root, diagnostics = parse(source)
    assert not diagnostics
    assert root is not None
    assert values(root) == data
    for node in walk(root):
        part = text[node.start : node.end]
        assert part == part.strip(" \r\n")
        if isinstance(node, ScalarNode):
            assert part == node.text if not node.quoted else part[0] in "'\"|>"
        elif node.flow:
            assert part[0] + part[-1] in ("[]", "{}")
        children = list(walk(node))[1:]
        assert all(node.start <= child.start <= child.end <= node.end for child in children)
        if children and not isinstance(node, ScalarNode) and not node.flow:
            assert max(child.end for child in children) == node.end


# ---- what is refused


CASES: list[tuple[str, str, str]] = [
    ("a: !!int 3\n", "yaml-tag", "!!int"),
    ("a: ! 3\n", "yaml-tag", "!"),
    ("- !x\n", "yaml-tag", "!x"),
    ("a: &b !<tag:x> [1]\n", "yaml-tag", "!<tag:x>"),
    ("a: {<<: {b: 1}}\n", "yaml-merge-key", "<<"),
    ("a: 1\n---\nb: [\n", "several-documents", "---"),
    ("[1, 2]: 3\n", "yaml-key", "[1, 2]"),
    ("a: {{b}}\n", "yaml-key", "{b}"),
    ("null: 3\n", "yaml-key", "null"),
    ("a: *b\n", "undefined-alias", "*b"),
    ("a: &b [1, *b]\n", "cyclic-alias", "*b"),
    ("a: &b 1\nc: &b {d: *b}\n", "cyclic-alias", "*b"),
    ("a: 1e999\n", "number-too-large", "1e999"),
    ("a: -" + "9" * 401 + "\n", "number-too-large", "-" + "9" * 401),
    ("a: \x1b[31m\n", "control-character", "\x1b"),
    ("a: b\ud800\n", "control-character", "\ud800"),
    ("a: b\ufffe", "control-character", "\ufffe"),
    ("", "empty-file", ""),
    ("# nothing\n\n", "empty-file", ""),
    ("---\n", "empty-file", ""),
]


@pytest.mark.parametrize(("text", "code", "part"), CASES)
def test_what_yaml_has_beyond_plain_data_is_refused_at_its_place(text: str, code: str, part: str) -> None:
    d = only(text)
    assert d.code == code
    assert marked(text, d) == part
    assert d.message


def test_every_duplicate_key_is_reported_with_the_first_and_reading_goes_on() -> None:
    text = "a: 1\nb: {c: 1, 'c': 2, c: 3}\na: 4\nd: 5\n"
    value, diagnostics = parsed(text)
    assert value == {"a": 1, "b": {"c": 1}, "d": 5}
    assert [(d.code, d.span[1:3], d.related[0].span[1:3]) for d in diagnostics] == [
        ("duplicate-key", (2, 11), (2, 5)), ("duplicate-key", (2, 19), (2, 5)), ("duplicate-key", (3, 1), (1, 1)),
    ]  # fmt: skip


def test_a_quoted_merge_key_is_a_key_like_any_other() -> None:
    assert parsed("'<<': 1\n") == ({"<<": 1}, [])


def test_an_alias_is_the_node_that_it_names() -> None:
    value, diagnostics = parsed("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]\n&k e: *k\n")
    assert not diagnostics
    assert value == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": [{"b": [1, 2]}] * 2, "e": "e"}


def test_a_misspelt_alias_gets_a_suggestion() -> None:
    assert "`*conv`" in (only("a: &conv 1\nb: *cnov\n").help or "")


def test_an_expression_that_begins_with_a_star_is_one_mistake() -> None:
    d = only("a: 1\nb: *x * 2\n")
    assert d.code == "yaml-syntax"
    assert d.fix is not None
    assert d.fix.edits[0].text == "'*x * 2'"


# ---- limits


def bomb(width: int, depth: int) -> str:
    first = "a0: &a0 [" + ", ".join(["x"] * width) + "]\n"
    return first + "".join(f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * width) + "]\n" for i in range(1, depth))


@pytest.mark.parametrize(
    ("text", "code", "limits"),
    [
        ("[" * 30_000, "too-deep", {}),
        ("- " * 30_000, "too-deep", {}),
        ("{a: " * 30_000, "too-deep", {}),
        ("? " * 30_000, "too-deep", {}),
        ("[" * 65, "too-deep", {}),
        ("a: {b: [1, " + "[" * 30_000, "too-deep", {}),
        ("- [\u2028, " + "{" * 30_000, "too-deep", {}),
        ("[" * 4 + "]" * 4, "too-deep", {"max_depth": 3}),
        ("- &a [[[]]]\n- [[*a]]\n", "too-deep", {"max_depth": 5}),
        ("- &a [&b [[]], &c [*b]]\n- [*a]\n", "too-deep", {"max_depth": 5}),
        (bomb(9, 60), "too-many-nodes", {}),
        (bomb(10, 3), "too-many-nodes", {"max_nodes": 1000}),
        ("- &a 1\n" + "- *a\n" * 1001, "too-many-aliases", {}),
        ("- x\n" * 101, "too-many-nodes", {"max_nodes": 100}),
        ("a: é\n" * 20, "too-large", {"max_bytes": 100}),
    ],
)
def test_every_size_has_a_limit_and_the_message_states_it(text: str, code: str, limits: dict[str, int]) -> None:
    start = time.process_time()
    d = only(text, **limits)
    assert time.process_time() - start < 1
    assert d.code == code
    field = {"too-deep": "max_depth", "too-many-nodes": "max_nodes", "too-many-aliases": "max_aliases"}.get(code)
    limit = getattr(Limits(**limits), field or "max_bytes")
    assert f"{limit:,} is the limit" in d.message


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? "])
def test_a_limit_above_what_pyyaml_reads_is_the_depth_that_it_reads(opening: str) -> None:
    d = only(opening * 30_000, max_depth=100_000)
    assert d.code == "too-deep"
    assert "nested 999 deep here, but 998 is the limit" in d.message
    assert d.span[1:3] == (1, 998 * len(opening) + 1)


def test_a_depth_that_fits_is_read_whatever_its_style() -> None:
    for text in ("[" * 998 + "]" * 998, "- " * 998, "{a: " * 998 + "}" * 998):
        root, diagnostics = parse(Source("deep.yaml", text), Limits(max_depth=998))
        assert root is not None
        assert diagnostics == []


def test_brackets_in_a_text_are_no_depth() -> None:
    """Brackets in a string do not count towards the nesting limit: an error after them is reported as itself."""
    assert only("a: '" + "[" * 100 + "' b").code == "yaml-syntax"
    assert only("a: [1, '" + "[" * 100 + "' b]").code == "yaml-syntax"


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("[" * 64 + "]" * 64, {}),
        ("- &a [[]]\n- [[*a]]\n", {"max_depth": 5}),
        ("- &a 1\n" + "- *a\n" * 1000, {}),
        ("- x\n" * 99, {"max_nodes": 100}),
        (bomb(10, 2), {"max_nodes": 127}),
        ("a: é\n" * 20, {"max_bytes": 120}),
    ],
)
def test_what_just_fits_is_read(text: str, limits: dict[str, int]) -> None:
    value, diagnostics = parsed(text, **limits)
    assert [d.code for d in diagnostics] == (["duplicate-key"] * 19 if "é" in text else [])
    assert value is not None


def test_a_merge_bomb_is_refused_without_being_expanded() -> None:
    text = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 9))
    assert {d.code for d in parsed(text)[1]} == {"yaml-merge-key", "too-many-nodes"}


def test_sixteen_mebibytes_of_one_line_end_quickly() -> None:
    start = time.process_time()
    assert parsed("[" * 2**24)[1][0].code == "too-deep"
    assert parsed("]" * 2**24)[1][0].code == "yaml-syntax"
    assert parsed("x" * 2**24)[1] == []
    assert parsed("x" * (2**24 + 1))[1][0].code == "too-large"
    assert time.process_time() - start < 4


def test_reading_time_grows_with_the_length_of_the_text() -> None:
    line = "  - Conv2d: {out_channels: 96, kernel_size: 11}\n"

    def seconds(layers: int) -> float:
        text = "layers:\n" + line * layers
        start = time.process_time()
        with without_gc(text):
            assert parsed(text)[1] == []
        return time.process_time() - start

    small = min(seconds(500) for _ in range(3))
    assert seconds(10_000) < 20 * small * 2


def test_the_garbage_collector_runs_again_afterwards_and_stays_off_if_it_was_off() -> None:
    assert gc.isenabled()
    large = " " * 200_000
    with without_gc(large):
        assert not gc.isenabled()
        with without_gc(large):
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with without_gc("a small text"):
        assert gc.isenabled()


# ---- any text whatever


PIECES = st.sampled_from(
    [*"[]{}:,-?&*!|>%@`'\"#~\n\r\t \x00\x85\u2028\ufeff\ud800é𝔞", "\n  ", "\n    ", ": ", "- ", "a", "1", "<<", "&a ",
     "*a", "---\n", "...\n", "!t ", "null", "\r\n", "|\n ", "key: v\n", "%YAML 1.2\n", "\\x", "w[0]", "max(1, c)"]
)  # fmt: skip
SOUP = st.lists(PIECES, max_size=30).map("".join)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """Generate a valid spec with a few random edits."""
    text = ALEXNET
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(PIECES | st.just("")) + text[at + draw(st.integers(0, 3)) :]
    return text


def check_any(text: str) -> None:
    source = Source("spec.yaml", text)
    start = time.process_time()
    root, diagnostics = parse(source)
    assert time.process_time() - start < 1
    assert root is not None or diagnostics
    for node in walk(root) if root is not None else ():
        assert 0 <= node.start <= node.end <= len(source.text)
    lines = len(source.line_starts)
    for d in diagnostics:
        for span in (d.span, *(r.span for r in d.related), *(e.span for e in (d.fix.edits if d.fix else ()))):
            assert (1, 1) <= span[1:3] <= span[3:5]
            assert span.end_line <= lines
        assert d.message
    shown = render_text(diagnostics, {"spec.yaml": source.text})
    assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | SOUP)
def test_any_text_gives_nodes_or_located_diagnostics(text: str) -> None:
    check_any(text)


@settings(max_examples=200, deadline=None)
@given(mutations())
def test_a_mistyped_spec_gives_nodes_or_located_diagnostics(text: str) -> None:
    check_any(text)


@settings(max_examples=100, deadline=None)
@given(mutations() | SOUP)
def test_structure_agrees_with_pyyaml_where_both_can_read_the_text(text: str) -> None:
    root, diagnostics = parse(Source("f", text))
    if root is None or diagnostics:
        return
    if any(c in text for c in "\x85\u2028\u2029\ufeff&"):
        return  # where lines break in YAML 1.1, and where places include the anchor
    theirs = yaml.compose(text, Loader=yaml.CSafeLoader)
    stack: list[tuple[Node, Any]] = [(root, theirs)]
    while stack:
        ours, other = stack.pop()
        if isinstance(ours, ScalarNode):
            assert ours.text == other.value
            assert ours.start == other.start_mark.index or ours.start == ours.end
        else:
            assert ours.start == other.start_mark.index
            if isinstance(ours, ListNode):
                stack += zip(ours.items, other.value, strict=True)
            else:
                for (key, value), (their_key, their_value) in zip(ours.entries, other.value, strict=True):
                    stack += [(key, their_key), (value, their_value)]


@pytest.mark.parametrize("text", [ALEXNET, "a: &x [1, {b: 'c'}]\nd: *x\n", "- &q\n  - 1\n- é: |\n    x\n- {a, b: }\n"])
def test_without_libyaml_the_nodes_are_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def places() -> list[tuple[Any, ...]]:
        root, diagnostics = parse(Source("f", text))
        assert not diagnostics
        assert root is not None
        return [(type(n), n.start, n.end, values(n)) for n in walk(root)]

    fast = places()
    monkeypatch.setattr(composer, "PARSER", yaml.SafeLoader)
    assert places() == fast


# ---- files


def test_a_file_is_read_under_the_name_that_was_given(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: caf\xc3\xa9\r\n")
    source, diagnostics = read(file)
    assert (source.name, source.text, diagnostics) == (str(file), "name: café\r\n", [])


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        (b"name: x\nd: caf\xe9\n", (2, 7), "0xE9"),
        ("é\n日: ".encode() + b"\xff", (2, 4), "0xFF"),
        (b"\xef\xbb\xbfab\x80", (1, 3), "0x80"),
        ("a: 1".encode("utf-16"), (1, 1), "UTF-16"),
        (b"a\xc3", (1, 2), "0xC3"),
    ],
)
def test_a_byte_that_is_no_utf_8_is_located(data: bytes, place: tuple[int, int], words: str) -> None:
    source, diagnostics = decode(data, "spec.yaml")
    (d,) = diagnostics
    assert (d.code, d.span.file, d.span[1:3]) == ("not-utf8", "spec.yaml", place)
    assert words in d.message
    assert "iconv" in (d.help or "")
    assert d.message in render_text(diagnostics, {"spec.yaml": source.text})


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as stream:
        stream.truncate(2**40)
    source, (d,) = read(file)
    assert (source.text, d.code) == ("", "too-large")
    assert "1,099,511,627,776" in d.message
    assert "16,777,216" in d.message


def test_an_endless_device_is_not_read_to_its_end() -> None:
    _, (d,) = read("/dev/zero", Limits(max_bytes=1000))
    assert d.code == "too-large"
    assert "at least 1,001" in d.message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("alexnet.yml", "did you mean '{}/alexnet.yaml'?"),
        ("alxnet.yaml", "did you mean '{}/alexnet.yaml'?"),
        ("zzz", "there is no file '{}/zzz'"),
        ("no/alexnet.yaml", "the directory '{}/no' does not exist"),
        ("", "'{}' is a directory: name a spec file in it, such as '{}/alexnet.yaml'"),
        ("alexnet.yaml/x", "cannot be read"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_a_path_that_cannot_be_read_is_an_error_of_the_command_line(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "alexnet.yaml").write_text("a: 1")
    path = f"{tmp_path}/{name}" if name else str(tmp_path)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert words.format(tmp_path, tmp_path) in str(caught.value)
    assert caught.value.exit_status == 2
