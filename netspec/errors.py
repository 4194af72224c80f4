"""What a wrong spec raises. It stands above the renderer, since its message is the rendered diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import Diagnostic, NetspecError


class SpecError(NetspecError):
    """The spec is wrong. `diagnostics` holds every finding, warnings included, in source order.

    `sources` maps a file name to its text, so that the message can show the lines at fault.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic], sources: dict[str, str] | None = None) -> None:
        self.diagnostics = list(diagnostics)
        self.sources = sources or {}
        self.code = self.diagnostics[0].code
        for diagnostic in reversed(self.diagnostics):
            if diagnostic.severity == "error":
                self.code = diagnostic.code  # in the end the first error's
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from netspec.render import render_text  # only who reads the message needs it

        return render_text(self.diagnostics, self.sources)
