"""Another real editor shows what the server says, configured as the documents say: see `tests/lsp/neovim.py`."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("pygls", reason="the language server is an extra")

from tests.commands import ROOT
from tests.lsp.neovim import configuration, found


def test_the_documents_have_a_configuration() -> None:
    assert 'vim.lsp.config("netspec"' in configuration()


@pytest.mark.slow
@pytest.mark.skipif(found() is None, reason="needs Neovim: `python -m tests.lsp.neovim` installs it")
def test_neovim_shows_hints_hover_fixes_completions_signatures_and_renames() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lsp.neovim"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("as it should be") == 6
