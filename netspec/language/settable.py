"""Which part of a recipe a bare name after `--set` is likely to mean: `lr` is `train.optimizer.SGD.lr`."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.meant import argument_meant
from netspec.recipe import tables
from netspec.recipe.read import KEYS, RENAMED
from netspec.text.source import ListNode, MapNode, Node, ScalarNode


def parts_meant(train: Node | None, name: str, known: tables.Tables) -> list[str]:
    """The parts of a recipe that have this name, or that other libraries call so, as `--set` takes them."""
    if not isinstance(train, MapNode):
        return []
    own = name if name in KEYS else RENAMED.get(name.lower())
    found = [] if own is None else [f"train.{own}"]
    for path, fields in _calls(train, known):
        argument = argument_meant(name, fields)
        if argument is not None:
            found.append(f"{path}.{argument}")
    return list(dict.fromkeys(found))


def _calls(train: MapNode, known: tables.Tables) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What a recipe names, each with its arguments: `train.optimizer.SGD`."""
    for key, value in train.entries:
        if key.text in tables.SETTINGS:
            yield f"train.{key.text}", tuple(tables.setting(key.text).model_fields)
        kind = known.of_key(key.text)
        for item in value.items if isinstance(value, ListNode) else [value]:
            head = item.entries[0][0] if isinstance(item, MapNode) and item.entries else item
            if isinstance(head, ScalarNode) and head.text in kind.names:
                yield f"train.{key.text}.{head.text}", tuple(kind.load(head.text).model_fields)


def keys_of(train: Node | None, known: tables.Tables) -> list[str]:
    """Every key of a recipe that `--set` reaches: those that there are, and the arguments of what it names."""
    if not isinstance(train, MapNode):
        return []
    return [
        *(f"train.{key}" for key in KEYS),
        *(f"{path}.{field}" for path, fields in _calls(train, known) for field in fields),
    ]
