"""torch's layers of several sequences against torch's own, on random arguments, sequences and masks.

`python -m tests.layers.test_given_more 500` compares so many nets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

import netspec
from netspec.compiler import check_source
from netspec.cost import estimate
from netspec.layers import layer_class
from netspec.text.source import decode
from netspec.trainer.run.sameness import identity
from netspec.writing import flow
from tests.attended import wide
from tests.held import export, hold, near
from tests.layers.memory import kept


def below(p: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The parameters under a prefix."""
    return {key.removeprefix(prefix): value for key, value in p.items() if key.startswith(prefix)}


def of_heads(mask: Tensor | None, batch: int, heads: int, queries: int, keys: int) -> Tensor | None:
    """A mask as torch takes it, one for each head of each example; of bool as numbers, which it adds."""
    if mask is None:
        return None
    whole = wide(mask, (batch, heads, queries, keys)).flatten(0, 1)
    return torch.zeros(whole.shape).double().masked_fill(whole, -torch.inf) if whole.dtype == torch.bool else whole


def of_keys(mask: Tensor | None, like: Tensor) -> Tensor | None:
    """A mask of keys, of bool, as numbers."""
    if mask is None:
        return None
    return torch.zeros(like.shape[:2]).double().masked_fill(mask.expand(like.shape[:2]), -torch.inf)


def mask_shape(rng: Random, heads: int, queries: int, keys: int) -> list[Any]:
    whole = [heads, queries, keys][rng.randint(0, 1) :]
    return [1 if rng.random() < 0.15 else size for size in whole]


def attention(rng: Random) -> tuple[str, Any]:
    """`MultiheadAttention`, and torch's."""
    heads, length, keys, width = rng.choice([1, 2, 4]), rng.randint(2, 6), rng.randint(2, 6), 8
    a: dict[str, Any] = {"num_heads": heads}
    if rng.random() < 0.3:
        a["bias"] = False
    key, value = (rng.choice([width, 6]), rng.choice([width, 5])) if rng.random() < 0.5 else (width, width)
    a |= ({"kdim": key} if key != width else {}) | ({"vdim": value} if value != width else {})
    inputs: dict[str, Any] = {"x": [length, width], "k": [keys, key], "v": [keys, value]}
    given = {"key": "k", "value": "v"}
    if key == value and rng.random() < 0.5:
        del inputs["v"]
        given["value"] = "k"
    lines: list[str] = []
    if rng.random() < 0.5:
        inputs["pad"] = [keys, "bool"]
        given["key_padding_mask"] = "pad"
    match rng.choice(["none", "bool", "given", "learned"]):
        case "bool":
            inputs["hidden"] = [*mask_shape(rng, heads, length, keys), "bool"]
            given["attn_mask"] = "hidden"
        case "given":
            inputs["near"] = mask_shape(rng, heads, length, keys)
            given["attn_mask"] = "near"
        case "learned":
            lines = [f"- Parameter: {mask_shape(rng, heads, length, keys)}", "  as: near", "- use: x"]
            given["attn_mask"] = "near"
        case _:
            pass
    names = list(given.items())
    rng.shuffle(names)
    lines.append(f"- MultiheadAttention: {flow(a | dict(names))}")
    text = f"input: {flow(inputs)}\nlayers:\n" + "".join(f"  {line}\n" for line in lines)

    def by_hand(p: dict[str, Tensor], at: dict[str, Tensor]) -> Tensor:
        number = 1 if len(lines) > 1 else 0
        added = p["0.weight"][None] if number else at.get("near", at.get("hidden"))
        module = nn.MultiheadAttention(width, **a, batch_first=True).double()
        k, v = at["k"], at.get("v", at["k"])
        masks = {
            "key_padding_mask": of_keys(at.get("pad"), k),
            "attn_mask": of_heads(added, len(k), heads, length, keys),
        }
        return functional_call(module, below(p, f"{number}."), (at["x"], k, v), {**masks, "need_weights": False})[0]

    return text, by_hand


class Layered:
    """Transformer layers and stacks of them, and torch's."""

    def __init__(self, rng: Random, kind: str) -> None:
        self.rng, self.kind = rng, kind
        self.decodes, self.stacked = "Decoder" in kind, not kind.endswith("Layer")
        self.heads, self.length, self.keys = rng.choice([1, 2, 4]), rng.randint(2, 6), rng.randint(2, 6)
        self.arguments: dict[str, Any] = {
            "nhead": self.heads, "dim_feedforward": 5, "dropout": rng.choice([0, 0.1]),
            "activation": rng.choice(["relu", "gelu"]), "norm_first": rng.random() < 0.5, "bias": rng.random() < 0.8,
        }  # fmt: skip
        self.causal = rng.random() < 0.3
        self.inputs: dict[str, Any] = {"x": [self.length, 8]} | ({"m": [self.keys, 8]} if self.decodes else {})
        self.given: dict[str, str] = {"memory": "m"} if self.decodes else {}
        self.lines: list[str] = []

    def mask(self, name: str, padding: str, keys: int) -> None:
        if self.rng.random() < 0.4:
            self.inputs[padding] = [keys, "bool"]
            self.given[padding] = padding
        match self.rng.choice(["none", "none", "bool", "given", "learned"]):
            case "bool":
                self.inputs[name] = [*mask_shape(self.rng, self.heads, self.length, keys), "bool"]
            case "given":
                self.inputs[name] = mask_shape(self.rng, self.heads, self.length, keys)
            case "learned":
                self.lines += [f"- Parameter: {mask_shape(self.rng, self.heads, self.length, keys)}", f"  as: {name}"]
            case _:
                return
        self.given[name] = name

    def text(self) -> str:
        own = {"tgt_is_causal" if self.decodes else "is_causal": True} if self.causal else {}
        if self.decodes:
            self.mask("tgt_mask", "tgt_key_padding_mask", self.length)
            self.mask("memory_mask", "memory_key_padding_mask", self.keys)
        else:
            self.mask("mask" if self.stacked else "src_mask", "src_key_padding_mask", self.length)
        inner: dict[str, Any] = self.arguments | own
        if self.stacked:
            inner = {"decoder_layer" if self.decodes else "encoder_layer": inner, "num_layers": 2}
        self.lines += ["- use: x", f"- {self.kind}: {flow(inner | self.given)}"]
        return f"input: {flow(self.inputs)}\nlayers:\n" + "".join(f"  {line}\n" for line in self.lines)

    def by_hand(self, p: dict[str, Tensor], at: dict[str, Tensor]) -> Tensor:
        layer = nn.TransformerDecoderLayer if self.decodes else nn.TransformerEncoderLayer
        module: nn.Module = layer(8, **self.arguments, batch_first=True)
        if self.stacked:
            more = {} if self.decodes else {"enable_nested_tensor": False}
            module = (nn.TransformerDecoder if self.decodes else nn.TransformerEncoder)(module, 2, **more)  # type: ignore[operator]
        batch, masks = len(at["x"]), {}
        learned = [line.split()[-1] for line in self.lines if line.startswith("  as")]
        for name in self.given.keys() - {"memory"}:
            found = p[f"{learned.index(name)}.weight"][None] if name in learned else at[name]
            of = at["m"] if name.startswith("memory") else at["x"]
            masks[name] = (
                of_keys(found, of)
                if "padding" in name
                else of_heads(found, batch, self.heads, self.length, of.shape[1])
            )
        name = "tgt_mask" if self.decodes else "mask" if self.stacked else "src_mask"
        if self.causal:
            whole = masks.get(name)
            whole = torch.zeros(batch * self.heads, self.length, self.length).double() if whole is None else whole
            behind = torch.ones(self.length, self.length, dtype=torch.bool).triu(1)
            masks[name] = whole.masked_fill(behind, -torch.inf)
        given = (at["x"], at["m"]) if self.decodes else (at["x"],)
        return functional_call(module.double().eval(), below(p, f"{len(learned)}."), given, masks)


def layered(kind: str) -> Callable[[Random], tuple[str, Any]]:
    def made(rng: Random) -> tuple[str, Any]:
        case = Layered(rng, kind)
        return case.text(), case.by_hand

    return made


KINDS: dict[str, Callable[[Random], tuple[str, Any]]] = {
    "MultiheadAttention": attention,
    **{
        kind: layered(kind)
        for kind in (
            "TransformerEncoderLayer", "TransformerEncoder", "TransformerDecoderLayer", "TransformerDecoder",
        )
    },
}  # fmt: skip


def compared(kind: str, count: int, seed: int = 0) -> None:
    rng = Random(seed)
    for _ in range(count):
        text, by_hand = KINDS[kind](rng)
        try:
            hold(text, by_hand)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{text}") from error


@pytest.mark.parametrize("kind", KINDS)
def test_random_nets_are_torchs_and_cost_what_torch_counts(kind: str) -> None:
    compared(kind, 20)


SPEC = (
    "input: {x: [6, 8], m: [5, 8], pad: [5, bool], hidden: [6, 5, bool], flat: [6], ids: {shape: [5], dtype: int64}, "
    "near: [4, 6, 5], w: [5, 7]}\n"
    "layers: [MultiheadAttention: {ARGUMENTS}]\n"
    "output: {y: [Linear: 3], a: m, b: pad, c: hidden, d: flat, e: ids, f: near, g: w, h: x}\n"
)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("num_heads: 2", "`MultiheadAttention` wants a value as `key`"),
        ("num_heads: 2, key: m", "`MultiheadAttention` wants a value as `value`"),
        ("num_heads: 3, key: m, value: m", "`num_heads: 3` does not divide the vectors: input `x` (line 1) gives 8"),
        ("num_heads: 2, key: flat, value: m", "`key` of `MultiheadAttention` is float32 of length × features, but"),
        (
            "num_heads: 2, key: w, value: m",
            "`key` of `MultiheadAttention` is given 5 × 7, but input `x` (line 1) gives 8",
        ),
        ("num_heads: 2, kdim: 6, key: w, value: m", "`key` of `MultiheadAttention` is given 5 × 7, but `kdim` is 6"),
        ("num_heads: 2, key: m, value: x", "there is a `value` for each `key`, but they are 6 and 5"),
        (
            "num_heads: 2, key: m, value: m, key_padding_mask: near",
            "has one for each key, but what it is given is 4 × 6",
        ),
        ("num_heads: 2, key: x, value: x, key_padding_mask: pad", "is for the keys and has 5, but `key` has 6"),
        ("num_heads: 2, key: m, value: m, key_padding_mask: flat", "is bool, where True is padding and takes no part"),
        ("num_heads: 2, key: m, value: m, attn_mask: near", "is for the heads and has 4, but `num_heads` is 2"),
        ("num_heads: 2, key: m, value: m, attn_mask: pad", "is queries × keys or heads × queries × keys, but"),
        ("num_heads: 2, key: x, value: x, attn_mask: hidden", "is for the keys and has 5, but `key` has 6"),
        ("num_heads: 2, key: m, value: m, add_bias_kv: true", "`MultiheadAttention` has no `add_bias_kv` here"),
    ],
)
def test_what_does_not_fit_is_told_with_both_numbers(arguments: str, words: str) -> None:
    text = SPEC.replace("ARGUMENTS", arguments)
    found = [problem for problem in check_source(*decode(text.encode(), "s.yaml")) if problem.severity == "error"]
    assert len(found) == 1, found
    assert words in found[0].message


def test_it_is_exported_with_an_open_batch() -> None:
    export(
        "input: {x: [6, 8], m: [5, 8], pad: [5, bool], near: [2, 6, 5]}\nlayers:\n"
        "  - MultiheadAttention: {num_heads: 2, key: m, value: m, key_padding_mask: pad}\n"
        "  - MultiheadAttention: {num_heads: 2, key: m, value: m, key_padding_mask: pad, attn_mask: near}\n"
    )


def test_what_is_said_to_stand_for_the_arguments_that_are_left_out_computes_the_same() -> None:
    zeros = "[Buffer: [[0, 0, 0, 0, 0, 0, 0, 0]]]"
    joined = f"{{concat: [[], [Parameter: [1, 8]]], dim: 1}}, {{concat: [[], {zeros}], dim: 1}}"
    more = f"[{{use: m}}, {{Linear: 8}}, {joined}]"
    net = netspec.loads(
        f"input: {{x: [6, 8], m: [5, 8]}}\nlayers:\n  - attend: [[Linear: 8], {more}, {more}]\n    heads: 2\n"
        "  - Linear: 8\n"
    )
    theirs = nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True).double()
    model = netspec.build(net).double()
    p = dict(model.named_parameters())
    state = {
        "in_proj_weight": torch.cat([p[f"0.branches.{i}.0.weight"] for i in range(3)]),
        "in_proj_bias": torch.cat([p[f"0.branches.{i}.0.bias"] for i in range(3)]),
        "bias_k": p["0.branches.1.1.branches.1.0.weight"][None],
        "bias_v": p["0.branches.2.1.branches.1.0.weight"][None],
        "out_proj.weight": p["1.weight"],
        "out_proj.bias": p["1.bias"],
    }
    theirs.load_state_dict(state)
    x, m = torch.randn(3, 6, 8).double(), torch.randn(3, 5, 8).double()
    assert near(model(x, m), theirs(x, m, m, need_weights=False)[0])


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("TransformerDecoderLayer: {nhead: 2}", "`TransformerDecoderLayer` wants a value as `memory`"),
        ("TransformerDecoderLayer: {nhead: 3, memory: m}", "`nhead: 3` does not divide the features: input `x`"),
        ("TransformerDecoderLayer: {nhead: 2, memory: w}", "it is 5 × 7, but input `x` (line 1) gives 8"),
        ("TransformerDecoderLayer: {nhead: 2, memory: flat}", "`memory` of `TransformerDecoderLayer` is float32"),
        ("TransformerDecoderLayer: {nhead: 2, memory: m, memory_mask: hidden, tgt_key_padding_mask: pad}",
         "`tgt_key_padding_mask` of `TransformerDecoderLayer` is given 5: its axis 1 behind the batch is for the keys"),
        ("TransformerDecoderLayer: {nhead: 2, memory: m, tgt_mask: hidden}",
         "`tgt_mask` of `TransformerDecoderLayer` is given 6 × 5: its axis 2 behind the batch is for the keys"),
        ("TransformerDecoder: {num_layers: 2, decoder_layer: {nhead: 2}, memory: m, memory_mask: near}",
         "is for the heads and has 4, but `nhead` is 2"),
        ("TransformerEncoderLayer: {nhead: 2, src_key_padding_mask: pad}", "and has 5, but input `x` (line 1) gives 6"),
        ("TransformerEncoder: {num_layers: 2, encoder_layer: {nhead: 2}, mask: pad}",
         "`mask` of `TransformerEncoder` is queries × keys or heads × queries × keys, but what it is given is 5"),
    ],
)  # fmt: skip
def test_what_does_not_fit_transformer_layers_is_told_with_both_numbers(layer: str, words: str) -> None:
    text = SPEC.replace("MultiheadAttention: {ARGUMENTS}", layer)
    found = [problem for problem in check_source(*decode(text.encode(), "s.yaml")) if problem.severity == "error"]
    assert len(found) == 1, found
    assert words in found[0].message


def test_gelu_keeps_its_input_where_no_dropout_stands_behind_it() -> None:
    net = netspec.loads(
        "input: [5, 8]\n"
        "layers: [TransformerEncoderLayer: {nhead: 2, dim_feedforward: 64, dropout: 0, activation: gelu}]"
    )
    found, _ = kept(netspec.build(net), torch.randn(4, 5, 8))
    assert estimate(net, 4, device="cpu").activations == sum(found.values())


def test_encoder_and_decoder_are_exported_with_an_open_batch() -> None:
    export(
        "input: {source: [5, 8], target: [4, 8], pad: [5, bool]}\nlayers:\n"
        "  - TransformerEncoder: {num_layers: 2, encoder_layer: {nhead: 2}, src_key_padding_mask: pad}\n"
        "  - as: m\n  - use: target\n"
        "  - TransformerDecoder: {num_layers: 2, decoder_layer: {nhead: 2, tgt_is_causal: true}, memory: m, "
        "memory_key_padding_mask: pad}\n"
    )


@pytest.mark.parametrize("name", ["MultiheadAttention", "TransformerDecoderLayer"])
def test_the_public_probe_holds_what_is_kept_of_tensors_that_a_layer_is_given(name: str) -> None:
    found = netspec.probe(layer_class(name), count=10)
    assert found.tried >= 2 and not found.differences


TRAINED = netspec.loads(
    "input: [6, 8]\nlayers: [SelfAttention: {num_heads: 2}, Flatten, Linear: 2]\n"
    "train: {data: {synthetic: {classes: 2}}, loss: CrossEntropyLoss, optimizer: {SGD: {lr: 0.1}}, epochs: 1, "
    "batch_size: 4}\n"
)
ARCHITECTURE = "a4bb086f882a626879d2979418174092b6d168e9e051758b02c5b027bbb17884"
"""Of that net, as the run directory of an earlier version has it."""


def architecture(net: netspec.Net) -> str:
    assert TRAINED.recipe is not None
    return str(identity(net, TRAINED.recipe, "", 1, None)["architecture"])


def test_which_of_its_tensors_a_layer_is_given_makes_a_run_another() -> None:
    layers = (
        "TransformerDecoderLayer: {nhead: 2, memory: x, tgt_key_padding_mask: pad}",
        "TransformerDecoderLayer: {nhead: 2, memory: x, memory_key_padding_mask: pad}",
        "SelfAttention: {num_heads: 2, mask: pad}",
        "SelfAttention: {num_heads: 2, mask: seen}",
        "SelfAttention: {num_heads: 2}",
    )
    text = (
        "input: {x: [6, 8], pad: [6, bool], seen: [6, bool]}\nlayers: [LAYER]\noutput: {y: [Tanh], p: pad, s: seen}\n"
    )
    assert len({architecture(netspec.loads(text.replace("LAYER", layer))) for layer in layers}) == len(layers)


def test_an_argument_that_is_new_leaves_runs_of_before_the_same() -> None:
    assert architecture(TRAINED) == ARCHITECTURE


if __name__ == "__main__":
    for kind in KINDS:
        compared(kind, int(sys.argv[1]), 1)
        print(f"{kind}: no disagreement", flush=True)
