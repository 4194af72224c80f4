"""`tests/specs/beginners.txt`: mistakes as people make them, and what comes of each by its mends alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netspec.mends.repair import repaired
from netspec.text.source import decode
from tests.mistakes.check import apply, check

CASES = {
    title: (wrong, right)
    for title, wrong, right in re.findall(
        r"^##### (.+)\n((?:.*\n)*?)#####\n((?:.*\n)*?)(?=\n##### |\Z)",
        (Path(__file__).parent.parent / "specs" / "beginners.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}


@pytest.mark.parametrize("title", CASES)
def test_what_comes_of_a_beginners_mistake(title: str) -> None:
    wrong, right = CASES[title]
    source, _ = decode(wrong.encode(), "spec.yaml")
    made = repaired(source, check(wrong), check)
    left = [f"(left) {d.span.line}:{d.span.column} {d.code}" for d in made.left if d.severity == "error"]
    assert [*made.text.rstrip().split("\n"), *left] == right.rstrip().split("\n")


@pytest.mark.parametrize("title", CASES)
def test_each_mend_by_itself_mends(title: str) -> None:
    """Applied without the code that applies it for people."""
    wrong, _ = CASES[title]
    found = check(wrong)
    for d in found:
        if d.fix is not None:
            before = [(x.code, x.message) for x in found].count((d.code, d.message))
            after = [(x.code, x.message) for x in check(apply(wrong, d.fix), mends=False)]
            assert after.count((d.code, d.message)) < before, d.fix


def test_most_end_clean() -> None:
    assert sum("(left)" not in right for _, right in CASES.values()) >= 0.84 * len(CASES)
    assert len(CASES) >= 100


def test_what_is_written_by_itself_is_all_that_is_written() -> None:
    """The first round gives a layer its name and its arguments together, so that what is shown as its fix compiles."""
    for title in ("keras, the input twice", "keras, a condition that does not hold"):
        wrong, right = CASES[title]
        (d,) = check(wrong)
        assert d.fix is not None
        assert apply(wrong, d.fix).rstrip() == right.rstrip()
