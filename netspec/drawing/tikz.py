"""A scene as TikZ, for papers: a document that compiles by itself, or the picture alone for `\\input`.

Colours and lines are styles with the names of what they stand for (`ns convolution`, `ns line`), so that one line
changes them everywhere; places are in units of the scene, which `x` and `y` give a length. Of packages it takes `tikz`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netspec.diagnostics import UsageError
from netspec.drawing.page import MARGIN, Drawn
from netspec.drawing.scene import Area, Box, Circle, Embedded, Phrase, Shape, Stroke, Tip, Words, flat
from netspec.drawing.text import fixed, printable
from netspec.drawing.theme import Theme, theme
from netspec.views import latex

_ANCHORS: Final = {"start": "base west", "middle": "base", "end": "base east"}
_FIT: Final = r"""\providecommand\netspecfit[2]{%  a text that is no wider than there is room
  \setbox0\hbox{#2}\ifdim\wd0>#1\resizebox{#1}{\height}{\box0}\else\box0\fi}
"""


def tikz(drawn: Drawn, *, snippet: bool = False) -> str:
    """The TikZ of a picture.

    Args:
        drawn: the picture, as large as its page asks for.
        snippet: give the picture alone, for a document with `\\usepackage{tikz}`, in place of one that compiles alone.
    """
    return _Tikz(drawn).document(snippet)


class _Tikz:
    """One picture on its way to TikZ."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn
        self.theme: Theme = theme(drawn.page.theme)
        self.shapes = list(flat(drawn.scene.shapes))
        texts = [shape for shape in self.shapes if isinstance(shape, Words)]
        self.words = "".join([run.words for text in texts for run in text.runs] + [c.sign for c in self._circles()])
        self.sizes = sorted({text.size for text in texts} | {2 * circle.radius for circle in self._circles()})

    def _circles(self) -> list[Circle]:
        return [shape for shape in self.shapes if isinstance(shape, Circle)]

    def document(self, snippet: bool) -> str:
        picture = "\n".join(self.picture())
        head = [f"% {printable(self.drawn.page.title or self.drawn.label)}, drawn by netspec"]
        needs = [r"\usepackage{tikz}", *([latex.CHINESE] if latex.chinese(self.words) else [])]
        if snippet:
            return "\n".join([*head, f"% It needs {' and '.join(needs)}.", *self.commands(), picture, ""])
        size = f"papersize={{{_n(self.drawn.width)}bp,{_n(self.drawn.height)}bp}},margin=0pt"
        lines = [
            *head,
            r"\documentclass{article}",
            rf"\usepackage[{size}]{{geometry}}",
            r"\usepackage[T1]{fontenc}",
            r"\usepackage{textcomp}",
            r"\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}",
            *needs,
            *self.commands(),
            # TeX rounds each length: a picture that comes out a hair too high would begin on a second page
            r"\pagestyle{empty}\parindent0pt\topskip0pt\parskip0pt\advance\textheight1bp",
            r"\begin{document}%",
            picture + "%",
            r"\end{document}",
            "",
        ]
        return "\n".join(lines)

    def commands(self) -> list[str]:
        """What the texts use beside the commands of LaTeX."""
        letters = latex.LETTER.rstrip().split("\n") if latex.named(self.words) else []
        return [*letters, *(_FIT.rstrip().split("\n") if fixed(printable(self.words)) else [])]

    def picture(self) -> Iterator[str]:
        scene, scale = self.drawn.scene, self.drawn.scale
        unit = f"x={_n(scale, 4)}bp, y=-{_n(scale, 4)}bp"
        yield from self.colors()
        yield rf"\begin{{tikzpicture}}[{unit}, line join=round, inner sep=0pt, outer sep=0pt,"
        yield ",\n".join(self.styles()) + "]"
        page = f"({_n(-MARGIN)},{_n(-MARGIN)}) rectangle ({_n(scene.width + MARGIN)},{_n(scene.height + MARGIN)});"
        white = self.theme.page in (None, "#ffffff")
        yield rf"\path[{'use as bounding box' if white else 'fill=nspage, use as bounding box'}] {page}"
        for shape in scene.shapes:
            yield from self.shape(shape)
        yield r"\end{tikzpicture}"

    # ---- colours and styles

    def roles(self) -> list[str]:
        """The roles that boxes and areas have, in the order of the theme."""
        used = {shape.role for shape in self.shapes if isinstance(shape, Box | Area)}
        used |= {"end"} if self._circles() else set()
        return [role for role in self.theme.fills if role in used]

    def inks(self) -> list[str]:
        used = {run.role for shape in self.shapes if isinstance(shape, Words) for run in shape.runs}
        used |= {"text"} if self._circles() else set()
        used |= {shape.role for shape in self.shapes if isinstance(shape, Stroke) and shape.role != "line"}
        return [ink for ink in self.theme.inks if ink in used]

    def colors(self) -> Iterator[str]:
        if self.theme.page not in (None, "#ffffff"):
            yield _color("nspage", self.theme.page)
        yield _color("nsline", self.theme.line)
        for ink in self.inks():
            yield _color(f"ns{ink}", self.theme.inks[ink])
        for role in self.roles():
            fill, line = self.theme.fills[role]
            if fill != "none":
                yield _color(f"ns{role}", fill)
            yield _color(f"ns{role}line", line)

    def styles(self) -> Iterator[str]:
        scale = self.drawn.scale
        for role in self.roles():
            fill = "none" if self.theme.fills[role].fill == "none" else f"ns{role}"
            yield f"  ns {role}/.style={{fill={fill}, draw=ns{role}line, line width={_n(0.8 * scale)}bp}}"
        yield f"  ns heavy/.style={{line width={_n(1.6 * scale)}bp}}"
        yield f"  ns dashed/.style={{dash pattern=on {_n(4 * scale)}bp off {_n(3 * scale)}bp}}"
        yield f"  ns line/.style={{draw=nsline, line width={_n(scale)}bp}}"
        for size in self.sizes:
            font = rf"\sffamily\fontsize{{{_n(size * scale)}bp}}{{{_n(size * scale * 1.2)}bp}}\selectfont"
            yield f"  ns size {_n(size)}/.style={{font={font}}}"

    # ---- shapes

    def shape(self, shape: Shape) -> Iterator[str]:
        match shape:
            case Tip():
                yield from latex.comment(shape.words)
                for inner in shape.shapes:
                    yield from self.shape(inner)
            case Box():
                yield self.box(shape)
            case Words():
                yield self.text(shape)
            case Stroke():
                yield self.stroke(shape)
            case Area():
                yield self.area(shape)
            case Circle():
                yield from self.circle(shape)
            case Embedded():
                raise UsageError("a picture of Graphviz is no TikZ; `--style stack`, `map` and `volumes` are")

    def box(self, box: Box) -> str:
        look = [f"ns {box.role}", *(["ns heavy"] if box.heavy else []), *(["ns dashed"] if box.dashed else [])]
        look += [f"rounded corners={_n(box.radius * self.drawn.scale)}bp"] if box.radius else []
        return rf"\path[{', '.join(look)}] {_at(box.x, box.y)} rectangle ++{_at(box.width, box.height)};"

    def text(self, words: Words) -> str:
        inside = "".join(_run(run, single=len(words.runs) == 1) for run in words.runs)
        if fixed(printable("".join(run.words for run in words.runs))):
            inside = rf"\netspecfit{{{_n(words.width * self.drawn.scale)}bp}}{{{inside}}}"
        look = [f"ns size {_n(words.size)}", f"anchor={_ANCHORS[words.anchor]}"]
        look += [f"text=ns{words.runs[0].role}"] if len(words.runs) == 1 else []
        return rf"\node[{', '.join(look)}] at {_at(words.x, words.y)} {{{inside}}};"

    def stroke(self, line: Stroke) -> str:
        look = ["ns line", *(["-latex"] if line.arrow else []), *(["ns dashed"] if line.dashed else [])]
        look += [f"draw=ns{line.role}"] if line.role != "line" else []
        look += [f"line width={_n(0.5 * self.drawn.scale)}bp"] if line.thin else []
        return rf"\draw[{', '.join(look)}] {' -- '.join(_at(*point) for point in line.points)};"

    def area(self, area: Area) -> str:
        color = self.theme.fills[area.role]
        look = [f"ns {area.role}", f"line width={_n(0.6 * self.drawn.scale)}bp"]
        if color.fill != "none" and area.shade:
            look.append(f"fill=ns{area.role}!{_n(100 * (1 - area.shade))}!black")
        look += ["fill opacity=0.35"] if area.clear else []
        return rf"\path[{', '.join(look)}] {' -- '.join(_at(*point) for point in area.points)} -- cycle;"

    def circle(self, circle: Circle) -> Iterator[str]:
        size = 2 * circle.radius
        radius = _n(circle.radius * self.drawn.scale)
        yield rf"\path[ns end, draw=nsline] {_at(circle.x, circle.y)} circle[radius={radius}bp];"
        yield (
            rf"\node[ns size {_n(size)}, text=nstext] at {_at(circle.x, circle.y)} {{{latex.escaped(circle.sign)}}};"
        )


def _run(run: Phrase, *, single: bool) -> str:
    inside = latex.escaped(run.words)
    bold = rf"\bfseries {inside}" if run.bold else inside
    return bold if single else rf"\textcolor{{ns{run.role}}}{{{bold}}}"


def _color(name: str, value: str | None) -> str:
    assert value is not None
    return rf"\definecolor{{{name}}}{{HTML}}{{{value.removeprefix('#').upper()}}}"


def _at(x: float, y: float) -> str:
    return f"({_n(x)},{_n(y)})"


def _n(number: float, digits: int = 2) -> str:
    """A number with at most so many decimals."""
    text = f"{number:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
