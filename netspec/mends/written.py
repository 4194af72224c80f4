"""Mends of items whose layer, arguments or options are written as elsewhere: in torch's order, in Keras's words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from netspec.combinators import COMBINATORS, joining_class
from netspec.combinators.products import Gate
from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.aliases import meant_by
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.layers.base import Layer
from netspec.meant import argument_meant
from netspec.mends.calls import call_text, items_text
from netspec.mends.edits import leave_out, offset, put_beside, replace, set_argument, take_out
from netspec.mends.finding import items_around, nodes
from netspec.mends.heads import mends_of_head
from netspec.mends.inputs import input_sizes
from netspec.mends.pairs import mends_of_pairs
from netspec.mends.pasted import readings, what_was_found
from netspec.mends.pools import pooled, window
from netspec.mends.positions import by_position
from netspec.mends.syntax import shape_of_data
from netspec.mends.words import mends_of_axis, mends_of_words
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source


def mends_of_writing(d: Diagnostic, source: Source, spec: Spec, is_first: bool) -> Iterator[Fix]:
    """Other ways to write the item that a finding is about.

    Args:
        is_first: whether nothing is wrong further up, so that what stands in front of the item is known.
    """
    at = offset(source, d.span.line, d.span.column)
    yield from _python(at, source, spec)
    yield from _pattern(d, at, source, spec)
    for item in items_around(spec, at):
        yield from _named(item, source, spec)
        yield from mends_of_head(item, source, spec)
        yield from _typed(item, source, spec)
        name = _meant(item.head.text, spec)
        if name is None:
            continue
        layer = spec.offer.layer_class(name)
        yield from _as_called(item, layer, source, spec, is_first)
        yield from by_position(item, name, layer, source, is_first)
        yield from mends_of_pairs(d, item, layer, source)
        yield from _option_inside(d, item, source)
        yield from _level(item, name, layer, source)
        yield from _beside(d, item, name, layer, source)
        yield from _batch_first(d, item, source)
        yield from mends_of_words(item, name, layer, source, spec)
        yield from pooled(item, name, source, in_gate=_in_gate(spec, at))
        yield from window(item, name, layer, source)
        yield from mends_of_axis(item, name, layer, source, spec)
        return
    yield from _sequential(at, source, spec)


def mends_beyond(fix: Fix, d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """Mends of an item whose head has another name here that write its arguments anew, too.

    Args:
        fix: writes the name alone.
    """
    item = next(items_around(spec, offset(source, d.span.line, d.span.column)), None)
    name = None if item is None else _meant(item.head.text, spec)
    if item is not None and name is not None:
        found = mends_of_words(item, name, spec.offer.layer_class(name), source, spec)
        yield from (other for other in found if set(fix.edits) < set(other.edits))


def _in_gate(spec: Spec, at: int) -> bool:
    heads = (item.head.text for item in items_around(spec, at))
    return any(head in COMBINATORS and issubclass(joining_class(head), Gate) for head in heads)


def _meant(text: str, spec: Spec) -> str | None:
    """The layer that a head means; none is meant by the name of a block."""
    if text in spec.offer.layers or text in spec.blocks:
        return text if text in spec.offer.layers else None
    axes = spec.spatial_axes
    bare = re.sub(r"^(?:torch\.)?(?:nn|layers|keras\.layers|tf\.keras\.layers)\.", "", text)
    found = meant_by(bare.removeprefix("Lazy"), axes, spec.offer.layers)
    return found if found in spec.offer.layers else None


# ---- Python


def _python(at: int, source: Source, spec: Spec) -> Iterator[Fix]:
    """Calls of torch's layers where items should stand."""
    node = spec.layers
    if isinstance(node, ScalarNode) and "(" in node.text:
        for items in readings(source.text[node.start : node.end], spec.offer):
            begin = source.text.rfind("\n", 0, node.start) + 1
            lead = source.text[begin : node.start]
            indent = lead if not lead.strip() else "  "
            start = "" if not lead.strip() else f"\n{indent}"
            text = start + f"\n{indent}".join(items_text(items))
            yield Fix("write the calls as items", (Edit(source.between(node.start, node.end), text),))
        return
    for child in nodes(spec):
        if isinstance(child, ScalarNode) and child.start <= at < child.end and "(" in child.text and not child.quoted:
            begin = source.text.rfind("\n", 0, child.start) + 1
            lead = source.text[begin : child.start]
            if lead.strip() != "-":
                return
            dash = " " * lead.index("-")
            said = _says_the_input(child.text, spec)
            if said and (out := take_out(source, child)) is not None and re.match(r"[\w.]*Input", child.text):
                yield Fix("leave it out: `input` says it", (out,), says_all=True)
                return
            for items in readings(child.text, spec.offer):
                lines = items_text(items)
                text = f"\n{dash}".join(lines)[2:]
                fix = Fix(f"write {items[0].said}" if len(items) == 1 else "write each call as an item",
                          (replace(source, child, text),), says_all=said)  # fmt: skip
                steps = "return_sequences" not in child.text and any(_gives_steps(item.call, spec) for item in items)
                yield from () if steps else (fix,)  # Keras's gives the last one
                yield fix._replace(certain=False)  # where a number is lost, as that of `x.view(-1, 784)`
            return


def _says_the_input(text: str, spec: Spec) -> bool:
    """Whether a call of Keras's has the shape of the input as it is at the top, with the channels last or first."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    sizes = input_sizes(spec)
    if sizes is None or not isinstance(call, ast.Call):
        return False
    known = [size.value for size in sizes if isinstance(size, ScalarNode)]
    return any(shape_of_data(call, {}, channels_last=last) == known for last in (True, False))


def _as_called(item: Item, layer: type[Layer], source: Source, spec: Spec, is_first: bool) -> Iterator[Fix]:
    """`Linear: 128, bias=False`: arguments behind the name as in a call."""
    value = item.value
    if not isinstance(value, ScalarNode) or value.quoted or not re.search(r",\s*\w+\s*=[^=]", value.text):
        return
    begin = source.text.rfind("\n", 0, item.node.start) + 1
    dash = source.text[begin : item.node.start]
    if dash.strip() != "-" or not isinstance(item.node, MapNode) or len(item.node.entries) != 1:
        return
    made = list(readings(f"{item.head.text}({value.text})", spec.offer))
    needed = [name for name, field in layer.model_fields.items() if field.is_required()]
    made = [items for items in made if all(f"{name}:" in items[0].call for name in needed)]
    sure = len(made) == 1 or is_first
    for items in made:
        text = f"\n{' ' * dash.index('-')}".join(items_text(items))[2:]
        yield Fix(f"write `{items[0].call}`" + (f" and `{items[1].call}`" if len(items) > 1 else ""),
                  (replace(source, item.node, text),), sure, says_all=True)  # fmt: skip


def _gives_steps(call: str, spec: Spec) -> bool:
    """Whether an item is a recurrent layer that says no width, as in Keras, where it gives the last step alone."""
    name = call.partition(":")[0]
    known = name in spec.offer.layers and spec.offer.layer_class(name).family == "recurrent"
    return known and "input_size" not in call and "returns" not in call


def _named(item: Item, source: Source, spec: Spec) -> Iterator[Fix]:
    """`- fc1: nn.Linear(784, 128)`: the name of a layer in the place of its kind."""
    value, node = item.value, item.node
    if not isinstance(value, ScalarNode) or "(" not in value.text or value.quoted or not isinstance(node, MapNode):
        return
    if len(node.entries) != 1 or node.flow:
        return
    begin = source.text.rfind("\n", 0, node.start) + 1
    dash = source.text[begin : node.start]
    for items in readings(f"self.{item.head.text} = {value.text}", spec.offer) if dash.strip() == "-" else ():
        text = f"\n{' ' * dash.index('-')}".join(items_text(items))[2:]
        yield Fix(f"write {items[0].said}", (replace(source, node, text),))


def python_at(d: Diagnostic, source: Source, spec: Spec) -> str | None:
    """Why the call of Python that stands at a finding is no item; None if there is none."""
    at = offset(source, d.span.line, d.span.column)
    texts = (n.text for n in nodes(spec) if isinstance(n, ScalarNode) and n.start <= at < n.end and "(" in n.text)
    return next((told for text in texts if (told := what_was_found(text, spec.offer)) is not None), None)


# ---- `type:`, arguments beside their layer


def _typed(item: Item, source: Source, spec: Spec) -> Iterator[Fix]:
    """`type: Conv2d` with its arguments beside it."""
    node = item.node
    if not isinstance(node, MapNode):
        return
    for word in ("type", "layer", "name", "class_name", "kind", "module"):
        value = node.get(word)
        name = _meant(value.text, spec) if isinstance(value, ScalarNode) else None
        if value is None or name is None:
            continue
        layer = spec.offer.layer_class(name)
        pairs: list[tuple[str, str]] = []
        beside: list[str] = []
        entries: list[tuple[ScalarNode, Node]] = []
        for key, given in node.entries:
            within = key.text in _GIVING and isinstance(given, MapNode)
            entries += given.entries if within and isinstance(given, MapNode) else [(key, given)]
        for key, given in entries:
            text = source.text[given.start : given.end]
            if key.text == word or "\n" in text:
                continue
            if key.text in _GIVING and isinstance(given, ListNode) and len(node.entries) == 2:
                yield from _of_a_list(item, name, text, source, spec)
                return
            argument = _argument(key.text, layer)
            if argument is not None:
                pairs.append((argument, text))
            else:
                beside.append(f"{key.text}: {text}")
        call = call_text(name, pairs)
        whole = call
        if beside:
            whole = f"{{{', '.join([call if pairs else f'{name}:', *beside])}}}"
        yield Fix(f"write `{whole}`", (Edit(source.between(node.start, node.end), whole),))
        return


def _argument(word: str, layer: type[Layer]) -> str | None:
    """The argument of a layer that a word means, the tensors that it is given beside what flows included."""
    return word if word in layer.tensors else argument_meant(word, layer.model_fields)


_GIVING: Final = ("args", "params", "kwargs", "arguments", "options", "config")
"""Keys under which others put the arguments."""


def _of_a_list(item: Item, name: str, text: str, source: Source, spec: Spec) -> Iterator[Fix]:
    """`{type: Linear, args: [784, 10]}`: the arguments in torch's order."""
    for items in readings(f"{name}({text.strip('[]')})", spec.offer):
        yield Fix(f"write `{items[0].call}`", (Edit(source.between(item.node.start, item.node.end), items[0].call),))


def _option_inside(d: Diagnostic, item: Item, source: Source) -> Iterator[Fix]:
    """An option among the arguments of a layer, which is to stand beside it."""
    if d.code != "option-as-argument" or not isinstance(item.value, MapNode) or not isinstance(item.node, MapNode):
        return
    at = offset(source, d.span.line, d.span.column)
    for i, (key, value) in enumerate(item.value.entries):
        text = source.text[value.start : value.end]
        if key.start != at or "\n" in text:
            continue
        if len(item.value.entries) == 1:
            cut = Edit(source.between(item.head.end, item.value.end), "")
        else:
            cut = leave_out(item.value, i, source)
        beside = put_beside(source, item, key.text, text)
        if beside is not None:
            yield Fix(f"write `{key.text}` beside `{item.head.text}`", (cut, beside))
        return


def _batch_first(d: Diagnostic, item: Item, source: Source) -> Iterator[Fix]:
    """`batch_first: false`, torch's default: here it is true, and what flows has the batch first."""
    if not isinstance(item.value, MapNode):
        return
    for i, (key, value) in enumerate(item.value.entries):
        if key.text == "batch_first" and value.start == offset(source, d.span.line, d.span.column):
            title = "leave `batch_first` out: the batch is the first axis here, and the steps are the second"
            yield Fix(title, (leave_out(item.value, i, source),), certain=False)


def _level(item: Item, name: str, layer: type[Layer], source: Source) -> Iterator[Fix]:
    """Arguments level with their layer, which YAML takes for options beside it."""
    node = item.node
    if not isinstance(node, MapNode) or not (item.value is None or getattr(item.value, "value", 0) is None):
        return
    stray = {key.text: _argument(key.text, layer) for key, _ in node.entries if key is not item.head}
    moved = [(argument, node.get(key)) for key, argument in stray.items() if argument is not None]
    texts = [(argument, source.text[value.start : value.end]) for argument, value in moved if value is not None]
    if not texts or any("\n" in text for _, text in texts):
        return
    kept = [key for key, argument in stray.items() if argument is None]
    entries = [call_text(name, texts)]
    for key in kept:
        value = node.get(key)
        assert value is not None
        entries.append(f"{key}: {source.text[value.start : value.end]}")
    begin = source.text.rfind("\n", 0, node.start) + 1
    indent = " " * (node.start - begin)
    if node.flow:
        return
    whole = f"\n{indent}".join(entries)
    yield Fix(f"write `{entries[0]}`: arguments belong under their layer",
              (Edit(source.between(node.start, node.end), whole),))  # fmt: skip


def _beside(d: Diagnostic, item: Item, name: str, layer: type[Layer], source: Source) -> Iterator[Fix]:
    """`Linear: 8` with `bias: false` beside it: an argument belongs under its layer."""
    node = item.node
    if d.code != "unknown-option" or not isinstance(node, MapNode) or name != item.head.text:
        return
    at = offset(source, d.span.line, d.span.column)
    for i, (key, value) in enumerate(node.entries):
        argument = _argument(key.text, layer)
        text = source.text[value.start : value.end]
        if key.start != at or argument is None or "\n" in text:
            continue
        under = set_argument(source, item, argument, text, layer.scalar)
        if under is not None:
            said = item.value.get(argument) if isinstance(item.value, MapNode) else item.value
            said = said if isinstance(item.value, MapNode) or layer.scalar == argument else None
            sure = said is None or source.text[said.start : said.end] in ("", text)  # else it says two things
            yield Fix(f"write `{argument}: {text}` under `{name}`", (under, leave_out(node, i, source)), sure)


def _pattern(d: Diagnostic, at: int, source: Source, spec: Spec) -> Iterator[Fix]:
    """`bnd->bdn`, as `torch.einsum` takes it: names of axes have blanks between them."""
    if d.code != "invalid-argument":
        return
    for node in nodes(spec):
        if not isinstance(node, ScalarNode) or not node.start <= at < node.end or "->" not in node.text:
            continue
        bare = re.sub(r"\s", "", node.text)
        if re.fullmatch(r"[A-Za-z]+(?:,[A-Za-z]+)*->[A-Za-z]+", bare):
            sides = (", ".join(" ".join(names) for names in side.split(",")) for side in bare.split("->"))
            text = " -> ".join(sides)
            quote = source.text[node.start] if node.quoted else '"' if "," in text else ""
            yield Fix(f"write `{text}`", (replace(source, node, f"{quote}{text}{quote}"),))


# ---- containers


def _sequential(at: int, source: Source, spec: Spec) -> Iterator[Fix]:
    """`Sequential:` with a list of layers is the word `sequential`."""
    for item in items_around(spec, at):
        if item.head.text in ("Sequential", "nn.Sequential") and isinstance(item.value, ListNode):
            yield Fix("write `sequential`", (replace(source, item.head, "sequential"),))
            return
