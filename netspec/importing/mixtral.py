"""Mixtral: a Llama whose layers have experts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from netspec.importing.base import Positive, Size, arguments, text
from netspec.importing.llama import Mistral


class Mixtral(Mistral):
    """Jiang et al. 2024 (arXiv 2401.04088); transformers' `MixtralConfig`."""

    heads_known: ClassVar = {"MixtralForCausalLM": "words", "MixtralModel": "states"}
    base: ClassVar = 1000000.0
    other_names: ClassVar[Mapping[str, str]] = {"num_experts": "num_local_experts"}

    rms_norm_eps: Positive = 1e-5
    sliding_window: Size | None = None
    num_local_experts: Size = 8
    num_experts_per_tok: Size = 2
    router_jitter_noise: float = 0.0

    def unsayable(self) -> Iterator[str]:
        yield from super().unsayable()
        if self.router_jitter_noise:
            yield f"`router_jitter_noise: {text(self.router_jitter_noise)}` draws factors for what the router reads"

    def stated(self) -> dict[str, int]:
        return super().stated() | {"experts": self.num_local_experts}

    def mlp(self) -> list[str]:
        expert, gate, last = self.parts()
        router = arguments(out_features="experts", bias=False)
        return [
            "        - mixture:",
            "            for: i in range(experts)",
            "            do:",
            f"              - mul: [[{expert}, {gate}], [{expert}]]",
            f"              - {last}",
            f"          router: [Linear: {router}]",
            f"          top: {self.num_experts_per_tok}",
        ]
