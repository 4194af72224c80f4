"""The compiler's entrances: a text or a file becomes a net and findings, each with a mend that is known to mend."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from netspec.diagnostics import Diagnostic, UsageError, has_errors
from netspec.language.clues import Clues
from netspec.language.words import is_complete
from netspec.layers import OWN, Offer
from netspec.passes import Checked, Result, Terms, checked, compiled, every_net, stem_of
from netspec.text.source import Limits, Source, decode, read

if TYPE_CHECKING:
    from netspec.arguments import Arguments
    from netspec.dims import Requirement
    from netspec.layers.base import Layer
    from netspec.net import Net

_DEFAULT: Final = Limits()


def load(
    path: str | os.PathLike[str],
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,  # named after the command line option `--set`
    *,
    layers: Iterable[type[Layer]] = (),
    plugins: Iterable[str | type[Arguments]] = (),
    limits: Limits = _DEFAULT,
) -> Net:
    """Compile the spec in a file.

    Args:
        path: the YAML file.
        variant: the name of one of the spec's `variants`; None for the spec itself.
        set: overrides of variables, symbols, `input` and dotted recipe keys as Python values, `{"classes": 100}`. As
            in a spec, a string is text where the spec takes text, and elsewhere an expression.
        layers: classes of layers that the spec may name besides netspec's own, in this call alone (docs/plugins.md).
        plugins: modules and distributions by name, as `--plugin` takes them, and classes: layers, losses, transforms
            and data sets that the spec may name.
        limits: limits on the size of the spec.

    Raises:
        SpecError: the spec is wrong; `error.diagnostics` holds every finding.
        UsageError: the file cannot be read, there is no such variant, the spec is incomplete without one, or an
            argument has another type.
        PluginError: one of `layers` cannot be a layer, or one of `plugins` cannot be imported or used.

    >>> net = netspec.load("specs/alexnet.yaml")
    >>> net
    <Net alexnet: 1×224×224 → 10, 21 layers, 46764746 parameters>
    >>> netspec.load("specs/torchvision/resnet.yaml", "resnet18", {"classes": 100}).output_shape
    (100,)
    """
    return load_offered(path, offer_with(plugins, layers), variant, set, limits=limits)


def load_offered(
    path: str | os.PathLike[str],
    offer: Offer,
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,  # as in `load`
    *,
    limits: Limits = _DEFAULT,
) -> Net:
    """Like `load`, with the layers of plugins that are imported already."""
    _check_arguments(variant, set, limits)
    source, problems = read(path, limits)
    terms = Terms(limits, offer)
    return _compile(source, problems, stem_of(source.name), variant, set or {}, terms).whole()


def loads(
    text: str,
    filename: str = "<string>",
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,  # as in `load`
    *,
    layers: Iterable[type[Layer]] = (),
    plugins: Iterable[str | type[Arguments]] = (),
    limits: Limits = _DEFAULT,
) -> Net:
    """Compile a spec given as text.

    `filename` is the name shown in messages; the other arguments and the errors are those of `load`.

    >>> netspec.loads("{input: [1, 28, 28], layers: [Flatten, Linear: 10]}").params
    7850
    >>> netspec.loads("{input: [3, H, W], layers: [AvgPool2d: 2]}", set={"H": 64, "W": 48}).output_shape
    (3, 32, 24)
    """
    _check_arguments(variant, set, limits)
    _want(text, "a text, the spec", str)
    _want(filename, "`filename` as a text, which messages show", str, os.PathLike)
    return loads_offered(text, offer_with(plugins, layers), filename, variant, set, limits=limits)


def loads_offered(
    text: str,
    offer: Offer,
    filename: str = "<string>",
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,  # as in `load`
    *,
    limits: Limits = _DEFAULT,
) -> Net:
    """Like `loads`, with the layers of plugins that are imported already."""
    source, problems = decode(text.encode("utf-8", "surrogatepass"), filename, limits)
    return _compile(source, problems, stem_of(filename), variant, set or {}, Terms(limits, offer)).whole()


def check(
    path: str | os.PathLike[str],
    text: str | None = None,
    *,
    layers: Iterable[type[Layer]] = (),
    plugins: Iterable[str | type[Arguments]] = (),
    limits: Limits = _DEFAULT,
    notes: bool = False,
) -> list[Diagnostic]:
    """Check a spec with all its variants.

    Args:
        path: the YAML file.
        text: what the file is to hold, such as the text of an editor: then nothing is read, and `path` is a name.
        layers: classes of layers that the spec may name besides netspec's own, as of `load`.
        plugins: as of `load`.
        limits: limits on the size of the spec.
        notes: whether legitimate things are told of that are worth knowing.

    Returns:
        The diagnostics, warnings included, in source order.

    Raises:
        UsageError: the file cannot be read, or an argument has another type.
        PluginError: one of `layers` cannot be a layer, or one of `plugins` cannot be imported or used.

    >>> text = "{input: [1, 28, 28], layers: [Flatten, Linear: {in_features: 400, out_features: 10}]}"
    >>> print(netspec.check("mine.yaml", text)[0].message)
    `in_features: 400`, but `Flatten` (line 1) gives 784 = 1 × 28 × 28
    >>> netspec.check("specs/lenet.yaml")
    []
    """
    _check_arguments(None, None, limits)
    offer = offer_with(plugins, layers)
    if text is None:
        source, problems = read(path, limits)
    else:
        _want(text, "a text, the spec", str)
        _want(path, "`path` as a text, which messages show", str, os.PathLike)
        source, problems = decode(text.encode("utf-8", "surrogatepass"), os.fspath(path), limits)
    return check_source(source, problems, limits=limits, offer=offer, notes=notes)


def check_source(
    source: Source,
    problems: Sequence[Diagnostic] = (),
    *,
    limits: Limits = _DEFAULT,
    offer: Offer = OWN,
    notes: bool = False,
    mends: bool = True,
) -> list[Diagnostic]:
    """Like `check`, for a source that is already read; `problems` are the diagnostics of reading it.

    Args:
        mends: whether to look for mends. With False, those that suggest themselves are not proven, nor others found.
    """
    terms = Terms(limits, offer, "notes" if notes else "warnings")
    clues = Clues()
    spec, found = checked(source, problems, terms, clues)
    if not found or not mends:
        return found

    def required(mended: Source, wrong: Sequence[Diagnostic]) -> Result:
        variant = None if spec is None or is_complete(spec) else next(iter(spec.variants), None)
        return compiled(mended, wrong, stem_of(source.name), variant, {}, terms._replace(remarks="none"), Clues())

    return _with_mends(source, Checked(spec, found), clues, terms, checked, required)


def compile_source(
    source: Source,
    problems: Sequence[Diagnostic] = (),
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,  # as in `load`
    *,
    limits: Limits = _DEFAULT,
    offer: Offer = OWN,
    notes: bool = False,
) -> Result:
    """Compile one variant of a source that is already read. With errors, the net is kept as far as it is known: the
    command line then shows a partial table.

    Raises:
        UsageError: there is no such variant, the spec is incomplete without one, or `set` has an unknown key.
    """
    terms = Terms(limits, offer, "notes" if notes else "warnings")
    return _compile(source, problems, stem_of(source.name), variant, set or {}, terms)


def compile_every(
    source: Source, problems: Sequence[Diagnostic] = (), *, offer: Offer = OWN
) -> dict[str | None, Result]:
    """Compile a source in all its variants, without mends and remarks: under None the spec itself, where it means
    something without one. There is none where the text itself is wrong."""
    return every_net(source, problems, Terms(offer=offer))


def _compile(
    source: Source,
    problems: Sequence[Diagnostic],
    stem: str,
    variant: str | None,
    settings: Mapping[str, Any],
    terms: Terms,
) -> Result:
    clues = Clues()
    result = compiled(source, problems, stem, variant, settings, terms, clues)
    if not result.diagnostics or (terms.remarks == "none" and not has_errors(result.diagnostics)):
        return result

    def again(mended: Source, wrong: Sequence[Diagnostic], terms: Terms, clues: Clues) -> Checked:
        made = compiled(mended, wrong, stem, variant, settings, terms, clues)
        return Checked(made.spec, made.diagnostics)

    def required(mended: Source, wrong: Sequence[Diagnostic]) -> Result:
        return compiled(mended, wrong, stem, variant, settings, terms._replace(remarks="none"), Clues())

    first = Checked(result.spec, result.diagnostics)
    return result._replace(diagnostics=_with_mends(source, first, clues, terms, again, required))


def _with_mends(
    source: Source,
    first: Checked,
    clues: Clues,
    terms: Terms,
    again: Callable[[Source, Sequence[Diagnostic], Terms, Clues], Checked],
    required: Callable[[Source, Sequence[Diagnostic]], Result],
) -> list[Diagnostic]:
    """The findings about a text, each with a mend that is known to mend, or none.

    Args:
        source: the text.
        first: what was found about it.
        clues: what was at hand where that was found.
        terms: what it was read by.
        again: reads another text as this one was read.
        required: compiles another text, for what it requires of its symbols.
    """
    from netspec.mends import Found, answered  # once something is wrong

    known: dict[str, Found] = {}
    """What was found about other texts: several findings may have one mend."""

    def anew(mended: Source, wrong: Sequence[Diagnostic] = ()) -> Found:
        if mended.text in known and not known[mended.text].found:
            return known[mended.text]
        more = Clues()
        return Found(*again(mended, wrong, terms, more), more)

    def recheck(text: str) -> Found:
        if text not in known:
            known[text] = anew(*decode(text.encode(), source.name, terms.limits))
        return known[text]

    def conditions(text: str) -> Sequence[Requirement] | None:
        net, wrong, *_ = required(*decode(text.encode(), source.name, terms.limits))
        return None if net is None or has_errors(wrong) else net.conditions

    return answered(source, Found(*first, clues), anew, recheck, conditions)


def offer_with(plugins: Iterable[str | type[Arguments]] = (), layers: Iterable[type[Layer]] = ()) -> Offer:
    """What netspec has, and these.

    Raises:
        PluginError: one cannot be imported, or is wrong.
    """
    given, named = tuple(layers), (plugins,) if isinstance(plugins, str) else tuple(plugins)
    if not (given or named):
        return OWN
    from netspec.plugins.importing import given_offer  # imported here: few calls bring any

    return given_offer(given, named)


# ---- arguments


def _check_arguments(variant: object, set: object, limits: object) -> None:
    """Refuse arguments of other types than the signatures say, which a caller without a type checker may pass."""
    if variant is not None:
        _want(variant, "`variant` as the name of one", str)
    if set is not None:
        _want(set, "`set` as a mapping of names to values", Mapping)
        for key in cast("Mapping[object, object]", set):
            _want(key, "texts as the names in `set`", str)
    _want(limits, "`limits` as `Limits`", Limits)


def _want(value: object, what: str, *kinds: type) -> None:
    if not isinstance(value, kinds):
        text = repr(value)
        excerpt = text if len(text) <= 60 else text[:57] + "…"
        raise UsageError(f"compiling wants {what}, but here is {excerpt}, of the type {type(value).__name__}")


__all__ = ["Limits", "Result", "check", "check_source", "compile_source", "load", "loads"]
