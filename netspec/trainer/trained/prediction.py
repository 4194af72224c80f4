"""A trained classifier's answers to pictures from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import resize  # pyright: ignore[reportMissingTypeStubs]  # torchvision ships no types

from netspec.diagnostics import UsageError
from netspec.trainer.data.pictures import read_picture
from netspec.trainer.errors import NonFinite
from netspec.trainer.machine.device import numerics
from netspec.trainer.machine.host import floats, ints
from netspec.trainer.measure.evaluation import autocast, evaluating
from netspec.trainer.trained.opening import Trained
from netspec.trainer.transforms.pipeline import Pipeline
from netspec.views.describe import shape_text


@dataclass(frozen=True)
class Answer:
    """The likeliest classes of one picture, likeliest first, with their probabilities."""

    path: Path
    classes: list[tuple[str, float]]

    def text(self) -> str:
        """One line."""
        return f"{self.path}: " + ", ".join(f"{name} {share:.3f}" for name, share in self.classes)

    def to_dict(self) -> dict[str, Any]:
        """In plain values."""
        return {
            "image": str(self.path),
            "classes": [{"name": name, "probability": share} for name, share in self.classes],
        }


def predict(trained: Trained, paths: Sequence[Path], top: int = 3) -> list[Answer]:
    """The answers of a trained classifier.

    A picture is brought to the channels and, where they are fixed, the size of the data that the run was trained on;
    then it takes the recipe's transforms.

    Raises:
        UsageError: the run is no classifier of images, or there is no such file.
        ResourceError: a file is no picture.
        NonFinite: the net's output for a picture is not finite.
    """
    if not trained.classifies or not trained.recipe.data.images:
        raise UsageError(
            "`predict` needs a net that gives images one score per class, and that of the run "
            f"`{trained.run.path}` does not"
        )
    device = trained.arithmetic.device
    pipeline = Pipeline(trained.recipe.transforms, (), device)
    answers: list[Answer] = []
    with numerics(trained.arithmetic), evaluating(trained.model), autocast(trained.arithmetic):
        for path in paths:
            x = pipeline(_read(trained, path).to(device))
            if tuple(x.shape[1:]) != trained.net.input_shape:
                raise UsageError(
                    f"`{path}` is, after the recipe's transforms, {shape_text(tuple(x.shape[1:]))}, "
                    f"but the net takes {shape_text(trained.net.input_shape)}; bring the picture to that size"
                )
            shares = trained.model(x).float().softmax(1).squeeze(0)
            if not bool(shares.isfinite().all()):
                raise NonFinite(f"`{path}`: the net's output for it is not finite, though every weight is")
            values, classes = shares.topk(min(top, len(shares)))
            named = [(trained.names[i], p) for i, p in zip(ints(classes), floats(values), strict=True)]
            answers.append(Answer(path, named))
    return answers


def _read(trained: Trained, path: Path) -> Tensor:
    """The picture as uint8 (1, C, H, W), as the data set would have stored it."""
    shape = trained.recipe.data.facts().shape or (None, None, None)
    channels = shape[0] or trained.net.input_shape[0]
    try:
        pixels = read_picture(path, 1 if channels == 1 else 3, "give a PNG or JPEG file").unsqueeze(0)
    except FileNotFoundError:
        raise UsageError(f"there is no file `{path}`") from None
    height, width = shape[1], shape[2]
    if height is None or width is None or pixels.shape[2:] == torch.Size((height, width)):
        return pixels
    return resize(pixels, [height, width], antialias=True)
