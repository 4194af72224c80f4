"""Tables of two numbers, of which one stands around the diagonal: masks of what comes later, and of windows."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from netspec.capture.numbers.rules import number, says

_AXES: Final = 2


def band(table: Tensor) -> str | None:
    """The expression of such a table, also of one of truth values; None where it is none."""
    if table.dim() != _AXES or min(table.shape) < _AXES:
        return None
    inside, (rows, columns) = table == table[0, 0], table.shape
    distances = torch.arange(columns) - torch.arange(rows)[:, None]
    least, most = int(distances[inside].min()), int(distances[inside].max())
    others = table[~inside]
    if not torch.equal(inside, (distances >= least) & (distances <= most)) or bool((others != others[:1]).any()):
        return None
    first, rest = table[0, 0].item(), others[0].item()
    ends = least if least > int(distances.min()) else None, most if most < int(distances.max()) else None
    if ends == (None, None):
        return None
    term = _where(*ends, is_inside=bool(first) or table.dtype != torch.bool)
    if table.dtype != torch.bool:
        term = f"{number(first)} if {term} else {number(rest)}"
    text = f"[[{term} for k in range({columns})] for i in range({rows})]"
    return text if says(text, table) else None


def _where(least: int | None, most: int | None, *, is_inside: bool) -> str:
    """Where a column is as far behind its row, at least and at most, or where it is not."""
    if least is None or most is None:
        far = most if least is None else least
        signs = ("<=", ">") if least is None else (">=", "<")
        return f"k {signs[not is_inside]} i" + (f" {'+' if far > 0 else '-'} {abs(far)}" if far else "")
    if least == -most:
        return f"abs(i - k) {'<=' if is_inside else '>'} {most}"
    return f"{'' if is_inside else 'not '}{least} <= k - i <= {most}"
