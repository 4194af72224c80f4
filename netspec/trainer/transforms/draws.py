"""Random numbers as a pure function of seed, epoch, sample and purpose: no state, so nothing to save or to resume.

A number is the hash of where it is used. The same sample in the same epoch is augmented alike whatever the batch
size, the number of processes, or the step at which a run was resumed. Everything after `draw_key` is tensor
arithmetic without a read back to the host, so that it can be captured in a CUDA graph; the key is a tensor that
changes per epoch.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9  # 2**32 / golden ratio: spreads the column numbers over the range


def stable_seed(*parts: int | str) -> int:
    """A 63-bit integer that depends on every part, the same on every machine and in every version of Python."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def draw_key(seed: int, epoch: int, purpose: str = "augment", device: torch.device | str = "cpu") -> Tensor:
    """The key of one epoch's draws for one purpose: int64 of shape (2,)."""
    number = stable_seed(seed, epoch, purpose)
    return torch.tensor([number & _MASK, number >> 32], dtype=torch.int64, device=device)


def uniforms(key: Tensor, samples: Tensor, columns: int) -> Tensor:
    """Numbers uniform in [0, 1), float32 of shape (N, columns), for sample numbers of shape (N,) below 2**32."""
    h = _mix((samples + key[0]) & _MASK)
    h = _mix(h ^ key[1])
    steps = torch.arange(1, columns + 1, device=samples.device) * _GOLDEN & _MASK
    h = _mix((h.unsqueeze(1) + steps) & _MASK)
    return (h >> 8).to(torch.float32) * 2.0**-24


def _mix(x: Tensor) -> Tensor:
    """A bijective 32-bit hash (two rounds of multiply and xor-shift) in int64.

    The constants are those of C. Wellons' hash-prospector with the least bias among those below 2**31, so that no
    product of a 32-bit value leaves the int64 range.
    """
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & _MASK
    x = ((x ^ (x >> 15)) * 0x735A2D97) & _MASK
    return x ^ (x >> 15)
