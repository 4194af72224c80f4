"""`python -m tests.schema [N]`: of N random mistakes (3,000) those of form, and which of them the schema admits."""

from __future__ import annotations

import sys

from tests.schema.held import shares


def main() -> int:
    number, admitted = shares(range(int(sys.argv[1]) if len(sys.argv) > 1 else 3000))
    missed = sum(map(len, admitted.values()))
    for code, places in admitted.items():
        print(f"{code}: {len(places)} admitted: {'; '.join(places[:5])}")
    print(f"{number} mistakes of form, {number - missed} refused ({(number - missed) / number:.1%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
