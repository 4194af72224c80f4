"""What the body of an `each` may not do, since its batch is that of all slices."""

from __future__ import annotations

from netspec.net import As, Combinator, Leaf, Node, Read, Sequential, Use, reads, slots_named, walk
from netspec.validation import Reader


def check_slices(body: Sequential, reader: Reader) -> None:
    """Report what reads a value from outside of a body that runs on slices, and outputs that it would give."""
    named = {slot for node in walk(body) for slot in slots_named(node)}
    for node in walk(body):
        for read in _reads(node):
            if read.slot not in named:
                reader.report(
                    "value-kind",
                    f"`{read.name}` is a value of whole examples, and the body of `each` runs on one slice of them",
                    node.span,
                    help=f"`Chunk`, `stack` or `concat` put `{read.name}` and what is sliced together in front of the "
                    "`each`; or join them behind it",
                )
        if isinstance(node, Combinator) and node.joining.training_only:
            reader.report(
                "misplaced-option",
                f"`{node.kind}` gives an output of whole examples, and the body of `each` runs on one slice of them",
                node.span, help="put it in front of the `each`, or behind it",
            )  # fmt: skip


def _reads(node: Node) -> list[Read]:
    match node:
        case As() | Use():
            return list(reads(node.term))
        case Leaf():
            return list(node.reads)
        case _:
            return []
