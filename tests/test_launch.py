"""`netspec launch` writes files that bash and YAML read as they are meant, and refuses what no machine would take."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from netspec.cli import cli
from tests.commands import invoke

SPEC = (
    "{name: small, input: [8], layers: [Linear: 4], variants: {wide: {}}, "
    "train: {data: synthetic, batch_size: 64, epochs: 2, optimizer: SGD, loss: CrossEntropyLoss}}"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "a folder"
    place.mkdir()
    (place / "it's small.yaml").write_text(SPEC)
    monkeypatch.chdir(place)
    return place


def asked(folder: Path, command: str, **variables: str) -> list[list[str]]:
    """What a script of the shell runs: the words of each call of `python` and of `srun`."""
    (folder / "bin").mkdir()
    for name in ("python", "srun", "scontrol"):
        file = folder / "bin" / name
        says = "echo first; echo second" if name == "scontrol" else 'printf "%s\\0" "$@" >> calls; echo >> calls'
        file.write_text(f"#!/bin/bash\n{says}\n")
        file.chmod(0o755)
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", "-eu", "-c", command], cwd=folder, env={"PATH": path, **variables}, check=True)
    calls = (folder / "calls").read_text().splitlines()
    return [line.split("\0")[:-1] for line in calls]


def test_a_script_for_slurm_runs_torchrun_on_each_machine_with_every_word_as_it_was_given(folder: Path) -> None:
    done = invoke(
        cli, "launch", "it's small.yaml", "--run", "my runs/a", "--slurm", "a.sbatch", "--nodes", "4", "--gpus", "8",
        "--time", "2-12", "--grace", "300", "--sbatch", "--partition=long", "--", "--shard", "--set", "train.epochs=3",
        "--variant", "wide",
    )  # fmt: skip
    assert done.exception is None
    text = (folder / "a.sbatch").read_text()
    options = [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH ")]
    assert options == [
        "--job-name=small-wide", "--nodes=4", "--ntasks-per-node=1", "--gpus-per-node=8", "--time=2-12",
        "--signal=USR1@300", "--requeue", "--open-mode=append", "--output=small-wide-%j.out", "--partition=long",
    ]  # fmt: skip
    (words,) = asked(folder, text.replace("exit $status", ""), SLURM_JOB_ID="7", SLURM_JOB_NODELIST="x")
    train = words[words.index("netspec") :]
    assert train == [
        "netspec", "train", str(folder / "it's small.yaml"), "--run", str(folder / "my runs/a"), "--auto-resume",
        "--shard", "--set", "train.epochs=3", "--variant", "wide",
    ]  # fmt: skip
    assert words[words.index("--rdzv-endpoint") + 1] == "first:20007"
    assert words[words.index("--nproc-per-node") + 1] == "8"


def test_a_task_for_skypilot_is_yaml_whose_command_runs_torchrun(folder: Path) -> None:
    done = invoke(
        cli, "launch", "it's small.yaml", "--run", "/runs/a", "--sky", "a.yaml", "--nodes", "2", "--gpus", "H100:8",
        "--bucket", "s3://mine/runs", "--", "--precision", "bf16",
    )  # fmt: skip
    assert done.exception is None
    task: dict[str, Any] = yaml.safe_load((folder / "a.yaml").read_text())
    assert task["num_nodes"] == 2
    assert task["resources"] == {"accelerators": "H100:8"}
    assert task["file_mounts"] == {"/runs/a": {"source": "s3://mine/runs", "mode": "MOUNT_CACHED"}}
    variables = {"SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2", "SKYPILOT_NUM_NODES": "2", "SKYPILOT_NODE_RANK": "1"}
    (words,) = asked(folder, task["run"], **variables)
    assert words == [
        "-m", "torch.distributed.run", "--nnodes", "2", "--node-rank", "1", "--nproc-per-node", "8",
        "--master-addr", "10.0.0.1", "--master-port", "29500", "-m", "--", "netspec", "train", "it's small.yaml",
        "--run", "/runs/a", "--auto-resume", "--precision", "bf16",
    ]  # fmt: skip


def test_machines_without_gpus_train_on_their_processors(folder: Path) -> None:
    invoke(cli, "launch", "it's small.yaml", "--run", "a", "--slurm", "a.sbatch", "--processes", "2")
    text = (folder / "a.sbatch").read_text()
    assert "--nproc-per-node 2" in text
    assert text.count("--auto-resume --device cpu\n") == 1
    assert "--gpus-per-node" not in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "say which file to write"),
        (["--slurm", "a", "--sky", "b"], "say which file to write"),
        (["--slurm", "a", "--gpus", "many"], "`--gpus many`: write N or TYPE:N"),
        (["--sky", "a", "--gpus", "8"], "`--gpus 8`: write TYPE:N"),
        (["--slurm", "a", "--gpus", "8", "--processes", "2"], "leave out `--processes`"),
        (["--slurm", "a", "--time", "soon"], "`--time soon`: write minutes"),
        (["--slurm", "a", "--time", "30", "--grace", "1800"], "`--time 30` is 1800 seconds"),
        (["--slurm", "a", "--time", "1:00", "--grace", "60"], "give less grace, or more time"),
        (["--slurm", "it's small.yaml", "--force"], "it's small.yaml is the spec itself"),
        (["--sky", "../a folder/it's small.yaml", "--force"], "is the spec itself"),
        (["--slurm", "a", "--sbatch", "partition"], "write an option of sbatch"),
        (["--slurm", "a", "--sbatch", "--x\n#SBATCH --y"], "write an option of sbatch"),
        (["--slurm", "a", "--bucket", "s3://x"], "`--bucket` is for `--sky`"),
        (["--sky", "a", "--bucket", "s3://x"], "must be absolute: /run"),
        (["--sky", "a", "--time", "30"], "are for `--slurm`"),
        (["--slurm", "a", "--", "--resume", "x"], "`--resume` behind `--`: leave it out"),
        (["--slurm", "a", "--", "--folds", "3"], "`--folds` behind `--`: leave it out"),
        (["--slurm", "a", "--", "--sharp"], "No such option"),
        (["--slurm", "a", "--", "--variant", "tall"], "has no variant `tall`"),
        (["--slurm", "none/a"], "none"),
    ],
)
def test_what_no_machine_would_take_is_refused_and_nothing_written(words: list[str], told: str, folder: Path) -> None:
    done = invoke(cli, "launch", "it's small.yaml", "--run", "run", *words)
    assert told in str(done.exception) or told in getattr(done.exception, "message", "")
    assert [path.name for path in folder.iterdir()] == ["it's small.yaml"]
    assert (folder / "it's small.yaml").read_text() == SPEC


def test_a_file_that_is_there_is_kept_unless_told_otherwise(folder: Path) -> None:
    call = ("launch", "it's small.yaml", "--run", "run", "--slurm", "a.sbatch")
    assert invoke(cli, *call).exception is None
    (folder / "a.sbatch").write_text("mine")
    assert "`--force` writes over it" in str(invoke(cli, *call).exception)
    assert (folder / "a.sbatch").read_text() == "mine"
    assert invoke(cli, *call, "--force").exception is None
    assert "srun" in (folder / "a.sbatch").read_text()


def test_a_spec_that_skypilot_would_not_copy_is_refused(folder: Path) -> None:
    (folder.parent / "other.yaml").write_text(SPEC)
    done = invoke(cli, "launch", folder.parent / "other.yaml", "--run", "run", "--sky", "a")
    assert "the spec lies elsewhere" in str(done.exception)
