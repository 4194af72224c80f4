"""What is meant by a call or a head that other libraries know, and this language writes in another form."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from netspec.combinators import COMBINATORS, joining_class
from netspec.diagnostics import did_you_mean
from netspec.expressions import Called, ExpressionError, parse
from netspec.expressions.functions import FUNCTIONS
from netspec.language.aliases import meant_by
from netspec.language.words import loop_names, module_named
from netspec.layers import MODULE_OF, layer_class
from netspec.meant import no_argument
from netspec.text.source import ListNode, MapNode, Node, ScalarNode

if TYPE_CHECKING:
    from netspec.language.spec import Spec
    from netspec.language.values import ValueNames

_PRODUCT: Final = "`{einsum: [a, b], pattern: 'n i k, n k j -> n i j'}` is an item that multiplies values as matrices"
_SHAPE: Final = "layers change a shape: `Flatten`, `Unflatten: {dim: 1, unflattened_size: [8, 8]}`, `Rearrange`"
_ORDER: Final = "a layer reorders axes: `Rearrange: n a b -> n b a`"
_ONES: Final = (
    "a layer adds and takes away axes of size 1, all others named: `Rearrange: n a b -> n 1 a b` puts one in front "
    "of two axes, `Rearrange: n a 1 -> n a` takes the last one away"
)
_PARTS: Final = (
    "a layer takes a part: `Slice: {dim: 1, end: 8}`; `split: 2` beside `concat` gives each branch its chunk"
)
_SIZES: Final = "`in_shape`, `in_channels` and `in_features` are the sizes of what stands here"
_ARITHMETIC: Final = {
    "+": "add plus",
    "-": "sub subtract minus",
    "*": "mul multiply times prod",
    "/": "div divide true_divide truediv",
    "**": "pow power",
}
_TERMS: Final = {"neg": "-{0}", "negative": "-{0}", "square": "{0} ** 2", "sqrt": "{0} ** 0.5", "rsqrt": "{0} ** -0.5",
                 "reciprocal": "1 / {0}", "float": "{0} * 1.0"}  # fmt: skip
_WORDS: Final = {
    _PRODUCT: "matmul bmm mm dot tensordot inner outer addmm baddbmm batch_dot",
    _SHAPE: "view reshape view_as ravel",
    _ORDER: "permute transpose swapaxes swapdims movedim moveaxis t T mT",
    _ONES: "unsqueeze squeeze expand_dims",
    _PARTS: "chunk split tensor_split narrow",
    _SIZES: "size shape",
}
_LAYERS: Final = {
    "maximum": "Clamp",
    "minimum": "Clamp",
    "clip": "Clamp",
    "amax": "Max",
    "amin": "Min",
    "interpolate": "Upsample",
    "pad": "ConstantPad2d",
}
_BETWEEN: Final = {"max": "Max", "maximum": "Max", "min": "Min", "minimum": "Min", "mean": "Mean"}
"""What reduces a stack of several values to one of their shape, element by element."""
_CHOICE: Final = "`{when: deep, do: [ReLU]}` is an item, and `{when: not deep, do: [GELU]}` one for the other case"
_ROUNDS: Final = "`{repeat: 3, do: [ReLU]}` is an item, and so is `{for: 'i in range(3)', do: [Linear: 8 * (i + 1)]}`"
BODIES: Final = ("body", "layers", "main", "branch", "block", "path", "do", "modules", "branches", "inner", "fn")
"""Keys under which others put the layers of a residual and its like."""
NAMES: Final = ("save", "store", "name_as", "remember", "keep", "mark", "checkpoint", "skip", "push")
"""Words by which others give a name to what stands in a place."""
_HEADS: Final = {
    "from": "an item takes what stands in front of it: `use: x` lets the value `x` stand there",
    "share": "`shared: name` beside each of several items makes them one module",
    "seblock": (
        "squeeze and excitation of 16 channels is `gate: [{AdaptiveAvgPool2d: 1}, {Conv2d: {out_channels: 4, "
        "kernel_size: 1}}, ReLU, {Conv2d: {out_channels: 16, kernel_size: 1}}, Sigmoid]`"
    ),
    "attention": (
        "`SelfAttention: {num_heads: 4}` is a layer with its projections; `attend: [q, k, v]`, with `heads: 4` beside "
        "it, is attention of three values alone"
    ),
    "timedistributed": "a layer along the last axis is applied at each position of the others: write it alone",
    "return": "the value behind the last item is what a list gives; `output` says another",
    "input": "`use: x` lets the input `x` stand here; `input` stands at the top of a spec",
    "register_parameter": "`Parameter: [1, 64]` is a learned tensor of this shape",
    "register_buffer": "`Buffer: [0, 1, 2]` is a tensor of numbers, and so is `Buffer: range(3)`",
    "arange": "`Buffer: range(8)` is a tensor of these numbers",
    "linspace": '`Buffer: "[i / 7 for i in range(8)]"` is a tensor of these numbers',
    "weight_norm": "`parametrize: weight_norm` stands beside the layer whose weight it is about",
    "spectral_norm": "`parametrize: spectral_norm` stands beside the layer whose weight it is about",
    "stdconv2d": "`parametrize: weight_standardization` beside a `Conv2d` standardises its weight",
    "scaledstdconv2d": "`parametrize: {weight_standardization: {gain: true}}` beside a `Conv2d` is timm's layer",
    "if": _CHOICE,
    "else": _CHOICE,
    "elif": _CHOICE,
    "switch": _CHOICE,
    "loop": _ROUNDS,
    "foreach": _ROUNDS,
    "while": f"a spec runs no code, so the number of rounds is known before: {_ROUNDS}",
    **dict.fromkeys(NAMES, "`as: x` names the value that stands here, and `add: [[], x]` adds it to a later one"),
    "lambda": "a spec holds no code: arithmetic stands in a `use`, as in `use: x * 2`",
}
_HEAD: Final = {
    "se": "seblock", "selayer": "seblock", "squeezeexcite": "seblock", "squeezeexcitation": "seblock",
}  # fmt: skip
"""Other names of the same heads."""
_OPPOSITE: Final = (
    "`mask` is the opposite of torch's `key_padding_mask`: True takes part, as in scaled_dot_product_attention; give "
    "it a value that says so"
)
_BESIDE: Final = {word: f"`parametrize: {word}` stands beside the layer whose weight it is about"
                  for word in ("weight_norm", "spectral_norm", "weight_standardization")} | {
    "activation": "an activation is a layer, an item behind this one: `- ReLU`"
}  # fmt: skip
"""What to write instead of an option that there is not."""
_OPTIONS: Final = {
    "if": ("when",),
    "times": ("repeat",),
    "count": ("repeat",),
    "save": ("as",),
    "axis": ("dim",),
    "axes": ("dim",),
    "equation": ("pattern",),
    "expr": ("pattern",),
    "subscripts": ("pattern",),
    "chunks": ("split",),
    "skip": ("shortcut",),
    "downsample": ("shortcut",),
    "num_heads": ("heads",),
    "nhead": ("heads",),
    "num_attention_heads": ("heads",),
    "n_heads": ("heads",),
    "n_head": ("heads",),
    "num_kv_heads": ("kv_heads",),
    "num_key_value_heads": ("kv_heads",),
    "n_kv_heads": ("kv_heads",),
    "attention_dropout": ("dropout",),
    "sliding_window": ("window",),
    "causal": ("is_causal",),
    "attn_mask": ("mask",),
    "attn_bias": ("bias",),
    "top_k": ("top",),
    "topk": ("top",),
    "num_experts_per_tok": ("top",),
    "body": ("do",),
    "layers": ("do",),
    "then": ("do",),
    "dropout_p": ("dropout",),
}
_OF_EXPERTS: Final = ("experts", "num_experts", "n_experts", "num_local_experts", "count", "n")
_EXPERTS: Final = "there are as many experts as branches: `mixture: {repeat: 8, do: […]}` has eight"
_NO_FUNCTION: Final = (
    "arithmetic over values has `+ - * / **` and parentheses; what else is computed of a value is a layer, and "
    "`netspec explain` lists them"
)
_OPERATORS: Final = {name: op for op, names in _ARITHMETIC.items() for name in names.split()}
_ADVICE: Final = {name: advice for advice, names in _WORDS.items() for name in names.split()}


def instead_of_call(called: Called, blocks: Collection[str], values: Collection[str]) -> str | None:
    """How this language writes a call such as `softmax(h)`, `F.relu(h)` or `h.mean(1)`; None if nothing is known.

    Args:
        called: the call.
        blocks: the names of the spec's blocks.
        values: the names of values of the network where the call stands.
    """
    name = called.name
    of = _operand(called, values)
    if name in blocks:
        return f"a block is an item: `- {name}: {'[…]' if of is None else f'[{of}]'}`"
    if (word := _combinator(name)) is not None:
        inside = (
            called.argument
            if called.argument is not None and called.argument.startswith("[")
            else joining_class(word).operands
        )
        return f"`{word}` is an item: `- {word}: {inside}`"
    if name in _TERMS and of is not None:
        return f"arithmetic says it: `{_TERMS[name].format(_closed(of))}`"
    if (reduction := _BETWEEN.get(name)) is not None and len(several := _operands(called, values)) > 1:
        stacked = ", ".join(several)
        return f"two items say it of several values: `- stack: [{stacked}]`, and behind it `- {reduction}: 1`"
    own = name.lower() in (layer.lower() for layer in MODULE_OF)
    if not own and (told := _told(name)) is not None:
        return told
    layer = _LAYERS.get(name) or meant_by(name, 2) or meant_by(name.replace("_", ""), 2)
    if layer is None and of is not None and name not in FUNCTIONS and (layer := did_you_mean(name, MODULE_OF)) is None:
        return _NO_FUNCTION
    if layer is None or layer not in MODULE_OF:
        return None
    before = "" if of is None else f"`- use: {of}`, and behind it "
    return f"a layer is an item of its own: {before}`- {_written(layer)}`"


def instead_of_head(text: str, values: Collection[str]) -> str | None:
    """How this language writes the head of an item that others write as `sub`, `torch.matmul` or `y = a * 2`."""
    if (into := added(text, values)) is not None:
        return f"`add: [[], {into}]` adds `{into}` to what stands here, which needs no name"
    assigned = re.fullmatch(r"\s*([^\W\d][\w, ]*?)\s*=(?!=)\s*(.+)", text, re.DOTALL)
    term = assigned[2] if assigned else text
    if (other := re.fullmatch(r"\s*(?:(\w+)\s*\+\s*\[\]|\[\]\s*\+\s*(\w+))\s*", term)) is not None:
        return f"`add: [{f'{other[1]}, []' if other[1] else f'[], {other[2]}'}]` adds it to what stands here"
    if re.search(r"[-+*/]", term) and _is_arithmetic(term, values):
        item = f"{{use: {term}, as: {assigned[1]}}}" if assigned else f"use: {term}"
        return f"arithmetic stands in a `use`: `{item}`"
    if assigned:
        return "nothing is assigned here: `as` beside an item names what it gives, as in `{Linear: 8, as: y}`"
    name = text.rpartition(".")[2]
    if (name != text or "_" in name) and (word := _combinator(name)) is not None:
        return f"did you mean `{word}`? For example `{word}: {joining_class(word).operands}`"
    begun = re.match(r"(?:if|elif|else|switch|loop|foreach|while)\b(?=\s*\S)", text)  # `if n > 2`
    meant = begun[0] if begun else _HEAD.get(name.lower(), name.lower())
    return _told(name) or _told(name.lower()) or _HEADS.get(meant) or _HEADS.get(meant.replace("_", ""))


_OFTEN: Final = (
    r"(?P<item>[^\W\d][\w.]*)\s*(?:[x×*]\s*(?P<a>\d+)|[(\[]\s*[x×*]?\s*(?P<b>\d+)\s*(?:[x×*]|times)\s*[)\]]"
    r"|[(\[]\s*[x×*]\s*(?P<c>\d+)\s*[)\]]|,?\s+(?P<d>\d+)\s*(?:[x×]|times))"
    r"|(?P<e>\d+)\s*[x×*]\s*(?P<behind>[^\W\d][\w.]*)"
)


def repeated_head(text: str) -> tuple[str, str] | None:
    """The item, and how often it is to stand there, of a head such as `ReLU x 3`, `ReLU (x3)` and `3 x ReLU`."""
    found = re.fullmatch(_OFTEN, text)
    if found is None:
        return None
    return found["item"] or found["behind"], next(found[group] for group in "abcde" if found[group])


def added(text: str, values: Collection[str]) -> str | None:
    """The value that `out += x` and `out = out + x` add to what stands here, where `out` names no value."""
    found = re.fullmatch(r"\s*([^\W\d]\w*)\s*(?:\+=|=\s*\1\s*\+)\s*([^\W\d]\w*)\s*", text)
    return found[2] if found is not None and found[1] not in values and found[2] in values else None


def part_of(text: str) -> tuple[str, str] | None:
    """The name and the item that takes the part, of `x[:, 0]`, `x[:, -1, :]`, `x[..., 0]` or `x[:, 1:]` as numpy has
    it, the batch first; None if it is none."""
    found = re.fullmatch(
        r"([^\W\d]\w*)\[\s*(\.\.\.\s*,\s*|(?::\s*,\s*)+)(-?\d+|-?\d*:-?\d*)\s*((?:,\s*:\s*)*)(,\s*\.\.\.\s*)?\]",
        text.strip(),
    )
    if found is None or (found[2].startswith("...") and (found[4] or found[5])):
        return None
    dim, at = -1 if found[2].startswith("...") else found[2].count(":"), found[3]
    if ":" not in at:
        return found[1], f"Select: {{dim: {dim}, index: {at}}}"
    start, _, end = at.partition(":")
    given = [f"{key}: {number}" for key, number in (("start", start), ("end", end)) if number]
    return (found[1], f"Slice: {{{', '.join([f'dim: {dim}', *given])}}}") if given else None


def instead_of_row(node: ListNode) -> str | None:
    """How this language writes a row of YOLO's tables, `[-1, 1, Conv, [64, 3, 2]]`: where from, how often, what."""
    if len(node.items) != 4 or not isinstance(node.items[2], ScalarNode) or not isinstance(node.items[3], ListNode):
        return None
    often, module, given = node.items[1], node.items[2].text.rpartition(".")[2], node.items[3].items
    numbers = [one.value for one in given if isinstance(one, ScalarNode) and isinstance(one.value, int)]
    if not isinstance(often, ScalarNode) or not isinstance(often.value, int):
        return None
    if (word := _combinator(module.lower())) is not None:
        return f"`{word}: [[], x]` is the item, where `as: x` stands beside the other one that it takes"
    if module in ("Conv", "ConvBNSiLU") and numbers:
        out, kernel, stride = [*numbers, *(1, 1)[max(0, len(numbers) - 1) :]][:3]
        text = f"Conv2d: {{out_channels: {out}, kernel_size: {kernel}, stride: {stride}, padding: {kernel // 2}, bias: "
        told = f"`{text}false}}`, `BatchNorm2d` and `SiLU` are the items for it"
    else:
        layer = meant_by(module, 2) or module
        first = next(iter(layer_class(layer).model_fields), None) if layer in MODULE_OF else None
        told = (
            f"`{layer}: {{{first}: {numbers[0]}}}` is the item"
            if first and numbers
            else f"an item is its layer: `{layer}`"
        )
    return f"{told}, with `repeat: {often.value}` and a `do` around it" if often.value > 1 else told


def instead_of_list(node: Node) -> str | None:
    """How this language writes the layers of an item that stand under a key of their own, or that do nothing."""
    if isinstance(node, MapNode) and any(key.text in BODIES for key, _ in node.entries):
        return "its layers stand in a list directly under it, and what is an option stands beside it"
    if isinstance(node, ScalarNode) and node.text.lower() in ("identity", "none"):
        return "`[]` lets through what flows in"
    return None


def instead_of_name(name: str, spec: Spec, values: ValueNames) -> str | None:
    """What to write instead of a name of a value that is not known: `s_0` for one of a family, or a module's name."""
    if name in spec.named_values:
        return None
    if name == "_":
        return (
            "what stands here is `[]` among branches, as in `add: [[], skip]`; `as: x` beside the item above gives it "
            "a name for arithmetic"
        )
    numbered = re.fullmatch(r"([^\W\d]\w*?)_?(\d+)", name)
    if numbered is not None:
        stem, index = numbered[1], numbered[2]
        known = set(values.known())
        if values.is_family(stem):
            return f"one of a family has its index in brackets: `{stem}[{index}]`, where `as: {stem}[i]` has named it"
        for loop in loop_names(spec):
            if named := next((f for f in (f"{stem}_{loop}", f"{stem}{loop}", f"{stem}_", stem) if f in known), None):
                line = spec.source.span(spec.named_values[named]).line
                return (
                    f"`as` in line {line} gives one name in all rounds: `as: {stem}[{loop}]` makes a family, of which "
                    f"`{stem}[{index}]` is one"
                )
    if (place := module_named(spec, name)) is not None:
        line = spec.source.span(place).line
        return f"`name: {name}` in line {line} is the name of a module; `as: {name}` beside it names what it gives"
    return None


def instead_of_option(name: str, own: Collection[str]) -> tuple[str | None, str | None]:
    """The option of a combinator with the options `own` that is meant by another name, or else what to write instead
    of an option that there is not."""
    if name in _OF_EXPERTS and "router" in own:
        return None, _EXPERTS
    near = next((option for option in _OPTIONS.get(name, ()) if option in own), None)
    told = _OPPOSITE if name == "key_padding_mask" and "mask" in own else _BESIDE.get(name) or no_argument(name)
    return near, told if near is None else None


def _is_arithmetic(text: str, values: Collection[str]) -> bool:
    """Whether a text is an expression over named values."""
    try:
        names = parse(text).names
    except ExpressionError:
        return False
    return bool(names) and all(name in values for name in names)


def _combinator(name: str) -> str | None:
    """The combinator of this name, or of this name elsewhere."""
    if name in COMBINATORS:
        return name
    return next((word for word, listed in COMBINATORS.items() if name in listed.elsewhere), None)


def _written(layer: str) -> str:
    """A layer with the arguments that it needs: `Softmax: {dim: …}`."""
    needed = [field for field, info in layer_class(layer).model_fields.items() if info.is_required()]
    return f"{layer}: {{{', '.join(f'{field}: …' for field in needed)}}}" if needed else layer


def _told(name: str) -> str | None:
    if name in _OPERATORS:
        return f"arithmetic stands in a `use`: `use: a {_OPERATORS[name]} b`, of values that `as` has named"
    return _ADVICE.get(name)


def _operand(called: Called, values: Collection[str]) -> str | None:
    """The value that a call is of, as written: what stands in front of the dot, else the first argument."""
    for text in (called.owner, called.argument):
        if text is not None and any(word in values for word in re.findall(r"[^\W\d]\w*", text)):
            return text
    return None


def _operands(called: Called, values: Collection[str]) -> list[str]:
    """The values that a call is of, as written; none if one of its arguments is none."""
    given = [text for text in (called.argument, *called.further) if text is not None]
    own = [called.owner] if called.owner is not None and _is_arithmetic(called.owner, values) else []
    return [*own, *given] if all(_is_arithmetic(text, values) for text in given) else []


def _closed(text: str) -> str:
    return text if re.fullmatch(r"\w+(\[[^\]]*\])?", text) else f"({text})"
