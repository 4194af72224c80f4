"""Which layers do not care where the batch is."""

from __future__ import annotations

from typing import Any, Final

from netspec.capture.lowering.forms import Form
from netspec.layers.base import Layer

_POINTWISE: Final = {
    "activation", "sigmoids", "smooth_units", "linear_units", "thresholds", "elementary",
}  # fmt: skip


def position_free(name: str, layer: Layer, form: Form, rank: int) -> bool:
    """Whether a layer does not care where the batch is."""
    home = type(layer).__module__.rpartition(".")[2]
    if name in ("Dropout", "Embedding", "Scale") or (home in _POINTWISE and name not in ("GLU", "PReLU")):
        return True
    if name == "Linear":
        return form.at != rank - 1
    if name in ("LayerNorm", "RMSNorm"):
        shape: Any = getattr(layer, "normalized_shape", None)
        axes = len(shape) if isinstance(shape, tuple) else 1  # pyright: ignore[reportUnknownArgumentType]  # sizes
        return form.at < rank - axes
    if name in ("Softmax", "LogSoftmax"):
        dim: Any = getattr(layer, "dim", None)
        return dim == -1 and form.at != rank - 1
    return False
