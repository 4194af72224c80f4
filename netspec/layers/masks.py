"""The masks of torch's own layers of attention, in which True takes no part."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from netspec.dims import Shape, need
from netspec.layers.base import shape_text
from netspec.layers.scores import Others, Scores, check_scores

_PADDING: Final = {"bool": "where True is padding and takes no part"}
_HIDING: Final = {"bool": "where True takes no part", "float32": "and added to the scores"}


def check_masks(
    name: str, mask: str, padding: str, others: Others, sizes: Shape, told: tuple[str, str, str], axis: int | None
) -> None:
    """Require that the masks that are given fit to the scores.

    Args:
        name: the layer.
        mask: what it calls the mask of queries × keys, or heads × queries × keys.
        padding: what it calls that of the keys.
        others: what it is given.
        sizes: heads, queries and keys.
        told: where each of those comes from, for messages.
        axis: the axis of its input that `{given}` in `told` stands for.

    Raises:
        Unmet: one has another dtype or other axes.
    """
    hidden, padded = others.get(mask, ()), others.get(padding, ())
    need(
        not padded or len(padded[0].shape) == 1,
        lambda: f"`{padding}` of `{name}` has one for each key, but what it is given is {shape_text(padded[0].shape)}",
        code="wrong-rank", at=padding, help=f"one of more axes is a `{mask}`",
    )  # fmt: skip
    check_scores(name, padding, padded, sizes, told, axis, means=_PADDING)
    need(
        not hidden or len(hidden[0].shape) in (2, 3),
        lambda: (
            f"`{mask}` of `{name}` is queries × keys or heads × queries × keys, but what it is given is "
            f"{shape_text(hidden[0].shape)}"
        ),
        code="wrong-rank", at=mask, help=f"one for each key is a `{padding}`",
    )  # fmt: skip
    check_scores(name, mask, hidden, sizes, told, axis, means=_HIDING)


def masked_scores(
    sizes: Shape, mask: str, padding: str, others: Others, learned: Collection[str], *, is_causal: bool = False
) -> Scores:
    """The scores, heads × queries × keys, and what these masks say of them."""
    found = [others[name][0] for name in (mask, padding) if name in others]
    bias = next((type_ for type_ in found if type_.dtype == "float32"), None)
    masks = tuple(type_ for type_ in found if type_.dtype == "bool")
    heads, queries, keys = sizes
    near = is_causal and bool(found)
    return Scores(heads, queries, keys, masks, bias, near, bias is not None and mask in learned)
