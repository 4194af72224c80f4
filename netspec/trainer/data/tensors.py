"""Examples from safetensors files with the tensors `x` and `y`, or others by name; the first axis is the example.

The format has no code: nothing in such a file is executed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.recipe.datasets.local import Tensors
from netspec.recipe.terms import LABELS, EndValue, TargetField
from netspec.trainer.data.fingerprint import hash_of_files
from netspec.trainer.data.parts import Part, Parts, Request, damaged, located


def read(data: Tensors, request: Request) -> Parts:
    """Load the files that a recipe names under `tensors:`.

    Raises:
        ResourceError: a file is missing or damaged, lacks a tensor, or these differ in length; or values are not
            finite.
    """
    files = {name: located(path, request.base) for name, path in _files(data).items()}
    wanted = _wanted(request.inputs, request.fields)
    parts = {name: _read(path, wanted) for name, path in files.items()}
    return Parts(
        parts["train"], parts.get("test"), parts.get("validation"), classes=data.classes,
        hash=lambda: hash_of_files(files["train"], {name: {"": path} for name, path in files.items()}),
    )  # fmt: skip


def read_examples(path: Path, inputs: Sequence[EndValue]) -> Part:
    """Load the examples of one file, without targets.

    Raises:
        ResourceError: as of `read`.
    """
    return _read(path, _wanted(inputs, ()))


class _Wanted(NamedTuple):
    """The tensors that a file must hold, by their keys in it."""

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    truths: frozenset[str]
    """The inputs that are truth values."""

    @property
    def again(self) -> str:
        """How to write such a file, as the end of a message."""
        pairs = ", ".join(f"'{key}': {key}" for key in (*self.inputs, *self.targets))
        return f"write it with safetensors.torch.save_file({{{pairs}}}, path)"


def _wanted(inputs: Sequence[EndValue], fields: Sequence[TargetField]) -> _Wanted:
    """Inputs under their names, the only one as `x`; targets under theirs, the labels as `y`."""
    keys = [str(value.name) if len(inputs) > 1 else "x" for value in inputs]
    targets = ["y" if field.name == LABELS else field.name for field in fields]
    types = zip(keys, inputs, strict=True)
    truths = frozenset(key for key, value in types if value.type is not None and value.type.dtype == "bool")
    return _Wanted(tuple(keys), tuple(targets), truths)


def _files(data: Tensors) -> dict[str, str]:
    named = {"train": data.train, "test": data.test, "validation": data.validation}
    return {name: path for name, path in named.items() if path is not None}


def _read(path: Path, wanted: _Wanted) -> Part:
    if not path.is_file():
        raise ResourceError(f"there is no file `{path}`; {wanted.again}")
    names = (*wanted.inputs, *wanted.targets)
    try:
        opener: Any = safe_open  # the library's types are incomplete
        with opener(path, framework="pt") as file:
            keys: set[str] = set(file.keys())
            if not set(names) <= keys:
                listed = ", ".join(sorted(keys)) or "nothing"
                asked = [f"`{name}`" for name in names]
                them = " and ".join([", ".join(asked[:-1]), asked[-1]] if len(asked) > 1 else asked)
                raise damaged(
                    path, f"holds {listed}, but {them} {'are' if len(asked) > 1 else 'is'} wanted", wanted.again
                )
            tensors: list[Tensor] = [file.get_tensor(name) for name in names]
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(path, f"is no readable safetensors file ({error})", wanted.again) from None
    x = tensors[0]
    for name, tensor in zip(names, tensors, strict=True):
        if x.ndim < 1 or tensor.ndim < 1 or len(x) != len(tensor):
            of = "examples" if name in wanted.inputs else "targets"
            reason = f"has {_length(x)} examples in `{names[0]}`, but {_length(tensor)} {of} in `{name}`"
            raise damaged(path, reason, wanted.again)
    count = len(wanted.inputs)
    inputs = [
        _stored(path, name, tensor, truth=name in wanted.truths)
        for name, tensor in zip(wanted.inputs, tensors[:count], strict=True)
    ]
    targets = [_target(path, name, tensor) for name, tensor in zip(wanted.targets, tensors[count:], strict=True)]
    y, *more = targets or [torch.empty(len(x), 0)]
    return Part(inputs[0], y, tuple(x.shape[1:]), f"`{path}`", inputs=tuple(inputs[1:]), targets=tuple(more))


def _length(t: Tensor) -> int:
    return len(t) if t.ndim else 0


def _stored(path: Path, name: str, t: Tensor, *, truth: bool = False) -> Tensor:
    """A tensor as it is kept; truth values only where an input of the net takes them."""
    if t.dtype in (torch.uint8, torch.float32, torch.int64) or (truth and t.dtype == torch.bool):
        finite = t.dtype != torch.float32 or bool(torch.isfinite(t).all())
        if not finite:
            first = int((~torch.isfinite(t).reshape(len(t), -1).all(1)).nonzero()[0])
            raise damaged(
                path, f"has a value in example {first} of `{name}` that is not finite", "remove such examples"
            )
        return t
    if t.dtype in (torch.float16, torch.bfloat16, torch.float64):
        return _stored(path, name, t.to(torch.float32))
    if t.dtype in (torch.int8, torch.int16, torch.int32):
        return t.to(torch.int64)
    raise damaged(path, f"has {str(t.dtype).removeprefix('torch.')} in `{name}`", "store it as uint8, float32 or int64")


def _target(path: Path, name: str, y: Tensor) -> Tensor:
    y = y.to(torch.int64) if y.dtype == torch.uint8 else _stored(path, name, y)
    return y.squeeze(1) if y.ndim == 2 and y.shape[1] == 1 and y.dtype == torch.int64 else y
