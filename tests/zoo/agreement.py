"""Whether the net of a spec is a module written by hand: equal parameters, equal outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import netspec
from netspec.torch import verify
from tests.zoo import proof

SPECS = Path(__file__).parents[2] / "specs"


class Residual(nn.Module):
    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)  # type: ignore[no-any-return]


def agree(spec: str, theirs: nn.Module, *, variant: str | None = None, set: dict[str, Any] | None = None) -> None:
    """Assert that a net has the parameters of a module, and with its weights its outputs, in double precision.

    The weights are drawn, so that factors which begin as 0 or 1 count too. The order in which both use their tensors
    carries them over; shapes must be equal, since a warning is an error.
    """
    net = netspec.load(SPECS / f"{spec}.yaml", variant=variant, set=set or {})
    assert net.params == sum(parameter.numel() for parameter in theirs.parameters())
    proof.fill(theirs.eval())
    inputs = verify.example(net, 2, torch.Generator().manual_seed(0))
    model = netspec.build(net).eval()
    model.load_state_dict(netspec.transfer(theirs, net, example=inputs))
    model, theirs = model.double(), theirs.double()
    inputs = tuple(value.double() if value.is_floating_point() else value for value in inputs)
    with torch.no_grad():
        found, expected = tree_leaves(model(*inputs)), tree_leaves(theirs(*inputs))
    assert [tensor.shape for tensor in found] == [tensor.shape for tensor in expected]
    for ours, other in zip(found, expected, strict=True):
        assert ours.std() > 0
        assert (ours - other).abs().max() <= 1e-9 * other.abs().max()
    assert not netspec.verify(net).disagreements
