"""Build the site: `python -m docs.site [--out build/site] [--jobs 2]`.

It lies in a folder of its version's name, so that the versions that are built into one place are offered by each
other's menus. Any server of files serves it, in any folder; it also opens from a disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from string import Template
from typing import Final

from docs.gallery import GALLERY
from docs.site.links import checked
from docs.site.navigation import DOCS, sections
from docs.site.networks import PICTURES, gallery, network_page, titles_of
from docs.site.pictures import ROOT, draw_layer, draw_network, draw_of_documents, layer_names, networks
from docs.site.references import LAYERS, code_table, layer_cards, with_pictures
from docs.site.sources import SPLIT, Rewriting, first_page, moved, parts_of, section_page, tree
from netspec import __version__
from netspec.extras import install

HERE: Final = Path(__file__).resolve().parent


def write_sources(place: Path, static: Path, jobs: int) -> None:
    """Write what Sphinx is given into a folder, and pages that it passes on unread into another one."""
    shipped = networks()
    with ProcessPoolExecutor(jobs, initializer=os.chdir, initargs=(ROOT,)) as pool:
        suiting = pool.map(partial(draw_network, place=place / PICTURES, pages=static / "networks"), shipped)
        done = pool.map(partial(draw_layer, place=place / LAYERS), layer_names(), chunksize=16)
        done = chain(done, pool.map(partial(draw_of_documents, place=place / "images"), GALLERY))
        styles, _ = list(suiting), list(done)
    references = {page: parts_of(page, (DOCS / f"{page}.md").read_text(encoding="utf-8")) for page in SPLIT}
    rewritten = Rewriting(moved({page: parts for page, (_, parts) in references.items()}), shipped)

    def write(page: str, text: str) -> None:
        file = place / f"{page}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    for section in sections():
        write(section.page, section_page(section))
        for entry in section.entries:
            if entry.page not in (*SPLIT, "gallery"):
                write(entry.page, rewritten(entry.file.read_text(encoding="utf-8"), entry.page))
    for page, (start, parts) in references.items():
        write(page, rewritten(start, page) + "".join(map(_INDEX[page], parts)) + tree(part.page for part in parts))
        for part in parts:
            text = rewritten(part.text, part.page)
            write(part.page, with_pictures(text) if page == "layers" else text)
    write("gallery", gallery(rewritten((DOCS / "gallery.md").read_text(encoding="utf-8"), "gallery"), shipped))
    titles = titles_of(shipped)
    for network, some in zip(shipped, styles, strict=True):
        write(f"gallery/{network.page}", network_page(network, titles[network], some))
    first = first_page(rewritten((DOCS / "index.md").read_text(encoding="utf-8"), "index"))
    write("index", f"{first}\n{tree(section.page for section in sections())}")


_INDEX: Final = {"layers": layer_cards, "errors": code_table}
"""What stands for a part of a reference on the reference's own page."""


def build(out: Path, jobs: int) -> Path:
    """Build the site of this version.

    Returns:
        Its folder, within `out`.

    Raises:
        SystemExit: Sphinx warned.
    """
    from sphinx.cmd.build import build_main  # imported here: an extra

    place = out / __version__
    shutil.rmtree(place, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        sources, static = Path(folder, "sources"), Path(folder, "static")
        shutil.copytree(HERE / "static", static)
        write_sources(sources, static, jobs)
        for path in ("tutorial.ipynb", *_beside_pages()):
            (sources / path).parent.mkdir(exist_ok=True)
            (sources / path).write_bytes((DOCS / path).read_bytes())
        status = build_main(
            ["-b", "html", "-W", "--keep-going", "-n", "-q", "-E", "-j", str(jobs), "-c", str(HERE),
             "-d", f"{folder}/doctrees", "-D", f"html_static_path={static}", str(sources), str(place)]
        )  # fmt: skip
    if status:
        raise SystemExit(f"Sphinx warned, which ends the build: status {status}")
    (place / "_static" / "webpack-macros.html").unlink(missing_ok=True)  # a template that the theme leaves there
    return place


def _beside_pages() -> list[str]:
    """The charts of the study, and the specs and figures that it links to."""
    charts = [f"images/{file.name}" for file in (DOCS / "images").glob("study-*.svg")]
    return charts + [f"study/{file.name}" for file in (DOCS / "study").iterdir() if file.suffix in (".yaml", ".json")]


def list_versions(out: Path) -> None:
    """Write what the menus of all versions read, and a first page that leads to the newest one."""
    from packaging.version import Version  # imported here: an extra

    names = [file.parent.name for file in out.glob("*/index.html")]
    newest_first = sorted(names, key=Version, reverse=True)
    (out / "versions.js").write_text(f"window.netspecVersions = {json.dumps(newest_first)};\n", encoding="utf-8")
    (out / "index.html").write_text(_FIRST.substitute(newest=newest_first[0]), encoding="utf-8")


_FIRST: Final = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>netspec</title>
<link rel="icon" href="$newest/_static/icon.svg">
<meta http-equiv="refresh" content="0; url=$newest/index.html"></head>
<body><p><a href="$newest/index.html">netspec $newest</a></p></body></html>
""")


_NEEDS: Final = ("sphinx", "myst_parser", "pydata_sphinx_theme", "packaging")
"""The modules of the extra `docs`."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="where the versions lie side by side")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    given = parser.parse_args()
    if missing := [name for name in _NEEDS if find_spec(name) is None]:
        print(f"the site is built with {', '.join(missing)}, not installed here: {install('docs')}", file=sys.stderr)
        return 3
    out: Path = given.out.resolve()
    started = time.monotonic()
    place = build(out, given.jobs)
    list_versions(out)
    pages, links, broken = checked(place)
    for problem in broken:
        print(problem)
    print(f"{pages} pages, {links} links, {len(broken)} broken; {time.monotonic() - started:.0f} s: {place}/index.html")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
