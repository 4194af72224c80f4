"""One entry of a layer list: its head, the head's value, and the options beside it.

An item has exactly one head (a layer, a block call, a combinator, `for`, `repeat` with `do`, or `$name`), and beside
it options from a set that depends on the head. What is recognised here is form only: names are resolved where the
item is elaborated, since a block may be handed a layer's name as a value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal

from netspec.combinators import COMBINATORS, OWNERS, WORDS
from netspec.diagnostics import Edit, Fix, Span, did_you_mean, is_misspelt, is_near
from netspec.language.spec import Report, Spec
from netspec.layers import UNOFFERED
from netspec.layers.base import Layer
from netspec.meant import argument_meant
from netspec.text.source import MapNode, Node, ScalarNode, Source
from netspec.text.traps import stray_option_trap
from netspec.validation.calls import how_loaded, not_loaded

Kind = Literal["layer", "block", "reference", "combinator", "for", "repeat", "group", "as", "use", "output"]

_CALL: Final = r"(?:\w+\.)*(\w+)(\(.*)?"
"""A layer as Python writes it: `nn.Linear`, `Conv2d(1, 6, 5)`."""
_COMMON: Final = frozenset(("name", "shared", "when", "repeat", "freeze", "init", "as"))
_LOOP: Final = frozenset(("name", "when", "freeze", "init", "do", "as"))
_OF_VALUES: Final = frozenset(("when", "as"))
_HEAD_WORDS: Final = ("for", "repeat", "when", "as", "use", "output")
"""Words that begin an item, beside layers, blocks and combinators."""
_EVERY_OPTION: Final = _COMMON | WORDS | {"do", "tie", "parametrize"}


class Item:
    """One entry of a layer list, taken apart."""

    __slots__ = ("_span", "head", "kind", "name", "node", "options", "unnamed", "value")

    def __init__(self, kind: Kind, head: ScalarNode, value: Node | None, options: dict[str, Node], node: Node) -> None:
        self.kind: Kind = kind
        self.head = head
        """The scalar that says what it is: `Conv2d`, `basic`, `residual`, `$act`."""
        self.name = head.text
        """The head's text."""
        self.value = value
        self.options = options
        self.node = node
        self.unnamed = False
        """True if a `name` stood beside it that was refused: it is a module of its own all the same."""
        self._span: Span | None = None

    def span(self, source: Source) -> Span:
        """The place of the head, found once: a block's body is elaborated anew for every call."""
        if self._span is None:
            self._span = source.span(self.head)
        return self._span


def read_item(node: Node, spec: Spec, report: Report) -> Item | None:
    """Take one entry of a layer list apart; None once a mistake is reported."""
    if isinstance(node, ScalarNode):
        return _bare(node, spec, report)
    if not isinstance(node, MapNode):
        from netspec.language.strangers import instead_of_row  # once one is met

        nested = "write its items into the list around it, or `sequential: [...]` for a nested Sequential"
        report("wrong-form", "a list stands where a layer should stand", node, help=instead_of_row(node) or nested)
        return None
    if not node.entries:
        report("wrong-form", "an empty mapping stands where a layer should stand", node)
        return None
    return _mapping(node, spec, report)


def _bare(node: ScalarNode, spec: Spec, report: Report) -> Item | None:
    if not isinstance(node.value, str):
        report(
            "wrong-form",
            f"`{node.text or 'null'}` stands where a layer should stand",
            node,
            help="an item is a layer's name, or a mapping that begins with one",
        )
        return None
    kind = head_kind(node.text, spec)
    if kind in ("layer", "block", "reference"):
        return Item(kind, node, None, {}, node)
    if kind is None:
        unknown_head(node, spec, report)
        return None
    if kind in ("use", "output"):
        report("wrong-form", f"`{node.text}` needs a value", node, help=f"write `{node.text}: x`, as `as: x` names it")
        return None
    report("wrong-form", f"`{node.text}` needs its layers", node, help=f"write `{node.text}: [...]`")
    return None


def head_kind(text: str, spec: Spec) -> Kind | None:
    """What a key of this text is the head of; None if it is no head."""
    if text in spec.offer.layers:
        return "layer"
    if text in spec.blocks:
        return "block"
    if text in COMBINATORS:
        return "combinator"
    if text[:1] == "$":
        return "reference"
    return text if text in ("for", "use", "output") else None


def _mapping(node: MapNode, spec: Spec, report: Report) -> Item | None:
    heads: list[tuple[ScalarNode, Node, Kind]] = []
    options: dict[str, Node] = {}
    strangers: list[ScalarNode] = []
    own = _plain_options(node, spec)
    for key, value in node.entries:
        kind = head_kind(key.text, spec)
        if key.text in own:
            options[key.text] = value
        elif kind is not None:
            heads.append((key, value, kind))
        elif key.text in _EVERY_OPTION:
            options[key.text] = value
        else:
            strangers.append(key)
    if not heads and not strangers and (found := _head_among(options)) is not None:
        word, kind = found
        key, value = next(e for e in node.entries if e[0].text == word)
        heads.append((key, value, kind))
        if kind != "group":
            del options[word]
    if len(heads) == 1 and not strangers:
        head, value, kind = heads[0]
        if kind == "combinator" and isinstance(value, ScalarNode) and value.value is None:
            report("wrong-form", f"`{head.text}` needs its layers", head, help=f"write `{head.text}: [...]`")
            return None
        return _checked(Item(heads[0][2], heads[0][0], heads[0][1], options, node), report)
    _no_single_head(node, [h for h, _, _ in heads], strangers, spec, report)
    return None


def _plain_options(node: MapNode, spec: Spec) -> tuple[str, ...]:
    """The options that are words beside the combinator of an item alone, where they come before blocks."""
    words = (key.text for key, _ in node.entries)
    return next((COMBINATORS[word].plain for word in words if head_kind(word, spec) == "combinator"), ())


def _head_among(options: Mapping[str, Node]) -> tuple[str, Kind] | None:
    """The option that is the head of an item without another: `repeat` and `when` with a `do`, or `as`."""
    if "do" in options:
        return ("repeat", "repeat") if "repeat" in options else ("do", "group") if "when" in options else None
    return ("as", "as") if "as" in options else None


def _no_single_head(
    node: MapNode, heads: list[ScalarNode], strangers: list[ScalarNode], spec: Spec, report: Report
) -> None:
    if len(heads) > 1:
        report(
            "two-heads",
            f"one item cannot be both `{heads[0].text}` and `{heads[1].text}`",
            heads[1],
            help="begin a new item with `- ` for each layer",
        )
    elif heads:  # a good head, and keys that are no options
        for stranger in strangers:
            _stranger(stranger, heads[0], spec, report)
    elif strangers:
        unknown_head(strangers[0], spec, report)
    elif any(key.text == "do" for key, _ in node.entries):
        report("no-head", "a `do` needs `for: name in values`, `repeat: n` or `when: …` beside it", node.entries[0][0])
    elif not spec.lacks_block(node.entries[0][0].text):
        trap = stray_option_trap(spec.source, node.entries[0], flow=node.flow)
        report(trap.code, trap.message, trap.span, help=trap.help, fix=trap.fix)


def _stranger(stranger: ScalarNode, head: ScalarNode, spec: Spec, report: Report) -> None:
    if stranger.text[:1].isupper():
        unknown_head(stranger, spec, report)
        return
    from netspec.language.strangers import instead_of_option  # once one is met
    from netspec.meant import argument_meant

    own = COMBINATORS[head.text].options if head.text in COMBINATORS else ("do",) if head.text == "for" else ()
    fields: Collection[str] = ()
    if head.text in spec.offer.layers:
        fields = spec.offer.layer_class(head.text).model_fields
    elif head.text in spec.blocks:
        fields = [parameter.name for parameter in spec.blocks[head.text].parameters]
    argument = stranger.text if stranger.text in fields else None
    near, told = instead_of_option(stranger.text, own if argument else (*own, *_COMMON))
    told = told if argument is None else None
    if not near and argument is None and stranger.text in OWNERS:
        told = f"`{stranger.text}` belongs to {' and '.join(f'`{owner}`' for owner in OWNERS[stranger.text])}"
    if not near and not told and argument is None:
        found = did_you_mean(stranger.text, (*_EVERY_OPTION, *fields))
        if found in fields and argument_meant(stranger.text, fields) != found:  # it only resembles it
            found = did_you_mean(stranger.text, _EVERY_OPTION)
        argument, near = (found, None) if found in fields else (None, found)
        near = near if near is not None and is_misspelt(stranger.text, near) else None
    under = f"arguments of `{head.text}` belong under it: `{head.text}: {{{argument or stranger.text}: …}}`"
    report(
        "unknown-option",
        f"`{stranger.text}` is no option of an item",
        stranger,
        help=told or (f"did you mean `{near}`?" if near else under),
        fix=Fix(f"write `{near}`", (Edit(spec.source.span(stranger), near),)) if near else None,
    )


def options_of(kind: Kind, name: str = "") -> frozenset[str]:
    """The options that may stand beside a head of a kind; `name` is a combinator's."""
    match kind:
        case "for" | "group":
            return _LOOP
        case "repeat":
            return _LOOP | {"shared"}
        case "as" | "use":
            return _OF_VALUES
        case "output":
            return frozenset(("when",))
        case "layer" | "reference":
            return _COMMON | {"tie", "parametrize"}
        case "combinator":
            return _COMMON.union(COMBINATORS[name].options)
        case _:
            return _COMMON


def _checked(item: Item, report: Report) -> Item:
    if not item.options:
        return item
    allowed = options_of(item.kind, item.name)
    entries = item.node.entries if isinstance(item.node, MapNode) else ()  # nothing else has options
    for option in [o for o in item.options if o not in allowed]:
        del item.options[option]
        where = next(key for key, _ in entries if key.text == option)
        owners = " and ".join(f"`{owner}`" for owner in OWNERS.get(option, ("for", "repeat")))
        note = f"`{option}` belongs to {owners}"
        if option in _COMMON and item.kind in ("as", "use", "output"):
            note = f"a value has no module: `{option}` stands beside the item that makes it"
        elif option == "repeat":
            note = "put a `repeat` with `do` around it"
        elif option == "tie":
            note = "it stands beside the layer whose parameter is that of another"
        elif option == "parametrize":
            note = "it stands beside the layer whose weight it is about"
        elif option == "shared":
            note = "layers, blocks and combinators are shared, and a list in the `do` of a `repeat`"
        report("misplaced-option", f"`{item.name}` has no option `{option}`", where, help=note)
    if "name" in item.options and "repeat" in item.options:
        report(
            "name-with-repeat",
            f"`name` beside `repeat` would give every repetition of `{item.name}` the same name",
            item.options["name"],
            help="name them in a loop: `for: i in range(n)`, `do: [{…, name: 'layer{i}'}]`",
        )
        del item.options["name"]
        item.unnamed = True
    if "name" in item.options and "shared" in item.options:
        report(
            "misplaced-option", "`shared` names the module, so no `name` stands beside it", item.options["name"],
            help="leave out the `name`",
        )  # fmt: skip
        del item.options["name"]
    return item


def tensors_meant(node: MapNode, layer: type[Layer]) -> dict[str, Node]:
    """The values that a layer is given under misspelt names, each by the name that is meant."""
    known = (*layer.model_fields, *layer.tensors)
    meant = {argument_meant(key.text, known): value for key, value in node.entries if key.text not in known}
    return {name: value for name, value in meant.items() if name in layer.tensors}


def unknown_head(node: ScalarNode, spec: Spec, report: Report) -> None:
    """Report a name that is neither a layer nor a block nor a word of the language."""
    name = node.text
    if spec.lacks_block(name):
        return
    if name in spec.values:
        fix = Fix(f"write `${name}`", (Edit(spec.source.span(node), f"${name}"),))
        report(
            "unknown-layer",
            f"there is no layer or block `{name}`; `{name}` is a value",
            node,
            help=f"write `${name}` for the layer or block that it stands for",
            fix=fix,
        )
        return
    if name.partition("[")[0] in spec.named_values and re.search(r"[:,.]", name) is not None:
        from netspec.language.strangers import part_of  # once one is met

        part = part_of(name)
        told = "a layer takes a part of a tensor, as `Slice: {dim: 1, end: 16}` does, behind the item that gives it"
        if part is not None:
            told = f"two items say it: `use: {part[0]}`, and behind it `{part[1]}`"
        report("unknown-layer", f"there is no layer or block `{name}`; `{name.partition('[')[0]}` is a value", node,
               help=told)  # fmt: skip
        return
    if name.partition("[")[0] in spec.named_values:
        write = f"use: {name}"
        fix = Fix(f"write `{write}`", (Edit(spec.source.span(node), write),))
        report(
            "unknown-layer", f"there is no layer or block `{name}`; it is a value", node,
            help=f"`{write}` puts it in the place of the value that stands here", fix=fix,
        )  # fmt: skip
        return
    missing = [plugin for plugin in spec.plugins if plugin not in (given.name for given in spec.offer.plugins)]
    if missing and name[:1].isupper():
        _of_a_plugin(node, missing, spec, report)
        return
    if name in UNOFFERED:
        report("layer-not-offered", f"`{name}` is a torch layer that netspec does not offer: {UNOFFERED[name]}", node)
        return
    called = re.fullmatch(_CALL, name)
    if called is not None and called[2] and called[1] in spec.blocks:
        block = called[1]
        ways = f"`{block}: […]` in their order, or `{block}: {{…}}` by their names"
        told = f"the arguments of a block stand in a list or a mapping, {ways}: it is `{spec.blocks[block].signature}`"
        report("unknown-layer", f"there is no layer or block `{name}`", node, help=told)
        return
    if called is not None and called[1] in spec.offer.layers:
        bare = called[1]
        fix = None if called[2] else Fix(f"write `{bare}`", (Edit(spec.source.span(node), bare),))
        report(
            "unknown-layer",
            f"there is no layer or block `{name}`",
            node,
            help=f"arguments are written as a mapping: `{bare}: {{…}}`" if called[2] else f"write `{bare}`",
            fix=fix,
        )
        return
    _strange_head(node, spec, report)


def _strange_head(node: ScalarNode, spec: Spec, report: Report) -> None:
    """Report a head that is misspelt, or that only other libraries know."""
    from netspec.language.aliases import is_otherwise, meant_by  # strangers' names are told once one is met
    from netspec.language.strangers import instead_of_head, repeated_head

    name = node.text
    axes = spec.spatial_axes
    known = (*spec.blocks, *COMBINATORS, *_HEAD_WORDS)
    own = name.lower() in (word.lower() for word in known)
    layers = spec.offer.layers
    bare = name.removeprefix("torch.")
    meant = None if own else bare if bare in COMBINATORS else meant_by(bare, axes, layers)
    often = repeated_head(name)
    if often is not None and (often[0] in (*layers, *known) or meant_by(often[0], axes, layers)):
        told = f"`repeat: {often[1]}` stands beside the item, as in `{{{often[0]}: …, repeat: {often[1]}}}`"
        report("unknown-layer", f"there is no layer or block `{name}`", node, help=told)
        return
    if meant is None and not own and (told := instead_of_head(name, spec.named_values)) is not None:
        report("unknown-layer", f"there is no layer or block `{name}`", node, help=told)
        return
    several = any(part in layers for part in re.split(r"\W+", name)[1:])  # none of which may be lost
    bare = re.sub(r"^[\w.]+\.(?=\w+$)", "", name)  # `torch.flatten`
    near = None if several else meant or _near(bare, layers, known, axes)
    fix = None
    sure = near is not None and (near == meant or is_misspelt(bare, near)) and not is_otherwise(name)
    if near is not None and sure:
        fix = Fix(f"write `{near}`", (Edit(spec.source.span(node), near),))
    report(
        "unknown-layer",
        f"there is no layer or block `{name}`",
        node,
        help=f"did you mean `{near}`?" if near else "`netspec explain` lists the layers",
        fix=fix,
    )


def _near(name: str, layers: Collection[str], words: Sequence[str], axes: int) -> str | None:
    """The layer, or the block or word, that a misspelt head is most like. One of the other kind is meant only by a
    text that differs in its case alone, or by a layer's name in small letters. `Convd` is the one of as many `axes` as
    the input has beside its channels."""
    same = next((word for word in words if word.casefold() == name.casefold()), None)
    if same is not None:
        return same
    capital = name[:1].isupper()
    alike = [word for word in words if word[:1].isupper() == capital]
    near = did_you_mean(name, (*layers, *alike) if capital else alike)
    near = near or (None if capital else did_you_mean(name, layers))
    spatial = None if near is None or re.search(r"\d", name) else re.fullmatch(r"(\D+)[123]d", near)
    if spatial is not None and f"{spatial[1]}{axes}d" in layers:
        near = f"{spatial[1]}{axes}d"
    return near if near is not None and is_near(name, near) else None


def _of_a_plugin(node: ScalarNode, missing: list[str], spec: Spec, report: Report) -> None:
    """Report a name that is unknown where a plugin that the spec names is not there."""
    near = did_you_mean(node.text, spec.offer.layers)
    report(
        "unknown-layer", f"there is no layer or block `{node.text}`; {not_loaded(missing)}", node,
        help=how_loaded(missing, near),
    )  # fmt: skip
