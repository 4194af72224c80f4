"""`tests/specs/pasted.txt`: networks of programs in the place of specs, and what comes of each; torch runs the same."""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

import netspec
from netspec.compiler import check_source
from netspec.mends.repair import repaired
from netspec.text.source import decode
from tests.mistakes.check import check

CASES = {
    title: (wrong, right)
    for title, wrong, right in re.findall(
        r"^##### (.+)\n((?:.*\n)*?)#####\n((?:.*\n)*?)(?=\n##### |\Z)",
        (Path(__file__).parent.parent / "specs" / "pasted.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}
OF_TORCH = [
    title
    for title, (wrong, right) in CASES.items()
    if "(left)" not in right and re.search(r"^(?:net =|class )", wrong, re.MULTILINE)
]


OF_LISTS = {
    "a ModuleList", "a list of modules that a loop makes", "a list of modules that grows", "parts that a method makes",
}  # fmt: skip


@pytest.mark.parametrize("title", CASES)
def test_what_comes_of_what_was_pasted(title: str) -> None:
    wrong, right = CASES[title]
    made = repaired(decode(wrong.encode(), "spec.yaml")[0], check(wrong), check)
    left = [
        f"(left) {d.span.line}:{d.span.column} {d.code}" + (f": {d.help}" if d.help else "")
        for d in made.left
        if d.severity == "error"
    ]
    assert [*made.text.rstrip().split("\n"), *left] == right.rstrip().split("\n")


def of_python(text: str) -> nn.Module:
    """The network that a program makes: what it calls `net`, or one of its last class."""
    names = {"torch": torch, "nn": nn, "F": functional, "OrderedDict": OrderedDict}
    code = re.sub(r"^(input|name|layers):.*\n|^from d2l.*\n", "", text, flags=re.MULTILINE)
    exec("\n".join(line.removeprefix("  ") for line in code.split("\n")) if "layers:" in text else code, names)
    classes = [made for made in names.values() if isinstance(made, type) and made.__module__ == "builtins"]
    net = names.get("net")
    return net if isinstance(net, nn.Module) else classes[-1]()


@pytest.mark.parametrize("title", OF_TORCH)
def test_it_is_the_network_of_the_program(title: str) -> None:
    """The same keys, and the same numbers for the same weights."""
    wrong, right = CASES[title]
    concrete = netspec.loads(right)
    sizes = [size if isinstance(size, int) else 24 for size in concrete.input.shape]
    torch.manual_seed(0)
    x = torch.randint(0, 9, (2, *sizes)) if concrete.input.dtype == "int64" else torch.randn(2, *sizes)
    theirs = of_python(wrong)
    theirs(x)  # gives lazy layers their sizes
    symbols = dict(zip("HW", [24, 24], strict=True)) if "H, W" in right else {"L": 24} if "[L]" in right else {}
    ours = netspec.build(netspec.loads(right, set=symbols))
    keys = theirs.state_dict()
    if title not in OF_LISTS:  # whose modules have activations between them, which are none of its keys
        assert list(ours.state_dict()) == list(keys)
    ours.load_state_dict(dict(zip(ours.state_dict(), keys.values(), strict=True)))
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize(
    "code",
    [
        "x = [nn.ReLU(), nn.ReLU()]\n" + "x += x\n" * 60 + "net = nn.Sequential(*x)",
        "b = nn.Sequential(nn.ReLU())\n" + "b = nn.Sequential(b, b)\n" * 60,
        "class A(nn.Module):\n  def __init__(self):\n    self.a = A()\n  def forward(self, x):\n    return self.a(x)\n",
        "net = nn.Sequential()\nfor i in range(10**9):\n  net.add_module(f'{i}', nn.ReLU())\n",
        "net = nn.Sequential(nn.Linear(9**9**9**9, 3))",
        "class N(nn.Module):\n  def forward(self, x):\n    return x" + ".relu()" * 3000,
        "net = nn.Sequential(nn.Linear(" + "-" * 5000 + "3, 3))",
    ],
    ids=["doubling", "nesting", "recursion", "a loop", "a power", "a long chain", "depth"],
)
def test_what_would_not_end_is_no_chain(code: str) -> None:
    (found, *_) = check_source(*decode(code.encode(), "spec.yaml"))
    assert found.fix is None or "Sequential" not in found.fix.title


def test_nothing_that_was_pasted_runs(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = f"open({str(mark)!r}, 'w')\nnet = nn.Sequential(nn.Linear(__import__('os').mkdir({str(mark)!r}) or 3, 4))\n"
    assert check(code)
    assert not mark.exists()


def test_a_printed_class_is_no_certain_chain() -> None:
    (found,) = check(CASES["a printed class"][0])
    assert found.message == "a printed network stands where a spec should stand"
    assert found.fix is not None
    assert not found.fix.certain
    assert "in the order in which the class holds them" in found.fix.title


def test_nothing_is_said_of_what_yaml_makes_of_python() -> None:
    for text in ("```python\nnn.Sequential(\n    nn.Flatten(),\n    nn.Linear(784, 10))\n```\n",
                 "input: [1, 28, 28]\nlayers:\n  nn.Flatten(),\n  # none\n  nn.Linear(784, 10)\n"):  # fmt: skip
        (d,) = check(text)
        assert d.fix is not None
        assert d.label == ""
