"""`report.html`: a run on one page, in a self-contained file without scripts and links."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Sequence
from html import escape
from string import Template

from PIL import Image
from torch import Tensor

from netspec.diagnostics import NetspecError
from netspec.drawing import diagram, render
from netspec.net import Net
from netspec.table import summary_csv
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.machine.host import rows as matrix
from netspec.trainer.measure.confusion import commonest
from netspec.trainer.measure.evaluation import Examination, WrongAnswer
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.records import COLUMNS, Record, columns_of, figure_text, read_records
from netspec.trainer.show.curves import draw_curves
from netspec.views.describe import count_text

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title><style>
:root { --ink: #1f2328; --soft: #656d76; --line: #d8dee4; --tint: 76, 114, 176; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .8rem; }
p.sub { color: var(--soft); margin: .2rem 0 1rem; }
.figures { display: flex; flex-wrap: wrap; gap: .8rem; padding: 0; list-style: none; }
.figures li { border: 1px solid var(--line); border-radius: 8px; padding: .5rem .9rem; min-width: 7rem; }
.figures b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.figures span { color: var(--soft); font-size: .85rem; }
.wide { overflow-x: auto; } img { max-width: 100%; } .diagram img { max-height: 60rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child, .left { text-align: left; } th { color: var(--soft); font-weight: 600; }
.confusion td { border: 1px solid #fff; min-width: 2.2rem; text-align: center; }
.confusion th { border: 0; } .confusion th.up { vertical-align: bottom; }
.confusion th.up span { writing-mode: vertical-rl; transform: rotate(180deg); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .9rem; }
figure { margin: 0; font-size: .8rem; } figcaption b { color: #b3261e; }
figure img { width: 100%; image-rendering: pixelated; border: 1px solid var(--line); border-radius: 4px; }
pre { background: #f6f8fa; border-radius: 8px; padding: .8rem 1rem; overflow-x: auto; font-size: .82rem; }
details summary { cursor: pointer; color: var(--soft); }
</style></head><body>
<h1>$title</h1><p class="sub">$subtitle</p>
<ul class="figures">$figures</ul>
$sections
</body></html>
""")


def write_report(run: RunDirectory, net: Net, found: Examination | None, names: Sequence[str]) -> None:
    """Write `report.html` into a run directory.

    Args:
        run: the run; its records and environment are read from its files.
        net: its net.
        found: the examination on the test set, for classifiers.
        names: the names of the classes.

    Raises:
        ResourceError: the file cannot be written.
    """
    write_atomically(run.report, make_report(run, net, found, names), durable=False)


def make_report(run: RunDirectory, net: Net, found: Examination | None, names: Sequence[str]) -> str:
    """The report as HTML; see `write_report` for the arguments."""
    records = read_records(run.path)
    sections = [
        _section("Curves", _picture(draw_curves(records, net.name).encode(), "svg+xml", "loss and accuracy by epoch")),
        _section("Epochs", _epochs(records)),
    ]
    if found is not None:
        sections += [
            _section("Confusion", _confusion(found, names)),
            _section("Worst mistakes", _gallery(found.worst, names)),
        ]
    sections += [
        _section("Network", f'<div class="diagram">{_diagram(net)}</div>'),
        _section("Layers", _layers(net)),
        _section("Spec and recipe", f"<pre>{escape(run.spec.read_text(encoding='utf-8'))}</pre>"),
        _section("Environment", f"<pre>{escape(json.dumps(run.environment, indent=1))}</pre>"),
    ]
    subtitle = f"{run.path.name} · {count_text(net.params)} parameters · {net.description}".rstrip(" ·")
    return _PAGE.substitute(
        title=escape(net.name), subtitle=escape(subtitle), figures=_figures(records), sections="\n".join(sections)
    )


def _section(title: str, body: str) -> str:
    return f'<section><h2>{escape(title)}</h2><div class="wide">{body}</div></section>'


def _picture(data: bytes, kind: str, words: str) -> str:
    """An `img` element with the data inside. SVGs are embedded as images, too, so that no script in them could run."""
    return f'<img alt="{escape(words)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def _figures(records: Sequence[Record]) -> str:
    if not records:
        return "<li><b>—</b><span>no epoch is finished</span></li>"
    last = records[-1]
    names = [f"{part}_{last.quantity}" for part in ("train", "validation", "test")]
    if last.quantity != "loss":
        names = ["train_loss", *names]
    measured = {name.replace("_", " "): last.figure(name) for name in names}
    shown = [(name, figure_text(value, 3)) for name, value in measured.items() if value is not None]
    seconds = sum(record.seconds for record in records)
    shown += [("seconds of training", f"{seconds:,.1f}"), ("examples per second", f"{last.examples_per_second:,.0f}")]
    return "".join(f"<li><b>{value}</b><span>{name}</span></li>" for name, value in shown)


def _epochs(records: Sequence[Record]) -> str:
    columns = ["epoch", "step", "train_loss"]
    optional = ("train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
    columns += [name for name in optional if any(getattr(record, name) is not None for record in records)]
    columns += columns_of(records)[len(COLUMNS) :]
    columns += ["seconds", "examples_per_second"]
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in columns)
    rows = ["".join(f"<td>{_cell(name, record.figure(name))}</td>" for name in columns) for record in records]
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if "/" in name or name.endswith(("loss", "accuracy", "perplexity")):
        return figure_text(value)
    return f"{value:,.1f}" if name == "seconds" else f"{value:,.0f}"


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
    table = f'<table class="confusion"><tr><th></th>{head}<th>recall</th></tr>{"".join(rows)}</table>'
    return f"<p>Rows are the truth, columns the answer; the shade is the share of the row.</p>{table}"


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


def _diagram(net: Net) -> str:
    try:
        return _picture(render(diagram(net), "svg"), "svg+xml", f"the layers of {net.name}")
    except NetspecError as error:  # no Graphviz engine, or a layout that takes too long
        return f"<p>{escape(str(error))}</p>"


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
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table><tr>{head}</tr>{body}</table>"
