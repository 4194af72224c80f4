"""Errors are values: a diagnostic says what is wrong, where, and what to do.

A pass over a spec returns what it could compute together with a list of `Diagnostic`; it does not stop at the first.
`render/` turns that list into text with carets, JSON or GitHub annotations. The closed table of codes, each with
its explanation and a spec that provokes it, is in `codes/`. This module uses the standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]

Code = Literal[
    # of the text
    "empty-file", "yaml-syntax", "not-utf8", "too-large", "yaml-tag", "yaml-merge-key", "yaml-key", "several-documents",
    "duplicate-key", "undefined-alias", "cyclic-alias", "too-many-nodes", "too-many-aliases", "too-deep",
    "number-too-large", "control-character", "flow-split", "comment-in-expression",
    # of the language
    "not-a-spec", "unknown-key", "missing-key", "not-in-version-1", "language-version", "wrong-form", "bad-name",
    "name-taken", "duplicate-name", "name-with-repeat", "unknown-layer", "layer-not-offered", "two-heads", "no-head",
    "option-without-item", "option-as-argument", "unknown-option", "misplaced-option", "scalar-argument",
    "list-argument", "unknown-argument", "omitted-argument", "missing-argument", "too-many-arguments", "quoted-value",
    "bad-signature", "duplicate-block", "endless-block", "too-many-layers", "bad-loop", "unknown-name",
    "expression-syntax", "expression-forbidden", "expression-limit", "expression-type", "expression-value",
    "division-by-zero", "unknown-function", "branch-mismatch", "inplace-in-branch", "split-mismatch",
    "symbols-conflict", "unknown-initializer", "init-axes", "init-without-parameter", "unused-block", "unused-variable",
    # of the layers
    "invalid-argument", "width-mismatch", "shape-mismatch", "wrong-rank", "batch-axis", "wrong-dtype", "needs-number",
    "needs-batch-2",
    # of the recipe
    "unknown-data-set", "unknown-transform", "unknown-optimizer", "unknown-scheduler", "unknown-loss", "data-mismatch",
    "classes-mismatch", "loss-mismatch", "transform-mismatch", "recipe-conflict", "batch-of-one",
    # of a command's work
    "wrong-usage", "weights-mismatch", "missing-extra", "not-finite", "resource-failed", "out-of-memory",
    "damaged-checkpoint", "does-not-fit", "own-defect", "run-interrupted",
]  # fmt: skip
"""What is wrong, in a word. `codes` has a page for each, which `netspec explain CODE` prints."""


class Span(NamedTuple):
    """A stretch of a source text. Lines and columns count from 1, columns in code points; the end is exclusive.

    What a `--set` adds stands in no file: there `file` is the whole `--set key=value`, and columns count in it.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def place(self) -> str:
        """`file:line:column`, as editors and terminals understand it; of a `--set`, its words."""
        if self.in_setting:
            return f"added by `{self.file}`"
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def in_setting(self) -> bool:
        """True for a place in a `--set key=value` in place of one in a file."""
        return self.file.startswith("--set ")


class Related(NamedTuple):
    """A second place that matters, with its own words: where the other number came from, who called the block."""

    message: str
    span: Span


class Edit(NamedTuple):
    """Replace the text under `span` (possibly empty) by `text`."""

    span: Span
    text: str


class Fix(NamedTuple):
    """Edits that together mend the mistake."""

    title: str
    edits: tuple[Edit, ...]


class Diagnostic(NamedTuple):
    """One finding about a spec.

    `message` is the headline, one sentence that states what is
    wrong with both numbers; `label`, if any, is the short text that stands beside the carets.
    """

    code: Code
    message: str
    span: Span
    severity: Severity = "error"
    label: str = ""
    related: tuple[Related, ...] = ()
    help: str | None = None
    fix: Fix | None = None


class NetspecError(Exception):
    """The base of every error that netspec raises for something that is the user's to mend."""

    exit_status = 1
    code: Code
    """What went wrong, as diagnostics say it."""


class UsageError(NetspecError):
    """The command line, or a call's arguments, are wrong: an unreadable path, an unknown variant, a bad `--set`."""

    exit_status = 2
    code: Code = "wrong-usage"


class MissingExtra(NetspecError):
    """An optional part is not installed; the message ends with the line that installs it."""

    exit_status = 3
    code: Code = "missing-extra"


class ResourceError(NetspecError):
    """Memory, disk or data failed."""

    exit_status = 5
    code: Code = "resource-failed"


class OutOfMemory(ResourceError):
    """There is less memory than is needed."""

    code: Code = "out-of-memory"


class DoesNotFit(NetspecError):
    """It would not fit into the memory that was named."""

    exit_status = 6
    code: Code = "does-not-fit"


class Defect(NetspecError):
    """netspec contradicts itself or torch: a defect of its own, to be reported."""

    exit_status = 70
    code: Code = "own-defect"


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True if any of them is an error, not only a warning."""
    return any(d.severity == "error" for d in diagnostics)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to `word`, or None if none is near enough.

    Exact but for case wins, then the same letters in another order, then difflib's ratio of at least 0.6.
    """
    candidates = list(known)
    folded = word.casefold()
    for candidate in candidates:
        if candidate.casefold() == folded:
            return candidate
    for candidate in candidates:  # letters in another order are nearer than difflib's ratio makes them
        if len(folded) > 2 and sorted(candidate.casefold()) == sorted(folded):
            return candidate
    import difflib  # a spec without mistakes needs none of it

    by_folded = {c.casefold(): c for c in reversed(candidates)}
    near = difflib.get_close_matches(folded, list(by_folded), n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None
