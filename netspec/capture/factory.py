"""What a user names on the command line: `package.module:factory`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from netspec.diagnostics import UsageError, did_you_mean


def module_from(text: str) -> nn.Module:
    """The module that `package.module:factory` makes, `package.module:factory('name', classes=10)`, or
    `package.module:object`. It is imported as a program in this directory would.

    Raises:
        UsageError: there is none.
    """
    home, _, rest = text.partition(":")
    try:
        call = ast.parse(rest, mode="eval").body
    except (SyntaxError, ValueError):
        raise UsageError(f"`{rest}` in `{text}` names nothing: for example `torchvision.models:resnet18`") from None
    arguments: tuple[Any, ...] = ()
    named: dict[str, Any] = {}
    if isinstance(call, ast.Call):
        try:
            arguments = tuple(ast.literal_eval(each) for each in call.args)
            named = {each.arg or "": ast.literal_eval(each.value) for each in call.keywords}
        except ValueError:
            raise UsageError(f"the arguments in `{text}` are no numbers, texts or lists of them") from None
        rest = ast.unparse(call.func)
    found = _named(home, rest, text)
    if isinstance(found, nn.Module) and not isinstance(call, ast.Call):
        return found
    if not callable(found):
        raise UsageError(f"`{text}` is of the type `{type(found).__name__}`: neither a module nor what makes one")
    try:
        made = found(*arguments, **named)
    except TypeError as error:
        raise UsageError(
            f"`{rest}` cannot be called so: {error}; arguments are written behind it, as in "
            f"\"{home}:{rest}('name', 10)\""
        ) from None
    if not isinstance(made, nn.Module):
        raise UsageError(f"`{text}` gives a `{type(made).__name__}`, and no module of torch's")
    return made


def _named(home: str, path: str, text: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = import_module(home)
    except ModuleNotFoundError as error:
        raise UsageError(f"cannot import `{home}`: there is no module `{error.name}`") from None
    for name in path.split("."):
        if not hasattr(found, name):
            names = [other for other in dir(found) if not other.startswith("_")]
            near = did_you_mean(name, names)
            raise UsageError(f"`{home}` has no `{name}`" + (f"; there is `{near}`" if near else ""))
        found = getattr(found, name)
    return found


_DTYPES: Final = {"float32": torch.float32, "int64": torch.int64, "bool": torch.bool}


def example(module: nn.Module, inputs: Sequence[str]) -> list[Tensor]:
    """Arguments for a module: of these sizes, `3,224,224` or `16,int64`, or what its first layer takes.

    Raises:
        UsageError: a size is no number, or nothing says what the module takes.
    """
    if inputs:
        return [_one(text, module) for text in inputs]
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            return [torch.randn(2, part.in_channels, 224, 224)]
        if isinstance(part, nn.Linear):
            return [torch.randn(2, part.in_features)]
        if any(True for _ in part.parameters(recurse=False)):
            break
    raise UsageError("nothing says what the module takes: `--input 3,224,224` does, or `--input 16,int64` for integers")


def _one(text: str, module: nn.Module) -> Tensor:
    *sizes, last = text.replace(" ", "").split(",")
    dtype = _DTYPES.get(last)
    if dtype is None:
        sizes = [*sizes, last]
    if not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise UsageError(f"`--input {text}`: sizes of one example, without the batch, as in `3,224,224` or `16,int64`")
    shape = (2, *map(int, sizes))
    if dtype in (torch.int64, torch.bool):
        tables = [part.num_embeddings for part in module.modules() if isinstance(part, nn.Embedding)]
        return torch.randint(0, min(tables, default=2) if dtype is torch.int64 else 2, shape).to(dtype)
    return torch.randn(shape)
