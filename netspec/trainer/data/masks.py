"""Read pictures that are targets: masks, whose values are classes or a yes and a no, and pictures to make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.recipe.base import Loss
from netspec.recipe.measures import Reads
from netspec.trainer.data.parts import damaged
from netspec.trainer.data.pictures import read_picture
from netspec.trainer.machine.host import ints
from netspec.views.describe import plural

_MEND = "repair or remove the pair"
_LOOKED_AT = 20
"""So many masks are looked at for what their values are."""
_SHOWN = 12
"""So many values are listed."""


def read_mask(path: str) -> Tensor:
    """The values of a mask, int64 (H, W): grey values, or the indices of its palette.

    Raises:
        ResourceError: it is no picture, or a coloured one.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise damaged(path, "is no file", _MEND)  # reading a pipe could block forever
    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L", "1") and not image.mode.startswith("I"):
                return _grey(path, np.asarray(image.convert("RGB")))
            values = np.asarray(image if image.mode != "1" else image.convert("L"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise damaged(path, f"is no readable picture ({error})", _MEND) from None
    return torch.from_numpy(values.astype(np.int64))  # pyright: ignore[reportUnknownMemberType]  # torch leaves NumPy's type open


def _grey(path: str, values: Any) -> Tensor:
    """The values of a picture of three channels, if they are equal."""
    if not bool((values[..., 0] == values[..., 1]).all() and (values[..., 0] == values[..., 2]).all()):
        raise damaged(
            path,
            "is a coloured picture, and a mask has a number for each pixel",
            "save it with a palette or in grey, the number of the class as its value",
        )
    return torch.from_numpy(values[..., 0].astype(np.int64))  # pyright: ignore[reportUnknownMemberType]  # as above


def target_reader(
    reads: Reads, values: tuple[int, ...] | None, ignored: int | None, channels: int
) -> Callable[[str], Tensor]:
    """What reads a target.

    Args:
        reads: what the loss compares: `classes` int64 (H, W), `labels` float32 (1, H, W) of 0 and 1, or `values`
            float32 (C, H, W) in [0, 1].
        values: the grey values of the classes, in their order; None where they are indices.
        ignored: the value that the loss leaves out.
        channels: of values: 1 for grey, 3 for RGB.
    """

    def of_values(path: str) -> Tensor:
        return read_picture(path, channels, _MEND).float() / 255

    def of_classes(path: str) -> Tensor:
        mask = read_mask(path)
        return mask if values is None else _numbered(path, mask, values, ignored)

    def of_labels(path: str) -> Tensor:
        mask = read_mask(path)
        whole = values or ((0, 255) if int(mask.max()) > 1 else (0, 1))
        return _numbered(path, mask, whole, None, labels=True).float().unsqueeze(0)

    readers: dict[Reads, Callable[[str], Tensor]] = {"classes": of_classes, "labels": of_labels, "values": of_values}
    return readers[reads]


def _numbered(path: str, mask: Tensor, values: tuple[int, ...], ignored: int | None, *, labels: bool = False) -> Tensor:
    """The place of each value among those of the classes; what is ignored stays what it is.

    Raises:
        ResourceError: there is another value.
    """
    found = torch.full_like(mask, -1)
    for place, value in enumerate(values):
        found[mask == value] = place
    if ignored is not None:
        found[mask == ignored] = ignored
    strange = mask[(found < 0) & (mask != (-1 if ignored is None else ignored))]
    if not len(strange):
        return found
    here = values_of([mask])
    if labels and len(here) > 2:
        way = "for classes write `loss: CrossEntropyLoss`, with an output for each"
    elif labels:
        way = f"write `values: [{_listed(here)}]`"
    else:
        more = [value for value in here if value not in values and value != ignored]
        way = f"write `values: [{_listed([*values, *more])}]` with an output for each, if {_listed(more)} is a class"
        way = way.replace(" is a class", " are classes") if len(more) > 1 else way
    raise damaged(path, f"has the value {int(strange[0])}, and a mask here has {_listed(values)}", way)


def values_of(masks: Iterable[Tensor]) -> list[int]:
    """The values in masks, rising."""
    return sorted({value for mask in masks for value in ints(torch.bincount(mask.flatten()).nonzero().flatten())})


def check_classes(paths: Sequence[str], folder: str, width: int, loss: Loss) -> None:
    """Refuse masks whose values are no numbers of classes, by the first of them; all are read to say what to write.

    Args:
        paths: of the masks of the training pairs.
        folder: what messages call where they are.
        width: how many classes the net tells apart.
        loss: of classes; it may leave a value out.

    Raises:
        ResourceError: a value is no class; or what the loss does not leave out is one class alone.
    """
    ignored = None if loss.divisor is None else loss.divisor.ignore_index
    first = values_of(map(read_mask, paths[:_LOOKED_AT]))
    counted = [value for value in first if value != ignored]
    if counted and counted[-1] < width and not (len(counted) == 1 and len(first) == 2):
        return
    found = values_of(map(read_mask, paths))
    counted = [value for value in found if value != ignored]
    told = _listed(found) if len(found) <= _SHOWN else f"{_listed(found[:_SHOWN])}, …"
    told = f"the masks of {folder} hold the values {told}"
    if len(found) > max(256, 2 * width) or (len(found) > 4 * width and _is_smooth(found)):
        raise ResourceError(
            f"{told}, {len(found)} of them, too many for {plural(width, 'class')}: pictures that were saved "
            "as JPEG, or made smaller smoothly, hold mixed values; make the masks anew, with the nearest pixel"
        )
    if len(found) == 2 and len(counted) == 1:
        raise ResourceError(
            f"{told} alone, and the loss leaves {ignored} out: what counts is one class; for two write "
            f"`values: [{_listed(found)}]` and no `ignore_index`"
        )
    if counted and counted[-1] >= width:
        raise ResourceError(f"{told}, and the net has {width} outputs, from class 0 on: {_way(counted, width, loss)}")


def _way(counted: list[int], width: int, loss: Loss) -> str:
    """What to write where values of masks are no numbers of classes."""
    *classes, top = counted
    if counted == list(range(len(counted))):
        return f"let its last layer give {len(counted)}"
    named = f"write `values: [{_listed(counted)}]`, which makes them {_listed(list(range(len(counted))))}"
    named += f", and let its last layer give {len(counted)}" if len(counted) != width else ""
    if classes and classes[-1] < width and loss.divisor is not None and len(counted) > 2:
        marks = f"`loss: {{{loss.name()}: {{ignore_index: {top}}}}}`"
        return f"if {top} marks what has no class, write {marks}; else {named}"
    return named


def _is_smooth(found: list[int]) -> bool:
    """Whether most values have a neighbour, as those between two shades do."""
    return sum(b == a + 1 for a, b in pairwise(found)) > len(found) / 2


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))
