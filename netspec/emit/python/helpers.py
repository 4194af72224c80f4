"""The source of netspec's own modules, for copying into the files that use them.

The text is read, never imported: emitting needs no torch.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

_FILES: Final = {
    "netspec.torch.modules": "modules.py",
    "netspec.torch.extra": "extra.py",
    "netspec.torch.moves": "moves.py",
    "netspec.torch.units": "units.py",
    "netspec.torch.attention": "attention.py",
    "netspec.torch.comparing": "comparing.py",
    "netspec.torch.choosing": "choosing.py",
    "netspec.torch.recurrent": "recurrent.py",
}


@dataclass(frozen=True, slots=True)
class _Definition:
    """One class or function at the top of a file, with the names that its code mentions."""

    text: str
    mentions: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Source:
    definitions: dict[str, _Definition]
    imports: dict[str, tuple[str, str]]
    """Name bound at the top of the file → module, and what is imported from it (empty for a plain `import`)."""


class Copies:
    """The definitions that a file needs, with all that these need in turn.

    Args:
        wanted: module and name of each.
    """

    def __init__(self, wanted: Iterable[tuple[str, str]]) -> None:
        self.texts: dict[str, str] = {}
        """Name → source text, every definition after those that it mentions."""
        self.imports: set[tuple[str, str]] = set()
        """Module, and what is imported from it."""
        for module, name in wanted:
            self._add(_source(module), name)

    def _add(self, source: _Source, name: str) -> None:
        definition = source.definitions[name]
        for mentioned in sorted(definition.mentions - {name} - self.texts.keys()):
            if mentioned in source.definitions:
                self._add(source, mentioned)
            elif mentioned in source.imports:
                self.imports.add(source.imports[mentioned])
        self.texts[name] = definition.text


def helper_names() -> frozenset[str]:
    """All names that a copied definition may bring along: no block may take one."""
    sources = [_source(module) for module in _FILES]
    return frozenset(name for source in sources for name in (*source.definitions, *source.imports))


@cache
def _source(module: str) -> _Source:
    text = files("netspec").joinpath("torch", _FILES[module]).read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.splitlines()
    definitions: dict[str, _Definition] = {}
    imports: dict[str, tuple[str, str]] = {}
    for node in tree.body:
        match node:
            case ast.ClassDef() | ast.FunctionDef():
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                mentions = frozenset(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))
                definitions[node.name] = _Definition("\n".join(lines[first - 1 : node.end_lineno]), mentions)
            case ast.Import() | ast.ImportFrom():
                imports |= {name: origin for name, origin in _bound(node) if origin[0] != "__future__"}
            case _:
                continue
    return _Source(definitions, imports)


def _bound(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[str, str]]]:
    for alias in node.names:
        renamed = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
        bound = alias.asname or alias.name
        yield bound, ((renamed, "") if isinstance(node, ast.Import) else (node.module or "", renamed))
