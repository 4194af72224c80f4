"""Sizes are `int` or `Dim`, and a rule states what it requires with `need`.

A rule is written once, over `+ - * //`, `minimum`, `maximum`, comparisons and `same`, and serves numbers, symbols and
unknown sizes. It never says `if n < k: raise ...`; it says `need(n >= k, lambda: "...")`. With numbers a comparison
is a `bool`; with symbols it is a `Condition`, which is decided or becomes a precondition of the net; with `UNKNOWN`
(the size of an axis whose layer was already reported) it is silent.

`==` between sizes is plain structural equality and always a `bool`, so that shapes can be compared, hashed and put
into sets; a rule that requires two sizes to be equal says `need(same(a, b), ...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, NamedTuple

from netspec.diagnostics import Code, Severity, Span


class Condition:
    """What a comparison gives when one of the sizes is a `Dim`. It has no truth value: give it to `need`."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise TypeError("a comparison of symbolic sizes has no truth value; state it with need(...)")

    @property
    def decided(self) -> bool | None:
        """True or False where the condition holds always or never; None where it depends on the symbols."""
        return None


class Dim:
    """A size that is no plain number: a formula of symbols (`symbols/`), or `UNKNOWN`.

    Subclasses implement the arithmetic; every operation with an `int` on either side gives an `int` or a `Dim`, every
    comparison a `bool` or a `Condition`. A formula that would grow too long raises `Unmet`.
    """

    __slots__ = ()

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols in it."""
        return frozenset()

    def __add__(self, other: Size) -> Size:
        raise TypeError

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __add__

    def __neg__(self) -> Size:
        return 0 - self

    def __lt__(self, other: Size) -> bool | Condition:
        raise TypeError

    __le__ = __gt__ = __ge__ = __lt__

    def same(self, other: Size) -> bool | Condition:
        """The condition that this size equals the other."""
        raise TypeError

    def smaller(self, other: Size) -> Size:
        """The smaller of the two."""
        raise TypeError

    def larger(self, other: Size) -> Size:
        """The larger of the two."""
        raise TypeError


Size = int | Dim
Shape = tuple[Size, ...]


class _Silent(Condition):
    """A comparison with an unknown size: nothing is known, so nothing is reported."""

    __slots__ = ()

    @property
    def decided(self) -> bool | None:
        return True


_SILENT: Final = _Silent()


class _Unknown(Dim):
    """The size of an axis that could not be computed. Arithmetic with it stays unknown."""

    __slots__ = ()

    def __add__(self, other: Size) -> Size:
        return self

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __add__
    smaller = larger = __add__

    def __neg__(self) -> Size:
        return self

    def __lt__(self, other: Size) -> bool | Condition:
        return _SILENT

    __le__ = __gt__ = __ge__ = same = __lt__

    def __repr__(self) -> str:
        return "?"


UNKNOWN: Final = _Unknown()


def same(a: Size, b: Size) -> bool | Condition:
    """The condition that two sizes are equal; a `bool` when both are numbers."""
    if isinstance(a, Dim):
        return a.same(b)
    if isinstance(b, Dim):
        return b.same(a)
    return a == b


def minimum(a: Size, b: Size) -> Size:
    """The smaller of two sizes (the builtin `min` would ask a symbolic comparison for its truth)."""
    if isinstance(a, Dim):
        return a.smaller(b)
    if isinstance(b, Dim):
        return b.smaller(a)
    return a if a <= b else b


def maximum(a: Size, b: Size) -> Size:
    """The larger of two sizes."""
    if isinstance(a, Dim):
        return a.larger(b)
    if isinstance(b, Dim):
        return b.larger(a)
    return a if a >= b else b


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes; 1 for none."""
    result: Size = 1
    for size in sizes:
        result = result * size
    return result


def counted(count: Callable[[], Size]) -> Size:
    """A count of parameters or operations; unknown where its formula grows too long, which is no fault of the net."""
    try:
        return count()
    except Unmet:
        return UNKNOWN


def is_known(shape: Shape) -> bool:
    """True if no axis of the shape is `UNKNOWN` (symbols count as known)."""
    return all(size is not UNKNOWN for size in shape)


def is_concrete(shape: Shape) -> bool:
    """True if every axis is a plain number."""
    return all(isinstance(size, int) for size in shape)


Axis = int | Literal["every"]
"""An axis of the input, or all of them."""


class Problem(NamedTuple):
    """A requirement that does not hold.

    `axis` is the axis of the input that it is about, "every" its whole shape. The message of such a problem holds
    `{given}`: whoever reports it puts there which layer gave that size, the size, and how it came about, as in
    "`Flatten` (line 17) gives 6400 = 256 × 5 × 5". `at` names the argument at fault, if one is; `value` is what that
    argument should have been, where exactly one value would do.
    """

    message: str
    code: Code = "shape-mismatch"
    at: str | None = None
    axis: Axis | None = None
    value: object = None
    help: str | None = None
    severity: Severity = "error"


class Requirement(NamedTuple):
    """Something that the symbols of a net's input must satisfy."""

    condition: Condition
    layer: str
    """The name of the layer, or of the combinator, that asks for it."""
    span: Span
    """Where that stands."""
    problem: Problem
    """What it would be if the condition did not hold, `{given}` filled in."""

    @property
    def source(self) -> str:
        """ "`Conv2d` (line 3)": who asks for it."""
        return f"`{self.layer}` (line {self.span.line})"

    @property
    def sentence(self) -> str:
        """ "`Conv2d` (line 3): …": who asks for what."""
        return f"{self.source}: {self.problem.message}"


class Unmet(Exception):  # the outcome of a rule, always caught: no error of the program
    """A requirement without which the layer has no output. Raised by `need`, caught where the rule is called."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Findings:
    """What the rules called inside `collecting()` found: mistakes survived, and conditions on the symbols."""

    __slots__ = ("conditions", "problems")

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.conditions: list[tuple[Condition, Problem]] = []


_findings: ContextVar[Findings | None] = ContextVar("netspec_findings", default=None)


@contextmanager
def collecting(findings: Findings) -> Generator[Findings]:
    """Let `expect` and symbolic requirements of the rules called inside go to `findings`."""
    token = _findings.set(findings)
    try:
        yield findings
    finally:
        _findings.reset(token)


def need(
    condition: bool | Condition,
    message: Callable[[], str],
    *,
    code: Code = "shape-mismatch",
    at: str | None = None,
    axis: Axis | None = None,
    value: object = None,
    help: str | None = None,
) -> None:
    """State a requirement without which there is no output shape.

    The message is a function, so that its text is made only when it is shown; for the keywords see `Problem`.

    Raises:
        Unmet: the condition is false. A symbolic condition that is neither true nor false is recorded instead.
    """
    if condition is True:
        return
    _unmet(condition, Problem(message(), code, at, axis, value, help), fatal=True)


def expect(
    condition: bool | Condition,
    message: Callable[[], str],
    *,
    code: Code = "width-mismatch",
    at: str | None = None,
    axis: Axis | None = None,
    value: object = None,
    help: str | None = None,
) -> None:
    """State a requirement whose breach is a mistake but leaves the output shape known: a stated `in_features` that
    does not match. Recorded, never raised, so that what follows is still checked."""
    if condition is True:
        return
    _unmet(condition, Problem(message(), code, at, axis, value, help), fatal=False)


def warn(
    condition: bool | Condition,
    message: Callable[[], str],
    *,
    code: Code,
    at: str | None = None,
    axis: Axis | None = None,
    help: str | None = None,
) -> None:
    """State something that had better hold: its breach is a warning."""
    if condition is True or (isinstance(condition, Condition) and condition.decided is not False):
        return
    findings = _findings.get()
    if findings is not None:
        findings.problems.append(Problem(message(), code, at, axis, None, help, "warning"))


def _unmet(condition: bool | Condition, problem: Problem, *, fatal: bool) -> None:
    findings = _findings.get()
    if isinstance(condition, Condition):
        if condition.decided is True:
            return
        if condition.decided is None:
            if findings is not None:
                findings.conditions.append((condition, problem))
            return
    if fatal or findings is None:
        raise Unmet(problem)
    findings.problems.append(problem)
