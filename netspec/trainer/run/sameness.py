"""The identity of a run: what must be equal to resume it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from netspec.asked import option
from netspec.net import As, Combinator, Computed, Leaf, Net, Node, Read, Use, folded, walk
from netspec.recipe.resolved import Recipe
from netspec.wiring import Dataflow, FlowStep
from netspec.writing import shown

_FREE = frozenset({"checkpoint_every", "checkpoint_keep", "metrics", "global_batch"})  # these do not affect the result
_NEWER: dict[str, Any] = {"drop_last": False, "sampler": None, "layer_decay": 1.0}
"""Keys of a recipe that earlier versions did not know, with what they did."""


def identity(
    net: Net, recipe: Recipe, fingerprint: str, world_size: int, examples: int | None, loss: str | None = None
) -> dict[str, Any]:
    """All that the result of a run depends on, as plain values: architecture (hashed), recipe, data, processes.

    Args:
        net: the net.
        recipe: its recipe.
        fingerprint: the hash of the data.
        world_size: the number of processes.
        examples: the value of `--examples`.
        loss: the name of the program's loss; None for one of the recipe.
    """
    given = {} if loss is None else {"loss": loss}
    return given | {
        "architecture": _hash(_architecture(net)),
        "ends": _hash(_ends(net)),
        "recipe": plain_recipe(recipe),
        "data": fingerprint,
        "world_size": world_size,
        "examples": examples,
    }


def _architecture(net: Net) -> Any:
    """What decides what a net computes: its parts and, where values have names, which part reads what."""
    parts = folded(net.root, _parts)
    named = any(isinstance(node, (As, Use)) or _names_tensors(node) for node in walk(net.root))
    return {"parts": parts, "wires": _wires(net)} if named else parts


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()


def _ends(net: Net) -> Any:
    """Which values a net takes and gives, and their names where they tell them apart."""
    flow = _dataflow(net)
    inputs = [[value.name if len(net.inputs) > 1 else None, value.type.dtype, value.type.shape] for value in net.inputs]
    outputs = [
        [value.name, value.family, [flow.named[slot] for slot in value.slots] or [flow.end]] for value in net.outputs
    ]
    return [inputs, outputs]


def plain_recipe(recipe: Recipe) -> dict[str, Any]:
    """The part of a recipe that affects the result, as plain JSON values."""
    written = recipe.to_dict() | {"accumulate": recipe.accumulate}  # which may follow from `global_batch`
    values = {key: value for key, value in written.items() if key not in _FREE}
    return cast("dict[str, Any]", json.loads(json.dumps(values)))


def with_newer(saved: Mapping[str, Any]) -> dict[str, Any]:
    """A result of `plain_recipe` that an earlier version may have saved, as this one would have."""
    return _NEWER | dict(saved)


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The differences between two identities, one sentence each."""
    found: list[str] = []
    if saved["architecture"] != now["architecture"]:
        found.append("the architecture is another")
    elif saved.get("ends", now["ends"]) != now["ends"]:  # runs of netspec 0.1 have not said it
        found.append("the inputs or outputs of the net are others")
    then = with_newer(saved["recipe"])
    for key in sorted(set(then) | set(now["recipe"])):
        old, new = then.get(key), now["recipe"].get(key)
        if old != new:
            found.append(f"`train.{key}` was {shown(old)} and is {shown(new)}")
    if (old := saved.get("loss")) != (new := now.get("loss")) and old and new:
        found.append(f"the loss of the program was `{old}` and is `{new}`")
    if saved["data"] != now["data"]:
        found.append("the data set's content is another")
    if saved["examples"] != now["examples"]:
        found.append(f"{option('examples')} was {saved['examples']} and is {now['examples']}")
    if saved["world_size"] != now["world_size"]:
        found.append(f"the number of processes was {saved['world_size']} and is {now['world_size']}")
    return found


def _parts(node: Node, inside: list[list[Any]]) -> list[Any]:
    """What a node computes, independent of how the spec writes it: blocks and loops leave no trace, since a run's own
    `spec.yaml` has none of them."""
    match node:
        case Leaf():
            fields = type(node.layer).model_fields
            newer = {name for name in node.layer.newer if node.args.get(name) == fields[name].default}
            args = {name: value for name, value in node.args.items() if name not in newer}
            given = [list(node.inputs)] if _names_tensors(node) else []
            added = [] if node.parametrization is None else [node.parametrization.written()]
            return [[node.path, node.type, args, node.frozen, node.init, *given, *added]]
        case Combinator():
            return [[node.path, node.kind, *node.options.values(), inside]]
        case _:
            return [part for parts in inside for part in parts]


def _names_tensors(node: Node) -> bool:
    """Whether a layer is given tensors of which it may be given others: which they are counts."""
    return isinstance(node, Leaf) and bool(node.inputs) and len(node.layer.tensors) > 1


def _wires(net: Net) -> list[Any]:
    """What each layer, join and operation reads.

    Values are numbered in the order in which they are computed: neither their names nor how often they are named
    counts.
    """
    return [[*_operation(step), *step.reads] for step in _dataflow(net).steps if step.computes]


def _dataflow(net: Net) -> Dataflow:
    return Dataflow(net.root, [value.slot for value in net.named_inputs[1:] if value.slot is not None])


def _operation(step: FlowStep) -> list[Any]:
    """What a step computes: the path of a module, or an operation with its numbers."""
    if isinstance(step.node, (Leaf, Combinator)):
        return [step.node.path]
    assert step.term is not None
    sides = (step.term.left, step.term.right)
    return [step.term.op, *(None if isinstance(side, (Read, Computed)) else side for side in sides)]
