"""Round trips: a spec is built, the module is imported, and the spec that comes of it is held against the first."""

from __future__ import annotations

import ast
import difflib
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from netspec.cli.shipped import variants
from netspec.combinators import HEADS
from netspec.comparison import compare
from netspec.emit.python import to_python
from netspec.net import Combinator, Leaf, Net, walk
from netspec.torch.verify import example
from tests.trips.layout import arguments, layout

Kind = Literal["same expand", "same layers", "differs", "refused", "crashed", "apart"]


class Trip(NamedTuple):
    """What became of a spec."""

    kind: Kind
    told: str
    """The first difference, or the reason."""
    text: str | None = None
    """The spec that was written."""


def loaded(file: Path, settings: Mapping[str, Any] | None = None) -> Net:
    """The net of a spec: its first variant, where it has none without; with some variables set."""
    try:
        return netspec.load(file, set=settings)
    except (netspec.SpecError, netspec.UsageError):
        named = variants(file)
        if not named:
            raise
        return netspec.load(file, named[0], set=settings)


def is_small(net: Net, limit: float) -> bool:
    """Whether a net has at most so many million parameters."""
    return isinstance(net.params, int) and net.params <= limit * 1e6


def has_heads(net: Net) -> bool:
    """Whether a net gives more while it trains, which one run in eval mode does not show."""
    return any(isinstance(node, Combinator) and node.kind == HEADS for node in walk(net.root))


def emitted(net: Net, folder: Path) -> nn.Module:
    """The module of the Python file that netspec writes, which is put into a folder."""
    file = folder / f"emitted_{abs(hash(net.root.path + net.text))}.py"
    file.write_text(to_python(net), encoding="utf-8")
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[file.stem] = module  # where `inspect` looks for the source of its classes
    spec.loader.exec_module(module)
    functions = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    return getattr(module, [node.name for node in functions if not node.args.args][-1])()


def trip(net: Net, *, is_verified: bool = True, folder: Path | None = None) -> Trip:
    """Build a net, or write it as Python into a folder, import the module, and compare."""
    torch.default_generator.manual_seed(0)
    module = netspec.build(net) if folder is None else emitted(net, folder)
    try:
        inputs = example(net, 2, torch.Generator().manual_seed(0))
        found = from_torch(module, *inputs, name=net.name, is_verified=is_verified)
    except NotCaptured as error:
        return Trip("refused", " ".join(line.strip() for line in str(error).splitlines()[:4])[:400])
    except Exception:
        return Trip("crashed", traceback.format_exc(limit=-2).replace("\n", " ")[-300:])
    before, after = layout(net), layout(found.net)
    first = next(_changed(before, after), "")
    if not first:
        return Trip("same expand", "", found.text)
    changed = list(_layers(net, found.net))
    if not changed:
        return Trip("same layers", first, found.text)
    return Trip("differs", "; ".join([changed[0], *([f"{len(changed) - 1} more"] if changed[1:] else [])]), found.text)


def _changed(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """The first lines that differ, and how many do."""
    lines = [
        line
        for line in difflib.unified_diff(before, after, lineterm="", n=0)
        if line[:3] not in ("---", "+++") and line[:2] != "@@"
    ]
    if lines:
        told = " | ".join(re.sub(r"\s+", " ", line) for line in lines[:4])
        yield f"{len(lines)} of {len(before)} lines: {told}"[:300]


_SUMS = frozenset(("layers", "params", "trainable_params", "buffers", "macs"))
"""What is counted of layers; paths and activations depend on how they are joined."""


def _layers(before: Net, after: Net) -> Iterator[str]:
    """What `netspec compare` says of the layers, and of the sums."""
    comparison = compare(before, after)
    for change in comparison.changes:
        a, b = change.a, change.b
        if a is not None and b is not None and _alike(a) == _alike(b):
            continue
        yield " -> ".join("nothing" if leaf is None else _leaf(leaf, change.arguments) for leaf in (change.a, change.b))
    for row in comparison.rows:
        if row.key in _SUMS and row.a != row.b:
            yield f"{row.title}: {row.a} -> {row.b}"


def _alike(leaf: Leaf) -> tuple[Any, ...]:
    """What is equal of two layers that do the same: a stride that is the kernel size may be left out."""
    return leaf.type, arguments(leaf), leaf.frozen, leaf.parametrization, leaf.borrows


def _leaf(leaf: Leaf, arguments: Sequence[tuple[str, Any, Any]]) -> str:
    told = ", ".join(name for name, _, _ in arguments)
    return f"`{leaf.path}` {leaf.type}{f' ({told})' if told else ''}"
