"""`Transformer`, encoder and decoder in one layer, against torch's own, on random arguments, sequences and masks.

`python -m tests.layers.test_whole_transformer 500` compares so many nets.
"""

from __future__ import annotations

import sys
import warnings
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

import netspec
from netspec.compiler import check_source
from netspec.layers import layer_class
from netspec.text.source import decode
from netspec.writing import flow
from tests.held import Written, export, hold, near
from tests.layers.test_given_more import below, mask_shape, of_heads, of_keys


def transformer(rng: Random) -> tuple[str, Written]:
    """`Transformer`, and torch's, with any of its masks."""
    heads, read, written = rng.choice([1, 2, 4]), rng.randint(2, 6), rng.randint(2, 6)
    a: dict[str, Any] = {
        "nhead": heads, "num_encoder_layers": rng.randint(1, 2), "num_decoder_layers": rng.randint(1, 2),
        "dim_feedforward": 5, "dropout": rng.choice([0, 0.1]), "activation": rng.choice(["relu", "gelu"]),
        "norm_first": rng.random() < 0.5, "bias": rng.random() < 0.8,
    }  # fmt: skip
    inputs: dict[str, Any] = {"x": [read, 8], "t": [written, 8]}
    given, causal = {"tgt": "t"}, {name: True for name in ("src_is_causal", "tgt_is_causal") if rng.random() < 0.4}
    sizes = {"src": (read, read), "tgt": (written, written), "memory": (written, read)}
    for part, (queries, keys) in sizes.items():
        if rng.random() < 0.4:
            name = given[f"{part}_key_padding_mask"] = f"{part}_padding"
            inputs[name] = [keys, "bool"]
        if (kind := rng.choice(["none", "bool", "given"])) != "none":
            name = given[f"{part}_mask"] = f"{part}_hidden"
            inputs[name] = [*mask_shape(rng, heads, queries, keys), *(["bool"] if kind == "bool" else [])]
    text = f"input: {flow(inputs)}\nlayers: [Transformer: {flow(a | causal | given)}]\n"

    def by_hand(p: dict[str, Tensor], at: dict[str, Tensor]) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says that its encoder does not nest tensors
            module = nn.Transformer(8, **a, batch_first=True).double().eval()
        masks: dict[str, Tensor | None] = {}
        for part, (queries, keys) in sizes.items():
            like = at["t"] if part == "tgt" else at["x"]
            whole = of_heads(at.get(f"{part}_hidden"), len(like), heads, queries, keys)
            if f"{part}_is_causal" in causal:
                whole = torch.zeros(len(like) * heads, queries, keys).double() if whole is None else whole
                whole = whole.masked_fill(torch.ones(queries, keys, dtype=torch.bool).triu(1), -torch.inf)
            masks |= {f"{part}_mask": whole, f"{part}_key_padding_mask": of_keys(at.get(f"{part}_padding"), like)}
        return functional_call(module, below(p, "0."), (at["x"], at["t"]), masks)

    return text, by_hand


def compared(count: int, seed: int = 0) -> None:
    rng = Random(seed)
    for _ in range(count):
        text, by_hand = transformer(rng)
        try:
            hold(text, by_hand)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{text}") from error


@pytest.mark.slow
def test_random_nets_are_torchs_and_cost_what_torch_counts() -> None:
    compared(20)


def test_a_whole_transformer_is_torchs_to_the_bit_from_the_same_seed() -> None:
    net = netspec.loads(
        "input: {source: [5, 16], target: [4, 16]}\nlayers:\n"
        "  - Transformer: {nhead: 2, num_encoder_layers: 2, num_decoder_layers: 3, tgt: target}\n"
    )
    model = netspec.build(net, seed=0)
    torch.manual_seed(0)
    theirs = nn.Transformer(16, 2, 2, 3, batch_first=True)
    assert [f"0.{key}" for key in theirs.state_dict()] == list(model.state_dict())
    assert all(map(torch.equal, theirs.parameters(), model.parameters()))
    source, target = torch.randn(3, 5, 16), torch.randn(3, 4, 16)
    assert torch.equal(model.eval()(source, target), theirs.eval()(source, target))


def test_a_whole_transformer_is_an_encoder_and_a_decoder_with_norms() -> None:
    shared = "{nhead: 2, dim_feedforward: 32}"
    whole = netspec.loads(
        "input: {source: [5, 16], target: [4, 16]}\nlayers:\n  - Transformer: {nhead: 2, dim_feedforward: 32, "
        "num_encoder_layers: 2, num_decoder_layers: 2, tgt: target, tgt_is_causal: true}\n"
    )
    parts = netspec.loads(
        "input: {source: [5, 16], target: [4, 16]}\nlayers:\n"
        f"  - TransformerEncoder: {{num_layers: 2, encoder_layer: {shared}}}\n  - LayerNorm\n  - as: memory\n"
        f"  - use: target\n  - TransformerDecoder: {{num_layers: 2, decoder_layer: {{nhead: 2, dim_feedforward: 32, "
        "tgt_is_causal: true}, memory: memory}\n  - LayerNorm\n"
    )
    assert (whole.params, whole.macs, whole.output_shape) == (parts.params, parts.macs, parts.output_shape)
    ours, theirs = netspec.build(whole).double().eval(), netspec.build(parts).double().eval()
    with torch.no_grad():
        for parameter, value in zip(ours.parameters(), theirs.parameters(), strict=True):
            parameter.copy_(value)
    source, target = torch.randn(3, 5, 16).double(), torch.randn(3, 4, 16).double()
    assert near(ours(source, target), theirs(source, target))


def test_it_is_exported_with_an_open_batch() -> None:
    export(
        "input: {source: [5, 8], target: [4, 8], pad: [5, bool]}\nlayers:\n"
        "  - Transformer: {nhead: 2, num_encoder_layers: 1, num_decoder_layers: 1, tgt: target, tgt_is_causal: true, "
        "src_key_padding_mask: pad, memory_key_padding_mask: pad}\n"
    )


@pytest.mark.slow
def test_the_public_probe_holds_what_it_keeps() -> None:
    found = netspec.probe(layer_class("Transformer"), count=10)
    assert found.tried >= 2 and not found.differences


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("nhead: 2", "`Transformer` wants a value as `tgt`"),
        ("nhead: 2, tgt: ids", "`tgt` of `Transformer` is float32 of length × features, but what it is given is"),
        ("nhead: 2, tgt: flat", "`tgt` of `Transformer` is float32 of length × features, but what it is given is"),
        ("nhead: 2, tgt: w", "it is 5 × 7, but input `x` (line 1) gives 8"),
        ("nhead: 3, tgt: m", "`nhead: 3` does not divide the features: input `x` (line 1) gives 8"),
        ("d_model: 9, tgt: m", "`d_model: 9`, but input `x` (line 1) gives 8"),
        ("tgt: m, src_key_padding_mask: pad", "and has 5, but input `x` (line 1) gives 6"),
        ("tgt: m, tgt_mask: hidden", "its axis 1 behind the batch is for the queries and has 6, but `tgt` has 5"),
        ("nhead: 4, tgt: x, memory_mask: near", "is for the keys and has 5, but input `x` (line 1) gives 6"),
        ("tgt: m, tgt_mask: pad", "is queries × keys or heads × queries × keys, but what it is given is 5"),
        ("tgt: m, custom_encoder: x", "`Transformer` has no `custom_encoder` here"),
    ],
)
def test_what_does_not_fit_is_told_with_both_numbers(arguments: str, words: str) -> None:
    text = (
        "input: {x: [6, 8], m: [5, 8], pad: [5, bool], hidden: [6, 5, bool], flat: [6], ids: [5, int64], "
        "near: [4, 6, 5], w: [5, 7]}\n"
        f"layers: [Transformer: {{{arguments}}}]\n"
        "output: {y: [Linear: 3], a: m, b: pad, c: hidden, d: flat, e: ids, f: near, g: w, h: x}\n"
    )
    found = [problem for problem in check_source(*decode(text.encode(), "s.yaml")) if problem.severity == "error"]
    assert len(found) == 1, found
    assert words in found[0].message


if __name__ == "__main__":
    compared(int(sys.argv[1]), 1)
    print("no disagreement")
