"""The pictures of a sweep can be read: no words cross each other, whatever the values are called."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("matplotlib")

from netspec.trainer.run.overview import Run
from netspec.trainer.run.records import Record
from netspec.trainer.show.sweep_plot import apart, parallel_figure, scatter_figure, shortened

LR, KIND, WIDTHS = "train.optimizer.AdamW.lr", "activation_of_the_hidden_layers", "widths"
KINDS = ("LeakyReLU(negative_slope=0.2)", "LeakyReLU(negative_slope=0.01)", "GELU(approximate=tanh)")
RATES = (1e-5, 1e-3, 1.1e-3, 0.1, 0.002)


def runs() -> list[Run]:
    made: list[Run] = []
    for i, rate in enumerate(RATES):
        widths = [64, 128, 256, 512 * (1 + i)] if i < 2 else [32, 32]
        point = {LR: rate, "decay": 1e-3 * i * i, KIND: KINDS[i % 3], WIDTHS: widths}
        record = Record(
            epoch=1, step=1, train_loss=0.5, train_accuracy=None, validation_loss=None, test_loss=None,
            validation_accuracy=0.8 + 0.0001 * i**3, test_accuracy=None, seconds=1.0, examples_per_second=1.0,
        )  # fmt: skip
        made.append(Run(Path(f"r-{i}"), "net", 10**9 + 7**i, {}, [record], True, "cpu", trial={"point": point}))
    return made


def overlaps(figure: Any) -> Iterator[tuple[str, str]]:
    """The words of a figure that cross others."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    beyond = {  # a locator has some, which are not drawn
        label
        for panel in figure.axes
        for axis, (low, high) in ((panel.xaxis, panel.get_xlim()), (panel.yaxis, panel.get_ylim()))
        for place, label in zip(
            axis.get_ticklocs(), axis.get_ticklabels(), strict=False
        )  # fewer where panels share an axis
        if not low <= place <= high
    }
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    texts = [text for text in texts if text not in beyond and text.get_rotation() in (0, 90)]
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer()).shrunk(0.95, 0.9)) for text in texts]
    for (one, a), (other, b) in combinations(boxes, 2):
        if a.overlaps(b) and one != other:
            yield one, other


def test_no_words_cross_in_parallel_coordinates() -> None:
    figure = parallel_figure(runs(), "validation_accuracy", [LR, "decay", KIND, WIDTHS])
    assert list(overlaps(figure)) == []


def test_no_words_cross_below_panels_and_a_wide_span_is_logarithmic() -> None:
    figure = scatter_figure(runs(), "validation_accuracy", [LR, KIND, WIDTHS, "params", "decay"])
    assert list(overlaps(figure)) == []
    rates, kinds, *_ = figure.axes
    assert rates.get_xscale() == "log"
    assert [label.get_rotation() for label in kinds.get_xticklabels()] == [30.0] * 3
    assert len({label.get_text() for label in kinds.get_xticklabels()}) == 3


@given(st.lists(st.floats(0, 1), max_size=40))
def test_marks_are_apart_and_hold_the_ends(places: list[float]) -> None:
    marks = apart([(place, str(place)) for place in places])
    kept = [place for place, _ in marks]
    assert all(b - a >= 0.045 for a, b in pairwise(kept))
    assert not places or kept[-1] == max(places)
    if places and max(places) - min(places) >= 0.045:
        assert kept[0] == min(places)


@given(st.text("abc", max_size=60), st.integers(3, 30))
def test_a_long_word_keeps_its_beginning_and_its_end(word: str, most: int) -> None:
    short = shortened(word, most)
    assert len(short) <= most and (short == word or (len(short) == most and short[-1] == word[-1]))
