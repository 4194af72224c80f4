"""What was there before: support vector machines and a random forest, on pixels and on histograms of gradients (HOG).

They see the very pictures that LeNet was trained on with the same seed. C and gamma are chosen by pictures held out for
validation, from 2,000 training pictures of the seed for choosing. Needs the extra `study`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import netspec
from docs.study.store import ROOT, Results, Row, versions
from docs.study.training import CHOOSING, SEEDS, measured, schedule

Pixels = npt.NDArray[np.float32]
"""(N, 28, 28), from 0 to 1."""
Features = npt.NDArray[np.float32]
"""(N, features)."""
Labels = npt.NDArray[np.int64]

TRAINED = 10_000
TUNED = 2_000
"""Training pictures for choosing C and gamma."""


class Pictures(NamedTuple):
    """Pictures and their classes, as one seed draws them."""

    train: tuple[Pixels, Labels]
    validation: tuple[Pixels, Labels]
    test: tuple[Pixels, Labels]


class Method(NamedTuple):
    """A classifier on features, with the values that are tried for its arguments."""

    classifier: str
    features: str
    grid: dict[str, tuple[float, ...]]


METHODS = {
    "RBF SVM on pixels": Method("rbf", "pixels", {"C": (0.1, 1.0, 10.0, 100.0), "gamma": (0.1, 1.0, 10.0)}),
    "RBF SVM on HOG": Method("rbf", "hog", {"C": (0.1, 1.0, 10.0, 100.0), "gamma": (0.1, 1.0, 10.0)}),
    "linear SVM on pixels": Method("linear", "pixels", {"C": (0.001, 0.01, 0.1, 1.0)}),
    "linear SVM on HOG": Method("linear", "hog", {"C": (0.001, 0.01, 0.1, 1.0)}),
    "random forest on pixels": Method("forest", "pixels", {}),
    "random forest on HOG": Method("forest", "hog", {}),
}


@cache
def pictures(examples: int, seed: int) -> Pictures:
    """The pictures that `netspec train docs/study/lenet_pieces.yaml --examples … --set train.seed=…` draws."""
    from netspec.trainer.data.ends import given_of
    from netspec.trainer.data.load import load_data

    net = netspec.load(ROOT / "docs/study/lenet_pieces.yaml", variant="relu_max", set={"train.seed": seed})
    assert net.recipe is not None
    splits = load_data(net.recipe, *given_of(net), "cpu")
    splits.limit(examples, seed)
    return Pictures(*(_arrays(splits.parts[name]) for name in Pictures._fields))


def _arrays(split: Any) -> tuple[Pixels, Labels]:
    batch = split.fetch(split.rows)
    return batch.x.squeeze(1).numpy(), batch.y.numpy()


def features(kind: str, x: Pixels) -> Features:
    """Pixels as they are, or histograms of oriented gradients: 9 directions, cells of 4 × 4, blocks of 2 × 2 cells."""
    if kind == "pixels":
        return x.reshape(len(x), -1)
    from skimage.feature import hog

    given = {"orientations": 9, "pixels_per_cell": (4, 4), "cells_per_block": (2, 2), "block_norm": "L2-Hys"}
    return np.stack([hog(picture, **given) for picture in x]).astype(np.float32)


def classifier(method: Method, chosen: dict[str, float], x: Features, seed: int) -> Any:
    """One of scikit-learn's. `gamma` is in units of what scikit-learn calls "scale": 1 / (features · variance)."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.svm import SVC, LinearSVC

    if (
        method.classifier == "rbf"
    ):  # with the kernel of all pairs as one product of matrices, which is several times faster
        gamma = chosen["gamma"] / (x.shape[1] * float(x.var()))
        return SVC(C=chosen["C"], kernel=partial(rbf_kernel, gamma=gamma))
    if method.classifier == "linear":
        return LinearSVC(C=chosen["C"], random_state=seed)
    return RandomForestClassifier(n_estimators=100, random_state=seed)


@cache
def _drawn(kind: str, examples: int, seed: int, part: str) -> Features:
    """The features of drawn pictures, which several methods share."""
    return features(kind, getattr(pictures(examples, seed), part)[0])


def saying(method: Method, model: Any) -> Callable[[Pixels], Labels]:
    """What says the class of pictures by a trained model."""
    return lambda pixels: model.predict(features(method.features, pixels))


def _right(said: Labels, y: Labels) -> float:
    """Share of pictures whose class is said rightly, to four places."""
    return round(float((said == y).mean()), 4)


# ---- choosing


def grid(method: Method) -> Iterator[dict[str, float]]:
    """Every combination of a method's values."""
    names = list(method.grid)
    for values in np.stack(np.meshgrid(*method.grid.values(), indexing="ij"), -1).reshape(-1, len(names)):
        yield dict(zip(names, map(float, values), strict=True))


def tune(name: str) -> Row:
    """Accuracy on the pictures held out, of every combination, trained on few."""
    method, drawn = METHODS[name], pictures(TUNED, CHOOSING)
    x, held = (_drawn(method.features, TUNED, CHOOSING, part) for part in ("train", "validation"))
    tried = []
    for chosen in grid(method):
        model = classifier(method, chosen, x, CHOOSING).fit(x, drawn.train[1])
        tried.append(chosen | {"validation_accuracy": _right(model.predict(held), drawn.validation[1])})
    return {
        "command": "python docs/study/run.py classical",
        "seed": CHOOSING,
        "examples": {"train": len(drawn.train[1]), "validation": len(drawn.validation[1])},
        "tried": tried,
        "versions": versions("scikit-learn", "scikit-image", "numpy"),
    }


def best(tuned: Row) -> dict[str, float]:
    """The combination with the highest accuracy, the first of equals."""
    found = max(tuned["tried"], key=lambda row: row["validation_accuracy"])
    return {name: value for name, value in found.items() if name != "validation_accuracy"}


# ---- measuring


def measure(name: str, chosen: dict[str, float], seed: int) -> tuple[Row, Callable[[Pixels], Labels]]:
    """Train on all pictures of a seed and test on all test pictures."""
    method, drawn = METHODS[name], pictures(TRAINED, seed)
    x, unseen = (_drawn(method.features, TRAINED, seed, part) for part in ("train", "test"))
    started = time.process_time()
    model = classifier(method, chosen, x, seed).fit(x, drawn.train[1])
    trained = time.process_time()
    said = model.predict(unseen)
    row = {
        "command": "python docs/study/run.py classical",
        "seed": seed,
        "examples": {"train": len(drawn.train[1]), "test": len(drawn.test[1])},
        "chosen": chosen,
        "test_accuracy": _right(said, drawn.test[1]),
        "cpu_seconds_training": round(trained - started, 1),
        "cpu_seconds_testing": round(time.process_time() - trained, 1),
        "versions": versions("scikit-learn", "scikit-image", "numpy"),
    }
    return row, saying(method, model)


def measure_all(results: Results, again: bool) -> None:
    """The parts `tuning`, `classical` and `shifts`."""
    for name, method in METHODS.items():
        if method.grid and (again or name not in results.part("tuning")):
            results.put("tuning", name, tune(name))
        chosen = best(results.part("tuning")[name]) if method.grid else {}
        for seed in SEEDS:
            key = f"{name} seed={seed}"
            wanted = seed == SEEDS[0] and (again or name not in results.part("shifts"))
            if again or wanted or key not in results.part("classical"):
                row, predict = measure(name, chosen, seed)
                results.put("classical", key, row)
                print(f"classical: {key}: test {row['test_accuracy']:.4f}", flush=True)
                if wanted:
                    results.put("shifts", name, shifts(predict, seed))
    if again or "LeNet" not in results.part("shifts"):
        results.put("shifts", "LeNet", shifts(lenet(results, SEEDS[0]), SEEDS[0]))


# ---- pictures that are not where they were


SHIFTS = (0, 1, 2, 3, 4)
SHIFTED = 500


def shifted(x: Pixels, pixels: int, axis: int) -> Pixels:
    """Pictures moved by so many pixels along an axis, black where nothing was."""
    moved = np.roll(x, pixels, axis)
    empty = slice(0, pixels) if pixels > 0 else slice(pixels, None)
    if pixels:
        moved[(slice(None),) * axis + (empty,)] = 0
    return moved


def shifts(predict: Callable[[Pixels], Labels], seed: int) -> Row:
    """Accuracy on test pictures that are moved, the mean over the four directions. Nothing was trained on such."""
    x, y = (values[:SHIFTED] for values in pictures(TRAINED, seed).test)
    found = {}
    for by in SHIFTS:
        moves = [(by, 1), (-by, 1), (by, 2), (-by, 2)] if by else [(0, 1)]
        found[str(by)] = round(float(np.mean([_right(predict(shifted(x, *move)), y) for move in moves])), 4)
    return {
        "command": "python docs/study/run.py classical",
        "seed": seed,
        "examples": {"train": TRAINED, "test": len(y)},
        "test_accuracy": found,
    }


def lenet(results: Results, seed: int) -> Callable[[Pixels], Labels]:
    """LeNet with ReLU and max pooling, as `netspec train` left it; trained if its run is not there."""
    import torch
    from safetensors.torch import load_file

    training = next(one for one in schedule(results) if one.seed == seed)
    measured(training)
    model = netspec.build(netspec.load(ROOT / training.spec, variant="relu_max"))
    model.load_state_dict(load_file(training.run / "model.safetensors"))
    model.eval()

    @torch.inference_mode()
    def predict(x: Pixels) -> Labels:
        return model(torch.from_numpy(np.ascontiguousarray(x)).unsqueeze(1)).argmax(1).numpy()

    return predict
