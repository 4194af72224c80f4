"""The specs that differ from a commit of git's."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from netspec.cli.git import ChangedFile, Repository, repository
from netspec.cli.specs import is_of_several, is_spec_text, spec_files
from netspec.diagnostics import UsageError


def changed_specs(named: Sequence[str], ref: str) -> list[str]:
    """The specs that are named (a directory stands for its specs, none for the current one) and differ from where this
    branch left the commit `ref`. What is gone, and specs of a repository within this one, are told on standard error.

    Raises:
        UsageError: there is no git, no repository or no such commit.
    """
    repo = repository()
    commit = repo.base(ref, "--changed")
    changes = repo.changed(commit)
    there = {_real(repo.root, change.now) for change in changes if change.now is not None and not change.submodule}
    gone = {os.path.normpath(path) for path in _told_gone(repo, commit, changes, named, ref)}
    found: list[str] = []
    for name in named or (".",):
        if name == "-":
            raise UsageError("standard input is in no commit: leave out `-`, or `--changed`")
        if is_of_several(name):
            found += spec_files([name], may_be_none=True)
        elif os.path.lexists(name) or os.path.normpath(name) not in gone:
            found.append(name)
    return [name for name in dict.fromkeys(found) if _differs(name, there)]


def _differs(name: str, there: set[str]) -> bool:
    """Whether a file differs; one that is not there does, so that it is told of."""
    return os.path.realpath(name) in there or not os.path.lexists(name) or _linked(name, there)


def _linked(name: str, there: set[str]) -> bool:
    """Whether a symbolic link itself differs, whatever it points at."""
    path = Path(name)
    return path.is_symlink() and os.path.join(os.path.realpath(path.parent), path.name) in there  # noqa: PTH118  # text


def _real(root: Path, path: str) -> str:
    """The path of a file of git's on this machine; a symbolic link stays one, and its directories have none."""
    return os.path.join(os.path.realpath(root), path)  # noqa: PTH118  # text, of whatever bytes


def _told_gone(
    repo: Repository, commit: str, changes: Iterable[ChangedFile], named: Sequence[str], ref: str
) -> Iterator[str]:
    """Say what differs and cannot be checked here. Gives the specs that are gone."""
    for change in changes:
        path = os.path.relpath(_real(repo.root, change.path))
        if change.before not in (None, change.now):  # it has moved
            yield os.path.relpath(_real(repo.root, change.before or ""))
        if not is_below(path, named):
            continue
        if change.submodule and change.now is not None:
            click.echo(
                f"{path}: a repository within this one, at another commit than in `{ref}`: `netspec check {path}` "
                "checks its specs", err=True,
            )  # fmt: skip
        elif change.now is None and not change.submodule and _was_spec(repo, commit, change):
            click.echo(f"{path}: gone since `{ref}`, not checked", err=True)


def _was_spec(repo: Repository, commit: str, change: ChangedFile) -> bool:
    return change.before is not None and is_spec_text(change.before, repo.text(commit, change.before) or b"")


def is_below(path: str, named: Sequence[str]) -> bool:
    """Whether a file is one of those that are named, or in a directory that is; a pattern counts as the directory in
    which it looks."""
    places = [os.path.normpath(re.split(r"[^/]*[*?\[]", name)[0] or ".") for name in named or (".",)]
    path = os.path.normpath(path)
    return any(path == place or path.startswith(f"{place}/") or (place == "." and not path.startswith("../"))
               for place in places)  # fmt: skip
