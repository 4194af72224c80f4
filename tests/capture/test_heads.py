"""What a module gives only while it trains are auxiliary heads of its spec."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.capture.importing import from_torch
from tests.capture.test_from_torch import imported, refusal


class Head(nn.Module):
    """An extra classifier."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.norm(self.conv(x))).mean([2, 3]))


class Headed(nn.Module):
    """A classifier with two of them, which it gives in an order of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.b = nn.Conv2d(8, 16, 3, padding=1)
        self.one = Head(8)
        self.two = Head(16)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Any:
        x = F.relu(self.a(x))
        one = self.one(x) if self.training else None
        x = F.relu(self.b(x))
        two = self.two(x) if self.training else None
        x = F.dropout(self.fc(x.mean([2, 3])), training=self.training)
        if not self.training:
            return x
        return {"two": two, "out": x, "one": one}


class Mixed(nn.Module):
    """One whose head is no module: layers of its own, and functions."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU())
        self.extra = nn.Linear(6, 4)
        self.last = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Any:
        x = self.body(x)
        y = self.last(x.amax([2, 3]))
        if self.training:
            return y, self.extra(x.mean([2, 3]) * 2)
        return y


def test_what_is_given_in_training_alone_are_heads() -> None:
    module = Headed()
    found = imported(module, (3, 8, 8))
    assert found.text.count("aux:") == 2
    assert "head:  #" in found.text  # the two are one block
    assert found.keys["one.body.conv.weight"] == "one.conv.weight"
    assert any("3 tensors, of which 2 is the network's and 3 and 1 are those of its heads" in n for n in found.notes)


def test_the_heads_of_the_built_network_are_those_of_the_module() -> None:
    module = Headed().eval()
    found = from_torch(module, torch.randn(2, 3, 8, 8))
    model = netspec.build(found.net)
    state = module.state_dict()
    model.load_state_dict({own: state[key] for own, key in found.keys.items()})
    x = torch.randn(4, 3, 8, 8)
    assert torch.allclose(model.eval()(x), module(x))
    torch.default_generator.manual_seed(3)
    ours: Any = model.train()(x)
    torch.default_generator.manual_seed(3)
    theirs = module.train()(x)
    for own, other in zip((ours.output, *ours.aux), (theirs["out"], theirs["one"], theirs["two"]), strict=True):
        assert torch.allclose(own, other, atol=1e-6)


def test_a_head_of_layers_and_functions_is_one_list() -> None:
    found = imported(Mixed(), (3, 8, 8))
    assert "aux:" in found.text
    assert found.net.macs == 6 * 3 * 9 * 36 + 6 * 2  # a head costs nothing in eval mode


class Features(Mixed):
    """One that shows while it trains what it computes anyway."""

    def forward(self, x: Tensor) -> Any:
        x = self.body(x)
        features = x.mean([2, 3])
        y = self.last(features)
        return (y, features) if self.training else y


def test_what_is_computed_anyway_is_no_head() -> None:
    module = Features()
    del module.extra
    told = refusal(module, (3, 8, 8))
    assert "in training mode the module gives a tensor more that it computes in eval mode, too" in told
