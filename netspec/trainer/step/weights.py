"""Load weights from a file or another run into a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from netspec.asked import option
from netspec.diagnostics import ResourceError, UsageError
from netspec.trainer.machine.divided import local
from netspec.trainer.machine.host import is_finite
from netspec.trainer.run.directory import RunDirectory, check_weights
from netspec.trainer.step.optim import matches, named


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file, or the final weights of a run directory.

    Raises:
        UsageError: there is no such file, or the run is not finished.
        ResourceError: the file is damaged.
    """
    file = path / "model.safetensors" if path.is_dir() else path
    if path.is_dir() and not file.is_file() and (path / "checkpoints").is_dir():
        raise UsageError(
            f"{option('weights', path)}: the run is unfinished; go on with `{RunDirectory(path).resume}` first"
        )
    if not file.is_file():
        raise UsageError(f"{option('weights', path)}: there is no such file")
    try:
        return load_safetensors(check_weights(file))
    except (SafetensorError, OSError) as error:
        raise ResourceError(f"`{file}` is damaged or no safetensors file: {error}") from None


def load_weights(model: nn.Module, path: Path, fresh: Sequence[str] = ()) -> None:
    """Load the weights at `path` into a model. Parameters that match a pattern of `fresh` are not loaded.

    Raises:
        UsageError: keys or shapes differ for parameters that are to be loaded, or a pattern matches nothing.
        ResourceError: the file is damaged.
    """
    saved = read_weights(path)
    own: Mapping[str, Tensor] = model.state_dict()
    owners = {key: module for key, _, module in named(model)}
    kept = {key for key in own if any(_is_fresh(p, key, owners.get(key)) for p in fresh)}
    for pattern in fresh:
        if not any(_is_fresh(pattern, key, owners.get(key)) for key in own):
            raise UsageError(
                f"{option('fresh', [pattern])} matches no parameter; there are {', '.join(list(own)[:6])} …"
            )
    problems = [f"`{key}` is missing" for key in own if key not in saved and key not in kept]
    problems += [f"`{key}` is not in the net" for key in saved if key not in own]
    problems += [
        f"`{key}` is {_shape(saved[key])} there and {_shape(own[key])} in the net"
        for key in own
        if key in saved and key not in kept and saved[key].shape != own[key].shape
    ]
    if problems:
        shown = "\n".join(f"  {p}" for p in problems[:8]) + (
            f"\n  … and {len(problems) - 8} more" * (len(problems) > 8)
        )
        hint = (
            f"beyond what {option('fresh')} leaves"
            if fresh
            else f"{option('fresh', ['PATTERN'])} leaves parameters as initialised"
        )
        raise UsageError(f"{option('weights', path)} does not fit the net; {hint}:\n{shown}")
    with torch.no_grad():
        for key, tensor in own.items():
            if key not in kept:
                tensor.copy_(saved[key])


def not_finite(model: nn.Module) -> str | None:
    """A message about the first parameter or buffer that is not finite, "2 of the 6 values of `0.bias` are not finite";
    None if all are finite."""
    tensors: Mapping[str, Tensor] = model.state_dict()
    for key, tensor in tensors.items():
        if not is_finite(tensor):
            bad = int((~tensor.isfinite()).sum())
            return f"{bad:,} of the {tensor.numel():,} values of `{key}` are not finite"
    return None


def lost_key(model: nn.Module) -> str | None:
    """The key of the first parameter or buffer that is not finite; of divided ones, where this process's part is not.
    None if all are finite."""
    tensors: Mapping[str, Tensor] = model.state_dict()
    return next((key for key, tensor in tensors.items() if not is_finite(local(tensor))), None)


def _is_fresh(pattern: str, key: str, module: nn.Module | None) -> bool:
    return fnmatchcase(key, pattern) if module is None else matches(pattern, key, module)


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "a number"
