"""Format an `Examination`: figures per class and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netspec.trainer.machine.host import ints, rows
from netspec.trainer.measure.evaluation import Examination

_MATRIX = 26
"""The most classes for which the matrix is printed; for more, the most frequent confusions are listed."""


def describe(found: Examination, names: Sequence[str]) -> str:
    """Examples, recall and precision per class, and the confusion matrix, as text."""
    width = max(5, *(len(name) for name in names))
    counts = ints(found.confusion.sum(1))
    lines = [f"{'class':<{width}}  examples  recall  precision"]
    for name, count, recall, precision in zip(names, counts, found.recall, found.precision, strict=True):
        lines.append(f"{name:<{width}}  {count:>8,}  {_share(recall):>6}  {_share(precision):>9}")
    lines.append("")
    if len(names) <= _MATRIX:
        lines += ["confusion: rows are the truth, columns the answer", *_matrix(found, names, width)]
    else:
        lines += ["commonest confusions", *_commonest(found, names)]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"


def _matrix(found: Examination, names: Sequence[str], width: int) -> list[str]:
    matrix = rows(found.confusion)
    cell = max(4, *(len(str(n)) for row in matrix for n in row)) + 1
    head = " " * (width + 5) + "".join(f"{i:>{cell}}" for i in range(len(names)))
    return [head] + [
        f"{name:<{width}} {i:>3} " + "".join(f"{n or '·':>{cell}}" for n in row)
        for i, (name, row) in enumerate(zip(names, matrix, strict=True))
    ]


def commonest(found: Examination, count: int) -> list[tuple[int, int, int]]:
    """The `count` most frequent confusions as (true class, predicted class, number of examples)."""
    matrix = rows(found.confusion)
    wrong = [(t, a, n) for t, row in enumerate(matrix) for a, n in enumerate(row) if n and t != a]
    return sorted(wrong, key=lambda item: -item[2])[:count]


def _commonest(found: Examination, names: Sequence[str]) -> list[str]:
    return [f"{n:>8,}  {names[t]} taken for {names[a]}" for t, a, n in commonest(found, 20)]


def to_dict(found: Examination, names: Sequence[str]) -> dict[str, Any]:
    """The contents of `describe` as plain values, for JSON."""
    counts = ints(found.confusion.sum(1))
    per_class = zip(names, counts, found.recall, found.precision, strict=True)
    return {
        "classes": [
            {"name": name, "examples": count, "recall": recall, "precision": precision}
            for name, count, recall, precision in per_class
        ],
        "confusion": rows(found.confusion),
    }
