"""What netspec's values look like in a notebook, and the cell magic `%%netspec`.

`import netspec` calls `register` where IPython runs. What shows a value is imported when one is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

_SHOWN: Final = (
    ("netspec.net.whole", "Net", "net_html"),
    ("netspec.comparison", "Comparison", "comparison_html"),
    ("netspec.comparison", "SeveralNets", "several_html"),
    ("netspec.trainer.trained.opened", "OpenedRun", "run_html"),
    ("netspec.trainer.run.result", "RunResult", "result_html"),
)
"""Module and name of a class, and the function of `pages.py` that shows one."""


def register(shell: Any) -> None:
    """Teach an IPython shell to show netspec's values, and the magic.

    Args:
        shell: what `IPython.get_ipython()` gives.
    """
    html = shell.display_formatter.formatters["text/html"]
    for module, name, function in _SHOWN:
        html.for_type_by_name(module, name, _by(function))

    def netspec(line: str, cell: str) -> Any:
        """Compile the spec in this cell, and show the network: %%netspec [NAME] [--variant V] [--set KEY=VALUE]."""
        return import_module("netspec.notebook.magic").compile_cell(line, cell, shell.user_ns)

    shell.register_magic_function(netspec, "cell", "netspec")
    _complete(shell)


def _complete(shell: Any) -> None:
    """Let the cells of the magic complete, where the extra `lsp` is installed."""
    known: list[Any] | None = getattr(getattr(shell, "Completer", None), "custom_matchers", None)
    if known is not None and _matcher not in known and find_spec("lsprotocol") is not None:
        known.append(_matcher)


def _matcher(context: Any) -> Any:
    return import_module("netspec.notebook.completion").spec_matcher(context)


_matcher.matcher_api_version = 2  # pyright: ignore[reportFunctionMemberAccess]  # as IPython tells matchers apart
_matcher.matcher_identifier = "netspec"  # pyright: ignore[reportFunctionMemberAccess]  # likewise


def _by(function: str) -> Callable[[Any], str]:
    def show(value: Any) -> str:
        return getattr(import_module("netspec.notebook.pages"), function)(value)

    return show
