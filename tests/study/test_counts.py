"""The study's counts are what the compiler counts, and its specs are what the page says of them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import netspec
from docs.study import counts, training
from docs.study.store import ROOT, Results
from netspec.cli.compile import command

RESULTS = Results()
SPECS = {name: ROOT / "docs" / "study" / f"{name}.yaml" for name in ("lenet_pieces", "alexnet_eighth")}


# ---- counts


def test_the_counts_are_those_of_the_specs_as_they_are() -> None:
    """If this fails, run `python docs/study/run.py counts tables pictures`, and read the page again."""
    assert {name: counts.counted(name) for name in counts.NETS} == RESULTS.part("counts")


@pytest.mark.parametrize("name", counts.NETS)
def test_the_command_of_a_row_prints_what_the_row_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    _, _, *arguments = shlex.split(counts.command(name))
    printed = json.loads(CliRunner().invoke(command, [*arguments, "--format", "json"]).output)
    row = RESULTS.part("counts")[name]
    assert (printed["totals"]["params"], printed["totals"]["macs"]) == (row["params"], row["macs"])


def test_the_shapes_that_the_notes_print_are_those_of_the_compiler() -> None:
    """The notes print the shape behind every layer of AlexNet, by a tensor that goes through it."""
    maps = [(96, 54)] * 2 + [(96, 26)] + [(256, 26)] * 2 + [(256, 12)] + [(384, 12)] * 4 + [(256, 12)] * 2 + [(256, 5)]
    printed = [[channels, size, size] for channels, size in maps] + [[6400]] + [[4096]] * 6 + [[10]]
    assert [layer["output"] for layer in RESULTS.part("counts")["alexnet"]["layers"]] == printed


# ---- specs


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_of_the_study_is_clean(name: str) -> None:
    assert netspec.check(SPECS[name]) == []


def layers(path: Path, variant: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    return [(leaf.type, dict(leaf.args)) for leaf in netspec.load(path, variant=variant).layers]


def test_of_the_pieces_sigmoid_and_average_is_lenet_and_the_others_differ_in_what_they_are_called_by() -> None:
    lenet = layers(ROOT / "specs" / "lenet.yaml")
    assert layers(SPECS["lenet_pieces"], "sigmoid_average") == lenet
    names = {"sigmoid": "Sigmoid", "relu": "ReLU", "average": "AvgPool2d", "max": "MaxPool2d"}
    for variant in training.PIECES:
        act, pool = (names[word] for word in variant.split("_"))
        wanted = [{"Sigmoid": act, "AvgPool2d": pool}.get(kind, kind) for kind, _ in lenet]
        assert [kind for kind, _ in layers(SPECS["lenet_pieces"], variant)] == wanted


def test_the_small_alexnet_has_the_layers_of_alexnet_and_an_eighth_of_its_widths() -> None:
    large, small = layers(ROOT / "specs" / "alexnet.yaml"), layers(SPECS["alexnet_eighth"])
    assert [kind for kind, _ in large] == [kind for kind, _ in small]
    for (kind, ours), (_, theirs) in zip(small[:-1], large[:-1], strict=True):  # the last gives ten classes in both
        width = {"Conv2d": "out_channels", "Linear": "out_features"}.get(kind)
        assert width is None or 8 * ours[width] == theirs[width]
