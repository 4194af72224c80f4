"""The metrics that a recipe names, held against their definitions, written out here, on what the net answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import netspec
from netspec.diagnostics import NetspecError
from netspec.trainer.run.records import Record
from tests.train.small_runs import PLAIN, finish, run_until, small_net

pytest.importorskip("torchmetrics")


def trained(layers: str, loss: str, metrics: str, x: Tensor, y: Tensor, path: Path, **more: Any) -> tuple[Any, Record]:
    """The run and its last record, of a net trained on some examples and tested on the same."""
    keys = "".join(f"  {key}: {value}\n" for key, value in more.items())
    text = (
        f"input: {list(x.shape[1:])}\nlayers: [{layers}]\ntrain:\n  data: given\n  batch_size: 16\n  epochs: 2\n"
        f"  optimizer: {{SGD: {{lr: 0.05}}}}\n  loss: {loss}\n  metrics: {metrics}\n{keys}"
    )
    result = netspec.train(netspec.loads(text), data={"train": (x, y), "test": (x, y)}, run=path, quiet=True)
    return netspec.open_run(result.run), result.records[-1]


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# ---- classes


def counts(answer: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes): rows are the truth."""
    table = np.zeros((classes, classes))
    np.add.at(table, (truth, answer), 1)
    return table


def area(scores: np.ndarray, right: np.ndarray) -> float:
    """The share of pairs of a right and a wrong one that are in order, which is the area under the ROC."""
    one, other = scores[right][:, None], scores[~right][None]
    return float(((one > other) + 0.5 * (one == other)).mean())


def average_precision(scores: np.ndarray, right: np.ndarray) -> float:
    """Σ (recall step) · precision, over the scores in descending order."""
    order = np.argsort(-scores, kind="stable")
    hits = right[order].cumsum()
    return float((hits / np.arange(1, len(hits) + 1))[right[order]].sum() / right.sum())


def of_classes(p: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Each figure by its definition, of probabilities (N, C) and classes (N,)."""
    classes = p.shape[1]
    answer = p.argmax(1)
    table = counts(answer, y, classes)
    tp, truth, said = table.diagonal(), table.sum(1), table.sum(0)
    total, share = table.sum(), table.sum(1) / table.sum()
    precision, recall = tp / np.maximum(said, 1), tp / truth
    f1 = 2 * tp / (truth + said)
    expected = (truth * said).sum() / total**2
    observed = tp.sum() / total
    mcc = (tp.sum() * total - (truth * said).sum()) / math.sqrt(
        (total**2 - (said**2).sum()) * (total**2 - (truth**2).sum())
    )
    best, ranks = p.max(1), (p > p[np.arange(len(y)), y][:, None]).sum(1)
    bins = np.minimum((best * 15).astype(int), 14)
    calibration = sum(
        (bins == b).mean() * abs((answer == y)[bins == b].mean() - best[bins == b].mean()) for b in set(bins)
    )
    return {
        "top2": (ranks < 2).mean(),
        "accuracy_macro": recall.mean(),
        "precision": precision.mean(),
        "recall": recall.mean(),
        "recall_weighted": (recall * share).sum(),
        "specificity": ((total - truth - said + tp) / (total - truth)).mean(),
        "f1": f1.mean(),
        "f1_micro": observed,
        "f2": (5 * tp / (4 * truth + said)).mean(),
        "iou": (tp / (truth + said - tp)).mean(),
        "auroc": np.mean([area(p[:, c], y == c) for c in range(classes)]),
        "ap": np.mean([average_precision(p[:, c], y == c) for c in range(classes)]),
        "mcc": mcc,
        "kappa": (observed - expected) / (1 - expected),
        "calibration_error": calibration,
    }


CLASSES = (
    "[{Accuracy: {top_k: 2}}, {Accuracy: {average: macro}}, Precision, Recall, {Recall: {average: weighted}}, "
    "Specificity, F1Score, {F1Score: {average: micro}}, FBetaScore: 2, JaccardIndex, AUROC, AveragePrecision, "
    "MatthewsCorrCoef, CohenKappa, CalibrationError]"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "loss"), [("", "CrossEntropyLoss"), (", LogSoftmax: -1", "NLLLoss")], ids=["scores", "log-probabilities"]
)
def test_the_figures_of_classes_are_those_of_their_definitions(end: str, loss: str, tmp_path: Path) -> None:
    x = numbers(0, 200, 6)
    y = (x[:, :4] + numbers(1, 200, 4)).argmax(1)
    run, record = trained(f"Linear: 4{end}", loss, CLASSES, x, y, tmp_path / "run")
    given = run.predict(x).double()
    p = (given.exp() if end else given.softmax(1)).numpy()
    expected = of_classes(p, y.numpy())
    found = {name.removeprefix("test_"): value for name, value in record.parts.items()}
    assert found == pytest.approx(expected, abs=1e-5)
    evaluated = run.evaluate(data=(x, y))
    assert {name: evaluated[name] for name in expected} == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_a_figure_for_each_class_has_its_name(tmp_path: Path) -> None:
    x = numbers(0, 90, 3)
    y = x.argmax(1)
    run, record = trained("Linear: 3", "CrossEntropyLoss", "[{Recall: {average: none}}]", x, y, tmp_path / "run")
    answer = run.predict(x).argmax(1)
    expected = {f"test_recall.{c}": float((answer[y == c] == c).float().mean()) for c in range(3)}
    assert dict(record.parts) == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
def test_pixels_that_are_ignored_are_in_no_figure(tmp_path: Path) -> None:
    x = numbers(0, 20, 3, 6, 6)
    y = x.argmax(1)
    y[:, 0] = 255
    loss = "{CrossEntropyLoss: {ignore_index: 255}}"
    layer = "Conv2d: {out_channels: 3, kernel_size: 1}"
    run, record = trained(layer, loss, "[JaccardIndex, F1Score]", x, y, tmp_path / "run")
    answer = run.predict(x).argmax(1)[:, 1:].flatten().numpy()
    expected = of_classes(np.eye(3)[answer], y[:, 1:].flatten().numpy())
    assert record.parts["test_iou"] == pytest.approx(expected["iou"], abs=1e-6)
    assert record.parts["test_f1"] == pytest.approx(expected["f1"], abs=1e-6)


# ---- labels


@pytest.mark.slow
@pytest.mark.parametrize("labels", [1, 4])
def test_the_figures_of_labels_are_those_of_their_definitions(labels: int, tmp_path: Path) -> None:
    x = numbers(0, 200, 6)
    y = (x[:, :labels] + numbers(1, 200, labels) > 0.3).float()
    metrics = "[Accuracy, F1Score, JaccardIndex, AUROC, AveragePrecision" + (", ExactMatch]" if labels > 1 else "]")
    run, record = trained(f"Linear: {labels}", "BCEWithLogitsLoss", metrics, x, y, tmp_path / "run")
    p, truth = run.predict(x).double().sigmoid().numpy(), y.numpy() == 1
    said = p > 0.5
    tp, both = (said & truth).sum(0), said.sum(0) + truth.sum(0)
    expected = {
        "test_f1": (2 * tp / both).mean(),
        "test_iou": (tp / (both - tp)).mean(),
        "test_auroc": np.mean([area(p[:, i], truth[:, i]) for i in range(labels)]),
        "test_ap": np.mean([average_precision(p[:, i], truth[:, i]) for i in range(labels)]),
    }
    if labels > 1:
        expected["test_exact_match"] = (said == truth).all(1).mean()
    assert dict(record.parts) == pytest.approx(expected, abs=1e-5)
    assert record.test_accuracy == pytest.approx((said == truth).mean(), abs=1e-6)


def test_targets_between_0_and_1_are_no_labels(tmp_path: Path) -> None:
    x = numbers(0, 40, 4)
    with pytest.raises(NetspecError, match="labels, which are 0 or 1"):
        trained("Linear: 2", "BCEWithLogitsLoss", "[F1Score]", x, torch.full((40, 2), 0.3), tmp_path / "run")


# ---- values


def rank(values: np.ndarray) -> np.ndarray:
    """The mean rank of equal ones."""
    return (values[:, None] > values).sum(1) + 0.5 * (values[:, None] == values).sum(1)


def of_values(output: np.ndarray, target: np.ndarray) -> dict[str, float]:
    apart, spread = output - target, target - target.mean(0)
    ranks = [rank(values[:, 0]) for values in (output, target)]
    return {
        "mae": np.abs(apart).mean(),
        "mse": (apart**2).mean(),
        "rmse": math.sqrt((apart**2).mean()),
        "mape": (np.abs(apart) / np.abs(target)).mean(),
        "r2": (1 - (apart**2).sum(0) / (spread**2).sum(0)).mean(),
        "explained_variance": (1 - apart.var(0) / target.var(0)).mean(),
        "pearson": float(np.corrcoef(output[:, 0], target[:, 0])[0, 1]),
        "spearman": float(np.corrcoef(*ranks)[0, 1]),
    }


VALUES = (
    "MeanAbsoluteError, MeanSquaredError, MeanSquaredError: false, MeanAbsolutePercentageError, R2Score, "
    "ExplainedVariance"
)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "offset"), [(1, 0.0), (3, 0.0), (1, 180_000.0)], ids=["one", "three", "far from 0"])
def test_the_figures_of_values_are_those_of_their_definitions(size: int, offset: float, tmp_path: Path) -> None:
    x = numbers(0, 300, 5)
    y = x[:, :size] * 2 + 0.3 * numbers(1, 300, size) + 0.05 + offset
    metrics = f"[{VALUES}{', PearsonCorrCoef, SpearmanCorrCoef' if size == 1 else ''}]"
    start = f"{{constant_: {offset}}}" if offset else "zeros_"
    layer = f"{{Linear: {size}, init: {{bias: {start}}}}}"
    run, record = trained(layer, "SmoothL1Loss", metrics, x, y, tmp_path / "run")
    expected = of_values(run.predict(x).double().numpy(), y.double().numpy())
    found = {name.removeprefix("test_"): value for name, value in record.parts.items()}
    assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-6, abs=1e-7)


@pytest.mark.slow
def test_an_output_that_is_a_logarithm_is_compared_as_what_it_means(tmp_path: Path) -> None:
    x = numbers(0, 80, 3)
    y = torch.poisson(x[:, :1].exp(), generator=torch.Generator().manual_seed(0))
    run, record = trained("Linear: 1", "PoissonNLLLoss", "[MeanAbsoluteError]", x, y, tmp_path / "run")
    assert record.parts["test_mae"] == pytest.approx(float((run.predict(x).exp() - y).abs().mean()), rel=1e-5)


# ---- what follows a figure


def test_the_best_checkpoint_is_that_of_the_metric(tmp_path: Path) -> None:
    recipe = {"metrics": ["F1Score"], "validation": 0.3, "epochs": 6, "best": "validation_f1"}
    result = finish(small_net(PLAIN, **recipe), tmp_path / "run")
    figures = [record.parts["validation_f1"] or 0.0 for record in result.records]
    best = netspec.open_run(result.run, best=True).evaluate(split="validation")
    record = result.records[figures.index(max(figures))]
    assert (best["f1"], best["loss"]) == (max(figures), record.validation_loss)


def test_less_of_an_error_is_better(tmp_path: Path) -> None:
    text = PLAIN.replace("CrossEntropyLoss", "MSELoss")
    recipe = {"metrics": ["MeanAbsoluteError"], "validation": 0.3, "epochs": 6, "best": "validation_mae"}
    recipe |= {"optimizer": {"SGD": {"lr": 0.9}}}
    result = finish(small_net(text, **recipe), tmp_path / "run")
    figures = [record.parts["validation_mae"] or math.inf for record in result.records]
    best = netspec.open_run(result.run, best=True).evaluate(split="validation")
    record = result.records[figures.index(min(figures))]
    assert (best["mae"], best["loss"]) == (min(figures), record.validation_loss)


@pytest.mark.slow
def test_a_run_with_metrics_resumes_to_the_bit(tmp_path: Path) -> None:
    recipe = {"metrics": ["AUROC", "F1Score"], "validation": 0.3, "epochs": 4, "best": "validation_auroc"}
    net = small_net(PLAIN, **recipe)
    whole = finish(net, tmp_path / "whole")
    run_until(net, tmp_path / "parts", 7)
    parts = finish(net, tmp_path / "parts")
    assert [r.parts for r in parts.records] == [r.parts for r in whole.records]


def test_of_several_outputs_a_metric_reads_its_own(tmp_path: Path) -> None:
    text = """
input: [5]
layers: [Linear: 8, ReLU]
output: {kind: [Linear: 3], size: [Linear: 1]}
train:
  data: {synthetic: {train: 64, test: 40}}
  batch_size: 16
  epochs: 2
  optimizer: {SGD: {lr: 0.1}}
  loss: [{CrossEntropyLoss: , of: kind}, {MSELoss: , of: size, target: sizes}]
  metrics: [{F1Score: , of: kind}, MeanAbsoluteError]
"""
    record = finish(netspec.loads(text), tmp_path / "run").records[-1]
    assert {"test_f1/kind", "test_mae"} <= set(record.parts)


@pytest.mark.slow
@pytest.mark.parametrize("scheduled", ["min", "max"])
def test_a_plateau_follows_the_figure_that_its_mode_says_whatever_the_best_is(scheduled: str, tmp_path: Path) -> None:
    """`mode: min` watches the loss also where the accuracy chooses the best checkpoint."""
    plateau: dict[str, Any] = {"mode": scheduled, "patience": 0, "factor": 0.5, "threshold": 0.0}
    recipe = {"validation": 0.4, "epochs": 8, "scheduler": {"ReduceLROnPlateau": plateau}}
    recipe |= {"optimizer": {"SGD": {"lr": 2.0}}}
    rates: list[float] = []

    class Rates(netspec.Callback):
        def after_epoch(self, event: Any) -> None:
            rates.append(event.learning_rates[0])

    net = small_net(PLAIN, **recipe)
    result = netspec.train(net, run=tmp_path / "run", quiet=True, callbacks=[Rates()])
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=2.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **plateau)
    column: Callable[[Record], Any] = lambda r: r.validation_loss if scheduled == "min" else r.validation_accuracy  # noqa: E731  # a word
    expected: list[float] = []
    for record in result.records:
        schedule.step(column(record))
        expected.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx(expected)
