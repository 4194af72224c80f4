"""The tensors of an archive, from their bytes."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from netspec.capture.exported.archive import ExportedArchive
from netspec.capture.exported.fields import JsonField
from netspec.capture.exported.program import ExportedGraph, read_meta
from netspec.capture.exported.steps import DTYPES
from netspec.capture.graph import NotCaptured


class TensorPlace(NamedTuple):
    """The bytes that a tensor is made of."""

    member: str
    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    """A matrix and its transpose differ in these alone."""


class ArchiveNumbers:
    """Reads tensors, each once: names that share one share the tensor."""

    def __init__(self, archive: ExportedArchive, graph: ExportedGraph) -> None:
        self.archive = archive
        self.graph = graph
        self._known: dict[TensorPlace, Tensor] = {}

    def entry(self, name: str) -> JsonField:
        """What the archive says of the tensor of a name of the graph."""
        held = self.graph.held[name]
        for table in (self.archive.weights, self.archive.constants):
            if held.key in table.table():
                return table.at(held.key)
        raise NotCaptured(f"{self.archive.path}: `{held.key}` has no numbers in the archive; the file is damaged")

    def place(self, name: str) -> TensorPlace:
        """Where the numbers of a name lie: the same for those that share them, and have them in the same order."""
        entry = self.entry(name)
        meta = read_meta(entry.at("tensor_meta"))
        return TensorPlace(entry.at("path_name").text(), meta.offset, meta.sizes, meta.strides)

    def requires_grad(self, name: str) -> bool:
        """Whether that of a name trains."""
        meta = read_meta(self.entry(name).at("tensor_meta"))
        return meta.requires_grad and DTYPES.get(meta.dtype, torch.int64).is_floating_point

    def tensor(self, name: str) -> Tensor:
        """The tensor of a name; floats have 32 bits.

        Raises:
            NotCaptured: it is pickled, missing, or lies outside of its bytes.
        """
        place = self.place(name)
        if place not in self._known:
            self._known[place] = self._read(name)
        return self._known[place]

    def _read(self, name: str) -> Tensor:
        held, entry = self.graph.held[name], self.entry(name)
        pickled = entry.get("use_pickle")
        if pickled is not None and pickled.truth():
            raise NotCaptured(
                f"{self.archive.path}: `{held.key}` is pickled, which is not read; it is a tensor of a class of its "
                "own, or on no device: make it a plain tensor on the CPU, and save the program again"
            )
        meta = read_meta(entry.at("tensor_meta"))
        dtype = DTYPES.get(meta.dtype)
        said = self.graph.tensors.get(name)
        if dtype is None or (said is not None and said.sizes != meta.sizes):
            entry.wrong(f"`{held.key}` is {meta.dtype} of {meta.sizes}, and the graph has it otherwise")
        if len(meta.strides) != len(meta.sizes) or min((*meta.strides, meta.offset), default=0) < 0:
            entry.wrong("its strides are none of its sizes")
        count = prod(meta.sizes)
        reach = meta.offset + 1 + sum((n - 1) * step for n, step in zip(meta.sizes, meta.strides, strict=True))
        needed = max(reach, count) * dtype.itemsize if count else 0
        folder = "weights" if held.key in self.archive.weights.table() else "constants"
        data = self.archive.read(f"data/{folder}/{entry.at('path_name').text()}", needed, held.key)
        if not count:
            return torch.empty(meta.sizes, dtype=dtype)
        flat = torch.frombuffer(bytearray(data[: len(data) // dtype.itemsize * dtype.itemsize]), dtype=dtype)
        found = flat.as_strided(meta.sizes, meta.strides, meta.offset).contiguous()
        return found.to(torch.float32) if dtype.is_floating_point else found.clone()
