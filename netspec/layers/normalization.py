"""Batch normalisation: each channel is normalised to mean 0 and variance 1 over the batch."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Count, Positive, Real
from netspec.dims import Shape, product, warn
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.windows import RANKS

NEWER_BIAS = {"bias": "only the newest torch has it; `affine: false` leaves out weight and bias together"}


class BatchNormalization(Layer):
    """Base of the batch normalisations. `ranks` are the accepted ranks, batch excluded; `form` names the axes."""

    ranks: ClassVar[tuple[int, ...]]
    form: ClassVar[str]
    family = "normalization"
    over_batch = True
    centres = True
    width = "num_features"
    omitted = NEWER_BIAS

    num_features: Count | None = None
    eps: Positive = 1e-5
    momentum: Real | None = 0.1
    affine: bool = True
    track_running_stats: bool = True

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self._check_rank(x)
        self.check_width(x)
        warn(
            product(x.shape[1:]) > 1,
            lambda: (
                f"`{type(self).__name__}` cannot train on a batch of one example: {{given}}, "
                "so a channel has a single value, and its variance is 0"
            ),
            code="needs-batch-2",
            axis="every",
        )
        return x

    def _check_rank(self, x: TensorType) -> None:
        if len(x.shape) not in self.ranks:
            self.need_rank(x, self.ranks[0], self.form)

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (x.shape[0],), "bias": (x.shape[0],)} if self.affine else {}

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, statistics=2 * x.shape[0])

    def buffers(self, x: TensorType) -> dict[str, Shape]:
        if not self.track_running_stats:
            return {}
        return {"running_mean": (x.shape[0],), "running_var": (x.shape[0],), "num_batches_tracked": ()}


class BatchNorm1d(BatchNormalization):
    """(C) → (C) or (C, L) → (C, L): y = (x − mean) / √(variance + eps) · weight + bias, with the mean and variance of
    each channel over the batch and L.

    `BatchNorm1d` on 120 features gives 120 features. In eval mode the running averages stand in for the batch's.

    Parameters: 2 · C, none with `affine: false`. Buffers: 2 · C + 1, none with `track_running_stats: false`.
    """

    ranks = (1, 2)
    form = "(features) or 2 (channels, length)"
    examples = (Example({}, (120,), (120,)), Example({"affine": False}, (16, 98), (16, 98)))


class BatchNorm2d(BatchNormalization):
    """(C, H, W) → (C, H, W): y = (x − mean) / √(variance + eps) · weight + bias, with the mean and variance of each
    channel over the batch, H and W.

    `BatchNorm2d` on 64 × 56 × 56 gives 64 × 56 × 56. In eval mode the running averages stand in for the batch's.

    Parameters: 2 · C, none with `affine: false`. Buffers: 2 · C + 1, none with `track_running_stats: false`.
    """

    ranks = (3,)
    form = RANKS[2]
    examples = (
        Example({}, (64, 56, 56), (64, 56, 56)),
        Example({"num_features": 8, "momentum": None, "track_running_stats": False}, (8, 7, 7), (8, 7, 7)),
    )


class BatchNorm3d(BatchNormalization):
    """(C, D, H, W) → (C, D, H, W): y = (x − mean) / √(variance + eps) · weight + bias, with the mean and variance of
    each channel over the batch, D, H and W.

    `BatchNorm3d` on 64 × 16 × 28 × 28 gives 64 × 16 × 28 × 28.

    Parameters: 2 · C, none with `affine: false`. Buffers: 2 · C + 1, none with `track_running_stats: false`.
    """

    ranks = (4,)
    form = RANKS[3]
    examples = (Example({}, (8, 4, 7, 7), (8, 4, 7, 7)), Example({"affine": False}, (2, 1, 3, 3), (2, 1, 3, 3)))


class SyncBatchNorm(BatchNormalization):
    """(C, *) → (C, *): `BatchNorm` over the batches of all processes of a distributed run, over every axis but C.

    `SyncBatchNorm` on 64 × 56 × 56 gives 64 × 56 × 56. In a run of one process it is plain batch normalisation.

    Parameters: 2 · C, none with `affine: false`. Buffers: 2 · C + 1, none with `track_running_stats: false`.
    """

    omitted: ClassVar[dict[str, str]] = NEWER_BIAS | {"process_group": "all processes of the run take part"}
    examples = (Example({}, (64, 56, 56), (64, 56, 56)), Example({"momentum": 0.01}, (12,), (12,)))

    def _check_rank(self, x: TensorType) -> None:
        self.need_rank_from(x, 1, "(channels, …)")
