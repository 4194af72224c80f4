"""A layer makes its module anew, by arguments alone: whether that gives the module that is there, and if not, why."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.items import PlacedItem
from netspec.capture.modules.layers import at
from netspec.capture.plugging.arguments import KeptField, is_plain, is_same, written
from netspec.capture.plugging.trials import Bench, ModuleCall, numbers_of, product, quiet
from netspec.capture.proving.differences import Unproven
from netspec.capture.proving.proof import placed_leaves
from netspec.capture.running.modes import as_it_was
from netspec.capture.running.named import named_modules
from netspec.capture.running.users import passing
from netspec.net import Net
from netspec.torch.build import build

CHANGED: Final = (
    "{} was changed after it was made: {}; a layer makes its module anew, so make the change in `__init__`, by an "
    "argument that is given where the module is made"
)


def check_anew(bench: Bench, calls: Sequence[ModuleCall], fields: Sequence[KeptField]) -> None:
    """Require that a layer's arguments make the modules of a class that are there.

    Args:
        bench: knows which arguments follow from the input.
        calls: of the modules.
        fields: of the layer.

    Raises:
        NotCaptured: they make another; the message says what is otherwise, and what to do.
    """
    for call in calls:
        given = dict(_given(bench, call, fields))
        anew, error = _made(type(call.module), given)
        if anew is None or not _is_equal(call, anew):
            told = f"no layer can be made of `{type(call.module).__qualname__}`"
            raise NotCaptured(f"{told}: {_why(call, given, error)}")


def _given(bench: Bench, call: ModuleCall, fields: Sequence[KeptField]) -> Iterator[tuple[str, Any]]:
    """The arguments by which a layer makes the module: of those that it reads of a module, what it reads."""
    for name, found in bench.ties.items():
        yield name, product(call.shapes[0][found.first : found.last])
    for each in fields:
        place = each.place or each.name
        if place != each.name or hasattr(call.module, place):
            yield each.name, at(call.module, place)


@passing
def _made(kind: Callable[..., nn.Module], arguments: Mapping[str, Any]) -> tuple[nn.Module | None, Exception | None]:
    try:
        with quiet():
            return kind(**arguments), None
    except Exception as error:  # whatever the program raises
        return None, error


@passing
def _is_equal(call: ModuleCall, anew: nn.Module) -> bool:
    """Whether a module with the weights of another gives the same."""
    found: list[list[Any]] = []
    try:
        anew.load_state_dict(call.module.state_dict())
        for module in (call.module, anew):
            torch.default_generator.manual_seed(0)
            with as_it_was(module), torch.no_grad(), quiet():
                result: Any = module.eval()(*call.inputs)
            found.append(numbers_of(result) or [result])
    except Exception:  # what it raises where it is not the same
        return False
    if not all(isinstance(one, Tensor) for one in (*found[0], *found[1])):
        return True  # which a layer does not give, and its rule refuses
    return len(found[0]) == len(found[1]) and all(map(is_close, *found))


def is_close(one: Tensor, other: Tensor) -> bool:
    """Whether numbers are equal but for rounding, as of sums in another order."""
    if one.shape != other.shape:
        return False
    return torch.allclose(one.double(), other.double(), rtol=1e-3, atol=1e-4, equal_nan=True)


def _why(call: ModuleCall, given: Mapping[str, Any], error: Exception | None) -> str:
    """Why these arguments do not make a module."""
    first, _ = _made(type(call.module), call.arguments)
    changed = "" if first is None else difference(call.module, first)
    if changed:
        return CHANGED.format("it", changed)
    parameters = inspect.signature(type(call.module)).parameters
    rest = next((one.name for one in parameters.values() if one.kind is one.VAR_KEYWORD), "")
    unnamed = [name for name in call.arguments if rest and name not in parameters]
    if unnamed:
        names = " and ".join(f"`{name}`" for name in unnamed)
        kept = ", ".join(f"`self.{name} = {name}`" for name in unnamed)
        return (
            f"its `__init__` takes {names} by `**{rest}`, and a layer has the arguments alone that `__init__` names: "
            f"name {'it' if len(unnamed) == 1 else 'them'} there, and keep what is given, {kept}"
        )
    if error is not None:
        return f"made with {written(given)}, it raises {type(error).__name__}: {error}"
    return (
        f"made anew with {written(given)} and given its weights, it gives something else: what it computes has to "
        "follow from arguments and weights"
    )


def difference(module: nn.Module, anew: nn.Module) -> str:
    """In what a module is not as one that was made anew: its parts, its parameters and what it keeps; empty where that
    is the same."""
    parts, others = named_modules(module), named_modules(anew)
    for path in dict.fromkeys((*parts, *others)):
        if path not in others or path not in parts:
            where = "is there, and not in" if path in parts else "is not there, and is in"
            return f"`{path}` {where} one that is made anew"
        kinds = [type(one[path]).__qualname__ for one in (parts, others)]
        if path and type(parts[path]) is not type(others[path]):
            return f"`{path}` is of the class `{kinds[0]}`, and of `{kinds[1]}` in one that is made anew"
    for path, part in parts.items():
        inside = f"{path}." if path else ""
        own, new = _plain(part), _plain(others[path])
        for name in dict.fromkeys((*own, *new)):
            if name not in own or name not in new or not is_same(own[name], new[name]):
                told = [repr(one[name]) if name in one else "nothing" for one in (own, new)]
                return f"`{inside}{name}` is {told[0]}, and {told[1]} in one that is made anew"
    shapes = [{key: tuple(tensor.shape) for key, tensor in one.state_dict().items()} for one in (module, anew)]
    for key in dict.fromkeys((*shapes[0], *shapes[1])):
        if shapes[0].get(key) != shapes[1].get(key):
            told = [f"of shape {one[key]}" if key in one else "missing" for one in shapes]
            return f"`{key}` is {told[0]}, and {told[1]} in one that is made anew"
    return ""


def other_than_plugged(net: Net, module: nn.Module, layers: Sequence[PlacedItem]) -> str:
    """Why the spec of a module may differ from it: where the layer of a plugin builds another module than stands
    there; empty where none does.

    Args:
        net: of the spec.
        module: the module.
        layers: of the net, as they were written.
    """
    try:
        foreign = [(leaf, item) for leaf, item in placed_leaves(net, layers) if leaf.layer.is_foreign()]
    except Unproven:  # and nothing tells which module a layer is
        return ""
    built = build(net) if foreign else nn.Module()
    for leaf, item in foreign:
        there = module.get_submodule(item.path)
        found = difference(there, built.get_submodule(leaf.path))
        if found:
            kind = type(there).__qualname__
            return (
                f"\n`{item.path}` is not what the layer `{leaf.type}` of the plugin builds: {found}; a layer makes its "
                f"module anew, so let `{kind}.__init__` take what is otherwise as an argument, and give the layer a "
                "field for it"
            )
    return ""


def _plain(module: nn.Module) -> dict[str, Any]:
    """What a module keeps that a spec can say, and is no mode."""
    own: dict[str, Any] = vars(module)
    return {name: value for name, value in own.items() if name[0] != "_" and name != "training" and is_plain(value)}


def with_own(module: nn.Module, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a module was made with; of one that it keeps as it was given, and that was set since then,
    what was set: a layer reads it there."""
    own = _plain(module)
    since = {name: own[name] for name, value in arguments.items() if name in own and not is_same(own[name], value)}
    if not since:
        return dict(arguments)
    first, _ = _made(type(module), arguments)
    kept = {} if first is None else _plain(first)
    return {
        name: since[name] if name in since and name in kept and is_same(kept[name], value) else value
        for name, value in arguments.items()
    }
