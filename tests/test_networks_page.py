"""`docs/networks.md`: headings count rows, specs have the parameters of their row and are held by what it says."""

from __future__ import annotations

import re
from pathlib import Path

import netspec
from tests.zoo.published import SIZES

ROOT = Path(__file__).parent.parent
ZOO = ROOT / "tests" / "zoo"
PAGE = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")


def sections() -> dict[str, list[list[str]]]:
    """Heading → the cells of its table's rows."""
    found: dict[str, list[list[str]]] = {}
    for part in PAGE.split("\n## ")[1:]:
        heading, *lines = part.splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
        found[heading] = rows[1:]  # the first are the titles
    return found


def said() -> list[list[str]]:
    """The rows of the specs: network, file, variant, parameters, by what it is held."""
    return next(iter(sections().values()))


def test_each_heading_counts_its_rows_and_all_are_140() -> None:
    tables = sections()
    counts = {heading: int(re.findall(r"\((\d+)\)$", heading)[0]) for heading in tables}
    assert counts == {heading: len(rows) for heading, rows in tables.items()}
    assert sum(counts.values()) == 140
    specs, lacking = counts.values()
    assert f"{specs} of them can be said; {lacking} lack something." in " ".join(PAGE.split())
    names = [row[0] for rows in tables.values() for row in rows]
    assert len(set(names)) == len(names)


def test_each_spec_has_the_parameters_of_its_row() -> None:
    for _, path, variant, params, _ in said():
        net = netspec.load(ROOT / path.strip("`"), variant=variant or None)
        assert f"{net.params:,}" == params, path


def test_each_spec_is_held_by_what_its_row_says() -> None:
    own = [path for path in ZOO.glob("test_*.py") if path.name != "test_published.py"]
    by_hand = "".join(path.read_text(encoding="utf-8") for path in own)
    for _, path, _, _, held in said():
        spec = path.strip("`").removeprefix("specs/").removesuffix(".yaml")
        rows = [row for row in SIZES if row.spec == spec]
        if f'"{spec}"' in by_hand or f'"{Path(spec).name}"' in by_hand:
            assert held == "module", spec
        else:
            assert held == ("timm" if any(row.pixels for row in rows) else "size"), spec
            assert rows, spec
