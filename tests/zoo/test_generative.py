"""`specs/generative`: each network is the one written by hand from its paper, at a small width."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.zoo.agreement import Residual, agree


def up(before: int, after: int, kernel: int = 4, stride: int = 2, padding: int = 1) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(before, after, kernel, stride, padding, bias=False)


def test_dcgans_generator_is_pytorchs() -> None:
    z, w = 100, 4
    theirs = nn.Sequential(
        nn.Unflatten(1, (z, 1, 1)),
        up(z, 8 * w, 4, 1, 0), nn.BatchNorm2d(8 * w), nn.ReLU(),
        up(8 * w, 4 * w), nn.BatchNorm2d(4 * w), nn.ReLU(),
        up(4 * w, 2 * w), nn.BatchNorm2d(2 * w), nn.ReLU(),
        up(2 * w, w), nn.BatchNorm2d(w), nn.ReLU(),
        up(w, 3), nn.Tanh(),
    )  # fmt: skip
    agree("generative/dcgan_generator", theirs, set={"width": w})


def down(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 4, 2, 1, bias=False)


def test_dcgans_discriminator_is_pytorchs() -> None:
    w = 4
    theirs = nn.Sequential(
        down(3, w), nn.LeakyReLU(0.2),
        down(w, 2 * w), nn.BatchNorm2d(2 * w), nn.LeakyReLU(0.2),
        down(2 * w, 4 * w), nn.BatchNorm2d(4 * w), nn.LeakyReLU(0.2),
        down(4 * w, 8 * w), nn.BatchNorm2d(8 * w), nn.LeakyReLU(0.2),
        nn.Conv2d(8 * w, 1, 4, bias=False), nn.Flatten(),
    )  # fmt: skip
    agree("generative/dcgan_discriminator", theirs, set={"width": w})


def reflected(width: int, *behind: nn.Module) -> list[nn.Module]:
    return [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width), *behind]


def test_cyclegans_generator_is_the_papers() -> None:
    """In its notation c7s1-64, d128, d256, R256 nine times, u128, u64, c7s1-3."""
    w = 4
    theirs = nn.Sequential(
        nn.ReflectionPad2d(3), nn.Conv2d(3, w, 7), nn.InstanceNorm2d(w), nn.ReLU(),
        nn.Conv2d(w, 2 * w, 3, 2, 1), nn.InstanceNorm2d(2 * w), nn.ReLU(),
        nn.Conv2d(2 * w, 4 * w, 3, 2, 1), nn.InstanceNorm2d(4 * w), nn.ReLU(),
        *(Residual(*reflected(4 * w, nn.ReLU()), *reflected(4 * w)) for _ in range(9)),
        nn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, 1), nn.InstanceNorm2d(2 * w), nn.ReLU(),
        nn.ConvTranspose2d(2 * w, w, 3, 2, 1, 1), nn.InstanceNorm2d(w), nn.ReLU(),
        nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh(),
    )  # fmt: skip
    agree("generative/cyclegan_generator", theirs, set={"width": w, "input": [3, 32, 32]})


class Pix2Pix(nn.Module):
    """Down and up in two loops, with the maps in a list: C64-C128-C256-C512 … in the paper's notation."""

    def __init__(self, w: int, levels: int) -> None:
        super().__init__()
        widths = [min(w * 2**i, 8 * w) for i in range(levels)]
        self.down = nn.ModuleList([down(a, b) for a, b in zip([3, *widths], widths, strict=False)])
        self.down_norms = nn.ModuleList([nn.BatchNorm2d(b) for b in widths[1:-1]])
        self.up = nn.ModuleList(
            [up(widths[i] * (1 if i == levels - 1 else 2), widths[i - 1]) for i in range(levels - 1, 0, -1)]
        )
        self.up_norms = nn.ModuleList([nn.BatchNorm2d(widths[i - 1]) for i in range(levels - 1, 0, -1)])
        self.last = nn.ConvTranspose2d(2 * w, 3, 4, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        maps = [self.down[0](image)]
        for i, conv in enumerate(self.down[1:]):
            y = conv(nn.functional.leaky_relu(maps[-1], 0.2))
            maps.append(self.down_norms[i](y) if i < len(self.down_norms) else y)
        x = maps.pop()
        for conv, norm in zip(self.up, self.up_norms, strict=True):
            x = torch.cat([maps.pop(), norm(conv(x.relu()))], 1)
        return self.last(x.relu()).tanh()  # type: ignore[no-any-return]


def test_pix2pixs_generator_joins_the_levels() -> None:
    agree("generative/pix2pix_generator", Pix2Pix(3, 6), set={"width": 3, "levels": 6, "input": [3, 64, 64]})


class Mapping(nn.Module):
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.LeakyReLU(0.2)))
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8))  # type: ignore[no-any-return]


def test_stylegans_mapping_normalises_first() -> None:
    agree("generative/stylegan_mapping", Mapping(16, 8), set={"input": [16], "width": 16})


def coupling(size: int, hidden: int) -> nn.Sequential:
    layers = nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, size)
    return nn.Sequential(*layers)


class RealNVP(nn.Module):
    """Masks in turns, as in the paper's figure 2a."""

    def __init__(self, size: int, depth: int, hidden: int) -> None:
        super().__init__()
        self.scales, self.shifts = (
            nn.ModuleList([coupling(size // 2, hidden) for _ in range(depth)]) for _ in range(2)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        parts = list(x.chunk(2, 1))
        log_det = x.new_zeros(len(x))
        for i, (scale, shift) in enumerate(zip(self.scales, self.shifts, strict=True)):
            still, moved = 1 - i % 2, i % 2
            s = scale(parts[still]).tanh()
            parts[moved] = parts[moved] * s.exp() + shift(parts[still])
            log_det = log_det + s.sum(1)
        return torch.cat(parts, 1), log_det


def test_realnvp_knows_its_determinant() -> None:
    agree("generative/realnvp", RealNVP(6, 4, 16), set={"size": 6, "depth": 4, "hidden": 16})
    flow = RealNVP(4, 4, 8).double()
    x = torch.randn(1, 4, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: flow(x)[0], x)[0, :, 0]  # so the reference is right
    assert torch.isclose(jacobian.det().abs().log(), flow(x)[1][0])
