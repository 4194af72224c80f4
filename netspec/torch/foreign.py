"""Classify errors of torch by their message, where torch raises a plain `RuntimeError` and gives no other sign.

`tests/torch/test_foreign_messages.py` provokes the errors and checks every word searched for here.
"""

from __future__ import annotations

import torch
import torch.distributed as dist


def lacks_host_memory(error: BaseException) -> bool:
    """True if torch's CPU allocator ran out of memory."""
    return "DefaultCPUAllocator" in str(error)


def lacks_memory(error: BaseException) -> bool:
    """True if a GPU or the host ran out of memory."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or lacks_host_memory(error)


def lost_peer(error: RuntimeError) -> bool:
    """True if another process of a distributed run ended, or does not respond."""
    words = ("onnection", "gloo", "NCCL", "imed out", "timeout", "peer")
    return isinstance(error, dist.DistError) or any(word in str(error) for word in words)


def waited_in_vain(error: RuntimeError) -> bool:
    """True if the other process did not respond in time (and may still be running)."""
    return "imed out" in str(error)


def holds_objects(error: Exception) -> bool:
    """True if `torch.load(..., weights_only=True)` refuses a file because it contains other objects than tensors."""
    return "weights_only" in str(error) or "Unsupported" in str(error)
