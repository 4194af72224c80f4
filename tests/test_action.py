"""The action for GitHub's workflows, `.github/actions/netspec`: its script in a checkout with a pull request.

What GitHub's own command line would send is kept by a program of that name, which answers as GitHub does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checkouts import LENET, MLP, SEVERAL, checkout, commit, git, write
from tests.commands import ROOT

ACTION = ROOT / ".github" / "actions" / "netspec"
WRONG = LENET.replace("kernel_size: 5", "kernel_size: 500", 1)

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None or shutil.which("git") is None, reason="no bash, or no git"
)

GH = """#!{python}
import json, pathlib, sys
place = pathlib.Path(r"{place}")
words = sys.argv[1:]
with (place / "calls").open("a") as calls:
    print(json.dumps(words), file=calls)
kept = place / "comments.json"
comments = json.loads(kept.read_text()) if kept.exists() else {{}}
method = words[words.index("--method") + 1] if "--method" in words else "GET"
if method == "GET":
    marker = words[words.index("--jq") + 1].split('startswith("')[1].split('")')[0]
    print("\\n".join(number for number, body in comments.items() if body.startswith(marker)))
    sys.exit(0)
if {refuses}:
    print("gh: Resource not accessible by integration (HTTP 403)", file=sys.stderr)
    sys.exit(1)
body = pathlib.Path(words[words.index("--field") + 1].removeprefix("body=@")).read_text()
number = words[words.index("--method") + 2].rpartition("/")[2] if method == "PATCH" else str(100 + len(comments))
kept.write_text(json.dumps(comments | {{number: body}}))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout whose branch differs from `main`."""
    made = checkout(tmp_path / "checkout", same=LENET, mlp=MLP, several=SEVERAL)
    write(made, "specs/mlp.yaml", MLP.replace("512", "1024"))
    write(made, "specs/several.yaml", SEVERAL.replace("width: 16", "width: 32"))
    write(made, "specs/new.yaml", LENET)
    commit(made)
    return made


def act(root: Path, *, refuses: bool = False, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the action does, with its inputs as variables."""
    if "BASE" not in inputs:
        inputs["BASE"] = git(root, "rev-parse", "main").strip()
    place = root.parent / "github"
    place.mkdir(exist_ok=True)
    gh = place / "gh"
    gh.write_text(GH.format(python=sys.executable, place=place, refuses=refuses), encoding="utf-8")
    program = place / "netspec"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netspec "$@"\n', encoding="utf-8")
    for file in (gh, program):
        file.chmod(0o755)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "PATH": f"{place}{os.pathsep}{os.environ['PATH']}", "GITHUB_REPOSITORY": "a/b",
        "GITHUB_STEP_SUMMARY": str(place / "summary.md"), "SPECS": "specs", "STRICT": "false", "LOCKED": "false",
        "COMMENT": "true", "NUMBER": "7", **inputs,
    }  # fmt: skip
    return subprocess.run(
        ["bash", str(ACTION / "run.sh")], cwd=root, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def comments(root: Path) -> dict[str, str]:
    kept = root.parent / "github" / "comments.json"
    return json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}


@pytest.mark.slow
def test_a_pull_request_gets_one_comment_which_later_pushes_rewrite(root: Path) -> None:
    run = act(root)
    assert (run.returncode, run.stderr) == (0, "3 specs checked, no mistakes\n" if "checked" in run.stderr else "")
    ((number, body),) = comments(root).items()
    assert body.startswith("<!-- netspec: what this pull request changes -->\n")
    for name in ("mlp", "several", "new"):
        assert name in body
    assert "```mermaid" in body
    assert (root.parent / "github" / "summary.md").read_text(encoding="utf-8") == body.partition("\n")[2]
    write(root, "specs/mlp.yaml", MLP.replace("512", "2048"))
    commit(root)
    act(root)
    ((again, rewritten),) = comments(root).items()
    assert again == number
    assert "2048" in rewritten
    assert "1024" not in rewritten


def test_a_mistake_is_annotated_and_decides_the_status(root: Path) -> None:
    write(root, "specs/same.yaml", WRONG)
    commit(root)
    run = act(root)
    assert run.returncode == 1
    assert "::error file=specs/same.yaml,line=" in run.stdout
    assert "same" in next(iter(comments(root).values()))


def test_a_token_that_only_reads_leaves_the_summary_and_no_failure(root: Path) -> None:
    run = act(root, refuses=True)
    assert run.returncode == 0
    assert "::notice title=netspec::the comment could not be written" in run.stdout
    assert "mlp" in (root.parent / "github" / "summary.md").read_text(encoding="utf-8")
    assert comments(root) == {}


def test_without_a_pull_request_or_a_wish_for_it_nothing_is_asked_of_github(root: Path) -> None:
    assert act(root, NUMBER="", BASE="").returncode == 0
    assert act(root, COMMENT="false").returncode == 0
    assert not (root.parent / "github" / "calls").exists()


def test_a_checkout_without_history_gets_it(root: Path) -> None:
    base = git(root, "rev-parse", "main").strip()
    shallow = root.parent / "shallow"
    git(root.parent, "clone", "-q", "--depth", "1", "--branch", "work", root.as_uri(), str(shallow))
    run = act(shallow, BASE=base)
    assert run.returncode == 0, run.stderr
    assert "mlp" in next(iter(comments(shallow).values()))


def test_inputs_are_words_and_no_script(root: Path) -> None:
    write(root, "specs/$(touch ran).yaml", MLP)
    commit(root)
    run = act(root, SPECS="specs/$(touch${IFS}ran).yaml specs", NUMBER="7")
    assert run.returncode == 2  # there is no such file
    assert not (root / "ran").exists()


@pytest.mark.slow
def test_strict_and_locked_are_those_of_check(root: Path) -> None:
    write(root, "specs/twice.yaml", "input: [4]\nlayers: [Linear: 3, Linear: 2]\n")
    commit(root)
    assert act(root, COMMENT="false").returncode == 0
    assert act(root, COMMENT="false", STRICT="true").returncode == 1
    run = act(root, COMMENT="false", LOCKED="true")
    assert run.returncode == 1
    assert "not-locked" in run.stdout


def test_no_script_of_the_action_has_an_expression_in_it() -> None:
    """GitHub puts them into the text before bash reads it, so that a branch's name could be a command."""
    action: Any = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]
    known = set(re.findall(r"\$\{\{ inputs\.(\w+) \}\}", (ACTION / "action.yml").read_text(encoding="utf-8")))
    assert known == set(action["inputs"])


def test_the_action_is_one_by_githubs_schema() -> None:
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", str(ACTION / "action.yml")]
    run = subprocess.run([sys.executable, *words], capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stdout
