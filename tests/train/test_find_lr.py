"""The learning-rate finder: its losses are those of a plain loop of torch's, and its proposal is where they fall."""

from __future__ import annotations

import json
import math
import random
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]  # its types are partly unknown

import netspec
from netspec.cli import cli
from netspec.diagnostics import MissingExtra, UsageError
from netspec.net import Net
from netspec.trainer.errors import NonFinite
from netspec.trainer.machine.processes import World
from netspec.trainer.measure.descent import Smoothed, falls, spaced, steepest, valley, valley_middle
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.show.rate_curve import RateCurve, rate_text
from tests.commands import invoke
from tests.train.small_runs import EVERYTHING, PLAIN, small_net

GROUPS: Any = [{"parameters": ["bias"], "lr": 0.3}]
SCHEDULED: Any = {"warmup": {"steps": 5}, "scheduler": {"OneCycleLR": {"max_lr": 0.4}}}


LEARNABLE = PLAIN.replace("data: {synthetic: {train: 36, test: 12}}", "data: given").replace(
    "batch_size: 8", "batch_size: 32"
)


def points(count: int = 512) -> tuple[torch.Tensor, torch.Tensor]:
    """Examples whose class follows from their values."""
    x = torch.randn(count, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    return x, x.reshape(count, 3, 12).sum(2).argmax(1)


def found(steps: int = 100, lowest: float = 1e-7, highest: float = 10.0, **settings: Any) -> RateCurve:
    """The curve of a net that learns."""
    net = small_net(LEARNABLE, **settings)
    return netspec.find_lr(net, steps=steps, lowest=lowest, highest=highest, data=points(), device="cpu")


# ---- the losses


def by_hand(net: Net, rates: list[float], group_factor: float) -> list[float]:
    """The loss of each step in a loop of torch's own with the batches of a run, one after the other."""
    assert net.recipe is not None
    accumulate = net.recipe.accumulate
    model = netspec.build(net, seed=net.recipe.seed).train()
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    others = [p for name, p in model.named_parameters() if not name.endswith("bias")]
    optimizer = torch.optim.SGD([{"params": biases}, {"params": others}], lr=1.0, momentum=0.9)
    batches = assemble(net, Options(device="cpu"), World(), "cpu")
    losses: list[float] = []
    for epoch in range(1000):
        drawn: list[Any] = list(batches.batches(epoch, 0))
        for first in range(0, len(drawn), accumulate):
            if len(losses) == len(rates):
                return losses
            rate = rates[len(losses)]
            optimizer.param_groups[0]["lr"], optimizer.param_groups[1]["lr"] = rate * group_factor, rate
            x, y = (torch.cat([getattr(b, name) for b in drawn[first : first + accumulate]]) for name in ("x", "y"))
            loss = torch.nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
            optimizer.step()  # pyright: ignore[reportUnknownMemberType]  # as above
            losses.append(loss.item())
    raise AssertionError("too few batches")


def test_layers_that_learn_more_slowly_do_so_here() -> None:
    """At a billionth of the rate of the last layer, the one in front of it stands still."""
    still, whole = found(freeze=["1.*"]), found()
    slow = found(layer_decay=1e-9)
    assert slow.losses == pytest.approx(still.losses, rel=1e-5)
    assert slow.losses[-20:] != pytest.approx(whole.losses[-20:], rel=1e-2)


@pytest.mark.parametrize("given", [{"steps": "a"}, {"steps": 50.5}, {"lowest": "1e-5"}, {"highest": None}])
def test_what_is_no_number_is_refused_by_name(given: Any) -> None:
    ((name, value),) = given.items()
    with pytest.raises(UsageError, match=f"`{name}=?…?` is a .*, but is {re.escape(repr(value))}"):
        found(**given)


@pytest.mark.parametrize(
    ("settings", "factor"),
    [({}, 1.0), ({"groups": GROUPS}, 3.0), (SCHEDULED, 1.0), ({"accumulate": 2}, 1.0),
     ({"groups": GROUPS, **SCHEDULED}, 3.0)],
    ids=["plain", "groups", "schedule", "accumulate", "both"],
)  # fmt: skip
def test_the_losses_are_those_of_a_plain_loop(settings: dict[str, Any], factor: float) -> None:
    net = small_net(PLAIN, optimizer={"SGD": {"lr": 0.1, "momentum": 0.9}}, **settings)
    curve = netspec.find_lr(net, steps=40, lowest=1e-4, highest=1.0, device="cpu")
    expected = [1e-4 * 1e4 ** (i / 39) for i in range(40)]
    assert curve.rates == pytest.approx(expected, rel=1e-9)
    assert curve.losses == pytest.approx(by_hand(net, expected, factor), abs=1e-5)
    average = weight = 0.0
    for loss, smoothed in zip(curve.losses, curve.smoothed, strict=True):
        average, weight = 0.98 * average + 0.02 * loss, 0.98 * weight + 0.02
        assert smoothed == pytest.approx(average / weight, rel=1e-12)
    assert curve.ended_at == curve.rates[-1]
    assert curve.batch == 8 * net.recipe.accumulate if net.recipe else False


def test_it_uses_every_part_of_a_recipe_and_gives_the_same_again() -> None:
    first, again = (netspec.find_lr(small_net(EVERYTHING), steps=30, device="cpu") for _ in range(2))
    assert first.losses == again.losses
    assert len(first.losses) == 30


def test_it_draws_as_a_recorded_step_does(replay: None) -> None:
    del replay
    net = small_net(PLAIN, optimizer={"Adam": {"lr": 0.1}})
    eager, recorded = (
        netspec.find_lr(net, steps=30, highest=0.1, device="cpu", driver=name) for name in ("eager", "replay")
    )
    assert recorded.losses == pytest.approx(eager.losses, abs=1e-6)


# ---- what is proposed


def test_the_rates_are_spaced_by_one_factor_and_keep_their_ends() -> None:
    rates = spaced(1e-7, 10.0, 100)
    assert (rates[0], rates[-1], len(rates)) == (1e-7, 10.0, 100)
    assert {round(b / a, 9) for a, b in pairwise(rates)} == {round(1e8 ** (1 / 99), 9)}


@pytest.mark.parametrize("middle", [1e-4, 1e-2, 0.3])
def test_of_a_known_curve_it_proposes_where_it_is_steepest(middle: float) -> None:
    rates = spaced(1e-7, 10.0, 161)
    fall = [2 - 1 / (1 + (middle / rate) ** 2) for rate in rates]  # a logistic curve of the logarithm
    assert rates[steepest(rates, fall, 8)] == pytest.approx(middle, rel=0.13)
    assert falls(fall, fall)
    fall[10] += 0.2  # an average of few losses jumps, and falls from there more steeply than anywhere
    assert rates[steepest(rates, fall, 8)] == pytest.approx(middle, rel=0.13)
    # a valley from 1e-3 to 1e-1 behind a flat beginning: its middle is 1e-2
    valleyed = [min(1.0, max(0.0, (math.log10(0.1 / rate)) / 2)) + (rate > 0.1) * rate for rate in rates]
    assert rates[valley_middle(valleyed)] == pytest.approx(1e-2, rel=0.3)


@given(values=st.lists(st.integers(0, 12), min_size=1, max_size=40))
def test_a_valley_is_the_longest_falling_sequence(values: list[int]) -> None:
    lengths: list[int] = []
    for i, value in enumerate(values):
        lengths.append(1 + max((lengths[j] for j in range(i) if value < values[j]), default=0))
    begin, end = valley(values)
    assert end == lengths.index(max(lengths))
    assert end - begin + 1 == max(lengths)


@pytest.mark.parametrize(
    ("losses", "diverged"),
    [([2.0, 1.0, 3.9], False), ([2.0, 1.0, 300.0], True), ([-1.0, -1.5, -1.4], False), ([-1.0, -2.0, 900.0], True),
     ([1.0, 1.0, 1.0], False), ([0.0, 0.0, 0.0], False)],
)  # fmt: skip
def test_a_loss_diverges_at_four_times_its_best_or_as_far_above_zero(losses: list[float], *, diverged: bool) -> None:
    smoothed = Smoothed()
    for loss in losses:
        smoothed.add(loss)
    assert smoothed.diverged == diverged


def test_what_it_proposes_learns() -> None:
    curve = found()
    assert curve.suggestion is not None
    assert 0.005 < curve.suggestion < 5
    assert curve.suggestion == curve.proposals["steepest"]
    least = curve.rates[curve.smoothed.index(min(curve.smoothed))]
    assert curve.proposals["minimum_tenth"] == pytest.approx(least / 10)
    assert curve.suggestion < least


# ---- where it ends


def test_it_ends_where_the_loss_diverges() -> None:
    curve = found(highest=1e6)
    assert curve.ended == "the loss diverged"
    assert len(curve.rates) < 100
    assert curve.smoothed[-1] > 4 * min(curve.smoothed)
    assert all(value <= 4 * min(curve.smoothed[: i + 1]) for i, value in enumerate(curve.smoothed[:-1]))
    assert curve.suggestion is not None


def test_it_ends_where_a_step_is_not_finite() -> None:
    def infinite(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:  # where a probability is 0 in float32
        return torch.nn.functional.nll_loss(output.softmax(1).log(), target)

    net = small_net(LEARNABLE.replace("CrossEntropyLoss", "function"))
    curve = netspec.find_lr(
        net, steps=20, lowest=1e-9, highest=1e67, data=points(), loss=infinite, device="cpu"
    )  # fmt: skip
    assert curve.ended == "the loss was not finite"
    assert all(map(math.isfinite, curve.losses))
    assert curve.ended_at > curve.rates[-1]


def test_one_that_diverges_at_once_is_told_and_what_it_says_helps() -> None:
    curve = found(lowest=3e3, highest=1e6)
    assert curve.suggestion is None
    assert curve.proposals == {}
    assert "before there was a fall to see" in curve.advice
    (lowest,) = re.findall("`lowest=(.+?)`", curve.advice)
    for _ in range(2):  # what it says, again where it is still too high
        curve = found(lowest=float(lowest), highest=1e6)
        if curve.suggestion is not None:
            break
        (lowest,) = re.findall("`lowest=(.+?)`", curve.advice)
    assert curve.suggestion is not None


def test_a_loss_that_never_falls_is_told_and_what_it_says_helps() -> None:
    curve = found(lowest=1e-9, highest=1e-7)
    assert curve.suggestion is None
    assert "never fell" in curve.advice
    highest = 1e-7
    while curve.suggestion is None and highest < 100:
        (told,) = re.findall("`highest=(.+?)`", curve.advice)
        assert float(told) > highest
        highest = float(told)
        curve = found(lowest=1e-9, highest=highest)
    assert curve.suggestion is not None


def test_a_loss_that_still_falls_at_the_end_is_told() -> None:
    curve = found(lowest=1e-3, highest=0.6)
    assert curve.suggestion is not None
    assert "`highest=60.0`" in curve.advice


def test_a_first_step_that_is_not_finite_is_no_matter_of_the_rate() -> None:
    net = small_net(PLAIN, data="given")
    weights = netspec.build(net, seed=0).state_dict()["1.weight"][0]
    x = (3e38 * weights.sign()).reshape(1, 1, 6, 6).repeat(40, 1, 1, 1)
    with pytest.raises(NonFinite, match=r"step 1 \(epoch 1, batch 1\): the output of layer `1` .* no learning rate"):
        netspec.find_lr(net, data=(x, torch.zeros(40, dtype=torch.int64)), device="cpu")


# ---- what it is asked


def test_a_program_gives_data_and_loss() -> None:
    net = small_net(LEARNABLE.replace("CrossEntropyLoss", "function"))
    curve = netspec.find_lr(net, data=points(), loss=torch.nn.functional.cross_entropy, device="cpu")
    assert curve.losses == found().losses
    with pytest.raises(UsageError, match=r"call `netspec\.find_lr\(net, data=…, loss=…\)`"):
        netspec.find_lr(net)


def test_steps_without_a_target_that_counts_are_no_part_of_the_curve() -> None:
    net = small_net(LEARNABLE, loss={"CrossEntropyLoss": {"ignore_index": -1}}, batch_size=8)
    x, y = points(32)
    y[8:] = -1
    curve = netspec.find_lr(net, data=(x, y), steps=60, device="cpu")
    assert 15 < len(curve.rates) < 60
    assert all(map(math.isfinite, curve.losses))
    x, y = points()
    y[1:] = -1
    told = netspec.find_lr(net, data=(x, y), steps=60, device="cpu")
    assert (len(told.rates), told.suggestion) == (1, None)
    assert "in only 1 of 60 steps a target counts" in told.advice
    assert told.text()
    assert told.picture("png")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": 5}, "`steps=5`: too few"),
        ({"lowest": 0.0}, r"rises from `lowest=0\.0` to `highest=10\.0`"),
        ({"lowest": 1.0, "highest": 0.1}, "below the other"),
        ({"highest": math.inf}, "below the other"),
        ({"highest": math.nan}, "below the other"),
    ],
)
def test_a_range_that_is_none_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        netspec.find_lr(small_net(PLAIN), **arguments)


def test_groups_need_a_rate_to_be_in_proportion_to() -> None:
    with pytest.raises(UsageError, match="the optimizer's learning rate is 0"):
        netspec.find_lr(small_net(PLAIN, optimizer={"SGD": 0.0}, groups=GROUPS))
    assert netspec.find_lr(small_net(PLAIN, optimizer={"SGD": 0.0}), steps=20, device="cpu").losses


def test_it_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="WORLD_SIZE=2"):
        netspec.find_lr(small_net(PLAIN))


def test_a_net_without_a_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no `train:` recipe"):
        netspec.find_lr(netspec.loads("{input: [4], layers: [Linear: 2]}"))


def test_nothing_is_changed_or_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    net = small_net(EVERYTHING)
    torch.manual_seed(5)  # pyright: ignore[reportUnknownMemberType]  # as above
    random.seed(5)
    before = torch.get_rng_state(), random.getstate(), net.recipe
    netspec.find_lr(net, steps=20, device="cpu")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert net.recipe == before[2]
    assert list(tmp_path.iterdir()) == []


# ---- how it is told


def test_the_picture_is_an_svg_or_a_png(tmp_path: Path) -> None:
    curve = found(highest=1e6)
    curve.plot(tmp_path / "lr.svg")
    curve.plot(tmp_path / "lr.png")
    text = (tmp_path / "lr.svg").read_text()
    assert "steepest: " + rate_text(curve.suggestion or 0) in text
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")
    assert curve.picture() == curve.picture()
    with pytest.raises(UsageError, match=r"ends with \.svg or \.png"):
        curve.plot(tmp_path / "lr.pdf")
    with pytest.raises(UsageError, match="there is no directory"):
        curve.plot(tmp_path / "no" / "lr.svg")


def test_without_matplotlib_the_picture_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = netspec.find_lr(small_net(PLAIN), steps=20, device="cpu")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match="pip install"):
        curve.picture()


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec in a directory of its own, and a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    x, y = points()
    save_file({"x": x, "y": y}, tmp_path / "points.safetensors")
    file = tmp_path / "plain.yaml"
    text = LEARNABLE.replace("data: given", "data: {tensors: {train: points.safetensors}}")
    file.write_text(text.replace("name: plain", f"name: {'long' * 16}"))
    return file


def test_the_command_fits_80_columns_and_what_it_says_works(spec: Path) -> None:
    done = invoke(cli, "find-lr", spec, "--to", "1e6", "--device", "cpu", "-o", "lr.svg")
    assert done.exit_code == 0, done.output
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stderr == "wrote lr.svg\n"
    assert sorted(path.name for path in spec.parent.iterdir()) == ["lr.svg", "plain.yaml", "points.safetensors"]
    told = re.fullmatch(r"to train with it: --set (train\.optimizer\.SGD\.lr=(\S+))", done.stdout.splitlines()[-1])
    assert told is not None
    assert invoke(cli, "expand", spec, "--set", told[1]).stdout.count(f"lr: {told[2]},") == 1


def test_a_schedule_with_a_rate_of_its_own_gets_the_proposal(spec: Path) -> None:
    spec.write_text(spec.read_text() + "  scheduler: {OneCycleLR: 0.1}\n")
    told = invoke(cli, "find-lr", spec, "--to", "1e3", "--device", "cpu").stdout.splitlines()[-1]
    key, _, value = told.rpartition(" ")[2].partition("=")
    assert key == "train.scheduler.OneCycleLR.max_lr"
    assert f"max_lr: {value}\n" in invoke(cli, "expand", spec, "--set", f"{key}={value}").stdout


def test_as_json_it_is_one_document(spec: Path) -> None:
    done = invoke(cli, "find-lr", spec, "--to", "1e6", "--device", "cpu", "--format", "json")
    assert done.exit_code == 0
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["suggestion"] == told["proposals"]["steepest"]
    assert told["method"] == "steepest"
    assert len(told["rates"]) == len(told["losses"]) == len(told["smoothed"]) < told["steps"] == 100
    assert told["ended"] == "the loss diverged"
    assert told["advice"] is None
    curve = netspec.find_lr(netspec.load(spec), highest=1e6, device="cpu")
    assert curve.to_dict() | {"seconds": 0} == told | {"seconds": 0}


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_command_without_a_proposal_shows_the_curve_and_fails(form: str, spec: Path) -> None:
    done = invoke(
        cli, "find-lr", spec, "--from", "3e3", "--to", "1e6", "--device", "cpu", "--format", form, "-o", "lr.png"
    )
    assert done.exit_code != 0
    assert isinstance(done.exception, UsageError)
    assert "`--from 3.0`" in str(done.exception)
    assert Path("lr.png").is_file()
    if form == "json":
        assert json.loads(done.stdout)["suggestion"] is None
    else:
        assert "the loss diverged" in done.stdout


def test_mistakes_are_told_before_training(spec: Path) -> None:
    assert "no format of it" in str(invoke(cli, "find-lr", spec, "-o", "lr.pdf").exception)
    assert invoke(cli, "find-lr", spec, "-o", "no/lr.svg").exit_code != 0
    spec.write_text(PLAIN.replace("synthetic: {train: 36, test: 12}", "folder: nowhere"))
    told = invoke(cli, "find-lr", spec)
    assert told.exit_code != 0
    assert "nowhere" in str(told.exception)
    assert sorted(path.name for path in spec.parent.iterdir()) == ["plain.yaml", "points.safetensors"]


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.03615, "0.036"), (1.23e-5, "1.2e-05"), (3.0, "3"), (0.1, "0.1"), (0.0996, "0.1"), (10.0, "10"), (2.34, "2.3"),
     (123.4, "1.2e+02"), (0.00099, "0.00099"), (1e6, "1e+06")],
)  # fmt: skip
def test_a_rate_has_two_digits(rate: float, text: str) -> None:
    assert rate_text(rate) == text
    assert float(rate_text(rate)) == pytest.approx(rate, rel=0.06)
