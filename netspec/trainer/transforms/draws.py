"""Counter-based random numbers: a pure function of seed, epoch, sample and purpose, without state to save.

A number is the hash of where it is used. So a sample is augmented in the same way in an epoch, whatever the batch size,
the number of processes, or the step at which a run was resumed. Everything but `draw_key` is tensor arithmetic without
host synchronisation, so it can be captured in a CUDA graph; the key is a tensor with a new value in each epoch.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9  # 2**32 / golden ratio: spreads the column numbers over the range


def stable_seed(*parts: int | str) -> int:
    """A 63-bit hash of the parts, the same on every machine and in every version of Python."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def draw_key(seed: int, epoch: int, purpose: str = "augment", device: torch.device | str = "cpu") -> Tensor:
    """The key for the random numbers of an epoch and a purpose: int64 (2,)."""
    number = stable_seed(seed, epoch, purpose)
    return torch.tensor([number & _MASK, number >> 32], dtype=torch.int64, device=device)


def uniforms(key: Tensor, samples: Tensor, columns: int) -> Tensor:
    """Uniform random numbers in [0, 1), float32 (N, columns).

    Args:
        key: a result of `draw_key`.
        samples: the indices of the samples, int64 (N,), below 2**32.
        columns: how many numbers to draw for each sample.
    """
    h = _mix((samples + key[0]) & _MASK)
    h = _mix(h ^ key[1])
    steps = torch.arange(1, columns + 1, device=samples.device) * _GOLDEN & _MASK
    h = _mix((h.unsqueeze(1) + steps) & _MASK)
    return (h >> 8).to(torch.float32) * 2.0**-24


def _mix(x: Tensor) -> Tensor:
    """A bijective 32-bit hash (two rounds of multiply and xor-shift), computed in int64.

    The constants are from C. Wellons' hash-prospector: those with the least bias among those below 2**31, so that the
    product with a 32-bit value does not exceed int64.
    """
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & _MASK
    x = ((x ^ (x >> 15)) * 0x735A2D97) & _MASK
    return x ^ (x >> 15)
