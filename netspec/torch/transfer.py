"""Weights from another module, or from a plain `state_dict`, for a net.

Names differ between implementations of one architecture, and so does the order in which modules are registered; the
order in which their tensors are first used does not. So both models run on the meta device, their parameters are
listed in order of first use, and what stands at the same place is the same parameter: every shape is compared, nothing
is guessed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import Final

import torch
from torch import Tensor, nn

from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.torch.build import build
from netspec.torch.usage import Owner, Shapes, TransferError, Use, order_of_use, tensors_of

_BATCH: Final = 2

_MODULE: Final = (
    "With the module that they belong to, the order of use decides: `netspec.transfer(module, net)`, and for one of "
    "torchvision's `netspec transfer --from torchvision:MODEL:FILE`"
)


def transfer(
    source_module: nn.Module, net: Net, *, example: Tensor | None = None, fresh: Sequence[str] = ()
) -> dict[str, Tensor]:
    """A `state_dict` for the built net with the weights of another module of the same architecture.

    Args:
        source_module: the module with the weights. It is not changed; the result shares its tensors.
        net: the net.
        example: an input that the source takes, batch included; by default a batch of two of the net's input shape.
        fresh: patterns of keys, as in `"10.*"`: layers whose keys all match are left out, whatever their shapes are.

    Raises:
        TransferError: the parameters, in order of first use, do not have the same shapes; names the first layers that
            differ.
        UsageError: the net has symbolic sizes, or a pattern matches no layer.
    """
    return transfer_from(source_module, net, example=example, fresh=fresh)[0]


def transfer_from(
    source_module: nn.Module, net: Net, *, example: Tensor | None = None, fresh: Sequence[str] = ()
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What `transfer` gives, and for each of its keys the source's key that the tensor comes from."""
    target = build(net, device="meta")
    inputs = _input(net) if example is None else example.to("meta")
    wanted = order_of_use(target, _input(net), training=True)
    state = target.state_dict()
    left_out = _fresh(state, fresh)
    keys = [key for key in state if _layer(key) not in left_out]
    tensors = tensors_of(source_module)
    problem = ""
    for training in (True, False):  # in eval mode the source's auxiliary heads do not run; the net may have none
        try:
            origins = _by_use(order_of_use(source_module, inputs, training=training), wanted, keys, left_out)
        except _Mismatch as mismatch:
            problem = problem or str(mismatch)
        else:
            return {key: tensors[origins[key]].detach() for key in keys}, {key: origins[key] for key in keys}
    raise TransferError(f"the weights do not fit `{net.name}`: {problem}")


def transfer_state(
    state: Mapping[str, Tensor], net: Net, *, ordered: bool = True, fresh: Sequence[str] = ()
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A `state_dict` for the built net from one of another implementation, and which key each tensor came from.

    Without the module, the order of use is not known. Equal keys and shapes are taken as they are. Otherwise the
    layers are matched in their order if all shapes agree; if not, by shape alone if no two layers have the same shapes.

    Args:
        state: the weights.
        net: the net.
        ordered: False if the order says nothing, as that of a safetensors file, which is sorted by name.
        fresh: as for `transfer`.

    Raises:
        TransferError: neither gives one answer; says what differs, and that the module itself would decide it.
        UsageError: a pattern matches no layer.
    """
    target = build(net, device="meta").state_dict()
    left_out = _fresh(target, fresh)
    keys = [key for key in target if _layer(key) not in left_out]
    shapes, stored = _shapes(target), _shapes(state)
    if stored.keys() <= shapes.keys() and all(stored.get(key) == shapes[key] for key in keys):
        return {key: state[key] for key in keys}, {key: key for key in keys}
    wanted, found = _owners_of_state(target), _owners_of_state(state)
    origins = _by_shape(found, wanted)
    if origins is None:
        same = Counter(shapes.values()) == Counter(stored.values()) or bool(left_out)
        try:
            if same and not ordered:
                raise _Mismatch("the keys are others, and a safetensors file keeps them sorted by name")
            origins = _by_order(found, wanted, left_out)
        except _Mismatch as mismatch:
            if not same:
                raise TransferError(f"the weights do not fit `{net.name}`: {mismatch}") from None
            raise TransferError(
                f"the weights do not fit `{net.name}` in the order in which they are stored: {mismatch}. Layers with "
                f"the same shapes cannot be told apart. {_MODULE}"
            ) from None
    return {key: state[origins[key]] for key in keys}, {key: origins[key] for key in keys}


def _input(net: Net) -> Tensor:
    shape = [_BATCH, *(size for size in net.input_shape if isinstance(size, int))]
    return torch.zeros(shape, dtype=getattr(torch, net.input.dtype), device="meta")


def _shapes(state: Mapping[str, Tensor]) -> Shapes:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def _layer(key: str) -> str:
    return key.rpartition(".")[0]


def _fresh(state: Mapping[str, Tensor], patterns: Sequence[str]) -> frozenset[str]:
    """The paths of the layers whose keys all match one of the patterns."""
    found: set[str] = set()
    for pattern in patterns:
        others = {_layer(key) for key in state if not fnmatchcase(key, pattern)}
        layers = {_layer(key) for key in state} - others
        if not layers:
            *_, last = state or ("",)
            raise UsageError(
                f"`--fresh {pattern}` matches no whole layer of the net; its last one is `{_layer(last)}.*`"
            )
        found |= layers
    return frozenset(found)


class _Mismatch(Exception):
    """Source and net differ; the message names both layers."""


# ---- a module: tensor by tensor, in order of first use


def _by_use(
    found: Sequence[Use], wanted: Sequence[Use], keys: Sequence[str], left_out: Collection[str]
) -> dict[str, str]:
    """The source's key for each of the net's.

    Two layers with the same tensors are matched as a whole. Any others are matched parameter by parameter: what is one
    module in the source may be several layers in the net.
    """
    origins: dict[str, str] = {}
    taken: set[str] = set()
    single: defaultdict[str, list[tuple[Use, Use]]] = defaultdict(list)
    for source, target in zip_longest(_left(found, taken), _left(wanted, origins)):
        if source is None or target is None:
            raise _Mismatch(_ends(found, wanted, source, target))
        names = _same_tensors(source.owner.shapes, target.owner.shapes)
        if target.owner.path in left_out:
            names = list(zip(source.owner.shapes, target.owner.shapes, strict=False))
        if names is not None and _untouched(source.owner, taken) and _untouched(target.owner, origins):
            pairs = [(source.owner.key(a), target.owner.key(b)) for a, b in names]
        elif source.shape == target.shape:
            pairs = [(source.key, target.key)]
            single[target.owner.path].append((source, target))
        else:
            raise _Mismatch(_differ(found, wanted, source, target))
        taken.update(a for a, _ in pairs)
        origins.update((b, a) for a, b in pairs)
    for layer in single.values():
        _tell_apart(layer)
        buffers = _buffers(layer)
        taken.update(buffers.values())
        origins.update(buffers)
    for use in found:
        if use.key not in taken:
            raise _Mismatch(f"the source uses `{use.key}` of {use.owner}, to which nothing in the net corresponds")
    for key in keys:
        if key not in origins:
            raise _Mismatch(f"nothing that the source uses corresponds to `{key}` in the net")
    return origins


def _left(uses: Sequence[Use], settled: Collection[str]) -> Iterator[Use]:
    """Those that are still to be matched: parameters, and the tensors of layers that have no parameters."""
    return (use for use in uses if use.key not in settled and use.name in (use.owner.parameters or use.owner.buffers))


def _untouched(owner: Owner, settled: Collection[str]) -> bool:
    return not any(owner.key(name) in settled for name in owner.shapes)


def _tell_apart(layer: Sequence[tuple[Use, Use]]) -> None:
    """Refuse a layer of the net with several parameters of one shape, unless the source names them alike.

    From layer to layer the order of use is a fact; inside of one it is not: `x * gain + shift` may be computed as
    `torch.addcmul(shift, gain, x)`.
    """
    shapes = Counter(target.shape for _, target in layer)
    if any(shapes[target.shape] > 1 and source.name != target.name for source, target in layer):
        names = ", ".join(f"`{source.key}`" for source, _ in layer)
        raise _Mismatch(
            f"{layer[0][1].owner} in the net is {names} in the source: some of these have one shape, and their names "
            "do not tell which is which"
        )


def _buffers(layer: Sequence[tuple[Use, Use]]) -> dict[str, str]:
    """The source's key for each of a layer's buffers: they belong to the owner of its first parameter."""
    source, target = layer[0][0].owner, layer[0][1].owner
    if not target.buffers:
        return {}
    names = _same_tensors(source.buffers, target.buffers)
    if names is None:
        raise _Mismatch(f"{source} in the source does not have the buffers of {target} in the net")
    return {target.key(b): source.key(a) for a, b in names}


def _differ(found: Sequence[Use], wanted: Sequence[Use], source: Use, target: Use) -> str:
    layers = _owners(wanted)
    text = (
        f"layer {layers.index(target.owner) + 1} with weights is {source.owner} in the source, but {target.owner} in "
        f"the net{_counts(_owners(found), layers)}{_only_head(_owners(found), layers, source.owner, target.owner)}"
    )
    if len(source.owner.parameters) == len(target.owner.parameters):
        return text
    return f"{text}; at this place the source uses `{source.key}` and the net `{target.key}`"


def _ends(found: Sequence[Use], wanted: Sequence[Use], source: Use | None, target: Use | None) -> str:
    where, extra = ("the source", source) if target is None else ("the net", target)
    assert extra is not None
    counts = _counts(_owners(found), _owners(wanted))
    return f"{where} goes on with {extra.owner}, where the other has ended{counts}"


def _owners(uses: Sequence[Use]) -> list[Owner]:
    return list({use.owner.path: use.owner for use in uses}.values())


def _counts(found: Sequence[Owner], wanted: Sequence[Owner]) -> str:
    return f" (layers with weights: {len(found)} in the source, {len(wanted)} in the net)"


def _only_head(found: Sequence[Owner], wanted: Sequence[Owner], source: Owner, target: Owner) -> str:
    """What to do where nothing but the number of classes differs."""
    if source != found[-1] or target != wanted[-1] or list(source.shapes) != list(target.shapes):
        return ""
    return (
        f". All before it agrees: `--fresh '{target.path}.*'` leaves this layer out; `netspec train` with `--weights "
        f"FILE --fresh '{target.path}.*'` then begins it anew"
    )


def _same_tensors(source: Shapes, target: Shapes) -> list[tuple[str, str]] | None:
    """Pairs of names, by name if the names are the same, else by shape if no two shapes are; None if that fails."""
    if source == target:
        return [(name, name) for name in target]
    by_shape = {shape: name for name, shape in source.items()}
    if len(by_shape) < len(source):  # `gain` and `shift` might be `weight` and `bias`, or the reverse
        return None
    if Counter(by_shape.keys()) != Counter(target.values()):
        return None
    return [(by_shape[shape], name) for name, shape in target.items()]


# ---- a state_dict: layer by layer


def _owners_of_state(state: Mapping[str, Tensor]) -> list[Owner]:
    """The layers that a `state_dict` tells of: neighbours whose keys differ in their last part only."""
    owners: dict[str, Owner] = {}
    for key, tensor in state.items():
        path, _, name = key.rpartition(".")
        owners.setdefault(path, Owner(path, "", {})).parameters[name] = tuple(tensor.shape)
    return list(owners.values())


def _by_order(found: Sequence[Owner], wanted: Sequence[Owner], left_out: Collection[str]) -> dict[str, str]:
    """The source's key for each of the net's, layer by layer in their order."""
    origins: dict[str, str] = {}
    for number, (source, target) in enumerate(zip(found, wanted, strict=False), 1):
        if target.path in left_out:
            continue
        names = _same_tensors(source.shapes, target.shapes)
        if names is None:
            counts = _counts(found, wanted)
            raise _Mismatch(
                f"layer {number} with weights is {source} in the source, but {target} in the net{counts}"
                f"{_only_head(found, wanted, source, target)}"
            )
        origins |= {target.key(b): source.key(a) for a, b in names}
    if len(found) != len(wanted):
        longer, where = (found, "the source") if len(found) > len(wanted) else (wanted, "the net")
        extra = longer[min(len(found), len(wanted))]
        raise _Mismatch(f"{where} goes on with {extra}, where the other has ended{_counts(found, wanted)}")
    return origins


def _by_shape(found: Sequence[Owner], wanted: Sequence[Owner]) -> dict[str, str] | None:
    """The source's key for each of the net's, by the tensors of a layer, if for none of them there is a choice."""
    signatures = Counter(map(_signature, wanted))
    if signatures != Counter(map(_signature, found)) or any(number > 1 for number in signatures.values()):
        return None
    owners = {_signature(owner): owner for owner in found}
    return {owner.key(name): owners[_signature(owner)].key(name) for owner in wanted for name in owner.shapes}


def _signature(owner: Owner) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple(sorted(owner.shapes.items()))
