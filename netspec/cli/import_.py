"""`netspec import`: write the spec of a network that is described elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

import click

from netspec.capture.running.sources import ModuleSource, module_source, names_in, told_names
from netspec.cli.common import once, plugin_option, said
from netspec.cli.files import (
    WEIGHTS,
    check_ordinary,
    check_target,
    is_read,
    refuse_weights,
    weights_beside,
    write_atomic,
)
from netspec.cli.graphs import GRAPHS, import_graph
from netspec.cli.module_files import module_files
from netspec.cli.modules import ImportOptions, imported_module, imported_variants, told_of_proof
from netspec.diagnostics import UsageError
from netspec.importing import ImportedKeras, ImportedSpec, NotImportable, from_config, from_keras, from_program
from netspec.views.describe import count_text

if TYPE_CHECKING:
    from netspec.capture.importing import FromTorch


@click.command("import")
@click.argument("source")
@click.option("-o", "--output", metavar="FILE", help="Where to write the spec; printed if left out.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option(
    "--input", "inputs", multiple=True, metavar="SIZES",
    help="Of a module, a text or an ONNX file: one example's sizes, `3,224,224`, or `16,int64`; once for each input.",
)  # fmt: skip
@click.option(
    "--variants", metavar="FACTORIES", multiple=True,
    help="Of a program: several of its factories as variants of one spec, `resnet18,resnet34` or `Net(2),wide=Net(4)`.",
)  # fmt: skip
@click.option("--flat", is_flag=True, help="Of a module, an ONNX file or a .pt2: say everything once.")
@plugin_option
@click.option(
    "--write-plugin", "lacking", metavar="FILE", type=Path, multiple=True, callback=once,
    help="Of a module: write the layers that it needs and a spec lacks, `my_layers.py`, for `--plugin my_layers`.",
)  # fmt: skip
@click.option("--unverified", is_flag=True, help="Of the same: write what one run in eval mode did, without the proof.")
def command(
    source: str,
    output: str | None,
    force: bool,
    inputs: tuple[str, ...],
    variants: tuple[str, ...],
    flat: bool,
    lacking: Path | None,
    unverified: bool,
) -> None:
    """Write the spec of the network that SOURCE is.

    SOURCE is a `config.json` of Hugging Face's transformers, an ONNX file, `model.onnx`, a program that
    `torch.export.save` wrote, `net.pt2`, a `.keras` file, a module of yours, `package.module:factory` or `file.py:Net`,
    or a text with a chain of layers in it: `file.py`, a notebook, a page with code.

    The config is read as data, and nothing is fetched; known are BART, BERT, DistilBERT, GPT-2, Llama, Mistral,
    Mixtral, Qwen2, T5, the Vision Transformer and Whisper. What a spec cannot say is an error that names the key.

    A `.keras` file of Keras 3 is read as data, too, without Keras. Its weights are written beside the spec, as
    FILE.safetensors with the keys of the net. A net of pictures has its channels first. What a spec cannot say, such as
    a Lambda or a class of somebody's own, is an error that names the layer and the key.

    A text is read, and nothing in it is run.

    An ONNX file is read as data, with numbers from files of the same directory and no other. Its spec is held against
    the graph, and with its weights, which are written to FILE with the suffix `.safetensors`, against onnxruntime. What
    a spec cannot say is an error that names the node.

    A program of `torch.export` is read as data, too, and what is pickled in it is not. Its spec is proven as that of a
    module, and the weights are written beside, FILE.safetensors, under the spec's keys.

    A module is imported, made and run, in this directory. Its spec is held against it, with random weights, in
    outputs and gradients: without that proof nothing is written. What a spec cannot say is an error that names the
    line of your code. With --plugin, modules of the classes that its layers build are such layers; --write-plugin
    writes layers that are lacking. Weights load by the same keys; where a spec cannot keep one, FILE.keys.json says
    which is which, and `netspec transfer` reads it.

    With `--variants` several factories of the module are one file, with a variant for each, which is proven by itself.
    """
    target = None if output is None else Path(output)
    program, path = module_source(source), Path(source)
    if program is not None and program.file is not None:
        is_read(program.file)
    if target is not None:
        check_target(target)
    if target is not None and target.exists() and not force:
        raise UsageError(f"{target} is there already; `--force` writes over it")
    name = None if target is None else target.stem
    options = ImportOptions(inputs, is_flat=flat, is_verified=not unverified, plugin=lacking)
    if lacking is not None and (program is None or not program.rest):
        raise UsageError(_NO_MODULE.format(source))
    if variants:
        if lacking is not None:
            raise UsageError(
                f"`--write-plugin` is for one module: `netspec import {quote(source)} --write-plugin "
                f"{quote(str(lacking))}` first, then `--variants` with the `--plugin` that this writes"
            )
        _from_variants(_program_of(program, source, is_flat=flat), ",".join(variants), options, target, force=force)
        return
    if path.suffix.lower() in GRAPHS:
        import_graph(path, options, target, name, force=force)
        return
    is_text = program is None and path.suffix.lower() in _TEXTS and path.is_file()
    if is_text and not (flat or unverified):
        _from_text(path, inputs, target, name)
    elif program is not None and program.file is not None and not program.rest and program.file.is_file():
        _from_text(program.file, inputs, target, name, module=program)
    elif program is not None:
        _from_module(program, options, target, name, force=force)
    else:
        _refuse_options(options, source, is_text=is_text)
        _from_data(path, target, name, force=force)


_NO_MODULE: Final = (
    "`--write-plugin` is for a module of a program, `package.module:factory` or `file.py:Net`, and {} is none"
)


def _refuse_options(options: ImportOptions, source: str, *, is_text: bool) -> None:
    """Refuse what is for a module where none is given."""
    given = {
        "--input": bool(options.inputs) and not is_text,
        "--flat": options.is_flat,
        "--unverified": not options.is_verified,
    }
    for option in (option for option, is_given in given.items() if is_given):
        whose = "a module, `package.module:factory` or `file.py:Net`, or an .onnx file"
        whose += "" if option == "--input" else " or a .pt2"
        raise UsageError(f"`{option}` is for {whose}, and {source} is none")


def _from_data(path: Path, target: Path | None, name: str | None, *, force: bool) -> None:
    """The network of a `.keras` file or of a config of Hugging Face's."""
    if path.is_dir() and path.suffix.lower() != _KERAS:
        path /= "config.json"
    is_read(path)
    if path.suffix.lower() == _KERAS:
        check_ordinary(path)
        _from_keras(path, target, name, force=force)
        return
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    _refuse_others(path, text)
    written = from_config(text, name)
    _given_out(written, target)


def _refuse_others(path: Path, data: bytes) -> None:
    """Say what is read in the place of a file that is no text.

    Raises:
        NotImportable: it is none.
    """
    if data.startswith(b"PK\x03\x04"):
        what = (
            "a zip archive: name it .pt2 if `torch.export.save` wrote it, and .keras if Keras 3 did; what `torch.save` "
            "writes is not opened: give the module, `file.py:Net`"
        )
    elif data.startswith(b"\x89HDF"):
        what = "an HDF5 file, as Keras 2 wrote them: load it with Keras 3, and save it as `.keras`"
    elif b"\0" in data or path.suffix == WEIGHTS:
        what = "neither a text nor named as a file that is read: a `config.json`, .onnx, .pt2, .keras; or give a module"
    else:
        return
    raise NotImportable(f"{path} is {what}")


def _given_out(written: ImportedSpec, target: Path | None) -> None:
    """Print a spec, or write it, and say what there is to say of it."""
    for note in written.notes:
        said(f"note: {note}")
    if target is None:
        click.echo(written.text, nl=False)
        return
    write_atomic(target, written.text)
    click.echo(
        f"wrote {target}, {count_text(written.params)} parameters; next: netspec compile {quote(str(target))}", err=True
    )


_KERAS: Final = ".keras"
_TEXTS: Final = (".ipynb", ".md", ".txt")
"""Files that hold programs among other things."""


def _from_text(
    path: Path, inputs: tuple[str, ...], target: Path | None, name: str | None, module: ModuleSource | None = None
) -> None:
    """The chain of layers that a file has, which is read and not run."""
    wrong = [*inputs[1:], *(each for each in inputs if not re.fullmatch(r"\d+(,\d+)*", each))]
    if wrong:
        raise UsageError(f"`--input {wrong[0]}`: a chain of layers takes one tensor, sizes of one example: 3,224,224")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None
    title = re.sub(r"\W+", "_", name or path.stem, flags=re.ASCII).strip("_") or "network"
    try:
        written = from_program(text, title, [int(size) for size in inputs[0].split(",")] if inputs else None)
    except NotImportable as error:
        if module is not None and names_in(module):
            raise UsageError(f"{told_names(module)}; read as a text it is no chain of layers: {error}") from None
        raise
    _given_out(written, target)


def _from_keras(path: Path, target: Path | None, name: str | None, *, force: bool) -> None:
    """The network in a `.keras` file, with its weights beside the spec."""
    beside = weights_beside(target)
    found: ImportedKeras = from_keras(path, name, with_weights=target is not None)
    if beside is not None and found.weights is not None:
        refuse_weights(beside, force=force)
        write_atomic(beside, found.weights)
        click.echo(f"wrote {beside}: the weights, with the keys of the net", err=True)
    elif beside is not None and beside.exists():
        said(f"note: {beside} is from before, and has not the weights of this file")
    _given_out(found.spec, target)


def _program_of(program: ModuleSource | None, source: str, *, is_flat: bool) -> ModuleSource:
    """The program that has the factories of variants.

    Raises:
        UsageError: there is none, or an option is given that variants have not.
    """
    if program is None:
        raise UsageError(
            f"`--variants` is for a module, `package.module:factory` or `file.py:Net`, and {source} is none"
        )
    if is_flat:
        raise UsageError("`--flat` says everything once, `--variants` what several have in common: give one of them")
    return program


def _from_variants(
    source: ModuleSource, variants: str, options: ImportOptions, target: Path | None, *, force: bool
) -> None:
    """Several factories as variants of one spec."""
    files = module_files(target, None, force=force)
    found = imported_variants(source, variants, options, None if target is None else target.stem).found
    keys = {variant: each.keys for variant, each in found.members.items() if not each.keeps_keys}
    files.write(found.text, keys)
    count = len(found.members)
    what = "the spec" if target is None else f"wrote {target}"
    click.echo(f"{what}: {count} variants, {len(found.text.splitlines())} lines", err=True)
    for variant, each in found.members.items():
        click.echo(f"{variant}: {_params(each)} parameters", err=True)
        told_of_proof(each)
    nets = [each.net for each in found.members.values()]
    files.tell_keys(nets, next(iter(keys), None), has_others=bool(keys))
    files.tell_next(nets, next(iter(found.members)))


def _from_module(
    source: ModuleSource, options: ImportOptions, target: Path | None, name: str | None, *, force: bool
) -> None:
    """A module, with the layers that it lacks if they are to be written."""
    files = module_files(target, options.plugin, force=force)
    made = imported_module(source, options, name)
    found = made.found
    files.write(found.text, {} if found.keeps_keys else found.keys, made.plugin)
    what = "the spec" if target is None else f"wrote {target}"
    click.echo(f"{what}: {_params(found)} parameters, {len(found.text.splitlines())} lines", err=True)
    told_of_proof(found)
    files.tell_keys([found.net], has_others=not found.keeps_keys)
    files.tell_next([found.net])


def _params(found: FromTorch) -> str:
    params = found.net.params
    assert isinstance(params, int)
    return count_text(params)
