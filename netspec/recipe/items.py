"""The nodes of `loss` and `metrics` → their items: losses and metrics with what stands beside each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from netspec.arguments import NON_NEGATIVE
from netspec.diagnostics import did_you_mean
from netspec.kinds import FieldKind, name_of
from netspec.meant import meant_call
from netspec.recipe import aliases, tables
from netspec.recipe.base import Loss, Named
from netspec.recipe.measures import Metric, MetricItem
from netspec.recipe.terms import LossItem
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.validation import FAILED, Reader

BESIDE: Final = ("of", "target", "weight")
"""What stands beside a loss in a list of them."""

_OUTPUT: Final = name_of("the name of an output, as `output: {NAME: …}` gives it")
_TARGET: Final = name_of("the name of an input, or of a field of the data")
_STANDS: Final = "beside a loss stand `of`, `target` and `weight`"

Entry = tuple[ScalarNode, Node]


class ReadItem(NamedTuple):
    """What was read of one loss."""

    item: LossItem | None
    """None if a mistake leaves no loss; with one beside it, the rest may be held against the net all the same."""
    whole: bool
    """False once something was reported."""


_NOTHING: Final = ReadItem(None, whole=False)


def read_losses(
    node: Node, reader: Reader, outputs: Collection[str], kind: tables.Kind
) -> tuple[Any, tuple[tuple[int, LossItem], ...]]:
    """A loss, or the items of a list of them: losses with what stands beside each. FAILED once reported; and then those
    of which enough is known, each with its place in the list. `outputs` are names of outputs of the net, and `kind` has
    the losses that there are."""
    if (pairs := _by_output(node, outputs, kind)) is not None:
        read = _losses_by_output(node, pairs, reader, kind)
    else:
        items = node.items if isinstance(node, ListNode) else [node]
        if not items:
            reader.report("wrong-form", "`loss` lists nothing", node, help="for example `loss: CrossEntropyLoss`")
            return FAILED, ()
        read = [_item(item, reader, outputs, kind) for item in items]
    known = tuple((number, found.item) for number, found in enumerate(read) if found.item is not None)
    if not all(found.whole for found in read):
        return FAILED, known
    beside = isinstance(node, MapNode) and any(key.text in BESIDE for key, _ in node.entries)
    if not beside and not isinstance(node, ListNode):
        return known[0][1].loss, ()
    return tuple(item for _, item in known), known


def read_metrics(node: Node, reader: Reader, kind: tables.Kind) -> Any:
    """The items of a list of metrics, or of one; FAILED once reported."""
    items = [_metric(item, reader, kind) for item in (node.items if isinstance(node, ListNode) else [node])]
    return FAILED if any(item is None for item in items) else tuple(items)


def _metric(node: Node, reader: Reader, kind: tables.Kind) -> MetricItem | None:
    """One metric of the list, with `of`; None once reported."""
    beside = node.get("of") if isinstance(node, MapNode) and len(node.entries) > 1 else None
    if beside is not None and isinstance(node, MapNode):
        calls = [entry for entry in node.entries if entry[0].text != "of"]
        node = MapNode(calls, node.flow, node.start, node.end)
    metric = _called(node, reader, kind)
    of = None if beside is None or _is_null(beside) else reader.scalar(beside, _OUTPUT, name="of")
    return None if of is FAILED or not isinstance(metric, Metric) else MetricItem(metric, of)


def _item(node: Node, reader: Reader, outputs: Collection[str], kind: tables.Kind) -> ReadItem:
    """One loss of the list with `of`, `target` and `weight`."""
    if (pairs := _by_output(node, outputs, kind)) is not None:
        return _losses_by_output(node, pairs, reader, kind)[0]
    if not isinstance(node, MapNode) or not node.entries:
        loss = _call(node, reader, kind)
        return _NOTHING if loss is None else ReadItem(LossItem(loss), whole=True)
    beside = {key.text: value for key, value in node.entries if key.text in BESIDE}
    calls: list[Entry] = [entry for entry in node.entries if entry[0].text not in BESIDE]
    if not calls:
        reader.report("wrong-form", "an item of `loss` names no loss", node, help="for example `{MSELoss: , of: y}`")
        return _NOTHING
    known = len(calls)
    calls = _without_strangers(calls, beside, reader, kind)
    inside = _beside_inside(node, calls, reader, kind)
    if inside:
        beside = {**inside, **beside}
        head, arguments = calls[0]
        assert isinstance(arguments, MapNode)
        kept = [entry for entry in arguments.entries if entry[0].text not in inside]
        calls = [(head, MapNode(kept, arguments.flow, arguments.start, arguments.end))]
    loss = _call(MapNode(calls, node.flow, node.start, node.end), reader, kind)
    read = _with_beside(loss, beside, reader)
    return read if len(calls) == known and not inside else read._replace(whole=False)


def _with_beside(loss: Loss | None, beside: dict[str, Node], reader: Reader) -> ReadItem:
    """A loss with what stands beside it."""
    of = _names("of", beside.get("of"), _OUTPUT, reader)
    target = _names("target", beside.get("target"), _TARGET, reader)
    weight = 1.0
    if (given := beside.get("weight")) is not None and not _is_null(given):
        weight = reader.scalar(given, NON_NEGATIVE, name="weight")
    if isinstance(beside.get("target"), ListNode):
        reader.report("wrong-form", "`target` is one name", beside["target"], help="a loss has one target")
        return _NOTHING
    if loss is None or of is FAILED or target is FAILED or weight is FAILED:
        return _NOTHING
    return ReadItem(LossItem(loss, of, target[0] if target else None, float(weight)), whole=True)


def _call(node: Node, reader: Reader, kind: tables.Kind) -> Loss | None:
    """A loss with its arguments; None once reported."""
    loss = _called(node, reader, kind)
    return loss if isinstance(loss, Loss) else None


def _called(node: Node, reader: Reader, kind: tables.Kind) -> Named | None:
    """One thing of a kind with its arguments; None once reported."""
    names = aliases.NAMES[kind.word]
    return reader.call(
        node, kind.names, kind.load, kind=kind.word, unknown=kind.unknown, elsewhere=names, missing=kind.missing
    )


def _names(key: str, node: Node | None, kind: FieldKind, reader: Reader) -> Any:
    """One name, or a list of them; FAILED once reported, for the first that is none: who counts counts throughout."""
    if node is None or _is_null(node):
        return ()
    read: list[Any] = []
    for item in node.items if isinstance(node, ListNode) else [node]:
        read.append(reader.scalar(item, kind, name=key))
        if read[-1] is FAILED:
            return FAILED
    return tuple(read)


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None


# ---- what is meant by other forms


def _meant(text: str, kind: tables.Kind) -> str | None:
    """The loss that a name stands for, here or elsewhere."""
    return meant_call(text, kind.names, kind.load, aliases.NAMES[kind.word]).name


def _without_strangers(calls: list[Entry], beside: dict[str, Node], reader: Reader, kind: tables.Kind) -> list[Entry]:
    """The one loss among the keys of an item; each other key is reported, and goes to `beside` as what it means."""
    heads = [entry for entry in calls if entry[0].text in kind.names]
    heads = heads or [entry for entry in calls if _meant(entry[0].text, kind) is not None]
    if len(calls) < 2 or len(heads) != 1:
        return calls
    head, arguments = heads[0]
    for key, value in (entry for entry in calls if entry[0] is not head):
        near = did_you_mean(key.text, BESIDE)
        help_ = f"did you mean `{near}`? ({_STANDS})" if near else _STANDS
        own = head.text in kind.names and key.text in kind.load(head.text).model_fields
        if own and _is_null(arguments):
            written = reader.source.text[value.start : value.end]
            help_ = f"it is an argument of the loss: `{head.text}: {{{key.text}: {written}}}`; {_STANDS}"
        fix = reader.replace(f"write `{near}`", key, near) if near is not None and near not in beside else None
        reader.report("unknown-key", f"no key `{key.text}` stands beside a loss", key, help=help_, fix=fix)
        if near is not None:
            beside.setdefault(near, value)
    return heads


def _beside_inside(node: MapNode, calls: list[Entry], reader: Reader, kind: tables.Kind) -> dict[str, Node]:
    """What stands among the arguments of a loss and belongs beside it, reported."""
    head, arguments = calls[0]
    if len(calls) > 1 or not isinstance(arguments, MapNode) or head.text not in kind.names:
        return {}
    own = kind.load(head.text).model_fields
    inside = [(key, value) for key, value in arguments.entries if key.text in BESIDE and key.text not in own]
    if not inside:
        return {}
    text = reader.source.text

    def joined(entries: Sequence[Entry]) -> str:
        return ", ".join(f"{key.text}: {text[value.start : value.end]}" for key, value in entries)

    kept = joined([entry for entry in arguments.entries if entry not in inside])
    others = [entry for entry in node.entries if entry[0] is not head]
    written = f"{{{head.text}: {f'{{{kept}}}' if kept else ''}, {joined([*others, *inside])}}}"
    keys = " and ".join(f"`{key.text}`" for key, _ in inside)
    verb = "is no argument" if len(inside) == 1 else "are no arguments"
    reader.report(
        "unknown-argument", f"{keys} {verb} of `{head.text}`: `of`, `target` and `weight` stand beside the loss",
        inside[0][0], help=f"write `{written}`" if "\n" not in written else _STANDS,
        fix=reader.replace(f"write `{written}`", node, written) if "\n" not in written else None,
    )  # fmt: skip
    return {key.text: value for key, value in inside}


def _by_output(node: Node, outputs: Collection[str], kind: tables.Kind) -> list[tuple[ScalarNode, str]] | None:
    """The keys of `{kind: CrossEntropyLoss, recon: MSELoss}`, names of outputs, each with its loss; None for others."""
    if not isinstance(node, MapNode) or not node.entries:
        return None
    pairs: list[tuple[ScalarNode, str]] = []
    for key, value in node.entries:
        loss = _meant(value.text, kind) if isinstance(value, ScalarNode) and isinstance(value.value, str) else None
        if loss is None or key.text in BESIDE or _meant(key.text, kind) is not None:
            return None
        pairs.append((key, loss))
    return pairs if any(key.text in outputs for key, _ in pairs) else None


def _losses_by_output(
    node: Node, pairs: list[tuple[ScalarNode, str]], reader: Reader, kind: tables.Kind
) -> list[ReadItem]:
    """Report losses under the names of outputs; they are known all the same."""
    written = [f"{{{loss}: , of: {key.text}}}" for key, loss in pairs]
    names = " and ".join(f"`{key.text}`" for key, _ in pairs)
    forms = ", ".join(f"`- {item}`" for item in written)
    whole = written[0] if len(written) == 1 else f"[{', '.join(written)}]"
    reader.report(
        "wrong-form", f"a loss comes first, and `of` beside it says which output it reads: here {names} "
        f"{'stands' if len(pairs) == 1 else 'stand'} in its place",
        pairs[0][0], help=f"write {forms}" + ("" if len(pairs) == 1 else ", the items of a list"),
        fix=reader.replace(f"write `{whole}`", node, whole),
    )  # fmt: skip
    losses = (_loss_alone(loss, kind) for _, loss in pairs)
    return [
        ReadItem(None if loss is None else LossItem(loss, (key.text,)), whole=False)
        for loss, (key, _) in zip(losses, pairs, strict=True)
    ]


def _loss_alone(name: str, kind: tables.Kind) -> Loss | None:
    """A loss without arguments; None if it needs some."""
    model = kind.load(name)
    if any(field.is_required() for field in model.model_fields.values()):
        return None
    loss = model()
    return loss if isinstance(loss, Loss) else None
