"""Every layer against the torch class of its name: signature, examples, cost, and what is not offered."""

from __future__ import annotations

import ast
import inspect
import math
import operator
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netspec
from netspec.dims import UNKNOWN, Findings, Unmet, collecting
from netspec.layers import FAMILIES, MODULE_OF, UNOFFERED, layer_class
from netspec.layers.base import Example, Layer, TensorType
from netspec.torch.measured import first, further, kept_by_rule
from tests.layers.differential import tupled
from tests.layers.generator import LAYERS
from tests.layers.memory import kept
from tests.layers.oracle import BATCH, buffers_of, construct, example, macs_of, parameters_of

ABOUT = {"RNN", "LSTM", "GRU", "EmbeddingBag"}
"""Layers of which `saved` is measured within 20 %: they keep states of a few sizes."""

CASES = [(name, use) for name in LAYERS for use in layer_class(name).examples]
IDS = [f"{name}-{number}" for name in LAYERS for number, _ in enumerate(layer_class(name).examples)]
ALL = [(name, use) for name in MODULE_OF for use in layer_class(name).examples]
ALL_IDS = [f"{name}-{number}" for name in MODULE_OF for number, _ in enumerate(layer_class(name).examples)]
per_example = pytest.mark.parametrize(("name", "use"), CASES, ids=IDS)


def made(name: str, use: Example) -> tuple[Layer, TensorType, nn.Module]:
    """A layer, its input and the torch module of an example."""
    layer = layer_class(name).model_validate(tupled(use.arguments))
    x = TensorType(use.input, use.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return layer, x, construct(layer.call(x))


def macs_by_rule(layer: Layer, x: TensorType, use: Example) -> Any:
    """Multiply-accumulates that a layer says of an example."""
    return layer.macs_of_all(x, use.further) if use.others else layer.macs(x)


def signature(name: str) -> dict[str, inspect.Parameter]:
    """The parameters of a torch class, device and dtype and private ones excepted."""
    if name in ("RNN", "LSTM", "GRU"):  # they take anything and hand it on
        found = dict(inspect.signature(nn.RNNBase.__init__).parameters)
        found.pop("mode")
        if name != "LSTM":
            found.pop("proj_size")
        if name == "RNN":
            items = list(found.items())
            items.insert(
                4, ("nonlinearity", inspect.Parameter("nonlinearity", inspect.Parameter.KEYWORD_ONLY, default="tanh"))
            )
            found = dict(items)
    else:
        found = dict(inspect.signature(getattr(nn, name).__init__).parameters)
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {n: p for n, p in found.items() if n not in ("self", "device", "dtype") and p.kind not in kinds}


@pytest.mark.parametrize("name", LAYERS)
def test_arguments_are_torchs_in_torchs_order_with_torchs_defaults(name: str) -> None:
    cls = layer_class(name)
    theirs = {n: p for n, p in signature(name).items() if n not in cls.omitted}
    assert [n for n in cls.model_fields if n not in ("returns", "is_causal")] == list(theirs)
    for argument, parameter in theirs.items():
        field = cls.model_fields[argument]
        if argument in (cls.width, "batch_first"):
            assert field.default is None
        elif parameter.default is inspect.Parameter.empty:
            assert field.is_required(), argument
        elif argument == "activation":
            assert field.default == parameter.default.__name__
        elif argument == "dim" and name in ("Softmax", "LogSoftmax", "Softmin"):
            assert field.is_required()  # torch guesses
        else:
            assert field.default == parameter.default
            assert type(field.default) is type(parameter.default) or name in ("CrossMapLRN2d",)


@pytest.mark.parametrize("name", LAYERS)
def test_what_torch_has_and_the_layer_does_not_take_is_explained(name: str) -> None:
    cls = layer_class(name)
    assert set(cls.omitted) >= set(signature(name)) - set(cls.model_fields)
    assert set(cls.omitted).isdisjoint(cls.model_fields)


NOT_IN_EVERY_TORCH = {"LinearCrossEntropyLoss"}
"""What the oldest admitted release lacks."""


def test_every_module_of_torch_is_offered_or_refused_with_a_reason() -> None:
    theirs = {n for n, c in vars(nn).items() if inspect.isclass(c) and issubclass(c, nn.Module)}
    assert theirs <= set(MODULE_OF) | set(UNOFFERED)
    assert set(MODULE_OF).isdisjoint(UNOFFERED)
    assert set(UNOFFERED) - theirs <= NOT_IN_EVERY_TORCH


@per_example
def test_an_example_gives_the_shape_that_torch_gives(name: str, use: Example) -> None:
    layer, x, module = made(name, use)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = first(module(example(use.input, use.dtype), *further(use.further)))
    assert layer.output(x) == (use.output, "float32" if name.startswith("Embedding") else use.dtype)
    assert tuple(result.shape) == (BATCH, *use.output)
    assert layer.parameters(x) == parameters_of(module)
    assert layer.buffers(x) == buffers_of(module)
    assert layer.params(x) == sum(p.numel() for p in module.parameters())


@per_example
def test_macs_are_half_the_flops_that_torch_counts(name: str, use: Example) -> None:
    layer, x, module = made(name, use)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert macs_of(module, use.input, use.dtype, 2, *further(use.further)) == macs_by_rule(layer, x, use)


@pytest.mark.parametrize(("name", "use"), ALL, ids=ALL_IDS)
def test_what_autograd_keeps_is_what_the_layer_says(name: str, use: Example) -> None:
    layer, x, module = made(name, use)
    value = example(use.input, use.dtype)
    if use.dtype == "float32":
        value = value.requires_grad_().clone()
    address = value.untyped_storage().data_ptr()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        others = further(use.further)
        others = tuple(t.requires_grad_().clone() if t.is_floating_point() else t for t in others)
        found, result = kept(module, value, *others)
    same_memory = result.untyped_storage().data_ptr() == address
    # a merge of neighbouring axes is a view for some inputs, and nothing is said of it
    assert layer.shares(x) == same_memory or (name == "Rearrange" and same_memory)
    saved = layer.saved_of_all(x, use.further, tuple(use.others)) if use.others else layer.saved(x)
    ours, measured = kept_by_rule(saved, value, result), sum(found.values())
    ours += sum(t.nbytes for t, key in zip(others, use.others, strict=True) if key in saved.others)
    if name in ABOUT:
        assert ours == pytest.approx(measured, rel=0.2)
    else:
        assert ours == measured


@per_example
def test_an_unknown_size_is_never_a_mistake(name: str, use: Example) -> None:
    layer = layer_class(name).model_validate(use.arguments)
    for axis in range(len(use.input)):
        shape = (*use.input[:axis], UNKNOWN, *use.input[axis + 1 :])
        findings = Findings()
        with collecting(findings):
            output = layer.output(TensorType(shape, use.dtype))
            layer.params(TensorType(shape, use.dtype))
            layer.macs(TensorType(shape, use.dtype))
        assert len(output.shape) == len(use.output)
        assert [problem for problem in findings.problems if problem.severity == "error"] == []
        known = zip(output.shape, use.output, strict=True)
        assert all(size is UNKNOWN or size == wanted for size, wanted in known)


@per_example
def test_a_derivation_is_arithmetic_that_gives_the_size(name: str, use: Example) -> None:
    layer, x, _ = made(name, use)
    for axis, size in enumerate(use.output):
        formula = layer.derivation(x, axis)
        if formula is not None:
            assert _value(formula) == size, formula


_NOTATION = str.maketrans({"×": "*", "·": "*", "−": "-", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "²": "**2"})
_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def _value(formula: str) -> int:
    """The value of a formula in the notation of the messages."""
    arithmetic = formula.replace("directions ", "").partition(",")[0].translate(_NOTATION)
    return _calculated(ast.parse(arithmetic, mode="eval").body)


def _calculated(node: ast.expr) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.BinOp():
            return _OPERATIONS[type(node.op)](_calculated(node.left), _calculated(node.right))
        case ast.Call(func=ast.Name(id=name)):
            return {"floor": math.floor, "ceil": math.ceil}[name](_calculated(node.args[0]))
        case _:
            raise AssertionError(ast.dump(node))


def test_a_wrong_dtype_is_refused_by_every_layer_that_computes() -> None:
    moves = {"Identity", "Flatten", "Unflatten", "PixelShuffle", "PixelUnshuffle", "ChannelShuffle"}
    for name in set(LAYERS) - moves:
        use = layer_class(name).examples[0]
        layer = layer_class(name).model_validate(use.arguments)
        other = "int64" if use.dtype == "float32" else "float32"
        with pytest.raises(Unmet) as caught:
            layer.output(TensorType(use.input, other))  # type: ignore[arg-type]
        assert caught.value.problem.code == "wrong-dtype", name


def test_a_spec_loads_only_the_families_that_it_names() -> None:
    code = (
        "import sys, netspec; netspec.load('specs/alexnet.yaml'); "
        "print(*sorted(m.rpartition('.')[2] for m in sys.modules if m.startswith('netspec.layers.')))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(printed.split()) & set(FAMILIES)
    assert loaded == {"convolution", "activation", "pooling", "shape", "linear", "dropout"}


OF_SEVERAL = {
    "CosineSimilarity": ("[8]", lambda v: F.cosine_similarity(v["a"], v["b"])),
    "PairwiseDistance": ("[8]", lambda v: F.pairwise_distance(v["a"], v["b"], eps=0.0)),
}


def instead_of(name: str) -> tuple[str, list[str]]:
    """The items that the reason for a layer of several values says to write, and the values that they read."""
    items = "".join(f"  {item}\n" for item in re.findall(r"`(- [^`]+)`", UNOFFERED[name]))
    return items, re.findall(r"`([a-z])`", UNOFFERED[name])


@pytest.mark.parametrize("name", OF_SEVERAL)
def test_what_is_written_instead_of_a_layer_of_several_values_computes_the_same(name: str) -> None:
    shape, theirs = OF_SEVERAL[name]
    items, values = instead_of(name)
    net = netspec.loads(f"input: {{{', '.join(f'{value}: {shape}' for value in values)}}}\nlayers:\n{items}")
    given = {value: torch.randn(2, *net.named_inputs[i].type.shape) for i, value in enumerate(values)}
    torch.testing.assert_close(netspec.build(net)(*given.values()), theirs(given))


def test_what_is_written_instead_of_bilinear_is_a_product_with_a_parameter() -> None:
    items, _ = instead_of("Bilinear")
    net = netspec.loads(f"input: {{a: [8], b: [8]}}\nlayers:\n{items}")
    model = netspec.build(net)
    (weight,) = model.parameters()
    a, b = torch.randn(2, 8), torch.randn(2, 8)
    torch.testing.assert_close(model(a, b), F.bilinear(a, b, weight.reshape(3, 8, 8)))
