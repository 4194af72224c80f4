"""A folder of images in ImageFolder's layout, decoded once into memory, or image by image where that is too small.

Images of different sizes must be brought to one size before they can be stacked: the leading transforms up to the
first that fixes the size are applied to each image as it is decoded, in float32, and the result is stored as uint8
(a rounding of at most 1/510). The other transforms run on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import torch
import torchvision.datasets as tv  # pyright: ignore[reportMissingTypeStubs]  # torchvision ships no types
from torch import Tensor
from torch.utils.data import Dataset

from netspec.diagnostics import ResourceError
from netspec.recipe.base import ImageType, Transform
from netspec.recipe.datasets.local import Folder
from netspec.train.data.parts import Part, Parts, damaged
from netspec.train.data.pictures import read_picture
from netspec.train.transforms.pipeline import Pipeline

_LAYOUT = "images belong in one folder per class, as in {path}/CLASS/picture.png"


class ImageFiles(Dataset[Tensor]):
    """The images of a folder, decoded when asked for: uint8 (C, H, W), all of one size after `transforms`."""

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


def load_folder(data: Folder, transforms: Sequence[Transform], budget: int) -> Parts:
    """The parts of a folder of images.

    Args:
        data: the folder.
        transforms: the recipe's; as many of the first are applied here as it takes to make all images one size.
        budget: bytes up to which images are decoded into memory; above it they stay files.

    Raises:
        ResourceError: a folder is missing or empty, an image is damaged, or the classes of two parts differ.
    """
    first, size = _up_to_one_size(transforms, data.channels)
    root = Path(data.path)
    names: tuple[str, ...] | None = None
    parts: dict[str, Part] = {}
    for part, folder in (("train", data.train), ("test", data.test), ("validation", data.validation)):
        if folder is None:
            continue
        found, paths, labels = _listed(root / folder, part)
        if names is not None and found != names:
            extra, lost = sorted(set(found) - set(names)), sorted(set(names) - set(found))
            raise ResourceError(
                f"the classes of `{root / folder}` differ from those of `{root / data.train}`: "
                f"{'new: ' + ', '.join(extra) if extra else ''}{'; ' if extra and lost else ''}"
                f"{'missing: ' + ', '.join(lost) if lost else ''}"
            )
        names = found
        images = ImageFiles(paths, data.channels, first)
        shape = (data.channels, *size) if size else tuple(images[0].shape)
        parts[part] = Part(images, torch.tensor(labels), shape, f"`{root / folder}`", transformed=len(first))
    assert names is not None
    if sum(p.nbytes for p in parts.values()) <= budget:
        for part in parts.values():
            part.x = _decoded(cast(ImageFiles, part.x), part.shape)
    return Parts(parts["train"], parts.get("test"), parts.get("validation"), names=names, classes=len(names))


def _up_to_one_size(transforms: Sequence[Transform], channels: int) -> tuple[list[Transform], tuple[int, int] | None]:
    """The leading transforms after which every image has the same size, and that size: none if nothing fixes it,
    since then the images must be alike already."""
    size = ImageType(channels, None, None)
    for i, transform in enumerate(transforms):
        size = transform.output(size)
        if size.height is not None and size.width is not None:
            return list(transforms[: i + 1]), (size.height, size.width)
    return [], None


def _listed(folder: Path, part: str) -> tuple[tuple[str, ...], list[str], list[int]]:
    """Class names, image paths and class indices, in ImageFolder's order."""
    if not folder.is_dir():
        raise ResourceError(
            f"there is no folder `{folder}` of {part} images; "
            + (_LAYOUT.format(path=folder) if part == "train" else f"name it by `{part}:`, or write `{part}: null`")
        )
    try:
        listing = tv.ImageFolder(folder)
    except (FileNotFoundError, OSError) as error:
        raise ResourceError(f"`{folder}` has no images to train with: {error}; {_LAYOUT.format(path=folder)}") from None
    samples: list[tuple[str, int]] = listing.samples
    return tuple(listing.classes), [path for path, _ in samples], [label for _, label in samples]


def _decoded(images: ImageFiles, shape: tuple[int, ...]) -> Tensor:
    """All images in one uint8 tensor (N, C, H, W). Decoding releases Python's lock, so threads suffice."""
    result = torch.empty((len(images), *shape), dtype=torch.uint8)

    def decode(i: int) -> None:
        image = images[i]
        if image.shape != shape:
            raise ResourceError(
                f"`{images.paths[i]}` is {_size(tuple(image.shape))}, but `{images.paths[0]}` is {_size(shape)}; "
                "transforms that fix the size, such as `Resize: {size: [224, 224]}`, make them alike"
            )
        result[i] = image

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(decode, range(len(images))):
            pass
    return result


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
