"""The README's two commands for newcomers are the ones that CI runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_continuous_integration_runs_the_two_commands_of_the_readme_as_they_stand_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert [c for c in commands if c not in readme] == []
    assert commands[0].endswith("netspec compile specs/alexnet.yaml --verify")
    assert commands[1].endswith("pytest")


def test_continuous_integration_runs_the_other_versions_that_the_architecture_page_names() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Versions")[2]
    named = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    run = [line.strip() for line in (ROOT / ".ci" / "run").read_text().splitlines()]
    slow, core, oldest, *_ = named
    first, then = f'{core} "--passed=$passed"', f"NETSPEC_PASSED=$passed {oldest}"
    halves = (f"{slow} --ignore=tests/zoo", f"{slow} tests/zoo")  # one in each lane
    assert [command for command in (*halves, first, then) if command not in run] == []
    versions = (ROOT / ".ci" / "versions").read_text()
    assert f'    {core} "--passed=' in versions.partition("  oldest)")[2].partition(";;")[0]
    cases = re.findall(r"^  (\w+)\)$", versions, re.MULTILINE)
    assert cases == [command.split()[1] for command in named[1:]]


def test_the_page_of_a_wheel_has_the_same_words_without_pictures_and_links_that_only_the_repository_can_follow() -> (
    None
):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hook = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    readme = page = (ROOT / "README.md").read_text(encoding="utf-8")
    for change in hook["substitutions"]:
        page = re.sub(change["pattern"], change["replacement"], page)
    assert "<img" in readme
    assert "](docs/" in readme
    assert "<img" not in page
    assert re.findall(r"\]\((?!https?://)[^)]*\)", page) == []
    assert "`docs/tutorial.md` | from shapes printed by hand to a trained LeNet; as a notebook |" in page
    assert re.findall(r"^```.*?^```$", page, re.M | re.S) == re.findall(r"^```.*?^```$", readme, re.M | re.S)


def test_every_dependency_has_an_oldest_release() -> None:
    """CI tests with the oldest releases; of a dependency without a lower bound it would take the newest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    own = [text for text in (*project["dependencies"], *chain(*extras.values())) if "netspec-compiler" not in text]
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "floors.py", *extras], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(printed) == {re.sub(r",.*", "", text).replace(">=", "==") for text in own}
