"""The closed table of initialisers is torch's own: every function, and every argument with its default."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

import netspec
from netspec.initializers import FUNCTIONS, arguments_of

GIVEN = ("tensor", "generator")  # the parameter, and what a seed decides


def test_every_initialiser_of_torch_is_in_the_table():
    ours = {name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")}
    assert set(FUNCTIONS) == ours


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_initialiser_has_the_arguments_and_defaults_of_torchs(name: str) -> None:
    torchs = inspect.signature(getattr(nn.init, name)).parameters
    theirs = {n: p.default for n, p in torchs.items() if n not in GIVEN and p.default is not inspect.Parameter.empty}
    fields = arguments_of(name).model_fields
    assert {n: field.default for n, field in fields.items() if not field.is_required()} == theirs
    assert list(fields) == [n for n in torchs if n not in GIVEN]


def test_an_orthogonal_matrix_may_be_turned_round() -> None:
    """Of all that `gain` scales, only this has no standard deviation that must not be negative."""
    text = "input: [4]\nlayers: [Linear: 3]\ninit: {Linear: {orthogonal_: {gain: -1}}}\n"
    assert netspec.verify(netspec.loads(text)).disagreements == ()
