"""Keras's paddings as torch's layers give them: the same values as with what Keras pads, by its own rule."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import product

import pytest
import torch
from torch import nn

from netspec.layers import layer_class
from netspec.mends.paddings import Padded, causal_in_torch, same_in_torch
from tests.mistakes.check import check
from tests.mistakes.test_harmless import fixed


def values(made: Padded) -> dict[str, bool | int]:
    return {key: text == "true" if text in ("true", "false") else int(text) for key, text in made.arguments.items()}


def sides(item: str | None) -> tuple[int, int]:
    """What `ZeroPad1d: {padding: [0, 1]}` pads."""
    found = re.fullmatch(r"ZeroPad1d: \{padding: \[(-?\d+), (-?\d+)\]\}", item or "ZeroPad1d: {padding: [0, 0]}")
    assert found is not None
    return int(found[1]), int(found[2])


def theirs(name: str, n: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """What Keras pads: https://www.tensorflow.org/api_docs/python/tf/nn, under padding."""
    reach = dilation * (kernel - 1) + 1
    total = max((math.ceil(n / stride) - 1) * stride + reach - n, 0)
    return total // 2, total - total // 2


def modules(name: str, made: Padded, given: Mapping[str, int]) -> tuple[nn.Module, nn.Module]:
    """The layer with what it is given, and without any padding, of the same weights."""
    width = {"in_channels": 2, "out_channels": 2} if name.startswith("Conv") else {}
    ours, bare = getattr(nn, name)(**width, **given, **values(made)), getattr(nn, name)(**width, **given)
    bare.load_state_dict(ours.state_dict())
    return ours, bare


def cases(dilations: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    return list(product(range(1, 7), range(1, 5), dilations, range(8, 17)))


@pytest.mark.parametrize("known", [True, False], ids=["of a known size", "of any size"])
@pytest.mark.parametrize("name", ["Conv1d", "MaxPool1d", "AvgPool1d"])
def test_same_gives_the_values_of_keras(name: str, known: bool) -> None:
    found = 0
    for kernel, stride, dilation, n in cases((1, 2) if name == "Conv1d" else (1,)):
        sizes = (kernel,), (stride,), (dilation,)
        made = same_in_torch(layer_class(name), *sizes, [n] if known else None)
        if made is None or made.arguments == {"padding": "same"}:
            continue
        found += 1
        given = {"kernel_size": kernel, "stride": stride, **({"dilation": dilation} if name == "Conv1d" else {})}
        ours, bare = modules(name, made, given)
        x = torch.randn(2, 2, n)
        padding, before = theirs(name, n, kernel, stride, dilation), sides(made.before)
        filled = -math.inf if name == "MaxPool1d" else 0.0
        want = bare(nn.functional.pad(x, padding, value=filled))
        if name == "AvgPool1d":  # of the values that there are
            want = want / bare(nn.functional.pad(torch.ones_like(x), padding))
        torch.testing.assert_close(ours(nn.functional.pad(x, before)), want)
    assert found > (150 if known else 50)


def test_same_of_a_transposed_convolution_cuts_off_where_keras_does() -> None:
    """It is the gradient of the convolution that it is named after."""
    found = 0
    for kernel, stride, dilation, n in cases((1,)):
        made = same_in_torch(layer_class("ConvTranspose1d"), (kernel,), (stride,), (dilation,))
        if made is None:
            continue
        found += 1
        ours, _ = modules("ConvTranspose1d", made, {"kernel_size": kernel, "stride": stride})
        assert isinstance(ours, nn.ConvTranspose1d)
        nn.init.zeros_(ours.bias)
        x = torch.randn(2, 2, n)
        y = torch.zeros(2, 2, n * stride, requires_grad=True)
        padded = nn.functional.pad(y, theirs("", n * stride, kernel, stride, 1))
        nn.functional.conv1d(padded, ours.weight.transpose(0, 1).transpose(0, 1), stride=stride).backward(x)
        assert y.grad is not None
        torch.testing.assert_close(nn.functional.pad(ours(x), sides(made.behind)), y.grad)
    assert found > 150


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_causal_computes_no_value_of_later_ones(dilation: int) -> None:
    made = causal_in_torch(layer_class("Conv1d"), (3,), (dilation,))
    assert made is not None
    net = nn.Sequential(nn.ZeroPad1d(sides(made.before)), nn.Conv1d(1, 1, 3, dilation=dilation))
    x = torch.zeros(1, 1, 12, requires_grad=True)
    y = net(x)
    assert y.shape == x.shape
    y[0, 0, 7].backward()
    assert x.grad is not None
    assert x.grad.nonzero()[:, 2].max() == 7


def test_two_axes_and_one_number_for_both() -> None:
    conv, back = layer_class("Conv2d"), layer_class("ConvTranspose2d")
    assert same_in_torch(conv, (3,), (2,), None, [8, 7]) == Padded({}, "ZeroPad2d: {padding: [1, 1, 0, 1]}")
    assert same_in_torch(conv, (3, 5), (2,), None, [7, 9]) == Padded({"padding": "[1, 2]"})
    assert same_in_torch(conv, (3,), (2,), None) is None
    assert same_in_torch(back, (3,), (2,), None) == Padded({}, None, "ZeroPad2d: {padding: [0, -1, 0, -1]}")


HEAD = "input: [3, 8, 8]\nlayers:\n"


def test_a_stride_is_padded_as_keras_does_or_by_half_the_kernel() -> None:
    """Keras's word first has Keras's meaning; either is offered, and none is done unasked."""
    said = {
        "Conv2D: {filters: 4, kernel_size: 3, strides: 2, padding: same}": ("ZeroPad2d", "padding: 1"),
        "Conv2d: {out_channels: 4, kernel_size: 3, stride: 2, padding: same}": ("padding: 1", "ZeroPad2d"),
        "MaxPooling2D: {pool_size: 3, strides: 2, padding: same}": ("ceil_mode: true", "padding: 1"),
    }
    for item, (first, second) in said.items():
        text = f"{HEAD}  - {item}\n"
        (d,) = check(text)
        assert d.fix is not None
        assert d.otherwise is not None
        assert first in d.fix.title
        assert second in d.otherwise.title
        assert fixed(text) == text


def test_causal_is_mended_where_its_numbers_stand() -> None:
    text = "input: [4, 20]\nlayers:\n  - Conv1d: {out_channels: 4, kernel_size: 3, dilation: 2, padding: causal}\n"
    assert fixed(text) == (
        "input: [4, 20]\nlayers:\n  - ZeroPad1d: {padding: [4, 0]}\n"
        "  - Conv1d: {out_channels: 4, kernel_size: 3, dilation: 2}\n"
    )
