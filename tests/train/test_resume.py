"""A run that is interrupted and resumed ends where it would have ended, to the bit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import netspec
from netspec.diagnostics import ResourceError, UsageError
from netspec.emit.yaml import expand
from netspec.net import Net
from netspec.trainer.errors import Interrupted
from netspec.trainer.jobs import training
from netspec.trainer.jobs.dry_run import rehearse
from netspec.trainer.jobs.training import train
from netspec.trainer.loop import background, resuming
from netspec.trainer.loop.background import Keeper
from netspec.trainer.loop.state import capture, restore
from netspec.trainer.machine.device import environment
from netspec.trainer.machine.processes import World
from netspec.trainer.run.checkpoint import Checkpoint, checkpoints
from netspec.trainer.run.directory import RunDirectory, find_run
from netspec.trainer.run.overview import find_runs, list_text
from netspec.trainer.run.progress import Progress
from netspec.trainer.run.sameness import differences, identity
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.show.reporters import Quiet
from netspec.trainer.step.drivers import RECORDERS
from netspec.trainer.trained.inspection import inspect
from netspec.trainer.trained.opening import open_trained
from tests.train.programs import draw_pictures, pictures_spec
from tests.train.small_runs import (
    EVERYTHING,
    PLAIN,
    finish,
    last_checkpoint,
    run_until,
    small_net,
    whole_state,
    without_clocks,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The state at the end of the run that nothing interrupts."""
    path = tmp_path_factory.mktemp("whole") / "run"
    result = finish(small_net(), path)
    assert result.records[-1].step == 40
    return whole_state(path)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 9, 10, 26, 39])
def test_a_run_resumed_at_a_step_equals_the_whole_run_to_the_bit(step: int, whole: Any, tmp_path: Path) -> None:
    net = small_net()
    run_until(net, tmp_path / "run", step)
    finish(net, tmp_path / "run")
    assert whole_state(tmp_path / "run") == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, range(1, 40)),
        ({"budget": 0, "workers": 0}, range(1, 40)),
        ({"budget": 0, "workers": 2}, [1, 5, 9, 10, 11, 26, 39]),  # an epoch has ten
    ],
    ids=["resident", "streamed", "workers"],
)
def test_a_run_interrupted_at_any_step_equals_the_whole_run(
    options: dict[str, Any], steps: Sequence[int], whole: Any, tmp_path: Path
) -> None:
    net, different = small_net(), []
    for step in steps:
        run_until(net, tmp_path / str(step), step, **options)
        finish(net, tmp_path / str(step), **options)
        if whole_state(tmp_path / str(step)) != whole:
            different.append(step)
    assert different == []


@pytest.mark.slow
def test_streaming_the_examples_changes_no_bit_of_the_run(whole: Any, tmp_path: Path) -> None:
    """A loader that drew its seed from the run's generator would change what dropout drops."""
    finish(small_net(), tmp_path / "run", budget=0, workers=0)
    assert whole_state(tmp_path / "run") == whole


@pytest.mark.slow
def test_a_run_interrupted_time_and_again_equals_the_whole_run(tmp_path: Path) -> None:
    net = small_net(EVERYTHING, epochs=1)
    for step in range(1, 10, 2):
        run_until(net, tmp_path / "often", step)
    finish(net, tmp_path / "often")
    finish(net, tmp_path / "once")
    assert whole_state(tmp_path / "often") == whole_state(tmp_path / "once")


@pytest.mark.slow
@pytest.mark.usefixtures("replay")
def test_a_run_of_a_driver_that_is_gone_goes_on_eagerly_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier versions had a driver `replay`, which replayed recorded steps on any device."""
    net = small_net(epochs=1)
    finish(net, tmp_path / "eager", driver="eager")
    run_until(net, tmp_path / "run", 4, driver="replay")
    assert find_run(tmp_path / "run").options["driver"] == "replay"
    monkeypatch.delitem(RECORDERS, "replay")
    assert "two steps, a checkpoint, a resume: all well" in rehearse(net, {}, tmp_path / "run")
    notes = Notes()
    finish(net, tmp_path / "run", reporter=notes)
    assert notes.notes[0] == (
        "note: the run was started with `driver='replay'`, which is gone: it goes on with `driver='eager'`"
    )
    assert find_run(tmp_path / "run").options["driver"] == "eager"
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "eager")


PARTS = ["model", "optimizer", "schedule", "average", "sums", "random.torch", "random.python"]


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_leaving_out_any_part_of_the_state_is_noticed(
    part: str, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = small_net()
    fresh = capture(assemble(net, Options(), World(), "cpu"), Progress(), {}, {})
    assert fresh is not None

    def without(world: World, directory: Path, warn: Any, use: Any) -> tuple[Path, Any]:
        return real(world, directory, warn, lambda found: use(_as_at_the_start(found, fresh, part)))

    run_until(net, tmp_path / "run", 26)
    real = resuming.newest_agreed
    monkeypatch.setattr(resuming, "newest_agreed", without)
    finish(net, tmp_path / "run")
    assert whole_state(tmp_path / "run") != whole


def _as_at_the_start(found: Checkpoint, fresh: Checkpoint, part: str) -> Checkpoint:
    if part == "model":
        return replace(found, model=fresh.model)
    name, _, inner = part.partition(".")
    if not inner:
        return replace(found, state=found.state | {name: fresh.state[name]})
    generators = found.state["random"][0] | {inner: fresh.state["random"][0][inner]}
    return replace(found, state=found.state | {"random": [generators]})


OPTIMIZERS: list[dict[str, Any]] = [
    {"Adam": {"lr": 0.01}}, {"AdamW": {"lr": 0.01, "amsgrad": True}}, {"RMSprop": {"lr": 0.01}},
    {"Adagrad": {"lr": 0.01}}, {"NAdam": {"lr": 0.01}}, {"Rprop": {"lr": 0.01}},
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=[next(iter(o)) for o in OPTIMIZERS])
def test_every_kind_of_optimiser_resumes_to_the_bit(optimizer: dict[str, Any], tmp_path: Path) -> None:
    net = small_net(PLAIN, optimizer=optimizer, accumulate=2)
    run_until(net, tmp_path / "cut", 4)
    finish(net, tmp_path / "cut")
    finish(net, tmp_path / "whole")
    assert whole_state(tmp_path / "cut") == whole_state(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize(
    "scheduler",
    [{"StepLR": {"step_size": 1}}, {"OneCycleLR": {"max_lr": 0.2}}, {"ReduceLROnPlateau": {"patience": 0}}],
    ids=["StepLR", "OneCycleLR", "ReduceLROnPlateau"],
)
def test_every_kind_of_schedule_resumes_to_the_bit(scheduler: dict[str, Any], tmp_path: Path) -> None:
    settings: dict[str, Any] = {"validation": 0.2, "optimizer": {"SGD": {"lr": 0.1, "momentum": 0.5}}}
    net = small_net(PLAIN, scheduler=scheduler, **settings)
    run_until(net, tmp_path / "cut", 7)
    finish(net, tmp_path / "cut")
    finish(net, tmp_path / "whole")
    assert whole_state(tmp_path / "cut") == whole_state(tmp_path / "whole")


@pytest.mark.slow
def test_the_records_of_a_resumed_run_are_those_of_the_whole_run(tmp_path: Path) -> None:
    net = small_net(PLAIN)
    run_until(net, tmp_path / "cut", 7)
    (tmp_path / "cut" / "metrics.jsonl").unlink()  # whatever became of the file: the checkpoint has the records
    resumed, whole = finish(net, tmp_path / "cut"), finish(net, tmp_path / "whole")
    assert without_clocks(resumed.records) == without_clocks(whole.records)
    assert len((tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed": 1}, "`train.seed` was 0 and is 1"),
        ({"optimizer": {"SGD": {"lr": 0.2}}}, "`train.optimizer` was {SGD: {lr: "),
        ({"freeze": ["1.*"]}, "`train.freeze` was [] and is ['1.*']"),
        ({"data": {"synthetic": {"train": 36, "test": 12, "seed": 5}}}, "data set's content is another"),
    ],
)
def test_resuming_with_another_recipe_or_data_is_refused_with_the_difference(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 3)
    with pytest.raises(UsageError) as refusal:
        finish(small_net(PLAIN, **settings), tmp_path / "run")
    assert words in str(refusal.value)
    assert "`force=True`" in str(refusal.value)


def test_resuming_with_another_architecture_is_refused(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 3)
    with pytest.raises(UsageError, match="architecture is another"):
        finish(small_net(PLAIN.replace("ReLU", "Tanh")), tmp_path / "run")


@pytest.mark.slow
def test_a_forced_resume_goes_on_with_the_new_recipe(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 3)
    result = finish(small_net(PLAIN, epochs=5), tmp_path / "run", force=True)
    assert [record.epoch for record in result.records] == [1, 2, 3, 4, 5]


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "lr"), [("SGD", 0.05), ("AdamW", 0.05), ("RMSprop", 0.002)])
def test_a_run_may_go_on_with_another_order_in_memory(optimizer: str, lr: float, tmp_path: Path) -> None:
    """State that kept the order of the checkpoint would be mixed up by fused kernels, without an error."""
    momentum = {"momentum": 0.9} if optimizer != "AdamW" else {}
    deeper = EVERYTHING.replace("  - BatchNorm2d\n", "  - Conv2d: {out_channels: 8, kernel_size: 3}\n  - BatchNorm2d\n")
    net = small_net(deeper, optimizer={optimizer: {"lr": lr, **momentum}})
    run_until(net, tmp_path / "cut", 10, channels_last=True)
    cut = finish(net, tmp_path / "cut", channels_last=False).records[1]
    run_until(net, tmp_path / "whole", 10, channels_last=False)
    whole = finish(net, tmp_path / "whole").records[1]
    assert cut.train_loss == pytest.approx(whole.train_loss, rel=1e-4)


def test_which_kernels_an_optimiser_uses_is_not_taken_from_the_checkpoint(tmp_path: Path) -> None:
    """A run that began on a GPU, where RMSprop must be capturable, goes on on a CPU, where it cannot be."""
    net = small_net(PLAIN, optimizer={"RMSprop": {"lr": 0.01}})
    run_until(net, tmp_path / "run", 3)
    saved = last_checkpoint(tmp_path / "run")
    for group in saved.state["optimizer"]["param_groups"]:
        group |= {"capturable": True, "foreach": True}
    trainer = assemble(net, Options(), World(), "cpu")
    restore(trainer, saved)
    assert not trainer.optimization.optimizer.param_groups[0]["capturable"]
    trainer.step(trainer.buffers(next(trainer.batches(0, 0)), 0, ()))


@pytest.mark.slow
def test_a_comment_in_the_spec_does_not_hinder_a_resume(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 3)
    finish(small_net(PLAIN + "# a remark\n"), tmp_path / "run")


@pytest.mark.slow
def test_a_resumed_run_remembers_how_many_examples_it_was_given(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 1, examples=16)
    result = finish(small_net(PLAIN), tmp_path / "run")
    assert result.records[-1].step == 6


class Notes(Quiet):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def files(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_resuming_a_finished_run_touches_no_file_and_says_so(tmp_path: Path) -> None:
    net, notes = small_net(PLAIN), Notes()
    first = finish(net, tmp_path / "run")
    before = files(tmp_path / "run")
    again = finish(net, tmp_path / "run", reporter=notes, report=None)
    assert files(tmp_path / "run") == before
    assert last_checkpoint(tmp_path / "run").state["progress"]["step"] == 15
    assert again.line == first.line
    assert again.computing_per_second is None
    assert notes.notes == [
        f"{tmp_path / 'run'} is finished: it ended after 3 epochs. This trains it further: "
        f"`netspec train --resume {tmp_path / 'run'} --set train.epochs=N --force`"
    ]


def test_a_finished_run_of_one_epoch_is_not_said_to_have_epochs(tmp_path: Path) -> None:
    net, notes = small_net(PLAIN, epochs=1), Notes()
    finish(net, tmp_path / "run")
    finish(net, tmp_path / "run", reporter=notes)
    assert "it ended after 1 epoch. " in notes.notes[0]


@pytest.mark.slow
def test_a_run_that_ended_early_says_so_when_it_is_resumed(tmp_path: Path) -> None:
    net = small_net(PLAIN, epochs=9, validation=0.2, early_stopping={"patience": 1, "min_delta": 10.0})
    finish(net, tmp_path / "run")
    notes = Notes()
    finish(net, tmp_path / "run", reporter=notes)
    assert "it ended early, after 2 of 9 epochs" in notes.notes[0]
    assert f"`netspec train --resume {tmp_path / 'run'} --set train.early_stopping=null --force`" in notes.notes[0]
    on = netspec.load(tmp_path / "run" / "spec.yaml", set={"train.early_stopping": None})
    assert len(finish(on, tmp_path / "run", force=True).records) == 9


@pytest.mark.slow
def test_a_run_that_ended_before_its_weights_were_written_still_gets_them(tmp_path: Path) -> None:
    net = small_net(PLAIN)
    finish(net, tmp_path / "run")
    weights = (tmp_path / "run" / "model.safetensors").read_bytes()
    (tmp_path / "run" / "model.safetensors").unlink()
    finish(net, tmp_path / "run")
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == weights


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def killed_at(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, train: Callable[[], object]) -> None:
    """Train until a function is called, which does not happen."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, name, die)
        with pytest.raises(Killed):
            train()


@pytest.mark.slow
def test_a_run_killed_between_its_weights_and_its_report_still_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, run = small_net(PLAIN), tmp_path / "run"
    killed_at(monkeypatch, training, "write_report", lambda: finish(net, run, report=None))
    assert (run / "model.safetensors").exists()
    assert not (run / "report.html").exists()
    finish(net, run, report=None)
    assert (run / "report.html").exists()


@pytest.mark.slow
def test_a_run_that_was_to_have_no_report_gets_none_when_it_goes_on(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 3, report=False)
    finish(small_net(PLAIN), tmp_path / "run", report=None)
    assert not (tmp_path / "run" / "report.html").exists()


@pytest.mark.slow
def test_weights_and_report_of_a_shorter_run_are_not_taken_for_those_of_the_longer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, longer = tmp_path / "run", small_net(PLAIN, epochs=5)
    finish(small_net(PLAIN), run, report=None)
    old = (run / "model.safetensors").read_bytes(), (run / "report.html").read_bytes()
    with contextlib.suppress(Interrupted):
        train(longer, resume=run, force=True, max_steps=18, reporter=Quiet())
    assert open_trained(run).origin == "unfinished run, step-00000018"
    assert not find_runs([run], tmp_path)[0].finished
    killed_at(monkeypatch, Keeper, "finish", lambda: finish(longer, run, report=None))
    finish(longer, run, report=None)
    finish(longer, tmp_path / "whole")
    assert open_trained(run).origin == "weights at the end"
    assert (run / "report.html").read_bytes() != old[1]
    assert load_file(run / "model.safetensors").keys() == load_file(tmp_path / "whole" / "model.safetensors").keys()
    assert (run / "model.safetensors").read_bytes() != old[0]


# ---- a change that is refused or fails leaves a run as it was


@pytest.mark.slow
def test_another_batch_or_accumulate_within_an_epoch_goes_on_where_a_step_ends_and_is_refused_elsewhere(
    tmp_path: Path,
) -> None:
    """36 examples in batches of 8, left behind the third: 24 are seen."""
    whole = tmp_path / "run"
    run_until(small_net(PLAIN), whole, 3)
    before = files(whole)
    for settings in ({"accumulate": 2}, {"batch_size": 16}, {"batch_size": 5}, {"batch_size": 12, "accumulate": 4}):
        with pytest.raises(
            UsageError, match=rf"24 = 3 × 8 examples, where no step of .*--resume {whole} --max-steps 5`"
        ):
            finish(small_net(PLAIN, **settings), whole, force=True)
        assert files(whole) == before
    for number, settings in enumerate(({"accumulate": 3}, {"batch_size": 12}, {"batch_size": 6, "accumulate": 2})):
        copy = shutil.copytree(whole, tmp_path / str(number))
        records = finish(small_net(PLAIN, **settings), copy, force=True).records
        rest = -(-12 // (settings.get("batch_size", 8) * settings.get("accumulate", 1)))
        assert records[0].step == 3 + rest
    run_until(small_net(PLAIN), whole, 5)  # what the message says: the epoch ends first
    assert len(finish(small_net(PLAIN, accumulate=2), whole, force=True).records) == 3


@pytest.mark.slow
def test_a_run_may_stop_at_the_last_step_of_an_epoch_although_it_has_fewer_batches(tmp_path: Path) -> None:
    net = small_net(PLAIN, accumulate=2)  # three steps, the last of one batch
    run_until(net, tmp_path / "cut", 3)
    assert last_checkpoint(tmp_path / "cut").state["progress"]["step"] == 3
    finish(net, tmp_path / "cut")
    finish(net, tmp_path / "whole")
    assert whole_state(tmp_path / "cut") == whole_state(tmp_path / "whole")


@pytest.mark.slow
def test_a_forced_change_that_fails_in_its_first_step_leaves_the_run_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    run_until(small_net(PLAIN), run, 3)
    before = files(run)
    killed_at(monkeypatch, Trainer, "buffers", lambda: finish(small_net(PLAIN, epochs=5), run, force=True))
    assert files(run) == before


@pytest.mark.slow
def test_a_forced_change_whose_checkpoint_cannot_be_written_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, longer = tmp_path / "run", small_net(PLAIN, epochs=5)
    run_until(small_net(PLAIN), run, 3)
    before = files(run)
    killed_at(monkeypatch, background, "write_checkpoint", lambda: run_until(longer, run, 4, force=True))
    assert files(run) == before
    assert len(finish(netspec.load(run / "spec.yaml"), run).records) == 3


@pytest.mark.slow
def test_the_spec_before_a_change_is_never_written_over(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_until(small_net(PLAIN), run, 3)
    (run / "spec-until-step-3.yaml").write_text("mine")
    run_until(small_net(PLAIN, epochs=5), run, 4, force=True)
    assert (run / "spec-until-step-3.yaml").read_text() == "mine"
    assert "epochs: 3" in (run / "spec-until-step-3-2.yaml").read_text()


# ---- what a run remembers


@pytest.mark.slow
def test_a_run_remembers_where_its_data_are_from_every_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    draw_pictures(home / "pictures")
    monkeypatch.chdir(home)
    net = netspec.loads(pictures_spec(Path("pictures")))
    run_until(net, home / "run", 3, budget=0, workers=0)
    monkeypatch.chdir(elsewhere)
    finish(netspec.load(home / "run" / "spec.yaml"), home / "run")
    there = inspect(open_trained(home / "run"), "test")
    monkeypatch.chdir(home)
    assert inspect(open_trained(home / "run"), "test").score == there.score
    assert find_run(home / "run").options["budget"] == 0


@pytest.mark.slow
def test_a_run_remembers_the_folder_of_the_data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    net = small_net(PLAIN)
    run_until(net, tmp_path / "run", 1, data_root="sets")
    saved = find_run(tmp_path / "run").options
    assert Options().remembered(saved).data_root == tmp_path / "sets"
    run_until(net, tmp_path / "run", 2, data_root="moved")
    assert Options().remembered(find_run(tmp_path / "run").options).data_root == tmp_path / "moved"


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is not installed")
def test_a_resumed_run_goes_on_with_its_logs(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 6, tensorboard=True)
    before = len(list((tmp_path / "run" / "tensorboard").iterdir()))
    finish(small_net(PLAIN), tmp_path / "run")
    assert len(list((tmp_path / "run" / "tensorboard").iterdir())) == before + 1


# ---- the best checkpoint


def test_a_best_checkpoint_that_nothing_points_to_is_found_again(tmp_path: Path) -> None:
    net, run = small_net(EVERYTHING, epochs=2), tmp_path / "run"
    finish(net, run)
    pointer = run / "checkpoints" / "best"
    name = pointer.read_text()
    for content in (None, b"", b"step-99999999\n", b"\xff"):
        pointer.unlink(missing_ok=True)
        if content is not None:
            pointer.write_bytes(content)
        assert open_trained(run, best=True).origin == f"best checkpoint, {name.strip()}"
    finish(net, run)
    assert pointer.read_text() == name


@pytest.mark.slow
def test_why_there_is_no_best_checkpoint_is_told_apart(tmp_path: Path) -> None:
    net, run = small_net(EVERYTHING, epochs=2), tmp_path / "run"
    run_until(net, run, 3)
    with pytest.raises(UsageError, match="no best checkpoint yet: no epoch of it is finished"):
        open_trained(run, best=True)
    finish(net, run)
    best = (run / "checkpoints" / "best").read_text().strip()
    (run / "checkpoints" / "best").unlink()
    (run / "checkpoints" / best).rename(tmp_path / "gone")
    if best == "step-00000020":
        shutil.copytree(tmp_path / "gone", run / "checkpoints" / "step-00000021")
    with pytest.raises(
        ResourceError, match=r"best checkpoint of .*, of epoch \d, is not there any more; `netspec eval"
    ):
        open_trained(run, best=True)
    finish(small_net(PLAIN), tmp_path / "plain")
    with pytest.raises(UsageError, match="its recipe has no `validation` share"):
        open_trained(tmp_path / "plain", best=True)


# ---- what somebody has changed by hand


def _edit(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the state of the newest checkpoint, and sign it."""
    path = checkpoints(run / "checkpoints")[0]
    state = torch.load(path / "state.pt", weights_only=True)
    change(state)
    torch.save(state, path / "state.pt")
    manifest = json.loads((path / "manifest.json").read_text())
    data = (path / "state.pt").read_bytes()
    manifest["files"]["state.pt"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (path / "manifest.json").write_text(json.dumps(manifest))


KEYS = ["progress", "optimizer", "schedule", "average", "random", "sums", "identity", "versions"]
ODD: list[Any] = [None, 3, "x", [], {}, [{}], {"recipe": {}}, {"records": None}]
INNER: list[tuple[str, Any]] = [
    ("epoch", -1), ("epoch", 9), ("batch", 1.5), ("batch", "3"), ("step", None), ("step", -4), ("records", [{}]),
    ("records", [3]), ("seconds", "x"), ("best", "x"), ("waited", True), ("more", 1),
]  # fmt: skip


@pytest.mark.parametrize("change", [*KEYS, *(f"without {key}" for key in KEYS), *(f"{k}={v}" for k, v in INNER)])
def test_a_state_that_somebody_changed_is_passed_over_for_the_one_before(
    change: str, tmp_path: Path, two_checkpoints: Path
) -> None:
    """Every kind of value in every place, and what is left out: never a defect, and the end is that of the run."""
    trainer = assemble(small_net(epochs=2), Options(), World(), "cpu")
    assert trainer.net.recipe is not None
    who = identity(trainer.net, trainer.net.recipe, trainer.data.fingerprint, 1, None)
    facts = environment(trainer.arithmetic) | {"options": {}}
    for number, value in enumerate(ODD if change in KEYS else [None]):
        run = shutil.copytree(two_checkpoints, tmp_path / str(number))
        name, _, _ = change.partition("=")
        if change in KEYS:
            _edit(run, lambda state, value=value: state.update({change: value}))
        elif change.startswith("without "):
            _edit(run, lambda state: state.pop(change.removeprefix("without ")))
        else:
            inner = next(value for key, value in INNER if f"{key}={value}" == change)
            _edit(run, lambda state, inner=inner, name=name: state["progress"].update({name: inner}))
        notes = Notes()
        progress, _ = resuming.resumed(trainer, RunDirectory(run), who, facts, False, notes)
        if progress.step == 10:
            assert any("going on from step-00000010" in note for note in notes.notes)
        else:  # nothing of what decides the run is missing
            assert change == "versions" and isinstance(value, dict), (change, value)


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("two") / "run"
    run_until(small_net(epochs=2), path, 13)
    assert [p.name for p in checkpoints(path / "checkpoints")] == ["step-00000013", "step-00000010"]
    return path


@pytest.fixture(scope="module")
def after_three_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("three") / "run"
    run_until(small_net(PLAIN), path, 3)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"[]", b"3", b"null", b"[" * 100_000, b'{"options": []}', b'{"options": {"examples": "x"}}',
        b'{"options": {"examples": -1, "workers": -1, "budget": [], "precision": [], "driver": {}, "device": 3}}',
        b'{"options": {"data_root": 3, "base": "\\u0000", "compile": "yes", "tensorboard": 7, "report": "no"}}',
        b'{"options": {"base": "/nowhere/at/all"}, "data": {"names": [1, null, {}]}, "device": {}}',
    ],
)  # fmt: skip
def test_whatever_stands_in_environment_json_a_run_goes_on(
    content: bytes, after_three_steps: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(after_three_steps, tmp_path / "run")
    (run / "environment.json").write_bytes(content)
    assert len(finish(small_net(PLAIN), run, report=None).records) == 3
    (run / "environment.json").write_bytes(content)
    inspect(open_trained(run), "test")
    list_text(find_runs([run], tmp_path), tmp_path, 100)


@pytest.mark.parametrize("typed", ["small-1", "runs/small-2", "runs/smal-1", "elsewhere/small-1"])
def test_a_run_that_is_not_there_is_answered_with_the_one_that_may_be_meant(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(small_net(PLAIN), tmp_path / "runs" / "small-1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"there is no run `{typed}`; did you mean `runs/small-1`"):
        find_run(Path(typed))
    with pytest.raises(UsageError, match="there is no run `q`; `netspec runs` lists"):
        find_run(Path("q"))


# ---- a run that is forced to go on with another recipe


def _rates_after(net: Net, path: Path, steps: int) -> list[float]:
    """The learning rates that a run left at this step goes on with."""
    run_until(net, path, steps)
    trainer = assemble(net, Options(), World(), "cpu")
    restore(trainer, last_checkpoint(path))
    return trainer.schedule.rates


@pytest.mark.slow
@pytest.mark.parametrize(
    "scheduler", ["CosineAnnealingLR", {"OneCycleLR": {"max_lr": 0.1}}, {"StepLR": {"step_size": 2}}]
)
def test_an_extended_run_has_the_learning_rates_of_one_planned_so_long(scheduler: Any, tmp_path: Path) -> None:
    short, long = (small_net(PLAIN, epochs=n, scheduler=scheduler, schedule_by="step") for n in (2, 6))
    finish(short, tmp_path / "run")
    trainer = assemble(long, Options(), World(), "cpu")
    notes = Notes()
    restore(trainer, last_checkpoint(tmp_path / "run"), notes.note)
    assert trainer.schedule.rates == pytest.approx(_rates_after(long, tmp_path / "long", 10))
    assert notes.notes == ["note: learning rates go on as if the run had been planned so from its start"]


def test_a_plateau_is_found_again_in_the_records(tmp_path: Path) -> None:
    settings = {"scheduler": {"ReduceLROnPlateau": {"patience": 0, "threshold": 10.0}}, "validation": 0.2}
    short, long = (small_net(PLAIN, epochs=n, optimizer={"SGD": {"lr": 0.1}}, **settings) for n in (3, 5))
    finish(short, tmp_path / "run")
    before = last_checkpoint(tmp_path / "run").state["schedule"]["groups"][0]["lr"]
    trainer = assemble(long, Options(), World(), "cpu")
    restore(trainer, last_checkpoint(tmp_path / "run"))
    assert before < 0.1
    assert trainer.schedule.rates == [before]


@pytest.mark.slow
def test_a_forced_learning_rate_applies(tmp_path: Path) -> None:
    run_until(small_net(PLAIN, optimizer={"Adam": {"lr": 0.1}}), tmp_path / "run", 3)
    before = last_checkpoint(tmp_path / "run").model
    finish(small_net(PLAIN, optimizer={"Adam": {"lr": 0.0}}), tmp_path / "run", force=True)
    after = last_checkpoint(tmp_path / "run").model
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["Adam", "Rprop", "Adafactor"])
@pytest.mark.parametrize("scheduler", [None, "CosineAnnealingLR", {"StepLR": {"step_size": 1}}])
def test_another_optimizer_starts_anew_and_says_so(optimizer: str, scheduler: Any, tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 3)
    notes = Notes()
    other = small_net(PLAIN, optimizer={optimizer: {"lr": 0.01}}, scheduler=scheduler)
    assert len(finish(other, tmp_path / "run", force=True, reporter=notes).records) == 3
    assert "note: the optimizer is another one, so its state starts anew" in notes.notes


def test_an_average_that_is_laid_over_a_run_begins_with_its_weights(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 3)
    trainer = assemble(small_net(PLAIN, ema=0.9), Options(), World(), "cpu")
    saved = last_checkpoint(tmp_path / "run")
    restore(trainer, saved)
    assert trainer.average is not None
    average = trainer.average.module.state_dict()
    assert all(torch.equal(average[key], saved.model[key]) for key in saved.model)


@pytest.mark.slow
def test_a_cycle_may_be_laid_over_a_run_that_had_none(tmp_path: Path) -> None:
    settings = {"optimizer": {"SGD": {"lr": 0.1, "momentum": 0.9}}}
    run_until(small_net(PLAIN, **settings), tmp_path / "run", 3)
    cyclic = {"CyclicLR": {"base_lr": 0.01, "max_lr": 0.1}}
    finish(small_net(PLAIN, **settings, scheduler=cyclic, schedule_by="step"), tmp_path / "run", force=True)


@pytest.mark.slow
def test_a_run_that_was_forced_on_goes_on_by_itself_from_then_on(tmp_path: Path) -> None:
    run_until(small_net(PLAIN), tmp_path / "run", 3)
    longer = small_net(PLAIN, epochs=5)
    with contextlib.suppress(Interrupted):
        train(longer, resume=tmp_path / "run", force=True, max_steps=9, reporter=Quiet())
    kept = (tmp_path / "run" / "spec-until-step-3.yaml").read_text()
    assert "epochs: 3" in kept
    own = netspec.load(tmp_path / "run" / "spec.yaml")
    assert len(finish(own, tmp_path / "run").records) == 5


SPECS = [
    path for path in sorted((Path(__file__).parent.parent.parent / "specs").rglob("*.yaml"))
    if "\ntrain:" in path.read_text(encoding="utf-8")
]  # fmt: skip


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_run_is_the_same_by_its_own_spec_as_by_the_one_it_was_started_with(path: Path) -> None:
    """`train --resume RUN` reads the resolved spec, in which blocks and loops are gone."""
    net = netspec.load(path)
    own = netspec.loads(expand(net))
    assert net.recipe is not None
    assert own.recipe is not None
    assert identity(net, net.recipe, "", 1, None) == identity(own, own.recipe, "", 1, None)


GRAPH = """
input: [1, 6, 6]
layers:
  - Flatten
  - {Linear: 3, as: a}
  - {Linear: 3, as: b}
  - use: a * b
output: OUTPUT
train:
  data: {synthetic: {train: 36, test: 12}}
  batch_size: 8
  epochs: 3
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1}}
"""


@pytest.mark.slow
def test_resuming_with_another_output_is_refused(tmp_path: Path) -> None:
    """Its layers, and what each of them reads, are the same."""
    run_until(netspec.loads(GRAPH.replace("OUTPUT", "a")), tmp_path / "run", 3)
    with pytest.raises(UsageError, match="the inputs or outputs of the net are others"):
        finish(netspec.loads(GRAPH.replace("OUTPUT", "b")), tmp_path / "run")
    own = expand(netspec.loads(GRAPH.replace("OUTPUT", "a").replace("as: a", "as: first").replace("a * b", "first * b")
                               .replace("output: a", "output: first")))  # fmt: skip
    assert len(finish(netspec.loads(own), tmp_path / "run").records) == 3


def test_a_run_that_did_not_say_its_outputs_goes_on() -> None:
    net = netspec.loads(GRAPH.replace("OUTPUT", "a"))
    assert net.recipe is not None
    now = identity(net, net.recipe, "", 1, None)
    assert differences({key: value for key, value in now.items() if key != "ends"}, now) == []


@pytest.mark.parametrize("path", sorted((Path(__file__).parent.parent / "specs" / "good").rglob("*.yaml")), ids=str)
def test_an_expanded_spec_is_the_same_architecture(path: Path) -> None:
    """Its values have other names."""
    net = netspec.load(path)
    recipe = netspec.loads(PLAIN).recipe
    assert recipe is not None
    assert identity(net, recipe, "", 1, None) == identity(netspec.loads(expand(net)), recipe, "", 1, None)
