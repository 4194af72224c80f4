"""Each network of a family has its published size; where timm is installed it is timm's network, with equal outputs."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import pytest
import torch
import yaml

import netspec
from tests.zoo import proof
from tests.zoo.agreement import SPECS
from tests.zoo.published import SIZES, Published

FROM_TIMM = [row for row in SIZES if row.source.startswith("timm:")]


@pytest.mark.parametrize("row", SIZES, ids=lambda row: f"{row.spec}-{row.variant}")
def test_a_network_has_its_published_size(row: Published) -> None:
    assert netspec.load(SPECS / f"{row.spec}.yaml", variant=row.variant).params == row.params


def test_every_variant_of_timms_has_a_size() -> None:
    named = {(row.spec, row.variant) for row in SIZES}
    assert len(named) == len(SIZES)
    for spec in {row.spec for row in FROM_TIMM}:
        text = yaml.safe_load((SPECS / f"{spec}.yaml").read_text(encoding="utf-8"))
        assert {variant for name, variant in named if name == spec} == set(text.get("variants", [None])), spec


def timms(row: Published, **options: Any) -> torch.nn.Module:
    """timm's module, without pretrained weights."""
    timm = pytest.importorskip("timm")
    return timm.create_model(row.source.removeprefix("timm:"), **options)  # type: ignore[no-any-return]


@pytest.mark.parametrize("row", FROM_TIMM, ids=lambda row: row.source)
def test_timms_network_has_that_size(row: Published) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in timms(row).parameters()) == row.params


@pytest.mark.parametrize("row", [row for row in FROM_TIMM if row.pixels], ids=lambda row: row.source)
def test_the_outputs_are_those_of_timms(row: Published) -> None:
    """What timm computes of positions is in single precision: so far the outputs agree."""
    net = netspec.load(SPECS / f"{row.spec}.yaml", variant=row.variant, set={"input": [3, row.pixels, row.pixels]})
    make = partial(timms, row)
    try:
        theirs = make(img_size=row.pixels)
    except TypeError:  # a network of convolutions, which takes any size
        theirs = make()
    proof.fill(theirs.eval())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # parameters of 1 × 1 × C are C here
        state = netspec.transfer(theirs, net)
    model = netspec.build(net).eval()
    model.load_state_dict(state)
    image = torch.randn(2, 3, row.pixels, row.pixels, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        assert proof.relative(model.double()(image), theirs.double()(image)) < 1e-7
