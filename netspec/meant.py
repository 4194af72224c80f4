"""Guess what an invalid value or name means, for suggestions: `10%`, `yes`, `torch.optim.Adam(lr=0.1)`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple

from netspec.arguments import Arguments
from netspec.diagnostics import did_you_mean, is_misspelt

SAID: Final = {"yes": "true", "on": "true", "no": "false", "off": "false", "none": "null"}
"""Words that YAML 1.1 or Python reads as a boolean or null, in lower case, with their YAML 1.2 spelling."""
_PYTHON: Final = {"True": "true", "False": "false", "None": "null"}
NUMBER: Final = r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?"
"""A pattern for the text of a number; compiled only when there is an error to explain."""


_ARGUMENTS: Final = {
    "axis": ("dim", "start_dim"),
    "axes": ("dim",),
    "dims": ("dim",),
    "keepdims": ("keepdim",),
    "stop": ("end",),
    "filters": ("out_channels",),
    "num_filters": ("out_channels",),
    "n_filters": ("out_channels",),
    "nb_filter": ("out_channels",),
    "num_output": ("out_channels", "out_features"),
    "filter_size": ("kernel_size",),
    "units": ("out_features", "hidden_size"),
    "num_units": ("out_features", "hidden_size"),
    "fc_size": ("out_features",),
    "output_size": ("out_features",),
    "out_dim": ("out_features",),
    "hidden_dim": ("hidden_size",),
    "hidden_units": ("hidden_size", "out_features"),
    "vocab_size": ("num_embeddings",),
    "num_words": ("num_embeddings",),
    "vocabulary": ("num_embeddings",),
    "emb_dim": ("embedding_dim",),
    "embed_dim": ("embedding_dim", "d_model"),
    "embedding_size": ("embedding_dim",),
    "embed_size": ("embedding_dim",),
    "strides": ("stride",),
    "pool_size": ("kernel_size",),
    "kernel": ("kernel_size",),
    "groups": ("num_groups",),
    "in_dim": ("in_features",),
    "in_size": ("in_features",),
    "in_ch": ("in_channels",),
    "out_ch": ("out_channels",),
    "dilation_rate": ("dilation",),
    "use_bias": ("bias",),
    "rate": ("p",),
    "prob": ("p",),
    "drop_rate": ("p", "dropout"),
    "dropout_rate": ("p", "dropout"),
    "alpha": ("negative_slope",),
    "slope": ("negative_slope",),
    "epsilon": ("eps",),
    "input_dim": ("num_embeddings", "in_features"),
    "output_dim": ("embedding_dim", "out_features"),
    "target_shape": ("unflattened_size",),
    "max": ("at_most",),
    "maximum": ("at_most",),
    "upper": ("at_most",),
    "min": ("at_least",),
    "minimum": ("at_least",),
    "lower": ("at_least",),
    "equals": ("exactly",),
    "heads": ("num_heads", "nhead"),
    "n_heads": ("num_heads", "nhead"),
    "num_heads": ("nhead",),
    "num_attention_heads": ("num_heads", "nhead"),
    "n_head": ("num_heads", "nhead"),
    "num_key_value_heads": ("kv_heads",),
    "num_kv_heads": ("kv_heads",),
    "n_kv_heads": ("kv_heads",),
    "hidden_size": ("d_model", "embed_dim", "embedding_dim"),
    "intermediate_size": ("dim_feedforward",),
    "hidden_act": ("activation",),
    "activation_function": ("activation",),
    "layer_norm_eps": ("eps",),
    "layer_norm_epsilon": ("eps", "layer_norm_eps"),
    "rms_norm_eps": ("eps",),
    "hidden_dropout_prob": ("dropout", "p"),
    "attention_probs_dropout_prob": ("dropout",),
    "num_hidden_layers": ("num_layers",),
    "theta": ("base",),
    "rope_theta": ("base",),
    "sliding_window": ("window",),
    "nhead": ("num_heads",),
    "head": ("num_heads", "nhead"),
    "num_groups": ("groups",),
    "in_channels": ("num_channels", "num_features"),
    "in_features": ("num_features",),
    "start_dim": ("start",),
    "end_dim": ("end",),
    "min_val": ("min",),
    "max_val": ("max",),
    "scale": ("scale_factor",),
    "upscale_factor": ("scale_factor",),
    "scale_factor": ("upscale_factor", "factor"),
    "window_size": ("window",),
    "sizes": ("size",),
    "stdev": ("std",),
    "stddev": ("std",),
    "sigma": ("std",),
    "size": ("sizes", "kernel_size"),
    "key_dim": ("head_dim",),
    "num_hiddens": ("embed_dim", "hidden_size", "out_features"),
    "d_model": ("embed_dim", "embedding_dim"),
    "dim": ("embed_dim", "embedding_dim", "d_model"),
    "d_ff": ("dim_feedforward",),
    "ff_dim": ("dim_feedforward",),
    "mlp_dim": ("dim_feedforward",),
    "smoothing": ("label_smoothing",),
    "rho": ("alpha",),
    "drop_prob": ("p",),
    "target_size": ("unflattened_size",),
    "learning_rate": ("lr",),
    "eta": ("lr",),
    "l2": ("weight_decay",),
    "channels": ("out_channels", "num_channels"),
    "features": ("out_features", "num_features"),
    "neurons": ("out_features",),
    "hidden": ("hidden_size",),
    "pad": ("padding",),
    "k": ("kernel_size",),
    "ks": ("kernel_size",),
    "s": ("stride",),
    "p": ("padding",),
    **dict.fromkeys(("root", "dir", "directory", "data_dir", "root_dir"), ("path",)),
    "interpolation": ("mode",),
    "dim_ff": ("dim_feedforward",),
    "ffn_dim": ("dim_feedforward",),
    "d_ffn": ("dim_feedforward",),
    "c": ("out_channels",),
    "d": ("dilation",),
    "g": ("groups",),
}


_NONE: Final = frozenset(("activation", "input_shape", "name", "as", "when", "repeat", "dtype", "kernel_initializer"))
"""What is no argument here, whatever it resembles."""


TAKEN: Final = frozenset(("input", "inputs", "in", "from", "source", "of", "x", "on", "args"))
_SHARED: Final = frozenset(("share", "share_with", "shared_with", "weights_of", "reuse"))


def no_argument(name: str) -> str | None:
    """What to write instead of a word by which others say what a layer takes, or whose weights it has."""
    if name in TAKEN:
        return "an item takes what stands in front of it: `- use: x` lets the value `x` stand there"
    if name in _SHARED:
        return "`shared: name` beside each of several items, which are written in full, makes them one module"
    return None


def instead_of_argument(name: str, known: Collection[str]) -> str | None:
    """What to write instead of an argument of torch's or Keras's that follows from others here, or has several here."""
    several = [f"{part}_{name}" for part in ("src", "tgt", "memory")]
    meant = [f"`{own}`" for own in several if own in known]
    if name not in known and len(meant) > 1 and name in ("is_causal", "mask", "key_padding_mask"):
        return f"it has {', '.join(meant[:-1])} and {meant[-1]}: of the encoder, of the decoder" + (
            ", and of what the decoder reads of the encoder" if len(meant) > 2 else ""
        )
    if name in ("transform", "transforms") and not known:
        return "the recipe has them: `transforms: [Resize: 32]`, or `augment` for what is drawn anew"
    if name in ("monitor", "metric") and {"mode", "patience"} <= set(known):
        return "`mode: min` watches validation_loss, `mode: max` validation_accuracy"
    return None


def is_same_argument(name: str, own: str) -> bool:
    """Whether a stranger's argument is no more than another name of ours. Keras's `units` of a recurrent layer says by
    being there that the last step alone is given, if `return_sequences` does not."""
    return (name, own) != ("units", "hidden_size")


def argument_meant(name: str, known: Collection[str]) -> str | None:
    """The argument, of those of a thing, that numpy and Keras call `axis` or `units`, or that is misspelt so."""
    if name in known:
        return name
    elsewhere = next((own for own in _ARGUMENTS.get(name, ()) if own in known), None)
    if name in _NONE:
        return None
    begun = [own for own in known if re.fullmatch(rf"{re.escape(name)}_(?:{_UNITS})", own)]
    if elsewhere is not None or len(begun) == 1:
        return elsewhere or begun[0]
    near = did_you_mean(name, known)
    return near if near is not None and is_misspelt(name, near) else None


_UNITS: Final = "size|dim|dims|factor|value|val|shape|channels|features|slope|corners"
"""What people leave out at the end of an argument."""


_MULTIPLES: Final = {"k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}
MULTIPLE: Final = rf"(\d+(?:\.\d+)?)\s?([{''.join(_MULTIPLES)}])"
"""A pattern for the text of a number of thousands, millions and so on."""


def in_full(text: str) -> int | None:
    """The whole number that `5M` or `2.5k` stands for; None for any other text."""
    found = re.fullmatch(MULTIPLE, text)
    if found is None:
        return None
    whole, _, part = found[1].partition(".")
    value, rest = divmod(int(whole + part) * _MULTIPLES[found[2]], 10 ** len(part))
    return None if rest else value


def readings(text: str) -> Iterable[object]:
    """Yield the values that a string may stand for: True for `yes`, 0.1 for `10%`, 1024 for `1,024`, 2000 for `2k`."""
    if re.fullmatch(MULTIPLE, text):
        if (whole := in_full(text)) is not None:
            yield whole
        return
    word = SAID.get(text.lower())
    if word is not None:
        yield {"true": True, "false": False, "null": None}[word]
    if (share := re.fullmatch(r"([\d.]+)\s*%", text)) and re.fullmatch(NUMBER, share[1]):
        yield float(f"{float(share[1]) / 100:.12g}")
    if re.fullmatch(r"\d{1,3}([,_ ]\d{3})+", text):
        yield int(re.sub(r"\D", "", text))
    if (first := re.match(r"(\d+|\d*\.\d+)\s*[A-Za-z]", text)) is not None:
        yield float(first[1]) if "." in first[1] else int(first[1])


def python_call(text: str) -> tuple[str, list[tuple[str | None, str]] | None]:
    """Parse a text such as `torch.optim.Adam(lr=0.1)` as a Python call.

    Returns:
        The name without its modules, and a list of (keyword or None, source of the value), without what a recipe gives
        by itself: the parameters of an optimizer, the optimizer of a schedule, a mean over the examples. The list is
        None for a text that is not a call.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return text, None
    called = tree.func if isinstance(tree, ast.Call) else tree
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else text
    if not isinstance(tree, ast.Call):
        return name, None
    given = [(None, a) for a in tree.args] + [(k.arg, k.value) for k in tree.keywords if k.arg is not None]
    return name, [(key, text) for key, value in given if not _is_given_anyway(key, text := ast.unparse(value))]


def _is_given_anyway(key: str | None, text: str) -> bool:
    return ".parameters" in text or text in _PYTHONS or (key, text) == ("reduction", "'mean'")


_PYTHONS: Final = ("optimizer", "optim", "opt", "params")
"""What programs call the first argument of a schedule and of an optimizer."""


class MeantCall(NamedTuple):
    """The entry of a table that a text means."""

    name: str | None
    """None if no name is similar."""
    whole: str | None
    """The whole suggestion, such as `{Adam: {lr: 0.1}}`."""
    says_all: bool = False
    """Whether it is known to say all that the text says."""


def meant_call(
    text: str, table: Mapping[str, str], load: Callable[[str], type[Arguments]], elsewhere: Mapping[str, str]
) -> MeantCall:
    """Find the entry of a table that a text means.

    Args:
        text: the invalid name or call, such as `Adam(lr=0.1)`.
        table: the valid names.
        load: import the class of a name in the table.
        elsewhere: names in other libraries, in lower case, with the names in the table that they correspond to.
    """
    name, given = python_call(text)
    meant = elsewhere.get(name.lower(), "")
    near = name if name in table else meant if meant in table else did_you_mean(name, table) if not meant else None
    sure = near is not None and near.casefold() == name.casefold()  # a name that is only similar imports no module
    if near is None or not given or not sure:
        return MeantCall(near, near, given is not None and not given)
    model = load(near)
    order = [*model.in_front, *(field for field in model.model_fields if field not in {key for key, _ in given})]
    free = iter(order)
    named = [(key or next(free, ""), text) for key, text in given]
    named = [(key, text) for key, text in named if not model.says_nothing(key, text)]
    if any(key in model.omitted for key, _ in named):
        return MeantCall(near, near)
    pairs = [(argument_meant(key, model.model_fields), _as_yaml(text)) for key, text in named]
    known = [f"{key}: {text}" for key, text in pairs if key is not None and text is not None]
    if len(known) < len(pairs):
        return MeantCall(near, near)
    return MeantCall(near, f"{{{near}: {{{', '.join(known)}}}}}" if known else near, says_all=True)


def _as_yaml(text: str) -> str | None:
    """A value of Python as YAML; None for one that is none."""
    try:
        return _written(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _written(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=bool() | None):
            return _PYTHON[ast.unparse(node)]
        case ast.Constant(value=int() | float() | str()) | ast.UnaryOp(operand=ast.Constant(value=int() | float())):
            return ast.unparse(node)
        case ast.Tuple() | ast.List():
            parts = [_written(one) for one in node.elts]
            return None if None in parts else f"[{', '.join(filter(None, parts))}]"
        case ast.Call(args=[ast.List() as listed], keywords=[]) if ast.unparse(node.func).lower().endswith("tensor"):
            return _written(listed)  # `torch.tensor([1.0, 2.0])`
        case _:
            return None
