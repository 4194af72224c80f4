"""A block call: its arguments bound to the parameters of the block's signature."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netspec.diagnostics import Edit, Fix, Related, did_you_mean
from netspec.dims import UNKNOWN
from netspec.expressions import ExpressionError
from netspec.language.items import Item
from netspec.language.scope import Here, NamesInScope, Template
from netspec.language.spec import Block
from netspec.layers import UNOFFERED
from netspec.meant import argument_meant
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.text.traps import flow_trap
from netspec.validation import FAILED, Reader
from netspec.writing import shown

ReadItem = Callable[[Node], Item | None]


def value_of(node: Node, reader: Reader, scope: NamesInScope, read: ReadItem) -> Any:
    """What a node means as the value of a variable or of a block's parameter.

    Numbers and booleans are themselves, text is an expression, a list is a list of values, and a mapping with one head
    is a template: a layer or a block with its arguments, to be used later as `$name`. FAILED once reported.
    """
    if isinstance(node, ScalarNode):
        return reader.evaluate(node, free=True) if isinstance(node.value, str) else node.value
    if isinstance(node, ListNode):
        if (trap := flow_trap(reader.source, node)) is not None:
            reader.report(trap.code, trap.message, trap.span, help=trap.help, fix=trap.fix)
            return FAILED
        values = [value_of(child, reader, scope, read) for child in node.items]
        if any(v is FAILED for v in values):
            return FAILED
        return UNKNOWN if any(v is UNKNOWN for v in values) else values
    if len(node.entries) != 1:
        reader.report(
            "wrong-form",
            "a value is a number, text, a list, or a layer with its arguments",
            node,
            help="for example `act: {LeakyReLU: 0.2}`",
        )
        return FAILED
    item = read(node)
    return FAILED if item is None else Template(item, scope)


def bind_arguments(
    block: Block, node: Node | None, at: ScalarNode, reader: Reader, read: ReadItem
) -> dict[str, Any] | None:
    """The values of a block's parameters for a call: a mapping of parameters, a list in the signature's order, or a
    scalar for the first. None once a mistake is reported or where a value hangs on an unknown shape."""
    given = _given(block, node, at, reader)
    if given is None:
        return None
    caller = reader.names
    assert isinstance(caller, Here)
    values: dict[str, Any] = {}
    whole = True
    for name, child in given.items():
        value = value_of(child, reader, caller.scope, read)
        whole = whole and value is not FAILED
        values[name] = UNKNOWN if value is FAILED else value
    missing = [p.name for p in block.parameters if p.default is None and p.name not in values]
    if missing:
        names = " and ".join(f"`{name}`" for name in missing)
        reader.report(
            "missing-argument",
            f"`{block.name}` needs {names}",
            at,
            related=[_defined(block, reader)],
            help=f"its signature is `{block.signature}`",
        )
        return None
    return _with_defaults(block, values, caller, reader, at) if whole else None


def _with_defaults(
    block: Block, values: dict[str, Any], caller: Here, reader: Reader, at: ScalarNode
) -> dict[str, Any] | None:
    """All parameters in the signature's order; a default sees the parameters before it and the place of the call."""
    if len(values) == len(block.parameters):
        return {parameter.name: values[parameter.name] for parameter in block.parameters}
    bound: dict[str, Any] = {}
    scope = caller.inside(bound)
    for parameter in block.parameters:
        if parameter.name in values:
            bound[parameter.name] = values[parameter.name]
            continue
        assert parameter.default is not None
        try:
            bound[parameter.name] = parameter.default.evaluate(scope)
        except ExpressionError as error:
            near = did_you_mean(error.name, scope.known()) if error.name else None
            reader.report(
                error.code,
                f"the default of `{parameter.name}` in `{block.signature}`: {error.message}",
                block.key,
                related=[Related("for this call", reader.source.span(at))],
                help=f"did you mean `{near}`?" if near else scope.hint(error.name) if error.name else None,
            )
            return None
    return bound


def _given(block: Block, node: Node | None, at: ScalarNode, reader: Reader) -> dict[str, Node] | None:
    """Which node was given for which parameter."""
    names = [p.name for p in block.parameters]
    if node is None or (isinstance(node, ScalarNode) and node.value is None):
        return {}
    if isinstance(node, (ListNode, MapNode)) and (trap := flow_trap(reader.source, node)) is not None:
        reader.report(trap.code, trap.message, trap.span, help=trap.help, fix=trap.fix)
        return None
    if isinstance(node, MapNode) and not _is_template(node, names, reader):
        unknown = [key for key, _ in node.entries if key.text not in names]
        for key in unknown:
            _unknown(key, [one.text for one in unknown], block, reader)
        return None if unknown else {key.text: child for key, child in node.entries}
    items = node.items if isinstance(node, ListNode) else [node]
    if len(items) > len(names):
        takes = f"takes {len(names)} argument{'s' if len(names) > 1 else ''}" if names else "has no parameters"
        example = "" if names else f"; `{block.name}(out):` gives it one, for its layers to use"
        reader.report(
            "too-many-arguments",
            f"`{block.name}` {takes}, but {len(items)} {'are' if len(items) > 1 else 'is'} given",
            items[len(names)],
            related=[_defined(block, reader)],
            help=f"its signature is `{block.signature}`{example}",
            fix=_without_rest(items, len(names), reader) if names and isinstance(node, ListNode) else None,
        )
        return None
    return dict(zip(names, items, strict=False))


def _unknown(key: ScalarNode, unknown: Sequence[str], block: Block, reader: Reader) -> None:
    """Report an argument for which a block has no parameter."""
    caller = reader.names
    assert isinstance(caller, Here)
    names = [p.name for p in block.parameters]
    from netspec.language.definitions import with_parameters  # once a parameter is missing

    slip = did_you_mean(key.text, names)
    near = slip or _by_another_name(key.text, names)
    help_ = f"its signature is `{block.signature}`"
    fix = None
    if near is not None:
        sure = near == slip or _stem(near) == _stem(key.text)
        help_ = f"did you mean `{near}`? {help_}"
        fix = reader.replace(f"write `{near}`", key, near)._replace(certain=sure)
    elif (wider := with_parameters(block, unknown, caller.scope.spec)) is not None:
        signature, fix = wider
        help_ += f", and its layers use the name: `{signature}:` makes it a parameter"
    reader.report(
        "unknown-argument",
        f"`{block.name}` has no parameter `{key.text}`",
        key,
        related=[_defined(block, reader)],
        help=help_,
        fix=fix,
    )


def _by_another_name(argument: str, parameters: Sequence[str]) -> str | None:
    """The one parameter that an argument of a layer may be meant for: `out` for `out_channels`, `s` for `stride`."""
    alike = [name for name in parameters if _stem(name) == _stem(argument) != ""]
    alike = alike or [name for name in parameters if argument_meant(name, (argument,))]
    return alike[0] if len(alike) == 1 else argument_meant(argument, parameters)


def _stem(name: str) -> str:
    return re.sub(r"_?(?:channels|features|size|ch|dim|planes|c)$|^c_?(?=in$|out$)", "", name)


def _without_rest(items: Sequence[Node], number: int, reader: Reader) -> Fix:
    """Leave out what stands behind the first arguments; which of them is not meant is not known."""
    start, end = items[number - 1].end, items[-1].end
    rest = reader.source.text[items[number].start : end]
    return Fix(f"leave out `{rest}`", (Edit(reader.source.between(start, end), ""),), certain=False)


def _is_template(node: MapNode, names: list[str], reader: Reader) -> bool:
    """True for `block: {LeakyReLU: 0.2}`: a layer for the first parameter, not a mapping of parameters."""
    head = node.entries[0][0].text if len(node.entries) == 1 else ""
    if head in names or not head[:1].isupper():
        return False
    caller = reader.names
    assert isinstance(caller, Here)
    layers = caller.scope.spec.offer.layers
    return head in layers or head in UNOFFERED or did_you_mean(head, names) is None


def _defined(block: Block, reader: Reader) -> Related:
    return Related(f"`{block.name}` is defined here", reader.source.span(block.key))


def call_label(block: Block, arguments: Mapping[str, Any]) -> str:
    """The call with its values, `conv_bn(64, 3, stride=2)`: defaults that were not overridden are left out."""
    parts: list[str] = []
    for parameter in block.parameters:
        text = shown(arguments[parameter.name])
        if parameter.default is not None and parameter.default.text == text:
            continue
        parts.append(text if parameter.default is None else f"{parameter.name}={text}")
    return f"{block.name}({', '.join(parts)})" if parts else block.name
