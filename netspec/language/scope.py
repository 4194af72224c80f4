"""What a name means where an expression stands: a variable, a parameter, a loop's name, a shape, a layer, a block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from netspec.dims import UNKNOWN
from netspec.language.spec import Spec
from netspec.layers import MODULE_OF
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


class Place:
    """Where elaboration stands: the type that flows there. One for all scopes of an elaboration."""

    __slots__ = ("inside", "type")

    def __init__(self) -> None:
        self.type: TensorType | None = None
        self.inside = False
        """True among the layers: elsewhere in a spec, in `vars` or `train`, nothing flows that could have a shape."""


class NamesInScope:
    """The names that expressions of one block body (or of the top level) may use."""

    __slots__ = ("locals", "place", "spec", "symbols", "used", "variables")

    def __init__(self, spec: Spec, place: Place, variables: Mapping[str, object], locals: Mapping[str, object]) -> None:
        self.spec = spec
        self.place = place
        self.variables = variables
        self.locals = locals
        self.symbols: Mapping[str, object] = {}
        self.used: set[str] = set()
        """Variables that some expression asked for, and blocks that something called."""

    def inside(self, locals: Mapping[str, object]) -> NamesInScope:
        """The scope of a block's body: the variables, and these parameters."""
        scope = NamesInScope(self.spec, self.place, self.variables, locals)
        scope.used = self.used
        scope.symbols = self.symbols
        return scope

    def extended(self, names: Mapping[str, object]) -> NamesInScope:
        """This scope with a loop's names."""
        return self.inside({**self.locals, **names})

    def __getitem__(self, name: str) -> object:
        if name in self.locals:
            return self.locals[name]
        if name in self.variables:
            self.used.add(name)
            return self.variables[name]
        if name in SHAPE_NAMES and self.place.inside:
            return self._shape(name)
        if name in MODULE_OF:
            return LayerName(name)
        if name in self.spec.blocks:
            return BlockName(name)
        if name not in self.symbols and (self.spec.lacks_block(name) or "vars:" in self.spec.lost):
            return UNKNOWN
        return self.symbols[name]

    def _shape(self, name: str) -> object:
        type_ = self.place.type
        if type_ is None or (name != "in_shape" and not type_.shape):
            return UNKNOWN
        if name == "in_shape":
            return type_.shape
        return type_.shape[0 if name == "in_channels" else -1]

    def known(self) -> Iterable[str]:
        """Every name in scope, for suggestions."""
        shapes = SHAPE_NAMES if self.place.inside else ()
        return (*self.locals, *self.variables, *shapes, *self.symbols, *self.spec.blocks, *MODULE_OF)

    def hint(self, name: str) -> str | None:
        """Why a name is not in scope, where there is more to say than that it is not."""
        if name in SHAPE_NAMES:
            return f"`{name}` belongs to a place among the layers: it has no meaning here"
        if not self.locals and any(key.text == name for key, _ in self.spec.vars):
            return f"`{name}` is not defined yet: a definition may use those above it"
        if name in self.spec.values:
            return f"`{name}` is a parameter of a block: it is known in that block's body only"
        return None
