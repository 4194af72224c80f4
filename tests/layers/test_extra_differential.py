"""The layers of netspec's own against their modules on real tensors: generated arguments and shapes, legal or not.

`python -m tests.layers.test_extra_differential 5000` compares so many of each kind; the ordinary test run has a share.
What one function of torch's computes is compared by value too.

What torch accepts and netspec refuses on purpose is left out of the generators: `Select` on the batch axis, a shift of
a whole window, version 2 with a window of 1 (it divides by zero), groups that are no squares (with as many heads the
module takes the bias of one for that of another), integers where vectors belong, a norm of `p: 0` or less, bounds of a
`Clamp` in the wrong order, triangles of which the batch is one side. A slice that leaves nothing counts as refused.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.dims import Unmet
from netspec.layers import MODULE_OF, layer_class
from netspec.layers.base import TensorType, TorchCall
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
                "n c h w -> n 1 h w c 1", "n 1 h w -> n (w h)", "n 1 (a h) w -> n a 1 (w h)", "n c h 1 -> n 1 h c",
            ]
        )
    )  # fmt: skip
    stated = [name for name in "ab" if name in pattern]
    sizes = {name: draw(st.integers(1, 4)) for name in stated} | ({"h": draw(size)} if draw(st.booleans()) else {})
    shape = [draw(st.integers(1, 3)) * 2 * draw(st.sampled_from([1, 1, 3])) for _ in range(3)]
    for axis, written in enumerate(pattern.replace("(a h)", "a").split()[1:4]):
        if written == "1" and draw(st.integers(0, 3)):
            shape[axis] = 1
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


shapes = st.lists(size, min_size=1, max_size=3).map(tuple)
planes = st.lists(size, min_size=2, max_size=4).map(tuple)
number = st.sampled_from([-2.5, -1, 0, 0.125, 1, 3])
ends = st.none() | st.integers(-11, 11)


@st.composite
def slices(draw: st.DrawFn) -> Case:
    shape = draw(shapes)
    dim = draw(dims(shape))
    arguments = {"dim": dim, "start": draw(ends), "end": draw(ends), "step": draw(st.integers(1, 4))}
    return "Slice", arguments, shape


def dims(shape: tuple[int, ...]) -> st.SearchStrategy[int]:
    """Any axis behind the batch, and some that are none."""
    rank = len(shape)
    inside = st.integers(1, rank) | st.integers(-rank, -1)
    return inside | inside | st.sampled_from([rank + 1, -rank - 2])


@st.composite
def functions(draw: st.DrawFn) -> Case:
    name = draw(st.sampled_from(["Scale", "Sin", "Cos", "Exp", "Log", "Abs", "Clamp"]))
    arguments: dict[str, Any] = {}
    if name == "Scale":
        arguments = {"factor": draw(number)}
    elif name == "Clamp":
        low, high = sorted([draw(number), draw(number)])
        arguments = draw(st.sampled_from([{"min": low}, {"max": high}, {"min": low, "max": high}]))
    return name, arguments, draw(shapes)


@st.composite
def reductions(draw: st.DrawFn) -> Case:
    shape = draw(shapes)
    dim = draw(dims(shape) | st.lists(dims(shape), min_size=1, max_size=3).map(tuple))
    arguments = {"dim": dim, "keepdim": draw(st.booleans())}
    return draw(st.sampled_from(["Mean", "Sum", "Max", "Min"])), arguments, shape


@st.composite
def norms(draw: st.DrawFn) -> Case:
    shape = draw(shapes)
    p, eps = draw(st.sampled_from([0.5, 1, 2, 2.5, 3])), draw(st.sampled_from([0, 1e-12, 1.0]))
    return "Normalize", {"p": p, "dim": draw(dims(shape)), "eps": eps}, shape


@st.composite
def rolls(draw: st.DrawFn) -> Case:
    shape = draw(shapes)
    few = st.lists(dims(shape), min_size=1, max_size=3)
    dim = draw(dims(shape) | few.map(tuple))
    count = len(dim) if isinstance(dim, tuple) else 1
    amounts = st.lists(st.integers(-11, 11), min_size=count, max_size=count + (draw(st.integers(0, 9)) == 0))
    shifts = draw(amounts.map(tuple) if isinstance(dim, tuple) else amounts.map(lambda found: found[0]))
    return "Roll", {"shifts": shifts, "dims": dim}, shape


@st.composite
def index_selects(draw: st.DrawFn) -> Case:
    shape = draw(shapes)
    index = draw(st.lists(st.integers(0, 6), min_size=1, max_size=9).map(tuple))
    return "IndexSelect", {"dim": draw(dims(shape)), "index": index}, shape


@st.composite
def triangles(draw: st.DrawFn) -> Case:
    return draw(st.sampled_from(["Tril", "Triu"])), {"diagonal": draw(st.integers(-9, 9))}, draw(planes)


@st.composite
def relative_shifts(draw: st.DrawFn) -> Case:
    queries = draw(st.integers(1, 6))
    distances = draw(st.integers(queries, 12))
    heads = draw(st.lists(size, max_size=2))
    return "RelativeShift", {"is_causal": draw(st.booleans())}, (*heads, queries, distances)


def shifted(x: torch.Tensor, is_causal: bool) -> torch.Tensor:
    """What `RelativeShift` gives, place by place."""
    queries, distances = x.shape[-2:]
    keys = distances if is_causal else distances - queries + 1
    y = torch.zeros(*x.shape[:-1], keys)
    for i in range(queries):
        for j in range(min(keys, distances - queries + 1 + i)):
            y[..., i, j] = x[..., i, j - i + queries - 1]
    return y


@st.composite
def response_norms(draw: st.DrawFn) -> Case:
    shape = draw(st.lists(size, min_size=2, max_size=4))
    eps = draw(st.sampled_from([0.001, 1e-6, 1.0]))
    return "GRN", {"eps": eps, "channels_last": draw(st.booleans())}, tuple(shape)


@st.composite
def gumbels(draw: st.DrawFn) -> Case:
    shape = draw(shapes)
    tau = draw(st.sampled_from([0.1, 1.0, 5.0]))
    return "GumbelSoftmax", {"tau": tau, "hard": draw(st.booleans()), "dim": draw(dims(shape))}, shape


@st.composite
def noisy(draw: st.DrawFn) -> Case:
    arguments = {"out_features": draw(size), "bias": draw(st.booleans()), "std_init": draw(part)}
    return "NoisyLinear", arguments, draw(shapes)


VALUES: dict[str, Callable[..., torch.Tensor]] = {
    "Slice": lambda x, dim, start, end, step: x.movedim(dim, 0)[start:end:step].movedim(0, dim),
    "Scale": lambda x, factor: torch.mul(x, factor),
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Exp": torch.exp,
    "Log": torch.log,
    "Abs": torch.abs,
    "Clamp": torch.clamp,
    "Mean": torch.mean,
    "Sum": torch.sum,
    "Max": torch.amax,
    "Min": torch.amin,
    "Normalize": torch.nn.functional.normalize,
    "Roll": torch.roll,
    "IndexSelect": lambda x, dim, index: torch.index_select(x, dim, torch.tensor(index)),
    "Tril": torch.tril,
    "Triu": torch.triu,
    "RelativeShift": shifted,
}
"""The functions that layers are modules of."""


def judged(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that netspec gives, None where it refuses."""
    try:
        return layer_class(name).model_validate(arguments).output(TensorType(shape)).shape  # type: ignore[return-value]
    except Unmet:
        return None


def run(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> tuple[tuple[int, ...], int, int] | None:
    """Shape, parameters and FLOPs of one example that torch gives in train and eval mode; None where it refuses, or
    where nothing is left."""
    layer = layer_class(name).model_validate(arguments)
    x = torch.randn(2, *shape)
    try:
        if name in VALUES:  # which asks torch alone
            expected = VALUES[name](x, **arguments)
        home = "netspec.torch.moves" if MODULE_OF[name] == "moves" else "netspec.torch.extra"
        call = TorchCall(name, arguments, home) if name in VALUES else layer.call(TensorType(shape))
        module = constructor(call)(**call.arguments)
        for mode in (False, True):
            y = module.train(mode)(x)
        with counting_flops() as counter:
            module(torch.randn(1, *shape, requires_grad=True))
    except (RuntimeError, ValueError, AssertionError, IndexError, TypeError):
        return None
    if name in VALUES:
        assert torch.equal(y.nan_to_num(), expected.nan_to_num())
    if 0 in y.shape:
        return None
    return tuple(y.shape[1:]), sum(p.numel() for p in module.parameters()), counter.get_total_flops()


CASES = {
    "Select": select(), "Rearrange": rearrange(), "SelfAttention": self_attention(),
    "WindowAttention": window_attention(), "GridAttention": grid_attention(), "pointwise": pointwise(),
    "sequence": sequence(), "Slice": slices(), "functions": functions(), "reductions": reductions(),
    "Normalize": norms(), "Roll": rolls(), "IndexSelect": index_selects(),
    "triangles": triangles(), "RelativeShift": relative_shifts(),
    "GRN": response_norms(), "GumbelSoftmax": gumbels(), "NoisyLinear": noisy(),
}  # fmt: skip


def compared(cases: st.SearchStrategy[Case], count: int) -> Counter[bool]:
    """Compare so many cases. Returns how many torch accepted, and how many it refused."""
    seen: Counter[bool] = Counter()

    @settings(max_examples=count, deadline=None)
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
    return seen


@pytest.mark.parametrize("kind", CASES)
def test_netspec_and_the_module_agree_on_legality_shape_parameters_and_macs(kind: str) -> None:
    assert compared(CASES[kind], 200)[True] >= 20


if __name__ == "__main__":
    for kind, cases in CASES.items():
        seen = compared(cases, int(sys.argv[1]))
        print(f"{kind:16} {seen[True]:7} accepted {seen[False]:7} refused, no disagreement", flush=True)
