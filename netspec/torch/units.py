"""The modules of layers that compute: tables, norms, draws. No class depends on another: the Python emitter copies
their source."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class Sinusoids(nn.Module):
    """Sines and cosines of positions in the place of the input, the same for every example: it has a batch axis of 1.

    Frequencies fall from 1 by equal factors to base^(1/n - 1), with `endpoint` to 1 / base. A sine stands before its
    cosine, in the layout `half` all sines before all cosines.
    """

    value: Tensor

    def __init__(
        self,
        positions: Sequence[float],
        embed_dim: int,
        base: float = 10000.0,
        layout: str = "interleaved",
        endpoint: bool = False,
        persistent: bool = True,
    ) -> None:
        super().__init__()
        count = embed_dim // 2
        exponents = torch.arange(count, dtype=torch.float64) / (count - endpoint)
        angles = torch.outer(torch.tensor(positions, dtype=torch.float64), base**-exponents)
        pair = (angles.sin(), angles.cos())
        table = torch.stack(pair, -1).flatten(-2) if layout == "interleaved" else torch.cat(pair, -1)
        self.register_buffer("value", table.to(torch.float32), persistent)

    def forward(self, input: Tensor | None = None) -> Tensor:
        return self.value.unsqueeze(0)

    def extra_repr(self) -> str:
        return str(tuple(self.value.shape))


class RelativePositionBias(nn.Module):
    """A learned number for each head and each bucket of distances from query to key, (1, heads, L, S), in the place of
    the input and the same for every example.

    The first half of the buckets of a direction holds one distance each, the rest grow by equal factors up to
    max_distance. With `bidirectional` each direction has half of the buckets; else keys behind the query count as
    distance 0.
    """

    buckets: Tensor

    def __init__(
        self,
        num_heads: int,
        query_length: int,
        key_length: int | None = None,
        num_buckets: int = 32,
        max_distance: int = 128,
        bidirectional: bool = True,
    ) -> None:
        super().__init__()
        length = query_length if key_length is None else key_length
        ahead = torch.arange(length) - torch.arange(query_length).unsqueeze(1)
        count = num_buckets // 2 if bidirectional else num_buckets
        distance = ahead.abs() if bidirectional else (-ahead).clamp(min=0)
        exact = count // 2
        growth = torch.log(distance.clamp(min=exact) / exact) / math.log(max_distance / exact)
        far = (exact + (growth * (count - exact)).long()).clamp(max=count - 1)
        bucket = torch.where(distance < exact, distance, far)
        self.register_buffer("buckets", bucket + count * (ahead > 0) if bidirectional else bucket, persistent=False)
        self.weight = nn.Parameter(torch.empty(num_buckets, num_heads))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, input: Tensor | None = None) -> Tensor:
        return nn.functional.embedding(self.buckets, self.weight).permute(2, 0, 1).unsqueeze(0)

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, {tuple(self.buckets.shape)}"


class GRN(nn.Module):
    """Global response norm: what a channel amounts to over all places, against the mean of all channels."""

    def __init__(self, num_channels: int, eps: float = 1e-6, channels_last: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.channels_last = channels_last
        self.weight = nn.Parameter(torch.empty(num_channels))
        self.bias = nn.Parameter(torch.empty(num_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def norms(self, x: Tensor) -> Tensor:
        """The norm of each channel over all places."""
        places = list(range(1, x.ndim - 1) if self.channels_last else range(2, x.ndim))
        return torch.linalg.vector_norm(x, dim=places, keepdim=True)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # torch leaves types out

    def forward(self, x: Tensor) -> Tensor:
        channel = -1 if self.channels_last else 1
        shape = [1] * x.ndim
        shape[channel] = -1
        norms = self.norms(x)
        scale = norms / (norms.mean(channel, keepdim=True) + self.eps)
        return x + torch.addcmul(self.bias.view(shape), self.weight.view(shape), x * scale)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}, channels_last={self.channels_last}"


class GumbelSoftmax(nn.Module):
    """Classes drawn by their scores along an axis, softened by `tau`; in eval mode the softmax of the scores."""

    def __init__(self, tau: float = 1.0, hard: bool = False, dim: int = -1) -> None:
        super().__init__()
        self.tau = tau
        self.hard = hard
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return nn.functional.gumbel_softmax(x, self.tau, self.hard, dim=self.dim)
        soft = (x / self.tau).softmax(self.dim)
        if not self.hard:
            return soft
        chosen = torch.zeros_like(soft).scatter(self.dim, soft.argmax(self.dim, keepdim=True), 1.0)
        return chosen - soft.detach() + soft

    def extra_repr(self) -> str:
        return f"tau={self.tau}, hard={self.hard}, dim={self.dim}"


class NoisyLinear(nn.Module):
    """A linear layer whose weights are drawn in every step of training; in eval mode they are their means."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, std_init: float = 0.5) -> None:
        super().__init__()
        self.std_init = std_init
        self.weight_mu = nn.Parameter(torch.empty(out_features, in_features))
        self.weight_sigma = nn.Parameter(torch.empty(out_features, in_features))
        self.bias_mu = nn.Parameter(torch.empty(out_features)) if bias else None
        self.bias_sigma = nn.Parameter(torch.empty(out_features)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = self.weight_mu.shape[1] ** -0.5
        for mean in (self.weight_mu, self.bias_mu):
            if mean is not None:
                nn.init.uniform_(mean, -bound, bound)
        for deviation in (self.weight_sigma, self.bias_sigma):
            if deviation is not None:
                nn.init.constant_(deviation, self.std_init * bound)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return nn.functional.linear(x, self.weight_mu, self.bias_mu)
        out_features, in_features = self.weight_mu.shape
        drawn = torch.randn(in_features + out_features, device=x.device, dtype=self.weight_mu.dtype)
        columns, rows = torch.split_with_sizes(drawn.sign() * drawn.abs().sqrt(), (in_features, out_features))
        weight = self.weight_mu + self.weight_sigma * torch.outer(rows, columns)
        bias = None
        if self.bias_mu is not None and self.bias_sigma is not None:
            bias = self.bias_mu + self.bias_sigma * rows
        return nn.functional.linear(x, weight, bias)

    def extra_repr(self) -> str:
        return f"{self.weight_mu.shape[1]}, {self.weight_mu.shape[0]}, std_init={self.std_init}"


class WeightStandardization(nn.Module):
    """The parametrisation of a weight whose outputs each have mean 0 and variance 1; with `gain` each is multiplied by
    gain · gamma / √fan_in."""

    def __init__(self, weight: Tensor, eps: float = 1e-6, gain: bool = False, gamma: float = 1.0) -> None:
        super().__init__()
        self.eps = eps
        self.scale = gamma * weight[0].numel() ** -0.5
        shape = (weight.shape[0], *[1] * (weight.ndim - 1))
        self.gain = nn.Parameter(weight.new_ones(shape), weight.requires_grad) if gain else None

    def forward(self, weight: Tensor) -> Tensor:
        factors = None if self.gain is None else (self.gain * self.scale).flatten()
        outputs = weight.reshape(1, weight.shape[0], -1)
        y = nn.functional.batch_norm(outputs, None, None, factors, None, True, 0.0, self.eps)
        return y.reshape_as(weight)

    def extra_repr(self) -> str:
        return f"eps={self.eps}, gain={self.gain is not None}"


def weight_standardization(module: nn.Module, eps: float = 1e-6, gain: bool = False, gamma: float = 1.0) -> nn.Module:
    """Standardise the weight of a layer wherever it is used, as `weight_norm` of torch normalises it."""
    found = WeightStandardization(module.get_parameter("weight"), eps, gain, gamma)
    parametrize.register_parametrization(module, "weight", found)
    return module


class LogSumExp(nn.Module):
    """The logarithm of the sum of exponentials along one axis or several."""

    def __init__(self, dim: int | tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.logsumexp(self.dim, self.keepdim)

    def extra_repr(self) -> str:
        return f"{self.dim}, keepdim={self.keepdim}"


class Norm(nn.Module):
    """The p-norm along one axis or several."""

    def __init__(self, dim: int | tuple[int, ...], keepdim: bool = False, p: float = 2.0) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x, self.p, self.dim, self.keepdim)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # torch's

    def extra_repr(self) -> str:
        return f"{self.dim}, keepdim={self.keepdim}, p={self.p}"
