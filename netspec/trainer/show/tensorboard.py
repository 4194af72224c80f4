"""TensorBoard logs of a run, for those who have it installed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from netspec.diagnostics import MissingExtra
from netspec.extras import install
from netspec.trainer.run.records import Record


def need_tensorboard() -> None:
    """Raise MissingExtra unless TensorBoard is installed."""
    if find_spec("tensorboard") is None:
        raise MissingExtra(f"`--tensorboard` needs TensorBoard: {install('tensorboard')}")


@contextmanager
def tensorboard_log(directory: Path) -> Generator[Callable[[Record], None]]:
    """A function that logs one epoch's record below `directory/tensorboard`, one chart per quantity.

    Raises:
        MissingExtra: TensorBoard is not installed.
    """
    need_tensorboard()
    from torch.utils.tensorboard import SummaryWriter  # slow, and only for those who ask

    with SummaryWriter(str(directory / "tensorboard")) as writer:

        def log(record: Record) -> None:
            for name, value in asdict(record).items():
                part, _, quantity = name.partition("_")
                if value is not None and name not in ("epoch", "step"):
                    tag = f"{quantity}/{part}" if part in ("train", "validation", "test") else name
                    writer.add_scalar(tag, value, record.epoch)  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
            writer.flush()

        yield log
