"""docs/ci.md: its commands run in a checkout with a branch, its hooks in the real pre-commit, where there is one."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tests.checkouts import LENET, MLP, checkout, commit, git, write
from tests.commands import ROOT, program

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]


def test_every_command_of_the_page_does_what_it_says_where_all_is_well(tmp_path: Path) -> None:
    root = checkout(tmp_path / "here", net=LENET)
    write(root, "specs/net.yaml", LENET.replace("out_channels: 6", "out_channels: 8"))
    write(root, "specs/more.yaml", MLP)
    assert len(COMMANDS) == 8
    made: dict[str, str] = {}
    for line in COMMANDS:
        words, _, target = line.partition(" > ")
        done = program(*shlex.split(words)[1:], cwd=root)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        made[target] = done.stdout
    assert json.loads(made["netspec.sarif"])["version"] == "2.1.0"
    assert Xml.fromstring(made["netspec.xml"]).attrib["tests"] == "2"
    assert "| `specs/net.yaml` | changed |" in made["comment.md"]
    assert (root / "netspec.lock.json").is_file()


def hooked(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PRE_COMMIT_HOME": str(root.parent / "hooks")}
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *words], cwd=root, env=environment, capture_output=True, encoding="utf-8",
        check=False,
    )  # fmt: skip


def test_the_local_hook_passes_and_fails_as_it_should(tmp_path: Path) -> None:
    pytest.importorskip("pre_commit", reason="pre-commit is not installed")
    root = checkout(tmp_path / "here", net=LENET)
    block = next(b for b in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if "repo: local" in b)
    entry = f"env PYTHONPATH={ROOT} {sys.executable} -m netspec"
    write(root, ".pre-commit-config.yaml", block.replace("entry: netspec", f"entry: {entry}"))
    commit(root)
    done = hooked(root, "run", "--all-files")
    assert done.returncode == 0 and "Passed" in done.stdout, done.stdout
    write(root, "specs/net.yaml", LENET.replace("Flatten", "Flaten"))
    git(root, "add", "-A")
    done = hooked(root, "run")
    assert done.returncode == 1 and "unknown-layer" in done.stdout, done.stdout


@pytest.mark.slow
def test_the_hooks_of_the_repository_pass_and_fail_as_they_should(tmp_path: Path) -> None:
    """Installed by pre-commit itself, from a copy of this checkout, into an environment of its own."""
    pytest.importorskip("pre_commit", reason="pre-commit is not installed")
    theirs = tmp_path / "netspec"
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{ROOT}", str(theirs))
    for name in (".pre-commit-hooks.yaml", "netspec/cli/check.py"):
        write(theirs, name, (ROOT / name).read_text(encoding="utf-8"))
    commit(theirs)
    root = checkout(tmp_path / "here", net=LENET)
    assert program("lock", "specs", cwd=root).returncode == 0
    commit(root)
    for hook in ("netspec", "netspec-locked"):
        done = hooked(root, "try-repo", str(theirs), hook, "--all-files")
        assert done.returncode == 0 and "Passed" in done.stdout, done.stdout + done.stderr
    write(root, "specs/net.yaml", LENET.replace("Sigmoid", "Tanh"))
    git(root, "add", "-A")
    assert hooked(root, "try-repo", str(theirs), "netspec").returncode == 0
    done = hooked(root, "try-repo", str(theirs), "netspec-locked")
    assert done.returncode == 1 and "lock-differs" in done.stdout, done.stdout
