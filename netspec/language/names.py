"""Names that a spec gives to modules, and the header of a `for`."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from typing import Any, Final

from netspec.combinators import HEADS
from netspec.dims import UNKNOWN, Dim
from netspec.expressions.operations import kind, shown
from netspec.expressions.values import Family, Value
from netspec.text.source import MapNode, Node, ScalarNode
from netspec.validation import FAILED, Reader

MODULE_ATTRIBUTES: Final = frozenset(
    """
    T_destination add_module append apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extend extra_repr float forward get_buffer get_extra_state get_parameter get_submodule
    half insert ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters
    parameters pop register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty train training type xpu zero_grad
    """.split()  # noqa: SIM905  # a list of sixty words reads best as words
)
"""The public attributes of `torch.nn.Sequential`: a child of such a name would hide a method."""


def not_an_output(name: str) -> str | None:
    """Why an output cannot have this name, which is a field of a named tuple; None if it can."""
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        return "a name is a Python identifier that does not begin with `_`: it becomes a field of a named tuple"
    if name in MODULE_ATTRIBUTES or name in ("count", "index"):
        return "modules or tuples have an attribute of that name"
    return f"`{HEADS}` is what the heads give in training" if name == HEADS else None


def child_name(node: Node, reader: Reader, option: str = "name") -> str | None:
    """The name that an item gives its module, braces filled in; None once reported."""
    if not isinstance(node, ScalarNode) or node.value is None or isinstance(node.value, bool):
        inside = isinstance(node, MapNode) and node.flow and len(node.entries) == 1
        example = f'"{reader.source.text[node.start : node.end]}"' if inside else '"layer{i}"'
        reader.report(
            "bad-name", f"`{option}` is text", node, help=f"braces need quotes in YAML: `{option}: {example}`"
        )
        return None
    text = filled(node, reader)
    if text is None:
        return None
    if keyword.iskeyword(text):
        reader.report(
            "bad-name",
            f"`{text}` cannot name a module: it is a word of Python",
            node,
            help=f"for example `{_usable(text)}`",
        )
        return None
    if not text.isidentifier():
        reader.report(
            "bad-name",
            f"`{text}` cannot name a module: a name is a Python identifier",
            node,
            help="a `{` and its `}` stand around an expression, as in `layer{i}`"
            if "{" in text or "}" in text
            else "letters, digits and `_`, not beginning with a digit; it becomes a key of the state_dict",
        )
        return None
    if text in MODULE_ATTRIBUTES or text.startswith("_"):
        why = "begins with `_`" if text.startswith("_") else "is an attribute of `nn.Module`"
        reader.report(
            "bad-name",
            f"`{text}` cannot name a module: it {why}",
            node,
            help=f"for example `{_usable(text)}`",
        )
        return None
    return text


def usable(text: str, ending: str) -> str:
    """A name near this one that ends in `_in` or the like, for a value that becomes an argument or a field."""
    plain = re.sub(r"\W+", "_", text).strip("_").lower()
    return f"{'x' if not plain[:1].isalpha() else ''}{plain}_{ending}"


def _usable(text: str) -> str:
    """A name near this one that a module may have."""
    bare = text.strip("_")
    return bare if text.startswith("_") and bare.isidentifier() and bare not in MODULE_ATTRIBUTES else f"x_{bare or 1}"


def filled(node: ScalarNode, reader: Reader) -> str | None:
    """The text of a name with the expressions in its braces evaluated; None once reported."""
    parts = re.split(r"\{([^{}]*)\}", node.text)
    for i in range(1, len(parts), 2):
        inner = ScalarNode(parts[i], parts[i], True, node.start, node.end)
        value = reader.evaluate(inner)
        if value is FAILED or value is UNKNOWN:
            return None
        if isinstance(value, Dim):
            reader.needs_number("name", value, node, None)
            return None
        if isinstance(value, (Value, Family)):
            reader.report(
                "bad-name", f"`{parts[i]}` in `{node.text}` is {kind(value)}: no text of a name can be made of it", node
            )
            return None
        parts[i] = str(value)
    return "".join(parts)


_HEADER = r"\s*([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s+in\s+(.+)"  # compiled when a spec has a loop


def _length(value: object) -> int | None:
    return len(value) if isinstance(value, (list, tuple)) else None  # pyright: ignore[reportUnknownArgumentType]  # any values


def loop_header(node: Node, reader: Reader, check: Callable[[ScalarNode], bool]) -> tuple[list[str], list[Any]] | None:
    """Names and values of `name in values` or `a, b in pairs`; None once reported or where a value is unknown."""
    found = (
        re.fullmatch(_HEADER, node.text, re.DOTALL)
        if isinstance(node, ScalarNode) and isinstance(node.value, str)
        else None
    )
    if found is None or not isinstance(node, ScalarNode):
        reader.report(
            "bad-loop",
            "a `for` says `name in values`",
            node,
            help="for example `for: width in [64, 128]`, or `for: i in range(4)`",
        )
        return None
    names = [name.strip() for name in found[1].split(",")]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        reader.report("bad-loop", f"this `for` has two names `{twice}`", node, help="give each value a name of its own")
        return None
    for name in names:
        if not check(ScalarNode(name, name, True, node.start, node.end)):
            return None
    offset = 0 if node.quoted else found.start(2)
    values = reader.evaluate(ScalarNode(found[2], found[2], node.quoted, node.start + offset, node.end))
    if values is FAILED or values is UNKNOWN:
        return None
    if isinstance(values, Dim) or not isinstance(values, (list, tuple, Family)):
        is_text = isinstance(values, str)
        what = kind(values) if isinstance(values, Value) else f"the text {shown(values)}" if is_text else values
        counted = f"`range({found[2]})` counts from 0" if type(values) is int else None
        reader.report(
            "bad-loop",
            f"a `for` goes through a list, but `{found[2]}` is {what}",
            node,
            help="quotes inside of an expression, also around a default in a signature, make a text of what stands "
            "in them: leave them out"
            if is_text
            else counted,
        )
        return None
    items: list[Any] = list(values)  # pyright: ignore[reportUnknownArgumentType]  # values of expressions are untyped
    if len(names) > 1:
        wrong: Any = next((v for v in items if _length(v) != len(names)), None)
        if wrong is not None:
            reader.report(
                "bad-loop", f"each value must give {len(names)} names ({', '.join(names)}), but one is {wrong}", node
            )
            return None
    return names, items
