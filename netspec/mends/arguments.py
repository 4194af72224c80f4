"""Mends of arguments whose place or form is another than the layer's: those of a layer within it, a pattern of axes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netspec.arguments import Arguments
from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.layers.base import Layer
from netspec.meant import argument_meant
from netspec.mends.edits import offset, replace
from netspec.mends.finding import items_around
from netspec.text.source import MapNode, ScalarNode, Source


def mends_of_arguments(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """Other ways to write the arguments of the innermost layer around a finding."""
    for item in items_around(spec, offset(source, d.span.line, d.span.column)):
        if item.head.text in spec.offer.layers:
            yield from _of_the_layer_within(item, spec.offer.layer_class(item.head.text), source)
            yield from _batch_first(item, spec.offer.layer_class(item.head.text), source)
            yield from _batch_of_pattern(item, source)
            return


def _of_the_layer_within(item: Item, layer: type[Layer], source: Source) -> Iterator[Fix]:
    """`TransformerEncoder: {nhead: 8, num_layers: 6}`: what belongs to the `encoder_layer` stands beside it."""
    value = item.value
    if not isinstance(value, MapNode):
        return
    for name, field in layer.model_fields.items():
        within = field.annotation
        if not (isinstance(within, type) and issubclass(within, Arguments)) or value.get(name) is not None:
            continue
        inside: list[str] = []
        beside: list[str] = []
        for key, given in value.entries:
            text = source.text[given.start : given.end]
            if key.text == "batch_first":
                continue
            argument = None if key.text in layer.model_fields else argument_meant(key.text, within.model_fields)
            if "\n" in text:
                return
            if argument is None:
                beside.append(f"{key.text}: {text}")
            else:
                inside.append(f"{argument}: {text}")
        if inside:
            entries = [f"{name}: {{{', '.join(inside)}}}", *beside]
            whole = f"{{{', '.join(entries)}}}"
            always = ": the batch is always first" if value.get("batch_first") is not None else ""
            yield Fix(f"write `{item.head.text}: {whole}`{always}", (replace(source, value, whole),))


def _batch_first(item: Item, layer: type[Layer], source: Source) -> Iterator[Fix]:
    """`SelfAttention: {num_heads: 4, batch_first: true}`: a spec has no other order."""
    value = item.value
    if not isinstance(value, MapNode) or not value.flow or "batch_first" in layer.model_fields:
        return
    texts = [source.text[key.start : given.end] for key, given in value.entries if key.text != "batch_first"]
    if len(texts) == len(value.entries):
        return
    whole = f"{item.head.text}: {{{', '.join(texts)}}}" if texts else item.head.text
    edit = Edit(source.between(item.head.start, value.end), whole)
    yield Fix("leave out `batch_first`: the batch is always first", (edit,))


def _batch_of_pattern(item: Item, source: Source) -> Iterator[Fix]:
    """`c h w -> (h w) c`, a pattern of one example: the batch comes first."""
    value = item.value.get("pattern") if isinstance(item.value, MapNode) else item.value
    if not isinstance(value, ScalarNode) or not isinstance(value.value, str) or value.value.count("->") != 1:
        return
    axes = set(re.findall(r"\w+", value.value))
    batch = next((letter for letter in ("n", "b", "batch") if letter not in axes), None)
    if batch is not None:
        left, right = (side.strip() for side in value.value.split("->"))
        text = f"{batch} {left} -> {batch} {right}"
        yield Fix(f"write `{text}`: the batch comes first", (replace(source, value, text),))
