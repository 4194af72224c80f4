"""Weights from another module, or from a plain `state_dict`, for a net.

Names differ between implementations of one architecture, and so does the order in which modules are registered; the
order in which they are first used does not. So both models run on the meta device, their layers are listed in order of
first use, and what stands at the same place is the same layer: every shape is compared, nothing is guessed.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.torch.build import build
from netspec.views.describe import shape_text

_BATCH: Final = 2
_SHOWN: Final = 8


_FAILURES: Final = (RuntimeError, NotImplementedError, ValueError, TypeError, IndexError)


class TransferError(UsageError):
    """The weights do not belong to this net; the message names the layers that differ."""


@dataclass(frozen=True, slots=True)
class Owner:
    """One layer with tensors of its own: its path, its class, and the shape of each tensor by name."""

    path: str
    type: str
    shapes: dict[str, tuple[int, ...]]

    def key(self, name: str) -> str:
        """The `state_dict` key of one of its tensors."""
        return f"{self.path}.{name}" if self.path else name

    def __str__(self) -> str:
        tensors = ", ".join(f"{name} {shape_text(shape)}" for name, shape in self.shapes.items())
        return f"`{self.path}` ({self.type}: {tensors})" if self.type else f"`{self.path}` ({tensors})"


def transfer(source_module: nn.Module, net: Net, *, example: Tensor | None = None) -> dict[str, Tensor]:
    """A `state_dict` for the built net with the weights of another module of the same architecture.

    Args:
        source_module: the module with the weights. It is not changed; the result shares its tensors.
        net: the net.
        example: an input that the source takes, batch included; by default a batch of two of the net's input shape.

    Raises:
        TransferError: the layers, in order of first use, do not have the same tensors; names the first that differ.
        UsageError: the net has symbolic sizes.
    """
    return transfer_from(source_module, net, example=example)[0]


def transfer_from(
    source_module: nn.Module, net: Net, *, example: Tensor | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What `transfer` gives, and for each of its keys the source's key that the tensor comes from."""
    target = build(net, device="meta")
    inputs = _input(net) if example is None else example.to("meta")
    wanted = order_of_use(target, _input(net), training=True)
    pairs: list[tuple[str, str]] | None = None
    problem = ""
    for training in (True, False):  # in eval mode the source's auxiliary heads do not run; the net may have none
        found = order_of_use(source_module, inputs, training=training)
        pairs, text = _match(found, wanted)
        if pairs is not None:
            break
        problem = problem or text
    if pairs is None:
        raise TransferError(f"the weights do not fit `{net.name}`: {problem}")
    tensors = _tensors(source_module)
    origins = {key: origin for origin, key in pairs}
    keys = list(target.state_dict())
    return {key: tensors[origins[key]].detach() for key in keys}, {key: origins[key] for key in keys}


def transfer_state(state: Mapping[str, Tensor], net: Net) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A `state_dict` for the built net from one of another implementation, and which key each tensor came from.

    Without the module, the order of use is not known. Equal keys and shapes are taken as they are. Otherwise the
    layers are matched in their order if all shapes agree; if not, by shape alone if no two layers have the same shapes.

    Raises:
        TransferError: neither gives one answer; says what differs, and that the module itself would decide it.
    """
    target = build(net, device="meta").state_dict()
    if {key: tuple(tensor.shape) for key, tensor in target.items()} == {
        key: tuple(tensor.shape) for key, tensor in state.items()
    }:
        return {key: state[key] for key in target}, {key: key for key in target}
    wanted, found = _owners_of_state(target), _owners_of_state(state)
    pairs, problem = _match(found, wanted)
    if pairs is None:
        pairs = _match_by_shape(found, wanted)
    if pairs is None:
        if _signatures(found) != _signatures(wanted):
            raise TransferError(f"the weights do not fit `{net.name}`: {problem}")
        raise TransferError(
            f"the weights do not fit `{net.name}` in the order in which they are stored: {problem}. All shapes are "
            "there, but several layers have the same ones, so that they cannot be told apart. With the module that "
            "they belong to, `netspec.transfer(module, net)` follows the order of use instead"
        )
    origins = {key: origin for origin, key in pairs}
    return {key: state[origins[key]] for key in target}, {key: origins[key] for key in target}


def order_of_use(module: nn.Module, inputs: Tensor, *, training: bool) -> list[Owner]:
    """The layers of a module that have tensors, in the order in which a forward pass first uses them.

    The pass runs on a copy without data, on the meta device if the module can do with shapes alone.

    Raises:
        TransferError: the module cannot take this input.
    """
    try:
        return _order_of_use(_without_data(module), inputs, training)
    except _FAILURES:  # the module asks for a value, which the meta device does not have
        real = torch.zeros(inputs.shape, dtype=inputs.dtype)
    try:
        return _order_of_use(copy.deepcopy(module).cpu(), real, training)
    except _FAILURES as error:
        message = " ".join(str(error).split())
        raise TransferError(
            f"{type(module).__name__} cannot take an input of {shape_text(tuple(inputs.shape))}: {message}"
        ) from None


def _order_of_use(model: nn.Module, inputs: Tensor, training: bool) -> list[Owner]:
    model.train(training)
    owners: dict[int, str] = {}
    for path, inner in _modules(model):
        for _, tensor in _own(inner):
            owners.setdefault(id(tensor), path)
    watch = _FirstUse(owners)
    with torch.no_grad(), watch:
        model(inputs)
    return [_owner(model, path) for path in watch.used]


class _FirstUse(TorchFunctionMode):
    """Notes the owner of every tensor that a function is given, once."""

    def __init__(self, owners: Mapping[int, str]) -> None:
        super().__init__()
        self.owners = owners
        self.used: dict[str, None] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the function, after looking at what it is given."""
        for value in pytree.tree_leaves((args, kwargs)):
            if isinstance(value, Tensor) and id(value) in self.owners:
                self.used.setdefault(self.owners[id(value)])
        return func(*args, **(kwargs or {}))


def _without_data(module: nn.Module) -> nn.Module:
    """A copy whose tensors are on the meta device; no data is copied."""
    memo: dict[int, Any] = {}
    for inner in module.modules():
        others = [value for value in vars(inner).values() if isinstance(value, Tensor)]
        for tensor in (*inner.parameters(recurse=False), *inner.buffers(recurse=False), *others):
            empty = tensor.detach().to("meta")
            memo[id(tensor)] = nn.Parameter(empty, requires_grad=False) if isinstance(tensor, nn.Parameter) else empty
    return copy.deepcopy(module, memo)


def _modules(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Path and module of the module and all inside; one that is in several places is there under each path."""
    return list(module.named_modules(remove_duplicate=False))  # pyright: ignore[reportUnknownArgumentType]  # torch's stub lacks it


def _own(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The tensors that a module itself holds and its `state_dict` contains, parameters first."""
    hidden: set[str] = getattr(module, "_non_persistent_buffers_set", set())
    yield from module.named_parameters(recurse=False)
    yield from ((name, tensor) for name, tensor in module.named_buffers(recurse=False) if name not in hidden)


def _owner(model: nn.Module, path: str) -> Owner:
    module = model.get_submodule(path)
    return Owner(path, type(module).__name__, {name: tuple(tensor.shape) for name, tensor in _own(module)})


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for path, inner in _modules(module):
        for name, tensor in _own(inner):
            found[f"{path}.{name}" if path else name] = tensor
    return found


def _input(net: Net) -> Tensor:
    shape = [_BATCH, *(size for size in net.input_shape if isinstance(size, int))]
    return torch.zeros(shape, dtype=getattr(torch, net.input.dtype), device="meta")


def _owners_of_state(state: Mapping[str, Tensor]) -> list[Owner]:
    """The layers that a `state_dict` tells of: neighbours whose keys differ in their last part only."""
    owners: dict[str, Owner] = {}
    for key, tensor in state.items():
        path, _, name = key.rpartition(".")
        owners.setdefault(path, Owner(path, "", {})).shapes[name] = tuple(tensor.shape)
    return list(owners.values())


# ---- matching


def _match(found: Sequence[Owner], wanted: Sequence[Owner]) -> tuple[list[tuple[str, str]] | None, str]:
    """Pairs of keys, source first, of layers at the same place; or None and what differs."""
    pairs: list[tuple[str, str]] = []
    for number, (source, target) in enumerate(zip(found, wanted, strict=False), 1):
        names = _same_tensors(source.shapes, target.shapes)
        if names is None:
            return None, (
                f"layer {number} with weights is {source} in the source, but {target} in the net"
                + _counts(found, wanted)
            )
        pairs += [(source.key(a), target.key(b)) for a, b in names]
    if len(found) != len(wanted):
        longer, where = (found, "the source") if len(found) > len(wanted) else (wanted, "the net")
        extra = longer[min(len(found), len(wanted))]
        return None, f"{where} goes on with {extra}, where the other has ended{_counts(found, wanted)}"
    return pairs, ""


def _counts(found: Sequence[Owner], wanted: Sequence[Owner]) -> str:
    return f" (layers with weights: {len(found)} in the source, {len(wanted)} in the net)"


def _same_tensors(
    source: Mapping[str, tuple[int, ...]], target: Mapping[str, tuple[int, ...]]
) -> list[tuple[str, str]] | None:
    """Pairs of names, by name if the names are the same, else by order if no two shapes are; None if that fails."""
    if source == target:
        return [(name, name) for name in target]
    if list(source.values()) != list(target.values()):
        return None
    if len(set(source.values())) < len(source):  # `gain` and `shift` might be `weight` and `bias`, or the reverse
        return None
    return list(zip(source, target, strict=True))


def _match_by_shape(found: Sequence[Owner], wanted: Sequence[Owner]) -> list[tuple[str, str]] | None:
    """Pairs of keys of the layers with the same tensors, if for none of them there is a choice."""
    signatures = _signatures(wanted)
    if signatures != _signatures(found) or any(number > 1 for number in signatures.values()):
        return None
    by_shapes = {_signature(owner): owner for owner in found}
    return [(by_shapes[_signature(owner)].key(name), owner.key(name)) for owner in wanted for name in owner.shapes]


def _signature(owner: Owner) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple(sorted(owner.shapes.items()))


def _signatures(owners: Sequence[Owner]) -> Counter[tuple[tuple[str, tuple[int, ...]], ...]]:
    return Counter(map(_signature, owners))
