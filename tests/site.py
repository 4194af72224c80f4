"""Look at a site that is built, in a headless Chromium: `python -m tests.site build/site/0.1.0 --axe axe.min.js`.

A page of every kind, with `--every` each page, is opened wide and light, narrow and dark. No console may say an error,
nothing may be asked of a network, nothing may stand beyond the window, and axe-core (`npm install axe-core`) may find
nothing serious. The search must find, the themes must change, and the menu of versions must name this one. `--pictures
FOLDER` keeps what was seen.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.browser import Page, browser

KINDS = (
    "index", "guide", "tutorial", "layers", "layers/convolutions", "recipes", "errors/layers-and-shapes", "gallery",
    "gallery/lenet", "performance", "security", "search", "notebooks", "programs", "editor", "ci", "study-alexnet",
)  # fmt: skip
"""A page of every kind."""
WINDOWS = ((1280, 900, False), (390, 844, True))
"""Width, height, dark."""
SERIOUS = ("serious", "critical")


def findings(page: Page, axe: str) -> Iterator[str]:
    """What axe-core finds serious on the open page, a line for each rule."""
    page.js(axe)
    found = json.loads(page.js("axe.run({preload: false}).then(found => JSON.stringify(found.violations))"))
    for rule in found:
        if rule["impact"] in SERIOUS:
            places = [" ".join(node["target"]) for node in rule["nodes"]]
            yield f"{rule['id']} ({rule['impact']}): {rule['help']}: {len(places)} times, first {places[0]}"


class Handler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of a folder, on this machine alone."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def looked_at(page: Page, site: str, names: Sequence[str], axe: str, pictures: Path | None) -> Iterator[str]:
    """Everything that is wrong with the pages, each with where."""
    for name in names:
        for width, height, dark in WINDOWS:
            page.errors.clear()
            page.requests.clear()
            page.resize(width, height, dark=dark, mobile=width < 600)
            page.open(f"{site}/{name}.html")
            if pictures is not None:
                page.picture(pictures / f"{name.replace('/', '-')}-{width}.png")
            found = [*findings(page, axe), *(f"console: {error}" for error in page.errors)]
            found += [
                f"asks the network for {one}"
                for one in page.requests
                if not one.startswith((site.rpartition("/")[0], "data:"))
            ]
            unseen = page.js("[...document.images].filter(i => i.checkVisibility() && i.loading === 'lazy').length")
            if unseen:  # a picture that is loaded when it is scrolled to is missing on paper
                found.append(f"has {unseen} pictures that no printer shows")
            if (there := page.js("document.documentElement.scrollWidth")) > width:
                found.append(f"is {there} pixels wide")
            yield from (f"{name}, {width} pixels: {one}" for one in found)


def used(page: Page, site: str) -> Iterator[str]:
    """What does not work of search, themes and versions."""
    page.resize(1280, 900)
    page.open(f"{site}/search.html?q=width-mismatch")
    hits = 0
    for _ in range(100):
        hits = page.js("document.querySelectorAll('#search-results li a').length")
        if hits:
            break
        time.sleep(0.1)
    if not hits:
        yield "the search finds no width-mismatch"
    page.open(f"{site}/index.html")
    named = page.js("[...document.querySelector('select.versions').options].map(o => o.value)")
    if site.rpartition("/")[2] not in named:
        yield f"the menu of versions has {named} without {site}"
    for theme in ("dark", "light"):
        page.click("button.theme-switch-button")
        page.click(f"button.theme-change-button[data-mode={theme}]")
        if (given := page.js("document.documentElement.dataset.theme")) != theme:
            yield f"the switch to {theme} gives {given}"


def from_disk(page: Page, folder: Path) -> Iterator[str]:
    """What does not work of the search where the site is opened from a disk."""
    page.errors.clear()
    page.open(f"{folder.as_uri()}/search.html?q=width-mismatch")
    page.js("new Promise(done => setTimeout(done, 2000))")
    if not page.js("document.querySelectorAll('#search-results li a').length"):
        yield "from a disk the search finds no width-mismatch"
    yield from (f"from a disk the search says on the console: {error}" for error in page.errors)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path, help="the folder of a version")
    parser.add_argument("--axe", type=Path, required=True, help="axe.min.js of axe-core")
    parser.add_argument("--pictures", type=Path, help="where to keep a picture of each page")
    parser.add_argument("--every", action="store_true", help="open every page, not one of each kind")
    given = parser.parse_args()
    if given.pictures is not None:
        given.pictures.mkdir(parents=True, exist_ok=True)
    names = KINDS
    if given.every:
        files = (p for p in given.site.rglob("*.html") if "_static" not in p.parts)
        names = tuple(sorted(p.relative_to(given.site).with_suffix("").as_posix() for p in files))
    folder: Path = given.site.resolve()
    axe = given.axe.read_text(encoding="utf-8")
    with served(folder.parent) as address, browser() as page:
        site = f"{address}/{folder.name}"
        wrong = [*looked_at(page, site, names, axe, given.pictures), *used(page, site), *from_disk(page, folder)]
    for line in wrong:
        print(line)
    print(f"{len(names)} pages, {len(WINDOWS)} windows each: {len(wrong)} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
