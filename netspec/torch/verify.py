"""Verify a net against torch: run the built module on real tensors, and compare every layer with the inferred shapes.

The meta device would be faster, but it accepts inputs that kernels for real tensors reject.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from netspec.diagnostics import Defect, PluginError
from netspec.dims import Size
from netspec.layers.base import TensorType
from netspec.net import Combinator, Leaf, Net, need_net, routed, walk
from netspec.plugins.asking import roots, told
from netspec.torch.build import build
from netspec.torch.modules import Outputs
from netspec.views.describe import count_text, plural, shape_text

_BATCH: Final = 2
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A difference between torch and the net. `path` is that of the module, empty for the whole network."""

    path: str
    type: str
    what: str
    expected: str
    """The value that netspec inferred."""
    found: str
    """The value in torch."""

    def __str__(self) -> str:
        place = f"`{self.path}` ({self.type})" if self.path else "the network"
        return f"{place}: {self.what} inferred as {self.expected}, in torch {self.found}"


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of `verify`: the numbers of layers and parameters compared, the seconds taken, and the differences."""

    layers: int
    params: int
    seconds: float
    torch: str
    disagreements: tuple[Disagreement, ...] = ()
    plugged: str = ""
    """The layer of a plugin that disagrees, if one does: what else disagrees may follow from it."""

    def __str__(self) -> str:
        compared = f"{plural(self.layers, 'layer')}, {count_text(self.params)} parameters"
        if not self.disagreements:
            return f"{compared} agree with torch {self.torch} ({self.seconds:.1f} s, batch of {_BATCH}, train and eval)"
        shown = [f"  {disagreement}" for disagreement in self.disagreements[:_SHOWN]]
        left = len(self.disagreements) - len(shown)
        more = [f"  and {left} more"] if left else []
        whose = f"a fault of the plugin's layer `{self.plugged}`" if self.plugged else "a defect of netspec's"
        head = f"{compared} do not agree with torch {self.torch}; this is {whose}:"
        return "\n".join([head, *shown, *more])


class PluginVerificationError(PluginError):
    """torch and a plugin's layer differ; `verification` has every difference."""

    def __init__(self, verification: Verification) -> None:
        hint = f"`netspec.probe` holds `{verification.plugged}` alone against the module that it builds"
        super().__init__(f"{verification}\n{hint}")
        self.verification = verification


class VerificationError(Defect):
    """torch and the net differ; `verification` has every difference."""

    def __init__(self, verification: Verification) -> None:
        super().__init__(str(verification))
        self.verification = verification


def verify(net: Net, *, seed: int = 0) -> Verification:
    """Build the net, run it on two examples in train and in eval mode, and compare every layer with the net.

    Compared are input and output shape and dtype of every layer and combinator, name and shape of every parameter and
    buffer, the order of execution, and the numbers of parameters and of trainable parameters. Hooks compare the
    activations, so none are stored; gradients are off.

    Raises:
        VerificationError: torch and the net differ (a `Defect`, status 70).
        PluginVerificationError: torch and the net differ at a plugin's layer.
        UsageError: the net has symbolic sizes.
        OutOfMemory: its parameters do not fit into memory.

    >>> netspec.verify(netspec.load("specs/lenet.yaml")).params
    61706
    """
    need_net(net, "verify")
    started = time.perf_counter()
    model = build(net, seed=seed)
    found = [*_state(net, model), *_totals(net, model)]
    for training in (True, False):
        found += _Run(net, model, seed).run(training=training)
    params = sum(parameter.numel() for parameter in model.parameters())
    version = torch.__version__.partition("+")[0]
    unique = tuple(dict.fromkeys(found))
    paths = {disagreement.path for disagreement in unique}
    plugged = next((leaf.type for leaf in net.layers if leaf.layer.is_foreign() and leaf.path in paths), "")
    result = Verification(len(net.layers), params, time.perf_counter() - started, version, unique, plugged)
    if plugged:
        raise PluginVerificationError(result)
    if unique:
        raise VerificationError(result)
    return result


def example(net: Net, batch: int, generator: torch.Generator | None = None) -> tuple[Tensor, ...]:
    """A batch of each of the inputs that the net takes: normally distributed, numbers of rows that its embeddings
    have and of places that there are, or true in at least the first place of a row, so that a mask leaves something."""
    return tuple(_example(net, value.type, batch, generator) for value in net.inputs)


def _example(net: Net, type_: TensorType, batch: int, generator: torch.Generator | None) -> Tensor:
    shape = [batch, *(size for size in type_.shape if isinstance(size, int))]
    if type_.dtype == "float32":
        return torch.randn(shape, generator=generator)
    if type_.dtype == "bool":
        drawn = torch.rand(shape, generator=generator) < 0.5
        drawn[..., :1] = True
        return drawn
    limits = [limit for leaf in net.layers for limit in (leaf.layer.integers, leaf.layer.places(leaf.input))]
    high = min((limit for limit in limits if isinstance(limit, int)), default=2)
    return torch.randint(0, high, shape, generator=generator)


# ---- parameters and buffers


def _state(net: Net, model: nn.Module) -> Iterator[Disagreement]:
    """Differences in names and shapes of the parameters and buffers of every layer."""
    for leaf in net.layers:
        module = model.get_submodule(leaf.path)
        parameters = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
        state = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
        buffers = {name: shape for name, shape in state.items() if name not in parameters}
        yield from _same_tensors(leaf, "parameters", leaf.parameters, parameters)
        yield from _same_tensors(leaf, "buffers", leaf.buffer_shapes, buffers)


def _same_tensors(leaf: Leaf, what: str, expected: dict[str, Any], found: dict[str, Any]) -> Iterator[Disagreement]:
    if list(expected.items()) != list(found.items()):
        yield Disagreement(leaf.path, leaf.type, what, _tensors(expected), _tensors(found))


def _repeated(node: Leaf | Combinator, number: int) -> bool:
    """Whether a tensor that a layer is given is a constant that is repeated for each example; 0 is what flows in."""
    return isinstance(node, Leaf) and number in node.constant_inputs


def _tensors(shapes: dict[str, Any]) -> str:
    return ", ".join(f"{name} {shape_text(shape)}" for name, shape in shapes.items()) or "none"


def _totals(net: Net, model: nn.Module) -> Iterator[Disagreement]:
    total = sum(parameter.numel() for parameter in model.parameters())
    learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    for what, expected, found in (
        ("parameters", net.params, total),
        ("trainable parameters", net.trainable_params, learning),
    ):
        if expected != found:
            yield Disagreement("", "", what, count_text(expected), count_text(found))


# ---- forward passes


class _Run:
    """One forward pass, with hooks on every layer and combinator that compare its input and output."""

    def __init__(self, net: Net, model: nn.Sequential, seed: int) -> None:
        self.net = net
        self.model = model
        self.generator = torch.Generator().manual_seed(seed)
        self.found: list[Disagreement] = []
        self.order: list[str] = []
        self.current: Leaf | None = None
        self.routed = routed(net)

    def run(self, *, training: bool) -> list[Disagreement]:
        """Run the pass in train or eval mode. Returns the differences."""
        self.model.train(training)
        heads = frozenset[str]() if training else self.net.training_only
        watched: dict[str, list[Leaf | Combinator]] = {}
        for node in walk(self.net.root):
            if isinstance(node, Leaf | Combinator) and node.path not in heads:
                watched.setdefault(node.path, []).append(node)
        hooks = [hook for nodes in watched.values() for hook in self._watch(nodes)]
        try:
            with torch.no_grad():
                output = self.model(*example(self.net, _BATCH, self.generator))
        except Exception as error:
            plugged = self.current is not None and self.current.layer.is_foreign()
            if not plugged and not isinstance(error, (RuntimeError, ValueError, IndexError, TypeError)):
                raise
            self._refused(error, training)
            return self.found
        finally:
            for hook in hooks:
                hook.remove()
        self._whole(output, training)
        self._order(training)
        return self.found

    def _watch(self, nodes: Sequence[Leaf | Combinator]) -> list[Any]:
        """Watch one module: `nodes` are its applications, in their order."""
        path, first = nodes[0].path, nodes[0]
        module = self.model.get_submodule(path)
        kind = first.type if isinstance(first, Leaf) else first.kind
        begun, ended = iter(nodes), iter(nodes)

        def before(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            node = next(begun, None)
            if isinstance(node, Leaf):
                for i, (read, given) in enumerate(zip(node.given, arguments[1:], strict=False), 1):
                    if read is None:
                        continue
                    expected = read.type.said_constant(read.type.constant and not _repeated(node, i))
                    self._compare(path, kind, f"input `{read.name}`", expected, given, node.slices)
            if isinstance(first, Leaf):
                self.current = node if isinstance(node, Leaf) else first
                self.order.append(path)
            if node is not None and not (isinstance(node, Leaf) and node.layer.source):
                given = node.input.said_constant(node.input.constant and not _repeated(node, 0))
                self._compare(path, kind, "input", given, arguments[0], node.slices)

        def after(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
            node = next(ended, None)
            if isinstance(node, Leaf) and node.results:
                output, *others = output
                for result, given in zip(node.results, others, strict=False):
                    self._compare(path, kind, f"result `{result.name}`", result.type, given, node.slices)
            if node is not None:
                self._compare(path, kind, "output", node.output, output, node.slices)

        return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]

    def _compare(self, path: str, kind: str, what: str, expected: TensorType, found: Any, slices: Size = 1) -> None:
        if not isinstance(found, Tensor):
            self.found.append(Disagreement(path, kind, what, "a tensor", f"a {type(found).__name__}"))
            return
        inferred = (1 if expected.constant else _BATCH * slices, *expected.shape)
        if path in self.routed and found.dim() and not expected.constant:
            inferred = (found.shape[0], *expected.shape)  # values decide how many there are
        if tuple(found.shape) != inferred:
            self.found.append(Disagreement(path, kind, what, shape_text(inferred), shape_text(tuple(found.shape))))
        dtype = str(found.dtype).removeprefix("torch.")
        if dtype != expected.dtype:
            self.found.append(Disagreement(path, kind, f"{what} dtype", expected.dtype, dtype))

    def _whole(self, output: Any, training: bool) -> None:
        if isinstance(output, Outputs) and training:
            output = output.output
        fields = output if self.net.outputs[0].name is not None else (output,)
        for value, found in zip(self.net.outputs, fields, strict=False):
            what = "output" if value.name is None else f"output `{value.name}`"
            members = found if value.family else (found,)
            for expected, tensor in zip(value.types, members, strict=True):
                self._compare("", "", what, expected.said_constant(False), tensor)  # a constant is repeated

    def _order(self, training: bool) -> None:
        """Compare the order of execution. Layers of auxiliary heads run in train mode only, all others in both modes,
        as often as the net says and in its order."""
        heads = self.net.training_only
        expected = [leaf.path for leaf in self.net.layers if training or leaf.path not in heads]
        if self.order != expected:
            at = next((i for i, (a, b) in enumerate(zip(expected, self.order, strict=False)) if a != b), -1)
            at = min(len(expected), len(self.order)) if at < 0 else at
            paths = [order[at] if at < len(order) else "the end" for order in (expected, self.order)]
            self.found.append(Disagreement("", "", f"step {at + 1} of the execution", *paths))

    def _refused(self, error: Exception, training: bool) -> None:
        leaf = self.current
        path, kind = (leaf.path, leaf.type) if leaf else ("", "")
        mode = "train" if training else "eval"
        message = " ".join(str(error).split())
        if leaf is not None and leaf.layer.is_foreign():
            message = told(error, roots([type(leaf.layer)]))
        self.found.append(Disagreement(path, kind, f"forward in {mode} mode", "legal", f"refused: {message}"))
