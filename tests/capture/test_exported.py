"""Programs of `torch.export`: their specs, and their weights under the specs' keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load
from torch import Tensor, nn

import netspec
from netspec.capture.exported.importing import from_exported
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from tests.capture.programs import Encoder, Recurrent, TwoInputs, UNet, changed, saved

pytestmark = pytest.mark.needs_torch


def images(*sizes: int) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: (torch.randn(3, *sizes),)


def tokens() -> tuple[Tensor, ...]:
    return (torch.randint(0, 12, (3, 5)),)


def pair() -> tuple[Tensor, ...]:
    return torch.randn(3, 2, 4), torch.randn(3, 4)


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Sigmoid(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 10),
    )  # fmt: skip


def alexnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2), nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.4), nn.Linear(32, 16), nn.ReLU(),
        nn.Dropout(), nn.Linear(16, 5),
    )  # fmt: skip


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]]]] = {
    "lenet": (lenet, images(1, 28, 28)),
    "alexnet": (alexnet, images(3, 32, 32)),
    "lstm": (lambda: Recurrent(nn.LSTM), tokens),
    "gru": (lambda: Recurrent(nn.GRU), tokens),
    "encoder": (Encoder, tokens),
    "unet": (UNet, images(3, 16, 16)),
    "two inputs": (TwoInputs, pair),
}


def largest_difference(path: Path, module: nn.Module, example: tuple[Tensor, ...]) -> float:
    """Between the built spec with the weights of a program and the module that it was exported from."""
    found = from_exported(path)
    net = netspec.build(netspec.loads(found.found.text))
    net.load_state_dict(found.weights, strict=True)
    wide = tuple(x.double() if x.is_floating_point() else x for x in example)
    with torch.no_grad():
        ours, theirs = net.double().eval()(*wide), module.double().eval()(*wide)
    pairs = [(ours, theirs)] if isinstance(theirs, Tensor) else list(zip(ours, theirs, strict=True))
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


@pytest.mark.parametrize("decomposed", [False, True], ids=["whole", "decomposed"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_spec_with_its_weights_is_the_module(tmp_path: Path, name: str, decomposed: bool) -> None:
    make, given = NETWORKS[name]
    torch.manual_seed(0)
    module, example = make().eval(), given()
    path = saved(tmp_path / "net.pt2", module, *example, decomposed=decomposed)
    assert largest_difference(path, module, example) < 1e-9


@pytest.mark.parametrize("decomposed", [False, True], ids=["whole", "decomposed"])
@pytest.mark.parametrize("name", ["alexnet", "unet", "encoder", "two inputs"])
def test_a_program_in_training_mode_has_its_dropout_and_its_norms(tmp_path: Path, name: str, decomposed: bool) -> None:
    make, given = NETWORKS[name]
    torch.manual_seed(0)
    module, example = make().train(), given()
    path = saved(tmp_path / "net.pt2", module, *example, dynamic=name != "encoder", decomposed=decomposed)
    text = from_exported(path).found.text
    assert text.count("Dropout") == {"alexnet": 2, "unet": 0, "encoder": 3, "two inputs": 1}[name]
    assert largest_difference(path, module, example) < 1e-9


def resnet() -> nn.Module:
    from torchvision.models.resnet import BasicBlock, ResNet  # pyright: ignore[reportMissingTypeStubs]  # it has none

    return ResNet(BasicBlock, [2, 1, 1, 1], num_classes=5)


def vision() -> nn.Module:
    from torchvision.models.vision_transformer import (  # pyright: ignore[reportMissingTypeStubs]  # it has none
        VisionTransformer,
    )

    made = VisionTransformer(16, 8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=3)
    for parameter in made.parameters():  # its head begins with zeros
        nn.init.normal_(parameter, std=0.3)
    return made


NETWORKS["vision"] = (vision, images(3, 16, 16))
NETWORKS["resnet"] = (resnet, images(3, 32, 32))


@pytest.mark.parametrize("name", ["lenet", "unet", "two inputs", "resnet"])
def test_the_spec_is_that_of_the_module(tmp_path: Path, name: str) -> None:
    make, given = NETWORKS[name]
    module, example = make(), given()
    path = saved(tmp_path / "net.pt2", module, *example, dynamic=True)
    found, own = from_exported(path).found, from_torch(module, *example, name="net")
    wanted = [line.partition("  #")[0] for line in own.text.splitlines()]
    assert found.text.splitlines() == wanted
    assert found.keys == own.keys


def test_attention_of_a_program_for_all_batches_is_one_layer(tmp_path: Path) -> None:
    """The first of its modules computes sizes that the others read."""
    module = vision().eval()
    path = saved(tmp_path / "net.pt2", module, torch.randn(3, 3, 16, 16), dynamic=True)
    assert "{SelfAttention: 2, name: self_attention}" in from_exported(path).found.text


def test_tied_weights_stay_tied_and_keep_both_keys(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.pt2", TwoInputs().eval(), *pair())
    found = from_exported(path)
    assert {"first.weight", "second.weight"} <= set(found.weights)
    assert "tie: {weight: first.weight}" in found.found.text


def test_frozen_parameters_are_frozen(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    module[0].requires_grad_(False)
    assert (
        "- {Linear: 8, freeze: true}"
        in from_exported(saved(tmp_path / "net.pt2", module, torch.randn(3, 4))).found.text
    )


class Chooses(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))


class Sorts(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sort(x, -1)[0]


class Overwrites(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)
        head = x.view(-1, 2, 2)
        x.mul_(2)
        return head.flatten(1) + x


class Mixes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(3, 4) + x.mean(0)


@torch.library.custom_op("netspec_tests::doubled", mutates_args=())
def doubled(x: Tensor) -> Tensor:
    return x * 2


@doubled.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


class GivesItsWeight(nn.Linear):
    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:  # as torch has it
        return super().forward(input), self.weight


class GivesOnes(nn.Linear):
    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:  # as torch has it
        return super().forward(input), torch.ones(2, 2)


class Scaled(nn.Linear):
    def forward(self, input: Tensor, factor: float = 1.0) -> Tensor:  # as torch has it
        return super().forward(input) * factor


class Foreign(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return doubled(x)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (Chooses(), "`cond` runs parts of the program as it says itself"),
        (Sorts(), "`sort` has no form in a spec"),
        (Overwrites(), "run_decompositions({})"),
        (Foreign(), "`netspec_tests.doubled.default`, which is an operator of another library, has no form in a spec"),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, nn.Module) else "",
)
def test_what_a_spec_cannot_say_is_told_with_the_line_of_the_program(
    tmp_path: Path, module: nn.Module, told: str
) -> None:
    path = saved(tmp_path / "net.pt2", module, torch.randn(3, 4))
    with pytest.raises(NotCaptured) as caught:
        from_exported(path)
    assert told in str(caught.value)
    assert "test_exported.py:" in str(caught.value)


def test_what_changes_in_place_is_imported_when_it_is_written_as_it_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, x = Overwrites().eval(), torch.randn(3, 4)
    path = saved(tmp_path / "net.pt2", module, x, decomposed=True, table={})
    assert largest_difference(path, module, (x,)) < 1e-9


def test_a_program_for_one_batch_says_which_export_is_for_all(tmp_path: Path) -> None:
    with pytest.raises(NotCaptured) as caught:
        from_exported(saved(tmp_path / "net.pt2", Mixes(), torch.randn(3, 4)))
    assert "dynamic_shapes" in str(caught.value) or "mixes examples" in str(caught.value)


def test_a_program_whose_number_differs_is_no_spec(tmp_path: Path) -> None:
    """What the program's own steps give is the judge: another number in one of them is seen."""
    path = saved(tmp_path / "net.pt2", nn.Sequential(nn.Linear(4, 4), nn.LeakyReLU(0.1)), torch.randn(3, 4))
    found = from_exported(path)
    assert "LeakyReLU: 0.1" in found.found.text

    def steeper(document: dict[str, object]) -> None:
        nodes = document["graph_module"]["graph"]["nodes"]  # pyright: ignore[reportIndexIssue, reportUnknownVariableType]  # JSON
        nodes[-1]["inputs"][-1]["arg"]["as_float"] = 0.25

    assert "LeakyReLU: 0.25" in from_exported(changed(path, tmp_path / "other.pt2", steeper)).found.text


class Transposed(nn.Module):
    """Two parameters of which one has the numbers of the other, turned."""

    def __init__(self) -> None:
        super().__init__()
        self.there = nn.Parameter(torch.randn(4, 4))
        self.back = nn.Parameter(self.there.detach().t())

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x @ self.there) @ self.back


def test_a_matrix_and_its_transpose_in_the_same_bytes_are_two(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, example = Transposed().eval(), (torch.randn(3, 4),)
    assert largest_difference(saved(tmp_path / "net.pt2", module, *example), module, example) < 1e-9


def test_tied_weights_are_written_under_both_keys(tmp_path: Path) -> None:
    first, last = nn.Linear(4, 4), nn.Linear(4, 4)
    last.weight = first.weight
    module = nn.Sequential(first, nn.ReLU(), last).eval()
    found = from_exported(saved(tmp_path / "net.pt2", module, torch.randn(3, 4)))
    written = load(found.saved())
    assert sorted(written) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    assert torch.equal(written["0.weight"], first.weight) and torch.equal(written["2.weight"], first.weight)


@pytest.mark.parametrize(
    ("module", "example", "told"),
    [
        (GivesItsWeight(4, 3), (torch.randn(3, 4),), "no input decides the output `p_weight`: it is `weight`"),
        (GivesOnes(4, 3), (torch.randn(3, 4),), "no input decides the output `ones`: it is a constant"),
        (nn.Sequential(nn.Linear(4, 3)), (torch.randn(4),), "exported for a batch of 4 alone"),
    ],
    ids=["weight", "constant", "no batch"],
)
def test_outputs_without_inputs_and_inputs_without_a_batch_are_told(
    tmp_path: Path, module: nn.Module, example: tuple[Tensor, ...], told: str
) -> None:
    path = saved(tmp_path / "net.pt2", module, *example)
    with pytest.raises(NotCaptured) as caught:
        from_exported(path)
    assert told in str(caught.value)


def test_a_number_that_a_program_was_exported_with_is_in_its_spec(tmp_path: Path) -> None:
    module, x = Scaled(4, 3).eval(), torch.randn(5, 4)
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(module, (x, 2.0)), path)
    found = from_exported(path)
    net = netspec.build(found.found.net)
    net.load_state_dict(found.weights)
    torch.testing.assert_close(net.eval()(x), module(x, 2.0))
