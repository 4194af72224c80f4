"""Print the oldest admitted release of each dependency as a constraint for pip: `python .ci/floors.py [EXTRA…]`.

The core dependencies are always among them, those of the named extras and of the extras inside them too.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path


def floors(project: dict, extras: list[str]) -> list[str]:
    """`name==floor` of every requirement, in the order of pyproject.toml."""
    found: list[str] = []
    requirements = [*project["dependencies"], *(r for e in extras for r in project["optional-dependencies"][e])]
    for requirement in requirements:
        match = re.fullmatch(r"([\w-]+)(?:\[([\w,-]+)\])?(?:>=([\w.]+)(?:,<[\w.]+)?)?", requirement)
        if match is None or (match[2] is None) == (match[3] is None):
            raise SystemExit(f"pyproject.toml: {requirement!r} states no oldest release: write it as name>=1.0")
        found += (
            [f"{match[1]}=={match[3]}"] if match[3] else floors({**project, "dependencies": []}, match[2].split(","))
        )
    return found


if __name__ == "__main__":
    pyproject = Path(__file__).parent.parent / "pyproject.toml"
    print(*floors(tomllib.loads(pyproject.read_text())["project"], sys.argv[1:]), sep="\n")
