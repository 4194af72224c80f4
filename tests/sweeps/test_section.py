"""`sweep:` in a spec: what is wrong with it has a place, and its space is what it says."""

from __future__ import annotations

import random

import pytest

import netspec
from netspec.space.axes import Choice, Range, Space, label, told
from netspec.sweeps.fitting import Base, Rejection
from netspec.text.source import Source

SPEC = """
input: [1, 8, 8]
vars: {width: 4, kernel: 3, act: ReLU}
variants: {wide: {width: 8}, narrow: {width: 2}}
layers:
  - Conv2d: {out_channels: width, kernel_size: kernel}
  - $act
  - Flatten
  - Linear: 4
train:
  data: {synthetic: {train: 64, test: 16}}
  validation: 0.25
  batch_size: 16
  epochs: 2
  optimizer: {SGD: {lr: 0.1}}
  loss: CrossEntropyLoss
sweep:
"""
GOOD = "  over: {width: [2, 4], kernel: {from: 3, to: 9, step: 2}}\n"


def findings(section: str, spec: str = SPEC) -> list[tuple[str, int, int]]:
    return [(d.code, d.span.line, d.span.column) for d in netspec.check("s.yaml", spec + section)]


def swept(section: str, spec: str = SPEC) -> tuple[Base, netspec.Net | Rejection]:
    base = Base(Source("s.yaml", spec + section))
    return base, base.tried({}, base.sweep())


def test_a_right_section_is_silent() -> None:
    assert findings(GOOD) == []


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ("  over: {widht: [2, 4]}\n", ("not-settable", 18, 10)),
        ("  over: {train.optimizer.Adam.lr: [1, 2]}\n", ("not-settable", 18, 10)),
        ("  over: {train.optimizer: [SGD], train.optimizer.SGD.lr: [1]}\n", ("not-settable", 18, 34)),
        ("  over: {train.optimizer.SGD.lr: [0.1, fast]}\n", ("invalid-argument", 18, 40)),
        ("  over: {train.epochs: {from: 0, to: 3}}\n", ("invalid-argument", 18, 24)),
        ("  over: {variant: [wide, slim]}\n", ("unknown-name", 18, 26)),
        ("  over: {width: 4}\n", ("wrong-form", 18, 17)),
        ("  over: {width: []}\n", ("wrong-form", 18, 17)),
        ("  over: {width: [4, 4]}\n", ("invalid-argument", 18, 21)),
        ("  over: {width: {from: 4}}\n", ("missing-argument", 18, 10)),
        ("  over: {width: {from: 8, to: 4}}\n", ("invalid-argument", 18, 17)),
        ("  over: {width: {from: 1, to: 4, stp: 1}}\n", ("unknown-key", 18, 34)),
        ("  over: {width: {from: 0, to: 4, log: true}}\n", ("invalid-argument", 18, 17)),
        ("  over: {width: {from: 1, to: 4, step: 1, count: 2}}\n", ("invalid-argument", 18, 17)),
        ("  over: []\n", ("wrong-form", 18, 9)),
        ("  trials: 3\n", ("missing-key", 18, 3)),
        ("  metric: f1\n" + GOOD, ("unknown-figure", 18, 11)),
        ("  trials: none\n" + GOOD, ("invalid-argument", 18, 11)),
        ("  sampler: best\n" + GOOD, ("invalid-argument", 18, 12)),
        ("  trails: 3\n" + GOOD, ("unknown-key", 18, 3)),
        ("  limit: {parameters: 3}\n" + GOOD, ("unknown-key", 18, 11)),
        ("  limit: {params: many}\n" + GOOD, ("invalid-argument", 18, 19)),
        ("  limit: 3\n" + GOOD, ("wrong-form", 18, 10)),
        ("  sampler: grid\n  over: {train.optimizer.SGD.lr: {from: 0.1, to: 1}}\n", ("invalid-argument", 19, 34)),
        ("  storage: x.db\n" + GOOD, ("unknown-key", 18, 3)),
    ],
)  # fmt: skip
def test_a_mistake_is_an_error_with_its_place(section: str, found: tuple[str, int, int]) -> None:
    assert findings(section) == [found]


def test_without_validation_data_there_is_no_validation_metric() -> None:
    spec = SPEC.replace("  validation: 0.25\n", "")
    (found,) = netspec.check("s.yaml", spec + "  metric: accuracy\n" + GOOD)
    assert found.code == "unknown-figure"
    assert found.help is not None
    assert "validation: 0.1" in found.help
    assert findings("  metric: test_accuracy\n" + GOOD, spec) == []


def test_a_metric_that_is_called_otherwise_is_answered_with_the_figure() -> None:
    spec = SPEC.replace("  validation: 0.25\n", "  validation: 0.25\n  metrics: [F1Score]\n")
    for metric, help_ in (
        ("F1Score", "did you mean `validation_f1`?"),
        ("test_dice", "did you mean `test_f1`?"),
        ("iou", "add `JaccardIndex` to `metrics`: its figure is `validation_iou`"),
    ):
        (found,) = netspec.check("s.yaml", f"{spec}  metric: {metric}\n{GOOD}")
        assert (found.code, found.help) == ("unknown-figure", help_)


def test_without_a_recipe_there_is_nothing_to_sweep() -> None:
    spec = SPEC[: SPEC.index("train:")] + "sweep:\n"
    assert [code for code, *_ in findings(GOOD, spec)] == ["missing-key"]


def test_a_key_of_one_of_the_variants_that_are_swept_will_do() -> None:
    spec = SPEC.replace("variants: {wide: {width: 8}", "variants: {wide: {width: 8, more: 1}")
    assert ("not-settable", 18, 10) in findings("  over: {more: [1, 2]}\n", spec)
    assert "not-settable" not in [code for code, *_ in findings("  over: {variant: [wide], more: [1, 2]}\n", spec)]


def test_a_range_is_the_numbers_that_it_says() -> None:
    assert Range("k", 3, 15, 4).listed() == (3, 7, 11, 15)
    assert Range("k", 3, 6).listed() == (3, 4, 5, 6)
    assert Range("k", 0.1, 0.5, 0.2).size == 3
    assert Range("lr", 1e-4, 1e-1, log=True).size is None
    base, _ = swept("  over: {train.optimizer.SGD.lr: {from: 0.01, to: 1, log: true, count: 3}}\n")
    (axis,) = base.sweep().space.axes
    assert axis == Choice("train.optimizer.SGD.lr", (0.01, 0.1, 1))


def test_what_is_drawn_is_in_the_space() -> None:
    axes = (Range("a", 1, 1000, log=True), Range("b", 0.0, 1.0), Range("c", 3, 15, 4), Choice("d", ("x", [1])))
    generator = random.Random(0)
    points = [Space(axes).drawn(generator) for _ in range(300)]
    assert all(1 <= p["a"] <= 1000 and 0 <= p["b"] <= 1 and p["c"] in (3, 7, 11, 15) for p in points)
    assert {type(p["a"]) for p in points} == {int}
    assert sum(p["a"] <= 31 for p in points) > 110  # half of them, and three in a hundred without `log`
    assert told(points[0]).startswith("a ")
    assert label([1]) == "[1]"


def test_a_point_is_compiled_and_held_against_the_limits() -> None:
    base, net = swept("  limit: {params: 200, memory: {at_most: 1 GiB}}\n" + GOOD)
    plan = base.sweep()
    assert isinstance(net, Rejection)
    assert net.code == "limit params"
    assert net.violated["params"] == pytest.approx(620 / 200 - 1)
    small = base.tried({"width": 1, "kernel": 7}, plan)
    assert isinstance(small, netspec.Net)
    large = base.tried({"kernel": 9}, plan)
    assert isinstance(large, Rejection)
    assert large.code == "shape-mismatch"
    assert large.violated == {"compiles": 1.0}


def test_memory_is_a_limit() -> None:
    _, net = swept("  limit: {memory: 1 KiB}\n" + GOOD)
    assert isinstance(net, Rejection)
    assert net.code == "limit memory"


def test_what_is_set_for_all_trials_is_not_swept_over() -> None:
    base = Base(Source("s.yaml", SPEC + GOOD), settings={"width": 4})
    with pytest.raises(netspec.UsageError, match="goes over `width`"):
        base.sweep()


def test_a_spec_without_a_sweep_says_so() -> None:
    base = Base(Source("s.yaml", SPEC.removesuffix("sweep:\n")))
    with pytest.raises(netspec.UsageError, match="no `sweep:`"):
        base.sweep()
