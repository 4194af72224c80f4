"""The hash of data notices any change of content, and nothing else; data that nobody touched cost a listing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import netspec
from netspec.diagnostics import ResourceError, UsageError
from netspec.trainer.data import fingerprint
from netspec.trainer.data.fingerprint import hash_of_files
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from tests.train.programs import draw_pictures, pictures_spec
from tests.train.small_runs import finish, run_until


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two groups of two files, old enough for their times to tell."""
    for group in ("a", "b"):
        (tmp_path / "files" / group).mkdir(parents=True)
        for name in ("0", "1"):
            (tmp_path / "files" / group / name).write_text(group + name)
    return tmp_path / "files"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust times at once."""
    monkeypatch.setattr(fingerprint, "_SETTLED", -60.0)


def hashed(root: Path) -> str:
    groups = {group.name: {path.name: path for path in group.iterdir()} for group in root.iterdir()}
    return hash_of_files(root, groups)


class Reads:
    """Counts the files that are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        real = fingerprint._digest

        def digest(file: Any) -> str:
            self.paths.append(str(file.path))
            return real(file)

        monkeypatch.setattr(fingerprint, "_digest", digest)


def test_a_change_of_one_byte_of_a_name_or_of_a_file_s_number_is_noticed(files: Path, settled: None) -> None:
    found = {hashed(files)}
    times = (files / "a" / "1").stat()
    (files / "a" / "1").write_text("a2")
    os.utime(files / "a" / "1", ns=(times.st_atime_ns, times.st_mtime_ns))  # as if nobody had been there
    found.add(hashed(files))
    (files / "a" / "1").rename(files / "a" / "2")
    found.add(hashed(files))
    (files / "a" / "0").rename(files / "b" / "2")
    found.add(hashed(files))
    (files / "b" / "2").unlink()
    found.add(hashed(files))
    assert len(found) == 5


def test_a_copy_with_other_times_elsewhere_is_the_same(files: Path, settled: None) -> None:
    before = hashed(files)
    copy = shutil.copytree(files, files.parent / "copy")
    for path in (*files.rglob("?"), *copy.rglob("?")):
        os.utime(path, (1e9, 1e9))
    assert hashed(copy) == hashed(files) == before


def test_what_nobody_touched_is_not_read_again(files: Path, settled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(monkeypatch)
    first = hashed(files)
    assert len(reads.paths) == 4
    assert hashed(files) == first
    assert len(reads.paths) == 4
    (files / "b" / "1").write_text("b1")  # the same content at another time: its group alone is read
    assert hashed(files) == first
    assert len(reads.paths) == 6


def test_files_that_changed_a_moment_ago_are_read_again(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that ticks too slowly gives two contents one time."""
    reads = Reads(monkeypatch)
    assert hashed(files) == hashed(files)
    assert len(reads.paths) == 8


@pytest.mark.parametrize("content", [b"", b"[]", b'{"x": 3}', b"\xff", b"[" * 100_000])
def test_a_cache_that_is_damaged_is_made_anew(content: bytes, files: Path, settled: None) -> None:
    before = hashed(files)
    store = fingerprint._store(files)
    assert store is not None
    store.write_bytes(content)
    assert hashed(files) == before
    assert len(store.read_text()) > 100


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null"])
def test_where_no_cache_can_be_written_files_are_read(
    home: str, files: Path, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashed(files)
    monkeypatch.setenv("NETSPEC_CACHE", home)
    assert hashed(files) == before


def test_a_file_that_cannot_be_read_is_named(files: Path) -> None:
    (files / "a" / "1").unlink()
    (files / "a" / "1").symlink_to(files / "nowhere")
    with pytest.raises(ResourceError, match=r"files/a/1` cannot be read: No such file"):
        hashed(files)


# ---- what a run makes of it

TENSORS = """
name: tensors
input: [8]
layers:
  - Linear: 3
train:
  data: {tensors: {train: PATH}}
  batch_size: 8
  epochs: 3
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1}}
"""


def test_a_resume_with_three_quarters_of_the_examples_zeroed_is_refused(tmp_path: Path) -> None:
    """Every fourth example was looked at once, and none of these changes."""
    path = tmp_path / "train.safetensors"
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(4096, 8, generator=generator), torch.randint(3, (4096,), generator=generator)
    save_file({"x": x, "y": y}, path)
    net = netspec.loads(TENSORS.replace("PATH", str(path)))
    run_until(net, tmp_path / "run", 3)
    x = load_file(path)["x"].clone()
    x[torch.arange(4096) % 4 != 0] = 0
    save_file({"x": x, "y": y}, path)
    with pytest.raises(UsageError, match="the data set's content is another"):
        finish(net, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("budget", [10**9, 0])
def test_a_resume_with_one_changed_picture_is_refused_and_with_a_copy_it_goes_on(budget: int, tmp_path: Path) -> None:
    folder = draw_pictures(tmp_path / "pictures")
    copy = shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    run_until(netspec.loads(pictures_spec(folder)), tmp_path / "run", 3, budget=budget, workers=0)
    picture = folder / "train" / "bee" / "3.png"
    shutil.copyfile(folder / "train" / "cat" / "3.png", picture)
    net = netspec.loads(pictures_spec(folder))
    with pytest.raises(UsageError, match="the data set's content is another"):
        finish(net, tmp_path / "run", budget=budget, workers=0)
    shutil.rmtree(folder)
    copy.rename(folder)
    finish(net, tmp_path / "run", budget=budget, workers=0)


def test_made_up_examples_are_hashed_whole() -> None:
    text = TENSORS.replace("tensors: {train: PATH}", "synthetic: {train: 4096, noise: NOISE}")
    found = [
        assemble(netspec.loads(text.replace("NOISE", noise)), Options(), World(), "cpu").data.fingerprint
        for noise in ("0.5", "0.5", "0.50001")
    ]
    assert found[0] == found[1] != found[2]
