"""The checked network: a tree of layers with shapes, arguments, parameter counts and costs.

`elaborate.py` builds it, all other modules read it. A `Leaf` is a layer; a `Sequential` is a chain with a module path;
a `Combinator` joins branches; a `Scope` (a block call, one iteration of a loop) groups nodes that come from one place
in the source, and has no module of its own. `net.layers` lists the leaves in execution order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

from netspec.diagnostics import Span, UsageError
from netspec.dims import Dim, Requirement, Shape, Size, counted, product
from netspec.layers.base import Layer, TensorType, TorchCall, sum_sizes

PARAMETRIZED: Final = "parametrizations."
"""What the keys begin with of all that stands in the place of a weight."""

if TYPE_CHECKING:
    from netspec.combinators.base import Joining
    from netspec.layers import Plugin
    from netspec.layers.parametrizations import Parametrization
    from netspec.recipe.resolved import Recipe


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
        """Multiply-accumulates of one example's forward pass."""
        times = 1 if self.output.constant else self.slices
        if self.inputs:
            return counted(lambda: self.layer.macs_of_all(self.input, self.input_types) * times)
        return counted(lambda: self.layer.macs(self.input) * times)

    @property
    def family(self) -> str:
        """The layer's family, `"convolution"`, which decides its colour in diagrams."""
        return self.layer.family


def total(counts: Iterable[Size]) -> Size:
    """The sum of counts; `UNKNOWN` if its formula exceeds the limits."""
    return counted(lambda: sum_sizes(counts))


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
        """Multiply-accumulates of the join for one example, beside those of the layers in its branches."""
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
T = TypeVar("T")


def module_key(node: Leaf | Sequential | Combinator) -> str:
    """The key of a node's module among the children of the chain that runs it."""
    return node.path.rpartition(".")[2] if node.stand_in is None else node.stand_in


def children(node: Node) -> Sequence[Node]:
    """The direct children of a node, in execution order: none for a layer, the branches for a combinator."""
    match node:
        case Leaf() | As() | Use():
            return ()
        case Combinator():
            return [chain for _, chain in node.branches]
        case Scope() | Sequential():
            return node.children


def members(chain: Sequential | Scope) -> Iterator[Leaf | Sequential | Combinator | As | Use]:
    """What a chain does, step by step: its children, with those of a scope in that scope's place."""
    for child in chain.children:
        if isinstance(child, Scope):
            yield from members(child)
        else:
            yield child


def walk(node: Node) -> Iterator[Node]:
    """Traverse a node and its descendants in pre-order, which is execution order.

    Iterative, as `folded`: the depth of a net must not be limited by Python's call stack.
    """
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def slots_named(node: Node) -> tuple[int, ...]:
    """The slots of the values that a node itself gives beside what flows on."""
    match node:
        case As():
            return (node.slot,)
        case Leaf():
            return tuple(result.slot for result in node.results) if node.results else ()
        case _:
            return ()


def reads(term: Term | None) -> Iterator[Read]:
    """The named values that a term reads, from left to right."""
    match term:
        case Read():
            yield term
        case Computed():
            yield from reads(term.left)
            yield from reads(term.right)
        case _:
            pass


def leaves(node: Node) -> Iterator[Leaf]:
    """The layers of a node, in execution order."""
    return (found for found in walk(node) if isinstance(found, Leaf))


def multiplying(node: Node) -> Iterator[Leaf | Combinator]:
    """What may multiply, of a node and all below it: layers and the joins of combinators."""
    return (found for found in walk(node) if isinstance(found, Leaf | Combinator))


def folded(node: Node, combine: Callable[[Node, list[T]], T]) -> T:
    """Fold the tree bottom-up: `combine(node, results of its children)`, for every node in post-order."""
    made: dict[int, T] = {}
    stack: list[tuple[Node, bool]] = [(node, False)]
    while stack:
        below, ready = stack.pop()
        inside = children(below)
        if not ready and inside:
            stack.append((below, True))
            stack.extend((child, False) for child in inside)
        else:
            made[id(below)] = combine(below, [made[id(child)] for child in inside])
    return made[id(node)]


class InputValue(NamedTuple):
    """One of the values that a network takes."""

    name: str | None
    """Its name, if the spec gives it one: the argument of `forward`."""
    type: TensorType
    slot: int | None = None
    """Under which it is kept; None where it has no name."""


class OutputValue(NamedTuple):
    """One of the values that a network gives."""

    name: str | None
    """Its field, if the network gives a named tuple."""
    types: tuple[TensorType, ...]
    """One type, or that of each member of a family."""
    slots: tuple[int, ...] = ()
    """Where they are kept; empty for what flows out at the end."""
    family: bool = False
    """Whether it is a tuple of tensors, in the order of the family's indices, and no tensor."""


@dataclass(frozen=True, repr=False)
class Net:
    """A checked network. `netspec.load` returns one only if the spec has no errors."""

    name: str
    description: str
    source: str
    """The spec's file name, as given."""
    variant: str | None
    input: TensorType
    root: Sequential
    recipe: Recipe | None = None
    """The checked `train:` recipe, if the spec has one."""
    conditions: tuple[Requirement, ...] = ()
    """The requirements on the symbols of the input."""
    text: str = ""
    """The text of the spec file."""
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What `--set` changed."""
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The values of the spec's variables, those that are numbers or text."""
    named_inputs: tuple[InputValue, ...] = ()
    """The inputs, where the spec names them; the first flows into the first layer."""
    named_outputs: tuple[OutputValue, ...] = ()
    """What the network gives, where `output` says it."""
    plugins: tuple[Plugin, ...] = ()
    """What its layers came from that are not netspec's own."""

    def __repr__(self) -> str:
        inputs = ", ".join(_brief(value.name, (value.type,)) for value in self.inputs)
        outputs = ", ".join(_brief(value.name, value.types) for value in self.outputs)
        return f"<Net {self.name}: {inputs} → {outputs}, {len(self.layers)} layers, {self.params} parameters>"

    @cached_property
    def layers(self) -> tuple[Leaf, ...]:
        """The leaves in execution order."""
        return tuple(leaves(self.root))

    @property
    def inputs(self) -> tuple[InputValue, ...]:
        """What the network takes, in the order of `forward`."""
        return self.named_inputs or (InputValue(None, self.input),)

    @property
    def outputs(self) -> tuple[OutputValue, ...]:
        """What the network gives: one value, or the fields of a named tuple."""
        return self.named_outputs or (OutputValue(None, (self.root.output,)),)

    @property
    def output(self) -> TensorType:
        """Shape and dtype of one result: the first, where there are several."""
        return self.outputs[0].types[0]

    @property
    def input_shape(self) -> Shape:
        """The input shape of one example, without the batch axis: of the first of several `inputs`."""
        return self.input.shape

    @property
    def output_shape(self) -> Shape:
        """The shape of one result, without the batch axis: the first of several `outputs`."""
        return self.output.shape

    @cached_property
    def params(self) -> Size:
        """The number of parameters."""
        return total(leaf.params for leaf in self.layers)

    @cached_property
    def trainable_params(self) -> Size:
        """The number of parameters that are not frozen."""
        return total(leaf.params for leaf in self.layers if not leaf.frozen)

    @cached_property
    def buffers(self) -> Size:
        """The number of elements of persistent buffers (running statistics)."""
        return total(leaf.buffers for leaf in self.layers)

    @cached_property
    def macs(self) -> Size:
        """Multiply-accumulates of one example's forward pass in eval mode, hence without auxiliary heads."""
        return total(node.macs for node in multiplying(self.root) if node.path not in self.training_only)

    @cached_property
    def constant_macs(self) -> Size:
        """Those of the multiply-accumulates that a whole batch does once: of what is computed of parameters and
        buffers alone."""
        found = (node for node in multiplying(self.root) if node.output.constant)
        return total(node.macs for node in found if node.path not in self.training_only)

    @property
    def flops(self) -> Size:
        """Floating-point operations, counted as two for each multiply-accumulate."""
        return counted(lambda: self.macs * 2)

    @cached_property
    def training_only(self) -> frozenset[str]:
        """The paths of the layers and combinators that run in training mode only: those of auxiliary heads."""
        heads = (node for node in walk(self.root) if isinstance(node, Combinator) and node.joining.training_only)
        return frozenset(node.path for head in heads for node in multiplying(head))


def routed(net: Net) -> frozenset[str]:
    """The paths of the layers and combinators that run on as many slices as values decide."""
    found: set[str] = set()
    for node in walk(net.root):
        if isinstance(node, Combinator) and node.joining.decides is not None:
            chains = (chain for key, chain in node.branches if key != node.joining.decides)
            found.update(inner.path for chain in chains for inner in multiplying(chain))
    return frozenset(found)


def _brief(name: str | None, types: Sequence[TensorType]) -> str:
    """A value in the least words: `3×32×32`, `mask 1×64×64`, `levels (8×4×4, 8×2×2)`."""
    shapes = ["×".join(map(str, type_.shape)) for type_ in types]
    text = shapes[0] if len(shapes) == 1 else f"({', '.join(shapes)})"
    return text if name is None else f"{name} {text}".rstrip()


def need_numbers(net: Net, purpose: str) -> None:
    """Require that the input has no symbols, for what needs concrete sizes.

    `purpose` begins the message, as in "building `resnet18`".

    Raises:
        UsageError: the input has symbols; the message names them and says how to set them.
    """
    formulas = (size for value in net.inputs for size in value.type.shape if isinstance(size, Dim))
    symbols = list(dict.fromkeys(symbol for formula in formulas for symbol in sorted(formula.symbols)))
    if not symbols:
        return
    sizes = " and ".join(" × ".join(map(str, value.type.shape)) for value in net.inputs)
    options = " ".join(f"--set {symbol}=224" for symbol in symbols)
    arguments = ", ".join(f'"{symbol}": 224' for symbol in symbols)
    raise UsageError(
        f"{purpose} needs numbers, but the input {sizes} has the symbol{'s' * (len(symbols) > 1)} "
        f"{', '.join(symbols)}: give {'them' if len(symbols) > 1 else 'it'} with `{options}`, in Python with "
        f"`netspec.load(..., set={{{arguments}}})`"
    )
