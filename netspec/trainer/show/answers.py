"""A net's answers as pictures: curves of classes and labels, residuals of values, masks beside what is right."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from netspec.trainer.machine.host import floats
from netspec.trainer.measure.answers import Answers
from netspec.trainer.show.curves import plotted
from netspec.views.describe import plural

_NAMED = 10
"""So many classes or values have a line of their own."""
_COLOURS = (
    "#4c72b0", "#c44e52", "#55a868", "#8172b3", "#ccb974", "#64b5cd", "#8c8c8c", "#dd8452", "#da8bc3", "#937860",
)  # fmt: skip
_MASK: tuple[tuple[int, int, int], ...] = (
    (31, 35, 40), (230, 97, 72), (76, 139, 214), (88, 168, 104), (222, 184, 61), (150, 113, 205), (100, 190, 200),
    (214, 106, 166), (140, 140, 140),
)  # fmt: skip
"""The colours of the classes of a mask, from class 0 on; more begin anew behind the first."""
_LEFT_OUT = (255, 255, 255)


def answer_sections(answers: Sequence[Answers], names: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """For each output a title, words, and pictures: SVG texts, light and dark, or HTML of pictures alone.

    Args:
        answers: the answers.
        names: the names of the classes.
    """
    for found in answers:
        of = f" of {found.label}" if found.label else ""
        part = f"{len(found.output):,} of " if len(found.output) < found.of else ""
        count = f"{part}{found.of:,} examples"
        if found.is_map:
            yield f"Answers{of}", f"{count}: the picture, the target, the answer.", [_gallery(found, names)]
        elif found.reads == "values":
            yield f"Residuals{of}", count, [_residuals(found, dark=dark) for dark in (False, True)]
        elif found.output.shape[0] > 1:
            pictures = [_ranks(found, names, dark=dark) for dark in (False, True)]
            yield f"Ranks{of}", f"{count}: of each class or label against the others.", pictures


# ---- curves


def _ranks(found: Answers, names: Sequence[str], *, dark: bool) -> str:
    """The receiver operating characteristic, and precision over recall."""

    def draw(axes: Any) -> None:
        for place in range(min(found.output.shape[1], _NAMED)):
            scores = found.output[:, place]
            right = found.target == place if found.reads == "classes" else found.target[:, place] > 0.5
            if found.reads == "classes" and found.ignored is not None:
                scores, right = scores[found.target != found.ignored], right[found.target != found.ignored]
            if not 0 < int(right.sum()) < len(right):
                continue
            false, true, precision = _counted(scores, right)
            name = names[place] if found.reads == "classes" and place < len(names) else str(place)
            colour = _COLOURS[place % len(_COLOURS)]
            area = float(torch.trapezoid(torch.tensor([0.0, *true]), torch.tensor([0.0, *false])))
            axes[0].plot([0, *false], [0, *true], color=colour, linewidth=1.2, label=f"{name} {area:.3f}")
            axes[1].plot(true, precision, color=colour, linewidth=1.2, label=name)
        axes[0].plot([0, 1], [0, 1], color="#8c8c8c", linewidth=0.7, linestyle=":")
        for axis, title, across, up in (
            (axes[0], "ROC, with the area below", "false positives", "true positives"),
            (axes[1], "precision and recall", "recall", "precision"),
        ):
            axis.set_title(title, loc="left")
            axis.set_xlabel(across)
            axis.set_ylabel(up)
            axis.set_xlim(-0.02, 1.02)
            axis.set_ylim(-0.02, 1.02)
            if axis.get_legend_handles_labels()[
                0
            ]:  # of a class or label that every example has, or none, there is no curve
                axis.legend(frameon=False, fontsize=8)

    return plotted(draw, 2, dark=dark)


def _counted(scores: Tensor, right: Tensor) -> tuple[list[float], list[float], list[float]]:
    """The shares of false and true positives, and the precision, at each threshold from the highest score on."""
    order = scores.argsort(descending=True)
    ranked = scores[order]
    true, false = right[order].cumsum(0).double(), (~right[order]).cumsum(0).double()
    last = torch.ones(len(ranked), dtype=torch.bool)
    last[:-1] = ranked[1:] != ranked[:-1]  # equal scores have one threshold
    true, false = true[last], false[last]
    return floats(false / false[-1]), floats(true / true[-1]), floats(true / (true + false))


def _residuals(found: Answers, *, dark: bool) -> str:
    """Answers over targets, and how far they are apart."""

    def draw(axes: Any) -> None:
        apart = found.output - found.target
        for place in range(min(found.output.shape[1], _NAMED)):
            colour = _COLOURS[place % len(_COLOURS)]
            label = str(place) if found.output.shape[1] > 1 else None
            axes[0].plot(
                floats(found.target[:, place]), floats(found.output[:, place]), ".", color=colour, markersize=3,
                alpha=0.5, label=label,
            )  # fmt: skip
            axes[1].hist(floats(apart[:, place]), bins=30, color=colour, alpha=0.6)
        low, high = float(found.target.min()), float(found.target.max())
        axes[0].plot([low, high], [low, high], color="#8c8c8c", linewidth=0.7)
        axes[0].set_title("answer over target", loc="left")
        axes[1].set_title("answer less target", loc="left")
        axes[0].set_xlabel("target")
        axes[1].set_xlabel(f"mean {float(apart.mean()):.4g}, deviation {float(apart.std(correction=0)):.4g}")
        if found.output.shape[1] > 1:
            axes[0].legend(frameon=False, fontsize=8)

    return plotted(draw, 2, dark=dark)


# ---- maps


def _gallery(found: Answers, names: Sequence[str]) -> str:
    """Pictures, targets and answers, side by side, each row with the name of its file; above them what the colours of
    masks mean."""
    rows: list[str] = []
    columns = 2 + (found.images is not None)
    for number in range(len(found.output)):
        shown = [] if found.images is None else [("the picture", _scaled(found.images[number]))]
        shown += [("the target", _target(found, number)), ("the answer", _answer(found, number))]
        name = found.sources[number] if number < len(found.sources) else f"example {number}"
        pictures = [_png(pixels, f"{words} of {name}") for words, pixels in shown]
        told = f'<figcaption style="grid-column: 1 / -1">{escape(name)}</figcaption>' if found.sources else ""
        rows.append("".join([*(f"<figure>{element}</figure>" for element in pictures), told]))
    style = f"display: grid; grid-template-columns: repeat({columns}, minmax(4rem, 12rem)); gap: .5rem"
    return f'{_legend(found, names)}<div style="{style}">{"".join(rows)}</div>'


def _legend(found: Answers, names: Sequence[str]) -> str:
    """The classes of masks with their colours, those that are in the targets or answers, and their overlap."""
    if found.reads != "classes":
        return ""
    rows: list[str] = []
    for place, share in enumerate(found.overlap):
        if share is None and len(found.overlap) > _NAMED:
            continue
        name = names[place] if place < len(names) else str(place)
        rows.append(_entry(_colour_of(place), name, "—" if share is None else f"{share:.3f}"))
    if found.ignored is not None and bool((found.target == found.ignored).any()):
        rows.append(_entry(_LEFT_OUT, "left out", ""))
    head = f"<tr><th></th><th class='left'>class</th><th>IoU, {plural(found.seen, 'example')}</th></tr>"
    return f'<table style="margin-bottom: .8rem">{head}{"".join(rows)}</table>'


def _entry(colour: tuple[int, int, int], name: str, share: str) -> str:
    patch = f"display: inline-block; width: 1em; height: 1em; border: 1px solid #8c8c8c; background: rgb{colour}"
    return f'<tr><td><span style="{patch}"></span></td><td class="left">{escape(name)}</td><td>{share}</td></tr>'


def _colour_of(place: int) -> tuple[int, int, int]:
    return _MASK[place if place < len(_MASK) else 1 + place % (len(_MASK) - 1)]


def _target(found: Answers, number: int) -> Tensor:
    target = found.target[number]
    return _coloured(target, found.ignored) if found.reads == "classes" else _scaled(_with_channel(target))


def _answer(found: Answers, number: int) -> Tensor:
    output = found.output[number]
    return _coloured(output.argmax(0), None) if found.reads == "classes" else _scaled(_with_channel(output))


def _with_channel(values: Tensor) -> Tensor:
    values = values.unsqueeze(0) if values.ndim == 2 else values
    return values if len(values) in (1, 3) else values[:1]


def _coloured(classes: Tensor, ignored: int | None) -> Tensor:
    """A mask (H, W) as uint8 (H, W, 3)."""
    palette = torch.tensor(_MASK, dtype=torch.uint8)
    numbers = torch.where(classes < len(_MASK), classes, 1 + classes % (len(_MASK) - 1)).clamp(min=0)
    pixels = palette[numbers.long()]
    if ignored is not None:
        pixels[classes == ignored] = torch.tensor(_LEFT_OUT, dtype=torch.uint8)
    return pixels


def _scaled(image: Tensor) -> Tensor:
    """A picture (C, H, W) as uint8 (H, W, C), its values scaled to the full range."""
    low, high = float(image.min()), float(image.max())
    low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    return ((image - low) * (255 / max(high - low, 1e-9))).round().byte().permute(1, 2, 0)


def _png(pixels: Tensor, words: str) -> str:
    stream = io.BytesIO()
    Image.fromarray((pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).numpy()).save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">'
