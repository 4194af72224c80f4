"""Transfer weights to a net from another module of the same architecture, or from a state dict.

Implementations of one architecture differ in the names of their tensors and in the order in which modules are
registered, but seldom in the order in which a forward pass first uses them. So both models run on the meta device, and
their parameters are listed in order of first use. Parameters with the same layer name on both sides are matched first,
the others by their position in that order; shapes must be equal. If the source is a module, both models finally run on
real data. Equal outputs decide between names and order if these disagree; if neither match gives equal outputs, there
is a warning. Where a map of keys is given, as the import of a module writes it, that decides alone.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

import torch
from torch import Tensor, nn

from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.torch.build import build
from netspec.torch.carrying import by_words, carried, compare_outputs
from netspec.torch.matching import (
    Mismatch,
    alike,
    by_map,
    by_order_and_name,
    by_shape,
    by_use,
    layer_of,
    owners_of_state,
)
from netspec.torch.usage import Shapes, TransferError, order_of_use, tensors_of
from netspec.views.describe import shape_text

_BATCH: Final = 2

_MODULE: Final = (
    "With the module that they belong to, the order of use decides: `netspec.transfer(module, net)`, and for one of "
    "torchvision's `netspec transfer --from torchvision:MODEL:FILE`"
)


def transfer(
    source_module: nn.Module,
    net: Net,
    *,
    example: Tensor | tuple[Tensor, ...] | None = None,
    fresh: Sequence[str] = (),
    keys: Mapping[str, str] | None = None,
) -> dict[str, Tensor]:
    """A state dict for the built net with the weights of another module of the same architecture.

    Args:
        source_module: the module with the weights. It is not changed; the result shares its tensors.
        net: the net.
        example: an input that the source takes, or a tuple of several, batch included; by default a batch of two of
            each of the net's inputs.
        fresh: patterns of keys, as in `"10.*"`: layers whose keys all match are left out, whatever their shapes are.
        keys: for each key of the net that of the source, as `FromTorch.keys` and `FILE.keys.json` have them: then these
            decide.

    Raises:
        TransferError: the parameters, in order of first use, differ in shape; the message names the first layers that
            differ. Or `keys` are of another net or source (`MapMismatch`), or a weight is not finite (`NotFinite`).
        UsageError: the net has symbolic sizes, or a pattern matches no layer.

    Warns:
        UserWarning: a tensor was reshaped, with `keys` in more than axes of size 1; or the outputs differ or could not
            be compared.

    >>> import torch
    >>> net = netspec.load("specs/lenet.yaml")
    >>> theirs = netspec.build(net, seed=1)
    >>> ours = netspec.build(net, seed=2)
    >>> ours.load_state_dict(netspec.transfer(theirs, net))
    <All keys matched successfully>
    >>> x = torch.zeros(1, 1, 28, 28)
    >>> torch.equal(ours(x), theirs(x))
    True
    """
    state, _, notes = transfer_from(source_module, net, example=example, fresh=fresh, keys=keys)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return state


def transfer_from(
    source_module: nn.Module,
    net: Net,
    *,
    example: Tensor | tuple[Tensor, ...] | None = None,
    fresh: Sequence[str] = (),
    keys: Mapping[str, str] | None = None,
) -> tuple[dict[str, Tensor], dict[str, str], list[str]]:
    """Like `transfer`, without warnings.

    Returns:
        The state dict; net key → source key; the texts of the warnings.
    """
    target = build(net, device="meta")
    examples = (example,) if isinstance(example, Tensor) else example
    state = target.state_dict()
    left_out = _fresh(state, fresh)
    wanted = {key: shape for key, shape in _shapes(state).items() if layer_of(key) not in left_out}
    tensors = {key: tensor.detach() for key, tensor in tensors_of(source_module).items()}
    if keys is None:
        candidates = _candidates(source_module, target, net, examples, list(wanted), left_out)
    else:
        candidates = [by_map(keys, _shapes(tensors), wanted, state)]
    return _decided(source_module, net, tensors, _shapes(state), candidates, examples, is_mapped=keys is not None)


def _candidates(
    source_module: nn.Module,
    target: nn.Module,
    net: Net,
    examples: tuple[Tensor, ...] | None,
    keys: Sequence[str],
    left_out: Collection[str],
) -> list[dict[str, str]]:
    """The matches that the order of use allows, with names and without.

    Raises:
        TransferError: there are none.
    """
    inputs = _inputs(net) if examples is None else tuple(each.to("meta") for each in examples)
    wanted = order_of_use(target, _inputs(net), training=True)
    tied = _tied(target, keys)
    needed = set(keys)
    problem = ""
    candidates: list[dict[str, str]] = []
    for training in (True, False):  # in eval mode a source's auxiliary heads do not run, which the net may not have
        found = order_of_use(source_module, inputs, training=training)
        known = by_words({u.key: u.shape for u in found}, {u.key: u.shape for u in wanted if u.key in needed})
        for names in (known, {}):
            try:
                origins = by_use(found, wanted, [key for key in keys if key not in tied], left_out, names)
            except Mismatch as mismatch:
                problem = problem if names else problem or str(mismatch)
            else:
                chosen = {key: origins[key if key in origins else tied[key]] for key in keys}
                candidates += [chosen] if chosen not in candidates else []
        if candidates:
            return candidates
    raise TransferError(f"the weights do not fit `{net.name}`: {problem}")


def _decided(
    source: nn.Module,
    net: Net,
    tensors: Mapping[str, Tensor],
    shapes: Shapes,
    candidates: Sequence[dict[str, str]],
    examples: tuple[Tensor, ...] | None,
    *,
    is_mapped: bool,
) -> tuple[dict[str, Tensor], dict[str, str], list[str]]:
    """Choose the match with which the net's output equals the source's; the first match if none does.

    Returns:
        As `transfer_from`.
    """
    doubts: list[str] = []
    if len(candidates) == 1 and len(candidates[0]) < len(shapes):  # with layers left out there is no output to compare
        state, notes = carried(tensors, candidates[0], shapes, is_mapped=is_mapped)
        return state, candidates[0], notes
    for origins in candidates:
        state, notes = carried(tensors, origins, shapes, is_mapped=is_mapped)
        doubt = compare_outputs(source, net, state, examples)
        if doubt is None:
            return state, origins, notes
        doubts.append(doubt)
    origins = candidates[0]
    state, notes = carried(tensors, origins, shapes, is_mapped=is_mapped)
    unsure = ""
    if len(candidates) > 1:
        unsure = (
            "; names and the order of use disagree, as for "
            + ", ".join(
                f"`{key}` (`{origins[key]}` by name, `{candidates[1][key]}` by order)"
                for key in [key for key in origins if origins[key] != candidates[1][key]][:3]
            )
            + ": names were taken"
        )
    return state, origins, [*notes, f"could not be decided by the outputs: {doubts[0]}{unsure}"]


def transfer_state(
    state: Mapping[str, Tensor],
    net: Net,
    *,
    ordered: bool = True,
    fresh: Sequence[str] = (),
    keys: Mapping[str, str] | None = None,
) -> tuple[dict[str, Tensor], dict[str, str], list[str]]:
    """A state dict for the built net from a state dict of another implementation.

    Without the module, the order of use is not known. Equal keys are taken as they are. Otherwise layers are matched by
    their shapes if these are unique, else by name, and the rest by order if all shapes agree. A map of keys comes
    before all of this, but for weights that have not what it names and have the net's own keys.

    Args:
        state: the weights.
        net: the net.
        ordered: False if the order carries no information, as in a safetensors file, which is sorted by name.
        fresh: as for `transfer`.
        keys: as for `transfer`.

    Returns:
        The state dict; net key → source key; the texts of remarks on what was reshaped or left behind.

    Raises:
        TransferError: there is no unambiguous match; the message says what differs, and that the module itself would
            decide it. Or `keys` are of another net or source (`MapMismatch`).
        UsageError: a pattern matches no layer.
    """
    target = build(net, device="meta").state_dict()
    left_out = _fresh(target, fresh)
    own = [key for key in target if layer_of(key) not in left_out]
    shapes, stored = _shapes(target), _shapes(state)
    has_own = stored.keys() <= shapes.keys() and all(key in stored for key in own)
    if keys is not None and not (has_own and any(keys.get(key) not in stored for key in own)):
        origins = by_map(keys, stored, {key: shapes[key] for key in own}, shapes)
        weights, notes = carried(state, origins, shapes, is_mapped=True)
        return weights, origins, [*notes, *_left_behind(stored, keys)]
    if has_own:
        _check_named(net, {key: (stored[key], shapes[key]) for key in own})
        return _with_origins(state, {key: key for key in own}, shapes)
    wanted, found = owners_of_state(target), owners_of_state(state)
    origins = by_shape(found, wanted)
    named = by_words(stored, {key: shapes[key] for key in own}, ordered=False)
    if origins is None and len(named) == len(own):
        origins = named
    if origins is None:
        same = Counter(shapes.values()) == Counter(stored.values()) or bool(left_out)
        try:
            if same and not ordered:
                raise Mismatch("the keys are others, and a safetensors file keeps them sorted by name")
            origins = by_order_and_name(found, wanted, left_out)
        except Mismatch as mismatch:
            if not same:
                raise TransferError(f"the weights do not fit `{net.name}`: {mismatch}") from None
            raise TransferError(
                f"the weights do not fit `{net.name}` in the order in which they are stored: {mismatch}. Layers with "
                f"the same shapes cannot be told apart. {_MODULE}"
            ) from None
    return _with_origins(state, {key: origins[key] for key in own}, shapes)


def _with_origins(
    state: Mapping[str, Tensor], origins: dict[str, str], shapes: Shapes
) -> tuple[dict[str, Tensor], dict[str, str], list[str]]:
    """What was carried, as `transfer_state` gives it."""
    weights, notes = carried(state, origins, shapes)
    return weights, origins, notes


def _left_behind(stored: Iterable[str], keys: Mapping[str, str]) -> Iterator[str]:
    """A remark on the tensors that a map does not name."""
    named = set(keys.values())
    rest = [key for key in stored if key not in named]
    if rest:
        more = f" and {len(rest) - 1:,} more" if len(rest) > 1 else ""
        yield f"the map does not name `{rest[0]}`{more} of the weights: the net is without"


def _check_named(net: Net, pairs: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    """Raise `TransferError` if a tensor under one of the net's own keys has another shape."""
    wrong = {key: pair for key, pair in pairs.items() if not alike(*pair)}
    if not wrong:
        return
    told = "; ".join(
        f"`{key}` is {shape_text(a)} there, and {shape_text(b)} in the net" for key, (a, b) in wrong.items()
    )
    layers = dict.fromkeys(layer_of(key) for key in wrong)
    options = " ".join(f"--fresh '{layer}.*'" for layer in layers)
    raise TransferError(
        f"the weights do not fit `{net.name}`: every key is the net's own, but {told}. `{options}` leaves "
        f"{'this layer' if len(layers) == 1 else 'these layers'} out; `netspec train` with `--weights FILE {options}` "
        "then begins anew there"
    )


def _inputs(net: Net) -> tuple[Tensor, ...]:
    return tuple(
        torch.zeros(
            [_BATCH, *(size for size in value.type.shape if isinstance(size, int))],
            dtype=getattr(torch, value.type.dtype),
            device="meta",
        )
        for value in net.inputs
    )


def _shapes(state: Mapping[str, Tensor]) -> Shapes:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def _tied(target: nn.Module, keys: Sequence[str]) -> dict[str, str]:
    """Those of the keys whose parameter has an earlier one of them, too, and that one: it is used under that alone."""
    first: dict[int, str] = {}
    tied: dict[str, str] = {}
    tensors = tensors_of(target)
    for key in keys:
        earlier = first.setdefault(id(tensors[key]), key)
        if earlier != key:
            tied[key] = earlier
    return tied


def _fresh(state: Mapping[str, Tensor], patterns: Sequence[str]) -> frozenset[str]:
    """The paths of the layers whose keys all match one of the patterns.

    Raises:
        UsageError: a pattern matches no whole layer.
    """
    found: set[str] = set()
    for pattern in patterns:
        others = {layer_of(key) for key in state if not fnmatchcase(key, pattern)}
        layers = {layer_of(key) for key in state} - others
        if not layers:
            *_, last = state or ("",)
            raise UsageError(
                f"`--fresh {pattern}` matches no whole layer of the net; its last one is `{layer_of(last)}.*`"
            )
        found |= layers
    return frozenset(found)
