"""Every public name has an example that runs."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import pytest
import torch  # pyright: ignore[reportUnusedImport]  # noqa: F401  # the examples build and train

import netspec
from netspec.compiler import check_source
from netspec.diagnostics import UsageError
from netspec.text.source import decode

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.parametrize("name", netspec.__all__)
def test_its_example_runs_and_says_what_it_shows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`folder` is a directory for what is written."""
    monkeypatch.chdir(ROOT)
    text = inspect.getdoc(getattr(netspec, name)) or ""
    names = {"netspec": netspec, "folder": tmp_path, "__name__": "__main__"}
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    said: list[str] = []
    outcome = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert "".join(said) == ""
    assert outcome.attempted > 0


@pytest.mark.parametrize(
    "text", ["{input: [784], layers: [Linaer: 10]}", "layers: [", "", "input: [4]\nlayers: [ReLU]\n"]
)
def test_the_text_of_an_editor_is_checked_in_the_place_of_the_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("input: [4]\nlayers: [Linear: 2]\n", encoding="utf-8")
    expected = check_source(*decode(text.encode(), str(file)))
    assert netspec.check(file, text) == expected
    assert netspec.check(tmp_path / "nowhere" / "net.yaml", text, notes=True) == check_source(
        *decode(text.encode(), str(tmp_path / "nowhere" / "net.yaml")), notes=True
    )


def test_a_text_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="compiling wants a text, the spec, but here is 3"):
        netspec.check("a.yaml", 3)  # type: ignore[arg-type]  # to be refused
    with pytest.raises(UsageError, match="`path` as a text"):
        netspec.check(None, "layers: []")  # type: ignore[arg-type]  # likewise
