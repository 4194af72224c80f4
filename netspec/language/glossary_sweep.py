"""The words of `sweep:`, explained."""

from __future__ import annotations

from typing import Final

from netspec.codes.base import recipe

SWEEP: Final = (
    recipe(
        "data: FashionMNIST\nbatch_size: 128\nepochs: 5\nvalidation: 0.1\noptimizer: {SGD: {lr: 0.1}}\n"
        "loss: CrossEntropyLoss"
    ).replace("- Flatten\n", "- Flatten\n  - Linear: width\n  - $act\n")
    + "vars: {width: 64, act: ReLU}\nsweep:\n  metric: accuracy\n  direction: maximize\n"
    "  trials: 60\n  sampler: tpe\n  pruner: median\n  limit: {params: 100_000}\n  over:\n"
    "    width: [32, 64, 128]\n    act: [ReLU, Tanh, {LeakyReLU: 0.2}]\n"
    "    train.optimizer.SGD.lr: {from: 1e-3, to: 1, log: true}\n"
)
"""A spec with a sweep."""

MEANINGS: Final = {
    "sweep": (
        "key of a spec",
        "Which values of a spec to try, and what of its runs to look at: `netspec sweep` trains one trial after the "
        "other until so many have finished. Everything else about the network is as without it. docs/sweeps.md tells "
        "how several processes share one.",
    ),
    "over": (
        "key of `sweep`",
        "What a sweep goes over: the keys of `--set` (variables, symbols, `input`, keys of the recipe such as "
        "`train.optimizer.SGD.lr`) and `variant`, each with a list of values or a range `{from: 3, to: 15}`. A range "
        "of integers has integers; `step` parts neighbours, `count` says how many values there are, `log: true` has "
        "equal ratios.",
    ),
    "limit": (
        "key of `sweep`",
        "The most that a trial may be: `params`, `trainable_params`, `macs`, and `memory` of a training step as "
        "`expect` has it. What is more is rejected before anything is built, and does not count as a trial.",
    ),
    "metric": (
        "key of `sweep`",
        "The column of the records that is looked at after the last epoch, `validation_accuracy` for one; `accuracy` "
        "is enough. Left out, it is that of the best checkpoint.",
    ),
    "direction": (
        "key of `sweep`",
        "`minimize` or `maximize`; left out, less is better of a loss or a perplexity, and more of all else.",
    ),
    "trials": (
        "key of `sweep`",
        "How many trials are to finish, over all processes together: 20 if left out, and of a grid all. Those that "
        "are rejected, pruned or fail come on top.",
    ),
    "sampler": (
        "key of `sweep`",
        "Where the next trial comes from: `tpe` looks where the finished ones were good (Bergstra et al. 2011), "
        "`random` draws, `grid` tries every point in order, for which Optuna is not needed.",
    ),
    "pruner": (
        "key of `sweep`",
        "Which trials end before their last epoch: `none`; `median`, those whose metric after an epoch is worse than "
        "the median of the others; `hyperband` (Li et al. 2018).",
    ),
}
"""For each word what sort of word it is, and what it means."""
