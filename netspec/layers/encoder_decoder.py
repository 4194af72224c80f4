"""The whole transformer of "Attention Is All You Need" (Vaswani et al., 2017): an encoder, and a decoder that looks its
result up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final, Literal

from netspec.arguments import Count, NonNegative, Probability
from netspec.dims import Shape, Size, product
from netspec.layers.base import Autocast, Example, Family, Layer, Saved, TensorType, TorchCall
from netspec.layers.decoder import TransformerDecoderLayer
from netspec.layers.fields import BatchFirst
from netspec.layers.given import check_sequence, given_sequence
from netspec.layers.masks import check_masks
from netspec.layers.scores import Others
from netspec.layers.stacks import stacked
from netspec.layers.transformer import TransformerEncoderLayer, encoder_arguments

_MASKS: Final = ("src_mask", "tgt_mask", "memory_mask")
_PADDING: Final = ("src_key_padding_mask", "tgt_key_padding_mask", "memory_key_padding_mask")
_OF_DECODER: Final = ("tgt_mask", "memory_mask", "tgt_key_padding_mask", "memory_key_padding_mask")


class Transformer(Layer):
    """(S, d_model) → (T, d_model): an encoder of the sequence that flows in, and a decoder of `tgt`, T × d_model, which
    looks up what the encoder gives; a layer norm stands behind each.

    `Transformer: {nhead: 8, tgt: target, tgt_is_causal: true}` on 10 × 512 gives 7 × 512, where `target` is a value of
    7 × 512. `d_model` follows from the input, and nhead must divide it. The batch is always the first axis, so
    `batch_first` is true. Tokens become vectors in front of it, and positions are added there.

    `src_is_causal: true` and `tgt_is_causal: true` let a position of encoder or decoder see itself and those before it;
    torch wants a mask beside them. The masks are values as `MultiheadAttention` has them, in which True takes *no*
    part: those of `src` for the encoder, of `tgt` for the decoder itself, of `memory` for what it looks up, which has
    the length of the input.

    Parameters and MACs: those of a `TransformerEncoder` and a `TransformerDecoder`, and 4 · d_model for the norms. All
    matrices begin as `xavier_uniform_`.
    """

    family: ClassVar[Family] = "attention"
    autocast: ClassVar[Autocast] = "low"
    width: ClassVar[str | None] = "d_model"
    width_axis: ClassVar[int] = -1
    several: ClassVar[bool] = True
    tensors: ClassVar[tuple[str, ...]] = ("tgt", *_MASKS, *_PADDING)
    broadcast: ClassVar[tuple[str, ...]] = (*_MASKS, *_PADDING)
    omitted: ClassVar[dict[str, str]] = {
        "custom_encoder": "write the encoder, give its result a name, and let a `TransformerDecoder` look it up",
        "custom_decoder": "write a `TransformerEncoder`, give its result a name, and the decoder behind it",
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"tgt_is_causal": True}, (10, 512), (7, 512), others={"tgt": (7, 512)}),
        Example(
            {"nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 2, "dim_feedforward": 8, "norm_first": True},
            (5, 6),
            (3, 6),
            others={"tgt": (3, 6)},
        ),
    )

    d_model: Count | None = None
    nhead: Count = 8
    num_encoder_layers: Count = 6
    num_decoder_layers: Count = 6
    dim_feedforward: Count = 2048
    dropout: Probability = 0.1
    activation: Literal["relu", "gelu"] = "relu"
    layer_norm_eps: NonNegative = 1e-5
    batch_first: BatchFirst | None = None
    norm_first: bool = False
    bias: bool = True
    src_is_causal: bool = False
    tgt_is_causal: bool = False

    @property
    def _encodes(self) -> TransformerEncoderLayer:
        return TransformerEncoderLayer.model_construct(**encoder_arguments(self), is_causal=self.src_is_causal)

    @property
    def _decodes(self) -> TransformerDecoderLayer:
        return TransformerDecoderLayer.model_construct(**encoder_arguments(self), tgt_is_causal=self.tgt_is_causal)

    def output(self, x: TensorType) -> TensorType:
        check_sequence(self, x, self.nhead)
        return x

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        self.output(x)
        target = given_sequence(
            "Transformer", "tgt", x, others.get("tgt", ()),
            missing="for example `Transformer: {tgt: target}`, where `target` is an input, or `as: target` has named "
            "it; of one sequence write `TransformerEncoder`",
            wider="a `Linear` in front of one of them gives it that width",
            integers="an `Embedding` in front of it turns integers into vectors",
        )  # fmt: skip
        read, written = x.shape[0], target.shape[0]
        said, of_target = f"`nhead` is {self.nhead}", f"`tgt` has {written}"
        for part, sizes, told in (
            ("src", (read, read), ("{given}", "{given}")),
            ("tgt", (written, written), (of_target, of_target)),
            ("memory", (written, read), (of_target, "{given}")),
        ):
            names = ("Transformer", f"{part}_mask", f"{part}_key_padding_mask")
            check_masks(*names, others, (self.nhead, *sizes), (said, *told), 0)
        return (target,)

    def inferred(self, x: TensorType) -> dict[str, Any]:
        return {"d_model": x.shape[-1], "batch_first": True}

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("MaskedTransformer", self.arguments(x), "netspec.torch.attention")

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        found: dict[str, Shape] = {}
        norm = ("weight", "bias") if self.bias else ("weight",)
        for prefix, layer, count in (
            ("encoder", self._encodes, self.num_encoder_layers),
            ("decoder", self._decodes, self.num_decoder_layers),
        ):
            inner = layer.parameters(x)
            found |= {f"{prefix}.layers.{i}.{name}": shape for i in range(count) for name, shape in inner.items()}
            found |= {f"{prefix}.norm.{name}": (x.shape[-1],) for name in norm}
        return found

    def params(self, x: TensorType) -> Size:
        norms = x.shape[-1] * (4 if self.bias else 2)
        layers = self._encodes.params(x) * self.num_encoder_layers + self._decodes.params(x) * self.num_decoder_layers
        return layers + norms

    def macs_of_all(self, x: TensorType, others: Others) -> Size:
        decoder = self._decodes.macs_of_all(others["tgt"][0], {"memory": (x,)})
        return self._encodes.macs(x) * self.num_encoder_layers + decoder * self.num_decoder_layers

    def saved_of_all(self, x: TensorType, others: Others, learned: Collection[str] = ()) -> Saved:
        target = others["tgt"][0]
        read, written = product(x.shape), product(target.shape)
        encoder = stacked(self._encodes.saved_masked(x, others, learned), self.num_encoder_layers, read)
        beside = {name: others[name] for name in _OF_DECODER if name in others} | {"memory": (x,)}
        decoder = stacked(self._decodes.saved_of_all(target, beside, learned), self.num_decoder_layers, written)
        # what flows into both norms, the memory, and means and deviations
        norms = read * 2 + written + (x.shape[0] + target.shape[0]) * 2
        given = (*encoder.others, *(name for name in decoder.others if name != "memory"))
        return Saved(
            input=True, extra=encoder.extra + decoder.extra + norms, mask=encoder.mask + decoder.mask,
            cpu=encoder.cpu + decoder.cpu, statistics=encoder.statistics + decoder.statistics, others=("tgt", *given),
        )  # fmt: skip
