"""What shows that a spec of `specs/torchvision` is torchvision's network: counts, outputs, emitted Python, training.

`trace` is the heart of it: the sequence of torch functions that a network calls in training, as far as they use a
parameter, normalise or draw at random, with their numbers. Two networks with equal traces train alike.
"""

from __future__ import annotations

import copy
import inspect
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import torchvision
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import netspec
from netspec.net import Net
from netspec.torch import build

SPECS = Path(__file__).parents[2] / "specs" / "torchvision"

SIZES = {"inception_v3": 299, "maxvit_t": 224}
"""Pixels that a network needs where 64 are not enough, and the ViTs, whose position table is for 224."""

FAMILY = {
    "alexnet": "alexnet", "convnext": "convnext", "densenet": "densenet", "efficientnet": "efficientnet",
    "googlenet": "googlenet", "inception": "inception", "maxvit": "maxvit", "mnasnet": "mnasnet",
    "mobilenet_v2": "mobilenet_v2", "mobilenet_v3": "mobilenet_v3", "regnet": "regnet", "resne": "resnet",
    "shufflenet": "shufflenet_v2", "squeezenet": "squeezenet", "swin": "swin_transformer", "vgg": "vgg",
    "vit": "vision_transformer", "wide_resnet": "resnet",
}  # fmt: skip
"""How the names of a family begin → its file."""

NOT_BIT_EQUAL: dict[str, str] = {}
"""Networks whose outputs agree to 1e-5 only, with the reason."""


def names() -> list[str]:
    """The names of all of torchvision's classifiers."""
    return torchvision.models.list_models(module=torchvision.models)


def size_of(name: str) -> int:
    """The pixels at which a network is compared: few, since the time goes with their square."""
    return 224 if name.startswith("vit") else SIZES.get(name, 64)


def place_of(name: str) -> tuple[str, str | None]:
    """The spec, below `specs/`, and the variant of a network."""
    spec = f"torchvision/{next(file for start, file in FAMILY.items() if name.startswith(start))}"
    return spec, None if name in ("alexnet", "googlenet", "mobilenet_v2") else name


def name_of(spec: str, variant: str | None) -> str:
    """torchvision's name of a variant of a spec."""
    return variant or spec.removeprefix("torchvision/")


def spec_of(name: str, *, size: int | None = None) -> Net:
    """The net of this name, for images of this size instead of its own."""
    spec, variant = place_of(name)
    path = SPECS.parent / f"{spec}.yaml"
    return netspec.load(path, variant=variant, set={"input": [3, size, size]} if size else None)


def initialisers() -> dict[str, Any]:
    """The functions of `torch.nn.init`."""
    return {name: getattr(nn.init, name) for name in dir(nn.init) if name.endswith("_") and name[0] != "_"}


@contextmanager
def replaced(functions: dict[str, Any]) -> Iterator[None]:
    """Use these in place of the functions of `torch.nn.init`, wherever they were imported to."""
    with patch.multiple(nn.init, **functions), ExitStack() as stack:
        for module in (nn.modules.activation, build):
            table = vars(module) if module is nn.modules.activation else build._INITIALISERS
            stack.enter_context(patch.dict(table, {name: functions[name] for name in functions if name in table}))
        yield


@contextmanager
def no_initialisers() -> Iterator[None]:
    """Modules are made without filling their parameters: memory that is never touched costs nothing."""
    with replaced(dict.fromkeys(initialisers(), lambda tensor, *args, **kwargs: tensor)):
        yield


def reference(name: str) -> nn.Module:
    """torchvision's module, with its initial weights."""
    options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    return torchvision.models.get_model(name, weights=None, **options)


def fill(model: nn.Module, seed: int = 0) -> None:
    """Give every parameter and running statistic a value of its own that keeps the activations finite.

    The values are pieces of one pool of normal numbers: drawing hundreds of millions of them would take longer than
    running the network.
    """
    pool = torch.randn(1_000_003, generator=torch.Generator().manual_seed(seed))
    start = 0

    def draw(tensor: Tensor) -> Tensor:
        nonlocal start
        flat = tensor.view(-1)
        start = (start + 7919) % len(pool)
        done = 0
        while done < len(flat):
            run = min(len(pool) - start, len(flat) - done)
            flat[done : done + run] = pool[start : start + run]
            done += run
            start = (start + run) % len(pool)
        return tensor

    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                fan_in = parameter[0].numel()
                draw(parameter).mul_(fan_in**-0.5)
            else:
                draw(parameter).mul_(0.1).add_(0.5)
        for key, buffer in model.named_buffers():
            if key.endswith("running_mean"):
                draw(buffer).mul_(0.1)
            elif key.endswith("running_var"):
                draw(buffer).abs_().add_(0.5)


def outputs(model: nn.Module, name: str) -> Tensor:
    """The network's output in eval mode for one fixed image."""
    size = size_of(name)
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return model.eval()(image)


def relative(a: Tensor, b: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    return float((a - b).abs().max() / b.abs().max())


class Trace(TorchFunctionMode):
    """Records the functions that use a parameter, normalise or draw at random, with their numbers and the parameters'
    names."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.owned = {id(p): name for name, p in model.named_parameters()}
        self.calls: list[tuple[Any, ...]] = []
        self.keys: list[tuple[str, ...]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        values = [*args, *kwargs.values()]
        used = [value for value in values if isinstance(value, Tensor) and id(value) in self.owned]
        if name == "dropout":
            if kwargs["p"] and kwargs["training"]:
                self._record("dropout", (kwargs["p"],), [])
        elif name == "bernoulli_":
            self._record("bernoulli", (1 - args[1], *args[0].shape), [])
        elif used and name not in _READS:
            numbers = tuple(v for v in values if isinstance(v, (bool, int, float, tuple, list, str)))
            self._record(name, numbers, used)
        if name == "batch_norm":  # on the meta device the real one takes most of the time, and gives a shape
            return torch.empty_like(args[0])
        return func(*args, **kwargs)

    def _record(self, function: str, numbers: tuple[Any, ...], used: list[Tensor]) -> None:
        self.calls.append((function, _plain(numbers), tuple(tuple(p.shape) for p in used)))
        self.keys.append(tuple(self.owned[id(p)] for p in used))


_READS = {"__get__", "size", "dim", "numel", "__set__", "is_floating_point"}
"""Functions that only look at a parameter."""


def _plain(numbers: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_plain(tuple(n)) if isinstance(n, (tuple, list)) else n for n in numbers)


def without_data(model: nn.Module) -> nn.Module:
    """A copy on the meta device."""
    memo: dict[int, Any] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        empty = tensor.detach().to("meta")
        memo[id(tensor)] = nn.Parameter(empty) if isinstance(tensor, nn.Parameter) else empty
    return copy.deepcopy(model, memo)


def trace(model: nn.Module, size: int) -> Trace:
    """What a network calls for two images in training. It runs as a copy without data, on the meta device."""
    recorder = Trace(model := without_data(model))
    with recorder, torch.no_grad():
        model.train()(torch.empty(2, 3, size, size, device="meta"))
    return recorder


def emitted(net: Net, device: str) -> nn.Module:
    """The network that the emitted Python file makes."""
    text = netspec.to_python(net)
    function = re.findall(r"^def (\w+)\(\) -> ", text, re.MULTILINE)[-1]
    scope: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(text, f"{net.name}.py", "exec"), scope)  # netspec wrote it: what it does is the test
    with no_initialisers(), torch.device(device):
        return scope[function]()


def differences(name: str) -> list[str]:
    """Every way in which the spec's network is not torchvision's: outputs with the same weights, built and emitted,
    calls in training, initial weights. Empty if all is well."""
    return [*_outputs_differ(name), *_training_differs(name)]


def _outputs_differ(name: str) -> Iterator[str]:
    net = spec_of(name, size=size_of(name))
    with no_initialisers():
        source = reference(name)
    fill(source)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        state = netspec.transfer(source, net)
    yield from (str(each.message) for each in said)
    expected = outputs(source, name)
    for way, model in (("built", netspec.build(net, device="meta")), ("emitted", emitted(net, "meta"))):
        model.load_state_dict(state, assign=True)
        difference = relative(outputs(model, name), expected)
        if difference > (1e-5 if name in NOT_BIT_EQUAL else 0):
            yield f"the {way} network's output differs by {difference:.2g}"


def _training_differs(name: str) -> Iterator[str]:
    size = size_of(name)
    begun = Initialisers()
    with begun.noting():
        theirs, ours = reference(name), netspec.build(spec_of(name, size=size))
    tensors = dict(theirs.named_parameters()), dict(ours.named_parameters())
    a, b = trace(theirs, size), trace(ours, size)
    if len(a.calls) != len(b.calls):
        yield f"torchvision's makes {len(a.calls)} calls in training, the spec's {len(b.calls)}"
    for number, (call, own) in enumerate(zip(a.calls, b.calls, strict=False)):
        if call != own:
            yield f"call {number} in training is {call} in torchvision's and {own} in the spec's"
            return  # what follows is shifted
    for keys, own_keys in zip(a.keys, b.keys, strict=True):
        for key, own_key in zip(keys, own_keys, strict=True):
            x, y = begun.of(tensors[0][key]), begun.of(tensors[1][own_key])
            if x is not None and x != y:
                yield f"`{key}` begins as {x} in torchvision's, `{own_key}` as {y} in the spec's"


class Initialisers:
    """Inside `noting`, modules are made without filling their parameters, and what would have filled each is noted."""

    def __init__(self) -> None:
        self.noted: dict[int, tuple[Any, ...]] = {}
        self.kept: list[Tensor] = []  # an id is its tensor's own only as long as the tensor lives

    def noting(self) -> AbstractContextManager[None]:
        """Note from here on."""
        return replaced({name: self._recorder(name, function) for name, function in initialisers().items()})

    def _recorder(self, name: str, function: Any) -> Any:
        signature = inspect.signature(function)

        def record(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            bound = signature.bind(tensor, *args, **kwargs)
            bound.apply_defaults()
            self.noted[id(tensor)] = _distribution(name, tensor, bound.arguments)
            self.kept.append(tensor)
            return tensor

        return record

    def of(self, parameter: Tensor) -> tuple[Any, ...] | None:
        """How a parameter begins: a distribution with its numbers, a constant; None if it was drawn in another way."""
        if id(parameter) in self.noted:
            return self.noted[id(parameter)]
        first = parameter.detach().view(-1)[0]
        return ("constant", _digits(float(first))) if bool((parameter == first).all()) else None


def _distribution(name: str, tensor: Tensor, given: dict[str, Any]) -> tuple[Any, ...]:
    """The same words for the same distribution, whichever function says it."""
    if name in ("zeros_", "ones_"):
        return "constant", float(name == "ones_")
    if name == "constant_":
        return "constant", _digits(given["val"])
    if name.startswith("xavier"):
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(tensor)
        std = given["gain"] * math.sqrt(2 / (fan_in + fan_out))
    elif name.startswith("kaiming"):
        fan = nn.init._calculate_correct_fan(tensor, given["mode"])
        std = nn.init.calculate_gain(given["nonlinearity"], given["a"]) / math.sqrt(fan)
    else:
        numbers = (_digits(value) for key, value in given.items() if key not in ("tensor", "generator"))
        return name.removesuffix("_"), *numbers
    if "uniform" in name:
        bound = math.sqrt(3) * std
        return "uniform", _digits(-bound), _digits(bound)
    return "normal", 0.0, _digits(std)


def _digits(number: float) -> float:
    return float(f"{number:.6g}")  # a float32 has no more
