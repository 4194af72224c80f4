"""A trace → the items of a spec, which say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Final

from torch import nn

from netspec.capture.functions.repeats import repeated
from netspec.capture.graph import RefusedCall, Region, Trace, Traced, TracedCall, calls_in
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.buffers import MANY, BufferPart, of_buffers, saved
from netspec.capture.lowering.composed import composed, kinds_of, of_parameters
from netspec.capture.lowering.constants import Homes, is_repeated, item_of, noted
from netspec.capture.lowering.forms import AxisMoves, Form, NoForm, Unmovable
from netspec.capture.lowering.lifted import Lifted, form_of, give_lifted, lift, lifted_value, move_lifted
from netspec.capture.lowering.lookups import ChosenPlaces, followed
from netspec.capture.lowering.meeting import refuse
from netspec.capture.lowering.positions import position_free
from netspec.capture.lowering.slices import called, layer_of_slices, norm_of_places
from netspec.capture.modules import layers
from netspec.capture.modules.binding import in_order
from netspec.capture.modules.parametrized import parametrized
from netspec.capture.running.modes import RANDOM, draws, in_eval, keeps_statistics
from netspec.capture.running.own import own_buffers
from netspec.layers.base import Layer

Handler = Callable[["Lowering", TracedCall], None]
LayerHandler = Callable[["Lowering", TracedCall, Layer, dict[str, Any]], None]

_CHOOSE: Final = frozenset(("__getitem__", "select", "narrow", "where", "masked_fill"))
"""Functions that choose from numbers, of which the result is written."""


class Lowering:
    """Writes the items of one trace."""

    def __init__(
        self, trace: Trace, functions: dict[str, Handler], calls: dict[str, LayerHandler], fills: Sequence[TracedCall]
    ) -> None:
        self.trace = trace
        self.batch = trace.batch
        self.functions = functions
        self.calls = calls
        """Of layers that take several tensors, by the names of their classes."""
        self.forms: dict[Traced, Form] = {}
        self.pending: dict[Traced, tuple[Traced, AxisMoves]] = {}
        """Values whose axes are only moved, which is written where they are read: what they are made of, and how."""
        self.same: dict[Traced, Traced] = {}
        """Values that are others, and which."""
        self.constants: dict[Traced, tuple[Traced, tuple[int, ...]]] = {}
        """Of a parameter that is seen in another shape, the parameter and the shape."""
        self.roots: dict[Traced, Traced] = {}  # of numbers that are others in another shape, those
        self.refused: list[RefusedCall] = []
        self.met: dict[Traced, tuple[int, ...]] = {}
        """Of what has no form since examples meet, the axes in which it has the batch."""
        self.items: list[PlacedItem] = []
        self.saved = frozenset(trace.root.module.state_dict())
        self.kept = self.saved | own_buffers(trace.root.module)
        """Keys of tensors that are layers in the spec: of what is computed of other buffers it has the result."""
        self.expanded: dict[Traced, Traced] = {}
        """Tensors that are others, repeated along axes; joins repeat by themselves."""
        self.hidden: dict[Traced, Traced] = {}
        """Of a mask of numbers that of truth values which it is made of."""
        self.fills = fills
        """Calls that put low numbers into scores of no attention, unlike the others, which `hides` has."""
        self.hides: dict[Traced, TracedCall] = {}
        self.lowest: dict[Traced, tuple[Traced, tuple[int, ...]]] = {}
        """Tensors that are others, padded with `-inf`, and by how much: pools of maxima pad so by themselves."""
        self.parts: dict[Traced, BufferPart] = {}
        """Of numbers the buffer that they are a part of."""
        self.lifted: dict[Traced, Lifted] = {}
        """Of values that are one for all examples what they are made of, and how its axes are moved."""
        self.computed: list[Traced] = []
        """Such values that functions give."""
        self.places: dict[Traced, ChosenPlaces] = {}
        """Of what is moved or chosen of a parameter, which numbers of it."""
        self.truths: dict[Traced, Any] = {}
        """Of computed masks who takes part."""
        self.left_out: set[str] = set()
        """The keys of buffers of which parts are written as numbers."""
        self.unsaid: dict[Traced, RefusedCall] = {}
        """Of what is computed of parameters alone and has no form, where and why."""
        self.homes = Homes(self.saved)
        self.parameters: dict[tuple[Traced, tuple[int, ...]], Traced] = {}
        self.read = frozenset(
            (*trace.root.outputs, *(value for call in calls_in(trace.root) for value in call.reads()))
        )
        """All values that something reads."""
        self.composes = False
        """Whether numbers are written as what they are computed of."""
        self.tries = False
        """Whether it is tried what a region is that works on slices."""
        for value in trace.inputs:
            self.forms[value] = Form()

    # ---- the walk

    def body(self, region: Region) -> list[PlacedItem]:
        """The items of a region."""
        before, self.items = self.items, []
        for step in region.steps:
            count, known = len(self.items), dict(self.parameters)
            try:
                if isinstance(step, Region):
                    called(self, step)
                else:
                    self._call(step)
                    lift(self, step.results)
                    if step.layer is None:
                        self.computed += [value for value in step.results if not value.varies]
            except NoForm as reason:
                if isinstance(step, Region) or any(value.varies for value in step.results):
                    refuse(self, step, region, reason)
                    continue
                del self.items[count:]  # it may be that nobody reads what has no form
                self.parameters = known
                self.unsaid.update(dict.fromkeys(step.results, RefusedCall(step.place, str(reason), region)))
        for value in region.outputs:
            self.ready(value)
            give_lifted(self, value)
        items, self.items = self.items, before
        return items

    def flowing(self, value: Traced) -> Traced | None:
        """The value in the spec that a module is given; None of a constant that has none yet."""
        found = self.find(value)
        if value.varies or found in self.forms:
            return found
        source, seen = self.constants.get(value, (value, value.shape))
        known = [self.parameters.get((self.roots.get(source, source), tuple(one))) for one in (seen[1:], seen)]
        return known[0] or known[1]

    def _call(self, call: TracedCall) -> None:
        if not call.results:
            return
        if call.layer is not None:
            self.layer(call)
            return
        name = call.name
        handler = self.functions.get(name) or self.functions.get(name.strip("_"))
        is_fixed = not any(value.varies for value in call.results)
        if (
            is_fixed
            and name.strip("_") not in RANDOM
            and not any(value in self.lifted for value in call.reads())
            and (
                noted(self, call)
                or followed(self, call)
                or ((handler is None or name in _CHOOSE or call.results[0].dtype == "bool") and of_buffers(self, call))
            )
        ):
            return
        if handler is None:
            raise NoForm(f"`{name}` has no form in a spec")
        handler(self, call)

    # ---- values

    def find(self, value: Traced) -> Traced:
        """The value itself, where this is another name of it."""
        while value in self.same:
            value = self.same[value]
        if value in self.lowest:
            raise NoForm("a pad of `-inf` has no form in a spec, other than in front of a pool of maxima")
        if value in self.expanded:
            return repeated(self, value)
        return value

    def ready(self, value: Traced) -> Traced:
        """The value in a spec that a tensor is; what moves its axes is written here if it was not yet."""
        value = self.find(value)
        if value in self.pending:
            base, layout = self.pending.pop(value)
            form = layout.form()
            moved = layout.item()
            if moved is None:
                self.same[value] = base
                self.forms[value] = form
                return self.find(base)
            word, arguments = moved
            self.items.append(PlacedItem(word, base, (value,), arguments))
            self.forms[value] = form
        return value

    def form(self, value: Traced) -> Form:
        """Where its batch is, once it is ready."""
        found = self.forms.get(value) or self.forms.get(self.find(value))
        if found is None:
            raise NoForm("it depends on what has no form in a spec")
        return found

    def taken(self, value: Any) -> Traced:
        """A tensor that depends on the input, with the batch first."""
        if not isinstance(value, Traced):
            raise NoForm.of_given(value, ", which is no tensor")
        if not value.varies:
            return self.constant(value, value.shape)
        ready = self.ready(value)
        if not self._form_of(value, ready).plain:
            raise NoForm("its batch is merged with another axis, or is not the first")
        return ready

    def _form_of(self, value: Traced, ready: Traced) -> Form:
        return self.forms[value] if value in self.forms else self.form(ready)

    def anywhere(self, value: Any) -> tuple[Traced, Form]:
        """A tensor that depends on the input, and where its batch is."""
        if not isinstance(value, Traced):
            raise NoForm.of_given(value, ", which is no tensor")
        if not value.varies:
            form = form_of(self, value)
            return self.constant(value, value.shape if form.plain else (1, *value.shape)), form
        ready = self.ready(value)
        return ready, self._form_of(value, ready)

    def constant(self, value: Traced, shape: Sequence[int]) -> Traced:
        """A parameter or a buffer as a value whose first axis, of 1, is that of the batch."""
        if (known := saved(self, value, shape) or lifted_value(self, value, shape)) is not None:
            return known
        if value in self.same:
            return self.constant(self.same[value], shape)
        source, seen = self.constants.get(value, (value, value.shape))
        if source.kind == "made":
            return of_parameters(self, source, source if tuple(seen) == source.shape else value, shape)
        of_each = source.kind == "numbers" and prod(seen[:1]) != 1 and prod(seen[:1]) % self.batch == 0
        if of_each and prod(shape[1:]) * self.batch == prod(seen) and is_repeated(source.tensor, self.batch):
            seen = (1, *shape[1:])  # one for all examples, made for each
        if len(seen) == len(shape) and len(seen) and seen[0] == 1:
            shape = (1, *shape[1:])
        if not shape or shape[0] != 1 or prod(shape) != prod(seen):
            raise NoForm(f"a {source.kind} of the shape {tuple(seen)} is used as one for each example")
        root, wanted = self.roots.get(source, source), tuple(shape[1:])
        if (known := self.parameters.get((root, wanted))) is not None:
            return known
        item = item_of(self, source, wanted)
        if item is None or (self.composes and kinds_of(source, wanted) > MANY):
            found = composed(self, source, wanted)
            if found is not None:
                return found
        if item is None:
            raise NoForm(f"numbers of the shape {tuple(seen)} are too many to be written into a spec")
        result = made((1, *wanted), source, varies=False)
        self.parameters[root, wanted] = result
        item.gives = (result,)
        self.homes.placed(item, self.items)
        self.forms[result] = Form()
        return result

    def add(
        self, call: TracedCall, word: str, takes: Traced | None, arguments: dict[str, Any] | None = None, **more: Any
    ) -> PlacedItem:
        """An item for a call of one result, whose batch is where that of its input was, unless `form` says it."""
        form: Form = more.pop("form", Form())
        forms: tuple[Form, ...] = more.pop("forms", ())
        gives: tuple[Traced, ...] = more.pop("gives", None) or tuple(call.results)
        item = PlacedItem(word, takes, gives, arguments or {}, place=call.place, **more)
        unsaved = next((key for key in item.keys.values() if key not in self.saved), None)
        if unsaved is not None:
            raise NoForm(
                f"`{unsaved}` is a buffer that is not saved with the weights, in the place of a parameter: with "
                "`persistent=True` where it is registered a spec has it"
            )
        self.items.append(item)
        for value, own in zip(gives, forms or [form] * len(gives), strict=True):
            self.forms[value] = own
            wanted = own.shape(value.shape, self.batch) if value.varies else None
            if wanted is not None and (len(value.shape) <= own.at or prod(wanted) != prod(value.shape)):
                raise NoForm("what it gives has no batch")
        return item

    def layered(self, call: TracedCall, name: str, takes: Traced, arguments: dict[str, Any], **more: Any) -> PlacedItem:
        """As `add`, for a layer with these arguments of torch's."""
        layer = layers.made(name, arguments)
        if layer is None:
            raise NoForm(f"`{name}` does not take {arguments}")
        refused = layers.refused_kind(layer, takes.shape[1:], takes.dtype)
        if refused is not None:
            raise NoForm(refused)
        return self.add(call, name, takes, layers.written(layer), **more)

    def is_same(self, value: Traced, as_one: Traced) -> None:
        """Note that a tensor has the numbers of another."""
        self.same[value] = as_one
        if as_one in self.lifted:
            self.lifted[value] = self.lifted[as_one]

    def move(self, value: Traced, result: Traced, move: Callable[[AxisMoves], None]) -> None:
        """Note that a tensor is another whose axes were moved."""
        if value in self.lifted:
            move_lifted(self, value, result, move)
            return
        value = value if value in self.pending or value in self.forms else self.find(value)
        if value in self.pending:
            base, before = self.pending[value]
            layout = before.copied()
        else:
            base = self.find(value)
            layout = AxisMoves.of(value.shape, self._form_of(value, base), self.batch)
        try:
            move(layout)
            layout.form()
        except Unmovable:
            if value in self.pending:  # written out so far, and begun anew
                ready = self.ready(value)
                self.move(ready, result, move)
                return
            raise NoForm("it cuts axes where no part of them ends, or takes the batch apart") from None
        self.pending[result] = (base, layout)

    # ---- layers

    def layer(self, call: TracedCall) -> None:
        """The item of a layer's call."""
        try:
            self.one_layer(call)
        except NoForm:
            if not norm_of_places(self, call) and not layer_of_slices(self, call):
                raise

    def one_layer(self, call: TracedCall) -> None:
        """The item of a layer's call whose batch is where the layer wants it."""
        assert call.layer is not None
        layer = layers.layer_of(call.layer)
        assert layer is not None
        name = type(layer).__name__
        computed_weight = parametrized(call.layer)
        names: Mapping[str, str] = {} if computed_weight is None else computed_weight.names
        keys = {names.get(key, key): f"{call.path}.{key}".lstrip(".") for key in call.layer.state_dict()}
        args = in_order(call)
        given = [arg for arg in args if isinstance(arg, Traced)]
        if not given:
            raise NoForm(f"`{name}` is given no tensor")
        more: dict[str, Any] = {"keys": keys, "path": call.path, "class_name": type(call.layer).__name__}
        if computed_weight is not None:
            more["options"] = {"parametrize": computed_weight.option}
        computed = self._in_its_mode(call, call.layer, layer, more)
        if computed is None:
            self.passed_on(call, given[0])
            return
        layer = computed
        special = self.calls.get(name)
        if special is not None:
            special(self, call, layer, more)
            return
        if len(given) > 1 and list(args) == given and len(given) <= 1 + len(layer.tensors):
            value, *others = (self.taken(each) for each in given)
            more["reads"] = {own: (each,) for own, each in zip(layer.tensors, others, strict=False)}
            self.add(call, name, value, layers.written(layer), **more)
            return
        if len(given) > 1:
            raise NoForm(f"`{name}` is given {len(given)} tensors and takes {1 + len(layer.tensors)}")
        value, form = self.anywhere(given[0])
        arguments = layers.written(layers.of_rank(layer, len(given[0].shape)) if form.plain else layer)
        if name == "Identity" or (name == "StochasticDepth" and not arguments.get("p")):
            self.passed_on(call, given[0], name, **arguments)
            return
        if not form.plain and not position_free(name, layer, form, len(given[0].shape)):
            raise NoForm(f"`{name}` works on a batch that is merged with another axis, or is not the first")
        self.add(call, name, value, arguments, form=form, **more)

    def is_steady(self, call: TracedCall) -> bool:
        """Whether the module that calls a function stays in eval mode while the whole trains."""
        return call.region is not None and call.region.module in self.trace.modes.steady

    def passed_on(self, call: TracedCall, value: Traced, word: str = "Identity", **arguments: Any) -> None:
        """Note that a layer changes nothing; it has a place among its siblings."""
        value, form = self.anywhere(value)
        self.is_same(call.results[0], value)
        if not value.varies:
            self.forms[call.results[0]] = form
        self.items.append(PlacedItem(word, value, (), arguments, path=call.path))

    def _in_its_mode(self, call: TracedCall, module: nn.Module, layer: Layer, more: dict[str, Any]) -> Layer | None:
        """The layer with its mode in mind, which may be another than the module's; None where it does nothing."""
        statistics = keeps_statistics(layer)
        more["keeps_statistics"] = statistics
        if not statistics and not draws(layer):
            return layer
        modes, name = self.trace.modes, type(layer).__name__
        if call.training != modes.expects(module, training=self.trace.training) or module in modes.always:
            raise NoForm(
                f"`{name}` is in {'training' if call.training else 'eval'} mode, whatever mode the module is in"
            )
        if module in modes.steady:
            more["is_steady"] = statistics
            return layer if statistics else in_eval(layer)
        if draws(layer):
            self.draws_for_each(call)
        return layer

    def draws_for_each(self, call: TracedCall) -> None:
        """Refuse numbers drawn for each example where a spec has one value for all of them."""
        result = call.results[0]
        if not result.varies and result.shape[:1] == (self.batch,):
            raise NoForm(
                "random numbers are drawn for each example, of what a spec has once for all of them: a parameter or "
                "numbers that are repeated"
            )
