"""`python -m tests.lsp.vscode` builds the extension for VS Code: `build/vscode/netspec.vsix`, which it installs from.

It is built by vsce, which needs Node 22: npm's `node@22` is used where another Node is on the path.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "netspec" / "lsp" / "vscode"
PLACE = ROOT / "build" / "vscode"


def main() -> int:
    npm = shutil.which("npm")
    if npm is None:
        print("there is no npm: install Node.js first", file=sys.stderr)
        return 1
    shutil.rmtree(PLACE, ignore_errors=True)
    shutil.copytree(SOURCE, PLACE)
    shutil.copy(ROOT / "LICENSE", PLACE / "LICENSE")
    node = PLACE.parent / "node22"
    subprocess.run([npm, "install", "--silent", "--prefix", str(node), "node@22"], check=True)
    path = os.pathsep.join([str(node / "node_modules" / "node" / "bin"), os.environ["PATH"]])
    environment = os.environ | {"PATH": path}
    subprocess.run([npm, "install", "--silent"], cwd=PLACE, env=environment, check=True)
    return subprocess.call([npm, "run", "--silent", "package"], cwd=PLACE, env=environment)


if __name__ == "__main__":
    sys.exit(main())
