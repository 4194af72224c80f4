"""`mixture`: each position goes through the experts that a router chooses for it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec import estimate
from netspec.compiler import check_source
from netspec.text.source import decode
from netspec.torch.measured import counting_flops, kept
from netspec.torch.verify import verify
from tests.emitted import assert_same, emitted

EXPERTS = """
input: [7, 24]
blocks:
  expert(hidden):
    - mul: [[Linear: hidden, SiLU], [Linear: hidden]]
    - Linear: 24
layers:
  - PReLU
  - mixture: {for: i in range(6), do: [expert: 40]}
    router: [Linear: {out_features: 6, bias: false}]
    top: 2
    normalize: true
    name: moe
  - Linear: 5
"""


def by_hand(moe: Any, x: Tensor, top: int, *, normalize: bool) -> Tensor:
    """Every expert on every position; those that are not among the `top` weigh nothing."""
    scores = moe.router(x)
    nth = scores.sort(-1, descending=True).values[..., top - 1 : top]
    chosen = scores >= nth
    weights = scores.masked_fill(~chosen, -torch.inf).softmax(-1) if normalize else scores.softmax(-1) * chosen
    return sum(weights[..., i, None] * branch(x) for i, branch in enumerate(moe.branches))  # type: ignore[return-value]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("top", [1, 2, 3, 6])
def test_it_is_the_weighted_sum_of_the_chosen_experts_and_so_are_the_gradients(top: int, normalize: bool) -> None:
    stated = f"normalize: {str(normalize).lower()}"
    net = netspec.loads(EXPERTS.replace("top: 2", f"top: {top}").replace("normalize: true", stated))
    verify(net)
    assert_same(net)
    model: Any = netspec.build(net, seed=1).double()
    x = torch.randn(4, 7, 24, dtype=torch.float64, requires_grad=True)
    inner = model[0](x)
    found, expected = model(x), model[2](by_hand(model.moe, inner, top, normalize=normalize))
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    of = [x, *model.parameters()]
    ours = torch.autograd.grad(found.square().sum(), of, allow_unused=True)
    theirs = torch.autograd.grad(expected.square().sum(), of, allow_unused=True)
    for a, b in zip(ours, theirs, strict=True):
        assert a is not None  # also of an expert that nothing chose
        assert b is not None
        assert torch.allclose(a, b, rtol=0, atol=1e-9)


def test_an_expert_runs_on_the_positions_that_choose_it_alone() -> None:
    model: Any = netspec.build(netspec.loads(EXPERTS), seed=1).eval()
    rows: dict[int, int] = {}

    def count(module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        rows[id(module)] = given[0].shape[0]

    for branch in model.moe.branches:
        branch.register_forward_hook(count)
    model(torch.randn(3, 7, 24))
    assert sum(rows.values()) == 3 * 7 * 2
    with torch.no_grad():
        model.moe.router[0].weight.zero_()  # all scores are equal, so all choose the same
    model(torch.randn(3, 7, 24))
    assert sorted(rows.values()) == [0, 0, 0, 0, 21, 21]
    assert model(torch.randn(0, 7, 24)).shape == (0, 7, 5)


def test_parameters_count_for_all_and_multiply_accumulates_for_the_chosen() -> None:
    net = netspec.loads(EXPERTS)
    one = 2 * (24 * 40 + 40) + 40 * 24 + 24
    assert net.params == 1 + 6 * 24 + 6 * one + 24 * 5 + 5
    assert net.macs == 7 * (24 * 6 + 2 * 3 * 24 * 40 + 24 * 5)
    model = netspec.build(net, seed=0)
    with counting_flops() as counter:
        model(torch.randn(1, 7, 24))
    assert counter.get_total_flops() == 2 * net.macs
    for batch in (2, 5):
        found, _ = kept(model, torch.randn(batch, 7, 24))
        assert estimate(net, batch, device="cpu").activations == sum(found.values())
    layers = netspec.to_json(net)["layers"]
    runs = [layer.get("slices") for layer in layers if "branches" in layer["path"] and layer["type"] == "Linear"]
    assert runs == [7] * 6 + [0] * 12


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ("[9]", "{mixture: {repeat: 3, do: [Linear: 4]}, router: [Linear: 3], top: 2}"),
        ("[2, 3, 4, 8]", "{mixture: {repeat: 3, do: [Linear: 4]}, router: [Linear: 3], top: 2}"),
        ("[5, 8]", "{mixture: [[], [Linear: 8], [LayerNorm, Linear: 8, Tanh]], router: [Linear: 3], top: 1}"),
        ("[5, 8]", "{each: [{mixture: {repeat: 2, do: [Linear: 4]}, router: [Linear: 2], top: 1}]}"),
        (
            "[5, 8]",
            "{mixture: [[Rearrange: {pattern: n (a b) -> n a b, sizes: {a: 4}}, each: [Linear: 3], Flatten], "
            "[Linear: 12]], router: [Linear: 2], top: 1}",
        ),
        (
            "[5, 8]",
            "{mixture: [[Linear: 8], [{mixture: {repeat: 3, do: [Linear: 8, Sigmoid]}, router: [Linear: 3], top: 2}]], "
            "router: [Linear: 2], top: 2}",
        ),
    ],
)
def test_it_works_on_any_vectors_and_inside_of_others(shape: str, layers: str) -> None:
    net = netspec.loads(f"input: {shape}\nlayers: [PReLU, {layers}]\n")
    verify(net)
    assert_same(net)
    assert netspec.expand(netspec.loads(netspec.expand(net))) == netspec.expand(net)


def test_a_router_may_read_values_or_be_one() -> None:
    text = """
input: {x: [5, 8], task: [3]}
layers:
  - as: h
  - add: [[], [use: task, Linear: 8, Rearrange: n c -> n 1 c]]
  - Linear: 3
  - as: scores
  - use: h
  - mixture: {repeat: 3, do: [Linear: 8, ReLU, as: y, use: y * y]}
    router: scores
    top: 2
  - mixture: [[Linear: 8], [Tanh]]
    router: [use: scores, Linear: 2]
    top: 1
"""
    net = netspec.loads(text)
    verify(net)
    made, model = emitted(net).eval(), netspec.build(net, seed=0).eval()
    made.load_state_dict(model.state_dict())
    given = torch.randn(2, 5, 8), torch.randn(2, 3)
    assert torch.equal(made(*given), model(*given))


def test_without_values_the_first_experts_are_chosen() -> None:
    model = netspec.build(netspec.loads(EXPERTS), device="meta")
    assert model(torch.randn(3, 7, 24, device="meta")).shape == (3, 7, 5)
    assert netspec.transfer(netspec.build(netspec.loads(EXPERTS), seed=2), netspec.loads(EXPERTS))


def test_positions_of_an_open_axis_are_counted_by_a_formula() -> None:
    text = "input: [T, 4]\nlayers:\n- {mixture: {repeat: 4, do: [Linear: 3]}, router: [Linear: 4], top: 2}"
    net = netspec.loads(text)
    assert (str(net.output_shape[0]), net.params, str(net.macs)) == ("T", 80, "40*T")
    assert netspec.loads(text, set={"T": 7}).macs == 280


def test_it_learns_to_send_two_kinds_of_vectors_to_two_experts() -> None:
    experts = "{mixture: {repeat: 2, do: [Linear: 1]}, router: [Linear: 2], top: 1, normalize: false}"
    model = netspec.build(netspec.loads(f"input: [6, 3]\nlayers: [{experts}]"), seed=0)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    losses: list[float] = []
    for _ in range(400):
        x = torch.randn(16, 6, 3, generator=generator)
        y = x[..., :1].abs()  # one line for each sign
        loss = nn.functional.mse_loss(model(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()  # pyright: ignore[reportUnknownMemberType]  # torch leaves types out
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize(
    ("layers", "code", "words"),
    [
        ("{mixture: [[], []], top: 1}", "missing-argument", "`mixture` needs `router`"),
        ("{mixture: [[], []], router: [Linear: 2]}", "missing-argument", "`mixture` needs `top`"),
        ("{mixture: [[], []], router: [Linear: 2], top: 3}", "invalid-argument", "`top: 3` of 2 experts"),
        ("{mixture: {repeat: 2, do: [], top: 1}, router: [Linear: 2]}", "wrong-form", "holds a list of branches"),
        ("{mixture: [[], []], router: [Linear: 3], top: 1}", "branch-mismatch",
         "`mixture` has 2 experts, but the router: `Linear` (line 2) gives 3 scores"),
        ("{mixture: [[], []], router: [Mean: 1, Linear: 2], top: 1}", "branch-mismatch",
         "gives scores for each position of 4 × 5, 4 × 2"),
        ("{mixture: [[], []], router: [Parameter: [4, 2]], top: 1}", "constant-value", "the same for all"),
        ("{mixture: [[], [Linear: 6]], router: [Linear: 2], top: 1}", "branch-mismatch",
         "expert 1: `mixture` (line 2) gives 5, and expert 2: `Linear` (line 2) gives 6"),
        ("{mixture: [[], [Parameter: [5]]], router: [Linear: 2], top: 1}", "constant-value", "expert 2"),
        ("{mixture: [[], [Conv1d: {out_channels: 4, kernel_size: 1}]], router: [Linear: 2], top: 1}", "wrong-rank",
         "`Conv1d` wants 2 axes (channels, length), but `mixture` (line 2) gives 5"),
        ("{mixture: [[], [BatchNorm1d]], router: [Linear: 2], top: 1}", "misplaced-option",
         "`BatchNorm1d` takes its statistics of a whole batch"),
        ("as: h, {mixture: [[], [use: h, Mean: 1]], router: [Linear: 2], top: 1}", "value-kind",
         "`h` is a value of whole examples, and an expert of `mixture` runs on the vectors of single positions"),
        ("Parameter: [4, 5], {mixture: [[], []], router: [Linear: 2], top: 1}", "constant-value",
         "`mixture` chooses for values that an example has of its own"),
        ("Buffer: {value: [[true]], dtype: bool}, {mixture: [[], []], router: [Linear: 2], top: 1}", "wrong-dtype",
         "vectors of float32"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_said(layers: str, code: str, words: str) -> None:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(f"input: {{x: [4, 5]}}\nlayers: [{layers}]")
    assert any(d.code == code and words in d.message for d in caught.value.diagnostics), str(caught.value)


@pytest.mark.parametrize(
    ("word", "branches"),
    [
        ("concat", "{for: 'i in range(1, 4)', do: [Linear: 2 * i, Linear: 5]}"),
        ("add", "{repeat: 3, do: [Linear: 5]}"),
        ("stack", "{when: true, do: [Tanh]}"),
    ],
)
def test_one_item_that_makes_branches_is_as_good_as_a_list_of_it(word: str, branches: str) -> None:
    alone = netspec.loads(f"input: [4, 5]\nlayers:\n  - {word}: {branches}\n")
    listed = netspec.loads(f"input: [4, 5]\nlayers:\n  - {word}: [{branches}]\n")
    assert netspec.expand(alone) == netspec.expand(listed)
    with pytest.raises(netspec.SpecError, match="are left out"):
        netspec.loads(f"input: [4, 5]\nlayers:\n  - {word}: {{when: false, do: [Tanh]}}\n")


def test_a_router_of_another_width_is_mended() -> None:
    text = "input: [4, 5]\nlayers:\n  - {mixture: [[], []], router: [Linear: 3], top: 1}\n"
    (finding,) = check_source(*decode(text.encode(), "a.yaml"))
    assert finding.fix is not None
    assert [edit.text for edit in finding.fix.edits] == ["2"]
