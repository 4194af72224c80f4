"""`Parameter` and `Buffer`: one tensor for all examples, and what is computed of such tensors alone."""

from __future__ import annotations

import copy
import io
import json
import math
import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import netspec
from netspec import estimate
from netspec.net import Net
from netspec.torch.measured import counting_flops, kept
from tests.emitted import emitted as emitted_module

LATENTS = """
input: [9, 16]
layers:
  - as: x
  - Parameter: [4, 8]
    name: latents
  - Linear: 16
  - Tanh:
    as: queries
  - einsum: [[], x]
    pattern: n i d, n j d -> n i j
  - Softmax: -1
  - einsum: [[], x]
    pattern: n i j, n j d -> n i d
  - concat: [[], queries, [Buffer: {value: "[[i / 16 for i in range(16)]]", persistent: false}]]
  - stack: [[], [Parameter: [9, 16]]]
output: {z: [], scale: [Parameter: 3], queries: queries, table: [Buffer: [[1, 2], [3, 4]]]}
"""


class Latents(nn.Module):
    """The same, as a person would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.latents, self.other = nn.Parameter(torch.empty(4, 8)), nn.Parameter(torch.empty(9, 16))
        self.scale, self.linear = nn.Parameter(torch.empty(3)), nn.Linear(8, 16)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        n = len(x)
        queries = self.linear(self.latents).tanh()
        y = (queries @ x.mT).softmax(-1) @ x
        row = torch.arange(16) / 16
        y = torch.cat([y, queries.expand(n, -1, -1), row.expand(n, 1, -1)], 1)
        z = torch.stack([y, self.other.expand(n, -1, -1)], 1)
        table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        return z, self.scale.expand(n, -1), queries.expand(n, -1, -1), table.expand(n, -1, -1)


def built(text: str = LATENTS) -> tuple[Net, nn.Module]:
    net = netspec.loads(text)
    return net, netspec.build(net, seed=0)


KEYS = ("latents.weight", "7.branches.1.0.weight", "scale.0.weight", "1.weight", "1.bias")
"""Of the built module, in the order of `Latents`."""


def same(found: Any, expected: Any) -> None:
    for a, b in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        assert a.shape == b.shape
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5)


def test_constants_meet_examples_as_in_a_module_written_by_hand() -> None:
    net, model = built()
    other = Latents()
    other.load_state_dict(dict(zip(other.state_dict(), (model.state_dict()[key] for key in KEYS), strict=True)))
    assert [value.types[0].shape for value in net.outputs] == [(2, 9, 16), (3,), (4, 16), (2, 2)]
    for batch in (1, 2, 5):
        x = torch.randn(batch, 9, 16)
        same(model(x), other(x))
        for module in (model, other):
            module.zero_grad()
            sum(y.square().sum() for y in module(x)).backward()  # type: ignore[union-attr]
        same([model.get_parameter(key).grad for key in KEYS], [p.grad for p in other.parameters()])


def test_keys_are_those_of_the_items_and_a_buffer_that_does_not_persist_has_none() -> None:
    _, model = built()
    assert list(model.state_dict()) == [
        "latents.weight", "1.weight", "1.bias", "7.branches.1.0.weight", "scale.0.weight", "table.0.value",
    ]  # fmt: skip
    assert model.state_dict()["table.0.value"].tolist() == [[1, 2], [3, 4]]


def test_it_is_verified_emitted_pickled_copied_and_exported() -> None:
    net, model = built()
    assert not netspec.verify(net).disagreements
    x = torch.randn(3, 9, 16)
    expected = model.eval()(x)
    emitted = emitted_module(net)
    emitted.load_state_dict(model.state_dict())
    same(emitted.eval()(x), expected)
    same(copy.deepcopy(model)(x), expected)
    same(torch.compile(model, backend="eager", fullgraph=True)(x), expected)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    same(torch.load(file, weights_only=False)(x), expected)
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(model, (torch.randn(4, 9, 16),), dynamic_shapes=[{0: batch}])  # type: ignore[no-untyped-call]
    same(exported.module()(x), expected)
    again = netspec.loads(netspec.expand(net))
    assert [leaf.path for leaf in again.layers] == [leaf.path for leaf in net.layers]
    assert (again.params, again.macs, again.constant_macs) == (net.params, net.macs, net.constant_macs)


def test_a_network_that_reads_no_input_gives_its_output_for_each_example() -> None:
    """A warning says so; what it gives has a batch all the same, in the emitted file too."""
    text = "input: [8]\nlayers: [Linear: 4, Parameter: [3], Linear: 5]"
    net, model = built(text)
    emitted = emitted_module(net)
    emitted.load_state_dict(model.state_dict())
    for module in (model, emitted):
        y = module(torch.randn(4, 8))
        assert y.shape == (4, 5)
        assert torch.equal(y[0], y[3])


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_what_is_computed_of_constants_alone_is_counted_once(batch: int) -> None:
    net, model = built()
    with counting_flops() as counter:
        model(torch.randn(batch, 9, 16))
    assert net.constant_macs == 4 * 8 * 16
    assert counter.get_total_flops() == 2 * (batch * (net.macs - net.constant_macs) + net.constant_macs)
    assert f"MACs of constants, once for a whole batch: {net.constant_macs}" in netspec.summary(net)


MEMORY = {
    "latents": LATENTS,
    "arithmetic": """
input: {x: [16, 4]}
layers:
  - Parameter: [16, 1]
  - Linear: 32
  - Sigmoid
  - as: gates
  - Buffer: "[[i / 7 for i in range(32)]]"
  - as: numbers
  - use: x
  - Linear: 32
  - as: y
  - use: y * gates + gates * numbers + (y + 1) * numbers
  - mul: [[Tanh], [Parameter: [1, 32]]]
  - residual: [LayerNorm, Linear: 32]
""",
    "shared storage": """
input: [6]
layers:
  - as: x
  - Parameter: [12]
  - Chunk: 2
    as: [a, b]
  - use: x * a
  - Linear: 6
  - mul: [[], b]
  - add: [[], [Buffer: 1, Rearrange: n -> n 1, Linear: 6, SiLU]]
""",
}  # fmt: skip


@pytest.mark.parametrize("name", MEMORY)
def test_what_is_kept_for_the_backward_pass_is_what_autograd_keeps(name: str) -> None:
    """Parameters and buffers are kept as they are; a result of constants once, however many examples there are."""
    net, model = built(MEMORY[name])
    for batch in (3, 50):
        inputs = [torch.randn(batch, *value.type.shape) for value in net.inputs]  # type: ignore[arg-type]
        found, _ = kept(model, *inputs)
        assert estimate(net, batch, device="cpu").activations == pytest.approx(sum(found.values()), rel=0.01)


def test_bytes_of_buffers_are_those_of_their_dtype() -> None:
    text = "input: [4]\nlayers: [as: x, Buffer: {value: range(4), dtype: int64, persistent: false}, "
    net = netspec.loads(text + "Embedding: {num_embeddings: 4, embedding_dim: 1}, Flatten, add: [[], x]]")
    own = sum(buffer.nbytes for buffer in netspec.build(net).buffers())
    assert estimate(net, 2).buffers == own == 32


def test_init_freeze_tie_and_shared_mean_what_they_mean_of_other_layers() -> None:
    net, model = built(
        """
input: [5, 8]
layers:
  - as: x
  - {Parameter: [1, 8], name: token, init: {constant_: {val: 2.0}}}
  - Parameter: [4, 8]
    name: first
    freeze: true
  - Parameter: [4, 8]
    name: second
    tie: {weight: first.weight}
    freeze: true
  - Parameter: [1, 8]
    shared: token2
  - add: [[], x]
  - Parameter: [1, 8]
    shared: token2
    as: t
  - concat: [[], x, [use: t]]
init: {Parameter: zeros_}
"""
    )
    state = dict(model.named_parameters())
    assert state["token.weight"].eq(2).all()
    assert state["token2.weight"].eq(0).all()
    assert [key for key, p in state.items() if not p.requires_grad] == ["first.weight"]
    assert net.params == 8 + 32 + 8
    assert net.trainable_params == 16


def test_json_says_what_is_constant_and_leaves_other_nets_as_they_were() -> None:
    found = netspec.to_json(netspec.loads(LATENTS))
    assert [layer["path"] for layer in found["layers"] if layer.get("constant")] == [
        "latents", "1", "2", "6.branches.2.0", "7.branches.1.0", "scale.0", "table.0",
    ]  # fmt: skip
    assert [value["values"][0].get("constant") for value in found["outputs"]] == [None, True, True, True]
    assert "constant" not in json.dumps(netspec.to_json(netspec.loads("input: [8]\nlayers: [Linear: 4]")))


@st.composite
def tensors(draw: st.DrawFn) -> Any:
    shape = draw(st.lists(st.integers(1, 3), max_size=3))
    count = math.prod(shape)
    flat = draw(st.lists(st.floats(-1e3, 1e3, width=32) | st.integers(-99, 99), min_size=count, max_size=count))
    for size in reversed(shape):
        flat = [flat[i : i + size] for i in range(0, len(flat), size)]
    return flat[0]


@settings(max_examples=60, deadline=None)
@given(tensors())
def test_a_buffer_is_the_tensor_that_torch_makes_of_the_numbers(value: Any) -> None:
    """Also after it was written as YAML and as Python; beside an input it is there for each example."""
    text = json.dumps({"input": [2], "layers": [{"as": "x"}, {"Buffer": value}], "output": {"b": [], "x": "x"}})
    net = netspec.loads(text)
    expected = torch.tensor(value, dtype=torch.float32)
    modules = [netspec.build(net), netspec.build(netspec.loads(netspec.expand(net))), emitted_module(net)]
    for module in modules:
        assert torch.equal(module(torch.zeros(3, 2)).b, expected.expand(3, *expected.shape))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=4), st.sampled_from(["add", "mul", "concat", "stack"]))
def test_joins_of_constants_and_examples_are_torchs_of_repeated_tensors(constant: list[bool], word: str) -> None:
    branches = [[{"Parameter": [2, 3]}] if one else [] for one in constant]
    net = netspec.loads(json.dumps({"input": [2, 3], "layers": [{word: branches}], "output": {"y": []}}))
    model, x = netspec.build(net, seed=0), torch.randn(4, 2, 3)
    weights = iter(model.parameters())
    operands = [next(weights).expand(4, 2, 3) if one else x for one in constant]
    joins: dict[str, Any] = {"concat": torch.cat, "stack": torch.stack}
    expected = operands[0]
    for operand in operands[1:]:
        expected = expected + operand if word == "add" else expected * operand
    if word in joins:
        expected = joins[word](operands, 1)
    assert torch.equal(model(x).y, expected)
    assert net.root.output.constant is all(constant)
    assert F.mse_loss(model(x).y, expected) == 0


@pytest.mark.parametrize(
    ("written", "emitted"),
    [
        ("'[i ** 2 / n for i in range(n)]'", "Buffer(value=[i**2 / 20 for i in range(20)])"),
        ("'[123456 for i in range(n)]'", "Buffer(value=[123456 for _ in range(20)])"),
        ("'[[min(i, j) for j in range(n)] for i in range(n)]'", "[[min(i, j) for j in range(20)] for i in range(20)]"),
        ("'[sqrt(i) for i in range(n)]'", "4.358898943540674,"),  # Python has no such function without an import
        ("'[i < 3 for i in range(n)]'", "True,"),
    ],
)  # fmt: skip
def test_an_emitted_buffer_has_the_expression_of_the_spec_where_python_has_it(written: str, emitted: str) -> None:
    """Else the numbers, one to a line where they need more than one, as ruff lays them out."""
    net = netspec.loads(f"input: [2]\nvars: {{n: 20}}\nlayers: [as: x, Buffer: {written}, as: b, use: x]\noutput: b")
    text = netspec.to_python(net)
    assert emitted in text
    assert torch.equal(emitted_module(net)(torch.zeros(2, 2)), netspec.build(net)(torch.zeros(2, 2)))
    ruff = [sys.executable, "-m", "ruff", "format", "--diff", "--isolated", "--line-length=120", "-"]
    found = subprocess.run(ruff, input=text, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("word", ["concat", "stack"])
@pytest.mark.parametrize("uses", [("px", "xp"), ("xp", "px"), ("pp", "xx"), ("xx", "pp")])
def test_a_shared_module_joins_constants_in_one_application_and_none_in_another(word: str, uses: list[str]) -> None:
    body = "{{sequential: [Linear: 8, {{{}: [[], {}]}}], shared: body, as: {}}}"
    (a, b), (c, d) = uses
    text = f"""
input: [4, 8]
layers:
  - as: x
  - {{Parameter: [4, 8], as: p}}
  - use: {a}
  - {body.format(word, b, "first")}
  - use: {c}
  - {body.format(word, d, "second")}
output: {{first: first, second: second}}
"""
    net, model = built(text)
    emitted = emitted_module(net)
    emitted.load_state_dict(model.state_dict())
    assert not netspec.verify(net).disagreements
    x, linear = torch.randn(5, 4, 8), model.get_submodule("body.0")
    values = {"x": x, "p": model.state_dict()["0.weight"].expand(5, -1, -1)}
    join = torch.cat if word == "concat" else torch.stack
    expected = [join([linear(values[flowing]), values[read]], 1) for flowing, read in uses]
    for module in (model, emitted):
        for found, one in zip(module(x), expected, strict=True):
            assert torch.allclose(found, one)


@pytest.mark.parametrize(
    ("value", "dtype", "told"),
    [
        ("[[1, 2], [3, 4.5]]", "int64", "wants integers in `value`, not 4.5"),
        ("[[1, 2], [3, true]]", "int64", "wants integers in `value`, not True"),
        ("[[0, 1], [1, 2]]", "bool", "wants truth values in `value`, or 0 and 1, not 2"),
        ("[[1, 2], [3, [4]]]", "float32", "lists of one length"),
        ("'[[i, i if i < 2 else 0.5] for i in range(3)]'", "int64", "wants integers in `value`, not 0.5"),
    ],
)
def test_a_number_that_is_none_of_its_type_is_told_wherever_it_stands(value: str, dtype: str, told: str) -> None:
    text = f"input: [2]\nlayers: [as: x, Buffer: {{value: {value}, dtype: {dtype}}}, as: b, use: x]\noutput: b"
    with pytest.raises(netspec.SpecError, match=told):
        netspec.loads(text)
