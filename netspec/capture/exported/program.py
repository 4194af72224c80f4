"""The graph of an exported program: its nodes, their arguments, and what is known of its values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from netspec.capture.exported.archive import ExportedArchive
from netspec.capture.exported.fields import JsonField
from netspec.capture.graph import NotCaptured, Place

_DTYPES: Final = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 9: "complex32",
    10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16",
}  # fmt: skip
"""The numbers of `ScalarType` in torch's `export/schema.py`."""

_MAJOR: Final = 8
"""The version of that schema."""


class ValueName(NamedTuple):
    """A value of the graph, as an argument."""

    name: str


class DtypeArgument(NamedTuple):
    """A dtype, as an argument."""

    name: str


class TensorMeta(NamedTuple):
    """What the program says of a tensor."""

    dtype: str
    sizes: tuple[int, ...]
    """As they were in the example that it was exported with."""
    symbols: tuple[str | None, ...]
    """For each axis the expression of its size, where that is none of the numbers."""
    strides: tuple[int, ...]
    offset: int
    requires_grad: bool


@dataclass(eq=False, slots=True)
class ProgramNode:
    """One operator that is called."""

    target: str
    """`aten.conv2d.default`."""
    args: dict[str, Any]
    """By the names of the operator's schema."""
    outputs: tuple[str | None, ...]
    stack: tuple[tuple[str, str], ...]
    """The modules that it is called in, outermost first: the path of each and its class."""
    frames: tuple[tuple[str, int, str], ...]
    """The lines of the user's program that it comes from, outermost first: the file, the number, what stands there."""
    where: str
    """In the file."""
    reads: list[str] = field(default_factory=list[str])
    tensors: list[str] = field(default_factory=list[str])
    """The values that it takes and gives as tensors, of which the file says sizes and dtype."""

    @property
    def place(self) -> Place | None:
        """The innermost of those lines: no file is looked at."""
        return Place(*self.frames[-1]) if self.frames else None

    def told(self) -> str:
        """The place in front of what is told of it: the user's line, or that in the file."""
        return f"{self.place}: " if self.place is not None else f"{self.where}: "


class HeldTensor(NamedTuple):
    """A tensor that the program has."""

    key: str
    kind: str
    """`parameter`, `buffer` or `constant`."""
    persistent: bool = True


@dataclass(eq=False)
class ExportedGraph:
    """A program."""

    inputs: list[str]
    outputs: list[str]
    nodes: list[ProgramNode]
    tensors: dict[str, TensorMeta]
    held: dict[str, HeldTensor]
    dialect: str
    torch: str


def read_graph(archive: ExportedArchive) -> ExportedGraph:
    """The graph of an archive.

    Raises:
        NotCaptured: something is missing, or is nothing that a spec says.
    """
    program = archive.program
    version = program.at("schema_version").at("major").integer()
    if version != _MAJOR:
        raise NotCaptured(
            f"{program.place}.schema_version: the version of the format is {version}, and {_MAJOR} is read: save the "
            "program with torch 2.11 to 2.14"
        )
    module = program.at("graph_module")
    graph, signature = module.at("graph"), module.at("signature")
    tensors = {name: _meta(each) for name, each in graph.at("tensor_values").items()}
    nodes = [_node(each) for each in graph.at("nodes").each()]
    inputs, held = _inputs(signature, _argument_names(program))
    outputs = list(_outputs(signature))
    found = ExportedGraph(
        inputs, outputs, nodes, tensors, held, _dialect(program), _short(program.get("torch_version"))
    )
    _check_order(found, program)
    return found


def _short(text: JsonField | None) -> str:
    return "" if text is None else text.text()[:40]


def _dialect(program: JsonField) -> str:
    verifiers = program.get("verifiers")
    found = [] if verifiers is None else [each.text() for each in verifiers.each()]
    return found[0] if found else ""


def _check_order(graph: ExportedGraph, program: JsonField) -> None:
    """Refuse values that are read before they are made, or made twice."""
    known = {*graph.inputs, *graph.held}
    for node in graph.nodes:
        unknown = next((name for name in node.reads if name not in known), None)
        if unknown is not None:
            raise NotCaptured(f"{node.where}: `{unknown}` is read before it is made; the file is damaged")
        made = [name for name in node.outputs if name is not None]
        twice = next((name for name in made if name in known), None)
        if twice is not None:
            raise NotCaptured(f"{node.where}: `{twice}` is made twice; the file is damaged")
        untold = next((name for name in node.tensors if name not in graph.tensors), None)
        if untold is not None:
            raise NotCaptured(f"{node.where}: nothing is said of the tensor `{untold}`; the file is damaged")
        known.update(made)
    for name in graph.outputs:
        if name not in known:
            raise NotCaptured(f"{program.place}: the output `{name}` is made by no node; the file is damaged")
    for name in (*graph.inputs, *graph.outputs):
        if name not in graph.tensors:
            raise NotCaptured(f"{program.place}: nothing is said of `{name}`, which it takes or gives; the file is "
                              "damaged")  # fmt: skip


# ---- what it takes and gives


def _argument_names(program: JsonField) -> list[str]:
    """The names of the arguments of the program's `forward`."""
    for call in program.at("graph_module").at("module_call_graph").each():
        signature = call.get("signature")
        if call.at("fqn").text() == "" and signature is not None:
            names = signature.get("forward_arg_names")
            return [] if names is None else [each.text() for each in names.each()]
    return []


def _inputs(signature: JsonField, names: list[str]) -> tuple[list[str], dict[str, HeldTensor]]:
    inputs: list[str] = []
    held: dict[str, HeldTensor] = {}
    for spec in signature.at("input_specs").each():
        kind, given = spec.only()
        if kind == "user_input":
            form, value = given.at("arg").only()
            if form != "as_tensor":
                told = f"`{names[len(inputs)]}`" if len(inputs) < len(names) else "one"
                raise NotCaptured(f"{value.place}: the inputs of a spec are tensors, and {told} of the program is none")
            inputs.append(value.at("name").text())
        elif kind == "parameter":
            held[given.at("arg").at("name").text()] = HeldTensor(given.at("parameter_name").text(), "parameter")
        elif kind == "buffer":
            persistent = given.get("persistent")
            is_saved = persistent is None or persistent.truth()
            held[given.at("arg").at("name").text()] = HeldTensor(given.at("buffer_name").text(), "buffer", is_saved)
        elif kind == "constant_input":  # a number or None, which stands in the steps that read it
            continue
        elif kind == "tensor_constant":
            held[given.at("arg").at("name").text()] = HeldTensor(given.at("tensor_constant_name").text(), "constant")
        else:
            given.wrong(f"the program takes what a spec has not, a `{kind}`")
    if not inputs:
        raise NotCaptured(f"{signature.place}: the program takes no tensor, and a spec's network takes one at least")
    return inputs, held


def _outputs(signature: JsonField) -> Iterator[str]:
    for spec in signature.at("output_specs").each():
        kind, given = spec.only()
        if kind == "buffer_mutation":  # statistics, which the layers keep by themselves
            continue
        if kind != "user_output":
            given.wrong(f"the program gives what a spec has not, a `{kind}`")
        form, value = given.at("arg").only()
        if form == "as_none":
            continue
        if form != "as_tensor":
            raise NotCaptured(f"{value.place}: a spec's network gives tensors, and the program gives a number, too")
        yield value.at("name").text()


# ---- nodes


def _node(given: JsonField) -> ProgramNode:
    target = given.at("target").text()
    metadata = given.get("metadata")
    trace = None if metadata is None else metadata.get("stack_trace")
    modules = None if metadata is None else metadata.get("nn_module_stack")
    reads: list[str] = []
    node = ProgramNode(
        target.removeprefix("torch.ops."), {}, (), _stack("" if modules is None else modules.text()),
        _frames("" if trace is None else trace.text()), given.place, reads,
    )  # fmt: skip
    if "higher_order" in target:
        raise NotCaptured(
            f"{node.told()}`{target.rpartition('.')[2]}` runs parts of the program as it says itself; a spec's network "
            "has one way through it: export the module without it"
        )
    for each in given.at("inputs").each():
        node.args[each.at("name").text()] = _argument(each.at("arg"), node)
    outputs: list[str | None] = []
    for each in given.at("outputs").each():
        outputs.extend(_made(each, node))
    node.outputs = tuple(outputs)
    return node


def _made(given: JsonField, node: ProgramNode) -> list[str | None]:
    kind, value = given.only()
    if kind in ("as_tensor", "as_tensors"):
        names = [each.at("name").text() for each in ([value] if kind == "as_tensor" else value.each())]
        node.tensors += names
        return [*names]
    if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
        form, name = value.only()
        return [name.text() if form == "as_name" else None]
    if kind == "as_optional_tensor":
        return _made(value, node)
    if kind != "as_none":
        given.wrong(f"a node gives what a spec has not, `{kind}`")
    return [None]


def _symbol(given: JsonField, node: ProgramNode) -> Any:
    form, value = given.only()
    if form == "as_name":
        node.reads.append(value.text())
        return ValueName(value.text())
    return value.truth() if form == "as_bool" else value.number() if form == "as_float" else value.integer()


def _tensor(given: JsonField, node: ProgramNode) -> ValueName:
    name = given.at("name").text()
    node.reads.append(name)
    node.tensors.append(name)
    return ValueName(name)


def _optional(given: JsonField, node: ProgramNode) -> ValueName | None:
    form, value = given.only()
    return None if form == "as_none" else _tensor(value, node)


_PLAIN: Final[dict[str, Callable[[JsonField], Any]]] = {
    "as_int": JsonField.integer,
    "as_float": JsonField.number,
    "as_bool": JsonField.truth,
    "as_string": JsonField.text,
    "as_scalar_type": lambda given: DtypeArgument(_dtype(given)),
}
_LISTS: Final = {"as_ints": "as_int", "as_floats": "as_float", "as_bools": "as_bool", "as_strings": "as_string"}
_UNREAD: Final = frozenset(("as_device", "as_layout", "as_memory_format"))
"""Where and how numbers lie, which a spec does not say."""


def _argument(given: JsonField, node: ProgramNode) -> Any:
    kind, value = given.only()
    if kind in _PLAIN:
        return _PLAIN[kind](value)
    if kind in _LISTS:
        read = _PLAIN[_LISTS[kind]]
        return [read(each) for each in value.each()]
    if kind in _UNREAD or kind == "as_none":
        return None
    match kind:
        case "as_tensor":
            return _tensor(value, node)
        case "as_tensors":
            return [_tensor(each, node) for each in value.each()]
        case "as_optional_tensors":
            return [_optional(each, node) for each in value.each()]
        case "as_optional_tensor":
            return _optional(value, node)
        case "as_sym_int" | "as_sym_bool" | "as_sym_float":
            return _symbol(value, node)
        case "as_sym_ints" | "as_sym_bools" | "as_sym_floats":
            return [_symbol(each, node) for each in value.each()]
        case _:
            raise NotCaptured(f"{node.told()}`{node.target}` is given what a spec has not, `{kind}`")


def _dtype(given: JsonField) -> str:
    found = _DTYPES.get(given.integer())
    if found is None:
        given.wrong(f"{given.value} is no dtype that is known")
    return found


def _size(given: JsonField) -> tuple[int, str | None]:
    """A size; of a symbolic one that of the example, and its expression, which is only shown."""
    kind, value = given.only()
    if kind == "as_int":
        return value.integer(), None
    expression = value.at("expr_str").text()
    hint = value.get("hint")
    if hint is None:
        value.wrong(f"the size `{expression[:60]}` depends on the numbers in a tensor, or has no example")
    return hint.at("as_int").integer(), expression


def _meta(given: JsonField) -> TensorMeta:
    sizes = [_size(each) for each in given.at("sizes").each()]
    if any(size < 0 for size, _ in sizes) or len(sizes) > 64:
        given.wrong("a size is negative, or there are more than 64")
    strides = [_size(each)[0] for each in given.at("strides").each()]
    return TensorMeta(
        _dtype(given.at("dtype")),
        tuple(size for size, _ in sizes),
        tuple(symbol for _, symbol in sizes),
        tuple(strides),
        _size(given.at("storage_offset"))[0],
        given.at("requires_grad").truth(),
    )


def read_meta(given: JsonField) -> TensorMeta:
    """What an archive says of the bytes of a tensor."""
    return _meta(given)


_FRAME: Final = re.compile(r'^\s*File "([^"\n]{1,1000})", line (\d{1,9})[^\n]*(?:\n    ([^\n]*))?', re.MULTILINE)


def _frames(trace: str) -> tuple[tuple[str, int, str], ...]:
    """The lines that are neither torch's own nor of what torch wrote."""
    found = ((file, int(line), code) for file, line, code in _FRAME.findall(trace) if not file.startswith("<"))
    return tuple(frame for frame in found if "/torch/nn/" not in frame[0].replace("\\", "/"))


def _stack(text: str) -> tuple[tuple[str, str], ...]:
    """`KEY,PATH,CLASS;…`, outermost first; a second call of a module has `@1` behind its path."""
    found: list[tuple[str, str]] = []
    for part in text.split(";") if text else ():
        fields = part.split(",")
        if len(fields) >= 3:
            found.append((fields[1], fields[2]))
    return tuple(found)
