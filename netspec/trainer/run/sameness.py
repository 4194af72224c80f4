"""What must be equal for a run to be the same run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from netspec.net import Combinator, Leaf, Net, Node, folded
from netspec.recipe.resolved import Recipe
from netspec.writing import shown

_FREE = frozenset({"checkpoint_every", "checkpoint_keep"})  # where checkpoints are kept changes no bit of the run


def identity(net: Net, recipe: Recipe, fingerprint: str, world_size: int, examples: int | None) -> dict[str, Any]:
    """What decides a run's result, in plain values: architecture, recipe, data, number of processes."""
    return {
        "architecture": hashlib.sha256(json.dumps(folded(net.root, _parts), default=str).encode()).hexdigest(),
        "recipe": plain_recipe(recipe),
        "data": fingerprint,
        "world_size": world_size,
        "examples": examples,
    }


def plain_recipe(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe decides a run's result, as JSON has it."""
    values = {key: value for key, value in recipe.to_dict().items() if key not in _FREE}
    return cast("dict[str, Any]", json.loads(json.dumps(values)))


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two identities, one sentence each."""
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
    """Everything that decides what a node computes, and nothing of how the source writes it: blocks and loops are not
    there any more, as in a run's own `spec.yaml`."""
    match node:
        case Leaf():
            return [[node.path, node.type, node.args, node.frozen, node.init]]
        case Combinator():
            return [[node.path, node.kind, *node.options.values(), inside]]
        case _:
            return [part for parts in inside for part in parts]
