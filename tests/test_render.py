"""Diagnostics as text with carets, as JSON and as GitHub annotations."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.diagnostics import Diagnostic, Edit, Fix, Related, Span
from netspec.errors import SpecError
from netspec.render import render_failure, render_github, render_json, render_remark, render_text, to_json
from netspec.render.lines import printable

SPEC = """\
input: [1, 224, 224]
layers:
  - Conv2d: {out_channels: 256, kernel_size: 5}
  - ReLU
  - Flatten
  - Linear: {in_features: 9216, out_features: 4096}   # the head
  - ReLU
  - Linear: 10
"""


def span(line: int, column: int, end_line: int, end_column: int, file: str = "alexnet.yaml") -> Span:
    return Span(file, line, column, end_line, end_column)


WIDTH = Diagnostic(
    "width-mismatch",
    "`in_features: 9216`, but `Flatten` (line 5) gives 6400 = 256 × 5 × 5",
    span(6, 14, 6, 31),
    label="6400 would fit",
    related=(Related("gives 6400 = 256 × 5 × 5", span(5, 5, 5, 12)), Related("256 channels", span(3, 14, 3, 31))),
    help="write `in_features: 6400`, or leave it out: it follows from the input",
    fix=Fix("leave `in_features` out", (Edit(span(6, 14, 6, 33), ""),)),
)


def shown(d: Diagnostic | list[Diagnostic], text: str = SPEC, **options: int) -> list[str]:
    found = d if isinstance(d, list) else [d]
    return render_text(found, {"alexnet.yaml": text}, **options).split("\n")


def at(text: str, *place: int, label: str = "", width: int = 80) -> list[str]:
    """The excerpt lines of one diagnostic: without the first two lines and the last two (place and count)."""
    return shown(Diagnostic("a-code", "message", span(*place), label=label), text, width=width)[2:-2]


def test_a_diagnostic_reads_like_one_of_rustc() -> None:
    assert shown(WIDTH) == [
        "error[width-mismatch]: `in_features: 9216`, but `Flatten` (line 5) gives 6400 = 256 × 5 × 5",
        " --> alexnet.yaml:6:14",
        "  |",
        "3 |   - Conv2d: {out_channels: 256, kernel_size: 5}",
        "  |              ----------------- 256 channels",
        "4 |   - ReLU",
        "5 |   - Flatten",
        "  |     ------- gives 6400 = 256 × 5 × 5",
        "6 |   - Linear: {in_features: 9216, out_features: 4096}   # the head",
        "  |              ^^^^^^^^^^^^^^^^^ 6400 would fit",
        "help: write `in_features: 6400`, or leave it out: it follows from the input",
        "fix: leave `in_features` out",
        "6 -   - Linear: {in_features: 9216, out_features: 4096}   # the head",
        "6 +   - Linear: {out_features: 4096}   # the head",
        "",
        "1 error in alexnet.yaml",
    ]


def test_nothing_found_is_nothing_shown() -> None:
    assert render_text([], {}) == ""


@pytest.mark.parametrize(
    ("severities", "files", "count"),
    [
        (["error"], ["a.yaml"], "1 error in a.yaml"),
        (["error", "error"], ["a.yaml"], "2 errors in a.yaml"),
        (["warning"], ["a.yaml"], "1 warning in a.yaml"),
        (["error", "warning", "warning"], ["a.yaml", "b.yaml"], "1 error and 2 warnings in 2 files"),
        (["error"] * 1200, ["a.yaml"], "1,200 errors in a.yaml"),
    ],
)
def test_the_last_line_counts(severities: list[str], files: list[str], count: str) -> None:
    found = [
        Diagnostic(
            "a-code", "m", span(1, 1, 1, 2, files[i % len(files)]), severity="error" if s == "error" else "warning"
        )
        for i, s in enumerate(severities)
    ]
    assert render_text(found, {}).split("\n")[-1] == count


def test_lines_far_apart_have_an_ellipsis_between_them() -> None:
    text = "\n".join(f"line {i}" for i in range(1, 30))
    d = Diagnostic("a-code", "m", span(20, 1, 20, 5), related=(Related("there", span(3, 6, 3, 7)),))
    assert shown(d, text)[2:-2] == [
        "   |", " 3 | line 3", "   |      - there", "...", "20 | line 20", "   | ^^^^",
    ]  # fmt: skip


def test_a_place_in_another_file_has_an_excerpt_of_its_own() -> None:
    d = Diagnostic("a-code", "m", span(1, 1, 1, 2), related=(Related("called here", span(2, 3, 2, 4, "b.yaml")),))
    text = render_text([d], {"alexnet.yaml": "abc", "b.yaml": "x\n  y"})
    assert text.split("\n")[1:-2] == [
        " --> alexnet.yaml:1:1", "  |", "1 | abc", "  | ^", " ::: b.yaml:2:3", "  |", "2 |   y", "  |   - called here",
    ]  # fmt: skip


def test_without_the_source_the_place_and_the_words_remain() -> None:
    d = Diagnostic("a-code", "m", span(1, 1, 1, 2), label="here", related=(Related("there", span(2, 3, 2, 4)),))
    assert render_text([d], {}).split("\n")[1:4] == [" --> alexnet.yaml:1:1", "  = here", "  = there"]


def test_a_stretch_of_several_lines_has_a_bar_at_its_side() -> None:
    assert at("a:\n  b\n  c\nd\n", 1, 1, 3, 4, label="all this") == [
        "  |", "1 | / a:", "2 | |   b", "3 | |   c", "  | |___^ all this",
    ]  # fmt: skip


def test_a_long_stretch_is_cut_in_its_middle() -> None:
    text = "\n".join(f"l{i}" for i in range(1, 30))
    assert at(text, 2, 1, 20, 3) == [
        "   |", " 2 | / l2", " 3 | | l3", " 4 | | l4", "...  |", "19 | | l19", "20 | | l20", "   | |__^",
    ]  # fmt: skip


def test_a_stretch_that_ends_at_the_beginning_of_a_line_does_not_show_that_line() -> None:
    assert at("ab\n\nc\n", 1, 1, 3, 1) == ["  |", "1 | ab", "  | ^^"]


def test_a_mark_without_length_is_one_caret() -> None:
    assert at("abc\n", 1, 4, 1, 4, label="here") == ["  |", "1 | abc", "  |    ^ here"]
    assert at("", 1, 1, 1, 1) == ["  |", "1 |", "  | ^"]
    assert at("abc\n", 2, 1, 2, 1) == ["  |", "2 |", "  | ^"]


@pytest.mark.parametrize(
    ("line", "column", "end", "row", "carets"),
    [
        ("\ta: x", 5, 6, "    a: x", "       ^"),
        ("ab\tc", 4, 5, "ab  c", "    ^"),
        ("日本: x", 5, 6, "日本: x", "      ^"),
        ("日本: x", 1, 3, "日本: x", "^^^^"),
        ("e\u0301: x", 5, 6, "e\u0301: x", "   ^"),
        ("\x1b[1m: x", 7, 8, "\\x1b[1m: x", "         ^"),
        ("a\u202eb", 2, 3, "a\\u202eb", " ^^^^^^"),
        ("a\xa0b", 3, 4, "a\\xa0b", "     ^"),
        ("𝔞: x", 4, 5, "𝔞: x", "   ^"),
    ],
)
def test_carets_stand_under_the_cells_that_a_terminal_uses(
    line: str, column: int, end: int, row: str, carets: str
) -> None:
    assert at(line, 1, column, 1, end) == ["  |", f"1 | {row}", f"  | {carets}"]


def test_a_long_line_is_cut_around_the_mark() -> None:
    line = ", ".join(f"item{i}" for i in range(200))
    column = line.index("item99") + 1
    _, row, carets = at(line, 1, column, 1, column + 6, width=60)
    assert len(row) <= 60
    assert row[4] == "…"
    assert row[-1] == "…"
    assert row[carets.index("^") : carets.rindex("^") + 1] == "item99"


def test_words_that_do_not_fit_beside_the_carets_stand_below_them() -> None:
    words = "these words are so many that they do not fit beside the carets of this line"
    _, _, carets, *below = at("a" * 50, 1, 30, 1, 40, label=words, width=60)
    assert carets.endswith("^")
    assert " ".join(line.removeprefix("  |").strip() for line in below) == words
    assert max(map(len, below)) <= 60


def test_help_is_wrapped_but_lines_of_its_own_stay() -> None:
    d = Diagnostic("a-code", "m", span(1, 1, 1, 2), help="a sentence " * 12 + "\n  - Conv2d: 3\n  - ReLU")
    lines = shown(d, width=60)[5:-2]
    assert lines[0].startswith("help: a sentence")
    assert lines[-2:] == ["        - Conv2d: 3", "        - ReLU"]
    assert max(map(len, lines)) <= 60


def test_a_fix_shows_the_lines_before_and_after() -> None:
    edits = (Edit(span(1, 3, 1, 3), ":"), Edit(span(1, 5, 2, 2), "X\nY"), Edit(span(4, 1, 4, 2), ""))
    d = Diagnostic("a-code", "m", span(1, 1, 1, 2), fix=Fix("mend it", edits))
    assert shown(d, "ab cd\nef\ngh\nij\n")[6:-2] == [
        "1 - ab cd", "2 - ef", "1 + ab: cX", "2 + Yf", "4 - ij", "4 + j",
    ]  # fmt: skip


def test_a_fix_far_to_the_right_is_in_sight() -> None:
    line = "x" * 300 + "y" + "z" * 300
    d = Diagnostic("a-code", "m", span(1, 1, 1, 2), fix=Fix("mend it", (Edit(span(1, 301, 1, 302), "NEW"),)))
    old, new = shown(d, line, width=60)[-4:-2]
    assert "xyz" in old
    assert "xNEWz" in new
    assert max(len(old), len(new)) <= 60


def test_colour_changes_nothing_but_colour() -> None:
    found = [WIDTH, Diagnostic("a-code", "m", span(2, 1, 4, 9), severity="warning", label="all this")]
    colored = render_text(found, {"alexnet.yaml": SPEC}, color=True)
    assert "\x1b[1;31merror[width-mismatch]\x1b[0m" in colored
    assert "\x1b[1;33mwarning[a-code]\x1b[0m" in colored
    plain = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", colored).split("\n")]
    assert plain == [line.rstrip() for line in shown(found)]


CONTROL = ("Cc", "Cf", "Cs", "Zl", "Zp")
CHARACTERS = st.characters() | st.sampled_from("\t\r\n\x1b\x00\u202e\u0301日\ud800 a:-")
TEXTS = st.text(CHARACTERS, max_size=100)
PLACES = st.tuples(st.integers(1, 12), st.integers(1, 400), st.integers(0, 9), st.integers(1, 400)).map(
    lambda p: span(p[0], p[1], p[0] + p[2], p[3] if p[2] else p[1] + p[3])
)


@settings(max_examples=150, deadline=None)
@given(TEXTS, PLACES, st.lists(PLACES, max_size=3), TEXTS, st.integers(20, 120))
def test_any_source_and_place_gives_lines_that_are_safe_in_a_terminal(
    text: str, place: Span, others: list[Span], words: str, width: int
) -> None:
    related = tuple(Related(words, other) for other in others)
    fix = Fix(words, tuple(Edit(other, words) for other in others))
    d = Diagnostic("a-code", words, place, label=words, related=related, help=words, fix=fix)
    rendered = render_text([d], {"alexnet.yaml": text}, width=width)
    assert all(c == "\n" or unicodedata.category(c) not in CONTROL for c in rendered)
    assert render_github([d]).count("\n") == 0
    assert json.loads(render_json([d]))[0]["code"] == "a-code"


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab\t日e\u0301 \x07"), min_size=1, max_size=200), st.data())
def test_the_carets_are_under_the_marked_text_even_where_the_line_is_cut(line: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(1, len(line)))
    end = data.draw(st.integers(start + 1, len(line) + 1))
    rows = at(line, 1, start, 1, end, width=60)
    row, carets = rows[1][4:], rows[2][4:]

    def cells(text: str) -> int:
        return sum(0 if unicodedata.category(c) == "Mn" else 2 if c == "日" else 1 for c in text)

    assert cells(row) <= 56
    before = printable_cells(line[: start - 1])
    after = printable_cells(line[: end - 1])
    if not row.startswith("…"):
        assert len(carets) - len(carets.lstrip()) == min(before, 55)
        if after <= 56:
            assert carets.count("^") == max(after - before, 1)


def printable_cells(text: str) -> int:
    """The width of a text in terminal cells, with tabs expanded."""
    at = 0
    for char in text:
        shown = printable(char)
        if char == "\t":
            at += 4 - at % 4
        elif len(shown) > 1:
            at += len(shown)
        elif unicodedata.category(char) != "Mn":
            at += 2 if char == "日" else 1
    return at


def test_printable_leaves_text_alone_and_shows_what_is_invisible() -> None:
    assert printable("a × b — “c” 日本 é") == "a × b — “c” 日本 é"
    assert printable("\x1b\x7f\n\t\x85\u2028\ufeff\ud800\U000e0001") == (
        "\\x1b\\x7f\\n\\t\\x85\\u2028\\ufeff\\ud800\\U000e0001"
    )


# ---- what has no place in a spec


LONG = (
    "`net.py` has what no spec says, as this message tells at some length:\n"
    "  a/long/path/of/a/program.py:10: a reason that is longer than the line on which its place stands, and goes on\n"
    "      code(that, is, longer, than, the, width, of, the, terminal, and, stays, whole, as, it, is)\n"
    "`netspec import a/long/path/of/a/program.py:Net --input 3,224,224` is a command, and stands on one line"
)


def test_an_error_without_a_place_is_wrapped_with_its_commands_whole() -> None:
    assert render_failure("not-importable", LONG, width=80).split("\n") == [
        "error[not-importable]: `net.py` has what no spec says, as this message tells at",
        "    some length:",
        "  a/long/path/of/a/program.py:10: a reason that is longer than the line on which",
        "      its place stands, and goes on",
        "      code(that, is, longer, than, the, width, of, the, terminal, and, stays, whole, as, it, is)",
        "`netspec import a/long/path/of/a/program.py:Net --input 3,224,224` is a command,",
        "    and stands on one line",
    ]


@given(st.text(st.sampled_from("a `/-.é\x1b"), max_size=200), st.integers(40, 90))
def test_wrapping_breaks_at_blanks_alone_and_loses_no_word(text: str, width: int) -> None:
    lines = render_remark(text, width=width).split("\n")
    words = text.replace("\x1b", "\\x1b").split()
    if len(text) - len(text.lstrip(" ")) <= 2:
        assert [word for line in lines for word in line.split()] == words
        assert all(len(line) <= width or len(line.split()) == 1 for line in lines)
    else:
        assert len(lines) == 1


def test_every_line_of_a_headline_is_bold_and_says_the_same() -> None:
    plain, painted = (render_failure("wrong-usage", "word " * 30, color=color, width=60) for color in (False, True))
    assert re.sub(r"\x1b\[[\d;]*m", "", painted) == plain
    assert [line.count("\x1b[1m") for line in painted.split("\n")] == [1, 1, 1]


# ---- for programs


def test_json_is_the_published_contract() -> None:
    assert json.loads(render_json([WIDTH])) == [
        {
            "code": "width-mismatch",
            "severity": "error",
            "message": WIDTH.message,
            "file": "alexnet.yaml",
            "line": 6, "column": 14, "end_line": 6, "end_column": 31,
            "related": [
                {"message": "gives 6400 = 256 × 5 × 5", "file": "alexnet.yaml",
                 "line": 5, "column": 5, "end_line": 5, "end_column": 12},
                {"message": "256 channels", "file": "alexnet.yaml",
                 "line": 3, "column": 14, "end_line": 3, "end_column": 31},
            ],
            "help": WIDTH.help,
            "fix": {
                "title": "leave `in_features` out",
                "certain": True,
                "edits": [{"line": 6, "column": 14, "end_line": 6, "end_column": 33, "text": ""}],
            },
            "otherwise": None,
        }
    ]  # fmt: skip
    bare = to_json(Diagnostic("a-code", "m", span(1, 1, 1, 2)))
    assert (bare["related"], bare["help"], bare["fix"], bare["otherwise"]) == ([], None, None, None)
    assert render_json([]) == "[]"
    assert render_json([WIDTH]).isascii()


def test_a_github_annotation_is_one_escaped_line() -> None:
    d = Diagnostic("a-code", "100 % of\r\nit", span(3, 2, 3, 5, "a,b:c.yaml"), severity="warning", help="do\nthis")
    assert render_github([d]) == (
        "::warning file=a%2Cb%3Ac.yaml,line=3,endLine=3,col=2,endColumn=5,title=a-code"
        "::100 %25 of\\r\\nit%0Ahelp: do%0Athis"
    )


def test_a_github_annotation_over_several_lines_has_no_columns() -> None:
    d = Diagnostic("a-code", "m", span(3, 2, 4, 5), related=(Related("there", span(1, 2, 1, 3)),))
    assert render_github([d, d]).split("\n") == [
        "::error file=alexnet.yaml,line=3,endLine=4,title=a-code::m%0Aalexnet.yaml:1:2: there"
    ] * 2  # fmt: skip


def test_the_text_of_a_spec_error_shows_the_lines_at_fault() -> None:
    assert str(SpecError([WIDTH], {"alexnet.yaml": SPEC})) == "\n".join(shown(WIDTH))


def test_rendering_needs_nothing_but_the_standard_library() -> None:
    code = "import sys, netspec.render; print({m.split('.')[0] for m in sys.modules} & {'yaml', 'rich', 'pydantic'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_file_is_a_file_whatever_its_name() -> None:
    found = Diagnostic("width-mismatch", "message", span(6, 14, 6, 31, "--set net.yaml"))
    text = render_text([found], {"--set net.yaml": SPEC})
    assert " --> --set net.yaml:6:14\n" in text and "6 |   - Linear: {in_features: 9216" in text
    assert text.endswith("1 error in --set net.yaml")
    assert render_github([found]).startswith("::error file=--set net.yaml,line=6,")
