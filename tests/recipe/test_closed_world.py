"""Every class of torch's and torchvision's that trains is offered by a recipe, or refused with a reason."""

from __future__ import annotations

import inspect
import re
from types import ModuleType
from typing import Any

import pytest
import torch
import torchmetrics
from torch import nn
from torchvision.transforms import v2

from netspec.cli.explain import explain
from netspec.compiler import check_source
from netspec.layers import MODULE_OF
from netspec.recipe import tables
from netspec.recipe.read import KEYS
from netspec.recipe.unoffered import DONE_ANYWAY, LIBRARY, UNOFFERED
from netspec.text.source import Source

OFFERED = {kind.word: kind.names for kind in (*tables.CALLS.values(), tables.TRANSFORM)}
OWN = {n for n in tables.LOSSES if tables.loss(n).given or tables.loss(n)().call().module != nn.__name__}
"""What torch has none of."""
LIBRARIES: dict[str, tuple[ModuleType, type]] = {
    "optimizer": (torch.optim, torch.optim.Optimizer),
    "scheduler": (torch.optim.lr_scheduler, torch.optim.lr_scheduler.LRScheduler),
    "loss": (nn, nn.Module),
    "transform": (v2, object),
    "metric": (torchmetrics, torchmetrics.Metric),
}
NOT_IN_EVERY_TORCH = {"LinearCrossEntropyLoss", "JensenShannonDivergence"}
"""What the oldest admitted release lacks."""
LINES = {"optimizer": "optimizer: {}", "scheduler": "scheduler: {}", "loss": "loss: {}", "transform": "augment: [{}]"}
LINES["metric"] = "metrics: [{}]"
REFUSED = [(kind, name) for kind, names in UNOFFERED.items() for name in names]


def public(kind: str) -> set[str]:
    """The names of a library's public classes of a kind; a loss is a module that calls itself one."""
    library, base = LIBRARIES[kind]
    if kind == "metric":  # those of pictures, texts and sounds that a net makes are another matter
        of_tasks = {
            n for n in torchmetrics.classification.__all__ if not re.match("Binary|Multiclass|Multilabel|Dice", n)
        }
        return of_tasks | set(torchmetrics.regression.__all__)
    found = {
        n for n, c in vars(library).items() if inspect.isclass(c) and issubclass(c, base) and not n.startswith("_")
    }
    return {name for name in found if "Loss" in name} if kind == "loss" else found


@pytest.mark.parametrize("kind", LIBRARIES)
def test_every_public_class_is_offered_or_refused_with_a_reason(kind: str) -> None:
    assert LIBRARIES[kind][0].__name__ == LIBRARY[kind]
    offered, refused = set(OFFERED[kind]) - OWN, set(UNOFFERED[kind])
    assert public(kind) - offered - refused == set()
    assert offered & refused == set()
    assert (offered | refused) - public(kind) <= NOT_IN_EVERY_TORCH


@pytest.mark.parametrize(("kind", "name"), REFUSED)
def test_a_refused_class_is_answered_with_its_reason_and_not_with_one_of_a_similar_name(kind: str, name: str) -> None:
    recipe: dict[str, Any] = {"data": "MNIST", "loss": "CrossEntropyLoss", "optimizer": "SGD", "batch_size": 32}
    recipe.pop(kind, None)
    lines = [*(f"{key}: {value}" for key, value in recipe.items()), "epochs: 2", LINES[kind].format(name)]
    text = "input: [1, 28, 28]\nlayers: [Flatten, Linear: 10]\ntrain:\n" + "".join(f"  {line}\n" for line in lines)
    (found,) = check_source(Source("a.yaml", text), [])
    assert (found.code, found.message) == (f"unknown-{kind}", f"there is no {kind} `{name}`")
    assert found.help == UNOFFERED[kind][name]
    assert (found.fix is not None) == (name in DONE_ANYWAY)


@pytest.mark.parametrize(("kind", "name"), REFUSED)
def test_what_a_reason_says_to_write_is_there(kind: str, name: str) -> None:
    known = {*KEYS, *MODULE_OF, *OFFERED[kind], "channels", "p"}
    for written in re.findall(r"`([^`]+)`", UNOFFERED[kind][name]):
        assert re.match(r"\w+", written)[0] in known, written  # type: ignore[index]


@pytest.mark.parametrize(("kind", "name"), [pair for pair in REFUSED if pair[1] not in MODULE_OF])
def test_a_refused_class_can_be_explained(kind: str, name: str) -> None:
    assert f"of {LIBRARY[kind]} that a recipe does not offer: " in " ".join(explain(name).split())
