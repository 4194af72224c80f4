"""timm, transformers and diffusers have the same networks, where they are installed: sizes, counts, outputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import netspec
from tests.zoo import libraries
from tests.zoo.libraries import MODELS, Model
from tests.zoo.published import SIZES, Published

FROM_TIMM = [row for row in SIZES if row.source.startswith("timm:")]
SMALL_OF_TIMM = [row for row in FROM_TIMM if row.pixels]
SMALL = [row for row in MODELS if row.small is not None]


def named(row: Published | Model) -> str:
    return f"{row.spec}-{row.variant}"


@pytest.mark.slow
@pytest.mark.parametrize("row", FROM_TIMM, ids=named)
def test_timms_network_has_that_size(row: Published) -> None:
    pytest.importorskip("timm")
    assert libraries.whole_of_timm(row).complaints == []


@pytest.mark.parametrize("row", SMALL_OF_TIMM, ids=named)
def test_the_outputs_are_those_of_timms(row: Published) -> None:
    pytest.importorskip("timm")
    assert libraries.small_of_timm(row).complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("row", MODELS, ids=named)
def test_a_model_of_hugging_face_has_that_size(row: Model) -> None:
    pytest.importorskip(libraries.library_of(row))
    assert libraries.whole_of_hugging_face(row).complaints == []


@pytest.mark.parametrize("row", SMALL, ids=named)
def test_the_outputs_are_those_of_hugging_face(row: Model) -> None:
    pytest.importorskip(libraries.library_of(row))
    assert libraries.small_of_hugging_face(row).complaints == []


class Apart(nn.Module):
    """Attention whose queries, keys and values have a layer each, called in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.v_proj, self.k_proj, self.q_proj, self.out = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        k, v, q = (f(x).unflatten(-1, (2, 4)).transpose(1, 2) for f in (self.k_proj, self.v_proj, self.q_proj))
        weights = (q @ k.mT / 2).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def test_queries_keys_and_values_are_packed_by_their_names() -> None:
    net, theirs = netspec.loads("input: [5, 8]\nlayers: [SelfAttention: 2]"), Apart()
    model = netspec.build(net)
    model.load_state_dict(libraries.packed(theirs, net))
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(model(x), theirs(x))


def test_a_layer_that_nothing_fits_is_named() -> None:
    net = netspec.loads("input: [5, 8]\nlayers: [Linear: 9, SelfAttention: 3]")
    with pytest.raises(ValueError, match=r"no module has the shapes of 0, Linear: \[\(9, 8\), \(9,\)\]"):
        libraries.packed(nn.Linear(8, 8), net)
