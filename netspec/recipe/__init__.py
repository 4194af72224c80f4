"""The `train:` recipe as checked data: data-set facts, transforms, optimisers, schedules, losses. No torch."""

from netspec.recipe.check import check_recipe
from netspec.recipe.read import read_recipe
from netspec.recipe.resolved import Recipe

__all__ = ["Recipe", "check_recipe", "read_recipe"]
