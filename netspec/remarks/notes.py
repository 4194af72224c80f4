"""Notes: what is legitimate and worth knowing. Looked for where they are asked for."""

from __future__ import annotations

from typing import Final

from netspec.diagnostics import Span
from netspec.dims import Size, product
from netspec.layers.base import shape_text
from netspec.layers.windows import data_met, data_read
from netspec.net import Leaf, Net, total
from netspec.remarks.stretches import Stretch, is_low_rank, tell_of_dropout, tell_of_pair, tell_of_rank
from netspec.remarks.walk import Telling, at, role_of, straight
from netspec.validation import Reports

_HEAVY: Final = 0.9
"""The share of a net's parameters from which a layer is told of."""
_HANDFUL: Final = 5
"""A net with so many layers with parameters, or fewer, has to have them somewhere."""


def find_notes(net: Net, reports: Reports) -> None:
    """Note what is worth knowing of a net without errors."""
    tell = Telling(reports, "note")
    stretch, biases = Stretch(net), _Biases()
    last: Leaf | None = None
    for fresh, leaf in straight(net):
        if fresh:
            stretch.begin()
            last = None
        if leaf is None:
            continue
        role = role_of(type(leaf.layer))
        pair = stretch.pair(leaf, role)
        if pair is not None and is_low_rank(pair):
            tell_of_rank(pair, tell)
        elif pair is not None and pair.normed:
            tell_of_pair(pair, tell, "norm-between")
        if leaf.layer.over_batch and stretch.dropout is not None and not stretch.straight:
            tell_of_dropout(stretch.dropout, leaf, tell, "dropout-shifts-norm")
        if last is not None:
            biases.look(last, leaf)
        _cut_off(leaf, tell)
        _mostly_padding(leaf, tell)
        stretch.add(leaf, role)
        last = leaf
    biases.tell(tell)
    _heavy(net, tell)


class _Biases:
    """Biases that the norm behind takes off again, by place: a layer of a block or a loop is told of once."""

    def __init__(self) -> None:
        self._found: dict[Span, list[tuple[Leaf, Leaf, Size]]] = {}

    def look(self, leaf: Leaf, norm: Leaf) -> None:
        """Look at a layer and the one behind it."""
        if not leaf.layer.is_matrix or not norm.layer.centres or leaf.again:
            return
        bias = leaf.layer.parameters(leaf.input).get("bias")
        if bias is not None:
            self._found.setdefault(leaf.span, []).append((leaf, norm, product(bias)))

    def tell(self, tell: Telling) -> None:
        """Tell of each place."""
        for places in self._found.values():
            leaf, norm, _ = places[0]
            count = total(size for _, _, size in places)
            number = f"{count:,}" if isinstance(count, int) else str(count)
            times = f", in {len(places)} layers" if len(places) > 1 else ""
            tell(
                "bias-before-norm",
                f"`{norm.type}` takes the mean off, and with it the bias of {at(leaf)}: {number} parameters{times} do "
                "nothing",
                leaf,
                "write `bias: false`; the norm has a bias of its own",
                norm,
            )


def _cut_off(leaf: Leaf, tell: Telling) -> None:
    """Values that no window reads."""
    read = data_read(leaf.input.shape[1:], leaf.output.shape[1:], leaf.layer.sliding())
    if read is None or read == leaf.input.shape[1:]:
        return
    sizes = leaf.input.shape[1:]
    left, whole = product(read), product(sizes)
    assert isinstance(left, int) and isinstance(whole, int)
    tell(
        "cut-off",
        f"`{leaf.type}` reads {shape_text(read)} of the {shape_text(sizes)} values of a channel: its stride leaves "
        f"{whole - left:,} of {whole:,} unseen",
        leaf,
        "padding, or an input whose size the stride divides, lets it read them all",
    )


def _mostly_padding(leaf: Leaf, tell: Telling) -> None:
    """A kernel that spans more than the map has, although each of its weights reads something."""
    if leaf.layer.family != "convolution":
        return
    met = data_met(leaf.input.shape[1:], leaf.output.shape[1:], leaf.layer.sliding())
    spans = [d * (k - 1) + 1 for k, _, _, d in leaf.layer.sliding()]
    wide = any(isinstance(n, int) and span > n for n, span in zip(leaf.input.shape[1:], spans, strict=False))
    if met is None or not wide or not all(all(row) for row in met):
        return
    share = 1.0
    for row, windows in zip(met, leaf.output.shape[1:], strict=True):
        assert isinstance(windows, int)
        share *= sum(row) / (len(row) * windows)
    tell(
        "mostly-padding",
        f"the kernel of `{leaf.type}` spans {shape_text(tuple(spans))}, more than its map has, "
        f"{shape_text(leaf.input.shape[1:])}: {1 - share:.0%} of what its weights read is padding",
        leaf,
        "a smaller kernel, or a larger map in front of it, would read more",
    )


def _heavy(net: Net, tell: Telling) -> None:
    """A layer that has nearly all parameters."""
    counts = {id(leaf): leaf.params for leaf in net.layers}
    numbers = [count for count in counts.values() if isinstance(count, int) and count]
    if len(numbers) <= _HANDFUL or len(numbers) < sum(count != 0 for count in counts.values()):
        return
    whole, most = sum(numbers), max(numbers)
    if most < _HEAVY * whole:
        return
    leaf = next(leaf for leaf in net.layers if counts[id(leaf)] == most)
    if leaf.input.dtype == "int64":  # a table, whose size has nothing to do with what stands in front of it
        largest = max(leaf.layer.parameters(leaf.input).values(), key=product)
        why = f"as its table is {shape_text(largest)}"
        mend = "fewer rows, or narrower ones, make the network that much smaller"
    else:
        why = f"as it reads {shape_text(leaf.input.shape)}"
        mend = "a pool in front of it, or a narrower layer, makes the network that much smaller"
    share = f"{most:,} of the {whole:,} parameters, {most / whole:.0%}"
    tell("heavy-layer", f"`{leaf.type}` has {share}, {why}", leaf, mend)
