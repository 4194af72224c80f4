"""Families of small modules of which some members have one layer, or none, where others have several."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """A residual layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + F.relu(self.fc(self.norm(x)))


class Chain(nn.Module):
    """Blocks in a `Sequential`."""

    def __init__(self, count: int, width: int = 6) -> None:
        super().__init__()
        self.embed = nn.Linear(6, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.embed(x))


class Perceptron(nn.Module):
    """Layers in one `Sequential`, with dropout behind each or without."""

    def __init__(self, depth: int, hidden: int = 32, drop: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(depth):
            layers += [nn.Linear(hidden if i else 6, hidden), nn.ReLU(), *([nn.Dropout(drop)] if drop else [])]
        self.net = nn.Sequential(*layers, nn.Linear(hidden, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Listed(nn.Module):
    """Two lists of modules side by side, with a function between two rounds."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.fcs = nn.ModuleList(nn.Linear(6, 6) for _ in range(count))
        self.norms = nn.ModuleList(nn.LayerNorm(6) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        for fc, norm in zip(self.fcs, self.norms, strict=True):
            x = F.relu(norm(fc(x)))
        return x


class Followed(nn.Module):
    """Blocks in a list, with a function in front of each or behind it."""

    def __init__(self, count: int, *, is_in_front: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(6) for _ in range(count))
        self.is_in_front = is_in_front
        self.embed, self.head = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = block(torch.tanh(x)) if self.is_in_front else torch.tanh(block(x))
        return self.head(x)


class Added(nn.Module):
    """Layers in a list, to which their input is added outside of them."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 6)
        self.fcs = nn.ModuleList(nn.Linear(6, 6) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for fc in self.fcs:
            x = x + F.relu(fc(x))
        return x


class Ended(nn.Module):
    """Layers with a norm behind each but the last."""

    def __init__(self, layer_count: int) -> None:
        super().__init__()
        self.fcs = nn.ModuleList(nn.Linear(6, 6) for _ in range(layer_count))
        self.norms = nn.ModuleList(nn.LayerNorm(6) for _ in range(layer_count - 1))

    def forward(self, x: Tensor) -> Tensor:
        for i, fc in enumerate(self.fcs):
            x = fc(x)
            if i < len(self.norms):
                x = F.relu(self.norms[i](x))
        return x


class Nested(nn.Module):
    """A list of lists of blocks."""

    def __init__(self, *depths: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(nn.ModuleList(Block(6) for _ in range(depth)) for depth in depths)
        self.norms = nn.ModuleList(nn.LayerNorm(6) for _ in depths)

    def forward(self, x: Tensor) -> Tensor:
        for stage, norm in zip(self.stages, self.norms, strict=True):
            for block in stage.children():
                x = block(x)
            x = norm(x)
        return x


class Stage(nn.Module):
    """Lists of convolutions and norms, with functions between them."""

    def __init__(self, width: int, out: int, depth: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(out if i else width, out, 3, padding=1) for i in range(depth))
        self.norms = nn.ModuleList(nn.BatchNorm2d(out) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x)))
        return F.max_pool2d(x, 2)


class Stages(nn.Module):
    """So many of them."""

    def __init__(self, *depths: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(*(Stage(2 * 2**i if i else 3, 4 * 2**i, depth) for i, depth in enumerate(depths)))

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)


class Crossing(nn.Module):
    """A way down, and a way up that reads what the way down gave."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.inc = nn.Conv2d(3, 4, 3, padding=1)
        self.downs = nn.ModuleList(nn.Conv2d(4 * 2**i, 8 * 2**i, 2, 2) for i in range(depth))
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d((16 if i < depth - 1 else 8) * 2**i, 4 * 2**i, 2, 2) for i in reversed(range(depth))
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.inc(x)
        skips = [x]
        for down in self.downs:
            x = down(x)
            skips.append(x)
        skips.pop()
        for up in self.ups:
            x = torch.cat([skips.pop(), up(x)], 1)
        return x


class Attending(nn.Module):
    """A layer of a transformer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class Vision(nn.Module):
    """A vision transformer with parts that some have."""

    def __init__(
        self,
        embed_dim: int = 16,
        depth: int = 2,
        num_heads: int = 2,
        patch_size: int = 4,
        num_classes: int = 5,
        pre_norm: bool = False,
        cls_token: bool = False,
        rep: int = 0,
        head_bias: bool = True,
    ) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, embed_dim, patch_size, patch_size)
        self.token = nn.Parameter(torch.zeros(1, 1, embed_dim)) if cls_token else None
        self.norm_pre = nn.LayerNorm(embed_dim) if pre_norm else nn.Identity()
        self.blocks = nn.ModuleList(Attending(embed_dim, num_heads) for _ in range(depth))
        self.pre_logits = nn.Sequential(nn.Linear(embed_dim, rep), nn.Tanh()) if rep else nn.Identity()
        self.head = nn.Linear(rep or embed_dim, num_classes, bias=head_bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        if self.token is not None:
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        x = self.norm_pre(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.pre_logits(x.mean(1)))


class Translator(nn.Module):
    """Two stacks of blocks, a layer that is left out in one, and a head."""

    def __init__(self, into: int, out_of: int, path_drop: float = 0.0, width: int = 3) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*(Block(6) for _ in range(into)))
        self.bridge = nn.Linear(6, 6)
        self.decoder = nn.Sequential(*(Block(6) for _ in range(out_of)))
        self.drop_path = nn.Dropout(path_drop) if path_drop else nn.Identity()
        self.head = nn.Linear(6, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop_path(self.decoder(self.bridge(self.encoder(x)))))
