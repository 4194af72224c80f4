"""`over:` of a sweep: its keys are those of `--set`, and `variant`; values for the recipe are tried in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from netspec.arguments import COUNT, POSITIVE, REAL
from netspec.diagnostics import Diagnostic, UsageError, did_you_mean
from netspec.kinds import FieldKind, kind_of
from netspec.language.inputs import symbols_of
from netspec.language.overrides import Overridden, apply_settings, apply_variant
from netspec.language.scope import NamesInScope
from netspec.language.settable import keys_of
from netspec.language.spec import Spec
from netspec.language.words import is_complete
from netspec.recipe import read_recipe
from netspec.recipe.tables import tables_of
from netspec.space.axes import Axis, Choice, Range, Space, label
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.validation import FAILED, Reader, Reports

VARIANT: Final = "variant"
"""The key that goes over variants."""
_MOST: Final = 10_000
"""Values that a key may have."""


NUMBERS: Final[Mapping[str, FieldKind]] = {
    "from": REAL, "to": REAL, "step": POSITIVE, "count": COUNT, "log": kind_of(bool),
}  # fmt: skip
"""The keys of a range, each with what it takes."""


def read_axes(node: MapNode, spec: Spec, reader: Reader) -> Space | None:
    """The space that `over:` describes; None where no key is right."""
    over = node.get("over")
    if over is None:
        reader.report("missing-key", "a sweep has no `over`: what it goes over", node,
                      help="for example `over: {train.optimizer.SGD.lr: {from: 1e-3, to: 1, log: true}}`")  # fmt: skip
        return None
    if not isinstance(over, MapNode) or not over.entries:
        reader.report("wrong-form", "`over` is a mapping of what `--set` takes, and `variant`, to values", over,
                      help="for example `over: {width: [8, 16, 32], variant: [relu, tanh]}`")  # fmt: skip
        return None
    axes: list[Axis] = []
    for key, value in over.entries:
        axis = _axis(key, value, reader)
        if axis is not None and _is_known(key, value, axis, spec, over, reader):
            axes.append(axis)
    return Space(tuple(axes)) if len(axes) == len(over.entries) else None


def _axis(key: ScalarNode, node: Node, reader: Reader) -> Axis | None:
    if isinstance(node, ListNode):
        if not node.items:
            reader.report("wrong-form", f"`{key.text}` has no values to go over", node)
            return None
        values = tuple(plain(item) for item in node.items)
        labels = [(type(label(value)), label(value)) for value in values]
        for i, item in enumerate(node.items):
            if labels[i] in labels[:i]:
                reader.report("invalid-argument", f"`{key.text}` has {label(values[i])} twice", item)
                return None
        return Choice(key.text, values)
    if isinstance(node, MapNode) and node.get("from") is not None:
        return _range(key, node, reader)
    reader.report(
        "wrong-form", f"`{key.text}` goes over a list of values, or over the numbers `from` one `to` another", node,
        help=f"write `{key.text}: [{label(plain(node))}]` for one value" if isinstance(node, ScalarNode)
        else f"for example `{key.text}: {{from: 3, to: 15, step: 2}}`",
    )  # fmt: skip
    return None


def _range(key: ScalarNode, node: MapNode, reader: Reader) -> Axis | None:
    """The numbers between two bounds; None once a mistake is reported."""
    values: dict[str, Any] = {}
    for name, value in node.entries:
        if name.text not in NUMBERS:
            near = did_you_mean(name.text, NUMBERS)
            reader.report(
                "unknown-key", f"a range has no `{name.text}`", name,
                help=f"did you mean `{near}`?" if near else "it has " + ", ".join(f"`{known}`" for known in NUMBERS),
            )  # fmt: skip
            return None
        values[name.text] = reader.scalar(value, NUMBERS[name.text], name=name.text, owner=key.text)
    if any(value is FAILED for value in values.values()):
        return None
    if "to" not in values:
        reader.report("missing-argument", f"the range of `{key.text}` has no `to`, its greatest number", key)
        return None
    if (wrong := _contradiction(values)) is not None:
        reader.report("invalid-argument", wrong, node)
        return None
    low, high, log = values["from"], values["to"], values.get("log", False)
    if (count := values.get("count")) is not None:
        return Choice(key.text, _spread(low, high, count, log=log))
    axis = Range(key.text, low, high, values.get("step"), log)
    if axis.size is not None and axis.size > _MOST:
        reader.report("invalid-argument", f"`{key.text}` has {axis.size:,} values, more than {_MOST:,}", node,
                      help="a larger `step` has fewer; so has `count`")  # fmt: skip
        return None
    return axis


def _contradiction(values: Mapping[str, Any]) -> str | None:
    """What the keys of a range say that cannot be; None where they go together."""
    low, high, log = values["from"], values["to"], values.get("log", False)
    if low > high:
        return f"no number is at least {low:g} and at most {high:g}"
    if "step" in values and "count" in values:
        return "`step` and `count` both say which numbers between the bounds are meant: give one of them"
    if log and low <= 0:
        return f"`log` wants bounds above 0, and `from` is {low:g}"
    if log and "step" in values:
        return "`log` has equal ratios and `step` equal differences: `count` goes with both"
    if values.get("count") == 1 and low != high:
        return "`count: 1` has no room for both bounds"
    return None


def _spread(low: float, high: float, count: int, *, log: bool) -> tuple[Any, ...]:
    """So many numbers from bound to bound, integers where both are; with `log` in equal ratios."""
    parts = [i / max(count - 1, 1) for i in range(count)]
    if log:
        found = [math.exp(math.log(low) + part * (math.log(high) - math.log(low))) for part in parts]
    else:
        found = [low + part * (high - low) for part in parts]
    found[0], found[-1] = low, high
    if type(low) is int and type(high) is int:
        return tuple(dict.fromkeys(round(number) for number in found))
    return tuple(float(f"{number:.12g}") for number in found)


def plain(node: Node) -> Any:
    """A node as the value that Python has for it."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.entries}


# ---- against the spec


def _is_known(key: ScalarNode, node: Node, axis: Axis, spec: Spec, over: MapNode, reader: Reader) -> bool:
    """Whether the spec has what a key names, and takes its values as far as that is known without its layers."""
    if key.text == VARIANT:
        return _are_variants(node, axis, spec, reader)
    if _under_another(key, over, reader):
        return False
    values = axis.values if isinstance(axis, Choice) else (axis.low, axis.high)
    places = node.items if isinstance(node, ListNode) else [node] * len(values)
    for value, place in zip(values, places if len(places) == len(values) else [node] * len(values), strict=True):
        refused = _refusal(key.text, value, spec, over)
        if refused is None:
            continue
        if isinstance(refused, Diagnostic):
            reader.report(refused.code, f"with `{key.text}: {label(value)}`, {refused.message}", place,
                          help=refused.help)  # fmt: skip
        else:
            reader.report("not-settable", f"a sweep cannot go over `{key.text}`: {refused}", key)
        return False
    return True


def _under_another(key: ScalarNode, over: MapNode, reader: Reader) -> bool:
    """Whether another key replaces what a key is a part of, so that neither would be what it says."""
    for other, _ in over.entries:
        if key.text.startswith(f"{other.text}."):
            reader.report(
                "not-settable", f"a sweep cannot go over `{key.text}`: `{other.text}` replaces the whole of it", key,
                help=f"write the values of `{other.text}` with it, as in `{other.text}: [{{Adam: {{lr: 0.001}}}}, …]`",
            )  # fmt: skip
            return True
    return False


def _are_variants(node: Node, axis: Axis, spec: Spec, reader: Reader) -> bool:
    names = axis.values if isinstance(axis, Choice) else ()
    for name, place in zip(names, node.items if isinstance(node, ListNode) else [node] * len(names), strict=True):
        if name not in spec.variants and not (name is None and is_complete(spec)):
            near = did_you_mean(str(name), spec.variants)
            there = ", ".join(f"`{each}`" for each in spec.variants) or "none"
            reader.report("unknown-name", f"the spec has no variant `{name}`", place,
                          help=f"did you mean `{near}`?" if near else f"there are: {there}")  # fmt: skip
            return False
    if not names:
        reader.report("wrong-form", "`variant` goes over a list of names", node)
    return bool(names)


def _bases(spec: Spec, over: MapNode) -> list[str | None]:
    """What a value is tried on: the variants that the sweep goes over, else the spec itself, else all variants."""
    swept = over.get(VARIANT)
    named = [item.text for item in swept.items if isinstance(item, ScalarNode)] if isinstance(swept, ListNode) else []
    known = [name for name in named if name in spec.variants]
    return [*known] or ([None] if is_complete(spec) else [*spec.variants])


def _refusal(key: str, value: Any, spec: Spec, over: MapNode) -> str | Diagnostic | None:
    """Why a value cannot be put where a key says, in all that it is tried on; None if it can be in one of them."""
    found: str | Diagnostic | None = None
    for variant in _bases(spec, over):
        base = Overridden(spec) if variant is None else apply_variant(spec, variant)
        sound = key.startswith("train.") and _mistake(spec, base) is None
        try:
            apply_settings(spec, base, {key: value})
        except UsageError as error:
            found = found or str(error)
            continue
        wrong = _mistake(spec, base) if sound else None
        if wrong is None:
            return None
        found = found or wrong
    return found


def _mistake(spec: Spec, base: Overridden) -> Diagnostic | None:
    """The first error in a recipe, by itself; None where there is none."""
    if not isinstance(base.train, MapNode):
        return None
    reports = Reports(base.source)
    known = tables_of(spec.offer, spec.plugins)
    read_recipe(base.train, Reader(reports, NamesInScope(spec, {}, {}), plain=True), known=known)
    return next((d for d in reports.diagnostics if d.severity == "error"), None)


def settable(spec: Spec) -> list[str]:
    """The keys that a sweep may go over, for completion."""
    names = [key.text for key, _ in spec.vars]
    for variant in spec.variants.values():
        names += [key.text for key, _ in variant.entries if key.text not in ("input", "train", "expect", "vars")]
    symbols = sorted(symbols_of(spec.input, set(names)))
    found = [*names, *symbols, *([VARIANT] if spec.variants else []), *keys_of(spec.train, tables_of(spec.offer))]
    return list(dict.fromkeys(found))
