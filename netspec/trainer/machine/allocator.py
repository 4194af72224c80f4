"""Memory on the host that is used again, not asked for anew at every step.

glibc gives the memory of a large tensor back to the kernel when it is freed, and the kernel fills every page of the
next one with zeros: LeNet at batch 256 met up to 8,000 page faults a step, AlexNet at batch 32 90,000, which took a
quarter to a half of its time. PyTorch keeps freed memory on a GPU for the same reason.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Generator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # of malloc.h
_MIB = 2**20


@contextmanager
def kept_memory() -> Generator[None]:
    """Keep what is freed for the next tensor, and give it all back afterwards; nothing happens without glibc.

    glibc has no way to ask for its settings. Afterwards they are those that it comes to by itself in a process that
    has freed tensors of 32 MiB.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, 32 * _MIB)
        libc.mallopt(_TRIM_THRESHOLD, 64 * _MIB)
        libc.mallopt(_MMAP_MAX, 65536)
        libc.malloc_trim(0)
