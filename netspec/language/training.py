"""The `train:` section of a spec, held against the net that the walk has found."""

from __future__ import annotations

from netspec.diagnostics import Diagnostic, Related, Span
from netspec.language.cursor import NOTHING
from netspec.language.elaborate import Elaborator
from netspec.language.overrides import Overridden
from netspec.layers import Offer
from netspec.layers.base import Layer, TensorType
from netspec.net import As, Combinator, Leaf, Sequential, leaves, members, walk
from netspec.recipe import check_recipe, read_recipe
from netspec.recipe.against import Against, LookUp
from netspec.recipe.places import place
from netspec.recipe.resolved import Draft, Recipe
from netspec.recipe.tables import Tables, tables_of
from netspec.recipe.terms import EndValue, NetEnds
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source
from netspec.validation import Reader, Reports


def training_section(
    train: Node, over: Overridden, input_type: TensorType | None, root: Sequential, done: Elaborator
) -> Recipe | None:
    """Read and check the `train:` section. None if it is not a mapping."""
    reports = done.reports
    reader = Reader(reports, done.scope, plain=True)
    if not isinstance(train, MapNode):
        reports.report("wrong-form", "`train` holds a recipe: `data`, `epochs`, `optimizer` …", train)
        return None
    output = done.spec.output
    outputs = [key.text for key, _ in output.entries] if isinstance(output, MapNode) else []
    known = tables_of(done.spec.offer, done.spec.plugins)
    against = _against(over, reports, input_type, root, done)
    if done.spec.offer.parts:
        read = _with_plugins(train, reader, outputs, known, against, done.spec.offer)
    else:
        read = read_recipe(train, reader, outputs, known)
        check_recipe(read, train, reader, against)
    if not isinstance(read, Recipe):
        return None
    if against is not None:
        reports.diagnostics = _with_batches(reports.diagnostics, read)
    return read


def _with_plugins(
    train: MapNode, reader: Reader, outputs: list[str], known: Tables, against: Against | None, offer: Offer
) -> Recipe | Draft | None:
    """Read and check a recipe in which code of plugins runs; None where that code failed, which is reported."""
    from netspec.plugins.asking import Fault  # imported here, with what follows: most recipes name no plugin's part
    from netspec.plugins.recipes import ask_part, guarded, parts_of_plugins

    at: Node = train
    try:
        read = guarded("reading the recipe", lambda: read_recipe(train, reader, outputs, known), offer)
        ends = None if against is None else against.ends
        types = () if ends is None else tuple(value.type for value in ends.outputs)
        first = None if ends is None or ends.inputs[0].type is None else ends.inputs[0].type.shape
        for part, key in parts_of_plugins(read):
            at = place(train, key)
            ask_part(part, first, [type_.shape for type_ in types if type_ is not None])
        at = train
        guarded("checking the recipe", lambda: check_recipe(read, train, reader, against), offer)
    except Fault as fault:
        reader.report("plugin-failed", str(fault), at)
        return None
    return read


def _against(
    over: Overridden, reports: Reports, input_type: TensorType | None, root: Sequential, done: Elaborator
) -> Against | None:
    """What a recipe is held against: inputs and outputs with their places, and the layers; None if some failed."""
    if input_type is None or not root.children:
        return None
    types = [type(leaf.layer) for leaf in leaves(root)]
    source = reports.source
    heads = any(isinstance(node, Combinator) and node.joining.training_only for node in walk(root))
    inputs = [EndValue(value.name, value.type) for value in done.ports.inputs] or [EndValue(None, input_type)]
    spans = _keys(over.input, source) if done.ports.inputs else {}
    input_places = [
        [Related("the net's input", done.inference.input.span)]
        if value.name not in spans or len(inputs) == 1
        else [Related(f"input `{value.name}`", spans[value.name])]
        for value in inputs
    ]
    if not done.ports.outputs and isinstance(done.spec.output, MapNode):
        return None  # none of them could be read
    if not done.ports.outputs:
        outputs = [EndValue(None, done.end.type or NOTHING)]
        related = [[done.end.related(None)] if done.end.type else []]
        ends = NetEnds(tuple(inputs), tuple(outputs))
        return Against(ends, types, [_tail(root)], input_places, related, heads, _tables(root))
    keys = _keys(done.spec.output, source)
    outputs = [EndValue(value.name, None if value.family else value.types[0]) for value in done.ports.outputs]
    related = [
        [Related(f"output `{value.name}`", keys[value.name])] if value.name in keys else []
        for value in done.ports.outputs
    ]
    own = {child.name: child for child in root.children if isinstance(child, Sequential)}
    endings = [
        _tail(own[value.name]) if value.name in keys and value.name in own else [] for value in done.ports.outputs
    ]
    if len(outputs) != len(keys or outputs) or len(inputs) != len(spans or inputs):
        return None
    ends = NetEnds(tuple(inputs), tuple(outputs))
    tables = _tables(root)
    return Against(ends, types, endings, input_places, related, heads, tables, _listed(done.spec.output))


def _tables(root: Sequential) -> list[LookUp]:
    """The layers that look up integers of an example, where they first run."""
    return [
        LookUp(leaf.layer.integers, leaf.type, Related(f"`{leaf.type}`", leaf.span))
        for leaf in leaves(root)
        if leaf.layer.integers is not None and not leaf.again and not leaf.input.constant
    ]


def _listed(node: Node | None) -> tuple[str, ...]:
    """The values of an `output` that is a list of their names."""
    items = node.items if isinstance(node, ListNode) else ()
    return tuple(item.text for item in items if isinstance(item, ScalarNode) and item.text.isidentifier())


def targets_in(train: Node) -> frozenset[str]:
    """What the losses of a `train:` section name as targets."""
    losses = train.get("loss") if isinstance(train, MapNode) else None
    items = losses.items if isinstance(losses, ListNode) else ()
    found = (item.get("target") for item in items if isinstance(item, MapNode))
    return frozenset(node.text for node in found if isinstance(node, ScalarNode))


def _tail(chain: Sequential) -> list[type[Layer]]:
    """The classes of the layers that a chain ends with, up to the last join or `use`. None where a mistake hides its
    end: layers behind one are not in the net."""
    if chain.output is NOTHING:
        return []
    found: list[type[Layer]] = []
    for node in reversed(list(members(chain))):
        match node:
            case Leaf():
                found.append(type(node.layer))
            case Sequential():
                return [*_tail(node), *found[::-1]]
            case As():
                continue
            case _:
                break
    return found[::-1]


def _keys(node: Node | None, source: Source) -> dict[str | None, Span]:
    """The places of a mapping's keys; empty for anything else."""
    return {key.text: source.span(key) for key, _ in node.entries} if isinstance(node, MapNode) else {}


def _with_batches(diagnostics: list[Diagnostic], recipe: Recipe) -> list[Diagnostic]:
    """Combine the warnings about layers that cannot train on a batch of one with the batch sizes of the recipe.

    They become one error if the recipe has a batch of one example, and are dropped if it has none. They stay warnings
    if the number of examples is unknown.
    """
    layers = [d for d in diagnostics if d.code == "needs-batch-2"]
    single = next((d for d in diagnostics if d.code == "batch-of-one"), None)
    if single is None and recipe.data.facts().train is None:
        return diagnostics
    rest = [d for d in diagnostics if d.code not in ("needs-batch-2", "batch-of-one")]
    if single is None or not layers:
        return rest
    places = tuple(Related(d.message, d.span) for d in layers)
    return [*rest, Diagnostic(single.code, single.message, single.span, "error", related=places, help=single.help)]
