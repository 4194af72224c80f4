"""What the configuration of one of Keras's layers says: each key is asked for, and what nobody asked for is told."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, cast

from netspec.importing.config import NotImportable

LARGEST_SIZE: Final = 2**31 - 1
"""Of one axis, as in the other configurations that are imported."""
_ENDS: Final = ("_initializer", "_regularizer", "_constraint")
_SILENT: Final = frozenset((
    "name", "trainable", "dtype", "seed", "batch_input_shape", "batch_shape", "input_length", "sparse", "ragged",
    "optional", "data_format", "unroll", "synchronized", "renorm_clipping", "renorm_momentum", "zero_output_for_mask",
    "implementation", "unit_forget_bias", "autocast", "time_major",
))  # fmt: skip
"""Keys that say nothing of what a layer computes, or are looked at for every layer."""
_FLOATS: Final = ("float32", "mixed_float16", "mixed_bfloat16")
"""Policies whose parameters are of float32."""


def shown_name(name: str) -> str:
    """A name of somebody else's for a message: on one line, and not too long."""
    return "".join(c if c.isprintable() else "?" for c in name[:120])


class KerasLayer:
    """The configuration of a layer, with the place where it stands."""

    def __init__(self, place: str, kind: str, values: Mapping[str, Any]) -> None:
        """
        Args:
            place: names of the layer and of the networks around it, `inner/dense`.
            kind: Keras's class.
        """
        self.place: Final = place
        self.kind: Final = kind
        self._values: Final = values
        self._asked: Final[set[str]] = set()
        policy = values.get("dtype")
        if isinstance(policy, dict):
            policy = self._inner(cast("dict[str, Any]", policy)).get("name")
        if policy is not None and policy not in _FLOATS and self.kind != "InputLayer":
            known = ", ".join(f"`{name}`" for name in _FLOATS)
            self.refuse("dtype", f"is none of {known}", shown=policy)
        if values.get("data_format") not in (None, "channels_last"):
            self.refuse("data_format", "is not `channels_last`, the order that is read")

    def refuse(self, key: str, why: str, shown: object = None) -> NoReturn:
        """Say that a value is none that a spec can say.

        Raises:
            NotImportable: always.
        """
        value = self._values.get(key) if shown is None else shown
        raise NotImportable(f"{self.where}: `{key}: {json.dumps(value, default=str)[:60]}` {why}")

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"config.json, layer `{shown_name(self.place)}` ({shown_name(self.kind)})"

    def get(self, key: str, default: Any = None) -> Any:
        """A value as it stands there."""
        self._asked.add(key)
        return self._values.get(key, default)

    def count(self, key: str, default: int | None = None) -> int:
        """A whole number from 1 to 2³¹ − 1."""
        value = self.get(key, default)
        if type(value) is not int or not 1 <= value <= LARGEST_SIZE:
            self.refuse(key, f"is no whole number from 1 to {LARGEST_SIZE}")
        return value

    def counts(self, key: str, axes: int, default: Any = None) -> tuple[int, ...]:
        """A whole number for each axis; one stands for all."""
        value = self.get(key, default)
        listed = list(cast("Sequence[Any]", value)) if isinstance(value, list) else [value] * axes
        if len(listed) != axes or not all(type(one) is int and 1 <= one <= LARGEST_SIZE for one in listed):
            self.refuse(key, f"is not {axes} whole numbers from 1 to {LARGEST_SIZE}")
        return tuple(cast("list[int]", listed))

    def sides(self, key: str, axes: int) -> list[tuple[int, int]]:
        """Amounts before and after each axis."""
        value = self.get(key)
        listed = cast("list[Any]", value if isinstance(value, list) else [value] * axes)
        if axes == 1 and len(listed) == 2:
            listed = [listed]
        pairs = [cast("list[Any]", one) if isinstance(one, list) else [one, one] for one in listed]
        flat = [one for pair in pairs for one in pair]
        if len(pairs) != axes or len(flat) != 2 * axes or {*map(len, pairs)} != {2}:
            self.refuse(key, f"is not two amounts for each of {axes} axes")
        if not all(type(one) is int and 0 <= one <= LARGEST_SIZE for one in flat):
            self.refuse(key, "has an amount that is no whole number of 0 or more")
        return [(before, after) for before, after in cast("list[list[int]]", pairs)]

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            self.refuse(key, "is neither true nor false")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number."""
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e30:
            self.refuse(key, "is no number")
        return value

    def numbers(self, key: str, default: Any = None) -> float | list[float]:
        """A number, or a list of them; lists around a list of all numbers are taken away."""
        value: Any = self.get(key, default)
        for _ in range(8):
            if isinstance(value, list) and len(cast("list[Any]", value)) == 1:
                value = cast("list[Any]", value)[0]
        listed = cast("list[Any]", value if isinstance(value, list) else [value])
        for one in listed:
            if isinstance(one, bool) or not isinstance(one, int | float) or not math.isfinite(one) or abs(one) > 1e30:
                self.refuse(key, "is no number or list of numbers")
        return [float(one) for one in listed] if isinstance(value, list) else float(value)

    def must(self, key: str, *allowed: Any, why: str) -> None:
        """Refuse a value that is none of these."""
        value = self.get(key, allowed[0])
        if not any(value == one and isinstance(value, bool) is isinstance(one, bool) for one in allowed):
            self.refuse(key, why)

    def word(self, key: str, *allowed: str) -> str:
        """One of some words; the first where nothing is said."""
        value = self.get(key, allowed[0])
        if value not in allowed:
            self.refuse(key, f"is none of {', '.join(f'`{one}`' for one in allowed)}")
        return value

    def inner(self, key: str) -> KerasLayer:
        """The configuration of a layer inside this one."""
        found = self.get(key)
        if not isinstance(found, dict):
            self.refuse(key, "is no layer")
        layer = cast("dict[str, Any]", found)
        kind = layer.get("class_name")
        module = layer.get("module")
        if not isinstance(kind, str) or not isinstance(module, str) or module.partition(".")[0] != "keras":
            self.refuse(key, "is no layer of Keras's own")
        if layer.get("registered_name") not in (None, kind):
            self.refuse(key, "is a class of somebody's own, whose code is not in the file")
        return KerasLayer(f"{self.place}/{key}", kind, self._inner(layer))

    def _inner(self, found: dict[str, Any]) -> dict[str, Any]:
        config = found.get("config")
        return cast("dict[str, Any]", config) if isinstance(config, dict) else {}

    @property
    def trains(self) -> bool:
        """Whether its parameters are trained."""
        return self.flag("trainable", True)

    def finish(self) -> None:
        """Refuse what nobody asked for and says something."""
        for key, value in self._values.items():
            if key in self._asked or key in _SILENT or key.endswith(_ENDS) or value is None or value is False:
                continue
            self.refuse(key, "is a key that is not known here, and might make it another layer")

    @property
    def regularized(self) -> list[str]:
        """Keys that add something to a loss or hold weights, which is of the training."""
        ends = ("_regularizer", "_constraint")
        return [key for key, value in self._values.items() if key.endswith(ends) and value is not None]
