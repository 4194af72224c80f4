"""Shapes of which some sizes are not known: compared, and written for people."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.dims import Size


def differs(shape: Sequence[Size | None], wanted: Sequence[Size | None]) -> bool:
    """True if two shapes cannot be equal; None, symbols and unknown sizes may be anything."""
    if len(shape) != len(wanted):
        return True
    return any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(shape, wanted, strict=True))


def joined(shape: Sequence[Size | None]) -> str:
    """A shape as messages say it: `3 × 28 × ?`; a single number has none."""
    if not shape:
        return "a single number"
    return " × ".join("?" if n is None else str(n) for n in shape)


def listed(shape: Sequence[Size | None]) -> str:
    """A shape as a spec writes it: `[3, 28, ?]`."""
    return f"[{', '.join('?' if n is None else str(n) for n in shape)}]"
