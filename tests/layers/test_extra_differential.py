"""The layers of netspec's own against their modules on real tensors: generated arguments and shapes, legal or not.

What torch accepts and netspec refuses on purpose is left out of the generators: `Select` on the batch axis, a shift of
a whole window, version 2 with a window of 1 (it divides by zero), groups that are no squares (with as many heads the
module takes the bias of one for that of another), integers where vectors belong.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.dims import Unmet
from netspec.layers import layer_class
from netspec.layers.base import TensorType
from netspec.torch.build import constructor
from tests.layers.oracle import counting_flops

Case = tuple[str, dict[str, Any], tuple[int, ...]]

size = st.integers(1, 9)
width = st.sampled_from([4, 6, 8, 12])
heads = st.sampled_from([1, 2, 2, 2, 4, 4, 3, 5])
part = st.sampled_from([0.0, 0.3, 1.0])


@st.composite
def select(draw: st.DrawFn) -> Case:
    shape = draw(st.lists(size, min_size=1, max_size=3))
    dim = draw(st.integers(1, len(shape) + 1) | st.integers(-len(shape) - 2, -1).filter(lambda d: d != -len(shape) - 1))
    return "Select", {"dim": dim, "index": draw(st.integers(-6, 6))}, tuple(shape)


@st.composite
def rearrange(draw: st.DrawFn) -> Case:
    pattern = draw(
        st.sampled_from(
            [
                "n c h w -> n h w c", "n c h w -> n (h w) c", "n c (h a) (w b) -> n (h w) (a b) c",
                "n (a h) (b w) c -> n h w (b a c)", "n (a b) h w -> n a (b h) w", "n c h w -> n (c h w)",
            ]
        )
    )  # fmt: skip
    stated = [name for name in "ab" if name in pattern]
    sizes = {name: draw(st.integers(1, 4)) for name in stated} | ({"h": draw(size)} if draw(st.booleans()) else {})
    shape = [draw(st.integers(1, 3)) * 2 * draw(st.sampled_from([1, 1, 3])) for _ in range(3)]
    if draw(st.integers(0, 9)) == 0:
        shape.append(2)
    return "Rearrange", {"pattern": pattern, "sizes": sizes or None}, tuple(shape)


@st.composite
def self_attention(draw: st.DrawFn) -> Case:
    arguments = {"num_heads": draw(heads), "dropout": draw(part), "bias": draw(st.booleans())}
    return "SelfAttention", arguments, (draw(size), draw(width))


@st.composite
def window_attention(draw: st.DrawFn) -> Case:
    version = draw(st.sampled_from([1, 2]))
    window = tuple(draw(st.integers(version, 5)) for _ in range(2))
    arguments = {
        "num_heads": draw(heads), "window_size": window,
        "shift_size": tuple(draw(st.integers(0, w - 1)) for w in window),
        "qkv_bias": draw(st.booleans()), "proj_bias": draw(st.booleans()), "attention_dropout": draw(part),
        "dropout": draw(part), "version": version,
    }  # fmt: skip
    return "WindowAttention", arguments, (draw(size), draw(size), draw(width))


@st.composite
def grid_attention(draw: st.DrawFn) -> Case:
    # at least 2: einsum multiplies an axis of size 1 without a product of matrices, and the counter misses it
    positions = draw(st.sampled_from([4, 9, 16]))
    return "GridAttention", {"head_dim": draw(heads.filter(lambda h: h > 1))}, (draw(size), positions, draw(width))


@st.composite
def pointwise(draw: st.DrawFn) -> Case:
    shape = tuple(draw(st.lists(size, min_size=1, max_size=3)))
    if draw(st.booleans()):
        return "StochasticDepth", {"p": draw(part), "mode": draw(st.sampled_from(["row", "batch"]))}, shape
    dim = draw(st.integers(1, len(shape)) | st.integers(-len(shape), -1))
    return "LayerScale", {"init_value": draw(part), "dim": dim}, shape


@st.composite
def sequence(draw: st.DrawFn) -> Case:
    return draw(st.sampled_from(["ClassToken", "PositionEmbedding"])), {}, (draw(size), draw(size))


def judged(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that netspec gives, None where it refuses."""
    try:
        return layer_class(name).model_validate(arguments).output(TensorType(shape)).shape  # type: ignore[return-value]
    except Unmet:
        return None


def run(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> tuple[tuple[int, ...], int, int] | None:
    """Shape, parameters and FLOPs of one example that torch gives in train and eval mode; None where it refuses."""
    layer = layer_class(name).model_validate(arguments)
    try:
        call = layer.call(TensorType(shape))
        module = constructor(call)(**call.arguments)
        for mode in (False, True):
            y = module.train(mode)(torch.randn(2, *shape))
        with counting_flops() as counter:
            module(torch.randn(1, *shape, requires_grad=True))
    except (RuntimeError, ValueError, AssertionError, IndexError, TypeError):
        return None
    return tuple(y.shape[1:]), sum(p.numel() for p in module.parameters()), counter.get_total_flops()


@pytest.mark.parametrize(
    "cases", [select(), rearrange(), self_attention(), window_attention(), grid_attention(), pointwise(), sequence()],
    ids=["Select", "Rearrange", "SelfAttention", "WindowAttention", "GridAttention", "pointwise", "sequence"],
)  # fmt: skip
def test_netspec_and_the_module_agree_on_legality_shape_parameters_and_macs(cases: st.SearchStrategy[Case]) -> None:
    seen: dict[bool, int] = {True: 0, False: 0}

    @settings(max_examples=200, deadline=None)
    @given(cases)
    def agree(case: Case) -> None:
        name, arguments, shape = case
        expected = run(*case)
        seen[expected is not None] += 1
        assert judged(*case) == (expected and expected[0])
        if expected is not None:
            layer, x = layer_class(name).model_validate(arguments), TensorType(shape)
            assert (layer.params(x), 2 * layer.macs(x)) == expected[1:]

    agree()
    assert seen[True] >= 20
