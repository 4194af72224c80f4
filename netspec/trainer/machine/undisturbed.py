"""Restore global state of the process that a run changes, so that a program which calls `netspec.train` can go on."""

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
    """Restore the environment variables, whether the run or torch has changed them."""
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
    """Restore the handler of SIGCHLD, which torch's DataLoader sets when it first starts workers."""
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
    """Restore the random number generators.

    Args:
        device: the run's device as given by `--device`. If it may be a GPU, CUDA is initialised to save its generator.
    """
    on_gpu = torch.cuda.is_initialized() or (device != "cpu" and torch.cuda.is_available())
    where = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
    before = get_random_state(where)
    try:
        yield
    finally:
        set_random_state(before, where)


@contextmanager
def frozen_garbage(*, collects: bool = False) -> Generator[None]:
    """Disable the cyclic garbage collector while training, and exclude the objects that exist now (`gc.freeze`).

    A step creates no reference cycles; where a program's code runs, which may, the collector goes on (`collects`). If
    the program has called `gc.freeze` itself, it is not called here, since `gc.unfreeze` would undo both.
    """
    was_enabled, freezes = gc.isenabled(), gc.get_freeze_count() == 0
    gc.collect()
    if not collects:
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
