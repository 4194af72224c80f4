"""What a command writes: never over what it reads, never for more readers than before, one variant for each spec."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from netspec.cli.files import write_atomic
from netspec.files import replace_file
from tests.commands import ROOT, program

LENET = (ROOT / "specs/lenet.yaml").read_text()
BERT = {
    "model_type": "bert", "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 96,
    "vocab_size": 100, "max_position_embeddings": 32, "type_vocab_size": 2, "hidden_act": "gelu",
    "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("draw", "lenet.svg", "-o", "lenet.svg"), "lenet.svg"),
        (("draw", "lenet.svg", "-o", "./lenet.svg", "--style", "map"), "lenet.svg"),
        (("draw", "lenet.html", "-o", "lenet.html"), "lenet.html"),
        (("draw", "lenet.dot", "lenet.svg", "-o", "lenet.dot"), "lenet.dot"),
        (("draw", "lenet.dot", "-o", "link.dot"), "lenet.dot"),
        (("compile", "lenet.json", "-o", "."), "lenet.json"),
        (("compile", "lenet.py", "-o", "."), "lenet.py"),
        (("import", "config.json", "-o", "config.json", "--force"), "config.json"),
    ],
)
def test_no_command_writes_over_what_it_reads(words: tuple[str, ...], file: str, tmp_path: Path) -> None:
    text = json.dumps(BERT) if file == "config.json" else LENET
    for name in {file, "lenet.svg"}:
        (tmp_path / name).write_text(text)
    (tmp_path / "link.dot").symlink_to(tmp_path / "lenet.dot")
    before = sorted(path.name for path in tmp_path.iterdir())
    run = program(*words, cwd=tmp_path)
    assert run.returncode == 2
    assert "it is the file that is read; give the result a name of its own" in run.stderr
    assert (tmp_path / file).read_text() == text
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_weights_are_not_written_over_those_that_they_come_from(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]  # its dict is of any tensors

    save_file({"0.weight": torch.zeros(2, 3), "0.bias": torch.zeros(2)}, tmp_path / "w.safetensors")
    (tmp_path / "n.yaml").write_text("input: [3]\nlayers: [Linear: 2]\n")
    before = (tmp_path / "w.safetensors").read_bytes()
    run = program("transfer", "n.yaml", "--from", "w.safetensors", "-o", "w.safetensors", cwd=tmp_path)
    assert run.returncode == 2
    assert "it is the file that is read" in run.stderr
    assert (tmp_path / "w.safetensors").read_bytes() == before


def test_a_mend_is_written_into_the_file_that_was_read(tmp_path: Path) -> None:
    (tmp_path / "n.yaml").write_text("input: [3]\nlayers: [Lineer: 2]\n")
    program("check", "n.yaml", "--fix", cwd=tmp_path)
    assert (tmp_path / "n.yaml").read_text() == "input: [3]\nlayers: [Linear: 2]\n"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_file_that_is_replaced_keeps_its_permissions(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.touch()
    file.chmod(mode)
    write_atomic(file, "w")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("w", mode)
    replace_file(file, "x", durable=True)
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("x", mode)


def test_a_new_file_has_the_permissions_that_the_system_gives(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch()
    write_atomic(tmp_path / "ours", "x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_no_other_reader_may_open_what_replaces_a_private_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even between the moment when it is made and that when it takes the other's place."""
    file = tmp_path / "f"
    file.touch(0o600)
    given: list[int] = []
    real = os.open

    def watched(path: str | Path, flags: int, mode: int = 0o777) -> int:
        given.append(mode)
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", watched)
    write_atomic(file, "x")
    assert given == [0o600]


def test_a_spec_that_is_replaced_by_force_is_whole(tmp_path: Path) -> None:
    (tmp_path / "n.yaml").write_text("old")
    assert program("new", "n", cwd=tmp_path).returncode == 2
    assert (tmp_path / "n.yaml").read_text() == "old"
    assert program("new", "n", "--force", cwd=tmp_path).returncode == 0
    assert program("check", "n.yaml", cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["n.yaml"]


# ---- what is read


def test_a_configuration_of_transformers_is_told_from_a_spec_and_what_is_advised_works(tmp_path: Path) -> None:
    (tmp_path / "my bert.json").write_text(json.dumps(BERT))
    run = program("draw", "my bert.json", "-o", "b.dot", cwd=tmp_path)
    assert run.returncode == 1
    assert run.stderr.count("error[") == 1
    assert "netspec import 'my bert.json' -o 'my bert.yaml'" in run.stderr
    assert program("import", "my bert.json", "-o", "my bert.yaml", cwd=tmp_path).returncode == 0
    assert program("draw", "my bert.yaml", "-o", "b.dot", cwd=tmp_path).returncode == 0


def test_variants_are_those_of_the_specs_that_have_some(tmp_path: Path) -> None:
    for name in ("lenet.yaml", "torchvision/resnet.yaml"):
        shutil.copy(ROOT / "specs" / name, tmp_path)
    specs = "resnet.yaml", "lenet.yaml", "resnet.yaml"
    for variants, drawn in {("resnet18",): 2, ("resnet18", "resnet34"): 1}.items():
        given = [word for variant in variants for word in ("--variant", variant)]
        run = program("draw", *specs, *given, "-o", "all.dot", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        text = (tmp_path / "all.dot").read_text()
        heads = [text.count(f"tooltip={name}") for name in ("resnet18", "lenet", "resnet34")]
        assert heads == [drawn, 1, len(variants) - 1]


def test_variants_that_belong_to_no_spec_are_refused(tmp_path: Path) -> None:
    shutil.copy(ROOT / "specs/lenet.yaml", tmp_path)
    run = program("draw", "lenet.yaml", "lenet.yaml", "--variant", "a", "-o", "all.dot", cwd=tmp_path)
    assert "has no variant `a`: it has none" in run.stderr
    names = [word for name in "abc" for word in ("--variant", name)]
    run = program("draw", "lenet.yaml", "lenet.yaml", *names, "-o", "all.dot", cwd=tmp_path)
    assert "2 specs, 0 of them with variants, and 3 `--variant`" in run.stderr
    assert run.returncode == 2
