"""Order, shares and augmentation of an epoch are functions of seed, epoch, step and example: nothing to save."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from netspec.recipe import tables
from netspec.trainer.data.splits import Batch, Resident, Split, hold_out
from netspec.trainer.data.streamed import HostExamples, Streamed
from netspec.trainer.transforms.draws import draw_key
from netspec.trainer.transforms.pipeline import Pipeline

CPU = torch.device("cpu")
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randint(256, (103, 3, 12, 12), dtype=torch.uint8, generator=GENERATOR)
Y = torch.randint(5, (103,), generator=GENERATOR)


def pipeline() -> Pipeline:
    augment = [
        tables.transform("RandomCrop")(size=12, padding=2),
        tables.transform("RandomHorizontalFlip")(),
        tables.transform("ColorJitter")(brightness=0.3, hue=0.1),
    ]
    return Pipeline((), augment, CPU)


def resident(rows: Tensor | None = None) -> Resident:
    return Resident("train", torch.arange(103) if rows is None else rows, X, Y, pipeline())


def streamed(workers: int = 0) -> Streamed:
    return Streamed("train", torch.arange(103), HostExamples(X), Y, pipeline(), CPU, workers)


def epoch(split: Split, start: int = 0, shard: tuple[int, int] = (0, 1), number: int = 4) -> list[Batch]:
    return list(split.batches(16, seed=9, epoch=number, start_step=start, shuffle=True, augment=True, shard=shard))


def same(a: list[Batch], b: list[Batch]) -> bool:
    return len(a) == len(b) and all(torch.equal(p.x, q.x) and torch.equal(p.y, q.y) for p, q in zip(a, b, strict=True))


def test_an_epoch_holds_every_example_once_and_its_last_batch_is_smaller() -> None:
    split = resident()
    batches = epoch(split)
    assert [len(b.y) for b in batches] == [16] * 6 + [7]
    assert split.steps(16) == len(batches)
    assert torch.equal(split.order(seed=9, epoch=4, shuffle=True).sort().values, split.rows)


def test_seed_and_epoch_decide_the_order() -> None:
    split = resident()
    orders = [split.order(seed=s, epoch=e, shuffle=True).tolist() for s, e in ((1, 0), (1, 1), (2, 0))]
    assert orders[0] == split.order(seed=1, epoch=0, shuffle=True).tolist()
    assert len({tuple(o) for o in orders}) == 3
    assert split.order().tolist() == list(range(103))


@pytest.mark.parametrize("start", range(8))
def test_an_epoch_taken_up_at_any_step_goes_on_as_if_it_had_never_stopped(start: int) -> None:
    assert same(epoch(resident(), start), epoch(resident())[start:])


def test_streamed_examples_are_those_of_the_resident_ones() -> None:
    split = streamed()
    for number in (4, 5):
        assert same(epoch(split, number=number), epoch(resident(), number=number))
    assert same(epoch(split, start=3), epoch(resident())[3:])
    list(islice(split.batches(16, shuffle=True), 2))  # an epoch that is left early spoils nothing
    assert same(epoch(split), epoch(resident()))


@pytest.mark.slow  # starting two worker processes imports torch twice
def test_worker_processes_change_nothing() -> None:
    split = streamed(workers=2)
    assert same(epoch(split, start=2), epoch(resident())[2:])
    assert same(epoch(split, number=5), epoch(resident(), number=5))


@settings(deadline=None, max_examples=12)
@given(world=st.integers(1, 6), batch=st.integers(9, 60))
def test_the_shares_of_all_processes_together_are_the_global_batches(world: int, batch: int) -> None:
    split = resident()
    shares = [list(split.batches(batch, seed=1, shuffle=True, augment=True, shard=(r, world))) for r in range(world)]
    for parts, whole in zip(
        zip(*shares, strict=True), split.batches(batch, seed=1, shuffle=True, augment=True), strict=True
    ):
        assert torch.equal(torch.cat([p.x for p in parts]), whole.x)
        assert torch.equal(torch.cat([p.y for p in parts]), whole.y)
        sizes = [len(p.y) for p in parts]
        assert max(sizes) - min(sizes) <= 1


def test_fetch_gives_the_rows_asked_for() -> None:
    split = resident()
    rows = torch.tensor([5, 0, 99])
    x, y = split.fetch(rows)
    assert torch.equal(x, X[rows] * torch.tensor(1 / 255))
    assert torch.equal(y, Y[rows])
    assert not torch.equal(split.fetch(rows, draw_key(0, 0)).x, x)


@settings(deadline=None, max_examples=40)
@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(lambda c: sum(c) >= 2),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_a_validation_share_has_the_proportions_of_the_data(counts: list[int], share: float, seed: int) -> None:
    labels = torch.cat([torch.full((n,), i) for i, n in enumerate(counts)])
    train, held = hold_out(labels, share, seed)
    assert torch.equal(torch.cat((train, held)).sort().values, torch.arange(len(labels)))
    assert len(held) == min(max(round(share * len(labels)), 1), len(labels) - 1)
    for i, n in enumerate(counts):
        assert abs(int((labels[held] == i).sum()) - n * len(held) / len(labels)) <= 1.5
    again = hold_out(labels, share, seed)
    assert torch.equal(held, again[1])


def test_a_share_of_no_example_is_empty() -> None:
    batches = list(resident().batches(1, augment=True, shard=(0, 2)))
    assert {tuple(b.x.shape) for b in batches} == {(0, 3, 12, 12)}


def test_another_seed_holds_out_others() -> None:
    labels = torch.arange(10).repeat(20)
    assert not torch.equal(hold_out(labels, 0.2, 0)[1], hold_out(labels, 0.2, 1)[1])
    assert not torch.equal(hold_out(labels.float(), 0.2, 0)[1], hold_out(labels.float(), 0.2, 1)[1])
