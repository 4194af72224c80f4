"""What the walk asks about a combinator: its branches, its options, and the flow behind it."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import Related
from netspec.dims import UNKNOWN, Problem, Unmet
from netspec.language.flow import Flow, Origin
from netspec.language.items import Item
from netspec.language.joins import join_concat, join_gate, join_sum, shape_text, split_axis
from netspec.language.options import integer
from netspec.layers.base import TensorType
from netspec.net import Sequential, leaves
from netspec.text.source import ListNode, Node
from netspec.validation import Reader


def branch_nodes(item: Item, kind: str, parts: int | None, reader: Reader) -> list[tuple[str, Node | None]]:
    """The branches of a combinator: their keys under its path, and the lists that they hold."""
    if kind == "residual":
        return [("body", item.value), ("shortcut", item.options.get("shortcut"))]
    if kind in ("gate", "aux"):
        return [("body", item.value)]
    if not isinstance(item.value, ListNode) or not item.value.items:
        reader.report(
            "wrong-form",
            f"`{kind}` holds a list of branches, each a list of layers",
            item.value or item.head,
            help=f"for example `{kind}: [[Conv2d: 64], []]`; `[]` is identity",
        )
        return []
    if parts is not None and parts != len(item.value.items):
        reader.report(
            "split-mismatch",
            f"`split: {parts}` cuts the input into {parts} chunks, but there are {len(item.value.items)} branches",
            item.options["split"],
        )
    for branch in item.value.items:
        if not isinstance(branch, ListNode):
            reader.report("wrong-form", f"each branch of `{kind}` is a list of layers", branch, help="put it into […]")
            return []
    return [(f"branches.{i}", branch) for i, branch in enumerate(item.value.items)]


def concat_options(item: Item, reader: Reader) -> tuple[int | None, int | None]:
    """The `dim` of a `concat`, None where it is wrong or not known, and its `split`."""
    dim = integer(item, "dim", 1, reader)
    parts = integer(item, "split", None, reader)
    if parts is not None and parts < 1:
        reader.report("invalid-argument", f"`split` wants an integer of at least 1, not {parts}", item.options["split"])
        parts = None
    return dim, parts


def concat_axis(item: Item, dim: int | None, rank: int, what: str, reader: Reader) -> int | None:
    """The axis, batch excluded, that a `dim` stands for in a shape of this rank; None where it is wrong or not known.

    `what` says whose shape it is, for the message.
    """
    if dim is None:
        return None
    axis = (dim if dim >= 0 else rank + 1 + dim) - 1
    if 0 <= axis < rank:
        return axis
    why = "is the batch axis" if axis == -1 else f"is no axis of {what}, which has {rank} behind the batch axis"
    reader.report(
        "invalid-argument",
        f"`dim: {dim}` {why}",
        item.options.get("dim", item.head),
        help="`dim` counts the batch axis as 0, as in torch: channels are 1",
    )
    return None


def joined_axis(
    item: Item, dim: int | None, parts: int | None, flow: Flow, ends: Sequence[Flow], reader: Reader
) -> int | None:
    """The axis that a `concat` joins along, batch excluded: `dim` counts the axes of what the branches give."""
    types = [end.type for end in ends if end.type is not None]
    if dim is None or flow.type is None or not types or len(types) < len(ends):
        return None
    rank = len(types[0].shape)
    if any(len(t.shape) != rank for t in types):
        return 0  # whatever the axis: the ranks disagree, and that is reported
    axis = concat_axis(item, dim, rank, "what the branches give", reader)
    cut = concat_axis(item, dim, len(flow.type.shape), "the input", reader) if parts is not None else axis
    if axis is not None and cut is not None and axis != cut:
        reader.report(
            "invalid-argument",
            f"`dim: {dim}` is axis {cut + 1} of the input, which `split` cuts, "
            f"but axis {axis + 1} of what the branches give",
            item.options["dim"],
            help="count from the front, so that it is the same axis on both sides",
        )
        return None
    return axis


def split(item: Item, parts: int | None, dim: int | None, flow: Flow, reader: Reader) -> Flow:
    """What each branch of a `concat` gets: the input, or one chunk of it."""
    if parts is None or flow.type is None:
        return flow
    axis = concat_axis(item, dim, len(flow.type.shape), "the input", reader)
    if axis is None:
        return flow.unknown()
    try:
        chunk = split_axis(flow.type, axis, parts, lambda: flow.given(axis))
    except Unmet as unmet:
        place = item.options["split"]
        reader.report(unmet.problem.code, unmet.problem.message, place, related=[flow.related(axis)])
        return flow.unknown()
    origin = Origin("`split`", reader.source.span(item.options["split"]))
    return flow.joined(chunk, origin, axis)


def join(item: Item, kind: str, axis: int | None, flow: Flow, ends: Sequence[Flow], reader: Reader) -> Flow:
    """The place behind a combinator, for the place in front of it and those at the ends of its branches.

    `axis` is the one that a `concat` joins along; None where it is wrong, which was reported.
    """
    if kind == "aux":
        return flow
    types = [end.type for end in ends]
    if not types or flow.type is None or any(t is None for t in types):
        return flow.unknown()
    known: list[TensorType] = [t for t in types if t is not None]

    def told(branch: int, axis: int | None) -> str:
        return ends[branch].given(axis)

    second = "the shortcut" if "shortcut" in item.options else "the skip"
    names = ["the body", second] if kind == "residual" else [f"branch {i + 1}" for i in range(len(ends))]
    try:
        if kind == "concat":
            if axis is None:
                return ends[0]._replace(type=TensorType((UNKNOWN,) * len(known[0].shape), known[0].dtype))
            y = join_concat(known, axis, told, names)
        elif kind == "gate":
            y = join_gate(flow.type, known[0], told)
        else:
            y = join_sum(kind, known, told, names)
    except Unmet as unmet:
        _branches_disagree(item, kind, unmet.problem, flow, ends, reader)
        return _agreed(ends, known)
    if kind != "concat" or axis is None:
        return (flow if kind == "gate" else ends[0]).joined(y, flow.last, None)
    sizes = " + ".join(str(t.shape[axis]) for t in known)

    def derive(a: int) -> str | None:
        return sizes if a == axis else None

    return ends[0].joined(y, Origin("`concat`", reader.source.span(item.head), derive), axis)


def _branches_disagree(
    item: Item, kind: str, problem: Problem, flow: Flow, ends: Sequence[Flow], reader: Reader
) -> None:
    help_ = problem.help
    if kind == "residual" and ends[0].type is not None and flow.type is not None:
        help_ = _mending_shortcut(flow.type, ends[0].type, "shortcut" in item.options) or help_
    names = ("the body", "the shortcut") if kind == "residual" else [f"branch {i + 1}" for i in range(len(ends))]
    if kind == "residual" and "shortcut" not in item.options:
        names = ("the body", "the skip")
    seen: list[Related] = []
    for name, end in zip(names, ends, strict=False):
        message, span = end.related(None)
        seen.append(Related(f"{name}: {message}", span))
    reader.report(problem.code, problem.message, item.head, related=seen, help=help_)


def _agreed(ends: Sequence[Flow], types: Sequence[TensorType]) -> Flow:
    """The place behind branches that disagree: the sizes that they share stay known."""
    first = types[0]
    if any(len(t.shape) != len(first.shape) for t in types):
        return ends[0].unknown()
    shape = tuple(a if all(a == t.shape[i] for t in types) else UNKNOWN for i, a in enumerate(first.shape))
    return ends[0]._replace(type=TensorType(shape, first.dtype))


def _mending_shortcut(x: TensorType, body: TensorType, has_one: bool) -> str | None:
    """The shortcut that would make a residual's branches agree: a 1×1 convolution with the right width and stride."""
    if len(x.shape) != 3 or len(body.shape) != 3 or not all(isinstance(n, int) for n in (*x.shape, *body.shape)):
        return None
    strides = {
        -(-a // b)
        for a, b in zip(x.shape[1:], body.shape[1:], strict=True)
        if isinstance(a, int) and isinstance(b, int) and b
    }
    if len(strides) != 1 or (stride := strides.pop()) < 1:
        return None
    tail = f", stride: {stride}" if stride != 1 else ""
    layer = f"Conv2d: {{out_channels: {body.shape[0]}, kernel_size: 1{tail}}}"
    verb = "give the shortcut this shape" if has_one else "give it a shortcut"
    return f"{verb}: `shortcut: [{layer}]` turns {shape_text(x.shape)} into {shape_text(body.shape)}"


def warn_overwritten(kind: str, branches: Sequence[Sequential], reader: Reader) -> None:
    """Warn of a layer that writes over the input of a branch, which the other branches, or the skip, still need."""
    for branch in branches:
        for leaf in leaves(branch):
            if getattr(leaf.layer, "inplace", False) is True:
                reader.report(
                    "inplace-in-branch",
                    f"`{leaf.type}` with `inplace: true` is the first to touch the input of a branch of `{kind}`, and "
                    "writes over what the other side of the sum still needs"
                    if kind in ("residual", "add")
                    else f"`{leaf.type}` with `inplace: true` is the first to touch the input of a branch of `{kind}`, "
                    "and writes over what is still needed beside it",
                    leaf.span,
                    severity="warning",
                    help="leave `inplace` out here",
                )
            if not leaf.layer.shares(leaf.input):
                break
