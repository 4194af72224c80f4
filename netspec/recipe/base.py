"""The kinds of thing that a recipe names.

Each data set, transform, optimiser, schedule and loss is one strict `Arguments` class of the same name as torch's, in
the modules beside this one; `tables.py` says which module holds which, so that a check imports what the recipe uses.
`read.py` makes a `Recipe` from a spec's nodes, `check.py` holds it against the net, `netspec.trainer` carries it out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod
from typing import ClassVar, Final, Literal, NamedTuple

from netspec.arguments import Arguments
from netspec.dims import Problem, Shape, Size
from netspec.layers.base import DType, Layer, TensorType, TorchCall, Values

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
Interval = Literal["epoch", "step"]
Sampler = Literal["balanced"]
OMITTED_OF_OPTIMIZERS: Final = dict.fromkeys(
    ("foreach", "fused", "capturable", "differentiable"),
    "it chooses an implementation, which the trainer does by itself",
) | {"maximize": "training minimises the loss"}
OMITTED_OF_LOSSES: Final = {
    "reduction": "the trainer averages over the targets",
    "size_average": "torch deprecates it; the trainer averages over the targets",
    "reduce": "torch deprecates it; the trainer averages over the targets",
}


class Facts(NamedTuple):
    """What is known of a data set before a file is opened. None stands for what only the files tell."""

    shape: tuple[int | None, ...] | None
    """Shape of one example, `(channels, height, width)` for images; a None inside is an axis that varies."""
    classes: int | None = None
    """Number of classes; for text, of tokens."""
    train: int | None = None
    """Number of training examples."""
    test: int | None = None
    """Number of test examples."""
    dtype: Literal["uint8", "float32", "int64"] | None = "uint8"


class Named(Arguments):
    """Something that a recipe calls by its name, with arguments: `SGD: {lr: 0.1}`."""

    word: ClassVar[str | None] = None
    """Its name in a spec, where that is not the class name."""
    example: ClassVar[str | None] = None
    """The arguments of an example as a recipe writes them, for what cannot be called without any."""

    @classmethod
    def name(cls) -> str:
        """The name by which a spec calls it."""
        return cls.word or cls.__name__


class DataSet(Named):
    """Base of the data sets. The class name is torchvision's; lowercase words are this language's own."""

    reader: ClassVar[str] = "plugged"
    """The module of `netspec.trainer.data` whose `read` gives the examples; that of a plugin's asks its `call`."""
    images: ClassVar[bool] = True
    """True if the examples are images, for which transforms are defined."""

    labels: ClassVar[bool] = True
    """True if the target of an example is one class, whatever the net and the loss."""
    labels_key: ClassVar[str | None] = None
    """The name of the labels among several inputs by name; None where no input can be mistaken for them."""
    given: ClassVar[bool] = False
    """True if a program gives the examples: the recipe says nothing of them."""
    made_up: ClassVar[bool] = False
    """True if it holds a field under whatever name a loss takes for its target."""
    many: ClassVar[bool] = False
    """True if it gives several inputs and targets by name; then `labels` is false."""
    worked: ClassVar[str | None] = None
    """A spec that trains on it, for a data set of the user's own."""
    next_token: ClassVar[bool] = False
    """True if an example is a block of tokens, and its target, which is called `next`, the same a token further on."""
    maps: ClassVar[bool] = False
    """True if the target of an image is a map of its size, which the transforms move with it."""
    tabular: ClassVar[bool] = False
    """True if examples are rows of a table, of which other files may hold more."""
    keeps: ClassVar[str | None] = None
    """The file of a run that says how its examples are made of what is read; None where nothing has to be said."""
    integers: ClassVar[str | None] = None
    """What makes the data give integers, for a net that takes them; None where nothing does."""

    @property
    def greys(self) -> tuple[int, ...]:
        """The grey values of the classes of a mask, in their order, where the recipe names them."""
        return ()

    @property
    def encoded(self) -> bool:
        """True if its tokens are those of a `tokenizer.json`, which a run keeps."""
        return False

    @property
    def learns(self) -> bool:
        """True if it learns of its training part what a run keeps: the tokens of a text, the columns of a table."""
        return False

    @property
    def has_validation(self) -> bool:
        """True if the data come with a validation part of their own."""
        return False

    def shape_for(self, input: Shape) -> tuple[int | None, ...] | None:
        """Shape of one example, for a net with this input."""
        return self.facts().shape

    def gives(self, dtype: DType) -> bool:
        """Whether examples can be of this dtype, where the net says which it takes."""
        return True

    def facts(self) -> Facts:
        """Shape, classes and counts, as far as they are known without the files."""
        raise NotImplementedError

    def call(self) -> TorchCall:
        """Of a plugin's: the function that gives the examples, with its arguments by name. What it returns is what
        `netspec.train(net, data=…)` takes: a mapping of `train`, `validation` and `test` to pairs of tensors or
        Datasets."""
        raise NotImplementedError

    def problems(self) -> list[Problem]:
        """What is wrong with arguments that are right each by itself; `at` names the argument at fault."""
        return []


class ImageType(NamedTuple):
    """The size of one image between transforms, in pixels. None is a size that varies from image to image."""

    channels: int | None
    height: int | None
    width: int | None


class Transform(Named):
    """Base of the transforms, each a class of `torchvision.transforms.v2` that works on batches of images.

    Images are float32 in [0, 1] of shape (N, C, H, W). `output` gives the size of the result.
    """

    random: ClassVar[bool] = False
    """True if each example draws parameters of its own: such a transform belongs under `augment`."""
    moves: ClassVar[bool] = False
    """True if pixels change their places, so that a target with a value for each pixel must follow."""
    sizes: ClassVar[bool] = False
    """True if the result's size is its argument's, whatever comes in: another argument mends a wrong size."""
    scales: ClassVar[bool] = False
    """True if values leave [0, 1]: at the end of `transforms` it comes after `augment`, which wants them in there."""

    columns: ClassVar[int] = 0
    """Of a plugin's: how many numbers in [0, 1) it draws for each example."""

    def call(self) -> TorchCall:
        """Of a plugin's: the class of a module, or the function, that makes another batch of a batch (N, C, H, W), with
        its arguments by name. It is called with the batch and, if `columns` are drawn, with these (N, columns)."""
        raise NotImplementedError

    def of_classes(self) -> Transform:
        """The same for a map of classes, which are not averaged: what comes from outside the map is 0."""
        changed = {"interpolation": "nearest", "fill": 0}
        return self.model_copy(update={name: v for name, v in changed.items() if name in type(self).model_fields})

    def output(self, x: ImageType) -> ImageType:
        """The size of the result for an image of size `x`; unknown axes stay None.

        Raises:
            Unmet: this transform cannot take such an image.
        """
        return x


MOMENTA: Final = ("momentum", "betas")
"""Arguments of an optimiser that are its momentum, which a schedule may change."""


class Optimizer(Named):
    """Base of the optimisers, each a class of `torch.optim`. `lr` is a field of every one."""

    @classmethod
    def has_momentum(cls) -> bool:
        """Whether there is a momentum for a schedule to change."""
        return any(name in cls.model_fields for name in MOMENTA)

    @classmethod
    def has_decay(cls) -> bool:
        """Whether it shrinks weights, by the recipe's groups where they say how much."""
        return "weight_decay" in cls.model_fields

    @property
    def from_zeros(self) -> tuple[str, ...]:
        """The names of torch's state that may be there as zeros before the first step, which is then the same update.

        Without them that step is another one than the rest: it cannot be skipped, nor recorded for them.
        """
        return ()

    @property
    def first_step_differs(self) -> bool:
        """True if the first step is another update than the rest, so that it cannot be skipped."""
        return False

    @property
    def vectors(self) -> int:
        """How many numbers it keeps of each number of a parameter, with these arguments."""
        raise NotImplementedError

    def state(self, shape: Sequence[int]) -> int:
        """How many numbers it keeps of a parameter of this shape, its count of steps excepted."""
        return self.vectors * prod(shape)

    def problems(self) -> list[Problem]:
        """What is wrong with arguments that are right each by itself; `at` names the argument at fault."""
        return []


class Divisor(NamedTuple):
    """What the mean of a loss divides by, where that is not the number of targets: the sum of the factors of those that
    count."""

    ignore_index: int
    """Targets of this class do not count."""
    weight: tuple[float, ...] | None
    """The factor of each class; None is 1 for all."""


NOT_SCORES: Final[tuple[Values, ...]] = (
    "a probability each", "probabilities", "log-probabilities", "nothing negative",
)  # fmt: skip


class Ending(NamedTuple):
    """What a loss takes for the net's output, and which last layers say whether the net gives that."""

    takes: Literal["scores", "probabilities", "log-probabilities"]
    values: tuple[Values, ...]
    """What last layers give (`Layer.gives`) that is no longer scores; or that is what it takes."""
    help: str
    """What to do where the net ends in another way; where `layer` is given, what to do instead of that."""
    does: Literal["softmax", "sigmoid"] | None = None
    """What the loss itself makes probabilities of scores with."""
    layer: str | None = None
    """The layer that the net should end with."""
    layer_on_last_axis: str | None = None
    """The same where the scores stand on the last axis, if it is another thing."""
    cross_entropy: bool = False
    """True if the loss is −log of the probability that it makes, which says how small it can become."""

    def advice(self, last: type[Layer], *, on_last_axis: bool) -> str:
        """What to do with a net that ends in another layer."""
        layer = self.layer_on_last_axis if on_last_axis and self.layer_on_last_axis else self.layer
        if layer is None:
            return self.help
        instead = f" in the place of `{last.__name__}`" if last.gives in NOT_SCORES else ""
        return f"end the net with `{layer}`{instead}, or {self.help}"

    def least(self, given: Values | None, classes: Size) -> float | None:
        """The value below which the loss of an example never falls where it is given probabilities as scores: between 0
        and 1 they differ by at most 1. With a sigmoid that is the loss where the target is 0."""
        shares = given in ("a probability each", "probabilities")
        if not (self.cross_entropy and shares and isinstance(classes, int)):
            return None
        return {"softmax": math.log(1 + (classes - 1) / math.e), "sigmoid": math.log(2)}.get(self.does or "")

    def suits(self, given: Values | None) -> bool:
        """False if a net whose last layer gives this gives something else."""
        return (given in self.values) != (self.takes == "scores")


class Loss(Named):
    """Base of the losses, each a class of `torch.nn` that is called with outputs and a target.

    The trainer averages over targets.

    `reduction` is not offered: the trainer needs the mean over a batch, an optimiser step and a whole set.
    """

    target: ClassVar[Literal["classes", "values", "nothing"]] = "values"
    """`classes`: the target is the class index (int64), the output has one score per class on its first axis.
    `values`: the target is float32 of the shape that `target_shape` says. `nothing`: there is no target."""
    takes: ClassVar[tuple[str, ...]] = ("output",)
    """What the outputs are that it reads, in the order of `of`. Several have one shape."""
    target_at: ClassVar[int] = -1
    """Where the target stands among the arguments of the call; −1 is behind all outputs."""
    vectors: ClassVar[bool] = False
    """True if an output is a vector for each example, and the target, if there is one, a number."""
    given: ClassVar[bool] = False
    """True if a program gives it: it reads whatever the net and the data give, and nothing is known of it."""
    shares: ClassVar[bool] = False
    """True if values lie between 0 and 1."""
    signs: ClassVar[bool] = False
    """True if values are 1 or −1."""
    ending: ClassVar[Ending | None] = None
    """What the net's output should be; None where any values will do."""
    factors: ClassVar[tuple[str, ...]] = ()
    """The arguments that hold one factor for each score."""

    def call(self) -> TorchCall:
        """The class of a module, or the function, that gives the mean over the targets of a batch, with its arguments
        by name. It is called with the outputs and the target. Where the mean has a `divisor`, it takes `reduction`
        too."""
        return TorchCall(type(self).__name__, dict(self))

    @property
    def divisor(self) -> Divisor | None:
        """What the mean divides by; None is the number of targets."""
        return None

    @property
    def balances(self) -> bool:
        """True if its factors follow from how often each class occurs in the training data."""
        return False

    def balanced(self, factors: tuple[float, ...]) -> Loss:
        """The same with these factors, of one that `balances`."""
        raise NotImplementedError

    @property
    def logarithmic(self) -> bool:
        """True if the output is the logarithm of what the target is."""
        return False

    @property
    def surprise(self) -> bool:
        """True if the mean is that of −log p(target), whose exponential is the perplexity."""
        return False

    def target_shape(self, output: Shape) -> Shape:
        """The shape of an example's target, for an output of this shape."""
        if self.vectors:
            return ()
        return output[1:] if self.target == "classes" else output


def is_image(type_: TensorType) -> bool:
    """True if an input of this type is an image, for which transforms are defined."""
    return len(type_.shape) == 3 and type_.dtype == "float32"


def is_map(loss: Loss, input: Sequence[object], target: Sequence[object]) -> bool:
    """True if a target has a value for each place of an image: a mask of classes, a picture, a depth.

    Args:
        loss: says what targets are.
        input: shape of one example.
        target: shape of its target, the channels of values in front.
    """
    if len(input) != 3:
        return False
    if loss.target == "classes":
        return len(target) == 2
    return len(target) == 3 or (len(target) == 2 and tuple(target) == tuple(input[1:]))
