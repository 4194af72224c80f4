"""What a layer is: its torch arguments, its shape rule, what it costs, the torch call, and how it is explained.

A layer is one class. Its fields are the arguments of the torch class of the same name, in the order of torch's
signature, with torch's defaults; its docstring opens with the shape formula and one worked example; its methods are
written over sizes that may be numbers, symbols or unknown (`dims.py`). Everything else follows from the class: the
builder and the Python emitter make the torch call, the diagram takes its colour from the family, the reference page
and the conformance test read the examples.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal, NamedTuple

from netspec.arguments import Arguments
from netspec.diagnostics import Defect
from netspec.dims import Shape, Size, expect, need, product, same

DType = Literal["float32", "int64"]

Family = Literal[
    "convolution", "pooling", "normalization", "linear", "activation", "dropout", "shape", "padding", "embedding",
    "attention", "recurrent",
]  # fmt: skip


class TensorType(NamedTuple):
    """What flows between layers: the shape of one example without the batch axis, and the dtype."""

    shape: Shape
    dtype: DType = "float32"


NAMESPACES: Final = frozenset(
    {
        "torch.nn",
        "torchvision.ops",
        "torchvision.models.maxvit",
        "torchvision.models.swin_transformer",
        "netspec.torch.modules",
        "netspec.torch.extra",
        "netspec.torch.recurrent",
    }
)
"""Where the classes that layers call may live. Nothing that a spec says reaches this table."""


class TorchCall(NamedTuple):
    """The constructor call that makes the module: `target` is a class of `module`, `arguments` all its keywords in
    signature order, inferred ones included, device and dtype excepted."""

    target: str
    arguments: dict[str, Any]
    module: str = "torch.nn"

    @property
    def known_module(self) -> str:
        """The module, for whoever builds or writes the call.

        Raises:
            Defect: it is not in the closed table of namespaces.
        """
        if self.module not in NAMESPACES:
            raise Defect(f"a layer calls `{self.module}.{self.target}`, which is in no namespace that netspec knows")
        return self.module


class Saved(NamedTuple):
    """What autograd keeps from a forward pass in training until the backward pass, parameters excepted.

    Counts are elements of one example. Whether the input is some other layer's output, which is kept once, is for
    `cost.py` to find out.
    """

    input: bool = False
    """The input itself."""
    output: bool = False
    """The output itself."""
    extra: Size = 0
    """Elements of further tensors, in the precision that the layer computes with."""
    mask: Size = 0
    """Elements of dropout masks: a byte each on a GPU, as wide as the values on a CPU."""
    indices: Size = 0
    """Elements of int64 tensors."""
    statistics: Size = 0
    """float32 elements that do not grow with the batch."""
    cpu: Size = 0
    """Elements of tensors that only the kernels of the CPU keep."""


Autocast = Literal["low", "full", "same"]
"""What automatic mixed precision does: compute in 16 bits, in 32, or in whatever the input has."""


class Example(NamedTuple):
    """One use of a layer, executed by the tests against torch: the argument part of its YAML, and both shapes."""

    arguments: dict[str, Any]
    input: tuple[int, ...]
    output: tuple[int, ...]
    dtype: DType = "float32"


class Layer(Arguments):
    """Base of all layers.

    Subclasses set the class variables, define their arguments as fields, and implement `output`; those with
    parameters implement `parameters`, those that multiply implement `macs`.
    """

    family: ClassVar[Family]
    width: ClassVar[str | None] = None
    """The argument that follows from the input (`in_channels`), if there is one: omitted it is inferred, stated it is
    checked. Its field has the default None."""
    width_axis: ClassVar[int] = 0
    """The axis of the input, batch excluded, whose size that argument is."""
    sets_axis: ClassVar[int | None] = None
    """The axis of the output whose size this layer's own arguments decide, even if it stays the same: a later
    mismatch on that axis names this layer."""
    over_batch: ClassVar[bool] = False
    """True if in training each value depends on the other examples of the batch."""
    keeps_values: ClassVar[bool] = False
    """True if outside of training the values that come out are those that come in, in whatever shape."""
    autocast: ClassVar[Autocast] = "same"
    """What automatic mixed precision does with this layer."""
    examples: ClassVar[tuple[Example, ...]] = ()

    # ---- the rule

    def output(self, x: TensorType) -> TensorType:
        """The type of the result for an input of type `x`.

        Raises:
            Unmet: the layer cannot take this input; `need` raises it.
        """
        raise NotImplementedError

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        """Name and shape of every parameter, in `state_dict` order."""
        return {}

    def buffers(self, x: TensorType) -> dict[str, Shape]:
        """Name and shape of every persistent buffer, in `state_dict` order."""
        return {}

    def macs(self, x: TensorType) -> Size:
        """Multiply-accumulates of one example's forward pass; 0 for layers that do no products of matrices."""
        return 0

    def saved(self, x: TensorType) -> Saved:
        """What autograd keeps from the forward pass, measured on torch's own layers; the input, where nobody knows."""
        return Saved(input=True)

    def shares(self, x: TensorType) -> bool:
        """Whether the output lies in the input's memory: a view, or the input overwritten."""
        return False

    def derivation(self, x: TensorType, axis: int) -> str | None:
        """How the output size along `axis` came about, for messages: `256 × 5 × 5`. None where there is nothing to
        derive."""
        return None

    # ---- what follows from the fields

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
        """The torch call that builds this layer for an input of type `x`."""
        return TorchCall(type(self).__name__, self.arguments(x))

    # ---- for the rules

    def need_float(self, x: TensorType) -> None:
        """Require float32 values: a layer that computes cannot take indices."""
        if x.dtype == "float32":
            return
        need(
            False,
            lambda: f"`{type(self).__name__}` computes with float32 values, but its input is {x.dtype}",
            code="wrong-dtype",
            help="an `Embedding` in front of it turns integers into vectors",
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
        """The input's width, checked against the stated argument if it is stated."""
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
    """A number of axes in words: "1 axis", "3 axes"."""
    return f"{axes} {'axis' if axes == 1 else 'axes'}"


def shape_text(shape: Shape) -> str:
    """A shape in messages: `256 × 5 × 5`."""
    return " × ".join(str(size) for size in shape) or "a single value"


REQUIRED: Final = object()
"""What `torch_defaults` gives for an argument that always has to be passed."""


def torch_defaults(layer: Layer, call: TorchCall) -> dict[str, Any]:
    """The default that torch's constructor gives each argument of a layer's call, `REQUIRED` where it has none.

    Builder and emitter leave out what equals it. torchvision's constructors have defaults of their own: everything is
    passed to them.
    """
    if call.module.partition(".")[0] == "torchvision":
        return dict.fromkeys(call.arguments, REQUIRED)
    fields = {name: field for name, field in type(layer).model_fields.items() if name != layer.width}
    defaults = {name: REQUIRED if field.is_required() else field.default for name, field in fields.items()}
    return {name: defaults.get(name, REQUIRED) for name in call.arguments}


def sum_sizes(sizes: Any) -> Size:
    """The sum of sizes; 0 for none."""
    total: Size = 0
    for size in sizes:
        total = total + size
    return total
