"""Of two numbers that contradict each other, what stands around tells which is meant; where it does not, both are
offered."""

from __future__ import annotations

import pytest

from netspec.diagnostics import Diagnostic
from tests.mistakes.check import apply, check
from tests.mistakes.test_harmless import fixed

CONV = "Conv2d: {out_channels: 3, kernel_size: 1}"

BATCHED = """input: [1, 3, 32, 32]
layers:
  - Conv2d: {out_channels: 16, kernel_size: 3, in_channels: 1}
  - Flatten
"""


def test_the_axis_of_a_batch_and_a_width_that_was_read_off_it_go_together() -> None:
    assert fixed(BATCHED) == BATCHED  # a volume of one channel may be meant
    (d,) = check(BATCHED)
    right = BATCHED.replace("[1, 3", "[3").replace("in_channels: 1", "in_channels: 3")
    assert d.fix is not None and apply(BATCHED, d.fix) == right
    assert d.otherwise is not None and apply(BATCHED, d.otherwise) == BATCHED.replace("Conv2d", "Conv3d")
    without = BATCHED.replace(", in_channels: 1", "")
    assert fixed(without) == without.replace("[1, 3", "[3")


def test_a_norm_behind_a_convolution_is_of_its_channels_even_where_the_width_is_as_many() -> None:
    wrong = f"input: [3, 32, 32]\nlayers:\n  - {CONV}\n  - BatchNorm2d: {{num_features: 32}}\n"
    assert fixed(wrong) == wrong.replace("features: 32", "features: 3")


CHANNELS_FIRST = [  # stated widths that are by chance as many as the rows
    ("[3, 32, 32]", "", 32, 3),
    ("[96, 8, 8]", "", 8, 96),
    ("[64, 32, 32]", "  - PixelShuffle: 2\n", 64, 16),
    ("[128, 32, 32]", "  - Upsample: {scale_factor: 2}\n", 64, 128),
    ("[64, 32, 32]", "  - as: x\n  - Conv2d: {out_channels: 32, kernel_size: 1}\n  - concat: [x, []]\n", 32, 96),
]


@pytest.mark.parametrize(("shape", "front", "stated", "width"), CHANNELS_FIRST)
def test_a_map_that_has_its_channels_first_is_not_turned(shape: str, front: str, stated: int, width: int) -> None:
    wrong = f"input: {shape}\nlayers:\n{front}  - Conv2d: {{in_channels: {stated}, out_channels: 5, kernel_size: 3}}\n"
    assert fixed(wrong) == wrong.replace(f"in_channels: {stated}", f"in_channels: {width}")


@pytest.mark.parametrize("shape", ["[361, 424, 3]", "[28, 28, 1]", "[120, 9]", "[16, 16, 200]"])
def test_a_map_that_has_its_channels_last_is(shape: str) -> None:
    *sizes, channels = shape.strip("[]").split(", ")
    layer = f"Conv{len(sizes)}d: {{in_channels: {channels}, out_channels: 5, kernel_size: 3}}"
    text = fixed(f"input: {shape}\nlayers:\n  - {layer}\n")
    assert f"in_channels: {channels}" in text
    assert "Rearrange" in text or f"input: [{channels}, {', '.join(sizes)}]" in text


WIDTHS: dict[str, tuple[str, tuple[str, ...]]] = {
    "digits in another order": (
        "input: [784]\nlayers:\n  - Linear: 265\n  - Linear: {in_features: 256, out_features: 10}\n",
        ("let `Linear` (line 3) give 256", "write 265"),
    ),
    "several against one": (
        "input: [3, 8, 8]\nlayers:\n  - Conv2d: {out_channels: 48, kernel_size: 3}\n"
        "  - BatchNorm2d: {num_features: 64}\n  - ReLU\n"
        "  - Conv2d: {in_channels: 64, out_channels: 8, kernel_size: 3}\n",
        ("let `Conv2d` (line 3) give 64", "write 48"),
    ),
    "the other way round": (
        "input: [3, 8, 8]\nlayers:\n  - Conv2d: {in_channels: 16, out_channels: 3, kernel_size: 3}\n  - ReLU\n",
        ("write `in_channels: 3, out_channels: 16`: the two stand the other way round", "write 3"),
    ),
    "along the steps": (
        "input: [196, 768]\nlayers:\n  - Linear: {in_features: 196, out_features: 384}\n",
        ("put `Rearrange: n l c -> n c l` in front, which turns 196 × 768 into 768 × 196", "write 768"),
    ),
    "a body that gives nearly what comes in": (
        "input: [64]\nlayers:\n  - residual: [Linear: 64, ReLU, Linear: 46]\n",
        ("let `Linear` (line 3) give 64, as what flows around it",),
    ),
    "a pool in a body": (
        f"input: [64, 8, 8]\nlayers:\n  - residual: [{CONV.replace('3', '64')}, MaxPool2d: 2]\n",
        ("`shortcut: [Conv2d: {out_channels: 64, kernel_size: 1, stride: 2}]` turns 64 × 8 × 8 into 64 × 4 × 4",),
    ),
    "a mean over what": (
        "input: [64, 128]\nlayers:\n  - Mean\n",
        ("write `Mean: 1`, over the first axis of an example", "write `Mean: -1`, over the last axis"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WIDTHS)
def test_of_two_numbers_that_contradict_neither_is_certain(case: str) -> None:
    wrong, titles = WIDTHS[case]
    assert fixed(wrong) == wrong
    d = check(wrong)[0]
    assert tuple(fix.title for fix in (d.fix, d.otherwise) if fix is not None) == titles


def test_two_widths_that_were_swapped_are_swapped_where_the_next_layer_says_so() -> None:
    wrong = "input: [784]\nlayers:\n  - Linear: {in_features: 256, out_features: 784}\n  - ReLU\n"
    wrong += "  - Linear: {in_features: 256, out_features: 10}\n"
    assert fixed(wrong) == wrong.replace("in_features: 256, out_features: 784", "in_features: 784, out_features: 256")


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_name_without_its_axes_has_those_of_the_other_layers(axes: int) -> None:
    wrong = f"input: [1, 16, 16, 16]\nlayers:\n  - Rearrange: n 1 d h w -> n {'(d h)' if axes == 1 else 'd h'} w\n"
    wrong = wrong if axes < 3 else "input: [1, 16, 16, 16]\nlayers:\n"
    wrong += f"  - Conv{axes}d: {{out_channels: 4, kernel_size: 3}}\n  - MaxPool: 2\n"
    assert fixed(wrong) == wrong.replace("MaxPool:", f"MaxPool{axes}d:")


RECIPE = (
    "data: FashionMNIST\nloss: CrossEntropyLoss # of scores\noptimizer:\n  SGD: {lr: 0.1}\n\nbatch_size: 4\nepochs: 1\n"
)


def test_a_recipe_at_the_top_goes_under_train_as_one_mistake() -> None:
    net = "input: [1, 28, 28]\nlayers: [Flatten, Linear: 10]\n"
    (d,) = check(net + RECIPE)
    assert d.message.startswith("`data`, `loss`, `optimizer`, `batch_size` and `epochs` are keys of a recipe")
    under = "".join(f"  {line}\n" if line else "\n" for line in RECIPE.splitlines())
    assert fixed(net + RECIPE) == f"{net}train:\n{under}"
    apart = RECIPE.replace("loss:", "layers: [Flatten, Linear: 10]\nloss:")
    (d,) = check("input: [1, 28, 28]\n" + apart)  # which are not together
    assert (d.code, d.fix) == ("unknown-key", None)


ONE = {  # mistakes that were told twice, with what mends them
    "Embedding: {num_embeddings: 9, embed_size: 4}": "Embedding: {num_embeddings: 9, embedding_dim: 4}",
    "MaxPool2d: {size: 2}": "MaxPool2d: {kernel_size: 2}",
    "GroupNorm: {groups: 5}": "GroupNorm: {num_groups: 5}",
    "AdaptiveAvgPool2d: [1, 1]": "AdaptiveAvgPool2d: {output_size: [1, 1]}",
    "MaxPool2d: [2, 2]": "MaxPool2d: {kernel_size: [2, 2]}",
}


@pytest.mark.parametrize("wrong", ONE)
def test_one_mistake_is_told_once_and_mended(wrong: str) -> None:
    text = f"input: {'[7, int64]' if 'Emb' in wrong else '[10, 8, 8]'}\nlayers:\n  - {wrong}\n"
    assert len(check(text)) == 1
    assert fixed(text) == text.replace(wrong, ONE[wrong])


def test_a_name_is_mended_beside_a_wrong_argument_of_it() -> None:
    recipe = (
        "train: {data: FashionMNIST, loss: CrossEntropyLoss, optimizer: {sgd: {learning_rate: 0.1}}, batch_size: 4, "
        "epochs: 1}\n"
    )
    text = f"input: [1, 28, 28]\nlayers: [Flatten, Linear: 10]\n{recipe}"
    assert fixed(text) == text.replace("sgd: {learning_rate", "SGD: {lr")


def first_error(text: str) -> Diagnostic:
    return next(d for d in check(text) if d.severity == "error")


def test_a_layer_of_maps_behind_a_flatten_may_be_meant_in_front_of_it() -> None:
    text = f"input: [3, 8, 8]\nlayers:\n  - Flatten\n  - {CONV}\n  - ReLU\n  - Linear: 10\n"
    d = first_error(text)
    assert d.fix is not None and not d.fix.certain
    right = f"input: [3, 8, 8]\nlayers:\n  - {CONV}\n  - ReLU\n  - Flatten\n  - Linear: 10\n"
    assert apply(text, d.fix) == right


def test_a_branch_of_another_width_may_be_given_that_of_the_other() -> None:
    text = f"input: [5, 8, 8]\nlayers:\n  - as: x\n  - {CONV}\n  - add: [x, []]\n"
    d = first_error(text)
    assert d.fix is not None and not d.fix.certain
    assert apply(text, d.fix) == text.replace("out_channels: 3", "out_channels: 5")


def test_groups_that_do_not_divide_are_told_those_that_do() -> None:
    layer = "Conv2d: {out_channels: 12, kernel_size: 1, groups: 5}"
    d = first_error(f"input: [12, 8, 8]\nlayers:\n  - {layer}\n")
    assert d.message.endswith("there may be 1, 2, 3, 4, 6 or 12 groups")


@pytest.mark.parametrize("arguments", ["root: ./data", "root: ./data, train: true, download: true"])
def test_arguments_of_torchvision_that_are_no_part_of_a_recipe_are_left_out(arguments: str) -> None:
    recipe = f"data: {{FashionMNIST: {{{arguments}}}}}, loss: CrossEntropyLoss, optimizer: {{SGD: {{lr: 0.1}}}}"
    text = f"input: [1, 28, 28]\nlayers: [Flatten, Linear: 10]\ntrain: {{{recipe}, batch_size: 4, epochs: 1}}\n"
    (d,) = check(text)
    assert (d.code, d.fix is not None and d.fix.certain) == ("omitted-argument", True)
    assert fixed(text) == text.replace(arguments, "")


LENET = (
    "input: [1, 28, 28]\nlayers:\n  - Conv2d: {out_channels: 6, kernel_size: 5}\n  - Sigmoid\n  - AvgPool2d: 2\n"
    "  - Conv2d: {out_channels: 16, kernel_size: 5}\n  - Sigmoid\n  - AvgPool2d: 2\n  - Flatten\n"
    "  - Linear: {in_features: 400, out_features: 10}\n"
)


def test_a_padding_that_was_forgotten_is_told_where_it_makes_the_width_right() -> None:
    help_ = first_error(LENET).help
    assert help_ is not None and help_.endswith("400 is also right with `padding: 2` in `Conv2d` (line 3)")
    assert check(LENET.replace("6, kernel_size: 5", "6, kernel_size: 5, padding: 2", 1)) == []
    other = first_error(LENET.replace("400", "401")).help
    assert other is not None and "also right" not in other
