"""`netspec new`: a commented spec to start from."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import click

from netspec.called import WISH, is_name, name_like, why_not
from netspec.cli.files import is_read, write_new
from netspec.cli.shipped import shipped, variants
from netspec.diagnostics import UsageError
from netspec.text.source import SUFFIXES

_TEMPLATE = """\
# A network is a list of layers. Check it with `netspec check {file}`, look at its shapes with
# `netspec compile {file}`, train it with `netspec train {file}`.
netspec: 1                       # the version of the language
name: {name}
input: [1, 28, 28]               # one example, without the batch axis: channels, height, width

vars:                            # names for expressions; `--set width=64` overrides one
  width: 32
  classes: 10

blocks:                          # reusable pieces, called like layers
  conv_block(out):
    - Conv2d: {{out_channels: out, kernel_size: 3, padding: 1, bias: false}}
    - BatchNorm2d                # widths that follow from the input are not written
    - ReLU

layers:
  - for: i in range(3)
    do:
      - conv_block: width * 2**i
      - MaxPool2d: 2             # 28 -> 14 -> 7 -> 3
  - Flatten
  - Dropout: 0.3
  - Linear: classes

init: {{Conv2d: kaiming_normal_, Linear: xavier_uniform_}}

train:
  data: FashionMNIST             # found under $NETSPEC_DATA, or downloaded
  validation: 0.1                # a tenth of the training set, held back to choose the best checkpoint
  batch_size: 128
  epochs: 5
  optimizer: {{AdamW: {{lr: 0.001}}}}
  loss: CrossEntropyLoss
"""


@click.command()
@click.argument("name", required=False)
@click.option(
    "--from",
    "start",
    metavar="SPEC",
    help="Start from a spec that comes with netspec: lenet, alexnet, resnet18, unet, vit…",
)
@click.option(
    "--schema",
    metavar="FILE",
    help="Begin with the line by which editors find a schema, a file of `netspec schema` or an address.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(name: str | None, start: str | None, schema: str | None, force: bool) -> None:
    """Write NAME.yaml, a small commented convolutional network with a recipe, to start from.

    With --from it is one of the networks that come with netspec, under its own name if NAME is left out.
    """
    if name is None and start is None:
        raise UsageError(
            "name the spec to write: `netspec new mynet`, or one to start from: `netspec new --from lenet`"
        )
    given = name or str(start).rpartition("/")[2]
    stem = given.removesuffix(".yaml").removesuffix(".yml")
    path = Path(given if given.endswith(SUFFIXES) else f"{given}.yaml")
    name_of_spec = Path(stem).name
    if not is_name(name_of_spec):
        near = name_like(name_of_spec)
        hint = f"; did you mean `{near}`?" if near else f"; {WISH}"
        raise UsageError(f"`{name_of_spec}` cannot name a spec: {why_not(name_of_spec)}{hint}")
    variant = ""
    if start is None:
        text = _TEMPLATE.format(name=name_of_spec, file=path)
    else:
        file = shipped(start.removesuffix(".yaml"))
        is_read(file)
        text = file.read_text(encoding="utf-8")
        text = text if name is None else re.sub(r"(?m)^name: .*$", f"name: {name_of_spec}", text, count=1)
        variant = next((f" --variant {variant}" for variant in variants(file)), "")
    if schema is not None:
        text = f"# yaml-language-server: $schema={_of_one_line(_seen_from(path, _of_one_line(schema)))}\n{text}"
    write_new(path, text, force=force)
    click.echo(f"wrote {path}; next: netspec compile {path}{variant}", err=True)


def _seen_from(spec: Path, schema: str) -> str:
    """A schema as a spec names it, which editors look for from the spec's folder on; an address as it is.

    Raises:
        UsageError: there is no such file.
    """
    if "://" in schema:
        return schema
    if not Path(schema).is_file():
        raise UsageError(
            f"--schema {schema}: there is no such file; `netspec schema -o {shlex.quote(schema)}` writes it"
        )
    if Path(schema).is_absolute():
        return Path(schema).as_posix()
    return Path(os.path.relpath(schema, spec.parent)).as_posix()


def _of_one_line(schema: str) -> str:
    if not schema.isprintable() or not schema.strip() or schema != schema.strip() or " " in schema:
        raise UsageError(f"{schema!r} cannot stand in the line by which editors find a schema: it has no blanks")
    return schema
