"""docs/tutorial.ipynb in a real kernel, in an empty directory: every cell runs, and says what the page says."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs_torch
ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("NETSPEC_DATA", ROOT / "data"))


def said(cell: Any) -> str:
    """What a cell has printed, without colours, and with the ends of lines that a file has."""
    text = "".join(output["text"] for output in cell.outputs if output.output_type == "stream")
    return "\n".join(line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", text).replace("\r", "").splitlines())


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "FashionMNIST").is_dir(), reason="needs Fashion-MNIST under $NETSPEC_DATA")
def test_the_notebook_runs_and_every_command_says_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("NETSPEC_DATA", str(DATA.resolve()))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "100")  # of a kernel, which is a terminal; the page has the lines of a pipe
    book = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    nbformat.validate(book)
    stored = [said(cell) if cell.cell_type == "code" else "" for cell in book.cells]
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source = "epochs = 1"
    NotebookClient(book, timeout=600, startup_timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for cell, expected in zip(book.cells, stored, strict=True):
        if cell.cell_type != "code":
            continue
        assert not [output for output in cell.outputs if output.output_type == "error"]
        if "recorded" not in cell.metadata.get("tags", ()):
            assert not expected or said(cell) == expected
    (verified,) = (cell for cell in book.cells if "--verify" in cell.source and cell.cell_type == "code")
    assert "21 layers, 46,764,746 parameters agree" in said(verified)
    (trained,) = (cell for cell in book.cells if "netspec.train(net)" in cell.source)
    assert re.search(r"^loss \d\.\d+, train acc", said(trained), re.MULTILINE)
    (drawn,) = (cell for cell in book.cells if "SVG(" in cell.source)
    assert any("image/svg+xml" in output.get("data", {}) for output in drawn.outputs)


def test_the_first_cell_says_what_to_upload_where_there_is_no_netspec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    import nbformat
    from IPython.core.inputtransformer2 import TransformerManager

    book = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    first = next(cell for cell in book.cells if cell.cell_type == "code")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="upload netspec_compiler"):
        exec(TransformerManager().transform_cell(first.source), {})
