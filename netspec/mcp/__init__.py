"""netspec for programs that speak the Model Context Protocol: what the command line knows, as tools.

A tool takes a spec as text, or as the path of a file below one directory. None of them writes, trains, imports or
fetches anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final, Literal, ParamSpec

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from netspec import __version__
from netspec.cli.explain import explain as explained
from netspec.comparison import compare as compared
from netspec.compiler import check_source, compile_source
from netspec.cost import Device, estimate_by_recipe
from netspec.diagnostics import NetspecError
from netspec.drawing.mermaid import mermaid
from netspec.drawing.page import Sheet, paper
from netspec.drawing.styles import StyleName, picture
from netspec.emit.yaml import expand as expanded
from netspec.errors import SpecError
from netspec.layers import Offer
from netspec.mcp.specs import GivenSpec, given_source, specs_below
from netspec.net import Net
from netspec.recipe.base import Precision
from netspec.render import render_text
from netspec.table import summary as table

P = ParamSpec("P")

_INSTRUCTIONS: Final = (
    "netspec compiles neural networks that are written as YAML: `input`, the shape of one example, and `layers`, a "
    "list. Give a spec as `text`, or as the `path` of a file; `specs` lists those. Call `check` after each change of a "
    "spec: it finds every mistake with its place and its mend, and knows every shape. `explain` has each layer, word "
    "and error code."
)
_MOST: Final = 500
"""So many files are listed."""

Text = Annotated[str | None, Field(description="The spec as YAML.")]
PathBelow = Annotated[str | None, Field(description="A spec file below this server's directory, in place of text.")]
Variant = Annotated[str | None, Field(description="One of the spec's variants.")]
Settings = Annotated[
    dict[str, Any] | None,
    Field(description='What replaces variables, symbols, `input` or keys of the recipe: {"train.epochs": 3}.'),
]


class Tools:
    """The tools, each with what it needs beside its arguments.

    Args:
        root: the directory below which files may be named.
        offer: the layers that specs may name.
    """

    def __init__(self, root: Path, offer: Offer) -> None:
        self._root: Final = root
        self._offer: Final = offer

    def every(self) -> tuple[Callable[..., str], ...]:
        """All of them, in the order in which they are told."""
        return (
            self.specs, self.check, self.summary, self.expand, self.cost, self.draw, self.compare, self.explain,
        )  # fmt: skip

    def specs(self) -> str:
        """The spec files below this server's directory, as `path` takes them, each with its variants."""
        found = list(islice(specs_below(self._root), _MOST + 1))
        lines = [f"{path}: {', '.join(variants)}" if variants else path for path, variants in found[:_MOST]]
        return "\n".join([*lines, *["and more"] * (len(found) > _MOST)]) or "there is no spec below this directory"

    def check(self, text: Text = None, path: PathBelow = None, notes: bool = False) -> str:
        """Every mistake of a spec, in all its variants: what is wrong, where, and what to write instead. With `notes`
        also what is legitimate and worth knowing."""
        source, problems = given_source(GivenSpec(text, path), self._root)
        found = check_source(source, problems, offer=self._offer, notes=notes)
        return render_text(found, {source.name: source.text}) if found else "no mistakes"

    def summary(
        self, text: Text = None, path: PathBelow = None, variant: Variant = None, set: Settings = None,
        depth: int | None = None,
    ) -> str:  # fmt: skip
        """The table of a network: the output shape, parameters and multiply-accumulates of every layer, and the totals.
        With `depth` so many levels of blocks are open."""
        return table(self._net(GivenSpec(text, path), variant, set), depth=depth)

    def expand(self, text: Text = None, path: PathBelow = None, variant: Variant = None, set: Settings = None) -> str:
        """The flat YAML that a spec stands for, without variables, blocks and loops."""
        return expanded(self._net(GivenSpec(text, path), variant, set))

    def cost(
        self, batch: int, text: Text = None, path: PathBelow = None, variant: Variant = None, set: Settings = None,
        precision: Precision | None = None, optimizer: str | None = None, device: Device = "cuda",
    ) -> str:  # fmt: skip
        """The memory of one training step, part by part, for a batch of so many examples."""
        net = self._net(GivenSpec(text, path), variant, set)
        found = estimate_by_recipe(net, batch, precision, optimizer, device=device)
        assert found is not None  # a batch is given
        return found.to_text()

    def draw(
        self, text: Text = None, path: PathBelow = None, variant: Variant = None, set: Settings = None,
        style: StyleName | Literal["mermaid"] = "mermaid", depth: int | None = None, fit: str | None = None,
    ) -> str:  # fmt: skip
        """A picture of a network: a flowchart in Mermaid, or an SVG as `stack` (a line a layer), `map` (an overview) or
        `volumes` (feature maps as boxes). `fit` is a page: a4, slide, column or 400x300."""
        net = self._net(GivenSpec(text, path), variant, set)
        if style == "mermaid":
            return mermaid([net], depth=depth)[0]
        return picture([net], style, Sheet(fit=None if fit is None else paper(fit)), depth).file("svg").decode()

    def compare(
        self, text_a: Text = None, path_a: PathBelow = None, variant_a: Variant = None,
        text_b: Text = None, path_b: PathBelow = None, variant_b: Variant = None,
    ) -> str:  # fmt: skip
        """What differs between two networks: sizes and costs with their ratios, and each layer that is not the same."""
        a = self._net(GivenSpec(text_a, path_a), variant_a, None)
        return compared(a, self._net(GivenSpec(text_b, path_b), variant_b, None)).to_text()

    def explain(
        self, name: Annotated[str, Field(description="A name, an error code, a message of another tool.")]
    ) -> str:
        """A layer with its arguments and shape rule (Conv2d), a word of the language (residual) or of a recipe (SGD),
        an error code (width-mismatch); or what comes nearest to a message or a question."""
        return explained(name, self._offer)

    def _net(self, given: GivenSpec, variant: str | None, settings: dict[str, Any] | None) -> Net:
        source, problems = given_source(given, self._root)
        return compile_source(source, problems, variant, settings, offer=self._offer).whole()


def server(root: Path, offer: Offer) -> MCPServer:
    """The server, which says nothing on standard error but of what goes wrong.

    Args:
        root: the directory below which files may be named.
        offer: the layers that specs may name.
    """
    made = MCPServer("netspec", instructions=_INSTRUCTIONS, version=__version__, log_level="WARNING")
    for tool in Tools(root, offer).every():
        made.add_tool(_told(tool))
    return made


def _told(tool: Callable[P, str]) -> Callable[P, str]:
    """A tool whose errors are told to who called it, as the command line tells them."""

    @wraps(tool)
    def call(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return tool(*args, **kwargs)
        except SpecError as error:
            raise ToolError(str(error)) from None
        except NetspecError as error:
            raise ToolError(f"error[{error.code}]: {error}") from None

    return call
