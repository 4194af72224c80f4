"""Imported networks are those of transformers, where it is installed: as many parameters, and with its weights its
outputs."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import netspec
from netspec.importing import from_config
from netspec.importing.config import FAMILIES
from netspec.net import Net
from netspec.torch import verify
from tests.importing.test_config import PUBLISHED
from tests.zoo import proof

transformers = pytest.importorskip("transformers")

INPUTS = {
    "bert": ("input_ids", "token_type_ids", "attention_mask"),
    "distilbert": ("input_ids", "attention_mask"),
    "whisper": ("input_features", "decoder_input_ids"),
    "bart": ("input_ids", "attention_mask", "decoder_input_ids"),
    "gpt2": ("input_ids",),
    "llama": ("input_ids",),
    "mistral": ("input_ids",),
    "qwen2": ("input_ids",),
    "vit": ("pixel_values",),
}
"""What transformers calls the inputs of a spec, in their order."""

BERT = {
    "model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 24, "max_position_embeddings": 9, "type_vocab_size": 3, "num_labels": 5,
}  # fmt: skip
DISTILBERT = {
    "model_type": "distilbert", "vocab_size": 50, "dim": 16, "n_layers": 2, "n_heads": 4, "hidden_dim": 24,
    "max_position_embeddings": 9, "activation": "relu", "num_labels": 5,
}  # fmt: skip
SIDES = {
    "vocab_size": 50, "d_model": 16, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 4,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 20, "pad_token_id": 0,
}  # fmt: skip
WHISPER = SIDES | {
    "model_type": "whisper", "max_source_positions": 10, "max_target_positions": 7, "num_mel_bins": 6,
}  # fmt: skip
BART = SIDES | {"model_type": "bart", "max_position_embeddings": 9, "scale_embedding": True}
LLAMA = {
    "vocab_size": 50, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 12,
}  # fmt: skip

SMALL: dict[str, list[dict[str, Any]]] = {
    "BertModel": [BERT],
    "BertForMaskedLM": [BERT, BERT | {"hidden_act": "gelu_new"}],
    "BertForPreTraining": [BERT],
    "BertForSequenceClassification": [BERT],
    "BertForTokenClassification": [BERT],
    "DistilBertModel": [DISTILBERT],
    "DistilBertForMaskedLM": [DISTILBERT],
    "DistilBertForSequenceClassification": [DISTILBERT],
    "DistilBertForTokenClassification": [DISTILBERT],
    "WhisperForConditionalGeneration": [WHISPER],
    "WhisperModel": [WHISPER | {"activation_function": "relu"}],
    "BartForConditionalGeneration": [BART],
    "BartModel": [BART | {"scale_embedding": False}],
    "GPT2LMHeadModel": [
        {"model_type": "gpt2", "vocab_size": 50, "n_positions": 9, "n_embd": 16, "n_layer": 2, "n_head": 4},
    ],
    "LlamaForCausalLM": [LLAMA | {"model_type": "llama"}, LLAMA | {"model_type": "llama", "tie_word_embeddings": True}],
    "MistralForCausalLM": [LLAMA | {"model_type": "mistral", "sliding_window": 4}],
    "Qwen2ForCausalLM": [LLAMA | {"model_type": "qwen2"}],
    "ViTForImageClassification": [
        {
            "model_type": "vit", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
            "intermediate_size": 24, "image_size": 12, "patch_size": 4, "num_labels": 5,
        },
    ],
}  # fmt: skip
CASES = [(name, config) for name, configs in SMALL.items() for config in configs]


def model_of(config: dict[str, Any], architecture: str) -> nn.Module:
    """transformers' module, with the weights that it begins with, in eval mode."""
    given = {key: value for key, value in config.items() if key not in ("model_type", "architectures")}
    made = transformers.AutoConfig.for_model(config["model_type"], **given)
    return getattr(transformers, architecture)._from_config(made).eval()  # type: ignore[no-any-return]


def learned(model: nn.Module) -> int:
    """How many parameters are learned; Whisper's positions of the sound are none."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def used(model: nn.Module, inputs: dict[str, Tensor]) -> list[Tensor]:
    """The parameters that are learned, in the order in which modules have used them first; one that is tied once."""
    found: dict[Tensor, Tensor] = {}

    def note(module: nn.Module, *_: object) -> None:
        turned = type(module).__name__ == "Conv1D"  # GPT-2's linear layers have their weight the other way round
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                found.setdefault(parameter, parameter.T if turned and parameter.dim() == 2 else parameter)

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    with torch.no_grad():
        model(**inputs)
    for hook in hooks:
        hook.remove()
    return list(found.values())


def carried(net: Net, theirs: list[Tensor], model: nn.Module) -> None:
    """Give the net these parameters in its order. Queries, keys and values are three matrices there, or one."""
    given, done = iter(theirs), set[int]()
    for module in (model.get_submodule(leaf.path) for leaf in net.layers if leaf.params):
        own = dict(module.named_parameters())
        if (rows := own.pop("in_proj_weight", None)) is not None:
            bias = own.pop("in_proj_bias", None)
            parts: list[list[Tensor]] = []
            while sum(len(part[0]) for part in parts) < len(rows):
                parts.append([next(given) for _ in range(1 if bias is None else 2)])
            for parameter, pieces in zip((rows, bias), zip(*parts, strict=True), strict=False):
                parameter.data.copy_(torch.cat(pieces))  # type: ignore[union-attr]
        for parameter in own.values():
            if id(parameter) not in done:
                parameter.data.copy_(next(given).view_as(parameter))
                done.add(id(parameter))
    assert not list(given)


@pytest.mark.parametrize(("name", "config"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_small_one_gives_what_transformers_gives(name: str, config: dict[str, Any]) -> None:
    """In single precision, in which transformers computes positions whatever the precision of the weights."""
    theirs = model_of(config, name)
    learns = [parameter for parameter in theirs.parameters() if parameter.requires_grad]
    proof.fill(nn.ParameterList(learns))
    net = netspec.loads(from_config(json.dumps(config | {"architectures": [name]}).encode()).text)
    assert net.params == learned(theirs)
    values = verify.example(net, 2, torch.Generator().manual_seed(0))
    inputs = dict(zip(INPUTS[config["model_type"]], values, strict=True))
    for key in inputs.keys() & {"input_ids", "decoder_input_ids"}:
        inputs[key].random_(50)
    model = netspec.build(net).eval()
    order = used(theirs, inputs)
    if name == "BertForPreTraining":  # it pools its tokens before it scores words, in front of its last layer here
        pooled = [*theirs.bert.pooler.parameters()]  # type: ignore[union-attr]
        rest = [parameter for parameter in order if all(parameter is not other for other in pooled)]
        order = [*rest[:-2], *pooled, *rest[-2:]]
    carried(net, order, model)
    with torch.no_grad():
        found = tree_leaves(model(*values))
        expected = [tensor for tensor in theirs(**inputs).to_tuple() if isinstance(tensor, Tensor)][: len(found)]
    assert len(found) == len(expected)
    for ours, other in zip(found, expected, strict=True):
        assert ours.std() > 0
        assert proof.relative(ours, other) < 1e-5
    assert not netspec.verify(net).disagreements


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_one_has_as_many_parameters_as_transformers_counts(name: str) -> None:
    config, params = PUBLISHED[name]
    written = from_config(json.dumps(config).encode())
    architecture = written.text.partition(",")[0].removeprefix("# ")
    with torch.device("meta"):
        assert learned(model_of(config, architecture)) == params


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_key_that_transformers_writes_is_known(kind: str) -> None:
    config = transformers.AutoConfig.for_model(kind)
    for text in (config.to_json_string(), config.to_json_string(use_diff=False)):
        assert from_config(text.encode()).notes == ()
