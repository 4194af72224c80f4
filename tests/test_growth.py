"""A graph of many named values costs what a chain of as many layers does: the work grows with its length.

What is counted is the lines of Python that run, which no other process disturbs. Eight times the values take at most
eight and a half times the lines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
import torch

import netspec
from netspec.torch.graphs import Graph

FEW, MANY = 20, 160

SHAPES = {
    "each value is read by the next": (
        "input: [8]\nlayers:\n  - as: x[0]\n  - for: i in range({n})\n    do:\n"
        '      - {use: "x[i] * 2 + x[i]"}\n      - Linear: 8\n      - as: x[i + 1]\n'
    ),
    "a family is joined once": (
        "input: [8]\nlayers:\n  - for: i in range({n})\n    do: [ReLU, as: 'p[i]']\n  - concat: p\n"
    ),
    "a product of which one side trains": (
        "input: [8]\nlayers:\n  - for: i in range({n})\n    do: [as: 'p[i]', ReLU]\n  - Linear: 8\n  - mul: [p, []]\n"
    ).replace("[p, []]", '[{for: i in range({n}), do: [use: "p[i]"]}, []]'),
    "every value is read at the end": (
        "input: [8]\nlayers:\n  - for: i in range({n})\n    do: [ReLU, as: 'p[i]']\n"
        "  - for: i in range({n})\n    do: [add: [[], 'p[i]']]\n"
    ),
    "one branch of many has the whole shape": (
        "input: [8, 4]\nlayers:\n  - as: x\n  - Mean: {dim: 1, keepdim: true}\n  - as: m\n"
        '  - add: [{for: i in range({n}), do: [use: m, ReLU]}, x]\n'
    ),
    "a name is bound again and again": (
        "input: [8]\nlayers:\n  - Linear: 8\n  - repeat: {n}\n"
        "    do: [as: x, ReLU, add: [[], x], as: y, use: y * 2 + x]\n"
    ),
    "a net gives all of its values": (
        "input: [8]\nlayers:\n  - for: i in range({n})\n    do: [ReLU, as: 'p[i]']\noutput: {all: p}\n"
    ),
}  # fmt: skip

READERS: dict[str, Callable[[netspec.Net], Any]] = {
    "estimate": lambda net: netspec.estimate(net, 8),
    "JSON": netspec.to_json,
    "table": netspec.summary,
    "Python": netspec.to_python,
    "YAML": netspec.expand,
    "diagram": lambda net: netspec.diagram(net, depth=9),  # all of it, where a large one would be closed
    "module": netspec.build,
}


def lines(run: Callable[[], Any]) -> int:
    """The number of lines of netspec's that a call runs."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if event == "call":
            return trace if frame.f_globals["__name__"].startswith("netspec") else None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_the_work_grows_with_the_number_of_named_values(shape: str) -> None:
    small, large = (SHAPES[shape].replace("{n}", str(n)) for n in (FEW, MANY))
    for reader in READERS.values():
        reader(netspec.loads(small))  # what is imported at the first time is not counted
    nets = netspec.loads(small), netspec.loads(large)
    growth = {"check": lines(lambda: netspec.loads(large)) / lines(lambda: netspec.loads(small))}
    for name, reader in READERS.items():
        few, many = (lines(lambda net=net, reader=reader: reader(net)) for net in nets)
        growth[name] = many / few
    assert max(growth.values()) <= 9, growth


def test_the_branches_of_a_join_are_given_what_they_read() -> None:
    """All of them were given what any of them reads, a thousand values to each of a thousand branches."""
    net = netspec.loads(SHAPES["a family is joined once"].replace("{n}", "1000"))
    model = netspec.build(net)
    assert sum(len(module._reads) for module in model.modules() if isinstance(module, Graph)) == 1000
    x = torch.randn(2, 8)
    assert torch.equal(model(x), x.relu().repeat(1, 1000))
