"""What a branch changes of networks, as Markdown for a pull request: a table, then for each network what differs.

Names come from whoever opens the pull request: each stands as code, where no sign of Markdown's means anything, nobody
is mentioned, and HTML is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from netspec.comparison import Comparison
from netspec.dims import Size
from netspec.views.describe import bytes_text, count_text, plural
from netspec.views.letters import printable

MOST_LETTERS: Final = 60_000
"""A comment of GitHub's takes 65,536 characters: what goes beyond is left out, pictures first."""
_MOST_LINES: Final = 60
"""So many lines of differences of a network are shown."""


@dataclass(frozen=True)
class Costs:
    """What a network takes; None for what cannot be said."""

    params: Size
    macs: Size
    memory: int | None
    batch: int | None


@dataclass(frozen=True)
class ChangedNetwork:
    """One network that is not as it was, or a spec of which that cannot be known."""

    name: str
    """The path of the spec, with its variant."""
    state: str
    """`changed`, `added`, `removed`, `broken`: what is said of it."""
    before: Costs | None = None
    now: Costs | None = None
    comparison: Comparison | None = None
    findings: str = ""
    """What is wrong with it, as `netspec check` shows it."""
    chart: str = ""
    """A flowchart of Mermaid."""
    remark: str = ""
    """A sentence of ours, in Markdown."""


def render(entries: Sequence[ChangedNetwork], ref: str, notes: Sequence[str] = ()) -> str:
    """The Markdown of what a branch changes.

    Args:
        entries: in the order in which they are told.
        ref: what the branch left.
        notes: lines below the table, in Markdown: what has changed and is no other network.
    """
    head = [f"## Networks that differ from {code(ref)}", ""]
    if not entries:
        head += ["No network differs."]
    else:
        head += [*_table(entries)]
    head += ["", *(f"- {note}" for note in notes)] if notes else []
    text = "\n".join(head).rstrip() + "\n"
    left = 0
    for entry in entries:
        for section in (_section(entry, chart=True), _section(entry, chart=False)):
            if len(text) + len(section) <= MOST_LETTERS:
                text += section
                break
        else:
            left += 1
    if left:
        text += f"\n{plural(left, 'network')} more, for which a comment has no room.\n"
    return text


def code(text: str) -> str:
    """A text as code of Markdown, outside of a table."""
    shown = printable(text)
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if len(fence) > 1 or not shown.strip() else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _cell(text: str) -> str:
    return code(text).replace("|", "\\|")


# ---- the table


def _table(entries: Sequence[ChangedNetwork]) -> Iterator[str]:
    yield "| network | | parameters | MACs | training memory, at a batch of |"
    yield "|:--|:--|--:|--:|--:|"
    for entry in entries:
        before, now = entry.before, entry.now
        cells = [
            _two(before and before.params, now and now.params, count_text),
            _two(before and before.macs, now and now.macs, count_text),
            _two(before and before.memory, now and now.memory, _bytes) + _of_batch(entry),
        ]
        yield f"| {_cell(entry.name)} | {entry.state} | {' | '.join(cells)} |"


def _bytes(size: Size) -> str:
    return bytes_text(size) if isinstance(size, int) else str(size)


def _two(before: Size | None, now: Size | None, text: Callable[[Size], str]) -> str:
    if before is None or now is None:
        one = now if before is None else before
        return "" if one is None else _plain(text(one))
    if before == now:
        return _plain(text(now))
    shown = f"{_plain(text(before))} → {_plain(text(now))}"
    return shown + (_percent(before, now) if isinstance(before, int) and isinstance(now, int) and before else "")


def _plain(words: str) -> str:
    """Numbers as they are; a formula, which has names and signs of a spec's, as code."""
    return words if re.fullmatch(r"[\d,. ]+(?:[KMGT]?i?B|bytes?)?", words) else _cell(words)


def _percent(before: int, now: int) -> str:
    change = 100 * (now - before) / before
    return f" ({change:+.1f} %)" if abs(change) < 1000 else f" (× {now / before:,.0f})"


def _of_batch(entry: ChangedNetwork) -> str:
    batches = [costs.batch for costs in (entry.before, entry.now) if costs is not None and costs.memory is not None]
    shown = list(dict.fromkeys(batches))
    return f" at {' → '.join(map(str, shown))}" if shown else ""


# ---- a section for each network


def _section(entry: ChangedNetwork, *, chart: bool) -> str:
    lines = ["", f"### {code(entry.name)}", ""]
    if entry.remark:
        lines += [entry.remark, ""]
    if entry.findings:
        lines += [*_fenced(entry.findings.rstrip("\n").split("\n"), "text"), ""]
    if entry.comparison is not None:
        found = entry.comparison.differences
        more = len(found) - _MOST_LINES
        lines += [*_fenced([*found[:_MOST_LINES], *([f"and {more} lines more"] if more > 0 else [])], "diff"), ""]
    if entry.chart and chart:
        marked = ", what differs with a thick border and a word" if entry.comparison is not None else ""
        lines += [f"<details><summary>Picture{marked}</summary>", ""]
        lines += [*_fenced(entry.chart.rstrip("\n").split("\n"), "mermaid"), "", "</details>", ""]
    elif entry.chart:
        lines += ["A comment has no room for its picture.", ""]
    return "\n".join(lines)


def _fenced(lines: Sequence[str], kind: str) -> list[str]:
    """A block that no line of it ends."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{kind}", *lines, fence]
