"""What there is to say of one word of recipes, and that as plain text for `netspec explain`."""

from __future__ import annotations

import re
from typing import NamedTuple

from netspec.arguments import Arguments
from netspec.layers.reference import filled, hanging
from netspec.recipe import tables
from netspec.recipe.aliases import NAMES
from netspec.recipe.figures import bare_name, figure_name, metric_called
from netspec.recipe.measures import Metric
from netspec.recipe.read import KEYS, LISTS
from netspec.recipe.reference import arguments_in_words, key_facts, paragraphs_of, usage
from netspec.recipe.schedulers import Scheduler
from netspec.recipe.vocabulary import OWN, Vocabulary


class RecipeWord(NamedTuple):
    """What there is to say of a word, in the order in which it is said."""

    name: str
    kind: str
    """`loss`, `key of a recipe`."""
    paragraphs: list[str]
    takes: str
    """What a key takes, and what it is if it is left out; empty for other words."""
    choice: tuple[str, list[str]] | None
    """What it may name: a title, and the names."""
    more: list[str]
    """Paragraphs about the settings of a key."""
    arguments: dict[str, str] | None
    """Argument → what it takes; None where there are none to speak of."""
    remarks: list[str]
    usage: str
    """A line of a recipe with it."""


def recipe_word(name: str, known: Vocabulary = OWN) -> RecipeWord | None:
    """A data set, transform, optimizer, scheduler, loss or key of a recipe; None for what is none of them."""
    if name in known.names:
        return _of_named(name, known)
    return _of_key(name, known) if name in KEYS else None


def _of_named(name: str, known: Vocabulary) -> RecipeWord:
    cls = known.load(name)
    reasons = {reason: [n for n, r in cls.omitted.items() if r == reason] for reason in cls.omitted.values()}
    remarks = [f"Not offered: {', '.join(names)}; {reason}." for reason, names in reasons.items()]
    if issubclass(cls, Scheduler):
        unit = "optimizer steps" if cls.interval == "step" else "epochs"
        remarks.append(f"Lengths count {unit}, unless the recipe says `schedule_by`.")
    if issubclass(cls, Metric):
        remarks.append(f"Its figure is {figure_name(cls)}, in records behind `validation_` and `test_`.")
    kind, arguments = known.names[name], arguments_in_words(cls)
    return RecipeWord(name, kind, paragraphs_of(cls), "", None, [], arguments, remarks, usage(name, known))


def _of_key(name: str, known: Vocabulary) -> RecipeWord:
    kind, default, meaning = key_facts(name)
    after = "required" if default == "required" else f"{default} if left out"
    choice = None
    if name in tables.CALLS or name in LISTS:
        of = next(k for k in known.kinds.values() if k.key == ("transforms" if name in LISTS else name))
        choice = of.title, list(of.names)
    more: list[str] = []
    arguments: dict[str, str] | None = None
    if (settings := settings_of(name)) is not None:
        more, arguments = paragraphs_of(settings), arguments_in_words(settings)
    takes = f"It takes {kind}; {after}."
    return RecipeWord(name, "key of a recipe", [meaning], takes, choice, more, arguments, [], usage(name))


def names_elsewhere(word: str, known: Vocabulary = OWN) -> list[str]:
    """The names of recipes that are meant by what people and other libraries call them, in whatever case: `F1Score` by
    `dice` and by `validation_f1`, `CrossEntropyLoss` by `ce`. Metrics stand first, the others in the order of kinds."""
    low = word.lower()
    kind = known.kinds["metric"]
    metrics = {name: cls for name in kind.names if issubclass(cls := kind.load(name), Metric)}
    called = metric_called(bare_name(low), metrics)
    others = [names[low] for names in NAMES.values() if names.get(low) in known.names]
    return list(dict.fromkeys([*([] if called is None else [called.__name__]), *others]))


def settings_of(key: str) -> type[Arguments] | None:
    """The class of a key of a recipe that has several values of its own; None for others."""
    return tables.setting(key) if key in tables.SETTINGS or key == "groups" else None


# ---- plain text


def explain_recipe(name: str, known: Vocabulary = OWN) -> str | None:
    """A word of recipes as plain text of 80 columns: a data set, transform, optimizer, scheduler or loss, a key, or
    `train` for the list of all; None if it is none of them."""
    word = recipe_word(name, known)
    if word is None:
        return _every_key() if name == "train" else None
    parts = [f"{name} ({word.kind})", *map(filled, word.paragraphs)]
    parts += [filled(word.takes.replace("`", ""))] if word.takes else []
    if word.choice is not None:
        title, names = word.choice
        parts.append(f"{title}:\n" + filled(", ".join(names), "  "))
    parts += map(filled, word.more)
    parts += [] if word.arguments is None else [_argument_list(word.arguments)]
    return "\n\n".join([*parts, *map(filled, word.remarks), f"Written:\n  {word.usage}"])


def _argument_list(arguments: dict[str, str]) -> str:
    found = [hanging(argument, words, 2) for argument, words in arguments.items()]
    return "\n".join(["Arguments:", *(found or ["  none"])])


def _every_key() -> str:
    rows: list[str] = []
    for name in KEYS:
        _, default, meaning = key_facts(name)
        first = re.split(r"(?<=[.;])\s", meaning)[0].rstrip(".;")
        rows.append(hanging(name, f"{first} ({default})", 2))
    return "\n".join(["Keys of a recipe, with their defaults:", "", *rows])
