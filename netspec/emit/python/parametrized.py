"""Weights that are computed of other parameters, as code: calls at the end, behind the initial weights."""

from __future__ import annotations

from typing import Any, NamedTuple

from netspec.emit.python.code import WIDTH, Argument, FunctionCall, Literal, Raw, listing, literal, statement
from netspec.layers.base import NAMESPACES, TorchCall
from netspec.net import Net


class Parametrized(NamedTuple):
    """The code for the parametrisations of a net."""

    lines: list[str]
    imports: set[tuple[str, str]]
    """Module and function of torch's."""
    helpers: set[tuple[str, str]]
    """Module and function of netspec's own."""


def parametrizations(net: Net) -> Parametrized:
    """The code that parametrises the modules of a net, one loop for all that are parametrised alike."""
    calls: dict[Any, TorchCall] = {}
    paths: dict[Any, list[str]] = {}
    for leaf in net.layers:
        if leaf.parametrization is not None and not leaf.again:
            calls[leaf.parametrization] = leaf.parametrization.call()
            paths.setdefault(leaf.parametrization, []).append(leaf.path)
    sources = {(call.module, call.target) for call in calls.values()}
    helpers = {source for source in sources if source[0] in NAMESPACES}
    lines = [line for key, call in calls.items() for line in _alike(call, paths[key])]
    return Parametrized(lines, sources - helpers, helpers)


def _alike(call: TorchCall, paths: list[str]) -> list[str]:
    if len(paths) == 1:
        return _line(call, f'model.get_submodule("{paths[0]}")', 1)
    head = f"    for path in {literal(paths)}:"
    lines = [head] if len(head) <= WIDTH else listing([Literal(path) for path in paths], 1, "for path in ")
    return [*lines[:-1], lines[-1].removesuffix(":") + ":", *_line(call, "model.get_submodule(path)", 2)]


def _line(call: TorchCall, module: str, indent: int) -> list[str]:
    arguments = [Argument(Literal(value), name, keyword=True) for name, value in call.arguments.items()]
    return statement("", FunctionCall(call.target, (Argument(Raw(module)), *arguments)), indent)
