"""torch's own transformers are layers of a spec, with the masks that a program gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import FromTorch, from_torch
from tests.capture.modules import around
from tests.capture.test_from_torch import imported


class Translator(nn.Module):
    """`nn.Transformer` with or without a mask that hides what comes later."""

    def __init__(self, *, masked: bool = False, **arguments: Any) -> None:
        super().__init__()
        self.transformer = nn.Transformer(16, 2, 1, 2, 32, batch_first=True, **arguments)
        self.head = nn.Linear(16, 5)
        self.masked = masked

    def forward(self, x: Tensor, y: Tensor, pad: Tensor | None = None) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(y.shape[1]) if self.masked else None
        y = self.transformer(x, y, tgt_mask=mask, src_key_padding_mask=pad, memory_key_padding_mask=pad)
        return self.head(y)


def agrees(module: nn.Module, found: FromTorch, *inputs: Tensor) -> bool:
    model = netspec.build(found.net)
    model.load_state_dict(module.state_dict())
    return torch.allclose(model.eval()(*inputs), module.eval()(*inputs), atol=1e-5)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_whole_transformer_is_one_layer() -> None:
    module = Translator(masked=True, norm_first=True, activation="gelu", dropout=0.2)
    x, y = torch.randn(2, 6, 16), torch.randn(2, 4, 16)
    found = from_torch(module, x, y)
    assert "Transformer: {nhead: 2, num_encoder_layers: 1" in found.text
    assert "tgt_is_causal: true" in found.text
    assert "norm_first: true" in found.text
    assert len(found.net.layers) == 2
    assert found.keeps_keys
    assert agrees(module, found, x, y)


def test_padding_is_an_input_of_truth_values() -> None:
    module = Translator()
    inputs = torch.randn(2, 6, 16), torch.randn(2, 4, 16), torch.tensor([[False] * 4 + [True] * 2] * 2)
    found = from_torch(module, *inputs)
    assert "src_key_padding_mask: pad, memory_key_padding_mask: pad" in found.text
    assert agrees(module, found, *inputs)


def _changes_a_norm(module: Translator) -> None:
    module.transformer.decoder.norm = nn.LayerNorm(16, eps=1e-3)


def _changes_a_layer(module: Translator) -> None:
    module.transformer.encoder.layers[0].dropout = nn.Dropout(0.5)


@pytest.mark.parametrize("change", [_changes_a_norm, _changes_a_layer])
def test_a_transformer_whose_parts_were_replaced_is_written_as_its_parts(change: Callable[[Any], None]) -> None:
    module = Translator()
    change(module)
    x, y = torch.randn(2, 6, 16), torch.randn(2, 4, 16)
    found = from_torch(module, x, y)
    assert "- {Transformer:" not in found.text
    assert "TransformerEncoderLayer" in found.text or "SelfAttention" in found.text
    assert agrees(module, found, x, y)


def test_a_unit_that_copies_of_torch_replace_is_kept() -> None:
    layer = nn.TransformerDecoderLayer(16, 2, 32, activation=nn.SiLU(), batch_first=True)
    assert "SiLU" in from_torch(layer, torch.randn(2, 5, 16), torch.randn(2, 4, 16)).text


class Encoder(nn.Module):
    """`nn.TransformerEncoder`, perhaps with a norm behind it, and the batch in first or in second place."""

    def __init__(self, *, norm: bool, batch_first: bool, masked: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=batch_first)
        behind = nn.LayerNorm(16) if norm else None
        self.encoder = nn.TransformerEncoder(layer, 3, behind, enable_nested_tensor=False)
        self.batch_first = batch_first
        self.masked = masked

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        length = x.shape[1]
        mask = torch.triu(torch.ones(length, length, dtype=torch.bool), 1) if self.masked else None
        x = x if self.batch_first else x.transpose(0, 1)
        x = self.encoder(x, mask=mask, src_key_padding_mask=pad)
        return x if self.batch_first else x.transpose(0, 1)


@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
@pytest.mark.parametrize("batch_first", [False, True], ids=["second", "first"])
@pytest.mark.filterwarnings("ignore:Support for mismatched")
def test_encoders_with_masks_are_layers(norm: bool, batch_first: bool) -> None:
    module = Encoder(norm=norm, batch_first=batch_first, masked=norm)
    x, pad = torch.randn(2, 7, 16), torch.tensor([[False] * 5 + [True] * 2] * 2)
    found = from_torch(module, x, pad)
    word = "TransformerEncoderLayer: {nhead: 4" if norm else "TransformerEncoder: {encoder_layer: {nhead: 4"
    assert word in found.text
    assert ("is_causal: true" in found.text) is norm
    assert "src_key_padding_mask: pad" in found.text
    assert len(found.text.splitlines()) < 14
    assert found.keeps_keys
    assert agrees(module, found, x, pad)


LATER = torch.ones(9, 9, dtype=torch.bool).triu(1)


@pytest.mark.parametrize("persistent", [False, True])
def test_a_part_of_a_mask_that_hides_what_comes_later_is_a_word(persistent: bool) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
            self.register_buffer("later", LATER, persistent=persistent)

        def forward(self, x: Tensor) -> Tensor:
            mask = self.later[: x.shape[1], : x.shape[1]]
            return self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]

    found = from_torch(Net(), torch.randn(2, 7, 16))
    assert "SelfAttention: {num_heads: 2, is_causal: true}" in found.text
    assert found.keeps_keys is not persistent
    assert found.left_out == ({"later"} if persistent else frozenset())
    assert any(note.startswith("`later`: no key of the spec") for note in found.notes) is persistent


def _in_windows(self: Any, x: Tensor) -> Tensor:
    near = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril(1).triu(-1)
    return self.a(x, x, x, attn_mask=~near)[0]


def _by_distance(self: Any, x: Tensor) -> Tensor:
    places = torch.arange(x.shape[1])
    return self.a(x, x, x, attn_mask=-(places[:, None] - places).abs().float())[0]


@pytest.mark.parametrize("forward", [_in_windows, _by_distance])
def test_any_other_mask_is_written_as_numbers(forward: Any) -> None:
    found = from_torch(around(forward, nn.MultiheadAttention(16, 2, batch_first=True)), torch.randn(2, 5, 16))
    assert "attn_mask: x_2" in found.text
    assert "for k in range(5)] for i in range(5)]" in found.text or "Buffer: {value: [[" in found.text


def _hides_by_its_numbers(self: Any, x: Tensor) -> Tensor:
    return self.a(x, x, x, key_padding_mask=x[:, :, 0] > 0)[0]


def test_a_mask_that_is_compared_with_a_number_is_one_of_the_spec() -> None:
    found = imported(around(_hides_by_its_numbers, nn.MultiheadAttention(16, 2, batch_first=True)), (9, 16))
    assert "Greater: 0" in found.text


def _hides_by_another(self: Any, x: Tensor) -> Tensor:
    return self.a(x, x, x, key_padding_mask=x[:, :, 0] > x[:, :, 1])[0]


def test_a_mask_that_compares_two_tensors() -> None:
    found = imported(around(_hides_by_another, nn.MultiheadAttention(16, 2, batch_first=True)), (5, 16))
    assert "Greater: 0" in found.text and "key_padding_mask: " in found.text


def test_a_batch_in_another_place_is_told() -> None:
    module = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32), 1, enable_nested_tensor=False)
    with pytest.raises(NotCaptured, match="with `batch_first=False` the batch is the second axis"):
        from_torch(module, torch.randn(2, 5, 16))


class _OfReal(nn.Module):
    """Attention that is given a mask which is true where a token is real, the opposite of torch's."""

    def __init__(self, *, causal: bool, other: bool = False) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.causal, self.other = causal, other

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1) if self.causal else None
        memory = 2 * x if self.other else x
        return self.attention(x, memory, memory, key_padding_mask=~real, attn_mask=later)[0]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_the_opposite_of_an_input_is_a_mask_of_what_takes_part(causal: bool, first: bool) -> None:
    """Whichever truth values the example has: a first query whose only key is hidden has no finite numbers."""
    real = torch.full((2, 5), first)
    found = from_torch(_OfReal(causal=causal), torch.randn(2, 5, 16), real)
    assert f"SelfAttention: {{num_heads: 2, {'is_causal: true, ' if causal else ''}mask: real}}" in found.text


def test_the_opposite_of_a_mask_is_computed_where_a_layer_has_no_word_for_it() -> None:
    real = torch.ones(2, 5, dtype=torch.bool)
    found = from_torch(_OfReal(causal=False, other=True), torch.randn(2, 5, 16), real)
    assert "Equal: 0" in found.text
