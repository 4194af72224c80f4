"""The charts of the study: docs/images/study-*.svg, drawn of results.json by matplotlib.

They have no background, one grey for text and lines that can be read on white and on black, and colours that do not
differ by hue alone: lines are dashed and marked each in its own way. A picture holds the SHA-256 of its figures and of
this file, so that one that is out of date is found without drawing it.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from docs.study.counts import weighted
from docs.study.store import ROOT, Results

IMAGES = ROOT / "docs" / "images"
GREY = "#757575"
BLUE, RED, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#b5588f"
LINES = ((BLUE, "-", "o"), (GREEN, "--", "s"), (RED, "-.", "^"), (PURPLE, ":", "D"))
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "netspec",  # the same names in every drawing
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color"), GREY
    ),
}

Data = dict[str, Any]
Curves = dict[str, list[list[float]]]
"""Title → for each seed a value for each epoch."""


# ---- what is drawn


def where(results: Results) -> Data:
    """For LeNet and AlexNet each layer's share of the parameters and of the MACs."""
    rows = {"LeNet": results.part("counts")["lenet"], "AlexNet": results.part("counts")["alexnet"]}
    return {
        title: {what: [(name, layer[what] / row[what]) for name, layer in weighted(row)] for what in ("params", "macs")}
        for title, row in rows.items()
    }


def pieces(results: Results) -> Data:
    """Test accuracy by epoch for each activation and pooling."""
    from docs.study.tables import PIECES, seeds_of
    from docs.study.training import best_rate

    return {
        title: [row["test_curve"] for row in seeds_of(results, "pieces", variant, best_rate(results, variant))]
        for variant, title in PIECES.items()
    }


def regularisation(results: Results) -> Data:
    """Accuracy while training and on the test pictures, by epoch."""
    from docs.study.tables import seeds_of
    from docs.study.training import REGULARISED

    rows = {title: seeds_of(results, "regularisation", title) for title in REGULARISED}
    return {
        title: {name: [row[f"{name}_curve"] for row in own] for name in ("train", "test")}
        for title, own in rows.items()
    }


def kernels(results: Results) -> Data:
    """Test accuracy of each seed for each method."""
    from docs.study.tables import compared

    return compared(results)


def shifts(results: Results) -> Data:
    """Accuracy by how far the pictures are moved."""
    return {name: row["test_accuracy"] for name, row in results.part("shifts").items()}


# ---- how


def draw_where(figure: Any, data: Data) -> None:
    """Two bars for each network, convolutions in blue, linear layers in red."""
    for axes, (title, shares) in zip(figure.subplots(1, 2, sharey=True), data.items(), strict=True):
        for height, what in enumerate(("macs", "params")):
            left = 0.0
            for name, share in shares[what]:
                kind, number = name.split()
                color = BLUE if kind == "Conv2d" else RED
                axes.barh(height, share, left=left, color=color, edgecolor="#ffffff", linewidth=0.8, height=0.62)
                if share > 0.125:  # the text has room
                    text = f"{'conv' if kind == 'Conv2d' else 'linear'} {number}\n{100 * share:.0f} %"
                    axes.text(left + share / 2, height, text, color="#ffffff", ha="center", va="center", fontsize=8)
                left += share
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_yticks([0, 1], ["MACs", "parameters"])
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.tick_params(length=0)


def _curve(axes: Any, curves: Sequence[Sequence[float]], line: tuple[str, str, str], label: str) -> None:
    """The mean of several seeds over the epochs, and a band from the lowest to the highest."""
    color, dash, marker = line
    epochs = range(1, len(curves[0]) + 1)
    columns = list(zip(*curves, strict=True))
    middle = [100 * statistics.mean(column) for column in columns]
    axes.plot(epochs, middle, dash, color=color, marker=marker, markersize=3.5, markevery=0.1, lw=1.4, label=label)
    low, high = ([100 * f(column) for column in columns] for f in (min, max))
    axes.fill_between(epochs, low, high, color=color, alpha=0.18, linewidth=0)


def draw_pieces(figure: Any, data: Curves) -> None:
    """A line for each combination."""
    axes = figure.subplots()
    for (title, curves), line in zip(data.items(), LINES, strict=True):
        _curve(axes, curves, line, title)
    axes.set_xlabel("epoch")
    axes.set_ylabel("test accuracy, %")
    axes.legend(loc="lower right")


def draw_regularisation(figure: Any, data: dict[str, Curves]) -> None:
    """A panel for each setting."""
    panels = figure.subplots(1, len(data), sharey=True)
    for axes, (title, curves) in zip(panels, data.items(), strict=True):
        _curve(axes, curves["train"], LINES[2], "while training")
        _curve(axes, curves["test"], LINES[0], "test")
        axes.set_title(title.replace(" and ", "\nand "), fontsize=9)
        axes.set_xlabel("epoch")
        axes.set_ylim(40, 100)
    panels[0].set_ylabel("accuracy, %")
    panels[0].legend(loc="lower right")


def draw_kernels(figure: Any, data: dict[str, list[float]]) -> None:
    """A dot for each method at its mean, and a line from the lowest seed to the highest."""
    axes = figure.subplots()
    for height, (name, values) in enumerate(reversed(data.items())):
        color, marker = (RED, "^") if name.startswith(("LeNet", "the same")) else (BLUE, "o")
        mean, low, high = (100 * f(values) for f in (statistics.mean, min, max))
        axes.plot([low, high], [height, height], color=color, lw=1.4)
        axes.plot(mean, height, marker, color=color, markersize=6)
        axes.text(high + 0.25, height, f"{mean:.1f} %", va="center", fontsize=8)
    axes.set_yticks(range(len(data)), list(reversed(data)))
    axes.set_xlabel("test accuracy, %: mean of the seeds, lowest to highest")
    axes.margins(x=0.12)


def draw_shifts(figure: Any, data: dict[str, dict[str, float]]) -> None:
    """A line for each method that the chart has room for."""
    axes = figure.subplots()
    shown = [name for name in data if not name.startswith("linear")]
    lines = (*LINES, (GREY, "-", "x"))
    for name, line in zip(shown, lines, strict=True):
        moves = [int(by) for by in data[name]]
        color, dash, marker = line
        values = [100 * value for value in data[name].values()]
        axes.plot(moves, values, dash, color=color, marker=marker, markersize=4.5, lw=1.4, label=name)
    axes.set_xticks(moves)
    axes.set_xlabel("test pictures moved by so many pixels")
    axes.set_ylabel("accuracy, %")
    axes.legend(loc="lower left")


PICTURES: dict[str, tuple[Callable[[Results], Data], Callable[[Any, Any], None], tuple[float, float]]] = {
    "study-where": (where, draw_where, (7.6, 1.9)),
    "study-pieces": (pieces, draw_pieces, (6.4, 3.2)),
    "study-regularisation": (regularisation, draw_regularisation, (7.6, 2.8)),
    "study-kernels": (kernels, draw_kernels, (6.4, 2.9)),
    "study-shifts": (shifts, draw_shifts, (6.4, 3.2)),
}
"""Name → its figures, what draws them, inches of width and height."""


def fingerprint(data: Data) -> str:
    """The SHA-256 of figures, and of what draws them."""
    text = json.dumps(data) + Path(__file__).read_text(encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def stale(results: Results) -> list[str]:
    """Names of the pictures that are missing or not of these results."""
    files = {name: IMAGES / f"{name}.svg" for name in PICTURES}
    return [
        name
        for name, (data, _, _) in PICTURES.items()
        if not files[name].exists() or fingerprint(data(results)) not in files[name].read_text(encoding="utf-8")
    ]


def write_pictures(results: Results) -> None:
    """Draw what is stale."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib.figure import Figure

    for name in stale(results):
        data, draw, size = PICTURES[name]
        with matplotlib.rc_context(STYLE):
            figure = Figure(figsize=size, layout="constrained")
            draw(figure, data(results))
            metadata = {"Date": None, "Creator": None, "Description": f"netspec study {fingerprint(data(results))}"}
            figure.savefig(IMAGES / f"{name}.svg", transparent=True, metadata=metadata)
