"""TensorBoard logs of a run. TensorBoard is an optional dependency."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from netspec.asked import option
from netspec.diagnostics import MissingExtra
from netspec.extras import install
from netspec.trainer.run.records import Record


def need_tensorboard() -> None:
    """Check that TensorBoard is installed.

    Raises:
        MissingExtra: it is not.
    """
    if find_spec("tensorboard") is None:
        raise MissingExtra(f"{option('tensorboard', True)} needs TensorBoard", install("tensorboard"))


@contextmanager
def tensorboard_log(directory: Path) -> Generator[Callable[[Record], None]]:
    """Open a log in `directory/tensorboard`, with one chart per quantity. Yields a function that logs an epoch.

    Raises:
        MissingExtra: TensorBoard is not installed.
    """
    need_tensorboard()
    from torch.utils.tensorboard import SummaryWriter  # imported here: slow, and seldom needed

    with SummaryWriter(str(directory / "tensorboard")) as writer:

        def log(record: Record) -> None:
            for name, value in record.row().items():
                part, _, quantity = name.partition("_")
                if value is not None and name not in ("epoch", "step"):
                    tag = f"{quantity}/{part}" if part in ("train", "validation", "test") else name
                    writer.add_scalar(tag, value, record.epoch)  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
            writer.flush()

        yield log
