"""Read pictures that are targets: masks, whose values are classes or a yes and a no, and pictures to make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.recipe.measures import Reads
from netspec.trainer.data.parts import damaged
from netspec.trainer.data.pictures import read_picture
from netspec.trainer.machine.host import ints

_MEND = "repair or remove the pair"


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
        return _numbered(path, mask, whole, None).float().unsqueeze(0)

    readers: dict[Reads, Callable[[str], Tensor]] = {"classes": of_classes, "labels": of_labels, "values": of_values}
    return readers[reads]


def _numbered(path: str, mask: Tensor, values: tuple[int, ...], ignored: int | None) -> Tensor:
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
    if len(strange):
        listed = ", ".join(map(str, values))
        raise damaged(path, f"has the value {int(strange[0])}, and a mask here has {listed}", "add it to `values`")
    return found


def check_binary(masks: list[Tensor], folder: str) -> None:
    """Refuse masks whose classes would be 0 and 255.

    Raises:
        ResourceError: they are.
    """
    found = {value for mask in masks for value in ints(torch.bincount(mask.flatten()).nonzero().flatten())}
    if found == {0, 255}:
        raise ResourceError(
            f"the masks of {folder} hold the values 0 and 255 alone, which would be the classes 0 and 255; write "
            "`values: [0, 255]`, which makes them 0 and 1"
        )
