"""Weights of a module that was imported: a map of keys says which tensor each is, and in which shape it is used."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import netspec
from netspec.cli.key_maps import keys_text, read_keys
from netspec.cli.transfer import command
from netspec.diagnostics import UsageError
from netspec.torch.build import build
from netspec.torch.matching import MapMismatch
from netspec.torch.transfer import transfer, transfer_state
from tests.commands import invoke


class LayerNorm2d(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(dim)), nn.Parameter(torch.rand(dim))

    def forward(self, x: Tensor) -> Tensor:
        y = x - x.mean(1, keepdim=True)
        y = y / torch.sqrt(y.pow(2).mean(1, keepdim=True) + 1e-6)
        return self.weight[:, None, None] * y + self.bias[:, None, None]


class Block(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dw, self.norm = nn.Conv2d(dim, dim, 3, padding=1, groups=dim), LayerNorm2d(dim)
        self.a, self.b = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)
        self.gamma = nn.Parameter(torch.rand(dim))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dw(x)).permute(0, 2, 3, 1)
        return x + (self.gamma * self.b(torch.relu(self.a(y)))).permute(0, 3, 1, 2)


class Convnext(nn.Module):
    """Norms and scales with parameters of their own, as in ConvNeXt."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 2, 2), LayerNorm2d(8)
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.norm(self.stem(x))).mean((2, 3)))  # type: ignore[no-any-return]


class Viewed(nn.Module):
    """Two parameters of one shape that are used as another one; nothing but the map tells them apart."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.shift, self.scale = nn.Parameter(torch.rand(2, 4)), nn.Parameter(torch.rand(2, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) * self.scale.view(8) + self.shift.view(8)


def imported(module: nn.Module, x: Tensor, folder: Path) -> netspec.FromTorch:
    """The files that `netspec import -o net.yaml` writes, and the module's weights."""
    found = netspec.from_torch(module, x)
    assert not found.keeps_keys
    (folder / "net.yaml").write_text(found.text)
    (folder / "net.keys.json").write_text(keys_text(found.keys))
    torch.save(module.state_dict(), folder / "net.pt")
    return found


def run(folder: Path, *arguments: object, weights: str = "net.pt") -> Any:
    return invoke(
        command, folder / "net.yaml", "--from", folder / weights, "-o", folder / "out.safetensors", *arguments
    )


@pytest.mark.parametrize(
    ("make", "sizes", "notes"),
    [pytest.param(Convnext, (3, 16, 16), 0, marks=pytest.mark.slow), (Viewed, (8,), 2)],
    ids=["convnext", "viewed"],
)
def test_the_map_beside_the_spec_carries_the_weights_of_the_module(
    tmp_path: Path, make: type[nn.Module], sizes: tuple[int, ...], notes: int
) -> None:
    torch.manual_seed(1)
    module, x = make().eval(), torch.randn(2, *sizes)
    found = imported(module, x, tmp_path)
    done = run(tmp_path)
    assert done.exception is None, done.exception
    assert f"matched by {tmp_path / 'net.keys.json'}" in done.stderr
    assert done.stderr.count("note:") == notes  # axes of size 1 alone are nothing to speak of
    model = build(found.net).eval()
    model.load_state_dict(load_file(tmp_path / "out.safetensors"))
    assert torch.equal(model(x), module(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error" if notes == 0 else "ignore")
        model.load_state_dict(transfer(module, found.net, keys=found.keys))
    assert torch.equal(model(x), module(x))


SPEC = "name: net\ninput: [4]\nlayers:\n  - {Linear: 6, name: fc}\n  - {Parameter: [6], name: gamma}\n"
KEYS = {"fc.weight": "fc.weight", "fc.bias": "fc.bias", "gamma.weight": "gamma"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(SPEC)
    (tmp_path / "net.keys.json").write_text(keys_text(KEYS))
    state = nn.Linear(4, 6).state_dict()
    torch.save({f"fc.{key}": value for key, value in state.items()} | {"gamma": torch.rand(6)}, tmp_path / "net.pt")
    return tmp_path


def test_weights_with_the_nets_own_keys_are_taken_as_they_are(place: Path) -> None:
    own = {"fc.weight": torch.rand(6, 4), "fc.bias": torch.rand(6), "gamma.weight": torch.rand(6)}
    save_file(own, place / "own.safetensors")
    done = run(place, weights="own.safetensors")
    assert done.exception is None, done.exception
    assert "matched by name" in done.stderr
    assert all(torch.equal(own[key], value) for key, value in load_file(place / "out.safetensors").items())


def test_a_map_that_exchanges_the_nets_own_keys_is_followed() -> None:
    net = netspec.loads("input: [4]\nlayers: [{Parameter: [4], name: a}, {Parameter: [4], name: b}]\n")
    state = {"a.weight": torch.rand(4), "b.weight": torch.rand(4)}
    found, _, notes = transfer_state(state, net, keys={"a.weight": "b.weight", "b.weight": "a.weight"})
    assert found["a.weight"] is state["b.weight"]
    assert notes == []


def test_what_the_map_does_not_name_stays_behind_and_is_told(place: Path) -> None:
    state = torch.load(place / "net.pt", weights_only=True)
    torch.save(state | {"mask": torch.full((2,), -torch.inf), "other": torch.ones(1)}, place / "net.pt")
    done = run(place)
    assert done.exception is None, done.exception
    assert "the map does not name `mask` and 1 more of the weights" in done.stderr


def test_a_member_of_a_family_has_a_map_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "name: net\ninput: [4]\nvariants: {a: {scaled: true}, b: {scaled: false}}\nlayers:\n  - Linear: 4\n"
        "  - {Parameter: [4], name: gamma, when: scaled}\n"
    )
    keys = {"0.weight": "0.weight", "0.bias": "0.bias", "gamma.weight": "gamma"}
    (tmp_path / "net.keys.json").write_text(keys_text({"a": keys}))
    state = nn.Linear(4, 4).state_dict()
    torch.save({f"0.{key}": value for key, value in state.items()}, tmp_path / "plain.pt")
    torch.save({f"0.{key}": value for key, value in state.items()} | {"gamma": torch.rand(4)}, tmp_path / "net.pt")
    done = run(tmp_path, "--variant", "a")
    assert done.exception is None, done.exception
    assert "net.keys.json" in done.stderr
    done = run(tmp_path, "--variant", "b", weights="plain.pt")
    assert done.exception is None, done.exception
    assert "has maps for `a`, and none is of this variant" in " ".join(done.stderr.split())
    assert "matched by name" in done.stderr


@pytest.mark.parametrize(
    ("keys", "line", "says"),
    [
        (
            KEYS | {"gone.weight": "gone"},
            ":5",
            "the map has `gone.weight`, from `gone`, and the net has no such",
        ),
        (KEYS | {"fc.bias": "fc.shift"}, ":3", "comes from `fc.shift` by the map, and the weights have no `fc.shift`"),
        (KEYS | {"fc.weight": "gamma"}, ":2", "`gamma` is 6 there, and 6 × 4 in `fc.weight`; `--fresh 'fc.*'`"),
        ({"fc.weight": "fc.weight"}, "", "does not say where `fc.bias` of the net comes from; `--fresh 'fc.*'` leaves"),
        ({}, "", "does not say where `fc.weight` of the net comes from"),
    ],
)
def test_a_map_of_another_spec_or_of_other_weights_is_refused_with_its_line(
    place: Path, keys: dict[str, str], line: str, says: str
) -> None:
    (place / "net.keys.json").write_text(keys_text(keys))
    done = run(place)
    assert isinstance(done.exception, MapMismatch)
    told = str(done.exception)
    assert told.startswith(f"{place / 'net.keys.json'}{line}: ") and says in told
    assert (done.exception.exit_status, done.exception.code) == (2, "weights-mismatch")
    assert not (place / "out.safetensors").exists()
    (place / "net.keys.json").rename(place / "away.json")  # what it says to do
    assert "<- gamma" in run(place).stderr


def test_layers_that_are_begun_anew_need_no_map(place: Path) -> None:
    (place / "net.yaml").write_text(SPEC.replace("Linear: 6", "Linear: 9").replace("[6]", "[9]"))
    done = run(place)
    assert "--fresh 'fc.*'" in str(done.exception)
    done = run(place, "--fresh", "fc.*", "--fresh", "gamma.*")
    assert done.exception is None, done.exception
    (place / "net.yaml").write_text(SPEC + "  - {Linear: 3, name: new}\n")
    assert "`--fresh 'new.*'` leaves this layer out" in str(run(place).exception)
    done = run(place, "--fresh", "new.*")
    assert done.exception is None, done.exception
    assert sorted(load_file(place / "out.safetensors")) == sorted(KEYS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{\n "a": "b",\n', ":3:1: this is no JSON"),
        (b"[1]", ": a map of keys is one object"),
        (b"\xff", ": this is no text in UTF-8"),
        (b'{"a": "b",\n "a": "c"}', ":2: `a` is on line 1, too"),
        (b'{"x": {"a": "b"},\n "x": {}}', ":2: the variant `x` stands there twice"),
        (b'{"x": {"a": "b"},\n "a": "c"}', ":2: a map is of keys, or of a map for each variant"),
        (b'{"a": "say \\"b\\": c",\n "b": 3}', ":2: `b` is the key of a tensor"),
        (b'{"x": {\n "a": {"b": "c"}}}', ":2: `a` is the key of a tensor"),
        (b'{"a": "' + b"b" * 1001 + b'"}', ":1: a key has more than 1,000 characters"),
        (b"[" * 100_000, ": this is no map of keys"),
        (b'{"a": ' + b"9" * 5000 + b"}", ": this is no map of keys"),
    ],
)
def test_what_is_no_map_is_refused_with_its_place(place: Path, text: bytes, says: str) -> None:
    (place / "net.keys.json").write_bytes(text)
    with pytest.raises(UsageError) as refused:
        read_keys(str(place / "net.yaml"), None)
    assert str(refused.value).startswith(f"{place / 'net.keys.json'}{says}")


def test_what_is_no_file_and_what_is_too_large_is_not_read(place: Path) -> None:
    file = place / "net.keys.json"
    with file.open("wb") as large:
        large.truncate(2**26 + 1)
    with pytest.raises(UsageError, match="has 67,108,865 bytes, and a map of keys at most 67,108,864"):
        read_keys(str(place / "net.yaml"), None)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(UsageError, match="it is no ordinary file"):
        read_keys(str(place / "net.yaml"), None)
    file.unlink()
    assert read_keys(str(place / "net.yaml"), None) is None
    assert read_keys("-", None) is None


def test_the_lines_of_a_map_are_those_of_its_keys(place: Path) -> None:
    (place / "net.keys.json").write_text(json.dumps({"x": {'"a"': '":'}, "y": KEYS}, indent=1))
    found = read_keys(str(place / "net.yaml"), "y")
    assert found is not None
    assert found.keys == KEYS
    assert found.lines == {"fc.weight": 6, "fc.bias": 7, "gamma.weight": 8}


def test_the_map_decides_for_a_model_of_torchvisions_too(tmp_path: Path) -> None:
    from torchvision.models import squeezenet1_1

    torch.save(squeezenet1_1(num_classes=7).state_dict(), tmp_path / "net.pt")
    spec = Path(__file__).parents[2] / "specs" / "torchvision" / "squeezenet.yaml"
    (tmp_path / "net.yaml").write_text(spec.read_text())
    options = ["--variant", "squeezenet1_1", "--set", "classes=7", "-v"]
    words = [command, tmp_path / "net.yaml", "--from", f"torchvision:squeezenet1_1:{tmp_path / 'net.pt'}", *options]
    done = invoke(*words, "-o", tmp_path / "out.safetensors")
    pairs = dict(line.split(" <- ") for line in done.stderr.splitlines() if " <- " in line)
    (tmp_path / "net.keys.json").write_text(keys_text({"squeezenet1_1": pairs}))
    mapped = invoke(*words, "-o", tmp_path / "mapped.safetensors")
    assert f"matched by {tmp_path / 'net.keys.json'}" in mapped.stderr
    own, other = (load_file(tmp_path / name) for name in ("out.safetensors", "mapped.safetensors"))
    assert own.keys() == other.keys() and all(torch.equal(own[key], other[key]) for key in own)
    first = next(iter(pairs))
    (tmp_path / "net.keys.json").write_text(keys_text({"squeezenet1_1": pairs | {first: "gone"}}))
    refused = invoke(*words, "-o", tmp_path / "mapped.safetensors").exception
    assert isinstance(refused, MapMismatch)
    assert str(refused).startswith(f"{tmp_path / 'net.keys.json'}:3: `{first}` comes from `gone` by the map")
