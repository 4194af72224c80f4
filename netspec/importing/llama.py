"""Llama and those that are built like it: Mistral, Qwen2."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, ClassVar, Final, cast

from netspec.importing.base import (
    ACTIVATIONS,
    Depth,
    LanguageModel,
    Positive,
    Share,
    Size,
    activation,
    arguments,
    divides,
    lines,
    text,
)
from netspec.layers.rotary import SCALINGS

_REFUSED: Final = {
    "dynamic": "a base that grows with the sequence which a layer is given",
    "longrope": "a factor of its own for each pair of coordinates",
    "yarn": "a ramp between pairs of coordinates, and a factor for scores",
}
"""What the ways of scaling the turns do that `rotary` does not."""

_KINDS: Final = {"full_attention": False, "attention": False, "sliding_attention": True}
"""The kinds of layers that are known, and whether such a layer looks back only so far."""


class Llama(LanguageModel):
    """Touvron et al. 2023 (arXiv 2302.13971); transformers' `LlamaConfig`."""

    heads_known: ClassVar = {"LlamaForCausalLM": "words", "LlamaModel": "states"}
    base: ClassVar[float] = 10000.0
    """Of the turns by position, where the configuration says none."""
    biases: ClassVar[tuple[bool, bool] | None] = None
    """Whether queries, keys and values, and the projection behind them, have a bias; None where `attention_bias` says
    so of all."""
    mlp_may_have_biases: ClassVar[bool] = True
    """Whether `mlp_bias` says something."""

    vocab_size: Size = 32000
    hidden_size: Size = 4096
    intermediate_size: Size = 11008
    num_hidden_layers: Depth = 32
    num_attention_heads: Size = 32
    num_key_value_heads: Size | None = None
    head_dim: Size | None = None
    hidden_act: str = "silu"
    max_position_embeddings: Size = 2048
    rms_norm_eps: Positive = 1e-6
    attention_bias: bool = False
    mlp_bias: bool = False
    attention_dropout: Share = 0.0
    rope_theta: Positive | None = None
    partial_rotary_factor: Positive | None = None
    rope_scaling: dict[str, Any] | None = None
    rope_parameters: dict[str, Any] | None = None
    layer_types: list[str] | None = None

    @property
    def rope_key(self) -> str:
        """The key that says of the turns how they are scaled. Of the two transformers takes the older."""
        return "rope_scaling" if self.rope_scaling else "rope_parameters"

    @property
    def rotary(self) -> dict[str, Any]:
        """What the configuration says of the turns by position, under the keys of transformers 5."""
        found: dict[str, Any] = getattr(self, self.rope_key) or {}
        flat = {name: value for name, value in found.items() if not isinstance(value, dict)}
        beside = {"rope_theta": self.rope_theta or self.base, "partial_rotary_factor": self.partial_rotary_factor or 1}
        own = self._own_turns()
        return beside | flat | (own[0][1] if own else {})

    def _own_turns(self) -> list[tuple[str, dict[str, Any]]]:
        """What is said of the turns of one kind of layers each, of those kinds that there are."""
        found: dict[str, Any] = getattr(self, self.rope_key) or {}
        of_kinds = [(kind, cast("dict[str, Any]", own)) for kind, own in found.items() if isinstance(own, dict)]
        there = self.layer_types
        return of_kinds if there is None else [(kind, own) for kind, own in of_kinds if kind in there]

    @property
    def linears_have_biases(self) -> bool:
        return self.mlp_bias

    @property
    def rope_type(self) -> str:
        """How turns are scaled to longer sequences."""
        return str(self.rotary.get("rope_type", self.rotary.get("type", "default")))

    def windows(self) -> list[int | None]:
        """For each layer how far back it looks; None for all the way."""
        return [None] * self.num_hidden_layers

    def unsayable(self) -> Iterator[str]:
        yield from activation("hidden_act", self.hidden_act)
        if self.head_dim is None:
            yield from divides(("hidden_size", self.hidden_size), ("num_attention_heads", self.num_attention_heads))
        heads = ("num_attention_heads", self.num_attention_heads)
        yield from divides(heads, ("num_key_value_heads", self.num_key_value_heads))
        yield from self._unsayable_kinds()
        if not self.mlp_may_have_biases and self.mlp_bias:
            yield f"`mlp_bias: true`: in transformers no `Linear` of a `{self.model_type}`'s MLP has a bias"
        yield from self._unsayable_turns()

    def _unsayable_kinds(self) -> Iterator[str]:
        """What the kinds of layers say that the other keys do not."""
        if self.layer_types is None:
            return
        if len(self.layer_types) != self.num_hidden_layers:
            count = self.num_hidden_layers
            yield f"`layer_types` has {len(self.layer_types)} entries, but `num_hidden_layers` is {count}"
            return
        for number, (kind, window) in enumerate(zip(self.layer_types, self.windows(), strict=True)):
            if kind not in _KINDS:
                yield f"`layer_types[{number}]: {kind[:40]}` is none of {', '.join(f'`{name}`' for name in _KINDS)}"
                return
            if _KINDS[kind] != (window is not None):
                back = "all the way" if window is None else f"{window} positions"
                yield f"`layer_types[{number}]: {kind}`, but by the other keys that layer looks back {back}"
                return

    def _unsayable_turns(self) -> Iterator[str]:
        own = self._own_turns()
        other = next((kind for kind, turns in own if turns != own[0][1]), None)
        if other is not None:
            yield f"`{self.rope_key}` has other turns by position for `{own[0][0]}` than for `{other}`"
        if self.rope_type not in SCALINGS:
            known = ", ".join(f"`{name}`" for name in SCALINGS)
            why = _REFUSED.get(self.rope_type, "no way of scaling the turns by position that is known")
            yield f"`rope_type: {self.rope_type[:40]}` is {why}; those that a spec can say are {known}"
        for name in ("rope_theta", *SCALINGS.get(self.rope_type, ())):
            value = self.rotary.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
                key = name if name == "rope_theta" and value == self.rope_theta else f"{self.rope_key}.{name}"
                yield f"`{key}: {str(value)[:40]}` is no positive number"
        if self.rope_type != "default" and self.rotary["partial_rotary_factor"] != 1:
            yield "`partial_rotary_factor` beside a `rope_type` turns a part of each head, without one the whole"

    def spec(self, name: str) -> str:
        groups = [(window, len(list(run))) for window, run in groupby(self.windows())]
        kinds = dict.fromkeys(window for window, _ in groups)
        names = {window: "layer" if len(kinds) == 1 else "local" if window else "layer" for window in kinds}
        return lines(
            "netspec: 1",
            f"name: {name}",
            "input: [length, int64]",
            "vars:",
            *(f"  {key}: {value}" for key, value in self.stated().items()),
            f"  norm: {{RMSNorm: {{eps: {text(self.rms_norm_eps)}}}}}",
            "",
            "blocks:",
            *(line for window in kinds for line in self._layer(names[window], window)),
            "",
            "layers:",
            *self.table(),
            *(f"  - {names[window]}:\n    repeat: {count}" for window, count in groups),
            *self.after_the_layers(),
        )

    def stated(self) -> dict[str, int]:
        """The numbers that have names."""
        return {
            "length": self.max_position_embeddings,
            "words": self.vocab_size,
            "width": self.hidden_size,
            "hidden": self.intermediate_size,
            "heads": self.num_attention_heads,
        }

    def parts(self) -> tuple[str, str, str]:
        """The first layer of the MLP, of which there are two, the activation behind one of them, and the last layer."""
        first = arguments(out_features="hidden", bias=None if self.mlp_bias else False)
        last = arguments(out_features="width", bias=None if self.mlp_bias else False)
        return f"Linear: {first}", ACTIVATIONS[self.hidden_act], f"Linear: {last}"

    def mlp(self) -> list[str]:
        """The lines of the MLP."""
        first, gate, last = self.parts()
        return [f"        - mul: [[{first}, {gate}], [{first}]]", f"        - {last}"]

    def _layer(self, name: str, window: int | None) -> list[str]:
        inside, outside = self.biases or (self.attention_bias, self.attention_bias)
        kind = self.rope_type
        scaling = {name: _number(self.rotary[name]) for name in SCALINGS[kind]}
        groups = self.num_key_value_heads
        attention = arguments(
            num_heads="heads",
            kv_heads=None if groups in (None, self.num_attention_heads) else groups,
            head_dim=None if self.head_dim == self.hidden_size / self.num_attention_heads else self.head_dim,
            bias=None if inside else False,
            out_bias=None if outside == inside else outside,
            dropout=self.attention_dropout or None,
            is_causal=True,
            window=window,
            rotary=arguments(
                base=_number(self.rotary["rope_theta"]), rope_type=None if kind == "default" else kind, **scaling
            ),
        )
        return [
            f"  {name}:",
            "    - residual:",
            "        - $norm",
            f"        - SelfAttention: {attention}",
            "    - residual:",
            "        - $norm",
            *self.mlp(),
        ]


def _number(value: float) -> float:
    """A number, as whole as it is."""
    return int(value) if value == int(value) else value


class Mistral(Llama):
    """Jiang et al. 2023 (arXiv 2310.06825); transformers' `MistralConfig`."""

    heads_known: ClassVar = {"MistralForCausalLM": "words", "MistralModel": "states"}
    biases: ClassVar[tuple[bool, bool] | None] = (False, False)
    mlp_may_have_biases: ClassVar[bool] = False

    intermediate_size: Size = 14336
    num_key_value_heads: Size | None = 8
    max_position_embeddings: Size = 131072
    sliding_window: Size | None = 4096

    def windows(self) -> list[int | None]:
        return [self.sliding_window] * self.num_hidden_layers

    def unsayable(self) -> Iterator[str]:
        yield from super().unsayable()
        if self.attention_bias:
            yield f"`attention_bias: true`: in transformers the attention of a `{self.model_type}` has no biases"


class Qwen2(Llama):
    """Yang et al. 2024 (arXiv 2407.10671); transformers' `Qwen2Config`."""

    heads_known: ClassVar = {"Qwen2ForCausalLM": "words", "Qwen2Model": "states"}
    biases: ClassVar[tuple[bool, bool] | None] = (True, False)
    mlp_may_have_biases: ClassVar[bool] = False

    vocab_size: Size = 151936
    intermediate_size: Size = 22016
    num_key_value_heads: Size | None = 32
    max_position_embeddings: Size = 32768
    use_sliding_window: bool = False
    sliding_window: Size | None = 4096
    max_window_layers: int = 28

    def windows(self) -> list[int | None]:
        if not self.use_sliding_window:
            return [None] * self.num_hidden_layers
        if self.layer_types is not None:
            return [self.sliding_window if kind == "sliding_attention" else None for kind in self.layer_types]
        return [self.sliding_window if i >= self.max_window_layers else None for i in range(self.num_hidden_layers)]
