"""Words of other libraries that mean another thing here: names, axes, momenta, pairs, parts of a value."""

from __future__ import annotations

import pytest

from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.mends.repair import repaired
from netspec.text.source import Source, decode


def check(text: str) -> list[Diagnostic]:
    return check_source(*decode(text.encode(), "spec.yaml"))


MAP = "input: [3, 16, 16]\nlayers:\n  - Conv2d: {out_channels: 8, kernel_size: 3}\n"
STEPS = "input: [20, 8]\nlayers:\n  - Linear: 4\n"
NAMED = "input: {x: [20, 8], y: [4]}\nlayers:\n"

MENDED = {
    "Keras's function of leaky ReLU": (MAP, "Activation: leaky_relu", "LeakyReLU: 0.2"),
    "the same as an argument": (
        MAP,
        "Conv2D: {filters: 4, kernel_size: 1, activation: leaky_relu}",
        "Conv2d: {out_channels: 4, kernel_size: 1}\n  - LeakyReLU: 0.2",
    ),
    "Keras's norm of features": (STEPS, "LayerNormalization", "LayerNorm: {eps: 0.001}"),
    "Keras's norm of features, with what it has": (
        STEPS,
        "LayerNormalization: {epsilon: 0.01}",
        "LayerNorm: {eps: 0.01}",
    ),
    "shares of channels": (
        MAP,
        "Conv2D: {filters: 4, kernel_size: 1, activation: softmax}",
        "Conv2d: {out_channels: 4, kernel_size: 1}\n  - Softmax: 1",
    ),
    "an activation by its short name": (MAP, "lrelu", "LeakyReLU"),
    "the same in capitals, with its slope": (MAP, "LReLU: 0.2", "LeakyReLU: 0.2"),
    "Caffe's other one": (MAP, "ParametricReLU", "PReLU"),
    "a momentum as Keras counts it": (
        MAP,
        "BatchNormalization: {momentum: 0.9}",
        "BatchNorm2d: {momentum: 0.1, eps: 0.001}",
    ),
    "all of Keras's norm": (
        MAP,
        "BatchNormalization: {momentum: 0.99, epsilon: 0.001}",
        "BatchNorm2d: {momentum: 0.01, eps: 0.001}",
    ),
    "both directions, all steps": (
        STEPS,
        "Bidirectional: {LSTM: {units: 16, return_sequences: True}}",
        "LSTM: {hidden_size: 16, bidirectional: true}",
    ),
    "both directions, all steps, in quotes": (
        STEPS,
        'Bidirectional: {LSTM: {units: 16, return_sequences: "yes"}}',
        "LSTM: {hidden_size: 16, bidirectional: true}",
    ),
    "both directions, the last step": (
        STEPS,
        "Bidirectional: {GRU: {units: 16, return_sequences: False}}",
        "GRU: {hidden_size: 16, bidirectional: true, returns: last}",
    ),
    "a call around a call": (
        STEPS,
        "Bidirectional(LSTM(16, return_sequences=True))",
        "LSTM: {hidden_size: 16, bidirectional: true}",
    ),
    "a pair without brackets": (
        MAP,
        "AdaptiveAvgPool2d: {output_size: 7,7}",
        "AdaptiveAvgPool2d: {output_size: [7, 7]}",
    ),
    "a pair among others": (
        MAP,
        "Conv2d: {out_channels: 4, kernel_size: 3,5, padding: 1}",
        "Conv2d: {out_channels: 4, kernel_size: [3, 5], padding: 1}",
    ),
    "a part of a named value": (
        NAMED,
        "use: x[:, 0]\n  - Linear: 4\n  - add: [[], y]",
        "use: x\n  - Select: {dim: 1, index: 0}\n  - Linear: 4\n  - add: [[], y]",
    ),
    "a part of a named value as an item": (
        NAMED,
        "x[:, -1, :]\n  - Linear: 4\n  - add: [[], y]",
        "use: x\n  - Select: {dim: 1, index: -1}\n  - Linear: 4\n  - add: [[], y]",
    ),
    "the end of each": (
        NAMED,
        "use: x[..., 0]\n  - Linear: 4\n  - add: [[], y]",
        "use: x\n  - Select: {dim: -1, index: 0}\n  - Linear: 4\n  - add: [[], y]",
    ),
    "some steps": (
        "input: {x: [20, 4], y: [19, 4]}\nlayers:\n",
        "x[:, 1:]\n  - add: [[], y]",
        "use: x\n  - Slice: {dim: 1, start: 1}\n  - add: [[], y]",
    ),
}


@pytest.mark.parametrize("case", MENDED)
def test_a_word_is_mended_by_what_it_means(case: str) -> None:
    head, wrong, right = MENDED[case]
    text = f"{head}  - {wrong}\n"
    assert repaired(Source("spec.yaml", text), check(text), check).text == f"{head}  - {right}\n"


TWO = {
    "the channels of a map are last in Keras": (MAP, "Softmax: {axis: -1}", "Softmax: {dim: 1}", "Softmax: {dim: -1}"),
    "so are its height and width others": (MAP, "Mean: {axis: [1, 2]}", "Mean: {dim: [2, 3]}", "Mean: {dim: [1, 2]}"),
    "no axis, behind a map": (MAP, "Softmax", "Softmax: 1", "Softmax: -1"),
    "a pair, or thousands": (MAP, "Upsample: {size: 100,100}", "Upsample: {size: [100, 100]}",
                             "Upsample: {size: 100100}"),
    "a norm over the features of a sequence": (
        STEPS, "BatchNormalization", "BatchNorm1d: {eps: 0.001, momentum: 0.01}",
        "Rearrange: n t c -> n c t\n  - BatchNorm1d: {eps: 0.001, momentum: 0.01}\n  - Rearrange: n c t -> n t c",
    ),
    "a norm over the channels of a map": (
        MAP, "LayerNormalization",
        "Rearrange: n c h w -> n h w c\n  - LayerNorm: {eps: 0.001}\n  - Rearrange: n h w c -> n c h w",
        "LayerNorm: {eps: 0.001}",
    ),
    "a convolution of a sequence": (
        STEPS, "Conv1D: {filters: 8, kernel_size: 3}",
        "Rearrange: n l c -> n c l\n  - Conv1d: {out_channels: 8, kernel_size: 3}",
        "Conv1d: {out_channels: 8, kernel_size: 3}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TWO)
def test_what_is_as_likely_another_is_not_mended_unasked(case: str) -> None:
    head, wrong, first, second = TWO[case]
    text = f"{head}  - {wrong}\n"
    (d,) = check(text)
    assert d.fix is not None
    assert d.otherwise is not None
    assert not d.fix.certain
    source = Source("spec.yaml", text)
    made = [repaired(source, [d._replace(fix=fix._replace(certain=True))], check).text for fix in (d.fix, d.otherwise)]
    assert made == [f"{head}  - {first}\n", f"{head}  - {second}\n"]


def test_the_same_axis_behind_a_vector_is_certain() -> None:
    text = "input: [3, 16, 16]\nlayers:\n  - Flatten\n  - Linear: 4\n  - Softmax: {axis: -1}\n"
    assert repaired(Source("spec.yaml", text), check(text), check).text == text.replace("axis", "dim")


def test_a_dense_layer_works_on_the_channels_of_a_map_in_keras() -> None:
    text = f"{MAP}  - Dense: 10\n"
    (d,) = check(text)
    assert d.fix is not None
    assert not d.fix.certain
    assert [edit.text for edit in d.fix.edits] == ["- Flatten\n  ", "Linear"]  # what most mean
    assert d.otherwise is not None
    assert d.otherwise.edits[0].text == "Conv2d: {out_channels: 10, kernel_size: 1}"


def test_defaults_that_are_others_in_keras_are_written() -> None:
    text = f"{MAP}  - BatchNormalization\n"
    (d,) = check(text)
    assert d.fix is not None
    assert d.fix.title == "write `BatchNorm2d`, `eps: 0.001, momentum: 0.01`, Keras's defaults"
    made = repaired(Source("spec.yaml", text), check(text), check).text
    assert made == f"{MAP}  - BatchNorm2d: {{eps: 0.001, momentum: 0.01}}\n"


def test_nothing_is_advised_that_cannot_be_read() -> None:
    (d,) = check(f"{NAMED}  - x[:, 0]\n  - Linear: 4\n  - add: [[], y]\n")
    assert d.help == "two items say it: `use: x`, and behind it `Select: {dim: 1, index: 0}`"


def test_a_stranger_s_arguments_are_part_of_the_first_mend() -> None:
    """What a large network lets be tried is a mend or two."""
    text = "input: [3, 8, 8]\nlayers:\n  - Conv2D: {filters: 8, kernel_size: 1}\n"
    text += "  - {repeat: 4000, do: [ReLU, Tanh, ReLU]}\n"
    (d,) = [d for d in check(text) if d.severity == "error"]
    assert d.fix is not None
    assert d.fix.title == "write `Conv2d`, `out_channels`"
