"""The files that the import of a module writes: checked before the module is made, and written together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

import click

from netspec.cli.common import said
from netspec.cli.files import WEIGHTS, check_target, write_together
from netspec.cli.key_maps import keys_beside, keys_text
from netspec.diagnostics import UsageError

if TYPE_CHECKING:
    from netspec.capture.plugging.plugin import WrittenPlugin
    from netspec.net import Net


class ModuleFiles(NamedTuple):
    """Where the import of a module writes; None for what it does not."""

    spec: Path | None
    keys: Path | None
    """The map of the keys that the spec has not, beside it."""
    plugin: Path | None
    """The layers that were lacking."""

    def write(self, text: str, keys: Mapping[str, object], plugin: WrittenPlugin | None = None) -> None:
        """Write the spec, or print it, with the map of its keys and the plugin where there are any.

        Raises:
            UsageError: one cannot be written; then none is.
            ResourceError: the disk is full; as above.
        """
        files: dict[Path, str] = {}
        if self.keys is not None and keys:
            files[self.keys] = keys_text(keys)
        if self.spec is not None:
            files[self.spec] = text
        if self.plugin is not None and plugin is not None and plugin.layers:
            files[self.plugin] = plugin.text
        write_together(files)
        if self.spec is None:
            click.echo(text, nl=False)
        if self.plugin is not None and plugin is not None:
            _tell_plugin(self.plugin, plugin)

    def tell_keys(self, nets: Iterable[Net], variant: str | None = None, *, has_others: bool) -> None:
        """Say whether weights load as they are, and what carries them over where they do not.

        Args:
            nets: of the spec, or of all of its variants.
            variant: one of them that has other keys.
            has_others: whether the spec has other keys than the module.
        """
        if not has_others:
            said("its `state_dict` has the module's keys")
            if self.keys is not None and self.keys.exists():
                said(f"note: {self.keys} is from before; the spec needs none: remove it")
        elif self.spec is None or self.keys is None:
            said("note: its `state_dict` has other keys; with `-o FILE` the map of them is written beside")
        else:
            said(f"wrote {self.keys}: for each key of the spec's `state_dict` that of the module")
            said("weights, from what `torch.save(module.state_dict(), FILE)` wrote:")
            words = _words("transfer", self.spec, nets, variant)
            out = quote(str(self.spec.with_suffix(WEIGHTS)))
            click.echo(f"  {words} --from FILE -o {out}", err=True)

    def tell_next(self, nets: Iterable[Net], variant: str | None = None) -> None:
        """Say how the spec is compiled that was written, with the plugins that it needs.

        Args:
            nets: of the spec, or of all of its variants.
            variant: one of them.
        """
        if self.spec is not None:
            click.echo(f"next: {_words('compile', self.spec, nets, variant)}", err=True)


def _words(command: str, spec: Path, nets: Iterable[Net], variant: str | None) -> str:
    """A command on a spec, or on one of its variants, with the plugins that it needs."""
    named = dict.fromkeys(name for net in nets for name in _plugins_of(net))
    words = ["netspec", command, *(word for name in named for word in ("--plugin", quote(name)))]
    words += [quote(str(spec)), *(() if variant is None else ("--variant", quote(variant)))]
    return " ".join(words)


def module_files(spec: Path | None, plugin: Path | None, *, force: bool) -> ModuleFiles:
    """Where the import of a module writes.

    Args:
        spec: the file of the spec; None if it is printed.
        plugin: the file of the layers that are lacking.
        force: whether the map of the keys may be written over.

    Raises:
        UsageError: a file cannot be written, two are one, or the map of the keys is there already.
    """
    files = ModuleFiles(spec, None if spec is None else keys_beside(spec), plugin)
    names = {"the spec": files.spec, "the map of its keys": files.keys, "the layers that are lacking": files.plugin}
    taken: dict[str, str] = {}
    for what, file in names.items():
        if file is None:
            continue
        check_target(file)
        other = taken.setdefault(os.path.realpath(file), what)
        if other != what:
            raise UsageError(f"{other} and {what} would be one file, {file}: give each a name of its own")
    if files.keys is not None and files.keys.exists() and not force:
        raise UsageError(
            f"{files.keys} is there already, where the map of the keys is written if the spec has others; `--force` "
            "writes over it"
        )
    return files


def _plugins_of(net: Net) -> list[str]:
    """The names of the plugins whose layers a net has."""
    kinds = {type(leaf.layer) for leaf in net.layers}
    return [plugin.name for plugin in net.plugins if kinds.intersection(plugin.layers)]


def _tell_plugin(file: Path, plugin: WrittenPlugin) -> None:
    """Say what there is to say of the layers that were lacking."""
    if not plugin.layers:
        said(f"note: no layer is lacking: {file} was not written")
        return
    names = ", ".join(f"`{name}`" for name in plugin.layers)
    said(f"wrote {file}, which `--plugin {plugin.name}` reads: {names}")
    for each in plugin.open:
        said(f"note: {each}; {file} says where to fill it in")
