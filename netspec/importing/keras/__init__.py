"""A `.keras` file of Keras 3 as a spec, with its weights. It is read as data: nothing in it is run, and Keras is not
needed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from netspec.compiler import loads
from netspec.diagnostics import Defect
from netspec.errors import SpecError
from netspec.extras import install
from netspec.importing.config import ImportedSpec, NotImportable
from netspec.importing.keras.archive import WEIGHTS, Archive
from netspec.importing.keras.model import written_model
from netspec.importing.keras.weights import missing, tensors
from netspec.net import Net
from netspec.views.describe import count_text

__all__ = ["ImportedKeras", "from_keras"]


class ImportedKeras(NamedTuple):
    """A spec, and the weights of its network."""

    spec: ImportedSpec
    weights: bytes | None
    """A safetensors file with the keys of the built net; None where the file has none, or they cannot be read here."""


def from_keras(path: Path, name: str | None = None, *, with_weights: bool = True) -> ImportedKeras:
    """The spec of the network in a `.keras` file, and its weights.

    Args:
        path: the file.
        name: of the network; that of the model if left out.
        with_weights: whether the weights are wanted.

    Raises:
        NotImportable: the file is damaged, or says what a spec cannot.
        UsageError: it cannot be read.
    """
    archive = Archive(path)
    text, written = written_model(archive.config(), name)
    net = _compiled(text)
    params = net.params
    assert isinstance(params, int)
    shapes = _shapes(net)
    if shapes.keys() != written.weights.keys():
        odd = sorted(shapes.keys() ^ written.weights.keys())
        raise Defect(f"the net and the file have other tensors: {', '.join(odd[:5])}")
    notes = [*written.notes, *_of_order(net)]
    weights = None
    if not archive.has_weights:
        notes.append(f"the file has no `{WEIGHTS}`: this is the spec without weights")
    elif not with_weights:
        notes.append("with `-o FILE` the weights are written beside the spec")
    elif lacking := missing():
        notes.append(f"without its weights, which are read by {' and '.join(lacking)}: {install('keras')}")
    else:
        with archive.weights() as file:
            weights = tensors(file, written, shapes)
    titled = f"# From a Keras file: {count_text(params)} parameters.\n{text}"
    return ImportedKeras(ImportedSpec(titled, params, tuple(notes)), weights)


def _compiled(text: str) -> Net:
    try:
        return loads(text)
    except SpecError as error:
        first = next(d for d in error.diagnostics if d.severity == "error")
        line = text.splitlines()[first.span.line - 1].strip()
        raise NotImportable(f"its layers do not make a network: at `{line[:80]}`: {first.message}") from None


def _shapes(net: Net) -> dict[str, tuple[int, ...]]:
    """The tensors of the net's `state_dict`."""
    found: dict[str, tuple[int, ...]] = {}
    for leaf in net.layers:
        for key, shape in {**leaf.parameters, **leaf.buffer_shapes}.items():
            found[f"{leaf.path}.{key}"] = tuple(size for size in shape if isinstance(size, int))
    return found


def _of_order(net: Net) -> list[str]:
    """What is to be said of the order of the axes."""
    if not any(len(value.type.shape) > 2 for value in net.inputs):
        return []
    told = "the input has its channels first, where Keras has them last: `x.movedim(-1, 1)` makes one of the other"
    return [f"{told}; a Linear behind a Flatten has its columns in that order, so that the outputs are the same"]
