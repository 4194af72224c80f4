"""Names that are taken: words of the language, functions, layers, and what the file itself defines."""

from __future__ import annotations

from typing import Final

from netspec.combinators import COMBINATORS
from netspec.combinators import WORDS as OPTIONS
from netspec.diagnostics import Related
from netspec.expressions import is_reserved
from netspec.language.spec import Report, Spec
from netspec.layers import MODULE_OF, UNOFFERED
from netspec.text.source import ScalarNode

WORDS: Final = frozenset(
    (
        *COMBINATORS,
        *OPTIONS,
        "for",
        "repeat",
        "do",
        "when",
        "name",
        "freeze",
        "init",
        "shared",
        "tie",
        "parametrize",
        "as",
        "use",
        "output",
    )
)
"""The words of the language that stand where a block's name could stand."""
PLACES: Final = frozenset(("in_shape", "in_channels", "in_features"))
"""What an expression among the layers may ask of the place where it stands."""
OVERRIDDEN: Final = frozenset(("input", "train", "expect"))
"""What a variant may override beside variables."""
RESERVED: Final = WORDS | PLACES | OVERRIDDEN
_TRUTHS: Final = frozenset(("on", "off", "yes", "no"))


def reserved(name: str, spec: Spec | None = None) -> str | None:
    """Why a name can stand for no value of a network, input or not; None if it can. `spec` is that with its blocks."""
    if is_reserved(name):
        return "is a function or constant of the expression language"
    if name in (MODULE_OF if spec is None else spec.offer.layers) or name in UNOFFERED:
        return "is a layer"
    if spec is not None and name in spec.blocks:
        return "is a block"
    if name in PLACES:
        return "is what an expression may ask of the place where it stands"
    if name.lower() in _TRUTHS:
        return "is a truth value to many readers of YAML"
    return "skips a result" if name == "_" else None


def check_name(key: ScalarNode, kind: str, spec: Spec, report: Report) -> bool:
    """True if a new name may stand for a variable, parameter, loop name or block; else the reason is reported."""
    name = key.text
    taken: str | None = None
    related: tuple[Related, ...] = ()
    if not name.isidentifier():
        report(
            "bad-name",
            f"`{name}` cannot name a {kind}: a name has letters, digits and `_`, and begins with a letter",
            key,
        )
        return False
    if name in (RESERVED if kind == "block" else PLACES if kind != "variable" else PLACES | OVERRIDDEN):
        taken = "a word of the language"
    elif name.lower() in _TRUTHS:
        taken = "a truth value to many readers of YAML"
    elif is_reserved(name):
        taken = "a function or constant of the expression language"
    elif name in spec.offer.layers or name in UNOFFERED:
        taken = "a layer"
    elif kind != "block" and name in spec.blocks:
        taken = "a block"
        related = (Related(f"the block `{name}` is defined here", spec.source.span(spec.blocks[name].key)),)
    elif (
        kind not in ("variable", "parameter")
        and (first := next((k for k, _ in spec.vars if k.text == name), None)) is not None
    ):
        taken = "a variable"
        related = (Related(f"the variable `{name}` is defined here", spec.source.span(first)),)
    if taken is None:
        return True
    help_ = f"a block is called by its name, and there `{name}` has a meaning: for example `{name}_block`"
    report(
        "name-taken", f"`{name}` is already {taken}, so no {kind} may have that name", key, related=related,
        help=help_ if kind == "block" else f"for example `{name}_`" if name.isascii() else None,
    )  # fmt: skip
    return False
