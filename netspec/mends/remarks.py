"""Mends of what is legal and hardly ever meant, and of what a note is about. None is certain, since it may be meant."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.dims import product
from netspec.language.clues import LayerClue, RemarkClue
from netspec.language.spec import Spec
from netspec.layers.base import shape_text
from netspec.mends.edits import put_before, replace, set_argument, take_out
from netspec.mends.finding import item_at
from netspec.mends.inputs import channels_first, input_sizes
from netspec.mends.orders import accepted
from netspec.text.source import ListNode, MapNode, ScalarNode, Source


def mends_of_remark(d: Diagnostic, clue: RemarkClue, source: Source, spec: Spec) -> Iterator[Fix]:
    """Mends of a remark about layers of a net."""
    leaf = clue.leaf
    item = item_at(spec, source, leaf.span)
    if item is None:
        return
    match d.code:
        case "linear-on-map":
            turned = f"turns {shape_text(leaf.input.shape)} into {product(leaf.input.shape)}"
            yield from _made(f"put `Flatten` in front, which {turned}", put_before(source, item, "Flatten"))
        case "nothing-between":
            yield from _made("put `ReLU` between them", put_before(source, item, "ReLU"))
        case "bias-before-norm":
            edit = set_argument(source, item, "bias", "false", leaf.layer.scalar)
            yield from _made("write `bias: false`", edit)
        case "inplace-corrupts":
            edit = set_argument(source, item, "inplace", "false", leaf.layer.scalar)
            yield from _made("write `inplace: false`", edit)
        case "channels-last":
            sizes = input_sizes(spec)
            if sizes is not None and len(sizes) == 3:
                yield channels_first(sizes, source)
        case _:
            return


def mends_of_output(source: Source, spec: Spec, d: Diagnostic) -> Iterator[Fix]:
    """`output: [1, 28, 28]`, a shape, where the values are named that the net gives."""
    node = spec.output
    if not isinstance(node, ListNode) or not node.flow or not node.items:
        return
    if node.start != source.offset(*d.span[1:3]):
        return
    sizes = all(isinstance(size, ScalarNode) and isinstance(size.value, int) for size in node.items)
    begin = source.text.rfind("\n", 0, node.start)
    if sizes and source.text[begin + 1 : node.start].strip() == "output:":
        edit = Edit(source.between(max(begin, 0), node.end), "")
        yield Fix("leave out `output`: the shape is inferred", (edit,), certain=False)


def mends_of_warning(clue: LayerClue, source: Source) -> Iterator[Fix]:
    """Mends of what a layer's own rule warns of."""
    x, y = clue.x, accepted(clue.layer, clue.x)
    match clue.problem.code:
        case "enlarging-pool" if y is not None:
            sizes = [
                min(n, m)
                for n, m in zip(x.shape[1:], y.shape[1:], strict=True)
                if isinstance(n, int) and isinstance(m, int)
            ]
            if len(sizes) < len(x.shape) - 1:
                return
            text = str(sizes[0]) if len(set(sizes)) == 1 else f"[{', '.join(map(str, sizes))}]"
            turned = f"turns {shape_text(x.shape)} into {shape_text((x.shape[0], *sizes))}"
            value = clue.item.value
            if len(set(sizes)) > 1 and isinstance(value, ScalarNode):  # a list is no bare value
                edit: Edit | None = replace(source, value, f"{{output_size: {text}}}")
            else:
                edit = set_argument(source, clue.item, "output_size", text, clue.layer.scalar)
            yield from _made(f"`output_size: {text}` makes no copies, and {turned}", edit)
        case "softmax-of-one" if clue.layer.gives == "probabilities":
            node = clue.item.node
            if isinstance(node, ScalarNode) or (isinstance(node, MapNode) and len(node.entries) == 1):
                yield Fix(
                    "write `Sigmoid`, which makes a probability of one score", (replace(source, node, "Sigmoid"),)
                )
        case _:
            return


def mends_of_end(source: Source, spec: Spec) -> Iterator[Fix]:
    """Leave out the activation at the end, where a loss wants scores; its logarithm, where it wants that."""
    if not isinstance(spec.layers, ListNode):
        return
    for node in reversed(spec.layers.items[-3:]):
        head = node.entries[0][0] if isinstance(node, MapNode) and len(node.entries) == 1 else node
        if not isinstance(head, ScalarNode) or head.text not in spec.offer.layers:
            continue
        if spec.offer.layer_class(head.text).gives is not None:
            yield from _made(f"leave out `{head.text}`", take_out(source, node))
        logarithm = spec.offer.layer_class(head.text).logarithm
        if logarithm is not None:
            yield from _made(f"write `{logarithm}`", replace(source, head, logarithm))


def _made(title: str, edit: Edit | None) -> Iterator[Fix]:
    if edit is not None:
        yield Fix(title, (edit,))
