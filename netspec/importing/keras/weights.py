"""The tensors of a Keras file, by the keys of the built net. HDF5 is read as data: one data set at a time, by its name,
of the shape that the configuration says, and nothing that leads out of the file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import IO, Any, Final

from netspec.importing.config import NotImportable
from netspec.importing.keras.archive import WEIGHTS
from netspec.importing.keras.changes import FilledTensor, StoredTensor
from netspec.importing.keras.step import FoundBeside
from netspec.layers.base import shape_text

_NEEDED: Final = ("h5py", "safetensors")


def missing() -> list[str]:
    """Libraries that are needed to read the weights, and are not installed."""
    return [name for name in _NEEDED if find_spec(name) is None]


def tensors(file: IO[bytes], written: FoundBeside, shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """The weights as a safetensors file.

    Args:
        file: the HDF5 file.
        written: where each tensor stands.
        shapes: of the net's tensors, by their keys.

    Raises:
        NotImportable: a tensor is not there, or has another shape than the configuration says.
    """
    import numpy
    from safetensors.numpy import save

    h5py, found = _hdf5(), dict[str, Any]()
    try:
        with h5py.File(file, "r") as weights:
            places = {
                key: _checked(weights, stored, place, source)
                for key, (stored, place, source) in written.weights.items()
                if isinstance(source, StoredTensor)
            }
            for key, (_, place, source) in written.weights.items():
                if isinstance(source, FilledTensor):
                    kind = numpy.int64 if source.whole else numpy.float32
                    found[key] = numpy.broadcast_to(numpy.asarray(source.value, dtype=kind), source.shape)
                else:
                    found[key] = source.change(places[key][()].astype(numpy.float32))
                if found[key].shape != shapes[key]:
                    raise NotImportable(f"`{key}` of `{place}` would be {shape_text(found[key].shape)}, and the layer "
                                        f"wants {shape_text(shapes[key])}")  # fmt: skip
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise NotImportable(f"`{WEIGHTS}` is damaged: {str(error)[:200]}") from None
    return save({key: numpy.ascontiguousarray(array) for key, array in found.items()})


def _hdf5() -> Any:
    """The library, which has no types."""
    return import_module("h5py")


def _checked(weights: Any, stored: str, place: str, source: StoredTensor) -> Any:
    """A data set, before anything of it is read."""
    h5py = _hdf5()
    where = f"`{WEIGHTS}`, `{stored}/{source.at}`"
    group = weights
    *groups, last = f"{stored}/{source.at}".split("/")
    for at, name in enumerate([*groups, last]):
        link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise NotImportable(f"{where}: there is no `{'/'.join([*groups, last][: at + 1])}`, which has weights of "
                                f"the layer `{place}`")  # fmt: skip
        if not isinstance(link, h5py.HardLink):
            raise NotImportable(f"{where}: `{name}` leads to another place or file, which is not followed")
        group = group[name]
        if at + 1 == len(stored.split("/")) and isinstance(group, h5py.Group):
            _same_layer(group, place, where)
    found = group
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiu":
        raise NotImportable(f"{where}: is no tensor of numbers")
    if found.shape != source.shape:
        raise NotImportable(f"{where}: has the shape {shape_text(found.shape)}, and the layer `{place}` wants "
                            f"{shape_text(source.shape)}")  # fmt: skip
    if found.is_virtual or found.external or found.id.get_storage_size() != found.nbytes:
        raise NotImportable(f"{where}: its numbers are packed or lie in another file, which is not followed")
    return found


def _same_layer(group: Any, place: str, where: str) -> None:
    """Refuse the weights of another layer, where the file says whose they are."""
    found = group.get("vars") if isinstance(group.get("vars", getlink=True), _hdf5().HardLink) else None
    name = None if found is None else found.attrs.get("name")
    if isinstance(name, str) and place.rpartition("/")[2] != name:
        raise NotImportable(f"{where}: these are the weights of `{name[:80]}`, and not of `{place}`")
