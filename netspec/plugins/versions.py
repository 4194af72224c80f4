"""The version of a module: what it says of itself, that of its distribution, or a hash of its files."""

from __future__ import annotations

import hashlib
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType


def version_of(name: str) -> str | None:
    """The version of an imported module; None where it has no file, as in an interpreter."""
    module = sys.modules.get(name)
    if module is None:
        return None
    root = name.partition(".")[0]
    for each in (module, sys.modules.get(root)):
        stated = getattr(each, "__version__", None)
        if isinstance(stated, str):
            return stated
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not Path(file).is_file():
        return None
    if not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts):
        for distribution in metadata.packages_distributions().get(root, ()):
            return metadata.version(distribution)
    return _hash(module, Path(file))


def _hash(module: ModuleType, file: Path) -> str:
    """The first digits of the SHA-256 of a module's file, or of all of Python's files in a package."""
    files = sorted(file.parent.rglob("*.py")) if hasattr(module, "__path__") else [file]
    found = hashlib.sha256()
    for each in files:
        found.update(each.read_bytes())
    return f"sha256:{found.hexdigest()[:12]}"
