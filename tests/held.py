"""A spec held against the same network written by hand: values, gradients, costs, and everything that is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import netspec
from netspec.cost import estimate
from netspec.emit.json import to_json
from netspec.net import Net
from tests.emitted import emitted, tuple_of
from tests.layers.memory import kept
from tests.layers.oracle import counting_flops
from tests.test_combinators import without_places

Written = Callable[[dict[str, Tensor], dict[str, Tensor]], Tensor]
"""The network by hand: its parameters by their keys, its inputs by their names → the output."""

BATCH = 3


def examples(net: Net, batch: int = BATCH) -> dict[str, Tensor]:
    """A batch for each input; of a mask more takes part than not, and in the first example nothing does at the end."""
    made: dict[str, Tensor] = {}
    for value in net.inputs:
        shape = (batch, *value.type.shape)
        if value.type.dtype == "bool":
            mask = torch.rand(shape) < 0.7
            mask[0, ..., -1] = False
            made[value.name or "x"] = mask
        else:
            made[value.name or "x"] = torch.randn(shape)
    return made


def near(a: Tensor, b: Tensor, share: float = 1e-9) -> bool:
    """Whether values differ by at most a share of the largest."""
    largest = max(float(b.detach().abs().max()), 1e-9)
    return a.shape == b.shape and float((a - b).detach().abs().max()) <= share * largest


def hold(text: str, written: Written, *, memory: float = 0.01) -> Net:
    """Hold a spec against what is written by hand, and all that is made of it against itself."""
    net = netspec.loads(text)
    torch.manual_seed(0)
    model, inputs = netspec.build(net, seed=0), examples(net)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # also of biases, which begin as zeros
    agree(model.double().eval(), {n: v.double() if v.is_floating_point() else v for n, v in inputs.items()}, written)
    model.float()
    with counting_flops() as counter:
        model(*examples(net, 1).values())
    assert counter.get_total_flops() == 2 * int(net.macs)  # type: ignore[call-overload]
    found, _ = kept(model, *inputs.values())
    measured, declared = sum(found.values()), estimate(net, BATCH, device="cpu").activations
    assert abs(declared - measured) <= memory * measured, f"{declared} bytes estimated, {measured} kept"
    assert not netspec.verify(net).disagreements
    assert sum(p.numel() for p in model.parameters()) == net.params
    made = emitted(net)
    assert list(made.state_dict()) == list(model.state_dict())
    made.load_state_dict(model.state_dict())
    same(model, made, inputs)
    flat = netspec.loads(netspec.expand(net))
    assert [leaf.call for leaf in flat.layers] == [leaf.call for leaf in net.layers]
    assert (flat.params, flat.macs, flat.output) == (net.params, net.macs, net.output)
    assert netspec.expand(flat) == netspec.expand(net)
    assert layers_of(flat) == layers_of(net)
    return net


def layers_of(net: Net) -> Any:
    """The layers in a net's JSON, without what an expansion changes: names and slots of values, places, calls."""
    found = without_places(to_json(net))["layers"]
    return [{k: v for k, v in layer.items() if k not in ("calls", "inputs", "results")} for layer in found]


def agree(model: torch.nn.Module, inputs: dict[str, Tensor], written: Written) -> None:
    """Hold values, and the gradients of parameters and inputs, against those by hand."""
    parameters = dict(model.named_parameters())
    leaves = {n: v.clone().requires_grad_() if v.is_floating_point() else v for n, v in inputs.items()}
    by = [*parameters.values(), *(v for v in leaves.values() if v.requires_grad)]
    ours, theirs = model(*leaves.values()), written(parameters, leaves)
    assert near(ours, theirs), f"off by {float((ours - theirs).abs().max())}"
    weights = torch.randn_like(theirs)
    found = torch.autograd.grad((ours * weights).sum(), by, allow_unused=True)
    wanted = torch.autograd.grad((theirs * weights).sum(), by, allow_unused=True)
    largest = max(float(g.abs().max()) for g in wanted if g is not None)
    for a, b in zip(found, wanted, strict=True):
        assert (
            (a is None or not a.any()) if b is None else a is not None and float((a - b).abs().max()) <= 1e-9 * largest
        )


def same(a: torch.nn.Module, b: torch.nn.Module, inputs: dict[str, Tensor]) -> None:
    """Both give the same bits, in train and in eval mode."""
    for training in (True, False):
        results: list[Tensor] = []
        for model in (a.train(training), b.train(training)):
            torch.manual_seed(1)
            results.append(model(*inputs.values()))
        assert torch.equal(*results)


def export(text: str) -> None:
    """A net is exported with an open batch, and gives the same."""
    net = netspec.loads(text)
    model, inputs = netspec.build(net, seed=0).eval(), examples(net)
    dims: Any = tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs)
    # `forward` takes the inputs behind the first as a tuple
    shapes = (dims[0], dims[1:]) if len(dims) > 1 else dims
    program = torch.export.export(model, tuple(inputs.values()), dynamic_shapes=shapes)
    more = tuple(torch.cat([value, value]) for value in inputs.values())
    assert near(*(torch.utils._pytree.tree_leaves(tuple_of(run(*more)))[0] for run in (program.module(), model)), 1e-5)
