"""What people see while a net trains: the line of an epoch, and the bar on terminals of any width."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.trainer.measure.metrics import Score
from netspec.trainer.run.records import Record, figure_text
from netspec.trainer.show import curves
from netspec.trainer.show.pace import Pace
from tests.train.small_runs import PLAIN, finish, small_net
from tests.train.test_loop import Remarks

LOSSES = st.floats(min_value=0.0, allow_infinity=False)
SHARES = st.floats(0.0, 1.0)


def record(**values: float | None) -> Record:
    """An epoch with everything measured."""
    ordinary: dict[str, float | None] = {
        "train_loss": 2.6164, "train_accuracy": 0.09, "validation_loss": 2.36654, "validation_accuracy": 0.103,
        "test_loss": 2.3665, "test_accuracy": 0.103, "seconds": 12.34, "examples_per_second": 15303.4,
    }  # fmt: skip
    return Record(epoch=1, step=10, **(ordinary | values))  # pyright: ignore[reportArgumentType]  # some may be None


# ---- the line of an epoch


def test_the_line_of_an_epoch_holds_every_figure_in_80_columns() -> None:
    line = record().line
    assert line == "epoch   1  loss 2.6164 acc 0.0900  val 2.3665 0.1030  test 2.3665 0.1030  12.3 s"
    assert len(line) == 80


def test_the_speed_is_told_where_it_fits() -> None:
    line = record(validation_loss=None, validation_accuracy=None).line
    assert line == "epoch   1  loss 2.6164 acc 0.0900  test 2.3665 0.1030  12.3 s  15,303 examples/s"
    assert len(line) == 80
    assert record(train_accuracy=None, validation_accuracy=None, test_accuracy=None, seconds=4567.8).line == (
        "epoch   1  loss 2.6164  val 2.3665  test 2.3665  4568 s  15,303 examples/s"
    )


PARTS = {f"{part}_{key}": 0.5 for part in ("validation", "test") for key in ("precision", "recall", "mcc", "iou")}


def test_the_figure_that_chooses_the_best_epoch_is_in_its_line() -> None:
    """In front of the others where they fit, and alone where they do not."""
    one = record(train_accuracy=None, validation_accuracy=None, test_loss=None, test_accuracy=None)
    wide = replace(one, parts={"validation_mae": 0.25, "validation_r2": 0.75})
    assert wide.line.startswith("epoch   1  loss 2.6164  val 2.3665 mae 0.2500 r2 0.7500  ")
    assert wide.line_for("validation_r2").startswith("epoch   1  loss 2.6164  val 2.3665 r2 0.7500 mae 0.2500  ")
    many = replace(record(), parts=PARTS)
    assert " mcc " not in many.line
    line = many.line_for("validation_mcc")
    assert re.search(r"val 2\.37 0\.10 mcc 0\.50  test", line) and len(line) <= 80
    assert record().line_for("validation_accuracy") == record().line


@given(LOSSES, LOSSES, LOSSES, SHARES, st.floats(0.0, 9999.0))
def test_no_line_of_an_epoch_is_wider_than_80_columns(
    train: float, validation: float, test: float, share: float, seconds: float
) -> None:
    shown = record(
        train_loss=train, validation_loss=validation, test_loss=test, train_accuracy=share, validation_accuracy=share,
        test_accuracy=share, seconds=seconds,
    )  # fmt: skip
    assert len(shown.line) <= 80
    assert len(replace(shown, parts=PARTS).line_for("validation_mcc")) <= 80


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, 4, "0.0000"),
        (9.87654, 4, "9.8765"),
        (12.3456, 4, "12.346"),
        (99999.96, 4, "100000.0"),
        (100000.0, 4, "1.000e+05"),
        (3548965388513390329071178612736.0, 4, "3.549e+30"),
        (3548965388513390329071178612736.0, 3, "3.549e+30"),
        (-3548965388513390329071178612736.0, 2, "-3.55e+30"),
        (float("nan"), 4, "nan"),
        (float("inf"), 4, "inf"),
        (None, 4, ""),
    ],
)
def test_figures_are_short_however_large_they_are(value: float | None, digits: int, text: str) -> None:
    assert figure_text(value, digits) == text


def test_the_legend_of_the_curves_writes_a_huge_loss_short() -> None:
    picture = curves.draw_curves([record(test_loss=3548965388513390329071178612736.0)], "")
    assert ">test 3.549e+30<" in picture


# ---- the bar


@given(st.integers(0, 120), st.floats(0.0, 99.0), st.floats(0.0, 1.0))
def test_facts_fit_their_room_and_lose_memory_first_then_the_speed(room: int, loss: float, share: float) -> None:
    pace = Pace(lambda: "1.2 GiB")
    pace.begin(epochs=3, steps=10, examples=1000, epoch=0)
    facts = pace.facts(5, Score(loss, share), 500, room)
    assert len(facts) <= max(room, len("loss 0.000"))
    kept = [word in facts for word in ("loss", "left", "acc", "ex/s", "GiB")]
    assert kept == sorted(kept, reverse=True)


@pytest.mark.slow
def test_a_run_says_what_it_does_between_its_steps(tmp_path: Path) -> None:
    said = Remarks()
    finish(small_net(PLAIN, epochs=1, validation=0.3), tmp_path / "run", reporter=said, report=True)
    assert said.done == [
        "evaluating validation", "evaluating test", "drawing curves.svg", "writing a checkpoint", "writing report.html",
    ]  # fmt: skip


ON_A_TERMINAL = """
import fcntl, struct, sys, termios
import netspec
from netspec.trainer.show import pace
from tests.train.small_runs import PLAIN, small_net

pace.PER_SECOND = 1e9  # every step shows
net = small_net(PLAIN.replace("train: 36", "train: 320"), validation=0.25)
for columns in sys.argv[2:]:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
    netspec.train(net, run=f"{sys.argv[1]}/{columns}")
    print("the end", flush=True)
"""
COLUMNS = [50, 80, 160]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    """The lines that a run shows on a terminal of so many columns, each state of the bar a line."""
    main, side = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, str(tmp_path_factory.mktemp("runs")), *map(str, COLUMNS)],
        stdin=side, stdout=side, stderr=side, env=environment | {"TERM": "xterm"},
    )  # fmt: skip
    os.close(side)
    written = b""
    try:
        while part := os.read(main, 65536):
            written += part
    except OSError:  # Linux says so that the other side has closed
        pass
    os.close(main)
    assert process.wait() == 0, written.decode()
    *runs, rest = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode()).split("the end")
    assert not rest.strip()
    lines = ([line.rstrip() for line in re.split(r"[\r\n]+", run) if line.strip()] for run in runs)
    return dict(zip(COLUMNS, lines, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("columns", COLUMNS)
def test_the_bar_fits_the_terminal_fills_before_each_evaluation_and_never_jumps(
    columns: int, shown: dict[int, list[str]]
) -> None:
    lines = shown[columns]
    bars = [line for line in lines if "━" in line]
    assert max(map(len, bars)) <= columns
    assert len({len(re.sub(r"[^━╸╺]", "", line)) for line in bars}) == 1
    assert len({len(re.split("[━╸╺]", line)[0]) for line in bars}) == 1
    for words in ("evaluating validation", "evaluating test", "writing report.html"):
        full = [line for line in bars if line.endswith(words)]
        assert full
        assert all("╸" not in line and "╺" not in line for line in full)
    facts = [line for line in bars if "loss" in line]
    assert all("left" in line for line in facts)
    assert all(("ex/s" in line, "MiB" in line or "GiB" in line) == (columns >= 80, columns >= 160) for line in facts)
    epochs = [line for line in lines if re.match(r"epoch   [123]  loss ", line)]
    assert len(epochs) == 3
    assert all(a <= b for a, b in pairwise([line[8] for line in epochs]))
