"""A program's text → the spec of the network in it, where that is a chain of layers. Nothing of it is run."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, cast

from netspec.compiler import check, loads
from netspec.errors import SpecError
from netspec.importing.config import ImportedSpec, NotImportable
from netspec.layers import OWN, layer_class
from netspec.mends.calls import NoChain, WrittenItem, items_text
from netspec.mends.edits import applied
from netspec.mends.pasted import LONGEST, ReadChain, chain_of, what_was_found
from netspec.net import Net
from netspec.text.source import Source

_LARGEST: Final = 4_000_000
"""Characters of a notebook; its pictures count."""
_FENCE: Final = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_CELL: Final = re.compile(r"^In \[[^\]\n]*\]:[ \t]*", re.MULTILINE)
_WIDTH: Final = re.compile(r"\b(?:in_channels|in_features|num_features|input_size): \d+(?:, )?")
"""What a spec knows by what stands in front."""
_SINGLE: Final = re.compile(r"(\w+): \{(\w+): ([^,{}\[\]]+)\}")


def from_program(text: str, name: str, shape: Sequence[int] | None = None) -> ImportedSpec:
    """The spec of the chain of layers that a text of Python has: a program, a page with code in fences, or a notebook.

    Args:
        text: the program, which is read and not run.
        name: of the network.
        shape: of one example, if it is not to be the one that the text says.

    Raises:
        NotImportable: it has no network, or one that is no chain.

    >>> print(from_program("net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))", "small", [1, 28, 28]).text, end="")
    netspec: 1
    name: small
    input: [1, 28, 28]
    <BLANKLINE>
    layers:
      - Flatten
      - Linear: 10
    """
    code = code_of(text)
    chain = _chain(code)
    notes = ["the text was read, and nothing of it was run or compared"]
    if shape is None and chain.input is None:
        shape = _fitting(code)
        notes.append("nothing says what it takes: the input is of a size that fits; `--input` says another")
    head = f"netspec: 1\nname: {name}\ninput: [{', '.join(map(str, shape or chain.input or ()))}]\n\nlayers:\n"
    long = _compiled(head, chain.entries)
    entries: Sequence[WrittenItem] = chain.entries
    for shorter in (_without_widths, _scalar):
        tried = [_changed(item, shorter) for item in entries]
        net = _tried(head, tried)
        if net is not None and _rows(net) == _rows(long):
            entries = tried
    params = long.params
    assert isinstance(params, int)
    return ImportedSpec(f"{head}{_lines(entries)}", params, tuple(notes))


def code_of(text: str) -> str:
    """The Python in a text: of a notebook its cells, of a page what stands in fences or behind `In [1]:`; else all."""
    if text.lstrip().startswith("{"):
        return "\n".join(_cells(text))
    fences = [found[2] for found in _FENCE.finditer(text)]
    if fences:
        return "\n".join(fences)
    cells = [cell for cell in _CELL.split(text)[1:] if not cell.startswith(" ")]
    return "\n".join(map(_beginning, cells)) if cells else text


def _cells(text: str) -> Iterator[str]:
    """The cells of a notebook that hold code, without what is for its shell."""
    try:
        found: Any = json.loads(text) if len(text) <= _LARGEST else None
    except (ValueError, RecursionError):
        found = None
    cells: Any = cast("dict[str, Any]", found).get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list):
        raise NotImportable("this begins as a notebook does, and has no `cells` that could be read")
    for cell in cast("list[Any]", cells):
        if not isinstance(cell, dict) or cast("dict[str, Any]", cell).get("cell_type") != "code":
            continue
        source: Any = cast("dict[str, Any]", cell).get("source", "")
        lines = "".join(map(str, cast("list[Any]", source))) if isinstance(source, list) else str(source)
        yield "\n".join(line for line in lines.splitlines() if line.lstrip()[:1] not in ("%", "!"))


def _beginning(cell: str) -> str:
    """The lines of a cell that are Python; what is told behind it is none."""
    lines = cell.splitlines()
    for count in range(len(lines), 0, -1):
        code = "\n".join(lines[:count])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in code that is not ours
                ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return code
    return ""


def _chain(code: str) -> ReadChain:
    if len(code) > LONGEST:
        raise NotImportable(f"the program has {len(code):,} characters; {LONGEST:,} at most are read")
    try:
        chain = chain_of(code, OWN)
    except NoChain:
        told = what_was_found(code, OWN, 1)
        raise NotImportable(told or "no network was found in it that is a chain of layers") from None
    if not chain.entries:
        raise NotImportable("no layers were found in it")
    if not chain.certain or chain.doubt is not None:
        what = f"`{chain.doubt}` is not carried over" if chain.doubt else "what is printed of a class is no program"
        raise NotImportable(f"{what}: the spec might be another network")
    return chain


def _fitting(code: str) -> tuple[int, ...]:
    """A shape of one example for which the widths of the layers are right."""
    for finding in check("program.py", code):
        changed = None if finding.fix is None else applied(Source("program.py", code), finding.fix.edits)
        if changed is not None:
            try:
                shape = loads(changed.text).input_shape
            except SpecError:
                continue
            sizes = tuple(size for size in shape if isinstance(size, int))
            if len(sizes) == len(shape):
                return sizes
    raise NotImportable("nothing says what the network takes: `--input 3,224,224` says it, one example's sizes")


def _compiled(head: str, entries: Sequence[WrittenItem]) -> Net:
    try:
        return loads(head + _lines(entries))
    except SpecError as error:
        first = next(d for d in error.diagnostics if d.severity == "error")
        raise NotImportable(f"its layers do not make a network: {first.message}") from None


def _tried(head: str, entries: Sequence[WrittenItem]) -> Net | None:
    try:
        return loads(head + _lines(entries))
    except SpecError:
        return None


def _lines(entries: Sequence[WrittenItem]) -> str:
    return "".join(f"  {line}\n" for line in items_text(entries))


def _changed(item: WrittenItem, change: Callable[[str], str]) -> WrittenItem:
    return item._replace(call=change(item.call), inside=tuple(_changed(each, change) for each in item.inside))


def _without_widths(call: str) -> str:
    """A call without the width that follows from what stands in front of it."""
    return _WIDTH.sub("", call).replace(", }", "}").removesuffix(": {}")


def _scalar(call: str) -> str:
    """A call of one value without the name of it: `Linear: 10`."""
    single = _SINGLE.fullmatch(call)
    if single is None or single[1] not in OWN.layers or layer_class(single[1]).scalar != single[2]:
        return call
    return f"{single[1]}: {single[3]}"


def _rows(net: Net) -> list[tuple[object, ...]]:
    return [(leaf.path, leaf.type, leaf.args) for leaf in net.layers]
