"""An import that writes the layers which it lacks: what has no form becomes a layer, until the whole is proven."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured, Region
from netspec.capture.lacking import of_program
from netspec.capture.plugging.anew import check_anew, is_close, with_own
from netspec.capture.plugging.arguments import fields_of, literal
from netspec.capture.plugging.batches import check_batch
from netspec.capture.plugging.rules import rule_of
from netspec.capture.plugging.trials import Bench, ModuleCall, quiet, tie
from netspec.capture.plugging.written import LayerText, layer_name, plugin_text
from netspec.capture.running.given import usual_torch
from netspec.capture.running.making import made_with
from netspec.capture.running.modes import as_it_was
from netspec.capture.running.named import named_modules
from netspec.capture.running.runs import all_resized
from netspec.excerpts import given_text
from netspec.layers import MODULE_OF

T = TypeVar("T")


class WrittenPlugin(NamedTuple):
    """A file that is to be written."""

    name: str
    """By which `--plugin` finds it."""
    text: str
    layers: tuple[str, ...]
    """The names of its layers; none where none was lacking."""
    open: tuple[str, ...]
    """What is left to be filled in, as sentences."""


def with_layers(
    attempt: Callable[[Sequence[str]], T],
    module: nn.Module,
    example: Sequence[Tensor],
    name: str,
) -> tuple[T, WrittenPlugin]:
    """An import, and the plugin with the layers that it lacked.

    Args:
        attempt: imports, with plugins of these names beside others.
        module: the network.
        example: its arguments.
        name: of the plugin.

    Raises:
        NotCaptured: what has no form cannot be a layer either, or the spec with it is refused.
    """
    kinds: list[type[nn.Module]] = []
    found = WrittenPlugin(name, "", (), ())
    try:
        while True:
            try:
                return attempt([name] if kinds else []), found
            except NotCaptured as error:
                more = [kind for kind in _kinds(error) if kind not in kinds]
                if not more:
                    raise
                kinds += more
            with usual_torch():
                layers = _layers(kinds, module, example)
            found = WrittenPlugin(name, plugin_text(layers), tuple(one.name for one in layers), _open(layers))
            _load(name, found.text)
    finally:
        sys.modules.pop(name, None)


def _load(name: str, text: str) -> None:
    """Let a plugin be imported whose file does not stand where it will."""
    with TemporaryDirectory() as place:
        file = Path(place) / f"{name.rpartition('.')[2]}.py"
        file.write_text(text, encoding="utf-8")
        found = spec_from_file_location(name, file)
        assert found is not None
        assert found.loader is not None
        module = module_from_spec(found)
        sys.modules[name] = module
        found.loader.exec_module(module)


# ---- which modules


def _kinds(error: NotCaptured) -> list[type[nn.Module]]:
    """The classes of the innermost modules of a program around what has no form, without those inside of others."""
    found: dict[str, Region] = {}
    for each in error.refused:
        region = of_program(each.region)
        if region.parent is None or each.is_beyond:
            raise error  # which says what to do with code of the network itself, and of what is no layer
        found[region.path] = region
    outer = [one for one in found.values() if not any(above.path in found for above in _above(one))]
    return list(dict.fromkeys(type(one.module) for one in outer))


def _above(region: Region) -> list[Region]:
    found: list[Region] = []
    while region.parent is not None:
        region = region.parent
        found.append(region)
    return found


# ---- their layers


def _layers(
    kinds: Sequence[type[nn.Module]],
    module: nn.Module,
    example: Sequence[Tensor],
) -> list[LayerText]:
    found: list[LayerText] = []
    for kind in kinds:
        _check_importable(kind)
        calls = _called(kind, module, example)
        check_batch(kind, module, example)
        bench = Bench(calls[0])
        tie(bench, [call.shapes for call in calls], [call.arguments for call in calls])
        fields = fields_of(bench, calls)
        check_anew(bench, calls, fields)
        names = ["x", *calls[0].names[1:]]
        rule = rule_of(bench, calls, fields, names)
        name = layer_name(kind, {*MODULE_OF, *(one.name for one in found)})
        found.append(LayerText(name, bench, fields, rule, names, _source(kind), _over_batch(bench)))
    return found


def _check_importable(kind: type[nn.Module]) -> None:
    """Require that a class is where another program finds it."""
    told = f"no layer can be made of `{kind.__qualname__}`"
    if not kind.__qualname__.isidentifier():
        raise NotCaptured(
            f"{told}: it is defined inside of something else, where no other program finds it; move it out"
        )
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    try:
        spec = None if kind.__module__ == "__main__" else _found_from_here(kind.__module__)
    except (ImportError, ValueError):
        spec = None
    if spec is None or file is None or not Path(spec).exists() or not Path(spec).samefile(file):
        raise NotCaptured(
            f"{told}: a plugin imports it as `{kind.__module__}`, which from {Path.cwd()} is "
            f"{'no module' if spec is None else spec}: go to the folder of {file and Path(file).resolve()}"
        )


def _found_from_here(name: str) -> str | None:
    """The file that a program in the current directory imports under a name."""
    here = str(Path.cwd())
    there = Path(here, *name.split("."))
    for file in (there.with_suffix(".py"), there / "__init__.py"):
        if file.is_file():
            return str(file)
    spec = find_spec(name)
    file = None if spec is None else spec.origin
    inside = file is not None and not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)
    return file if inside else None


_UNSEEN_NAMES: Final = "it is not seen with which arguments it was made, as its `__init__` has `*args`"
_UNSEEN: Final = (
    "it is not seen with which arguments it was made, as of a copy: make it by its class, and not by `copy.deepcopy`"
)


def _called(kind: type[nn.Module], module: nn.Module, example: Sequence[Tensor]) -> list[ModuleCall]:
    """How the modules of a class were made, and what they are given in a run."""
    found: list[ModuleCall] = []
    told = f"no layer can be made of `{kind.__qualname__}`"

    def before(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        made = made_with(part)
        if made is None:
            several = any(one.kind is one.VAR_POSITIONAL for one in inspect.signature(kind).parameters.values())
            raise NotCaptured(f"{told}: {_UNSEEN_NAMES if several else _UNSEEN}")
        signature = inspect.signature(part.forward)
        given = signature.bind(*args, **kwargs).arguments
        tensors = {name: value.detach() for name, value in given.items() if isinstance(value, Tensor)}
        for name, value in given.items():
            if name not in tensors and value is not signature.parameters[name].default:
                raise NotCaptured(f"{told}: it is given {given_text(value)} as `{name}`, and layers are given tensors")
        if not tensors or any(tensor.dim() == 0 for tensor in tensors.values()):
            raise NotCaptured(f"{told}: it is given no tensor, or one without a batch")
        found.append(ModuleCall(part, with_own(part, made), tuple(tensors.values()), tuple(tensors)))

    parts = [part for part in named_modules(module).values() if type(part) is kind]
    hooks = [part.register_forward_pre_hook(before, with_kwargs=True) for part in parts]
    try:
        with as_it_was(module), torch.no_grad():
            module.eval()(*all_resized(example, 2))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _over_batch(bench: Bench) -> bool:
    """Whether in training an example changes with the others of its batch."""
    call = bench.call
    first = [torch.randn(2, *t.shape[1:]) if t.is_floating_point() else t[:2].clone() for t in call.inputs]
    other = [torch.cat((t[:1], torch.randn_like(t[1:]))) if t.is_floating_point() else t for t in first]
    given: dict[str, Any] = dict(call.arguments)
    results: list[Any] = []
    for values in (first, other):
        torch.default_generator.manual_seed(0)
        try:
            with torch.no_grad(), quiet():
                results.append(type(call.module)(**given).train()(*values))
        except Exception:  # one that does not train is found out by the proof
            return False
    parts = [one if isinstance(one, (tuple, list)) else (one,) for one in results]  # pyright: ignore[reportUnknownVariableType]  # of tensors
    return not all(is_close(a[0], b[0]) for a, b in zip(*parts, strict=True))  # pyright: ignore[reportUnknownArgumentType]  # as above


def _source(kind: type[nn.Module]) -> str:
    try:
        file, line = inspect.getsourcefile(kind), inspect.getsourcelines(kind)[1]
    except (OSError, TypeError):
        return ""
    return f" ({Path(file).name}, line {line})" if file else ""


def _open(layers: Sequence[LayerText]) -> tuple[str, ...]:
    """What no rule was seen of."""
    found: list[str] = []
    for one in layers:
        if one.rule.open:
            found.append(f"`{one.name}` is for the size that was seen alone, since {one.rule.open}")
        for name in one.rule.alone:
            value = literal(one.bench.call.arguments[name])
            found.append(
                f"`{one.name}` is for `{name}: {value}` alone: with another it has other parameters or outputs"
            )
        if one.rule.macs is None:
            found.append(f"no formula of the multiply-accumulates of `{one.name}` was seen: they are counted as 0")
        if one.rule.saved is None:
            found.append(f"no formula of what `{one.name}` keeps for the backward pass was seen: its input is counted")
    return tuple(found)
