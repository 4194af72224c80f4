"""The input of a network that was pasted without one: as it says it, or as its layers want it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from netspec.diagnostics import Edit
from netspec.mends.calls import WrittenItem
from netspec.mends.edits import applied
from netspec.mends.fitting import Conditions, Fitting
from netspec.symbols.formula import SizeComparison
from netspec.text.source import Source

_USUAL: Final = (28, 32, 224, 227, 64, 96, 128, 256, 299, 48, 84, 160, 192, 240, 320, 384, 512)
"""Sizes of pictures, the commonest first."""
_FLAT: Final = {784: "[1, 28, 28]", 3072: "[3, 32, 32]"}
"""Pictures of the best known data sets, by how many values they have."""
_AXES: Final = {"1": ("L",), "2": ("H", "W"), "3": ("D", "H", "W")}
_FARTHEST: Final = 1024


class Input(NamedTuple):
    """An input that fits."""

    text: str
    fits: str | None = None
    """Which others do, where a size was chosen."""


def input_for(
    entries: Sequence[WrittenItem],
    stated: Sequence[int] | None,
    source: Source,
    written: Callable[[str], tuple[Edit, ...]],
    conditions: Conditions,
) -> Input | None:
    """An input for a chain; None where nothing says how many axes it has.

    Args:
        entries: the layers.
        stated: the shape of one example, where the text says it.
        written: what the text becomes with an input.
    """
    if stated is not None:
        return Input(_typed(f"[{', '.join(map(str, stated))}]", entries))
    first = _first(entries)
    if first is None:
        return None
    channels, names = first
    if not names:
        return Input(channels)
    symbolic = f"[{', '.join([channels, *names] if channels else names)}]"
    if channels.startswith("last "):
        symbolic = f"[{names[0]}, {channels.removeprefix('last ')}]"
    text = _typed(symbolic, entries)
    changed = applied(source, written(text))
    required = None if changed is None else conditions(changed.text)
    exact = [each for each in required or () if isinstance(each.condition, SizeComparison)
             and each.condition.operator == "=="]  # fmt: skip
    if not exact:
        return Input(text)
    assert required is not None
    return _sized(channels, Fitting(names, [0] * len(names), required)) or Input(text)


def _sized(channels: str, fitting: Fitting) -> Input | None:
    """Square pictures for which the widths of the layers are right: of a usual size, or the smallest."""
    axes = len(fitting.names)
    fits = [size for size in range(1, _FARTHEST + 1) if fitting.fits(*[size] * axes)]
    if not fits:
        return None
    size = next((usual for usual in _USUAL if usual in fits), fits[0])
    low = high = size
    while low - 1 in fits:
        low -= 1
    while high + 1 in fits:
        high += 1
    others = None if low == high else f"{fitting.text(*[low] * axes)} to {fitting.text(*[high] * axes)} fit"
    return Input(f"[{', '.join([channels, *[str(size)] * len(fitting.names)])}]", others)


def _typed(shape: str, entries: Sequence[WrittenItem]) -> str:
    """A shape, with the type that an embedding wants."""
    return f"{{shape: {shape}, dtype: int64}}" if _plain(entries)[:1] == ["Embedding"] else shape


def _plain(entries: Sequence[WrittenItem]) -> list[str]:
    """The layers' names, those inside of others in their place."""
    return [call.partition(":")[0] for call in _calls(entries)]


def _calls(entries: Sequence[WrittenItem]) -> list[str]:
    found: list[str] = []
    for entry in entries:
        found += _calls(entry.inside) if entry.inside else [entry.call]
    return found


def _first(entries: Sequence[WrittenItem]) -> tuple[str, Sequence[str]] | None:
    """The width that the first layer with one has, and the names of the axes beside it; or a whole shape, and none."""
    flat = False
    for call in _calls(entries):
        name = call.partition(":")[0]
        width = re.search(r"\b(?:in_channels|in_features|num_features|input_size|d_model|embed_dim): (\d+)", call)
        shape = re.search(r"unflattened_size: \[([\d, ]+)\]", call)
        if name == "Unflatten" and shape is not None:
            product = 1
            for size in shape[1].split(","):
                product *= int(size)
            return f"[{product}]", ()
        if name == "Embedding":
            return "", ("L",)
        if name == "Linear":
            if width is None:
                return ("", ("C", "H", "W")) if flat else ("", ("N",))
            return _FLAT.get(int(width[1]), f"[{width[1]}]") if flat else f"[{width[1]}]", ()
        spatial = re.fullmatch(r"(?:Conv|ConvTranspose|BatchNorm|InstanceNorm)([123])d", name)
        if spatial is not None:
            return (width[1] if width else "C"), _AXES[spatial[1]]
        if width is not None:
            return f"last {width[1]}", ("L",)
        flat = flat or name == "Flatten"
    return None
