"""`specs/graphs` holds networks that are no chains, each held against a reference: parameters and outputs are equal."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

import netspec
from netspec.net import Net
from tests.zoo.agreement import SPECS as ALL
from tests.zoo.agreement import Carry, agree

SPECS = ALL / "graphs"


def in_order(order: list[str]) -> Carry:
    """The weights of a module whose layers are named in the order in which the net runs its own."""

    def carry(source: nn.Module, net: Net) -> dict[str, torch.Tensor]:
        paths = [leaf.path for leaf in net.layers if leaf.params]
        given = source.state_dict()
        return {
            key: given[f"{theirs}.{key.removeprefix(f'{ours}.')}"]
            for ours, theirs in zip(paths, order, strict=True)
            for key in netspec.build(net, device="meta").state_dict()
            if key.startswith(f"{ours}.")
        }

    return carry


class Pyramid(FeaturePyramidNetwork):
    """torchvision's, of four maps instead of a dictionary of them."""

    def forward(self, *maps: torch.Tensor) -> list[torch.Tensor]:
        return list(super().forward(dict(zip("0123", maps, strict=True))).values())


def test_the_feature_pyramid_is_torchvisions() -> None:
    inner, after = [f"inner_blocks.{i}.0" for i in (3, 2, 1, 0)], [f"layer_blocks.{i}.0" for i in range(4)]
    theirs = Pyramid([256, 512, 1024, 2048], 256, extra_blocks=LastLevelMaxPool())
    reference, carry = "torchvision: FeaturePyramidNetwork", in_order([*inner, *after])
    found = agree("graphs/fpn", theirs, exact=True, large=True, carry=carry, reference=reference)
    assert len(found.shapes) == 5


def double(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(),
    )  # fmt: skip


class UNetPlusPlus(nn.Module):
    """As the paper's formula (1) has it, in a dictionary of nodes."""

    def __init__(self) -> None:
        super().__init__()
        widths = [32, 64, 128, 256, 512]
        self.nodes = nn.ModuleDict()
        for i, width in enumerate(widths):
            self.nodes[f"{i}{0}"] = double(widths[i - 1] if i else 3, width)
        for j in range(1, 5):
            for i in range(5 - j):
                self.nodes[f"{i}{j}"] = double(widths[i] * j + widths[i + 1], widths[i])
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.down = nn.MaxPool2d(2)
        self.final = nn.Conv2d(32, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x: dict[str, torch.Tensor] = {}
        for i in range(5):
            x[f"{i}0"] = self.nodes[f"{i}0"](self.down(x[f"{i - 1}0"]) if i else image)
        for j in range(1, 5):
            for i in range(5 - j):
                before = [x[f"{i}{k}"] for k in range(j)]
                x[f"{i}{j}"] = self.nodes[f"{i}{j}"](torch.cat([*before, self.up(x[f"{i + 1}{j - 1}"])], 1))
        return self.final(x["04"])  # type: ignore[no-any-return]


class WideAndDeep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 32)
        self.deep = nn.Sequential(
            nn.Linear(13 + 26 * 32, 1024), nn.ReLU(), nn.Linear(1024, 512), nn.ReLU(),
            nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 1),
        )  # fmt: skip
        self.wide = nn.Linear(1024, 1, bias=False)

    def forward(self, numbers: torch.Tensor, categories: torch.Tensor, crossed: torch.Tensor) -> torch.Tensor:
        deep = self.deep(torch.cat([numbers, self.embedding(categories).flatten(1)], 1))
        return deep + self.wide(crossed)  # type: ignore[no-any-return]


class ActorCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4, 16, 8, 4), nn.ReLU(), nn.Conv2d(16, 32, 4, 2), nn.ReLU(), nn.Flatten(),
            nn.Linear(32 * 9 * 9, 256), nn.ReLU(),
        )  # fmt: skip
        self.policy, self.value = nn.Linear(256, 18), nn.Linear(256, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.body(x)
        return self.policy(x), self.value(x)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reference"), [("unetpp", UNetPlusPlus), ("wide_and_deep", WideAndDeep), ("actor_critic", ActorCritic)]
)
def test_a_graph_is_the_module_written_by_hand(name: str, reference: type[nn.Module]) -> None:
    agree(f"graphs/{name}", reference(), exact=True, large=True)
