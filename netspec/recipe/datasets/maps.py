"""Pictures with a picture as the target of each: masks of classes, or pictures to make."""

from __future__ import annotations

from typing import Annotated, ClassVar

from netspec.arguments import NATURAL, Count
from netspec.dims import Problem
from netspec.kinds import several
from netspec.recipe.base import DataSet, Facts
from netspec.recipe.fields import Channels

Values = Annotated[tuple[int, ...], several(NATURAL, "a list of integers of at least 0", least=2)]


class Pairs(DataSet):
    """Pictures and, under the same names, the pictures that are their targets: `PATH/train/images/*.jpg` and
    `PATH/train/masks/*.png`. What `*` stands for is the name of a pair.

    For a loss of classes a target is a mask: its grey values, or the indices of its palette, are the classes of the
    pixels. For `BCEWithLogitsLoss` it is a mask of 0 and 255, or of 0 and 1; for other losses of values a picture in
    [0, 1], with the channels of the net's output. `transforms` and `augment` move targets with their pictures; masks by
    the nearest pixel, and what comes from outside is `ignore_index`.

    `train`, `test` and `validation` are folders below `path`, or files there that list names, a line each, as
    `ImageSets/Segmentation/train.txt` of Pascal VOC does: then the patterns count from `path`. A relative path counts
    from the directory where the run was started, as long as it is there. `netspec check` opens no file; `netspec train
    SPEC --dry-run` does, and leaves nothing behind.

    Args:
        path: the folder.
        inputs: the pictures, a path with a `*` in its file name.
        targets: the targets, likewise.
        train: the folder of the training pairs, or a file of their names; `.` for the whole folder.
        test: of the test pairs; null for none.
        validation: of the validation pairs, in place of the recipe's `validation` share.
        channels: 3 reads every picture as RGB, 1 as grey.
        values: the grey values of the classes in their order, such as `[0, 255]`, where they are no indices.
        classes: how many classes there are, if the spec is to be checked against it without the files.
    """

    word: ClassVar[str | None] = "pairs"
    reader: ClassVar[str] = "maps"
    scalar: ClassVar[str | None] = "path"
    labels: ClassVar[bool] = False
    maps: ClassVar[bool] = True
    worked: ClassVar[str | None] = """
input: [3, 64, 64]
layers: [Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}, ReLU, Conv2d: {out_channels: 3, kernel_size: 1}]
train:
  data: {pairs: {path: pets, classes: 3}}   # pets/train/images/*.jpg, pets/train/masks/*.png, pets/test/…
  transforms: [Resize: {size: [64, 64]}]
  augment: [RandomHorizontalFlip]
  batch_size: 16
  epochs: 20
  optimizer: {AdamW: {lr: 0.001}}
  loss: {CrossEntropyLoss: {ignore_index: 255}}
  metrics: [JaccardIndex]
"""
    example: ClassVar[str | None] = "pets"

    path: str
    inputs: str = "images/*.jpg"
    targets: str = "masks/*.png"
    train: str = "train"
    test: str | None = "test"
    validation: str | None = None
    channels: Channels = 3
    values: Values | None = None
    classes: Count | None = None

    @property
    def has_validation(self) -> bool:
        return self.validation is not None

    @property
    def greys(self) -> tuple[int, ...]:
        return self.values or ()

    def facts(self) -> Facts:
        return Facts((self.channels, None, None), self.classes)

    def problems(self) -> list[Problem]:
        found: list[Problem] = []
        for argument, pattern in (("inputs", self.inputs), ("targets", self.targets)):
            folder, _, name = pattern.rpartition("/")
            if name.count("*") != 1 or "*" in folder:
                message = f"`{argument}: {pattern}` wants one `*`, in the name of the file, for the name of a pair"
                found.append(
                    Problem(message, "invalid-argument", argument, help=f"for example `{argument}: images/*.jpg`")
                )
        if self.inputs == self.targets:
            message = f"`inputs` and `targets` are the same files, `{self.inputs}`"
            found.append(Problem(message, "recipe-conflict", "targets", help="name those of the masks"))
        if self.values is not None and self.classes is not None and len(self.values) != self.classes:
            message = f"`values` has {len(self.values)} values, but `classes` says {self.classes}"
            found.append(Problem(message, "recipe-conflict", "values", help="leave `classes` out: `values` says it"))
        for value in dict.fromkeys(self.greys):
            if self.greys.count(value) > 1:
                message = f"`values` names {value} twice, but it can be one class only"
                found.append(Problem(message, "recipe-conflict", "values", help="leave one out"))
        return found
