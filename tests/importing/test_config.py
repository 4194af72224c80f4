"""`netspec import config.json`: published configurations have their sizes, and what no spec says is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netspec
from netspec.importing import NotImportable, family, from_config
from tests.commands import program

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 32000}
LLAMA3 = {
    "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
}  # fmt: skip
PUBLISHED: dict[str, tuple[dict[str, Any], int]] = {
    "gpt2": ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, 124_439_808),
    "gpt2-xl": ({"model_type": "gpt2", "n_embd": 1600, "n_layer": 48, "n_head": 25}, 1_557_611_200),
    "TinyLlama": (
        {
            **LLAMA, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22,
            "num_attention_heads": 32, "num_key_value_heads": 4, "rope_scaling": None, "rms_norm_eps": 1e-05,
        },
        1_100_048_384,
    ),
    "Llama 2 7B": ({**LLAMA, "max_position_embeddings": 4096}, 6_738_415_616),
    "Llama 3 8B": (
        {
            **LLAMA, "vocab_size": 128256, "intermediate_size": 14336, "num_key_value_heads": 8,
            "rope_theta": 500000.0, "max_position_embeddings": 8192,
        },
        8_030_261_248,
    ),
    "Llama 3.1 8B": (
        {
            **LLAMA, "vocab_size": 128256, "intermediate_size": 14336, "num_key_value_heads": 8,
            "rope_theta": 500000.0, "max_position_embeddings": 131072, "rope_scaling": LLAMA3 | {"factor": 8.0},
        },
        8_030_261_248,
    ),
    "Llama 3.2 1B": (
        {
            **LLAMA, "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
            "num_key_value_heads": 8, "head_dim": 64, "tie_word_embeddings": True, "rope_theta": 500000.0,
            "max_position_embeddings": 131072, "rope_scaling": LLAMA3 | {"factor": 32.0},
        },
        1_235_814_400,
    ),
    "Mistral 7B": (
        {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 4096}, 7_241_732_096,
    ),
    "Mixtral 8x7B": ({"model_type": "mixtral", "architectures": ["MixtralForCausalLM"]}, 46_702_792_704),
    "Qwen2 7B": (
        {
            "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_size": 3584,
            "intermediate_size": 18944, "num_attention_heads": 28, "num_key_value_heads": 4,
            "num_hidden_layers": 28, "vocab_size": 152064, "rope_theta": 1000000.0,
        },
        7_615_616_512,
    ),
    "Qwen2 0.5B": (
        {
            "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_attention_heads": 14,
            "num_key_value_heads": 2, "num_hidden_layers": 24, "vocab_size": 151936, "tie_word_embeddings": True,
        },
        494_032_768,
    ),
    "T5 small": ({"model_type": "t5", "d_ff": 2048, "n_positions": 512}, 60_506_624),
    "T5 3B": (
        {
            "model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "d_model": 1024, "d_kv": 128,
            "d_ff": 16384, "num_layers": 24, "num_heads": 32,
        },
        2_851_598_336,
    ),
    "T5 1.1 small": (
        {
            "model_type": "t5", "d_ff": 1024, "num_layers": 8, "num_decoder_layers": 8, "num_heads": 6,
            "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
        },
        76_961_152,
    ),
    "T5 small's encoder": ({"model_type": "t5", "architectures": ["T5EncoderModel"]}, 35_330_816),
    "ViT-B/16": (
        {"model_type": "vit", "architectures": ["ViTForImageClassification"], "num_labels": 1000}, 86_567_656,
    ),
    "ViT-B/16 without its classes": ({"model_type": "vit", "architectures": ["ViTModel"]}, 86_389_248),
    "BERT base": ({"model_type": "bert"}, 109_482_240),
    "BERT base for masked words": ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, 109_514_298),
    "BERT large": (
        {
            "model_type": "bert", "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
            "intermediate_size": 4096,
        },
        335_141_888,
    ),
    "DistilBERT": ({"model_type": "distilbert"}, 66_362_880),
    "DistilBERT of SST-2": (
        {"model_type": "distilbert", "architectures": ["DistilBertForSequenceClassification"]}, 66_955_010,
    ),
    "BART base": (
        {
            "model_type": "bart", "architectures": ["BartModel"], "d_model": 768, "encoder_layers": 6,
            "decoder_layers": 6, "encoder_attention_heads": 12, "decoder_attention_heads": 12,
            "encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072,
        },
        139_420_416,
    ),
    "BART large": ({"model_type": "bart"}, 406_291_456),
    "Whisper tiny": ({"model_type": "whisper"}, 37_184_640),
    "Whisper large v3": (
        {
            "model_type": "whisper", "vocab_size": 51866, "num_mel_bins": 128, "d_model": 1280, "encoder_layers": 32,
            "decoder_layers": 32, "encoder_attention_heads": 20, "decoder_attention_heads": 20,
            "encoder_ffn_dim": 5120, "decoder_ffn_dim": 5120,
        },
        1_541_570_560,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_configuration_has_the_published_size(name: str, tmp_path: Path) -> None:
    config, params = PUBLISHED[name]
    written = from_config(json.dumps(config).encode())
    (tmp_path / "net.yaml").write_text(written.text, encoding="utf-8")
    assert netspec.check(tmp_path / "net.yaml") == []
    assert written.params == params
    assert netspec.loads(written.text).params == params
    assert written.text.count("\n") < (70 if "decoder_layer" in written.text else 60)


@pytest.mark.parametrize(
    ("config", "own"),
    [
        (
            {"model_type": "gpt2", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
            {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4},
        ),
        (
            {"model_type": "t5", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "head_dim": 16},
            {"model_type": "t5", "d_model": 64, "num_heads": 4, "num_layers": 2, "d_kv": 16},
        ),
        ({"model_type": "bart", "hidden_size": 64}, {"model_type": "bart", "d_model": 64}),
        (
            {"model_type": "whisper", "hidden_size": 48, "num_attention_heads": 4, "d_model": None},
            {"model_type": "whisper", "d_model": 48, "encoder_attention_heads": 4},
        ),
        ({"model_type": "bart", "num_hidden_layers": 3}, {"model_type": "bart", "encoder_layers": 3}),
        ({"model_type": "distilbert", "num_hidden_layers": 3}, {"model_type": "distilbert", "n_layers": 3}),
        ({"model_type": "mixtral", "num_experts": 4}, {"model_type": "mixtral", "num_local_experts": 4}),
    ],
    ids=["GPT-2", "T5", "BART", "Whisper", "BART's depth", "DistilBERT", "Mixtral"],
)
def test_transformers_other_name_of_a_key_is_the_key(config: dict[str, Any], own: dict[str, Any]) -> None:
    assert from_config(json.dumps(config).encode()) == from_config(json.dumps(own).encode())


REFUSED: list[tuple[dict[str, Any] | str | list[Any], str]] = [
    ("{", "this is no JSON"),
    ([], "holds one object"),
    ({}, "it has no `model_type`"),
    ({"model_type": "lama"}, "did you mean `llama`?"),
    ({"model_type": "llama", "hidden_size": "4096"}, "`hidden_size`"),
    ({"model_type": "llama", "hidden_size": 0}, "`hidden_size`"),
    ({"model_type": "llama", "num_hidden_layers": 2_000_000_000}, "`num_hidden_layers` cannot be 2000000000"),
    (
        {"model_type": "llama", "hidden_size": 100, "num_attention_heads": 3},
        "`num_attention_heads: 3` does not divide `hidden_size: 100`",
    ),
    ({"model_type": "bart", "encoder_layers": 6, "num_hidden_layers": 12}, "are two names of one number"),
    (
        '{"model_type": "llama", "hidden_size": 64, "hidden_size": 128}',
        "`hidden_size` stands there twice, with 64 and 128",
    ),
    ({"model_type": "llama", "hidden_act": "quick_gelu"}, "`hidden_act: quick_gelu`"),
    ({"model_type": "llama", "rope_scaling": {"rope_type": "yarn", "factor": 8.0}}, "`rope_type: yarn`"),
    (
        {"model_type": "llama", "rope_scaling": {"type": "dynamic", "factor": 2.0}},
        "a base that grows with the sequence",
    ),
    (
        {"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
        "`rope_scaling.low_freq_factor: None`",
    ),
    (
        {"model_type": "llama", "rope_scaling": {"type": "linear", "factor": "2)"}},
        "`rope_scaling.factor: 2)` is no positive number",
    ),
    ({"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]}, "`LlamaForCausalLM`"),
    ({"model_type": "gpt2", "add_cross_attention": True}, "`add_cross_attention: true`"),
    ({"model_type": "gpt2", "scale_attn_by_inverse_layer_idx": True}, "`scale_attn_by_inverse_layer_idx: true`"),
    ({"model_type": "qwen2", "use_sliding_window": True, "layer_types": ["full_attention"]}, "`layer_types` has 1"),
    ({"model_type": "mixtral", "router_jitter_noise": 0.1}, "`router_jitter_noise: 0.1`"),
    ({"model_type": "mixtral", "num_experts_per_tok": 9}, "its numbers do not make a network"),
    ({"model_type": "t5", "feed_forward_proj": "gated-snake"}, "`feed_forward_proj: snake`"),
    ({"model_type": "t5", "relative_attention_num_buckets": 31}, "its numbers do not make a network"),
    ({"model_type": "vit", "image_size": [1, 2, 3]}, "`image_size` has 3 numbers"),
    ({"model_type": "bert", "position_embedding_type": "relative_key"}, "`position_embedding_type: relative_key`"),
    ({"model_type": "bert", "is_decoder": True}, "`is_decoder: true`"),
    ({"model_type": "bert", "add_cross_attention": True}, "`add_cross_attention: true`"),
    ({"model_type": "bert", "architectures": ["BertForQuestionAnswering"]}, "`BertForMaskedLM`"),
    ({"model_type": "distilbert", "activation": "mish"}, "`activation: mish`"),
    ({"model_type": "distilbert", "n_heads": 7}, "`n_heads: 7` does not divide `dim: 768`"),
    ({"model_type": "bert", "num_attention_heads": 7}, "`num_attention_heads: 7` does not divide `hidden_size: 768`"),
    ({"model_type": "bart", "decoder_attention_heads": 7}, "`decoder_attention_heads: 7` does not divide"),
    ({"model_type": "distilbert", "sinusoidal_pos_embds": True}, "`sinusoidal_pos_embds: true`"),
    ({"model_type": "distilbert", "dim": "wide"}, "`dim`"),
    ({"model_type": "whisper", "apply_spec_augment": True}, "`apply_spec_augment: true`"),
    ({"model_type": "whisper", "encoder_layerdrop": 0.1}, "`encoder_layerdrop: 0.1`"),
    ({"model_type": "whisper", "d_model": 3, "encoder_attention_heads": 1}, "`d_model: 3`"),
    ({"model_type": "bart", "decoder_layerdrop": 0.1}, "`decoder_layerdrop: 0.1`"),
]


@pytest.mark.parametrize(("config", "told"), REFUSED)
def test_what_a_spec_cannot_say_is_named(config: Any, told: str) -> None:
    with pytest.raises(NotImportable) as caught:
        from_config((config if isinstance(config, str) else json.dumps(config)).encode())
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "key", "layers"),
    [
        ("gpt2", "initializer_range", {"Linear", "SelfAttention", "Embedding", "PositionEmbedding"}),
        ("bert", "initializer_range", {"Linear", "SelfAttention", "Embedding", "PositionEmbedding"}),
        ("whisper", "init_std", {"Linear", "Embedding", "PositionEmbedding"}),
        ("bart", "init_std", {"Linear", "Embedding", "Parameter"}),
        ("llama", "initializer_range", {"Linear", "SelfAttention", "Embedding"}),
        ("vit", "initializer_range", {"Linear", "SelfAttention", "Conv2d"}),
    ],
)
def test_weights_begin_as_the_configuration_says(kind: str, key: str, layers: set[str]) -> None:
    written = from_config(json.dumps({"model_type": kind, key: 0.125}).encode())
    said = written.text.partition("init:\n")[2].splitlines()
    told = {line.split(":")[0].strip(): set(re.findall(r"std: ([\d.]+)", line)) for line in said}
    assert told == {layer: {"0.125"} for layer in layers}


def test_layers_that_look_back_less_far_are_a_block_of_their_own() -> None:
    config = {
        "model_type": "qwen2", "num_hidden_layers": 12, "use_sliding_window": True, "sliding_window": 64,
        "max_window_layers": 5, "hidden_size": 128, "intermediate_size": 300, "num_attention_heads": 8,
        "num_key_value_heads": 2,
    }  # fmt: skip
    net = netspec.loads(from_config(json.dumps(config).encode()).text)
    found = [leaf.layer.window for leaf in net.layers if leaf.type == "SelfAttention"]  # type: ignore[attr-defined]
    assert found == [None] * 5 + [64] * 7


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_value_of_any_key_is_a_network_or_refused(data: st.DataObject) -> None:
    """A configuration is data from anywhere: whatever it holds, there is a spec that compiles, or one error."""
    base, _ = PUBLISHED[data.draw(st.sampled_from([*PUBLISHED]))]
    small = {"num_hidden_layers": 2, "n_layer": 2, "n_layers": 2, "encoder_layers": 2, "decoder_layers": 2}
    keys = [*family(base["model_type"]).model_fields]
    changed = base | small | {data.draw(st.sampled_from(keys)): data.draw(JSON)}
    try:
        written = from_config(json.dumps(changed).encode())
    except NotImportable:
        return
    assert netspec.loads(written.text).params == written.params


def test_the_command_writes_a_spec_that_compiles(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(PUBLISHED["TinyLlama"][0]))
    spec = tmp_path / "tiny.yaml"
    done = program("import", ".", "-o", spec.name, cwd=tmp_path)
    assert (done.returncode, "1,100,048,384 parameters" in done.stderr) == (0, True), done.stderr
    assert netspec.load(spec).name == "tiny"
    assert program("import", config.name, "-o", spec.name, cwd=tmp_path).returncode == 2
    assert program("import", config.name, "-o", spec.name, "--force", cwd=tmp_path).returncode == 0
    printed = program("import", config.name, cwd=tmp_path)
    assert printed.stdout == spec.read_text(encoding="utf-8").replace("name: tiny", "name: llama")
    assert program("import", "none.json", cwd=tmp_path).returncode == 2
    config.write_text("{")
    refused = program("import", config.name, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "error[not-importable]: this is no JSON" in refused.stderr
