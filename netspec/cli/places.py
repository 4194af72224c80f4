"""Where a file is in the checkout that it is in."""

from __future__ import annotations

import os
from pathlib import Path


def checkout_of(directory: Path) -> Path | None:
    """The nearest directory, this or one above it, that is the root of a checkout; None if there is none. It is looked
    for without git, which need not be there."""
    return next((place for place in (directory, *directory.parents) if os.path.lexists(place / ".git")), None)


def in_checkout(name: str) -> str:
    """The path of a file as services that have the repository know it: below the root of the checkout that one stands
    in, whatever directory that is. A file elsewhere keeps its name."""
    if name.startswith("<"):  # standard input
        return name
    root = checkout_of(Path.cwd())
    path = os.path.abspath(name)  # noqa: PTH100  # a link stays one
    return os.path.relpath(path, root) if root is not None and path.startswith(f"{root}{os.sep}") else name
