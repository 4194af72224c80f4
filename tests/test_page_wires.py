"""The wires of the HTML page, as Chromium lays them out: what is given reaches who takes it, and nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.compiler import compile_source
from netspec.drawing.interactive import OnPage, page
from netspec.text.source import decode
from tests.browser import CHROMIUM, MISSING, browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

CASES: dict[str, list[bool]] = {
    "add: [[], [use: b, Linear: 8]]": [True, False],
    "add: [[use: b, Linear: 8], []]": [False, True],
    "add: [[use: b, Linear: 8], [], [use: c]]": [False, True, False],
    "add: [[Parameter: {shape: [8]}], []]": [False, True],
    "add: [[], [Parameter: {shape: [8]}], [Linear: 8]]": [True, False, True],
    "mul: [[Linear: 8], [use: b]]": [True, False],
    "add: [[Linear: 8], [{as: z}, {use: c}, add: [[], [use: z]]]]": [True, True],
    "concat: [[use: b], [use: c]]": [False, False],
    "residual: [Linear: 8]": [True, True],
}
"""What stands behind a layer, and which of its branches take what that gives."""

MEASURE = """
[...document.querySelectorAll(".net > .chain > .chain > .chain > .branches")].map((all) => {
  const middle = (e) => { const r = e.getBoundingClientRect(); return r.x + r.width / 2; };
  const rail = all.querySelector(":scope > .rail")?.getBoundingClientRect();
  return {
    centre: middle(all), rail: rail ? [rail.x, rail.right] : null,
    branches: [...all.querySelectorAll(":scope > .branch")].map((branch) => ({
      at: middle(branch), begins: branch.firstElementChild.className,
    })),
    before: all.parentElement.previousElementSibling?.className,
  };
})
"""


def measured(layers: list[str], file: Path) -> list[dict[str, Any]]:
    text = "input: {a: [8], b: [8], c: [8]}\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)
    file.write_bytes(page([OnPage(netspec.loads(text), "n.yaml", text)]))
    with browser() as tab:
        tab.resize(1600, 1200)
        tab.open(file)
        assert tab.errors == []
        found = tab.js(MEASURE)
        tab.js("zoomTo(0.4)")
        tab.painted()
        assert len(tab.js(MEASURE)) == len(found)
        return found


def test_what_flows_reaches_the_branches_that_take_it_and_no_other(tmp_path: Path) -> None:
    joins = measured([layer for case in CASES for layer in ("Linear: 8", case)], tmp_path / "n.html")
    assert len(joins) == len(CASES)
    for (case, takes), join in zip(CASES.items(), joins, strict=True):
        branches = join["branches"]
        assert ["wire" in branch["begins"] for branch in branches] == takes, case
        assert ("wire" in join["before"]) == any(takes), case
        if not any(takes):
            assert join["rail"] is None, case
            continue
        reached = [join["centre"], *(b["at"] for b, taken in zip(branches, takes, strict=True) if taken)]
        assert join["rail"] == pytest.approx([min(reached), max(reached)], abs=1.6), case


def test_nothing_leads_into_what_makes_its_value_itself(tmp_path: Path) -> None:
    """A constant behind a layer, at the top and in a block that opens."""
    spec = """
input: [8]
blocks:
  own():
    - Parameter: {shape: [8]}
    - Linear: 8
layers:
  - Linear: 8
  - as: x
  - Parameter: {shape: [8]}
  - add: [[], [use: x]]
  - as: y
  - own: []
  - add: [[], [use: y]]
"""
    file = tmp_path / "n.html"
    file.write_bytes(page([OnPage(netspec.loads(spec), "n.yaml", spec)]))
    with browser() as tab:
        tab.open(file)
        tab.click("#open")
        before = tab.js(
            "[...document.querySelectorAll('.layer')].filter(e => e.textContent.startsWith('Parameter'))"
            ".map(e => (e.closest('.unit') || e)).map(e => (e.previousElementSibling || e.parentElement"
            ".previousElementSibling).className)"
        )
        assert before == ["gap", "gap"]
        assert tab.js("document.querySelector('.group').previousElementSibling.className") == "gap"


def test_a_finding_about_a_join_can_be_read(tmp_path: Path) -> None:
    spec = "input: [8]\nlayers:\n  - residual: [Linear: 7]\n  - Linear: 2\n"
    file = tmp_path / "n.html"
    result = compile_source(*decode(spec.encode(), "n.yaml"))
    file.write_bytes(page([OnPage(result.net, "n.yaml", spec, result.diagnostics)]))
    with browser() as tab:
        tab.open(file)
        wide, high = tab.js(
            "(() => { const r = document.querySelector('.sign .said, .said').getBoundingClientRect();"
            "return [r.width, r.height] })()"
        )
        assert wide > 120
        assert high < 140


def test_what_is_heard_is_what_is_seen_and_a_block_is_called_by_its_title_alone(tmp_path: Path) -> None:
    """By Chromium's own tree for assistive technology; `python -m tests.accessible` asks axe-core."""
    spec = "input: [8]\nblocks:\n  b():\n    - residual: [Linear: 8]\n    - ReLU\nlayers:\n  - b: []\n  - Linear: 2\n"
    file = tmp_path / "n.html"
    file.write_bytes(page([OnPage(netspec.loads(spec), "n.yaml", spec)]))
    with browser() as tab:
        tab.open(file)
        tab.click("#open")
        tree = tab.call("Accessibility.getFullAXTree")["nodes"]
        names = [
            " ".join(node["name"]["value"].split())
            for node in tree
            if not node["ignored"] and node["role"]["value"] == "treeitem"
        ]
        assert sorted(names) == [
            "+ residual gives 8",
            "Linear 18 parameters 2 gives 2",
            "Linear 72 parameters 8 gives 8",
            "ReLU gives 8",
            "b 2 layers, 72 parameters block, gives 8",
        ]
        owned = [node for node in tree if not node["ignored"] and node["role"]["value"] == "group"]
        assert len(owned) == 1
