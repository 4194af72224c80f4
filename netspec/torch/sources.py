"""Where weights come from: a model of torchvision's with its published weights, or a file."""

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
"""Keys under which training scripts keep the `state_dict` beside an optimiser and counters."""

_WITH_HEADS: Final = ("googlenet", "inception_v3")
"""Models with auxiliary heads, which torchvision's published weights have and its modules may have."""

_PREFIXES: Final = ("module.", "_orig_mod.")
"""What DistributedDataParallel and torch.compile put before every key."""


def published(name: str, *, progress: bool = False) -> nn.Module:
    """torchvision's model with weights: `resnet50`, `resnet50:IMAGENET1K_V1` or `resnet50:FILE`; by default the
    published ones that torchvision recommends.

    Published weights are taken from torch hub's directory, or fetched into it and checked against their hash. A file
    may be for any number of classes.

    Raises:
        UsageError: there is no such model or no such weights, or the file is another model's.
        ResourceError: the file is neither there nor to be fetched; says which file to put where.
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
    """A module that the extra `torch` brings along."""
    package = name.partition(".")[0]
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingExtra(f"{package} is not installed: {install('torch')}") from None


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
    except Exception as error:  # whatever a damaged file makes torch raise
        raise ResourceError(f"{file} cannot be read: {_first_line(error)}; delete it to fetch it again") from None


def read_state(path: Path) -> dict[str, Tensor]:
    """The `state_dict` in a file: `.safetensors`, or what `torch.save` wrote.

    A file of `torch.save`'s is a pickle; only tensors are read from it, and one that would run code is refused.

    Raises:
        UsageError: there is no such file.
        ResourceError: it is damaged, holds more than tensors, or would run code.
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
    except Exception as error:  # a foreign file may make the reader raise anything
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
    """A `state_dict` in the safetensors format. Tensors that share memory are written once each."""
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
