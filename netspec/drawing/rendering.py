"""Render DOT to SVG, PNG or PDF with an installed Graphviz engine, in a subprocess with a time limit."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import graphviz  # pyright: ignore[reportMissingTypeStubs]  # it ships no stub file

from netspec.diagnostics import MissingExtra, ResourceError, UsageError
from netspec.drawing.finish import finished
from netspec.extras import install

_SHOWN: Final = {"image/svg+xml": "svg", "image/png": "png", "application/pdf": "pdf"}
"""The kinds of files that a notebook may ask for."""
FORMATS: Final = ("svg", "png", "pdf", "dot")
_DPI: Final = 144


class LayoutTooLong(ResourceError):
    """A layout was given up. With fewer levels open it may take less time."""


Engine = Literal["dot", "pygraphviz"]


class Diagram(graphviz.Digraph):
    """A graph that a notebook shows by whichever engine is there: graphviz's own class knows `dot` alone."""

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **_: Any
    ) -> dict[str, bytes | str]:
        wanted = (set(_SHOWN) & set(include) if include is not None else {"image/svg+xml"}) - set(exclude or ())
        files = {kind: render(self, _SHOWN[kind]) for kind in wanted}
        return {kind: file.decode() if kind == "image/svg+xml" else file for kind, file in files.items()}


def engine() -> Engine | None:
    """The engine to use: `dot` on PATH, else pygraphviz, whose wheels contain Graphviz; None without either."""
    if shutil.which("dot"):
        return "dot"
    return "pygraphviz" if find_spec("pygraphviz") else None


def render(graph: graphviz.Digraph, format: str, *, timeout: float = 30, using: Engine | None = None) -> bytes:
    """Render a graph.

    An SVG ends with a comment with the SHA-256 of its DOT text. It tells whether a stored picture is up to date;
    comparing the SVG would not, since coordinates depend on the fonts and the engine.

    Args:
        graph: a graph made by `diagram`.
        format: `svg`, `png`, `pdf` or `dot`; the last needs no engine.
        timeout: seconds after which the engine is killed.
        using: the engine; None for that of `engine()`.

    Returns:
        The contents of the file.

    Raises:
        UsageError: the format is not one of these.
        MissingExtra: no engine is installed.
        LayoutTooLong: the layout took too long.
        ResourceError: the engine failed.
    """
    if format not in FORMATS:
        raise UsageError(f"cannot draw `{format}`: the formats are {', '.join(FORMATS)}")
    if format == "dot":
        return graph.source.encode()
    using = using or engine()
    if using is None:
        raise MissingExtra("drawing needs Graphviz: neither `dot` nor pygraphviz is here", install("draw"))
    picture = _run(_command(using, format), graph.source.encode(), timeout)
    if format != "svg":
        return picture
    return f"{finished(picture.decode())}<!-- dot sha256 {fingerprint(graph)} -->\n".encode()


def fingerprint(graph: graphviz.Digraph) -> str:
    """The SHA-256 of a graph's DOT text, in hexadecimal."""
    return hashlib.sha256(graph.source.encode()).hexdigest()


def _command(using: Engine, format: str) -> list[str]:
    dpi = _DPI if format == "png" else 0
    if using == "dot":
        return ["dot", f"-T{format}", *([f"-Gdpi={dpi}"] if dpi else [])]
    return [sys.executable, "-P", str(Path(__file__).with_name("layout.py")), format, str(dpi)]


def _run(command: list[str], dot: bytes, timeout: float) -> bytes:
    try:
        done = subprocess.run(command, input=dot, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise LayoutTooLong(
            f"the layout was given up after {timeout:g} s; `--depth 1` closes blocks and draws fewer boxes"
        ) from error
    except OSError as error:
        raise ResourceError(f"the Graphviz engine did not start: {error}") from error
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ResourceError(
            f"the Graphviz engine failed with status {done.returncode}: {said[-1] if said else 'no message'}"
        )
    return done.stdout
