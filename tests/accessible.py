"""What axe-core finds in pages, in light and dark and on a wide and a narrow window.

    npm install --prefix DIR axe-core
    python -m tests.accessible --axe DIR/node_modules/axe-core/axe.min.js PAGE.html…

Prints every finding, and ends with status 1 if one of them is serious or critical. Of the pages of `netspec draw` every
block is opened first.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.browser import Page, browser

_RUN = """
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map((found) => [
  found.id, found.impact, found.help, found.nodes.map((node) => node.html.slice(0, 160)),
]))
"""


class Finding(NamedTuple):
    """Something that keeps people from using a page."""

    page: str
    look: str
    rule: str
    impact: str
    help: str
    elements: list[str]


def findings(tab: Page, file: Path, axe: str) -> Iterator[Finding]:
    """The findings about one page, in every look."""
    for dark in (False, True):
        for width in (1280, 390):
            tab.resize(width, 900, dark=dark)
            tab.open(file)
            tab.js("document.getElementById('open')?.click()")
            tab.painted()
            tab.js(f"{axe};1")
            look = f"{'dark' if dark else 'light'}, {width} pixels"
            for rule, impact, words, elements in tab.js(_RUN):
                yield Finding(file.name, look, rule, impact, words, elements)


def main() -> int:
    """Check the pages that are named. Returns the exit status."""
    parser = ArgumentParser(prog="python -m tests.accessible", description=__doc__)
    parser.add_argument("--axe", type=Path, required=True)
    parser.add_argument("pages", type=Path, nargs="+")
    asked = parser.parse_args()
    axe = asked.axe.read_text()
    with browser() as tab:
        found = [finding for file in asked.pages for finding in findings(tab, file, axe)]
    for finding in found:
        print(f"{finding.page} ({finding.look}): {finding.impact} {finding.rule}: {finding.help}")
        print(*(f"    {element}" for element in finding.elements[:3]), sep="\n")
    print(f"{len(asked.pages)} pages in 4 looks each: {len(found)} findings")
    return int(any(finding.impact in ("serious", "critical") for finding in found))


if __name__ == "__main__":
    sys.exit(main())
