"""Build the `nn.Sequential` of a net: one module for each layer, and a joining module for each combinator."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from netspec.diagnostics import Defect, MissingExtra, NetspecError, OutOfMemory
from netspec.extras import install
from netspec.layers.base import NAMESPACES, Layer, TorchCall
from netspec.layers.defaults import torch_defaults
from netspec.net import (
    As,
    Combinator,
    Leaf,
    Net,
    Sequential,
    Use,
    members,
    module_key,
    need_net,
    need_numbers,
    slots_named,
    walk,
)
from netspec.torch import modules
from netspec.torch.foreign import lacks_memory
from netspec.torch.foreign_modules import module_class, refused
from netspec.torch.graphs import Field, Graph, KeepValue, Network, RunModule, Step, TakeValue, program
from netspec.views.describe import bytes_text, count_text, shape_text
from netspec.wiring import NONE, Wires, Wiring, slots_read

_INITIALISERS: Final[dict[str, Any]] = {
    "constant_": nn.init.constant_,
    "dirac_": nn.init.dirac_,
    "eye_": nn.init.eye_,
    "kaiming_normal_": nn.init.kaiming_normal_,
    "kaiming_uniform_": nn.init.kaiming_uniform_,
    "normal_": nn.init.normal_,
    "ones_": nn.init.ones_,
    "orthogonal_": nn.init.orthogonal_,
    "sparse_": nn.init.sparse_,
    "trunc_normal_": nn.init.trunc_normal_,
    "uniform_": nn.init.uniform_,
    "xavier_normal_": nn.init.xavier_normal_,
    "xavier_uniform_": nn.init.xavier_uniform_,
    "zeros_": nn.init.zeros_,
}

_FROZEN: Final[dict[type[nn.Module], type[nn.Module]]] = {
    nn.BatchNorm1d: modules.FrozenBatchNorm1d,
    nn.BatchNorm2d: modules.FrozenBatchNorm2d,
    nn.BatchNorm3d: modules.FrozenBatchNorm3d,
    nn.SyncBatchNorm: modules.FrozenSyncBatchNorm,
    nn.InstanceNorm1d: modules.FrozenInstanceNorm1d,
    nn.InstanceNorm2d: modules.FrozenInstanceNorm2d,
    nn.InstanceNorm3d: modules.FrozenInstanceNorm3d,
}
"""The class used in place of a norm with running statistics if the layer is frozen."""


def build(
    net: Net,
    *,
    device: torch.device | str | None = None,
    seed: int | None = None,
    check_memory: bool = True,
) -> nn.Sequential:
    """Build the torch module of a net.

    The keys of its state dict are the net's paths: `leaf.path + ".weight"`. A net without `aux` is a plain
    `nn.Sequential`; with `aux` it is a `modules.AuxiliarySequential`, which returns `modules.Outputs` in training
    mode. Parameters of frozen layers do not require gradients, and frozen norms stay in eval mode.

    Parameters are initialised on the CPU in the order of the layers; then the spec's initialisers run in the same
    order. So with one seed they equal those of the same network written by hand, on every device.

    Args:
        net: the net.
        device: the device of the parameters; the CPU if None. On `"meta"` they have shapes and no values.
        seed: for the initial values. torch's global generator is restored afterwards; without a seed, it is used.
        check_memory: raise if the parameters do not fit into the free memory of the host.

    Raises:
        UsageError: the net has symbolic sizes.
        OutOfMemory: the parameters do not fit into memory.
        MissingExtra: a layer is a class of torchvision, which is not installed.
        Defect: torch refuses a layer or an initialiser that netspec accepted.

    >>> model = netspec.build(netspec.load("specs/lenet.yaml"), seed=0)
    >>> list(model.state_dict())[:2]
    ['0.weight', '0.bias']
    >>> sum(p.numel() for p in model.parameters())
    61706
    """
    need_net(net, "build")
    need_numbers(net, f"building `{net.name}`")
    target = torch.device("cpu" if device is None else device)
    if target.type == "meta":
        with target:
            return _parametrized(net, _tied(net, _root(net)))
    if check_memory:
        _check_memory(net)
    with seeded(seed):
        model = _tied(net, _root(net))
        for leaf in net.layers:
            if leaf.init and not leaf.again:
                _initialise(model.get_submodule(leaf.path), leaf)
        _parametrized(net, model)
    return model if target.type == "cpu" else model.to(target)


def constructor(call: TorchCall, of: Layer | None = None) -> type[nn.Module]:
    """The module class that a call names: that of the layer `of`, or of a combinator.

    Raises:
        MissingExtra: it is a class of torchvision, which is not installed.
        PluginError: it is a plugin's, and there is no such class.
        Defect: the namespace is not one that netspec imports from, or it has no such module class.
    """
    module = call.known_module(of)
    if of is not None and module not in NAMESPACES:
        return module_class(call, type(of))
    try:
        namespace = import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "torchvision":
            raise
        raise MissingExtra(f"`{call.target}` is torchvision's, which is not installed", install("torch")) from None
    found = getattr(namespace, call.target, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise Defect(f"torch {torch.__version__} has no module `{call.module}.{call.target}`, which a layer calls")
    return found


# ---- the walk


def _root(net: Net) -> nn.Sequential:
    calls = (node.joining.network for node in walk(net.root) if isinstance(node, Combinator))
    call = next((call for call in calls if call is not None), TorchCall("Sequential", {}))
    root = constructor(call)(**call.arguments)
    assert isinstance(root, nn.Sequential)
    wiring = Wiring(net)
    builder = _Builder(wiring)
    constant = net.root.output.constant and not net.named_outputs
    if wiring.named or net.named_inputs or net.named_outputs or constant or "" in wiring.homes:
        wires = Wires(tuple(value.slot for value in net.named_inputs[1:] if value.slot is not None), wiring.given)
        outputs = [
            Field(value.name, value.slots, value.family, tuple(type_.constant for type_ in value.types))
            for value in net.named_outputs
        ]
        heads = isinstance(root, modules.AuxiliarySequential)
        root = Network(builder.steps(net.root, wires), wires.reads, outputs, heads=heads, constant=constant)
    return builder.fill(root, net.root)


def _tied(net: Net, model: nn.Sequential) -> nn.Sequential:
    """Make parameters those of other layers, as the net says."""
    for leaf in net.layers:
        for tie in leaf.ties:
            path, _, name = f"{leaf.path}.{tie.parameter}".rpartition(".")
            setattr(model.get_submodule(path), name, model.get_parameter(f"{tie.path}.{tie.name}"))
    return model


def _parametrized(net: Net, model: nn.Sequential) -> nn.Sequential:
    """Compute weights of other parameters, as the net says. They begin as what they are without that."""
    for leaf in net.layers:
        if leaf.parametrization is not None and not leaf.again:
            call = leaf.parametrization.call()
            getattr(import_module(call.module), call.target)(model.get_submodule(leaf.path), **call.arguments)
    return model


class _Builder:
    """Builds the modules of one net. Those that are shared are built where they are first met, and stand where their
    paths say."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.shared: dict[str, nn.Module] = {}
        """By path."""
        self._open: dict[str, nn.Module] = {}
        """The modules that are being filled, by path."""

    def fill(self, module: nn.Sequential, chain: Sequential) -> nn.Sequential:
        self._open[chain.path] = module
        for node in members(chain):
            if not isinstance(node, (As, Use)):
                module.add_module(module_key(node), self._module(node))
        return module

    def _module(self, node: Leaf | Sequential | Combinator) -> nn.Module:
        if node.stand_in is not None:
            if not node.again:
                home, _, key = node.path.rpartition(".")
                self._open[home].add_module(key, self._own(node))
            return modules.Again(self.shared[node.path])
        return self._own(node)

    def _own(self, node: Leaf | Sequential | Combinator) -> nn.Module:
        match node:
            case Leaf():
                made = _leaf(node)
            case Sequential():
                made = self._chain(node)
            case Combinator():
                made = self._combinator(node)
        if node.path in self.wiring.shared:
            self.shared[node.path] = made
        return made

    def _chain(self, chain: Sequential, given: Mapping[int, int] | None = None) -> nn.Sequential:
        """A chain; an `nn.Sequential` where nothing in it has a name.

        Args:
            chain: the chain.
            given: of a branch, the place of each value in the tuple that all branches of the join get.
        """
        wires = self.wiring.of(chain)
        if not given and wires == NONE and not self.wiring.runs_steps(chain):
            return self.fill(nn.Sequential(), chain)
        takes, names = ([self.wiring.names[slot] for slot in slots] for slots in wires)
        places = [given[slot] for slot in wires.reads] if given else None
        steps = self.steps(chain, wires)
        return self.fill(Graph(steps, wires.reads, wires.gives, places=places, takes=takes, names=names), chain)

    def steps(self, chain: Sequential, wires: Wires) -> list[Step]:
        """The program of a chain."""
        steps: list[Step] = []
        still_read = set(wires.gives)
        for node in reversed(list(members(chain))):
            taken = self.wiring.of(node)
            read = dict.fromkeys((*taken.reads, *slots_read(node)))
            named = slots_named(node) or taken.gives
            last = tuple(slot for slot in (*read, *named) if slot not in still_read)
            still_read.update(read)
            match node:
                case As():
                    steps.append(KeepValue(node.slot, node.term, last))
                case Use():
                    steps.append(TakeValue(node.term, last))
                case _:
                    run = RunModule(module_key(node), taken.reads, taken.gives, last, isinstance(node, Combinator))
                    if isinstance(node, Leaf) and node.inputs:
                        reads = tuple(None if given is None else given.slot for given in node.given)
                        run = run._replace(reads=reads, repeated=self.wiring.constant(node))
                    steps.append(run)
        return steps[::-1]

    def _combinator(self, node: Combinator) -> nn.Module:
        given = {slot: place for place, slot in enumerate(self.wiring.of(node).reads)}
        chains = {key: self._chain(chain, given) for key, chain in node.branches}
        sides = {side: chains.pop(side) for side in node.joining.given_sides(chains)}
        call = node.call(self.wiring.constant(node))
        written = {
            side: chain
            for side, chain in sides.items()
            if node.joining.several or len(chain) or (isinstance(chain, Graph) and program(chain))
        }
        return constructor(call)(*chains.values(), **written, **call.arguments)


def constructed(layer: Layer, call: TorchCall, *, frozen: bool = False) -> nn.Module:
    """The module that a layer's call makes. Raises whatever the constructor raises."""
    defaults = torch_defaults(layer, call)
    stated = {name: value for name, value in call.arguments.items() if value != defaults[name]}
    return _construct(call, stated, layer, frozen)


def _leaf(leaf: Leaf) -> nn.Module:
    try:
        return constructed(leaf.layer, leaf.call, frozen=leaf.frozen)
    except Exception as error:
        if isinstance(error, RuntimeError) and lacks_memory(error):
            raise OutOfMemory(
                f"`{leaf.type}` at {leaf.span.place} has {count_text(leaf.params)} parameters, and memory ran out: "
                f"{error}"
            ) from None
        if leaf.layer.is_foreign() and not isinstance(error, NetspecError):
            raise refused(leaf.layer, error, leaf.span.place) from None
        if not isinstance(error, (TypeError, ValueError)):
            raise
        raise Defect(
            f"torch {torch.__version__} refuses `{leaf.type}` at {leaf.span.place}, which netspec accepted: {error}"
        ) from error


def _construct(call: TorchCall, stated: Mapping[str, Any], layer: Layer, frozen: bool = False) -> nn.Module:
    made = {name: _value(value, layer) for name, value in stated.items()}
    found = constructor(call, layer)
    if frozen and call.arguments.get("track_running_stats"):
        found = _FROZEN.get(found, found)
    module = found(**made)
    return module.requires_grad_(False) if frozen else module


def _value(value: Any, layer: Layer) -> Any:
    """The value of an argument; one that is itself a call (the layer of a `TransformerEncoder`) is constructed."""
    return _construct(value, value.arguments, layer) if isinstance(value, TorchCall) else value


# ---- initialisers, seeds, memory


def _initialise(module: nn.Module, leaf: Leaf) -> None:
    for parameter, function, arguments in leaf.initialised:
        tensor: Tensor = module.get_parameter(parameter)
        try:
            with torch.no_grad():
                _INITIALISERS[function](tensor, **arguments)
        except (ValueError, TypeError, RuntimeError) as error:
            where = f"the {parameter} ({shape_text(tuple(tensor.shape))}) of `{leaf.type}` at {leaf.span.place}"
            raise Defect(
                f"torch {torch.__version__} refuses `{function}` for {where}, which netspec accepted: {error}"
            ) from error


@contextmanager
def seeded(seed: int | None) -> Generator[None]:
    """Seed torch's global CPU generator, and restore its state afterwards. Without a seed, do nothing."""
    if seed is None:
        yield
        return
    generator = torch.default_generator
    state = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(state)


def _check_memory(net: Net) -> None:
    assert isinstance(net.params, int)
    assert isinstance(net.buffers, int)
    wanted = 4 * (net.params + net.buffers)  # float32
    free = available_memory()
    if free is not None and wanted > free:
        raise OutOfMemory(
            f"the parameters of `{net.name}` take {bytes_text(wanted)} ({count_text(net.params)} in float32), but "
            f"{bytes_text(free)} of memory are free; `check_memory=False` tries all the same"
        )


def available_memory() -> int | None:
    """Bytes of memory that this process can still allocate; None if the system does not tell.

    On Linux, the smaller of the kernel's estimate and what is left to the control group; elsewhere, the physical
    memory.
    """
    found = [*_linux_memory()]
    if not found:
        try:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (AttributeError, OSError, ValueError):
            return None
    return min(found)


def _linux_memory() -> Iterator[int]:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
    except OSError:
        return
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit.isdigit():
            yield max(0, int(limit) - int((group / "memory.current").read_text()))
    except OSError:
        return
