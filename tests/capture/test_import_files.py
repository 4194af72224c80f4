"""What `netspec import` of a file writes, and where: both files or none, and never over what it reads."""

# ruff: noqa: E402

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from click.testing import CliRunner
from torch import nn

from netspec.cli.import_ import command
from netspec.diagnostics import UsageError
from netspec.importing import NotImportable
from tests.capture.programs import saved


@pytest.fixture(params=["net.pt2", "net.onnx"])
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    module, given = nn.Sequential(nn.Linear(4, 3)).eval(), torch.randn(3, 4)
    if request.param == "net.pt2":
        saved(tmp_path / "net.pt2", module, given)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter that torch is about to leave behind
            torch.onnx.export(module, (given,), tmp_path / "net.onnx", dynamo=False)
    return request.param


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (None, "it is the file that is read"),
        ("spec.safetensors", "name it FILE.yaml"),
        ("nodir/spec.yaml", "there is no directory nodir"),
    ],
)
def test_a_spec_that_cannot_be_written_leaves_no_weights(
    source: str, tmp_path: Path, target: str | None, told: str
) -> None:
    before = (tmp_path / source).read_bytes()
    done = CliRunner().invoke(command, [source, "-o", target or source, "--force"])
    assert told in str(done.exception)
    assert [each.name for each in tmp_path.iterdir()] == [source]
    assert (tmp_path / source).read_bytes() == before


@pytest.mark.parametrize("name", ["net.pt2", "net.onnx", "net.keras", "net.py:Net"])
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_folder_and_a_pipe_are_called_no_files(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    """The one has no bytes, and the other may have no end."""
    make(tmp_path / name.partition(":")[0])
    done = CliRunner().invoke(command, [str(tmp_path / name)])
    assert isinstance(done.exception, UsageError)
    assert "it is no ordinary file" in str(done.exception)


def test_a_graph_without_a_batch_is_told_that_it_needs_one(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(nn.Linear(4, 3), (torch.randn(4),), tmp_path / "net.onnx", dynamo=False)
    done = CliRunner().invoke(command, [str(tmp_path / "net.onnx")])
    assert "a batch of 4 alone, if the first axis of its input is that" in str(done.exception)


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("model.pt", b"PK\x03\x04", "model.pt is a zip archive: name it .pt2 if `torch.export.save` wrote it"),
        ("model.h5", b"\x89HDF\r\n\x1a\n", "model.h5 is an HDF5 file, as Keras 2 wrote them"),
        ("model.safetensors", b"\x02\0\0\0\0\0\0\0{}", "model.safetensors is neither a text nor named as"),
        ("model.bin", b"\0\xff", "model.bin is neither a text nor named as"),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_is_read(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(data)
    done = CliRunner().invoke(command, [str(tmp_path / name)])
    assert isinstance(done.exception, NotImportable)
    assert told in str(done.exception)
