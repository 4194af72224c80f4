"""Themes: the colours of roles on a screen, on paper, on whatever page a picture without a background is put.

On every box and frame text has a contrast of at least 4.5 to 1, which a test measures. What stands on the page itself
in `transparent` has that on white and on black alike, which leaves one grey. `print` says everything without colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from netspec.drawing.palette import FRAME, GROUP, LINE, PAGE, QUIET, TEXT, Color, family_colors

ThemeName = Literal["light", "dark", "print", "transparent"]
THEMES: Final[tuple[ThemeName, ...]] = get_args(ThemeName)


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a picture, each as `#rrggbb`."""

    page: str | None
    """None for no background."""
    fills: Mapping[str, Color]
    """Fill and line of every role: the families, `frame`, `group`, `end` (inputs and outputs), `tag`, `window`, and of
    two networks side by side `same`, `changed`, `removed` and `added`."""
    inks: Mapping[str, str]
    """Of text: `text` and `quiet` in boxes, `ink` and `faint` on the page and on frames."""
    line: str


def _light() -> Theme:
    fills = {
        **family_colors(), "frame": FRAME, "group": GROUP, "end": Color(PAGE, LINE),
        "tag": Color(PAGE, "#aab4be"), "window": Color(PAGE, TEXT),
        "same": Color(PAGE, "#aab4be"), "changed": Color("#fdf08f", "#7d6f00"), "removed": Color("#f9d3ab", "#a34700"),
        "added": Color("#bcdcf8", "#0b5c94"),
    }  # fmt: skip
    return Theme(PAGE, fills, {"text": TEXT, "quiet": QUIET, "ink": TEXT, "faint": QUIET}, LINE)


def _dark() -> Theme:
    """Fills are the lines of the light theme, darker, and lines its fills."""
    page = "#0d1117"
    families = {family: Color(_mixed(color.line, page, 0.45), color.fill) for family, color in family_colors().items()}
    fills = {
        **families, "frame": Color("#161b22", "#59626b"), "group": Color("#21262d", "#c9d1d9"),
        "end": Color(page, "#c9d1d9"), "tag": Color(page, "#59626b"),
        "window": Color(page, "#ffffff"), "same": Color(page, "#59626b"), "changed": Color("#4b4610", "#fdf08f"),
        "removed": Color("#5c3010", "#f6c389"), "added": Color("#0f3c5c", "#7dc0f9"),
    }  # fmt: skip
    return Theme(page, fills, {"text": "#f5f7fa", "quiet": "#d0d7de", "ink": "#f5f7fa", "faint": "#b8c0c8"}, "#aab4be")


def _print() -> Theme:
    """Greys for the three families that most of a network is made of, and black lines."""
    greys = {"convolution": "#dcdcdc", "linear": "#c4c4c4", "attention": "#c4c4c4", "pooling": "#f0f0f0"}
    families = {family: Color(greys.get(family, "#ffffff"), "#000000") for family in family_colors()}
    plain = Color("#ffffff", "#000000")
    fills = {
        **families,
        "frame": Color("#ffffff", "#7f7f7f"),
        "group": plain,
        "end": plain,
        "tag": Color("#ffffff", "#7f7f7f"),
        "window": plain,
        "same": Color("#ffffff", "#7f7f7f"),
        "changed": Color("#e6e6e6", "#000000"),
        "removed": plain,
        "added": Color("#c4c4c4", "#000000"),
    }
    return Theme(
        "#ffffff", fills, {"text": "#000000", "quiet": "#262626", "ink": "#000000", "faint": "#262626"}, "#000000"
    )


def _transparent() -> Theme:
    light = _light()
    grey = "#757575"
    return Theme(None, {**light.fills, "frame": Color("none", grey)}, {**light.inks, "ink": grey, "faint": grey}, grey)


def _mixed(color: str, other: str, share: float) -> str:
    """A colour with a share of another one."""
    pairs = ((int(color[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a * (1 - share) + b * share):02x}" for a, b in pairs)


def theme(name: ThemeName) -> Theme:
    """The theme with this name."""
    return {"light": _light, "dark": _dark, "print": _print, "transparent": _transparent}[name]()


def shaded(color: str, shade: float) -> str:
    """A colour that is darker by a share of black."""
    return _mixed(color, "#000000", shade)
