"""What a trained run whose output is a map gives for pictures, as pictures: masks, or pictures that it makes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from netspec.diagnostics import UsageError
from netspec.recipe.base import Loss
from netspec.recipe.measures import reads_of
from netspec.trainer.data.frames import ENDINGS
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.measure.measured import likelihood
from netspec.trainer.trained.opening import Trained
from netspec.trainer.trained.prediction import predict

_OF_FILES = (*ENDINGS, ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".json")
"""What names of files end with, and those of folders hardly."""


def predict_pictures(trained: Trained, paths: Sequence[Path], folder: Path) -> list[Path]:
    """Write a PNG for each picture, of the size and under the name of what the net is given.

    For a loss of classes it is a mask in grey, the number of the likeliest class as the value of each pixel; for one of
    labels 255 where the probability is above 0.5, else 0; for other losses the output, from 0 to 1, as a picture.

    Args:
        trained: the run.
        paths: the pictures.
        folder: the directory to write to; made if it is not there.

    Returns:
        The files.

    Raises:
        UsageError: the net's output is no map, two pictures have one name, or `folder` is called as a file is.
        ResourceError: a picture cannot be read, or a file cannot be written.
        NonFinite: an output is not finite.
    """
    twice = [name for name, count in Counter(path.stem for path in paths).items() if count > 1]
    if twice:
        raise UsageError(f"two pictures are called `{twice[0]}`, and each is written under its name: give them apart")
    loss, shape = trained.recipe.losses[0].loss, trained.net.output_shape
    reads = reads_of(loss)
    if len(trained.net.outputs) > 1 or reads is None or len(shape) not in (2, 3):
        raise UsageError(
            f"the run `{trained.run.path}` gives {_told(trained)}, and only a map, a value for each pixel of a "
            "picture, is written as one"
        )
    if folder.suffix.lower() in _OF_FILES and not folder.is_dir():
        raise UsageError(
            f"`{folder}` is called as a file is, and the run `{trained.run.path}` on `{trained.recipe.data.name()}` "
            f"gives a picture for each picture: name a folder, such as `{folder.with_suffix('')}`"
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"`{folder}` is a file, and pictures are written into a folder: name another")
    written: list[Path] = []
    for path in paths:
        (answer,) = predict(trained, [path])
        (output,) = answer.outputs.values()
        assert isinstance(output, Tensor), "an output of one tensor"
        stream = io.BytesIO()
        _picture(output, loss).save(stream, "PNG")
        folder.mkdir(parents=True, exist_ok=True)
        written.append(folder / f"{path.stem}.png")
        write_atomically(written[-1], stream.getvalue())
    return written


def _told(trained: Trained) -> str:
    outputs = trained.net.outputs
    return f"{len(outputs)} outputs" if len(outputs) > 1 else f"an output of {list(trained.net.output_shape)}"


def _picture(output: Tensor, loss: Loss) -> Image.Image:
    """A map (C, H, W), or (H, W), as a picture."""
    reads = reads_of(loss)
    if reads == "classes":
        values = output.argmax(0)
        kind: Any = torch.uint8 if len(output) <= 256 else torch.int32
        return Image.fromarray(values.to(kind).numpy())
    if reads == "labels":
        values = (likelihood(loss)(output) > 0.5).to(torch.uint8) * 255
    else:
        values = output.mul(255).round().clamp(0, 255).to(torch.uint8)
    pixels = values if values.ndim == 2 else values.permute(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 3):
        raise UsageError(f"an output of {pixels.shape[2]} channels is no picture: it has 1 or 3")
    return Image.fromarray((pixels.squeeze(2) if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels).numpy())
