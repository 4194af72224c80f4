"""What the study measures goes through, on a few pictures: training, gradients, times, classical methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from docs.study import classical, pictures, tensors, training
from docs.study.store import ROOT, Results

RESULTS = Results()


@pytest.mark.parametrize("variant", training.PIECES)
def test_a_row_of_a_training_has_what_the_rows_of_the_study_have(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    data = ("train.data={synthetic: {train: 80, test: 20}}", "train.epochs=2", "train.validation=0.2")
    tiny = training.Training("pieces", "tiny", "docs/study/lenet_pieces.yaml", variant, 1, 40, data, rate=0.1)
    row = training.measured(tiny, tmp_path / "run")
    wanted = next(iter(RESULTS.part("pieces").values()))
    assert list(row) == list(wanted)
    assert row["examples"] == {"train": 40, "validation": 16, "test": 20}
    assert (row["epochs"], row["steps"], len(row["test_curve"])) == (2, 4, 2)
    assert training.measured(tiny, tmp_path / "run") == row, "a finished run is read, not repeated"


def some_pictures(count: int) -> tuple[classical.Pixels, classical.Labels]:
    """Bright at the left or at the right, by class."""
    random = np.random.default_rng(0)
    y = np.arange(count) % 2
    x = random.random((count, 28, 28), dtype=np.float32) * 0.2
    for picture, label in zip(x, y, strict=True):
        picture[4:24, 16 * label : 16 * label + 10] += 0.7
    return x, y


@pytest.mark.parametrize("name", tensors.GRADIENTS)
def test_gradients_of_a_net_are_told_as_the_rows_of_the_study_are(name: str) -> None:
    x, y = map(torch.from_numpy, some_pictures(16))
    row = tensors.gradients(*tensors.GRADIENTS[name], x, y)
    assert list(row) == list(RESULTS.part("gradients")[name])
    assert 0 < row["first"] < 1
    assert 0 < row["last"] < 1


def test_a_forward_pass_is_timed() -> None:
    assert 0 < tensors.seconds_forward("specs/lenet.yaml", 2, 2) < 1


@pytest.mark.parametrize("name", classical.METHODS)
def test_a_classical_method_tells_apart_what_is_easy(name: str) -> None:
    pytest.importorskip("sklearn", reason="the extra `study` is not installed")
    pytest.importorskip("skimage", reason="the extra `study` is not installed")
    method, (x, y) = classical.METHODS[name], some_pictures(40)
    chosen = classical.best(RESULTS.part("tuning")[name]) if method.grid else {}
    seen = classical.features(method.features, x[:30])
    model = classical.classifier(method, chosen, seen, 0).fit(seen, y[:30])
    assert (classical.saying(method, model)(x[30:]) == y[30:]).all()


def test_a_grid_has_every_combination() -> None:
    tried = list(classical.grid(classical.METHODS["RBF SVM on pixels"]))
    assert len(tried) == 12
    assert tried[0] == {"C": 0.1, "gamma": 0.1}
    assert len({tuple(one.values()) for one in tried}) == 12


@pytest.mark.parametrize(("by", "axis"), [(2, 1), (-2, 1), (2, 2), (-2, 2), (0, 1)])
def test_a_picture_is_moved_and_what_comes_in_is_black(by: int, axis: int) -> None:
    x = np.arange(1, 1 + 2 * 28 * 28, dtype=np.float32).reshape(2, 28, 28)
    moved = classical.shifted(x, by, axis)
    assert ((moved == 0).sum(axis=(1, 2)) == abs(by) * 28).all()
    kept = slice(max(by, 0), 28 + min(by, 0))
    source = slice(max(-by, 0), 28 + min(-by, 0))
    assert np.array_equal(np.take(moved, range(28)[kept], axis), np.take(x, range(28)[source], axis))


def test_the_charts_are_those_of_the_results() -> None:
    """If this fails, run `python docs/study/run.py pictures`."""
    assert pictures.stale(RESULTS) == []


def test_a_chart_of_other_figures_is_found() -> None:
    data = pictures.where(RESULTS)
    held = (pictures.IMAGES / "study-where.svg").read_text(encoding="utf-8")
    assert pictures.fingerprint(data) in held
    data["LeNet"]["params"][0] = ("Conv2d 1", 0.5)
    assert pictures.fingerprint(data) not in held
