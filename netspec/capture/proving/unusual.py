"""Inputs that random ones are not: numbers that a spec compares with, and masks that hide everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from netspec.capture.proving.differences import called
from netspec.layers.comparing import Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual
from netspec.layers.embedding import Embedding, EmbeddingBag
from netspec.net import Net

_COMPARISONS: Final = (Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual)


class ComparedNumbers(NamedTuple):
    """Whole numbers with which a spec does something else than with others."""

    numbers: tuple[int, ...]
    rows: tuple[int, ...]
    """How many rows the tables have that look numbers up."""

    def fitting(self, tensor: Tensor) -> list[int]:
        """Those that may stand in an input: it has them, or a table that its numbers are in."""
        highest = int(tensor.max()) if tensor.numel() else 0
        end = min((count for count in self.rows if count > highest), default=highest + 1)
        return [number for number in self.numbers if 0 <= number < end]


def compared_numbers(net: Net) -> ComparedNumbers:
    """The numbers of a net: those that values are compared with, with those beside them, and those of padding."""
    found: set[int] = set()
    rows: set[int] = set()
    for leaf in net.layers:
        layer = leaf.layer
        if isinstance(layer, _COMPARISONS):
            other = round(float(layer.other))
            found |= {other - 1, other, other + 1}
        elif isinstance(layer, (Embedding, EmbeddingBag)):
            rows.add(layer.num_embeddings)
            if layer.padding_idx is not None:
                found.add(layer.padding_idx % layer.num_embeddings)
    return ComparedNumbers(tuple(sorted(found)), tuple(sorted(rows)))


def with_numbers(inputs: Sequence[Tensor], compared: ComparedNumbers) -> list[Tensor]:
    """Inputs in which these numbers stand, too, but for the first place of a row: what a mask that is made of them
    hides is never all that an attention to the places so far sees. That is a case of its own: see `hiding`."""
    return [_mixed(x, compared.fitting(x)) if _has_rows(x) else x for x in inputs]


def _mixed(x: Tensor, numbers: Sequence[int]) -> Tensor:
    x = x.clone()
    others = x[~torch.isin(x, torch.tensor(numbers, dtype=x.dtype))]
    if len(others):
        first = x[..., 0]
        first[torch.isin(first, torch.tensor(numbers, dtype=x.dtype))] = others[-1]
    generator = torch.Generator().manual_seed(len(numbers))
    behind = x[..., 1:]
    for i, number in enumerate(numbers):
        behind[torch.rand(behind.shape, generator=generator) < 0.5 / len(numbers)] = number
        behind[i % len(behind), ..., -1 - i // len(behind) % behind.shape[-1]] = number
    return x


def _has_rows(x: Tensor) -> bool:
    return x.dtype == torch.int64 and x.dim() > 1 and x.shape[-1] > 1 and len(x) > 0


def hiding(
    inputs: Sequence[Tensor], compared: ComparedNumbers, names: Sequence[str | None]
) -> Iterator[tuple[str, list[Tensor]]]:
    """Inputs of which the first example is one number, or one truth value, with what that is.

    Args:
        inputs: arguments of the module, the batch first.
        compared: the numbers that the spec compares with.
        names: of the inputs in the spec.
    """
    for at, x in enumerate(inputs):
        values: list[int] = [0, 1] if x.dtype == torch.bool and x.dim() > 1 else []
        if _has_rows(x) or (x.dtype == torch.int64 and x.dim() == 1):  # numbers of words, and lengths
            values = compared.fitting(x)
        for value in values:
            changed = x.clone()
            changed[0] = value
            told = called("input", names, at, len(inputs))
            shown = ("false", "true")[value] if x.dtype == torch.bool else value
            yield f"where {told} of an example is {shown} throughout", [*inputs[:at], changed, *inputs[at + 1 :]]
