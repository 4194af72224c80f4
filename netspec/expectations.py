"""What a spec expects of its network: `expect:` names counts, memory and outputs, and the net is held against them.

A bound is an upper one, a lower one, both, or a number that is met exactly. One that is not met is an error where it is
written, which shows the layers that weigh most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import model_validator

from netspec.arguments import Arguments, Count, Counts, invalid
from netspec.diagnostics import Code, Related, Span, UsageError, did_you_mean
from netspec.dims import UNKNOWN, Dim, Size
from netspec.kinds import FieldKind, kind_of
from netspec.net import Net, OutputValue, leaves, multiplying
from netspec.recipe.base import Precision
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.validation import FAILED, Reader
from netspec.views.describe import bytes_of, bytes_text, count_text, shape_text

COUNTS: Final[Mapping[str, str]] = {
    "params": "parameters",
    "trainable_params": "trainable parameters",
    "macs": "multiply-accumulates for one example",
}
"""The counts that may be expected, and what is counted."""
KEYS: Final = (*COUNTS, "memory", "output")
_UNMET: Final[Code] = "expectation-unmet"
_HEAVIEST: Final = 3
"""So many places are shown with what they hold."""


def _is_whole(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1e18 and value == int(value)


def _is_amount(value: Any) -> bool:
    return isinstance(value, str) and bytes_of(value) is not None


_AMOUNT: Final = FieldKind(
    "a whole number of at least 0, such as 5_000_000 or 6e8", {"type": "number", "minimum": 0}, _is_whole,
    phrase="a whole number ≥ 0", make=int,
)  # fmt: skip
_BYTES: Final = FieldKind(
    "a size such as 8 GiB or 500 MB", {"type": "string"}, _is_amount, make=bytes_of, text=True, unlike="none"
)
Amount = Annotated[int, _AMOUNT]
Bytes = Annotated[int, _BYTES]


class Bounds(Arguments):
    """What a count is held against; a bare number is met exactly."""

    scalar: ClassVar[str | None] = "exactly"

    exactly: Amount | None = None
    at_least: Amount | None = None
    at_most: Amount | None = None

    @model_validator(mode="after")
    def _fit_together(self) -> Bounds:
        if self.exactly is not None and (self.at_least is not None or self.at_most is not None):
            raise invalid("`exactly` stands alone: what is met exactly needs no bounds")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise invalid(f"no number is at least {self.at_least:,} and at most {self.at_most:,}")
        return self


class Memory(Arguments):
    """What a training step may take at its peak. What is not said here is as the recipe has it."""

    scalar: ClassVar[str | None] = "at_most"

    at_most: Bytes
    batch: Count | None = None
    precision: Precision | None = None
    optimizer: str | None = None
    device: Literal["cuda", "cpu"] = "cuda"


def check_expectations(node: Node, reader: Reader, net: Net | None) -> None:
    """Read `expect:`, and hold a net against it; None for one that has mistakes, of which nothing is known."""
    if isinstance(node, ScalarNode) and node.value is None:  # a variant that expects nothing
        return
    if not isinstance(node, MapNode):
        reader.report("wrong-form", "`expect` is a mapping: " + ", ".join(f"`{key}`" for key in KEYS), node,
                      help="for example `expect: {params: {at_most: 5_000_000}}`")  # fmt: skip
        return
    for key, value in node.entries:
        name = key.text
        if name in KEYS and isinstance(value, ScalarNode) and value.value is None:
            continue
        if name in COUNTS:
            bounds = reader.arguments(Bounds, value, name=name, at=key)
            if bounds is not None and bounds == Bounds():
                reader.report("invalid-argument", f"`{name}: {{}}` says nothing", value,
                              help="give a number, `at_most` or `at_least`")  # fmt: skip
            elif bounds is not None and net is not None:
                _hold_count(name, bounds, value, reader, net)
        elif name == "memory":
            memory = reader.arguments(Memory, value, name=name, at=key)
            if memory is not None and net is not None:
                _hold_memory(memory, value, key, reader, net)
        elif name == "output":
            _hold_outputs(value, reader, net)
        else:
            reader.report("unknown-key", f"nothing called `{name}` can be expected", key, help=_meant(name))


def _meant(name: str) -> str:
    """What helps where a key is none."""
    if name.lower() in ("flops", "gflops", "flop"):
        return "`macs` counts multiply-accumulates for one example, each of which is two operations"
    if name.isdecimal():  # `params: 30,730`
        return "a comma parts entries: write a number without commas, such as `5_000_000`"
    near = did_you_mean(name, KEYS)
    return f"did you mean `{near}`?" if near else f"what can be expected: {', '.join(f'`{key}`' for key in KEYS)}"


# ---- counts


def _hold_count(name: str, bounds: Bounds, node: Node, reader: Reader, net: Net) -> None:
    count: Size = getattr(net, name)
    what = COUNTS[name]
    if not isinstance(count, int):
        if count is not UNKNOWN:
            _needs_sizes(f"the number of {what} is {count_text(count)}", node, reader)
        return
    exactly, least, most = bounds.exactly, bounds.at_least, bounds.at_most
    for bound, word, wanted, unmet in (
        ("exactly", "", exactly, exactly is not None and count != exactly),
        ("at_least", "at least ", least, least is not None and count < least),
        ("at_most", "at most ", most, most is not None and count > most),
    ):
        if wanted is not None and unmet:
            away = f"{abs(count - wanted):,} too {'many' if count > wanted else 'few'}"
            reader.report(
                _UNMET,
                f"`{net.name}` has {count:,} {what}, but {word}{wanted:,} are expected: {away}",
                _place(node, bound),
                related=_heaviest(_weights(name, net), count, count_text) if count > wanted else (),
                help="change the network; or write what it is now, if that is meant" if bound == "exactly" else None,
            )


def _weights(name: str, net: Net) -> list[tuple[Span, int]]:
    """What each layer adds to a count, and its place."""
    if name == "macs":
        nodes = [node for node in multiplying(net.root) if node.path not in net.training_only]
        return [(node.span, node.macs) for node in nodes if isinstance(node.macs, int)]
    counted = [leaf for leaf in leaves(net.root) if name == "params" or not leaf.frozen]
    return [(leaf.span, leaf.params) for leaf in counted if isinstance(leaf.params, int)]


def _heaviest(weights: Iterable[tuple[Span, int]], whole: int, text: Callable[[int], str]) -> list[Related]:
    """The places that weigh most, heaviest first; layers of a loop or of several calls have one place."""
    by_place: dict[Span, int] = {}
    times: dict[Span, int] = {}
    for span, weight in weights:
        if weight:
            by_place[span] = by_place.get(span, 0) + weight
            times[span] = times.get(span, 0) + 1
    heavy = [entry for entry in by_place.items() if 200 * entry[1] >= whole]  # a share that is no 0 %
    first = sorted(heavy, key=lambda entry: -entry[1])[:_HEAVIEST]
    return [
        Related(
            f"{text(weight)}, {100 * weight / whole:.0f} %"
            + (f", in {times[span]} layers from here" if times[span] > 1 else ""),
            span,
        )
        for span, weight in first
    ]


def _place(node: Node, key: str) -> Node:
    """The value of a key, or the bare value that stands for it."""
    return (isinstance(node, MapNode) and node.get(key)) or node


def _needs_sizes(what: str, node: Node, reader: Reader) -> None:
    reader.report("needs-number", f"{what}, which depends on the symbols of the input", node,
                  help="expect it in a variant whose `input` has numbers")  # fmt: skip


# ---- memory


def _hold_memory(memory: Memory, node: Node, key: ScalarNode, reader: Reader, net: Net) -> None:
    symbols = [size for value in net.inputs for size in value.type.shape if isinstance(size, Dim)]
    if symbols:
        _needs_sizes("the memory of training is a formula", node, reader)
        return
    from netspec.cost import estimate_by_recipe  # imported here: few specs expect it

    try:
        cost = estimate_by_recipe(net, memory.batch, memory.precision, memory.optimizer, device=memory.device)
    except UsageError as error:  # an optimizer that there is not
        reader.report("unknown-optimizer", str(error), _place(node, "optimizer"))
        return
    if cost is None:
        reader.report("missing-argument", "`memory` needs `batch`: there is no recipe that says it", key,
                      help="write `memory: {batch: 128, at_most: 8 GiB}`")  # fmt: skip
        return
    if cost.fits(memory.at_most):
        return
    kept = [(layer.leaf.span, layer.saved + layer.weights) for layer in cost.layers]
    reader.report(
        _UNMET,
        f"training `{net.name}` takes {bytes_text(cost.peak)} with a batch of {cost.batch} in {cost.precision} by "
        f"{cost.optimizer}, but at most {bytes_text(memory.at_most)} are expected",
        _place(node, "at_most"),
        related=_heaviest(kept, cost.peak, bytes_text),
        help=f"{bytes_text(cost.activations)} of it are kept for the backward pass, which a smaller batch makes less",
    )


# ---- outputs


def _hold_outputs(node: Node, reader: Reader, net: Net | None) -> None:
    """`output: [10]`; of several `output: {kind: [3], size: [1]}`, or `output: [[3], [1]]` if they have no names."""
    outputs = net.outputs if net is not None else ()
    if isinstance(node, MapNode):
        named = {value.name: value for value in outputs if value.name is not None}
        for key, shape in node.entries:
            value = named.get(key.text)
            if value is None and net is not None:
                near = did_you_mean(key.text, named)
                there = f"there are {', '.join(f'`{name}`' for name in named)}" if named else "its output has no name"
                reader.report("unknown-output", f"`{net.name}` has no output `{key.text}`: {there}", key,
                              help=f"did you mean `{near}`?" if near else None)  # fmt: skip
            _hold_shape(shape, value, reader, net)
    elif len(outputs) > 1 and net is not None:
        names = ", ".join(f"{value.name}: [...]" for value in outputs)
        reader.report("wrong-form", f"`{net.name}` has {len(outputs)} outputs: name each with its shape", node,
                      help=f"write `output: {{{names}}}`")  # fmt: skip
    else:
        _hold_shape(node, outputs[0] if outputs else None, reader, net)


def _hold_shape(node: Node, value: OutputValue | None, reader: Reader, net: Net | None) -> None:
    """A shape; of a family a shape for each member, or one for all if they are alike."""
    nested = isinstance(node, ListNode) and any(isinstance(item, ListNode) for item in node.items)
    places = node.items if nested and isinstance(node, ListNode) else [node]
    wanted = [_shape_at(place, reader) for place in places]
    if value is None or net is None or None in wanted:
        return
    word = f"the output of `{net.name}`" if value.name is None else f"output `{value.name}` of `{net.name}`"
    given = [type_.shape for type_ in value.types]
    if len(places) != len(given) and (nested or len(set(given)) > 1):
        shapes = f"{len(places)} shapes stand" if len(places) > 1 else "one shape stands"
        written = ", ".join(f"[{', '.join(map(str, shape))}]" for shape in given)
        reader.report(
            "wrong-form",
            f"{word} is {len(given)} tensor{'s' * (len(given) > 1)}, but {shapes} here",
            node,
            help=f"write `output: [{written}]`, a shape for each" if len(given) > 1 else f"write `output: {written}`",
        )
        return
    for i, shape in enumerate(given):
        which = word if len(given) == 1 else f"tensor {i} of {word}"
        at, sizes = (places[i], wanted[i]) if nested else (node, wanted[0])
        if any(isinstance(size, Dim) for size in shape):
            _needs_sizes(f"{which} is {shape_text(shape)}", at, reader)
            return
        if sizes is not None and tuple(shape) != sizes:
            reader.report(_UNMET, f"{which} is {shape_text(shape)}, but {shape_text(sizes)} is expected", at)
            return


def _shape_at(node: Node, reader: Reader) -> tuple[int, ...] | None:
    """The sizes that are written; None once reported."""
    found = reader.scalar(node, _SHAPE, name="output")
    if found is FAILED:
        return None
    sizes: tuple[int, ...] = found if isinstance(found, tuple) else (found,)  # pyright: ignore[reportUnknownVariableType]  # of ints, as the kind says
    return sizes


_SHAPE: Final = kind_of(Counts, getattr(Counts, "__metadata__", ()))
