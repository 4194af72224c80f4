"""A served net as ONNX, and what onnxruntime makes of it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from typing import Any, Final

import torch
from torch import Tensor
from torch.export import ExportedProgram

from netspec.diagnostics import MissingExtra
from netspec.extras import install
from netspec.trainer.serving.programs import quietly
from netspec.trainer.serving.served import Served

OPSET: Final = 18
"""The version of ONNX's operators: the first whose Resize filters what it makes smaller, as torch's does."""
LARGEST: Final = 2**31 - 1
"""The bytes of one ONNX file, which is one message of protobuf."""


def need_onnx() -> None:
    """Check that what writes ONNX is installed, without importing it.

    Raises:
        MissingExtra: it is not.
    """
    if missing := [name for name in ("onnx", "onnxscript") if find_spec(name) is None]:
        raise MissingExtra(f"writing ONNX needs {' and '.join(missing)}", install("onnx"))


def has_runtime() -> bool:
    """Whether onnxruntime is installed."""
    return find_spec("onnxruntime") is not None


def onnx_bytes(program: ExportedProgram, served: Served, name: str, metadata: Mapping[str, Any], version: str) -> bytes:
    """The contents of an .onnx file. Raises whatever torch.onnx raises for what ONNX lacks."""
    inputs, outputs = ([port.name for port in ports] for ports in (served.inputs, served.outputs))
    model = to_model(program, input_names=inputs, output_names=outputs)
    model.producer_name, model.producer_version = "netspec", version
    model.graph.name = name
    _forget(model)
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return model.SerializeToString()


def to_model(program: ExportedProgram, **names: list[str]) -> Any:
    """The ModelProto of a program. Raises whatever torch.onnx raises for what ONNX lacks."""
    onnx: Any = torch.onnx
    with quietly(), _silent():
        return onnx.export(program, dynamo=True, opset_version=OPSET, verbose=False, **names).model_proto


def _forget(model: Any) -> None:
    """Take out what the exporter notes of each operator: paths of this machine among it."""
    del model.metadata_props[:]
    graphs = [model.graph, *model.functions]
    while graphs:
        graph = graphs.pop()
        del graph.metadata_props[:]
        for one in (*graph.node, *graph.value_info, *getattr(graph, "input", ()), *getattr(graph, "output", ())):
            if not isinstance(one, str):
                del one.metadata_props[:]
                one.doc_string = ""
        for node in graph.node:
            graphs += [a.g for a in node.attribute if a.HasField("g")]
            graphs += [g for a in node.attribute for g in a.graphs]


@contextmanager
def _silent() -> Generator[None]:
    """What torch.onnx logs of its progress, and onnxscript before 0.7 prints, is not shown."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


class Runtime:
    """A session of onnxruntime on the CPU. Raises whatever onnxruntime raises."""

    def __init__(self, model: bytes) -> None:
        import onnxruntime  # pyright: ignore[reportMissingTypeStubs]  # an extra, without types; only this needs it

        runtime: Any = onnxruntime
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        self._session: Any = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.version: str = runtime.__version__

    def __call__(self, values: Sequence[Tensor]) -> list[Tensor]:
        """The outputs for a batch."""
        names = [given.name for given in self._session.get_inputs()]
        given = {name: value.numpy() for name, value in zip(names, values, strict=True)}
        return [torch.as_tensor(found) for found in self._session.run(None, given)]
