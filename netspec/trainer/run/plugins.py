"""The plugins of a run: whether they are here, and whether they are those that the run was made with."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import PluginError
from netspec.layers import Plugin
from netspec.trainer.run.directory import RunDirectory


def need_plugins(run: RunDirectory, here: Sequence[Plugin]) -> None:
    """Require the plugins that a run's net and its recipe have something of.

    Raises:
        PluginError: one of them is not here; the message says how to name it.
    """
    names = [plugin.name for plugin in here]
    missing = [name for name in run.plugins if name not in names]
    if not missing:
        return
    of_a_program = "; `__main__` was the program that trained it: move its classes into a module of their own"
    raise PluginError(
        f"`{run.path}` needs the plugin{'s' * (len(missing) > 1)} {' and '.join(f'`{n}`' for n in missing)}: run with "
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
