"""A chain in which values have names: an `nn.Sequential` whose `forward` keeps values and uses them again.

`build.py` writes its program: the modules in order, and between them what is kept under which number and what is put
in the place of the value that flows. A value is let go of after its last use.
"""

# torch's stubs leave out Sequential.forward.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from netspec.combinators import HEADS
from netspec.net import Computed, Read, Term
from netspec.torch.modules import Auxiliary, Outputs


class RunModule(NamedTuple):
    """Call the module of this key with what flows and the values of `reads`; it gives those of `gives` too."""

    key: str
    reads: tuple[int | None, ...]
    """None for a tensor that the module could be given and is not."""
    gives: tuple[int, ...]
    last: tuple[int, ...]
    """The values that nothing reads after this step; likewise below."""
    joins: bool = False
    """Whether it joins branches, which get the values as one tuple: each takes its own out of it, so that a join of
    many costs no more than they are."""
    repeated: tuple[int, ...] = ()
    """Which of what it is called with are constants, repeated for each example: 0 is what flows, `reads` follow."""


class KeepValue(NamedTuple):
    """KeepValue what flows, or what a term computes, under a number."""

    slot: int
    term: Term | None
    last: tuple[int, ...]


class TakeValue(NamedTuple):
    """Let what a term computes flow on."""

    term: Term
    last: tuple[int, ...]


Step = RunModule | KeepValue | TakeValue


class Graph(nn.Sequential):
    """The modules of a chain, and the program that runs them.

    What it keeps begins with `_`, as no name of a module does: a child may be called `heads` or `steps`.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        reads: Sequence[int],
        gives: Sequence[int],
        *,
        places: Sequence[int] | None = None,
        takes: Sequence[str] = (),
        names: Sequence[str] = (),
    ) -> None:
        """
        Args:
            steps: the program.
            reads: the values that it is given.
            gives: the values that it gives.
            places: where those that it is given stand in the tuple that all branches of a join get; None if it is
                given them one by one.
            takes: the names of those values from outside that its program uses, for people.
            names: the names of the values that it gives, for people.
        """
        super().__init__()
        self._takes = tuple(takes)
        self._names = tuple(names)
        self._steps = tuple(steps)
        self._reads = tuple(reads)
        self._gives = tuple(gives)
        self._places = None if places is None else tuple(places)

    def forward(self, input: Tensor, *values: Any) -> Any:
        """What flows out; with the values that it gives behind it, if it gives any.

        Args:
            input: what flows in.
            values: those of `reads`, in that order; of a branch, the tuple in which they have their `places`.
        """
        given = values if self._places is None else [values[0][place] for place in self._places]
        kept = dict(zip(self._reads, given, strict=True))
        x = self._run(input, kept)
        return (x, *(kept[slot] for slot in self._gives)) if self._gives else x

    def _run(self, x: Any, kept: dict[int, Tensor]) -> Any:
        """Run the program on what flows in and on what is kept; returns what flows out."""
        for step in self._steps:
            if isinstance(step, RunModule):
                given: list[Any] = [x, *[None if slot is None else kept[slot] for slot in step.reads]]
                if step.repeated:
                    batch = max(v.shape[0] for v in given if v is not None)
                    given = [repeat(v, batch) if i in step.repeated else v for i, v in enumerate(given)]
                if step.joins and len(given) > 1:
                    given = [x, tuple(given[1:])]
                y: Any = self._modules[step.key](*given)  # pyright: ignore[reportOptionalCall]  # every key has a module
                if step.gives:
                    x = y[0]
                    kept.update(zip(step.gives, y[1:], strict=True))
                else:
                    x = y
            elif isinstance(step, KeepValue):
                kept[step.slot] = x if step.term is None else compute(step.term, kept)
            else:
                x = compute(step.term, kept)
            for slot in step.last:
                del kept[slot]
        return x

    def extra_repr(self) -> str:
        """The names of the values that it uses and gives beside what flows: `reads q, k; gives p[3]`."""
        words = (("reads", self._takes), ("gives", self._names))
        return "; ".join(f"{word} {', '.join(names)}" for word, names in words if names)


def program(graph: Graph) -> tuple[Step, ...]:
    """The program of a chain."""
    return graph._steps  # pyright: ignore[reportPrivateUsage]  # hidden from the names of children alone


class Field(NamedTuple):
    """One output of a network: a kept value, or a tuple of those of a family."""

    name: str | None
    slots: tuple[int, ...]
    family: bool
    constant: tuple[bool, ...]
    """Which of them are constants, repeated for each example."""

    def taken(self, kept: dict[int, Tensor], batch: int) -> Any:
        """The output, of what is kept."""
        found = [kept[slot] for slot in self.slots]
        found = [repeat(x, batch) if one else x for x, one in zip(found, self.constant, strict=True)]
        return tuple(found) if self.family else found[0]


class Network(Graph):
    """A whole network in which values have names.

    It takes its inputs in the order of the spec, and gives one tensor, a tuple (a family), or a named tuple with a
    field for each output. With `Auxiliary` heads inside it gives `Outputs` in training, or the named tuple has a last
    field for what the heads give, which is empty outside of training.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        reads: Sequence[int],
        outputs: Sequence[Field],
        *,
        heads: bool = False,
        constant: bool = False,
    ) -> None:
        """
        Args:
            steps: the program.
            reads: the inputs behind the first.
            outputs: what it gives; if nothing, what flows out.
            heads: whether there are `Auxiliary` heads inside.
            constant: whether what flows out is a constant, repeated for each example.
        """
        super().__init__(steps, reads, ())
        self._constant = constant
        self._outputs = tuple(outputs)
        self._heads = heads

    def forward(self, input: Tensor, *values: Tensor) -> Any:
        """The outputs; see the class.

        Args:
            input: the first input.
            values: the further ones, in their order.
        """
        kept = dict(zip(self._reads, values, strict=True))
        x = self._run(input, kept)
        batch = input.shape[0]
        x = repeat(x, batch) if self._constant else x
        given = [field.taken(kept, batch) for field in self._outputs]
        names = [field.name for field in self._outputs if field.name is not None]
        heads = self._results() if self._heads else ()
        if not names:
            y: Any = given[0] if given else x
            return Outputs(y, heads) if self._heads and self.training else y
        if self._heads:
            return named_tuple((*names, HEADS))(*given, heads)
        return named_tuple(tuple(names))(*given)

    def _results(self) -> tuple[Tensor, ...]:
        """What the heads gave, in the order in which they ran; none outside of training."""
        results = [module.take() for module in self.modules() if isinstance(module, Auxiliary)]
        return tuple(result for result in results if result is not None)


_NAMED_TUPLES: dict[tuple[str, ...], Any] = {}


def named_tuple(names: tuple[str, ...]) -> Any:
    """The class of a named tuple with these fields: one class for the same names, so that results compare."""
    if names not in _NAMED_TUPLES:
        _NAMED_TUPLES[names] = namedtuple("Outputs", names)  # pyright: ignore[reportUntypedNamedTuple]  # the fields are known only when a spec is built
    return _NAMED_TUPLES[names]


def repeat(x: Tensor, batch: int) -> Tensor:
    """A constant, whose batch axis is 1, for each example; a view."""
    return x.expand(batch, *x.shape[1:])


def compute(term: Term, kept: dict[int, Tensor]) -> Any:
    """A named value, or arithmetic over several, element by element."""
    if isinstance(term, Read):
        return kept[term.slot]
    if not isinstance(term, Computed):
        return term
    right = compute(term.right, kept)
    if term.left is None:
        return -right
    left = compute(term.left, kept)
    if term.op == "+":
        return left + right
    if term.op == "-":
        return left - right
    if term.op == "*":
        return left * right
    if term.op == "/":
        return left / right
    return torch.pow(left, right)
