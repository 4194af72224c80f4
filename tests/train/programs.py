"""What tests of whole processes share: a folder of pictures, a spec that trains on it, and who is whose child."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent.parent

PICTURES = """
name: pictures
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3}
  - BatchNorm2d
  - ReLU
  - Flatten
  - Dropout: 0.2
  - Linear: 3
train:
  data: {folder: PATH}
  transforms: [{Resize: {size: [10, 10]}}, {CenterCrop: {size: 8}}]
  augment: [RandomHorizontalFlip]
  batch_size: 8
  epochs: EPOCHS
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.05, momentum: 0.9}}
"""


def draw_pictures(path: Path, each: int = 12) -> Path:
    """A folder of pictures of different sizes in three classes; a third as many to test on."""
    generator = np.random.default_rng(0)
    for part, count in (("train", each), ("test", each // 3)):
        for name in ("ant", "bee", "cat"):
            (path / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = generator.integers(0, 256, (12 + i % 3, 11, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(path / part / name / f"{i}.png")
    return path


def pictures_spec(folder: Path, epochs: int = 2) -> str:
    """The spec that trains on such a folder."""
    return PICTURES.replace("PATH", f"'{folder}'").replace("EPOCHS", str(epochs))


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a child: this checkout's netspec, one thread."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"} | dict(extra or {})


def netspec(
    *arguments: str | Path, cwd: Path, prefix: tuple[str, ...] = (), session: bool = False
) -> subprocess.Popen[str]:
    """`netspec ARGUMENTS` as a process of its own, or with a session of its own; its output is to be read from it."""
    command = [*prefix, sys.executable, "-m", "netspec", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=session,
    )  # fmt: skip


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, and those that these have."""
    parents = {int(p.name): parent for p in Path("/proc").iterdir() if p.name.isdigit() and (parent := _parent(p))}
    found, new = set[int](), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended meanwhile
        return None


def left_after(pids: set[int], seconds: float) -> set[int]:
    """Those of the processes that still run after so many seconds at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and (left := {pid for pid in pids if _runs(pid)}):
        time.sleep(0.05)
    return left


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
