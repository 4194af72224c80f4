"""What a combinator is: its branches and what each is given, how they join, what that costs, and how it is explained.

A combinator is one class. Its fields are its options; its docstring is what `netspec explain` says of it; its methods
are written over sizes that may be numbers, symbols or unknown (`dims.py`). Everything else follows from the class: the
walk reads its form, builder and Python emitter make its torch call, table and diagram take their words and signs from
it, and the page of the language and the conformance test read its documentation and examples.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar, NamedTuple

from netspec.arguments import Arguments
from netspec.dims import UNKNOWN, Size, need
from netspec.layers.base import TensorType, TorchCall


class WorkedExample(NamedTuple):
    """One use of a combinator, executed by the tests against torch: a list of layers, and the shapes around it."""

    layers: str
    """The lines of YAML under `layers:`."""
    input: tuple[int, ...]
    output: tuple[int, ...]


class Option(NamedTuple):
    """What may stand beside a combinator, explained."""

    form: str
    """As the page of the language writes it: `split: n`."""
    meaning: str
    """Two or three sentences."""
    example: WorkedExample


class Made(NamedTuple):
    """What a branch is given, or what a join gives."""

    type: TensorType
    axis: int | None = None
    """The axis, batch excluded, whose size was decided here: a later mismatch on it names the combinator."""
    derivation: str | None = None
    """How that size came about, for messages: `64 + 32`."""

    def derive(self, axis: int) -> str | None:
        """The derivation of the size along an axis, if it was decided here."""
        return self.derivation if axis == self.axis else None


class Ends(NamedTuple):
    """What the branches give, and the words for it."""

    types: Sequence[TensorType]
    names: Sequence[str]
    """What messages call each branch: "the body", "branch 2"."""
    told: Callable[[int, int | None], str]
    """`told(branch, axis)` says what gives a branch's size, as in "`Conv2d` (line 9) gives 128"; axis None: its
    shape."""


class Kept(NamedTuple):
    """What autograd keeps of a join until the backward pass, in training."""

    input: bool = False
    """The combinator's input."""
    branches: bool = False
    """What each branch gives."""
    extra: Size = 0
    """Elements of further tensors of one example, in the precision of the result."""


class Joining(Arguments):
    """Base of all combinators.

    Subclasses set the class variables, define their options as fields, and implement `output`.
    """

    word: ClassVar[str]
    """The word of the language."""
    value: ClassVar[str]
    """What it computes, in a few words, for the table of the language's page."""
    examples: ClassVar[tuple[WorkedExample, ...]]
    """The first one illustrates the explanation."""
    options: ClassVar[dict[str, Option]] = {}
    """The documentation of each field, and of each of the `sides`."""

    # ---- its form

    several: ClassVar[bool] = False
    """Whether it holds a list of branches, each a list of layers; else it holds one list of layers, its body."""
    sides: ClassVar[tuple[str, ...]] = ()
    """Further lists of layers, each an option beside the body; one that is left out or empty is identity."""
    joins: ClassVar[bool] = True
    """False for a chain of its own, which joins nothing: it becomes a `Sequential` of the net."""
    training_only: ClassVar[bool] = False
    """Whether its layers run in training alone and give outputs of the network's own, while the input passes on."""

    keeps_rank: ClassVar[bool] = True
    """Whether the result has as many axes as what each branch gives: where they disagree, that much is still known."""
    cut_by: ClassVar[str] = ""
    """The option that decides what part of the input a branch is given, if one does: it is named for its size."""

    # ---- how it looks

    sign: ClassVar[str] = ""
    """What stands in the diagram's circle where the branches meet; without a sign its word stands in a box."""
    input_joins: ClassVar[bool] = False
    """Whether the input itself is one side of the join, beside what the branches give."""
    equal_shapes: ClassVar[bool] = False
    """Whether what each branch gives has the shape of the result, so that a diagram need not say it twice."""
    still_needed: ClassVar[str] = "is still needed beside it"
    """What a layer that overwrites a branch's input destroys, as the end of a sentence: "what …"."""

    # ---- its module

    target: ClassVar[str]
    """The class of `netspec.torch.modules` that joins the branches: it takes their modules in order, those of the
    sides by name unless they are identities, and the options by name."""
    network: ClassVar[TorchCall | None] = None
    """What a network becomes that has this combinator somewhere inside; an `nn.Sequential` if None."""

    def call(self) -> TorchCall:
        """The torch call that joins the branches' modules, with all options; a default of the field's is torch's."""
        options = {name: getattr(self, name) for name in type(self).model_fields}
        return TorchCall(self.target, options, "netspec.torch.modules")

    # ---- the rule

    def check_branches(self, count: int) -> None:
        """Require what the options say of the number of branches.

        Raises:
            Unmet: they say otherwise. It is reported, and the rest is checked all the same.
        """

    def part(self, x: TensorType) -> Made | None:
        """What each branch is given of the input; None where that hangs on an option that is not known.

        Raises:
            Unmet: the input cannot be taken apart so; `at` names the option that wants it.
        """
        return Made(x)

    def output(self, x: TensorType, ends: Ends) -> Made | None:
        """What the branches give together; None where that hangs on an option that is not known.

        Raises:
            Unmet: they do not fit together; `at` names the option at fault, if one is.
        """
        raise NotImplementedError

    def settled(self, y: TensorType) -> Joining:
        """Itself as the net keeps it, once the output is known: without anything that reading left open."""
        return self

    def saved(self, x: TensorType, ends: Sequence[TensorType]) -> Kept:
        """What autograd keeps of the join, beside what it keeps of the branches' layers; measured by the tests."""
        return Kept()

    # ---- for messages and tables

    def names(self, count: int, stated: Collection[str]) -> list[str]:
        """What messages call each of so many branches; `stated` are the options that the spec writes."""
        return [f"branch {i + 1}" for i in range(count)]

    def advice(self, x: TensorType, ends: Sequence[TensorType], stated: Collection[str]) -> str | None:
        """What to write so that branches which disagree would fit."""
        return None

    def remark(self) -> str:
        """What the table says of the options, behind the number of branches."""
        return ""

    def part_text(self) -> str:
        """What a diagram says where the branches begin, behind the input's shape, if each is given a part of it."""
        return ""

    def recorded(self) -> dict[str, Any]:
        """The options as plain values for programs that read a net, in the field's order; axes leave out the batch."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    # ---- for the rules

    def knows(self, option: str) -> bool:
        """False where an option is UNKNOWN: it was reported, or hangs on a size that is not known."""
        return getattr(self, option) is not UNKNOWN

    def need_one_dtype(self, a: TensorType, b: TensorType, first: str, second: str) -> None:
        """Require two sides of the join to hold values of one kind."""
        need(
            a.dtype == b.dtype,
            lambda: f"`{self.word}` joins one dtype, but {first} is {a.dtype} and {second} is {b.dtype}",
            code="wrong-dtype",
        )
