"""Completion: what may be written where the cursor is, what fits the place first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lsprotocol import types as lsp

from netspec.arguments import Arguments
from netspec.combinators import COMBINATORS
from netspec.initializers import FUNCTIONS, arguments_of
from netspec.kinds import kinds_of
from netspec.language.glossary import EXPLAINED
from netspec.language.reserved import PLACES
from netspec.layers import Offer
from netspec.layers.base import Layer
from netspec.layers.parametrizations import PARAMETRIZATIONS
from netspec.layers.reference import arguments_in_words
from netspec.lsp.places import ITEM, TypingPlace, cursor_at
from netspec.lsp.reading import LiveText
from netspec.lsp.words import documentation, of_recipe, prose
from netspec.recipe import reference, tables
from netspec.recipe.base import Named
from netspec.recipe.read import KEYS, LISTS, PLAIN, REQUIRED
from netspec.recipe.reference import key_facts
from netspec.recipe.vocabulary import vocabulary
from netspec.space.over import NUMBERS, settable
from netspec.space.section import LIMITS, Settings

Kind = lsp.CompletionItemKind

TOP: Final = (
    "name", "description", "input", "vars", "variants", "blocks", "layers", "output", "init", "train", "expect",
    "sweep", "plugins", "netspec",
)  # fmt: skip
BESIDE: Final = ("name", "as", "when", "repeat", "shared", "freeze", "init", "tie", "parametrize")
"""The options beside a layer or a block."""
TRIGGERS: Final = (" ", ":", "-", "$", "{", "[", ",")


class _Offering(NamedTuple):
    """What a text defines, as far as it can be read, and the cursor in it."""

    text: LiveText
    cursor: TypingPlace

    @property
    def blocks(self) -> Iterable[str]:
        return () if self.text.spec is None else self.text.spec.blocks


def complete(text: LiveText, known: LiveText, position: lsp.Position) -> list[lsp.CompletionItem]:
    """What may stand at a position. `known` is the last version of the text that could be read: names come from it."""
    offset = text.places.offset(position)
    cursor = cursor_at(text.text, offset)
    blank = " " if text.text[: offset - len(cursor.prefix)].endswith(":") else ""  # no value without one
    has_colon = re.match(r"[\w.]*[ ]*:(\s|$)", text.text[offset:]) is not None
    start = lsp.Position(position.line, position.character - len(cursor.prefix.encode("utf-16-le")) // 2)
    items: dict[str, lsp.CompletionItem] = {}
    for item in _offered(_Offering(known, cursor)):
        items.setdefault(item.label, item)
    for number, item in enumerate(items.values()):
        item.sort_text = f"{number:04}"
        item.filter_text = item.label
        new = item.insert_text or item.label
        new = blank + (new.removesuffix(": ") if has_colon else new)
        item.text_edit = lsp.TextEdit(lsp.Range(start, position), new)
        item.insert_text = None
    return list(items.values())


def resolve(item: lsp.CompletionItem, offer: Offer) -> lsp.CompletionItem:
    """The item with its documentation."""
    told = None
    if item.label in offer.layers:
        told = documentation(offer.layer_class(item.label))
    elif item.label in EXPLAINED and item.kind in (Kind.Keyword, Kind.Function, Kind.Constant):
        told = prose(EXPLAINED[item.label].meaning)
    elif item.kind == Kind.Class and item.label in (known := vocabulary(offer)).names:
        told = of_recipe(item.label, known)
    if told is not None:
        item.documentation = lsp.MarkupContent(lsp.MarkupKind.Markdown, told)
    return item


def _offered(known: _Offering) -> Iterator[lsp.CompletionItem]:
    cursor = known.cursor
    path = cursor.path
    match path:
        case ():
            yield from _words(TOP, cursor.keys)
        case ("train", *_):
            yield from _in_recipe(known, path[1:])
        case ("init", *rest):
            yield from _in_init(known, tuple(rest))
        case ("variants", _):
            yield from _keys(_variables(known), Kind.Variable, cursor.keys)
            yield from _words(("input", "train", "expect", "vars"), cursor.keys)
        case ("expect",):
            yield from _keys(("params", "trainable_params", "macs", "memory", "output"), Kind.Property, cursor.keys)
        case ("sweep", *rest):
            yield from _in_sweep(known, rest)
        case ("layers" | "blocks" | "output", *_):
            yield from _among_layers(known, path)
        case _ if cursor.is_value or path[0] in ("vars", "variants"):
            yield from _expression(known)
        case _:
            return


# ---- among the layers


def _among_layers(known: _Offering, path: tuple[str, ...]) -> Iterator[lsp.CompletionItem]:
    offer, cursor = known.text.offer, known.cursor
    above = next((key for key in reversed(path) if key != ITEM), "")
    is_item = path[-1] == ITEM and not (above in offer.layers or _is_argument(known, path))
    if "init" in path:
        yield from _in_init(known, path[path.index("init") + 1 :])
    elif "parametrize" in path:
        yield from _keys(PARAMETRIZATIONS, Kind.Function, cursor.keys, colon=False)
    elif is_item and not cursor.keys:
        yield from _items(known)
    elif is_item:
        yield from _options(known)
    elif above in offer.layers and path[-1] == above and not cursor.is_value:
        yield from _arguments(offer.layer_class(above), cursor.keys)
        yield from _tensors(offer.layer_class(above).tensors, cursor.keys)
    elif above in known.blocks and path[-1] == above and not cursor.is_value and known.text.spec is not None:
        parameters = known.text.spec.blocks[above].parameters
        yield from _keys([p.name for p in parameters], Kind.Property, cursor.keys)
    else:
        yield from _value(known, path)


def _is_argument(known: _Offering, path: tuple[str, ...]) -> bool:
    """Whether a list is an argument's value: `kernel_size: [3, 3]`, or that of a block's call."""
    keys = [key for key in path if key != ITEM]
    return keys[-1] in known.blocks or (len(keys) > 1 and keys[-2] in (*known.text.offer.layers, *known.blocks))


def _items(known: _Offering) -> Iterator[lsp.CompletionItem]:
    offer = known.text.offer
    spec = known.text.spec
    for name, block in () if spec is None else spec.blocks.items():
        yield _item(name, Kind.Function, f"{name}: " if block.parameters else name, detail=block.signature)
    axes = 2 if spec is None else spec.spatial_axes
    fitting = sorted(offer.layers, key=lambda name: name[-2:] in ("1d", "2d", "3d") and name[-2:] != f"{axes}d")
    used = known.text.text
    for name in sorted(fitting, key=lambda name: f"- {name}" not in used):
        needs = any(field.is_required() for field in offer.layer_class(name).model_fields.values())
        yield _item(name, Kind.Class, f"{name}: " if needs else name, detail=offer.layer_class(name).family)
    yield from _keys((*COMBINATORS, "for", "repeat", "as", "use"), Kind.Keyword, ())
    if spec is not None:
        yield from (_item(f"${name}", Kind.Variable) for name in _variables(known))


def _options(known: _Offering) -> Iterator[lsp.CompletionItem]:
    """What may stand beside a head."""
    keys = known.cursor.keys
    head = keys[0]
    if head in COMBINATORS:
        yield from _words(COMBINATORS[head].options, keys)
    if head in ("for", "repeat", "when"):
        yield from _words(("do",), keys)
    yield from _words(BESIDE if head not in ("as", "use", "output") else ("when", "as"), keys)


def _value(known: _Offering, path: tuple[str, ...]) -> Iterator[lsp.CompletionItem]:
    """A value: the words that it takes, then what an expression may name."""
    keys = [key for key in path if key != ITEM]
    offer = known.text.offer
    name = keys[-1]
    layer = next((key for key in reversed(keys[-2:]) if key in offer.layers), None)
    if layer is not None:
        cls = offer.layer_class(layer)
        field = name if name != layer else cls.scalar
        yield from _of_kind(cls, field)
        if field in cls.tensors:
            yield from _named(known)
    if name in ("use", "output"):
        yield from _named(known)
    if name == "tie" and known.text.net is not None:
        yield from _keys({f"{p}" for leaf in known.text.net.layers for p in leaf.parameters}, Kind.Property, ())
    yield from _expression(known)


def _of_kind(cls: type[Arguments], field: str | None) -> Iterator[lsp.CompletionItem]:
    """The words that an argument takes."""
    if field is None or field not in cls.model_fields:
        return
    words = list(kinds_of(cls)[field].words)
    if cls.model_fields[field].annotation is bool:
        words += ["true", "false"]
    yield from (_item(word, Kind.EnumMember) for word in words)


def _expression(known: _Offering) -> Iterator[lsp.CompletionItem]:
    """What an expression may name where the cursor is: parameters of its block, variables, places, functions."""
    path, text = known.cursor.path, known.text
    if len(path) > 1 and path[0] == "blocks" and text.spec is not None:
        block = text.spec.blocks.get(path[1].partition("(")[0])
        for parameter in () if block is None else block.parameters:
            yield _item(parameter.name, Kind.Variable, detail="parameter of the block")
    for name in _variables(known):
        value = None if text.net is None else text.net.variables.get(name)
        yield _item(name, Kind.Variable, detail=None if value is None else str(value))
    if {"layers", "blocks", "output"} & set(path[:1]):
        yield from (_item(name, Kind.Constant, detail=EXPLAINED[name].kind) for name in sorted(PLACES))
        yield from (_item(name, Kind.Class) for name in text.offer.layers if set(path[-1:]) & set(known.blocks))
    functions = (name for name, word in EXPLAINED.items() if word.value is not None)
    yield from (_item(name, Kind.Function, f"{name}(") for name in functions)


def _named(known: _Offering) -> Iterator[lsp.CompletionItem]:
    """The values that `as` and `input` name."""
    if known.text.spec is not None:
        yield from (_item(name, Kind.Field, detail="a named value") for name in known.text.spec.named_values)


def _variables(known: _Offering) -> list[str]:
    return [] if known.text.spec is None else [key.text for key, _ in known.text.spec.vars]


# ---- recipes and initialisers


def _in_recipe(known: _Offering, path: tuple[str, ...]) -> Iterator[lsp.CompletionItem]:
    cursor = known.cursor
    if not path:
        order = sorted(KEYS, key=lambda key: key not in REQUIRED)
        for key in order:
            if key not in cursor.keys:
                yield _item(key, Kind.Property, f"{key}: ", detail=key_facts(key)[0])
        return
    words = tables.tables_of(known.text.offer)
    kind = words.transform if path[0] in LISTS else words.calls.get(path[0])
    below = [key for key in path[1:] if key != ITEM]
    if kind is not None and not below:
        for name in kind.names:
            if (path[0] != "augment" and path[0] not in LISTS) or _is_random(kind.load(name)) is (path[0] == "augment"):
                yield _item(name, Kind.Class, detail=kind.word)
    elif kind is not None and below[0] in kind.names:
        cls = kind.load(below[0])
        if len(below) == 1 and not cursor.is_value:
            yield from _arguments(cls, cursor.keys)
        else:
            yield from _of_kind(cls, below[1] if len(below) > 1 else cls.scalar)
    elif path[0] in tables.SETTINGS:
        yield from _arguments(tables.setting(path[0]), cursor.keys)
    elif path[0] in PLAIN:
        yield from (_item(word, Kind.EnumMember) for word in PLAIN[path[0]].words)


def _in_sweep(known: _Offering, path: list[str]) -> Iterator[lsp.CompletionItem]:
    """The keys of a sweep, what it may go over and limit, and the words that a key takes."""
    keys, spec = known.cursor.keys, known.text.spec
    match path:
        case []:
            yield from _arguments(Settings, keys)
            yield from _keys(("limit", "over"), Kind.Property, keys)
        case ["over"]:
            yield from _keys([] if spec is None else settable(spec), Kind.Variable, keys)
        case ["over", "variant", *_]:
            yield from _keys(() if spec is None else spec.variants, Kind.EnumMember, keys, colon=False)
        case ["over", _]:
            yield from _keys(NUMBERS, Kind.Property, keys)
        case ["limit"]:
            yield from _keys(LIMITS, Kind.Property, keys)
        case [key] if key in Settings.model_fields:
            yield from _of_kind(Settings, key)
        case _:
            return


def _is_random(cls: type[Named]) -> bool:
    return bool(getattr(cls, "random", False))


def _in_init(known: _Offering, path: tuple[str, ...]) -> Iterator[lsp.CompletionItem]:
    """Of a spec by layers, then parameters, then functions and their arguments."""
    keys = known.cursor.keys
    function = next((key for key in reversed(path) if key in FUNCTIONS), None)
    if function is not None:
        cls = arguments_of(function)
        if path[-1] == function and not known.cursor.is_value:
            yield from _arguments(cls, keys)
        else:
            yield from _of_kind(cls, path[-1])
        return
    if not path and known.cursor.path[0] == "init":
        yield from _keys(dict.fromkeys(_types(known)), Kind.Class, keys)
        return
    yield from (_item(name, Kind.Function) for name in FUNCTIONS)
    yield from _keys(("weight", "bias"), Kind.Property, keys)


def _types(known: _Offering) -> Iterable[str]:
    """The types of layers that the net has with parameters, or all."""
    net = known.text.net
    return known.text.offer.layers if net is None else (leaf.type for leaf in net.layers if leaf.parameters)


# ---- items


def _arguments(cls: type[Arguments], taken: Iterable[str]) -> Iterator[lsp.CompletionItem]:
    """The arguments of something, what is required first, with what each takes and its default.

    An editor shows the kind beside the name, in the same narrow list: what is long is documentation.
    """
    words = arguments_in_words(cls) if issubclass(cls, Layer) else reference.arguments_in_words(cls)
    kinds = kinds_of(cls)
    fields = sorted(cls.model_fields, key=lambda name: not cls.model_fields[name].is_required())
    for name in fields:
        if name not in taken:
            item = _item(name, Kind.Property, f"{name}: ", detail=kinds[name].phrase)
            item.documentation = lsp.MarkupContent(lsp.MarkupKind.Markdown, prose(words[name]))
            yield item


def _tensors(names: Iterable[str], taken: Iterable[str]) -> Iterator[lsp.CompletionItem]:
    yield from (_item(name, Kind.Property, f"{name}: ", detail="a value") for name in names if name not in taken)


def _words(words: Iterable[str], taken: Iterable[str]) -> Iterator[lsp.CompletionItem]:
    yield from _keys(words, Kind.Keyword, taken)


def _keys(
    names: Iterable[str], kind: lsp.CompletionItemKind, taken: Iterable[str], *, colon: bool = True
) -> Iterator[lsp.CompletionItem]:
    for name in names:
        if name not in taken:
            detail = EXPLAINED[name].kind if name in EXPLAINED else None
            yield _item(name, kind, f"{name}: " if colon else name, detail=detail)


def _item(
    label: str, kind: lsp.CompletionItemKind, insert: str | None = None, *, detail: str | None = None
) -> lsp.CompletionItem:
    return lsp.CompletionItem(label=label, kind=kind, insert_text=insert, detail=detail)
