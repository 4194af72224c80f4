"""`netspec predict`: what a trained run gives for pictures, files of tensors, its own data, or a text to go on with."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from netspec.cli.common import format_option, need_torch, offer, plugin_option, said, weights_options
from netspec.cli.files import no_directory
from netspec.diagnostics import UsageError
from netspec.render.lines import printable
from netspec.views.describe import plural

if TYPE_CHECKING:
    from netspec.trainer.trained.continuation import Continuation
    from netspec.trainer.trained.opening import Trained


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("files", metavar="[FILE...]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(["test", "validation", "train"]),
              help="Examples of the run's data, in place of files.")  # fmt: skip
@click.option("--examples", type=click.IntRange(min=1), default=10, show_default=True, metavar="N",
              help="How many of the split, from its first one on.")  # fmt: skip
@click.option("--data", "data_root", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the data sets.")
@click.option(
    "--top", type=click.IntRange(min=1), default=3, show_default=True, metavar="N", help="Classes of an answer."
)
@click.option("--text", metavar="TEXT", help="A text that a run on text goes on with, in place of files.")
@click.option("--tokens", type=click.IntRange(min=1), metavar="N", show_default="200",
              help="How many tokens to add to it.")  # fmt: skip
@click.option("--temperature", type=click.FloatRange(min=0), metavar="T", show_default="1",
              help="Divides the scores of the next token; 0 takes the likeliest.")  # fmt: skip
@click.option("--top-k", type=click.IntRange(min=1), metavar="K", help="Draw from the K likeliest tokens only.")
@click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), metavar="N", show_default="0",
              help="Of the draws.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="PATH",
              help="Of a table, the file (.csv, .tsv, .parquet) of its rows with what is said of them; of pictures, "
              "the folder of the masks.")  # fmt: skip
@weights_options
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")
@format_option("text", "json")
@plugin_option
def command(
    run: Path,
    files: tuple[Path, ...],
    split: str | None,
    examples: int,
    data_root: Path | None,
    top: int,
    text: str | None,
    tokens: int | None,
    temperature: float | None,
    top_k: int | None,
    seed: int | None,
    output: Path | None,
    best: bool,
    last: bool,
    device: str,
    form: str,
) -> None:
    """Say what a trained RUN gives for pictures, or for other examples, or how it goes on with a text.

    A FILE is a picture, a table where the run is on one, or a .safetensors file with a tensor of examples under the
    name of each input of the net (the only one as `x`). A classifier names the likeliest classes, and a net on a table
    says a yes or no by its word; of any other net, and of one with several outputs, all outputs are given by name:
    their first values as text, all of them as JSON.

    A run on text goes on with `--text`, or with each FILE of UTF-8; `-` is standard input. Its net sees as many tokens
    as its input is long: of more than that the last ones.
    """
    if bool(files) + (split is not None) + (text is not None) != 1:
        raise UsageError(
            "name files (pictures, .safetensors, or texts where the run is on text), or part of the run's data by "
            "`--split test`, or give a text by `--text`; one of them"
        )
    from netspec.trainer.run.directory import find_run  # needs no torch, so what is wrong with a run is said without

    find_run(run)
    need_torch()
    from netspec.trainer.trained.opening import open_trained
    from netspec.trainer.trained.prediction import TENSORS, predict, predict_split  # after parsing: torch is slow

    trained = open_trained(run, device=device, best=best, last=last, offer=offer())
    on_text = trained.recipe.data.next_token
    if on_text and (text is not None or any(file.suffix != TENSORS for file in files)):
        _show(_continued(trained, text, files, tokens or 200, temperature, top_k, seed or 0), form)
        return
    asked = {"--text": text, "--tokens": tokens, "--temperature": temperature, "--top-k": top_k, "--seed": seed}
    if given := [name for name, value in asked.items() if value is not None]:
        why = "" if on_text else f", and `{run}` is on `{trained.recipe.data.name()}`"
        raise UsageError(f"`{given[0]}` is for a text that a run on text goes on with{why}")
    if output is not None:
        _write(trained, files, output)
        return
    answers = predict_split(trained, split, examples, data_root, top) if split else predict(trained, files, top, said)
    if form == "json":
        click.echo(json.dumps([answer.to_dict() for answer in answers], indent=1))
        return
    for answer in answers:
        click.echo(answer.text())


def _write(trained: Trained, files: Sequence[Path], output: Path) -> None:
    """Write a table with what the run says of its rows; or, into a directory, a picture for each picture."""
    if not trained.recipe.data.tabular:
        from netspec.trainer.trained.drawn import predict_pictures

        if not files:
            raise UsageError("`--output` is for files that are named")
        for path in predict_pictures(trained, files, output):
            click.echo(path)
        return
    from netspec.trainer.trained.tabulated import predict_table

    if len(files) != 1:
        raise UsageError(f"`--output` is for the rows of one table, and {len(files) or 'no'} files are named")
    if output.parent != Path() and not output.parent.is_dir():
        raise no_directory(output)
    click.echo(f"{output} ({plural(predict_table(trained, files[0], output, said), 'row')})")


def _continued(
    trained: Trained,
    text: str | None,
    files: Sequence[Path],
    tokens: int,
    temperature: float | None,
    top_k: int | None,
    seed: int,
) -> list[Continuation]:
    """How the run goes on with each text."""
    from netspec.trainer.data.text import decoded, read_text
    from netspec.trainer.trained.continuation import Sampling, continue_text

    sampling = Sampling(1.0 if temperature is None else temperature, top_k, seed)
    if text is not None:
        return [continue_text(trained, text, tokens, sampling)]
    found: list[Continuation] = []
    for file in files:
        if str(file) == "-":
            stdin: TextIO | None = sys.stdin  # None if it is closed
            prompt = decoded(b"" if stdin is None else stdin.buffer.read(), "standard input")
        elif file.is_file():
            prompt = read_text(file)
        else:
            raise UsageError(f"there is no file `{file}`; a text itself is given by `--text`")
        found.append(continue_text(trained, prompt, tokens, sampling, {"file": str(file)}))
    return found


def _show(found: Sequence[Continuation], form: str) -> None:
    """Print texts with what follows them; on a terminal control characters are escaped."""
    if form == "json":
        click.echo(json.dumps([one.to_dict() for one in found], indent=1))
        return
    for one in found:
        if len(found) > 1:
            click.echo(f"{one.source['file']}:")
        text = one.prompt + one.text
        click.echo(_for_terminal(text) if sys.stdout.isatty() else text)
        if one.forgot:
            said(f"note: the net sees {one.window} tokens at a time: at the end {one.forgot} did not count")


def _for_terminal(text: str) -> str:
    """The text with control characters escaped, but for line ends and tabs."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
