"""A text as blocks of tokens: an example is a block, its target the same a token further on.

The text stays one tensor of as many bytes as its tokens need; a batch is cut out of it when it is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from netspec.trainer.data.splits import Batch, Resident, Split, Wanted
from netspec.trainer.machine.values import each
from netspec.trainer.transforms.draws import stable_seed


class Blocking(NamedTuple):
    """How a text becomes examples."""

    length: int
    """Tokens of a block."""
    offset: bool = False
    """Blocks begin at another token in every shuffled epoch."""

    @property
    def least(self) -> int:
        """The tokens that one block takes, with the one behind it."""
        return 2 * self.length if self.offset else self.length + 1

    def count(self, tokens: int) -> int:
        """The blocks of a text of so many tokens. With an `offset` it is the same in every epoch."""
        return max(tokens // self.length - 1 if self.offset else (tokens - 1) // self.length, 0)


def block_split(name: str, tokens: Tensor, blocking: Blocking, device: torch.device, *, fits: bool) -> Split:
    """A text as a split.

    Args:
        name: of the part.
        tokens: uint8 or int32 (M,), on the host.
        blocking: the blocks.
        device: where batches are wanted.
        fits: keep the text there.
    """
    return Blocks(name, tokens.to(device), blocking) if fits else HostBlocks(name, tokens, blocking, device)


def cut(tokens: Tensor, starts: Tensor, length: int) -> Batch:
    """The blocks that begin at some tokens (N,), and their targets: int64 (N, length) each."""
    places = starts.unsqueeze(1) + torch.arange(length, device=starts.device)
    return Batch(tokens[places].long(), tokens[places + 1].long())


class _OfText(Split):
    """Blocks of a text: `rows` are the tokens that they begin at."""

    blocking: Blocking

    def order(self, *, seed: int = 0, epoch: int = 0, shuffle: bool = False) -> Tensor:
        """See `Split.order`; with an `offset`, all blocks of a shuffled epoch begin so many tokens later."""
        rows = super().order(seed=seed, epoch=epoch, shuffle=shuffle)
        if not (shuffle and self.blocking.offset):
            return rows
        generator = torch.Generator().manual_seed(stable_seed(seed, epoch, "offset"))
        return rows + torch.randint(self.blocking.length, (), generator=generator)


class Blocks(_OfText, Resident):
    """Blocks of a text on the training device."""

    def __init__(self, name: str, tokens: Tensor, blocking: Blocking) -> None:
        super().__init__(name, _starts(tokens, blocking), tokens, tokens, None)
        self.blocking = blocking

    def fetch(self, rows: Tensor, key: Tensor | None = None) -> Batch:
        """See `Resident.fetch`; there is no augmentation."""
        return cut(each(self.x)[0], rows, self.blocking.length)


class HostBlocks(_OfText):
    """Blocks of a text that does not fit on the training device."""

    resident = False

    def __init__(self, name: str, tokens: Tensor, blocking: Blocking, device: torch.device) -> None:
        super().__init__(name, _starts(tokens, blocking))
        self.blocking, self._tokens, self._device = blocking, tokens, device

    def read(self, wanted: Wanted) -> Iterator[Batch]:
        """See `Split.batches`; there is no augmentation."""
        for chosen in self.chosen(wanted):
            x, y = (each(part)[0].to(self._device) for part in cut(self._tokens, chosen, self.blocking.length))
            yield Batch(x, y)


def _starts(tokens: Tensor, blocking: Blocking) -> Tensor:
    return torch.arange(blocking.count(len(tokens))) * blocking.length
