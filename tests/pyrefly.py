"""`python -m tests.pyrefly`: what Pyrefly 1.4.1 with its torch stubs finds in the Python written of every shipped spec.

It needs `pip install pyrefly==1.4.1` and `pip install --no-deps pyrefly-torch-stubs pyrefly-shape-extensions`, in any
environment whose `pyrefly` is on the path; `--stubs FOLDER` names where the stubs are, if not beside torch. What is
found must be in `KNOWN`: there each error that is a fault of Pyrefly or its stubs has a case of its own, a few lines
that run and give that error alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

import netspec
from netspec.emit.python import to_python

ROOT = Path(__file__).parent.parent
VERSION = "1.4.1"


class Known(NamedTuple):
    """An error that is no fault of the emitted file."""

    name: str
    """What Pyrefly calls it."""
    words: str
    """What its message begins with."""
    case: str
    """A program that runs, and gives this error alone."""


KNOWN = [
    Known(
        "bad-argument-type",
        "Argument `Tensor[[int]] | None` is not assignable to parameter `tensor`",
        "from torch import nn\n\n\ndef fill(module: nn.Module) -> None:\n    if isinstance(module, nn.Linear):\n"
        "        nn.init.zeros_(module.bias)\n",
    ),
    Known(
        "bad-argument-type",
        "Argument `Literal[1]` is not assignable to parameter `output_size`",
        "from torch import nn\n\npool = nn.AdaptiveAvgPool3d(1)\n",
    ),
    Known(
        "bad-override",
        "Class member `AuxiliarySequential.forward` overrides parent class `Sequential`",
        "from torch import Tensor, nn\n\n\nclass AuxiliarySequential(nn.Sequential):\n"
        "    def forward(self, input: Tensor) -> Tensor | None:\n        return None\n",
    ),
    Known(
        "bad-override-param-name",
        "Class member `ChainLSTM.forward` overrides parent class `LSTM`",
        "from torch import Tensor, nn\n\n\nclass ChainLSTM(nn.LSTM):\n"
        "    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore\n        return super().forward(x)[0]\n",
    ),
    Known(
        "bad-override",
        "Class member `ChainGRU.forward` overrides parent class `GRU`",
        "from torch import Tensor, nn\n\n\nclass ChainGRU(nn.GRU):\n"
        "    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore\n        return super().forward(x)[0]\n",
    ),
    Known(
        "bad-override",
        "Class member `StatefulLSTM.forward` overrides parent class `LSTM`",
        "from torch import Tensor, nn\n\n\nclass StatefulLSTM(nn.LSTM):\n"
        "    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:\n        return x, h\n",
    ),
    Known(
        "bad-argument-count",
        "Expected 1 positional argument, got 2 in function `torch.nn.LSTM.forward`",
        "import torch\nfrom torch import nn\n\nlstm = nn.LSTM(2, 3)\nlstm.forward(torch.zeros(1, 1, 2), None)\n",
    ),
]


def main() -> int:
    """Check all files and all cases; 1 if there is an error that is not known, or a known one that is none any more."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stubs", type=Path, help="where pyrefly-torch-stubs is installed")
    parser.add_argument("--pyrefly", default="pyrefly", help="the program")
    options = parser.parse_args()
    version = subprocess.run([options.pyrefly, "--version"], capture_output=True, text=True, check=True).stdout
    print(version.strip())
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = emit(folder)
        (folder / "cases").mkdir()
        for number, known in enumerate(KNOWN):
            (folder / "cases" / f"case_{number}.py").write_text(known.case, encoding="utf-8")
        errors = checked(options.pyrefly, options.stubs, folder)
    counts: Counter[int] = Counter()
    wrong = 0
    for error in errors:
        path = Path(error["path"])
        number = known_as(error)
        if path.parent.name == "cases":
            expected = int(path.stem.partition("_")[2])
            counts[~expected] += number == expected
            wrong += number is None
        elif number is None:
            wrong += 1
            print(f"{path.name}:{error['line']}: {error['name']}: {error['description']}")
        else:
            counts[number] += 1
    for number, known in enumerate(KNOWN):
        print(
            f"{counts[number]:4} times: {known.name}: {known.words}", "" if counts[~number] else "(its case has none)"
        )
        wrong += not counts[~number]
    print(f"{files} files, {wrong} errors that are not known")
    return 1 if wrong else 0


def emit(folder: Path) -> int:
    """Write a file for the first variant of every shipped spec; how many."""
    paths = sorted((ROOT / "specs").rglob("*.yaml"))
    for path in paths:
        variants = yaml.safe_load(path.read_text(encoding="utf-8")).get("variants") or (None,)
        name = f"{path.parent.name}_{path.stem}".replace(".", "_").replace("-", "_")
        (folder / f"{name}.py").write_text(to_python(netspec.load(path, next(iter(variants)))), encoding="utf-8")
    return len(paths)


def checked(pyrefly: str, stubs: Path | None, folder: Path) -> list[dict[str, Any]]:
    """The errors in a folder of files."""
    places = [str(stubs)] if stubs is not None else []
    places.append(str(Path(torch.__file__).parent.parent))
    command = [pyrefly, "check", "--preset", "default", "--output-format", "json"]
    for place in places:
        command += ["--site-package-path", place]
    command += sorted(map(str, folder.rglob("*.py")))
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return [error for error in json.loads(found.stdout)["errors"] if error.get("severity", "error") == "error"]


def known_as(error: dict[str, Any]) -> int | None:
    for number, known in enumerate(KNOWN):
        if error["name"] == known.name and error["description"].startswith(known.words):
            return number
    return None


if __name__ == "__main__":
    sys.exit(main())
