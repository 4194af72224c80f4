"""`netspec transfer`: write the weights of another implementation as a file for the spec's module."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from netspec.cli.common import load_spec, said, spec_options
from netspec.cli.files import check_target, is_read, write_atomic
from netspec.cli.key_maps import KeyMap, read_keys
from netspec.diagnostics import UsageError
from netspec.net import Net

if TYPE_CHECKING:
    from torch import Tensor

_PUBLISHED = "torchvision:"


@click.command()
@click.argument("spec")
@click.option(
    "--from",
    "source",
    metavar="SOURCE",
    required=True,
    help="torchvision:MODEL[:WEIGHTS], as in torchvision:resnet50:DEFAULT or torchvision:resnet50:FILE; or a FILE "
    "alone: a state_dict in .safetensors, or what torch.save wrote.",
)
@click.option("-o", "--output", metavar="FILE", type=Path, required=True, help="The .safetensors file to write.")
@click.option("--fresh", multiple=True, metavar="GLOB", help="Layers to leave out, as '10.*' for a head of other size.")
@click.option("-v", "--verbose", is_flag=True, help="List which tensor each one came from.")
@spec_options
def command(
    spec: str,
    source: str,
    output: Path,
    fresh: tuple[str, ...],
    verbose: bool,
    variant: str | None,
    set_: tuple[str, ...],
) -> None:
    """Carry weights over to SPEC, by names and the order in which layers are first used, with every shape compared.

    Where SPEC was imported from a module and has other keys, the map that `netspec import` wrote beside it, as
    net.keys.json beside net.yaml, decides alone: FILE then has the `state_dict` of that module.
    """
    if output.suffix != ".safetensors":
        raise UsageError(f"-o {output}: the weights are written as safetensors; name a file that ends in .safetensors")
    if not output.parent.is_dir():
        raise UsageError(f"-o {output}: there is no directory {output.parent}")
    for file in (source, source.split(":", 2)[-1]):
        is_read(file)
    net = load_spec(spec, variant, set_)
    beside = read_keys(spec, net.variant)
    check_target(output)
    carried = _carried(source, net, fresh, beside)
    for note in carried.notes:
        said(f"note: {note}")
    if verbose or carried.is_guess:
        for key, origin in carried.origins.items():
            click.echo(f"{key} <- {origin}", err=True)

    from netspec.torch import sources

    metadata = {"format": "pt", "netspec": net.name, "source": source}
    write_atomic(output, sources.safetensors_bytes(carried.state, metadata))
    click.echo(f"wrote {output}: {sources.count(carried.state)}, matched {carried.how}", err=True)


class _Carried(NamedTuple):
    """Weights under the keys of a net."""

    state: dict[str, Tensor]
    origins: dict[str, str]
    """Net key → source key."""
    notes: list[str]
    how: str
    """By what they were matched."""
    is_guess: bool = False
    """Whether each match is to be looked at."""


def _carried(source: str, net: Net, fresh: tuple[str, ...], beside: KeyMap | None) -> _Carried:
    """The weights of a source, matched by the map beside the spec where there is one.

    Raises:
        TransferError: they do not match; of a map the message begins with its file and line.
    """
    from netspec.torch.matching import MapMismatch  # raises MissingExtra without torch

    keys = None if beside is None else beside.keys
    try:
        if source.startswith(_PUBLISHED):
            found = _of_torchvision(source, net, fresh, keys)
        else:
            found = _of_file(Path(source), net, fresh, keys)
    except MapMismatch as error:
        assert beside is not None
        raise MapMismatch(f"{beside.place(error.key)}: {error}. {_STALE.format(beside.file)}", error.key) from None
    if beside is not None and all(beside.keys.get(key) == origin for key, origin in found.origins.items()):
        return found._replace(how=f"by {beside.file}", is_guess=False)
    return found


_STALE: Final = (
    "{} was written by the import of a module, for weights of that module and the spec as it was then: import the "
    "module again if it or the spec has changed; for weights of another model move the map away, and names and order "
    "decide"
)


def _of_torchvision(source: str, net: Net, fresh: tuple[str, ...], keys: Mapping[str, str] | None) -> _Carried:
    from netspec.torch import sources, transfer

    module = sources.published(source.removeprefix(_PUBLISHED), progress=sys.stderr.isatty())
    state, origins, notes = transfer.transfer_from(module, net, fresh=fresh, keys=keys)
    if getattr(module, "transform_input", False):
        notes.append(
            f"torchvision feeds `{source}` images that it renormalises inside the model (transform_input); these "
            "weights expect the same"
        )
    return _Carried(state, origins, notes, "by order of first use")


def _of_file(file: Path, net: Net, fresh: tuple[str, ...], keys: Mapping[str, str] | None) -> _Carried:
    from netspec.torch import sources, transfer

    stored = sources.read_state(file)
    state, origins, notes = transfer.transfer_state(
        stored, net, ordered=file.suffix != ".safetensors", fresh=fresh, keys=keys
    )
    same = all(key == origin for key, origin in origins.items())
    how = "by name" if same else "by the order of the file and by shape"
    return _Carried(state, origins, notes, how, is_guess=not same)
