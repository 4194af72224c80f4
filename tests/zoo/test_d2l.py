"""`specs/d2l` holds the book's networks with its recipes; `specs/unet.yaml` is the paper's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import nn

import netspec
from tests.zoo import books
from tests.zoo.agreement import SPECS, agree

FOLDER = SPECS / "d2l"

TWINS: dict[str, Callable[[], nn.Module]] = {
    "lenet": books.lenet,
    "alexnet": books.alexnet,
    "vgg11": lambda: books.vgg(((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))),
    "nin": books.nin,
    "googlenet": books.googlenet,
    "lenet_batch_norm": books.lenet_batch_norm,
    "resnet18": books.resnet18,
    "resnext": books.resnext,
    "densenet": books.densenet,
    "vit": books.ViT,
}
RECIPES: dict[str, tuple[float, int | None]] = {  # learning rate, pixels after Resize
    "lenet": (0.1, None),
    "alexnet": (0.01, 224),
    "vgg11": (0.01, 224),
    "nin": (0.05, 224),
    "googlenet": (0.01, 96),
    "lenet_batch_norm": (0.1, None),
    "resnet18": (0.01, 96),
    "resnext": (0.05, 96),
    "densenet": (0.01, 96),
    "vit": (0.1, 96),
}


def test_every_network_of_the_list_has_a_spec() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(TWINS)


@pytest.mark.slow
@pytest.mark.parametrize("name", TWINS)
def test_a_network_has_the_parameters_and_outputs_of_its_hand_written_twin(name: str) -> None:
    # the twin of the ViT multiplies attention out, where the spec's layer uses torch's fused kernel
    agree(f"d2l/{name}", TWINS[name](), exact=name != "vit", large=True)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_the_books(name: str) -> None:
    recipe = netspec.load(FOLDER / f"{name}.yaml").recipe
    rate, pixels = RECIPES[name]
    assert recipe is not None
    assert (type(recipe.data).__name__, type(recipe.loss).__name__) == ("FashionMNIST", "CrossEntropyLoss")
    assert (recipe.batch_size, recipe.epochs) == (128, 10)
    assert recipe.optimizer.model_dump() == {
        "lr": rate, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False,
    }  # fmt: skip
    assert [transform.size for transform in recipe.transforms] == ([pixels] if pixels else [])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet", "alexnet"])
def test_the_first_specs_are_the_books_networks_too(name: str) -> None:
    agree(name, TWINS[name](), exact=True, large=True)


@pytest.mark.slow
def test_the_narrow_vgg_is_the_one_that_the_book_trains() -> None:
    twin = books.vgg(((1, 16), (1, 32), (2, 64), (2, 128), (2, 128)))
    agree("d2l/vgg11", twin, variant="vgg11_narrow", exact=True, large=True)


def test_the_unet_equals_one_with_skips_written_by_hand() -> None:
    found = agree("unet", books.unet(8), exact=True, set={"input": [1, 64, 64], "width": 8})
    assert found.shapes == [(2, 2, 64, 64)]


def test_the_unet_has_the_papers_31_million_parameters() -> None:
    net = netspec.load(SPECS / "unet.yaml")
    assert net.params == sum(p.numel() for p in books.unet().parameters()) == 31_030_658
