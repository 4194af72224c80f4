"""The advice at the end of a message about what has no form is for where it stands, and works when it is followed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from netspec.cli import cli
from tests.commands import invoke

WRITES = "`netspec import --write-plugin my_layers.py` then writes a layer for it"
PROGRAM = """\
from torch import nn

class Sort(nn.Module):
    def forward(self, x):
        return x.sort(-1).values

class Attend(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, add_zero_attn=True, batch_first=True)
    def forward(self, x):
        return self.attention(x, x, x)[0]

def moved(): return nn.Sequential(nn.Linear(4, 4), Sort(), nn.Linear(4, 2))
def attends(): return nn.Sequential(nn.Linear(8, 8), Attend())
"""


class Sort(nn.Module):
    """What no spec says, in a module of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sort(-1).values


class Itself(nn.Module):
    """What no spec says, in the network's own code."""

    def __init__(self, *, also_a_part: bool = False) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.part = Sort() if also_a_part else nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.part(self.first(x).sort(-1).values)


class Attention(nn.Module):
    """A module of torch's that no spec has, in the network itself."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, add_zero_attn=True, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x)[0]


def refusal(module: nn.Module, *example: Tensor) -> NotCaptured:
    with pytest.raises(NotCaptured) as caught:
        from_torch(module, *example)
    return caught.value


def test_code_of_the_network_itself_is_to_be_moved_into_a_module() -> None:
    error = refusal(Itself(), torch.randn(2, 4))
    assert error.lacking == ()
    assert error.mend == (
        "`Itself.forward` itself does this, and layers are written for modules in a network: where no line says what "
        f"to do, or in its place, move the code into a module of its own, an attribute of `Itself`; {WRITES}"
    )


def test_of_several_places_it_is_said_which_is_of_the_network_itself() -> None:
    error = refusal(Itself(also_a_part=True), torch.randn(2, 4))
    own = next(str(each.place) for each in error.refused if each.region.parent is None)
    assert error.mend.startswith(f"`Itself.forward` itself does what stands at {own}, and layers are written")
    assert len({str(each.place) for each in error.refused}) == 2


def test_a_module_of_torchs_is_to_stand_in_one_of_a_program() -> None:
    error = refusal(Attention(), torch.randn(2, 3, 8))
    assert error.mend == (
        "`attention`, a `MultiheadAttention`, is torch's, and layers are written for classes of yours: put a module of "
        f"such a class in its place, in the network, with it as an attribute; {WRITES}"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("net", "sizes", "layer"), [("moved", "4", "Sort"), ("attends", "3,8", "Attend")])
def test_what_was_moved_becomes_a_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, net: str, sizes: str, layer: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"advised_{net}.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(str(tmp_path))
    written = invoke(
        cli, "import", f"advised_{net}.py:{net}", "--input", sizes, "--write-plugin", f"layers_{net}.py", "-o", "x.yaml"
    )
    assert written.exit_code == 0, written.exception
    assert f"  - {layer}" in (tmp_path / "x.yaml").read_text()
