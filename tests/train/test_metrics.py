"""Sums of metrics: kept on the device or held for later, they agree to the bit with each other and with NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from netspec.recipe.tables import loss
from netspec.trainer.measure.losses import LossFunction
from netspec.trainer.measure.metrics import HeldSums, Sums

CPU = torch.device("cpu")


def batches(seed: int, sizes: list[int], places: tuple[int, ...]) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Loss, output (N, 5, *places) and targets (N, *places) of batches of these sizes."""
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn((), generator=generator).exp(),
            torch.randn((n, 5, *places), generator=generator),
            torch.randint(5, (n, *places), generator=generator),
        )
        for n in sizes
    ]


LOSSES = {
    "plain": None,
    "weights": LossFunction(loss("CrossEntropyLoss")(weight=(0.1, 0.7, 2.0, 0.3, 0.0)), CPU, ignores=False),
    "ignored": LossFunction(loss("NLLLoss")(ignore_index=3), CPU, ignores=True),
}


@pytest.mark.parametrize("name", LOSSES)
@given(
    seed=st.integers(0, 1000),
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=80),
    places=st.sampled_from([(), (2,), (3, 2)]),
    reads=st.sets(st.integers(0, 79)),
)
def test_sums_held_for_later_equal_those_on_the_device_however_often_they_are_read(
    name: str, seed: int, sizes: list[int], places: tuple[int, ...], reads: set[int]
) -> None:
    on_device, held = Sums(CPU, True, LOSSES[name]), HeldSums(True, LOSSES[name])
    for number, batch in enumerate(batches(seed, sizes, places)):
        on_device.add(*batch)
        held.add(*batch)
        if number in reads:
            assert str(held.read()) == str(on_device.read())  # neither may be a number yet
    assert held.total().tolist() == on_device.total().tolist()


@pytest.mark.parametrize("kind", [Sums(CPU, True), HeldSums(True)])
def test_a_score_is_the_mean_over_all_targets(kind: Sums) -> None:
    data = batches(0, [7, 7, 3], (4,))
    for batch in data:
        kind.add(*batch)
    weights = [y.numel() for _, _, y in data]
    right = np.concatenate([(o.numpy().argmax(1) == y.numpy()).ravel() for _, o, y in data])
    assert kind.read().loss == pytest.approx(np.average([float(v) for v, _, _ in data], weights=weights))
    assert kind.read().accuracy == right.mean()


@pytest.mark.parametrize("make", [lambda: Sums(CPU, True), lambda: HeldSums(True)])
def test_sums_go_on_from_what_was_saved(make: type[Sums]) -> None:
    whole, first, second = make(), make(), make()
    data = batches(1, [4, 4, 4, 4], ())
    for batch in data:
        whole.add(*batch)
    for batch in data[:3]:
        first.add(*batch)
    second.add(*data[0])  # what was counted before a resume is not counted again
    second.load(first.total())
    second.add(*data[3])
    assert second.total().tolist() == whole.total().tolist()


def test_without_classes_there_is_no_accuracy_and_without_batches_no_number() -> None:
    sums = HeldSums(False)
    assert np.isnan(sums.read().loss)
    sums.add(torch.tensor(2.0), torch.zeros(3, 1), torch.zeros(3, 1))
    assert sums.read() == (2.0, None)


def test_what_is_held_is_bounded() -> None:
    sums = HeldSums(True)
    kept: list[int] = []
    for batch in batches(2, [8] * 100, ()):
        sums.add(*batch)
        kept.append(len(sums._held))  # pyright: ignore[reportPrivateUsage]  # what the test is about
    assert max(kept) < HeldSums.batches
