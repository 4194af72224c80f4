"""Random names, labels and titles: Unicode, markup, control characters, two hundred letters, by a seed.

`python -m tests.random_texts 2000` draws so many in every style and holds each picture against them, as Chromium
renders it.
"""

from __future__ import annotations

import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.dom import minidom

import netspec
from netspec.drawing import diagram, render
from netspec.drawing.page import Sheet
from netspec.drawing.styles import STYLES, picture
from netspec.drawing.text import printable
from netspec.net import Net, Scope
from tests.browser import Page, browser

MARKUP: Final = (
    "<b>", "</TABLE>>", "&lt;", "&nbsp;", "&#0;", "]]>", "<!--", "-->", "\\N", "\\G", "\\", '"', "'", "%n", "{a|b}",
    "</text>", "<script>", "URL=http://x", "\\l", "\x00", "\x1b[31m", "\ud800", "\ufffe", "\u202e", "\u200d", "\u2061",
    "\u2060", "\t", "\n",
)  # fmt: skip
RANGES: Final = (
    (0x20, 0x7F), (0xA0, 0x250), (0x370, 0x590), (0x5D0, 0x5EB), (0x620, 0x6D0), (0x900, 0x980), (0xE00, 0xE60),
    (0x1F00, 0x2100), (0x2190, 0x2C00), (0x3040, 0x3100), (0x4E00, 0xA000), (0xAC00, 0xD7A4), (0x1F300, 0x1F700),
    (0, 0x110000),
)  # fmt: skip
BLOCK: Final = """\
input: [2, 4, 4]
blocks:
  one(n):
    - residual: [{Conv2d: {out_channels: 2, kernel_size: 1}}, ReLU]
    - ReLU
layers:
  - one: 2
"""


def random_text(rng: random.Random) -> str:
    """Up to two hundred letters of one or several scripts, with markup between."""
    length = rng.choice([1, 3, 8, 20, 60, 200])
    scripts = rng.choices(RANGES, k=rng.randint(1, 3))
    letters: list[str] = []
    while len(letters) < length:
        if rng.random() < 0.1:
            letters.append(rng.choice(MARKUP))
        else:
            first, end = rng.choice(scripts)
            letters.append(chr(rng.randrange(first, end)))
        if rng.random() < 0.1:
            letters.append(" ")
    return "".join(letters)


def texts(count: int, seed: int) -> list[str]:
    """So many random texts."""
    rng = random.Random(seed)
    return [random_text(rng) for _ in range(count)]


def net_of(labels: list[str]) -> Net:
    """A net whose name is the first text, and whose blocks are called by the others."""
    net = netspec.loads(BLOCK)
    (block,) = net.root.children
    assert isinstance(block, Scope)
    blocks = tuple(block._replace(words=label, block=f"b{at}") for at, label in enumerate(labels[1:]))
    return replace(net, name=labels[0], root=net.root._replace(children=blocks))


MEASURED: Final = """
(() => {
  const boxes = [...document.querySelectorAll('g.node, g.cluster, g.graph > polygon')].flatMap(
    g => (g.tagName === 'g' ? [...g.querySelectorAll('path, polygon')] : [g]).map(e => e.getBBox()));
  return [...document.querySelectorAll('text')].flatMap(text => {
    const t = text.getBBox(), y = t.y + t.height / 2;
    const [x, end] = [t.x + t.width / 2, t.x + t.width];
    const home = boxes.filter(r => r.x <= x && x <= r.x + r.width && r.y <= y && y <= r.y + r.height)
      .sort((p, q) => p.width * p.height - q.width * q.height)[0];
    const out = !home || t.x < home.x - 0.5 || end > home.x + home.width + 0.5;
    return out ? [[text.textContent, t.x, end, home ? [home.x, home.x + home.width] : null]] : [];
  });
})()
"""
"""The texts that leave the smallest box in which their middle lies, as Chromium renders them."""


def wrong(labels: list[str], page: Page | None, folder: Path) -> list[str]:
    """What is wrong with the pictures of a net with these labels, its blocks open and closed."""
    found: list[str] = []
    net = net_of(labels)
    for depth in (1, 9):
        svg = render(diagram(net, depth=depth), "svg")
        document = minidom.parseString(svg)
        for name in ("text", "title"):
            shown = "".join(text_of(element) for element in document.getElementsByTagName(name))
            kept = "".join(shown.split())
            found += [
                f"depth {depth}: {label!r} is in no {name}"
                for label in labels
                if (words := "".join(printable(label).split())) and words not in kept
            ]
        if page is not None:
            picture = folder / "net.svg"
            picture.write_bytes(svg)
            page.open(picture)
            found += [f"depth {depth}: {text!r}" for text in page.js(MEASURED)]
    return found


STACKED: Final = """\
input: [2, 4, 4]
layers:
  - {Conv2d: {out_channels: 2, kernel_size: 1}, name: a}
  - {Conv2d: {out_channels: 4, kernel_size: 2}, name: b}
  - {Conv2d: {out_channels: 4, kernel_size: 1}, name: c}
  - {Conv2d: {out_channels: 8, kernel_size: 2}, name: d}
  - {Conv2d: {out_channels: 9, kernel_size: 2}, name: e}
"""
ON_PAGE: Final = 8
"""So many texts are in a picture on a page: the net's name, the title, the caption and the names of five layers."""
LOOSE: Final = """
(() => {
  const boxes = [...document.querySelectorAll('rect, g.node > :is(path, polygon), g.cluster > :is(path, polygon)')]
    .map(e => e.getBoundingClientRect());
  const texts = [...document.querySelectorAll('text')].map(e => [e.textContent, e.getBoundingClientRect()]);
  const out = texts.filter(([, t]) => {
    const [x, y] = [t.x + t.width / 2, t.y + t.height / 2];
    const home = boxes.filter(r => r.x <= x && x <= r.x + r.width && r.y <= y && y <= r.y + r.height)
      .sort((p, q) => p.width * p.height - q.width * q.height)[0];
    return !home || t.x < home.x - 0.5 || t.x + t.width > home.x + home.width + 0.5;
  });
  const met = texts.filter(([, t], at) => texts.slice(at + 1).some(([, u]) =>
    Math.abs(t.y + t.height / 2 - u.y - u.height / 2) < 3 && t.x + 0.5 < u.x + u.width && u.x + 0.5 < t.x + t.width));
  return [...out, ...met].map(([words]) => words);
})()
"""
"""The texts that leave the smallest box, or the page, in which their middle lies, and those that meet others."""


def wrong_on_page(labels: list[str], style: str, page: Page | None, folder: Path) -> list[str]:
    """What is wrong with a picture of a net in a style, with `ON_PAGE` texts in all places."""
    name, title, caption, *names = labels
    net = netspec.loads(STACKED)
    layers = (leaf._replace(name=label) for leaf, label in zip(net.layers, names, strict=True))
    net = replace(net, name=name, root=net.root._replace(children=tuple(layers)))
    svg = picture([net], style, Sheet(title=title, caption=caption)).file("svg")
    shown = "".join("".join(map(text_of, minidom.parseString(svg).getElementsByTagName("text"))).split())
    written = labels if style != "flow" else labels[:3]  # a name is in the tips of `flow`
    found = [f"{style}: {label!r} is not there" for label in written if "".join(printable(label).split()) not in shown]
    if page is not None:
        file = folder / "net.svg"
        file.write_bytes(svg)
        page.open(file)
        found += [f"{style}: {words!r} is out of its place" for words in page.js(LOOSE)]
    return found


def text_of(element: minidom.Element) -> str:
    """All text in an element."""
    return "".join(node.data if node.nodeType == node.TEXT_NODE else text_of(node) for node in element.childNodes)  # type: ignore[union-attr,arg-type]


def main(count: int) -> None:
    """Draw so many texts in the default picture, forty in each, and as many in every style on a page; print what is
    wrong."""
    faults: list[str] = []
    with browser() as page, tempfile.TemporaryDirectory() as folder:
        for seed in range(count // 40):
            faults += [f"seed {seed}: {fault}" for fault in wrong(texts(40, seed), page, Path(folder))]
        for style in STYLES:
            for seed in range(count // ON_PAGE):
                found = wrong_on_page(texts(ON_PAGE, seed), style, page, Path(folder))
                faults += [f"seed {seed}: {fault}" for fault in found]
    print(*faults, sep="\n")
    print(f"{count} texts in each of {1 + len(STYLES)} styles, {len(faults)} faults")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
