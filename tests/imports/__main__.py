"""Import the networks of a library, each held against its module, and print a table.

    python -m tests.imports torchvision [NAME…]     # all of its classification networks, or these
    python -m tests.imports torchvision --specs DIR  # and keep what is written
    python -m tests.imports segmentation             # of `torchvision.models.segmentation`; so `video`, `quantization`
    python -m tests.imports smp                      # the networks of segmentation-models-pytorch, on small encoders
    python -m tests.imports timm                     # a third of its architectures, drawn by the seed in drawn.py
    python -m tests.imports timm --limit 60          # those of at most 60 million parameters

Exits with status 1 if a network was imported wrongly: netspec would have written another network than the module.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import torch

from tests.imports.corpus import LIBRARIES, Outcome, imported


def main(arguments: list[str]) -> int:
    """Import and print."""
    library, *names = arguments
    limit = 400
    if "--limit" in names:
        at = names.index("--limit")
        limit = int(names[at + 1])
        del names[at : at + 2]
    specs: Path | None = None
    if "--specs" in names:
        at = names.index("--specs")
        specs = Path(names[at + 1])
        specs.mkdir(parents=True, exist_ok=True)
        del names[at : at + 2]
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    corpus = LIBRARIES[library]
    counts: Counter[str] = Counter()
    for name in names or corpus.names():
        began = time.process_time()
        outcome: Outcome = imported(corpus, name, limit)
        counts[outcome.kind] += 1
        print(f"{name}: {outcome.kind}, {outcome.told} ({time.process_time() - began:.0f} s)", flush=True)
        if specs is not None and outcome.text is not None:
            (specs / f"{name}.yaml").write_text(outcome.text, encoding="utf-8")
    total = sum(counts.values())
    for kind, count in counts.most_common():
        print(f"{count:5} of {total} {kind}")
    return 1 if counts["wrong"] or counts["crashed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
