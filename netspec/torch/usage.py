"""Record which tensors of a module a forward pass uses, in order of first use."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from netspec.diagnostics import Code, UsageError
from netspec.views.describe import shape_text

_FAILURES: Final = (RuntimeError, NotImplementedError, ValueError, TypeError, IndexError)

Shapes = dict[str, tuple[int, ...]]
"""Shapes of tensors by name."""


class TransferError(UsageError):
    """The weights do not match the net; the message names the layers that differ."""

    code: Code = "weights-mismatch"


class NotFinite(TransferError):
    """A weight is infinite or no number; the message names its tensor."""

    exit_status = 4
    code: Code = "not-finite"


@dataclass(frozen=True, slots=True)
class Owner:
    """A module that directly owns tensors: its path, its class, and the shapes of its tensors by name."""

    path: str
    type: str
    parameters: Shapes
    buffers: Shapes = field(default_factory=Shapes)

    @property
    def shapes(self) -> Shapes:
        """The shapes of all its tensors, parameters first."""
        return self.parameters | self.buffers

    def key(self, name: str) -> str:
        """The state dict key of one of its tensors."""
        return f"{self.path}.{name}" if self.path else name

    def __str__(self) -> str:
        tensors = ", ".join(f"{name} {shape_text(shape)}" for name, shape in self.shapes.items())
        place = f"`{self.path}`" if self.path else "the model itself"
        return f"{place} ({self.type}: {tensors})" if self.type else f"{place} ({tensors})"


@dataclass(frozen=True, slots=True)
class TensorUse:
    """A tensor in its place among those that a forward pass uses."""

    owner: Owner
    name: str

    @property
    def key(self) -> str:
        """The tensor's state dict key."""
        return self.owner.key(self.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return self.owner.shapes[self.name]


def order_of_use(module: nn.Module, inputs: Sequence[Tensor], *, training: bool) -> list[TensorUse]:
    """The tensors that a forward pass uses, in the order in which it first does.

    The pass runs on a copy of the module: on the meta device, which has no data, or on the CPU with zeros as input if
    the module reads values of tensors.

    Raises:
        TransferError: the module does not accept this input.
    """
    try:
        return _order_of_use(_without_data(module), inputs, training)
    except _FAILURES:  # the module asks for a value, which the meta device does not have
        real = [torch.zeros(each.shape, dtype=each.dtype) for each in inputs]
    try:
        return _order_of_use(copy.deepcopy(module).cpu(), real, training)
    except _FAILURES as error:
        message = " ".join(str(error).split())
        raise TransferError(
            f"{type(module).__name__} cannot take an input of "
            f"{' and '.join(shape_text(tuple(each.shape)) for each in inputs)}: {message}"
        ) from None


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """The tensors of a module's state dict. A shared tensor is listed under each of its keys."""
    return {
        f"{path}.{name}" if path else name: tensor
        for path, inner in _modules(module)
        for name, tensor in (*_parameters(inner), *_buffers(inner))
    }


def _order_of_use(model: nn.Module, inputs: Sequence[Tensor], training: bool) -> list[TensorUse]:
    model.train(training)
    uses: dict[int, TensorUse] = {}
    for path, inner in _modules(model):
        parameters, buffers = list(_parameters(inner)), list(_buffers(inner))
        owner = Owner(path, type(inner).__name__, _shapes(parameters), _shapes(buffers))
        for name, tensor in (*parameters, *buffers):
            uses.setdefault(id(tensor), TensorUse(owner, name))
    watch = _FirstUse(uses)
    with torch.no_grad(), watch:
        model(*inputs)
    return [uses[each] for each in watch.used]


class _FirstUse(TorchFunctionMode):
    """Records the first use of each known tensor by a torch function."""

    def __init__(self, known: Mapping[int, TensorUse]) -> None:
        super().__init__()
        self.known = known
        self.used: dict[int, None] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the function, and record the known tensors among its arguments."""
        kwargs = kwargs or {}
        if func is nn.functional.batch_norm and args and args[0].is_meta:
            result = torch.empty_like(args[0])  # batch_norm on the meta device takes most of the time for this shape
        else:
            result = func(*args, **kwargs)
        given = [id(value) for value in pytree.tree_leaves((args, kwargs)) if id(value) in self.known]
        # a function that returns no tensor (`shape`, `size()`, `dtype`) does not compute with its arguments
        if given and any(isinstance(value, Tensor) for value in pytree.tree_leaves(result)):
            self.used.update(dict.fromkeys(given))
        return result


def _without_data(module: nn.Module) -> nn.Module:
    """A deep copy whose tensors are on the meta device. No data is copied."""
    memo: dict[int, Any] = {}
    for inner in module.modules():
        others = [value for value in vars(inner).values() if isinstance(value, Tensor)]
        for tensor in (*inner.parameters(recurse=False), *inner.buffers(recurse=False), *others):
            empty = tensor.detach().to("meta")
            memo[id(tensor)] = nn.Parameter(empty, requires_grad=False) if isinstance(tensor, nn.Parameter) else empty
    return copy.deepcopy(module, memo)


def _modules(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """All modules in a module, itself included, with their paths. A shared module is listed under each path."""
    return list(module.named_modules(remove_duplicate=False))  # pyright: ignore[reportUnknownArgumentType]  # torch's stub lacks it


def _parameters(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The parameters that a module owns directly."""
    return module.named_parameters(recurse=False)


def _buffers(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The persistent buffers that a module owns directly."""
    hidden: set[str] = getattr(module, "_non_persistent_buffers_set", set())
    return ((name, tensor) for name, tensor in module.named_buffers(recurse=False) if name not in hidden)


def _shapes(tensors: Iterable[tuple[str, Tensor]]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors}
