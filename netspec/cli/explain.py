"""`netspec explain`: a layer, a word of a recipe or of the language, or an error code, at 80 columns; or what comes
nearest to a message of another tool, or to a question."""

from __future__ import annotations

import difflib
import inspect
import re
import textwrap
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Final, cast

import click
from pydantic import ValidationError

from netspec.cli import COMMANDS
from netspec.cli.common import offer, plugin_option
from netspec.codes import CODES
from netspec.codes.base import Page
from netspec.codes.said import ASKED, SAID, Said
from netspec.combinators import COMBINATORS
from netspec.diagnostics import Code, PluginError, UsageError, did_you_mean
from netspec.dims import Unmet
from netspec.expectations import Bounds
from netspec.initializers import FUNCTIONS as INITIALIZERS
from netspec.initializers import arguments_of
from netspec.language.aliases import meant_by
from netspec.language.glossary import EXPLAINED, Word
from netspec.layers import FAMILIES, OWN, UNOFFERED, Offer
from netspec.layers.base import Layer
from netspec.layers.parametrizations import PARAMETRIZATIONS
from netspec.layers.reference import explain_layer, filled
from netspec.recipe.aliases import KEYS as BROUGHT
from netspec.recipe.explained import explain_recipe, names_elsewhere
from netspec.recipe.read import KEYS
from netspec.recipe.unoffered import UNOFFERED as UNOFFERED_RECIPE
from netspec.recipe.unoffered import explain_unoffered
from netspec.recipe.vocabulary import vocabulary
from netspec.writing import flow, shown

if TYPE_CHECKING:
    from netspec.cli.search import Hit


@click.command()
@click.argument("words", metavar="[NAME | WORDS...]", nargs=-1)
@plugin_option
def command(words: tuple[str, ...]) -> None:
    """Explain NAME: a layer (Conv2d), a word of the language (residual), a word of a recipe (SGD, batch_size), an error
    code (width-mismatch), or a command (find-lr). Other WORDS, such as "mat1 and mat2 shapes cannot be multiplied", are
    answered with what they most likely mean. Without any, list all names."""
    known = offer()
    click.echo(explain(" ".join(words), known) if words else _everything(known))


def explain(name: str, offer: Offer = OWN) -> str:
    """The explanation of a name, at 80 columns. A name with two meanings, such as `freeze`, gets both; words that are
    no name, what they most likely mean.

    Raises:
        UsageError: it is one word that resembles a name, or nothing comes near.
        PluginError: it is a plugin's layer, of which an example is wrong.
    """
    found: list[str] = []
    if name in offer.layers:
        cls = offer.layer_class(name)
        found.append(_of_plugin(cls) if offer.of_plugin(name) else explain_layer(cls))
    if name in CODES:
        found.append(explain_code(name, CODES[name]))
    if name in EXPLAINED:
        found.append(explain_word(name, EXPLAINED[name]))
    recipe = explain_recipe(name, vocabulary(offer))
    if recipe is not None:
        found.append(recipe)
    if name in INITIALIZERS:
        found.append(_initializer(name))
    if name in PARAMETRIZATIONS:
        found.append(_parametrization(name))
    if name in COMMANDS:
        found.append(f"{name} (command)\n\n{filled(COMMANDS[name])}\n\n`netspec {name} --help` says what it takes.")
    if found:
        return "\n\n\n".join(found)
    if name in UNOFFERED:
        found.append(f"{name} is a layer of torch.nn that netspec does not offer: {UNOFFERED[name]}.")
    if (why := explain_unoffered(name)) is not None:
        found.append(why)
    if found:
        return "\n\n".join(textwrap.fill(sentence, 80) for sentence in found)
    if (told := _of_arguments(name, offer) or _called_so(name, offer)) is not None:
        return told
    if (same := _in_another_case(name, offer)) is not None:
        return explain(same, offer)
    if brought := names_elsewhere(name, vocabulary(offer)):
        return "\n\n\n".join(explain(one, offer) for one in brought)
    if name in BROUGHT:
        return textwrap.fill(f"`{name}` is no key of a recipe: {BROUGHT[name]}.", 80, break_on_hyphens=False)
    hits = _code_hits(name)
    codes = [hit.name for hit in hits]
    near = None if " " in name.strip() else _nearest(name, offer)
    like_a_code = "-" in name and " " not in name.strip()
    if codes and near is None and not like_a_code:
        return _answers(name, hits, offer)
    meant = "`netspec explain` lists what there is" if near is None else f"did you mean `{near}`?"
    nearest = f" By its meaning, {', '.join(f'`{code}`' for code in codes)}" if codes and near is not None else ""
    raise UsageError(f"there is nothing called `{name}` to explain; {meant}{nearest}")


def _in_another_case(name: str, offer: Offer) -> str | None:
    """The one name that differs from another in its case alone; None if there is none, or several are."""
    known = {one for group in groups_of(offer).values() for one in group}
    same = [one for one in sorted(known) if one.casefold() == name.casefold() and one != name]
    return same[0] if len(same) == 1 else None


def _of_arguments(name: str, offer: Offer) -> str | None:
    """What has an argument of a name: layers, or what a spec expects; None if nothing has."""
    owners = [layer for layer in offer.layers if name in _fields(offer.layer_class(layer))] if name.islower() else []
    if owners:
        *others, last = owners[:_MOST_OWNERS]
        more = f" and {len(owners) - _MOST_OWNERS} more" if len(owners) > _MOST_OWNERS else ""
        named = f"{', '.join(others)}{', ' if more else ' and '}{last}{more}" if others else last
        said = [textwrap.fill(f"`{name}` is an argument of {named}.", 80)]
        return "\n\n".join([*said, _in_its_words(name, offer.layer_class(owners[0]))])
    if name in Bounds.model_fields:
        return f"`{name}` is a bound of what a spec expects.\n\n{explain_word('expect', EXPLAINED['expect'])}"
    return None


_MOST_OWNERS: Final = 8
"""The layers that are named as those that have an argument."""


def _fields(layer: type[Layer]) -> Iterable[str]:
    return (*layer.model_fields, *layer.tensors)


def _in_its_words(name: str, layer: type[Layer]) -> str:
    """The lines of a layer's explanation about an argument, and where there is more."""
    lines = re.search(rf"^  {re.escape(name)} .*(?:\n {{10,}}.*)*", explain_layer(layer), re.MULTILINE)
    parts = [] if lines is None else [lines[0]]
    return "\n\n".join([*parts, f"`netspec explain {layer.__name__}` says what it does, with examples."])


def _called_so(name: str, offer: Offer) -> str | None:
    """The explanation of the one thing that people call by a name; None if there is none, or several are."""
    called = [
        owner for owner, said in asked_of_names().items()
        if any(name.casefold() == phrase.casefold() for each in said for phrase in each.split(", "))
    ]  # fmt: skip
    return explain(called[0], offer) if len(called) == 1 and called[0] != name and " " not in name else None


def _of_plugin(cls: type[Layer]) -> str:
    """The explanation of a plugin's layer, whose examples are run."""
    from netspec.plugins.asking import Fault, asked  # imported here: few explanations are of a plugin's layer

    hint = f"`netspec.probe({cls.__name__})` tries them all"
    try:
        return asked(f"an example of `{cls.__name__}`", lambda: explain_layer(cls), cls, others=True)
    except Fault as fault:
        raise PluginError(f"{fault}; {hint}") from None
    except Unmet as unmet:
        raise PluginError(f"an example of `{cls.__name__}` is refused by its rule: {unmet}; {hint}") from None
    except ValidationError as error:
        reasons = "; ".join(found["msg"] for found in error.errors())
        raise PluginError(f"an example of `{cls.__name__}` has wrong arguments: {reasons}; {hint}") from None


def explain_code(name: str, code: Page) -> str:
    """The explanation of a diagnostic code: its meaning, a spec that provokes it, and the corrected spec."""
    parts = [f"{name} ({code.severity})", textwrap.fill(code.summary, 80), textwrap.fill(code.meaning, 80)]
    if said := _said(name).messages:
        listed = [textwrap.fill(text, 80, initial_indent="- ", subsequent_indent="  ") for text in said]
        parts.append("\n".join(["Other tools say:", *listed]))
    if code.bad:
        parts += ["Wrong:", textwrap.indent(_cut(code.bad), "    "), "Right:", textwrap.indent(_cut(code.good), "    ")]
    return "\n\n".join(part.rstrip("\n") for part in parts)


def explain_word(name: str, word: Word) -> str:
    """The explanation of a word of the spec language: its meaning and an example."""
    example = word.example if word.value is None else f"{word.example} = {shown(word.value)}"
    parts = [f"{name} ({word.kind})", textwrap.fill(word.meaning, 80, break_on_hyphens=False), "Example:"]
    return "\n\n".join([*parts, textwrap.indent(example.rstrip("\n"), "    ")])


def _initializer(name: str) -> str:
    arguments = [
        field if info.is_required() else f"{field}: {flow(info.default, str)}"
        for field, info in arguments_of(name).model_fields.items()
    ]
    parts = [f"{name} (initialiser, a function of torch.nn.init)", f"Arguments: {', '.join(arguments) or 'none'}"]
    return "\n\n".join([*parts, "`netspec explain init` says where it stands."])


def _parametrization(name: str) -> str:
    cls = PARAMETRIZATIONS[name]
    fields = ", ".join(f"{field}: {flow(info.default, str)}" for field, info in cls.model_fields.items())
    paragraphs = [filled(" ".join(part.split())) for part in inspect.cleandoc(cls.__doc__ or "").split("\n\n")]
    parts = [f"{name} (parametrisation of a weight)", *paragraphs, f"Arguments: {fields}"]
    return "\n\n".join([*parts, "`netspec explain parametrize` says where it stands."])


def _cut(text: str) -> str:
    """The text with long lines cut: some examples are wrong because of their size."""
    return "\n".join(line if len(line) <= 76 else f"{line[:73]}..." for line in text.splitlines())


# ---- what is nearest


def nearest_codes(words: str) -> list[Code]:
    """The three codes that words most likely mean, the likeliest first; fewer where fewer come near."""
    return [cast("Code", hit.name) for hit in _code_hits(words)]


def _code_hits(words: str) -> list[Hit]:
    from netspec.cli.search import Index  # imported here: most names need no search

    phrases = {
        code: (page.summary, *_sentences(page.meaning), *_said(code).messages, *_said(code).asked)
        for code, page in CODES.items()
    }
    return Index(phrases).nearest(words)


def nearest_names(words: str, offer: Offer) -> list[Hit]:
    """The three layers and words of the language that words most likely mean; none where none comes near."""
    from netspec.cli.search import Index  # likewise

    texts = {word: explained.meaning for word, explained in EXPLAINED.items()}
    texts |= {layer: offer.layer_class(layer).__doc__ or "" for layer in offer.layers}
    asked = asked_of_names()
    phrases = {
        name: (*_sentences(text), *(phrase for said in asked.get(name, ()) for phrase in said.split(", ")))
        for name, text in texts.items()
    }
    return [hit for hit in Index(phrases).nearest(words) if hit.score > _NEAR]


def asked_of_names() -> dict[str, tuple[str, ...]]:
    """What people call layers and words of the language, or want of them."""
    return ASKED | {word: listed.asked for word, listed in COMBINATORS.items() if listed.asked}


_NEAR: Final = 0.6
"""The score from which on a layer or a word is named beside the codes."""
_CALLED: Final = 1.5
"""How many times the score of the nearest code is that of a layer or a word which stands in front of the codes: words
are then what people call it, and no message of another tool."""


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.:;]) +", " ".join(text.split()))


def _said(code: str) -> Said:
    return SAID.get(cast("Code", code), Said())


def _answers(words: str, hits: list[Hit], offer: Offer) -> str:
    """The codes that words may mean, each with its sentence, and the layers and words of the language."""
    shown = words if len(words) <= 60 else f"{words[:57]}..."
    parts = [textwrap.fill(f'Nothing is called "{shown}"; what comes nearest:', 80)]
    names = nearest_names(words, offer)
    called = [hit.name for hit in names if hit.score >= max(1.0, _CALLED * hits[0].score)]
    pages = {hit.name: CODES[cast("Code", hit.name)] for hit in hits}
    found = {name: _in_short(name, offer) for name in called}
    found |= {code: (page.severity, page.summary) for code, page in pages.items()}
    for name, (kind, summary) in found.items():
        parts.append(f"{name} ({kind})\n" + textwrap.indent(textwrap.fill(summary, 76), "    "))
    if beside := [hit.name for hit in names if hit.name not in called]:
        parts.append(f"Layers and words: {', '.join(beside)}")
    return "\n\n".join([*parts, f"`netspec explain {next(iter(found))}` says more, with an example."])


def _in_short(name: str, offer: Offer) -> tuple[str, str]:
    """What a layer or a word of the language is, and the first sentence about it."""
    if name in offer.layers:
        return "layer", _sentence(offer.layer_class(name).__doc__ or "")
    return EXPLAINED[name].kind, _sentence(EXPLAINED[name].meaning)


def _sentence(text: str) -> str:
    return re.split(r"(?<=\.) +", " ".join(text.split()))[0]


# ---- all of them


def groups_of(offer: Offer) -> dict[str, tuple[str, ...]]:
    """All names by their form: CapWords, with hyphens, lowercase. A misspelt name usually has the right form."""
    named = vocabulary(offer).names
    own = tuple(name for name in named if name.islower())
    return {
        "capitals": (
            *offer.layers,
            *UNOFFERED,
            *chain(*UNOFFERED_RECIPE.values()),
            *(name for name in named if name not in own),
        ),
        "hyphens": tuple(CODES),
        "lowercase": (*EXPLAINED, *KEYS, *own, *INITIALIZERS, *PARAMETRIZATIONS),
    }


def _nearest(name: str, offer: Offer) -> str | None:
    """The most similar name; of two that are equally similar, the one with the same form. None if none is similar."""
    if (layer := meant_by(name, 2, offer.layers)) is not None:
        return layer
    form = "capitals" if name[:1].isupper() else "hyphens" if "-" in name else "lowercase"
    groups = groups_of(offer)
    near = [found for key in (form, *groups) if (found := did_you_mean(name, groups[key]))]
    return max(near, key=lambda found: _likeness(name.casefold(), found.casefold()), default=None)


def _likeness(a: str, b: str) -> float:
    return 1.0 if sorted(a) == sorted(b) else difflib.SequenceMatcher(None, a, b).ratio()


def _everything(offer: Offer) -> str:
    lines = ["Layers, by the module that defines them:"]
    lines += [_row(family, names) for family, names in FAMILIES.items()]
    lines += [_row(plugin.name, [cls.__name__ for cls in plugin.layers]) for plugin in offer.plugins if plugin.layers]
    lines += ["", "Words of the language:", _row("", [n for n, w in EXPLAINED.items() if w.value is None])]
    lines += [_row("functions", [n for n, w in EXPLAINED.items() if w.value is not None])]
    lines += [
        _row("initialisers", INITIALIZERS),
        _row("parametrisations", PARAMETRIZATIONS),
        "",
        "Words of a recipe:",
        _row("keys", KEYS),
    ]
    lines += [_row(kind.title.lower(), kind.names) for kind in vocabulary(offer).kinds.values()]
    return "\n".join([*lines, "", "Error codes:", _row("", CODES)])


def _row(title: str, names: Iterable[str]) -> str:
    start = f"  {title}: " if title else "  "
    after = "    " if title else "  "
    return textwrap.fill(", ".join(names), 80, initial_indent=start, subsequent_indent=after, break_on_hyphens=False)
