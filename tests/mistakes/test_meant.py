"""A mend that is told to be certain gives what was meant, with every value that stood there; where another thing may be
meant, it is told as perhaps."""

from __future__ import annotations

import pytest

from netspec.layers import MODULE_OF, layer_class
from netspec.meant import argument_meant
from tests.mistakes.check import check
from tests.mistakes.test_harmless import fixed

HEAD = "input: [3, 8, 8]\nvars: {n: 3, k: 5, w: 15, h: 10, e: 16, on_: true, off_: false}\nlayers:\n"
CONV = "Conv2d: {out_channels: 3, kernel_size: 1}"
TWO = f"[{{{CONV}}}, ReLU]"

MENDED = {
    "repeat with options beside it": (
        f"  - repeat: {{times: n, do: {TWO}}}\n    freeze: true\n",
        f"  - repeat: n\n    do: {TWO}\n    freeze: true\n",
    ),
    "repeat with a name beside it, in braces": (
        f"  - {{repeat: {{times: 3, do: {TWO}}}, name: x}}\n", f"  - {{repeat: 3, do: {TWO}, name: x}}\n"
    ),
    "repeat with an option inside": (
        f"  - repeat: {{times: 3, do: {TWO}, freeze: true}}\n", f"  - repeat: 3\n    do: {TWO}\n    freeze: true\n"
    ),
    "repeat in lines": (
        f"  - repeat:\n      layers:\n        - {CONV}\n        - ReLU\n      n: 3\n    freeze: true\n  - Flatten\n",
        f"  - repeat: 3\n    do:\n      - {CONV}\n      - ReLU\n    freeze: true\n  - Flatten\n",
    ),
    "repeat, the other way round": (
        "  - repeat:\n      - ReLU\n    times: 3\n    name: x\n", "  - do:\n      - ReLU\n    repeat: 3\n    name: x\n"
    ),
    "an activation of a layer that is repeated": (
        "  - Conv2D: {filters: 3, kernel_size: 1, activation: relu}\n    repeat: 3\n  - Flatten\n",
        f"  - repeat: 3\n    do: {TWO}\n  - Flatten\n",
    ),
    "an activation of a layer that is repeated, in braces": (
        "  - {Conv2d: {out_channels: 3, kernel_size: 1, activation: relu}, name: c, when: on_}\n",
        "  - {when: on_, do: [{Conv2d: {out_channels: 3, kernel_size: 1}, name: c}, ReLU]}\n",
    ),
    "an activation of a layer that is repeated, in lines": (
        "  - Conv2d:\n      out_channels: 3\n      kernel_size: 1\n      activation: relu\n    repeat: 3\n"
        "    freeze: true\n  - Flatten\n",
        "  - repeat: 3\n    do:\n      - Conv2d:\n          out_channels: 3\n          kernel_size: 1\n"
        "        freeze: true\n      - ReLU\n  - Flatten\n",
    ),
    "an activation beside a layer with a condition": (
        f"  - {{{CONV}, activation: relu, when: on_, as: y}}\n  - add: [y, []]\n",
        f"  - {{when: on_, do: {TWO}, as: y}}\n  - add: [y, []]\n",
    ),
    "an activation of a layer whose value has a name": (
        "  - Conv2d: {out_channels: 3, kernel_size: 1, activation: relu}\n    as: y\n  - Tanh\n  - add: [y, []]\n",
        f"  - {CONV}\n  - {{ReLU: , as: y}}\n  - Tanh\n  - add: [y, []]\n",
    ),
    "no activation of a layer with a name": (
        f"  - {{{CONV}, name: c, activation: null}}\n", f"  - {{{CONV}, name: c}}\n"
    ),
    "repeat 3": (f"  - repeat 3: {{{CONV}}}\n", f"  - repeat: 3\n    do: [{{{CONV}}}]\n"),
    "x 3": ("  - ReLU x 3\n", "  - {ReLU: , repeat: 3}\n"),
    "(x3)": ("  - relu (x3)\n", "  - {ReLU: , repeat: 3}\n"),
    "3 x": ("  - 3 x ReLU\n", "  - {ReLU: , repeat: 3}\n"),
    "x 3 before arguments": (f"  - Conv2d x 3:{CONV[7:]}\n", f"  - {CONV}\n    repeat: 3\n"),
    "x 3 behind arguments": (f"  - {CONV} (x3)\n", f"  - {{{CONV}, repeat: 3}}\n"),
    "x 3 behind a share": ("  - Dropout: 0.5 x 3\n", "  - {Dropout: 0.5, repeat: 3}\n"),
    "two conditions in parentheses": (
        "  - if (n > 2) and (on_): [ReLU]\n", "  - when: (n > 2) and (on_)\n    do: [ReLU]\n"
    ),
    "if and else in the heads": (
        "  - if (n > 2):\n      - ReLU\n    else:\n      - Tanh\n",
        "  - when: n > 2\n    do:\n      - ReLU\n  - when: not (n > 2)\n    do:\n      - Tanh\n",
    ),
    "a whole quotient": ("  - Flatten\n  - Linear: e / 2\n", "  - Flatten\n  - Linear: e // 2\n"),
    "a whole number on the way": ("  - Flatten\n  - Linear: h / 4 * 2\n", "  - Flatten\n  - Linear: h * 2 // 4\n"),
    "a whole number of parts": ("  - Flatten\n  - Linear: e * (3 / 2)\n", "  - Flatten\n  - Linear: e * 3 // 2\n"),
    "half a kernel": (
        "  - Conv2d: {out_channels: 3, kernel_size: k, padding: k / 2}\n",
        "  - Conv2d: {out_channels: 3, kernel_size: k, padding: k // 2}\n",
    ),
    "a template in an expression": (
        "  - Flatten\n  - Linear: {{ n + 1 }} * 2\n", "  - Flatten\n  - Linear: (n + 1) * 2\n"
    ),
    "a template in braces": (
        "  - Conv2d: {out_channels: -${n - 7}, kernel_size: ${n}}\n",
        "  - Conv2d: {out_channels: -(n - 7), kernel_size: n}\n",
    ),
    "not, which binds closer": ("  - {ReLU: , when: '!on_ == off_'}\n", "  - {ReLU: , when: '(not on_) == off_'}\n"),
    "not behind a comparison": ("  - {ReLU: , when: 'off_ == !on_'}\n", "  - {ReLU: , when: 'off_ == (not on_)'}\n"),
    "all of C at once": (
        "  - {ReLU: , when: '!(on_ && off_) || n^2 > 3'}\n", "  - {ReLU: , when: 'not (on_ and off_) or n**2 > 3'}\n"
    ),
    "a count that nothing reads": ("  - for: i in n\n    do: [ReLU]\n", "  - for: i in range(n)\n    do: [ReLU]\n"),
    "a shortcut of identity": (f"  - {{residual: [{CONV}], shortcut: identity}}\n", f"  - {{residual: [{CONV}]}}\n"),
    "a shortcut behind a dash": (
        f"  - residual:\n      - {CONV}\n  - shortcut:\n      - {CONV}\n",
        f"  - residual:\n      - {CONV}\n    shortcut:\n      - {CONV}\n",
    ),
    "a shortcut behind a dash, of other channels": (
        "  - residual:\n      - Conv2d: {out_channels: 8, kernel_size: 1}\n"
        "  - shortcut: [Conv2d: {out_channels: 8, kernel_size: 1}, Tanh]\n",
        "  - residual:\n      - Conv2d: {out_channels: 8, kernel_size: 1}\n"
        "    shortcut: [Conv2d: {out_channels: 8, kernel_size: 1}, Tanh]\n",
    ),
    "a shortcut in the body": (
        f"  - residual:\n      - {CONV}\n      - shortcut: [{CONV}]\n",
        f"  - residual:\n      - {CONV}\n    shortcut: [{CONV}]\n",
    ),
    "the stride of the body": (
        "  - residual: [Conv2d: {out_channels: 3, kernel_size: 3, stride: 2, padding: 1}]\n",
        "  - residual: [Conv2d: {out_channels: 3, kernel_size: 3, stride: 2, padding: 1}]\n"
        "    shortcut: [Conv2d: {out_channels: 3, kernel_size: 1, stride: 2}]\n",
    ),
    "no downsampling": (f"  - residual: {{body: [{CONV}], downsample: None}}\n", f"  - residual: [{CONV}]\n"),
    "channels of each channel": (
        "  - DepthwiseConv2D: {kernel_size: 3, depth_multiplier: n - 1}\n",
        "  - Conv2d: {out_channels: (n - 1) * in_channels, groups: in_channels, kernel_size: 3}\n",
    ),
    "same in an even pool": (
        "  - MaxPool2d: {kernel_size: 4, stride: 2, padding: same}\n",
        "  - MaxPool2d: {kernel_size: 4, stride: 2, padding: 1, ceil_mode: true}\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MENDED)
def test_the_mend_gives_what_was_meant(case: str) -> None:
    wrong, right = MENDED[case]
    assert fixed(HEAD + wrong) == HEAD + right


_ADDED = "leave it out: without a `shortcut` what flows in is added"
_ALONE = "write `sequential`, in which nothing is added"
_UNDER = "write the layers directly under `residual`: without a `shortcut` what flows in is added"
_WHOLE = ", as Keras pads an even size"
_HALF = ", half the kernel, as Keras pads an odd size"
OPEN: dict[str, tuple[str, tuple[str, ...]]] = {
    "a condition on what comes to it": (
        f"  - if: in_channels > 2\n    then: [{{{CONV}}}]\n    else: [ReLU]\n",
        ("write `when: in_channels > 2`, `do` and an item `when: not (in_channels > 2)` for the `else`, which reads "
         "`in_channels` behind the first",),
    ),
    "a condition on what comes to it, in the head": (
        f"  - if in_channels > 2: [{{{CONV}}}]\n    else: [ReLU]\n",
        ("write `when: in_channels > 2`, and `do` beside it, and an item `when: not (in_channels > 2)` for the `else`, "
         "which reads `in_channels` behind the first",),
    ),
    "a quotient with a rest": ("  - Flatten\n  - Linear: w / 2\n", ("write `//`, which leaves the rest out",)),
    "a quotient with a rest in one round": (
        "  - for: i in [8, 6, 9]\n    do: [{Conv2d: {out_channels: i / 2, kernel_size: 1}}, ReLU]\n",
        ("write `//`, which leaves the rest out",),
    ),
    "parts with a rest": (
        "  - Flatten\n  - Linear: w * (3 / 2)\n",
        ("write `w * 3 // 2`, which leaves the rest out", "write `w * (3 // 2)`, which leaves the rest out"),
    ),
    "a bit that is flipped": ("  - {ReLU: , repeat: n^1}\n", ("write `n**1`",)),
    "two numbers, the second a width": (
        "  - Conv2d: {out_channels: 16, kernel_size: 1}\n  - Conv2d: [16, 8]\n",
        ("write `Conv2d: {out_channels: 16, kernel_size: 8}`, in the order of torch's signature; if 8 is "
         "`out_channels`, the kernel is missing",),
    ),
    "one value or a count": (
        "  - for: i in n\n    do: [{Conv2d: {out_channels: i + 1, kernel_size: 1}}, ReLU]\n",
        ("write `range(n)`, which counts from 0", "write `[n]`, which is one value"),
    ),
    "no shortcut": (f"  - residual: [{CONV}]\n    shortcut: false\n", (_ADDED, _ALONE)),
    "no skip": (f"  - residual: [{CONV}]\n    skip: none\n", (_ADDED, _ALONE)),
    "no shortcut, inside": (f"  - residual: {{body: [{CONV}], shortcut: no}}\n", (_UNDER, _ALONE)),
    "no shortcut where nothing can be added": (
        "  - residual: [Conv2d: {out_channels: 16, kernel_size: 1}]\n    shortcut: false\n", (_ALONE,)
    ),
    "another width without padding": (
        "  - residual: [Conv2d: {out_channels: 16, kernel_size: 3}, ReLU]\n",
        ("half the kernel as `padding` in the body, and `shortcut: [Conv2d: {out_channels: 16, kernel_size: 1}]`",),
    ),
    "a stride without padding": (
        "  - residual: [Conv2d: {out_channels: 3, kernel_size: 3, stride: 2}]\n",
        ("half the kernel as `padding` in the body, and `shortcut: [Conv2d: {out_channels: 3, kernel_size: 1, "
         "stride: 2}]`",
         "`shortcut: [Conv2d: {out_channels: 3, kernel_size: 1, stride: 3}]` turns 3 × 8 × 8 into 3 × 3 × 3"),
    ),
    "a stride without padding, beside a shortcut": (
        f"  - residual: [Conv2d: {{out_channels: 3, kernel_size: 3, stride: 2}}]\n    shortcut: [{CONV}]\n",
        ("`stride: 3` of the `Conv2d` of the `shortcut` gives 3 × 3 × 3",
         "`shortcut: [Conv2d: {out_channels: 3, kernel_size: 1, stride: 3}]` turns 3 × 8 × 8 into 3 × 3 × 3"),
    ),
    "sizes or how often": ("  - MaxPool2d: 2 x 3\n", ()),
    "a word behind a layer": ("  - ReLU inplace\n", ()),
    "a layer without its width": ("  - Flatten\n  - Linear x 10\n", ()),
    "same in an even pool of stride 1": ("  - MaxPool2d: {kernel_size: 2, stride: 1, padding: same}\n", ()),
    "same in an even convolution": (
        "  - Conv2d: {out_channels: 4, kernel_size: 4, stride: 2, padding: same}\n", (f"write `padding: 1`{_WHOLE}",)
    ),
    "same with a dilation": (
        "  - Conv2d: {out_channels: 4, kernel_size: 3, stride: 2, dilation: 2, padding: same}\n",
        (f"write `padding: 2`{_HALF}",
         f"write `ZeroPad2d: {{padding: [1, 2, 1, 2]}}` in front of it{_WHOLE}"),
    ),
    "same with two kernels": (
        "  - Conv2d: {out_channels: 4, kernel_size: [3, 5], stride: 2, padding: same}\n",
        (f"write `padding: [1, 2]`{_HALF}",
         f"write `ZeroPad2d: {{padding: [1, 2, 0, 1]}}` in front of it{_WHOLE}"),
    ),
    "same in a mean": (
        "  - AvgPool2d: {kernel_size: 3, stride: 2, padding: same}\n",
        (f"write `padding: 1, count_include_pad: false`{_HALF}", f"write `ceil_mode: true`{_WHOLE}"),
    ),
    "a slope that is Keras's or torch's": (
        "  - Conv2d: {out_channels: 4, kernel_size: 3, activation: leaky_relu}\n", ("write `LeakyReLU` behind it",)
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OPEN)
def test_what_may_be_meant_otherwise_is_offered_and_not_done(case: str) -> None:
    wrong, titles = OPEN[case]
    assert fixed(HEAD + wrong) == HEAD + wrong
    (d,) = [d for d in check(HEAD + wrong) if d.severity == "error"][:1]
    assert tuple(fix.title for fix in (d.fix, d.otherwise) if fix is not None) == titles


def test_no_key_of_a_recipe_becomes_one_of_another_kind() -> None:
    recipe = (
        "train: {data: FashionMNIST, loss: CrossEntropyLoss, optimizer: {SGD: {lr: 0.1}}, batch_size: 4, epochs: 1, "
    )
    text = f"input: [1, 28, 28]\nlayers: [Flatten, Linear: 10]\n{recipe}lr_decay: 0.1}}\n"
    assert fixed(text) == text


@pytest.mark.parametrize(
    ("name", "meant"), [("CIFAR-10", "CIFAR10"), ("cifar_100", "CIFAR100"), ('"CIFAR-10"', "CIFAR10")]
)
def test_a_data_set_is_the_one_whose_name_it_is(name: str, meant: str) -> None:
    recipe = "loss: CrossEntropyLoss, optimizer: {SGD: {lr: 0.1}}, batch_size: 4, epochs: 1}"
    classes = 100 if name.endswith("100") else 10
    text = f"input: [3, 32, 32]\nlayers: [Flatten, Linear: {classes}]\ntrain: {{data: {name}, {recipe}\n"
    assert fixed(text) == text.replace(name, meant)


NAMES = [
    "LayerNorm2d", "RMSNorm2d", "CReLU", "SReLU", "ELU6", "ReLU2", "GELU_new", "SwiGLU", "GeGLU", "ReGLU", "Hardtanh6",
    "LayerNormGRU",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_of_its_own_is_none_that_is_spelt_alike(name: str) -> None:
    text = f"{HEAD}  - {name}\n"
    assert fixed(text) == text


def test_an_argument_of_another_layer_is_none_that_is_spelt_alike() -> None:
    """Whatever argument of some layer is given to another that has it not, it is mended where it means the same."""
    layers = {name: set(layer_class(name).model_fields) for name in MODULE_OF}
    every = sorted(set[str]().union(*layers.values()))
    found = {(name, meant) for own in layers.values() for name in every
             if name not in own and (meant := argument_meant(name, own)) is not None}  # fmt: skip
    assert found == SAME


SAME = {
    ("alpha", "negative_slope"), ("d_model", "embed_dim"), ("d_model", "embedding_dim"), ("dim", "d_model"),
    ("dim", "dims"), ("dim", "embed_dim"), ("dim", "embedding_dim"), ("dims", "dim"), ("embed_dim", "d_model"),
    ("embed_dim", "embedding_dim"), ("end", "end_dim"), ("end_dim", "end"), ("in_channels", "num_channels"),
    ("in_channels", "num_features"), ("in_features", "num_features"),
    ("hidden_size", "d_model"), ("hidden_size", "embed_dim"), ("hidden_size", "embedding_dim"),
    ("groups", "num_groups"), ("size", "kernel_size"),
    ("layer_norm_eps", "eps"), ("init", "init_value"), ("k", "kernel_size"),
    ("max", "max_val"), ("max_val", "max"), ("min", "min_val"), ("min_val", "min"), ("nhead", "num_heads"),
    ("num_groups", "groups"), ("num_heads", "nhead"), ("output_size", "out_features"), ("p", "padding"),
    ("scale", "scale_factor"), ("scale_factor", "factor"), ("scale_factor", "upscale_factor"), ("size", "sizes"),
    ("sizes", "size"), ("start", "start_dim"), ("start_dim", "start"), ("upscale_factor", "scale_factor"),
    ("window", "window_size"), ("window_size", "window"),
}  # fmt: skip
"""Arguments of one layer, and those of another that are the same thing."""


@pytest.mark.parametrize(
    "layer",
    [
        "LSTM: {kernel_size: 8}", "Upsample: {stride: 2}", "Upsample: {downscale_factor: 2}",
        "Conv2d: {out_channels: 4, kernel_size: 3, output_padding: 1}", "SelfAttention: {num_layers: 4}",
        "MaxPool2d: {kernel_size: 3, padding_mode: 1}", "GroupNorm: {num_layers: 3}",
    ],
)  # fmt: skip
def test_an_argument_of_another_kind_is_left(layer: str) -> None:
    text = f"input: [6, 8, 8]\nlayers:\n  - {layer}\n"
    assert fixed(text) == text
