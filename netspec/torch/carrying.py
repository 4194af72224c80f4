"""Match tensors of two models by name, reshape them, and compare the outputs of both models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from netspec.net import Net
from netspec.torch.build import build, constructed
from netspec.torch.usage import NotFinite, Shapes
from netspec.torch.verify import example
from netspec.views.describe import plural, shape_text

_GENERIC: Final = frozenset({"weight", "bias", "running_mean", "running_var", "num_batches_tracked", "gamma", "beta"})
"""Names of tensors that do not identify the layer."""

_RELATIVE: Final = 1e-3
"""Outputs are equal up to rounding if their greatest difference is at most this share of the greatest value."""


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without axes of size 1."""
    return tuple(size for size in shape if size != 1)


def by_words(source: Shapes, target: Shapes, *, ordered: bool = True) -> dict[str, str]:
    """Match keys by the name of their layer: target key → source key.

    A name that occurs several times, as in the blocks of a network, is matched in order, if it occurs equally often and
    with the same shapes on both sides. Numbers are positions and not names.

    Args:
        source: shapes by key, in the source's order.
        target: shapes by key, in the net's order.
        ordered: False if the source's order carries no information; then only names that occur once are matched.
    """
    there, here = _grouped(source), _grouped(target)
    found: dict[str, str] = {}
    for word, keys in here.items():
        others = there.get(word, [])
        shapes = [squeezed(target[key]) for key in keys]
        if shapes == [squeezed(source[key]) for key in others] and (ordered or len(keys) == 1):
            found.update(zip(keys, others, strict=True))
    return found


def _grouped(shapes: Shapes) -> dict[tuple[str, str], list[str]]:
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for key in shapes:
        *path, name = key.split(".")
        word = (path[-1] if path else "", name) if name in _GENERIC else (name, "weight")
        if word[0] and not word[0].isdigit():
            groups[word].append(key)
    return groups


def by_keys(
    tensors: Mapping[str, Tensor], keys: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    """The tensors of a source under the net's keys and in the net's shapes.

    The proof of an import loads the weights of the module so, and so they are carried over afterwards: a parameter of
    which the program makes a view, as in `gamma[:, None]` or `table.view(2, 4)`, has the shape of that in the spec.

    Args:
        tensors: the source's tensors by key.
        keys: net key → source key.
        shapes: the net's shapes by key, of as many elements as the source's.
    """
    found = {own: tensors[key] for own, key in keys.items()}
    return {own: x if tuple(x.shape) == shapes[own] else x.reshape(shapes[own]) for own, x in found.items()}


def carried(
    tensors: Mapping[str, Tensor], origins: Mapping[str, str], shapes: Shapes, *, is_mapped: bool = False
) -> tuple[dict[str, Tensor], list[str]]:
    """Collect the state dict of the net from the tensors of the source.

    Args:
        tensors: the source's tensors by key.
        origins: net key → source key.
        shapes: the net's shapes by key.
        is_mapped: whether a map of keys says so, with which the axes of size 1 were proven.

    Returns:
        The state dict, and a remark for each tensor that was reshaped.

    Raises:
        NotFinite: a value is infinite or no number: nothing takes such weights.
    """
    notes: list[str] = []
    for key, origin in origins.items():
        _need_finite(tensors[origin], origin, key)
        there = tuple(tensors[origin].shape)
        if there != shapes[key] and not (is_mapped and squeezed(there) == squeezed(shapes[key])):
            notes.append(f"`{origin}` is {shape_text(there)}, and {shape_text(shapes[key])} in `{key}`")
    return by_keys(tensors, origins, shapes), notes


def _need_finite(tensor: Tensor, origin: str, key: str) -> None:
    if tensor.is_meta or not tensor.is_floating_point() or bool(tensor.isfinite().all()):
        return
    bad = int((~tensor.isfinite()).sum())
    told = f"`{origin}`" if origin == key else f"`{origin}`, which is `{key}` in the net,"
    raise NotFinite(
        f"{bad:,} of the {tensor.numel():,} values of {told} are not finite, and such weights can be neither trained "
        f"nor measured; take others, or leave that layer out with `--fresh '{key.rpartition('.')[0]}.*'`"
    )


def compare_outputs(
    source: nn.Module, net: Net, state: Mapping[str, Tensor], examples: tuple[Tensor, ...] | None
) -> str | None:
    """Run the source and the net with these weights in eval mode, and compare.

    Returns:
        None if the outputs are equal up to rounding, else what differs, or why they could not be compared.
    """
    model = build(net, device="meta")
    missing = [key for key in model.state_dict() if key not in state]
    if missing:
        return f"the net has no weights yet for {', '.join(f'`{key}`' for key in missing[:3])}"
    model.load_state_dict(dict(state), assign=True)
    _fill_unsaved(model, net, next((tensor.device for tensor in state.values()), torch.device("cpu")))
    inputs = _examples(net, source) if examples is None else examples
    try:
        with _evaluated(source), torch.no_grad():
            theirs: list[Any] = pytree.tree_leaves(source(*inputs))
        with torch.no_grad():
            ours: list[Any] = pytree.tree_leaves(model.eval()(*inputs))
    except (RuntimeError, NotImplementedError, ValueError, TypeError, IndexError) as error:
        return f"they could not be run: {next(iter(str(error).splitlines()), type(error).__name__)}"
    if len(theirs) != len(ours):
        return f"the source gives {plural(len(theirs), 'tensor')}, and the net {len(ours)}"
    for a, b in zip(theirs, ours, strict=True):
        if (difference := _difference(a, b)) is not None:
            return difference
    return None


def _fill_unsaved(model: nn.Module, net: Net, device: torch.device) -> None:
    """Give the buffers that no state dict has, and that a module on the meta device has without values, theirs."""
    for leaf in net.layers:
        module = model.get_submodule(leaf.path)
        hidden = {name for name, tensor in module.named_buffers() if tensor.is_meta}
        if hidden:
            fresh = dict(constructed(leaf.layer, leaf.call).named_buffers())
            for name in hidden:
                path, _, last = name.rpartition(".")
                setattr(module.get_submodule(path), last, fresh[name].to(device))


def _difference(theirs: Any, ours: Tensor) -> str | None:
    """How one output of the source differs from the net's; None where it does so only by rounding."""
    if not isinstance(theirs, Tensor):
        return f"the source gives {type(theirs).__name__}, which is no tensor"
    if theirs.shape != ours.shape:
        return f"the source gives {shape_text(tuple(theirs.shape))}, and the net {shape_text(tuple(ours.shape))}"
    largest, difference = float(theirs.abs().max()), float((theirs - ours).abs().max())
    if difference <= _RELATIVE * largest:
        return None
    return f"they differ by up to {difference:.3g}, and are {largest:.3g} at most"


def _examples(net: Net, source: nn.Module) -> tuple[Tensor, ...]:
    """One example of each input as the net takes it, on the source's device."""
    device = next((tensor.device for tensor in source.parameters()), torch.device("cpu"))
    return tuple(value.to(device) for value in example(net, 1, torch.Generator().manual_seed(0)))


@contextmanager
def _evaluated(module: nn.Module) -> Generator[None]:
    """Set a module to eval mode, and restore the mode of each of its modules afterwards."""
    modes = [(inner, inner.training) for inner in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for inner, training in modes:
            inner.training = training
