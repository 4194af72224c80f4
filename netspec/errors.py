"""The exception for a wrong spec. It is not in `diagnostics`, because it imports the renderer for its message."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import Diagnostic, NetspecError


class SpecError(NetspecError):
    """The spec is wrong.

    `diagnostics` has every error and warning, in source order. `sources` maps file names to their text, of which the
    message quotes the lines with errors. `code` is that of the first error.

    >>> try:
    ...     netspec.loads("{input: [784], layers: [Linaer: 10]}")
    ... except netspec.SpecError as error:
    ...     print(error.code, "in line", error.diagnostics[0].span.line)
    unknown-layer in line 1
    """

    def __init__(self, diagnostics: Sequence[Diagnostic], sources: dict[str, str] | None = None) -> None:
        self.diagnostics = list(diagnostics)
        self.sources = sources or {}
        self.code = self.diagnostics[0].code
        for diagnostic in reversed(self.diagnostics):
            if diagnostic.severity == "error":
                self.code = diagnostic.code  # in reverse order: the first error is the last to be assigned
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from netspec.render import render_text  # imported only when the message is shown

        return render_text(self.diagnostics, self.sources)

    def _render_traceback_(self) -> list[str]:
        from netspec.render import render_text

        return render_text(self.diagnostics, self.sources, color=True).splitlines()
