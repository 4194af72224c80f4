"""A layer makes its module anew: where that gives another module, it is said what is otherwise, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from netspec.capture.graph import NotCaptured
from netspec.cli import cli
from tests.capture.modules import at_home
from tests.commands import invoke

PROGRAM = """\
import copy
from torch import nn

class Net(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.first, self.block = nn.Linear(4, 6), block
    def forward(self, x):
        return self.block(self.first(x))

class Sorted(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.inner = nn.Linear(dim, dim)
        self.scale = 1.0
    def forward(self, x):
        return self.inner(x).sort(-1).values * self.scale

class Rest(Sorted):
    def __init__(self, dim, **kw):
        super().__init__(dim)
        self.scale = kw.get("scale", 1.0)

class Needed(Sorted):
    def __init__(self, dim, **kw):
        super().__init__(dim)
        self.scale = kw["scale"]

class Named(Sorted):
    def __init__(self, dim, scale=1.0):
        super().__init__(dim)
        self.scale = scale

class Twice(Sorted):
    def __init__(self, dim, scale=1.0):
        super().__init__(dim)
        self.scale = 2 * scale

class Unit(Sorted):
    def __init__(self, dim, inner="linear"):
        super().__init__(dim)

def changed(block, name, value):
    setattr(block, name, value)
    return Net(block)

def rest(): return Net(Rest(6, scale=3.0))
def needed(): return Net(Needed(6, scale=3.0))
def named(): return Net(Named(6, scale=3.0))
def after(): return changed(Sorted(6), "scale", 3.0)
def named_after(): return changed(Named(6), "scale", 3.0)
def part(): return changed(Sorted(6), "inner", nn.Linear(6, 6, bias=False))
def other(): return changed(Sorted(6), "inner", nn.Identity())
def twice(): return Net(Twice(6, 1.5))
def twice_default(): return Net(Twice(6))
def unit(): return Net(Unit(6, "other"))
def unit_default(): return Net(Unit(6))
def copied(): return Net(copy.deepcopy(Sorted(6)))
def plain(): return Net(Sorted(6))
def rest_plain(): return Net(Rest(6))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with a program, of which no module is known afterwards."""
    with at_home(tmp_path, monkeypatch, "anew", PROGRAM, ("anew_layers",)) as home:
        yield home


def written(net: str) -> Result:
    return invoke(cli, "import", f"anew.py:{net}", "--write-plugin", "anew_layers.py", "-o", "net.yaml", "--force")


AFTER = (
    "a layer makes its module anew, so make the change in `__init__`, by an argument that is given where the module "
)
NAMES = "a layer has the arguments alone that `__init__` names: name it there, and keep what is given, `self.scale = sc"
UNDER = "under this name, where a layer reads it: keep it there as it is given, and what is made of it under another na"


@pytest.mark.parametrize(
    ("net", "says"),
    [
        ("rest", f"`Rest`: its `__init__` takes `scale` by `**kw`, and {NAMES}"),
        ("needed", f"`Needed`: its `__init__` takes `scale` by `**kw`, and {NAMES}"),
        (
            "after",
            "`Sorted`: it was changed after it was made: `scale` is 3.0, and 1.0 in one that is made anew; " + AFTER,
        ),
        ("part", "`inner.bias` is missing, and of shape (6,) in one that is made anew; " + AFTER),
        ("other", "`inner` is of the class `Identity`, and of `Linear` in one that is made anew; " + AFTER),
        ("twice", f"`Twice`: its argument `scale` is 1.5, and the module keeps 3.0 {UNDER}"),
        ("unit", f"`Unit`: its argument `inner` is 'other', and the module keeps a `Linear` {UNDER}"),
        (
            "copied",
            "it is not seen with which arguments it was made, as of a copy: make it by its class, and not by `co",
        ),
    ],
)
def test_what_is_otherwise_is_named_and_no_plugin_is_blamed(home: Path, net: str, says: str) -> None:
    done = written(net)
    assert isinstance(done.exception, NotCaptured)
    assert says in str(done.exception)
    assert not (home / "anew_layers.py").exists()


@pytest.mark.slow
@pytest.mark.parametrize("net", ["named", "named_after", "plain", "rest_plain", "twice_default", "unit_default"])
def test_what_the_advice_makes_of_it_becomes_a_layer(home: Path, net: str) -> None:
    """`named` is `rest`, `needed` and `after` as their advice has them; it may also be set where it is kept."""
    done = written(net)
    assert done.exit_code == 0, done.exception
    assert ("{Named: {scale: 3.0}, name: block}" in (home / "net.yaml").read_text()) is net.startswith("named")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "net", "says"),
    [
        (
            "rest_plain",
            "rest",
            "`block` is not what the layer `Rest` of the plugin builds: `scale` is 3.0, and 1.0 in o",
        ),
        (
            "plain",
            "after",
            "`block` is not what the layer `Sorted` of the plugin builds: `scale` is 3.0, and 1.0 in one",
        ),
        ("plain", "part", "of the plugin builds: `inner.bias` is missing, and of shape (6,) in one that is made anew;"),
    ],
)
def test_a_layer_that_builds_another_module_is_told_with_what_is_otherwise(
    home: Path, first: str, net: str, says: str
) -> None:
    assert written(first).exit_code == 0
    done = invoke(cli, "import", f"anew.py:{net}", "--plugin", "anew_layers")
    assert isinstance(done.exception, NotCaptured)
    assert says in str(done.exception)
    kind = "Rest" if net == "rest" else "Sorted"
    assert f"so let `{kind}.__init__` take what is otherwise as an argument, and give the layer a field for it" in str(
        done.exception
    )
