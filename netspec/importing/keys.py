"""Which keys of a configuration say something of the network, which do not, and which nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from netspec.diagnostics import did_you_mean
from netspec.importing.base import Configuration, Depth, Size

_SILENT: Final = frozenset((
    # of the file, of training and of the classes around a network
    "_attn_implementation", "_name_or_path", "_num_labels", "attn_implementation", "auto_map", "dtype",
    "encoder_stride",
    "finetuning_task", "gradient_checkpointing", "id2label", "initializer_factor", "init_std", "label2id",
    "mask_feature_length", "mask_feature_min_masks", "mask_feature_prob", "mask_time_length", "mask_time_min_masks",
    "mask_time_prob", "n_ctx", "output_attentions", "output_hidden_states", "output_past", "output_router_logits",
    "pretraining_tp", "problem_type", "qa_dropout", "quantization_config", "reorder_and_upcast_attn", "return_dict",
    "router_aux_loss_coef", "scale_embedding", "task_specific_params", "tie_encoder_decoder", "tokenizer_class",
    "torch_dtype", "torchscript", "transformers_version", "use_bfloat16", "use_cache", "use_return_dict",
    # of how a text is generated
    "bad_words_ids", "begin_suppress_tokens", "bos_token_id", "cls_token_id", "decoder_start_token_id",
    "diversity_penalty", "do_sample", "early_stopping", "encoder_no_repeat_ngram_size", "eos_token_id",
    "exponential_decay_length_penalty", "forced_bos_token_id", "forced_decoder_ids", "forced_eos_token_id",
    "length_penalty", "mask_token_id", "max_length", "median_filter_width", "min_length", "no_repeat_ngram_size",
    "num_beam_groups", "num_beams", "num_return_sequences", "output_scores", "pad_token_id", "prefix",
    "remove_invalid_values", "repetition_penalty", "return_dict_in_generate", "sep_token_id", "suppress_tokens",
    "temperature", "top_k", "top_p", "typical_p", "unk_token_id",
    # of heads and modes that no class has that is known here, or that are refused by themselves
    "add_cross_attention", "chunk_size_feed_forward", "classif_dropout", "classifier_dropout", "classifier_proj_size",
    "cross_attention_hidden_size", "directionality", "extra_pos_embeddings", "force_bos_token_to_be_generated",
    "is_decoder", "is_encoder_decoder", "pooler_fc_size", "pooler_num_attention_heads",
    "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type", "summary_activation",
    "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj", "tie_weights_",
    "use_weighted_layer_sum",
))  # fmt: skip
"""Keys that say nothing of the network, as transformers writes them."""


def known_to(reader: type[Configuration]) -> frozenset[str]:
    """The keys that a family reads, under all their names."""
    return frozenset({*(_key(reader, name) for name in reader.model_fields), *reader.other_names})


def _key(reader: type[Configuration], name: str) -> str:
    """The key under which a field of a family stands in the file."""
    alias = reader.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else name


def misspelt(reader: type[Configuration], found: Mapping[str, Any]) -> Iterator[str]:
    """Why a configuration is refused that has a key which is none, but nearly one that it lacks."""
    known = known_to(reader)
    for key in found.keys() - known - _SILENT:
        near = did_you_mean(key, known)
        if near is not None and near not in found:
            yield f"`{key[:64]}` is no key of a `{found['model_type']}`: did you mean `{near}`?"


def passed_over(reader: type[Configuration], found: Mapping[str, Any]) -> Iterator[str]:
    """What is told of a configuration that is read: keys that are not known, and sizes that it does not say."""
    unknown = [f"`{key[:64]}`" for key in found if key not in known_to(reader) | _SILENT]
    if unknown:
        yield f"passed over, since no network of this family is known to have {_listed(unknown)}"
    said = set(reader.by_its_keys(found))
    sizes = (Size, Depth)
    taken = [
        f"`{_key(reader, name)}: {field.default}`"
        for name, field in reader.model_fields.items()
        if _key(reader, name) not in said
        and field.default is not None
        and any(field.metadata == _bounds(kind) for kind in sizes)
    ]
    if taken:
        yield f"not said, and as transformers has it: {', '.join(taken)}"


def _bounds(kind: Any) -> list[Any]:
    return list(kind.__metadata__[0].metadata)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
