"""`specs/language`: each network is the one written by hand from its paper, and has its published size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netspec
from netspec.torch.measured import counting_flops
from netspec.torch.verify import example
from tests.zoo.agreement import Apart
from tests.zoo.agreement import agree as with_weights

SPECS = Path(__file__).parents[2] / "specs" / "language"


def agree(name: str, theirs: nn.Module, **sizes: Any) -> None:
    """One of `specs/language`, at these sizes."""
    with_weights(f"language/{name}", theirs, set=sizes)


def causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of (N, heads, L, size), written out."""
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    behind = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool).triu(1)
    return (scores.masked_fill(behind, -torch.inf).softmax(-1) @ v).transpose(1, 2).flatten(2)


class GPT2Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in self.qkv(self.norm1(x)).chunk(3, -1))
        x = x + self.out(causal(q, k, v))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))  # type: ignore[no-any-return]


class GPT2(nn.Module):
    def __init__(self, words: int, length: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(words, width), nn.Parameter(torch.randn(1, length, width))
        self.layers = nn.Sequential(*(GPT2Layer(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.norm(self.layers(self.tokens(tokens) + self.positions)))  # type: ignore[no-any-return]


def test_gpt2_is_the_one_written_by_hand() -> None:
    agree("gpt2", GPT2(90, 11, 24, 3, 4), words=90, length=11, width=24, depth=3, heads=4)


def test_the_gpt_on_bytes_is_gpt2_without_dropout() -> None:
    agree("gpt_bytes", GPT2(256, 11, 24, 3, 4), words=256, length=11, width=24, depth=3, heads=4)
    assert netspec.load(SPECS / "gpt_bytes.yaml").params == 1_040_768


class LlamaLayer(nn.Module):
    """Queries, keys and values are rows of one matrix; positions turn the coordinates i and i + size / 2."""

    def __init__(self, width: int, heads: int, groups: int, hidden: int, base: float) -> None:
        super().__init__()
        self.heads, self.groups, self.size, self.base = heads, groups, width // heads, base
        self.norm1 = nn.RMSNorm(width, 1e-5)
        self.qkv = nn.Linear(width, (heads + 2 * groups) * self.size, bias=False)
        self.out, self.norm2 = nn.Linear(width, width, bias=False), nn.RMSNorm(width, 1e-5)
        self.gate, self.up = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def turned(self, x: Tensor) -> Tensor:
        speeds = 1.0 / self.base ** (torch.arange(0, self.size, 2).float() / self.size)
        angles = (torch.arange(x.shape[2]).float()[:, None] * speeds).repeat(1, 2)
        first, second = x.chunk(2, -1)
        return x * angles.cos().to(x.dtype) + torch.cat((-second, first), -1) * angles.sin().to(x.dtype)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.qkv(self.norm1(x)).unflatten(-1, (-1, self.size)).transpose(1, 2)
        q, k, v = rows.split([self.heads, self.groups, self.groups], 1)
        k, v = (y.repeat_interleave(self.heads // self.groups, 1) for y in (k, v))
        x = x + self.out(causal(self.turned(q), self.turned(k), v))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))  # type: ignore[no-any-return]


class Llama(nn.Module):
    def __init__(self, words: int, width: int, depth: int, heads: int, groups: int, hidden: int, base: float) -> None:
        super().__init__()
        self.tokens = nn.Embedding(words, width)
        self.layers = nn.Sequential(*(LlamaLayer(width, heads, groups, hidden, base) for _ in range(depth)))
        self.norm, self.head = nn.RMSNorm(width, 1e-5), nn.Linear(width, words, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.norm(self.layers(self.tokens(tokens))))  # type: ignore[no-any-return]


def test_llama_is_the_one_written_by_hand() -> None:
    sizes = {"width": 32, "depth": 3, "heads": 4, "hidden": 44, "base": 500000}
    agree("llama", Llama(90, 32, 3, 4, 2, 44, 500000), words=90, length=13, kv_heads=2, **sizes)


class MistralLayer(LlamaLayer):
    """A token sees itself and those right before it, four in all."""

    def forward(self, x: Tensor) -> Tensor:
        rows = self.qkv(self.norm1(x)).unflatten(-1, (-1, self.size)).transpose(1, 2)
        q, k, v = rows.split([self.heads, self.groups, self.groups], 1)
        k, v = (y.repeat_interleave(self.heads // self.groups, 1) for y in (k, v))
        scores = self.turned(q) @ self.turned(k).transpose(-1, -2) / self.size**0.5
        distance = torch.arange(x.shape[1])[:, None] - torch.arange(x.shape[1])
        scores = scores.masked_fill((distance < 0) | (distance > 3), -torch.inf)
        x = x + self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))  # type: ignore[no-any-return]


def test_mistral_is_the_one_written_by_hand() -> None:
    theirs = Llama(90, 32, 3, 4, 2, 44, 10000)
    theirs.layers = nn.Sequential(*(MistralLayer(32, 4, 2, 44, 10000) for _ in range(3)))
    sizes = {"width": 32, "depth": 3, "heads": 4, "hidden": 44, "window": 4}
    agree("mistral", theirs, words=90, length=13, kv_heads=2, **sizes)


@pytest.mark.parametrize("tied", [True, False])
def test_qwen2_is_llama_with_biases(tied: bool) -> None:
    theirs = Llama(90, 32, 3, 4, 2, 44, 1e6)
    for layer in theirs.layers:
        assert isinstance(layer, LlamaLayer)
        layer.qkv = nn.Linear(32, 64)
    for norm in theirs.modules():
        if isinstance(norm, nn.RMSNorm):
            norm.eps = 1e-6
    if tied:
        theirs.head.weight = theirs.tokens.weight
    sizes = {"width": 32, "depth": 3, "heads": 4, "hidden": 44, "tied": tied}
    agree("qwen2", theirs, words=90, length=13, kv_heads=2, **sizes)


class Experts(nn.Module):
    """All experts on all positions; those that are not among the two best weigh nothing."""

    def __init__(self, width: int, hidden: int, count: int) -> None:
        super().__init__()
        self.router = nn.Linear(width, count, bias=False)
        self.gates, self.ups = (
            nn.ModuleList(nn.Linear(width, hidden, bias=False) for _ in range(count)) for _ in range(2)
        )
        self.downs = nn.ModuleList(nn.Linear(hidden, width, bias=False) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        shares = self.router(x).softmax(-1)
        second = shares.sort(-1, descending=True).values[..., 1:2]
        shares = torch.where(shares < second, 0, shares)
        shares = shares / shares.sum(-1, keepdim=True)
        made = [down(F.silu(gate(x)) * up(x)) for gate, up, down in zip(self.gates, self.ups, self.downs, strict=True)]
        return torch.einsum("nlde,nle->nld", torch.stack(made, -1), shares)


class MixtralLayer(LlamaLayer):
    def __init__(self, width: int, heads: int, groups: int, hidden: int, experts: int) -> None:
        super().__init__(width, heads, groups, 1, 1e6)
        del self.gate, self.up, self.down
        self.experts = Experts(width, hidden, experts)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.qkv(self.norm1(x)).unflatten(-1, (-1, self.size)).transpose(1, 2)
        q, k, v = rows.split([self.heads, self.groups, self.groups], 1)
        k, v = (y.repeat_interleave(self.heads // self.groups, 1) for y in (k, v))
        x = x + self.out(causal(self.turned(q), self.turned(k), v))
        return x + self.experts(self.norm2(x))  # type: ignore[no-any-return]


def test_mixtral_is_the_one_written_by_hand() -> None:
    theirs = Llama(90, 32, 3, 4, 2, 44, 1e6)
    theirs.layers = nn.Sequential(*(MixtralLayer(32, 4, 2, 20, 5) for _ in range(3)))
    sizes = {"width": 32, "depth": 3, "heads": 4, "hidden": 20, "experts": 5}
    apart = Apart(
        macs=(230_880, "all five experts compute, 224,640 more than two, and a product weighs what they give")
    )
    with_weights("language/mixtral", theirs, set={"words": 90, "length": 13, "kv_heads": 2, **sizes}, apart=apart)


def distances(queries: int, keys: int, buckets: int, farthest: int, *, both: bool) -> Tensor:
    """The bucket of each key for each query, number by number."""

    def bucket(ahead: int) -> int:
        count = buckets // 2 if both else buckets
        first = count if both and ahead > 0 else 0
        distance = abs(ahead) if both else max(-ahead, 0)
        exact = count // 2
        if distance < exact:
            return first + distance
        grown = exact + int(math.log(distance / exact) / math.log(farthest / exact) * (count - exact))
        return first + min(grown, count - 1)

    return torch.tensor([[bucket(key - query) for key in range(keys)] for query in range(queries)])


class T5Attention(nn.Module):
    """Queries, keys and values have a matrix each, or on itself rows of one; scores are not scaled."""

    def __init__(self, width: int, heads: int, size: int, *, itself: bool) -> None:
        super().__init__()
        self.heads = heads
        self.parts = nn.ModuleList(
            nn.Linear(width, heads * size * (3 if itself else 1), bias=False) for _ in range(1 if itself else 3)
        )
        self.out = nn.Linear(heads * size, width, bias=False)

    def forward(self, x: Tensor, memory: Tensor, bias: Tensor) -> Tensor:
        if len(self.parts) == 1:
            rows: Any = self.parts[0](x).chunk(3, -1)
        else:
            rows = [part(y) for part, y in zip(self.parts, (x, memory, memory), strict=True)]
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in rows)
        shares = (q @ k.transpose(-1, -2) + bias).softmax(-1)
        return self.out((shares @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class T5Layer(nn.Module):
    def __init__(self, width: int, heads: int, size: int, hidden: int, *, gated: bool, decoder: bool) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.RMSNorm(width, 1e-6) for _ in range(3 if decoder else 2))
        self.itself = T5Attention(width, heads, size, itself=True)
        self.other = T5Attention(width, heads, size, itself=False) if decoder else None
        self.ups = nn.ModuleList(nn.Linear(width, hidden, bias=False) for _ in range(2 if gated else 1))
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor, bias: Tensor, memory: Tensor | None = None, hidden: Tensor | None = None) -> Tensor:
        y = self.norms[0](x)
        x = x + self.itself(y, y, bias)
        if self.other is not None:
            x = x + self.other(self.norms[1](x), memory, hidden)
        y = self.norms[-1](x)
        first, *gate = (up(y) for up in self.ups)
        return x + self.down(F.gelu(first, approximate="tanh") * gate[0] if gate else F.relu(first))  # type: ignore[no-any-return]


class T5(nn.Module):
    """Raffel et al. 2020, of 90 words, 24 features, 3 heads of 10 and two layers each."""

    def __init__(self, *, gated: bool) -> None:
        super().__init__()
        self.near, self.before = nn.Parameter(torch.empty(32, 3)), nn.Parameter(torch.empty(32, 3))
        self.tokens = nn.Embedding(90, 24)
        self.encoder, self.decoder = (
            nn.ModuleList(T5Layer(24, 3, 10, 40, gated=gated, decoder=decoder) for _ in range(2))
            for decoder in (False, True)
        )
        self.norms = nn.ModuleList(nn.RMSNorm(24, 1e-6) for _ in range(2))
        self.head = nn.Linear(24, 90, bias=False)
        self.factor = 1.0 if gated else 24**-0.5
        if not gated:
            self.head.weight = self.tokens.weight

    def forward(self, source: Tensor, seen: Tensor, target: Tensor) -> Tensor:
        hidden = torch.zeros(seen.shape).to(self.near.dtype).masked_fill(~seen, -torch.inf)[:, None, None]
        length, written = source.shape[1], target.shape[1]
        bias = self.near[distances(length, length, 32, 128, both=True)].movedim(-1, 0) + hidden
        x = self.tokens(source)
        for layer in self.encoder:
            x = layer(x, bias)
        memory = self.norms[0](x)
        bias = self.before[distances(written, written, 32, 128, both=False)].movedim(-1, 0)
        bias = bias.masked_fill(torch.ones(written, written, dtype=torch.bool).triu(1), -torch.inf)
        x = self.tokens(target)
        for layer in self.decoder:
            x = layer(x, bias, memory, hidden)
        return self.head(self.norms[1](x) * self.factor)  # type: ignore[no-any-return]


@pytest.mark.parametrize("gated", [False, True])
def test_t5_is_the_one_written_by_hand(gated: bool) -> None:
    sizes = {"length": 150, "written": 140, "words": 90, "width": 24, "depth": 2, "heads": 3, "size": 10, "hidden": 40}
    with_weights("language/t5", T5(gated=gated), set=sizes | {"gated": gated})
    net = netspec.load(SPECS / "t5.yaml", set=sizes | {"gated": gated})
    with torch.no_grad(), counting_flops() as counter:
        netspec.build(net).eval()(*example(net, 1))
    assert counter.get_total_flops() == 2 * net.macs


@pytest.mark.parametrize(
    ("name", "variant", "published"),
    [
        ("gpt2", "gpt2_small", 124_439_808),
        ("gpt2", "gpt2_medium", 354_823_168),
        ("gpt2", "gpt2_large", 774_030_080),
        ("gpt2", "gpt2_xl", 1_557_611_200),
        ("llama", "tinyllama", 1_100_048_384),
        ("llama", "llama2_7b", 6_738_415_616),
        ("llama", "llama3_8b", 8_030_261_248),
        ("llama", "llama31_8b", 8_030_261_248),
        ("t5", "t5_small", 60_506_624),
        ("t5", "t5_base", 222_903_552),
        ("t5", "t5_large", 737_668_096),
        ("t5", "t5_3b", 2_851_598_336),
        ("t5", "t5_11b", 11_307_321_344),
        ("t5", "t5_v1_1_small", 76_961_152),
        ("t5", "t5_v1_1_base", 247_577_856),
        ("t5", "t5_v1_1_large", 783_150_080),
        ("mixtral", "mixtral_8x7b", 46_702_792_704),
        ("mixtral", "mixtral_8x22b", 140_630_071_296),
    ],
)
def test_a_whole_network_has_its_published_size(name: str, variant: str, published: int) -> None:
    assert netspec.load(SPECS / f"{name}.yaml", variant=variant).params == published
