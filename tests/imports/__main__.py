"""Import the networks of a library, each held against its module, and print a table.

    python -m tests.imports torchvision [NAME…]     # all of its classification networks, or these
    python -m tests.imports torchvision --specs DIR  # and keep what is written
    python -m tests.imports segmentation             # of `torchvision.models.segmentation`; so `video`, `quantization`
    python -m tests.imports smp                      # the networks of segmentation-models-pytorch, on small encoders
    python -m tests.imports timm                     # a third of its architectures, drawn by the seed in drawn.py
    python -m tests.imports transformers             # its families, with small configurations
    python -m tests.imports packages                 # the networks of sixteen others
    python -m tests.imports timm --limit 60          # those of at most 60 million parameters; the others are `apart`
    python -m tests.imports timm --fast              # in a few seconds each: what is written, without a proof
    python -m tests.imports timm --keep FILE         # what became of each goes into a file, and is not tried again

The small ones come first. Exits with status 1 if a network was imported wrongly: netspec would have written another
network than the module.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch

from tests.imports.corpus import Corpus, Outcome, imported, millions
from tests.imports.libraries import LIBRARIES


def main(arguments: list[str]) -> int:
    """Import and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.imports")
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--limit", type=float, default=400)
    parser.add_argument("--specs", type=Path)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    known = _kept(given.keep)
    corpus = LIBRARIES[given.library]
    wanted = [name for name in given.names or corpus.names() if name not in known]
    for name, size in _by_size(corpus, wanted):
        began = time.process_time()
        outcome = (
            imported(corpus, name, proves=not given.fast)
            if size <= given.limit
            else Outcome("apart", f"{size:.0f} million parameters")
        )
        line = f"{name}: {outcome.kind}, {outcome.told} ({time.process_time() - began:.0f} s)"
        print(line, flush=True)
        known[name] = outcome.kind
        if given.keep is not None and not given.fast and outcome.kind not in ("apart", "not made"):
            with given.keep.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        if given.specs is not None and outcome.text is not None:
            given.specs.mkdir(parents=True, exist_ok=True)
            (given.specs / f"{name}.yaml").write_text(outcome.text, encoding="utf-8")
    counts = Counter(known.values())
    for kind, count in counts.most_common():
        print(f"{count:5} of {counts.total()} {kind}")
    return 1 if counts["wrong"] or counts["crashed"] else 0


def _kept(file: Path | None) -> dict[str, str]:
    """What became of the networks that a file has."""
    if file is None or not file.exists():
        return {}
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {name: rest.partition(",")[0] for name, _, rest in (line.partition(": ") for line in lines)}


def _by_size(corpus: Corpus, names: Iterable[str]) -> list[tuple[str, float]]:
    """The networks with their millions of parameters, the small ones first; 0 where a library's are all small."""
    if not corpus.is_sorted:
        return [(name, 0) for name in names]
    sizes = {name: millions(corpus, name) for name in names}
    return sorted(sizes.items(), key=lambda pair: pair[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
