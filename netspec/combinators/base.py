"""The base class of the combinators: branches and their inputs, the join and its cost, and the documentation.

A combinator is one class. Its fields are its options; its docstring is printed by `netspec explain`; its methods
compute with sizes that may be numbers, symbols or unknown (`dims.py`). All other modules read the class: the elaborator
its form, builder and Python emitter its torch call, table and diagram its texts and sign, docs/language.md and the
conformance test its documentation and examples.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar, NamedTuple

from netspec.arguments import Arguments
from netspec.dims import UNKNOWN, Size, need
from netspec.layers.base import TensorType, TorchCall


class WorkedExample(NamedTuple):
    """An example of a combinator, with input and output shape, without the batch axis. The tests run it in torch."""

    layers: str
    """The lines of YAML under `layers:`."""
    input: tuple[int, ...]
    output: tuple[int, ...]


class Option(NamedTuple):
    """The documentation of an option of a combinator."""

    form: str
    """How docs/language.md writes it: `split: n`."""
    meaning: str
    """The explanation, two or three sentences."""
    example: WorkedExample


class Made(NamedTuple):
    """The input of a branch, or the output of a join."""

    type: TensorType
    axis: int | tuple[int, ...] | None = None
    """The axis or axes, batch excluded, whose size the combinator determines; a later mismatch there names it."""
    derivation: str | None = None
    """The calculation of that size, for messages: `64 + 32`."""

    def derive(self, axis: int) -> str | None:
        """The calculation of the size along an axis, if the combinator determines it; else None."""
        return self.derivation if axis == self.axis else None


class Ends(NamedTuple):
    """The outputs of the branches, and texts for messages about them."""

    types: Sequence[TensorType]
    names: Sequence[str]
    """The name of each branch in messages: "the body", "branch 2"."""
    told: Callable[[int, int | None], str]
    """`told(branch, axis)` is the origin of a branch's size along an axis, "`Conv2d` (line 9) gives 128"; for the axis
    None, that of its shape."""
    keys: tuple[str, ...] = ()
    """The key of each branch under the path of the combinator."""


class Taken(NamedTuple):
    """What a branch gives to a join."""

    key: str
    type: TensorType
    needs: bool
    """Whether a gradient flows back to it."""


class Slices(NamedTuple):
    """What branches run on where that is no whole example: slices of it, as so many examples of one batch."""

    per_example: Size
    """How many slices an example has."""
    said: str
    """What runs on one of them, for messages: "the body of `each` runs on one slice of them"."""
    copied: bool = True
    """Whether they are tensors of their own, and no views of the input."""
    chosen: int | None = None
    """How many branches each slice goes through, where its values say which; None where all go through the one body.
    Whatever is counted is counted as if those were the first ones, for all slices."""


class Kept(NamedTuple):
    """The tensors that autograd saves for the backward pass of a join."""

    input: bool = False
    """The combinator's input."""
    branches: bool = False
    """The output of each branch."""
    extra: Size = 0
    """The number of elements per example of other tensors, in the precision of the output."""
    some: tuple[int, ...] = ()
    """The branches whose outputs are saved whichever gradients are wanted, by number."""
    output: bool = False
    """What the join gives."""
    statistics: Size = 0
    """float32 elements whose number does not depend on the batch size."""
    indices: Size = 0
    """The number of int64 elements per example."""


class Bracketed(NamedTuple):
    """Python text in brackets, such as a call: an opening, what stands inside with commas between, a closing."""

    opening: str
    inside: tuple[str | Bracketed, ...]
    closing: str


class Joining(Arguments):
    """The base class of all combinators.

    Subclasses set the class variables, define their options as fields, and implement `output`.
    """

    word: ClassVar[str]
    """Its name in the spec language."""
    value: ClassVar[str]
    """What it computes, in a few words, for the table in docs/language.md."""
    examples: ClassVar[tuple[WorkedExample, ...]]
    """Examples; the first one is printed by `netspec explain`."""
    options: ClassVar[dict[str, Option]] = {}
    """The documentation of each field, and of each of the `sides`."""

    # ---- the form in a spec

    several: ClassVar[bool] = False
    """True if its value is a list of branches, each a list of layers; else it is one list of layers, the body."""
    sides: ClassVar[tuple[str, ...]] = ()
    """Options whose values are further lists of layers, each a branch beside the body; an empty one is the identity.
    Beside `several` branches they may be values too, and one that is left out is no branch."""
    decides: ClassVar[str | None] = None
    """The side that must be given and runs first, on the whole input, since it says which branches run on what."""
    joins: ClassVar[bool] = True
    """False for a nested chain, which has nothing to join: it becomes a `Sequential` of the net."""
    training_only: ClassVar[bool] = False
    """True if its layers run in train mode only and are additional outputs, while the input is passed on unchanged."""

    shown: ClassVar[str] = "[[Conv2d: 64], []]"
    """Branches, in an example in messages."""
    in_brackets: ClassVar[str] = "put it into […]"
    """What to write in the place of a layer that stands where a branch, which is a list of layers, should."""
    operands: ClassVar[str] = "[a, b]"
    """Branches that are values, likewise."""
    of_one: ClassVar[str] = "`{1}: [[], {0}]` joins it with what stands here"
    """What to write where one value is given in the place of branches: {0} stands for it, {1} for the word."""
    keeps_rank: ClassVar[bool] = True
    """True if the output has the rank of the branches' outputs, so that it is known even if they do not fit."""
    cut_by: ClassVar[str] = ""
    """The option that splits the input into parts for the branches, if there is one; messages name it as the origin of
    a part's size."""

    # ---- the drawing

    sign: ClassVar[str] = ""
    """The sign in the circle that represents the join in a diagram; without a sign, a box with the name is drawn."""
    input_joins: ClassVar[bool] = False
    """True if the input itself is an operand of the join, in addition to the branches' outputs."""
    equal_shapes: ClassVar[bool] = False
    """True if a diagram leaves out the shapes of branches that have that of the result, which it shows behind."""
    still_needed: ClassVar[str] = "is still needed beside it"
    """The end of the warning about a layer that overwrites the input of a branch: "overwrites what …"."""

    # ---- the module

    target: ClassVar[str]
    """The class of `netspec.torch.modules` that joins the branches. Its arguments are the branches' modules in order,
    those of the sides by name unless they are identities, and the options by name."""
    network: ClassVar[TorchCall | None] = None
    """The class of the whole network if it contains this combinator; None for `nn.Sequential`."""

    def call(self) -> TorchCall:
        """The torch call that joins the branches' modules, with all options. Defaults of fields are torch's.

        A combinator that uses the class of another one gives the arguments of that class.
        """
        options = {name: getattr(self, name) for name in type(self).model_fields}
        return TorchCall(self.target, options, "netspec.torch.modules")

    def call_over_batch(self, constant: tuple[int, ...]) -> TorchCall:
        """The torch call where these branches, and not all, give constants, whose batch axis is 1. By default that of
        `call`: torch's arithmetic broadcasts them."""
        return self.call()

    repeats: ClassVar[bool] = False
    """True if it takes operands of one batch alone: a constant beside others is repeated for each example."""

    # ---- the join of values that are there already, in the Python file that is written of a net

    infix: ClassVar[str] = ""
    """Python's operator that joins two values as the module does, from left to right; empty if there is none."""

    def written(self, operands: Sequence[str]) -> Bracketed | None:
        """The call of torch's function that joins values of these names as the module does, bit by bit; None if there
        is none. The operands are the input, where it joins, and the values of the branches."""
        return None

    # ---- the rule

    def check_branches(self, count: int) -> None:
        """Check the number of branches against the options.

        Raises:
            Unmet: it does not fit. That is reported, and the check continues.
        """

    def part(self, x: TensorType) -> Made | None:
        """The input of each branch, given that of the combinator; None if it depends on an unknown option.

        Raises:
            Unmet: the input cannot be split in this way; `at` names the option.
        """
        return Made(x)

    def output(self, x: TensorType, ends: Ends) -> Made | None:
        """The output, given the input and the outputs of the branches; None if it depends on an unknown option.

        Raises:
            Unmet: the branches do not fit together; `at` names the option at fault, if there is one.
        """
        raise NotImplementedError

    def sliced(self, x: TensorType) -> Slices | None:
        """The slices that the branches run on, all but the sides; None if they run on the whole."""
        return None

    def settled(self, y: TensorType) -> Joining:
        """The combinator as the net keeps it, with options normalised by the output, such as a negative axis."""
        return self

    def macs(self, ends: Sequence[TensorType]) -> Size:
        """Multiply-accumulates of the join for one example, beside those of the branches' layers; 0 for one that does
        no products of matrices."""
        return 0

    def saved(self, x: TensorType, ends: Sequence[TensorType]) -> Kept:
        """The tensors that autograd saves for the join itself, as measured by the tests."""
        return Kept()

    def kept(self, x: TensorType, branches: Sequence[Taken], on_cpu: bool) -> Kept:
        """As `saved`, where that hangs on the gradients that flow or on the kernels of a device."""
        return self.saved(x, [branch.type for branch in branches])

    def misfits(self, ends: Sequence[TensorType]) -> dict[int, Size]:
        """Where branches do not fit: what the last axis of each should be that may be at fault, by number."""
        return {}

    # ---- for messages and tables

    def given_sides(self, keys: Collection[str]) -> tuple[str, ...]:
        """The sides among the keys of branches: those that are branches."""
        return tuple(side for side in self.sides if side in keys)

    def names(self, count: int, stated: Collection[str]) -> list[str]:
        """The names of the branches in messages; `stated` are the options that the spec gives."""
        return [f"branch {i + 1}" for i in range(count)]

    def shortcut_for(self, x: TensorType, ends: Sequence[TensorType]) -> str | None:
        """The layer, as a spec writes it, that gives the other side the shape of the body; None if none does."""
        return None

    def remark(self) -> str:
        """The text about the options in the table, after the number of branches."""
        return ""

    def box_text(self) -> str:
        """The text in the box of a join without a sign in a diagram."""
        return self.word

    def part_text(self) -> str:
        """The text after the input's shape in a diagram, if each branch gets a part of the input; else empty."""
        return ""

    def recorded(self) -> dict[str, Any]:
        """The options as plain values, in the order of the fields; axes are counted without the batch axis."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    @property
    def teaches(self) -> bool:
        """Whether what decides gets a gradient."""
        return True

    # ---- for the rules

    def knows(self, option: str) -> bool:
        """False if an option is `UNKNOWN`: its value was reported as wrong, or depends on an unknown size."""
        return getattr(self, option) is not UNKNOWN

    def need_one_dtype(self, a: TensorType, b: TensorType, first: str, second: str) -> None:
        """Require two operands of the join to have the same dtype; `first` and `second` name them.

        Raises:
            Unmet: they do not.
        """
        need(
            a.dtype == b.dtype,
            lambda: f"`{self.word}` joins one dtype, but {first} is {a.dtype} and {second} is {b.dtype}",
            code="wrong-dtype",
            help=f"times 1.0 a value is float32, as in `{self.word}: [a, b * 1.0]`"
            if "float32" in (a.dtype, b.dtype)
            else f"times 1 a value of bool is int64, as in `{self.word}: [a, b * 1]`",
        )
