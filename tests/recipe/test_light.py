"""A check imports the tables that it uses, and nothing that a spec without mistakes has no use for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FLOOR = """
import click, yaml
from pydantic import BaseModel
class Model(BaseModel):
    a: int
"""
"""What a program with a model stands on, whatever its Python's library imports by itself."""

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """What the program `netspec check` has imported at its end."""
    code = (
        "import os, sys; sys.argv = ['netspec', 'check', 'specs/alexnet.yaml']; before = set(sys.modules);"
        "os._exit = lambda status: print(*set(sys.modules) - before, sys.modules['pydantic.plugin._loader']._plugins);"
        "from netspec.__main__ import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT)
    return set(run.stdout.decode().split())


def test_checking_alexnet_imports_only_what_its_recipe_names(loaded: set[str]) -> None:
    recipe = {name.removeprefix("netspec.recipe.") for name in loaded if name.startswith("netspec.recipe.")}
    modules = {name for name in recipe if "." in name}
    assert modules == {"datasets.torchvision", "losses.classes", "optimizers.sgd", "transforms.fixed"}
    assert not recipe & {"settings", "schedulers"}
    assert not loaded & {"torch", "numpy"}


def test_checking_alexnet_imports_only_the_initialisers_that_it_names(loaded: set[str]) -> None:
    functions = {name for name in loaded if name.startswith("netspec.initializers.")}
    assert functions == {"netspec.initializers.base", "netspec.initializers.xavier"}


def test_what_only_findings_need_is_not_imported_without_any(loaded: set[str]) -> None:
    code = f"{FLOOR}\nimport sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not (loaded - set(run.stdout.split())) & {"netspec.render", "json", "difflib"}


def test_no_plugin_of_pydantic_is_looked_for(loaded: set[str]) -> None:
    """It would read the metadata of every installed package."""
    assert "pydantic.plugin._loader" in loaded
    assert "None" in loaded  # what it has found
