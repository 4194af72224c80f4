"""What is said of a run that is there: eval, predict, runs, the report, the command line."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

import netspec
from netspec.cli import cli
from netspec.diagnostics import NetspecError, UsageError
from netspec.trainer.errors import NonFinite
from netspec.trainer.jobs.training import train
from netspec.trainer.measure.evaluation import examine
from netspec.trainer.measure.losses import LossFunction
from netspec.trainer.run.directory import find_run
from netspec.trainer.run.overview import Run, compare_text, list_text
from netspec.trainer.run.records import Record
from netspec.trainer.run.result import RunResult
from netspec.trainer.trained.inspection import inspect
from netspec.trainer.trained.opening import open_trained
from tests.commands import invoke
from tests.train.small_runs import PLAIN, finish, run_until, small_net

IMAGES = PLAIN.replace("synthetic: {train: 36, test: 12}", "synthetic: {train: 36, test: 40, shape: [1, 6, 6]}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A finished run of a classifier of small images."""
    return finish(small_net(IMAGES), tmp_path_factory.mktemp("runs") / "plain-1", report=True)


def command(*arguments: str | Path) -> Result:
    """The command line, as far as its errors."""
    return invoke(cli, *arguments)


@pytest.mark.slow
def test_eval_gives_the_figures_of_the_last_epoch(run: RunResult) -> None:
    result = command("eval", run.run, "--format", "json")
    found = json.loads(result.output)
    assert found["loss"] == pytest.approx(run.records[-1].test_loss)
    assert found["accuracy"] == run.records[-1].test_accuracy
    assert found["examples"] == 40
    assert sum(map(sum, found["confusion"])) == 40


def replace_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Give a run other weights, and the sum that belongs to them."""
    run = find_run(path)
    save_file(weights, run.weights)
    (run.checkpoints / "model.safetensors.sha256").write_text(hashlib.sha256(run.weights.read_bytes()).hexdigest())


@pytest.mark.slow
def test_weights_that_are_not_finite_are_measured_by_nobody(tmp_path: Path) -> None:
    path = finish(small_net(IMAGES), tmp_path / "run", report=True).run
    weights = load_file(path / "model.safetensors")
    weights["3.bias"][1] = math.nan
    replace_weights(path, weights)
    picture = tmp_path / "one.png"
    Image.new("L", (6, 6), 255).save(picture)
    for arguments in (("eval", path), ("predict", path, picture)):
        error = command(*arguments).exception
        assert isinstance(error, NetspecError)
        assert error.exit_status == 4
        assert "1 of the 3 values of `3.bias` are not finite" in str(error)
    weights["3.bias"][1] = 0.0
    weights["1.weight"].fill_(3e38)  # finite, and what they give is not
    replace_weights(path, weights)
    for arguments in (("eval", path), ("predict", path, picture)):
        error = command(*arguments).exception
        assert isinstance(error, NetspecError)
        assert error.exit_status == 4


def test_confusion_recall_and_precision_are_what_counting_gives(run: RunResult) -> None:
    trained = open_trained(run.run)
    split = trained.data().test
    assert split is not None
    batches = list(split.batches(7))
    x, y = torch.cat([b.x for b in batches]), torch.cat([b.y for b in batches])
    with torch.no_grad():
        output = trained.model(x)
    answers = output.argmax(1)
    loss = LossFunction(trained.recipe.loss, torch.device("cpu"), ignores=False)
    found = examine(trained.model, split, loss, trained.arithmetic, classes=3, batch_size=7, worst=5)
    for truth in range(3):
        for answer in range(3):
            assert found.confusion[truth, answer] == int(((y == truth) & (answers == answer)).sum())
        right = int(((y == truth) & (answers == truth)).sum())
        assert found.recall[truth] == pytest.approx(right / int((y == truth).sum()))
    losses = F.cross_entropy(output, y, reduction="none")
    wrong = sorted((i for i in range(40) if y[i] != answers[i]), key=lambda i: -float(losses[i]))[:5]
    assert [mistake.position for mistake in found.worst] == wrong
    for mistake in found.worst:
        assert torch.equal(mistake.image, x[mistake.position])
        assert (mistake.truth, mistake.answer) == (int(y[mistake.position]), int(answers[mistake.position]))


def test_eval_prints_a_table_and_the_matrix_for_people(run: RunResult) -> None:
    text = command("eval", run.run).output
    assert re.search(r"test, 40 examples: loss \d\.\d{4}, accuracy \d\.\d{4}", text)
    assert "confusion: rows are the truth" in text


def test_eval_says_of_how_many_examples_it_saw_a_part_and_why(tmp_path: Path) -> None:
    finish(small_net(IMAGES, epochs=1), tmp_path / "run", examples=30)
    own = command("eval", tmp_path / "run").output
    assert "test, 30 of 40 examples (the run's `--examples 30`): loss " in own
    assert "test, 7 of 40 examples (`--examples 7`): loss " in command("eval", tmp_path / "run", "--examples", 7).output
    assert "test, 40 examples: loss " in command("eval", tmp_path / "run", "--examples", 40).output
    found = json.loads(command("eval", tmp_path / "run", "--format", "json").output)
    assert (found["examples"], found["available"]) == (30, 40)


def test_an_unfinished_run_is_measured_at_its_newest_checkpoint(tmp_path: Path) -> None:
    run_until(small_net(IMAGES), tmp_path / "cut", 7)
    trained = open_trained(tmp_path / "cut")
    assert trained.origin == "unfinished run, step-00000007"
    assert inspect(trained, "train").examples == 36


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["eval", "nowhere"], 2, "there is no run"),
        (["eval", "RUN", "--split", "validation"], 2, "no such part; there are train, test"),
        (["eval", "RUN", "--best"], 2, "no best checkpoint"),
        (["predict", "RUN", "nothing.png"], 2, "there is no file `nothing.png`"),
        (["train"], 2, "name a spec to train"),
        (["train", "--resume", "nowhere"], 2, "there is no run"),
        (["runs", "--in", "nowhere"], 2, "there is no directory"),
        (["runs", "nowhere"], 2, "there is no run"),
    ],
)
def test_a_command_line_that_is_wrong_says_how(run: RunResult, arguments: list[str], status: int, words: str) -> None:
    result = command(*[str(run.run) if a == "RUN" else a for a in arguments])
    assert isinstance(result.exception, NetspecError)
    assert result.exception.exit_status == status
    assert words in str(result.exception)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    finish(small_net(IMAGES, epochs=1), tmp_path / "run")
    (tmp_path / "run" / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(NetspecError, match=r"model.safetensors` is damaged: its SHA-256 is not") as error:
        open_trained(tmp_path / "run")
    assert error.value.exit_status == 5


def test_predict_answers_with_the_nets_probabilities(run: RunResult, tmp_path: Path) -> None:
    pixels = torch.arange(36, dtype=torch.uint8).reshape(6, 6) * 7
    Image.fromarray(pixels.numpy()).save(tmp_path / "a.png")
    Image.fromarray(pixels.numpy()).convert("RGB").resize((60, 60)).save(tmp_path / "b.png")
    found = json.loads(command("predict", run.run, tmp_path / "a.png", "--format", "json", "--top", "3").output)
    with torch.no_grad():
        wanted = open_trained(run.run).model(pixels.float().div(255).reshape(1, 1, 6, 6)).softmax(1)[0]
    for item in found[0]["classes"]:
        assert item["probability"] == pytest.approx(float(wanted[int(item["name"])]), rel=1e-5)
    both = command("predict", run.run, tmp_path / "a.png", tmp_path / "b.png")
    assert len(both.output.splitlines()) == 2


def test_predict_refuses_what_is_no_picture(run: RunResult, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    error = command("predict", run.run, tmp_path / "text.png").exception
    assert isinstance(error, NetspecError)
    assert error.exit_status == 5
    assert str(error).startswith(f"`{tmp_path / 'text.png'}` is no readable picture")


@pytest.mark.slow
def test_runs_lists_runs_and_compares_what_differs(tmp_path: Path) -> None:
    finish(small_net(IMAGES, epochs=1), tmp_path / "plain-1")
    finish(small_net(IMAGES, epochs=1, optimizer={"SGD": {"lr": 0.5}}), tmp_path / "plain-2")
    run_until(small_net(IMAGES), tmp_path / "plain-10", 2)
    lines = command("runs", "--in", tmp_path).output.splitlines()
    names = [line.rpartition("/")[2] for line in lines if line.startswith(str(tmp_path))]
    assert names == ["plain-1", "plain-2", "plain-10"]
    assert lines[-1].endswith("unfinished")
    text = command("runs", tmp_path / "plain-1", tmp_path / "plain-2").output
    assert re.search(r"train\.optimizer\.SGD\.lr +0\.1 +0\.5", text)
    assert "train.batch_size" not in text
    listed = json.loads(command("runs", "--in", tmp_path, "--format", "json").output)
    assert [item["finished"] for item in listed] == [True, True, False]
    assert [item["stopped_early"] for item in listed] == [False, False, False]


def test_a_run_that_stopped_early_is_marked_and_no_unfinished_one(tmp_path: Path) -> None:
    stopping = {"epochs": 9, "validation": 0.3, "optimizer": {"SGD": {"lr": 0.0}}, "early_stopping": {"patience": 1}}
    finish(small_net(IMAGES, **stopping), tmp_path / "plain-1")
    assert re.search(r" 2/9 .*  stopped early$", command("runs", "--in", tmp_path).output, re.MULTILINE)
    assert json.loads(command("runs", "--in", tmp_path, "--format", "json").output)[0]["stopped_early"]


def a_run(path: str, settings: dict[str, Any], **figures: float | None) -> Run:
    """A finished run of one epoch."""
    nothing = dict.fromkeys(f"{part}_{kind}" for part in ("validation", "test") for kind in ("loss", "accuracy"))
    values: dict[str, Any] = nothing | {"train_loss": 0.5, "train_accuracy": 0.25} | figures
    record = Record(epoch=1, step=9, seconds=1.5, examples_per_second=12345.0, **values)
    return Run(Path(path), "net", 1234567, {"epochs": 1, **settings}, [record], True, "cpu (x86_64, 16 threads)")


@given(
    st.lists(st.text("abc-/", min_size=1, max_size=150), min_size=1, max_size=4),
    st.integers(80, 200),
    st.lists(st.one_of(st.none(), st.floats()), min_size=4, max_size=4),
)
def test_the_list_of_runs_is_never_wider_than_the_terminal_except_for_a_path(
    paths: list[str], width: int, figures: list[float | None]
) -> None:
    names = ("train_loss", "validation_loss", "validation_accuracy", "test_loss")
    values = dict(zip(names, [figures[0] or 0.5, *figures[1:]], strict=True))
    runs = [a_run(path, {"epochs": 12}, **values) for path in paths]
    lines = list_text(runs, Path("runs"), width).splitlines()
    shown = [str(run.path) for run in runs]
    assert [line for line in lines if len(line) > width and line not in shown] == []
    assert [line.split()[0] for line in lines if not line.startswith(" ")][1:] == shown
    headings = lines[0].split()
    for part, seen in (("val", values["validation_loss"]), ("test", values["test_loss"])):
        assert (part in headings) == (seen is not None)


def test_a_wide_terminal_shows_every_column_and_a_narrow_one_the_results() -> None:
    runs = [a_run("runs/net-1", {}, validation_loss=0.4, validation_accuracy=0.5, test_loss=0.3, test_accuracy=0.6)]
    assert list_text(runs, Path("runs"), 120).splitlines() == [
        "                     train             val            test",
        "run         epochs    loss     acc    loss     acc    loss     acc  seconds  examples/s",
        "runs/net-1     1/1  0.5000  0.2500  0.4000  0.5000  0.3000  0.6000      1.5      12,345",
    ]
    assert list_text(runs, Path("runs"), 80).splitlines()[2].endswith("  0.3000  0.6000      1.5")


SGD = {"optimizer.SGD.lr": 0.9, "optimizer.SGD.momentum": 0.9, "optimizer.SGD.nesterov": False}
ADAM = {"optimizer.Adam.lr": 0.001, "optimizer.Adam.weight_decay": 0.1, "optimizer.Adam.amsgrad": False}


def settings_shown(*recipes: dict[str, Any]) -> list[list[str]]:
    """The rows of settings in a comparison, cell by cell."""
    runs = [a_run(f"runs/net-{number}", recipe) for number, recipe in enumerate(recipes, 1)]
    lines = compare_text(runs, 100).splitlines()
    return [line.removeprefix("train.").split() for line in lines if line.startswith("train.")]


def test_a_comparison_of_like_optimisers_lists_what_differs() -> None:
    assert settings_shown(SGD, SGD | {"optimizer.SGD.lr": 0.1}) == [["optimizer.SGD.lr", "0.9", "0.1"]]


def test_a_comparison_of_unlike_optimisers_names_them_and_what_is_no_default_of_theirs() -> None:
    assert settings_shown(SGD, ADAM) == [
        ["optimizer", "SGD", "Adam"],
        ["optimizer.lr", "0.9", "0.001"],
        ["optimizer.momentum", "0.9", "—"],
        ["optimizer.weight_decay", "—", "0.1"],
    ]


def test_settings_are_compared_as_a_spec_writes_them() -> None:
    rows = settings_shown({"freeze": ["Küche.*"], "compile": False}, {"freeze": [], "compile": True})
    assert rows == [["compile", "false", "true"], ["freeze", "['Küche.*']", "[]"]]


def test_null_and_absent_are_the_same_in_a_comparison() -> None:
    assert settings_shown({"ema": None}, {"ema.decay": 0.9}) == [["ema.decay", "—", "0.9"]]
    assert settings_shown({"scheduler": None}, {}) == []


def test_a_comparison_has_losses_before_accuracies() -> None:
    text = compare_text([a_run("a", {}, test_loss=0.1, test_accuracy=0.2)] * 2, 80)
    assert re.findall(r"^\w+ (?:loss|accuracy)", text, re.MULTILINE) == [
        "train loss", "test loss", "train accuracy", "test accuracy",
    ]  # fmt: skip


def test_a_comparison_of_long_names_fits_and_keeps_their_numbers() -> None:
    runs = [a_run(f"runs/{'name-' * 20}{number}", {}) for number in (1, 2)]
    lines = compare_text(runs, 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[0].endswith("-1")


@pytest.mark.slow
def test_train_eval_and_resume_by_the_command_line(tmp_path: Path) -> None:
    spec = tmp_path / "plain.yaml"
    spec.write_text(IMAGES)
    stopped = command("train", spec, "--run", tmp_path / "run", "--max-steps", "7", "--no-report")
    assert (stopped.return_value, stopped.exception) == (75, None)
    resumed = command("train", "--resume", tmp_path / "run", "--no-report")
    assert resumed.exception is None
    assert re.search(r"^loss \d\.\d{3}, train acc \d\.\d{3}, test acc \d\.\d{3}$", resumed.output, re.MULTILINE)
    assert re.search(
        r"^[\d,.]+ examples/sec, waiting for data included; [\d,.]+ by d2l's timer$", resumed.output, re.MULTILINE
    )


@pytest.mark.slow
def test_the_dry_run_says_memory_and_time_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain.yaml").write_text(IMAGES)
    result = command("train", "plain.yaml", "--dry-run")
    assert result.exception is None
    for word in (
        "two steps, a checkpoint, a resume: all well",
        "memory",
        "by estimate",
        "at the peak of the whole process",
        "for 3 epochs",
    ):
        assert word in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["plain.yaml"]


def test_autotune_measures_and_chooses(tmp_path: Path) -> None:
    from netspec.trainer.jobs.tune import autotune

    notes: list[str] = []
    from netspec.trainer.show.reporters import Quiet

    class Notes(Quiet):
        def note(self, text: str) -> None:
            notes.append(text)

    chosen: dict[str, Any] = autotune(small_net(IMAGES), {"device": "cpu"}, Notes())
    assert set(chosen) == {"channels_last", "compile"}
    assert chosen["compile"] is False
    assert len(notes) == 2
    assert all("ms a step" in note for note in notes)


def test_train_is_on_the_public_page(tmp_path: Path) -> None:
    result = netspec.train(small_net(IMAGES, epochs=1), run=tmp_path / "run", quiet=True, report=False)
    assert len(result.records) == 1


@pytest.mark.slow
def test_weights_to_start_from_are_finite(tmp_path: Path) -> None:
    """A smaller learning rate, which a failed step advises, would mend nothing."""
    net = small_net(PLAIN, epochs=1)
    finish(net, tmp_path / "run")
    weights = load_file(tmp_path / "run" / "model.safetensors")
    weights["1.bias"][2] = float("nan")
    save_file(weights, tmp_path / "bad.safetensors")
    with pytest.raises(NonFinite, match=r"1 of the 8 values of `1\.bias` are not finite.*`fresh`") as told:
        finish(net, tmp_path / "again", weights=tmp_path / "bad.safetensors")
    assert told.value.exit_status == 4
    assert not (tmp_path / "again").exists()
    finish(net, tmp_path / "again", weights=tmp_path / "bad.safetensors", fresh=("1.bias",))


def test_a_directory_without_a_checkpoint_is_not_offered_for_a_resume(tmp_path: Path) -> None:
    net = small_net(PLAIN, epochs=1)
    (tmp_path / "killed" / "checkpoints").mkdir(parents=True)
    with pytest.raises(UsageError, match="or remove this one, which has no checkpoint"):
        train(net, run=tmp_path / "killed")
    finish(net, tmp_path / "run")
    with pytest.raises(UsageError, match="or go on with `resume="):
        train(net, run=tmp_path / "run")
