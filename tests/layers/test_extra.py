"""The layers that torch.nn lacks: their rules against their modules on real tensors, and their messages."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import netspec
from netspec.dims import UNKNOWN, Findings, Unmet, collecting
from netspec.expressions import parse
from netspec.layers import MODULE_OF, layer_class
from netspec.layers.base import Example, Layer, TensorType
from netspec.table import summary
from netspec.torch.measured import first, further
from tests.layers.generator import LAYERS
from tests.layers.oracle import construct, counting_flops
from tests.layers.oracle import example as batch

NAMES = [name for name in MODULE_OF if name not in LAYERS]
EXAMPLES = [pytest.param(name, e, id=f"{name}-{i}") for name in NAMES for i, e in enumerate(layer_class(name).examples)]


def made(name: str, **arguments: Any) -> Layer:
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()}
    return layer_class(name).model_validate(tuples)


def module_of(layer: Layer, *shape: int) -> torch.nn.Module:
    return construct(layer.call(TensorType(shape)))


def problem(name: str, shape: tuple[Any, ...], dtype: Any = "float32", **arguments: Any) -> str:
    """The message of the requirement that this layer does not meet."""
    with pytest.raises(Unmet) as caught:
        made(name, **arguments).output(TensorType(shape, dtype))
    return caught.value.problem.message


def mistake(name: str, **arguments: Any) -> str:
    """The message of the argument that this layer refuses, whatever its input."""
    with pytest.raises(ValidationError) as caught:
        made(name, **arguments)
    return caught.value.errors()[0]["ctx"]["text"]


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_every_example_holds_on_real_tensors_in_train_and_eval_mode(name: str, example: Example) -> None:
    layer = made(name, **example.arguments)
    others = example.further
    y, *_ = layer.results(TensorType(example.input, example.dtype), others)
    dtype = example.gives_dtype or example.dtype
    assert y == (example.output, dtype)
    module = module_of(layer, *example.input)
    for mode in (True, False):
        result = first(module.train(mode)(batch(example.input, example.dtype), *further(example.further)))
        assert result.shape == (1 if layer.source else 2, *example.output)
        assert str(result.dtype) == f"torch.{dtype}"


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_parameters_and_buffers_are_the_modules_own_in_order(name: str, example: Example) -> None:
    layer, x = made(name, **example.arguments), TensorType(example.input)
    module = module_of(layer, *example.input)
    assert list(layer.parameters(x).items()) == [(k, tuple(p.shape)) for k, p in module.named_parameters()]
    saved = [(k, tuple(b.shape)) for k, b in module.named_buffers() if k in module.state_dict()]
    assert list(layer.buffers(x).items()) == saved


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_macs_are_half_the_flops_that_torch_counts_for_one_example(name: str, example: Example) -> None:
    layer = made(name, **example.arguments)
    module = module_of(layer, *example.input)
    with counting_flops() as counter:
        module(
            torch.randn(1, *example.input, requires_grad=True),
            *(other[:1] for other in further(example.further)),
        )
    x = TensorType(example.input)
    others = example.further
    assert 2 * (layer.macs_of_all(x, others) if others else layer.macs(x)) == counter.get_total_flops()


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_is_silent_about_sizes_that_are_unknown(name: str) -> None:
    example = layer_class(name).examples[0]
    layer = made(name, **example.arguments)
    x, *others = (
        TensorType((UNKNOWN,) * len(type_.shape), type_.dtype)
        for type_ in (TensorType(example.input, example.dtype), *(types[0] for types in example.further.values()))
    )
    given = {key: (type_,) for key, type_ in zip(example.others, others, strict=True)}
    with collecting(Findings()) as findings:
        y = layer.results(x, given)[0]
    assert len(y.shape) == len(example.output)
    assert not findings.problems


# ---- Rearrange


@st.composite
def rearrangements(draw: st.DrawFn) -> tuple[str, dict[str, int], set[str], tuple[int, ...]]:
    """A pattern, the sizes of its names, those to leave open, and a shape that fits."""
    names = list("abcdef")[: draw(st.integers(1, 6))]
    sizes = {name: draw(st.integers(1, 4)) for name in names}

    def grouped(order: list[str]) -> list[list[str]]:
        groups: list[list[str]] = []
        for name in order:
            if groups and draw(st.booleans()):
                groups[-1].append(name)
            else:
                groups.append([name])
        return groups

    def text(groups: list[list[str]]) -> str:
        return " ".join(g[0] if len(g) == 1 else f"({' '.join(g)})" if g else "1" for g in groups)

    def with_ones(groups: list[list[str]]) -> list[list[str]]:
        for place in draw(st.lists(st.integers(0, 6), max_size=2)):
            groups.insert(place, [])
        return groups

    left, right = with_ones(grouped(names)), with_ones(grouped(draw(st.permutations(names))))
    open_names = {draw(st.sampled_from(group)) for group in left if group}
    shape = tuple(torch.Size([sizes[n] for n in group]).numel() for group in left)
    return f"n {text(left)} -> n {text(right)}", sizes, open_names, shape


@settings(max_examples=60, deadline=None)
@given(rearrangements())
def test_rearrange_gives_the_shape_it_says_and_the_reverse_pattern_undoes_it(
    case: tuple[str, dict[str, int], set[str], tuple[int, ...]],
) -> None:
    pattern, sizes, open_names, shape = case
    stated = {name: size for name, size in sizes.items() if name not in open_names}
    layer = made("Rearrange", pattern=pattern, sizes=stated)
    x = torch.arange(2 * torch.Size(shape).numel()).reshape(2, *shape)
    y = module_of(layer, *shape)(x)
    assert layer.output(TensorType(shape, "int64")) == ((*y.shape[1:],), "int64")
    left, right = pattern.split(" -> ")
    back = made("Rearrange", pattern=f"{right} -> {left}", sizes=sizes)
    assert torch.equal(module_of(back, *y.shape[1:])(y), x)


def test_rearrange_moves_the_elements_where_the_pattern_says() -> None:
    x = torch.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    patches = made("Rearrange", pattern="n (h a) (w b) c -> n h w (b a c)", sizes={"a": 2, "b": 2})
    quarters = [x[:, a::2, b::2] for b in (0, 1) for a in (0, 1)]
    assert torch.equal(module_of(patches, 4, 6, 3)(x), torch.cat(quarters, dim=-1))


def test_a_one_in_a_pattern_adds_an_axis_or_takes_one_away() -> None:
    x = torch.randn(2, 3, 1, 4)
    moved = made("Rearrange", pattern="n c 1 w -> n 1 (w c) 1")
    assert moved.output(TensorType((3, 1, 4))).shape == (1, 12, 1)
    assert torch.equal(module_of(moved, 3, 1, 4)(x), x[:, :, 0].transpose(1, 2).reshape(2, 1, 12, 1))
    assert "`n c 1 w -> n 1 (w c) 1` wants 1, but {given}" in problem(
        "Rearrange", (3, 2, 4), pattern="n c 1 w -> n 1 (w c) 1"
    )


def test_the_ones_of_a_pattern_make_a_view() -> None:
    x = torch.randn(2, 3, 1)
    y = module_of(made("Rearrange", pattern="n c 1 -> n 1 1 c"), 3, 1)(x)
    assert y.data_ptr() == x.data_ptr()
    assert made("Rearrange", pattern="n c 1 -> n 1 1 c").shares(TensorType((3, 1)))


@pytest.mark.parametrize("order", list(permutations("chw")))
def test_rearrange_without_groups_is_a_view_as_permute_gives(order: tuple[str, ...]) -> None:
    x = torch.randn(1, 3, 4, 5)
    y = module_of(made("Rearrange", pattern=f"n c h w -> n {' '.join(order)}"), 3, 4, 5)(x)
    same = x.permute(0, *("chw".index(name) + 1 for name in order))
    assert y.stride() == same.stride()
    assert torch.equal(y, same)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("n c h w", "one `->`"),
        ("n c h w -> n h w", "`c` on one side only; the right of `->` lacks it"),
        ("n c h -> n c h x", "`x` on one side only; the left of `->` lacks it"),
        ("n c c -> n c", "`c` twice on the left"),
        ("c n -> n c", "the batch axis first and alone"),
        ("(n c) h -> (n c) h", "the batch axis first and alone"),
        ("n (c h -> n c h", "opens a parenthesis that it does not close"),
        ("n c) -> n c", "closes what was not opened"),
        ("n () c -> n c", "empty pair of parentheses"),
        ("n ((c)) -> n c", "parenthesis within a parenthesis"),
        ("n c 2 -> n c", "names for axes, or 1, not `2`"),
        ("n c -> n (1 c)", "`1` within a parenthesis, where it changes nothing"),
        ("1 c -> 1 c", "the batch axis first and alone"),
    ],
)
def test_a_pattern_that_says_nothing_sensible_is_refused(pattern: str, words: str) -> None:
    assert words in mistake("Rearrange", pattern=pattern)


def test_the_sizes_of_a_rearrange_belong_to_its_pattern_and_settle_it() -> None:
    assert "for `x`, which" in mistake("Rearrange", pattern="n c -> n c", sizes={"x": 2})
    assert "cannot tell the sizes of both `h` and `a`" in problem("Rearrange", (6,), pattern="n (h a) -> n h a")
    assert "does not divide the axis: {given}, and 7 % 2 is 1" in problem(
        "Rearrange", (7,), pattern="n (h a) -> n h a", sizes={"a": 2}
    )
    assert "wants h = 3 × a = 2, but {given}" in problem(
        "Rearrange", (7,), pattern="n (h a) -> n h a", sizes={"h": 3, "a": 2}
    )
    assert "names 3 axes behind the batch, but {given}, which has 2" in problem(
        "Rearrange", (4, 4), pattern="n c h w -> n h w c"
    )


# ---- the others


def test_select_refuses_the_batch_axis_and_what_lies_outside() -> None:
    assert "`dim: 0` is none of the axes behind the batch" in problem("Select", (5, 3), dim=0, index=0)
    assert "so dim is from 1 to 2" in problem("Select", (5, 3), dim=3, index=0)
    assert "`index: 5` lies outside the axis" in problem("Select", (5, 3), dim=1, index=5)
    assert "`index: -6` lies outside the axis" in problem("Select", (5, 3), dim=1, index=-6)


def test_layer_scale_refuses_a_dim_that_is_no_axis() -> None:
    assert "`dim: 0` is none of the axes" in problem("LayerScale", (5, 3), dim=0)


def test_stochastic_depth_drops_whole_examples_and_scales_the_rest() -> None:
    module = module_of(made("StochasticDepth", p=0.5), 4)
    torch.manual_seed(0)
    rows = module(torch.ones(64, 4))
    assert {tuple(row.tolist()) for row in rows} == {(0.0,) * 4, (2.0,) * 4}
    assert torch.equal(module.eval()(torch.ones(8, 4)), torch.ones(8, 4))


def test_the_class_token_stands_first_and_begins_as_zeros() -> None:
    y = module_of(made("ClassToken"), 3, 2)(torch.ones(5, 3, 2))
    assert torch.equal(y[:, 0], torch.zeros(5, 2))
    assert torch.equal(y[:, 1:], torch.ones(5, 3, 2))


@pytest.mark.parametrize("name", ["SelfAttention", "WindowAttention", "GridAttention"])
def test_attention_refuses_heads_that_do_not_divide_the_vectors(name: str) -> None:
    shape = {"SelfAttention": (5, 12), "WindowAttention": (4, 4, 12), "GridAttention": (3, 4, 12)}[name]
    heads = {"head_dim" if name == "GridAttention" else "num_heads": 5}
    window = {"window_size": 2} if name == "WindowAttention" else {}
    assert "does not divide the vectors: {given}, and 12 % 5 is 2" in problem(name, shape, **heads, **window)


def test_attention_wants_vectors_of_floats() -> None:
    assert "wants float32 vectors, but its input is int64" in problem("SelfAttention", (5, 12), "int64", num_heads=2)
    assert "wants 2 axes (length, embed_dim)" in problem("SelfAttention", (4, 5, 12), num_heads=2)


def test_self_attention_equals_multihead_attention_on_itself() -> None:
    layer = module_of(made("SelfAttention", num_heads=2), 5, 8).eval()
    torch_own = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    torch_own.load_state_dict(layer.state_dict())
    x = torch.randn(3, 5, 8)
    assert torch.equal(layer(x), torch_own(x, x, x, need_weights=False)[0])


def test_window_attention_refuses_a_shift_of_a_window_and_a_window_of_one_in_version_2() -> None:
    assert "`shift_size: 7` moves a window of 7" in problem(
        "WindowAttention", (14, 14, 8), num_heads=2, window_size=7, shift_size=7
    )
    assert "no window may be 1 wide" in problem(
        "WindowAttention", (14, 14, 8), num_heads=2, window_size=[7, 1], version=2
    )


def test_grid_attention_wants_square_groups() -> None:
    assert "6 is no square number" in problem("GridAttention", (3, 6, 8), head_dim=4)


# ---- slices, functions, reductions


@pytest.mark.parametrize(
    ("size", "ends", "expected", "derived"),
    [
        (10, {"start": 2, "end": 7}, 5, "7 − 2"),
        (10, {"end": 7}, 7, None),
        (10, {"start": -3}, 3, "10 − 7"),
        (10, {"end": -3}, 7, None),
        (10, {"start": -99, "end": 99}, 10, None),
        (10, {"step": 3}, 4, "⌈(10 − 0) / 3⌉"),
        (10, {"start": 1, "end": -1, "step": 2}, 4, "⌈(9 − 1) / 2⌉"),
    ],
)
def test_a_slice_is_pythons_slice(size: int, ends: dict[str, int], expected: int, derived: str | None) -> None:
    layer = made("Slice", dim=1, **ends)
    x = TensorType((size, 2))
    assert layer.output(x).shape == (expected, 2)
    assert len(range(size)[slice(ends.get("start"), ends.get("end"), ends.get("step"))]) == expected
    assert (layer.derivation(x, 0), layer.derivation(x, 1)) == (derived, None)


@pytest.mark.parametrize(
    ("ends", "written"),
    [({"start": 5}, "start: 5"), ({"end": 0}, "end: 0"), ({"start": 3, "end": -2}, "start: 3, end: -2")],
)
def test_a_slice_that_leaves_nothing_is_refused(ends: dict[str, int], written: str) -> None:
    assert f"`{written}` leaves nothing of the axis: {{given}}" in problem("Slice", (5, 2), dim=1, **ends)
    assert "an integer of at least 1" in mistake_of_kind("Slice", dim=1, step=-1)


def mistake_of_kind(name: str, **arguments: Any) -> str:
    """What the first refused argument of this layer wants."""
    with pytest.raises(ValidationError) as caught:
        made(name, **arguments)
    return caught.value.errors()[0]["ctx"]["wish"]


@pytest.mark.parametrize(
    ("ends", "size", "needs"),
    [
        ("start: 4", "H - 4", "H >= 5"),
        ("start: 1, end: -1", "H - 2", "H >= 3"),
        ("start: -3", "min(H, 3)", ""),
        ("end: 8", "min(H, 8)", ""),
        ("end: 8, step: 2", "(min(H, 8) + 1)//2", ""),
    ],
)
def test_a_slice_of_a_symbol_is_a_formula_and_asks_for_what_it_needs(ends: str, size: str, needs: str) -> None:
    text = f"input: [H, 3]\nlayers:\n  - Slice: {{dim: 1, {ends}}}\n"
    net = netspec.loads(text)
    assert str(net.output_shape[0]) == size
    assert needs in summary(net)
    for height in (5, 9):
        named = {n: int(v) for n, v in (pair.split(": ") for pair in ends.split(", "))}
        cut = range(height)[slice(named.get("start"), named.get("end"), named.get("step"))]
        assert netspec.loads(text, set={"H": height}).output_shape == (len(cut), 3)


@pytest.mark.parametrize("name", ["Mean", "Sum", "Max", "Min", "Normalize", "Slice"])
def test_no_layer_works_across_the_batch(name: str) -> None:
    for dim in (0, -3):
        assert f"`dim: {dim}` is the batch axis" in problem(name, (5, 3), dim=dim)
    assert "`dim: 3` is outside the input: {given}" in problem(name, (5, 3), dim=3)


@pytest.mark.parametrize("name", ["Mean", "Sum", "Max", "Min"])
def test_a_reduction_names_an_axis_once(name: str) -> None:
    assert "`dim` names one axis twice, as 1 and -2: {given}" in problem(name, (5, 3), dim=[1, -2])
    with pytest.raises(ValidationError, match="dim"):
        made(name)


@pytest.mark.parametrize("name", ["Scale", "Sin", "Cos", "Exp", "Log", "Abs", "Mean", "Norm", "Normalize"])
def test_functions_and_reductions_compute_with_floats(name: str) -> None:
    example = layer_class(name).examples[0]
    assert "computes with float32 values, but its input is int64" in problem(
        name, example.input, "int64", **example.arguments
    )


def test_a_clamp_has_a_bound_and_its_bounds_are_in_order() -> None:
    assert mistake("Clamp") == "wants `min`, `max` or both"
    assert mistake("Clamp", min=2, max=1) == "`min: 2` must be at most `max: 1`"


@pytest.mark.parametrize(("name", "function"), [("Sum", torch.sum), ("Max", torch.amax), ("Min", torch.amin)])
def test_whole_numbers_are_reduced_to_whole_numbers(name: str, function: Any) -> None:
    numbers = torch.randint(-9, 9, (3, 5, 4))
    for dim in (1, -1):
        found = module_of(made(name, dim=dim), 5, 4)(numbers)
        assert found.dtype == torch.int64 and torch.equal(found, function(numbers, dim))
    truths = numbers > 0
    if name == "Sum":  # how many are true
        assert torch.equal(module_of(made(name, dim=1), 5, 4)(truths), truths.sum(1))
    else:
        assert "but its input is bool" in problem(name, (5,), "bool", dim=1)


def test_a_clamp_of_whole_numbers_has_whole_bounds() -> None:
    assert "`max: 2.5` is no whole number" in problem("Clamp", (4,), "int64", min=0, max=2.5)
    assert "but its input is bool" in problem("Clamp", (4,), "bool", min=0)
    numbers = torch.tensor([[-3, 0, 1, 9]])
    assert torch.equal(module_of(made("Clamp", min=0, max=4), 4)(numbers), torch.tensor([[0, 0, 1, 4]]))


def test_functions_are_torchs_own() -> None:
    x = torch.randn(3, 4, 5)
    y = x.abs() + 0.1
    for name, arguments, value, expected in [
        ("Scale", {"factor": 0.125}, x, 0.125 * x),
        ("Sin", {}, x, torch.sin(x)),
        ("Cos", {}, x, torch.cos(x)),
        ("Exp", {}, x, torch.exp(x)),
        ("Log", {}, y, torch.log(y)),
        ("Abs", {}, x, torch.abs(x)),
        ("Clamp", {"min": -0.5, "max": 0.5}, x, torch.clamp(x, -0.5, 0.5)),
        ("Mean", {"dim": [1, 2]}, x, torch.mean(x, (1, 2))),
        ("Sum", {"dim": -1, "keepdim": True}, x, torch.sum(x, -1, keepdim=True)),
        ("Max", {"dim": 1}, x, torch.max(x, 1).values),
        ("Min", {"dim": 2}, x, torch.min(x, 2).values),
        ("Normalize", {"p": 1, "dim": -1}, x, torch.nn.functional.normalize(x, 1, -1)),
        ("Slice", {"dim": 2, "start": 1, "end": -1, "step": 2}, x, x[:, :, 1:-1:2]),
    ]:
        assert torch.equal(module_of(made(name, **arguments), 4, 5)(value), expected), name


@pytest.mark.parametrize("chunks", range(1, 6))
def test_a_chunk_of_a_symbol_is_torchs_for_every_size(chunks: int) -> None:
    """The formulas give torch's parts where their requirement holds, and it holds where torch makes so many."""
    spec = f"input: [T, 3]\nlayers: [{{Chunk: {{chunks: {chunks}}}, as: p}}]\noutput: p\n"
    formulas = [type_.shape[0] for type_ in netspec.loads(spec).outputs[0].types]
    for size in range(1, 30):
        parts = [part.shape[1] for part in torch.zeros(1, size, 3).chunk(chunks, 1)]
        if len(parts) != chunks:
            with pytest.raises(netspec.SpecError, match="invalid-argument"):
                netspec.loads(spec, set={"T": size})
            continue
        assert [type_.shape[0] for type_ in netspec.loads(spec, set={"T": size}).outputs[0].types] == parts
        assert [parse(str(formula)).evaluate({"T": size}) for formula in formulas] == parts
