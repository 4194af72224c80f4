"""The transformer encoder of "Attention Is All You Need" (Vaswani et al., 2017)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal

from netspec.arguments import Count, NonNegative, Probability
from netspec.dims import Shape, Size, product
from netspec.layers.base import Example, Layer, Saved, TensorType, TorchCall
from netspec.layers.fields import BatchFirst
from netspec.layers.given import check_sequence
from netspec.layers.masks import check_masks, masked_scores
from netspec.layers.scores import Others
from netspec.layers.stacks import behind_attention, stacked


class TransformerEncoderLayer(Layer):
    """(L, d_model) → (L, d_model): self-attention with nhead heads, then a feed-forward network of dim_feedforward
    hidden units, each with a residual connection and a layer norm.

    `TransformerEncoderLayer: {nhead: 8, dim_feedforward: 2048}` on 128 × 512 gives 128 × 512. `d_model` follows
    from the input, and nhead must divide it. `norm_first: true` puts the norms in front, as later transformers do.
    The batch is always the first axis, so `batch_first` is true.

    `is_causal: true` lets a position see itself and those before it. `src_mask` and `src_key_padding_mask` are values
    as `MultiheadAttention` has them, in which True takes *no* part.

    Parameters: 4 · d_model² + 2 · d_model · dim_feedforward, and 9 · d_model + dim_feedforward for biases and
    norms.
    MACs: 4 · L · d_model² for the projections, 2 · L² · d_model for the attention, 2 · L · d_model ·
    dim_feedforward.
    """

    family = "attention"
    autocast = "low"
    scalar = "nhead"
    width = "d_model"
    width_axis = -1
    sets_axis = None
    examples = (
        Example({"nhead": 8}, (16, 512), (16, 512)),
        Example({"nhead": 3, "dim_feedforward": 8, "activation": "gelu", "norm_first": True}, (5, 6), (5, 6)),
    )
    tensors: ClassVar[tuple[str, ...]] = ("src_mask", "src_key_padding_mask")
    broadcast: ClassVar[tuple[str, ...]] = tensors
    several_if_asked: ClassVar[bool] = True

    d_model: Count | None = None
    nhead: Count
    dim_feedforward: Count = 2048
    dropout: Probability = 0.1
    activation: Literal["relu", "gelu"] = "relu"
    layer_norm_eps: NonNegative = 1e-5
    batch_first: BatchFirst | None = None
    norm_first: bool = False
    bias: bool = True
    is_causal: bool = False

    def output(self, x: TensorType) -> TensorType:
        check_sequence(self, x, self.nhead)
        return x

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        y = self.output(x)
        self.check_masks(type(self).__name__, x, others)
        return (y,)

    def check_masks(self, name: str, x: TensorType, others: Others, mask: str = "src_mask") -> None:
        """Require that the masks of a layer, or of the encoder `name` of such layers, fit to the sequence."""
        sizes = (self.nhead, x.shape[0], x.shape[0])
        told = (f"`nhead` is {self.nhead}", "{given}", "{given}")
        check_masks(name, mask, "src_key_padding_mask", others, sizes, told, 0)

    def inferred(self, x: TensorType) -> dict[str, Any]:
        return {"d_model": x.shape[-1], "batch_first": True}

    def arguments(self, x: TensorType) -> dict[str, Any]:
        found = super().arguments(x)
        if not self.is_causal:
            del found["is_causal"]  # torch's constructor has it not
        return found

    def call(self, x: TensorType) -> TorchCall:
        return self.call_of_all(x) if self.is_causal else super().call(x)

    def call_of_all(self, x: TensorType) -> TorchCall:
        return TorchCall("MaskedEncoderLayer", self.arguments(x), "netspec.torch.attention")

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        e, f = x.shape[-1], self.dim_feedforward
        every: dict[str, Shape] = {
            "self_attn.in_proj_weight": (3 * e, e),
            "self_attn.in_proj_bias": (3 * e,),
            "self_attn.out_proj.weight": (e, e),
            "self_attn.out_proj.bias": (e,),
            "linear1.weight": (f, e),
            "linear1.bias": (f,),
            "linear2.weight": (e, f),
            "linear2.bias": (e,),
            "norm1.weight": (e,),
            "norm1.bias": (e,),
            "norm2.weight": (e,),
            "norm2.bias": (e,),
        }
        return every if self.bias else {name: shape for name, shape in every.items() if not name.endswith("bias")}

    def macs(self, x: TensorType) -> Size:
        length, e = x.shape
        return 4 * length * e * e + 2 * length * length * e + 2 * length * e * self.dim_feedforward

    def saved_of_all(
        self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]], learned: Collection[str] = ()
    ) -> Saved:
        return self.saved_masked(x, others, learned) if others else self.saved(x)

    def saved_masked(self, x: TensorType, others: Others, learned: Collection[str], mask: str = "src_mask") -> Saved:
        """What `MaskedEncoderLayer` keeps."""
        length, values = x.shape[0], product(x.shape)
        sizes = (self.nhead, length, length)
        scores = masked_scores(sizes, mask, "src_key_padding_mask", others, learned, is_causal=self.is_causal)
        seen = scores.kept(values * 3, values * 3, self.dropout, mask)
        # the result of attention, two sums before the norms or behind them, one result of a norm; means and deviations
        return behind_attention(self, seen, values * 4 + length * 4, values * 2, length)

    def saved(self, x: TensorType) -> Saved:
        if self.is_causal:
            return self.saved_masked(x, {}, ())
        length, hidden, values = x.shape[0], x.shape[0] * self.dim_feedforward, product(x.shape)
        # queries, keys and values (3), their input, the result of attention, two sums and the result of a norm; with
        # `norm_first` one of the normalised tensors is the input itself
        inner = hidden * 2 if self.activation == "gelu" and not 0 < self.dropout < 1 else hidden
        whole = (7 if self.norm_first else 8) * values + inner + (4 + self.nhead) * length
        if not 0 < self.dropout < 1:
            return Saved(input=self.norm_first, extra=whole)
        scores = self.nhead * length * length
        # on a CPU, attention with dropout is not fused: scores, mask, product, and copies for the matrix products
        cpu = 3 * scores + 2 * values - self.nhead * length
        return Saved(input=self.norm_first, extra=whole + hidden, mask=2 * values + hidden, cpu=cpu)


def encoder_arguments(layer: Layer) -> dict[str, Any]:
    """The arguments that a layer of a decoder, or a whole transformer, has in common with a layer of an encoder."""
    return {name: getattr(layer, name) for name in TransformerEncoderLayer.model_fields if name != "is_causal"}


class TransformerEncoder(Layer):
    """(L, d_model) → (L, d_model): num_layers encoder layers in a row, equal but with weights of their own.

    `TransformerEncoder: {num_layers: 6, encoder_layer: {nhead: 8}}` on 128 × 512 gives 128 × 512. `encoder_layer`
    takes the arguments of `TransformerEncoderLayer`. All copies start with the same values. `mask` and
    `src_key_padding_mask` are values as `MultiheadAttention` has them, in which True takes *no* part, for all layers.

    Parameters and MACs: num_layers times those of one `TransformerEncoderLayer`.
    """

    family = "attention"
    autocast = "low"
    omitted: ClassVar[dict[str, str]] = {
        "norm": "write a `LayerNorm` behind the encoder: it computes the same",
        "enable_nested_tensor": "it changes how fast padding is skipped, and nothing that is computed",
        "mask_check": "it changes how fast padding is skipped, and nothing that is computed",
    }
    examples = (
        Example({"encoder_layer": {"nhead": 4, "dim_feedforward": 32}, "num_layers": 2}, (5, 16), (5, 16)),
        Example({"encoder_layer": {"nhead": 1, "dropout": 0, "bias": False}, "num_layers": 1}, (3, 4), (3, 4)),
    )
    tensors: ClassVar[tuple[str, ...]] = ("mask", "src_key_padding_mask")
    broadcast: ClassVar[tuple[str, ...]] = tensors
    several_if_asked: ClassVar[bool] = True

    encoder_layer: TransformerEncoderLayer
    num_layers: Count

    def output(self, x: TensorType) -> TensorType:
        return self.encoder_layer.output(x)

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        inner = self.encoder_layer.parameters(x)
        return {f"layers.{i}.{name}": shape for i in range(self.num_layers) for name, shape in inner.items()}

    def params(self, x: TensorType) -> Size:
        return self.encoder_layer.params(x) * self.num_layers

    def macs(self, x: TensorType) -> Size:
        return self.encoder_layer.macs(x) * self.num_layers

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        y = self.output(x)
        self.encoder_layer.check_masks("TransformerEncoder", x, others, "mask")
        return (y,)

    def saved(self, x: TensorType) -> Saved:
        return stacked(self.encoder_layer.saved(x), self.num_layers, product(x.shape))

    def saved_of_all(
        self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]], learned: Collection[str] = ()
    ) -> Saved:
        if not others:
            return self.saved(x)
        one = self.encoder_layer.saved_masked(x, others, learned, "mask")
        return stacked(one, self.num_layers, product(x.shape))

    def arguments(self, x: TensorType) -> dict[str, Any]:
        return {"encoder_layer": self.encoder_layer.arguments(x), "num_layers": self.num_layers}

    def call(self, x: TensorType) -> TorchCall:
        if self.encoder_layer.is_causal:
            return self.call_of_all(x)
        arguments = {"encoder_layer": self.encoder_layer.call(x), "num_layers": self.num_layers}
        return TorchCall("TransformerEncoder", arguments | {"enable_nested_tensor": False})

    def call_of_all(self, x: TensorType) -> TorchCall:
        arguments = {"encoder_layer": self.encoder_layer.call_of_all(x), "num_layers": self.num_layers}
        whole = arguments | {"enable_nested_tensor": False}
        return TorchCall("MaskedEncoder", whole, "netspec.torch.attention")
