"""What runs on the slices along an axis, which is merged into the batch, is `each`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netspec.capture.importing import from_torch
from tests.capture.test_from_torch import equal, imported


class Frames(nn.Module):
    """A convolutional network on the frames of a video, and a recurrent one on what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.rnn = nn.GRU(4, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        n, t = x.shape[:2]
        y = self.features(x.flatten(0, 1)).view(n, t, -1)
        return self.rnn(y)[0][:, -1]


def test_a_network_on_the_frames_of_a_video_is_each() -> None:
    module = Frames()
    found = imported(module, (3, 2, 6, 6))
    assert "  - each:\n      - sequential:\n          - Conv2d: {out_channels: 4, kernel_size: 3}\n" in found.text
    assert equal(module, found, (3, 2, 6, 6))


class Loose(nn.Module):
    """Layers one after the other on slices, with one between them that does not care."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv1d(2, 4, 3)
        self.b = nn.BatchNorm1d(4)
        self.c = nn.Linear(5, 3)
        self.pool = nn.MaxPool1d(2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.c(self.b(self.a(x.reshape(-1, *x.shape[2:]))))
        return self.pool(y.relu()).unflatten(0, (-1, x.shape[1]))


def test_layers_on_slices_that_follow_each_other_are_one_each() -> None:
    module = Loose()
    found = imported(module, (4, 2, 7))
    assert (
        "  - each:\n"
        "      - {Conv1d: {out_channels: 4, kernel_size: 3}, name: a}\n"
        "      - {BatchNorm1d: , name: b}\n"
        "  - {Linear: 3, name: c}\n" in found.text
    )
    assert found.text.count("each:") == 2
    assert equal(module, found, (4, 2, 7))


class Grid(nn.Module):
    """A network on the places of a grid, whose two axes are merged into the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.LayerNorm(6), nn.Linear(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.flatten(0, 2)).unflatten(0, x.shape[:3])


class LinearNorm(nn.Module):
    """A layer and the norm of its channels over all places of all examples, as LeViT has it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4, bias=False)
        self.bn = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        return self.bn(y.flatten(0, 1)).reshape_as(y)


def test_a_norm_of_all_places_is_that_of_sequences() -> None:
    module = nn.ModuleDict({"stem": nn.Sequential(LinearNorm(), nn.ReLU()), "stages": nn.Sequential(LinearNorm())})
    found = imported(Through(module), (3, 4))
    assert (
        "    - {Linear: {out_features: 4, bias: false}, name: linear}\n"
        '    - Rearrange: "n l d -> n d l"\n'
        "    - {BatchNorm1d: , name: bn}\n"
        '    - Rearrange: "n l d -> n d l"\n' in found.text
    )
    assert found.keeps_keys
    assert equal(Through(module), found, (3, 4))


class Padded(nn.Module):
    """A convolution of slices with something around it that is done with all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.conv = nn.Conv1d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        return self.conv(y.flatten(0, 1)).reshape_as(y) + x


def test_slices_in_modules_below_modules_are_each_in_a_block() -> None:
    module = Through(nn.ModuleDict({"stem": nn.Sequential(Padded(), nn.ReLU()), "stages": nn.Sequential(Padded())}))
    found = imported(module, (3, 2, 6))
    assert "    - each:\n        - {Conv1d: {out_channels: 2, kernel_size: 3, padding: 1}, name: conv}\n" in found.text
    assert found.blocks == 1
    assert equal(module, found, (3, 2, 6))


class Through(nn.Module):
    """Parts one after the other."""

    def __init__(self, parts: nn.ModuleDict) -> None:
        super().__init__()
        self.parts = parts

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts.values():
            x = part(x)
        return x


def test_slices_along_two_axes_are_each_of_each() -> None:
    module = Grid()
    found = imported(module, (2, 3, 2, 3))
    assert equal(module, found, (2, 3, 2, 3))


class Turned(nn.Module):
    """Attention along one axis of a grid, and then along the other."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.GRU(4, 4, batch_first=True)
        self.columns = nn.GRU(4, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        n, h, w, c = x.shape
        y = self.rows(x.reshape(n * h, w, c))[0].reshape(n, h, w, c)
        z = self.columns(y.transpose(1, 2).reshape(n * w, h, c))[0]
        return z.reshape(n, w, h, c).transpose(1, 2)


def test_recurrences_along_rows_and_columns_are_each() -> None:
    module = Turned()
    found = from_torch(module, torch.randn(2, 3, 5, 4))
    assert found.text.count("each:") == 2
