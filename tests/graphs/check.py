"""One random graph, held against the interpreter: shapes, parameters, MACs, outputs of all that is made of it."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import netspec
from netspec.emit.yaml import expand
from netspec.net import Net
from tests.graphs.generator import Generator
from tests.graphs.interpreter import Interpreter


class Made(NamedTuple):
    """A spec, the net of it, and the module that is built of that."""

    spec: dict[str, Any]
    net: Net
    model: nn.Module


def expanded(made: Made) -> nn.Module:
    """The module of the flat spec."""
    again = netspec.loads(expand(made.net))
    assert [leaf.path for leaf in again.layers] == [leaf.path for leaf in made.net.layers]
    assert (again.params, again.macs, again.named_outputs) == (made.net.params, made.net.macs, again.named_outputs)
    model = netspec.build(again)
    model.load_state_dict(made.model.state_dict())
    return model


def emitted(made: Made) -> nn.Module:
    """The module of the emitted Python file."""
    names: dict[str, Any] = {"__name__": "emitted"}
    source = netspec.to_python(made.net)
    exec(compile(source, "emitted", "exec"), names)
    model: nn.Module = names[re.findall(r"^def (\w+)\(\) ->", source, re.MULTILINE)[-1]]()
    assert list(model.state_dict()) == list(made.model.state_dict())
    model.load_state_dict(made.model.state_dict())
    return model


MODULES: dict[str, Callable[[Made], nn.Module]] = {
    "the built module": lambda made: made.model,
    "the flat spec": expanded,
    "the emitted file": emitted,
}
"""What is run and compared, each with its words."""


def check(seed: int) -> dict[str, Any]:
    """Fail with the text of the spec where netspec and the interpreter differ; the spec otherwise."""
    spec = Generator(seed).spec()
    text = json.dumps(spec)
    try:
        net = netspec.loads(text)
    except netspec.SpecError as error:
        raise AssertionError(f"seed {seed} is refused:\n{text}\n{error}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about layers without weights
        made = Made(spec, net, netspec.build(net, seed=seed))
    inputs = list(_inputs(net, seed))
    interpreter = Interpreter(spec, (made.model.get_submodule(leaf.path).state_dict() for leaf in net.layers))
    with torch.no_grad():
        expected = interpreter.run(inputs)
        shapes = {name: [tuple(t.shape[1:]) for t in _tensors(x)] for name, x in expected.items()}
        told = {value.name or "output": [type_.shape for type_ in value.types] for value in net.outputs}
        assert told == shapes, f"seed {seed}: shapes {told}, not {shapes}\n{text}"
        assert interpreter.parameters == net.params, f"seed {seed}: the parameters\n{text}"
        assert interpreter.macs == net.macs, f"seed {seed}: the multiply-accumulates\n{text}"
        assert interpreter.constant_macs == net.constant_macs, f"seed {seed}: those of constants\n{text}"
        for words, module in MODULES.items():
            found = module(made)(*inputs)
            given = found._asdict() if hasattr(found, "_asdict") else {"output": found}
            assert list(given) == list(expected), f"seed {seed}: {words} gives {list(given)}\n{text}"
            for name, x in expected.items():
                assert _agree(x, given[name]), f"seed {seed}: `{name}` of {words}\n{text}"
    return spec


def differs(seed: int) -> str | None:
    """What the check of a seed says; None if all agree."""
    try:
        check(seed)
    except Exception as error:  # any: a traceback of netspec's is a disagreement too
        return f"seed {seed}: {type(error).__name__}: {error}"
    return None


def _inputs(net: Net, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    for value in net.inputs:
        x = torch.randn(2, *value.type.shape, generator=generator)
        yield x if value.type.dtype == "float32" else x > 0 if value.type.dtype == "bool" else (x * 3).long()


def _tensors(x: Any) -> list[Tensor]:
    return [x] if isinstance(x, Tensor) else list(x)


def _agree(expected: Any, found: Any) -> bool:
    pairs = list(zip(_tensors(expected), _tensors(found), strict=True))
    return isinstance(expected, Tensor) == isinstance(found, Tensor) and all(
        a.dtype == b.dtype and (torch.equal(a, b) or torch.allclose(a, b, equal_nan=True)) for a, b in pairs
    )
