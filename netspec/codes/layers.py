"""Codes of the layers: arguments, widths, shapes, dtypes."""

from __future__ import annotations

from netspec.codes.base import Page, layers
from netspec.diagnostics import Code

LAYERS: dict[Code, Page] = {
    "invalid-argument": Page(
        "An argument has a value that it cannot have.",
        "Arguments are checked strictly: `true` is no number, `3.0` is no integer, and sizes are at least 1.",
        layers("- Conv2d: {out_channels: 8, kernel_size: -3}"),
        layers("- Conv2d: {out_channels: 8, kernel_size: 3}"),
    ),
    "width-mismatch": Page(
        "A stated width is not what the layer in front of it gives.",
        "`in_channels`, `in_features` and their like follow from the input: left out they are inferred, stated they "
        "are checked.",
        layers("- Flatten\n- Linear: {in_features: 9216, out_features: 10}"),
        layers("- Flatten\n- Linear: {in_features: 784, out_features: 10}"),
    ),
    "shape-mismatch": Page(
        "A layer cannot take a map of this size.",
        "Most often the map has shrunk below the kernel: count the strides in front of it.",
        layers("- MaxPool2d: 7", "[1, 4, 4]"),
        layers("- MaxPool2d: 4", "[1, 4, 4]"),
    ),
    "wrong-rank": Page(
        "A layer cannot take an input with this number of axes.",
        "A `Conv2d` wants (channels, height, width); behind a `Flatten` there is one axis. The batch never counts.",
        layers("- Flatten\n- Conv2d: {out_channels: 8, kernel_size: 3}"),
        layers("- Conv2d: {out_channels: 8, kernel_size: 3}\n- Flatten"),
    ),
    "batch-axis": Page(
        "A layer would mix the examples of a batch.",
        "Arguments such as `start_dim` and `dim` count the batch axis as 0, as in torch; that axis must stay as it is.",
        layers("- Flatten: {start_dim: 0}"),
        layers("- Flatten: {start_dim: 1}"),
    ),
    "wrong-dtype": Page(
        "A layer cannot take values of this dtype.",
        "An `Embedding` wants integers; everything that multiplies wants float32.",
        layers("- Linear: 10", "{shape: [16], dtype: int64}"),
        layers("- Linear: 10", "[16]"),
    ),
    "needs-number": Page(
        "A place needs a number, and the size there is a symbol.",
        "An argument or a `when` hangs on a size of a symbolic input. `--set H=224` gives the symbol a number.",
        layers("- Linear: in_features * 2", "[1, W]"),
        layers("- Linear: 10", "[1, W]"),
    ),
    "needs-batch-2": Page(
        "In training a layer needs more than one example per batch.",
        "A normalisation over one value has no variance: torch raises an error for a batch of one.",
        layers("- Flatten\n- Linear: 10\n- BatchNorm1d"),
        layers("- BatchNorm2d\n- Flatten\n- Linear: 10"),
        "warning",
    ),
    "plugin-failed": Page(
        "The code of a plugin's class failed.",
        "A method of a layer, or of a loss, transform or data set, raised, did not end, or gave what it may not give. "
        "The message says what and in which line of the plugin; `netspec.probe` holds a layer against the module that "
        "it builds.",
    ),
}
