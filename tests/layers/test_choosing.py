"""Layers that choose values by other values."""

from __future__ import annotations

import pytest

import netspec
from netspec.errors import SpecError
from netspec.layers import layer_class

torch = pytest.importorskip("torch")

NAMES = ["MaskedFill", "Where", "Gather", "ArgMax"]

LAST = """
input: {x: [12, 8], ids: [12, int64]}
layers:
  - use: ids
  - {NotEqual: 0, as: seen}
  - use: seen * 1
  - {CumSum: 1}
  - {ArgMax: 1, as: last}   # of equal ones the first: the last word is where the count stops
  - use: x
  - {GRU: 8}
  - {Gather: {index: last}}
  - Linear: 3
"""


def test_the_state_behind_the_last_word_of_each_text_is_taken() -> None:
    model = netspec.build(netspec.loads(LAST)).eval()
    gru, linear = model[3], model[5]
    assert isinstance(gru, torch.nn.GRU) and isinstance(linear, torch.nn.Linear)
    ids = torch.randint(1, 9, (5, 12))
    lengths = [12, 1, 7, 3, 11]
    for row, length in zip(ids, lengths, strict=True):
        row[length:] = 0
    x = torch.randn(5, 12, 8)
    expected = linear(gru(x)[torch.arange(5), torch.tensor(lengths) - 1])
    assert torch.equal(model(x, ids), expected)


def test_places_count_from_the_end_too_and_one_outside_is_an_error() -> None:
    model = netspec.build(netspec.loads("input: {x: [4, 3], i: [2, int64]}\nlayers:\n  - {Gather: {index: i}}\n"))
    x, i = torch.randn(2, 4, 3), torch.tensor([[0, -1], [3, -4]])
    assert torch.equal(model(x, i), torch.stack([x[0, [0, -1]], x[1, [3, -4]]]))
    with pytest.raises(IndexError):
        model(x, i + 4)


def test_a_value_is_taken_where_the_condition_holds_and_gets_the_gradient() -> None:
    model = netspec.build(
        netspec.loads(
            "input: {x: [4, 3], m: [4, 1, bool]}\n"
            "layers:\n"
            "  - {Parameter: [4, 3], as: y}\n"
            "  - use: x\n"
            "  - {Where: {condition: m, other: y}}\n"
        )
    )
    x, m = torch.randn(2, 4, 3, requires_grad=True), torch.randn(2, 4, 1) > 0
    (learned,) = model.parameters()
    result = model(x, m)
    assert torch.equal(result, torch.where(m, x, learned))
    result.sum().backward()
    assert x.grad is not None and torch.equal(x.grad, m.expand(2, 4, 3).float())
    assert learned.grad is not None and torch.equal(learned.grad.view(4, 3), (~m).sum(0).float().expand(4, 3))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("Where", "`Where` wants a value as `condition`"),
        ("{Where: {condition: m}}", "`Where` wants a value as `other`"),
        (
            "{Where: {condition: x, other: x}}",
            "`condition` is of truth values, but what is given is float32",
        ),
        (
            "{Where: {condition: m, other: i}}",
            "`other` is of float32 as the input is, but what is given is int64",
        ),
        ("Gather", "`Gather` wants a value as `index`"),
        ("{Gather: {index: m}}", "`index` of `Gather` is of int64 numbers of places, but what is given is bool"),
        ("{ArgMax: 0}", "`dim: 0` is the batch axis"),
        ("{ArgMax: 2}", "`dim: 2` is outside the input"),
    ],
)
def test_what_does_not_fit_is_said(item: str, message: str) -> None:
    text = f"input: {{x: [4], m: [4, bool], i: [4, int64]}}\nlayers:\n  - use: x\n  - {item}\n  - use: [m, i]\n"
    with pytest.raises(SpecError) as caught:
        netspec.loads(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_they_are_tried_in_variations_too(name: str) -> None:
    found = netspec.probe(layer_class(name), count=20)
    assert found.tried > len(layer_class(name).examples)


@pytest.mark.parametrize("name", NAMES)
def test_an_explanation_shows_what_is_given(name: str) -> None:
    from netspec.cli.explain import explain

    for word in layer_class(name).tensors:
        assert f"`{word}` " in explain(name).partition("Examples:")[2]


def test_whole_numbers_are_filled_with_whole_ones() -> None:
    text = "input: {i: [4, int64], m: [4, bool]}\nlayers:\n  - use: i\n  - {MaskedFill: {value: 2, mask: m}}\n"
    model = netspec.build(netspec.loads(text))
    i, m = torch.tensor([[1, 5, 7, 0]]), torch.tensor([[True, False, True, False]])
    found = model(i, m)
    assert found.tolist() == [[2, 5, 2, 0]] and found.dtype == torch.int64
    with pytest.raises(SpecError, match=r"`value: 2\.5` is no whole number, but the input is int64"):
        netspec.loads(text.replace("value: 2", "value: 2.5"))


def test_a_number_that_half_precision_does_not_hold() -> None:
    from netspec.torch.choosing import MaskedFill

    found = MaskedFill(-1e9)(torch.ones(2, dtype=torch.float16), torch.tensor([True, False]))
    assert found.tolist() == [float("-inf"), 1.0] and found.dtype == torch.float16


@pytest.mark.parametrize(
    ("sizes", "moved"), [("12", "n a -> n a 1"), ("8", "n a -> n 1 a"), ("5", None), ("12, 8, 1", None)]
)
def test_a_mask_that_lacks_an_axis_is_told_how_it_gets_one(sizes: str, moved: str | None) -> None:
    text = "input: {{x: [12, 8], m: [{}, bool]}}\nlayers:\n{}  - use: x\n  - {{MaskedFill: {{mask: m}}}}\n"
    with pytest.raises(SpecError) as caught:
        netspec.loads(text.format(sizes, ""))
    (found,) = caught.value.diagnostics
    assert found.help == (moved and f"`Rearrange: {moved}` gives it 1 axis of 1, which is repeated")
    if moved:
        netspec.loads(text.format(sizes, f"  - use: m\n  - {{Rearrange: {moved}, as: m}}\n"))


def test_a_misspelt_value_is_meant_and_lacks_nowhere_else() -> None:
    text = "input: {x: [4], m: [4, bool], y: [4]}\nlayers:\n  - use: x\n  - Where: {condition: m, othr: y}\n"
    with pytest.raises(SpecError) as caught:
        netspec.loads(text)
    (found,) = caught.value.diagnostics
    assert found.code == "unknown-argument" and found.fix is not None
    (edit,) = found.fix.edits
    assert edit.text == "other"
    netspec.loads(text.replace("othr", "other"))


def test_a_net_whose_input_says_which_places_to_take_is_verified() -> None:
    text = "input: {tokens: [6, int64], last: [int64]}\nlayers:\n  - use: tokens\n"
    text += "  - Embedding: {num_embeddings: 1000, embedding_dim: 4}\n  - Gather: {index: last}\n"
    for seed in range(5):
        netspec.verify(netspec.loads(text), seed=seed)


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ("{MaskedFill: {mask: ids == 0}}", ["use: ids", "Equal: 0"]),
        ("{MaskedFill: {mask: ids != 0}}", ["use: ids", "NotEqual: 0"]),
        ("{MaskedFill: {mask: 2 < ids}}", ["use: ids", "Greater: 2"]),
        ("{MaskedFill: {mask: ids >= 2}}", ["use: ids", "GreaterEqual: 2"]),
        ("{MaskedFill: {mask: m == false}}", ["use: m", "Equal: 0"]),
        ("{MaskedFill: {mask: x <= y}}", ["use: x - y", "LessEqual: 0"]),
    ],
)
def test_who_compares_values_in_an_expression_is_told_which_layer_does(said: str, lines: list[str]) -> None:
    text = "input: {x: [4], y: [4], ids: [4, int64], m: [4, bool]}\nlayers:\n  - use: y + m * 1.0 + ids * 1.0\n"
    text += f"  - {said}\n"
    with pytest.raises(SpecError) as caught:
        netspec.loads(text)
    (found,) = caught.value.diagnostics
    told = " and ".join(f"`- {line}`" for line in lines)
    assert found.help == (f"a layer compares it when the network runs: {told} give truth values, which `as: m` names")
    head, _ = text.rsplit("  - ", 1)
    items = "".join(f"  - {line}\n" for line in ("as: y", *lines, "as: hidden", "use: y", "MaskedFill: hidden"))
    netspec.loads(head + items)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("MaskedFill: -1e9", "write `MaskedFill: {value: -1e9, mask: …}`"),
        ("Where: m", "write `Where: {condition: m, other: …}`"),
        ("MaskedFill: {mask: m, value: -.inf}", "numbers of a spec are finite: a large one is `-1e9`"),
        ("MaskedFill: {mask: m, value: -inf}", "numbers of a spec are finite: a large one is `1e9`"),
    ],
)
def test_what_is_written_as_elsewhere_is_told_as_here(said: str, told: str) -> None:
    text = f"input: {{x: [4], m: [4, bool]}}\nlayers:\n  - use: x\n  - {said}\n"
    with pytest.raises(SpecError) as caught:
        netspec.loads(text)
    assert [each.help for each in caught.value.diagnostics if each.severity == "error"] == [told]
