"""Further families: sequences with states, games, videos, capsules; each is torchvision's or written by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

import netspec
from tests.zoo import proof
from tests.zoo.agreement import SPECS, Apart, agree


class TCN(nn.Module):
    """As the authors' code without its weight norms: what a padding on both sides adds is cut off behind."""

    def __init__(self, before: int, widths: list[int], kernel: int) -> None:
        super().__init__()
        self.levels, self.kernel, self.head = nn.ModuleList(), kernel, nn.Linear(widths[-1], before)
        for i, width in enumerate(widths):
            first = nn.Conv1d(before, width, kernel, padding=(kernel - 1) * 2**i, dilation=2**i)
            second = nn.Conv1d(width, width, kernel, padding=(kernel - 1) * 2**i, dilation=2**i)
            shortcut = nn.Identity() if before == width else nn.Conv1d(before, width, 1)
            self.levels.append(nn.ModuleList([first, second, shortcut]))
            before = width

    def forward(self, x: Tensor) -> Tensor:
        for first, second, shortcut in self.levels:  # type: ignore[misc]
            y = first(x)[..., : x.shape[-1]].relu()
            x = (second(y)[..., : x.shape[-1]].relu() + shortcut(x)).relu()
        return self.head(x.mT)  # type: ignore[no-any-return]


def test_tcn_sees_the_past_alone() -> None:
    theirs = TCN(88, [6, 6, 8], 3)
    apart = Apart(macs=(6936, "what its padding on both sides adds is computed, and cut off"))
    agree("audio/tcn", theirs, apart=apart, set={"widths": [6, 6, 8], "kernel": 3, "length": 20})


@pytest.mark.slow
def test_r3d_is_torchvisions() -> None:
    with proof.no_initialisers():
        theirs = torchvision.models.video.r3d_18()
    agree("vision/r3d", theirs, reference="torchvision: r3d_18", set={"input": [3, 4, 16, 16]})


class Capsules(nn.Module):
    """The couplings begin as zeros, and the last round updates none."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 256, 9), nn.Conv2d(256, 256, 9, 2)
        self.weights = nn.Parameter(torch.randn(32 * 2 * 2, 10, 16, 8))

    @staticmethod
    def squash(s: Tensor) -> Tensor:
        squared = s.square().sum(-1, keepdim=True)
        return squared / (1 + squared) * s / squared.sqrt()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = self.second(self.first(image).relu())
        u = self.squash(x.unflatten(1, (32, 8)).movedim(2, -1).flatten(1, 3))
        votes = torch.einsum("nid,ijed->nije", u, self.weights)
        b = votes.new_zeros(votes.shape[:3])
        for i in range(3):
            v = self.squash((b.softmax(2)[..., None] * votes).sum(1))
            if i < 2:
                b = b + (votes * v[:, None]).sum(-1)
        return v, v.norm(dim=2)


def test_capsules_agree_in_three_rounds() -> None:
    apart = Apart(macs=(-81_920, "its sums of votes are products of elements, which are not counted"))
    agree("vision/capsnet", Capsules(), apart=apart, set={"input": [1, 20, 20]})


class CRNN(nn.Module):
    """The authors' table 1, from below."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for i, width in enumerate((64, 128, 256, 256, 512, 512, 512)):
            layers.append(nn.Conv2d(before, width, 2 if i == 6 else 3, 1, 0 if i == 6 else 1))
            layers += [nn.BatchNorm2d(width)] if i in (2, 4, 6) else []
            layers.append(nn.ReLU())
            layers += [nn.MaxPool2d(2, 2)] if i < 2 else []
            layers += [nn.MaxPool2d(2, (2, 1), (0, 1))] if i in (3, 5) else []
            before = width
        self.layers = nn.Sequential(*layers)
        self.first = nn.LSTM(512, hidden, batch_first=True, bidirectional=True)
        self.between, self.head = nn.Linear(2 * hidden, hidden), nn.Linear(2 * hidden, 37)
        self.second = nn.LSTM(hidden, hidden, batch_first=True, bidirectional=True)

    def forward(self, image: Tensor) -> Tensor:
        x = self.layers(image).squeeze(2).mT
        return self.head(self.second(self.between(self.first(x)[0]))[0])  # type: ignore[no-any-return]


def test_crnn_reads_columns() -> None:
    agree("vision/crnn", CRNN(6), set={"hidden": 6, "input": [1, 32, 24]})


def conv(before: int, after: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, kernel, 1, kernel // 2, bias=False), nn.BatchNorm2d(after))


class AlphaZero(nn.Module):
    def __init__(self, width: int, depth: int, size: int) -> None:
        super().__init__()
        self.first = conv(17, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(conv(width, width), nn.ReLU(), conv(width, width)) for _ in range(depth)
        )
        self.policy = nn.Sequential(conv(width, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * size**2, 26))
        self.value = nn.Sequential(
            conv(width, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(size**2, 256), nn.ReLU(), nn.Linear(256, 1), nn.Tanh()
        )

    def forward(self, board: Tensor) -> tuple[Tensor, Tensor]:
        x = self.first(board).relu()
        for block in self.blocks:
            x = (x + block(x)).relu()
        return self.policy(x), self.value(x)


def test_alphazero_has_two_heads() -> None:
    agree("graphs/alphazero", AlphaZero(8, 2, 5), set={"input": [17, 5, 5], "width": 8, "depth": 2, "moves": 26})


class CLIPLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        y = self.up(self.norm2(x))
        return x + self.down(y * (1.702 * y).sigmoid())  # type: ignore[no-any-return]


class CLIPImage(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, common: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8, bias=False)
        self.token, self.positions = nn.Parameter(torch.randn(1, 1, width)), nn.Parameter(torch.randn(1, 17, width))
        self.before, self.behind = nn.LayerNorm(width), nn.LayerNorm(width)
        self.layers = nn.Sequential(*(CLIPLayer(width, heads) for _ in range(depth)))
        self.common = nn.Linear(width, common, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image).flatten(2).mT
        x = torch.cat([self.token.expand(len(x), 1, -1), x], 1) + self.positions
        return self.common(self.behind(self.layers(self.before(x))[:, 0]))  # type: ignore[no-any-return]


def test_clip_reads_images_by_its_class_token() -> None:
    agree("vision/clip_image", CLIPImage(16, 2, 4, 6), variant="clip_b32", set={
        "input": [3, 32, 32], "patch": 8, "width": 16, "depth": 2, "heads": 4, "common": 6,
    })  # fmt: skip


class Recurrent(nn.Module):
    """`last`: of the states at the end of a text, else of each word."""

    def __init__(self, dim: int, hidden: int, depth: int, classes: int, *, last: bool) -> None:
        super().__init__()
        self.words, self.last = nn.Embedding(40, dim), last
        self.lstm = nn.LSTM(dim, hidden, depth, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        y, (h, _) = self.lstm(self.words(tokens))
        return self.head(torch.cat([h[-2], h[-1]], 1) if self.last else y)  # type: ignore[no-any-return]


def test_a_text_is_classified_by_its_last_states() -> None:
    agree("language/lstm_classifier", Recurrent(6, 8, 2, 2, last=True), set={
        "words": 40, "length": 9, "dim": 6, "hidden": 8,
    })  # fmt: skip


def test_a_tagger_reads_in_both_directions() -> None:
    agree("language/bilstm_tagger", Recurrent(6, 8, 1, 17, last=False), set={
        "words": 40, "length": 9, "dim": 6, "hidden": 8,
    })  # fmt: skip


class ECA(nn.Module):
    """The size of the kernel is the paper's ψ(C) for γ = 2 and b = 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        kernel = {256: 5, 512: 5, 1024: 5, 2048: 7}[width]
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv(x.mean((2, 3))[:, None]).sigmoid()[:, 0, :, None, None]  # type: ignore[no-any-return]


class ECABlock(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.first, self.third, self.attention = conv(before, width, 1), conv(width, 4 * width, 1), ECA(4 * width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width))
        self.shortcut = nn.Identity()
        if before != 4 * width:
            self.shortcut = nn.Sequential(  # type: ignore[assignment]
                nn.Conv2d(before, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.third(self.second(self.first(x).relu()).relu())
        return F.relu(self.attention(y) + self.shortcut(x))


@pytest.mark.slow
def test_eca_reads_the_neighbours_of_a_channel() -> None:
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    before = 64
    for i in range(4):
        for j in range(1 + (i == 0)):
            layers.append(ECABlock(before, 64 * 2**i, 2 if i > 0 and j == 0 else 1))
            before = 256 * 2**i
    theirs = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 7))
    agree("vision/eca_resnet", theirs, set={"input": [3, 64, 64], "depths": [2, 1, 1, 1], "classes": 7})


def test_c3d_is_a_vgg_in_three_dimensions() -> None:
    def conv(before: int, after: int) -> list[nn.Module]:
        return [nn.Conv3d(before, after, 3, padding=1), nn.ReLU()]

    theirs = nn.Sequential(
        *conv(3, 4), nn.MaxPool3d((1, 2, 2)), *conv(4, 6), nn.MaxPool3d(2), *conv(6, 8), *conv(8, 8), nn.MaxPool3d(2),
        *conv(8, 10), nn.MaxPool3d(2), *conv(10, 10), nn.MaxPool3d(2, 2, (0, 1, 1)), nn.Flatten(),
        nn.Linear(40, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 7),
    )  # fmt: skip
    agree("vision/c3d", theirs, set={
        "input": [3, 16, 32, 32], "widths": [4, 6, 8, 10, 10], "depths": [1, 1, 2, 1, 1], "hidden": 16, "classes": 7,
    })  # fmt: skip


def test_an_autoencoder_goes_back_as_it_came() -> None:
    theirs = nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 7),
        nn.ConvTranspose2d(64, 32, 7), nn.ReLU(), nn.ConvTranspose2d(32, 16, 3, 2, 1, 1), nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 3, 2, 1, 1), nn.Sigmoid(),
    )  # fmt: skip
    agree("generative/conv_autoencoder", theirs)


class Noisy(nn.Module):
    """Equations (9) to (11) of the paper, with one draw for the whole batch; outside of training the means."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.weight_mu, self.weight_sigma = (nn.Parameter(torch.zeros(after, before)) for _ in range(2))
        self.bias_mu, self.bias_sigma = (nn.Parameter(torch.zeros(after)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.linear(x, self.weight_mu, self.bias_mu)
        after, before = self.weight_mu.shape
        drawn = torch.randn(before + after, device=x.device, dtype=x.dtype)
        p, q = (drawn.sign() * drawn.abs().sqrt()).split([before, after])
        weight = self.weight_mu + self.weight_sigma * torch.outer(q, p)
        return F.linear(x, weight, self.bias_mu + self.bias_sigma * q)


class NoisyDueling(nn.Module):
    def __init__(self, actions: int, hidden: int) -> None:
        super().__init__()
        self.state = nn.Sequential(
            nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(),
            nn.Flatten(),
        )  # fmt: skip
        self.value, self.advantages = (
            nn.Sequential(Noisy(3136, hidden), nn.ReLU(), Noisy(hidden, out)) for out in (1, actions)
        )

    def forward(self, frames: Tensor) -> Tensor:
        state = self.state(frames)
        value, advantages = self.value(state), self.advantages(state)
        return value + advantages - advantages.mean(1, keepdim=True)  # type: ignore[no-any-return]


def test_noisynet_explores_by_its_weights() -> None:
    """The same draws give the same values in training; outside of it both take the means."""
    theirs = NoisyDueling(6, 8)
    agree("graphs/noisy_dueling_dqn", theirs, set={"actions": 6, "hidden": 8})
    net = netspec.load(SPECS / "graphs" / "noisy_dueling_dqn.yaml", set={"actions": 6, "hidden": 8})
    ours = netspec.build(net)
    ours.load_state_dict(netspec.transfer(theirs.float(), net))
    frames = torch.randn(2, 4, 84, 84, dtype=torch.float64)
    values = []
    for model in (ours.double().train(), theirs.double().train()):
        torch.manual_seed(3)
        values.append(model(frames))
    torch.testing.assert_close(*values)
    assert not torch.allclose(ours(frames), values[0])
