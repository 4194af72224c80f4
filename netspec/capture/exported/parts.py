"""A program as a module of torch's: the tree of the modules that it was exported from, each with its steps."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from netspec.capture.exported.operators import PLAIN, UnknownArgument, given_to
from netspec.capture.exported.program import DtypeArgument, HeldTensor, ProgramNode, ValueName
from netspec.capture.exported.specials import NUMBERS, SPECIAL
from netspec.capture.exported.steps import DTYPES, BatchPlan, PartStep, ProgramRun, StepRun
from netspec.capture.graph import NotCaptured, Place, standing_at
from netspec.capture.running.users import passing, told


class InnerCall(NamedTuple):
    """A call of a module inside of another one."""

    path: str
    number: int
    """Which of its calls."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    place: Place | None


class LayerCall(NamedTuple):
    """A call of a layer of torch's that was made anew."""

    path: str
    args: tuple[Any, ...]
    outputs: tuple[Any, ...]
    """The names of its results, in nested tuples as it gives them."""
    place: Place | None


@dataclass(eq=False)
class PartCall:
    """What a module does in one of its calls."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    steps: list[PartStep | InnerCall | LayerCall] = field(default_factory=list["PartStep | InnerCall | LayerCall"])


class ExportedPart(nn.Module):
    """A module of a program. Its names begin with an underscore, so that none is that of a part."""

    def __init__(self) -> None:
        super().__init__()
        self.netspec_calls: list[PartCall] = []

    @passing
    def forward(self, run: ProgramRun, index: int, *given: Any) -> tuple[Any, ...]:
        """What it gives in one of its calls."""
        call = self.netspec_calls[index]
        values: dict[str, Any] = dict(zip(call.inputs, given, strict=True))
        for step in call.steps:
            if isinstance(step, PartStep):
                _computed(self, run, step, values)
            elif isinstance(step, InnerCall):
                with standing_at(step.place):
                    part = run.root.get_submodule(step.path)
                    found = part(run, step.number, *(values[name] for name in step.inputs))
                values.update(zip(step.outputs, found, strict=True))
            else:
                made = _layered(run, step, [_resolved(run, each, values) for each in step.args])
                _named(step.outputs if len(step.outputs) != 1 else step.outputs[0], made, values)
                _carried(run, [each.name for each in step.args if isinstance(each, ValueName)], step.outputs)
        return tuple(values[name] for name in call.outputs)


def _named(names: Any, found: Any, values: dict[str, Any]) -> None:
    """Note results under their names."""
    if isinstance(names, str):
        values[names] = found
    elif isinstance(names, tuple):
        for name, each in zip(cast("tuple[Any, ...]", names), found, strict=False):
            _named(name, each, values)


def _carried(run: ProgramRun, reads: Sequence[str], names: Sequence[Any]) -> None:
    """Note that the batch lies in results as it did in what they are made of."""
    if run.plan is not None:
        outer = max((run.plan.outer.get(read, 1) for read in reads), default=1)
        for name in names:
            if isinstance(name, str):
                run.plan.outer.setdefault(name, outer)


class ExportedRoot(ExportedPart):
    """A whole program."""

    def __init__(self, inputs: Sequence[str], example: int, *, training: bool) -> None:
        super().__init__()
        self.netspec_inputs = tuple(inputs)
        self.netspec_example = example
        self.netspec_training = training
        """Whether it was exported in training mode."""
        self.netspec_held: dict[str, HeldTensor] = {}
        self.netspec_constants: dict[str, Tensor] = {}

    @passing
    def run(self, given: Sequence[Tensor], plan: BatchPlan | None = None) -> tuple[Any, ...]:
        """What it gives."""
        floats = next((p.dtype for p in self.parameters() if p.is_floating_point()), None)
        floats = floats or next((x.dtype for x in given if x.is_floating_point()), torch.get_default_dtype())
        run = ProgramRun(self, int(given[0].shape[0]), self.netspec_example, floats, plan)
        return ExportedPart.forward(self, run, 0, *given)

    def held(self, name: str) -> Tensor | None:
        """A parameter, a buffer or a constant; None where the name is none of them."""
        found = self.netspec_held.get(name)
        if found is None:
            return None
        if found.kind == "constant":
            return self.netspec_constants[name]
        path, _, own = found.key.rpartition(".")
        return cast("Tensor", getattr(self.get_submodule(path), own))

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)  # pyright: ignore[reportUnknownMemberType]  # torch's
        self.netspec_constants = {name: fn(tensor) for name, tensor in self.netspec_constants.items()}
        return self


def root_class(name: str, inputs: Sequence[str]) -> type[ExportedRoot]:
    """The class of a program, whose arguments have the names that they had."""

    @passing
    def forward(self: ExportedRoot, *given: Tensor) -> Any:
        found = self.run(given)
        return found[0] if len(found) == 1 else found

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = [name for name in dict.fromkeys(inputs) if name.isidentifier()]
    parameters = [inspect.Parameter("self", kind), *(inspect.Parameter(name, kind) for name in names if name != "self")]
    forward.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]  # PEP 362
    return type(name, (ExportedRoot,), {"forward": forward})


# ---- a step


_FAILURES = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError, OverflowError)


@passing
def _layered(run: ProgramRun, step: LayerCall, given: Sequence[Any]) -> Any:
    try:
        with standing_at(step.place):
            return run.root.get_submodule(step.path)(*given)
    except _FAILURES as error:
        where = "" if step.place is None else f"{step.place}: "
        raise NotCaptured(f"{where}the layer `{step.path}` fails: {told(error)}") from None


@passing
def _computed(part: ExportedPart, run: ProgramRun, step: PartStep, values: dict[str, Any]) -> None:
    node = step.node
    given = {name: _resolved(run, value, values) for name, value in node.args.items()}
    try:
        with standing_at(node.place):
            result = _called(part, run, step, given)
    except _FAILURES as error:
        raise NotCaptured(f"{node.told()}`{node.target}` fails: {told(error)}") from None
    pairs = zip(node.outputs, as_list(result), strict=False)
    values.update((name, value) for name, value in pairs if name is not None)
    _carried(run, node.reads, node.outputs)


def as_list(result: Any) -> list[Any]:
    """What an operator gives, one or several."""
    return list(cast("Sequence[Any]", result)) if isinstance(result, (tuple, list)) else [result]


def _called(part: ExportedPart, run: ProgramRun, step: PartStep, given: dict[str, Any]) -> Any:
    node = step.node
    name = node.target.removeprefix("aten.")
    special = NUMBERS.get(node.target) or SPECIAL.get(name)
    if special is not None:
        root: ExportedRoot = run.root
        return special(StepRun(run, step, training=part.training, exported_training=root.netspec_training), given)
    row = PLAIN[name]
    try:
        arguments = given_to(row.arguments, given)
    except UnknownArgument as error:
        raise NotCaptured(f"{node.told()}`{node.target}` with or without `{error}` is not read") from None
    kwargs = {key: value for key, value in arguments.kwargs.items() if key != "alpha" or value != 1}
    return row.function(*arguments.args, **kwargs)


def check_known(node: ProgramNode) -> None:
    """Refuse an operator that is not in the table.

    Raises:
        NotCaptured: as said.
    """
    name = node.target.removeprefix("aten.")
    if node.target in NUMBERS or (node.target.startswith("aten.") and (name in PLAIN or name in SPECIAL)):
        return
    whose = "" if node.target.startswith("aten.") else ", which is an operator of another library,"
    raise NotCaptured(f"{node.told()}`{node.target}`{whose} has no form in a spec")


def _resolved(run: ProgramRun, value: Any, values: dict[str, Any]) -> Any:
    if isinstance(value, ValueName):
        if value.name in values:
            return values[value.name]
        held = run.root.held(value.name)
        if held is None:
            raise NotCaptured(f"`{value.name}`, which a step gives beside another value, has no form in a spec")
        return held
    if isinstance(value, list):
        return [_resolved(run, each, values) for each in cast("list[Any]", value)]
    if isinstance(value, tuple) and not isinstance(value, DtypeArgument):
        return tuple(_resolved(run, each, values) for each in cast("tuple[Any, ...]", value))
    return value


def floats_of(name: str) -> torch.dtype:
    """The dtype in which numbers are kept: floats have 32 bits."""
    found = DTYPES.get(name, torch.float32)
    return torch.float32 if found.is_floating_point else found
