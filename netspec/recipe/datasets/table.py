"""Tables of the user's own: a row for each example, columns of numbers and of categories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from netspec.arguments import Count
from netspec.dims import Problem
from netspec.recipe.base import DataSet, Facts
from netspec.recipe.fields import Separator, Texts

MISSING: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""What stands for a value that is not there, where a recipe does not say it."""


class Table(DataSet):
    """A table in a file of CSV (`.csv`, `.tsv`) or Parquet (`.parquet`), a row for each example. This needs the extra
    `table`.

    An example is a vector: a number for each column of numbers, and for each column of text, which holds categories, a
    0 or 1 for each of them. What has to be known for that is learned from the rows that are trained on alone, and kept
    in the run as `table.json`: mean and standard deviation of each number, which then has mean 0 and deviation 1, and
    is the mean where it is missing; the categories, which have a place of their own for what is missing if something
    is. A category that training has not seen is all zeros, of which `netspec predict` warns. `netspec predict RUN
    FILE.csv` makes examples of other rows likewise.

    The target is the column `target`: for a loss of classes its values are the classes, by their order or alphabet; for
    one of values they are numbers, or the two words of a yes and a no. Numbers of a target are not scaled: the net says
    them as they stand in the file, and losses are of their size. Where they are far from 0, write them in another unit,
    as thousands; a run says so when it begins. Several targets are a vector, for losses of values. A relative path
    counts from the directory where the run was started, as long as it is there. `netspec check` opens no file; `netspec
    train SPEC --dry-run` does, and leaves nothing behind.

    Args:
        train: the file of the training rows.
        target: the column that the net is to say, or a list of columns.
        test: the file of the test rows; null for none.
        validation: the file of the validation rows, in place of the recipe's `validation` share.
        columns: the columns that the net sees; null for all but `target` and `drop`.
        drop: columns that the net does not see, such as a number of the row.
        categories: columns of numbers that are categories, such as a postcode; 94107 and 94107.0 are the same.
        normalize: numbers get mean 0 and standard deviation 1.
        missing: what stands for a value that is not there, in CSV; null is nothing at all, `NA`, `N/A`, `NaN`, `nan`,
            `null` or `NULL`.
        separator: what separates columns in CSV; null is a comma, or a tabulator in a file `.tsv`.
        width: how many numbers an example has, if the spec is to be checked against it without the file.
        classes: how many classes there are, likewise.
    """

    word: ClassVar[str | None] = "table"
    reader: ClassVar[str] = "table"
    images: ClassVar[bool] = False
    labels: ClassVar[bool] = False
    tabular: ClassVar[bool] = True
    keeps: ClassVar[str | None] = "table.json"
    worked: ClassVar[str | None] = """
input: [13]
layers: [Linear: 64, ReLU, Linear: 1]
train:
  data: {table: {train: houses.csv, target: price, drop: id, width: 13}}
  validation: 0.2
  batch_size: 32
  epochs: 50
  optimizer: {Adam: {lr: 0.001}}
  loss: MSELoss
  metrics: [MeanAbsoluteError, R2Score]
"""
    example: ClassVar[str | None] = "{train: houses.csv, target: price}"

    train: str
    target: Texts
    test: str | None = None
    validation: str | None = None
    columns: Texts | None = None
    drop: Texts | None = None
    categories: Texts | None = None
    normalize: bool = True
    missing: Texts | None = None
    separator: Separator | None = None
    width: Count | None = None
    classes: Count | None = None

    @property
    def learns(self) -> bool:
        return True

    @property
    def has_validation(self) -> bool:
        return self.validation is not None

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns of the target."""
        return listed(self.target)

    def facts(self) -> Facts:
        return Facts((self.width,), self.classes, dtype="float32")

    def problems(self) -> list[Problem]:
        return [Problem(message, "recipe-conflict", at, help=help_) for at, message, help_ in self._conflicts()]

    def _conflicts(self) -> Iterator[tuple[str, str, str]]:
        """What the lists of columns say against each other: the argument at fault, a message, what to do."""
        targets, columns, drop = self.targets, listed(self.columns), listed(self.drop)
        lists = {"target": targets, "columns": columns, "drop": drop, "categories": listed(self.categories)}
        for argument, names in lists.items():
            for name in dict.fromkeys(names):
                if names.count(name) > 1:
                    yield argument, f"`{argument}` names `{name}` twice", "leave one out"
                if name in targets and argument == "drop":
                    yield argument, f"`{name}` is the `target`, which the net never sees", f"leave `{name}` out of it"
                elif name in targets and argument != "target":
                    message = f"`{name}` is the `target`, and `{argument}` names it as what the net sees"
                    yield argument, message, f"leave `{name}` out of it"
                elif name in drop and argument in ("columns", "categories"):
                    either = "drop" if argument == "columns" else argument
                    other = "columns" if argument == "columns" else "drop"
                    yield either, f"`{other}` names `{name}`, and so does `{either}`", "leave it out of one of the two"
                elif argument == "categories" and columns and name not in columns:
                    message = f"`categories` names `{name}`, which is none of the `columns` that the net sees"
                    yield argument, message, f"add `{name}` to `columns`, or leave it out here"


def listed(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """One name or several, as several."""
    return () if names is None else (names,) if isinstance(names, str) else names
