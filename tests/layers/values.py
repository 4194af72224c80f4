"""Random arguments of a layer, legal or nearly so, and wrong ones, by the names of its fields' types."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

from netspec.layers import layer_class
from netspec.layers.base import Layer


def _each(axes: int, low: int, high: int) -> Callable[[Random], Any]:
    def draw(rng: Random) -> Any:
        if rng.random() < 0.6:
            return rng.randint(low, high)
        return tuple(rng.randint(low, high) for _ in range(axes))

    return draw


def _ratio(choices: list[float], axes: int | None) -> Callable[[Random], Any]:
    def draw(rng: Random) -> Any:
        if rng.random() < 0.6:
            return rng.choice(choices)
        return tuple(rng.choice(choices) for _ in range(axes or rng.randint(1, 3)))

    return draw


def _padding(axes: int) -> Callable[[Random], Any]:
    plain = _each(axes, 0, 3)
    return lambda rng: rng.choice(["same", "same", "valid"]) if rng.random() < 0.3 else plain(rng)


def _sizes(axes: int) -> Callable[[Random], Any]:
    def draw(rng: Random) -> Any:
        if rng.random() < 0.5:
            return rng.randint(1, 5)
        return tuple(rng.choice([None, 1, 2, 3, 7]) for _ in range(axes))

    return draw


def _sides(axes: int, low: int) -> Callable[[Random], Any]:
    def draw(rng: Random) -> Any:
        if rng.random() < 0.5:
            return rng.randint(low, 4)
        return tuple(rng.randint(low, 4) for _ in range(2 * axes))

    return draw


_FRACTIONS = [0.2, 0.29, 0.34, 0.5, 0.7, 0.75, 0.9]
_FACTORS = [0.29, 0.3, 0.5, 0.7, 1, 1.1, 1.5, 2, 2.0, 3]

DRAW: dict[str, Callable[[Random], Any]] = {
    "bool": lambda rng: rng.random() < 0.5,
    "Count": lambda rng: rng.randint(1, 6),
    "Stack": lambda rng: rng.randint(1, 3),
    "Natural": lambda rng: rng.randint(0, 3),
    "Integer": lambda rng: rng.randint(-5, 5),
    "Real": lambda rng: rng.choice([-1.5, -1, 0, 0.0, 0.01, 0.3, 1, 2, 7.5]),
    "NonZero": lambda rng: rng.choice([-2, -0.5, 0.5, 1, 1.5, 2, 3]),
    "Positive": lambda rng: rng.choice([1e-8, 1e-3, 0.5, 1, 2]),
    "NonNegative": lambda rng: rng.choice([0, 1e-8, 1e-3, 0.5, 2]),
    "Probability": lambda rng: rng.choice([0, 0.0, 0.1, 0.5, 0.9, 1, 1.0]),
    "Divisor": lambda rng: rng.choice([-3, -1, 1, 2, 5]),
    **dict.fromkeys(("Counts", "CountsOfAxes"), lambda rng: _each(rng.randint(1, 3), 1, 5)(rng)),
    "SplitSizes": lambda rng: tuple(rng.choice([-1, 1, 2, 2, 3]) for _ in range(rng.randint(1, 3))),
    "Fractions2": _ratio(_FRACTIONS, 2),
    "Fractions3": _ratio(_FRACTIONS, 3),
    "Factors": _ratio(_FACTORS, None),
    "Factors2": _ratio(_FACTORS, 2),
    "BatchFirst": lambda rng: True,
}  # fmt: skip
for _n in (1, 2, 3):
    DRAW[f"Counts{_n}"] = _each(_n, 1, 4)
    DRAW[f"Naturals{_n}"] = _each(_n, 0, 2)
    DRAW[f"Padding{_n}"] = _padding(_n)
    DRAW[f"Sizes{_n}"] = _sizes(_n)
    DRAW[f"Sides{_n}"] = _sides(_n, 0)
    DRAW[f"SignedSides{_n}"] = _sides(_n, -2)

WORDS: dict[str, tuple[str, ...]] = {
    "PaddingMode": ("zeros", "reflect", "replicate", "circular"),
    "Mode": ("nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"),
}

WRONG: dict[str, list[Any]] = {
    "Count": [0, -1, 2.5, "many"],
    "Natural": [-1, 1.5],
    "Integer": [0.5],
    "Real": ["much", 1e39],
    "NonZero": [0, "two"],
    "Positive": [0, -1, "small"],
    "NonNegative": [-1, "small"],
    "Probability": [-0.1, 1.5, 2],
    "Divisor": [0],
    "Counts": [0, -2, 1.5],
    "CountsOfAxes": [0, -2, 1.5],
    "SplitSizes": [(-1, -1), (), (0, 2), (-2, 2), 4],
    "Factors": [0, -1.0, 0.01],
    "Factors2": [0, -1.0, 0.01, (1.0, 2.0, 1.0)],
    "Fractions2": [0, 1, 1.5, (0.5,), (0.5, 1.0)],
    "Fractions3": [0, 1, 1.5, (0.5, 0.5), (0.5, 0.5, 1.0)],
}
for _n in (1, 2, 3):
    WRONG[f"Counts{_n}"] = [0, -1, 1.5, (1,) * (_n + 1), (2,) * max(_n - 1, 0), "two", (0,) * _n]
    WRONG[f"Naturals{_n}"] = [-1, 0.5, (0,) * (_n + 1), (-1,) * _n, (1,) * (_n - 1)]
    WRONG[f"Padding{_n}"] = [-1, 0.5, "full", (0,) * (_n + 1), (-1,) * _n]
    WRONG[f"Sizes{_n}"] = [0, -1, 1.5, None, (1,) * (_n + 1), (-1,) * _n]
    WRONG[f"Sides{_n}"] = [-1, 0.5, (1,) * (2 * _n + 1), (1,) * (2 * _n - 1), (9,) * (2 * _n)]
    WRONG[f"SignedSides{_n}"] = [0.5, (1,) * (2 * _n + 1), (-9,) * (2 * _n)]


@cache
def fields_of(cls: type[Layer]) -> dict[str, str]:
    """Argument → the name of its type as written, `"Counts2 | None"`, in signature order."""
    written: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        written |= inspect.get_annotations(base)
    return {name: str(written[name]) for name in cls.model_fields}


def draw_value(kind: str, rng: Random) -> Any:
    """A value that fits a field of this type, most of the time."""
    options = [part.strip() for part in kind.split(" | ")]
    if "None" in options and rng.random() < 0.15:
        return None
    kind = options[0]
    if kind.startswith("Literal["):
        return rng.choice([word.strip(" \"'") for word in kind[8:-1].split(",")])
    if kind in WORDS:
        return rng.choice(WORDS[kind])
    if kind == "TransformerEncoderLayer":
        return draw_arguments(layer_class(kind), rng, inner=True)
    return DRAW[kind](rng)


def wrong_value(kind: str, rng: Random) -> Any:
    """A value that does not fit a field of this type, most of the time."""
    kind = kind.split(" | ")[0].strip()
    if kind.startswith("Literal[") or kind in WORDS:
        return "nonsense"
    return rng.choice(WRONG.get(kind) or ["nonsense"])


def draw_arguments(cls: type[Layer], rng: Random, *, inner: bool = False) -> dict[str, Any]:
    """Every required argument, and each of the others with an even chance, away from its default."""
    arguments: dict[str, Any] = {}
    for name, kind in fields_of(cls).items():
        kind = "Stack" if name == "num_layers" else kind
        field = cls.model_fields[name]
        if name == cls.width and rng.random() < 0.5:
            continue
        if inner and name in ("d_model", "batch_first"):
            continue
        if not field.is_required() and rng.random() < 0.45:
            continue
        for _ in range(8):
            arguments[name] = draw_value(kind, rng)
            if field.is_required() or arguments[name] != field.default:
                break
    return arguments
