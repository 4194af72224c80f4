"""`netspec compare --git`: what a branch changes of networks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from netspec.cli.changes import is_below
from netspec.cli.common import is_whole, offer
from netspec.cli.git import ChangedFile, Repository, repository
from netspec.cli.specs import is_spec_text
from netspec.comparison import compare
from netspec.comparison.parts import Kind, marks_of
from netspec.comparison.request import ChangedNetwork, Costs, code, render
from netspec.compiler import check_source, compile_every
from netspec.cost import estimate_by_recipe
from netspec.diagnostics import Diagnostic, UsageError
from netspec.dims import Dim
from netspec.drawing.mermaid import mermaid
from netspec.locking import LockedNet, locked
from netspec.net import Net
from netspec.render import render_text
from netspec.text.source import decode
from netspec.views.describe import plural


@dataclass
class _Told:
    """What there is to say of all specs."""

    ref: str
    entries: list[ChangedNetwork] = field(default_factory=list[ChangedNetwork])
    notes: list[str] = field(default_factory=list[str])
    broken: bool = False


@dataclass(frozen=True)
class _Side:
    """A spec in the commit or now."""

    nets: Mapping[str | None, Net]
    findings: Sequence[Diagnostic] = ()
    text: str = ""

    @property
    def is_whole(self) -> bool:
        return is_whole(self.findings)


def branch(named: Sequence[str], ref: str) -> tuple[str, int]:
    """What the branch changes of the specs that are named (all, where none is), as Markdown; and the exit status: 1 if
    one of them is broken now.

    Raises:
        UsageError: there is no git, no repository or no such commit.
    """
    repo = repository()
    commit = repo.base(ref, "--git")
    told = _Told(ref)
    for change in repo.changed(commit):
        path = os.path.relpath(repo.root / change.path)
        if named and not is_below(path, named):
            continue
        if change.submodule:
            told.notes.append(f"{code(change.path)}, a repository within this one, is at another commit: not looked at")
        else:
            _tell(repo, commit, change, told)
    return render(told.entries, ref, told.notes), 1 if told.broken else 0


def _tell(repo: Repository, commit: str, change: ChangedFile, told: _Told) -> None:
    before = None if change.before is None else repo.text(commit, change.before)
    now = None if change.now is None else _read(repo.root / change.now)
    old = _side(change.before, before, mends=False)
    new = _side(change.now, now, mends=True)
    if old is None and new is None:
        return
    if new is not None and not new.is_whole:
        told.broken = True
        told.entries.append(ChangedNetwork(change.path, "broken", findings=_words(new, change.path)))
        return
    remarks: list[str] = []
    if old is not None and not old.is_whole:
        remarks.append(f"It was broken in {code(told.ref)}: there is nothing to compare it with.")
    if old is not None and new is not None and change.before != change.now:
        remarks.append(f"It was {code(change.before or '')}.")
    entries = list(_entries(change.path, old, new, " ".join(remarks)))
    if new is not None and new.findings and entries:
        entries[0] = replace(entries[0], findings=_words(new, change.path))
    told.broken = told.broken or (new is not None and any(d.severity == "error" for d in new.findings))
    told.entries += entries
    if not entries:
        moved = (
            f"{code(change.before or '')} is {code(change.path)} now"
            if remarks
            else f"{code(change.path)}: another text"
        )
        told.notes.append(f"{moved}, the same network{'s' if new is not None and len(new.nets) > 1 else ''}")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        click.echo(f"{path}: cannot be read ({error.strerror})", err=True)
        return None


def _side(path: str | None, data: bytes | None, *, mends: bool) -> _Side | None:
    """A spec as it was or is; None for what is none."""
    if path is None or data is None or not is_spec_text(path, data):
        return None
    source, problems = decode(data, path)
    found = [d for d in check_source(source, problems, offer=offer(), mends=mends) if d.severity == "error"]
    if not is_whole(found):
        return _Side({}, found, source.text)
    made = compile_every(source, problems, offer=offer())
    return _Side({name: result.net for name, result in made.items() if result.net is not None}, found, source.text)


def _words(side: _Side, path: str) -> str:
    return render_text(side.findings, {path: side.text}, width=100)


def _entries(path: str, old: _Side | None, new: _Side | None, remark: str) -> Iterator[ChangedNetwork]:
    nothing: Mapping[str | None, Net] = {}
    before, now = nothing if old is None else old.nets, nothing if new is None else new.nets
    for variant in [*now, *(name for name in before if name not in now)]:
        name = path if variant is None else f"{path} {variant}"
        a, b = before.get(variant), now.get(variant)
        if a is not None and b is not None:
            entry = _changed(name, a, b, remark)
            if entry is not None:
                yield entry
        elif b is not None:
            yield ChangedNetwork(name, "added", None, _costs(b), chart=_chart(b), remark=remark)
        elif a is not None:
            yield ChangedNetwork(name, "removed", _costs(a), None, remark=remark)


def _changed(name: str, a: Net, b: Net, remark: str) -> ChangedNetwork | None:
    """What differs; None for two networks that are the same."""
    comparison = compare(replace(a, name="before"), replace(b, name="now"))
    old, new = locked(a), locked(b)
    costs = _costs(a), _costs(b)
    if old == new and not comparison.changes and costs[0] == costs[1]:
        return None
    keys = _keys(old, new)
    remarks = [*filter(None, [remark]), *([keys] if keys else [])]
    chart = _chart(comparison.a, comparison.b, marks=marks_of(comparison.pairs))
    return ChangedNetwork(name, "changed", *costs, comparison, chart=chart, remark=" ".join(remarks))


def _keys(old: LockedNet, new: LockedNet) -> str:
    """What becomes of the weights that were saved."""
    before, after = _state(old), _state(new)
    gone, made = len(before.keys() - after.keys()), len(after.keys() - before.keys())
    other = sum(before[key] != after[key] for key in before.keys() & after.keys())
    counts = [
        f"{count} {word}" for count, word in ((gone, "gone"), (made, "new"), (other, "of another shape")) if count
    ]
    if not counts:
        return f"All {plural(len(after), 'key')} of the `state_dict` are as they were." if after else ""
    return f"Keys of the `state_dict`: {', '.join(counts)}. Weights that were saved before do not fit as they are."


def _state(net: LockedNet) -> dict[str, tuple[int | str, ...]]:
    return {f"{path}.{name}": shape for path, layer in net.layers.items() for name, shape in layer.state.items()}


def _costs(net: Net) -> Costs:
    symbolic = any(isinstance(size, Dim) for value in net.inputs for size in value.type.shape)
    try:
        cost = None if symbolic else estimate_by_recipe(net, None if net.recipe is not None else 1)
    except UsageError:  # an optimizer of which nothing is known
        cost = None
    return Costs(net.params, net.macs, None if cost is None else cost.peak, None if cost is None else cost.batch)


def _chart(*nets: Net, marks: Mapping[int, Kind] | None = None) -> str:
    """A flowchart with blocks closed; empty where Mermaid does not draw as much."""
    try:
        return mermaid(nets, depth=1, marks=marks)[0]
    except UsageError:
        return ""
