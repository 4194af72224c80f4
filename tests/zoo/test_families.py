"""The families of `specs/vision`: small ones are modules written by hand from their papers, with the same outputs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.agreement import Residual, agree

IMAGE = {"input": [3, 32, 32], "patch": 8, "classes": 7}


class Patches(nn.Module):
    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, patch, patch)

    def forward(self, image: Tensor) -> Tensor:
        return self.conv(image).flatten(2).transpose(1, 2)  # type: ignore[no-any-return]


class Pooled(nn.Module):
    """Patches, layers, a norm, the mean of all tokens, classes."""

    def __init__(self, width: int, layers: list[nn.Module], norm: nn.Module) -> None:
        super().__init__()
        self.patches, self.layers, self.norm = Patches(width, 8), nn.Sequential(*layers), norm
        self.head = nn.Linear(width, 7)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.norm(self.layers(self.patches(image))).mean(1))  # type: ignore[no-any-return]


class MLP(nn.Sequential):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class Mixer(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width, 1e-6)
        self.of_tokens, self.of_channels = MLP(tokens, 12), MLP(width, 20)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.of_tokens(self.norm1(x).mT).mT
        return x + self.of_channels(self.norm2(x))  # type: ignore[no-any-return]


def test_mlp_mixer_mixes_tokens_and_channels() -> None:
    theirs = Pooled(10, [Mixer(16, 10) for _ in range(3)], nn.LayerNorm(10, 1e-6))
    agree("vision/mlp_mixer", theirs, set=IMAGE | {"width": 10, "depth": 3, "tokens": 12, "hidden": 20})


class Gated(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = (
            nn.LayerNorm(width, 1e-6),
            nn.Linear(width, 6 * width),
            nn.Linear(3 * width, width),
        )
        self.gate_norm, self.over_tokens = nn.LayerNorm(3 * width), nn.Linear(tokens, tokens)

    def forward(self, x: Tensor) -> Tensor:
        u, v = F.gelu(self.up(self.norm(x))).chunk(2, -1)
        return x + self.down(u * self.over_tokens(self.gate_norm(v).mT).mT)  # type: ignore[no-any-return]


def test_gmlp_gates_by_the_other_tokens() -> None:
    theirs = Pooled(8, [Gated(16, 8) for _ in range(3)], nn.LayerNorm(8, 1e-6))
    agree("vision/gmlp", theirs, set=IMAGE | {"width": 8, "depth": 3})


class Affine(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha, self.beta = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(1, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.alpha * x + self.beta


class ResMLP(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.over_tokens = Affine(width), Affine(width), nn.Linear(tokens, tokens)
        self.mlp = MLP(width, 4 * width)
        self.scale1, self.scale2 = nn.Parameter(torch.ones(width)), nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.scale1 * self.over_tokens(self.norm1(x).mT).mT
        return x + self.scale2 * self.mlp(self.norm2(x))  # type: ignore[no-any-return]


def test_resmlp_has_factors_and_shifts_in_place_of_norms() -> None:
    theirs = Pooled(8, [ResMLP(16, 8) for _ in range(2)], Affine(8))
    agree("vision/resmlp", theirs, set=IMAGE | {"width": 8, "depth": 2})


def test_convmixer_is_the_one_of_its_listing() -> None:
    """The listing of the paper's figure 3, which fits into 280 characters there."""
    h, d, k, p, n = 12, 3, 5, 8, 7
    theirs = nn.Sequential(
        nn.Conv2d(3, h, p, p), nn.GELU(), nn.BatchNorm2d(h),
        *(
            nn.Sequential(
                Residual(nn.Conv2d(h, h, k, groups=h, padding="same"), nn.GELU(), nn.BatchNorm2d(h)),
                nn.Conv2d(h, h, 1), nn.GELU(), nn.BatchNorm2d(h),
            )
            for _ in range(d)
        ),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(h, n),
    )  # fmt: skip
    agree("vision/convmixer", theirs, set=IMAGE | {"width": h, "depth": d, "kernel": k})


class PoolFormerLayer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(1, width), nn.GroupNorm(1, width)
        self.up, self.down = nn.Conv2d(width, 4 * width, 1), nn.Conv2d(4 * width, width, 1)
        self.scale1, self.scale2 = (nn.Parameter(torch.ones(width, 1, 1)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.scale1 * (F.avg_pool2d(y, 3, 1, 1, count_include_pad=False) - y)
        return x + self.scale2 * self.down(F.gelu(self.up(self.norm2(x))))  # type: ignore[no-any-return]


class PoolFormer(nn.Module):
    def __init__(self, widths: list[int], depths: list[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width, depth in zip([3, *widths], widths, depths, strict=False):
            layers.append(nn.Conv2d(before, width, 7, 4, 2) if before == 3 else nn.Conv2d(before, width, 3, 2, 1))
            layers += [PoolFormerLayer(width) for _ in range(depth)]
        self.layers, self.norm = nn.Sequential(*layers), nn.LayerNorm(widths[-1], 1e-6)
        self.head = nn.Linear(widths[-1], 7)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.norm(self.layers(image).mean((2, 3))))  # type: ignore[no-any-return]


def test_poolformer_pools_in_place_of_attention() -> None:
    widths, depths = [6, 8, 10, 12], [1, 2, 1, 1]
    agree("vision/poolformer", PoolFormer(widths, depths), set={
        "input": [3, 64, 64], "widths": widths, "depths": depths, "classes": 7,
    })  # fmt: skip


class Attention(nn.Module):
    """Attention written out. `talking`: heads are mixed before and behind the softmax."""

    def __init__(self, width: int, heads: int, *, talking: bool = False) -> None:
        super().__init__()
        self.heads, self.qkv = heads, nn.Linear(width, 3 * width)
        self.before, self.behind = (nn.Linear(heads, heads) if talking else nn.Identity() for _ in range(2))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        scores = (q * q.shape[-1] ** -0.5) @ k.mT
        weights = self.behind(self.before(scores.movedim(1, 3)).softmax(2)).movedim(3, 1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class ClassAttention(nn.Module):
    """The first token attends to all."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.q(x[:, :1]), self.k(x), self.v(x))
        )
        weights = (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Scaled(nn.Module):
    """A norm, something, and a learned factor for each feature."""

    def __init__(self, width: int, body: nn.Module) -> None:
        super().__init__()
        self.norm, self.body, self.scale = nn.LayerNorm(width, 1e-6), body, nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * self.body(self.norm(x))  # type: ignore[no-any-return]


class CaiT(nn.Module):
    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.patches, self.token = Patches(width, 8), nn.Parameter(torch.randn(1, width))
        self.positions = nn.Parameter(torch.randn(1, 16, width))
        layers = (
            (
                Residual(Scaled(width, Attention(width, heads, talking=True))),
                Residual(Scaled(width, MLP(width, 4 * width))),
            )
            for _ in range(depth)
        )
        self.layers = nn.Sequential(*(module for pair in layers for module in pair))
        self.attentions = nn.ModuleList([Scaled(width, ClassAttention(width, heads)) for _ in range(2)])
        self.mlps = nn.ModuleList([Residual(Scaled(width, MLP(width, 4 * width))) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(width, 1e-6), nn.Linear(width, 7)

    def forward(self, image: Tensor) -> Tensor:
        x = self.layers(self.patches(image) + self.positions)
        token = self.token.expand(len(x), 1, -1)
        for attention, mlp in zip(self.attentions, self.mlps, strict=True):
            token = mlp(token + attention(torch.cat([token, x], 1)))
        return self.head(self.norm(token)[:, 0])  # type: ignore[no-any-return]


def test_cait_talks_between_heads_and_reads_the_patches_last() -> None:
    agree("vision/cait", CaiT(24, 3, 4), set=IMAGE | {"width": 24, "depth": 3, "heads": 4})
