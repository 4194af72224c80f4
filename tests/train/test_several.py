"""Nets with several inputs and outputs train: losses of outputs, data by name, exact resumes, figures by output."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

import netspec
from netspec.cli import cli
from netspec.diagnostics import ResourceError, UsageError
from netspec.recipe.examples import SEVERAL
from netspec.trainer.errors import NonFinite
from netspec.trainer.jobs.dry_run import rehearse
from netspec.trainer.machine.processes import World
from netspec.trainer.run.records import read_records
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.memory import estimated
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.show.curves import draw_curves
from netspec.trainer.trained.inspection import inspect
from netspec.trainer.trained.opening import open_trained
from netspec.trainer.trained.prediction import predict
from tests import forking
from tests.commands import invoke
from tests.train.programs import ROOT, environment
from tests.train.small_runs import finish, run_until, small_net, whole_state
from tests.train.test_divisors import RANKS
from tests.train.test_survival import free_port

VAE = """
name: vae
input: {image: [1, 8, 8]}
layers:
  - Flatten
  - {Linear: 24, name: hidden}
  - ReLU
  - as: h
  - {Linear: 4, name: to_mu}
  - as: mu
  - use: h
  - {Linear: 4, name: to_logvar}
  - as: logvar
  - use: mu
  - Dropout: 0.2
  - Linear: 64
  - Unflatten: {dim: 1, unflattened_size: [1, 8, 8]}
output: {mu: mu, logvar: logvar, recon: []}
train:
  data: {synthetic: {train: 100, test: 16, noise: 0.2}}
  validation: 0.2
  augment: [RandomHorizontalFlip]
  batch_size: 8
  epochs: 4
  optimizer: {Adam: {lr: 0.01}}
  scheduler: CosineAnnealingLR
  schedule_by: step
  ema: 0.9
  loss:
    - {BCEWithLogitsLoss: , of: recon, target: image, weight: 64}
    - {GaussianKL: , of: [mu, logvar]}
"""
"""40 steps of a variational autoencoder whose noise is that of dropout."""

WIDE_AND_DEEP = """
name: wide_and_deep
input: {numbers: [3], categories: [4, int64], crossed: [16]}
layers:
  - use: categories
  - Embedding: {num_embeddings: 20, embedding_dim: 2}
  - Flatten
  - as: embedded
  - use: numbers
  - concat: [[], embedded]
  - Linear: 8
  - ReLU
  - Dropout: 0.1
  - Linear: 1
    as: deep
  - use: crossed
  - Linear: {out_features: 1, bias: false}
    as: wide
output: deep + wide
train:
  data: {synthetic: {train: 100, test: 16, vocabulary: 20, classes: 6, noise: 0.1}}
  batch_size: 8
  epochs: 4
  optimizer: {Adam: {lr: 0.01}}
  loss: MSELoss
"""

ACTOR_CRITIC = """
name: actor_critic
input: [1, 6, 6]
layers: [Flatten, Linear: 16, ReLU]
output: {policy: [Linear: 3], value: [Linear: 1]}
train:
  data: {synthetic: {train: 48, test: 12}}
  validation: 0.25
  batch_size: 8
  epochs: 3
  optimizer: {SGD: {lr: 0.1}}
  loss:
    - {CrossEntropyLoss: , of: policy}
    - {MSELoss: , of: value, target: returns, weight: 0.5}
"""

SPECS = {"vae": VAE, "wide_and_deep": WIDE_AND_DEEP, "actor_critic": ACTOR_CRITIC}


def trainer(text: str, **settings: Any) -> Trainer:
    return assemble(small_net(text, **settings), Options(device="cpu"), World(), "cpu")


# ---- a run


@pytest.fixture(scope="module", params=SPECS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The name of a spec, and its run that nothing interrupts."""
    path = tmp_path_factory.mktemp(request.param) / "run"
    finish(small_net(SPECS[request.param]), path)
    return SPECS[request.param], path


@pytest.mark.slow
def test_the_loss_falls(run: tuple[str, Path]) -> None:
    losses = [record.train_loss for record in read_records(run[1])]
    assert losses[-1] < losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("steps", [[1, 11], [5, 10], [13]])
def test_a_run_resumed_at_a_step_equals_the_whole_run_to_the_bit(
    run: tuple[str, Path], steps: list[int], tmp_path: Path
) -> None:
    net = small_net(run[0])
    for step in steps:
        run_until(net, tmp_path / "run", step)
    finish(net, tmp_path / "run")
    assert whole_state(tmp_path / "run") == whole_state(run[1])


def test_streamed_examples_train_as_resident_ones(run: tuple[str, Path], tmp_path: Path) -> None:
    finish(small_net(run[0]), tmp_path / "run", budget=0, workers=0)
    assert whole_state(tmp_path / "run")["model"] == whole_state(run[1])["model"]


def test_recorded_steps_are_those_of_the_eager_driver(run: tuple[str, Path], replay: None, tmp_path: Path) -> None:
    finish(small_net(run[0]), tmp_path / "run", driver="replay")
    mine, other = (load_file(path / "model.safetensors") for path in (tmp_path / "run", run[1]))
    for key, value in other.items():
        assert torch.allclose(mine[key], value, rtol=1e-4, atol=1e-6), key


def test_a_resolved_spec_compiles_to_the_same_recipe(run: tuple[str, Path]) -> None:
    again = netspec.load(run[1] / "spec.yaml")
    assert again.recipe == small_net(run[0]).recipe


def test_a_trained_run_is_measured_by_output(run: tuple[str, Path]) -> None:
    trained = open_trained(run[1], device="cpu")
    found = inspect(trained, "test")
    last = read_records(run[1])[-1]
    assert found.score.loss == pytest.approx(last.test_loss)
    assert {f"test_{name}": value for name, value in found.score.parts.items()} == pytest.approx(
        {name: value for name, value in last.parts.items() if name.startswith("test_")}
    )
    json.dumps(found.to_dict(trained.names), allow_nan=False)


@pytest.mark.slow
def test_a_dry_run_trains_and_resumes() -> None:
    assert "two steps, a checkpoint, a resume: all well" in rehearse(small_net(ACTOR_CRITIC), {"device": "cpu"})


# ---- what is computed


def test_a_step_minimises_the_sum_that_one_would_write_by_hand() -> None:
    one = trainer(VAE.replace("Dropout: 0.2", "Identity"), ema=None, augment=[])
    batch = next(one.batches(0, 0))
    output = one.model(batch.x)  # pyright: ignore[reportAttributeAccessIssue]  # a batch
    recon = F.binary_cross_entropy_with_logits(output.recon, batch.x)  # pyright: ignore[reportAttributeAccessIssue]
    divergence = -0.5 * (1 + output.logvar - output.mu**2 - output.logvar.exp()).sum(1).mean()
    expected = torch.autograd.grad(64 * recon + divergence, list(one.model.parameters()))
    one.optimization.optimizer.zero_grad()
    one.step(one.buffers(batch, 0, ()))
    for parameter, gradient in zip(one.model.parameters(), expected, strict=True):
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
    scores, values = one.sums.read(), (recon.item(), divergence.item())
    assert scores.loss == pytest.approx(64 * values[0] + values[1], rel=1e-5)
    assert scores.parts == pytest.approx(dict(zip(("loss/recon", "loss/mu+logvar"), values, strict=True)), rel=1e-5)


def test_a_loss_with_weights_of_classes_beside_another_is_torch_s_mean() -> None:
    text = ACTOR_CRITIC.replace("{CrossEntropyLoss: ,", "{CrossEntropyLoss: {weight: [1, 5, 0.5]},")
    one = trainer(text)
    batch = next(one.batches(0, 0))
    policy, value = one.model(batch.x)  # pyright: ignore[reportAttributeAccessIssue]  # a batch
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1, 5, 0.5]))
    labels, returns = batch.y  # pyright: ignore[reportAttributeAccessIssue]
    expected = torch.autograd.grad(
        weighted(policy, labels) + 0.5 * F.mse_loss(value, returns), list(one.model.parameters())
    )
    one.step(one.buffers(batch, 0, ()))
    for parameter, gradient in zip(one.model.parameters(), expected, strict=True):
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_a_mean_over_several_batches_beside_another_loss_is_refused() -> None:
    text = ACTOR_CRITIC.replace("{CrossEntropyLoss: ,", "{CrossEntropyLoss: {weight: [1, 5, 0.5]},")
    with pytest.raises(UsageError, match="`CrossEntropyLoss` of `policy` divides by its targets that count"):
        trainer(text, accumulate=2)


def test_accumulated_batches_are_the_step_of_a_large_one() -> None:
    whole, parts = trainer(ACTOR_CRITIC, batch_size=16), trainer(ACTOR_CRITIC, batch_size=8, accumulate=2)
    for one in (whole, parts):
        count = one.recipe.accumulate
        for number, batch in zip(range(count), one.batches(0, 0), strict=False):
            one.step(one.buffers(batch, number, ()), one.phase(number, 0))
    for a, b in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-7)


def test_the_data_of_several_inputs_count_in_the_memory() -> None:
    one = trainer(WIDE_AND_DEEP)
    examples = 116 * 4 * (3 + 2 * 4 + 16 + 1)
    assert one.data.bytes == examples
    assert estimated(one, 8) > examples


# ---- records


@pytest.mark.slow
def test_records_say_which_output_a_figure_is_of(tmp_path: Path) -> None:
    result = finish(small_net(ACTOR_CRITIC), tmp_path / "run")
    (header, *rows) = csv.reader((tmp_path / "run" / "metrics.csv").read_text().splitlines())
    wanted = [f"{part}_{what}" for part in ("train", "validation", "test")
              for what in ("loss/policy", "accuracy/policy", "loss/value")]  # fmt: skip
    assert header[-10:] == [*wanted, "learning_rate"]
    assert len(rows) == 3
    last = result.records[-1]
    assert last.train_loss == pytest.approx(last.parts["train_loss/policy"] + 0.5 * last.parts["train_loss/value"])
    assert last.test_accuracy == last.parts["test_accuracy/policy"]
    assert read_records(tmp_path / "run") == result.records


def test_two_outputs_of_classes_have_an_accuracy_each(tmp_path: Path) -> None:
    value, kind = "{MSELoss: , of: value, target: returns, weight: 0.5}", "{CrossEntropyLoss: , of: k, target: kinds}"
    text = ACTOR_CRITIC.replace(value, kind)
    text = text.replace("value: [Linear: 1]", "k: [Linear: 2]")
    record = finish(small_net(text), tmp_path / "run").records[-1]
    assert record.test_accuracy is None
    assert {"test_accuracy/policy", "test_accuracy/k"} <= set(record.parts)
    assert "acc" not in record.line
    assert " policy " in record.line
    assert len(record.line) <= 80


@pytest.mark.slow
def test_curves_show_the_figures_of_each_output(tmp_path: Path) -> None:
    records = finish(small_net(ACTOR_CRITIC), tmp_path / "run").records
    drawn = draw_curves(records, "a")
    assert all(f">{title}<" in drawn for title in ("loss", "accuracy", "loss/policy", "accuracy/policy", "loss/value"))


# ---- what fails


def test_a_loss_that_is_not_finite_is_named(tmp_path: Path) -> None:
    text = VAE.replace("- {Linear: 4, name: to_logvar}", "- {Linear: 4, name: to_logvar}\n  - Scale: {factor: 1.0e+30}")
    with pytest.raises(NonFinite, match=r"the loss `GaussianKL` of `mu\+logvar` is not finite"):
        finish(small_net(text), tmp_path / "run")


def file_of(folder: Path, **changed: torch.Tensor | None) -> str:
    tensors = {
        "numbers": torch.rand(16, 3), "categories": torch.randint(20, (16, 4)), "crossed": torch.rand(16, 16),
        "y": torch.rand(16, 1),
    }  # fmt: skip
    tensors |= {key: value for key, value in changed.items() if value is not None}
    save_file({k: v for k, v in tensors.items() if changed.get(k, v) is not None}, folder / "train.safetensors")
    return str(folder / "train.safetensors")


def test_a_file_gives_the_inputs_and_targets_by_their_names(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    one = trainer(WIDE_AND_DEEP, data={"tensors": {"train": path}})
    batch = next(one.batches(0, 0))
    stored = load_file(path)
    rows = one.data.train.order(seed=0, epoch=0, shuffle=True)[:8]
    for given, name in zip(batch.x, ("numbers", "categories", "crossed"), strict=True):  # pyright: ignore[reportAttributeAccessIssue]
        assert torch.equal(given, stored[name][rows])
    assert torch.equal(batch.y, stored["y"][rows])  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"crossed": None}, "holds categories, numbers, y, but `numbers`, `categories`, `crossed` and `y` are wanted"),
        ({"crossed": torch.rand(15, 16)}, "has 16 examples in `numbers`, but 15 examples in `crossed`"),
        ({"y": torch.rand(15, 1)}, "has 16 examples in `numbers`, but 15 targets in `y`"),
        ({"crossed": torch.rand(16, 17)}, "is 17, but the net's input `crossed` is 16"),
        ({"categories": torch.rand(16, 4)}, r"input `categories` is int64; store them as `categories.long\(\)`"),
        ({"y": torch.rand(16, 2)}, "a target of .* is 2, but the net's output is 1"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(changed: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=message):
        trainer(WIDE_AND_DEEP, data={"tensors": {"train": file_of(tmp_path, **changed)}})


# ---- what else reads a run


@pytest.mark.slow
def test_the_example_of_the_page_trains(tmp_path: Path) -> None:
    records = finish(small_net(SEVERAL), tmp_path / "run").records
    assert records[-1].train_loss < records[0].train_loss
    assert {"train_loss/recon", "train_loss/mu+logvar", "test_accuracy/kind"} <= set(records[-1].parts)


def picture(folder: Path) -> Path:
    Image.new("L", (6, 6), 128).save(folder / "a.png")
    return folder / "a.png"


@pytest.mark.slow
def test_a_classifying_output_among_several_is_examined_and_predicts(tmp_path: Path) -> None:
    finish(small_net(ACTOR_CRITIC), tmp_path / "run", report=True)
    trained = open_trained(tmp_path / "run", device="cpu")
    found = inspect(trained, "test")
    assert found.examination is not None
    assert int(found.examination.confusion.sum()) == 12
    assert "loss of value" in found.text(trained.names)
    assert "test loss/policy" in (tmp_path / "run" / "report.html").read_text()
    (answer,) = predict(trained, [picture(tmp_path)])
    x = torch.full((1, 1, 6, 6), 128 / 255)
    expected = trained.model(x).policy.softmax(1)[0].sort(descending=True).values
    assert answer.classes is not None
    assert [share for _, share in answer.classes] == pytest.approx(expected.tolist(), rel=1e-5)


def asked(*arguments: str | Path) -> Any:
    """What the command prints as JSON."""
    result = invoke(cli, "predict", *arguments, "--format", "json", "--device", "cpu")
    assert result.exception is None, result.exception
    return json.loads(result.output)


@pytest.mark.slow
def test_predict_takes_a_file_with_the_inputs_by_name(tmp_path: Path) -> None:
    """What the net gives for each example, of a net with several inputs."""
    finish(small_net(WIDE_AND_DEEP, epochs=1), tmp_path / "wide")
    examples = {"numbers": torch.rand(9, 3), "categories": torch.randint(20, (9, 4)), "crossed": torch.rand(9, 16)}
    save_file(examples, tmp_path / "nine.safetensors")
    answers = asked(tmp_path / "wide", tmp_path / "nine.safetensors")
    with torch.no_grad():
        expected = open_trained(tmp_path / "wide", device="cpu").model(*examples.values())
    assert [answer["example"] for answer in answers] == list(range(9))
    given = torch.tensor([answer["outputs"]["output"] for answer in answers])
    torch.testing.assert_close(given, expected)


def test_predict_gives_all_outputs_by_name(run: tuple[str, Path], tmp_path: Path) -> None:
    """For the examples that the run was measured on, whatever they are."""
    answers = asked(run[1], "--split", "test", "--examples", "5")
    trained = open_trained(run[1], device="cpu")
    x = next(trained.part(trained.data(), "test").batches(5)).x
    with torch.no_grad():
        given = trained.model(*(x if isinstance(x, tuple) else (x,)))
    expected = given._asdict() if hasattr(given, "_asdict") else {"output": given}
    assert [answer["example"] for answer in answers] == list(range(5))
    assert {answer["split"] for answer in answers} == {"test"}
    for name, value in expected.items():
        torch.testing.assert_close(torch.tensor([answer["outputs"][name] for answer in answers]), value)
    assert all(("classes" in answer) == ("policy" in expected) for answer in answers)


@pytest.mark.slow
def test_predict_shows_the_first_values_of_what_a_net_makes_of_a_picture(tmp_path: Path) -> None:
    finish(small_net(VAE, epochs=1), tmp_path / "vae")
    Image.new("L", (8, 8), 128).save(tmp_path / "a.png")
    result = invoke(cli, "predict", tmp_path / "vae", tmp_path / "a.png")
    head, mu, logvar, recon = result.output.splitlines()
    assert head == f"{tmp_path / 'a.png'}:"
    assert re.fullmatch(r"  mu: (\S+ ){3}\S+", mu)
    assert re.fullmatch(r"  logvar: (\S+ ){3}\S+", logvar)
    assert re.fullmatch(r"  recon: (\S+ ){8}… \(1 × 8 × 8\)", recon)


def test_predict_says_what_to_give_in_place_of_a_picture(tmp_path: Path) -> None:
    """And what it says to give is taken."""
    finish(small_net(WIDE_AND_DEEP, epochs=1), tmp_path / "wide")
    wide = open_trained(tmp_path / "wide", device="cpu")
    with pytest.raises(
        UsageError, match=r"takes 3 inputs; give a file NAME\.safetensors with the examples under"
    ) as error:
        predict(wide, [picture(tmp_path)])
    assert "`numbers`, `categories`, `crossed`, or `--split test`" in str(error.value)
    for arguments in ((), (picture(tmp_path), "--split", "test")):
        error = invoke(cli, "predict", tmp_path / "wide", *arguments).exception
        assert isinstance(error, UsageError)
        assert "one of them" in str(error)
    with pytest.raises(UsageError, match=r"there is no file `nine\.safetensors`"):
        predict(wide, [Path("nine.safetensors")])
    save_file({"numbers": torch.rand(9, 3), "crossed": torch.rand(9, 16)}, tmp_path / "two.safetensors")
    with pytest.raises(
        ResourceError, match="holds crossed, numbers, but `numbers`, `categories` and `crossed` are wanted"
    ):
        predict(wide, [tmp_path / "two.safetensors"])
    whole = {"numbers": torch.rand(9, 4), "categories": torch.randint(20, (9, 4)), "crossed": torch.rand(9, 16)}
    save_file(whole, tmp_path / "wrong.safetensors")
    with pytest.raises(
        ResourceError, match=r"an example in `.*wrong.safetensors` is 4, but the net's input `numbers` is 3"
    ):
        predict(wide, [tmp_path / "wrong.safetensors"])


def test_a_picture_is_refused_by_a_net_of_vectors(tmp_path: Path) -> None:
    text = WIDE_AND_DEEP[: WIDE_AND_DEEP.index("input:")] + (
        "input: [13]\nlayers: [Linear: 1]\n"
        + WIDE_AND_DEEP[WIDE_AND_DEEP.index("train:") :].replace("vocabulary: 20, classes: 6, ", "")
    )
    finish(small_net(text, epochs=1), tmp_path / "run")
    trained = open_trained(tmp_path / "run", device="cpu")
    with pytest.raises(UsageError, match=r"is a picture, and the net of .* takes 13; give a file .* under `x`, or"):
        predict(trained, [picture(tmp_path)])
    save_file({"x": torch.ones(2, 13)}, tmp_path / "two.safetensors")
    assert [answer.outputs["output"].shape for answer in predict(trained, [tmp_path / "two.safetensors"])] == [(1,)] * 2


SIAMESE = """
name: siamese
input: {left: [1, 8, 8], right: [1, 8, 8], mask: [8, bool]}
layers:
  - Flatten
  - Linear: 8
  - as: x1
  - use: right
  - Flatten
  - Linear: 8
  - as: x2
output: {x1: x1, x2: x2}
train:
  data: {synthetic: {train: 32, test: 8, classes: 4}}
  transforms: [Normalize: {mean: [0.5], std: [0.25]}]
  batch_size: 8
  epochs: 2
  optimizer: {Adam: {lr: 0.01}}
  loss: {CosineEmbeddingLoss: {margin: 0.2}, of: [x1, x2]}
"""


def test_transforms_are_for_each_input_that_is_an_image(tmp_path: Path) -> None:
    one = trainer(SIAMESE)
    left, right, mask = next(one.batches(0, 0)).x  # pyright: ignore[reportAttributeAccessIssue]  # a batch
    rows = one.data.train.order(seed=0, epoch=0, shuffle=True)[:8]
    stored = one.data.train.x  # pyright: ignore[reportAttributeAccessIssue]  # resident
    for given, images in ((left, stored[0]), (right, stored[1])):
        assert torch.allclose(given, (images[rows] / 255 - 0.5) / 0.25, atol=1e-6)
    assert torch.equal(mask, stored[2][rows])
    result = finish(small_net(SIAMESE), tmp_path / "run")
    assert result.records[-1].train_loss < result.records[0].train_loss


def test_heads_take_the_first_loss() -> None:
    text = ACTOR_CRITIC.replace("Linear: 16,", "Linear: 16, aux: [Linear: 3],")
    one = trainer(text)
    batch = next(one.batches(0, 0))
    labels, returns = batch.y  # pyright: ignore[reportAttributeAccessIssue]  # a batch
    policy, value, (head,) = one.model(batch.x)  # pyright: ignore[reportAttributeAccessIssue]
    whole = F.cross_entropy(policy, labels) + 0.5 * F.mse_loss(value, returns) + 0.3 * F.cross_entropy(head, labels)
    expected = torch.autograd.grad(whole, list(one.model.parameters()))
    one.step(one.buffers(batch, 0, ()))
    for parameter, gradient in zip(one.model.parameters(), expected, strict=True):
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    """Also where no loss reads an output, so that some parameters have no gradient."""
    text = ACTOR_CRITIC.replace("value: [Linear: 1]}", "value: [Linear: 1], spare: [Linear: 2]}")
    (tmp_path / "spec.yaml").write_text(text)
    arguments = ("train", str(tmp_path / "spec.yaml"), "--run", str(tmp_path / "two"), "--no-report", "--device", "cpu")
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    child = forking.run("-c", RANKS, *arguments, cwd=ROOT, env=environment(world), torch=True)
    assert child.returncode == 0, child.stderr
    one = finish(netspec.loads(text), tmp_path / "one", device="cpu")
    mine, other = (load_file(tmp_path / name / "model.safetensors") for name in ("two", "one"))
    for key, value in other.items():
        torch.testing.assert_close(mine[key], value, rtol=1e-4, atol=1e-6)
    last = read_records(tmp_path / "two")[-1]
    assert last.parts == pytest.approx(one.records[-1].parts, rel=1e-4)
