"""The metrics of a recipe against its losses and the net's outputs, and the figures that others of its keys follow."""

from __future__ import annotations

from typing import Final

from netspec.diagnostics import did_you_mean
from netspec.recipe.against import Against
from netspec.recipe.base import Loss
from netspec.recipe.figures import Meant, bare_name, figure_meant
from netspec.recipe.measures import MetricItem, Reads, candidates, count_of, reads_of
from netspec.recipe.places import item_of, key_of, place
from netspec.recipe.resolved import Recipe
from netspec.recipe.sizes import joined
from netspec.recipe.terms import LABELS, NEXT
from netspec.text.source import ListNode, MapNode, Node
from netspec.validation import Reader

_WORDS: Final[dict[Reads, str]] = {"classes": "classes", "labels": "labels of 0 and 1", "values": "values"}
_FITTING: Final[dict[Reads, str]] = {"classes": "F1Score", "labels": "F1Score", "values": "MeanAbsoluteError"}


def check_metrics(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """Hold each metric against the losses: which one's output and target it reads."""
    losses = recipe.losses
    seen: dict[str, int] = {}
    for number, item in enumerate(recipe.metrics):
        at, name = _at(node, number), item.metric.name()
        if not (recipe.validates or recipe.data.facts().test != 0):
            continue
        if item.label in seen:
            _refuse(
                reader, at, f"two metrics are called `{item.label}` in the records",
                "leave one out, or give them an argument that tells them apart",
            )  # fmt: skip
            continue
        seen[item.label] = number
        found = candidates(item, losses)
        if item.label == "accuracy" and recipe.is_classifier and len(losses) == 1:
            _refuse(
                reader, at, "the accuracy is always recorded where a loss is of classes",
                f"leave `{name}` out, or give it `top_k` or `average: macro`",
            )  # fmt: skip
        elif len(found) > 1:
            outputs = [losses[place].of[0] for place in found if losses[place].of]
            _refuse(
                reader, at, f"`{name}` does not say which of the {len(found)} losses it goes with: it could be any",
                f"write `{{{name}: , of: {outputs[0]}}}`; the outputs are {', '.join(f'`{o}`' for o in outputs)}"
                if outputs else None,
            )  # fmt: skip
        elif not found:
            _refuse_all(item, recipe, at, reader)


def _refuse_all(item: MetricItem, recipe: Recipe, at: Node, reader: Reader) -> None:
    """Report a metric that no loss gives what it compares."""
    losses, name = recipe.losses, item.metric.name()
    wanted = " or ".join(_WORDS[reads] for reads in item.metric.reads)
    outputs = [output for loss in losses for output in loss.of]
    if item.of is not None and item.of not in outputs and (outputs or len(losses) > 1):
        near = did_you_mean(item.of, outputs)
        listed = ", ".join(f"`{output}`" for output in outputs)
        help_ = f"did you mean `{near}`?" if near else f"losses read {listed}"
        _refuse(reader, at, f"no loss reads an output `{item.of}`, which `{name}` is of", help_)
        return
    one = losses[0].loss if len(losses) == 1 else None
    if one is not None and one.given:
        _refuse(
            reader, at, f"`{name}` compares an output with its target, and nothing is known of those of `{one.name()}`",
            "let the program give it: `netspec.train(net, loss=…, metrics=…)`",
        )  # fmt: skip
        return
    said = (
        f"`{one.name()}` {_compares(one)}" if one is not None
        else f"no loss {'of `' + item.of + '` ' if item.of else ''}compares these"
    )  # fmt: skip
    _refuse(reader, at, f"`{name}` compares {wanted}, but {said}", _instead(item, recipe))


def _compares(loss: Loss) -> str:
    reads = reads_of(loss)
    return "has no such target" if reads is None else f"compares {_WORDS[reads]}"


def _instead(item: MetricItem, recipe: Recipe) -> str:
    has: set[Reads] = {reads for loss in recipe.losses if (reads := reads_of(loss.loss)) is not None}
    fitting = [_FITTING[reads] for reads in has if reads not in item.metric.reads]
    return f"a metric of {' or '.join(sorted(has))} is `{fitting[0]}`" if fitting else "leave it out"


def check_measured(recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> None:
    """Hold each metric against the shape of the output that it reads."""
    outputs = {value.name: value.type for value in net.ends.outputs}
    for number, item in enumerate(recipe.metrics):
        found, metric = candidates(item, recipe.losses), item.metric
        if len(found) != 1:
            continue
        if item.of is not None and item.of not in outputs:
            names = [name for name in outputs if name is not None]
            help_ = f"the outputs are {', '.join(f'`{name}`' for name in names)}" if names else "leave `of` out"
            _refuse(
                reader, _at(node, number), f"the net has no output `{item.of}`, which `{metric.name()}` is of", help_
            )
            continue
        loss = recipe.losses[found[0]]
        type_ = outputs.get(loss.of[0]) if loss.of else net.ends.outputs[0].type
        reads = reads_of(loss.loss)
        if type_ is None or reads is None:
            continue
        at, name, shape = _at(node, number), metric.name(), type_.shape
        follows = (loss.target or (NEXT if recipe.data.next_token else LABELS)) == NEXT
        count = count_of(reads, shape, -1 if follows else 0)
        top = getattr(metric, "top_k", 1)
        if reads == "values" and metric.shape is not None and len(shape) > metric.shape and count != 1:
            wanted = "one value" if metric.shape == 0 else "one axis of values"
            _refuse(
                reader, at, f"`{name}` is of {wanted} for each example, but the output is {joined(shape)}",
                "write `MeanAbsoluteError` or `MeanSquaredError`, which are of any shape",
            )  # fmt: skip
        elif reads == "classes" and count is not None and top >= count > 0 and top > 1:
            _refuse(
                reader, at, f"`top_k: {top}`, but the output has {count} scores: every answer is among them",
                f"write less than {count}",
            )  # fmt: skip
        elif reads == "labels" and (top > 1 or (count is not None and _unfit(item, count))):
            _refuse(reader, at, *_about_labels(item, count, top))


def _unfit(item: MetricItem, count: int) -> bool:
    return (item.metric.one_label and count > 1) or (item.metric.several_labels and count == 1)


def _about_labels(item: MetricItem, count: int | None, top: int) -> tuple[str, str]:
    name = item.metric.name()
    if top > 1:
        return f"`top_k` of `{name}` is for classes, and the loss has labels of 0 and 1", "leave `top_k` out"
    if item.metric.one_label:
        return f"`{name}` is of one label, but the output has {count}", "write `F1Score`, which is of several, too"
    return f"`{name}` is of several labels, but the output has one", "write `Accuracy`"


def figures_of(recipe: Recipe) -> list[str]:
    """The figures of the validation data that a recipe gives."""
    own = [f"validation_{label}" for label, item in recipe.measured.items() if not per_class(item)]
    accuracy = ["validation_accuracy"] if recipe.is_classifier else []
    return list(dict.fromkeys(["validation_loss", *accuracy, *own]))


def per_class(item: MetricItem) -> bool:
    """True if a metric has a figure for each class and none of all."""
    return getattr(item.metric, "average", None) == "none"


def check_figure(key: str, figure: str, what: str, recipe: Recipe, node: MapNode, reader: Reader) -> bool:
    """Require that a figure that a key follows is measured; False if it is not, and no accuracy, which is reported."""
    known = figures_of(recipe)
    if figure in known or figure == "validation_accuracy":
        return True
    item = recipe.measured.get(bare_name(figure))
    item = item if item is not None and per_class(item) else None
    meant = Meant() if item is not None else figure_meant(figure, known, recipe)
    if item is not None:
        message = f"`{what}` follows {figure}, but `average: none` gives a figure for each class"
        help_ = f"list `{item.metric.name()}` with an average, too"
    else:
        message = f"`{what}` follows {figure}, which nothing measures: there {_are(known)}"
        help_ = f"did you mean `{meant.figure}`?" if meant.figure else meant.help or _more(recipe)
    at = place(node, key, "metric") if key == "early_stopping" else place(node, key)
    fix = None if meant.figure is None else reader.replace(f"write `{meant.figure}`", at, meant.figure)
    fix = None if fix is None else fix._replace(certain=meant.certain)
    reader.report("recipe-conflict", message, at, help=help_, fix=fix)
    return False


def _more(recipe: Recipe) -> str:
    """How another figure comes to be: the example is a metric that a loss of the recipe can have."""
    has: list[Reads] = [reads for loss in recipe.losses if (reads := reads_of(loss.loss)) is not None]
    if not has:
        return "follow `validation_loss`"
    return f"add the metric to `metrics`, such as `metrics: [{_FITTING[has[0]]}]`"


def _are(known: list[str]) -> str:
    return f"is {known[0]}" if len(known) == 1 else f"are {', '.join(known)}"


def _at(node: MapNode, number: int) -> Node:
    """A metric as it is written; `number` counts from 0."""
    value = node.get("metrics")
    if isinstance(value, ListNode):
        return item_of(node, "metrics", number)
    return value or key_of(node, "metrics") or node


def _refuse(reader: Reader, at: Node, message: str, help: str | None) -> None:
    reader.report("metric-mismatch", message, at, help=help)
