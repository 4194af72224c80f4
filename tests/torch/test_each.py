"""`each`: one body on every slice of an axis."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec import estimate
from netspec.torch.measured import counting_flops, kept
from netspec.torch.verify import verify
from tests.emitted import assert_same, emitted

FRAMES = """
input: [5, 3, 9, 9]
blocks:
  tower(width):
    - Conv2d: {out_channels: width, kernel_size: 3}
    - ReLU
    - residual: [Conv2d: {out_channels: width, kernel_size: 3, padding: 1}]
    - Mean: {dim: [2, 3]}
layers:
  - each:
      - tower: 6
      - as: h
      - Linear: 6
      - as: g
      - use: h * g + h
    name: frames
  - Linear: 4
"""


def by_hand(body: nn.Module, x: Tensor, dim: int) -> Tensor:
    """Slice by slice."""
    return torch.stack([body(part) for part in x.unbind(dim)], dim)


def test_it_is_the_body_on_every_slice() -> None:
    net = netspec.loads(FRAMES)
    verify(net)
    model: Any = netspec.build(net, seed=0).double().eval()
    x = torch.randn(2, 5, 3, 9, 9, dtype=torch.float64)
    expected = model[1](by_hand(model.frames.body, x, 1))
    assert torch.allclose(model(x), expected, rtol=0, atol=1e-12)
    made = emitted(net).double().eval()
    made.load_state_dict(model.state_dict())
    assert torch.equal(made(x), model(x))
    assert netspec.expand(netspec.loads(netspec.expand(net))) == netspec.expand(net)


@pytest.mark.parametrize(
    ("shape", "dim", "layers", "expected"),
    [
        ((5, 6), 1, "Linear: 4", (5, 4)),
        ((6, 5), 2, "Linear: 4", (4, 5)),
        ((3, 6, 5), -1, "{Linear: 4}, Flatten", (12, 5)),
        ((3, 8, 8, 5), -1, "{Conv2d: {out_channels: 2, kernel_size: 3}}, {Mean: [1, 2, 3]}", (5,)),
        ((4, 3, 6), 2, "Flatten", (24, 3)),
        ((4, 3, 6), 1, "{each: [Linear: 2, Tanh]}, Flatten", (4, 6)),
        ((4, 3, 6), 1, "{concat: [[], [Parameter: [3, 2]]], dim: 2}", (4, 3, 8)),
        ((4, 5), 1, "{add: [[], [Sinusoids: {positions: [3], embed_dim: 6}, Linear: 5, Flatten]]}", (4, 5)),
        ((4, 5), 1, "{stack: [[], [Linear: 5]]}", (4, 2, 5)),
    ],
)
def test_shapes_values_macs_and_memory_are_those_of_its_slices(
    shape: tuple[int, ...], dim: int, layers: str, expected: tuple[int, ...]
) -> None:
    layers = layers.replace("Mean: [1, 2, 3]", "Mean: {dim: [1, 2, 3]}")
    text = f"input: {list(shape)}\nlayers:\n  - each: [{layers}]\n    dim: {dim}\n"
    net = netspec.loads(text)
    assert net.output_shape == expected
    verify(net)
    assert_same(net)
    model: Any = netspec.build(net, seed=0)
    x = torch.randn(3, *shape)
    y = model.double().eval()(x.double())
    assert torch.allclose(y, by_hand(model[0].body, x.double(), dim), rtol=0, atol=1e-12)
    model = netspec.build(netspec.loads(text.replace("layers:\n", "layers:\n  - PReLU\n")), seed=0)
    with counting_flops() as counter:
        model(x[:1])
    assert counter.get_total_flops() == 2 * net.macs
    for batch in (2, 7):
        found, _ = kept(model, torch.randn(batch, *shape))
        again = netspec.loads(text.replace("layers:\n", "layers:\n  - PReLU\n"))
        assert estimate(again, batch, device="cpu").activations == sum(found.values())


def test_a_norm_over_the_batch_takes_all_slices_of_all_examples() -> None:
    model: Any = netspec.build(netspec.loads("input: [5, 3, 4, 4]\nlayers: [each: [BatchNorm2d]]"), seed=0)
    x = torch.randn(2, 5, 3, 4, 4) + 1
    theirs = nn.BatchNorm2d(3)
    assert torch.equal(model(x).flatten(0, 1), theirs(x.flatten(0, 1)))
    assert torch.equal(model[0].body[0].running_mean, theirs.running_mean)


def test_slices_of_an_open_axis_are_counted_by_a_formula() -> None:
    net = netspec.loads("input: [T, 3]\nlayers: [each: [Linear: 4, Tanh]]")
    assert (str(net.output_shape[0]), net.params, str(net.macs)) == ("T", 16, "12*T")
    assert netspec.loads("input: [T, 3]\nlayers: [each: [Linear: 4, Tanh]]", set={"T": 7}).macs == 84


def test_it_is_exported_with_an_open_batch() -> None:
    net = netspec.loads(FRAMES)
    model, x = netspec.build(net, seed=0).eval(), torch.randn(2, 5, 3, 9, 9)
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(model, (x,), dynamic_shapes=[{0: batch}])  # type: ignore[no-untyped-call]
    assert torch.allclose(exported.module()(torch.cat([x, x]))[2:], model(x), atol=1e-6)


def test_json_says_how_often_a_layer_runs() -> None:
    layers = netspec.to_json(netspec.loads(FRAMES))["layers"]
    assert [layer.get("slices") for layer in layers] == [5, 5, 5, 5, 5, None]


@pytest.mark.parametrize(
    ("layers", "code", "words"),
    [
        ("{each: [Linear: 4], dim: 0}", "batch-axis", "`dim: 0` is the batch axis"),
        ("{each: [Linear: 4], dim: 4}", "wrong-rank", "`dim: 4` is none of the 3 axes behind the batch axis"),
        ("{each: [Flatten, Linear: 4], dim: 3}", "wrong-rank",
         "`dim: 3` is where the slices stand in the result, too, which has 2 axes behind the batch axis: `Linear`"),
        ("as: x, each: [add: [[], [use: x, Select: {dim: 1, index: 0}]]]", "value-kind",
         "`x` is a value of whole examples, and the body of `each` runs on one slice of them"),
        ("each: [Parameter: [4, 5]]", "constant-value", "the body of `each` gives the same for every slice"),
        ("Parameter: [4, 5], each: [Linear: 2]", "constant-value",
         "`each` slices values that an example has of its own"),
        ("each: [Linear: 4, aux: [Flatten, Linear: 2]]", "misplaced-option",
         "`aux` gives an output of whole examples"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_said(layers: str, code: str, words: str) -> None:
    items = layers if layers.startswith("{") else ", ".join(f"{{{item}}}" for item in split(layers))
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(f"input: [3, 4, 5]\nlayers: [{items}]")
    assert any(d.code == code and words in d.message for d in caught.value.diagnostics), str(caught.value)


def split(layers: str) -> list[str]:
    """The items of a list in front of an `each`, and the `each`."""
    head, _, tail = layers.partition(", each:")
    return [head, f"each:{tail}"] if tail else [head]


def test_words_of_elsewhere_lead_to_it() -> None:
    with pytest.raises(netspec.SpecError, match="did you mean `each`"):
        netspec.loads("input: [3, 4]\nlayers: [TimeDistributed: [Linear: 2]]")
