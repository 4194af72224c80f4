"""The data that a program gives: which form they have, and parts made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from netspec.diagnostics import ResourceError, UsageError
from netspec.recipe.base import DataSet
from netspec.recipe.resolved import Recipe
from netspec.recipe.terms import LossTerms
from netspec.trainer.data.fingerprint import hash_of_tensors
from netspec.trainer.data.items import Examples, Items
from netspec.trainer.data.ordered import BatchSource, Ordered
from netspec.trainer.data.pairs import PairLayout
from netspec.trainer.data.parts import Part, Parts, Request
from netspec.trainer.data.splits import Batch, Split
from netspec.trainer.data.supplied import GivenData, kind_of_data, length_of
from netspec.trainer.machine.random_state import get_random_state, set_random_state
from netspec.trainer.machine.values import each


def read(data: DataSet, request: Request) -> Parts:
    """The parts that a program gives, or a plugin's function.

    Raises:
        UsageError: none are given, or one has a form that does not go with the recipe.
        ResourceError: a part is empty, or its examples are none.
    """
    given = request.given
    if given is None:
        raise UsageError(
            "the recipe says `data: given`: a program gives them, as `netspec.train(net, data=…)`; there are none here"
        )
    free = any(item.loss.given for item in request.recipe.losses)
    layout = PairLayout(request.inputs, LossTerms(request.terms, request.fields), free=free)
    parts = {name: _PartMaker(name, value, given, request, layout).part() for name, value in given.parts.items()}
    tensors = {name: part for name, part in parts.items() if part.stream is None}
    told = given.told

    def found() -> str:
        whole = hash_of_tensors(
            (f"{name} {number}", tensor)
            for name, part in tensors.items()
            for number, tensor in enumerate((cast(Tensor, part.x), *part.inputs, part.y, *part.targets))
        )
        described = {name: text for name, text in told.items() if name not in tensors}
        return sha256(repr((whole, sorted(described.items()), given.batches_per_epoch)).encode()).hexdigest()

    return Parts(parts["train"], parts.get("test"), parts.get("validation"), hash=found, form=layout.form)


@dataclass(frozen=True)
class GivenStream:
    """Examples that are read while a run goes on."""

    layout: PairLayout
    origin: str
    examples: Examples | None
    """Examples one by one; or"""
    ordered: Ordered | None
    """batches in an order of their own."""
    count: int
    """The examples that an order can be drawn of."""
    workers: int = 0
    """Processes that read examples, where nobody says how many."""

    def split(self, name: str, rows: Tensor, pipeline: Any, device: torch.device, workers: int | None) -> Split:
        """The part as batches come out of it."""
        if self.ordered is not None:
            self.ordered.pipeline = pipeline
            return self.ordered
        assert self.examples is not None
        count = self.workers if workers is None else workers
        return Items(name, rows, self.examples, self.layout, self.origin, pipeline, device, count)


class _PartMaker:
    """Makes a part of what a program gives for it."""

    def __init__(self, name: str, value: Any, given: GivenData, request: Request, layout: PairLayout) -> None:
        self.name, self.value, self.given, self.request, self.layout = name, value, given, request, layout
        self.recipe: Recipe = request.recipe
        self.where = f"`{given.name}`" if set(given.parts) == {"train"} else f"`{given.name}[{name!r}]`"
        self.origin = f"{self.where} ({kind_of_data(value)})"

    def part(self) -> Part:
        """The part.

        Raises:
            UsageError: the program gives something else, or what the recipe does not go with.
            ResourceError: there are no examples, or they are none.
        """
        value = self.value
        if type(value) is TensorDataset:
            return self._tensors(_of_dataset(value, len(self.request.inputs)))
        if _is(value, Tensor) or (_is(value, tuple) and len(value) == 2):
            return self._tensors(value)
        if _is(value, DataLoader):
            return self._ordered(_of_loader(value, self.origin))
        if _is(value, IterableDataset):
            return self._ordered(self._iterable_dataset(value))
        if _is(value, str, bytes, Mapping) or not (hasattr(value, "__getitem__") or _is(value, Iterable)):
            raise UsageError(
                f"{self.where} is a `{type(value).__name__}`, of which no examples come: give a pair of tensors "
                "`(x, y)`, a torch Dataset, a DataLoader, or an iterable of batches"
            )
        if hasattr(value, "__getitem__"):
            return self._examples(value)
        return self._ordered(BatchSource(
            value, self.origin, length=length_of(value), examples=None, stateful=_with_state(value)
        ))  # fmt: skip

    # ---- tensors

    def _tensors(self, pair: Any) -> Part:
        batch = self.layout.taken(pair, self.origin)
        x, y = each(batch.x), each(batch.y)
        count = len(x[0]) if x[0].ndim else 0
        for word, tensors in (("inputs", x[1:]), ("targets", y)):
            for tensor in tensors:
                if not tensor.ndim or len(tensor) != count:
                    there = len(tensor) if tensor.ndim else "no axis of"
                    raise ResourceError(f"{self.origin} has {count} examples, but {there} {word}")
        self._need_examples(count)
        for tensor in x:
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                first = int((~tensor.isfinite().reshape(count, -1).all(1)).nonzero()[0])
                raise ResourceError(f"example {first} of {self.origin} has a value that is not finite; leave it out")
        return self._made(Batch(batch.x, batch.y), None)

    # ---- examples one by one

    def _examples(self, value: Any) -> Part:
        count = length_of(value)
        if count is None:
            raise UsageError(
                f"{self.origin} has no length: define `__len__`, the number of its examples, so that an epoch has an "
                "end and an order; or derive it from torch's IterableDataset and say `batches_per_epoch=…`"
            )
        self._need_examples(count)
        items = Items("", torch.arange(count), value, self.layout, self.origin, None, torch.device("cpu"), 0)
        state = get_random_state(torch.device("cpu"))
        sample = items.sample()
        set_random_state(state, torch.device("cpu"))
        return self._made(sample, GivenStream(self.layout, self.origin, value, None, count))

    # ---- batches in an order of their own

    def _iterable_dataset(self, value: IterableDataset[Any]) -> BatchSource:
        size = self.recipe.batch_size
        drops = self.recipe.drop_last and self.name == "train" and not self.given.measured
        loader: Any = DataLoader(value, batch_size=size, num_workers=self.request.workers or 0, drop_last=drops)
        count = length_of(value)
        stateful = None if self.request.workers else _with_state(value)
        length = None if count is None else count // size if drops else -(-count // size)
        return BatchSource(loader, self.origin, length=length, examples=count, stateful=stateful)

    def _ordered(self, source: BatchSource) -> Part:
        training, epoch = self.name == "train" and not self.given.measured, self.given.batches_per_epoch
        if source.length == 0:
            self._need_examples(0)
        if training:
            self._check_order(source)
            if (epoch := epoch or source.length) is None:
                raise UsageError(
                    f"{self.origin} has no length, so an epoch has no end: say how many batches one has, as in "
                    f"`netspec.train(net, data=…, batches_per_epoch=100)`, or define `__len__`"
                )
        elif source.once:
            raise UsageError(
                f"{self.origin} can be read once, but {self.name} data are read after every epoch: give a list, or "
                "an object whose `__iter__` begins anew"
            )
        goes_on = training and self.given.batches_per_epoch is not None
        split = Ordered(
            self.name, source, self.layout, self.request.device, epoch if training else None, goes_on=goes_on
        )
        sample = split.sample(keep=training and not self.given.resumed)
        return self._made(sample, GivenStream(self.layout, self.origin, None, split, 0))

    def _check_order(self, source: BatchSource) -> None:
        """What needs an order that netspec draws, or the number of examples.

        Raises:
            UsageError: the recipe or the processes ask for one.
        """
        recipe, instead = self.recipe, "give a map-style Dataset, which has a length and items by number"
        if self.request.processes > 1:
            raise UsageError(f"{self.request.processes} processes share each batch, but {self.origin} has an order of "
                             f"its own; {instead}")  # fmt: skip
        if recipe.accumulate > 1:
            raise UsageError(
                f"`accumulate: {recipe.accumulate}` weighs batches by the examples of a step, which {self.origin} does "
                f"not say; {instead}, or larger batches"
            )
        if recipe.validation > 0:
            raise UsageError(
                f"`validation: {recipe.validation}` holds out a share of the examples, but {self.origin} has an order "
                "of its own; give `data={'train': …, 'validation': …}` and leave the share out"
            )
        if recipe.drop_last and not getattr(source.batches, "drop_last", False):
            raise UsageError(
                f"`drop_last: true` leaves out a smaller last batch, but {self.origin} makes its batches itself; give "
                "a DataLoader with `drop_last=True`, or leave `drop_last` out of the recipe"
            )
        size = getattr(source.batches, "batch_size", None)
        if size is not None and size != recipe.batch_size:
            raise UsageError(
                f"{self.origin} gives batches of {size}, but the recipe says `batch_size: {recipe.batch_size}`; make "
                f"them the same, for example with `netspec.load(…, set={{'train.batch_size': {size}}})`"
            )

    # ---- parts

    def _made(self, sample: Batch, stream: GivenStream | None) -> Part:
        x, y = each(sample.x), each(sample.y)
        first = y[0] if y else torch.empty(len(x[0]), 0)
        self._check_maps(y)
        return Part(
            x[0], first, tuple(x[0].shape[1:]), self.origin, inputs=x[1:], targets=y[1:], stream=stream,
        )  # fmt: skip

    def _need_examples(self, count: int) -> None:
        if not count:
            raise ResourceError(
                f"{self.origin} has no {self.name} examples: its length is 0, and at least 1 is needed; see what its "
                "files or filters leave"
            )

    def _check_maps(self, y: Sequence[Tensor]) -> None:
        """What moves images cannot move the targets of a loss that is not known."""
        moving = [step.name() for step in self.recipe.augment if step.moves]
        if not (self.layout.free and moving):
            return
        for target in y:
            if target.ndim > 2:
                raise UsageError(
                    f"`augment` moves the images by `{moving[0]}`, but the targets of {self.origin} are maps, which "
                    "cannot follow for a loss that the program gives; augment both in the Dataset"
                )


def _of_dataset(value: TensorDataset, inputs: int) -> Any:
    tensors = value.tensors
    if len(tensors) <= inputs:
        return tensors[0] if len(tensors) == 1 else (tensors, None)
    return (tensors[:inputs], tensors[inputs:] if len(tensors) > inputs + 1 else tensors[inputs])


def _is(value: object, *kinds: type) -> bool:
    """`isinstance`, without what a type checker would conclude for a program's own classes."""
    return isinstance(value, kinds)


def _of_loader(loader: Any, origin: str) -> BatchSource:
    dataset: Any = loader.dataset
    iterable = isinstance(dataset, IterableDataset)
    length = length_of(loader)
    examples = None
    if not iterable and length is not None and loader.batch_size is not None:
        examples = length * loader.batch_size if loader.drop_last else length_of(loader.sampler)
    if length == 0:
        count = "0" if iterable else str(length_of(dataset))
        dropped = f", and `drop_last` drops the last {count}" if loader.drop_last and count != "0" else ""
        raise ResourceError(f"{origin} gives no batches: its Dataset has {count} examples{dropped}")
    sampler: Any = loader.sampler
    inner: Any = getattr(loader.batch_sampler, "sampler", None)
    owners = [loader, sampler, inner]
    generators = {id(g): g for o in owners if isinstance(g := getattr(o, "generator", None), torch.Generator)}
    samplers = {id(o): o for o in owners[1:] if callable(getattr(o, "set_epoch", None))}
    return BatchSource(
        loader, origin, length=length, examples=examples, stateful=_with_state(loader),
        generators=tuple(generators.values()), samplers=tuple(samplers.values()),
    )  # fmt: skip


def _with_state(value: Any) -> Any:
    """The object itself if it can say how far it is."""
    found = [getattr(value, name, None) for name in ("state_dict", "load_state_dict")]
    return value if all(callable(method) for method in found) else None
