"""What torch says, where its words are all there is to go by: it raises a plain `RuntimeError` for many things.

`tests/torch/test_foreign_messages.py` holds every word that is looked for here against torch's own messages.
"""

from __future__ import annotations

import torch
import torch.distributed as dist


def lacks_host_memory(error: BaseException) -> bool:
    """True if torch's allocator on the host got nothing more."""
    return "DefaultCPUAllocator" in str(error)


def lacks_memory(error: BaseException) -> bool:
    """True if memory ran out, of a GPU or of the host."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or lacks_host_memory(error)


def lost_peer(error: RuntimeError) -> bool:
    """True if another process of the run is gone, or does not answer."""
    words = ("onnection", "gloo", "NCCL", "imed out", "timeout", "peer")
    return isinstance(error, dist.DistError) or any(word in str(error) for word in words)


def waited_in_vain(error: RuntimeError) -> bool:
    """True if a lost process is one that does not answer in time."""
    return "imed out" in str(error)


def holds_objects(error: Exception) -> bool:
    """True if `torch.load(..., weights_only=True)` refuses a file since it holds more than tensors."""
    return "weights_only" in str(error) or "Unsupported" in str(error)
