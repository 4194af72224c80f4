"""The `train:` recipe as checked data: data-set facts, transforms, optimisers, losses, metrics. No torch.

`DataSet`, `Divisor`, `Ending`, `Facts`, `ImageType`, `Loss`, `Metric` and `Transform` are what parts of recipes of
one's own are written with (docs/plugins.md): these names stay where they are, with the meaning that they have.
"""

from netspec.recipe.base import DataSet, Divisor, Ending, Facts, ImageType, Loss, Transform
from netspec.recipe.check import check_recipe
from netspec.recipe.measures import Metric
from netspec.recipe.read import read_recipe
from netspec.recipe.resolved import Recipe

__all__ = [
    "DataSet",
    "Divisor",
    "Ending",
    "Facts",
    "ImageType",
    "Loss",
    "Metric",
    "Recipe",
    "Transform",
    "check_recipe",
    "read_recipe",
]
