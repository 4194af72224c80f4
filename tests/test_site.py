"""What the site is made of: the navigation, documents on their way into it, pictures, links that are followed.

`.ci/site` builds it; tests/site.py looks at it in a browser.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import netspec
from docs.gallery import GALLERY, Picture
from docs.site.__main__ import list_versions, main
from docs.site.links import checked
from docs.site.navigation import DOCS, sections
from docs.site.networks import FAMILIES
from docs.site.pictures import (
    Network,
    draw_layer,
    draw_network,
    draw_of_documents,
    layer_names,
    layer_spec,
    networks,
)
from docs.site.references import with_pictures
from docs.site.sources import SPLIT, Rewriting, first_page, moved, parts_of
from netspec.codes import CODES
from netspec.layers import layer_class

ROOT = Path(__file__).parent.parent
RESNET = Network("specs/torchvision/resnet.yaml", "resnet50", ("resnet18", "resnet50"))


def parts() -> dict[str, list[str]]:
    texts = {page: parts_of(page, (DOCS / f"{page}.md").read_text(encoding="utf-8"))[1] for page in SPLIT}
    return {page: [heading for part in some for heading in part.headings] for page, some in texts.items()}


# ---- the navigation


def test_every_page_is_in_the_navigation_once() -> None:
    named = [entry.page for section in sections() for entry in section.entries]
    assert sorted(named) == sorted({path.stem for path in DOCS.glob("*.md")} - {"index"} | {"changelog"})
    assert len({section.page for section in sections()} | set(named)) == len(sections()) + len(named)


def test_every_entry_is_a_sentence_and_has_a_heading() -> None:
    for section in sections():
        for entry in section.entries:
            assert entry.words.endswith(".")
            assert entry.file.read_text(encoding="utf-8").startswith(f"# {entry.title}\n")


# ---- documents on their way


def test_the_parts_of_the_references_hold_every_layer_and_every_code_once() -> None:
    found = parts()
    assert sorted(found["layers"]) == sorted(layer_names())
    assert found["errors"] == list(CODES)


def test_a_link_follows_what_has_moved_and_other_links_stay() -> None:
    text = (
        "# Layers\n\n## Convolutions\n\n### Conv2d\n\nsee [it](#conv2d)\n\n```yaml\n## no heading\n[x](#conv2d)\n```\n"
    )
    start, (part,) = parts_of("layers", text)
    places = moved({"layers": [part]})
    assert start == "# Layers\n\n"
    assert (part.page, part.headings) == ("layers/convolutions", ["Conv2d"])
    assert places == {
        "layers.md#convolutions": "layers/convolutions.md",
        "layers.md#conv2d": "layers/convolutions.md#conv2d",
    }
    rewritten = Rewriting(places, [RESNET])
    assert "see [it](../layers/convolutions.md#conv2d)\n" in rewritten(part.text, part.page)
    assert "## no heading\n[x](#conv2d)\n" in rewritten(part.text, part.page)
    links = "[a](layers.md#conv2d) [b](layers.md) [c](language.md#values) [d](#here) [e](../CHANGELOG.md) [f](https://a.b/c)"
    assert rewritten(links, "tutorial") == (
        "[a](layers/convolutions.md#conv2d) [b](layers.md) [c](language.md#values) [d](#here) [e](changelog.md) "
        "[f](https://a.b/c)"
    )
    assert rewritten("[p](docs/plugins.md)", "changelog") == "[p](plugins.md)"


def test_the_path_of_a_spec_leads_to_its_page_unless_it_is_a_link_already_or_no_spec() -> None:
    rewritten = Rewriting({}, [RESNET])
    text = "`specs/torchvision/resnet.yaml` `specs/mine.yaml` [`specs/torchvision/resnet.yaml`](x.md)"
    assert rewritten(text, "networks") == (
        "[`specs/torchvision/resnet.yaml`](gallery/torchvision-resnet.md) `specs/mine.yaml` "
        "[`specs/torchvision/resnet.yaml`](x.md)"
    )


@pytest.mark.parametrize("name", ["lenet-alexnet-stack", "lenet-alexnet", "resnet18-34"])
def test_a_picture_is_shown_in_both_themes(name: str) -> None:
    rewritten = Rewriting({}, [])
    assert rewritten(f"![two](images/{name}.svg)", "gallery") == (
        f"![two](images/{name}-light.svg){{.only-light}}![two](images/{name}-dark.svg){{.only-dark}}"
    )
    assert rewritten("![chart](images/loss.svg)", "gallery") == "![chart](images/loss.svg)"


@pytest.mark.parametrize("picture", [p for p in GALLERY if p.style == "differences"], ids=lambda p: p.name)
def test_what_differs_is_drawn_as_such_in_both_themes(
    picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    draw_of_documents(picture, tmp_path)
    assert (tmp_path / f"{picture.name}-light.svg").read_bytes() == picture.path.read_bytes()
    assert "~ differs" in (tmp_path / f"{picture.name}-dark.svg").read_text(encoding="utf-8")


def test_the_first_page_puts_spec_finding_and_picture_beside_each_other() -> None:
    page = first_page((DOCS / "index.md").read_text(encoding="utf-8"))
    inside = page.partition('<div class="first">\n\n')[2].partition("\n</div>\n")[0]
    assert re.findall(r"^```(\w+)$|^!\[", inside, re.MULTILINE) == ["yaml", "console", ""]


# ---- pictures


def test_every_layer_has_a_spec_of_its_own_that_compiles_to_it() -> None:
    for name in layer_names():
        cls = layer_class(name)
        net = netspec.loads(layer_spec(cls, cls.examples[0]))
        assert [leaf.type for leaf in net.layers] == [name]
        assert net.layers[0].input_shape == cls.examples[0].input or cls.source


@pytest.mark.parametrize("name", ["Conv2d", "Linear", "MaxUnpool2d", "Chunk", "MultiheadAttention", "Parameter"])
def test_a_layer_is_drawn_and_its_picture_stands_below_its_name(name: str, tmp_path: Path) -> None:
    draw_layer(name, tmp_path)
    assert (tmp_path / f"{name}.svg").read_text(encoding="utf-8").startswith(("<?xml", "<svg"))
    text = with_pictures(f"# Some\n\n## {name}\n\nwords\n\n## What torch has\n")
    assert f"## {name}\n\n![{name}: what its first example takes and gives](../pictures/layers/{name}.svg)" in text
    assert text.count("![") == 1


def test_every_folder_of_specs_has_a_heading_in_the_gallery() -> None:
    assert {network.family for network in networks()} == set(FAMILIES)


@pytest.mark.slow
def test_every_shipped_spec_has_a_page_of_its_own_and_the_styles_that_suit_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    shipped = networks()
    assert len({network.page for network in shipped}) == len(shipped) == len(list((ROOT / "specs").rglob("*.yaml")))
    by_path = {network.path: network for network in shipped}
    lenet, yolo = by_path["specs/lenet.yaml"], by_path["specs/graphs/yolov8n.yaml"]
    assert draw_network(lenet, tmp_path, tmp_path) == ["map", "volumes", "stack", "flow"]
    assert draw_network(yolo, tmp_path, tmp_path) == ["map", "stack", "flow"]  # no one line from input to output
    assert {"lenet.html", "lenet-map-light.svg", "lenet-map-dark.svg", "lenet-flow-dark.svg"} <= {
        path.name for path in tmp_path.iterdir()
    }


# ---- links


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">1</a><a href="b.html#nowhere">2</a><a href="c.html">3</a><img src="d.svg">'
        '<a href="https://example.org/x">4</a><a href="#own" id="own">5</a><a href="b.html?x=1">6</a>'
    )
    (tmp_path / "b.html").write_text('<h1 id="there">b</h1>')
    assert checked(tmp_path) == (
        2,
        6,
        [
            "a.html: b.html#nowhere: there is no such place on the page",
            "a.html: c.html: there is no such file",
            "a.html: d.svg: there is no such file",
        ],
    )


# ---- versions


def test_versions_are_listed_newest_first_and_the_first_page_leads_to_the_newest(tmp_path: Path) -> None:
    for name in ("0.9.0", "0.10.0", "0.10.0rc1"):
        (tmp_path / name / "_static").mkdir(parents=True)
        for file in ("index.html", "_static/icon.svg"):
            (tmp_path / name / file).touch()
    (tmp_path / "pictures").mkdir()
    list_versions(tmp_path)
    assert (tmp_path / "versions.js").read_text() == 'window.netspecVersions = ["0.10.0", "0.10.0rc1", "0.9.0"];\n'
    assert 'content="0; url=0.10.0/index.html"' in (tmp_path / "index.html").read_text()
    assert checked(tmp_path)[2] == []


def test_without_the_extra_it_is_said_what_is_missing_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.path", [entry for entry in sys.path if "site-packages" not in entry])
    monkeypatch.setattr("sys.argv", ["docs.site", "--out", str(tmp_path / "site")])
    for name in [name for name in sys.modules if name.partition(".")[0] in ("sphinx", "myst_parser")]:
        monkeypatch.delitem(sys.modules, name)
    assert main() == 3
    said = capsys.readouterr().err
    assert "sphinx, myst_parser" in said
    assert "pip install" in said
    assert not (tmp_path / "site").exists()
