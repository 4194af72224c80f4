"""The least that a part of a recipe is called with, as its class shows it."""

from __future__ import annotations

from typing import Any

import yaml

from netspec.recipe.base import Named


def least(kind: type[Named]) -> dict[str, Any]:
    """The arguments of a class's own example; none for what can be called without any."""
    value: Any = None if kind.example is None else yaml.safe_load(kind.example)
    if value is None:
        return {}
    if not isinstance(value, dict):
        assert kind.scalar is not None
        return {kind.scalar: value}
    return {name: tuple(item) if isinstance(item, list) else item for name, item in value.items()}
