"""A trace → the text of its spec: lowered, recognised, shaped and written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from netspec.capture.functions.calls import CALLS
from netspec.capture.functions.functions import HANDLERS
from netspec.capture.graph import NotCaptured, Place, RefusedCall, Region, Trace, Traced, calls_in, of_program
from netspec.capture.items import PlacedItem, layers_of, spliced
from netspec.capture.lowering.constants import settle
from netspec.capture.lowering.forms import Form
from netspec.capture.lowering.lifted import unread_dropped
from netspec.capture.lowering.lowering import Lowering
from netspec.capture.lowering.slices import joined
from netspec.capture.modules.offered import missed, plugins_of
from netspec.capture.patterns.attention import fused, unread
from netspec.capture.patterns.combining import combined
from netspec.capture.patterns.growing import grown
from netspec.capture.patterns.masked import biased
from netspec.capture.patterns.order import chained
from netspec.capture.patterns.patterns import once
from netspec.capture.patterns.rms import normalised
from netspec.capture.patterns.rotary import turned
from netspec.capture.patterns.terms import with_terms
from netspec.capture.running.modes import freeze
from netspec.capture.shaping.blocks import BlockFound, with_blocks
from netspec.capture.shaping.folding import Folding
from netspec.capture.shaping.heads import set_aside
from netspec.capture.shaping.housing import housed, unhoused
from netspec.capture.shaping.schedule import JOINS, BodyNames
from netspec.capture.shaping.shape import shaped, share
from netspec.capture.shaping.ties import tie
from netspec.capture.written import lines, source_of
from netspec.writing import written


class WrittenTrace(NamedTuple):
    """The spec of one trace."""

    text: str
    items: list[PlacedItem]
    blocks: int = 0
    left_out: frozenset[str] = frozenset()
    """Keys of the module that the spec has not: buffers of which parts are written as numbers."""
    order: tuple[int, ...] = ()
    """Of a network with heads, which of the module's outputs in training mode its own is, and those of its heads."""

    outputs: int = 1
    """How many outputs the network has in eval mode."""
    training: bool = False
    """In which mode the module ran."""
    layouts: tuple[Form, ...] = ()
    """Where the module's outputs have the batch, which those of the spec have first and alone; not of heads."""

    @property
    def layers(self) -> list[PlacedItem]:
        """The layers, in order."""
        return in_order(self.items)


def in_order(items: list[PlacedItem]) -> list[PlacedItem]:
    """The layers of a network's items, in order."""
    return [item for item in layers_of(items) if item.word not in JOINS and item.word not in ("use", "as")]


def flat(trace: Trace, name: str) -> WrittenTrace:
    """The spec of a trace that says everything once."""
    items, lowering = items_of(trace)
    return _written(trace, name, items, lowering, [], is_flat=True)


def structured(trace: Trace, name: str) -> WrittenTrace:
    """The spec of a trace with a block for each part that occurs several times, and loops."""
    items, lowering = items_of(trace)
    homes = housed(items)
    blocks = with_blocks(items)
    unhoused(homes)
    return _written(trace, name, items, lowering, blocks, is_flat=False)


_ALONE: Final = (
    "scores are masked here, but what follows is no attention that a spec knows: a softmax over the keys, perhaps "
    "dropout, and a product with the values, of which nothing else reads the scores"
)


def items_of(trace: Trace) -> tuple[list[PlacedItem], Lowering]:
    """The items of a trace in their shape, and what they were lowered by.

    Raises:
        NotCaptured: a call has no form in a spec.
    """
    lowering = Lowering(trace, HANDLERS, CALLS)
    items = lowering.body(trace.root)
    settle(lowering, items)
    lowering.refused.extend(one.refused for one in trace.read)
    outputs = [lowering.find(value) for value in trace.root.outputs]
    heads = {lowering.find(value): i for value, i in trace.heads.items()}

    def shape_of(value: Traced) -> tuple[int, ...]:
        known = lowering.forms.get(value) or lowering.forms.get(lowering.find(value)) or Form()  # of items' own: plain
        return known.shape(value.shape, trace.batch)

    unread_dropped(lowering, items, outputs)
    once(items, outputs)
    normalised(items, outputs, shape_of)
    fused(items, outputs, shape_of)
    if turned(items, outputs, shape_of):
        fused(items, outputs, shape_of)  # heads that were cut to be turned
    biased(items, shape_of)
    lowering.refused.extend(RefusedCall(item.place, _ALONE, _region_at(trace, item.place)) for item in unread(items))
    if lowering.refused:
        raise NotCaptured(_refusal(lowering.refused), lowering.refused)
    grown(items)
    if heads:
        aside = set_aside(items, outputs[0], list(heads))
        own = next(i for i in range(len(outputs)) if i not in heads.values())
        trace.order = (own, *(heads[value] for value in aside))
    combined(items, outputs)
    joined(items, outputs)
    with_terms(items, outputs)
    items = shaped(chained(items, outputs))
    trouble = share(items)
    if trouble:
        raise NotCaptured(f"`{trouble[0]}` runs in several modules, which a spec cannot say")
    tie(items, trace.root.module)
    freeze(items, trace.root.module, trace.modes)
    return items, lowering


def _written(
    trace: Trace, name: str, items: list[PlacedItem], lowering: Lowering, blocks: Sequence[BlockFound], *, is_flat: bool
) -> WrittenTrace:
    outputs = [lowering.find(value) for value in trace.root.outputs if value not in trace.heads]
    named = plugins_of({item.word for item in layers_of(items)})
    known = [f"plugins: [{', '.join(named)}]"] if named else []
    text = ["netspec: 1", f"name: {name}", *known, f"input: {_input(trace)}", ""]
    folding = None if is_flat else Folding({block.name: block.given for block in blocks})
    parts = [line for block in blocks for line in _block(block, folding)]
    names = BodyNames({value: value.key for value in trace.inputs} if len(trace.inputs) > 1 else {})
    done, last = names.scheduled(spliced(items), trace.inputs[0])
    tail: list[str] = []
    if len(outputs) > 1:
        for value in outputs:
            names.need(value)
        names.finish(done, outputs)
        tail = ["", f"output: {_outputs(trace, [names.names[value] for value in outputs])}"]
    else:
        if outputs[0] is not last:
            names.use(outputs[0], done)
        names.finish(done)
    body = list(lines(done, names.names, "  ", folding))
    if folding is not None and folding.tables:
        text.append("vars:")
        for table, rows in folding.tables.items():
            text += [f"  {table}:", *(f"    {row}" for row in rows)]
        text.append("")
    text += [*(["blocks:", *parts] if parts else []), "layers:", *body, *tail]
    state = trace.root.module.state_dict()
    left_out = frozenset(key for key in lowering.left_out if key in state)
    whole, layouts = (
        "\n".join(text) + "\n",
        tuple(
            lowering.forms.get(value) or lowering.forms.get(lowering.find(value), Form())
            for value in trace.root.outputs
            if value not in trace.heads
        ),
    )
    return WrittenTrace(whole, items, len(blocks), left_out, trace.order, len(outputs), trace.training, layouts)


def _outputs(trace: Trace, names: Sequence[str]) -> str:
    """The outputs of a network, by the names that the module gives them."""
    if sum(count or 1 for _, count in trace.names) != len(names):
        return f"[{', '.join(map(written, names))}]"
    rest = iter(names)
    told = [(own, next(rest) if n is None else f"[{', '.join(islice(rest, n))}]") for own, n in trace.names]
    return "{" + ", ".join(f"{own}: {written(text)}" for own, text in told) + "}"


def _block(block: BlockFound, folding: Folding | None) -> list[str]:
    """The lines of a block."""
    given = block.given
    names = BodyNames(dict(zip(block.values, given, strict=False)), given)
    items, last = names.scheduled(spliced(block.item.body or []), block.item.takes)
    gives = block.item.gives
    if len(gives) > 1:
        items.append(PlacedItem("output", branches=gives))
        for value in gives:
            names.need(value)
    elif gives and last is not gives[0]:
        names.use(gives[0], items)
    names.finish(items)
    head = f"  {block.name}({', '.join(given)}):" if given else f"  {block.name}:"
    source = source_of(block.item.kind)
    if folding is not None:
        folding.taken = frozenset(given)
    text = [f"{head}  # {source}" if source else head, *lines(items, names.names, "    ", folding), ""]
    if folding is not None:
        folding.taken = frozenset()
    return text


_MENDS: Final = "a part that is a module of its own may be a layer of yours, by a plugin: `netspec explain plugins`"
_WRITES: Final = "`netspec import --write-plugin my_layers.py` writes a layer of yours for {}"


def _region_at(trace: Trace, place: Place | None) -> Region:
    """The module that does what stands at a place."""
    return next((call.region for call in calls_in(trace.root) if call.place is place and call.region), trace.root)


def _refusal(refused: Sequence[RefusedCall]) -> str:
    """All that has no form, each once, in the order of the source."""
    told = list(dict.fromkeys(f"  {each.place}: {each.why}" if each.place else f"  {each.why}" for each in refused))
    more = [f"  … and {len(told) - 12} more"] if len(told) > 12 else []
    hints = missed({type(each.region.module) for each in refused})
    parts = [of_program(each.region) for each in refused]
    names = dict.fromkeys(f"`{type(one.module).__name__}`" for one in parts)
    mend = _WRITES.format(" and ".join(names)) if all(one.parent is not None for one in parts) else _MENDS
    return "\n".join(["a spec cannot say what this module does:", *told[:12], *more, *hints, mend])


def _input(trace: Trace) -> str:
    def one(value: Traced) -> str:
        sizes = [str(size) for size in value.shape[1:]]
        return f"[{', '.join(sizes if value.dtype == 'float32' else [*sizes, value.dtype])}]"

    if len(trace.inputs) == 1:
        return one(trace.inputs[0])
    return "{" + ", ".join(f"{value.key}: {one(value)}" for value in trace.inputs) + "}"
