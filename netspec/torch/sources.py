"""Load weights from a torchvision model with published weights, or from a file; write safetensors."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError

import torch
from torch import Tensor, nn

from netspec.diagnostics import MissingExtra, ResourceError, UsageError, did_you_mean
from netspec.extras import install
from netspec.torch.foreign import holds_objects
from netspec.views.describe import plural

_WRAPPED: Final = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts store the state dict in a checkpoint, beside optimizer and counters."""

_WITH_HEADS: Final = ("googlenet", "inception_v3")
"""Models with auxiliary heads: the published weights contain them, the constructors make them optional."""

_PREFIXES: Final = ("module.", "_orig_mod.")
"""Prefixes that DistributedDataParallel and torch.compile add to every key."""


def published(name: str, *, progress: bool = False) -> nn.Module:
    """A torchvision classifier with weights: `resnet50`, `resnet50:IMAGENET1K_V1` or `resnet50:FILE`.

    Without a name after the colon, the weights are those that torchvision recommends (`DEFAULT`). Published weights
    are read from torch hub's directory, or downloaded into it and checked against their hash. The weights of a file may
    have any number of classes, which is taken from the size of the model's last tensor.

    Args:
        name: the model and its weights.
        progress: show the progress of a download.

    Raises:
        UsageError: there is no such model or no such weights, or the file is not of this model.
        ResourceError: the weights are not in torch hub's directory and cannot be downloaded (the message says which
            file to put where), or a file is damaged.
        MissingExtra: torchvision is not installed.
    """
    models = _optional("torchvision.models")
    model, _, wanted = name.partition(":")
    known: list[str] = models.list_models(module=models)
    if model not in known:
        near = did_you_mean(model, known)
        raise UsageError(f"torchvision has no classifier `{model}`" + (f"; did you mean `{near}`?" if near else ""))
    offered: Any = models.get_model_weights(model)
    members = {str(member.name): member for member in offered} | {"DEFAULT": offered.DEFAULT}
    weights = members.get(wanted or "DEFAULT")
    if weights is None and ("." in wanted or Path(wanted).is_file()):
        return _from_file(models, model, Path(wanted))
    if weights is None:
        raise UsageError(f"torchvision has no weights `{wanted}` for `{model}`; it has {', '.join(members)}")
    state = _fetched(weights, progress)
    options: dict[str, Any] = {"init_weights": False, "aux_logits": True, "transform_input": True}
    if model not in _WITH_HEADS:
        options = {}
    module: nn.Module = models.get_model(model, weights=None, **options)
    module.load_state_dict(state)
    return module


def _from_file(models: Any, model: str, path: Path) -> nn.Module:
    state = read_state(path)
    options: dict[str, Any] = {"init_weights": False} if model in _WITH_HEADS else {}
    if options:
        options["aux_logits"] = any(key.lower().startswith("aux") for key in state)
    with torch.device("meta"):
        *_, last = models.get_model(model, weights=None, **options).state_dict()  # the head's
    if last in state and state[last].dim():
        options["num_classes"] = len(state[last])
    module: nn.Module = models.get_model(model, weights=None, **options)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        problems = textwrap.shorten(" ".join(str(error).splitlines()[1:]), 200, placeholder=" …")
        raise UsageError(f"{path} is no state_dict of torchvision's `{model}`: {problems}") from None
    return module


def _optional(name: str) -> Any:
    """Import a module of the extra `torch`.

    Raises:
        MissingExtra: it is not installed.
    """
    package = name.partition(".")[0]
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingExtra(f"{package} is not installed", install("torch")) from None


def _fetched(weights: Any, progress: bool) -> Mapping[str, Tensor]:
    directory = Path(torch.hub.get_dir()) / "checkpoints"
    file = directory / Path(weights.url).name
    try:
        return weights.get_state_dict(progress=progress, check_hash=True, weights_only=True, map_location="cpu")
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise ResourceError(
            f"the weights are not in {directory}, and cannot be fetched: {reason}. Put the file {file.name} there "
            f"(it is at {weights.url})"
        ) from None
    except Exception as error:  # a damaged file can make torch raise any exception
        raise ResourceError(f"{file} cannot be read: {_first_line(error)}; delete it to fetch it again") from None


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the state dict in a file: `.safetensors`, or a file written by `torch.save`.

    The latter is a pickle. It is loaded with `weights_only`, which refuses any object that could run code. A state dict
    inside a checkpoint, and keys with a prefix of DistributedDataParallel or torch.compile, are recognised.

    Raises:
        UsageError: there is no such file.
        ResourceError: the file is damaged, or contains other objects than tensors.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    found = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    for key in _WRAPPED:
        if isinstance(found.get(key), Mapping):
            found = _keyed(found[key])
            break
    state = {key: value for key, value in found.items() if isinstance(value, Tensor)}
    others = [key for key in found if key not in state]
    if others or not state:
        holds = f"besides tensors it holds {', '.join(others[:3])}" if others else "it is empty"
        raise ResourceError(
            f"{path} is not a plain state_dict: {holds}; write one with torch.save(model.state_dict(), …)"
        )
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return state


def _read_safetensors(path: Path) -> dict[str, Any]:
    safetensors = _optional("safetensors.torch")
    try:
        return dict(safetensors.load_file(path))
    except (_optional("safetensors").SafetensorError, OSError) as error:
        raise ResourceError(f"{path} is not a safetensors file: {_first_line(error)}") from None


def _read_pickle(path: Path) -> dict[str, Any]:
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)  # pyright: ignore[reportUnknownMemberType]  # torch's stub is partly untyped
    except Exception as error:  # a foreign file can make torch raise any exception
        if holds_objects(error):
            raise ResourceError(
                f"{path} is refused: it holds Python objects besides tensors, and loading those can run code. If you "
                "trust it, load it yourself and save the tensors alone: torch.save(model.state_dict(), …)"
            ) from None
        reason = f"{type(error).__name__}: {_first_line(error)}"
        raise ResourceError(f"{path} is damaged, or no file of torch.save's ({reason})") from None
    if isinstance(loaded, Mapping):
        return _keyed(loaded)  # pyright: ignore[reportUnknownArgumentType]  # any keys and values
    raise ResourceError(f"{path} holds a {type(loaded).__name__}, where a state_dict is wanted")


def _keyed(found: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in found.items()}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].partition(". ")[0] if lines else type(error).__name__


def safetensors_bytes(state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """A state dict in the safetensors format. The format has no shared storage, so tied tensors are copied."""
    seen: set[int] = set()
    written: dict[str, Tensor] = {}
    for key, tensor in state.items():
        plain = tensor.detach().cpu().contiguous()
        shared = plain.untyped_storage().data_ptr() in seen
        seen.add(plain.untyped_storage().data_ptr())
        written[key] = plain.clone() if shared else plain
    return _optional("safetensors.torch").save(written, dict(metadata))


def count(state: Mapping[str, Tensor]) -> str:
    """`161 tensors, 25,557,032 values`."""
    return f"{plural(len(state), 'tensor')}, {sum(tensor.numel() for tensor in state.values()):,} values"
