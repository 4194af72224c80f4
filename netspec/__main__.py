"""`python -m netspec` and the console script."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line.

    The garbage collector rests while modules are imported, which makes no garbage; commands that run for longer than
    an import turn it on again. A check leaves without taking its modules down one by one: it holds nothing open.
    Pydantic does not look for plugins among all installed packages: they would watch a program's own models.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from netspec.cli import main as run  # with the collector at rest

    try:
        run()
    except SystemExit as end:
        if sys.argv[1:2] == ["check"] and isinstance(end.code, int):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code)
        raise


if __name__ == "__main__":
    main()
