"""What is offered where one mend is meant, where two are as likely, and where another finding's mend answers all."""

from __future__ import annotations

import pytest

from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.mends.edits import applied
from netspec.text.source import Source, decode


def check(text: str) -> list[Diagnostic]:
    return check_source(*decode(text.encode(), "spec.yaml"))


RECIPE = "epochs: 1, batch_size: 8, optimizer: SGD, loss: CrossEntropyLoss"
BLOCK = """
input: [3, 32, 32]
blocks:
  block(c, s):
    - residual:
        - Conv2d: {{out_channels: c, kernel_size: 3, stride: s, padding: 1}}
        - ReLU
        - Conv2d: {{out_channels: c, kernel_size: 3, {second}padding: 1}}
{beside}layers:
  - Conv2d: {{out_channels: 16, kernel_size: 3, padding: 1}}
  - ReLU
  - block: [16, 1]
  - block: [32, 2]
"""
SHORTCUT = "      shortcut: [Conv2d: {out_channels: c, kernel_size: 1, stride: s}]\n"

ALTERNATIVES: dict[str, tuple[str, str, str]] = {
    "groups": (
        "input: [30, 8, 8]\nlayers: [Conv2d: {out_channels: 60, kernel_size: 3, groups: 4}]",
        "write `groups: 3`, which turns 30 × 8 × 8 into 60 × 6 × 6",
        "write `groups: 5`, which turns 30 × 8 × 8 into 60 × 6 × 6",
    ),
    "heads": (
        "input: [196, 100]\nlayers: [TransformerEncoderLayer: 8]",
        "write `nhead: 5`, which turns 196 × 100 into 196 × 100",
        "write `nhead: 10`, which turns 196 × 100 into 196 × 100",
    ),
    "channels that another layer sets": (
        "input: [3, 24, 24]\nlayers: [Conv2d: {out_channels: 10, kernel_size: 3}, PixelShuffle: 2]",
        "let `Conv2d` (line 2) give 8",
        "let `Conv2d` (line 2) give 12",
    ),
    "a pool to another size": (
        "input: [64, 9, 9]\nlayers: [AdaptiveAvgPool2d: 1, Flatten, Linear: {in_features: 3136, out_features: 10}]",
        "write `AdaptiveAvgPool2d: 7`, which leaves 64 × 7 × 7",
        "write 64",
    ),
    "a stride given twice": (
        BLOCK.format(second="stride: s, ", beside=SHORTCUT),
        "write `stride: 1`: `Conv2d` (line 6) has the stride already",
        "write `stride: 1`: `Conv2d` (line 8) has the stride already",
    ),
    "images of another size": (
        "input: [1, 32, 32]\nlayers: [Flatten, Linear: 10]\n"
        "train: {data: FashionMNIST, " + RECIPE + "}",
        "write `transforms: [Resize: 32]`",
        "write `input: [1, 28, 28]`",
    ),
    "a class for each step, or one": (
        "input: [20, 8]\nlayers: [LSTM: 32, Linear: 30]\n"
        "train: {data: {tensors: {train: a.safetensors}}, " + RECIPE + "}",
        "`returns: last` of `LSTM` (line 2): what the last step gives, alone",
        "put `Rearrange: n t c -> n c t` behind it: a class for each step",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ALTERNATIVES)
def test_two_mends_that_are_as_likely_are_both_offered_and_neither_is_certain(case: str) -> None:
    text, first, second = ALTERNATIVES[case]
    (d,) = check(text)
    fixes = [fix for fix in (d.fix, d.otherwise) if fix is not None]
    assert [fix.title for fix in fixes] == [first, second]
    for fix in fixes:
        assert not fix.certain
        changed = applied(Source("spec.yaml", text), fix.edits)
        assert changed is not None
        assert check(changed.text) == []


ONE: dict[str, tuple[str, str]] = {
    "the last step": (
        "input: [1, 28, 28]\nlayers: ['Rearrange: n 1 h w -> n h w', LSTM: 32, Linear: 10]\n".replace("'", "")
        + "train: {data: FashionMNIST, " + RECIPE + "}",
        "`returns: last` of `LSTM` (line 2): what the last step gives, alone",
    ),
    "a map that no layer flattens": (
        "input: [1, 28, 28]\nlayers: [Linear: 32, ReLU, Linear: 10]\ntrain: {data: FashionMNIST, " + RECIPE + "}",
        "put `Flatten` in front of `Linear` (line 2)",
    ),
    "too few scores": (
        "input: [3, 32, 32]\nvars: {k: 5}\nlayers: [Flatten, Linear: k]\ntrain: {data: CIFAR10, " + RECIPE + "}",
        "write `k: 10`",
    ),
    "rows to look up": (
        "input: [20]\nlayers: [Embedding: {num_embeddings: 100, embedding_dim: 8}]",
        "write `input: [20, int64]`: the values are numbers of rows",
    ),
    "channels last, one axis": (
        "input: [120, 9]\nlayers: [Conv1d: {in_channels: 9, out_channels: 4, kernel_size: 3}]",
        "put `Rearrange: n l c -> n c l` in front, which turns 120 × 9 into 9 × 120",
    ),
    "a pattern of one example": (
        "input: [8, 4, 4]\nlayers:\n  - Rearrange: c h w -> (h w) c",
        "write `n c h w -> n (h w) c`: the batch comes first",
    ),
    "the arguments of the layer within": (
        "input: [5, 16]\nlayers: [TransformerEncoder: {nhead: 4, num_layers: 2, dropout: 0}]",
        "write `TransformerEncoder: {encoder_layer: {nhead: 4, dropout: 0}, num_layers: 2}`",
    ),
    "what a block is called with": (
        "input: [512, 8, 8]\nblocks:\n  squeeze(c):\n    - Conv2d: {in_channels: c, out_channels: 1, kernel_size: 1}\n"
        "layers:\n  - squeeze: 1024",
        "write 512 for `c` in the call of `squeeze` (line 6)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ONE)
def test_the_likeliest_mend_is_the_only_one(case: str) -> None:
    text, title = ONE[case]
    found = check(text)
    d = found[0]
    assert d.fix is not None
    assert (d.fix.title, d.fix.certain, d.otherwise) == (title, True, None)
    changed = applied(Source("spec.yaml", text), d.fix.edits)
    assert changed is not None
    assert check(changed.text) == []


def test_a_shortcut_in_a_block_has_the_parameters_of_the_block() -> None:
    (d,) = check(BLOCK.format(second="", beside=""))
    assert d.fix is not None
    assert d.fix.title.startswith("`shortcut: [Conv2d: {out_channels: c, kernel_size: 1, stride: s}]`")
    assert not d.fix.certain


CONV = """
blocks:
  conv(out, stride=1):
    - Conv2d: {out_channels: out, kernel_size: 3, stride: stride, padding: 1}
    - BatchNorm2d
"""


@pytest.mark.parametrize(
    ("layers", "shortcut", "certain"),
    [
        (f"{CONV}layers:\n  - residual: [conv: [64, 2], ReLU]\n", "out_channels: 64, kernel_size: 1, stride: 2", True),
        (
            f"{CONV}  basic(width, s):\n    - residual: [conv: [width, s], ReLU]\nlayers:\n  - basic: [64, 2]\n",
            "out_channels: 64, kernel_size: 1, stride: 2",
            False,
        ),
        (
            f"{CONV}  basic(out, stride):\n    - residual: [conv: [out, stride]]\nlayers:\n  - basic: [64, 2]\n",
            "out_channels: out, kernel_size: 1, stride: stride",
            False,
        ),
        (
            f"vars: {{out: 64, stride: 2}}\n{CONV}layers:\n  - residual: [conv: [out, stride]]\n",
            "out_channels: out, kernel_size: 1, stride: stride",
            False,
        ),
    ],
)
def test_a_shortcut_around_a_block_has_no_parameters_of_that_block(layers: str, shortcut: str, certain: bool) -> None:
    text = f"input: [64, 32, 32]\n{layers}".lstrip()
    found = [d for d in check(text) if d.code == "branch-mismatch"]
    (d,) = found
    assert d.fix is not None
    assert d.fix.title.startswith(f"`shortcut: [Conv2d: {{{shortcut}}}]`")
    assert d.fix.certain == certain
    changed = applied(Source("spec.yaml", text), d.fix.edits)
    assert changed is not None
    assert [d for d in check(changed.text) if d.severity == "error"] == []


def test_no_mend_is_offered_that_another_finding_s_certain_mend_makes_needless() -> None:
    text = (
        "input: [1, 32, 32]\nlayers:\n  - Conv2d: {in_channels: 3, out_channels: 8, kernel_size: 3}\n  - Flatten\n"
        "  - Linear: 10\ntrain: {data: CIFAR10, " + RECIPE + "}"
    )
    width, data = check(text)
    assert width.fix is not None
    assert width.fix.title == "write `input: [3, 32, 32]`, as the data have it"
    assert (data.code, data.fix, data.otherwise) == ("data-mismatch", None, None)
    assert data.help == "the fix of line 3 answers this, too"


def test_no_pool_of_one_value_is_offered() -> None:
    (d,) = check("input: [8, 1, 1]\nlayers: [MaxPool2d: {kernel_size: 3, stride: 2}]")
    assert d.fix is None


def test_the_values_that_fit_are_listed_where_they_have_gaps() -> None:
    (gaps,) = check("input: [30, 8, 8]\nlayers: [GroupNorm: {num_groups: 8}]")
    assert gaps.help == "`num_groups` may be 1, 2, 3, 5, 6, 10, 15, 30"
    heads = "input: {x: [16, 32], pad: [20, bool]}\nlayers: [SelfAttention: {num_heads: 5, mask: pad}]"
    (hidden,) = check(heads)  # another number of heads brings to light that the mask is too long
    assert (hidden.fix, hidden.help) == (None, "`num_heads` may be 1, 2, 4, 8, 16, 32")
    (none,) = check("input: [1, 100, 4]\nlayers: [Conv2d: {out_channels: 8, kernel_size: 7}]")
    assert "may be" not in (none.help or "")


def test_an_input_of_two_sizes_is_answered_with_the_nearest_of_each() -> None:
    (d,) = check(
        "input: [1, 572, 570]\nlayers:\n  - concat: [[], [MaxPool2d: 2, MaxPool2d: 2, Upsample: {scale_factor: 4}]]"
    )
    assert d.help is not None
    assert d.help.endswith("the nearest: 572 × 568 or 572 × 572")
