"""Stable Diffusion: its U-Net and autoencoder written by hand from the paper, and those of diffusers where it is."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netspec
from tests.zoo import proof
from tests.zoo.agreement import SPECS, Residual, agree

UNET, VAE = "generative/stable_diffusion_unet", "generative/stable_diffusion_vae"
GROUPS, WIDTHS = 4, (8, 16, 32, 32)
SMALL = {"size": 16, "words": 12, "width": 8, "groups": GROUPS, "heads": [2, 2, 4, 4]}


def norm(width: int, eps: float = 1e-6) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, width, eps)


def conv(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, 1)


class ResNet(nn.Module):
    """Told the time or not."""

    def __init__(self, before: int, after: int, time: int = 0) -> None:
        super().__init__()
        eps = 1e-5 if time else 1e-6
        self.norm1, self.conv1 = norm(before, eps), conv(before, after)
        self.time = nn.Linear(time, after) if time else None
        self.norm2, self.conv2 = norm(after, eps), conv(after, after)
        self.shortcut = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        if self.time is not None:
            y = y + self.time(time)[:, :, None, None]
        y = self.conv2(F.silu(self.norm2(y)))
        return self.shortcut(x) + y  # type: ignore[no-any-return]


class Attention(nn.Module):
    """softmax(Q Kᵀ / √d) V of the paper, with keys and values of `memory`."""

    def __init__(self, width: int, memory: int, heads: int, *, bias: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(n, width, bias) for n in (width, memory, memory))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        mapped = self.query(x), self.key(memory), self.value(memory)
        q, k, v = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in mapped)
        shares = (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1)
        return self.out((shares @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class GEGLU(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 8 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y, gate = self.up(x).chunk(2, -1)
        return self.down(y * F.gelu(gate))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    def __init__(self, width: int, words: int, heads: int) -> None:
        super().__init__()
        self.norm, self.first, self.last = norm(width), nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.reading = Attention(width, width, heads), Attention(width, words, heads)
        self.mlp = Residual(nn.LayerNorm(width), GEGLU(width))

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        rows = self.first(self.norm(x)).flatten(2).mT
        y = self.norm1(rows)
        rows = rows + self.attention(y, y)
        rows = rows + self.reading(self.norm2(rows), text)
        return x + self.last(self.mlp(rows).mT.unflatten(2, x.shape[2:]))  # type: ignore[no-any-return]


class Block(nn.Module):
    def __init__(self, before: int, after: int, heads: int) -> None:
        super().__init__()
        self.resnet = ResNet(before, after, 4 * WIDTHS[0])
        self.transformer = Transformer(after, SMALL["words"], heads) if heads else None

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        y = self.resnet(x, time)
        return y if self.transformer is None else self.transformer(y, text)  # type: ignore[no-any-return]


class UNet(nn.Module):
    def __init__(self, heads: tuple[int, ...] = (2, 2, 4, 4)) -> None:
        super().__init__()
        w, heads_at = WIDTHS, (*heads[:3], 0)
        self.time = nn.Sequential(nn.Linear(w[0], 4 * w[0]), nn.SiLU(), nn.Linear(4 * w[0], 4 * w[0]), nn.SiLU())
        self.first, skips = conv(4, w[0]), [w[0]]
        self.down = nn.ModuleList()
        for i in range(4):
            for _ in range(2):
                self.down.append(Block(skips[-1], w[i], heads_at[i]))
                skips.append(w[i])
            if i < 3:
                self.down.append(conv(w[i], w[i], 2))
                skips.append(w[i])
        self.middle = nn.ModuleList([Block(w[3], w[3], heads[3]), Block(w[3], w[3], 0)])
        self.up, before = nn.ModuleList(), w[3]
        for i in (3, 2, 1, 0):
            for _ in range(3):
                self.up.append(Block(before + skips.pop(), w[i], heads_at[i]))
                before = w[i]
            if i > 0:
                self.up.append(nn.Sequential(nn.Upsample(scale_factor=2), conv(w[i], w[i])))
        self.last = nn.Sequential(norm(w[0], 1e-5), nn.SiLU(), conv(w[0], 4))

    def forward(self, latent: Tensor, time: Tensor, text: Tensor) -> Tensor:
        n = WIDTHS[0] // 2
        waves = time[:, None] * 10000.0 ** (-torch.arange(n, dtype=time.dtype, device=time.device) / n)
        t = self.time(torch.cat([waves.cos(), waves.sin()], 1))
        maps = [self.first(latent)]
        for each in self.down:
            maps.append(each(maps[-1], t, text) if isinstance(each, Block) else each(maps[-1]))
        x = maps[-1]
        for each in self.middle:
            x = each(x, t, text)
        for each in self.up:
            x = each(torch.cat([x, maps.pop()], 1), t, text) if isinstance(each, Block) else each(x)
        return self.last(x)  # type: ignore[no-any-return]


@pytest.mark.slow
def test_the_unet_is_told_the_time_and_reads_a_text() -> None:
    agree(UNET, UNet(), set=SMALL)


class Middle(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = ResNet(width, width), ResNet(width, width)
        self.norm, self.attention = norm(width), Attention(width, width, 1, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        rows = self.norm(x).flatten(2).mT
        return self.last(x + self.attention(rows, rows).mT.unflatten(2, x.shape[2:]))  # type: ignore[no-any-return]


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        w = WIDTHS
        down: list[nn.Module] = [conv(3, w[0])]
        up: list[nn.Module] = [nn.Conv2d(4, 4, 1), conv(4, w[3]), Middle(w[3])]
        for i, width in enumerate(w):
            down += [ResNet(w[max(i - 1, 0)], width), ResNet(width, width)]
            down += [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(width, width, 3, 2)] if i < 3 else []
        for i in (3, 2, 1, 0):
            up += [ResNet(w[min(i + 1, 3)], w[i]), ResNet(w[i], w[i]), ResNet(w[i], w[i])]
            up += [nn.Upsample(scale_factor=2), conv(w[i], w[i])] if i else []
        self.encoder = nn.Sequential(*down, Middle(w[3]), norm(w[3]), nn.SiLU(), conv(w[3], 8), nn.Conv2d(8, 8, 1))
        self.decoder = nn.Sequential(*up, norm(w[0]), nn.SiLU(), conv(w[0], 3))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, logvar = self.encoder(image).chunk(2, 1)
        return self.decoder(mean), mean, logvar.clamp(-30, 20)


@pytest.mark.slow
def test_the_autoencoder_has_a_mean_and_a_variance() -> None:
    agree(VAE, Autoencoder(), set={"input": [3, 32, 32], "width": 8, "groups": GROUPS})


class FromDiffusers(nn.Module):
    """A module of diffusers as one of tensors alone."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what its imports say of others
            diffusers = pytest.importorskip("diffusers")
        self.model = getattr(diffusers, name)(**options)

    def forward(self, x: Tensor, *others: Tensor) -> Any:
        if others:
            return self.model(x, *others).sample
        found = self.model.encode(x).latent_dist
        return self.model.decode(found.mode()).sample, found.mean, found.logvar


def unet_of_diffusers(**options: Any) -> nn.Module:
    return FromDiffusers("UNet2DConditionModel", **options)


def vae_of_diffusers(**options: Any) -> nn.Module:
    kinds = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return FromDiffusers("AutoencoderKL", layers_per_block=2, **kinds, **options)


VERSION_2 = {"cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True}


def test_diffusers_has_the_published_sizes() -> None:
    with torch.device("meta"):
        models = [
            unet_of_diffusers(cross_attention_dim=768), unet_of_diffusers(**VERSION_2),
            vae_of_diffusers(block_out_channels=(128, 256, 512, 512)),
        ]  # fmt: skip
    sizes = [sum(parameter.numel() for parameter in model.parameters()) for model in models]
    specs = ((UNET, "stable_diffusion_1"), (UNET, "stable_diffusion_2"), (VAE, None))
    assert sizes == [netspec.load(SPECS / f"{name}.yaml", variant=variant).params for name, variant in specs]


def test_the_unet_is_diffusers() -> None:
    """Diffusers computes the waves in single precision, which are exact at time 0 alone."""
    theirs = unet_of_diffusers(
        block_out_channels=WIDTHS, norm_num_groups=GROUPS, cross_attention_dim=12, attention_head_dim=(2, 2, 4, 4)
    )
    proof.fill(theirs.eval())
    net = netspec.load(SPECS / f"{UNET}.yaml", set=SMALL)
    latent, text = torch.randn(2, 4, 16, 16), torch.randn(2, 77, 12)
    ours = netspec.build(net).eval()
    ours.load_state_dict(netspec.transfer(theirs, net, example=(latent, torch.ones(2), text)))
    with torch.no_grad():
        for time, dtype, close in ((500.0, torch.float32, 1e-5), (0.0, torch.float64, 1e-9)):
            inputs = [each.to(dtype) for each in (latent, torch.full((2,), time), text)]
            assert proof.relative(ours.to(dtype)(*inputs), theirs.to(dtype)(*inputs)) < close


def test_the_autoencoder_is_diffusers() -> None:
    agree(VAE, vae_of_diffusers(block_out_channels=WIDTHS, norm_num_groups=GROUPS), set={
        "input": [3, 32, 32], "width": 8, "groups": GROUPS,
    })  # fmt: skip
