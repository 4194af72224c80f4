"""Combinators: each is one class in the table, every example compiles, and no other module names one."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec import combinators
from netspec.cli.explain import explain
from netspec.combinators import COMBINATORS, OWNERS, Listed, joining_class
from netspec.combinators.base import Ends, Joining, Made, WorkedExample
from netspec.combinators.reference import combinator_table
from netspec.compiler import check_source
from netspec.dims import need
from netspec.drawing import diagram
from netspec.emit.json import to_json
from netspec.emit.yaml import expand
from netspec.layers.base import TensorType
from netspec.net import Combinator, Net, walk
from netspec.table import summary
from netspec.text.source import decode

ROOT = Path(__file__).parent.parent
EXAMPLES = [
    pytest.param(word, example, id=f"{word}-{number}")
    for word in COMBINATORS
    for number, example in enumerate(
        (*joining_class(word).examples, *(option.example for option in joining_class(word).options.values()))
    )
]


def net_of(example: WorkedExample) -> Net:
    lines = "".join(f"  {line}\n" for line in example.layers.splitlines())
    return netspec.loads(f"input: {list(example.input)}\nlayers:\n{lines}")


def without_places(value: Any) -> Any:
    """A net's JSON without the positions in the source (`line` and `column`)."""
    match value:
        case dict():
            return {key: without_places(item) for key, item in value.items() if key not in ("line", "column")}
        case list():
            return [without_places(item) for item in value]
        case _:
            return value


@pytest.mark.parametrize("word", COMBINATORS)
def test_the_table_says_what_the_class_says(word: str) -> None:
    kind = joining_class(word)
    assert kind.word == word
    assert kind.examples
    assert set(COMBINATORS[word].options) == {*kind.model_fields, *kind.sides} == set(kind.options)
    assert kind.cut_by == "" or kind.cut_by in kind.model_fields
    assert all(word in OWNERS[option] for option in kind.options)


@pytest.mark.parametrize(("word", "example"), EXAMPLES)
def test_an_example_has_the_shape_that_it_claims_and_means_the_same_when_expanded(
    word: str, example: WorkedExample
) -> None:
    net = net_of(example)
    assert net.output_shape == example.output
    again = netspec.loads(expand(net))
    assert without_places(to_json(again)) == without_places(to_json(net))
    assert expand(again) == expand(net)
    kinds = [node.kind for node in walk(net.root) if isinstance(node, Combinator)]
    assert kinds == ([word] if joining_class(word).joins else [])


@pytest.mark.parametrize(("word", "example"), EXAMPLES)
def test_an_example_is_tabled_and_drawn_with_its_word_or_sign(word: str, example: WorkedExample) -> None:
    kind, net = joining_class(word), net_of(example)
    if not kind.joins:
        return
    assert any(f" {word}" in line for line in summary(net).splitlines())
    drawn = diagram(net).source
    if kind.training_only:
        assert "style=dashed" in drawn
    else:
        assert re.search(f">{re.escape(kind.sign or word)}(: [^<]*)?<", drawn)  # with its pattern, if it has one


@pytest.mark.parametrize("word", COMBINATORS)
def test_a_combinator_and_its_options_are_explained_and_stand_on_the_page_of_the_language(word: str) -> None:
    kind = joining_class(word)
    assert explain(word).startswith(f"{word} (combinator)")
    page = combinator_table()
    assert page in (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{word}:"))
    for name, option in kind.options.items():
        assert " ".join(option.meaning.split()) in " ".join(explain(name).split())
        assert f"`{option.form}`" in row


def test_a_check_that_meets_no_combinator_imports_none() -> None:
    code = (
        "import json, sys, netspec; netspec.check(sys.argv[1]);"
        "print(json.dumps([m for m in sys.modules if m.startswith('netspec.combinators.')]))"
    )

    def imported(spec: str) -> list[str]:
        run = subprocess.run([sys.executable, "-c", code, spec], check=True, capture_output=True, cwd=ROOT)
        return [name.removeprefix("netspec.combinators.") for name in json.loads(run.stdout)]

    assert imported("specs/alexnet.yaml") == []
    assert set(imported("specs/d2l/resnet18.yaml")) == {"base", "sums"}


@pytest.mark.slow
def test_nothing_but_its_class_and_the_table_knows_a_combinator_by_its_word() -> None:
    """The keyword of a combinator is a literal only in `combinators`.

    Exceptions: the net also calls its own chains `sequential`; keys of torchvision's begin with `aux`; layers and
    recipes have nothing to do with combinators and may use the words for other things; a style of pictures is called
    `stack`; what reads programs and words of other libraries knows the names that those give to functions and methods.
    """
    rooms = (
        "combinators",
        "layers",
        "recipe",
        "capture",
        "importing/keras",
        "arguments.py",
        "torch/sources.py",
        "drawing/styles.py",
    )
    readers = ("calls", "elsewhere", "keras", "modules", "pasted", "python", "syntax", "tensors", "values")
    apart = [ROOT / "netspec" / name for name in (*rooms, *(f"mends/{name}.py" for name in readers))]
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path in sorted((ROOT / "netspec").rglob("*.py"))
        if not any(path.is_relative_to(other) for other in apart)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in COMBINATORS.keys() - {"sequential"}
    ]
    assert found == []


THREE_AXES = "Conv2d: {in_channels: 9, out_channels: 1, kernel_size: 1}"
"""A layer that is an error after a tensor with two axes, or with a number of channels other than 9."""


class Pile(Joining):
    """Stack the outputs of the branches along an axis that must be stated, as none of netspec's must: a test double."""

    word = "pile"
    several = True
    keeps_rank = False

    dim: int

    def output(self, x: TensorType, ends: Ends) -> Made | None:
        if not self.knows("dim"):
            return None
        shape, count = ends.types[0].shape, len(ends.types)
        need(all(branch.shape == shape for branch in ends.types), lambda: "they differ", code="branch-mismatch")
        need(1 <= self.dim <= len(shape) + 1, lambda: "no such place", code="invalid-argument", at="dim")
        return Made(
            TensorType((*shape[: self.dim - 1], count, *shape[self.dim - 1 :])), self.dim - 1, f"{count} of them"
        )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["pile: [[Linear: 3], [Linear: 3]]\n    dim: 1"], []),
        (["pile: [[Linear: 3], [Linear: 3]]", THREE_AXES], ["`pile` needs `dim`"]),
        (["pile: [[], []]\n    dim: 3", "Linear: {in_features: 3, out_features: 1}"],
         ["`in_features: 3`, but `pile` (line 3) gives 2 = 2 of them"]),
        (["pile: [[Linear: 3], [Linear: 3]]\n    dim: 1", "Linear: {in_features: 4, out_features: 1}"],
         ["`in_features: 4`, but `pile` (line 3) gives 3"]),
        (["pile: [[Linear: 3], []]\n    dim: 1", THREE_AXES], ["they differ"]),
        (["pile: [[], []]\n    dim: 7", THREE_AXES], ["no such place"]),
        (["pile: [[], []]\n    dim: foo", THREE_AXES],
         ["there is no `foo` here"]),
    ],
)  # fmt: skip
def test_the_walk_follows_a_combinator_that_makes_an_axis_where_an_option_says(
    lines: list[str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMBINATORS, "pile", Listed("none", "Pile", ("dim",)))
    monkeypatch.setitem(combinators._loaded, "pile", Pile)  # pyright: ignore[reportPrivateUsage]  # what it imports
    text = "input: [4, 8]\nlayers:\n" + "".join(f"  - {line}\n" for line in lines)
    source, problems = decode(text.encode(), "s.yaml")
    assert [found.message for found in check_source(source, problems)] == expected


def test_what_split_requires_of_a_symbol_is_said_of_the_concat() -> None:
    """The requirement must not be attributed to the first layer of a branch, the next one that states any."""
    text = "input: [4, H, 8]\nlayers:\n  - concat: [[ReLU], [MaxPool2d: 1]]\n    dim: 2\n    split: 2\n"
    assert "H must be divisible by 2, for `concat` (line 3)" in summary(netspec.loads(text))


def messages(text: str) -> list[str]:
    source, problems = decode(text.encode(), "s.yaml")
    return [found.message for found in check_source(source, problems)]


@pytest.mark.parametrize("word", ["add", "mul"])
def test_any_branch_may_have_the_whole_shape_and_a_size_is_told_of_who_made_it(word: str) -> None:
    """The first branch, or the join where it broadcasts that branch."""
    narrow, wide = "[Mean: {dim: 1, keepdim: true}]", "[]"
    wrong = "  - Conv1d: {in_channels: 3, out_channels: 1, kernel_size: 1}\n"
    for branches, origin in ((f"{narrow}, {wide}", f"`{word}` (line 4)"), (f"{wide}, {narrow}", "`Conv1d` (line 3)")):
        text = (
            "input: [5, 8]\nlayers:\n  - Conv1d: {out_channels: 6, kernel_size: 1}\n"
            f"  - {word}: [{branches}]\n"
        )  # fmt: skip
        assert netspec.loads(text).output_shape == (6, 8)
        assert messages(text + wrong) == [f"`in_channels: 3`, but {origin} gives 6"]


@pytest.mark.parametrize("word", ["add", "mul"])
def test_symbols_broadcast_against_a_one_and_are_equal_else(word: str) -> None:
    text = f"input: {{x: [H, 4], y: [1, 4], z: [W, 4]}}\nlayers:\n  - {word}: [y, x, []]\n"
    net = netspec.loads(text)
    assert str(net.output_shape[0]) == "H"
    assert not net.conditions
    net = netspec.loads(text.replace("[y, x, []]", "[x, z]"))
    assert "H" in net.conditions[0].sentence
    assert messages(text.replace("z: [W, 4]", "z: [H + 1, 4]").replace("[y, x, []]", "[x, z]")) != []


def test_residual_never_broadcasts() -> None:
    assert messages("input: [6, 8]\nlayers:\n  - residual: [Mean: {dim: 1, keepdim: true}]\n")[0].startswith(
        "`residual` adds equal shapes, but the body is 1 × 8"
    )


CONTRACTED = "einsum: [[Linear: 8], [Linear: 8]]\n{indent}pattern: n i d, n j d -> n i j"


def test_the_multiply_accumulates_of_a_join_are_its_rows_and_the_nets() -> None:
    net = netspec.loads(
        "input: [5, 16]\nblocks:\n  scores():\n    - " + CONTRACTED.format(indent=" " * 6) + "\nlayers:\n"
        "  - aux:\n      - " + CONTRACTED.format(indent=" " * 8) + "\n  - scores\n"
    )
    linears, join = 2 * 5 * 16 * 8, 5 * 5 * 8
    assert net.macs == linears + join
    rows = summary(net).splitlines()
    assert [row.split()[-1] for row in rows if "einsum of 2 branches" in row] == [f"({join})", str(join)]
    assert any(f"{linears + join:,}" in row for row in summary(net, depth=1).splitlines() if "scores" in row)
    assert "training only" in rows[-1] or "training only" in rows[-2]
    joins = [node["macs"] for node in tree_of(to_json(net)["tree"]) if node["kind"] == "einsum"]
    assert joins == [join, join]


def tree_of(node: dict[str, Any]) -> list[dict[str, Any]]:
    """A node of a net's JSON and all below it."""
    below = [*node.get("children", []), *node.get("branches", [])]
    return [node, *(found for child in below for found in tree_of(child))]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("n i d", "one `->`"),
        ("n i d -> n i", "several operands"),
        ("n i, -> n", "an operand or a result without a name"),
        ("n i, n j -> n k", "has the axis `k` in the result"),
        ("n i, m j -> n i j", "wants the batch axis first in every operand"),
        ("ni, nj -> nij", "with spaces between the names"),
        ("n i i, n j -> n i j", "names the axis `i` twice in `n i i`"),
        ("n 2, n j -> n j", "names for axes, not `2`"),
        (" , ".join("n " + " ".join(f"{a}{i}" for i in range(30)) for a in "ab") + " -> n", "61 axes; torch tells at"),
    ],
)
def test_a_pattern_of_a_contraction_that_says_nothing_sensible_is_refused(pattern: str, words: str) -> None:
    text = f'input: [5, 16]\nlayers:\n  - einsum: [[], []]\n    pattern: "{pattern}"\n'
    (message,) = messages(text)
    assert words in message
