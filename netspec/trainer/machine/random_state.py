"""Save and restore all random number generators, as plain values that `torch.load` reads with `weights_only`."""

from __future__ import annotations

import random
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor


def get_random_state(device: torch.device) -> dict[str, Any]:
    """The states of the generators of Python, NumPy and torch, and of the GPU: integers, floats and tensors."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = cast(
        tuple[str, Any, int, int, float],
        np.random.get_state(legacy=True),
    )
    state: dict[str, Any] = {
        "python": {"version": version, "words": list(words), "gauss": gauss},
        "numpy": {"name": name, "keys": keys.tolist(), "position": position, "has_gauss": has_gauss, "cached": cached},
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Restore the generators from a result of `get_random_state`."""
    python, numpy = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["words"]), python["gauss"]))
    np.random.set_state(
        (numpy["name"], np.array(numpy["keys"], np.uint32), numpy["position"], numpy["has_gauss"], numpy["cached"])
    )
    torch.set_rng_state(cast(Tensor, state["torch"]).cpu())
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(cast(Tensor, state["cuda"]).cpu(), device)


Drawn = tuple[Tensor, ...]
"""The states of torch's generators: of the CPU and, if the device is one, of the GPU."""


class Draws:
    """Saves the states of torch's generators before each step, so that the step can be replayed.

    If the first step leaves the states unchanged, as in a net without dropout, no later step draws random numbers, and
    the states are not copied any more.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._state = self._now()
        self._steps = 0
        self._drawn = False

    def before_step(self) -> Drawn:
        """The current states."""
        if self._steps == 1:
            self._drawn = not all(torch.equal(a, b) for a, b in zip(self._state, self._now(), strict=True))
        self._steps += 1
        return self._now() if self._drawn else self._state

    def restore(self, state: Drawn) -> None:
        """Restore the generators from a result of `before_step`."""
        torch.set_rng_state(state[0])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(state[1], self._device)

    def _now(self) -> Drawn:
        host = torch.get_rng_state()
        return (host, torch.cuda.get_rng_state(self._device)) if self._device.type == "cuda" else (host,)


def seed_everything(seed: int) -> None:
    """Seed the generators of Python, NumPy and torch; those of GPUs only if CUDA is initialised already."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
