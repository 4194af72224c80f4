"""docs/notebooks.md: its cells run in a real kernel, and say what the page says."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.commands import ROOT

nbformat: Any = pytest.importorskip("nbformat", reason="nbclient is not installed")
nbclient: Any = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")
pytest.importorskip("torch")

PAGE = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
COLOR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.slow
def test_the_cells_of_the_page_run_and_show_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(python|text)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    cells = [text.rstrip("\n") for kind, text in blocks if kind == "python"]
    said = {at: text for at, (kind, text) in enumerate(blocks) if kind == "text"}
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    client = nbclient.NotebookClient(
        book, timeout=600, startup_timeout=300, kernel_name="python3", allow_errors=True,
        resources={"metadata": {"path": str(tmp_path)}},
    )  # fmt: skip
    client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    outputs = [cell.outputs for cell in book.cells]
    errors = [COLOR.sub("", "\n".join(o["traceback"])) for cell in outputs for o in cell if o["output_type"] == "error"]
    assert len(errors) == len(said) == 1
    assert errors[0].startswith(next(iter(said.values())))
    assert all(cell for cell in outputs)
