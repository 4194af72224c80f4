"""Whether a class can be a layer of a spec or a part of its recipe, and what several plugins offer together."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast, get_args

from netspec.arguments import Arguments
from netspec.diagnostics import PluginError
from netspec.kinds import kind_of, kinds_of
from netspec.layers import MODULE_OF, OWN, Offer, Plugin
from netspec.layers.base import Autocast, Example, Family, Layer, Values
from netspec.plugins.asking import roots, told, written
from netspec.plugins.versions import version_of
from netspec.recipe import tables
from netspec.recipe.base import DataSet, Ending, Loss, Named, Transform
from netspec.recipe.measures import Metric, Reads

PARTS: Final = (Loss, Transform, DataSet, Metric)
"""What plugins have for recipes is derived from one of these."""

_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_PASCAL = re.compile(r"(?=.*[a-z])[A-Z][A-Za-z0-9]*|[A-Z][A-Z0-9]+")


def offer_of(plugins: Sequence[Plugin]) -> Offer:
    """What netspec and these plugins offer.

    Raises:
        PluginError: a class cannot be a layer or a part of a recipe, or two have one name.
    """
    if not plugins:
        return OWN
    layers: dict[str, str | type[Layer]] = dict(MODULE_OF)
    parts: dict[str, type[Named]] = {}
    for plugin in plugins:
        for cls in plugin.layers:
            check_class(cls)
            there = layers.get(cls.__name__)
            _check_free(
                plugin, cls, "layer", is_own=isinstance(there, str), there=None if isinstance(there, str) else there
            )
            layers[cls.__name__] = cls
        for cls in plugin.parts:
            part, name = check_part(cls), cls.__name__
            word = kind_of_part(part).word
            own = next((kind.word for kind in tables.OWN.kinds if name in kind.names), None)
            _check_free(plugin, cls, own or word, is_own=own is not None, there=parts.get(name))
            parts[name] = part
    return Offer(layers, tuple(plugins), parts)


def _check_free(
    plugin: Plugin, cls: type[Arguments], word: str, *, is_own: bool, there: type[Arguments] | None
) -> None:
    """Require that a name is not taken.

    Raises:
        PluginError: it is.
    """
    name = cls.__name__
    if is_own:
        its = f"{'an' if word[0] in 'aeiou' else 'a'} {word} of netspec's own"
        raise PluginError(
            f"the plugin `{plugin.name}` has {article_of(cls)} `{name}` ({_defined(cls)}), which is {its}: give the "
            "class another name"
        )
    if there is not None and there is not cls:
        raise PluginError(
            f"there are two {'layers' if issubclass(cls, Layer) else 'parts of recipes'} `{name}`: {_defined(there)}, "
            f"and {_defined(cls)}; load one of the plugins, or give one of the classes another name"
        )


def article_of(cls: type[Arguments]) -> str:
    """What a class is, with its article: "a layer", "a data set"."""
    return f"a {'layer' if issubclass(cls, Layer) else kind_of_part(cls).word}"


def kind_of_part(cls: type[Arguments]) -> tables.Kind:
    """The kind of a class of `netspec.recipe`'s."""
    return next(kind for kind in tables.OWN.kinds if kind.base is not None and issubclass(cls, kind.base))


def plugins_of(classes: Iterable[type[Arguments]]) -> tuple[Plugin, ...]:
    """Classes that a program gives, by the modules that they come from.

    Raises:
        PluginError: something is no class of a layer or of a part of a recipe.
    """
    found: dict[str, list[type[Arguments]]] = {}
    for cls in dict.fromkeys(classes):
        check_is_known(cls)
        found.setdefault(cls.__module__, []).append(cls)
    return tuple(plugin_of(module, version_of(module), some) for module, some in found.items())


def plugin_of(name: str, version: str | None, classes: Iterable[type[Arguments]]) -> Plugin:
    """A plugin with these classes, each once."""
    once = tuple(dict.fromkeys(classes))
    layers = tuple(cls for cls in once if issubclass(cls, Layer))
    return Plugin(name, version, layers, tuple(cls for cls in once if not issubclass(cls, Layer)))


def check_is_known(value: object) -> None:
    """Require a class of layers or of parts of recipes.

    Raises:
        PluginError: it is none.
    """
    if isinstance(value, type) and issubclass(value, (Layer, *PARTS)):
        return
    hint = "a name of a module or distribution, or such a class"
    hint = (
        "write the class, not an instance of it" if isinstance(value, (Layer, *PARTS)) else f"`plugins=` takes {hint}"
    )
    raise PluginError(
        f"{value!r} is no class derived from `netspec.layers.Layer`, or from `Loss`, `Transform`, `DataSet` or "
        f"`Metric` of `netspec.recipe`: {hint}"
    )


def check_is_layer(value: object) -> None:
    """Require a class of layers.

    Raises:
        PluginError: it is none.
    """
    if isinstance(value, type) and issubclass(value, Layer):
        return
    hint = "write the class, not an instance of it" if isinstance(value, Layer) else "`layers=` takes such classes"
    raise PluginError(f"{value!r} is no class derived from `netspec.layers.Layer`: {hint}")


def _defined(cls: type[Arguments]) -> str:
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


def check_part(cls: type[Arguments]) -> type[Named]:
    """Require that everything but the methods of a class for recipes can be read.

    Raises:
        PluginError: something cannot.
    """
    check_is_known(cls)
    assert issubclass(cls, Named)
    name = cls.__name__
    if not _PASCAL.fullmatch(name) or cls.word is not None:
        raise _wrong(cls, f"its name is that of the class, in CapWords, letters and digits: {_example(name)}")
    if not has_rule(cls):
        raise _wrong(cls, "it has no `call`, which says what carries it out")
    if issubclass(cls, DataSet) and cls.facts is DataSet.facts:
        raise _wrong(cls, "it has no `facts`, which say what is known of the examples before any is read")
    if issubclass(cls, (Loss, DataSet)) and cls.given:
        raise _wrong(cls, "`given` is true, which is for what a program gives to `netspec.train`")
    if issubclass(cls, Loss):
        _check_loss(cls)
    if issubclass(cls, Metric):
        _check_metric(cls)
    if issubclass(cls, Transform) and (
        type(cls.columns) is not int or cls.columns < 0 or bool(cls.columns) != cls.random
    ):
        drawn = f"`columns` is {cls.columns!r} and `random` {cls.random!r}"
        raise _wrong(cls, f"{drawn}: what is random draws 1 or more numbers for each example")
    _check_fields(cls)
    return cls


def has_rule(cls: type[Arguments]) -> bool:
    """Whether a class says more than its base: a layer what comes out, a part of a recipe what carries it out."""
    if issubclass(cls, Layer):
        return cls.output is not Layer.output
    return issubclass(cls, PARTS) and cls.call not in (base.call for base in PARTS)


def _example(name: str) -> str:
    return f"`{''.join(part.capitalize() for part in re.split('[^a-zA-Z0-9]+', name))}`, not `{name}`"


def _check_loss(cls: type[Loss]) -> None:
    if cls.target not in (options := ("classes", "values", "nothing")):
        raise _wrong(cls, f"`target` is {cls.target!r}; it is one of {', '.join(options)}")
    if cls.ending is not None and not isinstance(cls.ending, Ending):  # pyright: ignore[reportUnnecessaryIsInstance]  # code without types
        raise _wrong(cls, f"`ending` is {cls.ending!r}; it is None or an `Ending`")
    for variable in ("takes", "factors"):
        given: object = getattr(cls, variable)
        if not isinstance(given, tuple) or not all(isinstance(one, str) for one in cast("tuple[object, ...]", given)):
            raise _wrong(cls, f"`{variable}` is {given!r}, and no tuple of texts")
    if not cls.takes:
        raise _wrong(cls, "`takes` is empty, but a loss reads an output")


def _check_metric(cls: type[Metric]) -> None:
    if not isinstance(cls.column, str) or not _COLUMN.fullmatch(cls.column or cls.__name__):  # pyright: ignore[reportUnnecessaryIsInstance]  # code without types
        raise _wrong(cls, f"`column` is {cls.column!r}; it is a name of small letters, digits and `_`: `top_error`")
    if cls.column in (own := ("loss", "accuracy", "perplexity")):
        raise _wrong(cls, f"`column` is {cls.column!r}, which records have by themselves, as {', '.join(own)}")
    options = get_args(Reads)
    reads = cast("object", cls.reads)
    if not isinstance(reads, tuple) or not reads or not set(cast("tuple[object, ...]", reads)) <= set(options):
        raise _wrong(cls, f"`reads` is {reads!r}; it is a tuple of some of {', '.join(options)}")


def _check_fields(cls: type[Arguments]) -> None:
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
    width = cls.width if issubclass(cls, Layer) else None
    for variable, named in (("scalar", cls.scalar), ("width", width)):
        if named is not None and named not in fields:
            raise _wrong(cls, f"`{variable}` is {named!r}, which is none of its fields: {', '.join(fields) or 'none'}")
    if width is not None and (fields[width].is_required() or fields[width].default is not None):
        raise _wrong(cls, f"`{width}` follows from the input, so its default is None: `{width}: Count | None = None`")


def _has_kind(field: Any) -> bool:
    try:
        kind_of(field.annotation, field.metadata)
    except TypeError:
        return False
    return True


def _wrong(cls: type[Arguments], why: str) -> PluginError:
    return PluginError(f"`{cls.__name__}` ({_defined(cls)}) cannot be {article_of(cls)}: {why}")
