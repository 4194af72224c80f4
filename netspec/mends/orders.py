"""Mends of axes that stand in another order: torch has the channels first, and a layer of sequences has them last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netspec.diagnostics import Edit, Fix
from netspec.dims import Findings, Unmet, collecting
from netspec.language.clues import LayerClue
from netspec.language.flow import LayerOrigin
from netspec.language.spec import Spec
from netspec.layers.base import Layer, TensorType, shape_text
from netspec.mends.edits import put_before
from netspec.mends.inputs import CHANNELS, channels_first, channels_last_input, input_sizes
from netspec.text.source import Source

AXES: Final = {2: ("l",), 3: ("h", "w"), 4: ("d", "h", "w")}
"""Names of the spatial axes, by the rank of an example with its channels."""


def stated_width(clue: LayerClue) -> int | None:
    """The width that the spec states."""
    value = None if clue.layer.width is None else getattr(clue.layer, clue.layer.width)
    return value if isinstance(value, int) else None


def accepted(layer: Layer, x: TensorType) -> TensorType | None:
    """What the layer gives for an input, by its own rule; None if it does not take it."""
    findings = Findings()
    with collecting(findings):
        try:
            y = layer.output(x)
        except Unmet:
            return None
    return None if any(problem.severity == "error" for problem in findings.problems) else y


def offered(title: str, *edits: Edit | None, certain: bool = True) -> Iterator[Fix]:
    """A mend, if each of its edits can be made."""
    known = tuple(edit for edit in edits if edit is not None)
    if len(known) == len(edits):
        yield Fix(title, known, certain)


def channels_of_a_map(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """A layer along the last axis, of a map whose channels it states: they may be put last in front of it."""
    x, stated = clue.x, stated_width(clue)
    if stated is None or clue.layer.width_axis != -1 or len(x.shape) not in (3, 4) or x.shape[0] != stated:
        return
    moved = TensorType((*x.shape[1:], x.shape[0]), x.dtype)
    if accepted(clue.layer, moved) is not None:
        names = " ".join(AXES[len(x.shape)])
        pattern = f"Rearrange: n c {names} -> n {names} c"
        title = f"put `{pattern}` in front, which turns {shape_text(x.shape)} into {shape_text(moved.shape)}"
        yield from offered(title, put_before(source, clue.item, pattern), certain=False)


def axes_in_another_order(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """A stated number of channels that is the size of the last axis: torch has the channels first."""
    x, stated = clue.x, stated_width(clue)
    rank = len(x.shape)
    if stated is None or clue.layer.width_axis != 0 or rank not in AXES or x.shape[-1] != stated:
        return
    origin = clue.flow.origins[0] if clue.flow.origins else None
    first = origin.leaf.layer if isinstance(origin, LayerOrigin) else None
    if first is not None and first.width is not None and first.width_axis == 0:  # which gives its channels first
        return
    moved = TensorType((x.shape[-1], *x.shape[:-1]), x.dtype)
    if accepted(clue.layer, moved) is None:
        return
    likely = rank == 2 or _has_channels_last(x)
    if clue.of_input and rank > 2 and (sizes := input_sizes(spec)) is not None:
        if likely or not _has_channels_first(x):
            yield channels_first(sizes, source, certain=likely)
        return
    if rank > 2 and not likely and _has_channels_first(x):
        return
    names = " ".join(AXES[rank])
    pattern = f"Rearrange: n {names} c -> n c {names}"
    title = f"put `{pattern}` in front, which turns {shape_text(x.shape)} into {shape_text(moved.shape)}"
    sure = likely and (clue.of_input or first is not None)
    yield from offered(title, put_before(source, clue.item, pattern), certain=sure)


def _has_channels_last(x: TensorType) -> bool:
    """Whether a map looks like one of another framework: square or of few channels, as they stand there."""
    *sizes, channels = x.shape
    return channels in CHANNELS or (len(set(sizes)) == 1 and sizes[0] not in CHANNELS)


def _has_channels_first(x: TensorType) -> bool:
    """Whether a map looks like one of torch: square or of few channels, as they stand here."""
    channels, *sizes = x.shape
    return channels in CHANNELS or len(set(sizes)) == 1


def pictures_with_channels_last(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """`[28, 28, 1]` into a `Conv2d` that states no width: its window does not fit on the last axis, of one channel."""
    x, sizes = clue.x, input_sizes(spec)
    if not clue.of_input or sizes is None or len(sizes) != 3 or clue.layer.width_axis != 0:
        return
    if x.shape[-1] not in CHANNELS or x.shape[0] in CHANNELS:
        return
    moved = TensorType((x.shape[-1], *x.shape[:-1]), x.dtype)
    if accepted(clue.layer, moved) is not None:
        yield channels_first(sizes, source)


def pictures_further_up(clue: LayerClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """A window that does not fit on the last axis, which is that of the channels of the input."""
    fix = None if clue.of_input else channels_last_input(source, spec)
    if fix is not None:
        yield fix
