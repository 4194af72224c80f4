"""What a module did when it ran: calls of modules and functions, and the values that passed between them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

from torch import nn

from netspec.diagnostics import Code, NetspecError


class NotCaptured(NetspecError):
    """The module does something that a spec cannot say; the message names each such place in the user's source."""

    code: Code = "not-importable"

    def __init__(
        self,
        told: str,
        refused: Sequence[RefusedCall] = (),
        mend: str = "",
        lacking: Sequence[str] = (),
        variant: str | None = None,
    ) -> None:
        super().__init__(f"{told}\n{mend}" if mend else told)
        self.told = told
        """What is wrong, without `mend`."""
        self.mend = mend
        """What to do about it, where a command does."""
        self.refused = tuple(refused)
        """What has no form, where calls of modules have it: each could be a layer of somebody's own."""
        self.lacking = tuple(lacking)
        """The names of the classes of which `--write-plugin` makes layers."""
        self.variant = variant
        """Of which member of a family this is said."""

    def mended(self, mend: str) -> NotCaptured:
        """The same with something else to do about it."""
        return NotCaptured(self.told, self.refused, mend, self.lacking, self.variant)

    def of_member(self, variant: str, advice: str) -> NotCaptured:
        """The same, said of a member of a family that cannot be a variant."""
        told = f"`{variant}` cannot be a variant of this file: {self.told}{advice}"
        return NotCaptured(told, self.refused, self.mend, self.lacking, variant)


NUMBERS_READ: Final = (
    "`{}` reads the numbers in a tensor, and the program may go on as they say, where a spec is one network for all "
    "inputs: leave numbers in tensors, and decide by arguments or attributes that are none"
)


class Place:
    """A line of the user's source."""

    __slots__ = ("code", "file", "line")

    def __init__(self, file: str, line: int, code: str | None = None) -> None:
        self.file = file
        self.line = line
        self.code = code
        """What stands there, where the file is not to be looked at: only a name that a document gives."""

    def __str__(self) -> str:
        """As a person would name it from here."""
        path, here = Path(self.file), Path.cwd()
        return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{self.line}"


STANDS_AT: ContextVar[Place | None] = ContextVar("STANDS_AT", default=None)
"""Where what runs now stands, if a file tells it and no frame has it: a node, or a line of the program behind it."""


@contextmanager
def standing_at(place: Place | None) -> Generator[None]:
    """What is called in here stands at this place; at the innermost line of the program if it is None."""
    token = STANDS_AT.set(place)
    try:
        yield
    finally:
        STANDS_AT.reset(token)


@dataclass(eq=False, slots=True)
class Traced:
    """A tensor: an input, a parameter, a buffer, numbers, or what a call gave."""

    kind: Literal["input", "parameter", "buffer", "numbers", "made"]
    shape: tuple[int, ...]
    dtype: str
    key: str = ""
    """Of a parameter or a buffer, its key in the `state_dict`; of an input, its name."""
    maker: TracedCall | None = field(default=None, repr=False)  # whose arguments have makers, and so on
    tensor: Any = None
    """Of numbers, the tensor itself."""
    varies: bool = False
    """Whether it depends on an input."""


@dataclass(eq=False, slots=True)
class TracedCall:
    """A function or a layer that was called."""

    function: Callable[..., Any] | None
    """None for a layer."""
    layer: nn.Module | None
    path: str
    """Of a layer, its path in the module."""
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    place: Place | None
    results: list[Traced] = field(default_factory=list[Traced])
    result: Any = None
    """As it was given: a value, or values in tuples."""
    constants: list[Any] = field(default_factory=list[Any])
    """The tensors that it gave, where no input decides them; None of a large one."""
    region: Region | None = None
    training: bool = False
    """Of a layer, its mode when it was called."""

    @property
    def name(self) -> str:
        """The function's name, that of the property, or the layer's class."""
        if self.layer is not None:
            return type(self.layer).__name__
        name = str(getattr(self.function, "__name__", self.function))
        of = getattr(self.function, "__self__", None) if name == "__get__" else None  # `x.T`
        return str(getattr(of, "__name__", name))

    def reads(self) -> Iterator[Traced]:
        """The values among its arguments."""
        yield from values_in((self.args, self.kwargs))


@dataclass(eq=False, slots=True)
class Region:
    """A call of a module that is no layer: what was called inside of it, in order."""

    module: nn.Module
    path: str
    inputs: list[Traced]
    place: Place | None
    parent: Region | None
    names: dict[Traced, str] = field(default_factory=dict["Traced", str])
    """What its `forward` calls the tensors that it is given."""
    steps: list[TracedCall | Region] = field(default_factory=list["TracedCall | Region"])
    result: Any = None

    @property
    def outputs(self) -> list[Traced]:
        """The values that it gave."""
        return list(values_in(self.result))


class RefusedCall(NamedTuple):
    """What a spec cannot say."""

    place: Place | None
    why: str
    region: Region
    """The innermost module that does it."""
    is_beyond: bool = False
    """Whether no layer of somebody's own can say it: see `beyond_layers`."""


class Modes(NamedTuple):
    """What a module's own `train` and `eval` leave as they are."""

    steady: frozenset[nn.Module]
    """Parts that stay in eval mode while the module trains."""
    always: frozenset[nn.Module]
    """Parts that stay in training mode in eval mode."""
    frozen: frozenset[str]
    """The keys of the parameters that require no gradient while the module trains."""

    def expects(self, part: nn.Module, *, training: bool) -> bool:
        """Whether a part is in training mode while the module is in this one."""
        return part not in self.steady if training else part in self.always


class NumbersRead(NamedTuple):
    """A look of the program at the numbers of a tensor."""

    refused: RefusedCall
    """That it looks, and by which function."""
    answer: bool | None
    """The truth value that it was told; None of other numbers."""


@dataclass(eq=False, slots=True)
class Trace:
    """One run of a module."""

    root: Region
    inputs: list[Traced]
    batch: int
    training: bool
    modes: Modes
    names: tuple[tuple[str, int | None], ...] = ()
    """Of its outputs, where the module gives them names: in a dict, or in a named tuple; and of how many there."""
    heads: dict[Traced, int] = field(default_factory=dict["Traced", int])
    """Of the outputs that the module gives only while it trains, which of its outputs they are."""
    order: tuple[int, ...] = ()
    """Of a network with heads, which of the module's outputs its own is, and those of the heads as they stand in it."""
    read: list[NumbersRead] = field(default_factory=list["NumbersRead"])
    """Where the program looked at the numbers of a tensor that an input decides."""


def values_in(tree: Any) -> Iterator[Traced]:
    """The values in nested tuples, lists and mappings."""
    if isinstance(tree, Traced):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for item in tree:  # pyright: ignore[reportUnknownVariableType]  # a program's own arguments
            yield from values_in(item)
    elif isinstance(tree, dict):
        for item in tree.values():  # pyright: ignore[reportUnknownVariableType]  # as above
            yield from values_in(item)
    elif isinstance(tree, slice):
        ends = cast("slice[Any, Any, Any]", tree)
        yield from values_in((ends.start, ends.stop, ends.step))


def with_tensors(tree: Any, given: Mapping[Traced, Any]) -> Any:
    """The arguments of a call, with tensors in the places of values."""
    if isinstance(tree, Traced):
        return given[tree]
    if isinstance(tree, tuple):
        return tuple(with_tensors(item, given) for item in cast("tuple[Any, ...]", tree))
    if isinstance(tree, dict):
        return {key: with_tensors(item, given) for key, item in cast("dict[str, Any]", tree).items()}
    if isinstance(tree, slice):
        ends = cast("slice[Any, Any, Any]", tree)
        return slice(with_tensors(ends.start, given), with_tensors(ends.stop, given), with_tensors(ends.step, given))
    return tree


def calls_in(region: Region) -> Iterator[TracedCall]:
    """The calls in a region, in order."""
    for step in region.steps:
        if isinstance(step, Region):
            yield from calls_in(step)
        else:
            yield step


def without_unused(trace: Trace) -> None:
    """Take away the calls whose results reach no output, and the regions that are empty then."""
    wanted = _reaching(trace, trace.root.outputs)
    _prune(trace.root, wanted)


def without_idle(trace: Trace) -> None:
    """As `without_unused`, but what has weights that nothing else has stays, with all that it reads: they are the
    network's, too."""
    wanted = _reaching(trace, trace.root.outputs)
    calls = list(calls_in(trace.root))
    used = {key for call in calls if _is_wanted(call, wanted) for key in _weights(call)}
    for call in calls:
        if not _is_wanted(call, wanted) and call.results and not used.issuperset(_weights(call)):
            used.update(_weights(call))
            wanted |= _reaching(trace, call.results)
    _prune(trace.root, wanted)


def _weights(call: TracedCall) -> Iterator[str]:
    """The keys of the parameters that a call computes with itself."""
    if call.layer is not None:
        yield from (f"{call.path}.{name}".lstrip(".") for name, _ in call.layer.named_parameters())
    yield from (value.key for value in call.reads() if value.kind == "parameter")


def _reaching(trace: Trace, values: Iterable[Traced]) -> set[int]:
    """The identities of values, and of all that they are made of."""
    wanted = {id(value) for value in values}
    for call in reversed(list(calls_in(trace.root))):
        if _is_wanted(call, wanted):
            wanted.update(id(value) for value in call.reads())
    return wanted


def _is_wanted(call: TracedCall, wanted: Collection[int]) -> bool:
    return any(id(value) in wanted for value in call.results)


def _prune(region: Region, wanted: Collection[int]) -> None:
    kept: list[TracedCall | Region] = []
    for step in region.steps:
        if isinstance(step, Region):
            _prune(step, wanted)
            if step.steps:
                kept.append(step)
        elif _is_wanted(step, wanted):
            kept.append(step)
    region.steps[:] = kept
