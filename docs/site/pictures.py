"""Pictures that the site has and the repository has not: every layer, every shipped spec in the styles that suit it.

Each is made by `netspec draw` in the root of the repository, with the command that the page shows.
"""

from __future__ import annotations

import contextlib
import io
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

import netspec
from docs.gallery import Picture
from netspec.cli import cli
from netspec.diagnostics import UsageError
from netspec.layers import FAMILIES, layer_class
from netspec.layers.base import Example, Layer
from netspec.layers.reference import spelled
from netspec.net import Net
from netspec.writing import flow

ROOT: Final = Path(__file__).resolve().parents[2]
THEMES: Final = ("light", "dark")
STYLES: Final = {
    "map": "At a glance",
    "volumes": "As volumes",
    "stack": "A line a layer",
    "flow": "Boxes and arrows",
}
"""The styles of `netspec draw` in the order in which a page shows them, each with its heading."""


def drawn(arguments: Sequence[str], file: Path) -> bool:
    """Run `netspec draw` without what it says on the way; False if the style does not suit the network."""
    return _run(["draw", *arguments, "-o"], file)


def _run(words: Sequence[str], file: Path) -> bool:
    """Run a command that ends in the file to draw."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            cli.main([*words, str(file)], standalone_mode=False)
    except UsageError:
        return False
    return True


# ---- layers


def layer_names() -> list[str]:
    return [name for names in FAMILIES.values() for name in names]


def layer_spec(cls: type[Layer], example: Example) -> str:
    """A spec of one layer, with an example's arguments and input; further tensors are inputs of their names."""
    further = {name: types[0] for name, types in example.further.items()}
    given = {name: f"{{shape: {flow(type_.shape)}, dtype: {type_.dtype}}}" for name, type_ in further.items()}
    arguments: dict[str, Any] = {**example.arguments, **{name: name for name in given}}
    item = f"  - {spelled(cls, arguments)}"
    if cls.gives_family:
        item += "\n    as: parts\noutput: parts"
    first = f"{{shape: {flow(example.input)}, dtype: {example.dtype}}}"
    inputs = first if not given else flow_of({"x": first, **given})
    return f"name: {cls.__name__}\ninput: {inputs}\nlayers:\n{item}\n"


def flow_of(texts: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {text}" for name, text in texts.items()) + "}"


def draw_layer(name: str, place: Path) -> None:
    """Write `NAME.svg` into a folder: of a layer that makes another map of a map its volumes, else its line."""
    cls = layer_class(name)
    example = cls.examples[0]
    spec = place / f"{name}.yaml"
    spec.parent.mkdir(parents=True, exist_ok=True)
    spec.write_text(layer_spec(cls, example), encoding="utf-8")
    page = [str(spec), "--theme", "transparent", "--no-legend"]
    file = place / f"{name}.svg"
    changes = len(example.input) == len(example.output) == 3 and example.input != example.output
    if not (changes and drawn([*page, "--style", "volumes"], file)) and not drawn([*page, "--style", "stack"], file):
        raise AssertionError(f"{name} cannot be drawn")
    spec.unlink()


# ---- networks


class Network(NamedTuple):
    """A spec of the repository, one of its variants."""

    path: str
    """Relative to the repository."""
    variant: str | None
    variants: tuple[str, ...]

    @property
    def page(self) -> str:
        """The stem of its page, one for each spec."""
        return Path(self.path).relative_to("specs").with_suffix("").as_posix().replace("/", "-")

    @property
    def family(self) -> str:
        """The folder that it stands in; empty for the three at the top."""
        return Path(self.path).relative_to("specs").parent.as_posix().removeprefix(".")

    @property
    def words(self) -> list[str]:
        """The words of a command line that name it."""
        return [self.path, *(["--variant", self.variant] if self.variant else [])]

    def net(self) -> Net:
        return netspec.load(ROOT / self.path, variant=self.variant)


_SHOWN: Final = {
    "specs/torchvision/densenet.yaml": "densenet121",
    "specs/torchvision/mobilenet_v3.yaml": "mobilenet_v3_large",
    "specs/torchvision/resnet.yaml": "resnet50",
    "specs/torchvision/vgg.yaml": "vgg16",
}
"""The variants that are drawn, where it is not the first one of the file."""


def networks() -> list[Network]:
    """Every shipped spec, as it is drawn."""
    found: list[Network] = []
    for file in sorted((ROOT / "specs").rglob("*.yaml")):
        path = file.relative_to(ROOT).as_posix()
        variants = tuple(yaml.safe_load(file.read_text(encoding="utf-8")).get("variants") or ())
        found.append(Network(path, _SHOWN.get(path, variants[0] if variants else None), variants))
    return found


def draw_network(network: Network, place: Path, pages: Path) -> list[str]:
    """Write the pictures of a spec into a folder, and its page to look around in into another one.

    Returns:
        The styles that suit it.
    """
    suiting = [style for style in STYLES if _drawn_in(style, network.words, place / f"{network.page}-{style}")]
    if not drawn(network.words, pages / f"{network.page}.html"):
        raise AssertionError(f"{network.path} has no page")
    return suiting


def draw_of_documents(picture: Picture, place: Path) -> None:
    """Write the files of a picture of the documents into a folder."""
    _, *words, option, _ = shlex.split(picture.command)  # behind `netspec` and before the file
    for file, theme in files_of(place / picture.name).items():
        if not _run([*words, *theme, option], file):
            raise AssertionError(f"{picture.name} cannot be drawn")


def files_of(stem: Path) -> dict[Path, list[str]]:
    """The files that show a picture in the two themes, each with its options."""
    return {stem.with_name(f"{stem.name}-{theme}.svg"): ["--theme", theme] for theme in THEMES}


def _drawn_in(style: str, spec: list[str], stem: Path) -> bool:
    return all(drawn([*spec, "--style", style, *theme], file) for file, theme in files_of(stem).items())
