"""`--autotune`: time the options that do not change the result, and choose the fastest."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import torch

from netspec.diagnostics import ResourceError
from netspec.net import Net
from netspec.trainer.machine.device import numerics
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.memory import spare_memory
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.show.reporters import Quiet, Reporter

WARM, STEPS = 5, 10
"""Steps of warm-up, and steps that are timed."""


def autotune(net: Net, options: Mapping[str, Any], reporter: Reporter | None = None) -> dict[str, bool]:
    """Find the fastest combination of `channels_last` and `compile` on this machine.

    `compile` is tried on a GPU only: on a CPU, compiling takes minutes, which few runs regain.

    Args:
        net: the net, with a recipe.
        options: the options of `train`.
        reporter: shows the measurements.

    Returns:
        The two options with their best values.

    Raises:
        ResourceError: no combination could be timed.
    """
    reporter = reporter or Quiet()
    base = Options.of(options)
    first = assemble(net, base, World(), base.device)
    compiles = (False, True) if first.arithmetic.device.type == "cuda" else (False,)
    seconds: dict[tuple[bool, bool], float] = {}
    failed: list[str] = []
    for channels_last, compiled in product((False, True), compiles):
        chosen = replace(base, channels_last=channels_last, compile=compiled)
        words = ("channels last" if channels_last else "channels first") + (", compiled" if compiled else "")
        try:
            trainer = assemble(net, chosen, World(), base.device, first.data)
            seconds[channels_last, compiled] = seconds_per_step(trainer)
        except RuntimeError as error:  # no compiler, or an operation that it does not support
            failed.append(f"{words}: {str(error).splitlines()[0]}")
            reporter.note(f"autotune: {failed[-1]}")
            continue
        reporter.note(f"autotune: {words}: {seconds[channels_last, compiled] * 1000:.2f} ms a step")
    first.data.close()
    if not seconds:
        raise ResourceError("autotune: no choice could be timed:\n" + "\n".join(f"  {reason}" for reason in failed))
    best = min(seconds, key=lambda choice: seconds[choice])
    return dict(zip(("channels_last", "compile"), best, strict=True))


def seconds_per_step(trainer: Trainer) -> float:
    """Seconds per batch, waiting for data included: the median of `STEPS` batches after `WARM` batches of warm-up."""
    device = trainer.arithmetic.device
    taken: list[float] = []
    done = 0
    with numerics(trainer.arithmetic), spare_memory(trainer):
        for epoch in range(WARM + STEPS):
            batches = enumerate(trainer.batches(epoch, 0))
            while True:
                began = time.perf_counter()
                number, batch = next(batches, (None, None))
                if number is None or batch is None:
                    break
                mix = trainer.draw_mix()
                trainer.driver(trainer.buffers(batch, number, mix), trainer.phase(number, done))
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                done += 1
                if done > WARM:
                    taken.append(time.perf_counter() - began)
                if len(taken) == STEPS:
                    return sorted(taken)[STEPS // 2]
    return sorted(taken)[len(taken) // 2]
