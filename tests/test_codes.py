"""Every diagnostic code is explained by a spec that has the error, and by the corrected spec."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from netspec.codes import CODES
from netspec.compiler import check_source
from netspec.diagnostics import Code, Diagnostic
from netspec.text.source import decode


def findings(code: Code, text: str) -> list[Diagnostic]:
    """What is found in a text; notes too for the code of one."""
    source, problems = decode(text.encode(), "example.yaml")
    return check_source(source, problems, notes=CODES[code].severity == "note")


@pytest.mark.parametrize("code", CODES)
def test_the_bad_example_provokes_its_code_and_no_other(code: Code) -> None:
    if not CODES[code].bad:
        pytest.skip("provoked by a file or an option, not by a text")
    found = findings(code, CODES[code].bad)
    assert [d.code for d in found] == [code], [(d.code, d.message) for d in found]
    assert found[0].severity == CODES[code].severity


@pytest.mark.parametrize("code", CODES)
def test_the_mended_example_has_no_findings(code: Code) -> None:
    if not CODES[code].good:
        pytest.skip("a matter of no spec")
    assert findings(code, CODES[code].good) == []


def test_every_code_has_a_page_in_the_order_of_their_list() -> None:
    """pyright checks the codes in the package against the type `Code`; this checks the explanations against it."""
    assert list(CODES) == list(get_args(Code))


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_kebab_case_and_its_texts_are_sentences(code: Code) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", code)
    assert CODES[code].summary.endswith(".") and CODES[code].meaning.endswith((".", "`."))


# ---- codes in tests


TESTS = sorted(Path(__file__).parent.rglob("*.py"))
_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


def compared(tree: ast.Module) -> set[str]:
    """The codes that a test file compares with an attribute `code`, as literals or as constants of the file.

    A misspelt code in a test can go unnoticed: `assert code != "unknwon-layer"` passes.
    """
    constants = {
        target.id: node.value for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
        if isinstance(target, ast.Name)
    }  # fmt: skip
    found: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        parts = list(ast.walk(node))
        if any(isinstance(p, ast.Attribute) and p.attr == "code" for p in parts):
            named = [constants[p.id] for p in parts if isinstance(p, ast.Name) and p.id in constants]
            parts += [p for value in named for p in ast.walk(value)]
            found |= {p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)}
    return {text for text in found if _KEBAB.fullmatch(text)}


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_a_code_that_a_test_names_is_one_that_there_is(path: Path) -> None:
    assert compared(ast.parse(path.read_text(encoding="utf-8"))) - set(CODES) == set()


def test_codes_are_found_however_they_are_compared() -> None:
    text = (
        "SILENT = {'no-such-code'}\n"
        "assert d.code != 'another-one'\n"
        "assert {d.code for d in found} <= SILENT\n"
        "assert [(d.code, d.help) for d in found] == [('a-third', 'did you mean it?')]\n"
        "assert other == 'not-a-code'\n"
    )
    assert compared(ast.parse(text)) == {"no-such-code", "another-one", "a-third"}
