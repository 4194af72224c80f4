"""The code of a plugin's class, called so that whatever it does becomes one error with a place in its file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, Final, TypeVar, cast, get_args

from netspec.arguments import Arguments
from netspec.dims import Dim, Findings, Problem, Shape, Unmet, collecting
from netspec.layers.base import DType, Layer, Saved, TensorType, TorchCall

T = TypeVar("T")

LINES: Final = 1_000_000
"""How many lines of Python one method may run: half a second, thousands of times what a rule needs."""


class Fault(Exception):
    """The code of a layer raised, ran without end, or gave what it may not give. Its text says what and where."""


class _Endless(BaseException):
    """A method ran for too many lines. No `Exception`, which the method itself might catch."""


@contextmanager
def _limited() -> Generator[None]:
    """End what runs inside after `LINES` lines, counted by the hook that debuggers use: while one is at work, nothing
    is counted."""
    if sys.gettrace() is not None:
        yield
        return
    left = LINES

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Endless
        return count

    sys.settrace(count)
    try:
        yield
    finally:
        sys.settrace(None)


def asked(what: str, call: Callable[[], T], *classes: type[Arguments], others: bool = False) -> T:
    """The result of a call into the code of classes of plugins.

    Args:
        what: begins the sentence: "`output` of `Mine`".
        call: the call.
        classes: the classes.
        others: whether other code than theirs runs in it, whose errors are let through.

    Raises:
        Fault: it raised anything but `Unmet`, or ran without end.
    """
    try:
        with _limited():
            return call()
    except Unmet:
        raise
    except _Endless as error:
        raise Fault(
            f"{what} does not end: it was stopped after {LINES:,} lines of Python{_at(place(error, roots(classes)))}"
        ) from None
    except Exception as error:
        if others and place(error, roots(classes)) is None:
            raise
        raise Fault(f"{what} raised {told(error, roots(classes))}") from None


def roots(classes: Iterable[type[Arguments]]) -> frozenset[str]:
    """The outermost packages or modules of these classes."""
    return frozenset(cls.__module__.partition(".")[0] for cls in classes)


def told(error: BaseException, roots: frozenset[str]) -> str:
    """An exception and where it was raised: "ZeroDivisionError: division by zero (my_layers.py, line 12)"."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if text else ''}{text}{_at(place(error, roots))}"


def _at(place: str | None) -> str:
    return "" if place is None else f" ({place})"


def place(error: BaseException, roots: frozenset[str]) -> str | None:
    """File and line of the innermost frame of an exception that is a plugin's, or that is a person's own as it is
    neither netspec's nor installed; None if there is none.

    Args:
        error: the exception.
        roots: the outermost packages or modules of the plugins.
    """
    if isinstance(error, SyntaxError) and error.filename is not None:
        return written(error.filename, error.lineno or 1)
    found: str | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module in roots or not (module == "netspec" or _is_installed(frame.f_code.co_filename)):
            found = written(frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _is_installed(file: str) -> bool:
    """Whether a file belongs to Python or to an installed distribution."""
    path, standard = Path(file), Path(os.__file__).parent
    places = {"site-packages", "dist-packages"}  # pip's, and Debian's
    return file.startswith("<frozen") or path.is_relative_to(standard) or not places.isdisjoint(path.parts)


def written(file: str, line: int) -> str:
    """The file as a person would name it from here."""
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return f"{path}, line {line}"


# ---- one layer at one place of a net


def output_of(layer: Layer, x: TensorType) -> TensorType:
    """The output type of a layer for an input, once everything that netspec will ask of the layer there has been asked.

    So what reads the net later meets no surprise: no count, call or derivation fails that has not failed here.

    Raises:
        Unmet: the layer does not accept the input.
        Fault: its code is wrong.
    """
    y = _checked_output(layer, x)
    with collecting(Findings()):
        _ask_everything(layer, x, y)
    return y


def results_of(layer: Layer, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
    """As `output_of`, of a layer that is given further tensors or gives several results."""
    found: Any = method(layer, "results", x, others)
    if not isinstance(found, tuple) or not found:
        raise nonsense(layer, "results", cast("object", found), "a tuple with a `TensorType` for each result")
    results = tuple(_checked(layer, "results", y) for y in cast("tuple[object, ...]", found))
    with collecting(Findings()):
        _ask_everything(layer, x, results[0])
        if others:
            _check_macs(layer, "macs_of_all", x, others)
            _check_saved(layer, "saved_of_all", x, others, tuple(others))
    return results


def _checked_output(layer: Layer, x: TensorType) -> TensorType:
    return _checked(layer, "output", method(layer, "output", x))


def _checked(layer: Layer, name: str, y: object) -> TensorType:
    """What a rule gives for one result, if it is the type of a tensor."""
    if not isinstance(y, TensorType):
        raise nonsense(layer, name, y, "a `TensorType`")
    if not (is_shape(y.shape) and y.dtype in get_args(DType)):
        raise nonsense(layer, name, y, f"a tuple of sizes of at least 1, with one of {', '.join(get_args(DType))}")
    return y


def _ask_everything(layer: Layer, x: TensorType, y: TensorType) -> None:
    for name in ("parameters", "buffers"):
        tensors: object = _counted(layer, name, x)
        if tensors is not None and not _are_tensors(tensors):
            raise nonsense(layer, name, tensors, "a dict of names with shapes, of which each is a tuple of sizes")
    _check_macs(layer, "macs", x)
    _check_saved(layer, "saved", x)
    shares: object = _counted(layer, "shares", x)
    if shares is not None and not isinstance(shares, bool):
        raise nonsense(layer, "shares", shares, "true or false")
    for axis in range(len(y.shape)):
        derived: object = _counted(layer, "derivation", x, axis)
        if derived is not None and not isinstance(derived, str):
            raise nonsense(layer, "derivation", derived, "a text or None")
    for name in ("inferred", "arguments"):
        arguments: object = _counted(layer, name, x)
        if arguments is not None and not _are_arguments(arguments):
            raise nonsense(layer, name, arguments, "a dict of the constructor's arguments by name")
    call: object = _counted(layer, "call", x)
    if call is not None:
        _check_call(layer, call)


def call_of(part: Arguments) -> TorchCall:
    """What carries out a part of a recipe, by its `call`.

    Raises:
        Fault: it raised, ran without end, or gives something else.
    """
    call: object = method(part, "call")
    _check_call(part, call)
    return cast("TorchCall", call)


def _check_call(layer: Arguments, call: object) -> None:
    if not _is_call(call):
        raise nonsense(layer, "call", call, "a `TorchCall` with a class, its keyword arguments and its module")


def _check_macs(layer: Layer, name: str, *arguments: Any) -> None:
    macs: object = _counted(layer, name, *arguments)
    if macs is not None and not (isinstance(macs, Dim) or (type(macs) is int and macs >= 0)):
        raise nonsense(layer, name, macs, "an integer of at least 0")


def _check_saved(layer: Layer, name: str, *arguments: Any) -> None:
    saved: object = _counted(layer, name, *arguments)
    if saved is not None and not _is_saved(saved):
        raise nonsense(layer, name, saved, "a `Saved`: true or false for input and output, integers for the rest")


def method(layer: Arguments, name: str, *arguments: Any) -> Any:
    """What a method of a plugin's class gives.

    Raises:
        Fault: it raised, or ran without end.
    """
    return asked(f"`{name}` of `{type(layer).__name__}`", lambda: getattr(layer, name)(*arguments), type(layer))


def _counted(layer: Layer, name: str, *arguments: Any) -> Any:
    """What a method gives; None where a formula of symbols would be too long to count with."""
    try:
        return method(layer, name, *arguments)
    except Unmet as unmet:
        if isinstance(unmet, ArithmeticError):  # `FormulaTooLong`
            return None
        raise Fault(
            f"`{name}` of `{type(layer).__name__}` refuses an input that `output` takes: {unmet.problem.message}"
            f"{_defined(layer, name)}"
        ) from None


def nonsense(layer: Arguments, name: str, value: object, wanted: str) -> Fault:
    """What a method gives that it may not give, as a failure."""
    given = repr(value)
    given = given if len(given) <= 80 else f"{given[:77]}..."
    return Fault(f"`{name}` of `{type(layer).__name__}` gives {given}, not {wanted}{_defined(layer, name)}")


def _defined(layer: Arguments, name: str) -> str:
    code = getattr(getattr(type(layer), name), "__code__", None)
    return f" ({written(code.co_filename, code.co_firstlineno)})" if isinstance(code, CodeType) else ""


def _is_size(value: object, low: int = 1) -> bool:
    return isinstance(value, Dim) or (type(value) is int and value >= low)


def is_shape(value: object, low: int = 1) -> bool:
    """Whether something is a tuple of sizes."""
    return isinstance(value, tuple) and all(_is_size(size, low) for size in cast("Shape", value))


def _are_tensors(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    entries = cast("dict[object, object]", value).items()
    return all(isinstance(name, str) and is_shape(shape, 0) for name, shape in entries)


def _is_saved(value: object) -> bool:
    if not isinstance(value, Saved):
        return False
    parts: tuple[object, ...] = tuple(value)
    *sizes, others = parts[2:]
    named = isinstance(others, tuple) and all(isinstance(name, str) for name in cast("tuple[object, ...]", others))
    return named and all(isinstance(part, bool) for part in parts[:2]) and all(_is_size(part, 0) for part in sizes)


def _are_arguments(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    return all(isinstance(name, str) and name.isidentifier() for name in cast("dict[object, object]", value))


def _is_call(value: object) -> bool:
    if not isinstance(value, TorchCall):
        return False
    target, arguments, module = cast("tuple[object, object, object]", tuple(value))
    named = isinstance(module, str) and all(part.isidentifier() for part in module.split("."))
    return named and isinstance(target, str) and target.isidentifier() and _are_arguments(arguments)


def problem_of(fault: Fault, x: TensorType) -> Problem:
    """A failure as what a rule reports."""
    symbols = any(isinstance(size, Dim) for size in x.shape)
    help_ = (
        "sizes may be symbols, which are neither compared by `if` nor counted: `need`, `same`, `minimum` and `maximum` "
        "take them; `--set` gives them numbers"
        if symbols
        else "`netspec.probe` holds a layer against the module that it builds"
    )
    return Problem(str(fault), "plugin-failed", help=help_)
