"""torch's transformers as layers: their arguments, and the masks that they are given."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import torch
from torch import nn

from netspec.capture.functions.masks import Truth, left_out, true_value, truth_of
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.lowering.forms import Form, NoForm
from netspec.capture.lowering.lookups import numbers_of
from netspec.capture.lowering.lowering import LayerHandler, Lowering
from netspec.capture.modules import layers
from netspec.capture.modules.binding import bound
from netspec.layers.base import Layer

# ---- masks


def mask_of(lowering: Lowering, value: Any) -> tuple[bool, Traced | None]:
    """Of queries and keys: whether it hides what comes later and nothing else, and the value in the spec if not."""
    if value is None:
        return False, None
    if value.varies:
        raise NoForm("a mask of queries and keys that an input decides has no form yet")
    numbers = numbers_of(lowering, value)
    if numbers is None or numbers.dim() != 2:
        raise NoForm("a mask of queries and keys that is no matrix of numbers has no form yet")
    hidden = numbers if numbers.dtype == torch.bool else numbers == float("-inf")
    if numbers.dtype != torch.bool and bool((numbers.masked_fill(hidden, 0) != 0).any()):
        return False, lowering.constant(value, (1, *value.shape))
    left_out(lowering, value)
    if torch.equal(hidden, torch.ones_like(hidden).triu(1)):
        return True, None
    told = Traced("numbers", tuple(hidden.shape), "bool", tensor=hidden)
    return False, lowering.constant(told, (1, *told.shape))


class Padding(NamedTuple):
    """Which keys of each example take part, by an input of truth values."""

    hidden: Traced | None = None
    """True where a key takes no part, as torch's layers take it."""
    shown: Traced | None = None
    """True where it takes part, of which a program gives them the opposite."""


def padding_of(lowering: Lowering, value: Any) -> Padding:
    """What a `key_padding_mask` says.

    Raises:
        NoForm: it is made of something else than one input of truth values.
    """
    if value is None:
        return Padding()
    value = lowering.hidden.get(value, value)
    if not value.varies or value.dtype != "bool":
        raise NoForm("a `key_padding_mask` that is no truth value of an input has no form yet")
    truth = truth_of(lowering, value)
    if truth.numbers is not None or len(truth.values) != 1:
        raise NoForm("a `key_padding_mask` of several masks has no form: give the module the whole as one input")
    found = lowering.taken(truth.values[0])
    return Padding(shown=found) if truth.is_opposite else Padding(hidden=found)


def _hidden_by(lowering: Lowering, call: TracedCall, padding: Padding) -> Traced | None:
    """What says which keys take no part, as torch's layers take it."""
    if padding.shown is None:
        return padding.hidden
    return true_value(lowering, call, Truth(None, (padding.shown,), is_opposite=True))


def sequence(lowering: Lowering, value: Any, *, batch_first: bool) -> Traced:
    """A sequence in a spec; a program may have the batch in second place."""
    ready, form = lowering.anywhere(value)
    if len(value.shape) != 3 or (value.varies and form != Form(0 if batch_first else 1)):
        first, other = ("first", "True") if batch_first else ("second", "False")
        raise NoForm(f"with `batch_first={other}` the batch is the {first} axis of what it takes, and here it is not")
    return ready


# ---- calls

_ATTENTION: Final = (
    "query key value key_padding_mask=None need_weights=True attn_mask=None average_attn_weights=True is_causal=False"
)
_FORWARD: Final = {
    "TransformerEncoderLayer": "src src_mask=None src_key_padding_mask=None is_causal=False",
    "TransformerEncoder": "src mask=None src_key_padding_mask=None is_causal=None",
    "TransformerDecoderLayer": "tgt memory tgt_mask=None memory_mask=None tgt_key_padding_mask=None "
    "memory_key_padding_mask=None tgt_is_causal=False memory_is_causal=False",
    "TransformerDecoder": "tgt memory tgt_mask=None memory_mask=None tgt_key_padding_mask=None "
    "memory_key_padding_mask=None tgt_is_causal=None memory_is_causal=False",
    "Transformer": "src tgt src_mask=None tgt_mask=None memory_mask=None src_key_padding_mask=None "
    "tgt_key_padding_mask=None memory_key_padding_mask=None src_is_causal=None tgt_is_causal=None "
    "memory_is_causal=False",
}
_CAUSAL: Final = {
    "src_mask": "src_is_causal", "mask": "is_causal", "tgt_mask": "tgt_is_causal", "memory_mask": "memory_is_causal",
}  # fmt: skip
"""For each mask the argument that says the same of later positions."""


def _attention(lowering: Lowering, call: TracedCall, layer: Layer, more: dict[str, Any]) -> None:
    """`nn.MultiheadAttention` of a sequence on itself or on another."""
    if not isinstance(call.layer, nn.MultiheadAttention):  # netspec's own, with a mask in which True takes part
        own = bound(call, "query mask=None bias=None")
        reads = {name: (lowering.taken(own[name]),) for name in ("mask", "bias") if own[name] is not None}
        takes, arguments = lowering.taken(own["query"]), layers.written(layer)
        if "bias" in reads and arguments.pop("bias", True) is False:  # the word says what is added to the scores
            arguments |= {"qkv_bias": False, "out_bias": False}
        lowering.add(call, "SelfAttention", takes, arguments, reads=reads, **more)
        return
    given = bound(call, _ATTENTION)
    first = _batch_first(call.layer)
    taken = (given.get(name, given["query"]) for name in ("query", "key", "value"))  # netspec's own layer takes one
    query, key, value = (sequence(lowering, one, batch_first=first) for one in taken)
    causal, mask = mask_of(lowering, given["attn_mask"])
    if given["is_causal"] and not causal:
        raise NoForm("`is_causal` stands beside a mask that says something else")
    padding = padding_of(lowering, given["key_padding_mask"])
    call.results[:] = call.results[:1]
    arguments = layers.written(layer)
    form = Form(0 if first else 1)
    if query is key is value and mask is None and padding.hidden is None:
        more["gives"] = tuple(call.results)
        found = arguments | ({"is_causal": True} if causal else {})
        shown = {} if padding.shown is None else {"mask": (padding.shown,)}
        lowering.add(call, "SelfAttention", query, found, reads=shown, form=form, **more)
        return
    hidden_keys = _hidden_by(lowering, call, padding)
    reads = {"key": key, "value": value, "key_padding_mask": hidden_keys, "attn_mask": mask}
    if causal:
        hidden = torch.ones(given["attn_mask"].shape, dtype=torch.bool).triu(1)
        reads["attn_mask"] = lowering.constant(
            Traced("numbers", tuple(hidden.shape), "bool", tensor=hidden), (1, *hidden.shape)
        )
    found = {name: (value,) for name, value in reads.items() if value is not None}
    lowering.add(call, "MultiheadAttention", query, arguments, reads=found, form=form, **more)


def _transformer(lowering: Lowering, call: TracedCall, layer: Layer, more: dict[str, Any]) -> None:
    """A transformer, or an encoder, a decoder, or a layer of one."""
    name = type(layer).__name__
    given = bound(call, _FORWARD[name])
    first = _batch_first(call.layer)
    takes = sequence(lowering, given["src" if "src" in given else "tgt"], batch_first=first)
    reads: dict[str, tuple[Traced, ...]] = {}
    for beside in ("memory",) if "memory" in given else ("tgt",) if "src" in given and "tgt" in given else ():
        reads[beside] = (sequence(lowering, given[beside], batch_first=first),)
    causal: dict[str, bool] = {}
    for mask, flag in _CAUSAL.items():
        if mask not in given:
            continue
        flag = flag if flag in given else "is_causal"
        causal[flag], value = mask_of(lowering, given[mask])
        if given[flag] and not causal[flag]:
            raise NoForm(f"`{flag}` stands beside a mask that says something else, or none")
        if causal.get("memory_is_causal"):
            raise NoForm("`memory` that is hidden from later positions has no form yet")
        if value is not None:
            reads[mask] = (value,)
    for padding in ("src_key_padding_mask", "tgt_key_padding_mask", "memory_key_padding_mask"):
        hidden = _hidden_by(lowering, call, padding_of(lowering, given.get(padding)))
        if hidden is not None:
            reads[padding] = (hidden,)
    layer = _with_flags(layer, [flag for flag, is_given in causal.items() if is_given])
    lowering.add(call, name, takes, layers.written(layer), reads=reads, form=Form(0 if first else 1), **more)


def _with_flags(layer: Layer, flags: list[str]) -> Layer:
    """The layer that hides later positions."""
    inner = next((name for name in ("encoder_layer", "decoder_layer") if hasattr(layer, name)), None)
    if inner is None:
        return layer.model_copy(update=dict.fromkeys(flags, True))
    return layer.model_copy(update={inner: _with_flags(getattr(layer, inner), flags)})


def _batch_first(module: Any) -> bool:
    """Whether the batch of what a module takes is the first axis."""
    for part in module.modules():
        if isinstance(part, nn.MultiheadAttention):
            return part.batch_first
    return True


TRANSFORMERS: Final[dict[str, LayerHandler]] = {
    "SelfAttention": _attention,
    **dict.fromkeys(_FORWARD, _transformer),
}
