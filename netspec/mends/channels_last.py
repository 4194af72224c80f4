"""Keras's layers in torch's order: Keras has the channels last, torch first.

A picture is turned once, where it comes in. A sequence has its channels last for some of torch's layers (`Linear`,
`LSTM`), and first for others (`Conv1d`, `BatchNorm1d`): a `Rearrange` stands where that changes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from netspec.layers import Offer
from netspec.layers.base import TensorType
from netspec.mends.calls import NoChain, Theirs, WrittenItem, call_text
from netspec.mends.paddings import Padded, causal_in_torch, same_in_torch
from netspec.mends.shapes import accepted
from netspec.writing import flow, written

_SPATIAL: Final = re.compile(r"(?:Conv|ConvTranspose|MaxPool|AvgPool|AdaptiveAvgPool|AdaptiveMaxPool|ZeroPad|Dropout"
                             r"|Upsample)([123])d")  # fmt: skip
_LAST: Final = ("Linear", "LSTM", "GRU", "RNN", "LayerNorm")
"""Layers that have the features of a sequence last."""
_TO_FIRST: Final = "Rearrange: n l c -> n c l"
_TO_LAST: Final = "Rearrange: n c l -> n l c"


class InOrder:
    """Writes the layers one after another, with what is known of what flows."""

    def __init__(self, offer: Offer, given: Sequence[int] | None, entries: Sequence[WrittenItem]) -> None:
        """
        Args:
            given: the shape of one example, a picture's channels first, where the text says it.
        """
        self._offer: Final = offer
        self._sizes: list[int] | None = None if given is None else list(given)
        self._axes: int | None = None if given is None else len(given)
        """Axes, those of the channels included."""
        self._last = True
        """Whether a sequence has its channels last."""
        self.doubts: Final[list[str]] = []
        """What hangs on what is not known."""
        self.input = self._sizes
        """The shape of one example, in the order in which the first layers want it."""
        if given is not None and len(given) == 2 and self._first_wants(entries) is False:
            self.input = self._sizes = [given[1], given[0]]
            self._last = False

    def _first_wants(self, entries: Sequence[WrittenItem]) -> bool | None:
        """Whether the first layer for which it makes a difference wants a sequence's channels last."""
        for entry in entries:
            if entry.inside:
                found = self._first_wants(entry.inside)
            else:
                layer = "" if entry.theirs is None else entry.theirs.layer
                found = False if _SPATIAL.fullmatch(layer) else True if layer in (*_LAST, "BatchNorm2d") else None
            if found is not None:
                return found
        return None

    def written(self, entries: Sequence[WrittenItem]) -> tuple[WrittenItem, ...]:
        """The items in torch's order.

        Raises:
            NoChain: torch has no such layer for what comes to it.
        """
        found: list[WrittenItem] = []
        for entry in entries:
            if entry.inside:
                found.append(entry._replace(inside=self.written(entry.inside)))
            elif entry.theirs is None:
                found.append(self._put(entry))
            else:
                for layer, given in self._of(entry.theirs):
                    call = layer if given is None else call_text(layer, given)
                    own = entry._replace(call=call, theirs=None) if layer == self._own(entry.theirs) else None
                    found.append(self._put(own or WrittenItem(call)))
        return tuple(found)

    def _own(self, theirs: Theirs) -> str:
        """The layer among those that are written for one of Keras's that it is itself."""
        axes = self._axes or 0
        if theirs.layer == "Linear" and axes > 2:
            return f"Conv{axes - 1}d"
        if theirs.layer == "BatchNorm2d":
            return f"BatchNorm{max(axes - 1, 1) if axes else 2}d"
        return re.sub(r"^Upsample\dd$", "Upsample", theirs.layer)

    def _of(self, theirs: Theirs) -> Iterator[tuple[str, Sequence[tuple[str, str]] | None]]:
        """What is written for a layer of Keras's: names with arguments, or whole items."""
        layer, given = theirs.layer, list(theirs.given)
        own = self._own(theirs)
        spatial = _SPATIAL.fullmatch(layer)
        if spatial is not None:
            yield from self._turned(last=False)
            self._axes = self._axes or int(spatial[1]) + 1
            yield from self._windowed(own, given, theirs)
        elif layer == "BatchNorm2d":
            if self._axes is None:
                self.doubts.append("BatchNormalization of what is not known")
            yield from self._turned(last=False)
            yield own, given
        elif layer == "LayerNorm" and (self._axes or 0) > 2:
            names = "d h w"[-2 * (self._axes or 3) + 3 :] if self._axes != 3 else "h w"
            yield f"Rearrange: n c {names} -> n {names} c", None
            yield own, given
            yield f"Rearrange: n {names} c -> n c {names}", None
        elif layer == "Linear" and (self._axes or 0) > 2:
            width = [("out_channels" if key == "out_features" else key, text) for key, text in given]
            yield own, [*width[:1], ("kernel_size", "1"), *width[1:]]
        elif layer in _LAST:
            if layer == "LayerNorm" and self._axes is None:
                self.doubts.append("LayerNormalization of what is not known")
            yield from self._turned(last=True)
            yield own, given
        elif layer == "PReLU":
            yield from self._slopes(theirs)
        elif layer == "Unflatten":
            yield from self._reshaped(theirs)
        else:
            fields = self._offer.layer_class(layer).model_fields
            dim = "1" if self._channels_first else "-1"
            if "dim" in fields and layer != "Flatten":
                yield (layer, [("dim", dim)]) if dim == "1" or not fields["dim"].is_required() else (
                    f"{layer}: {dim}", None)  # fmt: skip
            else:
                yield own, given

    @property
    def _channels_first(self) -> bool:
        return (self._axes or 0) > 2 or (self._axes == 2 and not self._last)

    def _turned(self, *, last: bool) -> Iterator[tuple[str, None]]:
        """The change of order that brings a sequence's channels to one end."""
        if self._axes == 2 and self._last is not last:
            yield _TO_LAST if last else _TO_FIRST, None
        self._last = last

    def _windowed(
        self, own: str, given: list[tuple[str, str]], theirs: Theirs
    ) -> Iterator[tuple[str, Sequence[tuple[str, str]] | None]]:
        """A layer over a map or over a sequence, with its padding."""
        if own.startswith("Adaptive"):
            yield f"{own}: 1", None
            yield "Flatten", None
            return
        made = self._padded(own, theirs)
        if made.before is not None:
            yield made.before, None
        if given or made.arguments:
            yield own, [*given, *made.arguments.items()]
        else:
            yield own, given
        if made.behind is not None:
            yield made.behind, None

    def _padded(self, own: str, theirs: Theirs) -> Padded:
        """How torch pads as Keras's word says.

        Raises:
            NoChain: it cannot.
        """
        if theirs.padding is None:
            return Padded({})
        layer = self._offer.layer_class(own)
        kernel, stride, dilation = theirs.window
        sizes = None if self._sizes is None else self._sizes[1:]
        made = None
        if theirs.padding == "causal":
            made = causal_in_torch(layer, kernel, dilation)
        elif theirs.padding == "same":
            made = same_in_torch(layer, kernel, stride, dilation, sizes)
        if made is not None:
            return made
        found = f"`padding='{theirs.padding}'` of a `{own}` that torch cannot pad so"
        if sizes is None and theirs.padding == "same":
            found = f"`padding='same'` of a `{own}` with a stride, which pads by the size of what comes to it"
            raise NoChain(found, theirs.line, "give the network an `Input` with its shape")
        raise NoChain(found, theirs.line, "a layer of padding in front of it pads one side more")

    def _slopes(self, theirs: Theirs) -> Iterator[tuple[str, Sequence[tuple[str, str]] | None]]:
        """`PReLU`: a slope for each value is one for each channel where nothing else is, or where it is shared."""
        axes = self._axes or 0
        if axes == 0 or set(range(1, axes)) - set(theirs.sizes) or axes in theirs.sizes:
            found = "`PReLU` with a slope for each value, of which torch has one for each channel"
            raise NoChain(found, theirs.line, "with `shared_axes` over all axes but the channels it is torch's")
        yield from self._turned(last=False)
        number = "in_channels" if self._sizes is None else str(self._sizes[0])
        yield "PReLU", [("num_parameters", number), ("init", "0.0")]

    def _reshaped(self, theirs: Theirs) -> Iterator[tuple[str, Sequence[tuple[str, str]] | None]]:
        """`Reshape` of values in a row; those of a map or of a sequence stand in another order in Keras."""
        sizes, first = list(theirs.sizes), "Flatten"
        if len(sizes) == 1:
            yield first, None
            return
        if self._axes != 1 or -1 in sizes or not sizes:
            raise NoChain("`Reshape` of what has several axes, in Keras's order", theirs.line, "`Rearrange` says it")
        self._last = True
        names = "d h w"[-2 * len(sizes) + 3 :] if len(sizes) != 3 else "h w"
        if len(sizes) > 2:
            yield f"Unflatten: {{dim: 1, unflattened_size: {flow(sizes, written)}}}", None
            yield f"Rearrange: n {names} c -> n c {names}", None
        else:
            yield f"Unflatten: {{dim: 1, unflattened_size: {flow(sizes, written)}}}", None

    # ---- what flows

    def _put(self, entry: WrittenItem) -> WrittenItem:
        """Count what an item makes of what flows; the item as it is."""
        head, _, text = entry.call.partition(": ")
        if head == "Rearrange":
            before, after = (side.split()[1:] for side in text.split(" -> "))
            if self._sizes is not None:
                self._sizes = [self._sizes[before.index(name)] for name in after]
            return entry
        self._sizes = None if self._sizes is None else self._given_by(head, text)
        if head in ("Flatten", "Linear", "LSTM", "GRU", "RNN", "Unflatten", "Embedding"):
            self._axes = self._axes_behind(head, text)
        return entry

    def _axes_behind(self, head: str, text: str) -> int | None:
        if self._sizes is not None:
            return len(self._sizes)
        if head == "Flatten":
            return 1
        if head == "Unflatten":
            return text.count(",")
        if head in ("LSTM", "GRU", "RNN"):
            return 1 if "returns: last" in text else 2
        if head == "Embedding":
            return 2 if self._axes is None else self._axes + 1
        return self._axes

    def _given_by(self, head: str, text: str) -> list[int] | None:
        """The shape that a layer gives; None where it is not known."""
        if head not in self._offer.layers or self._sizes is None:
            return None
        layer = self._offer.layer_class(head)
        given = _arguments(text) if text.startswith("{") else {layer.scalar or "": _value(text)} if text else {}
        dtype = "int64" if head == "Embedding" else "float32"
        try:
            made = accepted(layer.model_validate(given), TensorType(tuple(self._sizes), dtype))
        except ValueError:
            return None
        sizes = [] if made is None else [size for size in made.shape if isinstance(size, int)]
        return sizes if made is not None and len(sizes) == len(made.shape) else None


def _arguments(text: str) -> dict[str, Any]:
    """The values of `{out_channels: 8, kernel_size: [3, 3]}`."""
    return {key: _value(value) for key, value in re.findall(r"(\w+): (\[[^\]]*\]|[^,\[\]{}]+)", text)}


def _value(text: str) -> Any:
    """A value as it is written: a number, a pair, a word."""
    if text in ("true", "false"):
        return text == "true"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any values
