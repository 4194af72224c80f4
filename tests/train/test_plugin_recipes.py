"""Runs with losses, transforms and data sets of one's own: as what a program gives, resumed to the bit, and what their
code does wrong."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result

import netspec
from netspec.cli import cli
from netspec.trainer.errors import Interrupted
from tests import plugged_training as made
from tests.commands import invoke, program
from tests.plugged_recipes import PARTS, SPEC

NAME = "tests.plugged_recipes"
PLUGIN = ("--plugin", NAME)
QUIET: dict[str, Any] = {"quiet": True, "device": "cpu", "report": False}
OWN_LINES = ("  data: {Rings: {train: 44}}\n", "  loss: {TolerantLoss: {q: 0.5}}\n")

SLOPES = """\
name: slopes
input: [2]
layers: [Linear: 6, Tanh, Linear: 1]
train: {data: Slopes, loss: {RelativeLoss: {eps: 0.2}}, optimizer: {SGD: {lr: 0.05}}, batch_size: 5, epochs: 3}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "rings.yaml").write_text(SPEC)
    return tmp_path


def netspec_(*words: object) -> Result:
    return invoke(cli, *words)


def figures(run: Path) -> list[dict[str, float]]:
    """The records without what a clock says."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if "second" not in k} for line in lines]


def weights(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("lazy", [False, True], ids=["tensors", "dataset"])
def test_data_and_a_loss_of_a_plugin_train_as_those_that_a_program_gives(here: Path, lazy: bool) -> None:
    net = netspec.load("rings.yaml", plugins=[NAME], set={"train.data.Rings.lazy": lazy})
    own = netspec.train(net, run="own", **QUIET)
    plain = SPEC.replace(OWN_LINES[0], "  data: given\n").replace(OWN_LINES[1], "  loss: function\n")
    given = netspec.train(
        netspec.loads(plain, plugins=PARTS), run="given", data=made.rings(16, 44, 16, lazy),
        loss=partial(made.tolerant_loss, q=0.5), **QUIET,
    )  # fmt: skip
    assert weights(own.run) == weights(given.run)
    here_and_there = list(zip(figures(own.run), figures(given.run), strict=True))
    assert len(here_and_there) == 3
    for mine, theirs in here_and_there:
        assert (mine["train_loss"], mine["test_loss"]) == (theirs["train_loss"], theirs["test_loss"])
        assert mine["train_accuracy"] is not None and theirs["train_accuracy"] is None  # of classes, as the class says


def test_metrics_of_a_plugin_measure_what_the_net_answers_and_one_chooses_the_best(here: Path) -> None:
    text = SPEC + "  validation: 0.3\n  metrics: [{Margin: {most: 3.0}}, WorstLoss]\n  best: validation_worstloss\n"
    net = netspec.loads(text, plugins=[NAME])
    result = netspec.train(net, run="own", **QUIET)
    run = netspec.open_run(result.run, plugins=[NAME])
    batches = list(run.data["test"].batches(100))
    output, y = run.predict(batches[0].x), batches[0].y
    worst = made.Worst()
    worst.update(output, y)
    last = result.records[-1].parts
    assert last["test_margin"] == pytest.approx(float(made.margin(output, y, 3.0)), abs=1e-6)
    assert last["test_worstloss"] == pytest.approx(worst.compute(), abs=1e-6)
    figures = [record.parts["validation_worstloss"] for record in result.records]
    best = netspec.open_run(result.run, plugins=[NAME], best=True).evaluate(split="validation")
    assert best["worstloss"] == pytest.approx(min(figure or 0.0 for figure in figures), abs=1e-6)
    told = netspec_("eval", "own", *PLUGIN)
    assert "margin " in told.output and "worstloss " in told.output


@pytest.mark.slow
def test_a_loss_of_values_and_a_validation_part(here: Path) -> None:
    own = netspec.train(netspec.loads(SLOPES, plugins=PARTS), run="own", **QUIET)
    plain = SLOPES.replace("Slopes", "given").replace("{RelativeLoss: {eps: 0.2}}", "function")
    given = netspec.train(netspec.loads(plain), run="given", data=made.slopes(), loss=made.RelativeLoss(0.2), **QUIET)
    assert weights(own.run) == weights(given.run)
    assert figures(own.run) == figures(given.run) and figures(own.run)[0]["validation_loss"] is not None


def test_transforms_of_a_plugin_do_what_their_functions_do(here: Path) -> None:
    run = netspec.open_run(netspec.train(netspec.load("rings.yaml", plugins=PARTS), run="own", **QUIET).run,
                           plugins=[NAME])  # fmt: skip
    x, y = made.rings(16, 44, 16, False)["test"]
    wanted = (x[:, :, ::2, ::2] / 255 - 0.3) / 0.3
    batches: list[Any] = list(run.data["test"].batches(8))
    assert torch.allclose(torch.cat([batch.x for batch in batches]), wanted, atol=1e-6)
    assert torch.equal(torch.cat([batch.y for batch in batches]), y)
    output = run.predict(wanted)
    assert run.evaluate()["loss"] == pytest.approx(float(made.tolerant_loss(output, y, 0.5)), abs=1e-6)
    assert run.evaluate()["accuracy"] == float((output.argmax(1) == y).float().mean())


@pytest.mark.slow
def test_a_run_is_resumed_to_the_bit_and_says_which_plugin_it_needs(here: Path) -> None:
    with pytest.raises(Interrupted) as caught:
        netspec.train(netspec.load("rings.yaml", plugins=[NAME]), run="run", max_steps=8, **QUIET)
    assert str(caught.value).endswith(f"go on with `netspec train --resume run --plugin {NAME}`")
    recorded = json.loads(Path("run/environment.json").read_text())["plugins"]
    assert list(recorded) == [NAME] and recorded[NAME].startswith("sha256:")
    assert f"plugins: [{NAME}]" in Path("run/spec.yaml").read_text()
    error = netspec_("train", "--resume", "run").exception
    assert str(error) == f"`run` needs the plugin `{NAME}`: run with `--plugin {NAME}`"
    done = netspec_("train", "--resume", "run", *PLUGIN, "-q", "--device", "cpu")
    assert not done.exception, done.exception
    whole = netspec.train(netspec.load("rings.yaml", plugins=[NAME]), run="whole", **QUIET)
    assert weights(Path("run")) == weights(whole.run) and figures(Path("run")) == figures(whole.run)
    for words in (("eval", "run"), ("runs", "run", "whole"), ("runs", "run")):
        assert not netspec_(*words, *PLUGIN).exception
    other = json.loads(Path("run/environment.json").read_text()) | {"plugins": {NAME: "1.0"}}
    Path("run/environment.json").write_text(json.dumps(other))
    assert f"note: run was made with `{NAME}` 1.0, and this is sha256:" in netspec_("eval", "run", *PLUGIN).stderr


def test_a_worker_process_makes_the_transforms_again(here: Path) -> None:
    from netspec.trainer.transforms.pipeline import Pipeline

    recipe = netspec.load("rings.yaml", plugins=PARTS).recipe
    assert recipe is not None
    pipeline = Pipeline(recipe.transforms, recipe.augment, torch.device("cpu"))
    x = made.rings(16, 8, 1, False)["train"][0]
    kind, arguments = pipeline.__reduce__()
    assert torch.equal(kind(*arguments)(x), pipeline(x)) and pipeline(x).shape == (8, 1, 8, 8)


# ---- what their code does wrong

WRONG = """\
import torch
from typing import ClassVar
from netspec.layers import TorchCall
from netspec.recipe import DataSet, Facts, Loss, Transform

def two(output, target): return output.sum(1)
def plain(output, target): return 1.0
def cut(output, target): return output.detach().mean()
def fails(output, target): return {}["nothing"]
class Trained(torch.nn.Linear):
    def __init__(self): super().__init__(2, 2)
class Refuses:
    def __init__(self): raise ValueError("no")
class NotCalled: pass
def wide(x): return torch.nn.functional.pad(x, (1, 1))
def pair(): return torch.zeros(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64)
def named(): return {"trian": pair()}
def validated(): return {"train": pair(), "validation": pair()}
def large(): return torch.zeros(4, 1, 9, 9), torch.zeros(4, dtype=torch.int64)
def broken(): raise OSError("no such disk")
value = 3

class Bad(Loss):
    target: ClassVar = "classes"
    def call(self): return TorchCall("{loss}", {{}}, __name__)

class Odd(Transform):
    def call(self): return TorchCall("{transform}", {{}}, __name__)

class Few(DataSet):
    def facts(self): return Facts((1, 8, 8), 4, {count})
    def call(self): return TorchCall("{data}", {{}}, __name__)
"""

NET = """\
input: [1, 8, 8]
layers: [Flatten, Linear: 4]
train: {data: {data}, loss: {loss}, transforms: [{transform}], optimizer: SGD, batch_size: 4, epochs: 1}
"""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": "two"}, "the loss `Bad` gives 4 numbers, 4, but wanted is 1: take their mean over the batch"),
        ({"loss": "plain"}, "the loss `Bad` gives a `float`, but wanted is a tensor of one number"),
        ({"loss": "cut"}, "the loss `Bad` gives a number without a gradient"),
        ({"loss": "gone"}, "`wrong.gone`, which `call` of `Bad` names, is not there"),
        ({"loss": "value"}, "`wrong.value`, which `call` of `Bad` names, is 3, which cannot be called"),
        (
            {"loss": "Trained"},
            "`wrong.Trained`, which `call` of `Bad` names, has parameters of its own, `weight` among 2",
        ),
        ({"loss": "Refuses"}, "`wrong.Refuses`, which `call` of `Bad` names, cannot be made: ValueError: no"),
        ({"loss": "NotCalled"}, "which `call` of `Bad` names, makes <wrong.NotCalled"),
        ({"transform": "wide"}, "`wrong.wide` gives 1 × 1 × 8 × 10 of torch.float32 for a batch of 1 × 1 × 8 × 8"),
        ({"data": "named"}, "`wrong.named` gives no data: `data` has a part 'trian'"),
        ({"data": "validated"}, "`Few` says that it has no validation data (`has_validation`), but `wrong.validated`"),
        ({"data": "large"}, "says that an example is 1 × 8 × 8, but `wrong.large` gives train examples of 1 × 9 × 9"),
        ({"count": "5"}, "`facts` of `Few` says that there are 5 train examples, but `wrong.pair` gives 4"),
        ({"data": "broken"}, "`wrong.broken`, which reads `Few`, raised OSError: no such disk (wrong.py, line 20)"),
    ],
    ids=str,
)
def test_what_a_plugins_code_does_wrong_in_training_is_an_error_with_its_name(
    here: Path, given: dict[str, str], message: str
) -> None:
    name = f"wrong{'_'.join(given.values())}"
    net = written(here, name, given)
    with pytest.raises((netspec.PluginError, netspec.UsageError)) as caught:
        netspec.train(netspec.load(net, plugins=[name]), run="run", **QUIET)
    assert message in str(caught.value).replace(name, "wrong")


def written(here: Path, name: str, given: dict[str, str]) -> Path:
    """A module that is wrong, and a spec that names what is."""
    text = WRONG
    for key, default in {"loss": "two", "transform": "halve", "data": "pair", "count": "4"}.items():
        text = text.replace(f"{{{key}}}", given.get(key, default))
    (here / f"{name}.py").write_text(text.replace("{{}}", "{}"))
    net = NET.replace("{loss}", "Bad" if "loss" in given else "CrossEntropyLoss").replace("{data}", "Few")
    net = net.replace("[{transform}]", "[Odd]" if "transform" in given else "[]")
    (here / "net.yaml").write_text(net)
    return here / "net.yaml"


@pytest.mark.slow
def test_what_a_loss_raises_is_told_without_a_traceback(here: Path) -> None:
    written(here, "fails", {"loss": "fails"})
    done = program("train", "--plugin", "fails", "net.yaml", "--device", "cpu", "-q", cwd=here)
    assert done.returncode == 2, done.stderr
    assert "the plugin `fails` raised KeyError: 'nothing' (fails.py, line 9)" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr and "defect" not in done.stderr
