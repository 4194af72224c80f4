"""The nodes of a file → steps of a network: sizes are computed, weights become layers, and each step has a path.

What a node gives is computed on the meta device for three batches. What differs between them grows with the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, Final

import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.lowering.forms import NoForm
from netspec.capture.onnx.channels import is_key, with_channels
from netspec.capture.onnx.layers import LAYERS, OnnxLayer
from netspec.capture.onnx.moving import OF_SIZES
from netspec.capture.onnx.operators import OPERATORS
from netspec.capture.onnx.paths import free_path, place
from netspec.capture.onnx.program import OnnxNetwork, OnnxStep, computed, network_of, of_batch
from netspec.capture.onnx.reading import OnnxFile, OnnxNode, dtype_read
from netspec.capture.onnx.turning import TurnedValue, unturned
from netspec.capture.onnx.units import folded_units
from netspec.capture.onnx.values import KnownNumbers, in_a_tuple, numbers, plain

_BATCHES: Final = (2, 3, 5)
_MOST: Final = 2**28
"""Numbers in a value, on a batch of the last size: 1 GiB."""
_KNOWN: Final = {
    "CastLike": (1,), "Clip": (1, 2), "ConstantOfShape": (0,), "Dropout": (1, 2), "Pad": (1, 2, 3), "Range": (0, 1, 2),
    "Resize": (1, 2, 3),
}  # fmt: skip
"""Inputs of operators that are read as numbers, and no tensors of the network."""
_CUTS: Final = frozenset(("Reshape", "Flatten", "Squeeze", "Unsqueeze"))
"""Operators that only cut and merge axes."""
_OF_BATCH: Final = frozenset(("Reshape", "Expand", "Concat"))
"""Operators in which a file of a fixed batch has its size written."""

Values = list[Any]
"""What a name stands for on each batch: a tensor on the meta device, or numbers that are known."""


def built(file: OnnxFile, sizes: Sequence[Sequence[int]]) -> OnnxNetwork:
    """The network of a file, with its weights.

    Args:
        file: what it says.
        sizes: of each input, without the batch.

    Raises:
        NotCaptured: it has what no spec has, or what does not fit; the message names the node.
    """
    building = _Building(file, sizes)
    try:
        building.walk()
    except NotCaptured as error:
        if building.fixed is None:
            raise
        raise NotCaptured(
            f"{error}\nnote: the file is written for a batch of {building.fixed} alone, if the first axis of its "
            "input is that, and a spec is for any: written with such an axis, which may vary (`dynamic_shapes`, or "
            "`dynamic_axes`, of `torch.onnx.export`), it may be read"
        ) from None
    return building.network()


class _Building:
    def __init__(self, file: OnnxFile, sizes: Sequence[Sequence[int]]) -> None:
        self.file = file
        self.values: dict[str, Values] = {}
        self.origins: dict[str, str] = {}
        """For numbers of the file what it calls them, also where they were turned."""
        self.fixed_numbers: set[str] = set()
        """Values that neither an input nor the batch decides."""
        self.steps: list[OnnxStep] = []
        self.outputs = file.outputs
        self.whole: dict[str, str] = {}
        """For a value whose axes were cut or merged, the value that it is."""
        self.turned: dict[str, TurnedValue] = {}
        self.same: dict[str, str] = {}
        """For another name of a value the first one."""
        self.parameters: dict[str, str] = {}
        """Numbers that meet tensors, and what the file calls them."""
        first = file.inputs[0].sizes[0] if file.inputs else None
        self.fixed = first if isinstance(first, int) else None
        for name, own in file.constants.items():
            self._number(name, own, name)
        for given, own in zip(file.inputs, sizes, strict=True):
            dtype = torch.float32 if given.is_cast else given.dtype
            self.values[given.name] = [torch.empty((n, *own), dtype=dtype, device="meta") for n in _BATCHES]
        self.nodes = self._wanted(self._without_constants(file.nodes))
        unknown = next((node for node in self.nodes if node.op not in OPERATORS and node.op not in LAYERS), None)
        if unknown is not None:
            raise NotCaptured(f"{unknown.place}: `{unknown.op}` has no form in a spec")

    def _number(self, name: str, own: Tensor, origin: str) -> None:
        known = KnownNumbers(own)
        self.values[name] = [known] * len(_BATCHES)
        self.origins[name] = origin
        self.fixed_numbers.add(name)

    def _without_constants(self, nodes: Sequence[OnnxNode]) -> list[OnnxNode]:
        """The nodes that are left once those that hold numbers are taken as that, and norms and units are one."""
        left: list[OnnxNode] = []
        for node in nodes:
            if node.op == "Constant":
                self._number(node.outputs[0], self._plainly(node, [])[0], "")
            elif node.op == "Identity" and node.inputs[0] in self.fixed_numbers:
                own = self.values[node.inputs[0]][0].tensor
                self._number(node.outputs[0], own, node.outputs[0])
            else:
                left.append(node)
        known = {name: self.values[name][0].tensor for name in self.fixed_numbers}
        return folded_units(with_channels(left, known, self.file.outputs, self._number), known, self.file.outputs)

    def _wanted(self, nodes: Sequence[OnnxNode]) -> list[OnnxNode]:
        """The nodes on which an output depends."""
        wanted, kept = set(self.file.outputs), list[OnnxNode]()
        for node in reversed(nodes):
            if wanted.intersection(node.outputs):
                wanted.update(node.inputs)
                kept.append(node)
        return kept[::-1]

    # ---- the walk

    def walk(self) -> None:
        for node in self.nodes:
            self._check(node)
            self._node(replace(node, inputs=[self.same.get(name, name) for name in node.inputs]))

    def network(self) -> OnnxNetwork:
        for name in self.file.outputs:
            if name not in self.values or not isinstance(self.values[name][0], Tensor):
                raise NotCaptured(f'{self.file.path}: no input decides output "{name}": a spec says what is computed')
        self.outputs = [self.same.get(name, name) for name in self.file.outputs]
        return self._placed()

    def _check(self, node: OnnxNode) -> None:
        if not node.outputs or (node.op in LAYERS and not node.inputs):
            lacks = "gives nothing" if not node.outputs else "reads nothing"
            raise NotCaptured(f"{node.place}: it {lacks}; the file is damaged")

    def _node(self, node: OnnxNode) -> None:
        given = [[None] * len(_BATCHES) if not name else self.values[name] for name in node.inputs]
        layer = self._layer(node, [each[0] for each in given])
        if layer is not None:
            self._layer_step(node, given, layer)
            return
        if node.op not in OPERATORS:
            raise NotCaptured(f"{node.place}: `{node.op}` of these has no form in a spec")
        known = all(value is None or isinstance(value, KnownNumbers) for each in given for value in each)
        if node.op in OF_SIZES or (known and not self._learned(node, given)):
            self._known_node(node, given)
            return
        if self._is_same(node, given) or self._is_turned(node):
            return
        takes: list[Any] = []
        for at, (name, each) in enumerate(zip(node.inputs, given, strict=True)):
            if self._meets(node, at, name, each):
                self.parameters[name] = self.origins[name]
                given[at] = [plain(each[0]).to("meta")] * len(_BATCHES)
                takes.append(name)
            else:
                takes.append(name if isinstance(each[0], Tensor) else self._told(node, each))
        step = OnnxStep(node, takes, list(node.outputs), path=node.scope)
        self._run(step, None, given)
        if node.op in _CUTS and isinstance(takes[0], str):
            self._as_reshape(step)

    def _is_same(self, node: OnnxNode, given: Sequence[Values]) -> bool:
        """Whether a node changes nothing: what it gives is another name then."""
        value = given[0][0] if given else None
        if node.op not in ("Identity", "Dropout", "Cast") or not isinstance(value, Tensor):
            return False
        if node.op == "Cast":
            dtype = dtype_read(node.attributes.get("to", 0))
            if dtype is None or (dtype != value.dtype):
                return False
        if node.op == "Dropout" and (
            any(node.outputs[1:]) or self._plainly(node, [each[0] for each in given])[0] is not value
        ):
            return False
        self.same[node.outputs[0]] = node.inputs[0]
        self.values[node.outputs[0]] = given[0]
        return True

    def _is_turned(self, node: OnnxNode) -> bool:
        """Whether a node is a transpose, or stands behind one and is put in front of it."""
        name = node.outputs[0]
        if node.op == "Transpose":
            rank = self.values[node.inputs[0]][0].ndim
            order = tuple(node.attributes.get("perm") or range(rank)[::-1])
            before = self.turned.get(node.inputs[0], TurnedValue(node.inputs[0], tuple(range(rank))))
            if sorted(order) != list(range(rank)):
                raise NotCaptured(f"{node.place}: {order} is no order of {rank} axes")
            self._turn(node, TurnedValue(before.base, tuple(before.order[axis] for axis in order)), name)
            return True
        found = unturned(node, self.turned, self.values)
        if found is None:
            return False
        plain, order = found
        if order is None:
            self._node(plain)
            return True
        self._node(replace(plain, outputs=[f"{name}#turned"]))
        self._turn(node, TurnedValue(f"{name}#turned", order), name)
        return True

    def _turn(self, node: OnnxNode, turned: TurnedValue, name: str) -> None:
        """A step that turns a value, or another name for it where it is turned back."""
        if turned.order == tuple(range(len(turned.order))):
            self.same[name] = turned.base
            self.values[name] = self.values[turned.base]
            return
        own = replace(
            node, op="Transpose", attributes={"perm": list(turned.order)}, inputs=[turned.base], outputs=[name]
        )
        self._run(OnnxStep(own, [turned.base], [name], path=node.scope), None, [self.values[turned.base]])
        self.turned[name] = turned

    def _as_reshape(self, step: OnnxStep) -> None:
        """Cut the axes of a value once, from where they are whole: what is merged between need have no form."""
        source = str(step.takes[0])
        base, name = self.whole.get(source, source), step.gives[0]
        sizes = [KnownNumbers(torch.tensor(each.shape, dtype=torch.int64)) for each in self.values[name]]
        step.node = replace(step.node, op="Reshape", attributes={"allowzero": 1})
        step.takes, step.fixed = [base, self._told(step.node, sizes)], None
        self.whole[name] = base

    def _cut(self, node: OnnxNode, source: str, name: str) -> None:
        """A step that cuts or merges the axes of a value into those of another, which is known."""
        step = OnnxStep(node, [source, None], [name], path=node.scope)
        self._as_reshape(step)
        self.steps.append(step)

    def _whole_of(self, step: OnnxStep, given: Values) -> str | None:
        """What a linear layer takes, with the axes apart that were merged in front of its last."""
        base = self.whole.get(step.takes[0])
        if base is None:
            return None
        own, width = self.values[base], given[0].shape[-1]
        kept = next((k for k in range(own[0].ndim) if prod(own[0].shape[k:]) == width), None)
        if kept is None or kept < given[0].ndim:
            return None
        if kept == own[0].ndim - 1:
            return base
        name = f"{step.gives[0]}#taken"
        self.values[name] = [x.reshape(*x.shape[:kept], width) for x in own]
        self._cut(step.node, base, name)
        return name

    def _meets(self, node: OnnxNode, at: int, name: str, each: Values) -> bool:
        """Whether numbers of the file are a tensor of the network here."""
        if name not in self.fixed_numbers or at in _KNOWN.get(node.op, ()) or not isinstance(each[0], KnownNumbers):
            return False
        return each[0].tensor.is_floating_point() and each[0].tensor.numel() > 1

    def _learned(self, node: OnnxNode, given: Sequence[Values]) -> bool:
        """Whether numbers of the file are repeated for each example."""
        varies = any(name and name not in self.fixed_numbers for name in node.inputs)
        met = [given[at][0].tensor for at, name in enumerate(node.inputs) if self._meets(node, at, name, given[at])]
        return varies and any(bool(own.any()) for own in met)  # zeros are the states that begin a sequence

    def _layer(self, node: OnnxNode, given: list[Any]) -> OnnxLayer | None:
        if node.op not in LAYERS or not any(isinstance(value, Tensor) for value in given):
            return None
        try:
            return LAYERS[node.op](node, given)
        except NoForm as reason:
            raise NotCaptured(f"{node.place}: {reason}") from None
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError) as error:
            raise NotCaptured(
                f"{node.place}: it is no layer of torch's: {' '.join(str(error).split())[:200]}"
            ) from None

    def _layer_step(self, node: OnnxNode, given: list[Values], found: OnnxLayer) -> None:
        hints = [self.origins[name] for name in node.inputs if self.origins.get(name)]
        takes = [
            name if name and isinstance(each[0], Tensor) else None
            for name, each in zip(node.inputs, given, strict=True)
        ]
        given = [each if name is not None else [None] * len(_BATCHES) for name, each in zip(takes, given, strict=True)]
        step = OnnxStep(node, takes, list(node.outputs), found.module, node.scope, hints)
        whole = self._whole_of(step, given[0]) if isinstance(found.module, nn.Linear) else None
        if whole is not None:
            step.takes, step.gives = [whole], [f"{node.outputs[0]}#whole"]
            self._run(step, found.module, [self.values[whole]])
            sizes = [(*x.shape[:-1], found.module.out_features) for x in given[0]]
            self.values[node.outputs[0]] = [
                x.reshape(n) for x, n in zip(self.values[step.gives[0]], sizes, strict=True)
            ]
            self._cut(node, step.gives[0], node.outputs[0])
        else:
            self._run(step, found.module, given)
        state = {key: value.contiguous().clone() for key, value in found.weights.items()}
        found.module.load_state_dict(state, assign=True)
        for parameter in found.module.parameters():
            parameter.requires_grad_(True)

    def _run(self, step: OnnxStep, layer: nn.Module | None, given: Sequence[Values]) -> None:
        """Compute what a step gives on the meta device, and hold its size against what there is room for."""
        if self.fixed is not None and step.node.op in _OF_BATCH:
            step.fixed = self.fixed
        if layer is not None:
            layer.eval()
        results: list[tuple[Any, ...]] = []
        for at, batch in enumerate(_BATCHES):
            with torch.no_grad():
                results.append(computed(step, layer, [each[at] for each in given], batch))
        if layer is not None:
            layer.train()
        for at, name in enumerate(step.gives):
            if not name:
                continue
            found: list[Any] = [result[at] if at < len(result) else None for result in results]
            if not all(isinstance(value, Tensor) for value in found):
                raise NotCaptured(f'{step.node.place}: "{name}", its output {at + 1}, has no form in a spec')
            if found[-1].numel() > _MOST:
                raise NotCaptured(
                    f"{step.node.place}: it gives {tuple(found[-1].shape)} on a batch of {_BATCHES[-1]}: "
                    f"{found[-1].numel():,} numbers, and at most {_MOST:,} are computed"
                )
            self.values[name] = found
        self.steps.append(step)

    # ---- numbers that are known

    def _plainly(self, node: OnnxNode, given: list[Any]) -> tuple[Any, ...]:
        try:
            found: Any = OPERATORS[node.op](node, [x.tensor if isinstance(x, KnownNumbers) else x for x in given])
        except NoForm as reason:
            raise NotCaptured(f"{node.place}: {reason}") from None
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError) as error:
            raise NotCaptured(f"{node.place}: it cannot be computed: {' '.join(str(error).split())[:200]}") from None
        return in_a_tuple(found)

    def _known_node(self, node: OnnxNode, given: Sequence[Values]) -> None:
        fixed = all(not name or name in self.fixed_numbers for name in node.inputs) and node.op not in OF_SIZES
        self._check_room(node, given)
        results = [self._plainly(node, [each[at] for each in given]) for at in range(1 if fixed else len(_BATCHES))]
        learned = {
            self.origins[name] for name in node.inputs if self._meets(node, 0, name, self.values.get(name, [None]))
        }
        for at, name in enumerate(node.outputs):
            found = [result[at] for result in results]
            if fixed or all(each.shape == found[0].shape and bool((each == found[0]).all()) for each in found):
                self._number(name, found[0], learned.pop() if len(learned) == 1 else "")
            else:
                self.values[name] = [KnownNumbers(each) for each in found]

    def _check_room(self, node: OnnxNode, given: Sequence[Values]) -> None:
        """Refuse what repeats numbers more often than there is room for."""
        if node.op not in ("Expand", "Tile", "Pad", "Resize"):
            return
        sizes = [x.tensor for each in given[1:] for x in each[-1:] if isinstance(x, KnownNumbers)]
        own = given[0][-1].tensor.numel() if given and isinstance(given[0][-1], KnownNumbers) else 1
        for each in sizes:
            total = float(each.double().abs().clamp(min=1).prod()) * max(own, 1)
            if not total <= _MOST:
                raise NotCaptured(f"{node.place}: it repeats numbers {numbers(each)[:8]} times, beyond {_MOST:,}")

    def _told(self, node: OnnxNode, each: Values) -> Any:
        """Numbers as a step takes them: known, or such as grow with the batch."""
        if each[0] is None:
            return None
        found = of_batch([value.tensor for value in each])
        if found is not None:
            return found
        raise NotCaptured(f"{node.place}: it is given numbers that the batch decides in a way that no spec says")

    # ---- paths

    def _used(self) -> list[OnnxStep]:
        """The steps on which an output depends."""
        wanted, kept = set(self.outputs), list[OnnxStep]()
        for step in reversed(self.steps):
            if wanted.intersection(step.gives):
                wanted.update(step.names())
                kept.append(step)
        self.parameters = {name: origin for name, origin in self.parameters.items() if name in wanted}
        return kept[::-1]

    def _placed(self) -> OnnxNetwork:
        steps = self._used()
        taken = place(steps)
        constants: dict[str, tuple[str, Tensor, bool]] = {}
        for name, origin in self.parameters.items():
            learned = is_key(origin)
            path = free_path(origin if learned else "constant", taken)
            taken.add(path)
            constants[name] = (path, self.values[name][0].tensor, learned)
        return network_of(steps, [given.name for given in self.file.inputs], self.outputs, constants)
