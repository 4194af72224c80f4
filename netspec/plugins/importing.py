"""A plugin by its name: a module that Python can import from here, or a distribution with entry points.

Only what a person names on the command line is imported, or what a program names: nothing in a spec leads here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from netspec.arguments import Arguments
from netspec.diagnostics import PluginError
from netspec.layers import Offer, Plugin
from netspec.layers.base import Layer
from netspec.plugins.asking import told
from netspec.plugins.registration import check_is_known, check_is_layer, has_rule, offer_of, plugin_of, plugins_of
from netspec.plugins.versions import version_of

GROUP: Final = "netspec.layers"
"""The group of entry points, each a class or a module that has some."""


def import_plugins(names: Iterable[str]) -> tuple[Plugin, ...]:
    """The plugins of these names, each once.

    Raises:
        PluginError: one cannot be imported, or has no layers and no parts of recipes.
    """
    return tuple(import_plugin(name) for name in dict.fromkeys(names))


def import_plugin(name: str) -> Plugin:
    """A plugin by the name of a distribution that has entry points of the group `netspec.layers`, else of a module,
    which is looked for in the current directory first, as `python -m` does.

    Raises:
        PluginError: there is none, its import fails, or it has no layers and no parts of recipes.
    """
    _look_here()
    points = _entry_points(name)
    if points:
        classes = [cls for point in points for cls in _classes_at(point, name)]
        version = metadata.version(name)
    else:
        classes = list(_classes_in(_module(name)))
        version = version_of(name)
    if not classes:
        raise PluginError(
            f"the plugin `{name}` has no layers: those are classes derived from `netspec.layers.Layer`, with an "
            "`output`, whose names do not begin with `_`; nor has it parts of recipes, derived from `Loss`, "
            "`Transform`, `DataSet` or `Metric` of `netspec.recipe`, with a `call`; what a module takes from elsewhere "
            "it names in `__all__`"
        )
    return plugin_of(name, version, classes)


def given_offer(layers: Iterable[type[Layer]], plugins: Iterable[str | type[Arguments]]) -> Offer:
    """What a program gives as `layers=` and `plugins=`, beside what netspec has.

    Args:
        layers: classes of layers.
        plugins: names of modules or distributions, as `--plugin` takes them, and classes.

    Raises:
        PluginError: something is neither, cannot be imported, or cannot be used.
    """
    for cls in (layers := tuple(layers)):
        check_is_layer(cls)
    names, classes = list[str](), list[type[Arguments]]()
    for one in plugins:
        if isinstance(one, str):
            names.append(one)
        else:
            classes.append(one)
    return offer_of((*import_plugins(names), *plugins_of([*layers, *classes])))


def _look_here() -> None:
    here = str(Path.cwd())
    if not sys.flags.safe_path and sys.path[:1] != [here] and sys.path[:1] != [""]:
        sys.path.insert(0, here)


# ---- distributions


def _entry_points(name: str) -> list[metadata.EntryPoint]:
    try:
        return list(metadata.distribution(name).entry_points.select(group=GROUP))
    except (metadata.PackageNotFoundError, ValueError):  # of no such name, or of a name that is none
        return []


def _classes_at(point: metadata.EntryPoint, plugin: str) -> Iterator[type[Arguments]]:
    found: Any = _imported(point.module, plugin)
    for part in point.attr.split(".") if point.attr else ():
        if not hasattr(found, part):
            raise PluginError(f"the plugin `{plugin}` names the entry point `{point.value}`, which is not there")
        found = getattr(found, part)
    if isinstance(found, ModuleType):
        yield from _classes_in(found)
    else:
        check_is_known(found)
        yield found


# ---- modules


def _module(name: str) -> ModuleType:
    if not re.fullmatch(r"\w+(\.\w+)*", name) or name.endswith(".py"):
        several = [one.strip() for one in name.split(",") if one.strip()]
        if len(several) > 1:
            told = " ".join(f"--plugin {one}" for one in several)
            raise PluginError(f"there is no plugin `{name}`: `--plugin` names one, and may be repeated: `{told}`")
        plain = re.sub(r"\W+", ".", name.removesuffix(".py")).strip(".")
        raise PluginError(
            f"there is no plugin `{name}`: it is neither the name of a module nor that of an installed distribution "
            f"with entry points of the group `{GROUP}`; a file in this directory is named `--plugin {plain}`"
        )
    return _imported(name, name)


def _imported(module: str, plugin: str) -> ModuleType:
    try:
        with redirect_stdout(sys.stderr):  # what a program reads is not what an import prints
            return import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module == missing or module.startswith(f"{missing}."):
            raise PluginError(
                f"there is no plugin `{plugin}`: Python finds no module `{missing}`, neither in {Path.cwd()} nor among "
                f"what is installed, and no distribution of that name has entry points of the group `{GROUP}`"
            ) from None
        raise _raised(error, plugin, module) from None
    except (Exception, SystemExit) as error:  # the import runs the plugin's code
        raise _raised(error, plugin, module) from None


def _raised(error: BaseException, plugin: str, module: str) -> PluginError:
    return PluginError(
        f"the plugin `{plugin}` cannot be imported: it raised {told(error, frozenset([module.partition('.')[0]]))}"
    )


def _classes_in(module: ModuleType) -> Iterator[type[Arguments]]:
    """The layers and parts of recipes of a module: those of its `__all__`, else those that it or its submodules
    define."""
    listed: Any = getattr(module, "__all__", None)
    for name, value in vars(module).items():
        if not (isinstance(value, type) and issubclass(value, Arguments) and has_rule(value)):
            continue
        within = value.__module__ == module.__name__ or value.__module__.startswith(f"{module.__name__}.")
        if name in listed if listed is not None else within and not name.startswith("_"):
            yield value
