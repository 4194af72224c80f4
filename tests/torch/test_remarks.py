"""What warnings and notes say in numbers, held against torch."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import netspec
from netspec.compiler import check_source
from netspec.diagnostics import Code, Diagnostic
from netspec.layers.windows import data_met, data_read, window_size
from netspec.recipe.losses.classes import CrossEntropyLoss
from netspec.recipe.losses.values import BCEWithLogitsLoss
from netspec.text.source import Source


def found(text: str, code: Code) -> Diagnostic | None:
    """The finding of this code about a text, if there is one."""
    return next((d for d in check_source(Source("spec.yaml", text), notes=True) if d.code == code), None)


# ---- in place

MAKERS = (
    "Linear: 8", "Sigmoid", "Tanh", "ReLU", "GELU", "SiLU", "Softplus", "Softmax: 1", "LogSoftmax: 1", "LayerNorm",
    "ELU", "LeakyReLU: {inplace: true}", "ReLU: {inplace: true}", "Hardtanh: {inplace: true}", "Dropout: 0.5",
    "Dropout: {p: 0.5, inplace: true}", "Hardswish", "Identity",
)  # fmt: skip
WRITERS = ("ReLU", "ELU", "LeakyReLU", "Hardtanh", "SiLU", "Dropout", "CELU", "Hardsigmoid")


@pytest.mark.parametrize("view", ["", "Unflatten: {dim: 1, unflattened_size: [2, 4]}, "])
@pytest.mark.parametrize(("maker", "writer"), list(product(MAKERS, WRITERS)))
def test_what_corrupts_is_what_torch_refuses_to_go_back_through(maker: str, writer: str, view: str) -> None:
    text = f"input: [8]\nlayers: [Linear: 8, {maker}, {view}{writer}: {{inplace: true}}]\n"
    model = netspec.build(netspec.loads(text))
    try:
        model(torch.randn(2, 8)).sum().backward()
        refused = False
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)
        refused = True
    assert (found(text, "inplace-corrupts") is not None) == refused


@pytest.mark.parametrize("first", ["ReLU", "Dropout", "SiLU", "AlphaDropout", "Identity", "Flatten"])
def test_what_writes_over_the_input_does_so(first: str) -> None:
    inplace = "" if first in ("Identity", "Flatten") else ": {inplace: true}"
    text = f"input: [8]\nlayers: [{first}{inplace}, Linear: 2]\n"
    x = torch.randn(4, 8)
    before = x.clone()
    netspec.build(netspec.loads(text))(x)
    assert (found(text, "inplace-corrupts") is not None) == (not torch.equal(x, before))


# ---- windows


@given(n=st.integers(1, 12), k=st.integers(1, 5), s=st.integers(1, 4), p=st.integers(0, 5), d=st.integers(1, 6))
def test_what_windows_meet_is_what_gradients_reach(n: int, k: int, s: int, p: int, d: int) -> None:
    windows = window_size(n, k, s, p, d)
    if not isinstance(windows, int) or n + 2 * p < d * (k - 1) + 1:
        return
    conv = nn.Conv1d(1, 1, k, stride=s, padding=p, dilation=d, bias=False, dtype=torch.float64)
    nn.init.ones_(conv.weight)
    x = torch.ones(1, 1, n, dtype=torch.float64, requires_grad=True)
    conv(x).sum().backward()
    assert conv.weight.grad is not None and x.grad is not None
    assert data_met((n,), (windows,), [(k, s, p, d)]) == [conv.weight.grad.flatten().tolist()]
    assert data_read((n,), (windows,), [(k, s, p, d)]) == (int((x.grad != 0).sum()),)


@pytest.mark.parametrize(
    ("size", "arguments"),
    [(1, "kernel_size: 3, padding: 1"), (1, "kernel_size: 3, padding: same"), (2, "kernel_size: 5, padding: 2"),
     (6, "kernel_size: 3, padding: 12, dilation: 12"), (3, "kernel_size: 4, padding: 1, stride: 4"),
     (2, "kernel_size: 3, padding: 1"), (7, "kernel_size: 3, padding: 1")],
)  # fmt: skip
def test_the_weights_that_do_nothing_are_those_without_a_gradient(size: int, arguments: str) -> None:
    text = f"input: [4, {size}, {size}]\nlayers:\n  - Conv2d: {{out_channels: 6, {arguments}}}\n"
    model = netspec.build(netspec.loads(text))
    model(torch.rand(2, 4, size, size) + 1).sum().backward()
    weight = next(model.parameters())
    assert weight.grad is not None
    idle = int((weight.grad == 0).sum())
    told = found(text, "padding-only")
    assert (told is not None) == (idle > 0)
    assert told is None or f"{idle:,} of {weight.numel():,} weights do nothing" in told.message


# ---- matrices


@pytest.mark.parametrize(
    ("first", "second"),
    [("kernel_size: 3", "kernel_size: 3"), ("kernel_size: 3, stride: 2", "kernel_size: 3, dilation: 2"),
     ("kernel_size: 2, dilation: 3", "kernel_size: [1, 4]"), ("kernel_size: 1", "kernel_size: 1")],
)  # fmt: skip
def test_two_convolutions_read_as_far_as_the_one_that_they_are(first: str, second: str) -> None:
    text = (
        f"input: [2, 30, 30]\nlayers:\n  - Conv2d: {{out_channels: 4, {first}}}\n"
        f"  - Conv2d: {{out_channels: 3, {second}}}\n"
    )
    told = found(text, "nothing-between")
    model = netspec.build(netspec.loads(text))
    for weight in model.parameters():
        nn.init.ones_(weight)
    x = torch.ones(1, 2, 30, 30, requires_grad=True)
    model(x)[0, 0, 0, 0].backward()
    assert x.grad is not None
    rows, columns = x.grad[0, 0].nonzero().max(dim=0).values.tolist()
    assert told is not None and f"a kernel of {rows + 1} × {columns + 1}" in told.message
    assert f"{sum(p.numel() for p in model.parameters()):,} parameters" in told.message


def test_the_bias_in_front_of_a_norm_does_nothing() -> None:
    text = "input: [3, 8, 8]\nlayers:\n  - Conv2d: {out_channels: 5, kernel_size: 3}\n  - BatchNorm2d\n"
    told = found(text, "bias-before-norm")
    assert told is not None and "5 parameters do nothing" in told.message
    model = netspec.build(netspec.loads(text)).double()
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    before = model(x)
    bias = dict(model.named_parameters())["0.bias"]
    assert bias.numel() == 5
    nn.init.normal_(bias)
    torch.testing.assert_close(model(x), before)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_dropout_enlarges_the_variance_by_so_much(p: float) -> None:
    text = f"input: [8]\nlayers:\n  - Dropout: {p}\n  - BatchNorm1d\n"
    told = found(text, "dropout-before-norm")
    assert told is not None and f"{1 / (1 - p):.3g} = 1 / (1 − {p})" in told.message
    torch.manual_seed(0)
    x = torch.randn(200_000)
    assert nn.Dropout(p)(x).var() / x.var() == pytest.approx(1 / (1 - p), rel=0.02)


# ---- losses


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("values", ["probabilities", "a probability each"])
def test_the_loss_of_probabilities_falls_no_lower(classes: int, values: str) -> None:
    ending = CrossEntropyLoss.ending
    assert ending is not None
    least = ending.least(values, classes)  # type: ignore[arg-type]  # both are `Values`
    best = torch.zeros(1, classes)
    best[0, 0] = 1
    assert least == pytest.approx(nn.CrossEntropyLoss()(best, torch.tensor([0])).item())


def test_the_loss_of_a_sigmoid_s_sigmoid_falls_no_lower() -> None:
    ending = BCEWithLogitsLoss.ending
    assert ending is not None
    least = ending.least("a probability each", 1)
    assert least == pytest.approx(math.log(2))
    assert least == pytest.approx(nn.BCEWithLogitsLoss()(torch.zeros(1), torch.zeros(1)).item())
