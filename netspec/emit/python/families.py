"""Which families of values a `forward` may hold in dictionaries, so that loops run over their indices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from netspec.net import As, Combinator, Leaf, Sequential, Use
from netspec.wiring import Wiring, slots_named, slots_read

NO_FAMILIES: Final[Mapping[str, str]] = MappingProxyType({})
_FEWEST: Final = 3
"""Members of a family that is worth a dictionary."""

Step = Leaf | Sequential | Combinator | As | Use


def families_in(steps: Sequence[Step], wiring: Wiring, taken: Sequence[int], gives: Sequence[int]) -> Mapping[str, str]:
    """The families whose members are named here, and read under their indices while those mean them; with the type of
    their keys.

    Args:
        steps: what a chain runs, in order.
        wiring: the wires of the net.
        taken: the values that the chain is given.
        gives: the values that it gives at its end.
    """
    now: dict[str, int] = {}
    count: Counter[str] = Counter()
    refused = {_base(wiring.names[slot]) for slot in taken}

    def read(slots: Sequence[int]) -> None:
        for slot in slots:
            name = wiring.names[slot]
            if now.get(name, slot) != slot:  # another value has that index by now
                refused.add(_base(name))

    for step in steps:
        wires = wiring.of(step)
        read((*wires.reads, *slots_read(step)))
        for slot in (*wires.gives, *slots_named(step)):
            name = wiring.names[slot]
            if name not in now:
                count[_base(name)] += 1
            now[name] = slot
    read(gives)
    kinds: dict[str, set[int]] = {}
    for name in now:
        base, bracket, index = name.partition("[")
        kinds.setdefault(base, set()).add(index.count(",") + 1 if bracket else 0)
    return {
        base: "int" if axes == {1} else f"tuple[{', '.join(['int'] * next(iter(axes)))}]"
        for base, axes in kinds.items()
        if len(axes) == 1 and 0 not in axes and count[base] >= _FEWEST and base not in refused
    }


def _base(name: str) -> str:
    return name.partition("[")[0]
