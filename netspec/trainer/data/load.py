"""A recipe's data → `DataSplits` on the training device, checked against the net."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.utils.data import Dataset

from netspec.diagnostics import ResourceError
from netspec.dims import Shape
from netspec.layers.base import TensorType
from netspec.recipe.base import DataSet, ImageType, is_image, is_map
from netspec.recipe.datasets.table import Table
from netspec.recipe.fit import mending, told
from netspec.recipe.resolved import Recipe
from netspec.recipe.terms import EndValue, Given, LossTerm, LossTerms, NetEnds, resolve, values_of
from netspec.trainer.data.blocks import block_split
from netspec.trainer.data.folder import ImageFiles
from netspec.trainer.data.parts import Part, Parts, Request, data_root
from netspec.trainer.data.splits import DataSplits, Resident, Split, hold_out
from netspec.trainer.data.streamed import HostExamples, Streamed
from netspec.trainer.data.supplied import GivenData
from netspec.trainer.data.table import read_rows
from netspec.trainer.data.targets import check_targets, dtype_text, sizes_text
from netspec.trainer.data.tensors import read_examples
from netspec.trainer.machine.device import gpu_memory
from netspec.trainer.machine.values import each, joined
from netspec.trainer.transforms.draws import draw_key
from netspec.trainer.transforms.pipeline import Pipeline, Pipelines


def load_data(
    recipe: Recipe,
    input: Given,
    output: Given,
    device: torch.device | str = "cpu",
    *,
    root: str | os.PathLike[str] | None = None,
    base: Path | None = None,
    budget: int | None = None,
    workers: int | None = None,
    download: bool = True,
    kept: Path | None = None,
    given: GivenData | None = None,
    processes: int = 1,
) -> DataSplits:
    """Load, divide and check the data of a recipe.

    Args:
        recipe: what to load; `recipe.seed` draws the validation share.
        input: the net's input, without the batch axis; its inputs by name, if they have names.
        output: the net's output, likewise.
        device: where batches are wanted.
        root: folder of torchvision's data sets; None is NETSPEC_DATA, else `data`.
        base: where relative paths of the recipe count from, if what they name is there; else, and if None, the
            working directory.
        budget: bytes that the examples may take on the device; None is `default_budget(device)`. What is larger is
            streamed from the host, or from the files, by the same interface.
        workers: processes that decode streamed images; None is one per processor, at most 8. 0 decodes in this one.
        download: fetch torchvision data sets that are missing.
        kept: what a run keeps of its data, which they then have in place of what the recipe names.
        given: what a program gives, for a recipe that leaves it to one.
        processes: the number of processes that share each batch.

    Raises:
        ResourceError: data are missing, damaged, or do not fit the net.
        UsageError: a program gives none, or such as do not go with the recipe.
    """
    started, device = time.perf_counter(), torch.device(device)
    limit = default_budget(device) if budget is None else budget
    ends = NetEnds(values_of(input), values_of(output))
    terms = resolve(recipe.losses, ends, text=recipe.data.next_token)
    first = ends.outputs[0].type or TensorType(())
    request = Request(
        recipe, ends.inputs, first, terms.fields, data_root(root, base), base, limit, download, kept,
        given, terms.terms, device, workers, processes,
    )  # fmt: skip
    parts = _read(recipe.data, request)
    named = parts.named
    classes, ignores = check_targets(named, parts.classes, terms, len(ends.inputs))
    size = sum(part.nbytes for _, part in named)
    splits = _splits(recipe, terms, named, ends, device, workers, fits=size <= limit)
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
        bytes=size,
        kept=parts.kept,
        form=parts.form,
        ignores=tuple(
            found or _may_ignore(term, parts.train, terms) or _leaves_gaps(recipe, term, parts.train, ends)
            for found, term in zip(ignores, terms.terms, strict=True)
        ),
    )


def load_examples(recipe: Recipe, input: Given, output: Given, path: Path, device: torch.device) -> Split:
    """Load a file of tensors without targets, for a net that is trained: what the recipe transforms is transformed.

    Args:
        recipe: the recipe.
        input: as of `load_data`.
        output: likewise.
        path: a file as `tensors` data have it.
        device: where batches are wanted.

    Raises:
        ResourceError: the file is damaged, or does not fit the net.
    """
    ends = NetEnds(values_of(input), values_of(output))
    part = read_examples(path, ends.inputs)
    pipeline = _pipeline(recipe, LossTerms((), ()), part, ends, device)
    split = _split("", torch.arange(len(part.y)), part, pipeline, device, True, None)
    for number, value in enumerate(ends.inputs):
        _check_input(split, part, recipe, number, value)
    return split


def load_rows(recipe: Recipe, input: Given, path: Path, kept: Path, device: torch.device) -> tuple[Split, list[str]]:
    """Load the rows of a table without targets, for a net that is trained on one; with warnings of what is in them.

    Args:
        recipe: the recipe.
        input: as of `load_data`.
        path: the file.
        kept: what the run keeps of its table.
        device: where batches are wanted.

    Raises:
        MissingExtra: the library for tables is not installed.
        ResourceError: a file is missing or damaged, or lacks a column.
    """
    part, warnings = read_rows(path, cast("Table", recipe.data), kept)
    split = _split("", torch.arange(len(part.y)), part, None, device, True, None)
    _check_input(split, part, recipe, 0, values_of(input)[0])
    return split, warnings


def _splits(
    recipe: Recipe,
    terms: LossTerms,
    parts: list[tuple[str, Part]],
    ends: NetEnds,
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
        if part.blocks is not None and isinstance(part.x, Tensor):
            splits[name] = block_split(name, part.x, part.blocks, device, fits=fits)
            continue
        pipeline = _pipeline(recipe, terms, part, ends, device)
        rows = torch.arange(len(part.y) if part.stream is None else part.stream.count)
        if name == "train" and validates:
            if len(rows) < 2:
                raise ResourceError(
                    f"{part.origin} has one example, which cannot be divided into training and validation; "
                    "give more, or leave `validation` out"
                )
            labels = part.y if part.stream is None else rows.unsqueeze(1)  # those of a stream are not known
            rows, held = hold_out(labels, recipe.validation, recipe.seed, recipe.fold)
            splits["validation"] = _split("validation", held, part, pipeline, device, fits, workers)
            splits["validation"].sources = part.sources
            if isinstance(splits["validation"], Resident):  # both parts are rows of the same tensors on the device
                part.x, *inputs = each(splits["validation"].x)
                part.y, *targets = each(splits["validation"].y)
                part.inputs, part.targets = tuple(inputs), tuple(targets)
        splits[name] = _split(name, rows, part, pipeline, device, fits, workers)
        splits[name].sources = part.sources
        for number, value in enumerate(ends.inputs):
            _check_input(splits[name], part, recipe, number, value)
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
    pipeline: Pipeline | Pipelines | None,
    device: torch.device,
    fits: bool,
    workers: int | None,
) -> Split:
    if part.stream is not None:
        return part.stream.split(name, rows, pipeline, device, workers)
    if fits and isinstance(part.x, Tensor):
        x, y = (joined(tuple(tensor.to(device) for tensor in tensors)) for tensors in (
            (part.x, *part.inputs), (part.y, *part.targets)
        ))  # fmt: skip
        return Resident(name, rows, x, y, pipeline)
    y = joined((part.y, *part.targets))
    if isinstance(part.x, Tensor):
        return Streamed(name, rows, HostExamples(part.x), y, pipeline, device, workers or 0, part.inputs)
    count = min(os.cpu_count() or 1, 8) if workers is None else workers
    return Streamed(name, rows, part.x, y, pipeline, device, count, part.inputs)


def _pipeline(
    recipe: Recipe, terms: LossTerms, part: Part, ends: NetEnds, device: torch.device
) -> Pipeline | Pipelines | None:
    """The transforms that are left to do on the device, and the maps that move with the image."""
    inputs = [_input_pipeline(recipe, part, number, value, device) for number, value in enumerate(ends.inputs)]
    moving = [_mover(recipe, terms, part, ends, number, device) for number in range(1 + len(part.targets))]
    if len(inputs) == len(moving) == 1:
        return inputs[0] if moving[0] is None or inputs[0] is None else moving[0]
    return Pipelines(inputs, moving)


def _input_pipeline(recipe: Recipe, part: Part, number: int, value: EndValue, device: torch.device) -> Pipeline | None:
    """What becomes of an input before the net takes it; None for integers, which have no transforms."""
    stored = (part.x, *part.inputs)[number]
    if isinstance(stored, Tensor) and stored.dtype in (torch.int64, torch.bool):
        return None
    if part.inputs and not (value.type is not None and is_image(value.type)):
        return Pipeline((), (), device)
    return Pipeline(recipe.transforms[part.transformed if number == 0 else 0 :], recipe.augment, device)


def _mover(
    recipe: Recipe, terms: LossTerms, part: Part, ends: NetEnds, number: int, device: torch.device
) -> Pipeline | None:
    """The pipeline that moves the target with this number in the data as an image; None if it is no map."""
    image = _image(ends)
    term = next((term for term in terms.terms if term.target == len(ends.inputs) + number), None)
    y = (part.y, *part.targets)[number]
    if image is None or term is None or not is_map(term.loss, image.shape, y.shape[1:]):
        return None
    return Pipeline(recipe.transforms[part.transformed :], recipe.augment, device, term.loss)


def _image(ends: NetEnds) -> TensorType | None:
    """The type of the input that is an image: augmentation is refused where there are several."""
    types = [value.type for value in ends.inputs if value.type is not None]
    return types[0] if len(types) == 1 else next((type_ for type_ in types if is_image(type_)), None)


def _may_ignore(term: LossTerm, part: Part, terms: LossTerms) -> bool:
    """True if targets that are not seen yet may be such as the loss ignores."""
    return part.stream is not None and term.loss.divisor is not None and len(terms.terms) == 1


def _leaves_gaps(recipe: Recipe, term: LossTerm, part: Part, ends: NetEnds) -> bool:
    """True if augmentation moves masks: what comes from outside of one is of the class that the loss ignores."""
    image, first = _image(ends), len(ends.inputs)
    if image is None or term.target is None or term.target < first:
        return False
    y = (part.y, *part.targets)[term.target - first]
    return is_map(term.loss, image.shape, y.shape[1:]) and any(step.moves for step in recipe.augment)


# ---- checks


def _check_input(split: Split, part: Part, recipe: Recipe, number: int, value: EndValue) -> None:
    """Run the first example through the transforms and hold it against an input of the net."""
    stored, input = (part.x, *part.inputs)[number], value.type
    assert input is not None, "a net that trains has known inputs"
    pipeline = _input_pipeline(recipe, part, number, value, torch.device("cpu"))
    first = stored[:1].cpu() if isinstance(stored, Tensor) else _first(stored).unsqueeze(0)
    what = f"input `{value.name}`" if part.inputs else "input"
    try:
        x = first if pipeline is None else pipeline(first)
    except (RuntimeError, ValueError, IndexError) as error:
        raise ResourceError(f"the transforms cannot take the examples of {part.origin} ({error})") from None
    got = tuple(x.shape[1:])
    if got != input.shape:
        shape = part.shape if number == 0 else tuple(first.shape[1:])
        via = f" after the transforms ({sizes_text(shape)} as stored)" if recipe.transforms else ""
        of = f" of {split.name}" if split.name else ""
        raise ResourceError(
            f"an example{of} in {part.origin} is {sizes_text(got)}{via}, "
            f"but the net's {what} is {sizes_text(input.shape)}" + _resized(first, recipe, got, input.shape)
        )
    if split.name == "train" and pipeline is not None and recipe.augment and (is_image(input) or not part.inputs):
        _check_augment(pipeline, first, recipe, input)
    if str(x.dtype) != f"torch.{input.dtype}":
        key = value.name if part.inputs else "x"
        method = {"int64": "long", "bool": "bool"}.get(input.dtype, "float")
        raise ResourceError(
            f"the examples of {part.origin} are {dtype_text(x)}, but the net's {what} is {input.dtype}; "
            f"store them as `{key}.{method}()`"
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
            f"`train.augment` ({names}) makes an example {sizes_text(got)}, but the net's input is "
            f"{sizes_text(input.shape)}; what changes the size for good belongs into `transforms`, which evaluation "
            "takes too"
        )


def _resized(first: Tensor, recipe: Recipe, got: tuple[int, ...], wanted: Shape) -> str:
    """What to write so that the examples get the net's size, as the end of the message; nothing for no images."""
    numbers = tuple(n for n in wanted if isinstance(n, int))
    if len(got) != 3 and not recipe.transforms:
        return f"; let the examples be {sizes_text(wanted)}, or write `input: {list(got)}`"
    if len(got) != 3 or len(numbers) != 3 or first.dtype == torch.int64:
        return ""
    mend = told(mending(ImageType(*got), numbers, recipe.transforms, exact=True))
    return "" if mend is None else f"; {mend}"
