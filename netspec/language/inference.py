"""What the rules of layers say of a place: the output type, mistakes reported where they stand, and what the rules
require of the symbols of the input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from netspec.diagnostics import Span
from netspec.dims import UNKNOWN, Findings, Problem, Requirement, Unmet, collecting, is_known
from netspec.language.flow import Flow, Origin
from netspec.language.items import Item, tensors_meant
from netspec.layers.base import Layer, TensorType
from netspec.text.source import MapNode, Node, ScalarNode
from netspec.validation import Reader


class Inference:
    """Asks the rules of layers, and keeps what they find. One for each walk."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.conditions: list[Requirement] = []
        """What the symbols of the input must satisfy."""
        self.input = Origin("`input`", reader.source.between(0, 0))
        """Where the net's input is written."""
        self._findings = Findings()
        self._outputs: dict[tuple[int, TensorType], tuple[Layer, TensorType]] = {}
        """Outputs by layer and input. The layer is kept alive with its output, since its identity is the key."""

    def collecting(self) -> AbstractContextManager[Findings]:
        """The context in which rules are asked."""
        return collecting(self._findings)

    def output(self, layer: Layer, x: TensorType, item: Item, flow: Flow) -> TensorType | None:
        """The layer's output type, with every problem reported; with unknown sizes where the rule gave none.

        Deep nets repeat themselves, so an output whose rule reported and required nothing is cached.
        """
        key = (id(layer), x)
        known = self._outputs.get(key)
        if known is not None:
            return known[1]
        try:
            y = layer.output(x)
        except Unmet as unmet:
            self._report(unmet.problem, layer, item, flow)
            y = self._salvage(layer, x)
        else:
            if not self._findings.problems and not self._findings.conditions:
                self._outputs[key] = layer, y
        for problem in self._findings.problems:
            if x.constant and problem.code == "needs-batch-2" and not layer.over_batch:
                help_ = "what is computed of parameters and buffers alone is one example, however many a batch has"
                problem = problem._replace(code="constant-value", severity="error", help=help_)
            self._report(problem, layer, item, flow)
        self._findings.problems.clear()
        return y

    def refused_constant(self, layer: Layer, x: TensorType, item: Item, flow: Flow, *, frozen: bool) -> bool:
        """Report a layer that can do nothing with what is computed of parameters and buffers alone."""
        if not x.constant or layer.source:
            return False
        name = type(layer).__name__
        if layer.over_batch and not frozen:
            problem = Problem(
                f"`{name}` takes mean and variance over the examples of a batch, but {{given}}, which is computed of "
                "parameters and buffers alone: one tensor for all examples",
                code="constant-value", axis="every",
                help="a `LayerNorm` or `GroupNorm` normalises each example by itself",
            )  # fmt: skip
        elif getattr(layer, "inplace", False) is True:
            problem = Problem(
                f"`{name}` with `inplace: true` would write over a parameter or buffer, or what is computed of them "
                "alone: {given}",
                code="constant-value", axis="every", help="leave `inplace` out here",
            )  # fmt: skip
        else:
            return False
        self._report(problem, layer, item, flow)
        return True

    def results(
        self,
        layer: Layer,
        x: TensorType,
        others: Mapping[str, tuple[TensorType, ...]],
        item: Item,
        flow: Flow,
        *,
        of_plugin: bool = False,
    ) -> tuple[TensorType, ...] | None:
        """The types of all results of a layer with several inputs or results; None once reported."""
        found: tuple[TensorType, ...] | None = None
        try:
            found = self._results_of_plugin(layer, x, others, item) if of_plugin else layer.results(x, others)
        except Unmet as unmet:
            self._report(unmet.problem, layer, item, flow)
        for problem in self._findings.problems:
            self._report(problem, layer, item, flow)
        self._findings.problems.clear()
        return found

    def _results_of_plugin(
        self, layer: Layer, x: TensorType, others: Mapping[str, tuple[TensorType, ...]], item: Item
    ) -> tuple[TensorType, ...] | None:
        from netspec.plugins.asking import Fault, problem_of, results_of  # imported here: few specs name plugins

        try:
            return results_of(layer, x, others)
        except Fault as fault:
            if is_known(x.shape):
                problem = problem_of(fault, x)
                self.reader.report(problem.code, problem.message, item.head, help=problem.help)
            return None

    def arguments_of_plugin(
        self, cls: type[Layer], item: Item, node: Node | None, read: Callable[..., Layer | None], **more: Any
    ) -> Layer | None:
        """The arguments of a plugin's layer, whose checks are code of the plugin; None once a mistake is reported."""
        from netspec.plugins.asking import Fault, asked  # imported here: most specs name no plugin's layer

        what = f"the check of the arguments of `{cls.__name__}`"
        try:
            return asked(what, partial(read, cls, node, **more), cls, others=True)
        except Fault as fault:
            self.reader.report("plugin-failed", str(fault), item.head)
            return None

    def output_of_plugin(self, layer: Layer, x: TensorType, item: Item, flow: Flow) -> TensorType | None:
        """As `output`, for a layer of a plugin, whose code may do anything; None where it gave nothing to go on with.

        What it makes of sizes that are unknown, because a mistake was reported, is no mistake to report.
        """
        from netspec.plugins.asking import Fault, output_of, problem_of  # imported here, as above

        known = self._outputs.get((id(layer), x))
        if known is not None:
            return known[1]
        try:
            y = output_of(layer, x)
        except Unmet as unmet:
            self._report(unmet.problem, layer, item, flow)
            return None
        except Fault as fault:
            if is_known(x.shape):
                self._report(problem_of(fault, x), layer, item, flow)
            return None
        if not self._findings.problems and not self._findings.conditions:
            self._outputs[id(layer), x] = layer, y
        for problem in self._findings.problems:
            self._report(problem, layer, item, flow)
        self._findings.problems.clear()
        return y

    def keep_conditions(self, layer: str, span: Span, flow: Flow) -> None:
        """Take what the rules just required of the symbols as requirements of this layer or combinator."""
        if not self._findings.conditions:
            return
        for condition, problem in self._findings.conditions:
            message, _ = flow.told(problem)
            self.conditions.append(Requirement(condition, layer, span, problem._replace(message=message)))
        self._findings.conditions.clear()

    def _salvage(self, layer: Layer, x: TensorType) -> TensorType | None:
        """What is known of the output although a requirement failed: its rank and channels, most often."""
        known = len(self._findings.problems)
        y: TensorType | None = None
        for shape in ((*x.shape[:1], *(UNKNOWN for _ in x.shape[1:])), (UNKNOWN,) * len(x.shape)):
            try:
                y = layer.output(TensorType(shape, x.dtype))
                break
            except Unmet:
                continue
        del self._findings.problems[known:]
        self._findings.conditions.clear()
        return y

    def _report(self, problem: Problem, layer: Layer, item: Item, flow: Flow) -> None:
        place: Node = item.head
        if problem.at is not None:
            if isinstance(item.value, MapNode):
                place = item.value.get(problem.at) or tensors_meant(item.value, type(layer)).get(problem.at, item.head)
            elif item.value is not None and problem.at == layer.scalar:
                place = item.value
        message, related = flow.told(problem)
        help_ = problem.help
        if problem.code in ("wrong-rank", "batch-axis") and flow.type is not None and not flow.type.shape:
            help_ = "a single value has no axis behind the batch: `Rearrange: n -> n 1` gives it one, `n -> n 1 1` two"
        fix = None
        if isinstance(problem.value, int) and isinstance(place, ScalarNode) and isinstance(place.value, int):
            fix = self.reader.replace(f"write {problem.value}", place, str(problem.value))
        clue = None
        if flow.type is not None:
            from netspec.language.clues import LayerClue  # once something is wrong

            clue = LayerClue(problem, layer, flow.type, item, flow, flow.last is self.input)
        self.reader.report(
            problem.code, message, place, related=related, help=help_, fix=fix, clue=clue, severity=problem.severity
        )
