"""A program step by step, as it stands in the file, in 64 bits: what a spec of it is held against.

Each operator is ATen's own, and nothing of what turns a program into a module has a part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import torch
from torch import Tensor

from netspec.capture.exported.functional import operator_of
from netspec.capture.exported.operators import PLAIN
from netspec.capture.exported.parts import as_list
from netspec.capture.exported.program import DtypeArgument, ExportedGraph, ProgramNode, ValueName
from netspec.capture.exported.specials import NUMBERS, SPECIAL
from netspec.capture.exported.steps import DTYPES
from netspec.capture.graph import NotCaptured
from netspec.capture.running.users import told

_MORE: Final = (
    "lstm.input", "gru.input", "rnn_tanh.input", "rnn_relu.input", "conv_transpose1d.default", "conv_transpose2d.input",
    "conv_transpose3d.input", "_prelu_kernel.default",
)  # fmt: skip
"""Operators that are layers of a spec, and no steps of one."""

_SCALED: Final = frozenset(("dropout", "native_dropout", "feature_dropout"))


def literally(graph: ExportedGraph, numbers: Callable[[str], Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """What a program gives, on inputs of the sizes of its example. Dropout scales by its share, as in every proof.

    Raises:
        NotCaptured: a step of it fails.
    """
    values: dict[str, Any] = dict(zip(graph.inputs, inputs, strict=True))
    last = {name: i for i, node in enumerate(graph.nodes) for name in node.reads}
    for name in graph.held:
        if name in last or name in graph.outputs:
            found = numbers(name)
            values[name] = found.double() if found.is_floating_point() else found.clone()
    for i, node in enumerate(graph.nodes):
        if (
            not any(name in last or name in graph.outputs for name in node.outputs)
            and operator_of(node.target)[-1] != "_"
        ):
            continue
        try:
            result = _ran(node, values)
        except (
            RuntimeError,
            ValueError,
            TypeError,
            IndexError,
            KeyError,
            AttributeError,
            NotImplementedError,
        ) as error:
            raise NotCaptured(f"{node.told()}`{node.target}` fails: {told(error)}") from None
        results = as_list(result)
        values.update((name, value) for name, value in zip(node.outputs, results, strict=False) if name is not None)
        for name in node.reads:
            if last[name] == i and name not in graph.outputs:
                values.pop(name, None)
    return [values[name] for name in graph.outputs]


def _ran(node: ProgramNode, values: dict[str, Any]) -> Any:
    given = {name: _resolved(value, values) for name, value in node.args.items()}
    if node.target in NUMBERS:
        return NUMBERS[node.target](cast("Any", None), given)
    word = operator_of(node.target)
    if word.strip("_") in _SCALED:
        value = given.get("input", given.get("self"))  # in place it is `self`
        return value * (1 - given["p"] / 2) if given["train"] else value
    share = float(given.get("dropout_p") or 0.0) if word == "scaled_dot_product_attention" else 0.0
    if share:
        given["dropout_p"] = 0.0
    if word in ("view", "_unsafe_view"):  # how numbers lie in memory is not read
        return torch.ops.aten.reshape.default(given["self"], given["size"])
    result: Any = _operator(node)(**_kept(node, given))
    return result * (1 - share / 2) if share else result


def _operator(node: ProgramNode) -> Any:
    """The operator of ATen's, which the tables name."""
    name = node.target.removeprefix("aten.")
    word, _, form = name.partition(".")
    known = f"{word[:-1]}.{form}" if word.endswith("_") and not word.startswith("__") else name
    if not node.target.startswith("aten.") or not (known in PLAIN or known in SPECIAL or known in _MORE):
        raise NotCaptured(f"{node.told()}`{node.target}` has no form in a spec")
    return getattr(getattr(torch.ops.aten, word), form)


def _kept(node: ProgramNode, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments that are given on: what is left out has its default."""
    schema = _operator(node)._schema
    defaults = {argument.name for argument in schema.arguments if argument.has_default_value()}
    return {name: value for name, value in given.items() if value is not None or name not in defaults}


def _resolved(value: Any, values: dict[str, Any]) -> Any:
    if isinstance(value, ValueName):
        return values[value.name]
    if isinstance(value, DtypeArgument):
        found = DTYPES[value.name]
        return torch.float64 if found.is_floating_point else found
    if isinstance(value, list):
        return [_resolved(each, values) for each in cast("list[Any]", value)]
    return value
