"""`sampler: balanced`: every class is drawn as often as any other, as torch's WeightedRandomSampler does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import WeightedRandomSampler

import netspec
from netspec.compiler import check_source
from netspec.diagnostics import ResourceError, UsageError
from netspec.net import Net
from netspec.text.source import decode
from netspec.trainer.data.sampling import EvenSampler
from netspec.trainer.data.splits import Split
from netspec.trainer.machine.processes import World
from netspec.trainer.run.sameness import differences, identity
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.show.reporters import Quiet
from tests import forking
from tests.train.programs import ROOT, environment
from tests.train.small_runs import finish, run_until, whole_state
from tests.train.test_divisors import RANKS
from tests.train.test_survival import free_port

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """
name: uneven
input: [1, 4, 4]
layers: [Flatten, Linear: 8, Tanh, Dropout: 0.2, Linear: 3]
train:
  data: {tensors: {train: DIR/train.safetensors}}
  sampler: balanced
  augment: [RandomHorizontalFlip, {RandomErasing: {p: 0.5}}]
  batch_size: 16
  epochs: 3
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1, momentum: 0.9}}
"""
COUNTS = (70, 20, 7)


def made(folder: Path, counts: tuple[int, ...] = COUNTS, ignored: int = 3, **changes: Any) -> Net:
    """A net, and its data in a folder: so many examples of each class, and some that the loss ignores."""
    y = torch.tensor([c for c, count in enumerate(counts) for _ in range(count)] + [-100] * ignored)
    generator = torch.Generator().manual_seed(3)
    y = y[torch.randperm(len(y), generator=generator)]
    x = torch.rand(len(y), 1, 4, 4, generator=generator)
    save_file({"x": x, "y": y}, folder / "train.safetensors")
    text = SPEC.replace("DIR", str(folder))
    return netspec.loads(text, set={f"train.{key}": value for key, value in changes.items()})


def drawn(split: Split, epochs: int) -> torch.Tensor:
    """The rows of so many epochs."""
    return torch.cat([split.stored(split.order(seed=1, epoch=epoch, shuffle=True)) for epoch in range(epochs)])


def test_rows_are_drawn_with_the_probabilities_of_torchs_weighted_sampler(tmp_path: Path) -> None:
    train = assemble(made(tmp_path), Options(), World(), "cpu").data.train
    y = load_file(tmp_path / "train.safetensors")["y"]
    counts = torch.bincount(y[y >= 0]).double()
    weights = torch.where(y >= 0, 1 / counts[y.clamp_min(0)], 0.0)
    found = torch.bincount(drawn(train, 300), minlength=100).double()
    torch.manual_seed(0)
    other = torch.bincount(torch.tensor(list(WeightedRandomSampler(weights.tolist(), 30_000))), minlength=100).double()
    expected = 30_000 * weights / weights.sum()
    for one in (found, other):  # chi square over the 97 rows that count: mean 96, standard deviation 13.9
        assert one[y < 0].sum() == 0
        assert float(((one - expected)[y >= 0].square() / expected[y >= 0]).sum()) < 160
    per_class = torch.bincount(y[drawn(train, 300)]) / 30_000
    torch.testing.assert_close(per_class, torch.full((3,), 1 / 3), rtol=0, atol=0.01)


def test_a_row_that_comes_again_is_another_example_to_the_augmentation() -> None:
    sampler = EvenSampler(torch.tensor([4, 9, 5]), torch.tensor([0, 1, 1]))
    for epoch in range(20):
        order = sampler.order(0, epoch)
        assert len(set(order.tolist())) == 3
        assert set((order % sampler.stride).tolist()) <= {4, 5, 9}
    assert any(int(sampler.order(0, epoch).max()) >= sampler.stride for epoch in range(20))


def test_twins_in_an_epoch_are_augmented_apart_resident_and_streamed_alike(tmp_path: Path) -> None:
    net = made(tmp_path, counts=(90, 1), ignored=0)
    whole = [assemble(net, Options(**o), World(), "cpu").data.train for o in ({}, {"budget": 0, "workers": 0})]
    wanted = {"shuffle": True, "augment": True}
    (a, b) = (next(iter(split.batches(91, **wanted))) for split in whole)  # type: ignore[arg-type]
    assert torch.equal(a.x, b.x) and torch.equal(a.y, b.y)  # type: ignore[arg-type]
    twins = a.x[a.y == 1].flatten(1)  # type: ignore[index, union-attr]
    assert len(twins) > 30
    assert len(torch.unique(twins, dim=0)) > 10  # flipped, and erased at different places


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"budget": 0, "workers": 0}], ids=["resident", "streamed"])
@pytest.mark.parametrize("step", [3, 9])
def test_a_run_resumed_at_a_step_equals_the_whole_run_to_the_bit(
    step: int, options: dict[str, Any], tmp_path: Path
) -> None:
    net = made(tmp_path)
    finish(net, tmp_path / "whole", **options)
    run_until(net, tmp_path / "run", step, **options)
    finish(net, tmp_path / "run")
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "whole")


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    net = made(tmp_path, augment=[])
    net = netspec.loads(netspec.expand(net).replace("Dropout: 0.2", "Dropout: 0.0"))
    (tmp_path / "spec.yaml").write_text(netspec.expand(net))
    arguments = ("train", str(tmp_path / "spec.yaml"), "--run", str(tmp_path / "two"), "--no-report", "--device", "cpu")
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    child = forking.run("-c", RANKS, *arguments, cwd=ROOT, env=environment(world), torch=True)
    assert child.returncode == 0, child.stderr
    finish(net, tmp_path / "one", device="cpu")
    two = load_file(tmp_path / "two" / "model.safetensors")
    for key, value in load_file(tmp_path / "one" / "model.safetensors").items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-6)


def test_only_what_is_trained_on_is_drawn_and_measured_is_everything(tmp_path: Path) -> None:
    data = assemble(made(tmp_path, validation=0.3), Options(examples=40), World(), "cpu").data
    assert set(drawn(data.train, 50).tolist()) <= set(data.train.rows.tolist())
    assert data.validation is not None and data.validation.sampler is None
    assert torch.equal(data.train.order(), data.train.rows)


def test_a_run_of_before_there_was_the_key_goes_on_without_it_and_not_with_it(tmp_path: Path) -> None:
    net = made(tmp_path)
    assert net.recipe is not None
    now = identity(net, net.recipe, "", 1, None)
    then = now | {"recipe": {key: value for key, value in now["recipe"].items() if key != "sampler"}}
    assert differences(then, now) == ["`train.sampler` was null and is 'balanced'"]


# ---- refused


def findings(*changes: tuple[str, str]) -> list[tuple[str, str, str]]:
    text = SPEC
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return [(d.code, d.severity, d.message) for d in check_source(*decode(text.encode(), "net.yaml"))]


@pytest.mark.slow
def test_a_class_without_an_example_is_told(tmp_path: Path) -> None:
    notes: list[str] = []

    class Notes(Quiet):
        def note(self, text: str) -> None:
            notes.append(text)

    for counts, said in (((20, 0, 9), "no example of class 1: "), ((20, 0, 0), "of class 1 and 1 more of the 3 ")):
        finish(made(tmp_path, counts, epochs=1), tmp_path / str(counts), reporter=Notes())
        assert said in notes[-1]
    notes.clear()
    finish(made(tmp_path, epochs=1), tmp_path / "all", reporter=Notes())
    assert notes == []


def test_what_has_no_class_or_several_is_refused_by_the_check() -> None:
    said = "`sampler: balanced` draws examples by their class, but"
    assert findings() == []
    assert findings(("CrossEntropyLoss", "MSELoss")) == [
        ("recipe-conflict", "error", f"{said} `MSELoss` wants no class for a target")
    ]
    maps = ("[Flatten, Linear: 8, Tanh, Dropout: 0.2, Linear: 3]", "[Conv2d: {out_channels: 3, kernel_size: 1}]")
    assert findings(maps) == [
        ("recipe-conflict", "error", f"{said} the net's output is 3 × 4 × 4: an example has a class at each of 4 × 4 "
         "places")
    ]  # fmt: skip
    assert findings(("loss: CrossEntropyLoss", "loss: {CrossEntropyLoss: {weight: balanced}}")) == [
        ("recipe-conflict", "warning", f"{said} `weight: balanced` of `CrossEntropyLoss` weighs them by it too: a "
         "class with few examples counts twice as it should")
    ]  # fmt: skip
    (found,) = findings(("sampler: balanced", "sampler: balance"))
    assert found[0] == "invalid-argument"
    (found,) = findings(("sampler: balanced", "oversampling: true"))
    assert found[0] == "unknown-key"


def test_what_of_it_only_the_data_tell_is_refused_before_the_first_step(tmp_path: Path) -> None:
    class Examples:
        def __len__(self) -> int:
            return 20

        def __getitem__(self, number: int) -> Any:
            return torch.zeros(1, 4, 4), torch.tensor(number % 3)

    net = netspec.loads(SPEC, set={"train.data": "given"})
    with pytest.raises(UsageError, match="come with examples that are read one by one; leave it out, or give a pair"):
        netspec.train(net, data=Examples(), run=tmp_path / "run", quiet=True, report=False)
    with pytest.raises(ResourceError, match="all 2 training targets are -100"):
        assemble(made(tmp_path, counts=(1,), ignored=40), Options(examples=2), World(), "cpu")
    assert not (tmp_path / "run").exists()
