"""Pictures of many runs: parallel coordinates of what differs between them, or a metric against one key or several."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import isfinite, log10
from pathlib import Path
from typing import Any, Final, NamedTuple

from netspec.diagnostics import UsageError
from netspec.space.axes import label, value_text
from netspec.space.measure import direction_of
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.run.overview import Run
from netspec.trainer.run.picked import differences, lower_of, metric_of, need_key, value_of

ENDINGS: Final = (".svg", ".png", ".pdf")
_COLOURS: Final = "viridis"
_PLATE: Final = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
"""Behind the words on an axis, which lines cross."""


_LONGEST: Final = 22
"""So many letters of a value are shown."""
_NEAREST: Final = 0.045
"""Marks that are nearer to each other on an axis of length 1 would touch."""
_TICKS: Final = 4
"""So many intervals between numbers below a panel, which may be long."""
_ROOM: Final = 40
"""So many letters have room below a panel, side by side."""


class AxisScale(NamedTuple):
    """An axis: where each run stands on it, from 0 to 1, and the marks beside it."""

    name: str
    places: list[float | None]
    marks: list[tuple[float, str]]


def draw_runs(runs: Sequence[Run], file: Path, *, metric: str | None = None, against: Sequence[str] = ()) -> int:
    """Draw runs into a file.

    Args:
        runs: the runs; those without the metric are left out.
        file: an SVG, PNG or PDF.
        metric: the column of the records; that of their sweep if None.
        against: keys to draw the metric against, a panel for each; none for parallel coordinates.

    Returns:
        How many runs are drawn.

    Raises:
        UsageError: the file has another ending, there is nothing to draw, or no run has a key.
    """
    if file.suffix.lower() not in ENDINGS:
        raise UsageError(f"--plot {file}: the name ends with one of {', '.join(ENDINGS)}")
    metric = metric or metric_of(runs)
    need_key(runs, metric, f"--metric {metric}")
    for key in against:
        need_key(runs, key, f"--against {key}")
    shown = [run for run in runs if _is_number(value_of(run, metric))]
    if not shown:
        raise UsageError(f"--plot {file}: no run has a `{metric}` yet")
    keys = list(against) or list(differences(shown))
    if not keys:
        raise UsageError(f"--plot {file}: nothing differs between the runs; `--against KEY` draws them against a key")
    import matplotlib as untyped  # imported here, since it is slow

    matplotlib: Any = untyped
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "netspec", "font.size": 10}):
        figure = scatter_figure(shown, metric, keys) if against else parallel_figure(shown, metric, keys)
        stream = BytesIO()
        form = file.suffix[1:].lower()
        told = {"metadata": {"Date": None, "Creator": None}} if form == "svg" else {}
        figure.savefig(stream, format=form, dpi=150, **told)
    write_atomically(file, stream.getvalue())
    return len(shown)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


# ---- parallel coordinates


def parallel_figure(runs: Sequence[Run], metric: str, keys: Sequence[str]) -> Any:
    """An axis for each key, the last for the metric; a line for each run, the best on top and in full colour."""
    from matplotlib import colormaps

    with_params = len({run.params for run in runs}) > 1 and "params" not in keys
    names = [*keys, *(["params"] if with_params else []), metric]
    scales = [scale_of(name, [value_of(run, name) for run in runs]) for name in names]
    figure = _figure(max(6.0, 1.7 * len(names) + 1), 4.6)
    axes = figure.subplots()
    last = [0.5 if place is None else place for place in scales[-1].places]
    good = last if direction_of(metric, lower_of(runs)) == "maximize" else [1 - place for place in last]
    colours: Any = colormaps[_COLOURS]
    for i in sorted(range(len(runs)), key=lambda i: good[i]):
        ys = [0.0 if scale.places[i] is None else scale.places[i] for scale in scales]
        best = good[i] == max(good)
        axes.plot(range(len(names)), ys, color=colours(0.95 * good[i]), alpha=1.0 if best else 0.55,
                  linewidth=2.4 if best else 1.1, solid_joinstyle="round")  # fmt: skip
    for x, scale in enumerate(scales):
        axes.axvline(x, color="#444444", linewidth=0.8, zorder=0)
        for y, text in apart(scale.marks):
            axes.annotate(text, (x, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8, bbox=_PLATE)
    axes.set_xticks(range(len(names)), [_wrapped(name, names) for name in names])
    axes.set_xlim(-0.15, len(names) - 0.45)
    axes.set_yticks([])
    axes.set_ylim(-0.05, 1.05)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(f"{len(runs)} runs; yellow is the best {metric}", fontsize=10)
    return figure


def scale_of(name: str, values: Sequence[Any]) -> AxisScale:
    """Where values stand on an axis: numbers by their size, by its logarithm where they span two powers of ten; others
    at equal distances, in alphabetical order."""
    numbers = [float(value) for value in values if _is_number(value)]
    if numbers and all(value is None or _is_number(value) for value in values):
        low, high = min(numbers), max(numbers)
        by_log = low > 0 and high / low >= 100
        least, most = (log10(low), log10(high)) if by_log else (low, high)
        span = (most - least) or 1.0

        def place(value: float) -> float:
            return ((log10(value) if by_log else value) - least) / span if high > low else 0.5

        distinct = sorted(set(numbers))
        marked = distinct if len(distinct) <= 8 else _spread(low, high, by_log=by_log)
        return AxisScale(
            name, [None if value is None else place(float(value)) for value in values],
            [(place(number), _text(number)) for number in marked],
        )  # fmt: skip
    words = sorted({str(label(value)) for value in values})
    height = max(len(words) - 1, 1)
    places = {word: words.index(word) / height if len(words) > 1 else 0.5 for word in words}
    marks = [(y, shortened(word, _LONGEST)) for word, y in places.items()]
    return AxisScale(name, [places[str(label(value))] for value in values], marks)


def apart(marks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The marks of an axis that can be read: the first and the last, and of the others those that are not too near to
    one that is kept."""
    if len(marks) < 2:
        return list(marks)
    first, *inner, last = sorted(marks)
    kept = [first]
    for mark in inner:
        if mark[0] - kept[-1][0] >= _NEAREST and last[0] - mark[0] >= _NEAREST:
            kept.append(mark)
    return [*kept, last] if last[0] - first[0] >= _NEAREST else [last]


def shortened(word: str, most: int) -> str:
    """A word of at most so many letters: without its middle, since what differs is at the end more often."""
    head = (most - 1) // 2
    return word if len(word) <= most else f"{word[:head]}…{word[head + 1 - most :]}"


def _spread(low: float, high: float, *, by_log: bool) -> list[float]:
    """Five numbers from one to another."""
    if by_log:
        return [low * (high / low) ** (i / 4) for i in range(5)]
    return [low + (high - low) * i / 4 for i in range(5)]


def _text(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) and abs(number) < 1e9 else f"{number:.3g}"


def _wrapped(name: str, among: Sequence[str]) -> str:
    """A key in few letters; the parts of a metric under each other."""
    last = name.rpartition(".")[2]
    short = last if sum(other.rpartition(".")[2] == last for other in among) == 1 else name.replace(".", ".\n")
    return short.replace("_", "\n", 1)


# ---- against a key


def scatter_figure(runs: Sequence[Run], metric: str, keys: Sequence[str]) -> Any:
    """A panel for each key, with a point for each run."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    columns = min(len(keys), 3)
    rows = -(-len(keys) // columns)
    figure = _figure(3.6 * columns + 0.6, 3.1 * rows + 0.3)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    ys = [value_of(run, metric) for run in runs]
    for panel in panels[len(keys) :]:
        panel.set_axis_off()
    for i, (panel, key) in enumerate(zip(panels, keys, strict=False)):
        values = [value_of(run, key) for run in runs]
        if all(value is None or _is_number(value) for value in values):
            pairs = [(x, y) for x, y in zip(values, ys, strict=True) if x is not None]
            xs: list[float] = [x for x, _ in pairs]
            if min(xs) > 0 and max(xs) / min(xs) >= 100:
                panel.set_xscale("log")
            else:
                whole = all(x == int(x) for x in xs)
                panel.xaxis.set_major_locator(MaxNLocator(_TICKS, integer=whole))
                if whole and max(abs(x) for x in xs) < 1e6:  # longer ones would touch
                    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            panel.scatter(xs, [y for _, y in pairs], s=18, alpha=0.75, color="#4c72b0", edgecolors="none")
        else:
            words = sorted({value_text(value) for value in values})
            panel.scatter([words.index(value_text(value)) for value in values], ys, s=18, alpha=0.75,
                          color="#4c72b0", edgecolors="none")  # fmt: skip
            texts = [shortened(word, _LONGEST) for word in words]
            wide = (2 + max(map(len, texts))) * len(texts) > _ROOM
            panel.set_xticks(range(len(words)), texts, rotation=30 * wide, ha="right" if wide else "center")
            panel.set_xlim(-0.5, len(words) - 0.5)
        panel.set_xlabel(key.rpartition(".")[2])
        panel.grid(alpha=0.25)
        if i % columns == 0:
            panel.set_ylabel(metric)
    return figure
