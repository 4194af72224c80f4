"""Networks as researchers write them become specs, each proven."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.importing import from_torch
from tests.capture.researchers import (
    AngularMargin,
    AttendingDecoder,
    Capsules,
    Characters,
    Documents,
    Prototypes,
    RadialKan,
    TwinCritic,
)

CASES: list[tuple[type[nn.Module], tuple[Tensor, ...], str]] = [
    (AttendingDecoder, (torch.randint(0, 20, (2, 5)), torch.randint(0, 12, (2, 3))), "shared: decoder"),
    (Characters, (torch.randint(0, 20, (2, 7)),), "output: ["),
    (Documents, (torch.randint(0, 30, (2, 3, 5)),), "each:"),
    (Capsules, (torch.randn(2, 1, 9, 9),), "Norm: 2"),
    (AngularMargin, (torch.randn(2, 6),), "einsum:"),
    (Prototypes, (torch.randn(2, 5, 3, 6), torch.randn(2, 7, 6)), "Norm: 3"),
    (RadialKan, (torch.randn(2, 4),), "Exp"),
    (TwinCritic, (torch.randn(2, 4), torch.randn(2, 2)), "Min:"),
]


@pytest.mark.parametrize(("kind", "example", "said"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_researchers_network_is_imported(kind: type[nn.Module], example: tuple[Tensor, ...], said: str) -> None:
    found = from_torch(kind(), *example, name="net")
    assert found.difference is not None and found.difference <= 1e-9
    assert said in found.text
