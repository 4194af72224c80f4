"""What is said of a run that is there: eval, predict, runs, the report, the command line."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torch.nn import functional as F

import netspec
from netspec.cli import cli
from netspec.diagnostics import NetspecError
from netspec.train.evaluate import examine
from netspec.train.inspection import inspect
from netspec.train.loop import RunResult
from netspec.train.losses import build_loss
from netspec.train.trained import open_trained
from tests.train.small_runs import PLAIN, finish, run_until, small_net

IMAGES = PLAIN.replace("synthetic: {train: 36, test: 12}", "synthetic: {train: 36, test: 40, shape: [1, 6, 6]}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A finished run of a classifier of small images."""
    return finish(small_net(IMAGES), tmp_path_factory.mktemp("runs") / "plain-1", report=True)


def command(*arguments: str | Path) -> Result:
    """The command line, as far as its errors."""
    return CliRunner().invoke(cli, [str(a) for a in arguments], standalone_mode=False)


def test_eval_gives_the_figures_of_the_last_epoch(run: RunResult) -> None:
    result = command("eval", run.run, "--format", "json")
    found = json.loads(result.output)
    assert found["loss"] == pytest.approx(run.records[-1].test_loss)
    assert found["accuracy"] == run.records[-1].test_accuracy
    assert found["examples"] == 40
    assert sum(map(sum, found["confusion"])) == 40


def test_confusion_recall_and_precision_are_what_counting_gives(run: RunResult) -> None:
    trained = open_trained(run.run)
    split = trained.data().test
    assert split is not None
    batches = list(split.batches(7))
    x, y = torch.cat([b.x for b in batches]), torch.cat([b.y for b in batches])
    with torch.no_grad():
        output = trained.model(x)
    answers = output.argmax(1)
    loss = build_loss(trained.recipe.loss, torch.device("cpu"))
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
    with pytest.raises(NetspecError, match=r"^`.*model.safetensors` is damaged or no safetensors file") as error:
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


def test_runs_lists_runs_and_compares_what_differs(tmp_path: Path) -> None:
    finish(small_net(IMAGES, epochs=1), tmp_path / "plain-1")
    finish(small_net(IMAGES, epochs=1, optimizer={"SGD": {"lr": 0.5}}), tmp_path / "plain-2")
    run_until(small_net(IMAGES), tmp_path / "plain-10", 2)
    lines = command("runs", "--in", tmp_path).output.splitlines()
    assert [line.split()[0].rpartition("/")[2] for line in lines] == ["run", "plain-1", "plain-2", "plain-10"]
    assert lines[3].endswith("unfinished")
    text = command("runs", tmp_path / "plain-1", tmp_path / "plain-2").output
    assert re.search(r"train\.optimizer\.SGD\.lr +0\.1 +0\.5", text)
    assert "train.batch_size" not in text
    listed = json.loads(command("runs", "--in", tmp_path, "--format", "json").output)
    assert [item["finished"] for item in listed] == [True, True, False]


class Links(HTMLParser):
    """Collects what a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_report_is_one_file_that_fetches_and_runs_nothing(run: RunResult) -> None:
    page = (run.run / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert "script" not in links.tags
    assert "link" not in links.tags
    assert links.sources
    assert all(source.startswith("data:image/") for source in links.sources)
    for title in (
        "Curves",
        "Epochs",
        "Confusion",
        "Worst mistakes",
        "Network",
        "Layers",
        "Spec and recipe",
        "Environment",
    ):
        assert f"<h2>{title}</h2>" in page
    for source in links.sources:
        head, data = source.split(",", 1)
        if "png" in head:
            assert Image.open(io.BytesIO(base64.b64decode(data))).size == (6, 6)


def test_the_report_shows_markup_in_names_as_text(tmp_path: Path) -> None:
    text = IMAGES.replace("name: plain", 'name: plain\ndescription: "<script>alert(1)</script>"')
    finish(small_net(text, epochs=1), tmp_path / "run", report=True)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_train_eval_and_resume_by_the_command_line(tmp_path: Path) -> None:
    spec = tmp_path / "plain.yaml"
    spec.write_text(IMAGES)
    stopped = command("train", spec, "--run", tmp_path / "run", "--max-steps", "7", "--no-report")
    assert (stopped.return_value, stopped.exception) == (75, None)
    resumed = command("train", "--resume", tmp_path / "run", "--no-report")
    assert resumed.exception is None
    assert re.search(r"^loss \d\.\d{3}, train acc \d\.\d{3}, test acc \d\.\d{3}$", resumed.output, re.MULTILINE)
    assert "examples/sec" in resumed.output


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
    from netspec.train.tune import autotune

    notes: list[str] = []
    from netspec.train.progress import Quiet

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
