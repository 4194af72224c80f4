"""The identity of a run: what must be equal to resume it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from netspec.net import Combinator, Leaf, Net, Node, folded
from netspec.recipe.resolved import Recipe
from netspec.writing import shown

_FREE = frozenset({"checkpoint_every", "checkpoint_keep"})  # these do not affect the result


def identity(net: Net, recipe: Recipe, fingerprint: str, world_size: int, examples: int | None) -> dict[str, Any]:
    """All that the result of a run depends on, as plain values: architecture (hashed), recipe, data, processes.

    Args:
        net: the net.
        recipe: its recipe.
        fingerprint: the hash of the data.
        world_size: the number of processes.
        examples: the value of `--examples`.
    """
    return {
        "architecture": hashlib.sha256(json.dumps(folded(net.root, _parts), default=str).encode()).hexdigest(),
        "recipe": plain_recipe(recipe),
        "data": fingerprint,
        "world_size": world_size,
        "examples": examples,
    }


def plain_recipe(recipe: Recipe) -> dict[str, Any]:
    """The part of a recipe that affects the result, as plain JSON values."""
    values = {key: value for key, value in recipe.to_dict().items() if key not in _FREE}
    return cast("dict[str, Any]", json.loads(json.dumps(values)))


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The differences between two identities, one sentence each."""
    found: list[str] = []
    if saved["architecture"] != now["architecture"]:
        found.append("the architecture is another")
    for key in sorted(set(saved["recipe"]) | set(now["recipe"])):
        old, new = saved["recipe"].get(key), now["recipe"].get(key)
        if old != new:
            found.append(f"`train.{key}` was {shown(old)} and is {shown(new)}")
    if saved["data"] != now["data"]:
        found.append("the data set's content is another")
    if saved["examples"] != now["examples"]:
        found.append(f"`--examples` was {saved['examples']} and is {now['examples']}")
    if saved["world_size"] != now["world_size"]:
        found.append(f"the number of processes was {saved['world_size']} and is {now['world_size']}")
    return found


def _parts(node: Node, inside: list[list[Any]]) -> list[Any]:
    """What a node computes, independent of how the spec writes it: blocks and loops leave no trace, since a run's own
    `spec.yaml` has none of them."""
    match node:
        case Leaf():
            return [[node.path, node.type, node.args, node.frozen, node.init]]
        case Combinator():
            return [[node.path, node.kind, *node.options.values(), inside]]
        case _:
            return [part for parts in inside for part in parts]
