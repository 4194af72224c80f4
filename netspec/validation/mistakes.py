"""What is wrong with the arguments of a thing, as findings that say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isinf
from typing import TYPE_CHECKING, get_args

from netspec.arguments import Arguments
from netspec.diagnostics import did_you_mean, is_misspelt
from netspec.expressions.values import described
from netspec.kinds import FieldKind, kinds_of
from netspec.meant import argument_meant, instead_of_argument, is_same_argument, no_argument
from netspec.text.nodes import ListNode, MapNode, Node, ScalarNode
from netspec.text.traps import argument_trap
from netspec.validation.reports import Reports
from netspec.writing import shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from netspec.dims import Dim


def no_bare_value(reports: Reports, model: type[Arguments], node: ScalarNode, name: str) -> None:
    """Report a bare value, `Conv2d: 64`, where nothing says which argument that would be."""
    arguments = ", ".join((*model.model_fields, *_tensors(model)))
    parts = [part.strip() for part in node.text.strip("()").split(",")]
    if len(parts) > 1 and not node.quoted:  # `Conv2d: 16, 3`, several values without brackets
        values: list[Node] = [ScalarNode(part, part, False, node.start, node.end) for part in parts]
        listed = ListNode(values, True, node.start, node.end)
        readings = [f"`{name}: {{{one}}}`" for one in _with_list(model, listed, node.text) if "=" not in one]
        told = f"name the arguments: {' or '.join(readings)}" if readings else None
    else:
        told = _told_of_one(model, node, name)
    reports.report(
        "scalar-argument",
        f"`{name}` takes no bare value" + (f"; its arguments are {arguments}" if arguments else ", and no arguments"),
        node,
        help=told,
    )


def _told_of_one(model: type[Arguments], node: ScalarNode, name: str) -> str:
    """What to write for one bare value, as advice."""
    if _may_be_meant(model, node):
        return _named_readings(model, node.text, name)
    if node.text in _switches(model):
        return f"write `{name}: {{{node.text}: true}}`"
    if not model.model_fields and _tensors(model):
        first, *others = _tensors(model)
        return f"write `{name}: {{{', '.join([f'{first}: {node.text}', *(f'{other}: …' for other in others)])}}}`"
    return f"write `{name}` alone: it needs no argument" if model.model_fields else f"write `{name}` alone"


def _tensors(model: type[Arguments]) -> tuple[str, ...]:
    """The arguments of a layer that are values of the network."""
    return getattr(model, "tensors", ())


def _needed_tensors(model: type[Arguments]) -> list[str]:
    """Those without which a layer gives nothing: none of its examples does without them."""
    examples = getattr(model, "examples", ())
    return [name for name in _tensors(model) if all(name in example.others for example in examples)]


def _switches(model: type[Arguments]) -> list[str]:
    """The arguments that are on or off, which people name to switch them on."""
    return [name for name, field in model.model_fields.items() if field.annotation is bool]


def _named_readings(model: type[Arguments], text: str, name: str) -> str:
    """What a bare value may be meant for, as advice."""
    readings = [f"{argument}: {text}" for argument in model.bare] or [_with_value(model, text)]
    return f"write {' or '.join(f'`{name}: {{{one}}}`' for one in readings)}"


def _may_be_meant(model: type[Arguments], node: ScalarNode) -> bool:
    """Whether a bare value may be that of an argument: a width is none of a layer whose arguments are shares, and need
    not be said where it follows from what comes."""
    first = next(iter(_first_needed(model)), None)
    if first is None or node.text in _switches(model) or first == getattr(model, "width", None):
        return False
    share = model.model_fields[first].annotation is float and type(node.value) is int
    return model.model_fields[first].is_required() or (not share and kinds_of(model)[first].takes(node.value))


def no_list(reports: Reports, model: type[Arguments], node: ListNode, name: str) -> None:
    """Report a list, `Conv2d: [64, 3]`: one argument with several values, or several arguments."""
    written = reports.source.text[node.start : node.end]
    if all(isinstance(item, ScalarNode) for item in node.items):  # in the place of another, the text is that one's
        written = f"[{', '.join(getattr(item, 'text', '') for item in node.items)}]"
    readings = [f"`{name}: {{{one}}}`" for one in _with_list(model, node, written)] if "\n" not in written else []
    reports.report(
        "list-argument",
        f"`{name}` cannot take a list: it could be one argument with several values, or several arguments",
        node,
        help=f"name the arguments: {' or '.join(readings)}" if readings else None,
    )


def _first_needed(model: type[Arguments]) -> list[str]:
    """The argument that a bare value sets, else those that must be given, else the first."""
    if model.scalar is not None:
        return [model.scalar]
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    return needed or list(model.model_fields)[:1]


def _with_value(model: type[Arguments], text: str) -> str:
    """The arguments of a call that was given one bare value: it is most likely meant for the first that is needed."""
    first, *others = _first_needed(model)
    return ", ".join([f"{first}: {text}", *(f"{name}: …" for name in (*others, *_needed_tensors(model)))])


def _with_list(model: type[Arguments], node: ListNode, text: str) -> list[str]:
    """The arguments of a call that was given a list: one argument where the first takes a list, else one for each, in
    the order of torch's signature without the width that follows from the input, and with it."""
    if not model.model_fields:
        return []
    given = [getattr(item, "text", None) or _text_of(item) for item in node.items]
    if all(word in _switches(model) for word in given):
        return [", ".join(f"{word}: true" for word in given)]
    if model.bare:
        return [f"{argument}: {given[0] if len(given) == 1 else text}" for argument in model.bare]
    first = _first_needed(model)[0]
    least, most = kinds_of(model)[first].lengths or (1, 0)
    nested = any(isinstance(item, ListNode) for item in node.items)  # as in `Normalize: [[0.5], [0.25]]`
    if not nested and least <= len(node.items) and (most is None or len(node.items) <= most):
        return [_with_value(model, text)]
    width = getattr(model, "width", None)
    without = [name for name in model.model_fields if name != width]
    orders = [list(model.model_fields)] if first == width else [without, list(model.model_fields)]
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    found: list[str] = []
    for order in orders:
        whole = len(given) <= len(order) and set(needed) <= set(order[: len(given)])
        if not all(_may_take(kinds_of(model)[name], value) for name, value in zip(order, node.items, strict=False)):
            continue
        if whole or order is orders[0]:
            found.append(", ".join(f"{name}: {value}" for name, value in zip(order, given, strict=False)))
    return list(dict.fromkeys(found))


def _may_take(kind: FieldKind, node: Node) -> bool:
    """Whether a field may take what stands there, as far as it is a number."""
    return not isinstance(node, ScalarNode) or type(node.value) not in (int, float) or kind.takes(node.value)


def _text_of(node: Node) -> str:
    """A list of scalars as text; `…` for what is something else."""
    if isinstance(node, ListNode) and all(isinstance(item, ScalarNode) for item in node.items):
        return f"[{', '.join(getattr(item, 'text', '') for item in node.items)}]"
    return "…"


def needs_number(reports: Reports, argument: str, value: Dim, node: Node, owner: str | None) -> None:
    """Report a formula of symbols where only a number will do."""
    of = f" of `{owner}`" if owner is not None and owner != argument else ""
    reports.report(
        "needs-number",
        f"`{argument}`{of} must be a number, but here it is the formula {value}",
        node,
        help="give the symbols numbers with `--set`, as in `--set H=224`",
    )


def unknown_argument(
    reports: Reports, model: type[Arguments], key: ScalarNode, node: MapNode, name: str, *, is_item: bool
) -> str | None:
    """Report an argument that there is not. Returns the one that seems to be meant, unless that is a value that a layer
    is given. `is_item` says that options may stand beside the thing."""
    trap = argument_trap(reports.source, key, node, name) if is_item else None
    if trap is not None:
        reports.report(trap.code, trap.message, key, help=trap.help, fix=trap.fix)
        return None
    if key.text in model.omitted:
        reports.report("omitted-argument", f"`{name}` has no `{key.text}` here: {model.omitted[key.text]}", key)
        return None
    told = no_argument(key.text) if is_item else None
    names = tuple(dict.fromkeys((*model.model_fields, *_tensors(model))))
    told = told or instead_of_argument(key.text, names)
    near = None if told else argument_meant(key.text, names)
    written = re.match(r"\w+(?=[=:])", key.text)  # `{kernel_size=3}`, a key without a value
    meant = near if told or written is None else argument_meant(written[0], names)
    known = ", ".join(f"`{name}`" for name in names)
    free = near is not None and node.get(near) is None and is_same_argument(key.text, near)
    told = told or (f"did you mean `{near}`?" if near else f"its arguments are {known}" if known else "it takes none")
    reports.report(
        "unknown-argument",
        f"`{name}` has no argument `{key.text}`",
        key,
        help=told,
        fix=reports.replace(f"write `{near}`", key, near) if near and free else None,
    )
    return meant if meant in model.model_fields else None


# ---- what pydantic finds


def missing(reports: Reports, fields: list[str], name: str, at: Node) -> None:
    """Report arguments that must be given and are not."""
    if fields:
        *others, last = [f"`{field}`" for field in fields]
        needs = f"{', '.join(others)} and {last}" if others else last
        written = ", ".join(f"{field}: …" for field in fields)
        reports.report("missing-argument", f"`{name}` needs {needs}", at, help=f"write `{name}: {{{written}}}`")


def invalid_argument(
    reports: Reports,
    item: ErrorDetails,
    model: type[Arguments],
    nodes: Mapping[str, Node],
    name: str,
    at: Node,
    variables: Iterable[str],
) -> None:
    """Report one of pydantic's errors: pydantic says where, and the kind of the field what is wanted there."""
    loc = item["loc"]
    if not loc:  # a check of several arguments together
        reports.report("invalid-argument", f"`{name}`: {item['msg']}", at)
        return
    field = str(loc[0])
    kind, node = kinds_of(model).get(field), nodes.get(field, at)
    for part in loc[1:]:
        kind = kind and kind.inside(part)
        node = _inside(node, part)
    path = ".".join(part for part in loc if isinstance(part, str))
    if item["type"] == "missing":
        reports.report("missing-argument", f"`{name}` needs `{path}`", node, help=f"write `{name}: {{{path}: …}}`")
    elif kind is None:
        inner = _inner(model, field)
        near = None if inner is None else argument_meant(str(loc[-1]), inner.model_fields)
        known = "" if inner is None else ", ".join(f"`{key}`" for key in inner.model_fields)
        told = f"did you mean `{near}`?" if near else f"it has {known}" if known else None
        reports.report("unknown-argument", f"`{field}` of `{name}` has no `{loc[-1]}`", node, help=told)
    else:
        value = item["input"]
        word = word_meant(kind, value) if item["type"] != "argument" else None
        told = _instead(kind, value, word, variables) if item["type"] != "argument" else None
        whole = word if word is not None and is_misspelt(value, word) else None
        inner = _inner(model, field) if len(loc) == 1 else None
        if inner is not None and (value is True or (type(value) in (int, float) and inner.scalar is not None)):
            whole = "{}" if value is True else f"{{{inner.scalar}: {shown(value)}}}"
            told = f"write `{field}: {whole}`" + (", which leaves all at its defaults" if value is True else "")
        literal = isinstance(node, ScalarNode) and isinstance(node.value, float)  # and nothing computed
        if whole is None and literal and (whole := whole_number(kind, value)) is not None:
            told = None
        reports.report(
            "invalid-argument",
            f"`{path}` of `{name}` {refusal(kind, item['type'], item['msg'], value)}",
            node,
            help=told,
            fix=None if whole is None else reports.replace(f"write `{field}: {whole}`", node, whole),
        )


def whole_number(kind: FieldKind, value: object) -> str | None:
    """`64.0` without its point, where a field takes an integer."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() and kind.takes(int(value)) else None


def _inner(model: type[Arguments], field: str) -> type[Arguments] | None:
    """The class of the arguments that an argument has itself; None if it has none."""
    annotation = model.model_fields[field].annotation if field in model.model_fields else None
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Arguments)), None)


def refusal(kind: FieldKind, type_: str, message: str, value: object) -> str:
    """Why a field does not take a value, as the end of a sentence that begins with the field's name."""
    return message if type_ == "argument" else f"wants {kind.wish}, not {described(value)}"


def word_meant(kind: FieldKind, given: object) -> str | None:
    """The word of a field that is meant where another text was given."""
    return did_you_mean(given, kind.words) if isinstance(given, str) else None


def _instead(kind: FieldKind, given: object, word: str | None, variables: Iterable[str]) -> str | None:
    """What to write in the place of a value: the word that is meant, the variable of that name, or a finite number."""
    if isinstance(given, float) and isinf(given) and kind.takes(-1e9 if given < 0 else 1e9):
        return f"numbers of a spec are finite: a large one is `{'-' * (given < 0)}1e9`"
    near = f"${given}" if word is None and kind.text and isinstance(given, str) and given in variables else word
    return f"did you mean `{near}`?" if near else None


def _inside(node: Node, part: int | str) -> Node:
    """The node at one part of a pydantic location; itself where the node has no such part."""
    if isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    if isinstance(node, MapNode) and isinstance(part, str) and (child := node.get(part)) is not None:
        return child
    return node
