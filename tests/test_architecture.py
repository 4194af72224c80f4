"""The imports follow docs/architecture.md: one direction, torch only in its packages, no import cycles."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

PACKAGE = Path(__file__).parent.parent / "netspec"

FLOORS = [
    {"asked", "called", "diagnostics", "excerpts", "extras", "files", "writing"},
    {"text", "dims"},
    {"expressions", "symbols", "render"},
    {"kinds", "arguments", "called", "meant", "validation", "codes", "errors"},
    {"layers", "plugins", "combinators", "initializers", "recipe"},
    {"net", "wiring"},
    {"simulation"},
    {"views", "cost"},
    {"expectations"},
    {"language"},
    {"remarks", "space"},
    {"mends"},
    {"passes"},
    {"compiler"},
    {"comparison", "locking", "schema"},
    {"table", "drawing", "emit", "torch", "importing"},
    {"trainer", "capture", "lsp"},
    {"sweeps"},
    {"cli", "mcp"},
    {"notebook"},
]
"""Layers of packages, lowest first: a package imports only from its own layer and from lower ones."""

FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
CONSUMERS = {"table", "drawing", "emit", "torch", "cost"}


def module_name(path: Path) -> str:
    parts = ("netspec", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> set[str]:
    """The modules that a file imports anywhere, except under `if TYPE_CHECKING`."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def edges() -> list[tuple[str, str]]:
    return [
        (name, target) for name, path in FILES.items() for target in imports(path) if target in FILES and target != name
    ]


def test_the_page_has_a_line_for_every_room_and_no_other() -> None:
    """Every module at the top, and every package; those of the trainer have a table of their own."""
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("## The rooms\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    listed = [name for row in rows for name in re.findall("`(.+?)`", row)]
    modules = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    packages = {f"{path.parent.relative_to(PACKAGE).as_posix()}/" for path in PACKAGE.glob("*/**/__init__.py")}
    rooms = {name for name in packages if not name.startswith("trainer/")} | {"trainer/"}
    assert sorted(listed) == sorted(modules | rooms)


def room(module: str) -> str:
    return [*module.split("."), ""][1]


def test_every_room_has_a_floor() -> None:
    assert {room(name) for name in FILES} - set(FLOOR_OF) == {"", "__main__"}


@pytest.mark.parametrize("name", [n for n in FILES if room(n) in FLOOR_OF])
def test_a_module_imports_from_its_own_floor_or_below(name: str) -> None:
    above = [t for a, t in edges() if a == name and room(t) in FLOOR_OF and FLOOR_OF[room(t)] > FLOOR_OF[room(name)]]
    assert above == []


def test_there_are_no_circles() -> None:
    """No cycles between modules. Imports between a package's `__init__` and its own modules do not count."""
    graph = nx.DiGraph()
    graph.add_edges_from((a, b) for a, b in edges() if not b.startswith(a + ".") and not a.startswith(b + "."))
    graph.remove_nodes_from([n for n in ("netspec", "netspec.__main__") if n in graph])
    assert [c for c in nx.strongly_connected_components(graph) if len(c) > 1] == []


def test_a_consumer_of_nets_imports_no_other_consumer() -> None:
    pairs = {
        (room(a), room(b)) for a, b in edges() if room(a) in CONSUMERS and room(b) in CONSUMERS and room(a) != room(b)
    }
    assert pairs == set()


@pytest.mark.parametrize("name", FILES)
def test_torch_is_imported_in_its_own_rooms_alone(name: str) -> None:
    torch = {
        t for t in imports(FILES[name]) if t.split(".")[0] in ("torch", "torchvision", "safetensors", "matplotlib")
    }
    if name == "netspec.importing.keras.weights":  # which writes NumPy's arrays, and no torch is needed for that
        torch -= {"safetensors.numpy", "safetensors.numpy.save"}
    if room(name) not in ("torch", "trainer", "capture"):
        assert torch - {"torch"} == set() and (torch == set() or name == "netspec.cli.doctor")


PACKAGES = [name for name, path in FILES.items() if path.name == "__init__.py"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_has_the_name_of_something_that_its_package_offers(package: str) -> None:
    """Importing a submodule rebinds the name in its package: `netspec.train` would be a function or a module."""
    tree = ast.parse(FILES[package].read_text(encoding="utf-8"))
    offered = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    offered |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    offered |= {
        str(text.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for text in ast.walk(node.value)
        if isinstance(text, ast.Constant) and "__all__" in ast.unparse(node.targets[0])
    }
    modules = {name.removeprefix(f"{package}.") for name in FILES if name.startswith(f"{package}.")}
    assert offered & modules == set()


# ---- the rooms of the trainer

TRAINER = "netspec.trainer"


@cache
def rooms_on_the_page() -> dict[str, set[str]]:
    """The trainer's packages in docs/architecture.md, highest first, each with the packages that it imports."""
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("## The trainer\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z_]+)(?:/|\.py)` \| .+ \|(.*)\|$", section, re.MULTILINE)
    return {name: set(re.findall(r"`([a-z_]+)`", imported)) for name, imported in rows}


def room_of_trainer(module: str) -> str | None:
    return module.split(".")[2] if module.startswith(f"{TRAINER}.") else None


def test_the_page_has_every_room_of_the_trainer_and_no_other() -> None:
    assert set(rooms_on_the_page()) == {room_of_trainer(name) for name in FILES} - {None}


@pytest.mark.parametrize("name", rooms_on_the_page())
def test_a_room_of_the_trainer_imports_what_the_page_says_and_what_stands_below_it(name: str) -> None:
    imported = {room_of_trainer(b) for a, b in edges() if room_of_trainer(a) == name} - {None, name}
    assert imported == rooms_on_the_page()[name]
    rooms = list(rooms_on_the_page())
    assert imported <= set(rooms[rooms.index(name) + 1 :])


def test_listing_runs_imports_no_torch() -> None:
    graph = nx.DiGraph()
    graph.add_edges_from(edges())
    reached = nx.descendants(graph, "netspec.cli.runs")
    assert not [module for module in reached if "torch" in {t.split(".")[0] for t in imports(FILES[module])}]


# ---- one name, one thing


def is_torch_module(module: str, node: ast.ClassDef) -> bool:
    """Whether a class is the torch module of a layer or a loss, which has the name of that class on purpose."""
    rooms = module.startswith(("netspec.torch.", "netspec.trainer.machine.convolutions", "netspec.trainer.measure.own"))
    return rooms and any(ast.unparse(base).startswith("nn.") for base in node.bases)


def is_transform(module: str) -> bool:
    """Transforms have torchvision's names, of which `Normalize` is also that of a function of torch's."""
    return module.startswith("netspec.recipe.transforms.")


def is_layer(module: str) -> bool:
    """Layers have torch's names, of which `Split` is also what a part of a data set is called."""
    return module.startswith("netspec.layers.")


@pytest.mark.slow
def test_a_search_for_a_class_has_one_answer() -> None:
    found = Counter(
        (node.name, is_torch_module(module, node), is_transform(module), is_layer(module))
        for module, path in FILES.items()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    assert {name for (name, *_), number in found.items() if number > 1} == set()


def test_layers_know_nothing_of_yaml() -> None:
    knowing = {(a, b) for a, b in edges() if room(a) == "layers" and room(b) in ("text", "language", "validation")}
    assert knowing == set()
