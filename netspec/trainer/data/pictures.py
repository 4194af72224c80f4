"""Read image files with 8 bits per channel."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.v2.functional import pil_to_tensor  # pyright: ignore[reportMissingTypeStubs]  # torchvision ships no types

from netspec.diagnostics import ResourceError
from netspec.trainer.data.parts import damaged


def read_picture(path: str | os.PathLike[str], channels: int, mend: str) -> Tensor:
    """Read an image file as uint8 (channels, H, W). Of 16-bit values, the upper 8 bits are kept.

    Args:
        path: the file.
        channels: 1 for grey, 3 for RGB.
        mend: what to do about a file that is not an image, as the end of the message.

    Raises:
        FileNotFoundError: there is no such file.
        ResourceError: it is not an image, or its values have no known range.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise damaged(path, "is no file", mend)  # reading a pipe could block forever
    try:
        with Image.open(path) as image:
            return pil_to_tensor(_eight_bits(path, image).convert("RGB" if channels == 3 else "L"))
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise damaged(path, f"is no readable picture ({error})", mend) from None


def _eight_bits(path: str | os.PathLike[str], image: Image.Image) -> Image.Image:
    """The image with 8 bits per channel. 16-bit images are scaled here, since Pillow would clip them at 255."""
    if image.mode == "F":
        raise _unknown(path, "floating-point numbers")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image.convert("I"))
    if values.min() < 0 or values.max() > 65535:
        raise _unknown(path, "32-bit integers")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _unknown(path: str | os.PathLike[str], kind: str) -> ResourceError:
    return damaged(path, f"holds {kind}, whose range no file tells", "save it with 8 or 16 bits a channel")
