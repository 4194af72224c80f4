"""Tables of the user's own: a row for each example, columns of numbers and of categories."""

from __future__ import annotations

from typing import ClassVar, Final

from netspec.arguments import Count
from netspec.dims import Problem
from netspec.recipe.base import DataSet, Facts
from netspec.recipe.fields import Texts

MISSING: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""What stands for a value that is not there, where a recipe does not say it."""


class Table(DataSet):
    """A table in a file of CSV (`.csv`, `.tsv`) or Parquet (`.parquet`), a row for each example. This needs the extra
    `table`.

    An example is a vector: a number for each column of numbers, and for each column of text, which holds categories,
    a 0 or 1 for each of them. What has to be known for that is learned from the rows that are trained on alone, and
    kept in the run as `table.json`: mean and standard deviation of each number, which then has mean 0 and deviation 1,
    and is the mean where it is missing; the categories, which have a place of their own for what is missing if
    something is. A category that training has not seen is all zeros. `netspec predict RUN FILE.csv` makes examples of
    other rows likewise.

    The target is the column `target`: for a loss of classes its values are the classes, by their order or alphabet; for
    one of values they are numbers, or the two words of a yes and a no. Several targets are a vector, for losses of
    values. A relative path counts from the directory where the run was started, as long as it is there.

    Args:
        train: the file of the training rows.
        target: the column that the net is to say, or a list of columns.
        test: the file of the test rows; null for none.
        validation: the file of the validation rows, in place of the recipe's `validation` share.
        columns: the columns that the net sees; null for all but `target` and `drop`.
        drop: columns that the net does not see, such as a number of the row.
        categories: columns of numbers that are categories, such as a postcode.
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
    separator: str | None = None
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
        found: list[Problem] = []
        targets = set(self.targets)
        if len(targets) < len(self.targets):
            twice = next(name for name in self.targets if self.targets.count(name) > 1)
            found.append(Problem(f"`target` names `{twice}` twice", "recipe-conflict", "target", help="leave one out"))
        for argument, names in (("columns", self.columns), ("drop", self.drop), ("categories", self.categories)):
            for name in listed(names):
                if name in targets:
                    message = f"`{name}` is the `target`, and `{argument}` names it as what the net sees"
                    message = message if argument != "drop" else f"`{name}` is the `target`, which the net never sees"
                    found.append(Problem(message, "recipe-conflict", argument, help=f"leave `{name}` out of it"))
        for name in listed(self.drop):
            if self.columns is not None and name in listed(self.columns):
                message = f"`columns` names `{name}`, and so does `drop`"
                found.append(Problem(message, "recipe-conflict", "drop", help="leave it out of one of the two"))
        return found


def listed(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """One name or several, as several."""
    return () if names is None else (names,) if isinstance(names, str) else names
