"""A recipe for text against the net: scores of the next token, and as many of them as the text has tokens."""

from __future__ import annotations

from netspec.diagnostics import Fix, Related
from netspec.recipe.against import Against
from netspec.recipe.held import Term, mismatch
from netspec.recipe.places import key_of
from netspec.recipe.resolved import Recipe
from netspec.recipe.sizes import differs, joined
from netspec.recipe.terms import LABELS, NEXT
from netspec.text.source import MapNode, Node, ScalarNode
from netspec.validation import Reader


def check_next(term: Term, recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> bool:
    """The scores of the next token: (length, tokens) for each example. False once an error of them is reported."""
    loss, output, input = term.loss, term.output.shape, net.ends.inputs[0].type
    if loss.divisor is None:
        mismatch(
            reader, term.at,
            f"`target: {NEXT}` is the number of a token, which `{loss.name()}` cannot compare with the scores of all "
            "tokens at each place",
            "use CrossEntropyLoss",
        )  # fmt: skip
        return False
    length = input.shape[0] if input is not None and len(input.shape) == 1 else None
    if len(output) != 2 and not all(isinstance(size, int) for size in output):
        return False  # what failed in front of it has been reported
    if differs((length, None), output):
        turned = len(output) == 2 and not differs((None, length), output)
        mismatch(
            reader, term.at,
            f"`target: {NEXT}` wants the scores of all tokens at each of the {length or '?'} places, "
            f"{joined((length, None))}, but {term.word} is {joined(output)}",
            "the scores stand on the last axis: leave out what turns the axes" if turned
            else f"end the net with `Linear: {recipe.data.facts().classes or 'TOKENS'}` on a vector for each token",
            related=term.related,
        )  # fmt: skip
        return False
    if isinstance(output[1], int):
        _compare(recipe, node, reader, output[1], f"{term.word} has {{}} scores", "let the last layer give {}", term)
    return True


def check_tables(recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> None:
    """The tables that tokens are looked up in, against their number."""
    for table in net.tables if recipe.data.next_token else ():
        _compare(
            recipe, node, reader, table.size, f"`{table.name}` has {{}} rows", "write `num_embeddings: {}`", table.place
        )


def _compare(
    recipe: Recipe, node: MapNode, reader: Reader, size: int, says: str, mend: str, of: Term | Related
) -> None:
    """Hold a size of the net against the number of tokens, where that is known without the files."""
    tokens = recipe.data.facts().classes
    if tokens is None or size == tokens:
        return
    few = size < tokens
    reader.report(
        "classes-mismatch",
        f"`{recipe.data.name()}` has {tokens} tokens, but {says.format(size)}"
        + (": there is none for the others" if few else ", of which the others never occur"),
        key_of(node, "data") or node,
        related=of.related if isinstance(of, Term) else [of],
        severity="error" if few else "warning",
        help=mend.format(tokens),
    )


def refuse_labels(term: Term, recipe: Recipe, reader: Reader) -> None:
    """Report a loss without `target`: a text has no labels."""
    written = _with_target(term.at, reader)
    fix: Fix | None = None if written is None else reader.replace(f"write `{written}`", term.at, written)
    reader.report(
        "loss-mismatch",
        f"`{recipe.data.name()}` has no `{LABELS}`: its target is `{NEXT}`, for each token the one behind it",
        term.beside("target"),
        help=f"write `{written or f'target: {NEXT}'}`" + ("" if written else " beside the loss"),
        fix=fix,
    )


def _with_target(at: Node, reader: Reader) -> str | None:
    """The loss with its target beside it, where it is written on one line and without one."""
    text = reader.source.text[at.start : at.end].strip()
    if isinstance(at, ScalarNode):
        return f"{{{text}: , target: {NEXT}}}"
    if isinstance(at, MapNode) and at.get("target") is None and text.startswith("{") and "\n" not in text:
        return f"{text[:-1]}, target: {NEXT}}}"
    return None
