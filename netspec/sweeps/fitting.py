"""Whether a point of a sweep is a network that may be trained: it is compiled, and held against the limits.

Nothing here imports torch, and no tensor is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from netspec.cost import estimate_by_recipe
from netspec.diagnostics import NetspecError, UsageError, has_errors
from netspec.dims import Dim
from netspec.errors import SpecError
from netspec.expectations import COUNTS
from netspec.language.clues import Clues
from netspec.layers import OWN, Offer
from netspec.net import Net
from netspec.passes import Terms, compiled, stem_of
from netspec.space.axes import Point
from netspec.space.over import VARIANT
from netspec.space.section import Sweep, first_variant, read_sweep
from netspec.text.source import Source
from netspec.views.describe import bytes_text

COMPILES: Final = "compiles"
"""The constraint that a point is a network at all; the others are those of `limit:`."""


class Rejection(NamedTuple):
    """Why a point may not be trained."""

    code: str
    """Of the first error, or `limit` and what it bounds: `limit params`."""
    why: str
    violated: Mapping[str, float]
    """By constraint how far it is violated: of a limit the share above it, 1 of a network that does not compile."""


class Base(NamedTuple):
    """What all points of a sweep have in common."""

    source: Source
    variant: str | None = None
    settings: Mapping[str, Any] = {}
    offer: Offer = OWN

    def tried(self, point: Point, sweep: Sweep) -> Net | Rejection:
        """The network of a point, or why there is none."""
        settings = {**self.settings, **{key: value for key, value in point.items() if key != VARIANT}}
        try:
            result = self.compiled(point.get(VARIANT, self.variant), settings)
        except NetspecError as error:  # a key that the variant does not have
            return Rejection(error.code, str(error), {COMPILES: 1.0})
        if result.net is None or has_errors(result.diagnostics):
            first = next(d for d in result.diagnostics if d.severity == "error")
            return Rejection(first.code, f"{first.span.place}: {first.message}", {COMPILES: 1.0})
        return over_limit(result.net, sweep) or result.net

    def compiled(self, variant: str | None, settings: Mapping[str, Any]) -> Any:
        """What the compiler makes of the spec with these settings; mends are not looked for."""
        return compiled(self.source, (), stem_of(self.source.name), variant, settings, Terms(offer=self.offer), Clues())

    def sweep(self) -> Sweep:
        """The sweep of the spec.

        Raises:
            SpecError: the spec is wrong.
            UsageError: it has no sweep, or a key of it is set already.
        """
        first = self.compiled(self.variant, self.settings) if self.variant is not None else self._without_variant()
        if first.spec is None or has_errors(first.diagnostics):
            raise SpecError(first.diagnostics, {self.source.name: self.source.text})
        if first.spec.sweep is None:
            raise UsageError(
                f"{self.source.name} has no `sweep:` that says what to try; `netspec explain sweep` has an example"
            )
        found, wrong = read_sweep(first.spec, None if first.net is None else first.net.recipe)
        if found is None or has_errors(wrong):
            raise SpecError(wrong, {self.source.name: self.source.text})
        for key in self.settings:
            if key in found.space.keys:
                raise UsageError(f"the sweep goes over `{key}`, so that it cannot be set to {self.settings[key]}")
        if VARIANT in found.space.keys and self.variant is not None:
            raise UsageError("the sweep goes over the variants, so that none can be chosen")
        return found

    def _without_variant(self) -> Any:
        """The spec itself; or its first variant where it means nothing without one."""
        try:
            return self.compiled(None, self.settings)
        except UsageError:
            spec = self.spec()
            if spec is None or (first := first_variant(spec)) is None:
                raise
            return self.compiled(first, self.settings)

    def spec(self) -> Any:
        """The spec as it is read, without a network."""
        from netspec.passes import checked  # here, since only a spec without a base needs it

        return checked(self.source, (), Terms(offer=self.offer), Clues()).spec


def over_limit(net: Net, sweep: Sweep) -> Rejection | None:
    """Why a network is more than a sweep admits; None if it is not."""
    violated: dict[str, float] = {}
    said: list[str] = []
    for name, most in sweep.limit.counts.items():
        count = getattr(net, name)
        if isinstance(count, Dim):
            return Rejection("needs-number", f"the {COUNTS[name]} depend on the symbols of the input: {count}",
                             {COMPILES: 1.0})  # fmt: skip
        if count > most:
            violated[name] = count / max(most, 1) - 1
            said.append(f"{count:,} {COUNTS[name]}, and at most {most:,} are admitted")
    memory = sweep.limit.memory
    if memory is not None and not violated:  # the estimate takes longer than the counts
        cost = estimate_by_recipe(net, memory.batch, memory.precision, memory.optimizer, device=memory.device)
        if cost is not None and not cost.fits(memory.at_most):
            violated["memory"] = cost.peak / max(memory.at_most, 1) - 1
            said.append(f"a step takes {bytes_text(cost.peak)}, and at most {bytes_text(memory.at_most)} are admitted")
    if not violated:
        return None
    return Rejection(f"limit {next(iter(violated))}", "; ".join(said), violated)


def constraints(sweep: Sweep) -> list[str]:
    """The names of all constraints of a sweep."""
    return [COMPILES, *sweep.limit.counts, *(["memory"] if sweep.limit.memory is not None else [])]
