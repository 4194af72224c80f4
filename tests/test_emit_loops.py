"""Loops of a spec are loops in the Python that is written of its net, also where named values pass between rounds."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

import netspec
from netspec.emit.python import to_python
from netspec.emit.python.loops import rolled
from tests.emitted import emitted

ROOT = Path(__file__).parent.parent

PYRAMID = """\
name: pyramid
input: [4, 64, 64]
layers:
  - for: i in range(ROUNDS)
    do:
      - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
      - ReLU
      - as: c[i]
  - for: i in range(ROUNDS)
    do:
      - use: c[i]
      - Conv2d: {out_channels: 4, kernel_size: 1}
      - add: [[], "c[ROUNDS - 1 - i]"]
        as: p[i]
  - use: p[ROUNDS - 1]
"""


def forward_of(text: str) -> str:
    """The statements of the network's own `forward`."""
    start = text.rindex("    def forward(")
    return textwrap.dedent(text[start : text.index("\n\n\n", start)])


def test_rounds_that_name_values_are_a_loop() -> None:
    assert forward_of(to_python(netspec.loads(PYRAMID.replace("ROUNDS", "6")))) == textwrap.dedent(
        """\
        def forward(self, x: Tensor) -> Tensor:
            c: dict[int, Tensor] = {}
            p: dict[int, Tensor] = {}
            x = self[0](x)
            for i in range(5):
                c[i] = self[2 * i + 1](x)
                x = self[2 * i + 2](c[i])
            c[5] = self[11](x)
            for i in range(6):
                x = self[2 * i + 12](c[i])
                p[i] = x + c[5 - i]
            return p[5]"""
    )


def test_fifty_rounds_take_as_many_lines_as_six() -> None:
    few, many = (forward_of(to_python(netspec.loads(PYRAMID.replace("ROUNDS", n)))) for n in ("6", "50"))
    assert len(many.splitlines()) == len(few.splitlines())


def agrees(spec: str) -> str:
    """The emitted text, after its outputs were found equal to those of the built module, bit by bit."""
    net = netspec.loads(spec)
    built, made = netspec.build(net, seed=0).eval(), emitted(net).eval()
    made.load_state_dict(built.state_dict())
    x = torch.randn(2, *net.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(built(x), made(x))
    return to_python(net)


STAGES = """\
input: [8]
layers:
  - for: i in range(3)
    do:
      - {Linear: 8, as: 'y[i]'}
  - for: stage in range(6)
    do:
      - for: i in range(3)
        do:
          - use: y[i]
          - {Linear: 8, as: 'z[i]'}
      - for: i in range(3)
        do:
          - use: z[i] + z[0]
          - as: y[i]
BETWEEN  - add: y
"""


def test_an_index_that_is_bound_again_in_each_stage_means_the_latest_value() -> None:
    text = agrees(STAGES.replace("BETWEEN", ""))
    assert "    y[0] = " in text


@pytest.mark.parametrize(
    "between",
    [
        "  - use: y[0]\n  - as: kept\n  - for: i in range(3)\n    do: [{Linear: 8, as: 'y[i]'}]\n  - add: [[], kept]\n",
        "  - use: y[1]\n  - {use: 'y[1] * 2', as: 'y[1]'}\n  - Linear: 8\n  - as: y[2]\n",
        "  - use: y[0]\n  - residual: [Linear: 8, {as: 'w[0]'}, Linear: 8, {as: 'w[1]'}, Linear: 8]\n  - as: y[0]\n",
    ],
    ids=["another name of a value whose index is bound again", "arithmetic that binds its own index", "branches"],
)
def test_names_of_one_value_are_told_apart(between: str) -> None:
    agrees(STAGES.replace("BETWEEN", between))


@pytest.mark.parametrize("seed", range(25))
def test_random_rounds_say_what_they_said_before(seed: int) -> None:
    """Lines that are rolled, run as Python, do what they did one after the other."""
    rng = random.Random(seed)
    lines: list[str] = []
    for _ in range(rng.randint(1, 4)):
        body = [
            f"v[{{{moves(rng)}}}] = (v[{{{moves(rng)}}}] * {rng.randint(2, 5)} + {{{rng.randint(0, 2)} * k}}) % 9973"
            for _ in range(rng.randint(1, 3))
        ]
        if rng.random() < 0.5:
            body += ["for index in range({k}, {k + 3}):", "    s[0] = s[0] * 3 + v[index]"]
        for k in range(rng.randint(1, 6)):
            lines += [eval(f"f{line!r}", {"k": k}) for line in body]
        lines += ["s[0] = s[0] % 9973"] * rng.randint(0, 4)
    results: list[dict[str, object]] = []
    for text in ("\n".join(lines), "\n".join(rolled(lines, lambda: "i"))):
        names: dict[str, object] = {"v": {n: n + 1 for n in range(-40, 80)}, "s": {0: 1}}
        exec(text, names)
        results.append({key: names[key] for key in ("v", "s")})
    assert results[0] == results[1]


def moves(rng: random.Random) -> str:
    """An index that moves with the round `k`."""
    return f"{rng.randint(-2, 3)} * k + {rng.randint(6, 20)}"


HEADS = """\
name: heads
input: [8]
layers:
  - Linear: 16
  - as: h
output:
  policy: [use: h, Linear: 4]
  value: [use: h, Linear: 1, Tanh]
"""


def test_a_head_that_begins_with_a_value_is_called_with_it() -> None:
    net = netspec.loads(HEADS)
    text = to_python(net)
    assert forward_of(text) == textwrap.dedent(
        """\
        def forward(self, x: Tensor) -> HeadsOutputs:
            h = self[0](x)
            policy = self["policy"](h)
            value = self["value"](h)
            return HeadsOutputs(policy, value)"""
    )
    assert '"value": nn.Sequential(' in text
    built, made = netspec.build(net, seed=0).eval(), emitted(net).eval()
    made.load_state_dict(built.state_dict())
    x = torch.randn(2, 8)
    assert all(torch.equal(a, b) for a, b in zip(built(x), made(x), strict=True))


def test_no_line_ends_within_a_shape() -> None:
    net = netspec.load(ROOT / "specs" / "graphs" / "fpn.yaml")
    lines = to_python(net).splitlines()
    assert not [line for line in lines if line.endswith(" ×") or line.lstrip().startswith("× ")]
    assert max(map(len, lines)) <= 120


def test_a_branch_that_begins_with_a_member_of_a_family_takes_what_flows_by_another_name() -> None:
    net = netspec.loads("""
        input: [8]
        layers:
          - residual:
              - as: y[0]
              - for: i in range(5)
                do:
                  - Linear: 8
                  - Tanh
                  - {ReLU: , as: "y[i + 1]"}
              - concat: y
              - Linear: 8
    """)
    assert "def forward(self, x: Tensor) -> Tensor:\n        y: dict[int, Tensor] = {}\n        y[0] = x" in to_python(
        net
    )
    model, written = netspec.build(net, seed=0), emitted(net)
    written.load_state_dict(model.state_dict())
    x = torch.randn(2, 8)
    assert torch.equal(model(x), written(x))


# ---- the rounds of a `repeat`

CONV = "Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}"
ROUNDS = {
    "one layer": (f"  - repeat: 5\n    {CONV}\n", 1),
    "two layers": (f"  - repeat: 4\n    do:\n      - {CONV}\n      - ReLU\n", 1),
    "the first one differs": (
        "  - Conv2d: {out_channels: 4, kernel_size: 1}\n"
        f"  - repeat: 4\n    do:\n      - {CONV}\n      - Tanh\n", 2,
    ),
    "a combinator": (
        f"  - repeat: 3\n    do:\n      - residual: [{{{CONV}}}, ReLU]\n", 1,
    ),
    "a repeat in a repeat": (
        "  - repeat: 3\n    do:\n      - repeat: 3\n        do: [{Conv2d: {out_channels: 8, kernel_size: 1}}, GELU]\n"
        "      - BatchNorm2d\n", 1,
    ),
    "in a branch": (f"  - residual:\n      - repeat: 3\n        do: [{{{CONV}}}, GELU]\n", 1),
}  # fmt: skip


@pytest.mark.parametrize("form", ROUNDS)
def test_equal_rounds_of_an_inline_repeat_are_a_loop(form: str) -> None:
    layers, written = ROUNDS[form]
    text = agrees(f"name: rounds\ninput: [8, 6, 6]\nlayers:\n{layers}")
    assert "for _ in range(" in text
    made = text[text.index("def rounds(") :]
    assert made.count("nn.Conv2d(8, 8,") + made.count("nn.Conv2d(4, 8,") == written
    for width in ("100", "120"):
        ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", width, "-"]
        assert subprocess.run(ruff, input=text, capture_output=True, encoding="utf-8", check=True).stdout == text


def test_a_block_whose_only_item_is_a_repeat_is_a_function_with_a_loop() -> None:
    spec = (
        "name: rounds\ninput: [8, 6, 6]\nblocks:\n  stage(n):\n    - repeat: n\n      do:\n"
        "        - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}\n        - ReLU\n"
        "layers:\n  - stage: 3\n  - MaxPool2d: 2\n  - stage: 4\n"
    )
    text = agrees(spec)
    assert text.count("nn.Conv2d(8, 8,") == 1
    assert "for _ in range(n)" in text or "for _ in range(count)" in text


def test_rounds_that_share_a_module_stay_as_they_are() -> None:
    text = agrees("name: rounds\ninput: [8]\nlayers:\n  - repeat: 4\n    do: [{Linear: 8, shared: once}, ReLU]\n")
    assert text.count("nn.Linear(8, 8)") == 1
