"""Files with weights and published weights; `netspec transfer` as a command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import netspec
from netspec.cli.transfer import command
from netspec.diagnostics import NetspecError, ResourceError, UsageError
from netspec.torch import sources
from netspec.torch.build import build
from tests.commands import invoke

SPEC = "name: two\ninput: [4]\nlayers: [{Linear: 5}, {Linear: 6}]\n"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "two.yaml"
    path.write_text(SPEC)
    return path


def run(*arguments: object) -> Any:
    return invoke(command, *arguments)


def test_the_command_writes_a_file_that_the_built_module_loads_and_reports_the_match(spec: Path, tmp_path: Path):
    source = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6))
    torch.save(
        {
            "state_dict": {f"module.{k}": v for k, v in source.state_dict().items()},
        },
        tmp_path / "w.pt",
    )
    result = run(spec, "--from", tmp_path / "w.pt", "-o", tmp_path / "w.safetensors")
    assert result.exception is None
    assert "1.weight <- 2.weight" in result.stderr
    assert "4 tensors, 61 values, matched by the order of the file and by shape" in result.stderr
    assert result.stdout == ""
    model = build(netspec.loads(SPEC))
    model.load_state_dict(load_file(tmp_path / "w.safetensors"))
    assert torch.equal(model[1].weight, source[2].weight)
    assert {path.name for path in tmp_path.iterdir()} == {"two.yaml", "w.pt", "w.safetensors"}


def test_a_safetensors_file_with_equal_names_is_matched_by_name(spec: Path, tmp_path: Path):
    state = build(netspec.loads(SPEC)).state_dict()
    (tmp_path / "in.safetensors").write_bytes(sources.safetensors_bytes(state, {}))
    result = run(spec, "--from", tmp_path / "in.safetensors", "-o", tmp_path / "out.safetensors")
    assert "matched by name" in result.stderr
    assert "<-" not in result.stderr


def test_weights_of_another_network_leave_nothing_behind(spec: Path, tmp_path: Path):
    torch.save(nn.Linear(3, 3).state_dict(), tmp_path / "w.pt")
    result = run(spec, "--from", tmp_path / "w.pt", "-o", tmp_path / "w.safetensors")
    assert isinstance(result.exception, NetspecError)
    assert not (tmp_path / "w.safetensors").exists()


class Evil:
    """A pickle that makes a file when it is loaded without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path):
    torch.save({"weight": Evil(tmp_path / "ran")}, tmp_path / "evil.pt")
    with pytest.raises(ResourceError, match="can run code"):
        sources.read_state(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_damaged_file_is_named_with_the_reason(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"hello" * 100)
    with pytest.raises(ResourceError, match=name):
        sources.read_state(tmp_path / name)


def test_a_truncated_file_is_damaged(tmp_path: Path):
    torch.save(nn.Linear(100, 100).state_dict(), tmp_path / "w.pt")
    (tmp_path / "w.pt").write_bytes((tmp_path / "w.pt").read_bytes()[:20_000])
    with pytest.raises(ResourceError, match="damaged"):
        sources.read_state(tmp_path / "w.pt")


def test_a_file_that_is_no_state_dict_says_what_it_holds(tmp_path: Path):
    torch.save({"weight": torch.zeros(1), "epoch": 3}, tmp_path / "w.pt")
    with pytest.raises(ResourceError, match="besides tensors it holds epoch"):
        sources.read_state(tmp_path / "w.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ResourceError, match="holds a list"):
        sources.read_state(tmp_path / "list.pt")


def test_a_missing_file_is_the_command_lines_mistake(tmp_path: Path):
    with pytest.raises(UsageError, match="there is no file"):
        sources.read_state(tmp_path / "none.pt")


def test_an_output_that_is_no_safetensors_file_is_refused_before_anything_is_read(spec: Path, tmp_path: Path):
    assert "ends in .safetensors" in str(run(spec, "--from", "none.pt", "-o", tmp_path / "w.pt").exception)
    missing = tmp_path / "no" / "w.safetensors"
    assert "there is no directory" in str(run(spec, "--from", "none.pt", "-o", missing).exception)


def test_an_unknown_model_or_unknown_weights_are_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="did you mean `resnet50`"):
        sources.published("resnet5O")
    with pytest.raises(UsageError, match=r"it has IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT"):
        sources.published("resnet50:V3")


def test_without_a_network_the_message_says_which_file_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def unreachable(*arguments: object, **options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(ResourceError) as caught:
        sources.published("resnet18")
    assert str(tmp_path / "checkpoints") in str(caught.value)
    assert "no route to host" in str(caught.value)
    assert "resnet18-f37072fd.pth" in str(caught.value)


def test_published_weights_are_read_from_the_directory_of_torch_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from torchvision.models import squeezenet1_1

    original = squeezenet1_1()
    (tmp_path / "checkpoints").mkdir()
    torch.save(original.state_dict(), tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    found = sources.published("squeezenet1_1:IMAGENET1K_V1")
    assert torch.equal(found.state_dict()["classifier.1.weight"], original.state_dict()["classifier.1.weight"])


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_file_of_a_model_of_torchvisions_is_matched_by_the_order_of_use(tmp_path: Path, name: str):
    from torchvision.models import squeezenet1_1

    source = squeezenet1_1(num_classes=7).eval()
    state = source.state_dict()
    if name == "w.pt":
        torch.save(state, tmp_path / name)
    else:
        save_file(state, tmp_path / name)
    spec = Path(__file__).parents[2] / "specs" / "torchvision" / "squeezenet.yaml"
    options = ["--variant", "squeezenet1_1", "--set", "classes=7", "-o", tmp_path / "out.safetensors"]
    result = run(spec, *options, "--from", f"torchvision:squeezenet1_1:{tmp_path / name}")
    assert result.exception is None
    assert "matched by order of first use" in result.stderr
    model = build(netspec.load(spec, variant="squeezenet1_1", set={"classes": 7}))
    model.load_state_dict(load_file(tmp_path / "out.safetensors"))
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(model.eval()(x), source(x))
    result = run(spec, *options, "--from", f"torchvision:squeezenet1_0:{tmp_path / name}")
    assert "is no state_dict of torchvision's `squeezenet1_0`: Missing key(s)" in str(result.exception)
