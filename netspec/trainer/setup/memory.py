"""Memory of a training run: the estimate, the measured peak, and the largest batch size that fits."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from netspec.asked import setting
from netspec.cost import estimate
from netspec.diagnostics import OutOfMemory
from netspec.torch.build import available_memory
from netspec.torch.foreign import lacks_host_memory, lacks_memory
from netspec.trainer.machine.allocator import kept_memory
from netspec.trainer.machine.device import gpu_memory
from netspec.trainer.setup.trainer import Trainer
from netspec.views.describe import bytes_text


def estimated(trainer: Trainer, batch_size: int) -> int:
    """The estimated bytes of training with a batch size: a step, resident examples, and the moving average. Of a net
    that is divided, this process's part, without the block that is whole while it runs."""
    recipe, device = trainer.recipe, trainer.arithmetic.device
    where = "cuda" if device.type == "cuda" else "cpu"
    precision = trainer.arithmetic.precision
    optimizer, arguments = recipe.optimizer.name(), dict(recipe.optimizer)
    cost = estimate(trainer.net, batch_size, precision, optimizer, arguments=arguments, device=where)
    data = trainer.data.bytes if trainer.data.train.resident else 0
    spread = cost.weights + cost.gradients + cost.optimizer_state if trainer.divided else 0
    peak = cost.peak - spread + spread // trainer.world.size
    return peak + data + (cost.weights + cost.buffers if trainer.average is not None else 0)


def largest_batch(trainer: Trainer, memory: int) -> int:
    """The largest power of two below the recipe's batch size that fits into 90 % of `memory` bytes; 0 if none does."""
    size = 1 << (trainer.recipe.batch_size.bit_length() - 1)
    if size == trainer.recipe.batch_size:
        size //= 2  # the recipe's batch size did not fit, whatever the estimate says
    while size and estimated(trainer, size) * _workspace(trainer) > memory * 0.9:
        size //= 2
    return size


def _workspace(trainer: Trainer) -> float:
    """The greatest measured ratio of real to estimated memory, which includes cuDNN's workspace: see "Memory" in
    `docs/performance.md`."""
    if trainer.arithmetic.device.type == "cpu":
        return 1.0
    return 1.15 if trainer.arithmetic.autocast is not None else 1.7


def memory_in_use(device: torch.device) -> int:
    """The peak memory in bytes: allocated on a GPU, or of this process on a CPU; 0 if the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def device_memory(trainer: Trainer) -> int | None:
    """The bytes that a run can use; None if unknown.

    On a GPU, what neither other processes nor other tensors of this process take; on a CPU, what is available plus what
    this process has.
    """
    device = trainer.arithmetic.device
    if device.type == "cuda":
        return gpu_memory(device, trainer.others)
    free = available_memory()
    return None if free is None else free + memory_in_use(device)


def spare_memory(trainer: Trainer) -> AbstractContextManager[None]:
    """Let the host's allocator keep freed memory, if twice the estimate is available (see `machine/allocator.py`).

    Kept memory is fragmented: ResNet-18, DenseNet-121, MobileNetV2 and VGG-11 used 2 to 29 % more of it, and trained
    1.1 to 1.5 times as fast.
    """
    device = trainer.arithmetic.device
    if device.type == "cuda":
        return nullcontext()
    memory = device_memory(trainer)
    roomy = memory is None or memory > 2 * estimated(trainer, trainer.recipe.batch_size)
    return kept_memory() if roomy else nullcontext()


@contextmanager
def out_of_memory(trainer: Trainer) -> Generator[None]:
    """Convert an out-of-memory error to one with the estimate, the measured peak and a batch size that fits.

    The batch size is never changed automatically, since that would change the result.

    Raises:
        OutOfMemory: memory ran out. The exception holds no references to tensors of the failed step.
    """
    try:
        yield
        return
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        reason = (
            "the allocator of the CPU gave nothing more" if lacks_host_memory(error) else str(error) or "MemoryError"
        )
        told = OutOfMemory(_told(trainer, reason))
        traceback.clear_frames(error.__traceback__)  # they hold the step's tensors
    raise told  # outside of the handler, so that the original error is not its `__context__`


def _told(trainer: Trainer, reason: str) -> str:
    device, size = trainer.arithmetic.device, trainer.recipe.batch_size
    memory = device_memory(trainer)
    fits = largest_batch(trainer, memory) if memory else size // 2
    mend = "even one example would not fit: a smaller net or a larger machine is needed"
    if fits and (whole := trainer.recipe.global_batch) is not None:
        divides = max(n for n in range(1, fits + 1) if whole % n == 0)
        mend = f"{setting('train.batch_size', divides)} should fit; by `global_batch: {whole}` the steps stay as large"
    elif fits:
        mend = (
            f"{setting('train.batch_size', fits)} should fit; with "
            f"{setting('train.accumulate', -(-size * trainer.recipe.accumulate // fits))} the steps stay as large"
        )
    have = f" of {bytes_text(memory)}" if memory else ""
    used = memory_in_use(device) - trainer.others
    return (
        f"out of memory on {device}: a batch of {size} needs about {bytes_text(estimated(trainer, size))} by estimate, "
        f"{bytes_text(used)}{have} were in use at the peak ({reason.splitlines()[0][:120]}); {mend}"
    )
