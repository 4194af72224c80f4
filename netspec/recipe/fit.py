"""The data of a recipe against the net: sizes and channels after the transforms, classes, targets."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import Related
from netspec.dims import Shape, Unmet
from netspec.layers.base import TensorType
from netspec.recipe.against import Against
from netspec.recipe.base import Facts, ImageType, Transform, is_image
from netspec.recipe.clues import DataClue
from netspec.recipe.places import item_of, key_of
from netspec.recipe.resolved import Recipe
from netspec.recipe.sizes import differs, joined, listed
from netspec.text.source import MapNode, Node
from netspec.validation import Reader
from netspec.writing import flow


def check_data(recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> None:
    """Follow an example through the transforms and hold it against the net's inputs."""
    if len(net.ends.inputs) > 1:
        _check_inputs(recipe, node, reader, net)
        return
    input, related = next(iter(net.ends.inputs)).type, net.inputs[0]
    facts = recipe.data.facts()
    if input is None or not _check_dtype(recipe, node, reader, facts, input, related):
        return
    shape = recipe.data.shape_for(input.shape)
    if shape is None:
        return
    if len(shape) != 3 or facts.dtype == "int64":
        _check_plain(recipe, node, reader, shape, input, related)
        return
    _check_images(recipe, node, reader, ImageType(*shape), input, related)


def _refuse_transforms(recipe: Recipe, node: MapNode, reader: Reader, why: str) -> None:
    """Report what works on images where there are none."""
    for key in ("transforms", "augment"):
        if getattr(recipe, key):
            reader.report(
                "recipe-conflict",
                f"`{key}` work on images, but {why}",
                key_of(node, key) or node,
                help="leave them out",
            )


def _check_images(
    recipe: Recipe, node: MapNode, reader: Reader, stored: ImageType, input: TensorType, related: Sequence[Related]
) -> None:
    """Follow an image through the transforms, in evaluation and in training."""
    whole, trail = _follow(recipe.transforms, stored, "transforms", node, reader)
    if whole is None:
        return
    where = key_of(node, "transforms") or key_of(node, "data") or node
    if not _compare(recipe, reader, where, whole, stored, trail, input, related):
        return
    training = _with_augment(recipe, stored, node, reader)
    if training is not None and training != whole and not differs(training, whole):
        reader.report(
            "data-mismatch",
            f"training images are {joined(training)} after `augment`, but those for evaluation are as large as their "
            "files",
            key_of(node, "augment") or node,
            related=related,
            severity="warning",
            help=f"write `transforms: [Resize: {{size: [{training.height}, {training.width}]}}]`, unless every file is "
            "of that size",
        )
    elif training is not None and training != whole:
        reader.report(
            "data-mismatch",
            f"training images are {joined(training)} after `augment`, but those for evaluation are {joined(whole)}",
            key_of(node, "augment") or node,
            related=related,
            help=f"let `augment` end with the size of the net's input, {joined(whole)}",
        )


def _check_inputs(recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> None:
    """Several inputs, each of which the data must give by its name."""
    data, at = recipe.data, key_of(node, "data") or node
    names = ", ".join(f"`{value.name}`" for value in net.ends.inputs)
    if not data.many:
        reader.report(
            "data-mismatch",
            f"`{data.name()}` gives one input for each example, but the net takes {len(net.ends.inputs)}: {names}",
            at,
            related=[place for places in net.inputs for place in places],
            help="write a safetensors file with a tensor under each of these names, and "
            "`data: {tensors: {train: FILE}}`, or make data up with `data: synthetic`",
        )
        return
    for number, value in enumerate(net.ends.inputs):
        if value.name == data.labels_key and any(item.target is None for item in recipe.losses):
            reader.report(
                "recipe-conflict",
                f"`{data.name()}` has the labels under the name `{value.name}`, which is also that of an input: the "
                "loss would compare the output with what the net is given",
                at,
                related=net.inputs[number],
                help="give the input another name, or each loss a `target`",
            )
    if data.facts().shape is not None:
        reader.report(
            "recipe-conflict",
            f"`shape` of `{data.name()}` is that of one input, but the net takes {len(net.ends.inputs)}: {names}",
            at,
            help="leave it out: each input has the shape that the net says",
        )
        return
    for value, related in zip(net.ends.inputs, net.inputs, strict=True):
        if value.type is not None and not data.gives(value.type.dtype):
            reader.report(
                "data-mismatch",
                f"`{data.name()}` as it is written gives no {value.type.dtype} values, but the net's input "
                f"`{value.name}` is {value.type.dtype}",
                at,
                related=related,
                help=data.integers,
            )
    _check_images_of(recipe, node, reader, net)


def _check_images_of(recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> None:
    """Transforms and augmentation where there are several inputs: they are for those that are images."""
    images = [
        (value, related)
        for value, related in zip(net.ends.inputs, net.inputs, strict=True)
        if value.type is not None and is_image(value.type)
    ]
    if not images:
        _refuse_transforms(recipe, node, reader, "no input of the net has three axes")
        return
    if recipe.augment and len(images) > 1:
        names = ", ".join(f"`{value.name}`" for value, _ in images)
        reader.report(
            "recipe-conflict",
            f"`augment` changes one image of an example, but the net takes {len(images)}: {names}; whether they move "
            "together or apart, a recipe cannot say",
            key_of(node, "augment") or node,
            related=[place for _, places in images for place in places],
            help="leave it out, and store augmented examples",
        )
    for value, related in images:
        assert value.type is not None
        shape = recipe.data.shape_for(value.type.shape)
        if shape is not None:
            _check_images(recipe, node, reader, ImageType(*shape), value.type, related)


def check_random(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """See that nothing is drawn at random in evaluation."""
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
        help="tokens are integers, as in `input: [128, int64]`"
        if recipe.data.next_token
        else recipe.data.integers
        if input.dtype == "int64"
        else None,
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
    why = f"the examples of `{recipe.data.name()}` have the shape {listed(shape)}"
    _refuse_transforms(recipe, node, reader, why)
    if differs(shape, input.shape):
        reader.report(
            "data-mismatch",
            f"the examples of `{recipe.data.name()}` have the shape {listed(shape)}, "
            f"but the net's input is {listed(input.shape)}",
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
    if not differs(size, input.shape):
        return True
    name = recipe.data.name()
    steps = f" ({joined(stored)}, then {', '.join(trail)})" if trail else ""
    mend = mending(size, input.shape, recipe.transforms)
    reader.report(
        "data-mismatch",
        f"`{name}` gives images of {joined(size)}{steps}, but the net's input is {joined(input.shape)}",
        where,
        related=related,
        help=told(mend),
        clue=mend,
    )
    return False


def mending(size: ImageType, wanted: Shape, transforms: Sequence[Transform], *, exact: bool = False) -> DataClue:
    """The transforms to write, or the input, for images that are not of the net's input.

    Args:
        size: of an image after the transforms that there are.
        wanted: the net's input.
        transforms: those that there are.
        exact: this is one image of many, and others may be of other sizes: give both sides, and no `input` to write.
    """
    input = f"[{', '.join(map(str, size))}]" if None not in size else None
    if len(wanted) != 3:
        return DataClue(None, input)
    added: list[str] = []
    channels, height, width = wanted
    if size.channels is not None and size.channels != channels and channels in (1, 3):
        added.append("Grayscale: 3" if channels == 3 else "Grayscale")
    resized = isinstance(height, int) and isinstance(width, int) and differs(size[1:], (height, width))
    if resized:
        square = height == width and size.height == size.width and not exact
        added.append(f"Resize: {height}" if square else f"Resize: {{size: [{height}, {width}]}}")
    repairable = size.channels is None or size.channels == channels or channels in (1, 3)
    if not added or not repairable:
        return DataClue(None, input)
    kept = [t for t in transforms if not (resized and t.sizes)]
    at = next((i for i, t in enumerate(kept) if t.scales), len(kept))
    before, after = ([_written(t) for t in part] for part in (kept[:at], kept[at:]))
    return DataClue(f"[{', '.join([*before, *added, *after])}]", None if exact else input)


def told(mend: DataClue) -> str | None:
    """What a mend of data that do not fit says."""
    forms = ((f"transforms: {mend.transforms}", mend.transforms), (f"input: {mend.input}", mend.input))
    said = [f"`{form}`" for form, given in forms if given is not None]
    return f"write {', or '.join(said)}" if said else None


def _written(transform: Transform) -> str:
    """A transform as a spec writes it, defaults left out."""
    changed = {n: v for n, v in transform if n in transform.model_fields_set}
    if not changed:
        return transform.name()
    if list(changed) == [transform.scalar] and not isinstance(next(iter(changed.values())), tuple):
        return f"{transform.name()}: {flow(next(iter(changed.values())))}"
    return f"{transform.name()}: {flow(changed)}"
