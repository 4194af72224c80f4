"""Format diagnostics as text with carets, as JSON, GitHub annotations, SARIF or JUnit's XML. Standard library only.

The text form follows rustc: a headline, the place, the source lines with carets under the fault and dashes under
related places, then help and the lines of the fix. Control characters of a spec never reach the terminal: `printable`
escapes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from netspec.diagnostics import Code, Diagnostic, Fix, Severity, Span
from netspec.render.lines import Mark, Painter, SourceLines, excerpt, number_width, printable, wrapped

__all__ = [
    "failure_github",
    "failure_json",
    "failure_object",
    "render_failure",
    "render_github",
    "render_json",
    "render_remark",
    "render_text",
    "to_json",
]

_STYLES: Final = {"error": "1;31", "warning": "1;33", "note": "1;32", "related": "1;34", "gutter": "1;34",
                  "help": "1;36", "old": "31", "new": "32", "bold": "1"}  # fmt: skip


def render_text(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], *, color: bool = False, width: int = 80
) -> str:
    """Diagnostics as text for people.

    Args:
        diagnostics: in the order to show them.
        sources: file name → text. A diagnostic whose file is missing here is shown without an excerpt.
        color: use ANSI colours.
        width: columns for excerpts and help lines, at least 40.

    Returns:
        One paragraph for each diagnostic, and a line with their number; the empty string for none.
    """
    found = list(diagnostics)
    if not found:
        return ""
    paint = Painter(_STYLES if color else {})
    texts = {name: SourceLines(text) for name, text in sources.items()}
    width = max(width, 40)
    paragraphs = ["\n".join(_paragraph(d, texts, paint, width)) for d in found]
    return "\n\n".join((*paragraphs, _count(found, paint)))


def _paragraph(d: Diagnostic, texts: Mapping[str, SourceLines], paint: Painter, width: int) -> list[str]:
    lines = [_headline(d.severity, d.code, printable(d.message), paint)]
    files = [d.span.file, *dict.fromkeys(r.span.file for r in d.related if r.span.file != d.span.file)]
    gutter = number_width([d.span, *(r.span for r in d.related)])
    for file in files:
        marks = [Mark(r.span, "related", r.message) for r in d.related if r.span.file == file]
        if file == d.span.file:
            marks = [Mark(d.span, d.severity, d.label), *marks]
        arrow = "-->" if file == d.span.file else ":::"
        setting = marks[0].span.in_setting  # then the span's file is the whole `--set` option
        place = "added by --set" if setting else printable(marks[0].span.place)
        lines.append(f"{' ' * gutter}{paint('gutter', arrow)} {place}")
        if setting or file in texts:
            lines += excerpt(SourceLines(file) if setting else texts[file], marks, paint, gutter, width)
        else:
            lines += [f"{' ' * gutter} {paint('gutter', '=')} {printable(m.words)}" for m in marks if m.words]
    if d.help is not None:
        lines += _wrapped("help", d.help, paint, width)
    if d.fix is not None:
        lines += _fix("fix" if d.fix.certain else "perhaps", d.fix, texts, paint, gutter, width)
    if d.otherwise is not None:
        lines += _fix("or", d.otherwise, texts, paint, gutter, width)
    return lines


def _headline(severity: Severity, code: Code, message: str, paint: Painter) -> str:
    return paint(severity, f"{severity}[{code}]") + paint("bold", f": {message}")


def render_failure(code: Code, message: str, *, color: bool = False, width: int = 80) -> str:
    """An error that ends a command, as text for people: the headline of a diagnostic, without a place in a spec.

    Args:
        code: of the error.
        message: its lines, wrapped as `render_remark` wraps them.
        color: use ANSI colours.
        width: in characters, at least 40.
    """
    paint, head = Painter(_STYLES if color else {}), f"error[{code}]"
    first, *others = message.split("\n")
    headline, *rest = _filled(f"{head}: {first}", width)
    bold = [paint("error", head) + paint("bold", headline.removeprefix(head)), *(paint("bold", line) for line in rest)]
    return "\n".join([*bold, *(line for other in others for line in _filled(other, width))])


def render_remark(words: str, *, width: int = 80) -> str:
    """What a command says beside what it gives, as text for people.

    Lines that are too long are continued further to the right. What is indented by more than the items of a list, such
    as code, stays as it is.

    Args:
        words: one line, or several.
        width: in characters, at least 40.
    """
    return "\n".join(line for each in words.split("\n") for line in _filled(each, width))


def _filled(line: str, width: int) -> list[str]:
    """A line in lines of the width, each but the first with four blanks more in front of it."""
    shown = printable(line)
    indent = len(shown) - len(shown.lstrip(" "))
    return [shown] if indent > _ITEM else wrapped(shown, max(width, 40), " " * (indent + 4))


_ITEM: Final = 2
"""The blanks in front of an item of a list in a message."""


def _wrapped(label: str, words: str, paint: Painter, width: int) -> list[str]:
    """A labelled text, wrapped to the width. Lines that begin with a blank, such as code, are not wrapped."""
    lines: list[str] = []
    for line in words.split("\n"):
        shown = printable(line)
        lines += [shown] if line[:1].isspace() else wrapped(shown, width - len(label) - 2)
    indent = " " * (len(label) + 2)
    return [(paint("help", f"{label}:") + " " if i == 0 else indent) + line for i, line in enumerate(lines)]


def _fix(label: str, fix: Fix, texts: Mapping[str, SourceLines], paint: Painter, gutter: int, width: int) -> list[str]:
    """A fix: its title, and the lines before and after it, as in a diff."""
    lines = _wrapped(label, fix.title, paint, width)
    for file in dict.fromkeys(edit.span.file for edit in fix.edits):
        if file in texts:
            edits = sorted((e.span, e.text) for e in fix.edits if e.span.file == file)
            for hunk in _hunks(texts[file], edits):
                lines += _shown(*hunk, paint, gutter, width)
    return lines


def _shown(number: int, old: list[str], new: list[str], paint: Painter, gutter: int, width: int) -> list[str]:
    """The lines of a hunk as they differ. What is only put in has the line beside it that stays, for its place."""
    least = min(len(old), len(new))
    above = next((i for i in range(least) if old[i] != new[i]), least)
    below = next((i for i in range(least - above) if old[-1 - i] != new[-1 - i]), least - above)
    gone, come = old[above : len(old) - below], new[above : len(new) - below]
    skip = max(_common(gone[0], come[0]) - (width - gutter) // 2, 0) if gone and come else 0
    rows = [("-", "old", number + above + i, row) for i, row in enumerate(gone)]
    rows += [("+", "new", number + above + i if len(gone) == len(come) else None, row) for i, row in enumerate(come)]
    if not gone and above:
        rows.insert(0, (" ", "gutter", number + above - 1, old[above - 1]))
    elif not gone and below:
        rows.append((" ", "gutter", number + above, old[above]))
    lines: list[str] = []
    for sign, style, at, row in rows:
        place = " " * gutter if at is None else f"{at:>{gutter}}"
        shown = _cut(printable(row), skip, width - gutter - 3)
        lines.append(f"{paint('gutter', place)} {paint(style, f'{sign} {shown}')}")
    return lines


def _hunks(text: SourceLines, edits: Sequence[tuple[Span, str]]) -> list[tuple[int, list[str], list[str]]]:
    """For each run of lines that the edits touch: the first line number, the old lines and the new lines.

    The edits are sorted by place; an edit that overlaps the one before is left out.
    """
    hunks: list[tuple[int, list[str], list[str]]] = []
    i = 0
    while i < len(edits):
        first, last = edits[i][0].line, edits[i][0].end_line
        group = [edits[i]]
        while (i := i + 1) < len(edits) and edits[i][0].line <= last:
            if edits[i][0][1:3] >= group[-1][0][3:]:
                last = edits[i][0].end_line
                group.append(edits[i])
        old = [text.line(number) for number in range(first, last + 1)]
        new = list(old)
        for span, replacement in reversed(group):
            head = new[span.line - first][: span.column - 1]
            tail = new[span.end_line - first][span.end_column - 1 :]
            new[span.line - first : span.end_line - first + 1] = (head + replacement + tail).split("\n")
        hunks.append((first, old, new))
    return hunks


def _common(a: str, b: str) -> int:
    """The length of the common prefix of two lines."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _cut(text: str, skip: int, room: int) -> str:
    """A line cut to `room` characters; a line that is too long loses its first `skip` characters, too."""
    if len(text) <= room:
        return text
    text = "…" + text[skip + 1 :] if skip else text
    return text if len(text) <= room else text[: room - 1] + "…"


def _count(found: Sequence[Diagnostic], paint: Painter) -> str:
    """`2 errors, 1 warning and 3 notes in alexnet.yaml`."""
    parts: list[str] = []
    for severity in get_args(Severity):
        number = sum(d.severity == severity for d in found)
        if number:
            parts.append(paint(severity, f"{number:,} {severity}{'' if number == 1 else 's'}"))
    files = dict.fromkeys(d.span.file for d in found if not d.span.in_setting)
    where = printable(next(iter(files), "what `--set` adds")) if len(files) < 2 else f"{len(files)} files"
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"{listed} in {where}"


# ---- for programs


def to_json(d: Diagnostic) -> dict[str, Any]:
    """A diagnostic as `netspec check --format json` prints it. Lines and columns count from 1, ends are exclusive."""
    return {
        "code": d.code,
        "severity": d.severity,
        "message": d.message,
        "file": d.span.file,
        **_place(d.span),
        "related": [{"message": r.message, "file": r.span.file, **_place(r.span)} for r in d.related],
        "help": d.help,
        "fix": _fix_json(d.fix),
        "otherwise": _fix_json(d.otherwise),
    }


def _fix_json(fix: Fix | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    edits = [{**_place(edit.span), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "certain": fix.certain, "edits": edits}


def _place(span: Span) -> dict[str, int]:
    return {"line": span.line, "column": span.column, "end_line": span.end_line, "end_column": span.end_column}


def render_json(diagnostics: Iterable[Diagnostic], failures: Iterable[dict[str, Any]] = ()) -> str:
    """A JSON list of `to_json` objects, in ASCII, and of `failure_object`s behind them."""
    return json.dumps([*map(to_json, diagnostics), *failures], indent=2)


def failure_json(code: Code, message: str) -> str:
    """An error that ends a command, in the form of `render_json`: a list of one object whose places are null."""
    return json.dumps([failure_object(code, message)], indent=2)


def failure_object(code: Code, message: str) -> dict[str, Any]:
    """An error that has no place in a file, in the form of `to_json`, with null for each part of its place."""
    places = dict.fromkeys(("file", "line", "column", "end_line", "end_column"))
    return {
        "code": code,
        "severity": "error",
        "message": message,
        **places,
        "related": [],
        "help": None,
        "fix": None,
        "otherwise": None,
    }


def render_github(diagnostics: Iterable[Diagnostic], *, named: Callable[[str], str] = str) -> str:
    """GitHub Actions workflow commands, one for each diagnostic, which annotate lines in a pull request.

    GitHub shows columns only for a span on one line, so others have none. `named` is the path of a file below the root
    of the repository, by which GitHub finds it.

    Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    return "\n".join(_annotation(d, named) for d in diagnostics)


def failure_github(code: Code, message: str) -> str:
    """An error that has no place in a file, as a workflow command."""
    return f"::error title={_property(code)}::{_data(printable(message))}"


def _annotation(d: Diagnostic, named: Callable[[str], str]) -> str:
    span = d.span
    place: dict[str, str | int] = {"file": named(span.file), "line": span.line, "endLine": span.end_line}
    if span.in_setting:  # no file has a line to annotate
        place = {}
    elif span.line == span.end_line:
        place |= {"col": span.column, "endColumn": span.end_column}
    properties = ",".join(f"{k}={_property(str(v))}" for k, v in {**place, "title": d.code}.items())
    words = [
        printable(d.message),
        *((printable(span.place),) if span.in_setting else ()),
        *(f"{r.span.place}: {printable(r.message)}" for r in d.related),
    ]
    words += [f"help: {line}" if i == 0 else line for i, line in enumerate((d.help or "").split("\n")) if line]
    level = "notice" if d.severity == "note" else d.severity
    return f"::{level} {properties}::{_data(chr(10).join(words))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
