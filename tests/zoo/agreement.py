"""Whether the net of a spec is another module: parameters, outputs with its weights, emitted Python, costs.

Each test of a network calls `agree`, which is all that there is to say of it: the spec, the module, the small size at
which both are compared. `python -m tests.zoo` calls the same functions, and notes what was found instead of asserting
it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import netspec
from netspec.net import Net
from netspec.torch import verify
from tests.emitted import tuple_of
from tests.zoo import macs, proof

SPECS = Path(__file__).parents[2] / "specs"
DOUBLE, SINGLE = 1e-9, 1e-5
"""How far outputs may be apart, as a share of the largest value, in float64 and float32."""


class Residual(nn.Module):
    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)  # type: ignore[no-any-return]


class Apart(NamedTuple):
    """What a row allows a module to do otherwise than its spec, each with the reason. Nothing else may differ.

    double: (how far outputs are apart in float64, why).
    macs: (how many more multiply-accumulates torch counts in the module for one example than in the net, why).
    """

    double: tuple[float, str] = (DOUBLE, "")
    macs: tuple[int, str] = (0, "")

    def said(self) -> str:
        """In words; empty if nothing may."""
        double = f"in float64 within {self.double[0]:.0e}: {self.double[1]}" if self.double[1] else ""
        macs = f"{self.macs[0]:+,} multiply-accumulates there: {self.macs[1]}" if self.macs[1] else ""
        return "; ".join(filter(None, (double, macs)))


class Found(NamedTuple):
    """What was found of one network at one size.

    size: what is set in the spec; None if it has its own size.
    outputs: whether they were compared, and not parameters and multiply-accumulates alone.
    apart: what may differ, and why.
    shapes: of the outputs, batch included.
    """

    spec: str
    variant: str | None
    reference: str
    size: Mapping[str, Any] | None
    params: int
    macs: int
    outputs: bool
    apart: str
    shapes: list[tuple[int, ...]]
    complaints: list[str]


Carry = Callable[[nn.Module, Net], Mapping[str, Tensor]]
"""The state of a net from that of a module."""


def compare(
    spec: str,
    theirs: nn.Module,
    *,
    reference: str,
    variant: str | None = None,
    set: dict[str, Any] | None = None,
    batch: int = 2,
    exact: bool = False,
    whole: bool = True,
    filled: bool = True,
    reshaped: bool = False,
    carry: Carry | None = None,
    apart: Apart = Apart(),  # noqa: B008  # a tuple, which nobody changes
) -> Found:
    """Hold the net of a spec against a module, both in eval mode.

    Args:
        spec: the path below `specs/`, without its ending.
        theirs: the module; its parameters are filled with drawn values, so that factors that begin as 0 or 1 count too.
        reference: what the module is, for people.
        batch: how many examples are compared.
        exact: outputs are equal to the bit in float32.
        whole: False if outputs are compared in float32 alone, and neither the emitted Python nor the cost of theirs is.
        filled: False if the module has its values already.
        reshaped: weights may have other shapes of as many numbers there.
        carry: the weights of the net from those of the module, if the order of use does not say them.
        apart: what may differ, and why.
    """
    net = netspec.load(SPECS / f"{spec}.yaml", variant=variant, set=set or {})
    said: list[str] = []
    theirs.eval()
    if net.params != (params := sum(parameter.numel() for parameter in theirs.parameters())):
        said.append(f"the reference has {params:,} parameters, the net {net.params:,}")
    if filled:
        proof.fill(theirs)
    inputs = verify.example(net, batch, torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        if reshaped:  # a warning says so; whether the outputs are equal is seen below
            warnings.simplefilter("ignore")
        state = dict(carry(theirs, net) if carry else netspec.transfer(theirs, net, example=inputs))
    with proof.no_initialisers():
        model = netspec.build(net).eval()
    model.load_state_dict(state)
    said += macs.differing(net)
    ours = run(model, inputs)
    said += _outputs_differ(ours, run(theirs, inputs), "32", 0 if exact else SINGLE)
    if whole:
        if (others := macs.counted(theirs, macs.without_data(net))) != net.macs + apart.macs[0]:
            said.append(f"torch counts {others:,.0f} multiply-accumulates in the reference, the net says {net.macs:,}")
        said += _python_differs(net, state, inputs, ours)
        wide = tuple(value.double() if value.is_floating_point() else value for value in inputs)
        said += _outputs_differ(run(model.double(), wide), run(theirs.double(), wide), "64", apart.double[0])
    said += [str(each) for each in _verified(net)]
    shapes = [tuple(tensor.shape) for tensor in ours]
    return Found(spec, variant, reference, set, net.params, net.macs, whole, apart.said(), shapes, said)  # type: ignore[arg-type]


def run(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """The outputs, families flattened; what is drawn is the same in every run."""
    torch.manual_seed(0)
    with torch.no_grad():
        return [leaf for leaf in tree_leaves(tuple_of(model(*inputs))) if isinstance(leaf, Tensor)]


def _outputs_differ(ours: list[Tensor], theirs: list[Tensor], bits: str, most: float) -> Iterator[str]:
    """Outputs of other shapes, without anything in them, or further apart than a share of their largest value."""
    if [tensor.shape for tensor in ours] != [tensor.shape for tensor in theirs]:
        yield f"the outputs are {[tuple(t.shape) for t in ours]} and {[tuple(t.shape) for t in theirs]}"
        return
    for number, (own, other) in enumerate(zip(ours, theirs, strict=True)):
        if not own.std() > 0:
            yield f"output {number} has one value everywhere"
        if not (far := proof.relative(own, other)) <= most:  # also where it is no number
            yield f"output {number} differs in float{bits} by {far:.2g} of the largest value"


def _python_differs(
    net: Net, state: dict[str, Tensor], inputs: tuple[Tensor, ...], ours: list[Tensor]
) -> Iterator[str]:
    """The emitted file makes a module with the same keys, and from the same weights the same bits."""
    made = proof.emitted(net, "cpu").eval()
    made.load_state_dict(state)
    if not all(torch.equal(a, b) for a, b in zip(run(made, inputs), ours, strict=True)):
        yield "the emitted Python gives other bits than the built module"


def _verified(net: Net) -> tuple[Any, ...]:
    try:
        return netspec.verify(net).disagreements
    except verify.VerificationError as error:
        return (error,)


class Unasked(BaseException):
    """A test comes to a network that nobody asked for; no `Exception`, which `pytest.warns` would take for its own."""


class Notes(NamedTuple):
    """What is asked for, all if nothing is; and what was found."""

    specs: frozenset[str]
    found: list[Found]


_NOTES: ContextVar[Notes | None] = ContextVar("_NOTES", default=None)


@contextmanager
def noting(specs: frozenset[str] = frozenset()) -> Iterator[list[Found]]:
    """What `agree` finds inside of these specs is noted here, and not asserted; of others it raises `Unasked`."""
    notes = Notes(specs, [])
    token = _NOTES.set(notes)
    try:
        yield notes.found
    finally:
        _NOTES.reset(token)


def agree(spec: str, theirs: nn.Module, *, reference: str = "by hand", large: bool = False, **how: Any) -> Found:
    """Assert, or note, that a net is a module: `compare` says what that means and takes.

    Args:
        large: a network of which the ordinary run compares the outputs in float32 alone; the command compares all.
    """
    notes = _NOTES.get()
    if notes is not None and notes.specs and spec not in notes.specs:
        raise Unasked(spec)
    found = compare(spec, theirs, reference=reference, whole=notes is not None or not large, **how)
    if notes is None:
        assert not found.complaints, f"{spec}: " + "; ".join(found.complaints)
    else:
        notes.found.append(found)
    return found
