"""The specs in `tests/specs`: the good have no diagnostics, the bad have those in their comments `# error: code`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import netspec

HERE = Path(__file__).parent / "specs"
ROOT = Path(__file__).parent.parent


def expected(path: Path) -> Counter[tuple[int, str]]:
    found: Counter[tuple[int, str]] = Counter()
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if marked := re.search(r"# error: (.+)$", line):
            found.update((number, code) for code in marked[1].split())
    return found


@pytest.mark.parametrize("path", sorted((HERE / "bad").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_bad_spec_is_wrong_exactly_where_it_says(path: Path) -> None:
    diagnostics = netspec.check(path)
    found = Counter((d.span.line, d.code) for d in diagnostics)
    assert found == expected(path), "\n".join(
        f"{d.span.line}:{d.span.column} {d.code} {d.message}" for d in diagnostics
    )


@pytest.mark.parametrize("path", sorted((HERE / "good").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_good_spec_has_no_findings(path: Path) -> None:
    assert [(d.span.line, d.code, d.message) for d in netspec.check(path)] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("specs/**/*.yaml")), ids=lambda p: p.stem)
def test_every_spec_that_we_ship_is_clean_in_every_variant(path: Path) -> None:
    findings = [d for d in netspec.check(path) if d.code != "needs-batch-2"]  # a norm over one value: as in the paper
    assert [(d.span.line, d.code, d.message) for d in findings] == []


@pytest.mark.parametrize("path", sorted((HERE / "good").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_flat_yaml_compiles_to_the_same_layers(path: Path) -> None:
    net = netspec.load(path)
    flat = netspec.loads(netspec.expand(net), "flat.yaml")
    assert [(x.path, x.call, x.input, x.output, x.init, x.frozen) for x in net.layers] == [
        (x.path, x.call, x.input, x.output, x.init, x.frozen) for x in flat.layers
    ]
