"""Which variant of which spec a command line means that names several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from netspec.cli.shipped import variants as variants_of
from netspec.diagnostics import UsageError


def variants_option(what: str) -> Callable[[Any], Any]:
    """`--variant`, which may be repeated; the help ends with what is done with several of one spec."""
    return click.option(
        "--variant", "variants", metavar="NAME", multiple=True, help=f"Which of the spec's variants; {what}."
    )


def spec_pairs(specs: tuple[str, ...], variants: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """Each net that is named, as its spec and variant.

    Raises:
        UsageError: it is not clear which variant is that of which spec.
    """
    if not variants:
        return [(spec, None) for spec in specs]
    if len(specs) == 1:
        return [(specs[0], variant) for variant in variants]
    having = [number for number, spec in enumerate(specs) if _has_variants(spec)]
    if len(variants) not in (1, len(having)):
        raise UsageError(
            f"{len(specs)} specs, {len(having)} of them with variants, and {len(variants)} `--variant`: give one for "
            "all, or one for each spec that has variants, in their order"
        )
    having = having or [0]  # whose variants are asked for, and told to be none
    given = dict(zip(having, variants * len(having) if len(variants) == 1 else variants, strict=True))
    return [(spec, given.get(number)) for number, spec in enumerate(specs)]


def _has_variants(spec: str) -> bool:
    """Whether a spec has variants, as far as can be known before it is compiled."""
    file = Path(spec)
    try:
        return spec == "-" or not file.is_file() or bool(variants_of(file))
    except (OSError, UnicodeDecodeError):
        return True
