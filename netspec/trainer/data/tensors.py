"""Examples from safetensors files with the tensors `x` and `y`, one example per row of the first axis.

The format has no code: nothing in such a file is executed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.recipe.datasets.local import Tensors
from netspec.trainer.data.fingerprint import hash_of_files
from netspec.trainer.data.parts import Part, Parts, Request, damaged, located

_AGAIN = "write it with safetensors.torch.save_file({'x': x, 'y': y}, path)"


def read(data: Tensors, request: Request) -> Parts:
    """Load the files that a recipe names under `tensors:`.

    Raises:
        ResourceError: a file is missing or damaged, lacks `x` or `y`, or these differ in length; or values are not
            finite.
    """
    files = {name: located(path, request.base) for name, path in _files(data).items()}
    parts = {name: _read(path) for name, path in files.items()}
    return Parts(
        parts["train"], parts.get("test"), parts.get("validation"), classes=data.classes,
        hash=lambda: hash_of_files(files["train"], {name: {"": path} for name, path in files.items()}),
    )  # fmt: skip


def _files(data: Tensors) -> dict[str, str]:
    named = {"train": data.train, "test": data.test, "validation": data.validation}
    return {name: path for name, path in named.items() if path is not None}


def _read(path: Path) -> Part:
    if not path.is_file():
        raise ResourceError(f"there is no file `{path}`; {_AGAIN}")
    try:
        opener: Any = safe_open  # the library's types are incomplete
        with opener(path, framework="pt") as file:
            keys: set[str] = set(file.keys())
            if not {"x", "y"} <= keys:
                listed = ", ".join(sorted(keys)) or "nothing"
                raise damaged(path, f"holds {listed}, but `x` and `y` are wanted", _AGAIN)
            x: Tensor = file.get_tensor("x")
            y: Tensor = file.get_tensor("y")
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(path, f"is no readable safetensors file ({error})", _AGAIN) from None
    if x.ndim < 1 or y.ndim < 1 or len(x) != len(y):
        raise damaged(path, f"has {_length(x)} examples in `x`, but {_length(y)} targets in `y`", _AGAIN)
    return Part(_stored(path, "x", x), _target(path, y), tuple(x.shape[1:]), f"`{path}`")


def _length(t: Tensor) -> int:
    return len(t) if t.ndim else 0


def _stored(path: Path, name: str, t: Tensor) -> Tensor:
    if t.dtype in (torch.uint8, torch.float32, torch.int64):
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


def _target(path: Path, y: Tensor) -> Tensor:
    y = y.to(torch.int64) if y.dtype == torch.uint8 else _stored(path, "y", y)
    return y.squeeze(1) if y.ndim == 2 and y.shape[1] == 1 and y.dtype == torch.int64 else y
