"""Keras's layers of values and vectors: linear layers, norms, tables, dropout, and changes of shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from netspec.dims import product
from netspec.importing.keras.activations import activated
from netspec.importing.keras.changes import FilledTensor, Source, StoredTensor, dense, pointwise, turned
from netspec.importing.keras.step import KerasStep
from netspec.importing.keras.values import KerasValue, to_first


def linear(step: KerasStep) -> KerasValue:
    """`Dense`: along the last axis, which of a map are the channels."""
    given, x = step.given, step.x
    given.must("quantization_config", None, why="holds weights of fewer bits, which are not read here")
    given.must("lora_rank", None, why="adds matrices to the weight, which are not read here")
    if x.rank < 1:
        step.refuse("is given a number, and takes features")
    if x.rank == 2 and x.first:
        x = step.to_last(x)
    size, out = step.length(x), given.count("units")
    head = f"Conv{x.rank - 1}d" if x.first else "Linear"
    change = pointwise(x.rank - 1) if x.first else dense(x.parts)
    weights: dict[str, Source] = {"weight": StoredTensor("vars/0", (size, out), change)}
    said: dict[str, Any] = {"out_channels": out, "kernel_size": 1} if x.first else {"out_features": out}
    if given.flag("use_bias", True):
        weights["bias"] = StoredTensor("vars/1", (out,))
    else:
        said["bias"] = False
    return activated(step, step.put(head, said, x, parts=(), weights=weights))


def batch_norm(step: KerasStep) -> KerasValue:
    """`BatchNormalization`: its momentum is the share of the old mean, torch's that of the new one."""
    given, x = step.given, step.to_first(step.x)
    _along_channels(step, x)
    given.must("renorm", False, why="normalises in training by another rule than torch")
    size, momentum = step.length(x), given.number("momentum", 0.99)
    arguments: dict[str, Any] = {"eps": given.number("epsilon", 1e-3), "momentum": float(f"{1 - momentum:.12g}")}
    scale, center = given.flag("scale", True), given.flag("center", True)
    stored = [name for name, is_there in (("weight", scale), ("bias", center)) if is_there]
    stored += ["running_mean", "running_var"]
    turn = turned(x.parts)
    weights: dict[str, Source] = {name: StoredTensor(f"vars/{at}", (size,), turn) for at, name in enumerate(stored)}
    if scale != center:
        missing = "bias" if scale else "weight"
        weights[missing] = FilledTensor(0.0 if scale else 1.0, (size,))
        key = "center" if scale else "scale"
        step.note(f"`{key}: false` of a BatchNormalization: the norm here has a `{missing}`, too, which begins as "
                  f"{0 if scale else 1} and is trained if you train the net")  # fmt: skip
    elif not scale:
        arguments["affine"] = False
    weights["num_batches_tracked"] = FilledTensor(0, (), whole=True)
    return step.put(f"BatchNorm{max(x.rank - 1, 1)}d", arguments, x, weights=weights)


def _along_channels(step: KerasStep, x: KerasValue, key: str = "axis") -> None:
    """Refuse a norm that is not along the channels."""
    axis: Any = step.given.get(key, -1)
    listed = cast("list[Any]", axis if isinstance(axis, list) else [axis])
    if len(listed) != 1 or type(listed[0]) is not int or listed[0] not in (-1, x.rank):
        step.given.refuse(key, "is not the last axis, that of the channels")


def layer_norm(step: KerasStep) -> KerasValue:
    """`LayerNormalization`, along the channels."""
    given, x = step.given, step.x
    _along_channels(step, x)
    given.must("rms_scaling", False, why="normalises by the root of the mean square alone, which is not read here")
    x, was_first = step.to_last(x) if x.first else x, x.first and x.rank > 2
    size = step.length(x)
    scale, center, turn = given.flag("scale", True), given.flag("center", True), turned(x.parts)
    arguments: dict[str, Any] = {"eps": given.number("epsilon", 1e-3)}
    stored = [name for name, is_there in (("weight", scale), ("bias", center)) if is_there]
    weights: dict[str, Source] = {name: StoredTensor(f"vars/{at}", (size,), turn) for at, name in enumerate(stored)}
    if center and not scale:
        weights["weight"] = FilledTensor(1.0, (size,))
    elif scale and not center:
        arguments["bias"] = False
    elif not scale:
        arguments["elementwise_affine"] = False
    made = step.put("LayerNorm", arguments, x, weights=weights)
    return step.to_first(made) if was_first else made


def group_norm(step: KerasStep) -> KerasValue:
    """`GroupNormalization`, along the channels."""
    given = step.given
    x = step.to_first(step.x)
    _along_channels(step, x)
    if x.parts:
        step.refuse("is given a map that was made flat, whose groups stand in another order here")
    size, groups = step.length(x), given.get("groups", 32)
    groups = size if groups == -1 else given.count("groups", 32)
    if size % groups:
        given.refuse("groups", f"does not divide {size} channels")
    scale, center = given.flag("scale", True), given.flag("center", True)
    if scale is not center:
        given.refuse("scale" if not scale else "center", "has no form here: both or neither")
    affine: dict[str, Source] = {"weight": StoredTensor("vars/0", (size,)), "bias": StoredTensor("vars/1", (size,))}
    said: dict[str, Any] = {"num_groups": groups, "eps": given.number("epsilon", 1e-3)}
    return step.put("GroupNorm", said if scale else {**said, "affine": False}, x, weights=affine if scale else None)


def embedding(step: KerasStep) -> KerasValue:
    """`Embedding`: a table."""
    given = step.given
    given.must("mask_zero", False, why="lets the layers behind it pass over the number 0, which no layer here does")
    given.must("quantization_config", None, why="holds weights of fewer bits, which are not read here")
    given.must("lora_rank", None, why="adds matrices to the weight, which are not read here")
    sizes = given.count("input_dim"), given.count("output_dim")
    arguments = {"num_embeddings": sizes[0], "embedding_dim": sizes[1]}
    return step.put("Embedding", arguments, step.x, first=False, weights={"weight": StoredTensor("vars/0", sizes)})


def dropout(step: KerasStep) -> KerasValue:
    """`Dropout`, `AlphaDropout`."""
    given, rate = step.given, step.given.number("rate")
    shape: Any = given.get("noise_shape")
    head = given.kind
    if shape is not None and head == "Dropout" and shape == [None, *[1] * step.x.rank]:
        head = "StochasticDepth"
    elif shape is not None:
        given.refuse("noise_shape", "drops whole slices, which no `Dropout` here does")
    return step.put(head, {"p": rate}, step.x) if rate else step.x


def nothing(step: KerasStep) -> KerasValue:
    """What gives what it is given."""
    for key in ("l1", "l2"):  # of the loss
        step.given.get(key)
    return step.x


# ---- shapes


def flatten(step: KerasStep) -> KerasValue:
    """`Flatten`."""
    return step.flatten(step.x)


def reshape(step: KerasStep) -> KerasValue:
    """`Reshape`, in Keras's order."""
    wanted: Any = step.given.get("target_shape")
    listed = cast("list[Any]", wanted if isinstance(wanted, list) else [None])
    sizes = [one for one in listed if type(one) is int and (one == -1 or 0 < one < 2**31)]
    if len(sizes) != len(listed) or not 1 <= len(sizes) <= 4 or sizes.count(-1) > 1:
        step.given.refuse("target_shape", "is not one to four sizes, of which one may be -1")
    if len(sizes) == 1:
        return step.flatten(step.x)
    whole = product(step.x.shape)
    rest = product([size for size in sizes if size != -1])
    if not isinstance(whole, int) or not isinstance(rest, int) or whole % rest or (-1 not in sizes and whole != rest):
        step.given.refuse("target_shape", "has not as many values as what comes to it, or their number is not known")
    sizes = [whole // rest if size == -1 else size for size in sizes]
    x = step.to_last(step.x)
    if x.rank > 1:
        x = step.put("Flatten", {}, x)
    if len(sizes) > 2 and product(sizes[:-1]) == 1:  # values of channels, which have one order
        return step.put("Unflatten", {"dim": 1, "unflattened_size": [sizes[-1], *sizes[:-1]]}, x, first=True)
    x = step.put("Unflatten", {"dim": 1, "unflattened_size": sizes}, x, first=False)
    return x if len(sizes) == 2 else step.put("Rearrange", {"pattern": to_first(len(sizes))}, x, first=True)


def permute(step: KerasStep) -> KerasValue:
    """`Permute`, in Keras's order."""
    dims: Any = step.given.get("dims")
    if (
        not isinstance(dims, list)
        or sorted(map(str, cast("list[Any]", dims))) != [str(axis) for axis in range(1, step.x.rank + 1)]
        or not all(type(axis) is int for axis in cast("list[Any]", dims))
    ):
        step.given.refuse("dims", f"is not the axes from 1 to {step.x.rank} in some order")
    names = "abcd"[: step.x.rank]
    if len(names) < step.x.rank:
        step.refuse("has more than four axes")
    pattern = f"n {' '.join(names)} -> n {' '.join(names[axis - 1] for axis in cast('list[int]', dims))}"
    return step.put("Rearrange", {"pattern": pattern}, step.to_last(step.x), first=False)


# ---- constants


def rescaling(step: KerasStep) -> KerasValue:
    """`Rescaling`: scale · x + offset, each a number or one for each channel."""
    x = step.x
    scale, offset = step.given.numbers("scale"), step.given.numbers("offset", 0.0)
    if not isinstance(scale, list) and not isinstance(offset, list):
        if offset == 0:
            return step.put("Scale", {"factor": scale}, x)
        times = "" if scale == 1 else f" * {scale!r}"
        added = f" {'-' if offset < 0 else '+'} {abs(offset)!r}"
        return step.body.put(f"use: {step.body.name(x)}{times}{added}", KerasValue(x.type, x.first, x.parts))
    x = step.to_first(x) if x.rank > 1 else x
    if scale != 1:
        x = _joined(step, "mul", scale, x)
    return x if offset == 0 else _joined(step, "add", offset, x)


def _joined(step: KerasStep, join: str, numbers: float | list[float], x: KerasValue) -> KerasValue:
    """A value and one constant for each channel, in a join."""
    size = step.length(x)
    listed = numbers if isinstance(numbers, list) else [numbers] * size
    if len(listed) != size:
        step.refuse(f"has {len(listed)} constants for {size} channels")
    if x.parts:
        step.refuse("is given a map that was made flat, and has a constant for each value")
    shaped: list[Any] = list(listed)
    for _ in range(x.rank - 1):
        shaped = [[one] for one in shaped]
    step.body.stand(x)
    return step.body.put(f"{join}: [[], [Buffer: {{value: {shaped}, persistent: false}}]]", KerasValue(x.type, x.first))


def normalization(step: KerasStep) -> KerasValue:
    """`Normalization` with what it learned of data: a norm that is never trained."""
    given, x = step.given, step.to_first(step.x)
    _along_channels(step, x)
    given.must("invert", False, why="turns the normalisation round, for which there is no layer")
    size, given_mean = step.length(x), given.get("mean")
    if x.parts:
        step.refuse("is given a map that was made flat, whose values stand in another order here")
    weights: dict[str, Source]
    if given_mean is None:
        shape = (size,)
        weights = {"running_mean": StoredTensor("vars/0", shape), "running_var": StoredTensor("vars/1", shape)}
    else:
        mean, variance = given.numbers("mean"), given.numbers("variance")
        for key, value in (("mean", mean), ("variance", variance)):
            if isinstance(value, list) and len(value) != size:
                given.refuse(key, f"has {len(value)} numbers for {size} channels")
        weights = {"running_mean": FilledTensor(mean, (size,)), "running_var": FilledTensor(variance, (size,))}
    weights["num_batches_tracked"] = FilledTensor(0, (), whole=True)
    # Keras divides by at least 1e-7, the root of this
    arguments = {"eps": 1e-14, "affine": False}
    options = {"freeze": "true"}
    return step.put(f"BatchNorm{max(x.rank - 1, 1)}d", arguments, x, weights=weights, options=options)


LAYERS: Final[dict[str, Callable[[KerasStep], KerasValue]]] = {
    "ActivityRegularization": nothing,
    "AlphaDropout": dropout,
    "BatchNormalization": batch_norm,
    "Dense": linear,
    "Dropout": dropout,
    "Embedding": embedding,
    "Flatten": flatten,
    "GroupNormalization": group_norm,
    "Identity": nothing,
    "LayerNormalization": layer_norm,
    "Normalization": normalization,
    "Permute": permute,
    "Rescaling": rescaling,
    "Reshape": reshape,
}
