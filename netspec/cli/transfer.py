"""`netspec transfer`: write the weights of another implementation as a file for the spec's module."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from netspec.cli.common import load_spec, said, spec_options
from netspec.cli.files import check_target, is_read, write_atomic
from netspec.diagnostics import UsageError
from netspec.views.describe import shape_text

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
    """Carry weights over to SPEC, by names and the order in which layers are first used, with every shape compared."""
    if output.suffix != ".safetensors":
        raise UsageError(f"-o {output}: the weights are written as safetensors; name a file that ends in .safetensors")
    if not output.parent.is_dir():
        raise UsageError(f"-o {output}: there is no directory {output.parent}")
    for file in (source, source.split(":", 2)[-1]):
        is_read(file)
    net = load_spec(spec, variant, set_)
    check_target(output)

    from netspec.torch import sources, transfer  # raises MissingExtra without torch

    if source.startswith(_PUBLISHED):
        module = sources.published(source.removeprefix(_PUBLISHED), progress=sys.stderr.isatty())
        state, origins, notes = transfer.transfer_from(module, net, fresh=fresh)
        how = "by order of first use"
        for note in notes:
            said(f"note: {note}")
        if getattr(module, "transform_input", False):
            said(
                f"note: torchvision feeds `{source}` images that it renormalises inside the model (transform_input); "
                "these weights expect the same"
            )
    else:
        file = Path(source)
        ordered = file.suffix != ".safetensors"
        stored = sources.read_state(file)
        state, origins = transfer.transfer_state(stored, net, ordered=ordered, fresh=fresh)
        for key, tensor in state.items():
            if (there := tuple(stored[origins[key]].shape)) != tuple(tensor.shape):
                here = shape_text(tuple(tensor.shape))
                said(f"note: `{origins[key]}` is {shape_text(there)}, and {here} in `{key}`")
        same = all(key == origin for key, origin in origins.items())
        how = "by name" if same else "by the order of the file and by shape"
        verbose = verbose or not same
    if verbose:
        for key, origin in origins.items():
            click.echo(f"{key} <- {origin}", err=True)
    metadata = {"format": "pt", "netspec": net.name, "source": source}
    write_atomic(output, sources.safetensors_bytes(state, metadata))
    click.echo(f"wrote {output}: {sources.count(state)}, matched {how}", err=True)
