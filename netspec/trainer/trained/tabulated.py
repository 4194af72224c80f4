"""What a trained run on a table gives for the rows of another one, written beside them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from netspec.diagnostics import UsageError
from netspec.recipe.datasets.table import Table
from netspec.trainer.data.frames import ENDINGS, need_polars, read_frame
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.machine.host import floats
from netspec.trainer.trained.opening import Trained
from netspec.trainer.trained.prediction import Answer, predict


def predict_table(trained: Trained, path: Path, output: Path, warn: Callable[[str], object] = str) -> int:
    """Write the rows of a table with what a run says of them: `predicted_TARGET` for each target; of classes the
    `probability` of the one that is said, of labels `probability_TARGET`.

    Args:
        trained: the run.
        path: the table.
        output: the file to write, of CSV or Parquet.
        warn: takes warnings of categories that the run has not seen.

    Returns:
        The number of rows.

    Raises:
        UsageError: the run is not on a table, or the ending of `output` is that of no table.
        ResourceError: a file is missing or damaged, lacks a column, or cannot be written.
        NonFinite: an output is not finite.
    """
    named = trained.recipe.data
    if not named.tabular:
        raise UsageError(f"the run `{trained.run.path}` is on `{named.name()}`, and a table is for a run on one")
    data = cast("Table", named)
    if output.suffix.lower() not in ENDINGS:
        raise UsageError(
            f"`{output}` is no table, and the run `{trained.run.path}` is on one: its ending is one of "
            f"{', '.join(ENDINGS)}, as in `{output.with_suffix('.csv')}`"
        )
    answers = predict(trained, [path], top=1, warn=warn)
    frame = read_frame(path, data)
    polars = need_polars()
    made = [polars.Series(name, values) for name, values in _columns(trained, data, answers).items()]
    clash = next((column.name for column in made if column.name in frame.columns), None)
    if clash is not None:
        raise UsageError(f"`{path}` has a column `{clash}` already: give it another name")
    whole = frame.with_columns(made)
    stream = io.BytesIO()
    if output.suffix.lower() == ".parquet":
        whole.write_parquet(stream)
    else:
        whole.write_csv(stream, separator="\t" if output.suffix.lower() == ".tsv" else ",")
    write_atomically(output, stream.getvalue())
    return len(answers)


def _columns(trained: Trained, data: Table, answers: Sequence[Answer]) -> dict[str, list[Any]]:
    """The columns that are added, by name."""
    (first, *_) = data.targets
    if answers[0].classes is not None:
        best = [answer.classes[0] for answer in answers if answer.classes]
        return {f"predicted_{first}": [name for name, _ in best], "probability": [share for _, share in best]}
    if answers[0].labels:
        return _labels(answers)
    rows = torch.stack([_numbers(answer) for answer in answers])
    (item, *_) = trained.recipe.losses
    rows = rows.exp() if item.loss.logarithmic else rows
    return {f"predicted_{name}": floats(column) for name, column in zip(data.targets, rows.T, strict=True)}


def _labels(answers: Sequence[Answer]) -> dict[str, list[Any]]:
    """The probability of each label, and where one is two words, the likelier of them."""
    made: dict[str, list[Any]] = {}
    for name in answers[0].labels:
        said = [answer.labels[name] for answer in answers]
        if said[0].name is not None:
            made[f"predicted_{name}"] = [label.name for label in said]
        made[f"probability_{name}"] = [label.share for label in said]
    return made


def _numbers(answer: Answer) -> Tensor:
    """What a net gives for an example, as one vector."""
    parts = [part for value in answer.outputs.values() for part in (value if isinstance(value, tuple) else (value,))]
    return torch.cat([part.flatten() for part in parts])
