"""Free parameters and buffers: values that no example changes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, cast

from pydantic import model_validator

from netspec.arguments import COUNT, REAL, Count, Positive, invalid
from netspec.dims import UNKNOWN, Dim, Shape, Size, product
from netspec.kinds import LARGEST_FLOAT, FieldKind, several
from netspec.layers.base import ConstantType, DType, Example, Family, Layer, Saved, TensorType, TorchCall

Number = bool | int | float
Numbers = Number | tuple["Numbers", ...]

_OWN: Final = "netspec.torch.extra"
_WIDTHS: Final[dict[DType, int]] = {"float32": 4, "int64": 8, "bool": 1}


_SIZES: Final = several(COUNT, "a list of sizes, each an integer of at least 1", least=0, most=64, single=COUNT)


def _shape(value: object) -> tuple[int, ...]:
    sizes = cast("tuple[object, ...]", value if isinstance(value, tuple) else (value,))
    open_ = next((size for size in sizes if isinstance(size, Dim) and size is not UNKNOWN), None)
    if open_ is not None:
        names = " and ".join(f"`--set {name}=…`" for name in sorted(open_.symbols))
        raise invalid(
            f"wants sizes that are known when the network is built, not {open_}, which the input decides: "
            f"write a number, or give {names}"
        )
    return tuple(map(COUNT.check, cast("tuple[object, ...]", _SIZES.check(sizes))))


_SHAPE: Final = FieldKind(_SIZES.wish, _SIZES.schema, phrase="a list of sizes, or one", make=_shape)


def _shape_of(value: Numbers) -> tuple[int, ...]:
    """The shape of nested lists of numbers.

    Raises:
        PydanticCustomError: they are no tensor.
    """
    if not isinstance(value, tuple):
        if isinstance(value, bool) or (type(value) in (int, float) and abs(value) <= LARGEST_FLOAT):
            return ()
        raise invalid("wants a number, or lists of numbers")
    if not value:
        raise invalid("wants at least one number in each list")
    if set(map(type, value)) == {int}:  # a row of a matrix, as a whole
        row = cast("tuple[int, ...]", value)
        if min(row) >= -LARGEST_FLOAT and max(row) <= LARGEST_FLOAT:
            return (len(row),)
    shapes = [_shape_of(item) for item in value]
    other = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), None)
    if other is not None:
        first, second = ("a number" if not s else f"a list of {s[0]}" for s in (shapes[0], shapes[other]))
        if first == second:
            first, second = (" × ".join(map(str, s)) for s in (shapes[0], shapes[other]))
        raise invalid(f"wants lists of one length beside each other: item 0 is {first}, item {other} is {second}")
    return (len(value), *shapes[0])


def _numbers(value: object) -> Numbers:
    found = cast("Numbers", value)
    _shape_of(found)
    return found


_VALUE: Final = FieldKind(
    "a number, or lists of numbers",
    {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "array", "minItems": 1, "items": {}}]},
    make=_numbers,
    unlike="no number",
)


class _Source(Layer):
    """What reads no value."""

    family: ClassVar[Family] = "embedding"
    source: ClassVar[bool] = True
    takes_list: ClassVar[bool] = True

    def saved(self, x: TensorType) -> Saved:
        return Saved()


class Parameter(_Source):
    """Nothing → shape: a learned tensor, the same for every example, in the place of the value that stands here.

    `Parameter: [100, 256]` gives 100 × 256: a hundred learned queries of 256 features. It begins normally distributed
    with a standard deviation of 0.02; `init` beside it says another way. Joins broadcast it over the batch, `concat`
    and outputs repeat it for each example.

    Parameters: the product of the sizes.
    """

    scalar: ClassVar[str | None] = "shape"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shape": (100, 256)}, (4,), (100, 256)),
        Example({"shape": ()}, (4,), ()),
    )

    shape: Annotated[tuple[int, ...], _SHAPE]

    def output(self, x: TensorType) -> TensorType:
        return ConstantType(self.shape)

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": self.shape}

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Parameter", {"shape": self.shape}, _OWN)


class Buffer(_Source):
    """Nothing → the shape of the numbers: a tensor of them, which is not learned, in the place of the value that stands
    here.

    `Buffer: [0, 1, 2, 3]` gives 4 numbers, `Buffer: range(512)` 512 positions, `Buffer:
    "[10000 ** (-i / 64) for i in range(64)]"` 64 frequencies, and lists of lists a matrix. `dtype` is that of the
    tensor, whatever the numbers are written as. With `persistent: false` it is not in the `state_dict`, so that weights
    of another model need not have it. Joins broadcast it over the batch, `concat` and outputs repeat it for each
    example.

    Buffers: the numbers, in `value`, if it is persistent.
    """

    scalar: ClassVar[str | None] = "value"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"value": (0, 1, 2, 3)}, (4,), (4,)),
        Example({"value": ((1, 0), (0, 1), (1, 1))}, (4,), (3, 2)),
    )

    value: Annotated[Numbers, _VALUE]
    dtype: DType = "float32"
    persistent: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Buffer:
        numbers = _flat(self.value) if self.dtype in ("int64", "bool") else []
        if self.dtype == "int64" and not {int}.issuperset(map(type, numbers)):
            number = next(number for number in numbers if type(number) is not int)
            raise invalid(f"`dtype: int64` wants integers in `value`, not {number}")
        if self.dtype == "bool" and not {0, 1}.issuperset(numbers):
            number = next(number for number in numbers if number not in (0, 1))
            raise invalid(f"`dtype: bool` wants truth values in `value`, or 0 and 1, not {number}")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the numbers."""
        sizes: list[int] = []
        found = self.value
        while isinstance(found, tuple):
            sizes.append(len(found))
            found = found[0]
        return tuple(sizes)

    def output(self, x: TensorType) -> TensorType:
        return ConstantType(self.shape, self.dtype)

    def buffers(self, x: TensorType) -> dict[str, Shape]:
        return {"value": self.shape} if self.persistent else {}

    def buffer_bytes(self, x: TensorType) -> Size:
        return _WIDTHS[self.dtype] * product(self.shape)

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Buffer", self.arguments(x), _OWN)


_POSITIONS: Final = several(REAL, "a list of numbers, such as range(512)", "a list of numbers")


class Sinusoids(_Source):
    """Nothing → (positions, embed_dim): sines and cosines of the positions, at frequencies that fall from 1 to nearly
    1 / base, in the place of the value that stands here.

    `Sinusoids: {positions: range(512), embed_dim: 768}` gives 512 × 768, which `add` adds to a sequence; from 63 to −63
    they are distances: `range(63, -64, -1)`. The angles of a position p are p · base^(−i / n), i from 0 to n − 1, where
    n is half of embed_dim; with `endpoint: true` it is p · base^(−i / (n − 1)), which ends at 1 / base. In the layout
    `interleaved` a sine is followed by its cosine, in `half` all sines are followed by all cosines. Computed with 64
    bits and rounded once. With `persistent: false` the table is not in the `state_dict`. Source: Vaswani et al. 2017,
    "Attention Is All You Need", section 3.5; `half` with `endpoint` is what tensor2tensor and Whisper have.

    Buffers: positions · embed_dim, in `value`, if it is persistent.
    """

    scalar: ClassVar[str | None] = "positions"
    takes_list: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"positions": (0, 1, 2, 3), "embed_dim": 8}, (4,), (4, 8)),
        Example({"positions": (1, 0, -1), "embed_dim": 4, "layout": "half", "endpoint": True}, (4,), (3, 4)),
    )

    positions: Annotated[tuple[float, ...], _POSITIONS]
    embed_dim: Count
    base: Positive = 10000.0
    layout: Literal["interleaved", "half"] = "interleaved"
    endpoint: bool = False
    persistent: bool = True

    @model_validator(mode="after")
    def _pairs(self) -> Sinusoids:
        if self.embed_dim % 2:
            raise invalid(f"`embed_dim: {self.embed_dim}` is odd, but each sine has its cosine")
        if self.endpoint and self.embed_dim == 2:
            raise invalid("`endpoint` wants at least two frequencies, but `embed_dim: 2` has one")
        return self

    def output(self, x: TensorType) -> TensorType:
        return ConstantType((len(self.positions), self.embed_dim))

    def buffers(self, x: TensorType) -> dict[str, Shape]:
        return {"value": (len(self.positions), self.embed_dim)} if self.persistent else {}

    def buffer_bytes(self, x: TensorType) -> Size:
        return 4 * len(self.positions) * self.embed_dim

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Sinusoids", self.arguments(x), "netspec.torch.units")


class RelativePositionBias(_Source):
    """Nothing → (num_heads, query_length, key_length): T5's learned number for each head and distance from query to
    key, which is the `bias` of an `attend` or a `SelfAttention`, or of many.

    `RelativePositionBias: {num_heads: 8, query_length: 512}` gives 8 × 512 × 512; key_length is query_length if left
    out. Distances share num_buckets numbers: in each direction the first half of them holds one distance each, the rest
    grow by equal factors up to max_distance, and the last holds all that are farther. With `bidirectional: false`, for
    `is_causal: true`, all buckets are for keys in front of the query. It begins normally distributed with a standard
    deviation of 0.02; `init` beside it says another way. Source: Raffel et al. 2020, section 2.1.

    Parameters: num_buckets · num_heads.
    """

    computed: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"num_heads": 8, "query_length": 40}, (4,), (8, 40, 40)),
        Example(
            {
                "num_heads": 2, "query_length": 5, "key_length": 9, "num_buckets": 5, "max_distance": 6,
                "bidirectional": False,
            },
            (4,), (2, 5, 9),
        ),
    )  # fmt: skip

    num_heads: Count
    query_length: Count
    key_length: Count | None = None
    num_buckets: Count = 32
    max_distance: Count = 128
    bidirectional: bool = True

    @model_validator(mode="after")
    def _distances_have_buckets(self) -> RelativePositionBias:
        least = 4 if self.bidirectional else 2
        if self.num_buckets < least or (self.bidirectional and self.num_buckets % 2):
            even = "an even number of " if self.bidirectional else ""
            raise invalid(f"`num_buckets: {self.num_buckets}`, but it takes {even}at least {least}")
        exact = self.num_buckets // least
        if self.max_distance <= exact:
            raise invalid(
                f"`max_distance: {self.max_distance}` is none of the distances that share buckets: those up to {exact} "
                f"have one each of the {self.num_buckets}"
            )
        return self

    def output(self, x: TensorType) -> TensorType:
        return ConstantType((self.num_heads, self.query_length, self.key_length or self.query_length))

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (self.num_buckets, self.num_heads)}

    def buffer_bytes(self, x: TensorType) -> Size:
        return 8 * self.query_length * (self.key_length or self.query_length)

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("RelativePositionBias", self.arguments(x), "netspec.torch.units")


def _flat(value: Numbers) -> list[Number]:
    """The numbers of nested lists."""
    if not isinstance(value, tuple):
        return [value]
    if tuple not in set(map(type, value)):  # a row of a matrix, as a whole
        return list(cast("tuple[Number, ...]", value))
    return [number for item in value for number in _flat(item)]
