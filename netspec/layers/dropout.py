"""Dropout: values are set to zero at random in train mode; in eval mode the layer is the identity."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Probability
from netspec.dims import product
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.windows import RANKS


class Dropping(Layer):
    """Base of the dropouts. `axes` is the number of spatial axes; None if any shape is accepted."""

    axes: ClassVar[int | None] = None
    family = "dropout"
    keeps_values = True
    scalar = "p"

    p: Probability = 0.5
    inplace: bool = False

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        if self.axes is not None:
            self.need_rank(x, self.axes + 1, RANKS[self.axes])
        return x

    def saved(self, x: TensorType) -> Saved:
        if not 0 < self.p < 1:
            return Saved()
        return Saved(mask=product(x.shape) if self.axes is None else x.shape[0])

    def spreads(self) -> float:
        return 1 / (1 - self.p) if self.p < 1 else 1.0

    def shares(self, x: TensorType) -> bool:
        return self.inplace or self.p == 0


class Dropout(Dropping):
    """(*) → (*): each value is zeroed with probability p while training, the others are scaled by 1 / (1 − p).

    `Dropout: 0.5` on 4096 features gives 4096 features, about half of them zero.
    """

    examples = (Example({}, (4096,), (4096,)), Example({"p": 0.1, "inplace": True}, (3, 8, 8), (3, 8, 8)))


class Dropout1d(Dropping):
    """(C, L) → (C, L): each channel is zeroed as a whole with probability p while training, the others are scaled by
    1 / (1 − p).

    `Dropout1d: 0.2` on 16 × 98 zeroes about 3 of the 16 channels.
    """

    axes = 1
    examples = (Example({"p": 0.2}, (16, 98), (16, 98)), Example({"inplace": True}, (4, 1), (4, 1)))


class Dropout2d(Dropping):
    """(C, H, W) → (C, H, W): each channel is zeroed as a whole with probability p while training, the others are
    scaled by 1 / (1 − p).

    `Dropout2d: 0.2` on 64 × 28 × 28 zeroes about 13 of the 64 maps. Neighbouring pixels are alike, so that zeroing
    single ones hides little.
    """

    axes = 2
    examples = (Example({"p": 0.2}, (64, 28, 28), (64, 28, 28)), Example({"inplace": True}, (4, 1, 1), (4, 1, 1)))


class Dropout3d(Dropping):
    """(C, D, H, W) → (C, D, H, W): each channel is zeroed as a whole with probability p while training, the others are
    scaled by 1 / (1 − p).

    `Dropout3d: 0.2` on 16 × 4 × 14 × 14 zeroes about 3 of the 16 volumes.
    """

    axes = 3
    examples = (
        Example({"p": 0.2}, (16, 4, 14, 14), (16, 4, 14, 14)),
        Example({"inplace": True}, (4, 1, 1, 1), (4, 1, 1, 1)),
    )
