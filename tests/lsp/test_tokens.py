"""Semantic tokens and signature help: what words are, and which argument is typed."""

from __future__ import annotations

from itertools import accumulate, takewhile

import pytest

pytest.importorskip("lsprotocol", reason="the language server is an extra")

from lsprotocol import types as lsp

from netspec.lsp.reading import LiveText
from netspec.lsp.signatures import signature
from netspec.lsp.tokens import LEGEND, semantic_tokens

SPEC = """\
input: [3, 32, 32]
vars: {width: 8, act: ReLU}
blocks:
  conv(out, kernel=3):
    - Conv2d: {out_channels: out, kernel_size: kernel}
    - $act
layers:
  - conv: [width, 5]
    name: first
  - residual: [{Conv2d: {out_channels: 8, kernel_size: 1}}, "BatchNorm2d"]
  - Flatten
  - Linear: 10
init: {Conv2d: kaiming_normal_}
train: {data: FashionMNIST, optimizer: {SGD: {lr: 0.1}}, loss: CrossEntropyLoss, batch_size: 8, epochs: 1}
"""


def told(text: str) -> list[tuple[str, str]]:
    """Each token as text, with its kind."""
    live = LiveText("spec.yaml", text)
    data = semantic_tokens(live).data
    lines = [line.encode("utf-16-le") for line in text.splitlines()]
    line = character = 0
    found: list[tuple[str, str]] = []
    for at in range(0, len(data), 5):
        ahead, along, length, kind, _ = data[at : at + 5]
        line, character = line + ahead, along if ahead else character + along
        found.append((lines[line][2 * character : 2 * (character + length)].decode("utf-16-le"), LEGEND[kind]))
    return found


def test_each_word_is_what_the_spec_makes_it() -> None:
    found = told(SPEC)
    assert {word for word, kind in found if kind == "class"} == {
        "Conv2d", "BatchNorm2d", "Flatten", "Linear", "FashionMNIST", "SGD", "CrossEntropyLoss",
    }  # fmt: skip
    assert [word for word, kind in found if kind == "function"] == ["conv", "conv"]
    assert {word for word, kind in found if kind == "variable"} == {"width", "act", "$act"}
    assert [word for word, kind in found if kind == "namespace"] == ["first"]
    assert {word for word, kind in found if kind == "keyword"} == {
        "input", "vars", "blocks", "layers", "init", "train", "name", "residual",
    }  # fmt: skip
    assert {"out_channels", "kernel_size", "lr", "out", "kernel"} == {
        word for word, kind in found if kind == "parameter"
    }
    assert {"data", "optimizer", "loss", "batch_size", "epochs"} == {word for word, kind in found if kind == "property"}


EXPRESSIONS = """\
input: [3, 8, 8]
vars: {n: 2, c: 4, zeros: 3, wide: "max(c, [w for w in range(n)][-1]) if 'n' else c"}
layers:
  - for: i, w in enumerate([c, wide])
    do:
      - {Conv2d: {out_channels: w * n, kernel_size: 1, padding_mode: zeros}, name: "part{i}", when: in_channels > n}
      - as: seen[i]
  - use: seen[0] * n + seen[0]
  - Rearrange: "n c h w -> n (c h w)"
  - Linear: "min(in_features, 4)"
"""


def test_what_an_expression_names_has_a_token_and_a_text_has_none() -> None:
    live = LiveText("spec.yaml", EXPRESSIONS)
    assert live.found == []
    lines = EXPRESSIONS.splitlines()
    of = {number: [w for w, k in told_on(EXPRESSIONS, number) if k in ("variable", "function")] for number in range(10)}
    assert of[1] == ["n", "c", "zeros", "wide", "max", "c", "range", "n", "c"], lines[1]
    assert of[3] == ["i", "w", "enumerate", "c", "wide"]
    assert of[5] == ["w", "n", "i", "in_channels", "n"], "no `zeros` of `padding_mode`"
    assert of[6] == ["seen", "i"]
    assert of[7] == ["seen", "n", "seen"]
    assert of[8] == [], "a pattern is text"
    assert of[9] == ["min", "in_features"]


def told_on(text: str, number: int) -> list[tuple[str, str]]:
    """The tokens of one line."""
    live = LiveText("spec.yaml", text)
    data, line, found = semantic_tokens(live).data, 0, 0
    for at in range(0, len(data), 5):
        line += data[at]
        found += line < number
    until = sum(1 for _ in takewhile(lambda n: n <= number, accumulate(data[0::5])))
    return told(text)[found:until]


def test_columns_count_units_of_utf_16_and_what_is_broken_has_no_tokens() -> None:
    text = 'description: "\N{GRINNING FACE}"\nlayers: [{"Linear": 3}]   # \N{GRINNING FACE}\ninput: [4]\n'
    assert told(text) == [("description", "keyword"), ("layers", "keyword"), ("Linear", "class"), ("input", "keyword")]
    assert told("layers: [") == []
    assert told("- a\n") == []


@pytest.mark.parametrize(
    ("text", "label", "active"),
    [
        ("layers:\n  - Conv2d: {|", "Conv2d(in_channels=", "out_channels"),
        ("layers:\n  - Conv2d:\n      |", "Conv2d(in_channels=", "out_channels"),
        ("layers:\n  - Conv2d: {out_channels: 3, |", "Conv2d(", "kernel_size"),
        ("layers:\n  - Conv2d: {kernel_size: 3, |", "Conv2d(", "out_channels"),
        ("layers:\n  - Conv2d: {out_channels: 3, kernel_size: 3, |", "Conv2d(", "stride"),
        ("layers:\n  - Linear: |", "Linear(in_features=", "out_features"),
        ("layers:\n  - Linear: 1|", "Linear(in_features=", "out_features"),
        ("layers: [ReLU, Linear: wid|", "Linear(in_features=", "out_features"),
        ("layers:\n  - BatchNorm2d: {|", "BatchNorm2d(num_features=", "eps"),
        ("layers:\n  - Parameter: [3, |", "Parameter(", "shape"),
        ("layers:\n  - conv: |", "conv(out, kernel=3)", "out"),
        ("layers:\n  - conv: {out: 3, |", "conv(out, kernel=3)", "kernel=3"),
        ("train:\n  optimizer: {SGD: |", "SGD(lr=", "lr"),
        ("layers:\n  - Conv2d: {out_channels: 3, kernel_size: |", "Conv2d(", "kernel_size"),
        ("layers:\n  - Conv2d: {out_channels: 3, pad|", "Conv2d(", "padding"),
        ("layers:\n  - Conv2d:\n      stride: |", "Conv2d(", "stride"),
        ("layers:\n  - conv: [|", "conv(out, kernel=3)", "out"),
        ("layers:\n  - conv: [width, |", "conv(out, kernel=3)", "kernel=3"),
        ("layers:\n  - conv: [max(1, [2, 3][0]), |", "conv(out, kernel=3)", None),
        ("layers:\n  - conv: {kernel: |", "conv(out, kernel=3)", "kernel=3"),
        ("train:\n  optimizer: {SGD: {momentum: |", "SGD(lr=", "momentum"),
        ("layers:\n  - residual: [Conv2d: {|", "Conv2d(", "out_channels"),
    ],
)
def test_the_signature_marks_the_argument_that_is_typed(text: str, label: str, active: str | None) -> None:
    head = SPEC.partition("layers:")[0]
    live = LiveText("spec.yaml", head + text.replace("|", ""))
    help_ = signature(live, LiveText("spec.yaml", SPEC), live.places.position(len(head) + text.index("|")))
    assert help_ is not None
    (made,) = help_.signatures
    assert made.label.startswith(label)
    if active is not None:
        assert help_.active_parameter is not None and made.parameters
        assert str(made.parameters[help_.active_parameter].label).startswith(active)


@pytest.mark.parametrize("text", ["layers:\n  - |", "input: [3, |", "vars: {a: |", "layers:\n  - ReLU\n|"])
def test_where_no_arguments_stand_there_is_no_signature(text: str) -> None:
    live = LiveText("spec.yaml", text.replace("|", ""))
    assert signature(live, live, live.places.position(text.index("|"))) is None


def test_code_in_what_is_said_of_an_argument_is_shown_as_code() -> None:
    text = "input: [4]\nlayers:\n  - Linear: {|"
    live = LiveText("spec.yaml", text.replace("|", ""))
    help_ = signature(live, live, live.places.position(text.index("|")))
    assert help_ is not None and help_.signatures[0].parameters is not None
    (told,) = [p.documentation for p in help_.signatures[0].parameters if p.label == "out_features"]
    assert isinstance(told, lsp.MarkupContent) and told.kind == lsp.MarkupKind.Markdown
    assert told.value.endswith("as in `Linear: …`")
