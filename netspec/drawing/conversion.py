"""The pictures of our own layout as PNG and PDF, by CairoSVG."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from netspec.diagnostics import MissingExtra, ResourceError
from netspec.drawing.fonts import lettered
from netspec.extras import install

_SCALE: Final = 2.0
"""Pixels of a PNG for a point of 1/72 inch: 144 to the inch."""
_SHOWN: Final = 20
"""Letters that a message shows."""


def converted(svg: str, form: str, tell: Callable[[str], object] | None = None) -> bytes:
    """An SVG as a file of another format.

    Args:
        svg: the text of a picture, whose size is in points.
        form: `svg`, `png` or `pdf`.
        tell: takes what is to be said of letters that no font of this machine has.

    Returns:
        The contents of the file.

    Raises:
        MissingExtra: CairoSVG is not installed, or finds no cairo.
        ResourceError: it failed.
    """
    if form == "svg":
        return svg.encode()
    cairo = _library()
    svg, lacking = lettered(svg)
    if lacking and tell is not None:
        tell(_without(lacking, form))
    if tell is not None and any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in svg):
        tell(f"letters that are written from right to left stand the wrong way in the {form.upper()}: write .svg")
    try:
        # CairoSVG takes a point for 4/3 pixels
        made: bytes = cairo.svg2png(svg, scale=_SCALE * 0.75) if form == "png" else cairo.svg2pdf(svg)
    except Exception as error:
        raise ResourceError(f"CairoSVG failed at the {form.upper()}: {error}; as .svg it needs nothing") from error
    return made


def _without(letters: str, form: str) -> str:
    shown = " ".join(letters[:_SHOWN]) + (" …" if len(letters) > _SHOWN else "")
    return (
        f"no font on this machine has {shown}: missing in the {form.upper()}. Install a font with these letters "
        "(for Chinese Debian has fonts-noto-cjk), or write .svg, whose reader may have one"
    )


def _library() -> Any:
    """CairoSVG, which ships no types."""
    try:
        return import_module("cairosvg")
    except ImportError as error:
        raise MissingExtra(
            "PNG and PDF of this style need CairoSVG, which is not here, and .svg nothing", install("draw")
        ) from error
    except OSError as error:  # its own dependency says so where the library is missing
        raise MissingExtra(
            "PNG and PDF of this style need the library cairo, which CairoSVG does not find here (Debian has it as "
            f"libcairo2, Homebrew as cairo); .svg needs nothing: {error}"
        ) from error
