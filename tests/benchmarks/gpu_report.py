"""The findings of `gpu.py` as the tables of docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from netspec.views.describe import bytes_text

Finding = dict[str, Any]


def tables(findings: Sequence[Finding]) -> str:
    """Markdown: the machine, then a table for each kind of finding that there is."""

    def of(what: str) -> list[Finding]:
        return [f for f in findings if f["what"] == what]

    rates = {f["precision"]: f["rate"] for f in of("product")}
    parts = [_machine(f, rates, of("copy")) for f in of("machine")[-1:]]
    for title, what, rows in (
        ("The recipes of the notes", "recipe", _recipes),
        ("Two networks on made-up pictures of 3 × 224 × 224", "synthetic", _recipes),
        ("Choices that change no result", "choice", _recipes),
        ("Peers", "peer", _peers),
        ("Memory of a step", "memory", _memory),
        ("Where the device's time goes", "profile", _profiles),
    ):
        if found := of(what):
            parts.append(f"**{title}**\n\n" + "\n".join(rows(found, rates)))
    return "\n\n".join(parts)


def _machine(f: Finding, rates: dict[str, float], copies: Iterable[Finding]) -> str:
    products = ", ".join(f"{rate / 1e12:.0f} TFLOP/s in {precision}" for precision, rate in rates.items())
    copied = "".join(f"; a copy moves {c['rate'] / 1e12:.2f} TB/s" for c in copies)
    return (
        f"{f['gpu']}, {f['cpus']} CPU cores, torch {f['torch']}, cuDNN {f['cudnn']}. "
        f"A matrix product of 8192³ runs at {products}{copied}."
    )


def _bytes(count: int | None) -> str:
    """Nothing on a CPU, where nobody counts."""
    return "" if count is None else bytes_text(count)


def _table(head: str, rows: Iterable[Sequence[str]]) -> list[str]:
    columns = head.split(" | ")
    marks = ["---" if number == 0 else "--:" for number in range(len(columns))]
    return [f"| {head} |", "|" + "|".join(marks) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def _name(f: Finding) -> str:
    options = f.get("options", {})
    words = [f["net"], str(f.get("precision") or options.get("precision"))]
    words += [options["driver"]] if "driver" in options else []
    words += {True: ["channels last"], False: ["channels first"], None: []}[options.get("channels_last")]
    words += ["compiled"] * bool(options.get("compile"))
    return ", ".join(words)


def _recipes(found: Sequence[Finding], rates: dict[str, float]) -> list[str]:
    def row(f: Finding) -> list[str]:
        share = f["examples_per_second"] * f["flops_per_example"] / rates[f["precision"]]
        return [
            _name(f), str(f["batch"]), f"{f['examples_per_second']:,.0f}", f"{share:.1%}", str(f["epochs"]),
            f"{f['loss']:.3f}", f"{f['train_accuracy']:.3f}", f"{f['test_accuracy']:.3f}",
            f"{f['training_seconds']:.1f}", f"{f['wall_seconds']:.1f}", _bytes(f["allocated"]),
        ]  # fmt: skip

    head = "net | batch | examples/s | of the roof | epochs | loss | train | test | training, s | all, s | peak memory"
    return _table(head, map(row, found))


def _peers(found: Sequence[Finding], _: dict[str, float]) -> list[str]:
    return _table(
        "peer | examples/s | by d2l's timer",
        (
            [f"{f['net']}, {f['peer']}", f"{f['examples_per_second']:,.0f}",
             f"{f['by_d2l_timer']:,.0f}" if f["by_d2l_timer"] else ""]
            for f in found
            if "missing" not in f
        ),
    )  # fmt: skip


def _memory(found: Sequence[Finding], _: dict[str, float]) -> list[str]:
    return _table(
        "net | batch | estimate | measured | ratio | while cuDNN tries kernels",
        (
            [f"{f['net']}, {f['precision']}", str(f["batch"]), bytes_text(f["estimate"]), _bytes(f["steady"]),
             f"{f['steady'] / f['estimate']:.2f}" if f["steady"] else "", _bytes(f["trying"])]
            for f in found
        ),
    )  # fmt: skip


def _profiles(found: Sequence[Finding], _: dict[str, float]) -> list[str]:
    lines: list[str] = []
    for f in found:
        lines.append(
            f"- {_name(f)}: {f['device_us']:,.0f} µs in {f['kernels']:.0f} kernels of a step that takes "
            f"{f['step_us']:,.0f} µs under the profiler; the largest:"
        )
        lines += [f"  - {k['us']:.0f} µs in {k['times']:.0f}: `{k['kernel'][:70]}`" for k in f["largest"][:6]]
    return lines
