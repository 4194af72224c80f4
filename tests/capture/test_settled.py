"""Programs that look at numbers of their inputs, and go another way for them or not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.importing import from_torch
from tests.capture.modules import around
from tests.capture.test_from_torch import imported, refusal


class Warns(nn.Module):
    """As the models of Hugging Face do, which look for padding where they are given no mask."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 4)
        self.told: list[str] = []

    def forward(self, ids: Tensor) -> Tensor:
        if 0 in ids[:, [-1, 0]]:
            self.told.append("padding, and no mask")
            if (ids[:, 0] == 0).all():
                self.told.append("in front")
        return self.words(ids)


def test_a_program_that_computes_the_same_whatever_it_finds_has_read_nothing() -> None:
    found = from_torch(Warns(), torch.randint(0, 9, (2, 5)))
    assert found.text.endswith("Embedding: {num_embeddings: 9, embedding_dim: 4}, name: words}\n")


def _scaled(self: Any, x: Tensor) -> Tensor:
    return self.a(x) * 2.0 if x.mean() > 0 else self.a(x)


def _scaled_by_a_number(self: Any, x: Tensor) -> Tensor:
    return self.a(x) * (2.0 if x.max() > 100 else 3.0)


def _seldom(self: Any, x: Tensor) -> Tensor:
    """Goes another way behind two truth values alone."""
    if x.max() > 100:
        x = self.a(x)
        return x.relu() if x.min() > 1000 else x
    return self.a(x)


def _counted(self: Any, x: Tensor) -> Tensor:
    warnings.warn("many", stacklevel=2) if int((x > 0).sum()) > 1000 else None
    return self.a(x)


def _forever(self: Any, x: Tensor) -> Tensor:
    while not bool(x.sum() > 1e9):
        pass
    return self.a(x)


@pytest.mark.parametrize("forward", [_scaled, _scaled_by_a_number, _seldom, _counted, _forever])
def test_a_program_that_may_go_on_as_numbers_say_is_refused(forward: Callable[..., Tensor]) -> None:
    assert "reads the numbers in a tensor" in refusal(around(forward, nn.Linear(4, 4)), (4,))


def _checked(self: Any, x: Tensor) -> Tensor:
    if bool(torch.isfinite(x).all()):
        return self.a(x)
    return self.a(x)


def test_ways_that_are_the_same_are_one() -> None:
    assert "Linear: 4" in imported(around(_checked, nn.Linear(4, 4)), (4,)).text
