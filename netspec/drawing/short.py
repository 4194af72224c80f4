"""A layer in the words of a book's figure: `11×11 Conv (96), stride 4`, `FC (4096)`, `SelfAttention, 12 heads`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from netspec.diagnostics import Span
from netspec.dims import Dim
from netspec.drawing.language import Language, said
from netspec.net import Leaf
from netspec.views.describe import argument_text, count_text, layer_text, shape_text, value_text, wanted_arguments

_AXES: Final = re.compile(r"[123]d$")
_BOOKS: Final = {"Linear": "FC"}
"""What figures call a layer otherwise than torch."""
_WIDTHS: Final = ("out_channels", "out_features", "embedding_dim", "hidden_size", "output_size")
"""Arguments that stand in parentheses: the size of what a layer gives."""
_BRIEF: Final = frozenset({*_WIDTHS, "kernel_size", "stride", "scale_factor"})
_SAID: Final = {"padding": "pad"}
_EXACT: Final = frozenset({"stride", "padding", "dilation", "output_padding"})


_LONGEST: Final = 80
"""Letters of a value that are shown in a box: a table of constants may have thousands."""
_LONGEST_TIP: Final = 400


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


@dataclass(frozen=True, slots=True)
class Voice:
    """How the words of a picture are said."""

    language: Language = "en"
    everything: bool = False
    """Whether every argument is named that differs from its default, also `eps 1e-06`."""

    def word(self, word: str) -> str:
        """One of the few words that have a translation."""
        return said(word, self.language)

    def layer(self, leaf: Leaf, *, brief: bool = False) -> str:
        """A layer, without the name that the spec gives it; if `brief`, with no more than kernel, width, stride and the
        numbers of things."""
        wanted = wanted_arguments(leaf)
        if brief:
            wanted = {name: value for name, value in wanted.items() if name in _BRIEF or _counts(name)}
        kernel = wanted.pop("kernel_size", None)
        first = [] if kernel is None else [value_text(leaf.type, "kernel_size", kernel)]
        words = [*first, self.word(short_name(leaf.type))]
        size = next((name for name in _WIDTHS if name in wanted), None)
        if size is not None:
            words.append(f"({value_text(leaf.type, size, wanted.pop(size))})")
        rest = self._rest(leaf, wanted)
        scalar = leaf.layer.scalar
        if scalar in wanted and (plain := self._plain(leaf, scalar, wanted[scalar])):
            words.append(plain)
        return ", ".join([" ".join(words), *rest])

    def _plain(self, leaf: Leaf, name: str, value: Any) -> str:
        """The argument that a spec gives without its name, unless it is a count, which `_rest` says."""
        return "" if _counts(name) or isinstance(value, bool) else _cut(value_text(leaf.type, name, value), _LONGEST)

    def _rest(self, leaf: Leaf, wanted: Mapping[str, Any]) -> list[str]:
        found = [self._argument(leaf, name, value) for name, value in wanted.items()]
        found += [f"{name} {', '.join(read.name for read in reads)}" for name, reads in leaf.inputs.items()]
        found += [f"→ {result.name}" for result in leaf.results if result.name != "_"]
        if leaf.parametrization is not None:
            found.append(leaf.parametrization.word)
        return [text for text in (*found, "frozen" * leaf.frozen) if text]

    def _argument(self, leaf: Leaf, name: str, value: Any) -> str:
        """An argument that tells of the structure: a count, a flag that is set, a size; empty for others."""
        if name == leaf.layer.scalar and not _counts(name) and not isinstance(value, bool):
            return ""
        if isinstance(value, bool):
            return name.removeprefix("is_") if value else f"no {name}" if self.everything else ""
        if _counts(name):
            return count_of(leaf, name, value, self.language)
        if self.everything or not is_noise(leaf, name, value):
            text = _cut(value_text(leaf.type, name, value), _LONGEST)
            return f"{self.word(_SAID.get(name, name.replace('_', ' ')))} {text}"
        return ""


def _counts(name: str | None) -> bool:
    """Whether an argument is a number of something: `num_heads`, `groups`."""
    return name is not None and (name.startswith("num_") or name.endswith("_heads") or name == "groups")


def is_noise(leaf: Leaf, name: str, value: Any) -> bool:
    """Whether an argument tells nothing of the structure, as `eps 1e-06` and `no bias`, nor is the one of its layer."""
    if isinstance(value, bool):
        return not value
    tells = isinstance(value, int | tuple | Dim) or name in _EXACT or _counts(name)
    return not tells and name != leaf.layer.scalar


def count_of(leaf: Leaf, name: str, value: Any, language: Language = "en") -> str:
    """An argument that is a number of something: `12 heads`."""
    noun = said(name.removeprefix("num_").replace("_", " "), language)
    text = f"{value:,}" if isinstance(value, int) else _cut(value_text(leaf.type, name, value), _LONGEST)
    return f"{text} {noun}"


def drawn_argument(leaf: Leaf, name: str, value: Any) -> str:
    """An argument in a box of a diagram; nothing if it is noise."""
    if is_noise(leaf, name, value):
        return ""
    if _counts(name) and not isinstance(value, bool):
        return count_of(leaf, name, value)
    return argument_text(leaf, name, value)


def short_name(layer_type: str) -> str:
    """`Conv2d` → `Conv`, `Linear` → `FC`."""
    return _BOOKS.get(layer_type, _AXES.sub("", layer_type))


def place_text(span: Span) -> str:
    """Where something stands: `alexnet.yaml, line 8`; without directories, which differ from machine to machine."""
    return span.place if span.in_setting else f"{Path(span.file).name}, line {span.line}"


def tip_text(leaf: Leaf) -> str:
    """What a layer's box tells when one points at it: all arguments, shapes, parameters, and the line of the spec."""
    words = _cut(layer_text(leaf), _LONGEST_TIP)
    lines = [words if leaf.name is None else f"{leaf.name}: {words}"]
    lines.append(f"{shape_text(leaf.input.shape)} → {shape_text(leaf.output.shape)}")
    if leaf.borrows:
        lines.append("shares its parameters")
    elif leaf.params != 0:
        lines.append("1 parameter" if leaf.params == 1 else f"{count_text(leaf.params)} parameters")
    return "\n".join([*lines, place_text(leaf.span)])
