"""A file with two slips of YAML at once: each is told for itself, with the mend that it would get alone."""

from __future__ import annotations

from itertools import permutations

import pytest

from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.mends.edits import applied
from netspec.text.source import Source

RIGHT = {
    "braces": "  - Conv2d: {out_channels: 8, kernel_size: 3}",
    "glued": "  - Conv2d: {out_channels: 4, kernel_size: 3}",
    "tab": "  - Tanh",
    "deep": "  - BatchNorm2d",
    "shallow": "  - Dropout",
}
WRONG = {
    "braces": "  - Conv2d: out_channels: 8, kernel_size: 3",
    "glued": "  - Conv2d:{out_channels: 4, kernel_size: 3}",
    "tab": "\t- Tanh",
    "shallow": " - Dropout",
    "deep": "   - BatchNorm2d",
}
"""Lines, each with a slip of another kind."""


def text_of(first: str, second: str) -> str:
    return f"input: [1, 28, 28]\nlayers:\n  - Identity\n{first}\n  - ReLU\n{second}\n  - Softmax: -1\n"


def checked(text: str) -> list[Diagnostic]:
    return check_source(Source("net.yaml", text))


@pytest.mark.parametrize("pair", list(permutations(WRONG, 2)))
def test_each_is_told_with_its_own_mend(pair: tuple[str, str]) -> None:
    first, second = pair
    text = text_of(WRONG[first], WRONG[second])
    found = [d for d in checked(text) if d.severity == "error"]
    assert len(found) == 2
    edits = [edit for d in found if d.fix is not None and d.fix.certain for edit in d.fix.edits]
    changed = applied(Source("net.yaml", text), edits)
    assert changed is not None
    assert changed.text == text_of(RIGHT[first], RIGHT[second])
