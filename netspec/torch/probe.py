"""Hold a layer's class against the module that it builds: the checks that netspec's own layers stand in its tests."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from netspec.diagnostics import PluginError
from netspec.dims import UNKNOWN, Dim, Findings, Unmet, collecting
from netspec.layers.base import Example, Layer, TensorType, TorchCall
from netspec.layers.reference import spelled, tupled
from netspec.plugins.asking import Fault, asked, output_of, results_of, roots, told
from netspec.plugins.registration import check_class
from netspec.symbols import symbol
from netspec.torch.build import constructed, seeded
from netspec.torch.draws import variation
from netspec.torch.measured import BATCH, batch_of, buffers_of, counting_flops, kept, kept_by_rule, parameters_of
from netspec.views.describe import plural, shape_text

_SHOWN: Final = 20


class Difference(NamedTuple):
    """Something that the class says and its module does not do."""

    case: str
    """The layer with its arguments, and the input."""
    what: str
    declared: str
    """What the class says."""
    measured: str
    """What the module does."""

    def __str__(self) -> str:
        return f"{self.case}: {self.what}: the class says {self.declared}, the module {self.measured}"


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of `probe`."""

    layer: str
    tried: int
    """Cases that the rule accepts, and that the module was run on."""
    refused: int
    """Cases that rule and module refuse."""
    stricter: int
    """Cases that the rule refuses and the module accepts: a rule may be stricter than its module."""
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        counts = (
            f"{plural(self.tried, 'case')} tried, {self.refused} refused by both, {self.stricter} by the rule alone"
        )
        if not self.differences:
            return f"`{self.layer}` agrees with its module: {counts}"
        shown = [f"  {difference}" for difference in self.differences[:_SHOWN]]
        left = len(self.differences) - len(shown)
        more = [f"  and {left} more"] if left else []
        return "\n".join([f"`{self.layer}` and its module differ: {counts}", *shown, *more])


class ProbeError(PluginError):
    """A layer and its module differ; `probe` has every difference."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(str(probe))
        self.probe = probe


def probe(layer: type[Layer], *examples: Example, count: int = 100, seed: int = 0, tolerance: float = 0.0) -> Probe:
    """Hold a layer's class against the module that it builds, on real tensors.

    Compared, in train and in eval mode and on two examples: shape and dtype of the output; names, shapes and order of
    parameters and buffers; multiply-accumulates, with those that torch counts; the bytes that autograd keeps for the
    backward pass on a CPU; whether the output shares the memory of the input; whether one example changes with the
    other (`over_batch`); whether values stay (`keeps_values`). Sizes that are unknown or symbols must give the same
    output. Of what an example states, the output is compared too.

    Args:
        layer: the class.
        examples: arguments and inputs to try; those of the class if there are none.
        count: how many variations of the examples to try besides, with arguments and sizes drawn at random. What rule
            and module refuse both counts as agreement; what the module refuses and the rule accepts does not.
        seed: of the variations and of the tensors. torch's global generator is restored afterwards.
        tolerance: how far the bytes that are kept may be off, as a share; the rest is compared exactly.

    Raises:
        ProbeError: they differ; its text has both sides of every difference.
        PluginError: the class cannot be a layer, or has no example.

    >>> from netspec.layers import layer_class
    >>> print(netspec.probe(layer_class("LayerScale"), count=5))
    `LayerScale` agrees with its module: 7 cases tried, 0 refused by both, 0 by the rule alone
    """
    check_class(layer)
    given = examples or layer.examples
    if not given:
        raise PluginError(
            f"`{layer.__name__}` has no examples to try: give it `examples = (Example({{…}}, input, output),)`, or "
            "give some to `probe`"
        )
    rng = Random(seed)
    cases = [(example, True) for example in given]
    cases += [(variation(layer, given[i % len(given)], rng), False) for i in range(count)]
    trial = _Trial(layer, tolerance)
    with seeded(seed), warnings.catch_warnings(action="ignore"):
        for example, stated in cases:
            trial.run(example, stated=stated)
    result = Probe(layer.__name__, trial.tried, trial.refused, trial.stricter, tuple(dict.fromkeys(trial.differences)))
    if result.differences:
        raise ProbeError(result)
    return result


class _Trial:
    """All cases of one class."""

    def __init__(self, cls: type[Layer], tolerance: float) -> None:
        self.cls = cls
        self.tolerance = tolerance
        self.differences: list[Difference] = []
        self.tried = self.refused = self.stricter = 0

    def run(self, example: Example, *, stated: bool) -> None:
        """Try one case. Of one that is `stated`, and not drawn, the class must take arguments and input."""
        case = f"`{spelled(self.cls, example.arguments)}` on {_type_text(TensorType(example.input, example.dtype))}"
        x = TensorType(example.input, example.dtype)
        others: Others = example.further
        try:
            layer = asked("the check of the arguments", lambda: _validated(self.cls, example.arguments), self.cls)
        except Fault as fault:
            self.differences.append(Difference(case, "arguments", str(fault), "was not asked"))
            return
        if isinstance(layer, str):
            if stated:
                self.differences.append(Difference(case, "arguments", f"they are refused: {layer}", "was not asked"))
            return
        try:
            with collecting(Findings()) as findings:
                y = _ruled(layer, x, others)
            refusals = [problem.message for problem in findings.problems if problem.severity == "error"]
        except Unmet as unmet:
            y, refusals = None, [unmet.problem.message]
        except Fault as fault:
            self.differences.append(Difference(case, "rule", str(fault), "was not asked"))
            return
        indices = example.arguments.get("num_embeddings", 1)
        if y is None or refusals:
            self._refused(case, layer, _batch(x, others, indices), x, others, refusals[0], stated=stated)
            return
        if stated and y.shape != tuple(example.output):
            self.differences.append(
                Difference(
                    case, "output of the example", shape_text(tuple(example.output)), _type_text(y) + " by its rule"
                )
            )
        self.tried += 1
        try:
            for difference in _compared(case, layer, x, y, others, indices, self.tolerance):
                self.differences.append(difference)
        except Exception as error:  # the module is the plugin's
            refusal = f"refuses it: {told(error, roots([self.cls]))}"
            self.differences.append(Difference(case, "one more forward pass", "legal", refusal))

    def _refused(
        self,
        case: str,
        layer: Layer,
        values: list[Tensor],
        x: TensorType,
        others: Others,
        refusal: str,
        *,
        stated: bool,
    ) -> None:
        """Count a case that the rule refuses."""
        try:
            constructed(layer, _call(layer, x, others)).train()(*values)
        except Exception:  # every refusal counts, whatever its type
            self.refused += 1
            return
        self.stricter += 1
        if stated:
            self.differences.append(Difference(case, "legality", f"`{refusal}`", "accepts it"))


# ---- one case


def _validated(cls: type[Layer], arguments: dict[str, Any]) -> Layer | str:
    """The layer with these arguments, or why they are refused."""
    try:
        return cls.model_validate(tupled(arguments))
    except ValidationError as error:
        return "; ".join(found["msg"] for found in error.errors())


Others = dict[str, tuple[TensorType, ...]]
"""What a layer is given beside its input, by name."""


def _compared(
    case: str, layer: Layer, x: TensorType, y: TensorType, others: Others, indices: int, tolerance: float
) -> Iterator[Difference]:
    own = roots([type(layer)])
    try:
        module = constructed(layer, _call(layer, x, others))
    except Exception as error:  # the constructor is the plugin's
        yield Difference(case, "constructor", "legal", f"refuses it: {told(error, own)}")
        return
    for what, declared, measured in (
        ("parameters", layer.parameters(x), parameters_of(module)),
        ("buffers", layer.buffers(x), buffers_of(module)),
    ):
        if list(declared.items()) != list(measured.items()):
            yield Difference(case, what, _tensors(declared), _tensors(measured))
    expected = layer.results(x, others) if layer.several or others else (y,)
    for training in (True, False):
        mode = "train" if training else "eval"
        try:
            found: Any = module.train(training)(*_batch(x, others, indices))
        except Exception as error:  # so is its forward pass
            yield Difference(case, f"forward in {mode} mode", "legal", f"refuses it: {told(error, own)}")
            return
        parts = _parts(found)
        if not all(isinstance(part, Tensor) for part in parts):
            yield Difference(case, f"output in {mode} mode", _type_text(y), f"a {type(found).__name__}")
            return
        measured = tuple(TensorType(tuple(p.shape[1:]), str(p.dtype).removeprefix("torch.")) for p in parts)  # type: ignore[arg-type]  # any of torch's
        if measured != tuple(expected) or any(len(part) != (1 if layer.source else BATCH) for part in parts):
            declared = ", ".join(map(_type_text, expected))
            yield Difference(case, f"output in {mode} mode", declared, ", ".join(map(_type_text, measured)))
            return
    yield from _costs(case, layer, x, others, module, indices, tolerance)
    yield from _promises(case, layer, x, others, module, indices)
    yield from _other_sizes(case, layer, x, others, y)


def _costs(
    case: str, layer: Layer, x: TensorType, others: Others, module: nn.Module, indices: int, tolerance: float
) -> Iterator[Difference]:
    count = BATCH if layer.over_batch else 1  # of one example: what is computed once for a batch counts whole
    with counting_flops() as counter:
        module.eval()(*(value[:count] for value in _batch(x, others, indices)))
    macs = counter.get_total_flops() / 2 / count
    declared_macs = layer.macs_of_all(x, others) if others else layer.macs(x)
    if macs != declared_macs:
        yield Difference(case, "MACs", f"{declared_macs:,}", f"{macs:,.10g}")
    values = [v.requires_grad_().clone() if v.is_floating_point() else v for v in _batch(x, others, indices)]
    address = values[0].untyped_storage().data_ptr()
    storages, result = kept(module, *values)
    first = _parts(result)[0]
    shares = first.untyped_storage().data_ptr() == address
    if shares != layer.shares(x):
        yield Difference(case, "memory shared with the input", _yes(layer.shares(x)), _yes(shares))
    saved = layer.saved(x)
    if others:
        learned = {name for name, types in others.items() if any(type_.dtype == "float32" for type_ in types)}
        saved = layer.saved_of_all(x, others, learned)
    if not shares and saved.input != (address in storages):
        yield Difference(case, "the input kept for the backward pass", _yes(saved.input), _yes(address in storages))
    declared, measured = kept_by_rule(saved, values[0], first), sum(storages.values())
    names = [name for name, types in others.items() for _ in types]
    declared += sum(value.nbytes for name, value in zip(names, values[1:], strict=True) if name in saved.others)
    if abs(declared - measured) > tolerance * measured:
        yield Difference(
            case, f"bytes kept for the backward pass of {BATCH} examples", f"{declared:,}", f"{measured:,}"
        )


def _promises(
    case: str, layer: Layer, x: TensorType, others: Others, module: nn.Module, indices: int
) -> Iterator[Difference]:
    first, other = _batch(x, others, indices), _batch(x, others, indices)
    for one, two in zip(first, other, strict=True):
        two[0] = one[0]
    for training in (True, False):
        alone = [[part[0] for part in _run(module.train(training), values)] for values in (first, other)]
        same = all(torch.equal(_plain(a), _plain(b)) for a, b in zip(*alone, strict=True))
        if not same and not layer.over_batch:
            mode = "train" if training else "eval"
            yield Difference(case, "one example changes with the others of its batch", "never", f"in {mode} mode")
    if layer.keeps_values:
        result = torch.cat([part.flatten() for part in _run(module.eval(), first)])
        if not torch.equal(result.sort().values, first[0].flatten().sort().values):
            yield Difference(case, "the values of the input in eval mode", "kept", "gives others")


def _call(layer: Layer, x: TensorType, others: Others) -> TorchCall:
    """The call of the module that a case is held against."""
    return layer.call_of_all(x) if others else layer.call(x)


def _batch(x: TensorType, others: Others, indices: int) -> list[Tensor]:
    """Two examples of the input, and of what is given beside it in the order of `forward`."""
    types = [x, *(type_ for some in others.values() for type_ in some)]
    return [batch_of(_numbers(type_), type_.dtype, indices) for type_ in types]


def _parts(result: Any) -> tuple[Any, ...]:
    """All results, of one or several."""
    return result if isinstance(result, tuple) else (result,)  # pyright: ignore[reportUnknownVariableType]  # of any


def _plain(value: Tensor) -> Tensor:
    return value.nan_to_num() if value.is_floating_point() else value


def _run(module: nn.Module, values: list[Tensor]) -> tuple[Tensor, ...]:
    """The results, with the same random numbers and weights every time."""
    with seeded(0), torch.no_grad():
        return _parts(deepcopy(module)(*(value.clone() for value in values)))


def _ruled(layer: Layer, x: TensorType, others: Others) -> TensorType:
    """What the layer gives by its rule, the first of several results."""
    return results_of(layer, x, others)[0] if layer.several or others else output_of(layer, x)


def _other_sizes(case: str, layer: Layer, x: TensorType, others: Others, y: TensorType) -> Iterator[Difference]:
    """What the rule makes of sizes that are no numbers: unknown behind a mistake, symbols of an open input."""
    for axis in range(len(x.shape)):
        for size, what in ((UNKNOWN, "an unknown size"), (symbol("H"), "a symbol")):
            shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
            named = f"output for {what} on axis {axis}"
            try:
                with collecting(Findings()) as findings:
                    found = _ruled(layer, TensorType(shape, x.dtype), others)
            except Unmet as unmet:
                if size is UNKNOWN:
                    yield Difference(case, named, f"it is refused: {unmet.problem.message}", "was not asked")
                continue
            except Fault as fault:
                yield Difference(case, named, str(fault), "was not asked")
                continue
            errors = [problem.message for problem in findings.problems if problem.severity == "error"]
            known = [s for s in zip(found.shape, y.shape, strict=False) if not isinstance(s[0], Dim)]
            if (errors and size is UNKNOWN) or len(found.shape) != len(y.shape):
                yield Difference(case, named, errors[0] if errors else _type_text(found), f"gives {_type_text(y)}")
            elif any(a != b for a, b in known) and not errors:
                yield Difference(case, named, _type_text(found), f"gives {_type_text(y)}")


# ---- words


def _numbers(x: TensorType) -> tuple[int, ...]:
    return tuple(size for size in x.shape if isinstance(size, int))


def _type_text(x: TensorType) -> str:
    return shape_text(x.shape) if x.dtype == "float32" else f"{shape_text(x.shape)} {x.dtype}"


def _tensors(shapes: dict[str, Any]) -> str:
    return ", ".join(f"{name} {shape_text(shape)}" for name, shape in shapes.items()) or "none"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
