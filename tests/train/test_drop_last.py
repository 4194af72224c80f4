"""`drop_last`: the last batch of a training epoch is not trained on if it is smaller; nothing else changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

import netspec
from netspec.diagnostics import UsageError
from netspec.trainer.machine.processes import World
from netspec.trainer.run.sameness import differences, identity
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from tests import forking
from tests.train.programs import ROOT, environment
from tests.train.small_runs import EVERYTHING, PLAIN, finish, run_until, small_net, whole_state
from tests.train.test_divisors import RANKS
from tests.train.test_survival import free_port

if TYPE_CHECKING:
    from pathlib import Path


def by_hand(accumulate: int) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The parameters and the training losses of a plain loop over the whole batches of 8 of 36 examples."""
    train = assemble(small_net(PLAIN), Options(), World(), "cpu").data.train
    model = netspec.build(small_net(PLAIN), seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses: list[float] = []
    for epoch in range(3):
        x, y = next(iter(train.batches(32, epoch=epoch, shuffle=True)))
        total = 0.0
        for start in range(0, 32, 8 * accumulate):
            chosen = slice(start, start + 8 * accumulate)
            loss = F.cross_entropy(model(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x[chosen])
        losses.append(total / 32)
    return model.state_dict(), losses


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("options", [{}, {"budget": 0, "workers": 0}], ids=["resident", "streamed"])
def test_only_whole_batches_are_trained_on_as_by_a_plain_loop(
    accumulate: int, options: dict[str, Any], tmp_path: Path
) -> None:
    net = small_net(PLAIN, drop_last=True, accumulate=accumulate)
    result = finish(net, tmp_path / "run", **options)
    wanted, losses = by_hand(accumulate)
    assert [record.step for record in result.records] == [n * -(-4 // accumulate) for n in (1, 2, 3)]
    assert [record.train_loss for record in result.records] == pytest.approx(losses, rel=1e-5)
    saved = load_file(tmp_path / "run" / "model.safetensors")
    for key, value in wanted.items():
        torch.testing.assert_close(saved[key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("step", [3, 9, 21])
def test_a_run_resumed_at_a_step_equals_the_whole_run_to_the_bit(step: int, tmp_path: Path) -> None:
    net = small_net(EVERYTHING, batch_size=9, drop_last=True, epochs=3)  # 80 = 8 × 9 + 8
    assert finish(net, tmp_path / "whole").records[-1].step == 24
    run_until(net, tmp_path / "run", step)
    finish(net, tmp_path / "run")
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "whole")


def test_the_schedule_counts_the_batches_that_are_trained_on() -> None:
    net = small_net(PLAIN, drop_last=True, warmup={"steps": 12})
    with pytest.raises(UsageError, match="takes 12 steps, but the run has 12 = 3 epochs × 4"):
        assemble(net, Options(), World(), "cpu")


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    net = small_net(PLAIN, drop_last=True, batch_size=7)  # 36 = 5 × 7 + 1: one example cannot be shared
    (tmp_path / "spec.yaml").write_text(netspec.expand(net))
    arguments = ("train", str(tmp_path / "spec.yaml"), "--run", str(tmp_path / "two"), "--no-report", "--device", "cpu")
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    child = forking.run("-c", RANKS, *arguments, cwd=ROOT, env=environment(world), torch=True)
    assert child.returncode == 0, child.stderr
    one = finish(net, tmp_path / "one", device="cpu")
    assert one.records[-1].step == 15
    two = load_file(tmp_path / "two" / "model.safetensors")
    for key, value in load_file(tmp_path / "one" / "model.safetensors").items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-6)


def test_an_epoch_without_a_batch_is_refused_with_both_numbers() -> None:
    with pytest.raises(UsageError, match=r"has 7 of `train.batch_size: 8` examples; make `batch_size` at most 7"):
        assemble(small_net(PLAIN, drop_last=True), Options(examples=7), World(), "cpu")


def test_a_run_of_before_there_was_the_key_goes_on_without_it_and_not_with_it() -> None:
    net = small_net(PLAIN)
    assert net.recipe is not None
    now = identity(net, net.recipe, "", 1, None)
    then = now | {"recipe": {key: value for key, value in now["recipe"].items() if key != "drop_last"}}
    assert differences(then, now) == []
    dropping = identity(net, net.recipe._replace(drop_last=True), "", 1, None)
    assert differences(then, dropping) == ["`train.drop_last` was false and is true"]


def test_a_change_within_an_epoch_goes_on_at_the_batch_where_the_run_stands(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 4)  # of five
    records = finish(small_net(PLAIN, drop_last=True), tmp_path / "run", force=True).records
    assert [record.step for record in records] == [4, 8, 12]


# ---- data of a program


class Rows(IterableDataset[Any]):
    def __len__(self) -> int:
        return 20

    def __iter__(self) -> Any:
        return iter([(torch.full((3,), float(i)), torch.tensor(i % 2)) for i in range(20)])


GIVEN = """
input: [3]
layers: [Linear: 2]
train: {data: given, loss: CrossEntropyLoss, optimizer: {SGD: {lr: 0.1}}, batch_size: 8, epochs: 2, drop_last: true}
"""


@pytest.mark.parametrize("data", [Rows(), DataLoader(Rows(), batch_size=8, drop_last=True)], ids=["examples", "loader"])
def test_examples_that_come_in_an_order_of_their_own_are_dropped_at_their_end(data: Any, tmp_path: Path) -> None:
    result = netspec.train(netspec.loads(GIVEN), data=data, run=tmp_path / "run", quiet=True, report=False)
    assert [record.step for record in result.records] == [2, 4]


def test_batches_that_a_program_makes_cannot_be_dropped_and_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"makes its batches itself; give a DataLoader with `drop_last=True`"):
        netspec.train(
            netspec.loads(GIVEN), data=DataLoader(Rows(), batch_size=8), run=tmp_path / "run", quiet=True, report=False
        )
