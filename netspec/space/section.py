"""`sweep:`, read and checked: what it goes over, what it measures, what bounds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from netspec.arguments import Arguments, Count, Natural
from netspec.diagnostics import Diagnostic, did_you_mean, has_errors
from netspec.expectations import COUNTS, Amount, Memory
from netspec.language.scope import NamesInScope
from netspec.language.spec import Spec
from netspec.language.words import is_complete
from netspec.recipe.resolved import Recipe
from netspec.space.axes import Space
from netspec.space.measure import Measure, measure_of
from netspec.space.over import read_axes
from netspec.text.source import MapNode, Node, ScalarNode
from netspec.validation import Reader, Reports

Sampler = Literal["tpe", "random", "grid"]
Pruner = Literal["none", "median", "hyperband"]


class Settings(Arguments):
    """The keys of a sweep with one value.

    Args:
        metric: the column of the records that is looked at, such as `validation_accuracy`.
        direction: whether less or more of it is better.
        trials: how many trials are to finish.
        sampler: where the next trial comes from.
        pruner: which trials end before their last epoch.
        seed: of what the sampler draws.
    """

    metric: str | None = None
    direction: Literal["minimize", "maximize"] | None = None
    trials: Count | None = None
    sampler: Sampler = "tpe"
    pruner: Pruner = "none"
    seed: Natural = 0


class Counted(Arguments):
    """The most that a network of a sweep may have."""

    params: Amount | None = None
    trainable_params: Amount | None = None
    macs: Amount | None = None


class Limit(NamedTuple):
    """What a network of a sweep may have and take at most."""

    counts: Mapping[str, int]
    """By the names of `expect`: `params`, `trainable_params`, `macs`."""
    memory: Memory | None = None


class Sweep(NamedTuple):
    """A sweep as its spec describes it."""

    space: Space
    measure: Measure
    limit: Limit
    trials: int | None
    """How many are to finish; None for every point of a grid, and 20 of another sampler."""
    sampler: Sampler
    pruner: Pruner
    seed: int


KEYS: Final = (*Settings.model_fields, "limit", "over")
"""The keys of a sweep."""
LIMITS: Final = (*COUNTS, "memory")
"""What a sweep may limit."""
FORM: Final = "for example `sweep: {over: {width: [8, 16, 32]}}`"


def check_sweep(spec: Spec, recipe: Recipe | None) -> list[Diagnostic]:
    """What is wrong with the `sweep:` of a spec. `recipe` is that of the spec, or of its first variant; None where that
    is wrong, so that nothing is known of what it measures."""
    return read_sweep(spec, recipe)[1]


def read_sweep(spec: Spec, recipe: Recipe | None) -> tuple[Sweep | None, list[Diagnostic]]:
    """The sweep of a spec and what is wrong with it; None where that leaves none."""
    node = spec.sweep
    reports = Reports(spec.source)
    reader = Reader(reports, NamesInScope(spec, {}, {}), plain=True)
    if not isinstance(node, MapNode):
        reader.report("wrong-form", "`sweep` is a mapping: " + ", ".join(f"`{key}`" for key in KEYS),
                      node or spec.source.between(0, 0), help=FORM)  # fmt: skip
        return None, reports.diagnostics
    if spec.train is None and all(variant.get("train") is None for variant in spec.variants.values()):
        reader.report("missing-key", "a sweep trains its networks, and the spec has no `train`", node,
                      help="add a recipe; `netspec explain train` has one")  # fmt: skip
    settings = _settings(node, reader)
    measure = measure_of(node, settings.metric, settings.direction, recipe, reader) if settings else None
    limit = _limit(node.get("limit"), reader)
    space = read_axes(node, spec, reader)
    if settings is not None and space is not None and settings.sampler == "grid":
        _need_counted(space, node, reader)
    if settings is None or measure is None or limit is None or space is None or has_errors(reports.diagnostics):
        return None, reports.diagnostics
    found = Sweep(space, measure, limit, settings.trials, settings.sampler, settings.pruner, settings.seed)
    return found, reports.diagnostics


def _settings(node: MapNode, reader: Reader) -> Settings | None:
    """The keys with one value; those that are none are reported."""
    kept: list[tuple[ScalarNode, Node]] = []
    for key, value in node.entries:
        if key.text in Settings.model_fields:
            kept.append((key, value))
        elif key.text not in KEYS:
            near = did_you_mean(key.text, KEYS)
            reader.report(
                "unknown-key", f"a sweep has no `{key.text}`", key,
                help=f"did you mean `{near}`?" if near else "its keys are " + ", ".join(f"`{name}`" for name in KEYS),
            )  # fmt: skip
    return reader.arguments(Settings, MapNode(kept, node.flow, node.start, node.end), name="sweep", at=node)


def _limit(node: Node | None, reader: Reader) -> Limit | None:
    """What `limit:` says."""
    if node is None or (isinstance(node, ScalarNode) and node.value is None):
        return Limit({})
    if not isinstance(node, MapNode):
        reader.report("wrong-form", "`limit` is a mapping: " + ", ".join(f"`{key}`" for key in LIMITS), node,
                      help="for example `limit: {params: 100_000}`")  # fmt: skip
        return None
    kept: list[tuple[ScalarNode, Node]] = []
    memory: Memory | None = None
    for key, value in node.entries:
        if key.text == "memory":
            memory = reader.arguments(Memory, value, name="memory", at=key)
        elif key.text in COUNTS:
            kept.append((key, value))
        else:
            near = did_you_mean(key.text, LIMITS) or ("params" if key.text.startswith("param") else None)
            reader.report(
                "unknown-key", f"a sweep cannot limit `{key.text}`", key,
                help=f"did you mean `{near}`?" if near else "it limits " + ", ".join(f"`{name}`" for name in LIMITS),
            )  # fmt: skip
    counted = reader.arguments(Counted, MapNode(kept, node.flow, node.start, node.end), name="limit", at=node)
    if counted is None:
        return None
    values: dict[str, Any] = counted.model_dump()
    return Limit({name: most for name, most in values.items() if most is not None}, memory)


def _need_counted(space: Space, node: MapNode, reader: Reader) -> None:
    """Report each key of a grid that takes any number between two bounds."""
    over = node.get("over")
    for axis in space.axes:
        place = over.get(axis.key) if isinstance(over, MapNode) else None
        if axis.size is None and place is not None:
            reader.report(
                "invalid-argument", f"a grid has no end where `{axis.key}` takes any number between two bounds", place,
                help="give `count` or `step` beside them, or a list of values",
            )  # fmt: skip


def first_variant(spec: Spec) -> str | None:
    """The variant by which the recipe of a spec is known: None for the spec itself."""
    return None if is_complete(spec) else next(iter(spec.variants), None)
