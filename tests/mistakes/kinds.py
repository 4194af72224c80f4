"""The kinds of mistakes: each breaks the text of a spec at one place, or finds no place for it.

A kind takes the right text and a random generator; it returns the wrong text, or None. Layers are looked for as lines
of block lists, `- Conv2d: {…}`, which is how the shipped specs are written.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import netspec
from netspec.layers import MODULE_OF, layer_class
from netspec.net import Leaf, Net, leaves

Kind = Callable[[str, random.Random], str | None]
KINDS: dict[str, Kind] = {}

LAYER = re.compile(r"^(?P<indent> *)- (?P<name>[A-Z]\w+)(?P<rest>: \{(?P<arguments>[^{}\[\]\"'()]*)\})?$", re.MULTILINE)


def kind(function: Kind) -> Kind:
    KINDS[function.__name__] = function
    return function


def some(text: str, pattern: re.Pattern[str] | str, rng: random.Random) -> re.Match[str] | None:
    """One of the matches of a pattern."""
    found = [m for m in re.finditer(pattern, text, re.MULTILINE) if not in_comment(text, m.start())]
    return rng.choice(found) if found else None


def in_comment(text: str, at: int) -> bool:
    return "#" in text[text.rfind("\n", 0, at) + 1 : at]


def put(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def layers(text: str) -> list[re.Match[str]]:
    return [m for m in LAYER.finditer(text) if m["name"] in MODULE_OF]


def arguments(match: re.Match[str]) -> list[tuple[str, str]]:
    given = match["arguments"] or ""
    return [(k.strip(), v.strip()) for k, _, v in (part.partition(":") for part in given.split(",")) if k.strip()]


def misspelt(word: str, rng: random.Random) -> str:
    """One letter left out, doubled, or swapped with the next."""
    at = rng.randrange(1, max(len(word) - 1, 2))
    how = rng.randrange(3)
    if how == 0 and len(word) > 4:
        return word[:at] + word[at + 1 :]
    if how == 1:
        return word[:at] + word[at] + word[at:]
    return word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]


# ---- names


@kind
def layer_misspelt(text: str, rng: random.Random) -> str | None:
    m = some(text, rf"^ *- ({'|'.join(MODULE_OF)})\b", rng)
    if m is None:
        return None
    new = misspelt(m[1], rng)
    return None if new in MODULE_OF or new == m[1] else put(text, *m.span(1), new)


@kind
def layer_in_lower_case(text: str, rng: random.Random) -> str | None:
    m = some(text, rf"^ *- ({'|'.join(MODULE_OF)})\b", rng)
    return None if m is None or m[1].lower() in ("identity", "mean", "sum") else put(text, *m.span(1), m[1].lower())


@kind
def argument_misspelt(text: str, rng: random.Random) -> str | None:
    m = some(text, r"(?<=[{ ])(out_channels|kernel_size|stride|padding|out_features|groups|dilation|bias): ", rng)
    return None if m is None else put(text, *m.span(1), misspelt(m[1], rng))


@kind
def key_misspelt(text: str, rng: random.Random) -> str | None:
    m = some(text, r"^(input|layers|blocks|variants|description|init|train)(?=:)", rng)
    return None if m is None else put(text, *m.span(1), misspelt(m[1], rng))


@kind
def block_misspelt(text: str, rng: random.Random) -> str | None:
    blocks = re.findall(r"^  (\w{4,})\(.*\):$", text, re.MULTILINE)
    m = some(text, rf"^ +- ({'|'.join(blocks)}):", rng) if blocks else None
    if m is None:
        return None
    new = misspelt(m[1], rng)
    return None if new in blocks or new == m[1] else put(text, *m.span(1), new)


@kind
def keras_words(text: str, rng: random.Random) -> str | None:
    found = [m for m in layers(text) if m["name"] in ("Conv2d", "Linear", "BatchNorm2d", "MaxPool2d") and m["rest"]]
    if not found:
        return None
    m = rng.choice(found)
    name = {"Conv2d": "Conv2D", "Linear": "Dense", "BatchNorm2d": "BatchNormalization", "MaxPool2d": "MaxPooling2D"}
    words = {"out_channels": "filters", "out_features": "units", "stride": "strides", "eps": "epsilon"}
    if m["name"] == "MaxPool2d":
        words["kernel_size"] = "pool_size"
    written = dict(arguments(m))
    if m["name"] == "BatchNorm2d":  # whose defaults are others there, and whose momentum is the share of the old mean
        momentum = written.get("momentum", "0.1")
        if not re.fullmatch(r"[\d.]+", momentum):
            return None
        written |= {"eps": written.get("eps", "1e-5"), "momentum": f"{1 - float(momentum):.6g}"}
    given = ", ".join(f"{words.get(k, k)}: {v}" for k, v in written.items())
    return put(text, *m.span(), f"{m['indent']}- {name[m['name']]}: {{{given}}}")


@kind
def keras_activation(text: str, rng: random.Random) -> str | None:
    found = [m for m in layers(text) if m["rest"] and re.match(rf"\n{m['indent']}- ReLU\n", text[m.end() :])]
    if not found:
        return None
    m = rng.choice(found)
    end = m.end() + len(f"\n{m['indent']}- ReLU")
    return put(text, m.start(), end, f"{m[0][:-1]}, activation: relu}}")


# ---- other writings


@kind
def python_call(text: str, rng: random.Random) -> str | None:
    found = layers(text)
    if not found:
        return None
    m = rng.choice(found)
    given = ", ".join(f"{k}={v.replace('true', 'True').replace('false', 'False')}" for k, v in arguments(m))
    return put(text, *m.span(), f"{m['indent']}- nn.{m['name']}({given}){rng.choice(['', ','])}")


@kind
def list_in_order(text: str, rng: random.Random) -> str | None:
    """`Conv2d: [out, kernel, …]`: torch's order without the width, or with it where that is known."""
    found: list[tuple[re.Match[str], str]] = []
    for m in layers(text):
        fields = [f for f in layer_class(m["name"]).model_fields if f != layer_class(m["name"]).width]
        given = arguments(m)
        if len(given) > 1 and [k for k, _ in given] == fields[: len(given)]:
            found.append((m, ", ".join(v for _, v in given)))
    if not found:
        return None
    m, values = rng.choice(found)
    return put(text, *m.span(), f"{m['indent']}- {m['name']}: [{values}]")


@kind
def typed(text: str, rng: random.Random) -> str | None:
    found = [m for m in layers(text) if m["rest"]]
    if not found:
        return None
    m = rng.choice(found)
    beside = "".join(f"\n{m['indent']}  {k}: {v}" for k, v in arguments(m))
    return put(text, *m.span(), f"{m['indent']}- type: {m['name']}{beside}")


@kind
def level_arguments(text: str, rng: random.Random) -> str | None:
    found = [m for m in layers(text) if m["rest"]]
    if not found:
        return None
    m = rng.choice(found)
    beside = "".join(f"\n{m['indent']}  {k}: {v}" for k, v in arguments(m))
    return put(text, *m.span(), f"{m['indent']}- {m['name']}:{beside}")


# ---- slips of YAML


@kind
def no_dash(text: str, rng: random.Random) -> str | None:
    m = some(text, r"(?<=\n) +(- )(?=[A-Z]\w+$)", rng)
    return None if m is None else put(text, *m.span(1), rng.choice(["", "  "]))


@kind
def no_blank_behind_dash(text: str, rng: random.Random) -> str | None:
    m = some(text, r"^ *-( )(?=[A-Za-z])", rng)
    return None if m is None else put(text, *m.span(1), "")


@kind
def another_blank(text: str, rng: random.Random) -> str | None:
    m = some(text, r"^ *-( )(?=[A-Za-z])", rng)
    return None if m is None else put(text, *m.span(1), "\u00a0")


@kind
def no_blank_behind_colon(text: str, rng: random.Random) -> str | None:
    m = some(text, r"(?<=[a-z]):( )(?=\d+[,}\n])", rng)
    return None if m is None else put(text, *m.span(1), "")


@kind
def equals(text: str, rng: random.Random) -> str | None:
    m = some(text, r"\{([a-z_]+): ([^{}\[\],]+)(?:, ([a-z_]+): ([^{}\[\],]+))*\}", rng)
    return None if m is None else put(text, *m.span(), m[0].replace(": ", "="))


@kind
def no_colon(text: str, rng: random.Random) -> str | None:
    m = some(text, r"^ *- [A-Z]\w+(:)(?= \{)", rng)
    return None if m is None else put(text, *m.span(1), "")


@kind
def no_braces(text: str, rng: random.Random) -> str | None:
    found = [m for m in layers(text) if m["rest"]]
    if not found:
        return None
    m = rng.choice(found)
    return put(text, *m.span(), f"{m['indent']}- {m['name']}: {m['arguments']}")


@kind
def unclosed(text: str, rng: random.Random) -> str | None:
    m = some(text, r"(\})$", rng)
    return None if m is None else put(text, *m.span(1), "")


@kind
def comma_at_the_end(text: str, rng: random.Random) -> str | None:
    m = some(text, r"^ *- [A-Z]\w+()$", rng)
    return None if m is None else put(text, *m.span(1), ",")


@kind
def tab(text: str, rng: random.Random) -> str | None:
    m = some(text, r"(?<=\n)(  )(?= *- )", rng)
    return None if m is None else put(text, *m.span(1), "\t")


@kind
def fences(text: str, rng: random.Random) -> str | None:
    return f"```yaml\n{text.rstrip()}\n```\n"


@kind
def python_tuple(text: str, rng: random.Random) -> str | None:
    m = some(text, r"\[(\d+, \d+(?:, \d+)?)\]", rng)
    return None if m is None else put(text, *m.span(), f"({m[1]})")


@kind
def a_times_b(text: str, rng: random.Random) -> str | None:
    m = some(text, r"kernel_size: (\d+)(?=[,}])", rng)
    return None if m is None else put(text, *m.span(1), f"{m[1]}x{m[1]}")


@kind
def option_under_layer(text: str, rng: random.Random) -> str | None:
    m = some(text, r"^( *- [A-Z]\w+: )\{([^{}]*)\}\n +(name|when|freeze): (\S+)$", rng)
    return None if m is None else put(text, *m.span(), f"{m[1]}{{{m[2]}, {m[3]}: {m[4]}}}")


# ---- what does not fit


@lru_cache(256)
def net_of(text: str) -> Net | None:
    try:
        return netspec.loads(text, "spec.yaml")
    except netspec.NetspecError:
        return None


def stated(text: str, wanted: Callable[[Leaf], bool], rng: random.Random) -> Iterator[tuple[re.Match[str], Leaf]]:
    """Lines of layers that run once, with the layer that they are in the net, in a random order."""
    net = net_of(text)
    if net is None:
        return
    by_line: dict[int, list[Leaf]] = {}
    for leaf in leaves(net.root):
        by_line.setdefault(leaf.span.line, []).append(leaf)
    found = [m for m in layers(text) if len(by_line.get(text.count("\n", 0, m.start("name")) + 1, ())) == 1]
    rng.shuffle(found)
    for m in found:
        (leaf,) = by_line[text.count("\n", 0, m.start("name")) + 1]
        if wanted(leaf):
            yield m, leaf


def with_width(m: re.Match[str], width: int) -> str:
    name = layer_class(m["name"]).width
    given = ", ".join([f"{name}: {width}", *(f"{k}: {v}" for k, v in arguments(m))])
    return f"{m['indent']}- {m['name']}: {{{given}}}"


def has_width(leaf: Leaf) -> bool:
    return leaf.layer.width is not None and isinstance(leaf.input.shape[leaf.layer.width_axis], int)


@kind
def forgotten_flatten(text: str, rng: random.Random) -> str | None:
    net, m = net_of(text), some(text, r"^(?P<indent> *)- Flatten\n(?P=indent)- Linear: (?P<out>\w+)$", rng)
    if net is None or m is None:
        return None
    line = text.count("\n", 0, m.end()) + 1
    widths = {leaf.input.shape[-1] for leaf in leaves(net.root) if leaf.span.line == line}
    if len(widths) != 1:
        return None
    return put(text, *m.span(), f"{m['indent']}- Linear: {{in_features: {widths.pop()}, out_features: {m['out']}}}")


@kind
def wrong_width(text: str, rng: random.Random) -> str | None:
    for m, leaf in stated(text, has_width, rng):
        width = leaf.input.shape[leaf.layer.width_axis]
        if isinstance(width, int):
            return put(text, *m.span(), with_width(m, width + rng.choice([1, -1, width, 8])))
    return None


@kind
def another_rank(text: str, rng: random.Random) -> str | None:
    m = some(text, r"^ *- (?:BatchNorm|Dropout|MaxPool|AvgPool|AdaptiveAvgPool)(2)d\b", rng)
    return None if m is None else put(text, *m.span(1), rng.choice("13"))


@kind
def channels_last(text: str, rng: random.Random) -> str | None:
    net, m = net_of(text), re.search(r"^input: \[(\d+), (\d+), (\d+)\]$", text, re.MULTILINE)
    if net is None or m is None or m[1] == m[2]:
        return None
    for first, leaf in stated(text, lambda leaf: leaf.type == "Conv2d" and leaf.input == net.input, rng):
        text = put(text, *first.span(), with_width(first, int(m[1])))
        return put(text, m.start(), m.end(), f"input: [{m[2]}, {m[3]}, {m[1]}]") if leaf else None
    return None


@kind
def batch_axis(text: str, rng: random.Random) -> str | None:
    m = re.search(r"^input: \[(\d+, \d+, \d+)\]$", text, re.MULTILINE)
    return None if m is None else put(text, *m.span(), f"input: [{rng.choice([1, 32, 64])}, {m[1]}]")


@kind
def no_padding_in_residual(text: str, rng: random.Random) -> str | None:
    found = [m for m in layers(text) if m["name"] == "Conv2d" and ("padding", "1") in arguments(m)
             and ("kernel_size", "3") in arguments(m)]  # fmt: skip
    if not found or "residual" not in text:
        return None
    m = rng.choice(found)
    given = ", ".join(f"{k}: {v}" for k, v in arguments(m) if k != "padding")
    return put(text, *m.span(), f"{m['indent']}- {m['name']}: {{{given}}}")


@kind
def groups(text: str, rng: random.Random) -> str | None:
    m = some(text, r"groups: (\d+)(?=[,}])", rng)
    return None if m is None or m[1] == "1" else put(text, *m.span(1), str(int(m[1]) + 1))
