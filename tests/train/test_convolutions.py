"""Convolutions by the phases of their input, and with the ReLU behind them, give what torch's modules give.

cuDNN's kernel is not there on a CPU: the same function by torch's operations stands for it, so that the gradient and
the choice of modules are tested everywhere; the kernel itself is tested on a GPU.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.trainer.machine import convolutions
from netspec.trainer.machine.convolutions import few, plain, suit_tensor_cores
from netspec.trainer.setup import assembly
from netspec.trainer.step.parameters import matches

PLAIN = nn.Conv2d(1, 96, kernel_size=11, stride=4, padding=1)


def by_phases(module: nn.Conv2d) -> nn.Conv2d:
    """A copy that computes by phases."""
    found = copy.deepcopy(module)
    suit_tensor_cores(found)
    assert isinstance(found, convolutions.Conv2d)
    assert found.by_phases
    return found


@given(
    channels=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    stride=st.integers(2, 5),
    more=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    size=st.tuples(st.integers(12, 40), st.integers(12, 40)),
    bias=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_outputs_and_gradients_are_those_of_torch(
    channels: tuple[int, int],
    stride: int,
    more: tuple[int, int],
    padding: tuple[int, int],
    size: tuple[int, int],
    bias: bool,
) -> None:
    kernel = (stride + more[0], stride + more[1])
    plain = nn.Conv2d(*channels, kernel, stride, padding, bias=bias).double()
    ours = by_phases(plain)
    x = torch.randn(2, channels[0], *size, dtype=torch.float64)
    results: list[list[Tensor]] = []
    for module in (plain, ours):
        own = x.clone().requires_grad_()
        y = module(own)
        y.square().sum().backward()
        results.append([y, own.grad, *(p.grad for p in module.parameters())])  # pyright: ignore[reportArgumentType]
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-9)


def test_under_autocast_it_computes_in_the_lower_precision() -> None:
    ours = by_phases(PLAIN)
    x = torch.rand(2, 1, 224, 224)
    with torch.autocast("cpu", torch.bfloat16):
        got, wanted = ours(x), PLAIN(x)
    assert got.dtype == wanted.dtype == torch.bfloat16
    torch.testing.assert_close(got, wanted, rtol=0.02, atol=0.02)
    assert got.is_contiguous(memory_format=torch.channels_last)


def test_keys_weights_and_what_recipes_call_it_stay() -> None:
    ours = by_phases(PLAIN)
    assert list(ours.state_dict()) == ["weight", "bias"]
    assert repr(ours) == repr(PLAIN)
    assert matches("Conv2d", "0.weight", ours)
    again = copy.deepcopy(ours)
    again.weight.data.zero_()
    assert ours.weight.abs().sum() > 0


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (nn.Conv2d(8, 8, 3, 2), "it has channels enough"),
        (nn.Conv2d(1, 6, 5), "stride 1"),
        (nn.Conv2d(3, 8, 3, (2, 1)), "two strides"),
        (nn.Conv2d(3, 8, 3, 2, dilation=2), "dilation"),
        (nn.Conv2d(3, 9, 3, 2, groups=3), "groups"),
        (nn.Conv2d(3, 8, 3, 2, padding=1, padding_mode="reflect"), "its border is no zeros"),
        (nn.Conv2d(3, 8, 3, 4), "it leaves pixels out"),
        (nn.Conv1d(1, 4, 5, 2), "one dimension"),
    ],
)
def test_others_are_left_alone(module: nn.Module, why: str) -> None:
    assert not (plain(module) and few(module)), why


def test_a_cpu_computes_as_ever() -> None:
    """Its kernels need no rewriting, and runs of before go on to the bit."""
    net = netspec.load("specs/alexnet.yaml", set={"train.data": {"synthetic": {"train": 4}}, "train.batch_size": 2})
    trainer = assembly.assemble(net, assembly.Options(device="cpu", precision="bf16"), assembly.World(), "cpu")
    assert not any(isinstance(m, convolutions.Conv2d | convolutions.ReLU) for m in trainer.model.modules())


# ---- with the ReLU


def by_torch(x: Tensor, weight: Tensor, bias: Tensor, *geometry: Any) -> Tensor:
    return torch.relu(F.conv2d(x, weight, bias, *geometry))


NET = nn.Sequential(
    nn.Conv2d(1, 8, 7, stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.ReLU(), nn.Conv2d(8, 4, (3, 1), dilation=2)),
    nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 12, 3), nn.ReLU(),
)  # fmt: skip


@pytest.mark.parametrize("autocast", [False, True])
def test_fused_layers_give_outputs_and_gradients_of_torch_s(autocast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "fused", by_torch)
    ours = copy.deepcopy(NET)
    suit_tensor_cores(ours)
    assert [type(m).__module__ for m in ours.modules() if isinstance(m, nn.ReLU)] == [
        *["netspec.trainer.machine.convolutions"] * 2, *["torch.nn.modules.activation"] * 2
    ]  # fmt: skip
    x = torch.rand(4, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    for net in (NET, ours):
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            y = net(x)
        y.float().square().sum().backward()
    close = {"rtol": 0.05, "atol": 0.05} if autocast else {"rtol": 1e-4, "atol": 1e-5}
    for a, b in zip(NET.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, **close)
    assert list(ours.state_dict()) == list(NET.state_dict())
    assert repr(ours) == repr(NET)


GRAPH = """
input: [1, 12, 12]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
  - as: before
  - ReLU
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
  - ReLU
  - mul: [[], before]
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
  - use: before
  - ReLU
"""


def test_a_relu_behind_a_value_that_is_read_elsewhere_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "fused", by_torch)
    net = netspec.build(netspec.loads(GRAPH), seed=0)
    ours = copy.deepcopy(net)
    suit_tensor_cores(ours)
    assert [isinstance(m, convolutions.ReLU) for m in ours.modules() if isinstance(m, nn.ReLU)] == [False, True, False]
    x = torch.rand(2, 1, 12, 12)
    torch.testing.assert_close(ours(x), net(x))


def test_a_convolution_that_runs_twice_keeps_its_relu_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "fused", by_torch)
    shared = nn.Conv2d(4, 4, 3, padding=1)
    net = nn.Sequential(shared, nn.ReLU(), shared, nn.Conv2d(4, 4, 1), nn.ReLU())
    ours = copy.deepcopy(net)
    suit_tensor_cores(ours)
    assert [type(m) is nn.ReLU for m in (ours[1], ours[4])] == [True, False]
    x = torch.rand(2, 4, 8, 8)
    torch.testing.assert_close(ours(x), net(x))


def test_the_fused_layers_are_compiled_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "fused", by_torch)
    ours = copy.deepcopy(NET)
    suit_tensor_cores(ours)
    forward: Any = torch.compile(ours, backend="aot_eager", fullgraph=True)  # pyright: ignore[reportUnknownMemberType]
    x = torch.rand(4, 1, 48, 48)
    for net in (NET, forward):
        net.zero_grad()
        net(x).square().sum().backward()
    for a, b in zip(NET.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5)
