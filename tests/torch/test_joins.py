"""Joins of random shapes against torch: legality, values, multiply-accumulates and what autograd keeps.

`python -m tests.torch.test_joins 5000` compares so many of each kind; the ordinary test run has a share.
"""

from __future__ import annotations

import string
import sys
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from netspec.combinators import joining_class
from netspec.combinators.base import Ends, Joining, Made
from netspec.dims import Unmet
from netspec.layers.base import TensorType
from netspec.torch.build import constructor
from tests.layers.memory import kept
from tests.layers.oracle import counting_flops

BATCH = 2
Shape = tuple[int, ...]
Case = tuple[str, dict[str, Any], list[Shape]]
"""The word, its options, and what each branch gives."""


class Constant(nn.Module):
    """A branch that gives a tensor of its own, whatever comes in."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = [value]  # in a list, so that it is no parameter

    def forward(self, x: Tensor) -> Tensor:
        return self.value[0]


def judged(joining: Joining, shapes: list[Shape]) -> Made | None:
    """What netspec says comes of branches of these shapes; None where it refuses."""
    types = [TensorType(shape) for shape in shapes]
    names = [f"branch {i + 1}" for i in range(len(shapes))]
    try:
        joining.check_branches(len(shapes))
        return joining.output(types[0], Ends(types, names, lambda branch, axis: f"{branch} {axis}"))
    except Unmet:
        return None


def expected(word: str, options: dict[str, Any], values: list[Tensor]) -> Tensor | None:
    """What one function of torch's makes of all branches; None where it refuses, or broadcasts more than netspec."""
    try:
        match word:
            case "einsum":
                return torch.einsum(equation(options["pattern"]), *values) if one_size(options, values) else None
            case "stack":
                dim = options["dim"]
                return None if dim in (0, -values[0].ndim - 1) else torch.stack(values, dim)
            case _:
                whole = torch.broadcast_shapes(*(value.shape for value in values))
    except (RuntimeError, IndexError):
        return None
    if any(value.ndim != len(whole) for value in values) or all(value.shape != whole for value in values):
        return None
    join = torch.add if word == "add" else torch.mul
    result = values[0]
    for value in values[1:]:
        result = join(result, value)
    return result


def one_size(options: dict[str, Any], values: list[Tensor]) -> bool:
    """Whether every axis has one size: torch also broadcasts those of size 1."""
    operands = [operand.split() for operand in options["pattern"].split("->")[0].split(",")]
    pairs = {
        pair for names, value in zip(operands, values, strict=True) for pair in zip(names, value.shape, strict=False)
    }
    return len(pairs) == len(dict(pairs))


def equation(pattern: str) -> str:
    """A pattern in torch's notation."""
    words = dict.fromkeys(pattern.replace(",", " ").replace("->", " ").split())
    letters = dict(zip(words, string.ascii_letters, strict=False))
    return "".join(letters.get(word, word) for word in pattern.replace(",", " , ").split())


@st.composite
def contractions(draw: st.DrawFn) -> Case:
    sizes = {name: draw(st.integers(1, 4)) for name in ("row", "col", "d", "e", "f")}
    operands = draw(st.lists(st.lists(st.sampled_from([*sizes]), unique=True, max_size=4), min_size=2, max_size=4))
    used = sorted({name for names in operands for name in names})
    result = draw(st.lists(st.sampled_from(used), unique=True, max_size=4)) if used else []
    shapes = [tuple(sizes[name] for name in names) for names in operands]
    if used and draw(st.integers(0, 4)) == 0:  # another size somewhere, or another rank
        i = draw(st.integers(0, len(shapes) - 1))
        shapes[i] = draw(st.lists(st.integers(2, 5), max_size=3).map(tuple))
    sides = [" ".join(["n", *names]) for names in (*operands, result)]
    return "einsum", {"pattern": f"{', '.join(sides[:-1])} -> {sides[-1]}"}, shapes


@st.composite
def elementwise(draw: st.DrawFn) -> Case:
    whole = draw(st.lists(st.integers(1, 4), max_size=3))
    shapes = [
        tuple(size if draw(st.integers(0, 3)) else draw(st.sampled_from([1, 1, 1, size + 1])) for size in whole)
        for _ in range(draw(st.integers(1, 4)))
    ]
    if draw(st.integers(0, 9)) == 0:
        shapes[-1] = (*shapes[-1], 1)
    return draw(st.sampled_from(["add", "mul"])), {}, shapes


@st.composite
def stacks(draw: st.DrawFn) -> Case:
    shape = draw(st.lists(st.integers(1, 4), max_size=3).map(tuple))
    shapes = [shape] * draw(st.integers(1, 4))
    if draw(st.integers(0, 4)) == 0:
        shapes[-1] = draw(st.lists(st.integers(1, 4), max_size=3).map(tuple))
    return "stack", {"dim": draw(st.integers(-5, 5))}, shapes


def disagreement(word: str, options: dict[str, Any], shapes: list[Shape]) -> tuple[str | None, bool]:
    """What is wrong between netspec and torch about a join, None if nothing is, and whether torch takes it."""
    joining = joining_class(word).model_validate(options)
    values = [torch.randn(BATCH, *shape, requires_grad=True).clone() for shape in shapes]
    made, theirs = judged(joining, shapes), expected(word, options, values)
    if made is None or theirs is None:
        return (None if made is None and theirs is None else f"netspec says {made}, torch {theirs}"), theirs is not None
    call = joining.call()
    module = constructor(call)(*map(Constant, values), **call.arguments)
    found, y = kept(module, values[0])
    with counting_flops() as counter:
        module(values[0])
    types = [TensorType(shape) for shape in shapes]
    saved = joining.saved(types[0], types)
    floats = saved.extra * BATCH + sum(value.numel() for value in values) * saved.branches  # type: ignore[operator]
    if made.type.shape != y.shape[1:]:
        return f"netspec gives {made.type.shape}, torch {tuple(y.shape[1:])}", True
    if not torch.allclose(y, theirs, rtol=1e-4, atol=1e-5):
        return "the values differ", True
    if joining.macs(types) * BATCH * 2 != counter.get_total_flops():
        return f"{joining.macs(types)} MACs, torch counts {counter.get_total_flops() / BATCH / 2}", True
    measured = sum(found.values())
    some_copied = saved.branches and not all(value.untyped_storage().data_ptr() in found for value in values)
    if 4 * floats < measured if some_copied else 4 * floats != measured:
        return f"{4 * floats} bytes kept, torch keeps {measured}", True
    return None, True


CASES = {"einsum": contractions(), "elementwise": elementwise(), "stack": stacks()}


def compared(cases: st.SearchStrategy[Case], count: int) -> Counter[bool]:
    """Compare so many cases. Returns how many torch takes and how many it refuses."""
    seen: Counter[bool] = Counter()

    @settings(max_examples=count, deadline=None)
    @given(cases)
    def agree(case: Case) -> None:
        message, taken = disagreement(*case)
        assert message is None
        seen[taken] += 1

    agree()
    return seen


@pytest.mark.parametrize("kind", CASES)
def test_netspec_and_torch_agree_on_random_joins(kind: str) -> None:
    seen = compared(CASES[kind], 200)
    assert min(seen[True], seen[False]) >= 15


if __name__ == "__main__":
    for kind, cases in CASES.items():
        seen = compared(cases, int(sys.argv[1]))
        print(f"{kind:16} {seen[True]:7} accepted {seen[False]:7} refused, no disagreement", flush=True)
