"""Codes of the `sweep:` section of a spec."""

from __future__ import annotations

from netspec.codes.base import Page, recipe
from netspec.diagnostics import Code

_RECIPE = recipe(
    "data: FashionMNIST\nbatch_size: 128\nepochs: 5\nvalidation: 0.1\noptimizer: SGD\nloss: CrossEntropyLoss"
)

SWEEP: dict[Code, Page] = {
    "not-settable": Page(
        "A sweep goes over something that the spec does not have.",
        "The keys of `over:` are those of `--set`: variables, symbols of the input, `input`, and what stands in the "
        "recipe, as in `train.optimizer.SGD.lr`; besides `variant`. The message says what is there.",
        _RECIPE + "sweep: {over: {train.optimizer.Adam.lr: [0.01, 0.1]}}\n",
        _RECIPE + "sweep: {over: {train.optimizer.SGD.lr: [0.01, 0.1]}}\n",
    ),
    "unknown-figure": Page(
        "A sweep asks for a metric that its runs do not measure.",
        "The metrics are columns of a run's records, such as `validation_accuracy`, for which `accuracy` is enough. "
        "Where nothing is held out for validation there is none of it.",
        _RECIPE + "sweep: {metric: f1, over: {train.batch_size: [64, 128]}}\n",
        _RECIPE + "sweep: {metric: accuracy, over: {train.batch_size: [64, 128]}}\n",
    ),
}
