"""The modules of the layers that torch lacks. No class depends on another: the Python emitter copies their source."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Rearrange(nn.Module):
    """Renames axes by an einops-style pattern, the batch axis first: `"n (h a) (w b) c -> n h w (b a c)"`.

    A group on the left splits an axis, with at most one part whose size is not in `sizes`; a group on the right merges.
    A `1` on the left takes an axis of that size away, a `1` on the right adds one.
    """

    def __init__(self, pattern: str, sizes: dict[str, int] | None = None) -> None:
        super().__init__()
        self.pattern = pattern
        self.sizes = sizes or {}
        left, right = (self._groups(side) for side in pattern.split("->"))
        names = [name for group in left for name in group]
        self.order = tuple(names.index(name) for group in right for name in group)
        self.splits: list[tuple[int, list[int]]] = []  # axis and sizes of its parts, from the last axis to the first
        for axis, group in reversed(list(enumerate(left))):
            if len(group) != 1 or group[0] in self.sizes:
                self.splits.append((axis, [self.sizes.get(name, -1) for name in group]))
        self.merges: list[tuple[int, int]] = []  # first axis and number of each run, from the last to the first
        first = len(names)
        for group in reversed(right):
            first -= len(group)
            if len(group) != 1:
                self.merges.append((first, len(group)))

    @staticmethod
    def _groups(side: str) -> list[list[str]]:
        groups: list[list[str]] = []
        inside = False
        for word in side.replace("(", " ( ").replace(")", " ) ").split():
            if word in "()":
                inside = word == "("
                groups += [[]] if inside else []
            elif inside:
                groups[-1].append(word)
            else:
                groups.append([] if word == "1" else [word])
        return groups

    def forward(self, x: Tensor) -> Tensor:
        for axis, sizes in self.splits:
            x = x.reshape([*x.shape[:axis], *sizes, *x.shape[axis + 1 :]])
        x = x.permute(self.order)
        for first, count in self.merges:
            x = x.flatten(first, first + count - 1) if count else x.unsqueeze(first)
        return x

    def extra_repr(self) -> str:
        return f"{self.pattern!r}, sizes={self.sizes}" if self.sizes else repr(self.pattern)


class Chunk(nn.Module):
    """An axis in equal parts: `Chunk(2)` is `x.chunk(2, 1)`."""

    def __init__(self, chunks: int, dim: int = 1) -> None:
        super().__init__()
        self.chunks = chunks
        self.dim = dim

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return torch.chunk(x, self.chunks, self.dim)

    def extra_repr(self) -> str:
        return f"{self.chunks}, dim={self.dim}"


class Split(nn.Module):
    """An axis in parts of these sizes: `Split((64, 32))` is `x.split((64, 32), 1)`."""

    def __init__(self, sizes: tuple[int, ...], dim: int = 1) -> None:
        super().__init__()
        self.sizes = sizes
        self.dim = dim

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return torch.split_with_sizes(x, self.sizes, self.dim)

    def extra_repr(self) -> str:
        return f"{self.sizes}, dim={self.dim}"


class GaussianSample(nn.Module):
    """A sample of the Gaussian with this mean and this logarithm of its variance; in eval mode the mean."""

    def forward(self, mean: Tensor, logvar: Tensor) -> Tensor:
        return mean + torch.exp(logvar / 2) * torch.randn_like(mean) if self.training else mean


class SizedMaxUnpool1d(nn.MaxUnpool1d):
    """`nn.MaxUnpool1d` whose result has these spatial sizes."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> None:
        super().__init__(kernel_size, stride, padding)
        self.output_size = [output_size] * 1 if isinstance(output_size, int) else list(output_size)

    def forward(self, input: Tensor, indices: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(input, indices, output_size or self.output_size)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, output_size={self.output_size}"


class SizedMaxUnpool2d(nn.MaxUnpool2d):
    """`nn.MaxUnpool2d` whose result has these spatial sizes."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> None:
        super().__init__(kernel_size, stride, padding)
        self.output_size = [output_size] * 2 if isinstance(output_size, int) else list(output_size)

    def forward(self, input: Tensor, indices: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(input, indices, output_size or self.output_size)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, output_size={self.output_size}"


class SizedMaxUnpool3d(nn.MaxUnpool3d):
    """`nn.MaxUnpool3d` whose result has these spatial sizes."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> None:
        super().__init__(kernel_size, stride, padding)
        self.output_size = [output_size] * 3 if isinstance(output_size, int) else list(output_size)

    def forward(self, input: Tensor, indices: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(input, indices, output_size or self.output_size)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, output_size={self.output_size}"


class Select(nn.Module):
    """One slice along an axis, which disappears: `Select(1, 0)` is `x[:, 0]`."""

    def __init__(self, dim: int, index: int) -> None:
        super().__init__()
        self.dim = dim
        self.index = index

    def forward(self, x: Tensor) -> Tensor:
        return x.select(self.dim, self.index)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, index={self.index}"


class Slice(nn.Module):
    """Part of an axis: `Slice(1, 2, 8)` is `x[:, 2:8]`."""

    def __init__(self, dim: int, start: int | None = None, end: int | None = None, step: int = 1) -> None:
        super().__init__()
        self.dim = dim
        self.start = start
        self.end = end
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        index = [slice(None)] * x.ndim
        index[self.dim] = slice(self.start, self.end, self.step)
        return x[tuple(index)]

    def extra_repr(self) -> str:
        return f"dim={self.dim}, start={self.start}, end={self.end}, step={self.step}"


class LayerScale(nn.Module):
    """Multiplies by one learned factor per channel; `shape` broadcasts against the input, `(96, 1, 1)` for 96 maps."""

    def __init__(self, shape: tuple[int, ...], init_value: float = 1e-6) -> None:
        super().__init__()
        self.init_value = init_value
        self.weight = nn.Parameter(torch.empty(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.constant_(self.weight, self.init_value)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, init_value={self.init_value}"


class ClassToken(nn.Module):
    """Puts one learned vector before each sequence: (N, L, D) → (N, L + 1, D)."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, 1, embed_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.weight.expand(x.shape[0], -1, -1), x], dim=1)

    def extra_repr(self) -> str:
        return str(self.weight.shape[-1])


class PositionEmbedding(nn.Module):
    """Adds a learned vector to each position: (N, L, D) → (N, L, D)."""

    def __init__(self, length: int, embed_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, length, embed_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[2]}"


class Parameter(nn.Module):
    """A learned tensor, the same for every example, in the place of its input: it has a batch axis of 1."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, input: Tensor | None = None) -> Tensor:
        return self.weight.unsqueeze(0)

    def extra_repr(self) -> str:
        return str(tuple(self.weight.shape))


class Buffer(nn.Module):
    """A tensor of these numbers, the same for every example, in the place of its input: it has a batch axis of 1."""

    value: Tensor

    def __init__(self, value: Any, dtype: str = "float32", persistent: bool = True) -> None:
        super().__init__()
        self.register_buffer("value", torch.tensor(value, dtype=getattr(torch, dtype)), persistent)

    def forward(self, input: Tensor | None = None) -> Tensor:
        return self.value.unsqueeze(0)

    def extra_repr(self) -> str:
        return f"{tuple(self.value.shape)}, {self.value.dtype}"


class Scale(nn.Module):
    """Multiplies by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    def extra_repr(self) -> str:
        return str(self.factor)


class Sin(nn.Module):
    """The sine of each value."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sin()


class Cos(nn.Module):
    """The cosine of each value."""

    def forward(self, x: Tensor) -> Tensor:
        return x.cos()


class Exp(nn.Module):
    """The exponential of each value."""

    def forward(self, x: Tensor) -> Tensor:
        return x.exp()


class Log(nn.Module):
    """The natural logarithm of each value."""

    def forward(self, x: Tensor) -> Tensor:
        return x.log()


class Abs(nn.Module):
    """Each value without its sign."""

    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


class Clamp(nn.Module):
    """Each value, or the bound that it lies beyond."""

    def __init__(self, min: float | None = None, max: float | None = None) -> None:
        super().__init__()
        self.min = min
        self.max = max

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(self.min, self.max)

    def extra_repr(self) -> str:
        return f"min={self.min}, max={self.max}"


class Mean(nn.Module):
    """The mean along one axis or several."""

    def __init__(self, dim: int | tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.dim, self.keepdim)

    def extra_repr(self) -> str:
        return f"{self.dim}, keepdim={self.keepdim}"


class Sum(nn.Module):
    """The sum along one axis or several."""

    def __init__(self, dim: int | tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(self.dim, self.keepdim)

    def extra_repr(self) -> str:
        return f"{self.dim}, keepdim={self.keepdim}"


class Max(nn.Module):
    """The largest value along one axis or several; equal ones share the gradient."""

    def __init__(self, dim: int | tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(self.dim, self.keepdim)

    def extra_repr(self) -> str:
        return f"{self.dim}, keepdim={self.keepdim}"


class Min(nn.Module):
    """The smallest value along one axis or several; equal ones share the gradient."""

    def __init__(self, dim: int | tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.amin(self.dim, self.keepdim)

    def extra_repr(self) -> str:
        return f"{self.dim}, keepdim={self.keepdim}"


class Normalize(nn.Module):
    """Brings vectors along an axis to length 1."""

    def __init__(self, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> None:
        super().__init__()
        self.p = p
        self.dim = dim
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(x, self.p, self.dim, self.eps)

    def extra_repr(self) -> str:
        return f"p={self.p}, dim={self.dim}, eps={self.eps}"
