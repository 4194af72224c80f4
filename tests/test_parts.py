"""Parts of a run of tests have every file once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.parts import files_of_part

FILES = sorted(Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_file_is_in_one_part(count: int) -> None:
    parts = [files_of_part([*FILES, *reversed(FILES)], f"{number}/{count}") for number in range(1, count + 1)]
    assert Counter(file for part in parts for file in part) == Counter(FILES)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("part", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2"])
def test_what_is_no_part_is_refused(part: str) -> None:
    with pytest.raises(pytest.UsageError, match="a part is such as 1/2"):
        files_of_part(FILES, part)
