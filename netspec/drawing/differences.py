"""Two networks side by side: what both have stands in one row, and a sign tells what differs.

A sign, its colour and the border of the boxes say the same: `=` grey and thin, `~` and `≠` yellow, `−` orange and
dashed, `+` blue and heavy. `drawn_rows.py` says what stands in the rows, and this module where.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple

from netspec.comparison import Comparison, SeveralNets
from netspec.comparison.grid import as_html
from netspec.comparison.parts import Kind
from netspec.diagnostics import UsageError
from netspec.dims import Size
from netspec.drawing.closing import closing_text
from netspec.drawing.comparison_page import comparison_page
from netspec.drawing.comparison_words import say_in
from netspec.drawing.drawn_rows import Cell, DrawnRow, RowMaker, depth_of
from netspec.drawing.heading import heading
from netspec.drawing.page import Drawn, Sheet, drawn
from netspec.drawing.pieces import measured, text_lines
from netspec.drawing.scene import MAIN, SMALL, Box, Phrase, Scene, Shape, Stroke, Tip, Words, below, moved
from netspec.drawing.short import Voice
from netspec.drawing.tables import table
from netspec.drawing.text import width
from netspec.drawing.theme import ThemeName
from netspec.views.describe import count_text, title_text

_SIGNS: Final[dict[Kind, tuple[str, str]]] = {
    "same": ("=", "in both"), "changed": ("~", "differs"), "replaced": ("≠", "another layer in its place"),
    "removed": ("−", "in the left one alone"), "added": ("+", "in the right one alone"),
}  # fmt: skip
Side = Literal["a", "b"]
Numbers = Literal["exact", "rounded", "none"]

_STEP: Final = 12.5
_GAP: Final = 6.0
_INSET: Final = 7.0
"""Of what is in a frame, on each side."""
_MIDDLE: Final = 44.0
"""Between the boxes of the two networks: a sign, and lines to it."""
_MARK: Final = 15.0
_APART: Final = 9.0
"""Between numbers."""


class _Way(NamedTuple):
    room: float
    """The greatest width of a box."""
    numbers: Numbers
    """Those beside the boxes."""


_NUMBERED: Final = (_Way(230, "exact"), _Way(150, "exact"), _Way(150, "rounded"), _Way(105, "rounded"))
_BARE: Final = (_Way(105, "none"), _Way(80, "none"))
_BRIEF: Final[tuple[list[str], ...]] = (
    [],
    ["layers in a row that one network has are one row"],
    ["what differs in a row is one row"],
)
_MOST_ROWS: Final = 90
"""Without a stated depth or page, levels at which there would be more rows are left closed."""


def differences(comparison: Comparison, page: Sheet, depth: int | None = None, *, quantities: bool = True) -> Drawn:
    """The picture of what two nets have in common and what not.

    Args:
        comparison: the nets with their quantities.
        page: what is asked of the picture.
        depth: the levels of blocks to show; None for as many as the page can take.
        quantities: whether the table of quantities stands below it.

    Raises:
        UsageError: type would be too small on the page.
    """
    label = f"{title_text(comparison.a)} | {title_text(comparison.b)}"
    small: UsageError | None = None
    for rows, layouts in _layouts(comparison, page, depth, quantities):
        try:
            return drawn(layouts, page, label, (_legend(rows, page.voice),) if page.legend else ())
        except UsageError as error:
            small = error
    assert small is not None
    raise small


def table_of(several: SeveralNets, page: Sheet) -> Drawn:
    """The quantities of several nets as a picture.

    Raises:
        UsageError: type would be too small on the page.
    """
    return drawn([(table(_said_of_several(several, page.voice)), "")], page, " | ".join(several.names))


def page(comparison: Comparison | SeveralNets, sheet: Sheet, depth: int | None = None) -> bytes:
    """An HTML file of a comparison; in the theme `light`, also one for dark screens."""
    if isinstance(comparison, SeveralNets):
        title = sheet.title or ", ".join(comparison.names)
        return comparison_page(title, as_html(_said_of_several(comparison, sheet.voice)), language=sheet.language)
    say = say_in(sheet.language)
    title = sheet.title or " | ".join(map(title_text, (comparison.a, comparison.b)))
    themes: list[ThemeName] = ["light", "dark"] if sheet.theme == "light" else [sheet.theme]
    pictures = [
        (theme, differences(comparison, replace(sheet, theme=theme, title=""), depth, quantities=False).file("svg"))
        for theme in themes
    ]
    return comparison_page(
        title,
        as_html(_said(comparison, sheet.voice)),
        sentence=comparison.sentence_as(say) + say("."),
        pictures=pictures,
        differences=comparison.differences_as(say),
        language=sheet.language,
    )


def _said(comparison: Comparison, voice: Voice) -> list[tuple[str, ...]]:
    """The table of quantities in a language; the names of the nets stay."""
    (corner, *names, ratio), *rows = comparison.cells
    return [(corner, *names, voice.word(ratio)), *((voice.word(row[0]), *row[1:]) for row in rows)]


def _said_of_several(several: SeveralNets, voice: Voice) -> list[tuple[str, ...]]:
    """The same of several nets, each of which has a row."""
    head, *rows = several.cells
    return [tuple(map(voice.word, head)), *rows]


def _layouts(
    comparison: Comparison, page: Sheet, depth: int | None, quantities: bool
) -> Iterator[tuple[Sequence[DrawnRow], Iterator[tuple[Scene, str]]]]:
    """The rows for each way to fold, and the layouts that show them; what says most comes first. The numbers beside the
    boxes go last."""
    deepest = depth_of(comparison.pairs)
    levels = range(deepest, -1, -1) if depth is None else (min(depth, deepest),)
    folds = [(level, brief) for level in levels for brief in ((0, 1) if level else (0, 1, 2))]
    made = {fold: RowMaker(page.voice, *fold).rows(comparison.pairs) for fold in folds}
    if depth is None and page.fit is None:
        folds = [fold for fold in folds if len(made[fold]) <= _MOST_ROWS] or folds[-1:]
    for ways in (_NUMBERED, _BARE):
        for fold in folds:
            told = _told(*fold, deepest, depth)
            layouts = (_Layout(comparison, page.voice, made[fold], way) for way in ways)
            said = ((layout.scene(quantities), ", ".join([*told, *layout.left_out])) for layout in layouts)
            yield made[fold], said


def _legend(rows: Sequence[DrawnRow], voice: Voice) -> str:
    """What the signs of these rows mean."""
    used = {row.kind for row in rows}
    return ", ".join(f"{sign} {voice.word(words)}" for kind, (sign, words) in _SIGNS.items() if kind in used)


def _told(level: int, brief: int, deepest: int, depth: int | None) -> list[str]:
    told = [closing_text(level)] if level < deepest and depth is None else []
    return [*told, *_BRIEF[brief]]


def rounded(count: Size) -> str:
    """A count in three digits: `46.8 M`; small ones and formulas as they are."""
    if not isinstance(count, int) or count < 100_000:
        return count_text(count)
    for unit, name in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit * 0.9995:
            return f"{count / unit:.3g} {name}"
    raise AssertionError("a count of at least 100,000 has thousands")


class _Layout:
    """Rows on their way to a scene."""

    def __init__(self, comparison: Comparison, voice: Voice, rows: Sequence[DrawnRow], way: _Way) -> None:
        self.comparison, self.voice, self.rows = comparison, voice, rows
        self.count = count_text if way.numbers == "exact" else rounded
        self.numbered = way.numbers != "none"
        self.left_out = {"exact": [], "rounded": ["counts are rounded"], "none": ["no numbers beside the boxes"]}[
            way.numbers
        ]
        cells = [(row.level, cell) for row in rows for cell in (row.a, row.b) if cell is not None]
        deepest = max((level for level, _ in cells), default=0)
        wide = max((measured(cell.runs) + 2 * _INSET * level for level, cell in cells), default=0.0)
        self.wide = max(min(wide, way.room + 2 * _INSET * deepest), 80.0)
        """The width of a box of the outermost level."""
        titles = tuple(map(voice.word, ("output", "parameters", "MACs"))) if self.numbered else ("", "", "")
        self.titles = titles
        self.widths: dict[Side, list[float]] = {
            "a": self.measure([titles, *(self.numbers(row.a) for row in rows)]),
            "b": self.measure([titles, *(self.numbers(row.b) for row in rows)]),
        }
        self.beside: dict[Side, float] = {
            side: sum(widths) + 3 * _APART if self.numbered else 0.0 for side, widths in self.widths.items()
        }
        self.left: dict[Side, float] = {"a": self.beside["a"]}
        self.left["b"] = self.left["a"] + self.wide + _MIDDLE
        self.shapes: list[Shape] = []
        self.frames: list[tuple[float, Shape]] = []

    @staticmethod
    def measure(rows: Sequence[tuple[str, ...]]) -> list[float]:
        """The widths of the columns of numbers."""
        return [max(width(row[column], SMALL) for row in rows) for column in range(3)]

    def numbers(self, cell: Cell | None) -> tuple[str, str, str]:
        """Shape, parameters and MACs; nothing for a count of 0."""
        if cell is None or not self.numbered:
            return "", "", ""
        params, macs = (self.count(count) if count != 0 else "" for count in (cell.params, cell.macs))
        return cell.shape, params, macs

    def scene(self, quantities: bool) -> Scene:
        """The whole picture: headings, rows, and perhaps the table of quantities."""
        y = self.headings()
        open_frames: list[tuple[int, float, DrawnRow]] = []
        for at, row in enumerate(self.rows):
            top = y
            y += self.row(row, y) + _GAP
            if row.opens:
                open_frames.append((at + row.opens, top, row))
            while open_frames and open_frames[-1][0] == at:
                _, top, around = open_frames.pop()
                self.frame(around, top, y)
                y += _GAP
        wide = self.left["b"] + self.wide + self.beside["b"]
        frames = [shape for _, shape in sorted(self.frames, key=lambda pair: pair[0])]
        body = Scene(wide, y - _GAP, (*frames, *self.shapes))
        return below([body, table(_said(self.comparison, self.voice))], 16) if quantities else body

    def headings(self) -> float:
        """The names of the networks and of the columns of numbers. Returns where rows begin."""
        heads: dict[Side, Scene] = {
            "a": heading(self.comparison.a, self.voice, self.wide),
            "b": heading(self.comparison.b, self.voice, self.wide),
        }
        high = max(head.height for head in heads.values())
        for side, head in heads.items():
            middle = self.left[side] + (self.wide - head.width) / 2
            self.shapes += moved(head.shapes, middle, high - head.height)
            self.columns(side, self.titles, high + 14)
        return high + 20

    def columns(self, side: Side, texts: Sequence[str], y: float) -> None:
        """Texts in the columns of numbers, which end at the right."""
        x = 0.0 if side == "a" else self.left["b"] + self.wide + _APART
        for text, room in zip(texts, self.widths[side], strict=True):
            if text:
                self.shapes.append(Words(x + room, y, (Phrase(text, "faint"),), SMALL, "end"))
            x += room + _APART

    # ---- a row

    def row(self, row: DrawnRow, y: float) -> float:
        """Add a row at a place. Returns its height."""
        sides: list[tuple[Side, Cell | None]] = [("a", row.a), ("b", row.b)]
        heights = [self.box(row, side, cell, y) for side, cell in sides if cell is not None]
        for side, cell in sides:
            self.columns(side, self.numbers(cell), y + 4 + MAIN * 0.86)
        self.sign(row, y + 3 + _STEP / 2)
        return max(heights)

    def box(self, row: DrawnRow, side: Side, cell: Cell, y: float) -> float:
        """What a row says of one network: a box, or the heading of a frame. Returns its height."""
        x, wide = self.left[side] + _INSET * row.level, self.wide - 2 * _INSET * row.level
        lines = text_lines(cell.runs, wide - 14)
        high = _STEP * len(lines) + 6
        words = tuple(
            Words(x + 7, y + 4 + MAIN * 0.86 + _STEP * at, line, MAIN, "start") for at, line in enumerate(lines)
        )
        if row.opens:
            inks = {"text": "ink", "quiet": "faint"}
            runs = [tuple(Phrase(run.words, inks[run.role], run.bold) for run in text.runs) for text in words]
            self.shapes += (Words(t.x, t.y, r, t.size, t.anchor) for t, r in zip(words, runs, strict=True))
            return high
        role = {"replaced": "removed" if side == "a" else "added"}.get(row.kind, row.kind)
        shape = Box(x, y, wide, high, role, heavy=role == "added", dashed=role == "removed")
        self.shapes.append(Tip(cell.tip, (shape, *words)))
        return high

    def sign(self, row: DrawnRow, y: float) -> None:
        """The sign between the networks, with lines to what it is about."""
        middle = self.left["b"] - _MIDDLE / 2
        half, inset = _MARK / 2, _INSET * row.level
        if row.a is not None:
            self.shapes.append(Stroke(((self.left["b"] - _MIDDLE - inset, y), (middle - half, y)), thin=True))
        if row.b is not None:
            self.shapes.append(Stroke(((middle + half, y), (self.left["b"] + inset, y)), thin=True))
        role = "changed" if row.kind == "replaced" else row.kind
        heavy, dashed = role == "added", role == "removed"
        self.shapes.append(Box(middle - half, y - 7, _MARK, 14, role, heavy=heavy, dashed=dashed))
        self.shapes.append(Words(middle, y + 4, (Phrase(_SIGNS[row.kind][0], bold=True),), MAIN + 2))

    def frame(self, row: DrawnRow, top: float, bottom: float) -> None:
        """A frame on each side, around the rows of an opened block."""
        for side in ("a", "b"):
            x, wide = self.left[side] + _INSET * row.level, self.wide - 2 * _INSET * row.level
            cell = row.a if side == "a" else row.b
            assert cell is not None  # what is opened is in both
            box = Box(x, top, wide, bottom - top, "frame", radius=4, frame=True)
            self.frames.append((top, Tip(cell.tip, (box,))))
