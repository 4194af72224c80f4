"""A trained run as a file for other programs: `netspec export`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import torch
from torch import Tensor
from torch.export import ExportedProgram

import netspec
from netspec.asked import by_command, option
from netspec.diagnostics import Code, MissingExtra, NetspecError, UsageError
from netspec.extras import install
from netspec.net import Leaf
from netspec.torch.verify import example
from netspec.trainer.machine.device import Arithmetic, numerics
from netspec.trainer.measure.evaluation import evaluating
from netspec.trainer.serving.culprits import culprit
from netspec.trainer.serving.onnx_file import LARGEST, OPSET, Runtime, has_runtime, need_onnx, onnx_bytes
from netspec.trainer.serving.programs import pt2_bytes, traced
from netspec.trainer.serving.served import Port, Served, Serving
from netspec.trainer.trained.opening import Trained
from netspec.views.describe import bytes_text, plural

Form = Literal["onnx", "pt2"]
FORMS: Final[dict[str, Form]] = {".onnx": "onnx", ".pt2": "pt2"}
"""The form that the ending of a file means."""
TOLERANCE: Final = 1e-4
"""How far a value may be from the run's own, of the largest of the output, or of 1 where that is smaller."""


class NotExportable(NetspecError):
    """A net cannot be exported: it has an operation that the form lacks."""

    code: Code = "not-exportable"


class ExportDiffers(NetspecError):
    """What was exported does not give what the run gives."""

    code: Code = "export-differs"


class Check(NamedTuple):
    """What a file gives, held against the run's own predictions."""

    by: str
    """What ran it."""
    examples: int
    difference: float
    """The largest of all values."""

    def text(self) -> str:
        """As a sentence."""
        of = plural(self.examples, "example")
        return f"as the run itself, by {self.by}: largest difference {self.difference:.1e}, of {of}"


@dataclass(frozen=True)
class Exported:
    """A run as the contents of a file."""

    form: Form
    data: bytes
    """The contents."""
    metadata: dict[str, Any]
    """What the file says of itself."""
    check: Check | None
    """None if it was not held against the run's predictions."""
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    notes: tuple[str, ...] = ()
    """What there is to know about it."""

    def text(self, file: str) -> str:
        """What was written to a file, as lines of text."""
        kind = f"ONNX, opset {OPSET}" if self.form == "onnx" else "a program of torch.export"
        inside = " → ".join(self.metadata["transforms"])
        lines = [f"{file}: {kind}, {bytes_text(len(self.data))}, {self.metadata['weights']}"]
        lines += [f"  input   {port.text()}{f', then {inside}' if inside else ''}" for port in self.inputs]
        lines += [f"  output  {port.text()}" for port in self.outputs]
        if names := self.metadata.get("classes"):
            shown = ", ".join(names[:4])
            lines.append(f"  classes {len(names)}: {shown}{', …' if len(names) > 4 else ''}")
        lines.append("  not verified" if self.check is None else f"  the same {self.check.text()}")
        return "\n".join(lines)


def export(
    trained: Trained,
    form: Form,
    asked: Serving = Serving(),  # noqa: B008  # an immutable value
    *,
    verify: bool | None = None,
) -> Exported:
    """A run as a file for other programs, held against the run's own predictions.

    Args:
        trained: the run, on the CPU.
        form: `onnx`, or `pt2` for a program of torch.export.
        asked: what its input is.
        verify: whether to hold it against the run; None: where what that takes is installed.

    Raises:
        UsageError: it does not go with the run, or the file would be too large.
        MissingExtra: what writes or verifies it is not installed.
        NotExportable: the net has an operation that the form lacks.
        ExportDiffers: it gives other values than the run.
    """
    if form == "onnx":
        need_onnx()
        if verify and not has_runtime():
            raise MissingExtra(f"{option('verify', True)} needs onnxruntime", install("onnx"))
    served = Served(trained.net, trained.recipe, trained.model, asked).eval()
    metadata = _metadata(trained, served)
    arithmetic = Arithmetic(torch.device("cpu"), "fp32", None, False)
    with numerics(arithmetic), evaluating(served):
        program = _traced(trained, served)
        if form == "pt2":
            data = pt2_bytes(program, metadata)
            check = None if verify is False else _held(served, program.module(), f"torch {torch.__version__}")
        else:
            data = _onnx(trained, served, program, metadata)
            check = None if verify is False or not has_runtime() else _by_runtime(served, data)
    notes = tuple(_notes(trained, form, verify))
    return Exported(form, data, metadata, check, tuple(served.inputs), tuple(served.outputs), notes)


def _notes(trained: Trained, form: Form, verify: bool | None) -> list[str]:
    notes: list[str] = []
    if form == "onnx" and verify is None and not has_runtime():
        notes.append(
            f"not held against the run's predictions, since onnxruntime is not installed:\n    {install('onnx')}"
        )
    if trained.recipe.precision in ("bf16", "fp16"):
        notes.append(
            f"the run computes in {trained.recipe.precision}; what is exported computes in float32, and is held "
            "against predictions in float32"
        )
    return notes


def _metadata(trained: Trained, served: Served) -> dict[str, Any]:
    """What a file says of itself: plain values by name."""
    found: dict[str, Any] = {
        "name": trained.net.name,
        "netspec_version": netspec.__version__,
        "weights": trained.origin,
        "inputs": [port.to_dict() for port in served.inputs],
        "outputs": [port.to_dict() for port in served.outputs],
        "preprocessing": "inside" if served.preprocesses else "none",
        "transforms": served.transforms,
    }
    return found | {"classes": trained.names} if trained.classifies else found


# ---- writing


def _edges(trained: Trained) -> tuple[int, int]:
    """Height and width of an example where they are free: more than the net takes, and not the same."""
    sizes = [n for value in trained.net.inputs for n in value.type.shape if isinstance(n, int)]
    return max(sizes, default=8) + 9, max(sizes, default=8) + 20


def _traced(trained: Trained, served: Served) -> ExportedProgram:
    try:
        return traced(served, served.examples(3, 0, _edges(trained)))
    except Exception as error:
        raise _lacking(trained, "pt2", error) from error


def _onnx(trained: Trained, served: Served, program: ExportedProgram, metadata: dict[str, Any]) -> bytes:
    size = sum(t.numel() * t.element_size() for t in served.state_dict().values())
    if size > LARGEST:
        raise UsageError(
            f"the weights of `{trained.run.path}` take {bytes_text(size)}, and an ONNX file holds at most "
            f"{bytes_text(LARGEST)}; {option('to', 'pt2')} has no such limit"
        )
    try:
        return onnx_bytes(program, served, trained.net.name, metadata, netspec.__version__)
    except Exception as error:
        raise _lacking(trained, "onnx", error) from error


def _lacking(trained: Trained, form: Form, error: Exception) -> NotExportable:
    """The error that names the layer that cannot be exported."""
    generator = torch.Generator().manual_seed(0)
    node = culprit(trained.net, trained.model, example(trained.net, 7, generator), form)
    what = (
        f"`{trained.net.name}` as a whole"
        if node is None
        else f"`{node.type if isinstance(node, Leaf) else node.joining.word}` at {node.span.place}"
    )
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    reason = (str(root).strip().splitlines() or [type(root).__name__])[0].rstrip(".")[:300]
    version = torch.__version__.partition("+")[0]
    if form == "onnx":
        return NotExportable(
            f"{what} has no form in ONNX (opset {OPSET}, by torch {version}): {reason}; {option('to', 'pt2')} writes it"
        )
    return NotExportable(
        f"torch.export (torch {version}) cannot follow {what}: {reason}; `netspec compile {trained.run.spec}` writes "
        "the net as Python, which needs no export"
    )


# ---- held against the run


def _by_runtime(served: Served, data: bytes) -> Check:
    try:
        runtime = Runtime(data)
        return _held(served, runtime, f"onnxruntime {runtime.version}")
    except NetspecError:
        raise
    except Exception as error:
        raise ExportDiffers(
            f"onnxruntime cannot run what was exported: {' '.join(str(error).split())[:300]}; nothing is written. "
            f"{_unverified()} writes it all the same"
        ) from error


def _held(served: Served, run: Callable[..., Any], by: str) -> Check:
    """Hold what `run` gives against the run's own predictions, on batches of one and of more, and on pictures of
    several sizes where that is free.

    Raises:
        ExportDiffers: they differ.
    """
    total, worst = 0, 0.0
    for batch, seed, edges in ((1, 1, (64, 91)), (4, 2, (131, 77)), (2, 3, (40, 40))):
        values = served.examples(batch, seed, edges)
        # layers that draw in evaluation, as `FractionalMaxPool2d` does, draw the same
        with torch.no_grad(), torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]  # untyped
            torch.default_generator.manual_seed(seed)
            own = served(*values)
            torch.default_generator.manual_seed(seed)
            got: Sequence[Tensor] = run(values) if isinstance(run, Runtime) else run(*values)
        for port, mine, theirs in zip(served.outputs, own, got, strict=True):
            worst = max(worst, _difference(port.name, mine, theirs, by))
        total += batch
        if batch > 1 and not any(port.free for port in served.inputs):
            break
    return Check(by, total, worst)


def _difference(name: str, own: Tensor, got: Tensor, by: str) -> float:
    if own.shape != got.shape:
        raise ExportDiffers(f"the output `{name}` is {tuple(got.shape)} by {by}, and {tuple(own.shape)} in the run")
    if not own.numel():
        return 0.0
    found = float((own.double() - got.double()).abs().max())
    largest = float(own.double().abs().max())
    if not found <= TOLERANCE * max(1.0, largest):
        raise ExportDiffers(
            f"the output `{name}` by {by} differs from the run's own by {found:.1e}, and may by {TOLERANCE:.0e} (its "
            f"largest value is {largest:.3g}); nothing is written. {_unverified()} writes it all the same"
        )
    return found


def written_form(to: str | None, ending: str) -> Form:
    """The form that is asked for, by its name or by the ending of the file.

    Raises:
        UsageError: neither says one.
    """
    form = FORMS.get(f".{to}") if to else FORMS.get(ending)
    if form is None:
        wrong = f"there is no form `{to}`" if to else f"the ending `{ending}` says no form"
        raise UsageError(f"{wrong}: say {option('to', 'onnx')} or {option('to', 'pt2')}")
    return form


def _unverified() -> str:
    return "`--no-verify`" if by_command() else "`verify=False`"
