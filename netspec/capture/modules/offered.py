"""What a spec may name in an import: netspec's own layers, and those of plugins, by the classes that they build."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from torch import nn

from netspec.capture.graph import NotCaptured
from netspec.layers import OWN, Offer
from netspec.layers.base import Example, Layer, TensorType, TorchCall
from netspec.plugins.asking import Fault, asked

_OFFERED: ContextVar[Offer] = ContextVar("offered", default=OWN)
"""What a spec may name in the import that runs."""


@contextmanager
def offering(offer: Offer) -> Generator[None]:
    """Let modules that the layers of plugins build be such layers."""
    token = _OFFERED.set(offer)
    try:
        yield
    finally:
        _OFFERED.reset(token)


def offered() -> Offer:
    """What a spec may name in the import that runs."""
    return _OFFERED.get()


def plugins_of(words: Collection[str]) -> list[str]:
    """The names of the plugins that have layers of these names."""
    plugins = _OFFERED.get().plugins
    return [plugin.name for plugin in plugins if any(layer.__name__ in words for layer in plugin.layers)]


def is_known(name: str) -> bool:
    """Whether a spec may name a layer so."""
    return name in _OFFERED.get().layers


def layer_class(name: str) -> type[Layer]:
    """The class of a layer that a spec may name."""
    return _OFFERED.get().layer_class(name)


def of_plugin(kind: type[nn.Module]) -> str | None:
    """The layer of a plugin that builds modules of a class: what it calls for its own examples."""
    offer = _OFFERED.get()
    foreign = (name for name in offer.layers if offer.of_plugin(name))
    return next((name for name in foreign if (kind.__module__, kind.__qualname__) in _built(layer_class(name))), None)


def missed(kinds: Collection[type[nn.Module]]) -> list[str]:
    """Why layers of plugins may not be what these modules are, though they are there for them."""
    offer = _OFFERED.get()
    foreign = sorted(name for name in offer.layers if offer.of_plugin(name))
    told = [
        f"the plugin's layer `{name}` has no `examples`, which say modules of which class it builds: give it some"
        for name in foreign
        if not layer_class(name).examples
    ]
    by_name = {kind.__qualname__: kind.__module__ for kind in kinds}
    for name in foreign:
        for module, target in sorted(_built(layer_class(name))):
            if by_name.get(target, module) != module:
                told.append(
                    f"the plugin's layer `{name}` builds `{module}.{target}`; this is `{by_name[target]}.{target}`"
                )
    return told


@cache
def _built(kind: type[Layer]) -> frozenset[tuple[str, str]]:
    """The classes that a layer of a plugin calls for its examples: the names of their modules, and their own.

    Raises:
        NotCaptured: the code of the plugin fails.
    """
    found: set[tuple[str, str]] = set()
    for example in kind.examples:

        def call(example: Example = example) -> TorchCall:
            return kind.model_validate(example.arguments).call(TensorType(example.input, example.dtype))

        try:
            made = asked(f"`call` of `{kind.__name__}`, for its own example,", call, kind)
        except Fault as fault:
            raise NotCaptured(str(fault)) from None
        found.add((made.module, made.target))
    return frozenset(found)
