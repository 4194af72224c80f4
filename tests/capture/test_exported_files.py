"""Damaged and hostile files of `torch.export`: an error with a place, and nothing huge is made."""

from __future__ import annotations

import os
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from netspec.capture.exported.archive import opened
from netspec.capture.exported.importing import from_exported, module_of
from netspec.capture.graph import NotCaptured
from tests import forking
from tests.capture.programs import changed, saved, with_member

pytestmark = pytest.mark.needs_torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Unflatten(1, (2, 3)), nn.Flatten())
    return saved(tmp_path_factory.mktemp("programs") / "net.pt2", module.eval(), torch.randn(5, 4))


def refusal(path: Path) -> str:
    with pytest.raises(NotCaptured) as caught:
        from_exported(path)
    return str(caught.value)


def graph_of(document: dict[str, Any]) -> dict[str, Any]:
    return document["graph_module"]["graph"]


def _cyclic(document: dict[str, Any]) -> None:
    nodes = graph_of(document)["nodes"]
    nodes[0]["inputs"][0]["arg"]["as_tensor"]["name"] = nodes[-1]["outputs"][0]["as_tensor"]["name"]


def _huge(document: dict[str, Any]) -> None:
    graph_of(document)["tensor_values"]["x" if "x" in graph_of(document)["tensor_values"] else "input"]["sizes"][1] = {
        "as_int": 2**40
    }


def _huge_view(document: dict[str, Any]) -> None:
    view = next(node for node in graph_of(document)["nodes"] if "unflatten" in node["target"])
    view["inputs"][-1]["arg"] = {"as_ints": [2**31, 2**31]}
    view["target"] = "torch.ops.aten.repeat.default"
    view["inputs"] = [view["inputs"][0], {"name": "repeats", "arg": {"as_ints": [1, 2**40]}, "kind": 1}]


def _deep(document: dict[str, Any]) -> None:
    graph_of(document)["nodes"][0]["metadata"]["nn_module_stack"] = ";".join(
        f"k,{'.'.join('a' * n)},mine.Net" for n in range(1, 200)
    )


def _operator(document: dict[str, Any]) -> None:
    graph_of(document)["nodes"][0]["target"] = "torch.ops.aten.__class__.default"


def _python(document: dict[str, Any]) -> None:
    graph_of(document)["nodes"][0]["target"] = "os.system"


def _version(document: dict[str, Any]) -> None:
    document["schema_version"]["major"] = 99


def _argument(document: dict[str, Any]) -> None:
    relu = next(node for node in graph_of(document)["nodes"] if "relu" in node["target"])
    relu["inputs"].append({"name": "out", "arg": {"as_bool": True}, "kind": 2})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_cyclic, "is read before it is made"),
        (_huge, "at most 268,435,456 are computed"),
        (_huge_view, "the program gives"),
        (_deep, "modules stand in each other more than 64 deep"),
        (_operator, "`aten.__class__.default` has no form in a spec"),
        (_python, "`os.system`, which is an operator of another library"),
        (_version, "the version of the format is 99, and 8 is read"),
        (_argument, "with or without `out` is not read"),
    ],
)
def test_a_graph_that_is_wrong_is_told(program: Path, tmp_path: Path, change: Any, told: str) -> None:
    assert told in refusal(changed(program, tmp_path / "other.pt2", change))


@pytest.mark.parametrize("key", ["forward.weight", "0.forward", "training", "0._parameters"])
def test_a_key_that_is_a_name_of_modules_is_refused(program: Path, tmp_path: Path, key: str) -> None:
    def named(data: bytes) -> bytes:
        return data.replace(b'"0.weight"', f'"{key}"'.encode())

    first = with_member(program, tmp_path / "first.pt2", "models/model.json", named)
    told = refusal(with_member(first, tmp_path / "second.pt2", "model_weights_config.json", named))
    assert "that no module has" in told


class Touched:
    """What would leave a file behind if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


def test_nothing_is_unpickled(program: Path, tmp_path: Path) -> None:
    """The example in the archive is a pickle, and a weight may be one."""
    trap = pickle.dumps(Touched(tmp_path / "touched"))
    poisoned = with_member(program, tmp_path / "sample.pt2", "sample_inputs/model.pt", lambda data: trap)
    assert from_exported(poisoned).difference < 1e-9
    said = with_member(
        poisoned, tmp_path / "weight.pt2", "model_weights_config.json",
        lambda data: data.replace(b'"use_pickle": false', b'"use_pickle": true', 1),
    )  # fmt: skip
    assert "`0.weight` is pickled, which is not read" in refusal(
        with_member(said, tmp_path / "both.pt2", "weights/weight_0", lambda data: trap * 9)
    )
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("models/model.json", "has 0 programs"),
        ("model_weights_config.json", "is missing from the archive"),
        ("weights/weight_0", "the numbers of `0.weight`, is missing"),
        ("archive_format", "it has no `archive_format`"),
    ],
)
def test_a_member_that_is_missing_is_named(program: Path, tmp_path: Path, name: str, told: str) -> None:
    assert told in refusal(with_member(program, tmp_path / "less.pt2", name, lambda data: None))


def test_weights_that_are_cut_off_are_named(program: Path, tmp_path: Path) -> None:
    cut = with_member(program, tmp_path / "cut.pt2", "weights/weight_0", lambda data: data[:-4])
    assert "has 92 bytes, and `0.weight` needs 96" in refusal(cut)


def test_a_member_that_is_compressed_is_not_unpacked(program: Path, tmp_path: Path) -> None:
    """A bomb: a gigabyte of zeros in a megabyte."""
    bomb = tmp_path / "bomb.pt2"
    with zipfile.ZipFile(program) as before, zipfile.ZipFile(bomb, "w") as after:
        for member in before.infolist():
            if member.filename.endswith("model.json"):
                after.writestr(member.filename, b" " * 2**26, zipfile.ZIP_DEFLATED)
            else:
                after.writestr(member.filename, before.read(member))
    assert "is compressed or encrypted" in refusal(bomb)


def test_json_that_is_nested_without_end_is_told(program: Path, tmp_path: Path) -> None:
    deep = with_member(program, tmp_path / "deep.pt2", "models/model.json", lambda data: b"[" * 200_000)
    assert "is no JSON that is read" in refusal(deep)


def test_a_file_that_is_none_or_cut_off_is_told(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.pt2"
    data = program.read_bytes()
    for size in (0, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        assert "is no archive of `torch.export.save`, or is cut off" in refusal(path)


def test_an_older_file_with_pickled_weights_says_what_to_do(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_state_dict.pt", b"")
    assert "is of an older torch, whose weights are pickled" in refusal(tmp_path / "old.pt2")


def test_bytes_of_the_graph_that_are_turned_are_told_or_harmless(program: Path, tmp_path: Path) -> None:
    """Whatever stands in the graph is read, or refused as what a user gave."""
    chance = random.Random(3)
    path, refused = tmp_path / "turned.pt2", 0

    def turned(data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 8))):
            changed[chance.randrange(len(changed))] = chance.choice(b'0123456789{}[]",:.-eabx\x00\xff')
        return bytes(changed)

    for _ in range(300):
        with_member(program, path, "models/model.json", turned)
        try:
            module_of(opened(path))
        except NotCaptured:
            refused += 1
    assert refused > 100


def test_values_of_the_graph_that_are_others_are_told_or_harmless(program: Path, tmp_path: Path) -> None:
    """The same for documents that are JSON, with values of other kinds and sizes in them."""
    chance = random.Random(5)
    values = (None, True, -1, 0, 3, 2**31, 2**62, 2**80, 1e300, "", "x", "Infinity", [], {}, [[]], {"as_int": -5})
    path, refused = tmp_path / "other.pt2", 0

    def other(document: Any) -> None:
        spots: list[tuple[Any, Any]] = []
        waiting: list[Any] = [document]
        while waiting:
            at = waiting.pop()
            keys = list(at) if isinstance(at, dict) else range(len(at))
            for key in keys:
                spots.append((at, key))
                if isinstance(at[key], (dict, list)):
                    waiting.append(at[key])
        for _ in range(chance.choice((1, 2, 4))):
            at, key = chance.choice(spots)
            at[key] = chance.choice(values)

    for _ in range(300):
        changed(program, path, other)
        try:
            module_of(opened(path))
        except NotCaptured:
            refused += 1
    assert refused > 100


@pytest.mark.slow
def test_the_command_tells_it_and_writes_nothing(program: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.pt2").write_bytes(program.read_bytes()[:200])
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "300"}

    def run(*arguments: str) -> Any:
        return forking.run("-m", "netspec", "import", *arguments, cwd=tmp_path, env=environment, torch=True)

    done = run("bad.pt2", "-o", "net.yaml")
    assert (done.returncode, "is cut off" in done.stderr, "Traceback" in done.stderr) == (1, True, False), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.pt2"]
    assert run("gone.pt2").returncode == 2
    (tmp_path / "net.pt2").write_bytes(program.read_bytes())
    assert run("net.pt2", "--input", "4").returncode == 2
    done = run("net.pt2", "-o", "net.yaml")
    assert done.returncode == 0, done.stderr
    assert "within" in done.stderr
    assert "wrote net.safetensors: the weights under the spec's keys" in done.stderr
    done = run("net.pt2", "-o", "net.yaml", "--force", "--flat")
    assert done.returncode == 0, done.stderr
    (tmp_path / "net.yaml").unlink()
    done = run("net.pt2", "-o", "net.yaml")
    assert (done.returncode, "net.safetensors is there already" in done.stderr) == (2, True)


def test_a_tensor_of_which_nothing_is_said_is_named(program: Path, tmp_path: Path) -> None:
    """Of each that a node takes or gives the file has sizes; without those of any one it is damaged."""
    values: list[str] = []
    changed(
        program, tmp_path / "same.pt2", lambda graph: values.extend(graph["graph_module"]["graph"]["tensor_values"])
    )
    assert len(values) > 5
    for value in values:
        less = tmp_path / "less.pt2"

        def forget(graph: dict[str, Any], value: str = value) -> None:
            del graph["graph_module"]["graph"]["tensor_values"][value]

        changed(program, less, forget)
        told = refusal(less)
        assert "nothing is said of" in told
        assert f"`{value}`" in told
