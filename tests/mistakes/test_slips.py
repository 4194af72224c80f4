"""Slips of the pen: one finding each, whose mend gives the network and the recipe that were meant."""

from __future__ import annotations

from collections import Counter

import pytest

import netspec
from netspec.mends.repair import repaired
from netspec.text.source import decode
from tests.mistakes.check import apply, check, same_network
from tests.mistakes.slips import Slip, slips

LEFT = {"recipe: optimizer with decimal commas"}
"""What no mend answers."""
SEVERAL = {
    "commas behind all", "commas behind arguments", "semicolons behind all", "no-break spaces", "input: {1, 8, 8}",
    "optimizer with decimal commas",
}  # fmt: skip
"""What is more than one mistake, each with a mend of its own."""
GROUPS = ("chain", "block", "branch", "top", "layers", "recipe")


def of(group: str, *, every: bool) -> list[Slip]:
    return [slip for slip in slips(every) if slip.name.startswith(group)]


def bare(name: str) -> str:
    return name.partition(": ")[2].removesuffix(", CRLF").removesuffix(", BOM")


def ended(slip: Slip) -> str:
    """What becomes of a slip."""
    found = check(slip.wrong)
    made = repaired(decode(slip.wrong.encode(), "spec.yaml")[0], found, check)
    if any(d.severity == "error" for d in made.left):
        return "left"
    mended, right = netspec.loads(made.text, "spec.yaml"), netspec.loads(slip.right, "spec.yaml")
    assert mended.recipe == right.recipe
    return "right" if same_network(mended, right) else "another network"


@pytest.mark.parametrize("group", GROUPS)
def test_the_mend_gives_what_was_meant(group: str) -> None:
    made = {slip.name: ended(slip) for slip in of(group, every=False)}
    assert {name: end for name, end in made.items() if end != "right"} == dict.fromkeys(LEFT & made.keys(), "left")


@pytest.mark.parametrize("group", GROUPS)
def test_each_is_told_once(group: str) -> None:
    for slip in of(group, every=False):
        errors = [d for d in check(slip.wrong) if d.severity == "error"]
        assert len(errors) <= 1 or bare(slip.name) in SEVERAL, (slip, errors)


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS[:3])
def test_in_every_place(group: str) -> None:
    every = of(group, every=True)
    assert Counter(map(ended, every)) == {"right": len(every)}


@pytest.mark.parametrize(
    ("item", "place", "message", "mended"),
    [
        ("  - ReLU\n  Tanh\n  - ReLU", (4, 3, 4, 7), "this item has no dash", "  - ReLU\n  - Tanh\n  - ReLU"),
        ("  - ReLU\n    Dropout: 0.5\n  - Tanh", (4, 5, 4, 17), "this item has no dash",
         "  - ReLU\n  - Dropout: 0.5\n  - Tanh"),
        ("  - Dropout: 0.5\n   - ReLU\n  - Tanh", (4, 4, 4, 10),
         "this line begins in column 4, and those that it belongs to in column 3",
         "  - Dropout: 0.5\n  - ReLU\n  - Tanh"),
        ("  - ReLU\n  — Tanh", (4, 3, 4, 9), "an item begins with a dash and a blank", "  - ReLU\n  - Tanh"),
        ("  - ReLU\n// then\n  - Tanh", (4, 1, 4, 8), "a comment begins with `#`", "  - ReLU\n# then\n  - Tanh"),
        ("  - Dropout: p: 0.5", (3, 14, 3, 20), "arguments stand in braces", "  - Dropout: {p: 0.5}"),
        ("  - LocalResponseNorm: {size: 1, k: 2\n  - ReLU", (3, 24, 3, 25), "a bracket is not closed",
         "  - LocalResponseNorm: {size: 1, k: 2}\n  - ReLU"),
        ("  - Dropout:\n      p: 0.5\n\tinplace: false", (5, 1, 5, 2),
         "a tab character indents this line, and those that it belongs to in column 7",
         "  - Dropout:\n      p: 0.5\n      inplace: false"),
    ],
)  # fmt: skip
def test_a_slip_is_told_where_it_is(item: str, place: tuple[int, ...], message: str, mended: str) -> None:
    text = f"input: [4, 8, 8]\nlayers:\n{item}\n"
    (found,) = check(text)
    assert (found.code, found.span[1:]) == ("yaml-syntax", place)
    assert found.message == message
    assert found.fix is not None
    assert found.fix.certain
    assert apply(text, found.fix) == f"input: [4, 8, 8]\nlayers:\n{mended}\n"


def test_values_that_differ_are_not_chosen_between() -> None:
    (found,) = check("input: [8]\nlayers:\n  - Linear: {out_features: 4, out_features: 5}\n")
    assert found.code == "duplicate-key"
    assert found.fix is None or not found.fix.certain


def test_no_layer_is_lost() -> None:
    """Two layers in one text are no misspelt one."""
    text = "input: [4, 8, 8]\nlayers:\n  - BatchNorm2d\n    ReLU\n"
    (found,) = check(text)
    assert found.fix is not None
    assert apply(text, found.fix) == "input: [4, 8, 8]\nlayers:\n  - BatchNorm2d\n  - ReLU\n"
