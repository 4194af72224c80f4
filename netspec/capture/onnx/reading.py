"""An .onnx file as data: its nodes, its inputs, and its numbers, each held against what the file says of its size."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from netspec.capture.graph import NotCaptured, Place
from netspec.diagnostics import MissingExtra, UsageError
from netspec.extras import install

LARGEST: Final = 2**31 - 1
"""The bytes of one .onnx file, which is one message of protobuf."""
OPSETS: Final = (13, 24)
"""The first and the last version of ONNX's operators whose nodes are read."""
_MOST: Final = 100_000
"""Nodes of a file; a spec holds no more layers."""


class NodePlace(Place):
    """A node of a file, in the place of a line of source."""

    __slots__ = ("told",)

    def __init__(self, file: str, op: str, name: str, scope: str) -> None:
        super().__init__(file, 0)
        self.told = f'{file}: {op} node "{name}"' + (f" of `{scope}`" if scope and scope not in name else "")

    def __str__(self) -> str:
        return self.told


@dataclass(eq=False)
class OnnxNode:
    """One operator of a graph."""

    op: str
    inputs: list[str]
    """Names of values; an empty one is left out."""
    outputs: list[str]
    attributes: dict[str, Any]
    place: Place
    scope: str = ""
    """The path of the module that it is in, as the exporter noted it."""
    classes: dict[str, str] = field(default_factory=dict[str, str])
    """By their paths the classes of the modules that it is in, where the exporter noted them."""


@dataclass(eq=False)
class OnnxInput:
    """An input of a graph: its name, its sizes, of which those are None or a name that are not fixed, and its dtype."""

    name: str
    sizes: list[int | str | None]
    dtype: torch.dtype
    is_cast: bool = False
    """Whether these are integers that are only read as floats, as the bytes of a picture: a spec takes the floats."""


@dataclass(eq=False)
class OnnxFile:
    """What a file says."""

    path: Path
    opset: int
    inputs: list[OnnxInput]
    outputs: list[str]
    nodes: list[OnnxNode]
    constants: dict[str, Tensor]
    model: Any
    """The message itself, with all numbers in it."""
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    floats: frozenset[str] = frozenset()
    """Of its numbers the dtypes that are read as float32."""


_DTYPES: Final = {
    1: torch.float32, 2: torch.int64, 3: torch.int64, 4: torch.int64, 5: torch.int64, 6: torch.int64, 7: torch.int64,
    9: torch.bool, 10: torch.float32, 11: torch.float32, 16: torch.float32,
}  # fmt: skip
"""ONNX's numbers of dtypes, and as what their values are read: a spec has floats, integers and truth values."""

_OTHER_FLOATS: Final = {10: "float16", 11: "float64", 16: "bfloat16"}
_BYTES: Final = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 16: 2}


def dtype_read(number: int) -> torch.dtype | None:
    """As what values of a dtype of ONNX's are read; None where they have no form."""
    return _DTYPES.get(number)


def read_onnx(path: Path) -> OnnxFile:
    """What an .onnx file says. Nothing in it is run, and no file but those beside it is opened.

    Raises:
        UsageError: it cannot be read.
        NotCaptured: it is no ONNX file, its numbers are not there, or it has what no spec has.
        MissingExtra: the package `onnx` is not installed.
    """
    try:
        import onnx  # only this needs it
        from onnx import numpy_helper  # a part of the package that another `onnx` would lack
    except ModuleNotFoundError:
        raise MissingExtra(f"reading {path} needs onnx", install("onnx")) from None
    library: Any = onnx
    arrays: Any = numpy_helper
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise NotCaptured(f"{path}: {size:,} bytes, and an ONNX file has at most {LARGEST:,}; it is damaged")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    model: Any = library.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf's own kinds of errors, which differ by how it is built
        raise NotCaptured(
            f"{path}: this is no ONNX file, or a part of one ({' '.join(str(error).split())[:100]})"
        ) from None
    if not model.HasField("graph") or not model.graph.output:
        raise NotCaptured(
            f"{path}: this is no ONNX file, or a part of one: {size:,} bytes without a graph that gives anything"
        )
    return _FileReader(path, library, arrays).read(model)


class _FileReader:
    def __init__(self, path: Path, library: Any, arrays: Any) -> None:
        self._path = path
        self._library = library
        self._arrays = arrays
        self._outside = 0
        """Bytes that were read from files beside."""
        self._beside: dict[Path, int] = {}

    def read(self, model: Any) -> OnnxFile:
        path = self._path
        opset = self._opset(model)
        if model.functions:
            model = self._inlined(model)
        graph = model.graph
        if len(graph.node) > _MOST:
            raise NotCaptured(f"{path}: {len(graph.node):,} nodes, and at most {_MOST:,} are read")
        if graph.sparse_initializer:
            raise NotCaptured(f"{path}: sparse numbers, which have no form in a spec")
        if not all(isinstance(text, str) for text in _texts(model)):
            raise NotCaptured(f"{path}: one of its names is no text: the file is damaged")
        constants = {one.name: self.tensor(one, f'"{one.name}"') for one in graph.initializer}
        given = [one for one in graph.input if one.name not in constants]
        nodes = [self._node(node) for node in graph.node]
        _check_order(nodes, {*constants, *(one.name for one in graph.input)})
        metadata = {one.key: one.value for one in model.metadata_props}
        inputs = [self._input(one) for one in given]
        for one in inputs:
            readers = [node for node in nodes if one.name in node.inputs]
            floats = all(
                node.op == "Cast" and dtype_read(node.attributes.get("to", 0)) == torch.float32 for node in readers
            )
            one.is_cast = one.dtype == torch.int64 and bool(readers) and floats
        outputs = [one.name for one in graph.output]
        kinds = {one.data_type for one in graph.initializer}
        floats = frozenset(name for kind, name in _OTHER_FLOATS.items() if kind in kinds)
        return OnnxFile(path, opset, inputs, outputs, nodes, constants, model, metadata, floats)

    def _opset(self, model: Any) -> int:
        versions = {one.domain: one.version for one in model.opset_import}
        version = versions.get("", versions.get("ai.onnx", 0))
        first, last = OPSETS
        if not first <= version <= last:
            raise NotCaptured(
                f"{self._path}: version {version} of ONNX's operators, and {first} to {last} are read; "
                "`opset_version=18` "
                "of `torch.onnx.export`, or `onnx.version_converter`, writes one of them"
            )
        return int(version)

    def _inlined(self, model: Any) -> Any:
        """The graph with the operators of its own functions in the place of calls."""
        try:
            from onnx import inliner

            own: Any = inliner
            return own.inline_local_functions(model)
        except Exception as error:  # whatever the library raises of what is written wrongly
            raise NotCaptured(
                f"{self._path}: its functions cannot be read: {' '.join(str(error).split())[:200]}"
            ) from None

    def _input(self, one: Any) -> OnnxInput:
        kind = one.type.tensor_type
        dtype = dtype_read(kind.elem_type)
        if not one.type.HasField("tensor_type") or dtype is None or not kind.HasField("shape") or not kind.shape.dim:
            raise NotCaptured(
                f'{self._path}: input "{one.name}" is no tensor of numbers with a batch, as a spec takes them'
            )
        sizes: list[int | str | None] = []
        for dim in kind.shape.dim:
            if dim.HasField("dim_value"):
                if not 0 < dim.dim_value < 2**31:
                    raise NotCaptured(f'{self._path}: input "{one.name}" has an axis of {dim.dim_value}')
                sizes.append(int(dim.dim_value))
            else:
                sizes.append(dim.dim_param or None)
        return OnnxInput(one.name, sizes, dtype)

    # ---- numbers

    def tensor(self, one: Any, what: str) -> Tensor:
        """The numbers of a tensor, as many as its sizes say."""
        dims = [int(n) for n in one.dims]
        dtype = dtype_read(one.data_type)
        if dtype is None:
            name = self._library.TensorProto.DataType.Name(one.data_type) if 0 <= one.data_type < 24 else one.data_type
            raise NotCaptured(f"{self._path}: {what} holds values of {name}, which have no form in a spec")
        if any(n < 0 for n in dims):
            raise NotCaptured(f"{self._path}: {what} has the sizes {dims}")
        if one.data_location == 1:
            self._from_beside(one, what, prod(dims) * _BYTES[one.data_type])
        if one.HasField("raw_data") and len(one.raw_data) != prod(dims) * _BYTES[one.data_type]:
            told = (
                f"{prod(dims) * _BYTES[one.data_type]:,} bytes by its sizes {dims}, and {len(one.raw_data):,} are there"
            )
            raise NotCaptured(f"{self._path}: {what} has {told}")
        count = sum(map(len, (one.float_data, one.int32_data, one.int64_data, one.double_data, one.uint64_data)))
        if not one.HasField("raw_data") and count != prod(dims):
            raise NotCaptured(
                f"{self._path}: {what} has {prod(dims):,} numbers by its sizes {dims}, and {count:,} are there"
            )
        try:
            array = self._arrays.to_array(one)
            kind = "float32" if dtype == torch.float32 else "bool" if dtype == torch.bool else "int64"
            return torch.as_tensor(array.astype(kind).copy())
        except (ValueError, TypeError, OverflowError) as error:
            raise NotCaptured(f"{self._path}: {what} cannot be read: {error}") from None

    def _from_beside(self, one: Any, what: str, length: int) -> None:
        """Take numbers from a file beside, which must be there and nowhere else."""
        said = {entry.key: entry.value for entry in one.external_data}
        location = said.get("location", "")
        file = self._path.parent / location
        if Path(location).name != location or location in ("", ".", "..") or re.search(r"[\\\0:]", location):
            raise NotCaptured(
                f"{self._path}: {what} is in {location[:200]!r}: numbers come from files in the same directory alone"
            )
        try:
            if file.resolve().parent != self._path.parent.resolve() or not stat.S_ISREG(file.stat().st_mode):
                raise NotCaptured(f"{self._path}: {what} is in {file}, which is no plain file in the same directory")
            size = file.stat().st_size
            start = int(said.get("offset") or 0)
            own = int(said.get("length") or length)
            self._beside[file] = size
            self._outside += own
            if own != length or start < 0 or start + own > size or self._outside > 2 * sum(self._beside.values()):
                raise NotCaptured(
                    f"{self._path}: {what} has {length:,} bytes by its sizes; it is said to be {own:,} bytes from "
                    f"{start:,} of {file}, which has {size:,}"
                )
            with file.open("rb") as opened:
                opened.seek(start)
                one.raw_data = opened.read(own)
        except OSError as error:
            raise UsageError(
                f"cannot read {file}, where {what} of {self._path} is: {error.strerror or error}"
            ) from None
        except ValueError:
            raise NotCaptured(f"{self._path}: {what} has no number for its place in {file}") from None
        del one.external_data[:]
        one.data_location = 0

    # ---- nodes

    def _node(self, node: Any) -> OnnxNode:
        noted = {one.key: one.value for one in node.metadata_props}
        scope, classes = _scope(node.name, noted)
        title = node.name or (node.output[0] if node.output else "")
        place = NodePlace(str(self._path), node.op_type, title, scope)
        if node.domain not in ("", "ai.onnx"):
            raise NotCaptured(f"{place}: operators of {node.domain!r} are not ONNX's own, and have no form in a spec")
        attributes = {one.name: self._attribute(one, place) for one in node.attribute}
        return OnnxNode(node.op_type, list(node.input), list(node.output), attributes, place, scope, classes)

    def _attribute(self, one: Any, place: Place) -> Any:
        match one.type:
            case 1:
                return float(one.f)
            case 2:
                return int(one.i)
            case 3:
                return one.s.decode("utf-8", "replace")
            case 4:
                return self.tensor(one.t, f"`{one.name}` of {str(place).partition(': ')[2]}")
            case 6:
                return [float(each) for each in one.floats]
            case 7:
                return [int(each) for each in one.ints]
            case 8:
                return [each.decode("utf-8", "replace") for each in one.strings]
            case _:
                raise NotCaptured(
                    f"{place}: `{one.name}` is a graph of its own: a spec has no branches that a value decides"
                )


def _check_order(nodes: list[OnnxNode], known: set[str]) -> None:
    """Refuse values that are read before they are made, or made twice: what follows values through a graph would not
    come to an end where one is made from itself."""
    for node in nodes:
        for name in filter(None, node.inputs):
            if name not in known:
                raise NotCaptured(f'{node.place}: "{name}" is read before a node makes it; the file is damaged')
        for name in filter(None, node.outputs):
            if name in known:
                raise NotCaptured(f'{node.place}: "{name}" is made twice; the file is damaged')
            known.add(name)


def _texts(model: Any) -> Iterator[Any]:
    """The names in a file; of protobuf some are bytes where they are no UTF-8."""
    graph = model.graph
    for entry in (*model.metadata_props, *(entry for node in graph.node for entry in node.metadata_props)):
        yield from (entry.key, entry.value)
    for given in (*graph.input, *graph.output):
        yield from (given.name, *(dim.dim_param for dim in given.type.tensor_type.shape.dim))
    tensors = [*graph.initializer, *(a.t for node in graph.node for a in node.attribute)]
    for tensor in tensors:
        yield tensor.name
        yield from (text for entry in tensor.external_data for text in (entry.key, entry.value))
    for node in graph.node:
        yield from (node.op_type, node.name, node.domain, *node.input, *node.output, *(a.name for a in node.attribute))


def _scope(name: str, noted: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The path of the module that a node is in, and classes: of metadata, or of the name `/layer1/layer1.0/Conv`."""
    scopes = re.findall(r"'([^']*)'", noted.get("pkg.torch.onnx.name_scopes", ""))
    if scopes:
        classes = re.findall(r"'([^']*)'", noted.get("pkg.torch.onnx.class_hierarchy", ""))
        path = scopes[-2] if len(scopes) > 1 and _is_path(scopes[-2]) else ""
        return path, {own: kind.rpartition(".")[2] for own, kind in zip(scopes[:-1], classes, strict=False)}
    if not name.startswith("/"):
        return "", {}
    parts: list[str] = []
    for part in name.split("/")[1:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts.pop()
        parts.append(part)
    path = ".".join(parts)
    return (path if _is_path(path) else ""), {}


def _is_path(text: str) -> bool:
    """Whether a text is the path of a module that Python can name."""
    return bool(re.fullmatch(r"\w+(\.\w+)*", text, re.ASCII)) and not text.startswith("_empty") and len(text) < 256
