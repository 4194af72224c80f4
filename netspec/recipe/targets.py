"""The losses of a recipe against the net's outputs and the data's targets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from netspec.diagnostics import did_you_mean
from netspec.layers.base import TensorType
from netspec.recipe.against import Against
from netspec.recipe.base import is_image, is_map
from netspec.recipe.following import check_next, check_tables, refuse_labels
from netspec.recipe.held import Term, mismatch
from netspec.recipe.places import item_of, key_of, loss_item, place
from netspec.recipe.resolved import NotRead, Recipe
from netspec.recipe.scores import check_balance, check_end, check_sampled, check_scores, check_weights
from netspec.recipe.sizes import differs, joined
from netspec.recipe.terms import LABELS, NEXT, LossItem
from netspec.text.source import ListNode, MapNode, Node
from netspec.validation import Reader


def check_losses(recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> None:
    """Hold each loss against the outputs that it reads and its target, and see that every output is read."""
    terms: list[Term] = []
    if any(item.loss.given for _, item in recipe.numbered_losses):
        _check_given(recipe, node, reader)
        return
    for number, item in recipe.numbered_losses:
        at = loss_item(node, number)
        of = _outputs(item, at, reader, net)
        if of is not None:
            terms.append(_term(item, at, of, recipe, net))
    for term in terms:
        with suppress(NotRead):
            if _check_shapes(term, reader, net) and _check_target(term, recipe, node, reader, net):
                check_end(term, reader)
        with suppress(NotRead):
            _check_maps(term, recipe, node, reader, net)
    with suppress(NotRead):
        check_tables(recipe, node, reader, net)
    if len(terms) < len(recipe.losses):
        return
    first = terms[0]
    if net.heads and len(first.loss.takes) > 1:
        mismatch(
            reader, first.at,
            f"auxiliary heads take the first loss, but `{first.loss.name()}` reads {_counted(len(first.loss.takes))}",
            "write the loss of the heads first",
        )  # fmt: skip
    read = {i for term in terms for i in term.of}
    unread = [i for i, value in enumerate(net.ends.outputs) if i not in read and value.name is not None]
    if unread:
        named = [f"`{net.ends.outputs[i].name}`" for i in unread]
        what = f"the output {named[0]}" if len(named) == 1 else f"the outputs {', '.join(named[:-1])} and {named[-1]}"
        first, one = net.ends.outputs[unread[0]].name, len(named) == 1
        reader.report(
            "unread-output",
            f"no loss reads {what}",
            key_of(node, "loss") or node,
            related=[place for i in unread for place in net.outputs[i]],
            severity="warning",
            help=f"what only {named[0]} needs does not train; add a loss `of: {first}`, or leave the output out"
            if one
            else f"what only they need does not train; add a loss for each, as `of: {first}`, or leave them out",
        )


def _check_given(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """A loss that a program gives reads all outputs: it stands alone, and nothing is said beside it."""
    for number, item in recipe.numbered_losses:
        if not item.loss.given:
            continue
        beside = {"of": bool(item.of), "target": item.target is not None, "weight": item.weight != 1}
        said = [f"`{key}`" for key, there in beside.items() if there]
        if said or len(recipe.numbered_losses) > 1:
            what = f"{' and '.join(said)} beside it" if said else "other losses beside it"
            mismatch(
                reader, loss_item(node, number),
                f"`{item.loss.name()}` is a loss of the program's, which is called with every output and target, so "
                f"there can be no {what}",
                "write `loss: function`, and let the function that the program gives do it",
            )  # fmt: skip


def _term(item: LossItem, at: Node, of: tuple[int, ...], recipe: Recipe, net: Against) -> Term:
    first = net.ends.outputs[of[0]]
    assert first.type is not None
    word = "the net's output" if first.name is None else f"output `{first.name}`"
    next_token = False
    with suppress(NotRead):
        next_token = item.target == NEXT and recipe.data.next_token
    return Term(item, at, of, first.type, word, net.endings[of[0]], net.outputs[of[0]], next_token)


# ---- which outputs


def _outputs(item: LossItem, at: Node, reader: Reader, net: Against) -> tuple[int, ...] | None:
    """The positions of the outputs that a loss reads; None once reported."""
    loss, outputs = item.loss, net.ends.outputs
    names = [value.name for value in outputs if value.name is not None]
    listed = ", ".join(f"`{name}`" for name in names)
    wanted = f"`{loss.name()}` reads {_counted(len(loss.takes))}, {' and '.join(loss.takes)}"
    written = at.get("of") if isinstance(at, MapNode) else None
    where = written or at
    fitting = [*loss.takes] if set(loss.takes) <= set(names) else names[: len(loss.takes)]
    several = f"[{', '.join(fitting if len(fitting) == len(loss.takes) else loss.takes)}]"
    if not item.of:
        if len(outputs) == 1 and len(loss.takes) == 1:
            return _known((0,), item, where, reader, net)
        if len(outputs) == 1:
            return mismatch(
                reader, where, f"{wanted}, and the net gives {'one' if outputs[0].type else 'several without names'}",
                f"name outputs, as in `output: {{{', '.join(f'{name}: …' for name in loss.takes)}}}`, and write "
                f"`of: {several}` beside the loss",
            )  # fmt: skip
        example = names[0] if len(loss.takes) == 1 else several
        return mismatch(
            reader, where, f"`{loss.name()}` does not say which of the net's {len(outputs)} outputs it reads",
            f"write `{{{loss.name()}: , of: {example}}}`; the outputs are {listed}", "missing-key",
        )  # fmt: skip
    for number, name in enumerate(item.of):
        if name not in names:
            spot = written.items[number] if isinstance(written, ListNode) else where
            return _unknown_output(name, spot, names, reader, net)
    if len(item.of) != len(loss.takes):
        return mismatch(
            reader, where,
            f"{wanted}, but `of` names {len(item.of)}" if len(loss.takes) > 1 else
            f"`{loss.name()}` reads one output, but `of` names {len(item.of)}",
            "give each output a loss of its own, in a list" if len(loss.takes) == 1 else f"write `of: {several}`",
        )  # fmt: skip
    positions = tuple(i for name in item.of for i, value in enumerate(outputs) if value.name == name)
    if len(set(positions)) < len(positions):
        twice = next(name for name in item.of if item.of.count(name) > 1)
        return mismatch(reader, where, f"`of` names `{twice}` twice", f"`{loss.name()}` reads {several}")
    return _known(positions, item, where, reader, net)


def _known(
    positions: tuple[int, ...], item: LossItem, where: Node, reader: Reader, net: Against
) -> tuple[int, ...] | None:
    """The positions, unless one of them is a family, which is several tensors."""
    for i in positions:
        value = net.ends.outputs[i]
        if value.type is None:
            what = "the net's output" if value.name is None else f"output `{value.name}`"
            return mismatch(
                reader, where, f"`{item.loss.name()}` reads one value, but {what} is a family of several",
                f"write `{_named(net)}`, and beside the loss which of them it reads, as in `of: {net.listed[0]}`"
                if net.listed
                else "give each member a name of its own, as in `output: {low: p[3], high: p[4]}`",
                related=net.outputs[i],
            )  # fmt: skip
    return positions


def _named(net: Against) -> str:
    """The values of `output: [a, b]` as outputs with their names."""
    return f"output: {{{', '.join(f'{name}: {name}' for name in net.listed)}}}"


def _unknown_output(name: str, at: Node, names: Sequence[str], reader: Reader, net: Against) -> None:
    near = did_you_mean(name, names)
    if net.listed:
        help_ = f"a list gives its values without names: write `{_named(net)}`"
    elif not names:
        help_ = "leave `of` out, or name the output, as in `output: {" + name + ": …}`"
    elif near is not None:
        help_ = f"did you mean `{near}`?"
    else:
        help_ = f"its outputs are {', '.join(f'`{known}`' for known in names)}"
    message = f"the net has no output `{name}`" if names else f"the net's only output has no name, so none is `{name}`"
    if net.listed:
        message = f"the {len(net.listed)} values that `output` lists are outputs without names, so none is `{name}`"
    fix = reader.replace(f"write `{near}`", at, near) if near is not None else None
    reader.report("unknown-output", message, at, help=help_, fix=fix)


def _counted(count: int) -> str:
    return "one output" if count == 1 else f"{count} outputs"


# ---- shapes


def _check_shapes(term: Term, reader: Reader, net: Against) -> bool:
    """The outputs of a loss against each other and against what it takes; True if they are right."""
    loss = term.loss
    for i in term.of:
        value = net.ends.outputs[i]
        assert value.type is not None
        what = "the net's output" if value.name is None else f"output `{value.name}`"
        if value.type.dtype != "float32":
            mismatch(
                reader, term.beside("of"), f"`{loss.name()}` reads float32 values, but {what} is {value.type.dtype}",
                related=net.outputs[i],
            )  # fmt: skip
            return False
        if differs(value.type.shape, term.output.shape):
            mismatch(
                reader, term.beside("of"),
                f"`{loss.name()}` reads outputs of one shape, but {term.word} is {joined(term.output.shape)} and "
                f"{what} is {joined(value.type.shape)}",
                related=[*term.related, *net.outputs[i]],
            )  # fmt: skip
            return False
    if loss.vectors and len(term.output.shape) != 1:
        mismatch(
            reader, term.beside("of"),
            f"`{loss.name()}` compares vectors, one for each example, but {term.word} is {joined(term.output.shape)}",
            "put `Flatten` at the end of each of its outputs", related=term.related,
        )  # fmt: skip
        return False
    return True


def _check_target(term: Term, recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> bool:
    """A loss against its target: an input of the net, or what the data give. False if the output is none of scores
    although the loss wants them."""
    loss, data = term.loss, recipe.data
    name = term.item.target or LABELS
    source = next((i for i, value in enumerate(net.ends.inputs) if value.name == name), None)
    if loss.target == "nothing":
        if term.item.target is not None:
            mismatch(
                reader, term.beside("target"), f"`{loss.name()}` compares its outputs with nothing: it has no target",
                "leave `target` out",
            )  # fmt: skip
        return True
    if source is not None:
        _check_input_as_target(term, source, reader, net)
    elif term.next_token:
        if not check_next(term, recipe, node, reader, net):
            return False
    elif data.next_token and name == LABELS:
        refuse_labels(term, recipe, reader)
        return True
    elif name != LABELS and not data.many:
        _unknown_target(term, name, recipe, reader, net)
        return True
    elif loss.target == "classes":
        check_sampled(term, recipe, node, reader)
        return check_scores(term, recipe, node, reader)
    elif data.labels:
        mismatch(
            reader, term.at,
            f"`{loss.name()}` compares the output with values of its shape, but `{data.name()}` gives one class per "
            "image",
            _instead(term, net),
        )  # fmt: skip
    elif name != LABELS and data.made_up:
        _warn_of_misspelt(term, name, recipe, reader, net)
    check_weights(term, reader)
    check_balance(term, reader)
    return True


def _instead(term: Term, net: Against) -> str:
    """What to write where values are wanted and there are classes."""
    shape = term.loss.target_shape(term.output.shape)
    for value in net.ends.inputs:
        if value.name is not None and value.type == TensorType(shape):
            return f"write `target: {value.name}` beside it for an autoencoder, or use CrossEntropyLoss"
    return "use CrossEntropyLoss, or give the values as `tensors:`"


def _unknown_target(term: Term, name: str, recipe: Recipe, reader: Reader, net: Against) -> None:
    own = NEXT if recipe.data.next_token else LABELS
    known = [own, *(value.name for value in net.ends.inputs if value.name is not None)]
    near = did_you_mean(name, known)
    reader.report(
        "unknown-target",
        f"`{recipe.data.name()}` gives no `{name}`, and the net has no input of that name",
        term.beside("target"),
        help=f"did you mean `{near}`?"
        if near
        else f"targets are {', '.join(f'`{word}`' for word in known)}; `tensors:` files may hold others",
        fix=reader.replace(f"write `{near}`", term.beside("target"), near) if near else None,
    )


def _warn_of_misspelt(term: Term, name: str, recipe: Recipe, reader: Reader, net: Against) -> None:
    """Warn of a target that data make up, whose name is nearly that of an input."""
    near = did_you_mean(name, [value.name for value in net.ends.inputs if value.name is not None])
    if near is not None:
        at = term.beside("target")
        reader.report(
            "unknown-target",
            f"no input of the net is called `{name}`, so `{recipe.data.name()}` makes a field of that name up",
            at,
            severity="warning",
            help=f"did you mean `{near}`?",
            fix=reader.replace(f"write `{near}`", at, near),
        )


def _check_input_as_target(term: Term, source: int, reader: Reader, net: Against) -> None:
    """An input as the target: of the dtype and shape that the loss compares the output with."""
    value, loss = net.ends.inputs[source], term.loss
    if value.type is None:
        return
    dtype = "int64" if loss.target == "classes" else "float32"
    wanted = loss.target_shape(term.output.shape)
    at, related = term.beside("target"), [*term.related, *net.inputs[source]]
    if value.type.dtype != dtype:
        what = "classes" if loss.target == "classes" else "values"
        message = f"`{loss.name()}` compares with {dtype} {what}, but the input `{value.name}` is {value.type.dtype}"
        mismatch(reader, at, message, related=related)
    elif differs(value.type.shape, wanted):
        mismatch(
            reader, at,
            f"`{loss.name()}` compares {term.word}, which is {joined(term.output.shape)}, with targets of "
            f"{joined(wanted)}, but the input `{value.name}` is {joined(value.type.shape)}",
            f"let the output be {joined(value.type.shape)}" if loss.target == "values" and not loss.vectors else None,
            related=related,
        )  # fmt: skip


# ---- maps


def _check_maps(term: Term, recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> None:
    """What moves images must be able to move targets that are maps: they need the image's size."""
    image = next((value.type for value in net.ends.inputs if value.type is not None and is_image(value.type)), None)
    named = {value.name for value in net.ends.inputs}
    if image is None or term.loss.target == "nothing" or (term.item.target or LABELS) in named:
        return
    classes, target = term.loss.target == "classes", term.loss.target_shape(term.output.shape)
    if not is_map(term.loss, image.shape, target):
        if recipe.data.maps:
            mismatch(
                reader, term.at,
                f"`{recipe.data.name()}` gives a value for each pixel as target, but {term.word} is "
                f"{joined(term.output.shape)}, which has none for each",
                "end the net with a convolution: an output of channels × height × width", related=term.related,
            )  # fmt: skip
        return
    if classes and recipe.mixup > 0:
        reader.report(
            "recipe-conflict",
            "`mixup` averages examples with their targets, but those of this net are maps of classes, without a mean",
            place(node, "mixup"),
            related=term.related,
            help="use `cutmix`, which pastes a rectangle of image and target",
        )
    if not differs(target[-2:], image.shape[-2:]):
        return
    if recipe.data.maps:
        mismatch(
            reader, term.at,
            f"`{recipe.data.name()}` gives targets of the image's size, {joined(image.shape[-2:])}, but {term.word} is "
            f"{joined(term.output.shape)}",
            "let the net keep the size, as a convolution with `padding: same` does, or enlarge its output with "
            "`Upsample`", related=term.related,
        )  # fmt: skip
        return
    moving = [(item_of(node, "augment", i), t.name()) for i, t in enumerate(recipe.augment) if t.moves]
    if recipe.cutmix > 0:
        moving.append((place(node, "cutmix"), "cutmix"))
    for at, name in moving:
        reader.report(
            "recipe-conflict",
            f"`{name}` moves an image of {joined(image.shape[-2:])}, but its target, a map of {joined(target[-2:])} as "
            f"{term.word}, cannot follow",
            at,
            related=term.related,
            help="let the net's output have the size of its input (`Upsample`), or leave it out",
        )
