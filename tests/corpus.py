"""The specs under `tests/specs/bad`, several to a file: what somebody wrote, and in comments what netspec makes of it.

A line ends with `# error: 12:code`, the column and the code of each finding that begins there. Below it `# help: …` is
part of what netspec says to do, and `# mend: …` is the line as one would mend it (nothing: left out). At the end stands
what `netspec check --fix` makes of the spec: `# --fix: as mended` as these lines say, `# --fix: nothing`, or whether it
ends `clean` or mends `in part`, with the lines that it takes away and writes; and for each finding that it leaves,
`# left 3:12 code: …`, why: `perhaps` and a mend that is not certain, or two, `told in words`, or `no mend known`. All
this is taken out before the spec is checked, and lines are counted without it.

`python -m tests.corpus` writes columns and what `--fix` makes anew, for whoever reads the difference, and the codes
where there is but `# error: ?`. Where codes are others, it says so and leaves the spec alone.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from netspec.diagnostics import Diagnostic
from netspec.mends.repair import Repair, repaired
from netspec.text.source import decode
from tests.mistakes.check import check

BAD = Path(__file__).parent / "specs" / "bad"

_MARK = re.compile(r" *# error: (.+)$")
_BELOW = re.compile(r" *# (help|mend):(.*)$")
_END = re.compile(r"^# --fix: .*\n(?:#.*\n)*", re.MULTILINE)


class Case(NamedTuple):
    """A wrong spec and what is expected of netspec."""

    text: str
    """The spec, without what is said about it."""
    found: Counter[tuple[int, str, str]]
    """Line, column and code of each finding; the column is empty where none is written yet."""
    helps: tuple[tuple[int, str], ...]
    """Line of a finding, and a part of its help."""
    mended: str | None
    """The spec as one would mend it."""
    end: str
    """What `--fix` makes of it, as comments."""


def documents(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("---\n")


def read(document: str) -> Case:
    end = "".join(_END.findall(document))
    written: list[str] = []
    mended: list[list[str]] = []
    found: Counter[tuple[int, str, str]] = Counter()
    helps: list[tuple[int, str]] = []
    mends = 0
    for line in _END.sub("", document).splitlines():
        if below := _BELOW.match(line):
            what, words = below[1], below[2].strip()
            if what == "help":
                helps.append((len(written), words))
                continue
            wrong = written[-1]
            mends += 1
            if mended[-1] == [wrong]:
                mended[-1] = []
            mended[-1] += [" " * (len(wrong) - len(wrong.lstrip())) + words] if words else []
            continue
        marks = _MARK.search(line)
        written.append(line[: marks.start()] if marks else line)
        mended.append([written[-1]])
        for mark in marks[1].split() if marks else ():
            column, _, code = mark.rpartition(":")
            found[len(written), column, code] += 1
    text = "\n".join(written) + "\n"
    right = "\n".join(line for lines in mended for line in lines) + "\n" if mends else None
    return Case(text, found, tuple(helps), right, end)


def cases() -> dict[str, Case]:
    """Every case by its name: that of the file, with a number where several stand in it."""
    named: dict[str, Case] = {}
    for path in sorted(BAD.rglob("*.yaml")):
        texts = documents(path)
        for number, text in enumerate(texts, 1):
            named[path.stem if len(texts) == 1 else f"{path.stem}-{number}"] = read(text)
    return named


def places(found: list[Diagnostic]) -> Counter[tuple[int, str, str]]:
    return Counter((d.span.line, str(d.span.column), d.code) for d in found)


def fixed(text: str, found: list[Diagnostic]) -> Repair:
    return repaired(decode(text.encode(), "spec.yaml")[0], found, check)


def end_of(case: Case, made: Repair) -> str:
    """What `--fix` made of a spec, as comments."""
    if made.text == case.text:
        lines = ["# --fix: nothing"]
    elif made.text == case.mended:
        lines = ["# --fix: as mended"]
    else:
        changes = difflib.unified_diff(case.text.splitlines(), made.text.splitlines(), n=0, lineterm="")
        how = "in part" if made.left else "clean"
        lines = [f"# --fix: {how}", *(f"# {line}" for line in list(changes)[2:] if line[0] in "+-")]
    return "".join(f"{line}\n" for line in [*lines, *map(_left, made.left)])


def _left(d: Diagnostic) -> str:
    either = " or ".join(fix.title for fix in (d.fix, d.otherwise) if fix is not None)
    why = f"perhaps {either}" if either else "told in words" if d.help is not None else "no mend known"
    return f"# left {d.span.line}:{d.span.column} {d.code}: {why}"


def renewed(document: str) -> str:
    """A document with columns and end as they are now.

    Raises:
        ValueError: the codes are others, or on other lines.
    """
    case = read(document)
    found = check(case.text)
    said = {(line, code) for line, _, code in case.found.elements() if code != "?"}
    asked = {line for line, _, code in case.found.elements() if code == "?"}
    told = {(d.span.line, d.code) for d in found if d.span.line not in asked}
    if said != told or asked - {d.span.line for d in found}:
        raise ValueError("\n".join(f"{d.span.line}:{d.span.column} {d.code} {d.message}" for d in found))
    number, lines = 0, list[str]()
    for line in _END.sub("", document).splitlines():
        number += not _BELOW.match(line)
        at = sorted((d.span.column, d.code) for d in found if d.span.line == number)
        marks = " ".join(f"{column}:{code}" for column, code in at)
        lines.append(_MARK.sub(lambda m, marks=marks: m[0].replace(m[1], marks), line))
    return "\n".join(lines) + "\n" + end_of(case, fixed(case.text, found))


def main() -> int:
    wrong = 0
    for path in sorted(BAD.rglob("*.yaml")):
        texts = documents(path)
        for number, text in enumerate(texts):
            try:
                texts[number] = renewed(text)
            except ValueError as others:
                print(f"{path.relative_to(BAD)} {number + 1}: other codes\n{others}")
                wrong += 1
        path.write_text("---\n".join(texts), encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
