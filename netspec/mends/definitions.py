"""Mends of the definitions of blocks: signatures as Python has them, parameters that are missing, blocks in a list."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.definitions import header_of, in_order, names_in, parameters_of, rewritten
from netspec.language.reserved import RESERVED, reserved
from netspec.language.signatures import read_signature
from netspec.language.spec import Spec
from netspec.mends.edits import offset, replace
from netspec.mends.finding import items
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source, parse


def mends_of_definitions(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """Other ways to write the definition of a block that a finding is about."""
    match d.code:
        case "bad-signature":
            yield from _signature(d, source)
        case "too-many-arguments":
            yield from _parameters(d, source, spec)
        case "wrong-form":
            yield from _listed(d, source)
            yield from _in_their_order(d, source, spec)
        case _:
            return


def defined_at(d: Diagnostic, source: Source, found: Iterable[Diagnostic]) -> int | None:
    """The line of a signature that cannot be read and has the name that a finding is about."""
    name = source.text[source.offset(*d.span[1:3]) : source.offset(*d.span[3:5])]
    for other in found:
        signature = source.text[source.offset(*other.span[1:3]) : source.offset(*other.span[3:5])]
        if other.code == "bad-signature" and name in re.findall(r"\w+", signature.partition("(")[0]):
            return other.span.line
    return None


def without_types(signature: str) -> str | None:
    """The signature of a block without the types that Python writes; None where it is none or has none."""
    arguments = _arguments(signature)
    if arguments is None or not any(argument.annotation for argument in arguments.args):
        return None
    for argument in arguments.args:
        argument.annotation = None
    text = f"{signature.partition('(')[0]}({ast.unparse(arguments)})"
    return text if read_signature(text) is not None else None


def _arguments(signature: str) -> ast.arguments | None:
    try:
        (function,) = ast.parse(f"def {signature}: pass").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return function.args if isinstance(function, ast.FunctionDef) else None


def _signature(d: Diagnostic, source: Source) -> Iterator[Fix]:
    """`conv(kernel=3, out)`, `conv(out, *, kernel=3)`: what has no default comes first. A call that gives values by
    their places then gives others, or else the default goes."""
    start, end = source.offset(*d.span[1:3]), source.offset(*d.span[3:5])
    key = source.text[start:end]
    name, _, rest = key.partition("(")
    parts = [part.strip() for part in rest.rstrip().removesuffix(")").split(",") if part.strip() not in ("", "*", "/")]
    bare = f"{name}({', '.join(parts)})" if parts else name
    if parts and read_signature(bare) is not None:
        yield Fix(f"write `{bare}`", (Edit(d.span, bare),))
        return
    joined = re.sub(r"\s+\(", "(", key)
    if joined != key and read_signature(joined) is not None:
        yield Fix(f"write `{joined}`", (Edit(d.span, joined),))
        return
    needed, others = [part for part in parts if "=" not in part], [part for part in parts if "=" in part]
    last = max((i for i, part in enumerate(parts) if "=" not in part), default=-1)
    ordered = f"{name}({', '.join([*needed, *others])})"
    kept = [part.partition("=")[0].strip() if i < last else part for i, part in enumerate(parts)]
    if last < 0 or any(read_signature(text) is None for text in (ordered, f"{name}({', '.join(kept)})")):
        return
    yield Fix(f"write `{name}({', '.join(kept)})`, where each call gives all of the first", (
        Edit(d.span, f"{name}({', '.join(kept)})"),), certain=False)  # fmt: skip
    yield Fix(f"write `{ordered}`; what a call gives by its place is in another order then", (
        Edit(d.span, ordered),), certain=False)  # fmt: skip


def _parameters(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """`conv: [16, 3]` of a block without parameters, whose layers use as many names that nothing gives."""
    at = offset(source, *d.span[1:3])
    call = next((item for item in items(spec) if item.node.start <= at < item.node.end
                 and item.head.text in spec.blocks and not isinstance(item.value, MapNode)), None)  # fmt: skip
    block = None if call is None else spec.blocks[call.head.text]
    if call is None or block is None or block.parameters or block.key.quoted:
        return
    values = call.value.items if isinstance(call.value, ListNode) else [call.value]
    known = {key.text for key, _ in spec.vars} | set(spec.named_values)
    free = [name for name in names_in(block.body) if name not in known and not _is_said(name, spec)]
    if len(free) == len(values):
        signature = f"{block.name}({', '.join(free)})"
        yield Fix(f"write `{signature}`", (replace(source, block.key, signature),), certain=len(free) == 1)


def _is_said(name: str, spec: Spec) -> bool:
    """Whether a name is a word of the language or of a layer's arguments, and so no parameter."""
    return name in _WORDS or name in RESERVED or reserved(name, spec) is not None


_WORDS: Final = frozenset(
    ("same", "zeros", "reflect", "replicate", "circular", "valid", "last", "all", "mean", "true", "false", "batch")
)


def _in_their_order(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """`conv: {params: {kernel: 3, out: int}, …}` where calls give all of them by their places: the order is kept, and
    what has a default loses it."""
    root = parse(source)[0]
    blocks = root.get("blocks") if isinstance(root, MapNode) else None
    at = offset(source, *d.span[1:3])
    for key, body in blocks.entries if isinstance(blocks, MapNode) else ():
        if not isinstance(body, MapNode) or not body.entries or body.entries[0][0].start != at:
            continue
        given = parameters_of(body)
        if not isinstance(given, MapNode) or in_order(given):
            return
        names = [name.text for name, _ in given.entries]
        calls = [item.value for item in items(spec) if item.head.text == key.text]
        places = [call for call in calls if isinstance(call, ListNode) and len(call.items) == len(names)]
        fix = rewritten(key, body, f"{key.text}({', '.join(names)})", source)
        if fix is not None and places:
            yield fix._replace(title=f"{fix.title}: calls give them in this order", certain=False)


def _listed(d: Diagnostic, source: Source) -> Iterator[Fix]:
    """`blocks:` as a list of `name:`, `params:` and `layers:`: each name is a key."""
    root = parse(source)[0]
    node = root.get("blocks") if isinstance(root, MapNode) else None
    if not isinstance(node, ListNode) or node.flow or node.start != offset(source, *d.span[1:3]):
        return
    begin = source.text.rfind("\n", 0, node.start) + 1
    indent = source.text[begin : node.start].partition("-")[0]
    made = [_as_entry(item, source, indent) for item in node.items]
    known = [text for text in made if text is not None]
    if len(known) == len(made):
        written = f"\n{indent}".join(known)
        yield Fix("write each block under its signature",
                  (Edit(source.between(begin + len(indent), node.end), written),))  # fmt: skip


def _as_entry(item: Node, source: Source, indent: str) -> str | None:
    """A block of a list as an entry of `blocks`."""
    if not isinstance(item, MapNode):
        return None
    found: dict[str, Node] = {key.text: value for key, value in item.entries}
    name, body = found.pop("name", None), found.pop("layers", found.pop("body", None))
    given = found.pop("params", found.pop("parameters", found.pop("args", None)))
    if found or not isinstance(name, ScalarNode) or not isinstance(body, ListNode):
        return None
    header = name.text if given is None else header_of(name.text, given, source)
    if header is None or not re.match(r"[a-z_]", header):
        return None
    first = source.text.rfind("\n", 0, body.start) + 1
    shift = body.start - first - len(indent) - 2
    if body.flow:
        return f"{header}: {source.text[body.start : body.end]}"
    lines = source.text[first : body.end].rstrip().split("\n")
    cut = " " * max(shift, 0)
    return "\n".join([f"{header}:", *(line.removeprefix(cut) for line in lines)])
