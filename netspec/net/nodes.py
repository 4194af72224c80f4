"""The nodes of a checked network: layers, chains, joins and names, with shapes, arguments, parameter counts and costs.

A `Leaf` is a layer; a `Sequential` is a chain with a module path; a `Combinator` joins branches; a `Scope` (a block
call, one iteration of a loop) groups nodes that come from one place in the source, and has no module of its own; `As`
names a value and `Use` takes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from netspec.diagnostics import Span
from netspec.dims import UNKNOWN, Findings, Shape, Size, Unmet, collecting, counted, product
from netspec.layers.base import Layer, TensorType, TorchCall, sum_sizes

PARAMETRIZED: Final = "parametrizations."
"""What the keys begin with of all that stands in the place of a weight."""

if TYPE_CHECKING:
    from netspec.combinators.base import Joining
    from netspec.layers.parametrizations import Parametrization


class Call(NamedTuple):
    """One block call on the way from the spec's top level to a layer: the block's name, and the place of the call."""

    block: str
    span: Span


class Initializer(NamedTuple):
    """A function of `torch.nn.init` and its keyword arguments, for one parameter of a layer."""

    parameter: str
    function: str
    arguments: Mapping[str, Any]


class LayerResult(NamedTuple):
    """A result of a layer beside the one that flows on."""

    slot: int
    name: str
    type: TensorType


class Tie(NamedTuple):
    """A parameter of a layer that is one of an earlier layer."""

    parameter: str
    path: str
    """The module path of the earlier layer."""
    name: str
    """The parameter of that layer."""


class Leaf(NamedTuple):
    """One layer of the net. Shapes are those of one example, without the batch axis."""

    path: str
    """Module path in the built model, `"3"` or `"4.body.0"`: `path + ".weight"` is a `state_dict` key."""
    name: str | None
    """The `name:` that the spec gives it, if any."""
    layer: Layer
    input: TensorType
    output: TensorType
    span: Span
    calls: tuple[Call, ...] = ()
    frozen: bool = False
    init: tuple[Initializer, ...] = ()
    again: bool = False
    """Whether a `shared` module runs once more: then it has no parameters and buffers beside those that are counted."""
    stand_in: str | None = None
    """The key, in the chain that runs it, of what stands for a `shared` module where that one does not stand itself."""
    ties: tuple[Tie, ...] = ()
    inputs: Mapping[str, tuple[Read, ...]] = {}
    """The tensors that it is given beside what flows, by the names that torch's `forward` has for them."""
    results: tuple[LayerResult, ...] = ()
    """What it gives beside what flows on."""
    parametrization: Parametrization | None = None
    """What its weight is computed of, where that is said."""
    slices: Size = 1
    """How often it runs for one example: once for each slice of the `each` around it."""
    fits: bool = True
    """False where its input does not fit, which is reported; or where that is not known."""

    @property
    def reads(self) -> tuple[Read, ...]:
        """The tensors that it is given beside what flows."""
        return tuple(read for reads in self.inputs.values() for read in reads) if self.inputs else ()

    @property
    def given(self) -> tuple[Read | None, ...]:
        """What its module is called with behind what flows: the tensors that it is given, in the order in which it
        takes them, and None in the place of one that stands in front of another and is not given."""
        if not self.inputs:
            return ()
        last = max(map(self.layer.tensors.index, self.inputs))
        names = self.layer.tensors[: last + 1]
        return tuple(read for name in names for read in self.inputs.get(name, (None,)))

    @property
    def constant_inputs(self) -> tuple[int, ...]:
        """Which of what its module is called with (0 flows in, `given` follows) are constants, where others are none:
        they are repeated for each example, unless the layer takes them as they are."""
        if not self.inputs:
            return ()
        given = [self.input.constant, *(read is None or read.type.constant for read in self.given)]
        if all(given):
            return ()
        kept = {read for name in self.layer.broadcast for read in self.inputs.get(name, ())} | {None}
        repeated = [i for i, read in enumerate(self.given, 1) if read not in kept and given[i]]
        return (0, *repeated) if given[0] else tuple(repeated)

    @property
    def input_types(self) -> dict[str, tuple[TensorType, ...]]:
        """The types of the tensors that it is given beside what flows, by name."""
        return {name: tuple(read.type for read in reads) for name, reads in self.inputs.items()}

    @property
    def type(self) -> str:
        """The name of the layer's type, `"Conv2d"`."""
        return type(self.layer).__name__

    @property
    def args(self) -> dict[str, Any]:
        """All constructor arguments in signature order, inferred ones included."""
        return self.layer.arguments(self.input)

    @property
    def call(self) -> TorchCall:
        """The torch call that constructs the module."""
        return self.layer.call_of_all(self.input) if self.inputs or self.results else self.layer.call(self.input)

    @property
    def input_shape(self) -> Shape:
        """The shape of the input."""
        return self.input.shape

    @property
    def output_shape(self) -> Shape:
        """The shape of the output."""
        return self.output.shape

    @property
    def params(self) -> Size:
        """The number of parameters, without those that an earlier layer has."""
        if self.again:
            return 0
        if self.ties or self.parametrization is not None:
            return counted(lambda: sum_sizes(map(product, self.own_parameters.values())))
        return counted(lambda: self.layer.params(self.input))

    @property
    def parameters(self) -> dict[str, Shape]:
        """The shapes of the parameters of its module, in the order of the state dict."""
        plain = self.layer.parameters(self.input)
        return plain if self.parametrization is None else self.parametrization.instead_of(self.layer, plain)

    @property
    def buffer_shapes(self) -> dict[str, Shape]:
        """The shapes of the persistent buffers of its module, in the order of the state dict."""
        plain = self.layer.buffers(self.input)
        if self.parametrization is None:
            return plain
        return self.parametrization.added_to(self.layer, plain, self.layer.parameters(self.input)["weight"])

    @property
    def buffer_bytes(self) -> Size:
        """Bytes of all its buffers, also of those that are not in the state dict."""
        added = [shape for name, shape in self.buffer_shapes.items() if name.startswith(PARAMETRIZED)]
        return self.layer.buffer_bytes(self.input) + 4 * sum_sizes(map(product, added))

    @property
    def own_parameters(self) -> dict[str, Shape]:
        """The shapes of the parameters, without those that an earlier layer has."""
        if self.again:
            return {}
        tied = {tie.parameter for tie in self.ties}
        return {name: shape for name, shape in self.parameters.items() if name not in tied}

    @property
    def initialised(self) -> tuple[Initializer, ...]:
        """The initialisers of parameters that it has of its own: with `bias: false` there is none for the bias. That of
        a weight with a parametrisation is applied before."""
        if self.again or not self.init:
            return ()
        tied = {tie.parameter for tie in self.ties}
        exist = self.layer.parameters(self.input).keys() - tied
        return tuple(initializer for initializer in self.init if initializer.parameter in exist)

    @property
    def borrows(self) -> bool:
        """Whether it has parameters that an earlier layer has."""
        return bool(self.ties) or (self.again and bool(self.layer.parameters(self.input)))

    @property
    def buffers(self) -> Size:
        """The number of elements of persistent buffers (running statistics); 0 for those that an earlier layer has."""
        return 0 if self.again else counted(lambda: sum_sizes(map(product, self.buffer_shapes.values())))

    @property
    def macs(self) -> Size:
        """Multiply-accumulates of one example's forward pass; `UNKNOWN` where its input does not fit."""
        if not self.fits:
            return UNKNOWN
        times = 1 if self.output.constant else self.slices
        if self.inputs:
            return counted(lambda: self.layer.macs_of_all(self.input, self.input_types) * times)
        return counted(lambda: self.layer.macs(self.input) * times)

    def derivation(self, axis: int) -> str | None:
        """How the size of the output along an axis follows from the input; None where that says nothing, or the formula
        is too long to be of help."""
        if not self.fits:
            return None
        try:
            with collecting(Findings()):  # what a rule requires on the way was noted where the layer was read
                return self.layer.derivation(self.input, axis)
        except Unmet:
            return None

    @property
    def derivations(self) -> list[str]:
        """How the sizes of what it gives follow from what it takes: `54 = (224 + 2 − 11) // 4 + 1`."""
        found = ((size, self.derivation(axis)) for axis, size in enumerate(self.output.shape))
        return list(dict.fromkeys(f"{size} = {text}" for size, text in found if text is not None and text != str(size)))

    @property
    def family(self) -> str:
        """The layer's family, `"convolution"`, which decides its colour in diagrams."""
        return self.layer.family


class Read(NamedTuple):
    """A named value where it is read."""

    slot: int
    """The number under which the net keeps it: each `as` that is met has another."""
    name: str
    """As the spec writes it: `skip`, `p[3]`."""
    type: TensorType


class Computed(NamedTuple):
    """Arithmetic over values and numbers, element by element; `left` is None for the minus sign."""

    op: Literal["+", "-", "*", "/", "**"]
    left: Term | None
    right: Term
    type: TensorType


Term = Read | Computed | float


class As(NamedTuple):
    """A name for a value: that which stands here, or what `term` computes. It has no module."""

    slot: int
    name: str
    term: Term | None
    """None for the value that stands here."""
    type: TensorType
    input: TensorType
    """Of the value that stands here, which flows on as it is."""
    span: Span

    @property
    def output(self) -> TensorType:
        """What flows on."""
        return self.input


class Use(NamedTuple):
    """Another value in the place of the one that stands here: a named one, or arithmetic over several."""

    term: Term
    input: TensorType
    output: TensorType
    span: Span


class Scope(NamedTuple):
    """The layers of one block call or one iteration of a loop. It has no module of its own."""

    kind: Literal["block", "for", "repeat"]
    words: str | Callable[[], str]
    """The label, or a function that makes it when it is read."""
    block: str | None
    """The block's name, for a call."""
    arguments: Mapping[str, Any]
    """The parameters of the call, or the variables of the loop, with their values."""
    span: Span
    children: tuple[Node, ...]
    input: TensorType
    output: TensorType

    @property
    def label(self) -> str:
        """`basic(64, stride=2)` for a call, `width = 384` for an iteration of `for`, `2 of 3` for one of `repeat`."""
        return self.words if isinstance(self.words, str) else self.words()


class Sequential(NamedTuple):
    """A chain that is built as an `nn.Sequential`: the root, a named block, a branch, `sequential: [...]`."""

    path: str
    name: str | None
    children: tuple[Node, ...]
    span: Span
    input: TensorType
    output: TensorType
    block: str | None = None
    """The block's name, if the chain is a named block call."""
    arguments: Mapping[str, Any] = {}
    """The parameters of that call, with their values."""
    again: bool = False
    stand_in: str | None = None
    """As of a `Leaf`."""


class Combinator(NamedTuple):
    """Several branches that run on the same input (or on parts of it), and how their results are joined."""

    joining: Joining
    """The kind of combinator, with its options."""
    path: str
    name: str | None
    branches: tuple[tuple[str, Sequential], ...]
    """Path below `path` and chain of each branch, in the order in which they are registered and run: `("body", ...)`,
    `("shortcut", ...)`; `("branches.0", ...)`. An identity branch is a chain without children."""
    span: Span
    input: TensorType
    output: TensorType
    calls: tuple[Call, ...] = ()
    again: bool = False
    stand_in: str | None = None
    slices: Size = 1
    """As of a `Leaf`."""
    fits: bool = True
    """False where the branches do not fit together, which is reported; or where that is not known."""

    @property
    def constant_branches(self) -> tuple[int, ...]:
        """The branches that give constants, where what is joined is none."""
        if self.output.constant:
            return ()
        return tuple(i for i, (_, chain) in enumerate(self.branches) if chain.output.constant)

    def call(self, constant: tuple[int, ...]) -> TorchCall:
        """The torch call that joins the branches' modules, of which some give constants where others do not."""
        return self.joining.call_over_batch(constant) if constant else self.joining.call()

    @property
    def kind(self) -> str:
        """Its name in the spec language, `"residual"`."""
        return self.joining.word

    @property
    def macs(self) -> Size:
        """Multiply-accumulates of the join for one example, beside those of the layers in its branches; `UNKNOWN` where
        the branches do not fit together."""
        if not self.fits:
            return UNKNOWN
        times = 1 if self.output.constant else self.slices
        return counted(lambda: self.joining.macs([chain.output for _, chain in self.branches]) * times)

    @property
    def options(self) -> dict[str, Any]:
        """Its options as plain values; axes are counted without the batch axis.

        `dim` and `split` are always present (0 and None if the combinator has no such option), since the JSON format
        `netspec.net/2` and the comparison of runs on `--resume` have them for every combinator.
        """
        return {"dim": 0, "split": None} | self.joining.recorded()


Node = Leaf | Scope | Sequential | Combinator | As | Use
