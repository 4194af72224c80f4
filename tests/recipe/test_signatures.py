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
from netspec.trainer.measure.own import FocalLoss, GaussianKL, SigmoidFocalLoss
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


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.6, 0.0), (None, 1.5)])
def test_the_focal_loss_of_labels_is_torchvision_s(alpha: float | None, gamma: float, reduction: str) -> None:
    x = (4 * torch.randn(7, 3)).requires_grad_()
    target = torch.rand(7, 3).round()
    found = SigmoidFocalLoss(alpha, gamma, reduction)(x, target)
    expected = torchvision.ops.sigmoid_focal_loss(x, target, -1 if alpha is None else alpha, gamma, reduction)
    torch.testing.assert_close(found, expected)
    for one, other in zip(torch.autograd.grad(found, x), torch.autograd.grad(expected, x), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_the_focal_loss_of_classes_is_its_formula(weight: torch.Tensor | None) -> None:
    x, target = torch.randn(6, 3, 4), torch.randint(3, (6, 4))
    target[0, 0] = -100
    p = x.softmax(1).movedim(1, 2).reshape(-1, 3)
    total = factors = 0.0
    for row, c in zip(p, target.flatten().tolist(), strict=True):
        if c >= 0:
            factor = 1.0 if weight is None else weight[c].item()
            total += -factor * (1 - row[c].item()) ** 1.5 * row[c].log().item()
            factors += factor
    assert FocalLoss(weight, gamma=1.5)(x, target).item() == pytest.approx(total / factors, rel=1e-5)
    assert FocalLoss(weight, gamma=1.5, reduction="sum")(x, target).item() == pytest.approx(total, rel=1e-5)
    plain = torch.nn.functional.cross_entropy(x, target, weight)
    torch.testing.assert_close(FocalLoss(weight, gamma=0.0)(x, target), plain)


def test_a_focal_loss_has_a_slope_where_an_example_is_told_with_certainty() -> None:
    x = torch.tensor([[200.0, -200.0], [0.0, 0.0]], requires_grad=True)
    of_classes = FocalLoss(gamma=0.5)(x, torch.tensor([0, -100]))
    of_labels = SigmoidFocalLoss(gamma=0.5)(x, torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    for loss in (of_classes, of_labels):
        (slope,) = torch.autograd.grad(loss, x)
        assert torch.isfinite(loss) and torch.isfinite(slope).all()
