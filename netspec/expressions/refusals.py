"""Why an operation of the expression language cannot be done. It becomes an error where the place is known."""

from __future__ import annotations

from netspec.diagnostics import Code


class Refused(Exception):  # it becomes an ExpressionError where the place is known
    """An operation cannot be done. The message says why, the help what to write; the code is that of the diagnostic."""

    def __init__(self, message: str, code: Code = "expression-value", help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code: Code = code
        self.help = help


class Undecided(Exception):  # it becomes a NeedsNumber where the place is known
    """The result hangs on the value of a symbol. `size` is the formula that would have to be a number."""

    def __init__(self, size: object) -> None:
        super().__init__(str(size))
        self.size = size
