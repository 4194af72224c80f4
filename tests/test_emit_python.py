"""The emitted Python file: its text, its equality with the built module, and that no spec can inject code."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import netspec
from netspec.diagnostics import Defect, UsageError
from netspec.emit.python import helpers, initial, to_python
from netspec.emit.python.code import Told
from netspec.emit.python.helpers import Copies
from netspec.net import Net
from tests import forking
from tests.emitted import assert_same, emitted

SPECS = Path(__file__).parents[1] / "specs"

LENET = '''\
# A network in PyTorch, written by netspec from a checked spec; edit the spec rather than this file.
#
# lenet: 1 × 28 × 28 to 10
# 7 layers, 6,046 parameters, 123,480 multiply-accumulates for one example.
#
# After LeCun et al., 1998.

import torch
from torch import nn


def init_weights(module: nn.Module) -> None:
    """The initial weights of one layer, for `model.apply`."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight, gain=2)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def lenet() -> nn.Sequential:
    """1 × 28 × 28 → 10; 6,046 parameters."""
    model = nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2),  # 6 × 28 × 28
        nn.Sigmoid(),  # 6 × 28 × 28
        nn.AvgPool2d(kernel_size=2, stride=2),  # 6 × 14 × 14
        nn.AvgPool2d(kernel_size=(2, 1)),  # 6 × 7 × 14
        nn.Flatten(),  # 588
        nn.Dropout(0.5),  # 588
        nn.Linear(588, 10),  # 10
    )
    model.apply(init_weights)
    return model


if __name__ == "__main__":
    model = lenet().eval()
    print(tuple(model(torch.zeros(2, 1, 28, 28)).shape))
'''

LENET_SPEC = """
name: lenet
description: After LeCun et al., 1998.
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}
  - Sigmoid
  - AvgPool2d: {kernel_size: 2, stride: 2}
  - AvgPool2d: {kernel_size: [2, 1]}
  - Flatten
  - Dropout: 0.5
  - Linear: 10
init: {Conv2d: {weight: {xavier_uniform_: {gain: 2}}}, Linear: {weight: xavier_uniform_, bias: zeros_}}
"""

RESNET_SPEC = """
name: ResNet-10.small
input: [3, 16, 16]
blocks:
  conv_bn(out, kernel=1, stride=1):
    - Conv2d: {out_channels: out, kernel_size: kernel, stride: stride, padding: kernel // 2, bias: false}
    - BatchNorm2d
  basic(width, stride=1):
    - residual: [conv_bn: [width, 3, stride], ReLU, conv_bn: [width, 3]]
      shortcut:
        - conv_bn: {out: width, stride: stride}
          when: stride != 1 or in_channels != width
    - ReLU
layers:
  - conv_bn: [8, 3]
  - ReLU
  - basic: 8
    repeat: 3
  - for: width in [16, 32]
    do:
      - basic: [width, 2]
      - basic: width
  - AdaptiveAvgPool2d: 1
  - Flatten
  - Linear: 10
"""

RESNET_FUNCTIONS = '''\
def basic(width: int) -> list[nn.Module]:
    return [
        Residual(nn.Sequential(*conv_bn(width, width, 3), nn.ReLU(), *conv_bn(width, width, 3))),
        nn.ReLU(),
    ]


def basic_with_shortcut(in_channels: int, width: int) -> list[nn.Module]:
    return [
        Residual(
            nn.Sequential(
                *conv_bn(in_channels, width, 3, stride=2),
                nn.ReLU(),
                *conv_bn(width, width, 3),
            ),
            shortcut=nn.Sequential(*conv_bn(in_channels, width, 1, stride=2)),
        ),
        nn.ReLU(),
    ]


def resnet_10_small() -> nn.Sequential:
    """3 × 16 × 16 → 10; 45,554 parameters."""
    return nn.Sequential(
        *conv_bn(3, 8, 3),  # 8 × 16 × 16
        nn.ReLU(),  # 8 × 16 × 16
        *[layer for _ in range(3) for layer in basic(8)],  # 8 × 16 × 16
        *basic_with_shortcut(8, 16),  # 16 × 8 × 8
        *basic(16),  # 16 × 8 × 8
        *basic_with_shortcut(16, 32),  # 32 × 4 × 4
        *basic(32),  # 32 × 4 × 4
        nn.AdaptiveAvgPool2d(1),  # 32 × 1 × 1
        nn.Flatten(),  # 32
        nn.Linear(32, 10),  # 10
    )
'''

EVERYTHING = """
name: everything
input: [4, 6, 6]
vars: {act: LeakyReLU}
blocks:
  unit(width, model=3):
    - Conv2d: {out_channels: width, kernel_size: model, padding: model // 2}
      name: conv
    - $act: 0.2
  pair(width):
    - Conv2d: {out_channels: width, kernel_size: 1}
    - ReLU
layers:
  - unit: 8
    name: stem
  - unit: [8, 1]
    name: second
  - pair: 4
  - pair: 8
    name: nested
  - residual: [{Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}, ReLU]
    freeze: true
  - BatchNorm2d: {}
    freeze: true
  - add: [[], [pair: 8]]
  - concat: [[], [pair: 2]]
    name: joined
  - concat: [[], [ReLU]]
    split: 2
  - concat: [[], []]
    dim: 3
  - gate: [{AdaptiveAvgPool2d: 1}, {Conv2d: {out_channels: in_channels, kernel_size: 1}}, Sigmoid]
  - aux: [Flatten, {Linear: 3}]
  - Flatten
  - Linear: 2
"""


def test_a_plain_chain_reads_as_a_person_would_have_written_it():
    assert to_python(netspec.loads(LENET_SPEC)) == LENET


def test_blocks_become_functions_whose_parameters_are_what_differs_between_the_calls():
    text = to_python(netspec.loads(RESNET_SPEC))
    assert "def conv_bn(in_channels: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:\n" in text
    assert RESNET_FUNCTIONS in text


@pytest.mark.parametrize("spec", [LENET_SPEC, RESNET_SPEC, EVERYTHING], ids=["chain", "blocks", "everything"])
def test_the_emitted_module_is_the_built_one(spec: str):
    assert_same(netspec.loads(spec))


def test_initial_weights_are_those_of_the_built_module_with_the_same_seed():
    net = netspec.loads(LENET_SPEC)
    built, made = netspec.build(net, seed=5).state_dict(), emitted(net, seed=5).state_dict()
    assert all(torch.equal(built[key], made[key]) for key in built)


NOTHING = """
name: nothing
input: [4]
blocks:
  project(width):
    - Linear: width
      when: in_features != width
layers:
  - residual: [{Linear: 4}]
    shortcut: [project: 4]
  - project: 4
"""

DIFFERING = """
name: init
input: [3, 4, 4]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 1}
  - Conv2d: {out_channels: 4, kernel_size: 1}
    init: {weight: {constant_: {val: 2}}, bias: zeros_}
  - Conv2d: {out_channels: 4, kernel_size: 1, bias: false}
    init: {weight: {constant_: {val: 2}}}
  - Conv2d: {out_channels: 5, kernel_size: 1}
    init: {weight: {constant_: {val: 2}}, bias: zeros_}
init: {Conv2d: {weight: ones_, bias: ones_}}
"""


def test_layers_of_one_class_may_be_initialised_differently():
    state = emitted(netspec.loads(DIFFERING)).state_dict()
    found = {key: sorted(set(value.flatten().tolist())) for key, value in state.items()}
    assert found == {
        "0.weight": [1], "0.bias": [1], "1.weight": [2], "1.bias": [0], "2.weight": [2], "3.weight": [2], "3.bias": [0]
    }  # fmt: skip


def test_a_block_call_that_gives_nothing_leaves_no_trace():
    net = netspec.loads(NOTHING)
    assert "shortcut" not in to_python(net).partition("def nothing")[2]
    assert repr(emitted(net)) == repr(netspec.build(net))


def test_layers_without_a_bias_are_passed_over():
    spec = "input: [3, 4, 4]\nlayers:\n  - Conv2d: {out_channels: 4, kernel_size: 1}\n  - Conv2d: {out_channels: 4, kernel_size: 1, bias: false}\ninit: {Conv2d: {bias: ones_}}\n"  # noqa: E501  # a spec on one line
    net = netspec.loads(spec)
    assert "        if module.bias is not None:\n            nn.init.ones_(module.bias)\n" in to_python(net)
    assert emitted(net).state_dict()["0.bias"].tolist() == [1.0] * 4


WITHOUT = """
name: without
input: [3, 4, 4]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 1}
  - BatchNorm2d: {affine: false}
  - Conv2d: {out_channels: 4, kernel_size: 1, bias: false}
  - BatchNorm2d
  - Flatten
  - Linear: 6
  - LayerNorm: {bias: false}
  - Linear: {out_features: 2, bias: false}
  - LayerNorm
init:
  Conv2d: {weight: zeros_, bias: ones_}
  BatchNorm2d: {weight: zeros_, bias: ones_}
  Linear: {bias: ones_}
  LayerNorm: {bias: ones_}
"""


@pytest.mark.slow
def test_a_type_checker_lets_every_class_be_asked_for_what_it_may_lack(tmp_path: Path):
    net = netspec.loads(WITHOUT)
    text = to_python(net)
    state, built = emitted(net).state_dict(), netspec.build(net).state_dict()
    ones = [key for key in built if key.endswith("bias")]
    assert ones == ["0.bias", "3.bias", "5.bias", "8.bias"]
    assert all(bool((state[key] == 1).all()) for key in ones)
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    pyright_finds_nothing(tmp_path)


def test_powers_have_the_blanks_that_ruff_gives_them():
    texts = ["2 ** i", "1.5 ** i // b", "a ** b ** c", "2 ** min(a, b)", "2 ** (j - i)", "2 ** -i", "max(a, 1) ** b"]
    written = "".join(f"x = {Told(text, {}).filled({})}\n" for text in texts)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    assert subprocess.run(command, input=written, capture_output=True, text=True, check=True).stdout == written


def test_emitting_imports_no_torch():
    code = (
        f"import sys, netspec\nnetspec.to_python(netspec.loads({EVERYTHING!r}))\n"
        "print([name for name in ('torch', 'torchvision', 'numpy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_the_file_is_a_program_that_prints_the_output_shape(tmp_path: Path):
    (tmp_path / "net.py").write_text(to_python(netspec.loads(EVERYTHING)), encoding="utf-8")
    found = forking.run(tmp_path / "net.py", cwd=tmp_path, torch=True)
    assert found.stdout == "(2, 2)\n"


@pytest.mark.slow
def test_every_spec_of_the_project_is_emitted_as_ruff_would_format_it(tmp_path: Path):
    for path in sorted(SPECS.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        try:
            net = netspec.load(str(path))
        except UsageError:  # only its variants are complete
            net = netspec.load(str(path), variant=text.partition("\nvariants:")[2].split(":")[0].strip())
        (tmp_path / f"{path.parent.name}_{path.stem.replace('.', '_')}.py").write_text(to_python(net), encoding="utf-8")
    (tmp_path / "everything.py").write_text(to_python(netspec.loads(EVERYTHING)), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    found = subprocess.run([*ruff, "format", "--diff", "--isolated", "--line-length=120", tmp_path],
                           capture_output=True, text=True, check=False)  # fmt: skip
    assert found.returncode == 0, found.stdout
    found = subprocess.run([*ruff, "check", "--isolated", "--select=E,F,I,W,UP", "--line-length=120", tmp_path],
                           capture_output=True, text=True, check=False)  # fmt: skip
    assert found.returncode == 0, found.stdout


LONG: dict[str, dict[str, Any]] = {"nbeats": {"depth": 12}}
"""Nets that are shortened: pyright 1.1.414 calls a sum unknown that hangs on more than thirteen sums before it."""


@pytest.mark.slow
def test_pyright_strict_finds_nothing_in_the_files_of_shipped_specs(tmp_path: Path):
    for path in sorted(SPECS.rglob("*.yaml")):
        for variant in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader).get("variants") or (None,):
            name = f"{path.parent.name}_{path.stem}_{variant or ''}".replace(".", "_").replace("-", "_")
            net = netspec.load(path, variant=variant, set=LONG.get(path.stem, {}))
            (tmp_path / f"{name}.py").write_text(to_python(net), encoding="utf-8")
    pyright_finds_nothing(tmp_path)


@pytest.mark.slow
def test_pyright_strict_finds_nothing_in_what_may_be_copied_into_a_file(tmp_path: Path):
    copies = Copies((module, name) for module in helpers._FILES for name in helpers._source(module).definitions)  # pyright: ignore[reportPrivateUsage]  # all that there is
    lines = ["from __future__ import annotations"]
    lines += [f"from {module} import {name}" if name else f"import {module}" for module, name in sorted(copies.imports)]
    (tmp_path / "copies.py").write_text("\n".join([*lines, *copies.texts.values(), ""]), encoding="utf-8")
    pyright_finds_nothing(tmp_path)


def pyright_finds_nothing(folder: Path) -> None:
    # torchvision has no types: that its stubs are missing is said of every file that imports it
    settings = '{"typeCheckingMode": "strict", "reportMissingTypeStubs": false}'
    (folder / "pyrightconfig.json").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--project", folder]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_who_fills_a_bias_that_torch_declares_as_optional_asks_first():
    def said(cls: type) -> list[str]:
        return [
            str(vars(base)["__annotations__"].get("bias")) for base in cls.__mro__ if "__annotations__" in vars(base)
        ]

    classes = {name: cls for name, cls in vars(nn).items() if isinstance(cls, type) and not name.startswith("Lazy")}
    declared = {name for name, cls in classes.items() if any("Tensor" in text and "None" in text for text in said(cls))}
    assert declared == initial._MAYBE_NO_BIAS  # pyright: ignore[reportPrivateUsage]  # what the test is about


# ---- values with names

ATTENTION = """
name: attention
input: {tokens: [6, 8], memory: [5, 8]}
layers:
  - as: x
  - {Linear: 8, as: q}
  - use: memory
  - {Linear: 8, as: k}
  - {Linear: 8, as: v}
  - {einsum: [q, k], pattern: "n i d, n j d -> n i j"}
  - {Softmax: -1, as: w}
  - {einsum: [w, v], pattern: "n i j, n j d -> n i d"}
  - {concat: [x, []], dim: 2, as: y}
  - {stack: [y, y, []], dim: 1}
  - {Select: {dim: 1, index: 0}}
  - {add: [y, []]}
  - {mul: [[], y]}
  - {gate: [use: y]}
  - {residual: [use: y]}
output: {result: [Linear: 3], weights: w}
"""

ATTENTION_FORWARD = """
    def forward(self, tokens: Tensor, memory: Tensor) -> AttentionOutputs:
        q = self[0](tokens)
        k = self[1](memory)
        v = self[2](k)
        h = torch.einsum("nid,njd->nij", q, k)
        w = self[4](h)
        h = torch.einsum("nij,njd->nid", w, v)
        y = torch.cat([tokens, h], dim=2)
        h = torch.stack([y, y, y], dim=1)
        h = self[8](h)
        h = y + h
        h = h * y
        h = h * y
        end = y + h
"""


def run_of(net: Net, text: str) -> None:
    """Hold what the text gives against the built module, bit by bit."""
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(text, "emitted.py", "exec"), names)
    function = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)][-1]
    built, made = netspec.build(net, seed=0).eval(), names[function]().eval()
    assert list(made.state_dict()) == list(built.state_dict())
    made.load_state_dict(built.state_dict())
    inputs = [torch.randn(2, *value.type.shape) for value in net.inputs]
    pairs = zip(
        torch.utils._pytree.tree_leaves(tuple(built(*inputs))),
        torch.utils._pytree.tree_leaves(tuple(made(*inputs))),
        strict=True,
    )  # one call beside the other
    assert all(torch.equal(a, b) for a, b in pairs)


def test_values_that_are_there_are_joined_by_torchs_functions_without_modules():
    net = netspec.loads(ATTENTION)
    text = to_python(net)
    assert ATTENTION_FORWARD in text
    for helper in ("class Concat", "class Einsum", "class Add", "class Chain", "class Residual", "class Gate"):
        assert helper not in text
    run_of(net, text)


@pytest.mark.parametrize("join", ["add: p", "mul: p", "concat: p", "sequential: [{concat: p}, ReLU]"])
def test_a_join_of_many_values_takes_several_lines(join: str, tmp_path: Path):
    spec = "name: many\ninput: [4]\nlayers:\n  - for: i in range(300)\n    do:\n      - {Tanh: , as: 'p[i]'}\n"
    spec += f"  - {join}\n"
    net = netspec.loads(spec)
    text = to_python(net)
    assert max(map(len, text.splitlines())) <= 120
    run_of(net, text)
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", "--line-length=120", tmp_path]
    subprocess.run(command, check=True, capture_output=True)


def test_an_einsum_keeps_its_order_of_sums_where_its_own_letters_would_change_it():
    spec = ("name: e\ninput: {a: [3, 4], b: [3, 4]}\nlayers:\n"
            "  - {einsum: [a, b], pattern: 'n z c, n z c -> n'}\n  - as: y\noutput: y\n")  # fmt: skip
    text = to_python(netspec.loads(spec))
    assert 'torch.einsum("abc,abc->a", a, b)' in text
    run_of(netspec.loads(spec), text)


@pytest.mark.slow
def test_a_block_that_joins_values_is_a_function_whose_list_has_none_there(tmp_path: Path):
    spec = ("name: up\ninput: [4]\nblocks:\n  up(skip, width):\n    - {Linear: width}\n    - concat: [skip, []]\n"
            "    - ReLU\nlayers:\n  - as: x\n  - up: [x, 3]\n  - up: [x, 5]\n")  # fmt: skip
    text = to_python(netspec.loads(spec))
    assert "-> list[nn.Module | None]:" in text
    run_of(netspec.loads(spec), text)
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    pyright_finds_nothing(tmp_path)


def test_the_file_names_every_input_and_every_output_with_its_shape():
    text = to_python(netspec.loads(ATTENTION))
    ends = "tokens 6 × 8, memory 5 × 8"
    assert f"# attention: {ends} to result 6 × 3, weights 6 × 5\n" in text
    assert f'    """{ends} → result 6 × 3, weights 6 × 5; ' in text
    assert f'class Attention(Layers):\n    """{ends} → result 6 × 3, weights 6 × 5"""\n' in text


def test_a_class_of_a_branch_says_what_it_takes_and_gives_and_nothing_where_that_differs():
    branch = "[{Linear: WIDTH, as: 'u'}, ReLU, {add: [u, []]}]"
    spec = "name: b\ninput: [4]\nlayers:\n  - add: [A, B]\n  - as: z\n  - ReLU\n  - add: [z, []]\n"
    same = spec.replace("A", branch.replace("WIDTH", "4")).replace("B", branch.replace("WIDTH", "4"), 1)
    assert 'class Branch(Layers):\n    """x 4 → 4"""\n' in to_python(netspec.loads(same))
    other = same + "  - concat: [" + branch.replace("WIDTH", "7") + "]\n"
    assert "class Branch(Layers):\n    def forward" in to_python(netspec.loads(other))


def test_the_file_of_several_outputs_prints_the_shape_of_each(tmp_path: Path):
    spec = ATTENTION + "  family: f\n"
    text = spec.replace(
        "output: {result: [Linear: 3], weights: w}\n",
        "  - {ReLU: , as: 'f[0]'}\n  - {ReLU: , as: 'f[1]'}\noutput:\n  result: [Linear: 3]\n  weights: w\n",
    )  # a spec on one line
    (tmp_path / "net.py").write_text(to_python(netspec.loads(text)), encoding="utf-8")
    found = forking.run(tmp_path / "net.py", cwd=tmp_path, torch=True)
    assert found.stdout == "result (2, 6, 3)\nweights (2, 6, 5)\nfamily [(2, 6, 16), (2, 6, 16)]\n"


@pytest.mark.parametrize("width", [100, 120])
def test_a_file_without_copied_helpers_is_formatted_at_any_width_from_100_to_120(tmp_path: Path, width: int):
    text = to_python(netspec.load(str(SPECS / "alexnet.yaml")))
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", f"--line-length={width}", tmp_path]
    subprocess.run(command, check=True, capture_output=True)


def test_a_net_with_symbols_is_refused_with_the_option_that_makes_it_concrete():
    with pytest.raises(UsageError, match=r"writing `s` as Python needs numbers.*--set H=224"):
        to_python(netspec.loads("name: s\ninput: [3, H, 8]\nlayers: [ReLU]\n"))


# ---- nothing in a spec can break out

CHAIN = netspec.loads("name: x\ninput: [4]\nlayers: [{Linear: 2}]\n")

TEXT = st.text() | st.sampled_from(
    [
        '"""', "'''\\", "\\N{x}", "\x00", "\r", "\x0c", "\u2028import os", "\x85import os", "\n\nimport os\n",
        "coding: rot13", "-*- coding: utf-7 -*-", "\u202e", "\ud800", "\\\nimport os", "# type: ignore", "x" * 300,
    ]
)  # fmt: skip

HARD_NAMES = ["coding", "class", "nn", "torch", "print", "model", "Residual", "init_weights", "3d", "None", "0", "a-.b"]


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXT, max_size=4).map("\n".join))
def test_no_description_can_end_its_comment_or_declare_an_encoding(description: str):
    net = Net("x", description, "x.yaml", None, CHAIN.input, CHAIN.root)
    text = to_python(net)
    plain = ast.dump(ast.parse(to_python(CHAIN)))
    assert ast.dump(ast.parse(text.encode())) == plain
    assert all(line.startswith("#") for line in text.partition("\n\n")[0].split("\n"))
    assert max(map(len, text.splitlines())) <= 120 or max(map(len, description.split())) > 90


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True) | st.sampled_from(HARD_NAMES))
def test_every_name_of_a_net_becomes_a_function_that_python_accepts(name: str):
    tree = ast.parse(to_python(Net(name, "", "x.yaml", None, CHAIN.input, CHAIN.root)).encode())
    kinds = [type(node).__name__ for node in tree.body]
    assert kinds == ["Import", "ImportFrom", "FunctionDef", "If"]
    compile(tree, "emitted.py", "exec")


@pytest.mark.parametrize("block", ["model", "layer", "torch", "nn", "list", "init_weights", "module", "x"])
def test_a_block_may_have_any_name_without_hiding_another(block: str):
    spec = f"""
name: x
input: [4]
blocks:
  {block}(width, stride=2):
    - Linear: width
    - Linear: {{out_features: width * stride}}
layers:
  - {block}: 3
  - {block}: [5, 3]
init: {{Linear: zeros_}}
"""
    assert_same(netspec.loads(spec))


@pytest.mark.parametrize("item", ["{residual: [INNER]}", "{residual: [INNER, ReLU], name: outer}"])
def test_what_nests_deeper_than_python_reads_brackets_is_cut_into_functions(item: str):
    body = "CALL"
    for _ in range(5):
        body = item.replace("INNER", body)
    blocks = ["  b0(w):", "    - Linear: w"]
    for number in range(1, 11):
        blocks += [f"  b{number}(w):", "    - " + body.replace("CALL", f"{{b{number - 1}: w}}")]
    net = netspec.loads("\n".join(["name: deep", "input: [2]", "blocks:", *blocks, "layers: [b10: 2]"]))
    assert net.layers[0].path.count("body") == 50
    assert_same(net)


@st.composite
def templates(draw: st.DrawFn) -> str:
    """Generate a spec whose block is called with several widths, kernels and strides, in chains and branches."""
    lines = ["name: drawn", "input: [4, 9, 9]", "blocks:", "  unit(width, kernel=1, bias=true, half=width // 2):"]
    lines.append("    - Conv2d: {out_channels: width, kernel_size: kernel, padding: kernel // 2, bias: bias}")
    if draw(st.booleans()):
        lines.append("    - Conv2d: {out_channels: half, kernel_size: 1}")
    lines += ["    - ReLU", "layers:"]
    for number in range(draw(st.integers(1, 6))):
        width, kernel = draw(st.sampled_from([2, 4, 6, 8])), draw(st.sampled_from([1, 3]))
        call = f"unit: {{width: {width}, kernel: {kernel}, bias: {draw(st.sampled_from(['true', 'false']))}}}"
        match draw(st.sampled_from(["chain", "repeat", "named", "concat", "residual"])):
            case "chain":
                lines.append(f"  - {call}")
            case "repeat":
                lines += [f"  - {call}", f"    repeat: {draw(st.integers(1, 4))}"]
            case "named":
                lines += [f"  - {call}", f"    name: unit{number}"]
            case "concat":
                lines.append(f"  - concat: [[], [{call}], [{call}, ReLU]]")
            case _:
                lines.append("  - residual: [" + call + ", {Conv2d: {out_channels: in_channels, kernel_size: 1}}]")
                lines.append("    shortcut: [" + call + ", {Conv2d: {out_channels: in_channels, kernel_size: 1}}]")
    return "\n".join(lines) + "\n"


@settings(max_examples=40, deadline=None)
@given(templates())
def test_whatever_a_block_is_called_with_the_emitted_module_is_the_built_one(spec: str):
    try:
        net = netspec.loads(spec)
    except netspec.SpecError as error:
        assert {d.code for d in error.diagnostics} <= {"shape-mismatch", "branch-mismatch"}, error
        return
    assert_same(net)


@pytest.mark.parametrize(
    "module", ["os", "torch", "torch.nn.functional", "torchvision", "torchvision.io", "netspec.cli"]
)
def test_a_class_of_no_known_namespace_is_refused_as_the_builder_refuses_it(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = netspec.loads("input: [4]\nlayers: [Linear: 3]")
    call = net.layers[0].call
    monkeypatch.setattr(type(net.layers[0]), "call", call._replace(module=module))
    for make in (to_python, netspec.build):
        with pytest.raises(Defect, match=rf"`{module}\.Linear`, which is in no namespace that netspec knows"):
            make(net)


def test_powers_of_values_read_as_a_person_would_write_them(tmp_path: Path):
    net = netspec.loads("""
name: powers
input: {a: [4], b: [4]}
layers:
  - Linear: 4
  - as: h
  - use: -h ** 2 + -h - -(b ** 2) * 2
  - as: k
  - use: (-k) ** 2 + (h + k) ** 2 + h ** 0.5 ** 2
""")
    text = to_python(net)
    assert "k = -(h**2) + -h - -(b**2) * 2\n" in text
    assert "return (-k) ** 2 + (h + k) ** 2 + h**0.25\n" in text
    (tmp_path / "powers.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--diff", "--isolated", "--line-length=120", tmp_path]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    names: dict[str, Any] = {"__name__": "powers"}
    exec(compile(text, "powers.py", "exec", dont_inherit=True), names)
    built, made = netspec.build(net, seed=0), names["powers"]()
    made.load_state_dict(built.state_dict())
    a, b = torch.rand(2, 2, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(built(a, b).nan_to_num(), made(a, b).nan_to_num())


# ---- the spec's own expressions, with the block's own parameters


def functions(spec: str) -> dict[str, str]:
    """The function of each block, by its name, and the network's."""
    net = netspec.loads(spec)
    assert_same(net)
    text = to_python(net)
    return {
        node.name: ast.unparse(node) for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)
    }  # without comments and layout


def test_a_function_says_what_the_block_says() -> None:
    found = functions("""
name: x
input: [8, 9, 9]
vars: {expansion: 3, group: 4}
blocks:
  unit(width, kernel, stride=1, deep=true):
    - Conv2d: {out_channels: width * expansion, kernel_size: kernel, stride: stride, padding: kernel // 2}
    - Conv2d: {out_channels: 2 * width if deep else width, kernel_size: 1,
              groups: "width // min(group, width)"}
layers:
  - unit: [4, 3, 1]
  - Conv2d: {out_channels: 8, kernel_size: 1}
  - unit: [16, 1, 2]
""")
    assert found["unit"] == (
        "def unit(width: int, kernel: int, stride: int=1) -> list[nn.Module]:\n"
        "    return [nn.Conv2d(8, width * 3, kernel_size=kernel, stride=stride, padding=kernel // 2), "
        "nn.Conv2d(width * 3, 2 * width, kernel_size=1, groups=width // min(4, width))]"
    )
    assert "*unit(4, 3), nn.Conv2d(8, 8, kernel_size=1), *unit(16, 1, stride=2)" in found["x"]


def test_equal_numbers_are_not_taken_for_one_another() -> None:
    """What the calls have in common by chance is no reason: 1 and 3 are the strides and the kernels here."""
    found = functions("""
name: x
input: [2, 9, 9]
blocks:
  unit(out, kernel, stride):
    - Conv2d: {out_channels: out, kernel_size: kernel, stride: stride, padding: kernel - 1}
    - ReLU
layers: [unit: [4, 1, 1], unit: [8, 3, 3]]
""")
    head = "def unit(in_channels: int, out: int, kernel: int, stride: int=1) -> list[nn.Module]:"
    assert found["unit"].splitlines()[0] == head
    assert "kernel_size=kernel, stride=stride, padding=kernel - 1)" in found["unit"]


def test_the_words_of_a_block_that_is_no_function_are_those_of_the_block_around_it() -> None:
    found = functions("""
name: x
input: [4]
blocks:
  one(out): [Linear: out // 2]
  two(width, mid=width + 2): [one: 4 * width, ReLU, one: mid]
layers: [two: 3, two: 5]
""")
    assert "nn.Linear(in_features, 4 * width // 2), nn.ReLU(), nn.Linear(4 * width // 2, mid // 2)" in found["two"]
    assert found["two"].startswith("def two(in_features: int, width: int, mid: int) -> list[nn.Module]:")


@pytest.mark.parametrize(
    "written", ["round(width * 1.5)", "make_divisible(width, 8)", "sizes[0] + width", f"width + 1{' + 1 - 1' * 6}"]
)
def test_what_python_would_not_read_in_the_same_way_is_a_parameter(written: str) -> None:
    found = functions(f"""
name: x
input: [4]
vars: {{sizes: [8, 9]}}
blocks:
  unit(width): [Linear: {{out_features: '{written}'}}, ReLU, Linear: width]
layers: [unit: 2, unit: 11]
""")
    assert found["unit"].startswith("def unit(in_features: int, out_features: int, width: int) -> list[nn.Module]:")


def test_a_net_that_has_no_text_any_more_is_emitted_all_the_same() -> None:
    net = replace(netspec.loads(RESNET_SPEC), text="", variables={})
    assert_same(net)
    assert "kernel // 2" not in to_python(net)


def test_what_nobody_reads_is_computed_and_given_no_name() -> None:
    idle = "layers:\n  - as: x\n  - {Linear: 3, as: spare}\n  - use: x\n  - Linear: 2\n"
    text = to_python(netspec.loads(f"netspec: 1\nname: idle\ninput: [4]\n{idle}"))
    assert "        _ = self[0](x)\n" in text
    assert "spare" not in text.partition("def forward")[2]
