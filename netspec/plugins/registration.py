"""Whether a class can be a layer of a spec, and which layers several plugins offer together."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from netspec.diagnostics import PluginError
from netspec.kinds import kind_of, kinds_of
from netspec.layers import MODULE_OF, OWN, Offer, Plugin
from netspec.layers.base import Autocast, Example, Family, Layer, Values
from netspec.plugins.asking import roots, told, written
from netspec.plugins.versions import version_of

_PASCAL = re.compile(r"(?=.*[a-z])[A-Z][A-Za-z0-9]*|[A-Z][A-Z0-9]+")


def offer_of(plugins: Sequence[Plugin]) -> Offer:
    """The layers of netspec and of these plugins.

    Raises:
        PluginError: a class cannot be a layer, or two have one name.
    """
    if not plugins:
        return OWN
    layers: dict[str, str | type[Layer]] = dict(MODULE_OF)
    for plugin in plugins:
        for cls in plugin.layers:
            check_class(cls)
            there = layers.get(cls.__name__)
            if isinstance(there, str):
                raise PluginError(
                    f"the plugin `{plugin.name}` has a layer `{cls.__name__}` ({_defined(cls)}), which is a layer of "
                    "netspec's own: give the class another name"
                )
            if there is not None and there is not cls:
                raise PluginError(
                    f"there are two layers `{cls.__name__}`: {_defined(there)}, and {_defined(cls)}; load one of the "
                    "plugins, or give one of the classes another name"
                )
            layers[cls.__name__] = cls
    return Offer(layers, tuple(plugins))


def plugins_of(classes: Iterable[type[Layer]]) -> tuple[Plugin, ...]:
    """Classes that a program gives, by the modules that they come from.

    Raises:
        PluginError: something is no class of a layer.
    """
    found: dict[str, list[type[Layer]]] = {}
    for cls in classes:
        check_is_layer(cls)
        found.setdefault(cls.__module__, []).append(cls)
    return tuple(Plugin(module, version_of(module), tuple(dict.fromkeys(some))) for module, some in found.items())


def check_is_layer(value: object) -> None:
    """Require a class of layers.

    Raises:
        PluginError: it is none.
    """
    if isinstance(value, type) and issubclass(value, Layer):
        return
    hint = "write the class, not an instance of it" if isinstance(value, Layer) else "`layers=` takes such classes"
    raise PluginError(f"{value!r} is no class derived from `netspec.layers.Layer`: {hint}")


def _defined(cls: type[Layer]) -> str:
    """Where a class is written: "my_layers.py, line 12"."""
    try:
        return written(inspect.getfile(cls), inspect.getsourcelines(cls)[1])
    except (OSError, TypeError):  # typed into an interpreter
        return f"in `{cls.__module__}`"


# ---- what a class must be


def check_class(cls: type[Layer]) -> None:
    """Require that everything but the methods of a class can be read.

    Raises:
        PluginError: something cannot.
    """
    check_is_layer(cls)
    name = cls.__name__
    if not _PASCAL.fullmatch(name):
        raise _wrong(cls, "a layer's name is in CapWords, letters and digits: `SquaredReLU`, not `squared_relu`")
    if cls.output is Layer.output:
        raise _wrong(cls, "it has no `output`, the rule that says what comes out")
    for variable, options in (("family", get_args(Family)), ("autocast", get_args(Autocast))):
        given = getattr(cls, variable, None)
        if given not in options:
            given = "is missing" if given is None else f"is {given!r}"
            raise _wrong(cls, f"`{variable}` {given}; it is one of {', '.join(options)}")
    if cls.gives is not None and cls.gives not in get_args(Values):
        raise _wrong(cls, f"`gives` is {cls.gives!r}; it is None or one of {', '.join(get_args(Values))}")
    _check_fields(cls)
    for example in cls.examples:
        if not isinstance(example, Example):  # pyright: ignore[reportUnnecessaryIsInstance]  # code without types
            raise _wrong(cls, f"`examples` holds {example!r}, which is no `Example`")


def _check_fields(cls: type[Layer]) -> None:
    try:
        cls.model_rebuild()
        fields = cls.model_fields
    except Exception as error:  # pydantic evaluates the annotations of the class
        raise _wrong(cls, f"its fields cannot be read: {told(error, roots([cls]))}") from None
    try:
        kinds_of(cls)
    except TypeError:
        unreadable = [name for name, field in fields.items() if not _has_kind(field)]
        raise _wrong(
            cls,
            f"netspec cannot say what `{'` and `'.join(unreadable)}` takes: the type of a field is one of those of "
            "`netspec.layers` (`Count`, `Real`, …), `bool`, `int`, `str` or a `Literal`",
        ) from None
    for variable in ("scalar", "width"):
        named = getattr(cls, variable)
        if named is not None and named not in fields:
            raise _wrong(cls, f"`{variable}` is {named!r}, which is none of its fields: {', '.join(fields) or 'none'}")
    if cls.width is not None and (fields[cls.width].is_required() or fields[cls.width].default is not None):
        raise _wrong(
            cls, f"`{cls.width}` follows from the input, so its default is None: `{cls.width}: Count | None = None`"
        )


def _has_kind(field: Any) -> bool:
    try:
        kind_of(field.annotation, field.metadata)
    except TypeError:
        return False
    return True


def _wrong(cls: type[Layer], why: str) -> PluginError:
    return PluginError(f"`{cls.__name__}` ({_defined(cls)}) cannot be a layer: {why}")
