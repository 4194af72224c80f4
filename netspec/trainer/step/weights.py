"""Load weights from a file or another run into a model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from netspec.asked import option
from netspec.diagnostics import ResourceError, UsageError, did_you_mean
from netspec.trainer.machine.divided import local
from netspec.trainer.machine.host import is_finite
from netspec.trainer.run.directory import RunDirectory, check_weights
from netspec.trainer.step.parameters import matches, named


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
        saved = load_safetensors(check_weights(file))
    except (SafetensorError, OSError) as error:
        raise ResourceError(f"`{file}` is damaged or no safetensors file: {error}") from None
    return {key: saved[key] for key in sorted(saved)}  # the library's order is that of a hash, another in every process


def load_weights(model: nn.Module, path: Path, fresh: Sequence[str] = ()) -> str | None:
    """Load the weights at `path` into a model. Keys that match a pattern of `fresh` are left alone: those of the net
    keep their initial values, those of the file are ignored.

    Returns:
        A note about what was left; None if everything was loaded.

    Raises:
        UsageError: keys or shapes differ for parameters that are to be loaded, a pattern matches nothing, or nothing is
            left to load.
        ResourceError: the file is damaged.
    """
    saved = read_weights(path)
    own: Mapping[str, Tensor] = model.state_dict()
    owners = {key: module for key, _, module in named(model)}
    left = {key for key in {**own, **saved} if any(_is_fresh(p, key, owners.get(key)) for p in fresh)}
    for pattern in fresh:
        if not any(_is_fresh(pattern, key, owners.get(key)) for key in {**own, **saved}):
            keys = {**own, **saved}
            within = f"{pattern}.*" if any(key.startswith(f"{pattern}.") for key in keys) else None
            meant = within or did_you_mean(pattern, keys)
            raise UsageError(
                f"{option('fresh', [pattern])} matches no parameter of the net and none of the file"
                + (
                    f"; did you mean {option('fresh', [meant])}?"
                    if meant
                    else f"; the net has {_listed(list(own))}, and the file {_listed(list(saved))}"
                )
            )
    problems = {key: f"`{key}` is missing: {_shape(own[key])} in the net" for key in own if key not in saved}
    problems |= {key: f"`{key}` is not in the net: {_shape(saved[key])} there" for key in saved if key not in own}
    problems |= {
        key: f"`{key}` is {_shape(saved[key])} there and {_shape(own[key])} in the net"
        for key in own
        if key in saved and saved[key].shape != own[key].shape
    }
    if unsolved := {key: text for key, text in problems.items() if key not in left}:
        shown = "\n".join(f"  {text}" for text in [*unsolved.values()][:8]) + (
            f"\n  … and {len(unsolved) - 8} more" * (len(unsolved) > 8)
        )
        loads = [key for key in own if key not in problems and key not in left]
        advice = "no key of the net is there, so these are weights of another net"
        if loads:
            wanted = option("fresh", [*fresh, *_patterns(unsolved, loads)])
            advice = f"{wanted} leaves these alone, and loads the other {len(loads)} of {len(own)}"
        raise UsageError(f"{option('weights', path)} does not fit the net; {advice}:\n{shown}")
    loaded = [key for key in own if key not in left]
    if not loaded:
        raise UsageError(f"{option('fresh', [*fresh])} leaves all {len(own)} parameters as initialised, so that "
                         f"{option('weights', path)} gives nothing; leave out one of the two")  # fmt: skip
    with torch.no_grad():
        for key in loaded:
            own[key].copy_(saved[key])
    if len(loaded) == len(own) == len(saved):
        return None
    parts = [f"{len(loaded)} of {len(own)} parameters are loaded"]
    if kept := [key for key in own if key in left]:
        parts.append(f"as initialised stay {_listed(kept)}")
    if ignored := [key for key in saved if key in left and key not in own]:
        parts.append(f"of the file are ignored {_listed(ignored)}")
    return f"note: {option('weights', path)}: {'; '.join(parts)}"


def _patterns(keys: Collection[str], loads: Collection[str]) -> list[str]:
    """Patterns that match these keys and none of those that load: of whole modules where that can be said."""
    found: dict[str, None] = {}
    for key in keys:
        words = key.split(".")
        heads = (".".join(words[:length]) + "." for length in range(1, len(words)))
        head = next((head for head in heads if not any(other.startswith(head) for other in loads)), None)
        found[key if head is None else f"{head}*"] = None
    return list(found)


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 6} more" if len(keys) > 6 else ""
    return ", ".join(f"`{key}`" for key in keys[:6]) + more


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
