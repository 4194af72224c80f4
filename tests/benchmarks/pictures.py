"""A folder of photographs that does not fit into memory: pictures per second that arrive as batches.

    python tests/benchmarks/pictures.py [--pictures 640] [--workers 2] [--rounds 5]

JPEG files of some 500 × 375 pixels are decoded, resized to 256 on the shorter side, cropped to 224 × 224 and come as
float32 in batches of 64, by netspec from a `folder` that its budget does not hold; and by torchvision's `ImageFolder`
in torch's `DataLoader` with as many workers: as its documents write it, with Pillow, and with the fastest decoder that
it offers, `decode_image` by libjpeg-turbo, with transforms on uint8. Nothing is trained. The photograph comes with
matplotlib; each file is another part of it. Target: at least as fast as both; not reached.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib.cbook
import numpy as np
import torch
from contest import Contender, Loop, Speed, contest
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2

import netspec
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options

BATCH = 64

SPEC = """
name: pictures
input: [3, 224, 224]
layers: [Flatten, Linear: 2]
train:
  data: {folder: {path: PATH, test: null}}
  transforms: [Resize: 256, CenterCrop: 224]
  batch_size: 64
  epochs: 1
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1}}
"""


def draw(folder: Path, count: int) -> None:
    """Write parts of a photograph in two classes, as JPEG files of the quality that cameras and the web have."""
    generator = np.random.default_rng(0)
    with Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
        whole = image.convert("RGB").resize((900, 1065))
    for number in range(count):
        width, height = int(generator.integers(420, 581)), int(generator.integers(330, 421))
        left, top = generator.integers(0, 900 - width), generator.integers(0, 1065 - height)
        path = folder / "train" / "ab"[number % 2]
        path.mkdir(parents=True, exist_ok=True)
        part = whole.crop((int(left), int(top), int(left) + width, int(top) + height))
        part.save(path / f"{number:05}.jpg", quality=90)


def timed(batches: Iterable[Any]) -> Speed:
    """Pictures per second, from the second batch on: the first waits until the workers have started."""
    count, began = 0, time.perf_counter()
    for number, (x, _) in enumerate(batches):
        if number == 0:
            count, began = 0, time.perf_counter()
        else:
            count += len(x)
    return Speed(count / (time.perf_counter() - began))


def ours(folder: Path, workers: int) -> Loop:
    """The batches of netspec's trainer."""
    net = netspec.loads(SPEC.replace("PATH", str(folder)))
    trainer = assemble(net, Options(budget=0, workers=workers), World(), "cpu")
    epoch = iter(range(1000))
    return lambda: timed((batch.x, batch.y) for batch in trainer.batches(next(epoch), 0))


def pillow(folder: Path, workers: int) -> Loop:
    """torchvision's data set and transforms as its documents write them."""
    steps = v2.Compose([v2.Resize(256), v2.CenterCrop(224), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    return loader(ImageFolder(folder / "train", steps), workers)


def turbo(folder: Path, workers: int) -> Loop:
    """The same with the decoder of libjpeg-turbo, and transforms on its uint8."""
    steps = v2.Compose([v2.Resize(256), v2.CenterCrop(224), v2.ToDtype(torch.float32, scale=True)])
    return loader(ImageFolder(folder / "train", steps, loader=decoded), workers)


def decoded(path: str) -> torch.Tensor:
    """A picture in uint8."""
    return decode_image(path, ImageReadMode.RGB)


def loader(images: Any, workers: int) -> Loop:
    """torch's loader, whose workers stay from epoch to epoch."""
    batches = DataLoader(images, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0,
                         multiprocessing_context="fork" if workers else None)  # fmt: skip
    return lambda: timed(batches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=640)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        draw(folder, arguments.pictures)
        task = folder, arguments.workers
        contenders = {
            "netspec": Contender(ours, task),
            "torchvision, Pillow": Contender(pillow, task),
            "torchvision, libjpeg-turbo": Contender(turbo, task),
        }
        speeds = contest(contenders, arguments.rounds)
    base = statistics.median(speed.wall for speed in speeds["torchvision, Pillow"])
    print(f"{arguments.pictures} photographs, {arguments.workers} workers, torch {torch.__version__}")
    print("                              pictures/s   ratio   (medians of rounds)")
    for name, found in speeds.items():
        speed = statistics.median(each.wall for each in found)
        print(f"{name:<30}{speed:>10,.0f}{speed / base:>8.2f}")


if __name__ == "__main__":
    main()
