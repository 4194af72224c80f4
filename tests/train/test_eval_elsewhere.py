"""`netspec eval RUN --set train.data…`: a run is measured on other data, by its own net and what it
learned of its data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import netspec
from netspec.cli import cli
from netspec.diagnostics import ResourceError, UsageError
from tests.commands import invoke
from tests.train.small_runs import PLAIN, finish, small_net

if TYPE_CHECKING:
    from pathlib import Path


def stored(file: Path, count: int, seed: int) -> Path:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, 1, 6, 6, generator=generator)
    save_file({"x": x, "y": torch.randint(3, (count,), generator=generator)}, file)
    return file


def test_it_is_measured_on_the_data_that_are_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = stored(tmp_path / "a.safetensors", 30, 1), stored(tmp_path / "b.safetensors", 50, 2)
    finish(small_net(PLAIN, data={"tensors": {"train": str(first), "test": str(first)}}), tmp_path / "run", examples=20)
    run = netspec.open_run(tmp_path / "run")
    (tmp_path / "here").mkdir()
    other.rename(tmp_path / "here" / "b.safetensors")
    monkeypatch.chdir(tmp_path / "here")  # from where a path counts that is typed now
    done = invoke(cli, "eval", tmp_path / "run", "--format", "json", "--set", "train.data.tensors.test=b.safetensors")
    found = json.loads(done.stdout)
    assert found["set"] == ["train.data.tensors.test=b.safetensors"]
    assert found["examples"] == 50
    from safetensors.torch import load_file

    data = load_file("b.safetensors")
    expected = torch.nn.functional.cross_entropy(run.predict(data["x"]), data["y"])
    assert found["loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert (
        "train.data.tensors.test=b.safetensors"
        in invoke(cli, "eval", tmp_path / "run", "--set", "train.data.tensors.test=b.safetensors").stdout
    )


def pictures(folder: Path, classes: tuple[str, ...]) -> Path:
    for part in ("train", "test"):
        for number, name in enumerate(classes):
            (folder / part / name).mkdir(parents=True)
            for i in range(3):
                Image.new("L", (6, 6), number * 60 + i).save(folder / part / name / f"{i}.png")
    return folder


def test_classes_that_are_not_those_of_the_run_are_refused(tmp_path: Path) -> None:
    own, other = (pictures(tmp_path / n, c) for n, c in (("own", ("a", "b", "c")), ("other", ("a", "c", "d"))))
    data: dict[str, Any] = {"folder": {"path": str(own), "channels": 1}}
    finish(small_net(PLAIN, data=data), tmp_path / "run")
    done = invoke(cli, "eval", tmp_path / "run", "--set", f"train.data.folder.path={other}")
    assert isinstance(done.exception, ResourceError)
    assert "there are 3 and 3, and class 1 is `c`, but was `b`; give the data" in str(done.exception)
    same = pictures(tmp_path / "same", ("a", "b", "c"))
    assert not invoke(cli, "eval", tmp_path / "run", "--set", f"train.data.folder.path={same}").exception
    for path in (same / "train").iterdir():  # the pictures of a test alone
        for picture in path.iterdir():
            picture.unlink()
        path.rmdir()
    (same / "train").rmdir()
    done = invoke(cli, "eval", tmp_path / "run", "--set", f"train.data.folder.test={same / 'test'}", "--format", "json")
    assert json.loads(done.stdout)["examples"] == 9


def test_the_net_of_a_run_is_not_set_and_a_wrong_key_is_told(tmp_path: Path) -> None:
    finish(small_net(PLAIN), tmp_path / "run")
    done = invoke(cli, "eval", tmp_path / "run", "--set", "input=[1, 7, 7]")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith("`--set input=…`: the net of a run is what was trained")
    done = invoke(cli, "eval", tmp_path / "run", "--set", "train.dat=5")
    assert (
        isinstance(done.exception, netspec.SpecError) and done.exception.diagnostics[0].help == "did you mean `data`?"
    )
