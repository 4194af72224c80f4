"""The file of a plugin: a class for each of the modules that have no form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from torch import nn

from netspec.capture.plugging.arguments import REQUIRED, KeptField, literal, quoted, written
from netspec.capture.plugging.rules import SeenRule
from netspec.capture.plugging.trials import Bench, TrialOutcome
from netspec.capture.running.trace import dtype_of
from netspec.layers.base import counted


class LayerText(NamedTuple):
    """What a class of a plugin is written of."""

    name: str
    bench: Bench
    fields: list[KeptField]
    rule: SeenRule
    names: list[str]
    """Of the tensors that it is given, the first of them `x`."""
    source: str
    """Where the class of the module is."""
    over_batch: bool

    @property
    def outcome(self) -> TrialOutcome:
        """What comes out at the size that was seen."""
        found = self.bench.outcome(self.bench.call.shapes)
        assert found is not None
        return found

    @property
    def several(self) -> bool:
        """Whether it takes or gives several tensors."""
        return len(self.names) > 1 or self.outcome.is_tuple


_HEAD: Final = '''\
"""Layers for modules that a spec has no words for, as `netspec import --write-plugin` wrote them.

The rules are what the modules showed at several sizes: which inputs their code refuses beside, they do not know.
"""

from __future__ import annotations

'''


_KNOWN: Final = [
    *("Count", "Counts", "Counts1", "Counts2", "Counts3", "Example", "Integer", "Integers", "Layer", "Natural", "Real"),
    *("Saved", "Shape", "Size", "TensorType", "TorchCall", "need", "product", "same", "spread"),
]
"""What the classes are written with, in the order of an import."""


def plugin_text(layers: Sequence[LayerText]) -> str:
    """The file with these layers."""
    written_out = [[part for line in _class(layer) for part in _wrapped(line)] for layer in layers]
    classes = "\n\n".join("\n".join(lines) + "\n" for lines in written_out)
    used = [name for name in _KNOWN if re.search(rf"\b{name}\b", re.sub(r'"[^"]*"', "", classes))]
    mapping = "from collections.abc import Mapping\n\n" if "Mapping[" in classes else ""
    return f"{_HEAD}{mapping}from netspec.layers import {', '.join(used)}\n\n\n{classes}"


def _class(layer: LayerText) -> Iterator[str]:
    kind, rule, outcome = type(layer.bench.call.module), layer.rule, layer.outcome
    yield f"class {layer.name}(Layer):"
    yield f'    """{_shapes(layer)}.'
    yield ""
    yield f"    Its module is `{kind.__module__}.{kind.__qualname__}`{layer.source}."
    yield '    """'
    yield ""
    yield f"    family = {quoted(_family(layer))}"
    if layer.several:
        yield "    several = True"
    if len(layer.names) > 1:
        yield f"    tensors = {literal_names(layer.names[1:])}"
    if layer.over_batch:
        yield "    over_batch = True"
    scalar = _scalar(layer.fields)
    if scalar:
        yield f"    scalar = {quoted(scalar)}"
    places = [literal_names((each.name, each.place)) for each in layer.fields if each.place not in ("", each.name)]
    if places:
        yield f"    kept_as = {_tuple(places)}"
    yield f"    examples = ({_example(layer)},)"
    yield ""
    for each in layer.fields:
        default = "" if each.default is REQUIRED else f" = {literal(each.default)}"
        yield f"    {each.name}: {each.type}{default}"
    if layer.fields:
        yield ""
    yield from _rule(layer)
    for name, tensors in (("parameters", rule.parameters), ("buffers", rule.buffers)):
        if tensors:
            yield ""
            yield f"    def {name}(self, x: TensorType) -> dict[str, Shape]:"
            yield "        return {"
            yield from (f"            {quoted(key)}: {_tuple(sizes)}," for key, sizes in tensors.items())
            yield "        }"
    yield from _macs(layer)
    yield from _saved(layer)
    if outcome.shares:
        yield from ("", "    def shares(self, x: TensorType) -> bool:", "        return True")
    yield ""
    yield "    def call(self, x: TensorType) -> TorchCall:"
    yield f"        return TorchCall({quoted(kind.__qualname__)}, {_arguments(layer)}, {quoted(kind.__module__)})"


def literal_names(names: Sequence[str]) -> str:
    """A tuple of texts."""
    return f"({', '.join(map(quoted, names))}{',' if len(names) == 1 else ''})"


def _tuple(sizes: Sequence[str]) -> str:
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _scalar(fields: Sequence[KeptField]) -> str:
    """The argument that a bare value sets: the only one that has to be given."""
    required = [each.name for each in fields if each.default is REQUIRED]
    return required[0] if len(required) == 1 else ""


def _family(layer: LayerText) -> str:
    if not layer.rule.parameters:
        return "activation" if layer.rule.keeps_shape else "shape"
    return "attention" if len(layer.names) > 1 else "linear"


# ---- the shapes


def _axes(layer: LayerText) -> list[str]:
    """The names of the axes of the first tensor: of one that an argument is the size of, the argument's."""
    shape, free = layer.bench.call.shapes[0], iter("nmklpqrstuvw")
    told = {found.first: name for name, found in layer.bench.ties.items() if found.last == found.first + 1}
    return [told.get(k) or next(free, "n") for k in range(len(shape))]


def _shapes(layer: LayerText) -> str:
    if layer.rule.keeps_shape:
        return "(*) → (*)"
    names = _axes(layer)
    own = {f"x.shape[{k}]": name for k, name in enumerate(names)}

    def told(size: str) -> str:
        for code, name in own.items():
            size = size.replace(code, name)
        return size.replace("self.", "")

    outputs = [f"({', '.join(map(told, shape))})" for shape in layer.rule.outputs]
    return f"({', '.join(names)}) → {' and '.join(outputs)}"


def _example(layer: LayerText) -> str:
    call, outcome = layer.bench.call, layer.outcome
    given = {
        each.name: call.arguments[each.name]
        for each in layer.fields
        if each.default is REQUIRED or each.default != call.arguments[each.name]
    }
    shapes = [literal(shape) if shape else "()" for shape in (call.shapes[0], outcome.outputs[0])]
    parts = [written(given), *shapes]
    first, *others = (dtype_of(tensor) for tensor in call.inputs)
    if first != "float32":
        parts.append(f"dtype={quoted(first)}")
    if others:
        told = ", ".join(f"{quoted(n)}: {literal(s)}" for n, s in zip(layer.names[1:], call.shapes[1:], strict=True))
        parts.append(f"others={{{told}}}")
        if set(others) != {"float32"}:
            dtypes = ", ".join(f"{quoted(n)}: {quoted(d)}" for n, d in zip(layer.names[1:], others, strict=True))
            parts.append(f"others_dtype={quoted(others[0]) if len(set(others)) == 1 else f'{{{dtypes}}}'}")
    return f"Example({', '.join(parts)})"


def _rule(layer: LayerText) -> Iterator[str]:
    if not layer.several:
        yield "    def output(self, x: TensorType) -> TensorType:"
        yield from _needs(layer)
        yield f"        return {_types(layer)[0]}"
        return
    yield "    def output(self, x: TensorType) -> TensorType:"
    yield "        return self.results(x, {})[0]"
    yield ""
    given = "others: Mapping[str, tuple[TensorType, ...]]"
    yield f"    def results(self, x: TensorType, {given}) -> tuple[TensorType, ...]:"
    yield from _needs(layer)
    yield f"        return {_tuple(_types(layer))}"


def _types(layer: LayerText) -> list[str]:
    """What comes out, as code."""
    found: list[str] = []
    own = [f"x.shape[{k}]" for k in range(len(layer.bench.call.shapes[0]))]
    first = dtype_of(layer.bench.call.inputs[0])
    for sizes, dtype in zip(layer.rule.outputs, layer.outcome.dtypes, strict=True):
        same_type = sizes == own and dtype == first
        more = "" if dtype == "float32" else f", {quoted(dtype)}"
        found.append("x" if same_type else f"TensorType({_tuple(sizes) if sizes else '()'}{more})")
    return found


def _needs(layer: LayerText) -> Iterator[str]:
    """The lines that hold what is given against what is taken."""
    inputs, shapes = layer.bench.call.inputs, layer.bench.call.shapes
    dtype = dtype_of(inputs[0])
    if dtype == "float32":
        yield "        self.need_float(x)"
    else:
        yield f'        need(x.dtype == "{dtype}", lambda: f"`{layer.name}` wants {dtype}, but {{x.dtype}} comes")'
    if not layer.rule.keeps_shape:
        axes = ", ".join(_axes(layer))
        yield f'        self.need_rank(x, {len(shapes[0])}, "({axes})")'
    for name, tensor, shape in zip(layer.names[1:], inputs[1:], shapes[1:], strict=True):
        yield f'        given = others.get("{name}", ())'
        wish = f"`{layer.name}` wants one value as `{name}`"
        yield f'        need(len(given) == 1, lambda: "{wish}", code="missing-argument")'
        yield f"        {name} = given[0]"
        yield f'        fits = len({name}.shape) == {len(shape)} and {name}.dtype == "{dtype_of(tensor)}"'
        wish = f"`{name}` wants {counted(len(shape))} of {dtype_of(tensor)}"
        yield f'        need(fits, lambda: "{wish}", code="shape-mismatch")'
    if layer.rule.open:
        yield "        # To be filled in: no rule of the sizes was seen, and this one is for the example's alone."
    for name in layer.rule.alone:
        yield f"        # To be filled in: with another `{name}` there are other parameters or outputs."
    for condition, wish in layer.rule.conditions:
        yield f"        need({condition}, lambda: {quoted(f'`{layer.name}`: {wish}')})"


def _macs(layer: LayerText) -> Iterator[str]:
    macs = layer.rule.macs
    if macs == "0":
        return
    yield ""
    if macs is None:
        yield "    # To be filled in: `macs(self, x)`, the multiply-accumulates of one example. No formula of"
        yield "    # them was seen: they are counted as 0."
    elif layer.several:
        yield "    def macs_of_all(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> Size:"
        yield from (f'        {name} = others["{name}"][0]' for name in layer.names[1:] if f"{name}.shape" in macs)
        yield from ["        y = self.results(x, others)[0]"] if "y.shape" in macs else []
        yield f"        return {macs}"
    else:
        yield "    def macs(self, x: TensorType) -> Size:"
        yield from ["        y = self.output(x)"] if "y.shape" in macs else []
        yield f"        return {macs}"


def _saved(layer: LayerText) -> Iterator[str]:
    saved = layer.rule.saved
    if saved == "input=True":
        return
    yield ""
    if saved is None:
        yield "    # To be filled in: `saved(self, x)`, what autograd keeps. No formula of it was seen: the input"
        yield "    # is counted."
        return
    yield "    def saved(self, x: TensorType) -> Saved:"
    yield from ["        y = self.output(x)"] if "y.shape" in saved else []
    yield f"        return Saved({saved})"


def _wrapped(line: str) -> Iterator[str]:
    """A line; one that is too long with what stands in its outermost parentheses on lines of their own."""
    if len(line) <= _WIDTH or "(" not in line or line.lstrip()[0] in '"#':
        yield line
        return
    start, end = line.index("("), line.rindex(")")
    indent = " " * (len(line) - len(line.lstrip()))
    yield line[: start + 1]
    for part in _parts(line[start + 1 : end]):
        yield f"{indent}    {part},"
    yield indent + line[end:]


_WIDTH: Final = 120


def _parts(text: str) -> Iterator[str]:
    """What the commas divide that are in no bracket and no text."""
    depth, begun, is_text = 0, 0, False
    for at, letter in enumerate(text):
        is_text ^= letter == '"'
        depth += 0 if is_text else (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth and not is_text:
            yield text[begun:at].strip()
            begun = at + 1
    if text[begun:].strip():
        yield text[begun:].strip()


def _arguments(layer: LayerText) -> str:
    """The arguments of the constructor, as code."""
    parts: list[str] = []
    fields = {each.name: each for each in layer.fields}
    plain = bool(fields) and all(each.lengths is None for each in layer.fields)
    if plain and not layer.bench.ties:
        return "self.arguments(x)"
    fields = {} if plain else fields
    for name in layer.bench.call.arguments:
        found = layer.bench.ties.get(name)
        if found is not None:
            one = found.last == found.first + 1
            size = f"x.shape[{found.first}]" if one else f"product(x.shape[{found.first}:{found.last}])"
            parts.append(f"{quoted(name)}: {size}")
        elif name in fields:
            length = fields[name].lengths
            value = f"self.{name}" if length is None else f"spread(self.{name}, {length})"
            parts.append(f"{quoted(name)}: {value}")
    return f"{{{', '.join([*parts, *(['**self.arguments(x)'] if plain else [])])}}}"


def layer_name(kind: type[nn.Module], taken: Any) -> str:
    """What a layer for a class is called: as the class, in CapWords, and as none that there is."""
    words = re.split(r"[^a-zA-Z0-9]+", kind.__name__)
    name = "".join(word[:1].upper() + word[1:] for word in words if word) or "Mine"
    if name[0].isdigit() or not any(c.islower() for c in name):
        name = f"Own{name}" if name[0].isdigit() or len(name) < 2 else name
    while name in taken:
        name = f"Own{name}"
    return name
