"""A spec and its flat YAML are one network, also where the body of a block says which items are one module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import netspec
from netspec.net import Net

SPECS = Path(__file__).parents[1] / "specs"


SHARED: dict[str, str] = {
    "in a branch": """
        blocks: {twice: [{Linear: 8, shared: fc}, ReLU, {Linear: 8, shared: fc}]}
        input: [8]
        layers: [residual: [twice], residual: [ReLU, twice], sequential: [residual: [twice], twice]]
    """,
    "of other widths": """
        blocks: {twice(width): [Linear: width, {Linear: width, shared: fc}, {Linear: width, shared: fc}]}
        input: [8]
        layers:
          - residual: [twice: 8]
          - for: i in range(3)
            do: [{residual: [twice: 4 + i], shortcut: [Linear: 4 + i]}]
    """,
    "by combinators": """
        blocks: {twice: [{residual: [Linear: 8], shared: one}, {residual: [Linear: 8], shared: one}]}
        input: [8]
        layers: [add: [[twice], [twice]]]
    """,
    "in a call within": """
        blocks:
          inner: [add: [[{Linear: 8, shared: fc}], [Tanh, {Linear: 8, shared: fc}]]]
          outer: [residual: [inner], {Linear: 8, shared: fc}, {Linear: 8, shared: fc}]
        input: [8]
        layers: [outer, ReLU, residual: [{repeat: 2, do: [{sequential: [residual: [outer]]}]}]]
    """,
    "with values given and taken": """
        blocks:
          two(v, w):
            - use: v
            - add: [[{Linear: 8, shared: fc}], [{Linear: 8, shared: fc}], w]
            - as: a
            - Linear: 8
            - as: b
            - output: [a, b]
          outer(v):
            - residual: [Linear: 8, {two: [v * 2, v], as: f}, use: "f[0] + f[1] * v"]
        input: {x: [LENGTH, 8]}
        layers: [use: x, outer: x, outer: x, add: [[outer: x], [outer: x], [Linear: 8]]]
    """,
}


def same(net: Net) -> str:
    """The flat YAML of a net, which is one with it."""
    text = netspec.expand(net)
    flat = netspec.loads(text, "flat.yaml")
    assert told(flat) == told(net)
    assert (flat.params, flat.macs, flat.output) == (net.params, net.macs, net.output)
    assert netspec.expand(flat) == text
    return text


def told(net: Net) -> list[Any]:
    return [
        (
            x.path,
            x.call,
            x.input,
            x.output,
            x.init,
            x.frozen,
            x.again,
            x.stand_in,
            [*x.inputs],
            x.ties,
            x.parametrization,
        )
        for x in net.layers
    ]


@pytest.mark.parametrize("text", SHARED.values(), ids=SHARED)
def test_what_is_one_module_in_the_body_of_a_block_stays_one_there(text: str) -> None:
    flat = same(netspec.loads(text))
    assert "blocks:" in flat
    assert "shared: " in flat


def test_a_block_stays_only_where_it_says_what_is_one_module() -> None:
    head = "blocks: {twice: [{Linear: 8, shared: fc}, {Linear: 8, shared: fc}], more: [Linear: 8]}\ninput: [8]\n"
    for layers in (
        "[twice, more]",
        "[residual: [more]]",
        "[residual: [{twice: , name: own}]]",
        "[sequential: [twice]]",
    ):
        assert "blocks:" not in same(netspec.loads(f"{head}layers: {layers}"))


@pytest.mark.parametrize("path", sorted(SPECS.rglob("*.yaml")), ids=lambda p: p.relative_to(SPECS).as_posix())
def test_every_spec_that_we_ship_is_the_same_when_expanded_and_so_it_is_with_other_depths(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    written = yaml.safe_load(text)
    variables = written.get("vars") or {}
    try:
        net, variant = netspec.loads(text, path.stem), None
    except netspec.UsageError:  # it means nothing without one of its variants
        variant = next(iter(written["variants"]))
        net = netspec.loads(text, path.stem, variant)
    same(net)
    other: dict[str, Any] = {
        name: variables[name] + 1 for name in ("depth", "rounds") if isinstance(variables.get(name), int)
    }
    if isinstance(variables.get("depths"), list):
        other["depths"] = [n + i % 2 for i, n in enumerate(variables["depths"])]
    if other:
        same(netspec.loads(text, path.stem, variant, set=other))
