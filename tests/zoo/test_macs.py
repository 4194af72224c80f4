"""Torch's `FlopCounterMode` counts the multiply-accumulates that every shipped network says.

What a test compares with a module of its own is counted there, at a small size. Of the other specs the ordinary run
counts the variant with the fewest, and the slow one all of all specs.
"""

from __future__ import annotations

import pytest

import netspec
from netspec.layers.linear import Linear
from tests.zoo import families, macs
from tests.zoo.agreement import SPECS

SHIPPED = families.shipped()
OTHERS = sorted({spec for spec, _ in SHIPPED} - families.compared_by_hand())


@pytest.mark.parametrize("spec", OTHERS)
def test_torch_counts_the_multiply_accumulates_of_a_spec_that_no_other_test_counts(spec: str) -> None:
    variants = [variant for name, variant in SHIPPED if name == spec]
    fewest = min(variants, key=lambda variant: families.counts(spec, variant)[1])
    assert macs.differing(netspec.load(SPECS / f"{spec}.yaml", variant=fewest)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "variant"), SHIPPED)
def test_torch_counts_the_multiply_accumulates_of_every_network(spec: str, variant: str | None) -> None:
    assert macs.differing(netspec.load(SPECS / f"{spec}.yaml", variant=variant)) == []


def test_a_wrong_rule_is_named_with_its_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Linear, "macs", lambda self, x: x.shape[0] * self.out_features + self.out_features)
    net = netspec.loads("input: [6]\nlayers: [Linear: 4, ReLU, residual: [Linear: 4]]")
    assert macs.differing(net) == [
        "torch counts 40 multiply-accumulates, the net says 48",
        "layer 0, Linear: torch counts 24, its rule 28",
        "layer 2.body.0, Linear: torch counts 16, its rule 20",
    ]
