"""What layers and the words of a recipe are, as Markdown."""

from __future__ import annotations

import re
from typing import Final

from netspec.arguments import Arguments
from netspec.layers.base import Layer
from netspec.layers.reference import paragraphs, spelled
from netspec.recipe import tables
from netspec.recipe.read import KEYS, LISTS
from netspec.recipe.reference import Vocabulary, arguments_in_words, key_facts, paragraphs_of, usage

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
    if name in known.names:
        return _of_named(name, known)
    return _of_key(name, known) if name in KEYS else None


def argument_of_recipe(above: str, name: str, known: Vocabulary) -> str | None:
    """What an argument of something that a recipe names is, or of one of its settings."""
    if above in known.names:
        cls: type[Arguments] = known.load(above)
    elif above in tables.SETTINGS or above == "groups":
        cls = tables.setting(above)
    else:
        return None
    words = arguments_in_words(cls).get(name)
    return None if words is None else f"**{name}** of `{above}`: {prose(words)}"


def _of_named(name: str, known: Vocabulary) -> str:
    cls = known.load(name)
    parts = [f"**{name}** ({known.names[name]})", *map(prose, paragraphs_of(cls)), _list(cls)]
    return "\n\n".join([*filter(None, parts), _written(usage(name, known))])


def _of_key(name: str, known: Vocabulary) -> str:
    kind, default, meaning = key_facts(name)
    after = "required" if default == "required" else f"{default} if left out"
    parts = [f"**{name}** (key of a recipe)", prose(meaning), prose(f"It takes {kind}; {after}.")]
    if name in tables.CALLS or name in LISTS:
        of = next(k for k in known.kinds.values() if k.key == ("transforms" if name in LISTS else name))
        parts.append(f"{of.title}: {', '.join(f'`{each}`' for each in of.names)}")
    if name in tables.SETTINGS or name == "groups":
        setting = tables.setting(name)
        parts += [*map(prose, paragraphs_of(setting)), _list(setting)]
    return "\n\n".join([*filter(None, parts), _written(usage(name))])


def _list(cls: type[Arguments]) -> str:
    return "\n".join(f"- `{name}`: {prose(words)}" for name, words in arguments_in_words(cls).items())


def _written(example: str) -> str:
    return f"```yaml\n{example}\n```"
