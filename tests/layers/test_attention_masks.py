"""`SelfAttention` with masks and biases that are values, against attention written out.

`python -m tests.layers.test_attention_masks 500` compares so many nets.
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import pytest
from torch import Tensor, nn

import netspec
from netspec.compiler import check_source
from netspec.emit.python import to_python
from netspec.text.source import decode
from netspec.writing import flow
from tests.attended import attended, shape_of
from tests.held import export, hold


def attention(p: dict[str, Tensor], key: str, x: Tensor, mask: Tensor | None, bias: Tensor | None, a: Any) -> Tensor:
    """The whole layer, by its parameters."""
    heads = a["num_heads"]
    groups, size = a.get("kv_heads", heads), a.get("head_dim", x.shape[-1] // heads)
    rows = nn.functional.linear(x, p[f"{key}.in_proj_weight"], p.get(f"{key}.in_proj_bias")).unflatten(-1, (-1, size))
    q, k, v = (part.transpose(1, 2) for part in rows.split([heads, groups, groups], 2))
    y = attended(q, k, v, mask, bias, a).transpose(1, 2).flatten(2)
    return nn.functional.linear(y, p[f"{key}.out_proj.weight"], p.get(f"{key}.out_proj.bias"))


def drawn(rng: Random) -> tuple[str, Any]:
    """A spec with one layer, and that by hand."""
    heads, length, width = rng.choice([1, 2, 4]), rng.randint(2, 7), rng.choice([8, 16])
    a: dict[str, Any] = {"num_heads": heads}
    if rng.random() < 0.4:
        a["kv_heads"] = rng.choice([n for n in (1, 2) if heads % n == 0])
    if rng.random() < 0.4:
        a["rotary"] = {
            "base": rng.choice([100, 10000]), "layout": rng.choice(["half", "interleaved"]), "fraction": 1.0
        }  # fmt: skip
    if rng.random() < 0.4:
        a |= {"is_causal": True} | ({"window": rng.randint(1, 5)} if rng.random() < 0.5 else {})
    if rng.random() < 0.3:
        a["scale"] = 0.25
    for name in ("qkv_bias", "out_bias"):
        if rng.random() < 0.3:
            a[name] = False
    inputs, values, lines = {"x": [length, width]}, {}, []
    if rng.random() < 0.7:
        inputs["pad"] = [*shape_of(rng, heads, length, length), "bool"]
        values["mask"] = "pad"
    match rng.choice(["none", "given", "learned", "computed"]) if values else rng.choice(["given", "learned"]):
        case "given":
            inputs["near"] = shape_of(rng, heads, length, length)
            values["bias"] = "near"
        case "learned":
            lines = [f"- Parameter: {shape_of(rng, heads, length, length)}", "  as: near", "- use: x"]
            values["bias"] = "near"
        case "computed":
            inputs["far"] = [heads, length, length]
            lines = ["- use: far", f"- Linear: {length}", "  as: near", "- use: x"]
            values["bias"] = "near"
        case _:
            pass
    names = list(values.items())
    rng.shuffle(names)
    lines.append(f"- SelfAttention: {flow(a | dict(names))}")
    text = f"input: {flow(inputs)}\nlayers:\n" + "".join(f"  {line}\n" for line in lines)

    def by_hand(p: dict[str, Tensor], given: dict[str, Tensor]) -> Tensor:
        near = given.get("near")
        if "0.weight" in p and near is None:
            near = p["0.weight"][None]
            if "far" in given:
                near = nn.functional.linear(given["far"], p["0.weight"], p["0.bias"])
        key = str(sum(line.startswith("- ") and "use:" not in line for line in lines) - 1)
        return attention(p, key, given["x"], given.get("pad"), near, a)

    return text, by_hand


def compared(count: int, seed: int = 0) -> None:
    rng = Random(seed)
    for _ in range(count):
        text, by_hand = drawn(rng)
        try:
            hold(text, by_hand)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{text}") from error


def test_masks_and_biases_that_are_values_are_what_is_written_out_and_cost_what_torch_counts() -> None:
    compared(25)


WHOLE = (
    "input: {x: [6, 8], pad: [6, bool], near: [2, 6, 6]}\nlayers:\n"
    "  - SelfAttention: {num_heads: 2, bias: near}\n"
    "  - {SelfAttention: {num_heads: 2, is_causal: true, mask: pad}, shared: a}\n"
    "  - {SelfAttention: {num_heads: 2, is_causal: true, mask: pad}, shared: a}\n"
    "  - SelfAttention: {num_heads: 2, window: 3, is_causal: true, mask: pad, bias: near * 0.5}\n"
)


def test_a_net_with_them_is_exported_with_an_open_batch() -> None:
    export(WHOLE)


def test_a_module_applied_twice_is_given_its_mask_each_time() -> None:
    def by_hand(p: dict[str, Tensor], given: dict[str, Tensor]) -> Tensor:
        x, pad, near = given["x"], given["pad"], given["near"]
        x = attention(p, "0", x, None, near, {"num_heads": 2})
        for _ in range(2):
            x = attention(p, "a", x, pad, None, {"num_heads": 2, "is_causal": True})
        return attention(p, "3", x, pad, near * 0.5, {"num_heads": 2, "is_causal": True, "window": 3})

    hold(WHOLE, by_hand)


def test_a_block_hands_a_mask_on_and_what_is_no_value_stays_the_argument() -> None:
    net = netspec.loads(
        "vars: {biased: false}\ninput: {x: [6, 8], pad: [6, bool], near: [6, 6]}\nblocks:\n"
        "  layer(m, b):\n    - SelfAttention: {num_heads: 2, mask: m, bias: b}\n"
        "layers: [layer: [pad, near], layer: [pad, biased]]\n"
    )
    first, second = net.layers
    assert (list(first.inputs), first.args["bias"]) == (["mask", "bias"], True)
    assert (list(second.inputs), second.args["bias"]) == (["mask"], False)


def test_a_constant_bias_is_taken_as_it_is_and_counted_once() -> None:
    text = "input: [6, 8]\nlayers:\n  - Parameter: [2, 6, 6]\n    as: near\n  - use: x\n"
    net = netspec.loads(
        text.replace("input: [6, 8]", "input: {x: [6, 8]}") + "  - SelfAttention: {num_heads: 2, bias: near}"
    )
    assert net.layers[1].constant_inputs == ()
    assert "expand" not in to_python(net)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("mask: near", "`mask` of `SelfAttention` is bool, where True takes part, but what it is given is float32"),
        ("bias: pad", "`bias` of `SelfAttention` is float32, and added to the scores, but what it is given is bool"),
        (
            "mask: short",
            "given 5: its axis 1 behind the batch is for the keys and has 5, but input `x` (line 1) gives 6",
        ),
        ("bias: near", "given 4 × 6 × 6: its axis 1 behind the batch is for the heads and has 4, but `num_heads` is 2"),
        ("bias: deep", "heads × queries × keys (here 2 × 6 × 6), but what it is given is 1 × 2 × 6 × 6"),
        ("mask: [pad, pad]", "`mask` of `SelfAttention` takes one value, not 2"),
        ("mask: nope", "there is no `nope` here"),
        ("bias: nope", "there is no `nope` here"),
        ("bias: 0.5", "`bias` of `SelfAttention` wants true or false, not 0.5"),
    ],
)
def test_what_fits_no_scores_is_told_with_both_sizes(argument: str, words: str) -> None:
    text = (
        "input: {x: [6, 8], pad: [6, bool], short: [5, bool], near: [4, 6, 6], deep: [1, 2, 6, 6]}\n"
        f"layers: [SelfAttention: {{num_heads: 2, {argument}}}]\noutput: {{y: [Linear: 3], s: short, p: pad, n: near, "
        "d: deep}\n"
    )
    found = [problem for problem in check_source(*decode(text.encode(), "s.yaml")) if problem.severity == "error"]
    assert len(found) == 1
    assert words in found[0].message


if __name__ == "__main__":
    compared(int(sys.argv[1]), 1)
    print("no disagreement")
