"""`python -m netspec` and the console script."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line.

    Three things shorten the start and the end of a command:

    - The garbage collector is off while modules are imported, since imports make no garbage. Long-running commands
      turn it on again.
    - `check` ends with `os._exit`, without the interpreter's teardown: it has no open files or threads to close.
    - Pydantic does not search all installed packages for plugins. Netspec's models need none.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from netspec.cli import main as run  # imported after gc.disable

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
