"""`netspec explain`: a layer's arguments, formula and example, or what an error code means and how to mend it."""

from __future__ import annotations

import textwrap

import click

from netspec.codes import CODES
from netspec.codes.base import Code
from netspec.diagnostics import UsageError, did_you_mean
from netspec.layers import FAMILIES, MODULE_OF, UNOFFERED
from netspec.layers.reference import explain_layer


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Explain NAME, a layer such as Conv2d or an error code such as width-mismatch; without NAME, list both."""
    click.echo(_everything() if name is None else explain(name))


def explain(name: str) -> str:
    """The explanation of a layer or of a diagnostic code, at 80 columns.

    Raises:
        UsageError: there is neither.
    """
    if name in MODULE_OF:
        return explain_layer(name)
    if name in CODES:
        return explain_code(name, CODES[name])
    if name in UNOFFERED:
        return textwrap.fill(f"{name} is a layer of torch.nn that netspec does not offer: {UNOFFERED[name]}.", 80)
    near = did_you_mean(name, (*MODULE_OF, *CODES))
    raise UsageError(
        f"there is no layer or error code `{name}`; "
        + (f"did you mean `{near}`?" if near else "`netspec explain` lists them")
    )


def explain_code(name: str, code: Code) -> str:
    """A diagnostic code: what it means, a spec that provokes it, and the same spec mended."""
    parts = [f"{name} ({code.severity})", textwrap.fill(code.summary, 80), textwrap.fill(code.meaning, 80)]
    if code.bad:
        parts += ["Wrong:", textwrap.indent(_cut(code.bad), "    "), "Right:", textwrap.indent(_cut(code.good), "    ")]
    return "\n\n".join(part.rstrip("\n") for part in parts)


def _cut(text: str) -> str:
    """The text with its longest lines cut: some examples are wrong by their size alone."""
    return "\n".join(line if len(line) <= 76 else f"{line[:73]}..." for line in text.splitlines())


def _everything() -> str:
    lines = ["Layers, by the module that defines them:"]
    for family, names in FAMILIES.items():
        lines.append(textwrap.fill(", ".join(names), 80, initial_indent=f"  {family}: ", subsequent_indent="    "))
    lines += ["", "Error codes:"]
    lines += [textwrap.fill(", ".join(CODES), 80, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)]
    return "\n".join(lines)
