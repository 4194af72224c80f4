"""One call of a Keras layer, while it is written as items of a spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from netspec.dims import product
from netspec.importing.config import NotImportable
from netspec.importing.keras.body import ItemList, call_text, layer_type
from netspec.importing.keras.changes import Source, StoredTensor
from netspec.importing.keras.given import KerasLayer
from netspec.importing.keras.graph import KerasCall
from netspec.importing.keras.values import KerasValue, Parts, flat_parts, to_first, to_last


@dataclass
class FoundBeside:
    """What was found on the way beside the items."""

    weights: dict[str, tuple[str, str, Source]] = field(default_factory=dict[str, tuple[str, str, Source]])
    """For each key of the net's `state_dict` the group of the layer in the file, its name, and the tensor there."""
    notes: dict[str, None] = field(default_factory=dict[str, None])
    """What is to be said, once each."""


@dataclass(frozen=True)
class KerasStep:
    """A call of a layer, with what it is given."""

    body: ItemList
    given: KerasLayer
    inputs: Sequence[KerasValue]
    call: KerasCall
    stored: str
    """The group of its weights in the file."""
    key: object
    """What is one for all calls of a layer."""
    label: str
    """Its name in Keras."""
    written: FoundBeside
    place: str = ""
    """That of the layer, with the names of the models around it."""
    inside: str = ""
    """The group of a layer inside it, below its own, with a `/` behind it."""
    shared: bool = False
    """Whether it is called more than once."""
    frozen: bool = False
    """Whether its parameters are not trained, while those around it are."""

    @property
    def x(self) -> KerasValue:
        """The one tensor that it is given.

        Raises:
            NotImportable: there are others.
        """
        if len(self.inputs) != 1:
            self.refuse(f"is given {len(self.inputs)} tensors, and takes one")
        return self.inputs[0]

    def refuse(self, why: str) -> NoReturn:
        """Say why there is no item for it.

        Raises:
            NotImportable: always.
        """
        raise NotImportable(f"{self.given.where} {why}")

    def put(
        self, head: str, arguments: Mapping[str, Any], x: KerasValue, *, first: bool | None = None,
        parts: Parts | None = None, weights: Mapping[str, Source] | None = None, suffix: str = "",
        options: Mapping[str, str] | None = None,
    ) -> KerasValue:  # fmt: skip
        """Add a layer behind a value.

        Args:
            first: whether the channels of what it gives are first; as before if left out.
            parts: how what it gives is made up, if it is flat.
            weights: its tensors by torch's names; a layer with some has a name.
            suffix: of that name, where a layer of Keras's becomes several.
        """
        self.body.stand(x)
        made = layer_type(head, arguments, x, self.given.where)
        value = KerasValue(made, x.first if first is None else first, x.parts if parts is None else parts)
        said = dict(options or {})
        if weights:
            said = {**self._named(weights, suffix), **said}
        return self.body.put(call_text(head, arguments), value, said)

    def _named(self, weights: Mapping[str, Source], suffix: str) -> dict[str, str]:
        """The options of an item with weights, which are remembered under its name."""
        name = self.body.names.of((self.key, suffix), f"{self.label}{suffix}")
        self.keep(name, weights)
        said = {"shared" if self.shared else "name": name}
        return said if not self.frozen else {**said, "freeze": "true"}

    def module(self, suffix: str = "") -> dict[str, str]:
        """The name of a module as an option, where there are weights inside it that `keep` is told of."""
        return self._named({}, suffix)

    def keep(self, name: str, weights: Mapping[str, Source]) -> None:
        """Remember the tensors of a module."""
        for key, source in weights.items():
            self.written.weights[f"{self.body.prefix}{name}.{key}"] = (self.stored, self.place, self._deeper(source))

    def _deeper(self, source: Source) -> Source:
        return source._replace(at=f"{self.inside}{source.at}") if isinstance(source, StoredTensor) else source

    def note(self, text: str) -> None:
        """Say something of the spec, once."""
        self.written.notes[text] = None

    # ---- the order of the axes

    def to_first(self, x: KerasValue) -> KerasValue:
        """A value of several axes with its channels first."""
        if x.first or x.rank < 2:
            return x
        if x.rank > 4:
            self.refuse(f"is given {x.rank} axes beside the batch, and four at most have names here")
        return self.put("Rearrange", {"pattern": to_first(x.rank)}, x, first=True)

    def to_last(self, x: KerasValue) -> KerasValue:
        """A value in Keras's order."""
        if x.first:
            return self.put("Rearrange", {"pattern": to_last(x.rank)}, x, first=False)
        if not x.parts:
            return x
        if len(x.parts) > 1:
            self.refuse("is given maps that were made flat and put side by side, whose order it would change")
        *around, channels = next(iter(x.parts))
        sizes = {f"s{number}": size for number, size in enumerate(around)}
        spread = " ".join(sizes)
        pattern = f"n (c {spread}) -> n ({spread} c)"
        return self.put("Rearrange", {"pattern": pattern, "sizes": {"c": channels, **sizes}}, x, parts=())

    def flatten(self, x: KerasValue) -> KerasValue:
        """A value with one axis."""
        if x.rank == 1:
            return x
        parts = flat_parts(x.in_keras) if x.first else ()
        if parts is None:
            x, parts = self.to_last(x), ()
        return self.put("Flatten", {}, x, first=False, parts=parts)

    def alike(self, values: Sequence[KerasValue]) -> list[KerasValue]:
        """Values of one rank in one order.

        Raises:
            NotImportable: their ranks differ.
        """
        ranks = {value.rank for value in values}
        if len(ranks) != 1:
            self.refuse(f"is given tensors of {' and '.join(map(str, sorted(ranks)))} axes, which a spec does not join")
        rank = ranks.pop()
        if rank == 1:
            return list(values) if len({one.parts for one in values}) == 1 else [self.to_last(one) for one in values]
        if (rank > 2 and any(value.first for value in values)) or all(value.first for value in values):
            return [self.to_first(value) for value in values]
        return [self.to_last(value) for value in values]

    def length(self, x: KerasValue) -> int:
        """How many values the last of Keras's axes has.

        Raises:
            NotImportable: that is not known.
        """
        size = product(x.shape) if x.rank == 1 else x.in_keras[-1] if x.rank else None
        if not isinstance(size, int):
            self.refuse("is given a tensor whose last size is not known")
        return size

    def within(self, given: KerasLayer, stored: str, inputs: Sequence[KerasValue], suffix: str = "") -> KerasStep:
        """The call of a layer inside this one."""
        return replace(self, given=given, inside=f"{self.inside}{stored}/", inputs=inputs, key=(self.key, suffix))
