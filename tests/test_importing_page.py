"""docs/importing.md, followed word by word."""

from __future__ import annotations

import importlib
import json
import shlex
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import netspec
from netspec.cli.import_ import command
from tests.followed import ROOT, Page, run

PAGE = Page("importing")
CONFIG = ROOT / "pyproject.toml"
SPEC, FAMILY = (text for _, kind, text in PAGE.blocks if kind == "yaml")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return PAGE.write(tmp_path)


def test_the_page_has_what_is_followed_here() -> None:
    assert list(PAGE.files) == ["net.py", "scaled.py", "family.py", "shares.py"]
    assert len(PAGE.commands) == 9 and len(PAGE.programs) == 1 and len(PAGE.printed) == 2


@pytest.mark.slow
def test_the_module_is_the_spec_of_the_page_and_its_weights_load(place: Path) -> None:
    shown, wrote = (run(place, "-m", *line.split(), torch=True) for line in PAGE.commands[:2])
    assert shown.stdout == SPEC
    assert wrote.stderr == PAGE.printed[0]
    assert (place / "net.yaml").read_text() == SPEC.replace("name: Net", "name: net")
    program = run(place, "-c", PAGE.programs[0], torch=True)
    assert program.returncode == 0, program.stderr
    assert program.stdout == "77930 True ()\n"
    for words in (("summary", "net.py:Net"), ("compare", "net.py:Net", "net.yaml")):
        done = run(place, "-m", "netspec", *words, "--input", "3,32,32", torch=True)
        assert done.returncode == 0, done.stderr
    assert "The layers are the same, one by one.\n" in done.stdout


@pytest.mark.slow
def test_weights_under_other_keys_are_carried_over(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in PAGE.commands[2:5]:
        program, *words = shlex.split(line)
        done = run(place, *(["-m", program] if program == "netspec" else []), *words, torch=True)
        assert done.returncode == 0, done.stderr
    assert json.loads((place / "scaled.keys.json").read_text())["gamma.weight"] == "gamma"
    monkeypatch.syspath_prepend(place)
    module = importlib.import_module("scaled").Scaled()
    module.load_state_dict(torch.load(place / "scaled.pt", weights_only=True))
    x = torch.randn(2, 4, 8)
    model = netspec.build(netspec.load(str(place / "scaled.yaml")))
    model.load_state_dict(load_file(place / "scaled.safetensors"))
    assert torch.equal(model(x), module(x))
    found = netspec.from_torch(module, x)
    other = netspec.build(found.net)
    other.load_state_dict(netspec.transfer(module, found.net, keys=found.keys))
    assert torch.equal(other(x), module(x))


@pytest.mark.slow
def test_the_family_is_the_spec_of_the_page(place: Path) -> None:
    done = run(place, "-m", *shlex.split(PAGE.commands[5]), torch=True)
    assert done.returncode == 0, done.stderr
    assert (place / "family.yaml").read_text() == FAMILY
    assert done.stderr.count("equal to the module in outputs and gradients") == 3
    checked = run(place, "-m", "netspec", "check", "family.yaml")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.slow
def test_the_plugin_of_the_page_is_written_and_then_read(place: Path) -> None:
    wrote, read, verified = (run(place, "-m", *line.split(), torch=True) for line in PAGE.commands[6:])
    assert wrote.stderr == PAGE.printed[1]
    layers = next(text for _, kind, text in PAGE.blocks if kind == "python" and "class TopShare(Layer)" in text)
    assert (place / "my_layers.py").read_text() == layers
    assert read.returncode == 0 and "TopShare: {top: 2, dropout: 0.1}, name: share}" in read.stdout
    assert verified.returncode == 0 and "parameters agree with torch" in verified.stderr
    checked = run(place, "-m", "ruff", "check", "--extend-ignore", "D102", "--config", str(CONFIG), "my_layers.py")
    assert checked.returncode == 0, checked.stdout


def test_the_page_names_every_option() -> None:
    options = {o for p in command.params for o in p.opts if o.startswith("--")}
    assert {option for option in options - {"--output", "--force"} if option not in PAGE.text} == set()
