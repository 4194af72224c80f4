"""The edges of the rules, one by one, where other checkers are wrong. Torch judges each of them here as well."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from pydantic import ValidationError

from netspec.dims import Findings, Problem, Unmet, collecting
from netspec.layers import layer_class
from netspec.layers.base import TensorType
from tests.layers.differential import opinion, written_call
from tests.layers.generator import Config
from tests.layers.oracle import BATCH, judge


def both(name: str, shape: tuple[int, ...], dtype: str = "float32", **arguments: Any) -> tuple[int, ...] | None:
    """The output shape that netspec and torch agree on, None where both refuse."""
    config = Config(name, arguments, shape, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict = judge(written_call(config), shape, dtype)
    mine = opinion(config)
    assert (mine.layer is not None) == verdict.accepted, (mine.reason, verdict.reason)
    if mine.output is None:
        return None
    assert verdict.shape == (BATCH, *mine.output.shape)
    return verdict.shape[1:]


def refusal(name: str, shape: tuple[int, ...], **arguments: Any) -> str:
    """netspec's message for something that it refuses."""
    mine = opinion(Config(name, arguments, shape))
    assert mine.layer is None
    return mine.reason


def warnings_of(name: str, shape: tuple[int, ...], **arguments: Any) -> list[Problem]:
    findings = Findings()
    with collecting(findings):
        layer_class(name).model_validate(arguments).output(TensorType(shape))
    return findings.problems


# ---- the window


def test_a_kernel_of_7_does_not_fit_on_a_map_of_4() -> None:
    for name in ("MaxPool2d", "AvgPool2d", "LPPool2d"):
        more = {"norm_type": 2} if name == "LPPool2d" else {}
        assert both(name, (3, 4, 4), kernel_size=7, **more) is None
    assert both("Conv2d", (3, 4, 4), out_channels=2, kernel_size=7) is None
    assert both("Conv2d", (3, 4, 4), out_channels=2, kernel_size=7, padding=2) == (2, 2, 2)


def test_the_message_of_a_kernel_that_does_not_fit_says_both_numbers() -> None:
    message = refusal("MaxPool2d", (3, 4, 4), kernel_size=7)
    assert message == "`kernel_size: 7` does not fit into the height: {given}, without padding"


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("settings", [(2, 2, 0), (2, 2, 1), (3, 2, 1), (2, 3, 1), (3, 3, 0), (4, 3, 2)])
def test_ceil_mode_drops_a_last_window_that_starts_outside(n: int, settings: tuple[int, int, int]) -> None:
    k, s, p = settings
    for name in ("MaxPool1d", "AvgPool1d"):
        both(name, (1, n), kernel_size=k, stride=s, padding=p, ceil_mode=True)


def test_ceil_mode_keeps_a_window_that_hangs_over_and_drops_one_that_lies_outside() -> None:
    assert both("MaxPool2d", (1, 4, 3), kernel_size=2, stride=2, padding=1, ceil_mode=True) == (1, 3, 2)
    assert both("MaxPool2d", (1, 5, 5), kernel_size=2, stride=2, ceil_mode=True) == (1, 3, 3)


def test_padding_beyond_half_the_kernel_is_refused_whatever_the_dilation() -> None:
    assert both("MaxPool2d", (1, 9, 9), kernel_size=3, padding=1) == (1, 3, 3)
    assert both("MaxPool2d", (1, 9, 9), kernel_size=3, padding=2) is None
    assert both("MaxPool2d", (1, 9, 9), kernel_size=3, padding=2, dilation=3) is None
    assert both("AvgPool2d", (1, 9, 9), kernel_size=(3, 4), padding=(1, 2)) is not None


def test_the_three_dimensional_averages_want_an_axis_as_large_as_their_kernel_before_padding() -> None:
    assert both("AvgPool3d", (1, 2, 2, 2), kernel_size=3, padding=1) is None
    assert both("AvgPool2d", (1, 2, 2), kernel_size=3, padding=1) == (1, 1, 1)
    assert both("LPPool3d", (1, 2, 2, 2), norm_type=2, kernel_size=3, stride=2, ceil_mode=True) is None
    assert both("LPPool2d", (1, 2, 2), norm_type=2, kernel_size=3, stride=2, ceil_mode=True) == (1, 1, 1)


def test_stride_is_the_kernel_unless_it_is_given() -> None:
    assert both("MaxPool2d", (1, 9, 9), kernel_size=(2, 3)) == (1, 4, 3)


# ---- convolutions


def test_groups_must_divide_both_sides() -> None:
    assert both("Conv2d", (4, 5, 5), out_channels=6, kernel_size=1, groups=2) == (6, 5, 5)
    assert both("Conv2d", (4, 5, 5), out_channels=6, kernel_size=1, groups=3) is None
    assert both("Conv2d", (4, 5, 5), out_channels=6, kernel_size=1, groups=4) is None
    assert both("ConvTranspose2d", (4, 5, 5), out_channels=6, kernel_size=1, groups=4) is None


def test_padding_same_wants_stride_1_and_takes_even_kernels() -> None:
    assert both("Conv2d", (2, 5, 6), out_channels=3, kernel_size=4, padding="same") == (3, 5, 6)
    assert both("Conv2d", (2, 5, 6), out_channels=3, kernel_size=3, padding="same", stride=2) is None
    assert both("Conv2d", (2, 5, 6), out_channels=3, kernel_size=3, padding="same", stride=(1, 2)) is None
    assert both("ConvTranspose2d", (2, 5, 6), out_channels=3, kernel_size=3, padding="same") is None


@pytest.mark.parametrize(("mode", "largest"), [("zeros", 9), ("reflect", 3), ("replicate", 9), ("circular", 4)])
def test_padding_that_copies_cannot_be_wider_than_the_input(mode: str, largest: int) -> None:
    for padding in range(10):
        shape = both("Conv1d", (1, 4), out_channels=1, kernel_size=1, padding=padding, padding_mode=mode)
        assert (shape is not None) == (padding <= largest)


@pytest.mark.parametrize("mode", ["reflect", "circular", "replicate"])
def test_padding_same_copies_as_well(mode: str) -> None:
    for kernel in range(1, 9):
        both("Conv1d", (1, 3), out_channels=1, kernel_size=kernel, padding="same", padding_mode=mode)


def test_output_padding_must_be_smaller_than_stride_or_dilation() -> None:
    use = {"out_channels": 2, "kernel_size": 3}
    assert both("ConvTranspose2d", (2, 4, 4), **use, stride=2, output_padding=1) == (2, 10, 10)
    assert both("ConvTranspose2d", (2, 4, 4), **use, stride=2, output_padding=2) is None
    assert both("ConvTranspose2d", (2, 4, 4), **use, dilation=3, output_padding=2) is not None
    assert both("ConvTranspose2d", (2, 4, 4), **use, stride=(3, 2), output_padding=2) is None


def test_a_transposed_convolution_must_leave_something() -> None:
    assert both("ConvTranspose1d", (1, 3), out_channels=1, kernel_size=1, padding=1) == (1, 1)
    assert both("ConvTranspose1d", (1, 3), out_channels=1, kernel_size=1, padding=2) is None


# ---- norms


def test_group_norm_with_one_value_per_group_needs_two_examples() -> None:
    assert [problem.code for problem in warnings_of("GroupNorm", (6,), num_groups=6)] == ["needs-batch-2"]
    assert both("GroupNorm", (6,), num_groups=6) == (6,)
    assert warnings_of("GroupNorm", (6,), num_groups=3) == []
    assert both("GroupNorm", (6, 2), num_groups=4) is None
    for shape in ((3, 8, 8), (3, 1, 1)):  # more groups than channels: one mistake, not two
        assert [problem.code for problem in warnings_of("GroupNorm", shape, num_groups=4)] == ["shape-mismatch"]


def test_batch_norm_on_one_pixel_needs_two_examples() -> None:
    assert [problem.code for problem in warnings_of("BatchNorm2d", (6, 1, 1))] == ["needs-batch-2"]
    assert [problem.code for problem in warnings_of("BatchNorm1d", (6,))] == ["needs-batch-2"]
    assert warnings_of("BatchNorm2d", (6, 1, 2)) == []
    assert both("BatchNorm2d", (6, 1, 1)) == (6, 1, 1)


def test_instance_norm_wants_two_values_per_channel_in_every_batch() -> None:
    assert both("InstanceNorm2d", (3, 1, 1)) is None
    assert both("InstanceNorm2d", (3, 1, 1), track_running_stats=True) is None
    assert both("InstanceNorm2d", (3, 1, 2)) == (3, 1, 2)


def test_layer_norm_normalises_a_suffix() -> None:
    assert both("LayerNorm", (4, 5), normalized_shape=(4, 5)) == (4, 5)
    assert both("LayerNorm", (4, 5), normalized_shape=4) is None
    assert both("RMSNorm", (4, 5), normalized_shape=(3, 4, 5)) is None


def test_a_stated_width_is_checked_and_the_shape_goes_on() -> None:
    findings = Findings()
    with collecting(findings):
        output = (
            layer_class("Linear").model_validate({"in_features": 9216, "out_features": 10}).output(TensorType((6400,)))
        )
    assert output.shape == (10,)
    (problem,) = findings.problems
    assert (problem.code, problem.at, problem.axis, problem.value) == ("width-mismatch", "in_features", -1, 6400)
    assert problem.message == "`in_features: 9216`, but {given}"


# ---- activations


def test_prelu_wants_one_parameter_or_one_for_each_channel() -> None:
    assert both("PReLU", (4, 7, 5)) == (4, 7, 5)
    assert both("PReLU", (4, 7, 5), num_parameters=4) == (4, 7, 5)
    assert both("PReLU", (4, 7, 5), num_parameters=5) is None
    assert both("PReLU", (4,), num_parameters=4) == (4,)


def test_glu_halves_an_even_axis() -> None:
    assert both("GLU", (3, 8)) == (3, 4)
    assert both("GLU", (3, 7)) is None
    assert both("GLU", (6, 7), dim=1) == (3, 7)


@pytest.mark.parametrize("dim", [-4, -3, -2, -1, 1, 2, 3])
def test_a_dim_counts_the_batch_axis_and_must_exist(dim: int) -> None:
    accepted = both("Softmax", (4, 5), dim=dim) if dim != -3 else None
    assert (accepted is not None) == (dim in (-2, -1, 1, 2))


def test_the_batch_axis_is_out_of_reach() -> None:
    for dim in (0, -3):
        assert "is the batch axis" in refusal("Softmax", (4, 5), dim=dim)
        assert "is the batch axis" in refusal("Flatten", (4, 5), start_dim=dim)
        assert "is the batch axis" in refusal("Unflatten", (4, 5), dim=dim, unflattened_size=(1, -1))


# ---- shapes


@pytest.mark.parametrize("factor", [0.29, 0.3, 0.57, 0.58, 1.1, 1.15, 1.7, 2.3, 1 / 3, 2])
def test_upsample_rounds_as_torch_does_in_double_precision(factor: float) -> None:
    for n in (1, 2, 7, 50, 100, 125, 200):
        both("Upsample", (1, n), scale_factor=factor)


def test_upsampling_100_by_0_29_gives_28() -> None:
    assert both("Upsample", (1, 100), scale_factor=0.29) == (1, 28)


def test_upsample_wants_exactly_one_target_and_a_mode_for_its_axes() -> None:
    assert both("Upsample", (1, 4)) is None
    assert both("Upsample", (1, 4), size=3, scale_factor=2) is None
    assert both("Upsample", (1, 4), size=3, mode="linear") == (1, 3)
    assert both("Upsample", (1, 4), size=3, mode="bilinear") is None
    assert both("Upsample", (1, 4, 4), size=3, mode="nearest", align_corners=True) is None
    assert both("Upsample", (1, 4, 4), size=(3, 3, 3)) is None


def test_flatten_and_unflatten_are_each_others_inverse() -> None:
    assert both("Flatten", (256, 5, 5)) == (6400,)
    assert both("Unflatten", (6400,), dim=1, unflattened_size=(256, 5, -1)) == (256, 5, 5)
    assert both("Unflatten", (6400,), dim=1, unflattened_size=(256, 5, 6)) is None
    assert both("Unflatten", (6400,), dim=1, unflattened_size=(-1, -1)) is None
    assert both("Flatten", (2, 3), start_dim=2, end_dim=1) is None


def test_flatten_derives_its_size() -> None:
    assert layer_class("Flatten")().derivation(TensorType((256, 5, 5)), 0) == "256 × 5 × 5"


def test_a_convolution_derives_its_sizes() -> None:
    layer = layer_class("Conv2d").model_validate({"out_channels": 96, "kernel_size": 11, "stride": 4, "padding": 1})
    assert layer.derivation(TensorType((1, 224, 224)), 1) == "(224 + 2·1 − 11) // 4 + 1"
    assert layer.derivation(TensorType((1, 224, 224)), 0) is None


def test_fold_wants_as_many_columns_as_the_output_has_windows() -> None:
    assert both("Fold", (12, 4), output_size=3, kernel_size=2) == (3, 3, 3)
    assert both("Fold", (12, 5), output_size=3, kernel_size=2) is None
    assert both("Fold", (13, 4), output_size=3, kernel_size=2) is None
    assert both("Fold", (12, 1), output_size=1, kernel_size=2) is None


def test_negative_padding_cuts_off_no_more_than_there_is() -> None:
    assert both("ZeroPad1d", (1, 3), padding=(-1, -1)) == (1, 1)
    assert both("ZeroPad1d", (1, 3), padding=(-4, 5)) is None
    assert both("ConstantPad1d", (1, 3), padding=(-2, 0), value=1.5) == (1, 1)


def test_an_n_dimensional_layer_does_not_take_the_batch_for_channels() -> None:
    for name, arguments in (("Conv2d", {"out_channels": 1, "kernel_size": 1}), ("MaxPool2d", {"kernel_size": 1})):
        assert "wants 3 axes (channels, height, width)" in refusal(name, (5, 5), **arguments)


# ---- tokens and sequences


def test_an_embedding_wants_integers_and_a_linear_does_not() -> None:
    use = {"num_embeddings": 4, "embedding_dim": 3}
    assert both("Embedding", (5,), "int64", **use) == (5, 3)
    assert both("Embedding", (5,), **use) is None
    assert both("Embedding", (5,), "int64", **use, padding_idx=4) is None
    assert both("EmbeddingBag", (5,), "int64", **use) == (3,)
    assert both("EmbeddingBag", (5, 2), "int64", **use) is None
    assert both("Linear", (5,), "int64", out_features=2) is None


def test_heads_must_divide_the_features() -> None:
    assert both("TransformerEncoderLayer", (5, 6), nhead=3, dim_feedforward=4) == (5, 6)
    assert both("TransformerEncoderLayer", (5, 6), nhead=4, dim_feedforward=4) is None


def test_a_recurrent_layer_returns_its_sequence_or_its_last_state() -> None:
    assert both("LSTM", (7, 3), hidden_size=4) == (7, 4)
    assert both("LSTM", (7, 3), hidden_size=4, bidirectional=True, returns="last") == (8,)
    assert both("LSTM", (7, 3), hidden_size=4, proj_size=2) == (7, 2)
    assert both("LSTM", (7, 3), hidden_size=4, proj_size=4) is None


def test_batch_first_cannot_be_false() -> None:
    for name, arguments in (("GRU", {"hidden_size": 4}), ("TransformerEncoderLayer", {"nhead": 1})):
        with pytest.raises(ValidationError, match="the batch is always the first axis"):
            layer_class(name).model_validate(arguments | {"batch_first": False})


def test_a_requirement_that_fails_without_a_collector_raises() -> None:
    with pytest.raises(Unmet):
        layer_class("MaxPool2d").model_validate({"kernel_size": 7}).output(TensorType((3, 4, 4)))
