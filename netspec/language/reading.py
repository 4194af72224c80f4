"""Node tree → `Spec`: the top-level keys are told apart, and the blocks are read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import PurePath
from typing import Any, Final

from netspec.called import WISH, has_all_of, is_name, name_like, why_not
from netspec.diagnostics import Edit, Fix, Related, did_you_mean
from netspec.language.reserved import OVERRIDDEN, check_name
from netspec.language.signatures import Parameter, read_signature
from netspec.language.spec import Block, Report, Spec
from netspec.language.strays import under_train
from netspec.layers import OWN, Offer
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source
from netspec.text.traps import signature_trap

KEYS: Final = (
    "netspec", "name", "description", "plugins", "input", "vars", "variants", "blocks", "layers", "output", "init",
    "train", "expect", "sweep",
)  # fmt: skip
_PLUGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LATER: Final = {
    "include": "a spec is one file in this version of the language",
    "includes": "a spec is one file in this version of the language",
    "import": "a spec is one file in this version of the language",
}


_ELSEWHERE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("model", "backbone", "network", "net", "architecture", "arch", "body", "modules"), "layers"),
    **dict.fromkeys(("training", "trainer"), "train"),
    **dict.fromkeys(("input_shape", "input_size", "input_dim", "in_shape", "shape"), "input"),
    **dict.fromkeys(("variables", "params", "parameters", "constants"), "vars"),
}
"""Keys that people and other tools write at the top, in small letters, with ours."""


def _meant(key: str, node: Node, given: Collection[str]) -> str | None:
    """The key that is meant by one of another tool, where it is not given and the value is no mere name."""
    meant = _ELSEWHERE.get(key.lower())
    return meant if meant not in given and isinstance(node, (ListNode, MapNode)) else None


def read_spec(root: Node, source: Source, stem: str, report: Report, offer: Offer = OWN) -> Spec:
    """Tell the parts of a document apart.

    `stem` is the name of a spec that names itself not; `report(code, message, node, **more)` receives every mistake;
    `offer` are the layers that there are.
    """
    spec = Spec(source, stem, offer)
    if not isinstance(root, MapNode):
        report(
            "not-a-spec",
            "a spec is a mapping with `input` and `layers`, but this is "
            + ("a list" if isinstance(root, ListNode) else "plain text"),
            root,
            help="write `layers:` and put the list under it" if isinstance(root, ListNode) else "see `netspec new`",
        )
        return spec
    given = {key.text for key, _ in root.entries}
    if "layers" not in given and (kind := next((key for key, _ in root.entries if key.text == "model_type"), None)):
        _report_configuration(spec, kind, report)
        return spec
    entries = _at_the_top(root.entries, given, source, report)
    strange = [key.text for key, _ in entries if key.text not in (*KEYS, *_ELSEWHERE, *_LATER)]
    entries = under_train(entries, strange, source, report) if strange else entries
    given = {key.text for key, _ in entries}
    for key, node in entries:
        known = key.text in KEYS or key.text in _LATER
        near = None if known else _meant(key.text, node, given) or did_you_mean(key.text, KEYS)
        if near is None:
            _read_key(spec, key, node, report)
            continue
        fix = None if near in given else Fix(f"write `{near}`", (Edit(source.span(key), near),))
        report("unknown-key", f"a spec has no `{key.text}`", key, help=f"did you mean `{near}`?", fix=fix)
        if near not in given:  # read it as what it is meant to be, so that nothing else seems to be missing
            given.add(near)
            _read_key(spec, ScalarNode(near, near, False, key.start, key.end), node, report)
    for name in spec.variants:
        _check_variant(spec, name, report)
    if "layers" not in given:
        report(
            "missing-key", "the spec has no `layers`", _head(root, source), help="add `layers:` with a list of layers"
        )
    if "input" not in given and all(v.get("input") is None for v in spec.variants.values()):
        report(
            "missing-key",
            "the spec has no `input`: without it no shape is known",
            _head(root, source),
            help="add `input: [1, 28, 28]`, the shape of one example without the batch axis",
        )
    return spec


def _at_the_top(
    entries: list[tuple[ScalarNode, Node]], given: Collection[str], source: Source, report: Report
) -> list[tuple[ScalarNode, Node]]:
    """The entries of a document; what stands under `model`, a spec in itself, is read as if it stood at the top."""
    found: list[tuple[ScalarNode, Node]] = []
    for key, node in entries:
        if "layers" in given or key.text in KEYS or not isinstance(node, MapNode) or node.get("layers") is None:
            found.append((key, node))
            continue
        twice = [inner.text for inner, _ in node.entries if inner.text in given]
        fix = None if twice or node.flow else _dedent(key, node, source)
        told = f"leave `{key.text}` out: its keys stand at the top of a spec"
        told += f", where `{twice[0]}` stands already" if twice else ""
        report("unknown-key", f"a spec has no `{key.text}`", key, help=told if fix is None else None, fix=fix)
        found += [(inner, value) for inner, value in node.entries if inner.text not in given]
    return found


def _dedent(key: ScalarNode, node: MapNode, source: Source) -> Fix:
    """The entries of a block mapping in the column of its key, which goes."""
    text, first = source.text, node.entries[0][0].start
    indent = first - text.rfind("\n", 0, first) - 1
    stop = text.find("\n", key.end) + 1
    comment = text.find("#", key.end, stop)
    edits = [Edit(source.between(key.start, stop if comment < 0 else comment), "")]
    for line in re.finditer(r"^ +", text[stop : node.end], re.MULTILINE):
        begin = stop + line.start()
        edits.append(Edit(source.between(begin, begin + min(indent, len(line[0]))), ""))
    return Fix(f"leave `{key.text}` out, and write its keys at the top", tuple(edits))


def _report_configuration(spec: Spec, kind: ScalarNode, report: Report) -> None:
    """Report that this is no spec, but a configuration of transformers, of which a spec can be made."""
    name = spec.source.name
    file = "config.json" if name.startswith("<") else shlex.quote(name)
    target = shlex.quote(str(PurePath(name).with_suffix(".yaml"))) if file != "config.json" else "config.yaml"
    report(
        "not-a-spec", "this is no spec: by its `model_type` it is a configuration of Hugging Face's transformers", kind,
        help=f"`netspec import {file} -o {target}` writes the spec of the network that it describes",
    )  # fmt: skip


def _check_variant(spec: Spec, name: str, report: Report) -> None:
    """Report what a variant cannot override, and take it out."""
    variant = spec.variants[name]
    base = {key.text for key, _ in spec.vars}
    kept: list[tuple[ScalarNode, Node]] = []
    seen: dict[str, ScalarNode] = {}

    def defines(key: ScalarNode) -> bool:
        if key.text in seen:
            first = Related("the first one", spec.source.span(seen[key.text]))
            report("duplicate-key", f"the variant `{name}` sets `{key.text}` twice", key, related=(first,))
            return False
        seen[key.text] = key
        return key.text in base or check_name(key, "variable", spec, report)

    for key, node in variant.entries:
        if key.text in OVERRIDDEN:
            _check_taken_away(spec, node if key.text == "input" else None, report)
            kept.append((key, node))
        elif key.text == "vars":
            entries = [e for e in _entries(node, "vars", "names with their values", report, spec) if defines(e[0])]
            kept.append((key, MapNode(entries, variant.flow, node.start, node.end)))
        elif key.text in KEYS:
            report(
                "unknown-key",
                f"a variant overrides variables, `input`, `train` and `expect`; it cannot have `{key.text}`",
                key,
                help="a variable and `when` choose between layers" if key.text in ("layers", "blocks") else None,
            )
        elif defines(key):
            kept.append((key, node))
    spec.variants[name] = MapNode(kept, variant.flow, variant.start, variant.end)


def _check_taken_away(spec: Spec, node: Node | None, report: Report) -> None:
    """Report an input that a variant sets to null and that is not there."""
    names = spec.input_names
    for key, value in node.entries if isinstance(node, MapNode) and names else ():
        if key.text not in names and isinstance(value, ScalarNode) and value.value is None:
            near = did_you_mean(key.text, names)
            known = ", ".join(f"`{name}`" for name in names)
            report(
                "unknown-name", f"there is no input `{key.text}` that the variant could take away", key,
                help=f"did you mean `{near}`?" if near else f"the inputs are {known}",
            )  # fmt: skip


def _head(root: MapNode, source: Source) -> Any:
    return root.entries[0][0] if root.entries else source.between(0, 0)


def _read_key(spec: Spec, key: ScalarNode, node: Node, report: Report) -> None:
    match key.text:
        case "netspec":
            if not isinstance(node, ScalarNode) or node.value != 1 or isinstance(node.value, bool):
                report(
                    "language-version", "this netspec reads version 1 of the language", node, help="write `netspec: 1`",
                    fix=Fix("write `netspec: 1`", (Edit(spec.source.span(node), "1"),))
                    if isinstance(node, ScalarNode) and node.text.strip() == "1" else None,
                )  # fmt: skip
        case "name":
            _read_name(spec, node, report)
        case "description":
            if isinstance(node, ScalarNode):
                spec.description = node.text if node.value is not None else ""
            else:
                report("wrong-form", "`description` is text", node)
        case "plugins":
            _read_plugins(spec, node, report)
        case "input":
            spec.input = node
        case "vars":
            spec.vars = _entries(node, "vars", "names with their values, as in `width: 64`", report, spec)
            for name, _ in spec.vars:
                check_name(name, "variable", spec, report)
        case "variants":
            _read_variants(spec, node, report)
        case "blocks":
            _read_blocks(spec, node, report)
        case "layers":
            spec.layers = node
        case "output":
            spec.output = node
        case "init":
            spec.init = node
        case "train":
            spec.train = node
        case "expect":
            spec.expect = node
        case "sweep":
            spec.sweep = node
        case other if other in _LATER:
            report("not-in-version-1", f"there is no `{other}`: {_LATER[other]}", key)
        case other:
            known = ", ".join(f"`{k}`" for k in KEYS)
            report("unknown-key", f"a spec has no `{other}`", key, help=f"its keys are {known}")


def _read_variants(spec: Spec, node: Node, report: Report) -> None:
    for name, value in _entries(node, "variants", "names with what they override", report, spec):
        if isinstance(value, MapNode):
            spec.variants[name.text] = value
        else:
            report(
                "wrong-form",
                f"the variant `{name.text}` is a mapping of what it overrides",
                value,
                help="for example `{vars: {width: 128}}`",
            )
        if not is_name(name.text):
            taken = frozenset(key.text for key, _ in node.entries) if isinstance(node, MapNode) else frozenset[str]()
            _report_name(spec, f"`{name.text}` cannot name a variant", name, report, taken)


def _read_blocks(spec: Spec, node: Node, report: Report) -> None:
    if isinstance(node, MapNode) and (trap := signature_trap(spec.source, node)) is not None:
        report(trap.code, trap.message, trap.span, help=trap.help, fix=trap.fix)
        spec.lost.add("blocks:")
        return
    for signature, body in _entries(
        node, "blocks", "signatures with lists of layers, as in `conv_bn(out):`", report, spec
    ):
        _read_block(spec, signature, body, report)


def _read_name(spec: Spec, node: Node, report: Report) -> None:
    if isinstance(node, ScalarNode) and is_name(node.text):
        spec.name = node.text
    elif isinstance(node, ScalarNode):
        _report_name(spec, "`name` cannot be used for files", node, report)
    else:
        given = "a list" if isinstance(node, ListNode) else "a mapping"
        report("bad-name", f"`name` is text, but this is {given}", node, help=WISH)


def _report_name(
    spec: Spec, message: str, node: ScalarNode, report: Report, taken: Collection[str] = frozenset()
) -> None:
    """Report a name that files cannot have, with the nearest one that they can."""
    near = name_like(node.text)
    fix = None
    if near is not None and near not in taken:
        edit = Edit(spec.source.span(node), near)
        fix = Fix(f"write `{near}`", (edit,), says_all=has_all_of(near, node.text))
    report("bad-name", f"{message}: {why_not(node.text)}", node, help=WISH, fix=fix)


def _read_plugins(spec: Spec, node: Node, report: Report) -> None:
    """The names of plugins, which are data: nothing is imported because a spec names it."""
    for item in node.items if isinstance(node, ListNode) else [node]:
        if isinstance(item, ScalarNode) and _PLUGIN.fullmatch(item.text):
            spec.plugins.append(item.text)
        else:
            report(
                "bad-name",
                "`plugins` names modules or distributions with layers",
                item,
                help="for example `plugins: [my_layers]`; `--plugin my_layers` loads it, nothing in a spec does",
            )


def _entries(node: Node, key: str, what: str, report: Report, spec: Spec) -> list[tuple[ScalarNode, Node]]:
    if isinstance(node, MapNode):
        return node.entries
    if not (isinstance(node, ScalarNode) and node.value is None):
        report("wrong-form", f"`{key}` holds {what}", node)
        spec.lost.add(f"{key}:")
    return []


def _read_block(spec: Spec, key: ScalarNode, body: Node, report: Report) -> None:
    signature = key.text.strip()
    name, bracket, _ = signature.partition("(")
    parameters: tuple[Parameter, ...] = ()
    spec.lost.add(name.strip())  # until it is known to be right
    if bracket:
        read = read_signature(signature)
        if read is None:
            report(
                "bad-signature",
                f"`{signature}` is no signature of a block",
                key,
                help="for example `conv_bn(out, kernel=1, stride=1)`",
            )
            return
        name, parameters = read
    if name and name[0].isupper():
        report(
            "bad-name",
            f"`{name}` cannot name a block: CapWords names are layers, blocks are lowercase",
            key,
            help=f"for example `{_snake(name)}`",
        )
        return
    name_node = ScalarNode(name, name, False, key.start, key.start + len(name))
    if not check_name(name_node, "block", spec, report):
        return
    if name in spec.blocks:
        first = spec.source.span(spec.blocks[name].key)
        report(
            "duplicate-block", f"there are two blocks named `{name}`", key, related=(Related("the first one", first),)
        )
        return
    if isinstance(body, MapNode):
        from netspec.language.definitions import is_a_mapping  # once a block is no list

        if is_a_mapping(key, body, spec, report):
            return
    for i, parameter in enumerate(parameters):
        check_name(ScalarNode(parameter.name, parameter.name, False, key.start, key.end), "parameter", spec, report)
        if any(p.name == parameter.name for p in parameters[:i]):
            report("bad-signature", f"`{signature}` has two parameters named `{parameter.name}`", key)
    spec.blocks[name] = Block(name, signature, parameters, body, key)
    spec.lost.discard(name)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
