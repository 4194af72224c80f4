"""Attention of a sequence on another as torch's own layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from netspec.arguments import Count, Probability
from netspec.dims import Size, expect, need, same
from netspec.layers.base import Autocast, Example, Family, Layer, Saved, TensorType, TorchCall, shape_text
from netspec.layers.fields import BatchFirst
from netspec.layers.masks import check_masks, masked_scores
from netspec.layers.scores import Others
from netspec.layers.vectors import Parameters, linear_parameters, need_divisor, need_vectors


class MultiheadAttention(Layer):
    """(L, embed_dim) → (L, embed_dim): the query, which flows in, attends to `key` and `value`, two values.

    `MultiheadAttention: {num_heads: 8, key: memory, value: memory}` on 10 × 512 gives 10 × 512, where `as: memory` has
    named S × 512. The width of the key is `kdim` and that of the value `vdim`, `embed_dim` if left out; `num_heads`
    divides `embed_dim`. Of the pair that torch returns the first is given on. Of a sequence on itself `SelfAttention`
    is the shorter word, and `attend` has what this has not.

    Its masks are torch's, in which True takes *no* part: the opposite of `mask` in `SelfAttention` and `attend`.
    `key_padding_mask` is bool, one for each key; `attn_mask` is queries × keys or heads × queries × keys, bool, or
    float32, which is added to the scores. A size may be 1.

    Parameters: embed_dim · (2 · embed_dim + kdim + vdim), and 4 · embed_dim for the biases.
    MACs: embed_dim · (2 · L · embed_dim + S · kdim + S · vdim) for the projections, and 2 · L · S · embed_dim. A mask
    takes none away.
    """

    family: ClassVar[Family] = "attention"
    autocast: ClassVar[Autocast] = "low"
    width: ClassVar[str | None] = "embed_dim"
    width_axis: ClassVar[int] = -1
    several: ClassVar[bool] = True
    tensors: ClassVar[tuple[str, ...]] = ("key", "value", "key_padding_mask", "attn_mask")
    broadcast: ClassVar[tuple[str, ...]] = ("key_padding_mask", "attn_mask")
    omitted: ClassVar[dict[str, str]] = {
        "add_bias_kv": "`attend` with `concat: [[], [Parameter: [1, 64]]]` along `dim: 1` behind the projections of 64 "
        "of key and value computes the same",
        "add_zero_attn": "`attend` with a `concat` of both and a `Buffer` of zeros computes the same",
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_heads": 8}, (10, 64), (10, 64), others={"key": (7, 64), "value": (7, 64)}),
        Example(
            {"num_heads": 2, "kdim": 6, "vdim": 5, "bias": False, "dropout": 0.1},
            (4, 8),
            (4, 8),
            others={"key": (3, 6), "value": (3, 5)},
        ),
    )

    embed_dim: Count | None = None
    num_heads: Count
    dropout: Probability = 0.0
    bias: bool = True
    kdim: Count | None = None
    vdim: Count | None = None
    batch_first: BatchFirst | None = None

    def output(self, x: TensorType) -> TensorType:
        need_divisor(need_vectors(self, x, 2, "(length, embed_dim)"), self.num_heads, "num_heads")
        return x

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        y = self.output(x)
        key, value = (self._sequence(x, name, others.get(name, ())) for name in ("key", "value"))
        expect(
            same(key.shape[0], value.shape[0]),
            lambda: f"there is a `value` for each `key`, but they are {value.shape[0]} and {key.shape[0]}",
            code="shape-mismatch", at="value", help="give both the same sequence",
        )  # fmt: skip
        sizes = (self.num_heads, x.shape[0], key.shape[0])
        told = (f"`num_heads` is {self.num_heads}", "{given}", f"`key` has {key.shape[0]}")
        name = type(self).__name__
        check_masks(name, "attn_mask", "key_padding_mask", others, sizes, told, 0)
        return (y,)

    def _sequence(self, x: TensorType, name: str, given: tuple[TensorType, ...]) -> TensorType:
        """The key or the value that is given, after checking it."""
        layer, argument = type(self).__name__, "kdim" if name == "key" else "vdim"
        need(
            len(given) == 1,
            lambda: f"`{layer}` wants a value as `{name}`" + (f", not {len(given)} of them" if given else ""),
            code="value-kind" if given else "missing-argument",
            help=f"for example `{layer}: {{num_heads: {self.num_heads}, key: memory, value: memory}}`, where `as: "
            "memory` has named it; of a sequence on itself write `SelfAttention`",
        )  # fmt: skip
        found, width = given[0], self._width(name, x)
        need(
            len(found.shape) == 2 and found.dtype == "float32",
            lambda: (
                f"`{name}` of `{layer}` is float32 of length × features, but what it is given is "
                f"{shape_text(found.shape)} of {found.dtype}"
            ),
            code="wrong-rank" if found.dtype == "float32" else "wrong-dtype", at=name,
        )  # fmt: skip
        stated = getattr(self, argument) is not None
        expect(
            same(found.shape[1], width),
            lambda: (
                f"`{name}` of `{layer}` is given {shape_text(found.shape)}, but "
                + (f"`{argument}` is {width}" if stated else f"{{given}}, and `{argument}` is that if left out")
            ),
            code="width-mismatch", at=name, axis=None if stated else -1, help=f"write `{argument}: {found.shape[1]}`",
        )  # fmt: skip
        return found

    def _width(self, name: str, x: TensorType) -> Size:
        """The width of key or value."""
        stated = self.kdim if name == "key" else self.vdim
        return x.shape[-1] if stated is None else stated

    def parameters(self, x: TensorType) -> Parameters:
        d, key, value = x.shape[-1], self._width("key", x), self._width("value", x)
        bias: Parameters = {"in_proj_bias": (d * 3,)} if self.bias else {}
        out = linear_parameters("out_proj", d, d, self.bias)
        if key == d and value == d:
            return {"in_proj_weight": (d * 3, d)} | bias | out
        return {"q_proj_weight": (d, d), "k_proj_weight": (d, key), "v_proj_weight": (d, value)} | bias | out

    def macs_of_all(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> Size:
        (length, d), keys = x.shape, others["key"][0].shape[0]
        projections = length * d * 2 + keys * (self._width("key", x) + self._width("value", x))
        return d * (projections + length * keys * 2)

    def saved_of_all(self, x: TensorType, others: Others, learned: Collection[str] = ()) -> Saved:
        (length, d), keys = x.shape, others["key"][0].shape[0]
        sizes = (self.num_heads, length, keys)
        scores = masked_scores(sizes, "attn_mask", "key_padding_mask", others, learned)
        projected = length * d + keys * d * 2
        kept = scores.kept(projected, projected, self.dropout, "attn_mask")
        return kept._replace(input=True, extra=kept.extra + length * d, others=("key", "value", *kept.others))

    def inferred(self, x: TensorType) -> dict[str, Any]:
        return {"embed_dim": x.shape[-1], "batch_first": True}

    def call(self, x: TensorType) -> TorchCall:
        arguments = self.arguments(x)
        del arguments["batch_first"]
        return TorchCall("CrossAttention", arguments, "netspec.torch.attention")
