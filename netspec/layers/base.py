"""The base class of the layers: torch arguments, shape rule, cost, torch call, and documentation.

A layer is one class. Its fields are the arguments of the torch class of the same name, in the order of torch's
signature, with torch's defaults. Its docstring begins with the shape formula and a worked example. Its methods compute
with sizes that may be numbers, symbols or unknown (`dims.py`). All other modules read the class: builder and Python
emitter its torch call, the diagram its family for the colour, the reference page and the conformance test its examples.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, NamedTuple

from netspec.arguments import Arguments
from netspec.diagnostics import Defect
from netspec.dims import Shape, Size, expect, need, product, same

DType = Literal["float32", "int64", "bool"]

Family = Literal[
    "convolution", "pooling", "normalization", "linear", "activation", "dropout", "shape", "padding", "embedding",
    "attention", "recurrent",
]  # fmt: skip


Values = Literal["a probability each", "probabilities", "log-probabilities", "nothing negative"]
"""What the values of a tensor are if not scores: one probability each, probabilities of classes along an axis, or
numbers of which none is below 0."""


class TensorType(NamedTuple):
    """The type of a tensor between layers: the shape of one example, without the batch axis, and the dtype."""

    shape: Shape
    dtype: DType = "float32"

    @property
    def constant(self) -> bool:
        """Whether it is computed of parameters and buffers alone: one tensor for all examples, with a batch axis of
        1."""
        return False

    def said_constant(self, constant: bool) -> TensorType:
        """The same type, of a constant or of one tensor for each example."""
        if self.constant is constant:
            return self
        return ConstantType(*self) if constant else TensorType(*self)


class ConstantType(TensorType):
    """The type of a tensor that is computed of parameters and buffers alone."""

    __slots__ = ()

    @property
    def constant(self) -> bool:
        """True."""
        return True


NAMESPACES: Final = frozenset(
    {
        "torch.nn",
        "torchvision.ops",
        "torchvision.models.maxvit",
        "torchvision.models.swin_transformer",
        "netspec.torch.modules",
        "netspec.torch.extra",
        "netspec.torch.moves",
        "netspec.torch.units",
        "netspec.torch.attention",
        "netspec.torch.comparing",
        "netspec.torch.choosing",
        "netspec.torch.recurrent",
    }
)
"""The modules whose classes netspec's own layers construct. A spec cannot add to them; a plugin's layer, which is code,
names its own."""


class TorchCall(NamedTuple):
    """A constructor call of a torch module: `target` is a class of `module`, `arguments` are all keyword arguments in
    signature order, inferred ones included, without device and dtype."""

    target: str
    arguments: dict[str, Any]
    module: str = "torch.nn"

    def known_module(self, of: Layer | None = None) -> str:
        """The name of the module, after a check, for importing it or writing the import.

        Args:
            of: the layer whose call it is; None for a combinator's.

        Raises:
            Defect: it is not in `NAMESPACES`, and the layer is no plugin's.
        """
        if self.module not in NAMESPACES and (of is None or not of.is_foreign()):
            raise Defect(f"a layer calls `{self.module}.{self.target}`, which is in no namespace that netspec knows")
        return self.module


class Saved(NamedTuple):
    """The tensors that autograd saves in a forward pass for the backward pass, without parameters.

    Counts are elements per example. `cost.py` recognises an input that is also the output of another layer, which is
    saved once.
    """

    input: bool = False
    """The input itself."""
    output: bool = False
    """The output itself."""
    extra: Size = 0
    """Elements of other tensors, in the precision that the layer computes in."""
    mask: Size = 0
    """Elements of dropout masks: one byte each on a GPU, as wide as the values on a CPU."""
    indices: Size = 0
    """Elements of int64 tensors."""
    statistics: Size = 0
    """float32 elements whose number does not depend on the batch size."""
    cpu: Size = 0
    """Elements of tensors that only the CPU kernels save."""
    others: tuple[str, ...] = ()
    """The further tensors that are saved as they are given, by name."""


Autocast = Literal["low", "full", "same"]
"""The precision of a layer under autocast: 16 bits, 32 bits, or that of its input."""


class Example(NamedTuple):
    """An example of a layer: arguments as in YAML, input and output shape without the batch axis. The tests run it."""

    arguments: dict[str, Any]
    input: tuple[int, ...]
    output: tuple[int, ...]
    """That of the first result, where there are several."""
    dtype: DType = "float32"
    others: Mapping[str, tuple[int, ...]] = {}
    """The shapes of the further tensors that it is given."""
    others_dtype: DType | Mapping[str, DType] = "float32"
    """That of the further tensors, of all or of each."""
    gives_dtype: DType | None = None
    """That of the results, where it is not that of the input."""

    @property
    def further(self) -> dict[str, tuple[TensorType, ...]]:
        """The types of the further tensors that it is given, by their names."""
        all_ = self.others_dtype
        return {n: (TensorType(s, all_ if isinstance(all_, str) else all_[n]),) for n, s in self.others.items()}


_IN_FLOATS: Final = {
    "int64": "an `Embedding` in front of it turns integers into vectors",
    "bool": "`use: m * 1.0` makes numbers of the truth values `m`",
}


class Layer(Arguments):
    """The base class of all layers.

    Subclasses set the class variables, define their arguments as fields, and implement `output`; those with parameters
    implement `parameters`, and those with matrix products `macs`.
    """

    family: ClassVar[Family]
    width: ClassVar[str | None] = None
    """The argument that follows from the input (`in_channels`), if there is one: it is inferred if omitted, and checked
    if given. Its field has the default None."""
    width_axis: ClassVar[int] = 0
    """The axis of the input, batch excluded, whose size is that argument."""
    sets_axis: ClassVar[int | None] = None
    """The axis of the output whose size is determined by the layer's own arguments, even if it is not changed; a later
    mismatch on that axis names this layer."""
    over_batch: ClassVar[bool] = False
    """True if in train mode the output of an example depends on the other examples of the batch."""
    keeps_values: ClassVar[bool] = False
    """True if in eval mode the output has the values of the input, perhaps in another shape."""
    gives: ClassVar[Values | None] = None
    """What the values of the output are; None for scores, or for anything."""
    by_position: ClassVar[bool] = False
    """True if it multiplies along the last axis alone, at each position of the others: as the last layer of a
    classifier it needs an input of one axis."""
    outputs_axis: ClassVar[int] = 0
    """The axis of its `weight` that counts its outputs."""
    is_matrix: ClassVar[bool] = False
    """True if it multiplies its input by one matrix, of which a convolution is a kind, and adds at most a bias: two of
    one family with nothing between are one."""
    centres: ClassVar[bool] = False
    """True if it takes the mean of each channel off, and with it a bias in front."""
    autocast: ClassVar[Autocast] = "same"
    """The precision of the layer under autocast."""
    tensors: ClassVar[tuple[str, ...]] = ()
    """The tensors that it may be given beside its input, by the names that they have in torch's `forward`, in the order
    in which its module takes them. One may have the name of an argument: it is meant where a value is given."""
    newer: ClassVar[tuple[str, ...]] = ()
    """Arguments that earlier versions had not: at their defaults they leave a run the same."""
    broadcast: ClassVar[tuple[str, ...]] = ()
    """Those of `tensors` that its module takes with a batch axis of 1 for all examples, as constants have it."""
    several: ClassVar[bool] = False
    """True if it is given further tensors or gives several results: then `results` is its rule."""
    several_if_asked: ClassVar[bool] = False
    """True if it does so only where an item names several results or gives one of `tensors`; `call_of_all` then is the
    module."""
    more_results: ClassVar[str | None] = None
    """What the help of a message says of getting more results, where an item names more than there are."""
    logarithm: ClassVar[str | None] = None
    """The layer that gives the logarithms of what it gives."""
    gives_family: ClassVar[bool] = False
    """True if its results are the parts of one thing, a family; else the first flows on and the others get names."""
    source: ClassVar[bool] = False
    """True if it reads no value: what it gives takes the place of the one that stands there."""
    computed: ClassVar[bool] = False
    """Of such a layer, whether it computes what it gives; else that is its parameter or buffer itself."""
    kept_as: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Where its module keeps arguments, for an import, if not as attributes of their names: pairs of an argument and a
    path, `drop.p` or `weight.shape.0`."""
    examples: ClassVar[tuple[Example, ...]] = ()

    # ---- the rule

    def output(self, x: TensorType) -> TensorType:
        """The type of the output for an input of type `x`.

        Raises:
            Unmet: the layer does not accept this input; raised by `need`.
        """
        raise NotImplementedError

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        """The types of all results for an input of type `x` and those of `tensors` that are given.

        Raises:
            Unmet: the layer does not accept them.
        """
        return (self.output(x),)

    @property
    def integers(self) -> int | None:
        """How many integers it tells apart, from 0 on; None where it takes no integers, or any."""
        return None

    def places(self, x: TensorType) -> Size | None:
        """How many places it may be told to take, from 0 on; None where no input says which."""
        return None

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        """Name and shape of every parameter, in the order of the state dict."""
        return {}

    def buffers(self, x: TensorType) -> dict[str, Shape]:
        """Name and shape of every persistent buffer, in the order of the state dict."""
        return {}

    def buffer_bytes(self, x: TensorType) -> Size:
        """Bytes of all buffers, also of those that are not in the state dict."""
        return 4 * sum_sizes(product(shape) for shape in self.buffers(x).values())

    def macs(self, x: TensorType) -> Size:
        """Multiply-accumulates of one example's forward pass; 0 for layers without matrix products."""
        return 0

    def saved(self, x: TensorType) -> Saved:
        """The tensors that autograd saves, as measured by the tests on torch's layer. By default, the input."""
        return Saved(input=True)

    def macs_of_all(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> Size:
        """As `macs`, where those of `tensors` are given."""
        return self.macs(x)

    def saved_of_all(
        self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]], learned: Collection[str] = ()
    ) -> Saved:
        """As `saved`, where those of `tensors` are given; gradients flow back to those named in `learned`."""
        return self.saved(x)

    def shares(self, x: TensorType) -> bool:
        """Whether the output shares the memory of the input: a view, or the input modified in place."""
        return False

    def sliding(self) -> Sequence[tuple[int, int, int, int]]:
        """Kernel, stride, padding in front and dilation of the window along each spatial axis; empty where none
        slides."""
        return ()

    def spreads(self) -> float:
        """By how much more the values of the output vary in train mode than in eval mode, as a factor of the variance
        of values around 0."""
        return 1.0

    def derivation(self, x: TensorType, axis: int) -> str | None:
        """The calculation of the output size along `axis`, for messages: `256 × 5 × 5`. None if there is none."""
        return None

    # ---- derived from the fields

    def params(self, x: TensorType) -> Size:
        """The number of parameters."""
        return sum_sizes(product(shape) for shape in self.parameters(x).values())

    def inferred(self, x: TensorType) -> dict[str, Any]:
        """The arguments that follow from the input, with their values."""
        return {} if self.width is None else {self.width: x.shape[self.width_axis]}

    def arguments(self, x: TensorType) -> dict[str, Any]:
        """All constructor arguments in signature order, inferred ones included."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return values | self.inferred(x)

    def call(self, x: TensorType) -> TorchCall:
        """The torch call that constructs this layer for an input of type `x`."""
        return TorchCall(type(self).__name__, self.arguments(x))

    def call_of_all(self, x: TensorType) -> TorchCall:
        """The torch call that constructs this layer where it is given further tensors or gives several results."""
        return self.call(x)

    # ---- for the rules

    def need_float(self, x: TensorType) -> None:
        """Require a float32 input: a layer that computes does not accept int64 indices."""
        if x.dtype == "float32":
            return
        need(
            False,
            lambda: f"`{type(self).__name__}` computes with float32 values, but its input is {x.dtype}",
            code="wrong-dtype",
            help=_IN_FLOATS.get(x.dtype),
        )

    def need_rank(self, x: TensorType, rank: int, axes: str) -> None:
        """Require an input of exactly this rank, batch excluded. `axes` names them: "(channels, height, width)"."""
        if len(x.shape) == rank:
            return
        need(
            False,
            lambda: f"`{type(self).__name__}` wants {counted(rank)} {axes}, but {{given}}, which has {len(x.shape)}",
            code="wrong-rank",
            axis="every",
        )

    def need_rank_from(self, x: TensorType, rank: int, axes: str) -> None:
        """Require an input of at least this rank, batch excluded."""
        if len(x.shape) >= rank:
            return
        need(
            False,
            lambda: (
                f"`{type(self).__name__}` wants at least {counted(rank)} {axes}, "
                f"but {{given}}, which has {len(x.shape)}"
            ),
            code="wrong-rank",
            axis="every",
        )

    def check_width(self, x: TensorType) -> Size:
        """The size of the input along `width_axis`, after checking the argument `width` against it if it is given."""
        size = x.shape[self.width_axis]
        name = self.width
        stated: int | None = None if name is None else getattr(self, name)
        if stated is not None and stated != size:
            expect(
                same(size, stated),
                lambda: f"`{name}: {stated}`, but {{given}}",
                at=name,
                axis=self.width_axis,
                value=size,
                help=f"write `{name}: {size}`, or leave it out: it follows from the input",
            )
        return size


def counted(axes: int) -> str:
    """A number of axes with the noun: "1 axis", "3 axes"."""
    return f"{axes} {'axis' if axes == 1 else 'axes'}"


def shape_text(shape: Shape) -> str:
    """A shape for messages: `256 × 5 × 5`."""
    return " × ".join(str(size) for size in shape) or "a single value"


def sum_sizes(sizes: Any) -> Size:
    """The sum of sizes; 0 for none."""
    total: Size = 0
    for size in sizes:
        total = total + size
    return total
