"""Proves all of `specs/`: each network against its reference, and what is counted against what torch counts.

    python -m tests.zoo [NAME …] [--jobs 2] [--write]

NAME is a spec (`vision/cait`, `cait`) or a variant (`cait_s24`). A line for each network, and for each that a test
compares at a small size, and a sum; status 1 if anything differs. `docs/zoo.md` says what is compared; `--write`
writes it.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from typing import NamedTuple

import pytest
import torch

from tests.zoo import families, page
from tests.zoo.agreement import Found
from tests.zoo.families import Job

LIBRARIES = ("timm", "transformers", "diffusers")


class Result(NamedTuple):
    """What was found in one go."""

    title: str
    found: list[Found]
    complaints: list[str]
    missing: list[str]
    seconds: float


def prove(title: str, jobs: list[Job]) -> Result:
    """All that holds one network, or one test of several, on one thread."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    found: list[Found] = []
    complaints: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other libraries warn of themselves
        warnings.simplefilter("error", UserWarning)  # but not netspec
        for job in jobs:
            if not job.missing:
                try:
                    found += job.prove()
                # whatever a test or a library raises is a difference
                except (Exception, pytest.fail.Exception) as error:
                    complaints.append("".join(traceback.format_exception_only(error)).strip())
    complaints += [complaint for each in found for complaint in each.complaints]
    missing = list(dict.fromkeys(job.library for job in jobs if job.missing))
    return Result(title, found, complaints, missing, time.perf_counter() - start)


def asked(names: list[str]) -> list[tuple[str, str | None]]:
    """The networks that names stand for: specs with all their variants, variants alone.

    Raises:
        LookupError: there is no such spec or variant.
    """
    all_of_them = families.shipped()
    found: list[tuple[str, str | None]] = []
    for name in names:
        fitting = [(s, v) for s, v in all_of_them if name in (s, s.rpartition("/")[2], v)]
        if not fitting:
            raise LookupError(f"no spec and no variant is called {name}")
        found += fitting
    return list(dict.fromkeys(found)) or all_of_them


def lines_of(result: Result) -> Iterator[str]:
    """A network with all that holds it, or each network of a test."""
    verdict = "equal" if not result.complaints else "DIFFERS"
    if result.missing:
        verdict += f"; {', '.join(result.missing)} not installed: held by size only"
    whole = {each[:2]: each for each in reversed(result.found) if not each.size}
    for each in whole.values() or result.found:
        same = [other for other in result.found if other.spec == each.spec]
        how = ", ".join(dict.fromkeys(other.reference for other in same))
        at = [f", outputs at {page.size_text(other.size)}" for other in same if other.outputs]
        name = f"{each.spec} {each.variant or ''}"
        numbers = f"{each.params:>13,} parameters {each.macs:>17,} MACs {result.seconds:6.1f} s"
        yield f"{name:<44} {numbers}  {verdict}: {how}{''.join(at[:1])}"
    if not result.found and result.complaints:
        yield f"{result.title}: {verdict}"
    yield from (f"    {complaint}" for complaint in result.complaints[:3])
    if len(result.complaints) > 3:
        yield f"    and {len(result.complaints) - 3} more"


def main() -> int:
    """Print what was found; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="specs or variants; all if none is named")
    parser.add_argument("--jobs", type=int, default=2, help="processes, one thread each (2)")
    parser.add_argument("--write", action="store_true", help="bring docs/zoo.md up to date, unless anything differs")
    given = parser.parse_args()
    try:
        networks = asked(given.names)
        if given.write:  # a spec's rows are written together
            networks = asked(sorted({spec for spec, _ in networks}))
    except LookupError as error:
        parser.error(str(error.args[0]))
    start = time.perf_counter()
    results: list[Result] = []
    with ProcessPoolExecutor(given.jobs) as pool:
        for result in pool.map(prove, *zip(*tasks_of(networks, some=bool(given.names)), strict=True)):
            results.append(result)
            for line in lines_of(result):
                print(line, flush=True)
    took = Took(given.jobs, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime)
    wrong = sum(bool(result.complaints) for result in results)
    compared = sum(each.outputs for result in results for each in result.found)
    missing = sorted({library for result in results for library in result.missing})
    print(
        f"{len(networks)} networks, {compared} comparisons of outputs, {wrong} different, in {took.seconds:.0f} s, "
        f"of the processors {took.processor:.0f} s" + (f"; not installed: {', '.join(missing)}" if missing else "")
    )
    if given.write and not wrong and not missing:
        write(results, "" if given.names else took.said())
    elif given.write:
        print("docs/zoo.md stays as it is: all libraries are needed, and nothing may differ")
    return int(wrong > 0)


def tasks_of(networks: list[tuple[str, str | None]], *, some: bool) -> Iterator[tuple[str, list[Job]]]:
    """Each network with all that holds it by itself, then each test with a module of its own."""
    for spec, variant in networks:
        yield f"{spec} {variant or ''}".rstrip(), list(families.of_network(spec, variant))
    for job in families.by_hand(frozenset(spec for spec, _ in networks) if some else frozenset()):
        yield job.title, [job]


class Took(NamedTuple):
    """What a run took: processes, seconds of the clock and of the processors."""

    jobs: int
    seconds: float
    processor: float

    def said(self) -> str:
        """In words, for the page."""
        names = "torch", "torchvision", *LIBRARIES
        releases = ", ".join(f"{name} {version(name).partition('+')[0]}" for name in names)
        return (
            f"The last whole run took {self.processor / 60:.0f} minutes of the processors, and {self.seconds / 60:.0f} "
            f"of the clock,\nwith `--jobs {self.jobs}` on two cores that others used, too. It had {releases}."
        )


def write(results: list[Result], last: str) -> None:
    """Put what was found into the page; without `last`, which is of a whole run, the rows of other specs stay."""
    found = [each for result in results for each in result.found]
    rows = page.output_rows(found)
    if not last:
        text = page.PAGE.read_text(encoding="utf-8")
        specs = {f"`{each.spec}`" for each in found}
        rows = sorted({*rows, *(row for row in page.rows_of(text)[0] if row.spec not in specs)})
        last = page.last_of(text)
    page.PAGE.write_text(page.written(rows, last), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
