"""The transformer decoder of "Attention Is All You Need" (Vaswani et al., 2017)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal

from netspec.arguments import Count, NonNegative, Probability
from netspec.dims import Shape, Size, product
from netspec.layers.base import Autocast, Example, Family, Layer, Saved, TensorType, TorchCall
from netspec.layers.fields import BatchFirst
from netspec.layers.given import check_sequence, given_sequence
from netspec.layers.masks import check_masks, masked_scores
from netspec.layers.scores import Others
from netspec.layers.stacks import behind_attention, stacked
from netspec.layers.transformer import TransformerEncoderLayer, encoder_arguments

_OWN = "netspec.torch.attention"
_TENSORS = ("memory", "tgt_mask", "memory_mask", "tgt_key_padding_mask", "memory_key_padding_mask")


class TransformerDecoderLayer(Layer):
    """(L, d_model) → (L, d_model): self-attention with nhead heads, attention to `memory`, then a feed-forward network
    of dim_feedforward hidden units, each with a residual connection and a layer norm.

    `TransformerDecoderLayer: {nhead: 8, memory: m, tgt_is_causal: true}` on 64 × 512 gives 64 × 512, where `as: m` has
    named S × 512, as an encoder gives it. `d_model` follows from the input, and nhead must divide it. `norm_first:
    true` puts the norms in front. The batch is always the first axis, so `batch_first` is true.

    `tgt_is_causal: true` lets a position see itself and those before it; torch wants a mask beside it. The masks are
    values as `MultiheadAttention` has them, in which True takes *no* part: `tgt_mask` and `tgt_key_padding_mask` are
    for the sequence itself, `memory_mask` and `memory_key_padding_mask` for the memory.

    Parameters: 8 · d_model² + 2 · d_model · dim_feedforward, and 15 · d_model + dim_feedforward for biases and norms.
    MACs: 6 · L · d_model² + 2 · S · d_model² for the projections, 2 · L · (L + S) · d_model for the attention, 2 · L ·
    d_model · dim_feedforward.
    """

    family: ClassVar[Family] = "attention"
    autocast: ClassVar[Autocast] = "low"
    width: ClassVar[str | None] = "d_model"
    width_axis: ClassVar[int] = -1
    several: ClassVar[bool] = True
    tensors: ClassVar[tuple[str, ...]] = _TENSORS
    broadcast: ClassVar[tuple[str, ...]] = _TENSORS[1:]
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"nhead": 8}, (16, 512), (16, 512), others={"memory": (10, 512)}),
        Example(
            {"nhead": 2, "dim_feedforward": 8, "activation": "gelu", "norm_first": True, "tgt_is_causal": True},
            (5, 6),
            (5, 6),
            others={"memory": (3, 6)},
        ),
    )

    d_model: Count | None = None
    nhead: Count
    dim_feedforward: Count = 2048
    dropout: Probability = 0.1
    activation: Literal["relu", "gelu"] = "relu"
    layer_norm_eps: NonNegative = 1e-5
    batch_first: BatchFirst | None = None
    norm_first: bool = False
    bias: bool = True
    tgt_is_causal: bool = False

    def output(self, x: TensorType) -> TensorType:
        check_sequence(self, x, self.nhead)
        return x

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        return (self.checked("TransformerDecoderLayer", x, others),)

    def checked(self, name: str, x: TensorType, others: Others) -> TensorType:
        """What comes out, once memory and masks of a layer, or of the decoder `name` of such layers, are checked.

        Raises:
            Unmet: something does not fit.
        """
        y = self.output(x)
        memory = given_sequence(
            name, "memory", x, others.get("memory", ()), wider="a `Linear` behind the encoder gives it that width",
            missing=f"for example `{name}: {{…, memory: m}}`, where `as: m` stands beside the last layer of the "
            "encoder",
        )  # fmt: skip
        heads, length, keys = self.nhead, x.shape[0], memory.shape[0]
        said, of_memory = f"`nhead` is {heads}", f"`memory` has {keys}"
        own, more = (heads, length, length), (heads, length, keys)
        check_masks(name, "tgt_mask", "tgt_key_padding_mask", others, own, (said, "{given}", "{given}"), 0)
        check_masks(name, "memory_mask", "memory_key_padding_mask", others, more, (said, "{given}", of_memory), 0)
        return y

    def _encoder(self) -> TransformerEncoderLayer:
        """The layer without attention to the memory, which has the same arguments."""
        return TransformerEncoderLayer.model_construct(**encoder_arguments(self), is_causal=self.tgt_is_causal)

    def inferred(self, x: TensorType) -> dict[str, Any]:
        return {"d_model": x.shape[-1], "batch_first": True}

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("MaskedDecoderLayer", self.arguments(x), _OWN)

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        e = x.shape[-1]
        inner = self._encoder().parameters(x)
        own = {name: shape for name, shape in inner.items() if name.startswith("self_attn.")}
        rest = {name: shape for name, shape in inner.items() if name not in own}
        attention = {name.replace("self_attn.", "multihead_attn."): shape for name, shape in own.items()}
        norm: dict[str, Shape] = {"norm3.weight": (e,)} | ({"norm3.bias": (e,)} if self.bias else {})
        return own | attention | rest | norm

    def macs_of_all(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> Size:
        (length, e), keys = x.shape, others["memory"][0].shape[0]
        return self._encoder().macs(x) + 2 * (length + keys) * e * e + 2 * length * keys * e

    def saved_of_all(
        self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]], learned: Collection[str] = ()
    ) -> Saved:
        (length, e), keys, values = x.shape, others["memory"][0].shape[0], product(x.shape)
        own, more = (
            masked_scores(sizes, f"{prefix}_mask", f"{prefix}_key_padding_mask", others, learned, is_causal=causal)
            for prefix, sizes, causal in (
                ("tgt", (self.nhead, length, length), self.tgt_is_causal),
                ("memory", (self.nhead, length, keys), False),
            )
        )
        looked = values + keys * e * 2
        first = own.kept(values * 3, values * 3, self.dropout, "tgt_mask")
        second = more.kept(looked, looked, self.dropout, "memory_mask")
        both = Saved(
            extra=first.extra + second.extra, cpu=first.cpu + second.cpu,
            statistics=first.statistics + second.statistics, others=("memory", *first.others, *second.others),
        )  # fmt: skip
        # the results of both attentions, what flows between, results of norms; means and deviations
        return behind_attention(self, both, values * 7 + length * 6, values * 3, length)


class TransformerDecoder(Layer):
    """(L, d_model) → (L, d_model): num_layers decoder layers in a row, equal but with weights of their own.

    `TransformerDecoder: {num_layers: 6, decoder_layer: {nhead: 8, tgt_is_causal: true}, memory: m}` on 64 × 512 gives
    64 × 512, where `as: m` has named S × 512. `decoder_layer` takes the arguments of `TransformerDecoderLayer`; memory
    and masks, which are those of that layer too, serve all layers. All copies start with the same values.

    Parameters and MACs: num_layers times those of one `TransformerDecoderLayer`.
    """

    family: ClassVar[Family] = "attention"
    autocast: ClassVar[Autocast] = "low"
    several: ClassVar[bool] = True
    tensors: ClassVar[tuple[str, ...]] = _TENSORS
    broadcast: ClassVar[tuple[str, ...]] = _TENSORS[1:]
    omitted: ClassVar[dict[str, str]] = {"norm": "write a `LayerNorm` behind the decoder: it computes the same"}
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"decoder_layer": {"nhead": 4, "dim_feedforward": 32}, "num_layers": 2},
            (5, 16),
            (5, 16),
            others={"memory": (7, 16)},
        ),
    )

    decoder_layer: TransformerDecoderLayer
    num_layers: Count

    def output(self, x: TensorType) -> TensorType:
        return self.decoder_layer.output(x)

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        return (self.decoder_layer.checked("TransformerDecoder", x, others),)

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        inner = self.decoder_layer.parameters(x)
        return {f"layers.{i}.{name}": shape for i in range(self.num_layers) for name, shape in inner.items()}

    def params(self, x: TensorType) -> Size:
        return self.decoder_layer.params(x) * self.num_layers

    def macs_of_all(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> Size:
        return self.decoder_layer.macs_of_all(x, others) * self.num_layers

    def saved_of_all(
        self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]], learned: Collection[str] = ()
    ) -> Saved:
        return stacked(self.decoder_layer.saved_of_all(x, others, learned), self.num_layers, product(x.shape))

    def arguments(self, x: TensorType) -> dict[str, Any]:
        return {"decoder_layer": self.decoder_layer.arguments(x), "num_layers": self.num_layers}

    def call(self, x: TensorType) -> TorchCall:
        arguments = {"decoder_layer": self.decoder_layer.call(x), "num_layers": self.num_layers}
        return TorchCall("MaskedDecoder", arguments, _OWN)
