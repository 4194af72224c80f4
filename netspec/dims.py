"""Sizes are `int` or `Dim`; a layer's rule states its requirements on them with `need`.

A rule is written once, with `+ - * //`, `minimum`, `maximum`, comparisons and `same`, and works for numbers, symbols
and unknown sizes. In place of `if n < k: raise ...`, it calls `need(n >= k, lambda: "...")`. For numbers, a comparison
is a `bool`; for symbols it is a `Condition`, which is decided or becomes a requirement of the net; with `UNKNOWN`
(the size of an axis whose layer was already reported) it always passes.

`==` between sizes is structural equality and always a `bool`, so that shapes can be compared, hashed and put into sets.
A rule that requires two sizes to be equal calls `need(same(a, b), ...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, NamedTuple

from netspec.diagnostics import Code, Severity, Span


class Condition:
    """The result of a comparison if one of the sizes is a `Dim`. It has no truth value: pass it to `need`."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise TypeError("a comparison of symbolic sizes has no truth value; state it with need(...)")

    @property
    def decided(self) -> bool | None:
        """True if the condition always holds, False if it never does, None if it depends on the symbols."""
        return None


class Dim:
    """A size that is not a number: a formula of symbols (`symbols/`), or `UNKNOWN`.

    Subclasses implement the arithmetic. An operation with a `Dim` or an `int` on either side returns an `int` or a
    `Dim`, a comparison a `bool` or a `Condition`.

    Raises:
        Unmet: the result is a formula that exceeds the limits (`symbols.FormulaTooLong`).

    >>> net = netspec.loads("{input: [3, H, W], layers: [AvgPool2d: 2]}")
    >>> [str(size) for size in net.output_shape]
    ['3', 'H//2', 'W//2']
    >>> isinstance(net.output_shape[1], netspec.Dim)
    True
    """

    __slots__ = ()

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols in the size."""
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
    """A comparison with an unknown size: it passes, since the cause is already reported."""

    __slots__ = ()

    @property
    def decided(self) -> bool | None:
        return True


_SILENT: Final = _Silent()


class _Unknown(Dim):
    """The size of an axis that could not be computed. Arithmetic with it returns it again."""

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
    """The smaller of two sizes. (The builtin `min` needs the truth value of a comparison, which symbols lack.)"""
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
    """The result of `count`, a number of parameters or operations; `UNKNOWN` if its formula exceeds the limits.

    A formula that is too long for a total is no mistake in the net, so it is not reported.
    """
    try:
        return count()
    except Unmet:
        return UNKNOWN


def is_known(shape: Shape) -> bool:
    """True if no axis of the shape is `UNKNOWN` (symbols count as known)."""
    return all(size is not UNKNOWN for size in shape)


Axis = int | Literal["every"]
"""An axis of the input, or all of them."""


class Problem(NamedTuple):
    """A requirement that does not hold.

    Args:
        message: what is wrong. If `axis` is given, it contains `{given}`, which the elaborator replaces by the origin
            of that size: "`Flatten` (line 17) gives 6400 = 256 × 5 × 5".
        code: the diagnostic's code.
        at: the argument at fault, if one is.
        axis: the axis of the input that the requirement is about, "every" for its whole shape.
        value: what the argument `at` should have been, if exactly one value is right.
        help: what to do.
        severity: of the finding.
    """

    message: str
    code: Code = "shape-mismatch"
    at: str | None = None
    axis: Axis | None = None
    value: object = None
    help: str | None = None
    severity: Severity = "error"


class Requirement(NamedTuple):
    """A condition on the symbols of a net's input."""

    condition: Condition
    layer: str
    """The name of the layer or combinator that requires it."""
    span: Span
    """The place of that layer or combinator."""
    problem: Problem
    """The problem if the condition does not hold, with `{given}` replaced."""

    @property
    def source(self) -> str:
        """The layer that requires it and its line: "`Conv2d` (line 3)"."""
        return f"`{self.layer}` (line {self.span.line})"

    @property
    def sentence(self) -> str:
        """The layer and the message: "`Conv2d` (line 3): …"."""
        return f"{self.source}: {self.problem.message}"


class Unmet(Exception):  # not named Error: it is control flow, caught where the rule is called
    """A requirement does not hold, and without it the layer has no output shape. Raised by `need`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Findings:
    """Collected by the rules called inside `collecting()`: non-fatal problems, and conditions on the symbols."""

    __slots__ = ("conditions", "problems")

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.conditions: list[tuple[Condition, Problem]] = []


_findings: ContextVar[Findings | None] = ContextVar("netspec_findings", default=None)


@contextmanager
def collecting(findings: Findings) -> Generator[Findings]:
    """Collect in `findings` what rules called inside the `with` block record with `expect`, `warn` and `need`."""
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
    """State a requirement without which the layer has no output shape.

    The message is a function, so that its text is only made if it is needed; for the keywords see `Problem`. A
    symbolic condition that is neither always true nor always false is recorded for `collecting`.

    Raises:
        Unmet: the condition is false.
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
    """State a requirement that the output shape does not depend on, such as that a given `in_features` matches.

    A false condition is recorded as an error for `collecting` and not raised, so that the layers after it are still
    checked.

    Raises:
        Unmet: the condition is false, and nothing collects.
    """
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
    """State a recommendation: a condition that is false is recorded as a warning."""
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
