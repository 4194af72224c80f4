"""The colours of diagrams: one for each family of layers.

The fills were found by a search under these constraints, which a test measures. Any two of them differ by at least 10
in CIE Lab for normal vision, protanopia, deuteranopia and tritanopia (except the white of dropout and the near-white of
activations). Text on them has a contrast of at least 7 to 1, counts and shapes of at least 4.5 to 1. Convolution,
pooling and linear differ in lightness, for greyscale prints. Colour is never the only sign: every box names its layer.
"""

from __future__ import annotations

from typing import Final, NamedTuple, get_args

from netspec.layers.base import Family


class Color(NamedTuple):
    """Fill and line of a box, as `#rrggbb`."""

    fill: str
    line: str


_COLORS: Final[dict[Family, Color]] = {
    "convolution": Color("#7dc0f9", "#0b5c94"),
    "pooling": Color("#f6c389", "#a34700"),
    "normalization": Color("#fdf08f", "#7d6f00"),
    "linear": Color("#97f0ca", "#00674b"),
    "activation": Color("#f2f4f5", "#5f6b76"),
    "dropout": Color("#ffffff", "#7a8590"),
    "shape": Color("#ced2d7", "#5c5c5c"),
    "padding": Color("#d7c59f", "#7a5c2e"),
    "embedding": Color("#fdd0fe", "#83437a"),
    "attention": Color("#f29fac", "#98285f"),
    "recurrent": Color("#a9add4", "#463ba6"),
}

TEXT: Final = "#16191d"
QUIET: Final = "#3d444b"
"""Secondary text: counts and shapes."""
LINE: Final = "#59626b"
FRAME: Final = Color("#f6f8fa", "#aab4be")
"""Frames of clusters: blocks and repetitions."""
GROUP: Final = Color("#ffffff", "#30373e")
"""Boxes of closed groups."""
PAGE: Final = "#ffffff"


def family_colors() -> dict[Family, Color]:
    """Fill and line of every family of layers, in the order of `Family`."""
    return {family: _COLORS[family] for family in get_args(Family)}
