"""A loss that a program gives."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.recipe.base import Loss


class Function(Loss):
    """What the program gives as `netspec.train(net, loss=…)`: a function or module that makes one number of the output
    and the target of a batch, their mean over its examples ([Training from Python](training.md))."""

    word: ClassVar[str | None] = "function"
    target: ClassVar[Literal["classes", "values", "nothing"]] = "nothing"
    given: ClassVar[bool] = True
