"""What git knows of the specs of a checkout: which differ from a commit, and what they were there.

git is called with fixed words: no shell, no text of a spec, paths only behind `--`, and what a person gives as a commit
only where nothing but a commit can stand. Nothing of it runs what a checkout has configured to show differences, and
nothing is written, not even the index.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from netspec.diagnostics import UsageError
from netspec.text.source import SUFFIXES

_WORDS: Final = ("git", "-c", "core.fsmonitor=false", "-c", "diff.autoRefreshIndex=false")
"""A checkout may name a program that watches its files: it is not run. Nor is the index written anew."""
_SPECS: Final = tuple(f":(top,glob)**/*{suffix}" for suffix in SUFFIXES)
_DIFFERENCE: Final = (
    "diff", "--raw", "-z", "--no-abbrev", "--find-renames", "--no-ext-diff", "--no-textconv", "--no-color",
    "--no-relative", "--ignore-submodules=dirty",
)  # fmt: skip
_READ_OTHERWISE: Final = tuple(f"GIT_{kind}_PATHSPECS" for kind in ("LITERAL", "GLOB", "NOGLOB", "ICASE"))
"""Variables by which git would take a pattern for another thing."""
_SUBMODULE: Final = "160000"
_LINK: Final = "120000"
_NOTHING: Final = "000000"
_AT_ONCE: Final = 200
"""So many paths are given to git in one call."""


class ChangedFile(NamedTuple):
    """A file that differs from a commit; paths are those below the root of the repository."""

    before: str | None
    """Its path in the commit; None where it is new."""
    now: str | None
    """Its path now; None where it is gone."""
    submodule: bool = False
    """Whether it is a repository of its own, at another commit."""

    @property
    def path(self) -> str:
        """The path under which it is told of."""
        path = self.now or self.before
        assert path is not None
        return path


@dataclass(frozen=True)
class Repository:
    """A checkout of git's."""

    root: Path

    def base(self, ref: str, option: str) -> str:
        """The commit from which this branch left another: what both have in common is not the branch's change. That is
        `HEAD` itself for `HEAD`, and in a repository without a commit the tree without files. `option` is what the
        commit was given with.

        Raises:
            UsageError: there is no such commit, or the two have none in common.
        """
        commit = self._commit(ref)
        if commit is None and self._has_none:
            if ref == "HEAD":
                return self._text("hash-object", "-t", "tree", "--stdin")
            raise UsageError(f"this repository has no commit yet, so none is `{ref}`: `{option}=HEAD` takes every spec")
        if commit is None:
            raise UsageError(f"git knows no commit `{ref}` here{self._near(ref, option)}")
        if self._commit("HEAD") is None:
            raise UsageError("this branch has no commit yet to compare with")
        made = self._run("merge-base", commit, "HEAD")
        if made.returncode:
            shallow = self._text("rev-parse", "--is-shallow-repository") == "true"
            raise UsageError(
                f"this branch has no commit in common with `{ref}`"
                + (": this clone has the newest commits alone; `git fetch --unshallow` gets the others" if shallow else
                   ": name the branch that it comes from")
            )  # fmt: skip
        return os.fsdecode(made.stdout).strip()

    def names(self) -> list[str]:
        """The names of all branches and tags."""
        words = ("--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
        return os.fsdecode(self._output("for-each-ref", *words)).split()

    def changed(self, commit: str) -> list[ChangedFile]:
        """The YAML files that differ from a commit, in the order of their paths; those that git does not know yet, but
        for what it ignores, are new. Repositories within this one are among them where they are at another commit."""
        others = _split(self._output("ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", *_SPECS))
        found = [*(ChangedFile(None, path) for path in others), *self._differing(commit)]
        by_path = {
            change.path: change for change in found if change.before or change.now
        }  # one in conflict is there twice
        return sorted(by_path.values(), key=lambda change: change.path)

    def text(self, commit: str, path: str) -> bytes | None:
        """A file as it was in a commit; None if it is none there. What a symbolic link points at is read in its place,
        where that is in the commit."""
        for _ in range(8):
            entry = self._output("ls-tree", "-z", "--full-tree", commit, "--", f":(top,literal){path}")
            mode, _, rest = entry.partition(b" ")
            kind, _, rest = rest.partition(b" ")
            if kind != b"blob":
                return None
            blob = os.fsdecode(rest.partition(b"\t")[0])
            data = self._output("cat-file", "blob", blob)
            if mode != _LINK.encode():
                return data
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.fsdecode(data)))  # noqa: PTH118, PTH120  # text
            if path.startswith(("/", "../")):
                return None
        return None

    def _differing(self, commit: str) -> Iterator[ChangedFile]:
        words = iter(_split(self._output(*_DIFFERENCE, commit, "--", ":(top)")))
        touched: dict[str, str] = {}
        for head in words:
            before_mode, now_mode, blob, _, status = head.removeprefix(":").split()
            first = next(words)
            second = next(words) if status[0] in "RC" else first
            submodule = _SUBMODULE in (before_mode, now_mode)
            before = first if before_mode != _NOTHING and (submodule or first.endswith(SUFFIXES)) else None
            now = second if now_mode != _NOTHING and (submodule or second.endswith(SUFFIXES)) else None
            if status[0] == "M" and now is not None and now_mode == before_mode and now_mode not in (_LINK, _SUBMODULE):
                touched[now] = blob
            elif status[0] != "U":  # one in conflict is there a second time
                yield ChangedFile(before, now, submodule)
        for path, same in self._compared(touched):
            if not same:
                yield ChangedFile(path, path)

    def _compared(self, blobs: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
        """Whether each file has the contents that a commit has of it, as git would take them in: of a file that was
        only touched git says that it differs unless it may write its index."""
        paths = list(blobs)
        for start in range(0, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            made = os.fsdecode(self._output("hash-object", "--", *some)).split()
            yield from ((path, blob == blobs[path]) for path, blob in zip(some, made, strict=True))

    @property
    def _has_none(self) -> bool:
        """Whether no branch has a commit."""
        return not self._output("for-each-ref", "--count=1")

    def _near(self, ref: str, option: str) -> str:
        if Path(ref).exists():
            return f", but a file or directory: write `{option}=HEAD {ref}` for what is not committed yet"
        remote = self._commit(f"origin/{ref}") is not None
        return f"; did you mean `origin/{ref}`?" if remote else "; `git branch --all` lists the branches"

    def _commit(self, ref: str) -> str | None:
        made = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return None if made.returncode else os.fsdecode(made.stdout).strip()

    def _text(self, *words: str) -> str:
        return os.fsdecode(self._output(*words)).strip()

    def _output(self, *words: str) -> bytes:
        made = self._run(*words)
        if made.returncode:
            raise UsageError(f"git could not say it: {_complaint(made.stderr)}")
        return made.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return _git(words, self.root)


def repository() -> Repository:
    """The repository that the current directory is in.

    Raises:
        UsageError: it is in none, or git is not there.
    """
    here = Path.cwd()
    made = _git(("rev-parse", "--show-toplevel"), here)
    root = os.fsdecode(made.stdout.removesuffix(b"\n"))
    if made.returncode or not root:
        said = _complaint(made.stderr)
        raise UsageError(f"`{here}` is no checkout of git, so that there is no commit to compare with ({said})")
    return Repository(Path(root))


def _git(words: Sequence[str], directory: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _READ_OTHERWISE}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "", "LC_ALL": "C"}
    try:
        return subprocess.run(
            [*_WORDS, *words],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except ValueError:  # a NUL in what is given as a commit
        raise UsageError("what is given as a commit has a character that no commit's name has") from None
    except OSError as error:
        raise UsageError(f"`git` cannot be run ({error.strerror}): install it, or name the specs themselves") from None


def _complaint(words: bytes) -> str:
    """What git says of a failure, without the word that it begins with."""
    lines = os.fsdecode(words).strip().splitlines() or ["it said nothing"]
    return lines[0].removeprefix("fatal: ")


def _split(data: bytes) -> list[str]:
    return [os.fsdecode(part) for part in data.split(b"\0") if part]
