"""The reference of the layers, made from their classes: a text for `netspec explain`, a page for `docs/layers.md`."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, Final

from netspec.dims import Findings, collecting
from netspec.kinds import kinds_of
from netspec.layers import FAMILIES, UNOFFERED, layer_class
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.deviations import REFUSED
from netspec.writing import flow, quoted

WIDTH: Final = 80

_TITLES: Final = {
    "convolution": "Convolutions",
    "pooling": "Pooling",
    "padding": "Padding",
    "normalization": "Normalisation",
    "linear": "Linear",
    "activation": "Activations",
    "dropout": "Dropout",
    "shape": "Shape and resampling",
    "embedding": "Embeddings",
    "attention": "Attention",
    "recurrent": "Recurrent",
}
"""Family → heading, in the order of the page."""

_LABELS: Final = ("Parameters and MACs:", "Parameters:", "MACs:", "Buffers:")
"""Sentences of a docstring that begin a line of their own."""


# ---- one layer


def explain_layer(cls: type[Layer]) -> str:
    """A layer's formula, worked example, arguments, executed examples and cost, as plain text of 80 columns."""
    parts = [f"{cls.__name__} ({cls.family})"]
    parts += [filled(paragraph) for paragraph in paragraphs(cls)]
    arguments = [hanging(name, words, 2) for name, words in (*arguments_in_words(cls).items(), *values_in_words(cls))]
    parts.append("\n".join(["Arguments:", *(arguments or ["  none"])]))
    if cls.omitted:
        parts.append("\n".join(["Not offered:", *(hanging(*item, 2) for item in cls.omitted.items())]))
    if cls.examples:  # a plugin's layer may have none
        parts.append("\n".join(["Examples:", *(_example_text(cls, example) for example in cls.examples)]))
        parts.append(filled(f"Kept for the backward pass: {_saved_text(cls)}."))
    return "\n\n".join(parts)


def paragraphs(cls: type[Layer]) -> list[str]:
    """The paragraphs of a layer's docstring, each on one line; sentences about cost are paragraphs of their own."""
    found: list[str] = []
    for paragraph in inspect.cleandoc(cls.__doc__ or "").split("\n\n"):
        line = " ".join(paragraph.split())
        found += [part.strip() for part in re.split(rf"(?<!and )(?=\b(?:{'|'.join(_LABELS)}))", line) if part.strip()]
    return found


def arguments_in_words(cls: type[Layer]) -> dict[str, str]:
    """Argument → what it takes and what it is if it is left out."""
    kinds = kinds_of(cls)
    found: dict[str, str] = {}
    for name, field in cls.model_fields.items():
        words = kinds[name].phrase
        if name == cls.width or name == "batch_first":
            words += "; follows from the input" if name == cls.width else "; may be left out"
        elif field.is_required():
            words += "; required"
        else:
            default = field.get_default(call_default_factory=True)
            words += f"; {flow(default, str)} if left out"
        if name == cls.scalar:
            words += f"; a bare value sets it, as in `{cls.__name__}: …`"
        found[name] = words
    return found


def values_in_words(cls: type[Layer]) -> list[tuple[str, str]]:
    """What a layer may be given beside its input: each name, and what it takes."""
    return [(name, "a value that `as` has named, or arithmetic over several") for name in cls.tensors]


# ---- examples and cost


def _executed(cls: type[Layer], example: Example) -> tuple[str, str]:
    """The YAML of an example, and what comes of it."""
    layer = cls.model_validate(tupled(example.arguments))
    x = TensorType(example.input, example.dtype)
    others = example.further
    with collecting(Findings()):
        y = layer.results(x, others)[0] if others else layer.output(x)
        given = ", ".join([_sizes(x), *(f"`{name}` {_sizes(types[0])}" for name, types in others.items())])
        facts = [_sizes(y) if cls.source else f"{given} → {_sizes(y)}"]
        if params := layer.params(x):
            facts.append(f"{params:,} parameter{'s' * (params != 1)}")
        if macs := layer.macs_of_all(x, others) if others else layer.macs(x):
            facts.append(f"{macs:,} MACs")
    return spelled(cls, example.arguments | {name: name for name in others}), ", ".join(facts)


def tupled(value: Any) -> Any:
    """An example's arguments as elaboration hands them over: lists as tuples."""
    if isinstance(value, dict):
        return {name: tupled(item) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return tuple(tupled(item) for item in value)  # pyright: ignore[reportUnknownVariableType]  # any arguments
    return value


def spelled(cls: type[Layer], arguments: dict[str, Any]) -> str:
    """The YAML of a layer with arguments, as a person would write it."""
    if not arguments:
        return cls.__name__
    name, value = next(iter(arguments.items()))
    if len(arguments) == 1 and name == cls.scalar and (cls.takes_list or not isinstance(value, tuple | str)):
        return f"{cls.__name__}: {flow(value)}"
    return f"{cls.__name__}: {flow(arguments, lambda text: text if text.isalpha() else quoted(text))}"


def _sizes(x: TensorType) -> str:
    sizes = " × ".join(map(str, x.shape)) or "scalar"
    return sizes if x.dtype == "float32" else f"{sizes} {x.dtype}"


def _saved_text(cls: type[Layer]) -> str:
    """What autograd keeps, by the first example, in words."""
    example = cls.examples[0]
    layer = cls.model_validate(tupled(example.arguments))
    x = TensorType(example.input, example.dtype)
    others = example.further
    saved: Saved = layer.saved_of_all(x, others, tuple(others)) if others else layer.saved(x)
    parts = [name for name, kept in (("the input", saved.input), ("the output", saved.output)) if kept]
    parts += [f"`{name}`" for name in dict.fromkeys(saved.others)]
    if saved.extra:
        parts.append("intermediate results")
    if saved.mask:
        parts.append("a mask")
    if saved.indices:
        parts.append("indices")
    if saved.statistics:
        parts.append("mean and variance")
    return ", ".join(parts) or "nothing"


# ---- plain text


def filled(text: str, indent: str = "") -> str:
    """The text in lines of 80 columns."""
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def hanging(term: str, words: str, indent: int) -> str:
    """`term  words`, with the words aligned at a column of their own."""
    start = f"{' ' * indent}{term:<20} "
    return textwrap.fill(
        words, WIDTH, initial_indent=start, subsequent_indent=" " * (indent + 21), break_on_hyphens=False
    )


def _example_text(cls: type[Layer], example: Example) -> str:
    source, result = _executed(cls, example)
    return f"{filled(source, '  ')}\n{filled(result, '      ')}"


# ---- the page


def reference_page() -> str:
    """`docs/layers.md`: every layer with arguments, formula, worked example and cost, and what torch has or accepts and
    netspec does not."""
    lines = [
        "# Layers",
        "",
        "<!-- Generated by docs/generate.py from netspec/layers. -->",
        "",
        *prose(_INTRODUCTION),
        *index({title: _names(family) for family, title in _TITLES.items()}),
    ]
    for family, title in _TITLES.items():
        lines += [f"## {title}", ""]
        for name in _names(family):
            lines += _section(layer_class(name))
    lines += [
        "## What torch has and netspec does not offer",
        "",
        "| layer | why, and what to do instead |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {reason} |" for name, reason in sorted(UNOFFERED.items())]
    lines += ["", "## What torch accepts and netspec refuses", "", *prose(_LEGAL), "| | |", "|---|---|"]
    lines += [f"| {name} | {cell(reason)} |" for name, reason in REFUSED.items()]
    return "\n".join(lines) + "\n"


_INTRODUCTION: Final = """
Names, arguments and defaults are PyTorch's. Shapes are those of one example, without the batch axis; arguments that
count axes (`dim`, `start_dim`) count the batch axis as axis 0, as torch does. Widths that follow from the input need
not be written, and are checked where they are. `netspec explain Conv2d` prints what stands here.

Every formula, example and count on this page is compared with real torch modules by the tests.

**Cost.** MACs are multiply-accumulates of one example's forward pass: those of convolutions, linear layers, attention
and recurrent layers, biases excepted, and of the combinator `einsum`. All other layers count as 0. One MAC is two
floating-point operations. *Kept* is what autograd keeps from a forward pass in training for the backward pass.
"""

_LEGAL: Final = """
A configuration is legal if the real module accepts real tensors, a batch of two examples, in train and in eval mode.
What torch accepts and netspec refuses all the same is this, and nothing else; the differential test (`python -m
tests.layers.differential`) excuses these and no others.
"""


def prose(text: str) -> list[str]:
    """Paragraphs as Markdown lines."""
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        lines += [*textwrap.wrap(" ".join(paragraph.split()), 120, break_on_hyphens=False), ""]
    return lines


def index(groups: Mapping[str, Iterable[str]]) -> list[str]:
    """The index of a page as Markdown lines: for each of its parts the names that have a heading there, as links.

    The comments around it say where it ends to those who make another one of it.
    """
    lines = ["<!-- index -->", ""]
    for title, names in groups.items():
        links = [f"[`{name}`](#{name.lower()})" for name in names]
        lines += [f"**{title}**", *(f"{link} ·" for link in links[:-1]), links[-1], ""]
    return [*lines, "<!-- end of the index -->", ""]


def _names(family: str) -> list[str]:
    return [name for names in FAMILIES.values() for name in names if layer_class(name).family == family]


def _section(cls: type[Layer]) -> list[str]:
    lines = [f"### {cls.__name__}", ""]
    for paragraph in paragraphs(cls):
        lines += [*_wrapped(paragraph), ""]
    arguments = [*arguments_in_words(cls).items(), *values_in_words(cls)]
    if arguments:
        lines += ["| argument | |", "|---|---|"]
        lines += [f"| `{name}` | {cell(words)} |" for name, words in arguments]
        lines.append("")
    for name, reason in cls.omitted.items():
        lines += [*_wrapped(f"No `{name}`: {reason}."), ""]
    for example in cls.examples:
        source, result = _executed(cls, example)
        lines.append(f"- `{source}`: {result}")
    return [*lines, "", f"Kept: {_saved_text(cls)}.", ""]


def _wrapped(text: str) -> list[str]:
    """Markdown lines of at most 120 columns. A line must not begin like a list item or a heading."""
    return textwrap.wrap(text.replace("*", "\\*"), 120, break_on_hyphens=False, break_long_words=False)


def cell(text: str) -> str:
    """The text as it may stand in a cell of a Markdown table."""
    return text.replace("|", "\\|")
