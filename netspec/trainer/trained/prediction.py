"""Predict the classes of image files with a trained run: `netspec predict`."""

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
from netspec.trainer.measure.losses import LossFunction
from netspec.trainer.trained.opening import Trained
from netspec.trainer.transforms.pipeline import Pipeline
from netspec.views.describe import shape_text


@dataclass(frozen=True)
class Answer:
    """The most probable classes of an image, in descending order, with their probabilities."""

    path: Path
    classes: list[tuple[str, float]]

    def text(self) -> str:
        """The prediction as one line of text."""
        return f"{self.path}: " + ", ".join(f"{name} {share:.3f}" for name, share in self.classes)

    def to_dict(self) -> dict[str, Any]:
        """The prediction as plain values, for JSON."""
        return {
            "image": str(self.path),
            "classes": [{"name": name, "probability": share} for name, share in self.classes],
        }


def predict(trained: Trained, paths: Sequence[Path], top: int = 3) -> list[Answer]:
    """Predict the `top` most probable classes of image files.

    An image is converted to the channels of the data that the run was trained on, and to their size if they have a
    fixed one; then the recipe's transforms are applied.

    Raises:
        UsageError: the run is not a classifier of images, there is no such file, or an image does not have the size
            of the net's input after the transforms.
        ResourceError: a file is not an image.
        NonFinite: the net's output is not finite.
    """
    loss = _classifier(trained)
    device = trained.arithmetic.device
    pipeline = Pipeline(trained.recipe.transforms, (), device)
    objective = trained.objective()
    answers: list[Answer] = []
    with numerics(trained.arithmetic), evaluating(trained.model), autocast(trained.arithmetic):
        for path in paths:
            x = pipeline(_read(trained, path).to(device))
            if tuple(x.shape[1:]) != trained.net.input_shape:
                raise UsageError(
                    f"`{path}` is, after the recipe's transforms, {shape_text(tuple(x.shape[1:]))}, "
                    f"but the net takes {shape_text(trained.net.input_shape)}; bring the picture to that size"
                )
            output = objective.outputs(trained.model(x))[0][loss.term.of[0]]
            shares = output.float().softmax(1).squeeze(0)
            if not bool(shares.isfinite().all()):
                raise NonFinite(f"`{path}`: the net's output for it is not finite, though every weight is")
            values, classes = shares.topk(min(top, len(shares)))
            named = [(trained.names[i], p) for i, p in zip(ints(classes), floats(values), strict=True)]
            answers.append(Answer(path, named))
    return answers


def _classifier(trained: Trained) -> LossFunction:
    """The loss of the output that has a score for each class.

    Raises:
        UsageError: the net takes several inputs, or gives no such output, or several.
    """
    loss, inputs = trained.objective().classifier, [f"`{value.name}`" for value in trained.net.inputs]
    by_hand = (
        f"in Python `netspec.build(netspec.load({str(trained.run.spec)!r}))` makes the module that "
        "`model.safetensors` beside it has the weights of"
    )
    if len(inputs) > 1:
        raise UsageError(
            f"`predict` gives a net one picture, and that of the run `{trained.run.path}` takes {len(inputs)} inputs, "
            f"{', '.join(inputs)}; {by_hand}"
        )
    if loss is None or not trained.classifies or not trained.recipe.data.images:
        raise UsageError(
            "`predict` needs a net that gives images one score per class, and that of the run "
            f"`{trained.run.path}` does not; {by_hand}"
        )
    return loss


def _read(trained: Trained, path: Path) -> Tensor:
    """The image as uint8 (1, C, H, W), in the form in which the data set stores its images.

    Raises:
        UsageError: there is no such file.
        ResourceError: it is not an image.
    """
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
