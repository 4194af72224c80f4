"""What a branch that runs on slices may not do, since its batch is that of all slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netspec.net import As, Combinator, Leaf, Node, Read, Sequential, Use, reads, slots_named, walk
from netspec.validation import Reader

if TYPE_CHECKING:
    from netspec.combinators.base import Slices


def check_slices(body: Sequential, word: str, slices: Slices, reader: Reader) -> None:
    """Report what reads a value from outside of a branch that runs on slices, and outputs that it would give; where
    values decide how many slices that is, also what needs several."""
    named = {slot for node in walk(body) for slot in slots_named(node)}
    for node in walk(body):
        for read in _reads(node):
            if read.slot not in named:
                reader.report(
                    "value-kind",
                    f"`{read.name}` is a value of whole examples, and {slices.said}",
                    node.span,
                    help=f"`Chunk`, `stack` or `concat` put `{read.name}` and what is sliced together in front of the "
                    f"`{word}`; or join them behind it",
                )
        if isinstance(node, Combinator) and node.joining.training_only:
            reader.report(
                "misplaced-option",
                f"`{node.kind}` gives an output of whole examples, and {slices.said}",
                node.span, help=f"put it in front of the `{word}`, or behind it",
            )  # fmt: skip
        if slices.chosen is not None and isinstance(node, Leaf) and node.layer.over_batch:
            reader.report(
                "misplaced-option",
                f"`{node.type}` takes its statistics of a whole batch, and {slices.said}: it may get none",
                node.span, help="`LayerNorm` and `RMSNorm` take them of each vector alone",
            )  # fmt: skip


def _reads(node: Node) -> list[Read]:
    match node:
        case As() | Use():
            return list(reads(node.term))
        case Leaf():
            return list(node.reads)
        case _:
            return []
