"""Modules that are made in strange ways, and keep strange things: their arguments are known, or are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from netspec.capture.running.making import made_with, noting
from tests.capture.test_from_torch import imported
from tests.capture.test_source_names import Out

pytestmark = pytest.mark.needs_torch


def pair(maker: Callable[[int], nn.Module]) -> nn.Sequential:
    """Two modules of other widths, one behind the other, which were seen to be made."""
    with noting():
        return nn.Sequential(maker(5), maker(6))


class Strange(nn.Module):
    """One that changes what it was given, and keeps what cannot be read."""

    def __init__(self, *args: Any, hidden: int, **kwargs: Any) -> None:
        args = kwargs.pop("args", args)
        kwargs = kwargs.get("kwargs", kwargs)
        super().__init__()
        self.one, self.two = nn.Linear(4, hidden), nn.Linear(hidden, 4)
        self.config = Closed(hidden)
        self.lists: list[Any] = [hidden]
        self.lists.append(self.lists)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(x)))


class Closed:
    """A config of which nothing is found by a name that it has not, and which raises errors of its own then."""

    __slots__ = ("values",)

    def __init__(self, hidden: int) -> None:
        self.values = {"hidden": hidden}

    def __getattr__(self, name: str) -> int:
        if name.startswith("__deep") or name in ("__reduce_ex__", "__getstate__", "__setstate__"):
            raise AttributeError(name)
        return self.values[name]

    def __deepcopy__(self, memo: dict[int, Any]) -> Closed:
        return Closed(**self.values)


class Compared(Out):
    """Modules that are compared by what they have only once they are made."""

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden)
        self.key = object()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Compared) and self.key is other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Unhashed(Out):
    """Modules without a hash."""

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # as Python does it beside `__eq__`


@dataclass(eq=False)
class Data(nn.Module):
    """A module that is a dataclass."""

    hidden: int

    def __post_init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, self.hidden), nn.Linear(self.hidden, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(x)))


@pytest.mark.parametrize(
    "given", [{"kwargs": None}, {"kwargs": {1: 2}}, {"args": torch.zeros(3)}, {"args": (1,)}], ids=str
)
def test_arguments_that_are_something_else_by_then_are_not_known(given: dict[str, Any]) -> None:
    module = pair(lambda hidden: Strange(hidden=hidden, **given))
    assert made_with(module[0]) is None
    assert "strange(out):" in imported(module, (4,)).text


def test_what_a_config_raises_and_lists_in_themselves_are_left_out() -> None:
    module = pair(lambda hidden: Strange(hidden=hidden))
    assert "strange(hidden):" in imported(module, (4,)).text


def test_modules_are_told_apart_however_they_compare() -> None:
    module = pair(Compared)
    assert [made_with(part) for part in module.children()] == [{"hidden": 5}, {"hidden": 6}]
    assert "compared(hidden):" in imported(module, (4,)).text


def test_modules_without_a_hash_are_refused_with_what_to_do() -> None:
    module = pair(Unhashed)
    with pytest.raises(NotCaptured, match=r"modules of `Unhashed` have no hash.*`__hash__ = nn.Module.__hash__`"):
        from_torch(module, torch.randn(2, 4), name="net")


def test_the_fields_of_a_dataclass_are_its_arguments() -> None:
    module = pair(Data)
    assert [made_with(part) for part in module.children()] == [{"hidden": 5}, {"hidden": 6}]
    assert "data(hidden):" in imported(module, (4,)).text
