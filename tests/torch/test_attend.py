"""`attend` against attention written out, on random arguments, branches and values.

`python -m tests.torch.test_attend 500` compares so many nets.
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.compiler import check_source
from netspec.text.source import decode
from netspec.writing import flow
from tests.attended import attended, shape_of
from tests.held import export, hold


class Case:
    """A random net with one `attend`, and the same by hand."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.heads = rng.choice([1, 2, 4])
        self.groups = rng.choice([n for n in (1, 2, 4) if self.heads % n == 0]) if rng.random() < 0.4 else self.heads
        self.size = rng.choice([2, 4])
        self.value = self.size if rng.random() < 0.7 else 3
        self.lengths = (rng.randint(2, 6), rng.randint(2, 6))
        self.options: dict[str, Any] = {}
        self.inputs: dict[str, Any] = {"x": [self.lengths[0], 5], "memory": [self.lengths[1], 7]}
        self.branches: list[str] = []
        self.split: list[bool] = []
        self.constant_query = rng.random() < 0.15

    def text(self) -> str:
        rng = self.rng
        self._options()
        starts = ("use: x", "use: memory", "use: memory")
        widths = (self.heads * self.size, self.groups * self.size, self.groups * self.value)
        counts = (self.heads, self.groups, self.groups)
        for i, (start, width, count) in enumerate(zip(starts, widths, counts, strict=True)):
            constant = i == 0 and self.constant_query
            split = rng.random() < 0.2 and not constant
            layers = [f"{{{start}}}", f"Linear: {width}"]
            if constant:
                layers = [f"Parameter: [{self.lengths[0]}, {width}]"]
            if split:
                # behind a layer of its own, heads lie in memory in the order of the shape
                layers += [f"Rearrange: {{pattern: n l (h d) -> n h l d, sizes: {{h: {count}}}}}", "Softsign"]
            self.split.append(split)
            self.branches.append(f"[{', '.join(layers)}]")
        lines = [*self._sides(), f"- attend: [{', '.join(self.branches)}]"]
        lines += [
            f"  {name}: {value if isinstance(value, str) else flow(value)}" for name, value in self.options.items()
        ]
        return f"input: {flow(self.inputs)}\nlayers:\n" + "".join(f"  {line}\n" for line in lines)

    def _options(self) -> None:
        rng, options = self.rng, self.options
        options["heads"] = self.heads
        if self.groups != self.heads:
            options["kv_heads"] = self.groups
        if rng.random() < 0.4:
            options["is_causal"] = True
            if rng.random() < 0.5:
                options["window"] = rng.randint(1, 4)
        if rng.random() < 0.3:
            options["scale"] = 0.25
        if rng.random() < 0.3:
            options["rotary"] = {"base": 100, "layout": rng.choice(["half", "interleaved"]), "fraction": 1.0}

    def _sides(self) -> list[str]:
        rng, sizes = self.rng, (self.heads, *self.lengths)
        lines: list[str] = []
        if rng.random() < 0.5:
            self.inputs["seen"] = [*shape_of(rng, *sizes), "bool"]
            self.options["mask"] = rng.choice(["seen", "[use: seen]"])
        match rng.choice(["none", "none", "given", "learned", "computed"]):
            case "given":
                self.inputs["near"] = shape_of(rng, *sizes)
                self.options["bias"] = "near"
            case "learned":
                self.options["bias"] = f"[Parameter: {shape_of(rng, *sizes)}]"
            case "computed":
                self.inputs["far"] = [*sizes[:2], 3]
                lines = ["- use: far", f"- Linear: {self.lengths[1]}", "- as: near", "- use: x"]
                self.options["bias"] = "near"
            case _:
                pass
        return lines

    def by_hand(self, p: dict[str, Tensor], given: dict[str, Tensor]) -> Tensor:
        bias = given.get("near")
        first = 0
        if "far" in given:
            bias, first = nn.functional.linear(given["far"], p["0.weight"], p["0.bias"]), 1
        if f"{first}.bias.0.weight" in p:
            bias = p[f"{first}.bias.0.weight"][None]
        parts: list[Tensor] = []
        for i, name in enumerate(("x", "memory", "memory")):
            key, count = f"{first}.branches.{i}.0", self.heads if i == 0 else self.groups
            if i == 0 and self.constant_query:
                y = p[f"{key}.weight"].expand(given["x"].shape[0], -1, -1)
            else:
                y = nn.functional.linear(given[name], p[f"{key}.weight"], p[f"{key}.bias"])
            y = y.unflatten(-1, (count, -1)).transpose(1, 2)
            parts.append(nn.functional.softsign(y) if self.split[i] else y)
        return attended(parts[0], parts[1], parts[2], given.get("seen"), bias, self.options).transpose(1, 2).flatten(2)


def compared(count: int, seed: int = 0) -> None:
    rng = Random(seed)
    for _ in range(count):
        case = Case(rng)
        text = case.text()
        try:
            hold(text, case.by_hand)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{text}") from error


def test_random_attention_is_what_is_written_out_and_costs_what_torch_counts() -> None:
    compared(25)


def spec(options: str = "heads: 2", branches: str = "x, memory, memory", more: str = "") -> str:
    lines = "".join(f"    {option}\n" for option in options.split("; "))
    return (
        "input: {x: [6, 8], memory: [5, 8], pad: [5, bool], near: [2, 6, 5], flat: [6], ids: {shape: [6], "
        f"dtype: int64}}}}\n{more}layers:\n  - attend: [{branches}]\n{lines}"
        "output: {y: [Linear: 3], a: memory, b: pad, c: near, d: flat, e: ids, f: x}\n"
    )


@pytest.mark.parametrize(
    ("options", "branches", "words"),
    [
        ("heads: 2", "x, memory", "`attend` has three branches, query, key and value, not 2"),
        (
            "heads: 3",
            "x, memory, memory",
            "`heads: 3` does not divide the vectors of the query: input `x` (line 1) gives 8",
        ),
        ("heads: 4; kv_heads: 3", "x, memory, memory", "`kv_heads: 3` does not divide the vectors of the key"),
        ("heads: 2; kv_heads: 4", "x, memory, memory", "4 heads of keys and values do not divide 2 of queries"),
        (
            "heads: 4; kv_heads: 2",
            "x, memory, memory",
            "the query's is 2 (input `x` (line 1) gives 8, 4 heads) and the",
        ),
        ("heads: 2", "x, memory, x", "there are 5 keys (input `memory` (line 1) gives 5) and 6 values (input `x`"),
        ("heads: 2", "x, flat, memory", "the key: input `flat` (line 1) gives 6, which has 1 axis"),
        ("heads: 2", "ids, memory, memory", "`attend` multiplies float32 values, but the query is int64"),
        ("heads: 2; mask: near", "x, memory, memory", "`mask` of `attend` is bool, where True takes part"),
        ("heads: 2; bias: pad", "x, memory, memory", "`bias` of `attend` is float32, and added to the scores"),
        ("heads: 4; bias: near", "x, memory, memory", "is for the heads and has 2, but there are 4 heads"),
        ("heads: 2; mask: pad", "memory, x, x", "is for the keys and has 5, but input `x` (line 1) gives 6"),
        ("heads: 2; mask: true", "x, memory, memory", "`mask` of `attend` is a value of the network, or layers"),
        ("window: 2", "x, memory, memory", "nothing says `is_causal: true`"),
        ("heads: 8; rotary: {}", "x, memory, memory", "1 of a head's 1 (`fraction: 1` of 1) is no even number"),
        ("num_heads: 2", "x, memory, memory", "`num_heads` is no option of an item"),
        ("heads: 2; dim: 1", "x, memory, memory", "`attend` has no option `dim`"),
    ],
)
def test_what_does_not_fit_is_told_with_both_numbers_and_where_they_come_from(
    options: str, branches: str, words: str
) -> None:
    found = check_source(*decode(spec(options, branches).encode(), "s.yaml"))
    errors = [problem for problem in found if problem.severity == "error"]
    assert len(errors) == 1, errors
    assert words in errors[0].message


def test_it_is_exported_with_an_open_batch() -> None:
    whole = spec("heads: 2; is_causal: true; mask: pad; bias: near; rotary: {}")
    export(whole.partition("output:")[0] + "output: {y: [Linear: 3]}\n")


def test_a_learned_query_alone_is_repeated_for_each_example_of_what_it_reads() -> None:
    """Also where only the mask has a value for each example."""
    text = (
        "input: {x: [5, 8], pad: [3, bool]}\nlayers:\n"
        "  - attend: [[Parameter: [2, 8]], x, x]\n    heads: 2\n"
        "  - as: y\n  - attend: [[Parameter: [2, 8]], [Parameter: [3, 8]], [Parameter: [3, 8]]]\n    mask: pad\n"
        "output: {y: y, z: []}\n"
    )
    net = netspec.loads(text)
    y, z = netspec.build(net)(torch.randn(4, 5, 8), torch.rand(4, 3) < 0.5)
    assert (tuple(y.shape), tuple(z.shape)) == ((4, 2, 8), (4, 2, 8))
    assert not netspec.verify(net).disagreements


def test_heads_may_follow_from_branches_that_have_them() -> None:
    split = "Rearrange: {pattern: n l (h d) -> n h l d, sizes: {h: 4}}"
    net = netspec.loads(f"input: [6, 8]\nlayers:\n  - attend: [[{split}], [], [{split}]]\n")
    assert (net.output_shape, net.macs) == ((6, 8), 2 * 6 * 6 * 8)


def test_open_lengths_stay_open_and_say_what_they_must_be() -> None:
    text = "input: {x: [L, 8], k: [S, 8], v: [T, 8]}\nlayers:\n  - attend: [x, k, v]\n    heads: 2\n"
    net = netspec.loads(text)
    assert str(net.output_shape[0]) == "L"
    (condition,) = net.conditions
    assert "there are S keys (input `k` (line 1) gives S) and T values" in condition.sentence


def test_its_options_are_words_beside_it_alone() -> None:
    """Blocks of earlier specs keep their names, and arguments that slipped out of a layer are told as before."""
    text = (
        "input: [6, 8]\nblocks:\n  heads(n): [Linear: n]\n  mask(): [ReLU]\nlayers:\n"
        "  - heads: 8\n  - mask\n  - attend: [[], [], []]\n    heads: 4\n"
    )
    assert [leaf.type for leaf in netspec.loads(text).layers] == ["Linear", "ReLU"]
    (found,) = check_source(*decode(b"input: [6, 8]\nlayers:\n  - Linear: 8\n    bias: false\n", "s.yaml"))
    assert (found.message, found.help) == (
        "`bias` is no option of an item", "arguments of `Linear` belong under it: `Linear: {bias: …}`",
    )  # fmt: skip
    (found,) = check_source(*decode(b"input: [6, 8]\nlayers:\n  - Linear: 8\n    heads: 2\n", "s.yaml"))
    assert found.help == "`heads` belongs to `attend`"


if __name__ == "__main__":
    compared(int(sys.argv[1]), 1)
    print("no disagreement")
