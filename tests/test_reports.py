"""SARIF and JUnit's XML of `netspec check`: their form, the places in them, and their mends."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as Xml

import pytest

import netspec
from netspec.cli.check import command
from tests.checkouts import LENET, MLP, checkout, write
from tests.commands import ROOT, invoke

WIDE = 'name: wide\ninput: [784]\nlayers:\n  - {"Linéar 😀😀": 3}\n  - {Linear: 10, name: "a"}   # 😀\n  - ReLu\n'
LEVELS = {"error", "warning", "note", "none"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = checkout(tmp_path / "here", good=MLP, wide=WIDE)
    monkeypatch.chdir(made)
    return made


def sarif(*words: object) -> dict[str, Any]:
    """The run of a log, whose form is held against what SARIF 2.1.0 requires."""
    log = json.loads(invoke(command, *words, "--format", "sarif").stdout)
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "netspec" and driver["version"]
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in LEVELS and result["message"]["text"]
        places = [*result["locations"], *result.get("relatedLocations", [])]
        regions = [place["physicalLocation"]["region"] for place in places]
        for fix in result.get("fixes", []):
            assert fix["description"]["text"] and fix["artifactChanges"]
            for change in fix["artifactChanges"]:
                assert change["artifactLocation"]["uri"] and change["replacements"]
                regions += [replacement["deletedRegion"] for replacement in change["replacements"]]
        for region in regions:
            assert all(isinstance(number, int) and number >= 1 for number in region.values())
            assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
        assert all(":" not in place["physicalLocation"]["artifactLocation"]["uri"] for place in places)
    return run


def marked(text: str, region: dict[str, int]) -> str:
    """What a region marks, counted in code units of UTF-16."""
    lines = [line.encode("utf-16-le") for line in text.split("\n")]
    assert region["startLine"] == region["endLine"]
    line = lines[region["startLine"] - 1]
    return line[2 * (region["startColumn"] - 1) : 2 * (region["endColumn"] - 1)].decode("utf-16-le")


def test_columns_of_sarif_count_code_units_of_utf_16(root: Path) -> None:
    path = write(root, "specs/wide.yaml", 'input: [784]\nlayers: [{Linear: 10, name: "😀😀"}, Linaer: 5]\n')
    run = sarif(path)
    assert run["columnKind"] == "utf16CodeUnits"
    text = path.read_text(encoding="utf-8")
    marks = {r["ruleId"]: marked(text, r["locations"][0]["physicalLocation"]["region"]) for r in run["results"]}
    assert marks == {"bad-name": '"😀😀"', "unknown-layer": "Linaer"}


def test_the_fixes_of_sarif_applied_as_they_stand_mend_the_spec(root: Path) -> None:
    text = "name: wide\ninput: [784]\nlayers: [{'Linear': 10}, {Dropout: 0.5}, # 😀\n  ReLu]\n"
    path = write(root, "specs/wide.yaml", text)
    (result,) = sarif("specs/wide.yaml")["results"]
    (change,) = result["fixes"][0]["artifactChanges"]
    lines = [line.encode("utf-16-le") for line in text.split("\n")]
    for replacement in change["replacements"]:
        region = replacement["deletedRegion"]
        at = region["startLine"] - 1
        assert region["endLine"] - 1 == at
        new = replacement["insertedContent"]["text"].encode("utf-16-le")
        start, end = 2 * (region["startColumn"] - 1), 2 * (region["endColumn"] - 1)
        lines[at] = lines[at][:start] + new + lines[at][end:]
    path.write_text("\n".join(line.decode("utf-16-le") for line in lines), encoding="utf-8")
    assert netspec.check(path) == []


def test_paths_are_those_below_the_root_of_the_checkout(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "specs/größe %41.yaml", WIDE)
    monkeypatch.chdir(root / "specs")
    for name in ("größe %41.yaml", "../specs/größe %41.yaml", root / "specs" / "größe %41.yaml"):
        run = sarif(name)
        uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]}
        (uri,) = uris
        assert unquote(uri) == "specs/größe %41.yaml" != uri
        github = invoke(command, name, "--format", "github").stdout
        assert github.startswith("::error file=specs/größe %2541.yaml,line=4,")
        assert 'file="specs/größe %41.yaml"' in invoke(command, name, "--format", "junit").stdout


def test_what_cannot_be_read_is_in_every_document_and_ends_with_status_2(root: Path) -> None:
    run = sarif("nothing.yaml", "specs/good.yaml")
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "nothing.yaml" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    for form in ("json", "github", "sarif", "junit"):
        made = invoke(command, "nothing.yaml", "specs/good.yaml", "--format", form)
        assert (made.return_value, made.stderr) == (2, "")
        assert "there is no file 'nothing.yaml'" in made.stdout
    last = json.loads(invoke(command, "specs/wide.yaml", "nothing.yaml", "--format", "json").stdout)[-1]
    assert (last["code"], last["file"]) == ("wrong-usage", None)


def test_a_spec_is_a_test_of_junit(root: Path) -> None:
    write(root, "specs/doubt.yaml", MLP.replace("ReLU", "Softmax: -1, CrossMapLRN2d: 5") + "blocks: {b(): [ReLU]}\n")
    whole = Xml.fromstring(invoke(command, "specs", "nothing.yaml", "--format", "junit").stdout)
    assert whole.attrib == {"name": "netspec", "tests": "4", "failures": "2", "errors": "1"}
    cases = {case.attrib["name"]: [part.tag for part in case] for case in whole.iter("testcase")}
    assert cases == {"doubt.yaml": ["failure"], "good.yaml": [], "wide.yaml": ["failure"], "nothing.yaml": ["error"]}
    write(root, "specs/doubt.yaml", MLP + "blocks:\n  b(): [ReLU]\n")
    for strict, tag in (((), "system-out"), (("--strict",), "failure")):
        made = invoke(command, "specs/doubt.yaml", "--format", "junit", *strict)
        (case,) = Xml.fromstring(made.stdout).iter("testcase")
        assert [part.tag for part in case] == [tag]
        assert "unused-block" in (case[0].text or "")


def test_control_characters_of_a_spec_make_no_wrong_xml(root: Path) -> None:
    write(root, "specs/wide.yaml", MLP.replace("512", '"\\x1b]]>\\x00&<a>"'))
    whole = Xml.fromstring(invoke(command, "specs/wide.yaml", "--format", "junit").stdout)
    assert whole.attrib["failures"] == "1"


def test_nothing_wrong_is_a_document_too(root: Path) -> None:
    assert sarif("specs/good.yaml")["results"] == []
    assert Xml.fromstring(invoke(command, "specs/good.yaml", "--format", "junit").stdout).attrib["failures"] == "0"


def test_a_setting_has_no_place_in_a_file(root: Path) -> None:
    write(root, "specs/good.yaml", LENET)
    (result,) = sarif("specs/good.yaml", "--set", "train.clip_grad_norm=1 + two")["results"]
    assert result["locations"] == []
    assert "--set train.clip_grad_norm=1 + two" in result["message"]["text"]


@pytest.mark.skipif(
    "NETSPEC_SARIF_SCHEMA" not in os.environ,
    reason="NETSPEC_SARIF_SCHEMA names no file with OASIS's schema of SARIF 2.1.0",
)
def test_logs_of_all_bad_specs_are_valid_by_the_schema_of_sarif() -> None:
    validators = pytest.importorskip("jsonschema", reason="jsonschema is not installed").validators
    schema = json.loads(Path(os.environ["NETSPEC_SARIF_SCHEMA"]).read_text(encoding="utf-8"))
    paths = sorted((ROOT / "tests" / "specs").glob("*/*.yaml"))
    log = json.loads(invoke(command, *paths, "none.yaml", "--notes", "--format", "sarif").stdout)
    assert len(log["runs"][0]["results"]) > 100
    assert [error.message for error in validators.validator_for(schema)(schema).iter_errors(log)] == []
