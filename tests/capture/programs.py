"""Programs of `torch.export` that tests write."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def saved(
    path: Path,
    module: nn.Module,
    *example: Tensor,
    dynamic: bool = False,
    decomposed: bool = False,
    table: Mapping[Any, Any] | None = None,
) -> Path:
    """A file with the program of a module, in the mode that it is in; `table` says how it is decomposed, if otherwise
    than torch does by itself."""
    batch = torch.export.Dim("batch")
    shapes = tuple({0: batch} for _ in example) if dynamic else None
    with warnings.catch_warnings():
        # Of recurrent layers, whose own lists of weights are no buffers; and of what torch 2.11 itself calls.
        warnings.simplefilter("ignore")
        program = torch.export.export(module, example, dynamic_shapes=shapes)
        if decomposed:
            program = program.run_decompositions(None if table is None else dict(table))
    torch.export.save(program, path)
    return path


def changed(source: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A file with another graph."""

    def edit(data: bytes) -> bytes:
        document = json.loads(data)
        change(document)
        return json.dumps(document).encode()

    return with_member(source, target, "models/model.json", edit)


def with_member(source: Path, target: Path, name: str, change: Callable[[bytes], bytes | None]) -> Path:
    """A file with another member; without it where nothing is left of it."""
    made = io.BytesIO()
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(made, "w") as after:
        for member in before.infolist():
            data: bytes | None = before.read(member)
            if member.filename.endswith(name):
                data = change(before.read(member))
            if data is not None:
                after.writestr(zipfile.ZipInfo(member.filename), data)
    target.write_bytes(made.getvalue())
    return target


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.embed = nn.Embedding(12, 6)
        self.rnn = kind(6, 5, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.rnn(self.embed(tokens))[0][:, -1])


class Encoder(nn.Module):
    """Positions that are learned, two encoder layers, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(12, 8)
        self.positions = nn.Parameter(torch.randn(1, 5, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        x = self.encoder(self.embed(tokens) + self.positions)
        return self.head(x.mean(1)), x[:, 0]


class Double(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv2(torch.relu(self.norm(self.conv1(x)))))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = Double(3, 4), Double(4, 8)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.last = Double(8, 4)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.down1(x)
        x = self.down2(nn.functional.max_pool2d(skip, 2))
        return self.head(self.last(torch.cat([skip, self.up(x)], 1)))


class TwoInputs(nn.Module):
    """A tied weight, a class token for each example, a buffer, and a change in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4, bias=False)
        self.second = nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight
        self.token = nn.Parameter(torch.randn(1, 1, 4))
        self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 1, 4))
        self.drop = nn.Dropout(0.3)

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        x = self.second(torch.relu(self.first(x * self.scale)))
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        x = self.drop(x.mean(1))
        x += gate
        return x.sigmoid()
