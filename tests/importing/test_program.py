"""Networks in texts: programs, pages with code, notebooks. Nothing of them is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import netspec
from netspec.cli.import_ import command
from netspec.diagnostics import NetspecError
from netspec.importing import NotImportable, from_program
from tests.commands import APART

SPECS = Path(__file__).parents[2] / "specs"

LENET = """
import torch
from torch import nn
from d2l import torch as d2l

net = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Flatten(),
    nn.Linear(16 * 5 * 5, 120), nn.Sigmoid(),
    nn.Linear(120, 84), nn.Sigmoid(),
    nn.Linear(84, 10))

X = torch.rand(size=(1, 1, 28, 28), dtype=torch.float32)
for layer in net:
    X = layer(X)
    print(layer.__class__.__name__, 'output shape:', X.shape)

batch_size = 256
train_iter, test_iter = d2l.load_data_fashion_mnist(batch_size=batch_size)
raise SystemExit("this is not run")
"""

ALEXNET = """
net = nn.Sequential(
    # a larger window than LeNet's
    nn.Conv2d(1, 96, kernel_size=11, stride=4, padding=1), nn.ReLU(),
    nn.MaxPool2d(kernel_size=3, stride=2),
    nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(),
    nn.MaxPool2d(kernel_size=3, stride=2),
    nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
    nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
    nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
    nn.MaxPool2d(kernel_size=3, stride=2),
    nn.Flatten(),
    nn.Linear(6400, 4096), nn.ReLU(),
    nn.Dropout(p=0.5),
    nn.Linear(4096, 4096), nn.ReLU(),
    nn.Dropout(p=0.5),
    nn.Linear(4096, 10))
"""
SIZE = "X = torch.randn(1, 1, 224, 224)\nfor layer in net:\n    X = layer(X)\n"

PAGE = f"""# Deep convolutional networks

The model in code:

```python
import torch
from torch import nn
{ALEXNET}```

Shapes:

```python
{SIZE}```

and an end.
"""
PASTED = f"Run elsewhere:\n\nIn [None]:\nfrom torch import nn\n{ALEXNET}\n\nIn [None]:\n{SIZE}\nIt ends.\n"
NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "source": ["# nets\n", "nn.Linear(3, 4)"]},
            {
                "cell_type": "code",
                "source": ["%matplotlib inline\n", "from torch import nn\n", ALEXNET],
            },
            {"cell_type": "code", "source": SIZE},
        ]
    }
)


def rows(net: netspec.Net) -> list[tuple[object, ...]]:
    """The layers; a pool without a stride has that of its window."""
    found: list[tuple[object, ...]] = []
    for leaf in net.layers:
        args = dict(leaf.args)
        if "stride" in args:
            args["stride"] = args["stride"] or args["kernel_size"]
        found.append((leaf.path, leaf.type, args, leaf.input_shape, leaf.output_shape, leaf.params))
    return found


@pytest.mark.parametrize(
    ("text", "spec"),
    [(LENET, "d2l/lenet"), (LENET, "lenet"), (PAGE, "alexnet"), (PASTED, "alexnet"), (NOTEBOOK, "alexnet")],
)
def test_the_networks_of_the_book_are_read_as_it_writes_them(text: str, spec: str) -> None:
    found = netspec.loads(from_program(text, "net").text)
    ours = netspec.load(SPECS / f"{spec}.yaml")
    assert rows(found) == rows(ours)
    assert found.input_shape == ours.input_shape


def test_what_follows_from_what_stands_in_front_is_not_written() -> None:
    assert from_program(LENET, "lenet").text == (
        "netspec: 1\nname: lenet\ninput: [1, 28, 28]\n\nlayers:\n"
        "  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}\n  - Sigmoid\n"
        "  - AvgPool2d: {kernel_size: 2, stride: 2}\n"
        "  - Conv2d: {out_channels: 16, kernel_size: 5}\n  - Sigmoid\n"
        "  - AvgPool2d: {kernel_size: 2, stride: 2}\n  - Flatten\n"
        "  - Linear: 120\n  - Sigmoid\n  - Linear: 84\n  - Sigmoid\n  - Linear: 10\n"
    )


def test_an_input_that_nothing_says_is_one_that_fits() -> None:
    found = from_program(ALEXNET, "net")
    assert netspec.loads(found.text).input_shape == (1, 224, 224)
    assert any("nothing says what it takes" in note for note in found.notes)
    assert netspec.loads(from_program(ALEXNET, "net", [1, 200, 200]).text).input_shape == (1, 200, 200)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import os\nprint(1)\n", "no network was found"),
        ("class Net(nn.Module):\n    def forward(self, x):\n        return self.a(x) + x\n", "which adds values"),
        (
            "net = nn.Sequential(nn.Linear(9, 3), nn.Linear(4, 2))\nX = torch.rand(1, 9)",
            "its layers do not make a network",
        ),
        ("{'cells'", "begins as a notebook does"),
        ('{"cells": 3}', "begins as a notebook does"),
        ("x = 1\n" * 20_000, "at most are read"),
    ],
)
def test_what_is_no_chain_is_refused(text: str, told: str) -> None:
    with pytest.raises(NotImportable, match=told):
        from_program(text, "net")


def test_a_file_is_imported_by_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("book.py").write_text(LENET)
    Path("page.md").write_text(PAGE)
    done = CliRunner(**APART).invoke(command, ["book.py", "-o", "net.yaml"])
    assert done.exit_code == 0, done.output
    assert "nothing of it was run" in done.stderr
    assert rows(netspec.load("net.yaml")) == rows(netspec.load(SPECS / "lenet.yaml"))
    assert CliRunner(**APART).invoke(command, ["page.md", "--input", "1,200,200"]).stdout.count("Conv2d") == 5


def test_a_program_that_is_no_chain_is_told_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("class Net(nn.Module):\n    def forward(self, x):\n        return self.a(x) + x\n")
    done = CliRunner(**APART).invoke(command, ["mine.py"])
    assert isinstance(done.exception, NetspecError)
    assert "`netspec import mine.py:Net`" in str(done.exception)
    assert "which adds values (line 3)" in str(done.exception)
    Path("page.txt").write_text(PAGE)
    done = CliRunner(**APART).invoke(command, ["page.txt", "--flat"])
    assert "`--flat` is for a module" in str(done.exception)
