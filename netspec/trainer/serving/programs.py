"""A served net as a program of torch.export, and that in a file."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from netspec.trainer.serving.served import FREE, Port, Served

METADATA = "netspec.json"
"""The name of the extra file of a .pt2 that says what it is."""


@contextmanager
def quietly() -> Generator[None]:
    """Without the warnings of torch's exporters about themselves, and without gradients."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        yield


def traced(served: Served, values: tuple[Tensor, ...]) -> ExportedProgram:
    """The program of a served net for every batch, and for every size of picture where that is free. Raises whatever
    torch.export raises."""
    axes = {"batch": Dim("batch"), **{name: Dim(name) for name in FREE}}
    with quietly():
        program = torch.export.export(served, values, dynamic_shapes=(tuple(_free(p, axes) for p in served.inputs),))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    return program


def _free(port: Port, axes: Mapping[str, Any]) -> dict[int, Any]:
    return {i: axes[n] for i, n in enumerate(("batch", *port.shape)) if isinstance(n, str)}


def pt2_bytes(program: ExportedProgram, metadata: Mapping[str, Any]) -> bytes:
    """The contents of a .pt2 file."""
    buffer = io.BytesIO()
    with quietly():
        torch.export.save(program, buffer, extra_files={METADATA: json.dumps(metadata, ensure_ascii=False)})
    return buffer.getvalue()
