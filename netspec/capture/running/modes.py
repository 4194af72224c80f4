"""Which parts of a module train: modes and parameters, once its own `train` has had its say."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import nn

from netspec.capture.graph import Modes, NotCaptured
from netspec.capture.items import BRANCH, PlacedItem, is_numbered, leaves_of
from netspec.capture.modules.offered import is_known, layer_class
from netspec.capture.running.users import passing, users_own
from netspec.layers.base import Layer


@passing
def set_mode(module: nn.Module, *, training: bool) -> None:
    """Put a module into a mode as its user does: it may have a `train` of its own."""
    with users_own("`train` of the module" if training else "`eval` of the module"):
        if training:
            module.train()
        else:
            module.eval()


def modes_of(module: nn.Module) -> Modes:
    """Ask a module for its modes; they are those of eval when this returns."""
    set_mode(module, training=True)
    parts = list(module.modules())
    steady = frozenset(part for part in parts if not part.training)
    named = module.named_parameters(remove_duplicate=False)
    frozen = frozenset(key for key, value in named if not value.requires_grad and value.is_floating_point())
    set_mode(module, training=False)
    return Modes(steady, frozenset(part for part in parts if part.training), frozen)


@contextmanager
def as_it_was(module: nn.Module) -> Generator[None]:
    """Put the modes, the buffers, what requires gradients and the attributes of a module and its parts back: a program
    may count its runs, or keep what it has computed."""
    attributes: list[tuple[Any, Any]] = [(vars(part), dict(vars(part))) for part in module.modules()]
    attributes += [(value, copy.copy(value)) for _, own in attributes for value in own.values() if _holds(value)]
    gradients = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for container, before in attributes:
            if type(container) is list:
                container[:] = before
            else:
                container.clear()
                container.update(before)
        for parameter, required in gradients:
            parameter.requires_grad_(required)
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


def _holds(value: Any) -> bool:
    """Whether an attribute is a container of Python's, which a run may put something into."""
    return type(value) in (dict, OrderedDict, list, set)


_SHARES: Final = ("dropout", "attention_dropout")
_INNER: Final = ("encoder_layer", "decoder_layer")


def draws(layer: Layer) -> bool:
    """Whether a layer draws random numbers while it trains."""
    if layer.family == "dropout":
        return bool(getattr(layer, "p", 0))
    inner = any(draws(getattr(layer, name)) for name in _INNER if hasattr(layer, name))
    return inner or type(layer).__name__ == "RReLU" or any(getattr(layer, name, 0) for name in _SHARES)


def keeps_statistics(layer: Layer) -> bool:
    """Whether a layer keeps the statistics of what it has seen."""
    return bool(getattr(layer, "track_running_stats", False))


def in_eval(layer: Layer) -> Layer | None:
    """A layer that computes in both modes what this one does in eval mode; None where it changes nothing then."""
    if layer.family == "dropout":
        return None
    found: dict[str, Any] = {name: 0.0 for name in _SHARES if getattr(layer, name, 0)}
    found |= {name: in_eval(getattr(layer, name)) for name in _INNER if hasattr(layer, name)}
    return layer.model_copy(update=found)


# ---- which layers do not train


def freeze(items: list[PlacedItem], module: nn.Module, modes: Modes) -> None:
    """Write `freeze` beside the layers whose parameters do not train, or around them.

    Raises:
        NotCaptured: the statistics of a norm stay as they are, but its parameters train.
    """
    trained = {key for key, _ in module.named_parameters(remove_duplicate=False)}
    for item in leaves_of(items):
        keys = [key for key in item.keys.values() if key in trained]
        is_frozen = all(key in modes.frozen for key in keys)
        if item.is_steady and not is_frozen:
            where = f"{item.place}: " if item.place is not None else ""
            raise NotCaptured(
                f"{where}`{item.path or item.word}` stays in eval mode while the module trains, but its parameters "
                f"train, which no spec says; with `requires_grad_(False)` on it the spec has `freeze: true`"
            )
        if is_frozen and (item.is_steady or (_may_train(item) and not item.keeps_statistics)):
            item.options["freeze"] = True
    for item in items:
        _lift(item)


_SEVERAL: Final = 2
"""Parts of a body that do not train, and are said to as one."""


def _lift(item: PlacedItem) -> None:
    """Put `freeze` beside a body in which nothing trains, in the place of its layers."""
    for inner in item.body or ():
        _lift(inner)
    if item.body is None or item.is_combinator or item.word == BRANCH:
        return
    fewest = _SEVERAL if is_numbered(item.body, item.path) else 1  # a list that netspec made says it of a layer
    if sum(map(_says_freeze, item.body)) >= fewest and _is_still(item):
        _thaw(item)
        item.options["freeze"] = True


def _says_freeze(item: PlacedItem) -> bool:
    return "freeze" in item.options or any(map(_says_freeze, item.body or ()))


def _is_still(item: PlacedItem) -> bool:
    """Whether all that `freeze` would stop is stopped."""
    if "freeze" in item.options:
        return True
    return not _cares(item) if item.body is None else all(map(_is_still, item.body))


def _thaw(item: PlacedItem) -> None:
    """Say `freeze` of nothing in an item."""
    item.options.pop("freeze", None)
    for inner in item.body or ():
        _thaw(inner)


def _cares(item: PlacedItem) -> bool:
    """Whether there is something that `freeze` would stop."""
    return _may_train(item) or item.keeps_statistics


def _may_train(item: PlacedItem) -> bool:
    """Whether it is a layer that has parameters in a spec, and here is given some."""
    if not item.keys:
        return False
    return not is_known(item.word) or layer_class(item.word).parameters is not Layer.parameters


RANDOM: Final = frozenset(
    """
    rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial poisson uniform random
    exponential cauchy geometric log_normal gumbel_softmax rrelu
    """.split()  # noqa: SIM905  # a list of words reads best as words
)
"""Functions that draw random numbers in both modes; those that do it in place have a `_` behind their names."""
