"""An .onnx file → the spec of its network, with the proof, and its weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.importing import FromTorch, from_torch
from netspec.capture.lowering.forms import Form
from netspec.capture.onnx.building import built
from netspec.capture.onnx.reading import LARGEST, OnnxFile, OnnxInput, read_onnx
from netspec.capture.proving.differences import share_apart
from netspec.capture.proving.proof import in_layouts
from netspec.diagnostics import UsageError
from netspec.torch.build import build
from netspec.torch.carrying import by_keys

CLOSE: Final = 1e-4
"""The largest difference from onnxruntime, as a share of the largest output, or of 1 where that is smaller."""
CLOSE_IN_HALVES: Final = 1e-2
"""The same of a file that computes with numbers of 16 bits, of which a spec has those of 32."""
_MOST: Final = 2**27
"""Numbers of one example."""


class FromOnnx(NamedTuple):
    """The spec of a file, and what was found out about it."""

    found: FromTorch
    weights: dict[str, Tensor]
    """By the keys of the built net."""
    difference: float | None
    """The largest from what onnxruntime computes of the file; None where it was not asked."""
    notes: tuple[str, ...]

    def saved(self) -> bytes:
        """The weights as a safetensors file."""
        return save(self.weights)


def from_onnx(
    path: Path, sizes: Sequence[str] = (), *, name: str | None = None, is_flat: bool = False, is_verified: bool = True
) -> FromOnnx:
    """The spec of the network in an .onnx file, which is read as data.

    Args:
        path: the file; its numbers may be in files of the same directory.
        sizes: of each input, as they are typed, without the batch: `3,224,224`; those of the file if left out.
        name: of the network; that of the file if left out.
        is_flat: say everything once, without blocks and loops.
        is_verified: hold the spec against the graph, with random weights, and the weights against onnxruntime.

    Raises:
        UsageError: the file cannot be read, or the sizes are none.
        NotCaptured: it is no ONNX file, it has what no spec has, or the spec differs from it.
        MissingExtra: the package `onnx` is not installed.
    """
    file = read_onnx(path)
    if not file.inputs:
        raise NotCaptured(f"{path}: it takes no input")
    of_inputs = [_sizes_of(file, i, sizes) for i in range(len(file.inputs))]
    network = built(file, of_inputs)
    example = _example(network, file.inputs, of_inputs, 2)
    found = from_torch(network, *example, name=name or path.stem, is_flat=is_flat, is_verified=is_verified)
    net = build(found.net, check_memory=False)
    shapes = {key: value.shape for key, value in net.state_dict().items()}
    state = network.state_dict()
    weights = {key: x.contiguous().clone() for key, x in by_keys(state, found.keys, shapes).items()}
    difference, notes = None, list[str]()
    if is_verified:
        net.load_state_dict(weights)
        held = _example(network, file.inputs, of_inputs, _batch(file))
        difference, note = _held(file, net.eval(), held, found.layouts)
        notes += [note] if note else []
    notes += [f"numbers of {kind} are written as float32" for kind in sorted(file.floats)]
    notes += [
        f'input "{one.name}" is of integers that the file reads as floats: the spec takes these numbers as floats'
        for one in file.inputs
        if one.is_cast
    ]
    return FromOnnx(found, weights, difference, tuple(notes))


def _sizes_of(file: OnnxFile, at: int, said: Sequence[str]) -> list[int]:
    """The sizes of an input, without its batch."""
    given, path = file.inputs[at], file.path
    if said and len(said) != len(file.inputs):
        names = ", ".join(f'"{one.name}"' for one in file.inputs)
        raise UsageError(f"`--input` is given {len(said)} times, and {path} has {len(file.inputs)} inputs: {names}")
    own = given.sizes[1:]
    told = ", ".join("?" if n is None else str(n) for n in given.sizes)
    if not said:
        unknown = [n for n in own if not isinstance(n, int)]
        if unknown:
            example = ",".join(str(n) if isinstance(n, int) else "16" for n in own)
            raise UsageError(
                f'input "{given.name}" of {path} is [{told}]: `--input {example}` says sizes without the batch'
            )
        found = [n for n in own if isinstance(n, int)]
    else:
        parts = [part for part in said[at].replace(" ", "").split(",") if part not in ("int64", "float32", "bool")]
        if not all(part.isdecimal() and 0 < int(part) < 2**31 for part in parts) or len(parts) != len(own):
            raise UsageError(f'`--input {said[at]}`: input "{given.name}" of {path} is [{told}], the batch first')
        found = [int(part) for part in parts]
        for size, mine in zip(found, own, strict=True):
            if isinstance(mine, int) and mine != size:
                raise UsageError(f'`--input {said[at]}`: input "{given.name}" of {path} is [{told}], the batch first')
    if prod(found) > _MOST:
        raise NotCaptured(f'{path}: input "{given.name}" has {prod(found):,} numbers, and at most {_MOST:,} are run')
    return found


def _batch(file: OnnxFile) -> int:
    first = file.inputs[0].sizes[0]
    return first if isinstance(first, int) else 2


def _example(network: nn.Module, inputs: Sequence[OnnxInput], sizes: Sequence[list[int]], batch: int) -> list[Tensor]:
    """Random inputs; integers are places in the smallest table."""
    tables = [part.num_embeddings for part in network.modules() if isinstance(part, nn.Embedding)]
    generator = torch.Generator().manual_seed(5)
    found: list[Tensor] = []
    for given, own in zip(inputs, sizes, strict=True):
        shape = (batch, *own)
        if given.is_cast:
            found.append(torch.randint(0, 128, shape, generator=generator).float())
        elif given.dtype.is_floating_point:
            found.append(torch.randn(shape, generator=generator))
        else:
            high = min(tables, default=2) if given.dtype == torch.int64 else 2
            found.append(torch.randint(0, high, shape, generator=generator).to(given.dtype))
    return found


def _held(file: OnnxFile, net: nn.Module, example: list[Tensor], layouts: Sequence[Form]) -> tuple[float | None, str]:
    """How far the built net is from what onnxruntime computes of the file, or why that is not known.

    Args:
        file: the file.
        net: the built net, with the weights of the file.
        example: what both are given.
        layouts: where the outputs of the file have the batch.

    Raises:
        NotCaptured: farther than `CLOSE`.
    """
    try:
        import onnxruntime  # pyright: ignore[reportMissingTypeStubs]  # an extra, without types; only this needs it
    except ModuleNotFoundError:
        return None, "the weights were not held against onnxruntime, which is not installed"
    runtime: Any = onnxruntime
    if file.model.ByteSize() > LARGEST:
        return None, "the weights were not held against onnxruntime: with its numbers the file is larger than it takes"
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(file.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        kinds = {one.name: _NUMPY.get(one.type, "float32") for one in session.get_inputs()}
        given = {one.name: x.numpy().astype(kinds[one.name]) for one, x in zip(file.inputs, example, strict=True)}
        theirs = [torch.as_tensor(found) for found in session.run(None, given)]
    except Exception as error:  # whatever onnxruntime raises of a file that it does not take
        told = " ".join(str(error).split())[:150]
        return None, f"the weights were not held against onnxruntime, which does not run the file: {told}"
    with torch.no_grad():
        found: Any = net(*example)
    ours: list[Tensor] = [found] if isinstance(found, Tensor) else list(found)
    worst, theirs = 0.0, in_layouts(theirs, layouts, example[0].shape[0])
    for a, b, name in zip(ours, theirs, file.outputs, strict=True):
        if a.shape != b.shape:
            raise NotCaptured(
                f'{file.path}: output "{name}" is {tuple(b.shape)} in onnxruntime, and {tuple(a.shape)} of the spec'
            )
        worst = max(worst, share_apart(a, b, 1.0))
    close = CLOSE if file.floats.isdisjoint(("float16", "bfloat16")) else CLOSE_IN_HALVES
    if not worst <= close:
        raise NotCaptured(
            f"{file.path}: the outputs of the spec and of onnxruntime differ by {worst:.1e}; {close:.0e} "
            "is what rounding may be: please report this; `--unverified` writes the spec and the weights nonetheless"
        )
    return worst, ""


_NUMPY: Final = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(int64)": "int64",
    "tensor(int32)": "int32", "tensor(int16)": "int16", "tensor(int8)": "int8", "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16", "tensor(uint32)": "uint32", "tensor(uint64)": "uint64", "tensor(bool)": "bool",
}  # fmt: skip
