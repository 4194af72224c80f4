"""Specs of `specs/language`, and those that are imported, with the weights of transformers' modules."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.importing import from_config
from netspec.net import Net

transformers: Any = pytest.importorskip("transformers")

SPECS = Path(__file__).parents[2] / "specs" / "language"
Weights = dict[str, Tensor]


def agree(net: Net, theirs: nn.Module, weights: Callable[[Weights], Weights], **given: Tensor) -> None:
    """Equal parameters, and with the weights of the module equal scores in double and in single precision."""
    assert net.params == sum(parameter.numel() for parameter in theirs.parameters())
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / max(1, parameter.shape[-1]) ** 0.5)
    model = netspec.build(net).eval()
    model.load_state_dict(weights({name: tensor.clone() for name, tensor in theirs.state_dict().items()}))
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-9)):
        if dtype == torch.float64:
            in_double(theirs)
        with torch.no_grad():
            expected = theirs.to(dtype).eval()(**given).logits
            found = model.to(dtype)(*given.values())
        assert found.std() > 0
        assert (found - expected).abs().max() <= tolerance * expected.abs().max()


def in_double(theirs: nn.Module) -> None:
    """Compute in double precision the norms and the shares of experts that transformers computes in single."""

    def route(router: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores = nn.functional.linear(x, router.weight)
        shares, chosen = scores.softmax(-1).topk(router.top_k)
        return scores, shares / shares.sum(-1, keepdim=True), chosen

    for parent in [*theirs.modules()]:
        if type(parent).__name__ == "MixtralTopKRouter":
            parent.forward = partial(route, parent)
        for name, norm in [*parent.named_children()]:
            if type(norm).__name__ in ("LlamaRMSNorm", "MixtralRMSNorm", "T5LayerNorm"):
                exact = nn.RMSNorm(norm.weight.shape[0], norm.variance_epsilon)
                exact.weight = norm.weight
                setattr(parent, name, exact)


def tokens(words: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(words, (2, length), generator=torch.Generator().manual_seed(seed))


def of_llama(theirs: Weights) -> Weights:
    """The weights of transformers' Llama or Mixtral under the keys of the spec."""
    depth = 1 + max(int(key.split(".")[2]) for key in theirs if key.startswith("model.layers."))
    ours = {"0.weight": theirs["model.embed_tokens.weight"]}
    for i in range(depth):
        layer, attention, mlp = f"model.layers.{i}.", f"{2 * i + 1}.body.", f"{2 * i + 2}.body."
        ours[f"{attention}0.weight"] = theirs[f"{layer}input_layernorm.weight"]
        rows = [theirs[f"{layer}self_attn.{part}_proj.weight"] for part in "qkv"]
        ours[f"{attention}1.in_proj_weight"] = torch.cat(rows)
        ours[f"{attention}1.out_proj.weight"] = theirs[f"{layer}self_attn.o_proj.weight"]
        ours[f"{mlp}0.weight"] = theirs[f"{layer}post_attention_layernorm.weight"]
        if f"{layer}mlp.gate.weight" in theirs:
            ours[f"{mlp}1.router.0.weight"] = theirs[f"{layer}mlp.gate.weight"]
            both, last = theirs[f"{layer}mlp.experts.gate_up_proj"], theirs[f"{layer}mlp.experts.down_proj"]
            for number, (pair, down) in enumerate(zip(both, last, strict=True)):
                expert = f"{mlp}1.branches.{number}."
                ours[f"{expert}0.branches.0.0.weight"], ours[f"{expert}0.branches.1.0.weight"] = pair.chunk(2)
                ours[f"{expert}1.weight"] = down
        else:
            ours[f"{mlp}1.branches.0.0.weight"] = theirs[f"{layer}mlp.gate_proj.weight"]
            ours[f"{mlp}1.branches.1.0.weight"] = theirs[f"{layer}mlp.up_proj.weight"]
            ours[f"{mlp}2.weight"] = theirs[f"{layer}mlp.down_proj.weight"]
    ours[f"{2 * depth + 1}.weight"] = theirs["model.norm.weight"]
    ours[f"{2 * depth + 2}.weight"] = theirs["lm_head.weight"]
    return ours


SMALL: dict[str, Any] = {
    "vocab_size": 90, "hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip


def small(kind: str, **more: Any) -> tuple[nn.Module, Net]:
    """transformers' module and the net of its configuration, for 29 tokens."""
    config = transformers.AutoConfig.for_model(
        kind, **SMALL, **more, attn_implementation="sdpa", experts_implementation="eager"
    )
    theirs = transformers.AutoModelForCausalLM.from_config(config)
    written = from_config(json.dumps(theirs.config.to_dict()).encode())
    return theirs, netspec.loads(written.text, set={"length": 29})


def test_mixtral_and_its_configuration() -> None:
    theirs, net = small("mixtral", num_local_experts=5, rms_norm_eps=1e-5, rope_theta=1000000.0)
    agree(net, theirs, of_llama, input_ids=tokens(90, 29))
    sizes = {"words": 90, "width": 32, "hidden": 44, "depth": 3, "heads": 4, "kv_heads": 2, "experts": 5, "length": 29}
    agree(netspec.load(SPECS / "mixtral.yaml", set=sizes), theirs.float(), of_llama, input_ids=tokens(90, 29))


LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 500.0,
    "original_max_position_embeddings": 40,
}  # fmt: skip


@pytest.mark.parametrize(
    "turns", [{"rope_type": "default"}, {"rope_type": "linear", "factor": 4.0, "rope_theta": 1000.0}, LLAMA3]
)
def test_llama_with_scaled_turns_and_its_configuration(turns: dict[str, Any]) -> None:
    """Of the turns of a head of 16, with this base, all three kinds of `llama3` occur."""
    theirs, net = small("llama", rope_parameters={"rope_theta": 10000.0} | turns, head_dim=16)
    agree(net, theirs, of_llama, input_ids=tokens(90, 29))


def of_t5(theirs: Weights) -> Weights:
    """The weights of transformers' T5 under the keys of the spec; layers stand in the order in which they run."""
    ours: Weights = {"tokens.weight": theirs["shared.weight"]}
    index = iter(range(1000))

    def itself(at: str) -> None:
        path = f"{next(index)}.body."
        ours[f"{path}0.weight"] = theirs[f"{at}.layer_norm.weight"]
        ours[f"{path}1.in_proj_weight"] = torch.cat([theirs[f"{at}.SelfAttention.{part}.weight"] for part in "qkv"])
        ours[f"{path}1.out_proj.weight"] = theirs[f"{at}.SelfAttention.o.weight"]

    def cross(at: str) -> None:
        path = f"{next(index)}.body."
        ours[f"{path}0.weight"] = theirs[f"{at}.layer_norm.weight"]
        for number, part in enumerate("qkv"):
            ours[f"{path}1.branches.{number}.0.weight"] = theirs[f"{at}.EncDecAttention.{part}.weight"]
        ours[f"{path}2.weight"] = theirs[f"{at}.EncDecAttention.o.weight"]

    def dense(at: str) -> None:
        path, inner = f"{next(index)}.body.", f"{at}.DenseReluDense."
        ours[f"{path}0.weight"] = theirs[f"{at}.layer_norm.weight"]
        if f"{inner}wi.weight" in theirs:
            ours[f"{path}1.weight"], ours[f"{path}4.weight"] = (
                theirs[f"{inner}{name}.weight"] for name in ("wi", "wo")
            )
        else:
            for number in range(2):
                ours[f"{path}1.branches.{number}.0.weight"] = theirs[f"{inner}wi_{number}.weight"]
            ours[f"{path}3.weight"] = theirs[f"{inner}wo.weight"]

    for half, parts in (("encoder", (itself, dense)), ("decoder", (itself, cross, dense))):
        bias = f"{half}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        ours[f"{next(index)}.weight"] = theirs[bias]
        next(index)  # the tokens, which both share
        next(index)  # Dropout
        for block in range(2):
            for number, part in enumerate(parts):
                part(f"{half}.block.{block}.layer.{number}")
        ours[f"{next(index)}.weight"] = theirs[f"{half}.final_layer_norm.weight"]
        next(index)
    next(index)  # Scale
    ours[f"{next(index)}.weight"] = theirs["lm_head.weight"]
    return ours


@pytest.mark.parametrize("projection", ["relu", "gated-gelu"])
def test_t5_and_its_configuration(projection: str) -> None:
    """Longer than the largest distance; some of the source is padding."""
    config = transformers.T5Config(
        vocab_size=90, d_model=24, d_kv=10, d_ff=40, num_layers=2, num_heads=3, feed_forward_proj=projection,
        relative_attention_max_distance=20, attn_implementation="eager",
    )  # fmt: skip
    theirs = transformers.T5ForConditionalGeneration(config)
    seen = torch.arange(31) < torch.tensor([[31], [17]])
    given = {"input_ids": tokens(90, 31), "attention_mask": seen, "decoder_input_ids": tokens(90, 27, 1)}
    sizes = {"length": 31, "written": 27}
    written = from_config(json.dumps(config.to_dict()).encode())
    agree(netspec.loads(written.text, set=sizes), theirs, of_t5, **given)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("MixtralForCausalLM", {"model_type": "mixtral"}),
        ("T5ForConditionalGeneration", {"model_type": "t5"}),
        ("T5Model", {"model_type": "t5", "d_model": 768, "num_layers": 12, "num_heads": 12, "d_ff": 3072}),
        ("T5EncoderModel", {"model_type": "t5", "num_decoder_layers": 3}),
    ],
)
def test_a_whole_network_has_as_many_parameters(name: str, config: dict[str, Any]) -> None:
    kind = config.pop("model_type")
    settings = transformers.AutoConfig.for_model(kind, **config)
    with torch.device("meta"):
        theirs = getattr(transformers, name)(settings)
    written = from_config(json.dumps(settings.to_dict() | {"architectures": [name]}).encode())
    assert written.params == sum(parameter.numel() for parameter in theirs.parameters())
