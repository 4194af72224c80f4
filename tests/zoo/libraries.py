"""References out of other libraries, where they are installed: timm's by name, transformers' and diffusers' by class.

The extra `zoo` of pyproject.toml has the libraries. Networks too large for memory are counted on the meta device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

import netspec
from netspec.net import Leaf, Net
from netspec.torch import verify
from tests.zoo import macs
from tests.zoo.agreement import SPECS, Apart, Found, compare
from tests.zoo.published import Published

# ---- whole networks, of any size


def whole(
    spec: str, variant: str | None, reference: str, make: Callable[[], nn.Module], more: tuple[int, str] = (0, "")
) -> Found:
    """Parameters and multiply-accumulates of a network at its own size, against a module on the meta device.

    Args:
        more: how many more multiply-accumulates torch counts in the module, and why.
    """
    net = netspec.load(SPECS / f"{spec}.yaml", variant=variant)
    with torch.device("meta"):
        theirs = make()
    said: list[str] = []
    if net.params != (params := sum(parameter.numel() for parameter in theirs.parameters())):
        said.append(f"the reference has {params:,} parameters, the net {net.params:,}")
    if (others := macs.counted(theirs, macs.without_data(net))) != net.macs + more[0]:
        said.append(f"torch counts {others:,} multiply-accumulates in the reference, the net says {net.macs:,}")
    return Found(spec, variant, reference, None, net.params, net.macs, False, Apart(macs=more).said(), [], said)  # type: ignore[arg-type]


# ---- timm


def of_timm(row: Published, **options: Any) -> nn.Module:
    """timm's module of a row, without pretrained weights."""
    return import_module("timm").create_model(row.source.removeprefix("timm:"), **options)  # type: ignore[no-any-return]


def whole_of_timm(row: Published) -> Found:
    """A row of timm's at its own size."""
    return whole(row.spec, row.variant, row.source, lambda: of_timm(row), row.more)


def small_of_timm(row: Published) -> Found:
    """A row of timm's that says `pixels`, with the outputs."""
    try:
        theirs = of_timm(row, img_size=row.pixels)
    except TypeError:  # a network of convolutions, which takes any size
        theirs = of_timm(row)
    return compare(
        row.spec, theirs, reference=row.source, variant=row.variant, set={"input": [3, row.pixels, row.pixels]},
        reshaped=True, apart=Apart(double=(1e-7, f"{row.single} are float32")) if row.single else Apart(),
    )  # fmt: skip


# ---- transformers and diffusers


class Model(NamedTuple):
    """A spec's variant in one of Hugging Face's libraries.

    config: what the configuration has otherwise than by itself; of diffusers, the arguments of the class.
    small, set: what a small one changes in the configuration, and in the spec; None where another variant has them.
    inputs: the names of the arguments of its forward pass, in the order of the spec's inputs, which may be fewer.
    outputs: the names of what is compared, in the order of the spec's outputs.
    without: what it learns beside the network → why the spec has it not.
    """

    spec: str
    variant: str | None
    model: str
    config: dict[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    small: dict[str, Any] | None = None
    set: dict[str, Any] | None = None
    without: Mapping[str, str] = {}
    apart: Apart = Apart()


_NORM = Apart(double=(1e-6, "its RMSNorm computes in float32"))
_SOFTMAX = Apart(double=(1e-7, "its softmax computes in float32"))
_ANGLES = Apart(double=(1e-8, "its angles of the time are float32"))
_TOKENS = ("input_ids", "token_type_ids", "attention_mask")
_BERT = _TOKENS, ("last_hidden_state", "pooler_output")
_WORDS = ("input_ids",), ("logits",)
_GPT2 = {"vocab_size": 90, "n_positions": 11, "n_embd": 24, "n_layer": 3, "n_head": 4}
_LLAMA = {
    "vocab_size": 90, "hidden_size": 32, "intermediate_size": 44, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2,
}  # fmt: skip


def _llama(**config: Any) -> dict[str, Any]:
    return {"rms_norm_eps": 1e-5, "num_attention_heads": 32, **config}


def _clip(patch: int, width: int, depth: int, common: int) -> dict[str, Any]:
    return {
        "patch_size": patch, "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": depth,
        "num_attention_heads": width // 64, "projection_dim": common,
    }  # fmt: skip


MODELS = [
    Model("language/gpt2", "gpt2_small", "GPT2LMHeadModel", {}, *_WORDS, _GPT2, {
        "words": 90, "length": 11, "width": 24, "depth": 3, "heads": 4,
    }),
    Model("language/gpt2", "gpt2_medium", "GPT2LMHeadModel", {"n_embd": 1024, "n_layer": 24, "n_head": 16}, *_WORDS),
    Model("language/gpt2", "gpt2_large", "GPT2LMHeadModel", {"n_embd": 1280, "n_layer": 36, "n_head": 20}, *_WORDS),
    Model("language/gpt2", "gpt2_xl", "GPT2LMHeadModel", {"n_embd": 1600, "n_layer": 48, "n_head": 25}, *_WORDS),
    Model("language/llama", "tinyllama", "LlamaForCausalLM", _llama(
        hidden_size=2048, intermediate_size=5632, num_hidden_layers=22, num_key_value_heads=4,
    ), *_WORDS, _LLAMA, {
        "words": 90, "length": 13, "width": 32, "depth": 3, "heads": 4, "kv_heads": 2, "hidden": 44,
    }, apart=_NORM),
    Model("language/llama", "llama2_7b", "LlamaForCausalLM", _llama(max_position_embeddings=4096), *_WORDS),
    Model("language/llama", "llama3_8b", "LlamaForCausalLM", _llama(
        vocab_size=128256, intermediate_size=14336, num_key_value_heads=8, max_position_embeddings=8192,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
    ), *_WORDS, _LLAMA, {
        "words": 90, "length": 13, "width": 32, "depth": 3, "heads": 4, "kv_heads": 2, "hidden": 44,
    }, apart=_NORM),
    Model("language/mistral", "mistral_7b", "MistralForCausalLM", {
        "rms_norm_eps": 1e-5, "sliding_window": 4096,
    }, *_WORDS, _LLAMA | {"sliding_window": 4}, {
        "words": 90, "length": 13, "width": 32, "depth": 3, "heads": 4, "kv_heads": 2, "hidden": 44, "window": 4,
    }, apart=_NORM),
    Model("language/qwen2", "qwen2_05b", "Qwen2ForCausalLM", {
        "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
        "num_key_value_heads": 2, "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    }, *_WORDS, _LLAMA, {
        "words": 90, "length": 13, "width": 32, "depth": 3, "heads": 4, "kv_heads": 2, "hidden": 44,
    }, apart=_NORM),
    Model("language/qwen2", "qwen2_15b", "Qwen2ForCausalLM", {
        "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12,
        "num_key_value_heads": 2, "tie_word_embeddings": True,
    }, *_WORDS),
    Model("language/qwen2", "qwen2_7b", "Qwen2ForCausalLM", {
        "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4,
    }, *_WORDS),
    Model("language/bert", "bert_base", "BertModel", {}, *_BERT, {
        "vocab_size": 50, "max_position_embeddings": 9, "hidden_size": 16, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4,
    }, {"words": 50, "length": 9, "width": 16, "depth": 2, "heads": 4}),
    Model("language/bert", "bert_large", "BertModel", {
        "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
    }, *_BERT),
    Model("language/distilbert", None, "DistilBertModel", {}, ("input_ids", "attention_mask"), ("last_hidden_state",), {
        "vocab_size": 50, "max_position_embeddings": 9, "dim": 16, "hidden_dim": 64, "n_layers": 2, "n_heads": 4,
    }, {"words": 50, "length": 9, "width": 16, "depth": 2, "heads": 4}),
    Model("graphs/albert", None, "AlbertForPreTraining", {
        "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12,
    }, _TOKENS, ("prediction_logits", "sop_logits"), {
        "vocab_size": 300, "max_position_embeddings": 16,
    }, {"words": 300, "length": 16}),
    Model("audio/wav2vec2", None, "Wav2Vec2Model", {}, ("input_values",), ("last_hidden_state",), {
        "conv_dim": (8,) * 7, "hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }, {"features": 8, "width": 32, "depth": 2, "heads": 4, "hidden": 24, "samples": 1200},
        without={"masked_spec_embed": "stands for masked frames, in training alone"}),
    Model("vision/clip_image", "clip_b32", "CLIPVisionModelWithProjection", _clip(32, 768, 12, 512),
        ("pixel_values",), ("image_embeds",),
        _clip(8, 64, 2, 6) | {"image_size": 32, "num_attention_heads": 4},
        {"input": [3, 32, 32], "patch": 8, "width": 64, "depth": 2, "heads": 4, "common": 6}, apart=_SOFTMAX),
    Model("vision/clip_image", "clip_b16", "CLIPVisionModelWithProjection", _clip(16, 768, 12, 512),
        ("pixel_values",), ("image_embeds",)),
    Model("vision/clip_image", "clip_l14", "CLIPVisionModelWithProjection", _clip(14, 1024, 24, 768),
        ("pixel_values",), ("image_embeds",)),
    Model("graphs/ddpm", None, "diffusers.UNet2DModel", {
        "sample_size": 32, "block_out_channels": (128, 256, 256, 256), "layers_per_block": 2, "norm_eps": 1e-6,
        "downsample_padding": 0, "flip_sin_to_cos": False, "freq_shift": 1, "attention_head_dim": None,
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    }, ("sample", "timestep"), ("sample",), {"sample_size": 16}, {
        "input": {"image": [3, 16, 16], "time": []}, "attended": 8,
    }, apart=_ANGLES),
]  # fmt: skip


class Named(nn.Module):
    """A model of Hugging Face's with tensors in and out, in place of names."""

    def __init__(self, model: nn.Module, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.inputs, self.outputs = model, inputs, outputs

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        found = self.model(**dict(zip(self.inputs, map(self._given, values), strict=False)))
        return tuple(found[name] for name in self.outputs)

    @staticmethod
    def _given(value: Tensor) -> Tensor | None:
        """A mask in numbers; none without data, which the library would look at, and which changes no count."""
        if value.dtype != torch.bool:
            return value
        return None if value.is_meta else value.long()


def library_of(row: Model) -> str:
    """The library that has the class of a row."""
    return "diffusers" if row.model.startswith("diffusers.") else "transformers"


def class_of(row: Model) -> str:
    """What the class of a row is called there."""
    return row.model.removeprefix("diffusers.")


def installed(library: str) -> bool:
    """Whether a library can be imported here."""
    return find_spec(library) is not None


def of_hugging_face(row: Model, **small: Any) -> nn.Module:
    """The model of a row, its weight norms taken into the weights, and without what the spec has not."""
    library = import_module(library_of(row))
    library.utils.logging.set_verbosity_error()  # of a small configuration it says what is unusual
    kind = getattr(library, class_of(row))
    config = row.config | small
    # attention written out: torch counts its products, and on the meta device, too
    model = kind(**config) if library_of(row) == "diffusers" else kind._from_config(
        kind.config_class(**config), attn_implementation="eager"
    )  # fmt: skip
    for module in [each for each in model.modules() if parametrize.is_parametrized(each)]:
        for tensor in list(module.parametrizations):
            parametrize.remove_parametrizations(module, tensor)
    for name in row.without:
        delattr(model, name)
    return Named(model, row.inputs, row.outputs)


def whole_of_hugging_face(row: Model) -> Found:
    """A row of transformers' or diffusers' at its own size."""
    reference = f"{library_of(row)}: {class_of(row)}"
    return whole(row.spec, row.variant, reference, lambda: of_hugging_face(row))


def small_of_hugging_face(row: Model) -> Found:
    """A row that says a small size, with the outputs."""
    reference = f"{library_of(row)}: {class_of(row)}"
    theirs = of_hugging_face(row, **(row.small or {}))
    return compare(
        row.spec, theirs, reference=reference, variant=row.variant, set=row.set, carry=packed, apart=row.apart
    )  # fmt: skip


# ---- weights of modules that keep queries, keys and values apart


def packed(theirs: nn.Module, net: Net) -> dict[str, Tensor]:
    """The weights of a net, whose attention has one matrix for queries, keys and values, from a module that has three.

    Each layer of the net takes the first module that has its shapes and that no layer has taken, in the order in which
    both use theirs.
    """
    sources = list(_in_order_of_use(theirs, net))
    state: dict[str, Tensor] = {}
    empty = netspec.build(net, device="meta").state_dict()
    for leaf in net.layers:
        start = f"{leaf.path}."
        wanted = {key.removeprefix(start): value for key, value in empty.items() if key.startswith(start)}
        if wanted and start + next(iter(wanted)) not in state:
            state |= {start + name: tensor for name, tensor in _taken(leaf, wanted, sources).items()}
    return state


class _Source(NamedTuple):
    """A module that has parameters of its own: what its attribute is called, and the parameters."""

    name: str
    tensors: list[Tensor]


def _in_order_of_use(theirs: nn.Module, net: Net) -> Iterator[_Source]:
    """The modules with parameters of their own, as a forward pass comes to them."""
    met: dict[str, nn.Module] = {}
    hooks = [
        module.register_forward_pre_hook(lambda module, _, path=path: met.setdefault(path, module) and None)
        for path, module in theirs.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    with torch.no_grad():
        theirs(*verify.example(net, 1, torch.Generator().manual_seed(0)))
    for hook in hooks:
        hook.remove()
    for path, module in met.items():
        named = sorted(module.named_parameters(recurse=False), key=lambda pair: pair[0] != "weight")
        own = [tensor.detach() for _, tensor in named]
        if type(module).__name__ == "Conv1D":  # transformers' linear layer of GPT-2, whose matrix lies the other way
            own = [own[0].T, *own[1:]]
        yield _Source(path.rpartition(".")[2].removeprefix("to_"), own)


def _taken(leaf: Leaf, wanted: dict[str, Tensor], sources: list[_Source]) -> dict[str, Tensor]:
    """The tensors of one layer, whose sources leave the list."""
    into = [name for name in wanted if name.startswith("in_proj")]
    out = [name for name in wanted if name not in into]
    found: list[Tensor] = []
    for names in filter(None, (into, out)):
        shapes = [wanted[name].shape for name in names]
        number = next((i for i, source in enumerate(sources) if _alike(source.tensors, shapes)), None)
        if number is None and names is into:
            found += _packed(shapes, sources)
        elif number is None:
            raise ValueError(f"no module has the shapes of {leaf.path}, {leaf.type}: {[tuple(s) for s in shapes]}")
        else:
            found += sources.pop(number).tensors
    return {name: tensor.reshape(wanted[name].shape) for name, tensor in zip([*into, *out], found, strict=True)}


def _packed(shapes: list[torch.Size], sources: list[_Source]) -> list[Tensor]:
    """One matrix, and one bias, of the first three modules whose rows make up as many: queries, keys, values."""
    for i in range(len(sources) - 2):
        three = sorted(sources[i : i + 3], key=lambda source: "qkv".find(source.name[0]))
        if "".join(source.name[0] for source in three) == "qkv":
            stacked = [torch.cat(parts) for parts in zip(*(source.tensors for source in three), strict=True)]
            if _alike(stacked, shapes):
                del sources[i : i + 3]
                return stacked
    raise ValueError(f"no three modules have the rows of an attention's {[tuple(shape) for shape in shapes]}")


def _alike(tensors: list[Tensor], shapes: list[torch.Size]) -> bool:
    """Equal shapes but for axes of size 1."""

    def long(shape: torch.Size) -> list[int]:
        return [size for size in shape if size > 1]

    return [long(tensor.shape) for tensor in tensors] == [long(shape) for shape in shapes]
