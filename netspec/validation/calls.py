"""Names with their arguments, `{SGD: {lr: 0.1}}`, in other forms: findings that say how they are written here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from netspec.arguments import Arguments
from netspec.diagnostics import Code, Edit, Fix, did_you_mean, is_misspelt
from netspec.kinds import kinds_of
from netspec.meant import argument_meant, meant_call, python_call
from netspec.text.nodes import ListNode, MapNode, Node, ScalarNode
from netspec.text.source import Source
from netspec.validation.reports import Reports

Load = Callable[[str], type[Arguments]]
Entry = tuple[ScalarNode, Node]


def no_call(reports: Reports, node: Node, table: Mapping[str, str], load: Load, kind: str) -> None:
    """Report what is neither a name nor a name with its arguments."""
    several = [key.text for key, _ in node.entries] if isinstance(node, MapNode) else []
    listed = [f"`{name}`" for name in several]
    named = f": here are {', '.join(listed[:-1])} and {listed[-1]}" if len(several) > 1 else ""
    fix = _with_what_stands_beside(reports.source, node, table, load)
    told = f"keep one, as in `{{{several[-1]}: {{…}}}}`" if named else f"for example `{next(iter(table))}`"
    if named and (known := [name for name in several if name in table]) != several:
        told = f"arguments stand under the name: `{{{known[0] if known else next(iter(table))}: {{…}}}}`"
    reports.report(
        "wrong-form",
        f"{_one(kind)} is one name, or one name with its arguments{named}",
        node,
        help=told,
        fix=fix,
    )


def _with_what_stands_beside(source: Source, node: Node, table: Mapping[str, str], load: Load) -> Fix | None:
    """`{SGD: {lr: 0.1}, momentum: 0.9}` and `[SGD, lr: 0.1]`: what stands beside the name are its arguments."""
    entries = node.entries if isinstance(node, MapNode) else _listed(node)
    heads = [entry for entry in entries if entry[0].text in table]
    if len(heads) != 1 or len(entries) < 2 or entries[0] is not heads[0]:
        return None
    head, value = heads[0]
    inside = value.entries if isinstance(value, MapNode) else []
    if not isinstance(value, MapNode) and (not isinstance(value, ScalarNode) or value.value is not None):
        return None  # a bare value is one of its arguments, too
    beside = [entry for entry in entries if entry[0] is not head]
    fields = load(head.text).model_fields
    keys = [argument_meant(key.text, fields) for key, _ in (*inside, *beside)]
    if None in keys or len(set(keys)) < len(keys):
        return None
    texts = [f"{key.text}: {source.text[given.start : given.end]}" for key, given in (*inside, *beside)]
    if any("\n" in text for text in texts):
        return None
    title = f"write `{head.text}: {{{', '.join(texts)}}}`"
    if isinstance(node, MapNode) and not node.flow and not inside:
        return Fix(title, tuple(_deeper(source, beside, node)))
    whole = f"{head.text}: {{{', '.join(texts)}}}"
    block = isinstance(node, MapNode) and not node.flow
    return Fix(title, (Edit(source.span(node), whole if block else f"{{{whole}}}"),))


def _listed(node: Node) -> list[Entry]:
    """`[SGD, lr: 0.1]` as entries."""
    found: list[Entry] = []
    for item in node.items if isinstance(node, ListNode) and node.flow else []:
        if isinstance(item, ScalarNode):
            found.append((item, ScalarNode(None, "", False, item.end, item.end)))
        elif isinstance(item, MapNode):
            found += item.entries
    return found


def _deeper(source: Source, entries: Sequence[Entry], node: MapNode) -> list[Edit]:
    """The lines of some entries, indented by two more."""
    lines = range(source.text.count("\n", 0, entries[0][0].start), source.text.count("\n", 0, node.end) + 1)
    starts = [source.offset(line + 1, 1) for line in lines]
    return [Edit(source.between(start, start), "  ") for start in starts if source.text[start : start + 1] == " "]


def _one(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


_NAMING: Final = ("name", "type", "dataset", "class_name", "class", "_target_")
"""Keys under which others say which thing it is whose arguments stand beside."""
_GIVING: Final = ("params", "args", "kwargs", "arguments", "options", "config", "init_args")
"""Keys under which others put the arguments."""


def names_within(
    reports: Reports, node: MapNode, table: Mapping[str, str], load: Load, kind: str, elsewhere: Mapping[str, str]
) -> bool:
    """Report `{name: SGD, lr: 0.1}`, whose name is the key and the arguments its value here; False if it is none."""
    at = next((i for i, (key, _) in enumerate(node.entries) if key.text in _NAMING and key.text not in table), None)
    if at is None:
        return False
    key, value = node.entries[at]
    name = meant_call(value.text, table, load, elsewhere).name if isinstance(value, ScalarNode) else None
    if name is None:
        return False
    source = reports.source
    others = _of_its_own(source, load(name), [entry for i, entry in enumerate(node.entries) if i != at])
    texts = [f"{other.text}: {source.text[given.start : given.end]}" for other, given in others]
    whole = f"{{{name}: {{{', '.join(texts)}}}}}" if texts else name
    flat = not any("\n" in text for text in texts) and source.text[key.end : key.end + 1] == ":"
    block = not node.flow and at == 0 and all(entry in node.entries for entry in others)
    edits = [Edit(source.span(node), whole)]
    colon = len(source.text[: node.start].rstrip())
    if not node.flow and not texts and source.text[colon - 1 : colon] == ":":  # a name alone stands behind its key
        edits = [Edit(source.between(colon, node.end), f" {whole}")]
    elif block and others:  # what stands under it is indented by two more
        edits = [Edit(source.between(key.start, value.end), f"{name}:"), *_deeper(source, others, node)]
    told = "`" + (f"{name}: {{{', '.join(texts)}}}" if texts else name) + "`"
    reports.report(
        "wrong-form",
        f"{_one(kind)} is one name, or one name with its arguments, and has no `{key.text}`",
        key,
        help="its name is a key, whose value are its arguments" if texts else "its name stands alone",
        fix=Fix(f"write {told}", tuple(edits)) if flat or (block and others) else None,
    )
    return True


def _of_its_own(source: Source, model: type[Arguments], entries: Sequence[Entry]) -> list[Entry]:
    """The arguments among what stands beside a name, those in a mapping of their own among them, without what says
    nothing here."""
    found: list[Entry] = []
    for key, value in entries:
        if key.text in _GIVING and key.text not in model.model_fields and isinstance(value, MapNode):
            found += value.entries
        elif not model.says_nothing(key.text, source.text[value.start : value.end]):
            found.append((key, value))
    return found


def unknown_call(
    reports: Reports,
    head: ScalarNode,
    value: Node | None,
    table: Mapping[str, str],
    load: Load,
    kind: str,
    unknown: Code,
    elsewhere: Mapping[str, str],
) -> None:
    """Report a name that is not in the table; Python's `Adam(lr=0.1)` is answered with its mapping.

    Args:
        value: what stands behind it; None where it stands alone.
    """
    near, whole, says_all = meant_call(head.text, table, load, elsewhere)
    whole = whole if value is None else near  # before a colon there is no room for a mapping
    bare = python_call(head.text)[0]
    sure = near is not None and (elsewhere.get(bare.lower()) == near or is_misspelt(bare, near))
    told = near
    if near is not None and value is not None and bare.casefold() != near.casefold() and not _takes(load(near), value):
        told = whole = None  # `Cutout: 16`, whose number is another one
    if near is None:
        advice = elsewhere.get(bare.lower())
        help_ = advice or f"there are: {', '.join(sorted(table))}"
    elif told is None:
        help_ = f"`{near}` is nearest, whose arguments are {', '.join(f'`{one}`' for one in load(near).model_fields)}"
    else:
        help_ = f"did you mean `{near}`?" if whole == near else f"write `{whole}`"
    fix = None if whole is None else reports.replace(f"write `{whole}`", head, whole)
    reports.report(
        unknown,
        f"there is no {kind} `{head.text}`"
        + (": a name and its arguments are a mapping here" if whole not in (None, near) else ""),
        head,
        help=help_,
        fix=None if fix is None else fix._replace(certain=sure, says_all=says_all),
    )


def call_of_plugin(
    reports: Reports, head: ScalarNode, missing: Sequence[str], table: Mapping[str, str], kind: str, unknown: Code
) -> None:
    """Report a name that is not in the table where a plugin that the spec names is not here."""
    near = did_you_mean(head.text, table)
    reports.report(unknown, f"there is no {kind} `{head.text}`; {not_loaded(missing)}", head,
                   help=how_loaded(missing, near))  # fmt: skip


def not_loaded(missing: Sequence[str]) -> str:
    """Why a name is unknown: the spec names plugins that are not here."""
    names = " and ".join(f"`{plugin}`" for plugin in missing)
    return f"the spec names the plugin{'s' * (len(missing) > 1)} {names}, not loaded"


def how_loaded(missing: Sequence[str], near: str | None) -> str:
    """How plugins are loaded; `near` is a name that may be meant if none of them has this one."""
    options = " ".join(f"--plugin {plugin}" for plugin in missing)
    names = ", ".join(f'"{plugin}"' for plugin in missing)
    told = f"run with `{options}`; in Python, `netspec.load(…, plugins=[{names}])`"
    return told + (f"; if it is none of those, did you mean `{near}`?" if near else "")


def _takes(model: type[Arguments], value: Node) -> bool:
    """Whether a thing may take the bare number that stands behind its name."""
    number = value.value if isinstance(value, ScalarNode) else None
    return type(number) not in (int, float) or (
        model.scalar is not None and kinds_of(model)[model.scalar].takes(number)
    )
