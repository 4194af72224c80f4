"""List a folder of images in ImageFolder's layout: classes, images, and ignored files."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from torchvision.datasets.folder import IMG_EXTENSIONS  # pyright: ignore[reportMissingTypeStubs]  # torchvision ships no types

from netspec.diagnostics import ResourceError
from netspec.views.describe import plural

_ENDINGS: tuple[str, ...] = tuple(IMG_EXTENSIONS)


@dataclass
class Listing:
    """The classes of a folder in the order of their indices, each with its images in ImageFolder's order.

    Names that begin with a dot, such as `.ipynb_checkpoints`, are ignored.
    """

    folder: Path
    classes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Name of a class, as in the file system → paths of its images."""
    skipped: Counter[str] = field(default_factory=Counter[str])
    """File name extension → number of ignored files."""

    @property
    def count(self) -> int:
        """The number of images."""
        return sum(map(len, self.classes.values()))

    @property
    def empty(self) -> list[str]:
        """The classes without images."""
        return [name for name, paths in self.classes.items() if not paths]

    def note(self) -> str | None:
        """A note that counts the ignored files; None if there are none."""
        if not self.skipped:
            return None
        kinds = ", ".join(f"{shown(ending) or 'no ending'} ({count})" for ending, count in sorted(self.skipped.items()))
        files = plural(sum(self.skipped.values()), "file")
        return f"note: of `{shown(str(self.folder))}` {files} by their endings no pictures are passed over: {kinds}"


def list_folder(folder: Path) -> Listing:
    """List a folder that has one folder per class.

    Raises:
        ResourceError: the folder, or a folder in it, cannot be read.
    """
    listing = Listing(folder)

    def refuse(error: OSError) -> None:
        raise ResourceError(f"`{shown(str(error.filename))}` cannot be read: {error.strerror}; check its permissions")

    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        refuse(error)
        raise
    for name in names:
        paths = listing.classes[name] = []
        for root, inner, files in os.walk(folder / name, onerror=refuse, followlinks=True):
            inner[:] = sorted(directory for directory in inner if not directory.startswith("."))
            for file in sorted(file for file in files if not file.startswith(".")):
                if file.lower().endswith(_ENDINGS):
                    paths.append(os.path.join(root, file))  # noqa: PTH118  # called for every image; a Path is much slower
                else:
                    listing.skipped[Path(file).suffix.lower()] += 1
        paths.sort(key=_order)
    return listing


def _order(path: str) -> tuple[str, str]:
    """The sort key of ImageFolder: the folder's path as text, then the file's name."""
    folder, _, name = path.rpartition(os.sep)
    return folder, name


def shown(name: str) -> str:
    """A file name as text that can be printed; bytes that are not UTF-8 are escaped, as in `caf\\xe9`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
