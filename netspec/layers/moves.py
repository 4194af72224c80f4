"""Layers that move values along axes, or blank a triangle out. Their dims count the batch axis as 0, as torch's do."""

from __future__ import annotations

from typing import Annotated, Final, cast

from netspec.arguments import INTEGER, Integer, Integers, invalid, spread
from netspec.dims import Size, need, product
from netspec.kinds import FieldKind
from netspec.layers.base import Example, Layer, Saved, TensorType, TorchCall
from netspec.layers.shape import axis_of

_OWN = "netspec.torch.moves"


class Roll(Layer):
    """(*) → (*): values moved along dims, those pushed out at one end put in at the other, as `torch.roll`.

    `Roll: {shifts: [-3, -3], dims: [1, 2]}` on 56 × 56 × 96 moves an image by three pixels up and left, as a shifted
    window does. Shifts and dims are integers, or lists with one shift for each dim; the dims count the batch axis,
    which is 0.
    """

    family = "shape"
    keeps_values = True
    examples = (
        Example({"shifts": (-3, -3), "dims": (1, 2)}, (56, 56, 96), (56, 56, 96)),
        Example({"shifts": 1, "dims": -1}, (12,), (12,), "int64"),
    )

    shifts: Integers
    dims: Integers

    def output(self, x: TensorType) -> TensorType:
        shifts, dims = spread(self.shifts, 1), spread(self.dims, 1)
        need(
            len(shifts) == len(dims),
            lambda: f"`shifts` has one for each of the `dims`, but there are {len(shifts)} and {len(dims)}",
            code="invalid-argument",
            at="shifts",
        )
        for dim in dims:
            axis_of(x, dim, "dims")
        return x

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Roll", self.arguments(x), _OWN)


Places = tuple["int | Places", ...]


def _shape_of(places: Places) -> tuple[int, ...]:
    """The shape of nested lists of places.

    Raises:
        PydanticCustomError: something in them is no place, or there are none, or their lengths differ.
    """
    if set(map(type, places)) == {int}:  # a row, as a whole
        return (len(places),)
    shapes = {_shape_of(place) if isinstance(place, tuple) else _of_one(place) for place in places}
    if len(shapes) != 1:
        raise invalid("wants lists of one length beside each other" if shapes else "wants at least one place")
    return (len(places), *shapes.pop())


def _of_one(place: int) -> tuple[int, ...]:
    INTEGER.check(place)
    return ()


def _places(value: object) -> Places:
    places: Places = cast("Places", value) if isinstance(value, tuple) else (cast("int", value),)
    _shape_of(places)
    return places


_PLACES: Final = FieldKind(
    "a list of places, which count from 0, or lists of them",
    {"anyOf": [{"type": "integer"}, {"type": "array", "minItems": 1, "items": {}}]},
    make=_places,
    unlike="no place",
)


class IndexSelect(Layer):
    """(*, n, *) → (*, *index, *): the places of an axis that `index` names, in its order, as often as it names them.

    `IndexSelect: {dim: 1, index: [2, 1, 0]}` on 3 × 32 × 32 turns the order of the colours, as `torch.index_select`.
    Lists of lists make several axes of one: with `{dim: 2, index: "[[abs(a - b) for b in range(49)] for a in
    range(49)]"}` a `Parameter: [8, 49]` becomes a bias of 8 × 49 × 49 for the distances of places. The dim counts the
    batch axis, which is 0; places count from 0.
    """

    family = "shape"
    examples = (
        Example({"dim": 1, "index": (2, 1, 0)}, (3, 32, 32), (3, 32, 32)),
        Example({"dim": -1, "index": ((0, 1, 2), (1, 0, 1))}, (8, 3), (8, 2, 3)),
        Example({"dim": 1, "index": (4, 4)}, (5,), (2,), "int64"),
    )

    dim: Integer
    index: Annotated[Places, _PLACES]

    def output(self, x: TensorType) -> TensorType:
        axis = axis_of(x, self.dim, "dim")
        least, most = _ends(self.index)
        need(
            least >= 0,
            lambda: f"`index` begins at {least}, but the slices are counted from 0",
            code="invalid-argument",
            at="index",
        )
        need(
            x.shape[axis] > most,
            lambda: f"`index` goes up to {most}, which lies outside the axis: {{given}}",
            at="index",
            axis=axis,
        )
        return TensorType((*x.shape[:axis], *_shape_of(self.index), *x.shape[axis + 1 :]), x.dtype)

    def buffer_bytes(self, x: TensorType) -> Size:
        return 8 * product(_shape_of(self.index))

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("IndexSelect", self.arguments(x), _OWN)


def _ends(places: Places) -> tuple[int, int]:
    """The least and the largest of places."""
    ends = [(place, place) if isinstance(place, int) else _ends(place) for place in places]
    return min(least for least, _ in ends), max(most for _, most in ends)


class _Triangle(Layer):
    """Base of the layers that keep one triangle of the last two axes."""

    family = "shape"
    scalar = "diagonal"

    diagonal: Integer = 0

    def output(self, x: TensorType) -> TensorType:
        self.need_rank_from(x, 2, "(…, rows, columns)")
        return x

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall(type(self).__name__, self.arguments(x), _OWN)


class Tril(_Triangle):
    """(*, n, m) → (*, n, m): 0 above a diagonal of the last two axes, as `torch.tril`: column j of row i stays where
    j ≤ i + diagonal.

    `Tril` on 8 × 64 × 64 keeps what each of 64 places says of itself and those before it. `diagonal: -1` takes the main
    diagonal away too. Truth values become false.
    """

    examples = (
        Example({}, (8, 64, 64), (8, 64, 64)),
        Example({"diagonal": -1}, (3, 5), (3, 5)),
        Example({"diagonal": 2}, (5, 5), (5, 5), "bool"),
    )


class Triu(_Triangle):
    """(*, n, m) → (*, n, m): 0 below a diagonal of the last two axes, as `torch.triu`: column j of row i stays where
    j ≥ i + diagonal.

    `Triu: 1` on 26 × 26 products of pairs keeps each pair once: those behind the main diagonal. Truth values become
    false.
    """

    examples = (
        Example({"diagonal": 1}, (26, 26), (26, 26)),
        Example({}, (2, 3, 5), (2, 3, 5)),
        Example({"diagonal": -2}, (5, 5), (5, 5), "int64"),
    )


class RelativeShift(Layer):
    """(*, L, R) → (*, L, R − L + 1): y[…, i, j] = x[…, i, j − i + L − 1]: scores by distance become scores by place.

    Column r of the input is what a query says of a distance, from the farthest place behind it to the farthest ahead:
    `RelativeShift` on 8 × 64 × 127 gives 8 × 64 × 64, the share of the positions in the scores of an attention over 64
    places, of which a query at the end can look 63 back, one at the start 63 ahead.

    With `is_causal: true` the distances end at 0, and the shape stays: (*, L, S) → (*, L, S) with S ≥ L keys, of which
    the last L belong to the queries. What lies ahead of a query is 0, and has to be masked. This is the shift of
    Transformer-XL (Dai et al. 2019, appendix B), which leaves values of other rows in the places that are 0 here.
    """

    family = "shape"
    scalar = "is_causal"
    examples = (
        Example({}, (8, 64, 127), (8, 64, 64)),
        Example({}, (3, 7), (3, 5)),
        Example({"is_causal": True}, (8, 64, 96), (8, 64, 96)),
    )

    is_causal: bool = False

    def output(self, x: TensorType) -> TensorType:
        self.need_rank_from(x, 2, "(…, queries, distances)")
        queries, distances = x.shape[-2:]
        need(
            distances >= queries,
            lambda: (
                f"{queries} queries need at least as many distances, but {{given}}"
                if self.is_causal
                else f"{queries} queries and S keys need {queries} + S − 1 distances, but {{given}}"
            ),
            axis=-1,
        )
        return x if self.is_causal else TensorType((*x.shape[:-1], distances - queries + 1), x.dtype)

    def derivation(self, x: TensorType, axis: int) -> str | None:
        last = axis in (-1, len(x.shape) - 1)
        return None if self.is_causal or not last else f"{x.shape[-1]} − {x.shape[-2]} + 1"

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def shares(self, x: TensorType) -> bool:
        return not self.is_causal

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("RelativeShift", self.arguments(x), _OWN)
