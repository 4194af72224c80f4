"""A Keras model as the text of a spec, and where the tensors of its `state_dict` stand in the file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from netspec.dims import Shape, Unmet
from netspec.importing.config import NotImportable
from netspec.importing.keras import activations, joins, plain, sequences, windows
from netspec.importing.keras.body import ItemList, NewNames
from netspec.importing.keras.given import KerasLayer
from netspec.importing.keras.graph import DEEPEST, MODELS, MOST_CALLS, KerasCall, KerasModel, Member, Ref, network_of
from netspec.importing.keras.step import FoundBeside, KerasStep
from netspec.importing.keras.values import KerasValue
from netspec.layers.base import DType, TensorType
from netspec.symbols import symbol
from netspec.writing import flow, written

LAYERS: Final[Mapping[str, Callable[[KerasStep], KerasValue]]] = {
    **activations.LAYERS, **joins.LAYERS, **plain.LAYERS, **sequences.LAYERS, **windows.LAYERS,
}  # fmt: skip
_AT_EACH_PLACE: Final = ("Activation", "Dense", "Dropout", "LayerNormalization")
"""Layers that do the same at each place of a sequence by themselves."""
_OPERATIONS: Final = ("keras.src.ops.", "keras.ops")
_SYMBOLS: Final = {1: "L", 2: "L", 3: "HW", 4: "DHW"}
_TYPES: Final[Mapping[str, DType]] = {
    **dict.fromkeys(("float16", "bfloat16", "float32", "float64"), "float32"),
    **{f"{sign}int{bits}": "int64" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "bool": "bool",
}  # fmt: skip


class WrittenModel(NamedTuple):
    """A spec, and what goes with it."""

    text: str
    written: FoundBeside


def written_model(found: Mapping[str, Any], name: str | None) -> WrittenModel:
    """The spec of the model that a configuration describes, without a comment at its top.

    Args:
        found: the `config.json`.
        name: of the network; that of the model if left out.

    Raises:
        NotImportable: it is damaged, or says what a spec cannot.
    """
    network, writer = network_of(found), _ModelWriter()
    title = re.sub(r"\W+", "_", name or str(network.config.get("name")), flags=re.ASCII).strip("_")[:64] or "network"
    inputs = [writer.input(network, ref) for ref in network.inputs]
    body = ItemList(writer.values)
    if len(inputs) == 1:
        body.label = "x" if inputs[0][0] in ("input", "inputs") else inputs[0][0]
        body.begin(inputs[0][1], None)
    else:
        for at, (label, value, _) in enumerate(inputs):
            body.begin(value, writer.values.of(("input", at), label))
    given = [value for _, value, _ in inputs]
    outputs = [_at_the_end(body, value) for value in writer.run(network, body, given, "", 0)]
    lines = ["netspec: 1", f"name: {title}", f"input: {_inputs(inputs, body)}", "", "layers:"]
    end: list[str] = []
    if len(outputs) == 1:
        body.stand(outputs[0])
    else:
        names = NewNames()
        said = network.names or tuple(ref.layer for ref in network.outputs)
        end = ["output:"]
        for at, (label, value) in enumerate(zip(said, outputs, strict=True)):
            end.append(f"  {names.of(at, label)}: {body.name(value)}")
    return WrittenModel("\n".join([*lines, *(f"  {line}" for line in body.lines()), *end]) + "\n", writer.written)


def _inputs(inputs: Sequence[tuple[str, KerasValue, str]], body: ItemList) -> str:
    if len(inputs) == 1:
        return inputs[0][2]
    return "{" + ", ".join(f"{body.name(value)}: {sizes}" for _, value, sizes in inputs) + "}"


def _at_the_end(body: ItemList, value: KerasValue) -> KerasValue:
    """What the net gives: maps with their channels first, all else in Keras's order."""
    given = KerasLayer("the output", "", {})
    step = KerasStep(body, given, [value], KerasCall(), "", "output", "output", FoundBeside())
    return step.to_first(value) if value.rank in (3, 4) else step.to_last(value)


class _ModelWriter:
    """Writes models, one inside another."""

    def __init__(self) -> None:
        self.written: Final = FoundBeside()
        self.values: Final = NewNames([name + number for name in "DHLW" for number in ("", "2", "3", "4")])
        self._calls = 0
        self._symbols: Final[Counter[str]] = Counter()

    def input(self, network: KerasModel, ref: Ref) -> tuple[str, KerasValue, str]:
        """An input of the whole: its name, the value, and its type as it is written."""
        member = network.members.get(ref.layer)
        if member is None or member.kind != "InputLayer":
            raise NotImportable(f"config.json: `input_layers` names `{ref.layer[:80]}`, which is no `InputLayer`")
        given = KerasLayer(member.name, member.kind, member.config)
        shape: Any = given.get("batch_shape", given.get("batch_input_shape"))
        if shape is None and member.name == "input":
            raise NotImportable("config.json: nothing says what the model takes: give it an `Input` with its shape, "
                                "and save it again")  # fmt: skip
        sizes = cast("list[Any]", shape if isinstance(shape, list) else [])
        if not 1 <= len(sizes) <= 5 or not all(
            size is None or (type(size) is int and 0 < size < 2**31) for size in sizes[1:]
        ):
            given.refuse("batch_shape", "is not the batch and up to four sizes", shown=sizes)
        dtype = self._dtype(given, network, ref)
        free = iter(_SYMBOLS.get(len(sizes) - 1, "L"))
        names = [size if size is not None else self._symbol(next(free, "L")) for size in sizes[1:]]
        first = len(names) > 2
        names = [names[-1], *names[:-1]] if first else names
        known: Shape = tuple(symbol(size) if isinstance(size, str) else size for size in names)
        said = flow([*names, *([] if dtype == "float32" else [dtype])], written)
        return member.name, KerasValue(TensorType(known, dtype), first), said

    def _symbol(self, name: str) -> str:
        self._symbols[name] += 1
        return name if self._symbols[name] == 1 else f"{name}{self._symbols[name]}"

    def _dtype(self, given: KerasLayer, network: KerasModel, ref: Ref) -> DType:
        """The type of an input. What tables alone read are numbers of words, whatever type Keras gives them."""
        said = given.get("dtype", "float32")
        if not isinstance(said, str) or said not in _TYPES:
            given.refuse("dtype", f"is none of {', '.join(_TYPES)}", shown=said)
        readers = {member.kind for member in network.members.values() for call in member.calls if ref in call.refs}
        return "int64" if readers == {"Embedding"} else _TYPES[said]

    def run(
        self, network: KerasModel, body: ItemList, inputs: Sequence[KerasValue], stored: str, depth: int,
        *, inlined: str = "", shared: bool = False, frozen: bool = False,
    ) -> list[KerasValue]:  # fmt: skip
        """The outputs of a model whose inputs are given.

        Args:
            stored: the group of its weights, with a `/` behind it.
            inlined: what stands in front of its names where it is no module of its own.
            shared: whether it is called more than once, and is no module of its own.
            frozen: whether the parameters of what is around it are not trained.
        """
        if len(inputs) != len(network.inputs):
            raise NotImportable(f"config.json, layer `{network.place[:120]}`: the model takes {len(network.inputs)} "
                                f"tensors, and is given {len(inputs)}")  # fmt: skip
        self._calls += 1 + len(network.members)
        if self._calls > MOST_CALLS:
            raise NotImportable(f"config.json, layer `{network.place[:120]}`: models that are called again and again "
                                f"have more than {MOST_CALLS:,} layers, if each call is written")  # fmt: skip
        values = {(ref.layer, ref.call): [value] for ref, value in zip(network.inputs, inputs, strict=True)}
        order = network.order()
        times = Counter(member.name for member, _ in order)
        for member, number in order:
            place = f"{network.place}/{member.name}" if network.place else member.name
            given = KerasLayer(place, member.kind, member.config)
            call = member.calls[number]
            step = KerasStep(
                body, given, [_value(values, ref, given) for ref in call.refs], call, f"{stored}{member.stored}",
                (place, member.name), f"{inlined}{member.name}", self.written, place,
                shared=shared or times[member.name] > 1, frozen=not frozen and not given.trains,
            )  # fmt: skip
            body.label = step.label
            if member.kind in MODELS:
                values[member.name, number] = self._model(member, step, depth + 1, frozen=frozen)
            else:
                values[member.name, number] = [_layer(member, step)]
        return [_value(values, ref, KerasLayer(network.place or "the model", "output", {})) for ref in network.outputs]

    def _model(self, member: Member, step: KerasStep, depth: int, *, frozen: bool) -> list[KerasValue]:
        """A model inside another: a `sequential` where one tensor goes in and one comes out, else its layers here."""
        _check_call(step, are_refs=True)
        if depth > DEEPEST:
            step.refuse(f"lies in {DEEPEST} models inside one another, and more are not read")
        found = {"module": "keras", "class_name": member.kind, "config": member.config}
        network, stored = network_of(found, step.given.place, depth), f"{step.stored}/"
        frozen = frozen or not step.given.trains
        if len(network.inputs) != 1 or len(network.outputs) != 1 or len(step.inputs) != 1:
            return self.run(
                network, step.body, step.inputs, stored, depth,
                inlined=f"{step.label}_", shared=step.shared, frozen=False,
            )  # fmt: skip
        x = step.x
        name = step.module()
        inner = ItemList(self.values, f"{step.body.prefix}{name.get('name') or name['shared']}.")
        start = KerasValue(x.type, x.first, x.parts)
        inner.label = step.label
        inner.begin(start, None)
        (end,) = self.run(network, inner, [start], stored, depth, frozen=frozen)
        inner.stand(end)
        step.body.label = step.label
        if not inner.items:
            return [x]
        step.body.stand(x)
        return [step.body.put("sequential", KerasValue(end.type, end.first, end.parts), name, inner)]


def _value(values: Mapping[tuple[str, int], list[KerasValue]], ref: Ref, given: KerasLayer) -> KerasValue:
    found = values.get((ref.layer, ref.call), [])
    if not 0 <= ref.result < len(found):
        raise NotImportable(f"{given.where}: result {ref.result} of `{ref.layer[:80]}` is used, which has {len(found)}")
    return found[ref.result]


def _layer(member: Member, step: KerasStep) -> KerasValue:
    """A layer as items of the list.

    Raises:
        NotImportable: there are none for it.
    """
    if member.module.startswith(_OPERATIONS):
        make = joins.OPERATIONS.get(member.kind, joins.unknown)
        return make(step)
    _check_call(step, are_refs=member.kind != "MultiHeadAttention")
    make = _at_each_place if member.kind == "TimeDistributed" else LAYERS.get(member.kind, joins.unknown)
    try:
        made = make(step)
    except Unmet:  # a formula of sizes that are not known
        step.refuse("has a size that is no formula of the input's which a spec could say")
    step.given.finish()
    for key in step.given.regularized:
        step.note(f"`{key}` is of the training and is not in the spec: `weight_decay` of an optimizer says it there")
    return made


def _at_each_place(step: KerasStep) -> KerasValue:
    """`TimeDistributed` around a layer that does so anyway."""
    inner = step.given.inner("layer")
    if inner.kind not in _AT_EACH_PLACE or step.x.rank != 2:
        step.given.refuse("layer", f"is none of {', '.join(_AT_EACH_PLACE)} over a sequence", shown=inner.kind)
    made = LAYERS[inner.kind](step.within(inner, "layer", [step.to_last(step.x)]))
    inner.finish()
    return made


def _check_call(step: KerasStep, *, are_refs: bool) -> None:
    """Refuse a call with what is no tensor."""
    listed = [one for found in step.call.args for one in (_list(found) if isinstance(found, list) else [found])]
    for one in listed:
        if one is not None and not isinstance(one, Ref):
            step.refuse(f"is called with `{str(one)[:40]}`, which is no tensor")
    for key, value in step.call.kwargs.items():
        if key == "training" and value is True:
            step.refuse("is called with `training=True`, and drops values and counts batches outside training, too")
        if key == "training" and value is False and step.given.kind in (*MODELS, "BatchNormalization"):
            step.note("a layer is called with `training=False`: its norms stay as they are in training, which "
                      "`freeze: true` beside it says, and its weights are trained, which that ends")  # fmt: skip
        elif are_refs and key != "training" and not _says_nothing(value):
            step.refuse(f"is called with `{key}`, which is not read here")


def _says_nothing(value: Any) -> bool:
    """Whether an argument is as if it were left out: no mask, or none of each tensor."""
    return value is None or value is False or (isinstance(value, list) and all(one is None for one in _list(value)))


def _list(found: Any) -> list[Any]:
    return cast("list[Any]", found)
