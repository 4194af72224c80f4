"""What is counted and needs no tensor: shapes, parameters and multiply-accumulates, all from compiled specs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

import netspec
from docs.study.store import ROOT, Row
from netspec.net import Net

NETS: dict[str, tuple[str, dict[str, Any]]] = {
    "lenet": ("specs/lenet.yaml", {}),
    "alexnet": ("specs/alexnet.yaml", {}),
    "alexnet, three channels": (
        "specs/alexnet.yaml",
        {"input": [3, 224, 224], "train.transforms": [{"Resize": 224}, {"Grayscale": 3}]},
    ),
    "alexnet of torchvision": ("specs/torchvision/alexnet.yaml", {}),
    "alexnet, an eighth": ("docs/study/alexnet_eighth.yaml", {}),
}
"""Name of a row → spec and overrides."""


def load(name: str) -> Net:
    """The net of a row."""
    spec, overrides = NETS[name]
    return netspec.load(ROOT / spec, set=overrides)


def command(name: str) -> str:
    """The command that prints the same counts."""
    spec, overrides = NETS[name]
    settings = [word for key, value in overrides.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    return shlex.join(["netspec", "compile", spec, *settings, "--no-write"])


def counted(name: str) -> Row:
    """The row of a net: what it has in all, and of each layer the type, the sizes it gives, parameters and MACs."""
    net = load(name)
    layers = [
        {"type": leaf.type, "output": list(leaf.output_shape), "params": leaf.params, "macs": leaf.macs}
        for leaf in net.layers
    ]
    return {"command": command(name), "params": net.params, "macs": net.macs, "layers": layers}


def weighted(row: Row) -> list[tuple[str, Row]]:
    """The layers that have parameters, each with a name as in "Conv2d 2"."""
    found: list[tuple[str, Row]] = []
    numbers: dict[str, int] = {}
    for layer in row["layers"]:
        if layer["params"]:
            number = numbers[layer["type"]] = numbers.get(layer["type"], 0) + 1
            found.append((f"{layer['type']} {number}", layer))
    return found


def share(row: Row, what: str, kinds: Sequence[str]) -> float:
    """The share of a net's parameters or MACs that layers of some types hold."""
    return sum(layer[what] for layer in row["layers"] if layer["type"] in kinds) / row[what]
