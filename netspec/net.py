"""The checked network: a tree whose leaves know their shapes, their arguments and their cost.

`elaborate.py` makes it, everything else consumes it. Leaves are layers; a `Sequential` is a chain with a module path;
a `Combinator` joins branches; a `Scope` (a block call, one iteration of a loop) groups what came from one place of
the source and adds nothing to the module path. `net.layers` is the leaves in execution order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from netspec.diagnostics import Span, UsageError
from netspec.dims import Dim, Requirement, Shape, Size, counted, product
from netspec.layers.base import Layer, TensorType, TorchCall, sum_sizes

if TYPE_CHECKING:
    from netspec.combinators.base import Joining
    from netspec.recipe.resolved import Recipe


class Call(NamedTuple):
    """One step of the way from the spec's top level to a layer: the block that was called, and where."""

    block: str
    span: Span


class Initializer(NamedTuple):
    """One function of `torch.nn.init` with its keyword arguments, for one parameter name."""

    parameter: str
    function: str
    arguments: Mapping[str, Any]


class Leaf(NamedTuple):
    """One layer in its place. Shapes are of one example, without the batch axis."""

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

    @property
    def type(self) -> str:
        """The layer's name, `"Conv2d"`."""
        return type(self.layer).__name__

    @property
    def args(self) -> dict[str, Any]:
        """All constructor arguments in signature order, inferred ones included."""
        return self.layer.arguments(self.input)

    @property
    def call(self) -> TorchCall:
        """The torch call that makes the module."""
        return self.layer.call(self.input)

    @property
    def input_shape(self) -> Shape:
        """The shape that comes in."""
        return self.input.shape

    @property
    def output_shape(self) -> Shape:
        """The shape that goes out."""
        return self.output.shape

    @property
    def params(self) -> Size:
        """The number of parameters."""
        return counted(lambda: self.layer.params(self.input))

    @property
    def buffers(self) -> Size:
        """The number of elements of persistent buffers (running statistics)."""
        return counted(lambda: sum_sizes(map(product, self.layer.buffers(self.input).values())))

    @property
    def macs(self) -> Size:
        """Multiply-accumulates of one example's forward pass."""
        return counted(lambda: self.layer.macs(self.input))

    @property
    def family(self) -> str:
        """The layer's family, which gives it its colour."""
        return self.layer.family


def total(counts: Iterable[Size]) -> Size:
    """The sum of counts; unknown where its formula grows too long."""
    return counted(lambda: sum_sizes(counts))


class Scope(NamedTuple):
    """What one block call or one iteration stands for. It has no module of its own."""

    kind: Literal["block", "for", "repeat"]
    words: str | Callable[[], str]
    """The label, or what makes it when somebody reads it."""
    block: str | None
    """The block's name, for a call."""
    arguments: Mapping[str, Any]
    """The call's parameters, or the loop's names, with their values."""
    span: Span
    children: tuple[Node, ...]
    input: TensorType
    output: TensorType

    @property
    def label(self) -> str:
        """`basic(64, stride=2)` for a call, `width = 384` for one round of a `for`, `2 of 3` for one of a `repeat`."""
        return self.words if isinstance(self.words, str) else self.words()


class Sequential(NamedTuple):
    """A chain that is an `nn.Sequential` of its own: the root, a named block, a branch, `sequential: [...]`."""

    path: str
    name: str | None
    children: tuple[Node, ...]
    span: Span
    input: TensorType
    output: TensorType
    block: str | None = None
    """The block's name, where the chain is a named block call."""
    arguments: Mapping[str, Any] = {}
    """The call's parameters, where it is one."""


class Combinator(NamedTuple):
    """Several chains joined."""

    joining: Joining
    """What it is: how its branches join, with its options."""
    path: str
    name: str | None
    branches: tuple[tuple[str, Sequential], ...]
    """Key under `path` and chain, in the order in which they are registered and run: `("body", ...)`,
    `("shortcut", ...)`; `("branches.0", ...)`. An identity branch is a chain without children."""
    span: Span
    input: TensorType
    output: TensorType
    calls: tuple[Call, ...] = ()

    @property
    def kind(self) -> str:
        """Its word in the language, `"residual"`."""
        return self.joining.word

    @property
    def options(self) -> dict[str, Any]:
        """Its options as plain values; axes leave out the batch. `netspec.net/1` and the identity of runs have a `dim`
        and a `split` for every combinator, so those that lack them have 0 and None."""
        return {"dim": 0, "split": None} | self.joining.recorded()


Node = Leaf | Scope | Sequential | Combinator
T = TypeVar("T")


def children(node: Node) -> Sequence[Node]:
    """What stands directly below a node, in execution order: nothing below a layer, the branches of a combinator."""
    match node:
        case Leaf():
            return ()
        case Combinator():
            return [chain for _, chain in node.branches]
        case Scope() | Sequential():
            return node.children


def members(chain: Sequential | Scope) -> Iterator[Leaf | Sequential | Combinator]:
    """What has a module of its own in a chain: its children, with those of a scope in that scope's place."""
    for child in chain.children:
        if isinstance(child, Scope):
            yield from members(child)
        else:
            yield child


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it in execution order, each before what is inside of it.

    Iterative, as `folded`, since nets nest as deep as their authors like.
    """
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def leaves(node: Node) -> Iterator[Leaf]:
    """The layers below a node, in execution order."""
    return (found for found in walk(node) if isinstance(found, Leaf))


def folded(node: Node, combine: Callable[[Node, list[T]], T]) -> T:
    """What `combine` makes of a node and of what it made of the node's children."""
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


@dataclass(frozen=True, repr=False)
class Net:
    """A checked network. `netspec.load` gives one only if the spec has no errors."""

    name: str
    description: str
    source: str
    """The spec's file name, as typed."""
    variant: str | None
    input: TensorType
    root: Sequential
    recipe: Recipe | None = None
    """The checked `train:` recipe, if the spec has one."""
    conditions: tuple[Requirement, ...] = ()
    """What the symbols of the input must satisfy."""
    text: str = ""
    """The spec as written."""
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What `--set` changed."""
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The values of the spec's variables, those that are numbers or text."""

    def __repr__(self) -> str:
        shapes = " → ".join("×".join(map(str, shape)) for shape in (self.input_shape, self.output_shape))
        return f"<Net {self.name}: {shapes}, {len(self.layers)} layers, {self.params} parameters>"

    @cached_property
    def layers(self) -> tuple[Leaf, ...]:
        """The leaves in execution order."""
        return tuple(leaves(self.root))

    @property
    def output(self) -> TensorType:
        """Shape and dtype of one result."""
        return self.root.output

    @property
    def input_shape(self) -> Shape:
        """The shape of one example, without the batch axis."""
        return self.input.shape

    @property
    def output_shape(self) -> Shape:
        """The shape of one result, without the batch axis."""
        return self.root.output.shape

    @cached_property
    def params(self) -> Size:
        """The number of parameters."""
        return total(leaf.params for leaf in self.layers)

    @cached_property
    def trainable_params(self) -> Size:
        """The number of parameters that no `freeze` holds still."""
        return total(leaf.params for leaf in self.layers if not leaf.frozen)

    @cached_property
    def buffers(self) -> Size:
        """The number of elements of persistent buffers."""
        return total(leaf.buffers for leaf in self.layers)

    @cached_property
    def macs(self) -> Size:
        """Multiply-accumulates of one example's forward pass in eval mode (auxiliary heads do not run then)."""
        return total(leaf.macs for leaf in self.layers if leaf.path not in self.training_only)

    @property
    def flops(self) -> Size:
        """Floating-point operations of the layers that multiply: two for each multiply-accumulate."""
        return counted(lambda: self.macs * 2)

    @cached_property
    def training_only(self) -> frozenset[str]:
        """The paths of the layers that run in training alone: those of auxiliary heads."""
        heads = (node for node in walk(self.root) if isinstance(node, Combinator) and node.joining.training_only)
        return frozenset(leaf.path for head in heads for leaf in leaves(head))


def need_numbers(net: Net, purpose: str) -> None:
    """Require that every size is a number: tensors have no symbolic sizes.

    Raises:
        UsageError: the input has symbols; names them and how to give them numbers. `purpose` begins the sentence, as in
            "building `resnet18`".
    """
    formulas = (size for size in net.input.shape if isinstance(size, Dim))
    symbols = list(dict.fromkeys(symbol for formula in formulas for symbol in sorted(formula.symbols)))
    if not symbols:
        return
    sizes = " × ".join(map(str, net.input.shape))
    options = " ".join(f"--set {symbol}=224" for symbol in symbols)
    arguments = ", ".join(f'"{symbol}": 224' for symbol in symbols)
    raise UsageError(
        f"{purpose} needs numbers, but the input {sizes} has the symbol{'s' * (len(symbols) > 1)} "
        f"{', '.join(symbols)}: give {'them' if len(symbols) > 1 else 'it'} with `{options}`, in Python with "
        f"`netspec.load(..., set={{{arguments}}})`"
    )
