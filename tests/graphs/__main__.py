"""`python -m tests.graphs [N] [START]`: N random graphs, 100,000 unless another number is given, on every processor."""

from __future__ import annotations

import os
import sys
import time
from multiprocessing import get_context

import torch

from tests.graphs.check import differs


def main() -> int:
    """Check the seeds; 1 if any of them differs."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    start = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    began, wrong = time.monotonic(), 0
    with get_context("spawn").Pool(os.cpu_count(), torch.set_num_threads, (1,)) as pool:
        for found in pool.imap_unordered(differs, range(start, start + number), chunksize=64):
            if found is not None:
                wrong += 1
                print(found, flush=True)
    print(f"{number:,} random graphs in {time.monotonic() - began:.0f} s, {wrong} disagree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
