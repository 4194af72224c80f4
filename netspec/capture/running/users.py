"""Errors that a user's own program raises, told as that and with their places."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any, Final, TypeVar

import torch

from netspec.capture.graph import NotCaptured, Place
from netspec.diagnostics import NetspecError

_TORCH: Final = str(Path(torch.__file__).parent) + os.sep
_OWN: Final = str(Path(__file__).parent) + os.sep
_NETSPEC: Final = str(Path(__file__).parent.parent) + os.sep
_LIBRARY: Final = str(Path(os.__file__).parent) + os.sep
_PASSING: Final[set[tuple[str, str]]] = set()
"""Functions of netspec's, by file and name, that call the user's program: what is raised there is not theirs."""

F = TypeVar("F", bound=Callable[..., Any])


def passing(function: F) -> F:
    """Mark a function of netspec's that calls the user's program."""
    code = function.__code__
    _PASSING.add((code.co_filename, code.co_name))
    return function


def is_users(file: str) -> bool:
    """Whether a file is neither torch's nor of what runs modules here."""
    return not file.startswith((_TORCH, _OWN, "<"))


def place_of(trace: TracebackType | None) -> Place | None:
    """The innermost line of the user's program in a traceback."""
    found: Place | None = None
    for frame, line in walk_tb(trace):
        file = frame.f_code.co_filename
        is_library = file.startswith(_LIBRARY) and "site-packages" not in Path(file).parts
        if is_users(file) and not file.startswith(_NETSPEC) and not is_library:
            found = Place(file, line)
    return found


def told(error: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@contextmanager
def users_own(what: str, advice: str = "", mistakes: tuple[type[Exception], ...] = ()) -> Generator[None]:
    """What is raised in here by the user's program is an error of theirs.

    Args:
        what: fails, as a message begins.
        advice: what may mend errors of these kinds.
        mistakes: the kinds.

    Raises:
        NotCaptured: the program raised something.
    """
    try:
        yield
    except NetspecError:
        raise
    except (Exception, SystemExit) as error:
        if _is_defect(error.__traceback__):
            raise
        place = place_of(error.__traceback__)
        if isinstance(error, SyntaxError) and error.filename is not None:
            place = Place(error.filename, error.lineno or 1)
        where = f"{place}: " if place is not None else ""
        is_mistake = isinstance(error, mistakes) and not isinstance(error, NotImplementedError)
        more = f"; {advice}" if advice and is_mistake else ""
        raise NotCaptured(f"{where}{what} fails: {told(error)}{more}") from error


def _is_defect(trace: TracebackType | None) -> bool:
    """Whether netspec itself failed: the innermost line that is not torch's is its own, and calls no user's program."""
    last: FrameType | None = None
    for frame, _ in walk_tb(trace):
        if not frame.f_code.co_filename.startswith((_TORCH, "<")):
            last = frame
    if last is None or not last.f_code.co_filename.startswith(_NETSPEC):
        return False
    return (last.f_code.co_filename, last.f_code.co_name) not in _PASSING
