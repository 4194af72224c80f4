"""The grey values of masks that a recipe names as classes, against what its losses make of the classes."""

from __future__ import annotations

from netspec.recipe.measures import reads_of
from netspec.recipe.places import key_of, loss_item, place
from netspec.recipe.resolved import Recipe
from netspec.text.source import ListNode, MapNode, Node
from netspec.validation import Reader


def check_marks(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """Require that no grey value of a class is also one that a loss leaves out, and that labels have two."""
    greys = recipe.data.greys
    for number, item in recipe.numbered_losses if greys else ():
        loss, name = item.loss, recipe.data.name()
        listed = f"`values: [{', '.join(map(str, greys))}]`"
        if reads_of(loss) == "labels" and len(greys) > 2:
            reader.report(
                "recipe-conflict", f"`{loss.name()}` compares with 0 and 1, but {listed} of `{name}` are {len(greys)}",
                place(node, "data", name, "values"),
                help="name two, or write `loss: CrossEntropyLoss` with an output for each",
            )  # fmt: skip
        if loss.divisor is None:
            continue
        ignored = loss.divisor.ignore_index
        if ignored in greys:
            rest = [value for value in greys if value != ignored]
            way = "leave `ignore_index` out"
            way += f", or write `values: [{', '.join(map(str, rest))}]`" if len(rest) > 1 else ""
            message = f"`{loss.name()}` leaves targets of {ignored} out, and {listed} of `{name}` make it a class"
        elif 0 <= ignored < len(greys):
            way = f"write the grey value that marks what has no class, or another than 0 to {len(greys) - 1}"
            message = (
                f"`ignore_index: {ignored}` is the class of the grey value {greys[ignored]} by {listed} of `{name}`"
            )
        else:
            continue
        reader.report("recipe-conflict", message, _ignoring(loss.name(), number, node), help=way)


def _ignoring(name: str, number: int, node: MapNode) -> Node:
    """Where a loss says what it leaves out."""
    written = loss_item(node, number)
    if isinstance(node.get("loss"), ListNode) and isinstance(written, MapNode):
        return place(written, name, "ignore_index")
    return place(node, "loss", name, "ignore_index") if node.get("loss") else key_of(node, "data") or node
