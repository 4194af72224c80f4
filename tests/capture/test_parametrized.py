"""Weights that are computed of others, and pads in front of pools."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

import netspec
from tests.capture.modules import around
from tests.capture.test_from_torch import equal, imported, refusal


class Standardized(nn.Conv2d):
    """A convolution whose weight has mean 0 and variance 1, perhaps with a gain, as timm has them."""

    def __init__(self, width: int, out: int, *, gain: bool = False, gamma: float = 1.0) -> None:
        super().__init__(width, out, 3)  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
        self.gain = nn.Parameter(torch.ones(out, 1, 1, 1)) if gain else None
        self.scale = gamma * self.weight[0].numel() ** -0.5

    def forward(self, input: Tensor) -> Tensor:
        factors = None if self.gain is None else (self.gain * self.scale).view(-1)
        weight = F.batch_norm(
            self.weight.reshape(1, self.out_channels, -1), None, None, weight=factors, training=True, eps=1e-5
        ).reshape_as(self.weight)
        return F.conv2d(input, weight, self.bias)


def test_normed_weights_are_those_of_a_spec() -> None:
    module = nn.Sequential(
        parametrizations.weight_norm(nn.Conv1d(3, 4, 3)),
        nn.ReLU(),
        parametrizations.spectral_norm(nn.ConvTranspose1d(4, 5, 3)),
    )
    found = imported(module, (3, 9))
    assert "{Conv1d: {out_channels: 4, kernel_size: 3}, parametrize: weight_norm}" in found.text
    assert "parametrize: spectral_norm}" in found.text
    assert found.keeps_keys
    assert equal(module, found, (3, 9))


def test_the_older_hook_of_the_weight_norm_is_the_same_with_other_keys() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch asks for the newer one
        module = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.utils.weight_norm(nn.Linear(4, 3), dim=-1))
    found = imported(module, (6,))
    assert "parametrize: {weight_norm: {dim: null}}" in found.text
    assert found.keys["2.parametrizations.weight.original1"] == "2.weight_v"


def test_the_older_hook_of_the_spectral_norm_is_refused_since_it_steps_in_another_order() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        module = nn.Sequential(nn.utils.spectral_norm(nn.Linear(6, 4)))
    assert "spec cannot say" in refusal(module, (6,))


@pytest.mark.parametrize(
    ("gain", "gamma", "told"),
    [
        (False, 1.0, "{weight_standardization: {eps: 1e-05}}"),
        (True, 1.7139588594436646, "{weight_standardization: {eps: 1e-05, gain: true, gamma: 1.713958859444}}"),
    ],
)
def test_weights_that_a_program_standardises_are_known(gain: bool, gamma: float, told: str) -> None:
    module = nn.Sequential(Standardized(3, 4, gain=gain, gamma=gamma), nn.ReLU(), nn.Conv2d(4, 2, 1))
    found = imported(module, (3, 9, 9))
    assert f"parametrize: {told}" in found.text
    assert found.keys["0.parametrizations.weight.original"] == "0.weight"
    built = netspec.build(found.net)
    assert sum(p.numel() for p in built.parameters()) == sum(p.numel() for p in module.parameters())


class Plain(nn.Conv2d):
    """A convolution whose `forward` is written anew."""

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.weight, self.bias)


def test_a_function_in_a_numbered_module_keeps_its_number() -> None:
    found = imported(nn.Sequential(Plain(3, 4, 3), nn.ReLU(), Plain(4, 2, 1)), (3, 9, 9))
    assert found.keeps_keys


class Blurred(nn.Module):
    """A fixed filter of each channel."""

    def __init__(self, *, persistent: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        filters = torch.tensor([[1.0, 2, 1], [2, 8, 2], [1, 2, 1]]).expand(4, 1, 3, 3) / 20
        self.register_buffer("filters", filters.clone(), persistent=persistent)

    def forward(self, x: Tensor) -> Tensor:
        filters: Any = self.filters
        return F.conv2d(self.first(x), filters, stride=2, groups=4)


def test_a_filter_that_is_a_buffer_does_not_train() -> None:
    found = imported(Blurred(persistent=True), (3, 9, 9))
    assert "freeze: true" in found.text
    assert not found.notes
    built = netspec.build(found.net)
    assert [name for name, p in built.named_parameters() if not p.requires_grad] == ["filters.weight"]


def test_a_filter_that_is_not_saved_and_no_blur_is_refused() -> None:
    assert "`filters` is a buffer that is not saved with the weights" in refusal(Blurred(persistent=False), (3, 9, 9))


def _lowest(*pad: int, kernel: int = 3) -> Callable[[Any, Tensor], Tensor]:
    return lambda self, x: F.max_pool2d(F.pad(self.a(x), pad, value=float("-inf")), kernel, 2)


@pytest.mark.parametrize(
    ("pad", "kernel", "told"),
    [
        ((0, 1, 0, 1), 3, "{kernel_size: 3, stride: 2, ceil_mode: true}"),
        ((1, 1, 2, 2), 5, "{kernel_size: 5, stride: 2, padding: [2, 1]}"),
        ((1, 1, 1, 1), 3, "{kernel_size: 3, stride: 2, padding: 1}"),
    ],
)
def test_a_pad_that_a_pool_of_maxima_does_is_that_of_the_pool(pad: tuple[int, ...], kernel: int, told: str) -> None:
    module = around(_lowest(*pad, kernel=kernel), nn.Conv2d(3, 4, 3))
    found = imported(module, (3, 18, 18))
    assert f"MaxPool2d: {told}" in found.text
    assert equal(module, found, (3, 18, 18))


def test_a_pad_in_front_alone_is_none_of_a_pool() -> None:
    told = refusal(around(_lowest(1, 0, 1, 0), nn.Conv2d(3, 4, 3)), (3, 17, 17))
    assert "a pad of `-inf` that is no pad of the pool of maxima behind it" in told
