"""`SelfAttention` against attention written out: scores, softmax, sums; its cost against torch's on random arguments.

`python -m tests.layers.test_self_attention 5000` compares so many cases.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import netspec
from netspec.dims import Unmet
from netspec.layers.attention import SelfAttention
from netspec.layers.base import TensorType
from netspec.torch import attention
from netspec.torch.measured import kept_by_rule
from tests.layers.memory import kept
from tests.layers.oracle import counting_flops


def module_of(layer: SelfAttention, x: TensorType) -> nn.Module:
    call = layer.call(x)
    return getattr(attention, call.target)(**call.arguments)  # type: ignore[no-any-return]


LLAMA3 = {
    "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
    "original_max_position_embeddings": 12,
}  # fmt: skip
"""Of the turns of a head of 8 with a base of 100, one stays, one is divided, and two are in between."""


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[int, int]]:
    arguments: dict[str, Any] = {"num_heads": draw(st.sampled_from([1, 2, 4, 6])), "bias": draw(st.booleans())}
    for name, values in {
        "kv_heads": [1, 2, 3], "head_dim": [2, 4, 6, 8], "scale": [0.3, 1], "out_bias": [True, False],
        "is_causal": [True], "dropout": [0.25],
    }.items():  # fmt: skip
        if draw(st.booleans()):
            arguments[name] = draw(st.sampled_from(values))
    if draw(st.booleans()):
        layout, fraction = draw(st.sampled_from(["half", "interleaved"])), draw(st.sampled_from([1, 0.5, 0.75]))
        scaling: dict[str, Any] = draw(st.sampled_from([{}, {"rope_type": "linear", "factor": 3}, LLAMA3]))
        base = draw(st.sampled_from([100, 10000]))
        arguments["rotary"] = {"base": base, "layout": layout, "fraction": fraction, **scaling}
    if arguments.get("is_causal") and draw(st.booleans()):
        arguments["window"] = draw(st.integers(1, 9))
    return arguments, (draw(st.integers(2, 7)), draw(st.sampled_from([12, 24])))


def scaled(speed: float, rotary: dict[str, Any]) -> float:
    """The speed of one pair, as the papers scale it."""
    match rotary.get("rope_type"):
        case "linear":
            return speed / rotary["factor"]  # type: ignore[no-any-return]
        case "llama3":
            length = 2 * math.pi / speed
            context, low, high = (
                rotary[name] for name in ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor")
            )
            if length < context / high:
                return speed
            if length > context / low:
                return speed / rotary["factor"]  # type: ignore[no-any-return]
            smooth = (context / length - low) / (high - low)
            return (1 - smooth) * speed / rotary["factor"] + smooth * speed  # type: ignore[no-any-return]
        case _:
            return speed


def turned(x: Tensor, rotary: dict[str, Any]) -> Tensor:
    """Vectors (N, heads, L, size) turned by complex numbers."""
    size = round(x.shape[-1] * rotary["fraction"])
    part, rest = x[..., :size], x[..., size:]
    speeds = torch.tensor([scaled(rotary["base"] ** (-i / size), rotary) for i in range(0, size, 2)]).double()
    turns = torch.polar(torch.ones(1).double(), torch.arange(x.shape[2]).double()[:, None] * speeds)
    interleaved = rotary["layout"] == "interleaved"
    pairs = part.unflatten(-1, (-1, 2)) if interleaved else part.unflatten(-1, (2, -1)).transpose(-1, -2)
    result = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turns)
    return torch.cat([(result if interleaved else result.transpose(-1, -2)).flatten(-2), rest], -1)


def written_out(module: nn.Module, x: Tensor, a: dict[str, Any]) -> Tensor:
    heads = a["num_heads"]
    groups, size = a.get("kv_heads", heads), a.get("head_dim", x.shape[-1] // heads)
    weights = dict(module.named_parameters())
    rows = nn.functional.linear(x, weights["in_proj_weight"], weights.get("in_proj_bias")).unflatten(-1, (-1, size))
    q, k, v = (part.transpose(1, 2) for part in rows.split([heads, groups, groups], 2))
    if "rotary" in a:
        q, k = turned(q, a["rotary"]), turned(k, a["rotary"])
    result = torch.zeros_like(q)
    for head in range(heads):
        shared = head // (heads // groups)
        scores = q[:, head] @ k[:, shared].transpose(1, 2) * a.get("scale", size**-0.5)
        for i in range(x.shape[1]):
            for j in range(x.shape[1]):
                if (a.get("is_causal") and j > i) or i - j >= a.get("window", 99):
                    scores[:, i, j] = -torch.inf
        result[:, head] = scores.softmax(-1) @ v[:, shared]
    together = result.transpose(1, 2).flatten(2)
    return nn.functional.linear(together, weights["out_proj.weight"], weights.get("out_proj.bias"))


def agree(arguments: dict[str, Any], shape: tuple[int, int]) -> bool:
    """Compare one case; False if the rule refuses it."""
    layer, x = SelfAttention.model_validate(arguments), TensorType(shape)
    try:
        layer.output(x)
    except Unmet:
        return False
    module = module_of(layer, x)
    assert {name: tuple(p.shape) for name, p in module.named_parameters()} == layer.parameters(x)
    with counting_flops() as counter:
        module.eval()(torch.randn(1, *shape, requires_grad=True))
    assert counter.get_total_flops() == 2 * int(layer.macs(x))  # type: ignore[call-overload]
    value = torch.randn(2, *shape, requires_grad=True)
    found, result = kept(module.train(), value)
    assert sum(found.values()) == kept_by_rule(layer.saved(x), value, result)
    sample = torch.randn(2, *shape).double()
    # the angles are float32, as published models have them
    assert torch.allclose(module.double().eval()(sample), written_out(module, sample, arguments), atol=1e-5)
    return True


def compared(count: int) -> int:
    """Compare so many cases; how many the rule accepts."""

    @settings(max_examples=count, deadline=None)
    @given(cases())
    def one(case: tuple[dict[str, Any], tuple[int, int]]) -> None:
        seen.append(agree(*case))

    seen: list[bool] = []
    one()
    return sum(seen)


def test_attention_is_that_which_is_written_out_and_costs_what_torch_counts() -> None:
    assert compared(150) >= 20


def spec(arguments: str) -> str:
    return f"input: [6, 24]\nlayers: [SelfAttention: {{num_heads: 4, {arguments}}}]"


@pytest.mark.parametrize(
    "arguments", ["is_causal: true", "kv_heads: 2, rotary: {layout: interleaved}", "is_causal: true, window: 3"]
)
def test_a_net_with_it_is_exported_and_compiled(arguments: str) -> None:
    model = netspec.build(netspec.loads(spec(arguments))).eval()
    x = torch.randn(3, 6, 24)
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    assert torch.allclose(exported.module()(torch.cat([x, x])), model(torch.cat([x, x])), atol=1e-6)
    assert not netspec.verify(netspec.loads(spec(arguments))).disagreements


def test_a_causal_position_sees_none_behind_it() -> None:
    model = netspec.build(netspec.loads(spec("is_causal: true, kv_heads: 1, rotary: {}"))).eval()
    x = torch.randn(1, 6, 24)
    y = x.clone()
    y[:, 4:] = 7
    assert torch.equal(model(x)[:, :4], model(y)[:, :4])
    assert not torch.equal(model(x)[:, 4:], model(y)[:, 4:])


def test_a_head_of_an_unknown_size_may_be_turned_whole() -> None:
    net = netspec.loads("input: [L, 24]\nlayers: [SelfAttention: {num_heads: 4, kv_heads: 2, rotary: {}}]")
    assert net.params == 24 * 6 * 8 + 8 * 6 + 24 * 24 + 24


def test_specs_of_before_are_multihead_attention_as_it_was() -> None:
    call = SelfAttention(num_heads=4, bias=False).call(TensorType((6, 24)))
    assert (call.target, list(call.arguments)) == ("SelfAttention", ["embed_dim", "num_heads", "dropout", "bias"])


if __name__ == "__main__":
    print(f"{compared(int(sys.argv[1]))} accepted, no disagreement")


@pytest.mark.parametrize(
    ("rotary", "told"),
    [
        ("{rope_type: dynamic, factor: 2}", "wants 'default', 'linear' or 'llama3', not 'dynamic'"),
        ("{rope_type: linear}", "wants `factor` beside `rope_type: linear`, but has no `factor`"),
        ("{factor: 8}", "wants `factor` beside a `rope_type` of `linear` and `llama3` alone, which is `default` here"),
        (
            "{rope_type: linear, factor: 8, low_freq_factor: 1}",
            "`low_freq_factor` beside a `rope_type` of `llama3` alone",
        ),
        (
            "{rope_type: llama3, factor: 8, low_freq_factor: 4, high_freq_factor: 1, "
            "original_max_position_embeddings: 8192}",
            "wants a `high_freq_factor` above `low_freq_factor: 4`, not 1",
        ),
    ],
)
def test_a_scaling_that_lacks_something_is_refused(rotary: str, told: str) -> None:
    with pytest.raises(netspec.SpecError, match=re.escape(told)):
        netspec.loads(spec(f"rotary: {rotary}"))


def test_nets_without_a_scaling_are_written_as_before() -> None:
    net = netspec.loads(spec("rotary: {base: 500}"))
    assert 'rotary={"base": 500, "layout": "half", "fraction": 1.0},' in netspec.to_python(net)
    assert netspec.to_json(net)["layers"][0]["args"]["rotary"] == "base=500 layout='half' fraction=1.0"
