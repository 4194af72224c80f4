"""Mistakes in specs: one diagnostic for each, fixes that work, and errors of overrides."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec import render as netspec_render
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic, UsageError
from netspec.errors import SpecError
from netspec.language.overrides import Written
from netspec.net import Scope
from netspec.text.source import decode


def findings(text: str) -> list[Diagnostic]:
    source, problems = decode(text.encode(), "spec.yaml")
    return check_source(source, problems)


def mended(text: str, found: Diagnostic) -> str:
    assert found.fix is not None
    lines = text.splitlines(keepends=True)
    starts = [sum(map(len, lines[:i])) for i in range(len(lines))]
    for span, new in sorted(found.fix.edits, reverse=True):
        start, end = starts[span.line - 1] + span.column - 1, starts[span.end_line - 1] + span.end_column - 1
        text = text[:start] + new + text[end:]
    return text


MENDED = {
    "a key that is misspelt": "input: [4]\nbloks: {a(n): [Linear: n]}\nlayers: [a: 3]\n",
    "a value that is used as a layer": "input: [4]\nvars: {act: ReLU}\nlayers: [act]\n",
    "a variable with a dollar in an expression": "input: [4]\nvars: {n: 3}\nlayers: [Linear: $n]\n",
    "a layer with its module": "input: [4]\nlayers: [nn.ReLU]\n",
    "an option that is misspelt": "input: [4]\nlayers: [{ReLU: {}, nmae: a}]\n",
    "an input that is no list": "input: 784\nlayers: [ReLU]\n",
    "an input in quotes": 'input: "[1, 28, 28]"\nlayers: [ReLU]\n',
    "a parameter in the wrong case": "input: [4]\nblocks: {a(n): [Linear: n]}\nlayers: [a: {N: 3}]\n",
}


@pytest.mark.parametrize("text", MENDED.values(), ids=MENDED)
def test_one_mistake_is_one_finding_whose_fix_mends_it(text: str) -> None:
    found = findings(text)
    assert len(found) == 1, [(d.code, d.message) for d in found]
    assert findings(mended(text, found[0])) == []


HELPED = {
    "input: [4]\nlayers: [{Linear: 4, when: yes}]\n": "write `true`",
    "input: [4]\nvars: {a: b, b: 3}\nlayers: [Linear: a]\n": "not defined yet",
    "input: [h]\nlayers: [ReLU]\n": "in capitals: `H`",
    "input: [-1, 4]\nlayers: [ReLU]\n": "batch axis",
    "input: [4]\nlayers:\n  - {Linear: 4, name: {i}}\n": 'name: "{i}"',
    "input: [1, 8, 8]\nlayers: [Conv2d: 6]\n": "Conv2d: {out_channels: 6, kernel_size: …}",
    "input: [1, 8, 8]\nlayers: [Conv2d]\n": "Conv2d: {out_channels: …, kernel_size: …}",
    "input: [4]\nlayers: ['Linear(4, 3)']\n": "Linear: {…}",
    "input: [4]\nvars: {m: reflect}\nlayers: [Linear: m]\n": "\"'reflect'\"",
    "input: [4]\nlayers: [{Linear: 4, name: _a}]\n": "`a`",
}


@pytest.mark.parametrize("text", HELPED)
def test_the_help_says_what_to_write(text: str) -> None:
    (found,) = findings(text)
    assert HELPED[text] in (found.help or "")


def test_a_symbol_where_a_number_must_stand_asks_for_the_number() -> None:
    for item in ("{ReLU: {}, repeat: H}", "{ReLU: {}, name: 'a{H}'}", "{concat: [[], []], split: H}"):
        assert [d.code for d in findings(f"input: [4, H]\nlayers: [{item}]\n")] == ["needs-number"], item


def test_a_misspelt_override_leaves_the_base_complete() -> None:
    text = "input: [4]\nvars: {width: 3}\nvariants: {a: {widht: 5}}\nlayers: [Linear: width]\n"
    assert [(d.code, d.severity) for d in findings(text)] == [("unused-variable", "warning")]
    assert netspec.loads(text).output_shape == (3,)


SHORT = """
input: [1, 28, 28]
layers: [Flatten, Linear: 10]
train:
  data: FashionMNIST
  transforms: [Resize: 28]
  augment: [RandomCrop: 28]
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1}}
  batch_size: 8
  epochs: 9
  ema: 0.5
  early_stopping: 3
  validation: 0.1
"""


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"train.transforms.Resize.antialias": False}, ("transforms", 0, {"size": 28, "antialias": False})),
        ({"train.augment.RandomCrop.size": [28, 28], "train.augment.RandomCrop.padding": 4},
         ("augment", 0, {"size": (28, 28), "padding": 4})),
        ({"train.ema.every": 2}, ("ema", None, {"decay": 0.5, "every": 2})),
        ({"train.early_stopping.patience": 4}, ("early_stopping", None, {"patience": 4})),
        ({"train.loss.CrossEntropyLoss.label_smoothing": 0.1}, ("loss", None, {"label_smoothing": 0.1})),
        ({"train.data.FashionMNIST": {}}, ("data", None, {})),
    ],
)  # fmt: skip
def test_a_setting_reaches_into_what_is_written_as_one_bare_value(
    settings: dict[str, object], found: tuple[str, int | None, dict[str, object]]
) -> None:
    key, index, values = found
    part = getattr(netspec.loads(SHORT, set=settings).recipe, key)
    part = part if index is None else part[index]
    assert values.items() <= dict(part).items()


OVERRIDDEN = """train:
  data: MNIST
  loss: {CrossEntropyLoss: {ignore_index: 3}}
  optimizer: SGD
  scheduler: {StepLR: {step_size: 2}}
  epochs: 3
  augment: [RandomCrop: 3]
"""


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"n": Written("")}, "no value"),
        ({"n": Written("[max(1, 2)]")}, "quotes"),
        ({"H": 2**31}, "between 1 and"),
        ({"H": 3, "input": "[4]"}, "no variable, symbol"),
        ({"W": 3}, "its input leaves `H` open: write `--set H=3`"),
        ({"train..epochs": 3}, "at a dot"),
        ({"train.optimizer.lr": 0.1}, "write `--set train.optimizer.SGD.lr=0.1`"),
        ({"train.optimizer.sgd.lr": 0.1}, "write `--set train.optimizer.SGD.lr=0.1`"),
        (
            {"train.optimizer.AdamW.lr": 0.1},
            r"the recipe's optimizer is `SGD`; `--set 'train.optimizer={AdamW: {lr: 0.1}}'`",
        ),
        ({"train.optimizer.Adma.lr": 0.1}, r"`--set 'train.optimizer={Adam: {lr: 0.1}}'` replaces it"),
        ({"train.optimizer.size": 3}, "is `SGD`, which has no `size`; its arguments are `lr`, `momentum`"),
        ({"train.loss.label_smoothing": 0.1}, "write `--set train.loss.CrossEntropyLoss.label_smoothing=0.1`"),
        ({"train.loss.MSELoss": {}}, "the recipe's loss is `CrossEntropyLoss`; `--set 'train.loss={MSELoss: {}}'`"),
        ({"train.data.path": "a"}, "data set is `MNIST`, which has no `path`; it takes no arguments"),
        ({"train.scheduler.gamma": 0.5}, "write `--set train.scheduler.StepLR.gamma=0.5`"),
        ({"train.epochs.x": 3}, "`train.epochs` is `3` in the recipe and has no `x`"),
        ({"train.augment.size": 3}, r"no `size` in the list `train.augment`; `--set 'train.augment=\[…\]'`"),
    ],
)
def test_a_setting_that_cannot_be_applied_says_why(settings: dict[str, object], says: str) -> None:
    text = "input: [1, H]\nvars: {n: 3}\nlayers: [Linear: n]\n" + OVERRIDDEN
    with pytest.raises(UsageError, match=says):
        netspec.loads(text, set=settings)


def test_a_spec_without_variables_says_how_a_number_becomes_one() -> None:
    text = "input: [4]\nlayers: [Linear: 10]\n"
    with pytest.raises(UsageError) as refused:
        netspec.loads(text, set={"classes": 7})
    told = str(refused.value)
    assert "there are: input. The spec has no `vars`: edit the number where it stands" in told
    assert "`vars: {classes: 7}` at the top and `classes` in its place" in told
    named = "vars: {classes: 7}\n" + text.replace("10", "classes")
    assert netspec.loads(named).output_shape == (7,)
    assert netspec.loads(named, set={"classes": 9}).output_shape == (9,)


@pytest.mark.parametrize(
    ("key", "value", "marked"),
    [
        ("train.epoch", "3", "epoch"),
        ("train.scheduler", "StepLR", "StepLR"),
        ("train.warmup", "-2", "-2"),
        ("train.groups", "[{parameters: [bias], rl: 3}]", "rl"),
        ("train.scheduler.StepLR", "{step_size: 3, gama: 2}", "gama"),
        ("train.scheduler.MultiStepLR.gamma", "2", "MultiStepLR"),
        ("train.optimizer.SGD.momentum", "[1]", "[1]"),
        ("train.clip_grad_norm", "1 + two", "two"),
    ],
)
def test_what_a_setting_adds_is_shown_in_the_setting_and_no_line_of_the_file_with_it(
    key: str, value: str, marked: str
) -> None:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(SHORT, "short.yaml", set={key: Written(value)})
    (found,) = caught.value.diagnostics
    written = f"--set {key}={value}"
    assert (found.span.file, found.fix, found.related) == (written, None, ())
    assert written[found.span.column - 1 : found.span.end_column - 1] == marked
    text = str(caught.value)
    assert f" --> added by --set\n  |\n1 | {written}\n" in text
    assert "short.yaml" not in text and "FashionMNIST" not in text
    assert "file=" not in netspec_render.render_github([found])


def test_what_a_setting_overrides_is_shown_with_the_line_that_it_overrides() -> None:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(SHORT, "short.yaml", set={"train.epochs": 0, "train.seed": -1, "train.epoch": 2})
    first, *others = caught.value.diagnostics
    assert (first.span.file, first.span.line, first.related[0].message) == (
        "short.yaml", 11, "overridden by `--set train.epochs=0`",
    )  # fmt: skip
    assert [d.span.file for d in others] == ["--set train.seed=-1", "--set train.epoch=2"]


def test_the_help_for_an_overridden_value_quotes_the_setting_and_not_the_line_below_it() -> None:
    for key, value, said in (
        ("train.optimizer.SGD", "[1, 2]", "SGD: {lr: 1, momentum: 2}"),
        ("train.augment", "RandomFlip", "`augment: [RandomFlip]`"),
    ):
        with pytest.raises(netspec.SpecError) as caught:
            netspec.loads(SHORT, "short.yaml", set={key: Written(value)})
        (found,) = caught.value.diagnostics
        assert said in (found.help or "")


def test_an_added_part_that_a_second_setting_changes_is_shown_in_the_first() -> None:
    settings = {"train.scheduler": Written("{StepLR: {step_size: 2}}"), "train.scheduler.StepLR.step_size": -1}
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(SHORT, "short.yaml", set=settings)
    (found,) = caught.value.diagnostics
    assert found.span.file == "--set train.scheduler={StepLR: {step_size: 2}}"
    assert [r.message for r in found.related] == ["overridden by `--set train.scheduler.StepLR.step_size=-1`"]


@pytest.mark.parametrize(
    ("name", "shape", "meant"),
    [
        ("Maxpool", "[1, 28, 28]", "MaxPool2d"), ("Conv", "[1, 28]", "Conv1d"), ("Conv", "[1, 8, 8, 8]", "Conv3d"),
        ("Conv3D", "[1, 28, 28]", "Conv3d"), ("conv2d", "[4]", "Conv2d"), ("BatchNorm", "[4]", "BatchNorm1d"),
        ("Dense", "[4]", "Linear"), ("MaxPooling2D", "[1, 8, 8]", "MaxPool2d"), ("Softmax2", "[4]", "Softmax2d"),
        ("GlobalAveragePooling2D", "[1, 8, 8]", "AdaptiveAvgPool2d"), ("SoftMax", "[4]", "Softmax"),
        ("Conv2DTranspose", "[1, 8, 8]", "ConvTranspose2d"), ("Concatenate", "[4]", "concat"),
        ("BatchNormalization", "[1, 8, 8]", "BatchNorm2d"), ("Sigmod", "[4]", "Sigmoid"), ("Relu", "[4]", "ReLU"),
        ("Conv_Bn", "[4]", "conv_bn"),
    ],
)  # fmt: skip
def test_a_name_from_elsewhere_is_answered_with_the_layer_of_that_many_axes(name: str, shape: str, meant: str) -> None:
    (found,) = findings(f"input: {shape}\nblocks: {{conv_bn(): [ReLU]}}\nlayers: [conv_bn, {name}]\n")
    assert found.code == "unknown-layer"
    told = found.help or (found.fix.title if found.fix is not None else "")
    assert f"`{meant}" in told


def test_nets_of_equal_specs_are_equal() -> None:
    net = netspec.loads("input: [4]\nlayers: [Linear: 3, ReLU]\n")
    assert net == netspec.loads("input: [4]\nlayers: [Linear: 3, ReLU]\n")
    assert net == pickle.loads(pickle.dumps(net))
    assert net != netspec.loads("input: [4]\nlayers: [Linear: 2, ReLU]\n")


def test_a_call_is_named_as_a_spec_writes_it_without_the_defaults() -> None:
    net = netspec.loads("""
input: [H, 4]
blocks:
  piece(n, bias=true, act=null, sizes=[1, 2], mode='same', of=3): [Identity]
layers:
  - piece: 2
  - piece: {n: 2, bias: false, act: {LeakyReLU: 0.2}, sizes: [true, null], mode: "'it'", of: H // 2}
""")
    labels = [child.label for child in net.root.children if isinstance(child, Scope)]
    assert labels == ["piece(2)", "piece(2, bias=false, act=LeakyReLU, sizes=[true, null], mode='it', of=H//2)"]


# ---- callers without a type checker

ONE = "input: [8]\nlayers: [Linear: 8]\n"


@pytest.mark.parametrize("path", [None, 3, b"spec.yaml", ["spec.yaml"], ""])
@pytest.mark.parametrize("function", [netspec.load, netspec.check])
def test_what_is_no_path_is_an_error_of_the_call(function: Any, path: Any) -> None:
    with pytest.raises(UsageError, match="path"):
        function(path)


@pytest.mark.parametrize("text", [None, 3, ONE.encode(), Path("spec.yaml"), {"input": [8]}])
def test_what_is_no_text_is_an_error_of_the_call(text: Any) -> None:
    with pytest.raises(UsageError, match=f"wants a text, the spec, but here is .*{type(text).__name__}"):
        netspec.loads(text)


@pytest.mark.parametrize(
    "arguments",
    [
        {"filename": None}, {"filename": 3}, {"variant": 3}, {"set": [1]}, {"set": []}, {"set": ""}, {"set": "a=3"},
        {"set": {3: 4}}, {"limits": 3}, {"limits": None},
    ],
)  # fmt: skip
def test_an_argument_of_another_type_is_named(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(UsageError, match=f"`{name}`.* but here is "):
        netspec.loads(ONE, **arguments)


@pytest.mark.parametrize("given", [{}, [], None])
def test_an_input_that_is_set_to_nothing_is_wrong_where_it_stands(given: Any) -> None:
    with pytest.raises(SpecError, match="`input` is the shape of one example") as raised:
        netspec.loads(ONE, set={"input": given})
    assert raised.value.diagnostics[0].span.line == 1
