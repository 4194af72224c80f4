"""`docs/study/results.json`: every figure of the study, a line for each row, so that measuring one anew changes one.

A row is found by its part and its key. It holds the command that measured it, the seed, how many pictures it saw, the
versions that it ran with, and what was found.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = Path(__file__).with_name("results.json")
FORMAT = "netspec.study/1"

Row = dict[str, Any]


class Results:
    """The rows of all parts, in the order in which they were first measured."""

    def __init__(self, file: Path = FILE) -> None:
        self.file = file
        self.parts: dict[str, dict[str, Row]] = {}
        if file.exists():
            read = json.loads(file.read_text(encoding="utf-8"))
            if read.pop("format") != FORMAT:
                raise SystemExit(f"{file} is not of the format {FORMAT}: remove it, and measure anew")
            self.parts = read

    def part(self, name: str) -> dict[str, Row]:
        """The rows of a part by key; empty if none is measured."""
        return self.parts.get(name, {})

    def put(self, part: str, key: str, row: Row) -> None:
        """Keep a row and write the file, so that an interrupted study goes on where it was."""
        self.parts.setdefault(part, {})[key] = row
        self.write()

    def write(self) -> None:
        """Write the file whole or not at all."""
        temporary = self.file.with_suffix(".writing")
        temporary.write_text(self.text(), encoding="utf-8")
        temporary.replace(self.file)

    def text(self) -> str:
        """The text of the file."""
        lines = [f'{{\n"format": {json.dumps(FORMAT)}']
        for part, rows in self.parts.items():
            listed = ",\n".join(f" {json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
            lines.append(f"{json.dumps(part)}: {{\n{listed}\n}}")
        return ",\n".join(lines) + "\n}\n"


def versions(*distributions: str) -> dict[str, str]:
    """What a row was measured with: Python, and the distributions named."""
    return {"python": platform.python_version()} | {name: version(name) for name in distributions}
