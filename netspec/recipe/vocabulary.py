"""What a recipe may call by its name: netspec's own data sets, transforms and so on, and what plugins add."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from netspec.layers import Offer
from netspec.recipe import tables
from netspec.recipe.base import Named


class KindSection(NamedTuple):
    """A kind of thing that a recipe calls by name."""

    key: str
    """The key of a recipe under which it stands."""
    title: str
    names: Mapping[str, str]
    load: Callable[[str], type[Named]]


class Vocabulary(NamedTuple):
    """All that a recipe may call by name."""

    kinds: Mapping[str, KindSection]
    names: Mapping[str, str]
    """Every name → its kind."""

    def load(self, name: str) -> type[Named]:
        """The class of a name."""
        return self.kinds[self.names[name]].load(name)


_TITLES: Final = {
    "data": "Data sets",
    "transforms": "Transforms",
    "optimizer": "Optimizers",
    "scheduler": "Schedulers",
    "loss": "Losses",
    "metrics": "Metrics",
}
"""Key of a recipe → what stands under it."""


def _vocabulary(known: tables.Tables) -> Vocabulary:
    kinds = {
        (kind := known.of_key(key)).word: KindSection(key, title, kind.names, kind.load)
        for key, title in _TITLES.items()
    }
    return Vocabulary(kinds, {name: word for word, of in kinds.items() for name in of.names})


OWN: Final = _vocabulary(tables.OWN)
"""Without plugins."""


def vocabulary(offer: Offer) -> Vocabulary:
    """All that a recipe may call by name, with what plugins offer."""
    return _vocabulary(tables.tables_of(offer)) if offer.parts else OWN
