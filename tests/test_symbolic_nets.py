"""Nets with symbolic input sizes agree with those for numbers, and state exactly which sizes they accept."""

from __future__ import annotations

import math
import random
import re
from pathlib import Path

import pytest

import netspec
from netspec.dims import UNKNOWN, Condition
from netspec.layers.base import TensorType
from netspec.net import Leaf
from netspec.symbols import Formula, SizeComparison, contradiction, evaluate, requirements
from netspec.table import summary
from tests.symbolic_nets import ALEXNET, ALEXNET_6400, NETS, UNET


def loaded(text: str, **sizes: int) -> netspec.Net | None:
    """The net with its symbols replaced by numbers; None if that spec has errors."""
    try:
        return netspec.loads(text, set=sizes)
    except netspec.SpecError:
        return None


def sizes_of(name: str, count: int, seed: int) -> list[dict[str, int]]:
    """Sizes from 1 to 512; half have equal sides that are multiples of 8, which most nets accept."""
    rng = random.Random(f"{name} {seed}")
    free = [{"H": rng.randint(1, 512), "W": rng.randint(1, 512)} for _ in range(count - count // 2)]
    square = [{"H": n, "W": n} for n in (8 * rng.randint(1, 64) for _ in range(count // 2))]
    return free + square


def conditions_of(net: netspec.Net) -> list[Condition]:
    return [requirement.condition for requirement in net.conditions]


def agrees(net: netspec.Net, text: str, sizes: dict[str, int]) -> bool:
    """Assert that a symbolic net agrees with the net for these sizes; whether the sizes are accepted."""
    allowed = all(not isinstance(c, SizeComparison) or c.holds(sizes) for c in conditions_of(net))
    concrete = loaded(text, **sizes)
    assert (concrete is not None) == allowed, sizes
    if concrete is None:
        return False
    for leaf, other in zip(net.layers, concrete.layers, strict=True):
        assert tuple(evaluate(n, sizes) for n in leaf.output_shape) == other.output_shape, (leaf.path, sizes)
    assert evaluate(net.params, sizes) == concrete.params
    assert evaluate(net.macs, sizes) == concrete.macs
    return True


@pytest.mark.parametrize("name", NETS)
def test_a_symbolic_net_agrees_with_the_net_for_a_size(name: str) -> None:
    net = netspec.loads(NETS[name])
    accepted = [agrees(net, NETS[name], sizes) for sizes in sizes_of(name, 60, seed=1)]
    assert any(accepted)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_symbolic_nets_agree_at_ten_thousand_sizes(name: str) -> None:
    net = netspec.loads(NETS[name])
    count = math.ceil(10_000 / len(NETS))
    assert sum(agrees(net, NETS[name], sizes) for sizes in sizes_of(name, count, seed=2)) > 10


@pytest.mark.parametrize("name", NETS)
def test_every_rule_gives_for_numbers_what_its_formula_says(name: str) -> None:
    """For each layer: its shape rule at evaluated input sizes gives the evaluated output formula. 10,000 sizes."""
    net = netspec.loads(NETS[name])
    distinct: dict[tuple[object, ...], Leaf] = {(leaf.layer, leaf.input): leaf for leaf in net.layers}
    for sizes in sizes_of(name, math.ceil(10_000 / len(NETS)), seed=3):
        if not all(not isinstance(c, SizeComparison) or c.holds(sizes) for c in conditions_of(net)):
            continue
        for leaf in distinct.values():
            x = TensorType(tuple(evaluate(n, sizes) for n in leaf.input.shape), leaf.input.dtype)
            assert leaf.layer.output(x).shape == tuple(evaluate(n, sizes) for n in leaf.output_shape), (
                leaf.path,
                sizes,
            )


def test_alexnet_needs_65_by_65_and_takes_no_less() -> None:
    net = netspec.loads(ALEXNET)
    assert requirements(net) == ["H >= 65 and W >= 65, for `MaxPool2d` (line 11)"]
    assert loaded(ALEXNET, H=65, W=65) is not None
    assert loaded(ALEXNET, H=64, W=65) is None
    assert loaded(ALEXNET, H=65, W=64) is None
    assert [str(n) for n in net.layers[7].output_shape] == ["256", "(H - 33)//32", "(W - 33)//32"]


def test_a_stated_6400_asks_for_a_square_of_193_to_224() -> None:
    net = netspec.loads(ALEXNET_6400)
    assert requirements(net)[1:] == [
        "256*((H - 33)//32)*((W - 33)//32) == 6400 (a square input, H = W, of 193 to 224 does), for `Linear` (line 13)"
    ]
    square = ALEXNET_6400.replace("[1, H, W]", "[1, H, H]")
    assert requirements(netspec.loads(square)) == ["H from 193 to 224, for `Linear` (line 13)"]
    accepted = [n for n in (65, 192, 193, 200, 224, 225, 256) if loaded(square, H=n) is not None]
    assert accepted == [193, 200, 224]


ZOO = Path(__file__).parent.parent / "specs" / "torchvision"


@pytest.mark.needs_torch
@pytest.mark.parametrize(
    ("spec", "model"),
    [
        ("alexnet", "alexnet"),
        ("vgg", "vgg11"),
        ("squeezenet", "squeezenet1_0"),
        ("squeezenet", "squeezenet1_1"),
        ("densenet", "densenet121"),
        ("googlenet", "googlenet"),
        ("convnext", "convnext_tiny"),
        ("resnet", "resnet18"),
        ("mobilenet_v2", "mobilenet_v2"),
    ],
)
def test_the_smallest_size_of_a_published_model_is_the_one_that_torchvision_documents(spec: str, model: str) -> None:
    from torchvision.models import get_model_weights  # a second of imports that only this test needs

    height, width = get_model_weights(model).DEFAULT.meta["min_size"]
    text = re.sub(r"(?m)^input: .*$", "input: [3, H, W]", (ZOO / f"{spec}.yaml").read_text())
    net = netspec.loads(text, variant=model if "variants:" in text else None)
    found = [sentence.partition(", for")[0] for sentence in requirements(net)]
    assert found == ([f"H >= {height} and W >= {width}"] if height > 1 else [])


def test_a_unet_of_depth_three_needs_multiples_of_eight() -> None:
    assert requirements(netspec.loads(UNET)) == ["H and W must be divisible by 8, for `concat` (line 5)"]
    assert [n for n in range(1, 41) if loaded(UNET, H=n, W=8) is not None] == [8, 16, 24, 32, 40]


def test_a_formula_in_a_net_is_no_traceback_however_it_grows() -> None:
    text = "input: [3, H, W]\nlayers:\n  - repeat: 60\n    do:\n      - Upsample: {scale_factor: 1.5}\n"
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(text)
    assert {d.code for d in caught.value.diagnostics} == {"needs-number"}


def test_a_net_with_numbers_requires_nothing() -> None:
    net = netspec.loads(ALEXNET, set={"H": 224, "W": 224})
    assert requirements(net) == []
    assert contradiction(net.conditions) is None
    assert all(not isinstance(n, Formula) for leaf in net.layers for n in leaf.output_shape)


def test_a_net_whose_sizes_are_short_has_counts_that_nobody_could_read() -> None:
    """The count of each layer is a formula; their sum exceeds the length limit, so the total is unknown everywhere."""
    branches = ", ".join(
        f"[Conv3d: {{out_channels: 2, kernel_size: 3, stride: {stride}}}, AdaptiveAvgPool3d: 1]"
        for stride in range(2, 182)
    )
    net = netspec.loads(f"input: [1, D, H, W]\nlayers:\n  - concat: [{branches}]\n  - Flatten\n  - Linear: 3\n")
    assert isinstance(net.layers[0].macs, Formula)
    assert net.macs is UNKNOWN and net.flops is UNKNOWN
    assert net.params == 180 * (2 * 27 + 2) + 3 * 361
    assert "FLOPs ? (2 × MACs)" in summary(net)
    unknown = [row.key for row in netspec.compare(net, net).rows if row.a is UNKNOWN]
    assert unknown == ["macs", "flops", "activations"]


OPEN = {
    "S == T": "input: {a: [T, 4], b: [S, 4]}\nlayers: [GaussianSample: {logvar: b}]\n",
    "K == 1": "input: {a: [T, 4], h: [K, 8]}\nlayers:\n  - GRU: {hidden_size: 8, hx: h}\n",
}


@pytest.mark.parametrize("condition", OPEN)
def test_a_further_tensor_of_open_size_states_what_it_must_be(condition: str) -> None:
    net = netspec.loads(OPEN[condition])
    assert [str(requirement.condition) for requirement in net.conditions] == [condition]
