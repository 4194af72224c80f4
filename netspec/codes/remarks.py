"""Codes of what is no mistake: warnings about what is hardly ever meant, notes about what is worth knowing, and
comments that silence both."""

from __future__ import annotations

from netspec.codes.base import Page, layers
from netspec.diagnostics import Code

_IMAGE = "[3, 32, 32]"
_LOW = "- Linear: 256\n- ReLU\n- Linear: {width}\n- Linear: 256"
_MANY = "- Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}\n- ReLU\n"

REMARKS: dict[Code, Page] = {
    "no-layers": Page(
        "`layers` is empty, so the network gives what it is given.",
        "There is nothing to train. A network whose layers stand in its `output` alone is none of this kind.",
        "input: [784]\nlayers: []\n",
        layers("- Linear: 10", "[784]"),
        "warning",
    ),
    "linear-on-map": Page(
        "A `Linear` works on a map of channels, height and width, of which it sees the width alone.",
        "A `Linear` multiplies along the last axis, at each position of the others. Behind convolutions a `Flatten` or "
        "a pool was forgotten most often; where channels are meant, they have to stand last.",
        layers("- Conv2d: {out_channels: 8, kernel_size: 3}\n- ReLU\n- Linear: 10"),
        layers("- Conv2d: {out_channels: 8, kernel_size: 3}\n- ReLU\n- Flatten\n- Linear: 10"),
        "warning",
    ),
    "channels-last": Page(
        "The last axis of a `Conv2d`'s input looks like colours, and torch has the channels first.",
        "The convolution runs over the columns and the colours, and takes the rows for its channels. `input` is "
        "written as [channels, height, width]; data with the channels last want a `Rearrange: n h w c -> n c h w`.",
        layers("- Conv2d: {out_channels: 8, kernel_size: 3}", "[32, 32, 3]"),
        layers("- Conv2d: {out_channels: 8, kernel_size: 3}", _IMAGE),
        "warning",
    ),
    "nothing-between": Page(
        "Two layers with weights stand one behind the other, with nothing between them that is not linear.",
        "Two matrices in a row are one matrix, whatever they learn: the second costs parameters and time, and computes "
        "nothing that one could not. An activation was forgotten most often. Two matrices that are narrow between "
        "them, two kernels along different axes and convolutions in groups save weights, and are none of this kind.",
        layers("- Linear: 256\n- Linear: 10", "[784]"),
        layers("- Linear: 256\n- ReLU\n- Linear: 10", "[784]"),
        "warning",
    ),
    "padding-only": Page(
        "Some weights of a kernel meet nothing but padding, wherever the kernel stands.",
        "The map has shrunk below the kernel, or below its dilation. These weights get no gradient and change nothing: "
        "a smaller kernel computes the same.",
        layers("- MaxPool2d: 28\n- Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}"),
        layers("- MaxPool2d: 28\n- Conv2d: {out_channels: 8, kernel_size: 1}"),
        "warning",
    ),
    "enlarging-pool": Page(
        "An adaptive pool makes more values than there are.",
        "It then gives values several times, and a `Linear` behind it has weights for each copy. It happens where a "
        "network for large images is given small ones.",
        layers("- AdaptiveAvgPool2d: 7", "[8, 3, 3]"),
        layers("- AdaptiveAvgPool2d: 3", "[8, 3, 3]"),
        "warning",
    ),
    "softmax-of-one": Page(
        "A softmax over one value gives 1, whatever that value is.",
        "It has no gradient, so nothing in front of it learns. One score for two classes wants a `Sigmoid`, or "
        "`BCEWithLogitsLoss`, and a softmax one score for each class.",
        layers("- Linear: 1\n- Softmax: 1", "[16]"),
        layers("- Linear: 1\n- Sigmoid", "[16]"),
        "warning",
    ),
    "softmax-twice": Page(
        "A softmax is taken of what a softmax gives, or a router of `mixture` ends in one.",
        "The values of a softmax lie between 0 and 1, so a second one makes none of them more than e = 2.72 times as "
        "large as another: the choice is nearly the mean of all, and gradients are small. The weights of a `mixture` "
        "are the softmax of the router's scores.",
        layers("- Linear: 10\n- Softmax: -1\n- Softmax: -1", "[16]"),
        layers("- Linear: 10\n- Softmax: -1", "[16]"),
        "warning",
    ),
    "untaught-router": Page(
        "A `mixture` with `top: 1` weights its one expert by 1, so its router has no gradient.",
        "The weights are the softmax of the chosen scores, which of one score is 1 whatever it is. `normalize: false` "
        "takes the softmax over all scores, as Switch Transformer does; with `top: 2` two experts are weighed against "
        "each other.",
        layers("- {mixture: {repeat: 4, do: [Linear: 16, ReLU]}, router: [Linear: 4], top: 1}", "[10, 16]"),
        layers(
            "- {mixture: {repeat: 4, do: [Linear: 16, ReLU]}, router: [Linear: 4], top: 1, normalize: false}",
            "[10, 16]",
        ),
        "warning",
    ),
    "dropout-before-norm": Page(
        "A norm over the batch stands behind a dropout, with nothing between them.",
        "Dropout keeps the mean and enlarges the variance, in training alone. The norm averages that variance for "
        'evaluation, where it is too large: Li et al. 2018, "Understanding the Disharmony between Dropout and Batch '
        'Normalization by Variance Shift".',
        layers("- Linear: 64\n- ReLU\n- Dropout: 0.5\n- BatchNorm1d # netspec: ignore[needs-batch-2]", "[784]"),
        layers("- Linear: 64\n- BatchNorm1d # netspec: ignore[needs-batch-2]\n- ReLU\n- Dropout: 0.5", "[784]"),
        "warning",
    ),
    "inplace-corrupts": Page(
        "A layer with `inplace: true` writes over what the layer in front keeps, or over the network's input.",
        "`ReLU`, `Sigmoid`, `Tanh` and others keep their own output for the gradient: torch refuses the backward pass "
        "once it was written over. What writes over the input changes the tensor of whoever called the network.",
        layers("- Linear: 64\n- Sigmoid\n- Dropout: {p: 0.5, inplace: true}", "[784]"),
        layers("- Linear: 64\n- Sigmoid\n- Dropout: 0.5", "[784]"),
        "warning",
    ),
    "unused-ignore": Page(
        "A comment silences nothing.",
        "`# netspec: ignore[code]` is about the findings of its own line, or of the next one if it has a line of its "
        "own. The finding is gone, or stands elsewhere.",
        layers("- ReLU # netspec: ignore[needs-batch-2]"),
        layers("- ReLU"),
        "warning",
    ),
    "unknown-ignore": Page(
        "A comment silences a code that there is not, or names none.",
        "Codes stand in brackets behind the severity of each finding; several are separated by commas.",
        layers("- BatchNorm1d # netspec: ignore[needs-batch-2, needs-batch-3]", "[784]"),
        layers("- BatchNorm1d # netspec: ignore[needs-batch-2]", "[784]"),
        "warning",
    ),
    "ignored-error": Page(
        "A comment is to silence an error.",
        "Errors cannot be ignored: there is no network until they are mended. Warnings and notes can.",
        "",
        "",
        "warning",
    ),
    "bias-before-norm": Page(
        "A bias stands in front of a norm that takes it off again.",
        "A norm over the batch, or over each channel, subtracts the channel's mean, in which the bias is. `bias: "
        "false` leaves its parameters out, and the network computes the same.",
        layers("- Conv2d: {out_channels: 8, kernel_size: 3}\n- BatchNorm2d"),
        layers("- Conv2d: {out_channels: 8, kernel_size: 3, bias: false}\n- BatchNorm2d"),
        "note",
    ),
    "cut-off": Page(
        "A stride leaves values unseen.",
        "Windows that step over the end leave out the last rows and columns; a kernel that is smaller than its stride "
        "leaves out what lies between. Many networks do so.",
        layers("- MaxPool2d: 3", "[8, 28, 28]"),
        layers("- MaxPool2d: 4", "[8, 28, 28]"),
        "note",
    ),
    "heavy-layer": Page(
        "One layer has at least 90 % of the parameters of a network.",
        "It is told of networks with more than five layers with parameters. Most often it is the first `Linear` behind "
        "a large map.",
        layers(_MANY * 5 + "- Flatten\n- Linear: 256\n- ReLU\n- Linear: 10"),
        layers(_MANY * 5 + "- AdaptiveAvgPool2d: 1\n- Flatten\n- Linear: 256\n- ReLU\n- Linear: 10"),
        "note",
    ),
    "low-rank": Page(
        "Two layers with weights and nothing between them save weights.",
        "They are a matrix of low rank, or a kernel that is the product of two along different axes.",
        layers(_LOW.format(width=16), "[784]"),
        layers("- Linear: 256\n- ReLU\n- Linear: 256", "[784]"),
        "note",
    ),
    "norm-between": Page(
        "Two layers with weights have a norm over the batch between them, and nothing that is not linear.",
        "In evaluation the norm is linear, and they are one matrix. In training it is not, and it steadies them. Where "
        "no activation is left out on purpose, one was forgotten.",
        layers(
            _MANY + "- Conv2d: {out_channels: 8, kernel_size: 1, bias: false}\n- BatchNorm2d\n"
            "- Conv2d: {out_channels: 8, kernel_size: 1}"
        ),
        layers(
            _MANY + "- Conv2d: {out_channels: 8, kernel_size: 1, bias: false}\n- BatchNorm2d\n- ReLU\n"
            "- Conv2d: {out_channels: 8, kernel_size: 1}"
        ),
        "note",
    ),
    "mostly-padding": Page(
        "A kernel spans more than its map has.",
        "Each of its weights reads something somewhere, but most of what they read is padding.",
        layers("- Conv2d: {out_channels: 8, kernel_size: 5, padding: 2}", "[8, 3, 3]"),
        layers("- Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}", "[8, 3, 3]"),
        "note",
    ),
    "dropout-shifts-norm": Page(
        "A norm over the batch stands somewhere behind a dropout.",
        "Dropout enlarges the variance in training alone, and what the norm averages for evaluation is too large. "
        "Layers with weights between them lessen it. Behind the last norm a dropout disturbs none.",
        layers("- Dropout2d: 0.2\n- Conv2d: {out_channels: 8, kernel_size: 3, bias: false}\n- BatchNorm2d\n- ReLU"),
        layers("- Conv2d: {out_channels: 8, kernel_size: 3, bias: false}\n- BatchNorm2d\n- ReLU\n- Dropout2d: 0.2"),
        "note",
    ),
}
