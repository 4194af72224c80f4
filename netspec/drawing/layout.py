"""A program that renders DOT from standard input to standard output with pygraphviz: `python -P layout.py FORMAT DPI`.

A process of its own, so that a crash in C does not end netspec, and a layout that takes too long can be killed.
"""

from __future__ import annotations

import sys
from typing import cast

import pygraphviz  # pyright: ignore[reportMissingTypeStubs]  # it ships none


def main() -> None:
    """Render standard input."""
    form, dpi = sys.argv[1:3]
    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
    if dpi != "0":
        graph.graph_attr["dpi"] = dpi
    picture = graph.draw(path=None, format=form, prog="dot")  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]  # untyped
    sys.stdout.buffer.write(cast("bytes", picture))


if __name__ == "__main__":
    main()
