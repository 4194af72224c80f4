"""Every diagnostic code is explained by a spec that provokes it, and by the same spec mended."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netspec.codes import CODES
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.text.source import decode


def findings(text: str) -> list[Diagnostic]:
    source, problems = decode(text.encode(), "example.yaml")
    return check_source(source, problems)


@pytest.mark.parametrize("code", CODES)
def test_the_bad_example_provokes_its_code_and_no_other(code: str) -> None:
    if not CODES[code].bad:
        pytest.skip("provoked by a file or an option, not by a text")
    found = findings(CODES[code].bad)
    assert [d.code for d in found] == [code], [(d.code, d.message) for d in found]
    assert found[0].severity == CODES[code].severity


@pytest.mark.parametrize("code", CODES)
def test_the_mended_example_has_no_findings(code: str) -> None:
    assert findings(CODES[code].good) == []


def test_every_code_that_the_package_reports_is_in_the_table() -> None:
    """Codes are the string literals in the code's place of `report`, `need`, `expect`, `warn`, `Trap` and `Mistake`."""
    package = Path(__file__).parent.parent / "netspec"
    reported: set[str] = set()
    for file in package.rglob("*.py"):
        text = file.read_text()
        reported |= set(re.findall(r'code="([a-z0-9-]+)"', text))
        reported |= set(re.findall(r'(?:report|stop|Trap|Diagnostic)\(\s*"([a-z0-9]+(?:-[a-z0-9]+)+)"', text))
    assert reported - set(CODES) == set()


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_kebab_case_and_its_texts_are_sentences(code: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", code)
    assert CODES[code].summary.endswith(".") and CODES[code].meaning.endswith((".", "`."))
