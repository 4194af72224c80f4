"""A table of texts in the formats that people paste: aligned text, Markdown, LaTeX, CSV, HTML."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence

from netspec.views import latex
from netspec.views.letters import printable

Grid = Sequence[Sequence[str]]
"""Rows of cells, the first one with the titles of the columns; the first cell of a row says what it is about."""


def as_text(grid: Grid) -> list[str]:
    """The lines of an aligned table."""
    widths = [max(len(row[column]) for row in grid) for column in range(len(grid[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in grid
    ]
    lines.insert(1, "─" * (sum(widths) + 2 * (len(widths) - 1)))
    return lines


def as_markdown(grid: Grid) -> list[str]:
    """The lines of a table of GitHub's Markdown."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in grid]
    lines.insert(1, "|:--" + "|--:" * (len(grid[0]) - 1) + "|")
    return lines


def as_latex(grid: Grid) -> list[str]:
    """The lines of a `tabular`, which takes no package."""
    letters = latex.LETTER.rstrip().split("\n") if any(latex.named(cell) for row in grid for cell in row) else []
    lines = [*letters, rf"\begin{{tabular}}{{l{'r' * (len(grid[0]) - 1)}}}", r"  \hline"]
    for number, row in enumerate(grid):
        lines.append("  " + " & ".join(map(latex.escaped, row)) + r" \\")
        if number == 0:
            lines.append(r"  \hline")
    return [*lines, r"  \hline", r"\end{tabular}"]


def as_csv(grid: Sequence[Sequence[object]]) -> str:
    """The rows as CSV, of RFC 4180 but for the ends of lines."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(grid)
    return text.getvalue()


def as_html(grid: Grid) -> list[str]:
    """The lines of a table of HTML."""
    head, *rows = [[html.escape(printable(cell)) for cell in row] for row in grid]
    titles = "".join(f'<th scope="col">{cell}</th>' if cell else "<td></td>" for cell in head)
    lines = ["<table>", f"<thead><tr>{titles}</tr></thead>"]
    lines.append("<tbody>")
    for first, *cells in rows:
        lines.append(f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return [*lines, "</tbody>", "</table>"]
