"""Functions that are given parameters, products of tensors, and attention."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, Final, cast

import torch

from netspec.capture.functions.arithmetic import combined, number_of
from netspec.capture.functions.blurs import blurred
from netspec.capture.functions.choosing import rows_of
from netspec.capture.functions.einsums import Equation, multiplied
from netspec.capture.functions.masks import Truth, masked, shown_by, truth_of
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import made
from netspec.capture.lowering.forms import Form, NoForm
from netspec.capture.lowering.lookups import rows_chosen
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.modules.binding import bound
from netspec.capture.modules.parametrized import standardized
from netspec.capture.running.named import named_modules


def _learned(value: Any, what: str) -> Traced:
    if not isinstance(value, Traced) or value.kind not in ("parameter", "buffer"):
        raise NoForm(f"its {what} is computed, and is no parameter of the module")
    return value


def _tuple(value: Any) -> tuple[Any, ...]:
    """Sizes as a tuple."""
    return tuple(cast("tuple[Any, ...]", value)) if isinstance(value, (tuple, list)) else (value,)


def _keys(**given: Any) -> dict[str, str]:
    """For each parameter of a layer its key in the module."""
    return {name: _learned(value, name).key for name, value in given.items() if value is not None}


def _linear(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input weight bias=None")
    source, factor = _scaled(lowering, given["weight"])
    if source.kind == "made":
        _computed_linear(lowering, call, given)
        return
    weight = _learned(source, "weight")
    value, form = lowering.anywhere(given["input"])
    if factor != 1:
        scaled = made(given["input"].shape, given["input"])
        lowering.add(call, "Scale", value, {"factor": factor}, form=form, gives=(scaled,))
        value = scaled
    if form.at == len(given["input"].shape) - 1:
        raise NoForm("the batch is its last axis")
    bias: Any = given["bias"]
    if isinstance(bias, Traced) and bias.kind not in ("parameter", "buffer"):  # computed: it is added
        between = made(call.results[0].shape, call.results[0])
        arguments = {"out_features": weight.shape[0], "bias": False}
        lowering.layered(call, "Linear", value, arguments, form=form, keys=_keys(weight=weight), gives=(between,))
        combined(lowering, call, "+", between, bias)
        return
    arguments = {"out_features": weight.shape[0], "bias": bias is not None}
    lowering.layered(call, "Linear", value, arguments, form=form, keys=_keys(weight=weight, bias=bias))


def _computed_linear(lowering: Lowering, call: TracedCall, given: dict[str, Any]) -> None:
    """A product with a weight that is computed of parameters."""
    result, operands = call.results[0], (given["input"], given["weight"])
    axes = "abcefghijk"[: len(result.shape) - 1]
    equation = Equation([f"{axes}d", "od"], f"{axes}o")
    if given["bias"] is None:
        multiplied(lowering, call, operands, equation)
        return
    between = made(result.shape, result)
    multiplied(lowering, replace(call, results=[between]), operands, equation)
    combined(lowering, call, "+", between, given["bias"])


def _convolution(axes: int) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, "input weight bias=None stride=1 padding=0 dilation=1 groups=1")
        if blurred(lowering, call, given):
            return
        computed = standardized(given["weight"]) if given["weight"].kind == "made" else None
        source, factor = (given["weight"], 1) if computed is not None else _scaled(lowering, given["weight"])
        given["weight"] = source
        weight = _learned(given["weight"], "weight") if computed is None else computed.weight
        arguments = {name: given[name] for name in ("stride", "padding", "dilation", "groups")}
        arguments |= {
            "out_channels": weight.shape[0],
            "kernel_size": weight.shape[2:],
            "bias": given["bias"] is not None,
        }
        more: dict[str, Any] = {"keys": _keys(weight=weight, bias=given["bias"])}
        if computed is not None:
            more["keys"] = {**_keys(bias=given["bias"]), **computed.keys}
            more |= {"options": {"parametrize": computed.option}, "path": weight.key.rpartition(".")[0]}
        value = lowering.taken(given["input"])
        if factor != 1:
            scaled = made(given["input"].shape, given["input"])
            lowering.add(call, "Scale", value, {"factor": factor}, gives=(scaled,))
            value = scaled
        lowering.layered(call, f"Conv{axes}d", value, arguments, **more)

    return handle


def _scaled(lowering: Lowering, weight: Traced) -> tuple[Traced, float]:
    """What a weight is a number times of, and the number; of others the weight and 1."""
    maker = weight.maker
    if maker is None or maker.name not in ("mul", "__mul__", "__rmul__", "multiply") or len(maker.args) != 2:
        return weight, 1
    for one, other in (maker.args, maker.args[::-1]):
        number = number_of(lowering, other)
        if isinstance(one, Traced) and one.kind == "parameter" and number is not None:
            return one, number
    return weight, 1


def _batch_norm(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input running_mean running_var weight=None bias=None training=False momentum=0.1 eps=1e-5")
    if not given["input"].varies:
        raise NoForm("it takes mean and variance of what no input decides")
    tracked = given["running_mean"] is not None
    steady = lowering.is_steady(call) and not given["training"]
    if tracked and bool(given["training"]) != lowering.trace.training and not steady:
        raise NoForm("it uses the statistics of the batch always, or never, whatever the mode of the module")
    value = lowering.taken(given["input"])
    axes = max(len(value.shape) - 2, 1)
    keys = _keys(**{name: given[name] for name in ("weight", "bias", "running_mean", "running_var")})
    if tracked:
        counter = keys["running_mean"].removesuffix("running_mean") + "num_batches_tracked"
        if counter in dict(lowering.trace.root.module.named_buffers()):
            keys["num_batches_tracked"] = counter
    arguments = {
        "eps": given["eps"],
        "momentum": given["momentum"],
        "affine": given["weight"] is not None,
        "track_running_stats": tracked,
    }
    more = {"keys": keys, "keeps_statistics": tracked, "is_steady": tracked and steady}
    lowering.layered(call, f"BatchNorm{axes}d", value, arguments, **more)


def _layer_norm(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input normalized_shape weight=None bias=None eps=1e-5")
    value, form = lowering.anywhere(given["input"])
    sizes = given["normalized_shape"]
    axes = len(_tuple(sizes))
    if form.at >= len(given["input"].shape) - axes:
        raise NoForm("it normalises over the batch")
    affine = given["weight"] is not None
    arguments: dict[str, Any] = {"eps": given["eps"], "elementwise_affine": affine}
    if affine:
        arguments["bias"] = given["bias"] is not None
    if axes > 1:
        arguments["normalized_shape"] = _tuple(sizes)
    keys = _keys(weight=given["weight"], bias=given["bias"])
    lowering.layered(call, "LayerNorm", value, arguments, form=form, keys=keys)


def _rms_norm(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input normalized_shape weight=None eps=None")
    value, form = lowering.anywhere(given["input"])
    sizes = given["normalized_shape"]
    axes = len(_tuple(sizes))
    if axes > 1 or form.at >= len(given["input"].shape) - axes:
        raise NoForm("it normalises over several axes, or over the batch")
    arguments = {"eps": given["eps"], "elementwise_affine": given["weight"] is not None}
    lowering.layered(call, "RMSNorm", value, arguments, form=form, keys=_keys(weight=given["weight"]))


def _group_norm(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input num_groups weight=None bias=None eps=1e-5")
    arguments = {"num_groups": given["num_groups"], "eps": given["eps"], "affine": given["weight"] is not None}
    keys = _keys(weight=given["weight"], bias=given["bias"])
    lowering.layered(call, "GroupNorm", lowering.taken(given["input"]), arguments, keys=keys)


def _instance_norm(lowering: Lowering, call: TracedCall) -> None:
    given = bound(
        call,
        "input running_mean=None running_var=None weight=None bias=None use_input_stats=True momentum=0.1 eps=1e-5",
    )
    if given["running_mean"] is not None or not given["use_input_stats"]:
        raise NoForm("`instance_norm` with statistics that are kept has no form in a spec: `nn.InstanceNorm2d` has")
    value, keys = lowering.taken(given["input"]), _keys(weight=given["weight"], bias=given["bias"])
    arguments = {"eps": given["eps"], "affine": given["weight"] is not None}
    lowering.layered(call, f"InstanceNorm{len(value.shape) - 2}d", value, arguments, keys=keys)


def _prelu(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input weight")
    weight = _learned(given["weight"], "weight")
    arguments = {"num_parameters": prod(weight.shape)}
    lowering.layered(call, "PReLU", lowering.taken(given["input"]), arguments, keys=_keys(weight=weight))


def _embedding(lowering: Lowering, call: TracedCall) -> None:
    given = bound(
        call, "input weight padding_idx=None max_norm=None norm_type=2.0 scale_grad_by_freq=False sparse=False"
    )
    weight = _learned(given["weight"], "weight")
    if rows_chosen(lowering, call, weight, given["input"]):
        return
    padding = given["padding_idx"]
    rows_of(lowering, call, weight, given["input"], **({} if padding in (None, -1) else {"padding_idx": padding}))


def _attention(lowering: Lowering, call: TracedCall) -> None:
    """`scaled_dot_product_attention` of heads. Its result has them as an axis; `attend` puts them side by side."""
    given = bound(call, "query key value attn_mask=None dropout_p=0.0 is_causal=False scale=None enable_gqa=False")
    result = call.results[0]
    mask = given["attn_mask"]
    if len(result.shape) != 4 or (mask is not None and mask.dtype != "bool"):
        _attention_by_steps(lowering, call, given)
        return
    query, key, value = (lowering.taken(given[name]) for name in ("query", "key", "value"))
    options: dict[str, Any] = {}
    if mask is not None:
        shown = shown_by(lowering, call, mask, (*query.shape[:-1], key.shape[-2]))
        options |= shown.options
        for buffer in shown.buffers:
            lowering.items.append(buffer)
            lowering.forms[buffer.gives[0]] = Form()
    if given["enable_gqa"]:
        options["kv_heads"] = given["key"].shape[1]
    if given["is_causal"]:
        options["is_causal"] = True
    if given["scale"] is not None and given["scale"] != given["query"].shape[-1] ** -0.5:
        options["scale"] = given["scale"]
    if given["dropout_p"]:
        options["dropout"] = given["dropout_p"]
        lowering.draws_for_each(call)
    batch, heads, length, size = result.shape
    flat = made((batch, length, heads * size), result)
    lowering.add(call, "attend", None, branches=(query, key, value), options=options, gives=(flat,))
    lowering.move(
        flat, result, lambda layout: (layout.reshaped((batch, length, heads, size)), layout.permuted((0, 2, 1, 3)))[0]
    )


def _attention_by_steps(lowering: Lowering, call: TracedCall, given: dict[str, Any]) -> None:
    """Attention with numbers added to its scores, or in windows, as products, a softmax and a product."""
    query, key, value, mask = (given[name] for name in ("query", "key", "value", "attn_mask"))
    if given["enable_gqa"]:
        raise NoForm("attention of groups in windows, or with numbers added to its scores, has no form yet")
    found = [lowering.anywhere(each) for each in (query, key, value)]
    form = found[0][1]
    rank = len(query.shape)
    if any(other != form for _, other in found) or form.at >= rank - 2 or query.shape[:-2] != key.shape[:-2]:
        raise NoForm("the batch is not in the same place in query, key and value")
    front = " ".join(("n", *"habcefg"[: rank - 3 + len(form.inner)]))
    scale = given["scale"] if given["scale"] is not None else query.shape[-1] ** -0.5
    shape = (*query.shape[:-1], key.shape[-2])
    scaled = made(query.shape, query)
    lowering.add(call, "Scale", found[0][0], {"factor": scale}, form=form, gives=(scaled,))
    scores = made(shape, query)
    options = {"pattern": f"{front} i d, {front} j d -> {front} i j"}
    lowering.add(call, "einsum", None, branches=(scaled, found[1][0]), options=options, form=form, gives=(scores,))
    if mask is not None or given["is_causal"]:
        after = made(shape, query)
        part = TracedCall(None, None, "", (), {}, call.place, [after])
        if mask is not None and mask.dtype != "bool":
            combined(lowering, part, "+", scores, mask)
        else:
            truth = Truth(torch.ones(shape[-2:], dtype=torch.bool).tril()) if mask is None else truth_of(lowering, mask)
            masked(lowering, part, scores, truth._replace(is_opposite=not truth.is_opposite))
        scores = after
    weights = made(shape, query)
    lowering.add(call, "Softmax", lowering.find(scores), {"dim": -1}, form=form, gives=(weights,))
    if given["dropout_p"]:
        lowering.draws_for_each(call)
        before, weights = weights, made(shape, query)
        lowering.layered(call, "Dropout", before, {"p": given["dropout_p"]}, form=form, gives=(weights,))
    options = {"pattern": f"{front} i j, {front} j d -> {front} i d"}
    lowering.add(call, "einsum", None, branches=(weights, found[2][0]), options=options, form=form)


def _multi_head(lowering: Lowering, call: TracedCall) -> None:
    """`multi_head_attention_forward`, which `nn.MultiheadAttention` calls with the batch in second place."""
    names = (
        "query key value embed_dim_to_check num_heads in_proj_weight in_proj_bias bias_k bias_v add_zero_attn "
        "dropout_p out_proj_weight out_proj_bias training=True key_padding_mask=None need_weights=True attn_mask=None "
        "use_separate_proj_weight=False q_proj_weight=None k_proj_weight=None v_proj_weight=None static_k=None "
        "static_v=None average_attn_weights=True is_causal=False"
    )
    given = bound(call, names)
    refused = ("bias_k", "bias_v", "key_padding_mask", "attn_mask", "static_k", "static_v")
    if any(given[name] is not None for name in refused) or given["add_zero_attn"] or given["use_separate_proj_weight"]:
        raise NoForm("`MultiheadAttention` with a mask, with keys of its own or with separate widths has no form yet")
    weight = _learned(given["in_proj_weight"], "weight")
    prefix = weight.key.removesuffix("in_proj_weight")
    keys = {"in_proj_weight": weight.key}
    if given["in_proj_bias"] is not None:
        keys["in_proj_bias"] = given["in_proj_bias"].key
    for name in ("weight", "bias"):
        if given[f"out_proj_{name}"] is not None:
            keys[f"out_proj.{name}"] = f"{prefix}out_proj.{name}"
    found = [lowering.anywhere(given[name]) for name in ("query", "key", "value")]
    if any(form != Form(1) for _, form in found):
        raise NoForm("the batch is not the second axis of query, key and value")
    values = [lowering.find(value) for value, _ in found]
    module = named_modules(lowering.trace.root.module)[prefix.removesuffix(".")]
    arguments = {
        "num_heads": given["num_heads"],
        "dropout": float(getattr(module, "dropout", 0.0)),
        "bias": given["in_proj_bias"] is not None,
    }
    call.results[:] = call.results[:1]
    if values[0] is values[1] is values[2]:
        lowering.layered(call, "SelfAttention", values[0], arguments, form=Form(1), keys=keys)
        return
    reads = {"key": (values[1],), "value": (values[2],)}
    lowering.layered(call, "MultiheadAttention", values[0], arguments, form=Form(1), keys=keys, reads=reads)


HANDLERS: Final[dict[str, Handler]] = {
    "linear": _linear,
    "conv1d": _convolution(1),
    "conv2d": _convolution(2),
    "conv3d": _convolution(3),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "embedding": _embedding,
    "instance_norm": _instance_norm,
    "prelu": _prelu,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head,
}
