"""What the figures of metrics are called in records, and which of them is meant by what others call it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from netspec.diagnostics import did_you_mean, is_misspelt
from netspec.recipe.aliases import NAMES
from netspec.recipe.measures import Metric, MetricItem, candidates
from netspec.recipe.resolved import Recipe
from netspec.recipe.tables import METRICS, metric
from netspec.writing import shown


def figures_of_class(cls: type[Metric]) -> dict[str, Mapping[str, Any]]:
    """What records call the figure of a metric, each name with the arguments that give it: `mse` with none, `rmse` with
    `squared: false`. Empty where it has to be given arguments and nothing says which."""
    calls: list[Mapping[str, Any]] = [] if any(f.is_required() for f in cls.model_fields.values()) else [{}]
    calls += cls.renaming
    return {cls.model_validate(call).label(): call for call in calls}


def figure_name(cls: type[Metric]) -> str:
    """The same as a phrase: "`mse`, or `rmse` with `squared: false`"."""
    if not figures_of_class(cls):
        return f"`{cls.column or cls.__name__.lower()}`"
    told: list[str] = []
    for label, call in figures_of_class(cls).items():
        given = ", ".join(f"{name}: {shown(value)}" for name, value in call.items())
        told.append(f"`{label}`" + (f" with `{given}`" if given else ""))
    return ", or ".join(told)


def metric_called(word: str, classes: Mapping[str, type[Metric]]) -> type[Metric] | None:
    """The metric whose class, whose figure or whose name in another library is a word, in whatever case: `R2Score` of
    `r2score`, `r2` and `rsquared`; None if there is none."""
    low, bare = word.lower(), _letters(word)
    for name, cls in classes.items():
        if _letters(name) == bare:
            return cls
    for cls in classes.values():
        if low in figures_of_class(cls):
            return cls
    return classes.get(NAMES["metric"].get(low, ""))


def own_metrics() -> dict[str, type[Metric]]:
    """The metrics that come with netspec, by name."""
    return {name: metric(name) for name in METRICS}


def _letters(word: str) -> str:
    return re.sub(r"[\W_]", "", word).lower()


class Meant(NamedTuple):
    """What somebody means by the name of a figure that there is not."""

    figure: str | None = None
    """The figure that is meant."""
    certain: bool = False
    """It is the same under another name."""
    help: str | None = None
    """What to do, where it is no figure that is recorded."""


def figure_meant(figure: str, known: Collection[str], recipe: Recipe) -> Meant:
    """What is meant by a figure that is none of the known ones of the validation data: one that is called so in another
    library (`val_acc`, `f1`), that of a metric by its class (`validation_R2Score`), or one that is misspelt."""
    bare = bare_name(figure)
    for name in (bare.lower(), {"acc": "accuracy"}.get(bare.lower())):
        if f"validation_{name}" in known:
            return Meant(f"validation_{name}", certain=True)
    head, _, of = bare.partition("/")
    listed = {item.metric.name(): type(item.metric) for item in recipe.metrics}  # a plugin's among them
    if (cls := metric_called(head, {**own_metrics(), **listed})) is not None:
        return _of_metric(cls, head, of, known, recipe)
    near = did_you_mean(figure, known)
    return Meant(near, certain=True) if near is not None and is_misspelt(figure, near) else Meant()


def bare_name(figure: str) -> str:
    """A figure without the part of the data that it is of, as other libraries name it, too."""
    return re.sub(r"^(val|valid|validation|eval|test)[_/]", "", figure, flags=re.IGNORECASE)


def _of_metric(cls: type[Metric], head: str, of: str, known: Collection[str], recipe: Recipe) -> Meant:
    """The figure of a metric that is meant by its class, or by what others call it."""
    name, calls = cls.__name__, figures_of_class(cls)
    items = [item for item in recipe.metrics if item.metric.name() == name and (not of or item.of == of)]
    found = [figure for item in items if (figure := f"validation_{item.label}") in known]
    if len(found) == 1:  # `mse` is no other name for `rmse`
        return Meant(found[0], certain=head.lower() not in calls)
    if found:
        return Meant(help=f"the figures of `{name}` are {', '.join(f'`{one}`' for one in found)}")
    label = head.lower() if head.lower() in calls else next(iter(calls), None)
    if label is None:
        return Meant()
    item = MetricItem(cls.model_validate(calls[label]), of or None)
    if not candidates(item, recipe.losses):
        return Meant()
    arguments = ", ".join(f"{key}: {shown(value)}" for key, value in calls[label].items())
    written = f"{name}: {{{arguments}}}" if arguments else name
    written = f"{{{name}: {f'{{{arguments}}}' if arguments else ''}, of: {of}}}" if of else written
    return Meant(help=f"add `{written}` to `metrics`: its figure is `validation_{item.label}`")
