"""The graph of a file as a module of torch's: parts within parts, of the paths that the file names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from typing import Any

import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured, standing_at
from netspec.capture.lowering.forms import NoForm
from netspec.capture.onnx.layers import RUNS
from netspec.capture.onnx.operators import OPERATORS
from netspec.capture.onnx.reading import OnnxNode
from netspec.capture.onnx.values import KnownNumbers, in_a_tuple, untraced
from netspec.diagnostics import NetspecError


@dataclass(eq=False)
class OfBatch:
    """Numbers, or sizes of equal numbers, of which each grows with the batch: `start + step * batch`."""

    start: Tensor
    step: Tensor
    filled_with: Tensor | None = None
    """Of equal numbers, the number; the others are their sizes then."""

    def of(self, batch: int) -> KnownNumbers:
        """What they are for a batch."""
        with untraced():
            found = self.start + self.step * batch
            return KnownNumbers(found if self.filled_with is None else self.filled_with.expand([int(n) for n in found]))


def of_batch(values: Sequence[Tensor]) -> Any:
    """What numbers are that are these for batches of 2, 3 and 5: known, or such as grow with the batch; else None."""
    first, second, third = values
    if first.shape == second.shape == third.shape:
        step = second - first if first.dtype != torch.bool else torch.zeros((), dtype=torch.int64)
        if not bool((first != second).any()) and not bool((first != third).any()):
            return KnownNumbers(first)
        return OfBatch(first - 2 * step, step) if bool((third == first + 3 * step).all()) else None
    equal = all(bool((x == first.reshape(-1)[:1]).all()) for x in values)
    if first.ndim == second.ndim == third.ndim and equal and first.numel():
        sizes = [torch.tensor(x.shape) for x in values]
        step = sizes[1] - sizes[0]
        if bool((sizes[2] == sizes[0] + 3 * step).all()):
            return OfBatch(sizes[0] - 2 * step, step, first.reshape(-1)[0])
    return None


@dataclass(eq=False)
class OnnxStep:
    """One operator that is run."""

    node: OnnxNode
    takes: list[Any]
    """The names of values, numbers that are known, and None."""
    gives: list[str]
    layer: nn.Module | None = None
    path: str = ""
    """Of a layer, its own; of another the path of what it is in."""
    hints: list[str] = field(default_factory=list[str])
    """What the file calls its weights."""
    fixed: int | None = None
    """The size of the batch that the file was written for, where it is one."""
    inner: str = ""
    """Of a layer, its path in the part that runs it."""

    def names(self) -> list[str]:
        """The values that it reads."""
        return [name for name in self.takes if isinstance(name, str)]


def computed(step: OnnxStep, layer: nn.Module | None, given: list[Any], batch: int) -> tuple[Any, ...]:
    """What a step gives.

    Raises:
        NotCaptured: it has no form, or does not fit what it is given; the message names the node.
    """
    node = step.node
    if step.fixed is not None:
        node = replace(node, attributes={**node.attributes, "#batch": (step.fixed, batch)})
    try:
        with standing_at(node.place):
            found: Any = OPERATORS[node.op](node, given) if layer is None else RUNS[node.op](step.node, layer, given)
    except NoForm as reason:
        raise NotCaptured(f"{node.place}: {reason}") from None
    except NetspecError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError) as error:
        told = " ".join(str(error).split())[:200]
        sizes = " and ".join(str(tuple(x.shape)) for x in given if isinstance(x, Tensor))
        raise NotCaptured(f"{node.place}: it cannot be given {sizes or 'this'}: {told}") from None
    return in_a_tuple(found)


@dataclass(eq=False)
class OnnxCall:
    """A part that is run."""

    name: str
    takes: list[str]
    gives: list[str]


class OnnxPart(nn.Module):
    """Steps, and parts with more of them."""

    steps: list[OnnxStep | OnnxCall]
    takes: list[str]
    gives: list[str]

    def run(self, batch: int, values: dict[str, Any]) -> tuple[Any, ...]:
        """All that it gives to others."""
        for step in self.steps:
            if isinstance(step, OnnxCall):
                found = getattr(self, step.name)(batch, *(values[name] for name in step.takes))
            else:
                given = [
                    values[x] if isinstance(x, str) else x.of(batch) if isinstance(x, OfBatch) else x
                    for x in step.takes
                ]
                found = computed(step, self.get_submodule(step.inner) if step.inner else None, given, batch)
            values.update((name, value) for name, value in zip(step.gives, found, strict=False) if name)
        return tuple(values[name] for name in self.gives)

    def forward(self, batch: int, *given: Any) -> tuple[Any, ...]:
        """What others read of it."""
        return self.run(batch, dict(zip(self.takes, given, strict=True)))


class OnnxNetwork(OnnxPart):
    """The network of a file: it takes the inputs of the file, and gives what the file gives."""

    constants: dict[str, str]
    """For the value that each parameter or buffer is its path."""

    def forward(self, *given: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]  # as of any module
        """The outputs of the file, in its order; the one where it has one."""
        values: dict[str, Any] = dict(zip(self.takes, given, strict=True))
        for name, path in self.constants.items():
            home, _, leaf = path.rpartition(".")
            values[name] = getattr(self.get_submodule(home), leaf)
        found = self.run(given[0].shape[0], values)
        return found[0] if len(found) == 1 else found


_Placed = tuple[OnnxStep, str]
"""A step, and the path of the part that it is in."""


def network_of(
    steps: Sequence[OnnxStep], inputs: list[str], outputs: list[str], constants: dict[str, tuple[str, Tensor, bool]]
) -> OnnxNetwork:
    """The network of steps, each with its path.

    Args:
        steps: what is run, in order.
        inputs: the values that the network takes.
        outputs: those that it gives.
        constants: for a value its path, its numbers, and whether it is learned.
    """
    root = _made(OnnxNetwork, "network", inputs, outputs, forward=_with_names(inputs))
    root.constants = {name: path for name, (path, _, _) in constants.items()}
    for path, numbers, learned in constants.values():
        home, _, leaf = path.rpartition(".")
        part = _at(root, home)
        if learned:
            part.register_parameter(leaf, nn.Parameter(numbers))
        else:
            part.register_buffer(leaf, numbers)
    homes = [_home(step) for step in steps]
    _fill(root, "", list(zip(steps, homes, strict=True)), frozenset(outputs))
    return root


def _home(step: OnnxStep) -> str:
    return step.path.rpartition(".")[0] if step.layer is not None else step.path


def _made(kind: type[Any], name: str, takes: list[str], gives: list[str], **more: Any) -> Any:
    """A part of a class of its own, by whose name a block is called."""
    own: Any = type(name, (kind,), {"__module__": "__onnx__", **more})()
    own.steps, own.takes, own.gives = [], takes, gives
    return own


def _at(root: nn.Module, path: str) -> Any:
    """The part at a path, which is made where it is not there."""
    here: Any = root
    for name in path.split(".") if path else []:
        if name not in dict(here.named_children()):
            here.add_module(name, _made(OnnxPart, _class_of(path), [], []))
        here = getattr(here, name)
    return here


def _class_of(path: str, placed: Sequence[_Placed] = ()) -> str:
    """What a part is called: its class where the file tells it, or the last name in its path."""
    told = next((step.node.classes[path] for step, _ in placed if path in step.node.classes), "")
    if re.fullmatch(r"[A-Za-z_]\w*", told, re.ASCII):
        return told
    names = [name for name in path.split(".") if not name.isdecimal()]
    return (
        "".join(word.capitalize() for word in names[-1].rstrip("0123456789").split("_")) or "Part" if names else "Part"
    )


def _fill(part: Any, path: str, placed: list[_Placed], outputs: frozenset[str]) -> None:
    """Put steps into a part, and those of a common path below into a part of its own, where they stand side by side."""
    runs: list[tuple[str, list[_Placed]]] = []
    for step, home in placed:
        below = home[len(path) + 1 if path else 0 :].partition(".")[0]
        if runs and runs[-1][0] == below:
            runs[-1][1].append((step, home))
        else:
            runs.append((below, [(step, home)]))
    names = [name for name, _ in runs]
    read_after = _read_after([mine for _, mine in runs], outputs)
    for (name, mine), after in zip(runs, read_after, strict=True):
        own = f"{path}.{name}" if path else name
        if not name or names.count(name) > 1:  # in pieces: no part that is called once
            for step, _ in mine:
                _put(part, path, step)
            continue
        given = {value for step, _ in mine for value in step.gives if value}
        takes = list(dict.fromkeys(value for step, _ in mine for value in step.names() if value not in given))
        gives = [value for step, _ in mine for value in step.gives if value in after]
        inner = _at(part, name)
        kind = _made(OnnxPart, _class_of(own, mine), takes, gives)
        for child, module in inner.named_children():
            kind.add_module(child, module)
        for key, value in inner.named_parameters(recurse=False):
            kind.register_parameter(key, value)
        for key, value in inner.named_buffers(recurse=False):
            kind.register_buffer(key, value)
        setattr(part, name, kind)
        part.steps.append(OnnxCall(name, takes, gives))
        _fill(kind, own, mine, frozenset(gives))


def _read_after(runs: Sequence[list[_Placed]], outputs: frozenset[str]) -> list[frozenset[str]]:
    """For each run the values that are read behind it."""
    found: list[frozenset[str]] = []
    after = set(outputs)
    for mine in reversed(runs):
        found.append(frozenset(after))
        after.update(name for step, _ in mine for name in step.names())
    return found[::-1]


def _put(part: Any, path: str, step: OnnxStep) -> None:
    if step.layer is not None:
        inner = step.path[len(path) + 1 if path else 0 :]
        home, _, leaf = inner.rpartition(".")
        where = _at(part, home)
        where.add_module(leaf, step.layer)
        step.layer, step.inner = None, inner
    part.steps.append(step)


def _with_names(inputs: Sequence[str]) -> Any:
    """The `forward` of a network, whose arguments are called as the inputs of the file."""

    def forward(self: OnnxNetwork, *given: Tensor) -> Any:
        return OnnxNetwork.forward(self, *given)

    names = ["self", *(re.sub(r"\W", "_", name, flags=re.ASCII) for name in inputs)]
    if all(name.isidentifier() for name in names) and len(set(names)) == len(names):
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        own: Any = forward
        own.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names if not iskeyword(name)])
    return forward
