"""A checked network as a whole: its layers in execution order, what it takes and gives, its counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from netspec.diagnostics import UsageError
from netspec.dims import Dim, Requirement, Shape, Size, counted
from netspec.layers.base import TensorType, sum_sizes
from netspec.net.nodes import Combinator, Leaf, Sequential
from netspec.net.walks import leaves, multiplying, walk

if TYPE_CHECKING:
    from netspec.layers import Plugin
    from netspec.recipe.resolved import Recipe


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
    """A checked network. `netspec.load` returns one only if the spec has no errors.

    >>> net = netspec.load("specs/lenet.yaml")
    >>> net.params, net.macs
    (61706, 416520)
    >>> [layer.type for layer in net.layers][:3]
    ['Conv2d', 'Sigmoid', 'AvgPool2d']
    >>> net.layers[0].path, net.layers[0].output_shape
    ('0', (6, 28, 28))
    """

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
        layers = f"{len(self.layers)} layer{'s' if len(self.layers) != 1 else ''}"
        return f"<Net {self.name}: {inputs} → {outputs}, {layers}, {self.params} parameters>"

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


def total(counts: Iterable[Size]) -> Size:
    """The sum of counts; `UNKNOWN` if its formula exceeds the limits."""
    return counted(lambda: sum_sizes(counts))


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


def need_net(value: object, function: str) -> None:
    """Require a net, of callers without a type checker.

    Raises:
        TypeError: it is something else; the message says what makes a net of it.
    """
    if isinstance(value, Net):
        return
    text = repr(value)
    shown = text if len(text) <= 60 else f"{text[:57]}…"
    if isinstance(value, (str, PurePath)):
        way = f"`netspec.load({str(value)[:60]!r})`"
    elif hasattr(value, "state_dict"):
        way = "`netspec.from_torch(module, example).net`"
    else:
        way = "`netspec.load(path)`"
    raise TypeError(f"netspec.{function} wants a net, as {way} gives one, not {shown.partition(chr(10))[0]}")


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
