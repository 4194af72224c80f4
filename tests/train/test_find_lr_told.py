"""What the learning-rate finder says: its figures are those of what it did, and its advice has been followed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

import netspec
from tests.train.small_runs import PLAIN, small_net

NOISY = """
name: noisy
input: [1, 8, 8]
layers: [Flatten, Linear: 16, ReLU, Linear: 4]
train:
  data: {synthetic: {train: 200, test: 60}}
  validation: 0.2
  batch_size: 20
  epochs: 3
  optimizer: {SGD: {lr: 0.1}}
  loss: CrossEntropyLoss
"""


def test_a_curve_too_rough_to_see_a_fall_in_is_to_be_made_of_more_steps_and_not_of_higher_rates() -> None:
    net = netspec.loads(NOISY)
    curve = netspec.find_lr(net, device="cpu")
    assert curve.suggestion is None
    assert curve.ended == "at the highest rate"
    assert "highest=" not in curve.advice
    (steps,) = re.findall("`steps=(.+?)`", curve.advice)
    assert netspec.find_lr(net, device="cpu", steps=int(steps)).suggestion is not None


def test_a_step_has_no_more_examples_than_there_are() -> None:
    curve = netspec.find_lr(small_net(PLAIN, batch_size=1000), steps=20, device="cpu")
    assert curve.batch == 36
    assert " steps of 36 examples " in curve.text()


def test_a_loss_of_any_size_has_a_table() -> None:
    net = small_net(PLAIN.replace("data: {synthetic: {train: 36, test: 12}}", "data: given"))
    x = torch.randn(40, 1, 6, 6, generator=torch.Generator().manual_seed(1)) * 1e28
    curve = netspec.find_lr(net, data=(x, torch.arange(40) % 3), device="cpu")
    assert len(curve.text().splitlines()) > 4
    assert curve.advice


@pytest.mark.parametrize(
    ("call", "given", "words"),
    [
        (netspec.find_lr, {"step": 30}, "find_lr has no option `step`; did you mean `steps`?"),
        (netspec.find_lr, {"epochs": 3}, "find_lr has no option `epochs`; of the recipe it is set with"),
        (netspec.train, {"max_step": 3}, "train has no option `max_step`; did you mean `max_steps`?"),
    ],
)
def test_an_option_that_is_none_is_told_by_the_name_of_the_call(call: Any, given: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(small_net(PLAIN), **given)
    assert str(caught.value).startswith(words)
