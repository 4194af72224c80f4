"""With which arguments modules are made."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final
from weakref import WeakKeyDictionary

from torch import nn

from netspec.capture.running.users import passing

_NOTED: Final[WeakKeyDictionary[nn.Module, dict[str, Any]]] = WeakKeyDictionary()


def made_with(module: nn.Module) -> dict[str, Any] | None:
    """The arguments of a module's `__init__` by name, as they were when it called that of torch; None where nobody saw
    it made, or they have no names."""
    with suppress(TypeError):  # of a class that compares its modules, and gives them no hash
        return _NOTED.get(module)


def note_copy(copy: nn.Module, module: nn.Module) -> None:
    """Note that a copy of a module was made with the same arguments."""
    known = made_with(module)
    if known is not None:
        _NOTED[copy] = known


@contextmanager
def noting() -> Generator[None]:
    """Note with which arguments the modules are made that are made in here."""
    before = nn.Module.__init__

    @passing
    def init(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        frame = inspect.currentframe()
        arguments = _arguments(self, None if frame is None else frame.f_back)
        before(self, *args, **kwargs)
        if arguments is not None:
            with suppress(TypeError):
                _NOTED.setdefault(self, arguments)

    nn.Module.__init__ = init
    try:
        yield
    finally:
        nn.Module.__init__ = before


def _arguments(module: nn.Module, frame: FrameType | None) -> dict[str, Any] | None:
    """Those of the outermost `__init__` of a module that runs; {} where its class has none of its own."""
    found: dict[str, Any] = {}
    while frame is not None and _makes(module, frame):
        code, known = frame.f_code, frame.f_locals
        names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount :]
        flags = (code.co_flags & inspect.CO_VARARGS, code.co_flags & inspect.CO_VARKEYWORDS)
        if flags[0] and known.get(rest[0]):
            return None  # they have no names
        found = {name: known[name] for name in names if name in known}
        if flags[1]:
            found |= known.get(rest[1 if flags[0] else 0], {})
        frame = frame.f_back
    return found


def _makes(module: nn.Module, frame: FrameType) -> bool:
    code = frame.f_code
    return code.co_name == "__init__" and code.co_argcount > 0 and frame.f_locals.get(code.co_varnames[0]) is module
