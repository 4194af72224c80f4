"""A trace → the text of its spec: lowered, recognised, shaped and written."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from netspec.capture.families.defaults import stated
from netspec.capture.families.family import DIFFERENT, FamilyLayers
from netspec.capture.families.naming import differing_arguments
from netspec.capture.families.tree import ListRecorder
from netspec.capture.families.values import Value
from netspec.capture.functions.calls import CALLS
from netspec.capture.functions.functions import HANDLERS
from netspec.capture.graph import (
    NotCaptured,
    Place,
    RefusedCall,
    Region,
    Trace,
    Traced,
    TracedCall,
    calls_in,
)
from netspec.capture.items import PlacedItem, copies, layers_of, spliced
from netspec.capture.lacking import advice, lacking_layers
from netspec.capture.lowering.constants import hoist, settle
from netspec.capture.lowering.forms import Form
from netspec.capture.lowering.lifted import unread_dropped
from netspec.capture.lowering.lowering import Lowering
from netspec.capture.lowering.meeting import beyond_layers
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
from netspec.capture.shaping.packing import ListHabits
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
    variant: str | None = None
    """Which variant of the spec it is."""

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
    blocks = with_blocks(items, inputs=_named_inputs(trace).values())
    unhoused(homes)
    return _written(trace, name, items, lowering, blocks, is_flat=False)


def together(
    runs: Sequence[Callable[[], Trace]],
    name: str,
    members: Sequence[str],
    arguments: Sequence[Mapping[str, Value]] = (),
) -> list[WrittenTrace]:
    """The spec of several traces, which is one for all: each is a variant.

    Args:
        runs: trace each member of a family, anew each time.
        name: of the spec.
        members: the names of the variants.
        arguments: with which each member was made, by name, after which variables are called.

    Raises:
        NotCaptured: a call has no form in a spec, or the members are not the same but for numbers.
    """
    made, traces = _side_by_side(runs, members)
    homes = [housed(items) for items, _ in made]
    blocks = with_blocks(*(items for items, _ in made), inputs=_named_inputs(traces[0]).values())
    for home in homes:
        unhoused(home)
    stated([items for items, _ in made])
    bodies = [_body(trace, *each, blocks) for trace, each in zip(traces, made, strict=True)]
    families = frozenset(stem for body in bodies for stem in body.schedule.families)
    for body in bodies:
        body.schedule.name(body.items, body.outputs, families)
    for body in bodies:
        body.schedule.label([other.schedule for other in bodies if other is not body])
    recorders = [ListRecorder() for _ in bodies]
    for body, recorder in zip(bodies, recorders, strict=True):
        list(lines(body.items, body.schedule.names, "", recorder))
    values = {name.partition("[")[0] for body in bodies for name in body.schedule.names.values()}
    folding = Folding({block.name: block.given for block in blocks}, {*values, *differing_arguments(arguments)})
    parts = [line for block in blocks for line in _block(block, blocks, folding)]
    taken = {*values, *folding.tables, *folding.looped}
    family = FamilyLayers(folding.parameters, taken, arguments)
    layers = family.lines(recorders, members)
    inputs = [_input(trace) for trace in traces]
    _check_equal("takes", inputs, members)
    _check_equal("gives", ["\n".join(body.tail) for body in bodies], members)
    variants = family.variants(members)
    head = [*_head(name, [items for items, _ in made]), f"input: {inputs[0]}", ""]
    folding.tables.update(family.tables())
    text = _whole(head, folding, variants, parts, [*layers, *bodies[0].tail])
    found = [_found(trace, *each, text, len(blocks)) for trace, each in zip(traces, made, strict=True)]
    return [each._replace(variant=member) for each, member in zip(found, members, strict=True)]


def _side_by_side(
    runs: Sequence[Callable[[], Trace]], members: Sequence[str]
) -> tuple[list[tuple[list[PlacedItem], Lowering]], list[Trace]]:
    """The items of each member, with lists of modules written as those of the others are, and the traces."""
    common = ListHabits()
    while True:
        made: list[tuple[list[PlacedItem], Lowering]] = []
        traces: list[Trace] = []
        habits: list[ListHabits] = []
        for traced, member in zip(runs, members, strict=True):
            with of_member(member):
                traces.append(traced())
                habits.append(ListHabits.common([common]))
                made.append(items_of(traces[-1], habits[-1]))
        found = ListHabits.common(habits)
        if found == common or all(each == found for each in habits):
            return made, traces
        common = found


@contextmanager
def of_member(variant: str, advice: str = "") -> Generator[None]:
    """Say of which member it is that something cannot be said, and what to do about it."""
    try:
        yield
    except NotCaptured as error:
        raise error.of_member(variant, advice) from None


def _check_equal(what: str, texts: Sequence[str], members: Sequence[str]) -> None:
    """Refuse members of which one takes or gives other tensors."""
    other = next((member for member, text in zip(members, texts, strict=True) if text != texts[0]), None)
    if other is not None:
        raise NotCaptured(DIFFERENT.format(f"`{other}` {what} another number of tensors, or of other names"))


_ALONE: Final = (
    "scores are masked here, but what follows is no attention that a spec knows: a softmax over the keys, perhaps "
    "dropout, and a product with the values, of which nothing else reads the scores"
)


def _lowered(trace: Trace) -> tuple[list[PlacedItem], Lowering, list[Traced]]:
    """The items of a trace, with attention as such, what they were lowered by, and the outputs.

    A program that puts a low number into a score may hide a key of attention. What follows tells, and where it is none
    the trace is lowered once more, in which the number is put there.
    """
    fills: list[TracedCall] = []
    while True:
        lowering = Lowering(trace, HANDLERS, CALLS, fills)
        items = lowering.body(trace.root)
        hoist(items)
        settle(lowering, items)
        outputs = [lowering.find(value) for value in trace.root.outputs]
        shape_of = partial(_shape_of, lowering)
        unread_dropped(lowering, items, outputs)
        once(items, outputs)
        normalised(items, outputs, shape_of)
        fused(items, outputs, shape_of)
        if turned(items, outputs, shape_of):
            fused(items, outputs, shape_of)  # heads that were cut to be turned
        biased(items, shape_of)
        alone = list(unread(items))
        known = [lowering.hides[item.gives[0]] for item in alone if item.gives[0] in lowering.hides]
        if not known:
            lowering.refused += [RefusedCall(item.place, _ALONE, _region_at(trace, item.place)) for item in alone]
            return items, lowering, outputs
        fills += known


def _shape_of(lowering: Lowering, value: Traced) -> tuple[int, ...]:
    known = lowering.forms.get(value) or lowering.forms.get(lowering.find(value)) or Form()  # of items' own: plain
    return known.shape(value.shape, lowering.trace.batch)


def items_of(trace: Trace, habits: ListHabits | None = None) -> tuple[list[PlacedItem], Lowering]:
    """The items of a trace in their shape, and what they were lowered by.

    Args:
        trace: of a network.
        habits: how lists of modules are written; what this network shows of it is noted there.

    Raises:
        NotCaptured: a call has no form in a spec.
    """
    items, lowering, outputs = _lowered(trace)
    lowering.refused.extend(one.refused for one in trace.read)
    heads = {lowering.find(value): i for value, i in trace.heads.items()}
    if lowering.refused:
        raise _refusal(beyond_layers(lowering), trace)
    grown(items)
    if heads:
        aside = set_aside(items, outputs[0], list(heads))
        own = next(i for i in range(len(outputs)) if i not in heads.values())
        trace.order = (own, *(heads[value] for value in aside))
    combined(items, outputs)
    joined(items, outputs)
    with_terms(items, outputs)
    items, habits = chained(items, outputs), habits or ListHabits()
    trial = ListHabits()
    shaped(copies(items), trial)  # a list of one list is as longer ones are, which may stand behind it
    habits.rounds |= trial.rounds
    items = shaped(items, habits)
    trouble = share(items)
    if trouble:
        raise NotCaptured(f"`{trouble[0]}` runs in several modules, which a spec cannot say")
    tie(items, trace.root.module)
    freeze(items, trace.root.module, trace.modes)
    return items, lowering


def _written(
    trace: Trace, name: str, items: list[PlacedItem], lowering: Lowering, blocks: Sequence[BlockFound], *, is_flat: bool
) -> WrittenTrace:
    body = _body(trace, items, lowering, blocks)
    body.schedule.label()
    values = {name.partition("[")[0] for name in body.schedule.names.values()}
    folding = None if is_flat else Folding({block.name: block.given for block in blocks}, values)
    parts = [line for block in blocks for line in _block(block, blocks, folding)]
    layers = list(lines(body.items, body.schedule.names, "  ", folding))
    head = [*_head(name, [items]), f"input: {_input(trace)}", ""]
    return _found(trace, items, lowering, _whole(head, folding, [], parts, [*layers, *body.tail]), len(blocks))


def _head(name: str, members: Sequence[list[PlacedItem]]) -> list[str]:
    """The first lines of a spec."""
    named = plugins_of({item.word for items in members for item in layers_of(items)})
    known = [f"plugins: [{', '.join(named)}]"] if named else []
    return ["netspec: 1", f"name: {name}", *known]


def _whole(
    head: Sequence[str], folding: Folding | None, variants: Sequence[str], parts: Sequence[str], layers: Sequence[str]
) -> str:
    """The text of a spec."""
    text = [*head]
    if folding is not None and folding.tables:
        text.append("vars:")
        for table, rows in folding.tables.items():
            text += [f"  {table}:", *(f"    {row}" for row in rows)]
        text.append("")
    return "\n".join([*text, *variants, *(["blocks:", *parts] if parts else []), "layers:", *layers]) + "\n"


def _found(trace: Trace, items: list[PlacedItem], lowering: Lowering, text: str, blocks: int) -> WrittenTrace:
    state = trace.root.module.state_dict()
    left_out = frozenset(key for key in lowering.left_out if key in state)
    own = [value for value in trace.root.outputs if value not in trace.heads]
    layouts = tuple(lowering.forms.get(value) or lowering.forms.get(lowering.find(value), Form()) for value in own)
    return WrittenTrace(text, items, blocks, left_out, trace.order, len(own), trace.training, layouts)


class _Body(NamedTuple):
    """The layers of a network, each with what it takes in front of it."""

    items: list[PlacedItem]
    schedule: BodyNames
    """Which has no labels yet."""
    outputs: Sequence[Traced]
    """Those of several."""
    tail: list[str]
    """The lines of its outputs, if it has several."""


def _named_inputs(trace: Trace) -> dict[Traced, str]:
    """The inputs of a network that have names: those of several."""
    return {value: value.key for value in trace.inputs} if len(trace.inputs) > 1 else {}


def _body(trace: Trace, items: list[PlacedItem], lowering: Lowering, blocks: Sequence[BlockFound]) -> _Body:
    outputs = [lowering.find(value) for value in trace.root.outputs if value not in trace.heads]
    names = BodyNames(_named_inputs(trace), (block.name for block in blocks))
    done, last = names.scheduled(spliced(items), trace.inputs[0])
    tail: list[str] = []
    if len(outputs) > 1:
        for value in outputs:
            names.need(value)
        names.name(done, outputs)
        tail = ["", f"output: {_outputs(trace, [names.names[value] for value in outputs])}"]
    else:
        if outputs[0] is not last:
            names.use(outputs[0], done)
        names.name(done)
    return _Body(done, names, outputs if len(outputs) > 1 else (), tail)


def _outputs(trace: Trace, names: Sequence[str]) -> str:
    """The outputs of a network, by the names that the module gives them."""
    if sum(count or 1 for _, count in trace.names) != len(names):
        return f"[{', '.join(map(written, names))}]"
    rest = iter(names)
    told = [(own, next(rest) if n is None else f"[{', '.join(islice(rest, n))}]") for own, n in trace.names]
    return "{" + ", ".join(f"{own}: {written(text)}" for own, text in told) + "}"


def _block(block: BlockFound, blocks: Sequence[BlockFound], folding: Folding | None) -> list[str]:
    """The lines of a block."""
    given = block.given
    names = BodyNames(dict(zip(block.values, given, strict=False)), (*given, *(other.name for other in blocks)))
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
        folding.taken = frozenset((*given, *(name.partition("[")[0] for name in names.names.values())))
    text = [f"{head}  # {source}" if source else head, *lines(items, names.names, "    ", folding), ""]
    if folding is not None:
        folding.taken = frozenset()
    return text


def _region_at(trace: Trace, place: Place | None) -> Region:
    """The module that does what stands at a place."""
    return next((call.region for call in calls_in(trace.root) if call.place is place and call.region), trace.root)


def _refusal(refused: Sequence[RefusedCall], trace: Trace) -> NotCaptured:
    """The error for all that has no form, each once, in the order of the source."""
    told = list(dict.fromkeys(f"  {each.place}: {each.why}" if each.place else f"  {each.why}" for each in refused))
    more = [f"  … and {len(told) - 12} more"] if len(told) > 12 else []
    hints = missed({type(each.region.module) for each in refused})
    message = "\n".join(["a spec cannot say what this module does:", *told[:12], *more, *hints])
    return NotCaptured(message, refused, advice(refused, trace), lacking_layers(refused))


def _input(trace: Trace) -> str:
    def one(value: Traced) -> str:
        sizes = [str(size) for size in value.shape[1:]]
        return f"[{', '.join(sizes if value.dtype == 'float32' else [*sizes, value.dtype])}]"

    if len(trace.inputs) == 1:
        return one(trace.inputs[0])
    return "{" + ", ".join(f"{value.key}: {one(value)}" for value in trace.inputs) + "}"
