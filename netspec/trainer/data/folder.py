"""A folder of images in ImageFolder's layout, decoded once into memory, or on demand if the memory is too small.

Images must have one size to be stacked in a batch. So the leading transforms, up to the first one that fixes the size,
are applied to each image when it is decoded, in float32, and the result is stored as uint8 (a rounding error of at most
1/510). The other transforms run on the device.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from netspec.diagnostics import ResourceError
from netspec.recipe.base import ImageType, Transform
from netspec.recipe.datasets.local import Folder
from netspec.trainer.data.fingerprint import hash_of_files
from netspec.trainer.data.listing import Listing, list_folder, shown
from netspec.trainer.data.parts import Part, Parts, Request, damaged, located
from netspec.trainer.data.pictures import read_picture
from netspec.trainer.transforms.pipeline import Pipeline
from netspec.views.describe import plural

_LAYOUT = "images belong in one folder per class, as in {path}/CLASS/picture.png"


class ImageFiles(Dataset[Tensor]):
    """The images of a folder, decoded on access: uint8 (C, H, W), all of one size after `transforms`."""

    def __init__(self, paths: Sequence[str], channels: int, transforms: Sequence[Transform]) -> None:
        self.paths = paths
        self.channels = channels
        self.prepare = Pipeline(transforms, (), torch.device("cpu")) if transforms else None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        path = self.paths[index]
        pixels = read_picture(path, self.channels, "repair or remove it")
        if self.prepare is None:
            return pixels
        try:
            prepared = self.prepare(pixels.unsqueeze(0)).squeeze(0)
        except (RuntimeError, ValueError) as error:
            size = _size(tuple(pixels.shape))
            raise damaged(path, f"is {size}, which the transforms cannot take ({error})", "remove it") from None
        return prepared.mul_(255).round_().clamp_(0, 255).to(torch.uint8)

    def first(self) -> Tensor:
        """The first image.

        Raises:
            ResourceError: it cannot be used; the message lists all images that cannot.
        """
        try:
            return self[0]
        except ResourceError as error:
            raise self.refused(error) from None

    def refused(self, first: ResourceError) -> ResourceError:
        """The error that lists all images that cannot be used, given the error of the first one found.

        Decodes all images, for at most `_LOOKING` seconds.
        """
        end = time.monotonic() + _LOOKING
        faults = [fault for fault in self._faults(end) if fault is not None]
        return unusable(faults, complete=time.monotonic() < end) or first

    def _faults(self, end: float) -> Iterator[str | None]:
        def fault(number: int) -> str | None:
            try:
                _ = self[number] if time.monotonic() < end else None
            except ResourceError as error:
                return str(error)
            return None

        with ThreadPoolExecutor() as pool:
            yield from pool.map(fault, range(len(self)))


_LOOKING = 60.0
"""Seconds."""
_LISTED = 200
"""The most images that a message lists."""


def unusable(faults: Sequence[str], *, complete: bool = True) -> ResourceError | None:
    """The error for images that cannot be used; None if there are none.

    Args:
        faults: one sentence for each image, with its path.
        complete: False if not all images were checked.
    """
    if len(faults) < 2 and complete:
        return ResourceError(faults[0]) if faults else None
    more = len(faults) - _LISTED
    lines = [
        f"{plural(len(faults), 'picture')} cannot be used" + ("" if complete else f" of those seen in {_LOOKING:.0f} s")
    ]
    lines += [f"  {fault}" for fault in faults[:_LISTED]] + [f"  … and {more:,} more"] * (more > 0)
    return ResourceError("\n".join(lines))


def read(data: Folder, request: Request) -> Parts:
    """Load the parts of a folder of images.

    The leading transforms of the recipe are applied here until all images have one size.

    Raises:
        ResourceError: a folder is missing or empty, images are damaged, or a part has classes that `train` lacks.
    """
    first, size = _up_to_one_size(request.recipe.transforms, data.channels)
    root = located(data.path, request.base)
    listings = {
        part: _listed(root / folder, part)
        for part, folder in (("train", data.train), ("test", data.test), ("validation", data.validation))
        if folder is not None
    }
    names = _classes(listings)
    parts: dict[str, Part] = {}
    for part, listing in listings.items():
        found = [(path, names.index(name)) for name, paths in listing.classes.items() for path in paths]
        images = ImageFiles([path for path, _ in found], data.channels, first)
        shape = (data.channels, *size) if size else tuple(images.first().shape)
        labels = torch.tensor([label for _, label in found])
        parts[part] = Part(images, labels, shape, f"`{shown(str(listing.folder))}`", transformed=len(first))
    if sum(p.nbytes for p in parts.values()) <= request.budget:
        _decode(parts.values())
    return Parts(
        parts["train"], parts.get("test"), parts.get("validation"),
        names=tuple(map(shown, names)), classes=len(names), notes=_notes(listings),
        hash=lambda: hash_of_files(root, _groups(listings)),
    )  # fmt: skip


def _groups(listings: Mapping[str, Listing]) -> dict[str, dict[str, Path]]:
    """The files by part and class, each named by its path relative to the part's folder."""
    return {
        f"{part}/{name}": {os.path.relpath(path, listing.folder): Path(path) for path in paths}
        for part, listing in listings.items()
        for name, paths in listing.classes.items()
    }


def _classes(listings: Mapping[str, Listing]) -> list[str]:
    """The names of the classes, which are those of the training images. Other parts may lack some of them.

    Raises:
        ResourceError: a class has no training image, or another part has images of a class that `train` lacks.
    """
    train = listings["train"]
    if train.empty:
        wrong = ", ".join(f"`{shown(str(train.folder / name))}`" for name in train.empty)
        raise ResourceError(
            f"there is no picture in {wrong}; put some there, or remove the folder: it counts as a class"
        )
    for listing in listings.values():
        new = [shown(name) for name, paths in listing.classes.items() if paths and name not in train.classes]
        if new:
            raise ResourceError(
                f"`{shown(str(listing.folder))}` has classes that `{shown(str(train.folder))}` does not have: "
                f"{', '.join(new)}; what is not trained cannot be tested"
            )
    return list(train.classes)


def _notes(listings: Mapping[str, Listing]) -> tuple[str, ...]:
    """Notes for the user: ignored files, and classes without images outside of `train`."""
    notes = [note for listing in listings.values() if (note := listing.note()) is not None]
    for listing in listings.values():
        lost = [shown(name) for name in listings["train"].classes if not listing.classes.get(name)]
        if lost:
            notes.append(f"note: `{shown(str(listing.folder))}` has no picture of {', '.join(lost)}")
    return tuple(notes)


def _up_to_one_size(transforms: Sequence[Transform], channels: int) -> tuple[list[Transform], tuple[int, int] | None]:
    """The leading transforms up to the first after which every image has the same size, and that size (height, width).

    None of them, and None, if no transform fixes the size: then the images must have one size already.
    """
    size = ImageType(channels, None, None)
    for i, transform in enumerate(transforms):
        size = transform.output(size)
        if size.height is not None and size.width is not None:
            return list(transforms[: i + 1]), (size.height, size.width)
    return [], None


def _listed(folder: Path, part: str) -> Listing:
    """The listing of a part's folder.

    Raises:
        ResourceError: there is no such folder, or it has no images in the layout of ImageFolder.
    """
    if not folder.is_dir():
        raise ResourceError(
            f"there is no folder `{shown(str(folder))}` of {part} images; "
            + (
                _LAYOUT.format(path=shown(str(folder)))
                if part == "train"
                else f"name it by `{part}:`, or write `{part}: null`"
            )
        )
    listing = list_folder(folder)
    if not listing.count:
        what = "no folder of a class in it" if not listing.classes else "no picture in the folders of its classes"
        raise ResourceError(f"`{shown(str(folder))}` has {what}; {_LAYOUT.format(path=shown(str(folder)))}")
    return listing


def _decode(parts: Iterable[Part]) -> None:
    """Decode the images of each part into one uint8 tensor (N, C, H, W), in threads: decoding releases the GIL.

    Raises:
        ResourceError: images cannot be used; the message lists them.
    """
    faults: list[str] = []
    for part in parts:
        assert isinstance(part.x, ImageFiles)
        images, result = part.x, torch.empty((len(part.y), *part.shape), dtype=torch.uint8)

        def decode(
            i: int, images: ImageFiles = images, result: Tensor = result, shape: tuple[int, ...] = part.shape
        ) -> None:
            image = images[i]
            if image.shape != shape:
                raise ResourceError(
                    f"`{shown(images.paths[i])}` is {_size(tuple(image.shape))}, but `{shown(images.paths[0])}` is "
                    f"{_size(shape)}; transforms that fix the size, such as `Resize: {{size: [224, 224]}}`, make them "
                    "alike"
                )
            result[i] = image

        def fault(i: int, decode: Callable[[int], None] = decode) -> str | None:
            try:
                decode(i)
            except ResourceError as error:
                return str(error)
            return None

        with ThreadPoolExecutor() as pool:
            faults += [found for found in pool.map(fault, range(len(images))) if found is not None]
        part.x = result
    if (error := unusable(faults)) is not None:
        raise error


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
