"""Networks in which values have names: what torch's own tools make of them, and the memory that they take."""

from __future__ import annotations

import copy
import json
import pickle
import re
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.hooks import RemovableHandle

import netspec
from netspec.cost import estimate
from netspec.net import Net
from tests.graphs.generator import Generator
from tests.layers.memory import kept

GOOD = Path(__file__).parent.parent / "specs" / "good"
SIZES = {"two_towers": {"T": 7}}
NAMED = (
    "named_skips", "pyramid", "two_towers", "autoencoder", "dueling",
    "shared_layer", "shared_parts", "shared_towers", "tied_head", "parts", "sampled", "shared_in_turns", "attention",
)  # fmt: skip


def net_of(name: str) -> Net:
    return netspec.load(GOOD / f"{name}.yaml", set=SIZES.get(name, {}))


def inputs_of(net: Net, batch: int = 2, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(batch, *value.type.shape, generator=generator)
        if value.type.dtype == "float32"
        else torch.randint(0, 2, (batch, *value.type.shape), generator=generator).to(getattr(torch, value.type.dtype))
        for value in net.inputs
    ]


def flat(outputs: Any) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else [x for output in outputs for x in flat(output)]


def agree(a: Any, b: Any) -> bool:
    return len(flat(a)) == len(flat(b)) and all(
        torch.allclose(x, y, atol=1e-5) for x, y in zip(flat(a), flat(b), strict=True)
    )


@pytest.fixture(scope="module", params=NAMED)
def made(request: pytest.FixtureRequest) -> tuple[Net, nn.Module]:
    net = net_of(request.param)
    return net, netspec.build(net, seed=0).eval()


Made = tuple[Net, nn.Module]


def test_every_good_spec_with_names_is_what_torch_makes_of_it(made: Made) -> None:
    netspec.verify(made[0])


def test_the_emitted_file_of_a_graph_has_its_modules_where_the_built_one_has_them(made: Made) -> None:
    net, model = made
    names: dict[str, Any] = {"__name__": "emitted"}
    source = netspec.to_python(net)
    exec(compile(source, "emitted", "exec"), names)
    other: nn.Module = names[re.findall(r"^def (\w+)\(\) ->", source, re.MULTILINE)[-1]]()
    assert list(other.state_dict()) == list(model.state_dict())
    other.load_state_dict(model.state_dict())
    inputs = inputs_of(net)
    for one in (model, other.eval()):
        one.zero_grad()
        sum(x.square().sum() for x in flat(one(*inputs)) if x.requires_grad).backward()
    assert agree(other(*inputs), model(*inputs))
    for ours, theirs in zip(other.parameters(), model.parameters(), strict=True):
        assert (ours.grad is None) == (theirs.grad is None)
        assert ours.grad is None or agree(ours.grad, theirs.grad)


def test_a_graph_is_pickled_and_copied_and_its_weights_go_round(made: Made) -> None:
    net, model = made
    inputs = inputs_of(net)
    expected = model(*inputs)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert agree(other(*inputs), expected)
    other = netspec.build(net, seed=1).eval()
    other.load_state_dict(model.state_dict())
    assert agree(other(*inputs), expected)


def test_a_graph_moves_to_another_dtype_and_back(made: Made) -> None:
    net, model = made
    inputs = inputs_of(net)
    moved = copy.deepcopy(model).to(torch.float64)
    doubles = [x.double() if x.is_floating_point() else x for x in inputs]
    found = flat(moved(*doubles))
    assert all(x.dtype == torch.float64 for x in found)
    assert agree([x.float() for x in found], flat(model(*inputs)))


def test_a_graph_is_exported(made: Made) -> None:
    net, model = made
    inputs = inputs_of(net)
    program = torch.export.export(model, tuple(inputs))
    assert agree(program.module()(*inputs), model(*inputs))


@pytest.mark.parametrize("training", [False, True])
def test_a_graph_is_captured_whole(made: Made, training: bool) -> None:
    net, model = made
    if training and net.training_only:
        pytest.skip("a head leaves its result in its module, which a captured graph does not")
    torch._dynamo.reset()
    model = copy.deepcopy(model).train(training)
    inputs = inputs_of(net)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    results: list[Any] = []
    for forward in (compiled, model):
        torch.manual_seed(0)
        results.append(forward(*inputs))
    assert agree(*results)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="inductor needs a compiler")
def test_inductor_compiles_a_graph() -> None:
    net = net_of("dueling")
    model = netspec.build(net, seed=0)
    inputs = inputs_of(net)
    compiled = torch.compile(model, fullgraph=True)
    assert torch.allclose(compiled(*inputs), model(*inputs), atol=1e-5)


def test_the_parameters_of_a_graph_learn_as_those_of_the_same_module_by_hand() -> None:
    """The gradients of the dueling network, whose values are used twice."""
    net = net_of("dueling")
    model = netspec.build(net, seed=0)
    x = inputs_of(net)[0]
    model(x).square().sum().backward()
    trunk, critic, actor = model[0], model.critic, model.actor
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    hidden = trunk(x).relu()
    value = critic[2](critic[0](hidden).relu())
    advantage = actor[2](actor[0](hidden).relu())
    (value + advantage - advantage.mean(1, keepdim=True)).square().sum().backward()
    assert found.keys() == dict(model.named_parameters()).keys()
    for name, p in model.named_parameters():
        assert p.grad is not None
        assert torch.allclose(found[name], p.grad, rtol=1e-4, atol=1e-5), name


NESTED = """
input: [8]
blocks:
  mixed(a):
    - Linear: 8
      as: b
    - use: a * b
layers:
  - Linear: 8
    as: x
  - mixed: [x]
    name: inner
    as: y
  - ReLU
  - add: [[], x, y]
"""


def test_a_named_block_has_hooks_and_a_forward_of_its_own() -> None:
    model = netspec.build(netspec.loads(NESTED), seed=0)
    seen: list[tuple[int, torch.Size]] = []
    inner = model.get_submodule("inner")

    def hook(module: nn.Module, given: tuple[Tensor, ...], output: Any) -> None:
        seen.append((len(given), flat(output)[0].shape))

    handle: RemovableHandle = inner.register_forward_hook(hook)
    model(torch.randn(3, 8))
    handle.remove()
    assert seen == [(2, torch.Size((3, 8)))]  # what flows in, and `x`
    x, a = torch.randn(3, 8), torch.randn(3, 8)
    assert torch.allclose(flat(inner(x, a))[0], a * inner[0](x))


def test_a_graph_prints_the_names_of_what_it_reads_and_gives() -> None:
    spec = (
        "input: [4]\nlayers:\n  - {Linear: 4, as: q}\n  - add: [q, [{use: q}, ReLU], []]\n"
        "  - {sequential: [{Linear: 4, as: h}, ReLU], name: part}\n  - add: [[], h]\n"
    )
    text = repr(netspec.build(netspec.loads(spec)))
    assert "(0): Graph(reads q)\n" in text
    assert "reads q\n        (0): ReLU()" in text
    assert "(2): Graph()\n" in text
    assert "gives h\n" in text


def test_a_shortcut_that_is_a_value_alone_is_built() -> None:
    """It has a program and no modules."""
    text = "input: [8]\nlayers:\n  - {Linear: 8, as: x}\n  - residual: [Linear: 8]\n    shortcut: [use: x * 2]\n"
    model = netspec.build(netspec.loads(text), seed=0)
    x = torch.randn(2, 8)
    y = model[0](x)
    assert torch.equal(model(x), model[1].body[0](y) + y * 2)


FREED = """
input: [8]
layers:
  - {Linear: 8, name: kept, as: x}
  - ReLU
  - use: x * 2
  - {Linear: 8, name: behind}
  - {Linear: 8, name: last}
"""


@pytest.mark.parametrize("flow", ["- use: x * 2", "- add: [[], x]"])
def test_a_value_is_let_go_of_after_its_last_use(flow: str) -> None:
    model = netspec.build(netspec.loads(FREED.replace("- use: x * 2", flow)))
    found: list[weakref.ref[Tensor]] = []
    alive: list[bool] = []
    model.get_submodule("kept").register_forward_hook(lambda m, x, y: found.append(weakref.ref(y)))
    model.get_submodule("behind").register_forward_hook(lambda m, x, y: alive.append(found[0]() is not None))
    with torch.no_grad():
        model(torch.randn(2, 8))
    assert alive == [False]


@pytest.fixture
def _one_process(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("_one_process")
@pytest.mark.parametrize("name", ["pyramid", "autoencoder"])
def test_a_graph_trains_under_ddp(name: str) -> None:
    net = net_of(name)
    model = netspec.build(net, seed=0)
    plain = copy.deepcopy(model)
    inputs = inputs_of(net)
    parallel = DistributedDataParallel(model)
    for module in (parallel, plain):
        sum(x.square().sum() for x in flat(module(*inputs))).backward()  # type: ignore[union-attr]
    for (key, p), q in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert p.grad is not None, key
        assert torch.allclose(p.grad, q.grad), key


HEADS = """
input: [8]
layers:
  - Linear: 8
    as: x
  - aux: [use: x * 2, Linear: 3]
  - ReLU
  - aux: [Linear: 2]
  - Linear: 4
"""


def test_heads_on_values_run_in_training_only() -> None:
    model = netspec.build(netspec.loads(HEADS), seed=0)
    x = torch.randn(2, 8)
    result = model(x)
    first = model[0](x)
    assert torch.equal(result.output, model.eval()(x))
    heads = (model[1].body[0](first * 2), model[3].body[0](first.relu()))
    assert all(torch.equal(a, b) for a, b in zip(result.aux, heads, strict=True))
    named = netspec.build(netspec.loads(HEADS + "output: {y: [], x: x}\n"), seed=0)
    given = named(x)
    assert given._fields == ("y", "x", "aux")
    assert all(torch.equal(a, b) for a, b in zip(given.aux, result.aux, strict=True))
    assert named.eval()(x).aux == ()


# ---- memory

PRODUCT = """
input: [16, 8, 8]
layers:
  - {Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}, as: a}
  - {Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}, as: b}
  - use: a * b * 0.5 + a
  - BatchNorm2d
  - {AdaptiveAvgPool2d: 1, as: mean}
  - use: b * mean
  - Tanh
"""
POWERS = """
input: [16, 8, 8]
layers:
  - {Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}, as: a}
  - {Sigmoid: , as: b}
  - use: a / (b + 1)
    as: c
  - Conv2d: {out_channels: 16, kernel_size: 1}
  - as: d
  - use: d ** 2 + 2 ** c + (b + 0.5) ** c - 1 / (c ** 2 + 1) + b ** 1 + b ** 0
  - Conv2d: {out_channels: 3, kernel_size: 1}
"""
SEVERAL = """
input: {x: [16, 8, 8], mask: [1, 8, 8]}
layers:
  - {Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}, as: a}
  - use: a * mask
  - ReLU
  - as: b
  - gate: [{AdaptiveAvgPool2d: 1}, {Conv2d: {out_channels: 16, kernel_size: 1}}, Sigmoid]
output: {y: [Flatten, Linear: 4], b: b * 2, p: a - b, z: "1 - mask"}
"""


def memory_nets() -> dict[str, Net]:
    return {
        "skips": net_of("named_skips"),
        "pyramid": net_of("pyramid"),
        "product": netspec.loads(PRODUCT),
        "powers": netspec.loads(POWERS),
        "several": netspec.loads(SEVERAL),
    }


@pytest.mark.parametrize("name", ["skips", "pyramid", "product", "powers", "several"])
def test_what_a_graph_keeps_for_the_backward_pass_is_what_autograd_keeps(name: str) -> None:
    net = memory_nets()[name]
    model = netspec.build(net, seed=0)
    inputs = inputs_of(net, batch=3)
    found, _ = kept(model, *inputs)
    cost = estimate(net, 3, device="cpu")
    assert cost.activations == pytest.approx(sum(found.values()), rel=0.01)


def test_what_random_graphs_keep_is_what_autograd_keeps() -> None:
    """Among them gates and sums of values that no gradient flows to, and arithmetic that begins with whole numbers."""
    for seed in range(100):
        net = netspec.loads(json.dumps(Generator(seed).spec()))
        found, _ = kept(netspec.build(net, seed=seed), *inputs_of(net))
        assert estimate(net, 2, device="cpu").activations == pytest.approx(sum(found.values()), rel=0.01), seed


@pytest.mark.parametrize("name", ["heads", "steps", "reads", "outputs", "run", "start", "constant"])
def test_a_module_may_have_the_name_of_what_a_graph_keeps(name: str) -> None:
    text = f"input: [4]\nlayers:\n  - as: x\n  - {{Linear: 4, name: {name}}}\n  - add: [[], x]\n"
    text += f"  - sequential: [as: y, {{Linear: 4, name: {name}}}, use: x + y]\n"
    model = netspec.build(netspec.loads(text))
    assert f"{name}.weight" in model.state_dict()
    assert model(torch.randn(2, 4)).shape == (2, 4)
