"""What layers and the words of a recipe are, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from netspec.layers.base import Layer
from netspec.layers.reference import paragraphs, spelled
from netspec.recipe.explained import recipe_word, settings_of
from netspec.recipe.reference import arguments_in_words
from netspec.recipe.vocabulary import Vocabulary

_CODE: Final = re.compile(r"(`[^`]*`)")
_SIGNS: Final = re.compile(r"(?<!\\)([*<\[\]])|(?<=\W)(_)|(_)(?=\W|$)")


def prose(text: str) -> str:
    """A sentence of a docstring as Markdown: what would be a sign of Markdown outside of code is a character."""
    parts = _CODE.split(text)
    return "".join(part if part[:1] == "`" else _SIGNS.sub(r"\\\g<0>", part) for part in parts)


def documentation(layer: type[Layer]) -> str:
    """A layer's documentation, with its first example."""
    parts = [f"**{layer.__name__}** ({layer.family})", *map(prose, paragraphs(layer))]
    if layer.examples:
        parts.append(_written(f"- {spelled(layer, layer.examples[0].arguments)}"))
    return "\n\n".join(parts)


def of_recipe(name: str, known: Vocabulary) -> str | None:
    """What a data set, transform, optimizer, scheduler, loss or key of a recipe is; None for what is none of them."""
    word = recipe_word(name, known)
    if word is None:
        return None
    parts = [f"**{name}** ({word.kind})", *map(prose, word.paragraphs), prose(word.takes)]
    if word.choice is not None:
        title, names = word.choice
        parts.append(f"{title}: {', '.join(f'`{each}`' for each in names)}")
    parts += [*map(prose, word.more), _list(word.arguments or {}), *map(prose, word.remarks)]
    return "\n\n".join([*filter(None, parts), _written(word.usage)])


def argument_of_recipe(above: str, name: str, known: Vocabulary) -> str | None:
    """What an argument of something that a recipe names is, or of one of its settings."""
    cls = known.load(above) if above in known.names else settings_of(above)
    words = None if cls is None else arguments_in_words(cls).get(name)
    return None if words is None else f"**{name}** of `{above}`: {prose(words)}"


def _list(arguments: Mapping[str, str]) -> str:
    return "\n".join(f"- `{name}`: {prose(words)}" for name, words in arguments.items())


def _written(example: str) -> str:
    return f"```yaml\n{example}\n```"
