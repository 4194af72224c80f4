"""Plot loss and accuracy by epoch as an SVG."""

from __future__ import annotations

import io
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.run.records import Record, figure_text

SHOWN = "loss and accuracy by epoch"
"""What the curves are, for those who do not see them."""
COLOURS = {"train": "#4c72b0", "validation": "#8172b3", "test": "#c44e52"}
"""The colour of each split of the data."""
DARK = {"train": "#8ab4f8", "validation": "#c5a5ff", "test": "#ff8a80"}
"""Likewise on a dark page."""
_DARK_PAGE = {
    "figure.facecolor": "#0d1117", "axes.facecolor": "#0d1117",
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), "#f0f3f6"),
}  # fmt: skip


_MOST_ALIKE = 6
"""The most curves of one metric, `f1.cat`, `f1.dog`: those of more classes would hide the rest."""


def draw_curves(records: Sequence[Record], title: str, *, dark: bool = False) -> str:
    """The curves as SVG text: loss on the left, accuracy on the right if it was measured, and below them the figures of
    several losses; `title` may be empty, and `dark` is for a dark page."""
    quantities = _quantities(records)

    def draw(axes: Any) -> None:
        for axis, quantity in zip(axes, quantities, strict=False):
            _draw(axis, records, quantity, dark=dark)

    return plotted(draw, len(quantities), title, dark=dark)


def plotted(draw: Callable[[Any], None], count: int, title: str = "", *, dark: bool = False) -> str:
    """SVG text of so many axes, two in a row, which `draw` is given.

    Args:
        draw: fills the axes.
        count: how many.
        title: above all; may be empty.
        dark: for a dark page.
    """
    import matplotlib as untyped  # imported here, since it is slow and not needed before the first drawing

    matplotlib: Any = untyped
    with matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "netspec", "font.family": "sans-serif", "font.size": 10}
        | (_DARK_PAGE if dark else {})
    ):
        from matplotlib.figure import Figure

        columns = min(count, 2)
        rows = -(-count // columns)
        figure: Any = Figure(figsize=(9.2 if columns == 2 else 5.2, 3.6 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axis in axes[count:]:
            axis.set_axis_off()
        for axis in axes[:count]:
            axis.grid(color="#3d444d" if dark else "#dddddd", linewidth=0.6)
            axis.spines[["top", "right"]].set_visible(False)
        draw(axes)
        if title:
            figure.suptitle(title)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def curves_image(records: Sequence[Record], *, dark: bool = False) -> str:
    """The curves, without a title, as an image of a page: matplotlib's names inside would meet those of another one."""
    svg = b64encode(draw_curves(records, "", dark=dark).encode()).decode()
    return f'<img alt="{SHOWN}" src="data:image/svg+xml;base64,{svg}">'


def _quantities(records: Sequence[Record]) -> list[str]:
    """What there is a curve of: `loss`, `accuracy` if it was measured, and those of several losses, `loss/recon`."""
    accuracy = ["accuracy"] if any(_has_accuracy(record) for record in records) else []
    parts = list(dict.fromkeys(name.partition("_")[2] for record in records for name in record.parts))
    alike = Counter(name.partition(".")[0] for name in parts)
    return ["loss", *accuracy, *(name for name in parts if alike[name.partition(".")[0]] <= _MOST_ALIKE)]


def _has_accuracy(record: Record) -> bool:
    return any(record.figure(f"{part}_accuracy") is not None for part in COLOURS)


def _draw(axis: Any, records: Sequence[Record], quantity: str, *, dark: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = [record.epoch for record in records]
    for part, colour in (DARK if dark else COLOURS).items():
        values = [record.figure(f"{part}_{quantity}") for record in records]
        if all(value is None for value in values):
            continue
        numbers = [float("nan") if value is None else value for value in values]
        label = f"{part} {figure_text(numbers[-1], 3)}"
        axis.plot(epochs, numbers, color=colour, marker="o", markersize=3, label=label)
    axis.set_xlabel("epoch")
    axis.set_title(quantity, loc="left")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False)


def write_curves(path: Path, records: Sequence[Record], title: str) -> None:
    """Draw the curves, and write them to a file.

    Raises:
        ResourceError: the file cannot be written.
    """
    write_atomically(path, draw_curves(records, title), durable=False)
