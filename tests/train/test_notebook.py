"""What a person sees in a notebook, in a real kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.train.small_runs import PLAIN

CELL = """
import netspec
from netspec.trainer.show import notebook
from netspec.trainer.show import pace
pace.PER_SECOND = 1e9  # the run is over within a fifth of a second
net = netspec.loads('''SPEC''')
result = netspec.train(net, run=r"RUN")
"""


class Watched(NotebookClient):
    """Keeps every page that the kernel asks to show."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.pages: list[str] = []

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        self.pages.append(msg["content"].get("data", {}).get("text/html", ""))
        return super().process_message(msg, cell, cell_index)


@pytest.mark.slow
def test_a_notebook_shows_one_output_with_a_bar_then_lines_and_curves(tmp_path: Path) -> None:
    text = CELL.replace("SPEC", PLAIN.replace("train: 36", "train: 320")).replace("RUN", str(tmp_path / "run"))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)])
    client = Watched(book, timeout=600, startup_timeout=300, kernel_name="python3")
    client.execute()
    pages = [page for page in client.pages if page]
    assert any("epoch 2/3 <progress value=" in page and "ex/s" in page and "left" in page for page in pages)
    (output,) = book.cells[0].outputs  # drawn anew in place, and nothing else: no warning, no second picture
    page = output["data"]["text/html"]
    assert page.count("examples/s") == 3
    assert "<progress" not in page
    assert '<img alt="loss and accuracy by epoch" src="data:image/svg+xml;base64,' in page
