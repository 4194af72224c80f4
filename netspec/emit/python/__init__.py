"""Net → a standalone Python file that imports torch alone, torchvision where a layer is torchvision's, and the modules
of plugins where a layer is a plugin's.

The file reads as a person would have written it: blocks that are called more than once are functions, names are kept,
arguments that equal torch's defaults are left out, and every layer carries the shape of its output. It loads the same
`state_dict` as the module that netspec builds. Beside the network stands what its recipe does to pictures before. torch
is not imported for writing it.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from netspec.emit.python.blocks import Functions
from netspec.emit.python.code import WIDTH, FileNames, shape_comment, statement, wrapped
from netspec.emit.python.convert import Converter
from netspec.emit.python.forward import Classes, outputs_name
from netspec.emit.python.helpers import Copies, helper_names
from netspec.emit.python.initial import initial_weights
from netspec.emit.python.parametrized import parametrizations
from netspec.emit.python.pictures import NAMES, foreign, preprocessing, takes_pictures
from netspec.emit.python.told import Texts
from netspec.layers.base import TensorType
from netspec.layers.parametrizations import PARAMETRIZATIONS
from netspec.net import Net, need_net, need_numbers
from netspec.views.describe import count_text, ends_text, plural

_RESERVED: Final = frozenset(
    {"nn", "torch", "model", "module", "layer", "name", "range", "OrderedDict", "init_weights", "tie"}
).union(PARAMETRIZATIONS)
_TIE: Final = '''\
def tie(model: nn.Module, key: str, other: str) -> None:
    """Make the parameter of one key of the `state_dict` that of another."""
    path, _, name = key.rpartition(".")
    setattr(model.get_submodule(path), name, model.get_parameter(other))'''


def to_python(net: Net) -> str:
    """The source text of a Python file that defines the network.

    Raises:
        UsageError: the net has symbolic sizes.

    >>> text = netspec.to_python(netspec.load("specs/lenet.yaml"))
    >>> "nn.Conv2d(1, 6, kernel_size=5, padding=2)" in text
    True
    """
    need_net(net, "to_python")
    need_numbers(net, f"writing `{net.name}` as Python")
    classes = Classes(net)
    converter = Converter(Texts(net), classes, _function_name(net), _names_of_others(net))
    root = converter.root(net.root)
    names = FileNames(
        _RESERVED
        | set(NAMES if takes_pictures(net) else ())
        | set(converter.variables.values())
        | helper_names()
        | classes.texts.keys()
        | {name for _, name in converter.imports}
        | set(converter.plugged.values())
    )
    network = names.take(_function_name(net))
    prepare = names.take("preprocess")
    functions = Functions(names)
    root = functions.resolve(converter.blocks, root)
    parametrized = parametrizations(net)
    copies = Copies([*converter.helpers, *parametrized.helpers])

    weights = initial_weights(net)
    result = root.function
    head = f"def {network}() -> {result}:"
    body = [f'    """{_doc(net)}"""']
    ties = [
        f'    tie(model, "{leaf.path}.{tie.parameter}", "{tie.path}.{tie.name}")'
        for leaf in net.layers
        for tie in leaf.ties
        if not leaf.again
    ]
    if weights.anything or ties or parametrized.lines:
        body += [*statement("model = ", root, 1), *ties, *weights.calls, *parametrized.lines, "    return model"]
    else:
        body += statement("return ", root, 1)

    definitions = [
        *(copies.texts.values() if classes.texts else map(without_values, copies.texts.values())),
        *classes.documented().values(),
        *("\n".join(lines) for lines in functions.texts),
        *([_TIE] if ties else []),
        *(["\n".join(weights.function)] if weights.function else []),
        "\n".join([head, *body]),
        *(["\n".join(prepared)] if (prepared := preprocessing(net, prepare)) else []),
        "\n".join(_main(net, network)),
    ]
    text = "\n\n\n".join(definitions)
    imports = {*copies.imports, *parametrized.imports} | _needed(converter, classes, text)
    return "\n".join([*_header(net), "", *_imports(imports, bool(copies.texts)), "", "", text, ""])


def _needed(converter: Converter, classes: Classes, text: str) -> set[tuple[str, str]]:
    """What the converted net, its classes and the definitions in a text need to have imported."""
    imports = {*converter.imports, ("torch", ""), ("torch", "nn")}
    for (module, target), bound in converter.plugged.items():
        imports.add((module, target if bound == target else f"{target} as {bound}"))
    if "OrderedDict(" in text:
        imports.add(("collections", "OrderedDict"))
    if classes.texts:
        imports.add(("torch", "Tensor"))
    if any("(NamedTuple)" in text for text in classes.texts.values()):
        imports.add(("typing", "NamedTuple"))
    return imports


def _names_of_others(net: Net) -> frozenset[str]:
    """Names that a plugin's class may not have in the file."""
    own = {outputs_name(_function_name(net)), "Tensor", "NamedTuple"}
    calls = (leaf.call for leaf in net.layers)
    return _RESERVED | helper_names() | own | {call.target for call in calls if call.module.startswith("torchvision.")}


def without_values(text: str) -> str:
    """A helper for a file in which no value has a name: its branches read none from outside."""
    return text.replace(", *values: Tensor)", ")").replace(", *values)", ")")


def _function_name(net: Net) -> str:
    """The net's name as one of Python's."""
    name = re.sub(r"\W", "_", net.name).strip("_").lower()
    return name if name.isidentifier() else f"net_{name}".rstrip("_")


def _doc(net: Net) -> str:
    """The docstring's one line, or its lines where inputs and outputs do not fit on one."""
    inputs, outputs = map(shape_comment, ends_text(net))
    facts = f"{count_text(net.params)} parameters."
    line = f"{inputs} → {outputs}; {facts}"
    if len(line) <= WIDTH:
        return line
    words = [f"{inputs} → {outputs}", facts]
    lines = [line for text in words for line in wrapped(text, WIDTH)]
    return "\n    ".join([*lines, ""])


def _header(net: Net) -> list[str]:
    """Comments, whose first line is always the same: text in one of the first two lines could declare an encoding."""
    facts = (
        f"{plural(len(net.layers), 'layer')}, {count_text(net.params)} parameters, "
        f"{count_text(net.macs)} multiply-accumulates for one example."
    )
    lines = ["A network in PyTorch, written by netspec from a checked spec; edit the spec rather than this file.", ""]
    ends = shape_comment(f"{net.name}: {' to '.join(ends_text(net))}")
    lines += [*wrapped(ends, WIDTH - 2), facts]
    if plugged := foreign(net):
        said = f"What its recipe does to pictures before is not here: `{plugged[0]}` is a plugin's."
        lines += ["", *wrapped(shape_comment(said), WIDTH - 2)]
    if net.description.strip():
        lines.append("")
        for paragraph in net.description.splitlines():
            plain = " ".join(shape_comment(paragraph).split())
            lines += textwrap.wrap(plain, WIDTH - 2, break_on_hyphens=False) or [""]
        while not lines[-1]:
            lines.pop()
    return [f"# {line}".rstrip() for line in lines]


def _imports(wanted: Iterable[tuple[str, str]], copied: bool) -> list[str]:
    """The import lines, sorted as ruff sorts them: standard library, then the rest; plain imports first."""
    modules: defaultdict[str, set[str]] = defaultdict(set)
    plain: set[str] = set()
    for module, name in wanted:
        if name:
            modules[module].add(name)
        else:
            plain.add(module)
    lines = ["from __future__ import annotations", ""] if copied else []
    for is_standard in (True, False):
        section = [f"import {module}" for module in sorted(plain) if _standard(module) is is_standard]
        for module in sorted(modules):
            if _standard(module) is is_standard:
                renamed = sorted(name for name in modules[module] if " as " in name)
                kept = sorted(modules[module].difference(renamed))
                section += [f"from {module} import {name}" for name in renamed]
                section += [f"from {module} import {', '.join(kept)}"] if kept else []
        lines += [*section, ""] if section else []
    return lines[:-1]


def _standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _main(net: Net, network: str) -> list[str]:
    lines = ['if __name__ == "__main__":', f"    model = {network}().eval()"]
    result = f"model({_zeros(net.input)})"
    if len(net.inputs) > 1:
        inputs = [f"        {_zeros(value.type)},  # {value.name}" for value in net.inputs]
        lines += ["    inputs = [", *inputs, "    ]"]
        result = "model(*inputs)"
    if net.outputs[0].name is None:
        if net.training_only:
            alone = "assert isinstance(output, torch.Tensor)  # the heads run in training"
            return [*lines, f"    output = {result}", f"    {alone}", "    print(tuple(output.shape))"]
        if not net.outputs[0].family:
            return [*lines, f"    print(tuple({result}.shape))"]
        return [*lines, f"    print([tuple(value.shape) for value in {result}])"]
    lines.append(f"    outputs = {result}")
    for value in net.outputs:
        given = f"outputs.{value.name}"
        shapes = f"[tuple(value.shape) for value in {given}]" if value.family else f"tuple({given}.shape)"
        lines.append(f'    print("{value.name}", {shapes})')
    return lines


def _zeros(type_: TensorType) -> str:
    """A batch of two zeros."""
    dtype = "" if type_.dtype == "float32" else f", dtype=torch.{type_.dtype}"
    return f"torch.zeros({', '.join(map(str, (2, *type_.shape)))}{dtype})"
