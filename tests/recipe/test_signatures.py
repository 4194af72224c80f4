"""The names, arguments, order and defaults of a recipe are torch's and torchvision's own."""

from __future__ import annotations

import inspect
from enum import Enum
from importlib import import_module
from typing import Any

import pytest
import torch
import torchvision
from torchvision.transforms import v2

from netspec.recipe import tables
from netspec.recipe.base import Named
from netspec.recipe.datasets.torchvision import Torchvision
from netspec.recipe.terms import LossTerm
from netspec.trainer.measure.losses import LossFunction
from netspec.trainer.measure.own import GaussianKL
from tests.recipe.least import least

LOSSES = [name for name in tables.LOSSES if not tables.loss(name).given]
"""Those that are classes, and no function of a program's."""

CASES = [
    *[pytest.param(tables.optimizer, name, torch.optim, {"params"}, id=name) for name in tables.OPTIMIZERS],
    *[
        pytest.param(tables.scheduler, name, torch.optim.lr_scheduler, {"optimizer"}, id=name)
        for name in tables.SCHEDULERS
    ],
    *[
        pytest.param(tables.loss, name, import_module(tables.loss(name)().call().module), set[str](), id=name)
        for name in LOSSES
    ],
    *[pytest.param(tables.transform, name, v2, set[str](), id=name) for name in tables.TRANSFORMS],
]


@pytest.mark.parametrize(("load", "name", "library", "given"), CASES)
def test_arguments_and_defaults_are_the_library_s(load: Any, name: str, library: Any, given: set[str]) -> None:
    model: type[Named] = load(name)
    signature = inspect.signature(getattr(library, name)).parameters
    assert [n for n in signature if n not in given | set(model.omitted)] == list(model.model_fields)
    inferred = {getattr(model, "length", None)}
    for argument, field in model.model_fields.items():
        default = signature[argument].default
        if isinstance(default, Enum):  # an interpolation, in torchvision 0.26
            default = default.value
        if argument in inferred:
            assert field.default is None
        elif default is inspect.Parameter.empty:
            assert field.is_required(), argument
        else:
            assert field.default == (tuple(default) if isinstance(default, list) else default), argument


def test_omitted_arguments_exist_and_say_why() -> None:
    for load, table, library in (
        (tables.optimizer, tables.OPTIMIZERS, torch.optim),
        (tables.scheduler, tables.SCHEDULERS, torch.optim.lr_scheduler),
        (tables.loss, tables.LOSSES, torch.nn),
        (tables.transform, tables.TRANSFORMS, v2),
    ):
        for name in table:
            if not hasattr(library, name):  # a loss of the trainer's own
                continue
            left_out = set(load(name).omitted)
            common = {"foreach", "fused", "capturable", "differentiable", "maximize"}
            assert left_out - common <= set(inspect.signature(getattr(library, name)).parameters), name
            assert all(load(name).omitted.values())


def test_every_torchvision_set_is_torchvision_s() -> None:
    for name in tables.DATA_SETS:
        if issubclass(tables.data_set(name), Torchvision):
            assert hasattr(torchvision.datasets, name)


@pytest.mark.parametrize(
    ("load", "table"),
    [
        (tables.data_set, tables.DATA_SETS),
        (tables.transform, tables.TRANSFORMS),
        (tables.optimizer, tables.OPTIMIZERS),
        (tables.scheduler, tables.SCHEDULERS),
        (tables.loss, tables.LOSSES),
    ],
)
def test_a_name_leads_to_the_class_of_that_name_which_is_documented(load: Any, table: dict[str, str]) -> None:
    for name in table:
        model = load(name)
        assert model.name() == name
        assert model.__doc__
        assert model.scalar is None or model.scalar in model.model_fields
        assert model.model_json_schema()["type"] == "object"


@pytest.mark.parametrize("name", tables.OPTIMIZERS)
def test_an_optimizer_s_defaults_are_accepted_by_torch(name: str) -> None:
    optimizer = tables.optimizer(name)()
    built = getattr(torch.optim, name)([torch.nn.Parameter(torch.zeros(2))], **dict(optimizer))
    assert built.defaults["lr"] == dict(optimizer)["lr"]


@pytest.mark.parametrize("name", tables.SCHEDULERS)
def test_a_schedule_s_arguments_are_accepted_by_torch(name: str) -> None:
    scheduler = tables.scheduler(name)(**least(tables.scheduler(name)))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.1, momentum=0.9)
    built = getattr(torch.optim.lr_scheduler, name)(optimizer, **scheduler.arguments(7))
    if scheduler.length:
        assert getattr(built, scheduler.length) == 7


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_takes_the_outputs_and_the_target_that_it_says(name: str) -> None:
    loss = tables.loss(name)()
    outputs = [torch.rand(4, 3).clamp(0.1, 0.9) for _ in loss.takes]
    shape = (4, *loss.target_shape((3,)))  # type: ignore[misc]  # numbers
    target = torch.tensor([0, 1, 2, 1]) if loss.target == "classes" else torch.rand(shape)
    target = torch.where(target < 0.5, -1.0, 1.0) if loss.signs else target
    value = LossFunction(loss, torch.device("cpu"), ignores=False, term=LossTerm(loss, of=tuple(range(len(outputs)))))
    given = list(outputs)
    if loss.target != "nothing":
        given.insert(len(given) if loss.target_at < 0 else loss.target_at, target)
    expected = getattr(import_module(loss.call().module), name)(**dict(loss))(*given)
    assert torch.isfinite(expected)
    assert torch.equal(value(outputs[0], target, *outputs[1:]), expected)


def test_the_gaussian_divergence_is_torch_s() -> None:
    mu, logvar = torch.randn(5, 3, 2), torch.randn(5, 3, 2)
    one = torch.distributions.Normal(mu, (logvar / 2).exp())
    other = torch.distributions.Normal(torch.zeros(()), torch.ones(()))
    expected = torch.distributions.kl_divergence(one, other).sum((1, 2)).mean()
    assert torch.allclose(GaussianKL()(mu, logvar), expected)
