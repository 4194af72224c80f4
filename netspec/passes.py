"""The passes: text → nodes → spec → net. Each adds its diagnostics; mends are not looked for here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from netspec.called import name_like
from netspec.diagnostics import Diagnostic, Related, UsageError, did_you_mean, has_errors
from netspec.dims import UNKNOWN, Requirement
from netspec.errors import SpecError
from netspec.language.binding import value_of
from netspec.language.clues import Clues
from netspec.language.cursor import NOTHING
from netspec.language.elaborate import Elaborator
from netspec.language.flow import Origin
from netspec.language.initialization import InitRules
from netspec.language.inputs import check_input_names, read_input, symbol_sizes, symbols_of, written_inputs
from netspec.language.items import read_item
from netspec.language.overrides import Overridden, apply_settings, apply_variant
from netspec.language.ports import GivenInput
from netspec.language.reading import read_spec
from netspec.language.reserved import OVERRIDDEN
from netspec.language.scope import NamesInScope
from netspec.language.spec import Block, Spec
from netspec.language.words import calls_of, is_complete, mentioned
from netspec.layers import OWN, Offer, Plugin
from netspec.net import Net, Sequential, leaves
from netspec.remarks.warnings import find_warnings
from netspec.text.source import Limits, MapNode, Node, ScalarNode, Source, parse, without_gc
from netspec.validation import FAILED, Reader, Reports

if TYPE_CHECKING:
    from netspec.layers.base import TensorType
    from netspec.recipe.resolved import Recipe

Remarks = Literal["none", "warnings", "notes"]
"""What is looked for in a net beside mistakes; with notes come warnings."""


class Terms(NamedTuple):
    """What a text is read by."""

    limits: Limits = Limits()
    offer: Offer = OWN
    remarks: Remarks = "none"


class Checked(NamedTuple):
    """What was read of a text with all its variants, and all diagnostics."""

    spec: Spec | None
    diagnostics: list[Diagnostic]


class Result(NamedTuple):
    """The result of compiling: the net (incomplete if there are errors, perhaps None) and all diagnostics."""

    net: Net | None
    diagnostics: list[Diagnostic]
    source: Source
    spec: Spec | None

    def whole(self) -> Net:
        """The net.

        Raises:
            SpecError: the spec is wrong.
        """
        if self.net is None or has_errors(self.diagnostics):
            raise SpecError(self.diagnostics, {self.source.name: self.source.text})
        return self.net


def checked(
    source: Source,
    problems: Sequence[Diagnostic],
    terms: Terms,
    clues: Clues,
    nets: dict[str | None, Net | None] | None = None,
) -> Checked:
    """Check a source with all its variants. Mends are not proven yet; `clues` takes what will help to find some, and
    `nets` the net of each variant, as far as it is known: that of the spec itself under None."""
    with without_gc(source.text):
        spec, found = _read(source, problems, stem_of(source.name), terms)
        if spec is None:
            return Checked(None, _ordered(found))
        used: set[str] = set()
        recipes: list[Recipe | None] = []
        for variant in ([None] if is_complete(spec) else []) + list(spec.variants):
            net, more = _elaborate(spec, variant, {}, terms, used, clues)
            recipes.append(None if net is None else net.recipe)
            if nets is not None:
                nets[variant] = net
            _add_new(found, more, spec, variant)
        uncalled = [block for name, block in spec.blocks.items() if name not in used]
        if uncalled:
            _add_new(found, _check_uncalled(spec, uncalled, terms.limits, used), spec, None)
        if spec.sweep is not None:
            from netspec.space.section import check_sweep  # imported here: few specs have a sweep

            found += check_sweep(spec, recipes[0])
        if not has_errors(found):
            found += _unused(spec, used)
        return Checked(spec, _without_ignored(source, _ordered(found), terms.remarks, unused=True))


def compiled(
    source: Source,
    problems: Sequence[Diagnostic],
    stem: str,
    variant: str | None,
    settings: Mapping[str, Any],
    terms: Terms,
    clues: Clues,
) -> Result:
    """Compile one variant. Mends are not proven yet; `clues` takes what will help to find some."""
    with without_gc(source.text):
        spec, found = _read(source, problems, stem, terms)
        if spec is None:
            return Result(None, _ordered(found), source, None)
        if variant is None and not is_complete(spec) and not has_errors(found):
            raise UsageError(
                f"{source.name} means nothing without a variant; it has {', '.join(spec.variants)}: "
                "name one with `--variant NAME`"
            )
        net, more = _elaborate(spec, variant, settings, terms, set(), clues)
        return Result(net, _without_ignored(source, _ordered([*found, *more]), terms.remarks), source, spec)


def shown(source: Source, variant: str | None, terms: Terms) -> Result:
    """Compile the variant that is to be shown: the named one if there is one of this name, else the spec itself, or its
    first variant where it means nothing without one."""
    with without_gc(source.text):
        spec, found = _read(source, (), stem_of(source.name), terms)
        if spec is None:
            return Result(None, _ordered(found), source, None)
        if variant not in spec.variants:
            variant = None if is_complete(spec) else next(iter(spec.variants))
        net, more = _elaborate(spec, variant, {}, terms, set(), Clues())
        return Result(net, _without_ignored(source, _ordered([*found, *more]), terms.remarks), source, spec)


def every_net(source: Source, problems: Sequence[Diagnostic], terms: Terms) -> dict[str | None, Result]:
    """Compile a source in all its variants: under None the spec itself, where it means something without one. There is
    none where the text itself is wrong."""
    with without_gc(source.text):
        spec, found = _read(source, problems, stem_of(source.name), terms)
        if spec is None or has_errors(found):
            return {}
        made: dict[str | None, Result] = {}
        for variant in ([None] if is_complete(spec) else []) + list(spec.variants):
            net, more = _elaborate(spec, variant, {}, terms, set(), Clues())
            made[variant] = Result(net, more, source, spec)
        return made


def _read(
    source: Source, problems: Sequence[Diagnostic], stem: str, terms: Terms
) -> tuple[Spec | None, list[Diagnostic]]:
    """Text → nodes → spec."""
    found = list(problems)
    if has_errors(found):
        return None, found
    root, more = parse(source, terms.limits)
    found += more
    if root is None or any(d.code != "duplicate-key" for d in more):  # more errors would follow from missing nodes
        return None, found
    reports = Reports(source)
    spec = read_spec(root, source, stem, reports.report, terms.offer)
    found += reports.diagnostics
    return (spec if isinstance(root, MapNode) else None), found


def _elaborate(
    spec: Spec,
    variant: str | None,
    settings: Mapping[str, Any],
    terms: Terms,
    used: set[str],
    clues: Clues,
) -> tuple[Net | None, list[Diagnostic]]:
    """Spec → net, for one variant and its overrides."""
    over = apply_variant(spec, variant) if variant is not None else Overridden(spec)
    if settings:
        apply_settings(spec, over, settings)
    source = over.source
    reports = Reports(source, [(source.between(start, end), setting) for start, end, setting in over.marks])
    variables: dict[str, Any] = {}
    scope = NamesInScope(spec, variables, {})
    scope.used = used
    reader = Reader(reports, scope)
    with without_gc(spec.source.text, grows=bool(spec.blocks)):  # blocks may expand to far more than the text
        _define(over, variables, spec, reader, scope)
        elaborator, root, input_type = _walk(over, spec, reader, scope, terms.limits)
        recipe: Recipe | None = None
        if over.train is not None:
            from netspec.language.training import training_section  # imported here: few specs have a recipe

            recipe = training_section(over.train, over, input_type, root, elaborator)
        net = Net(
            name=_named(spec, variant),
            description=spec.description,
            source=spec.source.name,
            variant=variant,
            input=input_type or NOTHING,
            root=root,
            recipe=recipe,
            conditions=tuple(elaborator.inference.conditions),
            text=spec.source.text,
            overrides=dict(settings),
            named_inputs=elaborator.ports.inputs,
            named_outputs=elaborator.ports.outputs,
            variables={name: value for name, value in variables.items() if isinstance(value, int | float | str)},
            plugins=_used_plugins(spec.offer, root, recipe),
        )
        whole = not has_errors(reports.diagnostics) and not spec.lost and input_type is not None
        if over.expect is not None:
            _expect(over.expect, net if whole else None, reports, scope)
        if terms.remarks != "none" and whole:
            _remark(net, spec, reports, terms.remarks)
    clues.update(reports.clues)
    clues.items_walked += elaborator.expansion.steps
    return net, reports.diagnostics


def _walk(
    over: Overridden, spec: Spec, reader: Reader, scope: NamesInScope, limits: Limits
) -> tuple[Elaborator, Sequential, TensorType | None]:
    """The one walk of templates and shapes: what it has found, its root, and the type of the first input."""
    symbols = symbols_of(over.input, {key.text for key, _ in over.vars})
    scope.symbols = symbol_sizes(symbols, over.symbols)
    inputs = _inputs(over, spec, reader, scope.symbols)
    scope.has_values = scope.has_values or inputs[0].name is not None
    init = InitRules(spec, spec.init, reader)
    elaborator = Elaborator(spec, reader, scope, init, limits)
    if over.train is not None:
        from netspec.language.training import targets_in  # imported here: few specs have a recipe

        elaborator.ports.targets = targets_in(over.train)
    root = elaborator.run(inputs)
    init.finish(reader)
    if elaborator.inference.conditions:
        _symbols_agree(elaborator.inference.conditions, over.input, reader)
    return elaborator, root, inputs[0].type


def _expect(node: Node, net: Net | None, reports: Reports, scope: NamesInScope) -> None:
    """Hold the net against what the spec expects of it."""
    from netspec.expectations import check_expectations  # imported here: few specs expect anything

    check_expectations(node, Reader(reports, scope, plain=True), net)


def _remark(net: Net, spec: Spec, reports: Reports, remarks: Remarks) -> None:
    """What is no mistake and yet worth a word."""
    find_warnings(net, spec.layers, reports)
    if remarks == "notes":
        from netspec.remarks.notes import find_notes  # imported here: they are asked for

        find_notes(net, reports)


def _without_ignored(
    source: Source, found: list[Diagnostic], remarks: Remarks, *, unused: bool = False
) -> list[Diagnostic]:
    """The findings that no comment silences, and those about such comments.

    Args:
        unused: whether all variants are checked, so that a comment that silences nothing does so nowhere.
    """
    if remarks == "none" or "ignore" not in source.text:
        return found
    from netspec.remarks.ignoring import without_ignored  # imported here: few specs silence anything

    return _ordered(without_ignored(source, found, notes=remarks == "notes", unused=unused))


def _used_plugins(offer: Offer, root: Sequential, recipe: Recipe | None) -> tuple[Plugin, ...]:
    """The plugins that have a layer in the net, or a part in its recipe."""
    if not offer.plugins:
        return ()
    used: set[type] = {type(leaf.layer) for leaf in leaves(root)}
    used.update(type(part) for part in (() if recipe is None else recipe.parts))
    return tuple(plugin for plugin in offer.plugins if not used.isdisjoint(plugin.classes))


def _inputs(over: Overridden, spec: Spec, reader: Reader, sizes: Mapping[str, Any]) -> list[GivenInput]:
    """The inputs of the net; one of which nothing is known where the spec has none."""
    written = written_inputs(over.input)
    refused = check_input_names(written, spec, {key.text for key, _ in over.vars}, sizes, reader)
    found: list[GivenInput] = []
    for each in written:
        name = None if each.name is None else each.name.text
        origin = Origin("`input`" if name is None else f"input `{name}`", over.source.span(each.name or each.node))
        found.append(GivenInput(name, read_input(each, sizes, reader), origin, name not in refused))
    return found or [GivenInput(None, None, Origin("`input`", over.source.between(0, 0)))]


def _check_uncalled(spec: Spec, blocks: Sequence[Block], limits: Limits, used: set[str]) -> list[Diagnostic]:
    """Check the bodies of blocks that no variant calls. Their parameters, and so most sizes, are `UNKNOWN`."""
    variables: dict[str, Any] = {key.text: UNKNOWN for key in _definitions(spec).values()}
    scope = NamesInScope(spec, variables, {})
    scope.used = used
    reports = Reports(spec.source)
    reader = Reader(reports, scope)
    elaborator = Elaborator(spec, reader, scope, InitRules(spec, None, reader), limits)
    for block in blocks:
        elaborator.uncalled(block)
    return reports.diagnostics


def _define(over: Overridden, variables: dict[str, Any], spec: Spec, reader: Reader, scope: NamesInScope) -> None:
    """Evaluate `vars` in order into `variables`, which the scope reads: a definition may use earlier ones."""
    for key, node in over.vars:
        value = value_of(node, reader, scope, lambda n: read_item(n, spec, reader.report))
        variables[key.text] = UNKNOWN if value is FAILED else value


def _symbols_agree(conditions: Sequence[Requirement], node: Node | None, reader: Reader) -> None:
    """Report requirements on the symbols of the input that contradict each other."""
    from netspec.symbols import contradiction  # imported here: only a symbolic input needs formulas

    conflict = contradiction(conditions)
    if conflict is not None and node is not None:
        reader.report(
            "symbols-conflict",
            "no size of the symbols meets what the layers require together: "
            + "; ".join(dict.fromkeys(requirement.sentence for requirement in conflict)),
            node,
            help="`--set` gives a symbol a number, and each layer then says what it makes of it",
        )


def stem_of(name: str) -> str:
    """The default name of a spec: that of the file, with `_` for characters that a name may not have."""
    return name_like(PurePath(name).stem) or "net"


def _named(spec: Spec, variant: str | None) -> str:
    """The net's name: that of the variant if it starts with the spec's name, else SPEC-VARIANT."""
    if variant is None:
        return spec.name
    return variant if variant.startswith(spec.name) else f"{spec.name}-{variant}"


def _add_new(found: list[Diagnostic], more: list[Diagnostic], spec: Spec, variant: str | None) -> None:
    """Add the diagnostics of a variant that no earlier variant had, with a note that names the variant."""
    known = {(d.code, d.span) for d in found}
    fresh = [d for d in more if (d.code, d.span) not in known]
    if (variant is not None and is_complete(spec)) or len(spec.variants) > 1:
        key = next((v for k, v in spec.variants.items() if k == variant), None)
        if key is not None:
            note = Related(f"in the variant `{variant}`", spec.source.span(key))
            fresh = [d._replace(related=(*d.related, note)) for d in fresh]
    found += fresh


def _definitions(spec: Spec) -> dict[str, ScalarNode]:
    """The variables of a spec and its variants, name → the key node that defines it first."""
    definitions = {key.text: key for key, _ in spec.vars}
    for variant in spec.variants.values():
        for key, value in variant.entries:
            if key.text == "vars" and isinstance(value, MapNode):
                definitions.update({k.text: k for k, _ in value.entries if k.text not in definitions})
            elif key.text not in OVERRIDDEN and key.text not in definitions:
                definitions[key.text] = key
    return definitions


def _unused(spec: Spec, used: set[str]) -> list[Diagnostic]:
    """A warning for each block that nothing calls and each variable that nothing reads, often a misspelt override.

    A variable counts as used if only a layer reads it that `when` or `repeat` leaves out: other values include it.
    """
    definitions = _definitions(spec)
    if all(name in used for name in (*definitions, *spec.blocks)):
        return []
    reports = Reports(spec.source)
    for name, block in spec.blocks.items():
        if name not in used and not calls_of(spec, block):
            reports.report(
                "unused-block", f"nothing calls the block `{name}`", block.key, severity="warning",
                help="remove it, or call it among the layers",
            )  # fmt: skip
    used = used | mentioned(spec, variants=True)
    for name, key in definitions.items():
        if name not in used:
            near = did_you_mean(name, [n for n in definitions if n in used])
            reports.report(
                "unused-variable",
                f"nothing uses the variable `{name}`",
                key,
                severity="warning",
                help=f"did you mean `{near}`?" if near else "remove it, or use it",
            )
    return reports.diagnostics


_RANK: Final = {"error": 0, "warning": 1, "note": 2}


def _ordered(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Sort by place in the file. Diagnostics of a `--set` come last, in the order of their detection."""
    inside = [d for d in diagnostics if not d.span.in_setting]
    return sorted(inside, key=lambda d: (d.span.line, d.span.column, _RANK[d.severity])) + [
        d for d in diagnostics if d.span.in_setting
    ]
