"""Files of CSV and Parquet as frames of Polars, whose columns are read as numbers or as texts.

The library is given the bytes of a file, never a path: a path could be a pattern or an address.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor

from netspec.diagnostics import MissingExtra, ResourceError, did_you_mean
from netspec.extras import install
from netspec.kinds import LARGEST_FLOAT
from netspec.recipe.datasets.table import MISSING, Table, listed
from netspec.trainer.data.parts import damaged

_CONVERT = "convert it to UTF-8, as `iconv -f latin1 -t utf-8` does from Latin-1"

ENDINGS = (".csv", ".tsv", ".parquet")

Frame = Any
"""A polars.DataFrame, whose types are no part of the installation without the extra."""


def need_polars() -> Any:
    """The library.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec("polars") is None:
        raise MissingExtra("a `table` needs the library polars", install("table"))
    import polars  # imported here: few runs need it

    return polars


def read_frame(path: Path, data: Table) -> Frame:
    """The rows of a file: columns of CSV as text, in which null is what is missing, as NaN is in Parquet.

    Raises:
        MissingExtra: Polars is not installed.
        ResourceError: it is missing or damaged.
    """
    polars = need_polars()
    if path.suffix.lower() not in ENDINGS:
        raise ResourceError(f"`{path}` is no table: its ending is one of {', '.join(ENDINGS)}")
    if not path.is_file():
        raise ResourceError(f"there is no file `{path}`")
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".parquet":
            frame = polars.read_parquet(io.BytesIO(content)).with_columns(polars.selectors.float().fill_nan(None))
        else:
            frame = _read_csv(polars, path, content, data)
    except (polars.exceptions.PolarsError, OSError) as error:
        raise damaged(path, f"cannot be read ({str(error).splitlines()[0]})", _ragged(path, data)) from None
    if not frame.height:
        raise damaged(path, "has no rows", "put some in")
    return frame


def _read_csv(polars: Any, path: Path, content: bytes, data: Table) -> Frame:
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        head = content.partition(b"\n")[0].decode()
    except UnicodeDecodeError:
        raise damaged(path, "is no UTF-8", _CONVERT) from None
    separator = _separator(path, data)
    names = [name.strip() for name in next(csv.reader([head], delimiter=separator), list[str]())]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise damaged(path, f"has the column `{twice[0]}` twice", "give one of them another name")
    frame = polars.read_csv(io.BytesIO(content), infer_schema=False, separator=separator)
    frame.columns = [name.strip() for name in frame.columns]
    texts = polars.all().str.strip_chars()
    missing = list(MISSING if data.missing is None else listed(data.missing))
    return frame.select(polars.when(texts.is_in(missing)).then(None).otherwise(texts).name.keep())


def _separator(path: Path, data: Table) -> str:
    return data.separator or ("\t" if path.suffix.lower() == ".tsv" else ",")


def _ragged(path: Path, data: Table) -> str:
    """What to do with a file that cannot be read: the first line with more columns than the head has."""
    if path.suffix.lower() == ".parquet":
        return "write it anew"
    separator = _separator(path, data)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file, delimiter=separator)
            width = len(next(reader, list[str]()))
            for row in reader:
                if len(row) > width:
                    return f"line {reader.line_num} has {len(row)} columns, and the head {width}: mend it"
    except UnicodeDecodeError:
        return _CONVERT
    except (csv.Error, OSError):
        pass
    return "write it anew as CSV in UTF-8, with the names of the columns in the first line"


def column_of(frame: Frame, name: str, origin: str) -> Any:
    """A column by its name.

    Raises:
        ResourceError: there is none of that name.
    """
    if name not in frame.columns:
        near = did_you_mean(name, list(frame.columns))
        joined = next((sign for sign in ";\t|" if len(frame.columns) == 1 and sign in frame.columns[0]), None)
        if joined is not None:
            raise ResourceError(
                f"`{origin}` has no column `{name}`: it is read as one column, `{frame.columns[0]}`; write "
                f"`separator: {json.dumps(joined)}`"
            )
        more = f"did you mean `{near}`?" if near else f"its columns are {', '.join(map(str, frame.columns[:20]))}"
        raise ResourceError(f"`{origin}` has no column `{name}`; {more}")
    return frame[name]


def numbers_of(column: Any) -> Any | None:
    """A column as float64, null where something is missing; None if it is one of texts."""
    polars = need_polars()
    if column.dtype.is_numeric() or column.dtype == polars.Boolean:
        return column.cast(polars.Float64).fill_nan(None)
    if column.dtype != polars.String:
        return None
    found = column.cast(polars.Float64, strict=False)
    if found.null_count() > column.null_count():
        truth = column.str.to_lowercase().replace_strict({"true": 1.0, "false": 0.0}, default=None)
        return truth if truth.null_count() == column.null_count() and column.null_count() < len(column) else None
    return found


def check_finite(numbers: Any, origin: str) -> None:
    """Require that numbers are finite as float32, as far as they are there.

    Raises:
        ResourceError: one is not.
    """
    wrong = (numbers.abs() > LARGEST_FLOAT).fill_null(value=False).arg_true()
    if not len(wrong):
        return
    row = int(wrong[0])
    infinite = not bool(numbers.is_finite()[row])
    told = "that is not finite" if infinite else f"of {numbers[row]:.4g}, and float32 goes to {LARGEST_FLOAT:.4g}"
    way = "remove such rows, or let `missing` name it" if infinite else "mend it, or write the column in another unit"
    raise ResourceError(f"the column `{numbers.name}` of `{origin}` has a value in row {row + 1} {told}; {way}")


def texts_of(column: Any, origin: str) -> Any:
    """A column as texts, null where something is missing.

    Raises:
        ResourceError: it holds bytes, lists or objects.
    """
    polars = need_polars()
    if column.dtype.is_nested() or column.dtype in (polars.Binary, polars.Object):
        raise ResourceError(
            f"the column `{column.name}` of `{origin}` is of {column.dtype}, neither of numbers nor of categories; "
            f"leave it out with `drop: {column.name}`, or make numbers of it"
        )
    return column.cast(polars.String)


def without_point(texts: Any) -> Any:
    """Texts that are whole numbers without `.0`, with which libraries write them where a column has gaps."""
    return texts.str.replace(r"^([-+]?\d+)\.0+$", "$1")


def places_of(column: Any, values: Sequence[str], origin: str) -> Any:
    """Where the values of a column stand among some, int64; null for what is missing or none of them. If these are
    numbers, the values are compared as such: 94107.0 is 94107.

    Raises:
        ResourceError: it holds bytes, lists or objects.
    """
    polars = need_polars()
    known = polars.Series(column.name, list(values), dtype=polars.String)
    texts, numbers = texts_of(column, origin), known.cast(polars.Float64, strict=False)
    if not numbers.null_count() and numbers.n_unique() == len(values):
        known, texts = numbers, texts.cast(polars.Float64, strict=False)
    places: Sequence[int] = range(len(values))
    return texts.replace_strict(known, list(places), default=None, return_dtype=polars.Int64)


def first_text(column: Any) -> str:
    """The first value of a column that is no number, for messages."""
    polars = need_polars()
    odd = column.filter(column.cast(polars.Float64, strict=False).is_null() & column.is_not_null())
    return f"`{odd[0]}`"


def tensor_of(column: Any) -> Tensor:
    """A column of numbers without gaps as a tensor of its dtype."""
    return column.to_torch()
