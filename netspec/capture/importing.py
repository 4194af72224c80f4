"""A module of torch's → the spec of the same network, with the proof that it is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from torch import Tensor, nn

from netspec.capture.attention import fused, unread
from netspec.capture.blocks import BlockFound, with_blocks
from netspec.capture.calls import CALLS
from netspec.capture.combining import combined
from netspec.capture.comparing import Compared, compared
from netspec.capture.constants import settle
from netspec.capture.folding import Folding
from netspec.capture.forms import Form
from netspec.capture.functions import HANDLERS
from netspec.capture.given import check_given, title_of, usual_torch
from netspec.capture.graph import NUMBERS_READ, NotCaptured, Place, Trace, Traced
from netspec.capture.growing import grown
from netspec.capture.heads import own_output, set_aside, with_heads
from netspec.capture.housing import housed, unhoused
from netspec.capture.items import PlacedItem, layers_of, spliced
from netspec.capture.lowering import Lowering
from netspec.capture.modes import freeze
from netspec.capture.order import chained
from netspec.capture.patterns import without_unread
from netspec.capture.prepared import prepared
from netspec.capture.proof import EqualityProof, Unproven, WideNumbers, key_map, twins
from netspec.capture.rms import normalised
from netspec.capture.rotary import turned
from netspec.capture.runs import run
from netspec.capture.schedule import JOINS, BodyNames
from netspec.capture.shape import shaped, share
from netspec.capture.shown import with_shown_keys
from netspec.capture.slices import joined
from netspec.capture.terms import with_terms
from netspec.capture.ties import tie
from netspec.capture.unused import and_more, other_names_note, unused_note, unused_parts, with_unused
from netspec.capture.wide import wide_numbers
from netspec.capture.written import lines, source_of
from netspec.compiler import loads
from netspec.errors import SpecError
from netspec.net import Net
from netspec.writing import written


class FromTorch(NamedTuple):
    """The spec of a module, and what was found out about it."""

    text: str
    keys: dict[str, str]
    """For each key of the built net that of the module."""
    net: Net
    difference: float | None
    """The largest of outputs and gradients, as a share of the largest value; None where none was looked for."""
    proven: tuple[str, ...]
    """In which runs they were compared, in words."""
    notes: tuple[str, ...]
    """What the spec has not: other sizes that the module takes."""
    blocks: int
    """How many blocks it has."""
    left_out: frozenset[str] = frozenset()
    """Keys of the module that the spec has not: buffers of which it has parts as numbers, and other names of
    parameters."""
    unused: frozenset[str] = frozenset()
    """Keys of the module that the spec has not, since what stands under them was used in no run."""
    wide: WideNumbers | None = None
    """What a further proof is given; see `EqualityProof`."""

    @property
    def keeps_keys(self) -> bool:
        """Whether weights load without a transfer."""
        return not self.left_out and not self.unused and all(own == key for own, key in self.keys.items())


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

    @property
    def layers(self) -> list[PlacedItem]:
        """The layers, in order."""
        return in_order(self.items)


def in_order(items: list[PlacedItem]) -> list[PlacedItem]:
    """The layers of a network's items, in order."""
    return [item for item in layers_of(items) if item.word not in JOINS and item.word not in ("use", "as")]


def from_torch(
    module: nn.Module, *example: Tensor, name: str | None = None, is_flat: bool = False, is_verified: bool = True
) -> FromTorch:
    """The spec of the network that a module is, proven to be the same.

    The module runs on the example, on batches of two sizes, on another size, and in training mode. It is not changed.

    Args:
        module: the module, on the CPU.
        example: its arguments, the batch first. Only their shapes and, of integers, their values are of interest.
        name: of the network; that of the module's class if left out.
        is_flat: say everything once, without blocks and loops.
        is_verified: hold the spec against the module, on other batches and in training mode.

    Raises:
        NotCaptured: the module does what a spec cannot say, or the spec differs from it.
        UsageError: an argument is no tensor with a batch.

    >>> from torch import nn, zeros
    >>> spec = netspec.from_torch(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), zeros(2, 1, 28, 28))
    >>> print(spec.text, end="")
    netspec: 1
    name: sequential
    input: [1, 28, 28]
    <BLANKLINE>
    layers:
      - Flatten
      - Linear: 10
    """
    check_given(module, example)
    title = title_of(name or type(module).__name__.lower())
    with usual_torch():
        module = prepared(module, example)
        return _spec_of(module, with_shown_keys(module, example), title, is_flat, is_verified)


def _spec_of(module: nn.Module, example: Sequence[Tensor], title: str, is_flat: bool, is_verified: bool) -> FromTorch:
    if not is_verified:
        return _unproven(module, _written_once(module, example, title, is_flat=is_flat))
    eval_mode = flat(run(module, example, 2, training=False), title)
    _compare(eval_mode, flat(run(module, example, 3, training=False), title), "with a batch of 3 instead of 2")
    first, training_trace = _trained(module, example, title, eval_mode)
    train_mode = flat(first, title)
    training = eval_mode.text != train_mode.text  # what a program does while it trains alone may be dropout
    again = training_trace if training else partial(run, module, example, 2, training=False)
    try:
        if not is_flat:
            try:
                return _proven(module, example, structured(again(), title))
            except NotCaptured:  # what says everything once is the judge
                pass
        return _proven(module, example, train_mode if training else eval_mode)
    except NotCaptured:
        _compare(eval_mode, train_mode, "in training mode")
        raise


def _trained(
    module: nn.Module, example: Sequence[Tensor], title: str, eval_mode: WrittenTrace
) -> tuple[Trace, Callable[[], Trace]]:
    """A run of a module in training mode, and what runs it again; what it gives more than in eval mode are heads."""
    train = partial(run, module, example, 2, training=True)
    first = train()
    count = len(first.root.outputs)
    if count <= 1 or eval_mode.outputs != 1:
        return first, train
    own = own_output(train, eval_mode.text, count, lambda trace: flat(trace, title).text)
    return with_heads(first, own), lambda: with_heads(train(), own)


def _written_once(module: nn.Module, example: Sequence[Tensor], title: str, *, is_flat: bool) -> WrittenTrace:
    """The spec of one run in eval mode."""
    if not is_flat:
        try:
            written = structured(run(module, example, 2, training=False), title)
            key_map(loads(written.text), written.layers)
        except (NotCaptured, SpecError, Unproven):
            pass
        else:
            return written
    return flat(run(module, example, 2, training=False), title)


def _unproven(module: nn.Module, written: WrittenTrace) -> FromTorch:
    """The spec of one run in eval mode, which nothing was held against."""
    try:
        net = loads(written.text)
        keys = key_map(net, written.layers)
    except (SpecError, Unproven) as error:
        raise NotCaptured(f"the spec of this module would not compile:\n{error}") from None
    rest = set(module.state_dict()) - set(keys.values())
    tied = twins(module, keys.values(), rest)
    unused = frozenset(rest - written.left_out - tied.keys())
    parts = unused_parts(module.state_dict(), unused)
    text = with_unused(written.text, parts)
    notes = (*other_names_note(tied), *unused_note(parts), "nothing was compared with the module")
    return FromTorch(text, keys, net, None, (), notes, written.blocks, written.left_out | tied.keys(), unused)


def _proven(module: nn.Module, example: Sequence[Tensor], written: WrittenTrace) -> FromTorch:
    """The spec that is written, held against the module."""
    try:
        net = loads(written.text)
    except SpecError as error:
        raise NotCaptured(f"the spec of this module would not compile:\n{error}") from None
    try:
        keys = key_map(net, written.layers)
        wide = wide_numbers(module, example, net, written, lambda trace: in_order(_items(trace)[0]))
        proof = partial(EqualityProof, module, net, keys, 1, written.left_out, written.order, wide)
        found = compared(proof, example)
    except Unproven as error:
        raise NotCaptured(f"the spec and the module differ: {error}") from None
    notes = _otherwise_trained(found)
    if written.order:
        heads = " and ".join(str(i + 1) for i in written.order[1:])
        notes.append(
            f"in training mode the module gives {len(written.order)} tensors, of which {written.order[0] + 1} is the "
            f"network's and {heads} are those of its heads, in this order: `Outputs(output, aux)` of the built network"
        )
    if written.left_out:
        notes.append(f"{and_more(written.left_out)}: no key of the spec, which says otherwise what is used of it")
    if wide.buffers or wide.tables:
        notes.append("numbers that the module computes of nothing that is saved: the proof has them with 64 bits")
    notes += other_names_note(found.tied)
    parts = unused_parts(module.state_dict(), found.unused)
    notes += [*unused_note(parts), *found.notes]
    text, proven = with_unused(written.text, parts), ("in eval and in training mode", *found.proven)
    left_out = written.left_out | found.tied.keys()
    return FromTorch(text, keys, net, found.worst, proven, tuple(notes), written.blocks, left_out, found.unused, wide)


def _otherwise_trained(found: Compared) -> list[str]:
    """What `freeze` cannot say."""
    if found.trained_by_module:
        raise NotCaptured(f"the spec and the module differ: `{found.trained_by_module[0]}` trains in the module alone")
    keys = found.trained_by_spec
    if not keys:
        return []
    return [
        f"{and_more(keys)} require no gradient in the module, but train in the spec, whose `freeze` stops all of a "
        "layer: each parameter, and the statistics of a norm"
    ]


def _compare(first: WrittenTrace, other: WrittenTrace, what: str) -> None:
    """Refuse a module that does something else in another run."""
    if first.text == other.text:
        return
    changed = [
        line
        for line in difflib.unified_diff(first.text.splitlines(), other.text.splitlines(), lineterm="", n=0)
        if line[0] in "-+" and line[:3] not in ("---", "+++")
    ]
    raise NotCaptured(
        "\n".join(
            [f"{what} the module is another network, which one spec cannot say:", *(f"  {c}" for c in changed[:6])]
        )
    )


def flat(trace: Trace, name: str) -> WrittenTrace:
    """The spec of a trace that says everything once."""
    items, lowering = _items(trace)
    return _written(trace, name, items, lowering, [], is_flat=True)


def structured(trace: Trace, name: str) -> WrittenTrace:
    """The spec of a trace with a block for each part that occurs several times, and loops."""
    items, lowering = _items(trace)
    homes = housed(items)
    blocks = with_blocks(items)
    unhoused(homes)
    return _written(trace, name, items, lowering, blocks, is_flat=False)


_ALONE: Final = (
    "scores are masked here, but what follows is no attention that a spec knows: a softmax over the keys, perhaps "
    "dropout, and a product with the values, of which nothing else reads the scores"
)


def _items(trace: Trace) -> tuple[list[PlacedItem], Lowering]:
    lowering = Lowering(trace, HANDLERS, CALLS)
    items = lowering.body(trace.root)
    settle(lowering, items)
    lowering.refused.extend((place, NUMBERS_READ.format(function)) for function, place in trace.read)
    outputs = [lowering.find(value) for value in trace.root.outputs]
    without_unread(items, outputs)
    heads = {lowering.find(value): i for value, i in trace.heads.items()}

    def shape_of(value: Traced) -> tuple[int, ...]:
        known = lowering.forms.get(value) or lowering.forms.get(lowering.find(value)) or Form()  # of items' own: plain
        return known.shape(value.shape, trace.batch)

    normalised(items, outputs, shape_of)
    fused(items, outputs, shape_of)
    if turned(items, outputs, shape_of):
        fused(items, outputs, shape_of)  # heads that were cut to be turned
    lowering.refused.extend((item.place, _ALONE) for item in unread(items))
    if lowering.refused:
        raise NotCaptured(_refusal(lowering.refused))
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
    text = ["netspec: 1", f"name: {name}", f"input: {_input(trace)}", ""]
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
    return WrittenTrace("\n".join(text) + "\n", items, len(blocks), left_out, trace.order, len(outputs), trace.training)


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
    return [f"{head}  # {source}" if source else head, *lines(items, names.names, "    ", folding), ""]


def _refusal(refused: Sequence[tuple[Place | None, str]]) -> str:
    """All that has no form, each once, in the order of the source."""
    places = (f"{place}: " if place is not None else "" for place, _ in refused)
    told = list(dict.fromkeys(f"  {place}{reason}" for place, (_, reason) in zip(places, refused, strict=True)))
    more = [f"  … and {len(told) - 12} more"] if len(told) > 12 else []
    return "\n".join(["a spec cannot say what this module does:", *told[:12], *more])


def _input(trace: Trace) -> str:
    def one(value: Traced) -> str:
        sizes = [str(size) for size in value.shape[1:]]
        return f"[{', '.join(sizes if value.dtype == 'float32' else [*sizes, value.dtype])}]"

    if len(trace.inputs) == 1:
        return one(trace.inputs[0])
    return "{" + ", ".join(f"{value.key}: {one(value)}" for value in trace.inputs) + "}"
