"""The data of a plugin: what its function gives, held against what its class says without asking it."""

from __future__ import annotations

from typing import Any

import torch

from netspec.diagnostics import PluginError, UsageError
from netspec.plugins.asking import roots, told
from netspec.recipe.base import DataSet
from netspec.recipe.sizes import differs, joined
from netspec.torch.foreign_modules import called
from netspec.trainer.data.given import read as read_given
from netspec.trainer.data.parts import Part, Parts, Request
from netspec.trainer.data.supplied import GivenData, given_data


def read(data: DataSet, request: Request) -> Parts:
    """The parts that the function of a plugin's data set gives.

    Raises:
        PluginError: it is not there, raises, or gives other parts than the class says.
        UsageError: a part has a form that does not go with the recipe.
        ResourceError: a part is empty, or its examples do not fit the net.
    """
    call = data.call()
    named = f"`{call.module}.{call.target}`"
    function = called(call, type(data), call.arguments, torch.device("cpu"))
    try:
        found: Any = function()
    except Exception as error:  # whatever the plugin's code raises
        raise PluginError(f"{named}, which reads `{data.name()}`, raised {told(error, roots([type(data)]))}") from error
    try:
        parts = given_data(found).parts
    except UsageError as error:
        raise PluginError(f"{named} gives no data: {error}") from None
    if data.has_validation is not ("validation" in parts):
        says, gives = ("has", "no") if data.has_validation else ("has no", "such a")
        raise PluginError(
            f"`{data.name()}` says that it {says} validation data (`has_validation`), but {named} gives {gives} part"
        )
    read = read_given(data, request._replace(given=GivenData(parts, name=data.name())))
    _check_facts(data, named, read)
    return _with_classes(read, data.facts().classes)


def _with_classes(parts: Parts, classes: int | None) -> Parts:
    parts.classes = classes
    return parts


def _check_facts(data: DataSet, named: str, parts: Parts) -> None:
    """Hold what was read against what the class says.

    Raises:
        PluginError: they differ.
    """
    facts = data.facts()
    for name, part in parts.named:
        if facts.shape is not None and differs(facts.shape, part.shape):
            raise PluginError(
                f"`facts` of `{data.name()}` says that an example is {joined(facts.shape)}, but {named} gives {name} "
                f"examples of {joined(part.shape)}"
            )
        wanted, count = {"train": facts.train, "test": facts.test}.get(name), _count(part)
        if wanted is not None and count is not None and wanted != count:
            raise PluginError(
                f"`facts` of `{data.name()}` says that there are {wanted} {name} examples, but {named} gives {count}"
            )


def _count(part: Part) -> int | None:
    """The number of examples; None if they have an order of their own."""
    return len(part.y) if part.stream is None else part.stream.count or None
