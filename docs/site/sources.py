"""The documents on their way into the site: as they are read in the repository, with what a site can do better.

- The references of layers and error codes have a page for each family of layers and each kind of error.
- Links to what has moved follow it, and paths of specs lead to the spec's page.
- Pictures are shown in the theme that the reader has chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from docs.gallery import GALLERY
from docs.site.navigation import Section
from docs.site.pictures import THEMES, Network, files_of

SPLIT: Final = ("layers", "errors")
"""The references that have a page for each of their parts."""
_LINK: Final = re.compile(r"(?<=\]\()([\w./-]*)(#[\w-]+)?(?=\))")
_PICTURE: Final = re.compile(r"^!\[([^\]]*)\]\(images/([\w-]+)\.svg\)$", re.MULTILINE)
_SPEC: Final = re.compile(r"(?<!\[)`(specs/[\w/]+\.yaml)`(?!\])")
_WITHOUT_SIDES: Final = "---\nhtml_theme.sidebar_primary.remove: true\nhtml_theme.sidebar_secondary.remove: true\n---\n"
_FENCED: Final = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_INDEX: Final = re.compile(r"^<!-- index -->.*?^<!-- end of the index -->\n", re.MULTILINE | re.DOTALL)


class Part(NamedTuple):
    """A part of a reference that has a page of its own."""

    page: str
    title: str
    text: str

    @property
    def headings(self) -> list[str]:
        """The headings below the title."""
        return re.findall(r"^## (.*)$", _FENCED.sub("", self.text), re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor of a heading, as a forge makes it."""
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


def parts_of(page: str, text: str) -> tuple[str, list[Part]]:
    """What stands in front of a reference's first part, without its index; and its parts."""
    pieces = _FENCED.split(_INDEX.sub("", text))
    starts = "".join(piece if piece.startswith("```") else re.sub(r"^## ", "\0", piece, flags=re.M) for piece in pieces)
    start, *rest = starts.split("\0")
    found: list[Part] = []
    for one in rest:
        title = one.split("\n", 1)[0]
        raised = (p if p.startswith("```") else re.sub(r"^###", "##", p, flags=re.M) for p in _FENCED.split(one))
        found.append(Part(f"{page}/{slug(title)}", title, "# " + "".join(raised)))
    return start, found


def moved(parts: Mapping[str, Sequence[Part]]) -> dict[str, str]:
    """Where the headings of the references are found: `layers.md#conv2d` → `layers/convolutions.md#conv2d`."""
    found: dict[str, str] = {}
    for page, some in parts.items():
        for part in some:
            found[f"{page}.md#{slug(part.title)}"] = f"{part.page}.md"
            found |= {f"{page}.md#{slug(one)}": f"{part.page}.md#{slug(one)}" for one in part.headings}
    return found


class Rewriting:
    """What changes in a document on its way into the site."""

    def __init__(self, moved: Mapping[str, str], networks: Iterable[Network]) -> None:
        self._moved = moved
        self._networks = {network.path: network for network in networks}

    def __call__(self, text: str, page: str) -> str:
        """The text of a page of the site, from that of the document, or of the part of one, that is to be there."""
        up = "../" * page.count("/")
        document = f"{page.partition('/')[0]}.md"

        def link(match: re.Match[str]) -> str:
            target, anchor = match[1], match[2] or ""
            if page == "changelog":
                target = target.removeprefix("docs/")
            if target == "" and document.removesuffix(".md") not in SPLIT:
                return anchor
            if target == "../CHANGELOG.md":
                return f"{up}changelog.md{anchor}"
            if target.endswith(".md") or target == "":
                whole = (target or document) + anchor
                return up + self._moved.get(whole, whole)
            return up + target

        def spec(match: re.Match[str]) -> str:
            network = self._networks.get(match[1])
            return match[0] if network is None else f"[`{match[1]}`]({up}gallery/{network.page}.md)"

        pieces = _FENCED.split(text)
        for at in range(0, len(pieces), 2):
            pieces[at] = _PICTURE.sub(_in_both_themes, _SPEC.sub(spec, _LINK.sub(link, pieces[at])))
        return "".join(pieces)


def _in_both_themes(match: re.Match[str]) -> str:
    if all(picture.name != match[2] for picture in GALLERY):  # a chart, whose colours suit both themes
        return match[0]
    return shown(match[1], files_of(Path("images", match[2])))


def shown(words: str, files: Iterable[Path], up: str = "", marks: str = "") -> str:
    """Markdown that shows a picture in the theme of the reader."""
    marked = [" ".join(filter(None, (f".only-{theme}", marks))) for theme in THEMES]
    return "".join(f"![{words}]({up}{f.as_posix()}){{{m}}}" for f, m in zip(files, marked, strict=True))


# ---- pages that only the site has


def first_page(text: str) -> str:
    """The first page without sides, its spec, what netspec says of it and its picture beside each other."""
    start, beside, rest = re.split(r"^(```yaml\n.*?^!\[[^\n]*\n)", text, maxsplit=1, flags=re.MULTILINE | re.DOTALL)
    return f'{_WITHOUT_SIDES}{start}<div class="first">\n\n{beside}\n</div>\n{rest}'


def tree(pages: Iterable[str]) -> str:
    """Pages below this one, for the navigation alone."""
    return "\n".join(["```{toctree}", ":hidden:", "", *pages, "```", ""])


def section_page(section: Section) -> str:
    """The page of a word of the navigation."""
    lines = [f"# {section.title}", "", section.words, ""]
    lines += [f"- **[{entry.title}]({entry.page}.md)** — {entry.words}" for entry in section.entries]
    return "\n".join([*lines, "", tree(entry.page for entry in section.entries)])


def cards(items: Iterable[tuple[str, str, str]]) -> str:
    """A grid of links, each a target, its words and the Markdown of a picture."""
    lines = ['<ul class="cards">', ""]
    for target, words, picture in items:
        lines += ["<li>", "", f"[{picture} {words}]({target})", "", "</li>", ""]
    return "\n".join([*lines, "</ul>", "", ""])
