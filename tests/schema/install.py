"""`python -m tests.schema.install` installs yaml-language-server into `build/`, to test the schema in an editor."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PLACE = Path(__file__).parent.parent.parent / "build" / "yaml-language-server"
VERSION = "1.25.0"
"""Version 2 needs Node 22."""


def server_program() -> list[str] | None:
    """The command that runs the server: what is on the path, or what was installed; None if neither is there."""
    program = shutil.which("yaml-language-server", path=str(PLACE / "node_modules" / ".bin"))
    program = program or shutil.which("yaml-language-server")
    return None if program is None else [program, "--stdio"]


def main() -> int:
    npm = shutil.which("npm")
    if npm is None:
        print("there is no npm: install Node.js first", file=sys.stderr)
        return 1
    PLACE.mkdir(parents=True, exist_ok=True)
    return subprocess.call([npm, "install", "--prefix", str(PLACE), f"yaml-language-server@{VERSION}"])


if __name__ == "__main__":
    sys.exit(main())
