"""What is made of a network when an editor asks: its table, as text, and a page to look around in."""

from __future__ import annotations

from typing import Final

from netspec.compiler import compile_source
from netspec.diagnostics import Diagnostic, has_errors
from netspec.drawing.interactive import OnPage, page
from netspec.layers import Offer
from netspec.lsp.tasks import Task
from netspec.render import render_text
from netspec.table import partial_table, summary
from netspec.text.source import Source

WIDTH: Final = 120
"""Columns of a table."""


def made(source: Source, problems: list[Diagnostic], task: Task, offer: Offer) -> str:
    """What a task asks for. Of a spec that is wrong it is what is known, with the findings."""
    result = compile_source(source, problems, task.variant, {}, offer=offer)
    if task.make == "page":
        return page([OnPage(result.net, source.name, source.text, result.diagnostics)]).decode()
    parts: list[str] = []
    if result.net is not None:
        wrong = has_errors(result.diagnostics)
        parts.append(partial_table(result.net, width=WIDTH) if wrong else str(summary(result.net, width=WIDTH)))
    if result.diagnostics:
        parts.append(render_text(result.diagnostics, {source.name: source.text}))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"
