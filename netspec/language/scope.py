"""What a name means where an expression stands: a variable, a parameter, a loop's name, a shape, a layer, a block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from netspec.dims import UNKNOWN
from netspec.expressions import Called, ExpressionError, parse
from netspec.expressions.values import Family, Value
from netspec.language.spec import Spec
from netspec.language.values import Asked, ValueNames
from netspec.layers.base import TensorType

if TYPE_CHECKING:
    from netspec.language.items import Item


class _Name:
    """Equal to another of its kind and name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: Final = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Name) and type(other) is type(self) and other.name == self.name

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __repr__(self) -> str:
        return self.name  # in the label of a loop over lists that hold names, as the spec writes them


class LayerName(_Name):
    """A layer's name as a value: `act: ReLU`."""

    __slots__ = ()


class BlockName(_Name):
    """A block's name as a value: `block: basic`."""

    __slots__ = ()


class Template:
    """A layer or block with its arguments as a value, `{LeakyReLU: 0.2}`; evaluated in the scope that wrote it."""

    __slots__ = ("item", "scope")

    def __init__(self, item: Item, scope: NamesInScope) -> None:
        self.item: Final = item
        self.scope: Final = scope

    def __repr__(self) -> str:
        return self.item.name


SHAPE_NAMES: Final = ("in_shape", "in_channels", "in_features")
"""What an expression among the layers may ask of the place where it stands."""


class NamesInScope:
    """The names that expressions of one block body (or of the top level) may use."""

    __slots__ = ("has_values", "in_block", "locals", "spec", "symbols", "used", "values", "variables")

    def __init__(
        self,
        spec: Spec,
        variables: Mapping[str, object],
        locals: Mapping[str, object],
        values: ValueNames | None = None,
    ) -> None:
        self.spec = spec
        self.values = ValueNames(Asked()) if values is None else values
        self.variables = variables
        self.locals = locals
        self.symbols: Mapping[str, object] = {}
        self.in_block = False
        self.has_values = bool(spec.named_values)
        """False where no value has a name anywhere: then nothing is asked for one."""
        self.used: set[str] = set()
        """Variables that some expression asked for, and blocks that something called."""

    def inside(self, locals: Mapping[str, object]) -> NamesInScope:
        """The scope of a block's body: the variables, and these parameters."""
        scope = self._with(locals, ValueNames(self.values.asked) if self.has_values else self.values)
        scope.in_block = True
        return scope

    def extended(self, names: Mapping[str, object]) -> NamesInScope:
        """This scope with a loop's names. What is named inside is known behind the loop."""
        return self._with({**self.locals, **names}, self.values)

    def branch(self) -> NamesInScope:
        """The scope of a branch: it reads the values around it, and keeps to itself what it names."""
        return self._with(self.locals, self.values.branch()) if self.has_values else self

    def _with(self, locals: Mapping[str, object], values: ValueNames) -> NamesInScope:
        scope = NamesInScope.__new__(NamesInScope)
        scope.spec = self.spec
        scope.variables = self.variables
        scope.locals = locals
        scope.values = values
        scope.used = self.used
        scope.symbols = self.symbols
        scope.in_block = self.in_block
        scope.has_values = self.has_values
        return scope

    def __getitem__(self, name: str) -> object:
        return self.find(name, None)

    def names_value(self, name: str) -> bool:
        """Whether a parameter, a loop or a value has this name here, which then means no layer and no combinator."""
        return name in self.locals or name in self.values.known()

    def computes_with_value(self, text: str) -> bool:
        """Whether an expression has the name of a value of the network in it; does not count as reading it."""
        try:
            names = parse(text).names
        except ExpressionError:
            return False
        for name in names:
            found = self.locals[name] if name in self.locals else self.values.here(name)
            if isinstance(found, (Value, Family)):
                return True
        return False

    def find(self, name: str, here: Here | None) -> object:
        """What a name means: at a place among the layers, or elsewhere in the spec for None.

        Raises:
            KeyError: it means nothing.
        """
        if name in self.locals:
            return self.locals[name]
        if self.has_values and (value := self.values.find(name)) is not None:
            return value
        if name in self.variables:
            self.used.add(name)
            return self.variables[name]
        if here is not None and name in SHAPE_NAMES:
            return here.shape(name)
        if name in self.spec.offer.layers:
            return LayerName(name)
        if name in self.spec.blocks:
            return BlockName(name)
        if name not in self.symbols and (self.spec.lacks_block(name) or "vars:" in self.spec.lost):
            return UNKNOWN
        if name in self.symbols:
            return self.symbols[name]
        if here is not None and here.type is None and name in self.spec.named_values:
            return UNKNOWN  # what should have named it was reported
        raise KeyError(name)

    def known(self) -> Iterable[str]:
        """Every name in scope, for suggestions."""
        return (
            *self.locals, *self.values.known(), *self.variables, *self.symbols, *self.spec.blocks,
            *self.spec.offer.layers,
        )  # fmt: skip

    def hint(self, name: str) -> str | None:
        """Why a name is not in scope, where there is more to say than that it is not."""
        if name in SHAPE_NAMES:
            return f"`{name}` belongs to a place among the layers: it has no meaning here"
        if not self.locals and any(key.text == name for key, _ in self.spec.vars):
            return f"`{name}` is not defined yet: a definition may use those above it"
        if (key := self.spec.named_values.get(name)) is not None:
            line = self.spec.source.span(key).line
            return f"`{name}` is a value of the network (line {line}): it is known among the layers only"
        if name in self.spec.values:
            return f"`{name}` is a parameter of a block: it is known in that block's body only"
        return None

    def instead(self, called: Called) -> str | None:
        """What to write instead of a call that expressions do not know, or None."""
        from netspec.language.strangers import instead_of_call  # strangers' names are told apart once one is met

        values = {*self.values.known(), *(n for n, v in self.locals.items() if isinstance(v, (Value, Family)))}
        return instead_of_call(called, self.spec.blocks, values)


class Here:
    """The names that an expression may use at one place among the layers, where a value of some type stands."""

    __slots__ = ("scope", "type")

    def __init__(self, scope: NamesInScope, type: TensorType | None) -> None:
        self.scope: Final = scope
        self.type: Final = type

    def __getitem__(self, name: str) -> object:
        scope = self.scope
        return scope.locals[name] if name in scope.locals else scope.find(name, self)

    def inside(self, locals: Mapping[str, object]) -> Here:
        """This place, seen from the body of a block with these parameters."""
        return Here(self.scope.inside(locals), self.type)

    def shape(self, name: str) -> object:
        """The shape of the value that stands here, or one of its sizes; UNKNOWN where it is not known."""
        if self.type is None or (name != "in_shape" and not self.type.shape):
            return UNKNOWN
        if name == "in_shape":
            return self.type.shape
        return self.type.shape[0 if name == "in_channels" else -1]

    def known(self) -> Iterable[str]:
        """Every name in scope, for suggestions."""
        return (*self.scope.known(), *SHAPE_NAMES)

    def hint(self, name: str) -> str | None:
        """Why a name is not in scope, where there is more to say than that it is not."""
        from netspec.language.strangers import instead_of_name  # once a name is not found

        scope, spec = self.scope, self.scope.spec
        if (told := instead_of_name(name, spec, scope.values)) is not None:
            return told
        key = spec.named_values.get(name)
        if key is None or (not scope.locals and any(defined.text == name for defined, _ in spec.vars)):
            return scope.hint(name)
        line = spec.source.span(key).line
        if name in spec.input_names and not scope.in_block:
            return f"the file has an input `{name}` (line {line}), and what is overridden leaves it out"
        if name in spec.input_names:
            return f"`{name}` is an input (line {line}): a block knows its parameters only, so hand it over as one"
        return (
            f"`as: {name}` stands in line {line}: a value is known behind its `as`, in the same list and in the "
            "branches there, if no `when` or loop leaves it out; a block knows its parameters only"
        )

    def instead(self, called: Called) -> str | None:
        """What to write instead of a call that expressions do not know, or None."""
        return self.scope.instead(called)
