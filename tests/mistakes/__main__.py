"""`python -m tests.mistakes [N] [START] [MOST]`: N random mistakes, 20,000 unless another number is given, up to MOST
(1) in a spec, on every processor; figures by kind."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from multiprocessing import get_context

from tests.mistakes.check import tried


def main() -> int:
    number, start, most = [*map(int, sys.argv[1:]), *(20_000, 0, 1)[len(sys.argv) - 1 :]]
    began = time.monotonic()
    tables: dict[str, Counter[str]] = {}
    faults = 0
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        for made in pool.imap_unordered(tried, ((seed, most) for seed in range(start, start + number)), chunksize=16):
            if made is None:
                continue
            faults += bool(made.faults)
            for kind in made.kinds if most == 1 else ("several",):
                table = tables.setdefault(kind, Counter())
                table["all"] += 1
                table["answered"] += made.answered
                table["certain"] += made.certain > 0
                table["clean"] += made.clean
                table["restored"] += made.restored
                table["other"] += made.clean and not made.restored
            for fault in made.faults:
                print(made.name, made.kinds, fault)
    columns = ("all", "answered", "certain", "clean", "restored")
    print(f"{'kind':26}", *(f"{column:>8}" for column in columns))
    for kind, table in [*sorted(tables.items()), ("all", sum(tables.values(), Counter[str]()))]:
        print(f"{kind:26}", *(f"{table[column]:8}" for column in columns))
    print(f"{faults} with a mend that does not mend, in {time.monotonic() - began:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
