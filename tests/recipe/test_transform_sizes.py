"""The size that a transform is said to give is the size that torchvision gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from netspec.dims import Unmet
from netspec.recipe import tables
from netspec.recipe.base import ImageType
from tests.recipe.least import least

CASES: list[tuple[str, dict[str, Any]]] = [
    ("Resize", {"size": 17}),
    ("Resize", {"size": (9, 40)}),
    ("Resize", {"size": 20, "max_size": 25}),
    ("CenterCrop", {"size": 12}),
    ("CenterCrop", {"size": (40, 7)}),
    ("Pad", {"padding": 3}),
    ("Pad", {"padding": (1, 2)}),
    ("Pad", {"padding": (1, 2, 3, 4), "padding_mode": "edge"}),
    ("Grayscale", {"num_output_channels": 3}),
    ("Grayscale", {}),
    ("RandomCrop", {"size": 10}),
    ("RandomCrop", {"size": (30, 20), "padding": 2, "pad_if_needed": True}),
    ("RandomResizedCrop", {"size": (8, 13)}),
    ("RandomHorizontalFlip", {}),
    ("RandomVerticalFlip", {}),
    ("RandomRotation", {"degrees": 30}),
    ("RandomAffine", {"degrees": (0, 30), "translate": (0.1, 0.2), "scale": (0.5, 1.5), "shear": 10}),
    ("RandomErasing", {"p": 1}),
    ("ColorJitter", {"brightness": 0.2, "hue": 0.1}),
    ("RandomGrayscale", {}),
    ("RandomInvert", {}),
    ("RandomSolarize", {"threshold": 0.5}),
    ("RandomPosterize", {"bits": 3}),
    ("RandomAdjustSharpness", {"sharpness_factor": 2}),
    ("GaussianBlur", {"kernel_size": (3, 5)}),
]
CASES += [(name, least(tables.transform(name))) for name in tables.TRANSFORMS if name not in dict(CASES)]


@pytest.mark.parametrize(("name", "arguments"), CASES)
@pytest.mark.parametrize("size", [(1, 28, 28), (3, 21, 34), (3, 34, 21)])
def test_the_size_is_torchvision_s(name: str, arguments: dict[str, Any], size: tuple[int, int, int]) -> None:
    transform = tables.transform(name)(**arguments)
    expected = getattr(v2, name)(**arguments)(torch.rand(size)).shape
    assert transform.output(ImageType(*size)) == tuple(expected)


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 60), width=st.integers(1, 60), size=st.integers(1, 40), more=st.integers(1, 30) | st.none()
)
def test_the_shorter_edge_is_rounded_as_torchvision_does(height: int, width: int, size: int, more: int | None) -> None:
    arguments: dict[str, Any] = {"size": size} | ({"max_size": size + more} if more else {})
    transform = tables.transform("Resize")(**arguments)
    try:
        expected = tuple(v2.Resize(**arguments)(torch.zeros(1, height, width)).shape)
    except RuntimeError:  # torchvision cannot make an image without pixels
        with pytest.raises(Unmet, match="leaves no pixel"):
            transform.output(ImageType(1, height, width))
    else:
        assert transform.output(ImageType(1, height, width)) == expected


def test_unknown_edges_stay_unknown_until_something_fixes_them() -> None:
    unknown = ImageType(3, None, None)
    assert tables.transform("Resize")(size=256).output(unknown) == unknown
    assert tables.transform("Pad")(padding=1).output(unknown) == unknown
    assert tables.transform("CenterCrop")(size=224).output(unknown) == (3, 224, 224)
    assert tables.transform("Resize")(size=(8, 9)).output(unknown) == (3, 8, 9)


@pytest.mark.parametrize(
    ("name", "arguments", "size", "words"),
    [
        ("RandomCrop", {"size": 40}, (1, 28, 28), "40 × 40 pixels, but its image has 28 × 28"),
        ("RandomCrop", {"size": 40, "padding": 4}, (1, 28, 28), "36 × 36 with the padding (28 × 28 without)"),
        ("Normalize", {"mean": (0.5, 0.5), "std": (1.0,)}, (3, 8, 8), "`mean` of `Normalize` has 2 values"),
        ("Pad", {"padding": 8, "padding_mode": "reflect"}, (1, 8, 8), "edges of at least 9"),
        ("Grayscale", {}, (4, 8, 8), "1 or 3 channels, but gets 4"),
        ("GaussianBlur", {"kernel_size": 9}, (1, 4, 4), "mirrors 4 pixels"),
        ("Resize", {"size": 8, "max_size": 8}, (1, 4, 4), "must exceed `size: 8`"),
        ("Resize", {"size": (8, 8), "max_size": 9}, (1, 4, 4), "gives both edges"),
    ],
)
def test_an_impossible_image_is_refused_with_both_numbers(
    name: str, arguments: dict[str, Any], size: tuple[int, int, int], words: str
) -> None:
    with pytest.raises(Unmet) as caught:
        tables.transform(name)(**arguments).output(ImageType(*size))
    assert words in caught.value.problem.message
