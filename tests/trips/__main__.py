"""Build each of netspec's own specs, import the module, and say whether it comes back.

    python -m tests.trips                  # all specs of at most 50 million parameters, the small ones first
    python -m tests.trips lenet d2l/vit    # these
    python -m tests.trips --limit 3        # those of at most 3 million
    python -m tests.trips --fast           # one run in eval mode, without a proof, where there are no `aux` heads
    python -m tests.trips --emitted        # by way of the Python file that netspec writes, in the place of `build`
    python -m tests.trips language/qwen2 --set length=64   # with shorter texts, or fewer layers
    python -m tests.trips --specs DIR      # and keep what is written

For each spec a line: `same expand` where `netspec expand` says the same of both (names of values, initialisers and the
recipe apart, which a module has not), `same layers` where `netspec compare` finds no difference, else the first
difference, or why the module is refused. Exits with status 1 if one crashed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import torch
import yaml

from netspec.cli.shipped import shipped, specs
from tests.trips.trip import Trip, has_heads, is_small, loaded, trip


def main(arguments: list[str]) -> int:
    """Go there and back, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.trips")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--limit", type=float, default=50)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--emitted", action="store_true")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--specs", type=Path)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    files = {name: shipped(name) for name in given.names} or specs()
    settings = {key: yaml.safe_load(value) for key, _, value in (each.partition("=") for each in given.set)}
    nets = sorted(
        ((name, loaded(file, settings)) for name, file in files.items()), key=lambda pair: _size(pair[1].params)
    )
    counts: Counter[str] = Counter()
    folder = Path(tempfile.mkdtemp()) if given.emitted else None
    for name, net in nets:
        began = time.process_time()
        small = is_small(net, given.limit)
        proves = not given.fast or has_heads(net)
        found = trip(net, is_verified=proves, folder=folder) if small else Trip("apart", f"{net.params} parameters")
        counts[found.kind] += 1
        seconds = time.process_time() - began
        print(f"{name}: {found.kind}{f', {found.told}' if found.told else ''} ({seconds:.0f} s)", flush=True)
        if given.specs is not None and found.text is not None:
            given.specs.mkdir(parents=True, exist_ok=True)
            (given.specs / f"{name.replace('/', '_')}.yaml").write_text(found.text, encoding="utf-8")
    for kind, count in counts.most_common():
        print(f"{count:5} of {counts.total()} {kind}")
    return 1 if counts["crashed"] else 0


def _size(params: object) -> float:
    return float(params) if isinstance(params, int) else float("inf")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
