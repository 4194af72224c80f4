"""What a variant and `--set` change: variables, the input, and values of the recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from netspec.diagnostics import Setting, UsageError, did_you_mean
from netspec.kinds import LARGEST
from netspec.language.inputs import has_named_inputs, symbols_of
from netspec.language.settable import parts_meant
from netspec.language.spec import Spec
from netspec.recipe import tables
from netspec.text.source import Extended, ListNode, MapNode, Node, ScalarNode, Source, parse
from netspec.text.traps import flow_trap
from netspec.writing import flow

Definition = tuple[ScalarNode, Node]


class Written(str):
    """A value as somebody wrote it behind `--set key=`: YAML. Any other text is that text, whatever stands in it."""

    __slots__ = ()


class Overridden:
    """A spec's definitions with a variant and `--set` applied; they are evaluated later, in order."""

    def __init__(self, spec: Spec) -> None:
        self.input = spec.input
        self.train = spec.train
        self.expect = spec.expect
        self.vars: list[Definition] = list(spec.vars)
        self.marks: list[tuple[int, int, str]] = []
        """Stretches of the file in whose place something else stands, each with the `--set` that put it there."""
        self.settings: list[Source] = []
        """Each `--set`, as its own name and text: what it adds to the file has its place in it."""
        self.base = spec.source
        self.symbols: dict[str, int] = {}
        """Sizes that `--set H=224` gives to symbols of the input."""

    @property
    def source(self) -> Source:
        """The file with the `--set` texts behind it."""
        return Extended(self.base, self.settings) if self.settings else self.base

    def end(self) -> int:
        """The offset in `source` at which the next `--set` begins."""
        return len(self.base.text) + 1 + sum(len(setting.text) + 1 for setting in self.settings)


def apply_variant(spec: Spec, variant: str) -> Overridden:
    """The definitions under a variant.

    Raises:
        UsageError: the spec has no such variant.
    """
    if variant not in spec.variants:
        near = did_you_mean(variant, spec.variants)
        known = f"it has {', '.join(spec.variants)}" if spec.variants else "it has none"
        raise UsageError(
            f"{spec.source.name} has no variant `{variant}`: " + (f"did you mean `{near}`?" if near else known)
        )
    result = Overridden(spec)
    node = spec.variants[variant]
    for key, value in node.entries:
        if key.text == "input":
            result.input = _merged_input(result.input, value)
        elif key.text == "train":
            result.train = _merged(result.train, value)
        elif key.text == "expect":
            result.expect = _merged(result.expect, value)
        elif key.text == "vars" and isinstance(value, MapNode):
            for name, definition in value.entries:
                _define(result.vars, name, definition)
        else:
            _define(result.vars, key, value)
    return result


def _merged_input(base: Node | None, value: Node) -> Node:
    """The inputs of a variant: it replaces those of its names, adds others, and takes away those that it sets to null.
    An input without a name replaces all."""
    if not has_named_inputs(base) or not has_named_inputs(value):
        return value
    assert isinstance(base, MapNode)
    assert isinstance(value, MapNode)
    changes = {key.text: (key, node) for key, node in value.entries}
    entries = [changes.pop(key.text, (key, node)) for key, node in base.entries]
    kept = [(key, node) for key, node in (*entries, *changes.values()) if not _is_null(node)]
    return MapNode(kept, base.flow, base.start, base.end)


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None


def _define(definitions: list[Definition], key: ScalarNode, value: Node) -> None:
    """Replace the definition of a name where it stands, or add a new one at the end."""
    for i, (known, _) in enumerate(definitions):
        if known.text == key.text:
            definitions[i] = (key, value)
            return
    definitions.append((key, value))


def _merged(base: Node | None, over: Node) -> Node:
    """A mapping with the keys of another laid over it."""
    if not isinstance(base, MapNode) or not isinstance(over, MapNode):
        return over
    entries = [(k, over.get(k.text) or v) for k, v in base.entries]
    entries += [(k, v) for k, v in over.entries if base.get(k.text) is None]
    return MapNode(entries, base.flow, base.start, base.end)


def apply_settings(spec: Spec, base: Overridden, settings: Mapping[str, Any]) -> None:
    """Apply `--set key=value` pairs: variables, symbols, `input` and dotted recipe keys.

    Args:
        spec: what they apply to.
        base: its definitions, with a variant applied.
        settings: Python values, or `Written` ones.

    Raises:
        UsageError: a key names nothing in the spec, or a value is not of its form.
    """
    if "input" in settings:
        setting = _setting("input", settings["input"], spec, base)
        node = _node_of("input", settings["input"])
        base.input = setting.added(node) if spec.input is None else setting.placed(node, spec.input)
    symbols = symbols_of(base.input, {key.text for key, _ in base.vars})
    for key, value in settings.items():
        if key == "input":
            continue
        node = _node_of(key, value)
        setting = _setting(key, value, spec, base)
        if key.startswith("train."):
            base.train = _set_in(base.train, key.split(".")[1:], node, setting)
        elif key in symbols:
            if not isinstance(node, ScalarNode) or type(node.value) is not int or not 1 <= node.value <= LARGEST:
                wish = f"an integer between 1 and {LARGEST:,}"
                raise UsageError(f"--set {key}: the symbol `{key}` wants {wish}, not {value}")
            base.symbols[key] = node.value
        elif any(k.text == key for k, _ in base.vars):
            index = next(i for i, (k, _) in enumerate(base.vars) if k.text == key)
            old = base.vars[index]
            base.vars[index] = (old[0], setting.placed(node, old[1]))
        else:
            known = [*(k.text for k, _ in base.vars), *symbols, "input", *_recipe_keys(base.train)]
            meant = parts_meant(base.train, key, tables.tables_of(spec.offer))
            near = did_you_mean(key, known)
            hint = f"did you mean `{near}`?" if near else _settable(known, base, setting)
            if meant and (near is None or not near.endswith(f".{key}")):
                hint = f"did you mean {' or '.join(f'`{part}`' for part in meant)}?"
            if near is None and key.isupper() and symbols:
                open_ = sorted(symbols)
                listed = " and ".join(f"`{name}`" for name in open_)
                hint = f"its input leaves {listed} open: write `--set {open_[0]}={setting.value}`"
            raise UsageError(f"--set {key}: {spec.source.name} has no variable, symbol or recipe key `{key}`; {hint}")


def _settable(known: Sequence[str], base: Overridden, setting: _Setting) -> str:
    """What may be set; where the file has no variables, how a number of it becomes one."""
    there = f"there are: {', '.join(known)}"
    if base.vars or not setting.key.isidentifier():
        return there
    return (
        f"{there}. The spec has no `vars`: edit the number where it stands, or give it a name, by "
        f"`vars: {{{setting.key}: {setting.value}}}` at the top and `{setting.key}` in its place"
    )


class _Setting(NamedTuple):
    """One `--set` on its way into the recipe."""

    key: str
    value: str
    spec: Spec
    marks: list[tuple[int, int, str]]
    start: int
    """Where its text begins in the source that has it behind the file."""

    @property
    def written(self) -> str:
        """The whole of it."""
        return f"--set {self.key}={self.value}"

    def placed(self, node: Node, place: Node) -> Node:
        """The node in the place of what it overrides, which is marked."""
        self.mark(place)
        return _moved(node, place)

    def mark(self, place: Node) -> None:
        """Note that what stands at a place, or is said of it, is this setting's."""
        self.marks.append((place.start, place.end, self.written))

    def added(self, node: Node) -> Node:
        """The node where it stands in the text of the `--set`."""
        return _shifted(node, self.start + len(self.written) - len(self.value))

    def named(self, path: list[str]) -> ScalarNode:
        """The first of the last names of the key, as a key of the recipe."""
        start = self.start + len(f"--set {self.key}") - len(".".join(path))
        return ScalarNode(path[0], path[0], True, start, start + len(path[0]))


def _setting(key: str, value: Any, spec: Spec, base: Overridden) -> _Setting:
    setting = _Setting(key, _text_of(key, value), spec, base.marks, base.end())
    base.settings.append(Source(Setting(setting.written), setting.written))
    return setting


_CODE: Final = r"\\u([0-9a-f]{4})"


def _text_of(key: str, value: Any) -> str:
    try:
        return value if isinstance(value, Written) else flow(value)
    except TypeError as error:
        raise UsageError(
            f"--set {key}: {error}; it takes None, True, False, numbers, texts, paths, and lists and mappings of these"
        ) from None


def _node_of(key: str, value: Any) -> Node:
    text = _text_of(key, value)
    if any(0xD800 <= int(code, 16) <= 0xDFFF for code in re.findall(_CODE, text)) and not isinstance(value, Written):
        raise UsageError(f"--set {key}: {value!r} holds bytes that are no UTF-8, and a spec is UTF-8")
    source = Source(f"--set {key}", text)
    if not text.strip():
        raise UsageError(f"--set {key}=: there is no value behind the `=`")
    node, diagnostics = parse(source)
    if isinstance(node, (ListNode, MapNode)) and (trap := flow_trap(source, node)) is not None:
        raise UsageError(f"--set {key}={text}: {trap.message}; {trap.help}")
    if node is None or diagnostics:
        why = diagnostics[0].message if diagnostics else "there is no value"
        raise UsageError(f"--set {key}={text}: {why}")
    return node


def _moved(node: Node, place: Node) -> Node:
    """The node as if it stood in another's place, so that a message about it shows the line that it overrides."""
    start, end = place.start, place.end
    if isinstance(node, ScalarNode):
        return ScalarNode(node.value, node.text, node.quoted, start, end)
    if isinstance(node, ListNode):
        return ListNode([_moved(item, place) for item in node.items], False, start, end)
    moved = [(ScalarNode(k.value, k.text, k.quoted, start, end), _moved(v, place)) for k, v in node.entries]
    return MapNode(moved, False, start, end)


def _shifted(node: Node, by: int) -> Node:
    """The node with its offsets counted from elsewhere."""
    start, end = node.start + by, node.end + by
    if isinstance(node, ScalarNode):
        return ScalarNode(node.value, node.text, node.quoted, start, end)
    if isinstance(node, ListNode):
        return ListNode([_shifted(item, by) for item in node.items], node.flow, start, end)
    entries = [
        (ScalarNode(k.value, k.text, k.quoted, k.start + by, k.end + by), _shifted(v, by)) for k, v in node.entries
    ]
    return MapNode(entries, node.flow, start, end)


def _set_in(base: Node | None, path: list[str], node: Node, setting: _Setting) -> Node:
    """The recipe with the value at a dotted path replaced."""
    key = setting.key
    if base is None:
        raise UsageError(f"--set {key}: {setting.spec.source.name} has no `train` recipe")
    if not path:
        return setting.placed(node, base)
    head = path[0]
    if not head:
        raise UsageError(f"--set {key}: a name is missing at a dot; write it as in `--set train.epochs=3`")
    if isinstance(base, ScalarNode):  # `optimizer: SGD` is `optimizer: {SGD: {}}`
        if base.text != head:
            above = key.removesuffix("." + ".".join(path))
            raise UsageError(
                f"--set {key}: `{above}` is `{base.text}` in the recipe and has no `{head}`; "
                f"`--set {above}={setting.value}` replaces it"
            )
        inner = MapNode([], True, base.start, base.end)
        return MapNode([(base, _set_in(inner, path[1:], node, setting))], True, base.start, base.end)
    if isinstance(base, ListNode):
        return _set_in_list(base, path, node, setting)
    entries = list(base.entries)
    for i, (known, value) in enumerate(entries):
        if known.text == head:
            if not path[1:]:
                setting.mark(known)
            if path[1:] and key == f"train.{'.'.join(path)}":
                _check_call(value, path, setting)
            entries[i] = (
                known,
                _set_in(_long_form(head, value, setting), path[1:], node, setting)
                if path[1:]
                else setting.placed(node, value),
            )
            return MapNode(entries, base.flow, base.start, base.end)
    name = setting.named(path)
    fresh = MapNode([], True, name.start, name.end)
    entries.append((name, _set_in(fresh, path[1:], node, setting) if path[1:] else setting.added(node)))
    return MapNode(entries, base.flow, base.start, base.end)


def _check_call(value: Node, path: list[str], setting: _Setting) -> None:
    """See that a path into `optimizer` and its like goes through the name that stands there.

    Raises:
        UsageError: it names another, or leaves the name out.
    """
    key, name, *rest = path
    head = value.entries[0][0] if isinstance(value, MapNode) and len(value.entries) == 1 else value
    kind = tables.tables_of(setting.spec.offer).calls.get(key)
    if kind is None or not isinstance(head, ScalarNode) or not isinstance(head.value, str) or head.text == name:
        return
    known = kind.names
    says = f"--set {setting.key}: the recipe's {kind.word} is `{head.text}`"
    other = name if name in known else did_you_mean(name, known)
    if other is None and not _same(name, head.text) and head.text in known:
        fields = kind.load(head.text).model_fields
        if name not in fields:
            takes = (
                f"its arguments are {', '.join(f'`{field}`' for field in fields)}"
                if fields
                else "it takes no arguments"
            )
            raise UsageError(f"{says}, which has no `{name}`; {takes}, and `--set 'train.{key}=…'` replaces it")
    through = f"--set {'.'.join(['train', key, head.text, *([] if _same(name, head.text) else [name]), *rest])}"
    if _same(name, head.text) or other is None:
        raise UsageError(f"{says}; write `{through}={setting.value}`")
    inner = setting.value
    for part in reversed(rest):
        inner = f"{{{part}: {inner}}}"
    raise UsageError(f"{says}; `--set 'train.{key}={{{other}: {inner}}}'` replaces it")


def _same(name: str, other: str) -> bool:
    """True for one name but for its case: `adamw` for `AdamW`."""
    return name.casefold() == other.casefold()


def _long_form(name: str, value: Node, setting: _Setting) -> Node:
    """`Resize: 224` as `Resize: {size: 224}`, so that a path can lead into it."""
    if isinstance(value, ScalarNode) and value.value is None:
        return MapNode([], True, value.start, value.end)
    argument = None if isinstance(value, MapNode) else tables.tables_of(setting.spec.offer).short_form(name)
    if argument is None:
        return value
    return MapNode(
        [(ScalarNode(argument, argument, True, value.start, value.end), value)], True, value.start, value.end
    )


def _set_in_list(base: ListNode, path: list[str], node: Node, setting: _Setting) -> Node:
    for i, item in enumerate(base.items):
        head = (
            item.text
            if isinstance(item, ScalarNode)
            else item.entries[0][0].text
            if isinstance(item, MapNode) and item.entries
            else ""
        )
        if head == path[0]:
            items = list(base.items)
            items[i] = _set_in(item, path, node, setting)
            return ListNode(items, base.flow, base.start, base.end)
    above = setting.key.removesuffix("." + ".".join(path))
    raise UsageError(
        f"--set {setting.key}: there is no `{path[0]}` in the list `{above}`; `--set '{above}=[…]'` replaces the list"
    )


def _recipe_keys(train: Node | None) -> list[str]:
    return [f"train.{key.text}" for key, _ in train.entries] if isinstance(train, MapNode) else []
