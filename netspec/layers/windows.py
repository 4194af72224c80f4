"""Shared by convolutions and pools: names of axes, and the arithmetic of sliding windows.

All functions are for one axis: n is the input size, k the kernel size, s the stride, p the padding on each side, d the
dilation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from netspec.dims import Shape, Size, minimum, need

AXES: Final = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""The names of the spatial axes, by their number."""

RANKS: Final = {n: f"(channels, {', '.join(names)})" for n, names in AXES.items()}
"""The axes that a layer requires, by its number of spatial axes, for messages."""


def window_size(n: Size, k: int, s: int, p: int, d: int) -> Size:
    """The number of windows: ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1."""
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


def ceil_size(n: Size, k: int, s: int, p: int, d: int) -> Size:
    """The number of windows with `ceil_mode`: the last one may exceed the end, but must start before it.

    The quotient is rounded up; a window that would start at or beyond n + p is dropped, so there are at most
    ⌊(n + p − 1) / s⌋ + 1 windows.
    """
    return minimum((n + 2 * p - d * (k - 1) - 1 + s - 1) // s + 1, (n + p - 1) // s + 1)


def window_formula(n: Size, k: int, s: int, p: int, d: int, *, ceil: bool = False) -> str:
    """The calculation of `window_size` or `ceil_size` as text: `(224 + 2·1 − 11) // 4 + 1`."""
    terms = [str(n)]
    if p:
        terms.append(f"+ 2·{p}")
    terms.append(f"− {k}" if d == 1 else f"− {d}·({k} − 1) − 1")
    inner = " ".join(terms)
    if not ceil:
        return f"({inner}) // {s} + 1" if s != 1 else f"{inner} + 1"
    if s == 1:
        return f"{inner} + 1"
    whole = f"⌈({inner}) / {s}⌉ + 1"
    if isinstance(n, int) and ceil_size(n, k, s, p, d) != -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1:
        return f"{whole} − 1, as the last window would start beyond the input"
    return whole


def need_window(name: str, n: Size, k: int, p: int, d: int, axis: int) -> None:
    """Require that the window fits into the padded axis at least once. `name` is that of the spatial axis.

    Raises:
        Unmet: it does not.
    """
    fits = n + 2 * p >= d * (k - 1) + 1
    if fits is not True:  # most windows fit; then the help text is not computed
        need(fits, _misfit(name, n, k, p, d), at="kernel_size", axis=axis, help=_fitting(n, p, d))


def _misfit(name: str, n: Size, k: int, p: int, d: int) -> Callable[[], str]:
    def message() -> str:
        reach = f"`kernel_size: {k}`"
        if d != 1:
            reach += f" with `dilation: {d}` spans {d * (k - 1) + 1} and"
        padded = f", which padding makes {n + 2 * p}" if p else ", without padding"
        return f"{reach} does not fit into the {name}: {{given}}{padded}"

    return message


def _fitting(n: Size, p: int, d: int) -> str | None:
    """The largest kernel that fits, for the help line."""
    largest = (n + 2 * p - 1) // d + 1
    if not isinstance(largest, int) or largest < 1:
        return None
    return f"a kernel of at most {largest} fits; or let the layers before shrink the map less"


# ---- what windows meet


Window = tuple[int, int, int, int]
"""Kernel, stride, padding in front and dilation along an axis."""


def data_met(sizes: Shape, windows: Shape, sliding: Sequence[Window]) -> list[list[int]] | None:
    """For each axis and each element of the kernel along it, in how many windows it lies on data and not on padding.

    Args:
        sizes: the sizes of the map.
        windows: the numbers of windows along its axes.
        sliding: the windows themselves.

    Returns:
        None where no window slides, or where a size is no number.
    """
    if not sliding:
        return None
    met: list[list[int]] = []
    for n, count, (k, s, p, d) in zip(sizes, windows, sliding, strict=True):
        if not isinstance(n, int) or not isinstance(count, int):
            return None
        firsts = (max(-((t * d - p) // s), 0) for t in range(k))  # the first window in which it is not before the data
        lasts = (min((n - 1 + p - t * d) // s, count - 1) for t in range(k))
        met.append([max(last - first + 1, 0) for first, last in zip(firsts, lasts, strict=True)])
    return met


def data_read(sizes: Shape, windows: Shape, sliding: Sequence[Window]) -> tuple[int, ...] | None:
    """Along each axis, how many values some window reads. The arguments, and None, are those of `data_met`."""
    if not sliding:
        return None
    read: list[int] = []
    for n, count, (k, s, p, d) in zip(sizes, windows, sliding, strict=True):
        if not isinstance(n, int) or not isinstance(count, int):
            return None
        seen = bytearray(n)
        for t in range(k):
            first = max(-((t * d - p) // s), 0)
            last = min((n - 1 + p - t * d) // s, count - 1)
            if first <= last:
                seen[first * s + t * d - p : last * s + t * d - p + 1 : s] = b"\1" * (last - first + 1)
        read.append(sum(seen))
    return tuple(read)
