"""A net without a recipe: the one that the refusal says to add trains it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.cli import cli
from netspec.diagnostics import UsageError
from tests.commands import invoke


class _Tokens(nn.Module):
    """What takes integers of two kinds, of which the least table has 11."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(30, 8)
        self.kinds = nn.Embedding(11, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, words: Tensor, kinds: Tensor) -> Tensor:
        return self.head((self.words(words) + self.kinds(kinds)).mean(1))


class _Heads(nn.Module):
    """What gives scores and a value."""

    def __init__(self) -> None:
        super().__init__()
        self.scores, self.value = nn.Linear(6, 4), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"scores": self.scores(x), "value": self.value(x)}


_INTEGERS = torch.ones(2, 5, dtype=torch.int64)


@pytest.mark.parametrize(
    ("module", "inputs", "words"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 5)), [torch.randn(2, 3, 6, 6)],
         ("data: synthetic", "loss: CrossEntropyLoss")),
        (nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1)), [torch.randn(2, 8)], ("loss: MSELoss",)),
        (nn.Sequential(nn.Linear(8, 3), nn.Softmax(-1)), [torch.randn(2, 8)], ("loss: MSELoss",)),
        (nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 20)), [_INTEGERS], ("{vocabulary: 20}", "loss: MSELoss")),
        (_Tokens(), [_INTEGERS, _INTEGERS], ("{vocabulary: 11}", "loss: CrossEntropyLoss")),
        (_Heads(), [torch.randn(2, 6)],
         ("{CrossEntropyLoss: null, of: scores}", "{MSELoss: null, of: value, target: value}")),
    ],
)  # fmt: skip
def test_the_recipe_that_is_told_trains_what_was_imported(
    module: nn.Module, inputs: list[Tensor], words: tuple[str, ...], tmp_path: Path
) -> None:
    found = netspec.from_torch(module, *inputs)
    with pytest.raises(UsageError, match="has no `train:` recipe") as refused:
        netspec.train(found.net, run=tmp_path / "run", device="cpu")
    recipe = _told(str(refused.value))
    assert all(word in recipe for word in words)
    spec = f"{found.text}\n{recipe}\n"
    (tmp_path / "net.yaml").write_text(spec, encoding="utf-8")
    assert netspec.check(tmp_path / "net.yaml") == []
    done = netspec.train(netspec.loads(spec), run=tmp_path / "run", device="cpu", examples=64, quiet=True, report=False)
    assert len(done.records) == 1


def _told(message: str) -> str:
    """The recipe in a message."""
    found = re.search("`(train: .*?)` to the spec", message)
    assert found is not None, message
    return found[1]


_DATA = (torch.randn(4, 8), torch.zeros(4, dtype=torch.int64))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"loss": nn.functional.cross_entropy}, "{data: given,.*loss: function}"),
        ({"data": _DATA, "loss": nn.functional.cross_entropy}, "{data: given,.*loss: function}"),
        ({"data": _DATA}, "{data: given,.*loss: CrossEntropyLoss}"),
    ],
)
def test_what_a_program_gives_is_left_to_it(given: dict[str, Any], words: str, tmp_path: Path) -> None:
    spec = "name: net\ninput: [8]\nlayers: [Linear: 3]\n"
    with pytest.raises(UsageError, match=words) as refused:
        netspec.train(netspec.loads(spec), run=tmp_path / "run", device="cpu", **given)
    net = netspec.loads(spec + _told(str(refused.value)))
    given = {"data": _DATA, **given}
    netspec.train(net, run=tmp_path / "run", device="cpu", quiet=True, report=False, **given)


@pytest.mark.parametrize(
    "spec",
    [
        "{name: net, input: [8], layers: [Linear: 3, ArgMax: 1]}",
        "{name: net, input: [8], layers: [{Linear: 4, as: a}, {Linear: 2, as: b}], output: [a, b]}",
    ],
)
def test_a_net_that_no_loss_of_a_recipe_reads_is_told_so(spec: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a loss reads an output of float32, alone or by its name"):
        netspec.train(netspec.loads(spec), run=tmp_path / "run")


@pytest.mark.parametrize(
    "command",
    [["train", "--dry-run"], ["train", "--folds", "3"], ["find-lr"], ["launch", "--run", "r", "--slurm", "job.sh"]],
)
def test_every_command_that_trains_says_it(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text("input: [8]\nlayers: [Linear: 3]\n", encoding="utf-8")
    told = invoke(cli, command[0], "net.yaml", *command[1:])
    assert "loss: CrossEntropyLoss}` to the spec" in str(told.exception)
