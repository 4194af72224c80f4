"""Tables of sines and cosines, which are the layer that computes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from netspec.capture.numbers.rules import counted, floats, places
from netspec.capture.written import ExpressionText
from netspec.torch.units import Sinusoids


def sinusoids(table: Tensor, *, is_exact: bool) -> dict[str, Any] | None:
    """The arguments of `Sinusoids` for a table, without those of the defaults; None where it is none.

    Args:
        table: of positions and their sines and cosines.
        is_exact: whether the layer has to have the same numbers to the bit. A table that comes with the weights may
            have been computed with 32 bits.
    """
    count, width = table.shape
    if width % 2 or count < 2 or not table.is_floating_point() or float(table.abs().max()) > 1:
        return None
    near: dict[str, Any] | None = None
    for arguments in _candidates(table.double()):
        given: Any = {**arguments, "positions": floats(arguments["positions"])}
        found = Sinusoids(**given).value
        if torch.equal(found, table):
            return arguments
        if near is None and torch.allclose(found, table, rtol=0, atol=max(count, 8) * 2**-21):
            near = arguments
    return None if is_exact else near


def _candidates(table: Tensor) -> Iterator[dict[str, Any]]:
    """Arguments that the table may be of, by its angles."""
    width = table.shape[1]
    half = width // 2
    for layout in ("interleaved", "half"):
        sines = table[:, 0::2] if layout == "interleaved" else table[:, :half]
        cosines = table[:, 1::2] if layout == "interleaved" else table[:, half:]
        if not torch.allclose(sines**2 + cosines**2, torch.ones((), dtype=torch.float64), atol=1e-5):
            continue
        angles = torch.atan2(sines, cosines)
        for endpoint in (False, True)[: 1 + (half > 1)]:
            for base in _bases(angles, half - endpoint):
                lowest = base ** (-(half - 1) / (half - endpoint))
                arguments: dict[str, Any] = {"embed_dim": width}
                if base != 10000:
                    arguments["base"] = base
                if layout != "interleaved":
                    arguments["layout"] = layout
                if endpoint:
                    arguments["endpoint"] = True
                for positions in _positions(angles, lowest):
                    yield {"positions": ExpressionText(positions), **arguments}


def _bases(angles: Tensor, parts: int) -> Iterator[int]:
    """What the frequencies may be powers of: 10000, and what the two lowest tell by the position nearest to 0."""
    yield 10000
    if angles.shape[1] < 2:
        return
    last = angles[:, -1].abs()
    at = int(torch.where(last > 0, last, torch.inf).argmin())
    share = float(angles[at, -2] / angles[at, -1]) if last[at] > 0 else 0.0
    base = round(share**parts) if 1 < share < 1e6 and share**parts < 1e9 else 0
    digits = len(str(base)) - 2
    base = round(base, -digits) if digits > 0 else base
    if base > 1 and base != 10000:
        yield base


def _positions(angles: Tensor, lowest: float) -> Iterator[str]:
    found = counted(angles[:, -1] / lowest)
    if found is not None:
        yield found
        return
    turns = angles[:, 0].where(angles[:, 0] >= 0, angles[:, 0] + 2 * torch.pi)
    for numbers in (angles[:, -1] / lowest, turns):
        yield from (rule.listed() for rule in places(numbers))
