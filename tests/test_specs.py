"""The specs under `tests/specs`: the good ones are clean, the bad ones wrong exactly where they say `# error: code`.

Those under `bad/graphs` stand several to a file. Below a wrong line `# help: …` is part of what netspec says to do, and
`# mend: …` is the line as one would mend it (nothing: left out): so mended the spec is clean.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import netspec
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.text.source import decode

HERE = Path(__file__).parent / "specs"
ROOT = Path(__file__).parent.parent


GRAPHS = {
    f"{path.stem}-{number}": text
    for path in sorted((HERE / "bad" / "graphs").glob("*.yaml"))
    for number, text in enumerate(path.read_text().split("---\n"), 1)
}


def expected(text: str) -> Counter[tuple[int, str]]:
    found: Counter[tuple[int, str]] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if marked := re.search(r"# error: (.+)$", line):
            found.update((number, code) for code in marked[1].split())
    return found


@pytest.mark.parametrize("path", sorted((HERE / "bad").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_bad_spec_is_wrong_exactly_where_it_says(path: Path) -> None:
    diagnostics = netspec.check(path)
    found = Counter((d.span.line, d.code) for d in diagnostics)
    assert found == expected(path.read_text()), "\n".join(
        f"{d.span.line}:{d.span.column} {d.code} {d.message}" for d in diagnostics
    )


def findings(text: str) -> list[Diagnostic]:
    source, problems = decode(text.encode(), "spec.yaml")
    return check_source(source, problems)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_wrong_graph_is_wrong_exactly_where_it_says_and_its_help_helps(name: str) -> None:
    text = GRAPHS[name]
    found = findings(text)
    assert Counter((d.span.line, d.code) for d in found) == expected(text), [
        (d.span.line, d.code, d.message) for d in found
    ]
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if wanted := re.match(r" *# help: (.+)$", line):
            above = max(d.span.line for d in found if d.span.line < number)
            assert wanted[1] in " ".join(d.help or "" for d in found if d.span.line == above)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_mended_graph_is_clean(name: str) -> None:
    lines: list[str] = []
    for line in GRAPHS[name].splitlines():
        if mended := re.match(r" *# mend:(.*)$", line):
            wrong = lines.pop()
            indent = " " * (len(wrong) - len(wrong.lstrip()))
            lines += [indent + mended[1].strip()] if mended[1].strip() else []
        elif not line.lstrip().startswith("# help:"):
            lines.append(line)
    text = "\n".join(lines)
    assert [(d.span.line, d.code, d.message) for d in findings(text)] == [], text


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
