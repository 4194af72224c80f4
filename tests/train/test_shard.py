"""A net that is divided among processes trains as one that each has whole, and its runs have the same files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

import netspec
from netspec.diagnostics import UsageError
from netspec.trainer.run.records import read_records
from netspec.trainer.setup.division import units
from tests import forking
from tests.train.programs import ROOT, environment
from tests.train.small_runs import PLAIN, finish, small_net, whole_state
from tests.train.test_survival import free_port

TRAIN = """
train:
  data: {synthetic: {train: 64, test: 17}}
  batch_size: 8
  epochs: 3
  loss: CrossEntropyLoss
  optimizer: {AdamW: {lr: 0.01}}
"""
BLOCKS = (
    """
name: blocks
input: [1, 9, 9]
layers:
  - Flatten
  - Linear: 31
  - repeat: 4
    do:
      - residual: [LayerNorm: {normalized_shape: 31}, Linear: 63, GELU, Linear: 31]
  - Linear: 7
"""
    + TRAIN
)
"""24 steps; widths that two processes cannot halve, and a test set whose last batch is one example."""
NORMS = (
    """
name: norms
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
  - repeat: 2
    do:
      - residual: [Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}, BatchNorm2d, ReLU]
  - Flatten
  - Linear: 5
"""
    + TRAIN
)
TIED = """
name: tied
input: [6, int64]
layers:
  - {Embedding: {num_embeddings: 12, embedding_dim: 10}, name: tokens}
  - residual: [LayerNorm: {normalized_shape: 10}, Linear: 40, GELU, {Linear: 10, shared: last}]
  - residual: [Linear: 40, GELU, {Linear: 10, shared: last}]
  - {Linear: {out_features: 12, bias: false}, tie: {weight: tokens.weight}}
  - Flatten
  - Linear: 4
""" + TRAIN.replace("test: 17", "test: 17, vocabulary: 12")
MIXTURE = (
    """
name: mixture
input: [5, 6]
layers:
  - mixture: [[Linear: 12, GELU, Linear: 8], [Linear: 12, GELU, Linear: 8], [Linear: 12, GELU, Linear: 8]]
    router: [Linear: 3]
    top: 1
  - Flatten
  - Linear: 4
"""
    + TRAIN
)

RANKS = """
import json, os, sys
import torch
import netspec
from netspec.trainer.loop.background import Keeper
from netspec.trainer.machine.divided import local
from netspec.trainer.show.reporters import Quiet

def size(tensors, part):
    return sum((local(tensor) if part else tensor).numel() for tensor in tensors)

def measured(keeper, trainer, progress):
    parameters = list(trainer.model.parameters())
    kept = [v for state in trainer.optimization.optimizer.state.values() for v in state.values()]
    kept = [value for value in kept if isinstance(value, torch.Tensor) and value.numel() > 1]
    told["shares"] = [size(of, True) / max(size(of, False), 1) for of in (parameters, kept)]
    finish(keeper, trainer, progress)

rank = 0
for number in range(2):
    if os.fork() == 0:
        rank = number
        break
else:
    sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for number in range(2)))
finish, Keeper.finish = Keeper.finish, measured
os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
for job in json.loads(sys.argv[2]):
    told = {}
    try:
        net = netspec.loads(job["spec"], set=job["set"])
        netspec.train(net, run=f"{sys.argv[1]}/{job['run']}", auto_resume=True, device="cpu", reporter=Quiet(),
                      **{"report": False, **job["options"]})
    except netspec.NetspecError as error:
        told["error"] = [error.exit_status, str(error)]
    with open(f"{sys.argv[1]}/{job['run']}.{rank}.json", "a") as file:
        print(json.dumps(told), file=file)
"""
"""Two processes that do jobs one after another: `RANKS FOLDER JOBS`."""

Job = dict[str, Any]


def job(spec: str, run: str, settings: Mapping[str, Any] | None = None, **options: Any) -> Job:
    return {"spec": spec, "run": run, "set": {f"train.{k}": v for k, v in (settings or {}).items()}, "options": options}


def two(folder: Path, *jobs: Job) -> None:
    """Two processes do jobs."""
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    done = forking.run("-c", RANKS, folder, json.dumps(jobs), cwd=ROOT, env=environment(world), torch=True)
    assert done.returncode == 0, done.stdout + done.stderr


def told(folder: Path, run: str, rank: int) -> list[Any]:
    """What a process says of the jobs of a run."""
    return [json.loads(line) for line in (folder / f"{run}.{rank}.json").read_text().splitlines()]


def assert_alike(first: Path, second: Path, tolerance: float = 1e-5) -> None:
    """Two runs end with the same keys, and with weights, averages and losses that differ by rounding alone."""
    a, b = (load_file(run / "model.safetensors") for run in (first, second))
    assert list(a) == list(b)
    assert max(float((a[key].double() - b[key].double()).abs().max()) for key in a) < tolerance
    losses = [[(r.train_loss, r.test_loss) for r in read_records(run)] for run in (first, second)]
    assert sum(losses[0], ()) == pytest.approx(sum(losses[1], ()), abs=tolerance)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of blocks: sharded to the end, and in two parts of which one may be whole in each process."""
    path = tmp_path_factory.mktemp("blocks")
    parts = [("again", True, True), ("gathered", True, False), ("spread", False, True)]
    two(
        path,
        job(BLOCKS, "sharded", shard=True, report=True),
        *(job(BLOCKS, run, shard=shard, max_steps=13) for run, shard, _ in parts),
        *(job(BLOCKS, run, shard=shard) for run, _, shard in parts),
    )
    return path


@pytest.mark.slow
def test_each_process_holds_its_part_and_the_losses_are_those_of_one_process(folder: Path) -> None:
    shares = [told(folder, "sharded", rank)[0]["shares"] for rank in range(2)]
    print(shares)
    assert all(share <= 0.6 for mine in shares for share in mine)
    assert [sum(of) for of in zip(*shares, strict=True)] == pytest.approx([1.0, 1.0])
    finish(netspec.loads(BLOCKS), folder / "alone", device="cpu")
    assert_alike(folder / "sharded", folder / "alone")
    assert (folder / "sharded" / "report.html").is_file()


@pytest.mark.slow
def test_a_sharded_run_resumes_to_the_bit(folder: Path) -> None:
    assert whole_state(folder / "again") == whole_state(folder / "sharded")


@pytest.mark.slow
@pytest.mark.parametrize("run", ["gathered", "spread"])
def test_a_run_goes_on_with_its_net_divided_or_not(run: str, folder: Path) -> None:
    assert_alike(folder / run, folder / "sharded")
    shares = [part.get("shares", [1.0])[0] for part in told(folder, run, 0)]
    assert (shares[-1] < 0.6) == (run == "spread")


@pytest.mark.slow
def test_a_run_remembers_that_its_net_is_divided(folder: Path) -> None:
    options = json.loads((folder / "again" / "environment.json").read_text())["options"]
    assert options["shard"] is True
    with pytest.raises(UsageError, match=r"`shard=True` divides a net among .* say `shard=False`"):
        finish(netspec.loads(BLOCKS), folder / "again", force=True, device="cpu")


LATER: Any = {"groups": [{"parameters": ["2.*"], "freeze": 1}], "layer_decay": 0.7}
"""A recipe in which a layer begins to train in the second epoch."""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "average, clipping, accumulation": (BLOCKS, {"ema": 0.9, "clip_grad_norm": 0.5, "accumulate": 2}),
    "a fused kernel that takes no parts": (BLOCKS, {"optimizer": {"SGD": {"lr": 0.01, "momentum": 0.9}}}),
    "an unfused optimizer, frozen parameters": (
        BLOCKS,
        {"optimizer": {"RMSprop": {"lr": 0.001}}, "freeze": ["2.*"], "clip_grad_value": 0.01},
    ),
    "layers that begin to train later": (BLOCKS, LATER),
    "a scaled loss": (BLOCKS, {"precision": "fp16"}),
    "batch norm": (NORMS, {"optimizer": {"SGD": {"lr": 0.01}}, "ema": 0.9}),
    "tied and shared parameters": (TIED, {}),
    "a mixture": (MIXTURE, {}),
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cases")
    two(
        path,
        *(
            job(spec, f"{number}-{shard}", settings, shard=shard, channels_last=False)
            for number, (spec, settings) in enumerate(CASES.values())
            for shard in (True, False)
        ),
    )
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_it_ends_where_two_processes_end_that_have_the_net_whole(name: str, cases: Path) -> None:
    number = list(CASES).index(name)
    assert "error" not in told(cases, f"{number}-True", 0)[0]
    assert_alike(cases / f"{number}-True", cases / f"{number}-False")
    assert told(cases, f"{number}-True", 0)[0]["shares"][0] < 0.65


@pytest.mark.slow
def test_layers_that_begin_to_train_later_do_so_in_several_processes_as_in_one(cases: Path) -> None:
    finish(small_net(BLOCKS, **LATER), cases / "later", channels_last=False)
    assert_alike(cases / "later", cases / f"{list(CASES).index('layers that begin to train later')}-False")


@pytest.mark.slow
def test_processes_evaluate_with_the_statistics_that_a_checkpoint_holds(tmp_path: Path) -> None:
    """Else a run that stops between the last step of an epoch and its evaluation would go on to other figures."""
    two(tmp_path, job(NORMS, "whole"), job(NORMS, "parts", max_steps=8), job(NORMS, "parts"))
    assert whole_state(tmp_path / "parts") == whole_state(tmp_path / "whole")


# ---- what it is refused beside


def test_what_cannot_be_divided_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    refused = {
        "compile": job(BLOCKS, "compile", shard=True, compile=True),
        "channels_last": job(BLOCKS, "channels_last", shard=True, channels_last=True),
        "Rprop": job(BLOCKS, "Rprop", {"optimizer": {"Rprop": {"lr": 0.001}}}, shard=True),
    }
    two(tmp_path, *refused.values())
    for name in refused:
        (mine,) = told(tmp_path, name, 0)
        assert mine["error"][0] == 2
        assert name in mine["error"][1]
        assert "shard=True" in mine["error"][1]
        assert not (tmp_path / name).exists()


def test_one_process_has_nobody_to_divide_a_net_with(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"`shard=True` divides a net among .* here is one .* say `shard=False`"):
        finish(small_net(PLAIN), tmp_path / "run", shard=True)
    assert not (tmp_path / "run").exists()


def test_a_value_that_is_not_finite_ends_both_processes_with_the_layer(tmp_path: Path) -> None:
    settings = {"optimizer": {"SGD": {"lr": 1e25}}}
    two(tmp_path, job(BLOCKS, "run", settings, shard=True))
    errors = [told(tmp_path, "run", rank)[0]["error"] for rank in range(2)]
    assert [status for status, _ in errors] == [4, 4]
    assert all("is the first that is not finite" in text for _, text in errors)


# ---- the blocks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (BLOCKS.replace("repeat: 4", "repeat: 10"), ["1", *map(str, range(2, 12))]),  # blocks as they are written
        (BLOCKS, ["1", *(f"{2 + i}.body.{j}" for i in range(4) for j in (1, 3)), "6"]),  # large ones are taken apart
        (TIED, ["1.body.0", "1.body.1", "2.body.0", "5"]),  # nothing that another layer reads, too
    ],
)
def test_the_units_are_the_blocks_of_the_spec_and_the_rest_belongs_to_the_net(text: str, found: list[str]) -> None:
    net = netspec.loads(text)
    model = netspec.build(net)
    names = {module: name for name, module in model.named_modules()}
    assert [names[unit] for unit in units(model, {leaf.path for leaf in net.layers})] == found
