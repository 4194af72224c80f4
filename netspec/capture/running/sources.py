"""Where the Python program is that a user names: `package.module`, or `folder/file.py`."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from netspec.diagnostics import UsageError


class ModuleSource(NamedTuple):
    """What stands in front of the colon, and what behind it."""

    home: str
    """As it was typed."""
    file: Path | None
    """Of a path."""
    rest: str
    """Empty where only the module is named."""


def module_source(text: str) -> ModuleSource | None:
    """What a source names in a program; None where it names a file of another kind, or nothing that is there."""
    found = re.fullmatch(r"(.+?\.py)(?::(.*))?", text)
    if found is not None:
        return ModuleSource(found[1], Path(found[1]), found[2] or "")
    home, _, rest = text.partition(":")
    dotted = all(part.isidentifier() for part in home.split("."))
    if not dotted or (Path(text).exists() and not (Path(text) / "__init__.py").exists()):
        return None
    if not rest and (Path(text) / "config.json").exists():
        return None
    source = ModuleSource(home, None, rest)
    return source if rest or _file_of(source) is not None else None


def imported(source: ModuleSource) -> Any:
    """The module, imported as a program in this directory would; a file as a script, or as part of its package."""
    if source.file is None:
        _look_in(Path.cwd())
        return import_module(source.home)
    folder, parts = source.file.resolve().parent, [source.file.stem]
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    _look_in(folder)
    if len(parts) > 1:
        return import_module(".".join(parts))
    there = sys.modules.get(parts[0])
    is_free = there is None or _is_of(there, source.file)  # imported anew: it may have changed since
    name = parts[0] if is_free else f"_{parts[0]}"
    spec = spec_from_file_location(name, source.file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _is_of(module: ModuleType, file: Path) -> bool:
    """Whether a module was imported from a file."""
    own = getattr(module, "__file__", None)
    return isinstance(own, str) and Path(own).is_file() and file.is_file() and Path(own).samefile(file)


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def check_there(source: ModuleSource) -> None:
    """Refuse a source without a file, or that names nothing in it; what it has is read and not run.

    Raises:
        UsageError: as said.
    """
    if source.file is not None and not source.file.is_file():
        what = "it is no ordinary file" if source.file.exists() else "there is no such file"
        raise UsageError(f"cannot read {source.file}: {what}")
    if not source.rest:
        raise UsageError(told_names(source))


def names_in(source: ModuleSource) -> list[str]:
    """What a module has that may make a network; it is read and not run."""
    file = _file_of(source)
    return [] if file is None else list(_names(file))


def told_names(source: ModuleSource) -> str:
    """That a module alone names no network, and what it has."""
    names = names_in(source)
    example = f"`netspec import {source.home}:{names[0] if names else 'factory'}`"
    if not names:
        return f"`{source.home}` is a module: what makes the network is written behind it, {example}"
    told = ", ".join(f"`{name}`" for name in names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return (
        f"`{source.home}` is a module: what makes the network is written behind it, for example {example}; "
        f"it has {told}"
    )


def _file_of(source: ModuleSource) -> Path | None:
    """The file of a module, found without importing anything."""
    if source.file is not None:
        return source.file
    places: list[str] | None = [str(Path.cwd()), *sys.path]
    file: Path | None = None
    for part in source.home.split("."):
        found = PathFinder.find_spec(part, places) if places else None
        if found is None:
            return None
        places = list(found.submodule_search_locations or ())
        file = Path(found.origin) if found.origin is not None else None
    return file if file is not None and file.suffix == ".py" else None


def _names(file: Path) -> Iterator[str]:
    """The classes that are derived from others, then the functions, that a file offers."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return
    classes = [node.name for node in body if isinstance(node, ast.ClassDef) and node.bases]
    functions = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    given = [name for node in body if isinstance(node, ast.ImportFrom) for name in _passed_on(node, file)]
    yield from (name for name in (*reversed(classes), *functions, *given) if not name.startswith("_"))


def _passed_on(node: ast.ImportFrom, file: Path) -> Iterator[str]:
    """The names that a package has from its own modules."""
    if node.level != 1 or node.module is None:
        return
    for name in node.names:
        if name.name != "*":
            yield name.asname or name.name
        elif file.name == "__init__.py":
            yield from _names(file.parent.joinpath(*node.module.split(".")).with_suffix(".py"))
