"""The table of all that is shipped in `specs/`: each spec, each of its variants, and by what it is held.

It is made of what the tests read, too, so that no reference is written twice: torchvision's classifiers, the sizes of
`published.py` with timm's names, transformers' and diffusers' models of `libraries.py`, and the tests that call `agree`
with a module written by hand, which the command calls as pytest does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import netspec
from tests.zoo import agreement, libraries, macs, proof
from tests.zoo.agreement import SPECS, Apart, Found, Unasked
from tests.zoo.published import SIZES

HERE = Path(__file__).parent
OWN = {"test_agreement", "test_page", "test_macs", "test_published", "test_torchvision", "test_libraries"}
"""Tests that read this table, or what it is made of."""


class Job(NamedTuple):
    """What is proven in one go: the network, or the test of several; the proof; the library that it needs, or none."""

    title: str
    prove: Callable[[], list[Found]]
    library: str = ""

    @property
    def missing(self) -> bool:
        return bool(self.library) and not libraries.installed(self.library)


def shipped() -> list[tuple[str, str | None]]:
    """Every spec and each of its variants."""
    found: list[tuple[str, str | None]] = []
    for path in sorted(SPECS.rglob("*.yaml")):
        spec = path.relative_to(SPECS).with_suffix("").as_posix()
        variants = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader).get("variants") or [None]
        found += [(spec, variant) for variant in variants]
    return found


def size_of(spec: str, variant: str | None) -> Found:
    """A network at its own size: the published parameters, and what torch counts in the module that is built of it."""
    net = netspec.load(SPECS / f"{spec}.yaml", variant=variant)
    published = [row for row in SIZES if (row.spec, row.variant) == (spec, variant)]
    wrong = [row for row in published if row.params != net.params]
    said = [f"{row.source} has {row.params:,} parameters, the net {net.params:,}" for row in wrong]
    said += macs.differing(net)
    reference = published[0].source if published else "the module that is built of it"
    return Found(spec, variant, reference, None, net.params, net.macs, False, "", [], said)  # type: ignore[arg-type]


def of_torchvision(name: str) -> Found:
    """One of torchvision's classifiers: outputs to the bit, calls in training, initial weights, counts, `--verify`."""
    net = proof.spec_of(name)
    with proof.no_initialisers():
        module = proof.reference(name)
    said = proof.differences(name)
    if net.params != (params := sum(parameter.numel() for parameter in module.parameters())):
        said.append(f"torchvision's has {params:,} parameters, the net {net.params:,}")
    if (others := macs.counted(module, macs.without_data(net))) != net.macs:
        said.append(f"torch counts {others:,} multiply-accumulates in torchvision's, the net says {net.macs:,}")
    size = {"input": [3, proof.size_of(name), proof.size_of(name)]}
    with proof.no_initialisers():
        said += map(str, netspec.verify(proof.spec_of(name, size=proof.size_of(name))).disagreements)
    spec, variant = proof.place_of(name)
    return Found(spec, variant, f"torchvision: {name}", size, net.params, net.macs, True, Apart().said(), [], said)  # type: ignore[arg-type]


def _one(prove: Callable[..., Found], *given: Any) -> list[Found]:
    return [prove(*given)]


def of_network(spec: str, variant: str | None) -> Iterator[Job]:
    """All that holds one network by itself."""
    title = f"{spec} {variant or ''}".rstrip()
    yield Job(title, partial(_one, size_of, spec, variant))
    if spec.startswith("torchvision/"):
        yield Job(title, partial(_one, of_torchvision, proof.name_of(spec, variant)))
    for row in SIZES:
        if (row.spec, row.variant) == (spec, variant) and row.source.startswith("timm:"):
            yield Job(title, partial(_one, libraries.whole_of_timm, row), "timm")
            if row.pixels:
                yield Job(title, partial(_one, libraries.small_of_timm, row), "timm")
    for model in libraries.MODELS:
        if (model.spec, model.variant) == (spec, variant):
            yield Job(title, partial(_one, libraries.whole_of_hugging_face, model), libraries.library_of(model))
            if model.small is not None:
                yield Job(title, partial(_one, libraries.small_of_hugging_face, model), libraries.library_of(model))


def by_hand(specs: frozenset[str] = frozenset()) -> Iterator[Job]:
    """The tests that bring a module of their own, each a job. `specs`: those to be compared, all if empty."""
    for number, (function, _) in enumerate(_tests()):
        yield Job(f"{function.__module__}:{function.__name__}", partial(_called, number, specs))


@cache
def counts(spec: str, variant: str | None) -> tuple[int, int]:
    """Parameters and multiply-accumulates of a network at its own size."""
    net = netspec.load(SPECS / f"{spec}.yaml", variant=variant)
    return net.params, net.macs  # type: ignore[return-value]


@cache
def compared_by_hand() -> frozenset[str]:
    """The specs that these tests come to, each by its first: their modules are made, without values, and no more."""
    found: set[str] = set()
    with proof.no_initialisers():
        for function, given in _tests():
            # without values, what a test asserts beside it does not hold
            with agreement.noting(frozenset({""})), suppress(pytest.skip.Exception, AssertionError):
                try:
                    function(**given)
                except Unasked as unasked:
                    found.add(str(unasked))
    return frozenset(found)


def _called(number: int, specs: frozenset[str]) -> list[Found]:
    """What `agree` finds in one test; what the test asserts beside it must hold, too."""
    function, given = _tests()[number]
    # a test with a module of another library is skipped where that is missing
    with agreement.noting(specs) as found, suppress(Unasked, pytest.skip.Exception):
        function(**given)
    return found


@cache
def _tests() -> list[tuple[Callable[..., None], dict[str, Any]]]:
    """Every test beside this file that needs no fixture, once for each of its parameters."""
    found: list[tuple[Callable[..., None], dict[str, Any]]] = []
    for path in sorted(HERE.glob("test_*.py")):
        module = f"tests.zoo.{path.stem}"
        if path.stem in OWN:
            continue
        for name, function in vars(import_module(module)).items():
            if name.startswith("test_") and inspect.isfunction(function) and function.__module__ == module:
                wanted = inspect.signature(function).parameters.keys()
                found += [(function, given) for given in _parametrized(function) if given.keys() == wanted]
    return found


def _parametrized(function: Callable[..., None]) -> list[dict[str, Any]]:
    """The arguments of each call that pytest makes of a test, by its marks."""
    axes: list[list[dict[str, Any]]] = []
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "parametrize":
            names, values = mark.args[:2]
            keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
            rows = [(value,) if len(keys) == 1 else tuple(value) for value in values]
            axes.append([dict(zip(keys, row, strict=True)) for row in rows])
    return [{key: value for part in parts for key, value in part.items()} for parts in product(*axes)]
