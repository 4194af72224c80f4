"""Data of the user's own: folders of images, files of tensors, and synthetic examples."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Count, Natural, NonNegative
from netspec.dims import Shape as Sizes
from netspec.layers.base import DType
from netspec.recipe.base import DataSet, Facts
from netspec.recipe.fields import Channels, Shape


class Folder(DataSet):
    """A folder of images, `PATH/train/CLASS/*.jpg`, in the layout of torchvision's ImageFolder.

    Names that begin with a dot count as not there. Every class has images to train with; the other parts may lack some.
    A relative path counts from the directory where the run was started, as long as it is there.

    Args:
        path: the folder.
        train: the folder of the training images inside it.
        test: the folder of the test images; null for none.
        validation: the folder of the validation images, in place of the recipe's `validation` share.
        channels: 3 reads every image as RGB, 1 as grey.
        classes: how many classes there are, if the spec is to be checked against it without the files.
    """

    word: ClassVar[str | None] = "folder"
    reader: ClassVar[str] = "folder"
    scalar: ClassVar[str | None] = "path"
    worked: ClassVar[str | None] = """
input: [3, 64, 64]
layers: [AdaptiveAvgPool2d: 8, Flatten, Linear: 5]
train:
  data: {folder: {path: flowers, classes: 5}}   # flowers/train/CLASS/*.jpg, flowers/test/CLASS/*.jpg
  transforms: [Resize: {size: [64, 64]}]
  batch_size: 64
  epochs: 10
  optimizer: {AdamW: {lr: 0.001}}
  loss: CrossEntropyLoss
"""
    example: ClassVar[str | None] = "pictures"

    path: str
    train: str = "train"
    test: str | None = "test"
    validation: str | None = None
    channels: Channels = 3
    classes: Count | None = None

    @property
    def has_validation(self) -> bool:
        return self.validation is not None

    def facts(self) -> Facts:
        return Facts((self.channels, None, None), self.classes)


class Tensors(DataSet):
    """Files of tensors (safetensors) with the examples as `x` and the targets as `y`, first axis the example.

    `x` is uint8 (0 to 255, becomes float32 in [0, 1]), float32, or int64 for nets that take integers; `y` is int64
    classes, or float32 values for a loss that compares values. float16, bfloat16 and float64 are read as float32, the
    smaller integers as int64, and classes may be uint8; targets of N × 1 integers are taken for N classes. A net of
    several inputs takes each from the tensor of its name, and losses with a `target` theirs from that name. Relative
    paths count from the directory where the run was started, as long as they are there.

    Args:
        train: the file of the training examples.
        test: the file of the test examples.
        validation: the file of the validation examples, in place of the recipe's `validation` share.
        classes: how many classes there are, if the spec is to be checked against it without the files.
    """

    word: ClassVar[str | None] = "tensors"
    reader: ClassVar[str] = "tensors"
    labels: ClassVar[bool] = False
    many: ClassVar[bool] = True
    labels_key: ClassVar[str | None] = "y"
    worked: ClassVar[str | None] = """
input: [13]
layers: [Linear: 64, ReLU, Linear: 1]
train:
  data: {tensors: {train: houses-train.safetensors, test: houses-test.safetensors}}
  validation: 0.2
  batch_size: 32
  epochs: 50
  optimizer: {Adam: {lr: 0.001}}
  loss: MSELoss
"""
    example: ClassVar[str | None] = "{train: train.safetensors}"

    train: str
    test: str | None = None
    validation: str | None = None
    classes: Count | None = None

    @property
    def has_validation(self) -> bool:
        return self.validation is not None

    def facts(self) -> Facts:
        return Facts(None, self.classes, dtype=None)


class Synthetic(DataSet):
    """Examples made up from a seed, which a net can learn: a fixed random pattern for each class, plus noise.

    A net of several inputs gets all of them, and every loss a target.

    Args:
        shape: of one example; null is the net's input. Three axes make uint8 images, others float32 values.
        classes: null is the net's output width.
        train: number of training examples.
        test: number of test examples.
        noise: standard deviation of the noise, the patterns having 1.
        vocabulary: makes integers below this in place of values, for inputs that take int64.
        seed: of the patterns and the noise.
    """

    word: ClassVar[str | None] = "synthetic"
    reader: ClassVar[str] = "synthetic"
    labels: ClassVar[bool] = False
    made_up: ClassVar[bool] = True
    many: ClassVar[bool] = True
    worked: ClassVar[str | None] = """
input: [3, 32, 32]
layers: [AvgPool2d: 4, Flatten, Linear: 10]
train:
  data: {synthetic: {train: 2048, test: 512}}   # shape and classes are the net's own
  batch_size: 64
  epochs: 2
  optimizer: {SGD: {lr: 0.05}}
  loss: CrossEntropyLoss
"""
    integers: ClassVar[str | None] = "give `synthetic` a `vocabulary`: it then makes integers below it"

    shape: Shape | None = None
    classes: Count | None = None
    train: Count = 1024
    test: Natural = 256
    noise: NonNegative = 0.5
    vocabulary: Count | None = None
    seed: Natural = 0

    def gives(self, dtype: DType) -> bool:
        return dtype != "int64" or self.vocabulary is not None

    def shape_for(self, input: Sizes) -> tuple[int | None, ...]:
        if self.shape is not None:
            return self.shape
        return tuple(size if isinstance(size, int) else None for size in input)

    def facts(self) -> Facts:
        dtype = "int64" if self.vocabulary else None if self.shape is None else "float32"
        if self.shape is not None and len(self.shape) == 3 and not self.vocabulary:
            dtype = "uint8"
        return Facts(self.shape, self.classes, self.train, self.test, dtype)
