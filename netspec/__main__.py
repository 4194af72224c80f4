"""`python -m netspec` and the console script."""

from __future__ import annotations

import gc
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line.

    The garbage collector rests while modules are imported, which makes no garbage; commands that run for longer than
    an import turn it on again.
    """
    gc.disable()
    from netspec.cli import main as run  # with the collector at rest

    run()


if __name__ == "__main__":
    main()
