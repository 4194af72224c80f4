"""The plugins of a run: whether they are here, and whether they are those that the run was made with."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import PluginError
from netspec.layers import Plugin
from netspec.trainer.run.directory import RunDirectory


def need_plugins(run: RunDirectory, here: Sequence[Plugin]) -> None:
    """Require the plugins whose layers a run's net has.

    Raises:
        PluginError: one of them is not here; the message says how to name it.
    """
    names = [plugin.name for plugin in here]
    missing = [name for name in run.plugins if name not in names]
    if not missing:
        return
    of_a_program = "; `__main__` was the program that trained it: move its layers into a module of their own"
    raise PluginError(
        f"the network of `{run.path}` has layers of {' and '.join(f'`{name}`' for name in missing)}: run with "
        f"`{' '.join(f'--plugin {name}' for name in missing)}`{of_a_program if '__main__' in missing else ''}"
    )


def plugin_notes(run: RunDirectory, here: Sequence[Plugin]) -> list[str]:
    """Notes on plugins that have another version than when the run was made."""
    then = run.plugins
    return [
        f"note: {run.path} was made with `{plugin.name}` {then[plugin.name] or 'of no version'}, and this is "
        f"{plugin.version or 'one of no version'}"
        for plugin in here
        if plugin.name in then and then[plugin.name] != plugin.version
    ]
