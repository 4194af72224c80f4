"""The places of numbers in an item: arguments, what is in lists and maps of them, operands, what a block is given."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from netspec.capture.items import PlacedItem
from netspec.capture.modules.offered import is_known, layer_class
from netspec.capture.written import ExpressionText
from netspec.language.reserved import reserved

Where = tuple[PlacedItem, str, int | None]
"""A number in a block: its item, the argument, and its place in a list of them."""

TERM: Final = "(term)"
"""The name of a number in arithmetic of values."""

UNIT: Final = "(activation)"
UNITS: Final = frozenset(
    ("ReLU", "ReLU6", "SiLU", "GELU", "Mish", "Sigmoid", "Tanh", "Hardswish", "Hardsigmoid", "SELU", "Softsign")
)


class _Missing:
    """No value: the item of the number is not there."""


MISSING: Final = _Missing()


def default_of(where: Where) -> Any:
    """The default of an argument of a layer."""
    item, name, at = where
    if not is_known(item.word) or at is not None:
        return MISSING
    found = layer_class(item.word).model_fields.get(name)
    return MISSING if found is None or found.is_required() else found.default


def put(where: Where, text: ExpressionText) -> None:
    """Write an expression in the place of a number."""
    item, name, at = where
    if name == TERM and at is not None:
        item.terms = (*item.terms[:at], text, *item.terms[at + 1 :])
        return
    if name == "act":
        item.template = f"${text}"
        return
    if name == "":
        assert item.call is not None
        assert at is not None
        item.call[at] = text
    elif at is None:
        item.arguments[name] = text
    elif isinstance(item.arguments[name], dict):
        sizes = cast("dict[str, Any]", item.arguments[name])
        item.arguments[name] = {key: text if i == at else value for i, (key, value) in enumerate(sizes.items())}
    else:
        numbers = list(item.arguments[name])
        numbers[at] = text
        item.arguments[name] = numbers


def flag_name(item: PlacedItem) -> str:
    """What a parameter is called that says whether an item is there."""
    if item.word in UNITS:
        return "act"
    if item.word == "add":
        return "skip"
    return f"has_{flag_word(item.name or '', item.path.rpartition('.')[2], item.word)}"


def flag_word(name: str, attribute: str, word: str) -> str:
    """What an item that may be there is called: as in the file, in its module, or as the layer that it is.

    >>> flag_word("", "0", "BatchNorm2d"), flag_word("", "drop", "Dropout"), flag_word("", "drop_path", "Dropout")
    ('batch_norm', 'dropout', 'drop_path')
    """
    letters = re.sub(r"\d+d?$", "", word)
    plain = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", "_", letters).lower().strip("_")
    if name.isidentifier():
        return name
    return attribute if attribute.isidentifier() and not plain.startswith(attribute) else plain or "part"


_TERMS: Final[dict[Any, str]] = {"+": "shift", "-": "shift", "*": "factor", "/": "divisor", "**": "exponent"}
"""What a number is called behind a sign."""


SHORT: Final = {
    "out_channels": "out", "out_features": "out", "kernel_size": "kernel", "num_heads": "heads", "shape": "size",
    "normalized_shape": "size", "unflattened_size": "size", "p": "drop", "sizes": "size", "": "n",
}  # fmt: skip


def plain_name(name: str, item: PlacedItem, at: int | None) -> str:
    """What a parameter is called that gives this argument."""
    if name == "" and at is not None and at < len(item.given):
        name = item.given[at]
    if name == TERM and at is not None:
        name = _TERMS.get(item.terms[at - 1], "term") if at else "term"
    short = SHORT.get(name, name)
    return short if reserved(short) is None else f"{short}_{item.word.lower()}"
