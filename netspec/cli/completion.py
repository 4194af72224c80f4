"""What a shell completes behind a command: files, variants, keys of `--set`, names to explain, codes to ignore.

click has the scripts for bash, zsh and fish, to which `shells.py` adds what keys of `--set` take; this says what they
offer. It runs at every press of a key, so it reads the file that is named and compiles nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, get_args

import click
from click.shell_completion import CompletionItem, split_arg_string

from netspec.cli.common import offer
from netspec.cli.git import repository
from netspec.cli.shipped import specs
from netspec.diagnostics import Code, PluginError, UsageError
from netspec.language.inputs import symbols_of
from netspec.language.reading import read_spec
from netspec.language.settable import keys_of
from netspec.language.spec import Spec
from netspec.layers import OWN, Offer
from netspec.recipe import tables
from netspec.recipe.base import Precision
from netspec.text.source import SUFFIXES, parse, read

Completing = Callable[[click.Context, str], Iterable[str | CompletionItem]]


def completes(command: click.Command) -> None:
    """Let the parameters of a command say what completes them."""
    for parameter in command.params:
        found = _BY_NAME.get(parameter.name or "")
        if found is not None:
            parameter.shell_complete = _items(found)


def _items(found: Completing) -> Any:
    def complete(context: click.Context, incomplete: str) -> list[CompletionItem]:
        items = (
            item if isinstance(item, CompletionItem) else CompletionItem(item) for item in found(context, incomplete)
        )
        return [item for item in items if item.type != "plain" or str(item.value).startswith(incomplete)]

    return complete


def _files(_: click.Context, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def _directories(_: click.Context, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="dir")]


def _spec() -> Spec | None:
    """The spec that the line names so far, as far as it can be read. click has no arguments yet where an option is to
    get its value, so the words of the line are looked at."""
    for word in split_arg_string(os.environ.get("COMP_WORDS", "")):
        if not word.endswith(SUFFIXES):
            continue
        try:
            source, _ = read(word)
        except UsageError:  # there is no such file, yet
            continue
        root, _ = parse(source)
        if root is not None:
            return read_spec(root, source, "spec", _silent)
    return None


def _silent(*_: object, **__: object) -> None:
    """Takes the mistakes of a spec that is only looked at."""


def _variants(context: click.Context, _: str) -> list[str]:
    spec = _spec()
    return [] if spec is None else list(spec.variants)


def _known(context: click.Context) -> Offer:
    """What netspec has, and the plugins that the line names in front; an error of theirs is for the command to tell."""
    with suppress(PluginError):
        return offer(context)
    return OWN


def _keys(context: click.Context, incomplete: str) -> list[str]:
    """Variables, symbols and keys of the recipe, each with the `=` behind it; behind that what may stand there."""
    key, given, _value = incomplete.partition("=")
    known = tables.tables_of(_known(context))
    if given:
        kind = known.calls.get(key.removeprefix("train.")) if key.startswith("train.") else None
        return [f"{key}={name}" for name in (_VALUES.get(key, ()) if kind is None else kind.names)]
    spec = _spec()
    if spec is None:
        return []
    variables = [key.text for key, _ in spec.vars]
    symbols = symbols_of(spec.input, set(variables))
    return [f"{key}=" for key in (*variables, *sorted(symbols), "input", *keys_of(spec.train, known))]


_VALUES: Final[Mapping[str, Iterable[str]]] = {
    "train.precision": get_args(Precision),
}
"""Keys of a recipe that take one of a few names, beside those that take a part by its name."""


def _optimizers(_: click.Context, __: str) -> Iterable[str]:
    return tables.OPTIMIZERS


def _devices(_: click.Context, __: str) -> Iterable[str]:
    return "auto", "cpu", "cuda"


def _pages(_: click.Context, __: str) -> Iterable[str]:
    from netspec.drawing.page import PAPERS  # imported here: only pictures have pages

    return PAPERS


def _started_from(_: click.Context, incomplete: str) -> list[str]:
    """The specs that come with netspec: by bare names where those are enough, by their folders once one is begun."""
    known = specs()
    stems = Counter(name.rpartition("/")[2] for name in known)
    bare = [stem for stem, count in stems.items() if count == 1 or stem in known]
    return [*bare, *(name for name in known if "/" in name and incomplete)]


def _commits(_: click.Context, __: str) -> list[str]:
    """The branches and tags of git's."""
    with suppress(UsageError):
        return ["HEAD", *repository().names()]
    return []


def _explained(context: click.Context, incomplete: str) -> list[str]:
    from netspec.cli.explain import groups_of  # imported here: nothing else needs all tables

    return sorted({name for group in groups_of(_known(context)).values() for name in group})


def _ignorable(_: click.Context, incomplete: str) -> tuple[str, ...]:
    return get_args(Code)


_BY_NAME: Final[Mapping[str, Completing]] = {
    **dict.fromkeys(("spec", "specs", "files", "output", "weights", "schema"), _files),
    **dict.fromkeys(("run", "runs", "resume", "parent", "data_root"), _directories),
    **dict.fromkeys(("variant", "variants", "variant_a", "variant_b"), _variants),
    "set_": _keys,
    "words": _explained,
    "start": _started_from,
    "fit": _pages,
    "optimizer": _optimizers,
    "device": _devices,
    **dict.fromkeys(("git", "changed"), _commits),
    "ignore": _ignorable,
}
"""Name of a parameter → what completes it."""
