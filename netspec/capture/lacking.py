"""What no spec says: in which modules it stands, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netspec.capture.graph import RefusedCall, Region, Trace

_TORCH: Final = "torch"
_OWN: Final = "netspec"


def of_program(region: Region) -> Region:
    """The innermost module around one that is of a program, and none of torch's or netspec's own."""
    while region.parent is not None and _maker(region) in (_TORCH, _OWN):
        region = region.parent
    return region


def _maker(region: Region) -> str:
    """The package of a module's class."""
    return type(region.module).__module__.partition(".")[0]


def lacking_layers(refused: Sequence[RefusedCall]) -> list[str]:
    """The names of the classes of which `--write-plugin` makes layers; none where the network itself is one of them, or
    no layer can be made of one."""
    parts = [of_program(each.region) for each in refused]
    if any(one.parent is None for one in parts) or any(each.is_beyond for each in refused):
        return []
    return list(dict.fromkeys(_kind(one) for one in parts))


def _kind(region: Region) -> str:
    return type(region.module).__name__


def writes_layers(command: str, classes: Sequence[str]) -> str:
    """The advice to write the layers that are lacking.

    Args:
        command: that imports the module which lacks them.
        classes: of its parts, whose layers are written.
    """
    names = " and ".join(f"`{name}`" for name in classes)
    return f"`{command} {_WRITE}` writes a layer of yours for {names}"


_WRITE: Final = "--write-plugin my_layers.py"
_THEN: Final = f"`netspec import {_WRITE}` then writes a layer for it"


BEYOND: Final = (
    "no layer gives what has the batch twice, or not at all: leave that out of the network, let it give what that is "
    'made of, several tensors in a dict, `{"a": a, "b": b}`, and let a program compute it, as in a loss of its own: '
    "docs/training.md"
)


def _single(trace: Trace) -> str:
    """That an input of one number may be meant without an axis for it, where there is such an input."""
    found = [value for value in trace.inputs if value.shape == (trace.batch, 1)]
    return "".join(
        f"`{value.key}` is given as (N, 1); where it is one number for each example, `--input {value.dtype}` gives "
        "(N). Else: "
        for value in found[-1:]
    )


def advice(refused: Sequence[RefusedCall], trace: Trace) -> str:
    """What to do about what has no form in a run; empty where layers of one's own do not help, as of a file that is
    read.

    Layers are written for classes of a program that stand in a network. So code of the network's own `forward` has to
    become one, and a module of torch's to be in one.
    """
    if any(each.is_beyond for each in refused):
        return f"{_single(trace)}{BEYOND}"
    classes = lacking_layers(refused)
    if classes:
        return writes_layers("netspec import", classes)
    outermost = [each for each in refused if of_program(each.region).parent is None]
    if any(_maker(of_program(each.region)) == _OWN for each in outermost):
        return ""
    own = [each for each in outermost if _maker(each.region) != _TORCH]
    if not own:
        first = outermost[0].region
        where = f"`{first.path}`, a `{_kind(first)}`," if first.path else f"`{_kind(first)}`"
        return (
            f"{where} is torch's, and layers are written for classes of yours: put a module of such a class in its "
            f"place, in the network, with it as an attribute; {_THEN}"
        )
    kind = _kind(of_program(own[0].region))
    places = list(dict.fromkeys(str(each.place) for each in own if each.place))
    does = f"does what stands at {' and '.join(places)}" if places and len(own) < len(refused) else "does this"
    return (
        f"`{kind}.forward` itself {does}, and layers are written for modules in a network: where no line says what to "
        f"do, or in its place, move the code into a module of its own, an attribute of `{kind}`; {_THEN}"
    )
