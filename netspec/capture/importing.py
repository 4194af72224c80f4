"""A module of torch's → the spec of the same network, with the proof that it is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from netspec.arguments import Arguments
from netspec.capture.graph import NotCaptured, Trace
from netspec.capture.lowering.forms import Form
from netspec.capture.modules.offered import offered, offering
from netspec.capture.plugging.anew import other_than_plugged
from netspec.capture.proving.comparing import compared
from netspec.capture.proving.differences import Unproven
from netspec.capture.proving.proof import EqualityProof, WideNumbers, key_map
from netspec.capture.proving.unused import (
    Unkept,
    and_more,
    other_names_note,
    unkept,
    unused_note,
    unused_parts,
    with_unused,
)
from netspec.capture.proving.wide import wide_note, wide_numbers
from netspec.capture.running.given import check_given, title_of, usual_torch
from netspec.capture.running.prepared import prepared
from netspec.capture.running.runs import run
from netspec.capture.running.shown import with_shown_keys
from netspec.capture.shaping.heads import own_output, with_heads
from netspec.capture.texts import WrittenTrace, flat, in_order, items_of, structured
from netspec.compiler import loads_offered, offer_with
from netspec.errors import SpecError
from netspec.net import Net
from netspec.torch.verify import VerificationError, verify


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
    layouts: tuple[Form, ...] = ()
    """Where the module's outputs have the batch, which those of the spec have first and alone: see `in_layouts`."""

    @property
    def keeps_keys(self) -> bool:
        """Whether weights load without a transfer."""
        return not self.left_out and not self.unused and all(own == key for own, key in self.keys.items())


def from_torch(
    module: nn.Module,
    *example: Tensor,
    name: str | None = None,
    is_flat: bool = False,
    is_verified: bool = True,
    plugins: Iterable[str | type[Arguments]] = (),
) -> FromTorch:
    """The spec of the network that a module is, proven to be the same.

    The module runs on the example, on batches of two sizes, on another size, and in training mode. It is not changed.

    Args:
        module: the module, on the CPU.
        example: its arguments, the batch first. Only their shapes and, of integers, their values are of interest.
        name: of the network; that of the module's class if left out.
        is_flat: say everything once, without blocks and loops.
        is_verified: hold the spec against the module, on other batches and in training mode.
        plugins: names of plugins, or classes of layers: modules of the classes that their layers build are such layers.

    Raises:
        NotCaptured: the module does what a spec cannot say, or the spec differs from it.
        PluginError: a plugin cannot be imported, or its code fails.
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
    with usual_torch(), offering(offer_with(plugins)):
        module = prepared(module, example)
        return _spec_of(module, with_shown_keys(module, example), title, is_flat, is_verified)


def _spec_of(module: nn.Module, example: Sequence[Tensor], title: str, is_flat: bool, is_verified: bool) -> FromTorch:
    if not is_verified:
        return unproven(module, _written_once(module, example, title, is_flat=is_flat))
    seen = seen_of(module, example, title)
    try:
        if not is_flat:
            try:
                return proven(module, example, structured(seen.again(), title))
            except NotCaptured:  # what says everything once is the judge
                pass
        return proven(module, example, seen.train_mode if seen.trains_otherwise else seen.eval_mode)
    except NotCaptured:
        _compare(seen.eval_mode, seen.train_mode, "in training mode")
        raise


class Seen(NamedTuple):
    """A module's runs, as flat specs."""

    eval_mode: WrittenTrace
    train_mode: WrittenTrace
    again: Callable[[], Trace]
    """Runs it once more, in the mode that says more."""

    @property
    def trains_otherwise(self) -> bool:
        """What a program does while it trains alone may be dropout."""
        return self.eval_mode.text != self.train_mode.text


def seen_of(module: nn.Module, example: Sequence[Tensor], title: str) -> Seen:
    """The runs of a module, which are of one network on each batch.

    Raises:
        NotCaptured: they are not, or a call has no form in a spec.
    """
    eval_mode = flat(run(module, example, 2, training=False), title)
    _compare(eval_mode, flat(run(module, example, 3, training=False), title), "with a batch of 3 instead of 2")
    first, training_trace = _trained(module, example, title, eval_mode)
    found = Seen(eval_mode, flat(first, title), training_trace)
    return found if found.trains_otherwise else found._replace(again=partial(run, module, example, 2, training=False))


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
            key_map(loads_offered(written.text, offered(), variant=written.variant), written.layers)
        except (NotCaptured, SpecError, Unproven):
            pass
        else:
            return written
    return flat(run(module, example, 2, training=False), title)


def unproven(module: nn.Module, written: WrittenTrace) -> FromTorch:
    """The spec of one run in eval mode, which nothing was held against."""
    try:
        net = loads_offered(written.text, offered(), variant=written.variant)
        keys = key_map(net, written.layers)
    except (SpecError, Unproven) as error:
        raise NotCaptured(f"the spec of this module would not compile:\n{error}") from None
    rest = unkept(module, keys.values(), written.left_out)
    found = _imported(module, written, net, keys, rest)
    return found._replace(notes=(*found.notes, "nothing was compared with the module"))


def _imported(module: nn.Module, written: WrittenTrace, net: Net, keys: dict[str, str], rest: Unkept) -> FromTorch:
    """What was written, before it is held against the module, with notes on what of that it has not."""
    parts = unused_parts(module.state_dict(), rest.unused)
    text, left_out = with_unused(written.text, parts), written.left_out.union(rest.tied)
    notes = (*_layout_notes(net, written.layouts), *other_names_note(rest.tied), *unused_note(parts))
    found = FromTorch(text, keys, net, None, (), notes, written.blocks, left_out, rest.unused)
    return found._replace(layouts=written.layouts)


def _layout_notes(net: Net, layouts: Sequence[Form]) -> Iterator[str]:
    """Where an output of the module has its axes in another order than that of the spec."""
    types = [own for value in net.outputs for own in value.types]
    for i, (form, own) in enumerate(zip(layouts, types, strict=False)):
        if not form.plain and form.at >= 0:
            rest = list(own.shape[len(form.inner) :])
            rest.insert(form.at, 0)
            told = ", ".join(map(str, ("N", *own.shape)))
            which = f"output {i + 1} of the module" if len(layouts) > 1 else "what the module gives"
            yield f"{which} is {form.told(rest)}, N for the batch, and that of the spec ({told}): the same numbers"


def proven(module: nn.Module, example: Sequence[Tensor], written: WrittenTrace) -> FromTorch:
    """The spec that is written, held against the module."""
    try:
        net = loads_offered(written.text, offered(), variant=written.variant)
    except SpecError as error:
        raise NotCaptured(f"the spec of this module would not compile:\n{error}") from None
    _check_plugins(net)
    try:
        keys = key_map(net, written.layers)
        wide = wide_numbers(module, example, net, written, lambda trace: in_order(items_of(trace)[0]))
        proof = partial(EqualityProof, module, net, keys, 1, written.left_out, written.order, wide, written.layouts)
        found = compared(proof, example)
    except Unproven as error:
        why = other_than_plugged(net, module, written.layers)
        raise NotCaptured(f"the spec and the module differ: {error}{why}") from None
    notes = _otherwise_trained(found.proof)
    if written.order:
        heads = " and ".join(str(i + 1) for i in written.order[1:])
        notes.append(
            f"in training mode the module gives {len(written.order)} tensors, of which {written.order[0] + 1} is the "
            f"network's and {heads} are those of its heads, in this order: `Outputs(output, aux)` of the built network"
        )
    if written.left_out:
        notes.append(f"{and_more(written.left_out)}: no key of the spec, which says otherwise what is used of it")
    notes += wide_note(wide, module, written.left_out)
    whole = _imported(module, written, net, keys, found.proof.unkept)
    return whole._replace(
        difference=found.worst,
        proven=("in eval and in training mode", *found.proven),
        notes=(*notes, *whole.notes, *found.notes),
        wide=wide,
    )


def _check_plugins(net: Net) -> None:
    """Hold what the layers of plugins say of shapes and parameters against the modules that they build: it is read of a
    spec, and no comparison of outputs would find it wrong.

    Raises:
        PluginVerificationError: they differ.
    """
    if any(leaf.layer.is_foreign() for leaf in net.layers):
        with suppress(VerificationError):  # of netspec's own layers the proof is the judge
            verify(net)


def _otherwise_trained(found: EqualityProof) -> list[str]:
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
