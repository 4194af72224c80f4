"""Layers with `inplace: true` that write over a value which is still needed: legal in torch, and hardly ever meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netspec.diagnostics import Related, Span
from netspec.language.branches import writes
from netspec.language.values import NamedValue
from netspec.net import As, Combinator, Leaf
from netspec.validation import Reports
from netspec.wiring import Dataflow, FlowStep, slots_read


def warn_overwritten_values(
    flow: Dataflow, further: Mapping[int, NamedValue], given: Sequence[int], reports: Reports
) -> None:
    """Warn of a layer that writes over a value which has a name and is read behind it, or which a layer or a product in
    front of it keeps for its gradient.

    `further` are the inputs that do not flow into the first layer, `given` the slots of what the network gives.
    """
    found = _Storages(flow, further)
    last = found.reads | dict.fromkeys(given, len(flow.steps))
    lying: dict[int, list[int]] = {}  # by memory, the slots of the values in it
    for slot in last:
        lying.setdefault(found.named[slot].storage, []).append(slot)
    for write in found.writes:
        if (keeper := found.keepers.get(write.storage)) is not None and keeper.time < write.time:
            words, related = f"what {keeper.name} keeps for its gradient", Related(
                f"{keeper.name} reads it here", keeper.span
            )  # fmt: skip
        else:
            values = (found.named[slot] for slot in lying.get(write.storage, ()) if write.time < last[slot])
            value = next((value for value in values if value.time < write.time), None)
            if value is None:
                continue
            words, related = f"`{value.name}`, which is still read behind it", Related(
                f"`{value.name}` is named here", value.span
            )  # fmt: skip
        reports.report(
            "inplace-in-branch",
            f"`{write.leaf.type}` with `inplace: true` writes over {words}",
            write.leaf.span,
            related=(related,),
            severity="warning",
            help="leave `inplace` out here",
        )


class _Write(NamedTuple):
    leaf: Leaf
    storage: int
    time: int


class _Kept(NamedTuple):
    name: str
    span: Span
    storage: int
    time: int


class _Storages:
    """Which values share memory, by the number of the first value in it; times are numbers of steps."""

    def __init__(self, flow: Dataflow, further: Mapping[int, NamedValue]) -> None:
        self.of: dict[int, int] = {}
        """The memory of each value that lies in another's."""
        self.named = {slot: _Kept(value.name, value.span, flow.named[slot], -1) for slot, value in further.items()}
        self.writes: list[_Write] = []
        self.reads: dict[int, int] = {}
        """By slot, when it is last read."""
        self.keepers: dict[int, _Kept] = {}
        """By memory, who first keeps it for a gradient."""
        for time, step in enumerate(flow.steps):
            self._add(step, time)
            node = step.node
            for result in node.results if isinstance(node, Leaf) else ():
                shares = isinstance(node, Leaf) and node.layer.shares(node.input)
                storage = self.of[step.value] if shares else flow.named[result.slot]
                self.named[result.slot] = _Kept(result.name, node.span, storage, time)

    def _add(self, step: FlowStep, time: int) -> None:
        self.reads |= dict.fromkeys(slots_read(step.node), time)
        storages = [self.of.get(value, value) for value in step.reads]
        match step.node:
            case Leaf() as leaf:
                if writes(leaf.layer):
                    self.writes.append(_Write(leaf, storages[0], time))
                    self.of[step.value] = storages[0]
                elif leaf.layer.shares(leaf.input):
                    self.of[step.value] = storages[0]
                else:
                    self._keep_of_layer(leaf, storages, time)
            case Combinator():
                if len(storages) == 1 and step.computes:  # a sum of one is that one
                    self.of[step.value] = storages[0]
            case node:
                if step.term is not None and step.term.op in ("*", "/", "**"):
                    for storage in storages:
                        self._keep(storage, f"`{step.term.op}`", node.span, time)
                elif isinstance(node, As) and not step.computes:
                    self.named[node.slot] = _Kept(node.name, node.span, storages[0], time)

    def _keep_of_layer(self, leaf: Leaf, storages: Sequence[int], time: int) -> None:
        """A layer keeps what flows in, or what it is given beside that; `storages` are those of both, in order."""
        if not leaf.inputs:
            kept = [leaf.layer.saved(leaf.input).input]
        else:
            saved = leaf.layer.saved_of_all(leaf.input, leaf.input_types)
            kept = [saved.input, *(name in saved.others for name, reads in leaf.inputs.items() for _ in reads)]
        for storage, is_kept in zip(storages, kept, strict=False):  # a source is given nothing
            if is_kept:
                self._keep(storage, f"`{leaf.type}`", leaf.span, time)

    def _keep(self, storage: int, name: str, span: Span, time: int) -> None:
        """Somebody keeps this memory for a gradient."""
        self.keepers.setdefault(storage, _Kept(name, span, storage, time))
