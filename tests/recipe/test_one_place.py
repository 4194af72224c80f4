"""What the program must know of a recipe's data set, transform, optimizer, scheduler or loss is said by its class."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from netspec.layers import MODULE_OF
from netspec.recipe import tables

PACKAGE = Path(__file__).parents[2] / "netspec"
KINDS = (*tables.CALLS.values(), tables.TRANSFORM)
NAMED = {name for kind in KINDS for name in kind.names}
CLASSES = {kind.load(name).__name__ for kind in KINDS for name in kind.names}
FILES = sorted(PACKAGE.rglob("*.py"))


OF_OTHER_LIBRARIES = {f"mends/{name}.py" for name in ("channels_last", "keras", "sizes", "syntax", "tensors", "words")}
"""What reads programs of other libraries, as `capture/` does."""
FORMATS = ("capture/onnx", "importing/keras")
"""What reads files of other libraries, whose names of operators and layers are their own: ONNX has a `Resize`, too."""


def decisions(tree: ast.AST, names: set[str], classes: set[str]) -> Iterator[str]:
    """Where one of these is told from others: compared as a text, or asked for its class."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare():
                texts = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
                yield from (f"{node.lineno}: {ast.unparse(node)}" for _ in texts & names)
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, kinds]):
                asked = {ast.unparse(part).rpartition(".")[2] for part in ast.walk(kinds) if isinstance(part, ast.expr)}
                yield from (f"{node.lineno}: {ast.unparse(node)}" for _ in asked & classes)
            case ast.MatchClass():
                if ast.unparse(node.cls).rpartition(".")[2] in classes:
                    yield f"{node.lineno}: case {ast.unparse(node)}"
            case _:
                pass


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_is_decided_by_the_name_of_a_part_of_a_recipe_or_of_a_layer(path: Path) -> None:
    """`Tensors` is a data set, and `train` its argument; `Linear` is a layer. Programs of other libraries are told by
    the names that those give their layers."""
    reads = path.is_relative_to(PACKAGE / "capture") or path.relative_to(PACKAGE).as_posix() in OF_OTHER_LIBRARIES
    names = NAMED if reads else NAMED | set(MODULE_OF)
    if any(path.is_relative_to(PACKAGE / room) for room in FORMATS):
        names = set[str]()
    found = decisions(ast.parse(path.read_text(encoding="utf-8")), names, CLASSES)
    assert list(found) == []


def test_a_decision_is_found_however_it_is_written() -> None:
    tree = ast.parse(
        "if name == 'SVHN': pass\n"
        "if name in ('MNIST', 'x'): pass\n"
        "if isinstance(o, torch.optim.SGD): pass\n"
        "match data:\n"
        "    case local.Folder() as folder: pass\n"
        "if layers[-1].__name__ == 'Linear': pass\n"
        "if 'lr' in fields or isinstance(x, Tensor): pass\n"
    )
    found = decisions(tree, NAMED | set(MODULE_OF), CLASSES)
    assert sorted(int(text.partition(":")[0]) for text in found) == [1, 2, 3, 5, 6]
