"""What layers of attention want of vectors, (…, embed_dim), and the parameters of the projections inside them."""

from __future__ import annotations

from netspec.dims import Shape, Size, need, same
from netspec.layers.base import Layer, TensorType

Parameters = dict[str, Shape]


def linear_parameters(prefix: str, inputs: Size, outputs: Size, bias: bool = True) -> Parameters:
    """The parameters of an `nn.Linear` inside a module."""
    weight: Parameters = {f"{prefix}.weight": (outputs, inputs)}
    return weight | {f"{prefix}.bias": (outputs,)} if bias else weight


def need_vectors(layer: Layer, x: TensorType, rank: int, axes: str) -> Size:
    """Require a float32 input of this rank, (…, embed_dim). Returns embed_dim, after checking it."""
    layer.need_rank(x, rank, axes)
    need(
        x.dtype == "float32",
        lambda: f"`{type(layer).__name__}` wants float32 vectors, but its input is {x.dtype}",
        code="wrong-dtype",
        help="an `Embedding` in front of it turns integers into vectors",
    )
    return layer.check_width(x)


def need_divisor(width: Size, by: int, name: str) -> None:
    """Require that `by`, the value of the argument `name`, divides the width of the vectors."""
    need(
        same(width % by, 0),
        lambda: f"`{name}: {by}` does not divide the vectors: {{given}}, and {width} % {by} is {width % by}",
        at=name,
        axis=-1,
    )
