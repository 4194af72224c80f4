"""Comments that silence findings: `# netspec: ignore[code]`, on the line of the finding or on one of its own above."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple, cast, get_args

from netspec.diagnostics import Code, Diagnostic, Edit, Fix, did_you_mean, has_errors
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source, parse

_COMMENT: Final = re.compile(r"(?m)(?<!\S)#[ \t]*netspec:[ \t]*ignore\b[ \t]*(?:\[([^\]\n]*)\])?")
_KNOWN: Final[frozenset[str]] = frozenset(get_args(Code))


class _Word(NamedTuple):
    """A code in a comment."""

    code: str
    start: int
    end: int


class _Comment(NamedTuple):
    start: int
    end: int
    words: tuple[_Word, ...]
    line: int
    """Whose findings it silences."""


def without_ignored(source: Source, found: list[Diagnostic], *, notes: bool, unused: bool) -> list[Diagnostic]:
    """The findings that no comment silences, and those about comments.

    Errors are not silenced. A comment that names none or no code, or an error, is told of, and one that silences
    nothing where `unused` asks for it: then and only then, all that it might silence was looked for.

    Args:
        source: the text.
        found: the findings about it.
        notes: whether notes were looked for.
        unused: whether every variant was.
    """
    comments = list(_comments(source))
    silenced = {(word.code, comment.line) for comment in comments for word in comment.words}
    here = {(d.code, d.span.line): d for d in found if d.span.file == source.name}
    left = [
        d for d in found
        if d.severity == "error" or d.span.file != source.name or (d.code, d.span.line) not in silenced
    ]  # fmt: skip
    errors = {(d.code, d.span.line) for d in left if d.severity == "error"}
    unused = unused and not has_errors(found)
    told: list[Diagnostic] = []
    for comment in comments:
        if not comment.words:
            told.append(_nameless(source, comment))
        for word in comment.words:
            place = (cast("Code", word.code), comment.line)
            if word.code not in _KNOWN:
                told.append(_unknown(source, word))
            elif place in errors:
                told.append(_error(source, word, comment))
            elif place not in here and unused and (notes or not _is_note(word.code)):
                told.append(_unused(source, word, comment))
    return left + told


def _is_note(code: str) -> bool:
    from netspec.codes import CODES  # imported here: it is asked of what silences nothing

    return CODES[cast("Code", code)].severity == "note"


# ---- comments


def _comments(source: Source) -> Iterator[_Comment]:
    """The comments that silence something, with the line that each is about."""
    matches = list(_COMMENT.finditer(source.text))
    if not matches:
        return
    texts = sorted(_texts(source))
    lines = _silenced_lines(source)
    for found in matches:
        at = found.start()
        before = bisect_right(texts, (at, len(source.text))) - 1
        if before >= 0 and at < texts[before][1]:
            continue
        words = tuple(
            _Word(word[0], found.start(1) + word.start(), found.start(1) + word.end())
            for word in re.finditer(r"[^\s,]+", found[1] or "")
        )
        yield _Comment(at, found.end(), words, lines[bisect_right(source.line_starts, at) - 1])


def _texts(source: Source) -> list[tuple[int, int]]:
    """Where texts of several lines or in quotes stand, in which a `#` begins no comment."""
    root, _ = parse(source)
    texts: list[tuple[int, int]] = []
    left: list[Node | None] = [root]
    seen: set[int] = set()
    while left:
        node = left.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            if "#" in source.text[node.start : node.end]:
                texts.append((node.start, node.end))
        elif isinstance(node, ListNode):
            left += node.items
        else:
            assert isinstance(node, MapNode)
            left += [part for entry in node.entries for part in entry]
    return texts


_A_COMMENT: Final = re.compile(r"[ \t]*#")


def _silenced_lines(source: Source) -> list[int]:
    """For each line, the one whose findings a comment on it silences: the next that is no comment, itself included."""
    starts = source.line_starts
    lines = [source.position(start)[0] for start in starts]
    lines.append(lines[-1] + 1)
    for n in range(len(starts) - 1, -1, -1):
        if _A_COMMENT.match(source.text, starts[n]):
            lines[n] = lines[n + 1]
    return lines[:-1]


# ---- what is told of them


def _nameless(source: Source, comment: _Comment) -> Diagnostic:
    return Diagnostic(
        "unknown-ignore",
        "a comment that silences findings says which",
        source.between(comment.start, comment.end),
        "warning",
        help="write the code of the finding, as in `# netspec: ignore[needs-batch-2]`",
    )


def _unknown(source: Source, word: _Word) -> Diagnostic:
    near = did_you_mean(word.code, _KNOWN)
    span = source.between(word.start, word.end)
    return Diagnostic(
        "unknown-ignore",
        f"there is no code `{word.code}`, so this silences nothing",
        span,
        "warning",
        help=f"did you mean `{near}`?" if near else "codes stand in brackets behind the severity of a finding",
        fix=Fix(f"write `{near}`", (Edit(span, near),), certain=False) if near else None,
    )


def _error(source: Source, word: _Word, comment: _Comment) -> Diagnostic:
    return Diagnostic(
        "ignored-error",
        f"`{word.code}` on line {comment.line} is an error, and errors cannot be ignored",
        source.between(word.start, word.end),
        "warning",
        help="mend the error, and leave this out",
    )


def _unused(source: Source, word: _Word, comment: _Comment) -> Diagnostic:
    return Diagnostic(
        "unused-ignore",
        f"this silences nothing: there is no `{word.code}` on line {comment.line}",
        source.between(word.start, word.end),
        "warning",
        help="leave it out, or put it on the line of the finding or right above",
        fix=Fix("leave it out", (_removal(source, word, comment),), certain=False),
    )


def _removal(source: Source, word: _Word, comment: _Comment) -> Edit:
    """Take a code out of a comment; a comment that has no other goes with the words behind it."""
    text = source.text
    if len(comment.words) > 1:
        first = word == comment.words[0]
        start = word.start if first else comment.words[comment.words.index(word) - 1].end
        end = comment.words[1].start if first else word.end
        return Edit(source.between(start, end), "")
    begin = text.rfind("\n", 0, comment.start) + 1
    stop = text.find("\n", comment.end)
    stop = len(text) if stop < 0 else stop
    if not text[begin : comment.start].strip():
        return Edit(source.between(begin, min(stop + 1, len(text))), "")
    start = begin + len(text[begin : comment.start].rstrip())
    return Edit(source.between(start, stop), "")
