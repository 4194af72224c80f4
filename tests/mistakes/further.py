"""Further kinds of mistakes: in blocks and graphs, and layers as they stand in programs."""

from __future__ import annotations

import random
import re

from netspec.layers import MODULE_OF, layer_class
from tests.mistakes.kinds import KINDS as KINDS
from tests.mistakes.kinds import arguments, kind, misspelt, net_of, put, some, stated

_OPTION = r"^ +(name|shared|shortcut|act|repeat|freeze|split)(?=: )"
_COMBINATORS = ("residual", "concat", "sequential", "gate")


# ---- names


@kind
def value_misspelt(text: str, rng: random.Random) -> str | None:
    """A named value, where it is used."""
    names = re.findall(r"\bas: (\w{3,})\b", text)
    m = some(text, rf"(?:\buse: .*?|[\[,] *)\b({'|'.join(names)})\b(?![\[:(])", rng) if names else None
    if m is None:
        return None
    new = misspelt(m[1], rng)
    return None if new in names else put(text, *m.span(1), new)


@kind
def parameter_misspelt(text: str, rng: random.Random) -> str | None:
    """A parameter of a block, where an expression of its body has it."""
    names = [name for signature in re.findall(r"^  \w+\((.*)\):$", text, re.MULTILINE)
             for name in re.findall(r"(\w{4,})(?=[,=]|$)", signature)]  # fmt: skip
    m = some(text, rf"(?<=[a-z]: )({'|'.join(names)})\b(?!:)", rng) if names else None
    if m is None:
        return None
    new = misspelt(m[1], rng)
    return None if new in names else put(text, *m.span(1), new)


@kind
def option_misspelt(text: str, rng: random.Random) -> str | None:
    m = some(text, _OPTION, rng)
    return None if m is None else put(text, *m.span(1), misspelt(m[1], rng))


@kind
def combinator_misspelt(text: str, rng: random.Random) -> str | None:
    m = some(text, rf"^ *- ({'|'.join(_COMBINATORS)})(?=:)", rng)
    return None if m is None else put(text, *m.span(1), misspelt(m[1], rng))


@kind
def combinator_in_capitals(text: str, rng: random.Random) -> str | None:
    m = some(text, rf"^ *- ({'|'.join(_COMBINATORS)})(?=:)", rng)
    return None if m is None else put(text, *m.span(1), m[1].capitalize())


@kind
def output_misspelt(text: str, rng: random.Random) -> str | None:
    m = some(text, r"^(output|variants|description)(?=:)", rng)
    return None if m is None else put(text, *m.span(1), misspelt(m[1], rng))


@kind
def dotted(text: str, rng: random.Random) -> str | None:
    m = some(text, rf"^ *- ()({'|'.join(MODULE_OF)})(?=:|$)", rng)
    return None if m is None else put(text, *m.span(1), rng.choice(["nn.", "torch.nn."]))


# ---- values and calls


@kind
def another_index(text: str, rng: random.Random) -> str | None:
    """A member that a family has not."""
    m = some(text, r"(?<=[\[,:] )\w+\[(\d+)\]", rng)
    return None if m is None else put(text, *m.span(1), str(int(m[1]) + 20))


@kind
def no_as(text: str, rng: random.Random) -> str | None:
    m = some(text, r"^ +as: \w+\n", rng)
    return None if m is None else put(text, *m.span(), "")


@kind
def one_argument_too_many(text: str, rng: random.Random) -> str | None:
    blocks = re.findall(r"^  (\w+)\(.*\):$", text, re.MULTILINE)
    m = some(text, rf"^ *- (?:{'|'.join(blocks)}): \[[^\[\]{{}}\n]*()\]$", rng) if blocks else None
    return None if m is None else put(text, *m.span(1), ", 1")


@kind
def argument_twice(text: str, rng: random.Random) -> str | None:
    m = some(text, r"\{([a-z_]+: [^{}\[\],]+)()[,}]", rng)
    return None if m is None else put(text, *m.span(2), f", {m[1]}")


@kind
def quoted_number(text: str, rng: random.Random) -> str | None:
    m = some(text, r"(?<=[a-z]: )(\d+)(?=[,}\n])", rng)
    return None if m is None else put(text, *m.span(1), f"'{m[1]}'")


@kind
def none_for_false(text: str, rng: random.Random) -> str | None:
    m = some(text, r"\bbias: (false)\b", rng)
    return None if m is None else put(text, *m.span(1), rng.choice(["None", "no", "off"]))


# ---- lists


@kind
def nested_list(text: str, rng: random.Random) -> str | None:
    """An item in a list of its own."""
    m = some(text, r"^ *- ()[A-Z]\w+(?:: \{.*\})?$(?!\n +\w+:)", rng)
    return None if m is None else put(text, *m.span(1), "- ")


@kind
def indented(text: str, rng: random.Random) -> str | None:
    m = some(text, r"(?<=\n)() +- [A-Z]\w+(?:: \{.*\})?$(?!\n +\w+:)", rng)
    return None if m is None else put(text, *m.span(1), " " * rng.choice([1, 2]))


@kind
def list_with_width(text: str, rng: random.Random) -> str | None:
    """`Conv2d: [in, out, kernel]`: torch's order."""
    for m, leaf in stated(text, lambda leaf: leaf.type in ("Conv2d", "Linear", "BatchNorm2d"), rng):
        fields = list(layer_class(m["name"]).model_fields)
        given = arguments(m)
        width = leaf.input.shape[leaf.layer.width_axis]
        if isinstance(width, int) and [key for key, _ in given] == fields[1 : len(given) + 1]:
            values = ", ".join([str(width), *(value for _, value in given)])
            return put(text, *m.span(), f"{m['indent']}- {m['name']}: [{values}]")
    return None


# ---- what stands in programs


@kind
def reshape_for_flatten(text: str, rng: random.Random) -> str | None:
    for m, leaf in stated(text, lambda leaf: leaf.type == "Flatten", rng):
        size = leaf.output.shape[-1]
        if m["rest"] is None and isinstance(size, int) and len(leaf.output.shape) == 1:
            new = rng.choice([f"Reshape: [{size}]", f"View: [-1, {size}]", "Reshape: [-1]", f"reshape: [-1, {size}]"])
            return put(text, *m.span(), f"{m['indent']}- {new}")
    return None


_ITEM = re.compile(r"  - (?P<name>[A-Z]\w+)(?:: (?:\{(?P<arguments>[^{}\[\]\"'()]*)\}|(?P<value>[\w.]+)))?\n")


def called(m: re.Match[str]) -> str:
    """A line of a spec as a call of Python."""
    given = arguments(m) if m["value"] is None else [(layer_class(m["name"]).scalar or "", m["value"])]
    words = ", ".join(f"{key}={value.replace('true', 'True').replace('false', 'False')}" for key, value in given)
    return f"nn.{m['name']}({words})"


def chain(text: str) -> tuple[int, int, list[re.Match[str]]] | None:
    """The layers of a spec that are a plain chain, and where they stand: all numbers, no options, no comments."""
    found = re.search(r"^layers:.*\n((?:  - .*\n)+)(?=\w|\n|\Z)", text, re.MULTILINE)
    if found is None or net_of(text) is None:
        return None
    lines = found[1].splitlines(keepends=True)
    items = [m for line in lines if (m := _ITEM.fullmatch(line)) is not None and m["name"] in MODULE_OF]
    values = [value for m in items for value in [*(v for _, v in arguments(m)), m["value"] or "0"]]
    plain = all(re.fullmatch(r"[\d.]+|true|false", value) for value in values)
    return (*found.span(1), items) if len(items) == len(lines) and plain else None


@kind
def pasted_sequential(text: str, rng: random.Random) -> str | None:
    found = chain(text)
    if found is None:
        return None
    start, end, items = found
    head = rng.choice(["  nn.Sequential(\n", "  net = nn.Sequential(\n"])
    return put(text, start, end, head + "".join(f"      {called(m)},\n" for m in items) + "  )\n")


@kind
def pasted_class(text: str, rng: random.Random) -> str | None:
    found = chain(text)
    if found is None:
        return None
    start, end, items = found
    made = "".join(f"        self.layer{i} = {called(m)}\n" for i, m in enumerate(items))
    run = "".join(f"        x = self.layer{i}(x)\n" for i in range(len(items)))
    code = (
        "  class Net(nn.Module):\n      def __init__(self):\n        super().__init__()\n"
        + made + "      def forward(self, x):\n" + run + "        return x\n"
    )  # fmt: skip
    return put(text, start, end, code)


# ---- loops as in other languages

_LOOP = r"^( *- )((?:for|repeat): .+)\n( +)do:\n"


@kind
def body_for_do(text: str, rng: random.Random) -> str | None:
    m = some(text, r"^ +(?:- \{.*)?\b(do)(?=:)", rng)
    return None if m is None else put(text, *m.span(1), rng.choice(("body", "layers")))


@kind
def loop_of_python(text: str, rng: random.Random) -> str | None:
    """`- for i in range(3):`, and the items below it."""
    m = some(text, _LOOP, rng)
    return None if m is None else put(text, *m.span(), f"{m[1]}{m[2].replace(':', '', 1)}:\n")


@kind
def no_do(text: str, rng: random.Random) -> str | None:
    """The items right below a `for`."""
    m = some(text, _LOOP, rng)
    return None if m is None else put(text, *m.span(), f"{m[1]}{m[2]}\n")


@kind
def loop_to_a_number(text: str, rng: random.Random) -> str | None:
    m = some(text, r"\bin (range\((\w+)\))", rng)
    return None if m is None else put(text, *m.span(1), m[2])


@kind
def power(text: str, rng: random.Random) -> str | None:
    m = some(text, r"(?<=[\w)])( ?\*\* ?)(?=[\w(])", rng)
    return None if m is None else put(text, *m.span(1), "^")


@kind
def half(text: str, rng: random.Random) -> str | None:
    m = some(text, r"(?<=[\w)])( ?// ?)(?=[\w(])", rng)
    return None if m is None else put(text, *m.span(1), " / ")
