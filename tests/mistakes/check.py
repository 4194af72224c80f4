"""What becomes of a spec with mistakes: what its mends do, held against the spec that was broken."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import yaml

import netspec
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic, Fix
from netspec.mends.repair import repaired
from netspec.text.source import decode
from tests.mistakes.further import KINDS
from tests.mistakes.kinds import net_of

ROOT = Path(__file__).parent.parent.parent


LARGE = 800
"""The layers of a spec, all variants counted, beyond which it is none of the small ones."""


class Shipped(NamedTuple):
    """A spec that compiles as it stands."""

    name: str
    text: str
    net: netspec.Net

    @property
    def is_small(self) -> bool:
        """Whether a check, which takes all variants, is soon done."""
        variants = yaml.load(self.text, yaml.CSafeLoader).get("variants", ())
        return len(self.net.layers) * (1 + len(variants)) <= LARGE


@cache
def specs() -> tuple[Shipped, ...]:
    """The shipped specs of ordinary size that compile as they stand."""
    found = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted((ROOT / "specs").glob("**/*.yaml"))]
    nets = [(name, text, net_of(text)) for name, text in found if len(text) < 8000]
    return tuple(Shipped(name, text, net) for name, text, net in nets if net is not None)


@cache
def small_specs() -> tuple[Shipped, ...]:
    """Those of them whose check is soon done."""
    return tuple(spec for spec in specs() if spec.is_small)


class Broken(NamedTuple):
    """A spec with mistakes."""

    shipped: Shipped
    kinds: tuple[str, ...]
    wrong: str


class Outcome(NamedTuple):
    """What netspec made of it."""

    name: str
    kinds: tuple[str, ...]
    answered: bool
    """Whether some finding had a mend."""
    faults: tuple[str, ...]
    """Mends that leave their finding, or bring another."""
    certain: int
    """How many certain mends were applied, one after another."""
    restored: bool
    """Whether those gave the network that was broken."""
    clean: bool


def broken(
    seed: int, most: int = 1, among: Callable[[], Sequence[Shipped]] = specs, kinds: Iterable[str] = KINDS
) -> Broken | None:
    """A shipped spec with one mistake, or up to `most`; None where the kinds that were drawn have no place in it."""
    rng = random.Random(seed)
    shipped = rng.choice(among())
    wrong, done = shipped.text, list[str]()
    for kind in rng.sample(sorted(kinds), rng.randint(1, most)):
        made = KINDS[kind](wrong, rng)
        if made is not None and made != wrong:
            wrong, done = made, [*done, kind]
    if not done or wrong == shipped.text or not check(wrong, mends=False):
        return None
    return Broken(shipped, tuple(done), wrong)


def check(text: str, *, mends: bool = True) -> list[Diagnostic]:
    """The findings about a text, with their mends proven or as they suggest themselves."""
    found = _found(text)
    return check_source(*decode(text.encode(), "spec.yaml")) if mends and found else [*found]


@lru_cache(maxsize=16)  # what a mend makes of a text is asked for by several
def _found(text: str) -> tuple[Diagnostic, ...]:
    return tuple(check_source(*decode(text.encode(), "spec.yaml"), mends=False))


def apply(text: str, fix: Fix) -> str:
    """The text after a mend: written for the tests, with lines and columns alone."""
    lines = text.split("\n")
    for edit in sorted(fix.edits, key=lambda edit: edit.span, reverse=True):
        span = edit.span
        head, tail = lines[span.line - 1][: span.column - 1], lines[span.end_line - 1][span.end_column - 1 :]
        lines[span.line - 1 : span.end_line] = (head + edit.text + tail).split("\n")
    return "\n".join(lines)


def faults_of(text: str, found: list[Diagnostic], single: bool) -> list[str]:
    """The mends of a text that do not mend: the finding stays, or the number of errors does not fall. With a single
    mistake nothing may be left."""
    faults: list[str] = []
    for d in found:
        if d.fix is None:
            continue
        after = check(apply(text, d.fix), mends=False)
        same = [x for x in after if x.code == d.code and x.message == d.message and x.severity == "error"]
        left = [x for x in after if x.severity == "error"]
        if len(same) >= len([x for x in found if x.code == d.code and x.message == d.message]):
            faults.append(f"{d.code}: {d.fix.title}: still there")
        elif single and len(found) == 1 and left:
            faults.append(f"{d.code}: {d.fix.title}: brings {left[0].code} {left[0].message}")
    return faults


def outcome(case: Broken) -> Outcome:
    """What netspec makes of a broken spec."""
    found = check(case.wrong)
    source, _ = decode(case.wrong.encode(), "spec.yaml")
    made = repaired(source, found, check)
    clean = not any(d.severity == "error" for d in made.left)
    net = net_of(made.text) if clean else None
    restored = net is not None and same_network(net, case.shipped.net)
    return Outcome(
        case.shipped.name,
        case.kinds,
        any(d.fix is not None for d in found),
        tuple(faults_of(case.wrong, found, len(case.kinds) == 1)),
        len(made.mends),
        restored,
        clean,
    )


def same_network(a: netspec.Net, b: netspec.Net) -> bool:
    """Whether two nets are the same up to names: the same layers, those that are one module in the same places."""

    def said(net: netspec.Net) -> list[object]:
        first: dict[str, int] = {}
        return [(first.setdefault(x.path, i), x.call, x.input, x.output) for i, x in enumerate(net.layers)]

    return said(a) == said(b)


def tried(job: tuple[int, int]) -> Outcome | None:
    """The outcome of a seed, with up to so many mistakes."""
    case = broken(*job)
    return None if case is None else outcome(case)
