"""The graph of a Keras model, as its configuration has it: layers, their calls, and the order in which they run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, NoReturn, cast

from netspec.importing.config import NotImportable
from netspec.importing.keras.given import shown_name

MODELS: Final = ("Sequential", "Functional", "Model")
"""Keras's classes of models whose configuration says what they compute."""
MOST_LAYERS: Final = 20_000
MOST_CALLS: Final = 30_000
"""Layers of all models, those of a model counted each time that it is called: it is written each time."""
DEEPEST: Final = 16
"""Models inside models."""


class Ref(NamedTuple):
    """A tensor: a result of a call of a layer."""

    layer: str
    call: int
    result: int


@dataclass(frozen=True)
class KerasCall:
    """A call of a layer: tensors, lists of tensors and numbers."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def refs(self) -> list[Ref]:
        """All tensors that it is given."""
        return [*_refs([*self.args, *self.kwargs.values()])]


@dataclass(frozen=True)
class Member:
    """A layer of a model."""

    name: str
    kind: str
    module: str
    config: Mapping[str, Any]
    calls: tuple[KerasCall, ...]
    stored: str
    """The group of its weights, below that of the model."""
    built: Any = None
    """Its input's shape, where the file says it."""


@dataclass(frozen=True)
class KerasModel:
    """A model: its layers by name, and what goes in and comes out."""

    place: str
    config: Mapping[str, Any]
    members: Mapping[str, Member]
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    names: tuple[str, ...] = ()
    """Of the outputs, where they have names."""

    def order(self) -> list[tuple[Member, int]]:
        """The calls that the outputs hang on, each behind those whose results it is given.

        Raises:
            NotImportable: a call is given its own result.
        """
        found: list[tuple[Member, int]] = []
        state: dict[tuple[str, int], bool] = {(ref.layer, ref.call): True for ref in self.inputs}
        stack: list[tuple[Ref, bool]] = [(ref, False) for ref in reversed(self.outputs)]
        while stack:
            ref, ready = stack.pop()
            key = (ref.layer, ref.call)
            if ready:
                state[key] = True
                found.append((self.members[ref.layer], ref.call))
                continue
            if state.get(key) is False:
                refuse(self.place, ref.layer, "is given its own result")
            if state.get(key):
                continue
            state[key] = False
            stack.append((ref, True))
            stack += [(one, False) for one in reversed(self.call(ref).refs) if not state.get((one.layer, one.call))]
        return found

    def call(self, ref: Ref) -> KerasCall:
        """The call that a tensor comes from.

        Raises:
            NotImportable: there is none.
        """
        member = self.members.get(ref.layer)
        if member is None:
            refuse(self.place, ref.layer, "is given on, and is no layer of the model")
        if not 0 <= ref.call < len(member.calls):
            refuse(self.place, ref.layer, f"has {len(member.calls)} calls, and the result of call {ref.call} is used")
        return member.calls[ref.call]


def refuse(place: str, name: str, why: str) -> NoReturn:
    """Say what is wrong with a layer.

    Raises:
        NotImportable: always.
    """
    raise NotImportable(f"config.json, layer `{_path(place, str(name))}` {why}")


def network_of(found: Any, place: str = "", depth: int = 0) -> KerasModel:
    """The model that a configuration describes.

    Args:
        found: the object with `class_name` and `config`.
        place: names of the models around it, and its own.
        depth: how many models are around it.

    Raises:
        NotImportable: it is damaged, or a class of model whose configuration does not say what it computes.
    """
    kind, config = _checked(found, place)
    if kind not in MODELS:
        raise NotImportable(f"config.json: `{kind[:60]}` is no `Sequential` or functional model: what it computes is "
                            "code, which is not in the file")  # fmt: skip
    if depth > DEEPEST:
        raise NotImportable(f"config.json: more than {DEEPEST} models inside one another, at `{place[:80]}`")
    listed = config.get("layers")
    if not isinstance(listed, list):
        raise NotImportable(f"config.json: the model `{place or kind}` has no list of `layers`")
    if len(cast("list[Any]", listed)) > MOST_LAYERS:
        raise NotImportable(f"config.json: {len(cast('list[Any]', listed)):,} layers; {MOST_LAYERS:,} at most are read")
    members = list(_members(cast("list[Any]", listed), place, is_chain=kind == "Sequential"))
    by_name = {member.name: member for member in members}
    if len(by_name) < len(members):
        twice = Counter(member.name for member in members).most_common(1)[0][0]
        refuse(place, twice, "is the name of two layers")
    if kind == "Sequential":
        return _chain(members, config, place)
    inputs, _ = _ends(config.get("input_layers"), "input_layers", place)
    outputs, names = _ends(config.get("output_layers"), "output_layers", place)
    return KerasModel(place, config, by_name, inputs, outputs, names)


def _chain(members: Sequence[Member], config: Mapping[str, Any], place: str) -> KerasModel:
    """A Sequential: each layer is given what the one before it gives."""
    if members and members[0].kind == "InputLayer":
        first, rest = members[0], members[1:]
    else:
        shape = members[0].built if members else None
        first = Member("input", "InputLayer", "keras.layers", {"batch_shape": shape, "dtype": "float32"}, (), "")
        rest = members
    made, before = {first.name: first}, Ref(first.name, 0, 0)
    for member in rest:
        made[member.name] = Member(
            member.name, member.kind, member.module, member.config, (KerasCall((before,)),), member.stored, member.built
        )
        before = Ref(member.name, 0, 0)
    return KerasModel(place, config, made, (Ref(first.name, 0, 0),), (before,))


def _members(listed: Sequence[Any], place: str, *, is_chain: bool) -> Iterator[Member]:
    seen: Counter[str] = Counter()
    for number, found in enumerate(listed):
        kind, config = _checked(found, f"{place}[{number}]")
        layer = cast("dict[str, Any]", found)
        name = layer.get("name", config.get("name"))
        if not isinstance(name, str) or not 0 < len(name) <= 200:
            raise NotImportable(f"config.json: layer {number} of `{place or 'the model'}` has no name")
        calls = layer.get("inbound_nodes", [])
        if not isinstance(calls, list):
            refuse(place, name, "has `inbound_nodes` that are no list")
        stored = ""
        if not (is_chain and kind == "InputLayer"):
            snake = _snake(kind)
            stored = f"layers/{snake}" + (f"_{seen[snake]}" if seen[snake] else "")
            seen[snake] += 1
        built = layer.get("build_config")
        shape = cast("dict[str, Any]", built).get("input_shape") if isinstance(built, dict) else None
        made = tuple(_call(one, place, name) for one in cast("list[Any]", calls))
        yield Member(name, kind, str(layer.get("module")), config, made, stored, shape)


def _checked(found: Any, place: str) -> tuple[str, dict[str, Any]]:
    """The class and the configuration of a layer of Keras's own."""
    where = f"config.json, {f'`{place[:120]}`' if place else 'the model'}"
    if not isinstance(found, dict):
        raise NotImportable(f"{where}: is no object with `class_name` and `config`")
    layer = cast("dict[str, Any]", found)
    kind, module, config = layer.get("class_name"), layer.get("module"), layer.get("config")
    if not isinstance(kind, str) or not isinstance(config, dict):
        raise NotImportable(f"{where}: has no `class_name` with a `config`")
    own = isinstance(module, str) and module.partition(".")[0] == "keras"
    named = cast("dict[str, Any]", config).get("name", layer.get("name"))
    said = f"config.json, layer `{_path(place.partition('[')[0], str(named))}`"
    if not own or layer.get("registered_name") not in (None, kind):
        raise NotImportable(f"{said}: `class_name: {kind[:60]}` of the module `{str(module)[:60]}` is a class of "
                            "somebody's own, whose code is not in the file")  # fmt: skip
    if kind == "Lambda":
        raise NotImportable(f"{said}: `class_name: Lambda` holds a function as bytes to be run, and nothing of a file "
                            "is run here; put layers in its place in Keras, and save again")  # fmt: skip
    return kind, cast("dict[str, Any]", config)


def _call(found: Any, place: str, name: str) -> KerasCall:
    if not isinstance(found, dict):
        refuse(place, name, "has `inbound_nodes` as Keras 2 wrote them: load the file with Keras 3, and save it again")
    call = cast("dict[str, Any]", found)
    args, kwargs = call.get("args"), call.get("kwargs", {})
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        refuse(place, name, "has `inbound_nodes` without `args` and `kwargs`")
    named = {key: _argument(value, place, name) for key, value in cast("dict[str, Any]", kwargs).items()}
    return KerasCall(tuple(_argument(one, place, name) for one in cast("list[Any]", args)), named)


def _argument(found: Any, place: str, name: str, depth: int = 0) -> Any:
    if isinstance(found, list):
        if depth > 4:
            refuse(place, name, "is given lists in lists in lists")
        return [_argument(one, place, name, depth + 1) for one in cast("list[Any]", found)]
    if not isinstance(found, dict):
        return found
    layer = cast("dict[str, Any]", found)
    if "class_name" in layer:
        config: Any = layer.get("config")
        if layer["class_name"] != "__keras_tensor__" or not isinstance(config, dict):
            refuse(place, name, f"is given a `{str(layer['class_name'])[:60]}`, which is no tensor")
        return _ref(cast("dict[str, Any]", config).get("keras_history"), place, name)
    return layer


def _ref(found: Any, place: str, name: str) -> Ref:
    parts = cast("list[Any]", found) if isinstance(found, list) else []
    if len(parts) != 3 or not isinstance(parts[0], str) or not all(type(one) is int for one in parts[1:]):
        refuse(place, name, "has a tensor whose place is not `[layer, call, result]`")
    return Ref(parts[0], parts[1], parts[2])


def _ends(found: Any, key: str, place: str) -> tuple[tuple[Ref, ...], tuple[str, ...]]:
    """The tensors that a model takes or gives, and their names if they have some."""
    if isinstance(found, list) and found and isinstance(found[0], str):
        found = [found]
    names: tuple[str, ...] = ()
    if isinstance(found, dict):
        names, found = tuple(cast("dict[str, Any]", found)), list(cast("dict[str, Any]", found).values())
    if not isinstance(found, list) or not found:
        raise NotImportable(f"config.json: `{key}` of `{place or 'the model'}` names no tensors")
    return tuple(_ref(one, place, key) for one in cast("list[Any]", found)), names


def _refs(values: Sequence[Any]) -> Iterator[Ref]:
    for value in values:
        if isinstance(value, Ref):
            yield value
        elif isinstance(value, list):
            yield from _refs(cast("list[Any]", value))


def _path(place: str, name: str) -> str:
    return shown_name(f"{place}/{name}" if place else name)


def _snake(kind: str) -> str:
    """A class as Keras names the group of its weights."""
    name = re.sub(r"\W+", "", kind)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
