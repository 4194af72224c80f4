"""What trains of a module trains of its spec, and what is random for each example stays so."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.capture.importing import from_torch
from tests.capture.modules import around
from tests.capture.test_from_torch import imported, refusal


class Steady(nn.Module):
    """A network whose norm and dropout stay in eval mode, in the way in which people write that."""

    def __init__(self, *, trained: bool = False, freezes_later: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 2)
        self.freezes_later = freezes_later
        if not trained and not freezes_later:
            self.body.requires_grad_(False)

    def train(self, mode: bool = True) -> Steady:
        super().train(mode)
        self.body.eval()
        self.drop.eval()
        if self.freezes_later and mode:
            self.body.requires_grad_(False)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.body(x)).mean([2, 3]))


@pytest.mark.parametrize("freezes_later", [False, True])
def test_a_train_of_its_own_is_called(freezes_later: bool) -> None:
    module = Steady(freezes_later=freezes_later)
    text = imported(module, (3, 9, 9)).text
    assert "name: body\n    freeze: true" in text
    assert text.count("freeze") == 1
    assert "Dropout" not in text
    assert all(parameter.requires_grad for parameter in module.body.parameters()) is False or freezes_later
    model = netspec.build(netspec.loads(text)).train()
    statistics = model.state_dict()["body.1.running_mean"].clone()
    model(torch.randn(8, 3, 9, 9)).sum().backward()
    assert torch.equal(model.state_dict()["body.1.running_mean"], statistics)
    assert {name for name, p in model.named_parameters() if p.grad is not None} == {"head.weight", "head.bias"}


def test_nothing_of_the_module_is_changed_by_asking_for_its_modes() -> None:
    module = Steady(freezes_later=True)
    nn.Module.train(module)
    from_torch(module, torch.randn(2, 3, 9, 9))
    assert all(part.training for part in module.modules())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_a_norm_in_eval_mode_whose_parameters_train_is_refused() -> None:
    told = refusal(Steady(trained=True), (3, 9, 9))
    assert "test_training.py" in told
    assert "`body.1` stays in eval mode while the module trains, but its parameters train" in told


def _never_drops(self: Any, x: Tensor) -> Tensor:
    self.b.eval()
    return self.b(self.a(x))


def test_a_mode_that_a_module_sets_while_it_runs_is_refused() -> None:
    assert "`Dropout` is in eval mode, whatever mode" in refusal(
        around(_never_drops, nn.Linear(4, 4), nn.Dropout()), (4,)
    )


class Always(nn.Sequential):
    """A network whose dropout is there in both modes, as for Monte Carlo estimates."""

    def train(self, mode: bool = True) -> Always:
        super().train(mode)
        self[1].train()
        return self


def test_dropout_in_both_modes_is_refused() -> None:
    told = refusal(Always(nn.Linear(4, 4), nn.Dropout()), (4,))
    assert "`Dropout` is in training mode, whatever mode the module is in" in told


class Backbone(nn.Module):
    """A part that is frozen, and a head."""

    def __init__(self, *frozen: str) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.b = nn.Linear(4, 2)
        for key, parameter in self.named_parameters():
            parameter.requires_grad_(key not in frozen)

    def forward(self, x: Tensor) -> Tensor:
        return self.b((self.a(x) * self.scale).mean([2, 3]))


def test_parameters_that_do_not_train_are_frozen() -> None:
    found = imported(Backbone("a.0.weight", "a.0.bias", "scale"), (3, 9, 9))
    assert "{Conv2d: {out_channels: 4, kernel_size: 3}, freeze: true}" in found.text
    assert "name: scale, freeze: true" in found.text
    model = netspec.build(found.net)
    trained = {found.keys[key] for key, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {"a.1.weight", "a.1.bias", "b.weight", "b.bias"}
    assert not any("gradient" in note for note in found.notes)


@pytest.mark.parametrize("frozen", [("a.0.bias",), ("a.1.weight", "a.1.bias")], ids=["part", "statistics"])
def test_what_freeze_cannot_say_is_told(frozen: tuple[str, ...]) -> None:
    found = imported(Backbone(*frozen), (3, 9, 9))
    assert "freeze" not in found.text
    assert any(note.startswith(f"`{sorted(frozen)[0]}`") and "train in the spec" in note for note in found.notes)


class DropsPositions(nn.Module):
    """Learned positions, dropped for each example or once."""

    def __init__(self, *, is_repeated: bool) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, 5, 4))
        self.linear = nn.Linear(4, 4)
        self.drop = nn.Dropout(0.5)
        self.is_repeated = is_repeated

    def forward(self, x: Tensor) -> Tensor:
        position = self.position.expand(x.shape[0], -1, -1) if self.is_repeated else self.position
        return self.linear(x) + self.drop(position)


def _drops_positions(self: Any, x: Tensor) -> Tensor:
    return x + F.dropout(self.a.weight[None].expand(len(x), -1, -1), 0.5, self.training)


def test_dropout_of_a_parameter_that_is_repeated_for_each_example_is_refused() -> None:
    told = "random numbers are drawn for each example, of what a spec has once"
    assert told in refusal(DropsPositions(is_repeated=True), (5, 4))
    assert told in refusal(around(_drops_positions, nn.Linear(4, 5)), (5, 4))


def test_dropout_of_a_parameter_is_one_for_all_examples_in_both() -> None:
    module = DropsPositions(is_repeated=False)
    model = netspec.build(imported(module, (5, 4)).net).train()
    for each in (module.train(), model):
        rows = each(torch.zeros(6, 5, 4))
        assert torch.allclose(rows, rows[:1].expand_as(rows))


class KeepsBiases(nn.Module):
    """Biases that are looked up once and kept for the runs that follow, as LeViT keeps them in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.biases = nn.Parameter(torch.randn(6))
        self.kept: dict[str, Tensor] = {}

    def train(self, mode: bool = True) -> KeepsBiases:
        super().train(mode)
        if mode:
            self.kept = {}
        return self

    def forward(self, x: Tensor) -> Tensor:
        if "all" not in self.kept:
            self.kept["all"] = (self.biases * self.biases)[[0, 2, 4]]
        return x + self.kept["all"]


def test_what_a_module_keeps_of_its_parameters_for_further_runs_has_gradients_in_them() -> None:
    imported(KeepsBiases(), (3,))


class AsksForGradients(nn.Module):
    """As wav2vec 2.0 does it while it trains, so that checkpoints have an input to begin at."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, None]
        if self.training:
            x.requires_grad = True
        return self.conv(x)


def test_asking_for_gradients_that_are_there_is_no_mistake() -> None:
    module = AsksForGradients()
    module.forward(torch.randn(2, 9))
    imported(module, (9,))
