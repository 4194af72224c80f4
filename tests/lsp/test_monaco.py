"""A real editor shows what the server says: see `tests/lsp/monaco.py`."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("pygls", reason="the language server is an extra")

from tests.browser import CHROMIUM, MISSING
from tests.commands import ROOT
from tests.lsp.monaco import PLACE, SCENES


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
@pytest.mark.skipif(
    not (PLACE / "node_modules").is_dir(), reason="needs `python -m tests.lsp.monaco` once, which installs Monaco"
)
def test_monaco_shows_hints_hover_fixes_completions_signatures_and_renames() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lsp.monaco"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("as it should be") == len(SCENES)
