"""The renderer's own process: DOT on standard input, the picture on standard output, by pygraphviz.

Run as a program, `python -P layout.py FORMAT DPI`, so that a layout that does not end, or a crash in C, ends here.
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
