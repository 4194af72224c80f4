"""What a user names on the command line: `package.module:factory`, or `file.py:factory`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin

from netspec.capture.running.calls import example_call, signature_text
from netspec.capture.running.named import named_modules
from netspec.capture.running.prepared import check_followed
from netspec.capture.running.sources import ModuleSource, check_there, imported
from netspec.capture.running.users import passing, users_own
from netspec.diagnostics import UsageError, did_you_mean


def module_from(source: ModuleSource) -> nn.Module:
    """The module that `package.module:factory` makes, `package.module:factory('name', classes=10)`, or
    `package.module:object`. It is imported as a program in this directory would.

    Raises:
        UsageError: there is none.
        NotCaptured: the program itself fails.
    """
    check_there(source)
    call = _call(source)
    return _module(_program(source), source, call)


class MadeModule(NamedTuple):
    """A module, and with which arguments its factory was called, by name."""

    module: nn.Module
    arguments: dict[str, Any]


def modules_from(source: ModuleSource, named: Sequence[str]) -> list[MadeModule]:
    """The modules that several factories of one program make, as `module_from` has one.

    Args:
        source: the program, with the name of something that it has.
        named: the factories, with arguments.

    Raises:
        UsageError: one of them is none, the program has not what the source names, or that has arguments.
        NotCaptured: the program itself fails.
    """
    check_there(source)
    sources = [source._replace(rest=rest) for rest in named]
    calls = [_call(each) for each in sources]
    family = _call(source)
    if family.is_called:
        raise UsageError(
            f"`{source.home}:{source.rest}` has arguments, and of several factories each has its own: name "
            f"`{source.home}:{family.path}`, and `{source.rest}` in the list"
        )
    program = _program(source)
    _named(program, source.home, family.path)
    return [
        MadeModule(_module(program, each, call), _arguments(program, each, call))
        for each, call in zip(sources, calls, strict=True)
    ]


class _Call(NamedTuple):
    """What is written behind the colon."""

    path: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = MappingProxyType({})
    is_called: bool = False


def _call(source: ModuleSource) -> _Call:
    """What a source names, with its arguments."""
    try:
        call = ast.parse(source.rest, mode="eval").body
    except (SyntaxError, ValueError):
        raise UsageError(
            f"`{source.rest}` in `{source.home}:{source.rest}` names nothing: for example `torchvision.models:resnet18`"
        ) from None
    if not isinstance(call, ast.Call):
        return _Call(source.rest)
    try:
        arguments = tuple(ast.literal_eval(each) for each in call.args)
        named = {each.arg or "": ast.literal_eval(each.value) for each in call.keywords}
    except ValueError:
        raise UsageError(
            f"the arguments in `{source.home}:{source.rest}` are no numbers, texts or lists of them"
        ) from None
    return _Call(ast.unparse(call.func), arguments, named, is_called=True)


def _module(program: Any, source: ModuleSource, call: _Call) -> nn.Module:
    """The module that a program has, or that a factory of it makes."""
    text = f"{source.home}:{source.rest}"
    found = _named(program, source.home, call.path)
    if not isinstance(found, nn.Module) or call.is_called:
        if not callable(found):
            raise UsageError(f"`{text}` is of the type `{type(found).__name__}`: neither a module nor what makes one")
        found = _made(found, call.arguments, call.named, f"{source.home}:{call.path}")
    if not isinstance(found, nn.Module):
        raise UsageError(f"`{text}` gives a `{type(found).__name__}`, and no module of torch's")
    check_followed(found)
    return found


def _arguments(program: Any, source: ModuleSource, call: _Call) -> dict[str, Any]:
    """The arguments of a factory that was called, by name; none where it does not tell theirs."""
    found = _named(program, source.home, call.path)
    if isinstance(found, nn.Module):
        return {}
    try:
        bound = inspect.signature(found).bind(*call.arguments, **call.named)
    except (TypeError, ValueError):
        return {}
    bound.apply_defaults()
    return dict(bound.arguments)


passing(imported)


@passing
def _made(factory: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any], text: str) -> Any:
    """What a factory makes."""
    with users_own(f"`{text}`"):
        try:
            return factory(*arguments, **named)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # in the program, and not by the call
            raise _uncalled(error, factory, arguments, named, text) from None


def _uncalled(
    error: TypeError, factory: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any], text: str
) -> UsageError:
    """A factory has other parameters than it was called with: which, and a call that has been tried."""
    home, _, rest = text.rpartition(":")
    wrong = f"`{rest}` cannot be called so: {error}; it is `{rest}{signature_text(factory)}`"
    call = example_call(factory, arguments, named)
    if call is None:
        return UsageError(
            f"{wrong}, and arguments are written behind it: numbers, texts or lists of them; where it needs others, "
            f"write a function that calls it, and name that in the place of `{rest}`, as in `{home}:make`"
        )
    if call == "()":
        return UsageError(f"{wrong}: name it alone, `{text}`")
    return UsageError(f'{wrong}, and arguments are written behind it, as in "{text}{call}"')


@passing
def _program(source: ModuleSource) -> Any:
    """The program, imported."""
    with users_own(f"the import of `{source.home}`"):
        try:
            return imported(source)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{source.home}.".startswith(f"{error.name}."):
                raise  # one that the program imports
            raise UsageError(f"cannot import `{source.home}`: there is no module `{error.name}`") from None


@passing
def _named(program: Any, home: str, path: str) -> Any:
    """What a program has under a name."""
    found = program
    with users_own(f"the import of `{home}`"):
        for name in path.split("."):
            if not hasattr(found, name):
                names = [other for other in dir(found) if not other.startswith("_")]
                near = did_you_mean(name, names)
                raise UsageError(f"`{home}` has no `{name}`" + (f"; there is `{near}`" if near else ""))
            found = getattr(found, name)
    return found


_DTYPES: Final = {"float32": torch.float32, "int64": torch.int64, "bool": torch.bool}


class ExampleInput(NamedTuple):
    """Arguments for a module."""

    tensors: list[Tensor]
    guess: str = ""
    """Which they are and why, where nobody said them."""


def example(module: nn.Module, inputs: Sequence[str]) -> ExampleInput:
    """Arguments for a module: of these sizes, `3,224,224` or `16,int64`, or what its first layer takes.

    Raises:
        UsageError: a size is no number, or nothing says what the module takes.
    """
    if inputs:
        return ExampleInput([_one(text, module) for text in inputs])
    for path, part in named_modules(module).items():
        text = _taken(part)
        if text is not None:
            layer = f"`{type(part).__name__}` at `{path}`" if path else f"`{type(part).__name__}`"
            return ExampleInput([_one(text, module)], f"it ran on an input of {text}, which {layer} takes")
        if any(True for _ in part.parameters(recurse=False)):
            break
    raise UsageError("nothing says what the module takes: `--input 3,224,224` does, or `--input 16,int64` for integers")


def _taken(part: nn.Module) -> str | None:
    """What a layer takes, as it is typed."""
    if isinstance(part, LazyModuleMixin):
        return None
    match part:
        case nn.Conv1d():
            return f"{part.in_channels},128"
        case nn.Conv2d():
            return f"{part.in_channels},224,224"
        case nn.Linear():
            return f"{part.in_features}"
        case nn.Embedding():
            return "16,int64"
        case nn.LSTM() | nn.GRU() | nn.RNN():
            return f"16,{part.input_size}"
        case _:
            return None


def _one(text: str, module: nn.Module) -> Tensor:
    *sizes, last = text.replace(" ", "").split(",")
    dtype = _DTYPES.get(last)
    if dtype is None:
        sizes = [*sizes, last]
    if not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise UsageError(f"`--input {text}`: sizes of one example, without the batch, as in `3,224,224` or `16,int64`")
    shape = (2, *map(int, sizes))
    if dtype == torch.bool:
        return torch.zeros(shape, dtype=dtype)
    if dtype == torch.int64:
        tables = [part.num_embeddings for part in module.modules() if isinstance(part, nn.Embedding)]
        if not sizes:  # a length, or a place: of no steps many networks make no numbers; or a class
            return torch.arange(1, 3) % min(tables, default=3)
        return torch.randint(0, min(tables, default=2), shape)
    return torch.randn(shape)
