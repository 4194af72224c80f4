"""The networks of libraries, and what became of each that was imported."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from netspec.capture.proving.differences import Unproven
from netspec.capture.proving.proof import EqualityProof
from netspec.capture.running.making import noting

Inputs = tuple[torch.Tensor, ...]

_SHORT = 60
"""From how many lines on a spec without blocks is flat: in fewer there is nothing to say once."""


class Outcome(NamedTuple):
    """What became of a network."""

    kind: str
    """`proven with blocks`, `proven but flat`, `written …` where nothing is proven, `refused`, `wrong`, `crashed`,
    `apart`, or `not made` by its library."""
    told: str
    text: str | None = None


class Corpus(NamedTuple):
    """The networks of a library."""

    names: Callable[[], Sequence[str]]
    make: Callable[[str], nn.Module]
    inputs: Callable[[str], Sequence[Inputs]]
    """What to try of a network: the first that it takes counts, and the last where that is refused."""
    is_sorted: bool = True
    """Whether the small networks come first."""


def millions(corpus: Corpus, name: str) -> float:
    """How many million parameters a network has."""
    with torch.device("meta"):
        try:
            made = corpus.make(name)
        except (RuntimeError, NotImplementedError):  # a library may compute while it makes a network
            made = None
    made = corpus.make(name) if made is None else made
    return sum(parameter.numel() for parameter in made.parameters()) / 1e6


def imported(corpus: Corpus, name: str, *, proves: bool = True) -> Outcome:
    """Import a network, and say what became of it.

    Args:
        corpus: its library.
        name: of the network.
        proves: hold the spec against the network, and once more with other weights.
    """
    torch.default_generator.manual_seed(0)
    try:
        with noting():  # as the command does
            module = corpus.make(name)
    except Exception:  # a package may be missing, or fail with the other packages as they are here
        return Outcome("not made", traceback.format_exc(limit=-1).replace("\n", " ")[-200:])
    inputs = corpus.inputs(name)
    example = _taken(module, inputs)
    try:
        try:
            found = from_torch(module, *example, name=_plain(name), is_verified=proves)
        except NotCaptured:  # a small picture saves time; a network that fits its tables to it may keep them at its own
            if example is inputs[-1]:
                raise
            example = inputs[-1]
            found = from_torch(module, *example, name=_plain(name), is_verified=proves)
    except NotCaptured as error:
        first = re.sub(r"\S*/site-packages/", "", str(error)).splitlines()
        return Outcome("refused", " ".join(line.strip() for line in first[:3])[:300])
    except Exception:
        return Outcome("crashed", traceback.format_exc(limit=-2).replace("\n", " ")[-300:])
    lines = len(found.text.splitlines())
    shape = "with blocks" if found.blocks or lines < _SHORT else "but flat"
    if not proves:
        return Outcome(f"written {shape}", f"{lines} lines, {found.blocks} blocks", found.text)
    try:
        again = EqualityProof(module, netspec.loads(found.text), found.keys, 7, found.left_out, wide=found.wide)
        again.check(example, training=False)
    except Unproven as error:
        return Outcome("wrong", f"proven with one seed, and not with another: {error}", found.text)
    kept = sum(own == key for own, key in found.keys.items())
    keys = "keys kept" if kept == len(found.keys) else f"{kept} of {len(found.keys)} keys kept"
    keys += f", {len(found.unused)} unused left out" if found.unused else ""
    return Outcome(
        f"proven {shape}", f"{lines} lines, {found.blocks} blocks, {keys}; {found.difference or 0:.0e}", found.text
    )


def _taken(module: nn.Module, inputs: Sequence[Inputs]) -> Inputs:
    """The first inputs that the network takes, or else the last."""
    for example in inputs[:-1]:
        try:
            with torch.no_grad():
                module.train()(*example)
        except Exception:  # a library's network may raise anything where a size does not suit it
            continue
        finally:
            module.train()
        return example
    return inputs[-1]


def _plain(name: str) -> str:
    """A name that a spec may have."""
    return re.sub(r"\W+", "_", name)
