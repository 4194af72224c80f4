"""Batches in an order of the data's own: those of a DataLoader, or of another iterable that a program gives.

Where the data can say how far they are (`state_dict` and `load_state_dict`, as torchdata's StatefulDataLoader has
them), a run saves that, and goes on from there. Else the batches before are read once more and dropped, with the
generators as they were when the iterator was made: the same batches, where their order depends on these alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, cast

import torch
from torch import Tensor

from netspec.diagnostics import NetspecError, ResourceError, UsageError
from netspec.trainer.data.pairs import PairLayout
from netspec.trainer.data.splits import Batch, Split, Wanted
from netspec.trainer.machine.random_state import get_random_state, set_random_state
from netspec.trainer.machine.values import each, mapped
from netspec.trainer.transforms.pipeline import Pipeline, Pipelines

_END: Final = object()


class BatchSource:
    """An iterable of batches, and what it can say of itself.

    Args:
        batches: gives batches, pairs `(x, y)`.
        origin: what messages call it.
        stateful: has `state_dict` and `load_state_dict`; None where nothing does.
        generators: torch generators that its order depends on.
        samplers: what is told the epoch, by `set_epoch`.
    """

    def __init__(
        self,
        batches: Any,
        origin: str,
        *,
        length: int | None,
        examples: int | None,
        stateful: Any = None,
        generators: Sequence[torch.Generator] = (),
        samplers: Sequence[Any] = (),
    ) -> None:
        self.batches, self.origin, self.length, self.examples = batches, origin, length, examples
        self.stateful, self.generators, self.samplers = stateful, tuple(generators), tuple(samplers)

    @property
    def once(self) -> bool:
        """True for an iterator, which can be read once."""
        return iter(self.batches) is self.batches if hasattr(self.batches, "__next__") else False

    def begin(self, epoch: int) -> Iterator[Any]:
        """The batches from the first one on."""
        for sampler in self.samplers:
            sampler.set_epoch(epoch)
        with self.reading(0):
            return iter(self.batches)

    def next(self, iterator: Iterator[Any], number: int) -> Any:
        """The next batch, or `_END`."""
        with self.reading(number):
            return next(iterator, _END)

    @contextmanager
    def reading(self, number: int) -> Generator[None]:
        """Name the source in whatever it raises.

        Raises:
            ResourceError: it failed.
        """
        try:
            yield
        except NetspecError:
            raise
        except Exception as error:  # whatever the program's code raises
            reason = f"{type(error).__name__}: {error}"
            raise ResourceError(f"batch {number + 1} of {self.origin} cannot be read: {reason}") from error

    def generator_states(self) -> list[Tensor]:
        """The states of its own generators."""
        return [generator.get_state() for generator in self.generators]

    def set_generators(self, states: Sequence[Tensor]) -> None:
        """Restore a result of `generator_states`."""
        for generator, state in zip(self.generators, states, strict=False):
            generator.set_state(state.cpu())


class Ordered(Split):
    """A part of the data that has an order of its own.

    Args:
        name: see `Split`.
        source: the batches.
        layout: takes them apart.
        pipeline: what is left to do with them.
        device: where they are wanted.
        epoch: the batches of an epoch; None reads to the end.
        goes_on: the next epoch goes on where the last one ended, in place of beginning anew.
    """

    resident = False
    replays = False

    def __init__(
        self,
        name: str,
        source: BatchSource,
        layout: PairLayout,
        device: torch.device,
        epoch: int | None,
        *,
        goes_on: bool = False,
    ) -> None:
        super().__init__(name, torch.arange(0))
        self.source, self.pipeline = source, cast("Pipeline | Pipelines | None", None)
        self._layout, self._device, self._epoch, self._goes_on = layout, device, epoch, goes_on
        self._iterator: Iterator[Any] | None = None
        self._taken = 0  # batches of the iterator that are read
        self._start: dict[str, Any] = {}  # the generators when it was made
        self._first: Any = _END
        self._saved: dict[str, Any] | None = None
        self._tried: Any = None  # the first batch, until training begins
        self._counted: int | None = source.examples

    def __len__(self) -> int:
        return self._counted or 0

    @property
    def known(self) -> int | None:
        """See `Split.known`."""
        return self._counted

    def steps(self, batch_size: int, *, drop_last: bool = False) -> int:
        """The number of batches in an epoch; they are the data's own, so that none is dropped here."""
        assert self._epoch is not None, "data to train on have a length"
        return self._epoch

    def limit(self, examples: int, seed: int) -> None:
        """Refuse: which examples there are is the data's own affair.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"`examples={examples}` draws some of the examples, but {self.source.origin} has an order of its own; give "
            "fewer batches, or a Dataset in place of them"
        )

    def sample(self, *, keep: bool) -> Batch:
        """The first batch, as the data give it.

        Args:
            keep: leave it for the first epoch, which goes on behind it; else begin anew then.

        Raises:
            ResourceError: there is none, or it is no pair.
        """
        state = None if keep else get_random_state(self._device)
        generators = self.source.generator_states()
        iterator = self._begun(0)
        first = self.source.next(iterator, 0)
        if state is not None:
            set_random_state(state, self._device)
            self.source.set_generators(generators)
            self._iterator = None
        else:
            self._first = first
        if first is _END:
            raise ResourceError(f"{self.source.origin} has no {self.name} examples: it gives 0 batches")
        self._tried = first
        return self._layout.taken(first, self.source.origin)

    def peek(self, batch_size: int) -> Batch | None:
        """The first batch, which has been read already; None where the run goes on from another."""
        return None if self._tried is None else self._prepared(self._tried, 0, 0, None)

    def read(self, wanted: Wanted) -> Iterator[Batch]:
        """The batches of an epoch from `start_step` on; size and order are the data's own."""
        epoch, start_step, key = wanted.epoch, wanted.start_step, wanted.key(self._device)
        self._tried, seen = None, 0
        for number in count(start_step) if self._epoch is None else range(start_step, self._epoch):
            pair = self._next(epoch, number)
            if pair is _END:
                if self._epoch is None and number:
                    break
                raise self._short(number)
            batch = self._prepared(pair, number, seen, key)
            seen += len(each(batch.x)[0])
            if self._epoch == number + 1 and not self._goes_on:
                self._end()  # before the last step, so that a state of after it is that of an epoch that is over
            yield batch
        if not start_step:
            self._counted = seen
        if self._epoch is None:
            self._iterator = None

    def _prepared(self, pair: Any, number: int, seen: int, key: Tensor | None) -> Batch:
        """A batch as the net takes it; `seen` examples of the epoch are in front of it."""
        x, y = self._layout.taken(pair, self.source.origin)
        x, y = mapped(self._placed, x), mapped(self._placed, y)
        if self.pipeline is not None:
            rows = torch.arange(seen, seen + len(each(x)[0]), device=self._device)
            x, y = self.pipeline.batch(x, y, rows, key)
        return self._layout.check(Batch(x, y), number, self.source.origin)

    # ---- the iterator

    def _next(self, epoch: int, number: int) -> Any:
        if self._first is not _END:
            first, self._first = self._first, _END
            self._taken = 1
            return first
        if self._iterator is None:
            self._iterator = self._begun(epoch) if self._saved is None else self._resumed(epoch)
        found = self.source.next(self._iterator, number)
        if found is _END and self._goes_on and self._taken and not self.source.once:
            self._iterator = self._begun(epoch)
            found = self.source.next(self._iterator, number)
        self._taken += 1
        return found

    def _begun(self, epoch: int) -> Iterator[Any]:
        self._start = {"random": get_random_state(self._device), "generators": self.source.generator_states()}
        self._taken, self._iterator = 0, self.source.begin(epoch)
        if self.source.stateful is not None:  # to go on it may draw another time, which must not count
            set_random_state(self._start["random"], self._device)
        return self._iterator

    def _end(self) -> None:
        """Read the end of the data: there must be no more, and what has a state notices that it is through.

        Raises:
            ResourceError: there are more batches than the length says.
        """
        iterator, self._iterator = self._iterator, None
        assert iterator is not None, "its last batch was read"
        if self.source.next(iterator, self._epoch or 0) is not _END:
            raise ResourceError(
                f"{self.source.origin} gives more batches than the {self._epoch} that its length says; let `len()` be "
                f"the number of its batches, or say `batches_per_epoch={self._epoch}`"
            )

    def _short(self, number: int) -> ResourceError:
        origin = self.source.origin
        if self._epoch is None or self._goes_on:
            have = f"{self._taken - 1} batches in all" if self._epoch else "no batches"
            return ResourceError(
                f"{origin} ends after {have}"
                + (
                    f", and an epoch has {self._epoch}: an iterator is read once; give an object whose `__iter__` "
                    "begins anew"
                    if self._epoch
                    else f": there is nothing to measure on {self.name} data; an iterator is read once, so give a list "
                    "or an object whose `__iter__` begins anew"
                )
            )
        return ResourceError(
            f"{origin} ends after {number} batches, but its length says {self._epoch}; let `len()` be the number of "
            f"its batches, or say `batches_per_epoch={max(number, 1)}`"
        )

    def _placed(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device, non_blocking=True)

    def close(self) -> None:
        """See `Split.close`: ends the workers of an epoch that is not read to its end. Those that a loader keeps are
        the program's."""
        iterator, self._iterator = self._iterator, None
        if getattr(self.source.batches, "persistent_workers", False):
            return
        end: Callable[[], None] | None = getattr(iterator, "_shutdown_workers", None)  # there is no public way
        if end is not None:
            end()

    # ---- the state

    def state(self) -> dict[str, Any] | None:
        """See `Split.state`.

        Raises:
            UsageError: what the data say of themselves is not made of plain values.
        """
        going = self._iterator is not None
        now = self.source.generator_states()
        start = self._start if going else {"random": None, "generators": now}
        saved: dict[str, Any] = {**start, "now": now, "taken": self._taken if going else 0, "own": None}
        if self.source.stateful is not None:
            with self.source.reading(self._taken):
                saved["own"] = self.source.stateful.state_dict()
            _check_plain(saved["own"], self.source.origin)
        return saved

    def load(self, state: dict[str, Any]) -> str | None:
        """See `Split.load`."""
        self._iterator, self._first, self._saved = None, _END, state
        if state["own"] is not None and self.source.stateful is not None:
            return None
        if not state["taken"]:
            return None
        return (
            f"note: {self.source.origin} cannot say where it stood (it has no `state_dict`, as torchdata's "
            f"StatefulDataLoader does): its first {state['taken']} batches are read again and dropped. The result is "
            "equal to the bit only if they come in the same order as before"
        )

    def _resumed(self, epoch: int) -> Iterator[Any]:
        """The iterator where it stood when the state was saved. What making it draws was drawn before that, too."""
        saved, self._saved = self._saved, None
        assert saved is not None
        own, source = saved["own"], self.source
        stateful = None if own is None else source.stateful
        if stateful is not None:
            with source.reading(saved["taken"]):
                stateful.load_state_dict(own)
        if not saved["taken"]:
            if stateful is not None and source.generators:
                now = get_random_state(self._device)
                source.begin(epoch)  # torchdata's loader ends the old epoch so, and then draws from where that began
                set_random_state(now, self._device)
            source.set_generators(saved["now"])
            return self._begun(epoch)
        now = get_random_state(self._device)
        set_random_state(saved["random"], self._device)
        source.set_generators(saved["generators"])
        iterator = self._begun(epoch)
        if stateful is None:
            for number in range(saved["taken"]):
                if source.next(iterator, number) is _END:
                    raise ResourceError(
                        f"{source.origin} ends after {number} batches, but the run has read {saved['taken']} of it"
                    )
        else:
            source.set_generators(saved["now"])  # what the workers' seeds were drawn from, too
        self._taken = saved["taken"]
        set_random_state(now, self._device)
        return iterator


def _check_plain(value: Any, origin: str, at: str = "") -> None:
    """Require values that a checkpoint is read with and no code is run for."""
    match value:
        case None | bool() | int() | float() | str() | bytes() | Tensor():
            return
        case dict():
            for key, part in cast("dict[Any, Any]", value).items():
                _check_plain(part, origin, f"{at}[{key!r}]")
        case list() | tuple():
            for number, part in enumerate(cast("Sequence[Any]", value)):
                _check_plain(part, origin, f"{at}[{number}]")
        case _:
            raise UsageError(
                f"`state_dict()` of {origin} holds a `{type(value).__name__}` at `{at or 'itself'}`; a checkpoint "
                "keeps numbers, texts, tensors, lists and dicts of them"
            )
