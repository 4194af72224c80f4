"""Pairs of pictures in files: found by their names, decoded together, and moved together by the transforms."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from netspec.diagnostics import ResourceError, UsageError
from netspec.recipe.base import ImageType, Loss, Transform
from netspec.recipe.datasets.maps import Pairs
from netspec.recipe.measures import reads_of
from netspec.trainer.data.fingerprint import hash_of_files
from netspec.trainer.data.folder import unusable
from netspec.trainer.data.given import GivenStream
from netspec.trainer.data.given import read as read_given
from netspec.trainer.data.listing import shown
from netspec.trainer.data.masks import check_classes, target_reader
from netspec.trainer.data.parts import Parts, Request, located
from netspec.trainer.data.pictures import read_picture
from netspec.trainer.data.supplied import GivenData
from netspec.trainer.transforms.pipeline import MovingTarget, Pipeline
from netspec.views.describe import plural

_NONE = torch.empty(1, 0)


@dataclass(frozen=True)
class PicturePair:
    """A picture and its target."""

    name: str
    image: str
    target: str


class PicturePairs(Dataset[tuple[Tensor, Tensor]]):
    """Pairs, decoded on access: the picture uint8 (C, H, W), the target as `target_reader` gives it, both after the
    transforms that make pictures of one size.

    Args:
        pairs: the files.
        channels: of the pictures.
        read_target: reads a target.
        transforms: what is applied to both here.
        loss: says how a target moves.
    """

    def __init__(
        self,
        pairs: Sequence[PicturePair],
        channels: int,
        read_target: Callable[[str], Tensor],
        transforms: Sequence[Transform],
        loss: Loss,
    ) -> None:
        self.pairs, self.channels, self._read = tuple(pairs), channels, read_target
        cpu = torch.device("cpu")
        self._prepare = Pipeline(transforms, (), cpu) if transforms else None
        self._move = MovingTarget(loss, transforms, cpu) if transforms else None

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        pair = self.pairs[index]
        image, target = read_picture(pair.image, self.channels, "repair or remove the pair"), self._read(pair.target)
        if image.shape[-2:] != target.shape[-2:]:
            raise ResourceError(
                f"`{shown(pair.target)}` is {_size(target)}, but `{shown(pair.image)}`, whose target it is, is "
                f"{_size(image)}; make them alike"
            )
        if self._prepare is None or self._move is None:
            return image, target
        try:
            moved = self._move(target.unsqueeze(0), _NONE).squeeze(0)
            made = self._prepare(image.unsqueeze(0)).squeeze(0)
        except (RuntimeError, ValueError) as error:
            raise ResourceError(
                f"`{shown(pair.image)}` is {_size(image)}, which the transforms cannot take ({error}); remove the pair"
            ) from None
        return made.mul_(255).round_().clamp_(0, 255).to(torch.uint8), moved


def read(data: Pairs, request: Request) -> Parts:
    """Load the pairs that a recipe names under `pairs:`.

    The leading transforms of the recipe are applied here until all pictures have one size, and as long as they move
    pixels.

    Raises:
        UsageError: the transforms scale values before the last one that moves pixels, or no loss compares a target.
        ResourceError: a folder is missing or empty, pictures are damaged, or a picture has no target.
    """
    here, fixed = _together(request.recipe.transforms, data.channels)
    root = located(data.path, request.base)
    named = {"train": data.train, "test": data.test, "validation": data.validation}
    parts = {part: _found(root, where, data, part) for part, where in named.items() if where is not None}
    loss, reader = _reader(data, request, parts["train"])
    sets = {part: PicturePairs(pairs, data.channels, reader, here, loss) for part, pairs in parts.items()}
    values = _decoded(sets) if _bytes(sets, fixed) <= request.budget else dict(sets)
    found = read_given(data, request._replace(given=GivenData(values, name=data.name())))
    for part, pairs in found.named:
        pairs.sources = tuple(shown(Path(pair.image).name) for pair in parts[part])
        pairs.transformed, pairs.origin = len(here), f"`{shown(str(root))}`" if part == "train" else pairs.origin
        if isinstance(pairs.stream, GivenStream):
            count = min(os.cpu_count() or 1, 8) if request.workers is None else request.workers
            pairs.stream = replace(pairs.stream, workers=count)
    found.classes = data.classes or (None if data.values is None else len(data.values))
    found.form = None
    found.hash = lambda: hash_of_files(root, _groups(parts))
    return found


def _groups(parts: dict[str, list[PicturePair]]) -> dict[str, dict[str, Path]]:
    """The files by part and kind, each under the name of its pair."""
    return {
        f"{part}/{kind}": {pair.name: Path(getattr(pair, kind)) for pair in pairs}
        for part, pairs in parts.items()
        for kind in ("image", "target")
    }


def _together(transforms: Sequence[Transform], channels: int) -> tuple[list[Transform], tuple[int, int] | None]:
    """The leading transforms that are applied to picture and target when they are read, and the size afterwards.

    Raises:
        UsageError: one of them scales values, which are stored with 8 bits.
    """
    size, count, fixed = ImageType(channels, None, None), 0, None
    for place, step in enumerate(transforms):
        size = step.output(size)
        if size.height is not None and size.width is not None and fixed is None:
            fixed, count = (size.height, size.width), place + 1
        if step.moves:
            count = max(count, place + 1)
    here = list(transforms[:count])
    scaling = next((step.name() for step in here[:-1] if step.scales), None)
    if scaling is not None:
        raise UsageError(
            f"`{scaling}` stands before `{here[-1].name()}`, which moves pixels; of `pairs` it must come last in "
            "`transforms`"
        )
    whole = size.height is not None and size.width is not None
    return here, (size.height or 0, size.width or 0) if whole else None


# ---- files


def _found(root: Path, where: str, data: Pairs, part: str) -> list[PicturePair]:
    """The pairs of a part, in the order of their names.

    Raises:
        ResourceError: there is no such folder or file, or a picture has no target.
    """
    place = root / where
    if place.is_file():
        names = [line.strip() for line in place.read_text(encoding="utf-8", errors="replace").splitlines()]
        base, wanted = root, [name for name in names if name]
        origin = f"`{shown(str(place))}`"
    elif place.is_dir():
        base, wanted = place, sorted(_names(place, data.inputs))
        origin = f"`{shown(str(place / data.inputs))}`"
    else:
        raise ResourceError(
            f"there is no folder `{shown(str(place))}` of {part} pairs"
            + ("; `train: .` takes the whole folder" if part == "train" else f"; name it by `{part}:`, or write "
               f"`{part}: null`")
        )  # fmt: skip
    pairs = [PicturePair(name, _path(base, data.inputs, name), _path(base, data.targets, name)) for name in wanted]
    if not pairs:
        raise ResourceError(
            f"{origin} names no picture{_instead(base, data.inputs, 'inputs')}"
            if place.is_dir() else f"{origin} names no picture: write the name of a pair on each line"
        )  # fmt: skip
    for what, paths in (("picture", [pair.image for pair in pairs]), ("target", [pair.target for pair in pairs])):
        lost = [path for path in paths if not os.path.isfile(path)]  # noqa: PTH113  # called for every picture
        if lost:
            argument, pattern = ("inputs", data.inputs) if what == "picture" else ("targets", data.targets)
            instead = _instead(base, pattern, argument) if len(lost) == len(pairs) else ""
            raise ResourceError(
                f"{plural(len(lost), what)} of {len(pairs)} {'is' if len(lost) == 1 else 'are'} not there, such as "
                f"`{shown(lost[0])}`{instead or '; put them there, or remove their pairs'}"
            )
    return pairs


def _names(folder: Path, pattern: str) -> list[str]:
    """What `*` stands for in the names of the files there are."""
    inner, _, name = pattern.rpartition("/")
    before, _, behind = name.partition("*")
    place = folder / inner
    if not place.is_dir():
        raise ResourceError(f"there is no folder `{shown(str(place))}`{_instead(folder, pattern, 'inputs')}")
    return [
        entry.name[len(before) : len(entry.name) - len(behind)]
        for entry in os.scandir(place)
        if entry.name.startswith(before) and entry.name.endswith(behind) and not entry.name.startswith(".")
        if len(entry.name) > len(before) + len(behind)
    ]


def _instead(base: Path, pattern: str, argument: str) -> str:
    """What there is in place of what a pattern wants, as the end of a message with what to write."""
    inner, _, name = pattern.rpartition("/")
    folder = base / inner
    while folder != base and not folder.is_dir():
        folder = folder.parent
    where = f"`{shown(str(folder))}`"
    entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    kinds = Counter(Path(entry.name).suffix for entry in entries if entry.is_file()).most_common(3)
    if kinds and folder == base / inner:
        listed = " and ".join(f"{count} `*{shown(ending)}`" for ending, count in kinds)
        below = folder.relative_to(base).as_posix()
        better = f"{below}/*{kinds[0][0]}" if inner else f"*{kinds[0][0]}"
        if better == pattern:
            return f", but there are {listed} in {where}; names must be alike, but for what `{argument}` says"
        return f", but there are {listed} in {where}; write `{argument}: {shown(better)}`, where these are meant"
    folders = sorted(entry.name for entry in entries if entry.is_dir())[:5]
    if folders:
        listed = ", ".join(f"`{shown(one)}`" for one in folders)
        return f"; in {where} there are the folders {listed}: `{argument}` says which, as in `{argument}: " + (
            f"{shown(folders[0])}/{name}`"
        )
    return f"; {where} is empty: `{argument}` says where they are below `{shown(str(base))}`"


def _path(base: Path, pattern: str, name: str) -> str:
    return str(base / pattern.replace("*", name))


# ---- targets and memory


def _reader(data: Pairs, request: Request, pairs: Sequence[PicturePair]) -> tuple[Loss, Callable[[str], Tensor]]:
    """The loss that compares the targets, and what reads one.

    Raises:
        UsageError: no loss compares a picture.
        ResourceError: values of the masks are no classes.
    """
    field = request.fields[0] if len(request.fields) == 1 else None
    reads = None if field is None else reads_of(field.loss)
    if field is None or reads is None:
        raise UsageError(f"`{data.name()}` gives one picture as target, and the recipe's losses compare no such")
    divisor = field.loss.divisor
    ignored = None if divisor is None else divisor.ignore_index
    shape = field.output.shape
    if reads == "classes" and data.values is None and shape and isinstance(shape[0], int):
        check_classes([pair.target for pair in pairs], f"`{shown(data.path)}`", shape[0], field.loss)
    channels = 3 if reads == "values" and len(shape) == 3 and shape[0] == 3 else 1
    return field.loss, target_reader(reads, data.values, ignored, channels)


def _bytes(sets: dict[str, PicturePairs], size: tuple[int, int] | None) -> int:
    """The memory that the pairs take as tensors; of pictures of other sizes as the first one's."""
    total = 0
    for pairs in sets.values():
        image, target = pairs[0]
        pixels = 1 if size is None else size[0] * size[1] / max(image.shape[-1] * image.shape[-2], 1)
        total += int(len(pairs) * pixels * (image.nbytes + target.nbytes))
    return total


def _decoded(sets: dict[str, PicturePairs]) -> dict[str, tuple[Tensor, Tensor]]:
    """All pairs as tensors, decoded in threads: decoding releases the GIL.

    Raises:
        ResourceError: some cannot be used; the message lists them.
    """
    faults: list[str] = []
    found: dict[str, tuple[Tensor, Tensor]] = {}
    for part, pairs in sets.items():
        first, aim = pairs[0]
        x = torch.empty((len(pairs), *first.shape), dtype=first.dtype)
        y = torch.empty((len(pairs), *aim.shape), dtype=aim.dtype)

        def fault(i: int, pairs: PicturePairs = pairs, x: Tensor = x, y: Tensor = y) -> str | None:
            try:
                image, target = pairs[i]
            except ResourceError as error:
                return str(error)
            if image.shape != x.shape[1:]:
                return (
                    f"`{shown(pairs.pairs[i].image)}` is {_size(image)}, but `{shown(pairs.pairs[0].image)}` is "
                    f"{_size(x[0])}; transforms that fix the size, such as `Resize: {{size: [224, 224]}}`, make them "
                    "alike"
                )
            x[i], y[i] = image, target
            return None

        with ThreadPoolExecutor() as pool:
            faults += [told for told in pool.map(fault, range(len(pairs))) if told is not None]
        found[part] = (x, y)
    if (error := unusable(faults)) is not None:
        raise error
    return found


def _size(image: Tensor) -> str:
    return " × ".join(map(str, image.shape[-2:]))
