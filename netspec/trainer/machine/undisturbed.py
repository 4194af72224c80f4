"""What a run changes in its process, put back afterwards: a program that calls `netspec.train` goes on as it was."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch.utils.data._utils import signal_handling

from netspec.trainer.machine.random_state import get_random_state, set_random_state


@contextmanager
def kept_environment() -> Generator[None]:
    """Put the environment variables back: those that a run sets, and those that torch does meanwhile."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) | set(before):
            if name not in before:
                del os.environ[name]
            elif os.environ.get(name) != before[name]:
                os.environ[name] = before[name]


@contextmanager
def kept_child_handler() -> Generator[None]:
    """Put the handler of SIGCHLD back, which torch's loader sets once for all when it first has workers."""
    if not hasattr(signal, "SIGCHLD") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        if before is not None and signal.getsignal(signal.SIGCHLD) is not before:
            signal.signal(signal.SIGCHLD, before)
            signal_handling._SIGCHLD_handler_set = False  # pyright: ignore[reportPrivateUsage]  # the next loader sets it again


@contextmanager
def kept_randomness(device: str) -> Generator[None]:
    """Put the random number generators back to where they were.

    Args:
        device: of the run, as `--device` has it; that of a GPU is woken for it.
    """
    on_gpu = torch.cuda.is_initialized() or (device != "cpu" and torch.cuda.is_available())
    where = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
    before = get_random_state(where)
    try:
        yield
    finally:
        set_random_state(before, where)


@contextmanager
def frozen_garbage() -> Generator[None]:
    """No cyclic garbage collection while training: what is alive now is set aside, what a step makes has no cycles.

    What the program around has set aside itself stays so: Python cannot take back one freeze of two.
    """
    was_enabled, freezes = gc.isenabled(), gc.get_freeze_count() == 0
    gc.collect()
    gc.disable()
    if freezes:
        gc.freeze()
    try:
        yield
    finally:
        if freezes:
            gc.unfreeze()
        if was_enabled:
            gc.enable()
