"""Every link of built pages, followed: the file must be there, and in it the place."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urldefrag, urlsplit

_ATTRIBUTES: Final = ("href", "src", "data", "poster")


class _Page(HTMLParser):
    """The places of a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.places.add(value)
            elif name in _ATTRIBUTES and value is not None and tag != "use":
                self.links.append(value)


def checked(folder: Path) -> tuple[int, int, list[str]]:
    """Follow all links of the pages in a folder to files, outside of the folder too.

    Returns:
        How many pages and links there are, and a line for each that leads nowhere.
    """
    pages: dict[Path, _Page] = {}
    for file in sorted(folder.rglob("*.html")):
        pages[file] = page = _Page()
        page.feed(file.read_text(encoding="utf-8"))
    broken: list[str] = []
    links = 0
    for file, page in pages.items():
        for link in page.links:
            place, fragment = urldefrag(link)
            if urlsplit(place).scheme:
                continue
            links += 1
            target = (file.parent / unquote(urlsplit(place).path)).resolve() if place else file
            if not target.is_file():
                broken.append(f"{file.relative_to(folder)}: {link}: there is no such file")
            elif fragment and target in pages and unquote(fragment) not in pages[target].places:
                broken.append(f"{file.relative_to(folder)}: {link}: there is no such place on the page")
    return len(pages), links, broken
