"""All random number generators as plain values, so that a checkpoint can hold them and load with `weights_only`."""

from __future__ import annotations

import random
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor


def get_random_state(device: torch.device) -> dict[str, Any]:
    """The state of Python's, NumPy's and torch's generators, the device's included: integers, floats and tensors."""
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
    """Put the generators where `get_random_state` found them."""
    python, numpy = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["words"]), python["gauss"]))
    np.random.set_state(
        (numpy["name"], np.array(numpy["keys"], np.uint32), numpy["position"], numpy["has_gauss"], numpy["cached"])
    )
    torch.set_rng_state(cast(Tensor, state["torch"]).cpu())
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(cast(Tensor, state["cuda"]).cpu(), device)


Drawn = tuple[Tensor, ...]
"""The states of torch's generators, of the host and, on a GPU, of the device."""


class Draws:
    """The states of torch's generators before each step, for a replay of it.

    Most nets draw nothing in a step, and then none does: what the first step leaves untouched is not copied again.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._state = self._now()
        self._steps = 0
        self._drawn = False

    def before_step(self) -> Drawn:
        """The states now."""
        if self._steps == 1:
            self._drawn = not all(torch.equal(a, b) for a, b in zip(self._state, self._now(), strict=True))
        self._steps += 1
        return self._now() if self._drawn else self._state

    def restore(self, state: Drawn) -> None:
        """Put the generators where `before_step` found them."""
        torch.set_rng_state(state[0])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(state[1], self._device)

    def _now(self) -> Drawn:
        host = torch.get_rng_state()
        return (host, torch.cuda.get_rng_state(self._device)) if self._device.type == "cuda" else (host,)


def seed_everything(seed: int) -> None:
    """Start every generator from one seed, a GPU's only if it is in use: another is still to be seeded by its user."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
