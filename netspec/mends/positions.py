"""Mends of arguments without their names: `Conv2d: [1, 96, 11]` in torch's order, `Upsample: 2`, `ReLU: inplace`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from netspec.diagnostics import Edit, Fix
from netspec.kinds import kinds_of
from netspec.language.items import Item
from netspec.layers import FAMILIES, MODULE_OF
from netspec.layers.base import Layer
from netspec.mends.calls import call_text, literal, may_be
from netspec.mends.edits import replace
from netspec.text.source import ListNode, ScalarNode, Source


def by_position(item: Item, name: str, layer: type[Layer], source: Source, is_first: bool) -> Iterator[Fix]:
    """`Conv2d: [1, 96, 11]`: the arguments in the order of torch's signature."""
    value = item.value
    if isinstance(value, ListNode):
        texts = [source.text[one.start : one.end] for one in value.items]
    elif isinstance(value, ScalarNode) and "," in value.text and not value.quoted:  # `Linear: 784, 10`
        texts = [part.strip() for part in value.text.strip("()").split(",") if part.strip()]
    elif isinstance(value, ScalarNode) and type(value.value) is int and _takes_first(layer, value.value):
        texts = [value.text]  # `BatchNorm2d: 96`, `Flatten: 2`
    elif isinstance(value, ScalarNode) and value.text in layer.model_fields and layer.scalar is None:
        texts = [value.text]  # `ReLU: inplace`
    else:
        yield from _bare(item, layer, source)
        return
    if layer.bare:
        yield from _bare(item, layer, source)
        return
    switches = [one for one in texts if one in layer.model_fields and layer.model_fields[one].annotation is bool]
    if switches == texts:
        written = f"{{{', '.join(f'{one}: true' for one in switches)}}}"
        yield Fix(f"write `{name}: {written}`", (*_head(item, name, source), replace(source, value, written)))
        return
    fields = list(layer.model_fields)
    if isinstance(value, ListNode) and (plain := _either_way(fields, texts)) is not None:
        yield Fix(f"write `{name}: {{{plain}}}`", (*_head(item, name, source), replace(source, value, f"{{{plain}}}")))
        return
    needed = [field for field in fields if layer.model_fields[field].is_required()] or fields[:1]
    readings = [list(zip(names, texts, strict=False))
                for names in (fields, [field for field in fields if field != layer.width])
                if len(texts) <= len(names)]  # fmt: skip
    possible = [pairs for i, pairs in enumerate(readings) if pairs not in readings[:i] and may_be(layer, pairs)]
    if needed[0] == layer.width:
        possible = possible[:1]  # what can be left out altogether, as `eps` can, is not what comes first
    least, most = kinds_of(layer)[needed[0]].lengths or (1, 0)
    one = len(needed) == 1 and least <= len(texts) and (most is None or len(texts) <= most)
    torchs = name not in FAMILIES["extra"]
    for i, pairs in enumerate(possible):
        title = f"write `{call_text(name, pairs)}`" + ", in the order of torch's signature" * torchs
        sure = not one and torchs
        if len(texts) == 1 and needed[0] == layer.width and not is_first:
            sure = False  # what comes to it is not known
        if len(possible) > 1 and (not is_first or (i and _wider(pairs))):
            way, other = ("without", "with") if i else ("with", "without")
            title += f" {way} its `{layer.width}`; {other} it, `{call_text(name, possible[1 - i])}`"
            sure = False
        if (kernel := _unlikely_kernel(pairs)) is not None:
            title += f"; if {kernel} is `out_channels`, the kernel is missing"
            sure = False
        written = f"{{{', '.join(f'{key}: {text}' for key, text in pairs)}}}"
        yield Fix(title, (*_head(item, name, source), replace(source, value, written)), certain=sure)
    if isinstance(value, ScalarNode) and needed[0] == layer.width:  # of as many axes as come
        yield from _of_other_axes(item, f"{{{needed[0]}: {texts[0]}}}", name, source)
    alone = not torchs or len(texts) == 1
    if alone and needed[0] == layer.width and not layer.model_fields[needed[0]].is_required():
        title = f"write `{name}` alone: its {'sizes follow' if not torchs else 'width follows'} from what it takes"
        whole = source.between(item.head.start, value.end)
        yield Fix(title, (Edit(whole, name),), certain=False)


def _either_way(fields: Sequence[str], texts: Sequence[str]) -> str | None:
    """`AdaptiveAvgPool2d: [1, 1]`, `MaxPool2d: [2, 2]`: where one argument with several values says what several
    arguments say."""
    square = list(fields[:2]) == ["kernel_size", "stride"] and len(texts) == 2 and len(set(texts)) == 1
    return f"{fields[0]}: [{', '.join(texts)}]" if square or (len(fields) == 1 and len(texts) > 1) else None


def _of_other_axes(item: Item, arguments: str, name: str, source: Source) -> Iterator[Fix]:
    """`BatchNorm1d: 8` on a map, which is for another number of axes."""
    found = re.fullmatch(r"(\D+)([123])d", name)
    assert item.value is not None
    for axes in "213" if found is not None else "":
        other = f"{found[1]}{axes}d" if found is not None else name
        if other != name and other in MODULE_OF:
            edits = (replace(source, item.head, other), replace(source, item.value, arguments))
            yield Fix(f"write `{other}: {arguments}`", edits, certain=False)


def _bare(item: Item, layer: type[Layer], source: Source) -> Iterator[Fix]:
    """`Upsample: 2`, where several arguments may be meant: a size that is large is none that the map grows by."""
    value = item.value
    numbers = [node.value for node in (value.items if isinstance(value, ListNode) else [value])
               if isinstance(node, ScalarNode) and isinstance(node.value, int | float)]  # fmt: skip
    if value is None or not numbers:
        return
    only = value.items[0] if isinstance(value, ListNode) and len(value.items) == 1 else value
    text = source.text[only.start : only.end]
    for argument in layer.bare if max(numbers) <= _LARGEST_FACTOR else reversed(layer.bare):
        title = f"write `{layer.__name__}: {{{argument}: {text}}}`"
        yield Fix(title, (replace(source, value, f"{{{argument}: {text}}}"),), certain=False)


_LARGEST_FACTOR: Final = 8


def _takes_first(layer: type[Layer], value: int) -> bool:
    """Whether a bare number that names no argument may be the first."""
    first = next(iter(layer.model_fields), None)
    if first is None or layer.scalar is not None:
        return False
    return first == layer.width or (layer.model_fields[first].annotation is int and kinds_of(layer)[first].takes(value))


def _wider(pairs: Sequence[tuple[str, str]]) -> bool:
    given = {key: literal(text) for key, text in pairs}
    channels, kernel = given.get("out_channels"), given.get("kernel_size")
    return isinstance(channels, int) and isinstance(kernel, int) and kernel > channels


def _unlikely_kernel(pairs: Sequence[tuple[str, str]]) -> int | None:
    """The kernel, where it is more likely to be the channels that come out: two numbers alone, the second a width."""
    kernel = literal(pairs[1][1]) if [key for key, _ in pairs] == ["out_channels", "kernel_size"] else None
    return kernel if isinstance(kernel, int) and kernel not in _KERNELS else None


_KERNELS: Final = (1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 15)
"""Kernels that stand behind a number of channels and nothing else."""


def _head(item: Item, name: str, source: Source) -> tuple[Edit, ...]:
    return () if item.head.text == name else (replace(source, item.head, name),)
