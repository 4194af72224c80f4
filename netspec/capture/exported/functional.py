"""A graph without values that change: what is done in place gives a new value, and what nobody reads is left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from netspec.capture.exported.program import ExportedGraph, ProgramNode, ValueName
from netspec.capture.graph import NotCaptured

_VIEWS: Final = frozenset(
    """
    view reshape flatten unflatten select slice transpose permute unsqueeze squeeze expand split split_with_sizes chunk
    unbind detach alias t narrow movedim numpy_T contiguous to expand_as view_as swapaxes unfold diagonal
    """.split()  # noqa: SIM905  # a list of words reads best as words
)
"""Operators whose results share the memory of what they are given."""

_SAME: Final = frozenset(("detach_", "requires_grad_"))
"""Operators in place that change no number."""


def functional(graph: ExportedGraph) -> None:
    """Turn operators in place into those that give a new value, and leave out what reaches no output.

    Raises:
        NotCaptured: a value is changed that is read through another one.
    """
    _renamed(graph)
    wanted = set(graph.outputs)
    kept: list[ProgramNode] = []
    for node in reversed(graph.nodes):
        if any(name in wanted for name in node.outputs):
            wanted.update(node.reads)
            kept.append(node)
    graph.nodes[:] = reversed(kept)


def operator_of(target: str) -> str:
    """`view` of `aten.view.default`."""
    return target.removeprefix("aten.").partition(".")[0]


def _renamed(graph: ExportedGraph) -> None:
    last: dict[str, int] = {name: len(graph.nodes) for name in graph.outputs}
    for i, node in enumerate(graph.nodes):
        last.update((name, i) for name in node.reads if last.get(name, -1) < i)
    now: dict[str, str] = {}
    base: dict[str, str] = {}
    sharing: dict[str, list[str]] = {}

    def joined(name: str, source: str) -> None:
        base[name] = base.get(source, source)
        sharing.setdefault(base[name], [base[name]]).append(name)

    for i, node in enumerate(graph.nodes):
        word = operator_of(node.target)
        target = node.args.get("self", node.args.get("input"))
        if word in _VIEWS and isinstance(target, ValueName):
            for name in node.outputs:
                if name is not None:
                    joined(name, target.name)
        elif _is_in_place(word) and isinstance(target, ValueName) and len(node.outputs) == 1:
            if word not in _SAME:
                _check_alone(node, target.name, sharing.get(base.get(target.name, target.name), []), last, i)
                if target.name in graph.inputs or graph.held.get(target.name, _NOTHING).kind == "parameter":
                    raise NotCaptured(f"{node.told()}`{word}` changes an input or a parameter; {_FUNCTIONAL}")
            node.target = node.target.replace(f"{word}.", f"{word[:-1]}.", 1)
            _rename(node, now)
            made = node.outputs[0]
            if made is not None:
                joined(made, target.name)
                for name in [key for key, value in now.items() if value == now.get(target.name, target.name)]:
                    now[name] = made
                now[target.name] = made
            continue
        _rename(node, now)
    graph.outputs[:] = [now.get(name, name) for name in graph.outputs]


class _Nothing:
    kind = ""


_NOTHING: Final = _Nothing()

_FUNCTIONAL: Final = "`program.run_decompositions({})` before `torch.export.save` writes it without changes in place"


def _is_in_place(word: str) -> bool:
    return word.endswith("_") and not word.endswith("__")


def _check_alone(node: ProgramNode, name: str, others: Iterable[str], last: dict[str, int], at: int) -> None:
    """Refuse to change what is read later under another name."""
    for other in others:
        if other != name and last.get(other, -1) > at:
            raise NotCaptured(
                f"{node.told()}`{operator_of(node.target)}` changes a tensor in place whose memory another one shares; "
                f"{_FUNCTIONAL}"
            )


def _rename(node: ProgramNode, now: dict[str, str]) -> None:
    def renamed(value: Any) -> Any:
        if isinstance(value, ValueName):
            return ValueName(now.get(value.name, value.name))
        if isinstance(value, list):
            return [renamed(each) for each in value]  # pyright: ignore[reportUnknownVariableType]  # any arguments
        return value

    node.args = {name: renamed(value) for name, value in node.args.items()}
    node.reads = [now.get(name, name) for name in node.reads]
