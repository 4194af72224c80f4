"""The pages of the shipped specs: what each network is, its pictures, its spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from docs.site.pictures import ROOT, STYLES, Network, files_of
from docs.site.sources import cards, shown, tree
from netspec.views.describe import count_text, ends_text

PICTURES: Final = Path("pictures/networks")
"""Where the site has the pictures of specs."""
FAMILIES: Final = {
    "": "Where it began",
    "d2l": "The networks of Dive into Deep Learning",
    "torchvision": "torchvision's classifiers",
    "vision": "Vision",
    "graphs": "No chains",
    "generative": "Networks that make pictures",
    "language": "Language",
    "audio": "Sound",
    "tabular": "Tables, graphs, equations",
}
"""The folders of `specs/` with their headings, in the order of the gallery."""


def gallery(start: str, networks: Sequence[Network]) -> str:
    """The page of all networks: what the document shows, and below it every spec at a glance."""
    words = "Each leads to its pictures, to a page to look around in, and to its file."
    lines = [start, "## Every shipped spec", "", words, ""]
    shown_below: list[Network] = []
    titles = titles_of(networks)
    for family, heading in FAMILIES.items():
        some = [network for network in networks if network.family == family]
        shown_below += some
        lines += [f"### {heading}", "", cards((f"gallery/{n.page}.md", titles[n], _glance(n)) for n in some)]
    return "\n".join([*lines, tree(f"gallery/{network.page}" for network in shown_below)])


def titles_of(networks: Sequence[Network]) -> dict[Network, str]:
    """The title of each: its name, with the folder where several have that name."""
    names = {network: network.variant or Path(network.path).stem for network in networks}
    often = Counter(names.values())
    return {
        network: f"{name} ({network.family})" if often[name] > 1 and network.family else name
        for network, name in names.items()
    }


def _glance(network: Network) -> str:
    return shown("", files_of(PICTURES / f"{network.page}-map"))


def network_page(network: Network, title: str, suiting: Sequence[str]) -> str:
    """The page of a spec, drawn in the styles that suit it."""
    net = network.net()
    given, gives = ends_text(net)
    facts: Mapping[str, str] = {
        "input": given, "output": gives, "layers": f"{len(net.layers):,}",
        "parameters": count_text(net.params), "MACs": count_text(net.macs),
    }  # fmt: skip
    lines = [f"# {title}", ""]
    lines += [net.description, ""] if net.description else []
    lines += ["| | |", "|---|---|", *(f"| {name} | {words} |" for name, words in facts.items())]
    if network.variants:
        lines.append(f"| variants | {', '.join(f'`{variant}`' for variant in network.variants)} |")
    page = f'<a href="../_static/networks/{network.page}.html">Look around in it</a>'
    lines += ["", f"<p>{page}: zoom, open and close blocks, point at them.</p>", ""]
    for style in suiting:
        option = [] if style == "flow" else ["--style", style]
        words = " ".join(["netspec draw", *network.words, *option, "-o", f"{net.name}.svg"])
        picture = shown(f"{net.name}: {STYLES[style].lower()}", files_of(PICTURES / f"{network.page}-{style}"), "../")
        lines += [
            f"## {STYLES[style]}",
            "",
            f"`{words}`",
            "",
            '<div class="drawing" tabindex="0">',
            "",
            picture,
            "",
            "</div>",
            "",
        ]
    text = (ROOT / network.path).read_text(encoding="utf-8").rstrip("\n")
    return "\n".join([*lines, f"## `{network.path}`", "", "```yaml", text, "```", ""])
