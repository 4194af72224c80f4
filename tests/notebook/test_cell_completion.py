"""What IPython completes in a cell of `%%netspec`: what fits the place, and in other cells what it always does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT

pytest.importorskip("IPython.core.completer", reason="IPython is not installed")
pytest.importorskip("lsprotocol", reason="pygls is not installed")

CELLS = {
    "%%netspec\ninput: [4]\nlayers:\n  - Lin|\n": ["Linear"],
    "%%netspec x --set a=3\ninput: [4]\nlayers:\n  - Conv2d: {out|}\n": ["out_channels"],
    "%%netspec\ninput: [4]\nblocks:\n  head(n): [Linear: n]\nlayers:\n  - he|\n": ["head"],
    "%%netspec\ninput: [4]\nlayers: [Linear: 3]\ntrain:\n  opt|\n": ["optimizer"],
    "%%netspec\ninput: [4]\nlayers: [Linear: 3]\ntrain:\n  data: '\N{GRINNING FACE}'\n  loss: NLL|\n": ["NLLLoss"],
    "%%netspec --va|\ninput: [4]\n": ["--variant"],
    "%%netspec net --s|\ninput: [4]\n": ["--set"],
    "%%netspec va|\ninput: [4]\n": [],
    "netspec.loads|": ["loads"],
    "text = '''\nlayers:\n  - Conv2|\n'''": [],
}

PROGRAM = """
import json, sys
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("import netspec")
shell.run_cell("%reload_ext netspec")  # registers nothing twice
found = []
for cell in json.loads(sys.argv[1]):
    at, text = cell.index("|"), cell.replace("|", "")
    with provisionalcompleter():
        made = list(shell.Completer.completions(text, at))
    found.append([text[:c.start] + c.text + text[c.end:] for c in made])
print(json.dumps(found))
"""


@pytest.mark.slow
def test_a_cell_is_completed_as_an_editor_would(tmp_path: Path) -> None:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), "IPYTHONDIR": str(tmp_path),
    }  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(list(CELLS))], env=environment, capture_output=True,
        encoding="utf-8", check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    for (cell, offered), texts in zip(CELLS.items(), json.loads(run.stdout.splitlines()[-1]), strict=True):
        before, _, after = cell.partition("|")
        typed = before[max(before.rfind(sign) for sign in " {.") + 1 :]
        assert texts == [before.removesuffix(typed) + word + after for word in offered], cell
