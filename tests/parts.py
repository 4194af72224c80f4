"""A share of the files of tests, so that runs beside each other divide them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest


def files_of_part(files: Iterable[Path], part: str) -> set[Path]:
    """The files of a part such as `1/2`: every second one in alphabetical order, from the first on.

    Raises:
        pytest.UsageError: it is no part.
    """
    number, _, count = part.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise pytest.UsageError(f"--part={part}: a part is such as 1/2")
    return set(sorted(set(files))[int(number) - 1 :: int(count)])
