"""What netspec makes of the things that docs/contributing.md adds; run where they have been added: see
test_contributing.py. Prints everything as one JSON document."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import torch
import torchvision.transforms.v2.functional as tvf

import netspec
from docs import generate
from netspec.cli import COMMANDS
from netspec.cli.explain import explain
from netspec.recipe import tables
from netspec.torch.verify import verify
from netspec.trainer.transforms.draws import draw_key
from netspec.trainer.transforms.pipeline import Pipeline
from tests.commands import invoke
from tests.emitted import assert_same


def off_torchvision() -> float:
    """The largest difference of `RandomAutocontrast` from torchvision's function, on images of which one is flat."""
    x = torch.rand(6, 3, 9, 8, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.2
    x[2, 1] = 0.25
    pipeline = Pipeline((), (tables.transform("RandomAutocontrast")(p=1),), torch.device("cpu"))
    changed = pipeline(x, torch.arange(6), draw_key(0, 0))
    return float((changed - torch.stack([tvf.autocontrast(image) for image in x])).abs().max())


def main(spec: str, names: list[str]) -> None:
    net = netspec.load(spec)
    assert_same(net)
    pages = {
        "layers.md": generate.reference_page(),
        "recipes.md": generate.recipe_page(),
        "errors.md": generate.errors_page(),
        "commands.md": generate.commands_page({"count": COMMANDS["count"]}),
        "language.md": generate.refreshed((generate.ROOT / "docs" / "language.md").read_text(encoding="utf-8")),
    }
    for name, text in pages.items():
        (generate.ROOT / "docs" / name).write_text(text, encoding="utf-8")
    counted = invoke(import_module("netspec.cli.count").command, spec)
    run = netspec.train(net, run=Path(spec).with_suffix(".run"), quiet=True, device="cpu", report=False)
    found = {
        "findings": [f"{d.code}: {d.message}" for d in netspec.check(spec)],
        "table": netspec.summary(net),
        "disagreements": [str(found) for found in verify(net).disagreements],
        "emitted": netspec.to_python(net),
        "drawn": netspec.diagram(net).source,
        "expanded": netspec.expand(net),
        "explained": {name: explain(name) for name in names},
        "pages": pages,
        "counted": counted.stdout,
        "off torchvision": off_torchvision(),
        "accuracy": run.records[-1].test_accuracy or run.records[-1].train_accuracy,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
