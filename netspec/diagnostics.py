"""Diagnostics: errors as values that say what is wrong, where, and what to do; and the exceptions of the package.

A pass over a spec returns its result, as far as there is one, and a list of `Diagnostic`; it does not stop at the first
error. `render/` formats the list as text with carets, JSON or GitHub annotations. `codes/` explains every code, with a
spec that provokes it. This module uses the standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

Severity = Literal["error", "warning", "note"]
"""An error is wrong; a warning is about what is legal and hardly ever meant; a note, told where it is asked for, about
what is legitimate and worth knowing."""

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
    "symbols-conflict", "unknown-initializer", "init-axes", "init-without-parameter",
    "unknown-parametrization", "not-parametrizable", "unused-block", "unused-variable",
    # of named values
    "value-kind", "value-mismatch", "misplaced-output", "unused-value", "constant-value",
    # of shared modules and parameters
    "shared-differs", "shared-once", "tie-mismatch", "unknown-parameter",
    # of the layers
    "invalid-argument", "width-mismatch", "shape-mismatch", "wrong-rank", "batch-axis", "wrong-dtype", "needs-number",
    "needs-batch-2", "plugin-failed",
    # of the recipe
    "unknown-data-set", "unknown-transform", "unknown-optimizer", "unknown-scheduler", "unknown-loss",
    "unknown-metric", "metric-mismatch", "data-mismatch",
    "classes-mismatch", "loss-mismatch", "transform-mismatch", "recipe-conflict", "batch-of-one",
    "unknown-output", "unknown-target", "unread-output",
    # of what is legal and hardly ever meant
    "no-layers", "linear-on-map", "channels-last", "nothing-between", "padding-only", "enlarging-pool",
    "softmax-of-one", "softmax-twice", "untaught-router",
    "dropout-before-norm", "inplace-corrupts", "unused-ignore", "unknown-ignore", "ignored-error",
    # of what is legitimate and worth knowing
    "bias-before-norm", "cut-off", "heavy-layer", "low-rank", "norm-between", "mostly-padding", "dropout-shifts-norm",
    # of what the spec expects of its network, and what is locked of it
    "expectation-unmet", "lock-differs", "not-locked", "lock-left-over",
    # of a sweep
    "not-settable", "unknown-figure",
    # of a command's work
    "wrong-usage", "bad-plugin", "not-importable", "not-exportable", "export-differs", "weights-mismatch",
    "missing-extra", "not-finite", "callback-failed", "no-valid-trial", "resource-failed", "out-of-memory",
    "damaged-checkpoint", "does-not-fit", "own-defect", "run-interrupted",
]  # fmt: skip
"""The kind of a finding. `netspec explain CODE` prints its explanation from `codes`."""


class Setting(str):
    """A `--set key=value` as written, in place of the name of a file."""

    __slots__ = ()


class Span(NamedTuple):
    """A range of a source text. Lines and columns count from 1, columns in code points; the end is exclusive.

    For text from a `--set`, `file` is the option as written, a `Setting`, and columns count in it.

    >>> (found,) = netspec.check("mine.yaml", "{input: [784], layers: [Linaer: 10]}")
    >>> found.span
    Span(file='mine.yaml', line=1, column=25, end_line=1, end_column=31)
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def place(self) -> str:
        """`file:line:column`, which editors and terminals can open; for a `--set`, "added by `--set key=value`"."""
        if self.in_setting:
            return f"added by `{self.file}`"
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def in_setting(self) -> bool:
        """True if the range is in a `--set key=value`, not in a file."""
        return isinstance(self.file, Setting)


class Related(NamedTuple):
    """A second place with a message of its own: the origin of the other number, or the call of the block."""

    message: str
    span: Span


class Edit(NamedTuple):
    """Replace the text of `span`, which may be empty, by `text`."""

    span: Span
    text: str


class Fix(NamedTuple):
    """A suggested fix: a title, and edits to be applied together."""

    title: str
    edits: tuple[Edit, ...]
    certain: bool = True
    """False for a mend that makes the spec right, but perhaps into another network than was meant: a smaller kernel."""
    says_all: bool = False
    """Whether it is known that what it takes away says nothing, or is said by what it writes."""


class Diagnostic(NamedTuple):
    """One finding about a spec.

    `message` is one sentence that says what is wrong, with both numbers of a mismatch. `label` is the short text beside
    the carets, `help` says what to do, and `related` names other places. `otherwise` is a second fix where two are as
    likely: one of them is meant, and neither is certain.

    >>> (found,) = netspec.check("mine.yaml", "{input: [784], layers: [Linaer: 10]}")
    >>> found.code, found.severity, found.help
    ('unknown-layer', 'error', 'did you mean `Linear`?')
    >>> found.fix.certain
    True
    """

    code: Code
    message: str
    span: Span
    severity: Severity = "error"
    label: str = ""
    related: tuple[Related, ...] = ()
    help: str | None = None
    fix: Fix | None = None
    otherwise: Fix | None = None


class NetspecError(Exception):
    """The base class of the errors that netspec raises on purpose. `exit_status` is the status of a command.

    >>> try:
    ...     netspec.load("specs/none.yaml")
    ... except netspec.NetspecError as error:
    ...     print(error.code, error.exit_status)
    wrong-usage 2
    """

    exit_status = 1
    code: Code
    """The code of the error in diagnostics."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in the place of a traceback: what the command line says."""
        return f"error[{self.code}]: {self}".splitlines()


class UsageError(NetspecError):
    """The command line or the arguments of a call are wrong: an unreadable path, an unknown variant, a bad `--set`.

    >>> try:
    ...     netspec.load("specs/torchvision/resnet.yaml", "resnet99")
    ... except netspec.UsageError as error:
    ...     print(str(error)[:60])
    specs/torchvision/resnet.yaml has no variant `resnet99`: did
    """

    exit_status = 2
    code: Code = "wrong-usage"


class PluginError(UsageError):
    """A plugin is wrong: it cannot be imported, has no layers, or a layer of its is none or contradicts its module.

    >>> try:
    ...     netspec.loads("{input: [4], layers: [ReLU]}", layers=[dict])
    ... except netspec.PluginError as error:
    ...     print(error.code)
    bad-plugin
    """

    code: Code = "bad-plugin"


class MissingExtra(NetspecError):
    """An optional dependency is not installed.

    The message ends with the command that installs it, where one does, on a line of its own: it is there to be copied.

    Args:
        lacking: what needs which dependency.
        command: as `netspec.extras.install` gives it; None where it is no command that brings what lacks.
    """

    exit_status = 3
    code: Code = "missing-extra"

    def __init__(self, lacking: str, command: str | None = None) -> None:
        super().__init__(lacking if command is None else f"{lacking}:\n    {command}")


class ResourceError(NetspecError):
    """Memory, disk or data failed."""

    exit_status = 5
    code: Code = "resource-failed"


class OutOfMemory(ResourceError):
    """The process or the device ran out of memory, or has less than is needed."""

    code: Code = "out-of-memory"


class DoesNotFit(NetspecError):
    """The estimate exceeds the memory given with `--memory`."""

    exit_status = 6
    code: Code = "does-not-fit"


class Defect(NetspecError):
    """A defect of netspec: it contradicts itself or torch. To be reported."""

    exit_status = 70
    code: Code = "own-defect"

    def _render_traceback_(self) -> list[str]:
        from traceback import format_exception  # imported here: nothing else needs it

        return format_exception(self)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True if any of the diagnostics is an error."""
    return any(d.severity == "error" for d in diagnostics)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word most similar to `word`, or None if none is similar enough.

    In this order: equal except for case; the same letters in another order; one that begins so, and else that with
    the greatest difflib ratio, from 0.6 on, if at most half of the letters change, or one is the beginning of the
    other. (`floor` is not meant by `foo`.)
    """
    return _did_you_mean(word, tuple(known))


@lru_cache(maxsize=1024)
def _did_you_mean(word: str, candidates: tuple[str, ...]) -> str | None:
    """The same, remembered: a text with a mistake is checked again with each of its mends."""
    folded = word.casefold()
    for candidate in candidates:
        if candidate.casefold() == folded:
            return candidate
    for candidate in candidates:  # difflib's ratio underrates letters in another order
        if len(folded) > 2 and sorted(candidate.casefold()) == sorted(folded):
            return candidate
    import difflib  # imported here, since a spec without mistakes does not need it

    by_folded = {c.casefold(): c for c in reversed(candidates)}
    alike = difflib.get_close_matches(folded, list(by_folded), n=5, cutoff=0.6)
    near = next((one for one in alike if len(folded) > 2 and one.startswith(folded)), next(iter(alike), None))
    if near is None:
        return None
    begins = near.startswith(folded) or folded.startswith(near)
    return by_folded[near] if begins or 2 * _edits(folded, near) <= len(folded) else None


def is_near(word: str, near: str) -> bool:
    """Whether a word differs from another by a slip or two, so that it is the same one misspelt."""
    begins = near.casefold().startswith(word.casefold()) or word.casefold().startswith(near.casefold())
    return begins or _distance(word, near) <= max(2, len(word) // 4)


def as_near(word: str, near: str, known: Iterable[str]) -> list[str]:
    """The known words that are as near to a word as one that it may mean, that one among them, in their order."""
    distance = _distance(word, near)
    return [other for other in dict.fromkeys(known) if other == near or _distance(word, other) == distance]


def is_sure(word: str, near: str, known: Iterable[str]) -> bool:
    """Whether a word means the one that it is a slip of: no other is as near."""
    distance = _distance(word, near)
    return is_slip(word, near) and all(_distance(word, other) > distance for other in known if other != near)


def _distance(word: str, other: str) -> int:
    a, b = word.casefold(), other.casefold()
    return min(_edits(a, b), 1) if sorted(a) == sorted(b) else _edits(a, b)


def is_slip(word: str, near: str) -> bool:
    """Whether a word is another one, mistyped. `skip_2` is no slip of `skip_3`, nor `conv_a` of `conv_b`: names whose
    number or short part differs are meant to differ."""
    ours, theirs = (re.findall(r"[a-z]+|\d+", name.casefold()) for name in (word, near))
    if len(ours) != len(theirs):
        return "".join(ours) == "".join(theirs)
    return all(
        a == b or (a.isalpha() and (min(len(a), len(b)) > 2 or set(a) == set(b)))  # `hh` is a slip of `h`
        for a, b in zip(ours, theirs, strict=True)
    )


def is_misspelt(word: str, near: str) -> bool:
    """Whether a word is another one, mistyped, and no name of its own: a letter or two of a word are others, behind its
    first. `kernel_size` is no slip of `hidden_size`, nor `LayerNorm2d` of `LayerNorm`, nor `CReLU` of `ReLU`."""
    ours, theirs = (re.findall(r"[a-z]+|\d+", name.casefold()) for name in (word, near))
    whole, other = "".join(ours), "".join(theirs)
    numbers = [[part for part in parts if part.isdigit()] for parts in (ours, theirs)]
    if whole == other or numbers[0] != numbers[1] or whole in _OF_THEIR_OWN:
        return whole == other
    pairs = list(zip(ours, theirs, strict=True)) if len(ours) == len(theirs) else [(whole, other)]
    return all(a == b or _is_slip_of_pen(a, b) for a, b in pairs)


_OF_THEIR_OWN: Final = frozenset(("srelu", "geglu", "reglu", "swiglu", "bilstm", "convlstm"))
"""Names of layers elsewhere that differ from one here by a letter."""


def _is_slip_of_pen(a: str, b: str) -> bool:
    first = a[:1] == b[:1] or len(a) > 5 or sorted(a) == sorted(b)
    if min(len(a), len(b)) < 3 and set(a) != set(b):
        return False
    return first and _distance(a, b) <= max(1, min(2, max(len(a), len(b)) // 4))


def _edits(a: str, b: str) -> int:
    """How many letters are put in, taken away or replaced on the way from one word to another (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        before, row = row, [i + 1]
        for j, y in enumerate(b):
            row.append(min(before[j] + (x != y), before[j + 1] + 1, row[j] + 1))
    return row[-1]
