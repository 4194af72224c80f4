"""`netspec import`: write the spec of a network that is described elsewhere."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from netspec.cli.files import check_target, is_read, write_atomic
from netspec.diagnostics import UsageError
from netspec.importing import from_config
from netspec.views.describe import count_text


@click.command("import")
@click.argument("config")
@click.option("-o", "--output", metavar="FILE", help="Where to write the spec; printed if left out.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(config: str, output: str | None, force: bool) -> None:
    """Write the spec of the network that CONFIG describes: a `config.json` of Hugging Face's transformers.

    Known are BART, BERT, DistilBERT, GPT-2, Llama, Mistral, Mixtral, Qwen2, T5, the Vision Transformer and Whisper.
    What a spec cannot say is an error that names the key. The file is read as data, and nothing is fetched.
    """
    path = Path(config)
    if path.is_dir():
        path /= "config.json"
    is_read(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    target = None if output is None else Path(output)
    if target is not None:
        check_target(target)
    if target is not None and target.exists() and not force:
        raise UsageError(f"{target} is there already; `--force` writes over it")
    written = from_config(text, None if target is None else target.stem)
    if target is None:
        click.echo(written.text, nl=False)
        return
    write_atomic(target, written.text)
    click.echo(
        f"wrote {target}, {count_text(written.params)} parameters; next: netspec compile {quote(str(target))}", err=True
    )
