"""The scores that an output gives, against the classes of the data and what a loss takes."""

from __future__ import annotations

from netspec.dims import Size
from netspec.recipe.clues import ScoresClue
from netspec.recipe.held import Term, mismatch
from netspec.recipe.places import key_of, place
from netspec.recipe.resolved import Recipe
from netspec.recipe.sizes import joined
from netspec.recipe.terms import LABELS
from netspec.text.source import MapNode
from netspec.validation import Reader


def check_scores(term: Term, recipe: Recipe, node: MapNode, reader: Reader) -> bool:
    """The data's classes against the scores of an output; False if it has none."""
    data, loss, output = recipe.data, term.loss, term.output
    facts = data.facts()
    if not output.shape or (data.labels and len(output.shape) != 1):
        layers = term.layers
        last = layers[-1].__name__ if layers and layers[-1].by_position and len(output.shape) > 1 else None
        mismatch(
            reader, term.at,
            f"`{loss.name()}` with one class per example wants an output of one axis, a score per class, but "
            f"{term.word} is {joined(output.shape)}",
            f"put `Flatten` in front of the last `{last}`: a `{last}` works on the last axis alone"
            if last is not None
            else f"end the net with `Flatten` and `Linear: {facts.classes}`"
            if facts.classes
            else None,
            related=term.related, clue=ScoresClue(facts.classes, True),
        )  # fmt: skip
        return False
    told = _check_axis_of_classes(term, reader)
    width = output.shape[0]
    if width == 1 and facts.classes is None and loss.ending is not None and loss.ending.takes == "scores":
        reader.report(
            "softmax-of-one",
            f"`{loss.name()}` compares the scores of classes, but {term.word} has one: the loss is 0 whatever that is",
            term.at,
            related=term.related,
            severity="warning",
            help="give a score for each class; or use `BCEWithLogitsLoss`, whose targets are 0 and 1",
        )
    labels = (term.item.target or LABELS) == LABELS
    if labels and facts.classes is not None and isinstance(width, int) and width != facts.classes:
        few = width < facts.classes
        if told and not few:  # it follows from where the scores are
            return True
        reader.report(
            "classes-mismatch",
            f"`{data.name()}` has {facts.classes} classes, but {term.word} has {width} "
            + ("scores: there is none for the others" if few else "scores, of which the others never occur"),
            key_of(node, "data") or node,
            related=term.related,
            severity="error" if few else "warning",
            help=f"let the last layer give {facts.classes}",
            clue=ScoresClue(facts.classes, False),
        )
    check_weights(term, reader)
    return True


def _check_axis_of_classes(term: Term, reader: Reader) -> bool:
    """Scores at several places, such as the tokens of a sequence: a layer that computes along the last axis leaves them
    there, and a loss of classes has them on the first. True if that is reported."""
    shape, layers = term.output.shape, term.layers
    if len(shape) < 2 or not layers or not layers[-1].by_position:
        return False
    places = [chr(ord("t") + i) for i in range(len(shape) - 1)] if len(shape) < 5 else []
    there = " ".join(places)
    mismatch(
        reader, term.at,
        f"`{term.loss.name()}` has the scores of the classes on the first axis, which here is {shape[0]}, but "
        f"`{layers[-1].__name__}` gives them on the last, {shape[-1]}",
        f"put `Rearrange: n {there} c -> n c {there}` behind it" if places else None,
        related=term.related, severity="warning", clue=ScoresClue(None, False),
    )  # fmt: skip
    return True


def check_weights(term: Term, reader: Reader) -> None:
    """Factors per class: as many as the output has scores."""
    loss, shape = term.loss, term.output.shape
    width: Size | None = shape[term.scores_axis] if shape else None
    for name in loss.factors:
        factors = getattr(loss, name)
        if factors is not None and not isinstance(factors, str) and isinstance(width, int) and len(factors) != width:
            at = place(term.at, loss.name(), name) if isinstance(term.at, MapNode) else term.at
            mismatch(
                reader, at,
                f"`{name}` of `{loss.name()}` has {len(factors)} factors, but {term.word} has {width} scores",
                "give one factor per class",
            )  # fmt: skip


def check_balance(term: Term, reader: Reader) -> None:
    """Classes that are counted are those of a field of the data."""
    if term.loss.balances and term.next_token:
        mismatch(
            reader, place(term.at, term.loss.name(), "weight") if isinstance(term.at, MapNode) else term.at,
            f"`weight: balanced` of `{term.loss.name()}` counts the classes of training targets, but those of a text "
            "are its tokens, of which many never occur",
            "leave `weight` out, or give one factor per token",
        )  # fmt: skip


def check_sampled(term: Term, recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """What is drawn by its class has one for the whole example."""
    if recipe.sampler is None or recipe.data.labels or len(term.output.shape) < 2:
        return
    reader.report(
        "recipe-conflict",
        f"`sampler: {recipe.sampler}` draws examples by their class, but {term.word} is {joined(term.output.shape)}: "
        f"an example has a class at each of {joined(term.output.shape[1:])} places",
        place(node, "sampler"),
        related=term.related,
        help=f"leave it out, and write factors into `{term.loss.name()}`",
    )


def check_end(term: Term, reader: Reader) -> None:
    """The last layer that counts, against what the loss takes: a frequent mistake that only slows learning."""
    last = next((layer for layer in reversed(term.layers) if not layer.keeps_values), None)
    ending = term.loss.ending
    if last is None or ending is None or ending.suits(last.gives):
        return
    gives = last.gives
    ends = "the net ends" if term.word == "the net's output" else f"{term.word} ends"
    least, clipped = (
        ending.least(gives, term.output.shape[term.scores_axis] if term.output.shape else 1),
        gives == "nothing negative",
    )
    cost = ""
    if ending.takes == "scores" and clipped:
        cost = ": scores below 0 become 0, and get no gradient"
    elif least is not None:
        cost = (
            f": of what lies between 0 and 1 the loss {'' if ending.does == 'softmax' else 'of a target 0 '}never "
            f"falls below {least:.2f}"
        )
    mismatch(
        reader, term.at, f"`{term.loss.name()}` takes {ending.takes}, but {ends} in `{last.__name__}`{cost}",
        "drop the layer" if ending.takes == "scores" and clipped
        else ending.advice(last, on_last_axis=term.next_token),
        severity="warning",
    )  # fmt: skip
