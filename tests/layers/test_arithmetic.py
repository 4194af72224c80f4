"""Layers that move values, tables of closed form, draws and response norms: their values by formulas written out here,
and all of them together as a module, as emitted Python, exported, in a spec that was written out flat."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

import netspec
from netspec.layers.base import TensorType
from netspec.torch.extra import Buffer
from netspec.torch.verify import verify
from tests.emitted import emitted as emitted_module
from tests.layers.test_extra import made, mistake, mistake_of_kind, module_of, problem

double = torch.float64


# ---- moves


def test_a_roll_has_a_shift_for_each_dim_and_leaves_the_batch_alone() -> None:
    assert "there are 2 and 1" in problem("Roll", (5, 3), shifts=[1, 2], dims=1)
    assert "`dims: 0` is the batch axis" in problem("Roll", (5, 3), shifts=1, dims=0)
    assert "`dims: 3` is outside the input: {given}" in problem("Roll", (5, 3), shifts=1, dims=3)
    x = torch.randn(2, 5, 3)
    assert torch.equal(module_of(made("Roll", shifts=[2, -1], dims=[1, -1]), 5, 3)(x), x.roll((2, -1), (1, 2)))


def test_slices_are_selected_by_numbers_within_the_axis_and_not_from_the_batch() -> None:
    assert "`index` goes up to 5, which lies outside the axis: {given}" in problem(
        "IndexSelect", (5, 3), dim=1, index=[5, 0]
    )
    assert "`index` begins at -1, but" in problem("IndexSelect", (5, 3), dim=1, index=[0, -1])
    assert "`dim: 0` is the batch axis" in problem("IndexSelect", (5, 3), dim=0, index=[0])
    x = torch.randn(2, 5, 3)
    assert torch.equal(module_of(made("IndexSelect", dim=1, index=[4, 0, 0]), 5, 3)(x), x[:, [4, 0, 0]])


def test_a_triangle_needs_rows_and_columns() -> None:
    assert "wants at least 2 axes (…, rows, columns)" in problem("Tril", (5,))
    assert "wants at least 2 axes (…, rows, columns)" in problem("Triu", (5,))


def test_a_relative_shift_needs_a_distance_for_each_pair_of_places() -> None:
    assert "8 queries and S keys need 8 + S − 1 distances, but {given}" in problem("RelativeShift", (8, 7))
    assert "8 queries need at least as many distances, but {given}" in problem("RelativeShift", (8, 7), is_causal=True)
    assert "wants at least 2 axes (…, queries, distances)" in problem("RelativeShift", (8,))
    layer, x = made("RelativeShift"), TensorType((4, 8, 15))
    assert [layer.derivation(x, axis) for axis in range(3)] == [None, None, "15 − 8 + 1"]


def test_lists_of_places_make_several_axes_of_one() -> None:
    for index in ((0, (1,)), ((0, 1), (2,)), ()):
        assert mistake("IndexSelect", dim=1, index=index).startswith("wants ")
    with pytest.raises(ValidationError):
        made("IndexSelect", dim=1, index=((1.5, 2),))
    assert "`index` goes up to 8" in problem("IndexSelect", (8,), dim=1, index=((8, 1), (0, 2)))
    layer = made("IndexSelect", dim=-1, index=((0, 6, 6), (1, 1, 0)))
    assert layer.buffer_bytes(TensorType((3, 7))) == 48
    x = torch.randn(2, 3, 7)
    assert torch.equal(module_of(layer, 3, 7)(x), x[..., torch.tensor([[0, 6, 6], [1, 1, 0]])])


def test_places_that_are_chosen_come_back_from_the_module_by_their_rule() -> None:
    item = '- IndexSelect: {dim: 2, index: "[[abs(a - b) for b in range(9)] for a in range(9)]"}'
    net = netspec.loads(f"netspec: 1\nname: near\ninput: [2, 9]\n\nlayers:\n  {item}\n  - Linear: 2\n")
    assert item in netspec.from_torch(netspec.build(net), torch.randn(2, 2, 9)).text


def transformer_xl_shift(x: torch.Tensor) -> torch.Tensor:
    """`_rel_shift` of the authors' program: (queries, keys, batch, heads)."""
    padded = torch.cat([x.new_zeros(x.shape[0], 1, *x.shape[2:]), x], dim=1)
    return padded.view(x.shape[1] + 1, x.shape[0], *x.shape[2:])[1:].view_as(x)


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (1, 5), (4, 4), (4, 7)])
def test_a_causal_relative_shift_is_that_of_transformer_xl_where_a_query_may_look(queries: int, keys: int) -> None:
    x = torch.randn(2, 3, queries, keys)
    theirs = transformer_xl_shift(x.permute(2, 3, 0, 1)).permute(2, 3, 0, 1)
    ahead = torch.ones(queries, keys, dtype=torch.bool).triu(1 + keys - queries)
    ours = module_of(made("RelativeShift", is_causal=True), 3, queries, keys)(x)
    assert torch.equal(ours, theirs.masked_fill(ahead, 0.0))


# ---- tables


@pytest.mark.parametrize("layout", ["interleaved", "half"])
@pytest.mark.parametrize("endpoint", [False, True])
def test_sinusoids_are_those_of_the_formula(layout: str, endpoint: bool) -> None:
    positions, width, base = [0, 1, 7, -3, 2.5, 5000], 12, 1000.0
    layer = made("Sinusoids", positions=positions, embed_dim=width, base=base, layout=layout, endpoint=endpoint)
    half = width // 2
    rows: list[list[float]] = []
    for position in positions:
        angles = [position * base ** (-i / (half - 1 if endpoint else half)) for i in range(half)]
        sines, cosines = list(map(math.sin, angles)), list(map(math.cos, angles))
        pairs = [value for pair in zip(sines, cosines, strict=True) for value in pair]
        rows.append(pairs if layout == "interleaved" else [*sines, *cosines])
    expected = torch.tensor(rows, dtype=double)
    assert torch.allclose(module_of(layer, 4)(torch.zeros(2, 4))[0].double(), expected, rtol=0, atol=6e-8)


def test_the_first_sinusoids_of_attention_is_all_you_need() -> None:
    table = module_of(made("Sinusoids", positions=[0, 1, 2], embed_dim=4), 1)()[0]
    assert table[0].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert table[1].tolist() == pytest.approx([math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)])


def test_sinusoids_come_in_pairs_of_positions_that_are_numbers() -> None:
    assert mistake("Sinusoids", positions=[1], embed_dim=7) == "`embed_dim: 7` is odd, but each sine has its cosine"
    assert "at least two frequencies" in mistake("Sinusoids", positions=[1], embed_dim=2, endpoint=True)
    assert "a list of numbers, such as range(512)" in mistake_of_kind("Sinusoids", positions=8, embed_dim=8)


def test_a_range_is_a_buffer_of_its_numbers_also_in_emitted_python() -> None:
    spec = "input: [3]\nlayers: [as: x, Buffer: {value: 'range(40, 0, -2)', dtype: int64}, as: b, use: x]\noutput: b"
    net = netspec.loads(spec)
    assert torch.equal(netspec.build(net)(torch.zeros(1, 3))[0], torch.arange(40, 0, -2))
    assert 'Buffer(value=range(40, 0, -2), dtype="int64")' in netspec.to_python(net)
    assert Buffer(range(3)).value.tolist() == [0, 1, 2]


def test_long_sinusoids_are_a_range_in_emitted_python() -> None:
    net = netspec.loads(
        "input: [512, 8]\nvars: {n: 512}\nlayers: [add: [[], [Sinusoids: {positions: range(n), embed_dim: 8}]]]"
    )
    assert "Sinusoids(positions=range(512), embed_dim=8)" in netspec.to_python(net)
    x = torch.zeros(1, 512, 8)
    assert torch.equal(emitted_module(net)(x), netspec.build(net)(x))


# ---- norms and draws


def response_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float, last: bool) -> torch.Tensor:
    """timm's `GlobalResponseNorm` of images, with the mean written out."""
    y = torch.empty_like(x)
    for n, image in enumerate(x if last else x.permute(0, 2, 3, 1)):
        norms = torch.stack([image[..., c].pow(2).sum().sqrt() for c in range(image.shape[-1])])
        moved = image + bias + weight * image * (norms / (norms.sum() / len(norms) + eps))
        y[n] = moved if last else moved.permute(2, 0, 1)
    return y


@pytest.mark.parametrize("last", [True, False])
def test_a_global_response_norm_is_that_of_the_formula_and_begins_as_the_identity(last: bool) -> None:
    module = module_of(made("GRN", eps=0.01, channels_last=last), 3, 4, 5).double()
    x = torch.randn(2, 3, 4, 5, dtype=double)
    assert torch.equal(module(x), x)
    weight, bias = (nn.init.normal_(p) for p in module.parameters())
    assert torch.allclose(module(x), response_norm(x, weight, bias, 0.01, last), rtol=0, atol=1e-12)


def test_a_dead_channel_has_a_gradient_behind_a_global_response_norm() -> None:
    module = module_of(made("GRN"), 4, 4, 3)
    nn.init.ones_(next(module.parameters()))
    x = torch.zeros(2, 4, 4, 3, requires_grad=True)
    module(x).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None and x.grad.isfinite().all()


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax_is_torchs_in_training_and_draws_nothing_else(hard: bool) -> None:
    module = module_of(made("GumbelSoftmax", tau=0.7, hard=hard, dim=1), 5, 3)
    x = torch.randn(4, 5, 3)
    torch.manual_seed(3)
    drawn = module(x)
    torch.manual_seed(3)
    assert torch.equal(drawn, nn.functional.gumbel_softmax(x, 0.7, hard, dim=1))
    given = module.eval()(x.requires_grad_())
    soft = (x / 0.7).softmax(1)
    assert torch.equal(module(x), given)
    assert torch.allclose(given, nn.functional.one_hot(x.argmax(1), 5).movedim(-1, 1).float() if hard else soft)
    slope = torch.randn_like(x)
    (ours,), (theirs,) = (torch.autograd.grad((y * slope).sum(), x) for y in (given, soft))
    assert torch.allclose(ours, theirs)


def test_classes_are_drawn_as_often_as_their_probabilities_say() -> None:
    torch.manual_seed(0)
    module = module_of(made("GumbelSoftmax", hard=True), 3)
    shares = module(torch.tensor([0.5, 0.3, 0.2]).log().expand(20_000, 3)).mean(0)
    assert shares.tolist() == pytest.approx([0.5, 0.3, 0.2], abs=0.015)


def test_a_noisy_layer_draws_one_product_of_two_vectors_in_training_and_is_its_means_in_eval_mode() -> None:
    module: Any = module_of(made("NoisyLinear", out_features=3, std_init=0.4), 5).double()
    x = torch.randn(7, 5, dtype=double)
    assert torch.equal(module.eval()(x), nn.functional.linear(x, module.weight_mu, module.bias_mu))
    for deviation in (module.weight_sigma, module.bias_sigma):
        assert torch.allclose(deviation, torch.full_like(deviation, 0.4 / 5**0.5))
    assert module.weight_mu.abs().max() <= 5**-0.5
    torch.manual_seed(1)
    found = module.train()(x)
    torch.manual_seed(1)
    noise = torch.randn(8, dtype=double)
    factors = noise.sign() * noise.abs().sqrt()
    weight, bias = module.weight_mu.clone(), module.bias_mu.clone()
    for i in range(3):
        bias[i] += module.bias_sigma[i] * factors[5 + i]
        for j in range(5):
            weight[i, j] += module.weight_sigma[i, j] * factors[5 + i] * factors[j]
    assert torch.allclose(found, x @ weight.T + bias, rtol=0, atol=1e-12)
    assert not torch.equal(module(x), found)


# ---- all of them together

TOGETHER = """
input: {x: [6, 8]}
layers:
  - Linear: 8
  - Roll: {shifts: [1, -2], dims: [1, 2]}
  - GRN: {channels_last: false}
  - NoisyLinear: 8
  - as: y
  - Sinusoids: {positions: "range(5, -6, -1)", embed_dim: 8}
  - Linear: 8
  - as: r
  - einsum: [y, r]
    pattern: n i d, n j d -> n i j
  - RelativeShift
  - Tril
  - GumbelSoftmax
  - as: w
  - use: y
  - Triu: -3
  - einsum: [w, []]
    pattern: n i j, n j d -> n i d
"""


def test_built_emitted_exported_and_written_out_they_compute_the_same() -> None:
    net = netspec.loads(TOGETHER)
    verify(net)
    model, x = netspec.build(net, seed=0), torch.randn(3, 6, 8)
    emitted = emitted_module(net)
    emitted.load_state_dict(model.state_dict())
    for training in (True, False):
        torch.manual_seed(5)
        expected = model.train(training)(x)
        torch.manual_seed(5)
        assert torch.equal(emitted.train(training)(x), expected)
    exported = torch.export.export(model, (x,), dynamic_shapes=[{0: torch.export.Dim("batch", min=2, max=64)}])  # type: ignore[no-untyped-call]
    assert torch.allclose(exported.module()(x), expected)
    again = netspec.loads(netspec.expand(net))
    assert (again.params, again.macs, again.buffers) == (net.params, net.macs, net.buffers)
    assert torch.equal(netspec.build(again, seed=0).eval()(x), model.eval()(x))


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("DropPath: 0.1", "StochasticDepth"), ("GlobalResponseNorm", "GRN"), ("PositionalEncoding", "Sinusoids"),
        ("gumbel_softmax", "GumbelSoftmax"), ("RelShift", "RelativeShift"), ("Swish", "SiLU"), ("roll", "Roll"),
    ],
)  # fmt: skip
def test_other_names_lead_to_the_one_that_there_is(name: str, layer: str) -> None:
    with pytest.raises(netspec.SpecError, match=f"did you mean `{layer}`?"):
        netspec.loads(f"input: [4, 4]\nlayers: [{name}]")
