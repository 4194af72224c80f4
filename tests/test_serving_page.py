"""docs/serving.md, followed word by word."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch  # noqa: F401  # what its commands need
from PIL import Image

from netspec.cli.export import command
from tests.followed import Page, run

pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")

PAGE = Page("serving")


def test_the_page_has_what_is_followed_here() -> None:
    assert list(PAGE.files) == ["shoes.yaml", "serve.py", "ask.py"]
    assert len(PAGE.commands) == 4 and len(PAGE.programs) == 1 and len(PAGE.printed) == 1


@pytest.mark.slow
def test_the_file_says_of_a_picture_what_the_run_says(tmp_path: Path) -> None:
    PAGE.write(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "shoe.png")
    done = [run(tmp_path, "-m", *line.split()) for line in PAGE.commands]
    assert [each.returncode for each in done] == [0, 0, 0, 0], [each.stderr for each in done]

    def without_figures(text: str) -> str:
        return re.sub(r"[\d.]+ KiB|\d\.\de-\d+|onnxruntime [\d.]+", "", text)

    assert without_figures(done[1].stdout) == without_figures(PAGE.printed[0])
    served = run(tmp_path, "serve.py", "shoes.onnx", "shoe.png")
    assert served.returncode == 0, served.stderr
    assert served.stdout == done[2].stdout
    asked = run(tmp_path, "ask.py", "shoe.png")
    assert asked.returncode == 0, asked.stderr
    likeliest, share = asked.stdout.split(": ")
    assert f": {likeliest} {share.strip()}" in served.stdout
    program = run(tmp_path, "-c", PAGE.programs[0] + "print(tuple(scores.shape))")
    assert program.returncode == 0, program.stderr
    assert program.stdout.splitlines()[-1] == "(5, 10)"


def test_the_page_names_every_option() -> None:
    options = [
        o
        for p in command.params
        if not getattr(p, "hidden", False)
        for o in (*p.opts, *p.secondary_opts)
        if o.startswith("--")
    ]
    own = set(options) - {"--output", "--plugin"}
    assert {option for option in own if f"{option}" not in PAGE.text} == set()
