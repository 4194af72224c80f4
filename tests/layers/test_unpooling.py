"""Max pools that give indices, and max unpools, against torch's own on random arguments; what is built of them."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from torch import nn

import netspec
from tests.emitted import emitted


def drawn(rng: Random, axes: int) -> tuple[dict[str, int], list[int], list[int]]:
    """Arguments of both, the sizes of the map, and those asked of the result: near the map's, or beyond a stride."""
    kernel = rng.randint(1, 3)
    arguments = {"kernel_size": kernel, "stride": rng.randint(1, 3), "padding": rng.randint(0, kernel // 2)}
    sizes = [rng.randint(3, 9) for _ in range(axes)]
    return arguments, sizes, [max(size + rng.randint(-1, 2), 1) for size in sizes]


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_range_of_output_size_and_the_values_are_torchs(axes: int) -> None:
    rng, accepted, refused = Random(axes), 0, 0
    for _ in range(60):
        arguments, sizes, wanted = drawn(rng, axes)
        pool = getattr(nn, f"MaxPool{axes}d")(**arguments, return_indices=True)
        x = torch.randn(2, 3, *sizes)
        y, indices = pool(x)
        whole: Any = {**arguments, "output_size": wanted} if rng.random() < 0.7 else arguments
        size = whole.get("output_size")
        unpool = getattr(nn, f"MaxUnpool{axes}d")(**arguments)
        try:
            # with indices that fit into every map: what is refused is the size
            unpool(y, torch.zeros_like(indices), output_size=size)
        except (ValueError, RuntimeError):
            expected = None
        else:
            expected = unpool(y, indices * 0, output_size=size)
        words = ", ".join(f"{key}: {value}" for key, value in whole.items())
        first = ", ".join(f"{key}: {value}" for key, value in arguments.items())
        text = (
            f"input: {[3, *sizes]}\nlayers:\n  - MaxPool{axes}d: {{{first}, return_indices: true}}\n    as: [y, i]\n"
            f"  - MaxUnpool{axes}d: {{{words}, indices: i}}\n    as: z\noutput: {{z: z, i: i}}\n"
        )
        if expected is None:
            refused += 1
            with pytest.raises(netspec.SpecError):
                netspec.loads(text)
            continue
        accepted += 1
        net = netspec.loads(text)
        assert net.outputs[0].types[0].shape == tuple(expected.shape[1:])
        try:
            want = unpool(y, indices, output_size=size)
        except RuntimeError:
            continue  # places outside of a smaller map, which the values decide
        for module in (netspec.build(net).eval(), emitted(net).eval()):
            found = module(x)
            assert torch.equal(found.i if hasattr(found, "i") else found[1], indices)
            if arguments["stride"] >= arguments["kernel_size"]:  # else a place is written twice, in any order
                assert torch.equal(found[0], want)
    assert accepted >= 15 and refused >= 5


def test_it_is_exported_and_verified_and_the_flat_form_says_the_same() -> None:
    net = netspec.loads(
        "input: [3, 9, 8]\nlayers:\n  - MaxPool2d: {kernel_size: 2, return_indices: true}\n    as: [_, i]\n"
        "  - MaxUnpool2d: {kernel_size: 2, output_size: [9, 8], indices: i}\n"
    )
    built, x = netspec.build(net).eval(), torch.randn(2, 3, 9, 8)
    assert torch.equal(torch.export.export(built, (x,)).module()(x), built(x))
    assert not netspec.verify(net).disagreements
    flat = netspec.loads(netspec.expand(net))
    assert [leaf.call for leaf in flat.layers] == [leaf.call for leaf in net.layers]


def test_without_a_list_of_names_a_pool_gives_one_tensor() -> None:
    net = netspec.loads("input: [3, 8, 8]\nlayers:\n  - MaxPool2d: {kernel_size: 2, return_indices: true}\n")
    assert isinstance(netspec.build(net)(torch.randn(1, 3, 8, 8)), torch.Tensor)
