"""The data of a recipe against the net: sizes and channels after the transforms, classes, targets."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import Related
from netspec.dims import Shape, Size, Unmet
from netspec.layers.base import Layer, TensorType
from netspec.recipe.base import Facts, ImageType, Transform, is_map
from netspec.recipe.places import item_of, key_of, place, value_of
from netspec.recipe.resolved import Recipe
from netspec.text.source import MapNode, Node
from netspec.validation import Reader
from netspec.writing import flow


def check_data(recipe: Recipe, node: MapNode, reader: Reader, input: TensorType, related: Sequence[Related]) -> None:
    """Follow an example through the transforms and hold it against the net's input."""
    facts = recipe.data.facts()
    _check_random(recipe, node, reader)
    if not _check_dtype(recipe, node, reader, facts, input, related):
        return
    shape = recipe.data.shape_for(input.shape)
    if shape is None:
        return
    if len(shape) != 3 or facts.dtype == "int64":
        _check_plain(recipe, node, reader, shape, input, related)
        return
    stored = ImageType(*shape)
    whole, trail = _follow(recipe.transforms, stored, "transforms", node, reader)
    if whole is None:
        return
    where = key_of(node, "transforms") or key_of(node, "data") or node
    if not _compare(recipe, reader, where, whole, stored, trail, input, related):
        return
    training = _with_augment(recipe, stored, node, reader)
    if training is not None and training != whole:
        reader.report(
            "data-mismatch",
            f"training images are {_size(training)} after `augment`, but those for evaluation are {_size(whole)}",
            key_of(node, "augment") or node,
            related=related,
            help=f"let `augment` end with the size of the net's input, {_size(whole)}",
        )


def _check_random(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    for i, transform in enumerate(recipe.transforms):
        if transform.random:
            reader.report(
                "recipe-conflict",
                f"`{transform.name()}` draws anew for every example, but `transforms` also prepare the evaluation",
                item_of(node, "transforms", i),
                help="put it under `augment`, which is for training only",
            )


def _check_dtype(
    recipe: Recipe, node: MapNode, reader: Reader, facts: Facts, input: TensorType, related: Sequence[Related]
) -> bool:
    dtype = "float32" if facts.dtype == "uint8" else facts.dtype
    if dtype is None or dtype == input.dtype:
        return True
    reader.report(
        "data-mismatch",
        f"`{recipe.data.name()}` gives {dtype} examples, but the net's input is {input.dtype}",
        key_of(node, "data") or node,
        related=related,
        help=recipe.data.integers if input.dtype == "int64" else None,
    )
    return False


def _check_plain(
    recipe: Recipe,
    node: MapNode,
    reader: Reader,
    shape: tuple[int | None, ...],
    input: TensorType,
    related: Sequence[Related],
) -> None:
    """Examples that are no images: there is nothing to transform."""
    for key in ("transforms", "augment"):
        if getattr(recipe, key):
            reader.report(
                "recipe-conflict",
                f"`{key}` work on images, but the examples of `{recipe.data.name()}` have the shape {_list(shape)}",
                key_of(node, key) or node,
                help="leave them out",
            )
    if _differs(shape, input.shape):
        reader.report(
            "data-mismatch",
            f"the examples of `{recipe.data.name()}` have the shape {_list(shape)}, "
            f"but the net's input is {_list(input.shape)}",
            key_of(node, "data") or node,
            related=related,
        )


def _follow(
    transforms: Sequence[Transform], size: ImageType, key: str, node: MapNode, reader: Reader, skip: int = 0
) -> tuple[ImageType | None, list[str]]:
    """The size after the transforms, None once one cannot take what it gets; and each as it is written."""
    trail: list[str] = []
    for i, transform in enumerate(transforms):
        try:
            size = transform.output(size)
        except Unmet as unmet:
            problem = unmet.problem
            at = item_of(node, key, i + skip, problem.at, transform.scalar)
            reader.report(problem.code, problem.message, at, help=problem.help)
            return None, trail
        trail.append(f"`{_written(transform)}`")
    return size, trail


def _with_augment(recipe: Recipe, stored: ImageType, node: MapNode, reader: Reader) -> ImageType | None:
    """The size of a training image: `augment` comes before what scales at the end of the transforms."""
    if not recipe.augment:
        return None
    transforms = recipe.transforms
    last = len(transforms) - 1 if transforms and transforms[-1].scales else len(transforms)
    before, _ = _follow(transforms[:last], stored, "transforms", node, reader)
    if before is None:
        return None
    augmented, _ = _follow(recipe.augment, before, "augment", node, reader)
    if augmented is None:
        return None
    return _follow(transforms[last:], augmented, "transforms", node, reader, skip=last)[0]


def _compare(
    recipe: Recipe,
    reader: Reader,
    where: Node,
    size: ImageType,
    stored: ImageType,
    trail: Sequence[str],
    input: TensorType,
    related: Sequence[Related],
) -> bool:
    """Report images that are not what the net's input says; True if they are, as far as is known."""
    if not _differs(size, input.shape):
        return True
    name = recipe.data.name()
    steps = f" ({_size(stored)}, then {', '.join(trail)})" if trail else ""
    reader.report(
        "data-mismatch",
        f"`{name}` gives images of {_size(size)}{steps}, but the net's input is {_join(input.shape)}",
        where,
        related=related,
        help=mending(size, input.shape, recipe.transforms),
    )
    return False


def mending(size: ImageType, wanted: Shape, transforms: Sequence[Transform], *, exact: bool = False) -> str | None:
    """The transforms to add, or the input to write, for images that are not of the net's input.

    Args:
        size: of an image after the transforms that there are.
        wanted: the net's input.
        transforms: those that there are.
        exact: this is one image of many, and others may be of other sizes: give both sides, and no `input` to write.
    """
    if len(wanted) != 3:
        return f"write `input: [{', '.join(map(str, size))}]`" if None not in size else None
    added: list[str] = []
    channels, height, width = wanted
    if size.channels is not None and size.channels != channels and channels in (1, 3):
        added.append("Grayscale: 3" if channels == 3 else "Grayscale")
    resized = isinstance(height, int) and isinstance(width, int) and _differs(size[1:], (height, width))
    if resized:
        square = height == width and size.height == size.width and not exact
        added.append(f"Resize: {height}" if square else f"Resize: {{size: [{height}, {width}]}}")
    repairable = size.channels is None or size.channels == channels or channels in (1, 3)
    kept = [t for t in transforms if not (resized and t.sizes)]
    at = next((i for i, t in enumerate(kept) if t.scales), len(kept))
    before, after = ([_written(t) for t in part] for part in (kept[:at], kept[at:]))
    proposal = f"`transforms: [{', '.join([*before, *added, *after])}]`"
    alternative = f"`input: [{', '.join(map(str, size))}]`" if None not in size else None
    if added and repairable:
        return f"write {proposal}" + (f", or {alternative}" if alternative and not exact else "")
    return f"write {alternative}" if alternative else None


# ---- targets


def check_targets(
    recipe: Recipe,
    node: MapNode,
    reader: Reader,
    output: TensorType,
    layers: Sequence[type[Layer]],
    related: Sequence[Related],
) -> None:
    """Hold the data's classes and the loss against the net's output."""
    data, loss = recipe.data, recipe.loss
    facts = data.facts()
    if loss.target == "values":
        if data.labels:
            reader.report(
                "loss-mismatch",
                f"`{loss.name()}` compares the output with values of its shape, but `{data.name()}` gives one class "
                "per image",
                value_of(node, "loss"),
                help="use CrossEntropyLoss, or give the values as `tensors:`",
            )
        _check_weights(recipe, node, reader, output)
        _check_end(recipe, node, reader, layers)
        return
    if not output.shape or (data.labels and len(output.shape) != 1):
        last = layers[-1].__name__ if layers and layers[-1].by_position and len(output.shape) > 1 else None
        reader.report(
            "loss-mismatch",
            f"`{loss.name()}` with one class per example wants an output of one axis, a score per class, "
            f"but the net's output is {_join(output.shape) if output.shape else 'a single number'}",
            value_of(node, "loss"),
            related=related,
            help=f"put `Flatten` in front of the last `{last}`: a `{last}` works on the last axis alone"
            if last is not None
            else f"end the net with `Flatten` and `Linear: {facts.classes}`"
            if facts.classes
            else None,
        )
        return
    width = output.shape[0]
    if facts.classes is not None and isinstance(width, int) and width != facts.classes:
        _report_classes(recipe, node, reader, facts.classes, width, related)
    _check_weights(recipe, node, reader, output)
    _check_end(recipe, node, reader, layers)


def check_maps(
    recipe: Recipe,
    node: MapNode,
    reader: Reader,
    input: TensorType,
    output: TensorType,
    related: Sequence[Related],
) -> None:
    """What moves images must be able to move targets that are maps: they need the image's size."""
    classes = recipe.loss.target == "classes"
    target = output.shape[1:] if classes else output.shape
    if not is_map(recipe.loss, input.shape, target):
        return
    if classes and recipe.mixup > 0:
        reader.report(
            "recipe-conflict",
            "`mixup` averages examples with their targets, but those of this net are maps of classes, without a mean",
            place(node, "mixup"),
            related=related,
            help="use `cutmix`, which pastes a rectangle of image and target",
        )
    if not _differs(target[-2:], input.shape[-2:]):
        return
    moving = [(item_of(node, "augment", i), t.name()) for i, t in enumerate(recipe.augment) if t.moves]
    if recipe.cutmix > 0:
        moving.append((place(node, "cutmix"), "cutmix"))
    for at, name in moving:
        reader.report(
            "recipe-conflict",
            f"`{name}` moves an image of {_join(input.shape[-2:])}, but its target, a map of {_join(target[-2:])} as "
            "the net's output, cannot follow",
            at,
            related=related,
            help="let the net's output have the size of its input (`Upsample`), or leave it out",
        )


def _report_classes(
    recipe: Recipe, node: MapNode, reader: Reader, classes: int, width: int, related: Sequence[Related]
) -> None:
    few = width < classes
    reader.report(
        "classes-mismatch",
        f"`{recipe.data.name()}` has {classes} classes, but the net's output has {width} "
        + ("scores: there is none for the others" if few else "scores, of which the others never occur"),
        key_of(node, "data") or node,
        related=related,
        severity="error" if few else "warning",
        help=f"let the last layer give {classes}",
    )


def _check_weights(recipe: Recipe, node: MapNode, reader: Reader, output: TensorType) -> None:
    """Factors per class: as many as the output has scores."""
    axis = 0 if recipe.loss.target == "classes" else -1
    width: Size | None = output.shape[axis] if output.shape else None
    for name in recipe.loss.factors:
        factors = getattr(recipe.loss, name)
        if factors is not None and isinstance(width, int) and len(factors) != width:
            reader.report(
                "loss-mismatch",
                f"`{name}` of `{recipe.loss.name()}` has {len(factors)} factors, "
                f"but the net's output has {width} scores",
                place(node, "loss", recipe.loss.name(), name),
                help="give one factor per class",
            )


def _check_end(recipe: Recipe, node: MapNode, reader: Reader, layers: Sequence[type[Layer]]) -> None:
    """The last layer that counts, against what the loss takes: a frequent mistake that only slows learning."""
    last = next((layer for layer in reversed(layers) if not layer.keeps_values), None)
    ending = recipe.loss.ending
    if last is None or ending is None or ending.suits(last.gives):
        return
    reader.report(
        "loss-mismatch",
        f"`{recipe.loss.name()}` takes {ending.takes}, but the net ends in `{last.__name__}`",
        value_of(node, "loss"),
        severity="warning",
        help=ending.help,
    )


# ---- words


def _written(transform: Transform) -> str:
    """A transform as a spec writes it, defaults left out."""
    changed = {n: v for n, v in transform if n in transform.model_fields_set}
    if not changed:
        return transform.name()
    if list(changed) == [transform.scalar] and not isinstance(next(iter(changed.values())), tuple):
        return f"{transform.name()}: {flow(next(iter(changed.values())))}"
    return f"{transform.name()}: {flow(changed)}"


def _differs(shape: Sequence[Size | None], wanted: Sequence[Size | None]) -> bool:
    """True if two shapes cannot be equal; None, symbols and unknown sizes may be anything."""
    if len(shape) != len(wanted):
        return True
    return any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(shape, wanted, strict=True))


def _size(size: ImageType) -> str:
    return _join(size)


def _join(shape: Sequence[Size | None]) -> str:
    return " × ".join("?" if n is None else str(n) for n in shape)


def _list(shape: Sequence[Size | None]) -> str:
    return f"[{', '.join('?' if n is None else str(n) for n in shape)}]"
