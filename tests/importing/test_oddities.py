"""What `netspec import` makes of the oddities of published configurations: keys that other readers passed over,
took for something else, or broke at."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from netspec.importing import NotImportable, from_config
from tests.commands import program

LLAMA: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32,
}  # fmt: skip
QWEN = LLAMA | {"model_type": "qwen2"}
LINEAR = {"rope_type": "linear", "factor": 2.0, "rope_theta": 5000.0}


def written(config: dict[str, Any]) -> str:
    """The spec, without the comment at the top."""
    return from_config(json.dumps(config).encode()).text.partition("\n")[2]


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "transformers 5 writes the base of the turns below `rope_parameters`": (
        LLAMA | {"rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}},
        LLAMA | {"rope_theta": 500000.0},
    ),
    "a base beside `rope_parameters` is theirs, too": (
        LLAMA | {"rope_theta": 5000.0, "rope_parameters": {"rope_type": "linear", "factor": 2.0}},
        LLAMA | {"rope_parameters": LINEAR},
    ),
    "of both names for the scaling transformers takes the older": (
        LLAMA | {"rope_scaling": LINEAR, "rope_parameters": {"rope_type": "default", "rope_theta": 7.0}},
        LLAMA | {"rope_parameters": LINEAR},
    ),
    "an empty scaling is none": (LLAMA | {"rope_scaling": {}}, LLAMA | {"rope_scaling": None}),
    "turns of kinds of layers that are all the same are those of the model": (
        QWEN | {"rope_parameters": {"full_attention": LINEAR, "sliding_attention": LINEAR}},
        QWEN | {"rope_parameters": LINEAR},
    ),
    "turns of a kind of layers that no layer is of say nothing": (
        QWEN
        | {
            "layer_types": ["full_attention"] * 2,
            "rope_parameters": {"sliding_attention": {"rope_type": "yarn"}, "full_attention": LINEAR},
        },
        QWEN | {"rope_parameters": LINEAR},
    ),
    "a number that all kinds of layers share stands beside theirs": (
        QWEN | {"rope_parameters": {"rope_theta": 5000.0, "full_attention": {"rope_type": "linear", "factor": 2}}},
        QWEN | {"rope_parameters": LINEAR},
    ),
    "kinds of layers that say what the model does": (LLAMA | {"layer_types": ["full_attention"] * 2}, LLAMA),
    "an earlier name of a kind of layers": (QWEN | {"layer_types": ["attention", "full_attention"]}, QWEN),
    "more layers that look back all the way than there are layers": (
        QWEN | {"use_sliding_window": True, "max_window_layers": 28}, QWEN,
    ),
    "numbers that may be left out are null": (
        LLAMA | {"head_dim": None, "rope_theta": None, "rope_scaling": None, "architectures": None},
        LLAMA,
    ),
    "heads of before, none of which is cut": (
        {"model_type": "bert", "pruned_heads": {}}, {"model_type": "bert", "pruned_heads": None},
    ),
    "several tokens end a text": (LLAMA | {"eos_token_id": [1, 2, 3], "pad_token_id": None}, LLAMA),
    "weights that are stored otherwise": (
        LLAMA | {"quantization_config": {"bits": 4, "quant_method": "gptq"}, "torch_dtype": "float16"}, LLAMA,
    ),
    "a whole number where a broken one may stand": (
        {"model_type": "bert", "hidden_dropout_prob": 0}, {"model_type": "bert", "hidden_dropout_prob": 0.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", SAME)
def test_these_are_one_network(why: str) -> None:
    odd, plain = SAME[why]
    assert written(odd) == written(plain)


def test_a_byte_order_mark_is_no_part_of_the_configuration() -> None:
    assert from_config(b"\xef\xbb\xbf" + json.dumps(LLAMA).encode()) == from_config(json.dumps(LLAMA).encode())


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"model_type": "bert", "pruned_heads": {"0": [1, 2], "3": [0]}},
        "`pruned_heads` takes heads out of some layers (0, 3)",
    ),
    ({"model_type": "gpt2", "pruned_heads": {"11": [0]}}, "`pruned_heads` takes heads out of some layers (11)"),
    ({"model_type": "bert", "layer_norm_eps": "1e-12"}, '`layer_norm_eps` cannot be "1e-12"'),
    ({"model_type": "bert", "hidden_dropout_prob": True}, "`hidden_dropout_prob` cannot be true"),
    ({"model_type": "gpt2", "layer_norm_epsilon": None}, "`layer_norm_epsilon` cannot be null"),
    (LLAMA | {"rms_norm_eps": "1e-6"}, '`rms_norm_eps` cannot be "1e-6"'),
    (LLAMA | {"rope_theta": "500000"}, '`rope_theta` cannot be "500000"'),
    (
        LLAMA | {"rope_parameters": {"rope_theta": "500000"}},
        "`rope_parameters.rope_theta: 500000` is no positive number",
    ),
    (LLAMA | {"hidden_size": 64.0}, "`hidden_size` cannot be 64.0"),
    (LLAMA | {"attention_bias": "false"}, '`attention_bias` cannot be "false"'),
    (LLAMA | {"tie_word_embeddings": 1}, "`tie_word_embeddings` cannot be 1"),
    (QWEN | {"max_window_layers": "28"}, '`max_window_layers` cannot be "28"'),
    (
        QWEN | {"rope_parameters": {"full_attention": LINEAR, "sliding_attention": {"rope_type": "default"}}},
        "`rope_parameters` has other turns by position for `full_attention` than for `sliding_attention`",
    ),
    (
        LLAMA | {"partial_rotary_factor": 0.5, "rope_scaling": {"type": "linear", "factor": 2.0}},
        "`partial_rotary_factor`",
    ),
    (QWEN | {"layer_types": ["full_attention", "chunked_attention"]}, "`layer_types[1]: chunked_attention` is none of"),
    (
        QWEN | {"layer_types": ["sliding_attention", "full_attention"]},
        "`layer_types[0]: sliding_attention`, but by the other keys that layer looks back all the way",
    ),
    (
        LLAMA | {"model_type": "mistral", "layer_types": ["sliding_attention", "full_attention"], "sliding_window": 8},
        "`layer_types[1]: full_attention`, but by the other keys that layer looks back 8 positions",
    ),
    (LLAMA | {"layer_types": ["full_attention"]}, "`layer_types` has 1 entries, but `num_hidden_layers` is 2"),
    (LLAMA | {"model_type": "mistral", "mlp_bias": True}, "no `Linear` of a `mistral`'s MLP has a bias"),
    (LLAMA | {"model_type": "mixtral", "mlp_bias": True}, "no `Linear` of a `mixtral`'s MLP has a bias"),
    (QWEN | {"mlp_bias": True}, "no `Linear` of a `qwen2`'s MLP has a bias"),
    (LLAMA | {"model_type": "mistral", "attention_bias": True}, "the attention of a `mistral` has no biases"),
    (LLAMA | {"is_causal": False}, "`is_causal: false` lets a token see those behind it"),
    ({"model_type": "gpt2", "is_causal": False}, "`is_causal: false` lets a token see those behind it"),
    ({"model_type": "bart", "normalize_before": True}, "`normalize_before: true`"),
    ({"model_type": "bart", "static_position_embeddings": True}, "`static_position_embeddings: true`"),
    ({"model_type": "bart", "add_final_layer_norm": True}, "`add_final_layer_norm: true`"),
    ({"model_type": "bart", "normalize_embedding": False}, "`normalize_embedding: false`"),
    ({"model_type": "bert", "hiden_size": 1024}, "`hiden_size` is no key of a `bert`: did you mean `hidden_size`?"),
    ({"model_type": "gpt2", "n_layers": 24}, "`n_layers` is no key of a `gpt2`: did you mean `n_layer`?"),
    ({"model_type": "distilbert", "n_layer": 3}, "`n_layer` is no key of a `distilbert`: did you mean `n_layers`?"),
    ({"model_type": "t5", "dense_act_fn": "gelu"}, "`dense_act_fn: gelu` contradicts `feed_forward_proj: relu`"),
    ({"model_type": "t5", "scale_decoder_outputs": False}, "contradicts `tie_word_embeddings: True`"),
]


@pytest.mark.parametrize(("config", "told"), REFUSED)
def test_what_would_be_another_network_is_told_with_its_place(config: dict[str, Any], told: str) -> None:
    with pytest.raises(NotImportable) as caught:
        written(config)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "kind", ["qwen3", "qwen2_moe", "llama4", "mistral3", "mt5", "mbart", "roberta", "vit_mae", "gptj"]
)
def test_a_family_of_its_own_is_not_taken_for_one_of_a_like_name(kind: str) -> None:
    with pytest.raises(NotImportable) as caught:
        written({"model_type": kind})
    assert "did you mean" not in str(caught.value)


NOTED: list[tuple[dict[str, Any], str]] = [
    (LLAMA | {"quantum_flux": 3}, "passed over, since no network of this family is known to have `quantum_flux`"),
    (
        {key: value for key, value in LLAMA.items() if key != "intermediate_size"},
        "not said, and as transformers has it: `intermediate_size: 11008`",
    ),
    ({"model_type": "distilbert", "dim": 96, "n_heads": 4, "n_layers": 2, "hidden_dim": 100, "vocab_size": 10},
     "not said, and as transformers has it: `max_position_embeddings: 512`"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "told"), NOTED)
def test_what_is_passed_over_or_not_said_is_noted(config: dict[str, Any], told: str, tmp_path: Path) -> None:
    assert from_config(json.dumps(config).encode()).notes == (told,)
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert f"note: {told}" in program("import", "config.json", cwd=tmp_path).stderr


def test_the_next_line_can_be_pasted_whatever_the_file_is_called(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    done = program("import", "config.json", "-o", "my nets; echo.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    typed = shlex.split(done.stderr.rpartition("next: ")[2])
    assert typed == ["netspec", "compile", "my nets; echo.yaml"]
    assert program(*typed[1:], "--no-write", cwd=tmp_path).returncode == 0
