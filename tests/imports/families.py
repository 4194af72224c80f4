"""Import families of transformers with small configurations, each held against its module, and print a table.

    python -m tests.imports.families [NAME…]

A crash ends it with a traceback, and a network that was imported wrongly gives status 1.

With transformers 5.24, 10 of 38 are refused. Outside of what a spec says, since numbers of an input decide: positions
counted from words that are no padding (roberta, xlm_roberta, mpnet), the place of the last word (clip_text), a warning
about padding (megatron_bert, deberta). Not followed yet: masks of windows that are repeated for each example (swin),
`baddbmm` (bloom), masks in front of an attention (gpt_neo), pads along a sequence (mobilebert).
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from typing import Any, Final

import torch

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from netspec.capture.proving.proof import EqualityProof, Unproven

_PLAIN: Final = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 64,
    "max_position_embeddings": 32,
}  # fmt: skip
_CAUSAL: Final = {**_PLAIN, "num_key_value_heads": 2, "use_cache": False}
_IMAGES: Final = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip
_STAGES: Final = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 2, 1]}

FAMILIES: Final[dict[str, tuple[str, str, dict[str, Any], int]]] = {
    "bert": ("BertModel", "BertConfig", _PLAIN, 0),
    "roberta": ("RobertaModel", "RobertaConfig", {**_PLAIN, "max_position_embeddings": 40}, 0),
    "distilbert": (
        "DistilBertModel", "DistilBertConfig",
        {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 64, "vocab_size": 64, "max_position_embeddings": 32}, 0,
    ),
    "albert": ("AlbertModel", "AlbertConfig", {**_PLAIN, "embedding_size": 16}, 0),
    "electra": ("ElectraModel", "ElectraConfig", {**_PLAIN, "embedding_size": 16}, 0),
    "gpt2": (
        "GPT2LMHeadModel", "GPT2Config",
        {"n_embd": 32, "n_layer": 3, "n_head": 4, "vocab_size": 64, "n_positions": 32, "use_cache": False}, 0,
    ),
    "opt": (
        "OPTModel", "OPTConfig",
        {
            "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "ffn_dim": 64, "vocab_size": 64,
            "max_position_embeddings": 32, "word_embed_proj_dim": 32, "use_cache": False,
        }, 0,
    ),
    "llama": ("LlamaForCausalLM", "LlamaConfig", _CAUSAL, 0),
    "mistral": ("MistralForCausalLM", "MistralConfig", _CAUSAL, 0),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", _CAUSAL, 0),
    "t5": (
        "T5EncoderModel", "T5Config",
        {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 3, "num_heads": 4, "vocab_size": 64}, 0,
    ),
    "vit": ("ViTForImageClassification", "ViTConfig", _IMAGES, 32),
    "deit": ("DeiTForImageClassification", "DeiTConfig", _IMAGES, 32),
    "beit": ("BeitForImageClassification", "BeitConfig", _IMAGES, 32),
    "convnext": ("ConvNextForImageClassification", "ConvNextConfig", _STAGES, 64),
    "dinov2": ("Dinov2ForImageClassification", "Dinov2Config", {**_IMAGES, "mlp_ratio": 2}, 32),
    "clip_vision": ("CLIPVisionModel", "CLIPVisionConfig", _IMAGES, 32),
    "clip_text": ("CLIPTextModel", "CLIPTextConfig", {**_PLAIN, "bos_token_id": 1, "eos_token_id": 2}, 0),
    "siglip_vision": ("SiglipVisionModel", "SiglipVisionConfig", _IMAGES, 32),
    "vit_msn": ("ViTMSNForImageClassification", "ViTMSNConfig", _IMAGES, 32),
    "segformer": (
        "SegformerForImageClassification", "SegformerConfig",
        {**_STAGES, "num_attention_heads": [1, 2, 2, 4], "decoder_hidden_size": 16}, 64,
    ),
    "swin": (
        "SwinForImageClassification", "SwinConfig",
        {"embed_dim": 8, "depths": [2, 2], "num_heads": [1, 2], "window_size": 4, "image_size": 32, "patch_size": 2},
        32,
    ),
    "mobilevit": (
        "MobileViTForImageClassification", "MobileViTConfig",
        {
            "hidden_sizes": [8, 12, 16], "neck_hidden_sizes": [4, 8, 8, 12, 16, 16, 16], "num_attention_heads": 4,
            "image_size": 64,
        }, 64,
    ),
    "convnextv2": ("ConvNextV2ForImageClassification", "ConvNextV2Config", _STAGES, 64),
    "poolformer": ("PoolFormerForImageClassification", "PoolFormerConfig", _STAGES, 64),
    "xlm_roberta": ("XLMRobertaModel", "XLMRobertaConfig", {**_PLAIN, "max_position_embeddings": 40}, 0),
    "mpnet": ("MPNetModel", "MPNetConfig", {**_PLAIN, "max_position_embeddings": 40}, 0),
    "deberta": ("DebertaV2Model", "DebertaV2Config", _PLAIN, 0),
    "gpt_neo": (
        "GPTNeoForCausalLM", "GPTNeoConfig",
        {
            "hidden_size": 32, "num_layers": 2, "num_heads": 4, "intermediate_size": 64, "vocab_size": 64,
            "max_position_embeddings": 32, "attention_types": [[["global"], 2]], "use_cache": False,
        }, 0,
    ),
    "gpt_neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", {**_PLAIN, "hidden_size": 64, "use_cache": False}, 0),
    "bloom": (
        "BloomForCausalLM", "BloomConfig",
        {"hidden_size": 32, "n_layer": 3, "n_head": 4, "vocab_size": 64, "use_cache": False}, 0,
    ),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", {**_CAUSAL, "head_dim": 8}, 0),
    "phi": ("PhiForCausalLM", "PhiConfig", {**_PLAIN, "use_cache": False}, 0),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", {**_CAUSAL, "head_dim": 8}, 0),
    "modernbert": ("ModernBertModel", "ModernBertConfig", {**_PLAIN, "pad_token_id": 0}, 0),
    "megatron_bert": ("MegatronBertModel", "MegatronBertConfig", _PLAIN, 0),
    "mobilebert": (
        "MobileBertModel", "MobileBertConfig",
        {**_PLAIN, "embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16}, 0,
    ),
    "resnet": ("ResNetForImageClassification", "ResNetConfig", {**_STAGES, "embedding_size": 8}, 64),
}  # fmt: skip
"""The model, its configuration with arguments, and the edge of its images; 0 for those that take twelve words."""


def imported(name: str) -> str:
    """What became of a family, in a line."""
    transformers: Any = import_module("transformers")
    model, config, arguments, edge = FAMILIES[name]
    torch.default_generator.manual_seed(0)
    module = getattr(transformers, model)(getattr(transformers, config)(**arguments))
    example = torch.randn(2, 3, edge, edge) if edge else torch.randint(3, 60, (2, 12))
    try:
        found = from_torch(module, example, name=name)
    except NotCaptured as error:
        return "refused, " + " ".join(line.strip() for line in str(error).splitlines()[:3])[:300]
    proof = EqualityProof(module, netspec.loads(found.text), found.keys, 7, found.left_out, wide=found.wide)
    try:
        proof.check([example], training=False)
    except Unproven as error:
        return f"wrong, proven with one seed, and not with another: {error}"
    kept = "keys kept" if found.keeps_keys else "other keys"
    return f"proven, {len(found.text.splitlines())} lines, {found.blocks} blocks, {kept}; {found.difference or 0:.0e}"


def main(names: list[str]) -> int:
    """Import and print."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    proven = wrong = 0
    for name in names or list(FAMILIES):
        told = imported(name)
        proven += told.startswith("proven")
        wrong += told.startswith("wrong")
        print(f"{name}: {told}", flush=True)
    print(f"{proven} of {len(names or FAMILIES)} proven")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
