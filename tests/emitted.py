"""Compare the emitted Python file with the built module."""

from __future__ import annotations

import ast
from typing import Any

import torch
from torch import nn

import netspec
from netspec.emit.python import to_python
from netspec.net import Net


def emitted(net: Net, seed: int = 0) -> nn.Sequential:
    """Emit the network as Python, run the file, and call its last function without arguments; the module that it
    returns.

    Args:
        seed: for `torch.manual_seed`, called just before the function.
    """
    text = to_python(net)
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(text.encode(), "emitted.py", "exec", dont_inherit=True), names)
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    function = [node.name for node in functions if not node.args.args][-1]
    torch.manual_seed(seed)
    return names[function]()


def assert_same(net: Net) -> None:
    """Assert that both modules have the same state dict keys and bitwise equal outputs, in train and eval mode."""
    built, made = netspec.build(net, seed=0), emitted(net)
    assert type(made).__name__ == type(built).__name__
    assert list(made.state_dict()) == list(built.state_dict())
    assert [p.requires_grad for p in made.parameters()] == [p.requires_grad for p in built.parameters()]
    made.load_state_dict(built.state_dict())
    x = torch.randn(2, *net.input_shape, generator=torch.Generator().manual_seed(0))
    for training in (True, False):
        outputs: list[Any] = []
        for model in (built.train(training), made.train(training)):
            torch.manual_seed(1)
            with torch.no_grad():
                outputs.append(model(x))
        built_leaves, made_leaves = (torch.utils._pytree.tree_leaves(tuple_of(output)) for output in outputs)
        assert len(built_leaves) == len(made_leaves)
        assert all(torch.equal(a, b) for a, b in zip(built_leaves, made_leaves, strict=True))


def tuple_of(output: Any) -> Any:
    """A model's output as a plain tuple: both modules define an output class of their own, under one name."""
    return (output.output, *output.aux) if hasattr(output, "aux") else (output,)
