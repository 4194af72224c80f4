"""What a trained run gives for examples: pictures, files of tensors, or the data of the run: `netspec predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import resize  # pyright: ignore[reportMissingTypeStubs]  # torchvision ships no types

from netspec.diagnostics import UsageError
from netspec.recipe.base import is_image
from netspec.recipe.datasets.table import Table
from netspec.recipe.measures import reads_of
from netspec.trainer.data.columns import columns_of
from netspec.trainer.data.ends import given_of
from netspec.trainer.data.load import load_examples, load_rows
from netspec.trainer.data.pictures import read_picture
from netspec.trainer.data.splits import Split
from netspec.trainer.errors import NonFinite
from netspec.trainer.machine.device import numerics
from netspec.trainer.machine.host import floats, ints
from netspec.trainer.machine.values import Values, each
from netspec.trainer.measure.evaluation import autocast, evaluating
from netspec.trainer.measure.measured import likelihood
from netspec.trainer.trained.opening import Trained
from netspec.trainer.transforms.pipeline import Pipeline
from netspec.views.describe import shape_text

TENSORS = ".safetensors"
"""The ending of a file that holds inputs; any other is a picture."""

_SHOWN = 8
"""So many values of an output are printed; the JSON has all."""


class Label(NamedTuple):
    """What a net says of a yes or no."""

    name: str | None
    """The likelier of the two words of its column; None where that has 0 and 1."""
    share: float
    """The probability of the second word, or of 1."""

    @property
    def probability(self) -> float:
        """That of the word that is said; of 1 where there are none."""
        return self.share if self.name is None or self.share > 0.5 else 1 - self.share


@dataclass(frozen=True)
class Answer:
    """What a net gives for one example."""

    source: dict[str, Any]
    """What the example is, for JSON: `image`, or `file` or `split` with the number of the `example`, from 0."""
    classes: list[tuple[str, float]] | None
    """The most probable classes in descending order, with their probabilities; None if no output is one of classes."""
    outputs: dict[str, Tensor | tuple[Tensor, ...]]
    """The values of each output by its name, on the host; those of a family are a tuple. Empty for a classifier with
    one output."""
    labels: dict[str, Label] = field(default_factory=dict[str, "Label"])
    """What is said of each target that is a label of a table, by its column."""

    def text(self) -> str:
        """The answer as lines of text: the classes, and then a line for each output."""
        where, *number = (str(value) for value in self.source.values())
        head = f"{where}{f'[{number[0]}]' if number else ''}:"
        named = ", ".join(f"{name} {share:.3f}" for name, share in self.classes or ())
        shown = {name: _short(value) for name, value in self.outputs.items()}
        if self.labels:
            shown = {name: f"{said.name or ''} {said.probability:.3f}".strip() for name, said in self.labels.items()}
        return "\n".join([f"{head} {named}".rstrip(), *(f"  {name}: {text}" for name, text in shown.items())])

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain values, for JSON."""
        values = dict(self.source)
        if self.classes is not None:
            values["classes"] = [{"name": name, "probability": share} for name, share in self.classes]
        if self.outputs:
            values["outputs"] = {name: _plain(value) for name, value in self.outputs.items()}
        if self.labels:
            values["labels"] = {
                name: {"name": said.name, "probability": said.probability} for name, said in self.labels.items()
            }
        return values


def _plain(value: Tensor | tuple[Tensor, ...]) -> Any:
    return [_plain(part) for part in value] if isinstance(value, tuple) else cast(Any, value).tolist()


def _short(value: Tensor | tuple[Tensor, ...]) -> str:
    if isinstance(value, tuple):
        return "; ".join(map(_short, value))
    shown = " ".join(f"{number:.4g}" for number in floats(value.flatten()[:_SHOWN]))
    return shown if value.numel() <= _SHOWN else f"{shown} … ({shape_text(tuple(value.shape))})"


def predict(trained: Trained, paths: Sequence[Path], top: int = 3, warn: Callable[[str], object] = str) -> list[Answer]:
    """What a run gives for pictures, for files of tensors, and for tables where it is on one.

    A picture is converted to the channels of the data that the run was trained on, and to their size if they have a
    fixed one; then the recipe's transforms are applied. A safetensors file holds a tensor of examples under the name of
    each input, the only one as `x`, as the data set `tensors` does.

    Args:
        trained: the run.
        paths: the files.
        top: the number of classes of an answer.
        warn: takes warnings, such as of categories in a table that the run has not seen; left out, nobody does.

    Raises:
        UsageError: there is no such file, the net takes no single picture, or a picture does not have the size of its
            input after the transforms.
        ResourceError: a file is neither a picture nor a file of the net's inputs.
        NonFinite: an output is not finite.
    """
    answers: list[Answer] = []
    for path in paths:
        if path.suffix == TENSORS or trained.recipe.data.tabular:
            if not path.is_file():
                raise UsageError(f"there is no file `{path}`")
            split, warnings = _examples(trained, path)
            for warning in warnings:
                warn(warning)
            answers += _of_split(trained, split, {"file": str(path)}, top)
        else:
            answers += _answers(trained, _picture(trained, path), [{"image": str(path)}], top)
    return answers


def _examples(trained: Trained, path: Path) -> tuple[Split, list[str]]:
    """The examples of a file of tensors, or of a table where the run is on one, with warnings."""
    ends, device = given_of(trained.net), trained.arithmetic.device
    if path.suffix == TENSORS:
        return load_examples(trained.recipe, *ends, path, device), []
    kept = trained.run.kept(trained.recipe.data)
    if kept is None:
        raise UsageError(f"the run `{trained.run.path}` has lost its `{trained.recipe.data.keeps}`: train anew")
    return load_rows(trained.recipe, ends[0], path, kept, device)


def predict_split(trained: Trained, name: str, count: int, root: Path | None = None, top: int = 3) -> list[Answer]:
    """What a run gives for the first examples of a part of its data.

    Args:
        trained: the run.
        name: `train`, `validation` or `test`.
        count: the number of examples.
        root: the directory of the data; None for that of the run.
        top: the number of classes of an answer.

    Raises:
        UsageError: the data have no such part.
        ResourceError: data are missing or damaged.
        NonFinite: an output is not finite.
    """
    split = trained.part(trained.data(root), name)
    split.rows = split.rows[:count]
    return list(_of_split(trained, split, {"split": name}, top))


def _of_split(trained: Trained, split: Split, source: dict[str, Any], top: int) -> Iterator[Answer]:
    start = 0
    for x, _ in split.batches(trained.recipe.batch_size):
        count = len(each(x)[0])
        yield from _answers(trained, x, [source | {"example": start + i} for i in range(count)], top)
        start += count


def _answers(trained: Trained, x: Values, sources: Sequence[dict[str, Any]], top: int) -> list[Answer]:
    """The answers for a batch, an example for each source."""
    objective = trained.objective()
    with numerics(trained.arithmetic), evaluating(trained.model), autocast(trained.arithmetic):
        given = objective.outputs(trained.model(*each(x)))[0]
        outputs = [tuple(map(_on_host, part)) if isinstance(part, tuple) else _on_host(part) for part in given]
    named = {value.name or "output": part for value, part in zip(trained.net.outputs, outputs, strict=True)}
    loss = objective.classifier if trained.classifies else None
    scores = None if loss is None else outputs[loss.term.of[0]]
    known = _known(trained)
    answers: list[Answer] = []
    for i, source in enumerate(sources):
        own = {k: tuple(t[i] for t in part) if isinstance(part, tuple) else part[i] for k, part in named.items()}
        for name, part in own.items():
            if not all(bool(tensor.isfinite().all()) for tensor in (part if isinstance(part, tuple) else (part,))):
                which = f"output `{name}`" if len(named) > 1 else "output"
                where = "[".join(map(str, source.values())) + "]" * (len(source) - 1)
                raise NonFinite(f"`{where}`: the net's {which} for it is not finite, though every weight is")
        said, own = _labels(trained, own, known), _by_column(trained, own)
        classes = None if not isinstance(scores, Tensor) else _classes(trained.names, scores[i], top)
        answers.append(Answer(source, classes, {} if classes is not None and len(own) == 1 else own, said))
    return answers


def _by_column(
    trained: Trained, outputs: dict[str, Tensor | tuple[Tensor, ...]]
) -> dict[str, Tensor | tuple[Tensor, ...]]:
    """The outputs of an example; of a net that says the columns of a table, which are values, by their names."""
    data, (item, *more) = trained.recipe.data, trained.recipe.losses
    output = next(iter(outputs.values()))
    if not data.tabular or more or trained.net.outputs[0].name is not None or not isinstance(output, Tensor):
        return outputs
    targets = cast("Table", data).targets
    if reads_of(item.loss) != "values" or item.loss.logarithmic or output.numel() != len(targets):
        return outputs
    parts = output.flatten() if len(targets) > 1 else (output,)
    return dict(zip(targets, parts, strict=True))


def _known(trained: Trained) -> Sequence[str] | None:
    """The words of a table's target, in their order; None where the run keeps none."""
    kept = trained.run.kept(trained.recipe.data) if trained.recipe.data.tabular else None
    return None if kept is None else columns_of(kept.read_text(encoding="utf-8"), str(kept)).classes


def _labels(
    trained: Trained, outputs: dict[str, Tensor | tuple[Tensor, ...]], known: Sequence[str] | None
) -> dict[str, Label]:
    """What a net says of the columns of a table that are labels; nothing where they are none. `known` are the words."""
    data, (item, *more) = trained.recipe.data, trained.recipe.losses
    (output, *others) = outputs.values()
    if not data.tabular or more or others or not isinstance(output, Tensor) or reads_of(item.loss) != "labels":
        return {}
    shares = floats(likelihood(item.loss)(output.flatten()))
    return {
        name: Label(None if known is None else known[share > 0.5], share)
        for name, share in zip(cast("Table", data).targets, shares, strict=True)
    }


def _on_host(output: Tensor) -> Tensor:
    return (output.float() if output.is_floating_point() else output).cpu()


def _classes(names: Sequence[str], scores: Tensor, top: int) -> list[tuple[str, float]]:
    shares, classes = scores.softmax(0).topk(min(top, len(scores)))
    return [(names[i], share) for i, share in zip(ints(classes), floats(shares), strict=True)]


def _picture(trained: Trained, path: Path) -> Tensor:
    """A picture as the net takes it, float32 (1, C, H, W) on the device.

    Raises:
        UsageError: the net takes something else, there is no such file, or it has another size.
        ResourceError: it is not an image.
    """
    net, run = trained.net, trained.run.path
    keys = [str(value.name) for value in net.inputs] if len(net.inputs) > 1 else ["x"]
    named = ", ".join(f"`{key}`" for key in keys)
    instead = (
        f"give a file NAME{TENSORS} with the examples under {named}, or `--split test` for those of the run's data"
    )
    if len(net.inputs) > 1:
        raise UsageError(
            f"`{path}` is one picture, and the net of the run `{run}` takes {len(net.inputs)} inputs; {instead}"
        )
    if not (trained.recipe.data.images and is_image(net.input)):
        raise UsageError(
            f"`{path}` is a picture, and the net of the run `{run}` takes {shape_text(net.input_shape)}; {instead}"
        )
    device = trained.arithmetic.device
    with numerics(trained.arithmetic):
        x = Pipeline(trained.recipe.transforms, (), device)(_read(trained, path).to(device))
    if tuple(x.shape[1:]) != net.input_shape:
        raise UsageError(
            f"`{path}` is, after the recipe's transforms, {shape_text(tuple(x.shape[1:]))}, "
            f"but the net takes {shape_text(net.input_shape)}; bring the picture to that size"
        )
    return x


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
