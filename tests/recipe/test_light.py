"""A check of a recipe imports the tables that it uses, and no tensor library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_checking_alexnet_imports_only_what_its_recipe_names() -> None:
    code = (
        "import json, sys, netspec; netspec.check(sys.argv[1]);"
        "print(json.dumps([m for m in sys.modules if m.startswith('netspec.recipe.') or m in ('torch', 'numpy')]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "specs/alexnet.yaml")], check=True, capture_output=True, cwd=ROOT
    )
    found = {name.removeprefix("netspec.recipe.") for name in json.loads(run.stdout)}
    modules = {name for name in found if "." in name}
    assert modules == {"datasets.torchvision", "losses.classes", "optimizers.sgd", "transforms.fixed"}
    assert not found & {"settings", "schedulers", "torch", "numpy"}
