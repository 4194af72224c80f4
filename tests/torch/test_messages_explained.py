"""What PyTorch and PyYAML really say: `netspec explain` finds the code by the whole message."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import yaml
from torch import nn, zeros

from netspec.cli.explain import nearest_codes
from netspec.diagnostics import Code

FIRST: dict[str, tuple[Code, Callable[[], object]]] = {
    "linear": ("width-mismatch", lambda: nn.Linear(256, 120)(zeros(64, 400))),
    "channels": ("width-mismatch", lambda: nn.Conv2d(3, 16, 3)(zeros(1, 1, 32, 32))),
    "norm": ("width-mismatch", lambda: nn.BatchNorm2d(32)(zeros(2, 48, 4, 4))),
    "layer norm": ("width-mismatch", lambda: nn.LayerNorm(64)(zeros(2, 96))),
    "lstm": ("width-mismatch", lambda: nn.LSTM(128, 64)(zeros(5, 1, 100))),
    "kernel": ("shape-mismatch", lambda: nn.Conv2d(1, 1, 4)(zeros(1, 1, 3, 3))),
    "pool": ("shape-mismatch", lambda: nn.MaxPool2d(7)(zeros(1, 1, 4, 4))),
    "groups": ("shape-mismatch", lambda: nn.Conv2d(24, 32, 3, groups=32)),
    "heads": ("shape-mismatch", lambda: nn.MultiheadAttention(100, 8)),
    "group norm": ("shape-mismatch", lambda: nn.GroupNorm(8, 12)),
    "pixel shuffle": ("shape-mismatch", lambda: nn.PixelShuffle(2)(zeros(1, 3, 4, 4))),
    "view": ("shape-mismatch", lambda: zeros(400).view(-1, 256)),
    "unflatten": ("shape-mismatch", lambda: nn.Unflatten(1, (128, 7, 7))(zeros(1, 6400))),
    "reflection": ("shape-mismatch", lambda: nn.ReflectionPad2d(3)(zeros(1, 1, 3, 3))),
    "conv of a matrix": ("wrong-rank", lambda: nn.Conv2d(1, 1, 3)(zeros(32, 32))),
    "norm of features": ("wrong-rank", lambda: nn.BatchNorm2d(4)(zeros(2, 4))),
    "norm of a map": ("wrong-rank", lambda: nn.BatchNorm1d(4)(zeros(2, 4, 3, 3))),
    "lstm of a map": ("wrong-rank", lambda: nn.LSTM(28, 4)(zeros(1, 1, 28, 28))),
    "ids": ("wrong-dtype", lambda: nn.Embedding(10, 4)(zeros(3))),
    "concat": ("branch-mismatch", lambda: torch.cat([zeros(1, 1, 61, 61), zeros(1, 1, 60, 60)], 1)),
    "add": ("branch-mismatch", lambda: zeros(2, 64) + zeros(2, 128)),
    "stack": ("branch-mismatch", lambda: torch.stack([zeros(2), zeros(3)])),
    "tuple": ("value-kind", lambda: nn.Linear(4, 2)(nn.LSTM(4, 4)(zeros(3, 2, 4)))),
    "groups of the output": ("invalid-argument", lambda: nn.Conv2d(64, 73, 3, groups=2)),
    "dropout": ("invalid-argument", lambda: nn.Dropout(50)),
    "same": ("invalid-argument", lambda: nn.Conv2d(1, 1, 3, stride=2, padding="same")),
    "padding": ("invalid-argument", lambda: nn.MaxPool2d(2, padding=2)(zeros(1, 1, 4, 4))),
    "corners": ("invalid-argument", lambda: nn.Upsample(scale_factor=2, align_corners=True)(zeros(1, 1, 4, 4))),
    "stride": ("invalid-argument", lambda: nn.Conv2d(1, 1, 3, stride=0)(zeros(1, 1, 4, 4))),
    "classes": ("classes-mismatch", lambda: nn.CrossEntropyLoss()(zeros(2, 10), torch.tensor([10, 1]))),
    "one-hot": ("loss-mismatch", lambda: nn.NLLLoss()(zeros(2, 10), zeros(2, 10, dtype=torch.long))),
    "probabilities": ("loss-mismatch", lambda: nn.BCELoss()(zeros(2) + 2, zeros(2))),
    "targets of scores": ("loss-mismatch", lambda: nn.CrossEntropyLoss()(zeros(2, 10, 3), zeros(2, dtype=torch.long))),
    "weights": ("weights-mismatch", lambda: nn.Linear(4, 2).load_state_dict(nn.Linear(4, 3).state_dict())),
    "layer": ("unknown-layer", lambda: nn.Con2d),
    "argument": ("unknown-argument", lambda: nn.Conv2d(1, 2, 3, filters=3)),
    "no argument": ("missing-argument", lambda: nn.Conv2d(1, 2)),
    "optimizer": ("unknown-optimizer", lambda: torch.optim.adam_w),
    "fans": ("init-axes", lambda: nn.init.xavier_uniform_(zeros(3))),
    "colons": ("yaml-syntax", lambda: yaml.safe_load("a: b: c")),
    "tab": ("yaml-syntax", lambda: yaml.safe_load("a:\n\t- b")),
    "bracket": ("yaml-syntax", lambda: yaml.safe_load("a: [1, 2\nb: 3")),
    "tag": ("yaml-tag", lambda: yaml.safe_load("a: !!python/object:x.Y {}")),
    "alias": ("undefined-alias", lambda: yaml.safe_load("a: *b")),
}
AMONG: dict[str, tuple[Code, Callable[[], object]]] = {
    "one value": ("needs-batch-2", lambda: nn.BatchNorm1d(4)(zeros(1, 4))),  # as `batch-of-one` has it
    "dtypes": ("wrong-dtype", lambda: nn.Linear(4, 2)(zeros(3, 4, dtype=torch.long))),
}


def said(provoke: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:  # of whatever class
        provoke()
    return f"{type(caught.value).__name__}: {caught.value}"


@pytest.mark.parametrize("name", FIRST)
def test_the_code_of_a_real_message_is_the_first(name: str) -> None:
    code, provoke = FIRST[name]
    assert nearest_codes(message := said(provoke))[0] == code, (message, nearest_codes(message))


@pytest.mark.parametrize("name", AMONG)
def test_the_code_of_a_real_message_is_among_three(name: str) -> None:
    code, provoke = AMONG[name]
    assert code in nearest_codes(message := said(provoke)), message
