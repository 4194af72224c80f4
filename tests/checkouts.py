"""Checkouts of git that a test makes: specs, commits, branches."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
LENET = (ROOT / "specs" / "lenet.yaml").read_text(encoding="utf-8")
MLP = "name: mlp\ninput: [784]\nlayers: [Linear: 512, ReLU, Linear: 10]\n"
SEVERAL = """\
name: several
input: [1, 28, 28]
vars: {width: 8}
layers: [Conv2d: {out_channels: width, kernel_size: 3}, BatchNorm2d, ReLU, Flatten, Linear: 10]
variants: {small: {width: 4}, large: {width: 16}}
"""


def git(where: Path, *words: str) -> str:
    """Run git in a directory, as somebody with no settings of their own."""
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    people = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    made = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *words], cwd=where, env=os.environ | alone | people, check=True,
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    return made.stdout


def checkout(root: Path, **specs: str) -> Path:
    """A repository whose branch `main` has these specs in `specs/`, by their stems, and that stands on `work`."""
    root.mkdir(exist_ok=True)
    git(root, "init", "-q", "-b", "main")
    for stem, text in specs.items():
        write(root, f"specs/{stem}.yaml", text)
    commit(root)
    git(root, "switch", "-q", "-c", "work")
    return root


def write(root: Path, name: str, text: str) -> Path:
    """Write a file, with the directories above it."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def commit(root: Path) -> None:
    """Commit all that there is."""
    git(root, "add", "--all")
    git(root, "commit", "-q", "--allow-empty", "-m", "a commit")
