"""A recipe's data → `DataSplits` on the training device, checked against the net."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from netspec.diagnostics import ResourceError
from netspec.dims import Shape
from netspec.layers.base import TensorType
from netspec.recipe.base import DataSet, ImageType, is_map
from netspec.recipe.fit import mending
from netspec.recipe.resolved import Recipe
from netspec.trainer.data.folder import ImageFiles
from netspec.trainer.data.parts import Part, Parts, Request, data_root
from netspec.trainer.data.splits import DataSplits, Resident, Split, hold_out
from netspec.trainer.data.streamed import HostExamples, Streamed
from netspec.trainer.machine.device import gpu_memory
from netspec.trainer.transforms.draws import draw_key
from netspec.trainer.transforms.pipeline import Pipeline


def load_data(
    recipe: Recipe,
    input: TensorType,
    output: TensorType,
    device: torch.device | str = "cpu",
    *,
    root: str | os.PathLike[str] | None = None,
    base: Path | None = None,
    budget: int | None = None,
    workers: int | None = None,
    download: bool = True,
) -> DataSplits:
    """Load, divide and check the data of a recipe.

    Args:
        recipe: what to load; `recipe.seed` draws the validation share.
        input: the net's input, without the batch axis.
        output: the net's output, without the batch axis.
        device: where batches are wanted.
        root: folder of torchvision's data sets; None is NETSPEC_DATA, else `data`.
        base: where relative paths of the recipe count from, if what they name is there; else, and if None, the
            working directory.
        budget: bytes that the examples may take on the device; None is `default_budget(device)`. What is larger is
            streamed from the host, or from the files, by the same interface.
        workers: processes that decode streamed images; None is one per processor, at most 8. 0 decodes in this one.
        download: fetch torchvision data sets that are missing.

    Raises:
        ResourceError: data are missing, damaged, or do not fit the net.
    """
    started = time.perf_counter()
    device = torch.device(device)
    limit = default_budget(device) if budget is None else budget
    parts = _read(recipe.data, Request(recipe, input, output, data_root(root, base), base, limit, download))
    named = [(n, p) for n, p in (("train", parts.train), ("validation", parts.validation), ("test", parts.test)) if p]
    classes, ignores = _check_targets(named, parts.classes, recipe, output)
    fits = sum(part.nbytes + part.y.nbytes for _, part in named) <= limit
    splits = _splits(recipe, named, input, device, workers, fits=fits)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return DataSplits(
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
        classes=classes,
        names=parts.names,
        hash=parts.hash,
        notes=parts.notes,
        seconds=time.perf_counter() - started,
        bytes=sum(part.nbytes + part.y.nbytes for _, part in named),
        ignores=ignores or _leaves_gaps(recipe, parts.train, input),
    )


def _splits(
    recipe: Recipe,
    parts: list[tuple[str, Part]],
    input: TensorType,
    device: torch.device,
    workers: int | None,
    *,
    fits: bool,
) -> dict[str, Split]:
    """The parts as batches come out of them, the share for validation among them.

    Raises:
        ResourceError: examples do not fit the net, or there are too few for a share.
    """
    splits: dict[str, Split] = {}
    validates = recipe.validation > 0 and all(name != "validation" for name, _ in parts)
    for name, part in parts:
        pipeline = _pipeline(recipe, part, input, device)
        rows = torch.arange(len(part.y))
        if name == "train" and validates:
            if len(part.y) < 2:
                raise ResourceError(
                    f"{part.origin} has one example, which cannot be divided into training and validation; "
                    "give more, or leave `validation` out"
                )
            rows, held = hold_out(part.y, recipe.validation, recipe.seed)
            splits["validation"] = _split("validation", held, part, pipeline, device, fits, workers)
            if isinstance(splits["validation"], Resident):  # both parts are rows of one tensor on the device
                part.x, part.y = splits["validation"].x, splits["validation"].y
        splits[name] = _split(name, rows, part, pipeline, device, fits, workers)
        _check_input(splits[name], part, recipe, input)
    return splits


def default_budget(device: torch.device) -> int:
    """Bytes that resident examples may take: a quarter of what a run may use of a GPU, or of the machine's memory."""
    if device.type == "cuda":
        return gpu_memory(device) // 4
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4


def _read(data: DataSet, request: Request) -> Parts:
    """What the data's own module makes of them."""
    read: Callable[[DataSet, Request], Parts] = import_module(f"netspec.trainer.data.{data.reader}").read
    return read(data, request)


def _split(
    name: str,
    rows: Tensor,
    part: Part,
    pipeline: Pipeline | None,
    device: torch.device,
    fits: bool,
    workers: int | None,
) -> Split:
    if fits and isinstance(part.x, Tensor):
        return Resident(name, rows, part.x.to(device), part.y.to(device), pipeline)
    if isinstance(part.x, Tensor):
        return Streamed(name, rows, HostExamples(part.x), part.y, pipeline, device, workers or 0)
    count = min(os.cpu_count() or 1, 8) if workers is None else workers
    return Streamed(name, rows, part.x, part.y, pipeline, device, count)


def _pipeline(recipe: Recipe, part: Part, input: TensorType, device: torch.device) -> Pipeline | None:
    """The transforms that are left to do on the device; None for integers, which have none."""
    if isinstance(part.x, Tensor) and part.x.dtype == torch.int64:
        return None
    maps = is_map(recipe.loss, input.shape, part.y.shape[1:])
    return Pipeline(recipe.transforms[part.transformed :], recipe.augment, device, recipe.loss if maps else None)


def _leaves_gaps(recipe: Recipe, part: Part, input: TensorType) -> bool:
    """True if augmentation moves masks: what comes from outside of one is of the class that the loss ignores."""
    return is_map(recipe.loss, input.shape, part.y.shape[1:]) and any(step.moves for step in recipe.augment)


# ---- checks


def _check_targets(
    parts: list[tuple[str, Part]], classes: int | None, recipe: Recipe, output: TensorType
) -> tuple[int | None, bool]:
    """Hold the targets against the loss and the net's output; the number of classes, or None for values, and whether
    there are targets that the loss ignores."""
    wants_classes = recipe.loss.target == "classes"
    highest, ignores = -1, False
    for name, part in parts:
        y = part.y
        if not len(y):
            raise ResourceError(f"{part.origin} has no {name} examples")
        if not wants_classes:
            _check_values(part, recipe, output)
            continue
        if y.dtype != torch.int64:
            raise ResourceError(
                f"the targets of {part.origin} are {_dtype(y)}, but {recipe.loss.name()} wants int64 classes; "
                "store them as `y.long()`"
            )
        if tuple(y.shape[1:]) != tuple(output.shape[1:]):
            raise ResourceError(
                f"a target of {part.origin} has the shape {list(y.shape[1:])}, but the net's output "
                f"{list(output.shape)} wants {list(output.shape[1:])}: "
                f"{recipe.loss.name()} has the scores of the classes on the first axis"
                + ("; store `y.squeeze(1)`" if tuple(y.shape[1:]) == (1, *output.shape[1:]) else "")
            )
        top, ignored = _check_classes(name, part, recipe, output)
        highest, ignores = max(highest, top), ignores or ignored
    if not wants_classes:
        return None, False
    return classes if classes is not None else highest + 1, ignores


def _check_classes(name: str, part: Part, recipe: Recipe, output: TensorType) -> tuple[int, bool]:
    """Hold classes against the net's scores; the highest class, and whether there are targets that do not count."""
    width = output.shape[0] if output.shape else 1
    divisor, y = recipe.loss.divisor, part.y
    counted = None if divisor is None else y != divisor.ignore_index
    ignores = counted is not None and not bool(counted.all())
    if ignores:
        y = y[counted]
        if not len(y):
            raise ResourceError(
                f"every {name} target of {part.origin} is {divisor.ignore_index if divisor else None}, which "
                f"{recipe.loss.name()} ignores: there is nothing to learn from or to measure by"
            )
    lowest, top = int(y.min()), int(y.max())
    if lowest < 0:
        but = f"; {recipe.loss.name()} ignores {divisor.ignore_index} alone" if divisor else ""
        raise ResourceError(f"a target of {part.origin} is {lowest}, but classes count from 0{but}")
    if top >= width:  # pyright: ignore[reportOperatorIssue]  # a net is trained with numbers only
        at = int((part.y.reshape(len(part.y), -1) == top).any(1).nonzero()[0])
        raise ResourceError(
            f"example {at} of {part.origin} is of class {top}, but the net has {width} outputs, from class 0 on"
            + _renumbered(lowest, top, recipe, output)
        )
    return top, ignores


def _renumbered(lowest: int, top: int, recipe: Recipe, output: TensorType) -> str:
    """What classes that are too high probably are, with what to write, as the end of the message."""
    if (lowest, top) == (1, output.shape[0] if output.shape else 1):
        return "; if they count from 1, store `y - 1`"
    if recipe.loss.divisor is None:
        return ""
    return f"; if {top} marks what has no class, write `loss: {{{recipe.loss.name()}: {{ignore_index: {top}}}}}`"


def _check_values(part: Part, recipe: Recipe, output: TensorType) -> None:
    loss = recipe.loss.name()
    if part.y.dtype != torch.float32:
        raise ResourceError(
            f"the targets of {part.origin} are {_dtype(part.y)}, but {loss} compares float32 values; "
            "store them as `y.float()`"
        )
    if tuple(part.y.shape[1:]) != output.shape:
        raise ResourceError(
            f"a target of {part.origin} is {_sizes(tuple(part.y.shape[1:]))}, but the net's output is "
            f"{_sizes(output.shape)}, and {loss} compares values of equal shape"
            + _reshaped(tuple(part.y.shape[1:]), output.shape)
        )
    if recipe.loss.shares and not bool(((part.y >= 0) & (part.y <= 1)).all()):
        raise ResourceError(f"{loss} wants targets between 0 and 1, and those of {part.origin} go beyond")


def _check_input(split: Split, part: Part, recipe: Recipe, input: TensorType) -> None:
    """Run the first example through the transforms and hold it against the net's input."""
    pipeline = _pipeline(recipe, part, input, torch.device("cpu"))
    first = part.x[:1].cpu() if isinstance(part.x, Tensor) else _first(part.x).unsqueeze(0)
    try:
        x = first if pipeline is None else pipeline(first)
    except (RuntimeError, ValueError, IndexError) as error:
        raise ResourceError(f"the transforms cannot take the examples of {part.origin} ({error})") from None
    got = tuple(x.shape[1:])
    if got != input.shape:
        via = f" after the transforms ({_sizes(part.shape)} as stored)" if recipe.transforms else ""
        raise ResourceError(
            f"an example of {split.name} in {part.origin} is {_sizes(got)}{via}, "
            f"but the net's input is {_sizes(input.shape)}" + _resized(part, recipe, got, input.shape)
        )
    if split.name == "train" and pipeline is not None and recipe.augment:
        _check_augment(pipeline, first, recipe, input)
    if str(x.dtype) != f"torch.{input.dtype}":
        raise ResourceError(
            f"the examples of {part.origin} are {_dtype(x)}, but the net's input is {input.dtype}; "
            f"store them as `x.{'long' if input.dtype == 'int64' else 'float'}()`"
        )


def _first(examples: Dataset[Tensor]) -> Tensor:
    return examples.first() if isinstance(examples, ImageFiles) else examples[0]


def _check_augment(pipeline: Pipeline, first: Tensor, recipe: Recipe, input: TensorType) -> None:
    """What augmentation makes of an example must still be what the net takes."""
    names = ", ".join(f"`{step.name()}`" for step in recipe.augment)
    try:
        got = tuple(pipeline(first, torch.zeros(1, dtype=torch.int64), draw_key(recipe.seed, 0)).shape[1:])
    except (RuntimeError, ValueError, IndexError) as error:
        raise ResourceError(f"`train.augment` ({names}) cannot take the transformed examples: {error}") from None
    if got != input.shape:
        raise ResourceError(
            f"`train.augment` ({names}) makes an example {_sizes(got)}, but the net's input is {_sizes(input.shape)}; "
            "what changes the size for good belongs into `transforms`, which evaluation takes too"
        )


def _resized(part: Part, recipe: Recipe, got: tuple[int, ...], wanted: Shape) -> str:
    """What to write so that the examples get the net's size, as the end of the message; nothing for no images."""
    numbers = tuple(n for n in wanted if isinstance(n, int))
    if len(got) != 3 or len(numbers) != 3 or (isinstance(part.x, Tensor) and part.x.dtype == torch.int64):
        return ""
    mend = mending(ImageType(*got), numbers, recipe.transforms, exact=True)
    return f"; {mend}" if mend is not None else ""


def _reshaped(target: tuple[int, ...], output: Shape) -> str:
    """What to store, where a target and the net's output differ by an axis of one alone."""
    if len(output) == len(target) + 1 and output == (*target, 1):
        return f"; store `y` as N × {_sizes(output)}: `y.unsqueeze({len(output)})`"
    if len(target) == len(output) + 1 and target == (*output, 1):
        return f"; store `y` as N{''.join(f' × {n}' for n in output)}: `y.squeeze({len(target)})`"
    return ""


def _dtype(t: Tensor) -> str:
    return str(t.dtype).removeprefix("torch.")


def _sizes(shape: tuple[object, ...]) -> str:
    return " × ".join(map(str, shape)) if shape else "a single number"
