"""With which arguments modules are made."""

from __future__ import annotations

import inspect
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, cast

from torch import nn
from torch.utils.weak import WeakIdKeyDictionary

from netspec.capture.running.users import passing

_NOTED: Final = cast("MutableMapping[nn.Module, dict[str, Any]]", WeakIdKeyDictionary())
"""The arguments of modules, each of which is itself: a class may compare its modules by what they do not have yet."""


def made_with(module: nn.Module) -> dict[str, Any] | None:
    """The arguments of a module's `__init__` by name, as they were when it called that of torch; None where nobody saw
    it made, or they have no names."""
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
            _NOTED.setdefault(self, arguments)

    nn.Module.__init__ = init
    try:
        yield
    finally:
        nn.Module.__init__ = before


def _arguments(module: nn.Module, frame: FrameType | None) -> dict[str, Any] | None:
    """Those of the outermost `__init__` of a module that runs; {} where its class has none of its own."""
    found: dict[str, Any] = {}
    while frame is not None and _is_of(module, frame):  # a `__post_init__`, or what is wrapped around an `__init__`
        if frame.f_code.co_name == "__init__":
            own = _named(frame)
            if own is None:
                return None
            found = own
        frame = frame.f_back
    return found


def _named(frame: FrameType) -> dict[str, Any] | None:
    """The arguments of an `__init__` that runs by name; None where some have none, or no longer are what they were."""
    code, known = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    found = {name: known[name] for name in code.co_varnames[1:count] if name in known}
    if code.co_flags & inspect.CO_VARARGS:
        several: Any = known.get(code.co_varnames[count])
        if not isinstance(several, tuple) or several:
            return None
        count += 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        rest: Any = known.get(code.co_varnames[count])
        if type(rest) is not dict or not all(isinstance(name, str) for name in cast("dict[Any, Any]", rest)):
            return None
        found |= cast("dict[str, Any]", rest)
    return found


def _is_of(module: nn.Module, frame: FrameType) -> bool:
    code = frame.f_code
    return code.co_argcount > 0 and frame.f_locals.get(code.co_varnames[0]) is module
