"""Match the tensors of a source with those of a net: by order of use, by order of storage, by name, by shape.

A match is a dict from the net's keys to the source's keys.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from math import prod

from torch import Tensor

from netspec.torch.carrying import by_words, squeezed
from netspec.torch.usage import Owner, Shapes, TensorUse, TransferError
from netspec.views.describe import shape_text


class Mismatch(Exception):
    """Source and net do not match; the message names the layers that differ."""


class MapMismatch(TransferError):
    """A map of keys is of another net or of other weights; `key` is the net's key of the entry that shows it, or None
    where there is no entry."""

    def __init__(self, said: str, key: str | None) -> None:
        super().__init__(said)
        self.key = key


def by_map(keys: Mapping[str, str], found: Shapes, wanted: Shapes, whole: Collection[str]) -> dict[str, str]:
    """Match the tensors that a map of keys names.

    Args:
        keys: the map, net key → source key.
        found: shapes by key in the source.
        wanted: shapes by key in the net, without the layers that are left out.
        whole: all keys of the net.

    Raises:
        MapMismatch: it names what the net or the source does not have, lacks one of the net's keys, or two tensors have
            other numbers of elements.
    """
    for own, origin in keys.items():
        if own not in whole:
            raise MapMismatch(f"the map has `{own}`, from `{origin}`, and the net has no such tensor", own)
    for own, shape in wanted.items():
        origin = keys.get(own)
        leave = f"`--fresh '{layer_of(own)}.*'` leaves this layer out"
        if origin is None:
            raise MapMismatch(f"the map does not say where `{own}` of the net comes from; {leave}", None)
        if origin not in found:
            raise MapMismatch(f"`{own}` comes from `{origin}` by the map, and the weights have no `{origin}`", own)
        if prod(found[origin]) != prod(shape):
            told = f"`{origin}` is {shape_text(found[origin])} there, and {shape_text(shape)} in `{own}`"
            raise MapMismatch(f"by the map {told}; {leave}", own)
    return {own: keys[own] for own in wanted}


# ---- modules: tensor by tensor, in order of first use


def by_use(
    found: Sequence[TensorUse],
    wanted: Sequence[TensorUse],
    keys: Sequence[str],
    left_out: Collection[str],
    known: Mapping[str, str],
) -> dict[str, str]:
    """Match the tensors that two forward passes use, in order of first use.

    Two layers with equal tensors are matched as a whole. Others are matched parameter by parameter, since one module of
    the source may correspond to several layers of the net.

    Args:
        found: the tensors that the source uses.
        wanted: the tensors that the net uses.
        keys: the net's keys that need a match.
        left_out: paths of the net's layers that are not to be loaded; their shapes may differ.
        known: matches that are already certain, net key → source key.

    Raises:
        Mismatch: shapes differ, or tensors are left over on one side.
    """
    origins: dict[str, str] = dict(known)
    taken: set[str] = set(known.values())
    single: defaultdict[str, list[tuple[TensorUse, TensorUse]]] = defaultdict(list)
    for source, target in zip_longest(_left(found, taken), _left(wanted, origins)):
        if source is None or target is None:
            raise Mismatch(_ends(found, wanted, source, target))
        names = _same_tensors(source.owner.shapes, target.owner.shapes)
        if target.owner.path in left_out:  # not loaded: its tensors are only to be passed over, whatever their shapes
            names = list(zip(source.owner.shapes, target.owner.shapes, strict=False))
        if names is not None and _untouched(source.owner, taken) and _untouched(target.owner, origins):
            pairs = [(source.owner.key(a), target.owner.key(b)) for a, b in names]
        elif alike(source.shape, target.shape):
            pairs = [(source.key, target.key)]
            single[target.owner.path].append((source, target))
        else:
            raise Mismatch(_differ(found, wanted, source, target))
        taken.update(a for a, _ in pairs)
        origins.update((b, a) for a, b in pairs)
    for layer in single.values():
        _tell_apart(layer)
        buffers = {key: origin for key, origin in _buffers(layer).items() if key not in origins}
        taken.update(buffers.values())
        origins.update(buffers)
    for use in found:
        if use.key not in taken:
            raise Mismatch(f"the source uses `{use.key}` of {use.owner}, to which nothing in the net corresponds")
    for key in keys:
        if key not in origins:
            raise Mismatch(f"nothing that the source uses corresponds to `{key}` in the net")
    return origins


def _left(uses: Sequence[TensorUse], settled: Collection[str]) -> Iterator[TensorUse]:
    """Those that are still to be matched: parameters, and the tensors of layers that have no parameters."""
    return (use for use in uses if use.key not in settled and use.name in (use.owner.parameters or use.owner.buffers))


def _untouched(owner: Owner, settled: Collection[str]) -> bool:
    return not any(owner.key(name) in settled for name in owner.shapes)


def _tell_apart(layer: Sequence[tuple[TensorUse, TensorUse]]) -> None:
    """Refuse a layer of the net with several parameters of one shape, unless the source names them alike.

    Between layers, the order of use is reliable. Within a layer it is not: `x * gain + shift` may be computed as
    `torch.addcmul(shift, gain, x)`.
    """
    shapes = Counter(target.shape for _, target in layer)
    if any(shapes[target.shape] > 1 and source.name != target.name for source, target in layer):
        names = ", ".join(f"`{source.key}`" for source, _ in layer)
        raise Mismatch(
            f"{layer[0][1].owner} in the net is {names} in the source: some of these have one shape, and their names "
            "do not tell which is which"
        )


def _buffers(layer: Sequence[tuple[TensorUse, TensorUse]]) -> dict[str, str]:
    """The source's key for each of a layer's buffers: they belong to the owner of its first parameter."""
    source, target = layer[0][0].owner, layer[0][1].owner
    if not target.buffers:
        return {}
    names = _same_tensors(source.buffers, target.buffers)
    if names is None:
        raise Mismatch(f"{source} in the source does not have the buffers of {target} in the net")
    return {target.key(b): source.key(a) for a, b in names}


def _differ(found: Sequence[TensorUse], wanted: Sequence[TensorUse], source: TensorUse, target: TensorUse) -> str:
    layers = _owners(wanted)
    text = (
        f"layer {layers.index(target.owner) + 1} with weights is {source.owner} in the source, but {target.owner} in "
        f"the net{_counts(_owners(found), layers)}{_only_head(_owners(found), layers, source.owner, target.owner)}"
    )
    if len(source.owner.parameters) == len(target.owner.parameters):
        return text
    return f"{text}; at this place the source uses `{source.key}` and the net `{target.key}`"


def _ends(
    found: Sequence[TensorUse], wanted: Sequence[TensorUse], source: TensorUse | None, target: TensorUse | None
) -> str:
    where, extra = ("the source", source) if target is None else ("the net", target)
    assert extra is not None
    counts = _counts(_owners(found), _owners(wanted))
    return f"{where} goes on with {extra.owner}, where the other has ended{counts}"


def _owners(uses: Sequence[TensorUse]) -> list[Owner]:
    return list({use.owner.path: use.owner for use in uses}.values())


def _counts(found: Sequence[Owner], wanted: Sequence[Owner]) -> str:
    return f" (layers with weights: {len(found)} in the source, {len(wanted)} in the net)"


def _only_head(found: Sequence[Owner], wanted: Sequence[Owner], source: Owner, target: Owner) -> str:
    """The advice for the case that only the last layer differs, most often in the number of classes; else empty."""
    if source != found[-1] or target != wanted[-1] or list(source.shapes) != list(target.shapes):
        return ""
    return (
        f". All before it agrees: `--fresh '{target.path}.*'` leaves this layer out; `netspec train` with `--weights "
        f"FILE --fresh '{target.path}.*'` then begins it anew"
    )


def _same_tensors(source: Shapes, target: Shapes) -> list[tuple[str, str]] | None:
    """Match the tensors of two layers: by name if the names are equal, else by shape if all shapes are different.

    Returns:
        PairLayout of source name and target name; None if neither works.
    """
    if source == target:
        return [(name, name) for name in target]
    if source.keys() == target.keys() and all(alike(source[name], target[name]) for name in target):
        return [(name, name) for name in target]
    shaped = {squeezed(shape): name for name, shape in source.items()}
    if len(shaped) < len(source):  # two tensors of one shape: `gain` might be `weight` or `bias`
        return None
    if Counter(shaped.keys()) != Counter(map(squeezed, target.values())):
        return None
    return [(shaped[squeezed(shape)], name) for name, shape in target.items()]


def alike(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """True if two shapes are equal except for axes of size 1."""
    return squeezed(a) == squeezed(b)


# ---- state dicts: layer by layer


def owners_of_state(state: Mapping[str, Tensor]) -> list[Owner]:
    """The layers of a state dict: keys are grouped by all but their last part."""
    owners: dict[str, Owner] = {}
    for key, tensor in state.items():
        path, _, name = key.rpartition(".")
        owners.setdefault(path, Owner(path, "", {})).parameters[name] = tuple(tensor.shape)
    return list(owners.values())


def _by_order(found: Sequence[Owner], wanted: Sequence[Owner], left_out: Collection[str]) -> dict[str, str]:
    """Match layers by their order.

    Raises:
        Mismatch: the tensors of two layers differ, or the number of layers does.
    """
    origins: dict[str, str] = {}
    for number, (source, target) in enumerate(zip(found, wanted, strict=False), 1):
        if target.path in left_out:
            continue
        names = _same_tensors(source.shapes, target.shapes)
        if names is None:
            counts = _counts(found, wanted)
            raise Mismatch(
                f"layer {number} with weights is {source} in the source, but {target} in the net{counts}"
                f"{_only_head(found, wanted, source, target)}"
            )
        origins |= {target.key(b): source.key(a) for a, b in names}
    if len(found) != len(wanted):
        longer, where = (found, "the source") if len(found) > len(wanted) else (wanted, "the net")
        extra = longer[min(len(found), len(wanted))]
        raise Mismatch(f"{where} goes on with {extra}, where the other has ended{_counts(found, wanted)}")
    return origins


def by_order_and_name(found: Sequence[Owner], wanted: Sequence[Owner], left_out: Collection[str]) -> dict[str, str]:
    """Match by name where both sides have the same names, and the rest by order; all by order if that fails.

    Raises:
        Mismatch: the order does not match either.
    """
    sources = {owner.key(name): shape for owner in found for name, shape in owner.shapes.items()}
    targets = {o.key(n): s for o in wanted if o.path not in left_out for n, s in o.shapes.items()}
    known = by_words(sources, targets)
    settled, taken = {layer_of(key) for key in known}, {layer_of(key) for key in known.values()}
    if not known:
        return _by_order(found, wanted, left_out)
    try:
        rest = _by_order(
            [o for o in found if o.path not in taken], [o for o in wanted if o.path not in settled], left_out
        )
    except Mismatch:
        return _by_order(found, wanted, left_out)
    origins = rest | known
    if any(key not in origins for key in targets):
        return _by_order(found, wanted, left_out)
    return origins


def by_shape(found: Sequence[Owner], wanted: Sequence[Owner]) -> dict[str, str] | None:
    """Match layers by the names and shapes of their tensors; None unless every layer is unique in that."""
    signatures = Counter(map(_signature, wanted))
    if signatures != Counter(map(_signature, found)) or any(number > 1 for number in signatures.values()):
        return None
    owners = {_signature(owner): owner for owner in found}
    return {owner.key(name): owners[_signature(owner)].key(name) for owner in wanted for name in owner.shapes}


def _signature(owner: Owner) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple(sorted(owner.shapes.items()))


def layer_of(key: str) -> str:
    """The path of the layer that a state dict key belongs to."""
    return key.rpartition(".")[0]
