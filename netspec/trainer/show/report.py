"""`report.html`: a run on one page, in a self-contained file without scripts and links, for screen and paper."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template

from PIL import Image
from torch import Tensor

from netspec.drawing.page import Sheet
from netspec.drawing.styles import picture
from netspec.drawing.theme import ThemeName
from netspec.net import Net
from netspec.recipe.resolved import Recipe
from netspec.table import summary_csv
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.machine.host import rows as matrix
from netspec.trainer.measure.answers import Answers
from netspec.trainer.measure.confusion import commonest
from netspec.trainer.measure.evaluation import Examination, WrongAnswer
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.following import best_epoch
from netspec.trainer.run.records import COLUMNS, Record, columns_of, figure_text, is_rate, read_records
from netspec.trainer.show.answers import answer_sections
from netspec.trainer.show.curves import SHOWN, draw_curves
from netspec.views.describe import count_text

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title><style>
$style</style></head><body><main>
<h1>$title</h1>
$about
$figures
$sections
</main></body></html>
""")


def write_report(
    run: RunDirectory,
    net: Net,
    found: Examination | None,
    names: Sequence[str],
    answers: Sequence[Answers] = (),
    measured: str = "",
) -> None:
    """Write `report.html` into a run directory.

    Args:
        run: the run; its records and environment are read from its files.
        net: its net.
        found: the examination on the test set, for classifiers.
        names: the names of the classes.
        answers: what the net answers on the test set.
        measured: of which data and weights these two are, `test data, best weights, of epoch 3`.

    Raises:
        ResourceError: the file cannot be written.
    """
    write_atomically(run.report, make_report(run, net, found, names, answers, measured), durable=False)


def make_report(
    run: RunDirectory,
    net: Net,
    found: Examination | None,
    names: Sequence[str],
    answers: Sequence[Answers] = (),
    measured: str = "",
) -> str:
    """The report as HTML; see `write_report` for the arguments."""
    records = read_records(run.path)
    curves = [draw_curves(records, net.name, dark=dark).encode() for dark in (False, True)]
    sections = [
        _section("Curves", _in_both_schemes(curves, SHOWN), "whole"),
        _section("Epochs", _epochs(records, net.recipe)),
    ]
    said = f'<p class="sub">{escape(measured[0].upper() + measured[1:])}</p>' if measured else ""
    if found is not None:
        sections += [
            _section("Confusion", said + _confusion(found, names), "whole"),
            _section("Worst mistakes", said + _gallery(found.worst, names)),
        ]
    for title, words, pictures in answer_sections(answers, names):
        shown = pictures[0] if len(pictures) == 1 else _in_both_schemes([text.encode() for text in pictures], title)
        sections.append(_section(title, f"{said}<p>{escape(words)}</p>{shown}", "whole"))
    sections += [
        _section("Network", _in_both_schemes(_pictures(net), f"the layers of {net.name}"), "whole"),
        _section("Layers", _layers(net)),
        _section("Spec and recipe", f"<pre>{escape(run.spec.read_text(encoding='utf-8'))}</pre>"),
        _section("Environment", f"<pre>{escape(json.dumps(run.environment, indent=1))}</pre>"),
    ]
    style = files(__package__ or "").joinpath("report.css").read_text(encoding="utf-8")
    about = "\n".join(f'<p class="sub">{escape(line)}</p>' for line in _about(run, net))
    return _PAGE.substitute(
        title=escape(net.name),
        style=style,
        about=about,
        figures=_figures(records, run, net.recipe),
        sections="\n".join(sections),
    )


def _section(title: str, body: str, kind: str = "") -> str:
    """A part of the page; one of the kind `whole` stays on one sheet of paper."""
    mark = f' class="{kind}"' if kind else ""
    return f'<section{mark}><h2>{escape(title)}</h2><div class="wide" tabindex="0">{body}</div></section>'


# ---- what run it is


def _about(run: RunDirectory, net: Net) -> Iterator[str]:
    """Lines about the run: its name, when it was, on which data."""
    yield f"{run.path.name} · {count_text(net.params)} parameters · {net.description}".rstrip(" ·")
    if (started := run.started) is not None:
        yield f"{started.day} {started:%B %Y, %H:%M} UTC, on {run.device}"
    if net.recipe is not None:
        yield f"{net.recipe.data.name()}: {_amounts(run)}".rstrip(": ")


def _amounts(run: RunDirectory) -> str:
    """How many examples each part of the data had, and of how many: `10,000 of 57,000 for train, …`."""
    return ", ".join(
        f"{used:,} examples for {name}" if used == there else f"{used:,} of {there:,} examples for {name}"
        for name, (used, there) in run.examples.items()
    )


def _shares(run: RunDirectory, part: str) -> list[str]:
    """What shares of the data an accuracy on a part comes from; nothing for all."""
    told = {"train": "trained on {:.3g} % of the data", part: f"measured on {{:.3g}} % of the {part} data"}
    amounts = ((words, run.examples.get(name, (0, 0))) for name, words in told.items())
    return [words.format(100 * used / there) for words, (used, there) in amounts if used < there]


# ---- pictures


def _picture(data: bytes, kind: str, words: str) -> str:
    """An `img` element with the data inside. SVGs are embedded as images, too, so that no script in them could run."""
    return f'<img alt="{escape(words)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def _in_both_schemes(light_and_dark: Sequence[bytes], words: str) -> str:
    """An SVG that is dark where the screen is; on paper it is light."""
    light, dark = (f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}" for svg in light_and_dark)
    chosen = f'<source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
    return f'<picture>{chosen}<img alt="{escape(words)}" src="{light}"></picture>'


def _pictures(net: Net) -> list[bytes]:
    """The net at a glance, light and dark."""
    themes: tuple[ThemeName, ...] = ("light", "dark")
    return [picture([net], "map", Sheet(theme=theme)).file("svg") for theme in themes]


# ---- figures


_Figure = tuple[str, str, list[str]]
"""A name, a value, and words below them."""


def _figures(records: Sequence[Record], run: RunDirectory, recipe: Recipe | None) -> str:
    """The figures of the epoch whose weights the run has, and of the last one where that is another."""
    if not records:
        return _tiles([("no epoch is finished", "—", [])])
    last, seconds = records[-1], sum(record.seconds for record in records)
    pace: list[_Figure] = [
        ("seconds of training", f"{seconds:,.1f}", []),
        ("examples per second", f"{last.examples_per_second:,.0f}", []),
    ]
    best = next((record for record in records if record.epoch == run.best_epoch), None)
    if best is None or recipe is None or recipe.best is None:
        return _tiles([*_measured(last, run), *pace])
    by = f"the best by {escape(recipe.best.replace('_', ' ', 1))}"
    if best is last:
        said = f"Epoch {last.epoch}, {by} and the last. Its weights are in {run.weights.name}."
        return f"<p>{said}</p>{_tiles([*_measured(last, run), *pace])}"
    return (
        f"<p>Epoch {best.epoch}, {by}. Its weights are in {run.weights.name}.</p>{_tiles(_measured(best, run))}"
        f"<p>Epoch {last.epoch}, the last. Its weights are in {run.last.name}.</p>{_tiles(_measured(last, run))}"
        f"<p>The whole run</p>{_tiles(pace)}"
    )


def _measured(record: Record, run: RunDirectory) -> list[_Figure]:
    """What was measured in an epoch."""
    parts = [part for part in ("train", "validation", "test") if record.figure(f"{part}_loss") is not None]
    alone = [name.partition("_")[2] for name in record.parts if not set("./") & set(name)]
    shown: list[_Figure] = []
    for quantity in dict.fromkeys(("loss", record.quantity, *alone)):
        for part in parts:
            if (value := record.figure(f"{part}_{quantity}")) is not None:
                beside = _shares(run, part) if quantity == "accuracy" and part != "train" else []
                shown.append((f"{part} {quantity}", figure_text(value, 3), beside))
    return shown


def _tiles(figures: Sequence[_Figure]) -> str:
    items = (
        f"<li><b>{value}</b>{''.join(f'<span>{words}</span>' for words in (name, *beside))}</li>"
        for name, value, beside in figures
    )
    return f'<ul class="figures">{"".join(items)}</ul>'


def _epochs(records: Sequence[Record], recipe: Recipe | None) -> str:
    """A row for each epoch; the best one is marked as such."""
    best = best_epoch(records, recipe)
    columns = ["epoch", "step", "train_loss"]
    optional = ("train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
    columns += [name for name in optional if any(getattr(record, name) is not None for record in records)]
    columns += columns_of(records)[len(COLUMNS) :]
    columns += ["seconds", "examples_per_second"]
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in columns)
    rows: list[str] = []
    for record in records:
        mark = ' class="best"' if record.epoch == best else ""
        rows.append("".join(f"<td{mark}>{_cell(name, record.figure(name))}</td>" for name in columns))
    by = recipe.best if recipe is not None and best is not None else None
    words = f"<p>The best epoch by {escape(by.replace('_', ' ', 1))} is {best}.</p>" if by is not None else ""
    return words + _table(head, rows)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name in ("epoch", "step", "examples_per_second"):
        return f"{value:,.0f}"
    if is_rate(name):
        return f"{value:.3g}"
    return f"{value:,.1f}" if name == "seconds" else figure_text(value)


def _confusion(found: Examination, names: Sequence[str]) -> str:
    if len(names) > 40:
        items = [
            f"<li>{n:,} × {escape(names[t])} taken for {escape(names[a])}</li>" for t, a, n in commonest(found, 40)
        ]
        return f"<p>The commonest confusions of {len(names)} classes:</p><ul>{''.join(items)}</ul>"
    head = "".join(f'<th class="up"><span>{escape(name)}</span></th>' for name in names)
    rows: list[str] = []
    for t, (name, row) in enumerate(zip(names, matrix(found.confusion), strict=True)):
        total = max(sum(row), 1)
        cells = "".join(_shaded(n, n / total, right=t == a) for a, n in enumerate(row))
        recall = found.recall[t]
        rows.append(f"<tr><th>{escape(name)}</th>{cells}<td>{'—' if recall is None else f'{recall:.3f}'}</td></tr>")
    table = f'<table class="confusion"><tr><td></td>{head}<th>recall</th></tr>{"".join(rows)}</table>'
    return (
        f"<p>{int(found.confusion.sum()):,} examples. Rows are the truth, columns the answer; the shade is the share "
        f"of the row.</p>{table}"
    )


def _shaded(count: int, share: float, *, right: bool) -> str:
    tint = "76, 114, 176" if right else "196, 78, 82"
    ink = "#fff" if share > 0.6 else "inherit"
    return f'<td style="background: rgba({tint}, {share**0.6:.3f}); color: {ink}">{count or ""}</td>'


def _gallery(mistakes: Sequence[WrongAnswer], names: Sequence[str]) -> str:
    if not mistakes:
        return "<p>None: every answer is right.</p>"
    figures = [
        f"<figure>{_example(m.image)}<figcaption>{escape(names[m.truth])}, taken for <b>{escape(names[m.answer])}</b> "
        f"with {m.probability:.3f}; loss {figure_text(m.loss, 2)}, number {m.position:,}</figcaption></figure>"
        for m in mistakes
    ]
    return f'<div class="gallery">{"".join(figures)}</div>'


def _example(image: Tensor) -> str:
    """An example (C, H, W) as a picture, its values scaled to the full range; empty if it is not an image."""
    if image.dim() != 3 or image.shape[0] not in (1, 3):
        return ""
    low, high = float(image.min()), float(image.max())
    pixels = ((image - low) * (255 / max(high - low, 1e-9))).round().byte().permute(1, 2, 0)
    picture = Image.fromarray(pixels.squeeze(2).numpy())
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return _picture(stream.getvalue(), "png", "a wrong answer's picture")


def _text(column: str, cell: str) -> str:
    """The text of a cell: counts with separators, empty for zero; shapes as `96 × 54 × 54`."""
    if column in ("params", "macs") and cell.isdecimal():
        return f"{int(cell):,}" if int(cell) else ""
    return escape(cell.replace("x", " × ") if re.fullmatch(r"\d+(x\d+)+", cell) else cell)


def _layers(net: Net) -> str:
    rows = list(csv.DictReader(io.StringIO(summary_csv(net))))
    columns = {
        "path": "path",
        "type": "layer",
        "arguments": "arguments",
        "output_shape": "output",
        "params": "parameters",
        "macs": "MACs",
    }
    known = {key: title for key, title in columns.items() if rows and key in rows[0]}
    left = ("type", "arguments")
    side = {key: " class=left" if key in left else "" for key in known}
    head = "".join(f"<th{side[key]}>{title}</th>" for key, title in known.items())
    cells = ("".join(f"<td{side[key]}>{_text(key, row[key])}</td>" for key in known) for row in rows)
    return _table(head, cells)


def _table(head: str, rows: Iterable[str]) -> str:
    """A table whose head is on every sheet of paper."""
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
