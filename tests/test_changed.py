"""`check --changed`: what differs from a commit is checked, what cannot be is told, and nothing of a checkout runs."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from netspec.cli.check import command
from netspec.cli.compare import command as compare
from netspec.diagnostics import UsageError
from tests.checkouts import LENET, MLP, checkout, commit, git, write
from tests.commands import invoke, program

WRONG = MLP.replace("512", "nothing")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = checkout(tmp_path / "a checkout", same=MLP, other=MLP.replace("512", "64"), lenet=LENET)
    monkeypatch.chdir(made)
    return made


def checked(*words: object) -> tuple[list[str], str]:
    """The names of the files that were checked, and what was said beside."""
    made = invoke(command, *words, "--format", "junit")
    assert made.exception is None, made.exception
    return [part.split('"')[0] for part in made.stdout.split('file="')[1:]], made.stderr


def test_what_differs_from_a_branch_is_checked_whatever_it_is_called(root: Path) -> None:
    write(root, "specs/two words/größe 😀.yaml", MLP)
    commit(root)
    write(root, "specs/new.yaml", MLP)  # not even known to git
    write(root, "specs/other.yaml", WRONG)  # not committed
    names = ["specs/new.yaml", "specs/other.yaml", "specs/two words/größe 😀.yaml"]
    assert checked("--changed", "main")[0] == names
    assert checked("--changed")[0] == names[:2]
    assert checked("specs", "--changed", "main")[0] == names
    assert checked("specs/other.yaml", "specs/same.yaml", "--changed", "main")[0] == names[1:2]
    assert invoke(command, "--changed", "main").return_value == 1


def test_what_the_other_branch_has_changed_since_is_not_this_ones_change(root: Path) -> None:
    git(root, "switch", "-q", "main")
    write(root, "specs/same.yaml", MLP.replace("512", "8"))
    commit(root)
    git(root, "switch", "-q", "work")
    assert checked("--changed", "main")[0] == []
    said = invoke(command, "--changed", "main")
    assert (said.return_value, said.stderr) == (0, "no spec here differs from `main`\n")


def test_from_a_folder_below_only_what_is_in_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "specs/other.yaml", MLP)
    write(root, "more/one.yaml", MLP)
    monkeypatch.chdir(root / "more")
    assert checked("--changed")[0] == ["more/one.yaml"]
    assert checked("../specs", "--changed")[0] == ["specs/other.yaml"]


def test_specs_that_are_gone_are_told_and_those_that_moved_are_checked(root: Path) -> None:
    (root / "specs" / "other.yaml").unlink()
    git(root, "mv", "specs/lenet.yaml", "specs/moved.yaml")
    write(root, ".github/workflows/ci.yaml", "on: push\n")
    names, said = checked("--changed", "main")
    assert names == ["specs/moved.yaml"]
    assert said == "specs/other.yaml: gone since `main`, not checked\n"
    assert checked("specs/other.yaml", "specs/lenet.yaml", "specs/moved.yaml", "--changed", "main")[0] == names


def test_a_missing_file_does_not_keep_the_others_from_being_checked(root: Path) -> None:
    write(root, "specs/other.yaml", WRONG)
    made = invoke(command, "nothing.yaml", "empty/", "specs/other.yaml", "specs/same.yaml")
    assert made.return_value == 2
    assert "unknown-name" in made.stdout
    assert "there is no file 'nothing.yaml'" in made.stderr
    assert invoke(command, "nothing.yaml", "specs/other.yaml", "--changed").return_value == 2


def test_a_link_is_what_it_points_at_and_a_new_link_is_a_change(root: Path) -> None:
    (root / "linked").mkdir()
    (root / "linked" / "here.yaml").symlink_to("../specs/same.yaml")
    assert checked("--changed", "main")[0] == ["linked/here.yaml"]
    commit(root)
    assert checked("linked", "--changed")[0] == []
    write(root, "specs/same.yaml", MLP.replace("512", "8"))
    assert checked("linked", "--changed")[0] == ["linked/here.yaml"]


def test_the_ends_of_lines_that_git_converts_are_no_change(root: Path) -> None:
    git(root, "config", "core.autocrlf", "true")
    write(root, "specs/same.yaml", MLP.replace("\n", "\r\n"))
    assert checked("--changed", "main")[0] == []
    write(root, "specs/same.yaml", WRONG.replace("\n", "\r\n"))
    assert checked("--changed", "main")[0] == ["specs/same.yaml"]


def test_a_repository_within_is_told_where_it_is_at_another_commit(root: Path, tmp_path: Path) -> None:
    inner = checkout(tmp_path / "inner", net=MLP)
    git(root, "submodule", "add", "-q", str(inner), "vendor")
    commit(root)
    git(root / "vendor", "switch", "-q", "-C", "next")
    write(root, "vendor/specs/net.yaml", WRONG)
    commit(root / "vendor")
    names, said = checked("--changed")
    assert names == []
    assert "vendor: a repository within this one, at another commit" in said
    assert "`netspec check vendor`" in said
    assert checked("vendor")[0] == ["vendor/specs/net.yaml"]


def test_nothing_that_a_checkout_configures_is_run_and_nothing_is_written(root: Path) -> None:
    ran = root / "ran"
    script = write(root, "run.sh", f"#!/bin/sh\ntouch '{ran}'\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "diff.x.textconv", "diff.x.command", "core.pager"):
        git(root, "config", key, str(script))
    write(root, ".gitattributes", "*.yaml diff=x\n")
    write(root, "specs/other.yaml", MLP.replace("512", "32"))
    os.utime(root / "specs" / "same.yaml")  # so that git would refresh its index
    index = (root / ".git" / "index").read_bytes()
    assert checked("--changed", "main")[0] == ["specs/other.yaml"]
    assert not ran.exists()
    assert (root / ".git" / "index").read_bytes() == index


@pytest.mark.parametrize("ref", ["nothing", "--output=file", "-x", "a b", "HEAD:specs/same.yaml", "x\0y"])
def test_a_commit_that_there_is_not_is_told_and_is_no_option_of_gits(ref: str, root: Path) -> None:
    made = invoke(command, f"--changed={ref}")
    assert isinstance(made.exception, UsageError | click.UsageError), made.stdout
    assert not (root / "file").exists()


def test_a_directory_in_the_place_of_a_commit_is_answered_with_what_to_write(root: Path) -> None:
    write(root, "specs/other.yaml", WRONG)
    made = program("check", "--changed", "specs", cwd=root)
    assert made.returncode == 2
    assert "write `--changed=HEAD specs`" in made.stderr
    assert program("check", "--changed=HEAD", "specs", cwd=root).returncode == 1


def test_without_a_repository_a_commit_or_git_it_is_said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = tmp_path / "shallow"
    write(root, "specs/other.yaml", MLP)
    commit(root)
    git(tmp_path, "clone", "-q", "--depth", "1", "--no-single-branch", f"file://{root}", str(shallow))
    monkeypatch.chdir(shallow)
    assert "`git fetch --unshallow`" in str(invoke(command, "--changed", "origin/main").exception)
    assert "did you mean `origin/main`?" in str(invoke(command, "--changed", "main").exception)
    git(shallow, "fetch", "-q", "--unshallow")
    assert checked("--changed", "origin/main")[0] == ["specs/other.yaml"]
    monkeypatch.chdir(tmp_path)
    assert "is no checkout of git" in str(invoke(command, "--changed").exception)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "`git` cannot be run" in str(invoke(command, "--changed").exception)


def test_in_a_repository_without_a_commit_every_spec_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "young"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    write(made, "staged.yaml", MLP)
    git(made, "add", "staged.yaml")
    write(made, "unknown.yaml", WRONG)
    monkeypatch.chdir(made)
    assert checked("--changed")[0] == ["staged.yaml", "unknown.yaml"]
    with pytest.raises(UsageError, match="this repository has no commit yet, so none is `main`: `--changed=HEAD`"):
        command.main(["--changed=main"], standalone_mode=False)
    text = invoke(compare, "--git", "HEAD").stdout
    assert "| `staged.yaml` | added |" in text
