"""The advice at the end of a message about what has no form is for where it stands, and works when it is followed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from netspec.capture.lacking import BEYOND
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


class Pairs(nn.Module):
    """What each example of a batch makes of every other, in a module of its own."""

    def __init__(self, how: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.how = how

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.how(a, b)


class Contrast(nn.Module):
    """Two towers, and how alike what they give is."""

    def __init__(self, how: Callable[[Tensor, Tensor], Tensor], *, inside: bool = False) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, 4), nn.Linear(5, 4)
        self.scale = nn.Parameter(torch.ones(()))
        self.pairs = Pairs(how) if inside else how

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.scale.exp() * self.pairs(self.left(x), self.right(y))


MEETING: list[tuple[Callable[[Tensor, Tensor], Tensor], str]] = [
    (
        lambda a, b: a @ b.t(),
        r"\(N, 4\) and \(4, N\) give \(N, N\): the batch, N, meets another axis, and each example",
    ),
    (lambda a, b: (a[:, None] - b[None]).abs(), r"\(N, 1, 4\) and \(1, N, 4\) give \(N, N, 4\)"),
    (lambda a, b: a * b[:, None], r"\(N, 4\) and \(N, 1, 4\) give \(N, N, 4\)"),
    (lambda a, b: torch.einsum("nd,md->nm", a, b), r"\(N, 4\) and its like give \(N, N\)"),
    (lambda a, b: a.t() @ b, r"of \(4, N\) and \(N, 4\) it gives a sum over the batch, N, which mixes examples"),
    (lambda a, b: (a * b).mean(0), "`mean` over the batch mixes examples"),
]


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(("how", "says"), MEETING)
def test_examples_that_meet_are_told_and_are_no_layer(
    how: Callable[[Tensor, Tensor], Tensor], says: str, inside: bool
) -> None:
    error = refusal(Contrast(how, inside=inside), torch.randn(2, 6), torch.randn(2, 5))
    assert re.search(says, error.told)
    assert error.told.count("\n") == 1
    assert error.mend == BEYOND
    assert error.lacking == ()


def test_an_input_of_one_number_may_be_meant_without_an_axis() -> None:
    module = Times()
    error = refusal(module, torch.randn(2, 8), torch.ones(2, 1, dtype=torch.int64))
    assert "(N, 8) and (N, 1, 8) give (N, N, 8)" in error.told
    assert error.mend.startswith(
        "`t` is given as (N, 1); where it is one number for each example, `--input int64` gives"
    )
    assert from_torch(module, torch.randn(2, 8), torch.arange(1, 3)).difference == 0


class Times(nn.Module):
    """What moves by a step's number."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.Linear(1, 8)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return x * self.steps(t.to(x.dtype)[:, None])


def test_a_module_in_which_examples_meet_and_part_again_may_be_a_layer() -> None:
    """What it gives has the batch once."""
    error = refusal(
        Contrast(lambda a, b: (a @ b.t()).softmax(-1) @ b, inside=True), torch.randn(2, 6), torch.randn(2, 5)
    )
    assert error.lacking == ("Pairs",)


@pytest.mark.parametrize(("net", "says"), [
    ("scores", "(N, 4) and (4, N) give (N, N)"),
    ("far", "no layer can be made of `Far`: it gives (N, N), N for the batch, which it has in several axes"),
    ("most", "no layer can be made of `Most`: it gives (4), N for the batch, which it has nowhere"),
])  # fmt: skip
def test_no_layer_is_written_whose_output_has_the_batch_twice_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, net: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"meeting_{net}.py").write_text(MEET)
    monkeypatch.syspath_prepend(str(tmp_path))
    told = invoke(cli, "import", f"meeting_{net}.py:{net}", "--input", "6", "--write-plugin", f"meet_{net}.py")
    assert isinstance(told.exception, NotCaptured)
    assert says in told.exception.told
    assert told.exception.mend == BEYOND
    assert not (tmp_path / f"meet_{net}.py").exists()


MEET = """\
import torch
from torch import nn

class Scores(nn.Module):
    def forward(self, x): return x @ x.t()

class Far(nn.Module):
    def forward(self, x): return x.sort(-1).values.flip(0) @ x.t().sort(0).values

class Most(nn.Module):
    def forward(self, x): return x.sort(0).values[-1]

def scores(): return nn.Sequential(nn.Linear(6, 4), Scores())
def far(): return nn.Sequential(nn.Linear(6, 4), Far())
def most(): return nn.Sequential(nn.Linear(6, 4), Most())
"""
