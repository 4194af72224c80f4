"""What the proof of an import runs: pictures are large in few runs, and nothing goes unseen for it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.proving.differences import Unproven, apart, nudged, share_apart
from netspec.capture.proving.proof import EqualityProof
from tests.capture.modules import around
from tests.capture.test_from_torch import imported, refusal


class Counted(nn.Module):
    """A small network that notes each of its runs in 64 bits: the input's shape, and whether it trains."""

    runs: ClassVar[list[tuple[tuple[int, ...], bool]]] = []

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=4)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float64:
            self.runs.append((tuple(x.shape), self.training))
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


def test_large_pictures_are_few_and_both_sizes_see_two_batches_and_both_modes() -> None:
    Counted.runs.clear()
    found = imported(Counted(), (3, 224, 224))
    pictures = sum(shape[0] * shape[2] * shape[3] for shape, _ in Counted.runs) / 224**2
    assert pictures < 7.5, Counted.runs
    assert max(shape[0] for shape, _ in Counted.runs if shape[2] == 224) == 3, "as much memory as three pictures need"
    for size in (96, 224):
        seen = [(shape[0], training) for shape, training in Counted.runs if shape[2:] == (size, size)]
        assert len({batch for batch, _ in seen}) >= 2
        assert {training for _, training in seen} == {False, True}
    assert found.proven == (
        "in eval and in training mode",
        "on batches of 2 and 3",
        "at 3 x 96 x 96 on batches of 1, 2 and 7",
    )


def test_a_small_input_is_compared_on_every_batch_and_at_a_larger_size() -> None:
    found = imported(Counted(), (3, 64, 64))
    assert found.proven == ("in eval and in training mode", "on batches of 1, 2, 3 and 7", "on 3 x 96 x 96")


def _small_is_other(self: Any, x: Tensor) -> Tensor:
    return self.a(x) if x.shape[-1] > 100 else self.a(x) * 2


def _small_is_refused(self: Any, x: Tensor) -> Tensor:
    if x.shape[-1] < 100:
        raise ValueError("too small")
    return self.a(x)


@pytest.mark.parametrize("forward", [_small_is_other, _small_is_refused])
def test_a_module_that_is_another_at_the_smaller_size_is_compared_at_its_own_alone(forward: Any) -> None:
    found = imported(around(forward, nn.Conv2d(3, 4, 3)), (3, 128, 128))
    assert {"on batches of 1, 2 and 3", "on a batch of 7 without gradients"} < set(found.proven)
    assert not any("64" in told for told in found.proven)


def _luckily(self: Any, x: Tensor) -> Tensor:
    return self.a(x) * (len(x) ** 2 - 5 * len(x) + 7)  # 1 for 2 and for 3


def test_a_batch_that_a_smaller_picture_finds_out_is_told_at_the_own_size() -> None:
    assert "on a batch of 7 in eval mode the output differs" in refusal(
        around(_luckily, nn.Conv2d(3, 4, 3)), (3, 128, 128)
    )


def _keeps(self: Any, x: Tensor) -> Tensor:
    if x.shape[-1] < 100:
        self.scale = 3.0
        raise ValueError("too small")
    return self.a(x) * getattr(self, "scale", 1.0)


def test_what_a_run_at_another_size_left_in_the_module_is_forgotten() -> None:
    found = imported(around(_keeps, nn.Conv2d(3, 4, 3)), (3, 128, 128))
    assert "on batches of 1, 2 and 3" in found.proven


class _OfOneSize(Counted):
    """A network that takes one size alone, and notes whether each run keeps what its gradients need."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] != (224, 224):
            raise ValueError("one size alone")
        y = super().forward(x)
        if x.dtype == torch.float64 and y.requires_grad:
            self.kept.append(len(x))
        return y

    kept: ClassVar[list[int]] = []


def test_a_large_picture_of_one_size_needs_the_memory_of_three() -> None:
    _OfOneSize.kept.clear()
    imported(_OfOneSize(), (3, 224, 224))
    assert set(_OfOneSize.kept) == {1, 2, 3}
    assert 7 in {shape[0] for shape, _ in Counted.runs}


def test_a_large_picture_that_trains_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    before = EqualityProof.__init__

    def other(self: EqualityProof, *args: Any) -> None:
        before(self, *args)
        with torch.no_grad():
            next(iter(self.ours.parameters())).mul_(1 + 1e-6)

    monkeypatch.setattr(EqualityProof, "__init__", other)
    assert "differs by" in refusal(Counted(), (3, 160, 160))


def _infinite(self: Any, x: Tensor) -> Tensor:
    return self.a(x).relu() ** -1


def _no_number(self: Any, x: Tensor) -> Tensor:
    return (-1 - self.a(x) ** 2) ** 0.5


@pytest.mark.parametrize("forward", [_infinite, _no_number])
def test_values_that_are_not_finite_prove_nothing(forward: Any) -> None:
    assert "not finite" in refusal(around(forward, nn.Linear(4, 4)), (4,))


@pytest.mark.parametrize(
    ("ours", "theirs", "share"),
    [
        ([1.0, 2.0], [1.0, 4.0], 0.5),
        ([0.1], [0.3], 0.2),
        ([math.nan, 1.0], [math.nan, 1.0], 0.0),
        ([math.inf, 1.0], [math.inf, 2.0], 0.5),
        ([math.nan, 1.0], [0.0, 1.0], math.inf),
        ([0.0, 1.0], [math.nan, 1.0], math.inf),
        ([math.inf], [-math.inf], math.inf),
        ([], [], 0.0),
    ],
)
def test_what_is_not_finite_on_one_side_alone_is_not_equal(
    ours: list[float], theirs: list[float], share: float
) -> None:
    assert share_apart(torch.tensor(ours), torch.tensor(theirs), 1.0) == pytest.approx(share)


class Amplifies(nn.Module):
    """A layer of which a program makes so much that the last digits decide."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.a(x) * self.slope)


@pytest.mark.parametrize("slope", [1.0, 1e7])
def test_a_difference_counts_unless_the_module_makes_as_much_of_its_inputs_last_digits(slope: float) -> None:
    module, x = Amplifies(slope), torch.randn(3, 4)
    found = imported(module, (4,))
    proof = EqualityProof(module, found.net, found.keys, 1)
    assert proof.check([x], training=False) <= 1e-9
    with torch.no_grad():  # as another order of sums would
        next(proof.ours.parameters()).mul_(1 + 1e-14 if slope > 1 else 1 + 1e-8)
    if slope == 1.0:
        with pytest.raises(Unproven, match="differs by"):
            proof.check([x], training=False)
        return
    assert 1e-9 < proof.check([x], training=False) <= 1e-6
    with torch.no_grad():  # a mistake
        next(proof.ours.parameters()).mul_(1 + 1e-10)
    with pytest.raises(Unproven, match="differs by"):
        proof.check([x], training=False)


def test_what_last_digits_make_of_a_module_is_what_they_are() -> None:
    module = nn.Linear(3, 2)
    x = torch.randn(5, 3)
    (changed,) = nudged([x])
    assert 0 < float((changed / x.double() - 1).abs().max()) < 1e-13
    assert nudged([torch.arange(3)])[0].dtype == torch.int64
    found = imported(module, (3,))
    proof = EqualityProof(module, found.net, found.keys, 1)
    runs = [proof._run(proof.theirs, inputs, training=False) for inputs in ([x], [changed])]
    assert 0 < apart(*runs) < 1e-12
