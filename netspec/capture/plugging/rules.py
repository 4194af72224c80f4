"""What a module gives at several sizes, as the rule of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from netspec.capture.graph import NotCaptured
from netspec.capture.plugging.arguments import KeptField, literal
from netspec.capture.plugging.formulas import formula
from netspec.capture.plugging.trials import (
    Axis,
    Bench,
    ModuleCall,
    Shape,
    Shapes,
    TrialOutcome,
    TrialSymbol,
    moved,
    variables,
    with_number,
)

_RUNS: Final = 80


@dataclass
class SeenRule:
    """What a layer says, its sizes as expressions."""

    outputs: list[list[str]]
    parameters: dict[str, list[str]]
    buffers: dict[str, list[str]]
    macs: str | None
    """None where it follows no formula."""
    saved: str | None = None
    """What autograd keeps, as the arguments of a `Saved`; None where it follows no formula."""
    conditions: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """What the input must satisfy, and what a message says of it."""
    open: str = ""
    """Why no rule was seen, and it holds for one size alone; empty where one was."""
    alone: tuple[str, ...] = ()
    """Arguments that decide which parameters and outputs there are, and not only of which sizes: it holds for their
    values alone."""
    keeps_shape: bool = False
    """Whether what comes out has the type of the input, whatever that is."""


@dataclass
class Samples:
    """Runs at several sizes."""

    names: list[list[str]]
    """Of the sizes of each input, how the rule names them."""
    rows: list[dict[str, int]]
    outcomes: list[TrialOutcome]


def rule_of(bench: Bench, calls: Sequence[ModuleCall], fields: Sequence[KeptField], names: Sequence[str]) -> SeenRule:
    """The rule that the runs of a module follow.

    Raises:
        NotCaptured: none is seen, and it was called with several sizes; or it does not run by itself.
    """
    base = bench.outcome(bench.call.shapes)
    kind = type(bench.call.module).__qualname__
    if base is None:
        raise NotCaptured(
            f"no layer can be made of `{kind}`: made anew with the arguments that it was made with, it does not run by "
            "itself, or gives something else than tensors with the batch first"
        )
    every = variables(bench, [each.name for each in fields])
    alone = tuple(dict.fromkeys(one.argument for one in every if one.argument and _decides_what(bench, one, base)))
    free = [one for one in every if one.argument not in alone and not (one.axes and _decides_what(bench, one, base))]
    samples = _sampled(bench, fields, names, free)
    found = _fitted(samples, base)
    fixed = _fixed(bench, free)
    why = found if isinstance(found, str) else _disagreement(bench, calls, fixed, names, alone)
    if why or isinstance(found, str):
        return _as_seen(bench, calls, fields, names, base, f"no layer can be made of `{kind}`: {why}", why)
    found.alone = alone
    found.conditions += (
        _equal(free, names, samples) + _told_fixed(bench, fixed, names) + _kept(bench, free, fields, base)
    )
    found.keeps_shape = not found.conditions and _keeps_shape(bench, found, samples, base)
    if found.keeps_shape and found.saved is not None:
        saved = found.saved.replace(" * ".join(samples.names[0]), "product(x.shape)")
        found.saved = None if ".shape[" in saved else saved
    return found


def _decides_what(bench: Bench, one: TrialSymbol, base: TrialOutcome) -> bool:
    """Whether with another value there are other parameters or outputs, as of a number of parts, and not only others of
    their sizes."""
    shapes = bench.call.shapes
    outcomes = (
        bench.outcome(moved(shapes, one.axes, value)) if one.axes else bench.outcome(shapes, {one.argument: value})
        for value in one.values[1:]
    )
    return any(outcome is not None and not _is_alike(outcome, base) for outcome in outcomes)


def _names(shapes: Shapes, names: Sequence[str]) -> list[list[str]]:
    return [[f"{name}.shape[{k}]" for k in range(len(shape))] for name, shape in zip(names, shapes, strict=True)]


def _sampled(bench: Bench, fields: Sequence[KeptField], names: Sequence[str], free: Sequence[TrialSymbol]) -> Samples:
    """Runs with random choices of what may be chosen."""
    random, shapes = Random(0), bench.call.shapes
    told = _names(shapes, names)
    found = Samples(told, [], [])
    for count in range(_RUNS):
        at, arguments = shapes, dict[str, Any]()
        for one in free if count else ():
            value = random.choice(one.values)
            at = moved(at, one.axes, value) if one.axes else at
            if one.argument:
                old = arguments.get(one.argument, bench.call.arguments[one.argument])
                arguments[one.argument] = value if one.at is None else with_number(old, one.at, value[one.at])
        outcome = bench.outcome(at, arguments)
        row = _row(told, at, bench.call.arguments | arguments, fields)
        if outcome is not None and row not in found.rows:
            found.rows.append(row)
            found.outcomes.append(outcome)
    return found


def _row(told: Sequence[Sequence[str]], shapes: Shapes, arguments: dict[str, Any], fields: Sequence[KeptField]) -> Any:
    row = {name: size for some, shape in zip(told, shapes, strict=True) for name, size in zip(some, shape, strict=True)}
    for each in fields:
        value = arguments.get(each.name)
        if each.lengths is not None and value is not None:
            row |= {f"spread(self.{each.name}, {each.lengths})[{k}]": number for k, number in enumerate(value)}
        elif type(value) is int:
            row[f"self.{each.name}"] = value
    return row


def _fitted(samples: Samples, base: TrialOutcome) -> SeenRule | str:
    """The formulas of all sizes; where one has none, why."""
    if 1 < len(samples.rows) < _ENOUGH:
        return f"it runs at {len(samples.rows)} of the sizes that were tried, which tell no rule"
    if any(not _is_alike(one, base) for one in samples.outcomes):
        return "at other sizes it has other parameters or outputs, and not only others of their sizes"
    others = {name for some in samples.names[1:] for name in some}
    first = [{name: size for name, size in row.items() if name not in others} for row in samples.rows]
    outputs = [
        [formula(samples.rows, [one.outputs[i][k] for one in samples.outcomes]) for k in range(len(shape))]
        for i, shape in enumerate(base.outputs)
    ]

    def learned(which: str) -> dict[str, list[str | None]]:
        return {
            name: [
                formula(first, [getattr(one, which)[name][k] for one in samples.outcomes]) for k in range(len(shape))
            ]
            for name, shape in getattr(base, which).items()
        }

    parameters, buffers = learned("parameters"), learned("buffers")
    if any(size is None for some in outputs for size in some):
        return "the sizes of what it gives follow no rule that was seen"
    untold = [name for name, sizes in {**parameters, **buffers}.items() if None in sizes]
    if untold:
        return f"the sizes of its `{untold[0]}` follow no rule that was seen"
    counts = [one.macs for one in samples.outcomes]
    macs = None if -1 in counts else _count(samples, counts)
    return SeenRule(_all(outputs), _said(parameters), _said(buffers), macs, _saved(samples, base))


def _count(samples: Samples, counts: Sequence[int]) -> str | None:
    """A formula of the sizes of what comes in, or of what comes out, too: `y.shape[0]`."""
    found = formula(samples.rows, counts, floors=False)
    if found is not None:
        return found
    results = [{f"y.shape[{k}]": size for k, size in enumerate(one.outputs[0])} for one in samples.outcomes]
    rows = [{**result, **row} for result, row in zip(results, samples.rows, strict=True)]
    return formula(rows, counts, floors=False)


def _elements(samples: Samples, counts: Sequence[int]) -> str | None:
    """A formula of so many bytes, in elements of four."""
    if not any(count % 4 for count in counts):
        return _count(samples, [count // 4 for count in counts])
    found = _count(samples, counts)
    return None if found is None else f"({found} + 3) // 4"


def _saved(samples: Samples, base: TrialOutcome) -> str | None:
    """What autograd keeps."""
    kept = [one.kept for one in samples.outcomes if one.kept is not None]
    if len(kept) < len(samples.outcomes) or base.kept is None:
        return None
    if any((one.input, one.output) != (base.kept.input, base.kept.output) for one in kept):
        return None
    extra = _elements(samples, [one.bytes for one in kept])
    fixed = _elements(samples, [one.fixed for one in kept])
    if extra is None or fixed is None:
        return None
    flags = [name for name, is_kept in (("input", base.kept.input), ("output", base.kept.output)) if is_kept]
    told = [f"{name}=True" for name in flags]
    return ", ".join(
        [*told, *(f"{name}={text}" for name, text in (("extra", extra), ("statistics", fixed)) if text != "0")]
    )


_ENOUGH: Final = 4


def _all(sizes: list[list[str | None]]) -> list[list[str]]:
    return [[size for size in some if size is not None] for some in sizes]


def _said(sizes: dict[str, list[str | None]]) -> dict[str, list[str]]:
    return {name: [size for size in some if size is not None] for name, some in sizes.items()}


def _is_alike(one: TrialOutcome, base: TrialOutcome) -> bool:
    """Whether two outcomes differ in sizes alone."""

    def form(outcome: TrialOutcome) -> Any:
        ranks = [len(shape) for shape in (*outcome.outputs, *outcome.parameters.values(), *outcome.buffers.values())]
        return ranks, outcome.dtypes, list(outcome.parameters), list(outcome.buffers), outcome.shares

    return form(one) == form(base)


def _disagreement(
    bench: Bench, calls: Sequence[ModuleCall], fixed: Sequence[Axis], names: Sequence[str], alone: Sequence[str]
) -> str:
    """Why the rule does not speak of all calls in the network; empty where it does."""
    first = bench.call
    for call in calls:
        if [len(shape) for shape in call.shapes] != [len(shape) for shape in first.shapes]:
            return "the tensors that it is given have several numbers of axes"
        for i, k in fixed:
            if call.shapes[i][k] != first.shapes[i][k]:
                return f"what it takes along axis {k} of `{names[i]}` follows no rule that was seen"
        for name in alone:
            if call.arguments.get(name) != first.arguments[name]:
                return f"with another `{name}` it has other parameters or outputs, and not only others of their sizes"
    return ""


def _equal(free: Sequence[TrialSymbol], names: Sequence[str], samples: Samples) -> list[tuple[str, str]]:
    """Sizes that are the same in all runs."""
    found: list[tuple[str, str]] = []
    for one in free:
        told = [(samples.names[i][k], f"axis {k} of `{names[i]}`") for i, k in one.axes]
        found += [
            (f"same({told[0][0]}, {other})", f"{told[0][1]} and {where} have one size") for other, where in told[1:]
        ]
    return found


def _fixed(bench: Bench, free: Sequence[TrialSymbol]) -> list[Axis]:
    """The axes with whose size alone the module runs."""
    varied = {axis for one in free for axis in one.axes}
    every = [(i, k) for i, shape in enumerate(bench.call.shapes) for k in range(len(shape))]
    return [axis for axis in every if axis not in varied]


def _told_fixed(bench: Bench, fixed: Sequence[Axis], names: Sequence[str]) -> list[tuple[str, str]]:
    sizes = [(names[i], k, bench.call.shapes[i][k]) for i, k in fixed]
    return [(f"same({name}.shape[{k}], {size})", f"axis {k} of `{name}` is {size}") for name, k, size in sizes]


def _kept(
    bench: Bench, free: Sequence[TrialSymbol], fields: Sequence[KeptField], base: TrialOutcome
) -> list[tuple[str, str]]:
    """Arguments that have to be what they were seen to be: they may decide sizes, and it was not seen how."""
    found: list[tuple[str, str]] = []
    for each in fields:
        value = bench.call.arguments[each.name]
        if any(one.argument == each.name for one in free):
            continue
        others = [not value] if type(value) is bool else [value / 2 + 0.0625, value + 1] if type(value) is float else []
        outcomes = [bench.outcome(bench.call.shapes, {each.name: other}) for other in others]
        if not any(outcomes) or any(one is not None and _sizes(one) != _sizes(base) for one in outcomes):
            told = f"`{each.name}` is {value}, which alone was seen"
            found.append(
                (f"self.{each.name} {'is' if value is None or type(value) is bool else '=='} {literal(value)}", told)
            )
    return found


def _sizes(outcome: TrialOutcome) -> TrialOutcome:
    """An outcome without what is kept for the backward pass."""
    return outcome._replace(kept=None)


def _keeps_shape(bench: Bench, rule: SeenRule, samples: Samples, base: TrialOutcome) -> bool:
    """Whether the rule says nothing of single axes, and a tensor of one axis more is taken, too."""
    shape: Shape = bench.call.shapes[0]
    if (
        len(bench.call.shapes) > 1
        or rule.outputs != [samples.names[0]]
        or base.parameters
        or base.buffers
        or bench.ties
    ):
        return False
    more = bench.outcome(((2, *shape),))
    return more is not None and more.outputs == ((2, *shape),) and rule.macs == "0"


def _as_seen(
    bench: Bench,
    calls: Sequence[ModuleCall],
    fields: Sequence[KeptField],
    names: Sequence[str],
    base: TrialOutcome,
    told_of: str,
    why: str,
) -> SeenRule:
    """The rule for the one size that was seen."""
    for call in calls:
        if call.shapes != bench.call.shapes or any(
            call.arguments.get(each.name) != bench.call.arguments.get(each.name) for each in fields
        ):
            raise NotCaptured(
                f"{told_of}, and it is used with several sizes or arguments; write its layer by hand: docs/plugins.md"
            )

    def told(shapes: Any) -> Any:
        return {name: [str(size) for size in shape] for name, shape in shapes.items()}

    conditions = _told_fixed(bench, _fixed(bench, ()), names)
    conditions += _kept(bench, (), fields, base)
    outputs = [[str(size) for size in shape] for shape in base.outputs]
    macs = None if base.macs < 0 else str(base.macs)
    parameters, buffers = told(base.parameters), told(base.buffers)
    return SeenRule(outputs, parameters, buffers, macs, conditions=conditions, open=why)
