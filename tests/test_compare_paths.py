"""What a comparison tells to be in one net alone is there alone: layers are paired by their paths, too."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netspec
from netspec.comparison import Comparison, alignment, compare
from netspec.comparison.alignment import ComparedLayer, PairWeights, pairing
from netspec.net import Leaf, Net


class Tower(NamedTuple):
    """A net of equal blocks with names, and what is special about it."""

    depth: int = 3
    width: int = 4
    block: str = "h"
    inserted: int | None = None
    """The block that has a dropout more."""
    wider: int | None = None
    """The block whose inner layer is wider."""
    stems: int = 0
    """Layers in front of the blocks, without a name: few, since each may take the place of a layer with one."""

    def net(self) -> Net:
        """The net, compiled."""
        lines = ["name: tower", "input: [8]", "layers:"]
        lines += [f"  - {{Linear: {self.width}, name: enter}}", *["  - Linear: 4"] * self.stems, "  - sequential:"]
        for number in range(self.depth):
            inner = 3 * self.width if number == self.wider else 2 * self.width
            lines += ["      - sequential:", "          - {LayerNorm: , name: norm}"]
            lines += ["          - {Dropout: 0.5, name: drop}"] * (number == self.inserted)
            lines += [f"          - {{Linear: {inner}, name: up}}", "          - GELU"]
            lines += [f"          - {{Linear: {self.width}, name: down}}"]
        lines += [f"    name: {self.block}", "  - {LayerNorm: , name: last}", "  - {Linear: 10, name: head}"]
        return netspec.loads("\n".join(lines) + "\n")


TOWERS = st.builds(
    Tower,
    depth=st.integers(1, 5),
    width=st.sampled_from([4, 6]),
    block=st.sampled_from(["h", "h", "blocks"]),
    inserted=st.none() | st.integers(0, 4),
    wider=st.none() | st.integers(0, 4),
    stems=st.integers(0, 2),
)


def _compared(nets: Iterable[Net]) -> Comparison:
    """The comparison of two nets."""
    a, b = nets
    return compare(a, b)


def _named(leaf: Leaf) -> bool:
    return not leaf.path.rpartition(".")[2].isdecimal()


def _in_both(comparison: Comparison) -> Iterator[str]:
    """Paths of layers that are told to be in one net alone, and have their like in the other one."""
    layers = [{(leaf.path, leaf.type) for leaf in net.layers} for net in (comparison.a, comparison.b)]
    for change in comparison.changes:
        for leaf, other, theirs in ((change.a, change.b, layers[1]), (change.b, change.a, layers[0])):
            if leaf is not None and other is None and _named(leaf) and (leaf.path, leaf.type) in theirs:
                yield leaf.path


@pytest.mark.parametrize("cells", [alignment.MOST_CELLS, 0])
@settings(max_examples=60, deadline=None)
@given(one=TOWERS, other=TOWERS)
def test_a_named_layer_that_only_one_net_has_has_no_like_in_the_other(cells: int, one: Tower, other: Tower) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "MOST_CELLS", cells)
        comparison = compare(one.net(), other.net())
    assert list(_in_both(comparison)) == []


def _told(one: Tower, other: Tower) -> list[str]:
    """The differences as signs and paths."""
    signs = {"added": "+", "removed": "-", "changed": "~"}
    return [
        f"{signs[change.kind]} {leaf.path}"
        for change in compare(one.net(), other.net()).changes
        if (leaf := change.a or change.b)
    ]


def test_a_deeper_net_has_whole_blocks_more() -> None:
    """Its last layer is not told to be new, since the first of the new block is equal to it."""
    block = ["norm", "up", "2", "down"]
    assert _told(Tower(depth=2), Tower(depth=3)) == [f"+ h.2.{name}" for name in block]
    assert _told(Tower(depth=4), Tower(depth=2)) == [f"- h.{at}.{name}" for at in (2, 3) for name in block]


def test_a_wider_layer_inside_is_one_change_whatever_follows() -> None:
    assert _told(Tower(), Tower(wider=1)) == ["~ h.1.up"]
    assert _told(Tower(depth=3), Tower(depth=2, wider=1)) == [
        "~ h.1.up", "- h.2.norm", "- h.2.up", "- h.2.2", "- h.2.down",
    ]  # fmt: skip


def test_an_inserted_layer_and_another_name_of_the_blocks_are_no_more_than_that() -> None:
    assert _told(Tower(), Tower(inserted=1)) == ["+ h.1.drop"]
    assert _told(Tower(), Tower(block="blocks")) == []
    assert _told(Tower(), Tower(stems=1)) == ["+ 1"]


def test_positions_that_are_others_behind_an_inserted_layer_do_not_count() -> None:
    """The names inside are the same, and stand below other numbers: each block is still its own."""
    blocks = "  - sequential: [{Linear: 6, name: up}, {Linear: 4, name: down}]\n" * 4
    nets = (netspec.loads(f"input: [4]\nlayers:\n{front}{blocks}") for front in ("", "  - ReLU\n"))
    changes = _compared(nets).changes
    assert [change.b and change.b.path for change in changes] == ["0"]


def test_a_layer_that_moved_is_told_where_it_was_and_where_it_is() -> None:
    """The order is what a chain computes: the rest stays paired."""
    names = ["a", "b", "c"]
    layers = [f"{{Linear: 4, name: {name}}}" for name in names] + ["{LayerNorm: , name: norm}"]
    moved = [layers[-1], *layers[:-1]]
    nets = [netspec.loads(f"input: [4]\nlayers: [{', '.join(each)}]\n") for each in (layers, moved)]
    changes = _compared(nets).changes
    assert [(each.kind, leaf.path) for each in changes if (leaf := each.a or each.b)] == [
        ("added", "norm"), ("removed", "norm"),
    ]  # fmt: skip


def _best(a: Sequence[ComparedLayer], b: Sequence[ComparedLayer], weights: PairWeights, i: int = 0, j: int = 0) -> int:
    """The greatest sum of weights, by trying all."""
    if i == len(a) or j == len(b):
        return 0
    without = max(_best(a, b, weights, i + 1, j), _best(a, b, weights, i, j + 1))
    own = weights.of(i, j)
    return max(without, own + _best(a, b, weights, i + 1, j + 1)) if own else without


def test_no_pairing_is_better() -> None:
    chance = random.Random(0)

    def places() -> list[ComparedLayer]:
        found: list[ComparedLayer] = []
        for at in range(chance.randint(0, 5)):
            name, kind = chance.choice(["a", "b", "h.0.a", "h.1.a", str(at)]), chance.choice("LR")
            if all(one.path != name for one in found):
                found.append(ComparedLayer(name, kind, (kind, chance.randint(0, 1))))
        return found

    for _ in range(300):
        a, b = places(), places()
        weights = PairWeights(a, b)
        assert sum(weights.of(i, j) for i, j in pairing(a, b)) == _best(a, b, weights)


@pytest.mark.parametrize(("kept", "gone"), [("a", "b"), ("b", "a")])
def test_a_picture_marks_the_part_whose_path_only_one_net_has(kept: str, gone: str) -> None:
    layers = {name: f"{{Linear: 4, name: {name}}}" for name in ("a", "b")}
    nets = [netspec.loads(f"input: [4]\nlayers: [{', '.join(each)}]\n") for each in (layers.values(), [layers[kept]])]
    (pair,) = (pair for pair in _compared(nets).pairs if pair.kind != "same")
    assert (pair.kind, pair.a and pair.a.path) == ("removed", gone)
