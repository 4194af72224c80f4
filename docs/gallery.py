"""The diagrams in the documentation: docs/images/*.svg, and docs/gallery.md, which shows them.

`python docs/generate.py` writes them. Each SVG of the style `flow` contains the SHA-256 of its DOT source. Coordinates
differ between fonts and Graphviz versions, but the DOT does not, so a stale picture is found without rendering it.
The other styles give the same bytes everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import graphviz

import netspec
from netspec.comparison import compare
from netspec.drawing import diagram, render, styles
from netspec.drawing.differences import differences
from netspec.drawing.page import Sheet
from netspec.drawing.rendering import fingerprint
from netspec.net import Net

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
PAGE = ROOT / "docs" / "gallery.md"


@dataclass(frozen=True)
class Picture:
    """A diagram in the gallery."""

    name: str
    caption: str
    specs: tuple[tuple[str, str | None], ...]
    """(path relative to the repository, variant) of each spec in the diagram."""
    depth: int | None = None
    style: str = "flow"
    """`differences` for what `netspec compare` draws."""

    @property
    def path(self) -> Path:
        return IMAGES / f"{self.name}.svg"

    @property
    def command(self) -> str:
        """The command line that draws the same diagram."""
        if self.style == "differences":
            one, *more = dict.fromkeys(spec for spec, _ in self.specs)
            words = ["netspec compare", one, *more, *(f"--variant {variant}" for _, variant in self.specs if variant)]
            return " ".join([*words, f"--draw {self.name}.svg"])
        (_, variant), *_ = self.specs
        words = ["netspec draw", *(spec for spec, _ in self.specs)]
        words += [f"--variant {variant}"] if variant else []
        words += [f"--style {self.style}"] if self.style != "flow" else []
        words += [f"--depth {self.depth}"] if self.depth else []
        return " ".join([*words, f"-o {self.name}.svg"])

    def nets(self) -> list[Net]:
        return [netspec.load(str(ROOT / spec), variant=variant) for spec, variant in self.specs]

    def graph(self) -> graphviz.Digraph:
        """Of the style `flow`."""
        return diagram(self.nets(), depth=self.depth)

    def svg(self) -> bytes:
        if self.style == "flow":
            return render(self.graph(), "svg")
        if self.style == "differences":
            return differences(compare(*self.nets()), Sheet(), self.depth).file("svg")
        return styles.picture(self.nets(), self.style, Sheet(), self.depth).file("svg")


GALLERY = (
    Picture("small-cnn", "The six lines of the first page", (("docs/examples/small_cnn.yaml", None),), style="volumes"),
    Picture("lenet-alexnet", "LeNet and AlexNet", (("specs/lenet.yaml", None), ("specs/alexnet.yaml", None))),
    Picture(
        "lenet-alexnet-stack",
        "LeNet and AlexNet, a line a layer",
        (("specs/lenet.yaml", None), ("specs/alexnet.yaml", None)),
        style="stack",
    ),
    Picture(
        "lenet-alexnet-volumes",
        "LeNet and AlexNet as volumes",
        (("specs/lenet.yaml", None), ("specs/alexnet.yaml", None)),
        style="volumes",
    ),
    Picture("alexnet-volumes", "AlexNet as volumes", (("specs/alexnet.yaml", None),), style="volumes"),
    Picture("alexnet", "AlexNet", (("specs/alexnet.yaml", None),)),
    Picture("resnet18", "ResNet-18: repeats are drawn once", (("specs/torchvision/resnet.yaml", "resnet18"),)),
    Picture("resnet50-map", "ResNet-50 at a glance", (("specs/torchvision/resnet.yaml", "resnet50"),), style="map"),
    Picture("googlenet", "GoogLeNet with its training heads", (("specs/torchvision/googlenet.yaml", None),), 3),
    Picture("vit", "A vision transformer", (("specs/d2l/vit.yaml", None),)),
    Picture("vit-stack", "A vision transformer, a line a layer", (("specs/d2l/vit.yaml", None),), style="stack"),
    Picture("unet", "U-Net", (("specs/unet.yaml", None),)),
    Picture("unet-map", "U-Net at a glance", (("specs/unet.yaml", None),), style="map"),
    Picture(
        "resnet18-34",
        "What ResNet-34 has more than ResNet-18",
        (("specs/torchvision/resnet.yaml", "resnet18"), ("specs/torchvision/resnet.yaml", "resnet34")),
        style="differences",
    ),
    Picture("fpn", "A feature pyramid: four inputs, five outputs", (("specs/graphs/fpn.yaml", None),)),
)


def is_current(picture: Picture) -> bool:
    """Whether the stored SVG is what is drawn of its specs now."""
    if not picture.path.is_file():
        return False
    if picture.style != "flow":
        return picture.path.read_bytes() == picture.svg()
    return fingerprint(picture.graph()) in picture.path.read_text(encoding="utf-8")


def page() -> str:
    """The text of docs/gallery.md."""
    parts = ["# Gallery\n\nDrawn from the specs of this repository; `python docs/generate.py` draws them anew.\n"]
    parts += [
        f"## {picture.caption}\n\n`{picture.command}`\n\n![{picture.caption}](images/{picture.name}.svg)\n"
        for picture in GALLERY
    ]
    return "\n".join(parts)


def stale_pictures() -> list[str]:
    """Paths, relative to the repository, of pictures that are missing or stale, and of the page if it is stale."""
    paths = [picture.path for picture in GALLERY if not is_current(picture)]
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page():
        paths.append(PAGE)
    return [str(path.relative_to(ROOT)) for path in paths]


def write_pictures() -> None:
    """Render every picture that is not up to date, and write the page.

    Raises:
        MissingExtra: there is no Graphviz engine.
    """
    IMAGES.mkdir(parents=True, exist_ok=True)
    for picture in GALLERY:
        if not is_current(picture):
            picture.path.write_bytes(picture.svg())
    PAGE.write_text(page(), encoding="utf-8")
